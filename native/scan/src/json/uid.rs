//! The SOP Instance UID of a data set, and its hash in an index.

use memchr::memmem;

use crate::json::boundaries::plain_object;
use crate::json::member::{KEY_LENGTH, after, after_member};
use crate::json::run::{Limits, Place};
use crate::json::skip::Skip;
use crate::json::text::{Scan, Stop, blank, rest_of_name};
use crate::json::values::tag;

const SOP_INSTANCE_UID: u32 = 0x0008_0018;
const MAX_LENGTH: usize = 64;
const OUTSIDE: usize = 2; // the array of data sets, and the data set
const HEAD: usize = 1024; // bytes of a data set in which its UID mostly is
const MAX_BETWEEN: usize = 3; // bytes between the group and the element of a key
const LONG_HEAD: usize = 4096; // searches for the key are faster from there on

/// Return the SOP Instance UID of the data set at an index, empty if it has none, or None if the data do not tell it.
///
/// All before it is standard JSON, so the parser finds the same, or plain and near, as in `_PLAIN_UID` in
/// `streamdicom/index/scanning.py`.
pub fn sop_instance_uid<'a>(data: &'a [u8], start: usize, limits: &Limits, scratch: &mut Vec<u8>) -> Option<&'a [u8]> {
    let head = &data[..data.len().min(start.saturating_add(HEAD))];
    let plain = find(head, start, |position| plain_object(head, blank(head, position)).ok_or(Stop::Odd));
    let data = &data[..data.len().min(start.saturating_add(LONG_HEAD))];
    let mut open = Vec::new();
    let max_open = limits.depth.saturating_sub(OUTSIDE);
    let standard = |position| {
        open.clear();
        let mut skip = Skip { data, position, place: Place::SkipValue, open: &mut open, max_open, limits, scratch };
        skip.run().map(|()| skip.position)
    };
    plain.or_else(|_| find(data, start, standard)).ok()
}

/// Return whether a data set evidently has no SOP Instance UID, whatever the form of its key.
///
/// `_has_no_uid` in `streamdicom/index/scanning.py` is the specification.
pub fn has_no_uid(text: &[u8]) -> bool {
    let is_escaped = memmem::find_iter(text, b"\\u00").any(|place| matches!(text.get(place + 4), Some(b'0'..=b'7')));
    let has_tag = || memmem::find_iter(text, b"0018").any(|place| ends_with_group(&text[..place]));
    is_keyed(text) && !is_escaped && memmem::find(text, b"InstanceUID").is_none() && !has_tag()
}

fn ends_with_group(text: &[u8]) -> bool {
    let between = text.iter().rev().take(MAX_BETWEEN).take_while(|byte| **byte != b'"').count();
    (0..=between).any(|length| text[..text.len() - length].ends_with(b"0008"))
}

fn is_keyed(text: &[u8]) -> bool {
    let start = after(text, 0, b'{').map(|position| blank(text, position));
    let key = start.ok().and_then(|start| text.get(start..start + KEY_LENGTH));
    key.is_some_and(|key| key[0] == b'"' && key[9] == b'"' && key[1..9].iter().all(u8::is_ascii_hexdigit))
}

/// Find the UID; `pass_over` returns the index after the value of another attribute.
fn find(data: &[u8], start: usize, mut pass_over: impl FnMut(usize) -> Scan<usize>) -> Scan<&[u8]> {
    let mut position = blank(data, after(data, start, b'{')?);
    if data.get(position) == Some(&b'}') {
        return Ok(&[]);
    }
    loop {
        let key = data.get(position..position + KEY_LENGTH).ok_or(Stop::Incomplete)?;
        let Some((found, true)) = <&[u8; 8]>::try_from(&key[1..9]).ok().and_then(tag) else { return Err(Stop::Odd) };
        if key[0] != b'"' || key[9] != b'"' || found > SOP_INSTANCE_UID {
            return Err(Stop::Odd);
        }
        position = after(data, position + KEY_LENGTH, b':')?;
        if found == SOP_INSTANCE_UID {
            return attribute(data, position);
        }
        let (is_last, end) = after_member(data, pass_over(position)?)?;
        if is_last {
            return Ok(&[]);
        }
        position = blank(data, end);
    }
}

/// Return the hash of a UID of at most 64 bytes: BLAKE2b (RFC 7693) with 8 bytes, and 0 for none.
///
/// `uid_hash` in `streamdicom/index/scanning.py` is the specification.
pub fn uid_hash(uid: &[u8]) -> u64 {
    if uid.is_empty() { 0 } else { blake2b_64(uid).max(1) }
}

const IV: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];
const ROUNDS: usize = 12;
const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// Return the digest of a text that fits into one block, as a little-endian number.
fn blake2b_64(text: &[u8]) -> u64 {
    let mut message = [0; 16];
    for (word, bytes) in message.iter_mut().zip(text.chunks(size_of::<u64>())) {
        *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    let first = IV[0] ^ 0x0101_0000 ^ size_of::<u64>() as u64; // no key, and the length of the digest
    let mut state = [0; 16];
    state[..8].copy_from_slice(&IV);
    state[8..].copy_from_slice(&IV);
    state[0] = first;
    state[12] ^= text.len() as u64;
    state[14] = !state[14]; // the last block
    for round in 0..ROUNDS {
        let words = SIGMA[round % SIGMA.len()].map(|word| message[word & 15]);
        mix(&mut state, [0, 4, 8, 12], words[0], words[1]);
        mix(&mut state, [1, 5, 9, 13], words[2], words[3]);
        mix(&mut state, [2, 6, 10, 14], words[4], words[5]);
        mix(&mut state, [3, 7, 11, 15], words[6], words[7]);
        mix(&mut state, [0, 5, 10, 15], words[8], words[9]);
        mix(&mut state, [1, 6, 11, 12], words[10], words[11]);
        mix(&mut state, [2, 7, 8, 13], words[12], words[13]);
        mix(&mut state, [3, 4, 9, 14], words[14], words[15]);
    }
    first ^ state[0] ^ state[8]
}

#[inline(always)]
fn mix(state: &mut [u64; 16], [a, b, c, d]: [usize; 4], x: u64, y: u64) {
    state[a] = state[a].wrapping_add(state[b]).wrapping_add(x);
    state[d] = (state[d] ^ state[a]).rotate_right(32);
    state[c] = state[c].wrapping_add(state[d]);
    state[b] = (state[b] ^ state[c]).rotate_right(24);
    state[a] = state[a].wrapping_add(state[b]).wrapping_add(y);
    state[d] = (state[d] ^ state[a]).rotate_right(16);
    state[c] = state[c].wrapping_add(state[d]);
    state[b] = (state[b] ^ state[c]).rotate_right(63);
}

/// Return the one value of an attribute of VR UI.
fn attribute(data: &[u8], start: usize) -> Scan<&[u8]> {
    let mut position = after(data, start, b'{')?;
    let (mut uid, mut has_vr) = (None, false);
    loop {
        position = after(data, position, b'"')?;
        if data.get(position) == Some(&b'v') && !has_vr {
            position = after(data, rest_of_name(data, position, b"vr\"")?, b':')?;
            position = rest_of_name(data, blank(data, position), b"\"UI\"")?;
            has_vr = true;
        } else if uid.is_none() {
            position = after(data, rest_of_name(data, position, b"Value\"")?, b':')?;
            position = after(data, after(data, position, b'[')?, b'"')?;
            let text = &data[position..data.len().min(position + MAX_LENGTH + 1)];
            let length = text.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.')).ok_or(Stop::Odd)?;
            uid = Some(&text[..length]);
            position = after(data, rest_of_name(data, position + length, b"\"")?, b']')?;
        } else {
            return Err(Stop::Odd);
        }
        position = blank(data, position);
        match (data.get(position), uid) {
            (Some(b','), _) => position += 1,
            (Some(b'}'), Some(uid)) if has_vr && !uid.is_empty() => return Ok(uid),
            _ => return Err(Stop::Odd),
        }
    }
}
