//! What to look at closely and what to look up: what is on the screen, and no more than that.
//!
//! Opening the console asks a registry only about what is failing; the other rows on screen follow while somebody is
//! at the keys.

use crate::clusters::ClusterId;
use std::collections::BTreeSet;
use std::time::Duration;

use crate::msg::Effect;
use crate::rollback_target as back;
use crate::screens::candidates::query as earlier;
use crate::screens::change::query as change;
use crate::screens::fleet::rows;
use crate::screens::fleet::rows::{Row, ServiceRow};
use crate::screens::history::query as history;
use crate::screens::history::state::Span;
use crate::screens::image::query as image;
use crate::screens::pins::{completion as complete, query as pins};
use crate::state::{Screen, State};
use pinnace_core::check;
use pinnace_core::journal::Entry;
use pinnace_core::registry::Fact;
use pinnace_core::registry::Want;
use pinnace_core::swarm::GroupKey;
use pinnace_core::world::World;

/// For so long after the last key somebody is taken to be there.
const AT_KEYS: Duration = Duration::from_secs(15 * 60);
/// After so long the cause of a failure that goes on is looked up again.
const AGAIN: Duration = Duration::from_secs(300);
/// After so long the version manifest is looked at again, where a screen goes by it.
const VERSIONS: Duration = Duration::from_secs(3600);

/// Adds what is to be attended to and asked for, each once.
pub(crate) fn watch(state: &mut State, effects: &mut Vec<Effect>) {
    // Whoever opened the console is there to look; a registry is asked for more only once a key was pressed.
    let looks = state.now.since(state.last_key.unwrap_or(state.opened)) < AT_KEYS;
    let at_keys = looks && state.last_key.is_some();
    let attend = Effect::Attend { cluster: state.active, in_view: in_view(state), at_keys: looks };
    if state.attended.as_ref() != Some(&attend) {
        state.attended = Some(attend.clone());
        effects.push(attend);
    }
    let mut wants = causes(state);
    if at_keys {
        wants.extend(tags(state));
        wants.extend(back::back_wants(state));
    }
    wants.extend(records(state));
    wants.extend(complete::wants(state));
    ask(state, &wants, effects);
}

/// Forgets what ages and asks anew.
pub(crate) fn refresh(state: &mut State, effects: &mut Vec<Effect>) {
    let cluster = state.active;
    if let Some(one) = state.clusters.get_mut(cluster) {
        one.facts.forget_tags();
    }
    effects.push(Effect::Refresh { cluster });
}

fn ask(state: &mut State, wants: &BTreeSet<Want>, effects: &mut Vec<Effect>) {
    let (cluster, now) = (state.active, state.now);
    let Some(one) = state.clusters.get_mut(cluster) else { return };
    let old = match one.facts.versions() {
        Fact::Known { at, .. } => now.since(*at) >= VERSIONS,
        Fact::Failed { at, .. } => now.since(*at) >= AGAIN,
        Fact::Unknown | Fact::Asked => false,
    };
    if old && wants.contains(&Want::Versions) {
        one.facts.renew(&Want::Versions);
    }
    let fresh = one.facts.ask(wants, now);
    if fresh.is_empty() {
        return;
    }
    effects.push(Effect::Ask { cluster, wants: fresh });
    crate::screens::fleet::update::rebuild(state);
}

/// The rows on the screen.
fn visible(state: &State) -> impl Iterator<Item = &ServiceRow> {
    let fleet = &state.fleet;
    let end = fleet.top + crate::screens::fleet::update::page(state);
    let mut line = 0;
    let on_screen = fleet.rows.iter().filter(move |row| {
        let from = line;
        line += row.lines();
        line > fleet.top && from < end
    });
    on_screen.filter_map(Row::service)
}

/// The ids of the services in view.
fn in_view(state: &State) -> Vec<String> {
    match state.screens.last() {
        None => visible(state).filter_map(|row| row.service.clone()).collect(),
        Some(Screen::Service(screen)) => vec![screen.service.clone()],
        Some(Screen::Earlier(screen)) => vec![screen.service.clone()],
        Some(Screen::Logs(screen)) => vec![screen.service.clone()],
        Some(Screen::History(_) | Screen::Image(_)) => Vec::new(),
        Some(Screen::Pins(screen)) => of_group(state, screen.cluster, &screen.group),
        Some(Screen::Plan(screen)) => of_group(state, screen.cluster, screen.goal.group()),
        Some(Screen::Change(screen)) => of_group(state, screen.cluster, &screen.group),
    }
}

fn of_group(state: &State, cluster: ClusterId, group: &GroupKey) -> Vec<String> {
    let world = state.clusters.get(cluster).map(|cluster| &cluster.world);
    world.map_or_else(Vec::new, |world| world.members(group).map(|service| service.id.clone()).collect())
}

/// Images of tasks that failed for want of them; asked again after a while, as it may be there by now.
fn causes(state: &mut State) -> BTreeSet<Want> {
    let now = state.now;
    let Some(one) = state.clusters.get_mut(state.active) else { return BTreeSet::new() };
    let mut wants = BTreeSet::new();
    for id in one.world.services.keys() {
        let Some(error) = one.world.health(id).and_then(|health| health.error.as_ref()) else { continue };
        if !rows::is_about_image(&error.text) {
            continue;
        }
        let want = Want::Image(error.image.clone());
        let old = match one.facts.image(&error.image) {
            Fact::Known { at, .. } | Fact::Failed { at, .. } => now.since(*at) >= AGAIN,
            Fact::Unknown | Fact::Asked => false,
        };
        if old {
            one.facts.renew(&want);
        }
        wants.insert(want);
    }
    wants
}

/// The tags of the images on the screen, to see whether they moved or are gone.
fn tags(state: &State) -> BTreeSet<Want> {
    if !state.screens.is_empty() {
        return BTreeSet::new();
    }
    let facts = &state.cluster().facts;
    let images = visible(state).filter(|row| !row.image.is_empty());
    images.flat_map(|row| check::running::wants_of(&row.image, facts)).collect()
}

/// What the screen is told from: records of the newest change of its groups and of open changes, a plan's wants.
fn records(state: &State) -> BTreeSet<Want> {
    let world = state.world();
    let record = |change: &str| Want::Record(change.to_owned());
    match state.screens.last() {
        None => {
            let groups: BTreeSet<&GroupKey> = visible(state).map(|row| &row.group).collect();
            groups.into_iter().filter_map(|group| newest_unread(world, group)).map(|change| record(&change)).collect()
        }
        Some(Screen::Service(screen)) => {
            let span = Span::Service(screen.group.clone(), screen.name.clone());
            let unread = crate::screens::history::state::entries(world, &span)
                .into_iter()
                .filter(|entry| entry.record.is_none());
            unread.take(20).map(|entry| record(&entry.slot.change)).collect()
        }
        Some(Screen::History(screen)) => {
            let items = history::items(state, screen);
            let near = items.iter().skip(screen.scroll.top).take(usize::from(state.size.height));
            let unread = near.filter(|item| item.entry.record.is_none());
            unread.map(|item| record(&item.entry.slot.change)).collect()
        }
        Some(Screen::Pins(screen)) => pins::wants(state, screen),
        Some(Screen::Plan(screen)) => screen.wants().clone(),
        Some(Screen::Change(screen)) => {
            let unread = |entry: &&Entry| entry.record.is_none();
            let entry = change::shown(state, screen).and_then(|shown| shown.entry).filter(unread);
            entry.map(|entry| record(&entry.slot.change)).into_iter().collect()
        }
        Some(Screen::Earlier(screen)) => earlier::wants(state, screen),
        Some(Screen::Image(screen)) => image::wants(state, screen),
        Some(Screen::Logs(_)) => BTreeSet::new(),
    }
}

/// The newest change of a group whose record is needed and not read yet.
fn newest_unread(world: &World, group: &GroupKey) -> Option<String> {
    let history = world.history(group);
    let newest = history.newest()?;
    let newest_unread = newest.record.is_none() && !history.is_gone(&newest.slot.change);
    if newest_unread {
        return Some(newest.slot.change.clone());
    }
    history.pins().err().map(str::to_owned)
}
