use super::*;
use crate::journal::sightings;
use crate::sample::{NOW, node, service};
use crate::world::Observation;

const SETTLED: Duration = Duration::from_secs(10);

fn world(services: Vec<Service>) -> World {
    let mut world = World::default();
    world.apply(Observation::Nodes(vec![node("a")]), NOW);
    world.apply(Observation::Services(services), NOW);
    world
}

fn images(world: &World, group: &GroupKey) -> (Vec<String>, Vec<String>) {
    let (found, others) = fresh(world, group, NOW, SETTLED, "ann");
    (found.into_iter().map(|one| one.places.image).collect(), others)
}

#[test]
fn a_sighting_survives_its_record() {
    let mut web = service("web", "r/web:1@sha256:0000000000000000000000000000000000000000000000000000000000000001");
    web.places.platforms.value = Some(serde_json::json!([{"Architecture": "x86_64", "OS": "linux"}]));
    let group = GroupKey::of(&web);
    let world = world(vec![web]);
    let (found, _) = fresh(&world, &group, NOW, SETTLED, "ann");
    assert_eq!((found.len(), found[0].digest.is_some(), found[0].by.as_str()), (1, true, "ann"));
    let text = serde_json::to_string(&record("id1", &group, &world, &found)).unwrap();
    let read = sightings(&serde_json::from_str(&text).unwrap());
    assert_eq!(read, [ExternalDeploy { record: "id1".into(), ..found[0].clone() }]);
    let mut newer: ChangeRecord = serde_json::from_str(&text).unwrap();
    newer.v = 2;
    assert!(sightings(&newer).is_empty());
}

#[test]
fn only_what_is_stable_and_not_known() {
    let web = service("web", "r/web:1");
    let group = GroupKey::of(&web);
    assert_eq!(images(&world(vec![web.clone()]), &group), (vec!["r/web:1".to_owned()], vec![]));
    let mut young = web.clone();
    young.updated = Some(Time(NOW.0 - 9_000));
    assert_eq!(images(&world(vec![young]), &group), (vec![], vec!["web".to_owned()]));
    let mut ill = web.clone();
    ill.running = Some(0);
    assert_eq!(images(&world(vec![ill]), &group), (vec![], vec!["web".to_owned()]));

    let mut world = world(vec![web.clone()]);
    let mut see = |image: &str, at: i64, record: &str| {
        let seen =
            ExternalDeploy { record: record.into(), ..sighting(&world, &service("web", image), Time(at), "ann") };
        let mut all: Vec<ExternalDeploy> = world.history(&group).sightings().cloned().collect();
        all.push(seen);
        world.apply(Observation::Sightings { group: group.clone(), sightings: all }, NOW);
        (images(&world, &group).0.len(), world.history(&group).sightings().next().unwrap().record.clone())
    };
    assert_eq!(see("r/web:1", 1000, "s1"), (0, "s1".into()), "it is known");
    assert_eq!(see("r/web:2", 2000, "s2"), (1, "s2".into()), "another was seen since: it came back");
    assert_eq!(see("r/web:0", 500, "s0"), (1, "s2".into()), "newest first");
}
