//! The events of a scanner to JSON text.

use crate::encode::attribute::{Attribute, Choices, put_string};
use crate::encode::position::Position;
use crate::encode::put_values;
use crate::handler::{Handler, Values};
use crate::vr::Vr;

const FILE_META_GROUP: u32 = 0x0002;
const SPECIFIC_CHARACTER_SET: u32 = 0x0008_0005;

/// The options that decide which elements are written, and how.
#[derive(Clone, Copy, Debug)]
pub struct JsonForm {
    pub choices: Choices,
    /// Elements of group 0002 are written.
    pub has_file_meta: bool,
    /// The value of Specific Character Set is replaced.
    pub sets_character_set: bool,
    /// The number of sequences within each other.
    pub max_sequences: usize,
}

/// The text of elements, sequences and items, which begins anywhere in a data set.
///
/// An attribute has a comma before it, unless it is the first of an item that begins in the text.
pub struct JsonOutput {
    form: JsonForm,
    pub text: Vec<u8>,
    pub position: Position,
    /// The number of sequences around the text.
    outside: usize,
    /// The innermost of those has no item.
    is_outer_empty: bool,
    /// An element that Python must see, or 0.
    pub refused_tag: u32,
    is_refused: bool,
}

impl JsonOutput {
    /// Begin a text.
    ///
    /// `outside` is the number of open sequences; `items` the number of items of the innermost one, if the text begins
    /// in it and not in one of its items.
    pub fn new(form: JsonForm, text: Vec<u8>, outside: usize, items: Option<i64>) -> JsonOutput {
        let position = Position::new(items.is_some());
        JsonOutput {
            form,
            text,
            position,
            outside,
            is_outer_empty: items == Some(0),
            refused_tag: 0,
            is_refused: false,
        }
    }

    #[inline]
    fn put_start(&mut self, tag: u32, vr: Vr) {
        let mut start = *b",\"00000000\":{\"vr\":\"??\"";
        for (index, digit) in start[2..10].iter_mut().enumerate() {
            *digit = b"0123456789ABCDEF"[(tag >> (28 - 4 * index)) as usize & 0xF];
        }
        if let [first, second] = vr.name().as_bytes() {
            (start[19], start[20]) = (*first, *second);
        }
        self.text.extend_from_slice(if self.position.last == -1 { &start[1..] } else { &start });
    }

    #[inline]
    fn is_written(&self, tag: u32) -> bool {
        tag & 0xFFFF != 0 && (tag >> 16 != FILE_META_GROUP || self.form.has_file_meta)
    }

    #[cold]
    fn refuse(&mut self, length: usize) {
        self.text.truncate(length);
        self.is_refused = true;
    }
}

impl Handler for JsonOutput {
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
        let start = self.text.len();
        if !self.is_written(tag) || self.outside + self.position.begun.len() >= self.form.max_sequences {
            return self.refuse(start);
        }
        self.put_start(tag, Vr::SQ);
        self.position.begin(tag, start);
    }

    fn start_item(&mut self, tag: u32, index: i64) {
        self.text.extend_from_slice(if index > 0 { b",{" } else { b",\"Value\":[{" });
        self.position.begin_item(tag, index);
    }

    fn end_item(&mut self, _: u32) {
        self.text.push(b'}');
        self.position.end_item();
    }

    fn end_sequence(&mut self, tag: u32) {
        let has_items = match self.position.begun.last() {
            Some(sequence) => sequence.items > 0,
            None => {
                self.outside = self.outside.saturating_sub(1);
                let is_empty = std::mem::take(&mut self.is_outer_empty) && self.position.outer.is_none();
                !is_empty
            }
        };
        self.text.extend_from_slice(if has_items { b"]}" } else { b"}" });
        self.position.end(tag);
    }

    #[inline]
    fn element(&mut self, tag: u32, vr: Vr, values: Values<'_>) {
        if !self.is_written(tag) {
            return;
        }
        let start = self.text.len();
        if tag == self.refused_tag || (self.form.sets_character_set && tag == SPECIFIC_CHARACTER_SET) {
            return self.refuse(start);
        }
        self.put_start(tag, vr);
        if matches!(values, Values::None) {
            self.text.push(b'}');
        } else {
            let mut attribute = Attribute::new(&mut self.text, vr, self.form.choices);
            if !put_values(&mut attribute, &values) {
                return self.refuse(start);
            }
            attribute.end();
        }
        self.position.element(tag);
    }

    fn start_element(&mut self, _: u32, _: Option<Vr>) {
        self.is_refused = true;
    }

    fn segment(&mut self, _: u32, _: Option<Vr>, _: &[u8], _: bool) {}

    fn end_element(&mut self, _: u32, _: Vr) {}

    fn bulk_data(&mut self, tag: u32, vr: Vr, uri: &[u8]) {
        if self.is_written(tag) {
            self.put_start(tag, vr);
            self.text.extend_from_slice(b",\"BulkDataURI\":");
            put_string(&mut self.text, uri);
            self.text.push(b'}');
            self.position.element(tag);
        }
    }
}
