//! `pinnace plan`: what an edit of the pins would change.

use super::Exit;
use super::args::Edit;
use super::session::{Failure, Session, Stage};
use crate::core::finding::Severity;
use crate::core::names;
use crate::core::plan::Goal;

/// Prints the plan; an error among its findings is exit code 1.
pub async fn run(stage: &Stage, group: &str, edit: &Edit, json: bool) -> Result<Exit, Failure> {
    let session = Session::open(stage)?;
    let mut world = session.eyes.world().await?;
    let group = names::group(&world, group)?;
    let mut edited = session.edited(&mut world, &group, edit).await?;
    let goal = Goal::Pins { group, text: edited.text.clone() };
    let mut draft = session.eyes.draft(&goal, &mut world, &mut session.facts()).await?;
    edited.remarked(&mut draft.plan);
    if json {
        session.out.json(&draft.plan);
    } else {
        session.out.plan(&draft.plan);
    }
    Ok(if draft.plan.count(Severity::Error) > 0 { Exit::Trouble } else { Exit::Done })
}
