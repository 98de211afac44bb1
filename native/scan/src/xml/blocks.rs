//! Private blocks (PS3.5 7.8.1), which are not part of tags in XML (PS3.19 A.1.5).

const FIRST: u8 = 0x10;
const UNKNOWN: i64 = -2; // a group
const MAX_CREATOR_LENGTH: usize = 256; // characters, as in private_blocks.py

/// The reserved blocks of the current private group, in a data set or an item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    pub group: i64,
    /// The blocks in the order in which they were reserved, with their creators.
    pub creators: Vec<(u8, String)>,
}

/// Return true for the tag of a Private Creator: (gggg,0010-00FF), gggg odd.
#[inline]
pub fn is_creator(tag: u32) -> bool {
    tag & 0x1_0000 != 0 && (u32::from(FIRST)..=0xFF).contains(&(tag & 0xFFFF))
}

impl Blocks {
    pub const NONE: Blocks = Blocks { group: -1, creators: Vec::new() };

    /// Return false if Python has not passed the blocks, and must see every private element that depends on them.
    pub fn are_known(&self) -> bool {
        self.group != UNKNOWN
    }

    /// Reserve a block; an empty or too long creator reserves nothing.
    pub fn reserve(&mut self, tag: u32, creator: &str) {
        self.enter(tag);
        let creator = creator.trim_matches([' ', '\0']);
        let length = creator.chars().count();
        if 0 < length && length <= MAX_CREATOR_LENGTH {
            let block = tag as u8;
            self.creators.retain(|(other, _)| *other != block);
            self.creators.push((block, creator.to_owned()));
        }
    }

    /// Return the tag of an element in the block of its creator; None if Python must choose the block.
    pub fn with_block(&self, tag: u32, creator: &str) -> Option<u32> {
        if self.group != i64::from(tag >> 16) {
            return None;
        }
        let mut own = self.creators.iter().filter(|(_, other)| other == creator).map(|(block, _)| *block);
        let first = own.next()?;
        let block = (tag >> 8) as u8;
        if block >= FIRST {
            let is_own = block == first || own.any(|other| other == block);
            return if is_own { Some(tag) } else { None };
        }
        if own.next().is_some() { None } else { Some(tag & 0xFFFF_00FF | u32::from(first) << 8) }
    }

    /// Return the creator of the block that a tag is in, or empty.
    pub fn creator(&self, tag: u32) -> &str {
        let block = if tag & 0xFF00 == 0 { tag as u8 } else { (tag >> 8) as u8 };
        let creators = if self.group == i64::from(tag >> 16) { self.creators.as_slice() } else { &[] };
        creators.iter().find(|(other, _)| *other == block).map_or("", |(_, creator)| creator)
    }

    /// Return a tag in the form gggg00ee if its creator has one block, else as it is.
    pub fn without_block(&self, tag: u32) -> u32 {
        let creator = self.creator(tag);
        let is_one = self.creators.iter().filter(|(_, other)| other == creator).count() == 1;
        if creator.is_empty() || !is_one { tag } else { tag & 0xFFFF_00FF }
    }

    fn enter(&mut self, tag: u32) {
        let group = i64::from(tag >> 16);
        if group != self.group {
            self.group = group;
            self.creators.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_in_the_block_of_their_creator() {
        let mut blocks = Blocks::NONE;
        assert_eq!(blocks.with_block(0x0009_0001, "ACME"), None);
        blocks.reserve(0x0009_0011, " ACME \0");
        assert_eq!(blocks.with_block(0x0009_0001, "ACME"), Some(0x0009_1101));
        assert_eq!(blocks.with_block(0x0009_1101, "ACME"), Some(0x0009_1101));
        assert_eq!(blocks.with_block(0x0009_1201, "ACME"), None);
        assert_eq!(blocks.with_block(0x0009_0001, "OTHER"), None);
        assert_eq!(blocks.with_block(0x000B_0001, "ACME"), None);
        assert_eq!((blocks.creator(0x0009_1101), blocks.creator(0x0009_1201)), ("ACME", ""));
        assert_eq!((blocks.without_block(0x0009_1101), blocks.without_block(0x0009_1201)), (0x0009_0001, 0x0009_1201));
        blocks.reserve(0x0009_0012, "ACME");
        assert_eq!(blocks.without_block(0x0009_1101), 0x0009_1101);
        assert_eq!(blocks.with_block(0x0009_0001, "ACME"), None);
        assert_eq!(blocks.with_block(0x0009_1201, "ACME"), Some(0x0009_1201));
        blocks.reserve(0x0009_0013, &"x".repeat(257));
        assert_eq!(blocks.creators.len(), 2);
        blocks.reserve(0x000B_0010, "B");
        assert_eq!(blocks, Blocks { group: 0x000B, creators: vec![(0x10, "B".to_owned())] });
    }

    #[test]
    fn creators_are_known_by_their_tag() {
        assert!(is_creator(0x0009_0010) && is_creator(0x0009_00FF));
        assert!(!is_creator(0x0009_000F) && !is_creator(0x0008_0010) && !is_creator(0x0009_1010));
    }
}
