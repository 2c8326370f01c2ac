//! The endpoints `/_ping`, `/version`, `/info` and `/swarm`, and minimal ones for containers and networks.

use std::sync::Arc;

use http::{Method, Response};
use serde_json::{Value, json};

use super::{EngineCall, HandlerResult, array};
use crate::Sim;
use crate::faults::{Faults, SwarmMembership};
use crate::http::{Body, full_body, respond};
use crate::world::model::{Network, Node, NodeState, State};
use crate::world::time::rfc3339;
use crate::world::{Refusal, World};

pub(super) const LOCKED: &str = "Swarm is encrypted and needs to be unlocked before it can be used. Please use \"docker \
                                 swarm unlock\" to unlock it.";
pub(super) const NO_LEADER: &str = "The swarm does not have a leader. It's possible that too few managers are online. \
                                    Make sure more than half of the managers are online.";

/// Returns the node whose engine answers: the named one, else the leader, else any manager.
pub(super) fn own<'a>(world: &'a World, call: &EngineCall) -> Option<&'a Node> {
    let named = call.node.as_deref().and_then(|name| world.find_node(name).ok());
    let leader = || world.nodes().find(|node| node.leader);
    named.or_else(leader).or_else(|| world.nodes().find(|node| node.role == "manager"))
}

pub(super) fn ping(sim: &Arc<Sim>, call: &EngineCall) -> Response<Body> {
    let (minor, part, worker) = sim.with_faults(|world, faults| {
        (world.engine.minor, faults.part, own(world, call).is_some_and(|node| node.role == "worker"))
    });
    let body = if call.asked.method == Method::HEAD { "" } else { "OK" };
    let mut response = respond(200, "text/plain; charset=utf-8", full_body(body));
    let headers = response.headers_mut();
    headers.insert("cache-control", http::HeaderValue::from_static("no-cache, no-store, must-revalidate"));
    headers.insert("pragma", http::HeaderValue::from_static("no-cache"));
    if minor >= 44 {
        let word = match part {
            Some(SwarmMembership::Inactive) => "inactive",
            Some(SwarmMembership::Locked) => "locked",
            Some(SwarmMembership::Worker) => "active/worker",
            None if worker => "active/worker",
            None => "active/manager",
        };
        headers.insert("swarm", http::HeaderValue::from_static(word));
    }
    response
}

pub(super) fn version(world: &World) -> String {
    let (engine, least) = (&world.engine, format!("1.{}", world.engine.least));
    let api = format!("1.{}", engine.minor);
    json!({ "Platform": { "Name": "" }, "Version": engine.version, "ApiVersion": api, "MinAPIVersion": least,
        "GitCommit": "5d6db84", "GoVersion": "go1.19.8", "Os": "linux", "Arch": "amd64",
        "KernelVersion": "6.1.0-18-amd64", "BuildTime": "2026-05-07T21:09:36.000000000+00:00",
        "Components": [{ "Name": "Engine", "Version": engine.version, "Details": { "ApiVersion": api, "Arch": "amd64",
            "BuildTime": "2026-05-07T21:09:36.000000000+00:00", "Experimental": "false", "GitCommit": "5d6db84",
            "GoVersion": "go1.19.8", "KernelVersion": "6.1.0-18-amd64", "MinAPIVersion": least, "Os": "linux" } }] })
    .to_string()
}

pub(super) fn info(world: &World, faults: &Faults, call: &EngineCall) -> String {
    let node = own(world, call);
    let name = node.map_or("", |node| node.hostname.as_str());
    let on_it = node.map_or(0, |node| node.tasks.len());
    let mut indexes = json!({ "docker.io": { "Name": "docker.io", "Mirrors": [], "Secure": true, "Official": true } });
    for (host, _) in world.registries.iter().filter(|(_, registry)| registry.insecure) {
        indexes[host] = json!({ "Name": host, "Mirrors": [], "Secure": false, "Official": false });
    }
    json!({ "ID": world.swarm.as_ref(), "Name": name, "Containers": on_it, "ContainersRunning": on_it,
        "ContainersPaused": 0, "ContainersStopped": 0, "Images": node.map_or(0, |node| node.images.len()),
        "Driver": "overlay2", "Plugins": { "Volume": ["local"], "Network": ["bridge", "host", "overlay"],
            "Authorization": null, "Log": ["json-file", "local"] },
        "SystemTime": rfc3339(world.now()), "LoggingDriver": "json-file", "CgroupDriver": "cgroupfs",
        "CgroupVersion": "1", "KernelVersion": "6.1.0-18-amd64", "OperatingSystem": "Debian GNU/Linux 12 (bookworm)",
        "OSVersion": "12", "OSType": "linux", "Architecture": node.map_or("x86_64", |node| node.architecture.as_str()),
        "IndexServerAddress": "https://index.docker.io/v1/", "NCPU": 8, "MemTotal": 64_u64 << 30,
        "RegistryConfig": { "AllowNondistributableArtifactsCIDRs": [], "AllowNondistributableArtifactsHostnames": [],
            "InsecureRegistryCIDRs": ["127.0.0.0/8"], "IndexConfigs": indexes, "Mirrors": [] },
        "DockerRootDir": "/var/lib/docker", "Labels": [], "ExperimentalBuild": false,
        "ServerVersion": world.engine.version, "Swarm": part(world, faults, node), "LiveRestoreEnabled": false,
        "SecurityOptions": ["name=seccomp,profile=default"], "Warnings": null })
    .to_string()
}

/// Returns the member `Swarm` of `/info`: the engine's role and state in the swarm.
fn part(world: &World, faults: &Faults, node: Option<&Node>) -> Value {
    let managers: Vec<Value> = world
        .nodes()
        .filter(|node| node.role == "manager")
        .map(|node| json!({ "NodeID": node.id.as_ref(), "Addr": format!("{}:2377", node.address) }))
        .collect();
    let id = node.map_or("", |node| node.id.as_ref());
    let address = node.map_or("", |node| node.address.as_str());
    let worker = node.is_some_and(|node| node.role == "worker");
    let state = |state: &str, error: &str| {
        json!({ "NodeID": "", "NodeAddr": "", "LocalNodeState": state, "ControlAvailable": false, "Error": error,
            "RemoteManagers": null })
    };
    match faults.part {
        Some(SwarmMembership::Inactive) => state("inactive", ""),
        Some(SwarmMembership::Locked) => state("locked", LOCKED),
        _ if worker || faults.part == Some(SwarmMembership::Worker) => {
            json!({ "NodeID": id, "NodeAddr": address, "LocalNodeState": "active", "ControlAvailable": false,
                "Error": "", "RemoteManagers": managers })
        }
        _ if faults.quorum_lost => {
            json!({ "NodeID": id, "NodeAddr": address, "LocalNodeState": "active", "ControlAvailable": true,
                "Error": format!("rpc error: code = Unknown desc = {NO_LEADER}"), "RemoteManagers": managers })
        }
        _ => {
            let count = managers.len();
            json!({ "NodeID": id, "NodeAddr": address, "LocalNodeState": "active", "ControlAvailable": true,
                "Error": "", "RemoteManagers": managers, "Nodes": world.nodes().count(), "Managers": count,
                "Cluster": cluster(world) })
        }
    }
}

fn cluster(world: &World) -> Value {
    let created = world.nodes().map(|node| node.created).min().unwrap_or(0);
    json!({ "ID": world.swarm.as_ref(), "Version": { "Index": 10 }, "CreatedAt": rfc3339(created),
        "UpdatedAt": rfc3339(created), "Spec": { "Name": "default", "Labels": {},
            "Orchestration": { "TaskHistoryRetentionLimit": 5 },
            "Raft": { "SnapshotInterval": 10000, "KeepOldSnapshots": 0, "LogEntriesForSlowFollowers": 500,
                "ElectionTick": 10, "HeartbeatTick": 1 },
            "Dispatcher": { "HeartbeatPeriod": 5_000_000_000_u64 },
            "CAConfig": { "NodeCertExpiry": 7_776_000_000_000_000_u64 }, "TaskDefaults": {},
            "EncryptionConfig": { "AutoLockManagers": false } },
        "TLSInfo": {}, "RootRotationInProgress": false, "DefaultAddrPool": null, "SubnetSize": 24, "DataPathPort": 4789 })
}

pub(super) fn swarm(world: &World) -> String {
    let mut cluster = cluster(world);
    cluster["JoinTokens"] = json!({ "Worker": "SWMTKN-1-sim-worker", "Manager": "SWMTKN-1-sim-manager" });
    cluster.to_string()
}

/// Lists the running containers of the node that answers.
pub(super) fn containers(world: &World, call: &EngineCall) -> String {
    let Some(node) = own(world, call).filter(|node| node.state != NodeState::Down) else { return "[]".to_owned() };
    let tasks = node.tasks.iter().filter_map(|id| world.find_task(id).ok());
    let all = tasks.filter(|task| task.state == State::Running).map(|task| {
        let service = world.find_service(&task.service).map_or("", |service| service.spec.name.as_str());
        let container = task.container.clone().unwrap_or_default();
        json!({ "Id": container.id, "Names": [format!("/{service}.{}", task.id)], "Image": task.spec.image,
            "ImageID": task.runs.as_deref().unwrap_or_default(), "Created": task.created / 1_000_000_000,
            "Labels": { "com.docker.swarm.node.id": node.id.as_ref(), "com.docker.swarm.service.name": service,
                "com.docker.swarm.service.id": task.service.as_ref(), "com.docker.swarm.task.id": task.id.as_ref() },
            "State": "running", "Status": "Up" })
        .to_string()
    });
    array(all)
}

fn network_value(network: &Network) -> Value {
    json!({ "Name": network.name, "Id": network.id.as_ref(), "Created": rfc3339(network.created), "Scope": "swarm",
        "Driver": network.driver, "EnableIPv6": false, "IPAM": { "Driver": "default", "Options": null, "Config": [] },
        "Internal": false, "Attachable": false, "Ingress": network.name == "ingress", "ConfigFrom": { "Network": "" },
        "ConfigOnly": false, "Containers": null, "Options": null, "Labels": {} })
}

pub(super) fn networks(world: &World) -> String {
    array(world.networks().map(|network| network_value(network).to_string()))
}

pub(super) fn network(world: &World, name: &str) -> HandlerResult {
    let found = world.networks().find(|network| network.name == name || network.id.as_ref() == name);
    let missing = || Refusal::new(404, format!("network {name} not found"));
    Ok((200, network_value(found.ok_or_else(missing)?).to_string()))
}
