//! Tests of drift: the pin, the result of its change, and the image that the service has now.

use super::*;
use crate::history::candidates::tests::{HistorySample, at, pinned};
use crate::pins::read;
use crate::sample;
use crate::swarm::{TaskState, UpdateStatus};

/// Returns the drift after a change set the image to `left` and another client set it to `has`.
fn drift(pin: &str, left: &str, has: &str) -> Option<Drift> {
    let mut tale = HistorySample::of("r/web:0");
    tale.change(10, left, UnitState::Done, None);
    has.clone_into(&mut tale.service.places.image);
    tale.service.updated = Some(at(1));
    tale.seen();
    of(&tale.world, &tale.group, &read(pin), &tale.service)
}

#[test]
fn what_differs_from_its_pin_and_what_does_not() {
    let (one, two) = (pinned("1"), pinned("2"));
    let moved = two.replace(":2@", ":1@");
    let whole = format!("image = '{one}'");
    for (pin, has, due) in [
        ("image = 'r/web:1'", one.as_str(), None),
        ("image = 'r/web:1'", &two, Some(&one)),
        // The same tag with another digest: the tag moved after the pin was resolved.
        ("image = 'r/web:1'", &moved, Some(&one)),
        ("image = 'r/web:1'\nfloating = true", &moved, None),
        // The same tag without a digest: another finding reports that.
        ("image = 'r/web:1'", "r/web:1", None),
        ("image = 'r/web:1'", "r/other:1", Some(&one)),
        (&whole, &one, None),
        (&whole, &one.replace(":1@", ":x@"), None),
        (&whole, &two, Some(&one)),
        ("image = 'manifest'", &two, Some(&one)),
        ("", &two, None),
        // The pin's change left another image: only the pin's text is left to compare with.
        ("image = 'r/web:9'", &one, Some(&"r/web:9".to_owned())),
    ] {
        let found = drift(pin, &one, has).map(|drift| drift.due);
        assert_eq!(found.as_ref(), due, "{pin} {has}");
    }
}

#[test]
fn since_when_and_when_it_was_right() {
    let mut tale = HistorySample::of("r/web:0");
    tale.change(10, &pinned("1"), UnitState::Done, None);
    tale.service.places.image = pinned("2");
    tale.service.updated = Some(at(3));
    tale.seen();
    let old = tale.task(&pinned("1"), "a", TaskState::Shutdown, 10, 2);
    tale.tasks(vec![old]);
    let drift = of(&tale.world, &tale.group, &read("image = 'r/web:1'"), &tale.service).unwrap();
    assert_eq!((drift.since, drift.right), (Some(at(3)), Some(at(2))));
    assert_eq!(drift.places.as_ref().map(|places| places.image.clone()), Some(pinned("1")));
    assert_eq!(
        drift.describe(),
        "changed by another client, seen since 2026-11-19 21:00 UTC, last matched 2026-11-19 22:00 UTC"
    );
}

#[test]
fn who_it_likely_was() {
    let by = |label: Option<(&str, &str)>, state: Option<UpdateState>| {
        let mut tale = HistorySample::of("r/web:0");
        tale.change(10, &pinned("1"), UnitState::Done, None);
        tale.service.places.image = pinned("2");
        let update = |state| UpdateStatus { state, message: String::new(), started: None, completed: None };
        tale.service.update = state.map(update);
        // A label that names a group would move the service into another group.
        let labels = label.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let service = Service { labels: labels.into_iter().collect(), ..tale.service.clone() };
        of(&tale.world, &tale.group, &read("image = 'r/web:1'"), &service).unwrap().by
    };
    assert_eq!(by(None, None), DriftAuthor::Unknown);
    assert_eq!(by(Some((STACK_IMAGE, "r/web:2")), None), DriftAuthor::StackDeploy);
    assert_eq!(by(Some((STACK_IMAGE, "r/web:1")), None), DriftAuthor::Unknown, "the label names another image");
    assert_eq!(by(Some((DATABASE, "s")), None), DriftAuthor::ControlPlane);
    assert_eq!(by(None, Some(UpdateState::RollbackCompleted)), DriftAuthor::Engine);
    let mut left = HistorySample::of("r/web:0");
    left.change(10, &pinned("1"), UnitState::Done, None);
    left.change(5, &pinned("2"), UnitState::Failed, None);
    left.service.places.image = pinned("2");
    left.seen();
    let drift = of(&left.world, &left.group, &read("image = 'r/web:1'"), &left.service).unwrap();
    assert_eq!(drift.by, DriftAuthor::Change("change-2".into()));
    assert!(sample::NOW > at(1));
}
