//! Some elements of a DICOM file whose pixel data are not read.
//!
//! The headers of all elements before the pixel data are checked, and their values passed over.

use crate::handler::{Handler, Values};
use crate::part10::fields::{Field, field_of, is_named, is_short};
use crate::part10::run::MAX_WHOLE_VALUE;
use crate::part10::values::{Repertoire, Scratch, tag_of};
use crate::vr::Vr;

const PREAMBLE: usize = 128;
const UNDEFINED_LENGTH: u32 = u32::MAX;
const ITEM: u32 = 0xFFFE_E000;
const ITEM_DELIMITATION: u32 = 0xFFFE_E00D;
const SEQUENCE_DELIMITATION: u32 = 0xFFFE_E0DD;
const TRANSFER_SYNTAX_UID: u32 = 0x0002_0010;
const SPECIFIC_CHARACTER_SET: u32 = 0x0008_0005;
const PIXEL_DATA: u32 = 0x7FE0_0010;
const TRAILING_PADDING: u32 = 0xFFFC_FFFC;
const MAX_DEPTH: usize = 16;

const IMPLICIT: &[u8] = b"1.2.840.10008.1.2";
const EXPLICIT: &[u8] = b"1.2.840.10008.1.2.1";
const RLE: &[u8] = b"1.2.840.10008.1.2.5";
const ENCAPSULATED: &[u8] = b"1.2.840.10008.1.2.4.";
const NOT_ENCAPSULATED: [&[u8]; 4] = [b"94", b"95", b"204", b"205"]; // JPIP, some of them deflated

/// An element that is wanted, and its VR by the data dictionary.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub tag: u32,
    pub vr: Vr,
    /// Whether the VR depends on the tag alone.
    pub is_certain: bool,
}

/// How the file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The file holds all elements up to the pixel data, and the pixel data up to this offset.
    Whole(u64),
    /// The file ends with fragments of pixel data, whose last item was not looked at.
    Fragments,
    /// More of the file is needed.
    More,
    /// The file needs a closer look.
    Unknown,
}

/// Deliver an element event for each of the wanted elements that the data set has. Their tags ascend.
///
/// `head` is the start of the file, `size` the size of the file. The events count only if the result is `Whole` or
/// `Fragments`.
pub fn read_head<H: Handler>(head: &[u8], size: u64, wanted: &[Wanted], scratch: &mut Scratch, handler: &mut H) -> End {
    let mut walk = Walk { head, size, is_implicit: false, is_encapsulated: false };
    match walk.run(wanted, scratch, handler) {
        Ok(end) | Err(end) => end,
    }
}

struct Header {
    tag: u32,
    vr: Option<Vr>,
    start: usize,
    length: u32,
}

struct Walk<'a> {
    head: &'a [u8],
    size: u64,
    is_implicit: bool,
    is_encapsulated: bool,
}

impl<'a> Walk<'a> {
    fn run<H: Handler>(&mut self, wanted: &[Wanted], scratch: &mut Scratch, handler: &mut H) -> Result<End, End> {
        let mut pos = self.file_meta()?;
        let mut wanted = wanted.iter().peekable();
        let mut repertoire = Repertoire::Unknown;
        let mut highest = 0;
        while (pos as u64) < self.size {
            let Header { tag, vr, start, length } = self.header(pos)?;
            if tag <= highest || tag >> 16 < 8 || tag >> 16 == 0xFFFE {
                return Err(End::Unknown);
            }
            highest = tag;
            while wanted.next_if(|one| one.tag < tag).is_some() {}
            if tag >= 0x7FE0_0000 {
                return self.pixel_data(tag, start, length);
            }
            if length == UNDEFINED_LENGTH {
                if wanted.peek().is_some_and(|one| one.tag == tag) || !self.is_sequence(vr) {
                    return Err(End::Unknown);
                }
                pos = self.after_items(start, 0)?;
                continue;
            }
            if length & 1 == 1 {
                return Err(End::Unknown);
            }
            let stop = start + length as usize;
            if stop as u64 > self.size {
                return Err(End::Unknown);
            }
            if tag == SPECIFIC_CHARACTER_SET {
                repertoire = match trimmed(self.bytes(start, length as usize)?) {
                    b"ISO_IR 100" => Repertoire::Latin1,
                    b"ISO_IR 192" => Repertoire::Utf8,
                    _ => Repertoire::Unknown,
                };
            }
            if let Some(one) = wanted.next_if(|one| one.tag == tag) {
                let Some(vr) = vr.or_else(|| one.is_certain.then_some(one.vr)) else { return Err(End::Unknown) };
                if is_named(vr, *b"UN") || field_of(vr) == Field::Sequence || length > MAX_WHOLE_VALUE {
                    return Err(End::Unknown);
                }
                let field = self.bytes(start, length as usize)?;
                let values = if field.is_empty() {
                    Values::None
                } else {
                    scratch.values(vr, field, true, || repertoire).ok_or(End::Unknown)?
                };
                handler.element(tag, vr, values);
            }
            pos = stop;
        }
        Ok(End::Whole(pos as u64))
    }

    /// Read the file meta information; return its end.
    fn file_meta(&mut self) -> Result<usize, End> {
        if self.size < PREAMBLE as u64 + 16 || self.bytes(PREAMBLE, 4)? != b"DICM" {
            return Err(End::Unknown);
        }
        let mut pos = PREAMBLE + 4;
        if self.bytes(pos, 8)? != b"\x02\0\0\0UL\x04\0" {
            return Err(End::Unknown);
        }
        let end = pos + 12 + self.number(pos + 8)? as usize;
        if end as u64 > self.size {
            return Err(End::Unknown);
        }
        pos += 12;
        let mut highest = 0x0002_0000;
        let mut syntax: &[u8] = b"";
        while pos < end {
            let Header { tag, start, length, .. } = self.header(pos)?;
            if tag <= highest || tag >> 16 != 2 || length == UNDEFINED_LENGTH || length & 1 == 1 {
                return Err(End::Unknown);
            }
            highest = tag;
            if tag == TRANSFER_SYNTAX_UID {
                syntax = trimmed(self.bytes(start, length as usize)?);
            }
            pos = start + length as usize;
        }
        if pos != end {
            return Err(End::Unknown);
        }
        if let Some(last) = syntax.strip_prefix(ENCAPSULATED) {
            self.is_encapsulated = true;
            if NOT_ENCAPSULATED.contains(&last) {
                return Err(End::Unknown);
            }
        } else if syntax == RLE {
            self.is_encapsulated = true;
        } else if syntax == IMPLICIT {
            self.is_implicit = true;
            // The data set may have explicit VR all the same.
            if end as u64 + 8 <= self.size && Vr::of(self.array(end + 4)?).is_some() {
                return Err(End::Unknown);
            }
        } else if syntax != EXPLICIT {
            return Err(End::Unknown);
        }
        Ok(end)
    }

    fn pixel_data(&self, tag: u32, start: usize, length: u32) -> Result<End, End> {
        if length == UNDEFINED_LENGTH {
            return if tag == PIXEL_DATA && self.is_encapsulated { Ok(End::Fragments) } else { Err(End::Unknown) };
        }
        let end = start as u64 + u64::from(length);
        if tag == TRAILING_PADDING {
            return if end == self.size && length & 1 == 0 { Ok(End::Whole(end)) } else { Err(End::Unknown) };
        }
        let is_whole = tag == PIXEL_DATA && !self.is_encapsulated && end <= self.size;
        if is_whole && length & 1 == 0 { Ok(End::Whole(end)) } else { Err(End::Unknown) }
    }

    fn is_sequence(&self, vr: Option<Vr>) -> bool {
        vr.is_none_or(|vr| field_of(vr) == Field::Sequence)
    }

    /// Return the place after the items of a sequence of undefined length.
    fn after_items(&self, mut pos: usize, depth: usize) -> Result<usize, End> {
        if depth > MAX_DEPTH {
            return Err(End::Unknown);
        }
        loop {
            let (tag, length) = (self.tag(pos)?, self.number(pos + 4)?);
            pos += 8;
            match tag {
                SEQUENCE_DELIMITATION if length == 0 => return Ok(pos),
                ITEM if length == UNDEFINED_LENGTH => pos = self.after_item(pos, depth)?,
                ITEM if length & 1 == 0 => pos += length as usize,
                _ => return Err(End::Unknown),
            }
        }
    }

    fn after_item(&self, mut pos: usize, depth: usize) -> Result<usize, End> {
        loop {
            if self.tag(pos)? == ITEM_DELIMITATION {
                return if self.number(pos + 4)? == 0 { Ok(pos + 8) } else { Err(End::Unknown) };
            }
            let Header { tag, vr, start, length } = self.header(pos)?;
            if tag >> 16 == 0xFFFE {
                return Err(End::Unknown);
            }
            if length != UNDEFINED_LENGTH {
                pos = start + length as usize;
            } else if self.is_sequence(vr) {
                pos = self.after_items(start, depth + 1)?;
            } else {
                return Err(End::Unknown);
            }
        }
    }

    fn header(&self, pos: usize) -> Result<Header, End> {
        let tag = self.tag(pos)?;
        if self.is_implicit {
            return Ok(Header { tag, vr: None, start: pos + 8, length: self.number(pos + 4)? });
        }
        let vr = Vr::of(self.array(pos + 4)?).ok_or(End::Unknown)?;
        if is_short(vr) {
            let length = u32::from(u16::from_le_bytes(self.array(pos + 6)?));
            return Ok(Header { tag, vr: Some(vr), start: pos + 8, length });
        }
        if self.array::<2>(pos + 6)? != [0, 0] {
            return Err(End::Unknown);
        }
        Ok(Header { tag, vr: Some(vr), start: pos + 12, length: self.number(pos + 8)? })
    }

    fn tag(&self, pos: usize) -> Result<u32, End> {
        Ok(tag_of(self.array(pos)?, true))
    }

    fn number(&self, pos: usize) -> Result<u32, End> {
        Ok(u32::from_le_bytes(self.array(pos)?))
    }

    #[inline]
    fn array<const N: usize>(&self, pos: usize) -> Result<[u8; N], End> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.bytes(pos, N)?);
        Ok(bytes)
    }

    #[inline]
    fn bytes(&self, pos: usize, length: usize) -> Result<&'a [u8], End> {
        match pos.checked_add(length).and_then(|end| self.head.get(pos..end)) {
            Some(bytes) => Ok(bytes),
            None if (pos as u64).saturating_add(length as u64) > self.size => Err(End::Unknown),
            None => Err(End::More),
        }
    }
}

fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | 0] = text {
        text = rest;
    }
    text
}
