//! Cached answers to queries, and the queries in progress.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Fact, FactQuery, FactSource, ImageInfo, LookupError, RateLimit, ResolvedImage, Tags};
use crate::contract::{Contract, Contracts};
use crate::image::ImageRef;
use crate::registry::VersionManifest;
use crate::time::Time;

/// The delay before a failed query about the swarm is sent again.
const PAUSE: Duration = Duration::from_secs(10);

/// A query about images with its new state, usually an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactUpdate {
    /// The image that a reference names, according to its registry or else to the engine.
    Image(String, Fact<ResolvedImage>),
    /// The description of an image, by `repository@digest`.
    ImageInfo(String, Fact<Arc<ImageInfo>>),
    /// The tags of a repository.
    Tags(String, Fact<Arc<Tags>>),
    /// The image that a reference names, according to the engine, which pulls as the nodes do.
    Engine(String, Fact<ResolvedImage>),
    /// The vendor's version manifest.
    Versions(Fact<Arc<VersionManifest>>),
    /// True if the operator has credentials for a registry, by its host.
    Login(String, Fact<bool>),
}

/// Cached answers about images, tags, logins and the version manifest, each with the state of its query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    images: BTreeMap<String, Fact<ResolvedImage>>,
    abouts: BTreeMap<String, Fact<Arc<ImageInfo>>>,
    tags: BTreeMap<String, Fact<Arc<Tags>>>,
    engine: BTreeMap<String, Fact<ResolvedImage>>,
    versions: Fact<Arc<VersionManifest>>,
    /// Set if the known version manifest must be queried again; it stays valid until the new one arrives.
    renews_versions: bool,
    /// The states of queries about the swarm; the world holds their answers.
    swarm: BTreeMap<FactQuery, Fact<()>>,
    logins: BTreeMap<String, Fact<bool>>,
    /// The time at which a registry that does not answer now had an image, by reference.
    had: BTreeMap<String, Time>,
    allowances: BTreeMap<String, RateLimit>,
    contracts: Arc<Contracts>,
    bases: Arc<BTreeMap<String, String>>,
}

fn of<'a, T>(known: &'a BTreeMap<String, Fact<T>>, key: &str) -> &'a Fact<T> {
    known.get(key).unwrap_or(&Fact::Unknown)
}

impl Facts {
    /// Returns whether the operator has credentials for a registry host.
    pub fn login(&self, host: &str) -> &Fact<bool> {
        of(&self.logins, host)
    }

    /// Returns the image that a reference names.
    pub fn image(&self, reference: &str) -> &Fact<ResolvedImage> {
        of(&self.images, reference)
    }

    /// Returns the description of an image, by `repository@digest`.
    pub fn image_info(&self, reference: &str) -> &Fact<Arc<ImageInfo>> {
        of(&self.abouts, reference)
    }

    /// Returns the tags of a repository.
    pub fn tags(&self, repository: &str) -> &Fact<Arc<Tags>> {
        of(&self.tags, repository)
    }

    /// Returns the image that a reference names according to the engine.
    pub fn engine(&self, reference: &str) -> &Fact<ResolvedImage> {
        of(&self.engine, reference)
    }

    /// Returns the version manifest, or the state of its query.
    pub fn versions(&self) -> &Fact<Arc<VersionManifest>> {
        &self.versions
    }

    /// Returns the facts with the user's contracts beside the built-in ones.
    #[must_use]
    pub fn with_contracts(self, contracts: &Contracts) -> Self {
        Self { contracts: Arc::new(contracts.clone()), ..self }
    }

    /// Returns the facts with configured base images for images that do not name theirs, by repository as
    /// references write it.
    #[must_use]
    pub fn with_bases(self, bases: &BTreeMap<String, String>) -> Self {
        Self { bases: Arc::new(bases.clone()), ..self }
    }

    /// Returns the configured base image for the repository of an image.
    pub fn base_of(&self, image: &ImageRef) -> Option<&str> {
        self.bases.get(image.repository()).map(String::as_str)
    }

    /// Returns the contract with this name.
    ///
    /// # Errors
    /// A message and a hint, if the contract does not exist or has mistakes.
    pub fn contract(&self, name: &str) -> Result<Contract, (String, String)> {
        self.contracts.get(name)
    }

    /// Returns the request limit that a registry host last reported, if any.
    pub fn allowance(&self, host: &str) -> Option<RateLimit> {
        self.allowances.get(host).copied()
    }

    /// Returns the time at which a registry that stopped answering had this image; `None` if it answers, or never
    /// confirmed the image.
    pub fn had(&self, reference: &str) -> Option<Time> {
        self.had.get(reference).copied()
    }

    /// Removes what a registry host confirmed, because it does not answer now: nothing there can be relied on before it
    /// is asked again. [`Facts::had`] remembers when it had an image.
    pub fn registry_down(&mut self, host: &str) {
        let had = &mut self.had;
        self.images.retain(|reference, fact| {
            let Fact::Known { at, via: FactSource::Registry, .. } = fact else { return true };
            let stays = ImageRef::parse(reference).is_ok_and(|image| image.host != host);
            if !stays {
                had.insert(reference.clone(), *at);
            }
            stays
        });
    }

    /// Stores an answer, or another new state of a query.
    pub fn take(&mut self, learned: FactUpdate) {
        match learned {
            FactUpdate::Image(reference, fact) => self.learn(&reference, fact),
            FactUpdate::ImageInfo(reference, fact) => drop(self.abouts.insert(reference, fact)),
            FactUpdate::Tags(repository, fact) => drop(self.tags.insert(repository, fact)),
            FactUpdate::Engine(reference, fact) => drop(self.engine.insert(reference, fact)),
            FactUpdate::Versions(fact) => (self.versions, self.renews_versions) = (fact, false),
            FactUpdate::Login(host, fact) => drop(self.logins.insert(host, fact)),
        }
    }

    /// Stores the state of an image query, and the registry's request limit if the answer has one.
    pub fn learn(&mut self, reference: &str, fact: Fact<ResolvedImage>) {
        if let Some(allowance) = fact.known().and_then(|fact| fact.allowance)
            && let Ok(image) = ImageRef::parse(reference)
        {
            self.allowances.insert(image.host, allowance);
        }
        if fact.known().is_some() {
            self.had.remove(reference);
        }
        self.images.insert(reference.to_owned(), fact);
    }

    /// Marks those of the queries that are neither asked nor answered as asked, and returns them.
    pub fn ask(&mut self, wants: &BTreeSet<FactQuery>, now: Time) -> BTreeSet<FactQuery> {
        let asked: BTreeSet<FactQuery> = wants.iter().filter(|want| self.is_open(want, now)).cloned().collect();
        for want in &asked {
            match want.clone() {
                FactQuery::Image(reference) => drop(self.images.insert(reference, Fact::Pending)),
                FactQuery::ImageInfo(reference) => drop(self.abouts.insert(reference, Fact::Pending)),
                FactQuery::Tags(repository) => drop(self.tags.insert(repository, Fact::Pending)),
                FactQuery::Engine(reference) => drop(self.engine.insert(reference, Fact::Pending)),
                FactQuery::Versions if self.versions.known().is_some() => {}
                FactQuery::Versions => self.versions = Fact::Pending,
                FactQuery::Login(host) => drop(self.logins.insert(host, Fact::Pending)),
                want @ (FactQuery::Tasks(_)
                | FactQuery::Record(_)
                | FactQuery::Journal
                | FactQuery::ExternalDeploys(_)) => {
                    self.swarm.insert(want, Fact::Pending);
                }
            }
        }
        self.renews_versions &= !asked.contains(&FactQuery::Versions);
        asked
    }

    /// Returns whether a query was never asked, or must be asked again.
    fn is_open(&self, want: &FactQuery, now: Time) -> bool {
        fn unknown<T>(facts: &BTreeMap<String, Fact<T>>, key: &str) -> bool {
            matches!(of(facts, key), Fact::Unknown)
        }
        match want {
            FactQuery::Image(reference) => unknown(&self.images, reference),
            FactQuery::ImageInfo(reference) => unknown(&self.abouts, reference),
            FactQuery::Tags(repository) => unknown(&self.tags, repository),
            FactQuery::Engine(reference) => unknown(&self.engine, reference),
            FactQuery::Versions => self.renews_versions || matches!(self.versions, Fact::Unknown),
            FactQuery::Login(host) => unknown(&self.logins, host),
            FactQuery::Tasks(_) | FactQuery::Record(_) | FactQuery::Journal | FactQuery::ExternalDeploys(_) => {
                match self.swarm.get(want) {
                    Some(Fact::Failed { at, .. }) => now.since(*at) >= PAUSE,
                    Some(_) => false,
                    None => true,
                }
            }
        }
    }

    /// Returns the references that were queried, answered or not.
    pub fn looked_up(&self) -> impl Iterator<Item = &str> {
        self.images.keys().map(String::as_str)
    }

    /// Stores that the cluster did not answer a query about the swarm, and why. The query may be sent again
    /// after `PAUSE`.
    pub fn fail(&mut self, want: FactQuery, why: LookupError, now: Time) {
        self.swarm.insert(want, Fact::Failed { why, at: now });
    }

    /// Lets a query be sent again. A known version manifest stays valid until the new one arrives.
    pub fn renew(&mut self, want: &FactQuery) {
        match want {
            FactQuery::Image(reference) => drop(self.images.remove(reference)),
            FactQuery::ImageInfo(reference) => drop(self.abouts.remove(reference)),
            FactQuery::Tags(repository) => drop(self.tags.remove(repository)),
            FactQuery::Engine(reference) => drop(self.engine.remove(reference)),
            FactQuery::Versions if self.versions.known().is_some() => self.renews_versions = true,
            FactQuery::Versions => self.versions = Fact::Unknown,
            FactQuery::Login(host) => drop(self.logins.remove(host)),
            FactQuery::Tasks(_) | FactQuery::Record(_) | FactQuery::Journal | FactQuery::ExternalDeploys(_) => {
                drop(self.swarm.remove(want));
            }
        }
    }

    /// Removes what can become stale: answers by tag, tag lists, logins, the version manifest, failed
    /// look-ups, and all queries about the swarm. Answers by digest stay, and so do image queries in
    /// progress.
    pub fn forget_tags(&mut self) {
        self.swarm.clear();
        self.logins.retain(|_, fact| matches!(fact, Fact::Pending));
        let lasts = |reference: &str, known: bool| reference.contains('@') && known;
        for facts in [&mut self.images, &mut self.engine] {
            facts.retain(|reference, fact| matches!(fact, Fact::Pending) || lasts(reference, fact.known().is_some()));
        }
        self.abouts.retain(|_, fact| matches!(fact, Fact::Pending | Fact::Known { .. }));
        self.tags.retain(|_, fact| matches!(fact, Fact::Pending));
        if !matches!(self.versions, Fact::Pending) {
            self.versions = Fact::Unknown;
        }
    }

    /// Returns the references whose registry refused the credentials, or requires some.
    pub fn refused(&self) -> impl Iterator<Item = &str> {
        fn of<T>(facts: &BTreeMap<String, Fact<T>>) -> impl Iterator<Item = &str> {
            let refused = facts
                .iter()
                .filter(|(_, it)| matches!(it.failed(), Some(LookupError::Denied | LookupError::NoCredentials)));
            refused.map(|(reference, _)| reference.as_str())
        }
        of(&self.images).chain(of(&self.abouts)).chain(of(&self.tags)).chain(of(&self.engine))
    }

    /// Removes failed and pending queries to a registry host, because another login may change the answers.
    /// Returns whether any were removed.
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

    /// Removes the answers for a reference, except a known one by digest.
    pub fn forget(&mut self, reference: &str) {
        for facts in [&mut self.images, &mut self.engine] {
            let keep = reference.contains('@') && of(facts, reference).known().is_some();
            if !keep {
                facts.remove(reference);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Digest;
    use crate::registry::FactSource;
    use crate::sample::NOW;

    fn later(seconds: i64) -> Time {
        Time(NOW.0 + seconds * 1000)
    }

    fn known(digit: &str) -> Fact<ResolvedImage> {
        let digest = Digest::parse(&format!("sha256:{}", digit.repeat(64))).unwrap();
        Fact::Known { value: ResolvedImage::new(digest, None), at: NOW, via: FactSource::Registry }
    }

    fn one(want: &FactQuery) -> BTreeSet<FactQuery> {
        [want.clone()].into()
    }

    #[test]
    fn each_query_is_asked_once_until_it_is_renewed() {
        let mut facts = Facts::default();
        for want in [
            FactQuery::Image("r/a:1".into()),
            FactQuery::ImageInfo("r/a@sha256:1".into()),
            FactQuery::Tags("r/a".into()),
            FactQuery::Engine("r/a:1".into()),
            FactQuery::Versions,
            FactQuery::Login("r".into()),
            FactQuery::Tasks("service".into()),
            FactQuery::Record("change".into()),
            FactQuery::Journal,
        ] {
            assert_eq!(facts.ask(&one(&want), NOW), one(&want), "{want:?}");
            assert_eq!(facts.ask(&one(&want), NOW), BTreeSet::new(), "{want:?} is asked");
            facts.renew(&want);
            assert_eq!(facts.ask(&one(&want), NOW), one(&want), "{want:?} once more");
        }
    }

    #[test]
    fn an_answer_of_either_kind_ends_the_question() {
        let mut facts = Facts::default();
        let want = FactQuery::Image("r/a:1".into());
        facts.ask(&one(&want), NOW);
        facts.take(FactUpdate::Image("r/a:1".into(), known("1")));
        assert_eq!(facts.ask(&one(&want), later(3600)), BTreeSet::new());
        facts.take(FactUpdate::Image("r/a:1".into(), Fact::Failed { why: LookupError::NotFound, at: NOW }));
        assert_eq!(facts.ask(&one(&want), later(3600)), BTreeSet::new());
        assert!(facts.forget_failed("r") || facts.image("r/a:1").failed().is_some());
    }

    #[test]
    fn what_the_cluster_did_not_answer_is_asked_again_after_a_pause() {
        let mut facts = Facts::default();
        facts.ask(&one(&FactQuery::Journal), NOW);
        facts.fail(FactQuery::Journal, LookupError::Unreachable("no route".into()), later(1));
        assert_eq!(facts.ask(&one(&FactQuery::Journal), later(10)), BTreeSet::new());
        assert_eq!(facts.ask(&one(&FactQuery::Journal), later(11)), one(&FactQuery::Journal));
    }

    #[test]
    fn a_known_version_manifest_counts_until_another_comes() {
        let mut facts = Facts::default();
        let manifest = VersionManifest::parse(
            r#"{"schema_version":1,"images":{"postgres":[{"postgres_version":"17.9","spock_version":"5","image":"a:1"}]}}"#,
            "r",
            crate::registry::VersionManifestOrigin::BuiltIn,
            None,
        );
        let value = Arc::new(manifest.unwrap());
        facts.take(FactUpdate::Versions(Fact::Known { value, at: NOW, via: FactSource::Curated }));
        facts.renew(&FactQuery::Versions);
        assert_eq!(facts.ask(&one(&FactQuery::Versions), NOW), one(&FactQuery::Versions));
        assert!(facts.versions().known().is_some());
        assert_eq!(facts.ask(&one(&FactQuery::Versions), NOW), BTreeSet::new(), "it is asked");
    }

    #[test]
    fn a_refresh_keeps_digests_and_what_is_asked_just_now() {
        let mut facts = Facts::default();
        let by_digest = format!("r/a@sha256:{}", "1".repeat(64));
        facts.take(FactUpdate::Image("r/a:1".into(), known("1")));
        facts.take(FactUpdate::Image(by_digest.clone(), known("1")));
        let asked = FactQuery::Image("r/b:1".into());
        facts.ask(&one(&asked), NOW);
        facts.forget_tags();
        assert_eq!(facts.image("r/a:1"), &Fact::Unknown);
        assert_eq!(facts.ask(&one(&FactQuery::Image(by_digest)), NOW), BTreeSet::new());
        assert_eq!(facts.ask(&one(&asked), NOW), BTreeSet::new());
    }
}
