//! The state shared by all connections of a sequence: the swarm, its monitor, and faults outside of the programs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use swarm_sim::{Fault as Plain, PlannedFault, ServiceUpdate, plan_fault};
use tokio::time::{Instant, sleep};

use super::super::Swarm;
use super::faulty_connection::Fault;
use super::monitor::{Cause, Judge};
use super::step::Step;

/// The shared state of a sequence.
pub(super) struct Stage {
    pub(super) swarm: Swarm,
    pub(super) judge: Mutex<Judge>,
    pub(super) met: Mutex<BTreeMap<(Fault, Step), u32>>,
    pub(super) closed: Mutex<Option<Instant>>,
    pub(super) under_way: AtomicUsize,
    began: Instant,
}

impl Stage {
    pub(super) fn new(swarm: Swarm) -> Arc<Self> {
        let stage = Self {
            swarm,
            judge: Mutex::default(),
            met: Mutex::default(),
            closed: Mutex::default(),
            under_way: AtomicUsize::new(0),
            began: Instant::now(),
        };
        stage.observe(Cause::Itself);
        Arc::new(stage)
    }

    pub(super) fn judge<T>(&self, act: impl FnOnce(&mut Judge) -> T) -> T {
        act(&mut self.judge.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn observe(&self, cause: Cause) {
        self.swarm.sim.with(|world| self.judge(|judge| judge.observe(world, cause)));
    }

    pub(super) fn tell(&self, text: &str) {
        let at = self.began.elapsed();
        self.judge(|judge| judge.story.push(format!("{:>8.2}  {text}", at.as_secs_f64())));
    }

    /// Returns true if no request is held or delayed.
    pub(super) fn is_quiet(&self) -> bool {
        self.under_way.load(Ordering::SeqCst) == 0
    }

    /// Returns the end of the time in which writes fail, if it is in the future.
    pub(super) fn closed(&self) -> Option<Instant> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).filter(|until| *until > Instant::now())
    }

    /// Changes a service, as a client other than pinnace.
    pub(super) fn meddle(&self, fault: Fault, pick: u64) {
        self.observe(Cause::Itself);
        self.swarm.sim.with(|world| {
            let name = ["shop_a", "shop_b", "shop_c"][usize::try_from(pick % 3).unwrap()];
            let Ok(found) = world.find_service(name) else { return };
            let (mut spec, version, id) = (found.spec.value.clone(), found.index, found.id.to_string());
            match fault {
                Fault::Image => {
                    let image = ["app:4", "app:2", "app:1"][usize::try_from(pick / 3 % 3).unwrap()];
                    spec["TaskTemplate"]["ContainerSpec"]["Image"] = Value::from(format!("r.example:5000/{image}"));
                }
                Fault::Label => spec["Labels"]["touched"] = Value::from(pick.to_string()),
                _ => spec["Mode"]["Replicated"]["Replicas"] = Value::from(pick % 4),
            }
            let _ = world.update_service(&id, ServiceUpdate { version, spec, ..ServiceUpdate::default() });
        });
        self.observe(Cause::Foreign);
        self.tell(&format!("somebody: {fault:?} {}", pick % 3));
    }

    /// Drains a node or cuts its link for some seconds.
    pub(super) fn node(self: &Arc<Self>, fault: Fault, pick: u64, seconds: u64) {
        let name = format!("node-{}", pick % 3 + 1);
        let (bad, good) = if fault == Fault::Drain { ("drain", "active") } else { ("down", "up") };
        self.fault(Plain::Node { name: name.clone(), to: bad.into() });
        self.tell(&format!("{name}: {bad}"));
        let stage = Arc::clone(self);
        tokio::spawn(async move {
            sleep(Duration::from_secs(seconds)).await;
            stage.fault(Plain::Node { name, to: good.into() });
        });
    }

    pub(super) fn elect(&self, pick: u64) {
        self.fault(Plain::Elect { node: format!("node-{}", pick % 3 + 1) });
    }

    fn fault(&self, fault: Plain) {
        let planned = PlannedFault { after: 0.0, fault };
        let _ = self.swarm.sim.with_faults(|world, faults| plan_fault(world, faults, planned));
        self.observe(Cause::Itself);
    }
}
