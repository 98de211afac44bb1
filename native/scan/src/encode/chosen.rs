//! The part of the events that a writer gets: selected elements, and none that Python must see.

use std::fmt::Write;

use crate::filter::{Answer, Answers, WHOLE};
use crate::handler::{Handler, Values, Wish};
use crate::vr::Vr;

/// The elements that Python must see, and how the others are selected.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Elements are selected.
    pub selects: bool,
    /// The scanner need not read an attribute that is not selected for any VR.
    pub passes_over: bool,
    /// The tags of the top level alone decide, so that nothing is left to select in what is not passed over.
    pub is_exact: bool,
    /// Bytes of a binary value, from which on Python must see it.
    pub threshold: Option<usize>,
    /// Python must see values of these VRs.
    pub vrs: Vec<Vr>,
    /// Python must see elements with these tags.
    pub tags: Vec<u32>,
    /// Python must see references to bulk data.
    pub refuses_references: bool,
}

impl Choice {
    /// Return whether Python must see a value for its tag or its size alone, and nothing but bytes are in it.
    fn may_refer(&self, tag: u32, vr: Vr, values: &Values<'_>) -> bool {
        let Values::Bytes(bytes) = values else { return false };
        let is_long = self.threshold.is_some_and(|threshold| bytes.len() > threshold);
        !bytes.is_empty() && (self.tags.contains(&tag) || (is_long && !self.vrs.contains(&vr)))
    }

    fn refuses(&self, vr: Vr, values: &Values<'_>) -> bool {
        match values {
            Values::None => false,
            Values::Bytes(bytes) if self.threshold.is_some_and(|threshold| bytes.len() >= threshold) => true,
            _ => self.vrs.contains(&vr),
        }
    }
}

/// A sequence that is open, whether it is selected or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OpenSequence {
    tag: u32,
    /// The index of the open item, or of the last one.
    item: i64,
    /// The level of its items.
    level: u32,
    is_left_out: bool,
}

/// Where a run ends among all elements, and not only among those that are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The tag and the item of each open sequence, outermost first.
    pub sequences: Vec<(u32, i64)>,
    /// An item of a sequence, or its end, is due.
    pub in_sequence: bool,
    /// The number of open sequences that are left out; they are the innermost.
    pub left_out: usize,
    /// The number of sequences around the start.
    pub outside: usize,
    /// The number of those that have not ended.
    pub kept: usize,
    /// The number of items around the start that have ended.
    pub ended_items: usize,
    /// The number of items that have begun and not ended.
    pub open_items: usize,
}

/// A handler that passes on what is selected, and refuses what Python must see.
pub struct Chosen<'a, H, J> {
    output: &'a mut H,
    choice: &'a Choice,
    /// The start of the URIs of values that would be refused, if these become references.
    pub base_uri: Option<&'a str>,
    answers: &'a mut Answers,
    /// Decides about a tag at a level, for a VR or for all; None if it cannot.
    judge: J,
    open: Vec<OpenSequence>,
    in_sequence: bool,
    outside: usize,
    kept: usize,
    ended_items: usize,
    open_items: usize,
    /// The scanner asks for wishes.
    has_wishes: bool,
    /// An element that Python must see wherever it is, or 0.
    refused_tag: u32,
    is_refused: bool,
}

/// The open sequences at the start of a run.
pub struct Around {
    open: Vec<OpenSequence>,
    in_sequence: bool,
}

impl Around {
    /// Return the open sequences by their tags and items, or None without a decision about one of them.
    pub fn new<J: FnMut(u32, u32, Option<Vr>) -> Option<Answer>>(
        choice: &Choice,
        answers: &mut Answers,
        judge: &mut J,
        sequences: &[(u32, i64)],
        in_sequence: bool,
    ) -> Option<Around> {
        let mut open: Vec<OpenSequence> = Vec::with_capacity(sequences.len());
        for &(tag, item) in sequences {
            let sequence = enter(choice, answers, judge, &open, tag)?;
            open.push(OpenSequence { item, ..sequence });
        }
        Some(Around { open, in_sequence })
    }

    /// Return the number of sequences that are written.
    pub fn written(&self) -> usize {
        self.open.iter().filter(|sequence| !sequence.is_left_out).count()
    }

    /// Return whether the writer stands in the innermost sequence, before an item or its end.
    pub fn is_written_sequence(&self) -> bool {
        self.in_sequence && self.open.last().is_some_and(|sequence| !sequence.is_left_out)
    }
}

fn answer<J: FnMut(u32, u32, Option<Vr>) -> Option<Answer>>(
    choice: &Choice,
    answers: &mut Answers,
    judge: &mut J,
    level: u32,
    tag: u32,
    vr: Option<Vr>,
) -> Option<Answer> {
    if !choice.selects || level == WHOLE {
        return Some(Answer::WANTED);
    }
    if let Some(answer) = answers.get(level, tag, vr) {
        return Some(answer);
    }
    let answer = judge(level, tag, vr)?;
    answers.remember(level, tag, vr, answer);
    Some(answer)
}

fn enter<J: FnMut(u32, u32, Option<Vr>) -> Option<Answer>>(
    choice: &Choice,
    answers: &mut Answers,
    judge: &mut J,
    open: &[OpenSequence],
    tag: u32,
) -> Option<OpenSequence> {
    let (level, is_left_out) = open.last().map_or((0, false), |outer| (outer.level, outer.is_left_out));
    if is_left_out {
        return Some(OpenSequence { tag, item: 0, level, is_left_out });
    }
    let answer = answer(choice, answers, judge, level, tag, Some(Vr::SQ))?;
    Some(OpenSequence { tag, item: 0, level: answer.inner, is_left_out: answer.is_unwanted })
}

impl<'a, H: Handler, J: FnMut(u32, u32, Option<Vr>) -> Option<Answer>> Chosen<'a, H, J> {
    pub fn new(
        output: &'a mut H,
        choice: &'a Choice,
        answers: &'a mut Answers,
        judge: J,
        around: Around,
        has_wishes: bool,
        refused_tag: u32,
    ) -> Self {
        let Around { open, in_sequence } = around;
        let outside = open.len();
        Chosen {
            output,
            choice,
            base_uri: None,
            answers,
            judge,
            open,
            in_sequence,
            outside,
            kept: outside,
            ended_items: 0,
            open_items: 0,
            has_wishes,
            refused_tag,
            is_refused: false,
        }
    }

    /// Return where the run has ended.
    pub fn path(self) -> Path {
        Path {
            sequences: self.open.iter().map(|sequence| (sequence.tag, sequence.item)).collect(),
            in_sequence: self.in_sequence,
            left_out: self.open.iter().filter(|sequence| sequence.is_left_out).count(),
            outside: self.outside,
            kept: self.kept,
            ended_items: self.ended_items,
            open_items: self.open_items,
        }
    }

    #[inline]
    fn is_left_out(&self) -> bool {
        self.open.last().is_some_and(|sequence| sequence.is_left_out)
    }

    #[inline]
    fn answer(&mut self, tag: u32, vr: Option<Vr>) -> Option<Answer> {
        let level = self.open.last().map_or(0, |sequence| sequence.level);
        answer(self.choice, self.answers, &mut self.judge, level, tag, vr)
    }

    /// Return the URI of the value of an element here: the base, and the tag path.
    fn uri(&self, base: &str, tag: u32) -> String {
        let mut uri = String::with_capacity(base.len() + 16 * self.open.len() + 8);
        uri.push_str(base);
        for sequence in &self.open {
            let _ = write!(uri, "{:08X}/{}/", sequence.tag, sequence.item); // a String takes everything
        }
        let _ = write!(uri, "{tag:08X}");
        uri
    }

    /// Return whether an element is written; refuse it if that is not known.
    #[inline]
    fn is_wanted(&mut self, tag: u32, vr: Vr) -> bool {
        if self.is_left_out() {
            return false;
        }
        if !self.choice.selects || (self.choice.is_exact && self.has_wishes) {
            return true;
        }
        match self.answer(tag, Some(vr)) {
            Some(answer) => !answer.is_unwanted,
            None => {
                self.is_refused = true;
                false
            }
        }
    }
}

impl<H: Handler, J: FnMut(u32, u32, Option<Vr>) -> Option<Answer>> Handler for Chosen<'_, H, J> {
    fn at(&mut self, position: usize) {
        self.output.at(position);
    }

    #[inline]
    fn wish(&mut self, tag: u32) -> Wish {
        if !self.choice.passes_over {
            return Wish::Take;
        }
        match self.answer(tag, None) {
            Some(answer) if answer.is_unwanted => Wish::PassOver,
            Some(_) => Wish::Take,
            None => Wish::Leave,
        }
    }

    #[inline]
    fn has_refused(&mut self) -> bool {
        std::mem::take(&mut self.is_refused) || self.output.has_refused()
    }

    fn start_dataset(&mut self, index: i64) {
        self.output.start_dataset(index);
    }

    fn end_dataset(&mut self) {
        self.output.end_dataset();
    }

    fn start_sequence(&mut self, tag: u32) {
        let Some(sequence) = enter(self.choice, self.answers, &mut self.judge, &self.open, tag) else {
            self.is_refused = true;
            return;
        };
        if !sequence.is_left_out {
            self.output.start_sequence(tag);
            if self.output.has_refused() {
                self.is_refused = true;
                return;
            }
        }
        self.open.push(sequence);
        self.in_sequence = true;
    }

    fn start_item(&mut self, tag: u32, index: i64) {
        if let Some(sequence) = self.open.last_mut() {
            sequence.item = index;
        }
        self.in_sequence = false;
        self.open_items += 1;
        if !self.is_left_out() {
            self.output.start_item(tag, index);
        }
    }

    fn end_item(&mut self, tag: u32) {
        self.in_sequence = true;
        match self.open_items.checked_sub(1) {
            Some(open) => self.open_items = open,
            None => self.ended_items += 1,
        }
        if !self.is_left_out() {
            self.output.end_item(tag);
        }
    }

    fn end_sequence(&mut self, tag: u32) {
        let is_left_out = self.open.pop().is_some_and(|sequence| sequence.is_left_out);
        self.kept = self.kept.min(self.open.len());
        self.in_sequence = false;
        if !is_left_out {
            self.output.end_sequence(tag);
        }
    }

    #[inline]
    fn element(&mut self, tag: u32, vr: Vr, values: Values<'_>) {
        // Filters may need an element that is left out later.
        if tag == self.refused_tag {
            self.is_refused = true;
        } else if let Some(base) = self.base_uri
            && self.choice.may_refer(tag, vr, &values)
        {
            if self.is_wanted(tag, vr) {
                let uri = self.uri(base, tag);
                self.output.bulk_data(tag, vr, uri.as_bytes());
            }
        } else if self.choice.tags.contains(&tag) {
            self.is_refused = true;
        } else if self.is_wanted(tag, vr) {
            if self.choice.refuses(vr, &values) {
                self.is_refused = true;
            } else {
                self.output.element(tag, vr, values);
            }
        }
    }

    fn start_element(&mut self, _: u32, _: Option<Vr>) {
        self.is_refused = true;
    }

    fn segment(&mut self, _: u32, _: Option<Vr>, _: &[u8], _: bool) {}

    fn end_element(&mut self, _: u32, _: Vr) {}

    fn bulk_data(&mut self, tag: u32, vr: Vr, uri: &[u8]) {
        if self.is_wanted(tag, vr) {
            if self.choice.refuses_references || self.choice.tags.contains(&tag) {
                self.is_refused = true;
            } else {
                self.output.bulk_data(tag, vr, uri);
            }
        }
    }
}
