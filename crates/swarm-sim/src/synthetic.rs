//! Generated worlds of any size, for benchmarks.

use serde_json::json;

use super::world::World;
use super::world::images::Recipe;
use super::world::model::{Nanos, SECOND};

/// The size of a generated world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorldSize {
    pub services: u64,
    /// Number of nodes; the first three are managers.
    pub nodes: u64,
    /// Number of tasks over all services.
    pub tasks: u64,
}

/// Builds a world of the given size in which all tasks run.
pub fn world(size: WorldSize, now: Nanos) -> World {
    let mut world = World::new(1, now.saturating_sub(60 * SECOND));
    for node in 1..=size.nodes.max(1) {
        world.add_node(&format!("node-{node}"), node <= 3, "x86_64");
    }
    let registry = world.registries.entry("registry.example:5000".to_owned()).or_default();
    registry.insecure = true;
    for app in 0..20 {
        for minor in 0..10 {
            let salt = format!("{app}.{minor}");
            let recipe =
                Recipe { created: now.saturating_sub((10 - minor) * 86_400 * SECOND), salt, ..Recipe::default() };
            registry.push(&format!("apps/app-{app}"), &format!("1.{minor}.0"), &recipe);
        }
    }
    let each = size.tasks / size.services.max(1);
    let more = size.tasks % size.services.max(1);
    for nth in 0..size.services {
        let replicas = each + u64::from(nth < more);
        let image = format!("registry.example:5000/apps/app-{}:1.{}.0", nth % 20, nth % 10);
        let spec = json!({ "Name": format!("stack-{}_service-{nth}", nth / 10),
            "Labels": { "com.docker.stack.namespace": format!("stack-{}", nth / 10), "com.docker.stack.image": image },
            "TaskTemplate": { "ContainerSpec": { "Image": image, "Env": ["A=1", "B=2"],
                "Labels": { "com.docker.stack.namespace": format!("stack-{}", nth / 10) } },
                "Placement": { "Platforms": [{ "Architecture": "amd64", "OS": "linux" }] } },
            "Mode": { "Replicated": { "Replicas": replicas } },
            "UpdateConfig": { "Parallelism": 1, "FailureAction": "pause", "Monitor": 5_000_000_000_u64,
                "MaxFailureRatio": 0, "Order": "stop-first" } });
        let _ = world.create_service(&spec, None);
    }
    world.tick(now);
    world
}
