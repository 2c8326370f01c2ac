//! The checks around a unit: before it starts, whether its image still exists and a node can run its tasks; after a
//! failed pull, the cause.

use std::time::Duration;

use super::lease::LeaseLost;
use super::run::ChangeRun;
use super::unit::image_of;
use crate::docker::{ServiceRevision, SpecEditState};
use pinnace_core::change::{AssignedNode, ChangeEventKind, ImageLookups, UnitPhase, cause};
use pinnace_core::check::{preconditions, refusal};
use pinnace_core::finding::Severity;
use pinnace_core::image::ImageRef;
use pinnace_core::journal::{Direction, UnitState};
use pinnace_core::plan::{CredentialOrigin, Unit, UnitAction};
use pinnace_core::registry::{Fact, LookupError, ResolvedImage};
use pinnace_core::swarm::candidates;

/// The maximum delay of a change by one registry lookup.
const PATIENCE: Duration = Duration::from_secs(3);

impl ChangeRun {
    /// Looks up the image of a unit again. Returns the reason and a hint if the image is no longer available.
    ///
    /// A registry that does not answer only gives a note, as it answered when the plan was made. Nothing is looked
    /// up for a rollback, or for an update that may already be in the spec.
    pub(super) async fn verify(
        &mut self,
        at: usize,
        unit: &Unit,
        direction: Direction,
    ) -> Result<Option<(String, String)>, LeaseLost> {
        if direction == Direction::Back || unit.action != UnitAction::Update || self.has_landed(at, unit).await? {
            return Ok(None);
        }
        self.emit(ChangeEventKind::Phase { unit: at, phase: UnitPhase::Verify, direction });
        let Ok(image) = ImageRef::parse(&unit.to.image) else { return Ok(None) };
        let fact = self.image(&image).await;
        let Some(why) = fact.failed() else { return Ok(None) };
        let refusal = refusal(&image, why);
        Ok(match why {
            // The operator's credentials are not those of the nodes: they matter only if they are sent with the
            // update.
            LookupError::Denied | LookupError::NoCredentials if unit.credentials != CredentialOrigin::Operator => {
                self.emit(ChangeEventKind::Noted {
                    unit: at,
                    text: format!("its image could not be verified again: {}", refusal.cause),
                });
                None
            }
            LookupError::NotFound | LookupError::Denied | LookupError::NoCredentials => {
                Some((format!("not started: {}, unlike when the plan was made", refusal.cause), refusal.hint))
            }
            LookupError::Unreachable(_) | LookupError::RateLimited | LookupError::Other(_) => {
                let text = format!("its image could not be verified again: {}", refusal.cause);
                self.emit(ChangeEventKind::Noted { unit: at, text });
                None
            }
        })
    }

    /// Returns whether the update of a resumed unit is already in the spec; also true if the service is gone.
    async fn has_landed(&mut self, at: usize, unit: &Unit) -> Result<bool, LeaseLost> {
        if self.letter(at) == UnitState::Untouched {
            return Ok(false);
        }
        let revision = self.read_for_update(unit, &mut 0).await?;
        Ok(revision.is_none_or(|revision| revision.edit_state(&unit.edits) == SpecEditState::After))
    }

    async fn image(&self, image: &ImageRef) -> Fact<ResolvedImage> {
        let late = || Fact::Failed {
            why: LookupError::Unreachable(format!("no answer in {} s", PATIENCE.as_secs())),
            at: self.cluster.docker.clock().now(),
        };
        tokio::time::timeout(PATIENCE, self.cluster.image(&image.text)).await.unwrap_or_else(|_| late())
    }

    /// Returns the reason and a hint if no node can run the new task: the update would only stop the old one.
    pub(super) async fn nowhere(&self, revision: &ServiceRevision, direction: Direction) -> Option<(String, String)> {
        if direction == Direction::Back {
            return None;
        }
        let nodes = self.cluster.docker.nodes().await.ok()?;
        let said = preconditions::nodes(&revision.service, &candidates(&revision.service, nodes.iter()))?;
        (said.severity == Severity::Error).then(|| (format!("not started: {}", said.message), said.hint))
    }

    /// Returns the cause and a hint for a failed image pull on a node, as far as it can be determined from here.
    pub(super) async fn cause(
        &self,
        unit: &Unit,
        direction: Direction,
        host: &AssignedNode,
    ) -> Option<(String, String)> {
        let image = ImageRef::parse(image_of(unit, direction)).ok()?;
        let ours = self.image(&image).await;
        let bare = match &ours {
            Fact::Known { .. } => {
                let asked = tokio::time::timeout(PATIENCE, self.cluster.without_credentials(&image));
                asked.await.unwrap_or_default()
            }
            _ => Fact::Unknown,
        };
        cause(&image, &ImageLookups { ours, bare }, host)
    }
}
