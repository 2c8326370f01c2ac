//! External deploys: records in the local log what other clients deployed.

use std::collections::BTreeMap;

use pinnace_core::journal::ExternalDeploy;
use pinnace_core::journal::local_log::{LocalEvent, LoggedEventKind, sightings};
use pinnace_core::plan::ChangeRecord;
use pinnace_engine::cluster::Cluster;
use pinnace_engine::execute::new_change;
use pinnace_engine::identity;
use pinnace_engine::journal::LocalLogError;

/// Appends the observations that the local log does not hold yet.
pub(super) async fn note(cluster: &Cluster, records: Vec<ChangeRecord>) -> Result<(), LocalLogError> {
    let Some(swarm) = records.first().map(|record| record.plan.swarm.clone()) else { return Ok(()) };
    let Some(journal) = cluster.local_log(&swarm) else { return Ok(()) };
    let events = journal.load().await?.events;
    let mut known: BTreeMap<String, ExternalDeploy> = BTreeMap::new();
    for seen in sightings(&events).into_values().flatten() {
        if known.get(&seen.service_id).is_none_or(|older| older.at <= seen.at) {
            known.insert(seen.service_id.clone(), seen);
        }
    }
    let now = cluster.docker.clock().now();
    let fresh = records.into_iter().filter_map(|mut record| {
        let image = |service: &str| known.get(service).map(|seen| seen.places.image.as_str());
        record.plan.units.retain(|unit| image(&unit.service_id) != Some(&unit.to.image));
        if record.plan.units.is_empty() {
            return None;
        }
        record.change = new_change();
        record.extra.insert("by".to_owned(), identity::operator().into());
        let (change, group) = (record.change.clone(), record.plan.group.clone());
        Some(LocalEvent::new(now, &change, &group, LoggedEventKind::Seen { record: Box::new(record) }))
    });
    let fresh: Vec<LocalEvent> = fresh.collect();
    if fresh.is_empty() { Ok(()) } else { journal.append_all(&fresh).await }
}
