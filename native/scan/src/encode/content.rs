//! The content of a DicomAttribute in Native DICOM XML (PS3.19 A.1.5), as `element_markup.py` makes it.

use crate::encode::Values;
use crate::encode::attribute::put_tag;
use crate::encode::number::{put_float, put_unsigned};
use crate::vr::{Form, Vr};

const GROUPS: [&[u8]; 3] = [b"Alphabetic", b"Ideographic", b"Phonetic"];
const COMPONENTS: [&[u8]; 5] = [b"FamilyName", b"GivenName", b"MiddleName", b"NamePrefix", b"NameSuffix"];

/// The content of an element, to which values are added one by one.
///
/// A method returns false for a value that the writer in Python must see. The caller drops the element then.
pub struct Content<'a> {
    out: &'a mut Vec<u8>,
    vr: Vr,
    start: usize,
    count: u64,
    is_empty: bool,
}

impl<'a> Content<'a> {
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, vr: Vr) -> Content<'a> {
        let start = out.len();
        Content { out, vr, start, count: 0, is_empty: true }
    }

    /// End the content. PS3.19 A.1.5: an element of zero length has no values.
    #[inline]
    pub fn end(self) {
        if self.is_empty && self.count == 1 {
            self.out.truncate(self.start);
        }
    }

    #[inline]
    fn name_of_values(&self) -> &'static [u8] {
        if self.vr.form() == Form::PersonName { b"PersonName" } else { b"Value" }
    }

    /// Begin a value that is not empty.
    #[inline]
    fn begin(&mut self) {
        self.count += 1;
        self.is_empty = false;
        if self.count == 1 && self.vr.form() != Form::PersonName {
            self.out.extend_from_slice(b"<Value number=\"1\">");
            return;
        }
        self.put_number();
        self.out.extend_from_slice(b"\">");
    }

    fn put_number(&mut self) {
        self.out.push(b'<');
        self.out.extend_from_slice(self.name_of_values());
        self.out.extend_from_slice(b" number=\"");
        put_unsigned(self.out, self.count);
    }

    #[inline]
    fn finish(&mut self) {
        put_end(self.out, self.name_of_values());
    }

    fn empty(&mut self) -> bool {
        self.count += 1;
        self.put_number();
        self.out.extend_from_slice(b"\"/>");
        true
    }
}

impl Values for Content<'_> {
    fn null(&mut self) -> bool {
        (self.count == 0 || self.vr.form() != Form::SingleText) && self.empty()
    }

    #[inline]
    fn text(&mut self, text: &[u8]) -> bool {
        match self.vr.form() {
            Form::SingleText if self.count > 0 => return false,
            Form::SingleText => {}
            Form::Text | Form::Decimal | Form::IntegerText if !text.contains(&b'\\') => {}
            _ => return false,
        }
        if text.is_empty() {
            return self.empty();
        }
        self.begin();
        if !put_text(self.out, text) {
            return false;
        }
        self.finish();
        true
    }

    #[inline]
    fn integer(&mut self, number: i128) -> bool {
        let form = self.vr.form();
        let (Ok(magnitude), is_negative) = (u64::try_from(number.unsigned_abs()), number < 0) else { return false };
        match (form, u32::try_from(number)) {
            (Form::Integer | Form::LongInteger, _) => {
                self.begin();
                if is_negative {
                    self.out.push(b'-');
                }
                put_unsigned(self.out, magnitude);
            }
            (Form::Tag, Ok(tag)) => {
                self.begin();
                put_tag(self.out, tag);
            }
            _ => return false,
        }
        self.finish();
        true
    }

    fn float(&mut self, number: f64) -> bool {
        if !matches!(self.vr.form(), Form::Single | Form::Double) {
            return false;
        }
        self.begin();
        if number.is_finite() {
            put_float(self.out, number);
        } else {
            let text: &[u8] = if number.is_nan() {
                b"NaN"
            } else if number > 0.0 {
                b"INF"
            } else {
                b"-INF"
            };
            self.out.extend_from_slice(text);
        }
        self.finish();
        true
    }

    fn name(&mut self, groups: [&[u8]; 3]) -> bool {
        if self.vr.form() != Form::PersonName
            || groups.iter().any(|group| group.iter().any(|byte| matches!(byte, b'=' | b'\\')))
        {
            return false;
        }
        if groups.iter().all(|group| group.is_empty()) {
            return self.empty();
        }
        self.begin();
        for (name, text) in GROUPS.iter().zip(groups) {
            if text.is_empty() {
                continue;
            }
            put_start(self.out, name);
            if !put_components(self.out, text) {
                return false;
            }
            put_end(self.out, name);
        }
        self.finish();
        true
    }

    fn binary(&mut self, bytes: &[u8]) -> bool {
        if self.vr.form() != Form::Binary {
            return false;
        }
        if !bytes.is_empty() {
            self.out.extend_from_slice(b"<InlineBinary>");
            base64_simd::STANDARD.encode_append(bytes, self.out);
            self.out.extend_from_slice(b"</InlineBinary>");
        }
        true
    }
}

/// Append the components of a group: all that are not empty, and the last one, which includes those after the fifth.
fn put_components(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let mut parts = text.splitn(COMPONENTS.len(), |byte| *byte == b'^').zip(COMPONENTS).peekable();
    while let Some((part, name)) = parts.next() {
        let is_last = parts.peek().is_none();
        if !part.is_empty() {
            put_start(out, name);
            if !put_text(out, part) {
                return false;
            }
            put_end(out, name);
        } else if is_last {
            out.push(b'<');
            out.extend_from_slice(name);
            out.extend_from_slice(b"/>");
        }
    }
    true
}

#[inline]
fn put_start(out: &mut Vec<u8>, name: &[u8]) {
    out.push(b'<');
    out.extend_from_slice(name);
    out.push(b'>');
}

#[inline]
fn put_end(out: &mut Vec<u8>, name: &[u8]) {
    out.extend_from_slice(b"</");
    out.extend_from_slice(name);
    out.push(b'>');
}

const fn kinds() -> [u8; 256] {
    let mut table = [PLAIN; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = ODD;
        byte += 1;
    }
    table[b'\t' as usize] = PLAIN;
    table[b'\n' as usize] = PLAIN;
    table[b'\r' as usize] = ESCAPED;
    table[b'&' as usize] = ESCAPED;
    table[b'<' as usize] = ESCAPED;
    table[b'>' as usize] = ESCAPED;
    table[0xEF] = ODD; // which U+FFFE and U+FFFF start with
    table
}

const PLAIN: u8 = 0;
const ESCAPED: u8 = 1;
const ODD: u8 = 2;
static KINDS: [u8; 256] = kinds();

/// Append escaped text; return false for a character that XML 1.0 cannot represent.
#[inline]
fn put_text(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let kinds = text.iter().fold(0, |kinds, byte| kinds | KINDS[*byte as usize]);
    if kinds == PLAIN {
        out.extend_from_slice(text);
        return true;
    }
    put_escaped(out, text)
}

#[cold]
fn put_escaped(out: &mut Vec<u8>, text: &[u8]) -> bool {
    for (index, &byte) in text.iter().enumerate() {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'\r' => out.extend_from_slice(b"&#13;"),
            0xEF if matches!(text.get(index + 1..index + 3), Some([0xBF, 0xBE | 0xBF])) => return false,
            0xEF => out.push(byte),
            _ if KINDS[byte as usize] == ODD => return false,
            _ => out.push(byte),
        }
    }
    true
}

/// Append the value of an XML attribute with its quotes; return false for a character that XML 1.0 cannot represent.
pub fn put_quoted(out: &mut Vec<u8>, text: &[u8]) -> bool {
    out.push(b'"');
    for part in text.split_inclusive(|byte| matches!(byte, b'"' | b'\t' | b'\n')) {
        let (plain, reference): (_, &[u8]) = match part {
            [plain @ .., b'"'] => (plain, b"&quot;"),
            [plain @ .., b'\t'] => (plain, b"&#9;"),
            [plain @ .., b'\n'] => (plain, b"&#10;"),
            plain => (plain, b""),
        };
        if !put_text(out, plain) {
            return false;
        }
        out.extend_from_slice(reference);
    }
    out.push(b'"');
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(vr: &[u8; 2], add: impl FnOnce(&mut Content) -> bool) -> Option<String> {
        let mut out = Vec::new();
        let mut content = Content::new(&mut out, Vr::of(*vr).unwrap());
        if !add(&mut content) {
            return None;
        }
        content.end();
        String::from_utf8(out).ok()
    }

    #[test]
    fn values_have_the_form_of_their_vr() {
        let with = |vr, add: fn(&mut Content) -> bool| text(vr, add).unwrap_or_default();
        assert_eq!(with(b"LO", |to| to.text(b"a<&>\r\n\t")), "<Value number=\"1\">a&lt;&amp;&gt;&#13;\n\t</Value>");
        assert_eq!(
            with(b"LO", |to| to.text("\u{FFFD}\u{F000}".as_bytes())),
            "<Value number=\"1\">\u{FFFD}\u{F000}</Value>"
        );
        assert_eq!(with(b"LO", |to| to.null()), "");
        assert_eq!(with(b"LO", |to| to.null() && to.text(b"b")), "<Value number=\"1\"/><Value number=\"2\">b</Value>");
        assert_eq!(with(b"SV", |to| to.integer(-5)), "<Value number=\"1\">-5</Value>");
        assert_eq!(with(b"AT", |to| to.integer(0x7FE00010)), "<Value number=\"1\">7FE00010</Value>");
        assert_eq!(with(b"FD", |to| to.float(f64::NEG_INFINITY)), "<Value number=\"1\">-INF</Value>");
        assert_eq!(with(b"OB", |to| to.binary(&[0, 1])), "<InlineBinary>AAE=</InlineBinary>");
        assert_eq!(with(b"OB", |to| to.binary(&[])), "");
    }

    #[test]
    fn names_have_the_components_that_are_not_empty() {
        let with = |add: fn(&mut Content) -> bool| text(b"PN", add).unwrap_or_default();
        assert_eq!(with(|to| to.name([b"", b"", b""])), "");
        assert_eq!(
            with(|to| to.name([b"A^^^D^E^F^", b"", b"P^"])),
            "<PersonName number=\"1\"><Alphabetic><FamilyName>A</FamilyName><NamePrefix>D</NamePrefix>\
             <NameSuffix>E^F^</NameSuffix></Alphabetic>\
             <Phonetic><FamilyName>P</FamilyName><GivenName/></Phonetic></PersonName>"
        );
    }

    #[test]
    fn values_of_xml_attributes_are_quoted() {
        let mut out = Vec::new();
        assert!(put_quoted(&mut out, b"a\"<\t\n&\r"));
        assert_eq!(String::from_utf8(out).unwrap(), "\"a&quot;&lt;&#9;&#10;&amp;&#13;\"");
        assert!(!put_quoted(&mut Vec::new(), b"a\x01"));
    }

    #[test]
    fn values_that_would_be_read_otherwise_are_not_taken() {
        assert_eq!(text(b"LO", |to| to.text(b"a\\b")), None);
        assert_eq!(text(b"LO", |to| to.text(b"\x01")), None);
        assert_eq!(text(b"LO", |to| to.text("\u{FFFE}".as_bytes())), None);
        assert_eq!(text(b"LT", |to| to.text(b"a") && to.text(b"b")), None);
        assert_eq!(text(b"LT", |to| to.text(b"a") && to.null()), None);
        assert_eq!(text(b"PN", |to| to.name([b"A=", b"", b""])), None);
        assert_eq!(text(b"US", |to| to.text(b"a")), None);
        assert_eq!(text(b"AT", |to| to.integer(-1)), None);
    }
}
