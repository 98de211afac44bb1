//! `RawMaker`: values to the raw elements of pydicom.

use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};
use streamdicom_scan::encode::{Field, Values as _};
use streamdicom_scan::handler::{Handler, Values};
use streamdicom_scan::vr::Vr;

use super::instances::TupleClass;
use crate::encode::SPECIFIC_CHARACTER_SET;
use crate::objects::{Events, Key, key_of};

const PIXEL_REPRESENTATION: u32 = 0x0028_0103;
const LUT_DESCRIPTOR: u32 = 0x0028_3002;

const MAX_KINDS: u32 = 0x100;

const TAGS: usize = 4096;
const RAWS: usize = 4096;

/// Makes raw elements, with the objects of Python that it needs.
#[pyclass(frozen)]
pub struct RawMaker {
    class: TupleClass,
    /// The fields after the value, and those of VR UN.
    tail: Vec<Py<PyAny>>,
    tail_of_un: Vec<Py<PyAny>>,
    base_tag: Py<PyAny>,
    vrs: Vec<Py<PyString>>,
    known: Mutex<Option<Box<Known>>>,
}

/// Objects that have occurred, by their hash.
pub struct Known {
    tags: Vec<Option<(u32, Py<PyAny>)>>,
    raws: Vec<Option<(Key, Py<PyAny>)>>,
    /// The bytes of a value.
    pub field: Vec<u8>,
}

#[pymethods]
impl RawMaker {
    #[new]
    #[pyo3(signature = (*, kind, tail, tail_of_un, base_tag))]
    fn new(
        kind: Bound<'_, PyType>,
        tail: Vec<Py<PyAny>>,
        tail_of_un: Vec<Py<PyAny>>,
        base_tag: Py<PyAny>,
    ) -> PyResult<RawMaker> {
        let py = kind.py();
        let vrs = Vr::all().map(|vr| PyString::intern(py, vr.name()).unbind()).collect();
        let class = TupleClass::of(kind)?;
        Ok(RawMaker { class, tail, tail_of_un, base_tag, vrs, known: Mutex::default() })
    }
}

impl RawMaker {
    /// Call a function with the objects that have occurred.
    ///
    /// The lock is not held meanwhile: objects of Python may run any code when they are made or freed, even another
    /// run in this or another thread.
    pub fn with<T>(&self, function: impl FnOnce(&mut Known) -> T) -> T {
        let lock = || self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let taken = lock().take();
        let mut known = taken.unwrap_or_else(|| Box::new(Known::new()));
        let result = function(&mut known);
        let superfluous = lock().replace(known);
        drop(superfluous); // without the lock
        result
    }

    /// Return whether an object is a raw element.
    #[inline]
    pub fn has(&self, object: &Bound<'_, PyAny>) -> bool {
        self.class.has(object)
    }

    /// Return the tag of pydicom.
    #[inline]
    pub fn base_tag<'py>(&self, py: Python<'py>, known: &mut Known, tag: u32) -> PyResult<Bound<'py, PyAny>> {
        let slot = &mut known.tags[(tag.wrapping_mul(0x9E37_79B1) >> 20) as usize % TAGS];
        if let Some((found, object)) = slot
            && *found == tag
        {
            return Ok(object.bind(py).clone());
        }
        let object = self.base_tag.bind(py).call1((tag,))?;
        *slot = Some((tag, object.clone().unbind()));
        Ok(object)
    }

    /// Return a raw element with the bytes in `known.field`.
    pub fn make<'py>(&self, tag: Bound<'py, PyAny>, known: &Known, vr: Vr) -> PyResult<Bound<'py, PyAny>> {
        let tail = if vr.name() == "UN" { &self.tail_of_un } else { &self.tail };
        let name = self.vrs[vr.index()].bind(tag.py());
        self.class.make(tag, name, &known.field, tail)
    }
}

impl Known {
    fn new() -> Known {
        Known {
            tags: std::iter::repeat_with(|| None).take(TAGS).collect(),
            raws: std::iter::repeat_with(|| None).take(RAWS).collect(),
            field: Vec::new(),
        }
    }
}

/// Receives events, and makes raw elements of those that are whole elements of plain values.
pub struct RawEvents<'a, 'b, 'py> {
    pub events: &'a mut Events<'b, 'py>,
    pub maker: &'a RawMaker,
    pub known: &'a mut Known,
    pub py: Python<'py>,
}

impl<'py> RawEvents<'_, '_, 'py> {
    /// Return a raw element, or None if Python must see the event.
    #[inline]
    fn raw(&mut self, tag: u32, vr: Vr, values: &Values<'_>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if is_telling(tag) {
            return Ok(None);
        }
        let key = match values {
            // No text of a person is kept for the life of the process.
            Values::Text(one) if !vr.has_character_set() => key_of(tag, vr, one),
            Values::Integers([Some(one)]) => key_of(tag, vr, &one.to_le_bytes()),
            Values::None => key_of(tag, vr, b""),
            _ => None,
        };
        let slot = key.map(|key| slot_of(&key));
        if let (Some(key), Some(slot)) = (&key, slot)
            && let Some((found, raw)) = &self.known.raws[slot]
            && found == key
        {
            return Ok(Some(raw.bind(self.py).clone()));
        }
        self.known.field.clear();
        let mut field = Field::new(&mut self.known.field, vr);
        if !put(&mut field, values) {
            return Ok(None);
        }
        field.end();
        if may_be_misfit(tag, vr, &self.known.field) {
            return Ok(None);
        }
        let object = self.maker.base_tag(self.py, self.known, tag)?;
        let raw = self.maker.make(object, self.known, vr)?;
        if let (Some(key), Some(slot)) = (key, slot) {
            self.known.raws[slot] = Some((key, raw.clone().unbind()));
        }
        Ok(Some(raw))
    }
}

/// Return whether parsers in Python look for an element, or could take its tag for the type of an event.
#[inline]
fn is_telling(tag: u32) -> bool {
    let is_private_creator = tag & 0x1_0000 != 0 && (0x10..=0xFF).contains(&(tag & 0xFFFF));
    tag < MAX_KINDS
        || is_private_creator
        || matches!(tag, SPECIFIC_CHARACTER_SET | PIXEL_REPRESENTATION | LUT_DESCRIPTOR)
}

/// Return whether Python must decide if pydicom may give the bytes of UN the VR of its dictionary.
///
/// They may be decimal digits in a private element, and anything in a public one.
#[inline]
pub fn may_be_misfit(tag: u32, vr: Vr, data: &[u8]) -> bool {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E' | b'\\' | b' ');
    let is_private = tag & 0x1_0000 != 0;
    vr.name() == "UN" && !data.is_empty() && (!is_private || data.iter().all(is_digit))
}

#[inline]
fn slot_of(key: &Key) -> usize {
    let mut hash = 0u64;
    for word in key.chunks_exact(8) {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    (hash >> 40) as usize % RAWS
}

#[inline]
fn put(field: &mut Field<'_>, values: &Values<'_>) -> bool {
    match values {
        Values::None => true,
        Values::Text(one) => field.text(one),
        Values::Texts(texts) => texts.iter().all(|one| match one {
            Some(one) => field.text(one),
            None => field.null(),
        }),
        Values::Integers(numbers) => numbers.iter().all(|one| one.is_some_and(|one| field.integer(one))),
        Values::Floats(numbers) => numbers.iter().all(|one| one.is_some_and(|one| field.float(one))),
        Values::Names(names) => names.iter().all(|one| match one {
            Some(one) => field.name(one),
            None => field.null(),
        }),
        Values::Bytes(data) => field.binary(data),
    }
}

impl Handler for RawEvents<'_, '_, '_> {
    #[inline]
    fn at(&mut self, position: usize) {
        self.events.at(position);
    }

    fn start_dataset(&mut self, index: i64) {
        self.events.start_dataset(index);
    }

    fn end_dataset(&mut self) {
        self.events.end_dataset();
    }

    fn start_sequence(&mut self, tag: u32) {
        self.events.start_sequence(tag);
    }

    fn start_item(&mut self, tag: u32, index: i64) {
        self.events.start_item(tag, index);
    }

    fn end_item(&mut self, tag: u32) {
        self.events.end_item(tag);
    }

    fn end_sequence(&mut self, tag: u32) {
        self.events.end_sequence(tag);
    }

    #[inline]
    fn element(&mut self, tag: u32, vr: Vr, values: Values<'_>) {
        match self.raw(tag, vr, &values) {
            Ok(Some(raw)) => self.events.push_object(&raw),
            Ok(None) => self.events.element(tag, vr, values),
            Err(error) => self.events.fail(error),
        }
    }

    fn start_element(&mut self, tag: u32, vr: Option<Vr>) {
        self.events.start_element(tag, vr);
    }

    fn segment(&mut self, tag: u32, vr: Option<Vr>, bytes: &[u8], is_last: bool) {
        self.events.segment(tag, vr, bytes, is_last);
    }

    fn end_element(&mut self, tag: u32, vr: Vr) {
        self.events.end_element(tag, vr);
    }

    fn bulk_data(&mut self, tag: u32, vr: Vr, uri: &[u8]) {
        self.events.bulk_data(tag, vr, uri);
    }
}
