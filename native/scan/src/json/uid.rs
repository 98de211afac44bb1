//! The SOP Instance UID of a data set, and its hash in an index.

use blake2b_simd::Params;
use blake2b_simd::many::{HashManyJob, hash_many};
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

/// Return the hash of each UID: BLAKE2b (RFC 7693) with 8 bytes, and 0 for an empty one.
///
/// `uid_hash` in `streamdicom/index/scanning.py` is the specification.
pub fn uid_hashes(uids: &[&[u8]]) -> Vec<u64> {
    let mut params = Params::new();
    params.hash_length(size_of::<u64>());
    let mut jobs: Vec<HashManyJob> = uids.iter().map(|uid| HashManyJob::new(&params, uid)).collect();
    hash_many(&mut jobs);
    uids.iter().zip(&jobs).map(|(uid, job)| if uid.is_empty() { 0 } else { number(job).max(1) }).collect()
}

fn number(job: &HashManyJob) -> u64 {
    job.to_hash().as_bytes().iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
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
