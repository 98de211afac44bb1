//! The events that an output stands for, which a filter may ask for after all.

use pyo3::prelude::*;
use pyo3::types::PyList;
use streamdicom_scan::encode::{Around, Chosen};
use streamdicom_scan::handler::Handler;

use crate::json::JsonSource;
use crate::objects::with_events;
use crate::output::OutputChoice;
use crate::part10::Part10Source;

/// The bytes of a run, and all that it began with.
pub enum Source {
    Json(JsonSource),
    Part10(Part10Source),
}

impl Source {
    /// Return the number of bytes.
    pub fn size(&self) -> usize {
        match self {
            Source::Json(source) => source.data.len(),
            Source::Part10(source) => source.data.len(),
        }
    }

    fn run<H: Handler>(&self, py: Python<'_>, handler: &mut H) {
        match self {
            Source::Json(source) => source.run(handler),
            Source::Part10(source) => source.run(py, handler),
        }
    }
}

/// The selection of a reader, which leaves elements out before any filter, and where a run began.
pub struct Selected {
    pub choice: Py<OutputChoice>,
    pub path: Vec<(u32, i64)>,
    pub in_sequence: bool,
    pub has_wishes: bool,
}

/// A function that returns the events.
#[pyclass(frozen)]
pub struct Replaced {
    pub source: Source,
    pub selected: Option<Selected>,
}

#[pymethods]
impl Replaced {
    fn __call__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let events = PyList::empty(py);
        let Some(selected) = &self.selected else {
            with_events(&events, false, |handler| self.source.run(py, handler))?;
            return Ok(events);
        };
        let kit = selected.choice.get();
        let mut answers = kit.swap(None).unwrap_or_default();
        let mut error = None;
        let mut judge = |level, tag, vr| {
            kit.judge(level, tag, vr).unwrap_or_else(|raised| {
                error = Some(raised);
                None
            })
        };
        let around = Around::new(&kit.choice, &mut answers, &mut judge, &selected.path, selected.in_sequence);
        if let Some(around) = around {
            with_events(&events, false, |handler| {
                let has_wishes = selected.has_wishes;
                let mut chosen = Chosen::new(handler, &kit.choice, &mut answers, judge, around, has_wishes, 0);
                self.source.run(py, &mut chosen);
            })?;
        }
        kit.swap(Some(answers));
        error.map_or(Ok(events), Err)
    }
}
