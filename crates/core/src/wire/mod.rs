//! The versioned JSON formats of files, output and journal.
//!
//! A plan file, `--json` output and a journal record use the same types. Within a version, fields are only added, and
//! readers keep keys that they do not know.

pub mod v1;
