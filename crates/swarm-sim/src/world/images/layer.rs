//! Layers: tar archives, compressed or not. Equal files make equal bytes, and so equal digests.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Component, Path};

use bytes::Bytes;
use flate2::{Compression as Effort, GzBuilder};

use super::digest;

/// The content of a path in a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A regular file with this text.
    Text(String),
    /// A symbolic link to this target.
    Link(String),
}

/// The files of a layer by path; a path that ends in `/` is a directory. Parent directories are added automatically.
pub type LayerFiles = BTreeMap<String, Content>;

/// The compression of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// The default of image builders.
    #[default]
    Gzip,
    /// Supported by newer builders and engines.
    Zstd,
    /// An uncompressed tar.
    None,
}

/// A layer, as listed in a manifest and a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    pub media_type: String,
    /// Digest of the blob, compressed.
    pub digest: String,
    /// Size of the blob, in bytes.
    pub size: u64,
    /// Digest of the uncompressed tar.
    pub diff_id: String,
    /// The build step that made the layer, for the image history.
    pub by: String,
    /// The blob; `None`: the layer is listed but cannot be downloaded.
    pub blob: Option<Bytes>,
}

/// Returns true if a path can be stored in a layer.
pub fn fits(path: &str) -> bool {
    let inner = path.trim_start_matches('/');
    !inner.is_empty() && Path::new(inner).components().all(|part| matches!(part, Component::Normal(_)))
}

fn media_type(compression: Compression, oci: bool) -> String {
    let (base, join) = if oci {
        ("application/vnd.oci.image.layer.v1.tar", "+")
    } else {
        ("application/vnd.docker.image.rootfs.diff.tar", ".")
    };
    match compression {
        Compression::None => base.to_owned(),
        Compression::Gzip => format!("{base}{join}gzip"),
        Compression::Zstd => format!("{base}{join}zstd"),
    }
}

impl Layer {
    /// Packs files into a layer; `longer` incompressible bytes are appended to the last file.
    pub(super) fn pack(files: &LayerFiles, longer: usize, compression: Compression, oci: bool, by: &str) -> Self {
        let tar = tar_of(files, longer);
        let diff_id = digest(&tar);
        let blob = match compression {
            Compression::None => tar,
            Compression::Gzip => {
                let mut packer = GzBuilder::new().mtime(0).write(Vec::new(), Effort::fast());
                // Writing to memory does not fail.
                let _ = packer.write_all(&tar);
                packer.finish().unwrap_or_default()
            }
            Compression::Zstd => zstd(&tar),
        };
        Self {
            media_type: media_type(compression, oci),
            digest: digest(&blob),
            size: blob.len() as u64,
            diff_id,
            by: by.to_owned(),
            blob: Some(blob.into()),
        }
    }

    /// Makes a layer of the given size without a blob: it is only listed in the manifest.
    pub(super) fn claimed(size: u64, seed: &str, compression: Compression, oci: bool, by: &str) -> Self {
        Self {
            media_type: media_type(compression, oci),
            digest: digest(format!("{seed} {size} packed").as_bytes()),
            size,
            diff_id: digest(format!("{seed} {size}").as_bytes()),
            by: by.to_owned(),
            blob: None,
        }
    }
}

/// Returns a zstd frame of uncompressed blocks (RFC 8878, section 3.1.1). A compression library would add 66 kB to
/// the program, for the simulator alone.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    /// The frame header: a single segment, its size in eight bytes.
    const SHAPE: u8 = 0xe0;
    const MOST: usize = 1 << 17;
    let mut frame = [&MAGIC[..], &[SHAPE], &(bytes.len() as u64).to_le_bytes()].concat();
    let count = bytes.len().div_ceil(MOST).max(1);
    for nth in 0..count {
        let block = &bytes[nth * MOST..bytes.len().min((nth + 1) * MOST)];
        let head = block.len() << 3 | usize::from(nth + 1 == count);
        frame.extend(&head.to_le_bytes()[..3]);
        frame.extend(block);
    }
    frame
}

fn tar_of(files: &LayerFiles, longer: usize) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut folders = BTreeSet::new();
    let last = files.keys().next_back();
    for (path, content) in files.iter().filter(|(path, _)| fits(path)) {
        let inner = path.trim_start_matches('/');
        for (end, _) in inner.match_indices('/') {
            let folder = &inner[..=end];
            if folders.insert(folder.to_owned()) {
                let _ = builder.append_data(&mut header(tar::EntryType::Directory, 0o755, 0), folder, &[][..]);
            }
        }
        match content {
            _ if inner.ends_with('/') => {}
            Content::Link(to) => {
                let _ = builder.append_link(&mut header(tar::EntryType::Symlink, 0o777, 0), inner, to);
            }
            Content::Text(text) => {
                let mut bytes = text.clone().into_bytes();
                if last == Some(path) {
                    bytes.extend(noise(longer));
                }
                let mut header = header(tar::EntryType::Regular, 0o755, bytes.len() as u64);
                let _ = builder.append_data(&mut header, inner, bytes.as_slice());
            }
        }
    }
    // Writing to memory does not fail, and paths that a tar cannot hold were left out.
    builder.into_inner().unwrap_or_default()
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header
}

/// Returns incompressible bytes, the same on every call.
fn noise(count: usize) -> impl Iterator<Item = u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(count)
}
