//! From bytes to events, as far as the text is canonical.
//!
//! The scanner moves from one place to the next: after a brace, a bracket, a comma or a whole attribute. What is not
//! canonical, or incomplete, leaves no event and no change of the state.

use crate::handler::{Handler, Kind, Names, Source, Span, Texts, Values};
use crate::json::member::{Content, Member, after, attribute, key, vr_name};
use crate::json::text::{Scan, Stop, blank};
use crate::json::values::{float, is_decimal_string, is_integer_string, signed_integer, tag};
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
}

impl Place {
    pub const ALL: [Place; 8] = [
        Place::Root,
        Place::ArrayStart,
        Place::ArrayAfter,
        Place::ArrayNext,
        Place::Start,
        Place::After,
        Place::Next,
        Place::Items,
    ];
}

/// Why the scanner stopped, which is never an error by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The rest of the data is the start of something canonical, or nothing.
    Incomplete,
    /// Something that is not canonical follows.
    Odd,
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

/// The tags of a data set or an item that is open.
#[derive(Clone, Debug, Default)]
pub struct Level {
    /// The highest tag so far, or -1.
    pub last: i64,
    /// The tags of this run.
    pub seen: Vec<u32>,
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
    pub sequences: Vec<Sequence>,
    pub levels: Vec<Level>,
    /// The fewest levels that were open.
    pub kept: usize,
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
}

/// Memory that is used again.
#[derive(Default)]
pub struct Scratch {
    pub resolved: Vec<u8>,
    pub spans: Vec<Span>,
    pub names: Vec<[Span; 3]>,
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
    let mut run = Run { data, state, limits, scratch, handler, position: start };
    let stop = loop {
        if let Err(stop) = run.step() {
            break stop;
        }
    };
    let rest = blank(data, run.position);
    let verdict = if stop == Stop::Incomplete { Verdict::Incomplete } else { Verdict::Odd };
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
        let position = blank(self.data, self.position);
        let byte = *self.data.get(position).ok_or(Stop::Incomplete)?;
        match (self.state.place, byte) {
            (Place::After, b',') => self.go(Place::Next, position + 1),
            (Place::Start | Place::Next, b'"') => return self.member(position),
            (Place::Start | Place::After, b'}') => self.end_members(position),
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
            key(self.data, after(self.data, position + 1, b'"')? - 1)?;
        }
        self.state.has_document = true;
        self.state.index += 1;
        self.handler.at(position);
        self.handler.start_dataset(self.state.index);
        self.open_level();
        self.go(Place::Start, position + 1);
        Ok(())
    }

    fn end_members(&mut self, position: usize) {
        self.handler.at(position);
        self.close_level();
        if self.state.levels.is_empty() {
            self.handler.end_dataset();
            let place = if self.state.in_array { Place::ArrayAfter } else { Place::Root };
            self.go(place, position + 1);
        } else {
            if let Some(sequence) = self.state.sequences.last_mut() {
                sequence.items += 1;
                self.handler.end_item(sequence.tag);
            }
            self.go(Place::Items, position + 1);
        }
    }

    fn open_level(&mut self) {
        let mut level = self.scratch.unused.pop().unwrap_or_default();
        level.last = -1;
        level.seen.clear();
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
            end = after(data, after(data, end, b',')?, b'"')?;
            for byte in *b"vr\"" {
                match data.get(end) {
                    Some(&found) if found == byte => end += 1,
                    Some(_) => return Err(Stop::Odd),
                    None => return Err(Stop::Incomplete),
                }
            }
            end = after(data, after(data, end, b':')?, b'"')?;
            let (vr, after_vr) = vr_name(data, end)?;
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
        let tag = key(self.data, position)?;
        let Some(level) = self.state.levels.last() else { return Err(Stop::Odd) };
        if i64::from(tag) <= level.last {
            return Err(Stop::Odd);
        }
        self.scratch.spans.clear();
        self.scratch.names.clear();
        self.scratch.resolved.clear();
        let member = attribute(self.data, tag, position + 10, self.limits, self.scratch)?;
        if member.content == Content::Items {
            self.check_depth()?;
            self.see(tag);
            self.handler.at(position);
            self.handler.start_sequence(tag);
            self.handler.start_item(tag, 0);
            self.state.sequences.push(Sequence { tag, has_vr: member.vr.is_some(), items: 0 });
            self.open_level();
            self.go(Place::Start, member.end);
        } else {
            self.element(&member, position)?;
            self.see(tag);
            self.go(Place::After, member.end);
        }
        Ok(())
    }

    #[inline]
    fn see(&mut self, tag: u32) {
        if let Some(level) = self.state.levels.last_mut() {
            level.last = i64::from(tag);
            level.seen.push(tag);
        }
    }

    #[inline]
    fn element(&mut self, member: &Member, position: usize) -> Scan<()> {
        let vr = member.vr.ok_or(Stop::Odd)?;
        let form = vr.form();
        let source = Source { data: self.data, resolved: &self.scratch.resolved };
        let values = match member.content {
            Content::Nothing if form == Form::Sequence => {
                self.handler.at(position);
                self.handler.start_sequence(member.tag);
                self.handler.end_sequence(member.tag);
                return Ok(());
            }
            Content::Nothing => Values::None,
            Content::Values => match form {
                Form::Text | Form::SingleText | Form::Decimal | Form::IntegerText => {
                    let spans = &self.scratch.spans;
                    check_texts(form, source, spans)?;
                    match spans.as_slice() {
                        [span] => Values::Text(source.text(*span).ok_or(Stop::Odd)?),
                        _ => Values::Texts(Texts { source, spans }),
                    }
                }
                Form::Integer | Form::LongInteger | Form::Tag => {
                    let integers = &mut self.scratch.integers;
                    read_integers(vr, source, &self.scratch.spans, integers)?;
                    Values::Integers(integers)
                }
                Form::Single | Form::Double => {
                    let floats = &mut self.scratch.floats;
                    read_floats(form, source, &self.scratch.spans, floats)?;
                    Values::Floats(floats)
                }
                Form::PersonName | Form::Binary | Form::Sequence => return Err(Stop::Odd),
            },
            Content::Names => {
                check_names(form, source, &self.scratch.names)?;
                Values::Names(Names { source, spans: &self.scratch.names })
            }
            Content::Uri(span) => {
                let uri = source.text(span).unwrap_or_default();
                if uri.is_empty() || !vr.is_bulk() {
                    return Err(Stop::Odd);
                }
                self.handler.at(position);
                self.handler.bulk_data(member.tag, vr, uri);
                return Ok(());
            }
            Content::Binary(span) => {
                if form != Form::Binary {
                    return Err(Stop::Odd);
                }
                let bytes = &mut self.scratch.bytes;
                bytes.clear();
                let text = source.text(span).unwrap_or_default();
                let engine = base64_simd::STANDARD;
                if base64_simd::Base64::decode_append(&engine, text, bytes).is_err() {
                    return Err(Stop::Odd);
                }
                if bytes.is_empty() { Values::None } else { Values::Bytes(bytes) }
            }
            Content::Items => return Err(Stop::Odd),
        };
        self.handler.at(position);
        self.handler.element(member.tag, vr, values);
        Ok(())
    }
}

#[inline]
fn is_null_alone(spans: &[Span]) -> bool {
    matches!(spans, [span] if span.kind == Kind::Null)
}

#[inline]
fn check_texts(form: Form, source: Source<'_>, spans: &[Span]) -> Scan<()> {
    if is_null_alone(spans) || (form == Form::SingleText && spans.len() > 1) {
        return Err(Stop::Odd);
    }
    for &span in spans {
        let is_canonical = match (span.kind, form) {
            (Kind::Null, _) => true,
            (Kind::String, Form::Text | Form::SingleText) => span.start < span.end,
            (Kind::Number, Form::Decimal) => true,
            (Kind::Number, Form::Text | Form::SingleText) => false,
            _ => {
                let text = source.text(span).unwrap_or_default();
                match form {
                    Form::Decimal => is_decimal_string(text),
                    Form::IntegerText => is_integer_string(text),
                    Form::SingleText => text.last().is_some_and(|last| *last != 0),
                    _ => text.last().is_some_and(|last| *last != 0) && !text.contains(&b'\\'),
                }
            }
        };
        if !is_canonical {
            return Err(Stop::Odd);
        }
    }
    Ok(())
}

fn read_integers(vr: Vr, source: Source<'_>, spans: &[Span], integers: &mut Vec<Option<i128>>) -> Scan<()> {
    integers.clear();
    if is_null_alone(spans) {
        return Err(Stop::Odd);
    }
    let form = vr.form();
    for &span in spans {
        let Some(text) = source.text(span) else {
            integers.push(None);
            continue;
        };
        let number = match (form, span.kind) {
            (Form::Tag, Kind::String | Kind::Resolved) => {
                i128::from(<&[u8; 8]>::try_from(text).ok().and_then(tag).ok_or(Stop::Odd)?)
            }
            (Form::Integer | Form::LongInteger, Kind::Number) | (Form::LongInteger, Kind::String | Kind::Resolved) => {
                signed_integer(text).filter(|number| vr.holds(*number)).ok_or(Stop::Odd)?
            }
            _ => return Err(Stop::Odd),
        };
        integers.push(Some(number));
    }
    Ok(())
}

fn read_floats(form: Form, source: Source<'_>, spans: &[Span], floats: &mut Vec<Option<f64>>) -> Scan<()> {
    floats.clear();
    if is_null_alone(spans) {
        return Err(Stop::Odd);
    }
    for &span in spans {
        let number = match (span.kind, source.text(span)) {
            (Kind::Null, _) => None,
            (Kind::Number, Some(text)) => Some(float(text, form == Form::Single).ok_or(Stop::Odd)?),
            _ => return Err(Stop::Odd),
        };
        floats.push(number);
    }
    Ok(())
}

fn check_names(form: Form, source: Source<'_>, names: &[[Span; 3]]) -> Scan<()> {
    let is_null = |groups: &[Span; 3]| groups.iter().all(|span| span.kind == Kind::Null);
    if form != Form::PersonName || matches!(names, [groups] if is_null(groups)) {
        return Err(Stop::Odd);
    }
    for span in names.iter().flatten() {
        if source.text(*span).is_some_and(|text| text.iter().any(|byte| matches!(byte, b'=' | b'\\'))) {
            return Err(Stop::Odd);
        }
    }
    Ok(())
}
