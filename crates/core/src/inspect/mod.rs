//! What a reference is: everything its registry tells, put together for a verb and for a screen alike.

#[cfg(test)]
mod tests;
mod text;
mod wire;

pub use text::{Line, Section, Tone, file, listed};

use std::collections::{BTreeMap, BTreeSet};

use super::contract::{Breach, Contract, Side, judge};
use super::image::{Digest, ImageRef, Platform};
use super::registry::{About, Entry, Fact, Facts, Files, ImageFact, Why};
use crate::registry::Want;
use crate::registry::{Base, base_verdict};

/// A reference, what is asked about it, and what is known so far.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The reference.
    pub image: &'a ImageRef,
    /// What is known of images.
    pub facts: &'a Facts,
    /// The only platform of interest; none: all, and the image that is told about is the registry's usual choice.
    pub platform: Option<&'a Platform>,
    /// The base that the pins name, where the image names none.
    pub base: Option<&'a str>,
    /// The contract it is judged by.
    pub contract: Option<&'a Contract>,
    /// Files that were read, by the digest of the image's manifest.
    pub files: &'a BTreeMap<Digest, Files>,
}

/// Why there is nothing to tell, or not yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It is being asked for.
    Asking,
    /// The registry told nothing.
    Failed(Why),
    /// It is not made for the platform of interest; these are what it is made for.
    NotFor(Platform, Vec<Platform>),
}

/// Whether an image keeps its contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As far as it was looked at; `false`: its files were not read, and the contract asks about them.
    Kept(bool),
    /// It does not.
    Broken(Vec<Breach>),
}

/// One platform of an image.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    /// What it is made for, where that is known.
    pub platform: Option<&'a Platform>,
    /// The variant of the architecture; may be empty.
    pub variant: &'a str,
    /// The digest of its manifest.
    pub manifest: &'a Digest,
    /// What it is.
    pub about: Result<&'a About, &'a Fact<std::sync::Arc<About>>>,
}

impl<'a> View<'a> {
    /// What the reference names.
    ///
    /// # Errors
    /// What keeps it from being known.
    pub fn named(&self) -> Result<&'a ImageFact, Lack> {
        known(self.facts.image(&self.image.text))
    }

    /// What the digest it names is: an index or a single image.
    ///
    /// # Errors
    /// What keeps it from being known.
    pub fn about(&self) -> Result<&'a About, Lack> {
        let digest = &self.named()?.digest;
        known(self.facts.about(&self.image.by_digest(digest))).map(AsRef::as_ref)
    }

    /// The image that is told about: that of the platform of interest, else the usual one.
    ///
    /// # Errors
    /// What keeps it from being known.
    pub fn shown(&self) -> Result<&'a About, Lack> {
        let about = self.about()?;
        let Some(platform) = self.platform.filter(|platform| about.platform.as_ref() != Some(*platform)) else {
            return Ok(about);
        };
        match images(about).find(|entry| entry.platform.as_ref() == Some(platform)) {
            Some(entry) => known(self.facts.about(&self.image.by_digest(&entry.digest))).map(AsRef::as_ref),
            None => Err(Lack::NotFor(platform.clone(), platforms(about))),
        }
    }

    /// All images of interest, in the order of the index.
    ///
    /// # Errors
    /// What keeps them from being known.
    pub fn made(&self) -> Result<Vec<Made<'a>>, Lack> {
        let about = self.about()?;
        if about.entries.is_empty() {
            let platform = about.platform.as_ref();
            return Ok(vec![Made { platform, variant: "", manifest: &about.manifest, about: Ok(about) }]);
        }
        let wanted = |entry: &&Entry| self.platform.is_none_or(|platform| entry.platform.as_ref() == Some(platform));
        let made = |entry: &'a Entry| {
            let of_its_own = || {
                let fact = self.facts.about(&self.image.by_digest(&entry.digest));
                fact.known().map(AsRef::as_ref).ok_or(fact)
            };
            let about = if entry.digest == about.manifest { Ok(about) } else { of_its_own() };
            Made { platform: entry.platform.as_ref(), variant: &entry.variant, manifest: &entry.digest, about }
        };
        Ok(images(about).filter(wanted).map(made).collect())
    }

    /// The base that somebody wrote down, in the pins or in the configuration.
    fn base_named(&self) -> Option<&'a str> {
        self.base.or_else(|| self.facts.base_of(self.image))
    }

    /// How it stands to its base.
    pub fn base(&self) -> Base {
        match self.shown() {
            Ok(about) => base_verdict(about, self.base_named(), self.facts).0,
            Err(_) => Base::Asking,
        }
    }

    /// What has to be learned; asked again with what came, until nothing is left.
    pub fn wants(&self) -> BTreeSet<Want> {
        let by_digest = |digest: &Digest| Want::About(self.image.by_digest(digest));
        let named = match self.named() {
            Ok(named) => named,
            Err(Lack::Asking) => return BTreeSet::from([Want::Image(self.image.text.clone())]),
            Err(_) => return BTreeSet::new(),
        };
        match self.made() {
            Err(Lack::Asking) => BTreeSet::from([by_digest(&named.digest)]),
            Err(_) => BTreeSet::new(),
            Ok(made) => {
                let open = made.iter().filter(|made| made.about.is_err_and(|fact| !fact.answered()));
                let mut wants: BTreeSet<Want> = open.map(|made| by_digest(made.manifest)).collect();
                if let Ok(about) = self.shown() {
                    wants.extend(base_verdict(about, self.base_named(), self.facts).1);
                }
                wants
            }
        }
    }

    /// The images whose files are still to be read for the contract.
    pub fn unread(&self) -> Vec<&'a About> {
        if !self.contract.is_some_and(Contract::wants_files) {
            return Vec::new();
        }
        let made = self.made().unwrap_or_default();
        let open = made.into_iter().filter(|made| !self.files.contains_key(made.manifest));
        open.filter_map(|made| made.about.ok()).collect()
    }

    /// Whether it keeps the contract; `None` without one, and as long as not all that has to be known is.
    pub fn verdict(&self) -> Option<Verdict> {
        let contract = self.contract?;
        let index = self.about().ok()?;
        let abouts: Vec<&About> = self.made().ok()?.iter().map(|made| made.about.ok()).collect::<Option<_>>()?;
        // What is listed tells the platforms, also where one of them only is of interest.
        let abouts: Vec<About> =
            abouts.into_iter().map(|about| About { entries: index.entries.clone(), ..about.clone() }).collect();
        let files = |about: &About| self.files.get(&about.manifest).and_then(Files::known);
        let sides: Vec<Side<'_>> = abouts.iter().map(|about| Side { about, files: files(about) }).collect();
        let breaches = judge(contract, self.image, &sides);
        if !breaches.is_empty() {
            return Some(Verdict::Broken(breaches));
        }
        Some(Verdict::Kept(!contract.wants_files() || sides.iter().all(|side| side.files.is_some())))
    }
}

/// The images an index lists: no attestations.
fn images(about: &About) -> impl Iterator<Item = &Entry> {
    about.entries.iter().filter(|entry| entry.kind.is_empty())
}

/// What it is made for.
fn platforms(about: &About) -> Vec<Platform> {
    let own = about.platform.iter().filter(|_| about.entries.is_empty());
    images(about).filter_map(|entry| entry.platform.as_ref()).chain(own).cloned().collect()
}

fn known<T>(fact: &Fact<T>) -> Result<&T, Lack> {
    match fact {
        Fact::Known { value, .. } => Ok(value),
        Fact::Unknown | Fact::Asked => Err(Lack::Asking),
        Fact::Failed { why, .. } => Err(Lack::Failed(why.clone())),
    }
}
