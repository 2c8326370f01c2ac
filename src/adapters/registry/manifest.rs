//! What a registry serves under a digest: an index, an image's manifest, or something else (OCI image-spec).

use oci_distribution::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
    OciDescriptor, OciManifest,
};
use serde::Deserialize;

use crate::core::image::{Digest, Platform};
use crate::core::text::clean;

/// Everything we can read, indexes first: a registry that has to choose serves what the tag names.
pub(super) fn accepted() -> String {
    [OCI_IMAGE_INDEX_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE]
        .join(", ")
}

/// What of a manifest concerns us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// An index and the platforms of its images.
    Index(Option<Vec<Platform>>),
    /// One image: its config's digest, and the size of its layers in bytes.
    Single {
        /// The digest of its config, which names the platform.
        config: Option<Digest>,
        /// Compressed size of all layers.
        size: Option<u64>,
    },
    /// Something this version cannot read (a signed manifest of schema 1).
    Other,
}

/// Reads a manifest; what cannot be read is [`Shape::Other`].
pub(super) fn read(body: &[u8]) -> Shape {
    match serde_json::from_slice(body) {
        Ok(OciManifest::ImageIndex(index)) => {
            let named = index.manifests.into_iter().filter_map(|entry| entry.platform);
            Shape::Index(platforms(named.map(|it| (it.os.to_string(), it.architecture.to_string()))))
        }
        Ok(OciManifest::Image(image)) => {
            Shape::Single { config: Digest::parse(&image.config.digest), size: total(&image.layers) }
        }
        Err(_) => Shape::Other,
    }
}

/// The platform an image's config names; `None` where it names none.
pub(super) fn config_platform(body: &[u8]) -> Option<Vec<Platform>> {
    #[derive(Deserialize)]
    struct Config {
        os: String,
        architecture: String,
    }
    let config: Config = serde_json::from_slice(body).ok()?;
    platforms([(config.os, config.architecture)].into_iter())
}

/// Platforms without attestations and variants, each once; none left means that nothing was learned.
fn platforms(named: impl Iterator<Item = (String, String)>) -> Option<Vec<Platform>> {
    let mut found: Vec<Platform> = Vec::new();
    for (os, architecture) in named {
        let platform = Platform::new(&clean(&os), &clean(&architecture));
        if !platform.is_unknown() && !platform.os.is_empty() && !found.contains(&platform) {
            found.push(platform);
        }
    }
    (!found.is_empty()).then_some(found)
}

fn total(layers: &[OciDescriptor]) -> Option<u64> {
    layers.iter().try_fold(0u64, |sum, layer| sum.checked_add(u64::try_from(layer.size).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn an_index_without_its_attestations() {
        let entry = |os: &str, arch: &str| {
            serde_json::json!({"mediaType": OCI_IMAGE_MEDIA_TYPE, "digest": HEX, "size": 1,
                "platform": {"os": os, "architecture": arch, "variant": "v8"}})
        };
        let index = |entries: Vec<serde_json::Value>| {
            serde_json::json!({"schemaVersion": 2, "mediaType": OCI_IMAGE_INDEX_MEDIA_TYPE, "manifests": entries})
                .to_string()
        };
        let body = index(vec![
            entry("linux", "amd64"),
            entry("linux", "arm64"),
            entry("linux", "arm64"),
            entry("linux", "386"),
            entry("linux", "loong\u{1b}[31m64"),
            entry("unknown", "unknown"),
        ]);
        let found = ["amd64", "arm64", "386", "loong64"].map(|arch| Platform::new("linux", arch)).to_vec();
        assert_eq!(read(body.as_bytes()), Shape::Index(Some(found)));
        assert_eq!(read(index(vec![entry("unknown", "unknown")]).as_bytes()), Shape::Index(None));
        assert_eq!(read(index(vec![]).as_bytes()), Shape::Index(None));
    }

    #[test]
    fn a_single_image() {
        let manifest = |size: i64| {
            serde_json::json!({"schemaVersion": 2, "mediaType": IMAGE_MANIFEST_MEDIA_TYPE,
                "config": {"mediaType": "x", "digest": HEX, "size": 7},
                "layers": [{"mediaType": "y", "digest": HEX, "size": size}, {"mediaType": "y", "digest": HEX, "size": 5}]})
            .to_string()
        };
        assert_eq!(read(manifest(40).as_bytes()), Shape::Single { config: Digest::parse(HEX), size: Some(45) });
        assert_eq!(read(manifest(-1).as_bytes()), Shape::Single { config: Digest::parse(HEX), size: None });
        for other in [&b"<html>"[..], b"{}", br#"{"schemaVersion":1,"architecture":"amd64"}"#] {
            assert_eq!(read(other), Shape::Other);
        }
        let amd = Some(vec![Platform::new("linux", "amd64")]);
        assert_eq!(config_platform(br#"{"os":"linux","architecture":"x86_64","rootfs":{}}"#), amd);
        assert_eq!(config_platform(br#"{"os":"","architecture":""}"#), None);
        assert_eq!(config_platform(b"{}"), None);
    }

    #[test]
    fn references_are_read_as_the_oci_crate_reads_them() {
        for text in
            ["nginx", "nginx:1.29", "ghcr.io/a/b:1", "10.77.0.1:5000/pg:v1", "localhost/a/b", &format!("r:1/a@{HEX}")]
        {
            let (ours, theirs) = (
                crate::core::image::ImageRef::parse(text).unwrap(),
                oci_distribution::Reference::try_from(text).unwrap(),
            );
            assert_eq!((ours.host.as_str(), ours.path.as_str()), (theirs.registry(), theirs.repository()), "{text}");
        }
    }
}
