//! Tests of the tour through the demo, on made-up states.

use pinnace_tui::state::State;
use pinnace_tui::tour::{Tour, TourStep, instruction};

use crate::fixture::press;
use crate::scenario;
use crate::screens::{lines_of, picture};

fn touring(tell: fn(u16, u16) -> State, width: u16, height: u16, keys: &str) -> State {
    let mut state = tell(width, height);
    state.tour = Some(Tour::default());
    press(&mut state, keys);
    state
}

#[test]
fn the_tour_hides_nothing() {
    for (width, height) in [(80, 24), (120, 40)] {
        let state = touring(scenario::night, width, height, "right");
        let text = lines_of(&state).join("\n");
        assert!(text.contains("task: non-zero exit (1)") && text.contains("find it"), "{text}");
        insta::assert_snapshot!(format!("tour_{width}x{height}"), picture(&state));
        let state = touring(scenario::done, width, height, "down");
        insta::assert_snapshot!(format!("tour_done_{width}x{height}"), picture(&state));
    }
}

#[test]
fn the_tour_follows_what_is_done() {
    let mut state = touring(scenario::night, 120, 40, "right");
    let next = |state: &State| state.tour.as_ref().unwrap().next();
    let key = |state: &State| instruction(state).unwrap().key.map(|(key, _)| key);
    for (step, keys) in [
        (TourStep::Find, "enter"),
        (TourStep::Changed, "h"),
        // The pins cannot be opened from the history.
        (TourStep::Pin, "esc"),
        (TourStep::Pin, "p"),
    ] {
        assert_eq!((next(&state), key(&state).as_deref()), (Some(step), Some(keys)));
        press(&mut state, keys);
    }
    assert_eq!(next(&state), Some(TourStep::Plan));
    let state = touring(scenario::done, 120, 40, "down");
    assert_eq!((next(&state), key(&state).as_deref()), (Some(TourStep::Undo), Some("h")));
}

#[test]
fn one_key_puts_the_tour_away_and_takes_it_out_again() {
    let mut state = touring(scenario::night, 80, 24, "right");
    let shown = |state: &State| lines_of(state).join("\n").contains("find it");
    for after in [false, true] {
        press(&mut state, "F");
        assert_eq!(shown(&state), after);
        assert!(lines_of(&state).last().unwrap().contains("F tour"));
    }
    let mut other = scenario::night(80, 24);
    press(&mut other, "F");
    assert!(lines_of(&other).last().unwrap().contains("only `pinnace demo` has a tour"));
}
