//! Scanners of DICOM JSON, XML and Part 10 and writers of them, without Python and without unsafe code.
//!
//! Each scanner takes what is canonical, stops at the first thing that it does not know, and returns the place. It
//! never fails and never panics, whatever the bytes. A handler receives what it takes.

#![forbid(unsafe_code)]

pub mod check;
pub mod encode;
pub mod filter;
pub mod handler;
pub mod json;
pub mod part10;
pub mod vr;
pub mod xml;
