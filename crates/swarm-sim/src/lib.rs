//! A simulated swarm and its registries, behind the same HTTP the real ones speak.
//!
//! Above it everything is the real code. It uses none of the other crates: shared code would hide its own
//! mistakes. What is true of a swarm is in [`world`], which is pure and has a clock of its own; [`engine_api`] and
//! [`registry_api`] speak for it; [`faults`] is what can go wrong between; [`scenario`] says what there is.
//!
//! Time is tokio's: under its paused clock a rollout of minutes takes no time at all.

mod clock;
pub mod command;
mod demo;
mod engine_api;
mod faults;
mod http;
mod quiet;
mod registry_api;
mod scenario;
mod serve;
mod synthetic;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use clock::Clock;
pub use demo::{DemoCluster, HUB, demo_world};
pub use engine_api::answer_as_engine;
pub use faults::{Fault, Faults, Misbehaviour, Planned, plan_fault};
pub use http::{Answer, Asked, full_body, respond};
pub use quiet::keep_moving;
pub use scenario::{Scenario, outside};
pub use serve::{Seat, connect, listen_unix};
pub use world::images::{Behaviour, Manifest, OCI_INDEX, OCI_MANIFEST, Recipe, digest, reference};
pub use world::model::{Config, Nanos, Phase, Service};
pub use world::time::parse as parse_time;
pub use world::{Change, Spec, Store, World, edit_service};

/// A world with its clock running.
#[derive(Debug)]
pub struct Sim {
    state: Mutex<State>,
    clock: Clock,
    /// The world's index: whoever follows events looks when it moves.
    moved: watch::Sender<u64>,
    wake: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    world: World,
    faults: Faults,
    /// The moment the driver waits for.
    awaited: Option<Nanos>,
}

impl Sim {
    /// Starts a world's clock, so many times as fast as tokio's; call it within a tokio runtime.
    pub fn start(world: World, scale: f64) -> Arc<Self> {
        let clock = Clock::start(world.now(), scale);
        let (moved, _) = watch::channel(world.index());
        let state = Mutex::new(State { world, faults: Faults::default(), awaited: None });
        let sim = Arc::new(Self { state, clock, moved, wake: Arc::new(Notify::new()) });
        tokio::spawn(drive(Arc::downgrade(&sim)));
        sim
    }

    /// Does something with the world as it is now.
    pub fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.with_faults(|world, _| act(world))
    }

    /// Does something with the world and with what goes wrong.
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

    /// How long until something happens by itself.
    fn rest(&self) -> Option<Duration> {
        let next = self.with(|world| world.next());
        next.map(|next| self.clock.until(next))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells when the world has changed.
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// A span of the world's time in tokio's.
    pub fn span(&self, of_world: Nanos) -> Duration {
        self.clock.span(of_world)
    }
}

/// Lets happen what is due, when it is due.
async fn drive(sim: Weak<Sim>) {
    /// It looks now and then whether the world is still wanted.
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
