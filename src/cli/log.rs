//! The log, for those who look for a fault of pinnace itself: off unless `PINNACE_LOG` asks for it.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use pinnace_engine::docker::LOG_FILTER;

/// Writes what `PINNACE_LOG` asks for (`debug`, `pinnace=trace`) to `pinnace.log` in the state folder.
///
/// Never to the terminal, which may be the console's. bollard stays quiet whatever is asked: it logs whole bodies,
/// environments and all.
pub fn start(folder: &Path) {
    let Some(wanted) = std::env::var("PINNACE_LOG").ok().filter(|wanted| !wanted.is_empty()) else { return };
    let file = std::fs::create_dir_all(folder)
        .and_then(|()| OpenOptions::new().create(true).append(true).open(folder.join("pinnace.log")));
    let Ok(file) = file else { return };
    let Ok(filter) = format!("{wanted},{LOG_FILTER}").parse::<Targets>() else { return };
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Mutex::new(file));
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
}
