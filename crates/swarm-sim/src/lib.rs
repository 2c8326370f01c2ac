//! A simulated swarm and its registries, served over the same HTTP APIs as the real ones.
//!
//! The clients on top of it are the real code. The simulator uses none of the other crates: shared code would hide
//! its own mistakes. The state of the swarm is in [`world`], which is pure and has its own clock; [`engine_api`] and
//! [`registry_api`] serve it over HTTP; [`faults`] injects failures; [`scenario`] describes the initial state.
//!
//! The clock follows tokio's: while that is paused, a rollout of minutes takes no real time.

mod background_activity;
mod clock;
pub mod command;
mod demo;
mod engine_api;
mod faults;
mod http;
mod registry_api;
mod scenario;
mod serve;
mod synthetic;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};

pub use background_activity::keep_moving;
use clock::Clock;
pub use demo::{DemoCluster, HUB, demo_world};
pub use engine_api::answer_as_engine;
pub use faults::{Fault, Faults, Misbehaviour, PlannedFault, plan_fault};
pub use http::{HttpRequest, ResponseResult, full_body, respond};
pub use scenario::{Scenario, outside};
pub use serve::{ServedEndpoint, connect, listen_unix};
pub use world::images::{Behaviour, Manifest, OCI_INDEX, OCI_MANIFEST, Recipe, digest, reference};
pub use world::model::{Config, Nanos, Phase, Service};
pub use world::time::parse as parse_time;
pub use world::{ServiceUpdate, Spec, Store, World, edit_service};

/// A world with a running clock and its faults.
#[derive(Debug)]
pub struct Sim {
    state: Mutex<State>,
    clock: Clock,
    /// Sends the world's index on every change; event streams wait for it.
    moved: watch::Sender<u64>,
    wake: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    world: World,
    faults: Faults,
    /// The simulated time that the driver waits for.
    awaited: Option<Nanos>,
}

impl Sim {
    /// Starts the clock of a world, `scale` times as fast as tokio's. Call it within a tokio runtime.
    pub fn start(world: World, scale: f64) -> Arc<Self> {
        let clock = Clock::start(world.now(), scale);
        let (moved, _) = watch::channel(world.index());
        let state = Mutex::new(State { world, faults: Faults::default(), awaited: None });
        let sim = Arc::new(Self { state, clock, moved, wake: Arc::new(Notify::new()) });
        tokio::spawn(drive(Arc::downgrade(&sim)));
        sim
    }

    /// Advances the world to the current time and runs `act` on it.
    pub fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.with_faults(|world, _| act(world))
    }

    /// Advances the world to the current time and runs `act` on it and its faults.
    pub fn with_faults<T>(&self, act: impl FnOnce(&mut World, &mut Faults) -> T) -> T {
        let mut state = self.lock();
        let now = self.clock.now();
        let State { world, faults, awaited } = &mut *state;
        world.tick(now);
        faults::carry_out_due(world, faults);
        let told = act(world, faults);
        let (index, next) = (world.index(), world.next());
        let wakes = next != *awaited;
        *awaited = next;
        drop(state);
        self.moved.send_if_modified(|known| std::mem::replace(known, index) != index);
        if wakes {
            self.wake.notify_one();
        }
        told
    }

    /// Returns the tokio duration until the world's next timer; `None` if no timer is set.
    fn rest(&self) -> Option<Duration> {
        let next = self.with(|world| world.next());
        next.map(|next| self.clock.until(next))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a receiver that is notified of every change of the world.
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// Converts a duration of simulated time to tokio's time.
    pub fn span(&self, of_world: Nanos) -> Duration {
        self.clock.span(of_world)
    }
}

/// Fires the timers of a world when they are due, until the world is dropped.
async fn drive(sim: Weak<Sim>) {
    /// The longest sleep, after which the driver checks whether the world was dropped.
    const MOST: Duration = Duration::from_secs(3600);
    loop {
        let Some(held) = sim.upgrade() else { return };
        let rest = held.rest().unwrap_or(MOST).min(MOST);
        let woken = Arc::clone(&held.wake);
        drop(held);
        tokio::select! {
            () = woken.notified() => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
}
