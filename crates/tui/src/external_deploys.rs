//! Recording of external deploys: once a minute, images that run well and are not in the history yet.

use std::collections::BTreeMap;
use std::time::Duration;

use pinnace_core::history::external_detection::{fresh, record};
use pinnace_core::plan::ChangeRecord;
use pinnace_core::swarm::GroupKey;
use pinnace_core::time::Time;
use pinnace_core::world::ConnectionState;

use crate::msg::Effect;
use crate::state::{ClusterState, State, WriteProtection};

/// The interval between two checks, and how long a service must run well before its image is recorded: a task
/// that has just started may still fail.
const MINUTE: Duration = Duration::from_secs(60);

/// The progress of recording: the time of the last check, and per service id the image last passed on.
#[derive(Clone, Debug, Default)]
pub struct ExternalDeployTracker {
    looked: Option<Time>,
    images: BTreeMap<String, String>,
}

/// Emits an effect for each cluster that has external deploys to record.
pub(crate) fn after_message(state: &mut State, effects: &mut Vec<Effect>) {
    let now = state.now;
    for (cluster, one) in state.clusters.iter_mut() {
        let looked = *one.noted.looked.get_or_insert(now);
        if one.guard == WriteProtection::ReadOnly
            || one.world.link != ConnectionState::Live
            || now.since(looked) < MINUTE
        {
            continue;
        }
        one.noted.looked = Some(now);
        let records = records(one, now);
        if !records.is_empty() {
            effects.push(Effect::RecordExternal { cluster, records });
        }
    }
}

fn records(one: &mut ClusterState, now: Time) -> Vec<ChangeRecord> {
    let ClusterState { world, noted, .. } = one;
    let groups: Vec<GroupKey> = world.groups().map(|(group, _)| group.clone()).collect();
    let mut records = Vec::new();
    for group in groups {
        let (mut found, _) = fresh(world, &group, now, MINUTE, "");
        found.retain(|one| noted.images.get(&one.service_id) != Some(&one.places.image));
        if found.is_empty() {
            continue;
        }
        noted.images.extend(found.iter().map(|one| (one.service_id.clone(), one.places.image.clone())));
        records.push(record("", &group, world, &found));
    }
    records
}
