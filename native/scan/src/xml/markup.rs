//! Tags (XML 1.0, section 3.1).

use crate::handler::Span;
use crate::json::text::{Scan, Stop, blank};
use crate::xml::text::{Encoding, value};

/// Bytes of a start tag; a longer one is left to Python, which has a limit.
const MAX_TAG: usize = 4096;

/// Return the index after a literal.
#[inline]
pub fn literal(data: &[u8], position: usize, expected: &[u8]) -> Scan<usize> {
    match data.get(position..position + expected.len()) {
        Some(found) if found == expected => Ok(position + expected.len()),
        Some(_) => Err(Stop::Odd),
        None => {
            let rest = data.get(position..).unwrap_or_default();
            Err(if expected.starts_with(rest) { Stop::Incomplete } else { Stop::Odd })
        }
    }
}

/// Return the byte at an index.
#[inline]
pub fn byte(data: &[u8], position: usize) -> Scan<u8> {
    data.get(position).copied().ok_or(Stop::Incomplete)
}

/// A start tag, or the tag of an empty element.
pub struct Tag<const N: usize> {
    /// The values of the XML attributes, by their index in the names.
    pub values: [Option<Span>; N],
    pub end: usize,
    /// The element is empty, and has no end tag.
    pub is_closed: bool,
}

/// Scan the XML attributes of a tag after its name. Each of them may be missing, and has the only place.
pub fn attributes<const N: usize>(
    data: &[u8],
    start: usize,
    names: [&[u8]; N],
    encoding: Encoding,
    resolved: &mut Vec<u8>,
) -> Scan<Tag<N>> {
    let window = &data[..data.len().min(start + MAX_TAG)];
    let result = attributes_within(window, start, names, encoding, resolved);
    match result {
        Err(Stop::Incomplete) if window.len() < data.len() => Err(Stop::Odd),
        result => result,
    }
}

fn attributes_within<const N: usize>(
    data: &[u8],
    start: usize,
    names: [&[u8]; N],
    encoding: Encoding,
    resolved: &mut Vec<u8>,
) -> Scan<Tag<N>> {
    let mut values = [None; N];
    let mut end = start;
    loop {
        let position = blank(data, end);
        match byte(data, position)? {
            b'>' => return Ok(Tag { values, end: position + 1, is_closed: false }),
            b'/' => return Ok(Tag { values, end: literal(data, position, b"/>")?, is_closed: true }),
            _ if position == end => return Err(Stop::Odd),
            _ => {}
        }
        let rest = data.get(position..).unwrap_or_default();
        let Some(index) = names.iter().position(|name| rest.starts_with(name)) else {
            return Err(if memchr::memchr(b'=', rest).is_some() { Stop::Odd } else { Stop::Incomplete });
        };
        let equals = blank(data, position + names[index].len());
        let quote = blank(data, literal(data, equals, b"=")?);
        let mark = byte(data, quote)?;
        if !matches!(mark, b'"' | b'\'') || values[index].is_some() {
            return Err(Stop::Odd);
        }
        let length = memchr::memchr(mark, data.get(quote + 1..).unwrap_or_default()).ok_or(Stop::Incomplete)?;
        let close = quote + 1 + length;
        values[index] = Some(value(data, quote + 1, close, encoding, resolved)?);
        end = close + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found<'a> = (Vec<Option<&'a [u8]>>, usize, bool);

    fn scanned(text: &[u8]) -> Scan<Found<'_>> {
        let tag = attributes(text, 0, [b"tag", b"vr"], Encoding::Utf8, &mut Vec::new())?;
        let values = tag.values.iter().map(|span| span.and_then(|span| text.get(span.start..span.end))).collect();
        Ok((values, tag.end, tag.is_closed))
    }

    #[test]
    fn attributes_have_any_order_and_white_space() {
        assert_eq!(scanned(b" vr = \"a\"\n tag='\"' >"), Ok((vec![Some(b"\"".as_slice()), Some(b"a")], 20, false)));
        assert_eq!(scanned(b"/>"), Ok((vec![None, None], 2, true)));
        assert_eq!(scanned(b" >"), Ok((vec![None, None], 2, false)));
    }

    #[test]
    fn other_attributes_are_odd() {
        for text in [
            &b" a=\"\">"[..],
            b"tag=\"\">",
            b" tag=\"\" tag=\"\">",
            b" tag=\"\"vr=\"\">",
            b" tags=\"\">",
            b" tag=1>",
            b" tag=\"<\">",
            b" tag=\"a\tb\">",
            b"/a>",
            b" tag>",
        ] {
            assert_eq!(scanned(text), Err(Stop::Odd), "{text:?}");
        }
    }

    #[test]
    fn the_start_of_a_tag_is_incomplete() {
        let text = b" tag='a' vr = 'b' />";
        for end in 0..text.len() {
            assert_eq!(scanned(&text[..end]), Err(Stop::Incomplete), "{end}");
        }
        assert_eq!(scanned(format!(" tag='{}", "a".repeat(MAX_TAG)).as_bytes()), Err(Stop::Odd));
        assert_eq!(literal(b"</It", 0, b"</Item>"), Err(Stop::Incomplete));
        assert_eq!(literal(b"</Ix", 0, b"</Item>"), Err(Stop::Odd));
    }
}
