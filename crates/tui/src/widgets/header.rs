//! The header line, and the banner below it.
//!
//! ```text
//!  prod-eu                       3 of 42 need you · 1 node down                        live 02:14
//!  ! ghcr.io unreachable from mgr-1 since 02:03: restarts work only where the image is cached
//! ```

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::banner::banner;
use crate::config::{StyleRole, Theme};
use crate::layout;
use crate::screens;
use crate::screens::change::selectors as change;
use crate::state::{Screen, State, WriteProtection};
use pinnace_core::plan::plural;
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::HealthState as Health;
use pinnace_core::swarm::NodeState;
use pinnace_core::time::age;
use pinnace_core::world::ConnectionState;

use crate::widgets::line_builder::{LineBuilder, draw};
use crate::widgets::width::{end, width};

/// Draws the header, and the banner if there is one.
pub fn view(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let room = usize::from(area.width);
    frame.buffer_mut().set_style(area, theme.style(StyleRole::Header));
    let (link, link_role) = link(state);
    let (trouble, trouble_role) = counts(state, room < 100);
    let mut pen = LineBuilder::new(theme, room);
    pen.gap(1).put(StyleRole::Title, &place(state)).gap(2);
    if let Some((word, role)) = guard(state) {
        pen.put(role, word).gap(2);
    }
    if let Some((text, role)) = at_work(state) {
        pen.put(role, &text).gap(2);
    }
    let most = pen.room().saturating_sub(width(&link) + 2);
    pen.put(trouble_role, &end(&trouble, most));
    let drift = match state.fleet.summary.drifted {
        0 => String::new(),
        drifted if trouble.ends_with(' ') => format!("· {drifted} drifted"),
        drifted => format!(" · {drifted} drifted"),
    };
    if width(&drift) + width(&trouble) <= most {
        pen.put(StyleRole::Dim, &drift);
    }
    pen.until(room.saturating_sub(width(&link) + 1)).put(link_role, &link);
    draw(frame, area, 0, &pen.line());
    if let Some(banner) = banner(state) {
        let parts = layout::frame(state.size, true, false);
        let line = crate::view::area(parts.banner);
        let mut pen = LineBuilder::new(theme, room.saturating_sub(1));
        pen.put(StyleRole::Error, " ! ").put(StyleRole::Error, &banner.text);
        if !banner.hint.is_empty() {
            pen.put(StyleRole::Dim, " · ").put(StyleRole::Hint, &banner.hint);
        }
        draw(frame, line, 0, &pen.line());
    }
}

/// Returns the title: the cluster, and the place within it.
fn place(state: &State) -> String {
    let (cluster, place) = (clean(state.cluster().title()), screens::place(state));
    if place.is_empty() { cluster } else { format!("{cluster} › {place}") }
}

/// Describes the running changes of this console, unless the top screen shows one.
fn at_work(state: &State) -> Option<(String, StyleRole)> {
    if matches!(state.screens.last(), Some(Screen::Change(_))) {
        return None;
    }
    let running: Vec<_> = change::at_work(state).collect();
    let asks = running.iter().any(|change| change.progress.asking.is_some());
    let count = running.len();
    let noun = plural(count, "change");
    match (count, asks) {
        (0, _) => None,
        (_, true) => Some((format!("{count} {noun} running: answer needed"), StyleRole::Waiting)),
        (_, false) => Some((format!("{count} {noun} running"), StyleRole::Updating)),
    }
}

fn guard(state: &State) -> Option<(&'static str, StyleRole)> {
    if state.config.settings.read_only {
        return Some(("read-only", StyleRole::Waiting));
    }
    match state.cluster().guard {
        WriteProtection::None => None,
        WriteProtection::Protected => Some(("protected", StyleRole::Waiting)),
        WriteProtection::ReadOnly => Some(("read-only", StyleRole::Waiting)),
    }
}

/// Describes the state of the whole cluster in numbers: services in trouble, nodes that are down, services that are
/// updating or not known, and unfinished changes. Only a cluster with none of them is healthy.
fn counts(state: &State, short: bool) -> (String, StyleRole) {
    let world = state.world();
    if !world.is_painted() {
        return (String::new(), StyleRole::Text);
    }
    let troubled = world.troubled() + state.fleet.summary.missing;
    let all = world.services.len();
    let of = |wanted: Health| world.services.keys().filter(|id| world.state(id) == wanted).count();
    let down = world.nodes.values().filter(|node| node.state == NodeState::Down).count();
    let unfinished = unfinished(state);
    let services = if short { "" } else { " services" };
    let mut parts = Vec::new();
    let mut note = |count: usize, text: String| {
        if count > 0 {
            parts.push(text);
        }
    };
    let verb = if troubled == 1 { "needs" } else { "need" };
    note(troubled, format!("{troubled} of {all}{services} {verb} attention"));
    note(down, format!("{down} {} down", plural(down, "node")));
    note(unfinished, format!("{unfinished} {} unfinished", plural(unfinished, "change")));
    let loud = !parts.is_empty();
    let mut note = |count: usize, word: &str| {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    };
    note(of(Health::Updating), "updating");
    note(of(Health::Unknown), "not known");
    match (loud, parts.is_empty()) {
        (true, _) => (format!(" {} ", parts.join(" · ")), StyleRole::HeaderTrouble),
        (false, true) => (format!("{all} {} healthy", plural(all, "service")), StyleRole::Text),
        (false, false) => (format!("{} of {all} {}", parts.join(" · "), plural(all, "service")), StyleRole::Updating),
    }
}

/// Counts the groups with an unfinished change, without those that this console carries out.
fn unfinished(state: &State) -> usize {
    let own = |id: &str| change::at_work(state).any(|change| change.change() == Some(id));
    let world = state.world();
    let open = world.groups().filter_map(|(group, _)| world.history(group).unfinished());
    open.filter(|entry| !own(&entry.slot.change)).count()
}

/// Describes the connection to the swarm, and the age of the data if it is not live.
fn link(state: &State) -> (String, StyleRole) {
    let world = state.world();
    let clock = &state.now.clock(state.offset)[..5];
    match (&world.link, world.heard) {
        (ConnectionState::Live, _) => (format!("live {clock}"), StyleRole::Dim),
        (ConnectionState::Connecting, None) => ("connecting …".to_owned(), StyleRole::Unknown),
        (ConnectionState::Connecting, Some(at)) => {
            (format!("{} old, connecting … {clock}", age(state.now.since(at))), StyleRole::Unknown)
        }
        (ConnectionState::Lost { .. }, Some(at)) => {
            (format!("{} old {clock}", age(state.now.since(at))), StyleRole::Unknown)
        }
        (ConnectionState::Lost { .. }, None) => (format!("no answer {clock}"), StyleRole::Unknown),
    }
}
