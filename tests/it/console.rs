//! The console in a real terminal, on the lab's swarm.

use std::path::Path;
use std::time::Duration;

use crate::lab::{Group, Lab, part};
use crate::terminal::Terminal;

fn start(lab: &Lab, size: (u16, u16)) -> (Terminal, tempfile::TempDir) {
    Terminal::console(lab, size, "")
}

#[test]
fn it_leaves_the_terminal_as_it_was() {
    let Some(lab) = Lab::get() else { return };
    let (mut terminal, _folder) = start(&lab, (80, 24));
    terminal.wait("first screen", Duration::from_secs(10), |text| text.contains("kitchen-sink"));
    terminal.press("q");
    assert_eq!(terminal.end(Duration::from_secs(10)), 0);
    terminal.assert_given_back();

    let (mut terminal, _folder) = start(&lab, (80, 24));
    terminal.wait("first screen", Duration::from_secs(10), |text| text.contains("kitchen-sink"));
    let pid = rustix::process::Pid::from_raw(terminal.pid()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(terminal.end(Duration::from_secs(10)), 0);
    terminal.assert_given_back();
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_reports() {
    let example = Path::new(env!("CARGO_BIN_EXE_pinnace")).with_file_name("examples").join("panics");
    let mut terminal = Terminal::start(&example, &[], &[], (80, 24));
    assert_eq!(terminal.end(Duration::from_secs(10)), 101);
    terminal.assert_given_back();
    assert!(terminal.text().contains("a fault on purpose"), "{}", terminal.text());
}

#[test]
fn without_a_terminal_it_says_so() {
    let Some(lab) = Lab::get() else { return };
    let said = lab.program(1).run(&[]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("needs a terminal") && said.err.contains("hint:"), "{}", said.err);
}

/// Checks that a failing service is on the first page with its error at any size, and
/// that all services can be reached.
#[test]
fn forty_services_at_any_size() {
    let Some(lab) = Lab::get() else { return };
    let image = lab.push("console/app:1", "sleep", &[]);
    let bad = lab.push("console/app:crash", "exit:3", &[]);
    let group = Group::new(&lab, "stack", |name| {
        let spec = |at: usize| match at {
            33 => part(name, "s33", &bad.text, 1),
            _ => part(name, &format!("s{at:02}"), &image.text, 0),
        };
        (0..40).map(spec).collect()
    });
    for size in [(80, 24), (200, 60)] {
        let (mut terminal, _folder) = start(&lab, size);
        terminal.wait("the failing service with its error on the first page", Duration::from_secs(30), |text| {
            text.contains("s33") && text.contains("non-zero exit (3)")
        });
        // With the filter on this group, each name appears while the cursor moves down from the top.
        terminal.press("/");
        terminal.press(&group.name);
        terminal.press("\r");
        terminal.wait("the filtered rows", Duration::from_secs(10), |text| !text.contains("kitchen-sink"));
        let mut missing: Vec<String> = (0..40).map(|at| format!("s{at:02}")).collect();
        terminal.press("gg");
        for _ in 0..200 {
            let text = terminal.text();
            missing.retain(|name| !text.contains(name.as_str()));
            if missing.is_empty() {
                break;
            }
            terminal.press("j");
            let _ = terminal.changed_within(Duration::from_millis(500));
        }
        assert!(missing.is_empty(), "not reachable: {missing:?}\n{}", terminal.text());
        terminal.press("q");
        terminal.end(Duration::from_secs(10));
        terminal.assert_given_back();
    }
}

/// Checks that changes by other clients appear automatically.
#[test]
fn changes_made_elsewhere_show() {
    let Some(lab) = Lab::get() else { return };
    let (one, two) = (lab.push("console/seen:1", "sleep", &[]), lab.push("console/seen:2", "sleep", &[]));
    let group = Group::stack(&lab, &[("watched", &one.text)]);
    let service = group.services[0].clone();
    let (mut terminal, _folder) = start(&lab, (120, 40));
    terminal.wait("first screen", Duration::from_secs(10), |text| text.contains("kitchen-sink"));
    terminal.press("/");
    terminal.press(&group.name);
    terminal.press("\r");
    terminal.wait("the service", Duration::from_secs(10), |text| text.contains("watched") && text.contains("seen:1"));
    lab.engine(2).set_image(&service, &two.text);
    terminal.wait("the new image, by its event", Duration::from_secs(3), |text| text.contains("seen:2"));
    group.wait_until_up();
    terminal.press("q");
    terminal.end(Duration::from_secs(10));
}

/// Checks that a killed container process appears: tasks send no events, so the console
/// finds it in the next task list.
#[test]
fn a_killed_process_shows() {
    let Some(lab) = Lab::get() else { return };
    let image = lab.push("console/killed:1", "sleep", &[]);
    let group = Group::stack(&lab, &[("victim", &image.text)]);
    let (mut terminal, _folder) = start(&lab, (120, 40));
    terminal.wait("first screen", Duration::from_secs(10), |text| text.contains("SERVICES"));
    terminal.press("/");
    terminal.press(&group.name);
    terminal.press("\r");
    terminal
        .wait("the service, well", Duration::from_secs(10), |text| text.contains("1 shown") && text.contains("● ok"));
    let tasks = lab.engine(1).list("tasks", &[("service", &group.services[0]), ("desired-state", "running")]);
    let pid = tasks[0]["Status"]["ContainerStatus"]["PID"].as_i64().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    terminal.wait("its end", Duration::from_secs(10), |text| !text.contains("● ok") || text.contains("restarted"));
    terminal.press("q");
    terminal.end(Duration::from_secs(10));
}
