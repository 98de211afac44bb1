//! The head of any bytes is read without a panic, and only whole results count.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streamdicom_fuzz::{Log, cut, parts};
use streamdicom_scan::part10::{End, Scratch, Wanted, read_head};
use streamdicom_scan::vr::Vr;

fuzz_target!(|input: &[u8]| {
    let Some((numbers, data)) = parts(input) else { return };
    let tags = [0x0008_0016, 0x0008_0018, 0x0010_0010, 0x0020_000D, 0x0028_0010, 0x5400_0100];
    let vrs = [b"UI", b"UI", b"PN", b"UI", b"US", b"SQ"].map(|name| Vr::of(*name).expect("a VR"));
    let wanted: Vec<Wanted> =
        tags.into_iter().zip(vrs).map(|(tag, vr)| Wanted { tag, vr, is_certain: numbers[2] & 1 == 0 }).collect();
    let scratch = &mut Scratch::default();
    let size = data.len() as u64;
    let mut whole = Log::default();
    let end = read_head(data, size, &wanted, scratch, &mut whole);
    if let End::Whole(last) = end {
        assert!(last <= size);
    }
    // The start of a file either is not enough, or gives the same.
    let mut start = Log::default();
    let found = read_head(&data[..cut(numbers, data)], size, &wanted, scratch, &mut start);
    if matches!(found, End::Whole(_) | End::Fragments) && matches!(end, End::Whole(_) | End::Fragments) {
        assert_eq!(start, whole);
    }
});
