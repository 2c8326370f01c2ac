//! Image references, parsed as the engine does.

/// An image reference in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The registry's host; `docker.io` if the reference has none.
    pub host: String,
    /// The repository; with `library/` for Docker Hub's official images.
    pub repository: String,
    pub tag: Option<String>,
    pub digest: Option<String>,
}

impl std::fmt::Display for Reference {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}/{}", self.host, self.repository)?;
        match &self.digest {
            Some(digest) => write!(to, "@{digest}"),
            None => write!(to, ":{}", self.tag.as_deref().unwrap_or("latest")),
        }
    }
}

/// Parses an image reference as the engine does; `None` if it is invalid.
pub fn reference(text: &str) -> Option<Reference> {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    let good_digest = |digest: &str| {
        digest.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()))
    };
    if digest.is_some_and(|digest| !good_digest(digest)) {
        return None;
    }
    let (first, rest) = name.split_once('/').unwrap_or(("", name));
    let is_host = first.contains(['.', ':']) || first == "localhost";
    let (host, path) = if is_host { (first, rest) } else { ("docker.io", name) };
    let (path, tag) = match path.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (path, None),
    };
    let good_part = |part: &str| {
        let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(ends) && part.ends_with(ends) && part.chars().all(|c| ends(c) || "._-".contains(c))
    };
    let good_tag = |tag: &str| {
        !tag.is_empty() && tag.len() <= 128 && tag.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    if !path.split('/').all(good_part) || tag.is_some_and(|tag| !good_tag(tag)) {
        return None;
    }
    let library = host == "docker.io" && !path.contains('/');
    Some(Reference {
        host: host.to_owned(),
        repository: if library { format!("library/{path}") } else { path.to_owned() },
        tag: tag.map(str::to_owned),
        digest: digest.map(str::to_owned),
    })
}
