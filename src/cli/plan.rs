//! `pinnace plan`: plans an update, without applying it.

use std::path::Path;

use super::Exit;
use super::args::{PinEditArgs, PlanArgs};
use super::plan_goal::{self, DriftChoice};
use super::planning::PlanWithInput;
use super::session::{CliContext, Failure, Session};
use pinnace_core::selector;

/// Prints the plan, and saves it to `out` if given; an error among its findings is exit code 1.
pub async fn run(
    stage: &CliContext,
    group: &str,
    (edit, settle): (&PinEditArgs, Option<DriftChoice>),
    ways: &PlanArgs,
    out: Option<&Path>,
    json: bool,
) -> Result<Exit, Failure> {
    let session = Session::open(stage)?;
    let mut world = session.cluster.world().await?;
    let group = selector::group(&world, group)?;
    let (goal, mut edited) = plan_goal::goal(&session, &mut world, group, (edit, settle)).await?;
    let mut drawn = PlanWithInput::up(&session, &mut world, goal, ways).await?;
    edited.remarked(&mut drawn.draft.plan);
    drawn.show(&session, out, json)
}
