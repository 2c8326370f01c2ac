//! The tour through the demo: the steps that are done, the next step, and the key for it.
//!
//! A step is done when the operator performed it, in whatever way; no step is done by reading.

use std::collections::BTreeSet;

use crate::action::{Action, KeyContext};

use crate::availability::available;
use crate::dialogs::state::Dialog;
use crate::screens::pins::state::PinsState;
use crate::screens::service::state::ServiceTab;
use crate::state::{Screen, State};

/// One lesson of the tour, done by a key or an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TourStep {
    /// Finding the failing service.
    Find,
    /// Viewing what changed.
    Changed,
    /// Viewing the pins.
    Pin,
    /// Making a plan.
    Plan,
    /// Applying the plan.
    Apply,
    /// Watching the change until it ends.
    Watch,
    /// Rolling the change back.
    Undo,
}

impl TourStep {
    /// All steps, in order.
    pub const ALL: [Self; 7] = [Self::Find, Self::Changed, Self::Pin, Self::Plan, Self::Apply, Self::Watch, Self::Undo];

    /// Returns the title: one to three words.
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

    fn describe(self) -> &'static str {
        match self {
            Self::Find => "services with problems come first, with their errors",
            Self::Changed => "all changes, and what ran before",
            Self::Pin => "the image that each member should run",
            Self::Plan => "what would happen; nothing changes yet",
            Self::Apply => "this updates the services, one unit after another",
            Self::Watch => "a unit is done once its new tasks keep running; this takes half a minute",
            Self::Undo => "a rollback is a plan too: review it, then apply it",
        }
    }
}

/// The operator's progress in the tour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tour {
    /// The steps that are done.
    pub done: BTreeSet<TourStep>,
    /// True while the tour is hidden.
    pub away: bool,
}

impl Tour {
    /// Returns the step after the furthest one that is done; none at the end.
    pub fn next(&self) -> Option<TourStep> {
        let at = self.done.last().map_or(0, |last| TourStep::ALL.iter().position(|step| step == last).unwrap_or(0) + 1);
        TourStep::ALL.get(at).copied()
    }
}

/// The instruction that the tour shows now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TourInstruction {
    /// The key to press and its label; none while the operator only has to wait.
    pub key: Option<(String, &'static str)>,
    /// The instruction, one sentence.
    pub text: &'static str,
}

/// Returns whether the tour is on the screen.
pub(crate) fn is_shown(state: &State) -> bool {
    state.tour.as_ref().is_some_and(|tour| !tour.away)
}

/// Hides the tour, or shows it again.
pub(crate) fn toggle(state: &mut State) {
    if let Some(tour) = &mut state.tour {
        tour.away = !tour.away;
    }
}

/// Marks the steps that are done now.
pub(crate) fn advance(state: &mut State) {
    if state.tour.is_none() {
        return;
    }
    let done: Vec<TourStep> = TourStep::ALL.into_iter().filter(|step| is_done(state, *step)).collect();
    if let Some(tour) = &mut state.tour {
        tour.done.extend(done);
    }
}

fn is_done(state: &State, step: TourStep) -> bool {
    let any = |wanted: &dyn Fn(&Screen) -> bool| state.screens.iter().any(wanted);
    let changes = || state.clusters.iter().flat_map(|(_, cluster)| &cluster.local_changes);
    let begun = || changes().filter(|change| change.change().is_some());
    match step {
        TourStep::Find => {
            any(&|screen| matches!(screen, Screen::Service(_))) || matches!(state.modal, Some(Dialog::Detail(_)))
        }
        TourStep::Changed => any(&|screen| match screen {
            Screen::History(_) => true,
            Screen::Service(service) => service.tab == ServiceTab::Changes,
            _ => false,
        }),
        TourStep::Pin => any(&|screen| matches!(screen, Screen::Pins(_))),
        TourStep::Plan => any(&|screen| matches!(screen, Screen::Plan(_))),
        TourStep::Apply => changes().next().is_some(),
        TourStep::Watch => begun().any(|work| work.progress.ended.is_some()),
        TourStep::Undo => begun().count() > 1,
    }
}

/// Returns the next instruction, with the keys of the current keymap.
pub fn instruction(state: &State) -> Option<TourInstruction> {
    let tour = state.tour.as_ref()?;
    let Some(step) = tour.next() else {
        return Some(TourInstruction {
            key: key(state, Action::Tour),
            text: "the tour is complete; try anything, it all ends with the demo",
        });
    };
    if step == TourStep::Watch {
        return Some(TourInstruction { key: None, text: step.describe() });
    }
    let wanted = ways(state, step).iter().find_map(|action| key(state, *action));
    if wanted.is_some() {
        return Some(TourInstruction { key: wanted, text: step.describe() });
    }
    // The step is not possible from here: leave the text, or go back one screen.
    let out = [Action::LeaveEditor, Action::Back].into_iter().find_map(|action| key(state, action));
    Some(TourInstruction { key: out, text: onward(step) })
}

/// Returns the actions for a step in the current context, the best one first.
fn ways(state: &State, step: TourStep) -> &'static [Action] {
    let on_well = || !state.row().is_some_and(crate::screens::fleet::rows::FleetRow::is_trouble);
    let edited = |pins: &PinsState| pins.text.as_ref().is_some_and(crate::screens::pins::state::EditedPins::is_edited);
    match (step, state.screens.last()) {
        (TourStep::Find | TourStep::Changed | TourStep::Pin | TourStep::Plan, None) if on_well() => {
            &[Action::NextTrouble]
        }
        (TourStep::Find, None) => &[Action::Open],
        (TourStep::Pin, _) => &[Action::Pins],
        (TourStep::Plan | TourStep::Apply, Some(Screen::Pins(pins))) if edited(pins) => &[Action::Plan],
        (TourStep::Apply | TourStep::Undo, Some(Screen::Plan(_))) => {
            &[Action::Apply, Action::Acknowledge, Action::Refresh]
        }
        (TourStep::Plan | TourStep::Apply, None | Some(Screen::Pins(_) | Screen::Service(_)))
        | (TourStep::Undo, Some(Screen::History(_))) => &[Action::Rollback],
        (TourStep::Changed | TourStep::Undo, _) => &[Action::History],
        _ => &[],
    }
}

fn onward(step: TourStep) -> &'static str {
    match step {
        TourStep::Find => "then open a service with a problem",
        TourStep::Changed => "then look at what changed",
        TourStep::Pin => "then look at the pins",
        TourStep::Plan => "then open a plan",
        TourStep::Apply | TourStep::Watch => "then apply a plan",
        TourStep::Undo => "then look at the history",
    }
}

/// Returns the key and the label of an action, if it is possible here.
fn key(state: &State, action: Action) -> Option<(String, &'static str)> {
    let context = state.context();
    if action == Action::Back && context == KeyContext::Fleet {
        return None;
    }
    available(state, action).ok()?;
    let keys = state.config.keymap.keys_for(context, action)?;
    Some((keys.to_string(), action.label()))
}
