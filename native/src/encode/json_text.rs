//! `json_text`: events to JSON text.

use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyString, PyTuple};
use streamdicom_scan::encode::{Attribute, Choices, Nonfinite, NumberHandling};
use streamdicom_scan::vr::Vr;

use super::{
    ELEMENT, END_ITEM, END_SEQUENCE, SPECIFIC_CHARACTER_SET, START_ITEM, START_SEQUENCE, number, put_values, vr_of,
};

const DATASET: i64 = 1;
const SEQUENCE: i64 = 2;

const SLOTS: usize = 8 * 1024;

/// The starts of attributes by tag and VR, by the hash of the tag. The start of an element that is left out is empty.
type Starts = Vec<Option<(u32, Vr, Box<[u8]>)>>;

/// The function `json_text` for the options of a writer.
#[pyclass(frozen)]
pub struct JsonText {
    choices: Choices,
    sets_character_set: bool,
    starts: Mutex<Option<Starts>>,
}

type Result<'py> = (Option<Bound<'py, PyTuple>>, i64, i64, usize);

#[pymethods]
impl JsonText {
    #[new]
    #[pyo3(signature = (*, number_handling, nonfinite, number_length, sets_character_set))]
    fn new(number_handling: &str, nonfinite: &str, number_length: usize, sets_character_set: bool) -> JsonText {
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
        let choices = Choices { number_handling, nonfinite, number_length };
        JsonText { choices, sets_character_set, starts: Mutex::default() }
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
    ) -> PyResult<Result<'py>> {
        // The lock is not held while objects of Python are made or freed, which may run any code.
        let taken = self.lock().take();
        let mut writer = Writer {
            choices: self.choices,
            sets_character_set: self.sets_character_set,
            known: taken.unwrap_or_else(|| vec![None; SLOTS]),
            cache,
            starts,
            out: Vec::with_capacity(max_size.saturating_sub(size).min(1 << 20) + 1024),
            state,
            last,
            sequences: sequences.extract()?,
            max_sequences,
        };
        let mut events = events.clone();
        let mut size = size;
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
            if size >= max_size {
                break;
            }
        }
        if !writer.out.is_empty() {
            // Texts and starts of Python are UTF-8.
            texts.append(PyString::new(events.py(), &String::from_utf8_lossy(&writer.out)))?;
        }
        sequences.set_slice(0, sequences.len(), PyList::new(events.py(), &writer.sequences)?.as_any())?;
        let Writer { state, last, known, .. } = writer;
        *self.lock() = Some(known);
        Ok((rest, state, last, size))
    }
}

impl JsonText {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Starts>> {
        self.starts.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

struct Writer<'a, 'py> {
    choices: Choices,
    sets_character_set: bool,
    known: Starts,
    cache: &'a Bound<'py, PyDict>,
    starts: &'a Bound<'py, PyDict>,
    out: Vec<u8>,
    state: i64,
    last: i64,
    sequences: Vec<(u32, i64)>,
    max_sequences: usize,
}

impl<'py> Writer<'_, 'py> {
    /// Write an event; return false for one that is left to Python.
    #[inline]
    fn take(&mut self, event: &Bound<'py, PyTuple>) -> PyResult<bool> {
        let kind = number(event, 0);
        if self.state == DATASET {
            match kind {
                Some(ELEMENT) => return self.element(event),
                Some(END_ITEM) if !self.sequences.is_empty() => {
                    self.out.push(b'}');
                    self.state = SEQUENCE;
                }
                Some(START_SEQUENCE) if self.sequences.len() < self.max_sequences => {
                    let Some(tag) = self.next_tag(event) else { return Ok(false) };
                    if !self.put_start(tag, Vr::SQ)? {
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
                self.out.extend_from_slice(if *items > 0 { b",{" } else { b",\"Value\":[{" });
                *items += 1;
                self.last = -1;
            }
            Some(END_SEQUENCE) => {
                self.out.extend_from_slice(if *items > 0 { b"]}" } else { b"}" });
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
        if self.sets_character_set && tag == SPECIFIC_CHARACTER_SET {
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
            self.out.push(b'}');
            return Ok(true);
        }
        let mut attribute = Attribute::new(&mut self.out, vr, self.choices);
        if !put_values(&mut attribute, vr, &values) {
            return Ok(false);
        }
        attribute.end();
        Ok(true)
    }

    /// Return the tag of an event if it follows the last one.
    #[inline]
    fn next_tag(&self, event: &Bound<'py, PyTuple>) -> Option<u32> {
        let tag = number(event, 1)?;
        if tag > self.last { u32::try_from(tag).ok() } else { None }
    }

    /// Write the start of an attribute, unless it is left out; return false if Python has not met it.
    #[inline]
    fn put_start(&mut self, tag: u32, vr: Vr) -> PyResult<bool> {
        let slot = (tag.wrapping_mul(0x9E37_79B1) >> 16) as usize % SLOTS;
        if !matches!(&self.known[slot], Some((known, known_vr, _)) if *known == tag && *known_vr == vr) {
            let Some(start) = self.start_of(tag, vr)? else { return Ok(false) };
            self.known[slot] = Some((tag, vr, start));
        }
        if let Some((_, _, start)) = &self.known[slot]
            && !start.is_empty()
        {
            self.out.extend_from_slice(if self.last < 0 { &start[1..] } else { start }); // without its comma
            self.last = i64::from(tag);
        }
        Ok(true)
    }

    fn start_of(&self, tag: u32, vr: Vr) -> PyResult<Option<Box<[u8]>>> {
        if vr == Vr::SQ {
            let Some(start) = self.starts.get_item(tag)? else { return Ok(None) };
            return Ok(Some(start.cast::<PyString>()?.to_str()?.as_bytes().into()));
        }
        let Some(entry) = self.cache.get_item(tag)? else { return Ok(None) };
        let (name, start): (String, String) = (entry.get_item(0)?.extract()?, entry.get_item(1)?.extract()?);
        Ok(if name == vr.name() { Some(start.into_bytes().into()) } else { None })
    }
}
