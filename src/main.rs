//! The entry point of the pinnace binary; all code is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(error) = color_eyre::install() {
        tracing::warn!(%error, "panics will be reported plainly");
    }
    pinnace::cli::run()
}
