//! Common departures from DICOM JSON, which the scanner takes like canonical text and marks.

use std::fmt::Write;

use crate::json::run::{Sequence, State};
use crate::vr::Vr;

/// A departure, by its number in `HABITS` of `streamdicom/formats/json/habits.py`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    KeyForm,
    GroupLength,
    FileMeta,
    EmptyArray,
    EmptyString,
    NullOnly,
    EmptyAlphabetic,
    EmptyIdeographic,
    EmptyPhonetic,
    EmptyName,
    NumberAsString,
    InexactNumber,
    Keyword,
    Name,
    RawValue,
    KeyOrder,
}

/// The departures in an attribute that is not complete yet.
#[derive(Default)]
pub struct Found {
    /// Bits of the habits that are taken; others are odd.
    pub accepted: u32,
    pub habits: Vec<(Habit, usize)>,
}

impl Found {
    /// Note a habit at an index of the data; return false if it is not taken.
    #[inline]
    pub fn note(&mut self, habit: Habit, position: usize) -> bool {
        let is_taken = self.accepted >> (habit as u32) & 1 != 0;
        if is_taken {
            self.habits.push((habit, position));
        }
        is_taken
    }
}

/// A habit with its place.
#[derive(Clone, Debug)]
pub struct Mark {
    pub habit: Habit,
    pub vr: Option<Vr>,
    pub position: usize,
    /// The index of the data set.
    pub index: i64,
    /// The tags and the indices of items around it.
    pub path: String,
}

/// The departures in the attributes so far.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Each is kept with its place; otherwise only the bits are.
    pub are_kept: bool,
    pub bits: u32,
    pub marks: Vec<Mark>,
}

/// Add the departures in a complete attribute.
#[cold]
pub fn mark(state: &mut State, found: &mut Found, tag: u32, vr: Option<Vr>) {
    for (habit, position) in found.habits.drain(..) {
        state.marks.bits |= 1 << habit as u32;
        if state.marks.are_kept {
            let tag = if habit == Habit::KeyForm { None } else { Some(tag) };
            let path = path(&state.sequences, tag);
            state.marks.marks.push(Mark { habit, vr, position, index: state.index, path });
        }
    }
}

fn path(sequences: &[Sequence], tag: Option<u32>) -> String {
    let mut path = String::new();
    for sequence in sequences {
        let _ = write!(path, "{:08X}[{}].", sequence.tag, sequence.items); // a String takes everything
    }
    match tag {
        Some(tag) => {
            let _ = write!(path, "{tag:08X}");
        }
        None => {
            path.pop();
        }
    }
    path
}
