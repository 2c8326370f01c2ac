//! What goes wrong, by a scenario or at run time (`POST /sim/fault`), now or at a chosen moment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::world::model::{Nanos, SECOND};
use super::world::{Late, Refusal, World, edit_service};

/// Something that goes wrong, or is mended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Fault {
    /// The daemon is gone: connections break, and new ones are not taken.
    DaemonGone,
    /// It is there again.
    DaemonBack,
    /// An answer to a path that holds this text stops in the middle of its body.
    Stall {
        /// A part of the path; empty: none any more.
        path: String,
    },
    /// No majority of managers.
    QuorumLost,
    /// There is one again.
    QuorumBack,
    /// Writes hang, and then fail with 500; reads are fine.
    WritesHang {
        /// How long they hang, in seconds of the world's time.
        #[serde(default = "twenty")]
        seconds: f64,
        /// So long after it failed a write is carried out nevertheless.
        #[serde(default)]
        applied_after: Option<f64>,
        /// How many writes; none: all.
        #[serde(default)]
        count: Option<u32>,
    },
    /// They do not.
    WritesFine,
    /// Event streams end now.
    EventsCut,
    /// Event streams stay open and tell nothing.
    EventsSilent,
    /// They tell again.
    EventsFine,
    /// A registry misbehaves.
    Registry {
        /// Its name, `host[:port]`.
        host: String,
        /// How.
        how: Misbehaviour,
        /// For `slow`: how long an answer takes.
        #[serde(default)]
        seconds: f64,
    },
    /// A name does not resolve, for the engines and their nodes; who asks waits, and who asks of others too.
    Unresolvable {
        /// The registry's name.
        host: String,
    },
    /// A node is cut off (`down`), there again (`up`), or made `active`, `pause` or `drain`.
    Node {
        /// Its name or id.
        name: String,
        /// Which of those.
        to: String,
    },
    /// Another manager leads.
    Elect {
        /// Its name or id.
        node: String,
    },
    /// Somebody else changes a service.
    Meddle {
        /// Its name or id.
        service: String,
        /// Its new image.
        #[serde(default)]
        image: Option<String>,
        /// A label to set, `key=value`.
        #[serde(default)]
        label: Option<String>,
        /// So many writes of the service by its version are let pass first, and then it is done before the next one.
        #[serde(default)]
        before_write: Option<u32>,
    },
    /// The engine is no manager.
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

/// How a registry misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misbehaviour {
    /// It does not at all.
    Fine,
    /// Nobody listens.
    Down,
    /// It takes its time.
    Slow,
    /// It takes requests and never answers.
    Hang,
    /// 429, with `Retry-After`.
    Limited,
    /// 500.
    Broken,
    /// Answers are cut off.
    Cut,
    /// 403.
    Denied,
}

/// A fault at a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// After so many seconds of the world's time.
    #[serde(default)]
    pub after: f64,
    /// What.
    #[serde(flatten)]
    pub fault: Fault,
}

/// The engine's part in a swarm, where it is not what the world says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A worker.
    Worker,
    /// Not in a swarm.
    Inactive,
    /// In a locked one.
    Locked,
}

/// How writes fail.
#[derive(Clone, Copy, Debug)]
pub struct Writes {
    /// They hang so long.
    pub hang: Nanos,
    /// And are carried out so long after, if at all.
    pub applied_after: Option<Nanos>,
    left: Option<u32>,
}

/// What is wrong now.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    gone: bool,
    /// A part of the paths whose answers stop in the middle.
    pub stall: String,
    /// Whether there is no majority.
    pub quorum_lost: bool,
    writes: Option<Writes>,
    /// Whether event streams tell nothing.
    pub silent: bool,
    /// Counts how often event streams were cut.
    pub cuts: u64,
    /// How registries misbehave, and for how long an answer takes.
    pub registries: BTreeMap<String, (Misbehaviour, Nanos)>,
    /// Until when a look-up of a name that does not resolve holds up all others.
    pub blocked_until: Nanos,
    /// What the engine is.
    pub part: Option<Part>,
    meddlers: Vec<(u32, Fault)>,
}

/// Seconds of the world as nanoseconds.
pub fn nanos(seconds: f64) -> Nanos {
    std::time::Duration::try_from_secs_f64(seconds).map_or(0, |span| Nanos::try_from(span.as_nanos()).unwrap_or(0))
}

impl Faults {
    /// Whether the daemon is gone.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// How the write that comes now fails, if it does.
    pub fn write(&mut self) -> Option<Writes> {
        let writes = self.writes?;
        match &mut self.writes {
            Some(Writes { left: Some(left), .. }) if *left > 1 => *left -= 1,
            Some(Writes { left: Some(_), .. }) => self.writes = None,
            _ => {}
        }
        Some(writes)
    }

    /// Somebody else is quicker than the write of a service that comes now.
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

/// Plans a fault, or carries it out at once.
///
/// # Errors
/// When it names what is not there.
pub fn plan_fault(world: &mut World, faults: &mut Faults, planned: Planned) -> Result<(), Refusal> {
    if planned.after > 0.0 {
        let text = serde_json::to_string(&planned.fault).unwrap_or_default();
        world.later(nanos(planned.after), text);
        return Ok(());
    }
    apply(world, faults, planned.fault)
}

/// Carries out what was planned for now.
pub fn carry_out_due(world: &mut World, faults: &mut Faults) {
    for text in world.take_due() {
        if let Ok(fault) = serde_json::from_str(&text) {
            let _ = apply(world, faults, fault);
        } else if let Ok(write) = serde_json::from_str::<Late>(&text) {
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
            faults.writes = Some(Writes { hang: nanos(seconds), applied_after, left: count });
        }
        Fault::WritesFine => faults.writes = None,
        Fault::EventsCut => faults.cuts += 1,
        Fault::EventsSilent => faults.silent = true,
        Fault::EventsFine => faults.silent = false,
        Fault::Worker => faults.part = Some(Part::Worker),
        Fault::Inactive => faults.part = Some(Part::Inactive),
        Fault::Locked => faults.part = Some(Part::Locked),
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
