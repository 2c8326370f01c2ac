//! The screens, one folder each with its state, update and view, and the dispatch to the top screen.

pub mod candidates;
pub mod change;
pub mod fleet;
pub mod history;
pub mod image;
pub mod logs;
pub mod pins;
pub mod plan;
pub mod service;

use crate::action::{Action, KeyContext};
use crate::availability::rollback_goal;
use crate::clusters::ClusterId;
use crate::dialogs::palette::{is_motion, is_typing};
use crate::dialogs::state::PromptPurpose;
use crate::msg::Effect;
use crate::rollback_target::is_choice;
use crate::screens::candidates::state::CandidatesState;
use crate::screens::change::state::ChangeId;
use crate::screens::change::state::ChangeScreenState;
use crate::screens::history::state::{HistoryScope, HistoryState};
use crate::screens::image::state::ImageState;
use crate::screens::logs::state::LogsState;
use crate::screens::pins::state::{PinsMode, PinsState};
use crate::screens::plan::state::PlanState;
use crate::screens::service::state::ServiceState;
use crate::selection::Selection;
use crate::state::State;
use pinnace_core::plan::{DriftResolution, Goal, Scope};
use pinnace_core::registry::FactQuery;
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::GroupKey;
use std::collections::BTreeSet;

/// The result of offering an action to a screen.
#[must_use]
#[derive(Debug)]
pub(crate) enum ActionOutcome {
    /// An action that the screen carried out.
    Handled,
    /// An action that means nothing to the screen, or nothing now.
    NotMine,
    /// A request to open another screen on top.
    Open(NavigationTarget),
}

impl ActionOutcome {
    /// Converts a flag: `true` to [`Self::Handled`], `false` to [`Self::NotMine`].
    pub(crate) fn handled(is_handled: bool) -> Self {
        if is_handled { Self::Handled } else { Self::NotMine }
    }
}

/// A screen to open on top of the current one; `update` opens it.
#[derive(Debug)]
pub(crate) enum NavigationTarget {
    /// The screen of a service, in its initial state.
    Service(service::state::ServiceState),
    /// The history screen, for the current selection.
    History,
    /// The screen of a change.
    Change(ClusterId, GroupKey, ChangeId),
    /// The screen of a plan for this goal, which is made on opening.
    Plan(ClusterId, Goal),
}

/// The actions that every screen offers: they act on the selection or on the console itself.
const EVERYWHERE: &[Action] = &[
    Action::Quit,
    Action::ForceQuit,
    Action::Suspend,
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
    Action::Candidates,
    Action::Rollback,
    Action::Redeploy,
    Action::ToPin,
    Action::AcceptDrift,
    Action::Login,
    Action::CopyFix,
];

/// Lists the actions that only the screen of this context has, without cursor movement.
const fn own(context: KeyContext) -> &'static [Action] {
    match context {
        KeyContext::Fleet => fleet::update::ACTIONS,
        KeyContext::Service => service::update::ACTIONS,
        KeyContext::Pins | KeyContext::Editor | KeyContext::Complete => pins::update::ACTIONS,
        KeyContext::Plan => plan::update::ACTIONS,
        KeyContext::Change => change::update::ACTIONS,
        KeyContext::History => history::update::ACTIONS,
        KeyContext::Candidates => candidates::update::ACTIONS,
        KeyContext::Logs => logs::update::ACTIONS,
        KeyContext::Image => image::update::ACTIONS,
        KeyContext::Messages
        | KeyContext::Help
        | KeyContext::Ask
        | KeyContext::Prompt
        | KeyContext::Palette
        | KeyContext::Global => &[],
    }
}

/// Lists the actions that the screen of a context carries out, without cursor movement and typing.
pub fn actions(context: KeyContext) -> impl Iterator<Item = Action> {
    own(context).iter().chain(EVERYWHERE).copied()
}

/// Returns whether the screen of a context can carry an action out in any state.
pub(crate) fn carries_out(context: KeyContext, action: Action) -> bool {
    is_motion(action) || is_typing(action) || actions(context).any(|one| one == action)
}

/// A screen on the stack above the fleet screen.
#[derive(Clone, Debug)]
pub enum Screen {
    /// The tasks, settings and changes of a service.
    Service(ServiceState),
    /// A list of changes.
    History(HistoryState),
    /// The log of a service.
    Logs(LogsState),
    /// The pin editor of a group.
    Pins(Box<PinsState>),
    /// A plan under review.
    Plan(Box<PlanState>),
    /// A change: running, unfinished or finished.
    Change(ChangeScreenState),
    /// The rollback candidates of a service.
    Candidates(Box<CandidatesState>),
    /// The details of an image.
    Image(Box<ImageState>),
}

/// Returns the keymap section of the top screen.
pub(crate) fn context(state: &State) -> KeyContext {
    match state.screens.last() {
        None => KeyContext::Fleet,
        Some(Screen::Service(_)) => KeyContext::Service,
        Some(Screen::History(_)) => KeyContext::History,
        Some(Screen::Logs(_)) => KeyContext::Logs,
        Some(Screen::Pins(pins)) if pins.mode == PinsMode::Editing && pins.complete.is_some() => KeyContext::Complete,
        Some(Screen::Pins(pins)) if pins.mode == PinsMode::Editing => KeyContext::Editor,
        Some(Screen::Pins(_)) => KeyContext::Pins,
        Some(Screen::Plan(_)) => KeyContext::Plan,
        Some(Screen::Change(_)) => KeyContext::Change,
        Some(Screen::Candidates(_)) => KeyContext::Candidates,
        Some(Screen::Image(_)) => KeyContext::Image,
    }
}

/// Returns the top screen's title, shown after the cluster's name; empty for the fleet.
pub(crate) fn place(state: &State) -> String {
    match state.screens.last() {
        None => String::new(),
        Some(Screen::Service(screen)) => clean(&screen.name),
        Some(Screen::Logs(screen)) => format!("{} › log", clean(&screen.name)),
        Some(Screen::History(screen)) => match &screen.span {
            HistoryScope::All => "changes".to_owned(),
            HistoryScope::Group(group) => format!("{} › changes", clean(&group.name)),
            HistoryScope::Service(_, name) => format!("{} › changes", clean(name)),
        },
        Some(Screen::Pins(screen)) => format!("{} › pins", clean(&screen.group.name)),
        Some(Screen::Plan(screen)) => format!("{} › plan", clean(&screen.goal.group().name)),
        Some(Screen::Change(screen)) => format!("{} › change", clean(&screen.group.name)),
        Some(Screen::Candidates(screen)) => format!("{} › candidates", clean(&screen.name)),
        Some(Screen::Image(screen)) => format!("{} › image", clean(&screen.image.short(true))),
    }
}

/// Returns what the cursor of the top screen is on.
pub(crate) fn selection(state: &State) -> Selection<'_> {
    let cluster = |at: ClusterId| state.clusters.get(at);
    match state.screens.last() {
        None => state.fleet.selection(state.active, state.cluster()),
        Some(Screen::Service(screen)) => screen.selection(cluster(screen.cluster)),
        Some(Screen::History(screen)) => screen.selection(cluster(screen.cluster)),
        Some(Screen::Logs(screen)) => screen.selection(cluster(screen.cluster)),
        Some(Screen::Pins(screen)) => screen.selection(cluster(screen.cluster)),
        Some(Screen::Plan(screen)) => screen.selection(cluster(screen.cluster)),
        Some(Screen::Change(screen)) => {
            screen.selection(change::selectors::shown(state, screen).as_ref(), cluster(screen.cluster))
        }
        Some(Screen::Candidates(screen)) => screen.selection(cluster(screen.cluster)),
        Some(Screen::Image(screen)) => screen.selection(),
    }
}

/// Offers an action to the top screen.
pub(crate) fn run(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> ActionOutcome {
    match state.screens.last() {
        None => fleet::update::run(state, action, effects),
        Some(Screen::Service(_)) => service::update::run(state, action, effects),
        Some(Screen::History(_)) => history::update::run(state, action, effects),
        Some(Screen::Logs(_)) => logs::update::run(state, action, effects),
        Some(Screen::Pins(_)) => pins::update::run(state, action, effects),
        Some(Screen::Plan(_)) => plan::update::run(state, action, effects),
        Some(Screen::Change(_)) => change::update::run(state, action, effects),
        Some(Screen::Candidates(_)) => candidates::update::run(state, action, effects),
        Some(Screen::Image(_)) => image::update::run(state, action, effects),
    }
}

/// Returns the ids of the services whose tasks the top screen shows.
pub(crate) fn in_view(state: &State) -> Vec<String> {
    match state.screens.last() {
        None => fleet::selectors::visible(state).filter_map(|row| row.service.clone()).collect(),
        Some(Screen::Service(screen)) => vec![screen.service.clone()],
        Some(Screen::Candidates(screen)) => vec![screen.service.clone()],
        Some(Screen::Logs(screen)) => vec![screen.service.clone()],
        Some(Screen::History(_) | Screen::Image(_)) => Vec::new(),
        Some(Screen::Pins(screen)) => of_group(state, screen.cluster, &screen.group),
        Some(Screen::Plan(screen)) => of_group(state, screen.cluster, screen.goal.group()),
        Some(Screen::Change(screen)) => of_group(state, screen.cluster, &screen.group),
    }
}

fn of_group(state: &State, cluster: ClusterId, group: &GroupKey) -> Vec<String> {
    let world = state.clusters.get(cluster).map(|cluster| &cluster.world);
    world.map_or_else(Vec::new, |world| world.members(group).map(|service| service.id.clone()).collect())
}

/// Returns the queries for what the top screen needs and does not know yet: change records, images, tags.
pub(crate) fn queries(state: &State) -> BTreeSet<FactQuery> {
    match state.screens.last() {
        None => fleet::selectors::queries(state),
        Some(Screen::Service(screen)) => service::selectors::queries(state, screen),
        Some(Screen::History(screen)) => history::selectors::queries(state, screen),
        Some(Screen::Pins(screen)) => pins::selectors::queries(state, screen),
        Some(Screen::Plan(screen)) => screen.queries().clone(),
        Some(Screen::Change(screen)) => change::selectors::queries(state, screen),
        Some(Screen::Candidates(screen)) => candidates::selectors::queries(state, screen),
        Some(Screen::Image(screen)) => image::selectors::queries(state, screen),
        Some(Screen::Logs(_)) => BTreeSet::new(),
    }
}

/// Returns the current text of this input line on the top screen; `None` if the screen has no line for this use.
pub(crate) fn line(state: &State, what: PromptPurpose) -> Option<&str> {
    match state.screens.last() {
        None => (what == PromptPurpose::Filter).then(|| state.fleet.filter.typed()),
        Some(Screen::Logs(logs)) => logs.line(what),
        Some(Screen::History(history)) => (what == PromptPurpose::Filter).then(|| history.filter.typed()),
        Some(Screen::Plan(plan)) => (what == PromptPurpose::Reason).then_some(plan.why.as_str()),
        Some(_) => None,
    }
}

/// Stores the text typed so far in this input line of the top screen.
pub(crate) fn take_line(state: &mut State, what: PromptPurpose, text: &str) {
    match state.screens.last_mut() {
        None => fleet::update::set_filter(state, text),
        Some(Screen::Logs(logs)) => logs::update::take_line(logs, what, text),
        Some(Screen::History(history)) => history::update::set_filter(history, text),
        Some(Screen::Plan(plan)) => text.clone_into(&mut plan.why),
        Some(_) => {}
    }
}

/// Opens the screen that this action opens from anywhere; returns false if the action opens none.
pub(crate) fn opened(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    match action {
        Action::Logs => logs::update::open(state, effects),
        Action::History => open_history(state),
        Action::Pins => pins::update::open(state, effects),
        Action::Inspect => image::update::open(state),
        Action::Candidates => candidates::update::open(state),
        Action::Rollback if context(state) == KeyContext::Change => return false,
        Action::Rollback if chooses(state) => candidates::update::open(state),
        Action::Rollback => plan::update::open_back(state),
        Action::Redeploy => plan::update::open_redeploy(state),
        Action::ToPin => plan::update::open_drift(state, DriftResolution::Back),
        Action::AcceptDrift => plan::update::open_drift(state, DriftResolution::Accept),
        _ => return false,
    }
    true
}

/// Returns whether the rollback key opens the list of candidates, because a plan would have no target.
fn chooses(state: &State) -> bool {
    let of_service = matches!(rollback_goal(state), Ok((_, Goal::Back { scope: Scope::Service(_), to: None, .. })));
    of_service && is_choice(state)
}

/// Opens the history; on the fleet, an unfinished change of the selected group takes precedence.
fn open_history(state: &mut State) {
    let Selection { cluster, group, .. } = Selection::of(state);
    let group = group.filter(|_| state.screens.is_empty());
    if !group.is_some_and(|group| change::update::open_group(state, cluster, &group)) {
        history::update::open(state);
    }
}
