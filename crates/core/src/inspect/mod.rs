//! Information about an image reference from its registry, prepared for the CLI and the console.

#[cfg(test)]
mod tests;
mod text;
mod wire;

pub use text::{Line, Section, Tone, file, listed};

use std::collections::{BTreeMap, BTreeSet};

use super::contract::{Contract, PlatformImage, Violation, violations};
use super::image::{Digest, ImageRef, Platform};
use super::registry::{Fact, Facts, ImageFilesState, ImageInfo, IndexEntry, LookupError, ResolvedImage};
use crate::registry::FactQuery;
use crate::registry::{BaseStatus, base_verdict};

/// A reference, the options of an inspection, and the facts known so far.
#[derive(Clone, Copy, Debug)]
pub struct InspectionInput<'a> {
    /// The reference to inspect.
    pub image: &'a ImageRef,
    /// Cached registry answers about images.
    pub facts: &'a Facts,
    /// The only platform to inspect. `None`: all platforms, with the details of `linux/amd64`, or else of
    /// the first one.
    pub platform: Option<&'a Platform>,
    /// The base image from the pins, used if the image names none.
    pub base: Option<&'a str>,
    /// The contract to check the image against, if any.
    pub contract: Option<&'a Contract>,
    /// Files read so far, by the digest of the image's manifest.
    pub files: &'a BTreeMap<Digest, ImageFilesState>,
}

/// The reason why information is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingInfo {
    /// A look-up that is not answered yet.
    Pending,
    /// A look-up that failed, with its reason.
    Failed(LookupError),
    /// An image that does not support the requested platform: that platform, and the supported ones.
    OtherPlatforms(Platform, Vec<Platform>),
}

/// The result of a contract check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractVerdict {
    /// No broken rule; `false` if the contract has rules about files and not all files were read.
    Kept(bool),
    /// One or more broken rules.
    Broken(Vec<Violation>),
}

/// One platform of an image.
#[derive(Clone, Copy, Debug)]
pub struct PlatformDetails<'a> {
    /// The platform, if known.
    pub platform: Option<&'a Platform>,
    /// The variant of the architecture, such as `v8`; may be empty.
    pub variant: &'a str,
    /// The digest of the manifest for this platform.
    pub manifest: &'a Digest,
    /// The image's description, or the state of its query.
    pub about: Result<&'a ImageInfo, &'a Fact<std::sync::Arc<ImageInfo>>>,
}

impl<'a> InspectionInput<'a> {
    /// Returns the registry's answer for the reference: digest and platforms.
    ///
    /// # Errors
    /// The reason why the answer is missing.
    pub fn named(&self) -> Result<&'a ResolvedImage, MissingInfo> {
        known(self.facts.image(&self.image.text))
    }

    /// Returns the description of the digest that the reference names: an index or a single image.
    ///
    /// # Errors
    /// The reason why the description is missing.
    pub fn image_info(&self) -> Result<&'a ImageInfo, MissingInfo> {
        let digest = &self.named()?.digest;
        known(self.facts.image_info(&self.image.by_digest(digest))).map(AsRef::as_ref)
    }

    /// Returns the description of the image whose details are shown: that of the requested platform, else
    /// the default one.
    ///
    /// # Errors
    /// The reason why the description is missing.
    pub fn shown(&self) -> Result<&'a ImageInfo, MissingInfo> {
        let about = self.image_info()?;
        let Some(platform) = self.platform.filter(|platform| about.platform.as_ref() != Some(*platform)) else {
            return Ok(about);
        };
        match images(about).find(|entry| entry.platform.as_ref() == Some(platform)) {
            Some(entry) => known(self.facts.image_info(&self.image.by_digest(&entry.digest))).map(AsRef::as_ref),
            None => Err(MissingInfo::OtherPlatforms(platform.clone(), platforms(about))),
        }
    }

    /// Returns the images of all platforms to inspect, in the order of the index.
    ///
    /// # Errors
    /// The reason why the list is missing.
    pub fn made(&self) -> Result<Vec<PlatformDetails<'a>>, MissingInfo> {
        let about = self.image_info()?;
        if about.entries.is_empty() {
            let platform = about.platform.as_ref();
            return Ok(vec![PlatformDetails { platform, variant: "", manifest: &about.manifest, about: Ok(about) }]);
        }
        let wanted =
            |entry: &&IndexEntry| self.platform.is_none_or(|platform| entry.platform.as_ref() == Some(platform));
        let made = |entry: &'a IndexEntry| {
            let of_its_own = || {
                let fact = self.facts.image_info(&self.image.by_digest(&entry.digest));
                fact.known().map(AsRef::as_ref).ok_or(fact)
            };
            let about = if entry.digest == about.manifest { Ok(about) } else { of_its_own() };
            PlatformDetails {
                platform: entry.platform.as_ref(),
                variant: &entry.variant,
                manifest: &entry.digest,
                about,
            }
        };
        Ok(images(about).filter(wanted).map(made).collect())
    }

    /// Returns the base image from the pins, or else from the configuration.
    fn base_named(&self) -> Option<&'a str> {
        self.base.or_else(|| self.facts.base_of(self.image))
    }

    /// Compares the image with its base image; pending while the image is not known.
    pub fn base(&self) -> BaseStatus {
        match self.shown() {
            Ok(about) => base_verdict(about, self.base_named(), self.facts).0,
            Err(_) => BaseStatus::Pending,
        }
    }

    /// Returns the queries to send next. Call it again with the answers, until the set is empty.
    pub fn queries(&self) -> BTreeSet<FactQuery> {
        let by_digest = |digest: &Digest| FactQuery::ImageInfo(self.image.by_digest(digest));
        let named = match self.named() {
            Ok(named) => named,
            Err(MissingInfo::Pending) => return BTreeSet::from([FactQuery::Image(self.image.text.clone())]),
            Err(_) => return BTreeSet::new(),
        };
        match self.made() {
            Err(MissingInfo::Pending) => BTreeSet::from([by_digest(&named.digest)]),
            Err(_) => BTreeSet::new(),
            Ok(made) => {
                let open = made.iter().filter(|made| made.about.is_err_and(|fact| !fact.answered()));
                let mut wants: BTreeSet<FactQuery> = open.map(|made| by_digest(made.manifest)).collect();
                if let Ok(about) = self.shown() {
                    wants.extend(base_verdict(about, self.base_named(), self.facts).1);
                }
                wants
            }
        }
    }

    /// Returns the images whose files must still be read for the contract. Images that are being read do not count.
    pub fn unread(&self) -> Vec<&'a ImageInfo> {
        if !self.contract.is_some_and(Contract::wants_files) {
            return Vec::new();
        }
        let made = self.made().unwrap_or_default();
        let open = made.into_iter().filter(|made| !self.files.contains_key(made.manifest));
        open.filter_map(|made| made.about.ok()).collect()
    }

    /// Checks the contract. Returns `None` without a contract, and while facts are missing.
    pub fn verdict(&self) -> Option<ContractVerdict> {
        let contract = self.contract?;
        let index = self.image_info().ok()?;
        let abouts: Vec<&ImageInfo> = self.made().ok()?.iter().map(|made| made.about.ok()).collect::<Option<_>>()?;
        // The entries of the index list all platforms, also if only one is inspected.
        let abouts: Vec<ImageInfo> =
            abouts.into_iter().map(|about| ImageInfo { entries: index.entries.clone(), ..about.clone() }).collect();
        let files = |about: &ImageInfo| self.files.get(&about.manifest).and_then(ImageFilesState::known);
        let sides: Vec<PlatformImage<'_>> =
            abouts.iter().map(|about| PlatformImage { about, files: files(about) }).collect();
        let breaches = violations(contract, self.image, &sides);
        if !breaches.is_empty() {
            return Some(ContractVerdict::Broken(breaches));
        }
        Some(ContractVerdict::Kept(!contract.wants_files() || sides.iter().all(|side| side.files.is_some())))
    }
}

/// Returns the images that an index lists, without attestations.
fn images(about: &ImageInfo) -> impl Iterator<Item = &IndexEntry> {
    about.entries.iter().filter(|entry| entry.kind.is_empty())
}

/// Returns the platforms that an image supports.
fn platforms(about: &ImageInfo) -> Vec<Platform> {
    let own = about.platform.iter().filter(|_| about.entries.is_empty());
    images(about).filter_map(|entry| entry.platform.as_ref()).chain(own).cloned().collect()
}

fn known<T>(fact: &Fact<T>) -> Result<&T, MissingInfo> {
    match fact {
        Fact::Known { value, .. } => Ok(value),
        Fact::Unknown | Fact::Pending => Err(MissingInfo::Pending),
        Fact::Failed { why, .. } => Err(MissingInfo::Failed(why.clone())),
    }
}
