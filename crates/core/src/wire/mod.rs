//! The formats that leave the program, by version.
//!
//! A plan file, `--json` and a journal record are the same types. Within a version fields are only added, and keys
//! that a reader does not know are kept.

pub mod v1;
