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
    /// Tags by their hash, each with its object.
    tags: Vec<(u32, *mut PyObject)>,
}

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
                tags: vec![(0, null_mut()); TAGS],
            }
        }
    }

    /// Return a new reference to the object of a tag.
    #[inline]
    fn tag(&mut self, tag: u32) -> *mut PyObject {
        let slot = &mut self.tags[(tag.wrapping_mul(0x9E37_79B1) >> 20) as usize % TAGS];
        // SAFETY: The thread is attached; the slot owns the object in it.
        unsafe {
            if slot.0 != tag || slot.1.is_null() {
                ffi::Py_XDECREF(slot.1);
                *slot = (tag, ffi::PyLong_FromUnsignedLong(tag.into()));
            }
            ffi::Py_XINCREF(slot.1);
        }
        slot.1
    }
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
        let tags = self.tags.iter().map(|slot| slot.1);
        let others = self.kinds.iter().chain(&self.vrs).chain([&self.no_vr, &self.no_values]);
        for object in others.copied().chain(tags) {
            // SAFETY: The thread is attached, as `with_events` drops it. The references are owned.
            unsafe { ffi::Py_XDECREF(object) }
        }
    }
}

/// Return a tuple of owned references, which are consumed; null if one of them is.
#[inline]
fn tuple<const N: usize>(items: [*mut PyObject; N]) -> *mut PyObject {
    // SAFETY: The thread is attached, as whoever owns references has been. Each reference is consumed once.
    unsafe {
        let made = if items.iter().any(|item| item.is_null()) { null_mut() } else { ffi::PyTuple_New(N as isize) };
        for (index, item) in items.into_iter().enumerate() {
            if made.is_null() {
                ffi::Py_XDECREF(item);
            } else {
                ffi::PyTuple_SetItem(made, index as isize, item);
            }
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
    /// Append an event; the value is consumed.
    #[inline]
    fn append(&mut self, kind: i64, tag: u32, vr: *mut PyObject, value: *mut PyObject) {
        let tag = self.shared.tag(tag);
        // SAFETY: The thread is attached; the kinds and VRs are kept by `Shared`, the event by the list.
        unsafe {
            let kind = self.shared.kinds[kind as usize];
            ffi::Py_XINCREF(kind);
            ffi::Py_XINCREF(vr);
            let event = tuple([kind, tag, vr, value]);
            if event.is_null() || ffi::PyList_Append(self.list.as_ptr(), event) < 0 {
                self.is_failed = true;
            }
            ffi::Py_XDECREF(event);
        }
        if let Some(positions) = &mut self.positions {
            positions.push(self.position as u64);
        }
    }

    fn append_in_sequence(&mut self, kind: i64, tag: u32, value: *mut PyObject) {
        let vr = self.vr(SEQUENCE);
        self.append(kind, tag, vr, value);
    }

    /// Return a borrowed reference to the name of a VR.
    #[inline]
    fn vr(&self, vr: Vr) -> *mut PyObject {
        self.shared.vrs[vr.index()]
    }
}

const SEQUENCE: Vr = Vr::SQ;

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
        self.append_in_sequence(START_SEQUENCE, tag, none());
    }

    fn start_item(&mut self, tag: u32, index: i64) {
        self.append_in_sequence(START_ITEM, tag, integer(index.into()));
    }

    fn end_item(&mut self, tag: u32) {
        self.append_in_sequence(END_ITEM, tag, none());
    }

    fn end_sequence(&mut self, tag: u32) {
        self.append_in_sequence(END_SEQUENCE, tag, none());
    }

    #[inline]
    fn element(&mut self, tag: u32, vr: Vr, values: Values<'_>) {
        let value = match values {
            Values::Text(one) => tuple([text(one)]),
            Values::Texts(texts) => tuple_of(texts.len(), texts.iter().map(|one| one.map_or_else(none, text))),
            Values::Integers([Some(one)]) => tuple([integer(*one)]),
            Values::Integers(integers) => each(integers, integer),
            Values::Floats(floats) => each(floats, float),
            Values::Names(names) => tuple_of(names.len(), names.iter().map(|one| one.map_or_else(none, name))),
            Values::Bytes(data) => tuple([bytes(data)]),
            Values::None => {
                // SAFETY: The thread is attached.
                unsafe { ffi::Py_XNewRef(self.shared.no_values) }
            }
        };
        let vr = self.vr(vr);
        self.append(ELEMENT, tag, vr, value);
    }

    fn bulk_data(&mut self, tag: u32, vr: Vr, uri: &[u8]) {
        let vr = self.vr(vr);
        self.append(BULK_DATA, tag, vr, text(uri));
    }
}
