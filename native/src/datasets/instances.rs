//! New objects of the classes of pydicom, without their constructors.
//!
//! Python checks that the constructors would make the same objects.

#![allow(unsafe_code)]

use std::mem::transmute;
use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

/// The attributes of new objects of a class of Python that has neither slots nor a `__new__`.
pub struct Template {
    class: Py<PyType>,
    new: ffi::newfunc,
    no_arguments: Py<PyTuple>,
    attributes: Vec<(Py<PyString>, Attribute)>,
}

enum Attribute {
    /// The same for all objects.
    Fixed(Py<PyAny>),
    /// A dict of the object.
    Own(Py<PyDict>),
    /// One of the values of the object, by its place among them.
    Varying(usize),
}

impl Template {
    /// Take the class, the attributes, the names of those that are dicts, and the names of those that differ.
    pub fn of(template: &Bound<'_, PyAny>) -> PyResult<Template> {
        let py = template.py();
        let (class, state, own, varying) =
            template.extract::<(Py<PyType>, Bound<'_, PyDict>, Vec<String>, Vec<String>)>()?;
        let attribute = |name: String, value: Bound<'_, PyAny>| {
            let attribute = match varying.iter().position(|other| *other == name) {
                Some(place) => Attribute::Varying(place),
                None if own.contains(&name) => Attribute::Own(value.cast_into::<PyDict>()?.unbind()),
                None => Attribute::Fixed(value.unbind()),
            };
            Ok((PyString::intern(py, &name).unbind(), attribute))
        };
        let attributes = state.iter().map(|(name, value)| attribute(name.extract::<String>()?, value));
        Ok(Template {
            class,
            new: slot_of_new(&raw mut ffi::PyBaseObject_Type)?,
            no_arguments: PyTuple::empty(py).unbind(),
            attributes: attributes.collect::<PyResult<_>>()?,
        })
    }

    /// Return a new object.
    pub fn make<'py>(&self, values: &[&Bound<'py, PyAny>], py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: The thread is attached. The class is one of Python whose `__new__` is that of `object`, which takes no
        // arguments here. The new reference is owned.
        let object = unsafe {
            let object = (self.new)(self.class.as_ptr().cast(), self.no_arguments.as_ptr(), null_mut());
            Bound::from_owned_ptr_or_err(py, object)?
        };
        for (name, attribute) in &self.attributes {
            let own;
            let value = match attribute {
                Attribute::Fixed(value) => value.as_ptr(),
                Attribute::Own(dict) => {
                    own = dict.bind(py).copy()?;
                    own.as_ptr()
                }
                Attribute::Varying(place) => values.get(*place).map_or(null_mut(), |value| value.as_ptr()),
            };
            // SAFETY: The thread is attached. The attributes are set as `object.__setattr__` sets them; null would
            // delete one, which is an error.
            if unsafe { ffi::PyObject_GenericSetAttr(object.as_ptr(), name.as_ptr(), value) } < 0 {
                return Err(PyErr::fetch(py));
            }
        }
        Ok(object)
    }
}

/// Return the `__new__` of a static class.
fn slot_of_new(class: *mut ffi::PyTypeObject) -> PyResult<ffi::newfunc> {
    // SAFETY: The thread is attached, as the callers are. The slot of a static type holds a function of this type, or
    // null.
    unsafe {
        let slot = ffi::PyType_GetSlot(class, ffi::Py_tp_new);
        if slot.is_null() {
            return Err(pyo3::exceptions::PyTypeError::new_err("a class without instances"));
        }
        Ok(transmute::<*mut std::ffi::c_void, ffi::newfunc>(slot))
    }
}

/// A class of named tuples.
pub struct TupleClass {
    class: Py<PyType>,
    /// The `__new__` of tuples, if tuples have more than their items.
    new: Option<ffi::newfunc>,
}

const RAW_FIELDS: usize = 9;

impl TupleClass {
    /// Take a class.
    pub fn of(class: Bound<'_, PyType>) -> PyResult<TupleClass> {
        if !class.is_subclass_of::<PyTuple>()? {
            return Err(pyo3::exceptions::PyTypeError::new_err("expected a class of tuples"));
        }
        let is_plain = class.py().version_info() < (3, 14);
        let new = if is_plain { None } else { Some(slot_of_new(&raw mut ffi::PyTuple_Type)?) };
        Ok(TupleClass { class: class.unbind(), new })
    }

    /// Return whether an object is of this class.
    #[inline]
    pub fn has(&self, object: &Bound<'_, PyAny>) -> bool {
        object.get_type_ptr() == self.class.as_ptr().cast()
    }

    /// Return a new raw element: a tag, a VR, the length, the bytes, and the fields after them.
    ///
    /// The garbage collector need not know of it, because the fields refer to no other objects.
    pub fn make<'py>(
        &self,
        tag: Bound<'py, PyAny>,
        vr: &Bound<'py, PyString>,
        data: &[u8],
        tail: &[Py<PyAny>],
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = tag.py();
        let class = self.class.as_ptr().cast();
        let count = RAW_FIELDS.min(4 + tail.len()) as isize;
        // SAFETY: The thread is attached. The class is a subclass of tuple without slots or a `__dict__` of its objects,
        // so that it has the layout of a tuple and the allocator of `PyType_GenericAlloc`. `PyTuple_SetItem` consumes
        // its reference, and refuses a place beyond the end. A slot that is never filled is null, which a tuple may
        // have until it is used; a null is reported when all are filled.
        unsafe {
            let made = match self.new {
                None => ffi::PyType_GenericAlloc(class, count),
                Some(_) => ffi::PyTuple_New(count),
            };
            let made = Bound::from_owned_ptr_or_err(py, made)?;
            let length = ffi::PyLong_FromSize_t(data.len());
            let bytes = ffi::PyBytes_FromStringAndSize(data.as_ptr().cast(), data.len() as isize);
            let is_complete = !length.is_null() && !bytes.is_null();
            ffi::PyTuple_SetItem(made.as_ptr(), 0, tag.into_ptr());
            ffi::PyTuple_SetItem(made.as_ptr(), 1, vr.clone().into_ptr());
            ffi::PyTuple_SetItem(made.as_ptr(), 2, length);
            ffi::PyTuple_SetItem(made.as_ptr(), 3, bytes);
            for (place, field) in (4..count).zip(tail) {
                ffi::PyTuple_SetItem(made.as_ptr(), place, field.clone_ref(py).into_ptr());
            }
            if !is_complete {
                return Err(PyErr::fetch(py));
            }
            let made = match self.new {
                None => made,
                Some(new) => {
                    let arguments = PyTuple::new(py, [made])?;
                    Bound::from_owned_ptr_or_err(py, new(class, arguments.as_ptr(), null_mut()))?
                }
            };
            ffi::PyObject_GC_UnTrack(made.as_ptr().cast());
            Ok(made)
        }
    }
}

/// Holds the garbage collector off while it exists.
pub struct Hold {
    was_enabled: bool,
}

impl Hold {
    /// Hold it off, or do nothing.
    pub fn new(_py: Python<'_>, is_wanted: bool) -> Hold {
        // SAFETY: The thread is attached.
        Hold { was_enabled: is_wanted && unsafe { ffi::PyGC_Disable() } != 0 }
    }

    /// Let it run while a function does.
    pub fn pause<T>(&mut self, function: impl FnOnce() -> T) -> T {
        // SAFETY: The thread is attached, as where `self` was made.
        unsafe {
            if !self.was_enabled {
                return function();
            }
            ffi::PyGC_Enable();
            let result = function();
            self.was_enabled = ffi::PyGC_Disable() != 0;
            result
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.was_enabled {
            // SAFETY: As in `pause`.
            unsafe { ffi::PyGC_Enable() };
        }
    }
}
