//! Polling and queries, limited to what is on the screen.
//!
//! On start, a registry is queried only about failing images. Queries about the other rows on the screen follow
//! while the operator is active.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::msg::Effect;
use crate::rollback_target as back;
use crate::screens;
use crate::screens::fleet::rows;
use crate::screens::fleet::selectors::visible;
use crate::screens::pins::completion as complete;
use crate::state::State;
use pinnace_core::check;
use pinnace_core::registry::Fact;
use pinnace_core::registry::FactQuery;

/// The time after the last key during which the operator counts as active.
const AT_KEYS: Duration = Duration::from_secs(15 * 60);
/// The interval at which the cause of a lasting failure is queried again.
const AGAIN: Duration = Duration::from_secs(300);
/// The interval at which the version manifest is read again, while a screen depends on it.
const VERSIONS: Duration = Duration::from_secs(3600);

/// Emits the effects for polling and queries; an equal request is not repeated.
pub(crate) fn watch(state: &mut State, effects: &mut Vec<Effect>) {
    // The operator is active right after the start, but a registry is queried for more only after a first key.
    let looks = state.now.since(state.last_key.unwrap_or(state.opened)) < AT_KEYS;
    let at_keys = looks && state.last_key.is_some();
    let attend = Effect::Poll { cluster: state.active, in_view: screens::in_view(state), at_keys: looks };
    if state.attended.as_ref() != Some(&attend) {
        state.attended = Some(attend.clone());
        effects.push(attend);
    }
    let mut wants = causes(state);
    if at_keys {
        wants.extend(tags(state));
        wants.extend(back::back_wants(state));
    }
    wants.extend(screens::queries(state));
    wants.extend(complete::queries(state));
    ask(state, &wants, effects);
}

/// Emits the registries to watch, for each cluster whose services run from others than before.
pub(crate) fn watch_registries(state: &mut State, effects: &mut Vec<Effect>) {
    for (cluster, one) in state.clusters.iter_mut() {
        if !one.world.is_painted() {
            continue;
        }
        let hosts = one.registries();
        if hosts != one.watched {
            one.unreachable.retain(|host, _| hosts.contains(host));
            one.watched.clone_from(&hosts);
            effects.push(Effect::WatchRegistries { cluster, hosts });
        }
    }
}

/// Forgets the facts that age, and reads the swarm again.
pub(crate) fn refresh(state: &mut State, effects: &mut Vec<Effect>) {
    let cluster = state.active;
    if let Some(one) = state.clusters.get_mut(cluster) {
        one.facts.forget_tags();
    }
    effects.push(Effect::Refresh { cluster });
}

fn ask(state: &mut State, wants: &BTreeSet<FactQuery>, effects: &mut Vec<Effect>) {
    let (cluster, now) = (state.active, state.now);
    let Some(one) = state.clusters.get_mut(cluster) else { return };
    let old = match one.facts.versions() {
        Fact::Known { at, .. } => now.since(*at) >= VERSIONS,
        Fact::Failed { at, .. } => now.since(*at) >= AGAIN,
        Fact::Unknown | Fact::Pending => false,
    };
    if old && wants.contains(&FactQuery::Versions) {
        one.facts.renew(&FactQuery::Versions);
    }
    let fresh = one.facts.ask(wants, now);
    if fresh.is_empty() {
        return;
    }
    effects.push(Effect::SendQueries { cluster, wants: fresh });
    crate::screens::fleet::update::rebuild(state);
}

/// Returns queries for the images that tasks could not get. They are repeated after a while, because the image
/// may exist by now.
fn causes(state: &mut State) -> BTreeSet<FactQuery> {
    let now = state.now;
    let Some(one) = state.clusters.get_mut(state.active) else { return BTreeSet::new() };
    let mut wants = BTreeSet::new();
    for id in one.world.services.keys() {
        let Some(error) = one.world.health(id).and_then(|health| health.error.as_ref()) else { continue };
        if !rows::is_about_image(&error.text) {
            continue;
        }
        let want = FactQuery::Image(error.image.clone());
        let old = match one.facts.image(&error.image) {
            Fact::Known { at, .. } | Fact::Failed { at, .. } => now.since(*at) >= AGAIN,
            Fact::Unknown | Fact::Pending => false,
        };
        if old {
            one.facts.renew(&want);
        }
        wants.insert(want);
    }
    wants
}

/// Returns queries for the tags of the images on the screen, to detect moved and deleted tags.
fn tags(state: &State) -> BTreeSet<FactQuery> {
    if !state.screens.is_empty() {
        return BTreeSet::new();
    }
    let facts = &state.cluster().facts;
    let images = visible(state).filter(|row| !row.image.is_empty());
    images.flat_map(|row| check::running::wants_of(&row.image, facts)).collect()
}
