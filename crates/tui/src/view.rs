//! The view: `view(frame, &State, &Theme)` draws the state and cannot change it.
//!
//! ```text
//!  header   the place · what needs attention · the age of the data
//!  banner   a problem that concerns everything, while there is one
//!  body     the top screen, and an open dialog in a window
//!  tour     in the demo, the operator's progress
//!  footer   the keys that work here, or the last notice
//! ```
//!
//! Every view is a function of frame, area, state and theme. The layout follows the size in the state; anything
//! outside of the frame is cut off. Colour is never the only carrier: each status also has a symbol and a word.

use crate::dialogs::view as modal;
use crate::screens::candidates::view as earlier;
use crate::screens::change::view as change;
use crate::screens::fleet::view as fleet;
use crate::screens::history::view as history;
use crate::screens::image::view as image;
use crate::screens::logs::view as logs;
use crate::screens::pins::view as pins;
use crate::screens::plan::view as plan;
use crate::screens::service::view as service;
use crate::widgets::footer;
use crate::widgets::header;
use crate::widgets::line_builder as pen;
use crate::widgets::tour;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::config::{StyleRole, Theme};
use crate::layout;
use crate::layout::FrameLayout as ConsoleSetup;
use crate::layout::{Area, LEAST};
use crate::state::{Screen, State};
use crate::{banner, tour as tour_of};

/// Draws the whole screen.
pub fn view(frame: &mut Frame<'_>, state: &State, theme: &Theme) {
    let all = frame.area();
    frame.buffer_mut().set_style(all, theme.style(StyleRole::Screen));
    if !state.size.is_enough() {
        return too_small(frame, all, theme);
    }
    let has_tour = tour_of::is_shown(state);
    let ConsoleSetup { header, banner: _, body, tour, footer } =
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
        Some(Screen::Candidates(screen)) => earlier::view(frame, area(body), state, theme, screen),
        Some(Screen::Image(screen)) => image::view(frame, area(body), state, theme, screen),
    }
    modal::view(frame, area(body), state, theme);
    tour::view(frame, area(tour), state, theme);
    footer::view(frame, area(footer), state, theme);
}

fn too_small(frame: &mut Frame<'_>, all: Rect, theme: &Theme) {
    let text = format!("pinnace needs {}x{}, this is {}x{}", LEAST.width, LEAST.height, all.width, all.height);
    let line = Line::styled(text, theme.style(StyleRole::Text));
    pen::draw(frame, all, 0, &line);
}

/// Converts an area of the layout into the drawing library's type.
pub(crate) fn area(area: Area) -> Rect {
    Rect::new(area.x, area.y, area.width, area.height)
}
