//! From bytes to events, as far as the text is canonical.
//!
//! The scanner moves from one place to the next: after a brace, a bracket, a comma or a whole attribute. What is not
//! canonical, or incomplete, leaves no event and no change of the state.

use crate::handler::{Handler, Kind, Names, Source, Span, Texts, Values, Wish};
use crate::json::habits::{Found, Habit, Marks, mark};
use crate::json::member::{Content, KEY_LENGTH, Member, after, attribute, is_special, key, vr_member};
use crate::json::skip::Skip;
use crate::json::text::{Scan, Stop, blank};
use crate::json::values::{MAX_SINGLE, double, is_decimal_string, is_integer_string, is_single, signed_integer, tag};
use crate::vr::{Form, Vr};

/// The place in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before a document.
    Root,
    /// After the bracket of the array of data sets.
    ArrayStart,
    /// After a data set in the array.
    ArrayAfter,
    /// After a comma in the array.
    ArrayNext,
    /// After the brace of a data set or an item.
    Start,
    /// After an attribute.
    After,
    /// After a comma between attributes.
    Next,
    /// After an item of a sequence.
    Items,
    /// In a base64 text, of which some segments have been read.
    Binary,
    /// After such a text.
    BinaryEnd,
    /// In text that is passed over, after the brace of an object.
    SkipFirstName,
    /// There, after a comma in an object.
    SkipName,
    /// There, after the bracket of an array.
    SkipFirstValue,
    /// There, after a comma in an array or a colon.
    SkipValue,
    /// There, after a value.
    SkipAfter,
    /// There, within a string.
    SkipText,
}

impl Place {
    pub const ALL: [Place; 16] = [
        Place::Root,
        Place::ArrayStart,
        Place::ArrayAfter,
        Place::ArrayNext,
        Place::Start,
        Place::After,
        Place::Next,
        Place::Items,
        Place::Binary,
        Place::BinaryEnd,
        Place::SkipFirstName,
        Place::SkipName,
        Place::SkipFirstValue,
        Place::SkipValue,
        Place::SkipAfter,
        Place::SkipText,
    ];

    pub fn is_skip(self) -> bool {
        self as usize >= Place::SkipFirstName as usize
    }
}

/// Why the scanner stopped, which is never an error by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The rest of the data is the start of something canonical, or nothing.
    Incomplete,
    /// Something that is not canonical follows.
    Odd,
    /// The handler asked to stop after the last event.
    Paused,
}

/// A sequence that is open.
#[derive(Clone, Copy, Debug)]
pub struct Sequence {
    pub tag: u32,
    /// The VR precedes the items.
    pub has_vr: bool,
    /// The index of the current or next item.
    pub items: i64,
}

const MAX_LOWER: usize = 256; // of a run

/// The tags of a data set or an item that is open.
#[derive(Clone, Debug, Default)]
pub struct Level {
    /// The highest tag so far, or -1.
    pub last: i64,
    /// The tags of this run that were higher than all before them.
    pub seen: Vec<u32>,
    /// The other tags of this run, in ascending order.
    pub lower: Vec<u32>,
    pub before: Before,
}

/// The tags of a data set or an item before a run.
#[derive(Clone, Debug)]
pub enum Before {
    /// Its elements are taken as long as their tags ascend.
    Unknown,
    /// All of them, in ascending order.
    Known(Vec<u32>),
}

impl Default for Before {
    fn default() -> Before {
        Before::Known(Vec::new())
    }
}

impl Level {
    /// Return a level that was open before a run.
    pub fn after(last: i64, before: Before) -> Level {
        Level { last, before, ..Level::default() }
    }

    /// Return whether a tag that is not higher than all before it is new.
    fn may_add(&self, tag: u32) -> bool {
        let Before::Known(before) = &self.before else { return false };
        self.lower.len() < MAX_LOWER
            && [&self.lower, &self.seen, before].into_iter().all(|tags| tags.binary_search(&tag).is_err())
    }

    fn add(&mut self, tag: u32) {
        if self.last < i64::from(tag) {
            self.last = i64::from(tag);
            self.seen.push(tag);
        } else if let Err(index) = self.lower.binary_search(&tag) {
            self.lower.insert(index, tag);
        }
    }
}

/// Everything that a run changes.
#[derive(Clone, Debug)]
pub struct State {
    pub place: Place,
    /// There has been a document.
    pub has_document: bool,
    /// The document is an array.
    pub in_array: bool,
    /// The array is a member of an object.
    pub is_wrapped: bool,
    /// The index of the last data set, or -1.
    pub index: i64,
    /// The tag and the VR of an element that is delivered in parts.
    pub element: (u32, Option<Vr>),
    pub sequences: Vec<Sequence>,
    pub levels: Vec<Level>,
    /// The brackets of what is open in text that is passed over.
    pub skipped: Vec<u8>,
    /// The fewest levels that were open.
    pub kept: usize,
    pub marks: Marks,
}

/// Bounds, beyond which nothing is canonical.
#[derive(Clone, Debug)]
pub struct Limits {
    pub depth: usize,
    pub segment_size: usize,
    pub number_length: usize,
    pub values_per_event: usize,
    /// An object is a data set before its first key is known.
    pub is_eager: bool,
    /// Bits of the habits that are taken.
    pub accepted: u32,
}

/// Memory that is used again.
#[derive(Default)]
pub struct Scratch {
    pub resolved: Vec<u8>,
    pub spans: Vec<Span>,
    pub names: Vec<[Span; 3]>,
    pub found: Found,
    integers: Vec<Option<i128>>,
    floats: Vec<Option<f64>>,
    bytes: Vec<u8>,
    unused: Vec<Level>,
}

const OUTSIDE_ITEMS: usize = 3; // containers of an attribute, or of an item around its attributes

/// Hand the events of canonical text to a handler; return the index of the rest.
pub fn run<H: Handler>(
    data: &[u8],
    start: usize,
    state: &mut State,
    limits: &Limits,
    scratch: &mut Scratch,
    handler: &mut H,
) -> (usize, Verdict) {
    state.kept = state.levels.len();
    let base = 1 + usize::from(state.in_array) + usize::from(state.is_wrapped);
    if limits.depth < base + 1 + OUTSIDE_ITEMS {
        return (start, Verdict::Odd);
    }
    scratch.found.accepted = limits.accepted;
    let mut run = Run { data, state, limits, scratch, handler, position: start };
    let verdict = loop {
        match run.step() {
            Ok(()) if run.handler.pauses() => break Verdict::Paused,
            Ok(()) => {}
            Err(Stop::Incomplete) => break Verdict::Incomplete,
            Err(Stop::Odd) => break Verdict::Odd,
        }
    };
    let is_in_text = matches!(run.state.place, Place::Binary | Place::SkipText);
    let rest = if is_in_text { run.position } else { blank(data, run.position) };
    (if rest == data.len() { rest } else { run.position }, verdict)
}

struct Run<'a, H: Handler> {
    data: &'a [u8],
    state: &'a mut State,
    limits: &'a Limits,
    scratch: &'a mut Scratch,
    handler: &'a mut H,
    position: usize,
}

impl<H: Handler> Run<'_, H> {
    /// Go to the next place, or change nothing.
    #[inline]
    fn step(&mut self) -> Scan<()> {
        match self.state.place {
            Place::Binary => return self.segment(),
            place if place.is_skip() => return self.go_on_skipping(),
            _ => {}
        }
        let position = blank(self.data, self.position);
        let byte = *self.data.get(position).ok_or(Stop::Incomplete)?;
        match (self.state.place, byte) {
            (Place::After, b',') => self.go(Place::Next, position + 1),
            (Place::Start | Place::Next, b'"') => return self.member(position),
            (Place::Start | Place::After, b'}') => return self.end_members(position),
            (Place::BinaryEnd, b',' | b'}') => return self.end_binary(position),
            (Place::Items, b',') => return self.next_item(position),
            (Place::Items, b']') => return self.end_sequence(position),
            (Place::ArrayAfter, b',') => self.go(Place::ArrayNext, position + 1),
            (Place::Root | Place::ArrayStart | Place::ArrayNext, b'{') => return self.start_dataset(position),
            (Place::Root, b'[') if !self.state.is_wrapped => {
                self.state.has_document = true;
                self.state.in_array = true;
                self.go(Place::ArrayStart, position + 1);
            }
            (Place::ArrayStart | Place::ArrayAfter, b']') if !self.state.is_wrapped => {
                self.state.in_array = false;
                self.go(Place::Root, position + 1);
            }
            _ => return Err(Stop::Odd),
        }
        Ok(())
    }

    #[inline]
    fn go(&mut self, place: Place, position: usize) {
        self.state.place = place;
        self.position = position;
    }

    fn start_dataset(&mut self, position: usize) -> Scan<()> {
        if self.state.place == Place::Root && !self.limits.is_eager {
            let found = &mut Found { accepted: !0, habits: Vec::new() };
            key(self.data, after(self.data, position + 1, b'"')? - 1, -1, found)?;
        }
        self.state.has_document = true;
        self.state.index += 1;
        self.handler.at(position);
        self.handler.start_dataset(self.state.index);
        self.open_level();
        self.go(Place::Start, position + 1);
        Ok(())
    }

    fn end_members(&mut self, position: usize) -> Scan<()> {
        self.handler.at(position);
        if self.state.levels.len() <= 1 {
            self.handler.end_dataset();
            self.check_refusal()?;
            self.close_level();
            let place = if self.state.in_array { Place::ArrayAfter } else { Place::Root };
            self.go(place, position + 1);
        } else {
            self.close_level();
            if let Some(sequence) = self.state.sequences.last_mut() {
                sequence.items += 1;
                self.handler.end_item(sequence.tag);
            }
            self.go(Place::Items, position + 1);
        }
        Ok(())
    }

    /// Stop before the last event if the handler has refused it.
    #[inline]
    fn check_refusal(&mut self) -> Scan<()> {
        if self.handler.has_refused() { Err(Stop::Odd) } else { Ok(()) }
    }

    fn open_level(&mut self) {
        let mut level = self.scratch.unused.pop().unwrap_or_default();
        level.last = -1;
        level.seen.clear();
        level.lower.clear();
        level.before = Before::default();
        self.state.levels.push(level);
    }

    fn close_level(&mut self) {
        self.scratch.unused.extend(self.state.levels.pop());
        self.state.kept = self.state.kept.min(self.state.levels.len());
    }

    /// Check that an item, or the values of an attribute in it, are not nested too deeply.
    fn check_depth(&self) -> Scan<()> {
        let base = 1 + usize::from(self.state.in_array) + usize::from(self.state.is_wrapped);
        let open = base + OUTSIDE_ITEMS * (self.state.sequences.len() + 1);
        if open + OUTSIDE_ITEMS <= self.limits.depth { Ok(()) } else { Err(Stop::Odd) }
    }

    fn next_item(&mut self, position: usize) -> Scan<()> {
        let end = after(self.data, position + 1, b'{')?;
        let Some(sequence) = self.state.sequences.last() else { return Err(Stop::Odd) };
        self.handler.at(end - 1);
        self.handler.start_item(sequence.tag, sequence.items);
        self.open_level();
        self.go(Place::Start, end);
        Ok(())
    }

    fn end_sequence(&mut self, position: usize) -> Scan<()> {
        let Some(&sequence) = self.state.sequences.last() else { return Err(Stop::Odd) };
        let data = self.data;
        let mut end = position + 1;
        if !sequence.has_vr {
            let (vr, after_vr) = vr_member(data, end)?;
            if vr.form() != Form::Sequence {
                return Err(Stop::Odd);
            }
            end = after_vr;
        }
        end = after(data, end, b'}')?;
        self.state.sequences.pop();
        self.handler.at(position);
        self.handler.end_sequence(sequence.tag);
        self.go(Place::After, end);
        Ok(())
    }

    #[inline]
    fn member(&mut self, position: usize) -> Scan<()> {
        let Some(level) = self.state.levels.last() else { return Err(Stop::Odd) };
        self.scratch.found.habits.clear();
        let tag = key(self.data, position, level.last, &mut self.scratch.found)?;
        if i64::from(tag) <= level.last {
            let found = &mut self.scratch.found;
            if is_special(tag) || !level.may_add(tag) || !found.note(Habit::KeyOrder, position) {
                return Err(Stop::Odd);
            }
        }
        match self.handler.wish(tag) {
            Wish::Take => {}
            Wish::PassOver => return self.skip_attribute(tag, position),
            Wish::Leave => return Err(Stop::Odd),
        }
        self.scratch.spans.clear();
        self.scratch.names.clear();
        self.scratch.resolved.clear();
        let member = attribute(self.data, tag, position + KEY_LENGTH, self.limits, self.scratch)?;
        if member.content == Content::LongBinary {
            return self.start_binary(&member, position);
        }
        let (place, end) = if member.content == Content::Items {
            self.check_depth()?;
            self.handler.at(position);
            self.handler.start_sequence(tag);
            self.check_refusal()?;
            self.handler.start_item(tag, 0);
            (Place::Start, member.end)
        } else {
            self.element(&member, position)?;
            (Place::After, member.end)
        };
        if !self.scratch.found.habits.is_empty() {
            mark(self.state, &mut self.scratch.found, tag, member.vr);
        }
        self.see(tag);
        if place == Place::Start {
            self.state.sequences.push(Sequence { tag, has_vr: member.vr.is_some(), items: 0 });
            self.open_level();
        }
        self.go(place, end);
        Ok(())
    }

    /// Pass over an attribute, or over its start.
    fn skip_attribute(&mut self, tag: u32, position: usize) -> Scan<()> {
        let start = after(self.data, position + KEY_LENGTH, b':')?;
        self.state.skipped.clear();
        let (result, end, place) = self.pass_over(start, Place::SkipValue);
        if result.is_err() && self.state.skipped.is_empty() {
            return result;
        }
        if !self.scratch.found.habits.is_empty() {
            mark(self.state, &mut self.scratch.found, tag, None);
        }
        self.see(tag);
        self.go(if result.is_ok() { Place::After } else { place }, end);
        result
    }

    /// Pass over the rest of an attribute or of a data set.
    fn go_on_skipping(&mut self) -> Scan<()> {
        let (result, end, place) = self.pass_over(self.position, self.state.place);
        let place = match result {
            Err(_) => place,
            Ok(()) if !self.state.levels.is_empty() => Place::After,
            Ok(()) if self.state.in_array => Place::ArrayAfter,
            Ok(()) => Place::Root,
        };
        self.go(place, end);
        result
    }

    /// Pass over text; return the index of the rest and the place there.
    fn pass_over(&mut self, position: usize, place: Place) -> (Scan<()>, usize, Place) {
        let outside = usize::from(self.state.in_array) + usize::from(self.state.is_wrapped);
        let is_within = !self.state.levels.is_empty();
        let around = if is_within { outside + 1 + OUTSIDE_ITEMS * self.state.sequences.len() } else { outside };
        let mut skip = Skip {
            data: self.data,
            position,
            place,
            open: &mut self.state.skipped,
            max_open: self.limits.depth.saturating_sub(around),
            limits: self.limits,
            scratch: &mut self.scratch.resolved,
        };
        let result = skip.run();
        (result, skip.position, skip.place)
    }

    #[inline]
    fn see(&mut self, tag: u32) {
        if let Some(level) = self.state.levels.last_mut() {
            level.add(tag);
        }
    }

    #[inline]
    fn element(&mut self, member: &Member, position: usize) -> Scan<()> {
        let vr = member.vr.ok_or(Stop::Odd)?;
        let form = vr.form();
        let source = Source { data: self.data, resolved: &self.scratch.resolved };
        let mut checks = Checks { source, found: &mut self.scratch.found, end: member.end - 1 };
        let values = match member.content {
            Content::Nothing if form == Form::Sequence => return self.empty_sequence(member.tag, position),
            Content::Nothing => Values::None,
            Content::EmptyArray => {
                checks.note(Habit::EmptyArray)?;
                if form == Form::Sequence {
                    return self.empty_sequence(member.tag, position);
                }
                Values::None
            }
            Content::Values => match form {
                Form::Text | Form::SingleText | Form::Decimal | Form::IntegerText => {
                    let spans = &mut self.scratch.spans;
                    checks.texts(form, spans)?;
                    match spans.as_slice() {
                        [span] => source.text(*span).map_or(Values::None, Values::Text),
                        _ => Values::Texts(Texts { source, spans }),
                    }
                }
                Form::Integer | Form::LongInteger | Form::Tag => {
                    let integers = &mut self.scratch.integers;
                    checks.integers(vr, &self.scratch.spans, integers)?;
                    if matches!(integers.as_slice(), [None]) { Values::None } else { Values::Integers(integers) }
                }
                Form::Single | Form::Double => {
                    let floats = &mut self.scratch.floats;
                    checks.floats(form, &self.scratch.spans, floats)?;
                    if matches!(floats.as_slice(), [None]) { Values::None } else { Values::Floats(floats) }
                }
                Form::PersonName => match *self.scratch.spans.as_slice() {
                    [span] if checks.is_empty(span, true)? => Values::None, // an empty string, or null
                    _ => return Err(Stop::Odd),
                },
                Form::Binary | Form::Sequence => return Err(Stop::Odd),
            },
            Content::Names => {
                let spans = &mut self.scratch.names;
                checks.names(form, spans)?;
                if matches!(spans.as_slice(), [groups] if is_null(groups)) {
                    Values::None
                } else {
                    Values::Names(Names { source, spans })
                }
            }
            Content::Uri(span) => {
                let uri = source.text(span).unwrap_or_default();
                if uri.is_empty() || !vr.is_bulk() {
                    return Err(Stop::Odd);
                }
                self.handler.at(position);
                self.handler.bulk_data(member.tag, vr, uri);
                return self.check_refusal();
            }
            Content::Binary(span) => {
                if form != Form::Binary {
                    return Err(Stop::Odd);
                }
                let bytes = &mut self.scratch.bytes;
                decode(source.text(span).unwrap_or_default(), bytes)?;
                if bytes.is_empty() { Values::None } else { Values::Bytes(bytes) }
            }
            Content::Items | Content::LongBinary => return Err(Stop::Odd),
        };
        self.handler.at(position);
        self.handler.element(member.tag, vr, values);
        self.check_refusal()
    }

    /// Read the first segment of a long base64 text.
    fn start_binary(&mut self, member: &Member, position: usize) -> Scan<()> {
        if member.vr.is_some_and(|vr| vr.form() != Form::Binary) || self.limits.segment_size % BASE64_GROUP != 0 {
            return Err(Stop::Odd);
        }
        let end = self.decode_segment(member.end)?;
        self.handler.at(position);
        self.handler.start_element(member.tag, member.vr);
        self.check_refusal()?;
        self.handler.segment(member.tag, member.vr, &self.scratch.bytes, false);
        mark(self.state, &mut self.scratch.found, member.tag, member.vr);
        self.see(member.tag);
        self.state.element = (member.tag, member.vr);
        self.go(Place::Binary, end);
        Ok(())
    }

    /// Decode a segment that is not the last; return the index after it.
    fn decode_segment(&mut self, start: usize) -> Scan<usize> {
        let end = start + self.limits.segment_size;
        let text = self.data.get(start..end).ok_or(Stop::Incomplete)?;
        if text.last() == Some(&b'=') {
            return Err(Stop::Odd);
        }
        decode(text, &mut self.scratch.bytes)?;
        Ok(end)
    }

    /// Read a segment of a long base64 text.
    fn segment(&mut self) -> Scan<()> {
        let (start, size) = (self.position, self.limits.segment_size);
        let (tag, vr) = self.state.element;
        let rest = self.data.get(start..).unwrap_or_default();
        let window = &rest[..rest.len().min(size + 1)];
        let (place, end) = match memchr::memchr(b'"', window) {
            Some(length) => {
                decode(&window[..length], &mut self.scratch.bytes)?;
                (Place::BinaryEnd, start + length + 1)
            }
            None if window.len() > size => (Place::Binary, self.decode_segment(start)?),
            None => return Err(Stop::Incomplete),
        };
        self.handler.at(start);
        self.handler.segment(tag, vr, &self.scratch.bytes, place == Place::BinaryEnd);
        self.go(place, end);
        Ok(())
    }

    /// Read the end of an attribute with a long base64 text.
    fn end_binary(&mut self, position: usize) -> Scan<()> {
        let (tag, vr) = self.state.element;
        let (vr, end) = match vr {
            Some(vr) => (vr, position),
            None => vr_member(self.data, position)?,
        };
        let end = after(self.data, end, b'}')?;
        if vr.form() != Form::Binary {
            return Err(Stop::Odd);
        }
        self.handler.at(position);
        self.handler.end_element(tag, vr);
        self.state.element = (0, None);
        self.go(Place::After, end);
        Ok(())
    }

    fn empty_sequence(&mut self, tag: u32, position: usize) -> Scan<()> {
        self.handler.at(position);
        self.handler.start_sequence(tag);
        self.check_refusal()?;
        self.handler.end_sequence(tag);
        Ok(())
    }
}

const BASE64_GROUP: usize = 4;

fn decode(text: &[u8], bytes: &mut Vec<u8>) -> Scan<()> {
    bytes.clear();
    base64_simd::Base64::decode_append(&base64_simd::STANDARD, text, bytes).map_err(|_| Stop::Odd)
}

fn is_null(groups: &[Span; 3]) -> bool {
    groups.iter().all(|span| span.kind == Kind::Null)
}

/// Checks of the values of an attribute, which is complete.
struct Checks<'a> {
    source: Source<'a>,
    found: &'a mut Found,
    /// The index of the closing bracket, which is the place of what is found in values.
    end: usize,
}

impl Checks<'_> {
    #[inline]
    fn note(&mut self, habit: Habit) -> Scan<()> {
        if self.found.note(habit, self.end) { Ok(()) } else { Err(Stop::Odd) }
    }

    /// Return whether a value is empty.
    #[inline]
    fn is_empty(&mut self, span: Span, is_alone: bool) -> Scan<bool> {
        if span.kind == Kind::Null {
            if is_alone {
                self.note(Habit::NullOnly)?;
            }
            return Ok(true);
        }
        let is_empty = span.start == span.end;
        if is_empty {
            self.note(Habit::EmptyString)?;
        }
        Ok(is_empty)
    }

    /// Check texts, and make null of those that are empty.
    #[inline]
    fn texts(&mut self, form: Form, spans: &mut [Span]) -> Scan<()> {
        let is_alone = spans.len() == 1;
        if form == Form::SingleText && !is_alone {
            return Err(Stop::Odd);
        }
        for span in spans {
            if self.is_empty(*span, is_alone)? {
                span.kind = Kind::Null;
                continue;
            }
            let is_canonical = match (span.kind, form) {
                (Kind::String, Form::Text | Form::SingleText) | (Kind::Number, Form::Decimal) => true,
                (Kind::Number, Form::Text | Form::SingleText) => false,
                _ => {
                    let text = self.source.text(*span).unwrap_or_default();
                    match form {
                        Form::Decimal => is_decimal_string(text),
                        Form::IntegerText => is_integer_string(text),
                        Form::SingleText => text.last() != Some(&0),
                        _ => text.last() != Some(&0) && !text.contains(&b'\\'),
                    }
                }
            };
            if !is_canonical {
                return Err(Stop::Odd);
            }
        }
        Ok(())
    }

    fn integers(&mut self, vr: Vr, spans: &[Span], integers: &mut Vec<Option<i128>>) -> Scan<()> {
        integers.clear();
        let form = vr.form();
        for &span in spans {
            if self.is_empty(span, spans.len() == 1)? {
                integers.push(None);
                continue;
            }
            let text = self.source.text(span).unwrap_or_default();
            let number = match (form, span.kind) {
                (Form::Tag, Kind::String | Kind::Resolved) => match <&[u8; 8]>::try_from(text).ok().and_then(tag) {
                    Some((tag, true)) => i128::from(tag),
                    _ => return Err(Stop::Odd),
                },
                (Form::Integer | Form::LongInteger, _) => {
                    let number = signed_integer(text).filter(|number| vr.holds(*number)).ok_or(Stop::Odd)?;
                    if form == Form::Integer && span.kind != Kind::Number {
                        self.note(Habit::NumberAsString)?;
                    }
                    number
                }
                _ => return Err(Stop::Odd),
            };
            integers.push(Some(number));
        }
        Ok(())
    }

    fn floats(&mut self, form: Form, spans: &[Span], floats: &mut Vec<Option<f64>>) -> Scan<()> {
        floats.clear();
        for &span in spans {
            if self.is_empty(span, spans.len() == 1)? {
                floats.push(None);
                continue;
            }
            let text = self.source.text(span).unwrap_or_default();
            if span.kind != Kind::Number && !is_decimal_string(text) {
                return Err(Stop::Odd);
            }
            let number = double(text.trim_ascii()).ok_or(Stop::Odd)?;
            if form == Form::Single && !is_single(number) {
                if number.abs() >= MAX_SINGLE {
                    return Err(Stop::Odd);
                }
                self.note(Habit::InexactNumber)?;
            }
            if span.kind != Kind::Number {
                self.note(Habit::NumberAsString)?;
            }
            floats.push(Some(number));
        }
        Ok(())
    }

    /// Check names, and make null of those that are empty.
    fn names(&mut self, form: Form, names: &mut [[Span; 3]]) -> Scan<()> {
        if form != Form::PersonName {
            return Err(Stop::Odd);
        }
        let is_alone = names.len() == 1;
        for groups in names {
            let is_empty = groups.iter().all(|span| span.start == span.end);
            match (is_empty, groups[0].kind) {
                (true, Kind::Null) if is_alone => self.note(Habit::NullOnly)?,
                (true, Kind::String) => self.note(Habit::EmptyString)?,
                (true, Kind::Number) => self.note(Habit::EmptyName)?,
                _ => {}
            }
            if is_empty {
                groups[0].kind = Kind::Null;
            }
            for span in groups {
                let text = self.source.text(*span).unwrap_or_default();
                if text.last() == Some(&0) || text.iter().any(|byte| matches!(byte, b'=' | b'\\')) {
                    return Err(Stop::Odd);
                }
            }
        }
        Ok(())
    }
}
