//! The update of the log screen: incoming lines, and its actions.

use crate::clusters::ClusterId;
use crate::dialogs::state::PromptPurpose;
use crate::filter::TextFilter;
use crate::screens::ActionOutcome;
use std::collections::VecDeque;

use crate::action::Action;
use crate::layout;
use crate::msg::{Effect, LogLine};
use crate::screens::logs::state::LogsState;
use crate::selection::Selection;
use crate::state::{Screen, State};
use pinnace_core::sanitize::clean;

use crate::update::body;
use crate::update::copy;

/// The actions that only this screen has, without cursor movement.
pub(crate) const ACTIONS: &[Action] = &[Action::Filter, Action::ClearFilter, Action::Copy];

/// The most lines kept; older ones are dropped.
const MOST: usize = 5000;

/// Opens the log of the selected service, and follows it.
pub(crate) fn open(state: &mut State, effects: &mut Vec<Effect>) {
    let selection = Selection::of(state);
    let Ok((service, name)) =
        selection.service_id().and_then(|id| Ok((id.to_owned(), selection.service()?.name.clone())))
    else {
        return;
    };
    let cluster = selection.cluster;
    state.screens.push(Screen::Logs(LogsState {
        cluster,
        service: service.clone(),
        name,
        lines: VecDeque::new(),
        filter: TextFilter::default(),
        top: None,
        ended: None,
    }));
    effects.push(Effect::FollowLogs { cluster, service });
}

fn of<'a>(state: &'a mut State, cluster: ClusterId, service: &str) -> Option<&'a mut LogsState> {
    state.screens.iter_mut().find_map(|screen| match screen {
        Screen::Logs(logs) if logs.cluster == cluster && logs.service == service => Some(logs),
        _ => None,
    })
}

/// Adds lines to an open log; lines of a log that is no longer open are dropped.
pub(crate) fn take(state: &mut State, cluster: ClusterId, service: &str, lines: Vec<LogLine>) {
    let Some(logs) = of(state, cluster, service) else { return };
    for line in lines {
        logs.lines.push_back(LogLine { text: clean(&line.text), task: clean(&line.task), ..line });
        if logs.lines.len() > MOST {
            logs.lines.pop_front();
            // The lines on the screen keep their place when an old line is dropped.
            logs.top = logs.top.map(|top| top.saturating_sub(1));
        }
    }
}

/// Records that no more lines will come, and why.
pub(crate) fn end(state: &mut State, cluster: ClusterId, service: &str, why: Option<String>) {
    if let Some(logs) = of(state, cluster, service) {
        logs.ended = Some(why.map_or_else(|| "the log has ended".to_owned(), |why| clean(&why)));
    }
}

/// Sets the filter to the text typed so far, and follows the end of the log.
fn set_filter(logs: &mut LogsState, text: &str) {
    logs.filter = TextFilter::read(text);
    logs.top = None;
}

/// Stores the text typed so far in this input line.
pub(crate) fn take_line(logs: &mut LogsState, what: PromptPurpose, text: &str) {
    match what {
        PromptPurpose::Filter => set_filter(logs, text),
        PromptPurpose::Reason => {}
    }
}

impl LogsState {
    /// Returns the lines that pass the filter.
    pub(crate) fn passing(&self) -> impl Iterator<Item = &LogLine> {
        self.lines.iter().filter(|line| self.filter.passes(&line.text))
    }
}

/// Returns the height of the log in lines.
pub(crate) fn page(state: &State) -> usize {
    usize::from(layout::titled(body(state), 1).list.height)
}

pub(crate) fn run(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> ActionOutcome {
    let page = page(state);
    let Some(Screen::Logs(logs)) = state.screens.last_mut() else { return ActionOutcome::NotMine };
    let most = logs.passing().count().saturating_sub(page);
    let top = logs.top.unwrap_or(most).min(most);
    let step = page.saturating_sub(1).max(1);
    logs.top = match action {
        Action::Down => Some(top + 1),
        Action::Up => Some(top.saturating_sub(1)),
        Action::PageDown => Some(top + step),
        Action::PageUp => Some(top.saturating_sub(step)),
        Action::Top => Some(0),
        Action::Bottom => None,
        Action::ClearFilter => {
            set_filter(logs, "");
            return ActionOutcome::Handled;
        }
        Action::Copy => {
            let text: Vec<_> = logs.passing().skip(top).take(page).map(|line| line.text.clone()).collect();
            copy(state, text.join("\n"), effects);
            return ActionOutcome::Handled;
        }
        _ => return ActionOutcome::NotMine,
    }
    // A position at the end follows new lines.
    .filter(|top| *top < most);
    ActionOutcome::Handled
}
