//! JSON text becomes elements of a DICOM file, which become JSON text that becomes the same elements.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streamdicom_fuzz::{json_limits, json_state, parts};
use streamdicom_scan::encode::{Choices, JsonForm, JsonOutput, Nonfinite, NumberHandling, Part10Form, Part10Output};
use streamdicom_scan::json;
use streamdicom_scan::part10::{Encoding, Frame, NO_END, Place, Repertoire, Scratch, Surroundings, run};
use streamdicom_scan::vr::Vr;

struct Around;

impl Surroundings for Around {
    fn vr(&mut self, _: u32) -> Option<Vr> {
        None
    }
    fn repertoire(&mut self) -> Repertoire {
        Repertoire::Utf8
    }
    fn learn(&mut self, _: u32, _: Vr, _: &[u8]) {}
    fn enter(&mut self) {}
    fn exit(&mut self) {}
    fn leave(&mut self) -> Option<(Frame, bool)> {
        None
    }
}

fn to_part10(text: &[u8]) -> Vec<u8> {
    let mut output = Part10Output::new(Part10Form { max_sequences: 8 }, Vec::new(), 0, false);
    let state = &mut json_state(json::Place::Start);
    json::run(text, 0, state, &json_limits(0), &mut json::Scratch::default(), &mut output);
    output.data
}

fn to_json(data: &[u8]) -> Vec<u8> {
    let choices = Choices { number_handling: NumberHandling::Auto, nonfinite: Nonfinite::String, number_length: 20 };
    let form = JsonForm { choices, has_file_meta: false, sets_character_set: false, max_sequences: 8 };
    let mut output = JsonOutput::new(form, Vec::new(), 0, None);
    let mut frames =
        vec![Frame { last: -1, end: NO_END, limit: NO_END, reach: NO_END, sequence_start: -1, ..Frame::default() }];
    let encoding = Encoding { is_implicit: false, is_little_endian: true };
    let place = Place { pos: 0, is_item_due: false };
    let scratch = &mut Scratch::default();
    run(data, place, 0, encoding, false, &mut frames, 0, 8, scratch, &mut Around, &mut output);
    output.text
}

fuzz_target!(|input: &[u8]| {
    let Some((_, text)) = parts(input) else { return };
    let data = to_part10(text);
    let again = to_part10(&to_json(&data));
    // The second text may end earlier, where a reader must ask Python.
    assert!(data.starts_with(&again), "{} of {} bytes", again.len(), data.len());
});
