//! Putting the console together: clusters observed, keys read, signals watched, changes brought to an end.

use std::path::PathBuf;
use std::{env, io};

use tokio::runtime::Handle;

use super::effects::Effects;
use super::event_loop::{self, Inbox};
use super::terminal::{Console, install_panic_hook};
use pinnace_core::finding::Severity;
use pinnace_engine::clock;
use pinnace_engine::journal::LOCAL_JOURNAL;
use pinnace_tui::config::{ColorDepth, Config, Warning};
use pinnace_tui::msg::{Effect, Msg};
use pinnace_tui::state::{Cluster, Guard, Notice, State};
use pinnace_tui::tour::Tour;

/// A cluster the console opens with.
pub struct ClusterParts {
    /// Its name.
    pub name: String,
    /// The handle of the cluster.
    pub cluster: pinnace_engine::cluster::Cluster,
    /// Whether it may be changed.
    pub guard: Guard,
}

/// What the console is opened with.
pub struct Parts {
    /// The clusters, the chosen one first.
    pub clusters: Vec<ClusterParts>,
    /// Where changes and drafts are kept.
    pub state: Option<PathBuf>,
    /// The user's settings.
    pub config: Config,
    /// What is wrong with the user's files.
    pub warnings: Vec<Warning>,
    /// Seconds east of UTC.
    pub offset: i32,
}

/// Opens the console; returns when the operator leaves it and no unit is in work any more.
///
/// # Errors
/// When there is no terminal, or it cannot be written to.
pub async fn console(parts: Parts) -> io::Result<()> {
    shown(parts, None).await
}

/// Opens the console with the tour through it.
///
/// # Errors
/// When there is no terminal, or it cannot be written to.
pub async fn demo(parts: Parts) -> io::Result<()> {
    shown(parts, Some(Tour::default())).await
}

async fn shown(parts: Parts, tour: Option<Tour>) -> io::Result<()> {
    let handle = Handle::current();
    // The loop blocks on its messages, so it gets a thread of its own.
    tokio::task::spawn_blocking(move || open(&handle, parts, tour)).await.map_err(io::Error::other)?
}

fn open(handle: &Handle, parts: Parts, tour: Option<Tour>) -> io::Result<()> {
    let depth = ColorDepth::detect(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()));
    let mut screen = Console::enter(depth)?;
    let (inbox, messages) = Inbox::new();
    let told = inbox.clone();
    install_panic_hook(move |panic| {
        let text = format!("a fault of pinnace: {panic}");
        told.send(Msg::Notice(Notice { at: clock::now(), severity: Severity::Error, text, hint: String::new() }));
    });
    event_loop::watch_signals(handle, &inbox)?;
    let clusters = parts
        .clusters
        .iter()
        .map(|one| Cluster { guard: one.guard, ..Cluster::new(&one.name, &one.cluster.docker.address()) });
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
        let hint = "`--journal swarm` writes them into the swarm, where configs may be made".to_owned();
        state.note(Notice { at: clock::now(), severity: Severity::Warning, text: LOCAL_JOURNAL.to_owned(), hint });
    }
    let mut effects = Effects::start(handle.clone(), inbox.clone(), parts.clusters, parts.state, &settings);
    event_loop::read_terminal(inbox)?;
    let ended = event_loop::run(&mut state, &messages, &mut screen, |effect: Effect| effects.run(effect));
    let (at_work, terminal_gone) = (effects.at_work(), ended.is_err());
    drop(screen);
    if at_work > 0 && !terminal_gone {
        crate::cli::Out::Standard.note(&format!(
            "finishing the unit in work of {at_work} change(s), then giving up the claim; `pinnace resume` takes it up again"
        ));
    }
    effects.finish();
    ended
}
