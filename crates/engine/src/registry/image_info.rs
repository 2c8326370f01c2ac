//! The description of an image, assembled from its index, its manifest and its configuration.

use std::sync::Arc;

use super::RegistryClientInner;
use super::manifest_parser::{Manifest, ParsedImageManifest};
use pinnace_core::image::{Digest, ImageRef};
use pinnace_core::registry::{ImageInfo, ImageLayer, IndexEntry, LookupError};

/// The maximum depth of nested indexes.
const DEEP: usize = 3;

impl RegistryClientInner {
    /// Assembles the description of an image; a reference without a digest is resolved first.
    pub(super) async fn describe(&self, image: &ImageRef) -> Result<ImageInfo, LookupError> {
        let digest = match &image.digest {
            Some(digest) => digest.clone(),
            None => self.learn(image).await?.digest,
        };
        let top = self.manifest(image, &digest, None).await?;
        let mut about = ImageInfo {
            digest: digest.clone(),
            media_type: String::new(),
            entries: Vec::new(),
            annotations: std::collections::BTreeMap::new(),
            platform: None,
            manifest: digest,
            layers: Vec::new(),
            config: pinnace_core::registry::ImageConfig::default(),
        };
        match &*top {
            Manifest::Index(index) => {
                about.media_type.clone_from(&index.media_type);
                about.entries.clone_from(&index.entries);
            }
            Manifest::Image(single) => about.media_type.clone_from(&single.media_type),
            Manifest::Other => {}
        }
        self.descend(image, top, &mut about).await?;
        Ok(about)
    }

    /// Follows an index down to the manifest of the image that is described, and fills in its values.
    async fn descend(&self, image: &ImageRef, top: Arc<Manifest>, about: &mut ImageInfo) -> Result<(), LookupError> {
        let mut manifest = top;
        let mut chosen: Option<IndexEntry> = None;
        for _ in 0..=DEEP {
            match &*manifest {
                Manifest::Image(single) => return self.fill(image, single, chosen, about).await,
                Manifest::Index(index) => {
                    about.annotations.extend(index.annotations.clone());
                    let entry =
                        index.chosen().ok_or_else(|| LookupError::Other("the index lists no image".to_owned()))?;
                    let below = self.manifest(image, &entry.digest, None).await.map_err(|why| match why {
                        LookupError::NotFound => gone("manifest", &entry.digest),
                        why => why,
                    })?;
                    about.manifest = entry.digest.clone();
                    chosen = Some(entry.clone());
                    manifest = below;
                }
                Manifest::Other => {
                    let what = "its manifest has an unsupported type (neither OCI nor Docker schema 2)";
                    return Err(LookupError::Other(what.to_owned()));
                }
            }
        }
        Err(LookupError::Other(format!("more than {DEEP} indexes are nested")))
    }

    async fn fill(
        &self,
        image: &ImageRef,
        single: &ParsedImageManifest,
        chosen: Option<IndexEntry>,
        about: &mut ImageInfo,
    ) -> Result<(), LookupError> {
        about.annotations.extend(single.annotations.clone());
        let unknown = || LookupError::Other("it has digests other than sha256, which cannot be verified".to_owned());
        let config = single.config.as_ref().ok_or_else(unknown)?;
        let mut layers = single.layers.clone().ok_or_else(unknown)?;
        let read = self.configuration(image, config).await.map_err(|why| match why {
            LookupError::NotFound => gone("configuration", config),
            why => why,
        })?;
        unpacked(&mut layers, &read.diff_ids);
        about.layers = layers;
        about.config = read.config.clone();
        about.platform = chosen.and_then(|entry| entry.platform).or_else(|| read.platform.clone());
        Ok(())
    }
}

/// Returns the error for a listed object that the registry does not have: the image cannot be pulled.
fn gone(what: &str, digest: &Digest) -> LookupError {
    LookupError::Other(format!("the registry does not have its {what} {digest}"))
}

/// Assigns each layer its uncompressed digest, by position; does nothing if the two lists differ in length.
fn unpacked(layers: &mut [ImageLayer], diff_ids: &[Option<Digest>]) {
    if layers.len() == diff_ids.len() {
        for (layer, diff_id) in layers.iter_mut().zip(diff_ids) {
            layer.diff_id.clone_from(diff_id);
        }
    }
}
