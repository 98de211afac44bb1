//! `DatasetFill`: events to the elements and the items of pydicom data sets, as `DatasetBuilder` of Python.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList, PyTuple};
use streamdicom_scan::encode::Field;
use streamdicom_scan::vr::Vr;

use super::frame::Frame;
use super::instances::{Hold, Template};
use super::raws::{Known, RawMaker, may_be_misfit};
use crate::encode::{
    ELEMENT, END_ITEM, END_SEQUENCE, SPECIFIC_CHARACTER_SET, START_ITEM, START_SEQUENCE, number, put_values, vr_of,
};

const END_DATASET: i64 = 2;
const ELEMENT_OVERHEAD: usize = 256;
const FILE_META_GROUP: u32 = 2;

/// The function that fills data sets, with the objects of Python that it needs.
#[pyclass(frozen)]
pub struct DatasetFill {
    dataset: Template,
    sequence: Template,
    element: Template,
    raws: Py<RawMaker>,
    open_dataset: Py<PyAny>,
    add_unencoded: Py<PyAny>,
    encodings: Py<PyAny>,
    settings: Py<PyAny>,
}

type Filled<'py> = (
    Bound<'py, PyAny>,         // the current data set or item
    usize,                     // its size
    u32,                       // the last tag
    Option<Bound<'py, PyAny>>, // a data set that is complete
    Option<Bound<'py, PyAny>>, // an event that is left to Python
    Option<Bound<'py, PyAny>>, // an exception
);

#[pymethods]
impl DatasetFill {
    #[new]
    #[pyo3(signature = (*, dataset, sequence, element, raws, open_dataset, add_unencoded, encodings, settings))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        dataset: &Bound<'_, PyAny>,
        sequence: &Bound<'_, PyAny>,
        element: &Bound<'_, PyAny>,
        raws: Py<RawMaker>,
        open_dataset: Py<PyAny>,
        add_unencoded: Py<PyAny>,
        encodings: Py<PyAny>,
        settings: Py<PyAny>,
    ) -> PyResult<DatasetFill> {
        Ok(DatasetFill {
            dataset: Template::of(dataset)?,
            sequence: Template::of(sequence)?,
            element: Template::of(element)?,
            raws,
            open_dataset,
            add_unencoded,
            encodings,
            settings,
        })
    }

    #[allow(clippy::too_many_arguments)]
    fn __call__<'py>(
        &self,
        events: &Bound<'py, PyIterator>,
        current: Bound<'py, PyAny>,
        outer: &Bound<'py, PyList>,
        size: usize,
        max_size: usize,
        tag: u32,
        ends_datasets: bool,
        holds: bool,
    ) -> PyResult<Filled<'py>> {
        self.raws.get().with(|known| {
            let mut fill = Fill {
                kit: self,
                maker: self.raws.get(),
                py: events.py(),
                known,
                frames: vec![Frame::of(current)?],
                outer,
                size,
                ends_datasets,
                tag,
                dataset: None,
                mode: None,
                hold: Hold::new(events.py(), holds),
            };
            let (rest, error) = match fill.run(events.clone(), max_size) {
                Ok(rest) => (rest, None),
                Err(error) => (None, Some(error.into_value(events.py()).into_bound(events.py()).into_any())),
            };
            let (size, tag, dataset) = (fill.size, fill.tag, fill.dataset.take());
            Ok((fill.finish()?, size, tag, dataset, rest, error))
        })
    }
}

/// The data sets of one call.
struct Fill<'a, 'py> {
    kit: &'a DatasetFill,
    maker: &'a RawMaker,
    py: Python<'py>,
    known: &'a mut Known,
    /// The data set or item that Python had, and the items in it.
    frames: Vec<Frame<'py>>,
    outer: &'a Bound<'py, PyList>,
    size: usize,
    ends_datasets: bool,
    tag: u32,
    dataset: Option<Bound<'py, PyAny>>,
    /// The validation mode of pydicom.
    mode: Option<Bound<'py, PyAny>>,
    hold: Hold,
}

impl<'py> Fill<'_, 'py> {
    /// Take events; return the first one that is left to Python.
    fn run(&mut self, mut events: Bound<'py, PyIterator>, max_size: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        while self.dataset.is_none() && self.size <= max_size {
            let Some(event) = events.next() else { break };
            let event = event?;
            if !self.take(&event)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Return the current data set or item of Python, after those around it.
    fn finish(self) -> PyResult<Bound<'py, PyAny>> {
        let mut opened: Option<Bound<'py, PyAny>> = None;
        for frame in self.frames {
            let open = frame.into_open(opened.as_ref(), &self.kit.open_dataset)?;
            if let Some(before) = opened.replace(open) {
                self.outer.append(before)?;
            }
        }
        Ok(opened.unwrap_or_else(|| self.py.None().into_bound(self.py)))
    }

    /// Take an event, or a raw element in the place of one; return false for one that is left to Python.
    #[inline]
    fn take(&mut self, event: &Bound<'py, PyAny>) -> PyResult<bool> {
        if self.maker.has(event) {
            return self.raw(event);
        }
        let Ok(event) = event.cast_exact::<PyTuple>() else { return Ok(false) };
        if event.len() != 4 {
            return Ok(false);
        }
        let (Some(kind), Some(tag)) = (number(event, 0), number(event, 1)) else { return Ok(false) };
        let Ok(tag) = u32::try_from(tag) else { return Ok(false) };
        let is_taken = match kind {
            ELEMENT => self.element(event, tag)?,
            START_SEQUENCE => self.start_sequence(tag)?,
            START_ITEM => self.start_item(),
            END_ITEM => self.end_item()?,
            END_SEQUENCE => self.end_sequence(tag)?,
            END_DATASET if self.ends_datasets => self.end_dataset()?,
            _ => false,
        };
        if is_taken {
            self.tag = tag;
        }
        Ok(is_taken)
    }

    #[inline]
    fn current(&mut self) -> Option<&mut Frame<'py>> {
        self.frames.last_mut()
    }

    #[inline]
    fn base_tag(&mut self, tag: u32) -> PyResult<Bound<'py, PyAny>> {
        self.maker.base_tag(self.py, self.known, tag)
    }

    // --- elements ------------------------------------------------------------------------------------------------

    #[inline]
    fn raw(&mut self, raw: &Bound<'py, PyAny>) -> PyResult<bool> {
        let Ok(fields) = raw.cast::<PyTuple>() else { return Ok(false) };
        let object = fields.get_borrowed_item(0)?;
        let Ok(tag) = object.extract::<u32>() else { return Ok(false) };
        let Some(length) = number(fields, 2) else { return Ok(false) };
        let Some(frame) = self.frames.last_mut() else { return Ok(false) };
        if !frame.has_no(tag, &object)? {
            return Ok(false);
        }
        frame.add(tag, &object, raw)?;
        self.tag = tag;
        self.size += length.unsigned_abs() as usize + ELEMENT_OVERHEAD;
        Ok(true)
    }

    #[inline]
    fn element(&mut self, event: &Bound<'py, PyTuple>, tag: u32) -> PyResult<bool> {
        let Some(vr) = vr_of(event) else { return Ok(false) };
        let values = event.get_borrowed_item(3)?;
        let Ok(values) = values.cast_exact::<PyTuple>() else { return Ok(false) };
        if tag == SPECIFIC_CHARACTER_SET || vr == Vr::SQ {
            return Ok(false);
        }
        let object = self.base_tag(tag)?;
        let Some(frame) = self.frames.last_mut() else { return Ok(false) };
        if !frame.has_no(tag, &object)? {
            return Ok(false);
        }
        self.known.field.clear();
        if !values.is_empty() {
            let mut field = Field::new(&mut self.known.field, vr);
            if !put_values(&mut field, vr, &values) {
                return self.unencoded(tag, &object, event.get_item(2)?, values.to_owned());
            }
            field.end();
        }
        if may_be_misfit(tag, vr, &self.known.field) {
            return Ok(false);
        }
        let raw = self.maker.make(object.clone(), self.known, vr)?;
        frame.add(tag, &object, &raw)?;
        self.size += self.known.field.len() + ELEMENT_OVERHEAD;
        Ok(true)
    }

    /// Add an element whose values pydicom would not read from bytes in ASCII, by Python.
    #[cold]
    fn unencoded(
        &mut self,
        tag: u32,
        object: &Bound<'py, PyAny>,
        vr: Bound<'py, PyAny>,
        values: Bound<'py, PyTuple>,
    ) -> PyResult<bool> {
        self.tag = tag;
        let Some(frame) = self.frames.last_mut() else { return Ok(false) };
        let (elements, pending) = (frame.elements.clone(), frame.pending().clone());
        let add = self.kit.add_unencoded.bind(self.py);
        let added = self.hold.pause(|| add.call1((elements, pending, object, vr, values)))?;
        frame.last = frame.last.max(i64::from(tag));
        self.size += added.extract::<usize>()? + ELEMENT_OVERHEAD;
        Ok(true)
    }

    // --- sequences and items -------------------------------------------------------------------------------------

    fn start_sequence(&mut self, tag: u32) -> PyResult<bool> {
        let object = self.base_tag(tag)?;
        let Some(frame) = self.current() else { return Ok(false) };
        if !frame.has_no(tag, &object)? {
            return Ok(false);
        }
        frame.open_sequence(tag);
        Ok(true)
    }

    fn start_item(&mut self) -> bool {
        match self.frames.last() {
            Some(frame) if frame.sequence.is_some() => self.frames.push(Frame::item(frame)),
            _ => return false,
        }
        true
    }

    fn end_item(&mut self) -> PyResult<bool> {
        if self.frames.last().is_none_or(|frame| frame.has_own_encodings) {
            return Ok(false);
        }
        if self.frames.len() == 1 {
            // The data set around it is one of Python.
            let Some(last) = self.outer.len().checked_sub(1) else { return Ok(false) };
            let frame = Frame::of(self.outer.get_item(last)?)?;
            self.outer.del_item(last)?;
            self.frames.insert(0, frame);
        }
        let (Some(item), Some(outer)) = (self.frames.pop(), self.frames.last_mut()) else { return Ok(false) };
        let dataset = self.kit.dataset.make(&[item.elements.as_any(), &outer.encodings, &outer.encodings], self.py)?;
        outer.add_item(item, &dataset)?;
        self.size += 2 * ELEMENT_OVERHEAD;
        Ok(true)
    }

    fn end_sequence(&mut self, tag: u32) -> PyResult<bool> {
        let object = self.base_tag(tag)?;
        if self.mode.is_none() {
            self.mode = Some(self.kit.settings.bind(self.py).getattr(intern!(self.py, "reading_validation_mode"))?);
        }
        let (Some(frame), Some(mode)) = (self.frames.last_mut(), &self.mode) else { return Ok(false) };
        let Some(items) = frame.close_sequence() else { return Ok(false) };
        let sequence = self.kit.sequence.make(&[items.as_any()], self.py)?;
        let element = self.kit.element.make(&[&object, &sequence, mode], self.py)?;
        frame.add(tag, &object, &element)?;
        self.size += 2 * ELEMENT_OVERHEAD;
        Ok(true)
    }

    // --- data sets -----------------------------------------------------------------------------------------------

    fn end_dataset(&mut self) -> PyResult<bool> {
        let [frame] = self.frames.as_slice() else { return Ok(false) };
        if !self.outer.is_empty() || frame.has_pending() || frame.has_outdated_items()? {
            return Ok(false);
        }
        for tag in frame.elements.keys() {
            if tag.extract::<u32>().is_ok_and(|tag| tag >> 16 == FILE_META_GROUP) {
                return Ok(false);
            }
        }
        let around = self.kit.encodings.bind(self.py);
        self.dataset = Some(self.kit.dataset.make(&[frame.elements.as_any(), around, &frame.encodings], self.py)?);
        Ok(true)
    }
}
