//! The innermost loop of the parser of DICOM files, as `part10_run` of `streamdicom.formats.part10.runs`.

use crate::handler::{Handler, Values};
use crate::part10::fields::{Field, field_of, is_named, is_short};
use crate::part10::values::{Repertoire, Scratch, tag_of};
use crate::vr::Vr;

/// The offset of an end that only a delimiter marks; greater than every other offset.
pub const NO_END: i64 = i64::MAX;

/// Bytes of a value that the parser delivers in one event.
pub const MAX_WHOLE_VALUE: u32 = 64 * 1024;

const UNDEFINED_LENGTH: u32 = u32::MAX;
const ODD_OR_LONG: u32 = !0xFFFE;
const ITEM: u32 = 0xFFFE_E000;
const ITEM_DELIMITATION: u32 = 0xFFFE_E00D;
const SEQUENCE_DELIMITATION: u32 = 0xFFFE_E0DD;
const SPECIFIC_CHARACTER_SET: u32 = 0x0008_0005;
const PIXEL_REPRESENTATION: u32 = 0x0028_0103;
const LUT_DESCRIPTOR: u32 = 0x0028_3002;

/// The layout of data elements (PS3.5 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    pub is_implicit: bool,
    pub is_little_endian: bool,
}

/// An open data set or item, as `Context` in Python. Offsets count from the start of the file.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// The highest tag so far, or -1.
    pub last: i64,
    /// The offset of the first element.
    pub start: i64,
    /// The offset after the last byte, or `NO_END`.
    pub end: i64,
    /// The offset that the elements must not pass.
    pub limit: i64,
    /// The least end of the sequences around it. Python handles elements that pass it.
    pub reach: i64,
    /// The tag of the open sequence, and the number of its items.
    pub tag: u32,
    pub items: i64,
    /// The offset of the value of that sequence if the buffer holds it whole, or -1.
    pub sequence_start: i64,
    pub sequence_end: i64,
    /// True if the VR of that sequence is from the file or the standard.
    pub is_public: bool,
    /// The tags that were read.
    pub seen: Vec<u32>,
}

/// What an element means by those around it.
pub trait Surroundings {
    /// Return the number of bytes to assume in a buffer; short sequences are read only if it holds them whole.
    fn size(&self, size: usize) -> usize {
        size
    }

    /// Return the VR of an element in implicit VR, if it depends on the tag only.
    fn vr(&mut self, tag: u32) -> Option<Vr>;

    /// Return the VR of an element whose VR in the file is UN, if it depends on the tag only.
    fn vr_of_un(&mut self, _tag: u32) -> Option<Vr> {
        None
    }

    /// Return the character set of text beyond ASCII.
    fn repertoire(&mut self) -> Repertoire;

    /// Note the character set of the innermost data set or item; return false if Python must see it.
    fn set_repertoire(&mut self, _repertoire: Repertoire) -> bool {
        false
    }

    /// Note an element of the innermost frame that changes the meaning of later ones; the handler has it already.
    fn learn(&mut self, tag: u32, vr: Vr, field: &[u8]);

    /// Note the start of an item.
    fn enter(&mut self);

    /// Note the end of an item, unless `leave` was called for it.
    fn exit(&mut self);

    /// Return the frame around the one that the loop began with, whose item ends; and whether its elements have the
    /// same layout.
    fn leave(&mut self) -> Option<(Frame, bool)>;
}

/// Where the loop stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub pos: usize,
    /// True in a sequence, before an item or the end of the sequence.
    pub is_item_due: bool,
}

/// Reads short elements, and the sequences and items around them.
///
/// `frames` holds the innermost frame; the loop adds the items that start. `outer` is the number of frames around
/// it, `max_outer` the number of frames around a data set or item in which no further sequence may start.
#[allow(clippy::too_many_arguments)]
pub fn run<S: Surroundings, H: Handler>(
    buffer: &[u8],
    place: Place,
    base: i64,
    encoding: Encoding,
    in_file_meta: bool,
    frames: &mut Vec<Frame>,
    mut outer: usize,
    max_outer: usize,
    scratch: &mut Scratch,
    around: &mut S,
    handler: &mut H,
) -> Place {
    let Place { mut pos, mut is_item_due } = place;
    let mut spares: Vec<Vec<u32>> = Vec::new();
    let size = buffer.len();
    let little = encoding.is_little_endian;
    let Some(mut frame) = frames.pop() else {
        return place;
    };
    if pos > size {
        frames.push(frame);
        return place;
    }
    loop {
        if !is_item_due {
            let mut last = end_of(&frame, base, size);
            let mut sequence: Option<(u32, usize)> = None; // its tag and the size of its header
            let mut highest = frame.last;
            while pos + 8 <= last {
                let head = array::<8>(buffer, pos);
                let tag = tag_of([head[0], head[1], head[2], head[3]], little);
                let group = tag >> 16;
                if i64::from(tag) <= highest || group == 0xFFFE || (group == 2) != in_file_meta {
                    break;
                }
                let (vr, header, length);
                let mut is_guess = false;
                if encoding.is_implicit {
                    if group & 1 == 1 || tag == 0 {
                        break;
                    }
                    let Some(found) = around.vr(tag) else { break };
                    (vr, header) = (found, 8);
                    length = number_32([head[4], head[5], head[6], head[7]], little);
                } else {
                    let Some(found) = Vr::of([head[4], head[5]]) else { break };
                    is_guess = is_named(found, *b"UN");
                    vr = if !is_guess {
                        found
                    } else if let Some(known) = known_vr(tag, in_file_meta || !little, around) {
                        known
                    } else {
                        break;
                    };
                    if is_short(found) {
                        header = 8;
                        length = u32::from(number_16([head[6], head[7]], little));
                    } else {
                        if pos + 12 > last {
                            break;
                        }
                        header = 12;
                        length = number_32(array(buffer, pos + 8), little);
                    }
                }
                if field_of(vr) == Field::Sequence {
                    if !in_file_meta && (group & 1 == 0) {
                        sequence = Some((tag, header));
                    }
                    break;
                }
                let is_group_length = tag & 0xFFFF == 0;
                if in_file_meta && is_group_length && !(highest < 0 && is_named(vr, *b"UL") && length == 4) {
                    break;
                }
                let start = pos + header;
                if length & ODD_OR_LONG != 0 || start + length as usize > last {
                    break;
                }
                let stop = start + length as usize;
                let field = &buffer[start..stop];
                let values = if field.is_empty() {
                    Some(Values::None)
                } else {
                    scratch.values(vr, field, little, || around.repertoire())
                };
                let Some(values) = values else { break };
                if is_guess && !is_plain(vr, field) {
                    break;
                }
                if tag == SPECIFIC_CHARACTER_SET {
                    let Some(repertoire) = repertoire_of(vr, field) else { break };
                    if !around.set_repertoire(repertoire) {
                        break;
                    }
                }
                if in_file_meta && is_group_length {
                    frame.limit = base + stop as i64 + i64::from(number_32(array(buffer, start), little));
                    last = frame.limit.saturating_sub(base).clamp(0, size as i64) as usize;
                }
                handler.at(pos);
                handler.element(tag, vr, values);
                if handler.has_refused() {
                    break;
                }
                if is_learned(tag) {
                    around.learn(tag, vr, field);
                }
                frame.seen.push(tag);
                highest = i64::from(tag);
                pos = stop;
            }
            frame.last = highest;
            let offset = base + pos as i64;
            let is_delimited = frame.end == NO_END
                && outer > 0
                && pos + 8 <= last
                && tag_of(array(buffer, pos), little) == ITEM_DELIMITATION;
            if offset == frame.end || is_delimited {
                let mut is_same = true;
                let outside = match frames.pop() {
                    Some(outside) => {
                        around.exit();
                        outside
                    }
                    None => match around.leave() {
                        Some((outside, same)) => {
                            is_same = same;
                            outside
                        }
                        None => break,
                    },
                };
                outer -= 1;
                if is_delimited {
                    pos += 8;
                }
                let mut seen = std::mem::replace(&mut frame, outside).seen;
                seen.clear();
                spares.push(seen);
                handler.at(pos);
                handler.end_item(frame.tag);
                if !is_same {
                    is_item_due = true;
                    break;
                }
            } else if let Some((tag, header)) = sequence {
                if outer >= max_outer {
                    break;
                }
                let start = pos + header;
                let length = number_32(array(buffer, start - 4), little);
                let mut sequence_start = base + start as i64;
                let mut sequence_end = sequence_start + i64::from(length);
                if length == UNDEFINED_LENGTH {
                    (sequence_start, sequence_end) = (-1, NO_END);
                } else if length & 1 == 1 {
                    break;
                } else if length > MAX_WHOLE_VALUE && sequence_end <= frame.limit {
                    sequence_start = -1;
                } else if start + length as usize > end_of(&frame, base, around.size(size)) {
                    break;
                }
                handler.at(pos);
                handler.start_sequence(tag);
                if handler.has_refused() {
                    break;
                }
                frame.seen.push(tag);
                frame.last = i64::from(tag);
                frame.tag = tag;
                frame.items = 0;
                frame.sequence_start = sequence_start;
                frame.sequence_end = sequence_end;
                frame.is_public = true;
                pos = start;
            } else {
                break;
            }
        }
        is_item_due = true;
        let offset = base + pos as i64;
        handler.at(pos);
        if offset == frame.sequence_end {
            handler.end_sequence(frame.tag);
            is_item_due = false;
            continue;
        }
        if pos + 8 > size || !frame.is_public {
            break;
        }
        let tag = tag_of(array(buffer, pos), little);
        let length = number_32(array(buffer, pos + 4), little);
        let start = offset + 8;
        if tag == ITEM {
            let (mut end, mut limit) = (NO_END, frame.limit);
            if length == UNDEFINED_LENGTH {
                if start > frame.sequence_end || start > limit {
                    break;
                }
            } else {
                end = start + i64::from(length);
                if end > frame.sequence_end || end > limit {
                    break;
                }
                limit = end;
            }
            handler.start_item(frame.tag, frame.items);
            around.enter();
            frame.items += 1;
            let reach = frame.reach.min(frame.sequence_end);
            let seen = spares.pop().unwrap_or_default();
            let item = Frame { last: -1, start, end, limit, reach, seen, ..Frame::default() };
            frames.push(std::mem::replace(&mut frame, item));
            outer += 1;
        } else if tag == SEQUENCE_DELIMITATION && frame.sequence_end == NO_END && start <= frame.limit {
            handler.end_sequence(frame.tag);
        } else {
            break;
        }
        pos += 8;
        is_item_due = false;
    }
    frames.push(frame);
    Place { pos, is_item_due }
}

/// Return the index in a buffer of a size that the elements of a frame must not pass.
#[inline]
fn end_of(frame: &Frame, base: i64, size: usize) -> usize {
    frame.limit.min(frame.reach).saturating_sub(base).clamp(0, size as i64) as usize
}

#[inline]
fn array<const N: usize>(buffer: &[u8], pos: usize) -> [u8; N] {
    let mut bytes = [0; N];
    if let Some(found) = buffer.get(pos..pos + N) {
        bytes.copy_from_slice(found);
    }
    bytes
}

#[inline]
fn number_16(bytes: [u8; 2], little: bool) -> u16 {
    if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }
}

#[inline]
fn number_32(bytes: [u8; 4], little: bool) -> u32 {
    if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
}

/// Return whether an element changes the meaning of later ones.
#[inline]
pub fn is_learned(tag: u32) -> bool {
    tag == PIXEL_REPRESENTATION || tag == LUT_DESCRIPTOR || tag == SPECIFIC_CHARACTER_SET || is_private_creator(tag)
}

/// Return the VR of an element whose VR in the file is UN (PS3.5 6.2.2), or None if it depends on more than the tag.
#[cold]
fn known_vr<S: Surroundings>(tag: u32, is_unusual: bool, around: &mut S) -> Option<Vr> {
    let is_private = tag & 0x1_0000 != 0;
    if is_unusual || is_private || tag == 0 {
        return None;
    }
    around.vr_of_un(tag).filter(|vr| field_of(*vr) != Field::Sequence)
}

/// Return whether a field is evidently of its VR: text is printable ASCII, apart from padding.
#[cold]
fn is_plain(vr: Vr, field: &[u8]) -> bool {
    let end = field.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |last| last + 1);
    !matches!(field_of(vr), Field::Text(..) | Field::PersonName)
        || field[..end].iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Return the repertoire by Specific Character Set (PS3.3 C.12.1.1.2), or None for a value that needs a closer look.
fn repertoire_of(vr: Vr, field: &[u8]) -> Option<Repertoire> {
    if !is_named(vr, *b"CS") {
        return None;
    }
    let term = field.strip_suffix(b" ").unwrap_or(field);
    let number = term.strip_prefix(b"ISO_IR ")?;
    match number {
        b"100" => Some(Repertoire::Latin1),
        b"192" => Some(Repertoire::Utf8),
        b"13" | b"101" | b"109" | b"110" | b"126" | b"127" | b"138" | b"144" | b"148" | b"166" => {
            Some(Repertoire::Unknown)
        }
        _ => None,
    }
}

/// Return whether an element reserves a block of private elements (PS3.5 7.8.1).
#[inline]
pub fn is_private_creator(tag: u32) -> bool {
    tag & 0x1_0000 != 0 && (0x10..=0xFF).contains(&(tag & 0xFFFF))
}
