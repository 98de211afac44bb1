//! Events to pydicom data sets.

mod fill;
mod frame;
mod instances;
mod raws;

pub use raws::{RawEvents, RawMaker};

use pyo3::prelude::*;

pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RawMaker>()?;
    module.add_class::<fill::DatasetFill>()
}
