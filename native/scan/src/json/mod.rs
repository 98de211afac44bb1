//! DICOM JSON (PS3.18 Annex F).

mod member;
mod run;
mod skim;
mod text;
mod values;

pub use run::{Level, Limits, Place, Scratch, Sequence, State, Verdict, run};
pub use skim::skim;
