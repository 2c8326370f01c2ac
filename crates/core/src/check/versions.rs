//! Checks of versions: the requested ones, those of the version manifest, and those that ran here before.

use crate::check::subject::{CheckSubject, ServiceFinding, SubjectOrigin};
use crate::finding::{Code, Finding, Severity};
use crate::history::{last_healthy, ran_here};
use crate::image::{ImageRef, short};
use crate::image_tag::{PgEdgeTag, Version, distribution, is_postgresql, keeps_data, leading, store};
use crate::pins::PinDoc;
use crate::pins::asked;
use crate::registry::ImageInfo;
use crate::registry::{Stability, VersionEntry, VersionManifest};
use crate::swarm::Service;
use crate::swarm::is_postgres;

/// The label that holds an image's version (OCI image-spec, annotations).
const VERSION: &str = "org.opencontainers.image.version";
/// The annotation that holds the name of an image's base image (OCI image-spec, annotations).
const BASE: &str = "org.opencontainers.image.base.name";

/// Returns all findings about versions; for a rollback, only a downgrade.
pub fn check(case: &CheckSubject<'_>) -> Vec<Finding> {
    let (SubjectOrigin::Pin(doc) | SubjectOrigin::Manifest(doc)) = case.by else {
        return case.each(|service| older(case, service));
    };
    let mut found = case.each(|service| mismatch(case, doc, service));
    found.extend(case.each(|service| jump(case, service).or_else(|| older(case, service))));
    found.extend(case.each(|service| family(case, service)));
    let manifest = case.facts.versions().known();
    if let Some(manifest) = manifest {
        found.extend(unstable(case, manifest));
    }
    if let (Some(manifest), SubjectOrigin::Pin(_)) = (manifest, case.by) {
        found.extend(case.each(|service| beside_the_manifest(case, manifest, doc, service)));
        found.extend(case.each(|service| newer_version(manifest, case.image, service)));
    }
    found
}

fn pg_tag(image: &ImageRef) -> Option<PgEdgeTag> {
    PgEdgeTag::parse(image.tag.as_deref()?)
}

/// Compares the versions in the image's tag with those of the pin document, by prefix as the control plane
/// does (pgEdge control-plane, pull request 431).
fn mismatch(case: &CheckSubject<'_>, doc: &PinDoc, service: &Service) -> Option<ServiceFinding> {
    if !is_postgres(service) || (doc.postgres_version.is_none() && doc.spock_version.is_none()) {
        return None;
    }
    let Some(tag) = pg_tag(case.image) else {
        let tag = case.image.tag.as_deref().unwrap_or("the digest");
        let message = format!("`{tag}` does not show its versions, so they cannot be compared with the requested ones");
        let hint = "use a tag like 17.9-spock5.0.6-standard-2";
        return Some(ServiceFinding::new(Severity::Info, Code::VersionUnknown, message, hint));
    };
    let differs = |has: &Version, wanted: &Option<String>| {
        let wanted = wanted.as_deref()?;
        let fits = Version::parse(wanted).is_some_and(|wanted| has.has_prefix(&wanted));
        (!fits).then(|| wanted.to_owned())
    };
    let (what, has, wanted) = if let Some(wanted) = differs(&tag.postgres, &doc.postgres_version) {
        ("postgres", &tag.postgres, wanted)
    } else if let Some(wanted) = differs(&tag.spock, &doc.spock_version) {
        ("spock", &tag.spock, wanted)
    } else {
        return None;
    };
    let message = format!("image tag {what} version {has} does not match spec version {wanted}");
    let manifest = case.facts.versions().known();
    let of_asked = manifest.zip(asked(case.group, doc, service, case.world));
    let of_asked = of_asked.and_then(|(manifest, asked)| manifest.postgres(&asked.postgres, &asked.spock).ok());
    let hint = match of_asked {
        Some(entry) => format!("pin {}, the manifest image", short(&entry.image)),
        None => format!("change `{what}_version`, or pin an image of {wanted}"),
    };
    Some(ServiceFinding::new(Severity::Error, Code::VersionMismatch, message, hint))
}

/// Returns the version of an image, from its tag or else from its label.
fn version(image: &ImageRef, about: Option<&ImageInfo>) -> Option<Version> {
    let by_tag = || {
        let tag = image.tag.as_deref()?;
        PgEdgeTag::parse(tag).map(|tag| tag.postgres).or_else(|| store(image)).or_else(|| leading(tag))
    };
    by_tag().or_else(|| leading(about?.note(VERSION)?))
}

/// Returns the image that last ran healthy in a service, if it is not the image under check.
fn before(case: &CheckSubject<'_>, service: &Service) -> Option<ImageRef> {
    let before = ImageRef::parse(&last_healthy(case.world, case.group, service)?).ok()?;
    (before.text != case.image.text).then_some(before)
}

fn holds_data(case: &CheckSubject<'_>, service: &Service, before: &ImageRef) -> bool {
    is_postgres(service) || keeps_data(before) || keeps_data(case.image) && before.same_repository(case.image)
}

/// Reports another major version of a database than the one that last ran healthy. The service's spec is
/// not used for this: its image may never have started.
fn jump(case: &CheckSubject<'_>, service: &Service) -> Option<ServiceFinding> {
    let before = before(case, service)?;
    if !holds_data(case, service, &before) || case.ran_in(service) {
        return None;
    }
    let (old, new) =
        (version(&before, about_of(case, &before))?.major(), version(case.image, case.image_info())?.major());
    // No PostgreSQL is older than 8; smaller numbers are build numbers.
    let is_pg = is_postgres(service) || is_postgresql(case.image) || is_postgresql(&before);
    let counts_builds = is_pg && old.min(new) < 8;
    if old == new || counts_builds {
        return None;
    }
    let ran = ran_here(case.world, case.group, service, &before.text);
    let known = if ran { "it last ran healthy on" } else { "its newest known version is" };
    let message = format!("{known} {old}; {new} requires a data migration");
    let hint = format!("migrate the data first (pg_upgrade, or dump and restore), or stay on {old}");
    Some(ServiceFinding::new(Severity::Error, Code::MajorJump, message, hint))
}

fn about_of<'a>(case: &CheckSubject<'a>, image: &ImageRef) -> Option<&'a ImageInfo> {
    let digest = image.digest.as_ref()?;
    case.facts.image_info(&image.by_digest(digest)).known().map(AsRef::as_ref)
}

/// Returns whether one version is newer than another. `17` and `17.9` are neither newer nor older than each other.
fn is_after(one: &Version, other: &Version) -> bool {
    one > other && !one.has_prefix(other)
}

/// Reports an older version of the repository than the one that last ran healthy: an info if this image ran
/// in the service before, else a warning.
fn older(case: &CheckSubject<'_>, service: &Service) -> Option<ServiceFinding> {
    let before = before(case, service)?;
    let is_newer = |old: &ImageRef| match (pg_tag(old), pg_tag(case.image)) {
        (Some(old), Some(new)) if old.postgres == new.postgres => is_after(&old.spock, &new.spock),
        (Some(old), Some(new)) => is_after(&old.postgres, &new.postgres),
        _ => version(old, None).zip(version(case.image, None)).is_some_and(|(old, new)| is_after(&old, &new)),
    };
    if !before.same_repository(case.image) || !is_newer(&before) {
        return None;
    }
    let back = case.ran_in(service);
    let ran = ran_here(case.world, case.group, service, &before.text);
    let known = if ran { "which ran healthy here" } else { "which this service had" };
    let message = format!("{} is older than {}, {known}", case.image.short(false), before.short(false));
    let (severity, hint) = if back {
        (Severity::Info, String::new())
    } else {
        (
            Severity::Warning,
            "the newer version may have written data that the older one cannot read; pin the newer one, or acknowledge"
                .to_owned(),
        )
    };
    Some(ServiceFinding::new(severity, Code::Downgrade, message, hint))
}

/// Warns about another base system under a database: its C library sorts text differently, which can
/// corrupt indexes.
fn family(case: &CheckSubject<'_>, service: &Service) -> Option<ServiceFinding> {
    let before = before(case, service)?;
    if !holds_data(case, service, &before) || case.ran_in(service) {
        return None;
    }
    let by_tag = |image: &ImageRef| image.tag.as_deref().and_then(distribution);
    let by_note = |about: Option<&ImageInfo>| distribution(about?.note(BASE)?.rsplit([':', '/']).next()?);
    let (old, new) = (
        by_tag(&before).or_else(|| by_note(about_of(case, &before))),
        by_tag(case.image).or_else(|| by_note(case.image_info())),
    );
    // If one base system is unknown, only `alpine` in a tag counts as a difference: one image's annotation
    // is not enough.
    let by_tags = (by_tag(&before) == Some("alpine")) != (by_tag(case.image) == Some("alpine"));
    let differ = if old.is_some() && new.is_some() {
        old != new
    } else {
        by_tags && (old, new) == (by_tag(&before), by_tag(case.image))
    };
    if !differ {
        return None;
    }
    let word = |of: Option<&'static str>| of.unwrap_or("another base");
    let message = format!(
        "from {} to {}: the C library may sort text differently, and indexes on text may be corrupt",
        word(old),
        word(new)
    );
    let hint = "choose a tag on the same base, or plan to reindex";
    Some(ServiceFinding::new(Severity::Warning, Code::FamilyChange, message, hint))
}

fn unstable(case: &CheckSubject<'_>, manifest: &VersionManifest) -> Option<Finding> {
    let (_, entry) = manifest.of_image(case.image).filter(|(_, entry)| entry.stability == Stability::Dev)?;
    let message = format!("the version manifest marks {} as under development", short(&entry.image));
    Some(case.all(Severity::Warning, Code::VersionUnstable, message).hint("pin a stable image of the same version"))
}

/// Returns the PostgreSQL and Spock versions by which a pin is compared with the version manifest: those of
/// the document, else those in the tag, else those that run.
fn compared(case: &CheckSubject<'_>, doc: &PinDoc, service: &Service) -> Option<(String, String)> {
    let tag = pg_tag(case.image);
    let running = asked(case.group, doc, service, case.world);
    let postgres = doc.postgres_version.clone().or_else(|| tag.as_ref().map(|tag| tag.postgres.to_string()));
    let spock = doc.spock_version.clone().or_else(|| tag.as_ref().map(|tag| tag.spock.major().to_string()));
    Some((
        postgres.or(running.as_ref().map(|asked| asked.postgres.clone()))?,
        spock.or(running.map(|asked| asked.spock))?,
    ))
}

/// Compares a pin with the version manifest's image for its version.
fn beside_the_manifest(
    case: &CheckSubject<'_>,
    manifest: &VersionManifest,
    doc: &PinDoc,
    service: &Service,
) -> Option<ServiceFinding> {
    if !is_postgres(service) {
        let (_, entry) = manifest.of_image(case.image)?;
        return Some(equals(entry));
    }
    let (postgres, spock) = compared(case, doc, service)?;
    let entry = match manifest.postgres(&postgres, &spock) {
        Ok(entry) => entry,
        Err(why) if doc.postgres_version.is_some() => {
            return Some(ServiceFinding::new(
                Severity::Info,
                Code::VersionUnknown,
                why,
                "the version manifest has no image to compare this pin with",
            ));
        }
        Err(_) => return None,
    };
    let of_entry = ImageRef::parse(&entry.image).ok()?;
    if of_entry.same_repository(case.image) && of_entry.tag == case.image.tag {
        return Some(equals(entry));
    }
    if let Some(said) = newer_build(entry, case.image) {
        return Some(said);
    }
    let message = format!(
        "image \"{}\" is not the manifest image for version {} (manifest image: {})",
        case.image.without_digest(),
        entry.label(),
        entry.image
    );
    Some(ServiceFinding::new(Severity::Info, Code::DiffersFromManifest, message, "nothing to do if this is intended"))
}

fn equals(entry: &VersionEntry) -> ServiceFinding {
    let message = format!("it is the manifest image for {}; this pin keeps it fixed", entry.label());
    ServiceFinding::new(
        Severity::Info,
        Code::EqualsManifest,
        message,
        "set `image = \"manifest\"` to follow the manifest instead",
    )
}

/// Reports a newer build of the same PostgreSQL version in the version manifest.
fn newer_build(entry: &VersionEntry, image: &ImageRef) -> Option<ServiceFinding> {
    let of_entry = ImageRef::parse(&entry.image).ok()?;
    let (theirs, ours) = (pg_tag(&of_entry)?, pg_tag(image)?);
    let newer = theirs.postgres == ours.postgres && (&theirs.spock, theirs.build()) > (&ours.spock, ours.build());
    if !newer || !of_entry.same_repository(image) {
        return None;
    }
    let message = format!("the manifest has a newer build for {}: {}", entry.label(), of_entry.short(false));
    Some(ServiceFinding::new(Severity::Info, Code::NewerBuild, message, "pin it when convenient; tab offers it first"))
}

fn newer_version(manifest: &VersionManifest, image: &ImageRef, service: &Service) -> Option<ServiceFinding> {
    let tag = pg_tag(image).filter(|_| is_postgres(service))?;
    let newer = manifest.newer(&tag.postgres, Some(tag.spock.major()));
    let newest = newer.first()?;
    let message = format!("published upstream: the newer version {}, {}", newest.label(), short(&newest.image));
    // The vendor's manifest says nothing about a mirror.
    let elsewhere = ImageRef::parse(&newest.image).is_ok_and(|published| !published.same_repository(image));
    let hint = if elsewhere {
        format!("pin it once {} has it: that is not known", image.repository())
    } else {
        "pin it when convenient; tab offers it".to_owned()
    };
    Some(ServiceFinding::new(Severity::Info, Code::NewerVersion, message, hint))
}

/// Returns findings about builds and versions in the manifest that are newer than the running image.
pub(crate) fn newer_than_runs(
    running: &ImageRef,
    service: &Service,
    manifest: &VersionManifest,
) -> Vec<ServiceFinding> {
    let build = || {
        let tag = pg_tag(running).filter(|_| is_postgres(service))?;
        let entry = manifest.postgres(&tag.postgres.to_string(), &tag.spock.major().to_string()).ok()?;
        newer_build(entry, running)
    };
    build().into_iter().chain(newer_version(manifest, running, service)).collect()
}
