//! JSON text that is passed over (RFC 8259): the attributes that are not wanted.

use crate::json::member::after;
use crate::json::run::{Limits, Place};
use crate::json::text::{Scan, Stop, blank, literal, number, plain_end, string};

/// The state in text that is passed over.
pub struct Skip<'a> {
    pub data: &'a [u8],
    /// The index after the last whole token.
    pub position: usize,
    /// What is expected there.
    pub place: Place,
    /// The brackets of the objects and arrays that are open, but for those around the text.
    pub open: &'a mut Vec<u8>,
    pub max_open: usize,
    pub limits: &'a Limits,
    pub scratch: &'a mut Vec<u8>,
}

impl Skip<'_> {
    /// Pass over the rest of what is open, or over one value.
    pub fn run(&mut self) -> Scan<()> {
        loop {
            if self.place == Place::SkipText {
                self.string(self.position)?;
            } else {
                self.step()?;
            }
            if self.open.is_empty() && self.place == Place::SkipAfter {
                return Ok(());
            }
        }
    }

    #[inline]
    fn step(&mut self) -> Scan<()> {
        let position = blank(self.data, self.position);
        let byte = *self.data.get(position).ok_or(Stop::Incomplete)?;
        match (self.place, byte) {
            (Place::SkipFirstName | Place::SkipName, b'"') => return self.name(position + 1),
            (Place::SkipAfter, b',') => {
                self.place = if self.open.last() == Some(&b'{') { Place::SkipName } else { Place::SkipValue };
            }
            (Place::SkipAfter | Place::SkipFirstName, b'}') if self.open.last() == Some(&b'{') => self.close(),
            (Place::SkipAfter | Place::SkipFirstValue, b']') if self.open.last() == Some(&b'[') => self.close(),
            (Place::SkipValue | Place::SkipFirstValue, _) => return self.value(position, byte),
            _ => return Err(Stop::Odd),
        }
        self.position = position + 1;
        Ok(())
    }

    fn close(&mut self) {
        self.open.pop();
        self.place = Place::SkipAfter;
    }

    #[inline]
    fn name(&mut self, start: usize) -> Scan<()> {
        self.scratch.clear();
        let (_, end) = string(self.data, start, self.scratch, self.limits.segment_size)?;
        self.position = after(self.data, end, b':')?;
        self.place = Place::SkipValue;
        Ok(())
    }

    #[inline]
    fn value(&mut self, position: usize, byte: u8) -> Scan<()> {
        let end = match byte {
            b'"' => return self.string(position + 1),
            b'{' | b'[' => {
                if self.open.len() >= self.max_open {
                    return Err(Stop::Odd);
                }
                self.open.push(byte);
                self.place = if byte == b'{' { Place::SkipFirstName } else { Place::SkipFirstValue };
                self.position = position + 1;
                return Ok(());
            }
            b'n' => literal(self.data, position, b"null")?,
            b't' => literal(self.data, position, b"true")?,
            b'f' => literal(self.data, position, b"false")?,
            _ => number(self.data, position, self.limits.number_length)?,
        };
        if !matches!(self.data.get(end), Some(b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t')) {
            return Err(Stop::Odd); // the word goes on
        }
        self.position = end;
        self.place = Place::SkipAfter;
        Ok(())
    }

    /// Pass over a string, or the rest of one. A long one may be cut at any character that is ASCII.
    #[inline]
    fn string(&mut self, start: usize) -> Scan<()> {
        self.scratch.clear();
        match string(self.data, start, self.scratch, usize::MAX) {
            Ok((_, end)) => {
                self.position = end;
                self.place = Place::SkipAfter;
                Ok(())
            }
            Err(stop) => {
                if stop == Stop::Incomplete && plain_end(self.data, start) == (self.data.len(), true) {
                    self.position = self.data.len();
                    self.place = Place::SkipText;
                }
                Err(stop)
            }
        }
    }
}
