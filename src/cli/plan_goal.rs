//! The goal of `plan` and `apply`: an edit of the pins, or the resolution of drift.

use clap::ValueEnum;

use super::args::PinEditArgs;
use super::session::{EditedPinDoc, Failure, Session};
use pinnace_core::plan::{DriftResolution, Goal, Scope};
use pinnace_core::swarm::GroupKey;
use pinnace_core::world::World;

/// The resolution of drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DriftChoice {
    /// Update the services to their pins
    ToPin,
    /// Pin what the services run; no service is touched
    Accept,
}

/// Returns the goal for a group, and the edited pin document.
///
/// # Errors
/// If the edit names something unknown, or the record in force cannot be read.
pub async fn goal(
    session: &Session,
    world: &mut World,
    group: GroupKey,
    (edit, drift): (&PinEditArgs, Option<DriftChoice>),
) -> Result<(Goal, EditedPinDoc), Failure> {
    let Some(drift) = drift else {
        let edited = session.edited(world, &group, edit).await?;
        return Ok((Goal::Pins { group, text: edited.text.clone() }, edited));
    };
    let how = match drift {
        DriftChoice::ToPin => DriftResolution::Back,
        DriftChoice::Accept => DriftResolution::Accept,
    };
    Ok((Goal::Drift { group, scope: Scope::Group, how }, EditedPinDoc { text: String::new(), remarks: Vec::new() }))
}
