//! The world a newcomer meets: believable, and something is wrong in it.
//!
//! Two clusters. `prod`: four nodes, three databases of pgEdge's, the stack `shop`, and what else runs there; on arrival
//! one db node has a pin that crashes, a tag has moved under a service, an image's base is outdated, an image that runs
//! is gone from its registry, a node is drained.
//! `edge`: three nodes, the stack `metrics`, and a rollout that is paused.

mod images;

use serde_json::{Value, json};

use super::world::World;
use super::world::images::Registries;
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
    let registries = images::registries(now);
    let (prod, edge) = (prod(now, registries.clone()), edge(now, registries));
    vec![Cluster { name: "prod", world: prod }, Cluster { name: "edge", world: edge }]
}

fn image(repository: &str, tag: &str) -> String {
    format!("{HUB}/{repository}:{tag}")
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

fn prod(now: Nanos, registries: Registries) -> World {
    let nodes =
        [("mgr-1", true, "x86_64"), ("mgr-2", true, "x86_64"), ("mgr-3", true, "x86_64"), ("wrk-1", false, "x86_64")];
    let mut world = cluster(7, now.saturating_sub(3 * DAY), &nodes);
    world.registries = registries;
    let current = "17.9-spock5.0.6-standard-2";
    for (database, tag) in [("storefront", current), ("ledger", current), ("tickets", "17.9-spock5.0.6-standard-1")] {
        for (nth, host) in ["mgr-1", "mgr-2", "mgr-3"].into_iter().enumerate() {
            postgres(&mut world, database, nth + 1, host, tag);
        }
        let mcp = pinned(&world, "pgedge/postgres-mcp", "1.0.0");
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
        ("shop_docs", "shop/web", "1.30.2", 2),
        ("shop_agent", "metrics/agent", "0.5.0", 0),
        ("backup", "tools/backup", "1.5.0", 1),
        ("cron-box", "tools/cron", "1", 1),
    ] {
        let image = pinned(&world, repository, tag);
        service(&mut world, name, &image, replicas);
    }
    let migrate = json!({ "Name": "shop_migrate", "Labels": { "com.docker.stack.namespace": "shop" },
        "TaskTemplate": { "ContainerSpec": { "Image": image("shop/migrate", "2.8.0") },
            "RestartPolicy": { "Condition": "none" } } });
    create(&mut world, &migrate);
    world.tick(now.saturating_sub(40 * 60 * SECOND));
    images::moved_tag(&mut world.registries, now);
    images::cleaned_up(&mut world.registries);
    drain(&mut world, "wrk-1");
    world.tick(now.saturating_sub(12 * 60 * SECOND));
    let bad = pinned(&world, "pgedge/pgedge-postgres", "17.10-spock5.0.10-debug-1");
    let _ = edit(&mut world, "postgres-storefront-n2-9ptayhma", Some(&bad), None);
    world.tick(now);
    world
}

fn drain(world: &mut World, name: &str) {
    let Ok(node) = world.find_node(name) else { return };
    let (version, id) = (node.index, node.id.to_string());
    let spec = json!({ "Role": node.role, "Labels": node.labels, "Availability": "drain" });
    let _ = world.update_node(&id, version, &spec);
}

fn edge(now: Nanos, registries: Registries) -> World {
    let nodes = [("edge-1", true, "x86_64"), ("edge-2", false, "aarch64"), ("edge-3", false, "x86_64")];
    let mut world = cluster(8, now.saturating_sub(2 * DAY), &nodes);
    world.registries = registries;
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
    use crate::world::images::reference;
    use crate::world::model::Phase;

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

    /// An image's manifest for the first of its platforms, and its configuration.
    fn parts_of(world: &World, text: &str) -> (Value, Value) {
        let named = reference(text).unwrap();
        let repository = &world.registries[HUB].repositories[&named.repository];
        let found = world.registries[HUB].find(&named).unwrap();
        let mut manifest: Value = serde_json::from_slice(&found.body).unwrap();
        if let Some(child) = manifest["manifests"][0]["digest"].as_str() {
            manifest = serde_json::from_slice(&repository.manifests[child].body).unwrap();
        }
        let config = &repository.blobs[manifest["config"]["digest"].as_str().unwrap()];
        (manifest, serde_json::from_slice(config).unwrap())
    }

    /// What an index says its image is built on, and the digest that has now.
    fn base_of(world: &World, text: &str) -> (String, String) {
        let found = world.registries[HUB].find(&reference(text).unwrap()).unwrap();
        let index: Value = serde_json::from_slice(&found.body).unwrap();
        let note = |key: &str| index["annotations"][format!("org.opencontainers.image.base.{key}")].as_str().unwrap();
        let now = world.registries[HUB].find(&reference(note("name")).unwrap()).unwrap().digest.to_string();
        (note("digest").to_owned(), now)
    }

    #[test]
    fn what_runs_is_in_the_registry_but_for_one_and_is_built_on_what_there_is_but_for_one() {
        let clusters = demo_world(1_795_000_000 * SECOND);
        let (mut gone, mut outdated) = (Vec::new(), Vec::new());
        for world in clusters.iter().map(|cluster| &cluster.world) {
            for service in world.services() {
                let image = &service.spec.image;
                let name = service.spec.name.clone();
                if world.registries[HUB].find(&reference(image).unwrap()).is_none() {
                    gone.push(name);
                    continue;
                }
                let (built_on, now) = base_of(world, image);
                outdated.extend((built_on != now).then_some(name));
            }
        }
        assert_eq!(gone, ["backup"]);
        outdated.sort();
        assert_eq!(outdated, ["metrics_proxy", "shop_proxy"]);
        let world = &clusters[0].world;
        let (built_on, now) = base_of(world, &image("base/nginx", "1.27.1"));
        assert_eq!(built_on, now, "and there is one that is up to date");
    }

    #[test]
    fn images_say_what_they_are() {
        let clusters = demo_world(1_795_000_000 * SECOND);
        let world = &clusters[0].world;
        let (manifest, config) = parts_of(world, &image("pgedge/pgedge-postgres", "17.9-spock5.0.6-standard-2"));
        let size: u64 =
            manifest["layers"].as_array().unwrap().iter().map(|layer| layer["size"].as_u64().unwrap()).sum();
        assert!((400_000_000..500_000_000).contains(&size), "{size}");
        assert_eq!((&config["config"]["User"], &config["config"]["Cmd"][0]), (&json!("26"), &json!("postgres")));
        for key in ["title", "version", "source", "created", "revision"] {
            let label = &config["config"]["Labels"][format!("org.opencontainers.image.{key}")];
            assert!(label.as_str().is_some_and(|label| !label.is_empty()), "{key}");
        }
        let (manifest, config) = parts_of(world, &image("pgedge/pg_trickle-ext", "0.2.0"));
        assert_eq!((&config["config"]["Cmd"], &config["config"]["Entrypoint"]), (&Value::Null, &Value::Null));
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
        let tags = &world.registries[HUB].repositories["ops/patroni-postgres"].tags;
        let names: Vec<&str> = tags.keys().map(String::as_str).collect();
        assert_eq!(names.iter().filter(|tag| tag.starts_with("16")).count(), 5, "{names:?}");
        assert_eq!(tags["16"], tags["16-b81e07a"]);
    }
}
