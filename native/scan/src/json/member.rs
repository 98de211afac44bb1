//! A member of a data set or an item: a data element (PS3.18 F.2.2).

use crate::handler::{Kind, Span};
use crate::json::habits::{Found, Habit};
use crate::json::run::{Limits, Scratch};
use crate::json::text::{Scan, Stop, blank, literal, number, rest_of_name, string};
use crate::json::values::tag;
use crate::vr::{Form, Vr};

/// The content of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Nothing,
    /// No value in the array.
    EmptyArray,
    /// In `Scratch::spans`.
    Values,
    /// In `Scratch::names`.
    Names,
    Uri(Span),
    Binary(Span),
    /// A base64 text that is too long for one event starts here.
    LongBinary,
    /// The first item of a sequence follows, and the VR may follow the items.
    Items,
}

/// An attribute up to its end, or up to the first item of a sequence.
pub struct Member {
    pub tag: u32,
    pub vr: Option<Vr>,
    pub content: Content,
    pub end: usize,
}

const FILE_META_GROUP: u32 = 0x0002;
const DELIMITER_GROUP: u32 = 0xFFFE;

/// Return the tag of a key that starts at its quotation mark.
#[inline]
pub fn key(data: &[u8], start: usize, last: i64, found: &mut Found) -> Scan<u32> {
    let Some(text) = data.get(start..start + KEY_LENGTH) else {
        let rest = data.get(start + 1..).unwrap_or_default();
        return Err(if rest.contains(&b'"') { Stop::Odd } else { Stop::Incomplete });
    };
    let Ok(digits) = <&[u8; 8]>::try_from(&text[1..9]) else { return Err(Stop::Odd) };
    let (tag, is_standard) = tag(digits).ok_or(Stop::Odd)?;
    if text[0] != b'"' || text[9] != b'"' {
        return Err(Stop::Odd);
    }
    if !is_standard || is_special(tag) {
        return unusual_key(tag, is_standard, start, last, found);
    }
    Ok(tag)
}

/// Return whether a tag is that of a group length, or of a group that no data set has.
#[inline]
pub fn is_special(tag: u32) -> bool {
    let group = tag >> 16;
    tag & 0xFFFF == 0 || group == FILE_META_GROUP || group == DELIMITER_GROUP
}

/// The length of a key with its quotation marks.
pub const KEY_LENGTH: usize = 10;

#[cold]
fn unusual_key(tag: u32, is_standard: bool, start: usize, last: i64, found: &mut Found) -> Scan<u32> {
    let group = tag >> 16;
    let is_group_length = tag & 0xFFFF == 0;
    let is_first_of_file_meta = group == FILE_META_GROUP && last >> 16 != i64::from(FILE_META_GROUP);
    let is_taken = group != DELIMITER_GROUP
        && (is_standard || found.note(Habit::KeyForm, start))
        && (!is_group_length || found.note(Habit::GroupLength, start))
        && (is_group_length || !is_first_of_file_meta || found.note(Habit::FileMeta, start));
    if is_taken { Ok(tag) } else { Err(Stop::Odd) }
}

/// Return the index after a byte and the white space before it.
#[inline]
pub fn after(data: &[u8], position: usize, byte: u8) -> Scan<usize> {
    let position = blank(data, position);
    match data.get(position) {
        Some(&found) if found == byte => Ok(position + 1),
        Some(_) => Err(Stop::Odd),
        None => Err(Stop::Incomplete),
    }
}

/// Return a VR after the quotation mark, and the index after it.
#[inline]
fn vr_name(data: &[u8], position: usize) -> Scan<(Vr, usize)> {
    match data.get(position..position + 3) {
        Some(&[first, second, b'"']) => Ok((Vr::of([first, second]).ok_or(Stop::Odd)?, position + 3)),
        Some(_) => Err(Stop::Odd),
        None => {
            let rest = data.get(position..).unwrap_or_default();
            Err(if rest.contains(&b'"') { Stop::Odd } else { Stop::Incomplete })
        }
    }
}

/// Scan a comma and the member `vr`, which follows the content; return the VR, and the index after it.
pub fn vr_member(data: &[u8], position: usize) -> Scan<(Vr, usize)> {
    let position = after(data, after(data, position, b',')?, b'"')?;
    let position = rest_of_name(data, position, b"vr\"")?;
    vr_name(data, after(data, after(data, position, b':')?, b'"')?)
}

/// Scan an attribute after its key.
#[inline]
pub fn attribute(data: &[u8], tag: u32, start: usize, limits: &Limits, scratch: &mut Scratch) -> Scan<Member> {
    let mut vr = None;
    let mut content = Content::Nothing;
    let mut position;
    if let Some((found, first)) = usual_start(data, start) {
        vr = Some(found);
        (content, position) = values(data, first, vr, limits, scratch)?;
        let is_complete;
        if content == Content::Items {
            return Ok(Member { tag, vr, content, end: position });
        }
        (is_complete, position) = after_member(data, position)?;
        if is_complete {
            return Ok(Member { tag, vr, content, end: position });
        }
    } else {
        position = after(data, after(data, start, b':')?, b'{')?;
    }
    loop {
        position = after(data, position, b'"')?;
        match data.get(position).ok_or(Stop::Incomplete)? {
            b'v' if vr.is_none() => {
                position = rest_of_name(data, position, b"vr\"")?;
                position = after(data, after(data, position, b':')?, b'"')?;
                let (found, end) = vr_name(data, position)?;
                (vr, position) = (Some(found), end);
            }
            b'V' if content == Content::Nothing => {
                position = rest_of_name(data, position, b"Value\"")?;
                position = after(data, after(data, position, b':')?, b'[')?;
                (content, position) = values(data, position, vr, limits, scratch)?;
                if content == Content::Items {
                    return Ok(Member { tag, vr, content, end: position });
                }
            }
            b'I' if content == Content::Nothing => {
                position = rest_of_name(data, position, b"InlineBinary\"")?;
                position = after(data, after(data, position, b':')?, b'"')?;
                match binary(data, position, limits)? {
                    Some((span, end)) => (content, position) = (Content::Binary(span), end),
                    None => return Ok(Member { tag, vr, content: Content::LongBinary, end: position }),
                }
            }
            b'B' if content == Content::Nothing => {
                position = rest_of_name(data, position, b"BulkDataURI\"")?;
                position = after(data, after(data, position, b':')?, b'"')?;
                let (span, end) = string(data, position, &mut scratch.resolved, limits.segment_size)?;
                (content, position) = (Content::Uri(span), end);
            }
            _ => position = extra_member(data, position, limits, scratch)?,
        }
        let is_complete;
        (is_complete, position) = after_member(data, position)?;
        if is_complete {
            return Ok(Member { tag, vr, content, end: position });
        }
    }
}

/// Return whether an attribute ends after a member, and the index after the comma or the brace.
#[inline]
pub fn after_member(data: &[u8], position: usize) -> Scan<(bool, usize)> {
    let position = blank(data, position);
    match data.get(position).ok_or(Stop::Incomplete)? {
        b',' => Ok((false, position + 1)),
        b'}' => Ok((true, position + 1)),
        _ => Err(Stop::Odd),
    }
}

/// Return the VR and the index of the first value, of an attribute that starts as most writers write it.
#[inline]
fn usual_start(data: &[u8], start: usize) -> Option<(Vr, usize)> {
    if let Some(text) = data.get(start..start + 21)
        && text.starts_with(b":{\"vr\":\"")
        && text.ends_with(b"\",\"Value\":[")
    {
        return Some((Vr::of([text[8], text[9]])?, start + 21));
    }
    if let Some(text) = data.get(start..start + 25)
        && text.starts_with(b": {\"vr\": \"")
        && text.ends_with(b"\", \"Value\": [")
    {
        return Some((Vr::of([text[10], text[11]])?, start + 25));
    }
    None
}

/// Scan a member beyond the standard that has a string, after its quotation mark.
#[cold]
fn extra_member(data: &[u8], start: usize, limits: &Limits, scratch: &mut Scratch) -> Scan<usize> {
    let (habit, name): (_, &[u8]) = match data.get(start) {
        Some(b'k') => (Habit::Keyword, b"keyword\""),
        Some(b'n') => (Habit::Name, b"name\""),
        Some(b'_') => (Habit::RawValue, b"_rawvalue\""),
        _ => return Err(Stop::Odd),
    };
    let position = rest_of_name(data, start, name)?;
    if !scratch.found.note(habit, start - 1) {
        return Err(Stop::Odd);
    }
    let position = after(data, after(data, position, b':')?, b'"')?;
    Ok(string(data, position, &mut scratch.resolved, limits.segment_size)?.1)
}

/// Scan a base64 text, whose characters are examined when it is decoded.
///
/// Returns None for a text that is too long for one event.
fn binary(data: &[u8], start: usize, limits: &Limits) -> Scan<Option<(Span, usize)>> {
    let window = &data[start..data.len().min(start + limits.segment_size + 1)];
    match memchr::memchr(b'"', window) {
        Some(length) => Ok(Some((Span { start, end: start + length, kind: Kind::String }, start + length + 1))),
        None if window.len() > limits.segment_size => Ok(None),
        None => Err(Stop::Incomplete),
    }
}

/// Scan the values after the bracket of `Value`; return the index after the closing bracket.
#[inline]
fn values(data: &[u8], start: usize, vr: Option<Vr>, limits: &Limits, scratch: &mut Scratch) -> Scan<(Content, usize)> {
    let mut position = blank(data, start);
    let first = *data.get(position).ok_or(Stop::Incomplete)?;
    if first == b']' {
        return Ok((Content::EmptyArray, position + 1));
    }
    let is_object = first == b'{';
    if is_object && starts_items(data, position, vr)? {
        return Ok((Content::Items, position + 1));
    }
    let content =
        if is_object || vr.is_some_and(|vr| vr.form() == Form::PersonName) { Content::Names } else { Content::Values };
    let begin = position;
    let mut count = 0;
    loop {
        if content == Content::Names {
            position = name(data, position, limits, scratch)?;
        } else {
            let (span, end) = scalar(data, position, limits, &mut scratch.resolved)?;
            scratch.spans.push(span);
            position = end;
        }
        count += 1;
        if count > limits.values_per_event || (count > 1 && position - begin > limits.segment_size) {
            return Err(Stop::Odd);
        }
        position = blank(data, position);
        match data.get(position).ok_or(Stop::Incomplete)? {
            b']' => break,
            b',' => position = blank(data, position + 1),
            _ => return Err(Stop::Odd),
        }
    }
    Ok((content, position + 1))
}

/// Return whether the object at a position is the first item of a sequence.
fn starts_items(data: &[u8], position: usize, vr: Option<Vr>) -> Scan<bool> {
    match vr.map(Vr::form) {
        Some(Form::Sequence) => Ok(true),
        Some(Form::PersonName) => Ok(false),
        Some(_) => Err(Stop::Odd),
        None => {
            let first = after(data, position + 1, b'"')?;
            match data.get(first).ok_or(Stop::Incomplete)? {
                b'A' if data.get(first + 1).is_none() => Err(Stop::Incomplete),
                b'A' if data.get(first + 1) == Some(&b'l') => Ok(false),
                b'I' | b'P' => Ok(false),
                _ => is_key(data, first).map(|()| true),
            }
        }
    }
}

/// Check that eight hexadecimal digits and a quotation mark follow.
fn is_key(data: &[u8], start: usize) -> Scan<()> {
    for position in start..start + 8 {
        if !data.get(position).ok_or(Stop::Incomplete)?.is_ascii_hexdigit() {
            return Err(Stop::Odd);
        }
    }
    match data.get(start + 8) {
        Some(b'"') => Ok(()),
        Some(_) => Err(Stop::Odd),
        None => Err(Stop::Incomplete),
    }
}

/// Scan a string, a number or null.
#[inline]
fn scalar(data: &[u8], position: usize, limits: &Limits, resolved: &mut Vec<u8>) -> Scan<(Span, usize)> {
    match data.get(position).ok_or(Stop::Incomplete)? {
        b'"' => string(data, position + 1, resolved, limits.segment_size),
        b'-' | b'0'..=b'9' => {
            let end = number(data, position, limits.number_length)?;
            Ok((Span { start: position, end, kind: Kind::Number }, end))
        }
        b'n' => null(data, position),
        _ => Err(Stop::Odd),
    }
}

fn null(data: &[u8], start: usize) -> Scan<(Span, usize)> {
    Ok((NO_SPAN, literal(data, start, b"null")?))
}

const NO_SPAN: Span = Span { start: 0, end: 0, kind: Kind::Null };
const EMPTY_GROUPS: [Habit; 3] = [Habit::EmptyAlphabetic, Habit::EmptyIdeographic, Habit::EmptyPhonetic];
const GROUPS: [&[u8]; 3] = [b"Alphabetic\"", b"Ideographic\"", b"Phonetic\""];

/// Scan a person name, null or an empty string; return the index after it.
///
/// The kind of the first group tells these apart: an empty string is one, and a name without groups is a number.
fn name(data: &[u8], start: usize, limits: &Limits, scratch: &mut Scratch) -> Scan<usize> {
    let mut groups = [NO_SPAN; 3];
    match data.get(start).ok_or(Stop::Incomplete)? {
        b'n' => {
            scratch.names.push(groups);
            return Ok(null(data, start)?.1);
        }
        b'"' => {
            groups[0].kind = Kind::String;
            scratch.names.push(groups);
            return match data.get(start + 1) {
                Some(b'"') => Ok(start + 2),
                Some(_) => Err(Stop::Odd),
                None => Err(Stop::Incomplete),
            };
        }
        _ => {}
    }
    let mut position = blank(data, after(data, start, b'{')?);
    let mut names = 0u8;
    while data.get(position) != Some(&b'}') {
        position = after(data, position, b'"')?;
        let index = match data.get(position).ok_or(Stop::Incomplete)? {
            b'A' => 0,
            b'I' => 1,
            b'P' => 2,
            _ => return Err(Stop::Odd),
        };
        position = rest_of_name(data, position, GROUPS[index])?;
        if names >> index & 1 != 0 {
            return Err(Stop::Odd);
        }
        names |= 1 << index;
        position = blank(data, after(data, position, b':')?);
        let (span, end) = if data.get(position) == Some(&b'n') {
            null(data, position)?
        } else {
            string(data, after(data, position, b'"')?, &mut scratch.resolved, limits.segment_size)?
        };
        if span.start < span.end {
            groups[index] = span;
        } else if !scratch.found.note(EMPTY_GROUPS[index], position) {
            return Err(Stop::Odd);
        }
        position = blank(data, end);
        match data.get(position).ok_or(Stop::Incomplete)? {
            b',' => position = blank(data, position + 1),
            b'}' => break,
            _ => return Err(Stop::Odd),
        }
        if data.get(position) == Some(&b'}') {
            return Err(Stop::Odd);
        }
    }
    if groups.iter().all(|span| span.kind == Kind::Null) {
        groups[0].kind = Kind::Number;
    }
    scratch.names.push(groups);
    Ok(position + 1)
}
