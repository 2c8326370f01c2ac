//! The layout of the screen: a function of the terminal's size and of the content. Paging and drawing use the
//! same one.
//!
//! ```text
//!  header                                      below 100 columns the left pane is one line above the footer, and the
//!  banner, while there is a problem            focused pane takes the place of the services
//!  left pane │ the main pane
//!            │ its panel of details, if the height allows
//!  the tour, in the demo
//!  footer
//! ```

/// The size of the terminal, in cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TerminalSize {
    /// The number of columns.
    pub width: u16,
    /// The number of rows.
    pub height: u16,
}

/// A part of the screen, in cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// The leftmost column.
    pub x: u16,
    /// The topmost row.
    pub y: u16,
    /// The number of columns.
    pub width: u16,
    /// The number of rows.
    pub height: u16,
}

impl Area {
    /// Cuts off rows at the top and returns them.
    #[must_use]
    pub(crate) fn take_top(&mut self, rows: u16) -> Self {
        let rows = rows.min(self.height);
        let top = Self { height: rows, ..*self };
        self.y += rows;
        self.height -= rows;
        top
    }

    /// Cuts off rows at the bottom and returns them.
    #[must_use]
    pub(crate) fn take_bottom(&mut self, rows: u16) -> Self {
        let rows = rows.min(self.height);
        self.height -= rows;
        Self { y: self.y + self.height, height: rows, ..*self }
    }

    /// Cuts off columns at the left and returns them.
    #[must_use]
    pub(crate) fn take_left(&mut self, columns: u16) -> Self {
        let columns = columns.min(self.width);
        let left = Self { width: columns, ..*self };
        self.x += columns;
        self.width -= columns;
        left
    }
}

/// The smallest size that is drawn on; a smaller terminal shows a message instead.
pub(crate) const LEAST: TerminalSize = TerminalSize { width: 40, height: 10 };
/// The least width at which clusters and nodes have a separate pane.
const WIDE: u16 = 100;
/// The least height at which the selected row has a panel of details.
const TALL: u16 = 30;
/// The number of rows of the demo tour; `ROOMY` is the least height at which they are shown.
const TOUR: u16 = 3;
const ROOMY: u16 = 18;
/// The width of the left pane, in columns.
const LEFT: u16 = 24;

impl TerminalSize {
    /// Returns whether the terminal is large enough to draw on.
    pub(crate) fn is_enough(self) -> bool {
        self.width >= LEAST.width && self.height >= LEAST.height
    }

    /// Returns whether clusters and nodes have a separate pane.
    pub(crate) fn is_wide(self) -> bool {
        self.width >= WIDE
    }
}

/// The parts of every screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLayout {
    /// The top line.
    pub header: Area,
    /// The banner; zero rows while there is none.
    pub banner: Area,
    /// The area between header and banner above, tour and footer below.
    pub body: Area,
    /// The tour through the demo; zero rows while it is not shown.
    pub tour: Area,
    /// The bottom line.
    pub footer: Area,
}

/// Divides the screen; `banner` and `tour` say whether these are shown. The tour gets separate rows, so that it
/// hides nothing.
pub fn frame(size: TerminalSize, banner: bool, tour: bool) -> FrameLayout {
    let mut body = Area { x: 0, y: 0, width: size.width, height: size.height };
    let header = body.take_top(1);
    let banner = body.take_top(u16::from(banner));
    let footer = body.take_bottom(1);
    let tour = body.take_bottom(if tour && size.height >= ROOMY { TOUR } else { 0 });
    FrameLayout { header, banner, body, tour, footer }
}

/// The parts of the fleet screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetLayout {
    /// The pane of clusters and nodes; zero columns on a narrow terminal.
    pub left: Area,
    /// The column headings of the services.
    pub heading: Area,
    /// The rows of the services.
    pub list: Area,
    /// The details of the selected row; zero rows on a low terminal.
    pub strip: Area,
    /// The nodes in one line, if there is no left pane.
    pub nodes: Area,
}

/// Divides the body of the fleet screen; `nodes` says whether the nodes are shown.
pub(crate) fn fleet(size: TerminalSize, body: Area, nodes: bool) -> FleetLayout {
    let mut rest = body;
    let none = Area { x: body.x, y: body.y, width: 0, height: 0 };
    let left = if nodes && size.is_wide() { rest.take_left(LEFT) } else { none };
    let line = rest.take_bottom(u16::from(nodes && !size.is_wide() && size.height > LEAST.height));
    let strip = rest.take_bottom(strip_height(size));
    let heading = rest.take_top(1);
    FleetLayout { left, heading, list: rest, strip, nodes: line }
}

/// Returns the height of the detail panel: a blank line, a title, and one line for each of the last tasks.
fn strip_height(size: TerminalSize) -> u16 {
    match size.height {
        ..TALL => 0,
        TALL..50 => 6,
        _ => 10,
    }
}

/// The parts of a screen with a summary on top and a list below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SummaryListLayout {
    pub summary: Area,
    pub list: Area,
}

/// Divides a body into a summary of `rows` rows and a list; the list keeps at least three rows.
pub(crate) fn titled(body: Area, rows: u16) -> SummaryListLayout {
    let mut list = body;
    let summary = list.take_top(rows.min(body.height.saturating_sub(3)));
    SummaryListLayout { summary, list }
}

/// The parts of the screen that lists rollback candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CandidatesLayout {
    /// The service in question, and the column headings.
    pub summary: Area,
    /// The candidates.
    pub list: Area,
    /// The selected candidate in full; zero rows on a low terminal.
    pub strip: Area,
}

/// Divides the body of the screen that lists rollback candidates.
pub fn earlier(body: Area) -> CandidatesLayout {
    let SummaryListLayout { summary, mut list } = titled(body, 2);
    let strip = list.take_bottom(if body.height >= 12 { 5 } else { 0 });
    CandidatesLayout { summary, list, strip }
}

/// The parts of the pins screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinsLayout {
    /// The edited group and the status of its text.
    pub title: Area,
    /// The text of the pins.
    pub text: Area,
    /// The effective images; a single row if there is no room beside or below the text.
    pub images: Area,
}

impl PinsLayout {
    /// Returns whether the text and the effective images are on the screen together.
    pub(crate) fn is_both(&self) -> bool {
        self.images.height > 1
    }
}

/// Divides the body of the pins screen. The effective images stand beside the text on a wide terminal, below it
/// on a tall one, and otherwise replace it when a key is pressed.
pub fn pins(size: TerminalSize, body: Area) -> PinsLayout {
    let mut text = body;
    let title = text.take_top(1);
    if size.is_wide() {
        let side = (size.width / 3).clamp(40, 66);
        let mut images = text;
        text = images.take_left(size.width - side);
        return PinsLayout { title, text, images };
    }
    let below = if size.height >= TALL { text.height / 3 } else { 1 };
    let images = text.take_bottom(below);
    PinsLayout { title, text, images }
}

/// The most completions that are listed under a line of the pins at once.
const CHOICES: usize = 10;

/// Returns how many completions fit under a line of the pins, for a text of this area. The line itself stays
/// visible, and the list has a frame and one line about the selected completion.
pub fn choices(text: Area) -> usize {
    usize::from(text.height).saturating_sub(4).clamp(1, CHOICES)
}

/// Returns the area of a window over the body, as large as its content needs and the body allows.
pub(crate) fn popup(body: Area, width: u16, height: u16) -> Area {
    let width = width.min(body.width.saturating_sub(2));
    let height = height.min(body.height);
    Area { x: body.x + (body.width - width) / 2, y: body.y + (body.height - height) / 3, width, height }
}

/// Returns the first line to show, so that `cursor` (a line and its number of lines) is in view; scrolls as
/// little as possible.
pub(crate) fn scrolled(top: usize, cursor: (usize, usize), page: usize, total: usize) -> usize {
    let (line, lines) = cursor;
    let lowest = (line + lines).saturating_sub(page);
    top.clamp(lowest.min(line), line).min(total.saturating_sub(page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_lies_within_the_screen_and_apart() {
        for (width, height) in [(40, 10), (60, 15), (80, 24), (99, 29), (100, 30), (120, 40), (200, 60)] {
            for banner in [false, true] {
                for (nodes, tour) in [(false, false), (true, false), (false, true), (true, true)] {
                    let size = TerminalSize { width, height };
                    let parts = frame(size, banner, tour);
                    let inner = fleet(size, parts.body, nodes);
                    let areas = [
                        parts.header,
                        parts.banner,
                        parts.tour,
                        parts.footer,
                        inner.left,
                        inner.heading,
                        inner.list,
                        inner.strip,
                        inner.nodes,
                    ];
                    let cells: u32 = areas.iter().map(|a| u32::from(a.width) * u32::from(a.height)).sum();
                    assert_eq!(cells, u32::from(width) * u32::from(height), "{size:?} {banner} {nodes} {tour}");
                    assert!(inner.list.height >= 5, "{size:?}");
                }
            }
        }
    }

    #[test]
    fn scrolling_keeps_the_cursor_in_view_and_else_stays() {
        for (top, cursor, top_after) in [
            (0, (3, 1), 0),
            (0, (10, 1), 1),
            (0, (9, 3), 2),
            (5, (4, 1), 4),
            (5, (8, 1), 5),
            (90, (95, 1), 90),
            (99, (95, 1), 90),
            (0, (4, 20), 4),
        ] {
            assert_eq!(scrolled(top, cursor, 10, 100), top_after, "{top} {cursor:?}");
        }
        assert_eq!(scrolled(3, (2, 1), 10, 5), 0);
    }
}
