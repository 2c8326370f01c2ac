//! The tour through the demo: three lines above the footer, in separate rows, so that they hide nothing.
//!
//! ```text
//! ── tour ───────────────────────────────────────────────────────── F hides it ──
//!  ✓ find it  ✓ see what changed  ▸ pin  · plan  · apply  · watch  · roll back
//!  p pins: the image that each member should run
//! ```

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::action::Action;
use crate::config::{StyleRole, Theme};
use crate::state::State;
use crate::tour::{TourStep, instruction};

use crate::widgets::line_builder::{LineBuilder, ascii, draw};
use crate::widgets::width::width;

/// Draws the tour, if it has rows.
pub fn view(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let Some(tour) = &state.tour else { return };
    let room = usize::from(area.width);
    let ascii = ascii(state);
    let rule = if ascii { "-" } else { "─" };
    let keys = state.config.keymap.keys_for(state.context(), Action::Tour);
    let hides = keys.map(|keys| format!(" {keys} hides it ")).unwrap_or_default();
    let mut pen = LineBuilder::new(theme, room);
    pen.put(StyleRole::Border, &rule.repeat(2)).put(StyleRole::Title, " tour ");
    let dashes = pen.room().saturating_sub(width(&hides) + 2);
    pen.put(StyleRole::Border, &rule.repeat(dashes))
        .put(StyleRole::Dim, &hides)
        .put(StyleRole::Border, &rule.repeat(2));
    draw(frame, area, 0, &pen.line());

    let next = tour.next();
    let mut pen = LineBuilder::new(theme, room);
    pen.gap(1);
    for step in TourStep::ALL {
        let (sign, role) = match (tour.done.contains(&step), next == Some(step)) {
            (true, _) => (if ascii { "+" } else { "✓" }, StyleRole::Ok),
            (false, true) => (if ascii { ">" } else { "▸" }, StyleRole::Accent),
            (false, false) => (if ascii { "." } else { "·" }, StyleRole::Dim),
        };
        pen.put(role, sign).put(role, " ").put(role, step.title()).gap(2);
    }
    draw(frame, area, 1, &pen.line());

    let Some(told) = instruction(state) else { return };
    let mut pen = LineBuilder::new(theme, room);
    pen.gap(1);
    if let Some((key, label)) = &told.key {
        pen.put(StyleRole::Key, key)
            .put(StyleRole::KeyLabel, " ")
            .put(StyleRole::KeyLabel, label)
            .put(StyleRole::Dim, ": ");
    }
    pen.put(StyleRole::Text, told.text);
    draw(frame, area, 2, &pen.line());
}
