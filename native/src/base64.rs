//! Base64 (RFC 4648, section 4) of whole groups; see `streamdicom/jsontext/base64.py`.

use base64_simd::STANDARD;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// Return the text of bytes, padded.
#[pyfunction]
fn base64_text(py: Python<'_>, data: &[u8]) -> String {
    py.detach(|| STANDARD.encode_to_string(data))
}

/// Return the bytes of a text, or None if it is not the text that `base64_text` makes of them.
#[pyfunction]
fn base64_bytes<'py>(py: Python<'py>, text: &Bound<'py, PyString>) -> Option<Bound<'py, PyBytes>> {
    let text = text.to_str().ok()?;
    py.detach(|| STANDARD.decode_to_vec(text)).ok().map(|data| PyBytes::new(py, &data))
}

pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(base64_text, module)?)?;
    module.add_function(wrap_pyfunction!(base64_bytes, module)?)
}
