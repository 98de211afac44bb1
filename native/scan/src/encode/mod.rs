//! Values to JSON text, to XML and to value fields.

use crate::handler;

mod attribute;
mod chosen;
mod content;
mod field;
mod head;
mod json_output;
mod number;
mod part10_output;
mod position;
mod xml_output;

pub use attribute::{Attribute, Choices, Nonfinite, NumberHandling};
pub use chosen::{Around, Choice, Chosen, Path};
pub use content::Content;
pub use field::Field;
pub use head::{Head, Until};
pub use json_output::{JsonForm, JsonOutput};
pub use number::put_unsigned;
pub use part10_output::{Part10Form, Part10Output};
pub use position::{Begun, Position, UNCHANGED};
pub use xml_output::{KnownKeywords, XmlForm, XmlOutput};

/// Takes the values of an element one by one.
///
/// A method returns false for a value that the VR does not have, that would not be read back, or that the writer in
/// Python must see. The caller drops the element then.
pub trait Values {
    /// Add an empty value.
    fn null(&mut self) -> bool;
    /// Add text in UTF-8.
    fn text(&mut self, text: &[u8]) -> bool;
    fn integer(&mut self, number: i128) -> bool;
    fn float(&mut self, number: f64) -> bool;
    /// Add a person name by its component groups.
    fn name(&mut self, groups: [&[u8]; 3]) -> bool;
    /// Add bytes in little endian, which are the only value.
    fn binary(&mut self, bytes: &[u8]) -> bool;
}

/// Add the values of an event; return false if the writer in Python must see them.
#[inline]
pub fn put_values<V: Values>(to: &mut V, values: &handler::Values<'_>) -> bool {
    match values {
        handler::Values::None => true,
        handler::Values::Text(text) => to.text(text),
        handler::Values::Texts(texts) => texts.iter().all(|text| match text {
            Some(text) => to.text(text),
            None => to.null(),
        }),
        handler::Values::Integers(integers) => integers.iter().all(|integer| match integer {
            Some(integer) => to.integer(*integer),
            None => to.null(),
        }),
        handler::Values::Floats(floats) => floats.iter().all(|float| match float {
            Some(float) => to.float(*float),
            None => to.null(),
        }),
        handler::Values::Names(names) => names.iter().all(|name| match name {
            Some(groups) => to.name(groups),
            None => to.null(),
        }),
        handler::Values::Bytes(bytes) => to.binary(bytes),
    }
}
