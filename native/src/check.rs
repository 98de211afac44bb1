//! The class `ElementRules`, by which scanners leave out elements that are right.

use pyo3::prelude::*;
use streamdicom_scan::check::{Counts, Rules};
use streamdicom_scan::vr::Vr;

/// The VRs and the numbers of values of elements, as far as Python has found them.
#[pyclass]
#[derive(Default)]
pub struct ElementRules {
    pub rules: Rules,
}

#[pymethods]
impl ElementRules {
    #[new]
    fn new() -> ElementRules {
        ElementRules::default()
    }

    /// Add a VR of an element, and its possible numbers of values.
    fn learn(&mut self, creator: &str, tag: u32, vr: &str, least: u64, most: u64, step: u64) {
        if let Some(vr) = <[u8; 2]>::try_from(vr.as_bytes()).ok().and_then(Vr::of) {
            self.rules.learn(creator, tag, vr, Counts { least, most, step });
        }
    }

    /// Add defined terms of Specific Character Set, with backslashes between them.
    fn learn_terms(&mut self, terms: &str) {
        self.rules.learn_terms(terms);
    }

    /// Forget all.
    fn clear(&mut self) {
        self.rules.clear();
    }
}

pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ElementRules>()
}
