//! Takes the terminal over and panics: what is left of the terminal then is what the tests look at.

use pinnace::console::terminal::{ConsoleTerminal, install_panic_hook};
use pinnace_tui::config::ColorDepth;

fn main() {
    install_panic_hook(|_| ());
    let console = ConsoleTerminal::enter(ColorDepth::True);
    assert!(console.is_err(), "a fault on purpose");
}
