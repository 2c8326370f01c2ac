//! Windows over the screen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::symbols::border;
use ratatui::widgets::{Block, Clear, Widget as _};

use crate::config::{StyleRole, Theme};
use crate::layout;
use crate::layout::Area;
use crate::state::State;

use crate::widgets::line_builder::ascii;

/// Borders and corners in ASCII.
const ASCII: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// Draws an empty window for content of this size (cells, lines), and returns the area inside.
pub fn window(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    theme: &Theme,
    title: &str,
    size: (usize, usize),
) -> Rect {
    let cells = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
    let body = Area { x: area.x, y: area.y, width: area.width, height: area.height };
    let outer = layout::popup(body, cells(size.0).saturating_add(4), cells(size.1).saturating_add(2));
    boxed(frame, crate::view::area(outer), state, theme, title)
}

/// Draws an empty window in this area, and returns the area inside.
pub fn boxed(frame: &mut Frame<'_>, outer: Rect, state: &State, theme: &Theme, title: &str) -> Rect {
    let block = Block::bordered()
        .border_set(if ascii(state) { ASCII } else { border::PLAIN })
        .border_style(theme.style(StyleRole::Border))
        .title(format!(" {title} "))
        .title_style(theme.style(StyleRole::Screen).patch(theme.style(StyleRole::Title)))
        .style(theme.style(StyleRole::Screen).patch(theme.style(StyleRole::Popup)));
    let inner = block.inner(outer);
    let buffer = frame.buffer_mut();
    Clear.render(outer, buffer);
    block.render(outer, buffer);
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}
