//! Events to pydicom data sets and back.

mod fill;
mod frame;
mod instances;
mod raws;
mod walk;

pub use raws::{RawEvents, RawMaker};

use pyo3::prelude::*;

pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RawMaker>()?;
    module.add_class::<fill::DatasetFill>()?;
    module.add_class::<walk::RawEventRun>()
}
