//! The tags of a repository as candidates, in the order in which an operator would choose.
//!
//! The version manifest's image for the requested version comes first, then its newer images of the same
//! major; then the family of the running image, newest version first; then all other tags, family by
//! family. Tags that are known to name the same image become one candidate, shown under a tag that does not
//! move if it has one.

mod manifest_proposals;
mod order;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::fuzzy::Fuzzy;
use crate::image::{Digest, ImageRef};
use crate::image_tag::{TagMutability, constancy};
use crate::registry::Facts;
use crate::time::Time;

pub use manifest_proposals::{ProposalInput, ProposedImage, proposals};

/// The input for a list of candidates.
#[derive(Clone, Copy, Debug)]
pub struct CandidateInput<'a> {
    /// The repository as written: `ghcr.io/pgedge/pgedge-postgres`.
    pub repository: &'a str,
    /// The tags that the registry lists; `None` before it has answered.
    pub names: Option<&'a [String]>,
    /// The images that the services run now, most common first.
    pub runs: &'a [ImageRef],
    /// The images that ran in the services before.
    pub ran: &'a [ImageRef],
    /// The images that failed in the services.
    pub failed: &'a [ImageRef],
    /// The version manifest's proposals, best first.
    pub proposals: &'a [ProposedImage],
    /// Cached registry answers about images.
    pub facts: &'a Facts,
}

/// An image that an operator can choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagCandidate {
    /// The image as it is inserted into a text: `repository:tag`.
    pub text: String,
    /// The shown tag: of several for the same image, one that does not move.
    pub tag: String,
    /// The other tags for the same image.
    pub also: Vec<String>,
    /// The image's digest, if known.
    pub digest: Option<Digest>,
    /// The build time, if known.
    pub created: Option<Time>,
    /// An estimate whether the tag can move, with its reason.
    pub constancy: TagMutability,
    /// The version manifest's proposal, if the image is one.
    pub proposed: Option<ProposedImage>,
    /// The image's state in the services; `None` if it never ran there.
    pub here: Option<ImageRunState>,
    /// True if the registry lists the tag; `None` before it has answered, and for an image of another repository.
    pub listed: Option<bool>,
}

/// The state of a candidate in the services that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageRunState {
    /// The image that runs.
    Now,
    /// The image that should run, but fails.
    Failing,
    /// The tag that runs, while the registry has another image for it now.
    Moved,
    /// An image that failed earlier.
    Failed,
    /// An image that ran earlier.
    Before,
}

impl TagCandidate {
    /// Returns all tags of the image, the shown one first.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.tag.as_str()).chain(self.also.iter().map(String::as_str))
    }

    /// Returns the key for queries about the image, `repository@digest`; `None` until the digest is known.
    pub fn by_digest(&self) -> Option<String> {
        Some(ImageRef::parse(&self.text).ok()?.by_digest(self.digest.as_ref()?))
    }
}

/// Returns the candidates in the order in which an operator would choose; empty for a malformed repository.
pub fn candidates(source: &CandidateInput<'_>) -> Vec<TagCandidate> {
    let Ok(repository) = ImageRef::parse(source.repository) else { return Vec::new() };
    let family = source.runs.first().and_then(|image| image.tag.as_deref()).map(order::TagFamily::of);
    let mut rows: Vec<(order::TagRank<'_>, TagCandidate)> = Vec::new();
    let mut proposed: BTreeMap<String, usize> = BTreeMap::new();
    for (at, proposal) in source.proposals.iter().enumerate() {
        let Ok(image) = ImageRef::parse(&proposal.image) else { continue };
        let tag = image.tag_or_latest();
        let text = if image.same_repository(&repository) {
            proposed.insert(tag.to_owned(), at);
            format!("{}:{tag}", source.repository)
        } else {
            image.without_digest().to_owned()
        };
        let place = order::TagRank::proposed(at);
        rows.push((place, source.candidate(text, tag, Some(proposal.clone()), &repository)));
    }
    let names = source.names.unwrap_or_default().iter().filter(|name| !is_attachment(name));
    for name in names.filter(|name| !proposed.contains_key(*name)) {
        let text = format!("{}:{name}", source.repository);
        let place = order::TagRank::of(name, family.as_ref());
        rows.push((place, source.candidate(text, name, None, &repository)));
    }
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    gathered(rows.into_iter().map(|(_, row)| row))
}

impl CandidateInput<'_> {
    fn candidate(&self, text: String, tag: &str, proposed: Option<ProposedImage>, listing: &ImageRef) -> TagCandidate {
        let digest = self.facts.image(&text).known().map(|fact| fact.digest.clone());
        let image = ImageRef::parse(&text).ok();
        let about = image.as_ref().zip(digest.as_ref()).map(|(image, digest)| image.by_digest(digest));
        let created = about.and_then(|about| self.facts.image_info(&about).known()?.created());
        let in_listing = image.as_ref().is_some_and(|image| image.same_repository(listing));
        let listed = self.names.filter(|_| in_listing).map(|names| names.iter().any(|name| name == tag));
        let here = image.and_then(|image| self.here(&image, digest.as_ref()));
        let (tag, constancy) = (tag.to_owned(), constancy(tag));
        TagCandidate { text, tag, also: Vec::new(), digest, created, constancy, proposed, here, listed }
    }

    /// Compares an image with those of the services: by digest if both are known, because tags move; else by tag.
    fn here(&self, image: &ImageRef, digest: Option<&Digest>) -> Option<ImageRunState> {
        let stands = |other: &ImageRef| {
            let same_tag = other.tag.is_some() && other.tag == image.tag;
            match (&other.digest, digest) {
                _ if !other.same_repository(image) => None,
                (Some(other), Some(digest)) if other == digest => Some(true),
                (Some(_), Some(_)) => same_tag.then_some(false),
                _ => same_tag.then_some(true),
            }
        };
        let now = self.runs.iter().filter_map(stands).max();
        let was = |images: &[ImageRef]| images.iter().any(|other| stands(other) == Some(true));
        match (now, was(self.failed)) {
            (Some(true), failed) => Some(if failed { ImageRunState::Failing } else { ImageRunState::Now }),
            (Some(false), _) => Some(ImageRunState::Moved),
            (None, true) => Some(ImageRunState::Failed),
            (None, false) => was(self.ran).then_some(ImageRunState::Before),
        }
    }
}

/// Returns whether a tag names an attachment of an image, such as a signature or an attestation
/// (`sha256-<digest>[.sig]`; OCI distribution-spec, "Referrers Tag Schema", and sigstore's cosign).
fn is_attachment(tag: &str) -> bool {
    let hex = tag.strip_prefix("sha256-").and_then(|rest| rest.get(..64));
    hex.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Merges the tags of one image into one candidate, at the position of the best tag.
fn gathered(rows: impl Iterator<Item = TagCandidate>) -> Vec<TagCandidate> {
    let mut found: Vec<TagCandidate> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        let same = row.by_digest().map(|key| (known.get(&key).copied(), key));
        match same {
            Some((Some(at), _)) => join(&mut found[at], row),
            Some((None, key)) => {
                known.insert(key, found.len());
                found.push(row);
            }
            None => found.push(row),
        }
    }
    found
}

fn join(first: &mut TagCandidate, other: TagCandidate) {
    first.here = [first.here, other.here].into_iter().flatten().min();
    // A proposal keeps the tag that the manifest names.
    if first.proposed.is_none() && first.constancy.floats() && !other.constancy.floats() {
        first.also.insert(0, std::mem::replace(&mut first.tag, other.tag));
        (first.text, first.constancy) = (other.text, other.constancy);
    } else {
        first.also.push(other.tag);
    }
}

/// Returns the indices of the candidates that match the typed text, best first. Its letters must occur in
/// order; adjacent letters score higher. An empty text matches all, in their order. `whole`: match the
/// image text, not its tags.
pub fn matching(candidates: &[TagCandidate], typed: &str, whole: bool) -> Vec<usize> {
    let mut fuzzy = Fuzzy::new(typed);
    if fuzzy.is_empty() {
        return (0..candidates.len()).collect();
    }
    let mut score = |text: &str| fuzzy.score(text);
    let mut found: Vec<(Reverse<u32>, usize)> = Vec::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let best = if whole { score(&candidate.text) } else { candidate.tags().filter_map(&mut score).max() };
        found.extend(best.map(|best| (Reverse(best), at)));
    }
    found.sort();
    found.into_iter().map(|(_, at)| at).collect()
}
