//! The rollback target of the selected service, shown in the footer before `R` is pressed.

use std::collections::BTreeSet;

use pinnace_core::history::{CandidateSource, TargetSearch, evidence, had_others, way_back};
use pinnace_core::image::{digest_of, short};
use pinnace_core::registry::FactQuery;
use pinnace_core::swarm::GroupKey;
use pinnace_core::swarm::Service;
use pinnace_core::time::age;
use pinnace_core::world::World;

use crate::selection::Selection;
use crate::state::{Screen, State};

/// The target of a rollback of the selected service, as the footer shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollbackTargetSummary {
    /// The image, shortened.
    pub image: String,
    /// The digest, shortened; none if the reference has none.
    pub digest: Option<String>,
    /// The age of its replacement, and the evidence if that is only an old task.
    pub note: String,
}

/// Returns the rollback target of the service under the cursor, once it is known.
pub(crate) fn back_label(state: &State) -> Option<RollbackTargetSummary> {
    // On these screens the key rolls a change back, or a plan names the target.
    if matches!(state.screens.last(), Some(Screen::Change(_) | Screen::Plan(_) | Screen::Pins(_) | Screen::History(_)))
    {
        return None;
    }
    let (world, group, service) = selected_service(state)?;
    let TargetSearch::Found(way) = way_back(world, &group, service) else { return None };
    let source = match way.source {
        CandidateSource::OldTask => "from an old task",
        _ => "",
    };
    let past = evidence(world, &group, service, &way.places.image);
    let ago = match way.at {
        _ if past.in_sibling => "runs in another instance".to_owned(),
        Some(at) => format!("ran until {} ago", age(state.now.since(at))),
        None => String::new(),
    };
    let note = [ago.as_str(), source].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    let image = short(&way.places.image);
    Some(RollbackTargetSummary {
        image,
        digest: digest_of(&way.places.image).map(|digest| digest.short().to_owned()),
        note,
    })
}

/// Returns whether the selected service has no rollback target of its own and other images to choose from: none is
/// proven to have run, or the last change already rolled back.
pub(crate) fn is_choice(state: &State) -> bool {
    let Some((world, group, service)) = selected_service(state) else { return false };
    matches!(way_back(world, &group, service), TargetSearch::NoneKnown | TargetSearch::AlreadyRolledBack(_))
        && had_others(world, &group, service, state.now)
}

/// Returns the queries that must be answered before the target is known.
pub(crate) fn back_wants(state: &State) -> BTreeSet<FactQuery> {
    let Some((world, group, service)) = selected_service(state) else { return BTreeSet::new() };
    match way_back(world, &group, service) {
        TargetSearch::Needs(wants) => wants,
        _ => BTreeSet::new(),
    }
}

/// Returns the selected service with its cluster and its group.
pub(crate) fn selected_service(state: &State) -> Option<(&World, GroupKey, &Service)> {
    let selection = Selection::of(state);
    let world = &state.clusters.get(selection.cluster)?.world;
    let service = world.services.get(selection.service_id().ok()?)?;
    Some((world, GroupKey::of(service), service))
}
