//! The view of a service's log.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::config::{StyleRole, Theme};
use crate::layout;
use crate::screens::logs::state::LogsState;
use crate::state::State;
use pinnace_core::plan::plural;

use crate::widgets::line_builder::{LineBuilder, draw};
use crate::widgets::width::middle;

/// Draws the log screen.
pub fn view(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, screen: &LogsState) {
    let body = layout::Area { x: area.x, y: area.y, width: area.width, height: area.height };
    let parts = layout::titled(body, 1);
    let room = usize::from(area.width).saturating_sub(1);
    let page = usize::from(parts.list.height);
    let count = screen.passing().count();
    let most = count.saturating_sub(page);
    let top = screen.top.unwrap_or(most).min(most);
    let mut pen = LineBuilder::new(theme, room);
    pen.gap(1);
    match (&screen.ended, screen.top) {
        (Some(why), _) => pen.put(StyleRole::Waiting, why),
        (None, None) => pen.put(StyleRole::Dim, "following"),
        (None, Some(_)) => {
            let below = count.saturating_sub(top + page);
            pen.put(StyleRole::Waiting, &format!("paused, {below} {} below", plural(below, "line")))
        }
    };
    pen.put(StyleRole::Dim, &format!(" · {count} {}", plural(count, "line")));
    if !screen.filter.is_empty() {
        pen.gap(3).put(StyleRole::Match, &format!("filter: {}", screen.filter.typed()));
    }
    draw(frame, crate::view::area(parts.summary), 0, &pen.line());
    let list = crate::view::area(parts.list);
    for (at, line) in screen.passing().skip(top).take(page).enumerate() {
        let mut pen = LineBuilder::new(theme, room);
        let clock = line.at.map(|at| at.clock(state.offset)).unwrap_or_default();
        pen.gap(1).column(StyleRole::Dim, &clock, 9).column(StyleRole::Dim, &middle(&line.task, 9), 10);
        pen.put(if line.error { StyleRole::Waiting } else { StyleRole::Dim }, if line.error { "! " } else { "  " });
        pen.put(StyleRole::Text, &line.text);
        draw(frame, list, at, &pen.line());
    }
    if count == 0 && screen.ended.is_none() {
        let mut pen = LineBuilder::new(theme, room);
        pen.gap(1).put(StyleRole::Dim, "no lines yet");
        draw(frame, list, 0, &pen.line());
    }
}
