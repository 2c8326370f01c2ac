//! Everything known of images, by what was asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{About, Allowance, Fact, ImageFact, Tags, Why};
use crate::contract::{Contract, Contracts};
use crate::image::ImageRef;
use crate::registry::VersionManifest;

/// An answer, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned {
    /// What a reference names, by its registry or else by the engine.
    Image(String, Fact<ImageFact>),
    /// What an image is; asked for by `repository@digest`.
    About(String, Fact<Arc<About>>),
    /// The tags of a repository.
    Tags(String, Fact<Arc<Tags>>),
    /// What a reference names for the nodes: the engine's own look.
    Engine(String, Fact<ImageFact>),
    /// The version manifest.
    Versions(Fact<Arc<VersionManifest>>),
    /// Whether the operator has credentials for a registry, by its host.
    Login(String, Fact<bool>),
}

/// Everything known of images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    images: BTreeMap<String, Fact<ImageFact>>,
    abouts: BTreeMap<String, Fact<Arc<About>>>,
    tags: BTreeMap<String, Fact<Arc<Tags>>>,
    engine: BTreeMap<String, Fact<ImageFact>>,
    versions: Fact<Arc<VersionManifest>>,
    logins: BTreeMap<String, Fact<bool>>,
    allowances: BTreeMap<String, Allowance>,
    contracts: Arc<Contracts>,
    bases: Arc<BTreeMap<String, String>>,
}

fn of<'a, T>(known: &'a BTreeMap<String, Fact<T>>, key: &str) -> &'a Fact<T> {
    known.get(key).unwrap_or(&Fact::Unknown)
}

impl Facts {
    /// Whether the operator has credentials for this registry.
    pub fn login(&self, host: &str) -> &Fact<bool> {
        of(&self.logins, host)
    }

    /// What this reference names.
    pub fn image(&self, reference: &str) -> &Fact<ImageFact> {
        of(&self.images, reference)
    }

    /// What the image of this `repository@digest` is.
    pub fn about(&self, reference: &str) -> &Fact<Arc<About>> {
        of(&self.abouts, reference)
    }

    /// The tags of this repository.
    pub fn tags(&self, repository: &str) -> &Fact<Arc<Tags>> {
        of(&self.tags, repository)
    }

    /// What this reference names for the nodes.
    pub fn engine(&self, reference: &str) -> &Fact<ImageFact> {
        of(&self.engine, reference)
    }

    /// The version manifest.
    pub fn versions(&self) -> &Fact<Arc<VersionManifest>> {
        &self.versions
    }

    /// The same with these contracts beside those that are built in.
    #[must_use]
    pub fn with_contracts(self, contracts: &Contracts) -> Self {
        Self { contracts: Arc::new(contracts.clone()), ..self }
    }

    /// The same with these bases for images that do not name theirs: by repository, as references write it.
    #[must_use]
    pub fn with_bases(self, bases: &BTreeMap<String, String>) -> Self {
        Self { bases: Arc::new(bases.clone()), ..self }
    }

    /// The base that somebody wrote down for the images of a repository.
    pub fn base_of(&self, image: &ImageRef) -> Option<&str> {
        self.bases.get(image.repository()).map(String::as_str)
    }

    /// The contract of a name.
    ///
    /// # Errors
    /// Why there is none, in a sentence, and what to do.
    pub fn contract(&self, name: &str) -> Result<Contract, (String, String)> {
        self.contracts.get(name)
    }

    /// What a registry still allows, by its host, where it says so.
    pub fn allowance(&self, host: &str) -> Option<Allowance> {
        self.allowances.get(host).copied()
    }

    /// Takes in an answer, or that it was asked for.
    pub fn take(&mut self, learned: Learned) {
        match learned {
            Learned::Image(reference, fact) => self.learn(&reference, fact),
            Learned::About(reference, fact) => drop(self.abouts.insert(reference, fact)),
            Learned::Tags(repository, fact) => drop(self.tags.insert(repository, fact)),
            Learned::Engine(reference, fact) => drop(self.engine.insert(reference, fact)),
            Learned::Versions(fact) => self.versions = fact,
            Learned::Login(host, fact) => drop(self.logins.insert(host, fact)),
        }
    }

    /// Notes what a reference names, or that it was asked for.
    pub fn learn(&mut self, reference: &str, fact: Fact<ImageFact>) {
        if let Some(allowance) = fact.known().and_then(|fact| fact.allowance)
            && let Ok(image) = ImageRef::parse(reference)
        {
            self.allowances.insert(image.host, allowance);
        }
        self.images.insert(reference.to_owned(), fact);
    }

    /// Forgets what was learned by tag: tags move, digests do not.
    pub fn forget_tags(&mut self) {
        let lasts = |reference: &str, known: bool| reference.contains('@') && known;
        for facts in [&mut self.images, &mut self.engine] {
            facts.retain(|reference, fact| matches!(fact, Fact::Asked) || lasts(reference, fact.known().is_some()));
        }
        self.abouts.retain(|_, fact| matches!(fact, Fact::Asked | Fact::Known { .. }));
        self.tags.retain(|_, fact| matches!(fact, Fact::Asked));
        if !matches!(self.versions, Fact::Asked) {
            self.versions = Fact::Unknown;
        }
    }

    /// The references whose registry refused the credentials used, or wants some.
    pub fn refused(&self) -> impl Iterator<Item = &str> {
        fn of<T>(facts: &BTreeMap<String, Fact<T>>) -> impl Iterator<Item = &str> {
            let refused = facts.iter().filter(|(_, it)| matches!(it.failed(), Some(Why::Denied | Why::NoCredentials)));
            refused.map(|(reference, _)| reference.as_str())
        }
        of(&self.images).chain(of(&self.abouts)).chain(of(&self.tags)).chain(of(&self.engine))
    }

    /// Forgets what could not be learned from a registry's host, and what is asked of it just now: with another log-in
    /// it may say something else. Whether there was something.
    pub fn forget_failed(&mut self, host: &str) -> bool {
        fn of<T>(facts: &mut BTreeMap<String, Fact<T>>, host: &str) -> bool {
            let before = facts.len();
            let is_there = |reference: &str| ImageRef::parse(reference).is_ok_and(|image| image.host == host);
            facts.retain(|reference, fact| fact.known().is_some() || !is_there(reference));
            facts.len() < before
        }
        self.logins.remove(host);
        let images = of(&mut self.images, host) | of(&mut self.engine, host);
        images | of(&mut self.abouts, host) | of(&mut self.tags, host)
    }

    /// Forgets this reference if it is by tag, or could not be learned.
    pub fn forget(&mut self, reference: &str) {
        for facts in [&mut self.images, &mut self.engine] {
            let keep = reference.contains('@') && of(facts, reference).known().is_some();
            if !keep {
                facts.remove(reference);
            }
        }
    }
}
