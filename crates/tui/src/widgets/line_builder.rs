//! Lines built from parts, in the theme's styles.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use crate::config::{StyleRole, Theme};
use crate::state::State;

use crate::widgets::width::{end, left, width};

/// A line under construction.
pub struct LineBuilder<'a> {
    theme: &'a Theme,
    spans: Vec<Span<'static>>,
    used: usize,
    room: usize,
}

impl<'a> LineBuilder<'a> {
    /// Starts a line of `room` cells.
    pub fn new(theme: &'a Theme, room: usize) -> Self {
        Self { theme, spans: Vec::new(), used: 0, room }
    }

    /// Appends a text, cut where the line ends.
    pub fn put(&mut self, role: StyleRole, text: &str) -> &mut Self {
        let text = end(text, self.room.saturating_sub(self.used));
        self.used += width(&text);
        self.spans.push(Span::styled(text, self.theme.style(role)));
        self
    }

    /// Appends a text in a column of `cells` cells.
    pub fn column(&mut self, role: StyleRole, text: &str, cells: usize) -> &mut Self {
        self.put(role, &left(text, cells))
    }

    /// Appends blanks. They keep the style before them if it does not show on blanks, because each change of
    /// style costs bytes.
    pub fn gap(&mut self, cells: usize) -> &mut Self {
        let shows = Modifier::UNDERLINED | Modifier::REVERSED | Modifier::CROSSED_OUT;
        let before = self.spans.last().map(|span| span.style);
        let quiet = before.filter(|style| style.bg.is_none() && !style.add_modifier.intersects(shows));
        let blanks = " ".repeat(cells.min(self.room.saturating_sub(self.used)));
        self.used += blanks.len();
        self.spans.push(Span::styled(blanks, quiet.unwrap_or_else(|| self.theme.style(StyleRole::Text))));
        self
    }

    /// Appends blanks up to this cell.
    pub fn until(&mut self, cell: usize) -> &mut Self {
        self.gap(cell.saturating_sub(self.used))
    }

    /// Returns the number of cells left.
    pub fn room(&self) -> usize {
        self.room.saturating_sub(self.used)
    }

    /// Returns the finished line.
    pub fn line(self) -> Line<'static> {
        Line::from(self.spans)
    }
}

/// Draws a line in a row of an area; nothing is drawn outside of the area or the frame.
pub fn draw(frame: &mut Frame<'_>, area: Rect, row: usize, line: &Line<'_>) {
    let buffer = frame.buffer_mut();
    let Ok(row) = u16::try_from(row) else { return };
    let y = area.y.saturating_add(row);
    // The buffer cuts a line at its right edge only.
    if row < area.height && (buffer.area.top()..buffer.area.bottom()).contains(&y) && area.x >= buffer.area.x {
        buffer.set_line(area.x, y, line, area.width);
    }
}

/// Applies the style of the selection to rows of an area.
pub fn select(frame: &mut Frame<'_>, area: Rect, row: usize, rows: usize, theme: &Theme, active: bool) {
    let role = if active { StyleRole::Selection } else { StyleRole::SelectionInactive };
    let Ok(row) = u16::try_from(row) else { return };
    let height = u16::try_from(rows).unwrap_or(1).min(area.height.saturating_sub(row));
    frame.buffer_mut().set_style(Rect { y: area.y.saturating_add(row), height, ..area }, theme.style(role));
}

/// Returns whether symbols are drawn in ASCII.
pub(crate) fn ascii(state: &State) -> bool {
    state.config.settings.ascii
}

/// Returns the first of `total` lines to show, so that the wanted lines are in view with some that follow.
pub fn window(wanted: &std::ops::Range<usize>, page: usize, total: usize) -> usize {
    let below = (page / 4).min(total.saturating_sub(wanted.end));
    (wanted.end + below).saturating_sub(page).min(wanted.start).min(total.saturating_sub(page))
}
