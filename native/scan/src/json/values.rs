//! Values of JSON that are canonical for their VR (PS3.18 F.2.3).

/// Return whether a text is a DS (PS3.5 6.2), of any length.
pub fn is_decimal_string(text: &[u8]) -> bool {
    let text = trimmed(text);
    let text = text.strip_prefix(b"+").or(text.strip_prefix(b"-")).unwrap_or(text);
    let whole = digits(text);
    let (mut rest, mut count) = (&text[whole..], whole);
    if let Some(fraction) = rest.strip_prefix(b".") {
        count += digits(fraction);
        rest = &fraction[digits(fraction)..];
    }
    if count == 0 {
        return false;
    }
    match rest {
        [] => true,
        [b'e' | b'E', exponent @ ..] => {
            let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
        _ => false,
    }
}

/// Return whether a text is an IS in its range.
pub fn is_integer_string(text: &[u8]) -> bool {
    if !text.is_empty() && text.len() <= 9 && digits(text) == text.len() {
        return true;
    }
    signed_integer(trimmed(text)).is_some_and(|number| i32::try_from(number).is_ok())
}

/// Return an integer with an optional sign, or None for other text and for more than 128 bits.
pub fn signed_integer(text: &[u8]) -> Option<i128> {
    let (is_negative, magnitude) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if magnitude.is_empty() {
        return None;
    }
    let mut number: i128 = 0;
    if magnitude.len() <= 18 {
        let mut small: i64 = 0;
        for byte in magnitude {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            small = small * 10 + i64::from(digit);
        }
        number = i128::from(small);
    } else {
        for byte in magnitude {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            number = number.checked_mul(10)?.checked_add(i128::from(digit))?;
        }
    }
    Some(if is_negative { -number } else { number })
}

/// Return the double of a number, or None beyond the range of FD.
pub fn double(text: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (-f64::MAX < number && number < f64::MAX).then_some(number)
}

/// The least double that rounds to no finite single.
pub const MAX_SINGLE: f64 = 3.402_823_567_797_336_6e38;

/// Return whether FL holds a number, exactly or in fewer decimal digits.
pub fn is_single(number: f64) -> bool {
    if !(-MAX_SINGLE < number && number < MAX_SINGLE) {
        return false;
    }
    let single = f64::from(number as f32);
    if single == number {
        return true;
    }
    let shortest = format!("{number:e}");
    let mantissa = shortest.split('e').next().unwrap_or("");
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    format!("{single:.*e}", digits.saturating_sub(1)).parse() == Ok(number)
}

/// Return the tag in a text of eight hexadecimal digits, and whether all letters are capitals; or None.
#[inline]
pub fn tag(text: &[u8; 8]) -> Option<(u32, bool)> {
    let mut tag = 0u32;
    let mut flags = 0u8;
    for &byte in text {
        let digit = HEXADECIMAL[byte as usize];
        flags |= digit;
        tag = tag << 4 | u32::from(digit & 15);
    }
    (flags & NO_DIGIT == 0).then_some((tag, flags & SMALL == 0))
}

const NO_DIGIT: u8 = 0x80;
const SMALL: u8 = 0x40;

static HEXADECIMAL: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = SMALL | value; // digits below have no case
        table[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    table
};

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = text {
        text = rest;
    }
    text
}
