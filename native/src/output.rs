//! Output that scanners write themselves, in one event instead of many.
//!
//! `streamdicom/formats/encoded.py` describes that event.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};
use streamdicom_scan::encode::{
    Choices, JsonForm, JsonOutput, KnownKeywords, Nonfinite, NumberHandling, Part10Form, Part10Output, Position,
    XmlForm, XmlOutput,
};
use streamdicom_scan::handler::Handler;
use streamdicom_scan::xml::Blocks;

const ENCODED: i64 = 32;
const LAST_OF_FILE_META: i64 = 0x0002_FFFF;
const SOP_INSTANCE_UID: i64 = 0x0008_0018;
const MAX_SPARE: usize = 1 << 20;
const MAX_KEYWORDS: usize = 16 * 1024; // an archive has some thousands of tags; the bound is for hostile input

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

enum Form {
    Json(JsonForm),
    Part10(Part10Form),
    /// With the function that returns the keyword of a tag.
    Xml(XmlForm, Py<PyAny>),
}

/// The keywords of standard elements that writers of XML have met.
static KEYWORDS: Mutex<Option<KnownKeywords>> = Mutex::new(None);

fn known_keywords() -> KnownKeywords {
    let mut known = KEYWORDS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    Arc::clone(known.get_or_insert_default())
}

/// Learn the keyword of a tag, which a run has not known.
#[cold]
fn learn_keyword(keyword: &Bound<'_, PyAny>, tag: u32) -> PyResult<()> {
    let keyword = keyword.call1((tag,))?;
    let text = keyword.cast::<PyString>()?.to_str()?.as_bytes().into();
    let mut known = KEYWORDS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let known = known.get_or_insert_default();
    if known.len() >= MAX_KEYWORDS {
        *known = KnownKeywords::default();
    }
    Arc::make_mut(known).insert(tag, text);
    Ok(())
}

/// The form of the output, by the options of a writer.
#[pyclass(frozen)]
pub struct OutputForm {
    form: Form,
    /// The highest tag of the elements that Python must see in JSON before the engine writes others.
    pub head: i64,
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
        let form = JsonForm { choices, has_file_meta, sets_character_set, max_sequences };
        OutputForm { form: Form::Json(form), head: LAST_OF_FILE_META }
    }

    #[staticmethod]
    #[pyo3(signature = (*, has_file_meta, sets_character_set, max_sequences, keyword))]
    fn xml(has_file_meta: bool, sets_character_set: bool, max_sequences: usize, keyword: Py<PyAny>) -> OutputForm {
        let form = XmlForm { has_file_meta, sets_character_set, max_sequences };
        OutputForm { form: Form::Xml(form, keyword), head: LAST_OF_FILE_META }
    }

    /// Whether the output is elements of a DICOM file.
    #[getter]
    fn is_part10(&self) -> bool {
        matches!(self.form, Form::Part10(_))
    }

    #[staticmethod]
    #[pyo3(signature = (*, is_implicit, max_sequences))]
    fn part10(is_implicit: bool, max_sequences: usize) -> OutputForm {
        OutputForm { form: Form::Part10(Part10Form { is_implicit, max_sequences }), head: SOP_INSTANCE_UID }
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

/// Where a run begins.
pub struct Start {
    /// The number of open sequences.
    pub outside: usize,
    /// The number of items of the innermost one, if the run begins in it and not in one of its items.
    pub items: Option<i64>,
    /// An element that Python must see, or 0.
    pub refused_tag: u32,
}

/// Append the output of a run to a list, as one event.
pub fn with_output<F: Fill>(
    form: &OutputForm,
    start: Start,
    events: &Bound<'_, PyList>,
    fill: F,
) -> PyResult<F::Found> {
    let Start { outside, items, refused_tag } = start;
    let spare = SPARE.take();
    let mut blocks = Vec::new();
    let (found, mut data, position) = match &form.form {
        Form::Json(form) => {
            let mut output = JsonOutput::new(*form, spare, outside, items);
            output.refused_tag = refused_tag;
            let found = fill.fill(&mut output);
            (found, output.text, output.position)
        }
        Form::Part10(form) => {
            let mut output = Part10Output::new(*form, spare, outside, items.is_some());
            output.refused_tag = refused_tag;
            let found = fill.fill(&mut output);
            (found, output.data, output.position)
        }
        Form::Xml(form, keyword) => {
            let mut output = XmlOutput::new(*form, spare, outside, items.is_some(), known_keywords());
            output.refused_tag = refused_tag;
            let found = fill.fill(&mut output);
            if output.unknown != 0 {
                learn_keyword(keyword.bind(events.py()), output.unknown)?;
            }
            let (text, position) = (std::mem::take(&mut output.text), output.position.clone());
            blocks = output.blocks();
            (found, text, position)
        }
    };
    if !data.is_empty() {
        append(events, &data, position, blocks)?;
    }
    data.clear();
    if data.capacity() <= MAX_SPARE {
        SPARE.set(data);
    }
    Ok(found)
}

fn append(events: &Bound<'_, PyList>, data: &[u8], position: Position, blocks: Vec<Blocks>) -> PyResult<()> {
    let Position { last, in_sequence, changed, outer, begun, ended_items, open_items } = position;
    let opened = begun.iter().map(|sequence| (sequence.tag, sequence.items));
    let opened: Vec<(u32, i64)> = outer.into_iter().chain(opened).collect();
    let starts: Vec<(usize, i64)> = begun.iter().map(|sequence| (sequence.start, sequence.last)).collect();
    let data = PyBytes::new(events.py(), data);
    let blocks: Vec<(i64, Vec<(u8, String)>)> = blocks.into_iter().map(|one| (one.group, one.creators)).collect();
    events.append((ENCODED, 0, "", (data, last, in_sequence, changed, opened, starts, ended_items, open_items, blocks)))
}

pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<OutputForm>()
}
