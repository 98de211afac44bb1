//! Elements that a run has read, to read them again.

use pyo3::prelude::*;
use streamdicom_scan::handler::Handler;
use streamdicom_scan::part10::{Encoding, Frame, Place, Repertoire, Scratch, Surroundings, run};
use streamdicom_scan::vr::Vr;

use super::run::vr_in_implicit;

/// What a run has asked about the contexts of Python, in order.
#[derive(Clone, Default)]
pub struct Asked {
    /// The frames around the start whose items have ended, and whether their elements had the same layout.
    pub left: Vec<(Frame, bool)>,
    pub repertoires: Vec<Repertoire>,
}

/// Bytes that a run has read, and how it began.
pub struct Part10Source {
    pub data: Vec<u8>,
    /// The bytes that the run could see.
    pub seen: usize,
    pub base: i64,
    pub encoding: Encoding,
    pub outside: usize,
    pub max_outer: usize,
    pub is_item_due: bool,
    pub frame: Frame,
    pub checks_padding: bool,
    pub asked: Asked,
    pub certain_vr: Py<PyAny>,
}

impl Part10Source {
    /// Hand the events to a handler again.
    pub fn run<H: Handler>(&self, py: Python<'_>, handler: &mut H) {
        let mut scratch = Scratch::default();
        scratch.checks_padding = self.checks_padding;
        let place = Place { pos: 0, is_item_due: self.is_item_due };
        let mut around = Again { py, source: self, left: 0, asked: 0, repertoires: vec![None] };
        let mut frames = vec![self.frame.clone()];
        let (outside, max_outer) = (self.outside, self.max_outer);
        run(
            &self.data,
            place,
            self.base,
            self.encoding,
            false,
            &mut frames,
            outside,
            max_outer,
            &mut scratch,
            &mut around,
            handler,
        );
    }
}

/// The same surroundings as in the first run.
struct Again<'a, 'py> {
    py: Python<'py>,
    source: &'a Part10Source,
    left: usize,
    asked: usize,
    /// The character set of each frame, as far as it is known.
    repertoires: Vec<Option<Repertoire>>,
}

impl Surroundings for Again<'_, '_> {
    fn size(&self, _: usize) -> usize {
        self.source.seen
    }

    fn vr(&mut self, tag: u32) -> Option<Vr> {
        vr_in_implicit(self.source.certain_vr.bind(self.py), tag)
    }

    fn vr_of_un(&mut self, tag: u32) -> Option<Vr> {
        self.vr(tag)
    }

    fn repertoire(&mut self) -> Repertoire {
        if let Some(Some(repertoire)) = self.repertoires.last() {
            return *repertoire;
        }
        let found = self.source.asked.repertoires.get(self.asked).copied().unwrap_or(Repertoire::Unknown);
        self.asked += 1;
        self.set_repertoire(found);
        found
    }

    fn set_repertoire(&mut self, repertoire: Repertoire) -> bool {
        if let Some(innermost) = self.repertoires.last_mut() {
            *innermost = Some(repertoire);
        }
        true
    }

    fn learn(&mut self, _: u32, _: Vr, _: &[u8]) {}

    fn enter(&mut self) {
        self.repertoires.push(self.repertoires.last().copied().flatten());
    }

    fn exit(&mut self) {
        self.repertoires.pop();
    }

    fn leave(&mut self) -> Option<(Frame, bool)> {
        let left = self.source.asked.left.get(self.left).cloned();
        self.left += 1;
        self.repertoires = vec![None];
        left
    }
}
