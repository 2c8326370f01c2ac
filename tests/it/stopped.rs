//! Signals and the terminal: stopped and continued, suspended from a shell, ended from outside, and without a size.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::demo::demo_in;
use crate::terminal::Terminal;

const SOON: Duration = Duration::from_secs(20);

fn is_shown(text: &str) -> bool {
    text.contains("1 of 25") && text.contains("keys")
}

fn send(terminal: &Terminal, signal: Signal) {
    let sent = Pid::from_raw(terminal.pid()).map(|pid| kill_process(pid, signal));
    assert_eq!(sent, Some(Ok(())));
}

#[test]
fn what_a_shell_did_to_the_terminal_of_a_stopped_console_is_undone() {
    let (mut terminal, _folder) = demo_in((80, 24), &[]);
    terminal.wait("the first screen", SOON, is_shown);
    send(&terminal, Signal::STOP);
    terminal.take_over("\u{1b}[?1049l\u{1b}[2J$ ");
    assert!(!terminal.is_raw() && !is_shown(&terminal.text()));
    send(&terminal, Signal::CONT);
    terminal.wait("the whole screen again", SOON, is_shown);
    assert!(terminal.is_raw(), "keys come one by one again");
    terminal.press("?");
    terminal.wait("the help", SOON, |text| text.contains("┌ keys"));
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_until_fg() {
    let folder = tempfile::tempdir().unwrap();
    let home = ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"]
        .map(|name| (name.to_owned(), folder.path().display().to_string()));
    let mut terminal = Terminal::start(Path::new("/bin/bash"), &["--norc", "--noprofile", "-i"], &home, (80, 24));
    terminal.wait("a prompt", SOON, |text| text.contains('$') || text.contains('#'));
    terminal.press(&format!("{} demo\n", env!("CARGO_BIN_EXE_pinnace")));
    terminal.wait("the first screen", SOON, is_shown);
    for _ in 0..2 {
        terminal.press("\u{1a}");
        terminal.wait("the shell's word", SOON, |text| text.contains("Stopped"));
        terminal.press("echo wo''rks\n");
        terminal.wait("the shell at work", SOON, |text| text.contains("works"));
        terminal.press("fg\n");
        terminal.wait("the console again", SOON, is_shown);
    }
    terminal.press("q");
    terminal.wait("the shell", SOON, |text| !is_shown(text) && text.trim_end().ends_with(['#', '$']));
    terminal.press("exit\n");
    assert_eq!(terminal.end(SOON), 0);
}

#[test]
fn without_a_shell_ctrl_z_does_not_hang_the_terminal() {
    let (mut terminal, _folder) = demo_in((120, 40), &[]);
    terminal.wait("the first screen", SOON, is_shown);
    terminal.press("\u{1a}");
    terminal.wait("why not", SOON, |text| text.contains("not suspended: no shell here could continue it"));
    terminal.press("?");
    terminal.wait("the help", SOON, |text| text.contains("┌ keys"));
}

#[test]
fn every_signal_that_ends_it_gives_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let (mut terminal, _folder) = demo_in((80, 24), &[]);
        terminal.wait("the first screen", SOON, is_shown);
        send(&terminal, signal);
        terminal.end(SOON);
        terminal.assert_given_back();
    }
}

#[test]
fn a_terminal_without_a_size_is_taken_as_80x24() {
    let (mut terminal, _folder) = demo_in((0, 0), &[]);
    terminal.wait("the first screen", SOON, is_shown);
    terminal.resize((120, 40));
    terminal.wait("the larger one", SOON, |text| text.contains("CLUSTERS"));
    terminal.press("q");
    assert_eq!(terminal.end(SOON), 0);
}
