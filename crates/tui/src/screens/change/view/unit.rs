//! The view of one unit of a change: its images and state, its steps with their durations, and its tasks.

use std::time::Duration;

use ratatui::text::Line;

use super::{ChangeView, span};
use crate::config::StyleRole;
use crate::screens::change::state::{image_at, unit_name};
use crate::widgets::line_builder::ascii;
use crate::widgets::symbols as signs;
use crate::widgets::width::{middle, right, width, wrapped};
use pinnace_core::change::{Question, TaskLine, UnitPhase, UnitProgress};
use pinnace_core::journal::{Direction, UnitState};
use pinnace_core::plan::{Unit, UnitAction as Doing};
use pinnace_core::sanitize::clean;
use pinnace_core::time::age;

impl ChangeView<'_> {
    /// Adds the lines of a unit: its images and state, its steps, its notes, and its tasks while it has the focus.
    pub(crate) fn unit(&self, at: usize, unit: &UnitProgress, focus: bool, lines: &mut Vec<Line<'static>>) {
        let planned = self.seen.plan.and_then(|plan| plan.units.get(at));
        let (sign, role) = signs::unit(unit.state, ascii(self.state));
        let mut pen = self.pen();
        let does = self.does(at);
        pen.gap(1).put(if does { role } else { StyleRole::Dim }, if does { sign } else { "·" });
        pen.put(StyleRole::Dim, &format!("{:>3}", at + 1)).gap(2);
        let name = planned.map_or_else(|| "service".to_owned(), unit_name);
        let cells = if self.room < 100 { 18 } else { 28 };
        pen.column(if does { StyleRole::Text } else { StyleRole::Dim }, &middle(&name, cells), cells + 2);
        if !does {
            pen.put(StyleRole::Dim, "no change");
            lines.push(pen.line());
            return;
        }
        if let Some(planned) = planned {
            let room = pen.room().saturating_sub(12);
            pen.put(StyleRole::Dim, &self.way(planned, unit, room));
        }
        let word = match unit.state {
            // No client watches the change, so it is unknown whether the engine accepted the post.
            UnitState::Updating | UnitState::RollingBack if self.seen.is_left_open() => "in doubt",
            UnitState::Untouched if self.seen.progress.ended.is_some() => "untouched",
            state => label(state),
        };
        pen.until(self.room.saturating_sub(width(word))).put(role, word);
        lines.push(pen.line());
        if !unit.phases.is_empty() {
            lines.push(self.steps(planned, unit));
        }
        for note in &unit.notes {
            self.below(StyleRole::Waiting, &format!("note: {}", clean(note)), lines);
        }
        if let Some((why, hint)) = unit.failure.as_ref().filter(|_| !self.is_asked(at)) {
            self.below(StyleRole::Failing, &clean(why), lines);
            self.below(StyleRole::Hint, &format!("hint: {}", clean(hint)), lines);
        }
        if focus && unit.ended.is_none() {
            self.in_work(at, unit, lines);
        }
    }

    fn is_asked(&self, at: usize) -> bool {
        let asking = self.seen.progress.asking.as_ref();
        asking.is_some_and(|asking| {
            *asking == Question::Failed { unit: at } || *asking == Question::Superseded { unit: at }
        })
    }

    /// Formats `from → to` in the unit's current direction; if that is too long, only `→ to`.
    fn way(&self, planned: &Unit, unit: &UnitProgress, room: usize) -> String {
        let arrow = signs::arrow(ascii(self.state));
        let (from, to) = (image_at(&planned.from.image), image_at(&planned.to.image));
        let (from, to) = if unit.direction == Direction::Forward { (from, to) } else { (to, from) };
        if planned.from.image == planned.to.image {
            return middle(&format!("redeploy {to}"), room);
        }
        if from == to {
            return middle(&to, room);
        }
        let whole = format!("{from} {arrow} {to}");
        if width(&whole) <= room { whole } else { middle(&format!("{arrow} {to}"), room) }
    }

    /// Builds the line of steps: the finished ones with their durations, the current one, and those to come.
    fn steps(&self, planned: Option<&Unit>, unit: &UnitProgress) -> Line<'static> {
        let mut pen = self.pen();
        pen.gap(7);
        let failed = matches!(unit.state, UnitState::Failed | UnitState::Superseded);
        let back = unit.direction == Direction::Back;
        if back {
            pen.put(StyleRole::Dim, "rolling back:").gap(2);
        }
        let steps = unit.steps();
        // The image of a rollback ran here before, so there is no verify step.
        let verifies = !back && planned.is_none_or(|planned| planned.action == Doing::Update);
        for phase in UnitPhase::ALL.into_iter().filter(|phase| verifies || *phase != UnitPhase::Verify) {
            match steps.iter().rev().find(|(known, ..)| *known == phase) {
                None => pen.put(StyleRole::Dim, &format!("{} {}", self.sign("·", "."), phase.label())),
                Some((_, from, Some(took))) if !(failed && unit.ended.is_some_and(|end| end.since(*from) == *took)) => {
                    pen.put(StyleRole::Text, self.sign("✓", "+")).put(StyleRole::Text, &format!(" {} ", phase.label()));
                    pen.put(StyleRole::Dim, &short(*took))
                }
                Some((_, from, over)) => {
                    let (sign, role) = if failed {
                        (self.sign("✖", "x"), StyleRole::Failing)
                    } else {
                        (self.sign("◐", ">"), StyleRole::Updating)
                    };
                    let since = span(over.unwrap_or_else(|| self.state.now.since(*from)));
                    pen.put(role, sign).put(role, &format!(" {} {since}", phase.label()))
                }
            };
            pen.gap(if self.room < 100 { 1 } else { 3 });
        }
        pen.line()
    }

    /// Adds the live details of the current unit: the engine's update status, what it waits for, and its tasks.
    fn in_work(&self, at: usize, unit: &UnitProgress, lines: &mut Vec<Line<'static>>) {
        if !unit.update.is_empty() {
            self.below(StyleRole::Dim, &format!("Docker: {}", clean(&unit.update)), lines);
        }
        // An open question about the unit already shows this text above.
        if !unit.waits.is_empty() && self.seen.progress.asking != Some(Question::Stuck { unit: at }) {
            self.below(StyleRole::Waiting, &format!("waits: {}", clean(&unit.waits)), lines);
        }
        let began = unit.steps().first().map(|(_, from, _)| *from);
        // What ended before the unit began has nothing to do with it.
        let is_old = |task: &&TaskLine| task.is_over() && task.since.zip(began).is_some_and(|(end, began)| end < began);
        for task in unit.tasks.iter().filter(|task| !is_old(task)).take(8) {
            lines.push(self.task(task));
        }
    }

    /// Builds the line of a task. `target` marks the image that the unit goes to, in either direction.
    fn task(&self, task: &TaskLine) -> Line<'static> {
        let mut pen = self.pen();
        let slot = task.slot.map(|slot| format!("slot {slot}")).unwrap_or_default();
        let text = if task.fresh { StyleRole::Text } else { StyleRole::Dim };
        let mark = if task.fresh { "target" } else { "other" };
        pen.gap(7).column(StyleRole::Dim, mark, 7).column(StyleRole::Dim, &slot, 9);
        pen.column(text, &clean(&task.state), 11).column(text, &middle(&clean(&task.node), 16), 17);
        let since = task.since.map(|at| age(self.state.now.since(at))).unwrap_or_default();
        pen.put(StyleRole::Dim, &right(&since, 4)).gap(2).put(StyleRole::Failing, &clean(&task.error));
        pen.line()
    }

    fn below(&self, role: StyleRole, text: &str, lines: &mut Vec<Line<'static>>) {
        for piece in wrapped(text, self.room.saturating_sub(7)) {
            let mut pen = self.pen();
            pen.gap(7).put(role, &piece);
            lines.push(pen.line());
        }
    }
}

/// Returns this screen's word for a unit state.
fn label(state: UnitState) -> &'static str {
    match state {
        UnitState::Untouched => "to do",
        UnitState::Updating => "updating",
        UnitState::Done => "done",
        UnitState::RollingBack => "rolling back",
        UnitState::RolledBack => "rolled back",
        UnitState::Failed => "failed",
        UnitState::Superseded => "superseded",
    }
}

/// Formats the duration of a step: `0.2s`, `01:12`.
fn short(took: Duration) -> String {
    if took < Duration::from_secs(10) { format!("{:.1}s", took.as_secs_f64()) } else { span(took) }
}
