//! The view of clusters and nodes: a left pane if the width allows it, else
//! one line, or the whole body while focused.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::config::{StyleRole, Theme};
use crate::screens::fleet::state::FleetPane;
use crate::state::{ClusterState, State};
use crate::update::nodes;
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::{Node, NodeState, TaskState};
use pinnace_core::world::ConnectionState;

use crate::widgets::line_builder::{LineBuilder, ascii, draw, select};
use crate::widgets::symbols as signs;
use crate::widgets::table::{Column, Table};
use crate::widgets::width::{middle, width};

/// Draws the left pane: clusters above, nodes below.
pub(crate) fn pane(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let room = usize::from(area.width).saturating_sub(2);
    let mut at = 0;
    let title = |frame: &mut Frame<'_>, at: usize, text: &str| {
        let mut pen = LineBuilder::new(theme, room);
        pen.gap(1).put(StyleRole::TableHeader, text);
        draw(frame, area, at, &pen.line());
    };
    let list = Rect { width: area.width.saturating_sub(2), ..area };
    title(frame, at, "CLUSTERS");
    at += 1;
    for (id, cluster) in state.clusters.iter() {
        let mut pen = LineBuilder::new(theme, room);
        let marker = if id == state.active { signs::fold(false, ascii(state)) } else { " " };
        pen.gap(1).put(StyleRole::Accent, marker).gap(1);
        let (sign, role, text) = reach(cluster, ascii(state));
        pen.put(StyleRole::Text, &middle(&clean(cluster.title()), room.saturating_sub(6 + width(&text))));
        pen.until(room.saturating_sub(width(&text) + 2)).put(role, sign).gap(1).put(role, &text);
        draw(frame, list, at, &pen.line());
        if state.fleet.pane == FleetPane::Clusters && id == state.fleet.cluster {
            select(frame, list, at, 1, theme, true);
        }
        at += 1;
    }
    at += 1;
    let nodes = nodes(state);
    title(frame, at, "NODES");
    at += 1;
    let page = usize::from(area.height).saturating_sub(at);
    let top = if state.fleet.pane == FleetPane::Nodes { (state.fleet.node + 1).saturating_sub(page) } else { 0 };
    for (index, node) in nodes.iter().enumerate().skip(top).take(page) {
        if index + 1 < nodes.len() && index + 1 == top + page {
            let mut pen = LineBuilder::new(theme, room);
            pen.gap(3).put(StyleRole::Dim, &format!("… {} more", nodes.len() - index));
            draw(frame, list, at, &pen.line());
            break;
        }
        draw(frame, list, at, &short_line(node, state, theme, room));
        if state.fleet.pane == FleetPane::Nodes && index == state.fleet.node {
            select(frame, list, at, 1, theme, true);
        }
        at += 1;
    }
}

fn short_line(node: &Node, state: &State, theme: &Theme, room: usize) -> ratatui::text::Line<'static> {
    let (sign, word, role) = signs::node(node, ascii(state));
    let what = if !word.is_empty() {
        word
    } else if node.leader {
        "leader"
    } else {
        ""
    };
    let mut pen = LineBuilder::new(theme, room);
    pen.gap(1).put(role, sign).gap(1);
    let most = room.saturating_sub(4 + width(what));
    pen.put(StyleRole::Text, &middle(&clean(&node.hostname), most));
    let what_role = if word.is_empty() { StyleRole::Dim } else { role };
    pen.until(room.saturating_sub(width(what))).put(what_role, what);
    pen.line()
}

/// Returns sign, style and text for a cluster's connection: its number of ready nodes, or that it does not answer.
fn reach(cluster: &ClusterState, ascii: bool) -> (&'static str, StyleRole, String) {
    let world = &cluster.world;
    let ready = world.nodes.values().filter(|node| node.state == NodeState::Ready).count();
    let all = world.nodes.len();
    match &world.link {
        ConnectionState::Lost { .. } => (if ascii { "x" } else { "✖" }, StyleRole::Failing, "lost".to_owned()),
        ConnectionState::Connecting => (if ascii { "?" } else { "◌" }, StyleRole::Unknown, "…".to_owned()),
        ConnectionState::Live if ready < all => {
            (if ascii { "+" } else { "●" }, StyleRole::Waiting, format!("{ready}/{all}"))
        }
        ConnectionState::Live => (if ascii { "+" } else { "●" }, StyleRole::Text, format!("{ready}/{all}")),
    }
}

/// Draws the nodes as one line, those in trouble first.
pub fn line(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let nodes = nodes(state);
    let room = usize::from(area.width);
    let mut pen = LineBuilder::new(theme, room);
    pen.gap(1).put(StyleRole::TableHeader, "NODES");
    for (index, node) in nodes.iter().enumerate() {
        let (sign, word, role) = signs::node(node, ascii(state));
        let word = if word.is_empty() && node.leader { "leader" } else { word };
        let name = middle(&clean(&node.hostname), 20);
        let needed = 4 + width(&name) + 1 + width(word);
        let more = format!("  +{} more", nodes.len() - index);
        let last = index + 1 == nodes.len();
        if pen.room() < needed + if last { 0 } else { width(&more) } {
            pen.put(StyleRole::Dim, &more);
            break;
        }
        pen.gap(2)
            .put(role, sign)
            .gap(1)
            .put(if word.is_empty() || node.leader { StyleRole::Text } else { role }, &name);
        if !word.is_empty() {
            pen.gap(1).put(if node.leader { StyleRole::Dim } else { role }, word);
        }
    }
    draw(frame, area, 0, &pen.line());
}

/// Draws the focused one of clusters and nodes as a table over the whole body.
pub fn full(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let room = usize::from(area.width);
    let clusters = state.fleet.pane == FleetPane::Clusters;
    let (of_clusters, of_nodes) = (clusters_table(state, room), nodes_table(state, room));
    draw(frame, area, 0, &if clusters { of_clusters.heading(theme) } else { of_nodes.heading(theme) });
    let list = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let page = usize::from(list.height);
    let (chosen, len) = if clusters {
        (state.clusters.place(state.fleet.cluster), state.clusters.count())
    } else {
        (state.fleet.node, state.world().nodes.len())
    };
    let top = (chosen + 1).saturating_sub(page);
    let all = nodes(state);
    for at in top..len.min(top + page) {
        let cluster = state.clusters.at(at).and_then(|id| state.clusters.get(id)).filter(|_| clusters);
        let line = match (cluster, all.get(at)) {
            (Some(cluster), _) => of_clusters.line(cluster, theme),
            (None, Some(node)) => of_nodes.line(node, theme),
            (None, None) => break,
        };
        draw(frame, list, at - top, &line);
        if at == chosen {
            select(frame, list, at - top, 1, theme, true);
        }
    }
}

fn clusters_table(state: &State, room: usize) -> Table<'_, ClusterState> {
    let name = Column::left("CLUSTERS", 23, |pen, cluster: &ClusterState, _| {
        let (sign, role, _) = reach(cluster, ascii(state));
        pen.put(role, sign).gap(1).column(StyleRole::Text, &clean(cluster.title()), 20);
    });
    let link = Column::left("LINK", 8, |pen, cluster: &ClusterState, cells| {
        let (_, role, text) = reach(cluster, ascii(state));
        pen.column(role, &text, cells);
    });
    let endpoint = Column::rest("ENDPOINT", |pen, cluster: &ClusterState| {
        pen.put(StyleRole::Dim, &clean(&cluster.endpoint));
    });
    Table::new(room, vec![name.after(1), link, endpoint])
}

fn nodes_table(state: &State, room: usize) -> Table<'_, Node> {
    let name = Column::left("NODES", 23, |pen, node: &Node, _| {
        let (sign, _, role) = signs::node(node, ascii(state));
        pen.put(role, sign).gap(1).column(StyleRole::Text, &middle(&clean(&node.hostname), 20), 20);
    });
    let role = Column::left("ROLE", 9, |pen, node: &Node, cells| {
        pen.column(StyleRole::Text, if node.leader { "leader" } else { node.role.as_str() }, cells);
    });
    let standing = Column::left("STATE", 15, |pen, node: &Node, cells| {
        let (_, word, role) = signs::node(node, ascii(state));
        pen.column(role, if word.is_empty() { node.availability.as_str() } else { word }, cells);
    });
    let tasks = Column::right("TASKS", 5, |node: &Node| (StyleRole::Text, tasks_on(state, node).to_string()));
    let about = Column::rest("ENGINE     PLATFORM", |pen, node: &Node| {
        let (_, _, role) = signs::node(node, ascii(state));
        // A node's problem is more important than its engine and platform.
        if !node.state_message.is_empty() {
            pen.put(role, &clean(&node.state_message)).gap(2);
        }
        pen.column(StyleRole::Dim, &clean(&node.engine), 10).gap(1).put(StyleRole::Dim, &node.platform.to_string());
    });
    Table::new(room, vec![name.after(1), role, standing, tasks, about.after(2)])
}

/// Counts the known tasks that run on a node.
pub(crate) fn tasks_on(state: &State, node: &Node) -> usize {
    let world = state.world();
    let tasks = world.services.keys().flat_map(|id| world.tasks(id));
    tasks.filter(|task| task.state == TaskState::Running && task.node.as_deref() == Some(&node.id)).count()
}
