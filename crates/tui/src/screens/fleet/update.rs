//! The update of the fleet screen: its actions, and the rebuild of its rows.

use crate::action::Action;
use crate::banner;
use crate::dialogs::state::{Dialog, TextDialog};
use crate::filter::FleetFilter;
use crate::layout;
use crate::layout::scrolled;
use crate::msg::Effect;
use crate::screens::fleet::rows;
use crate::screens::fleet::rows::{FleetRow, FleetRowId, FleetRowsInput, Fold};
use crate::screens::fleet::state::{FleetPane, FleetState, nodes_in_order};
use crate::screens::service::state::{ServiceState, ServiceTab};
use crate::screens::{ActionOutcome, NavigationTarget};
use crate::selection::Selection;
use crate::state::{ScrollState, State};
use pinnace_core::history::drift;
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::Node;

use crate::update::body;
use crate::update::copy;
use crate::update::motion::moved;

/// The actions that only this screen has, without cursor movement.
pub(crate) const ACTIONS: &[Action] = &[
    Action::Open,
    Action::Filter,
    Action::ClearFilter,
    Action::NextTrouble,
    Action::PreviousTrouble,
    Action::Details,
    Action::ToggleFold,
    Action::ToggleNodes,
    Action::Copy,
    Action::NextPane,
    Action::PreviousPane,
    Action::Left,
    Action::Right,
];

/// Rebuilds the rows.
pub(crate) fn rebuild(state: &mut State) {
    let page = page(state);
    let cluster = state.cluster();
    let view = FleetRowsInput {
        world: &cluster.world,
        facts: &cluster.facts,
        folds: &state.fleet.folds,
        filter: &state.fleet.filter,
        kept: state.fleet.cursor.as_ref().and_then(FleetRowId::service),
        page,
        now: state.now,
    };
    let (rows, summary) = rows::build_with_summary(&view);
    (state.fleet.rows, state.fleet.summary) = (rows, summary);
}

/// Fixes the cursor on its current row, so that the row under an action does not change when rows move.
pub(crate) fn hold_cursor(state: &mut State) {
    if state.fleet.cursor.is_none() {
        state.fleet.cursor = state.row().map(FleetRow::id);
    }
}

/// Returns the height of the list in lines.
pub(crate) fn page(state: &State) -> usize {
    let parts = layout::fleet(state.size, body(state), !state.fleet.nodes_hidden);
    usize::from(parts.list.height)
}

/// Scrolls so that the cursor's row is on the screen.
pub(crate) fn keep_in_view(state: &mut State) {
    let page = page(state);
    let fleet = &mut state.fleet;
    let index = fleet.index();
    let line = rows::lines_before(&fleet.rows, index);
    let lines = fleet.rows.get(index).map_or(1, FleetRow::lines);
    // The heading of the first group stays visible above its first service.
    let first_of_group = index == 1 && matches!(fleet.rows.first(), Some(FleetRow::Group(_)));
    let cursor = if first_of_group { (0, line + lines) } else { (line, lines) };
    fleet.top = scrolled(fleet.top, cursor, page, rows::total_lines(&fleet.rows));
}

/// Sets the filter to the text typed so far.
pub(crate) fn set_filter(state: &mut State, text: &str) {
    state.fleet.filter = FleetFilter::read(text);
    state.fleet.cursor = None;
    rebuild(state);
}

pub(crate) fn run(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> ActionOutcome {
    match action {
        Action::NextPane | Action::PreviousPane => next_pane(state, action == Action::NextPane),
        Action::ToggleNodes => {
            state.fleet.nodes_hidden = !state.fleet.nodes_hidden;
            state.fleet.pane = FleetPane::Services;
            rebuild(state);
        }
        Action::ClearFilter => set_filter(state, ""),
        Action::Details => details(state),
        _ => match state.fleet.pane {
            FleetPane::Services => return run_on_rows(state, action, effects),
            FleetPane::Clusters => return run_on_clusters(state, action),
            FleetPane::Nodes => return run_on_nodes(state, action),
        },
    }
    ActionOutcome::Handled
}

fn next_pane(state: &mut State, forward: bool) {
    let mut panes = vec![FleetPane::Services];
    if state.clusters.count() > 1 {
        panes.push(FleetPane::Clusters);
    }
    if !state.world().nodes.is_empty() {
        panes.push(FleetPane::Nodes);
    }
    let at = panes.iter().position(|pane| *pane == state.fleet.pane).unwrap_or(0);
    let step = if forward { 1 } else { panes.len() - 1 };
    state.fleet.pane = panes[(at + step) % panes.len()];
    state.fleet.cluster = state.active;
    if state.fleet.pane != FleetPane::Services && state.fleet.nodes_hidden {
        state.fleet.nodes_hidden = false;
        rebuild(state);
    }
}

fn run_on_rows(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> ActionOutcome {
    let page = page(state);
    let fleet = &mut state.fleet;
    let index = fleet.index();
    if let Some(at) = moved_by_lines(fleet, action, index, page) {
        fleet.cursor = fleet.rows.get(at).map(FleetRow::id);
        return ActionOutcome::Handled;
    }
    match action {
        Action::NextTrouble | Action::PreviousTrouble => next_trouble(fleet, index, action == Action::NextTrouble),
        Action::Open => match opening(state) {
            Some(opening) => return ActionOutcome::Open(opening),
            None => fold(state, None),
        },
        Action::ToggleFold => fold(state, None),
        Action::Left => fold(state, Some(Fold::Closed)),
        Action::Right => fold(state, Some(Fold::Open)),
        Action::Copy => {
            if let Some(text) = Selection::of(state).image.map(|image| image.text) {
                copy(state, text, effects);
            }
        }
        _ => return ActionOutcome::NotMine,
    }
    ActionOutcome::Handled
}

/// Returns the row to which a movement leads. Rows take several lines, so
/// pages are counted in lines and steps in rows.
fn moved_by_lines(fleet: &FleetState, action: Action, index: usize, page: usize) -> Option<usize> {
    let rows = &fleet.rows;
    if !matches!(action, Action::PageDown | Action::PageUp) {
        return moved(action, index, rows.len(), page);
    }
    let line = moved(action, rows::lines_before(rows, index), rows::total_lines(rows), page)?;
    let mut before = 0;
    let found = rows.iter().position(|row| {
        before += row.lines();
        before > line
    });
    Some(found.unwrap_or(0))
}

/// Moves to the next row in trouble or with an unfinished change; after the last of these to those with drift.
fn next_trouble(fleet: &mut FleetState, index: usize, forward: bool) {
    let of = |wanted: fn(&FleetRow) -> bool| {
        let rows = fleet.rows.iter().enumerate();
        rows.filter(move |(_, row)| wanted(row)).map(|(at, _)| at).collect::<Vec<_>>()
    };
    let mut stops = of(FleetRow::is_trouble);
    let drifted = of(|row| row.is_drifted() && !row.is_trouble());
    let count = stops.len();
    stops.extend(drifted);
    let Some(last) = stops.len().checked_sub(1) else { return };
    let next = match (stops.iter().position(|at| *at == index), forward) {
        (Some(at), true) => {
            if at == last {
                0
            } else {
                at + 1
            }
        }
        (Some(at), false) => at.checked_sub(1).unwrap_or(last),
        // From another row: the next one in trouble below or above it, else the first or the last stop.
        (None, true) => stops[..count].iter().position(|at| *at > index).unwrap_or(0),
        (None, false) => stops[..count].iter().rposition(|at| *at < index).unwrap_or(last),
    };
    fleet.cursor = stops.get(next).and_then(|at| fleet.rows.get(*at)).map(FleetRow::id);
}

/// Returns the screen that the row under the cursor opens; `None` for rows of groups.
fn opening(state: &State) -> Option<NavigationTarget> {
    let row = state.row()?.service()?.clone();
    // A missing service has no tasks, so its row opens the history.
    let Some(service) = row.service else { return Some(NavigationTarget::History) };
    let (cluster, name, group) = (state.active, row.name, row.group);
    let (tab, scroll) = (ServiceTab::Tasks, ScrollState::default());
    Some(NavigationTarget::Service(ServiceState { cluster, service, name, group, tab, scroll }))
}

/// Folds or unfolds the row under the cursor, for a service its group; without `to`, toggles.
fn fold(state: &mut State, to: Option<Fold>) {
    let Some(row) = state.row().cloned() else { return };
    let flipped = |open: bool| to.unwrap_or(if open { Fold::Closed } else { Fold::Open });
    let folds = &mut state.fleet.folds;
    match &row {
        FleetRow::Group(row) => {
            state.fleet.cursor = Some(FleetRowId::Group(row.group.clone()));
            folds.groups.insert(row.group.clone(), flipped(row.open));
        }
        FleetRow::HiddenServices { group, .. } => {
            state.fleet.cursor = Some(FleetRowId::Group(group.clone()));
            folds.groups.insert(group.clone(), flipped(false));
        }
        FleetRow::Service(row) if row.nested && to != Some(Fold::Open) => {
            state.fleet.cursor = Some(FleetRowId::Group(row.group.clone()));
            // The left key first moves to the group's heading; pressing it again folds the group.
            if to.is_none() {
                folds.groups.insert(row.group.clone(), Fold::Closed);
            }
        }
        FleetRow::Service(_) => {}
        FleetRow::HiddenGroups { .. } => {
            folds.rest = Some(flipped(false));
            let above = state.fleet.index().checked_sub(1);
            let before = above.and_then(|at| state.fleet.rows.get(at)).map(FleetRow::id);
            rebuild(state);
            let at =
                before.and_then(|id| state.fleet.rows.iter().position(|row| row.id() == id)).map_or(0, |at| at + 1);
            state.fleet.cursor = state.fleet.rows.get(at).map(FleetRow::id);
        }
    }
    rebuild(state);
}

fn run_on_clusters(state: &mut State, action: Action) -> ActionOutcome {
    let (at, len) = (state.clusters.place(state.fleet.cluster), state.clusters.count());
    if let Some(id) = moved(action, at, len, len).and_then(|at| state.clusters.at(at)) {
        state.fleet.cluster = id;
    } else if matches!(action, Action::Open | Action::Right) {
        switch(state);
    } else {
        return ActionOutcome::NotMine;
    }
    ActionOutcome::Handled
}

/// Shows the chosen cluster; folds, filter and cursor belong to the other cluster and are reset.
fn switch(state: &mut State) {
    if state.fleet.cluster != state.active {
        state.active = state.fleet.cluster;
        let nodes_hidden = state.fleet.nodes_hidden;
        state.fleet = FleetState { cluster: state.active, nodes_hidden, ..FleetState::default() };
    }
    state.fleet.pane = FleetPane::Services;
    rebuild(state);
}

fn run_on_nodes(state: &mut State, action: Action) -> ActionOutcome {
    let nodes = nodes(state);
    let len = nodes.len();
    if let Some(at) = moved(action, state.fleet.node, len, len) {
        state.fleet.node = at;
    } else if matches!(action, Action::Open | Action::Right) {
        let Some(host) = nodes.get(state.fleet.node).map(|node| node.hostname.clone()) else {
            return ActionOutcome::NotMine;
        };
        state.fleet.pane = FleetPane::Services;
        set_filter(state, &format!("node:{host}"));
    } else {
        return ActionOutcome::NotMine;
    }
    ActionOutcome::Handled
}

/// Returns the nodes of the active cluster in display order.
pub fn nodes(state: &State) -> Vec<&Node> {
    nodes_in_order(state.world())
}

/// Opens a dialog with all details of the row under the cursor, and with the banner about the whole console, if any.
fn details(state: &mut State) {
    let mut lines = Vec::new();
    let mut title = String::new();
    let id = Selection::of(state).service_id().map(str::to_owned);
    if let (Some(row), Ok(id)) = (state.row().and_then(FleetRow::service), id) {
        title.clone_from(&row.name);
        lines.push(format!("image    {}", row.image));
        if let Some(error) = state.world().health(&id).and_then(|health| health.error.as_ref()) {
            lines.push(format!("error    {}", clean(&error.text)));
            lines.push(format!("on image {}", clean(&error.image)));
        }
        let service = state.world().services.get(&id);
        if let Some(drift) = service.and_then(|service| drift::here(state.world(), &row.group, service)) {
            lines.push(format!("pinned   {}, {}", clean(&drift.due), clean(&drift.key.to_string())));
            lines.push(format!("drift    {}", clean(&drift.describe())));
        }
        let wrong = row.wrong.as_ref();
        lines.extend(wrong.filter(|wrong| wrong.waits).map(|wrong| format!("pending  {}", wrong.text)));
        lines.extend(wrong.and_then(|wrong| wrong.cause.as_ref()).map(|cause| format!("cause    {cause}")));
        if let Some(changed) = state.world().health(&id).and_then(|health| health.changed.as_ref()) {
            let at = changed
                .at
                .map_or(String::new(), |at| format!("   until {} {}", at.date(state.offset), at.clock(state.offset)));
            lines.push(format!("before   {}{at}", clean(&changed.from)));
        }
    } else if let Some(row) = state.row().and_then(FleetRow::service) {
        title.clone_from(&row.name);
        lines.push(format!("last ran {}", row.image));
        lines.push("The service is gone: the newest change contains it, but the swarm no longer has it.".to_owned());
    }
    if let Some(banner) = banner::banner(state) {
        if title.is_empty() {
            "current problem".clone_into(&mut title);
        }
        lines.extend([String::new(), banner.text, banner.cause, banner.hint]);
    }
    state.modal = Some(Dialog::Detail(TextDialog { title, lines, top: 0 }));
}
