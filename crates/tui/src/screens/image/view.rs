//! The view of an image: its sections, with its files below.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::config::{StyleRole, Theme};
use crate::screens::image::state::{ImageDetailRow, ImageState};
use crate::state::State;
use crate::update::IMAGE_SUMMARY;
use crate::{layout, wrap};
use pinnace_core::inspect::{Tone, file};

use crate::widgets::line_builder::{LineBuilder, draw};
use crate::widgets::width::{left_middle, middle, width};

/// Draws the details of an image, with its files below.
pub fn view(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, screen: &ImageState) {
    let body = layout::Area { x: area.x, y: area.y, width: area.width, height: area.height };
    let parts = layout::titled(body, IMAGE_SUMMARY);
    let room = usize::from(area.width).saturating_sub(1);
    let page = usize::from(parts.list.height);
    let rows = screen.rows(usize::from(area.width).saturating_sub(wrap::MARGIN));
    let files = state.clusters.get(screen.cluster).map(|one| screen.listed(one)).unwrap_or_default();
    let all = rows.len() + files.len();
    let top = screen.top.min(all.saturating_sub(page));
    let mut pen = LineBuilder::new(theme, room);
    let place = if all > page { format!("{}–{} of {all}", top + 1, (top + page).min(all)) } else { String::new() };
    let most = pen.room().saturating_sub(width(&place) + 3);
    pen.gap(1).put(StyleRole::Code, &middle(&screen.image.text, most));
    pen.until(room.saturating_sub(width(&place))).put(StyleRole::Dim, &place);
    draw(frame, crate::view::area(parts.summary), 0, &pen.line());
    let list = crate::view::area(parts.list);
    for at in top..all.min(top + page) {
        let mut pen = LineBuilder::new(theme, room);
        pen.gap(1);
        match (rows.get(at), at.checked_sub(rows.len()).and_then(|at| files.get(at))) {
            (Some(ImageDetailRow::Title(title)), _) => drop(pen.put(StyleRole::Title, &title.to_uppercase())),
            (Some(ImageDetailRow::Line { key, keys, text, tone }), _) => {
                pen.gap(1);
                if *keys > 0 {
                    pen.put(StyleRole::Dim, &left_middle(key, *keys)).gap(2);
                }
                pen.put(role(*tone), text);
            }
            (None, Some(found)) => {
                let line = file(found);
                pen.gap(1).put(StyleRole::Dim, &line.key).gap(2);
                let most = pen.room();
                pen.put(StyleRole::Text, &middle(&line.text, most));
            }
            (Some(ImageDetailRow::Blank) | None, _) => {}
        }
        draw(frame, list, at - top, &pen.line());
    }
}

fn role(tone: Tone) -> StyleRole {
    match tone {
        Tone::Plain => StyleRole::Text,
        Tone::Quiet => StyleRole::Dim,
        Tone::Good => StyleRole::Ok,
        Tone::Warn => StyleRole::Warning,
        Tone::Bad => StyleRole::Error,
    }
}
