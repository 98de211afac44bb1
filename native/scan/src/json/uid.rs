//! The SOP Instance UID at the start of a data set.

use crate::json::member::{KEY_LENGTH, after};
use crate::json::run::{Limits, Place};
use crate::json::skip::Skip;
use crate::json::text::{Scan, Stop, blank, rest_of_name};
use crate::json::values::tag;

const SOP_INSTANCE_UID: u32 = 0x0008_0018;
const FILE_META_GROUP: u32 = 0x0002;
const MAX_LENGTH: usize = 64;
const OUTSIDE: usize = 2; // the array of data sets, and the data set

/// Return the SOP Instance UID of the data set at an index, or None if the data do not tell it.
///
/// All before it is standard JSON with ascending tags, so the parser finds the same.
pub fn sop_instance_uid<'a>(data: &'a [u8], start: usize, limits: &Limits, scratch: &mut Vec<u8>) -> Option<&'a [u8]> {
    find(data, start, limits, scratch).ok()
}

fn find<'a>(data: &'a [u8], start: usize, limits: &Limits, scratch: &mut Vec<u8>) -> Scan<&'a [u8]> {
    let mut position = after(data, start, b'{')?;
    let mut last = 0;
    let mut open = Vec::new();
    loop {
        position = blank(data, position);
        let key = data.get(position..position + KEY_LENGTH).ok_or(Stop::Incomplete)?;
        let Some((found, true)) = <&[u8; 8]>::try_from(&key[1..9]).ok().and_then(tag) else { return Err(Stop::Odd) };
        let is_plain = found > last && found & 0xFFFF != 0 && found >> 16 != FILE_META_GROUP;
        if key[0] != b'"' || key[9] != b'"' || !is_plain || found > SOP_INSTANCE_UID {
            return Err(Stop::Odd);
        }
        position = after(data, position + KEY_LENGTH, b':')?;
        if found == SOP_INSTANCE_UID {
            return attribute(data, position);
        }
        open.clear();
        let max_open = limits.depth.saturating_sub(OUTSIDE);
        let mut skip = Skip { data, position, place: Place::SkipValue, open: &mut open, max_open, limits, scratch };
        skip.run()?;
        position = after(data, skip.position, b',')?;
        last = found;
    }
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
