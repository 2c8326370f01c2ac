//! Runs the console on a swarm that stands still, without an engine: to try keys, the terminal, and a panic.
//!
//! `cargo run --example console`; ctrl-r panics on the drawing thread, l on another one.

use pinnace::console::event_loop::{MsgSender, read_terminal, run, size, watch_signals};
use pinnace::console::terminal::{ConsoleTerminal, install_panic_hook};
use pinnace_core::finding::Severity;
use pinnace_engine::clock::now;
use pinnace_tui::config::ColorDepth;
use pinnace_tui::msg::{Effect, Msg};
use pinnace_tui::state::Notice;

#[path = "../crates/tui/tests/it/fixture.rs"]
#[expect(clippy::unwrap_used, dead_code, reason = "a fixture of the tests, which use more of it")]
mod fixture;

#[expect(clippy::panic, reason = "to see the terminal given back")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (inbox, messages) = MsgSender::new();
    let told = inbox.clone();
    install_panic_hook(move |text| {
        let hint = "please report it".to_owned();
        told.send(Msg::Notice(Notice { at: now(), severity: Severity::Error, text, hint }));
    });
    let mut console = ConsoleTerminal::enter(ColorDepth::True)?;
    watch_signals(runtime.handle(), &inbox)?;
    read_terminal(inbox)?;
    let size = size()?;
    let mut seen = fixture::seen(fixture::bad_night(31), fixture::six_nodes(), Vec::new());
    seen.extend(fixture::history());
    let mut state = fixture::console(size.width, size.height, seen);
    run(&mut state, &messages, &mut console, |effect| match effect {
        Effect::Refresh { .. } => panic!("ctrl-r was pressed"),
        Effect::FollowLogs { .. } => {
            std::thread::spawn(|| panic!("a log was asked for"));
        }
        _ => {}
    })?;
    Ok(())
}
