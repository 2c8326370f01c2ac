//! The tour through the demo: what was done, what comes next, and by which key.
//!
//! A step is done when the operator did it, however they came there; none is done by reading.

use std::collections::BTreeSet;

use crate::action::{Action, Context};

use crate::availability::available;
use crate::dialogs::state::Modal;
use crate::screens::pins::state::PinsState;
use crate::screens::service::state::Tab;
use crate::state::{Screen, State};

/// A step of the tour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Find what is wrong.
    Find,
    /// See what changed.
    Changed,
    /// Look at the pins.
    Pin,
    /// Make a plan.
    Plan,
    /// Apply it.
    Apply,
    /// Watch it.
    Watch,
    /// Undo it.
    Undo,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [Self::Find, Self::Changed, Self::Pin, Self::Plan, Self::Apply, Self::Watch, Self::Undo];

    /// A word or three.
    pub fn title(self) -> &'static str {
        match self {
            Self::Find => "find it",
            Self::Changed => "see what changed",
            Self::Pin => "pin",
            Self::Plan => "plan",
            Self::Apply => "apply",
            Self::Watch => "watch",
            Self::Undo => "roll back",
        }
    }

    fn told(self) -> &'static str {
        match self {
            Self::Find => "what needs you stands on top, with its error",
            Self::Changed => "every change, and what ran before",
            Self::Pin => "which image each member is to run",
            Self::Plan => "what would happen; nothing is changed yet",
            Self::Apply => "now it is done, one unit after another",
            Self::Watch => "a unit is done when its new tasks stay up; this takes half a minute",
            Self::Undo => "whatever was done goes back the same way: as a plan",
        }
    }
}

/// Where in the tour the operator is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tour {
    /// The steps that were done.
    pub done: BTreeSet<Step>,
    /// Whether it was put away.
    pub away: bool,
}

impl Tour {
    /// The step that comes next: the one after the furthest that was done.
    pub fn next(&self) -> Option<Step> {
        let at = self.done.last().map_or(0, |last| Step::ALL.iter().position(|step| step == last).unwrap_or(0) + 1);
        Step::ALL.get(at).copied()
    }
}

/// What the tour says now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The key to press and its label; none where there is only to wait.
    pub key: Option<(String, &'static str)>,
    /// A sentence.
    pub text: &'static str,
}

/// Whether the tour is on the screen.
pub(crate) fn is_shown(state: &State) -> bool {
    state.tour.as_ref().is_some_and(|tour| !tour.away)
}

/// Puts the tour away, or takes it out again.
pub(crate) fn toggle(state: &mut State) {
    if let Some(tour) = &mut state.tour {
        tour.away = !tour.away;
    }
}

/// Ticks off what was done.
pub(crate) fn advance(state: &mut State) {
    if state.tour.is_none() {
        return;
    }
    let done: Vec<Step> = Step::ALL.into_iter().filter(|step| is_done(state, *step)).collect();
    if let Some(tour) = &mut state.tour {
        tour.done.extend(done);
    }
}

fn is_done(state: &State, step: Step) -> bool {
    let any = |wanted: &dyn Fn(&Screen) -> bool| state.screens.iter().any(wanted);
    let changes = || state.clusters.iter().flat_map(|(_, cluster)| &cluster.local_changes);
    let begun = || changes().filter(|change| change.change().is_some());
    match step {
        Step::Find => {
            any(&|screen| matches!(screen, Screen::Service(_))) || matches!(state.modal, Some(Modal::Detail(_)))
        }
        Step::Changed => any(&|screen| match screen {
            Screen::History(_) => true,
            Screen::Service(service) => service.tab == Tab::Changes,
            _ => false,
        }),
        Step::Pin => any(&|screen| matches!(screen, Screen::Pins(_))),
        Step::Plan => any(&|screen| matches!(screen, Screen::Plan(_))),
        Step::Apply => changes().next().is_some(),
        Step::Watch => begun().any(|work| work.progress.ended.is_some()),
        Step::Undo => begun().count() > 1,
    }
}

/// What to do next, by the keys as they are.
pub fn told(state: &State) -> Option<Told> {
    let tour = state.tour.as_ref()?;
    let Some(step) = tour.next() else {
        return Some(Told {
            key: key(state, Action::Tour),
            text: "that was all: the world is yours, and goes with the demo",
        });
    };
    if step == Step::Watch {
        return Some(Told { key: None, text: step.told() });
    }
    let wanted = ways(state, step).iter().find_map(|action| key(state, *action));
    if wanted.is_some() {
        return Some(Told { key: wanted, text: step.told() });
    }
    // From here the step cannot be done: out of the text, or a screen back.
    let out = [Action::LeaveText, Action::Back].into_iter().find_map(|action| key(state, action));
    Some(Told { key: out, text: onward(step) })
}

/// What to do for a step where the keys are, the best way first.
fn ways(state: &State, step: Step) -> &'static [Action] {
    let on_well = || !state.row().is_some_and(crate::screens::fleet::rows::Row::is_trouble);
    let edited = |pins: &PinsState| pins.text.as_ref().is_some_and(crate::screens::pins::state::PinText::is_edited);
    match (step, state.screens.last()) {
        (Step::Find | Step::Changed | Step::Pin | Step::Plan, None) if on_well() => &[Action::NextTrouble],
        (Step::Find, None) => &[Action::Open],
        (Step::Pin, _) => &[Action::Pins],
        (Step::Plan | Step::Apply, Some(Screen::Pins(pins))) if edited(pins) => &[Action::Plan],
        (Step::Apply | Step::Undo, Some(Screen::Plan(_))) => &[Action::Apply, Action::Acknowledge, Action::Refresh],
        (Step::Plan | Step::Apply, None | Some(Screen::Pins(_) | Screen::Service(_)))
        | (Step::Undo, Some(Screen::History(_))) => &[Action::Rollback],
        (Step::Changed | Step::Undo, _) => &[Action::History],
        _ => &[],
    }
}

fn onward(step: Step) -> &'static str {
    match step {
        Step::Find => "then look at what needs you",
        Step::Changed => "then look at what changed",
        Step::Pin => "then look at the pins",
        Step::Plan => "then make a plan",
        Step::Apply | Step::Watch => "then apply a plan",
        Step::Undo => "then look at the history",
    }
}

/// An action's key here with its label, if it can be pressed to some effect.
fn key(state: &State, action: Action) -> Option<(String, &'static str)> {
    let context = state.context();
    if action == Action::Back && context == Context::Fleet {
        return None;
    }
    available(state, action).ok()?;
    let keys = state.config.keymap.keys_for(context, action)?;
    Some((keys.to_string(), action.label()))
}
