//! The view of a service: its state, and a tab with its tasks, its settings or its changes.
//!
//! ```text
//!  state     ✖ failing   0/1 tasks running
//!  image     repo:tag@digest
//!  group     shop stack
//!  before    1.6, until 12m ago
//!  error     No such image
//!  cause     the registry has no such image
//!
//!  [TASKS]  settings   changes
//! ```

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::config::{StyleRole, Theme};
use crate::layout;
use crate::screens::fleet::rows::{cause, short_error};
use crate::screens::history::state as history;
use crate::screens::history::state::HistoryScope;
use crate::screens::service::state::{ServiceState, ServiceTab};
use crate::screens::service::tasks;
use crate::screens::service::tasks::ServiceSettingLine;
use crate::state::{ClusterState, State};
use crate::update::SERVICE_SUMMARY;
use pinnace_core::history::drift;
use pinnace_core::image::{apart, short};
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::{Service, Task, TaskState};

use crate::screens::fleet::row_view::ago;
use crate::widgets::detail_panel::task_image;
use crate::widgets::line_builder::{LineBuilder, ascii, draw, select};
use crate::widgets::symbols as signs;
use crate::widgets::table::{Column, Table};
use crate::widgets::width::middle;

/// Draws the service screen.
pub fn view(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, screen: &ServiceState) {
    let body = layout::Area { x: area.x, y: area.y, width: area.width, height: area.height };
    let parts = layout::titled(body, SERVICE_SUMMARY);
    let Some(cluster) = state.clusters.get(screen.cluster) else { return };
    let room = usize::from(area.width).saturating_sub(1);
    let summary = crate::view::area(parts.summary);
    if let Some(service) = cluster.world.services.get(&screen.service) {
        for (at, line) in summarise(cluster, service, screen, state, theme, room).iter().enumerate() {
            draw(frame, summary, at, line);
        }
    } else {
        let mut pen = LineBuilder::new(theme, room);
        pen.gap(1).put(StyleRole::Failing, "This service is gone. Its changes list what it ran.");
        draw(frame, summary, 0, &pen.line());
    }
    let list = crate::view::area(parts.list);
    tabs(frame, list, screen, theme);
    let page = usize::from(list.height.saturating_sub(2));
    let inner = Rect { y: list.y + 2, height: list.height.saturating_sub(2), ..list };
    let (heading, lines) = match screen.tab {
        ServiceTab::Tasks => task_lines(cluster, screen, state, theme, room),
        ServiceTab::Settings => (Line::default(), setting_lines(cluster, screen, theme, room)),
        ServiceTab::Changes => change_lines(cluster, screen, state, theme, room),
    };
    draw(frame, list, 1, &heading);
    for (at, line) in lines.iter().enumerate().skip(screen.scroll.top).take(page) {
        draw(frame, inner, at - screen.scroll.top, line);
        if at == screen.scroll.at {
            select(frame, inner, at - screen.scroll.top, 1, theme, true);
        }
    }
}

fn tabs(frame: &mut Frame<'_>, area: Rect, screen: &ServiceState, theme: &Theme) {
    let mut pen = LineBuilder::new(theme, usize::from(area.width));
    pen.gap(1);
    for tab in ServiceTab::ALL {
        let chosen = tab == screen.tab;
        let text = if chosen { format!("[{}]", tab.title()) } else { format!(" {} ", tab.title().to_lowercase()) };
        pen.put(if chosen { StyleRole::Title } else { StyleRole::Dim }, &text).gap(1);
    }
    draw(frame, area, 0, &pen.line());
}

fn summarise(
    cluster: &ClusterState,
    service: &Service,
    screen: &ServiceState,
    state: &State,
    theme: &Theme,
    room: usize,
) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut pair = |name: &str, parts: Vec<(StyleRole, String)>| {
        let mut pen = LineBuilder::new(theme, room);
        pen.gap(1).column(StyleRole::Dim, name, 10);
        for (role, text) in parts {
            pen.put(role, &text);
        }
        lines.push(pen.line());
    };
    let health = cluster.world.health(&service.id);
    if let Some(health) = health {
        let role = signs::state_role(health.state);
        let sign = signs::state(health.state, ascii(state));
        let tasks = format!("   {}/{} tasks running", health.running, health.desired);
        pair("state", vec![(role, format!("{sign} {}", health.state.label())), (StyleRole::Text, tasks)]);
    }
    pair("image", vec![(StyleRole::Text, clean(service.image()))]);
    pair(
        "group",
        vec![
            (StyleRole::Text, clean(&screen.group.name)),
            (StyleRole::Dim, format!(" {}", screen.group.kind.as_str())),
        ],
    );
    if let Some(drift) = drift::here(&cluster.world, &screen.group, service) {
        let (due, _) = apart(&drift.due, &drift.has);
        pair(
            "pinned to",
            vec![(StyleRole::Warning, clean(&due)), (StyleRole::Dim, format!(" · {}", clean(&drift.describe())))],
        );
    }
    if let Some(changed) = health.and_then(|health| health.changed.as_ref()) {
        let when = changed.at.map(|at| format!(", until {} ago", ago(state, at))).unwrap_or_default();
        let other = match service.previous_differs.len() {
            0 => String::new(),
            _ => format!("; it also differs in {}", service.previous_differs.join(", ")),
        };
        pair(
            "before",
            vec![(StyleRole::Text, clean(&short(&changed.from))), (StyleRole::Dim, format!("{when}{}", clean(&other)))],
        );
    }
    if health.is_some_and(|health| health.engine_rolled_back) {
        let message = service.update.as_ref().map_or("", |update| &update.message);
        pair("engine", vec![(StyleRole::Waiting, format!("rolled back automatically: {}", clean(message)))]);
    } else if let Some(waits) = health.and_then(|health| health.waits.as_ref()) {
        pair("pending", vec![(StyleRole::Waiting, clean(waits))]);
    }
    if let Some(error) = health.and_then(|health| health.error.as_ref()) {
        pair("error", vec![(StyleRole::Failing, clean(&error.text))]);
        if let Some(cause) = cause(&cluster.facts, &error.text, &error.image) {
            pair("cause", vec![(StyleRole::Text, cause)]);
        }
    }
    lines
}

fn task_lines(
    cluster: &ClusterState,
    screen: &ServiceState,
    state: &State,
    theme: &Theme,
    room: usize,
) -> (Line<'static>, Vec<Line<'static>>) {
    let table = tasks_table(cluster, state, room);
    let mut last = None;
    let lines = tasks::by_slot(&cluster.world, &screen.service).into_iter().map(|task| {
        let place = tasks::place(&cluster.world, task);
        let first = last.as_ref() != Some(&place);
        last = Some(place);
        table.line(&TaskRow { task, first }, theme)
    });
    let lines = lines.collect();
    (table.heading(theme), lines)
}

/// A task of the table; `first` marks the first task listed for its slot.
struct TaskRow<'a> {
    task: &'a Task,
    first: bool,
}

impl TaskRow<'_> {
    /// Returns the text style: dim for a task that should not run any more and did not fail.
    fn role(&self) -> StyleRole {
        let is_old = self.task.desired != TaskState::Running && !self.task.state.is_failure();
        if is_old { StyleRole::Dim } else { StyleRole::Text }
    }
}

fn tasks_table<'a>(cluster: &'a ClusterState, state: &'a State, room: usize) -> Table<'a, TaskRow<'a>> {
    let image = if room < 100 { 22 } else { 38 };
    let slot = Column::right("SLOT", 4, |row: &TaskRow<'_>| {
        let slot = row.task.slot.filter(|_| row.first).map(|slot| slot.to_string());
        (StyleRole::Dim, slot.unwrap_or_default())
    });
    let standing = Column::left("STATE", 12, |pen, row: &TaskRow<'_>, _| {
        let (sign, role) = signs::task(row.task, ascii(state));
        pen.put(role, sign).gap(1).column(role, row.task.state.as_str(), 10);
    });
    let node = Column::left("NODE", 15, |pen, row: &TaskRow<'_>, cells| {
        pen.column(row.role(), &middle(&tasks::host(&cluster.world, row.task), 14), cells);
    });
    let image = Column::left("IMAGE", image, |pen, row: &TaskRow<'_>, cells| {
        pen.column(row.role(), &task_image(row.task, cells.saturating_sub(1)), cells);
    });
    let since = Column::right("SINCE", 6, |row: &TaskRow<'_>| {
        (StyleRole::Dim, row.task.since.map(|at| ago(state, at)).unwrap_or_default())
    });
    let error = Column::rest("ERROR", |pen, row: &TaskRow<'_>| {
        let task = row.task;
        let exit = task.exit_code.filter(|code| *code != 0).map(|code| format!(" (exit {code})")).unwrap_or_default();
        if task.error.is_empty() {
            pen.put(StyleRole::Dim, &format!("{}{exit}", clean(&task.message)));
        } else {
            let (_, role) = signs::task(task, ascii(state));
            pen.put(role, &format!("{}{exit}", short_error(&task.error, &task.image)));
        }
    });
    Table::new(room, vec![slot.after(1), standing.after(2), node, image, since.after(1), error.after(2)])
}

fn setting_lines(cluster: &ClusterState, screen: &ServiceState, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let Some(service) = cluster.world.services.get(&screen.service) else { return Vec::new() };
    let settings = tasks::settings(&cluster.world, service);
    let line = |setting: &ServiceSettingLine| {
        let mut pen = LineBuilder::new(theme, room);
        match setting {
            ServiceSettingLine::Title(text) => pen.gap(1).put(StyleRole::TableHeader, text),
            ServiceSettingLine::Pair(name, value) => {
                let cells = if room < 100 { 24 } else { 36 };
                pen.gap(3).column(StyleRole::Dim, &middle(name, cells - 2), cells).put(StyleRole::Text, value)
            }
            ServiceSettingLine::Danger(text) => pen.gap(3).put(StyleRole::Waiting, &format!("! {text}")),
        };
        pen.line()
    };
    settings.iter().map(line).collect()
}

fn change_lines(
    cluster: &ClusterState,
    screen: &ServiceState,
    state: &State,
    theme: &Theme,
    room: usize,
) -> (Line<'static>, Vec<Line<'static>>) {
    let span = HistoryScope::Service(screen.group.clone(), screen.name.clone());
    let entries = history::entries(&cluster.world, &span);
    let table = crate::screens::history::view::table(state, room, false);
    let lines = entries.into_iter().map(|entry| table.line(entry, theme)).collect();
    (table.heading(theme), lines)
}
