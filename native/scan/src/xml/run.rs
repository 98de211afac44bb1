//! From bytes to events, as far as the document is canonical.
//!
//! The scanner moves from one place to the next: after a start or an end tag, or a whole attribute. What is not
//! canonical, or incomplete, leaves no event and no change of the state.

use crate::handler::{Handler, Kind, Names, Source, Span, Texts, Values};
use crate::json::text::{Scan, Stop, blank};
use crate::json::values::{double, is_decimal_string, is_integer_string, is_single, signed_integer, tag};
use crate::vr::{Form, Vr};
use crate::xml::blocks::{Blocks, is_creator};
use crate::xml::element::{Content, Head, content, head, numbered};
use crate::xml::markup::{attributes, byte, literal};
use crate::xml::text::Encoding;

/// The place in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before a document.
    Document,
    /// In a data set or an Item, between attributes.
    Dataset,
    /// In an attribute, after an Item.
    Items,
}

impl Place {
    pub const ALL: [Place; 3] = [Place::Document, Place::Dataset, Place::Items];
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
    /// Items begun so far.
    pub items: i64,
}

/// The tags of a data set or an Item that is open.
#[derive(Clone, Debug)]
pub struct Level {
    /// The highest tag so far, or -1.
    pub last: i64,
    /// The tags of this run.
    pub seen: Vec<u32>,
    pub blocks: Blocks,
}

/// Everything that a run changes.
#[derive(Clone, Debug)]
pub struct State {
    pub place: Place,
    /// The characters of the document are UTF-8; otherwise only ASCII is taken.
    pub is_utf8: bool,
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
    pub sequences: usize,
    pub segment_size: usize,
    pub number_length: usize,
    pub values_per_event: usize,
}

/// Knows the keywords of the data dictionary.
pub trait Keywords {
    /// Return whether a keyword may stand beside a standard tag.
    fn fits(&mut self, tag: u32, keyword: &[u8]) -> bool;
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

const FILE_META_GROUP: u32 = 0x0002;
const DELIMITER_GROUP: u32 = 0xFFFE;
const PRIVATE: u32 = 0x1_0000;
const NAMESPACE: &[u8] = b"http://dicom.nema.org/PS3.19/models/NativeDICOM";
const END_DOCUMENT: &[u8] = b"</NativeDicomModel>";
const DECLARATIONS: [&[u8]; 7] = [
    b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
    b"<?xml version=\"1.0\" encoding=\"utf-8\"?>",
    b"<?xml version='1.0' encoding='UTF-8'?>",
    b"<?xml version='1.0' encoding='utf-8'?>",
    b"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>",
    b"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>",
    b"<?xml version=\"1.0\"?>",
];

/// Hand the events of canonical text to a handler; return the index of the rest.
pub fn run<K: Keywords, H: Handler>(
    data: &[u8],
    start: usize,
    state: &mut State,
    limits: &Limits,
    scratch: &mut Scratch,
    keywords: &mut K,
    handler: &mut H,
) -> (usize, Verdict) {
    state.kept = state.levels.len();
    let mut run = Run { data, state, limits, scratch, keywords, handler, position: start };
    let stop = loop {
        if let Err(stop) = run.step() {
            break stop;
        }
    };
    let rest = blank(data, run.position);
    let verdict = if stop == Stop::Incomplete { Verdict::Incomplete } else { Verdict::Odd };
    (if rest == data.len() { rest } else { run.position }, verdict)
}

struct Run<'a, K: Keywords, H: Handler> {
    data: &'a [u8],
    state: &'a mut State,
    limits: &'a Limits,
    scratch: &'a mut Scratch,
    keywords: &'a mut K,
    handler: &'a mut H,
    position: usize,
}

impl<K: Keywords, H: Handler> Run<'_, K, H> {
    /// Go to the next place, or change nothing.
    #[inline]
    fn step(&mut self) -> Scan<()> {
        let position = blank(self.data, self.position);
        if byte(self.data, position)? != b'<' {
            return Err(Stop::Odd);
        }
        match (self.state.place, byte(self.data, position + 1)?) {
            (Place::Dataset, b'D') => self.attribute(position),
            (Place::Dataset, b'/') => self.end_members(position),
            (Place::Items, b'I') => self.next_item(position),
            (Place::Items, b'/') => self.end_sequence(position),
            (Place::Document, b'?' | b'N') => self.start_dataset(position),
            _ => Err(Stop::Odd),
        }
    }

    fn encoding(&self) -> Encoding {
        if self.state.is_utf8 { Encoding::Utf8 } else { Encoding::Ascii }
    }

    #[inline]
    fn go(&mut self, place: Place, position: usize) {
        self.state.place = place;
        self.position = position;
    }

    // --- data sets and Items ---------------------------------------------------------------------------------------

    fn start_dataset(&mut self, position: usize) -> Scan<()> {
        let root = blank(self.data, declaration(self.data, position)?);
        let after = literal(self.data, root, b"<NativeDicomModel")?;
        let resolved = &mut self.scratch.resolved;
        resolved.clear();
        let tag = attributes(self.data, after, [b"xmlns", b"xml:space"], Encoding::Utf8, resolved)?;
        let [Some(namespace), _] = tag.values else { return Err(Stop::Odd) };
        if namespace.kind != Kind::String || self.data.get(namespace.start..namespace.end) != Some(NAMESPACE) {
            return Err(Stop::Odd);
        }
        self.state.is_utf8 = true;
        self.state.index += 1;
        self.handler.at(root);
        self.handler.start_dataset(self.state.index);
        if tag.is_closed {
            self.handler.end_dataset();
            self.go(Place::Document, tag.end);
        } else {
            self.open_level();
            self.go(Place::Dataset, tag.end);
        }
        Ok(())
    }

    fn end_members(&mut self, position: usize) -> Scan<()> {
        match self.state.sequences.last() {
            None => {
                let end = literal(self.data, position, END_DOCUMENT)?;
                self.close_level();
                self.handler.end_dataset();
                self.go(Place::Document, end);
            }
            Some(sequence) => {
                let end = literal(self.data, position, b"</Item>")?;
                self.handler.end_item(sequence.tag);
                self.close_level();
                self.go(Place::Items, end);
            }
        }
        Ok(())
    }

    fn open_level(&mut self) {
        let unused = self.scratch.unused.pop();
        let mut level = unused.unwrap_or_else(|| Level { last: -1, seen: Vec::new(), blocks: Blocks::NONE });
        level.last = -1;
        level.seen.clear();
        level.blocks.group = -1;
        level.blocks.creators.clear();
        self.state.levels.push(level);
    }

    fn close_level(&mut self) {
        self.scratch.unused.extend(self.state.levels.pop());
        self.state.kept = self.state.kept.min(self.state.levels.len());
    }

    fn next_item(&mut self, position: usize) -> Scan<()> {
        let encoding = self.encoding();
        let Some(&sequence) = self.state.sequences.last() else { return Err(Stop::Odd) };
        let number = usize::try_from(sequence.items + 1).map_err(|_| Stop::Odd)?;
        let resolved = &mut self.scratch.resolved;
        resolved.clear();
        let (end, is_closed) = numbered(self.data, position, b"<Item", number, encoding, resolved)?;
        if let Some(sequence) = self.state.sequences.last_mut() {
            sequence.items += 1;
        }
        self.handler.start_item(sequence.tag, sequence.items);
        if is_closed {
            self.handler.end_item(sequence.tag);
            self.go(Place::Items, end);
        } else {
            self.open_level();
            self.go(Place::Dataset, end);
        }
        Ok(())
    }

    fn end_sequence(&mut self, position: usize) -> Scan<()> {
        let end = literal(self.data, position, b"</DicomAttribute>")?;
        let Some(sequence) = self.state.sequences.pop() else { return Err(Stop::Odd) };
        self.handler.end_sequence(sequence.tag);
        self.go(Place::Dataset, end);
        Ok(())
    }

    // --- attributes ------------------------------------------------------------------------------------------------

    #[inline]
    fn attribute(&mut self, position: usize) -> Scan<()> {
        let encoding = self.encoding();
        self.scratch.spans.clear();
        self.scratch.names.clear();
        self.scratch.resolved.clear();
        let head = head(self.data, position, encoding, &mut self.scratch.resolved)?;
        let tag = self.tag_of(&head)?;
        let (content, end) = if head.is_closed {
            (Content::Nothing, head.end)
        } else {
            self.scratch.resolved.clear();
            content(self.data, head.end, encoding, self.limits, self.scratch)?
        };
        if head.vr == Vr::SQ {
            return self.sequence(tag, content, position, end);
        }
        let reserved = if is_creator(tag) { Some(self.creator(&head, content)?) } else { None };
        self.element(tag, head.vr, content, position)?;
        self.see(tag);
        if let (Some(creator), Some(level)) = (reserved, self.state.levels.last_mut()) {
            level.blocks.reserve(tag, &creator);
        }
        self.go(Place::Dataset, end);
        Ok(())
    }

    /// Check a start tag, and return the tag with its private block.
    #[inline]
    fn tag_of(&mut self, head: &Head) -> Scan<u32> {
        let Some(level) = self.state.levels.last() else { return Err(Stop::Odd) };
        let source = Source { data: self.data, resolved: &self.scratch.resolved };
        let mut tag = head.tag;
        if tag & PRIVATE == 0 {
            let group = tag >> 16;
            let is_first = group == FILE_META_GROUP && level.last >> 16 != i64::from(FILE_META_GROUP);
            if head.creator.is_some() || group == DELIMITER_GROUP || is_first {
                return Err(Stop::Odd);
            }
            if let Some(keyword) = head.keyword.and_then(|span| source.text(span))
                && !self.keywords.fits(tag, keyword)
            {
                return Err(Stop::Odd);
            }
        } else if let Some(creator) = head.creator {
            let creator = std::str::from_utf8(source.text(creator).unwrap_or_default()).map_err(|_| Stop::Odd)?;
            let creator = creator.trim_matches(' ');
            if creator.is_empty() {
                return Err(Stop::Odd);
            }
            tag = level.blocks.with_block(tag, creator).ok_or(Stop::Odd)?;
        }
        if tag & 0xFFFF == 0 || i64::from(tag) <= level.last { Err(Stop::Odd) } else { Ok(tag) }
    }

    /// Return the first value of a Private Creator element.
    #[cold]
    fn creator(&self, head: &Head, content: Content) -> Scan<String> {
        let are_known = self.state.levels.last().is_some_and(|level| level.blocks.are_known());
        if head.vr.form() != Form::Text || !are_known {
            return Err(Stop::Odd);
        }
        let source = Source { data: self.data, resolved: &self.scratch.resolved };
        match (content, self.scratch.spans.first()) {
            (Content::Nothing, _) => Ok(String::new()),
            (Content::Values, Some(span)) => {
                let text = source.text(*span).unwrap_or_default();
                std::str::from_utf8(text).map(str::to_owned).map_err(|_| Stop::Odd)
            }
            _ => Err(Stop::Odd),
        }
    }

    #[inline]
    fn see(&mut self, tag: u32) {
        if let Some(level) = self.state.levels.last_mut() {
            level.last = i64::from(tag);
            level.seen.push(tag);
        }
    }

    fn sequence(&mut self, tag: u32, content: Content, position: usize, end: usize) -> Scan<()> {
        if self.state.sequences.len() >= self.limits.sequences || is_creator(tag) {
            return Err(Stop::Odd);
        }
        match content {
            Content::Nothing => {
                self.handler.at(position);
                self.handler.start_sequence(tag);
                self.handler.end_sequence(tag);
                self.see(tag);
                self.go(Place::Dataset, end);
            }
            Content::Items => {
                let encoding = self.encoding();
                let (end, is_closed) = numbered(self.data, end, b"<Item", 1, encoding, &mut self.scratch.resolved)?;
                self.handler.at(position);
                self.handler.start_sequence(tag);
                self.handler.start_item(tag, 0);
                self.see(tag);
                self.state.sequences.push(Sequence { tag, items: 1 });
                if is_closed {
                    self.handler.end_item(tag);
                    self.go(Place::Items, end);
                } else {
                    self.open_level();
                    self.go(Place::Dataset, end);
                }
            }
            _ => return Err(Stop::Odd),
        }
        Ok(())
    }

    // --- values ----------------------------------------------------------------------------------------------------

    #[inline]
    fn element(&mut self, tag: u32, vr: Vr, content: Content, position: usize) -> Scan<()> {
        let form = vr.form();
        let source = Source { data: self.data, resolved: &self.scratch.resolved };
        let spans = self.scratch.spans.as_slice();
        let values = match content {
            Content::Nothing => Values::None,
            Content::Values => match form {
                Form::Text | Form::SingleText | Form::Decimal | Form::IntegerText => {
                    self.check_texts(form)?;
                    match spans {
                        [span] => Values::Text(source.text(*span).ok_or(Stop::Odd)?),
                        _ => Values::Texts(Texts { source, spans }),
                    }
                }
                Form::Integer | Form::LongInteger | Form::Tag => {
                    let parse = |text: &[u8]| match form {
                        Form::Tag => match tag_of_value(text) {
                            Some(tag) => Ok(i128::from(tag)),
                            None => Err(Stop::Odd),
                        },
                        _ => signed_integer(text).filter(|number| vr.holds(*number)).ok_or(Stop::Odd),
                    };
                    numbers(source, spans, self.limits.number_length, &mut self.scratch.integers, parse)?;
                    Values::Integers(&self.scratch.integers)
                }
                Form::Single | Form::Double => {
                    let parse = |text: &[u8]| float(text, form);
                    numbers(source, spans, self.limits.number_length, &mut self.scratch.floats, parse)?;
                    Values::Floats(&self.scratch.floats)
                }
                Form::PersonName | Form::Binary | Form::Sequence => return Err(Stop::Odd),
            },
            Content::Names => {
                let names = self.scratch.names.as_slice();
                if form != Form::PersonName || matches!(names, [groups] if is_null(groups)) {
                    return Err(Stop::Odd);
                }
                Values::Names(Names { source, spans: names })
            }
            Content::Binary(span) => {
                if form != Form::Binary {
                    return Err(Stop::Odd);
                }
                let bytes = &mut self.scratch.bytes;
                bytes.clear();
                let text = source.text(span).unwrap_or_default();
                base64_simd::STANDARD.decode_append(text, bytes).map_err(|_| Stop::Odd)?;
                if bytes.is_empty() { Values::None } else { Values::Bytes(bytes) }
            }
            Content::Uri(_) | Content::Uuid(_) if !vr.is_bulk() => return Err(Stop::Odd),
            Content::Uri(span) => {
                let uri = source.text(span).filter(|uri| !uri.is_empty()).ok_or(Stop::Odd)?;
                self.handler.at(position);
                self.handler.bulk_data(tag, vr, uri);
                return Ok(());
            }
            Content::Uuid(span) => {
                let uuid = source.text(span).filter(|uuid| !uuid.is_empty()).ok_or(Stop::Odd)?;
                self.handler.at(position);
                self.handler.bulk_data(tag, vr, &[b"urn:uuid:", uuid].concat());
                return Ok(());
            }
            Content::Items => return Err(Stop::Odd),
        };
        self.handler.at(position);
        self.handler.element(tag, vr, values);
        Ok(())
    }

    #[inline]
    fn check_texts(&self, form: Form) -> Scan<()> {
        let spans = self.scratch.spans.as_slice();
        let source = Source { data: self.data, resolved: &self.scratch.resolved };
        if spans.len() != 1 && form == Form::SingleText {
            return Err(Stop::Odd);
        }
        for &span in spans {
            let Some(text) = source.text(span) else {
                if spans.len() == 1 {
                    return Err(Stop::Odd); // an element of zero length has no values
                }
                continue;
            };
            let is_canonical = match form {
                Form::SingleText => true,
                Form::Decimal => text.len() <= self.limits.number_length && is_decimal_string(text),
                Form::IntegerText => text.len() <= self.limits.number_length && is_integer_string(text),
                _ => !text.contains(&b'\\'),
            };
            if !is_canonical {
                return Err(Stop::Odd);
            }
        }
        Ok(())
    }
}

fn is_null(groups: &[Span; 3]) -> bool {
    groups.iter().all(|span| span.kind == Kind::Null)
}

/// Return the index after an XML declaration, if there is one.
fn declaration(data: &[u8], position: usize) -> Scan<usize> {
    let rest = data.get(position..).unwrap_or_default();
    if !rest.starts_with(b"<?") {
        return Ok(position);
    }
    if let Some(found) = DECLARATIONS.iter().find(|declaration| rest.starts_with(declaration)) {
        return Ok(position + found.len());
    }
    let may_follow = DECLARATIONS.iter().any(|declaration| declaration.starts_with(rest));
    Err(if may_follow { Stop::Incomplete } else { Stop::Odd })
}

#[inline]
fn numbers<T>(
    source: Source<'_>,
    spans: &[Span],
    max_length: usize,
    numbers: &mut Vec<Option<T>>,
    parse: impl Fn(&[u8]) -> Scan<T>,
) -> Scan<()> {
    numbers.clear();
    for &span in spans {
        match source.text(span) {
            None if spans.len() == 1 => return Err(Stop::Odd),
            None => numbers.push(None),
            Some(text) if text.len() > max_length => return Err(Stop::Odd),
            Some(text) => numbers.push(Some(parse(text)?)),
        }
    }
    Ok(())
}

fn tag_of_value(text: &[u8]) -> Option<u32> {
    match tag(text.try_into().ok()?) {
        Some((tag, true)) => Some(tag),
        _ => None,
    }
}

fn float(text: &[u8], form: Form) -> Scan<f64> {
    match text {
        b"NaN" => return Ok(f64::NAN),
        b"INF" => return Ok(f64::INFINITY),
        b"-INF" => return Ok(f64::NEG_INFINITY),
        _ => {}
    }
    if text.contains(&b' ') || !is_decimal_string(text) {
        return Err(Stop::Odd);
    }
    let number = double(text).ok_or(Stop::Odd)?;
    if form == Form::Single && !is_single(number) { Err(Stop::Odd) } else { Ok(number) }
}
