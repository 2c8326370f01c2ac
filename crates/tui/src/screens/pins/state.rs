//! The state of the pins screen: the edited text, its findings, and the effective images of the group's services.

use crate::clusters::ClusterId;
use std::time::Duration;

use pinnace_core::check::{self, SpannedFinding};
use pinnace_core::finding::Severity;
use pinnace_core::image::ImageRef;
use pinnace_core::pins::{self, MANIFEST, PinDoc, PinScope};
use pinnace_core::pins::{ImageOrigin, effective as core_effective};
use pinnace_core::plan::Scope;
use pinnace_core::registry::{Fact, ResolvedImage};
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::{GroupKey, GroupKind, Service, member_of};
use pinnace_core::time::Time;

use crate::availability::Unavailable;
use crate::screens::pins::completion::CompletionState;
use crate::screens::pins::editor::Editor;
use crate::selection::{PinDocRevision, SelectedImage, Selection};
use crate::state::ClusterState;

/// The pause after the last edit before images are looked up and the draft is saved.
pub(crate) const QUIET: Duration = Duration::from_millis(300);

/// The state of the pins screen.
#[derive(Clone, Debug)]
pub struct PinsState {
    pub cluster: ClusterId,
    /// The group whose pins are edited.
    pub group: GroupKey,
    /// The name of the service for which the screen was opened; the cursor starts at its pin.
    pub service: Option<String>,
    /// The edited text; `None` until the pins in force and the draft are known.
    pub text: Option<EditedPins>,
    /// The draft saved on disk, once it was looked up.
    pub draft: SavedDraft,
    /// The input mode.
    pub mode: PinsMode,
    /// The pane shown if there is no room for both.
    pub pane: PinsPane,
    /// The first line shown of the effective images.
    pub top: usize,
    /// The completion list under the cursor's line, while it is open.
    pub complete: Option<CompletionState>,
}

impl PinsState {
    /// Returns the group, the service whose pin the cursor is in, and the image of that pin.
    ///
    /// Outside of a pin: the service for which the screen was opened, and its effective image.
    pub(crate) fn selection<'a>(&'a self, one: Option<&'a ClusterState>) -> Selection<'a> {
        let missing = if self.text.is_none() { Unavailable::Reading } else { Unavailable::NoService };
        let selection = Selection::new(self.cluster, missing).with_group(&self.group).with_scope(Scope::Group);
        let (Some(one), Some(text)) = (one, &self.text) else { return selection };
        let key = text.pin_at(text.editor.cursor().0);
        let covers = |service: &&Service| key.is_some_and(|key| pins::covers(key, &self.group, service));
        let opened_for = self.service.as_ref().and_then(|name| one.world.service_named(name));
        let opened_for = opened_for.filter(|service| key.is_none() || covers(service));
        let service = opened_for.or_else(|| one.world.members(&self.group).find(covers));
        let selection = match service {
            Some(service) => selection.with_service(Some(one), &service.id, &service.name),
            None => selection,
        };
        let service = service.or_else(|| one.world.members(&self.group).next());
        let pinned = key.and_then(|key| text.doc.pins.get(key)).filter(|image| *image != MANIFEST).cloned();
        let wished = || {
            let service = service?;
            let wished = core_effective(&self.group, &text.doc, &text.in_force, service, &one.world, &one.facts);
            Some(wished.image.unwrap_or_else(|| service.image().to_owned()))
        };
        let image = pinned.or_else(wished).map(|image| SelectedImage {
            text: image,
            service: service.map(|service| service.id.clone()),
            pins: PinDocRevision::Edited(&text.doc),
        });
        Selection { image, ..selection }
    }
}

/// The draft on disk, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SavedDraft {
    /// A draft that is being looked up.
    Asked,
    /// No draft.
    None,
    /// The text of the draft, and the time at which it was saved, if known.
    Text(String, Option<Time>),
}

/// The input mode of the pins screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinsMode {
    /// Text input: keys type into the text.
    Editing,
    /// Command input: keys are commands.
    Reading,
}

/// A pane of the pins screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinsPane {
    /// The text with its findings.
    Text,
    /// The effective image of each service.
    Images,
}

/// The edited text, with everything derived from it.
#[derive(Clone, Debug)]
pub struct EditedPins {
    /// The text with its cursor and undo history.
    pub editor: Editor,
    /// The text before any edit: the document in force, or the template.
    pub start: String,
    /// The pins in force now; a change can replace them while the text is open.
    pub in_force: PinDoc,
    /// The save time of the draft with which the text was opened. Outer `None`: opened
    /// without a draft; inner `None`: the time is unknown.
    pub from_draft: Option<Option<Time>>,
    /// The text last saved as a draft; `None` if no draft is saved.
    pub saved: Option<String>,
    /// The time of the last edit; `None` once [`QUIET`] has passed since.
    pub edited: Option<Time>,
    /// The text, parsed.
    pub doc: PinDoc,
    /// The findings, in the order of the text.
    pub placed: Vec<SpannedFinding>,
}

impl EditedPins {
    /// Opens the saved draft if it differs from `start`, else `start`: the document in force, or the template.
    pub fn open(start: &str, in_force: PinDoc, draft: &SavedDraft) -> Self {
        let start = Editor::new(start).text();
        let (text, from_draft) = match draft {
            SavedDraft::Text(text, at) if Editor::new(text).text() != start => (text.clone(), Some(*at)),
            _ => (start.clone(), None),
        };
        let saved = if let SavedDraft::Text(text, _) = draft { Some(text.clone()) } else { None };
        let editor = Editor::new(&text);
        let doc = pins::read(&editor.text());
        Self { editor, start, in_force, from_draft, saved, edited: None, doc, placed: Vec::new() }
    }

    /// Parses and checks the text again.
    pub fn check(&mut self, group: &GroupKey, cluster: &ClusterState) {
        self.doc = pins::read(&self.editor.text());
        self.placed = check::document(group, &self.doc, &cluster.world, &cluster.facts);
    }

    /// Returns whether the text differs from the document in force or the template.
    pub(crate) fn is_edited(&self) -> bool {
        self.editor.text() != self.start
    }

    /// Counts the findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.placed.iter().filter(|placed| placed.finding.severity == severity).count()
    }

    /// Returns the index of the line that contains a byte of the text.
    pub(crate) fn line_of(&self, byte: usize) -> usize {
        let mut end = 0;
        for (at, line) in self.editor.lines().iter().enumerate() {
            end += line.len() + 1;
            if byte < end {
                return at;
            }
        }
        self.editor.lines().len().saturating_sub(1)
    }

    /// Returns the findings to show under a line of the text.
    pub fn under(&self, line: usize) -> impl Iterator<Item = &SpannedFinding> {
        self.placed.iter().filter(move |placed| self.line_of(placed.at.start) == line)
    }

    /// Returns the key of the pin in a line of the text.
    pub(crate) fn pin_at(&self, line: usize) -> Option<&PinScope> {
        self.doc.place.iter().find(|(_, at)| self.line_of(at.start) == line).map(|(key, _)| key)
    }

    /// Returns the image of the pin in a line while its look-up is pending.
    pub fn asking(&self, line: usize, cluster: &ClusterState) -> Option<ImageRef> {
        let image = ImageRef::parse(self.doc.pins.get(self.pin_at(line)?)?).ok()?;
        matches!(cluster.facts.image(&image.text), Fact::Pending).then_some(image)
    }

    /// Moves the cursor to the first of these pins that the text has, else to the place where it would be written.
    pub(crate) fn go_to(&mut self, keys: &[PinScope]) {
        let found = keys.iter().find_map(|key| self.doc.place.get(key).map(|at| (at.clone(), false)));
        let header = || keys.iter().find_map(|key| self.doc.headers.get(key).map(|at| (at.clone(), true)));
        let Some((at, is_header)) = found.or_else(header) else { return };
        let line = self.line_of(at.start);
        let start: usize = self.editor.lines().iter().take(line).map(|line| line.len() + 1).sum();
        let next = self.editor.lines().get(line + 1);
        if is_header {
            // The template has a commented image below the header: without its `#` it becomes a pin.
            let below = usize::from(next.is_some_and(|next| next.starts_with("# image")));
            let end = self.editor.lines().get(line).map_or(0, |line| line.chars().count());
            self.editor.jump(line + below, if below == 1 { 0 } else { end });
        } else {
            let text = self.editor.text();
            let column = text.get(start..at.end.saturating_sub(1)).map_or(0, |before| before.chars().count());
            self.editor.jump(line, column);
        }
    }
}

/// The effective image of a service, and the pin that sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveImageRow {
    /// The member of the group: a db node, or the service itself.
    pub name: String,
    /// The host names of the nodes that run the service, separated by commas.
    pub host: String,
    /// The image in the service's spec now.
    pub now: String,
    /// The image set by a pin or the version manifest; `None` without one: the service keeps its image.
    pub pinned: Option<String>,
    /// The origin of the image, in words.
    pub origin: String,
    /// The pins that a more specific pin overrides: the origin and image of each.
    pub shadowed: Vec<(String, String)>,
    /// True if the edited pin differs from the one in force.
    pub edited: bool,
    /// The check result of the image.
    pub verdict: ImageCheckStatus,
}

/// The check result of an image, shown as a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageCheckStatus {
    /// An image without a pin, which is not checked.
    Unpinned,
    /// A check whose look-up is pending.
    Asked,
    /// The image that runs already.
    Running,
    /// Another image, without an error.
    Usable,
    /// An image with an error.
    Failed,
}

/// Returns the effective image of each service of the group.
pub fn effective(cluster: &ClusterState, screen: &PinsState, text: &EditedPins) -> Vec<EffectiveImageRow> {
    let world = &cluster.world;
    let one = |service: &pinnace_core::swarm::Service| {
        let covering = text.doc.covering(&screen.group, service);
        let wished = core_effective(&screen.group, &text.doc, &text.in_force, service, world, &cluster.facts);
        let before = text.in_force.effective(&screen.group, service).map(|(_, image)| image);
        let told = |key: &PinScope| origin(key, &screen.group);
        let bad = text.placed.iter().any(|placed| {
            placed.finding.severity == Severity::Error && placed.finding.services.contains(&service.name)
        });
        let image = wished.image.clone().filter(|_| wished.origin != ImageOrigin::Runs);
        let fact = image.as_deref().and_then(|text| ImageRef::parse(text).ok());
        let fact = fact.map(|image| cluster.facts.image(&image.text));
        EffectiveImageRow {
            name: clean(&member_of(service)),
            host: clean(&world.hosts(service).join(", ")),
            now: clean(service.image()),
            pinned: image.as_deref().map(clean),
            origin: match &wished.origin {
                ImageOrigin::Pin(key) => told(key),
                ImageOrigin::Manifest(key) => format!("{}: manifest {}", told(key), version(&wished)),
                ImageOrigin::FallBack => format!("no pin: falls back to manifest {}", version(&wished)),
                ImageOrigin::Runs => "no pin".to_owned(),
            },
            shadowed: covering.iter().skip(1).map(|(key, image)| (told(key), clean(image))).collect(),
            edited: covering.first().map(|(_, image)| *image) != before,
            verdict: match fact {
                _ if bad => ImageCheckStatus::Failed,
                _ if wished.asking => ImageCheckStatus::Asked,
                None => ImageCheckStatus::Unpinned,
                Some(Fact::Unknown | Fact::Pending) => ImageCheckStatus::Asked,
                Some(fact) if image.is_some_and(|image| is_same(&image, service.image(), fact)) => {
                    ImageCheckStatus::Running
                }
                Some(_) => ImageCheckStatus::Usable,
            },
        }
    };
    world.members(&screen.group).map(one).collect()
}

/// Returns the version of a manifest's image for the column; else the problem, or that it is being asked for.
fn version(wished: &pinnace_core::pins::EffectiveImage) -> String {
    let version = wished.version.as_deref().or(wished.problem.as_deref()).unwrap_or("not known yet");
    clean(version)
}

/// Returns whether a pin names the running image: by the same text, or by the same digest.
fn is_same(pinned: &str, now: &str, fact: &Fact<ResolvedImage>) -> bool {
    let Ok(image) = ImageRef::parse(pinned) else { return false };
    let digest = image.digest.clone().or_else(|| fact.known().map(|fact| fact.digest.clone()));
    image.text == now || digest.is_some_and(|digest| image.pinned(&digest) == now)
}

/// Describes the place of a pin in the document, in a few words.
pub fn origin(key: &PinScope, group: &GroupKey) -> String {
    match (key, group.kind) {
        (PinScope::Group, GroupKind::Database) => "database pin".to_owned(),
        (PinScope::Group, GroupKind::Stack) => "stack pin".to_owned(),
        (PinScope::Group, GroupKind::Service) | (PinScope::Service(_), _) => "service pin".to_owned(),
        (PinScope::Member(name), _) => format!("pin {}", clean(name)),
    }
}
