//! The command line: its options, and a server that runs until SIGTERM or SIGINT.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::Sim;
use super::faults::{PlannedFault, plan_fault};
use super::scenario::{Scenario, outside};
use super::serve::{ServedEndpoint, listen_tcp, listen_unix};
use super::synthetic::{WorldSize, world};
use super::world::World;

/// The hint shown with every scenario error.
const MEND: &str = "mend the scenario";

/// The world to simulate, and the addresses to serve it on.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Path of the unix socket that the engine listens on
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// Address that the registry listens on
    #[arg(long, value_name = "ADDR")]
    pub registry: Option<String>,
    /// TOML file that describes the world and its faults
    #[arg(long, value_name = "FILE", conflicts_with_all = ["services", "nodes", "tasks"])]
    pub scenario: Option<PathBuf>,
    /// Number of services, without a scenario
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub services: u64,
    /// Number of nodes, without a scenario
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub nodes: u64,
    /// Number of tasks over all services, without a scenario
    #[arg(long, value_name = "N")]
    pub tasks: Option<u64>,
    /// Speed of the simulated clock relative to real time
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub time_scale: f64,
}

/// An error that keeps the simulator from starting: a bad scenario or address. The exit code is 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError {
    /// The cause and its subject.
    pub message: String,
    /// The next step, in the imperative.
    pub hint: String,
}

impl std::fmt::Display for CommandError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CommandError {}

fn error(message: impl Into<String>, hint: &str) -> CommandError {
    CommandError { message: message.into(), hint: hint.to_owned() }
}

/// Serves a world until SIGTERM or SIGINT, and prints the addresses to standard output.
///
/// # Errors
/// Returns an error if the scenario is invalid or an address cannot be listened on.
pub async fn run(options: &Options) -> Result<(), CommandError> {
    let began = Instant::now();
    let (made, planned) = made(options)?;
    let registries: Vec<String> = made.registries.keys().cloned().collect();
    let sim = Sim::start(made, options.time_scale);
    for fault in planned {
        let done = sim.with_faults(|world, faults| plan_fault(world, faults, fault));
        done.map_err(|refusal| error(format!("the scenario: {}", refusal.message), MEND))?;
    }
    let cannot = |place: &str, why: &std::io::Error| {
        error(format!("cannot listen at {place}: {why}"), "name another place with --socket or --registry")
    };
    let socket = options.socket.display().to_string();
    listen_unix(Arc::clone(&sim), ServedEndpoint::Engine(None), &options.socket)
        .map_err(|why| cannot(&socket, &why))?;
    print(&format!("engine unix://{socket}"));
    if let Some(address) = &options.registry {
        let only = registries.first().filter(|_| registries.len() == 1).cloned();
        let listening = listen_tcp(Arc::clone(&sim), ServedEndpoint::Registry(only), address).await;
        let (at, _) = listening.map_err(|why| cannot(address, &why))?;
        print(&format!("registry {at} for {}", registries.join(", ")));
    }
    print(&format!("ready after {} ms", began.elapsed().as_millis()));
    signalled().await;
    let _ = std::fs::remove_file(&options.socket);
    Ok(())
}

/// Builds the world that the options describe; returns it with the faults still to be scheduled.
fn made(options: &Options) -> Result<(World, Vec<PlannedFault>), CommandError> {
    let Some(path) = &options.scenario else {
        let tasks = options.tasks.unwrap_or(options.services);
        return Ok((
            world(WorldSize { services: options.services, nodes: options.nodes, tasks }, outside()),
            Vec::new(),
        ));
    };
    let text = std::fs::read_to_string(path)
        .map_err(|why| error(format!("cannot read {}: {why}", path.display()), "name a TOML file"))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let scenario = Scenario::read_in(folder, &text).and_then(|scenario| scenario.world(outside()));
    scenario.map_err(|why| error(why, MEND))
}

/// Prints a line. A closed pipe is ignored: the simulator keeps running.
fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

async fn signalled() {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        std::future::pending::<()>().await;
        return;
    };
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
}
