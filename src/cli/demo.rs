//! `pinnace demo`: the console on a simulated swarm in this process. On this machine it uses only a
//! temporary folder, which is deleted at its end.

use std::path::Path;
use std::sync::Arc;

use super::args::CommonArgs;
use super::session::{Failure, usage};
use super::{Exit, settings};
use crate::console::{ConsoleCluster, ConsoleSetup};
use pinnace_engine::cluster::Cluster;
use pinnace_engine::credentials::CredentialStore;
use pinnace_engine::docker::{Docker, Endpoint, EngineAddress};
use pinnace_engine::registry::{
    ConnectionPolicy, RegistryClient, RegistryConnectError, RegistryLimits, RegistryTransport,
};
use pinnace_engine::versions::VersionManifestLoader;
use pinnace_tui::state::WriteProtection;
use swarm_sim::{HUB, ServedEndpoint, Sim, connect, demo_world, keep_moving, outside};

/// The prefix of the demo's temporary folders; the process id follows it.
const FOLDER: &str = "pinnace-demo-";

/// Opens the console on the demo's clusters.
pub async fn run(common: &CommonArgs) -> Result<Exit, Failure> {
    sweep(&std::env::temp_dir());
    let folder =
        tempfile::Builder::new().prefix(&format!("{FOLDER}{}-", std::process::id())).tempdir().map_err(|error| {
            usage(format!("cannot create a temporary folder: {error}"), "set TMPDIR to a writable folder")
        })?;
    let guard = if common.read_only { WriteProtection::ReadOnly } else { WriteProtection::None };
    let mut clusters = Vec::new();
    for demo in demo_world(outside()).map_err(|why| usage(why, "report this"))? {
        let sim = Sim::start(demo.world, 1.0);
        keep_moving(&sim, demo.name);
        let cluster = cluster(demo.name, &sim, common.read_only)?;
        clusters.push(ConsoleCluster { name: demo.name.to_owned(), cluster, guard });
    }
    let (config, warnings) = settings(common);
    let parts =
        ConsoleSetup { clusters, state: Some(folder.path().to_owned()), config, warnings, offset: super::offset() };
    let shown = crate::console::demo(parts).await;
    shown.map(|()| Exit::Done).map_err(|error| usage(error.to_string(), "run the demo in a terminal"))
}

/// Creates the handle of a simulated swarm and its registries, over connections within the process.
fn cluster(name: &str, sim: &Arc<Sim>, read_only: bool) -> Result<Cluster, Failure> {
    let (engine, registry) = (Arc::clone(sim), Arc::clone(sim));
    let host = EngineAddress::Memory(Arc::new(move |_| connect(&engine, ServedEndpoint::Engine(None))));
    let docker = Docker::new(Endpoint { name: name.to_owned(), host }, read_only)?;
    let dial = RegistryTransport::Memory(Arc::new(move |uri| {
        let name = uri.authority().map(ToString::to_string).unwrap_or_default();
        connect(&registry, ServedEndpoint::Registry(Some(name.clone()))).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => RegistryConnectError::NoName(name),
            _ => RegistryConnectError::Refused(name, error.to_string()),
        })
    }));
    let policy =
        ConnectionPolicy { insecure: Vec::new(), limits: RegistryLimits::default(), user_agent: String::new() };
    // The demo's registry holds the images of the built-in version manifest.
    let versions = VersionManifestLoader::built_in(&format!("{HUB}/pgedge"));
    Ok(Cluster::over(docker, RegistryClient::over(dial, policy, CredentialStore::default())).with_versions(versions))
}

/// Removes the temporary folders of demos that were killed.
fn sweep(temporary: &Path) {
    let entries = std::fs::read_dir(temporary).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if is_left_over(&path) {
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

fn is_left_over(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let pid = name.strip_prefix(FOLDER).and_then(|rest| rest.split('-').next()?.parse::<i32>().ok());
    let pid = pid.and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_demo_left_is_swept() {
        let temporary = tempfile::tempdir().unwrap();
        let make = |name: String| {
            let path = temporary.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        };
        let (gone, mine) = (make(format!("{FOLDER}2147483000-a")), make(format!("{FOLDER}{}-b", std::process::id())));
        let other = make("pinnace-other".to_owned());
        sweep(temporary.path());
        assert!(!gone.exists() && mine.exists() && other.exists());
    }
}
