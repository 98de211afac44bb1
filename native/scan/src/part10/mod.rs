//! The elements of DICOM files (PS3.5 7).

mod fields;
mod head;
mod run;
mod values;

pub use fields::is_short;
pub use head::{End, Wanted, read_head};
pub use run::{Encoding, Frame, MAX_WHOLE_VALUE, NO_END, Place, Surroundings, is_private_creator, run};
pub use values::{Repertoire, Scratch};
