//! Information about a reference, in the `--json` format.

use super::{ContractVerdict, InspectionInput, MissingInfo};
use crate::registry::BaseStatus;
use crate::registry::ImageFilesState;
use crate::wire::v1;

impl InspectionInput<'_> {
    /// Builds the `--json` view. `files` adds the paths that were read.
    ///
    /// # Errors
    /// The reason why information is missing.
    pub fn wire(&self, files: bool) -> Result<v1::InspectView, MissingInfo> {
        let (named, index, about) = (self.named()?, self.image_info()?, self.shown()?);
        let platforms = self.made()?.into_iter().map(|made| v1::InspectPlatformImage {
            platform: made.platform.cloned(),
            variant: made.variant.to_owned(),
            digest: made.manifest.clone(),
            size: made.about.ok().map(crate::registry::ImageInfo::size),
        });
        let contract = self.contract.map(|contract| {
            let (kept, violations) = match self.verdict() {
                Some(ContractVerdict::Kept(true)) => (Some(true), Vec::new()),
                Some(ContractVerdict::Broken(violations)) => (Some(false), violations),
                Some(ContractVerdict::Kept(false)) | None => (None, Vec::new()),
            };
            v1::InspectContractResult { name: contract.name.clone(), kept, violations }
        });
        Ok(v1::InspectView {
            image: self.image.text.clone(),
            digest: named.digest.clone(),
            media_type: index.media_type.clone(),
            platforms: platforms.collect(),
            others: index.entries.iter().map(|entry| entry.kind.clone()).filter(|kind| !kind.is_empty()).collect(),
            platform: about.platform.clone(),
            created: about.created(),
            annotations: about.annotations.clone(),
            layers: about.layers.clone(),
            config: about.config.clone(),
            base: base(self.base()),
            contract,
            files: self
                .files
                .get(&about.manifest)
                .filter(|_| files)
                .and_then(ImageFilesState::known)
                .map(<[_]>::to_vec),
        })
    }
}

fn base(base: BaseStatus) -> v1::InspectBase {
    let unknown = |why: String| v1::InspectBase {
        state: "unknown".to_owned(),
        name: None,
        digest: None,
        since: None,
        why: Some(why),
    };
    let told = |state: &str, name, digest, since| v1::InspectBase {
        state: state.to_owned(),
        name: Some(name),
        digest: Some(digest),
        since,
        why: None,
    };
    match base {
        BaseStatus::UpToDate { name, digest } => told("up-to-date", name, digest, None),
        BaseStatus::Outdated { name, since, now } => told("outdated", name, now, since),
        BaseStatus::Unknown { why } => unknown(why),
        BaseStatus::Pending => unknown("not known yet".to_owned()),
    }
}
