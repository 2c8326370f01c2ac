//! The output of verbs: text for people, JSON for programs. Only this module writes to the standard streams.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use pinnace_core::finding::{Finding, Severity};
use pinnace_core::image::digest_of;
use pinnace_core::inspect::{Line, Section, Tone};
use pinnace_core::plan::{Plan, UnitAction};
use pinnace_core::sanitize::{self, clean};

/// The destination of a verb's output.
#[derive(Clone, Debug, Default)]
pub enum Out {
    /// The standard output and error streams of the process.
    #[default]
    Standard,
    /// Two buffers, for output and error stream, for callers that run verbs within their process.
    Kept(Arc<Mutex<(String, String)>>),
}

impl Out {
    /// Prints a line; a closed pipe drops the output, and does not end the verb.
    pub fn line(&self, text: &str) {
        match self {
            Self::Standard => drop(writeln!(std::io::stdout().lock(), "{text}")),
            Self::Kept(kept) => kept.lock().unwrap_or_else(PoisonError::into_inner).0.extend([text, "\n"]),
        }
    }

    /// Prints a line to the error stream.
    pub fn note(&self, text: &str) {
        match self {
            Self::Standard => drop(writeln!(std::io::stderr().lock(), "{text}")),
            Self::Kept(kept) => kept.lock().unwrap_or_else(PoisonError::into_inner).1.extend([text, "\n"]),
        }
    }

    /// Prints an error message and its hint to the error stream.
    pub fn failure(&self, message: &str, hint: &str) {
        self.note(&format!("pinnace: {}", clean(message)));
        if !hint.is_empty() {
            self.note(&format!("hint: {}", clean(hint)));
        }
    }

    /// Prints a value as JSON, with all control and format characters escaped.
    pub fn json(&self, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.line(&sanitize::json(&text)),
            Err(error) => self.failure(&format!("cannot write JSON: {error}"), ""),
        }
    }

    /// Prints a table with columns as wide as their widest cell; the last column is not padded.
    pub fn table(&self, rows: &[Vec<String>]) {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| cut(&clean(cell))).collect()).collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let length = |cell: &String| cell.chars().count();
        let wide = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(length).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(wide).collect();
        for row in rows {
            let cells = row.iter().zip(&widths).map(|(cell, wide)| cell.clone() + &" ".repeat(wide - length(cell)));
            self.line(cells.collect::<Vec<_>>().join("  ").trim_end());
        }
    }

    /// Returns whether the output may have colours.
    fn has_colour(&self) -> bool {
        matches!(self, Self::Standard)
            && std::io::stdout().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    fn painted(&self, severity: Severity) -> String {
        let (word, code) = match severity {
            Severity::Error => ("error", "31;1"),
            Severity::Warning => ("warning", "33"),
            Severity::Info => ("info", "2"),
        };
        if self.has_colour() { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() }
    }

    /// Prints findings in their order, each with its hint.
    pub fn findings(&self, findings: &[Finding]) {
        for finding in findings {
            self.line(&format!(
                "{} {}: {}: {}",
                self.painted(finding.severity),
                clean(&finding.code),
                clean(&finding.subject),
                clean(&finding.message)
            ));
            if !finding.hint.is_empty() {
                self.line(&format!("  hint: {}", clean(&finding.hint)));
            }
        }
    }

    /// Prints sections, each with a title and two columns.
    pub fn sections(&self, sections: &[Section]) {
        for section in sections {
            self.line(&section.title.to_uppercase());
            let wide = section.lines.iter().map(|line| line.key.chars().count()).max().unwrap_or(0);
            for Line { key, text, tone } in &section.lines {
                let code = match tone {
                    Tone::Bad => "31;1",
                    Tone::Warn => "33",
                    Tone::Good => "32",
                    Tone::Quiet => "2",
                    Tone::Plain => "",
                };
                let text = clean(text);
                let painted = self.has_colour() && !code.is_empty();
                let text = if painted { format!("\x1b[{code}m{text}\x1b[0m") } else { text };
                let key = format!("{:<wide$}", clean(key));
                let gap = if wide == 0 { "" } else { "  " };
                self.line(format!("  {key}{gap}{text}").trim_end());
            }
        }
    }

    /// Prints a plan for people.
    pub fn plan(&self, plan: &Plan) {
        let active = plan.active().count();
        self.line(&format!("plan {} · {} · {}", plan.id, plan.group, super::apply::counted(active, "unit")));
        let mut rows = Vec::new();
        for (at, unit) in plan.units.iter().enumerate() {
            let (from, to) = (short(&unit.from.image), short(&unit.to.image));
            let to = if unit.action == UnitAction::None { from } else { format!("{from} → {to}") };
            let effect = match unit.action {
                UnitAction::None => String::new(),
                _ => format!("{} restarts, {} stay", unit.effect.restarts, unit.effect.stays),
            };
            let why = unit.reasons.join("; ");
            rows.push(vec![
                format!("{:>3}", at + 1),
                unit.action.label().to_owned(),
                unit.service.clone(),
                unit.node.clone(),
                effect,
                to,
                why,
            ]);
        }
        self.table(&rows);
        for (at, unit) in plan.units.iter().enumerate().filter(|(_, unit)| !unit.notes.is_empty()) {
            self.line(&format!("{:>3}  {}", at + 1, clean(&unit.notes.join(" · "))));
        }
        self.findings(&plan.findings);
    }
}

/// Shortens the digest of an image reference to the eight digits that screens show.
pub fn short(image: &str) -> String {
    match (image.split_once('@'), digest_of(image)) {
        (Some((name, _)), Some(digest)) => format!("{name}@{}", digest.short()),
        _ => image.to_owned(),
    }
}

/// The most characters of a table's cell: one hostile label must not push all other columns away.
const CELL: usize = 400;

/// Cuts a cell that is too long, and marks that.
fn cut(cell: &str) -> String {
    match cell.char_indices().nth(CELL) {
        Some((end, _)) => format!("{}…", &cell[..end]),
        None => cell.to_owned(),
    }
}
