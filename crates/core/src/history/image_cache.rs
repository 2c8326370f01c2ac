//! Image caches of nodes: the nodes that a service's tasks may be placed on, and whether an image is known to
//! have run there. If so, the node has it cached, unless it was pruned.

use std::collections::BTreeMap;

use crate::history::had_its_image;
use crate::image::{Digest, digest_of};
use crate::journal::UnitState;
use crate::plan::CandidateNode;
use crate::sanitize::clean;
use crate::swarm::GroupKey;
use crate::swarm::{Service, Task, TaskState};
use crate::time::{Time, age};
use crate::world::World;

/// Returns the nodes on which tasks of a service can start now, sorted by host name, and for each whether the image is
/// known to have run there. Empty for an image without a digest, because the image that its tag named at that time is
/// unknown.
pub(crate) fn landings(world: &World, group: &GroupKey, service: &Service, image: &str) -> Vec<CandidateNode> {
    let Some(digest) = digest_of(image) else { return Vec::new() };
    let ran = ran_on(world, group, &digest);
    let all = world.candidates(service);
    // A node that is down or drained gets no task, unless there is no other.
    let takes = all.iter().copied().filter(|node| node.takes_tasks()).collect::<Vec<_>>();
    let mut nodes: Vec<CandidateNode> = if takes.is_empty() { all } else { takes }
        .into_iter()
        .map(|node| {
            let on = |task: &&Task| task.desired == TaskState::Running && task.node.as_ref() == Some(&node.id);
            let seen = ran.get(node.hostname.as_str());
            CandidateNode {
                node: node.hostname.clone(),
                tasks: world.tasks(&service.id).iter().filter(on).count() as u64,
                ran: seen.is_some(),
                until: seen.copied().flatten(),
            }
        })
        .collect();
    nodes.sort_by(|a, b| a.node.cmp(&b.node));
    nodes
}

/// Returns the host names on which an image with this digest is known to have run, in any service, each with
/// the time of its last run; `None` if it runs there now or the time is not known.
pub(crate) fn ran_on(world: &World, group: &GroupKey, digest: &Digest) -> BTreeMap<String, Option<Time>> {
    // Called for many tasks: comparing the end of the text is cheaper than parsing it.
    let is = |image: &str| image.ends_with(digest.as_str());
    let mut found: BTreeMap<String, Option<Time>> = BTreeMap::new();
    let mut note = |host: &str, until: Option<Time>| {
        let known = found.entry(host.to_owned()).or_insert(until);
        // An image that runs now has no end time.
        *known = known.zip(until).map(|(one, other)| one.max(other));
    };
    let now = world.heard.unwrap_or_default();
    for service in world.services.values() {
        let had = |task: &&Task| is(&task.image) && had_its_image(task, service, now);
        for task in world.tasks(&service.id).iter().filter(had) {
            let Some(node) = task.node.as_ref().and_then(|id| world.nodes.get(id)) else { continue };
            note(&node.hostname, if task.state == TaskState::Running { None } else { task.since });
        }
    }
    for entry in world.history(group).newest_first() {
        let Some(record) = &entry.record else { continue };
        for (at, unit) in record.plan.units.iter().enumerate() {
            // A record names the nodes as they were before the change. Only for a service with a single possible node
            // is that also where the new image ran.
            if is(&unit.to.image)
                && entry.unit_state(at) == UnitState::Done
                && is_bound(world, &unit.service_id, &unit.node)
            {
                note(&unit.node, entry.slot.labels.at.or(entry.slot.created));
            }
        }
    }
    for seen in world.history(group).sightings().filter(|seen| is(&seen.places.image)) {
        for host in seen.node.split(',') {
            note(host, seen.at);
        }
    }
    found.remove("");
    found
}

/// Returns whether this host is the only candidate node of a service.
fn is_bound(world: &World, service: &str, host: &str) -> bool {
    let candidates = world.services.get(service).map(|service| world.candidates(service)).unwrap_or_default();
    matches!(candidates.as_slice(), [node] if node.hostname == host)
}

/// Describes in one sentence on which of these nodes the image ran, and for which that is not known.
pub fn describe(lands: &[CandidateNode], now: Time) -> String {
    let until = |land: &CandidateNode| land.until.map_or(String::new(), |at| format!(" ({} ago)", age(now.since(at))));
    let names = |ran: bool| {
        let of = lands.iter().filter(move |land| land.ran == ran);
        of.map(|land| format!("{}{}", clean(&land.node), until(land))).collect::<Vec<_>>()
    };
    let (ran, not) = (names(true), names(false));
    let verb = if lands.len() == 1 { "starts on" } else { "may start on" };
    let mut parts = Vec::new();
    if !ran.is_empty() {
        parts.push(format!("{verb} {}: it ran there, so it is cached unless pruned", list(&ran)));
    }
    if !not.is_empty() {
        let verb = if parts.is_empty() { verb } else { "or on" };
        parts.push(format!("{verb} {}: not known to have run there", list(&not)));
    }
    parts.join("; ")
}

/// Joins the first names with commas, and adds the number of the remaining ones.
fn list(names: &[String]) -> String {
    const MOST: usize = 4;
    let more = names.len().saturating_sub(MOST);
    let first = names[..names.len() - more].join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::world::Observation;

    fn image(digit: &str) -> String {
        format!("r/web:1@sha256:{}", digit.repeat(64))
    }

    #[test]
    fn cached_where_it_ran() {
        let service = sample::service("web", &image("2"));
        let group = GroupKey::of(&service);
        let mut world = World::default();
        world.apply(Observation::Nodes(["a", "b", "c"].map(sample::node).to_vec()), sample::NOW);
        world.apply(Observation::Services(vec![service.clone()]), sample::NOW);
        let task = |id: &str, node: &str, digit: &str, state, ago| {
            let desired = if state == TaskState::Running { TaskState::Running } else { TaskState::Shutdown };
            Task { image: image(digit), desired, ..sample::task(id, &service, node, state, ago) }
        };
        let tasks = vec![
            task("1", "a", "1", TaskState::Shutdown, 600),
            task("2", "a", "2", TaskState::Running, 500),
            // Another tag of the same digest counts; a task that the node rejected does not.
            Task { image: image("1").replace(":1@", ":x@"), ..task("3", "b", "1", TaskState::Shutdown, 60) },
            task("4", "c", "1", TaskState::Rejected, 30),
        ];
        world.apply(Observation::Tasks { service: service.id.clone(), tasks }, sample::NOW);
        let lands = landings(&world, &group, &service, &image("1"));
        let seen: Vec<_> = lands.iter().map(|land| (land.node.as_str(), land.tasks, land.ran)).collect();
        assert_eq!(seen, [("a", 1, true), ("b", 0, true), ("c", 0, false)]);
        assert_eq!(
            describe(&lands, sample::NOW),
            "may start on a (10m ago), b (1m ago): it ran there, so it is cached unless pruned; or on c: not known to have run there"
        );
        assert_eq!(landings(&world, &group, &service, "r/web:1"), [], "a tag alone tells nothing");
        let mut one = service.clone();
        one.constraints = vec!["node.hostname==c".into()];
        let lands = landings(&world, &group, &one, &image("1"));
        assert_eq!(describe(&lands, sample::NOW), "starts on c: not known to have run there");
    }

    #[test]
    fn a_record_tells_the_node_of_what_can_be_in_one_place_only() {
        use crate::history::candidates::tests::{HistorySample, pinned};
        for (constraint, ran) in [("node.hostname==a", vec!["a".to_owned()]), ("node.role==manager", vec![])] {
            let mut tale = HistorySample::of("r/web:0");
            tale.service.constraints = vec![constraint.to_owned()];
            tale.seen();
            tale.change(10, &pinned("1"), UnitState::Done, None);
            let digest = digest_of(&pinned("1")).unwrap();
            let on: Vec<String> = ran_on(&tale.world, &tale.group, &digest).into_keys().collect();
            assert_eq!(on, ran, "{constraint}");
        }
    }
}
