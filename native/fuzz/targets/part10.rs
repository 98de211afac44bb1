//! A DICOM file gives the same events wherever it is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streamdicom_fuzz::{Log, cut, parts};
use streamdicom_scan::part10::{Encoding, Frame, NO_END, Place, Repertoire, Scratch, Surroundings, run};
use streamdicom_scan::vr::Vr;

struct Around {
    repertoire: Repertoire,
    /// The frames around the one that a run begins with.
    outer: Vec<Frame>,
}

impl Surroundings for Around {
    fn vr(&mut self, tag: u32) -> Option<Vr> {
        Vr::all().nth((tag >> 16) as usize % 40)
    }
    fn repertoire(&mut self) -> Repertoire {
        self.repertoire
    }
    fn learn(&mut self, _: u32, _: Vr, _: &[u8]) {}
    fn enter(&mut self) {}
    fn exit(&mut self) {}
    fn leave(&mut self) -> Option<(Frame, bool)> {
        Some((self.outer.pop()?, true))
    }
}

/// Read from a place on, as a parser with these open frames, of which the last is the innermost.
fn read(data: &[u8], place: Place, numbers: [u8; 3], open: &mut Vec<Frame>, log: &mut Log) -> Place {
    let encoding = Encoding { is_implicit: numbers[2] & 1 == 1, is_little_endian: numbers[2] & 2 == 0 };
    let repertoire = [Repertoire::Unknown, Repertoire::Latin1, Repertoire::Utf8][usize::from(numbers[2] >> 2) % 3];
    let mut frames: Vec<Frame> = open.pop().into_iter().collect();
    let mut around = Around { repertoire, outer: std::mem::take(open) };
    let (outer, scratch) = (around.outer.len(), &mut Scratch::default());
    let in_file_meta = numbers[2] & 64 != 0;
    let place = run(data, place, 0, encoding, in_file_meta, &mut frames, outer, 8, scratch, &mut around, log);
    open.append(&mut around.outer);
    open.append(&mut frames);
    place
}

fuzz_target!(|input: &[u8]| {
    let Some((numbers, data)) = parts(input) else { return };
    let start = Place { pos: 0, is_item_due: false };
    let root = Frame { last: -1, end: NO_END, limit: NO_END, reach: NO_END, sequence_start: -1, ..Frame::default() };
    let (mut whole, mut pieces) = (Log::default(), Log::default());
    let end = read(data, start, numbers, &mut vec![root.clone()], &mut whole);
    assert!(end.pos <= data.len());

    let mut open = vec![root];
    let first = read(&data[..cut(numbers, data)], start, numbers, &mut open, &mut pieces);
    let last = read(data, first, numbers, &mut open, &mut pieces);
    assert_eq!(last, end);
    assert_eq!(pieces, whole);
});
