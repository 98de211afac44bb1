//! Values to value fields in little endian, as `ENCODERS` of `streamdicom.dicom.value_field`.

use crate::encode::Values;
use crate::vr::{Form, Vr};

const ESCAPE: u8 = 0x1B; // starts a code extension (PS3.5 6.1.2.5)
const MAX_INTEGER_LENGTH: usize = 15; // digits of an IS that a double holds exactly

/// What readers strip from a value of text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stripped {
    /// Spaces and NUL at the end.
    End,
    /// White space at both ends.
    Both,
    /// White space at the end.
    Uri,
}

/// A value field, to which values are added one by one.
///
/// A method returns false for a value that would not be read back, or that the writer in Python must see. The caller
/// drops the field then.
pub struct Field<'a> {
    out: &'a mut Vec<u8>,
    vr: Vr,
    start: usize,
    count: usize,
}

impl<'a> Field<'a> {
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, vr: Vr) -> Field<'a> {
        let start = out.len();
        Field { out, vr, start, count: 0 }
    }

    /// Pad the field to an even length (PS3.5 6.2), and return its length.
    #[inline]
    pub fn end(self) -> usize {
        if (self.out.len() - self.start) & 1 == 1 {
            self.out.push(if self.vr.name() == "UI" { 0 } else { b' ' });
        }
        self.out.len() - self.start
    }

    #[inline]
    fn next(&mut self) -> bool {
        self.count += 1;
        if self.count > 1 {
            if self.vr.form() == Form::SingleText {
                return false;
            }
            self.out.push(b'\\');
        }
        true
    }

    #[inline]
    fn stripped(&self) -> Stripped {
        match self.vr.name() {
            "AE" | "DS" | "IS" | "UI" => Stripped::Both,
            "UR" => Stripped::Uri,
            _ => Stripped::End,
        }
    }
}

impl Values for Field<'_> {
    #[inline]
    fn null(&mut self) -> bool {
        let form = self.vr.form();
        matches!(form, Form::Text | Form::SingleText | Form::Decimal | Form::IntegerText | Form::PersonName)
            && self.next()
    }

    #[inline]
    fn text(&mut self, text: &[u8]) -> bool {
        let form = self.vr.form();
        if !matches!(form, Form::Text | Form::SingleText | Form::Decimal | Form::IntegerText) || !self.next() {
            return false;
        }
        if !is_plain(text) || (form != Form::SingleText && text.contains(&b'\\')) {
            return false;
        }
        if !is_kept(text, self.stripped()) || (form == Form::IntegerText && text.len() > MAX_INTEGER_LENGTH) {
            return false;
        }
        self.out.extend_from_slice(text);
        true
    }

    fn name(&mut self, groups: [&[u8]; 3]) -> bool {
        if self.vr.form() != Form::PersonName || !self.next() {
            return false;
        }
        if groups.iter().any(|group| !is_plain(group) || group.contains(&b'\\'))
            || groups[..2].iter().any(|group| group.contains(&b'='))
        {
            return false;
        }
        let start = self.out.len();
        for (index, group) in groups.iter().enumerate() {
            if index > 0 {
                self.out.push(b'=');
            }
            self.out.extend_from_slice(group);
        }
        while self.out.len() > start && self.out.last() == Some(&b'=') {
            self.out.pop();
        }
        is_kept(&self.out[start..], Stripped::End)
    }

    #[inline]
    fn integer(&mut self, number: i128) -> bool {
        match self.vr.form() {
            Form::Tag => {
                let Ok(tag) = u32::try_from(number) else { return false };
                self.out.extend_from_slice(&tag.rotate_left(16).to_le_bytes());
                true
            }
            Form::Integer | Form::LongInteger if self.vr.holds(number) => {
                let bytes = number.to_le_bytes();
                let size = match self.vr.name() {
                    "US" | "SS" => 2,
                    "UL" | "SL" => 4,
                    _ => 8,
                };
                self.out.extend_from_slice(&bytes[..size]);
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn float(&mut self, number: f64) -> bool {
        match self.vr.form() {
            Form::Double => self.out.extend_from_slice(&number.to_le_bytes()),
            Form::Single => {
                let single = number as f32;
                if f64::from(single) != number && !number.is_nan() {
                    return false;
                }
                self.out.extend_from_slice(&single.to_le_bytes());
            }
            _ => return false,
        }
        true
    }

    fn binary(&mut self, bytes: &[u8]) -> bool {
        if self.vr.form() != Form::Binary || bytes.len() & 1 == 1 {
            return false;
        }
        self.out.extend_from_slice(bytes);
        true
    }
}

/// Return true for ASCII without ESC, which needs no character set.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    text.iter().fold(true, |plain, byte| plain & (*byte < 0x80) & (*byte != ESCAPE))
}

/// Return whether readers strip nothing from a value.
#[inline]
fn is_kept(text: &[u8], stripped: Stripped) -> bool {
    let (Some(first), Some(last)) = (text.first(), text.last()) else {
        return true;
    };
    match stripped {
        Stripped::End => *last != b' ' && *last != 0,
        Stripped::Both => !is_space(*first) && !is_space(*last) && *last != 0,
        Stripped::Uri => !is_space(*last) && *last != 0,
    }
}

#[inline]
fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | 0x1C..=b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(vr: &[u8; 2], add: impl FnOnce(&mut Field) -> bool) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut field = Field::new(&mut out, Vr::of(*vr).unwrap());
        if !add(&mut field) {
            return None;
        }
        field.end();
        Some(out)
    }

    #[test]
    fn values_are_joined_and_padded() {
        assert_eq!(field(b"LO", |to| to.text(b"a") && to.null() && to.text(b" b")), Some(b"a\\\\ b ".to_vec()));
        assert_eq!(field(b"UI", |to| to.text(b"1.2")), Some(b"1.2\0".to_vec()));
        assert_eq!(field(b"PN", |to| to.name([b"A", b"", b""]) && to.name([b"", b"B", b""])), Some(b"A\\=B".to_vec()));
        assert_eq!(field(b"US", |to| to.integer(258) && to.integer(1)), Some(vec![2, 1, 1, 0]));
        assert_eq!(field(b"AT", |to| to.integer(0x7FE00010)), Some(vec![0xE0, 0x7F, 0x10, 0]));
        assert_eq!(field(b"FL", |to| to.float(1.0)), Some(vec![0, 0, 0x80, 0x3F]));
    }

    #[test]
    fn values_that_would_not_be_read_back_are_not_taken() {
        for (vr, text) in [
            (b"LO", &b"a "[..]),
            (b"LO", b"a\\b"),
            (b"LO", b"\xC3\xA9"),
            (b"LO", b"\x1B"),
            (b"UI", b" 1"),
            (b"DS", b"1\n"),
            (b"IS", b"1234567890123456"),
            (b"UR", b"a\t"),
            (b"US", b"1"),
        ] {
            assert_eq!(field(vr, |to| to.text(text)), None);
        }
        assert_eq!(field(b"LT", |to| to.text(b"a") && to.text(b"b")), None);
        assert_eq!(field(b"PN", |to| to.name([b"A=", b"", b""])), None);
        assert_eq!(field(b"US", |to| to.integer(65536)), None);
        assert_eq!(field(b"FL", |to| to.float(0.1)), None);
        assert_eq!(field(b"OB", |to| to.binary(b"a")), None);
    }
}
