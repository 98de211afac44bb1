//! Functions of the module for DICOM files.

mod again;
mod head;
mod run;

use pyo3::prelude::*;

pub use again::Part10Source;
pub use run::vr_in_implicit;

pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<head::Part10Head>()?;
    module.add_class::<run::Part10Run>()
}
