//! The screens: each in its folder with its state, its update and its view.

pub mod candidates;
pub mod change;
pub mod fleet;
pub mod history;
pub mod image;
pub mod logs;
pub mod pins;
pub mod plan;
pub(crate) mod screen;
pub mod service;

use crate::action::{Action, Context};
use crate::clusters::ClusterId;
use crate::dialogs::palette::{is_motion, is_typing};
use crate::screens::change::state::ChangeId;
use pinnace_core::plan::Goal;
use pinnace_core::swarm::GroupKey;

/// What a screen made of an action.
#[must_use]
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It carried it out.
    Handled,
    /// It does nothing with it.
    NotMine,
    /// It wants this screen to be opened over it.
    Open(Opening),
}

impl Outcome {
    /// Whether it was carried out.
    pub(crate) fn handled(is_handled: bool) -> Self {
        if is_handled { Self::Handled } else { Self::NotMine }
    }
}

/// A screen to open over another; `update` carries it out.
#[derive(Debug)]
pub(crate) enum Opening {
    /// This service.
    Service(service::state::ServiceState),
    /// The changes of what the keys act on.
    History,
    /// A change.
    Change(ClusterId, GroupKey, ChangeId),
    /// The plan of a goal.
    Plan(ClusterId, Goal),
}

/// The actions of any screen: they act on the selection, or on the console itself.
const EVERYWHERE: &[Action] = &[
    Action::Quit,
    Action::ForceQuit,
    Action::Redraw,
    Action::Refresh,
    Action::Tour,
    Action::Help,
    Action::Messages,
    Action::Palette,
    Action::ThemePicker,
    Action::Back,
    Action::Logs,
    Action::History,
    Action::Pins,
    Action::Inspect,
    Action::Earlier,
    Action::Rollback,
    Action::Redeploy,
    Action::ToPin,
    Action::AcceptDrift,
    Action::Login,
    Action::CopyFix,
];

/// The actions of the screen of a context alone, besides moving about.
const fn own(context: Context) -> &'static [Action] {
    match context {
        Context::Fleet => fleet::update::ACTIONS,
        Context::Service => service::update::ACTIONS,
        Context::Pins | Context::Editor | Context::Complete => pins::update::ACTIONS,
        Context::Plan => plan::update::ACTIONS,
        Context::Change => change::update::ACTIONS,
        Context::History => history::update::ACTIONS,
        Context::Earlier => candidates::update::ACTIONS,
        Context::Logs => logs::update::ACTIONS,
        Context::Image => image::update::ACTIONS,
        Context::Messages | Context::Help | Context::Ask | Context::Prompt | Context::Palette | Context::Global => &[],
    }
}

/// Lists the actions that the screen of a context carries out, besides moving about and typing.
pub fn actions(context: Context) -> impl Iterator<Item = Action> {
    own(context).iter().chain(EVERYWHERE).copied()
}

/// Returns whether the screen of a context carries an action out at all.
pub(crate) fn carries_out(context: Context, action: Action) -> bool {
    is_motion(action) || is_typing(action) || actions(context).any(|one| one == action)
}
