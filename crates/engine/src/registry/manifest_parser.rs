//! The manifests of a registry: an index, an image manifest, or another kind (OCI image-spec).

use std::collections::BTreeMap;

use http::{HeaderMap, header};
use oci_distribution::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciManifest,
};

use super::image_config::short;
use pinnace_core::image::{Digest, Platform};
use pinnace_core::registry::{ImageLayer, IndexEntry, LookupError};
use pinnace_core::sanitize::clean;

/// The annotation that marks an attestation's manifest in an index (docs.docker.com, "Image attestation storage").
const REFERENCE: &str = "vnd.docker.reference.type";
/// The maximum number of annotations or entries read from one manifest.
const MANY: usize = 1000;

/// Returns the `Accept` value with all readable media types, indexes first: a registry that has to choose then
/// serves the object that the tag names.
pub(super) fn accepted() -> String {
    [OCI_IMAGE_INDEX_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE]
        .join(", ")
}

/// A parsed manifest, all texts cleaned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Manifest {
    /// An index: several images and their attestations.
    Index(ParsedImageIndex),
    /// The manifest of one image.
    Image(ParsedImageManifest),
    /// An unreadable kind of manifest, such as a signed manifest of schema 1.
    Other,
}

/// The contents of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParsedImageIndex {
    pub media_type: String,
    /// The listed manifests, without those whose digest is of an unknown kind.
    pub entries: Vec<IndexEntry>,
    pub annotations: BTreeMap<String, String>,
}

/// The manifest of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParsedImageManifest {
    pub media_type: String,
    /// The digest of the image configuration, which names the platform; `None` if the digest is of an unknown kind.
    pub config: Option<Digest>,
    /// The layers, with `diff_id` not set yet; `None` if the digest of any layer is of an unknown kind.
    pub layers: Option<Vec<ImageLayer>>,
    /// The compressed size of all layers, in bytes; `None` if the manifest states no valid size.
    pub size: Option<u64>,
    pub annotations: BTreeMap<String, String>,
}

impl ParsedImageIndex {
    /// Returns the listed images, without attestations.
    pub fn images(&self) -> impl Iterator<Item = &IndexEntry> {
        self.entries.iter().filter(|entry| entry.kind.is_empty())
    }

    /// Returns the platforms of the images, without variants and duplicates; `None` if no image states a platform.
    pub fn platforms(&self) -> Option<Vec<Platform>> {
        let mut found: Vec<Platform> = Vec::new();
        for platform in self.images().filter_map(|entry| entry.platform.as_ref()) {
            if !found.contains(platform) {
                found.push(platform.clone());
            }
        }
        (!found.is_empty()).then_some(found)
    }

    /// Returns the image to describe: the one for linux/amd64 if listed, else the first.
    pub fn chosen(&self) -> Option<&IndexEntry> {
        let usual = Platform::new("linux", "amd64");
        self.images().find(|entry| entry.platform.as_ref() == Some(&usual)).or_else(|| self.images().next())
    }
}

/// Reads a manifest; an unreadable one is [`Manifest::Other`].
pub(super) fn read(body: &[u8]) -> Manifest {
    let media_type = |named: Option<String>, usual: &str| short(named.as_deref().unwrap_or(usual));
    match serde_json::from_slice(body) {
        Ok(OciManifest::ImageIndex(index)) => Manifest::Index(ParsedImageIndex {
            media_type: media_type(index.media_type, OCI_IMAGE_INDEX_MEDIA_TYPE),
            entries: index.manifests.into_iter().take(MANY).filter_map(entry).collect(),
            annotations: notes(index.annotations),
        }),
        Ok(OciManifest::Image(image)) => Manifest::Image(ParsedImageManifest {
            media_type: media_type(image.media_type, OCI_IMAGE_MEDIA_TYPE),
            config: Digest::parse(&image.config.digest),
            layers: image.layers.iter().map(layer).collect(),
            size: total(&image.layers),
            annotations: notes(image.annotations),
        }),
        Err(_) => Manifest::Other,
    }
}

/// Returns the media type of an answer, without its parameters.
pub(super) fn content_type(headers: &HeaderMap) -> String {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    clean(text.split(';').next().unwrap_or_default().trim()).chars().take(80).collect()
}

/// Explains an answer that is no manifest of an image.
pub(super) fn no_manifest(kind: &str) -> LookupError {
    LookupError::Other(match kind {
        "text/html" | "application/xhtml+xml" => {
            format!(
                "it answers with a web page ({kind}), not an image: does a sign-in page or a proxy answer in its place?"
            )
        }
        "" => "it answers with something that is not an image's manifest".to_owned(),
        _ => format!("it answers with something that is not an image's manifest ({kind})"),
    })
}

fn entry(listed: ImageIndexEntry) -> Option<IndexEntry> {
    let digest = Digest::parse(&listed.digest)?;
    let (platform, variant) = match listed.platform {
        Some(it) => {
            let platform = Platform::new(&clean(&it.os.to_string()), &clean(&it.architecture.to_string()));
            (Some(platform), short(&it.variant.unwrap_or_default()))
        }
        None => (None, String::new()),
    };
    let nothing = platform.as_ref().is_some_and(|it| it.is_unknown() || it.os.is_empty());
    let image = [OCI_IMAGE_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE].contains(&listed.media_type.as_str());
    let nested = [OCI_IMAGE_INDEX_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE].contains(&listed.media_type.as_str());
    let reference = listed.annotations.as_ref().and_then(|notes| notes.get(REFERENCE));
    let kind = match (reference, listed.artifact_type) {
        (Some(reference), _) => short(reference),
        (None, Some(kind)) if platform.is_none() => short(&kind),
        _ if nothing => "unknown".to_owned(),
        _ if image || nested => String::new(),
        _ => short(&listed.media_type),
    };
    Some(IndexEntry { digest, platform: platform.filter(|_| !nothing), variant, kind })
}

fn layer(listed: &OciDescriptor) -> Option<ImageLayer> {
    Some(ImageLayer {
        digest: Digest::parse(&listed.digest)?,
        media_type: short(&listed.media_type),
        size: u64::try_from(listed.size).unwrap_or(0),
        diff_id: None,
    })
}

fn notes(annotations: Option<BTreeMap<String, String>>) -> BTreeMap<String, String> {
    annotations.into_iter().flatten().take(MANY).map(|(key, value)| (short(&key), short(&value))).collect()
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
        let platforms = |body: String| match read(body.as_bytes()) {
            Manifest::Index(index) => index.platforms(),
            other => panic!("{other:?}"),
        };
        assert_eq!(platforms(body), Some(found));
        assert_eq!(platforms(index(vec![entry("unknown", "unknown")])), None);
        assert_eq!(platforms(index(vec![])), None);
    }

    #[test]
    fn what_stands_in_an_index_without_being_an_image() {
        let listed = |platform: Option<(&str, &str)>, kind: &str, notes: &[(&str, &str)], artifact: Option<&str>| {
            let mut it = serde_json::json!({"mediaType": kind, "digest": HEX, "size": 1});
            if let Some((os, architecture)) = platform {
                it["platform"] = serde_json::json!({"os": os, "architecture": architecture});
            }
            if !notes.is_empty() {
                it["annotations"] = notes.iter().copied().collect();
            }
            if let Some(artifact) = artifact {
                it["artifactType"] = artifact.into();
            }
            let index = serde_json::json!({"schemaVersion": 2, "manifests": [it]}).to_string();
            match read(index.as_bytes()) {
                Manifest::Index(index) => index.entries[0].clone(),
                other => panic!("{other:?}"),
            }
        };
        let amd = Some(("linux", "amd64"));
        let unknown = Some(("unknown", "unknown"));
        for (platform, media, notes, artifact, kind) in [
            (amd, OCI_IMAGE_MEDIA_TYPE, &[][..], None, ""),
            (None, IMAGE_MANIFEST_MEDIA_TYPE, &[], None, ""),
            (None, OCI_IMAGE_INDEX_MEDIA_TYPE, &[], None, ""),
            (amd, OCI_IMAGE_MEDIA_TYPE, &[], Some("application/x"), ""),
            (unknown, OCI_IMAGE_MEDIA_TYPE, &[(REFERENCE, "attestation-manifest")], None, "attestation-manifest"),
            (amd, OCI_IMAGE_MEDIA_TYPE, &[(REFERENCE, "attestation-manifest")], None, "attestation-manifest"),
            (unknown, OCI_IMAGE_MEDIA_TYPE, &[], None, "unknown"),
            (None, OCI_IMAGE_MEDIA_TYPE, &[], Some("application/vnd.sbom\u{7}"), "application/vnd.sbom"),
            (None, "text/plain", &[], None, "text/plain"),
        ] {
            let entry = listed(platform, media, notes, artifact);
            assert_eq!(entry.kind, kind, "{platform:?} {media} {notes:?}");
            assert_eq!(entry.platform.is_some(), platform == amd);
        }
    }

    #[test]
    fn a_single_image() {
        let manifest = |size: i64| {
            serde_json::json!({"schemaVersion": 2, "mediaType": IMAGE_MANIFEST_MEDIA_TYPE,
                "config": {"mediaType": "x", "digest": HEX, "size": 7},
                "layers": [{"mediaType": "y", "digest": HEX, "size": size}, {"mediaType": "y", "digest": HEX, "size": 5}]})
            .to_string()
        };
        let image = |size: i64| match read(manifest(size).as_bytes()) {
            Manifest::Image(image) => (image.config, image.size, image.layers.map(|layers| layers.len())),
            other => panic!("{other:?}"),
        };
        assert_eq!(image(40), (Digest::parse(HEX), Some(45), Some(2)));
        assert_eq!(image(-1), (Digest::parse(HEX), None, Some(2)));
        for other in [&b"<html>"[..], b"{}", br#"{"schemaVersion":1,"architecture":"amd64"}"#] {
            assert_eq!(read(other), Manifest::Other);
        }
    }

    #[test]
    fn references_are_read_as_the_oci_crate_reads_them() {
        for text in
            ["nginx", "nginx:1.29", "ghcr.io/a/b:1", "10.77.0.1:5000/pg:v1", "localhost/a/b", &format!("r:1/a@{HEX}")]
        {
            let (ours, theirs) = (
                pinnace_core::image::ImageRef::parse(text).unwrap(),
                oci_distribution::Reference::try_from(text).unwrap(),
            );
            assert_eq!((ours.host.as_str(), ours.path.as_str()), (theirs.registry(), theirs.repository()), "{text}");
        }
    }
}
