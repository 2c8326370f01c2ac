//! The debug log of pinnace itself; off unless `PINNACE_LOG` is set.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use pinnace_engine::docker::LOG_FILTER;

/// Starts logging to `pinnace.log` in the state folder, with the filter in `PINNACE_LOG` (`debug`, `pinnace=trace`).
///
/// Nothing is written to the terminal, which the console may own. bollard is always silenced, because it logs whole
/// request bodies with environment variables.
pub fn start(folder: &Path) {
    let Some(wanted) = std::env::var("PINNACE_LOG").ok().filter(|wanted| !wanted.is_empty()) else { return };
    let file = std::fs::create_dir_all(folder)
        .and_then(|()| OpenOptions::new().create(true).append(true).open(folder.join("pinnace.log")));
    let Ok(file) = file else { return };
    let Ok(filter) = format!("{wanted},{LOG_FILTER}").parse::<Targets>() else { return };
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Mutex::new(file));
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
}
