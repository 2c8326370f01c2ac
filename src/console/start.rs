//! The start of the console: observers, keyboard reader and signal handlers; at its end, the running changes.

use std::path::PathBuf;
use std::{env, io};

use tokio::runtime::Handle;

use super::effects::EffectRunner;
use super::event_loop::{self, MsgSender};
use super::terminal::{ConsoleTerminal, install_panic_hook};
use pinnace_core::finding::Severity;
use pinnace_core::plan::plural;
use pinnace_engine::clock;
use pinnace_engine::journal::LOCAL_JOURNAL;
use pinnace_tui::config::{ColorDepth, Config, ConfigWarning};
use pinnace_tui::msg::{Effect, Msg};
use pinnace_tui::state::{ClusterState, Notice, State, WriteProtection};
use pinnace_tui::tour::Tour;

/// One of the clusters that the console opens with.
pub struct ConsoleCluster {
    /// The name on the screen; drafts are stored under it.
    pub name: String,
    /// The cluster's handle.
    pub cluster: pinnace_engine::cluster::Cluster,
    /// The restrictions on changes to this cluster.
    pub guard: WriteProtection,
}

/// The arguments of the console.
pub struct ConsoleSetup {
    /// The clusters; the selected one is first.
    pub clusters: Vec<ConsoleCluster>,
    /// The state folder, for changes and drafts; `None` if there is none.
    pub state: Option<PathBuf>,
    /// The user's configuration.
    pub config: Config,
    /// Warnings about mistakes in the user's configuration files.
    pub warnings: Vec<ConfigWarning>,
    /// The time zone of the clock, in seconds east of UTC.
    pub offset: i32,
}

/// Opens the console; returns when the operator has left it and no unit is being updated any more.
///
/// # Errors
/// If there is no terminal, or writing to it fails.
pub async fn console(parts: ConsoleSetup) -> io::Result<()> {
    shown(parts, None).await
}

/// Opens the console with the guided tour.
///
/// # Errors
/// If there is no terminal, or writing to it fails.
pub async fn demo(parts: ConsoleSetup) -> io::Result<()> {
    shown(parts, Some(Tour::default())).await
}

async fn shown(parts: ConsoleSetup, tour: Option<Tour>) -> io::Result<()> {
    let handle = Handle::current();
    // The loop blocks while it waits for messages, so it runs on a thread of its own.
    tokio::task::spawn_blocking(move || open(&handle, parts, tour)).await.map_err(io::Error::other)?
}

fn open(handle: &Handle, parts: ConsoleSetup, tour: Option<Tour>) -> io::Result<()> {
    let depth = ColorDepth::detect(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()));
    let mut screen = ConsoleTerminal::enter(depth)?;
    let (inbox, messages) = MsgSender::new();
    let told = inbox.clone();
    install_panic_hook(move |panic| {
        let text = format!("internal error of pinnace: {panic}");
        told.send(Msg::Notice(Notice { at: clock::now(), severity: Severity::Error, text, hint: String::new() }));
    });
    event_loop::watch_signals(handle, &inbox)?;
    let clusters = parts
        .clusters
        .iter()
        .map(|one| ClusterState { guard: one.guard, ..ClusterState::new(&one.name, &one.cluster.docker.address()) });
    let settings = parts.config.settings.clone();
    let mut state =
        State::new(clusters.collect(), parts.config.for_depth(depth), event_loop::size()?, clock::now(), parts.offset);
    state.tour = tour;
    for warning in &parts.warnings {
        state.note(Notice {
            at: clock::now(),
            severity: Severity::Warning,
            text: format!("{}:{}:{}: {}", warning.file, warning.line, warning.column, warning.message),
            hint: warning.hint.clone().unwrap_or_default(),
        });
    }
    if parts.clusters.iter().any(|one| one.cluster.journal.is_local()) {
        let hint = "use `--journal swarm` if pinnace may create configs in the swarm".to_owned();
        state.note(Notice { at: clock::now(), severity: Severity::Warning, text: LOCAL_JOURNAL.to_owned(), hint });
    }
    let mut effects = EffectRunner::start(handle.clone(), inbox.clone(), parts.clusters, parts.state, &settings);
    event_loop::read_terminal(inbox)?;
    let ended = event_loop::run(&mut state, &messages, &mut screen, |effect: Effect| effects.run(effect));
    let (at_work, terminal_gone) = (effects.at_work(), ended.is_err());
    drop(screen);
    if at_work > 0 && !terminal_gone {
        crate::cli::Out::Standard.note(&format!(
            "finishing the current unit of {at_work} {}, then detaching; continue later with `pinnace resume`",
            plural(at_work, "change")
        ));
    }
    effects.finish();
    ended
}
