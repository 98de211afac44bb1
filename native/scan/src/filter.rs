//! Handlers that leave out elements by their tags.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::handler::{Handler, Values, Wish};
use crate::vr::Vr;

/// The decision about a tag at a level.
///
/// A level is a selection of the elements of a data set, which is level 0, or of the items of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Elements with the tag are not wanted, with all that is in them.
    pub is_unwanted: bool,
    /// The data set is wanted only if an element with the tag satisfies a condition.
    pub has_condition: bool,
    /// The level of the items of a sequence with the tag.
    pub inner: u32,
}

impl Answer {
    pub const WANTED: Answer = Answer { is_unwanted: false, has_condition: false, inner: WHOLE };
}

/// The level of items of which everything is wanted.
pub const WHOLE: u32 = u32::MAX;

/// The level of items about which nothing is decided.
const UNKNOWN: u32 = u32::MAX - 1;

/// The decisions so far, within bounds.
#[derive(Default)]
pub struct Answers {
    levels: Vec<HashMap<u64, Answer, BuildHasherDefault<TagHasher>>>,
    count: usize,
}

const MAX_ANSWERS: usize = 16 * 1024;

impl Answers {
    /// Return the decision about a tag with a VR, or with any.
    #[inline]
    pub fn get(&self, level: u32, tag: u32, vr: Option<Vr>) -> Option<Answer> {
        self.levels.get(level as usize)?.get(&key(tag, vr)).copied()
    }

    pub fn remember(&mut self, level: u32, tag: u32, vr: Option<Vr>, answer: Answer) {
        if self.count >= MAX_ANSWERS {
            self.levels.clear();
            self.count = 0;
        }
        let level = level as usize;
        if level >= self.levels.len() {
            self.levels.resize_with(level + 1, HashMap::default);
        }
        self.levels[level].insert(key(tag, vr), answer);
        self.count += 1;
    }
}

#[inline]
fn key(tag: u32, vr: Option<Vr>) -> u64 {
    u64::from(tag) | vr.map_or(0, |vr| vr.index() as u64 + 1) << 32
}

/// A hash of a tag, which is spread over all bits.
#[derive(Default)]
struct TagHasher(u64);

impl Hasher for TagHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let product = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = product ^ product >> 32;
    }
}

/// A handler that leaves out elements by their tags.
pub struct Filtered<'a, H, J> {
    handler: &'a mut H,
    answers: &'a mut Answers,
    /// Decides about a tag at a level; None stops the scanner.
    judge: J,
    /// The levels of the data set and its open items.
    levels: Vec<u32>,
    /// The condition of the current element is still to be examined.
    has_condition: bool,
    pauses: bool,
}

impl<'a, H: Handler, J: FnMut(u32, u32) -> Option<Answer>> Filtered<'a, H, J> {
    /// Return the handler at a place in a data set, or None without a decision about a sequence around it.
    pub fn new(
        handler: &'a mut H,
        answers: &'a mut Answers,
        judge: J,
        sequences: impl Iterator<Item = u32>,
    ) -> Option<Self> {
        let mut filtered = Filtered { handler, answers, judge, levels: vec![0], has_condition: false, pauses: false };
        for tag in sequences {
            let inner = filtered.answer(tag)?.inner;
            filtered.levels.push(inner);
        }
        Some(filtered)
    }

    /// Return whether the scanner should stop after the last element because that has a condition.
    pub fn is_at_condition(&self) -> bool {
        self.pauses
    }

    #[inline]
    fn answer(&mut self, tag: u32) -> Option<Answer> {
        let level = self.levels.last().copied().unwrap_or(UNKNOWN);
        if level == WHOLE {
            return Some(Answer::WANTED);
        }
        if let Some(answer) = self.answers.get(level, tag, None) {
            return Some(answer);
        }
        let answer = (self.judge)(level, tag)?;
        self.answers.remember(level, tag, None, answer);
        Some(answer)
    }
}

impl<H: Handler, J: FnMut(u32, u32) -> Option<Answer>> Handler for Filtered<'_, H, J> {
    fn at(&mut self, position: usize) {
        self.handler.at(position);
    }

    #[inline]
    fn wish(&mut self, tag: u32) -> Wish {
        let Some(answer) = self.answer(tag) else { return Wish::Leave };
        self.has_condition = answer.has_condition && self.levels.len() == 1;
        if answer.is_unwanted && !self.has_condition { Wish::PassOver } else { self.handler.wish(tag) }
    }

    #[inline]
    fn pauses(&self) -> bool {
        self.pauses || self.handler.pauses()
    }

    #[inline]
    fn has_refused(&mut self) -> bool {
        self.handler.has_refused()
    }

    fn start_dataset(&mut self, index: i64) {
        self.levels.truncate(1);
        self.handler.start_dataset(index);
    }

    fn end_dataset(&mut self) {
        self.handler.end_dataset();
    }

    fn start_sequence(&mut self, tag: u32) {
        self.handler.start_sequence(tag);
    }

    fn start_item(&mut self, tag: u32, index: i64) {
        let inner = self.answer(tag).map_or(UNKNOWN, |answer| answer.inner);
        self.levels.push(inner);
        self.handler.start_item(tag, index);
    }

    fn end_item(&mut self, tag: u32) {
        self.levels.pop();
        self.handler.end_item(tag);
    }

    fn end_sequence(&mut self, tag: u32) {
        self.handler.end_sequence(tag);
    }

    #[inline]
    fn element(&mut self, tag: u32, vr: Vr, values: Values<'_>) {
        self.pauses = self.has_condition;
        self.handler.element(tag, vr, values);
    }

    fn start_element(&mut self, tag: u32, vr: Option<Vr>) {
        self.handler.start_element(tag, vr);
    }

    fn segment(&mut self, tag: u32, vr: Option<Vr>, bytes: &[u8], is_last: bool) {
        self.handler.segment(tag, vr, bytes, is_last);
    }

    fn end_element(&mut self, tag: u32, vr: Vr) {
        self.handler.end_element(tag, vr);
    }

    fn bulk_data(&mut self, tag: u32, vr: Vr, uri: &[u8]) {
        self.handler.bulk_data(tag, vr, uri);
    }
}
