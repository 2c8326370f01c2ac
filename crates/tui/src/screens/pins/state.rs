//! The pins of a group as they are edited: the text, what is remarkable about it, and what it would come to.

use crate::clusters::ClusterId;
use std::time::Duration;

use pinnace_core::check::{self, Placed};
use pinnace_core::finding::Severity;
use pinnace_core::image::ImageRef;
use pinnace_core::pins::{self, MANIFEST, PinDoc, PinKey};
use pinnace_core::pins::{Origin, effective as core_effective};
use pinnace_core::plan::Scope;
use pinnace_core::registry::{Fact, ImageFact};
use pinnace_core::swarm::{GroupKey, GroupKind, Service, member_of};
use pinnace_core::text::clean;
use pinnace_core::time::Time;

use crate::availability::Reason;
use crate::screens::pins::completion::Complete;
use crate::screens::pins::editor::Editor;
use crate::selection::{PinSource, SelectedImage, Selection};
use crate::state::Cluster;

/// For so long after the last edit nothing is asked and nothing is kept: somebody is typing.
pub(crate) const QUIET: Duration = Duration::from_millis(300);

/// The pins of a group.
#[derive(Clone, Debug)]
pub struct PinsState {
    /// The cluster.
    pub cluster: ClusterId,
    /// The group.
    pub group: GroupKey,
    /// The service the cursor is to be put on first, by name.
    pub service: Option<String>,
    /// What was read of it; none until all of it is there.
    pub text: Option<PinText>,
    /// The kept draft, once it was looked for.
    pub draft: Kept,
    /// What the keys do.
    pub mode: PinsMode,
    /// Which part is shown where there is no room for both.
    pub pane: PinsPane,
    /// The first line shown of what the pins come to.
    pub top: usize,
    /// The list of images under the cursor's line, while it is open.
    pub complete: Option<Complete>,
}

impl PinsState {
    /// The group, the service whose pin the cursor is in, and the image of that pin.
    ///
    /// Outside of a pin it is the service the pins were opened for, and what that would run.
    pub(crate) fn selection<'a>(&'a self, one: Option<&'a Cluster>) -> Selection<'a> {
        let missing = if self.text.is_none() { Reason::Reading } else { Reason::NoService };
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
            pins: PinSource::Edited(&text.doc),
        });
        Selection { image, ..selection }
    }
}

/// A draft kept on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is being looked for.
    Asked,
    /// There is none.
    None,
    /// This, and when it was kept.
    Text(String, Option<Time>),
}

/// What the keys do on the pins' screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinsMode {
    /// They type.
    Editing,
    /// They are keys.
    Reading,
}

/// A part of the pins' screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinsPane {
    /// The text.
    Text,
    /// What it comes to.
    Images,
}

/// The text with all that follows from it.
#[derive(Clone, Debug)]
pub struct PinText {
    /// The text.
    pub editor: Editor,
    /// What was there before any edit: the document in force, or the template.
    pub start: String,
    /// The pins in force.
    pub in_force: PinDoc,
    /// When the draft was kept that it was opened with.
    pub from_draft: Option<Option<Time>>,
    /// The text as it was last kept, or there is none to keep.
    pub saved: Option<String>,
    /// When it was edited last, until the quiet after it.
    pub edited: Option<Time>,
    /// The text, read.
    pub doc: PinDoc,
    /// What is remarkable about it, in the order of the text.
    pub placed: Vec<Placed>,
}

impl PinText {
    /// Opens the document in force or the template, or the draft that was kept.
    pub fn open(start: &str, in_force: PinDoc, draft: &Kept) -> Self {
        let start = Editor::new(start).text();
        let (text, from_draft) = match draft {
            Kept::Text(text, at) if Editor::new(text).text() != start => (text.clone(), Some(*at)),
            _ => (start.clone(), None),
        };
        let saved = if let Kept::Text(text, _) = draft { Some(text.clone()) } else { None };
        let editor = Editor::new(&text);
        let doc = pins::read(&editor.text());
        Self { editor, start, in_force, from_draft, saved, edited: None, doc, placed: Vec::new() }
    }

    /// Reads and checks the text anew.
    pub fn check(&mut self, group: &GroupKey, cluster: &Cluster) {
        self.doc = pins::read(&self.editor.text());
        self.placed = check::document(group, &self.doc, &cluster.world, &cluster.facts);
    }

    /// Whether the text differs from what it was opened on.
    pub(crate) fn is_edited(&self) -> bool {
        self.editor.text() != self.start
    }

    /// How many findings weigh this much.
    pub fn count(&self, severity: Severity) -> usize {
        self.placed.iter().filter(|placed| placed.finding.severity == severity).count()
    }

    /// The line of the text a byte is in.
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

    /// The findings under a line of the text.
    pub fn under(&self, line: usize) -> impl Iterator<Item = &Placed> {
        self.placed.iter().filter(move |placed| self.line_of(placed.at.start) == line)
    }

    /// The pin in a line of the text.
    pub(crate) fn pin_at(&self, line: usize) -> Option<&PinKey> {
        self.doc.place.iter().find(|(_, at)| self.line_of(at.start) == line).map(|(key, _)| key)
    }

    /// The image of the pin in a line, while nobody answered for it yet.
    pub fn asking(&self, line: usize, cluster: &Cluster) -> Option<ImageRef> {
        let image = ImageRef::parse(self.doc.pins.get(self.pin_at(line)?)?).ok()?;
        matches!(cluster.facts.image(&image.text), Fact::Asked).then_some(image)
    }

    /// Puts the cursor where this service is pinned, or would be.
    pub(crate) fn go_to(&mut self, keys: &[PinKey]) {
        let found = keys.iter().find_map(|key| self.doc.place.get(key).map(|at| (at.clone(), false)));
        let header = || keys.iter().find_map(|key| self.doc.headers.get(key).map(|at| (at.clone(), true)));
        let Some((at, is_header)) = found.or_else(header) else { return };
        let line = self.line_of(at.start);
        let start: usize = self.editor.lines().iter().take(line).map(|line| line.len() + 1).sum();
        let next = self.editor.lines().get(line + 1);
        if is_header {
            // The template has the image in a comment below: without its `#` it is a pin.
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

/// What a service would run, and by which pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The member, and the service's name where that is not the same.
    pub name: String,
    /// Where it runs.
    pub host: String,
    /// What it runs now.
    pub now: String,
    /// What its pin says; none: no pin, it keeps what it runs.
    pub pinned: Option<String>,
    /// Which pin, in words.
    pub origin: String,
    /// The pins that one wins over: which, and what they say.
    pub shadowed: Vec<(String, String)>,
    /// Whether its pin is another than the one in force.
    pub edited: bool,
    /// What the registry says of the pinned image.
    pub verdict: Verdict,
}

/// What is known of an image, as a sign tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is nothing to find out.
    Plain,
    /// Nobody answered yet.
    Asked,
    /// It is what runs already.
    Same,
    /// It can be run.
    Good,
    /// An error is in the way.
    Bad,
}

/// What every service of the group would run.
pub fn effective(cluster: &Cluster, screen: &PinsState, text: &PinText) -> Vec<Effective> {
    let world = &cluster.world;
    let one = |service: &pinnace_core::swarm::Service| {
        let covering = text.doc.covering(&screen.group, service);
        let wished = core_effective(&screen.group, &text.doc, &text.in_force, service, world, &cluster.facts);
        let before = text.in_force.effective(&screen.group, service).map(|(_, image)| image);
        let told = |key: &PinKey| origin(key, &screen.group);
        let bad = text.placed.iter().any(|placed| {
            placed.finding.severity == Severity::Error && placed.finding.services.contains(&service.name)
        });
        let image = wished.image.clone().filter(|_| wished.origin != Origin::Runs);
        let fact = image.as_deref().and_then(|text| ImageRef::parse(text).ok());
        let fact = fact.map(|image| cluster.facts.image(&image.text));
        Effective {
            name: clean(&member_of(service)),
            host: clean(&world.hosts(service).join(", ")),
            now: clean(service.image()),
            pinned: image.as_deref().map(clean),
            origin: match &wished.origin {
                Origin::Pin(key) => told(key),
                Origin::Manifest(key) => format!("{}: manifest {}", told(key), version(&wished)),
                Origin::FallBack => format!("no pin: falls back to manifest {}", version(&wished)),
                Origin::Runs => "no pin".to_owned(),
            },
            shadowed: covering.iter().skip(1).map(|(key, image)| (told(key), clean(image))).collect(),
            edited: covering.first().map(|(_, image)| *image) != before,
            verdict: match fact {
                _ if bad => Verdict::Bad,
                _ if wished.asking => Verdict::Asked,
                None => Verdict::Plain,
                Some(Fact::Unknown | Fact::Asked) => Verdict::Asked,
                Some(fact) if image.is_some_and(|image| is_same(&image, service.image(), fact)) => Verdict::Same,
                Some(_) => Verdict::Good,
            },
        }
    };
    world.members(&screen.group).map(one).collect()
}

/// The version a manifest's image is for, as the column tells it.
fn version(wished: &pinnace_core::pins::Effective) -> String {
    let version = wished.version.as_deref().or(wished.problem.as_deref()).unwrap_or("asked for");
    clean(version)
}

/// Whether a pin names what runs: the same text, or the digest that runs.
fn is_same(pinned: &str, now: &str, fact: &Fact<ImageFact>) -> bool {
    let Ok(image) = ImageRef::parse(pinned) else { return false };
    let digest = image.digest.clone().or_else(|| fact.known().map(|fact| fact.digest.clone()));
    image.text == now || digest.is_some_and(|digest| image.pinned(&digest) == now)
}

/// A pin's place, in a word or two.
pub fn origin(key: &PinKey, group: &GroupKey) -> String {
    match (key, group.kind) {
        (PinKey::Group, GroupKind::Database) => "the database's pin".to_owned(),
        (PinKey::Group, _) => "its pin".to_owned(),
        (PinKey::Member(name), _) => format!("pin {}", clean(name)),
        (PinKey::Service(_), _) => "its own pin".to_owned(),
    }
}
