//! The events of a scanner to the data elements of a DICOM file in explicit VR, little endian.

use crate::encode::Field;
use crate::encode::position::Position;
use crate::encode::put_values;
use crate::handler::{Handler, Values};
use crate::part10::is_short;
use crate::vr::Vr;

const FILE_META_GROUP: u32 = 0x0002;
const DELIMITER_GROUP: u32 = 0xFFFE;
const SPECIFIC_CHARACTER_SET: u32 = 0x0008_0005;
const VOI_LUT_SEQUENCE: u32 = 0x0028_3010; // which DCMTK does not read in every VR
const PIXEL_DATA: u32 = 0x7FE0_0010;
const MAX_SHORT_LENGTH: usize = 0xFFFE;

const ITEM_START: [u8; 8] = [0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF];
const ITEM_END: [u8; 8] = [0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0];
const SEQUENCE_END: [u8; 8] = [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0];

/// The layout of data elements.
#[derive(Clone, Copy, Debug)]
pub struct Part10Form {
    /// The number of sequences within each other.
    pub max_sequences: usize,
}

/// Elements, sequences and items in bytes, which begin anywhere in a data set after the UIDs that the File Meta
/// Information repeats.
pub struct Part10Output {
    form: Part10Form,
    pub data: Vec<u8>,
    pub position: Position,
    /// The number of sequences around the bytes.
    outside: usize,
    /// An element that Python must see, or 0.
    pub refused_tag: u32,
    is_refused: bool,
}

impl Part10Output {
    /// Begin in `outside` open sequences, of which the innermost is due for an item, or in an item or a data set.
    pub fn new(form: Part10Form, data: Vec<u8>, outside: usize, in_sequence: bool) -> Part10Output {
        Part10Output { form, data, position: Position::new(in_sequence), outside, refused_tag: 0, is_refused: false }
    }

    #[cold]
    fn refuse(&mut self, length: usize) {
        self.data.truncate(length);
        self.is_refused = true;
    }

    /// Append the header of an element up to its length.
    #[inline]
    fn put_header(&mut self, tag: u32, vr: Vr) {
        self.data.extend_from_slice(&tag.rotate_left(16).to_le_bytes());
        self.data.extend_from_slice(vr.name().as_bytes());
        if !is_short(vr) {
            self.data.extend_from_slice(&[0, 0]);
        }
    }

    #[inline]
    fn put_element(&mut self, tag: u32, vr: Vr, values: &Values<'_>) -> bool {
        if !is_plain(tag) || vr == Vr::SQ || matches!(tag, SPECIFIC_CHARACTER_SET | VOI_LUT_SEQUENCE | PIXEL_DATA) {
            return false;
        }
        self.put_header(tag, vr);
        let is_short = is_short(vr);
        let start = self.data.len() + if is_short { 2 } else { 4 };
        self.data.resize(start, 0);
        let mut length = 0;
        if !matches!(values, Values::None) {
            let mut field = Field::new(&mut self.data, vr);
            if !put_values(&mut field, values) {
                return false;
            }
            length = field.end();
        }
        if is_short {
            if length > MAX_SHORT_LENGTH {
                return false;
            }
            self.data[start - 2..start].copy_from_slice(&(length as u16).to_le_bytes());
        } else {
            let Some(length) = u32::try_from(length).ok().filter(|length| *length != u32::MAX) else { return false };
            self.data[start - 4..start].copy_from_slice(&length.to_le_bytes());
        }
        true
    }
}

/// Return whether every data set may have an element of this tag.
#[inline]
fn is_plain(tag: u32) -> bool {
    let group = tag >> 16;
    tag & 0xFFFF != 0 && group != FILE_META_GROUP && group != DELIMITER_GROUP
}

impl Handler for Part10Output {
    #[inline]
    fn has_refused(&mut self) -> bool {
        std::mem::take(&mut self.is_refused)
    }

    fn start_dataset(&mut self, _: i64) {
        self.is_refused = true;
    }

    fn end_dataset(&mut self) {
        self.is_refused = true;
    }

    fn start_sequence(&mut self, tag: u32) {
        let start = self.data.len();
        if !is_plain(tag) || self.outside + self.position.begun.len() >= self.form.max_sequences {
            return self.refuse(start);
        }
        self.put_header(tag, Vr::SQ);
        self.data.extend_from_slice(&[0xFF; 4]);
        self.position.begin(tag, start);
    }

    fn start_item(&mut self, tag: u32, index: i64) {
        self.data.extend_from_slice(&ITEM_START);
        self.position.begin_item(tag, index);
    }

    fn end_item(&mut self, _: u32) {
        self.data.extend_from_slice(&ITEM_END);
        self.position.end_item();
    }

    fn end_sequence(&mut self, tag: u32) {
        if self.position.begun.is_empty() {
            self.outside = self.outside.saturating_sub(1);
        }
        self.data.extend_from_slice(&SEQUENCE_END);
        self.position.end(tag);
    }

    #[inline]
    fn element(&mut self, tag: u32, vr: Vr, values: Values<'_>) {
        let start = self.data.len();
        if tag == self.refused_tag || !self.put_element(tag, vr, &values) {
            return self.refuse(start);
        }
        self.position.element(tag);
    }

    fn start_element(&mut self, _: u32, _: Option<Vr>) {
        self.is_refused = true;
    }

    fn segment(&mut self, _: u32, _: Option<Vr>, _: &[u8], _: bool) {}

    fn end_element(&mut self, _: u32, _: Vr) {}

    fn bulk_data(&mut self, _: u32, _: Vr, _: &[u8]) {
        self.is_refused = true;
    }
}
