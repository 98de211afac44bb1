//! A scanner of the Native DICOM Model (PS3.19 Annex A).

mod blocks;
mod element;
mod markup;
mod run;
mod skim;
mod text;

pub use blocks::{Blocks, is_creator};
pub use run::{Keywords, Level, Limits, Place, Scratch, Sequence, State, Verdict, run};
pub use skim::skim;
