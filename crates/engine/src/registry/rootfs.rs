//! The file tree of an image, built layer by layer (OCI image-spec, "Image Layer Filesystem Changeset").

use std::collections::{BTreeMap, BTreeSet};

use pinnace_core::registry::{FileEntry, FileKind};
use pinnace_core::sanitize::clean;

/// The name prefix of a whiteout, which removes an entry of a lower layer.
const WHITEOUT: &str = ".wh.";
/// The name of an opaque whiteout, which hides all of a folder's entries in lower layers.
const OPAQUE: &str = ".wh..wh..opq";
/// The name prefix that aufs reserves for its own files.
const RESERVED: &str = ".wh..wh.";
/// The longest path, in bytes (Linux, `PATH_MAX`).
const LONGEST: usize = 4096;
/// The limit for the total length of all paths, in bytes.
const NAMES: usize = 128 << 20;

/// The parts of a path, joined with zero bytes. In this order, the contents of a folder directly follow it.
type PathKey = String;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TreeEntry {
    kind: FileKind,
    size: u64,
}

/// A file tree, with the layer being read kept apart from the layers below.
#[derive(Debug, Default)]
pub(super) struct FileTree {
    /// The entries after all finished layers.
    below: BTreeMap<PathKey, TreeEntry>,
    /// The entries that the layer being read adds.
    fresh: BTreeMap<PathKey, TreeEntry>,
    /// The lower entries that the layer being read removes.
    gone: BTreeSet<PathKey>,
    /// The folders whose lower entries the layer being read hides; "" is the root.
    emptied: BTreeSet<PathKey>,
    /// The number of entries added so far.
    entries: usize,
    names: usize,
    most: usize,
}

impl FileTree {
    /// Creates an empty tree that accepts at most this many entries over all layers.
    pub fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Adds an entry of the layer being read.
    pub fn add(&mut self, path: &[u8], kind: FileKind, size: u64) -> Result<(), String> {
        self.entries += 1;
        self.names += path.len();
        if path.len() > LONGEST {
            return Err(format!("it has a path of more than {LONGEST} bytes"));
        }
        if self.entries > self.most {
            return Err(format!("the image has more than the limit of {} files", self.most));
        }
        if self.names > NAMES {
            return Err(format!("the names of its files take more than {} MB", NAMES >> 20));
        }
        let Some(parts) = parts(path) else { return Ok(()) };
        let Some((name, folder)) = parts.split_last() else { return Ok(()) };
        if folder.iter().any(|part| part.starts_with(WHITEOUT)) {
            // Not part of the image: aufs keeps its hard links in these folders.
            return Ok(());
        }
        let folder = folder.join("\0");
        if name == OPAQUE {
            self.emptied.insert(folder);
        } else if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            if !hidden.is_empty() && !name.starts_with(RESERVED) {
                self.gone.insert(within(&folder, hidden));
            }
        } else {
            self.fresh.insert(within(&folder, name), TreeEntry { kind, size });
        }
        Ok(())
    }

    /// Applies the layer that was read to the layers below.
    ///
    /// Its whiteouts remove only entries of lower layers, wherever in the layer they appear.
    pub fn settle(&mut self) {
        for key in std::mem::take(&mut self.gone) {
            self.below.remove(&key);
            self.empty(&key);
        }
        for folder in std::mem::take(&mut self.emptied) {
            self.empty(&folder);
        }
        for (key, node) in std::mem::take(&mut self.fresh) {
            if node.kind != FileKind::Dir {
                self.empty(&key);
            }
            self.below.insert(key, node);
        }
    }

    fn empty(&mut self, folder: &str) {
        if folder.is_empty() {
            self.below.clear();
            return;
        }
        let (from, to) = (format!("{folder}\0"), format!("{folder}\u{1}"));
        let inside: Vec<PathKey> = self.below.range(from..to).map(|(key, _)| key.clone()).collect();
        for key in inside {
            self.below.remove(&key);
        }
    }

    /// Returns all paths, sorted.
    pub fn files(self) -> Vec<FileEntry> {
        let file =
            |(key, node): (PathKey, TreeEntry)| FileEntry { path: shown(&key), kind: node.kind, size: node.size };
        let mut files: Vec<FileEntry> = self.below.into_iter().map(file).collect();
        files.sort();
        files
    }
}

fn within(folder: &str, name: &str) -> PathKey {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}\0{name}") }
}

/// Splits a path into its parts from the root; `None` if it leads out of the root or holds a zero byte.
fn parts(path: &[u8]) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    for part in String::from_utf8_lossy(path).split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part if part.contains('\0') => return None,
            part => parts.push(part.to_owned()),
        }
    }
    Some(parts)
}

/// Formats a key as `/a/b`. Two different paths must not look the same, so characters that [`clean`] would remove
/// are escaped.
fn shown(key: &str) -> String {
    let path = format!("/{}", key.replace('\0', "/"));
    if clean(&path) == path {
        return path;
    }
    let visible = |c: char| {
        let same = clean(c.encode_utf8(&mut [0; 4])) == c.to_string();
        if same { c.to_string() } else { c.escape_default().to_string() }
    };
    path.chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the paths of layers; a path that ends in `/` is a folder, in `@` a link.
    fn paths(layers: &[&[&str]]) -> Vec<String> {
        let mut tree = FileTree::new(100);
        for layer in layers {
            for path in *layer {
                let kind = match path.chars().last() {
                    Some('/') => FileKind::Dir,
                    Some('@') => FileKind::Link,
                    _ => FileKind::File,
                };
                tree.add(path.trim_end_matches('@').as_bytes(), kind, 1).unwrap();
            }
            tree.settle();
        }
        tree.files().into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn layers_on_one_another() {
        for (layers, left) in [
            (&[&["./", "./a/", "a/x", "/a/./y", "a//z"][..]][..], &["/a", "/a/x", "/a/y", "/a/z"][..]),
            (&[&["a/", "a/x", "b"], &["a/y"]], &["/a", "/a/x", "/a/y", "/b"]),
            // A file, and a folder with its contents; entries with similar names stay.
            (&[&["a/", "a/x", "a/y"], &["a/.wh.x"]], &["/a", "/a/y"]),
            (&[&["a/", "a/x/", "a/x/1", "a/x-1", "a/x.1", "a/xx"], &["a/.wh.x"]], &["/a", "/a/x-1", "/a/x.1", "/a/xx"]),
            // Only lower entries are removed, wherever the whiteout stands in the layer.
            (&[&["a/x"], &["a/x", "a/.wh.x"]], &["/a/x"]),
            (&[&["a/x"], &[".wh.a", "a/y"]], &["/a/y"]),
            (&[&["a/x", "a/b/y", "c"], &["a/z", "a/.wh..wh..opq"]], &["/a/z", "/c"]),
            (&[&["a/x"], &["b", ".wh..wh..opq"]], &["/b"]),
            (&[&["a"], &[".wh.a"], &["a"]], &["/a"]),
            (&[&["a"], &[".wh.b", ".wh.a/x"]], &["/a"]),
            // The files reserved by aufs.
            (&[&["a"], &[".wh..wh.plnk/1", ".wh..wh.aufs", ".wh."]], &["/a"]),
            // A file or a link replaces a folder; a folder replaces a file.
            (&[&["a/", "a/x"], &["a"]], &["/a"]),
            (&[&["a/", "a/x"], &["a@"]], &["/a"]),
            (&[&["a/", "a/x"], &["a/"]], &["/a", "/a/x"]),
            (&[&["a"], &["a/", "a/x"]], &["/a", "/a/x"]),
            (&[&["../a", "a/../../b", "x/../y"]], &["/y"]),
        ] {
            assert_eq!(paths(layers), left, "{layers:?}");
        }
    }

    #[test]
    fn paths_that_would_deceive() {
        let shown = paths(&[&["a\u{202e}b", "a\x1b[31mb", "ab", "tab\t", "ü日"]]);
        assert_eq!(shown, ["/a\\u{1b}[31mb", "/a\\u{202e}b", "/ab", "/tab\\t", "/ü日"]);
    }

    #[test]
    fn limits() {
        let mut tree = FileTree::new(2);
        tree.add(b"a", FileKind::File, 0).unwrap();
        tree.add(b"a", FileKind::File, 0).unwrap();
        let error = tree.add(b"a", FileKind::File, 0).unwrap_err();
        assert_eq!(error, "the image has more than the limit of 2 files");
        let error = FileTree::new(9).add(&[b'a'; 5000], FileKind::File, 0).unwrap_err();
        assert_eq!(error, "it has a path of more than 4096 bytes");
        let mut tree = FileTree::new(usize::MAX);
        let path = "d".repeat(4000);
        let error = (0..).find_map(|_| tree.add(path.as_bytes(), FileKind::Dir, 0).err()).unwrap();
        assert_eq!(error, "the names of its files take more than 128 MB");
    }

    proptest::proptest! {
        /// Compares with a plain implementation: a list that is searched for every whiteout.
        #[test]
        fn as_the_plain_way(layers in proptest::collection::vec(proptest::collection::vec("(\\.wh\\.)?[ab](/(\\.wh\\.)?[ab-]|/\\.wh\\.\\.wh\\.\\.opq){0,3}", 0..8), 0..5)) {
            let mut plain: BTreeSet<String> = BTreeSet::new();
            for layer in &layers {
                let real = |path: &&String| !path.split('/').any(|part| part.starts_with(".wh."));
                for path in layer.iter().filter(|path| !real(path)) {
                    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
                    if folder.split('/').any(|part| part.starts_with(".wh.")) {
                        continue;
                    }
                    let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
                    if name == OPAQUE {
                        plain.retain(|it| !it.starts_with(&folder));
                    } else {
                        let hidden = format!("{folder}{}", &name[4..]);
                        plain.retain(|it| *it != hidden && !it.starts_with(&format!("{hidden}/")));
                    }
                }
                for path in layer.iter().filter(real) {
                    // In the order of the tree: a file replaces the contents of a lower folder with its name.
                    plain.retain(|it| !it.starts_with(&format!("{path}/")));
                }
                plain.extend(layer.iter().filter(real).cloned());
            }
            let layers: Vec<Vec<&str>> = layers.iter().map(|layer| layer.iter().map(String::as_str).collect()).collect();
            let layers: Vec<&[&str]> = layers.iter().map(Vec::as_slice).collect();
            let expected: Vec<String> = plain.into_iter().map(|path| format!("/{path}")).collect();
            proptest::prop_assert_eq!(paths(&layers), expected);
        }
    }
}
