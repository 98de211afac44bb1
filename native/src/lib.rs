//! The module `streamdicom._native._engine`. Only `objects` and `datasets::instances` have unsafe code.

mod base64;
mod boundaries;
mod check;
mod datasets;
mod encode;
mod json;
mod objects;
mod output;
mod part10;
mod replaced;
mod xml;

use pyo3::prelude::*;

#[pymodule(gil_used = true)]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    base64::add_to(module)?;
    boundaries::add_to(module)?;
    check::add_to(module)?;
    datasets::add_to(module)?;
    encode::add_to(module)?;
    json::add_to(module)?;
    output::add_to(module)?;
    part10::add_to(module)?;
    xml::add_to(module)
}
