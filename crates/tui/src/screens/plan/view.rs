//! The view of a plan: its staleness, its effect on each service, and its findings.
//!
//! ```text
//!  plan 4f2c9a · database storefront                                                     up to date
//!  1 service · 1 task restarts · pauses after each unit
//!
//!    1  rollback  n1 on host-2   my-custom-image → 17.9-spock5.0.6-standard-2@1f2e
//!         restarts 1 task …
//! ```

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::action::{Action, KeyContext};
use crate::config::{StyleRole, Theme};
use crate::screens::change::state::{image_at, unit_name};
use crate::screens::plan::state::{Acknowledgement, Freshness, PauseMode, PlanState, action_label, headline};
use crate::state::{State, WriteProtection};
use pinnace_core::finding::{Finding, Severity};
use pinnace_core::history::describe;
use pinnace_core::plan::PlanKind;
use pinnace_core::plan::plural;
use pinnace_core::plan::{CredentialOrigin, Plan, Unit, UnitAction};
use pinnace_core::registry::FactQuery;
use pinnace_core::sanitize::clean;

use crate::widgets::finding as remark;
use crate::widgets::line_builder::{LineBuilder, ascii, draw, select, window};
use crate::widgets::symbols as signs;
use crate::widgets::width::{middle, width, wrapped};

/// The indentation of a unit's details, in cells.
const INDENT: usize = 16;

/// Draws a plan.
pub fn view(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, screen: &PlanState) {
    let room = usize::from(area.width).saturating_sub(1);
    let names = screen.shown.plan.units.iter().map(|unit| width(&unit_name(unit))).max().unwrap_or(0);
    let page = PlanView { state, theme, screen, room, names: names.clamp(8, if room < 100 { 18 } else { 32 }) };
    for (row, line) in [page.title(), page.headline()].iter().enumerate() {
        draw(frame, area, row, line);
    }
    let list = Rect { y: area.y + 3.min(area.height), height: area.height.saturating_sub(3), ..area };
    let (mut lines, mut chosen) = (Vec::new(), 0..0);
    let plan = &screen.shown.plan;
    // Errors that block the whole plan come first: below a hundred units they would be out of sight.
    for (at, finding) in plan.findings.iter().enumerate().filter(|(_, finding)| is_about_all(finding)) {
        let from = lines.len();
        lines.extend(remark::lines(finding, theme, page.room, ascii(state)));
        if at + plan.units.len() == screen.at {
            chosen = from..lines.len();
        }
    }
    for (at, unit) in plan.units.iter().enumerate() {
        let from = lines.len();
        page.unit(at, unit, &mut lines);
        if at == screen.at {
            chosen = from..lines.len();
        }
    }
    if !plan.findings.is_empty() && !plan.units.is_empty() {
        lines.push(Line::default());
    }
    for (at, finding) in plan.findings.iter().enumerate().filter(|(_, finding)| !is_about_all(finding)) {
        let from = lines.len();
        lines.extend(remark::lines(finding, theme, page.room, ascii(state)));
        if at + plan.units.len() == screen.at {
            chosen = from..lines.len();
        }
    }
    page.notes(plan, &mut lines);
    let height = usize::from(list.height);
    let top = window(&chosen, height, lines.len());
    for (row, line) in lines.iter().skip(top).take(height).enumerate() {
        draw(frame, list, row, line);
    }
    if !screen.is_empty() && chosen.start >= top {
        select(frame, list, chosen.start - top, 1, theme, true);
    }
}

struct PlanView<'a> {
    state: &'a State,
    theme: &'a Theme,
    screen: &'a PlanState,
    room: usize,
    /// The width of the unit names, in cells.
    names: usize,
}

impl<'a> PlanView<'a> {
    fn pen(&self) -> LineBuilder<'a> {
        LineBuilder::new(self.theme, self.room)
    }

    /// Builds the title line: the plan's id, its group, and its staleness.
    fn title(&self) -> Line<'static> {
        let plan = &self.screen.shown.plan;
        let (text, role) = match &self.screen.fresh {
            Freshness::Incomplete => ("incomplete".to_owned(), StyleRole::Dim),
            Freshness::UpToDate => ("plan up to date".to_owned(), StyleRole::Dim),
            Freshness::Checking => ("something changed, checking …".to_owned(), StyleRole::Waiting),
            Freshness::Stale(moved) => (format!("stale: {moved}"), StyleRole::Failing),
        };
        let mut pen = self.pen();
        let id = plan.id.get(..6).unwrap_or(&plan.id);
        pen.gap(1).put(StyleRole::Title, &format!("plan {id}"));
        pen.put(StyleRole::Title, &format!(" · {} {}", plan.group.kind.as_str(), clean(&plan.group.name))).gap(2);
        pen.until(self.room.saturating_sub(width(&text))).put(role, &text);
        pen.line()
    }

    /// Builds the summary line: the plan's effect and options, or what an incomplete plan waits for.
    fn headline(&self) -> Line<'static> {
        let plan = &self.screen.shown.plan;
        let mut pen = self.pen();
        pen.gap(1);
        if self.screen.fresh == Freshness::Incomplete {
            pen.put(StyleRole::Waiting, &waits(self.screen));
            return pen.line();
        }
        if let Freshness::Stale(_) = self.screen.fresh {
            pen.put(StyleRole::Hint, "press ctrl-r to plan again; a stale plan cannot be applied");
            return pen.line();
        }
        pen.put(StyleRole::Text, &headline(plan));
        if plan.active().next().is_some() {
            let step = match self.screen.stepping {
                PauseMode::On => "pauses after each unit",
                PauseMode::Off => "no pauses",
            };
            pen.put(StyleRole::Dim, " · ").put(StyleRole::Text, step);
            for choice in choices(self.screen) {
                pen.put(StyleRole::Dim, " · ").put(StyleRole::Accent, choice);
            }
        }
        self.unchecked(plan, &mut pen);
        let warnings = plan.warnings();
        match self.screen.warnings {
            _ if warnings == 0 => {}
            Acknowledgement::Missing => {
                let noun = plural(warnings, "warning");
                pen.put(StyleRole::Dim, " · ").put(StyleRole::Warning, &format!("{warnings} {noun} to acknowledge"));
            }
            Acknowledgement::Given => {
                let noun = plural(warnings, "warning");
                pen.put(StyleRole::Dim, " · ").put(StyleRole::Text, &format!("{warnings} {noun} acknowledged"));
            }
        }
        pen.line()
    }

    /// Adds a note if images were not confirmed by a registry, and whether the operator accepted that.
    fn unchecked(&self, plan: &Plan, pen: &mut LineBuilder<'_>) {
        if plan.unchecked().next().is_none() {
            return;
        }
        let (role, text) = match self.screen.unchecked {
            Acknowledgement::Missing => {
                let key = self.state.config.keymap.keys_for(KeyContext::Plan, Action::AcceptUnverified);
                let hint = key.map(|key| format!(": press {key} to accept")).unwrap_or_default();
                (StyleRole::Warning, format!("no registry answers{hint}"))
            }
            Acknowledgement::Given => (StyleRole::Text, "accepted without the registry".to_owned()),
        };
        pen.put(StyleRole::Dim, " · ").put(role, &text);
    }

    fn unit(&self, at: usize, unit: &Unit, lines: &mut Vec<Line<'static>>) {
        let role = match unit.action {
            UnitAction::None => StyleRole::Dim,
            UnitAction::Rollback | UnitAction::Update => StyleRole::Accent,
            UnitAction::Blocked => StyleRole::Failing,
        };
        let name = unit_name(unit);
        let mut pen = self.pen();
        let action = action_label(&self.screen.shown.plan, unit);
        pen.gap(2).put(StyleRole::Dim, &format!("{:>2}", at + 1)).gap(2).column(role, action, 10);
        pen.column(StyleRole::Text, &middle(&name, self.names), self.names + 2);
        let (from, to) = (image_at(&unit.from.image), image_at(&unit.to.image));
        if unit.action == UnitAction::None {
            pen.put(StyleRole::Dim, &middle(&from, pen.room()));
            lines.push(pen.line());
            return;
        }
        if unit.from.image == unit.to.image {
            pen.put(StyleRole::Text, &middle(&to, pen.room()));
        } else {
            let arrow = format!(" {} ", signs::arrow(ascii(self.state)));
            let room = pen.room().saturating_sub(width(&arrow));
            let new = middle(&to, room.saturating_sub(width(&from).min(room / 2)));
            pen.put(StyleRole::Removed, &middle(&from, room.saturating_sub(width(&new)))).put(StyleRole::Dim, &arrow);
            pen.put(StyleRole::Added, &new);
        }
        lines.push(pen.line());
        if self.screen.is_open(at) {
            self.unit_details(unit, lines);
        }
    }

    fn unit_details(&self, unit: &Unit, lines: &mut Vec<Line<'static>>) {
        let mut about = vec![format!("service {}", clean(&unit.service))];
        about.extend(unit.reasons.iter().map(|reason| clean(reason)));
        self.text(StyleRole::Dim, &about.join(" · "), lines);
        // The effect on the tasks comes first, in a separate paragraph; the other notes share one.
        let (first, rest) = unit.notes.split_at(unit.notes.len().min(2));
        if !first.is_empty() {
            self.text(StyleRole::Text, &clean(&first.join(" · ")), lines);
        }
        // That a new image never ran is expected; for an image without its registry, the finding says it already.
        let is_news = unit.lands.iter().any(|land| land.ran) || unit.action == UnitAction::Rollback;
        if is_news && unit.unchecked.is_none() && !unit.lands.is_empty() {
            self.text(StyleRole::Dim, &describe(&unit.lands, self.state.now), lines);
        }
        if !rest.is_empty() {
            self.text(StyleRole::Dim, &clean(&rest.join(" · ")), lines);
        }
    }

    fn text(&self, role: StyleRole, text: &str, lines: &mut Vec<Line<'static>>) {
        let indent = if self.room < 100 { 6 } else { INDENT };
        for piece in wrapped(text, self.room.saturating_sub(indent)) {
            let mut pen = self.pen();
            pen.gap(indent).put(role, &piece);
            lines.push(pen.line());
        }
    }

    /// Adds notes about the plan as a whole: the pins, the reason, and the protection of the cluster.
    fn notes(&self, plan: &Plan, lines: &mut Vec<Line<'static>>) {
        let mut notes = Vec::new();
        if plan.changes_pins() && !plan.units.is_empty() {
            let whose = if plan.kind == PlanKind::Pin { "the edited pins are" } else { "the pins that go with it are" };
            notes.push(format!("{whose} in force once the change is done"));
        }
        if !self.screen.why.is_empty() {
            notes.push(format!("reason: {}", clean(&self.screen.why)));
        }
        if self
            .state
            .clusters
            .get(self.screen.cluster)
            .is_some_and(|cluster| cluster.guard == WriteProtection::Protected)
        {
            notes.push("the cluster is protected: applying asks for confirmation".to_owned());
        }
        if !notes.is_empty() {
            lines.push(Line::default());
        }
        for note in notes {
            let mut pen = self.pen();
            pen.gap(4).put(StyleRole::Dim, &note);
            lines.push(pen.line());
        }
    }
}

/// Lists the options that are on in the plan, in words.
fn choices(screen: &PlanState) -> impl Iterator<Item = &'static str> {
    let sends = screen.shown.plan.active().any(|(_, unit)| unit.credentials == CredentialOrigin::Operator);
    let first = screen.shown.plan.active().any(|(_, unit)| unit.starts_first());
    [(sends, "sends your credentials"), (first, "start-first")].into_iter().filter(|(on, _)| *on).map(|(_, text)| text)
}

/// Returns whether a finding blocks the whole plan.
fn is_about_all(finding: &Finding) -> bool {
    finding.severity == Severity::Error && finding.services.is_empty()
}

/// Describes what an incomplete plan waits for.
fn waits(screen: &PlanState) -> String {
    let wants = screen.queries();
    let images: Vec<String> = wants
        .iter()
        .filter_map(|want| if let FactQuery::Image(image) = want { Some(image_at(image)) } else { None })
        .collect();
    if let Some(first) = images.first() {
        let more = images.len() - 1;
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        return format!("asking the registry for {first}{more} …");
    }
    let word = match wants.iter().next() {
        Some(FactQuery::Tasks(_)) => "past tasks",
        Some(FactQuery::Record(_)) => "an earlier change",
        _ => "the journal",
    };
    format!("reading {word} …")
}
