//! The files of an image, with all layers applied.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::LookupError;

/// One entry in the file tree of an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileEntry {
    /// The absolute path, `/usr/lib/x.so`; control and invisible characters are escaped.
    pub path: String,
    /// The kind of entry at this path.
    pub kind: FileKind,
    /// The size of a file in bytes; 0 for a second hard link to the same file, and for every other kind.
    pub size: u64,
}

/// The kind of an entry in a file tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// A file, or a hard link to one.
    File,
    /// A folder.
    Dir,
    /// A symbolic link.
    Link,
    /// A device or a pipe.
    Special,
}

/// The progress of reading an image's layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerReadProgress {
    /// The layer being read, counted from 1.
    pub layer: usize,
    /// The number of layers.
    pub layers: usize,
    /// Bytes read so far, of all layers, compressed as the registry serves them.
    pub bytes: u64,
    /// The total number of bytes to read.
    pub of: u64,
}

/// The files of an image, or the progress of reading them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageFilesState {
    /// Reading in progress.
    Reading(LayerReadProgress),
    /// All entries of the file tree, sorted by path.
    Known(Arc<Vec<FileEntry>>),
    /// A failed read, with its reason.
    Failed(LookupError),
}

impl ImageFilesState {
    /// Returns the files, if they were read.
    pub fn known(&self) -> Option<&[FileEntry]> {
        match self {
            Self::Known(files) => Some(files),
            Self::Reading(_) | Self::Failed(_) => None,
        }
    }
}
