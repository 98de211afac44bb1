//! Values that plainly follow the rules of their VR (PS3.5 6.2, 9.1), as `VALUE_RULES` of `streamdicom.dicom`.
//!
//! False means only that Python must look.

use crate::handler::Values;
use crate::json::{is_decimal_string, is_integer_string, is_single};
use crate::vr::Vr;

/// The rule of the values of a VR.
#[derive(Clone, Copy)]
enum Rule {
    /// Characters of one class, and their maximum number.
    Text(u8, usize),
    /// One value of such characters.
    OneText(u8, usize),
    Age,
    Date,
    DateTime,
    Decimal,
    Integer,
    Time,
    Uid,
    Name,
    /// A number in the range of the VR.
    Number,
    Single,
    /// Bytes in words of so many bytes.
    Binary(usize),
    Any,
}

const NO_MAXIMUM: usize = usize::MAX;

/// In the order of `Vr`.
static RULES: [Rule; Vr::COUNT] = {
    use Rule::*;
    [
        Text(GRAPHIC, 16),              // AE
        Age,                            // AS
        Any,                            // AT
        Text(CODE, 16),                 // CS
        Date,                           // DA
        Decimal,                        // DS
        DateTime,                       // DT
        Any,                            // FD
        Single,                         // FL
        Integer,                        // IS
        Text(TEXT, 64),                 // LO
        OneText(LONG_TEXT, 10240),      // LT
        Binary(1),                      // OB
        Binary(8),                      // OD
        Binary(4),                      // OF
        Binary(4),                      // OL
        Binary(8),                      // OV
        Binary(2),                      // OW
        Name,                           // PN
        Text(TEXT, 16),                 // SH
        Number,                         // SL
        Any,                            // SQ
        Number,                         // SS
        OneText(LONG_TEXT, 1024),       // ST
        Number,                         // SV
        Time,                           // TM
        Text(TEXT, NO_MAXIMUM),         // UC
        Uid,                            // UI
        Number,                         // UL
        Binary(1),                      // UN
        OneText(URI, NO_MAXIMUM),       // UR
        Number,                         // US
        OneText(LONG_TEXT, NO_MAXIMUM), // UT
        Number,                         // UV
    ]
};

// Classes of bytes
const GRAPHIC: u8 = 1; // of the default repertoire, without the backslash
const TEXT: u8 = 2; // of any character set, no control characters
const LONG_TEXT: u8 = 4; // with the backslash, TAB, LF, FF and CR
const CODE: u8 = 8;
const URI: u8 = 16; // RFC 3986
const NAME: u8 = 32; // TEXT without delimiters of components and groups
const BEYOND: u8 = 64; // ASCII

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let code = byte as u8;
        classes[byte] = match code {
            b'\\' => LONG_TEXT,
            b'\t' | b'\n' | 0x0C | b'\r' => LONG_TEXT,
            b' '..=b'~' => GRAPHIC | TEXT | LONG_TEXT,
            0x80.. => TEXT | LONG_TEXT | NAME | BEYOND,
            _ => 0,
        };
        if code >= b' ' && code <= b'~' && !matches!(code, b'\\' | b'^' | b'=') {
            classes[byte] |= NAME;
        }
        if matches!(code, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b' ') {
            classes[byte] |= CODE;
        }
        if matches!(code, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'?')
            || matches!(code, b'#' | b'[' | b']' | b'@' | b'!' | b'$' | b'&'..=b',' | b';' | b'=' | b'%')
        {
            classes[byte] |= URI;
        }
        byte += 1;
    }
    classes
};

const MAX_AGE: u8 = 99;
const MAX_DECIMAL: usize = 16; // characters
const MAX_INTEGER: usize = 12;
const MAX_NAME: usize = 64; // of a component group
const MAX_COMPONENTS: usize = 5;
const MAX_UID: usize = 64;
const MAX_FRACTION: usize = 6; // digits of a second

/// Return whether values plainly follow the rules of their VR.
#[inline]
pub fn are_right(vr: Vr, values: &Values<'_>, in_binary: bool) -> bool {
    let rule = RULES[vr.index()];
    match values {
        Values::None => true,
        Values::Text(text) => text.is_empty() || is_right(rule, text),
        Values::Texts(texts) => {
            !matches!(rule, Rule::OneText(..))
                && texts.iter().all(|text| text.is_none_or(|text| text.is_empty() || is_right(rule, text)))
        }
        Values::Names(names) => {
            names.iter().flatten().all(|groups| groups.iter().all(|group| group.is_empty() || is_group(group)))
        }
        _ if in_binary => true,
        Values::Integers(numbers) => {
            matches!(rule, Rule::Any) || numbers.iter().all(|number| number.is_some_and(|number| vr.holds(number)))
        }
        Values::Floats(numbers) => {
            !matches!(rule, Rule::Single) || numbers.iter().all(|number| number.is_none_or(is_single))
        }
        Values::Bytes(bytes) => match rule {
            Rule::Binary(word) => bytes.len() % word == 0,
            _ => false,
        },
    }
}

#[inline]
fn is_right(rule: Rule, text: &[u8]) -> bool {
    match rule {
        Rule::Text(class, most) | Rule::OneText(class, most) => has_class(text, class, most),
        Rule::Age => {
            matches!(text, [digits @ .., b'D' | b'W' | b'M' | b'Y'] if digits.len() == 3 && are_digits(digits))
        }
        Rule::Date => is_date(text),
        Rule::DateTime => is_date_time(text),
        Rule::Decimal => text.len() <= MAX_DECIMAL && is_decimal_string(text),
        Rule::Integer => text.len() <= MAX_INTEGER && is_integer_string(text),
        Rule::Time => is_time(text),
        Rule::Uid => text.len() <= MAX_UID && is_uid(text),
        _ => false,
    }
}

/// Return whether all characters are of a class, and not too many.
#[inline]
fn has_class(text: &[u8], class: u8, most: usize) -> bool {
    let (mut all, mut any) = (!0, 0);
    for byte in text {
        let found = CLASSES[usize::from(*byte)];
        all &= found;
        any |= found;
    }
    all & class != 0 && if any & BEYOND == 0 { text.len() <= most } else { is_text_beyond_ascii(text, most) }
}

/// Return whether UTF-8 has no control characters of C1, and not too many characters.
#[cold]
fn is_text_beyond_ascii(text: &[u8], most: usize) -> bool {
    let has_control = text.windows(2).any(|pair| matches!(pair, [0xC2, 0x80..=0x9F]));
    !has_control && text.iter().filter(|byte| !matches!(byte, 0x80..=0xBF)).count() <= most
}

/// Return whether a component group of a person name is right.
fn is_group(group: &[u8]) -> bool {
    let carets = memchr::memchr_iter(b'^', group).count();
    carets < MAX_COMPONENTS
        && group.split(|byte| *byte == b'^').all(|component| has_class(component, NAME, NO_MAXIMUM))
        && (group.len() <= MAX_NAME || is_text_beyond_ascii(group, MAX_NAME))
}

#[inline]
fn are_digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

/// Return the number of two digits, or a greater one.
#[inline]
fn two_digits(text: &[u8]) -> u8 {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => (tens - b'0') * 10 + (ones - b'0'),
        _ => MAX_AGE + 1,
    }
}

fn is_date(text: &[u8]) -> bool {
    text.len() == 8 && are_digits(&text[..4]) && is_month_and_day(&text[4..6], &text[6..])
}

/// Return whether a month has a day in each year.
fn is_month_and_day(month: &[u8], day: &[u8]) -> bool {
    let days = match two_digits(month) {
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&two_digits(day))
}

/// Return whether a text is a date and time without the offset from UTC.
fn is_date_time(text: &[u8]) -> bool {
    match text.len() {
        4 => are_digits(text),
        6 => are_digits(&text[..4]) && (1..=12).contains(&two_digits(&text[4..])),
        8 => is_date(text),
        10.. => is_date(&text[..8]) && is_time(&text[8..]),
        _ => false,
    }
}

fn is_time(text: &[u8]) -> bool {
    let limits = [23, 59, 60];
    let (clock, fraction) = text.split_at(text.len().min(6));
    clock.len() % 2 == 0
        && !clock.is_empty()
        && clock.chunks_exact(2).zip(limits).all(|(digits, most)| two_digits(digits) <= most)
        && match fraction {
            [] => true,
            [b'.', digits @ ..] => !digits.is_empty() && digits.len() <= MAX_FRACTION && are_digits(digits),
            _ => false,
        }
}

/// Return whether a text is a UID of at least two components.
fn is_uid(text: &[u8]) -> bool {
    let mut components = text.split(|byte| *byte == b'.');
    let (Some(first), Some(second)) = (components.next(), components.next()) else { return false };
    let has_root = match first {
        b"0" | b"1" => second.len() == 1 || (second.len() == 2 && two_digits(second) < 40),
        b"2" => true,
        _ => false,
    };
    has_root && is_component(second) && components.all(is_component)
}

#[inline]
fn is_component(text: &[u8]) -> bool {
    match text {
        [] => false,
        [b'0'] => true,
        [b'0', ..] => false,
        digits => are_digits(digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::{Kind, Names, Source, Span};

    fn right(vr: &[u8; 2], text: &str) -> bool {
        let vr = Vr::of(*vr).unwrap();
        if vr == Vr::PN {
            let spans = [[Span { start: 0, end: text.len(), kind: Kind::String }; 3]];
            let source = Source { data: text.as_bytes(), resolved: b"" };
            return are_right(vr, &Values::Names(Names { source, spans: &spans }), false);
        }
        are_right(vr, &Values::Text(text.as_bytes()), false)
    }

    #[test]
    fn values_that_follow_the_rules_are_right() {
        for (vr, text) in [
            (b"AE", "A b"),
            (b"AS", "012Y"),
            (b"CS", "A_1 B"),
            (b"DA", "20240131"),
            (b"DS", " -1.5e+3 "),
            (b"DT", "2024"),
            (b"DT", "202412"),
            (b"DT", "20241231"),
            (b"DT", "2024123123"),
            (b"DT", "20241231235960.123456"),
            (b"IS", "+2147483647"),
            (b"LO", "é山 x"),
            (b"LT", "a\\b\r\n\t\u{c}"),
            (b"PN", "A^B^C^D^E"),
            (b"TM", "23"),
            (b"TM", "235960.1"),
            (b"UI", "2.999.0.1"),
            (b"UI", "1.39.5"),
            (b"UI", "0.0"),
            (b"UR", "http://a/b?c=%20#[x]"),
            (b"UT", "\u{a0}"),
        ] {
            assert!(right(vr, text), "{text}");
        }
        assert!(right(b"SH", &"é".repeat(16)) && right(b"PN", &"山".repeat(64)));
    }

    #[test]
    fn other_values_need_a_closer_look() {
        for (vr, text) in [
            (b"AE", "a\\b"),
            (b"AE", "é"),
            (b"AS", "12Y"),
            (b"AS", "012y"),
            (b"CS", "a"),
            (b"DA", "20240431"),
            (b"DA", "2024-1-1"),
            (b"DA", "20231301"),
            (b"DS", "1,5"),
            (b"DS", "1.000000000000000"),
            (b"DT", "20241"),
            (b"DT", "202413"),
            (b"DT", "20241231+0100"),
            (b"DT", "20241231.5"),
            (b"IS", "2147483648"),
            (b"IS", "1.0"),
            (b"LO", "a\u{85}"),
            (b"LO", "a\tb"),
            (b"LT", "\u{b}"),
            (b"PN", "A^^^^^"),
            (b"PN", "A\\B"),
            (b"PN", "A=B"),
            (b"TM", "24"),
            (b"TM", "2360"),
            (b"TM", "235961"),
            (b"TM", "1200."),
            (b"TM", "120000."),
            (b"TM", "120000.1234567"),
            (b"TM", "123"),
            (b"UI", "1"),
            (b"UI", "1."),
            (b"UI", "1.2."),
            (b"UI", "1.40"),
            (b"UI", "1.02"),
            (b"UI", "3.1"),
            (b"UI", "2.1.00"),
            (b"UR", "a b"),
            (b"UR", "\u{e9}"),
        ] {
            assert!(!right(vr, text), "{text}");
        }
        assert!(!right(b"SH", &"é".repeat(17)) && !right(b"PN", &"山".repeat(65)));
        assert!(!right(b"UI", &format!("1.2.{}", "1".repeat(61))) && !right(b"AE", &"A".repeat(17)));
    }

    #[test]
    fn numbers_are_checked_outside_of_files_only() {
        let single = [Some(0.123_456_789)];
        assert!(!are_right(Vr::of(*b"FL").unwrap(), &Values::Floats(&single), false));
        assert!(are_right(Vr::of(*b"FL").unwrap(), &Values::Floats(&single), true));
        for numbers in [[Some(1), None], [Some(1), Some(65536)]] {
            assert!(!are_right(Vr::of(*b"US").unwrap(), &Values::Integers(&numbers), false));
        }
        assert!(!are_right(Vr::of(*b"OW").unwrap(), &Values::Bytes(b"abc"), false));
    }
}
