//! Native DICOM XML gives the same events wherever it is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streamdicom_fuzz::{Log, after_blanks, cut, parts};
use streamdicom_scan::xml::{Keywords, Limits, Place, Scratch, State, Verdict, run, skim};

struct All;

impl Keywords for All {
    fn fits(&mut self, _: u32, _: &[u8]) -> bool {
        true
    }
}

fn state(is_utf8: bool) -> State {
    State { place: Place::Document, is_utf8, index: -1, sequences: Vec::new(), levels: Vec::new(), kept: 0 }
}

fuzz_target!(|input: &[u8]| {
    let Some((numbers, data)) = parts(input) else { return };
    let limits = Limits { sequences: 8, segment_size: 64, number_length: 20, values_per_event: 8 };
    let scratch = &mut Scratch::default();

    let (mut whole, mut first_state) = (Log::default(), state(numbers[2] & 1 == 0));
    let (end, verdict) = run(data, 0, &mut first_state, &limits, scratch, &mut All, &mut whole);
    assert!(end <= data.len());

    let (mut pieces, mut other) = (Log::default(), state(numbers[2] & 1 == 0));
    let place = cut(numbers, data);
    let (first, stop) = run(&data[..place], 0, &mut other, &limits, scratch, &mut All, &mut pieces);
    assert!(first <= place);
    if stop == Verdict::Incomplete {
        let (second, last) = run(&data[first..], 0, &mut other, &limits, scratch, &mut All, &mut pieces);
        let end = after_blanks(data, end);
        assert_eq!((after_blanks(data, first + second), last, other.place), (end, verdict, first_state.place));
    } else {
        assert_eq!((first, stop), (end, verdict));
    }
    assert_eq!(pieces, whole);

    let stop = skim(data, place, i64::from(numbers[2] >> 4) - 1, 1 + usize::from(numbers[2] & 12));
    assert!(place <= stop && stop <= data.len());
});
