//! The class of the module that reads some elements of the start of a DICOM file.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use streamdicom_scan::part10::{End, Scratch, Wanted, read_head};
use streamdicom_scan::vr::Vr;

use crate::objects::with_events;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Reads the wanted elements of the start of a file.
#[pyclass(frozen)]
pub struct Part10Head {
    wanted: Vec<Wanted>,
}

#[pymethods]
impl Part10Head {
    /// `wanted` has the tag of each element, its VR, and whether the VR depends on the tag alone.
    #[new]
    fn new(mut wanted: Vec<(u32, String, bool)>) -> Self {
        wanted.sort();
        let wanted = wanted.into_iter().filter_map(|(tag, vr, is_certain)| {
            let vr = Vr::of(vr.as_bytes().try_into().ok()?)?;
            Some(Wanted { tag, vr, is_certain })
        });
        Part10Head { wanted: wanted.collect() }
    }

    /// Return an event for each wanted element that there is, and how the file ends: 0 as a whole, 1 with fragments, 2 if more is
    /// needed, 3 if the file needs a closer look; and the offset of the end, if that is known.
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        head: &Bound<'py, PyBytes>,
        size: u64,
    ) -> PyResult<(Bound<'py, PyList>, u8, u64)> {
        let events = PyList::empty(py);
        let mut scratch = SCRATCH.take();
        let (end, _) = with_events(&events, false, |handler| {
            read_head(head.as_bytes(), size, &self.wanted, &mut scratch, handler)
        })?;
        SCRATCH.set(scratch);
        let (end, offset) = match end {
            End::Whole(offset) => (0, offset),
            End::Fragments => (1, size),
            End::More => (2, 0),
            End::Unknown => (3, 0),
        };
        Ok((events, end, offset))
    }
}
