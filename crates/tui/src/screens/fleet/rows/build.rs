//! The choice of the fleet's rows, and of the lines that each may take.

use std::collections::BTreeSet;

use pinnace_core::history::drift;
use pinnace_core::journal::ChangeEntry;
use pinnace_core::pins::{self, PinDoc};
use pinnace_core::plan::Unit;
use pinnace_core::swarm::HealthState;
use pinnace_core::swarm::Service;
use pinnace_core::swarm::{GroupKey, GroupKind, is_postgres};

use crate::filter::FleetFilter;
use crate::screens::change::other_clients;
use crate::screens::fleet::rows::service::{is_news, missing, row};
use crate::screens::fleet::rows::{FleetRow, FleetRowsInput, FleetSummary, Fold, GroupRow, ServiceRow};

/// Builds the rows: groups in trouble first, then those with an unfinished change, then those that are updating, then
/// the others; each by name.
pub fn build(view: &FleetRowsInput<'_>) -> Vec<FleetRow> {
    rows_of(view, gather(view))
}

/// Builds the rows like [`build`], and the counts of the whole cluster; without a filter from the same groups.
pub(crate) fn build_with_summary(view: &FleetRowsInput<'_>) -> (Vec<FleetRow>, FleetSummary) {
    let none = FleetFilter::default();
    let all = FleetRowsInput { filter: &none, ..*view };
    let groups = gather(&all);
    let summary = summary(&all, &groups);
    let rows = if view.filter.is_empty() { rows_of(view, groups) } else { build(view) };
    (rows, summary)
}

fn rows_of(view: &FleetRowsInput<'_>, mut groups: Vec<FleetGroup<'_>>) -> Vec<FleetRow> {
    groups.sort_by(|a, b| (a.class, &a.key.name, a.key).cmp(&(b.class, &b.key.name, b.key)));
    let squeeze = if view.filter.is_empty() { fitting(view, &groups) } else { Density::ALL[0] };
    let mut rows = Vec::new();
    let (loud, quiet): (Vec<_>, Vec<_>) = groups.iter().partition(|group| group.class != Urgency::Healthy);
    for group in loud {
        group.rows(view, squeeze, &mut rows);
    }
    quiet_rows(view, &quiet, squeeze, &mut rows);
    rows
}

/// Counts the missing and the drifted services of all groups.
fn summary(view: &FleetRowsInput<'_>, groups: &[FleetGroup<'_>]) -> FleetSummary {
    let mut summary = FleetSummary::default();
    for group in groups {
        summary.missing += group.missing.len();
        // What a change is replacing has not drifted.
        let is_changing = view.world.history(group.key).unfinished().is_some();
        if let Some(pins) = group.pins.as_ref().filter(|_| !is_changing) {
            let drifted = |service: &&&Service| drift::of(view.world, group.key, pins, service).is_some();
            summary.drifted += group.services.iter().filter(drifted).count();
        }
    }
    summary
}

/// Counts the lines of all rows.
pub fn total_lines(rows: &[FleetRow]) -> usize {
    rows.iter().map(FleetRow::lines).sum()
}

/// Counts the lines before the row at `index`.
pub(crate) fn lines_before(rows: &[FleetRow], index: usize) -> usize {
    rows.iter().take(index).map(FleetRow::lines).sum()
}

/// The density of the list: what is left out so that all trouble fits on the first page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Density {
    /// True if healthy groups are open.
    well_open: bool,
    /// True if healthy services are listed beside those in trouble.
    siblings: bool,
    /// The most detail lines below a row.
    lines: usize,
}

impl Density {
    const ALL: [Self; 5] = [
        Self { well_open: true, siblings: true, lines: 2 },
        Self { well_open: false, siblings: true, lines: 2 },
        Self { well_open: false, siblings: false, lines: 2 },
        Self { well_open: false, siblings: false, lines: 1 },
        Self { well_open: false, siblings: false, lines: 0 },
    ];
}

/// Returns the first level of [`Density::ALL`] at which all trouble fits on the first page.
fn fitting(view: &FleetRowsInput<'_>, groups: &[FleetGroup<'_>]) -> Density {
    let loud = |group: &&FleetGroup<'_>| group.class != Urgency::Healthy;
    let quiet = !groups.iter().all(|group| loud(&group));
    // If the first lines alone do not fit, no level does: nothing is laid out to find that out.
    if groups.iter().filter(loud).map(FleetGroup::troubled).sum::<usize>() > view.page {
        return Density::ALL[4];
    }
    let fits = |squeeze: &&Density| {
        if squeeze.siblings && groups.iter().filter(loud).map(FleetGroup::count).sum::<usize>() > view.page {
            return false;
        }
        let mut rows = Vec::new();
        for group in groups.iter().filter(|group| squeeze.well_open || loud(group)) {
            group.rows(view, **squeeze, &mut rows);
        }
        total_lines(&rows) + usize::from(quiet && !squeeze.well_open) <= view.page
    };
    // A list far longer than the page cannot fit at the first level, so it is not laid out there.
    let many = groups.iter().map(|group| group.count() + 1).sum::<usize>() > view.page * 2;
    let from = usize::from(many);
    Density::ALL[from..].iter().find(fits).copied().unwrap_or(Density::ALL[4])
}

/// Adds the healthy groups: as many as the page has room for, then one line for the rest.
fn quiet_rows(view: &FleetRowsInput<'_>, quiet: &[&FleetGroup<'_>], squeeze: Density, rows: &mut Vec<FleetRow>) {
    let open_rest = view.folds.rest == Some(Fold::Open) || !view.filter.is_empty() || squeeze.well_open;
    let left = view.page.saturating_sub(total_lines(rows));
    let mut shown = if open_rest || quiet.len() <= left { quiet.len() } else { left.saturating_sub(1) };
    let (mut groups, mut services) = (0, 0);
    for group in quiet {
        // A group that the operator opened is always listed.
        let opened = view.folds.groups.get(group.key) == Some(&Fold::Open);
        if opened || group.is_kept(view) || shown > 0 {
            shown = shown.saturating_sub(1);
            group.rows(view, squeeze, rows);
        } else {
            groups += 1;
            services += group.count();
        }
    }
    if groups > 0 {
        rows.push(FleetRow::HiddenGroups { groups, services });
    }
}

/// A group while its rows are built.
struct FleetGroup<'a> {
    key: &'a GroupKey,
    class: Urgency,
    /// The number of services that are not healthy.
    loud: usize,
    services: Vec<&'a Service>,
    missing: Vec<(&'a ChangeEntry, &'a Unit)>,
    pins: Option<PinDoc>,
}

/// The urgency of a group or service, in display order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    Trouble,
    Unfinished,
    Updating,
    Healthy,
}

fn gather<'a>(view: &FleetRowsInput<'a>) -> Vec<FleetGroup<'a>> {
    let mut groups = Vec::new();
    for (key, _) in view.world.groups() {
        let all: Vec<_> = view.world.members(key).collect();
        let missing = gone(view, key, &all);
        let services: Vec<_> = all.into_iter().filter(|service| view.filter.passes(view.world, key, service)).collect();
        if services.is_empty() && missing.is_empty() {
            continue;
        }
        let history = view.world.history(key);
        let pins = history.pins().ok().flatten().map(pins::read);
        let class = services.iter().map(|service| class_of(view, service)).min().unwrap_or(Urgency::Healthy);
        let loud = services.iter().filter(|service| class_of(view, service) != Urgency::Healthy).count();
        let class = if history.unfinished().is_some() { class.min(Urgency::Unfinished) } else { class };
        let class = if missing.is_empty() { class } else { Urgency::Trouble };
        groups.push(FleetGroup { key, class, loud, services, missing, pins });
    }
    groups
}

/// Returns the units of the newest change with a known record whose services no longer exist.
fn gone<'a>(view: &FleetRowsInput<'a>, key: &GroupKey, there: &[&Service]) -> Vec<(&'a ChangeEntry, &'a Unit)> {
    let newest = view.world.history(key).newest_first().find(|entry| entry.record.is_some());
    let Some((entry, record)) = newest.and_then(|entry| Some((entry, entry.record.as_ref()?))) else {
        return Vec::new();
    };
    let names: BTreeSet<_> = there.iter().map(|service| service.name.as_str()).collect();
    let gone = record.plan.units.iter().filter(|unit| !names.contains(unit.service.as_str()));
    let passes = |unit: &&Unit| view.filter.passes_missing(key, &unit.service, &unit.member, &unit.to.image);
    gone.filter(passes).map(|unit| (entry, unit)).collect()
}

fn class_of(view: &FleetRowsInput<'_>, service: &Service) -> Urgency {
    match view.world.health(&service.id) {
        Some(health) if health.state.is_trouble() => Urgency::Trouble,
        Some(health) if matches!(health.state, HealthState::Ok | HealthState::Finished | HealthState::Stopped) => {
            Urgency::Healthy
        }
        _ => Urgency::Updating,
    }
}

impl FleetGroup<'_> {
    fn count(&self) -> usize {
        self.services.len() + self.missing.len()
    }

    /// Returns the number of services that are not healthy or no longer exist.
    fn troubled(&self) -> usize {
        self.loud + self.missing.len()
    }

    fn is_open(&self, view: &FleetRowsInput<'_>, squeeze: Density) -> bool {
        match view.folds.groups.get(self.key) {
            Some(fold) => *fold == Fold::Open,
            None => {
                !view.filter.is_empty() || squeeze.well_open || self.class != Urgency::Healthy || self.is_kept(view)
            }
        }
    }

    /// Returns whether the cursor is on one of the group's services.
    fn is_kept(&self, view: &FleetRowsInput<'_>) -> bool {
        view.kept.is_some_and(|kept| self.services.iter().any(|service| service.id == kept))
    }

    fn rows(&self, view: &FleetRowsInput<'_>, squeeze: Density, rows: &mut Vec<FleetRow>) {
        let lone = self.key.kind == GroupKind::Service;
        let open = lone || self.is_open(view, squeeze);
        if !lone {
            rows.push(FleetRow::Group(self.heading(view, open)));
        }
        if !open {
            return;
        }
        let chosen = view.folds.groups.get(self.key) == Some(&Fold::Open);
        let all = lone || chosen || squeeze.siblings || self.class == Urgency::Healthy;
        let mut left_out = 0;
        let mut own: Vec<ServiceRow> = Vec::new();
        for service in &self.services {
            if all || class_of(view, service) != Urgency::Healthy || view.kept == Some(service.id.as_str()) {
                own.push(row(view, self.key, self.pins.as_ref(), service));
            } else {
                left_out += 1;
            }
        }
        own.extend(self.missing.iter().map(|(entry, unit)| missing(self.key, entry, unit)));
        // Trouble first. The sort is stable: equal rows keep the order of the members.
        own.sort_by_key(|row| (!row.state.is_trouble(), row.state != HealthState::Updating && !is_news(row, view.now)));
        for mut row in own {
            row.lines = row.lines.min(squeeze.lines);
            rows.push(FleetRow::Service(Box::new(row)));
        }
        if left_out > 0 {
            rows.push(FleetRow::HiddenServices { group: self.key.clone(), services: left_out });
        }
    }

    fn heading(&self, view: &FleetRowsInput<'_>, open: bool) -> GroupRow {
        let healths = || self.services.iter().filter_map(|service| view.world.health(&service.id));
        let states = healths().map(|health| health.state);
        let state = if self.missing.is_empty() {
            states.min().unwrap_or(HealthState::Unknown)
        } else {
            states.min().unwrap_or(HealthState::Missing).min(HealthState::Missing)
        };
        let images: BTreeSet<_> = self
            .services
            .iter()
            .filter(|service| self.key.kind != GroupKind::Database || is_postgres(service))
            .map(|service| service.image())
            .collect();
        let history = view.world.history(self.key);
        GroupRow {
            group: self.key.clone(),
            open,
            state,
            running: healths().map(|health| health.running).sum(),
            desired: healths().map(|health| health.desired).sum(),
            services: self.count(),
            troubled: healths().filter(|health| health.state.is_trouble()).count() + self.missing.len(),
            images: images.into_iter().map(str::to_owned).collect(),
            unfinished: history.unfinished().map(|entry| other_clients::describe(history, entry)),
        }
    }
}
