//! What a service may go back to: every image it is known to have had, the newest first, then tags of its repository
//! that stay what they are.
//!
//! Known are: the journal's changes, what consoles and `pinnace record` noted, the service's task history, the engine's
//! previous spec. One image is one entry: by digest where it has one, else by its text.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::history::ran_on;
use crate::history::{Source, Step, steps};
use crate::history::{came_up, failed_here, ran_well, same};
use crate::image::{Digest, ImageRef, digest_of};
use crate::journal::{Entry, UnitState};
use crate::registry::Want;
use crate::registry::tags;
use crate::registry::{Fact, Facts, Why};
use crate::swarm::GroupKey;
use crate::swarm::with_image;
use crate::swarm::{Places, Service, Task, TaskState};
use crate::time::{Time, age};
use crate::version::{constancy, family};
use crate::world::World;

/// How many changes are looked back at.
pub const CHANGES: usize = 50;
/// How many tags are offered.
const TAGS: usize = 50;

/// An image a service may go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// What the spec's places go back to.
    pub places: Places,
    /// The image's digest; `None` where only a tag is known.
    pub digest: Option<Digest>,
    /// Where it is known from.
    pub source: Source,
    /// When the service is last known to have had it; of a tag that it never had, when the image was built.
    pub last: Option<Time>,
    /// How it fared.
    pub fared: Fared,
    /// The nodes that are known to have run it, by host name.
    pub nodes: Vec<String>,
    /// Whether it is what the spec says now.
    pub is_now: bool,
}

/// How an image fared in a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fared {
    /// It runs now.
    Runs,
    /// It ran; for so long, where that is known.
    Ran(Option<Duration>),
    /// It failed.
    Failed,
    /// No task of it came as far as to run.
    NeverStarted,
    /// It was there, and nobody knows how it did.
    Unknown,
    /// It was never in this service.
    Never,
}

impl Fared {
    /// In a word, as JSON has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Ran(_) => "ran",
            Self::Failed => "failed",
            Self::NeverStarted => "never-started",
            Self::Unknown => "unknown",
            Self::Never => "never-here",
        }
    }

    /// For how long it ran, where that is known.
    pub fn span(self) -> Option<Duration> {
        if let Self::Ran(span) = self { span } else { None }
    }

    /// In a few words, for people.
    pub fn told(self) -> String {
        match self {
            Self::Ran(Some(span)) => format!("ran {}", age(span)),
            Self::NeverStarted => "never started".to_owned(),
            Self::Unknown => "not known".to_owned(),
            Self::Never => "never ran here".to_owned(),
            _ => self.word().to_owned(),
        }
    }
}

/// Whether an image can still be had from its registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pullable {
    /// It can.
    Yes,
    /// The registry does not have it any more.
    Gone,
    /// The registry did not tell, and why.
    Unknown(String),
    /// It is not answered yet.
    Asking,
}

impl Pullable {
    /// What is known of an image text.
    pub fn of(facts: &Facts, image: &str) -> Self {
        match facts.image(image) {
            Fact::Known { .. } => Self::Yes,
            Fact::Failed { why: Why::NotFound, .. } => Self::Gone,
            Fact::Failed { why, .. } => Self::Unknown(why.text().to_owned()),
            Fact::Unknown | Fact::Asked => Self::Asking,
        }
    }

    /// In a word, as JSON and screens have it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Gone => "gone",
            Self::Unknown(_) => "unknown",
            Self::Asking => "…",
        }
    }
}

/// Every image the service is known to have had, the newest first; then immutable tags, of the family that runs first.
pub fn earlier(world: &World, group: &GroupKey, service: &Service, facts: &Facts, now: Time) -> Vec<Earlier> {
    let mut all = known(world, group, service, now);
    let offered = offered(service, facts, &all);
    all.extend(offered);
    all
}

/// What has to be read before that list is whole; what an image is, and whether it is there, is asked row by row.
pub fn wants(world: &World, group: &GroupKey, service: &Service, facts: &Facts) -> BTreeSet<Want> {
    let mut wants = BTreeSet::new();
    if !world.knows_journal() {
        wants.insert(Want::Journal);
    }
    let history = world.history(group);
    let unread = |entry: &&Entry| entry.record.is_none() && !history.is_gone(&entry.slot.change);
    let records = history.newest_first().take(CHANGES).filter(unread);
    wants.extend(records.map(|entry| Want::Record(entry.slot.change.clone())));
    if !history.knows_sightings() {
        wants.insert(Want::Sightings(group.clone()));
    }
    if !world.knows_history(&service.id) {
        wants.insert(Want::Tasks(service.id.clone()));
    }
    if let Ok(image) = ImageRef::parse(service.image())
        && !facts.tags(image.repository()).answered()
    {
        wants.insert(Want::Tags(image.repository().to_owned()));
    }
    wants
}

/// What has to be asked to show one of them: is it there; and of a tag that never ran here, when it was built.
pub fn wants_of(one: &Earlier, facts: &Facts) -> BTreeSet<Want> {
    let mut wants = BTreeSet::new();
    let Ok(image) = ImageRef::parse(&one.places.image) else { return wants };
    if !facts.image(&image.text).answered() {
        wants.insert(Want::Image(image.text.clone()));
    }
    if let (Source::Registry, Some(digest)) = (&one.source, &one.digest)
        && !facts.about(&image.by_digest(digest)).answered()
    {
        wants.insert(Want::About(image.by_digest(digest)));
    }
    wants
}

/// Every image the service is known to have had, the newest first; what it has now stands before all others.
pub fn known(world: &World, group: &GroupKey, service: &Service, now: Time) -> Vec<Earlier> {
    let mut traces = Traces { list: Vec::new() };
    let since = service.update.as_ref().and_then(|update| update.started).or(service.updated);
    let first = traces.note(&service.places, Source::Now);
    first.until = Some(now);
    let (steps, _) = steps(world, group, service);
    traces.journal(&steps, since, now);
    traces.sightings(world, group, service);
    if let Some(previous) = &service.previous {
        let trace = traces.note(previous, Source::EnginePrevious);
        trace.until = trace.until.max(since);
    }
    for task in world.tasks(&service.id) {
        traces.task(task, now);
    }
    let judged = |trace: Trace| trace.judged(world, group, service);
    let mut all: Vec<Earlier> = traces.list.into_iter().map(judged).collect();
    all.sort_by_key(|one| (!one.is_now, std::cmp::Reverse(one.last)));
    all
}

/// Tags of the repository that stay what they are, without those that are in the list already.
fn offered(service: &Service, facts: &Facts, known: &[Earlier]) -> Vec<Earlier> {
    let Ok(runs) = ImageRef::parse(service.image()) else { return Vec::new() };
    let Some(listed) = facts.tags(runs.repository()).known() else { return Vec::new() };
    // What it had is what it may have again: of another major version, or another base, nothing is offered.
    let had = known.iter().filter_map(|one| ImageRef::parse(&one.places.image).ok()?.tag);
    let families: BTreeSet<String> = had.map(|tag| family(&tag)).collect();
    let kin = |name: &String| families.is_empty() || families.contains(&family(name));
    let names: Vec<String> =
        listed.names.iter().filter(|name| !constancy(name).floats() && kin(name)).cloned().collect();
    let source = tags::Source {
        repository: runs.repository(),
        names: Some(&names),
        runs: std::slice::from_ref(&runs),
        ran: &[],
        failed: &[],
        proposals: &[],
        facts,
    };
    let row = |tag: tags::Candidate| {
        let image = ImageRef::parse(&tag.text).ok()?;
        let text = tag.digest.as_ref().map_or_else(|| image.text.clone(), |digest| image.pinned(digest));
        let bare = |one: &Earlier| one.places.image.split('@').next() == Some(&image.text);
        let is_known = |one: &Earlier| if tag.digest.is_some() { same(&one.places.image, &text) } else { bare(one) };
        if known.iter().any(is_known) {
            return None;
        }
        let platforms = facts.image(&image.text).known().and_then(|fact| fact.platforms.as_deref());
        Some(Earlier {
            places: with_image(&service.places, &text, platforms),
            digest: tag.digest,
            source: Source::Registry,
            last: tag.created,
            fared: Fared::Never,
            nodes: Vec::new(),
            is_now: false,
        })
    };
    tags::candidates(&source).into_iter().filter_map(row).take(TAGS).collect()
}

/// What is known of one image's time in a service.
struct Trace {
    places: Places,
    source: Source,
    from: Option<Time>,
    until: Option<Time>,
    span: Option<Duration>,
    /// When it was first and last seen running well.
    seen: Option<(Time, Time)>,
}

/// The images there were, those told first by the best source.
struct Traces {
    list: Vec<Trace>,
}

impl Traces {
    fn note(&mut self, places: &Places, source: Source) -> &mut Trace {
        let known = self.list.iter().position(|trace| same(&trace.places.image, &places.image));
        let at = known.unwrap_or_else(|| {
            let places = places.clone();
            self.list.push(Trace { places, source: source.clone(), from: None, until: None, span: None, seen: None });
            self.list.len() - 1
        });
        let trace = &mut self.list[at];
        // What it has now is told by where it came from.
        if trace.source == Source::Now {
            trace.source = source;
        }
        trace
    }

    /// The changes of the journal, the newest first: each began one image's time and ended another's.
    fn journal(&mut self, steps: &[Step<'_>], since: Option<Time>, now: Time) {
        let mut ended = None;
        for step in steps {
            // What it has now still runs; what somebody else replaced ended with their update.
            ended = ended.or(if step.after.image == self.list[0].places.image { Some(now) } else { since });
            let at = step.at();
            let source = || Source::Change(step.entry.slot.change.clone());
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

    /// What was seen to run without a change of ours: notes of consoles and of `pinnace record`.
    fn sightings(&mut self, world: &World, group: &GroupKey, service: &Service) {
        for seen in world.history(group).sightings().filter(|seen| seen.service_id == service.id) {
            let trace = self.note(&seen.places, Source::Seen(seen.by.clone()));
            trace.seen = match (trace.seen, seen.at) {
                (Some((first, last)), Some(at)) => Some((first.min(at), last.max(at))),
                (known, at) => known.or(at.map(|at| (at, at))),
            };
        }
        for trace in &mut self.list {
            if let Some((first, last)) = trace.seen {
                trace.was(Some(first), Some(last));
            }
        }
    }

    fn task(&mut self, task: &Task, now: Time) {
        if task.image.is_empty() {
            return;
        }
        let trace = self.note(&task.places, Source::OldTask);
        let end = if task.state == TaskState::Running { Some(now) } else { task.since };
        if came_up(task) {
            trace.was(task.created, end);
        } else {
            trace.until = trace.until.max(end);
        }
    }
}

impl Trace {
    /// It was there from one moment to another.
    fn was(&mut self, from: Option<Time>, until: Option<Time>) {
        self.until = self.until.max(until);
        self.from = match (self.from, from) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        // Seen once says nothing of how long.
        let span = from.zip(until).map(|(from, until)| until.since(from)).filter(|span| !span.is_zero());
        self.span = self.span.max(span);
    }

    fn judged(self, world: &World, group: &GroupKey, service: &Service) -> Earlier {
        let text = &self.places.image;
        let is_now = same(text, service.image());
        let tasks: Vec<_> = world.tasks(&service.id).iter().filter(|task| same(text, &task.image)).collect();
        let up = world.health(&service.id).is_some_and(|health| health.running > 0 && !health.state.is_trouble());
        let fared = if is_now && up {
            Fared::Runs
        } else if failed_here(world, group, service, text) {
            let started = |task: &&Task| task.exit_code.is_some() || came_up(task);
            let none = !tasks.is_empty() && !tasks.iter().any(started);
            if none { Fared::NeverStarted } else { Fared::Failed }
        } else if ran_well(world, group, service, text) {
            Fared::Ran(self.span)
        } else {
            Fared::Unknown
        };
        let digest = digest_of(text);
        let nodes = match &digest {
            Some(digest) => ran_on(world, group, digest).into_keys().collect(),
            None => hosts(world, &tasks),
        };
        Earlier { digest, source: self.source, last: self.until, fared, nodes, is_now, places: self.places }
    }
}

/// The hosts of tasks that came up.
fn hosts(world: &World, tasks: &[&Task]) -> Vec<String> {
    let ids = tasks.iter().filter(|task| came_up(task)).filter_map(|task| task.node.as_ref());
    let names: BTreeSet<String> = ids.filter_map(|id| Some(world.nodes.get(id)?.hostname.clone())).collect();
    names.into_iter().collect()
}

impl Earlier {
    /// Whether a person who writes this means it: its text, its tag, its digest or how that begins (`@1f2e3d4c`).
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
