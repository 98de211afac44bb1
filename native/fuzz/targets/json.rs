//! DICOM JSON gives the same events wherever it is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streamdicom_fuzz::{Log, after_blanks, cut, json_limits, json_state, parts};
use streamdicom_scan::json::{Place, Scratch, Verdict, run, skim};

fuzz_target!(|input: &[u8]| {
    let Some((numbers, data)) = parts(input) else { return };
    let limits = json_limits(if numbers[2] & 1 == 0 { 0 } else { !0 });
    let scratch = &mut Scratch::default();

    let (mut whole, mut state) = (Log::default(), json_state(Place::Root));
    let (end, verdict) = run(data, 0, &mut state, &limits, scratch, &mut whole);
    assert!(end <= data.len());

    let (mut pieces, mut other) = (Log::default(), json_state(Place::Root));
    let place = cut(numbers, data);
    let (first, stop) = run(&data[..place], 0, &mut other, &limits, scratch, &mut pieces);
    assert!(first <= place);
    if stop == Verdict::Incomplete {
        let (second, last) = run(&data[first..], 0, &mut other, &limits, scratch, &mut pieces);
        let end = after_blanks(data, end);
        assert_eq!((after_blanks(data, first + second), last, other.place), (end, verdict, state.place));
    } else {
        assert_eq!((first, stop), (end, verdict));
    }
    assert_eq!(pieces, whole);

    let stop = skim(data, place, i64::from(numbers[2] >> 4) - 1, numbers[2] & 2 != 0, 1 + usize::from(numbers[2] & 12));
    assert!(place <= stop && stop <= data.len());
});
