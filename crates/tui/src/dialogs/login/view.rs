//! The view of the login form.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::config::{StyleRole, Theme};
use crate::dialogs::login::state::{LoginField, LoginForm};
use crate::state::State;

use crate::widgets::line_builder::{LineBuilder, ascii, draw};
use crate::widgets::popup::window;
use crate::widgets::width::wrapped;

/// The width of the form in cells, without its frame.
const CELLS: usize = 56;
/// The width of the field labels, in cells.
const LABEL: usize = 10;
/// The note shown below the fields.
const KEPT: &str = "Kept in memory until this console ends; never written to disk.";

/// Draws the form.
pub fn view(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, form: &LoginForm) {
    let room = CELLS.min(usize::from(area.width).saturating_sub(6));
    let kept = wrapped(form.wrong.unwrap_or(KEPT), room);
    let lines = LoginField::ALL.len() + 1 + kept.len();
    let several = state.clusters.count() > 1;
    let cluster = state.clusters.get(form.cluster).filter(|_| several);
    let title = cluster.map_or("log in".to_owned(), |one| format!("log in for {}", one.title()));
    let inner = window(frame, area, state, theme, &title, (room, lines));
    for (at, field) in LoginField::ALL.into_iter().enumerate() {
        draw(frame, inner, at, &line(form, field, state, theme, usize::from(inner.width)).line());
    }
    let role = if form.wrong.is_some() { StyleRole::Error } else { StyleRole::Dim };
    for (at, text) in kept.iter().enumerate() {
        let mut pen = LineBuilder::new(theme, usize::from(inner.width));
        pen.put(role, text);
        draw(frame, inner, LoginField::ALL.len() + 1 + at, &pen.line());
    }
}

fn line<'t>(form: &LoginForm, field: LoginField, state: &State, theme: &'t Theme, room: usize) -> LineBuilder<'t> {
    let is_here = form.field == field;
    let mut pen = LineBuilder::new(theme, room);
    pen.column(if is_here { StyleRole::Accent } else { StyleRole::Dim }, field.label(), LABEL);
    let star = if ascii(state) { "*" } else { "•" };
    let (before, after) = match field {
        LoginField::Host => parts(form.host.parts()),
        LoginField::User => parts(form.user.parts()),
        LoginField::Password => {
            let (before, after) = form.password.lengths();
            (star.repeat(before), star.repeat(after))
        }
    };
    // Only the end of a long line is shown, because typing happens there.
    let most = pen.room().saturating_sub(2);
    let skip = (before.chars().count() + usize::from(!after.is_empty())).saturating_sub(most);
    let before: String = before.chars().skip(skip).collect();
    if skip > 0 {
        pen.put(StyleRole::Dim, "…");
    }
    pen.put(StyleRole::Text, &before);
    if !is_here {
        pen.put(StyleRole::Text, &after);
        return pen;
    }
    let mut rest = after.chars();
    let under = rest.next().map_or(" ".to_owned(), String::from);
    pen.put(StyleRole::Cursor, &under).put(StyleRole::Text, rest.as_str());
    pen
}

fn parts((before, after): (&str, &str)) -> (String, String) {
    (before.to_owned(), after.to_owned())
}
