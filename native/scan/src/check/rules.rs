//! The rules of elements: their VRs and the possible numbers of their values.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};

use crate::handler::Values;
use crate::vr::Vr;

/// The creator of a private block by its number, or the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creator(u16);

impl Creator {
    pub const STANDARD: Creator = Creator(0);
}

const MAX_CREATORS: usize = 4096;
const MAX_TERMS: usize = 256;

/// Possible numbers of values. An element may also be empty.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    pub least: u64,
    pub most: u64,
    /// The number is a multiple of it.
    pub step: u64,
}

impl Counts {
    #[inline]
    pub fn allow(self, count: usize) -> bool {
        let count = count as u64;
        count == 0
            || (self.least <= count
                && count <= self.most
                && (self.step == 1 || count.checked_rem(self.step) == Some(0)))
    }
}

/// The rules that Python has found so far.
#[derive(Default)]
pub struct Rules {
    rules: HashMap<u64, Counts, Seed>,
    creators: HashMap<Vec<u8>, Creator>,
    names: Vec<Vec<u8>>,
    /// Values of Specific Character Set, with backslashes between them.
    terms: HashSet<Vec<u8>>,
}

impl Rules {
    /// Add a rule of the standard, or of a private block if the creator is not empty.
    pub fn learn(&mut self, creator: &str, tag: u32, vr: Vr, counts: Counts) {
        let creator = if creator.is_empty() { Some(Creator::STANDARD) } else { self.number_of(creator.as_bytes()) };
        if let Some(creator) = creator {
            self.rules.insert(key(creator, tag, vr), counts);
        }
    }

    fn number_of(&mut self, name: &[u8]) -> Option<Creator> {
        if let Some(creator) = self.creators.get(name) {
            return Some(*creator);
        }
        if self.creators.len() == MAX_CREATORS {
            return None;
        }
        let creator = Creator(u16::try_from(self.creators.len() + 1).ok()?);
        self.creators.insert(name.to_vec(), creator);
        self.names.push(name.to_vec());
        Some(creator)
    }

    /// Add defined terms of Specific Character Set, with backslashes between them.
    pub fn learn_terms(&mut self, terms: &str) {
        if self.terms.len() < MAX_TERMS {
            self.terms.insert(terms.as_bytes().to_vec());
        }
    }

    /// Return whether the values of Specific Character Set are known to be defined terms.
    pub fn have_terms(&self, values: &Values<'_>) -> bool {
        match values {
            Values::Text(term) => self.terms.contains(*term),
            Values::Texts(terms) => {
                let terms: Vec<&[u8]> = terms.iter().map(Option::unwrap_or_default).collect();
                self.terms.contains(&terms.join(&b'\\'))
            }
            _ => false,
        }
    }

    /// Forget all rules.
    pub fn clear(&mut self) {
        self.rules.clear();
        self.creators.clear();
        self.names.clear();
        self.terms.clear();
    }

    /// Return the creator of a value of Private Creator, if it has rules.
    pub fn creator(&self, mut value: &[u8]) -> Option<Creator> {
        while let [b' ', rest @ ..] | [rest @ .., b' '] = value {
            value = rest;
        }
        self.creators.get(value).copied()
    }

    /// Return the name of a creator.
    pub fn name(&self, creator: Creator) -> &[u8] {
        self.names.get(usize::from(creator.0).wrapping_sub(1)).map_or(b"", Vec::as_slice)
    }

    #[inline]
    pub fn counts(&self, creator: Creator, tag: u32, vr: Vr) -> Option<Counts> {
        self.rules.get(&key(creator, tag, vr)).copied()
    }
}

#[inline]
fn key(creator: Creator, tag: u32, vr: Vr) -> u64 {
    u64::from(creator.0) << 40 | u64::from(tag) << 8 | vr.index() as u64
}

/// A fast hash of integers that input cannot foresee.
struct Seed(u64);

impl Default for Seed {
    fn default() -> Seed {
        Seed(RandomState::new().hash_one(0))
    }
}

impl BuildHasher for Seed {
    type Hasher = Folded;

    #[inline]
    fn build_hasher(&self) -> Folded {
        Folded(self.0)
    }
}

struct Folded(u64);

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number) * 0x9E37_79B9_7F4A_7C15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
