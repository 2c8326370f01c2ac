//! Takes the terminal over and panics: what is left of the terminal then is what the tests look at.

use pinnace::console::terminal::{Console, install_panic_hook};

fn main() {
    install_panic_hook(|_| ());
    let console = Console::enter();
    assert!(console.is_err(), "a fault on purpose");
}
