//! What `plan` and `apply` ask for: an edit of the pins, or to settle drift.

use clap::ValueEnum;

use super::args::Edit;
use super::session::{Edited, Failure, Session};
use pinnace_core::plan::{DriftResolution, Goal, Scope};
use pinnace_core::swarm::GroupKey;
use pinnace_core::world::World;

/// What is to become of services that somebody else changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Drift {
    /// They go back to their pins
    Back,
    /// What they run becomes the pin; no service is touched
    Accept,
}

/// What is asked for of a group.
///
/// # Errors
/// When the edit names nothing, or the record in force cannot be read.
pub async fn goal(
    session: &Session,
    world: &mut World,
    group: GroupKey,
    (edit, drift): (&Edit, Option<Drift>),
) -> Result<(Goal, Edited), Failure> {
    let Some(drift) = drift else {
        let edited = session.edited(world, &group, edit).await?;
        return Ok((Goal::Pins { group, text: edited.text.clone() }, edited));
    };
    let how = match drift {
        Drift::Back => DriftResolution::Back,
        Drift::Accept => DriftResolution::Accept,
    };
    Ok((Goal::Drift { group, scope: Scope::Group, how }, Edited { text: String::new(), remarks: Vec::new() }))
}
