//! Where things are on the screen: a function of its size and of what there is to show, for paging and drawing alike.
//!
//! ```text
//!  header                                      below 100 columns the left pane is one line above the footer, and the
//!  banner, while the link is in trouble        pane that has the keys takes the place of the services
//!  left pane │ the main pane
//!            │ its strip of details, where the height allows
//!  the tour, in the demo
//!  footer
//! ```

/// The size of the terminal, in cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// A part of the screen, in cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// The leftmost column.
    pub x: u16,
    /// The topmost row.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Rows.
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

/// The least size that is drawn on; below it the screen says so.
pub(crate) const LEAST: Size = Size { width: 40, height: 10 };
/// From this width on clusters and nodes have a pane of their own.
const WIDE: u16 = 100;
/// From this height on the selected row has a strip of details.
const TALL: u16 = 30;
/// The rows of the tour through the demo, and from which height on there is room for them.
const TOUR: u16 = 3;
const ROOMY: u16 = 18;
/// The left pane's width.
const LEFT: u16 = 24;

impl Size {
    /// Whether anything can be drawn.
    pub(crate) fn is_enough(self) -> bool {
        self.width >= LEAST.width && self.height >= LEAST.height
    }

    /// Whether clusters and nodes have a pane of their own.
    pub(crate) fn is_wide(self) -> bool {
        self.width >= WIDE
    }
}

/// The parts every screen has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The top line.
    pub header: Area,
    /// What concerns everything; without rows while there is nothing.
    pub banner: Area,
    /// All between.
    pub body: Area,
    /// The tour through the demo; without rows where there is none.
    pub tour: Area,
    /// The bottom line.
    pub footer: Area,
}

/// Divides the screen; `banner` and `tour` are whether there is one. The tour takes rows of its own, so that it hides nothing.
pub fn frame(size: Size, banner: bool, tour: bool) -> Frame {
    let mut body = Area { x: 0, y: 0, width: size.width, height: size.height };
    let header = body.take_top(1);
    let banner = body.take_top(u16::from(banner));
    let footer = body.take_bottom(1);
    let tour = body.take_bottom(if tour && size.height >= ROOMY { TOUR } else { 0 });
    Frame { header, banner, body, tour, footer }
}

/// The parts of the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// Clusters and nodes, where the width allows; else without columns.
    pub left: Area,
    /// The heading of the services.
    pub heading: Area,
    /// The services.
    pub list: Area,
    /// The selected row's details; without rows where the height does not allow.
    pub strip: Area,
    /// The nodes as one line, where there is no left pane.
    pub nodes: Area,
}

/// Divides the fleet's body; `nodes` is whether the nodes are shown.
pub(crate) fn fleet(size: Size, body: Area, nodes: bool) -> Fleet {
    let mut rest = body;
    let none = Area { x: body.x, y: body.y, width: 0, height: 0 };
    let left = if nodes && size.is_wide() { rest.take_left(LEFT) } else { none };
    let line = rest.take_bottom(u16::from(nodes && !size.is_wide() && size.height > LEAST.height));
    let strip = rest.take_bottom(strip_height(size));
    let heading = rest.take_top(1);
    Fleet { left, heading, list: rest, strip, nodes: line }
}

/// A blank line, a title, and a line for each of the last tasks.
fn strip_height(size: Size) -> u16 {
    match size.height {
        ..TALL => 0,
        TALL..50 => 6,
        _ => 10,
    }
}

/// The parts of a screen with a summary on top and a list below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Titled {
    /// The summary.
    pub summary: Area,
    /// The list.
    pub list: Area,
}

/// Divides a body into a summary of so many rows and a list.
pub(crate) fn titled(body: Area, rows: u16) -> Titled {
    let mut list = body;
    let summary = list.take_top(rows.min(body.height.saturating_sub(3)));
    Titled { summary, list }
}

/// The parts of the list of earlier images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// What it is about, and the names of the columns.
    pub summary: Area,
    /// The images.
    pub list: Area,
    /// The chosen one in full; without rows where the height does not allow.
    pub strip: Area,
}

/// Divides the body of the list of earlier images.
pub fn earlier(body: Area) -> Earlier {
    let Titled { summary, mut list } = titled(body, 2);
    let strip = list.take_bottom(if body.height >= 12 { 5 } else { 0 });
    Earlier { summary, list, strip }
}

/// The parts of the pins' screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pins {
    /// What is edited, and how it stands.
    pub title: Area,
    /// The text.
    pub text: Area,
    /// What it comes to; without rows where there is no room beside or below the text.
    pub images: Area,
}

impl Pins {
    /// Whether the text and what it comes to are on the screen together.
    pub(crate) fn is_both(&self) -> bool {
        self.images.height > 1
    }
}

/// Divides the body of the pins' screen: what the pins come to stands beside the text, else below, else behind a key.
pub fn pins(size: Size, body: Area) -> Pins {
    let mut text = body;
    let title = text.take_top(1);
    if size.is_wide() {
        let side = (size.width / 3).clamp(40, 66);
        let mut images = text;
        text = images.take_left(size.width - side);
        return Pins { title, text, images };
    }
    let below = if size.height >= TALL { text.height / 3 } else { 1 };
    let images = text.take_bottom(below);
    Pins { title, text, images }
}

/// The most images that are listed under a line of the pins at once.
const CHOICES: usize = 10;

/// How many images are listed under a line of the pins, where its text has this area: the line itself stays, and the
/// list has a frame and a line about the chosen one.
pub fn choices(text: Area) -> usize {
    usize::from(text.height).saturating_sub(4).clamp(1, CHOICES)
}

/// The window in the middle of the body, as large as its content needs and the body allows.
pub(crate) fn popup(body: Area, width: u16, height: u16) -> Area {
    let width = width.min(body.width.saturating_sub(2));
    let height = height.min(body.height);
    Area { x: body.x + (body.width - width) / 2, y: body.y + (body.height - height) / 3, width, height }
}

/// The first line to show, so that `cursor` (a line and how many it takes) is in view and nothing moves needlessly.
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
                    let size = Size { width, height };
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
