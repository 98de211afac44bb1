//! Numbers as text.

/// Append a finite number as `repr` of Python writes it: the shortest digits that lead back to it.
pub fn put_float(out: &mut Vec<u8>, number: f64) {
    if number.fract() == 0.0 && number.abs() < 1e15 && (number != 0.0 || number.is_sign_positive()) {
        put_integer(out, number as i64);
        out.extend_from_slice(b".0");
        return;
    }
    // The digits are the same; the exponent has two digits and a sign, and begins at 1e-05.
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(number).as_bytes();
    let text = match text {
        [b'-', text @ ..] => {
            out.push(b'-');
            text
        }
        text => text,
    };
    if let Some(at) = memchr::memchr(b'e', text) {
        out.extend_from_slice(&text[..=at]);
        let digits = match &text[at + 1..] {
            [b'-', digits @ ..] => {
                out.push(b'-');
                digits
            }
            digits => {
                out.push(b'+');
                digits
            }
        };
        if digits.len() == 1 {
            out.push(b'0');
        }
        out.extend_from_slice(digits);
    } else if let Some([first, others @ ..]) = text.strip_prefix(b"0.0000") {
        out.push(*first);
        if !others.is_empty() {
            out.push(b'.');
            out.extend_from_slice(others);
        }
        out.extend_from_slice(b"e-05");
    } else {
        out.extend_from_slice(text);
    }
}

pub fn put_integer(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    put_unsigned(out, number.unsigned_abs());
}

pub fn put_unsigned(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Return whether a text is a number of RFC 8259, without fraction and exponent if it must be an integer.
pub fn is_number(text: &[u8], is_integer: bool) -> bool {
    let rest = text.strip_prefix(b"-").unwrap_or(text);
    let mut rest = match rest {
        [b'0', rest @ ..] => rest,
        [b'1'..=b'9', rest @ ..] => after_digits(rest),
        _ => return false,
    };
    if is_integer {
        return rest.is_empty();
    }
    if let [b'.', b'0'..=b'9', others @ ..] = rest {
        rest = after_digits(others);
    }
    if let [b'e' | b'E', others @ ..] = rest {
        let others = if let [b'+' | b'-', others @ ..] = others { others } else { others };
        let [b'0'..=b'9', others @ ..] = others else {
            return false;
        };
        rest = after_digits(others);
    }
    rest.is_empty()
}

fn after_digits(mut text: &[u8]) -> &[u8] {
    while let [b'0'..=b'9', rest @ ..] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repr(number: f64) -> String {
        let mut out = Vec::new();
        put_float(&mut out, number);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (number, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.5, "1.5"),
            (-12.0, "-12.0"),
            (123456.75, "123456.75"),
            (1e15, "1000000000000000.0"),
            (9007199254740993.0, "9007199254740992.0"),
            (1e16, "1e+16"),
            (1.5e-5, "1.5e-05"),
            (1e-5, "1e-05"),
            (-1.25e-7, "-1.25e-07"),
            (1.5e300, "1.5e+300"),
            (-180.53579711914062, "-180.53579711914062"), // between two numbers of as many digits, of which one is even
            (0.0001, "0.0001"),
            (0.00012345, "0.00012345"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (0.1f32 as f64, "0.10000000149011612"),
        ] {
            assert_eq!(repr(number), text);
        }
    }

    #[test]
    fn numbers_are_those_of_json() {
        for text in ["0", "-0", "10", "1.50", "-0.5e+07", "1E5"] {
            assert!(is_number(text.as_bytes(), false), "{text}");
        }
        for text in ["", "-", "01", "+1", "1.", ".5", "1e", "1e+", " 1", "1 ", "0x1", "1.5.5"] {
            assert!(!is_number(text.as_bytes(), false), "{text}");
        }
        assert!(is_number(b"-17", true) && !is_number(b"1.0", true) && !is_number(b"1e3", true));
    }
}
