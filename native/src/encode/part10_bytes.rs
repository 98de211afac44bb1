//! `part10_bytes`: events to the data elements of a DICOM file.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList, PyTuple};
use streamdicom_scan::encode::Field;
use streamdicom_scan::part10::is_short;
use streamdicom_scan::vr::Vr;

use super::{
    ELEMENT, END_ITEM, END_SEQUENCE, SPECIFIC_CHARACTER_SET, START_ITEM, START_SEQUENCE, number, put_values, vr_of,
};
use crate::part10::vr_in_implicit;

const SOP_INSTANCE_UID: i64 = 0x0008_0018;
const PIXEL_REPRESENTATION: u32 = 0x0028_0103;
const VOI_LUT_SEQUENCE: u32 = 0x0028_3010; // which DCMTK does not read in every VR
const PIXEL_DATA: u32 = 0x7FE0_0010;
const MAX_SHORT_LENGTH: usize = 0xFFFE;

const PLACES: usize = 256;
const ITEM_START: [u8; 8] = [0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF];
const ITEM_END: [u8; 8] = [0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0];
const SEQUENCE_END: [u8; 8] = [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0];

/// The function `part10_bytes` for explicit or implicit VR.
#[pyclass(frozen)]
pub struct Part10Bytes {
    is_implicit: bool,
    open_item: Py<PyAny>,
    certain_vr: Py<PyAny>,
}

#[pymethods]
impl Part10Bytes {
    #[new]
    fn new(is_implicit: bool, open_item: Py<PyAny>, certain_vr: Py<PyAny>) -> Part10Bytes {
        Part10Bytes { is_implicit, open_item, certain_vr }
    }

    fn __call__<'py>(
        &self,
        events: &Bound<'py, PyIterator>,
        items: &Bound<'py, PyList>,
        parts: &Bound<'py, PyList>,
        size: usize,
        max_size: usize,
        max_sequences: usize,
    ) -> PyResult<(Option<Bound<'py, PyTuple>>, usize)> {
        let py = events.py();
        let mut writer = Writer {
            is_implicit: self.is_implicit,
            dictionary: Dictionary { certain_vr: self.certain_vr.bind(py).clone(), known: Vec::new() },
            out: Vec::with_capacity(max_size.saturating_sub(size).min(1 << 20) + 1024),
            items: items.iter().map(|item| Item::of(&item)).collect::<PyResult<_>>()?,
            kept: items.len(),
            max_sequences,
        };
        let mut rest = None;
        for event in events.clone() {
            let event = event?;
            let Ok(event) = event.cast_into_exact::<PyTuple>() else {
                // Not reached: the writer gets events only.
                return Err(pyo3::exceptions::PyTypeError::new_err("expected an event, which is a tuple"));
            };
            let start = writer.out.len();
            if !writer.take(&event) {
                writer.out.truncate(start);
                rest = Some(event);
                break;
            }
            if size + writer.out.len() >= max_size {
                break;
            }
        }
        let Writer { out, items: open, kept, .. } = writer;
        if !out.is_empty() {
            parts.append(PyBytes::new(py, &out))?;
        }
        items.set_slice(kept, items.len(), PyList::empty(py).as_any())?;
        for (index, item) in open.iter().enumerate() {
            if index >= kept {
                let outer = items.get_item(index - 1)?;
                let facts = outer.getattr(intern!(py, "facts"))?.getattr(intern!(py, "inherited"))?;
                items.append(self.open_item.bind(py).call1((outer.getattr(intern!(py, "terms"))?, facts))?)?;
            }
            item.write_to(&items.get_item(index)?)?;
        }
        Ok((rest, size + out.len()))
    }
}

/// A data set or an item that is being written, as `OpenItem` in Python.
#[derive(Clone, Copy)]
struct Item {
    last: i64,
    tag: i64,
    items: i64,
    in_sequence: bool,
}

impl Item {
    fn of(item: &Bound<'_, PyAny>) -> PyResult<Item> {
        let py = item.py();
        Ok(Item {
            last: item.getattr(intern!(py, "last"))?.extract()?,
            tag: item.getattr(intern!(py, "tag"))?.extract()?,
            items: item.getattr(intern!(py, "items"))?.extract()?,
            in_sequence: item.getattr(intern!(py, "in_sequence"))?.extract()?,
        })
    }

    fn write_to(&self, item: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = item.py();
        item.setattr(intern!(py, "last"), self.last)?;
        item.setattr(intern!(py, "tag"), self.tag)?;
        item.setattr(intern!(py, "items"), self.items)?;
        item.setattr(intern!(py, "in_sequence"), self.in_sequence)
    }
}

struct Writer<'py> {
    is_implicit: bool,
    dictionary: Dictionary<'py>,
    out: Vec<u8>,
    items: Vec<Item>,
    /// The number of items that were open before and still are.
    kept: usize,
    max_sequences: usize,
}

impl Writer<'_> {
    /// Write an event; return false for one that is left to Python.
    #[inline]
    fn take(&mut self, event: &Bound<'_, PyTuple>) -> bool {
        let Some(kind) = number(event, 0) else { return false };
        let depth = self.items.len();
        let Some(item) = self.items.last_mut() else { return false };
        if item.in_sequence {
            match kind {
                START_ITEM => {
                    item.items += 1;
                    item.in_sequence = false;
                    self.items.push(Item { last: -1, tag: 0, items: 0, in_sequence: false });
                    self.out.extend_from_slice(&ITEM_START);
                }
                END_SEQUENCE if item.last > SOP_INSTANCE_UID || depth > 1 => {
                    item.in_sequence = false;
                    self.out.extend_from_slice(&SEQUENCE_END);
                }
                _ => return false,
            }
            return true;
        }
        match kind {
            ELEMENT => self.element(event),
            END_ITEM if depth > 1 => {
                self.items.pop();
                self.kept = self.kept.min(depth - 1);
                if let Some(item) = self.items.last_mut() {
                    item.in_sequence = true;
                }
                self.out.extend_from_slice(&ITEM_END);
                true
            }
            START_SEQUENCE if depth <= self.max_sequences => {
                let Some(tag) = next_tag(event, item.last) else { return false };
                if self.is_implicit && !self.dictionary.is_read_alone(tag, Vr::SQ) {
                    return false;
                }
                item.last = i64::from(tag);
                item.tag = i64::from(tag);
                item.items = 0;
                item.in_sequence = true;
                put_header(&mut self.out, tag, Vr::SQ, self.is_implicit);
                self.out.extend_from_slice(&[0xFF; 4]);
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn element(&mut self, event: &Bound<'_, PyTuple>) -> bool {
        let Some(item) = self.items.last_mut() else { return false };
        let Some(tag) = next_tag(event, item.last) else { return false };
        let Some(vr) = vr_of(event).filter(|vr| *vr != Vr::SQ) else { return false };
        if matches!(tag, SPECIFIC_CHARACTER_SET | VOI_LUT_SEQUENCE | PIXEL_DATA) {
            return false;
        }
        let Ok(values) = event.get_borrowed_item(3) else { return false };
        let Ok(values) = values.cast_exact::<PyTuple>() else { return false };
        if self.is_implicit && !self.dictionary.is_read_alone(tag, vr) {
            return false; // readers may take the bytes for items, or for values of another VR
        }
        put_header(&mut self.out, tag, vr, self.is_implicit);
        let is_short = is_short(vr) && !self.is_implicit;
        let start = self.out.len() + if is_short { 2 } else { 4 };
        self.out.resize(start, 0);
        let mut length = 0;
        if !values.is_empty() {
            let mut field = Field::new(&mut self.out, vr);
            if !put_values(&mut field, vr, &values) {
                return false;
            }
            length = field.end();
        }
        if is_short {
            if length > MAX_SHORT_LENGTH {
                return false;
            }
            self.out[start - 2..start].copy_from_slice(&(length as u16).to_le_bytes());
        } else {
            let Some(length) = u32::try_from(length).ok().filter(|length| *length != u32::MAX) else { return false };
            self.out[start - 4..start].copy_from_slice(&length.to_le_bytes());
        }
        item.last = i64::from(tag);
        true
    }
}

/// The VRs that readers of implicit VR give public elements; a tag has one place.
struct Dictionary<'py> {
    certain_vr: Bound<'py, PyAny>,
    known: Vec<Option<(u32, Option<Vr>)>>,
}

impl Dictionary<'_> {
    /// Return whether readers take this VR wherever the element stands, or UN, and no other VR depends on it.
    fn is_read_alone(&mut self, tag: u32, vr: Vr) -> bool {
        tag != PIXEL_REPRESENTATION && self.vr(tag).is_some_and(|known| known == vr || known == Vr::UN)
    }

    fn vr(&mut self, tag: u32) -> Option<Vr> {
        if self.known.is_empty() {
            self.known.resize(PLACES, None);
        }
        let place = (tag ^ tag >> 16) as usize % PLACES;
        match self.known[place] {
            Some((known, found)) if known == tag => found,
            _ => {
                let found = vr_in_implicit(&self.certain_vr, tag);
                self.known[place] = Some((tag, found));
                found
            }
        }
    }
}

/// Return the tag of an event if it follows the last one, and every data set may have such an element.
#[inline]
fn next_tag(event: &Bound<'_, PyTuple>, last: i64) -> Option<u32> {
    let tag = u32::try_from(number(event, 1).filter(|tag| *tag > last)?).ok()?;
    let group = tag >> 16;
    if tag & 0xFFFF == 0 || group == 2 || group == 0xFFFE { None } else { Some(tag) }
}

/// Append the header of an element up to its length.
#[inline]
fn put_header(out: &mut Vec<u8>, tag: u32, vr: Vr, is_implicit: bool) {
    out.extend_from_slice(&tag.rotate_left(16).to_le_bytes());
    if !is_implicit {
        out.extend_from_slice(vr.name().as_bytes());
        if !is_short(vr) {
            out.extend_from_slice(&[0, 0]);
        }
    }
}
