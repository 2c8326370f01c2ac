//! The demo at a real terminal: no Docker, no network, nothing left behind.

use std::path::Path;
use std::time::Duration;

use crate::terminal::Terminal;

const SOON: Duration = Duration::from_secs(20);

#[test]
fn what_is_wrong_on_arrival_goes_back_by_two_keys() {
    let folder = tempfile::tempdir().unwrap();
    let environment = ["TMPDIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME"]
        .map(|name| (name.to_owned(), folder.path().join(name).display().to_string()));
    std::fs::create_dir(folder.path().join("TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_pinnace"));
    let mut terminal = Terminal::start(program, &["demo"], &environment, (120, 40));
    terminal.wait("what is wrong, with its error", SOON, |text| {
        text.contains("1 of 25 services need you") && text.contains("non-zero exit (1)") && text.contains("R back to")
    });
    terminal.press("R");
    terminal.wait("the plan back", SOON, |text| text.contains("back to") && text.contains("equal to what is live"));
    terminal.press("a");
    terminal.wait("the end of the change", 3 * SOON, |text| text.contains("Done."));
    terminal.wait("all well", SOON, |text| text.contains("all of 25 services well"));
    terminal.press("q");
    assert_eq!(terminal.end(SOON), 0);
    terminal.assert_given_back();
    assert_eq!(std::fs::read_dir(folder.path().join("TMPDIR")).unwrap().count(), 0, "its folder went with it");
    assert!(!folder.path().join("XDG_STATE_HOME").join("pinnace").exists(), "nothing was kept");
}
