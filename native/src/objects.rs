//! The objects of CPython that events consist of. The only module with unsafe code.
//!
//! Each function of the C API that returns an object returns null after an error, mostly for want of memory. A null is
//! passed on as it is, and reported by `Events::finish`. All pointers here are owned references, unless a comment says
//! otherwise.

#![allow(unsafe_code)]

use std::ptr::null_mut;
use std::sync::Mutex;

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::PyList;
use streamdicom_scan::handler::{Handler, Values};
use streamdicom_scan::vr::Vr;

const START_DATASET: i64 = 1;
const END_DATASET: i64 = 2;
const ELEMENT: i64 = 3;
const BULK_DATA: i64 = 4;
const START_ELEMENT: i64 = 5;
const SEGMENT: i64 = 7;
const LAST_SEGMENT: i64 = 8;
const END_ELEMENT: i64 = 9;
const START_SEQUENCE: i64 = 10;
const START_ITEM: i64 = 11;
const END_ITEM: i64 = 12;
const END_SEQUENCE: i64 = 13;
const KINDS: usize = 18;

const TAGS: usize = 4096;

/// Objects that events share, kept for the life of the process.
pub struct Shared {
    kinds: [*mut PyObject; KINDS],
    vrs: [*mut PyObject; Vr::COUNT],
    no_vr: *mut PyObject,
    no_values: *mut PyObject,
    /// Tags by their hash.
    tags: Vec<Tag>,
    /// Events of elements by the hash of their keys.
    elements: Vec<(Key, *mut PyObject)>,
}

/// A tag, and the objects that it has needed so far.
#[derive(Clone, Copy)]
struct Tag {
    tag: u32,
    object: *mut PyObject,
    /// The events of a sequence whose values are always the same.
    sequence: [*mut PyObject; SEQUENCE_EVENTS],
}

const SEQUENCE_EVENTS: usize = 4;
const ELEMENTS: usize = 4096;
const KEY_LENGTH: usize = 32;
const KEY_TEXT: usize = 6;

/// The tag, the VR, the length and the bytes of a short value.
pub type Key = [u8; KEY_LENGTH];

// SAFETY: The pointers are used only while the thread is attached to the interpreter.
unsafe impl Send for Shared {}

static SHARED: Mutex<Option<Box<Shared>>> = Mutex::new(None);

impl Shared {
    fn new(_py: Python<'_>) -> Shared {
        // SAFETY: The thread is attached. Nulls are tolerated by `tuple`.
        unsafe {
            Shared {
                kinds: std::array::from_fn(|kind| ffi::PyLong_FromLongLong(kind as i64)),
                vrs: std::array::from_fn(|index| {
                    let name = Vr::all().nth(index).map_or("", Vr::name);
                    ffi::PyUnicode_InternFromString(format!("{name}\0").as_ptr().cast())
                }),
                no_vr: ffi::PyUnicode_InternFromString(c"".as_ptr()),
                no_values: ffi::PyTuple_New(0),
                tags: vec![Tag { tag: 0, object: null_mut(), sequence: [null_mut(); SEQUENCE_EVENTS] }; TAGS],
                elements: vec![([0; KEY_LENGTH], null_mut()); ELEMENTS],
            }
        }
    }

    /// Return the place of a tag, with its object.
    #[inline]
    fn slot(&mut self, tag: u32) -> &mut Tag {
        let slot = &mut self.tags[(tag.wrapping_mul(0x9E37_79B1) >> 20) as usize % TAGS];
        if slot.tag != tag || slot.object.is_null() {
            slot.change_to(tag);
        }
        slot
    }

    /// Return a new reference to the object of a tag.
    #[inline]
    fn tag(&mut self, tag: u32) -> *mut PyObject {
        let object = self.slot(tag).object;
        // SAFETY: The thread is attached.
        unsafe { ffi::Py_XINCREF(object) };
        object
    }

    /// Return a new reference to an event, whose references are consumed.
    #[inline]
    fn event(&mut self, kind: i64, tag: u32, vr: *mut PyObject, value: *mut PyObject) -> *mut PyObject {
        let tag = self.tag(tag);
        let kind = self.kinds[kind as usize];
        // SAFETY: The thread is attached; the kinds and VRs are kept.
        unsafe {
            ffi::Py_XINCREF(kind);
            ffi::Py_XINCREF(vr);
        }
        tuple([kind, tag, vr, value])
    }

    /// Return the place of an element with a short value.
    #[inline]
    fn element(&mut self, key: &Key) -> &mut (Key, *mut PyObject) {
        let mut hash = 0u64;
        for word in key.chunks_exact(8) {
            let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
            hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        &mut self.elements[(hash >> 40) as usize % ELEMENTS]
    }
}

impl Tag {
    #[cold]
    fn change_to(&mut self, tag: u32) {
        // SAFETY: The thread is attached; the slot owns its objects.
        unsafe {
            ffi::Py_XDECREF(self.object);
            for event in self.sequence {
                ffi::Py_XDECREF(event);
            }
            *self =
                Tag { tag, object: ffi::PyLong_FromUnsignedLong(tag.into()), sequence: [null_mut(); SEQUENCE_EVENTS] };
        }
    }
}

/// Return the key of an element, or None for a long value.
#[inline]
pub fn key_of(tag: u32, vr: Vr, value: &[u8]) -> Option<Key> {
    let mut key = [0; KEY_LENGTH];
    key.get_mut(KEY_TEXT..KEY_TEXT + value.len())?.copy_from_slice(value);
    key[..4].copy_from_slice(&tag.to_le_bytes());
    key[4] = vr.index() as u8;
    key[5] = value.len() as u8 + 1;
    Some(key)
}

/// A list that receives events, and the index of the data at which each begins.
pub struct Events<'a, 'py> {
    shared: &'a mut Shared,
    list: &'a Bound<'py, PyList>,
    is_failed: bool,
    position: usize,
    positions: Option<Vec<u64>>,
}

/// Append events to a list by a function.
pub fn with_events<'py, T>(
    list: &Bound<'py, PyList>,
    keeps_positions: bool,
    fill: impl FnOnce(&mut Events<'_, 'py>) -> T,
) -> PyResult<(T, Option<Vec<u64>>)> {
    // Objects of Python may run any code when they are made or freed, even another run in this or another thread. So
    // the lock is not held meanwhile.
    let lock = || SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let taken = lock().take();
    let mut shared = taken.unwrap_or_else(|| Box::new(Shared::new(list.py())));
    let mut events = Events {
        shared: &mut shared,
        list,
        is_failed: false,
        position: 0,
        positions: if keeps_positions { Some(Vec::new()) } else { None },
    };
    let result = fill(&mut events);
    let (is_failed, positions) = (events.is_failed, events.positions);
    let superfluous = lock().replace(shared);
    drop(superfluous); // without the lock
    if is_failed {
        return Err(PyErr::fetch(list.py()));
    }
    Ok((result, positions))
}

impl Drop for Shared {
    fn drop(&mut self) {
        let tags = self.tags.iter().flat_map(|slot| [slot.object].into_iter().chain(slot.sequence));
        let tags = tags.chain(self.elements.iter().map(|slot| slot.1));
        let others = self.kinds.iter().chain(&self.vrs).chain([&self.no_vr, &self.no_values]);
        for object in others.copied().chain(tags) {
            // SAFETY: The thread is attached, as `with_events` drops it. The references are owned.
            unsafe { ffi::Py_XDECREF(object) }
        }
    }
}

/// Return a tuple of owned references, which are consumed; null if one of them is.
///
/// The garbage collector need not know of a tuple that refers to no container that it knows of, as it would find out.
#[inline]
fn tuple<const N: usize>(items: [*mut PyObject; N]) -> *mut PyObject {
    // SAFETY: The thread is attached, as the owner of references is. Each reference is consumed once.
    unsafe {
        let made = if items.iter().any(|item| item.is_null()) { null_mut() } else { ffi::PyTuple_New(N as isize) };
        for (index, item) in items.into_iter().enumerate() {
            if made.is_null() {
                ffi::Py_XDECREF(item);
            } else {
                ffi::PyTuple_SetItem(made, index as isize, item);
            }
        }
        if !made.is_null() {
            ffi::PyObject_GC_UnTrack(made.cast());
        }
        made
    }
}

/// Return a tuple of as many objects as an iterator has.
fn tuple_of(length: usize, items: impl Iterator<Item = *mut PyObject>) -> *mut PyObject {
    // SAFETY: As in `tuple`. A slot that is never filled is null, which a tuple may have until it is used.
    unsafe {
        let made = ffi::PyTuple_New(length as isize);
        let mut is_complete = !made.is_null();
        for (index, item) in items.take(length).enumerate() {
            if item.is_null() || made.is_null() {
                is_complete = false;
                ffi::Py_XDECREF(item);
            } else {
                ffi::PyTuple_SetItem(made, index as isize, item);
            }
        }
        if !is_complete {
            ffi::Py_XDECREF(made);
            return null_mut();
        }
        made
    }
}

#[inline]
fn text(text: &[u8]) -> *mut PyObject {
    // SAFETY: The thread is attached; the pointer and the length are those of the slice.
    unsafe { ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as isize) }
}

#[inline]
fn none() -> *mut PyObject {
    // SAFETY: None exists as long as the interpreter.
    unsafe { ffi::Py_NewRef(ffi::Py_None()) }
}

#[inline]
fn integer(number: i128) -> *mut PyObject {
    // SAFETY: The thread is attached.
    unsafe {
        match i64::try_from(number) {
            Ok(number) => ffi::PyLong_FromLongLong(number),
            Err(_) => ffi::PyLong_FromUnsignedLongLong(number as u64), // no VR has greater integers
        }
    }
}

fn float(number: f64) -> *mut PyObject {
    // SAFETY: The thread is attached.
    unsafe { ffi::PyFloat_FromDouble(number) }
}

fn bytes(data: &[u8]) -> *mut PyObject {
    // SAFETY: The thread is attached; the pointer and the length are those of the slice.
    unsafe { ffi::PyBytes_FromStringAndSize(data.as_ptr().cast(), data.len() as isize) }
}

fn each<T: Copy>(values: &[Option<T>], make: impl Fn(T) -> *mut PyObject) -> *mut PyObject {
    tuple_of(values.len(), values.iter().map(|value| value.map_or_else(none, &make)))
}

fn name(groups: [&[u8]; 3]) -> *mut PyObject {
    tuple(groups.map(text))
}

impl Events<'_, '_> {
    /// Append a new event; the value is consumed.
    #[inline]
    fn append(&mut self, kind: i64, tag: u32, vr: *mut PyObject, value: *mut PyObject) {
        let event = self.shared.event(kind, tag, vr, value);
        self.push(event);
        // SAFETY: The thread is attached; the list has a reference of its own.
        unsafe { ffi::Py_XDECREF(event) };
    }

    /// Append an event, of which this takes no reference.
    #[inline]
    fn push(&mut self, event: *mut PyObject) {
        // SAFETY: The thread is attached.
        if event.is_null() || unsafe { ffi::PyList_Append(self.list.as_ptr(), event) } < 0 {
            self.is_failed = true;
        }
        if let Some(positions) = &mut self.positions {
            positions.push(self.position as u64);
        }
    }

    /// Append an object in the place of an event.
    #[inline]
    pub fn push_object(&mut self, object: &Bound<'_, PyAny>) {
        self.push(object.as_ptr());
    }

    /// Keep an exception, which the run raises when it ends.
    pub fn fail(&mut self, error: PyErr) {
        error.restore(self.list.py());
        self.is_failed = true;
    }

    /// Append an event of a sequence that always has the same value.
    #[inline]
    fn append_shared(&mut self, number: usize, kind: i64, tag: u32, value: fn() -> *mut PyObject) {
        let mut event = self.shared.slot(tag).sequence[number];
        if event.is_null() {
            let vr = self.vr(Vr::SQ);
            event = self.shared.event(kind, tag, vr, value());
            self.shared.slot(tag).sequence[number] = event;
        }
        self.push(event);
    }

    /// Append an element with a short value, which is likely to occur again.
    #[inline]
    fn append_element(&mut self, tag: u32, vr: Vr, key: Option<Key>, value: impl FnOnce(&Shared) -> *mut PyObject) {
        let name = self.vr(vr);
        let Some(key) = key else {
            let value = value(self.shared);
            self.append(ELEMENT, tag, name, value);
            return;
        };
        let slot = self.shared.element(&key);
        if slot.0 == key && !slot.1.is_null() {
            let event = slot.1;
            self.push(event);
            return;
        }
        let value = value(self.shared);
        let event = self.shared.event(ELEMENT, tag, name, value);
        self.push(event);
        let before = std::mem::replace(self.shared.element(&key), (key, event));
        // SAFETY: The thread is attached; the slot owned the event.
        unsafe { ffi::Py_XDECREF(before.1) };
    }

    /// Return a borrowed reference to the name of a VR, or to an empty text.
    fn vr_or_none(&self, vr: Option<Vr>) -> *mut PyObject {
        vr.map_or(self.shared.no_vr, |vr| self.vr(vr))
    }

    /// Return a borrowed reference to the name of a VR.
    #[inline]
    fn vr(&self, vr: Vr) -> *mut PyObject {
        self.shared.vrs[vr.index()]
    }
}

impl Handler for Events<'_, '_> {
    #[inline]
    fn at(&mut self, position: usize) {
        self.position = position;
    }

    fn start_dataset(&mut self, index: i64) {
        let vr = self.shared.no_vr;
        self.append(START_DATASET, 0, vr, integer(index.into()));
    }

    fn end_dataset(&mut self) {
        let vr = self.shared.no_vr;
        self.append(END_DATASET, 0, vr, none());
    }

    fn start_sequence(&mut self, tag: u32) {
        self.append_shared(0, START_SEQUENCE, tag, none);
    }

    fn start_item(&mut self, tag: u32, index: i64) {
        if index == 0 {
            self.append_shared(1, START_ITEM, tag, || integer(0));
        } else {
            let vr = self.vr(Vr::SQ);
            self.append(START_ITEM, tag, vr, integer(index.into()));
        }
    }

    fn end_item(&mut self, tag: u32) {
        self.append_shared(2, END_ITEM, tag, none);
    }

    fn end_sequence(&mut self, tag: u32) {
        self.append_shared(3, END_SEQUENCE, tag, none);
    }

    #[inline]
    fn element(&mut self, tag: u32, vr: Vr, values: Values<'_>) {
        match values {
            Values::Text(one) => {
                let key = if vr.has_character_set() { None } else { key_of(tag, vr, one) };
                self.append_element(tag, vr, key, |_| tuple([text(one)]));
            }
            Values::Integers([Some(one)]) => {
                let key = key_of(tag, vr, &one.to_le_bytes());
                self.append_element(tag, vr, key, |_| tuple([integer(*one)]));
            }
            Values::None => {
                // SAFETY: The thread is attached.
                let empty = |shared: &Shared| unsafe { ffi::Py_XNewRef(shared.no_values) };
                let key = key_of(tag, vr, b"").map(|mut key| {
                    key[KEY_TEXT - 1] = 0; // unlike that of an empty text
                    key
                });
                self.append_element(tag, vr, key, empty);
            }
            _ => {
                let (name, value) = (self.vr(vr), long_value(values));
                self.append(ELEMENT, tag, name, value);
            }
        }
    }

    fn start_element(&mut self, tag: u32, vr: Option<Vr>) {
        let vr = self.vr_or_none(vr);
        self.append(START_ELEMENT, tag, vr, none());
    }

    fn segment(&mut self, tag: u32, vr: Option<Vr>, data: &[u8], is_last: bool) {
        let vr = self.vr_or_none(vr);
        self.append(if is_last { LAST_SEGMENT } else { SEGMENT }, tag, vr, bytes(data));
    }

    fn end_element(&mut self, tag: u32, vr: Vr) {
        let vr = self.vr(vr);
        self.append(END_ELEMENT, tag, vr, none());
    }

    fn bulk_data(&mut self, tag: u32, vr: Vr, uri: &[u8]) {
        let vr = self.vr(vr);
        self.append(BULK_DATA, tag, vr, text(uri));
    }
}

fn long_value(values: Values<'_>) -> *mut PyObject {
    match values {
        Values::None => tuple([]),
        Values::Text(one) => tuple([text(one)]),
        Values::Texts(texts) => tuple_of(texts.len(), texts.iter().map(|one| one.map_or_else(none, text))),
        Values::Integers(integers) => each(integers, integer),
        Values::Floats(floats) => each(floats, float),
        Values::Names(names) => tuple_of(names.len(), names.iter().map(|one| one.map_or_else(none, name))),
        Values::Bytes(data) => tuple([bytes(data)]),
    }
}
