//! The view of the fleet: services by group, trouble first.
//!
//! ```text
//!  CLUSTERS   │   SERVICES                             TASKS IMAGE                        DIGEST   ORIGIN   SINCE
//!  NODES      │ ▾ storefront database                    2/3
//!             │     ✖ failing   n1 · host-2              0/1 my-custom-image              tag only pin n1   12m
//!             │         17.9-spock5.0.6-standard-2 → my-custom-image, 12m ago
//!             │   … 31 more services in 9 groups, all healthy
//!             │ the selected row's last tasks
//! ```

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::config::{StyleRole, Theme};
use crate::layout;
use crate::screens::fleet::rows::lines_before;
use crate::screens::fleet::state::FleetPane;
use crate::state::State;

use crate::screens::fleet::row_view as row;
use crate::screens::fleet::row_view::FleetTable;
use crate::screens::fleet::sidebar_view as nodes;
use crate::widgets::detail_panel as detail;
use crate::widgets::line_builder::{LineBuilder, draw, select};

/// Draws the fleet screen.
pub fn view(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let body = layout::Area { x: area.x, y: area.y, width: area.width, height: area.height };
    let parts = layout::fleet(state.size, body, !state.fleet.nodes_hidden);
    let list = crate::view::area(parts.list);
    if parts.left.width > 0 {
        nodes::pane(frame, crate::view::area(parts.left), state, theme);
    } else if state.fleet.pane != FleetPane::Services {
        let whole = Rect { y: area.y, height: list.height + 1, ..list };
        nodes::full(frame, whole, state, theme);
        return detail::strip(frame, crate::view::area(parts.strip), state, theme);
    }
    heading(frame, crate::view::area(parts.heading), state, theme);
    rows(frame, list, state, theme);
    detail::strip(frame, crate::view::area(parts.strip), state, theme);
    if parts.nodes.height > 0 {
        nodes::line(frame, crate::view::area(parts.nodes), state, theme);
    }
}

fn heading(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let columns = FleetTable::of(state, usize::from(area.width));
    let mut line = columns.heading(theme);
    if !state.fleet.filter.is_empty() {
        let mut pen = LineBuilder::new(theme, usize::from(area.width));
        let shown = state.fleet.rows.iter().filter(|row| row.service().is_some()).count();
        pen.gap(1).put(StyleRole::Match, &format!("filter: {}", state.fleet.filter.typed()));
        pen.put(StyleRole::Dim, &format!("   {shown} shown"));
        line = pen.line();
    }
    draw(frame, area, 0, &line);
}

fn rows(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let fleet = &state.fleet;
    if fleet.rows.is_empty() {
        return empty(frame, area, state, theme);
    }
    let columns = FleetTable::of(state, usize::from(area.width));
    let cursor = fleet.index();
    let bottom = fleet.top + usize::from(area.height);
    let mut line = 0;
    for (index, one) in fleet.rows.iter().enumerate() {
        let lines = one.lines();
        if line + lines > fleet.top && line < bottom {
            for (below, text) in row::lines(one, state, theme, &columns).iter().enumerate() {
                if let Some(at) = (line + below).checked_sub(fleet.top) {
                    draw(frame, area, at, text);
                }
            }
            // Only the first line is highlighted, so that cursor movement does not redraw the detail lines.
            if index == cursor
                && let Some(at) = line.checked_sub(fleet.top)
            {
                let width = u16::try_from(columns.width()).unwrap_or(area.width).min(area.width);
                select(frame, Rect { width, ..area }, at, 1, theme, fleet.pane == FleetPane::Services);
            }
        }
        line += lines;
    }
    more_below(frame, area, state, theme, bottom);
}

/// Draws the number of rows below the page into the bottom right corner.
fn more_below(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, bottom: usize) {
    let rows = &state.fleet.rows;
    let below = (0..rows.len()).filter(|&at| lines_before(rows, at) >= bottom);
    let (count, trouble) =
        below.fold((0, 0), |(count, trouble), at| (count + 1, trouble + usize::from(rows[at].is_trouble())));
    if count == 0 {
        return;
    }
    let text =
        if trouble > 0 { format!(" {count} below, {trouble} of them unhealthy ") } else { format!(" {count} below ") };
    let role = if trouble > 0 { StyleRole::HeaderTrouble } else { StyleRole::Dim };
    let width = u16::try_from(crate::widgets::width::width(&text)).unwrap_or(0).min(area.width);
    let corner = Rect { x: area.x + area.width - width, width, ..area };
    let mut pen = LineBuilder::new(theme, usize::from(width));
    pen.put(role, &text);
    draw(frame, corner, usize::from(area.height.saturating_sub(1)), &pen.line());
}

fn empty(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let world = state.world();
    let text = if !world.is_painted() {
        "reading nodes and services …"
    } else if world.services.is_empty() {
        "this swarm has no services"
    } else {
        "no service matches the filter; press esc to show all"
    };
    let mut pen = LineBuilder::new(theme, usize::from(area.width));
    pen.gap(3).put(StyleRole::Dim, text);
    draw(frame, area, 1, &pen.line());
}
