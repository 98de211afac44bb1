//! DICOM JSON (PS3.18 Annex F).

pub mod boundaries;
mod habits;
mod member;
mod run;
mod skim;
mod skip;
pub(crate) mod text;
pub mod uid;
pub(crate) mod values;

pub use habits::{Found, Habit, Mark, Marks};
pub use run::{Before, Level, Limits, Place, Scratch, Sequence, State, Verdict, run};
pub use skim::skim;
pub use values::{is_decimal_string, is_integer_string, is_single};
