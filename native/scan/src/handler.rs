//! The events of a scanner, and the values in them.

use crate::vr::Vr;

/// Receives the events of a scanner in the order of the stream.
pub trait Handler {
    /// The next events begin at this index of the data.
    fn at(&mut self, _position: usize) {}
    /// What becomes of the next attribute. No event is made of one that is passed over.
    #[inline]
    fn wish(&mut self, _tag: u32) -> Wish {
        Wish::Take
    }
    /// Whether the scanner should stop after the last event.
    #[inline]
    fn pauses(&self) -> bool {
        false
    }
    /// Return whether the last element, or the last sequence that started, was refused and has changed nothing; forget
    /// it. The scanner stops before it then.
    fn has_refused(&mut self) -> bool {
        false
    }
    fn start_dataset(&mut self, index: i64);
    fn end_dataset(&mut self);
    fn start_sequence(&mut self, tag: u32);
    fn start_item(&mut self, tag: u32, index: i64);
    fn end_item(&mut self, tag: u32);
    fn end_sequence(&mut self, tag: u32);
    fn element(&mut self, tag: u32, vr: Vr, values: Values<'_>);
    /// A long value in parts begins; its VR may follow.
    fn start_element(&mut self, tag: u32, vr: Option<Vr>);
    /// A part of the bytes of a long value.
    fn segment(&mut self, tag: u32, vr: Option<Vr>, bytes: &[u8], is_last: bool);
    fn end_element(&mut self, tag: u32, vr: Vr);
    /// A reference to bulk data; the URI is UTF-8.
    fn bulk_data(&mut self, tag: u32, vr: Vr, uri: &[u8]);
}

/// What becomes of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Take,
    PassOver,
    /// The scanner stops before it.
    Leave,
}

/// The values of an element. Texts are UTF-8.
pub enum Values<'a> {
    None,
    Text(&'a [u8]),
    Texts(Texts<'a>),
    Integers(&'a [Option<i128>]),
    Floats(&'a [Option<f64>]),
    Names(Names<'a>),
    Bytes(&'a [u8]),
}

impl Values<'_> {
    /// Return the number of values.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Values::None => 0,
            Values::Text(_) | Values::Bytes(_) => 1,
            Values::Texts(texts) => texts.len(),
            Values::Integers(integers) => integers.len(),
            Values::Floats(floats) => floats.len(),
            Values::Names(names) => names.len(),
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A part of the data, or of the texts whose escapes are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
    pub kind: Kind,
}

/// The kind of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    Number,
    /// A string without escapes.
    String,
    /// A string that had escapes.
    Resolved,
}

/// Where the texts of spans are.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub data: &'a [u8],
    pub resolved: &'a [u8],
}

impl<'a> Source<'a> {
    /// Return the text of a span, or None for null.
    #[inline]
    pub fn text(&self, span: Span) -> Option<&'a [u8]> {
        match span.kind {
            Kind::Null => None,
            Kind::Resolved => self.resolved.get(span.start..span.end),
            _ => self.data.get(span.start..span.end),
        }
    }
}

/// Several texts; None for an empty one.
pub struct Texts<'a> {
    pub source: Source<'a>,
    pub spans: &'a [Span],
}

impl<'a> Texts<'a> {
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = Option<&'a [u8]>> + '_ {
        self.spans.iter().map(|span| self.source.text(*span))
    }
}

/// Person names, each of three groups; None for an empty one.
pub struct Names<'a> {
    pub source: Source<'a>,
    pub spans: &'a [[Span; 3]],
}

impl<'a> Names<'a> {
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Iterate over the names; an empty group is an empty text.
    pub fn iter(&self) -> impl Iterator<Item = Option<[&'a [u8]; 3]>> + '_ {
        self.spans.iter().map(|groups| {
            let texts = groups.map(|span| self.source.text(span));
            if texts.iter().all(Option::is_none) { None } else { Some(texts.map(Option::unwrap_or_default)) }
        })
    }
}
