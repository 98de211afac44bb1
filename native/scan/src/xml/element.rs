//! A DicomAttribute (PS3.19 A.1.5), up to its end or to its first Item.

use crate::handler::{Kind, Span};
use crate::json::text::{Scan, Stop, blank};
use crate::json::values::tag;
use crate::vr::Vr;
use crate::xml::markup::{Tag, attributes, byte, literal};
use crate::xml::run::{Limits, Scratch};
use crate::xml::text::{Encoding, text};

/// The start tag of an attribute.
pub struct Head {
    /// As it stands, perhaps without the block of a private element.
    pub tag: u32,
    pub vr: Vr,
    pub keyword: Option<Span>,
    pub creator: Option<Span>,
    pub end: usize,
    pub is_closed: bool,
}

/// The content of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Nothing,
    /// In `Scratch::spans`.
    Values,
    /// In `Scratch::names`.
    Names,
    Binary(Span),
    Uri(Span),
    /// A UUID, which makes a URN.
    Uuid(Span),
    /// The first Item follows.
    Items,
}

const START: &[u8] = b"<DicomAttribute";
const USUAL_START: &[u8; 21] = b"<DicomAttribute tag=\"";
const USUAL_SIZE: usize = 38; // up to the quotation mark after the VR
const END: &[u8] = b"</DicomAttribute>";

/// Scan the start tag of an attribute.
#[inline]
pub fn head(data: &[u8], start: usize, encoding: Encoding, resolved: &mut Vec<u8>) -> Scan<Head> {
    match usual_head(data, start) {
        Some(head) => Ok(head),
        None => other_head(data, start, encoding, resolved),
    }
}

/// Scan the start tag in the form that most writers use, fast.
#[inline]
fn usual_head(data: &[u8], start: usize) -> Option<Head> {
    let text: &[u8; USUAL_SIZE] = data.get(start..start + USUAL_SIZE)?.try_into().ok()?;
    if &text[..21] != USUAL_START || &text[29..35] != b"\" vr=\"" || text[37] != b'"' {
        return None;
    }
    let (tag, true) = tag(text[21..29].try_into().ok()?)? else { return None };
    let vr = Vr::of([text[35], text[36]])?;
    let mut end = start + USUAL_SIZE;
    let mut keyword = None;
    if let Some(b" keyword=\"") = data.get(end..end + 10) {
        let begin = end + 10;
        let mut close = begin;
        while data.get(close)?.is_ascii_alphanumeric() {
            close += 1;
        }
        if data[close] != b'"' {
            return None;
        }
        keyword = Some(Span { start: begin, end: close, kind: Kind::String });
        end = close + 1;
    }
    let is_closed = match data.get(end..end + 2)? {
        [b'>', _] => false,
        b"/>" => true,
        _ => return None,
    };
    Some(Head { tag, vr, keyword, creator: None, end: end + 1 + usize::from(is_closed), is_closed })
}

fn other_head(data: &[u8], start: usize, encoding: Encoding, resolved: &mut Vec<u8>) -> Scan<Head> {
    let after = literal(data, start, START)?;
    let names: [&[u8]; 4] = [b"tag", b"vr", b"keyword", b"privateCreator"];
    let Tag { values, end, is_closed } = attributes(data, after, names, encoding, resolved)?;
    let [Some(key), Some(vr), keyword, creator] = values else { return Err(Stop::Odd) };
    let key = <&[u8; 8]>::try_from(plain(data, key)?).map_err(|_| Stop::Odd)?;
    let (tag, true) = tag(key).ok_or(Stop::Odd)? else { return Err(Stop::Odd) };
    let vr = <[u8; 2]>::try_from(plain(data, vr)?).ok().and_then(Vr::of).ok_or(Stop::Odd)?;
    Ok(Head { tag, vr, keyword, creator, end, is_closed })
}

/// Return a text that must have no references.
fn plain(data: &[u8], span: Span) -> Scan<&[u8]> {
    if span.kind == Kind::String { data.get(span.start..span.end).ok_or(Stop::Odd) } else { Err(Stop::Odd) }
}

/// Scan the content of an attribute after its start tag, up to its end or to the start of its first Item.
#[inline]
pub fn content(
    data: &[u8],
    start: usize,
    encoding: Encoding,
    limits: &Limits,
    scratch: &mut Scratch,
) -> Scan<(Content, usize)> {
    let mut content = Content::Nothing;
    let mut position = start;
    let mut size = 0;
    loop {
        position = blank(data, position);
        if byte(data, position)? != b'<' {
            return Err(Stop::Odd);
        }
        match (byte(data, position + 1)?, content) {
            (b'/', _) => return Ok((content, literal(data, position, END)?)),
            (b'V', Content::Nothing | Content::Values) => {
                content = Content::Values;
                let number = scratch.spans.len() + 1;
                let (span, end) = value(data, position, number, encoding, limits, &mut scratch.resolved)?;
                scratch.spans.push(span);
                size += span.end - span.start;
                position = end;
            }
            (b'P', Content::Nothing | Content::Names) => {
                content = Content::Names;
                position = name(data, position, encoding, limits, scratch)?;
                size = scratch.resolved.len();
            }
            (b'I', Content::Nothing) => {
                if data.get(position + 2) == Some(&b't') {
                    return Ok((Content::Items, position));
                }
                let (span, end) = simple(data, position, b"InlineBinary", encoding, limits, &mut scratch.resolved)?;
                size = span.end - span.start;
                (content, position) = (Content::Binary(span), end);
            }
            (b'B', Content::Nothing) => (content, position) = reference(data, position, encoding, scratch)?,
            _ => return Err(Stop::Odd),
        }
        if size > limits.segment_size || scratch.spans.len().max(scratch.names.len()) > limits.values_per_event {
            return Err(Stop::Odd);
        }
    }
}

/// Scan the start tag of a numbered element; return the index after it, and whether it is empty.
#[inline]
pub fn numbered(
    data: &[u8],
    position: usize,
    name: &[u8],
    number: usize,
    encoding: Encoding,
    resolved: &mut Vec<u8>,
) -> Scan<(usize, bool)> {
    let after = literal(data, position, name)?;
    if number < 10
        && let Some([b' ', b'n', b'u', b'm', b'b', b'e', b'r', b'=', b'"', digit, b'"', b'>']) =
            data.get(after..after + 12)
        && usize::from(digit.wrapping_sub(b'0')) == number
    {
        return Ok((after + 12, false));
    }
    let tag = attributes(data, after, [b"number"], encoding, resolved)?;
    let [Some(span)] = tag.values else { return Err(Stop::Odd) };
    let digits = plain(data, span)?;
    let is_right = digits.len() <= 18
        && digits.first() != Some(&b'0')
        && digits
            .iter()
            .try_fold(0usize, |value, digit| digit.is_ascii_digit().then(|| value * 10 + usize::from(digit - b'0')))
            == Some(number);
    if is_right { Ok((tag.end, tag.is_closed)) } else { Err(Stop::Odd) }
}

const EMPTY: Span = Span { start: 0, end: 0, kind: Kind::Null };

/// Scan a Value; return its text, null if that is empty, and the index after it.
#[inline]
fn value(
    data: &[u8],
    position: usize,
    number: usize,
    encoding: Encoding,
    limits: &Limits,
    resolved: &mut Vec<u8>,
) -> Scan<(Span, usize)> {
    let (start, is_closed) = numbered(data, position, b"<Value", number, encoding, resolved)?;
    if is_closed {
        return Ok((EMPTY, start));
    }
    let close = end_of_text(data, start, limits)?;
    let end = literal(data, close, b"</Value>")?;
    let span = text(data, start, close, encoding, resolved)?;
    Ok((if span.start == span.end { EMPTY } else { span }, end))
}

/// Return the index of the tag after a text. A longer text than a segment is odd, even before its end is there.
#[inline]
fn end_of_text(data: &[u8], start: usize, limits: &Limits) -> Scan<usize> {
    let rest = data.get(start..).unwrap_or_default();
    let window = &rest[..rest.len().min(limits.segment_size + 1)];
    match memchr::memchr(b'<', window) {
        Some(length) => Ok(start + length),
        None if window.len() > limits.segment_size => Err(Stop::Odd),
        None => Err(Stop::Incomplete),
    }
}

/// Scan an element that has no XML attributes and a text.
fn simple(
    data: &[u8],
    position: usize,
    name: &[u8],
    encoding: Encoding,
    limits: &Limits,
    resolved: &mut Vec<u8>,
) -> Scan<(Span, usize)> {
    let after = literal(data, position + 1, name)?;
    if byte(data, after)? == b'/' {
        return Ok((Span { kind: Kind::String, ..EMPTY }, literal(data, after, b"/>")?));
    }
    let start = literal(data, after, b">")?;
    let close = end_of_text(data, start, limits)?;
    let end = literal(data, literal(data, literal(data, close, b"</")?, name)?, b">")?;
    Ok((text(data, start, close, encoding, resolved)?, end))
}

fn reference(data: &[u8], position: usize, encoding: Encoding, scratch: &mut Scratch) -> Scan<(Content, usize)> {
    let after = literal(data, position, b"<BulkData")?;
    let tag = attributes(data, after, [b"uri", b"uuid"], encoding, &mut scratch.resolved)?;
    let content = match tag.values {
        [Some(uri), None] => Content::Uri(uri),
        [None, Some(uuid)] => Content::Uuid(uuid),
        _ => return Err(Stop::Odd),
    };
    let end = if tag.is_closed { tag.end } else { literal(data, blank(data, tag.end), b"</BulkData>")? };
    Ok((content, end))
}

const GROUPS: [&[u8]; 3] = [b"Alphabetic", b"Ideographic", b"Phonetic"];
const COMPONENTS: [&[u8]; 5] = [b"FamilyName", b"GivenName", b"MiddleName", b"NamePrefix", b"NameSuffix"];
const LONGEST_NAME: usize = 12; // with the bracket before it

/// Scan a PersonName.
fn name(data: &[u8], start: usize, encoding: Encoding, limits: &Limits, scratch: &mut Scratch) -> Scan<usize> {
    let number = scratch.names.len() + 1;
    let resolved = &mut scratch.resolved;
    let (start, is_closed) = numbered(data, start, b"<PersonName", number, encoding, resolved)?;
    let mut groups = [EMPTY; 3];
    let position = if is_closed { start } else { groups_of(data, start, &mut groups, encoding, limits, resolved)? };
    if groups.iter().all(|span| span.start == span.end) {
        groups = [EMPTY; 3];
    }
    scratch.names.push(groups);
    Ok(position)
}

/// Scan the component groups of a PersonName, and the end tag.
fn groups_of(
    data: &[u8],
    start: usize,
    groups: &mut [Span; 3],
    encoding: Encoding,
    limits: &Limits,
    resolved: &mut Vec<u8>,
) -> Scan<usize> {
    let (mut position, mut next) = (start, 0);
    loop {
        position = blank(data, position);
        if byte(data, position)? == b'<' && byte(data, position + 1)? == b'/' {
            return literal(data, position, b"</PersonName>");
        }
        let index = which(data, position, &GROUPS, next)?;
        next = index + 1;
        position = literal(data, position + 1 + GROUPS[index].len(), b">")?;
        (groups[index], position) = group(data, position, GROUPS[index], encoding, limits, resolved)?;
    }
}

/// Scan the components of a group, which has one at least, and the end tag.
fn group(
    data: &[u8],
    start: usize,
    name: &[u8],
    encoding: Encoding,
    limits: &Limits,
    resolved: &mut Vec<u8>,
) -> Scan<(Span, usize)> {
    let begin = resolved.len();
    let (mut position, mut next, mut last) = (start, 0, 0);
    loop {
        position = blank(data, position);
        if byte(data, position)? == b'<' && byte(data, position + 1)? == b'/' {
            let end = literal(data, literal(data, position + 2, name)?, b">")?;
            let is_odd = next == 0 || resolved[begin..].iter().any(|byte| matches!(byte, b'=' | b'\\'));
            let span = Span { start: begin, end: resolved.len(), kind: Kind::Resolved };
            return if is_odd { Err(Stop::Odd) } else { Ok((span, end)) };
        }
        let index = which(data, position, &COMPONENTS, next)?;
        resolved.extend(std::iter::repeat_n(b'^', index - last));
        (next, last) = (index + 1, index);
        let (span, end) = simple(data, position, COMPONENTS[index], encoding, limits, resolved)?;
        if span.kind == Kind::String {
            resolved.extend_from_slice(&data[span.start..span.end]);
        }
        position = end;
    }
}

/// Return which of some elements starts at a position, from the index of the first that may follow.
fn which(data: &[u8], position: usize, names: &[&[u8]], first: usize) -> Scan<usize> {
    let rest = data.get(position..).unwrap_or_default();
    let found = names.iter().skip(first).position(|name| rest.get(1..1 + name.len()) == Some(name));
    match found {
        Some(index) if rest[0] == b'<' => Ok(first + index),
        _ if rest.len() < LONGEST_NAME && memchr::memchr(b'>', rest).is_none() => Err(Stop::Incomplete),
        _ => Err(Stop::Odd),
    }
}
