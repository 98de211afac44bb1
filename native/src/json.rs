//! Functions of the module for DICOM JSON.

use std::cell::Cell;
use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use streamdicom_scan::check::Checked;
use streamdicom_scan::encode::Head;
use streamdicom_scan::filter::{Answer, Answers, Filtered, WHOLE};
use streamdicom_scan::handler::Handler;
use streamdicom_scan::json::{
    Before, Habit, Level, Limits, Mark, Marks, Place, Scratch, Sequence, State, Verdict, run, skim,
};

use streamdicom_scan::vr::Vr;

use crate::check::ElementRules;
use crate::datasets::{RawEvents, RawMaker};
use crate::objects::with_events;
use crate::output::{Fill, OutputForm, Start, with_output};
use crate::replaced::Source;

const PIXEL_REPRESENTATION: u32 = 0x0028_0103;

thread_local! {
    // A run takes it: objects of Python may run any code when they are made or freed, even another run.
    static SCRATCH: Cell<Option<Scratch>> = const { Cell::new(None) };
}

/// The bounds of a parser, and other facts that hold for all of its runs.
#[pyclass(frozen, name = "JsonLimits")]
struct JsonLimits {
    limits: Limits,
    /// Each departure is wanted with its place.
    keeps_marks: bool,
}

#[pymethods]
impl JsonLimits {
    #[new]
    #[pyo3(signature = (*, depth, segment_size, number_length, values_per_event, is_eager, accepted, keeps_marks))]
    fn new(
        depth: usize,
        segment_size: usize,
        number_length: usize,
        values_per_event: usize,
        is_eager: bool,
        accepted: u32,
        keeps_marks: bool,
    ) -> JsonLimits {
        JsonLimits {
            limits: Limits { depth, segment_size, number_length, values_per_event, is_eager, accepted },
            keeps_marks,
        }
    }
}

/// Decides which attributes are wanted, and remembers the decisions.
#[pyclass(frozen, name = "JsonFilter")]
struct JsonFilter {
    /// Takes a level and a tag; returns whether elements with the tag are unwanted and whether they have a condition,
    /// and the level of their items, or -1 if all of these are wanted. None means that the automaton decides.
    judge: Py<PyAny>,
    /// A run takes them, as the judge may run any code, even another run.
    answers: Mutex<Option<Answers>>,
}

#[pymethods]
impl JsonFilter {
    #[new]
    fn new(judge: Py<PyAny>) -> JsonFilter {
        JsonFilter { judge, answers: Mutex::new(None) }
    }
}

impl JsonFilter {
    fn swap(&self, answers: Option<Answers>) -> Option<Answers> {
        std::mem::replace(&mut self.answers.lock().unwrap_or_else(|poisoned| poisoned.into_inner()), answers)
    }

    fn judge(&self, py: Python<'_>, level: u32, tag: u32) -> PyResult<Option<Answer>> {
        let answer: Option<(bool, bool, i64)> = self.judge.bind(py).call1((level, tag))?.extract()?;
        Ok(answer.map(|(is_unwanted, has_condition, inner)| Answer {
            is_unwanted,
            has_condition,
            inner: u32::try_from(inner).unwrap_or(WHOLE),
        }))
    }

    /// Scan with a handler that leaves out what is not wanted; note whether the last element has a condition.
    #[allow(clippy::too_many_arguments)]
    fn run<H: Handler>(
        &self,
        data: &Bound<'_, PyBytes>,
        position: usize,
        state: &mut State,
        limits: &Limits,
        scratch: &mut Scratch,
        handler: &mut H,
        is_at_condition: &mut bool,
    ) -> PyResult<(usize, Verdict)> {
        let mut answers = self.swap(None).unwrap_or_default();
        let mut error = None;
        let judge = |level, tag| {
            self.judge(data.py(), level, tag).unwrap_or_else(|raised| {
                error = Some(raised);
                None
            })
        };
        let items = state.levels.len().saturating_sub(1);
        let sequences = state.sequences[..items.min(state.sequences.len())].iter().map(|sequence| sequence.tag);
        let found = match Filtered::new(handler, &mut answers, judge, sequences) {
            Some(mut filtered) => {
                let found = run(data.as_bytes(), position, state, limits, scratch, &mut filtered);
                *is_at_condition = filtered.is_at_condition();
                found
            }
            None => {
                state.kept = state.levels.len();
                (position, Verdict::Odd)
            }
        };
        self.swap(Some(answers));
        error.map_or(Ok(found), Err)
    }
}

/// A run that writes all that a form can hold, and appends events of the rest.
struct Encoding<'a, 'py> {
    data: &'a Bound<'py, PyBytes>,
    limits: &'a Limits,
    filter: Option<&'a JsonFilter>,
    form: &'a OutputForm,
    events: &'a Bound<'py, PyList>,
}

impl Encoding<'_, '_> {
    fn run(&mut self, start: usize, state: &mut State, scratch: &mut Scratch) -> PyResult<(usize, Verdict)> {
        let (mut position, mut kept) = (start, state.levels.len());
        let data = self.data.as_bytes();
        let verdict = loop {
            let top = state.levels.first().map_or(-1, |level| level.last);
            let in_value = state.place.is_skip() || matches!(state.place, Place::Binary | Place::BinaryEnd);
            // Writers may leave out all that is in such a sequence.
            let is_left_out = state.sequences.iter().any(|sequence| is_unusual(sequence.tag));
            let head = if is_left_out { i64::MAX } else { self.form.head };
            if top > head && !in_value {
                let items =
                    state.sequences.last().map(|sequence| sequence.items).filter(|_| state.place == Place::Items);
                // An item is open in each sequence but the innermost one, if another item is due there.
                let path = if self.form.has_choice() { path_of(state) } else { Vec::new() };
                let refused_tag = PIXEL_REPRESENTATION;
                let start = Start { outside: state.sequences.len(), items, path, has_wishes: true, refused_tag };
                let py = self.data.py();
                let began = JsonSource { data: Vec::new(), state: start_of(state), limits: self.limits.clone() };
                let source = |found: &(usize, Verdict)| {
                    Source::Json(JsonSource { data: text_of(&data[position..found.0]), ..began })
                };
                let run =
                    Detached { py, data, position, state: &mut *state, limits: self.limits, scratch: &mut *scratch };
                if let Some((end, verdict)) = with_output(self.form, start, self.events, run, source)? {
                    (position, kept) = (end, kept.min(state.kept));
                    if verdict != Verdict::Odd {
                        break verdict;
                    }
                }
            }
            let (top, items) = (state.levels.first().map_or(-1, |level| level.last), state.levels.len());
            let mut is_at_condition = false;
            let (result, _) = with_events(self.events, false, |handler| {
                let mut head = Head::new(handler, head, top, items.saturating_sub(1));
                match self.filter {
                    None => Ok(run(data, position, state, self.limits, scratch, &mut head)),
                    Some(filter) => {
                        filter.run(self.data, position, state, self.limits, scratch, &mut head, &mut is_at_condition)
                    }
                }
            })?;
            let (end, verdict) = result?;
            (position, kept) = (end, kept.min(state.kept));
            if verdict != Verdict::Paused || is_at_condition {
                break verdict;
            }
        };
        state.kept = kept;
        Ok((position, verdict))
    }
}

/// Text that a run has read, and how it began.
pub struct JsonSource {
    pub data: Vec<u8>,
    state: State,
    limits: Limits,
}

impl JsonSource {
    /// Hand the events to a handler again.
    pub fn run<H: Handler>(&self, handler: &mut H) {
        run(&self.data, 0, &mut self.state.clone(), &self.limits, &mut Scratch::default(), handler);
    }
}

/// Return the text of a run so that it can be read alone.
///
/// Where no VR comes first, a run looks at the key after the brace of the first item, which it does not take.
fn text_of(read: &[u8]) -> Vec<u8> {
    let key: &[u8] = if read.ends_with(b"{") { b"\"00100010\"" } else { b"" };
    [read, key].concat()
}

/// Return the state of a run that begins, without what it has found before.
fn start_of(state: &State) -> State {
    State {
        element: (0, None),
        sequences: state.sequences.clone(),
        levels: state.levels.iter().map(|level| Level::after(level.last, Before::Unknown)).collect(),
        skipped: Vec::new(),
        marks: Marks::default(),
        ..*state
    }
}

/// Return the tag and the item of each open sequence.
fn path_of(state: &State) -> Vec<(u32, i64)> {
    let mut path: Vec<(u32, i64)> = state.sequences.iter().map(|sequence| (sequence.tag, sequence.items)).collect();
    if let Some((_, item)) = path.last_mut().filter(|_| state.place == Place::Items) {
        *item = (*item - 1).max(0); // of the last item, and not of the next
    }
    path
}

/// Return whether a tag is that of a group length, or of File Meta Information.
fn is_unusual(tag: u32) -> bool {
    tag & 0xFFFF == 0 || tag >> 16 == 0x0002
}

/// A run during which other threads run.
struct Detached<'a, 'py> {
    py: Python<'py>,
    data: &'a [u8],
    position: usize,
    state: &'a mut State,
    limits: &'a Limits,
    scratch: &'a mut Scratch,
}

impl Fill for Detached<'_, '_> {
    type Found = (usize, Verdict);

    fn fill<H: Handler + Send>(self, output: &mut H) -> Self::Found {
        let Detached { py, data, position, state, limits, scratch } = self;
        py.detach(|| run(data, position, state, limits, scratch, output))
    }
}

/// The place, has_document, in_array, is_wrapped and the index of the last data set.
type Document = (usize, bool, bool, bool, i64);
/// The tag of a sequence, whether its VR precedes the items, and the index of its item.
type OpenSequence = (u32, bool, i64);

/// The number of a habit, the VR, the index in the data, the index of the data set, and the tag path.
type PlacedMark = (u32, Option<&'static str>, usize, i64, String);

fn placed(mark: Mark) -> PlacedMark {
    (mark.habit as u32, mark.vr.map(Vr::name), mark.position, mark.index, mark.path)
}

/// Append the events of canonical text to a list; with rules those only that need a closer look.
#[pyfunction]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
fn json_run<'py>(
    data: &Bound<'py, PyBytes>,
    position: usize,
    limits: &JsonLimits,
    document: Document,
    element: (u32, &str),
    sequences: Vec<OpenSequence>,
    levels: Vec<(i64, Option<Vec<u32>>)>,
    skipped: &str,
    filter: Option<&JsonFilter>,
    events: &Bound<'py, PyList>,
    keeps_positions: bool,
    rules: Option<PyRef<'py, ElementRules>>,
    form: Option<&OutputForm>,
    raws: Option<&Bound<'py, RawMaker>>,
) -> PyResult<(
    usize,
    usize,
    Document,
    (u32, &'static str),
    Vec<OpenSequence>,
    usize,
    Vec<(i64, Vec<u32>, Vec<u32>)>,
    String,
    Option<Bound<'py, PyBytes>>,
    u32,
    Vec<PlacedMark>,
)> {
    let (place, has_document, in_array, is_wrapped, index) = document;
    let mut state = State {
        place: *Place::ALL.get(place).unwrap_or(&Place::Root),
        has_document,
        in_array,
        is_wrapped,
        index,
        element: (element.0, <[u8; 2]>::try_from(element.1.as_bytes()).ok().and_then(Vr::of)),
        sequences: sequences.into_iter().map(|(tag, has_vr, items)| Sequence { tag, has_vr, items }).collect(),
        levels: levels
            .into_iter()
            .map(|(last, before)| Level::after(last, before.map_or(Before::Unknown, Before::Known)))
            .collect(),
        skipped: skipped.as_bytes().to_vec(),
        kept: 0,
        marks: Marks { are_kept: limits.keeps_marks, ..Marks::default() },
    };
    let bytes = data.as_bytes();
    let mut scratch = SCRATCH.take().unwrap_or_default();
    let mut limits = limits.limits.clone();
    if form.is_some() {
        limits.accepted &= !(1 << Habit::KeyOrder as u32); // writers sort elements
    }
    let limits = &limits;
    let (result, positions) = if let Some(form) = form {
        let mut encoding = Encoding { data, limits, filter, form, events };
        (Ok(encoding.run(position, &mut state, &mut scratch)?), None)
    } else {
        with_events(events, keeps_positions, |handler| match (filter, rules) {
            (None, None) => Ok(match raws.map(Bound::get) {
                None => run(bytes, position, &mut state, limits, &mut scratch, handler),
                Some(maker) => maker.with(|known| {
                    let handler = &mut RawEvents { events: handler, maker, known, py: data.py() };
                    run(bytes, position, &mut state, limits, &mut scratch, handler)
                }),
            }),
            (None, Some(rules)) => {
                let mut checked = Checked::new(&rules.rules, handler, false);
                if let Some(level) = state.levels.last() {
                    checked.begin_after(level.last);
                }
                let result = run(bytes, position, &mut state, limits, &mut scratch, &mut checked);
                checked.flush();
                Ok(result)
            }
            (Some(filter), _) => match raws.map(Bound::get) {
                None => filter.run(data, position, &mut state, limits, &mut scratch, handler, &mut false),
                Some(maker) => maker.with(|known| {
                    let handler = &mut RawEvents { events: handler, maker, known, py: data.py() };
                    filter.run(data, position, &mut state, limits, &mut scratch, handler, &mut false)
                }),
            },
        })?
    };
    let (end, verdict) = result?;
    SCRATCH.set(Some(scratch));
    let positions = positions.map(|positions| {
        let raw: Vec<u8> = positions.into_iter().flat_map(u64::to_ne_bytes).collect();
        PyBytes::new(data.py(), &raw)
    });
    Ok((
        end,
        verdict as usize,
        (state.place as usize, state.has_document, state.in_array, state.is_wrapped, state.index),
        (state.element.0, state.element.1.map_or("", Vr::name)),
        state.sequences.into_iter().map(|sequence| (sequence.tag, sequence.has_vr, sequence.items)).collect(),
        state.kept,
        state.levels.into_iter().map(|level| (level.last, level.seen, level.lower)).collect(),
        String::from_utf8(state.skipped).unwrap_or_default(),
        positions,
        state.marks.bits,
        state.marks.marks.into_iter().map(placed).collect(),
    ))
}

/// Return the index after a number of attributes that are not canonical.
#[pyfunction]
fn json_skim(data: &Bound<'_, PyBytes>, position: usize, depth: i64, in_string: bool, count: usize) -> usize {
    skim(data.as_bytes(), position, depth, in_string, count)
}

pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<JsonLimits>()?;
    module.add_class::<JsonFilter>()?;
    module.add_function(wrap_pyfunction!(json_run, module)?)?;
    module.add_function(wrap_pyfunction!(json_skim, module)?)
}
