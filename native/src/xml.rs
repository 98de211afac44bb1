//! Functions of the module for Native DICOM XML.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};
use streamdicom_scan::check::Checked;
use streamdicom_scan::xml::{Blocks, Keywords, Level, Limits, Place, Scratch, Sequence, State, Verdict, run, skim};

use crate::check::ElementRules;
use crate::objects::with_events;

const SLOTS: usize = 8 * 1024;

/// Keywords of standard tags, by the hash of the tag.
type Known = Vec<Option<(u32, Box<[u8]>)>>;

/// Memory that runs use one after another. A run takes it, because objects of Python may run any code when they are
/// made or freed, even another run.
#[derive(Default)]
struct Memory {
    scratch: Scratch,
    keywords: Known,
}

thread_local! {
    static MEMORY: Cell<Option<Memory>> = const { Cell::new(None) };
}

/// The keywords of Python, each asked for once.
struct Dictionary<'a, 'py> {
    known: &'a mut Known,
    keyword: &'a Bound<'py, PyAny>,
}

impl Dictionary<'_, '_> {
    #[cold]
    fn learn(&self, tag: u32) -> Option<(u32, Box<[u8]>)> {
        let text = self.keyword.call1((tag,)).ok()?;
        Some((tag, text.cast::<PyString>().ok()?.to_str().ok()?.as_bytes().into()))
    }
}

impl Keywords for Dictionary<'_, '_> {
    #[inline]
    fn fits(&mut self, tag: u32, keyword: &[u8]) -> bool {
        if self.known.is_empty() {
            self.known.resize(SLOTS, None);
        }
        let slot = (tag.wrapping_mul(0x9E37_79B1) >> 16) as usize % SLOTS;
        if !matches!(&self.known[slot], Some((known, _)) if *known == tag) {
            self.known[slot] = self.learn(tag);
        }
        let expected = self.known[slot].as_ref().map(|(_, expected)| &**expected);
        keyword.is_empty() || expected.is_some_and(|expected| expected.is_empty() || expected == keyword)
    }
}

/// The bounds of a parser, and the function that returns the keyword of a tag.
#[pyclass(frozen, name = "XmlLimits")]
struct XmlLimits {
    limits: Limits,
    keyword: Py<PyAny>,
}

#[pymethods]
impl XmlLimits {
    #[new]
    #[pyo3(signature = (*, sequences, segment_size, number_length, values_per_event, keyword))]
    fn new(
        sequences: usize,
        segment_size: usize,
        number_length: usize,
        values_per_event: usize,
        keyword: Py<PyAny>,
    ) -> XmlLimits {
        XmlLimits { limits: Limits { sequences, segment_size, number_length, values_per_event }, keyword }
    }
}

/// The group of the private blocks, and each block with its creator.
type PrivateBlocks = (i64, Vec<(u8, String)>);

/// Append the events of canonical text to a list; with rules those only that need a closer look.
///
/// Returns the index after the text, whether odd text follows, the place, the index of the data set, the open
/// sequences, the fewest levels that were open, the levels, and the position of each event.
#[pyfunction]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
fn xml_run<'py>(
    data: &Bound<'py, PyBytes>,
    position: usize,
    limits: &XmlLimits,
    place: usize,
    is_utf8: bool,
    index: i64,
    sequences: Vec<(u32, i64)>,
    levels: Vec<(i64, PrivateBlocks)>,
    events: &Bound<'py, PyList>,
    keeps_positions: bool,
    rules: Option<PyRef<'py, ElementRules>>,
) -> PyResult<(
    usize,
    bool,
    usize,
    i64,
    Vec<(u32, i64)>,
    usize,
    Vec<(i64, Vec<u32>, PrivateBlocks)>,
    Option<Bound<'py, PyBytes>>,
)> {
    let mut state = State {
        place: *Place::ALL.get(place).unwrap_or(&Place::Document),
        is_utf8,
        index,
        sequences: sequences.into_iter().map(|(tag, items)| Sequence { tag, items }).collect(),
        levels: levels
            .into_iter()
            .map(|(last, (group, creators))| Level { last, seen: Vec::new(), blocks: Blocks { group, creators } })
            .collect(),
        kept: 0,
    };
    let mut memory = MEMORY.take().unwrap_or_default();
    let Memory { scratch, keywords } = &mut memory;
    let mut dictionary = Dictionary { known: keywords, keyword: limits.keyword.bind(data.py()) };
    let ((end, verdict), positions) = with_events(events, keeps_positions, |handler| {
        let Some(rules) = rules else {
            return run(data.as_bytes(), position, &mut state, &limits.limits, scratch, &mut dictionary, handler);
        };
        let mut checked = Checked::new(&rules.rules, handler, false);
        let bytes = data.as_bytes();
        let result = run(bytes, position, &mut state, &limits.limits, scratch, &mut dictionary, &mut checked);
        checked.flush();
        result
    })?;
    MEMORY.set(Some(memory));
    let positions = positions.map(|positions| {
        let raw: Vec<u8> = positions.into_iter().flat_map(u64::to_ne_bytes).collect();
        PyBytes::new(data.py(), &raw)
    });
    Ok((
        end,
        verdict == Verdict::Odd,
        state.place as usize,
        state.index,
        state.sequences.into_iter().map(|sequence| (sequence.tag, sequence.items)).collect(),
        state.kept,
        state
            .levels
            .into_iter()
            .map(|level| (level.last, level.seen, (level.blocks.group, level.blocks.creators)))
            .collect(),
        positions,
    ))
}

/// Return the index after a number of attributes that are not canonical.
#[pyfunction]
fn xml_skim(data: &Bound<'_, PyBytes>, position: usize, depth: i64, count: usize) -> usize {
    skim(data.as_bytes(), position, depth, count)
}

pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<XmlLimits>()?;
    module.add_function(wrap_pyfunction!(xml_run, module)?)?;
    module.add_function(wrap_pyfunction!(xml_skim, module)?)
}
