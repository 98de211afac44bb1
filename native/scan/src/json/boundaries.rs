//! The places at which the outermost objects of JSON text begin, in a part of it that is cut anywhere.
//!
//! `streamdicom/jsontext/boundaries.py` is the specification, for bytes that are not JSON too.

use wide::{CmpEq, i8x16};

/// The structure of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub ends_in_string: bool,
    /// The depth at the end less that at the start.
    pub change: i64,
    /// The depth of the objects at `starts`, less that at the start of the part.
    pub depth: i64,
    /// The indices of objects that may be outermost ones.
    pub starts: Vec<u64>,
}

/// Return whether a part starts within a string, or None if it does not tell.
pub fn starts_in_string(data: &[u8]) -> Option<bool> {
    let mut is_odd = false;
    for position in memchr::memchr_iter(b'"', data) {
        if is_escaped(data, position) {
            continue;
        }
        if is_opening(data, position) {
            return Some(is_odd);
        }
        is_odd = !is_odd;
    }
    None
}

/// Return whether a quotation mark must open a string: the next byte may not follow one that closes a string.
fn is_opening(data: &[u8], position: usize) -> bool {
    !matches!(data.get(position + 1), None | Some(b' ' | b'\t'..=b'\r' | b',' | b':' | b']' | b'}'))
}

/// Return whether an odd number of backslashes precedes a quotation mark.
#[inline]
fn is_escaped(data: &[u8], position: usize) -> bool {
    position > 0 && data[position - 1] == b'\\' && has_odd_run(data, position)
}

#[cold]
fn has_odd_run(data: &[u8], end: usize) -> bool {
    data[..end].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Summarize a part, which neither starts nor ends within an escape; return None if it has a comment.
pub fn summarize(data: &[u8], offset: u64, starts_in_string: bool) -> Option<Summary> {
    if may_have_comment(data, starts_in_string) && has_comment(data, starts_in_string) {
        return None;
    }
    let mut walk = Walk { offset, in_string: starts_in_string, is_after_end: !starts_in_string, ..Walk::default() };
    let blocks = data.chunks_exact(BLOCK);
    let mut last = [b' '; BLOCK];
    let rest = blocks.remainder();
    last[..rest.len()].copy_from_slice(rest);
    let end = data.len() - rest.len();
    for (number, block) in blocks.enumerate() {
        if let Ok(block) = block.try_into() {
            walk.block(data, block, number * BLOCK);
        }
    }
    walk.block(data, &last, end);
    Some(Summary {
        ends_in_string: walk.in_string,
        change: walk.depth,
        depth: walk.lowest.unwrap_or_default(),
        starts: walk.starts,
    })
}

/// Return the index after an object whose end is evident: it has no other braces, no escapes and no slashes but in strings.
pub fn plain_object(data: &[u8], start: usize) -> Option<usize> {
    let mut in_string = 0;
    let mut first = 1; // the bit of the brace that opens it
    for (number, block) in data.get(start..)?.chunks_exact(BLOCK).enumerate() {
        let block = block.try_into().ok()?;
        let inside = parities(mask::<b'"'>(block)) ^ in_string;
        let closing = mask::<b'}'>(block);
        let end = closing & !inside;
        let before = end.wrapping_sub(1) & !end; // all bits if there is no end
        let braces = mask::<b'{'>(block);
        let odd = mask::<b'\\'>(block) | (braces ^ first) | (closing & inside) | (mask::<b'/'>(block) & !inside);
        if odd & before != 0 {
            return None;
        }
        if end != 0 {
            return Some(start + number * BLOCK + end.trailing_zeros() as usize + 1);
        }
        in_string = if inside >> 63 != 0 { !0 } else { 0 };
        first = 0;
    }
    None
}

const BLOCK: usize = 64;
const LANES: usize = 16;

#[derive(Default)]
struct Walk {
    offset: u64,
    depth: i64,
    lowest: Option<i64>,
    starts: Vec<u64>,
    in_string: bool,
    /// The end of an object, or the start of the part, is the last brace or quotation mark.
    is_after_end: bool,
}

impl Walk {
    /// Walk over a block, by a bit for each byte.
    #[inline]
    fn block(&mut self, data: &[u8], block: &[u8; BLOCK], start: usize) {
        let mut quotes = mask::<b'"'>(block);
        if mask::<b'\\'>(block) != 0 || (quotes & 1 != 0 && start > 0 && data[start - 1] == b'\\') {
            quotes = unescaped(data, start, quotes);
        }
        let inside = parities(quotes) ^ if self.in_string { !0 } else { 0 };
        self.in_string = inside >> 63 != 0;
        let (opening, closing) = (mask::<b'{'>(block) & !inside, mask::<b'}'>(block) & !inside);
        if opening | closing == 0 {
            self.is_after_end &= quotes == 0;
            return;
        }
        // The sum carries from each end to the next brace or quotation mark.
        let marks = quotes | opening | closing;
        let (sum, is_after_end) = (!marks).overflowing_add(closing << 1 | u64::from(self.is_after_end));
        self.is_after_end = is_after_end || closing >> 63 != 0;
        let mut objects = sum & opening;
        while objects != 0 {
            let bit = objects & objects.wrapping_neg();
            objects ^= bit;
            let depth = self.depth + change(opening & (bit - 1), closing & (bit - 1));
            self.object(depth, start + bit.trailing_zeros() as usize);
        }
        self.depth += change(opening, closing);
    }

    /// Note an object that may be an outermost one.
    #[inline]
    fn object(&mut self, depth: i64, position: usize) {
        if self.lowest.is_none_or(|lowest| depth < lowest) {
            self.lowest = Some(depth);
            self.starts.clear();
        }
        if self.lowest == Some(depth) {
            self.starts.push(self.offset + position as u64);
        }
    }
}

#[inline]
fn change(opening: u64, closing: u64) -> i64 {
    i64::from(opening.count_ones()) - i64::from(closing.count_ones())
}

/// Return a bit for each place of a byte.
#[inline]
fn mask<const BYTE: u8>(block: &[u8; BLOCK]) -> u64 {
    let wanted = i8x16::splat(BYTE as i8);
    let mut bits = 0;
    for (number, lanes) in block.chunks_exact(LANES).enumerate() {
        let lanes: [u8; LANES] = lanes.try_into().unwrap_or_default();
        let equal = i8x16::new(lanes.map(|byte| byte as i8)).cmp_eq(wanted).move_mask();
        bits |= u64::from(equal as u16) << (number * LANES);
    }
    bits
}

/// Return for each bit the parity of those up to it.
#[inline]
fn parities(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// Return the quotation marks of a block that are not escaped.
#[cold]
fn unescaped(data: &[u8], start: usize, quotes: u64) -> u64 {
    let (mut left, mut found) = (quotes, quotes);
    while left != 0 {
        let bit = left & left.wrapping_neg();
        left ^= bit;
        if is_escaped(data, start + bit.trailing_zeros() as usize) {
            found ^= bit;
        }
    }
    found
}

/// Return whether a slash at an index may begin a comment.
fn is_slashes(data: &[u8], position: usize) -> bool {
    matches!(data.get(position + 1), None | Some(b'/' | b'*'))
}

fn next_slashes(data: &[u8], start: usize) -> Option<usize> {
    let rest = data.get(start..).unwrap_or_default();
    memchr::memchr_iter(b'/', rest).map(|found| start + found).find(|found| is_slashes(data, *found))
}

fn next_quote(data: &[u8], start: usize) -> Option<usize> {
    let rest = data.get(start..).unwrap_or_default();
    memchr::memchr_iter(b'"', rest).map(|found| start + found).find(|found| !is_escaped(data, *found))
}

/// Return false if there are no slashes but in evident strings.
fn may_have_comment(data: &[u8], in_string: bool) -> bool {
    if next_slashes(data, 0).is_none() {
        return false;
    }
    let mut end = if in_string { next_quote(data, 0) } else { Some(0) };
    while let Some(start) = end {
        let Some(slashes) = next_slashes(data, start) else { return false };
        let marks = memchr::memrchr_iter(b'"', &data[start..slashes]).map(|found| start + found);
        let Some(mark) = marks.into_iter().find(|found| !is_escaped(data, *found)) else { return true };
        if !is_opening(data, mark) {
            return true;
        }
        end = next_quote(data, (slashes + 2).min(data.len()));
    }
    false
}

fn has_comment(data: &[u8], mut in_string: bool) -> bool {
    for (position, &byte) in data.iter().enumerate() {
        match byte {
            b'"' if !is_escaped(data, position) => in_string = !in_string,
            b'/' if !in_string && is_slashes(data, position) => return true,
            _ => {}
        }
    }
    false
}
