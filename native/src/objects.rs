//! The objects of CPython that events consist of. The only module with unsafe code.

#![allow(unsafe_code)]
