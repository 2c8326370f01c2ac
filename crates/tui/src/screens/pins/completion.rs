//! Images offered where one is typed into the pins: what the version manifest has, then the tags of a repository.
//!
//! Nothing here waits: what is not known yet is missing from the list and comes into it when it is answered. What is
//! asked is named by a repository or an image, so an answer that comes late changes nothing of another list.

pub mod labels;
#[cfg(test)]
mod tests;
pub(crate) mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pinnace_core::history::failed_here;
use pinnace_core::image::ImageRef;
use pinnace_core::pins::{PinDoc, PinKey, covers};
use pinnace_core::registry::Fact;
use pinnace_core::registry::Want;
use pinnace_core::registry::tags;
use pinnace_core::registry::tags::{Candidate, Proposal, Source, Wish};
use pinnace_core::registry::{POSTGRES, VersionManifest};
use pinnace_core::swarm::Service;
use pinnace_core::swarm::is_postgres;

use crate::layout;
use crate::screens::pins::state::{PinText, PinsMode, PinsState};
use crate::state::{Cluster, Screen, State};

pub use token::{Spot, Typed};

/// What a pin says that follows the version manifest.
pub(crate) const KEYWORD: &str = "manifest";
/// After so long a list of tags is asked for again when it is opened.
pub(crate) const OLD: Duration = Duration::from_secs(300);

/// The list of images under the cursor's line.
#[derive(Clone, Debug)]
pub struct Complete {
    /// The line it was opened in.
    pub line: usize,
    /// The image that stood there then.
    pub opened_on: String,
    /// The repository whose tags are listed, as written; none where neither the text nor a service names one.
    pub repository: Option<String>,
    /// The repository that was asked for by opening the list: what is typed later waits for quiet.
    pub first: Option<String>,
    /// What is typed that the list is filtered by.
    pub typed: String,
    /// Whether that is matched with whole images, as no tag is typed yet.
    pub whole: bool,
    /// All that could be chosen.
    pub all: Vec<Candidate>,
    /// What the word `manifest` would stand for here; none where it would stand for nothing.
    pub keyword: Option<Proposal>,
    /// What matches, the best first.
    pub found: Vec<Pick>,
    /// The chosen image or word; none: the first.
    pub chosen: Option<String>,
    /// The first line shown.
    pub top: usize,
}

/// Something to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The word that follows the version manifest.
    Keyword,
    /// The nth of [`Complete::all`].
    Image(usize),
}

impl Complete {
    /// Starts in this line, on this image.
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

    /// The image of a pick; none for the word.
    pub fn image(&self, pick: Pick) -> Option<&Candidate> {
        match pick {
            Pick::Keyword => None,
            Pick::Image(at) => self.all.get(at),
        }
    }

    /// What taking a pick puts in.
    pub fn text(&self, pick: Pick) -> &str {
        self.image(pick).map_or(KEYWORD, |image| image.text.as_str())
    }

    /// The place of the chosen one among those that match.
    pub fn index(&self) -> usize {
        let chosen = self.chosen.as_deref();
        let is_it = |pick: &Pick| match (chosen, self.image(*pick)) {
            (None, _) => false,
            (Some(chosen), None) => chosen == KEYWORD,
            // Tags that turn out to be one image are one from then on.
            (Some(chosen), Some(image)) => {
                let repository = image.text.strip_suffix(&image.tag).unwrap_or_default();
                let tag = chosen.strip_prefix(repository);
                image.text == chosen || tag.is_some_and(|tag| image.tags().any(|known| known == tag))
            }
        };
        self.found.iter().position(is_it).unwrap_or(0)
    }

    /// The picks on the screen, where so many lines are shown.
    pub fn shown(&self, rows: usize) -> impl Iterator<Item = Pick> {
        self.found.iter().skip(self.top).take(rows).copied()
    }
}

/// How many picks are on the screen.
pub fn rows(state: &State) -> usize {
    layout::choices(layout::pins(state.size, crate::update::body(state)).text)
}

/// The pins being typed into with their text, if that is what is on the screen.
pub(crate) fn typing(state: &State) -> Option<(&PinsState, &PinText)> {
    match state.screens.last() {
        Some(Screen::Pins(screen)) if screen.mode == PinsMode::Editing => Some((screen, screen.text.as_ref()?)),
        _ => None,
    }
}

/// The image under the cursor.
pub(crate) fn under_cursor(text: &PinText) -> Option<Spot> {
    let (line, column) = text.editor.cursor();
    Spot::find(text.editor.lines().get(line)?, column)
}

/// The pin a line of the text belongs to: by its section's header, as the line itself may not be readable yet.
fn key_of(text: &PinText, line: usize) -> Option<PinKey> {
    if let Some(key) = text.pin_at(line) {
        return Some(key.clone());
    }
    let above = text.editor.lines().get(..line).unwrap_or_default();
    let Some(header) = above.iter().rposition(|line| line.trim_start().starts_with('[')) else {
        return Some(PinKey::Group);
    };
    text.doc.headers.iter().find(|(_, at)| text.line_of(at.start) == header).map(|(key, _)| key.clone())
}

/// The services a line is about.
struct Here<'a> {
    services: Vec<&'a Service>,
    /// The images they run: those that do not fail first, the most common ones before others.
    runs: Vec<ImageRef>,
}

impl<'a> Here<'a> {
    fn new(cluster: &'a Cluster, screen: &PinsState, key: Option<&PinKey>) -> Self {
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

    /// The images that ran in them, and those that failed.
    fn past(&self, cluster: &Cluster, screen: &PinsState) -> (Vec<ImageRef>, Vec<ImageRef>) {
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
                let bad = failed_here(world, &screen.group, service, text);
                if let Ok(image) = ImageRef::parse(text) {
                    if bad { &mut failed } else { &mut ran }.insert(image);
                }
            }
        }
        (ran.into_iter().collect(), failed.into_iter().collect())
    }

    /// What the version manifest calls them.
    fn component<'m>(&self, manifest: &'m VersionManifest) -> Option<&'m str> {
        if self.services.iter().any(|service| is_postgres(service)) {
            return Some(POSTGRES);
        }
        manifest.component_of(self.runs.first()?)
    }

    /// What the version manifest has for them: by the document's versions, else by the first image that tells its own.
    fn proposals(&self, cluster: &Cluster, doc: &PinDoc) -> Vec<Proposal> {
        let Some(manifest) = cluster.facts.versions().known() else { return Vec::new() };
        let Some(component) = self.component(manifest) else { return Vec::new() };
        let (postgres, spock) = (doc.postgres_version.as_deref(), doc.spock_version.as_deref());
        let of = |runs| tags::proposals(manifest, component, &Wish { postgres, spock, runs });
        let found = self.runs.iter().map(|image| of(Some(image))).find(|found| !found.is_empty());
        found.unwrap_or_else(|| of(None))
    }

    /// The repository to list where what is typed names none yet: the one that runs, unless it is surely another.
    fn repository(&self, typed: &Typed) -> Option<String> {
        let runs = self.runs.first().map(|image| image.repository().to_owned());
        let is_part = runs.as_ref().is_some_and(|runs| runs.contains(&typed.text));
        match &typed.repository {
            Some(repository) if typed.tag.is_some() || !is_part => Some(repository.clone()),
            _ => runs,
        }
    }
}

/// Opens the list where the cursor stands, if an image can stand there.
pub(crate) fn opened(state: &State) -> Option<Complete> {
    let (screen, text) = typing(state)?;
    let spot = under_cursor(text)?;
    let line = text.editor.cursor().0;
    let cluster = state.clusters.get(screen.cluster)?;
    let first = Here::new(cluster, screen, key_of(text, line).as_ref()).repository(&spot.typed());
    Some(Complete { first, ..Complete::new(line, spot.text()) })
}

/// Makes the list anew for what is typed; `moved`: something was seen or learned. None: there is nothing to list for.
pub(crate) fn renewed(state: &State, mut list: Complete, moved: bool) -> Option<Complete> {
    let (screen, text) = typing(state)?;
    let spot = under_cursor(text).filter(|_| text.editor.cursor().0 == list.line)?;
    let cluster = state.clusters.get(screen.cluster)?;
    let here = Here::new(cluster, screen, key_of(text, list.line).as_ref());
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
    // An image that stands there as a whole is where to start from, not what to look for.
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

fn names(image: &Candidate, text: &str) -> bool {
    let repository = image.text.strip_suffix(&image.tag).unwrap_or_default();
    text.strip_prefix(repository).is_some_and(|tag| image.tags().any(|known| known == tag))
}

/// Lists all that could be chosen.
fn fill(list: &mut Complete, cluster: &Cluster, screen: &PinsState, text: &PinText, here: &Here<'_>) {
    let mut proposals = here.proposals(cluster, &text.doc);
    list.keyword = proposals.first().filter(|proposal| list.whole && !proposal.newer).cloned();
    let Some(repository) = &list.repository else {
        list.all.clear();
        return;
    };
    if !list.whole {
        // A repository is typed: what the manifest has elsewhere is not looked for.
        let asked = ImageRef::parse(repository);
        let is_there = |image: &ImageRef| asked.as_ref().is_ok_and(|asked| asked.same_repository(image));
        proposals.retain(|one| ImageRef::parse(&one.image).is_ok_and(|image| is_there(&image)));
    }
    let names = cluster.facts.tags(repository).known();
    let (ran, failed) = here.past(cluster, screen);
    list.all = tags::candidates(&Source {
        repository,
        names: names.map(|tags| tags.names.as_slice()),
        runs: &here.runs,
        ran: &ran,
        failed: &failed,
        proposals: &proposals,
        facts: &cluster.facts,
    });
}

/// What matches what is typed. The word stands after the manifest's image, which it is another way to say.
fn found(list: &Complete) -> Vec<Pick> {
    let mut found: Vec<Pick> =
        tags::matching(&list.all, &list.typed, list.whole).into_iter().map(Pick::Image).collect();
    if list.keyword.is_some() && KEYWORD.starts_with(&list.typed) {
        let is_asked = |pick: &Pick| {
            list.image(*pick).and_then(|image| image.proposed.as_ref()).is_some_and(|proposal| !proposal.newer)
        };
        let at = usize::from(list.typed.is_empty() && found.first().is_some_and(is_asked));
        found.insert(at, Pick::Keyword);
    }
    found
}

/// What the list asks for: versions and tags; details of what is on the screen only, and nothing while somebody types.
pub(crate) fn wants(state: &State) -> BTreeSet<Want> {
    let Some((screen, text)) = typing(state) else { return BTreeSet::new() };
    let (Some(list), Some(cluster)) = (&screen.complete, state.clusters.get(screen.cluster)) else {
        return BTreeSet::new();
    };
    let mut wants = BTreeSet::from([Want::Versions]);
    let quiet = text.edited.is_none();
    let Some(repository) = &list.repository else { return wants };
    let opened = list.first.as_ref() == Some(repository);
    if quiet || opened {
        wants.insert(Want::Tags(repository.clone()));
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
            Fact::Unknown | Fact::Asked => {
                wants.insert(Want::Image(image.text.clone()));
            }
            Fact::Known { .. } => wants.extend(image.by_digest().map(Want::About)),
            Fact::Failed { .. } => {}
        }
    }
    wants
}

/// Whether a registry counts what it is asked (Docker Hub does), and little is left: pulls must not pay for a list.
fn is_scarce(cluster: &Cluster, repository: &str) -> bool {
    let host = ImageRef::parse(repository).map(|image| image.host).unwrap_or_default();
    cluster.facts.allowance(&host).is_some_and(|left| left.remaining.saturating_mul(4) < left.limit)
}
