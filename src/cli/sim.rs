//! `pinnace sim`: a simulated swarm and its registries, for tests and measurements.

use std::io::Write as _;
use std::path::PathBuf;

use super::Exit;
use super::args::Simulated;
use super::out::Out;
use super::session::{Failure, usage};
use swarm_sim::scenario::{Scenario, outside};
use swarm_sim::serve::{Seat, tcp, unix};
use swarm_sim::synthetic::{Size, world};
use swarm_sim::{Sim, faults};

/// Serves a world until it is told to stop.
pub async fn run(asked: &Simulated) -> Result<Exit, Failure> {
    let began = std::time::Instant::now();
    let (made, planned) = if let Some(path) = &asked.scenario {
        let text = std::fs::read_to_string(path)
            .map_err(|error| usage(format!("cannot read {}: {error}", path.display()), "name a TOML file"))?;
        let scenario = Scenario::read(&text).and_then(|scenario| scenario.world(outside()));
        scenario.map_err(|why| usage(why, "mend the scenario"))?
    } else {
        let size = Size { services: asked.services, nodes: asked.nodes, tasks: asked.tasks.unwrap_or(asked.services) };
        (world(size, outside()), Vec::new())
    };
    let registries: Vec<String> = made.registries.keys().cloned().collect();
    let sim = Sim::start(made, asked.time_scale);
    for fault in planned {
        let done = sim.with_faults(|world, faults| faults::plan(world, faults, fault));
        done.map_err(|refusal| usage(format!("the scenario: {}", refusal.message), "mend the scenario"))?;
    }
    let cannot = |what: &str, error: &std::io::Error| {
        usage(format!("cannot listen at {what}: {error}"), "name another place with --socket or --registry")
    };
    let listening = asked.socket.display().to_string();
    unix(sim.clone(), Seat::Engine(None), &asked.socket).map_err(|error| cannot(&listening, &error))?;
    Out::Standard.line(&format!("engine unix://{listening}"));
    if let Some(address) = &asked.registry {
        let (at, _) =
            tcp(sim.clone(), Seat::Registry(registries.first().filter(|_| registries.len() == 1).cloned()), address)
                .await
                .map_err(|error| cannot(address, &error))?;
        Out::Standard.line(&format!("registry {at} for {}", registries.join(", ")));
    }
    Out::Standard.line(&format!("ready after {} ms", began.elapsed().as_millis()));
    let _ = std::io::stdout().flush();
    until_told().await;
    let _ = std::fs::remove_file(PathBuf::from(&asked.socket));
    Ok(Exit::Done)
}

async fn until_told() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        std::future::pending::<()>().await;
        return;
    };
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
}
