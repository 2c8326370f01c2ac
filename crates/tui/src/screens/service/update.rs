//! The update of the service screen.

use crate::action::Action;
use crate::dialogs::state::{Dialog, TextDialog};
use crate::layout;
use crate::msg::Effect;
use crate::screens::history::state as history;
use crate::screens::history::state::HistoryScope;
use crate::screens::service::state::{ServiceState, ServiceTab};
use crate::screens::service::tasks;
use crate::screens::{ActionOutcome, NavigationTarget};
use crate::selection::Selection;
use crate::state::{Screen, ScrollState, State};
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::Task;

use crate::update::SERVICE_SUMMARY;
use crate::update::body;
use crate::update::copy;
use crate::update::motion;

/// The actions that only this screen has, without cursor movement.
pub(crate) const ACTIONS: &[Action] = &[
    Action::Open,
    Action::Details,
    Action::NextTrouble,
    Action::PreviousTrouble,
    Action::Copy,
    Action::NextPane,
    Action::PreviousPane,
    Action::Left,
    Action::Right,
];

/// Returns the height of the list in lines.
fn page(state: &State) -> usize {
    // Two lines are taken: the tabs, and the column headings.
    usize::from(layout::titled(body(state), SERVICE_SUMMARY).list.height.saturating_sub(2))
}

pub(crate) fn run(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> ActionOutcome {
    let page = page(state);
    let Some(Screen::Service(screen)) = state.screens.last() else { return ActionOutcome::NotMine };
    let len = length(state, screen);
    let screen = screen.clone();
    match action {
        Action::NextPane | Action::PreviousPane | Action::Left | Action::Right => {
            let forward = matches!(action, Action::NextPane | Action::Right);
            with(state, |screen| turn(screen, forward));
        }
        Action::NextTrouble | Action::PreviousTrouble => {
            next_bad(state, &screen, page, action == Action::NextTrouble);
        }
        Action::Open if screen.tab == ServiceTab::Changes => return ActionOutcome::Open(NavigationTarget::History),
        Action::Open | Action::Details => details(state, &screen),
        Action::Copy => {
            let image = Selection::of(state).image.map_or(screen.name, |image| clean(&image.text));
            copy(state, image, effects);
        }
        _ => {
            let mut is_move = false;
            with(state, |screen| is_move = motion::scroll(&mut screen.scroll, action, len, page));
            return ActionOutcome::handled(is_move);
        }
    }
    ActionOutcome::Handled
}

fn with(state: &mut State, act: impl FnOnce(&mut ServiceState)) {
    if let Some(Screen::Service(screen)) = state.screens.last_mut() {
        act(screen);
    }
}

fn turn(screen: &mut ServiceState, forward: bool) {
    let at = ServiceTab::ALL.iter().position(|tab| *tab == screen.tab).unwrap_or(0);
    let step = if forward { 1 } else { ServiceTab::ALL.len() - 1 };
    screen.tab = ServiceTab::ALL[(at + step) % ServiceTab::ALL.len()];
    screen.scroll = ScrollState::default();
}

/// Returns the number of lines in the tab.
fn length(state: &State, screen: &ServiceState) -> usize {
    let Some(cluster) = state.clusters.get(screen.cluster) else { return 0 };
    match screen.tab {
        ServiceTab::Tasks => cluster.world.tasks(&screen.service).len(),
        ServiceTab::Settings => cluster
            .world
            .services
            .get(&screen.service)
            .map_or(0, |service| tasks::settings(&cluster.world, service).len()),
        ServiceTab::Changes => {
            let span = HistoryScope::Service(screen.group.clone(), screen.name.clone());
            history::entries(&cluster.world, &span).len()
        }
    }
}

fn tasks_of<'a>(state: &'a State, screen: &ServiceState) -> Vec<&'a Task> {
    let world = state.clusters.get(screen.cluster).map(|cluster| &cluster.world);
    world.map_or_else(Vec::new, |world| tasks::by_slot(world, &screen.service))
}

fn next_bad(state: &mut State, screen: &ServiceState, page: usize, forward: bool) {
    let bad: Vec<bool> = tasks_of(state, screen).into_iter().map(tasks::is_bad).collect();
    let (at, len) = (screen.scroll.at, bad.len());
    let found = (1..=len).map(|step| if forward { (at + step) % len } else { (at + len - step) % len });
    if let Some(at) = found.into_iter().find(|at| bad[*at]) {
        with(state, |screen| {
            screen.tab = ServiceTab::Tasks;
            screen.scroll = ScrollState { at, top: layout::scrolled(screen.scroll.top, (at, 1), page, len) };
        });
    }
}

/// Opens a dialog with all details of the chosen task.
fn details(state: &mut State, screen: &ServiceState) {
    let offset = state.offset;
    let Some(world) = state.clusters.get(screen.cluster).map(|cluster| &cluster.world) else { return };
    let found = if screen.tab == ServiceTab::Tasks { screen.scroll.at } else { 0 };
    let Some(task) = tasks_of(state, screen).get(found).copied() else { return };
    let time = |at: Option<pinnace_core::time::Time>| {
        at.map_or("unknown".to_owned(), |at| format!("{} {}", at.date(offset), at.clock(offset)))
    };
    let mut lines = vec![
        format!("task     {}", task.id),
        format!("state    {} (desired: {})", task.state, task.desired),
        format!("since    {}", time(task.since)),
        format!("created  {}", time(task.created)),
        format!("node     {}", tasks::host(world, task)),
        format!("image    {}", clean(&task.image)),
    ];
    for (name, text) in [("message", &task.message), ("error", &task.error)] {
        if !text.is_empty() {
            lines.push(format!("{name:<8} {}", clean(text)));
        }
    }
    lines.extend(task.exit_code.map(|code| format!("exit     {code}")));
    state.modal = Some(Dialog::Detail(TextDialog { title: format!("task of {}", clean(&screen.name)), lines, top: 0 }));
}
