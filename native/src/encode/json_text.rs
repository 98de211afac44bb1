//! `json_text`: events to JSON text.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyTuple};
use streamdicom_scan::encode::{Attribute, Choices};
use streamdicom_scan::vr::Vr;

use super::put_values;
use super::text::{Job, KnownStarts, Markup, Written, write};
use crate::output::choices;

/// The function `json_text` for the options of a writer.
#[pyclass(frozen)]
pub struct JsonText {
    choices: Choices,
    sets_character_set: bool,
    known: KnownStarts,
}

#[pymethods]
impl JsonText {
    #[new]
    #[pyo3(signature = (*, number_handling, nonfinite, number_length, sets_character_set))]
    fn new(number_handling: &str, nonfinite: &str, number_length: usize, sets_character_set: bool) -> JsonText {
        let choices = choices(number_handling, nonfinite, number_length);
        JsonText { choices, sets_character_set, known: KnownStarts::default() }
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
        write(&job, &self.known, Json { choices: self.choices })
    }
}

struct Json {
    choices: Choices,
}

impl<'py> Markup<'py> for Json {
    #[inline]
    fn put_start(&self, out: &mut Vec<u8>, start: &[u8], is_first: bool) {
        out.extend_from_slice(if is_first { &start[1..] } else { start }); // without its comma
    }

    #[inline]
    fn put_empty(&self, out: &mut Vec<u8>) {
        out.push(b'}');
    }

    #[inline]
    fn put_values(&self, out: &mut Vec<u8>, vr: Vr, values: &Bound<'py, PyTuple>) -> bool {
        let mut attribute = Attribute::new(out, vr, self.choices);
        let is_taken = put_values(&mut attribute, vr, values);
        attribute.end();
        is_taken
    }

    fn start_item(&mut self, out: &mut Vec<u8>, index: i64) -> PyResult<()> {
        out.extend_from_slice(if index > 0 { b",{" } else { b",\"Value\":[{" });
        Ok(())
    }

    fn end_item(&mut self, out: &mut Vec<u8>) -> PyResult<()> {
        out.push(b'}');
        Ok(())
    }

    fn end_sequence(&self, out: &mut Vec<u8>, has_items: bool) {
        out.extend_from_slice(if has_items { b"]}" } else { b"}" });
    }
}
