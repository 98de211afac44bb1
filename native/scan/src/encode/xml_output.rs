//! The events of a scanner to the text of Native DICOM XML.

use std::collections::HashMap;
use std::sync::Arc;

use crate::encode::attribute::put_tag;
use crate::encode::content::{Content, put_quoted};
use crate::encode::position::{Position, UNCHANGED};
use crate::encode::put_values;
use crate::handler::{Handler, Values};
use crate::vr::Vr;
use crate::xml::{Blocks, is_creator};

const FILE_META_GROUP: u32 = 0x0002;
const SPECIFIC_CHARACTER_SET: u32 = 0x0008_0005;
const PRIVATE: u32 = 0x1_0000;
const END: &[u8] = b"</DicomAttribute>";
const UUID: &[u8] = b"urn:uuid:";

/// The options that decide which elements are written, and how.
#[derive(Clone, Copy, Debug)]
pub struct XmlForm {
    /// Elements of group 0002 are written.
    pub has_file_meta: bool,
    /// The value of Specific Character Set is replaced.
    pub sets_character_set: bool,
    /// The number of sequences within each other.
    pub max_sequences: usize,
}

/// The keywords of standard elements that are known so far.
pub type KnownKeywords = Arc<HashMap<u32, Box<[u8]>>>;

/// A data set or an item, as far as private elements need it.
#[derive(Clone, Debug)]
struct Level {
    /// The private group whose elements are all in this text, or -1.
    group: i64,
    blocks: Blocks,
}

const OUTSIDE: Level = Level { group: -1, blocks: Blocks::NONE };

/// The text of elements, sequences and items, which begins anywhere in a data set.
pub struct XmlOutput {
    form: XmlForm,
    pub text: Vec<u8>,
    pub position: Position,
    keywords: KnownKeywords,
    /// The number of sequences around the text.
    outside: usize,
    /// The data set or item around the text, and the open items in it.
    levels: Vec<Level>,
    /// An element that Python must see, or 0.
    pub refused_tag: u32,
    /// A tag whose keyword is not known, or 0.
    pub unknown: u32,
    is_refused: bool,
}

impl XmlOutput {
    /// Begin in `outside` open sequences, of which the innermost is due for an item, or in an item or a data set.
    pub fn new(form: XmlForm, text: Vec<u8>, outside: usize, in_sequence: bool, keywords: KnownKeywords) -> XmlOutput {
        XmlOutput {
            form,
            text,
            position: Position::new(in_sequence),
            keywords,
            outside,
            levels: vec![OUTSIDE],
            refused_tag: 0,
            unknown: 0,
            is_refused: false,
        }
    }

    /// Return the private blocks of the data set or item around the text, and of each open item in it.
    pub fn blocks(self) -> Vec<Blocks> {
        self.levels.into_iter().map(|level| level.blocks).collect()
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

    /// Append the start tag of an element; return false if Python must see it.
    #[inline]
    fn put_start(&mut self, tag: u32, vr: Vr) -> bool {
        if tag & PRIVATE != 0 {
            return self.put_private_start(tag, vr);
        }
        let Some(keyword) = self.keywords.get(&tag) else {
            self.unknown = tag;
            return false;
        };
        put_names(&mut self.text, tag, vr);
        if !keyword.is_empty() {
            self.text.extend_from_slice(b" keyword=\"");
            self.text.extend_from_slice(keyword);
            self.text.push(b'"');
        }
        self.text.push(b'>');
        true
    }

    fn put_private_start(&mut self, tag: u32, vr: Vr) -> bool {
        let (group, last) = (i64::from(tag >> 16), self.position.last);
        let Some(level) = self.levels.last_mut() else { return false };
        if level.group != group {
            if last == UNCHANGED || (last >= 0 && last >> 16 == group) {
                return false; // there may be blocks that are not known here
            }
            *level = Level { group, blocks: Blocks::NONE };
        }
        let creator = if is_creator(tag) { "" } else { level.blocks.creator(tag) };
        put_names(&mut self.text, level.blocks.without_block(tag), vr);
        if !creator.is_empty() {
            self.text.extend_from_slice(b" privateCreator=");
            if !put_quoted(&mut self.text, creator.as_bytes()) {
                return false;
            }
        }
        self.text.push(b'>');
        true
    }

    #[cold]
    fn reserve(&mut self, tag: u32, values: &Values<'_>) {
        let creator = match values {
            Values::Text(text) => text,
            Values::Texts(texts) => texts.iter().next().flatten().unwrap_or_default(),
            _ => b"",
        };
        if let Some(level) = self.levels.last_mut() {
            level.blocks.reserve(tag, &String::from_utf8_lossy(creator)); // texts are UTF-8
        }
    }
}

fn put_names(out: &mut Vec<u8>, tag: u32, vr: Vr) {
    out.extend_from_slice(b"<DicomAttribute tag=\"");
    put_tag(out, tag);
    out.extend_from_slice(b"\" vr=\"");
    out.extend_from_slice(vr.name().as_bytes());
    out.push(b'"');
}

impl Handler for XmlOutput {
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
        let is_deep = self.outside + self.position.begun.len() >= self.form.max_sequences;
        if !self.is_written(tag) || is_deep || !self.put_start(tag, Vr::SQ) {
            return self.refuse(start);
        }
        self.position.begin(tag, start);
    }

    fn start_item(&mut self, tag: u32, index: i64) {
        self.text.extend_from_slice(b"<Item number=\"");
        super::put_unsigned(&mut self.text, index.unsigned_abs() + 1);
        self.text.extend_from_slice(b"\">");
        self.position.begin_item(tag, index);
        self.levels.push(OUTSIDE);
    }

    fn end_item(&mut self, _: u32) {
        self.text.extend_from_slice(b"</Item>");
        self.position.end_item();
        self.levels.pop();
        if self.levels.is_empty() {
            self.levels.push(OUTSIDE);
        }
    }

    fn end_sequence(&mut self, tag: u32) {
        if self.position.begun.is_empty() {
            self.outside = self.outside.saturating_sub(1);
        }
        self.text.extend_from_slice(END);
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
        if !self.put_start(tag, vr) {
            return self.refuse(start);
        }
        if !matches!(values, Values::None) {
            let mut content = Content::new(&mut self.text, vr);
            if !put_values(&mut content, &values) {
                return self.refuse(start);
            }
            content.end();
        }
        self.text.extend_from_slice(END);
        self.position.element(tag);
        if is_creator(tag) {
            self.reserve(tag, &values);
        }
    }

    fn start_element(&mut self, _: u32, _: Option<Vr>) {
        self.is_refused = true;
    }

    fn segment(&mut self, _: u32, _: Option<Vr>, _: &[u8], _: bool) {}

    fn end_element(&mut self, _: u32, _: Vr) {}

    fn bulk_data(&mut self, tag: u32, vr: Vr, uri: &[u8]) {
        if !self.is_written(tag) {
            return;
        }
        let start = self.text.len();
        let (name, value): (&[u8], _) = match uri.strip_prefix(UUID) {
            Some(uuid) if !uuid.is_empty() => (b"<BulkData uuid=", uuid),
            _ => (b"<BulkData uri=", uri),
        };
        if !self.put_start(tag, vr) {
            return self.refuse(start);
        }
        self.text.extend_from_slice(name);
        if !put_quoted(&mut self.text, value) {
            return self.refuse(start);
        }
        self.text.extend_from_slice(b"/>");
        self.text.extend_from_slice(END);
        self.position.element(tag);
    }
}
