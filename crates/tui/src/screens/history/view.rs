//! The view of the history: time, outcome, group, effect, operator and reason of each change.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::config::{StyleRole, Theme};
use crate::layout;
use crate::screens::change::state::unit_name;
use crate::screens::history::selectors::items;
use crate::screens::history::state::HistoryState;
use crate::screens::history::state::{HistoryRow, group_name, what};
use crate::state::State;
use crate::update::HISTORY_SUMMARY;
use pinnace_core::image::{apart, short};
use pinnace_core::journal::ChangeEntry;
use pinnace_core::plan::{Unit, plural};
use pinnace_core::sanitize::clean;

use crate::screens::fleet::row_view::ago;
use crate::widgets::line_builder::{LineBuilder, ascii, draw, select};
use crate::widgets::symbols as signs;
use crate::widgets::table::{Column, Table};
use crate::widgets::width::{end, middle, width};

/// Draws the history screen.
pub fn view(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, screen: &HistoryState) {
    let body = layout::Area { x: area.x, y: area.y, width: area.width, height: area.height };
    let parts = layout::titled(body, HISTORY_SUMMARY);
    let room = usize::from(area.width).saturating_sub(1);
    let list = items(state, screen);
    let table = table(state, room, true);
    let top = crate::view::area(parts.summary);
    let mut pen = LineBuilder::new(theme, room);
    pen.gap(1);
    let known = state.clusters.get(screen.cluster).is_some_and(|cluster| cluster.world.knows_journal());
    match (list.len(), known) {
        (0, false) => pen.put(StyleRole::Dim, "the journal is not read yet"),
        (0, true) if screen.filter.is_empty() => pen.put(StyleRole::Dim, "no change was made with pinnace yet"),
        (0, true) => pen.put(StyleRole::Dim, "no change matches the filter"),
        (count, _) => pen.put(StyleRole::Dim, &format!("{count} {}, newest first", plural(count, "change"))),
    };
    if !screen.filter.is_empty() {
        pen.gap(3).put(StyleRole::Match, &format!("filter: {}", screen.filter.typed()));
    }
    draw(frame, top, 0, &pen.line());
    draw(frame, top, 1, &table.heading(theme));
    let inner = crate::view::area(parts.list);
    let mut at = 0_usize;
    for (index, item) in list.iter().enumerate() {
        let lines = of_item(item, &table, state, theme, room);
        let from = at;
        for line in &lines {
            if let Some(row) = at.checked_sub(screen.scroll.top) {
                draw(frame, inner, row, line);
            }
            at += 1;
        }
        if index == screen.scroll.at
            && let Some(row) = from.checked_sub(screen.scroll.top)
        {
            select(frame, inner, row, 1, theme, true);
        }
    }
}

fn group_cells(room: usize) -> usize {
    if room < 100 { 14 } else { 22 }
}

fn of_item(
    item: &HistoryRow<'_>,
    table: &Table<'_, ChangeEntry>,
    state: &State,
    theme: &Theme,
    room: usize,
) -> Vec<Line<'static>> {
    let mut lines = vec![table.line(item.entry, theme)];
    if !item.open {
        return lines;
    }
    match &item.entry.record {
        Some(record) if !record.plan.units.is_empty() => {
            let units = record.plan.units.iter().enumerate();
            lines.extend(units.map(|(at, unit)| unit_line(item.entry, at, unit, state, theme, room)));
        }
        Some(_) => lines.push(note("no services in this change", theme, room)),
        None => lines.push(note(&unread(item.entry, state), theme, room)),
    }
    lines
}

/// Explains why a change shows no units.
fn unread(entry: &ChangeEntry, state: &State) -> String {
    let mut histories = state.clusters.iter().flat_map(|(_, cluster)| cluster.world.histories());
    match histories.find_map(|history| history.unreadable(&entry.slot.change)) {
        Some(record) => format!("its record cannot be read: config {} ({})", clean(&record.config), clean(&record.why)),
        None => "its record is not read yet, or is gone".to_owned(),
    }
}

fn note(text: &str, theme: &Theme, room: usize) -> Line<'static> {
    let mut pen = LineBuilder::new(theme, room);
    pen.gap(18).put(StyleRole::Dim, text);
    pen.line()
}

/// Builds the table of changes, one line each: time, outcome, group, effect, operator, reason.
pub(crate) fn table(state: &State, room: usize, with_group: bool) -> Table<'_, ChangeEntry> {
    // The leader's clock, since the list is sorted by it; if it is unknown, the clock of the change's owner.
    let at = |entry: &ChangeEntry| entry.slot.created.or(entry.slot.labels.at);
    let when = Column::left("WHEN", 17, move |pen, entry: &ChangeEntry, _| {
        let when = at(entry).map(|at| format!("{} {}", &at.date(state.offset)[5..], &at.clock(state.offset)[..5]));
        let age = at(entry).map(|at| ago(state, at)).unwrap_or_default();
        pen.column(StyleRole::Text, &when.unwrap_or_default(), 12).column(StyleRole::Dim, &age, 5);
    });
    let outcome = Column::left("OUTCOME", 12, |pen, entry: &ChangeEntry, _| {
        let (sign, role) = signs::change(entry.slot.labels.state, ascii(state));
        pen.put(role, sign).gap(1).column(role, entry.slot.labels.state.label(), 10);
    });
    let group = Column::left("GROUP", group_cells(room), |pen, entry: &ChangeEntry, cells| {
        pen.column(StyleRole::Text, &middle(&group_name(entry), cells - 1), cells);
    });
    let what = Column::rest("WHAT", |pen, entry: &ChangeEntry| {
        let labels = &entry.slot.labels;
        let by = clean(&labels.by);
        let who = by.split([' ', ',', '(']).next().unwrap_or_default().to_owned();
        let most = pen.room().saturating_sub(width(&who) + 2);
        pen.put(StyleRole::Text, &end(&what(entry), most)).gap(2).put(StyleRole::Dim, &who);
        if !labels.why.is_empty() {
            pen.gap(2).put(StyleRole::Dim, &format!("“{}”", clean(&labels.why)));
        }
    });
    let group = with_group.then_some(group);
    Table::new(room, [when.after(1), outcome].into_iter().chain(group).chain([what]).collect())
}

fn unit_line(entry: &ChangeEntry, at: usize, unit: &Unit, state: &State, theme: &Theme, room: usize) -> Line<'static> {
    let unit_state = entry.unit_state(at);
    let (sign, role) = signs::unit(unit_state, ascii(state));
    let mut pen = LineBuilder::new(theme, room);
    pen.gap(18).put(role, sign).gap(1).column(role, unit_state.label(), 13);
    pen.column(StyleRole::Text, &middle(&unit_name(unit), 21), 22);
    let images = (pen.room().saturating_sub(3) / 2).min(40);
    if unit.from.image == unit.to.image {
        pen.put(StyleRole::Text, &format!("redeploy {}", middle(&clean(&short(&unit.to.image)), images)));
        return pen.line();
    }
    let (from, to) = apart(&unit.from.image, &unit.to.image);
    pen.put(StyleRole::Dim, &middle(&clean(&from), images));
    pen.gap(1).put(StyleRole::Dim, signs::arrow(ascii(state))).gap(1);
    pen.put(StyleRole::Text, &middle(&clean(&to), images));
    pen.line()
}
