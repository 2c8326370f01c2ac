//! Faults: from a scenario or at run time (`POST /sim/fault`), applied at once or at a later simulated time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::world::model::{Nanos, SECOND};
use super::world::{DelayedWrite, Refusal, World, edit_service};

/// A fault, or the end of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Fault {
    /// The daemon is down: open connections break and new ones are refused.
    DaemonGone,
    /// The daemon is up again.
    DaemonBack,
    /// Answers to matching paths stop in the middle of the body.
    Stall {
        /// Substring of the matching paths; empty ends the fault.
        path: String,
    },
    /// Loss of the manager quorum.
    QuorumLost,
    /// The manager quorum is restored.
    QuorumBack,
    /// Writes hang and then fail with 500; reads work.
    WritesHang {
        /// Seconds that a write hangs, in simulated time.
        #[serde(default = "twenty")]
        seconds: f64,
        /// Seconds from the failure until the write is applied after all; `None`: never.
        #[serde(default)]
        applied_after: Option<f64>,
        /// Number of writes affected; `None`: all.
        #[serde(default)]
        count: Option<u32>,
    },
    /// Writes work again.
    WritesFine,
    /// All open event streams end now.
    EventsCut,
    /// Event streams stay open but send nothing.
    EventsSilent,
    /// Event streams send again.
    EventsFine,
    /// A registry misbehaves, or recovers with `fine`.
    Registry {
        /// Name of the registry, `host[:port]`.
        host: String,
        /// Kind of misbehaviour.
        how: Misbehaviour,
        /// Seconds that an answer takes, for `slow`; 0: two seconds.
        #[serde(default)]
        seconds: f64,
    },
    /// A registry name does not resolve, for the engines and their nodes. A lookup takes until the DNS timeout; older
    /// engines block other lookups too.
    Unresolvable {
        /// Name of the registry.
        host: String,
    },
    /// A node loses its link (`down`), gets it back (`up`), or becomes `active`, `pause` or `drain`.
    Node {
        /// Name or id of the node.
        name: String,
        /// One of `down`, `up`, `active`, `pause`, `drain`.
        to: String,
    },
    /// Election of another manager as leader.
    Elect {
        /// Name or id of the new leader.
        node: String,
    },
    /// Another client changes a service.
    Meddle {
        /// Name or id of the service.
        service: String,
        /// The new image.
        #[serde(default)]
        image: Option<String>,
        /// A label to set, `key=value`.
        #[serde(default)]
        label: Option<String>,
        /// The number of updates to the service that pass first; the change is then made right before the next
        /// update. `None`: the change is made at once.
        #[serde(default)]
        before_write: Option<u32>,
    },
    /// The engine is a worker.
    Worker,
    /// The engine is not in a swarm.
    Inactive,
    /// The engine's swarm is locked.
    Locked,
    /// The engine is a manager of an unlocked swarm again.
    Manager,
}

fn twenty() -> f64 {
    20.0
}

/// A way in which a registry misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misbehaviour {
    /// Normal operation; ends the misbehaviour.
    Fine,
    /// Connections are refused.
    Down,
    /// Answers are delayed.
    Slow,
    /// Requests are accepted and never answered.
    Hang,
    /// Status 429 with `Retry-After`.
    Limited,
    /// Status 500.
    Broken,
    /// Answers are cut off in the body.
    Cut,
    /// Status 403.
    Denied,
}

/// A fault with the time at which it happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// Delay in seconds of simulated time; 0: at once.
    #[serde(default)]
    pub after: f64,
    #[serde(flatten)]
    pub fault: Fault,
}

/// The engine's role in the swarm when a fault overrides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwarmMembership {
    /// An active worker of the swarm.
    Worker,
    /// An engine outside of any swarm.
    Inactive,
    /// A manager of a locked swarm.
    Locked,
}

/// The active `writes-hang` fault.
#[derive(Clone, Copy, Debug)]
pub struct WriteFault {
    /// The time that a write hangs before it fails.
    pub hang: Nanos,
    /// The time from the failure until the write is applied after all; `None`: never.
    pub applied_after: Option<Nanos>,
    left: Option<u32>,
}

/// The faults that are active now.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    gone: bool,
    /// Substring of the paths whose answers stop in the middle; empty: none.
    pub stall: String,
    /// True while the managers have no quorum.
    pub quorum_lost: bool,
    writes: Option<WriteFault>,
    /// True while event streams send nothing.
    pub silent: bool,
    /// Counts how often event streams were cut.
    pub cuts: u64,
    /// Misbehaving registries by host, with the delay of a slow answer.
    pub registries: BTreeMap<String, (Misbehaviour, Nanos)>,
    /// The end of the running lookup of an unresolvable name, which blocks all others on older engines.
    pub blocked_until: Nanos,
    /// The engine's role, if a fault overrides it.
    pub part: Option<SwarmMembership>,
    meddlers: Vec<(u32, Fault)>,
}

/// Converts seconds to nanoseconds.
pub fn nanos(seconds: f64) -> Nanos {
    std::time::Duration::try_from_secs_f64(seconds).map_or(0, |span| Nanos::try_from(span.as_nanos()).unwrap_or(0))
}

impl Faults {
    /// Returns true while the daemon is down.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Counts the write that arrives now; returns how it fails, or `None` if it succeeds.
    pub fn write(&mut self) -> Option<WriteFault> {
        let writes = self.writes?;
        match &mut self.writes {
            Some(WriteFault { left: Some(left), .. }) if *left > 1 => *left -= 1,
            Some(WriteFault { left: Some(_), .. }) => self.writes = None,
            _ => {}
        }
        Some(writes)
    }

    /// Applies the external changes that are due before this update of the service.
    pub fn meddle(&mut self, world: &mut World, service: &str) {
        let mut due = Vec::new();
        self.meddlers.retain_mut(|(left, fault)| {
            let Fault::Meddle { service: meant, .. } = fault else { return false };
            let same = world.find_service(meant).ok().map(|found| &found.id)
                == world.find_service(service).ok().map(|found| &found.id);
            if same && *left == 0 {
                due.push(fault.clone());
                return false;
            }
            *left -= u32::from(same);
            true
        });
        for fault in due {
            let _ = apply(world, self, fault);
        }
    }
}

/// Schedules a fault, or applies it at once.
///
/// # Errors
/// Returns the refusal if the fault names an object that does not exist.
pub fn plan_fault(world: &mut World, faults: &mut Faults, planned: PlannedFault) -> Result<(), Refusal> {
    if planned.after > 0.0 {
        let text = serde_json::to_string(&planned.fault).unwrap_or_default();
        world.later(nanos(planned.after), text);
        return Ok(());
    }
    apply(world, faults, planned.fault)
}

/// Applies the scheduled faults and late writes that are due.
pub fn carry_out_due(world: &mut World, faults: &mut Faults) {
    for text in world.take_due() {
        if let Ok(fault) = serde_json::from_str(&text) {
            let _ = apply(world, faults, fault);
        } else if let Ok(write) = serde_json::from_str::<DelayedWrite>(&text) {
            let _ = write.carry_out(world);
        }
    }
}

fn apply(world: &mut World, faults: &mut Faults, fault: Fault) -> Result<(), Refusal> {
    match fault {
        Fault::DaemonGone => faults.gone = true,
        Fault::DaemonBack => faults.gone = false,
        Fault::Stall { path } => faults.stall = path,
        Fault::QuorumLost => faults.quorum_lost = true,
        Fault::QuorumBack => faults.quorum_lost = false,
        Fault::WritesHang { seconds, applied_after, count } => {
            let applied_after = applied_after.map(nanos);
            faults.writes = Some(WriteFault { hang: nanos(seconds), applied_after, left: count });
        }
        Fault::WritesFine => faults.writes = None,
        Fault::EventsCut => faults.cuts += 1,
        Fault::EventsSilent => faults.silent = true,
        Fault::EventsFine => faults.silent = false,
        Fault::Worker => faults.part = Some(SwarmMembership::Worker),
        Fault::Inactive => faults.part = Some(SwarmMembership::Inactive),
        Fault::Locked => faults.part = Some(SwarmMembership::Locked),
        Fault::Manager => faults.part = None,
        Fault::Registry { host, how, seconds } => registry(world, faults, host, how, seconds),
        Fault::Unresolvable { host } => {
            let name = host.split(':').next().unwrap_or_default();
            let why = format!(
                "dial tcp: lookup {name} on 10.255.255.53:53: read udp 10.77.0.11:36613->10.255.255.53:53: i/o timeout"
            );
            world.unreachable.insert(host, why);
        }
        Fault::Node { name, to } => set_node(world, &name, &to)?,
        Fault::Elect { node } => world.elect(&node)?,
        Fault::Meddle { before_write: Some(left), service, image, label } => {
            faults.meddlers.push((left, Fault::Meddle { service, image, label, before_write: None }));
        }
        Fault::Meddle { service, image, label, before_write: None } => {
            edit_service(world, &service, image.as_deref(), label.as_deref())?;
        }
    }
    world.touch();
    Ok(())
}

fn registry(world: &mut World, faults: &mut Faults, host: String, how: Misbehaviour, seconds: f64) {
    world.unreachable.remove(&host);
    let address = host.clone();
    match how {
        Misbehaviour::Fine => {
            faults.registries.remove(&host);
            return;
        }
        Misbehaviour::Down => {
            world.unreachable.insert(address.clone(), format!("dial tcp {address}: connect: connection refused"));
        }
        Misbehaviour::Limited => {
            world.unreachable.insert(address, "toomanyrequests: too many requests".to_owned());
        }
        Misbehaviour::Broken | Misbehaviour::Cut => {
            world.unreachable.insert(address, "received unexpected HTTP status: 500 Internal Server Error".to_owned());
        }
        Misbehaviour::Denied => {
            world.unreachable.insert(address, "denied: requested access to the resource is denied".to_owned());
        }
        Misbehaviour::Slow | Misbehaviour::Hang => {}
    }
    let span = if seconds > 0.0 { nanos(seconds) } else { 2 * SECOND };
    faults.registries.insert(host, (how, span));
}

/// Sets a node's link (`down`, `up`) or its availability.
pub(crate) fn set_node(world: &mut World, name: &str, to: &str) -> Result<(), Refusal> {
    match to {
        "down" => world.set_link(name, false),
        "up" => world.set_link(name, true),
        _ => {
            let node = world.find_node(name)?;
            let (version, id) = (node.index, node.id.to_string());
            let spec = serde_json::json!({ "Role": node.role, "Labels": node.labels, "Availability": to });
            world.update_node(&id, version, &Value::clone(&spec))
        }
    }
}
