//! `pinnace resume`: finish, put back or end an unfinished change, from any manager.

use super::args::{Choice, How};
use super::out::{self, Out};
use super::session::{Failure, Session, Stage, usage};
use super::{Exit, apply};
use crate::adapters::clock;
use crate::core::change::Order;
use crate::core::journal::{Entry, STILL, Slot};
use crate::core::plan::Want;
use crate::core::registry::Facts;
use crate::core::wire::v1::Record;
use crate::engine::execute::Start;
use crate::engine::execute::life::{self, Life};

/// Takes an unfinished change over and carries out the choice; without one the choices are printed.
pub async fn run(stage: &Stage, change: &str, choice: &Choice, how: &How, json: bool) -> Result<Exit, Failure> {
    let session = Session::open(stage)?;
    let mut world = session.eyes.world().await?;
    let found = world.histories().find_map(|history| history.find(change)).cloned();
    let Some(Entry { slot, .. }) = found else {
        return Err(usage(format!("there is no change `{change}`"), "`pinnace history` lists them"));
    };
    if slot.labels.state.is_terminal() {
        session.out.line(&format!("change {} is over: {}", slot.change, slot.labels.state.word()));
        return Ok(Exit::Done);
    }
    session.eyes.learn(&[Want::Record(slot.change.clone())].into(), &mut world, &mut Facts::default()).await?;
    let record =
        world.histories().find_map(|history| history.find(&slot.change)).and_then(|entry| entry.record.clone());
    let Some(record) = record else {
        return Err(Failure {
            message: format!("change {} has no record: what it was to do is not known", slot.change),
            hint: "put the services right by hand; a new claim of the group closes it if nothing was touched".into(),
            exit: Exit::Choice,
        });
    };
    let Some(order) = order(*choice) else {
        offer(&session.out, &slot, &record);
        return Ok(Exit::Choice);
    };
    nobody_home(&session, &slot).await?;
    let start = Start::Resume { slot: Box::new(slot), record: Box::new(record.clone()), order: Some(order) };
    let options = apply::options(&session, &record.plan.group, how, clock::operator());
    apply::follow(&session, &world, &record.plan, start, options, json).await
}

fn order(choice: Choice) -> Option<Order> {
    match choice {
        Choice { go_on: true, .. } => Some(Order::Continue),
        Choice { put_back: true, .. } => Some(Order::PutBack),
        Choice { leave: true, .. } => Some(Order::Leave),
        _ => None,
    }
}

/// Offers the choices by images, never by directions.
fn offer(out: &Out, slot: &Slot, record: &Record) {
    out.line(&format!(
        "change {} of {} by {} is not finished ({})",
        slot.change,
        slot.labels.group,
        slot.labels.by,
        slot.labels.state.word()
    ));
    let state = |at: usize| slot.labels.units.get(at).map_or("untouched", |unit| unit.word());
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
    for (flag, text) in [
        ("--continue", "bring the services that are untouched or half-way to the image on the right"),
        ("--put-back", "return every touched service to the image on the left"),
        ("--leave", "end it as it stands"),
    ] {
        out.line(&format!("pinnace resume {} {flag:<11} {text}", slot.change));
    }
}

/// An owner that still beats is not taken over.
async fn nobody_home(session: &Session, slot: &Slot) -> Result<(), Failure> {
    if !life::is_given_up(slot) {
        session.out.note(&format!("looking for a sign of life of {} for {} s", slot.labels.by, STILL.as_secs()));
    }
    match life::sign_of_life(&session.eyes.journal, slot).await? {
        Life::None => Ok(()),
        Life::Sign => Err(Failure {
            message: format!("change {} is alive: {} is carrying it out", slot.change, slot.labels.by),
            hint: "watch it in the console, or stop it there".into(),
            exit: Exit::Choice,
        }),
    }
}
