//! The choice of the registry credentials for an update, as its plan says.

use super::run::ChangeRun;
use crate::docker::{RegistryAuthFrom, ServiceRevision};
use pinnace_core::image::ImageRef;
use pinnace_core::journal::Direction;
use pinnace_core::plan::{CredentialOrigin, Unit};

impl ChangeRun {
    /// Returns the credentials for one POST.
    ///
    /// `Err` holds the reason why the operator's credentials, which the plan requires, are unavailable.
    pub(super) async fn auth(
        &self,
        revision: &ServiceRevision,
        unit: &Unit,
        direction: Direction,
    ) -> Result<RegistryAuthFrom, String> {
        let previous = |image: &str| revision.service.previous.as_ref().is_some_and(|previous| previous.image == image);
        match (direction, unit.credentials) {
            // The previous spec is the one from before our update: the engine keeps the service's own credentials
            // with it. After another client's post, or a fence, they are lost there, and those in the present spec
            // stay.
            (Direction::Back, CredentialOrigin::Operator | CredentialOrigin::Previous)
                if previous(&unit.from.image) =>
            {
                Ok(RegistryAuthFrom::Previous)
            }
            (Direction::Forward, CredentialOrigin::Previous) if revision.service.previous.is_some() => {
                Ok(RegistryAuthFrom::Previous)
            }
            (Direction::Forward, CredentialOrigin::Operator) => self.operators(&unit.to.image).await,
            _ => Ok(RegistryAuthFrom::Stored),
        }
    }

    async fn operators(&self, image: &str) -> Result<RegistryAuthFrom, String> {
        let host = ImageRef::parse(image).map_err(|error| error.to_string())?.host;
        match self.cluster.credentials().header(&host).await {
            Ok(Some(header)) => Ok(RegistryAuthFrom::Operator(header)),
            Ok(None) => Err(format!("the plan sends your credentials for {host}, and this machine has none")),
            Err(error) => Err(error.to_string()),
        }
    }
}
