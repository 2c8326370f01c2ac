//! `pinnace resume`: resumes, rolls back or closes an unfinished change, from any manager.

use super::args::{ResumeChoice, SharedApplyArgs};
use super::out::{self, Out};
use super::session::{CliContext, Failure, Session, offset, usage};
use super::{Exit, apply};
use pinnace_core::change::{self, OfferInput, OperatorCommand, Progress};
use pinnace_core::journal::{ChangeEntry, ChangeLog, ChangeSlot, STILL};
use pinnace_core::plan::ChangeRecord;
use pinnace_core::registry::FactQuery;
use pinnace_core::registry::Facts;
use pinnace_engine::execute::{ExecutionStart, StartRefusal};
use pinnace_engine::identity;
use pinnace_engine::journal::{Liveness, is_given_up};

/// The number of earlier changes that are read to describe how the images fared.
const EARLIER: usize = 20;

/// Takes over an unfinished change and carries out the choice; without a choice, prints the choices.
pub async fn run(
    stage: &CliContext,
    change: &str,
    choice: &ResumeChoice,
    how: &SharedApplyArgs,
    json: bool,
) -> Result<Exit, Failure> {
    let session = Session::open(stage)?;
    let mut world = session.cluster.world().await?;
    let found = world.histories().find_map(|history| history.find(change)).cloned();
    let Some(ChangeEntry { slot, .. }) = found else {
        return Err(usage(format!("unknown change `{change}`"), "run `pinnace history` to list the changes"));
    };
    if slot.labels.state.is_terminal() {
        session.out.line(&format!("change {} has ended: {}", slot.change, slot.labels.state.label()));
        return Ok(Exit::Done);
    }
    if slot.is_foreign() {
        return Err(StartRefusal::Newer { change: slot.change }.into());
    }
    session.cluster.learn(&[FactQuery::Record(slot.change.clone())].into(), &mut world, &mut Facts::default()).await?;
    let record =
        world.histories().find_map(|history| history.find(&slot.change)).and_then(|entry| entry.record.clone());
    let Some(record) = record else {
        return Err(Failure {
            message: format!("change {} has no record: its plan is not known", slot.change),
            hint: "fix the services by hand; the next change of the group closes this one if it touched nothing".into(),
            exit: Exit::Choice,
        });
    };
    let Some(order) = order(*choice) else {
        let group = record.plan.group.clone();
        let missing = world.history(&group).newest_first().filter(|entry| entry.record.is_none()).take(EARLIER);
        let missing = missing.map(|entry| FactQuery::Record(entry.slot.change.clone())).collect();
        session.cluster.learn(&missing, &mut world, &mut Facts::default()).await?;
        offer(&session.out, &slot, &record, world.history(&group));
        return Ok(Exit::Choice);
    };
    nobody_home(&session, &slot).await?;
    // Read the slot again from the store: the text in the world is sanitised for the screen.
    let slot = session.cluster.journal.slot(&slot.config).await?.unwrap_or(slot);
    let start = ExecutionStart::Resume { slot: Box::new(slot), record: Box::new(record.clone()), order: Some(order) };
    let options = apply::options(&session, &record.plan.group, how, identity::operator());
    apply::follow(&session, &record.plan, start, options, json).await
}

fn order(choice: ResumeChoice) -> Option<OperatorCommand> {
    match choice {
        ResumeChoice { forward: true, .. } => Some(OperatorCommand::Continue),
        ResumeChoice { roll_back: true, .. } => Some(OperatorCommand::RollBack),
        ResumeChoice { keep: true, .. } => Some(OperatorCommand::KeepAsIs),
        _ => None,
    }
}

/// Prints the choices, each described by the resulting images.
fn offer(out: &Out, slot: &ChangeSlot, record: &ChangeRecord, history: &ChangeLog) {
    out.line(&format!(
        "change {} of {} by {} is unfinished ({})",
        slot.change,
        slot.labels.group,
        slot.labels.by,
        slot.labels.state.label()
    ));
    let state = |at: usize| slot.labels.units.get(at).map_or("untouched", |unit| unit.label());
    let rows: Vec<Vec<String>> = record
        .plan
        .active()
        .map(|(at, unit)| {
            vec![
                format!("  {}", state(at)),
                unit.service.clone(),
                format!("{} → {}", out::short(&unit.from.image), out::short(&unit.to.image)),
            ]
        })
        .collect();
    out.table(&rows);
    let progress = Progress::of_slot(slot, record.plan.units.len());
    let offered = OfferInput { plan: &record.plan, progress: &progress, history, past: None, offset: offset() };
    for (flag, order) in [
        ("--continue", OperatorCommand::Continue),
        ("--roll-back", OperatorCommand::RollBack),
        ("--keep", OperatorCommand::KeepAsIs),
    ] {
        out.line(&format!("pinnace resume {} {flag:<11} {}", slot.change, change::offer(order, offered)));
    }
}

/// Checks that the owner shows no sign of life; a change with a live owner is not taken over.
async fn nobody_home(session: &Session, slot: &ChangeSlot) -> Result<(), Failure> {
    if !is_given_up(slot) {
        session.out.note(&format!("waiting {1} s for a heartbeat of {0}", slot.labels.by, STILL.as_secs()));
    }
    match session.cluster.journal.liveness(slot).await? {
        Liveness::Unresponsive => Ok(()),
        Liveness::Alive => Err(Failure {
            message: format!("change {} is still running: {} is applying it", slot.change, slot.labels.by),
            hint: "watch it in the console, or stop it there".into(),
            exit: Exit::Choice,
        }),
    }
}
