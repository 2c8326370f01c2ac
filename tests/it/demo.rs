//! The demo in a real terminal: without Docker or network, and without leaving files behind.

use std::path::Path;
use std::time::Duration;

use crate::terminal::Terminal;

const SOON: Duration = Duration::from_secs(20);

/// Starts the demo in a terminal, with its own folders.
fn demo(size: (u16, u16)) -> (Terminal, tempfile::TempDir) {
    demo_in(size, &[])
}

/// Starts the demo in a terminal, with its own folders and additional environment variables.
pub fn demo_in(size: (u16, u16), variables: &[(&str, &str)]) -> (Terminal, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let folders = ["TMPDIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME"]
        .map(|name| (name.to_owned(), folder.path().join(name).display().to_string()));
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let environment: Vec<_> = folders.into_iter().chain(variables).collect();
    std::fs::create_dir(folder.path().join("TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_pinnace"));
    (Terminal::start(program, &["demo"], &environment, size), folder)
}

#[test]
fn what_is_wrong_on_arrival_goes_back_by_two_keys() {
    let (mut terminal, folder) = demo((120, 40));
    terminal.wait("what is wrong, with its error", SOON, |text| {
        text.contains("1 of 25 services needs attention")
            && text.contains("non-zero exit (1)")
            && text.contains("R roll back to")
    });
    terminal.press("R");
    terminal.wait("the plan back", SOON, |text| text.contains("rollback  ") && text.contains("plan up to date"));
    terminal.press("a");
    terminal.wait("the end of the change", 3 * SOON, |text| text.contains("Done."));
    terminal.wait("all healthy", SOON, |text| text.contains("25 services healthy"));
    terminal.press("q");
    assert_eq!(terminal.end(SOON), 0);
    terminal.assert_given_back();
    assert_eq!(std::fs::read_dir(folder.path().join("TMPDIR")).unwrap().count(), 0, "its folder went with it");
    assert!(!folder.path().join("XDG_STATE_HOME").join("pinnace").exists(), "nothing was kept");
}

/// Returns the keys in the footer with their labels.
fn footer(text: &str) -> Vec<(String, String)> {
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    let parts = last.split("  ").map(str::trim).filter(|part| !part.is_empty());
    let pair = |part: &str| part.split_once(' ').map(|(key, label)| (key.to_owned(), label.to_owned()));
    parts.filter_map(pair).collect()
}

/// A user who presses only keys shown in the footer; counts them.
struct Reader {
    terminal: Terminal,
    pressed: Vec<String>,
}

impl Reader {
    /// Waits until the footer has a label that starts with this text, and presses its key.
    fn choose(&mut self, label: &str) {
        // The key comes from the same frame that was waited for; the next frame may differ.
        let found = std::cell::RefCell::new(None);
        self.terminal.wait(label, SOON, |text| {
            *found.borrow_mut() = footer(text).into_iter().find(|(_, shown)| shown.starts_with(label));
            found.borrow().is_some()
        });
        let (key, _) = found.into_inner().unwrap();
        self.terminal.press(if key == "esc" { "\x1b" } else { &key });
        self.pressed.push(key);
    }
}

/// Returns true if a history line is about a completed change of the storefront.
fn is_over(line: &str) -> bool {
    line.contains("storefront") && line.contains("done")
}

fn there_and_back(size: (u16, u16)) {
    let (terminal, _folder) = demo(size);
    let mut reader = Reader { terminal, pressed: Vec::new() };
    let wrong = |text: &str| text.contains("1 of 25") && text.contains("non-zero exit (1)");
    reader.terminal.wait("what is wrong, with its error", SOON, wrong);
    reader.choose("roll back to");
    reader.terminal.wait("the plan", SOON, |text| text.contains("plan up to date"));
    reader.choose("apply");
    reader.terminal.wait("the end of the change", 3 * SOON, |text| text.contains("Done."));
    reader.terminal.wait("all healthy", SOON, |text| text.contains("25 services healthy"));
    // Rolling back the change from its history line brings the initial problem back.
    reader.choose("history");
    // The journal is written a moment after the change has ended.
    reader.terminal.wait("the change, over", SOON, |text| text.lines().any(is_over));
    reader.choose("roll back");
    reader.terminal.wait("the plan of the undoing", SOON, |text| text.contains("plan up to date"));
    let text = reader.terminal.text();
    assert!(text.contains("ebug-1@"), "{text}");
    if text.contains("warning") {
        reader.choose("acknowledge");
    }
    reader.choose("apply");
    reader.terminal.wait("what was wrong before", 3 * SOON, wrong);
    assert!(reader.pressed.len() <= 12, "{:?}", reader.pressed);
}

#[test]
fn the_footer_alone_leads_to_fixed_and_back_on_a_large_screen() {
    there_and_back((120, 40));
}

#[test]
fn the_footer_alone_leads_to_fixed_and_back_on_a_small_screen() {
    there_and_back((80, 24));
}

/// Window sizes during a drag, including some that are too small for any content.
const DRAGGED: [(u16, u16); 9] =
    [(200, 60), (80, 24), (20, 5), (120, 40), (39, 9), (100, 30), (40, 10), (2, 2), (99, 29)];

/// Resizes the terminal many times while keys are pressed, and leaves it at the last size.
fn storm(terminal: &mut Terminal, keys: &[&str], last: (u16, u16)) {
    for (at, size) in DRAGGED.iter().cycle().take(120).enumerate() {
        terminal.resize(*size);
        terminal.press(keys[at % keys.len()]);
        // From time to time the program gets a chance to draw a frame.
        if at % 4 == 0 {
            let _ = terminal.changed_within(Duration::from_millis(30));
        }
    }
    terminal.resize(last);
}

/// Returns a screen's text without numbers, which keep changing.
fn without_numbers(text: &str) -> String {
    text.replace(|c: char| c.is_ascii_digit(), "#")
}

#[test]
fn a_window_that_is_dragged_while_keys_are_pressed_ends_with_the_right_screen() {
    for last in [(120, 40), (80, 24), (200, 60)] {
        let (mut terminal, _folder) = demo((120, 40));
        terminal.wait("the first screen", SOON, |text| text.contains("non-zero exit (1)"));
        // These keys are harmless on every screen: an escape and the next key may arrive as one.
        let keys = ["j", "h", "k", "\x1b", "?", "j", "\x1b", "G", "D", "\x1b", "T", "\x1b", "gg"];
        storm(&mut terminal, &keys, last);
        // Closes everything and moves to the first service row.
        for _ in 0..10 {
            terminal.press("\x1b");
            let _ = terminal.changed_within(Duration::from_millis(200));
        }
        terminal.press("gg");
        let (width, height) = (usize::from(last.0), usize::from(last.1));
        terminal.wait("the screen, in full", SOON, |text| {
            text.contains("non-zero exit (1)")
                && text.lines().count() == height
                && text.lines().last().is_some_and(|line| line.contains("keys") && line.chars().count() <= width)
        });
        while terminal.changed_within(Duration::from_millis(500)) {}
        let dragged = terminal.text();
        terminal.press("\x0c");
        assert!(terminal.changed_within(SOON), "the screen is drawn again");
        while terminal.changed_within(Duration::from_millis(500)) {}
        assert_eq!(without_numbers(&dragged), without_numbers(&terminal.text()), "nothing was left over");
        terminal.press("q");
        assert_eq!(terminal.end(SOON), 0);
    }
}

#[test]
fn a_window_that_is_dragged_does_not_end_a_change() {
    let (mut terminal, _folder) = demo((120, 40));
    terminal.wait("the first screen", SOON, |text| text.contains("R roll back to"));
    terminal.press("R");
    terminal.wait("the plan back", SOON, |text| text.contains("plan up to date"));
    terminal.press("a");
    storm(&mut terminal, &["j", "k"], (100, 30));
    terminal.wait("the end of the change", 3 * SOON, |text| text.contains("Done."));
    terminal.press("q");
    assert_eq!(terminal.end(SOON), 0);
    terminal.assert_given_back();
}
