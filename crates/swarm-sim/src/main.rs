//! The `swarm-sim` binary, a thin wrapper around the library.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use swarm_sim::command::{Options, run};

/// Serve a simulated swarm and its registries
#[derive(Debug, Parser)]
#[command(name = "swarm-sim", version)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("cannot start: {error}"), "", 4),
    };
    let served = runtime.block_on(run(&cli.options));
    runtime.shutdown_background();
    served.map_or_else(|error| failed(&error.message, &error.hint, 2), |()| ExitCode::SUCCESS)
}

/// Prints a message and its hint to standard error; returns the exit code.
fn failed(message: &str, hint: &str, code: u8) -> ExitCode {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "swarm-sim: {message}");
    if !hint.is_empty() {
        let _ = writeln!(out, "hint: {hint}");
    }
    code.into()
}
