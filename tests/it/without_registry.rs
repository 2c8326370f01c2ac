//! Tests on a real swarm: a rollback to an earlier digest while its registry is stopped, and
//! drift by `docker service update`.

use std::process::Command;
use std::time::Duration;

use crate::lab::{Group, Lab, Second, instance, wait_for};
use crate::terminal::Terminal;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_digest_that_ran_comes_back_while_its_registry_is_stopped() {
    if Lab::get().is_none() {
        return;
    }
    // Other tests need their registry, so this one stops its own.
    let second = Second::up("without a registry");
    let lab = &second.lab;
    let image = |nth: &str| lab.push(&format!("it/cached/pg:{nth}"), "sleep", &["--label", &format!("nth={nth}")]);
    let (old, new) = (image("1"), image("2"));
    let group = Group::new(lab, "database", |name| vec![instance(lab, name, "n1", 2, &old.pinned())]);
    group.wait_until_up();
    group.record(lab);
    let (before, service) = (group.specs(), &group.services[0]);
    let program = lab.program(1);
    let pin = format!("n1={}", new.text);
    program.run(&["apply", &group.text, "--pin", &pin, "--settle", "0", "--ack"]).exit(0);
    assert_eq!(lab.engine(1).image(service), new.pinned());
    let pid = std::fs::read_to_string(lab.folder.join("registry-plain/pid")).unwrap();
    assert!(Command::new("kill").args(["-9", pid.trim()]).status().unwrap().success());
    let said = program.run(&["rollback", &group.text, "--settle", "0", "--ack"]).exit(3);
    assert!(said.out.contains("warning not-verified"), "{said:?}");
    let back = program.run(&["rollback", &group.text, "--settle", "0", "--unverified", "--json"]).exit(0).json();
    let unit = &back["plan"]["units"][0];
    assert!(unit["unchecked"].is_string() && unit["lands"][0]["ran"] == true, "{unit}");
    assert_eq!(group.specs(), before, "to the letter");
    wait_for("its task on the old digest", 30, || (lab.engine(1).running(service).len() == 1).then_some(()));
}

#[test]
fn drift_by_docker_service_update_is_flagged_within_two_seconds() {
    let Some(lab) = Lab::get() else { return };
    let image = |nth: &str| lab.push(&format!("it/drift/pg:{nth}"), "sleep", &["--label", &format!("nth={nth}")]);
    let (old, new) = (image("1"), image("2"));
    let group = Group::new(&lab, "database", |name| vec![instance(&lab, name, "n1", 2, &old.text)]);
    group.wait_until_up();
    let (program, service) = (lab.program(1), &group.services[0]);
    let pin = format!("n1={}", old.pinned());
    program.run(&["apply", &group.text, "--pin", &pin, "--settle", "0", "--ack"]).exit(0);
    let (mut terminal, _folder) = Terminal::console(&lab, (100, 30), "settle_seconds = 0\n");
    terminal.wait("first screen", SOON, |text| text.contains("SERVICES"));
    terminal.press("/");
    terminal.press(&group.name);
    terminal.press("\r");
    terminal.wait("the group alone", SOON, |text| text.contains("1 shown") && !text.contains("  drift "));
    let host = format!("unix://{}", lab.socket(2).display());
    let args = ["-H", &host, "service", "update", "--detach", "--quiet", "--image", &new.text, service];
    assert!(Command::new("docker").args(args).output().unwrap().status.success());
    let took = terminal.wait("the mark", Duration::from_secs(2), |text| text.contains("  drift "));
    println!("flagged {} ms after the command line was done", took.as_millis());
    let said = program.run(&["check", &group.text]);
    assert!(said.out.contains("pinned to 1, runs 2: likely changed by the pgEdge control plane"), "{said:?}");
    program.run(&["apply", &group.text, "--drift", "--settle", "0", "--json"]).exit(0);
    assert_eq!(lab.engine(1).image(service), old.pinned());
    terminal.wait("the row without its mark", SOON, |text| text.contains("1 shown") && !text.contains("  drift "));
}
