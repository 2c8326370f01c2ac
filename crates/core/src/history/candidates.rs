//! Rollback candidates: every image that a service is known to have had, newest first, then
//! immutable tags of its repository.
//!
//! The sources are the journal's changes, the observations of consoles and `pinnace record`, the service's task history
//! and the engine's previous spec. Each image has one entry: identified by its digest if known, else by its text.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::history::ran_on;
use crate::history::{CandidateSource, ServiceChangeEntry, steps};
use crate::history::{RunResult, RunVerdict, evidence, had_its_image, run_time};
use crate::image::{Digest, ImageRef, digest_of, same};
use crate::image_tag::{constancy, family};
use crate::journal::{ChangeEntry, UnitState};
use crate::registry::FactQuery;
use crate::registry::tags;
use crate::registry::{Fact, Facts, LookupError};
use crate::swarm::GroupKey;
use crate::swarm::with_image;
use crate::swarm::{EditableFields, Service, Task, TaskState};
use crate::time::Time;
use crate::world::World;

/// The maximum number of changes that are searched.
pub const CHANGES: usize = 50;
/// The maximum number of tags that are offered.
const TAGS: usize = 50;

/// A rollback candidate: an image that a service may go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollbackCandidate {
    /// The values of the editable fields that a rollback restores.
    pub places: EditableFields,
    /// The image's digest; `None` if only a tag is known.
    pub digest: Option<Digest>,
    /// The source of this knowledge.
    pub source: CandidateSource,
    /// The time at which the service is last known to have had the image; for a tag that it never had, the build time.
    pub last: Option<Time>,
    /// The outcome of its run in the service.
    pub fared: RunResult,
    /// The host names of the nodes that are known to have run it.
    pub nodes: Vec<String>,
    /// Set on the image that the spec has now.
    pub is_now: bool,
}

/// The availability of an image in its registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pullable {
    /// The registry has the image.
    Yes,
    /// The registry does not have the image any more.
    Gone,
    /// The registry gave no answer; holds the reason.
    Unknown(String),
    /// The lookup has not been answered yet.
    Pending,
}

impl Pullable {
    /// Returns the availability of an image reference, from the facts known so far.
    pub fn of(facts: &Facts, image: &str) -> Self {
        match facts.image(image) {
            Fact::Known { .. } => Self::Yes,
            Fact::Failed { why: LookupError::NotFound, .. } => Self::Gone,
            Fact::Failed { why, .. } => Self::Unknown(why.text().to_owned()),
            Fact::Unknown | Fact::Pending => Self::Pending,
        }
    }

    /// Returns the word for JSON and screens; `…` while the lookup is open.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Gone => "gone",
            Self::Unknown(_) => "unknown",
            Self::Pending => "…",
        }
    }
}

/// Lists the rollback candidates: first every image that the service is known to have had, in the order of [`known`],
/// then immutable tags of the same families, those of the current family first.
pub fn earlier(world: &World, group: &GroupKey, service: &Service, facts: &Facts, now: Time) -> Vec<RollbackCandidate> {
    let mut all = known(world, group, service, now);
    let offered = offered(service, facts, &all);
    all.extend(offered);
    all
}

/// Returns the queries that are needed before the list of candidates is complete. Queries about a
/// single candidate are in [`wants_of`].
pub fn queries(world: &World, group: &GroupKey, service: &Service, facts: &Facts) -> BTreeSet<FactQuery> {
    let mut wants = BTreeSet::new();
    if !world.knows_journal() {
        wants.insert(FactQuery::Journal);
    }
    let history = world.history(group);
    let unread = |entry: &&ChangeEntry| entry.record.is_none() && !history.is_gone(&entry.slot.change);
    let records = history.newest_first().take(CHANGES).filter(unread);
    wants.extend(records.map(|entry| FactQuery::Record(entry.slot.change.clone())));
    if !history.knows_sightings() {
        wants.insert(FactQuery::ExternalDeploys(group.clone()));
    }
    if !world.knows_history(&service.id) {
        wants.insert(FactQuery::Tasks(service.id.clone()));
    }
    if let Ok(image) = ImageRef::parse(service.image())
        && !facts.tags(image.repository()).answered()
    {
        wants.insert(FactQuery::Tags(image.repository().to_owned()));
    }
    wants
}

/// Returns the queries for one candidate: the image's availability, and the build time of a tag that never ran here.
pub fn wants_of(one: &RollbackCandidate, facts: &Facts) -> BTreeSet<FactQuery> {
    let mut wants = BTreeSet::new();
    let Ok(image) = ImageRef::parse(&one.places.image) else { return wants };
    if !facts.image(&image.text).answered() {
        wants.insert(FactQuery::Image(image.text.clone()));
    }
    if let (CandidateSource::Registry, Some(digest)) = (&one.source, &one.digest)
        && !facts.image_info(&image.by_digest(digest)).answered()
    {
        wants.insert(FactQuery::ImageInfo(image.by_digest(digest)));
    }
    wants
}

/// Lists every image that the service is known to have had: the current one first, then those that ran, those that ran
/// and failed later, those of which nothing is known and those that failed, each newest first.
pub fn known(world: &World, group: &GroupKey, service: &Service, now: Time) -> Vec<RollbackCandidate> {
    let judged = |trace: RunEvidence| trace.judged(world, group, service);
    let mut all: Vec<RollbackCandidate> = traces(world, group, service, now).into_iter().map(judged).collect();
    all.sort_by_key(|one| (!one.is_now, one.fared.rank(), std::cmp::Reverse(one.last)));
    all
}

/// Returns whether the service is known to have had another image than the present one. Nothing is weighed for it, so
/// that it can be asked for every frame.
pub fn had_others(world: &World, group: &GroupKey, service: &Service, now: Time) -> bool {
    traces(world, group, service, now).iter().any(|trace| !same(&trace.places.image, service.image()))
}

/// Collects what is known of each image that the service had.
fn traces(world: &World, group: &GroupKey, service: &Service, now: Time) -> Vec<RunEvidence> {
    let mut traces = EvidenceList { list: Vec::new() };
    let since = service.update.as_ref().and_then(|update| update.started).or(service.updated);
    let first = traces.note(&service.places, CandidateSource::Now);
    first.until = Some(now);
    let (steps, _) = steps(world, group, service);
    traces.journal(&steps, since, now);
    traces.sightings(world, group, service);
    if let Some(previous) = &service.previous {
        let trace = traces.note(previous, CandidateSource::EnginePrevious);
        trace.until = trace.until.max(since);
    }
    for task in world.tasks(&service.id) {
        traces.task(task, service, now);
    }
    traces.list
}

/// Lists immutable tags of the repository that are not in `known`.
fn offered(service: &Service, facts: &Facts, known: &[RollbackCandidate]) -> Vec<RollbackCandidate> {
    let Ok(runs) = ImageRef::parse(service.image()) else { return Vec::new() };
    let Some(listed) = facts.tags(runs.repository()).known() else { return Vec::new() };
    // Only families that the service had are offered: no other major version and no other base system.
    let had = known.iter().filter_map(|one| ImageRef::parse(&one.places.image).ok()?.tag);
    let families: BTreeSet<String> = had.map(|tag| family(&tag)).collect();
    let kin = |name: &String| families.is_empty() || families.contains(&family(name));
    let names: Vec<String> =
        listed.names.iter().filter(|name| !constancy(name).floats() && kin(name)).cloned().collect();
    let source = tags::CandidateInput {
        repository: runs.repository(),
        names: Some(&names),
        runs: std::slice::from_ref(&runs),
        ran: &[],
        failed: &[],
        proposals: &[],
        facts,
    };
    let row = |tag: tags::TagCandidate| {
        let image = ImageRef::parse(&tag.text).ok()?;
        let text = tag.digest.as_ref().map_or_else(|| image.text.clone(), |digest| image.pinned(digest));
        let bare = |one: &RollbackCandidate| one.places.image.split('@').next() == Some(&image.text);
        let is_known =
            |one: &RollbackCandidate| if tag.digest.is_some() { same(&one.places.image, &text) } else { bare(one) };
        if known.iter().any(is_known) {
            return None;
        }
        let platforms = facts.image(&image.text).known().and_then(|fact| fact.platforms.as_deref());
        Some(RollbackCandidate {
            places: with_image(&service.places, &text, platforms),
            digest: tag.digest,
            source: CandidateSource::Registry,
            last: tag.created,
            fared: RunResult::Never,
            nodes: Vec::new(),
            is_now: false,
        })
    };
    tags::candidates(&source).into_iter().filter_map(row).take(TAGS).collect()
}

/// The collected evidence of one image in a service.
struct RunEvidence {
    places: EditableFields,
    source: CandidateSource,
    from: Option<Time>,
    until: Option<Time>,
    span: Option<Duration>,
}

/// The evidence of all images. The first source that names an image becomes its source, so the best source comes first.
struct EvidenceList {
    list: Vec<RunEvidence>,
}

impl EvidenceList {
    fn note(&mut self, places: &EditableFields, source: CandidateSource) -> &mut RunEvidence {
        let known = self.list.iter().position(|trace| same(&trace.places.image, &places.image));
        let at = known.unwrap_or_else(|| {
            let places = places.clone();
            self.list.push(RunEvidence { places, source: source.clone(), from: None, until: None, span: None });
            self.list.len() - 1
        });
        let trace = &mut self.list[at];
        // The current image is listed with its origin, not with the spec as its source.
        if trace.source == CandidateSource::Now {
            trace.source = source;
        }
        trace
    }

    /// Adds the changes of the journal, newest first: each started the run of one image and ended that of another.
    fn journal(&mut self, steps: &[ServiceChangeEntry<'_>], since: Option<Time>, now: Time) {
        let mut ended = None;
        for step in steps {
            // The current image still runs; an image that another client replaced ended with that update.
            ended = ended.or(if step.after.image == self.list[0].places.image { Some(now) } else { since });
            let at = step.at();
            let source = || CandidateSource::Change(step.entry.slot.change.clone());
            let stood = matches!(step.state, UnitState::Done);
            let after = self.note(&step.after, source());
            if stood {
                after.was(at, ended);
                ended = at;
            } else {
                after.until = after.until.max(at);
            }
            let before = self.note(&step.before, source());
            before.until = before.until.max(at);
        }
    }

    /// Adds the images of external deploys, as consoles and `pinnace record` observed them.
    fn sightings(&mut self, world: &World, group: &GroupKey, service: &Service) {
        for seen in world.history(group).sightings().filter(|seen| seen.service_id == service.id) {
            let trace = self.note(&seen.places, CandidateSource::Seen(seen.by.clone()));
            // Between two observations another image may have run.
            trace.until = trace.until.max(seen.at);
        }
    }

    fn task(&mut self, task: &Task, service: &Service, now: Time) {
        if task.image.is_empty() {
            return;
        }
        let trace = self.note(&task.places, CandidateSource::OldTask);
        let end = if task.state == TaskState::Running { Some(now) } else { task.since };
        if run_time(task, service, now).is_some() {
            trace.was(if task.state == TaskState::Running { task.since } else { task.created }, end);
        } else {
            trace.until = trace.until.max(end);
        }
    }
}

impl RunEvidence {
    /// Adds a period in which the image ran; either end may be unknown.
    fn was(&mut self, from: Option<Time>, until: Option<Time>) {
        self.until = self.until.max(until);
        self.from = match (self.from, from) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        // A single observation gives no run time.
        let span = from.zip(until).map(|(from, until)| until.since(from)).filter(|span| !span.is_zero());
        self.span = self.span.max(span);
    }

    fn judged(self, world: &World, group: &GroupKey, service: &Service) -> RollbackCandidate {
        let text = &self.places.image;
        let is_now = same(text, service.image());
        let tasks: Vec<_> = world.tasks(&service.id).iter().filter(|task| same(text, &task.image)).collect();
        let up = world.health(&service.id).is_some_and(|health| health.fresh > 0 && !health.state.is_trouble());
        let fared = if is_now && up {
            RunResult::Runs
        } else {
            let past = evidence(world, group, service, text);
            let span = self.span.max(past.longest);
            match past.verdict {
                RunVerdict::Ran if past.in_sibling => RunResult::InSibling,
                RunVerdict::Ran if past.failed_last => RunResult::RanThenFailed(span),
                RunVerdict::Ran => RunResult::Ran(span),
                RunVerdict::NotKnown => RunResult::Unknown,
                RunVerdict::FailedHere => {
                    let started = |task: &&Task| task.exit_code.is_some() || task.state == TaskState::Running;
                    let none = !tasks.is_empty() && !tasks.iter().any(started);
                    if none { RunResult::NeverStarted } else { RunResult::Failed }
                }
            }
        };
        let digest = digest_of(text);
        let nodes = match &digest {
            Some(digest) => ran_on(world, group, digest).into_keys().collect(),
            None => hosts(world, service, &tasks),
        };
        RollbackCandidate { digest, source: self.source, last: self.until, fared, nodes, is_now, places: self.places }
    }
}

/// Returns the host names of the tasks that run or are proven to have run.
fn hosts(world: &World, service: &Service, tasks: &[&Task]) -> Vec<String> {
    let now = world.heard.unwrap_or_default();
    let ids = tasks.iter().filter(|task| had_its_image(task, service, now)).filter_map(|task| task.node.as_ref());
    let names: BTreeSet<String> = ids.filter_map(|id| Some(world.nodes.get(id)?.hostname.clone())).collect();
    names.into_iter().collect()
}

impl RollbackCandidate {
    /// Returns whether a typed text names this candidate: by its reference, tag or digest, or by `@` and the
    /// first digits of the digest, at least four (`@1f2e3d4c`).
    pub(crate) fn is_meant(&self, text: &str) -> bool {
        let image = &self.places.image;
        if let Some(start) = text.strip_prefix('@') {
            let hex = self.digest.as_ref().and_then(|digest| digest.as_str().strip_prefix("sha256:"));
            return start.len() >= 4 && hex.is_some_and(|hex| hex.starts_with(start));
        }
        let read = ImageRef::parse(image).ok();
        let tag = read.as_ref().and_then(|image| image.tag.as_deref());
        let digest = self.digest.as_ref().map(Digest::as_str);
        same(image, text) || image.split('@').next() == Some(text) || tag == Some(text) || digest == Some(text)
    }
}

#[cfg(test)]
#[path = "candidates_tests.rs"]
pub(crate) mod tests;
