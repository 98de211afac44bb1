//! `part10_run`: bytes of a DICOM file to events.

use std::cell::Cell;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use streamdicom_scan::check::Checked;
use streamdicom_scan::part10::{Encoding, Frame, NO_END, Place, Repertoire, Scratch, Surroundings, run};
use streamdicom_scan::vr::Vr;

use crate::check::ElementRules;
use crate::objects::with_events;

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
    fn new(context: Py<PyAny>, public: Py<PyAny>, tables: Vec<(Py<PyAny>, bool, bool, bool, bool)>) -> Self {
        let tables = tables
            .into_iter()
            .map(|(table, is_implicit, is_little_endian, in_file_meta, checks_padding)| Table {
                table,
                encoding: Encoding { is_implicit, is_little_endian },
                in_file_meta,
                checks_padding,
            })
            .collect();
        Part10Run { context, public, tables }
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
        let known = context.getattr(intern!(py, "known"))?;
        let Some(table) = self.tables.iter().find(|row| known.is(&row.table)) else {
            return Ok((pos, context, is_item_due));
        };
        let &Table { encoding, in_file_meta, checks_padding, .. } = table;
        let frame = frame_of(&context, is_item_due, &self.public)?;
        let mut frames = vec![frame];
        let Memory { mut scratch, vrs } = MEMORY.take().unwrap_or_default();
        scratch.checks_padding = checks_padding;
        let mut contexts =
            Contexts { vrs, kit: self, context, known, outer, events, learned: vec![Vec::new()], repertoire: None };
        let place = Place { pos, is_item_due };
        let depth = outer.len();
        // The parser looks at all of the File Meta Information.
        let rules = rules.as_ref().filter(|_| !in_file_meta).map(|rules| &rules.rules);
        let (place, found) = with_events(events, positions.is_some(), |handler| {
            let bytes = buffer.as_bytes();
            let (frames, scratch, around) = (&mut frames, &mut scratch, &mut contexts);
            let Some(rules) = rules else {
                return run(
                    bytes,
                    place,
                    base,
                    encoding,
                    in_file_meta,
                    frames,
                    depth,
                    max_outer,
                    scratch,
                    around,
                    handler,
                );
            };
            let mut checked = Checked::new(rules, handler, true);
            let place = run(
                bytes,
                place,
                base,
                encoding,
                in_file_meta,
                frames,
                depth,
                max_outer,
                scratch,
                around,
                &mut checked,
            );
            checked.flush();
            place
        })?;
        MEMORY.set(Some(Memory { scratch, vrs: std::mem::take(&mut contexts.vrs) }));
        let context = contexts.finish(frames, place.is_item_due)?;
        if let (Some(positions), Some(found)) = (positions, found) {
            for position in found {
                positions.append(position)?;
            }
        }
        Ok((place.pos, context, place.is_item_due))
    }
}

fn frame_of(context: &Bound<'_, PyAny>, has_sequence: bool, public: &Py<PyAny>) -> PyResult<Frame> {
    let py = context.py();
    let mut frame = Frame {
        last: context.getattr(intern!(py, "last"))?.extract()?,
        end: offset(&context.getattr(intern!(py, "end"))?)?,
        limit: offset(&context.getattr(intern!(py, "limit"))?)?,
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

/// What Python knows about the frames.
struct Contexts<'a, 'py> {
    kit: &'a Part10Run,
    /// The context of the first frame.
    context: Bound<'py, PyAny>,
    known: Bound<'py, PyAny>,
    outer: &'a Bound<'py, PyList>,
    events: &'a Bound<'py, PyList>,
    /// For each frame the elements that change `ElementContext`: the tag, and the index of the event.
    learned: Vec<Vec<(u32, usize)>>,
    repertoire: Option<Repertoire>,
    vrs: KnownVrs,
}

impl<'py> Contexts<'_, 'py> {
    /// Writes the frames back to contexts; returns the innermost one.
    fn finish(mut self, frames: Vec<Frame>, is_item_due: bool) -> PyResult<Bound<'py, PyAny>> {
        let py = self.context.py();
        let count = frames.len();
        for (index, (frame, learned)) in frames.into_iter().zip(std::mem::take(&mut self.learned)).enumerate() {
            if index > 0 {
                let encoding = self.context.getattr(intern!(py, "encoding"))?;
                let facts = self.context.getattr(intern!(py, "facts"))?.getattr(intern!(py, "inherited"))?;
                let (start, end, limit) = (frame.start, python_offset(frame.end), python_offset(frame.limit));
                let item = self.kit.context.bind(py).call1((encoding, &self.known, start, end, limit, facts))?;
                self.outer.append(std::mem::replace(&mut self.context, item))?;
            }
            if !frame.seen.is_empty() {
                self.context.setattr(intern!(py, "last"), frame.last)?;
                let seen = self.context.getattr(intern!(py, "seen"))?;
                for tag in frame.seen {
                    seen.cast::<PyList>()?.append(tag)?;
                }
            }
            for (tag, event) in learned {
                let values = self.events.get_item(event)?.get_item(3)?;
                let facts = self.context.getattr(intern!(py, "facts"))?;
                let facts = facts.call_method1(intern!(py, "learn"), (tag, values))?;
                self.context.setattr(intern!(py, "facts"), facts)?;
            }
            if index + 1 < count || is_item_due {
                self.context.setattr(intern!(py, "tag"), frame.tag)?;
                self.context.setattr(intern!(py, "items"), frame.items)?;
                self.context.setattr(intern!(py, "sequence_start"), frame.sequence_start)?;
                self.context.setattr(intern!(py, "sequence_end"), python_offset(frame.sequence_end))?;
                if frame.is_public {
                    self.context.setattr(intern!(py, "sequence_kind"), &self.kit.public)?;
                }
            }
        }
        Ok(self.context)
    }

    fn implicit_vr(&mut self, tag: u32) -> Option<Vr> {
        let key = [(tag >> 16) as u8, (tag >> 24) as u8, tag as u8, (tag >> 8) as u8];
        let table = self.known.cast::<PyDict>().ok()?;
        let entry = table.get_item(PyBytes::new(table.py(), &key)).ok()??;
        let name = entry.get_item(2).ok()?;
        let code: [u8; 2] = name.cast::<PyString>().ok()?.to_str().ok()?.as_bytes().try_into().ok()?;
        let vr = Vr::of(code)?;
        self.vrs.insert(tag, vr);
        Some(vr)
    }

    /// Returns the character set of text beyond ASCII, which all frames share.
    fn find_repertoire(&self) -> PyResult<Repertoire> {
        let py = self.context.py();
        let sets = self.context.getattr(intern!(py, "facts"))?.getattr(intern!(py, "sets"))?;
        let terms: Vec<String> = sets.getattr(intern!(py, "terms"))?.extract()?;
        Ok(match terms.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["ISO_IR 100"] => Repertoire::Latin1,
            ["ISO_IR 192"] => Repertoire::Utf8,
            _ => Repertoire::Unknown,
        })
    }
}

impl Surroundings for Contexts<'_, '_> {
    #[inline]
    fn vr(&mut self, tag: u32) -> Option<Vr> {
        let found = self.vrs.get(tag);
        found.or_else(|| self.implicit_vr(tag))
    }

    fn repertoire(&mut self) -> Repertoire {
        if self.repertoire.is_none() {
            self.repertoire = Some(self.find_repertoire().unwrap_or(Repertoire::Unknown));
        }
        self.repertoire.unwrap_or(Repertoire::Unknown)
    }

    fn learn(&mut self, tag: u32) {
        let event = self.events.len() - 1;
        if let Some(learned) = self.learned.last_mut() {
            if is_private_creator(tag) {
                // The creators of one group only are held.
                learned.retain(|(other, _)| !is_private_creator(*other) || other >> 16 == tag >> 16);
            }
            learned.push((tag, event));
        }
    }

    fn enter(&mut self) {
        self.learned.push(Vec::new());
    }

    fn exit(&mut self) {
        self.learned.pop();
    }

    fn leave(&mut self) -> Option<(Frame, bool)> {
        let last = self.outer.len().checked_sub(1)?;
        let context = self.outer.get_item(last).ok()?;
        let frame = frame_of(&context, true, &self.kit.public).ok()?;
        let is_same = context.getattr(intern!(context.py(), "known")).ok()?.is(&self.known);
        self.outer.del_item(last).ok()?;
        self.context = context;
        self.repertoire = None;
        self.learned = vec![Vec::new()];
        Some((frame, is_same))
    }
}

fn is_private_creator(tag: u32) -> bool {
    tag & 0x1_0000 != 0 && (0x10..=0xFF).contains(&(tag & 0xFFFF))
}
