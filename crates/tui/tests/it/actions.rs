//! Tests that every available action has an effect on its screen.

use pinnace_core::time::Time;
use pinnace_tui::action::{Action, KeyContext};
use pinnace_tui::availability::available;
use pinnace_tui::clusters::ClusterId;
use pinnace_tui::dialogs::line_input::LineInput;
use pinnace_tui::dialogs::palette::{PaletteChoice, PaletteItem, PaletteState, is_motion};
use pinnace_tui::msg::Effect;
use pinnace_tui::screens::actions;
use pinnace_tui::state::{Dialog, State};

use crate::fixture::{self, bad_night, console, press, seen, six_nodes};
use crate::scenario;

/// Returns the states to test in, by name.
fn states() -> Vec<(String, State)> {
    let night = || {
        let mut state = console(120, 40, seen(bad_night(6), six_nodes(), Vec::new()));
        scenario::send(
            &mut state,
            pinnace_tui::msg::Msg::Observed { cluster: ClusterId::FIRST, seen: fixture::history() },
        );
        state
    };
    let mut all = Vec::new();
    for keys in [
        "",
        "g g",
        "down",
        "end",
        "tab",
        "tab tab",
        "/ w e b enter",
        "/ w e b enter enter",
        "/ x x x x enter",
        "enter",
        "enter tab",
        "enter tab tab",
        "h",
        "h end",
        "h enter",
        "h / x x x enter",
        "l",
        "B",
        "B end",
        "B i",
        "i",
        "d",
        "p",
        "R",
        "enter h",
        "enter B",
        "h B",
        "h i",
        "h R",
    ] {
        let mut state = night();
        press(&mut state, keys);
        all.push((format!("night, {keys}"), state));
    }
    for name in ["pins", "pins-bad", "plan", "back", "working", "asking", "stuck", "done", "left"] {
        for keys in ["", "esc", "enter", "n", "end", "h", "i"] {
            let mut state = scenario::told(name, 120, 40).unwrap();
            press(&mut state, keys);
            all.push((format!("{name}, {keys}"), state));
        }
    }
    all
}

/// Runs an action, whether or not it has a key here.
fn carry_out(state: &mut State, action: Action) -> Vec<Effect> {
    let pick = PaletteChoice::Action(action);
    let item = PaletteItem { pick, name: "it".into(), keys: String::new(), help: String::new(), why_not: None };
    state.modal = Some(Dialog::Palette(PaletteState { line: LineInput::default(), at: 0, items: vec![item] }));
    press(state, "enter")
}

/// Returns the state as text, without the fields that any key changes.
fn state_text(state: &State) -> String {
    let mut state = state.clone();
    (state.now, state.last_key, state.attended) = (Time(0), None, None);
    state.pending.clear();
    format!("{state:?}")
}

/// Returns whether a move to the next trouble has an effect from the top: here the cursor may already be on the
/// only one.
fn moves_from_the_top(state: &State, action: Action) -> bool {
    let mut top = state.clone();
    press(&mut top, "home");
    let before = state_text(&top);
    let is_move = matches!(action, Action::NextTrouble | Action::PreviousTrouble);
    is_move && (!carry_out(&mut top, action).is_empty() || state_text(&top) != before)
}

#[test]
fn every_action_that_is_possible_does_something() {
    let mut silent = Vec::new();
    for (name, mut state) in states() {
        if state.modal.is_some() {
            continue;
        }
        // The first key also sends the queries that wait for one.
        press(&mut state, "f12");
        let context = state.screen_context();
        // The editor does not report whether it can undo; `Open` in the text works only while completions are
        // listed.
        let excused = |action: Action| {
            is_motion(action)
                || matches!(action, Action::Undo | Action::Redo | Action::Edit | Action::LeaveEditor)
                || (action == Action::Open && matches!(context, KeyContext::Editor | KeyContext::Pins))
        };
        let before = state_text(&state);
        for action in actions(context).filter(|action| !excused(*action)) {
            if available(&state, action).is_err() {
                continue;
            }
            let mut after = state.clone();
            let effects = carry_out(&mut after, action);
            if effects.is_empty() && state_text(&after) == before && !moves_from_the_top(&state, action) {
                silent.push(format!("{name}: {action}"));
            }
        }
    }
    assert!(silent.is_empty(), "possible, and nothing happens:\n{}", silent.join("\n"));
}
