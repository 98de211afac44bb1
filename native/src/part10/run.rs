//! `part10_run`: bytes of a DICOM file to events, or to the output of a writer.

use std::cell::Cell;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use streamdicom_scan::check::Checked;
use streamdicom_scan::encode::Until;
use streamdicom_scan::handler::Handler;
use streamdicom_scan::part10::{
    Encoding, Frame, NO_END, Place, Repertoire, Scratch, Surroundings, is_private_creator, run,
};
use streamdicom_scan::vr::Vr;

use crate::check::ElementRules;
use crate::objects::with_events;
use crate::output::{Fill, OutputForm, Start, with_output};
use crate::part10::again::{Asked, Part10Source};
use crate::replaced::Source;

const SLOTS: usize = 8 * 1024;

/// Memory that runs use one after another. A run takes it, because objects of Python may run any code when they are
/// made or freed, even another run.
#[derive(Default)]
struct Memory {
    scratch: Scratch,
    vrs: KnownVrs,
}

/// VRs of elements in implicit VR that Python has met, by the hash of the tag.
#[derive(Default)]
struct KnownVrs(Vec<Option<(u32, Vr)>>);

impl KnownVrs {
    #[inline]
    fn slot(&mut self, tag: u32) -> &mut Option<(u32, Vr)> {
        if self.0.is_empty() {
            self.0.resize(SLOTS, None);
        }
        &mut self.0[(tag.wrapping_mul(0x9E37_79B1) >> 16) as usize % SLOTS]
    }

    #[inline]
    fn get(&mut self, tag: u32) -> Option<Vr> {
        (*self.slot(tag)).filter(|(known, _)| *known == tag).map(|(_, vr)| vr)
    }

    fn insert(&mut self, tag: u32, vr: Vr) {
        *self.slot(tag) = Some((tag, vr));
    }
}

thread_local! {
    static MEMORY: Cell<Option<Memory>> = const { Cell::new(None) };
}

/// The function `part10_run`, with the objects of Python that it needs.
#[pyclass(frozen)]
pub struct Part10Run {
    context: Py<PyAny>,
    public: Py<PyAny>,
    /// Returns the VR that a tag has in implicit VR wherever it stands, or "".
    certain_vr: Py<PyAny>,
    tables: Vec<Table>,
}

/// A table of known elements: what runs read with it.
struct Table {
    table: Py<PyAny>,
    encoding: Encoding,
    in_file_meta: bool,
    checks_padding: bool,
}

#[pymethods]
impl Part10Run {
    #[new]
    fn new(
        context: Py<PyAny>,
        public: Py<PyAny>,
        certain_vr: Py<PyAny>,
        tables: Vec<(Py<PyAny>, bool, bool, bool, bool)>,
    ) -> Self {
        let tables = tables
            .into_iter()
            .map(|(table, is_implicit, is_little_endian, in_file_meta, checks_padding)| Table {
                table,
                encoding: Encoding { is_implicit, is_little_endian },
                in_file_meta,
                checks_padding,
            })
            .collect();
        Part10Run { context, public, certain_vr, tables }
    }

    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (buffer, pos, base, context, outer, events, max_outer, is_item_due, rules=None, positions=None))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        buffer: &Bound<'py, PyBytes>,
        pos: usize,
        base: i64,
        context: Bound<'py, PyAny>,
        outer: &Bound<'py, PyList>,
        events: &Bound<'py, PyList>,
        max_outer: usize,
        is_item_due: bool,
        rules: Option<PyRef<'py, ElementRules>>,
        positions: Option<&Bound<'py, PyList>>,
    ) -> PyResult<(usize, Bound<'py, PyAny>, bool)> {
        let place = Place { pos, is_item_due };
        let Some(mut opened) = Opened::new(self, py, base, &context, outer, max_outer, place)? else {
            return Ok((pos, context, is_item_due));
        };
        // The parser looks at all of the File Meta Information.
        let rules = rules.as_ref().filter(|_| !opened.in_file_meta).map(|rules| &rules.rules);
        if rules.is_none() {
            opened.contexts.events = Some(events.clone().unbind());
        }
        let data = buffer.as_bytes();
        let (place, found) = with_events(events, positions.is_some(), |handler| {
            let Some(rules) = rules else {
                return opened.run(data, handler);
            };
            let mut checked = Checked::new(rules, handler, true);
            if let Some(frame) = opened.frames.last() {
                checked.begin_after(frame.last);
            }
            let place = opened.run(data, &mut checked);
            checked.flush();
            place
        })?;
        if let (Some(positions), Some(found)) = (positions, found) {
            for position in found {
                positions.append(position)?;
            }
        }
        opened.finish(py, place)
    }

    /// Write what is canonical instead, and append it as one event, if there is any.
    ///
    /// Other threads run meanwhile.
    #[allow(clippy::too_many_arguments)]
    fn encode<'py>(
        &self,
        py: Python<'py>,
        form: &Bound<'py, OutputForm>,
        buffer: &Bound<'py, PyBytes>,
        pos: usize,
        base: i64,
        context: Bound<'py, PyAny>,
        outer: &Bound<'py, PyList>,
        events: &Bound<'py, PyList>,
        max_outer: usize,
        is_item_due: bool,
    ) -> PyResult<(usize, Bound<'py, PyAny>, bool)> {
        let place = Place { pos, is_item_due };
        let Some(opened) = Opened::new(self, py, base, &context, outer, max_outer, place)? else {
            return Ok((pos, context, is_item_due));
        };
        if opened.in_file_meta {
            MEMORY.set(Some(Memory { scratch: opened.scratch, vrs: opened.contexts.vrs }));
            return self.__call__(py, buffer, pos, base, context, outer, events, max_outer, is_item_due, None, None);
        }
        let form = form.get();
        if form.has_choice() && opened.top(py, outer)? <= form.conditions_end() {
            return opened.until(py, buffer.as_bytes(), events, form.conditions_end());
        }
        let items = opened.frames.last().filter(|_| is_item_due).map(|frame| frame.items);
        let path = if form.has_choice() { opened.path(outer)? } else { Vec::new() };
        let outside = opened.outside + usize::from(is_item_due);
        let start = Start { outside, items, path, has_wishes: false, refused_tag: 0 };
        let data = buffer.as_bytes();
        let began = opened.began(py, data.len());
        let source = |found: &(Opened<'_>, Place)| {
            let (opened, place) = found;
            let asked = opened.contexts.asked.clone();
            Source::Part10(Part10Source { data: data.get(pos..place.pos).unwrap_or_default().to_vec(), asked, ..began })
        };
        let detached = Detached { py, opened, data };
        match with_output(form, start, events, detached, source)? {
            Some((opened, place)) => opened.finish(py, place),
            None => self.__call__(py, buffer, pos, base, context, outer, events, max_outer, is_item_due, None, None),
        }
    }
}

/// A run, and all that it changes.
struct Opened<'a> {
    base: i64,
    encoding: Encoding,
    in_file_meta: bool,
    outside: usize,
    max_outer: usize,
    place: Place,
    frames: Vec<Frame>,
    scratch: Scratch,
    contexts: Contexts<'a>,
}

impl<'a> Opened<'a> {
    fn new(
        kit: &'a Part10Run,
        py: Python<'_>,
        base: i64,
        context: &Bound<'_, PyAny>,
        outer: &Bound<'_, PyList>,
        max_outer: usize,
        place: Place,
    ) -> PyResult<Option<Opened<'a>>> {
        let known = context.getattr(intern!(py, "known"))?;
        let Some(table) = kit.tables.iter().find(|row| known.is(&row.table)) else {
            return Ok(None);
        };
        let &Table { encoding, in_file_meta, checks_padding, .. } = table;
        let frames = vec![frame_of(context, place.is_item_due, &kit.public)?];
        let Memory { mut scratch, vrs } = MEMORY.take().unwrap_or_default();
        scratch.checks_padding = checks_padding;
        let contexts = Contexts {
            kit,
            context: context.clone().unbind(),
            known: known.unbind(),
            outer: outer.clone().unbind(),
            events: None,
            learned: vec![Vec::new()],
            repertoires: vec![None],
            asked: Asked::default(),
            vrs,
        };
        let outside = outer.len();
        Ok(Some(Opened { base, encoding, in_file_meta, outside, max_outer, place, frames, scratch, contexts }))
    }

    /// Return how the run begins.
    fn began(&self, py: Python<'_>, size: usize) -> Part10Source {
        Part10Source {
            data: Vec::new(),
            seen: size.saturating_sub(self.place.pos),
            base: self.base + self.place.pos as i64,
            encoding: self.encoding,
            outside: self.outside,
            max_outer: self.max_outer,
            is_item_due: self.place.is_item_due,
            frame: self.frames.first().cloned().unwrap_or_default(),
            checks_padding: self.scratch.checks_padding,
            asked: Asked::default(),
            certain_vr: self.contexts.kit.certain_vr.clone_ref(py),
        }
    }

    fn run<H: Handler>(&mut self, data: &[u8], handler: &mut H) -> Place {
        run(
            data,
            self.place,
            self.base,
            self.encoding,
            self.in_file_meta,
            &mut self.frames,
            self.outside,
            self.max_outer,
            &mut self.scratch,
            &mut self.contexts,
            handler,
        )
    }

    /// Return the highest tag so far in the data set.
    fn top(&self, py: Python<'_>, outer: &Bound<'_, PyList>) -> PyResult<i64> {
        match outer.get_item(0) {
            Ok(dataset) => dataset.getattr(intern!(py, "last"))?.extract(),
            Err(_) => Ok(self.frames.first().map_or(-1, |frame| frame.last)),
        }
    }

    /// Return the tag and the item of each open sequence.
    fn path(&self, outer: &Bound<'_, PyList>) -> PyResult<Vec<(u32, i64)>> {
        let py = outer.py();
        let mut path = Vec::with_capacity(outer.len() + 1);
        for context in outer {
            let items: i64 = context.getattr(intern!(py, "items"))?.extract()?;
            path.push((context.getattr(intern!(py, "tag"))?.extract()?, (items - 1).max(0)));
        }
        if self.place.is_item_due {
            path.extend(self.frames.first().map(|frame| (frame.tag, (frame.items - 1).max(0))));
        }
        Ok(path)
    }

    /// Append the events up to the last element with a condition.
    fn until<'py>(
        mut self,
        py: Python<'py>,
        data: &[u8],
        events: &Bound<'py, PyList>,
        head: i64,
    ) -> PyResult<(usize, Bound<'py, PyAny>, bool)> {
        self.contexts.events = Some(events.clone().unbind());
        let items = self.outside;
        let (place, _) = with_events(events, false, |handler| self.run(data, &mut Until::new(handler, head, items)))?;
        self.finish(py, place)
    }

    fn finish<'py>(self, py: Python<'py>, place: Place) -> PyResult<(usize, Bound<'py, PyAny>, bool)> {
        let Opened { frames, mut scratch, mut contexts, encoding, .. } = self;
        let vrs = std::mem::take(&mut contexts.vrs);
        let context = contexts.finish(py, frames, &mut scratch, encoding, place.is_item_due)?;
        MEMORY.set(Some(Memory { scratch, vrs }));
        Ok((place.pos, context, place.is_item_due))
    }
}

fn frame_of(context: &Bound<'_, PyAny>, has_sequence: bool, public: &Py<PyAny>) -> PyResult<Frame> {
    let py = context.py();
    let mut frame = Frame {
        last: context.getattr(intern!(py, "last"))?.extract()?,
        end: offset(&context.getattr(intern!(py, "end"))?)?,
        limit: offset(&context.getattr(intern!(py, "limit"))?)?,
        reach: offset(&context.getattr(intern!(py, "reach"))?)?,
        ..Frame::default()
    };
    if has_sequence {
        frame.tag = context.getattr(intern!(py, "tag"))?.extract()?;
        frame.items = context.getattr(intern!(py, "items"))?.extract()?;
        frame.sequence_start = context.getattr(intern!(py, "sequence_start"))?.extract()?;
        frame.sequence_end = offset(&context.getattr(intern!(py, "sequence_end"))?)?;
        frame.is_public = context.getattr(intern!(py, "sequence_kind"))?.is(public);
    }
    Ok(frame)
}

/// Returns an offset of Python, where `NO_END` is greater by one.
fn offset(number: &Bound<'_, PyAny>) -> PyResult<i64> {
    let number: u64 = number.extract()?;
    Ok(i64::try_from(number).unwrap_or(NO_END))
}

fn python_offset(offset: i64) -> u64 {
    if offset == NO_END { 1 << 63 } else { offset.unsigned_abs() }
}

/// A run during which other threads run.
struct Detached<'a, 'py> {
    py: Python<'py>,
    opened: Opened<'a>,
    data: &'a [u8],
}

impl<'a> Fill for Detached<'a, '_> {
    type Found = (Opened<'a>, Place);

    fn fill<H: Handler + Send>(self, output: &mut H) -> Self::Found {
        let Detached { py, mut opened, data } = self;
        let place = py.detach(|| opened.run(data, output));
        (opened, place)
    }
}

/// An element that changes `ElementContext`.
struct Learned {
    tag: u32,
    source: LearnedFrom,
}

/// Where the values of such an element are.
enum LearnedFrom {
    /// In the event of this index.
    Event(usize),
    Field(Vr, Vec<u8>, Repertoire),
}

/// What Python knows about the frames.
struct Contexts<'a> {
    kit: &'a Part10Run,
    /// The context of the first frame.
    context: Py<PyAny>,
    known: Py<PyAny>,
    outer: Py<PyList>,
    /// The events, if every element has one.
    events: Option<Py<PyList>>,
    /// Of each frame.
    learned: Vec<Vec<Learned>>,
    /// The character set of each frame, as far as it is known.
    repertoires: Vec<Option<Repertoire>>,
    asked: Asked,
    vrs: KnownVrs,
}

impl Contexts<'_> {
    /// Writes the frames back to contexts; returns the innermost one.
    fn finish<'py>(
        self,
        py: Python<'py>,
        frames: Vec<Frame>,
        scratch: &mut Scratch,
        encoding: Encoding,
        is_item_due: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Contexts { kit, context, known, outer, events, learned, .. } = self;
        let mut context = context.into_bound(py);
        let count = frames.len();
        for (index, (frame, learned)) in frames.into_iter().zip(learned).enumerate() {
            if index > 0 {
                let encoding = context.getattr(intern!(py, "encoding"))?;
                let facts = context.getattr(intern!(py, "facts"))?.getattr(intern!(py, "inherited"))?;
                let (start, end, limit) = (frame.start, python_offset(frame.end), python_offset(frame.limit));
                let reach = python_offset(frame.reach.min(frame.limit));
                let item = kit.context.bind(py).call1((encoding, &known, start, end, limit, reach, facts))?;
                outer.bind(py).append(std::mem::replace(&mut context, item))?;
            }
            if !frame.seen.is_empty() {
                context.setattr(intern!(py, "last"), frame.last)?;
                let seen = context.getattr(intern!(py, "seen"))?;
                for tag in frame.seen {
                    seen.cast::<PyList>()?.append(tag)?;
                }
            }
            for Learned { tag, source } in learned {
                let values = match source {
                    LearnedFrom::Event(event) => match &events {
                        Some(events) => events.bind(py).get_item(event)?.get_item(3)?,
                        None => continue, // not reached
                    },
                    LearnedFrom::Field(vr, field, repertoire) => {
                        values_of(py, scratch, encoding, tag, vr, &field, repertoire)?
                    }
                };
                let facts = context.getattr(intern!(py, "facts"))?;
                let facts = facts.call_method1(intern!(py, "learn"), (tag, values))?;
                context.setattr(intern!(py, "facts"), facts)?;
            }
            if index + 1 < count || is_item_due {
                context.setattr(intern!(py, "tag"), frame.tag)?;
                context.setattr(intern!(py, "items"), frame.items)?;
                context.setattr(intern!(py, "sequence_start"), frame.sequence_start)?;
                context.setattr(intern!(py, "sequence_end"), python_offset(frame.sequence_end))?;
                if frame.is_public {
                    context.setattr(intern!(py, "sequence_kind"), &kit.public)?;
                }
            }
        }
        Ok(context)
    }

    fn implicit_vr(&mut self, py: Python<'_>, tag: u32) -> Option<Vr> {
        let vr = vr_in_implicit(self.kit.certain_vr.bind(py), tag)?;
        self.vrs.insert(tag, vr);
        Some(vr)
    }

    /// Returns the character set of text beyond ASCII, which the frame of the run's start has.
    fn find_repertoire(&self, py: Python<'_>) -> PyResult<Repertoire> {
        let sets = self.context.bind(py).getattr(intern!(py, "facts"))?.getattr(intern!(py, "sets"))?;
        let terms: Vec<String> = sets.getattr(intern!(py, "terms"))?.extract()?;
        Ok(match terms.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["ISO_IR 100"] => Repertoire::Latin1,
            ["ISO_IR 192"] => Repertoire::Utf8,
            _ => Repertoire::Unknown,
        })
    }
}

/// Return the VR of an element in implicit VR, by the function of Python.
pub fn vr_in_implicit(certain_vr: &Bound<'_, PyAny>, tag: u32) -> Option<Vr> {
    let name = certain_vr.call1((tag,)).ok()?;
    Vr::of(name.cast::<PyString>().ok()?.to_str().ok()?.as_bytes().try_into().ok()?)
}

/// Returns the values of an element as its event has them.
fn values_of<'py>(
    py: Python<'py>,
    scratch: &mut Scratch,
    encoding: Encoding,
    tag: u32,
    vr: Vr,
    field: &[u8],
    repertoire: Repertoire,
) -> PyResult<Bound<'py, PyAny>> {
    if !field.is_empty()
        && let Some(values) = scratch.values(vr, field, encoding.is_little_endian, || repertoire)
    {
        let events = PyList::empty(py);
        with_events(&events, false, |handler| handler.element(tag, vr, values))?;
        return events.get_item(0)?.get_item(3);
    }
    Ok(PyTuple::empty(py).into_any())
}

// Other threads may run meanwhile, so each function attaches this one if it needs Python.
impl Surroundings for Contexts<'_> {
    #[inline]
    fn vr(&mut self, tag: u32) -> Option<Vr> {
        let found = self.vrs.get(tag);
        found.or_else(|| Python::attach(|py| self.implicit_vr(py, tag)))
    }

    fn vr_of_un(&mut self, tag: u32) -> Option<Vr> {
        self.vr(tag)
    }

    fn repertoire(&mut self) -> Repertoire {
        if let Some(Some(repertoire)) = self.repertoires.last() {
            return *repertoire;
        }
        let found = Python::attach(|py| self.find_repertoire(py)).unwrap_or(Repertoire::Unknown);
        self.asked.repertoires.push(found);
        self.set_repertoire(found);
        found
    }

    fn set_repertoire(&mut self, repertoire: Repertoire) -> bool {
        if let Some(innermost) = self.repertoires.last_mut() {
            *innermost = Some(repertoire);
        }
        true
    }

    fn learn(&mut self, tag: u32, vr: Vr, field: &[u8]) {
        let source = match &self.events {
            Some(events) => LearnedFrom::Event(Python::attach(|py| events.bind(py).len()) - 1),
            None => LearnedFrom::Field(
                vr,
                field.to_vec(),
                self.repertoires.last().copied().flatten().unwrap_or(Repertoire::Unknown),
            ),
        };
        if let Some(learned) = self.learned.last_mut() {
            if is_private_creator(tag) {
                // The creators of one group only are held.
                learned.retain(|other| !is_private_creator(other.tag) || other.tag >> 16 == tag >> 16);
            }
            learned.push(Learned { tag, source });
        }
    }

    fn enter(&mut self) {
        self.learned.push(Vec::new());
        self.repertoires.push(self.repertoires.last().copied().flatten());
    }

    fn exit(&mut self) {
        self.learned.pop();
        self.repertoires.pop();
    }

    fn leave(&mut self) -> Option<(Frame, bool)> {
        Python::attach(|py| {
            let outer = self.outer.bind(py);
            let last = outer.len().checked_sub(1)?;
            let context = outer.get_item(last).ok()?;
            let frame = frame_of(&context, true, &self.kit.public).ok()?;
            let is_same = context.getattr(intern!(py, "known")).ok()?.is(&self.known);
            outer.del_item(last).ok()?;
            self.context = context.unbind();
            self.repertoires = vec![None];
            self.learned = vec![Vec::new()];
            self.asked.left.push((frame.clone(), is_same));
            Some((frame, is_same))
        })
    }
}
