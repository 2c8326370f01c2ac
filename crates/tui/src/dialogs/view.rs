//! Views of the dialogs: help, commands, themes, messages, full texts, questions.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::config::{StyleRole, Theme};
use crate::dialogs::palette::{HELP_KEYS, HelpLine, PaletteState, help};
use crate::dialogs::state::{Confirmation, Dialog, TextDialog};
use crate::state::{ScrollState, State};
use crate::update::PICKS;
use crate::update::popup_page;
use pinnace_core::finding::Severity;

use crate::dialogs::login::view as login;
use crate::widgets::line_builder::{LineBuilder, draw, select};
use crate::widgets::popup::window;
use crate::widgets::width::{end, width, wrapped};

/// Draws the open dialog, if any.
pub fn view(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    match &state.modal {
        None | Some(Dialog::Prompt(_)) => {}
        Some(Dialog::Help(scroll)) => keys(frame, area, state, theme, *scroll),
        Some(Dialog::Palette(list)) => picks(frame, area, state, theme, "commands", list),
        Some(Dialog::Themes(list, _)) => picks(frame, area, state, theme, "theme", list),
        Some(Dialog::Messages(scroll)) => messages(frame, area, state, theme, *scroll),
        Some(Dialog::Detail(detail)) => text(frame, area, state, theme, detail),
        Some(Dialog::Login(form)) => login::view(frame, area, state, theme, form),
        Some(Dialog::Ask(question)) => ask(frame, area, state, theme, question),
    }
}

fn keys(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, scroll: ScrollState) {
    let lines = help(state);
    let longest = lines.iter().map(|line| match line {
        HelpLine::Title(text) => width(text),
        HelpLine::Keys(_, text) | HelpLine::Dimmed(_, text) => HELP_KEYS + width(text),
    });
    let inner = window(frame, area, state, theme, "keys", (longest.max().unwrap_or(0), lines.len()));
    let room = usize::from(inner.width);
    for (at, line) in lines.iter().skip(scroll.top).take(usize::from(inner.height)).enumerate() {
        let mut pen = LineBuilder::new(theme, room);
        match line {
            HelpLine::Title(text) => pen.put(StyleRole::TableHeader, text),
            HelpLine::Keys(keys, text) => pen.column(StyleRole::Key, keys, HELP_KEYS).put(StyleRole::KeyLabel, text),
            HelpLine::Dimmed(keys, text) => pen.column(StyleRole::KeyDim, keys, HELP_KEYS).put(StyleRole::KeyDim, text),
        };
        draw(frame, inner, at, &pen.line());
    }
}

fn picks(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, title: &str, list: &PaletteState) {
    let found = list.matches();
    let longest = list.items.iter().map(|item| 20 + width(&item.keys) + width(&item.help)).max().unwrap_or(20);
    let lines = PICKS.min(list.items.len()) + 1;
    let inner = window(frame, area, state, theme, title, (longest.min(90), lines));
    let room = usize::from(inner.width);
    let (before, after) = list.line.parts();
    let mut rest = after.chars();
    let under = rest.next().map_or(" ".to_owned(), String::from);
    let mut pen = LineBuilder::new(theme, room);
    pen.put(StyleRole::Key, "> ")
        .put(StyleRole::Text, before)
        .put(StyleRole::Cursor, &under)
        .put(StyleRole::Text, rest.as_str());
    draw(frame, inner, 0, &pen.line());
    let page = usize::from(inner.height).saturating_sub(1).max(1);
    let top = (list.at + 1).saturating_sub(page);
    let below = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    for (at, item) in found.iter().enumerate().skip(top).take(page) {
        let possible = item.why_not.is_none();
        let mut pen = LineBuilder::new(theme, room);
        pen.column(if possible { StyleRole::Text } else { StyleRole::KeyDim }, &item.name, 18);
        pen.column(if possible { StyleRole::Key } else { StyleRole::KeyDim }, &item.keys, 12).gap(1);
        match &item.why_not {
            Some(why) => pen.put(StyleRole::Hint, why),
            None => pen.put(StyleRole::Dim, &item.help),
        };
        draw(frame, below, at - top, &pen.line());
        if at == list.at {
            select(frame, below, at - top, 1, theme, true);
        }
    }
    if found.is_empty() {
        let mut pen = LineBuilder::new(theme, room);
        pen.put(StyleRole::Dim, "no match");
        draw(frame, below, 0, &pen.line());
    }
}

fn messages(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, scroll: ScrollState) {
    let page = popup_page(state);
    let inner = window(frame, area, state, theme, "messages", (usize::MAX, state.messages.len().clamp(1, page)));
    let room = usize::from(inner.width);
    if state.messages.is_empty() {
        let mut pen = LineBuilder::new(theme, room);
        pen.put(StyleRole::Dim, "no messages yet");
        draw(frame, inner, 0, &pen.line());
    }
    for (at, notice) in state.messages.iter().enumerate().skip(scroll.top).take(usize::from(inner.height)) {
        let role = match notice.severity {
            Severity::Error => StyleRole::Error,
            Severity::Warning => StyleRole::Warning,
            Severity::Info => StyleRole::Text,
        };
        let mut pen = LineBuilder::new(theme, room);
        pen.column(StyleRole::Dim, &notice.at.clock(state.offset), 10).column(role, &notice.severity.to_string(), 9);
        pen.put(role, &notice.text);
        if !notice.hint.is_empty() {
            pen.put(StyleRole::Hint, &format!(" · {}", notice.hint));
        }
        draw(frame, inner, at - scroll.top, &pen.line());
        if at == scroll.at {
            select(frame, inner, at - scroll.top, 1, theme, true);
        }
    }
}

fn text(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, detail: &TextDialog) {
    let room = usize::from(area.width).saturating_sub(6);
    let lines: Vec<String> = detail.lines.iter().flat_map(|line| wrapped(line, room)).collect();
    let longest = lines.iter().map(|line| width(line)).max().unwrap_or(0).max(width(&detail.title) + 2);
    let inner = window(frame, area, state, theme, &end(&detail.title, room), (longest, lines.len()));
    let style = theme.style(StyleRole::Text);
    for (at, line) in lines.into_iter().skip(detail.top).take(usize::from(inner.height)).enumerate() {
        draw(frame, inner, at, &Line::styled(line, style));
    }
}

fn ask(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, question: &Confirmation) {
    let room = usize::from(area.width).saturating_sub(6);
    let lines: Vec<String> = question.lines.iter().flat_map(|line| wrapped(line, room)).collect();
    let longest = lines.iter().map(|line| width(line)).max().unwrap_or(0).max(width(&question.title) + 2);
    let inner = window(frame, area, state, theme, &question.title, (longest.max(40), lines.len() + 1));
    for (at, line) in lines.into_iter().enumerate() {
        draw(frame, inner, at, &Line::styled(line, theme.style(StyleRole::Text)));
    }
}
