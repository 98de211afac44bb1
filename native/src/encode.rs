//! Events to JSON text, to XML and to the bytes of DICOM files.

mod json_text;
mod part10_bytes;
mod text;
mod xml_text;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFloat, PyInt, PyString, PyTuple};
use streamdicom_scan::encode::Values;
use streamdicom_scan::vr::{Form, Vr};

pub const ELEMENT: i64 = 3;
pub const START_SEQUENCE: i64 = 10;
pub const START_ITEM: i64 = 11;
pub const END_ITEM: i64 = 12;
pub const END_SEQUENCE: i64 = 13;

pub const SPECIFIC_CHARACTER_SET: u32 = 0x0008_0005;

/// Return an item of a tuple if it is an int of 64 bits, such as an `EventType`.
#[inline]
pub fn number(event: &Bound<'_, PyTuple>, index: usize) -> Option<i64> {
    event.get_borrowed_item(index).ok()?.cast::<PyInt>().ok()?.extract().ok()
}

/// Return the VR of an event.
#[inline]
pub fn vr_of(event: &Bound<'_, PyTuple>) -> Option<Vr> {
    let name = event.get_borrowed_item(2).ok()?;
    Vr::of(name.cast::<PyString>().ok()?.to_str().ok()?.as_bytes().try_into().ok()?)
}

/// Add the values of an element that are not empty; return false if Python must see them.
pub fn put_values<V: Values>(to: &mut V, vr: Vr, values: &Bound<'_, PyTuple>) -> bool {
    if vr.form() == Form::Binary {
        let Ok(value) = values.get_borrowed_item(0) else { return false };
        return match value.cast_exact::<PyBytes>() {
            Ok(bytes) => values.len() == 1 && to.binary(bytes.as_bytes()),
            Err(_) => false,
        };
    }
    values.iter_borrowed().all(|value| {
        if let Ok(text) = value.cast::<PyString>() {
            text.to_str().is_ok_and(|text| to.text(text.as_bytes()))
        } else if let Ok(number) = value.cast_exact::<PyInt>() {
            let number = number.extract::<i64>().map(i128::from).or_else(|_| number.extract::<u64>().map(i128::from));
            number.is_ok_and(|number| to.integer(number))
        } else if let Ok(number) = value.cast_exact::<PyFloat>() {
            to.float(number.value())
        } else if let Ok(groups) = value.cast_exact::<PyTuple>() {
            put_name(to, &groups)
        } else {
            value.is_none() && to.null()
        }
    })
}

fn put_name<V: Values>(to: &mut V, groups: &Bound<'_, PyTuple>) -> bool {
    if groups.len() != 3 {
        return false;
    }
    let [Ok(first), Ok(second), Ok(third)] = [0, 1, 2].map(|index| groups.get_borrowed_item(index)) else {
        return false;
    };
    let [Ok(first), Ok(second), Ok(third)] = [&first, &second, &third].map(|group| group.cast_exact::<PyString>())
    else {
        return false;
    };
    let [Ok(first), Ok(second), Ok(third)] = [first.to_str(), second.to_str(), third.to_str()] else { return false };
    to.name([first, second, third].map(str::as_bytes))
}

pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<json_text::JsonText>()?;
    module.add_class::<xml_text::XmlText>()?;
    module.add_class::<part10_bytes::Part10Bytes>()
}
