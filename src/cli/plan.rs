//! `pinnace plan`: what an edit of the pins would change.

use super::args::{Common, Edit};
use super::session::{Failure, Session};
use super::{Exit, out};
use crate::core::finding::Severity;
use crate::core::names;
use crate::core::plan::Goal;
use crate::core::registry::Facts;

/// Prints the plan; an error among its findings is exit code 1.
pub async fn run(common: &Common, group: &str, edit: &Edit, json: bool) -> Result<Exit, Failure> {
    let session = Session::open(common)?;
    let mut world = session.eyes.world().await?;
    let group = names::group(&world, group)?;
    let text = session.edited(&mut world, &group, edit).await?;
    let draft = session.eyes.draft(&Goal::Pins { group, text }, &mut world, &mut Facts::default()).await?;
    if json {
        out::json(&draft.plan);
    } else {
        out::plan(&draft.plan);
    }
    Ok(if draft.plan.count(Severity::Error) > 0 { Exit::Trouble } else { Exit::Done })
}
