//! `xml_text`: events to the text of Native DICOM XML.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyString, PyTuple};
use streamdicom_scan::encode::{Content, put_unsigned};
use streamdicom_scan::vr::Vr;

use super::put_values;
use super::text::{Job, KnownStarts, Markup, Written, write};

const END: &[u8] = b"</DicomAttribute>";
const FIRST_CREATOR: u32 = 0x10; // of the elements that reserve private blocks (PS3.5 7.8.1)
const LAST_CREATOR: u32 = 0xFF;

/// The function `xml_text` for the options of a writer.
#[pyclass(frozen)]
pub struct XmlText {
    sets_character_set: bool,
    known: KnownStarts,
    /// The start of a private element, by the blocks, the tag and the VR.
    private_start: Py<PyAny>,
    /// Reserves a private block, by the blocks, the tag and the values.
    reserve: Py<PyAny>,
}

#[pymethods]
impl XmlText {
    #[new]
    #[pyo3(signature = (*, sets_character_set, private_start, reserve))]
    fn new(sets_character_set: bool, private_start: Py<PyAny>, reserve: Py<PyAny>) -> XmlText {
        XmlText { sets_character_set, known: KnownStarts::default(), private_start, reserve }
    }

    #[allow(clippy::too_many_arguments)]
    fn __call__<'py>(
        &self,
        events: &Bound<'py, PyIterator>,
        state: i64,
        last: i64,
        size: usize,
        cache: &Bound<'py, PyDict>,
        starts: &Bound<'py, PyDict>,
        sequences: &Bound<'py, PyList>,
        max_sequences: usize,
        max_size: usize,
        texts: &Bound<'py, PyList>,
        blocks: &Bound<'py, PyList>,
    ) -> PyResult<Written<'py>> {
        let sets_character_set = self.sets_character_set;
        let job = Job {
            events,
            state,
            last,
            size,
            cache,
            starts,
            sequences,
            max_sequences,
            max_size,
            texts,
            sets_character_set,
        };
        let (private_start, reserve) = (self.private_start.bind(events.py()), self.reserve.bind(events.py()));
        write(&job, &self.known, Xml { blocks, private_start, reserve })
    }
}

struct Xml<'a, 'py> {
    blocks: &'a Bound<'py, PyList>,
    private_start: &'a Bound<'py, PyAny>,
    reserve: &'a Bound<'py, PyAny>,
}

impl<'py> Markup<'py> for Xml<'_, 'py> {
    #[inline]
    fn put_start(&self, out: &mut Vec<u8>, start: &[u8], _is_first: bool) {
        out.extend_from_slice(start);
    }

    #[inline]
    fn put_empty(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(END);
    }

    #[inline]
    fn put_values(&self, out: &mut Vec<u8>, vr: Vr, values: &Bound<'py, PyTuple>) -> bool {
        let mut content = Content::new(out, vr);
        let is_taken = put_values(&mut content, vr, values);
        content.end();
        out.extend_from_slice(END);
        is_taken
    }

    fn start_item(&mut self, out: &mut Vec<u8>, index: i64) -> PyResult<()> {
        out.extend_from_slice(b"<Item number=\"");
        put_unsigned(out, index.unsigned_abs() + 1);
        out.extend_from_slice(b"\">");
        self.blocks.append(self.blocks.py().None())
    }

    fn end_item(&mut self, out: &mut Vec<u8>) -> PyResult<()> {
        out.extend_from_slice(b"</Item>");
        self.blocks.del_item(self.blocks.len().saturating_sub(1))
    }

    fn end_sequence(&self, out: &mut Vec<u8>, _has_items: bool) {
        out.extend_from_slice(END);
    }

    #[inline]
    fn is_private(&self, tag: u32) -> bool {
        tag & 0x10000 != 0
    }

    fn private_start(&self, tag: u32, vr: Vr) -> PyResult<Option<Vec<u8>>> {
        let start = self.private_start.call1((self.blocks, tag, vr.name()))?;
        Ok(start.cast::<PyString>().ok().and_then(|start| start.to_str().ok()).map(|start| start.as_bytes().to_vec()))
    }

    fn note(&self, tag: u32, event: &Bound<'py, PyTuple>) -> PyResult<()> {
        if (FIRST_CREATOR..=LAST_CREATOR).contains(&(tag & 0xFFFF)) {
            self.reserve.call1((self.blocks, tag, event.get_item(3)?))?;
        }
        Ok(())
    }
}
