//! Whose credentials go with an update, as its plan says.

use super::run::Run;
use crate::docker::{Auth, ServiceRevision};
use pinnace_core::image::ImageRef;
use pinnace_core::journal::Direction;
use pinnace_core::plan::{Credentials, Unit};

impl Run {
    /// The credentials of one POST; `Err` says why the operator's, which the plan promises, cannot be had.
    pub(super) async fn auth(
        &self,
        revision: &ServiceRevision,
        unit: &Unit,
        direction: Direction,
    ) -> Result<Auth, String> {
        let previous = |image: &str| revision.service.previous.as_ref().is_some_and(|previous| previous.image == image);
        match (direction, unit.credentials) {
            // The service's own stood in the spec before ours: the engine keeps them with it. Where somebody, or a fence,
            // posted in between they are not there any more, and those in the spec stay.
            (Direction::Back, Credentials::Operator | Credentials::Previous) if previous(&unit.from.image) => {
                Ok(Auth::Previous)
            }
            (Direction::To, Credentials::Previous) if revision.service.previous.is_some() => Ok(Auth::Previous),
            (Direction::To, Credentials::Operator) => self.operators(&unit.to.image).await,
            _ => Ok(Auth::Stored),
        }
    }

    async fn operators(&self, image: &str) -> Result<Auth, String> {
        let host = ImageRef::parse(image).map_err(|error| error.to_string())?.host;
        match self.cluster.credentials().header(&host).await {
            Ok(Some(header)) => Ok(Auth::Operator(header)),
            Ok(None) => Err(format!("there are no credentials for {host} here, and the plan is to send them")),
            Err(error) => Err(error.to_string()),
        }
    }
}
