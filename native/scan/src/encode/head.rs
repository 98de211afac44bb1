//! The elements between those that a handler writes itself.

use crate::handler::{Handler, Values};
use crate::vr::Vr;

/// A handler that pauses the scanner as soon as another one may write what follows.
///
/// It passes on at least one event. The start of a data set up to the first tag above the head is passed on, and a long
/// value as a whole.
pub struct Head<'a, H: Handler> {
    to: &'a mut H,
    /// The highest tag of the head.
    head: i64,
    /// The highest tag so far outside of all items; -1 outside of data sets.
    top: i64,
    /// The number of open items.
    items: usize,
    has_passed: bool,
    in_value: bool,
}

impl<'a, H: Handler> Head<'a, H> {
    pub fn new(to: &'a mut H, head: i64, top: i64, items: usize) -> Head<'a, H> {
        Head { to, head, top, items, has_passed: false, in_value: false }
    }

    #[inline]
    fn pass(&mut self, tag: u32) {
        self.has_passed = true;
        if self.items == 0 {
            self.top = i64::from(tag);
        }
    }
}

impl<H: Handler> Handler for Head<'_, H> {
    fn at(&mut self, position: usize) {
        self.to.at(position);
    }

    fn pauses(&self) -> bool {
        self.has_passed && !self.in_value && self.top > self.head
    }

    fn start_dataset(&mut self, index: i64) {
        (self.top, self.items) = (-1, 0);
        self.to.start_dataset(index);
    }

    fn end_dataset(&mut self) {
        self.top = -1;
        self.to.end_dataset();
    }

    fn start_sequence(&mut self, tag: u32) {
        self.pass(tag);
        self.to.start_sequence(tag);
    }

    fn start_item(&mut self, tag: u32, index: i64) {
        self.has_passed = true;
        self.items += 1;
        self.to.start_item(tag, index);
    }

    fn end_item(&mut self, tag: u32) {
        self.has_passed = true;
        self.items = self.items.saturating_sub(1);
        self.to.end_item(tag);
    }

    fn end_sequence(&mut self, tag: u32) {
        self.has_passed = true;
        self.to.end_sequence(tag);
    }

    fn element(&mut self, tag: u32, vr: Vr, values: Values<'_>) {
        self.pass(tag);
        self.to.element(tag, vr, values);
    }

    fn start_element(&mut self, tag: u32, vr: Option<Vr>) {
        self.pass(tag);
        self.in_value = true;
        self.to.start_element(tag, vr);
    }

    fn segment(&mut self, tag: u32, vr: Option<Vr>, bytes: &[u8], is_last: bool) {
        self.to.segment(tag, vr, bytes, is_last);
    }

    fn end_element(&mut self, tag: u32, vr: Vr) {
        (self.has_passed, self.in_value) = (true, false);
        self.to.end_element(tag, vr);
    }

    fn bulk_data(&mut self, tag: u32, vr: Vr, uri: &[u8]) {
        self.pass(tag);
        self.to.bulk_data(tag, vr, uri);
    }
}

/// A handler that refuses the first element above the head outside of all items.
pub struct Until<'a, H: Handler> {
    to: &'a mut H,
    head: i64,
    items: usize,
    is_refused: bool,
}

impl<'a, H: Handler> Until<'a, H> {
    pub fn new(to: &'a mut H, head: i64, items: usize) -> Until<'a, H> {
        Until { to, head, items, is_refused: false }
    }

    #[inline]
    fn takes(&mut self, tag: u32) -> bool {
        self.is_refused = self.items == 0 && i64::from(tag) > self.head;
        !self.is_refused
    }
}

impl<H: Handler> Handler for Until<'_, H> {
    fn at(&mut self, position: usize) {
        self.to.at(position);
    }

    fn has_refused(&mut self) -> bool {
        std::mem::take(&mut self.is_refused) || self.to.has_refused()
    }

    fn start_dataset(&mut self, index: i64) {
        self.to.start_dataset(index);
    }

    fn end_dataset(&mut self) {
        self.to.end_dataset();
    }

    fn start_sequence(&mut self, tag: u32) {
        if self.takes(tag) {
            self.to.start_sequence(tag);
        }
    }

    fn start_item(&mut self, tag: u32, index: i64) {
        self.items += 1;
        self.to.start_item(tag, index);
    }

    fn end_item(&mut self, tag: u32) {
        self.items = self.items.saturating_sub(1);
        self.to.end_item(tag);
    }

    fn end_sequence(&mut self, tag: u32) {
        self.to.end_sequence(tag);
    }

    fn element(&mut self, tag: u32, vr: Vr, values: Values<'_>) {
        if self.takes(tag) {
            self.to.element(tag, vr, values);
        }
    }

    fn start_element(&mut self, tag: u32, vr: Option<Vr>) {
        if self.takes(tag) {
            self.to.start_element(tag, vr);
        }
    }

    fn segment(&mut self, tag: u32, vr: Option<Vr>, bytes: &[u8], is_last: bool) {
        self.to.segment(tag, vr, bytes, is_last);
    }

    fn end_element(&mut self, tag: u32, vr: Vr) {
        self.to.end_element(tag, vr);
    }

    fn bulk_data(&mut self, tag: u32, vr: Vr, uri: &[u8]) {
        if self.takes(tag) {
            self.to.bulk_data(tag, vr, uri);
        }
    }
}
