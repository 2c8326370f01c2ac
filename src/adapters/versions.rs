//! Where the version manifest comes from.

use std::sync::Arc;

use crate::core::manifest::VersionManifest;

/// A source of the version manifest. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Versions(Arc<()>);

impl Versions {
    /// The manifest; what failed is told in words.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn get(&self) -> Result<VersionManifest, String> {
        std::future::ready(()).await;
        let _ = &self.0;
        Err("no version manifest is set".to_owned())
    }
}
