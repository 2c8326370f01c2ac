//! The paths of an image while its layers are put on one another (OCI image-spec, "Image Layer Filesystem Changeset").

use std::collections::{BTreeMap, BTreeSet};

use pinnace_core::registry::{FileKind, ImageFile};
use pinnace_core::text::clean;

/// What a name begins with that takes one away below.
const WHITEOUT: &str = ".wh.";
/// What hides all that is below in a folder.
const OPAQUE: &str = ".wh..wh..opq";
/// What other tools keep for themselves (aufs).
const RESERVED: &str = ".wh..wh.";
/// The longest path, in bytes (Linux, `PATH_MAX`).
const LONGEST: usize = 4096;
/// The most all names may take, in bytes.
const NAMES: usize = 128 << 20;

/// The parts of a path with a zero byte between them: so sorted, what is in a folder follows it at once.
type Key = String;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    kind: FileKind,
    size: u64,
}

/// Paths, layer upon layer.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// What there is when the layers so far are done.
    below: BTreeMap<Key, Node>,
    /// What the layer being read brings.
    fresh: BTreeMap<Key, Node>,
    /// What it takes away of what is below.
    gone: BTreeSet<Key>,
    /// The folders it empties of what is below; "" is the root.
    emptied: BTreeSet<Key>,
    /// How much was taken in so far.
    entries: usize,
    names: usize,
    most: usize,
}

impl Tree {
    /// An empty one, for at most this many entries of all layers together.
    pub fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Takes in an entry of the layer being read.
    pub fn add(&mut self, path: &[u8], kind: FileKind, size: u64) -> Result<(), String> {
        self.entries += 1;
        self.names += path.len();
        if path.len() > LONGEST {
            return Err(format!("it has a path of more than {LONGEST} bytes"));
        }
        if self.entries > self.most {
            return Err(format!("the image has more than {} files, and no more are read", self.most));
        }
        if self.names > NAMES {
            return Err(format!("the names of its files take more than {} MB", NAMES >> 20));
        }
        let Some(parts) = parts(path) else { return Ok(()) };
        let Some((name, folder)) = parts.split_last() else { return Ok(()) };
        if folder.iter().any(|part| part.starts_with(WHITEOUT)) {
            // Nothing of the image is in there: aufs keeps its hard links so.
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
            self.fresh.insert(within(&folder, name), Node { kind, size });
        }
        Ok(())
    }

    /// Puts the layer that was read on those below. What it takes away is taken from below only, wherever in it that stood.
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
        let inside: Vec<Key> = self.below.range(from..to).map(|(key, _)| key.clone()).collect();
        for key in inside {
            self.below.remove(&key);
        }
    }

    /// All paths, sorted.
    pub fn files(self) -> Vec<ImageFile> {
        let file = |(key, node): (Key, Node)| ImageFile { path: shown(&key), kind: node.kind, size: node.size };
        let mut files: Vec<ImageFile> = self.below.into_iter().map(file).collect();
        files.sort();
        files
    }
}

fn within(folder: &str, name: &str) -> Key {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}\0{name}") }
}

/// The parts of a path from the root; `None` where it leads out of it, or holds a zero byte.
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

/// `/a/b`. Two paths must not look the same: what [`clean`] would take out stays to be seen.
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

    /// Layers of paths; one that ends in `/` is a folder, in `@` a link.
    fn paths(layers: &[&[&str]]) -> Vec<String> {
        let mut tree = Tree::new(100);
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
            // A file, and a folder with all that is in it; its neighbours stay.
            (&[&["a/", "a/x", "a/y"], &["a/.wh.x"]], &["/a", "/a/y"]),
            (&[&["a/", "a/x/", "a/x/1", "a/x-1", "a/x.1", "a/xx"], &["a/.wh.x"]], &["/a", "/a/x-1", "/a/x.1", "/a/xx"]),
            // Only what is below is taken away, wherever the mark stands among the layer's own.
            (&[&["a/x"], &["a/x", "a/.wh.x"]], &["/a/x"]),
            (&[&["a/x"], &[".wh.a", "a/y"]], &["/a/y"]),
            (&[&["a/x", "a/b/y", "c"], &["a/z", "a/.wh..wh..opq"]], &["/a/z", "/c"]),
            (&[&["a/x"], &["b", ".wh..wh..opq"]], &["/b"]),
            (&[&["a"], &[".wh.a"], &["a"]], &["/a"]),
            (&[&["a"], &[".wh.b", ".wh.a/x"]], &["/a"]),
            // What aufs keeps for itself.
            (&[&["a"], &[".wh..wh.plnk/1", ".wh..wh.aufs", ".wh."]], &["/a"]),
            // A file or a link in the place of a folder; a folder in the place of a file.
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
        let mut tree = Tree::new(2);
        tree.add(b"a", FileKind::File, 0).unwrap();
        tree.add(b"a", FileKind::File, 0).unwrap();
        let error = tree.add(b"a", FileKind::File, 0).unwrap_err();
        assert_eq!(error, "the image has more than 2 files, and no more are read");
        let error = Tree::new(9).add(&[b'a'; 5000], FileKind::File, 0).unwrap_err();
        assert_eq!(error, "it has a path of more than 4096 bytes");
        let mut tree = Tree::new(usize::MAX);
        let path = "d".repeat(4000);
        let error = (0..).find_map(|_| tree.add(path.as_bytes(), FileKind::Dir, 0).err()).unwrap();
        assert_eq!(error, "the names of its files take more than 128 MB");
    }

    proptest::proptest! {
        /// Against the plain way: a list that is gone through for every mark.
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
                    // Sorted as the tree puts them in: a file replaces what was in a folder of its name below.
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
