//! A finding as lines: its code, subject and message, then its hint.

use ratatui::text::Line;

use crate::config::{StyleRole, Theme};
use crate::widgets::line_builder::LineBuilder;
use crate::widgets::symbols as signs;
use crate::widgets::width::wrapped;
use pinnace_core::finding::Finding;
use pinnace_core::sanitize::clean;

/// Builds the lines of a finding; long text is wrapped, never cut.
pub(crate) fn lines(finding: &Finding, theme: &Theme, room: usize, ascii: bool) -> Vec<Line<'static>> {
    let (sign, role) = signs::severity(finding.severity, ascii);
    let head = format!("{} {}: ", finding.severity, clean(&finding.code));
    let (subject, message) = (clean(&finding.subject), clean(&finding.message));
    let told = subject.is_empty() || message.contains(&subject);
    let subject = if told { String::new() } else { format!("{subject}: ") };
    let mut sign = Some(sign);
    let mut lines = Vec::new();
    for (role, text) in [(role, format!("{head}{subject}{message}")), (StyleRole::Hint, clean(&finding.hint))] {
        if text.is_empty() {
            continue;
        }
        let text = if role == StyleRole::Hint { format!("hint: {text}") } else { text };
        for piece in wrapped(&text, room.saturating_sub(4)) {
            let mut pen = LineBuilder::new(theme, room);
            pen.gap(2).put(role, sign.take().unwrap_or(" ")).gap(1).put(role, &piece);
            lines.push(pen.line());
        }
    }
    lines
}
