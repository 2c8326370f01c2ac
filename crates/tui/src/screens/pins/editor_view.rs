//! The view of the pins text: line numbers, colours, and findings below their lines, as a compiler prints them.
//!
//! ```text
//!    4  [node.n1]
//!  ✖ 5  image = "ghcr.io/pgedge/pgedge-postgres:17.x"
//!       │ error image-not-found: …
//!       │ hint: …
//! ```

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthChar;

use crate::config::{StyleRole, Theme};
use crate::screens::pins::state::{EditedPins, PinsMode, PinsState};
use crate::state::{ClusterState, State};
use pinnace_core::finding::Finding;
use pinnace_core::sanitize::clean;

use crate::screens::pins::completion_view::CompletionLines;
use crate::widgets::line_builder::{LineBuilder, ascii, draw, window};
use crate::widgets::symbols as signs;
use crate::widgets::width::{width, wrapped};

/// The width in cells of the part before the text: sign, line number, blanks.
const GUTTER: usize = 7;

/// Draws the text, scrolled so that the cursor and the findings of its line are visible.
pub fn view(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, screen: &PinsState, text: &EditedPins) {
    let Some(cluster) = state.clusters.get(screen.cluster) else { return };
    let room = usize::from(area.width).saturating_sub(1);
    let view = EditorRenderer { state, theme, screen, text, cluster, room };
    let (at, _) = text.editor.cursor();
    let mut lines = Vec::new();
    let mut cursor = 0..1;
    for line in 0..text.editor.lines().len() {
        let from = lines.len();
        lines.push(view.line(line));
        view.below(line, &mut lines);
        if line == at {
            cursor = from..lines.len();
        }
    }
    let page = usize::from(area.height);
    let list = screen.complete.as_ref().filter(|_| screen.mode == PinsMode::Editing && state.modal.is_none());
    let list = list.map(|list| CompletionLines::new(list, cluster, state, theme, area.width));
    // The text scrolls only if the list has no room below the line; the text under the list reappears on closing.
    let needed = list.as_ref().map_or(0, |list| (cursor.start + 1 + list.height()).saturating_sub(page));
    let top = window(&cursor, page, lines.len()).max(needed.min(cursor.start));
    for (row, line) in lines.iter().skip(top).take(page).enumerate() {
        draw(frame, area, row, line);
    }
    if let Some(list) = list {
        list.view(frame, area, cursor.start - top, state, theme);
    }
}

struct EditorRenderer<'a> {
    state: &'a State,
    theme: &'a Theme,
    screen: &'a PinsState,
    text: &'a EditedPins,
    cluster: &'a ClusterState,
    room: usize,
}

impl EditorRenderer<'_> {
    /// Builds a line of the text with its gutter; the cursor's line scrolls sideways with the cursor.
    fn line(&self, at: usize) -> Line<'static> {
        let text = self.text.editor.lines().get(at).map_or("", String::as_str);
        let worst = self.text.under(at).map(|placed| placed.finding.severity).min();
        let (sign, role) = worst.map_or((" ", StyleRole::Text), |worst| signs::severity(worst, ascii(self.state)));
        let (row, column) = self.text.editor.cursor();
        let cursor = (row == at).then_some(column);
        let number = if cursor.is_some() { StyleRole::Accent } else { StyleRole::LineNumber };
        let mut pen = LineBuilder::new(self.theme, self.room);
        pen.gap(1).put(role, sign).put(number, &format!("{:>3}", at + 1)).gap(GUTTER - 5);
        let cells = pen.room();
        self.put_text(&mut pen, text, cursor, cells);
        pen.line()
    }

    fn put_text(&self, pen: &mut LineBuilder<'_>, text: &str, cursor: Option<usize>, cells: usize) {
        let roles = roles(text);
        let before: usize = cursor.map_or(0, |at| text.chars().take(at).map(|c| c.width().unwrap_or(0)).sum());
        // Some text after the cursor stays visible, and `…` marks that text before it is left out.
        let skip = if before + 2 > cells { before + 2 + cells / 4 - cells } else { 0 };
        let typing = self.screen.mode == PinsMode::Editing && self.state.modal.is_none();
        let mut gone = 0;
        if skip > 0 {
            pen.put(StyleRole::Dim, "…");
        }
        for (at, c) in text.chars().enumerate() {
            gone += c.width().unwrap_or(0);
            if gone <= skip + usize::from(skip > 0) {
                continue;
            }
            let is_cursor = cursor == Some(at) && typing;
            let role =
                if is_cursor { StyleRole::Cursor } else { roles.get(at).copied().unwrap_or(StyleRole::TextValue) };
            if pen.room() <= 1 && text.chars().nth(at + 1).is_some() {
                pen.put(StyleRole::Dim, "…");
                break;
            }
            pen.put(role, c.encode_utf8(&mut [0; 4]));
        }
        if typing && cursor == Some(text.chars().count()) {
            pen.put(StyleRole::Cursor, " ");
        }
    }

    /// Adds the lines under a text line: its findings, and its pending look-up.
    fn below(&self, at: usize, lines: &mut Vec<Line<'static>>) {
        for placed in self.text.under(at) {
            self.finding(&placed.finding, placed.key.is_some(), lines);
        }
        if let Some(image) = self.text.asking(at, self.cluster) {
            self.wrapped(&[(StyleRole::Dim, format!("asking {} …", clean(&image.host)))], lines);
        }
        let line = self.text.editor.lines().get(at).map_or("", String::as_str);
        if self.text.editor.cursor().0 == at && self.screen.mode == PinsMode::Editing && line.starts_with("# image") {
            self.wrapped(&[(StyleRole::Hint, "a comment: remove the `# ` to make it a pin".to_owned())], lines);
        }
    }

    fn finding(&self, finding: &Finding, of_image: bool, lines: &mut Vec<Line<'static>>) {
        let role = signs::severity(finding.severity, false).1;
        let head = format!("{} {}: ", finding.severity, clean(&finding.code));
        let first = lines.len();
        self.wrapped(&[(role, format!("{head}{}", clean(&finding.message)))], lines);
        // Only severity and code have the severity's style; the message has the style of plain text.
        for (at, line) in lines.iter_mut().enumerate().skip(first) {
            if let Some(span) = line.spans.pop() {
                let cut = if at == first { span.content.len().min(head.len()) } else { 0 };
                let cut = (0..=cut).rev().find(|at| span.content.is_char_boundary(*at)).unwrap_or(0);
                let (head, rest) = span.content.split_at(cut);
                let rest = Span::styled(rest.to_owned(), self.theme.style(StyleRole::Text));
                line.spans.extend([Span::styled(head.to_owned(), span.style), rest]);
            }
        }
        let mut parts = Vec::new();
        if of_image && !finding.services.is_empty() {
            parts.push((StyleRole::Dim, format!("for {}", clean(&finding.subject))));
        }
        if !finding.hint.is_empty() {
            parts.push((StyleRole::Hint, format!("hint: {}", clean(&finding.hint))));
        }
        self.wrapped(&parts, lines);
    }

    fn wrapped(&self, parts: &[(StyleRole, String)], lines: &mut Vec<Line<'static>>) {
        let bar = if ascii(self.state) { "| " } else { "│ " };
        for (role, text) in parts {
            for piece in wrapped(text, self.room.saturating_sub(GUTTER + width(bar))) {
                let mut pen = LineBuilder::new(self.theme, self.room);
                pen.gap(GUTTER).put(StyleRole::Border, bar).put(*role, &piece);
                lines.push(pen.line());
            }
        }
    }
}

/// Returns the style role of each character: comment, key or section, value.
fn roles(line: &str) -> Vec<StyleRole> {
    let trimmed = line.trim_start();
    let count = line.chars().count();
    if trimmed.starts_with('#') {
        return vec![StyleRole::Comment; count];
    }
    if trimmed.starts_with('[') {
        return with_comment(line, vec![StyleRole::TextKey; count]);
    }
    let key = line.find('=').map_or(0, |at| line[..at].chars().count());
    let roles = (0..count).map(|at| if at < key { StyleRole::TextKey } else { StyleRole::TextValue });
    with_comment(line, roles.collect())
}

/// Marks the comment, which begins at the first `#` outside of quotes.
fn with_comment(line: &str, mut roles: Vec<StyleRole>) -> Vec<StyleRole> {
    let mut quote = None;
    for (at, c) in line.chars().enumerate() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, '#') => {
                roles[at..].fill(StyleRole::Comment);
                return roles;
            }
            _ => {}
        }
    }
    roles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_the_text() {
        let short = |line: &str| -> String {
            let letter = |role: &StyleRole| match role {
                StyleRole::Comment => '#',
                StyleRole::TextKey => 'k',
                _ => 'v',
            };
            roles(line).iter().map(letter).collect()
        };
        for (line, wanted) in [
            ("# a", "###"),
            ("[node.n1]", "kkkkkkkkk"),
            ("a = \"#\" # b", "kkvvvvvv###"),
            ("日 = '本'", "kkvvvvv"),
            ("", ""),
        ] {
            assert_eq!(short(line), wanted, "{line}");
        }
    }
}
