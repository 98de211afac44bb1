//! The members of an attribute after its VR.

use crate::encode::Values;
use crate::encode::number::{is_number, put_float, put_integer, put_unsigned};
use crate::vr::{Form, Vr};

const MAX_DOUBLE_LENGTH: usize = 24; // characters, as in -1.7976931348623157e+308
const MAX_EXACT: i128 = 1 << 53; // a double holds every smaller integer exactly
const GROUPS: [&[u8]; 3] = [b"\"Alphabetic\":", b"\"Ideographic\":", b"\"Phonetic\":"];

/// The form of DS, IS, SV and UV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberHandling {
    Number,
    String,
    Auto,
}

/// The form of NaN and infinities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonfinite {
    String,
    Null,
    Error,
}

/// The options that the text of an element depends on.
#[derive(Clone, Copy, Debug)]
pub struct Choices {
    pub number_handling: NumberHandling,
    pub nonfinite: Nonfinite,
    pub number_length: usize,
}

/// The text of an attribute after its VR, to which values are added one by one.
///
/// A method returns false for a value that the writer in Python must see. The caller drops the attribute then.
pub struct Attribute<'a> {
    out: &'a mut Vec<u8>,
    vr: Vr,
    choices: Choices,
    start: usize,
    count: usize,
    is_null: bool,
}

impl<'a> Attribute<'a> {
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, vr: Vr, choices: Choices) -> Attribute<'a> {
        let start = out.len();
        out.extend_from_slice(b",\"Value\":[");
        Attribute { out, vr, choices, start, count: 0, is_null: false }
    }

    /// End the attribute. PS3.18 F.2.5: an empty attribute has no Value, an empty value among several is null.
    #[inline]
    pub fn end(self) {
        if self.vr.form() == Form::Binary {
            self.out.push(b'}');
        } else if self.count == 0 || (self.count == 1 && self.is_null) {
            self.out.truncate(self.start);
            self.out.push(b'}');
        } else {
            self.out.extend_from_slice(b"]}");
        }
    }

    #[inline]
    fn next(&mut self) {
        if self.count > 0 {
            self.out.push(b',');
        }
        self.count += 1;
    }

    fn is_number(&self, text: &[u8], is_integer: bool) -> bool {
        let max_length = self.choices.number_length;
        match self.choices.number_handling {
            NumberHandling::Number => text.len() <= max_length && is_number(text, is_integer),
            NumberHandling::String => false,
            NumberHandling::Auto => {
                text.len() <= max_length.min(MAX_DOUBLE_LENGTH) && is_number(text, is_integer) && is_of_double(text)
            }
        }
    }

    fn tag(&mut self, number: i128) -> bool {
        let Ok(tag) = u32::try_from(number) else {
            return false;
        };
        self.next();
        self.out.push(b'"');
        put_tag(self.out, tag);
        self.out.push(b'"');
        true
    }
}

impl Values for Attribute<'_> {
    fn null(&mut self) -> bool {
        if self.count > 0 && self.vr.form() == Form::SingleText {
            return false;
        }
        self.next();
        self.is_null = true;
        self.out.extend_from_slice(b"null");
        true
    }

    #[inline]
    fn text(&mut self, text: &[u8]) -> bool {
        let form = self.vr.form();
        match form {
            Form::Text | Form::SingleText | Form::Decimal | Form::IntegerText if text.is_empty() => {
                return self.null();
            }
            Form::SingleText => {
                if self.count > 0 {
                    return false;
                }
            }
            Form::Text => {
                if text.contains(&b'\\') {
                    return false;
                }
            }
            Form::Decimal | Form::IntegerText => {
                if self.is_number(text, form == Form::IntegerText) {
                    self.next();
                    self.out.extend_from_slice(text);
                    return true;
                }
                if text.contains(&b'\\') {
                    return false;
                }
            }
            _ => return false,
        }
        self.next();
        put_string(self.out, text);
        true
    }

    #[inline]
    fn integer(&mut self, number: i128) -> bool {
        let is_quoted = match self.vr.form() {
            Form::Integer => false,
            Form::LongInteger => match self.choices.number_handling {
                NumberHandling::Number => false,
                NumberHandling::String => true,
                NumberHandling::Auto => number.abs() >= MAX_EXACT,
            },
            Form::Tag => return self.tag(number),
            _ => return false,
        };
        let (Ok(magnitude), is_negative) = (u64::try_from(number.unsigned_abs()), number < 0) else {
            return false;
        };
        self.next();
        if is_quoted {
            self.out.push(b'"');
        }
        if is_negative {
            self.out.push(b'-');
        }
        put_unsigned(self.out, magnitude);
        if is_quoted {
            self.out.push(b'"');
        }
        true
    }

    fn float(&mut self, number: f64) -> bool {
        if !matches!(self.vr.form(), Form::Single | Form::Double) {
            return false;
        }
        if number.is_finite() {
            self.next();
            put_float(self.out, number);
            return true;
        }
        match self.choices.nonfinite {
            Nonfinite::Error => false,
            Nonfinite::Null => self.null(),
            Nonfinite::String => {
                self.next();
                let text: &[u8] = if number.is_nan() {
                    b"\"NaN\""
                } else if number > 0.0 {
                    b"\"Infinity\""
                } else {
                    b"\"-Infinity\""
                };
                self.out.extend_from_slice(text);
                true
            }
        }
    }

    fn name(&mut self, groups: [&[u8]; 3]) -> bool {
        // PS3.18 F.2.2: only the groups that are not empty.
        if self.vr.form() != Form::PersonName {
            return false;
        }
        let has = |text: &[u8], byte| memchr::memchr(byte, text).is_some();
        if groups.iter().any(|group| has(group, b'=') || has(group, b'\\')) {
            return false;
        }
        if groups.iter().all(|group| group.is_empty()) {
            return self.null();
        }
        self.next();
        let mut separator = b'{';
        for (name, text) in GROUPS.iter().zip(groups) {
            if !text.is_empty() {
                self.out.push(separator);
                self.out.extend_from_slice(name);
                put_string(self.out, text);
                separator = b',';
            }
        }
        self.out.push(b'}');
        true
    }

    fn binary(&mut self, bytes: &[u8]) -> bool {
        if self.vr.form() != Form::Binary {
            return false;
        }
        self.out.truncate(self.start);
        if !bytes.is_empty() {
            self.out.extend_from_slice(b",\"InlineBinary\":\"");
            base64_simd::STANDARD.encode_append(bytes, self.out);
            self.out.push(b'"');
        }
        true
    }
}

/// Return whether a double or an integer prints as the text of a number.
fn is_of_double(text: &[u8]) -> bool {
    let Some(number) = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()) else {
        return false;
    };
    let mut printed = Vec::with_capacity(32);
    if number.is_finite() {
        put_float(&mut printed, number);
    }
    if printed == text {
        return true;
    }
    printed.clear();
    if number.abs() < MAX_EXACT as f64 {
        put_integer(&mut printed, number as i64);
    }
    printed == text
}

/// Append the eight digits of a tag.
pub fn put_tag(out: &mut Vec<u8>, tag: u32) {
    for shift in (0..8).rev() {
        out.push(b"0123456789ABCDEF"[(tag >> (4 * shift)) as usize & 0xF]);
    }
}

const fn escapes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table[0x08] = b'b';
    table[0x0C] = b'f';
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table[b'\t' as usize] = b't';
    table
}

/// The letter of the escape of a byte, or 0 for a byte without one.
static ESCAPES: [u8; 256] = escapes();

/// Append a JSON string, as `json.encoder.encode_basestring`.
#[inline]
pub fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let is_plain = text.iter().fold(true, |plain, byte| plain & (*byte >= 0x20) & (*byte != b'"') & (*byte != b'\\'));
    if is_plain {
        out.extend_from_slice(text);
    } else {
        for byte in text {
            match ESCAPES[*byte as usize] {
                0 => out.push(*byte),
                b'u' => {
                    out.extend_from_slice(b"\\u00");
                    out.extend([b'0' + (byte >> 4), b"0123456789abcdef"[*byte as usize & 0xF]]);
                }
                letter => out.extend([b'\\', letter]),
            }
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHOICES: Choices =
        Choices { number_handling: NumberHandling::Number, nonfinite: Nonfinite::String, number_length: 64 };

    fn text(vr: &[u8; 2], choices: Choices, add: impl FnOnce(&mut Attribute) -> bool) -> Option<String> {
        let mut out = Vec::new();
        let mut attribute = Attribute::new(&mut out, Vr::of(*vr).unwrap(), choices);
        if !add(&mut attribute) {
            return None;
        }
        attribute.end();
        String::from_utf8(out).ok()
    }

    #[test]
    fn values_have_the_form_of_their_vr() {
        let with = |vr, add: fn(&mut Attribute) -> bool| text(vr, CHOICES, add).unwrap_or_default();
        assert_eq!(with(b"LO", |to| to.text(b"a\"\n\x01")), ",\"Value\":[\"a\\\"\\n\\u0001\"]}");
        assert_eq!(with(b"LO", |to| to.text(b"")), "}");
        assert_eq!(with(b"LO", |to| to.text(b"") && to.text(b"b")), ",\"Value\":[null,\"b\"]}");
        assert_eq!(with(b"DS", |to| to.text(b"1.50") && to.text(b"01")), ",\"Value\":[1.50,\"01\"]}");
        assert_eq!(with(b"IS", |to| to.text(b"1.0")), ",\"Value\":[\"1.0\"]}");
        assert_eq!(with(b"AT", |to| to.integer(0x7FE00010)), ",\"Value\":[\"7FE00010\"]}");
        assert_eq!(with(b"FD", |to| to.float(f64::NAN)), ",\"Value\":[\"NaN\"]}");
        assert_eq!(
            with(b"PN", |to| to.name([b"A", b"", b"C"])),
            ",\"Value\":[{\"Alphabetic\":\"A\",\"Phonetic\":\"C\"}]}"
        );
        assert_eq!(with(b"PN", |to| to.name([b"", b"", b""])), "}");
    }

    #[test]
    fn values_that_would_be_read_otherwise_are_not_taken() {
        assert_eq!(text(b"LO", CHOICES, |to| to.text(b"a\\b")), None);
        assert_eq!(text(b"LT", CHOICES, |to| to.text(b"a") && to.text(b"b")), None);
        assert_eq!(text(b"PN", CHOICES, |to| to.name([b"A=", b"", b""])), None);
        assert_eq!(text(b"US", CHOICES, |to| to.text(b"a")), None);
        assert_eq!(text(b"US", CHOICES, |to| to.text(b"")), None);
    }

    #[test]
    fn numbers_have_the_form_that_is_asked_for() {
        let auto = Choices { number_handling: NumberHandling::Auto, ..CHOICES };
        let with = |vr, add: fn(&mut Attribute) -> bool| text(vr, auto, add).unwrap_or_default();
        assert_eq!(with(b"DS", |to| to.text(b"1.5") && to.text(b"1.50")), ",\"Value\":[1.5,\"1.50\"]}");
        assert_eq!(with(b"DS", |to| to.text(b"17") && to.text(b"-0")), ",\"Value\":[17,\"-0\"]}");
        assert_eq!(with(b"UV", |to| to.integer(1 << 53)), ",\"Value\":[\"9007199254740992\"]}");
    }
}
