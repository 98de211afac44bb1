//! The properties of value fields by VR (PS3.5 6.2, 7.1.2).

use crate::vr::Vr;

/// What is stripped from the values of text, as pydicom does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Spaces and NUL at the end of the field, which is one value.
    OneValue,
    /// Spaces and NUL at the end of the field, and of values that end in NUL.
    End,
    /// Spaces and NUL at the end of each value.
    Ends,
    /// White space on both sides of each value, and NUL at the end.
    Both,
    /// White space and NUL at the end of the field, which is one value.
    Uri,
}

/// The content of a value field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Text, and whether Specific Character Set applies.
    Text(Padding, bool),
    PersonName,
    /// An integer of so many bytes.
    Unsigned(u8),
    Signed(u8),
    Single,
    Double,
    Tag,
    /// Bytes in words of so many bytes.
    Binary(u8),
    Sequence,
}

struct Row {
    name: [u8; 2],
    is_short: bool,
    field: Field,
}

const fn row(name: [u8; 2], is_short: bool, field: Field) -> Row {
    Row { name, is_short, field }
}

/// In the order of `Vr`.
static ROWS: [Row; Vr::COUNT] = {
    use Field::*;
    use Padding::*;
    [
        row(*b"AE", true, Text(Both, false)),
        row(*b"AS", true, Text(End, false)),
        row(*b"AT", true, Tag),
        row(*b"CS", true, Text(End, false)),
        row(*b"DA", true, Text(End, false)),
        row(*b"DS", true, Text(Both, false)),
        row(*b"DT", true, Text(End, false)),
        row(*b"FD", true, Double),
        row(*b"FL", true, Single),
        row(*b"IS", true, Text(Both, false)),
        row(*b"LO", true, Text(Ends, true)),
        row(*b"LT", true, Text(OneValue, true)),
        row(*b"OB", false, Binary(1)),
        row(*b"OD", false, Binary(8)),
        row(*b"OF", false, Binary(4)),
        row(*b"OL", false, Binary(4)),
        row(*b"OV", false, Binary(8)),
        row(*b"OW", false, Binary(2)),
        row(*b"PN", true, PersonName),
        row(*b"SH", true, Text(Ends, true)),
        row(*b"SL", true, Signed(4)),
        row(*b"SQ", false, Sequence),
        row(*b"SS", true, Signed(2)),
        row(*b"ST", true, Text(OneValue, true)),
        row(*b"SV", false, Signed(8)),
        row(*b"TM", true, Text(End, false)),
        row(*b"UC", false, Text(Ends, true)),
        row(*b"UI", true, Text(Both, false)),
        row(*b"UL", true, Unsigned(4)),
        row(*b"UN", false, Binary(1)),
        row(*b"UR", false, Text(Uri, false)),
        row(*b"US", true, Unsigned(2)),
        row(*b"UT", false, Text(OneValue, true)),
        row(*b"UV", false, Unsigned(8)),
    ]
};

/// Return whether the length has 16 bits in explicit VR.
#[inline]
pub fn is_short(vr: Vr) -> bool {
    ROWS[vr.index()].is_short
}

#[inline]
pub fn field_of(vr: Vr) -> Field {
    ROWS[vr.index()].field
}

/// Return whether the VR is the one of these letters.
#[inline]
pub fn is_named(vr: Vr, name: [u8; 2]) -> bool {
    ROWS[vr.index()].name == name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_the_order_of_vrs() {
        for vr in Vr::all() {
            assert!(is_named(vr, vr.name().as_bytes().try_into().unwrap()));
        }
    }
}
