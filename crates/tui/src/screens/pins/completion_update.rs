//! The update of the completion list: opening it, choosing, and inserting an image.

use crate::action::Action;
use crate::screens::pins::completion as complete;
use crate::screens::pins::completion::{CompletionState, OLD, renewed, rows, under_cursor};
use crate::state::{Screen, State};
use pinnace_core::registry::Fact;
use pinnace_core::registry::FactQuery;

use crate::screens::pins::update as pins;
use crate::update::motion;

/// Opens the list under the cursor's line, with the images known so far.
pub(crate) fn open(state: &mut State) {
    let Some(list) = complete::opened(state) else { return };
    forget_old(state, list.first.as_deref());
    if let Some(list) = renewed(state, list, true) {
        set(state, Some(list));
    }
}

/// Drops a repository's tags that failed to load or are old, so that they are looked up again.
fn forget_old(state: &mut State, repository: Option<&str>) {
    let (Some(Screen::Pins(screen)), Some(repository)) = (state.screens.last(), repository) else { return };
    let now = state.now;
    let Some(cluster) = state.clusters.get_mut(screen.cluster) else { return };
    let old = match cluster.facts.tags(repository) {
        Fact::Known { at, .. } => now.since(*at) >= OLD,
        Fact::Failed { .. } => true,
        Fact::Unknown | Fact::Pending => false,
    };
    if old {
        cluster.facts.renew(&FactQuery::Tags(repository.to_owned()));
    }
}

fn set(state: &mut State, list: Option<CompletionState>) {
    if let Some(Screen::Pins(screen)) = state.screens.last_mut() {
        screen.complete = list;
    }
}

fn take_list(state: &mut State) -> Option<CompletionState> {
    match state.screens.last_mut() {
        Some(Screen::Pins(screen)) => screen.complete.take(),
        _ => None,
    }
}

/// Updates the open list after every message: with the typed text and new
/// facts. Closes it if the cursor left its line.
pub(crate) fn after_message(state: &mut State, moved: bool) {
    if let Some(list) = take_list(state) {
        let list = renewed(state, list, moved);
        set(state, list);
    }
}

/// Offers an action to the list; returns whether the list is open and carried the action out.
pub(crate) fn run(state: &mut State, action: Action) -> bool {
    let page = rows(state);
    let Some(Screen::Pins(screen)) = state.screens.last_mut() else { return false };
    let Some(list) = &mut screen.complete else { return false };
    match action {
        Action::Open => take(state),
        Action::Back => screen.complete = None,
        // A list that is opened again is loaded again.
        Action::Complete => open(state),
        _ => {
            let Some(at) = motion::moved(action, list.index(), list.found.len(), page) else { return false };
            list.chosen = list.found.get(at).map(|pick| list.text(*pick).to_owned());
        }
    }
    true
}

/// Inserts the chosen image and closes the list; the rest of the line stays.
fn take(state: &mut State) {
    let Some(list) = take_list(state) else { return };
    let Some(pick) = list.found.get(list.index()) else { return };
    let value = list.text(*pick).to_owned();
    let Some((_, text)) = complete::typing(state) else { return };
    let Some(spot) = under_cursor(text) else { return };
    let line = text.editor.cursor().0;
    let touches = text.editor.lines().get(line).and_then(|it| it.chars().nth(spot.outer.start.saturating_sub(1)));
    let gap = if touches == Some('=') && spot.outer.is_empty() { " " } else { "" };
    let end = spot.outer.start + gap.len() + value.chars().count() + 1;
    pins::edit(state, |editor| {
        editor.replace_in_line(spot.outer, &format!("{gap}\"{value}\""));
        // The cursor goes before the closing quote, so that typing can continue there.
        editor.jump(line, end);
    });
}
