//! Draws the state: `view(frame, &State, &Theme)`, and nothing that could change it.
//!
//! ```text
//!  header   what is looked at · what needs somebody · how old it is
//!  banner   what concerns everything, while there is such a thing
//!  body     the top screen; what lies over it, in a window
//!  tour     in the demo, where in it one is
//!  footer   the keys that work here, or what was said last
//! ```
//!
//! Every view is a function of frame, area, state and theme. The layout goes by the state's size; what lies outside of
//! the frame is cut off. Colour is never the only carrier: each status has a sign
//! and a word.

mod change;
mod complete;
mod detail;
mod earlier;
mod editor;
mod fleet;
mod footer;
mod header;
mod history;
mod image;
mod login;
mod logs;
mod modal;
mod nodes;
mod pen;
mod pins;
mod plan;
mod popup;
mod remark;
mod row;
mod service;
pub mod signs;
mod tour;
pub mod width;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::app::layout::{self, Area, LEAST};
use crate::app::state::{Screen, State};
use crate::app::{banner, layout::Frame as Parts, tour as tour_of};
use crate::config::{Role, Theme};

/// Draws everything.
pub fn view(frame: &mut Frame<'_>, state: &State, theme: &Theme) {
    let all = frame.area();
    frame.buffer_mut().set_style(all, theme.style(Role::Screen));
    if !state.size.is_enough() {
        return too_small(frame, all, theme);
    }
    let has_tour = tour_of::is_shown(state);
    let Parts { header, banner: _, body, tour, footer } =
        layout::frame(state.size, banner::banner(state).is_some(), has_tour);
    header::view(frame, area(header), state, theme);
    match state.screens.last() {
        None => fleet::view(frame, area(body), state, theme),
        Some(Screen::Service(screen)) => service::view(frame, area(body), state, theme, screen),
        Some(Screen::History(screen)) => history::view(frame, area(body), state, theme, screen),
        Some(Screen::Logs(screen)) => logs::view(frame, area(body), state, theme, screen),
        Some(Screen::Pins(screen)) => pins::view(frame, area(body), state, theme, screen),
        Some(Screen::Plan(screen)) => plan::view(frame, area(body), state, theme, screen),
        Some(Screen::Change(screen)) => change::view(frame, area(body), state, theme, screen),
        Some(Screen::Earlier(screen)) => earlier::view(frame, area(body), state, theme, screen),
        Some(Screen::Image(screen)) => image::view(frame, area(body), state, theme, screen),
    }
    modal::view(frame, area(body), state, theme);
    tour::view(frame, area(tour), state, theme);
    footer::view(frame, area(footer), state, theme);
}

fn too_small(frame: &mut Frame<'_>, all: Rect, theme: &Theme) {
    let text = format!("pinnace needs {}x{}, this is {}x{}", LEAST.width, LEAST.height, all.width, all.height);
    let line = Line::styled(text, theme.style(Role::Text));
    pen::draw(frame, all, 0, &line);
}

/// An area of the layout as the drawing library has it.
fn area(area: Area) -> Rect {
    Rect::new(area.x, area.y, area.width, area.height)
}
