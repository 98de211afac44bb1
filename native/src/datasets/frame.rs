//! Data sets and items that are being built, as `OpenDataset` of Python.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// A data set or an item that is being built.
pub struct Frame<'py> {
    /// The object of Python, if it has one.
    open: Option<Bound<'py, PyAny>>,
    pub elements: Bound<'py, PyDict>,
    pub encodings: Bound<'py, PyAny>,
    pub has_own_encodings: bool,
    pub has_items: bool,
    /// The tag and the items of the open sequence.
    pub sequence: Option<(u32, Bound<'py, PyList>)>,
    /// Text that is not encoded yet.
    pending: Option<Bound<'py, PyList>>,
    /// A tag that none of the elements exceeds, or -1 if there are no elements.
    pub last: i64,
    is_changed: bool,
}

impl<'py> Frame<'py> {
    /// Take what Python has built.
    pub fn of(open: Bound<'py, PyAny>) -> PyResult<Frame<'py>> {
        let py = open.py();
        let elements = open.getattr(intern!(py, "elements"))?.cast_into::<PyDict>()?;
        Ok(Frame {
            last: if elements.is_empty() { -1 } else { i64::MAX },
            elements,
            encodings: open.getattr(intern!(py, "encodings"))?,
            has_own_encodings: open.getattr(intern!(py, "has_own_encodings"))?.is_truthy()?,
            has_items: open.getattr(intern!(py, "has_items"))?.is_truthy()?,
            sequence: Some((
                open.getattr(intern!(py, "sequence_tag"))?.extract()?,
                open.getattr(intern!(py, "items"))?.cast_into::<PyList>()?,
            )),
            pending: Some(open.getattr(intern!(py, "pending"))?.cast_into::<PyList>()?),
            is_changed: false,
            open: Some(open),
        })
    }

    /// Begin an item of a sequence.
    pub fn item(outer: &Frame<'py>) -> Frame<'py> {
        let py = outer.elements.py();
        Frame {
            open: None,
            elements: PyDict::new(py),
            encodings: outer.encodings.clone(),
            has_own_encodings: false,
            has_items: false,
            sequence: None,
            pending: None,
            last: -1,
            is_changed: true,
        }
    }

    /// Return the object of Python, with all that has been built.
    pub fn into_open(self, outer: Option<&Bound<'py, PyAny>>, open_dataset: &Py<PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = self.elements.py();
        let open = match (self.open, outer) {
            (Some(open), _) => open,
            (None, Some(outer)) => {
                let sets = outer.getattr(intern!(py, "sets"))?;
                let open = open_dataset.bind(py).call1((sets, &self.encodings))?;
                open.setattr(intern!(py, "elements"), &self.elements)?;
                if let Some(pending) = &self.pending {
                    open.setattr(intern!(py, "pending"), pending)?;
                }
                open
            }
            (None, None) => return Err(pyo3::exceptions::PyRuntimeError::new_err("an item without a data set")),
        };
        if self.is_changed {
            open.setattr(intern!(py, "has_items"), self.has_items)?;
            match &self.sequence {
                Some((tag, items)) => {
                    open.setattr(intern!(py, "sequence_tag"), tag)?;
                    open.setattr(intern!(py, "items"), items)?;
                }
                None => open.setattr(intern!(py, "items"), PyList::empty(py))?,
            }
        }
        Ok(open)
    }

    /// Return whether an element with this tag may be added.
    #[inline]
    pub fn has_no(&self, tag: u32, object: &Bound<'py, PyAny>) -> PyResult<bool> {
        Ok(i64::from(tag) > self.last || !self.elements.contains(object)?)
    }

    /// Add an element.
    #[inline]
    pub fn add(&mut self, tag: u32, object: &Bound<'py, PyAny>, element: &Bound<'py, PyAny>) -> PyResult<()> {
        self.elements.set_item(object, element)?;
        self.last = self.last.max(i64::from(tag));
        Ok(())
    }

    pub fn open_sequence(&mut self, tag: u32) {
        self.sequence = Some((tag, PyList::empty(self.elements.py())));
        self.is_changed = true;
    }

    /// Return the items of the open sequence, which ends.
    pub fn close_sequence(&mut self) -> Option<Bound<'py, PyList>> {
        self.is_changed = true;
        self.sequence.take().map(|(_, items)| items)
    }

    /// Add an item to the open sequence, and the text in it that has no character set yet.
    pub fn add_item(&mut self, item: Frame<'py>, dataset: &Bound<'py, PyAny>) -> PyResult<()> {
        if let Some((_, items)) = &self.sequence {
            items.append(dataset)?;
        }
        if let Some(texts) = item.pending.filter(|texts| !texts.is_empty()) {
            self.pending().as_any().call_method1(intern!(texts.py(), "extend"), (texts,))?;
        }
        self.has_items = true;
        self.is_changed = true;
        Ok(())
    }

    /// Return the list of text that is not encoded yet.
    pub fn pending(&mut self) -> &Bound<'py, PyList> {
        self.pending.get_or_insert_with(|| PyList::empty(self.elements.py()))
    }

    pub fn has_pending(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| !pending.is_empty())
    }

    /// Return whether the character set was found or changed after items that inherit it.
    pub fn has_outdated_items(&self) -> PyResult<bool> {
        match &self.open {
            Some(open) => open.getattr(intern!(open.py(), "has_outdated_items"))?.is_truthy(),
            None => Ok(false),
        }
    }
}
