//! Values to JSON text, as `streamdicom.formats.json.element_text`.

mod attribute;
mod number;

pub use attribute::{Attribute, Choices, Nonfinite, NumberHandling};
