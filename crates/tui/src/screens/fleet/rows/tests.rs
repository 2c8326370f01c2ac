use crate::screens::fleet::rows::*;
use pinnace_core::registry::{Fact, LookupError};
use pinnace_core::sample::{self, NOW};
use pinnace_core::swarm::{DATABASE, STACK};
use pinnace_core::swarm::{Service, Task, TaskState};
use pinnace_core::world::Observation;

/// Builds a world of services, each with `up` or an error; the name before the underscore is the stack.
fn world(services: &[(&str, &str)]) -> World {
    let mut world = World::default();
    let mut all: Vec<(Service, Vec<Task>)> = Vec::new();
    for (name, how) in services {
        let mut service = sample::service(name, "reg/app:1.7");
        if let Some((stack, _)) = name.split_once('_') {
            service.labels.insert(STACK.into(), stack.into());
        }
        let mut tasks = vec![sample::task(&format!("{name}-t"), &service, "mgr-1", TaskState::Running, 3600)];
        if *how != "up" {
            tasks[0].state = TaskState::Rejected;
            tasks[0].desired = TaskState::Shutdown;
            tasks[0].error = (*how).into();
            service.previous = Some(sample::places("reg/app:1.6"));
            service.running = Some(0);
        }
        all.push((service, tasks));
    }
    world.apply(Observation::Nodes(vec![sample::node("mgr-1")]), NOW);
    world.apply(Observation::Services(all.iter().map(|(service, _)| service.clone()).collect()), NOW);
    for (service, tasks) in all {
        world.apply(Observation::Tasks { service: service.id, tasks }, NOW);
    }
    world
}

fn rows(world: &World, folds: &Folds, filter: &str, page: usize) -> Vec<FleetRow> {
    let filter = FleetFilter::read(filter);
    build(&FleetRowsInput { world, facts: &Facts::default(), folds, filter: &filter, kept: None, page, now: NOW })
}

/// Formats each row in short: `v shop`, `> shop`, `failing web +2`, `more 3`, `rest 9 in 4`.
fn words(rows: &[FleetRow]) -> Vec<String> {
    let word = |row: &FleetRow| match row {
        FleetRow::Group(row) => format!("{} {}", if row.open { "v" } else { ">" }, row.group.name),
        FleetRow::Service(row) if row.lines == 0 => format!("{} {}", row.state.label(), row.label),
        FleetRow::Service(row) => format!("{} {} +{}", row.state.label(), row.label, row.lines),
        FleetRow::HiddenServices { services, .. } => format!("more {services}"),
        FleetRow::HiddenGroups { groups, services } => format!("rest {services} in {groups}"),
    };
    rows.iter().map(word).collect()
}

const BAD: &str = "No such image: reg/app:1.7";

#[test]
fn a_small_fleet_is_open_trouble_first() {
    let world = world(&[("b_web", "up"), ("b_api", BAD), ("a_web", "up"), ("lone", "up")]);
    assert_eq!(
        words(&rows(&world, &Folds::default(), "", 20)),
        ["v b", "failing api +2", "ok web", "v a", "ok web", "ok lone"]
    );
}

#[test]
fn what_is_well_makes_room_step_by_step() {
    let mut services = vec![("m_bad", BAD), ("m_w1", "up"), ("m_w2", "up"), ("m_w3", "up"), ("z_bad", BAD)];
    services.extend([("a_1", "up"), ("b_1", "up"), ("c_1", "up"), ("d_1", "up"), ("e_1", "up")]);
    let world = world(&services);
    for (page, expected) in [
        (30, &["v m", "failing bad +2", "ok w1", "ok w2", "ok w3", "v z", "failing bad +2", "v a", "ok 1"][..]),
        (16, &["v m", "failing bad +2", "ok w1", "ok w2", "ok w3", "v z", "failing bad +2", "> a", "> b"]),
        (13, &["v m", "failing bad +2", "ok w1", "ok w2", "ok w3", "v z", "failing bad +2", "> a", "rest 4 in 4"]),
        (10, &["v m", "failing bad +2", "more 3", "v z", "failing bad +2", "rest 5 in 5"]),
        (8, &["v m", "failing bad +1", "more 3", "v z", "failing bad +1", "rest 5 in 5"]),
        (6, &["v m", "failing bad", "more 3", "v z", "failing bad", "rest 5 in 5"]),
    ] {
        let got = words(&rows(&world, &Folds::default(), "", page));
        assert_eq!(got[..expected.len()], *expected, "{page}");
    }
}

#[test]
fn everything_left_out_can_be_reached() {
    let mut services: Vec<(String, &str)> = (0..36).map(|at| (format!("s{:02}_{}", at / 3, at % 3), "up")).collect();
    services.extend((0..4).map(|at| (format!("bad_{at}"), BAD)));
    let services: Vec<(&str, &str)> = services.iter().map(|(name, how)| (name.as_str(), *how)).collect();
    let world = world(&services);
    let first = rows(&world, &Folds::default(), "", 19);
    assert!(total_lines(&first) <= 19, "all of it on one page");
    assert_eq!(first.iter().filter(|row| row.is_trouble() && row.lines() > 1).count(), 4);
    let mut folds = Folds { rest: Some(Fold::Open), ..Folds::default() };
    folds.groups.extend(world.groups().map(|(key, _)| (key.clone(), Fold::Open)));
    let all = rows(&world, &folds, "", 19);
    assert_eq!(all.iter().filter_map(FleetRow::service).count(), 40);
}

#[test]
fn folds_are_the_operators() {
    let world = world(&[("b_api", BAD), ("b_web", "up"), ("a_web", "up")]);
    let mut folds = Folds::default();
    for (group, _) in world.groups() {
        folds.groups.insert(group.clone(), Fold::Closed);
    }
    assert_eq!(words(&rows(&world, &folds, "", 20)), ["> b", "> a"]);
}

#[test]
fn a_filter_shows_all_that_passes() {
    let world = world(&[("b_api", BAD), ("b_web", "up"), ("a_web", "up")]);
    assert_eq!(words(&rows(&world, &Folds::default(), "web", 3)), ["v a", "ok web", "v b", "ok web"]);
    assert_eq!(words(&rows(&world, &Folds::default(), "state:failing", 3)), ["v b", "failing api +2"]);
}

#[test]
fn a_failing_row_says_what_changed_what_is_wrong_and_why() {
    let world = world(&[("b_api", BAD)]);
    let mut facts = Facts::default();
    let told = |facts: &Facts| {
        let folds = Folds::default();
        let view = FleetRowsInput {
            world: &world,
            facts,
            folds: &folds,
            filter: &FleetFilter::default(),
            kept: None,
            page: 20,
            now: NOW,
        };
        build(&view).into_iter().find_map(|row| row.service().cloned()).unwrap()
    };
    let row = told(&facts);
    let Some(RecentServiceChange::Image { from, at }) = row.changed else { panic!("{:?}", row.changed) };
    assert_eq!((from.as_str(), at), ("reg/app:1.6", row.since));
    let wrong = row.wrong.unwrap();
    assert_eq!((wrong.text.as_str(), wrong.cause), ("No such image", None));
    facts.learn("reg/app:1.7", Fact::Failed { why: LookupError::NotFound, at: NOW });
    assert!(told(&facts).wrong.unwrap().cause.unwrap().ends_with("has no such image, so no node can pull it"));
    facts.learn("reg/app:1.7", Fact::Failed { why: LookupError::Denied, at: NOW });
    assert!(told(&facts).wrong.unwrap().cause.unwrap().ends_with("refuses the credentials used here"));
}

#[test]
fn errors_are_told_without_the_image() {
    for (text, image, told) in [
        ("No such image: reg/app:1.7", "reg/app:1.7", "No such image"),
        ("No such image: reg/app:1.7@sha256:11", "reg/app:1.7@sha256:11", "No such image"),
        ("task: non-zero exit (137)", "reg/app:1.7", "task: non-zero exit (137)"),
        (
            "pull access denied for reg/app:1.7, repository gone",
            "reg/app:1.7",
            "pull access denied for, repository gone",
        ),
        ("evil\u{1b}[2J text", "x", "evil text"),
    ] {
        assert_eq!(short_error(text, image), told, "{text}");
    }
}

#[test]
fn lone_services_of_a_database_are_grouped_by_it() {
    let mut world = World::default();
    let mut one = sample::service("postgres-abc", "reg/pg:17");
    one.labels.insert(DATABASE.into(), "storefront".into());
    world.apply(Observation::Nodes(vec![sample::node("mgr-1")]), NOW);
    world.apply(Observation::Services(vec![one]), NOW);
    let rows = rows(&world, &Folds::default(), "", 20);
    assert!(matches!(&rows[0], FleetRow::Group(row) if row.group.to_string() == "database/storefront"));
}
