//! The world a newcomer meets: believable, and something is wrong in it.
//!
//! Two clusters. `prod`: four nodes, three databases of pgEdge's, the stack `shop`, and what else runs there; on arrival
//! one db node has a pin that crashes, a tag has moved under a service, an image's base is outdated, a node is drained.
//! `edge`: three nodes, the stack `metrics`, and a rollout that is paused.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::world::World;
use super::world::images::{Config, Recipe};
use super::world::model::{Nanos, SECOND};
use super::world::services_change::edit;

const DAY: Nanos = 86_400 * SECOND;
/// The demo's registry.
pub const HUB: &str = "registry.demo.example";

/// A cluster of the demo.
#[derive(Debug)]
pub struct Cluster {
    /// Its name.
    pub name: &'static str,
    /// Its world.
    pub world: World,
}

/// The demo's clusters at this moment; their registries hold the same images.
pub fn demo_world(now: Nanos) -> Vec<Cluster> {
    vec![Cluster { name: "prod", world: prod(now) }, Cluster { name: "edge", world: edge(now) }]
}

/// Images: repository, tags with their ages in days, and what the last ones do.
const APPS: &[(&str, &[(&str, u64)])] = &[
    (
        "pgedge/pgedge-postgres",
        &[
            ("16.10-spock5.0.4-standard-1", 180),
            ("17.8-spock5.0.5-standard-1", 120),
            ("17.9-spock5.0.6-standard-1", 60),
            ("17.9-spock5.0.6-standard-2", 41),
            ("17.10-spock5.0.10-standard-1", 6),
            ("18.4-spock5.0.10-standard-1", 5),
        ],
    ),
    ("pgedge/mcp", &[("1.0.0", 40), ("1.1.0", 9)]),
    ("shop/web", &[("1.29.4", 70), ("1.30.2", 33), ("1.31.0", 12), ("1.32.0", 1)]),
    ("shop/api", &[("2.7.9", 50), ("2.8.0", 20), ("2.8.1", 3)]),
    ("shop/worker", &[("2.7.9", 50), ("2.8.0", 20), ("2.8.1", 3)]),
    ("shop/cart", &[("0.9.0", 45), ("0.10.0", 10)]),
    ("shop/mail", &[("3.2.1", 90), ("3.3.0", 14)]),
    ("shop/search", &[("5.1.0", 88), ("5.2.0", 18)]),
    ("base/redis", &[("7.2.4", 200), ("7.2.5", 30)]),
    ("base/nginx", &[("1.26.1", 150), ("1.27.0", 25)]),
    ("metrics/agent", &[("0.4.0", 60), ("0.5.0", 8), ("0.5.1", 2)]),
    ("metrics/store", &[("2.50.0", 99), ("2.51.0", 21)]),
    ("metrics/board", &[("11.0.0", 77), ("11.1.0", 15)]),
    ("tools/backup", &[("1.4.0", 61), ("1.5.0", 11)]),
    ("tools/cron", &[("1", 300)]),
];

fn image(repository: &str, tag: &str) -> String {
    format!("{HUB}/{repository}:{tag}")
}

fn registries(world: &mut World, now: Nanos) {
    let registry = world.registries.entry(HUB.to_owned()).or_default();
    registry.insecure = true;
    let base = |digest: &str| {
        BTreeMap::from([
            ("org.opencontainers.image.base.name".to_owned(), image("base/debian", "12")),
            ("org.opencontainers.image.base.digest".to_owned(), digest.to_owned()),
        ])
    };
    let debian = |salt: &str, age: u64| Recipe {
        created: now.saturating_sub(age * DAY),
        salt: salt.to_owned(),
        ..Recipe::default()
    };
    let old = registry.push("base/debian", "12", &debian("debian 12.5", 80));
    let new = registry.push("base/debian", "12", &debian("debian 12.6", 4));
    for (repository, tags) in APPS {
        for (tag, age) in *tags {
            let recipe = Recipe {
                created: now.saturating_sub(age * DAY),
                platforms: vec!["linux/amd64".to_owned(), "linux/arm64/v8".to_owned()],
                attestation: true,
                annotations: base(if *age > 4 { &old } else { &new }),
                config: Config {
                    labels: BTreeMap::from([("org.opencontainers.image.version".to_owned(), (*tag).to_owned())]),
                    ..Config::default()
                },
                salt: format!("{repository}:{tag}"),
                behaviour: if *repository == "tools/cron" { "chatty:7" } else { "sleep" }.to_owned(),
                ..Recipe::default()
            };
            registry.push(repository, tag, &recipe);
        }
    }
    let crashing = |salt: &str| Recipe {
        behaviour: "exit-after:2:1".to_owned(),
        created: now.saturating_sub(DAY),
        annotations: base(&old),
        salt: salt.to_owned(),
        ..Recipe::default()
    };
    registry.push("pgedge/pgedge-postgres", "17.10-spock5.0.10-debug-1", &crashing("debug"));
    registry.push("metrics/board", "11.2.0-rc1", &crashing("rc1"));
    let migrate = Recipe { behaviour: "oneshot".to_owned(), annotations: base(&new), ..Recipe::default() };
    registry.push("shop/migrate", "2.8.0", &migrate);
}

/// An image by its tag, with the digest that stands behind it.
pub(super) fn pinned(world: &World, repository: &str, tag: &str) -> String {
    let text = image(repository, tag);
    let found = super::world::images::reference(&text).and_then(|named| world.look(&named, None).ok());
    found.map_or(text.clone(), |manifest| format!("{text}@{}", manifest.digest))
}

fn create(world: &mut World, spec: &Value) {
    let made = world.create_service(spec, None);
    debug_assert!(made.is_ok(), "{made:?}");
}

/// An instance of a database on a node, as pgEdge's control plane makes it.
fn postgres(world: &mut World, database: &str, nth: usize, host: &str, tag: &str) {
    let node = world.find_node(host).map(|node| node.id.to_string()).unwrap_or_default();
    let instance = format!("{database}-n{nth}-{}", ["689qacsi", "9ptayhma", "ant97dj4"][(nth - 1) % 3]);
    let labels = json!({ "pgedge.component": "postgres", "pgedge.database.id": database,
        "pgedge.instance.id": instance, "pgedge.node.name": format!("n{nth}") });
    let spec = json!({ "Name": format!("postgres-{instance}"), "Labels": labels,
        "TaskTemplate": { "ContainerSpec": { "Image": pinned(world, "pgedge/pgedge-postgres", tag), "Labels": labels,
            "Env": ["PGUSER=postgres"], "StopSignal": "SIGTERM",
            "Mounts": [{ "Type": "bind", "Source": format!("/data/{instance}"), "Target": "/opt/pgedge/data" }] },
            "Placement": { "Constraints": [format!("node.id=={node}")] } },
        "Mode": { "Replicated": { "Replicas": 1 } } });
    create(world, &spec);
}

/// A service of a stack, or of none.
fn service(world: &mut World, name: &str, image: &str, replicas: u64) {
    let labels = match name.split_once('_') {
        Some((stack, _)) => json!({ "com.docker.stack.namespace": stack, "com.docker.stack.image": image }),
        None => json!({}),
    };
    let mode = if replicas == 0 { json!({ "Global": {} }) } else { json!({ "Replicated": { "Replicas": replicas } }) };
    let spec = json!({ "Name": name, "Labels": labels, "Mode": mode,
        "TaskTemplate": { "ContainerSpec": { "Image": image, "Labels": labels } },
        "UpdateConfig": { "Parallelism": 1, "FailureAction": "pause", "Monitor": 5 * SECOND, "MaxFailureRatio": 0,
            "Order": "stop-first" } });
    create(world, &spec);
}

fn cluster(seed: u64, begun: Nanos, nodes: &[(&str, bool, &str)]) -> World {
    let mut world = World::new(seed, begun);
    for (name, manager, architecture) in nodes {
        world.add_node(name, *manager, architecture);
    }
    world
}

fn prod(now: Nanos) -> World {
    let nodes =
        [("mgr-1", true, "x86_64"), ("mgr-2", true, "x86_64"), ("mgr-3", true, "x86_64"), ("wrk-1", false, "x86_64")];
    let mut world = cluster(7, now.saturating_sub(3 * DAY), &nodes);
    registries(&mut world, now);
    let current = "17.9-spock5.0.6-standard-2";
    for (database, tag) in [("storefront", current), ("ledger", current), ("tickets", "17.9-spock5.0.6-standard-1")] {
        for (nth, host) in ["mgr-1", "mgr-2", "mgr-3"].into_iter().enumerate() {
            postgres(&mut world, database, nth + 1, host, tag);
        }
        let mcp = pinned(&world, "pgedge/mcp", "1.0.0");
        let labels = json!({ "pgedge.component": "mcp", "pgedge.database.id": database });
        create(
            &mut world,
            &json!({ "Name": format!("{database}-mcp-689qacsi"), "Labels": labels,
            "TaskTemplate": { "ContainerSpec": { "Image": mcp } } }),
        );
    }
    for (name, repository, tag, replicas) in [
        ("shop_web", "shop/web", "1.31.0", 3),
        ("shop_api", "shop/api", "2.8.0", 2),
        ("shop_worker", "shop/worker", "2.8.0", 2),
        ("shop_cart", "shop/cart", "0.10.0", 2),
        ("shop_mail", "shop/mail", "3.3.0", 1),
        ("shop_search", "shop/search", "5.2.0", 1),
        ("shop_redis", "base/redis", "7.2.5", 1),
        ("shop_proxy", "base/nginx", "1.27.0", 2),
        ("shop_agent", "metrics/agent", "0.5.0", 0),
        ("backup", "tools/backup", "1.5.0", 1),
        ("cron-box", "tools/cron", "1", 1),
    ] {
        let image = pinned(&world, repository, tag);
        service(&mut world, name, &image, replicas);
    }
    // By its tag alone: what the tag moves to is what its next task runs.
    service(&mut world, "shop_docs", &image("shop/web", "1.30.2"), 2);
    let migrate = json!({ "Name": "shop_migrate", "Labels": { "com.docker.stack.namespace": "shop" },
        "TaskTemplate": { "ContainerSpec": { "Image": image("shop/migrate", "2.8.0") },
            "RestartPolicy": { "Condition": "none" } } });
    create(&mut world, &migrate);
    world.tick(now.saturating_sub(40 * 60 * SECOND));
    moved_tag(&mut world, now);
    drain(&mut world, "wrk-1");
    world.tick(now.saturating_sub(12 * 60 * SECOND));
    let bad = pinned(&world, "pgedge/pgedge-postgres", "17.10-spock5.0.10-debug-1");
    let _ = edit(&mut world, "postgres-storefront-n2-9ptayhma", Some(&bad), None);
    world.tick(now);
    world
}

/// Somebody pushed another image under a tag that runs.
fn moved_tag(world: &mut World, now: Nanos) {
    let recipe = Recipe {
        created: now.saturating_sub(3600 * SECOND),
        platforms: vec!["linux/amd64".to_owned(), "linux/arm64/v8".to_owned()],
        salt: "shop/web:1.30.2 again".to_owned(),
        ..Recipe::default()
    };
    if let Some(registry) = world.registries.get_mut(HUB) {
        registry.push("shop/web", "1.30.2", &recipe);
    }
}

fn drain(world: &mut World, name: &str) {
    let Ok(node) = world.find_node(name) else { return };
    let (version, id) = (node.index, node.id.to_string());
    let spec = json!({ "Role": node.role, "Labels": node.labels, "Availability": "drain" });
    let _ = world.update_node(&id, version, &spec);
}

fn edge(now: Nanos) -> World {
    let nodes = [("edge-1", true, "x86_64"), ("edge-2", false, "aarch64"), ("edge-3", false, "x86_64")];
    let mut world = cluster(8, now.saturating_sub(2 * DAY), &nodes);
    registries(&mut world, now);
    for (name, repository, tag, replicas) in [
        ("metrics_store", "metrics/store", "2.51.0", 2),
        ("metrics_board", "metrics/board", "11.1.0", 3),
        ("metrics_agent", "metrics/agent", "0.5.0", 0),
        ("metrics_proxy", "base/nginx", "1.27.0", 1),
        ("metrics_cache", "base/redis", "7.2.5", 1),
        ("relay", "shop/mail", "3.2.1", 1),
    ] {
        let image = pinned(&world, repository, tag);
        service(&mut world, name, &image, replicas);
    }
    for site in 1..=10 {
        let image = pinned(&world, "shop/cart", if site < 8 { "0.10.0" } else { "0.9.0" });
        service(&mut world, &format!("till-{site:02}"), &image, 1);
    }
    world.tick(now.saturating_sub(25 * 60 * SECOND));
    let next = pinned(&world, "metrics/board", "11.2.0-rc1");
    let _ = edit(&mut world, "metrics_board", Some(&next), None);
    world.tick(now);
    world
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::model::Phase;

    #[test]
    fn something_is_wrong_when_you_arrive() {
        let clusters = demo_world(1_795_000_000 * SECOND);
        let (prod, edge) = (&clusters[0].world, &clusters[1].world);
        assert_eq!(prod.nodes().count() + edge.nodes().count(), 7);
        assert_eq!(prod.services().count() + edge.services().count(), 41);
        let short: Vec<&str> = prod
            .services()
            .filter(|service| {
                let (running, desired, _) = prod.counts(service);
                running < desired
            })
            .map(|service| service.spec.name.as_str())
            .collect();
        assert_eq!(short, ["shop_migrate", "postgres-storefront-n2-9ptayhma"]);
        let bad = prod.find_service("postgres-storefront-n2-9ptayhma").unwrap();
        assert!(prod.tasks_of(&bad.id).any(|task| task.err == "task: non-zero exit (1)"));
        let board = edge.find_service("metrics_board").unwrap();
        assert_eq!(board.update.as_ref().unwrap().phase, Phase::Paused);
        assert_eq!(prod.find_node("wrk-1").unwrap().availability, "drain");
    }
}
