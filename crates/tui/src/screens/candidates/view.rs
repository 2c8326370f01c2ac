//! The view of a service's rollback candidates.
//!
//! ```text
//!  6 images, those that ran first · now ✖ failing
//!   IMAGE                  DIGEST    LAST  RESULT         REGISTRY   RAN ON
//!   1.7                    cd34abcd   now  failed         available  mgr-1
//!   1.6                    1f2e3d4c   12m  ran 41d        gone       mgr-1, mgr-2
//! ```

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::config::{StyleRole, Theme};
use crate::layout;
use crate::screens::candidates::selectors::page;
use crate::screens::candidates::state::{CandidatesState, about, pullable};
use crate::state::{ClusterState, State};
use pinnace_core::history::{Pullable, RollbackCandidate, RunResult};
use pinnace_core::image::ImageRef;
use pinnace_core::plan::plural;
use pinnace_core::sanitize::clean;
use pinnace_core::time::age;

use crate::widgets::line_builder::{LineBuilder, ascii, draw, select};
use crate::widgets::symbols as signs;
use crate::widgets::table::{Column, Table};
use crate::widgets::width::{left_middle, width, wrapped};

/// Draws the list, and the details of the chosen image below it.
pub fn view(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, screen: &CandidatesState) {
    let body = layout::Area { x: area.x, y: area.y, width: area.width, height: area.height };
    let parts = layout::earlier(body);
    let Some(one) = state.clusters.get(screen.cluster) else { return };
    let room = usize::from(area.width).saturating_sub(1);
    let table = Table::new(room, columns(one, state, room, &screen.rows));
    let top = crate::view::area(parts.summary);
    draw(frame, top, 0, &summary(one, state, theme, room, screen));
    draw(frame, top, 1, &table.heading(theme));
    let list = crate::view::area(parts.list);
    let scroll = screen.scroll(page(state));
    for (at, row) in screen.rows.iter().enumerate().skip(scroll.top).take(usize::from(list.height)) {
        draw(frame, list, at - scroll.top, &table.line(row, theme));
        if at == scroll.at {
            select(frame, list, at - scroll.top, 1, theme, true);
        }
    }
    let strip = crate::view::area(parts.strip);
    if let Some(row) = screen.choice() {
        let [image, more] = about(one, row);
        let pieces = |text: &str| wrapped(text, room.saturating_sub(2));
        let mut lines: Vec<_> = pieces(&image).into_iter().map(|text| (StyleRole::Text, text)).collect();
        lines.extend(pieces(&more).into_iter().map(|text| (StyleRole::Dim, text)));
        for (at, (role, text)) in lines.iter().enumerate() {
            let mut pen = LineBuilder::new(theme, room);
            pen.gap(1).put(*role, text);
            draw(frame, strip, at + 1, &pen.line());
        }
    }
}

/// Returns the image in short form, with the name of its repository if `named`.
fn name(row: &RollbackCandidate, named: bool) -> String {
    let image = &row.places.image;
    clean(&ImageRef::parse(image).map_or_else(|_| image.clone(), |image| image.short(named)))
}

/// Builds the summary line: the number of images and the service's current state.
fn summary(one: &ClusterState, state: &State, theme: &Theme, room: usize, screen: &CandidatesState) -> Line<'static> {
    let mut pen = LineBuilder::new(theme, room);
    let count = screen.rows.len();
    pen.gap(1).put(StyleRole::Dim, &format!("{count} {}, those that ran first", plural(count, "image")));
    match one.world.health(&screen.service) {
        Some(health) => {
            let (sign, role) = (signs::state(health.state, ascii(state)), signs::state_role(health.state));
            pen.put(StyleRole::Dim, " · now ").put(role, &format!("{sign} {}", health.state.label()));
        }
        None => {
            pen.put(StyleRole::Failing, " · the service is gone");
        }
    }
    if !one.world.knows_history(&screen.service) || !one.world.knows_journal() {
        pen.put(StyleRole::Waiting, " · reading the history …");
    }
    pen.line()
}

/// Builds the columns. The image column is as wide as its images need; it names the repository only if the images
/// come from several repositories.
fn columns<'a>(
    one: &'a ClusterState,
    state: &'a State,
    room: usize,
    rows: &[RollbackCandidate],
) -> Vec<Column<'a, RollbackCandidate>> {
    const DIGEST_FROM: usize = 70;
    let digest = if room >= DIGEST_FROM { 10 } else { 0 };
    let (fared, registry) = (16, 10);
    let nodes = if room < 100 { 8 } else { 24 };
    let most = room.saturating_sub(2 + digest + 6 + fared + registry + nodes).max(8);
    let path = |row: &RollbackCandidate| ImageRef::parse(&row.places.image).ok().map(|image| image.path);
    let named = rows.iter().any(|row| path(row) != rows.first().and_then(path));
    let longest = rows.iter().map(|row| width(&name(row, named)) + 2).max().unwrap_or(8);
    let image = Column::left("IMAGE", longest.clamp(8, most), move |pen, row, cells| {
        let role = if is_failed(row) { StyleRole::Failing } else { StyleRole::Text };
        pen.column(role, &left_middle(&name(row, named), cells - 1), cells);
    });
    let digest = Column::left("DIGEST", 9, |pen, row: &RollbackCandidate, cells| {
        pen.column(StyleRole::Dim, row.digest.as_ref().map_or("tag only", |digest| digest.short()), cells);
    });
    let last = Column::right("LAST", 5, |row: &RollbackCandidate| {
        let last = match row.last {
            _ if row.is_now => "now".to_owned(),
            Some(at) => age(state.now.since(at)),
            None => "—".to_owned(),
        };
        (StyleRole::Dim, last)
    });
    let fared = Column::left("RESULT", fared - 1, |pen, row: &RollbackCandidate, cells| {
        let role = match row.fared {
            _ if is_failed(row) => StyleRole::Failing,
            RunResult::Unknown | RunResult::Never => StyleRole::Dim,
            _ => StyleRole::Text,
        };
        pen.column(role, &row.fared.describe(), cells);
    });
    let registry = Column::left("REGISTRY", registry, |pen, row: &RollbackCandidate, cells| {
        let (word, known) = pullable(one, row);
        let role = match known {
            Pullable::Yes => StyleRole::Text,
            Pullable::Gone | Pullable::Unknown(_) => StyleRole::Warning,
            Pullable::Pending => StyleRole::Dim,
        };
        pen.column(role, word, cells);
    });
    let ran_on = Column::rest("RAN ON", |pen, row: &RollbackCandidate| {
        let nodes = row.nodes.iter().map(|node| clean(node)).collect::<Vec<_>>().join(", ");
        pen.put(StyleRole::Dim, &nodes);
    });
    vec![image.after(2), digest.after(1).from(DIGEST_FROM), last, fared.after(2), registry, ran_on]
}

fn is_failed(row: &RollbackCandidate) -> bool {
    row.fared.has_failed()
}
