//! Output that scanners write themselves, in one event instead of many.
//!
//! `streamdicom/_encoded.py` describes that event.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};
use streamdicom_scan::encode::{
    Around, Choice, Choices, Chosen, JsonForm, JsonOutput, KnownKeywords, Nonfinite, NumberHandling, Part10Form,
    Part10Output, Path, Position, XmlForm, XmlOutput,
};
use streamdicom_scan::filter::{Answer, Answers, WHOLE};
use streamdicom_scan::handler::Handler;
use streamdicom_scan::vr::Vr;
use streamdicom_scan::xml::Blocks;

use crate::replaced::{Replaced, Selected, Source};

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

/// The elements that the engine may write, among all that it can.
#[pyclass(frozen)]
pub struct OutputChoice {
    pub choice: Choice,
    /// The highest tag with a condition on the data set, or -1.
    head: i64,
    /// Takes a level, a tag and a VR or "" for all; returns whether elements with the tag are unwanted, whether they have
    /// a condition, and the level of their items, or -1 if all of these are wanted. None means that Python must see them.
    judge: Option<Py<PyAny>>,
    /// A run takes them, as the judge may run any code, even another run.
    answers: Mutex<Option<Answers>>,
}

#[pymethods]
impl OutputChoice {
    #[new]
    #[pyo3(signature = (*, judge, passes_over, is_exact, head, threshold, vrs, tags, refuses_references))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        judge: Option<Py<PyAny>>,
        passes_over: bool,
        is_exact: bool,
        head: i64,
        threshold: Option<usize>,
        vrs: Vec<String>,
        tags: Vec<u32>,
        refuses_references: bool,
    ) -> OutputChoice {
        let vrs = vrs.iter().filter_map(|vr| Vr::of(vr.as_bytes().try_into().ok()?)).collect();
        let selects = judge.is_some();
        let choice = Choice { selects, passes_over, is_exact, threshold, vrs, tags, refuses_references };
        OutputChoice { choice, head, judge, answers: Mutex::new(None) }
    }
}

impl OutputChoice {
    pub fn swap(&self, answers: Option<Answers>) -> Option<Answers> {
        std::mem::replace(&mut self.answers.lock().unwrap_or_else(|poisoned| poisoned.into_inner()), answers)
    }

    /// Decide with the interpreter, which other threads may have meanwhile.
    #[cold]
    pub fn judge(&self, level: u32, tag: u32, vr: Option<Vr>) -> PyResult<Option<Answer>> {
        let Some(judge) = &self.judge else { return Ok(None) };
        Python::attach(|py| {
            let answer: Option<(bool, bool, i64)> =
                judge.bind(py).call1((level, tag, vr.map_or("", Vr::name)))?.extract()?;
            Ok(answer.map(|(is_unwanted, has_condition, inner)| Answer {
                is_unwanted,
                has_condition,
                inner: u32::try_from(inner).unwrap_or(WHOLE),
            }))
        })
    }
}

/// The form of the output, by the options of a writer.
#[pyclass(frozen)]
pub struct OutputForm {
    form: Form,
    /// The highest tag of the elements that Python must see in JSON before the engine writes others.
    pub head: i64,
    choice: Option<Py<OutputChoice>>,
    /// The start of the URIs of values that Python would have to see, if the engine makes references of these.
    base_uri: Option<String>,
}

impl OutputForm {
    fn new(form: Form, head: i64) -> OutputForm {
        OutputForm { form, head, choice: None, base_uri: None }
    }

    fn form(&self, py: Python<'_>) -> Form {
        match &self.form {
            Form::Json(form) => Form::Json(*form),
            Form::Part10(form) => Form::Part10(*form),
            Form::Xml(form, keyword) => Form::Xml(*form, keyword.clone_ref(py)),
        }
    }

    /// Return whether the path to a run matters, beyond the number of open sequences.
    pub fn has_choice(&self) -> bool {
        self.choice.is_some()
    }

    /// Return the selection of a reader, if any, at the start of a run.
    fn selected(&self, py: Python<'_>, start: &Start) -> Option<Selected> {
        let choice = self.choice.as_ref().filter(|choice| choice.get().choice.passes_over)?;
        Some(Selected {
            choice: choice.clone_ref(py),
            path: start.path.clone(),
            in_sequence: start.items.is_some(),
            has_wishes: start.has_wishes,
        })
    }

    /// Return the highest tag with a condition, or -1.
    pub fn conditions_end(&self) -> i64 {
        self.choice.as_ref().map_or(-1, |choice| choice.get().head)
    }
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
        OutputForm::new(Form::Json(form), LAST_OF_FILE_META)
    }

    #[staticmethod]
    #[pyo3(signature = (*, has_file_meta, sets_character_set, max_sequences, keyword))]
    fn xml(has_file_meta: bool, sets_character_set: bool, max_sequences: usize, keyword: Py<PyAny>) -> OutputForm {
        let form = XmlForm { has_file_meta, sets_character_set, max_sequences };
        OutputForm::new(Form::Xml(form, keyword), LAST_OF_FILE_META)
    }

    /// Return the same form for some of the elements.
    fn choosing(&self, py: Python<'_>, choice: Py<OutputChoice>) -> OutputForm {
        let head = self.head.max(choice.get().head);
        OutputForm { form: self.form(py), head, choice: Some(choice), base_uri: None }
    }

    /// Return the same form with references in place of the bytes that Python would have to see for their tag or size.
    ///
    /// A URI is `base`, and the tag path of the element with slashes, as in `00081140/0/00080016`.
    fn referring(&self, py: Python<'_>, base: String) -> OutputForm {
        let choice = self.choice.as_ref().map(|choice| choice.clone_ref(py));
        OutputForm { form: self.form(py), head: self.head, choice, base_uri: Some(base) }
    }

    /// Whether the output is elements of a DICOM file.
    #[getter]
    fn is_part10(&self) -> bool {
        matches!(self.form, Form::Part10(_))
    }

    #[staticmethod]
    #[pyo3(signature = (*, max_sequences))]
    fn part10(max_sequences: usize) -> OutputForm {
        OutputForm::new(Form::Part10(Part10Form { max_sequences }), SOP_INSTANCE_UID)
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
    /// The tag and the item of each open sequence, if the form has a choice.
    pub path: Vec<(u32, i64)>,
    /// The scanner asks for wishes.
    pub has_wishes: bool,
    /// An element that Python must see, or 0.
    pub refused_tag: u32,
}

/// What a run has found, its output, and where it has ended, if the form has a choice.
type Chose<T, O> = (T, O, Option<Path>);

/// Hand the chosen events of a run to a handler, which `new` makes for a start.
fn choose<O: Handler + Send, F: Fill>(
    form: &OutputForm,
    start: Start,
    new: impl FnOnce(&Start) -> O,
    fill: F,
) -> PyResult<Option<Chose<F::Found, O>>> {
    let Some(choice) = &form.choice else {
        let mut output = new(&start);
        let found = fill.fill(&mut output);
        return Ok(Some((found, output, None)));
    };
    let kit = choice.get();
    let mut answers = kit.swap(None).unwrap_or_default();
    let mut error = None;
    let mut judge = |level, tag, vr| {
        kit.judge(level, tag, vr).unwrap_or_else(|raised| {
            error = Some(raised);
            None
        })
    };
    let around = Around::new(&kit.choice, &mut answers, &mut judge, &start.path, start.items.is_some());
    let result = around.map(|around| {
        let items = start.items.filter(|_| around.is_written_sequence());
        let mut output = new(&Start { outside: around.written(), items, ..start });
        let (has_wishes, refused_tag) = (start.has_wishes, start.refused_tag);
        let mut chosen = Chosen::new(&mut output, &kit.choice, &mut answers, judge, around, has_wishes, refused_tag);
        chosen.base_uri = form.base_uri.as_deref();
        let found = fill.fill(&mut chosen);
        let path = chosen.path();
        (found, output, Some(path))
    });
    kit.swap(Some(answers));
    error.map_or(Ok(result), Err)
}

/// Append the output of a run to a list, as one event; return None if the form does not say what it may write there.
///
/// `source` returns what the run has read.
pub fn with_output<F: Fill>(
    form: &OutputForm,
    start: Start,
    events: &Bound<'_, PyList>,
    fill: F,
    source: impl FnOnce(&F::Found) -> Source,
) -> PyResult<Option<F::Found>> {
    let selected = form.selected(events.py(), &start);
    let spare = SPARE.take();
    let mut blocks = Vec::new();
    let (found, mut data, position, path) = match &form.form {
        Form::Json(json) => {
            let new = |start: &Start| {
                let mut output = JsonOutput::new(*json, spare, start.outside, start.items);
                output.refused_tag = start.refused_tag;
                output
            };
            let Some((found, output, path)) = choose(form, start, new, fill)? else { return Ok(None) };
            (found, output.text, output.position, path)
        }
        Form::Part10(part10) => {
            let new = |start: &Start| {
                let mut output = Part10Output::new(*part10, spare, start.outside, start.items.is_some());
                output.refused_tag = start.refused_tag;
                output
            };
            let Some((found, output, path)) = choose(form, start, new, fill)? else { return Ok(None) };
            (found, output.data, output.position, path)
        }
        Form::Xml(xml, keyword) => {
            let new = |start: &Start| {
                let mut output = XmlOutput::new(*xml, spare, start.outside, start.items.is_some(), known_keywords());
                output.refused_tag = start.refused_tag;
                output
            };
            let Some((found, mut output, path)) = choose(form, start, new, fill)? else { return Ok(None) };
            if output.unknown != 0 {
                learn_keyword(keyword.bind(events.py()), output.unknown)?;
            }
            let (text, position) = (std::mem::take(&mut output.text), output.position.clone());
            blocks = output.blocks();
            (found, text, position, path)
        }
    };
    if !data.is_empty() || path.is_some() {
        let source = source(&found);
        let counts = (position.events, source.size());
        let sees_all = selected.is_none();
        let replaced = Bound::new(events.py(), Replaced { source, selected })?;
        append(events, &data, position, blocks, path.map(|path| path_tuple(path, sees_all)), (replaced, counts))?;
    }
    data.clear();
    if data.capacity() <= MAX_SPARE {
        SPARE.set(data);
    }
    Ok(Some(found))
}

/// The path, and the other fields of `Path` in its order.
type PathTuple = (Vec<(u32, i64)>, bool, usize, usize, usize, usize, usize, bool);

fn path_tuple(path: Path, sees_all: bool) -> PathTuple {
    let Path { sequences, in_sequence, left_out, outside, kept, ended_items, open_items } = path;
    (sequences, in_sequence, left_out, outside, kept, ended_items, open_items, sees_all)
}

fn append(
    events: &Bound<'_, PyList>,
    data: &[u8],
    position: Position,
    blocks: Vec<Blocks>,
    path: Option<PathTuple>,
    replaced: (Bound<'_, Replaced>, (usize, usize)),
) -> PyResult<()> {
    let Position { last, in_sequence, changed, outer, begun, ended_items, open_items, .. } = position;
    let (replaced, counts) = replaced;
    let opened = begun.iter().map(|sequence| (sequence.tag, sequence.items));
    let opened: Vec<(u32, i64)> = outer.into_iter().chain(opened).collect();
    let starts: Vec<(usize, i64)> = begun.iter().map(|sequence| (sequence.start, sequence.last)).collect();
    let data = PyBytes::new(events.py(), data);
    let blocks: Vec<(i64, Vec<(u8, String)>)> = blocks.into_iter().map(|one| (one.group, one.creators)).collect();
    let value =
        (data, last, in_sequence, changed, opened, starts, ended_items, open_items, blocks, path, replaced, counts);
    events.append((ENCODED, 0, "", value))
}

pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<OutputChoice>()?;
    module.add_class::<OutputForm>()
}
