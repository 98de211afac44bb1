//! Time the scanner alone: `cargo run --release --example scan FILE`.

use std::time::Instant;

use streamdicom_scan::handler::{Handler, Values};
use streamdicom_scan::json::{Limits, Place, Scratch, State, run};
use streamdicom_scan::vr::Vr;

#[derive(Default)]
struct Count(usize);

impl Handler for Count {
    fn start_dataset(&mut self, _: i64) {
        self.0 += 1;
    }
    fn end_dataset(&mut self) {
        self.0 += 1;
    }
    fn start_sequence(&mut self, _: u32) {
        self.0 += 1;
    }
    fn start_item(&mut self, _: u32, _: i64) {
        self.0 += 1;
    }
    fn end_item(&mut self, _: u32) {
        self.0 += 1;
    }
    fn end_sequence(&mut self, _: u32) {
        self.0 += 1;
    }
    fn element(&mut self, _: u32, _: Vr, _: Values<'_>) {
        self.0 += 1;
    }
    fn start_element(&mut self, _: u32, _: Option<Vr>) {
        self.0 += 1;
    }
    fn segment(&mut self, _: u32, _: Option<Vr>, _: &[u8], _: bool) {
        self.0 += 1;
    }
    fn end_element(&mut self, _: u32, _: Vr) {
        self.0 += 1;
    }
    fn bulk_data(&mut self, _: u32, _: Vr, _: &[u8]) {
        self.0 += 1;
    }
}

fn main() {
    let data = std::fs::read(std::env::args().nth(1).expect("a file")).expect("a readable file");
    let limits = Limits {
        depth: 256,
        segment_size: 1 << 30,
        number_length: 1000,
        values_per_event: 4096,
        is_eager: false,
        accepted: !0,
    };
    for _ in 0..5 {
        let mut state = State {
            place: Place::Root,
            has_document: false,
            in_array: false,
            is_wrapped: false,
            index: -1,
            element: (0, None),
            sequences: Vec::new(),
            levels: Vec::new(),
            skipped: Vec::new(),
            kept: 0,
            marks: Default::default(),
        };
        let (mut count, mut scratch) = (Count::default(), Scratch::default());
        let start = Instant::now();
        let (end, verdict) = run(&data, 0, &mut state, &limits, &mut scratch, &mut count);
        let time = start.elapsed();
        println!(
            "{} events, {end} of {} bytes, {verdict:?}, {:.3} us an event, {:.2} GB/s",
            count.0,
            data.len(),
            time.as_secs_f64() * 1e6 / count.0 as f64,
            end as f64 / time.as_secs_f64() / 1e9
        );
    }
}
