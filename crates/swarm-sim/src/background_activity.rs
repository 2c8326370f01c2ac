//! Background activity in the demo clusters: small, harmless changes at intervals.
//!
//! A till gets its update from another operator, an agent is updated to its next version, a worker's task ends and is
//! replaced. The problems of the demo are never touched: they are for the user to find.

use std::sync::Arc;
use std::time::Duration;

use super::Sim;
use super::demo::HUB;
use super::scenario::pinned;
use super::world::{Rng, World, edit_service};

/// A small change in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    /// Another operator updates a service (name) to an image (repository, tag).
    Update(&'static str, &'static str, &'static str),
    /// A task of a service exits with code 0 and is replaced.
    Ends(&'static str),
}

use Activity::{Ends, Update};

/// The activity in `prod`: changes that happen once, then changes that repeat forever. Only
/// services with several tasks lose one.
const PROD: (&[Activity], &[Activity]) = (
    &[
        Ends("shop_worker"),
        Update("shop_agent", "metrics/agent", "0.5.1"),
        Ends("shop_cart"),
        Update("shop_web", "shop/web", "1.32.0"),
    ],
    &[Ends("shop_worker"), Ends("shop_proxy"), Ends("shop_worker"), Ends("shop_api")],
);

/// The activity in `edge`: the tills with an old version are updated to the version of the others.
const EDGE: (&[Activity], &[Activity]) = (
    &[
        Update("till-08", "shop/cart", "0.10.0"),
        Ends("metrics_store"),
        Update("till-09", "shop/cart", "0.10.0"),
        Update("metrics_agent", "metrics/agent", "0.5.1"),
        Update("till-10", "shop/cart", "0.10.0"),
    ],
    &[Ends("metrics_store")],
);

/// The background activity of a cluster; deterministic for a given seed.
#[derive(Debug)]
pub struct BackgroundActivity {
    dice: Rng,
    once: &'static [Activity],
    always: &'static [Activity],
    next: usize,
}

impl BackgroundActivity {
    /// Returns the activity of the demo cluster with this name.
    pub fn of(cluster: &str, seed: u64) -> Self {
        let (once, always) = if cluster == "edge" { EDGE } else { PROD };
        Self { dice: Rng::new(seed), once, always, next: 0 }
    }

    /// Returns the time until the next change: 20 to 60 seconds of simulated time.
    pub fn rest(&mut self) -> Duration {
        Duration::from_secs(20 + self.dice.roll() % 41)
    }

    /// Makes the next change; returns false if it failed.
    pub fn go_on(&mut self, world: &mut World) -> bool {
        let after = self.next.saturating_sub(self.once.len());
        let small = self.once.get(self.next).or_else(|| self.always.get(after % self.always.len().max(1)));
        self.next += 1;
        match small {
            Some(Update(service, repository, tag)) => {
                let image = pinned(world, &format!("{HUB}/{repository}:{tag}"));
                image.is_ok_and(|image| edit_service(world, service, Some(&image), None).is_ok())
            }
            Some(Ends(service)) => world.end_a_task(service),
            None => false,
        }
    }
}

/// Runs the background activity of a demo cluster until its simulation is dropped. Call it within a tokio runtime.
pub fn keep_moving(sim: &Arc<Sim>, cluster: &str) {
    let sim = Arc::downgrade(sim);
    let mut life = BackgroundActivity::of(cluster, u64::try_from(cluster.len()).unwrap_or(0));
    tokio::spawn(async move {
        loop {
            let Some(held) = sim.upgrade() else { return };
            let rest = held.span(u64::try_from(life.rest().as_nanos()).unwrap_or(u64::MAX));
            drop(held);
            tokio::time::sleep(rest).await;
            let Some(held) = sim.upgrade() else { return };
            held.with(|world| life.go_on(world));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo_world;
    use crate::world::model::{Phase, SECOND};

    /// Returns the services with too few running tasks and those with a paused update.
    fn trouble(world: &World) -> Vec<String> {
        let short = |service: &&crate::world::model::Service| {
            let (running, desired, _) = world.counts(service);
            let stands = service.update.as_ref().is_some_and(|update| update.phase == Phase::Paused);
            running < desired || stands
        };
        world.services().filter(short).map(|service| service.spec.name.clone()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn after_ten_minutes_things_happened_and_the_trouble_is_the_same() {
        for cluster in demo_world(1_795_000_000 * SECOND).unwrap() {
            let before = trouble(&cluster.world);
            let writes = cluster.world.index();
            let sim = Sim::start(cluster.world, 1.0);
            keep_moving(&sim, cluster.name);
            let mut longest = 0;
            let mut since = std::collections::BTreeMap::<String, u64>::new();
            for second in 0..600 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let now = sim.with(|world| trouble(world));
                since.retain(|name, _| now.contains(name));
                for name in now.into_iter().filter(|name| !before.contains(name)) {
                    longest = longest.max(second - *since.entry(name).or_insert(second));
                }
                sim.with(|world| assert!(before.iter().all(|name| world.find_service(name).is_ok())));
            }
            // Tasks that are being replaced at the end get time to start.
            tokio::time::sleep(Duration::from_secs(15)).await;
            assert!(longest <= 20, "{}: something was short for {longest} s", cluster.name);
            let after = sim.with(|world| (trouble(world), world.index()));
            assert_eq!(after.0, before, "{}", cluster.name);
            assert!(after.1 > writes + 50, "{}: several things happened", cluster.name);
        }
    }

    #[test]
    fn everything_it_does_can_be_done_and_is_the_same_each_time() {
        for at in 0..2 {
            let run = || {
                let mut cluster = demo_world(1_795_000_000 * SECOND).unwrap().remove(at);
                let mut life = BackgroundActivity::of(cluster.name, 7);
                let mut rests = Vec::new();
                for _ in 0..12 {
                    let rest = life.rest();
                    assert!((20..=60).contains(&rest.as_secs()));
                    cluster.world.tick(cluster.world.now() + u64::try_from(rest.as_nanos()).unwrap());
                    assert!(life.go_on(&mut cluster.world), "{} {}", cluster.name, life.next);
                    rests.push(rest);
                }
                (rests, cluster.world.index())
            };
            assert_eq!(run(), run());
        }
    }
}
