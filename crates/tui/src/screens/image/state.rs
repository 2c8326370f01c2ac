//! What an image is, on a screen: which one is meant, what is told of it, and in which lines.

use std::collections::{BTreeMap, BTreeSet};

use pinnace_core::contract::Contract;
use pinnace_core::image::{Digest, ImageRef};
use pinnace_core::inspect::{Line, Section, Tone, View};
use pinnace_core::pins::effective;
use pinnace_core::pins::{self, MANIFEST, Rules};
use pinnace_core::plan::{Action as Doing, Plan, Unit};
use pinnace_core::registry::Want;
use pinnace_core::registry::{Files, ImageFile};
use pinnace_core::swarm::GroupKey;
use pinnace_core::swarm::Service;
use pinnace_core::time::Time;
use pinnace_core::world::World;

use crate::availability::Reason;
use crate::screens::fleet::rows::Row;
use crate::screens::fleet::state::Pane;
use crate::screens::history::state as history;
use crate::screens::history::state::HistoryState;
use crate::screens::pins::state::{PinText, PinsState};
use crate::screens::plan::state::PlanState;
use crate::state::{Cluster, Screen, State};
use crate::wrap::{width, wrapped};

/// What an image is.
#[derive(Clone, Debug)]
pub struct ImageState {
    /// The cluster from where it is looked at.
    pub cluster: usize,
    /// The image.
    pub image: ImageRef,
    /// The base that the pins name, for an image that names none.
    pub base: Option<String>,
    /// The contract that the pins set.
    pub contract: Option<Judge>,
    /// The files that were read, by the digest of their image's manifest.
    pub files: BTreeMap<Digest, Files>,
    /// What is told, made anew when something was learned.
    pub sections: Vec<Section>,
    /// The first line shown.
    pub top: usize,
}

/// What an image is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judge {
    /// This contract.
    By(Box<Contract>),
    /// One that cannot be used.
    Missing {
        /// Its name.
        name: String,
        /// Why not.
        why: String,
        /// What to do.
        hint: String,
    },
}

/// A row of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// Nothing.
    Blank,
    /// A section's title.
    Title(&'a str),
    /// A line, or a part of one that is too long.
    Line {
        /// Its name; empty where it goes on.
        key: &'a str,
        /// The cells names take in this section.
        keys: usize,
        /// Its text.
        text: String,
        /// How it is meant.
        tone: Tone,
    },
}

/// The image the keys act on: its cluster, its reference, and what the pins say beside it.
pub(crate) fn under_cursor(state: &State) -> Result<(usize, ImageRef, Rules), Reason> {
    let (cluster, image, whose) = meant(state)?;
    Ok((cluster, image, whose.rules()))
}

/// Whether the keys act on an image.
pub(crate) fn is_possible(state: &State) -> Result<(), Reason> {
    meant(state).map(drop)
}

/// Whose image it is, for what is said beside its pin. That is looked up only once it is opened: the footer asks at each
/// frame whether it can be.
enum Whose<'a> {
    /// Nobody's that is there.
    Nobody,
    /// A service's, by the pins in force.
    InForce(&'a World, &'a GroupKey, &'a Service),
    /// A service's, by the pins as they are edited.
    Edited(&'a PinsState, Option<&'a Service>),
    /// A unit's, by the pins after its plan.
    After(&'a Plan, Option<&'a Service>),
}

impl Whose<'_> {
    fn rules(&self) -> Rules {
        match self {
            Self::Nobody => Rules::default(),
            Self::InForce(world, group, service) => {
                let text = world.history(group).pins().ok().flatten().unwrap_or_default();
                pins::read(text).rules_for(group, service)
            }
            Self::Edited(screen, service) => {
                let rules = |(text, service): (&PinText, &&Service)| text.doc.rules_for(&screen.group, service);
                screen.text.as_ref().zip(service.as_ref()).map(rules).unwrap_or_default()
            }
            Self::After(plan, service) => {
                let doc = pins::read(plan.pins_after.as_deref().unwrap_or_default());
                service.map(|service| doc.rules_for(&plan.group, service)).unwrap_or_default()
            }
        }
    }
}

type Meant<'a> = (usize, String, Whose<'a>);

fn meant(state: &State) -> Result<(usize, ImageRef, Whose<'_>), Reason> {
    let (cluster, text, whose) = match state.screens.last() {
        Some(Screen::Service(screen)) => {
            let world = state.clusters.get(screen.cluster).map(|one| &one.world);
            let service = world.and_then(|world| Some((world, world.services.get(&screen.service)?)));
            let (world, service) = service.ok_or(Reason::Gone)?;
            (screen.cluster, service.image().to_owned(), Whose::InForce(world, &screen.group, service))
        }
        Some(Screen::Pins(screen)) => of_pins(state, screen)?,
        Some(Screen::Plan(screen)) => of_plan(state, screen)?,
        Some(Screen::History(screen)) => of_change(state, screen)?,
        Some(Screen::Earlier(screen)) => {
            let row = screen.choice().ok_or(Reason::NoRow)?;
            (screen.cluster, row.places.image.clone(), Whose::Nobody)
        }
        Some(_) => return Err(Reason::NotHere),
        None if state.fleet.pane != Pane::Services => return Err(Reason::NoService),
        None => match state.row() {
            Some(Row::Service(row)) => {
                let world = state.world();
                let service = row.service.as_ref().and_then(|id| world.services.get(id));
                let whose = service.map_or(Whose::Nobody, |service| Whose::InForce(world, &row.group, service));
                (state.active, row.image.clone(), whose)
            }
            _ => return Err(Reason::NoService),
        },
    };
    let image = ImageRef::parse(&text).map_err(|error| Reason::Obstacle(format!("`{text}` is no image: {error}")))?;
    Ok((cluster, image, whose))
}

/// The image of the pin in the cursor's line; else of the service the pins were opened for.
fn of_pins<'a>(state: &'a State, screen: &'a PinsState) -> Result<Meant<'a>, Reason> {
    let text = screen.text.as_ref().ok_or(Reason::Reading)?;
    let one = state.clusters.get(screen.cluster).ok_or(Reason::Gone)?;
    let key = text.pin_at(text.editor.cursor().0);
    let covers = |service: &&Service| key.is_some_and(|key| pins::covers(key, &screen.group, service));
    let opened_for = || screen.service.as_ref().and_then(|name| one.world.service_named(name));
    let covered = || one.world.members(&screen.group).find(covers);
    let service = opened_for().filter(|service| key.is_none() || covers(service)).or_else(covered);
    let service = service.or_else(|| one.world.members(&screen.group).next());
    let whose = Whose::Edited(screen, service);
    if let Some(image) = key.and_then(|key| text.doc.pins.get(key)).filter(|image| *image != MANIFEST) {
        return Ok((screen.cluster, image.clone(), whose));
    }
    let service = service.ok_or(Reason::Gone)?;
    let wished = effective(&screen.group, &text.doc, &text.in_force, service, &one.world, &one.facts);
    Ok((screen.cluster, wished.image.unwrap_or_else(|| service.image().to_owned()), whose))
}

/// What the chosen unit will run; of a finding, the first unit it names.
fn of_plan<'a>(state: &'a State, screen: &'a PlanState) -> Result<Meant<'a>, Reason> {
    let plan = &screen.shown.plan;
    let named = || {
        let finding = plan.findings.get(screen.at.checked_sub(plan.units.len())?)?;
        plan.units.iter().find(|unit| finding.services.contains(&unit.service))
    };
    let unit = plan.units.get(screen.at).or_else(named).or(plan.units.first()).ok_or(Reason::NothingPlanned)?;
    Ok(of_unit(state, screen.cluster, plan, unit))
}

/// What a change brought; of several images the first.
fn of_change<'a>(state: &'a State, screen: &'a HistoryState) -> Result<Meant<'a>, Reason> {
    let items = history::items(state, screen);
    let entry = items.get(screen.scroll.at).ok_or(Reason::NoRow)?.entry;
    let plan = &entry.record.as_ref().ok_or(Reason::Reading)?.plan;
    let unit = plan.units.iter().find(|unit| unit.action != Doing::None).or(plan.units.first());
    Ok(of_unit(state, screen.cluster, plan, unit.ok_or(Reason::NothingPlanned)?))
}

fn of_unit<'a>(state: &'a State, cluster: usize, plan: &'a Plan, unit: &Unit) -> Meant<'a> {
    let service = state.clusters.get(cluster).and_then(|one| one.world.services.get(&unit.service_id));
    (cluster, unit.to.image.clone(), Whose::After(plan, service))
}

/// Whether its files can be read: what it is must be known.
pub(crate) fn readable(state: &State) -> Result<(), Reason> {
    let Some(Screen::Image(screen)) = state.screens.last() else { return Err(Reason::NotHere) };
    let one = state.clusters.get(screen.cluster).ok_or(Reason::Gone)?;
    screen.view(one).shown().map(|_| ()).map_err(|_| Reason::Reading)
}

/// What has to be learned of it.
pub(crate) fn wants(state: &State, screen: &ImageState) -> BTreeSet<Want> {
    state.clusters.get(screen.cluster).map(|one| screen.view(one).wants()).unwrap_or_default()
}

impl ImageState {
    /// Looks at an image from a cluster.
    pub fn new(cluster: usize, image: ImageRef, base: Option<String>, contract: Option<Judge>) -> Self {
        Self { cluster, image, base, contract, files: BTreeMap::new(), sections: Vec::new(), top: 0 }
    }

    /// It with what is known of it.
    pub fn view<'a>(&'a self, one: &'a Cluster) -> View<'a> {
        let contract = match &self.contract {
            Some(Judge::By(contract)) => Some(&**contract),
            Some(Judge::Missing { .. }) | None => None,
        };
        View {
            image: &self.image,
            facts: &one.facts,
            platform: None,
            base: self.base.as_deref(),
            contract,
            files: &self.files,
        }
    }

    /// Makes what is told anew.
    pub fn tell(&mut self, one: &Cluster, now: Time, offset: i32) {
        let mut sections = self.view(one).sections(now, offset);
        if let Some(Judge::Missing { name, why, hint }) = &self.contract {
            let line = |tone, key: &str, text: &str| Line { key: key.to_owned(), text: text.to_owned(), tone };
            let lines = vec![line(Tone::Bad, "error", why), line(Tone::Quiet, "hint", hint)];
            sections.insert(1.min(sections.len()), Section { title: format!("contract {name}"), lines });
        }
        self.sections = sections;
    }

    /// Whether layers are being read for it.
    pub fn is_reading(&self) -> bool {
        self.files.values().any(|files| matches!(files, Files::Reading(_)))
    }

    /// The files that are listed below everything else: those of the image that is told about.
    pub fn listed<'a>(&'a self, one: &'a Cluster) -> &'a [ImageFile] {
        let shown = self.view(one).shown().ok();
        shown.and_then(|about| self.files.get(&about.manifest)).and_then(Files::known).unwrap_or_default()
    }

    /// All rows but the list of files, for so many cells; long lines are broken.
    pub fn rows(&self, cells: usize) -> Vec<Shown<'_>> {
        let mut rows = Vec::new();
        for section in &self.sections {
            if !rows.is_empty() {
                rows.push(Shown::Blank);
            }
            rows.push(Shown::Title(&section.title));
            let keys = section.lines.iter().map(|line| width(&line.key)).max().unwrap_or(0).min(cells * 9 / 20);
            let room = cells.saturating_sub(keys + if keys == 0 { 0 } else { 2 }).max(10);
            for line in &section.lines {
                for (nth, text) in wrapped(&line.text, room).into_iter().enumerate() {
                    let key = if nth == 0 { line.key.as_str() } else { "" };
                    rows.push(Shown::Line { key, keys, text, tone: line.tone });
                }
            }
        }
        rows
    }
}
