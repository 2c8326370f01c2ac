//! `pinnace apply`, `rollback` and `redeploy`: plan a change and apply it.

use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Exit;
use super::args::{OnFailureArg, PinEditArgs, PlanApplyArgs, PlanArgs, SharedApplyArgs};
use super::out::Out;
use super::plan_goal::{self, DriftChoice};
use super::planning::{self, PlanWithInput};
use super::session::{CliContext, Failure, Session, usage};
use pinnace_core::change::{
    ChangeEvent, ChangeEventKind, ExecutionSettings, OnFailure as Rule, OperatorCommand, Progress, UnitPhase,
    UnitProgress,
};
use pinnace_core::finding::Severity;
use pinnace_core::journal::ChangeState;
use pinnace_core::plan::{Consent, Goal, PlanDraft, RedeployImage, RollbackChoice, Scope, plural};
use pinnace_core::plan::{Plan, Unit, UnitAction};
use pinnace_core::selector;
use pinnace_core::swarm::{GroupKey, GroupKind};
use pinnace_core::time::Time;
use pinnace_core::world::World;
use pinnace_engine::execute::{ChangeChannels, ExecuteOptions, ExecutionStart, RunOutcome, execute, new_change};
use pinnace_engine::identity;

/// Formats a count with its noun: `3 units`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {}", plural(count, noun))
}

/// Plans an edit of the pins, or the resolution of drift, and applies it; or applies the plan of a file.
pub async fn apply(
    stage: &CliContext,
    group: &str,
    (edit, settle): (&PinEditArgs, Option<DriftChoice>),
    ways: &PlanArgs,
    how: &SharedApplyArgs,
    json: bool,
) -> Result<Exit, Failure> {
    let session = Session::open(stage)?;
    let mut world = session.cluster.world().await?;
    if planning::is_file(group) {
        if edit.is_some() || settle.is_some() || ways.is_some() {
            let hint = "plan again with them: `pinnace plan GROUP --pin … --out FILE`";
            return Err(usage("a saved plan accepts no edits and no plan options", hint));
        }
        let drawn = PlanWithInput::from_file(&session, &mut world, Path::new(group)).await?;
        return carry_out(&session, drawn.draft, how, json).await;
    }
    let group = selector::group(&world, group)?;
    let (goal, mut edited) = plan_goal::goal(&session, &mut world, group, (edit, settle)).await?;
    let mut drawn = PlanWithInput::up(&session, &mut world, goal, ways).await?;
    edited.remarked(&mut drawn.draft.plan);
    carry_out(&session, drawn.draft, how, json).await
}

/// Plans a rollback and applies it.
pub async fn rollback(
    stage: &CliContext,
    target: &str,
    to: Option<&str>,
    how: &PlanApplyArgs,
) -> Result<Exit, Failure> {
    towards(stage, target, how, |world, group, scope| {
        let to = to.map(|to| RollbackChoice::read(to, world.history(&group)));
        Goal::Back { group, scope, to }
    })
    .await
}

/// Plans a redeploy and applies it.
pub async fn redeploy(
    stage: &CliContext,
    target: &str,
    by: RedeployImage,
    how: &PlanApplyArgs,
) -> Result<Exit, Failure> {
    towards(stage, target, how, |_, group, scope| Goal::Redeploy { group, scope, by }).await
}

/// Plans the goal for a target, and applies it unless it has only to be shown or saved.
async fn towards(
    stage: &CliContext,
    target: &str,
    how: &PlanApplyArgs,
    goal: impl FnOnce(&World, GroupKey, Scope) -> Goal,
) -> Result<Exit, Failure> {
    let session = Session::open(stage)?;
    let mut world = session.cluster.world().await?;
    let (group, scope) = selector::target(&world, target)?;
    let goal = goal(&world, group, scope);
    let drawn = PlanWithInput::up(&session, &mut world, goal, &how.plan).await?;
    if how.dry_run || how.out.is_some() {
        return drawn.show(&session, how.out.as_deref(), how.json);
    }
    carry_out(&session, drawn.draft, &how.apply, how.json).await
}

async fn carry_out(session: &Session, draft: PlanDraft, how: &SharedApplyArgs, json: bool) -> Result<Exit, Failure> {
    let plan = &draft.plan;
    if !json {
        session.out.plan(plan);
    }
    if plan.has_nothing_to_do() && plan.count(Severity::Error) == 0 {
        if json {
            session.out.json(&serde_json::json!({ "plan": plan, "outcome": "nothing-to-do" }));
        }
        return Ok(Exit::Done);
    }
    if let Some(exit) = obstacle(&session.out, &draft, how) {
        if json {
            session.out.json(&serde_json::json!({ "plan": plan, "outcome": "not-started" }));
        }
        return Ok(exit);
    }
    let by = identity::operator();
    let start = ExecutionStart::New { plan: Box::new(draft.plan.clone()), change: new_change() };
    let options = options(session, &plan.group, how, by);
    follow(session, plan, start, options, json).await
}

/// Prints why a plan must not be applied to the error stream, and returns the exit code; `None` if it may be applied.
fn obstacle(out: &Out, draft: &PlanDraft, how: &SharedApplyArgs) -> Option<Exit> {
    let plan = &draft.plan;
    let blocked = plan.units.iter().filter(|unit| unit.action == UnitAction::Blocked).count();
    let active = plan.active().count();
    if blocked > 0 && active > 0 && !how.partial {
        let text = format!("not started: errors block {} of {}", counted(blocked, "unit"), blocked + active);
        out.failure(&text, "fix the pins, or apply the others with `--partial`");
        return Some(Exit::Choice);
    }
    let why = draft.obstacle(Consent { warnings: how.ack.warnings, unchecked: how.ack.unverified })?;
    let errors = plan.count(Severity::Error) > 0;
    let hint = match plan.unchecked().next() {
        _ if errors => "fix the pins first",
        Some(_) if !how.ack.unverified => "it ran here before: add `--unverified` to roll back without its registry",
        _ => "read the warnings; add `--ack` to acknowledge them",
    };
    out.failure(&format!("not started: {why}"), hint);
    Some(if errors { Exit::Trouble } else { Exit::Choice })
}

/// Returns the options for applying a change, from the flags, the kind of group and the settings.
pub fn options(session: &Session, group: &GroupKey, how: &SharedApplyArgs, by: String) -> ExecuteOptions {
    let on_failure = match (how.on_failure, group.kind) {
        (Some(OnFailureArg::RollBackAll), _) | (None, GroupKind::Stack | GroupKind::Service) => Rule::RollBackAll,
        (Some(OnFailureArg::RollBackUnit), _) | (None, GroupKind::Database) => Rule::RollBackUnit,
        (Some(OnFailureArg::Stop), _) => Rule::Stop,
        (Some(OnFailureArg::Continue), _) => Rule::Continue,
    };
    let settings = &session.config.settings;
    let settle = how.settle.unwrap_or_else(|| settings.settle_seconds.into());
    let stuck = how.stuck.unwrap_or_else(|| settings.stuck_seconds.into());
    ExecuteOptions {
        mode: ExecutionSettings { on_failure, step: how.step, asks: false },
        settle: Duration::from_secs(settle),
        stuck: Duration::from_secs(stuck),
        by,
        why: how.reason.clone(),
    }
}

/// Applies a change and prints its events. A signal lets the current unit finish and detaches the change.
pub async fn follow(
    session: &Session,
    plan: &Plan,
    start: ExecutionStart,
    options: ExecuteOptions,
    json: bool,
) -> Result<Exit, Failure> {
    session.warn_of_the_journal();
    let (orders, inbox) = mpsc::unbounded_channel();
    let (send, mut events) = mpsc::unbounded_channel();
    let control = ChangeChannels { orders: inbox, events: send };
    let running = tokio::spawn(execute(session.cluster.clone(), start, options, control));
    let signals = tokio::spawn(stop_on_signal(session.out.clone(), orders));
    let mut progress = Progress::new(plan.units.len());
    let mut tell = EventPrinter::default();
    while let Some(event) = events.recv().await {
        progress.apply(&event);
        if !json {
            tell.event(&session.out, plan, &event, &progress);
        }
    }
    signals.abort();
    let outcome = running.await.map_err(|error| Failure {
        message: format!("an internal error of pinnace stopped the change: {error}"),
        hint: "run `pinnace history` for its state, and `pinnace resume` to take it over".into(),
        exit: Exit::Partial,
    })??;
    let exit = exit(&outcome, &progress);
    if json {
        let units: Vec<_> = progress.letters().iter().map(|unit| unit.label()).collect();
        session.out.json(&serde_json::json!({
            "plan": plan, "outcome": label(&outcome), "units": units, "failures": failures(plan, &progress),
            "notes": notes(plan, &progress), "steps": steps(plan, &progress)
        }));
    } else {
        session.out.line(&format!("{}: {}", plan.group, label(&outcome)));
    }
    choices(&session.out, plan, &outcome, &progress);
    Ok(exit)
}

/// Orders the change to stop after the current unit on the first signal, and to detach at once on the second.
async fn stop_on_signal(out: Out, orders: mpsc::UnboundedSender<OperatorCommand>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut hup), Ok(mut int)) =
        (signal(SignalKind::terminate()), signal(SignalKind::hangup()), signal(SignalKind::interrupt()))
    else {
        std::future::pending::<()>().await;
        return;
    };
    let mut next = async || tokio::select! { _ = term.recv() => (), _ = hup.recv() => (), _ = int.recv() => () };
    next().await;
    out.note("stopping after the current unit; a second signal detaches from the change at once");
    let _ = orders.send(OperatorCommand::Stop);
    next().await;
    let _ = orders.send(OperatorCommand::Detach);
    std::future::pending::<()>().await;
}

/// Lists the failures with their hints, for JSON.
fn failures(plan: &Plan, progress: &Progress) -> Vec<serde_json::Value> {
    let units = plan.units.iter().zip(&progress.units);
    let failed = units.filter_map(|(unit, progress)| Some((unit, progress.failure.as_ref()?)));
    failed.map(|(unit, (why, hint))| serde_json::json!({ "service": unit.service, "why": why, "hint": hint })).collect()
}

/// Lists the notes of all units, for JSON.
fn notes(plan: &Plan, progress: &Progress) -> Vec<serde_json::Value> {
    let units = plan.units.iter().zip(&progress.units);
    let notes = units.flat_map(|(unit, progress)| progress.notes.iter().map(move |note| (unit, note)));
    notes.map(|(unit, note)| serde_json::json!({ "service": unit.service, "note": note })).collect()
}

/// Lists the steps of each unit's last direction with their durations in seconds, for JSON.
fn steps(plan: &Plan, progress: &Progress) -> Vec<serde_json::Value> {
    let units = plan.units.iter().zip(&progress.units);
    let steps = units.flat_map(|(unit, progress)| progress.steps().into_iter().map(move |step| (unit, step)));
    let told = |(unit, (phase, at, took)): (&Unit, (UnitPhase, Time, Option<Duration>))| {
        let seconds = took.map(|took| took.as_secs_f64());
        serde_json::json!({ "service": unit.service, "step": phase.label(), "at": at, "seconds": seconds })
    };
    steps.map(told).collect()
}

/// Formats a unit's steps for people: ` (check 0.0 s, update 0.1 s, converge 6.2 s)`; empty while a step is running.
fn took(unit: &UnitProgress) -> String {
    let steps: Vec<_> = unit.steps().iter().map(|(phase, _, took)| took.map(|took| (*phase, took))).collect();
    let text = |(phase, took): &(UnitPhase, Duration)| format!("{} {:.1} s", phase.label(), took.as_secs_f64());
    match steps.into_iter().collect::<Option<Vec<_>>>() {
        Some(steps) if !steps.is_empty() => format!(" ({})", steps.iter().map(text).collect::<Vec<_>>().join(", ")),
        _ => String::new(),
    }
}

fn label(outcome: &RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Ended(state) => state.label(),
        RunOutcome::Detached => "detached",
        RunOutcome::Lost(_) => "taken-over",
        RunOutcome::Unfinished(_) => "unfinished",
    }
}

fn exit(outcome: &RunOutcome, progress: &Progress) -> Exit {
    let carries = (0..progress.units.len()).any(|unit| progress.carries(unit));
    match outcome {
        RunOutcome::Ended(ChangeState::Done) => Exit::Done,
        RunOutcome::Ended(ChangeState::RolledBackByUser) if !carries => Exit::Done,
        _ if carries => Exit::Partial,
        RunOutcome::Ended(_) => Exit::Trouble,
        _ => Exit::Partial,
    }
}

/// Prints the possible next commands.
fn choices(out: &Out, plan: &Plan, outcome: &RunOutcome, progress: &Progress) {
    let failed = progress.units.iter().position(|unit| unit.failure.is_some());
    match outcome {
        RunOutcome::Ended(ChangeState::Done | ChangeState::RolledBackByUser) => {}
        RunOutcome::Ended(_) => {
            if let Some(unit) = failed.and_then(|at| plan.units.get(at)) {
                out.note(&format!(
                    "what next: `pinnace status {}`; `docker service ps --no-trunc {}`",
                    plan.group, unit.service
                ));
            }
            if (0..progress.units.len()).any(|unit| progress.carries(unit)) {
                out.note(&format!("what next: roll back what it changed with `pinnace rollback {}`", plan.group));
            }
        }
        RunOutcome::Detached | RunOutcome::Lost(_) | RunOutcome::Unfinished(_) => {
            out.note(
                "what next: find the change with `pinnace history`; `pinnace resume CHANGE --continue | --roll-back | --keep`",
            );
        }
    }
}

/// The printer of events; it repeats the reason for waiting only when that changes.
#[derive(Default)]
struct EventPrinter {
    waits: String,
}

impl EventPrinter {
    fn event(&mut self, out: &Out, plan: &Plan, event: &ChangeEvent, progress: &Progress) {
        let name = |unit: usize| plan.units.get(unit).map_or("", |unit| unit.service.as_str());
        let text = match &event.kind {
            ChangeEventKind::Begun { seq, by, .. } => format!("change {seq} of {}, by {by}", plan.group),
            ChangeEventKind::Unit { unit, state } => {
                let took = progress.units.get(*unit).map(took).unwrap_or_default();
                format!("{}: {}{took}", name(*unit), state.label())
            }
            ChangeEventKind::Phase { unit, phase, .. } => format!("{}: {} …", name(*unit), phase.label()),
            ChangeEventKind::Tasks { unit, waits, .. } => {
                if *waits == self.waits || waits.is_empty() {
                    return;
                }
                self.waits.clone_from(waits);
                format!("{}: waiting: {waits}", name(*unit))
            }
            ChangeEventKind::Failed { unit, why, hint } => {
                format!("{}: failed: {why}\n          hint: {hint}", name(*unit))
            }
            ChangeEventKind::Trouble { text } if text.is_empty() => return,
            ChangeEventKind::Trouble { text } => format!("problem: {text}"),
            ChangeEventKind::Noted { unit, text } => format!("{}: note: {text}", name(*unit)),
            ChangeEventKind::Asked { .. } | ChangeEventKind::Withdrawn => return,
            ChangeEventKind::Ordered { order } => format!("order: {}", order.label()),
            ChangeEventKind::Lost { why } => format!("lost the claim: {why}"),
            ChangeEventKind::Ended { text, .. } => text.clone(),
        };
        out.line(&format!("{}  {}", event.at.clock(0), text));
    }
}
