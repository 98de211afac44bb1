//! `RawEventRun`: raw elements of pydicom to events, as the innermost loop of `streamdicom.datasets.walker`.

use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList, PyString, PyTuple, PyType};
use streamdicom_scan::handler::{Handler, Values};
use streamdicom_scan::part10::{Encoding, Frame, Place, Repertoire, Scratch, Surroundings, run};
use streamdicom_scan::vr::{Form, Vr};

use crate::encode::{SPECIFIC_CHARACTER_SET, number};
use crate::objects::{Events, with_events};

const ITEM_TAG: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];
const MAX_SEQUENCE: usize = 256 * 1024; // bytes, whose events are made at once
const MAX_DEPTH: usize = 32; // levels of items

const SLOTS: usize = 8 * 1024;

/// A tag, and its VR if it depends on the tag only.
type KnownVrs = Vec<Option<(u32, Option<Vr>)>>;

/// Makes events of raw elements, with the objects of Python that it needs.
#[pyclass(frozen)]
pub struct RawEventRun {
    class: Py<PyType>,
    known_vr: Py<PyAny>,
    max_length: usize,
    memory: Mutex<Option<Box<Memory>>>,
}

/// Memory that runs use one after another. A run takes it, because objects of Python may run any code when they are
/// made or freed, even another run.
#[derive(Default)]
struct Memory {
    scratch: Scratch,
    vrs: KnownVrs,
}

#[pymethods]
impl RawEventRun {
    #[new]
    #[pyo3(signature = (*, kind, known_vr, max_length))]
    fn new(kind: Py<PyType>, known_vr: Py<PyAny>, max_length: usize) -> RawEventRun {
        RawEventRun { class: kind, known_vr, max_length, memory: Mutex::default() }
    }

    /// Append the events of an element and those after it; return the first tag and element that are left to Python.
    fn __call__<'py>(
        &self,
        tag: u32,
        element: Bound<'py, PyAny>,
        elements: &Bound<'py, PyIterator>,
        events: &Bound<'py, PyList>,
    ) -> PyResult<Option<(u32, Bound<'py, PyAny>)>> {
        let lock = || self.memory.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let taken = lock().take();
        let mut memory = taken.unwrap_or_default();
        let (rest, _) = with_events(events, false, |handler| {
            let mut walk = Walk { kit: self, py: events.py(), memory: &mut memory, handler, events };
            let (mut tag, mut element) = (tag, element);
            let mut elements = elements.clone();
            loop {
                if !walk.take(tag, &element)? {
                    return Ok(Some((tag, element)));
                }
                match elements.next() {
                    Some(next) => (tag, element) = next?.extract()?,
                    None => return Ok(None),
                }
            }
        })?;
        *lock() = Some(memory);
        rest
    }
}

struct Walk<'a, 'b, 'py> {
    kit: &'a RawEventRun,
    py: Python<'py>,
    memory: &'a mut Memory,
    handler: &'a mut Events<'b, 'py>,
    events: &'a Bound<'py, PyList>,
}

impl<'py> Walk<'_, '_, 'py> {
    /// Append the events of an element; return false if it is left to Python.
    #[inline]
    fn take(&mut self, tag: u32, element: &Bound<'py, PyAny>) -> PyResult<bool> {
        if element.get_type_ptr() != self.kit.class.as_ptr().cast() {
            return Ok(false);
        }
        let Ok(fields) = element.cast::<PyTuple>() else { return Ok(false) };
        let name = fields.get_borrowed_item(1)?;
        let vr = match name.cast_exact::<PyString>() {
            Ok(name) => name.to_str()?.as_bytes().try_into().ok().and_then(Vr::of),
            Err(_) if name.is_none() => known_vr(&self.kit.known_vr, &mut self.memory.vrs, tag, self.py),
            Err(_) => None,
        };
        let value = fields.get_borrowed_item(3)?;
        let Some(vr) = vr else { return Ok(false) };
        let bytes = value.cast_exact::<PyBytes>();
        let data = match &bytes {
            Ok(bytes) => bytes.as_bytes(),
            // An empty value; one of another length is still in the file.
            Err(_) if value.is_none() && number(fields, 2) == Some(0) => b"",
            Err(_) => return Ok(false),
        };
        if vr.form() == Form::Sequence {
            return self.sequence(tag, data, fields);
        }
        if data.len() > self.kit.max_length || vr.name() == "UN" {
            return Ok(false);
        }
        if data.is_empty() {
            self.handler.element(tag, vr, Values::None);
            return Ok(true);
        }
        if vr.form() == Form::Binary && data.starts_with(&ITEM_TAG) {
            return Ok(false); // it may be encapsulated
        }
        let is_little_endian = fields.get_borrowed_item(6)?.is_truthy()?;
        let Some(values) = self.memory.scratch.values(vr, data, is_little_endian, || Repertoire::Unknown) else {
            return Ok(false);
        };
        self.handler.element(tag, vr, values);
        Ok(true)
    }

    /// Append the events of a sequence in bytes if all of them are plain.
    fn sequence(&mut self, tag: u32, data: &[u8], fields: &Bound<'py, PyTuple>) -> PyResult<bool> {
        if data.is_empty() || data.len() > MAX_SEQUENCE {
            return Ok(false);
        }
        let encoding = Encoding {
            is_implicit: fields.get_borrowed_item(5)?.is_truthy()?,
            is_little_endian: fields.get_borrowed_item(6)?.is_truthy()?,
        };
        let end = data.len() as i64;
        let around =
            Frame { limit: end, reach: end, end: -1, tag, sequence_end: end, is_public: true, ..Frame::default() };
        let before = self.events.len();
        self.handler.start_sequence(tag);
        let mut frames = vec![around];
        let mut place = Place { pos: 0, is_item_due: true };
        let Memory { scratch, vrs } = &mut *self.memory;
        let mut dictionary = Dictionary { known_vr: &self.kit.known_vr, vrs, py: self.py };
        loop {
            let outer = frames.len() - 1;
            let around = &mut dictionary;
            place = run(data, place, 0, encoding, false, &mut frames, outer, MAX_DEPTH, scratch, around, self.handler);
            let Some(frame) = frames.last_mut().filter(|_| !place.is_item_due) else { break };
            let Some((value, end)) = character_set(data, place.pos, encoding) else { break };
            if frame.last >= i64::from(SPECIFIC_CHARACTER_SET) || end as i64 > frame.limit {
                break;
            }
            frame.last = i64::from(SPECIFIC_CHARACTER_SET);
            place.pos = end;
            self.handler.element(SPECIFIC_CHARACTER_SET, Vr::CS, Values::Text(value));
        }
        let is_whole = place.pos == data.len() && !place.is_item_due && frames.len() == 1;
        if !is_whole {
            self.events.del_slice(before, self.events.len())?;
        }
        Ok(is_whole)
    }
}

/// Return the value of a Specific Character Set, if pydicom takes it as it is, and the index after it.
fn character_set(data: &[u8], pos: usize, encoding: Encoding) -> Option<(&[u8], usize)> {
    let head: &[u8; 8] = data.get(pos..pos + 8)?.try_into().ok()?;
    let length = match (head, encoding.is_implicit) {
        ([8, 0, 5, 0, b'C', b'S', length, 0], false) | ([8, 0, 5, 0, length, 0, 0, 0], true)
            if encoding.is_little_endian =>
        {
            usize::from(*length)
        }
        ([0, 8, 0, 5, b'C', b'S', 0, length], false) if !encoding.is_little_endian => usize::from(*length),
        _ => return None,
    };
    let end = pos + 8 + length;
    let value = data.get(pos + 8..end)?;
    let value = value.strip_suffix(b" ").unwrap_or(value);
    let number = value.strip_prefix(b"ISO_IR ")?;
    let is_known = [&b"100"[..], b"192", b"101", b"109", b"110", b"126", b"127", b"138", b"144", b"148", b"166", b"13"]
        .contains(&number);
    if is_known { Some((value, end)) } else { None }
}

/// Return the VR of an element in implicit VR, if it depends on the tag only.
fn known_vr(look_up: &Py<PyAny>, known: &mut KnownVrs, tag: u32, py: Python<'_>) -> Option<Vr> {
    if known.is_empty() {
        known.resize(SLOTS, None);
    }
    let slot = (tag.wrapping_mul(0x9E37_79B1) >> 16) as usize % SLOTS;
    if let Some((found, vr)) = known[slot]
        && found == tag
    {
        return vr;
    }
    let name = look_up.bind(py).call1((tag,)).ok()?;
    let vr = name.cast::<PyString>().ok()?.to_str().ok()?.as_bytes().try_into().ok().and_then(Vr::of);
    known[slot] = Some((tag, vr));
    vr
}

/// The elements around those of an item, of which only the dictionary is known.
struct Dictionary<'a, 'py> {
    known_vr: &'a Py<PyAny>,
    vrs: &'a mut KnownVrs,
    py: Python<'py>,
}

impl Surroundings for Dictionary<'_, '_> {
    fn vr(&mut self, tag: u32) -> Option<Vr> {
        known_vr(self.known_vr, self.vrs, tag, self.py)
    }

    fn repertoire(&mut self) -> Repertoire {
        Repertoire::Unknown
    }

    fn learn(&mut self, _tag: u32, _vr: Vr, _field: &[u8]) {}

    fn enter(&mut self) {}

    fn exit(&mut self) {}

    fn leave(&mut self) -> Option<(Frame, bool)> {
        None
    }
}
