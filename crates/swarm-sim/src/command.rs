//! The command line: options, and serving a world until a signal ends it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::Sim;
use super::faults::{Planned, plan_fault};
use super::scenario::{Scenario, outside};
use super::serve::{Seat, listen_tcp, listen_unix};
use super::synthetic::{Size, world};
use super::world::World;

/// The hint of everything that is wrong with a scenario.
const MEND: &str = "mend the scenario";

/// The simulated world, and the places where it is served.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The socket the engine listens at
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// The address the registry listens at
    #[arg(long, value_name = "ADDR")]
    pub registry: Option<String>,
    /// What there is, and what goes wrong
    #[arg(long, value_name = "FILE", conflicts_with_all = ["services", "nodes", "tasks"])]
    pub scenario: Option<PathBuf>,
    /// Without a scenario: how many services
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub services: u64,
    /// Without a scenario: how many nodes
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub nodes: u64,
    /// Without a scenario: how many tasks, over all services
    #[arg(long, value_name = "N")]
    pub tasks: Option<u64>,
    /// How many times as fast as the clock everything happens
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub time_scale: f64,
}

/// The reason why nothing is served. The command line that was given makes no sense here: the exit code is 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError {
    /// The cause, and what it is about.
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

/// Serves a world until SIGTERM or SIGINT, and prints to the standard output where it listens.
///
/// # Errors
/// With what is wrong with the scenario, or the place where it cannot listen.
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
    listen_unix(Arc::clone(&sim), Seat::Engine(None), &options.socket).map_err(|why| cannot(&socket, &why))?;
    print(&format!("engine unix://{socket}"));
    if let Some(address) = &options.registry {
        let only = registries.first().filter(|_| registries.len() == 1).cloned();
        let listening = listen_tcp(Arc::clone(&sim), Seat::Registry(only), address).await;
        let (at, _) = listening.map_err(|why| cannot(address, &why))?;
        print(&format!("registry {at} for {}", registries.join(", ")));
    }
    print(&format!("ready after {} ms", began.elapsed().as_millis()));
    signalled().await;
    let _ = std::fs::remove_file(&options.socket);
    Ok(())
}

/// The world that the options name, with the faults planned for it.
fn made(options: &Options) -> Result<(World, Vec<Planned>), CommandError> {
    let Some(path) = &options.scenario else {
        let tasks = options.tasks.unwrap_or(options.services);
        return Ok((world(Size { services: options.services, nodes: options.nodes, tasks }, outside()), Vec::new()));
    };
    let text = std::fs::read_to_string(path)
        .map_err(|why| error(format!("cannot read {}: {why}", path.display()), "name a TOML file"))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let scenario = Scenario::read_in(folder, &text).and_then(|scenario| scenario.world(outside()));
    scenario.map_err(|why| error(why, MEND))
}

/// Prints a line; a closed pipe ends the printing, not the simulator.
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
