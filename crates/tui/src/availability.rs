//! Availability of actions: whether an action is possible now, and the reason if not. The footer dims an
//! unavailable action, and pressing its key shows the reason.

mod changes;

use crate::action::{Action, KeyContext};
use crate::dialogs::state::PromptPurpose;
use crate::screens;
use pinnace_core::plan::DriftResolution;

use crate::dialogs::state::Dialog;
use crate::screens::carries_out;
use crate::screens::fleet::rows::FleetRow;
use crate::screens::fleet::state::FleetPane;
use crate::screens::service::state::ServiceTab;
use crate::screens::service::tasks::is_bad;
use crate::selection::Selection;
use crate::state::{Screen, State};

pub(crate) use changes::{drift_goal, rollback_goal};

/// The reason why an action is not possible now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// No service under the cursor.
    NoService,
    /// No row under the cursor.
    NoRow,
    /// No filter set.
    NoFilter,
    /// No problem to show or to jump to.
    NothingWrong,
    /// No foldable row under the cursor.
    NothingToFold,
    /// A service or group that no longer exists, and so has neither tasks nor logs.
    Gone,
    /// No known earlier image that ran well.
    NoRollbackTarget,
    /// A rollback that was already made and still stands, with the id of its change.
    AlreadyRolledBack(String),
    /// An action that this screen does not have.
    NotHere,
    /// Data that is still being read.
    Reading,
    /// Pin text that equals the pins in force.
    NotEdited,
    /// No pinned image here.
    NoPins,
    /// No image at the text cursor.
    NoImage,
    /// Another obstacle, as a message: what blocks the plan, or why an image reference is invalid.
    Obstacle(String),
    /// No drift: what runs matches the pins in force, or there is no pin.
    NoDrift,
    /// The image that the service already has.
    RunsIt,
    /// A plan without warnings.
    NoWarnings,
    /// A plan without units that roll back to an image that no registry confirms.
    AllVerified,
    /// A plan without anything that the action applies to.
    NothingPlanned,
    /// A plan that is not a redeploy.
    NoRedeploy,
    /// An incomplete or stale plan.
    Stale,
    /// A read-only cluster or console.
    ReadOnly,
    /// A change that is not finished.
    Unfinished,
    /// A change that has not begun yet.
    Starting,
    /// A change that has ended.
    Ended,
    /// A change that ended without success.
    NotDone,
    /// A change that this console does not carry out.
    ForeignChange,
    /// A change that waits for the operator's answer.
    Asking,
    /// A change that does not wait for an answer.
    NotAsking,
    /// A change that is already rolling back.
    RollingBack,
    /// No tour; only the demo has one.
    NoTour,
}

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoService => "choose a service first",
            Self::NoRow => "no row is selected",
            Self::NoFilter => "no filter is set",
            Self::NothingWrong => "nothing is wrong here",
            Self::NothingToFold => "nothing to fold here",
            Self::Gone => "the service no longer exists; the history shows what it ran",
            Self::NoRollbackTarget => "no other image of this service is known; pin the one it should run",
            Self::AlreadyRolledBack(change) => {
                return write!(f, "already rolled back by change {change}, and no other image is known");
            }
            Self::NotHere => "not on this screen",
            Self::Reading => "it is still loading",
            Self::NotEdited => "the text equals the pins in force",
            Self::NoPins => "no image is pinned here: nothing to make permanent",
            Self::NoImage => "the cursor is not inside an `image = \"…\"`",
            Self::Obstacle(why) => return f.write_str(why),
            Self::NoDrift => "no drift: nothing here differs from a pin in force",
            Self::RunsIt => "the service already has this image",
            Self::NoWarnings => "the plan has no warnings",
            Self::AllVerified => "no unit of this plan rolls back to an unverified image",
            Self::NothingPlanned => "the plan has no unit that this applies to",
            Self::NoRedeploy => "only in the plan of a redeploy (`d`)",
            Self::Stale => "the plan is incomplete or out of date",
            Self::ReadOnly => "this cluster is read-only here",
            Self::Unfinished => "the change is unfinished; press enter to open it",
            Self::Starting => "the change has not begun yet",
            Self::Ended => "the change has ended",
            Self::NotDone => "the change did not succeed: nothing to make permanent",
            Self::ForeignChange => "this console does not run the change",
            Self::Asking => "the change waits for your answer: continue, roll back or keep as is",
            Self::NotAsking => "the change does not wait for an answer",
            Self::RollingBack => "the change is already rolling back",
            Self::NoTour => "only `pinnace demo` has a tour",
        })
    }
}

/// Checks whether an action is possible in the current context: in the open dialog, else on the top screen.
pub fn available(state: &State, action: Action) -> Result<(), Unavailable> {
    if state.modal.is_some() {
        return in_modal(state, action);
    }
    available_under(state, action)
}

/// Checks whether an action is possible on the top screen, regardless of an open dialog.
pub(crate) fn available_under(state: &State, action: Action) -> Result<(), Unavailable> {
    if !carries_out(state.screen_context(), action) {
        return Err(Unavailable::NotHere);
    }
    match state.screens.last() {
        _ if matches!(
            action,
            Action::ToPin
                | Action::AcceptDrift
                | Action::Rollback
                | Action::Redeploy
                | Action::Pins
                | Action::Candidates
                | Action::Logs
                | Action::Tour
                | Action::Inspect
                | Action::CopyFix
        ) => {}
        Some(Screen::Pins(_)) => return changes::on_pins(state, action),
        Some(Screen::Plan(screen)) => return changes::on_plan(state, screen, action),
        Some(Screen::Change(_)) => return changes::on_change(state, action),
        _ => {}
    }
    match action {
        Action::Rollback => changes::rollback(state),
        Action::Logs => Selection::of(state).service_id().map(drop),
        Action::Candidates => crate::screens::candidates::selectors::listable(state).map(drop),
        Action::Open if state.screen_context() == KeyContext::Candidates => changes::on_earlier(state),
        Action::Pins => changes::pins_of(state),
        Action::Redeploy => changes::redeploy(state),
        Action::ToPin | Action::AcceptDrift => drift_goal(state, DriftResolution::Back).map(drop),
        Action::Inspect if state.screen_context() == KeyContext::Image => Err(Unavailable::NotHere),
        Action::Inspect => Selection::of(state).image_ref().map(drop),
        Action::Files => crate::screens::image::selectors::readable(state),
        Action::ClearFilter => has_filter(state),
        Action::NextTrouble | Action::PreviousTrouble => trouble(state),
        Action::Open if state.screen_context() == KeyContext::Fleet => a_row(state),
        Action::Open | Action::Details | Action::Copy if state.screen_context() == KeyContext::History => {
            Selection::of(state).change.map(drop).ok_or(Unavailable::NoRow)
        }
        Action::ToggleFold => foldable(state),
        Action::Details => details(state),
        Action::CopyFix => crate::permanent_fix::is_there(state),
        Action::Tour => state.tour.as_ref().map(|_| ()).ok_or(Unavailable::NoTour),
        Action::Copy => match state.screens.last() {
            None => Selection::of(state).service().map(drop),
            Some(_) => Ok(()),
        },
        _ => Ok(()),
    }
}

fn has_filter(state: &State) -> Result<(), Unavailable> {
    match screens::line(state, PromptPurpose::Filter) {
        None => Err(Unavailable::NotHere),
        Some("") => Err(Unavailable::NoFilter),
        Some(_) => Ok(()),
    }
}

fn trouble(state: &State) -> Result<(), Unavailable> {
    match state.screens.last() {
        None if state.fleet.pane == FleetPane::Services && state.fleet.rows.iter().any(FleetRow::is_trouble) => Ok(()),
        Some(Screen::Service(screen)) => {
            let one = state.clusters.get(screen.cluster);
            let bad = one.is_some_and(|one| one.world.tasks(&screen.service).iter().any(is_bad));
            if bad { Ok(()) } else { Err(Unavailable::NothingWrong) }
        }
        _ => Err(Unavailable::NothingWrong),
    }
}

fn a_row(state: &State) -> Result<(), Unavailable> {
    let empty = state.fleet.pane == FleetPane::Services && state.fleet.rows.is_empty();
    if empty { Err(Unavailable::NoRow) } else { Ok(()) }
}

fn foldable(state: &State) -> Result<(), Unavailable> {
    match (state.screens.last(), state.row()) {
        (None, Some(FleetRow::Service(row))) if !row.nested => Err(Unavailable::NothingToFold),
        (None, Some(_)) if state.fleet.pane == FleetPane::Services => Ok(()),
        _ => Err(Unavailable::NothingToFold),
    }
}

fn details(state: &State) -> Result<(), Unavailable> {
    if matches!(state.screens.last(), Some(Screen::Service(screen)) if screen.tab != ServiceTab::Tasks) {
        return Err(Unavailable::NoRow);
    }
    let any = state.screens.last().is_some() || matches!(state.row(), Some(FleetRow::Service(_)));
    if any || crate::banner::banner(state).is_some() { Ok(()) } else { Err(Unavailable::NothingWrong) }
}

fn in_modal(state: &State, action: Action) -> Result<(), Unavailable> {
    match (&state.modal, action) {
        (_, Action::Tour) if state.tour.is_none() => Err(Unavailable::NoTour),
        (Some(Dialog::Messages(_)), Action::Details | Action::Copy) if state.messages.is_empty() => {
            Err(Unavailable::NoRow)
        }
        _ => Ok(()),
    }
}
