//! The panel below the fleet: the last tasks of the selected service, or facts about the selected group or
//! node.

use std::collections::BTreeSet;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::config::{StyleRole, Theme};
use crate::screens::fleet::rows::{FleetRow, short_error};
use crate::screens::fleet::state::FleetPane;
use crate::screens::history::state as history;
use crate::screens::service::tasks;
use crate::state::State;
use pinnace_core::image::digest_of;
use pinnace_core::image::short;
use pinnace_core::plan::plural;
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::GroupKey;
use pinnace_core::swarm::{Node, Task, TaskState};
use pinnace_core::world::World;

use crate::screens::fleet::row_view::ago;
use crate::screens::fleet::sidebar_view::tasks_on;
use crate::widgets::line_builder::{LineBuilder, ascii, draw};
use crate::widgets::symbols as signs;
use crate::widgets::width::middle;

/// Draws the panel.
pub fn strip(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    if area.height < 3 {
        return;
    }
    let room = usize::from(area.width);
    // The first line stays blank: space separates the panes.
    let most = usize::from(area.height) - 1;
    let lines = match state.fleet.pane {
        FleetPane::Nodes => {
            crate::update::nodes(state).get(state.fleet.node).map(|node| of_node(node, state, theme, room))
        }
        _ => state.row().map(|row| of_row(row, state, theme, room, most)),
    };
    for (at, line) in lines.unwrap_or_default().iter().take(most).enumerate() {
        draw(frame, area, at + 1, line);
    }
}

fn of_row(row: &FleetRow, state: &State, theme: &Theme, room: usize, most: usize) -> Vec<Line<'static>> {
    match row {
        FleetRow::Service(row) => match &row.service {
            Some(id) => of_service(id, &row.group, state, theme, room, most),
            None => of_group(&row.group, state, theme, room),
        },
        FleetRow::Group(row) => of_group(&row.group, state, theme, room),
        FleetRow::HiddenServices { group, .. } => of_group(group, state, theme, room),
        FleetRow::HiddenGroups { .. } => {
            let mut pen = LineBuilder::new(theme, room);
            pen.gap(1).put(StyleRole::Dim, "Groups without problems. Press enter to show them.");
            vec![pen.line()]
        }
    }
}

fn title(name: &str, note: &str, theme: &Theme, room: usize) -> Line<'static> {
    let mut pen = LineBuilder::new(theme, room);
    pen.gap(1).put(StyleRole::Title, name).gap(3).put(StyleRole::Dim, note);
    pen.line()
}

fn of_service(
    id: &str,
    group: &GroupKey,
    state: &State,
    theme: &Theme,
    room: usize,
    most: usize,
) -> Vec<Line<'static>> {
    let world = state.world();
    let all = tasks::newest_first(world, id);
    let Some(service) = world.services.get(id) else { return Vec::new() };
    let on = running_on(world, id);
    let name = if group.name == service.name {
        clean(&service.name)
    } else {
        format!("{} · {}", clean(&group.name), clean(&service.name))
    };
    let note = match (all.len(), world.knows_history(id)) {
        (0, _) => "no tasks known yet".to_owned(),
        (count, true) if count < most => format!("{count} {}", plural(count, "task")),
        (count, true) => format!("newest of {count} {}", plural(count, "task")),
        (_, false) => "tasks that should run".to_owned(),
    };
    let mut lines = vec![title(&name, &format!("{on}{note}"), theme, room)];
    // What keeps the service from being whole comes first.
    let (waiting, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|task| task.desired == TaskState::Running && task.state != TaskState::Running);
    let all = waiting.into_iter().chain(others);
    lines.extend(all.take(most.saturating_sub(1)).map(|task| task_line(task, state, theme, room)));
    lines
}

/// Describes how many tasks of a service run, and on which nodes: `2 of 3 run on mgr-1, wrk-2 · `; empty if none runs.
fn running_on(world: &World, service: &str) -> String {
    let is_up = |task: &&Task| task.desired == TaskState::Running && task.state == TaskState::Running;
    let up: Vec<_> = world.tasks(service).iter().filter(is_up).collect();
    let hosts: BTreeSet<String> = up.iter().map(|task| tasks::host(world, task)).collect();
    let desired = world.health(service).map_or(0, |health| health.desired);
    if up.is_empty() {
        return String::new();
    }
    let hosts = hosts.into_iter().collect::<Vec<_>>().join(", ");
    let verb = if up.len() == 1 { "runs" } else { "run" };
    format!("{} of {desired} {verb} on {} · ", up.len(), middle(&hosts, 40))
}

/// Builds the line of a task: time, state, node, image, error.
fn task_line(task: &Task, state: &State, theme: &Theme, room: usize) -> Line<'static> {
    let (sign, role) = signs::task(task, ascii(state));
    let mut pen = LineBuilder::new(theme, room.saturating_sub(1));
    let at = task.since.or(task.created);
    let today = at.is_some_and(|at| at.date(state.offset) == state.now.date(state.offset));
    let when =
        at.map_or(String::new(), |at| if today { at.clock(state.offset) } else { format!("{} ago", ago(state, at)) });
    pen.gap(3).column(StyleRole::Dim, &when, 9).gap(1).put(role, sign).gap(1).column(role, task.state.as_str(), 10);
    pen.column(StyleRole::Dim, &middle(&tasks::host(state.world(), task), 14), 15);
    let cells = if room < 110 { 28 } else { 36 };
    pen.column(StyleRole::Dim, &task_image(task, cells - 2), cells);
    if !task.error.is_empty() {
        pen.put(role, &short_error(&task.error, &task.image));
    } else if task.state.is_failure() || task.state.is_over() {
        let exit = task.exit_code.map(|code| format!(" (exit {code})")).unwrap_or_default();
        pen.put(StyleRole::Dim, &format!("{}{exit}", clean(&task.message)));
    }
    pen.line()
}

/// Returns a task's image, shortened, with its digest.
pub(crate) fn task_image(task: &Task, cells: usize) -> String {
    let digest = digest_of(&task.image).map(|digest| format!(" @{}", &digest.short()[..4])).unwrap_or_default();
    format!("{}{digest}", middle(&clean(&short(&task.image)), cells.saturating_sub(digest.len())))
}

fn of_group(group: &GroupKey, state: &State, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let world = state.world();
    let count = world.members(group).count();
    let note = format!("{} of {count} {}", group.kind.as_str(), plural(count, "service"));
    let mut lines = vec![title(&clean(&group.name), &note, theme, room)];
    if world.knows_journal() && world.history(group).newest().is_none() {
        let mut pen = LineBuilder::new(theme, room);
        pen.gap(3).put(StyleRole::Dim, "no changes by pinnace yet");
        lines.push(pen.line());
    }
    for entry in world.history(group).newest_first() {
        let (sign, role) = signs::change(entry.slot.labels.state, ascii(state));
        let mut pen = LineBuilder::new(theme, room.saturating_sub(1));
        let at = entry.slot.labels.at.or(entry.slot.created);
        pen.gap(3)
            .column(StyleRole::Dim, &at.map(|at| format!("{} ago", ago(state, at))).unwrap_or_default(), 9)
            .gap(1);
        pen.put(role, sign).gap(1).column(role, entry.slot.labels.state.label(), 10);
        pen.put(StyleRole::Text, &history::what(entry)).gap(2).put(StyleRole::Dim, &clean(&entry.slot.labels.by));
        lines.push(pen.line());
    }
    lines
}

fn of_node(node: &Node, state: &State, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let (_, word, role) = signs::node(node, ascii(state));
    let what = if node.leader { "leader" } else { node.role.as_str() };
    let mut lines = vec![title(&clean(&node.hostname), what, theme, room)];
    let mut pen = LineBuilder::new(theme, room);
    let word = if word.is_empty() { "ready" } else { word };
    pen.gap(3).put(role, word).put(StyleRole::Text, &format!(", {}", node.availability));
    if !node.state_message.is_empty() {
        pen.put(role, &format!(": {}", clean(&node.state_message)));
    }
    lines.push(pen.line());
    let tasks = tasks_on(state, node);
    let mut pen = LineBuilder::new(theme, room);
    pen.gap(3).put(
        StyleRole::Dim,
        &format!(
            "{tasks} known {} · engine {} · {} · {}",
            plural(tasks, "task"),
            clean(&node.engine),
            node.platform,
            clean(&node.address)
        ),
    );
    lines.push(pen.line());
    lines
}
