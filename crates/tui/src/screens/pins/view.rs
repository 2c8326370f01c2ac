//! The view of the pins: the text with its findings, and beside it the effective image of each service.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::config::{StyleRole, Theme};
use crate::image_summaries as remarks;
use crate::layout;
use crate::layout::Area;
use crate::screens::change::state::image_at;
use crate::screens::pins::state as pins;
use crate::screens::pins::state::{EditedPins, EffectiveImageRow, ImageCheckStatus, PinsMode, PinsPane, PinsState};
use crate::state::{ClusterState, State};
use pinnace_core::finding::Severity;
use pinnace_core::plan::plural;
use pinnace_core::sanitize::clean;

use crate::screens::pins::editor_view as editor;
use crate::widgets::line_builder::{LineBuilder, ascii, draw};
use crate::widgets::width::{middle, width, wrapped};
use crate::widgets::{finding as remark, symbols as signs};

/// Draws the pins screen.
pub fn view(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, screen: &PinsState) {
    let body = Area { x: area.x, y: area.y, width: area.width, height: area.height };
    let parts = layout::pins(state.size, body);
    let Some(cluster) = state.clusters.get(screen.cluster) else { return };
    let Some(text) = &screen.text else {
        let mut pen = LineBuilder::new(theme, usize::from(area.width));
        let what = if cluster.world.knows_journal() { "the pins in force" } else { "the journal" };
        pen.gap(1).put(StyleRole::Dim, &format!("reading {what} …"));
        return draw(frame, crate::view::area(parts.title), 0, &pen.line());
    };
    draw(frame, crate::view::area(parts.title), 0, &title(state, theme, screen, text, usize::from(area.width)));
    let side = crate::view::area(parts.images);
    if parts.is_both() {
        editor::view(frame, crate::view::area(parts.text), state, theme, screen, text);
        images(frame, side, cluster, state, theme, screen, text);
    } else if screen.pane == PinsPane::Images {
        images(frame, crate::view::area(parts.text), cluster, state, theme, screen, text);
    } else {
        editor::view(frame, crate::view::area(parts.text), state, theme, screen, text);
        draw(frame, side, 0, &in_short(cluster, state, theme, screen, text, usize::from(area.width)));
    }
}

/// Builds the title line: the group, the state of the text (draft or in force), and the number of findings.
fn title(state: &State, theme: &Theme, screen: &PinsState, text: &EditedPins, room: usize) -> Line<'static> {
    let (errors, warnings) = (text.count(Severity::Error), text.count(Severity::Warning));
    let mut parts: Vec<(StyleRole, String)> = Vec::new();
    if text.is_edited() {
        parts.push((StyleRole::Waiting, "draft, not applied".to_owned()));
    } else if text.in_force.pins.is_empty() {
        parts.push((StyleRole::Dim, "no pins in force".to_owned()));
    } else {
        parts.push((StyleRole::Dim, "in force".to_owned()));
    }
    if errors > 0 {
        parts.push((StyleRole::Error, format!("{errors} {}", plural(errors, "error"))));
    }
    if warnings > 0 {
        parts.push((StyleRole::Warning, format!("{warnings} {} (`esc P`, then `w`)", plural(warnings, "warning"))));
    }
    let used: usize = parts.iter().map(|(_, text)| width(text) + 3).sum();
    let mut pen = LineBuilder::new(theme, room.saturating_sub(1));
    let kind = screen.group.kind.as_str();
    pen.gap(1).put(StyleRole::Title, &format!("pins · {kind} {}", clean(&screen.group.name)));
    if let Some(at) = &text.from_draft {
        let when = at.map(|at| format!(" of {} {}", at.date(state.offset), &at.clock(state.offset)[..5]));
        let told = format!("   opened from the draft{}", when.unwrap_or_default());
        if width(&told) + used < pen.room() {
            pen.put(StyleRole::Dim, &told);
        }
    }
    let room = room.saturating_sub(1);
    pen.until(room.saturating_sub(used.saturating_sub(3)));
    for (at, (role, text)) in parts.iter().enumerate() {
        if at > 0 {
            pen.put(StyleRole::Dim, " · ");
        }
        pen.put(*role, text);
    }
    pen.line()
}

/// Draws the effective images, the registry's answers, and the findings about what runs now.
fn images(
    frame: &mut Frame<'_>,
    area: Rect,
    cluster: &ClusterState,
    state: &State,
    theme: &Theme,
    screen: &PinsState,
    text: &EditedPins,
) {
    let room = usize::from(area.width).saturating_sub(2);
    let mut lines = Vec::new();
    let mut pen = LineBuilder::new(theme, room);
    pen.gap(1).put(StyleRole::TableHeader, "EFFECTIVE IMAGES");
    lines.push(pen.line());
    for one in pins::effective(cluster, screen, text) {
        service(&one, state, theme, room, &mut lines);
    }
    let found = remarks::summaries(cluster, screen, text, state.now);
    if !found.is_empty() {
        let mut pen = LineBuilder::new(theme, room);
        pen.gap(1).put(StyleRole::TableHeader, "REGISTRY");
        lines.extend([Line::default(), pen.line()]);
    }
    for (image, told) in found {
        let mut pen = LineBuilder::new(theme, room);
        pen.gap(1).put(StyleRole::Text, &middle(&image_at(&image), room.saturating_sub(1)));
        lines.push(pen.line());
        for piece in wrapped(&told, room.saturating_sub(3)) {
            let mut pen = LineBuilder::new(theme, room);
            pen.gap(3).put(StyleRole::Dim, &piece);
            lines.push(pen.line());
        }
    }
    let running = remarks::running(cluster, screen, text);
    if !running.is_empty() {
        let mut pen = LineBuilder::new(theme, room);
        pen.gap(1).put(StyleRole::TableHeader, "IMAGES IN THE SPECS");
        lines.extend([Line::default(), pen.line()]);
    }
    for finding in running {
        lines.extend(remark::lines(&finding, theme, room, ascii(state)));
    }
    let page = usize::from(area.height);
    let top = screen.top.min(lines.len().saturating_sub(page));
    for (row, line) in lines.iter().skip(top).take(page).enumerate() {
        draw(frame, area, row, line);
    }
}

fn verdict(one: &EffectiveImageRow, ascii: bool) -> (&'static str, StyleRole) {
    let (sign, plain, role) = match one.verdict {
        ImageCheckStatus::Unpinned => ("·", "-", StyleRole::Dim),
        ImageCheckStatus::Asked => ("◌", "~", StyleRole::Dim),
        ImageCheckStatus::Running | ImageCheckStatus::Usable => ("●", "+", StyleRole::Ok),
        ImageCheckStatus::Failed => ("✖", "x", StyleRole::Failing),
    };
    (if ascii { plain } else { sign }, role)
}

fn service(one: &EffectiveImageRow, state: &State, theme: &Theme, room: usize, lines: &mut Vec<Line<'static>>) {
    let arrow = signs::arrow(ascii(state));
    let mut pen = LineBuilder::new(theme, room);
    let host = if one.host.is_empty() { String::new() } else { format!(" · {}", one.host) };
    let (sign, role) = verdict(one, ascii(state));
    pen.gap(1).put(role, sign).gap(1).put(StyleRole::Text, &one.name).put(StyleRole::Dim, &host);
    let origin = width(&one.origin);
    if pen.room() > origin {
        pen.until(room.saturating_sub(origin)).put(StyleRole::Dim, &one.origin);
    }
    lines.push(pen.line());
    let mut pen = LineBuilder::new(theme, room);
    pen.gap(3);
    match &one.pinned {
        Some(_) if one.edited && one.verdict == ImageCheckStatus::Running => {
            let now = image_at(&one.now);
            pen.put(StyleRole::Text, &middle(&now, room.saturating_sub(3)));
            if pen.room() < 17 {
                lines.push(pen.line());
                pen = LineBuilder::new(theme, room);
                pen.gap(1);
            }
            pen.gap(2).put(StyleRole::Dim, "already running");
        }
        Some(pinned) if one.edited => {
            let (now, new) = (image_at(&one.now), image_at(pinned));
            let most = pen.room().saturating_sub(3);
            if width(&now) + width(&new) <= most {
                pen.put(StyleRole::Dim, &format!("{now} {arrow} ")).put(role_of(one), &new);
            } else {
                pen.put(role_of(one), &middle(&new, most));
                lines.push(pen.line());
                pen = LineBuilder::new(theme, room);
                pen.gap(3).put(StyleRole::Dim, &middle(&format!("now {now}"), most));
            }
        }
        Some(pinned) => {
            pen.put(StyleRole::Text, &middle(&image_at(pinned), room.saturating_sub(3)));
        }
        None => {
            pen.put(StyleRole::Dim, &middle(&format!("keeps {}", image_at(&one.now)), room.saturating_sub(3)));
        }
    }
    lines.push(pen.line());
    for (origin, image) in &one.shadowed {
        let mut pen = LineBuilder::new(theme, room);
        let (image, told) = (image_at(image), format!("shadowed, {origin}"));
        pen.gap(3).put(StyleRole::Shadowed, &middle(&image, room.saturating_sub(3)));
        if pen.room() < width(&told) + 2 {
            lines.push(pen.line());
            pen = LineBuilder::new(theme, room);
            pen.gap(1);
        }
        pen.gap(2).put(StyleRole::Dim, &told);
        lines.push(pen.line());
    }
}

fn role_of(one: &EffectiveImageRow) -> StyleRole {
    if one.verdict == ImageCheckStatus::Failed { StyleRole::Failing } else { StyleRole::Added }
}

/// Summarizes the effective images in one line, for a screen without room for both panes.
fn in_short(
    cluster: &ClusterState,
    state: &State,
    theme: &Theme,
    screen: &PinsState,
    text: &EditedPins,
    room: usize,
) -> Line<'static> {
    let all = pins::effective(cluster, screen, text);
    let edited: Vec<_> = all.iter().filter(|one| one.edited).collect();
    let mut pen = LineBuilder::new(theme, room.saturating_sub(1));
    pen.gap(1);
    match edited.first() {
        None => pen.put(StyleRole::Dim, &format!("no pin changes for {} {}", all.len(), plural(all.len(), "service"))),
        Some(first) => {
            let (sign, role) = verdict(first, ascii(state));
            let name =
                if first.host.is_empty() { first.name.clone() } else { format!("{} on {}", first.name, first.host) };
            let same = edited.iter().filter(|one| one.pinned == first.pinned).count() - 1;
            let more = if same == 0 { String::new() } else { format!(" and {same} more") };
            let what = first.pinned.as_ref().map_or_else(|| "no pin".to_owned(), |pinned| image_at(pinned));
            pen.put(role, sign).gap(1).put(StyleRole::Text, &format!("{name}{more}: "));
            pen.put(role_of(first), &middle(&what, 40));
            let others = edited.len() - same - 1;
            pen.put(StyleRole::Dim, &if others == 0 { String::new() } else { format!(" · {others} with other images") })
        }
    };
    if screen.mode == PinsMode::Reading && pen.room() > 12 {
        pen.put(StyleRole::Dim, "   tab: all");
    }
    pen.line()
}
