//! The verbs: the same core and engine as the console's, without a terminal, for runbooks and CI.
//!
//! Verbs print text for people, or JSON with `--json`, and have stable exit codes. They never prompt: if a choice is
//! needed, they end and print the choices as commands.

mod apply;
mod args;
mod check;
mod debug_log;
mod demo;
mod help;
mod history;
mod inspect;
mod local_history;
mod out;
mod plan;
mod plan_goal;
mod planning;
mod record;
mod resume;
mod rollback_candidates;
mod session;
mod show_pins;
mod sim;
mod status;

pub use out::Out;
use session::{CliContext, offset, settings};

use std::process::ExitCode;

use args::{Args, Verb};
use pinnace_core::plan::RedeployImage;
pub use session::{Failure, TestContext};

/// The result of a verb; the number is the exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Success, or nothing to do.
    Done = 0,
    /// A failed change that was rolled back, errors among findings, or a service that needs attention.
    Trouble = 1,
    /// A mistake in the command line.
    Usage = 2,
    /// A stale plan, or a choice that is needed and printed.
    Choice = 3,
    /// A cluster that cannot be reached or used.
    Unusable = 4,
    /// A change that was left partially applied.
    Partial = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Parses the command line and runs a verb or the console.
pub fn run() -> ExitCode {
    let args = match Args::read(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    pinnace_engine::install_crypto();
    if let Some(folder) = session::state_folder() {
        debug_log::start(&folder);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            Out::Standard.failure(&format!("cannot start: {error}"), "");
            return Exit::Unusable.into();
        }
    };
    let exit = runtime.block_on(run_and_report(args, Out::Standard, None));
    // A name lookup that hangs blocks a thread; it must not delay the end of the program.
    runtime.shutdown_background();
    exit.into()
}

/// Runs a verb within the process on a given swarm, and prints to `out`; the first of `args` is the program's name.
///
/// Verbs that need a process or terminal of their own (the console, the demo, the simulator) are not supported.
pub async fn run_on(args: &[&str], out: Out, given: TestContext) -> Exit {
    match Args::read(args.iter().map(Into::into)) {
        Ok(args) => run_and_report(args, out, Some(given)).await,
        Err(error) => {
            out.note(&error.to_string());
            Exit::Usage
        }
    }
}

/// Runs a verb and prints its failure.
async fn run_and_report(args: Args, out: Out, given: Option<TestContext>) -> Exit {
    let stage = CliContext { common: args.common, out, given };
    match verb(&stage, args.verb).await {
        Ok(exit) => exit,
        Err(failure) => {
            stage.out.failure(&failure.message, &failure.hint);
            failure.exit
        }
    }
}

async fn verb(stage: &CliContext, verb: Option<Verb>) -> Result<Exit, Failure> {
    match verb {
        None | Some(Verb::Console) => Box::pin(console(stage)).await,
        Some(Verb::Demo) => Box::pin(demo::run(&stage.common)).await,
        Some(Verb::Status { group, json }) => status::run(stage, group.as_deref(), json).await,
        Some(Verb::Pins { group: Some(group), permanent: true, json }) => {
            show_pins::permanent(stage, &group, json).await
        }
        Some(Verb::Pins { group, json, .. }) => show_pins::run(stage, group.as_deref(), json).await,
        Some(Verb::Check { explain: Some(code), json, .. }) => check::explain(&stage.out, &code, json),
        Some(Verb::Check { group, edit, json, .. }) => {
            Box::pin(check::run(stage, &group.unwrap_or_default(), &edit, json)).await
        }
        Some(Verb::Plan { group, edit, drift, plan: options, out, json }) => {
            Box::pin(plan::run(stage, &group, (&edit, drift), &options, out.as_deref(), json)).await
        }
        Some(Verb::Apply { group, edit, drift, plan: options, apply: how, json }) => {
            Box::pin(apply::apply(stage, &group, (&edit, drift), &options, &how, json)).await
        }
        Some(Verb::Rollback { target, to, args }) => {
            Box::pin(apply::rollback(stage, &target, to.as_deref(), &args)).await
        }
        Some(Verb::Redeploy { target, newest, args }) => {
            let by = if newest { RedeployImage::Tag } else { RedeployImage::Same };
            Box::pin(apply::redeploy(stage, &target, by, &args)).await
        }
        Some(Verb::Resume { change, choice, apply: how, json }) => {
            Box::pin(resume::run(stage, &change, &choice, &how, json)).await
        }
        Some(Verb::Record { group, json }) => record::run(stage, group.as_deref(), json).await,
        Some(Verb::Inspect(asked)) => Box::pin(inspect::run(stage, &asked)).await,
        Some(Verb::Sim(asked)) => sim::run(&asked).await,
        Some(Verb::History { what, json }) => history::run(stage, what.as_deref(), json).await,
    }
}

async fn console(stage: &CliContext) -> Result<Exit, Failure> {
    let session = session::Session::open(stage)?;
    crate::console::console(session.into_parts(stage.common.read_only)).await.map(|()| Exit::Done).map_err(|error| {
        Failure {
            message: error.to_string(),
            hint: "use `pinnace status` or another verb: they need no terminal".into(),
            exit: Exit::Usage,
        }
    })
}
