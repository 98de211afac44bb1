//! Values to JSON text, to XML and to value fields.

mod attribute;
mod content;
mod field;
mod number;

pub use attribute::{Attribute, Choices, Nonfinite, NumberHandling};
pub use content::Content;
pub use field::Field;
pub use number::put_unsigned;

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
