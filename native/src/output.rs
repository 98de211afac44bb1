//! Output that scanners write themselves, in one event instead of many.
//!
//! `streamdicom/formats/encoded.py` describes that event.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use streamdicom_scan::encode::{Choices, JsonForm, JsonOutput, Nonfinite, NumberHandling, Position};
use streamdicom_scan::handler::Handler;

const ENCODED: i64 = 32;
const MAX_SPARE: usize = 1 << 20;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The form of the output, by the options of a writer.
#[pyclass(frozen)]
pub struct OutputForm {
    form: JsonForm,
}

#[pymethods]
impl OutputForm {
    #[staticmethod]
    #[pyo3(signature = (*, number_handling, nonfinite, number_length, has_file_meta, sets_character_set, max_sequences))]
    fn json(
        number_handling: &str,
        nonfinite: &str,
        number_length: usize,
        has_file_meta: bool,
        sets_character_set: bool,
        max_sequences: usize,
    ) -> OutputForm {
        let choices = choices(number_handling, nonfinite, number_length);
        OutputForm { form: JsonForm { choices, has_file_meta, sets_character_set, max_sequences } }
    }
}

/// Return the choices that options name.
pub fn choices(number_handling: &str, nonfinite: &str, number_length: usize) -> Choices {
    let number_handling = match number_handling {
        "number" => NumberHandling::Number,
        "string" => NumberHandling::String,
        _ => NumberHandling::Auto,
    };
    let nonfinite = match nonfinite {
        "string" => Nonfinite::String,
        "null" => Nonfinite::Null,
        _ => Nonfinite::Error,
    };
    Choices { number_handling, nonfinite, number_length }
}

/// A run of a scanner.
pub trait Fill {
    type Found;

    /// Hand the events to a handler.
    fn fill<H: Handler + Send>(self, output: &mut H) -> Self::Found;
}

/// Append the output of a run to a list, as one event.
///
/// `outside` is the number of open sequences; `items` the number of items of the innermost one, if the run begins in it
/// and not in one of its items.
pub fn with_output<F: Fill>(
    form: &OutputForm,
    outside: usize,
    items: Option<i64>,
    events: &Bound<'_, PyList>,
    fill: F,
) -> PyResult<F::Found> {
    let mut output = JsonOutput::new(form.form, SPARE.take(), outside, items);
    let found = fill.fill(&mut output);
    let JsonOutput { mut text, position, .. } = output;
    if !text.is_empty() {
        append(events, &text, position)?;
    }
    text.clear();
    if text.capacity() <= MAX_SPARE {
        SPARE.set(text);
    }
    Ok(found)
}

fn append(events: &Bound<'_, PyList>, data: &[u8], position: Position) -> PyResult<()> {
    let Position { last, in_sequence, changed, outer, begun } = position;
    let opened = begun.iter().map(|sequence| (sequence.tag, sequence.items));
    let opened: Vec<(u32, i64)> = outer.into_iter().chain(opened).collect();
    let starts: Vec<(usize, i64)> = begun.iter().map(|sequence| (sequence.start, sequence.last)).collect();
    let data = PyBytes::new(events.py(), data);
    events.append((ENCODED, 0, "", (data, last, in_sequence, changed, opened, starts)))
}

pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<OutputForm>()
}
