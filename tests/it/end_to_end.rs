//! The whole workflow in a terminal on a real swarm: check, pin, plan, apply, a failure with a question; then a good
//! image, and a rollback with one key.

use std::time::Duration;

use crate::lab::{Group, Lab, instance, wait_for};
use crate::terminal::Terminal;

/// Opens a console in the lab whose units complete as soon as they have converged.
fn console(lab: &Lab, size: (u16, u16)) -> (Terminal, tempfile::TempDir) {
    Terminal::console(lab, size, "settle_seconds = 0\n")
}

const SOON: Duration = Duration::from_secs(10);

/// Opens the group's pins at `n1` and turns the comment into a pin of another tag.
fn pin(terminal: &mut Terminal, group: &Group, old: &str, new: &str) {
    terminal.press("/");
    terminal.press(&group.name);
    terminal.press("\r");
    terminal.wait("the group alone", SOON, |text| text.contains("n1") && !text.contains("kitchen-sink"));
    terminal.press("gg");
    terminal.press("j");
    terminal.press("p");
    terminal.wait("the pins", SOON, |text| text.contains("[node.n1]"));
    // Removes the comment sign and a space, then replaces the tag and the closing quote.
    terminal.press("\x1b[3~\x1b[3~\x1b[F");
    terminal.press(&"\x7f".repeat(old.len() + 1));
    terminal.press(&format!("{new}\""));
    terminal.wait("the registry's answer under the line", SOON, |text| {
        text.contains("exists") || text.contains("● n1 on") || text.contains("linux/amd64")
    });
    terminal.press("\x1b");
    terminal.wait("reading again", SOON, |text| text.contains("P plan"));
    terminal.press("P");
    terminal.wait("the plan", SOON, |text| text.contains("plan up to date"));
}

#[test]
fn from_a_bad_pin_to_the_question() {
    let Some(lab) = Lab::get() else { return };
    let (old, _) = (lab.push("it/story/pg:1", "sleep", &[]), lab.push("it/story/pg:bad", "exit:3", &[]));
    let group =
        Group::new(&lab, "database", |name| [1, 2].map(|host| instance(&lab, name, "n1", host, &old.text)).into());
    group.wait_until_up();
    let (specs, tasks) = (group.specs(), group.tasks());
    let (mut terminal, _folder) = console(&lab, (100, 30));
    terminal.wait("first screen", SOON, |text| text.contains("SERVICES"));
    pin(&mut terminal, &group, "1", "bad");
    terminal.press("a");
    terminal.wait("the task's own error, and the question", Duration::from_secs(30), |text| {
        text.contains("non-zero exit (3)") && text.contains("L  keep")
    });
    assert_eq!(group.specs(), specs, "back on the old text");
    assert_eq!(group.tasks()[1], tasks[1], "the other service kept its task");
    terminal.press("L");
    let failed = [("failed".to_owned(), "U-".to_owned(), String::new())];
    wait_for("the outcome in the journal", 10, || (group.slots() == failed).then_some(()));
    terminal.wait("the outcome on the screen", SOON, |text| text.contains("Failed: no service has the new spec"));
    terminal.press("q");
    terminal.end(SOON);
    terminal.assert_given_back();
}

#[test]
fn there_and_back_by_keys() {
    let Some(lab) = Lab::get() else { return };
    let (old, new) = (lab.push("it/keys/pg:1", "sleep", &[]), lab.push("it/keys/pg:2", "sleep", &[]));
    let group =
        Group::new(&lab, "database", |name| [1, 2].map(|host| instance(&lab, name, "n1", host, &old.text)).into());
    group.wait_until_up();
    group.record(&lab);
    let specs = group.specs();
    let (mut terminal, _folder) = console(&lab, (80, 24));
    terminal.wait("first screen", SOON, |text| text.contains("SERVICES"));
    pin(&mut terminal, &group, "1", "2");
    // A database uses step mode: the first unit, a question, then the next unit.
    terminal.press("a");
    terminal.wait("the question after the first unit", Duration::from_secs(60), |text| text.contains("C  bring"));
    terminal.press("C");
    // The outcome is written after the last unit; until then leaving asks, and a note reports the end.
    terminal.wait("the outcome", Duration::from_secs(60), |text| text.contains("Done."));
    for service in &group.services {
        assert_eq!(lab.engine(2).image(service), new.pinned());
    }
    terminal.press("\x1b");
    // The final journal entry arrives with its own event.
    terminal.wait("the fleet, with nothing unfinished", SOON, |text| {
        text.contains("2 shown")
            && text.contains("R roll back to 1")
            && ["is unfinished", "change by"].iter().all(|open| !text.contains(open))
    });
    terminal.press("gg");
    terminal.press("R");
    terminal.wait("the plan back", SOON, |text| text.contains("rollback  ") && text.contains("plan up to date"));
    terminal.press("s");
    terminal.press("a");
    terminal.wait("the outcome", Duration::from_secs(60), |text| text.contains("Done."));
    assert_eq!(group.specs(), specs, "the old text to the letter");
    assert_eq!(group.slots().len(), 2);
    terminal.press("q");
    terminal.end(SOON);
    terminal.assert_given_back();
}

/// Checks that a change continues when the terminal accepts no output: a dead connection, or a closed laptop.
#[test]
fn a_terminal_that_nobody_reads_holds_no_change_up() {
    let Some(lab) = Lab::get() else { return };
    let (old, new) = (lab.push("it/unread/app:1", "sleep", &[]), lab.push("it/unread/app:2", "sleep", &[]));
    let group = Group::stack(&lab, &[("a", &old.text), ("b", &old.text), ("c", &old.text)]);
    group.record(&lab);
    let before = group.specs();
    for service in &group.services {
        lab.engine(1).set_image(service, &new.pinned());
    }
    let arrived =
        |tasks: &Vec<(String, String)>| !tasks.is_empty() && tasks.iter().all(|(_, image)| *image == new.pinned());
    wait_for("what somebody else brought", 60, || group.tasks().iter().all(arrived).then_some(()));
    let (mut terminal, _folder) = console(&lab, (120, 40));
    terminal.wait("first screen", SOON, |text| text.contains("SERVICES"));
    terminal.press("/");
    terminal.press(&group.name);
    terminal.press("\r");
    terminal.wait("the group alone", SOON, |text| text.contains("3 shown") && text.contains("3/3"));
    terminal.press("gg");
    terminal.press("R");
    terminal.wait("the plan back", SOON, |text| text.contains("plan up to date") && text.contains("3 services"));
    terminal.press("a");
    wait_for("the claim", 10, || (!group.slots().is_empty()).then_some(()));
    terminal.leave_unread(true);
    let done = [("done".to_owned(), "ddd".to_owned(), String::new())];
    wait_for("the outcome in the journal", 60, || {
        // The whole screen is redrawn many times, to fill any terminal buffer.
        terminal.press("\x0c");
        (group.slots() == done).then_some(())
    });
    let text = |spec: &String| serde_json::from_str::<serde_json::Value>(spec).unwrap()["TaskTemplate"].take();
    assert_eq!(group.specs().iter().map(text).collect::<Vec<_>>(), before.iter().map(text).collect::<Vec<_>>());
    terminal.leave_unread(false);
    terminal.wait("the outcome on the screen", SOON, |text| text.contains("done"));
    terminal.press("q");
    assert_eq!(terminal.end(SOON), 0);
}
