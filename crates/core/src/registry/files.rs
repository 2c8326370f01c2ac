//! The files of an image, as its layers make them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Why;

/// A path of an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ImageFile {
    /// From the root, `/usr/lib/x.so`; a character that a terminal would obey is written as its escape.
    pub path: String,
    /// What is there.
    pub kind: FileKind,
    /// The size of a file in bytes; of a second name of the same file, and of all else, 0.
    pub size: u64,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// A file, or another name of one.
    File,
    /// A folder.
    Dir,
    /// A symbolic link.
    Link,
    /// A device or a pipe.
    Special,
}

/// How far the reading of an image's layers has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The layer being read, from 1.
    pub layer: usize,
    /// How many there are.
    pub layers: usize,
    /// Bytes read so far, of all layers, as served.
    pub bytes: u64,
    /// Bytes there are.
    pub of: u64,
}

/// The files of an image, or how far the reading of them has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Files {
    /// They are being read.
    Reading(Reading),
    /// They were read.
    Known(Arc<Vec<ImageFile>>),
    /// They could not be.
    Failed(Why),
}

impl Files {
    /// The files, where they are known.
    pub fn known(&self) -> Option<&[ImageFile]> {
        match self {
            Self::Known(files) => Some(files),
            Self::Reading(_) | Self::Failed(_) => None,
        }
    }
}
