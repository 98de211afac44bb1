//! A check of elements by the data dictionary and by their VRs, as `ValueCheck` of `streamdicom.filters`.
//!
//! The scanner's events pass through `Checked`, which leaves out elements that are plainly right. Everything else goes on
//! to Python, which finds the faults: values that may break a rule, elements whose rule is not known yet, and those that
//! change the meaning of others. The starts of the sequences and items around them go before them.

mod rules;
mod values;

pub use rules::{Counts, Rules};

use crate::handler::{Handler, Values};
use crate::vr::Vr;
use rules::Creator;
use values::are_right;

const SPECIFIC_CHARACTER_SET: u32 = 0x0008_0005;
const PIXEL_REPRESENTATION: u32 = 0x0028_0103;
const LUT_DESCRIPTOR: u32 = 0x0028_3002;
const PIXEL_DATA: u32 = 0x7FE0_0010;
const FIRST_PRIVATE: i64 = 0x0009_0000;
const MAX_BLOCKS: usize = 1024; // of all open items

/// A handler that passes on what needs a closer look.
pub struct Checked<'a, H: Handler> {
    rules: &'a Rules,
    to: &'a mut H,
    /// Values have a binary form, so that numbers are in the range of their VR.
    in_binary: bool,
    position: usize,
    /// The sequences and items that this run has started, and the elements in them that others depend on.
    open: Vec<Open>,
    /// The number of these that have been passed on.
    sent: usize,
    /// The private blocks of the open data set and items: `tag >> 8` of their elements, and their creator.
    blocks: Vec<(u32, Creator)>,
    /// The index of the first block of the innermost data set or item, or None if it may have others.
    first_block: Option<usize>,
}

#[derive(Clone, Copy)]
struct Open {
    tag: u32,
    position: usize,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Sequence,
    /// Its number, and the first block of the data set or item around it.
    Item(i64, Option<usize>),
    Creator(Creator),
    /// Its VR and its value.
    PixelRepresentation(Vr, i128),
}

impl<'a, H: Handler> Checked<'a, H> {
    pub fn new(rules: &'a Rules, to: &'a mut H, in_binary: bool) -> Self {
        let (open, blocks) = (Vec::new(), Vec::new());
        Checked { rules, to, in_binary, position: 0, open, sent: 0, blocks, first_block: None }
    }

    /// Say that the data set or item in which the run begins has no element above this tag yet.
    ///
    /// It has no private blocks then, unless the tag is that of a private element.
    pub fn begin_after(&mut self, last: i64) {
        if last < FIRST_PRIVATE {
            self.first_block = Some(0);
        }
    }

    /// Pass on all that is open.
    #[inline]
    pub fn flush(&mut self) {
        if self.sent < self.open.len() {
            self.send_open();
        }
        self.to.at(self.position);
    }

    fn send_open(&mut self) {
        for open in &self.open[self.sent..] {
            self.to.at(open.position);
            match open.kind {
                Kind::Sequence => self.to.start_sequence(open.tag),
                Kind::Item(index, _) => self.to.start_item(open.tag, index),
                Kind::PixelRepresentation(vr, value) => {
                    self.to.element(open.tag, vr, Values::Integers(&[Some(value)]));
                }
                Kind::Creator(creator) => self.to.element(open.tag, Vr::LO, Values::Text(self.rules.name(creator))),
            }
        }
        self.sent = self.open.len();
    }

    #[inline]
    fn open(&mut self, tag: u32, kind: Kind) {
        self.open.push(Open { tag, position: self.position, kind });
    }

    /// End the innermost sequence or item; return whether its start has been passed on.
    fn end(&mut self) -> bool {
        while let Some(ended) = self.open.pop() {
            match ended.kind {
                Kind::Creator(_) | Kind::PixelRepresentation(..) => continue,
                Kind::Item(_, outer) => {
                    self.blocks.truncate(self.first_block.unwrap_or(0));
                    self.first_block = outer;
                }
                Kind::Sequence => {}
            }
            let is_sent = self.sent > self.open.len();
            self.sent = self.sent.min(self.open.len());
            return is_sent;
        }
        (self.sent, self.first_block) = (0, None);
        self.blocks.clear();
        true
    }

    /// Note the block that a Private Creator reserves (PS3.5 7.8.1); return its creator if it is plainly right.
    #[cold]
    fn reserve(&mut self, tag: u32, vr: Vr, values: &Values<'_>) -> Option<Creator> {
        let Values::Text(text) = values else {
            self.forget_blocks(tag);
            return None;
        };
        let creator = self.rules.creator(text).filter(|_| self.blocks.len() < MAX_BLOCKS);
        self.forget_blocks(tag);
        if self.first_block.is_some() {
            self.blocks.extend(creator.map(|creator| (block_of(tag), creator)));
        }
        creator.filter(|creator| vr == Vr::LO && self.rules.name(*creator) == *text && are_right(vr, values, false))
    }

    fn forget_blocks(&mut self, tag: u32) {
        let first = self.first_block.unwrap_or(self.blocks.len());
        while let Some(index) = self.blocks[first..].iter().position(|(block, _)| *block == block_of(tag)) {
            self.blocks.swap_remove(first + index);
        }
    }

    /// Return the numbers of values that an element may have, if its VR is right.
    #[inline]
    fn counts(&self, tag: u32, vr: Vr) -> Option<Counts> {
        let mut creator = Creator::STANDARD;
        if tag & 0x1_0000 != 0 {
            let blocks = &self.blocks[self.first_block?..];
            creator = blocks.iter().find(|(block, _)| *block == tag >> 8)?.1;
        }
        self.rules.counts(creator, tag, vr)
    }

    #[inline]
    fn is_right(&mut self, tag: u32, vr: Vr, values: &Values<'_>) -> bool {
        match self.counts(tag, vr) {
            Some(counts) => {
                counts.allow(values.len())
                    && are_right(vr, values, self.in_binary)
                    && (!has_meaning(tag) || self.is_kept(tag, vr, values))
            }
            None => false,
        }
    }

    /// Return whether such an element needs no look by Python, but perhaps later ones need it.
    #[cold]
    fn is_kept(&mut self, tag: u32, vr: Vr, values: &Values<'_>) -> bool {
        match (tag, values) {
            _ if self.in_binary => false,
            (SPECIFIC_CHARACTER_SET, _) => self.rules.have_terms(values),
            (PIXEL_REPRESENTATION, Values::Integers([Some(value)])) => {
                self.open(tag, Kind::PixelRepresentation(vr, *value));
                true
            }
            (LUT_DESCRIPTOR, _) => true,
            _ => false,
        }
    }
}

#[inline]
fn has_meaning(tag: u32) -> bool {
    matches!(tag, SPECIFIC_CHARACTER_SET | PIXEL_REPRESENTATION | LUT_DESCRIPTOR)
}

#[inline]
fn is_private_creator(tag: u32) -> bool {
    tag & 0x1_0000 != 0 && (0x10..=0xFF).contains(&(tag & 0xFFFF))
}

/// Return `tag >> 8` of the elements in the block that a Private Creator reserves.
fn block_of(tag: u32) -> u32 {
    tag >> 16 << 8 | tag & 0xFF
}

impl<H: Handler> Handler for Checked<'_, H> {
    #[inline]
    fn at(&mut self, position: usize) {
        self.position = position;
    }

    fn start_dataset(&mut self, index: i64) {
        self.open.clear();
        self.blocks.clear();
        (self.sent, self.first_block) = (0, Some(0));
        self.to.at(self.position);
        self.to.start_dataset(index);
    }

    fn end_dataset(&mut self) {
        self.open.clear();
        (self.sent, self.first_block) = (0, None);
    }

    fn start_sequence(&mut self, tag: u32) {
        let is_right = self.counts(tag, Vr::SQ).is_some();
        self.open(tag, Kind::Sequence);
        if !is_right {
            self.send_open();
        }
    }

    fn start_item(&mut self, tag: u32, index: i64) {
        self.open(tag, Kind::Item(index, self.first_block));
        self.first_block = Some(self.blocks.len());
    }

    fn end_item(&mut self, tag: u32) {
        if self.end() {
            self.to.at(self.position);
            self.to.end_item(tag);
        }
    }

    fn end_sequence(&mut self, tag: u32) {
        if self.end() {
            self.to.at(self.position);
            self.to.end_sequence(tag);
        }
    }

    #[inline]
    fn element(&mut self, tag: u32, vr: Vr, values: Values<'_>) {
        if self.is_right(tag, vr, &values) {
            return;
        }
        if is_private_creator(tag) {
            if let Some(creator) = self.reserve(tag, vr, &values).filter(|_| !self.in_binary) {
                self.open(tag, Kind::Creator(creator));
                return;
            }
        }
        self.flush();
        self.to.element(tag, vr, values);
    }

    fn start_element(&mut self, tag: u32, vr: Option<Vr>) {
        self.flush();
        self.to.start_element(tag, vr);
    }

    /// Pass on the last part only: bytes have no rules, except for those of pixel data.
    fn segment(&mut self, tag: u32, vr: Option<Vr>, bytes: &[u8], is_last: bool) {
        if is_last || tag == PIXEL_DATA {
            self.to.at(self.position);
            self.to.segment(tag, vr, bytes, is_last);
        }
    }

    fn end_element(&mut self, tag: u32, vr: Vr) {
        self.to.at(self.position);
        self.to.end_element(tag, vr);
    }

    fn bulk_data(&mut self, tag: u32, vr: Vr, uri: &[u8]) {
        if self.counts(tag, vr).is_none() {
            self.flush();
            self.to.bulk_data(tag, vr, uri);
        }
    }
}
