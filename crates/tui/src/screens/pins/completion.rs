//! The completion of images in the pins: the proposals of the version manifest, then the tags of a repository.
//!
//! Nothing here blocks: an image that is not known yet joins the list when its query is answered. Queries are
//! keyed by repository or image, so a late answer cannot change another list.

pub mod descriptions;
#[cfg(test)]
mod tests;
pub(crate) mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pinnace_core::history::{RunVerdict, evidence, failed_here};
use pinnace_core::image::ImageRef;
use pinnace_core::pins::{PinDoc, PinScope, covers};
use pinnace_core::registry::Fact;
use pinnace_core::registry::FactQuery;
use pinnace_core::registry::tags;
use pinnace_core::registry::tags::{CandidateInput, ProposalInput, ProposedImage, TagCandidate};
use pinnace_core::registry::{POSTGRES, VersionManifest};
use pinnace_core::swarm::Service;
use pinnace_core::swarm::is_postgres;

use crate::layout;
use crate::screens::pins::state::{EditedPins, PinsMode, PinsState};
use crate::state::{ClusterState, Screen, State};

pub use token::{ImageToken, PartialRef};

/// The value of a pin that follows the version manifest.
pub(crate) const KEYWORD: &str = "manifest";
/// The age from which a list of tags is loaded again on opening.
pub(crate) const OLD: Duration = Duration::from_secs(300);

/// The completion list under the cursor's line.
#[derive(Clone, Debug)]
pub struct CompletionState {
    /// The line in which the list was opened.
    pub line: usize,
    /// The image text at the cursor when the list was opened.
    pub opened_on: String,
    /// The repository whose tags are listed, as written; `None` if neither the text nor a service names one.
    pub repository: Option<String>,
    /// The repository listed when the list was opened. Its tags are requested at once, those of a
    /// repository typed later only after the pause.
    pub first: Option<String>,
    /// The typed text that filters the list.
    pub typed: String,
    /// True if the filter matches whole image references, since no tag is typed yet.
    pub whole: bool,
    /// All images that can be chosen, without the filter.
    pub all: Vec<TagCandidate>,
    /// The proposal that the word `manifest` stands for here; `None` if there is none.
    pub keyword: Option<ProposedImage>,
    /// The entries that match the filter, the best first.
    pub found: Vec<Completion>,
    /// The text of the chosen entry; `None` chooses the first.
    pub chosen: Option<String>,
    /// The first line shown.
    pub top: usize,
}

/// An entry of the completion list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// The word `manifest`, which follows the version manifest.
    Keyword,
    /// The index of an image in [`CompletionState::all`].
    Image(usize),
}

impl CompletionState {
    /// Creates an empty list for a line, and for the image text at the cursor.
    pub fn new(line: usize, opened_on: &str) -> Self {
        Self {
            line,
            opened_on: opened_on.to_owned(),
            repository: None,
            first: None,
            typed: String::new(),
            whole: true,
            all: Vec::new(),
            keyword: None,
            found: Vec::new(),
            chosen: None,
            top: 0,
        }
    }

    /// Returns the image of an entry; `None` for the word `manifest`.
    pub fn image(&self, pick: Completion) -> Option<&TagCandidate> {
        match pick {
            Completion::Keyword => None,
            Completion::Image(at) => self.all.get(at),
        }
    }

    /// Returns the text that an entry inserts.
    pub fn text(&self, pick: Completion) -> &str {
        self.image(pick).map_or(KEYWORD, |image| image.text.as_str())
    }

    /// Returns the index of the chosen entry among those that match.
    pub fn index(&self) -> usize {
        let chosen = self.chosen.as_deref();
        let is_it = |pick: &Completion| match (chosen, self.image(*pick)) {
            (None, _) => false,
            (Some(chosen), None) => chosen == KEYWORD,
            // Tags that turn out to name the same image are merged into one entry.
            (Some(chosen), Some(image)) => {
                let repository = image.text.strip_suffix(&image.tag).unwrap_or_default();
                let tag = chosen.strip_prefix(repository);
                image.text == chosen || tag.is_some_and(|tag| image.tags().any(|known| known == tag))
            }
        };
        self.found.iter().position(is_it).unwrap_or(0)
    }

    /// Returns the entries on the screen, for a list of `rows` lines.
    pub fn shown(&self, rows: usize) -> impl Iterator<Item = Completion> {
        self.found.iter().skip(self.top).take(rows).copied()
    }
}

/// Returns the number of entries that fit on the screen.
pub fn rows(state: &State) -> usize {
    layout::choices(layout::pins(state.size, crate::update::body(state)).text)
}

/// Returns the pins screen on top and its text, while it is in text input.
pub(crate) fn typing(state: &State) -> Option<(&PinsState, &EditedPins)> {
    match state.screens.last() {
        Some(Screen::Pins(screen)) if screen.mode == PinsMode::Editing => Some((screen, screen.text.as_ref()?)),
        _ => None,
    }
}

/// Finds the image value at the cursor.
pub(crate) fn under_cursor(text: &EditedPins) -> Option<ImageToken> {
    let (line, column) = text.editor.cursor();
    ImageToken::find(text.editor.lines().get(line)?, column)
}

/// Returns the key of the pin to which a line belongs; by its section's header if the line cannot be parsed yet.
fn key_of(text: &EditedPins, line: usize) -> Option<PinScope> {
    if let Some(key) = text.pin_at(line) {
        return Some(key.clone());
    }
    let above = text.editor.lines().get(..line).unwrap_or_default();
    let Some(header) = above.iter().rposition(|line| line.trim_start().starts_with('[')) else {
        return Some(PinScope::Group);
    };
    text.doc.headers.iter().find(|(_, at)| text.line_of(at.start) == header).map(|(key, _)| key.clone())
}

/// The services that the pin in a line covers.
struct LineServices<'a> {
    services: Vec<&'a Service>,
    /// The images in their specs: those that did not fail first, then the most common.
    runs: Vec<ImageRef>,
}

impl<'a> LineServices<'a> {
    fn new(cluster: &'a ClusterState, screen: &PinsState, key: Option<&PinScope>) -> Self {
        let mine = |service: &&Service| key.is_some_and(|key| covers(key, &screen.group, service));
        let services: Vec<&Service> = cluster.world.members(&screen.group).filter(mine).collect();
        let mut counts: BTreeMap<&str, (bool, usize)> = BTreeMap::new();
        for service in &services {
            let good = !failed_here(&cluster.world, &screen.group, service, service.image());
            let (well, count) = counts.entry(service.image()).or_insert((good, 0));
            (*well, *count) = (*well && good, *count + 1);
        }
        let runs = counts.into_iter().filter_map(|(text, order)| Some((order, ImageRef::parse(text).ok()?)));
        let mut runs: Vec<_> = runs.collect();
        runs.sort_by(|a, b| b.cmp(a));
        Self { services, runs: runs.into_iter().map(|(_, image)| image).collect() }
    }

    /// Returns the images that are proven to have run in the services, and those that failed there.
    fn past(&self, cluster: &ClusterState, screen: &PinsState) -> (Vec<ImageRef>, Vec<ImageRef>) {
        let world = &cluster.world;
        let (mut ran, mut failed) = (BTreeSet::new(), BTreeSet::new());
        for service in &self.services {
            let records = world.history(&screen.group).newest_first().filter_map(|entry| entry.record.as_ref());
            let units = records.flat_map(|record| &record.plan.units).filter(|unit| unit.service_id == service.id);
            let mut texts: BTreeSet<&str> = world.tasks(&service.id).iter().map(|task| task.image.as_str()).collect();
            texts.extend(units.flat_map(|unit| [unit.from.image.as_str(), unit.to.image.as_str()]));
            texts.extend(service.previous.iter().map(|places| places.image.as_str()));
            texts.insert(service.image());
            for text in texts {
                let Ok(image) = ImageRef::parse(text) else { continue };
                let past = evidence(world, &screen.group, service, text);
                if past.has_failed() {
                    failed.insert(image);
                } else if past.verdict == RunVerdict::Ran {
                    ran.insert(image);
                }
            }
        }
        (ran.into_iter().collect(), failed.into_iter().collect())
    }

    /// Returns the name of the services' component in the version manifest.
    fn component<'m>(&self, manifest: &'m VersionManifest) -> Option<&'m str> {
        if self.services.iter().any(|service| is_postgres(service)) {
            return Some(POSTGRES);
        }
        manifest.component_of(self.runs.first()?)
    }

    /// Returns the version manifest's proposals for the services: by the document's versions, else by those of
    /// the first running image that shows its versions.
    fn proposals(&self, cluster: &ClusterState, doc: &PinDoc) -> Vec<ProposedImage> {
        let Some(manifest) = cluster.facts.versions().known() else { return Vec::new() };
        let Some(component) = self.component(manifest) else { return Vec::new() };
        let (postgres, spock) = (doc.postgres_version.as_deref(), doc.spock_version.as_deref());
        let of = |runs| tags::proposals(manifest, component, &ProposalInput { postgres, spock, runs });
        let found = self.runs.iter().map(|image| of(Some(image))).find(|found| !found.is_empty());
        found.unwrap_or_else(|| of(None))
    }

    /// Returns the repository to list: the typed one if it is complete, or cannot
    /// become the running one; else the running one.
    fn repository(&self, typed: &PartialRef) -> Option<String> {
        let runs = self.runs.first().map(|image| image.repository().to_owned());
        let is_part = runs.as_ref().is_some_and(|runs| runs.contains(&typed.text));
        match &typed.repository {
            Some(repository) if typed.tag.is_some() || !is_part => Some(repository.clone()),
            _ => runs,
        }
    }
}

/// Creates the list for the cursor's position; `None` if no image can be written there.
pub(crate) fn opened(state: &State) -> Option<CompletionState> {
    let (screen, text) = typing(state)?;
    let spot = under_cursor(text)?;
    let line = text.editor.cursor().0;
    let cluster = state.clusters.get(screen.cluster)?;
    let first = LineServices::new(cluster, screen, key_of(text, line).as_ref()).repository(&spot.typed());
    Some(CompletionState { first, ..CompletionState::new(line, spot.text()) })
}

/// Updates the list for the typed text; loads it again if `moved`, which means that something was observed or
/// learned. Returns `None` if no image is at the cursor any more.
pub(crate) fn renewed(state: &State, mut list: CompletionState, moved: bool) -> Option<CompletionState> {
    let (screen, text) = typing(state)?;
    let spot = under_cursor(text).filter(|_| text.editor.cursor().0 == list.line)?;
    let cluster = state.clusters.get(screen.cluster)?;
    let here = LineServices::new(cluster, screen, key_of(text, list.line).as_ref());
    let typed = spot.typed();
    let repository = match &typed.tag {
        None if list.first != typed.repository => here.runs.first().map(|image| image.repository().to_owned()),
        _ => typed.repository,
    };
    let (whole, typed) = (typed.tag.is_none(), typed.tag.unwrap_or(typed.text));
    if moved || list.repository != repository || list.whole != whole || list.all.is_empty() {
        (list.repository, list.whole) = (repository, whole);
        fill(&mut list, cluster, screen, text, &here);
    }
    // A complete, known image at the cursor is the starting point in the list, not its filter.
    let stands = ImageRef::parse(spot.text()).ok().map(|image| image.without_digest().to_owned());
    let stands = stands.unwrap_or_default();
    let is_known = stands == KEYWORD || list.all.iter().any(|image| names(image, &stands));
    let is_start = spot.text() == list.opened_on && is_known;
    let typed = if is_start { String::new() } else { typed };
    if list.typed != typed {
        (list.typed, list.chosen) = (typed, None);
    }
    list.found = found(&list);
    if is_start && list.chosen.is_none() {
        list.chosen = Some(stands);
    }
    list.top = layout::scrolled(list.top, (list.index(), 1), rows(state), list.found.len());
    Some(list)
}

fn names(image: &TagCandidate, text: &str) -> bool {
    let repository = image.text.strip_suffix(&image.tag).unwrap_or_default();
    text.strip_prefix(repository).is_some_and(|tag| image.tags().any(|known| known == tag))
}

/// Collects all images that can be chosen.
fn fill(
    list: &mut CompletionState,
    cluster: &ClusterState,
    screen: &PinsState,
    text: &EditedPins,
    here: &LineServices<'_>,
) {
    let mut proposals = here.proposals(cluster, &text.doc);
    list.keyword = proposals.first().filter(|proposal| list.whole && !proposal.newer).cloned();
    let Some(repository) = &list.repository else {
        list.all.clear();
        return;
    };
    if !list.whole {
        // A repository is typed, so proposals from other repositories are left out.
        let asked = ImageRef::parse(repository);
        let is_there = |image: &ImageRef| asked.as_ref().is_ok_and(|asked| asked.same_repository(image));
        proposals.retain(|one| ImageRef::parse(&one.image).is_ok_and(|image| is_there(&image)));
    }
    let names = cluster.facts.tags(repository).known();
    let (ran, failed) = here.past(cluster, screen);
    list.all = tags::candidates(&CandidateInput {
        repository,
        names: names.map(|tags| tags.names.as_slice()),
        runs: &here.runs,
        ran: &ran,
        failed: &failed,
        proposals: &proposals,
        facts: &cluster.facts,
    });
}

/// Returns the entries that match the typed text. The word `manifest` follows
/// the manifest's image, since both mean the same now.
fn found(list: &CompletionState) -> Vec<Completion> {
    let mut found: Vec<Completion> =
        tags::matching(&list.all, &list.typed, list.whole).into_iter().map(Completion::Image).collect();
    if list.keyword.is_some() && KEYWORD.starts_with(&list.typed) {
        let is_asked = |pick: &Completion| {
            list.image(*pick).and_then(|image| image.proposed.as_ref()).is_some_and(|proposal| !proposal.newer)
        };
        let at = usize::from(list.typed.is_empty() && found.first().is_some_and(is_asked));
        found.insert(at, Completion::Keyword);
    }
    found
}

/// Returns the list's queries: versions, tags, and the details of the images on the screen; while the operator
/// types, only the versions and the tags of the first repository.
pub(crate) fn queries(state: &State) -> BTreeSet<FactQuery> {
    let Some((screen, text)) = typing(state) else { return BTreeSet::new() };
    let (Some(list), Some(cluster)) = (&screen.complete, state.clusters.get(screen.cluster)) else {
        return BTreeSet::new();
    };
    let mut wants = BTreeSet::from([FactQuery::Versions]);
    let quiet = text.edited.is_none();
    let Some(repository) = &list.repository else { return wants };
    let opened = list.first.as_ref() == Some(repository);
    if quiet || opened {
        wants.insert(FactQuery::Tags(repository.clone()));
    }
    let untouched = under_cursor(text).is_some_and(|spot| spot.text() == list.opened_on);
    if !quiet && !untouched {
        return wants;
    }
    let scarce = is_scarce(cluster, repository);
    let chosen = list.found.get(list.index()).copied();
    for pick in list.shown(rows(state)).filter(|pick| !scarce || chosen == Some(*pick)) {
        let Some(image) = list.image(pick) else { continue };
        match cluster.facts.image(&image.text) {
            Fact::Unknown | Fact::Pending => {
                wants.insert(FactQuery::Image(image.text.clone()));
            }
            Fact::Known { .. } => wants.extend(image.by_digest().map(FactQuery::ImageInfo)),
            Fact::Failed { .. } => {}
        }
    }
    wants
}

/// Returns whether less than a quarter is left of a registry's rate limit
/// (Docker Hub has one). The rest is kept for the pulls.
fn is_scarce(cluster: &ClusterState, repository: &str) -> bool {
    let host = ImageRef::parse(repository).map(|image| image.host).unwrap_or_default();
    cluster.facts.allowance(&host).is_some_and(|left| left.remaining.saturating_mul(4) < left.limit)
}
