//! The view of the completion list under a line of the pins.
//!
//! ```text
//!   ┌ ghcr.io/pgedge/pgedge-postgres · 14 tags ────────────────────────┐
//!   │ 17.9-spock5.0.6-standard-2        41d @1f2e  immutable  manifest │
//!   │ manifest                                                17.9_5   │
//!   │ manifest version: 17.9_5 · immutable: it has a build number      │
//!   └──────────────────────────────────────────────────────────────────┘
//! ```

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::config::{StyleRole, Theme};
use crate::screens::pins::completion::{Completion, CompletionState, KEYWORD, descriptions, rows};
use crate::state::{ClusterState, State};
use pinnace_core::registry::tags::{ImageRunState, TagCandidate};
use pinnace_core::sanitize::clean;
use pinnace_core::time;

use crate::widgets::line_builder::{LineBuilder, draw, select};
use crate::widgets::popup::boxed;
use crate::widgets::width::{end, left_middle, middle, width, wrapped};

/// The cells left of the list.
const INDENT: u16 = 2;
/// The most lines for each reason why entries are missing.
const TROUBLE: usize = 3;
/// The most lines about the chosen entry.
const ABOUT: usize = 2;

/// The completion list, laid out in lines.
pub struct CompletionLines {
    title: String,
    lines: Vec<Line<'static>>,
    chosen: Option<usize>,
}

impl CompletionLines {
    /// Lays the list out for a text pane of `cells` cells.
    pub fn new(list: &CompletionState, cluster: &ClusterState, state: &State, theme: &Theme, cells: u16) -> Self {
        let room = usize::from(cells).saturating_sub(usize::from(INDENT) + 5);
        let shown: Vec<Completion> = list.shown(rows(state)).collect();
        let marks = shown.iter().map(|pick| width(&marks(list, *pick))).max().unwrap_or(0);
        let mut lines: Vec<_> = shown.iter().map(|pick| row(list, *pick, state, theme, room, marks)).collect();
        let trouble = descriptions::trouble(state, cluster, list);
        for told in &trouble {
            let role = if told.hint.is_empty() { StyleRole::Dim } else { StyleRole::Warning };
            let text = wrapped(&told.text, room).into_iter().take(TROUBLE).map(|text| (role, text));
            let hint = (!told.hint.is_empty()).then(|| (StyleRole::Hint, end(&format!("hint: {}", told.hint), room)));
            lines.extend(text.chain(hint).map(|(role, text)| Line::styled(text, theme.style(role))));
        }
        if let (true, Some(pick)) = (trouble.is_empty(), list.found.get(list.index())) {
            let about = wrapped(&descriptions::about(state, cluster, list, *pick), room);
            lines.extend(about.into_iter().take(ABOUT).map(|text| Line::styled(text, theme.style(StyleRole::Dim))));
        }
        let chosen = list.index().checked_sub(list.top).filter(|at| *at < shown.len());
        Self { title: middle(&descriptions::title(cluster, list), room.saturating_sub(2)), lines, chosen }
    }

    /// Returns the height in rows, with the frame.
    pub fn height(&self) -> usize {
        self.lines.len() + 2
    }

    /// Draws the list below a row of the text.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, below: usize, state: &State, theme: &Theme) {
        let cells = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        let y = area.y.saturating_add(cells(below).saturating_add(1));
        let height = cells(self.height()).min((area.y + area.height).saturating_sub(y));
        if height < 3 {
            return;
        }
        let outer = Rect { x: area.x + INDENT, y, width: area.width.saturating_sub(INDENT + 1), height };
        let inner = boxed(frame, outer, state, theme, &self.title);
        for (at, line) in self.lines.iter().enumerate() {
            draw(frame, inner, at, line);
        }
        if let Some(at) = self.chosen {
            select(frame, inner, at, 1, theme, true);
        }
    }
}

fn marks(list: &CompletionState, pick: Completion) -> String {
    match list.image(pick) {
        Some(image) => descriptions::marks(image),
        None => list.keyword.as_ref().map(|one| clean(&one.label)).unwrap_or_default(),
    }
}

fn row(
    list: &CompletionState,
    pick: Completion,
    state: &State,
    theme: &Theme,
    room: usize,
    marks_room: usize,
) -> Line<'static> {
    let mut pen = LineBuilder::new(theme, room);
    let marks = marks(list, pick);
    // The age and the word for the tag's constancy are always shown; the
    // digest only if 20 cells are left for the tag.
    let (age, constancy) = (5, 11);
    let digits = if room < 90 { 4 } else { 8 };
    let digest = digits + 2;
    let free = room.saturating_sub(marks_room + 2 + constancy);
    let digest = if free >= 20 + age + digest { digest } else { 0 };
    let name = free.saturating_sub(digest + age).max(8);
    let Some(image) = list.image(pick) else {
        pen.put(StyleRole::Code, KEYWORD);
        pen.until(room.saturating_sub(marks_room)).put(StyleRole::Accent, &marks);
        return pen.line();
    };
    let shown = if is_elsewhere(list, image) { &image.text } else { &image.tag };
    pen.put(role(image), &left_middle(&clean(shown), name));
    let since = image.created.map(|at| time::age(state.now.since(at))).unwrap_or_default();
    pen.put(StyleRole::Dim, &format!("{since:>age$}"));
    if digest > 0 {
        let text = image.digest.as_ref().map(|digest| format!(" @{}", &digest.short()[..digits])).unwrap_or_default();
        pen.put(StyleRole::Dim, &format!("{text:digest$}"));
    }
    let role = if image.constancy.floats() { StyleRole::Waiting } else { StyleRole::Dim };
    pen.put(role, &format!("  {:9}", descriptions::constancy(image)));
    let role = match image.here {
        Some(ImageRunState::Failed | ImageRunState::Failing) => StyleRole::Failing,
        Some(ImageRunState::Moved) => StyleRole::Warning,
        _ => StyleRole::Accent,
    };
    pen.until(room.saturating_sub(marks_room)).put(role, &marks);
    pen.line()
}

/// Returns whether an image is in another repository than the one listed.
fn is_elsewhere(list: &CompletionState, image: &TagCandidate) -> bool {
    list.repository.as_ref().is_none_or(|repository| image.text != format!("{repository}:{}", image.tag))
}

fn role(image: &TagCandidate) -> StyleRole {
    if matches!(image.here, Some(ImageRunState::Failed | ImageRunState::Failing)) {
        StyleRole::Failing
    } else {
        StyleRole::Text
    }
}
