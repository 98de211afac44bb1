//! Text and the values of XML attributes (XML 1.0, sections 2.3, 2.4 and 4.1).

use crate::handler::{Kind, Span};
use crate::json::text::{Scan, Stop};

/// Where the characters of a document come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    /// Another encoding, of which only ASCII is taken.
    Ascii,
}

const PLAIN: u8 = 0;
const BEYOND: u8 = 1; // ASCII
const REFERENCE: u8 = 2;
const ODD: u8 = 4;

const fn kinds() -> [u8; 256] {
    let mut table = [PLAIN; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = ODD; // also a carriage return, which a parser changes
        byte += 1;
    }
    while byte < 256 {
        if byte >= 0x80 {
            table[byte] = BEYOND;
        }
        byte += 1;
    }
    table[b'\t' as usize] = PLAIN;
    table[b'\n' as usize] = PLAIN;
    table[b'&' as usize] = REFERENCE;
    table[b'<' as usize] = ODD;
    table[b'>' as usize] = ODD; // which may end "]]>"
    table
}

static KINDS: [u8; 256] = kinds();

#[inline]
fn kinds_of(text: &[u8]) -> u8 {
    text.iter().fold(PLAIN, |kinds, byte| kinds | KINDS[*byte as usize])
}

/// Return a text between two tags as a span, with its references resolved.
#[inline]
pub fn text(data: &[u8], start: usize, end: usize, encoding: Encoding, resolved: &mut Vec<u8>) -> Scan<Span> {
    let text = data.get(start..end).ok_or(Stop::Odd)?;
    let kinds = kinds_of(text);
    if kinds == PLAIN {
        return Ok(Span { start, end, kind: Kind::String });
    }
    other_text(text, start, kinds, encoding, resolved)
}

/// Return the value of an XML attribute as a span, with its references resolved.
pub fn value(data: &[u8], start: usize, end: usize, encoding: Encoding, resolved: &mut Vec<u8>) -> Scan<Span> {
    let value = data.get(start..end).ok_or(Stop::Odd)?;
    if value.iter().any(|byte| matches!(byte, b'\t' | b'\n')) {
        return Err(Stop::Odd); // which a parser changes
    }
    text(data, start, end, encoding, resolved)
}

#[cold]
fn other_text(text: &[u8], start: usize, kinds: u8, encoding: Encoding, resolved: &mut Vec<u8>) -> Scan<Span> {
    if kinds & ODD != 0 || (kinds & BEYOND != 0 && (encoding != Encoding::Utf8 || !is_characters(text))) {
        return Err(Stop::Odd);
    }
    if kinds & REFERENCE == 0 {
        return Ok(Span { start, end: start + text.len(), kind: Kind::String });
    }
    let begin = resolved.len();
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest) {
        resolved.extend_from_slice(&rest[..at]);
        let end = memchr::memchr(b';', &rest[at..]).ok_or(Stop::Odd)? + at;
        let character = character(&rest[at + 1..end]).ok_or(Stop::Odd)?;
        resolved.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &rest[end + 1..];
    }
    resolved.extend_from_slice(rest);
    Ok(Span { start: begin, end: resolved.len(), kind: Kind::Resolved })
}

/// Return whether a text is UTF-8 without U+FFFE and U+FFFF, which are not characters of XML.
fn is_characters(text: &[u8]) -> bool {
    simdutf8::basic::from_utf8(text).is_ok() && !text.windows(3).any(|bytes| matches!(bytes, [0xEF, 0xBF, 0xBE | 0xBF]))
}

/// Return the character of a reference.
fn character(name: &[u8]) -> Option<char> {
    let code = match name {
        b"amp" => return Some('&'),
        b"lt" => return Some('<'),
        b"gt" => return Some('>'),
        b"quot" => return Some('"'),
        b"apos" => return Some('\''),
        [b'#', b'x', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        _ => return None,
    };
    let is_character = matches!(code, 0x9 | 0xA | 0xD | 0x20..=0xFFFD | 0x1_0000..=0x10_FFFF);
    if is_character { char::from_u32(code) } else { None }
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits
        .iter()
        .try_fold(0u32, |number, digit| number.checked_mul(radix)?.checked_add((*digit as char).to_digit(radix)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(data: &[u8], encoding: Encoding) -> Option<Vec<u8>> {
        let mut buffer = Vec::new();
        let span = text(data, 0, data.len(), encoding, &mut buffer).ok()?;
        Some(if span.kind == Kind::Resolved { buffer } else { data[span.start..span.end].to_vec() })
    }

    #[test]
    fn references_are_resolved() {
        for (text, expected) in [
            (&b"a b\t\n"[..], &b"a b\t\n"[..]),
            (b"&lt;&gt;&amp;&quot;&apos;", b"<>&\"'"),
            (b"a&#13;b&#x1F600;", "a\rb\u{1F600}".as_bytes()),
            ("\u{e9}&#xe9;".as_bytes(), "\u{e9}\u{e9}".as_bytes()),
        ] {
            assert_eq!(resolved(text, Encoding::Utf8).as_deref(), Some(expected));
        }
    }

    #[test]
    fn other_text_is_odd() {
        for text in [
            &b"a\r"[..],
            b"\x00",
            b"]]>",
            b"\xff",
            b"\xed\xa0\x80",
            b"\xef\xbf\xbe",
            b"&a;",
            b"&",
            b"&;",
            b"&#;",
            b"&#0;",
            b"&#xFFFE;",
            b"&#x110000;",
            b"&#xD800;",
            b"&#X41;",
            b"&#-1;",
            b"&# 1;",
            b"&#999999999999;",
        ] {
            assert_eq!(resolved(text, Encoding::Utf8), None, "{text:?}");
        }
        assert_eq!(resolved(b"\xe9", Encoding::Ascii), None);
        assert_eq!(resolved("\u{e9}".as_bytes(), Encoding::Ascii), None);
        assert!(value(b"a\nb", 0, 3, Encoding::Utf8, &mut Vec::new()).is_err());
    }
}
