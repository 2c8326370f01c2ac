//! Proposals from the version manifest.

use std::cmp::Reverse;

use crate::image::ImageRef;
use crate::image_tag::{PgEdgeTag, Version, leading};
use crate::registry::{POSTGRES, Stability, VersionEntry, VersionManifest};

/// An image that the version manifest proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedImage {
    /// The image, including its registry.
    pub image: String,
    /// The version that the image is for: `17.9_5`.
    pub label: String,
    /// True if the image is for a newer version than the requested one.
    pub newer: bool,
    /// The release state of the image: stable or under development.
    pub stability: Stability,
}

impl ProposedImage {
    fn of(entry: &VersionEntry, newer: bool) -> Self {
        Self { image: entry.image.clone(), label: entry.label(), newer, stability: entry.stability }
    }
}

/// The requested versions: those of the pin document, or else those of the running image.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProposalInput<'a> {
    /// The PostgreSQL version from the pin document, if set.
    pub postgres: Option<&'a str>,
    /// The Spock version from the pin document, if set.
    pub spock: Option<&'a str>,
    /// The running image, if known.
    pub runs: Option<&'a ImageRef>,
}

/// Returns the manifest's image of a component for the requested version, then its stable images for newer
/// versions of the same major, newest first.
///
/// If the version is unknown, the result is empty: the manifest's default is never used instead.
pub fn proposals(manifest: &VersionManifest, component: &str, wish: &ProposalInput<'_>) -> Vec<ProposedImage> {
    let (asked, newer) =
        if component == POSTGRES { postgres(manifest, wish) } else { other(manifest, component, wish) };
    let asked = asked.map(|entry| ProposedImage::of(entry, false));
    asked.into_iter().chain(newer.into_iter().map(|entry| ProposedImage::of(entry, true))).collect()
}

type VersionMatches<'m> = (Option<&'m VersionEntry>, Vec<&'m VersionEntry>);

fn postgres<'m>(manifest: &'m VersionManifest, wish: &ProposalInput<'_>) -> VersionMatches<'m> {
    let tag = wish.runs.and_then(|image| PgEdgeTag::parse(image.tag.as_deref()?));
    let running = || wish.runs.and_then(|image| manifest.of_image(image)).map(|(_, entry)| entry);
    let version = wish.postgres.and_then(Version::parse);
    let version = version.or_else(|| tag.as_ref().map(|tag| tag.postgres.clone()));
    let Some(version) = version.or_else(|| Version::parse(&running()?.version)) else { return (None, Vec::new()) };
    let spock = wish.spock.and_then(Version::parse).or_else(|| tag.map(|tag| tag.spock));
    let spock = spock.or_else(|| Version::parse(running()?.spock.as_deref()?));
    let entries = manifest.components.get(POSTGRES).map_or(&[][..], Vec::as_slice);
    let mut of_version = entries.iter().filter(|entry| Version::parse(&entry.version).as_ref() == Some(&version));
    // A tag is more precise about Spock than the manifest's keys: 5.0.6 is looked up as 5.
    let fits = |entry: &&VersionEntry| {
        let key = entry.spock.as_deref().and_then(Version::parse);
        spock.as_ref().zip(key).is_none_or(|(spock, key)| spock.has_prefix(&key))
    };
    (of_version.rfind(fits), manifest.newer(&version, spock.map(|spock| spock.major())))
}

fn other<'m>(manifest: &'m VersionManifest, component: &str, wish: &ProposalInput<'_>) -> VersionMatches<'m> {
    let Some(image) = wish.runs else { return (None, Vec::new()) };
    let entries = manifest.components.get(component).map_or(&[][..], Vec::as_slice);
    let listed = manifest.of_image(image).filter(|(name, _)| *name == component).map(|(_, entry)| &entry.version);
    let version = listed.and_then(|version| Version::parse(version));
    let Some(version) = version.or_else(|| leading(image.tag.as_deref()?)) else { return (None, Vec::new()) };
    let asked = entries.iter().rfind(|entry| Version::parse(&entry.version).as_ref() == Some(&version));
    let stable = entries.iter().filter(|entry| entry.stability == Stability::Stable);
    let newer = stable.filter_map(|entry| Some((Version::parse(&entry.version)?, entry)));
    let mut newer: Vec<_> = newer.filter(|(it, _)| it.major() == version.major() && *it > version).collect();
    newer.sort_by_key(|(version, _)| Reverse(version.clone()));
    (asked, newer.into_iter().map(|(_, entry)| entry).collect())
}
