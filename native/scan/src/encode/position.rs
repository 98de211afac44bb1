//! The place in a data set that the handlers have reached which write the events of a scanner.

/// A sequence that has begun in this run, and has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    pub tag: u32,
    /// The number of items begun.
    pub items: i64,
    /// The length of the output before it.
    pub start: usize,
    /// The last tag before it, or `UNCHANGED`.
    pub last: i64,
}

/// The last tag of a level in which nothing has been written yet.
pub const UNCHANGED: i64 = -2;

/// Where the writer stands after a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The last tag in the innermost data set or item, -1, or `UNCHANGED`.
    pub last: i64,
    pub in_sequence: bool,
    /// The sequences around the start that have ended, or have further items.
    pub changed: usize,
    /// The innermost of those around the start, if it is open and has further items: its tag, and the number of items.
    pub outer: Option<(u32, i64)>,
    /// The sequences that have begun, outermost first.
    pub begun: Vec<Begun>,
    /// The number of items around the start that have ended.
    pub ended_items: usize,
    /// The number of items that have begun and are open.
    pub open_items: usize,
    /// The number of events.
    pub events: usize,
}

impl Position {
    pub fn new(in_sequence: bool) -> Position {
        Position {
            last: UNCHANGED,
            in_sequence,
            changed: 0,
            outer: None,
            begun: Vec::new(),
            ended_items: 0,
            open_items: 0,
            events: 0,
        }
    }

    /// Write an element.
    #[inline]
    pub fn element(&mut self, tag: u32) {
        self.last = i64::from(tag);
        self.events += 1;
    }

    /// Begin a sequence.
    pub fn begin(&mut self, tag: u32, start: usize) {
        self.begun.push(Begun { tag, items: 0, start, last: self.last });
        self.in_sequence = true;
        self.events += 1;
    }

    /// Begin an item of the innermost sequence.
    pub fn begin_item(&mut self, tag: u32, index: i64) {
        match self.begun.last_mut() {
            Some(sequence) => sequence.items = index + 1,
            None => {
                self.changed += usize::from(self.outer.is_none());
                self.outer = Some((tag, index + 1));
            }
        }
        self.last = -1;
        self.in_sequence = false;
        self.open_items += 1;
        self.events += 1;
    }

    /// End the innermost item.
    pub fn end_item(&mut self) {
        self.in_sequence = true;
        match self.open_items.checked_sub(1) {
            Some(open) => self.open_items = open,
            None => self.ended_items += 1,
        }
        self.events += 1;
    }

    /// End the innermost sequence.
    pub fn end(&mut self, tag: u32) {
        if self.begun.pop().is_none() {
            self.changed += usize::from(self.outer.is_none());
            self.outer = None;
        }
        self.element(tag);
        self.in_sequence = false;
    }
}
