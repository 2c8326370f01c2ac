//! The comparison of an image with the current build of its base image.
//!
//! Builders write the annotations `org.opencontainers.image.base.name` and `.base.digest` (OCI image-spec,
//! annotations). If only the name is known, layers decide: an image begins with the layers of its base.

use std::collections::BTreeSet;

use crate::image::{Digest, ImageRef};
use crate::registry::FactQuery;
use crate::registry::{Fact, Facts, ImageInfo, ImageLayer, ResolvedImage};
use crate::time::Time;

/// The annotation that holds the reference of the base image.
pub(crate) const BASE_NAME: &str = "org.opencontainers.image.base.name";
/// The annotation that holds the digest of the base at build time: of its index, or of its manifest for
/// this platform.
pub(crate) const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// The state of an image's base image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseStatus {
    /// A base that cannot be compared.
    Unknown {
        /// The reason, as a message for people.
        why: String,
    },
    /// A base whose current build the image uses.
    UpToDate {
        /// The base's reference, without a digest.
        name: String,
        /// The digest that the reference names now.
        digest: Digest,
    },
    /// A base whose current build is not the one that the image uses.
    Outdated {
        /// The base's reference, without a digest.
        name: String,
        /// The build time of the base's current image, if known.
        since: Option<Time>,
        /// The digest that the reference names now.
        now: Digest,
    },
    /// A comparison that waits for queries.
    Pending,
}

/// Compares an image with its base image. Returns the state, and the queries that must be answered first.
///
/// The base is the one that the image names, or else `base_name`. Different layers do not show whether the
/// base was rebuilt, or was never the base of this image: both give [`BaseStatus::Outdated`].
pub fn base_verdict(about: &ImageInfo, base_name: Option<&str>, facts: &Facts) -> (BaseStatus, BTreeSet<FactQuery>) {
    match stands(about, base_name, facts) {
        Ok(base) => (base, BTreeSet::new()),
        Err(Undecided::Why(why)) => (BaseStatus::Unknown { why }, BTreeSet::new()),
        Err(Undecided::Want(want)) => (BaseStatus::Pending, BTreeSet::from([want])),
    }
}

/// Returns the base reference that the image names, if any.
pub(crate) fn named_base(about: &ImageInfo) -> Option<&str> {
    about.note(BASE_NAME).map(str::trim)
}

/// The reason why a comparison has no result yet: a message, or a missing query.
enum Undecided {
    Why(String),
    Want(FactQuery),
}

fn stands(about: &ImageInfo, base_name: Option<&str>, facts: &Facts) -> Result<BaseStatus, Undecided> {
    let why = |text: String| Undecided::Why(text);
    let name = named_base(about).or_else(|| base_name.map(str::trim).filter(|name| !name.is_empty()));
    let name = name.ok_or_else(|| why(format!("it does not name its base image ({BASE_NAME})")))?;
    if name == "scratch" {
        return Err(why("it is built from scratch, without a base image".to_owned()));
    }
    let base = ImageRef::parse(name).map_err(|error| why(format!("its base image `{name}` is malformed: {error}")))?;
    if base.digest.is_some() && base.tag.is_none() {
        return Err(why(format!("its base image {name} has no tag, so newer builds are not known")));
    }
    let name = base.without_digest().to_owned();
    let now: &ResolvedImage = learned(facts.image(&name), &base, || FactQuery::Image(name.clone()))?;
    // A base named by the caller does not show which of its builds the image uses.
    let told = || about.note(BASE_DIGEST).and_then(|text| Digest::parse(text.trim())).or_else(|| base.digest.clone());
    let then = named_base(about).and_then(|_| told());
    let up_to_date = || BaseStatus::UpToDate { name: name.clone(), digest: now.digest.clone() };
    if then.as_ref().is_some_and(|then| *then == now.digest || now.children.contains(then)) {
        return Ok(up_to_date());
    }
    // An index can change while its image for this platform stays the same, so layers decide if they are known.
    match (layers_of(&base, &now.digest, about, facts), &then) {
        (Ok(found), _) if begins_with(&about.layers, &found.layers) => Ok(up_to_date()),
        (Ok(found), _) => Ok(BaseStatus::Outdated { name, since: found.created(), now: now.digest.clone() }),
        (Err(Undecided::Why(_)), Some(_)) => Ok(BaseStatus::Outdated { name, since: None, now: now.digest.clone() }),
        (Err(open), _) => Err(open),
    }
}

/// Returns the description of the base's current image, for the platform of the image.
fn layers_of<'a>(
    base: &ImageRef,
    now: &Digest,
    about: &ImageInfo,
    facts: &'a Facts,
) -> Result<&'a ImageInfo, Undecided> {
    let of = |digest: &Digest| {
        let text = base.by_digest(digest);
        learned(facts.image_info(&text), base, || FactQuery::ImageInfo(text.clone())).map(|found| &**found)
    };
    let found = of(now)?;
    let Some(platform) = about.platform.as_ref().filter(|_| found.platform.is_some()) else { return Ok(found) };
    if found.platform.as_ref() == Some(platform) {
        return Ok(found);
    }
    let same = found.entries.iter().find(|entry| entry.kind.is_empty() && entry.platform.as_ref() == Some(platform));
    match same {
        Some(entry) => of(&entry.digest),
        None => {
            Err(Undecided::Why(format!("its base image {} is not built for {platform} now", base.without_digest())))
        }
    }
}

fn learned<'a, T>(fact: &'a Fact<T>, base: &ImageRef, want: impl FnOnce() -> FactQuery) -> Result<&'a T, Undecided> {
    let (name, host) = (base.without_digest(), &base.host);
    match fact {
        Fact::Known { value, .. } => Ok(value),
        Fact::Unknown | Fact::Pending => Err(Undecided::Want(want())),
        Fact::Failed { why, .. } => {
            Err(Undecided::Why(format!("its base image {name}: {}", why.sentence(host, "such image"))))
        }
    }
}

/// Returns whether an image's layers begin with those of a base; `false` for a base without layers.
fn begins_with(layers: &[ImageLayer], base: &[ImageLayer]) -> bool {
    let same = |(ours, theirs): (&ImageLayer, &ImageLayer)| match (&ours.diff_id, &theirs.diff_id) {
        // The same content can be compressed in different ways, so unpacked digests are compared if known.
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => ours.digest == theirs.digest,
    };
    !base.is_empty() && base.len() <= layers.len() && layers.iter().zip(base).all(same)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::image::Platform;
    use crate::registry::LookupError;
    use crate::registry::{FactSource, FactUpdate, IndexEntry};
    use crate::sample::NOW;

    fn digest(nth: u8) -> Digest {
        Digest::parse(&format!("sha256:{}", format!("{nth:02x}").repeat(32))).unwrap()
    }

    fn about(layers: &[u8], architecture: &str) -> ImageInfo {
        let layer = |nth: &u8| ImageLayer {
            // Compressed again each time: only the unpacked digest stays the same.
            digest: digest(nth.wrapping_add(100)),
            media_type: String::new(),
            size: 1,
            diff_id: Some(digest(*nth)),
        };
        serde_json::from_value(serde_json::json!({"digest": digest(0), "media_type": "", "manifest": digest(0),
            "platform": {"os": "linux", "architecture": architecture}, "config": {"created": "2026-11-19T00:00:00Z"}}))
        .map(|about: ImageInfo| ImageInfo { layers: layers.iter().map(layer).collect(), ..about })
        .unwrap()
    }

    fn with(mut about: ImageInfo, notes: &[(&str, &str)]) -> ImageInfo {
        about.annotations = notes.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        about
    }

    /// Returns facts in which `debian:12` names an index with these children and these images are known.
    fn facts(now: u8, children: &[u8], abouts: &[(u8, ImageInfo)]) -> Facts {
        let mut facts = Facts::default();
        let known = ResolvedImage {
            children: children.iter().map(|nth| digest(*nth)).collect(),
            ..ResolvedImage::new(digest(now), None)
        };
        facts.take(FactUpdate::Image(
            "debian:12".into(),
            Fact::Known { value: known, at: NOW, via: FactSource::Registry },
        ));
        for (nth, about) in abouts {
            let fact = Fact::Known { value: Arc::new(about.clone()), at: NOW, via: FactSource::Registry };
            facts.take(FactUpdate::ImageInfo(format!("debian@{}", digest(*nth)), fact));
        }
        facts
    }

    fn up_to_date(now: u8) -> BaseStatus {
        BaseStatus::UpToDate { name: "debian:12".into(), digest: digest(now) }
    }

    fn outdated(now: u8, known: bool) -> BaseStatus {
        let since = if known { Time::parse("2026-11-19T00:00:00Z") } else { None };
        BaseStatus::Outdated { name: "debian:12".into(), since, now: digest(now) }
    }

    #[test]
    fn by_digest() {
        let then =
            |nth: u8| with(about(&[1, 2], "amd64"), &[(BASE_NAME, "debian:12"), (BASE_DIGEST, digest(nth).as_str())]);
        for (image, facts, base) in [
            (then(7), facts(7, &[], &[]), up_to_date(7)),
            (then(8), facts(7, &[9, 8], &[]), up_to_date(7)),
            (then(6), facts(7, &[9, 8], &[(7, about(&[5], "amd64"))]), outdated(7, true)),
            // Another index with the same image for this platform.
            (then(6), facts(7, &[9, 8], &[(7, about(&[1], "amd64"))]), up_to_date(7)),
        ] {
            assert_eq!(base_verdict(&image, None, &facts), (base, BTreeSet::new()));
            assert_eq!(
                base_verdict(&image, Some("other:1"), &facts),
                base_verdict(&image, None, &facts),
                "its own word is taken"
            );
        }
        let mut failing = facts(7, &[], &[]);
        let why = LookupError::Unreachable("gone".into());
        failing.take(FactUpdate::ImageInfo(format!("debian@{}", digest(7)), Fact::Failed { why, at: NOW }));
        assert_eq!(
            base_verdict(&then(6), None, &failing).0,
            outdated(7, false),
            "the digests say it, if not since when"
        );
        let frozen = with(about(&[1], "amd64"), &[(BASE_NAME, &format!("debian:12@{}", digest(7)))]);
        assert_eq!(base_verdict(&frozen, None, &facts(7, &[], &[])).0, up_to_date(7), "the digest within the name");
    }

    #[test]
    fn by_layers() {
        let image = about(&[1, 2, 3], "amd64");
        for (base, expected) in [
            (about(&[1, 2], "amd64"), up_to_date(7)),
            (about(&[1, 2, 3], "amd64"), up_to_date(7)),
            (about(&[1, 4], "amd64"), outdated(7, true)),
            (about(&[1, 2, 3, 4], "amd64"), outdated(7, true)),
            (about(&[], "amd64"), outdated(7, true)),
        ] {
            let facts = facts(7, &[], &[(7, base)]);
            assert_eq!(base_verdict(&image, Some(" debian:12 "), &facts).0, expected);
            assert_eq!(base_verdict(&with(image.clone(), &[(BASE_NAME, "debian:12")]), None, &facts).0, expected);
        }
        let plain = |nth: u8| ImageLayer { diff_id: None, ..about(&[nth], "amd64").layers.remove(0) };
        assert!(begins_with(&[plain(1), plain(2)], &[plain(1)]), "without unpacked digests, as served");
        assert!(!begins_with(&[plain(1)], &[plain(2)]));
    }

    #[test]
    fn for_the_same_platform() {
        let arm = about(&[1, 2], "arm64");
        let mut index = about(&[5], "amd64");
        let entry = |nth: u8, architecture: &str, kind: &str| IndexEntry {
            digest: digest(nth),
            platform: Some(Platform::new("linux", architecture)),
            variant: String::new(),
            kind: kind.to_owned(),
        };
        index.entries = vec![entry(8, "amd64", ""), entry(10, "arm64", "attestation-manifest"), entry(9, "arm64", "")];
        let child = BTreeSet::from([FactQuery::ImageInfo(format!("debian@{}", digest(9)))]);
        assert_eq!(
            base_verdict(&arm, Some("debian:12"), &facts(7, &[], &[(7, index.clone())])),
            (BaseStatus::Pending, child)
        );
        let known = facts(7, &[], &[(7, index.clone()), (9, about(&[1], "arm64"))]);
        assert_eq!(base_verdict(&arm, Some("debian:12"), &known).0, up_to_date(7));
        let other = base_verdict(&about(&[1], "s390x"), Some("debian:12"), &known).0;
        assert_eq!(
            other,
            BaseStatus::Unknown { why: "its base image debian:12 is not built for linux/s390x now".into() }
        );
    }

    #[test]
    fn what_has_to_be_learned_first() {
        let image = with(about(&[1], "amd64"), &[(BASE_NAME, "debian:12")]);
        let mut facts_so_far = Facts::default();
        let want = |want: FactQuery| (BaseStatus::Pending, BTreeSet::from([want]));
        assert_eq!(base_verdict(&image, None, &facts_so_far), want(FactQuery::Image("debian:12".into())));
        facts_so_far.take(FactUpdate::Image("debian:12".into(), Fact::Pending));
        assert_eq!(base_verdict(&image, None, &facts_so_far).0, BaseStatus::Pending);
        assert_eq!(
            base_verdict(&image, None, &facts(7, &[], &[])),
            want(FactQuery::ImageInfo(format!("debian@{}", digest(7))))
        );
    }

    #[test]
    fn what_cannot_be_told() {
        let mut facts = Facts::default();
        for (name, why) in [
            ("gone:1", LookupError::NotFound),
            ("denied:1", LookupError::Denied),
            ("r.example/a:1", LookupError::NoCredentials),
            ("busy:1", LookupError::RateLimited),
            ("off:1", LookupError::Unreachable("no route".into())),
        ] {
            facts.take(FactUpdate::Image(name.into(), Fact::Failed { why, at: NOW }));
        }
        let frozen = format!("debian@{}", digest(7));
        for (name, why) in [
            ("scratch", "it is built from scratch, without a base image".to_owned()),
            ("Deb ian", "its base image `Deb ian` is malformed: a repository name is lower case".to_owned()),
            (&frozen, format!("its base image {frozen} has no tag, so newer builds are not known")),
            ("gone:1", "its base image gone:1: docker.io has no such image".to_owned()),
            ("denied:1", "its base image denied:1: docker.io refuses the credentials used here".to_owned()),
            (
                "r.example/a:1",
                "its base image r.example/a:1: r.example requires a login, and pinnace has none".to_owned(),
            ),
            ("busy:1", "its base image busy:1: docker.io accepts no more requests for now".to_owned()),
            ("off:1", "its base image off:1: docker.io cannot be reached: no route".to_owned()),
        ] {
            let image = with(about(&[1], "amd64"), &[(BASE_NAME, name)]);
            assert_eq!(base_verdict(&image, None, &facts), (BaseStatus::Unknown { why }, BTreeSet::new()));
        }
        for nothing in [None, Some(" ")] {
            let (base, wants) = base_verdict(&about(&[1], "amd64"), nothing, &facts);
            let why = "it does not name its base image (org.opencontainers.image.base.name)".to_owned();
            assert_eq!((base, wants.len()), (BaseStatus::Unknown { why }, 0));
        }
    }
}
