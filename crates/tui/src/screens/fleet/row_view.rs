//! The view of one fleet row, and the columns of the fleet's table.

use ratatui::text::Line;

use crate::config::{StyleRole, Theme};
use crate::screens::fleet::rows::{Badge, FleetRow, GroupRow, RecentServiceChange, ServiceProblem, ServiceRow};
use crate::state::State;
use pinnace_core::image::short;
use pinnace_core::image::{ImageRef, digest_of};
use pinnace_core::plan::plural;
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::GroupKind;
use pinnace_core::swarm::HealthState as Health;
use pinnace_core::time::{Time, age};

use crate::widgets::line_builder::{LineBuilder, ascii};
use crate::widgets::symbols as signs;
use crate::widgets::table::{Column, Table};
use crate::widgets::width::{end, left_middle, middle, right, width};

/// The fleet's table, and the column widths to which rows outside the table align.
pub(crate) struct FleetTable<'a> {
    table: Table<'a, ServiceRow>,
    room: usize,
    word: usize,
    services: usize,
    image: usize,
}

/// The cells before a name: blank, fold sign or indent, state sign, blank.
const LEAD: usize = 7;
const TASKS: usize = 7;
/// The width of the table from which the state's word and the age are shown.
const STATE_FROM: usize = 72;
const DIGEST_FROM: usize = 92;

impl<'a> FleetTable<'a> {
    /// Lays out the columns for a width of `room` cells.
    pub(crate) fn of(state: &'a State, room: usize) -> Self {
        let fixed = LEAD + TASKS + 3;
        let (word, since) = if room >= STATE_FROM { (11, 7) } else { (0, 0) };
        let (digest, from) = if room >= DIGEST_FROM { (9, 9) } else { (0, 0) };
        let left = room.saturating_sub(fixed + word + since + digest + from);
        // The heading of the last column takes its cells from the images, not from the names.
        let name = ((left + since.saturating_sub(5)) * 2 / 5).clamp(8, 36);
        let image = left.saturating_sub(name).min(48);
        let services = LEAD + word + name;
        let tasks = Column::right("TASKS", TASKS, |row| (tasks_role(row), tasks(row)));
        let since = Column::right("CHANGED", 7, |row: &ServiceRow| {
            (StyleRole::Dim, row.since.map(|at| ago(state, at)).unwrap_or_default())
        });
        let columns = vec![
            Column::left(" SERVICES", services, move |pen, row, cells| name_and_host(pen, row, state, word, cells)),
            tasks,
            Column::left("IMAGE", image, move |pen, row, cells| image_and_marks(pen, row, cells, digest > 0)).after(2),
            Column::left("DIGEST", 8, digest_cell).after(1).from(DIGEST_FROM),
            Column::left("ORIGIN", 8, pin_cell).after(1).from(DIGEST_FROM),
            since.from(STATE_FROM),
        ];
        Self { table: Table::new(room, columns), room, word, services, image }
    }

    /// Returns the width of all columns together, in cells.
    pub(crate) fn width(&self) -> usize {
        self.table.width() + 1
    }

    /// Builds the line of column headings.
    pub(crate) fn heading(&self, theme: &Theme) -> Line<'static> {
        self.table.heading(theme)
    }
}

/// Builds the lines of a row.
pub(crate) fn lines(row: &FleetRow, state: &State, theme: &Theme, columns: &FleetTable<'_>) -> Vec<Line<'static>> {
    match row {
        FleetRow::Group(row) => vec![group(row, state, theme, columns)],
        FleetRow::Service(row) => service(row, state, theme, columns),
        FleetRow::HiddenServices { services, .. } => {
            let text = format!("… {services} more {}, all healthy", plural(*services, "service"));
            vec![plain(&text, theme, columns, LEAD)]
        }
        FleetRow::HiddenGroups { groups, services } => {
            let text = format!(
                "… {services} more {} in {groups} {}, all healthy",
                plural(*services, "service"),
                plural(*groups, "group")
            );
            vec![plain(&text, theme, columns, 3)]
        }
    }
}

fn plain(text: &str, theme: &Theme, columns: &FleetTable<'_>, indent: usize) -> Line<'static> {
    let mut pen = LineBuilder::new(theme, columns.room);
    pen.gap(indent).put(StyleRole::Dim, text);
    pen.line()
}

fn group(row: &GroupRow, state: &State, theme: &Theme, columns: &FleetTable<'_>) -> Line<'static> {
    let mut pen = LineBuilder::new(theme, columns.room);
    pen.gap(1).put(StyleRole::Dim, signs::fold(row.open, ascii(state))).gap(1);
    let trouble = row.state.is_trouble();
    let kind = row.group.kind.as_str();
    let most = columns.services.saturating_sub(5 + kind.len() + 3);
    if !row.open {
        pen.put(signs::state_role(row.state), signs::state(row.state, ascii(state))).gap(1);
    }
    let role = if row.open { StyleRole::Title } else { StyleRole::Text };
    pen.put(role, &middle(&clean(&row.group.name), most)).gap(1).put(StyleRole::Dim, kind);
    pen.until(columns.services);
    pen.put(StyleRole::Dim, &right(&format!("{}/{}", row.running, row.desired), TASKS)).gap(2);
    if let Some(change) = &row.unfinished {
        pen.put(StyleRole::Waiting, change);
    } else if !row.open && trouble {
        pen.put(
            signs::state_role(row.state),
            &format!("{} of {} {} unhealthy", row.troubled, row.services, plural(row.services, "service")),
        );
    } else if !row.open {
        let text = match row.images.as_slice() {
            [one] => clean(&short(one)),
            many => format!("{} images", many.len()),
        };
        pen.put(StyleRole::Dim, &left_middle(&text, columns.image));
    }
    pen.line()
}

fn service(row: &ServiceRow, state: &State, theme: &Theme, columns: &FleetTable<'_>) -> Vec<Line<'static>> {
    let mut lines = vec![columns.table.line(row, theme)];
    let indent = LEAD - 2 + usize::from(columns.word > 0) * 2;
    let room_below = columns.room.saturating_sub(indent + 3);
    let below = |parts: Vec<(StyleRole, String)>| {
        let mut pen = LineBuilder::new(theme, columns.room.saturating_sub(1));
        pen.gap(indent).put(StyleRole::Dim, signs::below(ascii(state))).gap(1);
        for (role, text) in parts {
            pen.put(role, &text);
        }
        pen.line()
    };
    match (row.lines, &row.changed, &row.wrong) {
        (0, ..) => {}
        (1, Some(changed), Some(wrong)) => {
            let was = format!(" · {}", was(changed, state));
            let mut parts = problem_parts(row, wrong, state, (room_below.saturating_sub(width(&was)), false));
            parts.push((StyleRole::Dim, was));
            lines.push(below(parts));
        }
        (_, changed, wrong) => {
            lines.extend(changed.as_ref().map(|changed| below(happened(row, changed, state))));
            lines.extend(wrong.as_ref().map(|wrong| below(problem_parts(row, wrong, state, (room_below, true)))));
        }
    }
    lines
}

/// Writes the state's sign, its word if there is room, the name, and the host.
fn name_and_host(pen: &mut LineBuilder<'_>, row: &ServiceRow, state: &State, word: usize, cells: usize) {
    let ascii = ascii(state);
    let role = signs::state_role(row.state);
    let before = pen.room();
    pen.gap(if row.nested { LEAD - 2 } else { 3 }).put(role, signs::state(row.state, ascii)).gap(1);
    if word > 0 {
        pen.column(role, row.state.label(), word);
    }
    let most = cells.saturating_sub(before - pen.room());
    let host = row.host.as_ref().map(|host| format!(" · {host}")).unwrap_or_default();
    let label = middle(&row.label, most.saturating_sub(1 + width(&host).min(most / 2)));
    pen.put(text_role(row), &label);
    pen.put(StyleRole::Dim, &end(&host, cells.saturating_sub(before - pen.room() + 1)));
}

/// Returns the style of a row's text: dim if the service ended on purpose.
fn text_role(row: &ServiceRow) -> StyleRole {
    if matches!(row.state, Health::Finished | Health::Stopped) { StyleRole::Dim } else { StyleRole::Text }
}

fn tasks(row: &ServiceRow) -> String {
    if row.state == Health::Missing {
        return "gone".to_owned();
    }
    // During an update, the tasks with the new image are counted apart from those with the old one.
    if row.fresh < row.running && row.state == Health::Updating {
        return format!("{}+{}/{}", row.fresh, row.running - row.fresh, row.desired);
    }
    format!("{}/{}", row.running, row.desired)
}

fn tasks_role(row: &ServiceRow) -> StyleRole {
    if row.running < row.desired && row.state.is_trouble() { signs::state_role(row.state) } else { StyleRole::Text }
}

/// Writes the image with its badges; for a row that has a problem and no detail line, the problem instead.
fn image_and_marks(pen: &mut LineBuilder<'_>, row: &ServiceRow, cells: usize, by_tag_shows: bool) {
    if let (0, Some(wrong)) = (row.lines, &row.wrong) {
        let role = if wrong.waits { StyleRole::Waiting } else { StyleRole::Failing };
        pen.column(role, &wrong.text, cells);
        return;
    }
    let marks: Vec<_> = row.marks.iter().filter(|mark| !(by_tag_shows && **mark == Badge::ByTag)).collect();
    let mut note = marks.iter().map(|mark| mark.label()).collect::<Vec<_>>().join(", ");
    let text = in_column(row, cells);
    let left = cells.saturating_sub(width(&text).min(cells.saturating_sub(10)) + 2);
    if width(&note) > left {
        note = marks.first().map_or(String::new(), |mark| mark.label().to_owned());
    }
    let note_cells = if note.is_empty() { 0 } else { width(&note) + 2 };
    let only_by_tag = marks.iter().all(|mark| **mark == Badge::ByTag);
    // The badge for a tag without a digest is shown only if the tag need not be cut for it.
    if note_cells == 0 || (only_by_tag && width(&text) + note_cells > cells) {
        pen.put(text_role(row), &left_middle(&text, cells));
    } else {
        let note_role = if only_by_tag { StyleRole::Dim } else { StyleRole::Waiting };
        let cells = cells.saturating_sub(note_cells);
        pen.put(text_role(row), &left_middle(&text, cells)).gap(2).put(note_role, &note);
    }
}

/// Returns the image in the column's form: repository name and tag if they fit, else
/// the tag. The db nodes of a database show the tag only.
fn in_column(row: &ServiceRow, cells: usize) -> String {
    let Ok(image) = ImageRef::parse(&row.image) else { return row.image.clone() };
    let long = image.short(true);
    let with_name = row.group.kind != GroupKind::Database || row.member == row.name;
    if with_name && width(&long) <= cells { long } else { image.short(with_name && image.tag.is_none()) }
}

fn digest_cell(pen: &mut LineBuilder<'_>, row: &ServiceRow, cells: usize) {
    let digest = digest_of(&row.image);
    let text = digest.as_ref().map_or(if row.image.is_empty() { "" } else { "tag only" }, |digest| digest.short());
    pen.column(StyleRole::Dim, text, cells);
}

fn pin_cell(pen: &mut LineBuilder<'_>, row: &ServiceRow, cells: usize) {
    // An image that drifted does not come from the pin.
    let pin = if row.marks.contains(&Badge::Drifted) { Some("not pin") } else { row.pin.as_deref() };
    pen.column(if pin.is_some() { StyleRole::Text } else { StyleRole::Dim }, pin.unwrap_or("—"), cells);
}

/// Formats the age of a time. Under a minute it is `now`, since the screen is not redrawn every second.
pub fn ago(state: &State, at: Time) -> String {
    let since = state.now.since(at);
    if since.as_secs() < 60 { "now".to_owned() } else { age(since) }
}

fn ago_words(state: &State, at: Option<Time>) -> String {
    match at.map(|at| ago(state, at)) {
        None => String::new(),
        Some(now) if now == "now" => ", just now".to_owned(),
        Some(age) => format!(", {age} ago"),
    }
}

fn happened(row: &ServiceRow, changed: &RecentServiceChange, state: &State) -> Vec<(StyleRole, String)> {
    match changed {
        RecentServiceChange::Image { from, at } => {
            let (before, after) = apart(from, &row.image);
            let arrow = signs::arrow(ascii(state));
            vec![(StyleRole::Text, format!("{before} {arrow} {after}")), (StyleRole::Dim, ago_words(state, *at))]
        }
        RecentServiceChange::Unfinished(text) => vec![(StyleRole::Waiting, text.clone())],
        RecentServiceChange::EngineRolledBack { message, at } => {
            let when = ago_words(state, *at);
            vec![
                (StyleRole::Waiting, format!("the engine rolled back automatically{when}")),
                (StyleRole::Dim, format!(": {message}")),
            ]
        }
        RecentServiceChange::Gone { sum, at } => {
            let when = ago_words(state, *at);
            vec![
                (StyleRole::Failing, format!("the service is gone; last change{when}")),
                (StyleRole::Dim, format!(": {sum}")),
            ]
        }
    }
}

fn was(changed: &RecentServiceChange, state: &State) -> String {
    match changed {
        RecentServiceChange::Image { from, at } => format!("was {}{}", middle(&short(from), 24), ago_words(state, *at)),
        RecentServiceChange::EngineRolledBack { at, .. } => {
            format!("the engine rolled back automatically{}", ago_words(state, *at))
        }
        RecentServiceChange::Unfinished(text) => text.clone(),
        RecentServiceChange::Gone { .. } => "gone".to_owned(),
    }
}

/// Returns two images in the shortest form in which they differ.
fn apart(from: &str, to: &str) -> (String, String) {
    let (before, after) = (short(from), short(to));
    if before != after {
        return (middle(&before, 40), middle(&after, 40));
    }
    let digest = |text: &str| digest_of(text).map_or("tag only".to_owned(), |digest| format!("@{}", digest.short()));
    (format!("{} {}", middle(&before, 30), digest(from)), digest(to))
}

/// Writes a problem into `room` cells; with `aged`, its age is never cut off.
fn problem_parts(
    row: &ServiceRow,
    wrong: &ServiceProblem,
    state: &State,
    (room, aged): (usize, bool),
) -> Vec<(StyleRole, String)> {
    let role = if wrong.waits { StyleRole::Waiting } else { signs::state_role(row.state) };
    let lead = if wrong.waits { "pending: " } else { "" };
    let age = wrong.at.filter(|_| aged).map(|at| ago_words(state, Some(at))).unwrap_or_default();
    let room = room.saturating_sub(width(&age));
    let text = end(&format!("{lead}{}", wrong.text), room);
    let left = room.saturating_sub(width(&text));
    let mut parts = vec![(role, text)];
    if let Some(cause) = wrong.cause.as_ref().filter(|_| left > 8) {
        parts.push((StyleRole::Text, end(&format!(" · {cause}"), left)));
    }
    parts.push((StyleRole::Dim, age));
    parts
}
