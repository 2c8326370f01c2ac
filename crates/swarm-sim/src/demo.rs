//! The demo clusters: realistic, with a few problems to find. Their scenarios are in `scenarios/`.

use super::scenario::Scenario;
use super::world::World;
use super::world::model::Nanos;

/// Host of the registry that all demo images come from.
pub const HUB: &str = "registry.demo.example";

const PROD: &str = include_str!("../scenarios/demo-prod.toml");
const EDGE: &str = include_str!("../scenarios/demo-edge.toml");
const REGISTRY: &str = include_str!("../scenarios/demo-registry.toml");

/// A demo cluster: `prod` or `edge`.
#[derive(Debug)]
pub struct DemoCluster {
    pub name: &'static str,
    pub world: World,
}

/// Builds the demo clusters at the given time. Their registries start with the same images.
///
/// # Errors
/// Returns a message if a built-in scenario is invalid.
pub fn demo_world(now: Nanos) -> Result<Vec<DemoCluster>, String> {
    let files = |name: &str| match name {
        "demo-registry.toml" => Ok(REGISTRY.to_owned()),
        _ => Err("it is not part of the demo".to_owned()),
    };
    let cluster = |(name, text)| {
        let (world, _) = Scenario::read_with(text, &files)?.world(now)?;
        Ok(DemoCluster { name, world })
    };
    [("prod", PROD), ("edge", EDGE)].into_iter().map(cluster).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;
    use crate::world::images::reference;
    use crate::world::model::{Phase, SECOND};

    fn image(repository: &str, tag: &str) -> String {
        format!("{HUB}/{repository}:{tag}")
    }

    #[test]
    fn something_is_wrong_when_you_arrive() {
        let clusters = demo_world(1_795_000_000 * SECOND).unwrap();
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

    /// Returns an image's manifest for its first platform, and the image configuration.
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

    /// Returns the base image digest recorded in an image's annotations, and the digest that the base tag has now.
    fn base_of(world: &World, text: &str) -> (String, String) {
        let found = world.registries[HUB].find(&reference(text).unwrap()).unwrap();
        let index: Value = serde_json::from_slice(&found.body).unwrap();
        let note = |key: &str| index["annotations"][format!("org.opencontainers.image.base.{key}")].as_str().unwrap();
        let now = world.registries[HUB].find(&reference(note("name")).unwrap()).unwrap().digest.to_string();
        (note("digest").to_owned(), now)
    }

    #[test]
    fn what_runs_is_in_the_registry_but_for_one_and_is_built_on_what_there_is_but_for_one() {
        let clusters = demo_world(1_795_000_000 * SECOND).unwrap();
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
        let clusters = demo_world(1_795_000_000 * SECOND).unwrap();
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

    #[test]
    fn the_files_make_the_same_clusters_as_what_is_built_in() {
        let now = 1_795_000_000 * SECOND;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        for cluster in demo_world(now).unwrap() {
            let text = std::fs::read_to_string(folder.join(format!("demo-{}.toml", cluster.name))).unwrap();
            let (world, faults) = Scenario::read_in(&folder, &text).unwrap().world(now).unwrap();
            let specs = |world: &World| world.services().map(|service| service.spec.value.clone()).collect::<Vec<_>>();
            assert_eq!((specs(&world), world.index()), (specs(&cluster.world), cluster.world.index()));
            assert_eq!(faults, []);
        }
    }
}
