//! The places of objects are those that a walk over single bytes finds; the searches for a UID end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streamdicom_fuzz::{cut, json_limits, parts};
use streamdicom_scan::json::boundaries::{Summary, starts_in_string, summarize};
use streamdicom_scan::json::uid::{has_no_uid, sop_instance_uid};

/// Walk over text without comments byte by byte.
fn walk(data: &[u8], offset: u64, mut in_string: bool) -> Summary {
    let (mut change, mut lowest, mut starts) = (0, None, Vec::new());
    let (mut is_after_end, mut backslashes) = (!in_string, 0);
    for (index, byte) in data.iter().enumerate() {
        let is_escaped = backslashes % 2 == 1;
        backslashes = if *byte == b'\\' { backslashes + 1 } else { 0 };
        match byte {
            b'"' if !is_escaped => {
                in_string = !in_string;
                is_after_end = false;
            }
            b'{' if !in_string => {
                if is_after_end {
                    if lowest.is_none_or(|depth| change < depth) {
                        lowest = Some(change);
                        starts.clear();
                    }
                    if lowest == Some(change) {
                        starts.push(offset + index as u64);
                    }
                }
                change += 1;
                is_after_end = false;
            }
            b'}' if !in_string => {
                change -= 1;
                is_after_end = true;
            }
            _ => {}
        }
    }
    Summary { ends_in_string: in_string, change, depth: lowest.unwrap_or_default(), starts }
}

fuzz_target!(|input: &[u8]| {
    let Some((numbers, data)) = parts(input) else { return };
    for in_string in [false, true] {
        if let Some(found) = summarize(data, 7, in_string) {
            assert_eq!(found, walk(data, 7, in_string));
        }
    }
    starts_in_string(data);
    let start = cut(numbers, data);
    has_no_uid(&data[start..]);
    if let Some(uid) = sop_instance_uid(data, start, &json_limits(0), &mut Vec::new()) {
        assert!(uid.len() <= 64 && uid.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.')));
    }
});
