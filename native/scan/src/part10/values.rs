//! Value fields to values, as `DECODERS` of `streamdicom.dicom.value_field`.

use crate::handler::{Kind, Names, Source, Span, Texts, Values};
use crate::part10::fields::{Field, Padding, field_of, is_named};
use crate::vr::Vr;

/// The character set of text beyond ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repertoire {
    /// One that the scanner does not know.
    Unknown,
    Latin1,
    Utf8,
}

const ESCAPE: u8 = 0x1B; // starts a code extension (PS3.5 6.1.2.5)

/// Memory for the values of one element.
#[derive(Default)]
pub struct Scratch {
    spans: Vec<Span>,
    names: Vec<[Span; 3]>,
    integers: Vec<Option<i128>>,
    floats: Vec<Option<f64>>,
    bytes: Vec<u8>,
    /// Wrong padding needs a closer look.
    pub checks_padding: bool,
}

impl Scratch {
    /// Return the values of a field that is not empty, or None if it needs a closer look.
    #[inline]
    pub fn values<'a>(
        &'a mut self,
        vr: Vr,
        field: &'a [u8],
        is_little_endian: bool,
        repertoire: impl FnOnce() -> Repertoire,
    ) -> Option<Values<'a>> {
        if self.checks_padding && !is_padded(vr, field) {
            return None;
        }
        match field_of(vr) {
            Field::Text(padding, has_set) => {
                let field = decoded(field, has_set, repertoire, &mut self.bytes)?;
                Some(texts(padding, field.resolve(&self.bytes), &mut self.spans))
            }
            Field::PersonName => {
                let field = decoded(field, true, repertoire, &mut self.bytes)?;
                Some(names(field.resolve(&self.bytes), &mut self.names))
            }
            Field::Unsigned(2) => self.integers(field, |unit| {
                i128::from(if is_little_endian { u16::from_le_bytes(unit) } else { u16::from_be_bytes(unit) })
            }),
            Field::Unsigned(4) => self.integers(field, |unit| {
                i128::from(if is_little_endian { u32::from_le_bytes(unit) } else { u32::from_be_bytes(unit) })
            }),
            Field::Unsigned(_) => self.integers(field, |unit| {
                i128::from(if is_little_endian { u64::from_le_bytes(unit) } else { u64::from_be_bytes(unit) })
            }),
            Field::Signed(2) => self.integers(field, |unit| {
                i128::from(if is_little_endian { i16::from_le_bytes(unit) } else { i16::from_be_bytes(unit) })
            }),
            Field::Signed(4) => self.integers(field, |unit| {
                i128::from(if is_little_endian { i32::from_le_bytes(unit) } else { i32::from_be_bytes(unit) })
            }),
            Field::Signed(_) => self.integers(field, |unit| {
                i128::from(if is_little_endian { i64::from_le_bytes(unit) } else { i64::from_be_bytes(unit) })
            }),
            Field::Tag => self.integers(field, |unit| i128::from(tag_of(unit, is_little_endian))),
            Field::Single => self.floats(field, |unit| {
                f64::from(if is_little_endian { f32::from_le_bytes(unit) } else { f32::from_be_bytes(unit) })
            }),
            Field::Double => {
                self.floats(
                    field,
                    |unit| {
                        if is_little_endian { f64::from_le_bytes(unit) } else { f64::from_be_bytes(unit) }
                    },
                )
            }
            Field::Binary(1) => Some(Values::Bytes(field)),
            Field::Binary(word) => {
                if is_little_endian {
                    return Some(Values::Bytes(field));
                }
                self.bytes.clear();
                self.bytes.extend_from_slice(field);
                for unit in self.bytes.chunks_exact_mut(usize::from(word)) {
                    unit.reverse();
                }
                Some(Values::Bytes(&self.bytes))
            }
            Field::Sequence => None,
        }
    }

    #[inline]
    fn integers<const N: usize>(&mut self, field: &[u8], number: impl Fn([u8; N]) -> i128) -> Option<Values<'_>> {
        if field.len() % N != 0 {
            return None;
        }
        let units = field.chunks_exact(N).map(|unit| unit.try_into().unwrap_or([0; N]));
        self.integers.clear();
        self.integers.extend(units.map(|unit| Some(number(unit))));
        Some(Values::Integers(&self.integers))
    }

    #[inline]
    fn floats<const N: usize>(&mut self, field: &[u8], number: impl Fn([u8; N]) -> f64) -> Option<Values<'_>> {
        if field.len() % N != 0 {
            return None;
        }
        let units = field.chunks_exact(N).map(|unit| unit.try_into().unwrap_or([0; N]));
        self.floats.clear();
        self.floats.extend(units.map(|unit| Some(number(unit))));
        Some(Values::Floats(&self.floats))
    }
}

/// Return whether the padding of a field is plainly right, as `streamdicom.formats.part10.padding` has it.
#[inline]
fn is_padded(vr: Vr, field: &[u8]) -> bool {
    match field_of(vr) {
        Field::Text(..) if is_named(vr, *b"UI") => !field.contains(&b' ') && !field.ends_with(b"\0\0"),
        Field::Text(..) if is_named(vr, *b"DA") || is_named(vr, *b"AS") => {
            !field.contains(&0) && field.last() != Some(&b' ')
        }
        Field::Text(..) | Field::PersonName => memchr::memchr(0, field).is_none(),
        _ => true,
    }
}

/// A field of text in UTF-8: its own bytes, or those in the scratch.
enum Decoded<'a> {
    Own(&'a [u8]),
    Scratch,
}

impl<'a> Decoded<'a> {
    #[inline]
    fn resolve(self, scratch: &'a [u8]) -> &'a [u8] {
        match self {
            Decoded::Own(field) => field,
            Decoded::Scratch => scratch,
        }
    }
}

#[inline]
fn decoded<'a>(
    field: &'a [u8],
    has_set: bool,
    repertoire: impl FnOnce() -> Repertoire,
    scratch: &mut Vec<u8>,
) -> Option<Decoded<'a>> {
    if field.iter().fold(true, |plain, byte| plain & (*byte < 0x80) & (*byte != ESCAPE)) {
        return Some(Decoded::Own(field));
    }
    if !has_set || field.contains(&ESCAPE) {
        return None;
    }
    match repertoire() {
        Repertoire::Unknown => None,
        Repertoire::Utf8 => simdutf8::basic::from_utf8(field).is_ok().then_some(Decoded::Own(field)),
        Repertoire::Latin1 => {
            scratch.clear();
            for byte in field {
                if *byte < 0x80 {
                    scratch.push(*byte);
                } else {
                    scratch.extend([0xC0 | byte >> 6, 0x80 | byte & 0x3F]);
                }
            }
            Some(Decoded::Scratch)
        }
    }
}

/// Return the place of a part within the text.
#[inline]
fn span(text: &[u8], part: &[u8]) -> Span {
    let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    Span { start, end: start + part.len(), kind: Kind::String }
}

#[inline]
fn texts<'a>(padding: Padding, field: &'a [u8], spans: &'a mut Vec<Span>) -> Values<'a> {
    type Strip = fn(&[u8]) -> &[u8];
    let (whole, strip): (&[u8], Strip) = match padding {
        Padding::OneValue => return Values::Text(trim_padding(field)),
        Padding::Uri => return Values::Text(trim_end(field)),
        Padding::End => (trim_padding(field), trim_nul),
        Padding::Ends => (field, trim_padding),
        Padding::Both => (field, trim),
    };
    let Some(first) = memchr::memchr(b'\\', whole) else {
        return Values::Text(strip(whole));
    };
    spans.clear();
    let (mut start, mut end) = (0, first);
    loop {
        spans.push(span(field, strip(&whole[start..end])));
        if end == whole.len() {
            break;
        }
        start = end + 1;
        end = memchr::memchr(b'\\', &whole[start..]).map_or(whole.len(), |at| start + at);
    }
    Values::Texts(Texts { source: Source { data: field, resolved: b"" }, spans })
}

/// Split names as `split_name` of `streamdicom.dicom.person_name`.
fn names<'a>(field: &'a [u8], spans: &'a mut Vec<[Span; 3]>) -> Values<'a> {
    spans.clear();
    for name in trim_padding(field).split(|byte| *byte == b'\\') {
        let mut name = trim_name(name);
        while let [rest @ .., b'='] = name {
            name = rest;
        }
        let (first, rest) = partition(name);
        let (second, third) = partition(rest);
        spans.push([first, second, third].map(|group| span(field, group)));
    }
    Values::Names(Names { source: Source { data: field, resolved: b"" }, spans })
}

#[inline]
fn partition(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'=', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => text.split_at(text.len()),
    }
}

/// Return text without spaces and NUL at its end.
#[inline]
fn trim_padding(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | 0] = text {
        text = rest;
    }
    text
}

/// Return text without padding, if it ends in NUL, which spaces may follow.
#[inline]
fn trim_nul(text: &[u8]) -> &[u8] {
    let trimmed = trim_padding(text);
    if text[trimmed.len()..].contains(&0) { trimmed } else { text }
}

/// Return a name without the ends of empty groups, and without padding if NUL is among these.
#[inline]
fn trim_name(name: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| matches!(byte, b'=' | b' ' | 0);
    let trimmed = &name[..name.iter().rposition(|byte| !is_end(byte)).map_or(0, |last| last + 1)];
    if name[trimmed.len()..].contains(&0) { trimmed } else { name }
}

/// Return ASCII without white space and NUL at its end.
#[inline]
fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., last] = text {
        if *last != 0 && !is_space(*last) {
            break;
        }
        text = rest;
    }
    text
}

#[inline]
fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text {
        if !is_space(*first) {
            break;
        }
        text = rest;
    }
    trim_end(text)
}

#[inline]
fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | 0x1C..=b' ')
}

#[inline]
pub fn tag_of(bytes: [u8; 4], is_little_endian: bool) -> u32 {
    if is_little_endian { u32::from_le_bytes(bytes).rotate_left(16) } else { u32::from_be_bytes(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(vr: &[u8; 2], field: &[u8], repertoire: Repertoire) -> String {
        let mut scratch = Scratch::default();
        let vr = Vr::of(*vr).unwrap();
        let text = |text: Option<&[u8]>| String::from_utf8_lossy(text.unwrap_or(b"?")).into_owned();
        match scratch.values(vr, field, false, || repertoire) {
            None => "none".into(),
            Some(Values::Text(one)) => text(Some(one)),
            Some(Values::Texts(texts)) => texts.iter().map(text).collect::<Vec<_>>().join("|"),
            Some(Values::Names(names)) => {
                let names = names.iter().flatten();
                names.map(|groups| groups.map(|group| text(Some(group))).join("=")).collect::<Vec<_>>().join("|")
            }
            Some(Values::Integers(numbers)) => format!("{numbers:?}"),
            Some(Values::Floats(numbers)) => format!("{numbers:?}"),
            Some(Values::Bytes(bytes)) => format!("{bytes:?}"),
            Some(Values::None) => "no values".into(),
        }
    }

    #[test]
    fn padding_is_stripped_as_each_vr_has_it() {
        let plain = |vr, field: &[u8]| found(vr, field, Repertoire::Unknown);
        assert_eq!(plain(b"LO", b"a \\ b\0"), "a| b");
        assert_eq!(plain(b"CS", b"a \\ b "), "a | b");
        assert_eq!(plain(b"CS", b"a\\\\ "), "a||");
        assert_eq!(plain(b"CS", b"a \0 \\ b\0c\\d"), "a| b\0c|d");
        assert_eq!(plain(b"PN", b"a=\0=\\b =\\c"), "a==|b ==|c==");
        assert_eq!(plain(b"DS", b" 1 \\\t2\n "), "1|2");
        assert_eq!(plain(b"DS", b"1\0\\2\0\t\0"), "1|2");
        assert_eq!(plain(b"AE", b" \0a \0 "), "\0a");
        assert_eq!(plain(b"UR", b" a\n \0 "), " a");
        assert_eq!(plain(b"LT", b" a\\b  "), " a\\b");
        assert_eq!(plain(b"UI", b"\0\0"), "");
    }

    #[test]
    fn wrong_padding_needs_a_closer_look_if_it_is_checked() {
        let mut scratch = Scratch { checks_padding: true, ..Scratch::default() };
        let mut is_taken = |vr: &[u8; 2], field: &[u8]| {
            scratch.values(Vr::of(*vr).unwrap(), field, true, || Repertoire::Unknown).is_some()
        };
        let right: [(&[u8; 2], &[u8]); 5] =
            [(b"UI", b"1.2\0"), (b"DA", b"20240131"), (b"LO", b"a "), (b"OB", b"\0\0"), (b"US", b"\0\0")];
        let wrong: [(&[u8; 2], &[u8]); 6] = [
            (b"UI", b"1.2 "),
            (b"UI", b"1.\0\0"),
            (b"DA", b"2024013 "),
            (b"AS", b"01Y "),
            (b"LO", b"a\0"),
            (b"PN", b"a\0"),
        ];
        assert!(right.iter().all(|(vr, field)| is_taken(vr, field)));
        assert!(!wrong.iter().any(|(vr, field)| is_taken(vr, field)));
    }

    #[test]
    fn names_have_three_groups() {
        assert_eq!(found(b"PN", b"A=B=C=D=\\E==\\ ", Repertoire::Unknown), "A=B=C=D|E==|==");
    }

    #[test]
    fn text_beyond_ascii_needs_a_repertoire() {
        assert_eq!(found(b"LO", b"\xE9\\b ", Repertoire::Latin1), "\u{e9}|b");
        assert_eq!(found(b"LO", b"\xC3\xA9 ", Repertoire::Utf8), "\u{e9}");
        assert_eq!(found(b"PN", b"\xE9=\xE9", Repertoire::Latin1), "\u{e9}=\u{e9}=");
        for (vr, field) in [(b"LO", b"\xE9"), (b"LO", b"\x1B"), (b"CS", b"\xE9")] {
            assert_eq!(found(vr, field, Repertoire::Unknown), "none");
        }
        assert_eq!(found(b"LO", b"\xE9", Repertoire::Utf8), "none");
    }

    #[test]
    fn numbers_fill_the_field() {
        assert_eq!(found(b"US", &[1, 2, 3, 4], Repertoire::Unknown), "[Some(258), Some(772)]");
        assert_eq!(found(b"SS", &[0xFF, 0xFF], Repertoire::Unknown), "[Some(-1)]");
        assert_eq!(found(b"AT", &[0, 8, 0, 5], Repertoire::Unknown), format!("[Some({})]", 0x80005));
        assert_eq!(found(b"FL", &[0x3F, 0x80, 0, 0], Repertoire::Unknown), "[Some(1.0)]");
        assert_eq!(found(b"FD", &[0, 0, 0, 0], Repertoire::Unknown), "none");
        assert_eq!(found(b"OW", &[1, 2], Repertoire::Unknown), "[2, 1]");
    }
}
