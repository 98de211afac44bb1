//! The loop that JSON and XML share: events to text, up to the first that Python must see.

use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyString, PyTuple};
use streamdicom_scan::vr::Vr;

use super::{ELEMENT, END_ITEM, END_SEQUENCE, SPECIFIC_CHARACTER_SET, START_ITEM, START_SEQUENCE, number, vr_of};

const DATASET: i64 = 1;
const SEQUENCE: i64 = 2;

const SLOTS: usize = 8 * 1024;

/// The starts of elements by tag and VR, by the hash of the tag. The start of an element that is left out is empty.
type Starts = Vec<Option<(u32, Vr, Box<[u8]>)>>;

/// The starts that the writers with the same options have met.
#[derive(Default)]
pub struct KnownStarts(Mutex<Option<Starts>>);

impl KnownStarts {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Starts>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The text of a format. A method returns false for an event that is left to Python.
pub trait Markup<'py> {
    /// Append the start of an element, which may be the first in its data set or item.
    fn put_start(&self, out: &mut Vec<u8>, start: &[u8], is_first: bool);
    /// Append the rest of an element without values.
    fn put_empty(&self, out: &mut Vec<u8>);
    /// Append the values of an element, and the rest of it.
    fn put_values(&self, out: &mut Vec<u8>, vr: Vr, values: &Bound<'py, PyTuple>) -> bool;
    /// Append the start of an item by its index.
    fn start_item(&mut self, out: &mut Vec<u8>, index: i64) -> PyResult<()>;
    fn end_item(&mut self, out: &mut Vec<u8>) -> PyResult<()>;
    fn end_sequence(&self, out: &mut Vec<u8>, has_items: bool);
    /// Return the start of an element whose start depends on others, None if Python must see it.
    fn private_start(&self, _tag: u32, _vr: Vr) -> PyResult<Option<Vec<u8>>> {
        Ok(None)
    }
    /// The start of the element depends on others.
    fn is_private(&self, _tag: u32) -> bool {
        false
    }
    /// An element that may change the starts of others has been written.
    fn note(&self, _tag: u32, _event: &Bound<'py, PyTuple>) -> PyResult<()> {
        Ok(())
    }
}

/// The events, and the state of the writer in Python.
pub struct Job<'a, 'py> {
    pub events: &'a Bound<'py, PyIterator>,
    pub state: i64,
    pub last: i64,
    pub size: usize,
    pub cache: &'a Bound<'py, PyDict>,
    pub starts: &'a Bound<'py, PyDict>,
    pub sequences: &'a Bound<'py, PyList>,
    pub max_sequences: usize,
    pub max_size: usize,
    pub texts: &'a Bound<'py, PyList>,
    pub sets_character_set: bool,
}

/// The first event that was not written; the state, the last tag and the size.
pub type Written<'py> = (Option<Bound<'py, PyTuple>>, i64, i64, usize);

/// Write events up to the first other one, or a block.
pub fn write<'py, M: Markup<'py>>(job: &Job<'_, 'py>, known: &KnownStarts, markup: M) -> PyResult<Written<'py>> {
    // The lock is not held while objects of Python are made or freed, which may run any code.
    let taken = known.lock().take();
    let mut writer = Writer {
        markup,
        job,
        known: taken.unwrap_or_else(|| vec![None; SLOTS]),
        out: Vec::with_capacity(job.max_size.saturating_sub(job.size).min(1 << 20) + 1024),
        state: job.state,
        last: job.last,
        sequences: job.sequences.extract()?,
    };
    let mut events = job.events.clone();
    let mut size = job.size;
    let mut rest = None;
    let mut counted = 0;
    for event in events.by_ref() {
        let event = event?;
        let Ok(event) = event.cast_into_exact::<PyTuple>() else {
            // Not reached: the writer gets events only.
            return Err(pyo3::exceptions::PyTypeError::new_err("expected an event, which is a tuple"));
        };
        let (start, before) = (writer.out.len(), (writer.state, writer.last));
        if !writer.take(&event)? {
            writer.out.truncate(start);
            (writer.state, writer.last) = before;
            rest = Some(event);
            break;
        }
        let added = &writer.out[counted..];
        size += added.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        counted = writer.out.len();
        if size >= job.max_size {
            break;
        }
    }
    if !writer.out.is_empty() {
        // Texts and starts of Python are UTF-8.
        job.texts.append(PyString::new(events.py(), &String::from_utf8_lossy(&writer.out)))?;
    }
    job.sequences.set_slice(0, job.sequences.len(), PyList::new(events.py(), &writer.sequences)?.as_any())?;
    *known.lock() = Some(writer.known);
    Ok((rest, writer.state, writer.last, size))
}

struct Writer<'a, 'py, M> {
    markup: M,
    job: &'a Job<'a, 'py>,
    known: Starts,
    out: Vec<u8>,
    state: i64,
    last: i64,
    sequences: Vec<(u32, i64)>,
}

impl<'py, M: Markup<'py>> Writer<'_, 'py, M> {
    /// Write an event; return false for one that is left to Python.
    #[inline]
    fn take(&mut self, event: &Bound<'py, PyTuple>) -> PyResult<bool> {
        let kind = number(event, 0);
        if self.state == DATASET {
            match kind {
                Some(ELEMENT) => return self.element(event),
                Some(END_ITEM) if !self.sequences.is_empty() => {
                    self.markup.end_item(&mut self.out)?;
                    self.state = SEQUENCE;
                }
                Some(START_SEQUENCE) if self.sequences.len() < self.job.max_sequences => {
                    let Some(tag) = self.next_tag(event) else { return Ok(false) };
                    let last = self.last;
                    if !self.put_start(tag, Vr::SQ)? || self.last == last {
                        return Ok(false);
                    }
                    self.sequences.push((tag, 0));
                    self.state = SEQUENCE;
                }
                _ => return Ok(false),
            }
            return Ok(true);
        }
        if self.state != SEQUENCE {
            return Ok(false);
        }
        let Some((tag, items)) = self.sequences.last_mut() else { return Ok(false) };
        match kind {
            Some(START_ITEM) => {
                self.markup.start_item(&mut self.out, *items)?;
                *items += 1;
                self.last = -1;
            }
            Some(END_SEQUENCE) => {
                self.markup.end_sequence(&mut self.out, *items > 0);
                self.last = i64::from(*tag);
                self.sequences.pop();
            }
            _ => return Ok(false),
        }
        self.state = DATASET;
        Ok(true)
    }

    fn element(&mut self, event: &Bound<'py, PyTuple>) -> PyResult<bool> {
        let Some(tag) = self.next_tag(event) else { return Ok(false) };
        if self.job.sets_character_set && tag == SPECIFIC_CHARACTER_SET {
            return Ok(false);
        }
        let Some(vr) = vr_of(event) else { return Ok(false) };
        let Ok(values) = event.get_borrowed_item(3) else { return Ok(false) };
        let Ok(values) = values.cast_exact::<PyTuple>() else { return Ok(false) };
        let last = self.last;
        if vr == Vr::SQ || !self.put_start(tag, vr)? {
            return Ok(false);
        }
        if self.last == last {
            return Ok(true); // the element is left out
        }
        if values.is_empty() {
            self.markup.put_empty(&mut self.out);
        } else if !self.markup.put_values(&mut self.out, vr, &values) {
            return Ok(false);
        }
        if self.markup.is_private(tag) {
            self.markup.note(tag, event)?;
        }
        Ok(true)
    }

    /// Return the tag of an event if it follows the last one.
    #[inline]
    fn next_tag(&self, event: &Bound<'py, PyTuple>) -> Option<u32> {
        let tag = number(event, 1)?;
        if tag > self.last { u32::try_from(tag).ok() } else { None }
    }

    /// Write the start of an element, unless it is left out; return false if Python has not met it.
    #[inline]
    fn put_start(&mut self, tag: u32, vr: Vr) -> PyResult<bool> {
        let is_first = self.last < 0;
        if self.markup.is_private(tag) {
            let Some(start) = self.markup.private_start(tag, vr)? else { return Ok(false) };
            self.markup.put_start(&mut self.out, &start, is_first);
            self.last = i64::from(tag);
            return Ok(true);
        }
        let slot = (tag.wrapping_mul(0x9E37_79B1) >> 16) as usize % SLOTS;
        if !matches!(&self.known[slot], Some((known, known_vr, _)) if *known == tag && *known_vr == vr) {
            let Some(start) = self.start_of(tag, vr)? else { return Ok(false) };
            self.known[slot] = Some((tag, vr, start));
        }
        if let Some((_, _, start)) = &self.known[slot]
            && !start.is_empty()
        {
            self.markup.put_start(&mut self.out, start, is_first);
            self.last = i64::from(tag);
        }
        Ok(true)
    }

    fn start_of(&self, tag: u32, vr: Vr) -> PyResult<Option<Box<[u8]>>> {
        if vr == Vr::SQ {
            let Some(start) = self.job.starts.get_item(tag)? else { return Ok(None) };
            return Ok(Some(start.cast::<PyString>()?.to_str()?.as_bytes().into()));
        }
        let Some(entry) = self.job.cache.get_item(tag)? else { return Ok(None) };
        let (name, start): (String, String) = (entry.get_item(0)?.extract()?, entry.get_item(1)?.extract()?);
        Ok(if name == vr.name() { Some(start.into_bytes().into()) } else { None })
    }
}
