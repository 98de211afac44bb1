//! Helpers of the fuzz targets.

#![forbid(unsafe_code)]

use streamdicom_scan::handler::{Handler, Values};
use streamdicom_scan::json;
use streamdicom_scan::vr::Vr;

/// A handler that records events. Parts of a long value are joined.
#[derive(Debug, Default, PartialEq)]
pub struct Log {
    pub events: Vec<Event>,
}

#[derive(Debug, PartialEq)]
pub enum Event {
    StartDataset(i64),
    EndDataset,
    StartSequence(u32),
    StartItem(u32, i64),
    EndItem(u32),
    EndSequence(u32),
    Element(u32, Vr, Content),
    StartElement(u32, Option<Vr>),
    Segments(u32, Option<Vr>, Vec<u8>),
    EndElement(u32, Vr),
    BulkData(u32, Vr, Vec<u8>),
}

#[derive(Debug, PartialEq)]
pub enum Content {
    None,
    Bytes(Vec<u8>),
    Texts(Vec<Option<Vec<u8>>>),
    Integers(Vec<Option<i128>>),
    /// The bits of the numbers, because NaN differs from itself.
    Floats(Vec<Option<u64>>),
    Names(Vec<Option<[Vec<u8>; 3]>>),
}

fn content(values: &Values<'_>) -> Content {
    match values {
        Values::None => Content::None,
        Values::Text(text) => Content::Texts(vec![Some(text.to_vec())]),
        Values::Texts(texts) => Content::Texts(texts.iter().map(|text| text.map(<[u8]>::to_vec)).collect()),
        Values::Integers(numbers) => Content::Integers(numbers.to_vec()),
        Values::Floats(numbers) => Content::Floats(numbers.iter().map(|number| number.map(f64::to_bits)).collect()),
        Values::Names(names) => {
            Content::Names(names.iter().map(|groups| groups.map(|groups| groups.map(<[u8]>::to_vec))).collect())
        }
        Values::Bytes(bytes) => Content::Bytes(bytes.to_vec()),
    }
}

impl Handler for Log {
    fn start_dataset(&mut self, index: i64) {
        self.events.push(Event::StartDataset(index));
    }
    fn end_dataset(&mut self) {
        self.events.push(Event::EndDataset);
    }
    fn start_sequence(&mut self, tag: u32) {
        self.events.push(Event::StartSequence(tag));
    }
    fn start_item(&mut self, tag: u32, index: i64) {
        self.events.push(Event::StartItem(tag, index));
    }
    fn end_item(&mut self, tag: u32) {
        self.events.push(Event::EndItem(tag));
    }
    fn end_sequence(&mut self, tag: u32) {
        self.events.push(Event::EndSequence(tag));
    }
    fn element(&mut self, tag: u32, vr: Vr, values: Values<'_>) {
        self.events.push(Event::Element(tag, vr, content(&values)));
    }
    fn start_element(&mut self, tag: u32, vr: Option<Vr>) {
        self.events.push(Event::StartElement(tag, vr));
    }
    fn segment(&mut self, tag: u32, vr: Option<Vr>, bytes: &[u8], _: bool) {
        if let Some(Event::Segments(_, _, joined)) = self.events.last_mut() {
            joined.extend_from_slice(bytes);
        } else {
            self.events.push(Event::Segments(tag, vr, bytes.to_vec()));
        }
    }
    fn end_element(&mut self, tag: u32, vr: Vr) {
        self.events.push(Event::EndElement(tag, vr));
    }
    fn bulk_data(&mut self, tag: u32, vr: Vr, uri: &[u8]) {
        self.events.push(Event::BulkData(tag, vr, uri.to_vec()));
    }
}

/// Split input into three numbers and the data that they are about.
pub fn parts(input: &[u8]) -> Option<([u8; 3], &[u8])> {
    let (numbers, data) = input.split_first_chunk::<3>()?;
    Some((*numbers, data))
}

/// Return the place of a cut, in two bytes of the input.
pub fn cut(numbers: [u8; 3], data: &[u8]) -> usize {
    usize::from(u16::from_le_bytes([numbers[0], numbers[1]])) % (data.len() + 1)
}

/// Return the state of a scanner of JSON at a place outside of data sets, or in the first one.
pub fn json_state(place: json::Place) -> json::State {
    let is_inside = place != json::Place::Root;
    json::State {
        place,
        has_document: is_inside,
        in_array: false,
        is_wrapped: false,
        index: if is_inside { 0 } else { -1 },
        element: (0, None),
        sequences: Vec::new(),
        levels: if is_inside { vec![json::Level { last: -1, ..Default::default() }] } else { Vec::new() },
        skipped: Vec::new(),
        kept: 0,
        marks: json::Marks::default(),
    }
}

/// Return small limits, so that small inputs reach them.
pub fn json_limits(accepted: u32) -> json::Limits {
    json::Limits { depth: 32, segment_size: 64, number_length: 20, values_per_event: 8, is_eager: false, accepted }
}

/// Return the index after white space, which a scanner takes or leaves at the end of its data.
pub fn after_blanks(data: &[u8], position: usize) -> usize {
    let rest = &data[position..];
    position + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}
