//! Image references, digests and platforms.
//!
//! The grammar is that of the `distribution/reference` package, which the Docker Engine uses. A mistake
//! keeps its position, so that an editor can mark it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A content digest, `sha256:` and 64 hexadecimal digits: the identity of an image within a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// Parses a digest; `None` for anything but `sha256:` and 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?;
        let good = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        good.then(|| Self(text.to_owned()))
    }

    /// Returns the whole text, `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first eight hexadecimal digits, the form that screens show.
    pub fn short(&self) -> &str {
        &self.0[7..15]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a sha256 digest"))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

/// The platform of a node or an image, in the spelling of registries (`amd64`, not `x86_64`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// The operating system: `linux`, `windows`.
    pub os: String,
    /// The CPU architecture: `amd64`, `arm64`, `arm`, …
    pub architecture: String,
}

impl Platform {
    /// Creates a platform with normalized spelling: the Engine reports `x86_64` for a node and `amd64` for
    /// an image.
    pub fn new(os: &str, architecture: &str) -> Self {
        let architecture = match architecture {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "armv7l" | "armhf" => "arm",
            "i686" | "i386" => "386",
            other => other,
        };
        Self { os: os.to_lowercase(), architecture: architecture.to_owned() }
    }

    /// Returns whether this is no real platform, such as the placeholder `unknown/unknown` of an attestation.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.architecture == "unknown" || self.architecture.is_empty()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

/// A mistake in a reference, with its position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RefError {
    /// The byte offset of the mistake in the text.
    pub at: usize,
    /// The problem at this position.
    pub message: String,
}

/// An image reference as a person wrote it: `[host[:port]/]path[:tag][@digest]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef {
    /// The text as written, without surrounding whitespace.
    pub text: String,
    /// The registry's host and port; `docker.io` if none is written.
    pub host: String,
    /// The repository's path at that registry (`pgedge/pgedge-postgres`); `nginx` alone becomes `library/nginx`.
    pub path: String,
    /// The tag, if written.
    pub tag: Option<String>,
    /// The digest, if written.
    pub digest: Option<Digest>,
}

impl ImageRef {
    /// Parses a reference. The error holds the byte offset of the mistake.
    pub fn parse(text: &str) -> Result<Self, RefError> {
        let lead = text.len() - text.trim_start().len();
        let text = text.trim();
        let fail = |at: usize, message: &str| RefError { at: lead + at, message: message.to_owned() };
        if text.is_empty() {
            return Err(fail(0, "the image reference is empty"));
        }
        let (name_and_tag, digest) = match text.split_once('@') {
            Some((left, right)) => {
                let at = left.len() + 1;
                let digest = Digest::parse(right)
                    .ok_or_else(|| fail(at, "a digest is `sha256:` and 64 lower-case hexadecimal digits"))?;
                (left, Some(digest))
            }
            None => (text, None),
        };
        let (name, tag) = split_tag(name_and_tag);
        if let Some(tag) = tag {
            check_tag(tag).map_err(|(at, message)| fail(name.len() + 1 + at, message))?;
        }
        let (host, path, path_at) = split_host(name);
        check_path(path).map_err(|(at, message)| fail(path_at + at, message))?;
        let path = if host.is_none() && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        Ok(Self {
            text: text.to_owned(),
            host: host.unwrap_or("docker.io").to_owned(),
            path,
            tag: tag.map(str::to_owned),
            digest,
        })
    }

    /// Returns the text without tag and digest, as written.
    pub fn repository(&self) -> &str {
        let name = self.text.split('@').next().unwrap_or_default();
        split_tag(name).0
    }

    /// Returns the reference with this digest; the tag stays, for readers only: `repo:tag@sha256:…`.
    pub fn pinned(&self, digest: &Digest) -> String {
        let name = self.text.split('@').next().unwrap_or_default();
        format!("{name}@{digest}")
    }

    /// Returns the repository with this digest and without a tag, the key for queries about an image.
    pub fn by_digest(&self, digest: &Digest) -> String {
        format!("{}@{digest}", self.repository())
    }

    /// Returns the text without its digest.
    pub fn without_digest(&self) -> &str {
        self.text.split('@').next().unwrap_or_default()
    }

    /// Returns the tag, or `latest` if none is written, as Docker does.
    pub(crate) fn tag_or_latest(&self) -> &str {
        self.tag.as_deref().unwrap_or("latest")
    }

    /// Returns the identifier to request from the registry: the digest if there is one, else the tag.
    pub fn wanted(&self) -> &str {
        self.digest.as_ref().map_or_else(|| self.tag_or_latest(), Digest::as_str)
    }

    /// Returns whether both references name the same repository at the same registry.
    pub fn same_repository(&self, other: &Self) -> bool {
        self.host == other.host && self.path == other.path
    }

    /// Returns a short form for a column: the tag (`17.9-…`), or else the name with a short digest.
    /// `with_name` puts the last part of the path before the tag.
    pub fn short(&self, with_name: bool) -> String {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        match (&self.tag, &self.digest) {
            (Some(tag), _) if with_name => format!("{name}:{tag}"),
            (Some(tag), _) => tag.clone(),
            (None, Some(digest)) => format!("{name}@{}", digest.short()),
            (None, None) => name.to_owned(),
        }
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns the short form of an image text; a text that is not a reference is returned unchanged.
pub fn short(image: &str) -> String {
    ImageRef::parse(image).map_or_else(|_| image.to_owned(), |image| image.short(false))
}

/// Returns two images in the shortest form that distinguishes them: by tag, or else by tag and digest.
pub fn apart(one: &str, other: &str) -> (String, String) {
    let (left, right) = (short(one), short(other));
    if left != right {
        return (left, right);
    }
    let with = |text: &str| {
        let digest = digest_of(text).map_or("(tag only)".to_owned(), |digest| format!("@{}", digest.short()));
        format!("{} {digest}", short(text))
    };
    (with(one), with(other))
}

/// Returns the digest in an image text, if it has one.
pub fn digest_of(text: &str) -> Option<Digest> {
    Digest::parse(text.rsplit_once('@')?.1)
}

/// Returns whether two references name the same image: by an equal text or an equal digest.
pub fn same(one: &str, other: &str) -> bool {
    let digest = digest_of(one);
    one == other || (digest.is_some() && digest == digest_of(other))
}

fn split_tag(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((left, right)) if !right.contains('/') => (left, Some(right)),
        _ => (name, None),
    }
}

/// Splits off the registry's host: the first part, if it has a dot or a colon or is `localhost`, which no
/// path can begin with.
fn split_host(name: &str) -> (Option<&str>, &str, usize) {
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
            (Some(first), rest, first.len() + 1)
        }
        _ => (None, name, 0),
    }
}

fn check_tag(tag: &str) -> Result<(), (usize, &'static str)> {
    if tag.is_empty() {
        return Err((0, "the tag after `:` is empty"));
    }
    if tag.len() > 128 {
        return Err((128, "a tag has at most 128 characters"));
    }
    let bad = tag
        .char_indices()
        .find(|&(at, c)| !(c.is_ascii_alphanumeric() || c == '_' || (at > 0 && (c == '.' || c == '-'))));
    bad.map_or(Ok(()), |(at, _)| {
        Err((at, "a tag may contain only letters, digits, `_`, `.` and `-`, and must not start with `.` or `-`"))
    })
}

fn check_path(path: &str) -> Result<(), (usize, &'static str)> {
    let mut start = 0;
    for part in path.split('/') {
        if part.is_empty() {
            return Err((start, "a part of the repository name is empty"));
        }
        if let Some((at, c)) = part
            .char_indices()
            .find(|(_, c)| !(c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-')))
        {
            let message = if c.is_ascii_uppercase() {
                "a repository name is lower case"
            } else {
                "a repository name may contain only lower-case letters, digits, `.`, `_` and `-`"
            };
            return Err((start + at, message));
        }
        let edge = |c: char| !c.is_ascii_alphanumeric();
        if part.starts_with(edge) || part.ends_with(edge) {
            return Err((start, "a part of the repository name starts and ends with a letter or a digit"));
        }
        start += part.len() + 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let hex = "a".repeat(64);
        for (text, host, path, tag, digest) in [
            ("nginx", "docker.io", "library/nginx", None, false),
            ("nginx:1.29", "docker.io", "library/nginx", Some("1.29"), false),
            (
                "ghcr.io/pgedge/pgedge-postgres:17.9-spock5.0.6-standard-2",
                "ghcr.io",
                "pgedge/pgedge-postgres",
                Some("17.9-spock5.0.6-standard-2"),
                false,
            ),
            ("10.77.0.1:5000/pg", "10.77.0.1:5000", "pg", None, false),
            ("localhost/a/b:1", "localhost", "a/b", Some("1"), false),
            (&format!("reg:5000/pg:v1@sha256:{hex}"), "reg:5000", "pg", Some("v1"), true),
            (&format!("pgedge/pg@sha256:{hex}"), "docker.io", "pgedge/pg", None, true),
        ] {
            let image = ImageRef::parse(text).unwrap();
            assert_eq!(
                (image.host.as_str(), image.path.as_str(), image.tag.as_deref(), image.digest.is_some()),
                (host, path, tag, digest),
                "{text}"
            );
        }
    }

    #[test]
    fn mistakes_have_a_place() {
        for (text, at) in [
            ("ghcr.io/A/b:1", 8),
            ("  ghcr.io/a/B", 12),
            ("UPPER CASE!!", 0),
            ("pg:", 3),
            ("pg:-x", 3),
            ("pg:a b", 4),
            ("a//b", 2),
            ("pg@sha256:abc", 3),
            ("pg-", 0),
            ("", 0),
        ] {
            assert_eq!(ImageRef::parse(text).unwrap_err().at, at, "{text}");
        }
    }

    #[test]
    fn pinning_keeps_the_tag_as_decoration() {
        let old = Digest::parse(&format!("sha256:{}", "1".repeat(64))).unwrap();
        let new = Digest::parse(&format!("sha256:{}", "2".repeat(64))).unwrap();
        let image = ImageRef::parse(&format!("reg:5000/pg:v1@{old}")).unwrap();
        assert_eq!(image.pinned(&new), format!("reg:5000/pg:v1@{new}"));
        assert_eq!((image.repository(), image.without_digest()), ("reg:5000/pg", "reg:5000/pg:v1"));
        assert_eq!((image.short(false), image.short(true)), ("v1".into(), "pg:v1".into()));
        assert_eq!(digest_of(&image.text), Some(old));
    }
}
