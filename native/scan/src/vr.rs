//! Value representations (PS3.5 6.2).

/// A value representation, by its number in alphabetical order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vr(u8);

/// The form of a value in JSON (PS3.18 F.2.3), and its type in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text of several values, in which a backslash separates them.
    Text,
    /// Text of one value.
    SingleText,
    /// DS: the exact text of a number.
    Decimal,
    /// IS: the exact text of an integer.
    IntegerText,
    /// An integer of at most 32 bits.
    Integer,
    /// An integer of 64 bits, which JSON may have as a string.
    LongInteger,
    /// FL.
    Single,
    /// FD.
    Double,
    /// AT.
    Tag,
    /// PN.
    PersonName,
    /// Bytes in little endian.
    Binary,
    /// SQ.
    Sequence,
}

struct Row {
    name: &'static [u8; 2],
    form: Form,
    bulk: bool,
    least: i128,
    greatest: i128,
}

const fn row(name: &'static [u8; 2], form: Form, bulk: bool) -> Row {
    Row { name, form, bulk, least: 0, greatest: 0 }
}

const fn signed(name: &'static [u8; 2], form: Form, bits: u32) -> Row {
    Row { name, form, bulk: true, least: -(1 << (bits - 1)), greatest: (1 << (bits - 1)) - 1 }
}

const fn unsigned(name: &'static [u8; 2], form: Form, bits: u32) -> Row {
    Row { name, form, bulk: true, least: 0, greatest: (1 << bits) - 1 }
}

const ROWS: [Row; 34] = [
    row(b"AE", Form::Text, false),
    row(b"AS", Form::Text, false),
    row(b"AT", Form::Tag, false),
    row(b"CS", Form::Text, false),
    row(b"DA", Form::Text, false),
    row(b"DS", Form::Decimal, true),
    row(b"DT", Form::Text, false),
    row(b"FD", Form::Double, true),
    row(b"FL", Form::Single, true),
    signed(b"IS", Form::IntegerText, 32),
    row(b"LO", Form::Text, false),
    row(b"LT", Form::SingleText, true),
    row(b"OB", Form::Binary, true),
    row(b"OD", Form::Binary, true),
    row(b"OF", Form::Binary, true),
    row(b"OL", Form::Binary, true),
    row(b"OV", Form::Binary, true),
    row(b"OW", Form::Binary, true),
    row(b"PN", Form::PersonName, false),
    row(b"SH", Form::Text, false),
    signed(b"SL", Form::Integer, 32),
    row(b"SQ", Form::Sequence, false),
    signed(b"SS", Form::Integer, 16),
    row(b"ST", Form::SingleText, true),
    signed(b"SV", Form::LongInteger, 64),
    row(b"TM", Form::Text, false),
    row(b"UC", Form::Text, true),
    row(b"UI", Form::Text, false),
    unsigned(b"UL", Form::Integer, 32),
    row(b"UN", Form::Binary, true),
    row(b"UR", Form::SingleText, false),
    unsigned(b"US", Form::Integer, 16),
    row(b"UT", Form::SingleText, true),
    unsigned(b"UV", Form::LongInteger, 64),
];

const NONE: u8 = 0xFF;

static BY_NAME: [u8; 26 * 26] = {
    let mut table = [NONE; 26 * 26];
    let mut index = 0;
    while index < ROWS.len() {
        let name = ROWS[index].name;
        table[(name[0] - b'A') as usize * 26 + (name[1] - b'A') as usize] = index as u8;
        index += 1;
    }
    table
};

impl Vr {
    pub const LO: Vr = Vr(10);
    pub const CS: Vr = Vr(3);
    pub const PN: Vr = Vr(18);
    pub const SQ: Vr = Vr(21);
    pub const UN: Vr = Vr(29);

    /// The number of value representations.
    pub const COUNT: usize = ROWS.len();

    /// Return the VR of a name, or None.
    #[inline]
    pub fn of(name: [u8; 2]) -> Option<Vr> {
        let (first, second) = (name[0].wrapping_sub(b'A') as usize, name[1].wrapping_sub(b'A') as usize);
        if first >= 26 || second >= 26 {
            return None;
        }
        match BY_NAME[first * 26 + second] {
            NONE => None,
            index => Some(Vr(index)),
        }
    }

    /// Iterate over all, in alphabetical order.
    pub fn all() -> impl Iterator<Item = Vr> {
        (0..ROWS.len() as u8).map(Vr)
    }

    /// Return the number, below `COUNT`.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// Return the two letters.
    #[inline]
    pub fn name(self) -> &'static str {
        std::str::from_utf8(ROWS[self.index()].name).unwrap_or("")
    }

    /// Return the form.
    #[inline]
    pub fn form(self) -> Form {
        ROWS[self.index()].form
    }

    /// Return whether a BulkDataURI may stand for the value (PS3.18 F.2.2).
    #[inline]
    pub fn is_bulk(self) -> bool {
        ROWS[self.index()].bulk
    }

    /// Return whether Specific Character Set applies (PS3.5 6.1.2.2).
    #[inline]
    pub fn has_character_set(self) -> bool {
        matches!(ROWS[self.index()].name, b"LO" | b"LT" | b"PN" | b"SH" | b"ST" | b"UC" | b"UT")
    }

    /// Return whether an integer is in the range of the VR.
    #[inline]
    pub fn holds(self, number: i128) -> bool {
        let row = &ROWS[self.index()];
        row.least <= number && number <= row.greatest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_vr() {
        for vr in Vr::all() {
            assert_eq!(Vr::of(vr.name().as_bytes().try_into().unwrap()), Some(vr));
        }
        assert_eq!((Vr::LO.name(), Vr::PN.name(), Vr::SQ.name(), Vr::UN.name()), ("LO", "PN", "SQ", "UN"));
        assert_eq!(Vr::of(*b"ZZ"), None);
        assert_eq!(Vr::of(*b"sq"), None);
    }
}
