//! The view of a change: its outcome or open question, then a line per unit
//! with its steps, and the current unit's tasks.
//!
//! ```text
//!  change of database storefront · 17.9-…-2@1f2e                                        1 of 2 units · 00:31
//!
//!  ● 1  n1 on host-2   17.9 → 18.3@ab12   ✓ check 0.2s  ✓ update 02:15:01  ◐ converge 00:24  · settle
//! ```

mod unit;

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::action::{Action, KeyContext};
use crate::config::{StyleRole, Theme};
use crate::screens::change::other_clients;
use crate::screens::change::selectors::shown;
use crate::screens::change::state::{
    ChangeScreenState, ChangeStage, ShownChange, describe, image_at, target, unit_name,
};
use crate::state::State;
use pinnace_core::change::{OperatorCommand, Question, stuck};
use pinnace_core::journal::{ChangeState, UnitState};
use pinnace_core::plan::UnitAction as Doing;
use pinnace_core::plan::plural;
use pinnace_core::sanitize::clean;
use pinnace_core::time::age;

use crate::widgets::line_builder::{LineBuilder, ascii, draw, select, window};
use crate::widgets::symbols as signs;
use crate::widgets::width::{middle, width, wrapped};

/// Draws the change screen.
pub fn view(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme, screen: &ChangeScreenState) {
    let room = usize::from(area.width).saturating_sub(1);
    let Some(seen) = shown(state, screen) else {
        let mut pen = LineBuilder::new(theme, room);
        pen.gap(1).put(StyleRole::Dim, "this change is no longer known here");
        return draw(frame, area, 0, &pen.line());
    };
    let page = ChangeView { state, theme, seen: &seen, screen, room };
    draw(frame, area, 0, &page.title());
    let mut notes = page.verdict();
    notes.extend(page.question());
    for (row, line) in notes.iter().enumerate() {
        draw(frame, area, row + 2, line);
    }
    let above = u16::try_from(2 + notes.len() + usize::from(!notes.is_empty())).unwrap_or(2).min(area.height);
    let list = Rect { y: area.y + above, height: area.height - above, ..area };
    let focus = screen.unit.or(seen.focus());
    let (mut lines, mut chosen) = (Vec::new(), 0..0);
    for (at, unit) in seen.progress.units.iter().enumerate() {
        let from = lines.len();
        page.unit(at, unit, focus == Some(at), &mut lines);
        if focus == Some(at) {
            chosen = from..lines.len();
        }
    }
    page.foot(&mut lines);
    let height = usize::from(list.height);
    let top = window(&chosen, height, lines.len());
    for (row, line) in lines.iter().skip(top).take(height).enumerate() {
        draw(frame, list, row, line);
    }
    if screen.unit.is_some() && chosen.start >= top {
        select(frame, list, chosen.start - top, 1, theme, true);
    }
}

pub(crate) struct ChangeView<'a> {
    state: &'a State,
    theme: &'a Theme,
    seen: &'a ShownChange<'a>,
    screen: &'a ChangeScreenState,
    room: usize,
}

impl<'a> ChangeView<'a> {
    fn pen(&self) -> LineBuilder<'a> {
        LineBuilder::new(self.theme, self.room)
    }

    fn sign(&self, sign: &'static str, plain: &'static str) -> &'static str {
        if ascii(self.state) { plain } else { sign }
    }

    fn does(&self, at: usize) -> bool {
        let unit = self.seen.plan.and_then(|plan| plan.units.get(at));
        unit.is_none_or(|unit| matches!(unit.action, Doing::Rollback | Doing::Update))
    }

    /// Returns the number of units that post an update.
    fn active(&self) -> usize {
        (0..self.seen.progress.units.len()).filter(|at| self.does(*at)).count()
    }

    /// Builds the title line: group, target images, units done, and running time.
    fn title(&self) -> Line<'static> {
        let progress = &self.seen.progress;
        let all = self.active();
        let done = progress.units.iter().filter(|unit| unit.state == UnitState::Done).count();
        let group = &self.screen.group;
        let mut text =
            if all == 0 { "no units".to_owned() } else { format!("{done} of {all} {}", plural(all, "unit")) };
        if let (Some(begun), None) = (progress.begun, &progress.ended) {
            text = format!("{text} · {}", span(self.state.now.since(begun)));
        }
        let what = self.seen.plan.map(|plan| format!(" · {}", target(plan))).unwrap_or_default();
        let mut pen = self.pen();
        pen.gap(1).put(StyleRole::Title, &format!("change of {} {}", group.kind.as_str(), clean(&group.name)));
        let most = pen.room().saturating_sub(width(&text) + 2);
        pen.put(StyleRole::Text, &middle(&what, most));
        pen.until(self.room.saturating_sub(width(&text))).put(StyleRole::Dim, &text);
        pen.line()
    }

    /// Builds the lines above everything else: the outcome or what blocks the change, and the operator's next step.
    fn verdict(&self) -> Vec<Line<'static>> {
        let progress = &self.seen.progress;
        let mut lines = Vec::new();
        match self.seen.stage {
            Some(ChangeStage::Refused { why, hint }) => {
                self.say(StyleRole::Failing, &format!("Not started: {why}."), &mut lines);
                self.say(StyleRole::Text, "pinnace sent no update; every service is unchanged.", &mut lines);
                if !hint.is_empty() {
                    self.say(StyleRole::Hint, &format!("hint: {hint}"), &mut lines);
                }
            }
            Some(ChangeStage::Claiming | ChangeStage::TakingOver { .. }) => {
                self.say(
                    StyleRole::Updating,
                    "Checking again, and journaling the change before the first update …",
                    &mut lines,
                );
            }
            _ => {}
        }
        if let Some(why) = &progress.lost {
            self.say(StyleRole::Failing, &format!("Another client has this change now: {}.", clean(why)), &mut lines);
            self.say(
                StyleRole::Hint,
                "hint: press h to watch it in the history; this console does nothing more",
                &mut lines,
            );
        } else if let Some((state, text)) = &progress.ended {
            self.ended(*state, text, &mut lines);
        } else if self.seen.is_left_open() {
            self.left_open(&mut lines);
        }
        if !progress.trouble.is_empty() {
            self.say(StyleRole::Waiting, &format!("{} {}", self.sign("◔", "~"), clean(&progress.trouble)), &mut lines);
        }
        lines
    }

    fn ended(&self, state: ChangeState, text: &str, lines: &mut Vec<Line<'static>>) {
        let (sign, role) = signs::change(state, ascii(self.state));
        let (word, next) = match state {
            ChangeState::Done => ("Done", "press esc to close, or R to plan a rollback"),
            ChangeState::Failed => {
                ("Failed: no service has the new spec", "press D for the cause, or l for the logs of the unit")
            }
            ChangeState::RolledBackByUser => ("Rolled back: no service has the new spec", "press esc to close"),
            ChangeState::Partial if self.active() == 1 => {
                ("Partial: the service may have the new spec", "press R on the group in the fleet to plan a rollback")
            }
            ChangeState::Partial => {
                ("Partial: some services may have the new spec", "press R on the group in the fleet to plan a rollback")
            }
            _ => ("Ended", "press esc to close"),
        };
        let role = if role == StyleRole::Ok { StyleRole::Title } else { role };
        self.say(role, &format!("{sign} {word}."), lines);
        let text = clean(text);
        if !text.is_empty() && state != ChangeState::Done {
            self.say(StyleRole::Text, &text, lines);
        }
        self.say(StyleRole::Hint, &format!("hint: {next}"), lines);
    }

    /// Adds the lines of an unfinished change that does not run here: its holder, and the possible orders by images.
    fn left_open(&self, lines: &mut Vec<Line<'static>>) {
        if let Some(labels) = self.seen.entry.map(|entry| &entry.slot.labels) {
            let since =
                labels.at.map(|at| format!(", started {} ago", age(self.state.now.since(at)))).unwrap_or_default();
            let world = self.state.clusters.get(self.screen.cluster).map(|one| &one.world);
            let told = world.zip(self.seen.entry);
            let told =
                told.map(|(world, entry)| other_clients::holder(world.history(&self.screen.group), entry, &since));
            if let Some((who, more)) = told {
                self.say(StyleRole::Waiting, &who, lines);
                if let Some(more) = &more {
                    self.say(StyleRole::Text, more, lines);
                }
            }
        } else if let Some(ChangeStage::Over { text, .. }) = self.seen.stage {
            self.say(StyleRole::Waiting, &format!("Unfinished: {text}."), lines);
        }
        self.choices(&[OperatorCommand::Continue, OperatorCommand::RollBack, OperatorCommand::KeepAsIs], lines);
    }

    /// Builds the lines of the open question, with the effect of each answer.
    fn question(&self) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        let Some(question) = self.seen.progress.asking.as_ref().filter(|_| self.seen.is_running()) else {
            return lines;
        };
        let unit = |at: &usize| {
            let unit = self.seen.plan.and_then(|plan| plan.units.get(*at));
            unit.map_or_else(|| format!("unit {}", at + 1), unit_name)
        };
        let runs = |at: &usize| {
            let state = self.seen.progress.units.get(*at).map(|unit| unit.state);
            let from = self.seen.plan.and_then(|plan| plan.units.get(*at)).map(|unit| image_at(&unit.from.image));
            match (state, from) {
                (Some(UnitState::RolledBack), Some(from)) => format!(" and was rolled back to {from}"),
                _ => String::new(),
            }
        };
        let text = match question {
            Question::Failed { unit: at } => format!("{} failed{}.", unit(at), runs(at)),
            Question::Superseded { unit: at } => format!("{}: another client changed it.", unit(at)),
            Question::Stuck { unit: at } => {
                format!("{} neither fails nor progresses. pinnace keeps watching it.", unit(at))
            }
            Question::RollbackFailed => "At least one service could not be rolled back.".to_owned(),
            Question::Stopped => "Stopped. Choose how to proceed.".to_owned(),
            Question::StepPause => "One unit is done. Continue with the next?".to_owned(),
        };
        let failed =
            matches!(question, Question::Failed { .. } | Question::RollbackFailed | Question::Superseded { .. });
        let sign = if failed { self.sign("✖", "x") } else { "?" };
        self.say(if failed { StyleRole::Failing } else { StyleRole::Waiting }, &format!("{sign} {text}"), &mut lines);
        let said = |at: &usize| self.seen.progress.units.get(*at);
        let told = match question {
            Question::Failed { unit } | Question::Superseded { unit } => {
                said(unit).and_then(|unit| unit.failure.clone())
            }
            Question::Stuck { unit } => said(unit).map(|unit| (unit.waits.clone(), stuck(&unit.waits).to_owned())),
            Question::RollbackFailed | Question::Stopped | Question::StepPause => None,
        };
        if let Some((why, hint)) = told {
            self.say(StyleRole::Text, &clean(&why), &mut lines);
            self.say(StyleRole::Hint, &format!("hint: {}", clean(&hint)), &mut lines);
        }
        self.choices(question.choices(), &mut lines);
        lines
    }

    fn choices(&self, orders: &[OperatorCommand], lines: &mut Vec<Line<'static>>) {
        for order in orders {
            let action = match order {
                OperatorCommand::Continue => Action::ContinuePastFailure,
                OperatorCommand::RollBack => Action::Rollback,
                _ => Action::ResumeKeep,
            };
            let key = self.state.config.keymap.keys_for(KeyContext::Change, action).map(ToString::to_string);
            let mut first = Some(key.unwrap_or_default());
            for piece in wrapped(&describe(*order, self.seen), self.room.saturating_sub(6)) {
                let mut pen = self.pen();
                pen.gap(3).column(StyleRole::Key, &first.take().unwrap_or_default(), 3).put(StyleRole::Text, &piece);
                lines.push(pen.line());
            }
        }
    }

    fn say(&self, role: StyleRole, text: &str, lines: &mut Vec<Line<'static>>) {
        for piece in wrapped(text, self.room.saturating_sub(1)) {
            let mut pen = self.pen();
            pen.gap(1).put(role, &piece);
            lines.push(pen.line());
        }
    }

    /// Adds the operator who runs the change, and that the change survives this terminal.
    fn foot(&self, lines: &mut Vec<Line<'static>>) {
        let progress = &self.seen.progress;
        if progress.by.is_empty() || progress.ended.is_some() || !self.seen.is_running() {
            return;
        }
        lines.push(Line::default());
        self.say(StyleRole::Dim, &format!("by {}", clean(&progress.by)), lines);
        self.say(StyleRole::Dim, "journaled in the swarm and on this machine; any manager can resume it", lines);
    }
}

/// Formats a duration as `MM:SS`, from one hour on as an age.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    if seconds < 3600 { format!("{:02}:{:02}", seconds / 60, seconds % 60) } else { age(span) }
}
