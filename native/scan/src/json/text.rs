//! Strings and numbers of JSON text (RFC 8259, sections 6 and 7).

use crate::handler::{Kind, Span};

/// Why a scanner stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The data ends within something that has been canonical so far.
    Incomplete,
    /// Something that is not canonical.
    Odd,
}

pub type Scan<T> = Result<T, Stop>;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Mark the bytes of a word that end a run of plain characters: quotation marks, backslashes and control characters.
///
/// The lowest mark is exact; a higher one may be a carry of it. Bytes beyond ASCII are not marked.
#[inline]
fn marks(word: u64) -> u64 {
    let quotes = word ^ (ONES * b'"' as u64);
    let backslashes = word ^ (ONES * b'\\' as u64);
    let found = (quotes.wrapping_sub(ONES) & !quotes)
        | (backslashes.wrapping_sub(ONES) & !backslashes)
        | (word.wrapping_sub(ONES * 0x20) & !word);
    found & HIGHS
}

/// Return the index of the first quotation mark, backslash or control character, and whether all before is ASCII.
#[inline]
pub fn plain_end(data: &[u8], start: usize) -> (usize, bool) {
    let mut position = start;
    let mut beyond = 0u64;
    while let Some(chunk) = data.get(position..position + 8) {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        let found = marks(word);
        if found != 0 {
            let bytes = found.trailing_zeros() / 8;
            beyond |= word & HIGHS & ((1u64 << (bytes * 8)) - 1);
            return (position + bytes as usize, beyond == 0);
        }
        beyond |= word & HIGHS;
        position += 8;
    }
    while let Some(&byte) = data.get(position) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            break;
        }
        beyond |= u64::from(byte) & 0x80;
        position += 1;
    }
    (position, beyond == 0)
}

#[inline]
fn is_utf8(data: &[u8]) -> bool {
    if data.len() > 64 { simdutf8::basic::from_utf8(data).is_ok() } else { std::str::from_utf8(data).is_ok() }
}

/// Scan a string after its quotation mark; return it, and the index after the closing mark.
///
/// `resolved` receives the characters of a string with escapes.
#[inline]
pub fn string(data: &[u8], start: usize, resolved: &mut Vec<u8>, max_length: usize) -> Scan<(Span, usize)> {
    let (end, is_ascii) = plain_end(data, start);
    if end - start > max_length {
        return Err(Stop::Odd);
    }
    match data.get(end) {
        Some(b'"') => {
            if !is_ascii && !is_utf8(&data[start..end]) {
                return Err(Stop::Odd);
            }
            Ok((Span { start, end, kind: Kind::String }, end + 1))
        }
        Some(b'\\') => match escaped(data, start, end, resolved, max_length) {
            Err(Stop::Incomplete) if data.len() - start > max_length => Err(Stop::Odd),
            result => result,
        },
        Some(_) => Err(Stop::Odd),
        None => Err(Stop::Incomplete),
    }
}

#[cold]
fn escaped(data: &[u8], start: usize, first: usize, resolved: &mut Vec<u8>, max_length: usize) -> Scan<(Span, usize)> {
    let begin = resolved.len();
    let (mut copied, mut position) = (start, first);
    loop {
        if position - start > max_length {
            return Err(Stop::Odd);
        }
        resolved.extend_from_slice(&data[copied..position]);
        match data.get(position) {
            Some(b'"') => {
                if !is_utf8(&resolved[begin..]) {
                    return Err(Stop::Odd);
                }
                return Ok((Span { start: begin, end: resolved.len(), kind: Kind::Resolved }, position + 1));
            }
            Some(b'\\') => position = escape(data, position + 1, resolved)?,
            Some(_) => return Err(Stop::Odd),
            None => return Err(Stop::Incomplete),
        }
        copied = position;
        position = plain_end(data, position).0;
    }
}

/// Resolve an escape after its backslash; return the index after it.
fn escape(data: &[u8], position: usize, resolved: &mut Vec<u8>) -> Scan<usize> {
    let byte = match data.get(position).ok_or(Stop::Incomplete)? {
        b'u' => return unicode_escape(data, position + 1, resolved),
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        &byte @ (b'"' | b'\\' | b'/') => byte,
        _ => return Err(Stop::Odd),
    };
    resolved.push(byte);
    Ok(position + 1)
}

fn unicode_escape(data: &[u8], position: usize, resolved: &mut Vec<u8>) -> Scan<usize> {
    let (mut code, mut end) = (four_digits(data, position)?, position + 4);
    if (0xD800..0xDC00).contains(&code) {
        match data.get(end..end + 2) {
            Some(b"\\u") => {}
            Some(_) => return Err(Stop::Odd),
            None => return Err(Stop::Incomplete),
        }
        let low = four_digits(data, end + 2)?;
        if !(0xDC00..0xE000).contains(&low) {
            return Err(Stop::Odd);
        }
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        end += 6;
    }
    let character = char::from_u32(code).ok_or(Stop::Odd)?;
    resolved.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(end)
}

fn four_digits(data: &[u8], position: usize) -> Scan<u32> {
    let mut code = 0;
    for offset in 0..4 {
        let byte = *data.get(position + offset).ok_or(Stop::Incomplete)?;
        code = code << 4 | (byte as char).to_digit(16).ok_or(Stop::Odd)?;
    }
    Ok(code)
}

/// Scan a number; return the index after it. Another token must follow, or the number might go on.
#[inline]
pub fn number(data: &[u8], start: usize, max_length: usize) -> Scan<usize> {
    let mut position = start;
    let at = |position: usize| data.get(position).copied().ok_or(Stop::Incomplete);
    let digits = |mut position: usize| -> Scan<usize> {
        if !at(position)?.is_ascii_digit() {
            return Err(Stop::Odd);
        }
        while at(position)?.is_ascii_digit() {
            position += 1;
        }
        Ok(position)
    };
    if at(position)? == b'-' {
        position += 1;
    }
    position = if at(position)? == b'0' { position + 1 } else { digits(position)? };
    if at(position)? == b'.' {
        position = digits(position + 1)?;
    }
    if matches!(at(position)?, b'e' | b'E') {
        position += 1;
        if matches!(at(position)?, b'+' | b'-') {
            position += 1;
        }
        position = digits(position)?;
    }
    at(position)?;
    if position - start > max_length { Err(Stop::Odd) } else { Ok(position) }
}

/// Scan a literal name; return the index after it. Another token must follow, or the name might go on.
pub fn literal(data: &[u8], start: usize, name: &[u8]) -> Scan<usize> {
    let end = rest_of_name(data, start, name)?;
    data.get(end).ok_or(Stop::Incomplete)?;
    Ok(end)
}

/// Return the index after a name, of which the data may have only the start.
#[inline]
pub fn rest_of_name(data: &[u8], position: usize, name: &[u8]) -> Scan<usize> {
    match data.get(position..position + name.len()) {
        Some(found) if found == name => Ok(position + name.len()),
        Some(_) => Err(Stop::Odd),
        None => {
            let rest = data.get(position..).unwrap_or_default();
            Err(if name.starts_with(rest) { Stop::Incomplete } else { Stop::Odd })
        }
    }
}

/// Return the index of the first byte at or after a position that is not white space.
#[inline]
pub fn blank(data: &[u8], mut position: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = data.get(position) {
        position += 1;
    }
    position
}
