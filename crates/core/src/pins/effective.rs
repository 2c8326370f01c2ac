//! Effective images: the image a service should run, from its pins, the version manifest or its current spec.

use crate::history::last_healthy;
use crate::image::ImageRef;
use crate::image_tag::{PgEdgeTag, Version};
use crate::pins::{MANIFEST, PinDoc, PinScope};
use crate::registry::{Fact, Facts};
use crate::registry::{VersionEntry, VersionManifest};
use crate::swarm::Service;
use crate::swarm::{GroupKey, is_postgres};
use crate::world::World;

/// The origin of an effective image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageOrigin {
    /// A pin that names an image.
    Pin(PinScope),
    /// A pin with the value `manifest`, which takes the image from the version manifest.
    Manifest(PinScope),
    /// The version manifest, because the pin in force was cleared.
    FallBack,
    /// The service's current spec: no pin applies.
    Runs,
}

/// The image that a service should run, with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveImage {
    /// The image text; `None` if it is unknown.
    pub image: Option<String>,
    /// The origin of the image.
    pub origin: ImageOrigin,
    /// The version label and the manifest's source, `17.9_5 (built in)`, if the image is from the version manifest.
    pub version: Option<String>,
    /// The reason why the version manifest gives no image.
    pub problem: Option<String>,
    /// True while the version manifest is needed but not yet loaded.
    pub asking: bool,
}

/// The versions to look up in the version manifest for a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedVersions {
    /// The PostgreSQL version, such as `17.9`.
    pub postgres: String,
    /// The Spock version, such as `5`.
    pub spock: String,
}

/// Returns the versions to look up in the version manifest for a service: those of the pin document, else
/// those of the image that last ran healthy, else those of the current image.
///
/// The manifest's default is never used, because nobody requested it. `None` if no version is known.
pub fn asked(group: &GroupKey, doc: &PinDoc, service: &Service, world: &World) -> Option<RequestedVersions> {
    let tag = |text: &str| PgEdgeTag::parse(ImageRef::parse(text).ok()?.tag.as_deref()?);
    // The last healthy image comes before the spec's: a failing pin must not decide what replaces it.
    let healthy = || last_healthy(world, group, service).and_then(|image| tag(&image));
    let running = || healthy().or_else(|| tag(service.image()));
    let running = if doc.postgres_version.is_some() && doc.spock_version.is_some() { None } else { running() };
    let postgres = doc.postgres_version.clone().or_else(|| running.as_ref().map(|tag| tag.postgres.to_string()))?;
    let spock = doc.spock_version.clone().or_else(|| running.as_ref().map(|tag| tag.spock.major().to_string()))?;
    Some(RequestedVersions { postgres, spock })
}

/// Returns the effective image of a service under this document. `before` is the document in force: a
/// service whose pin is only in `before` falls back to the version manifest.
pub fn effective(
    group: &GroupKey,
    doc: &PinDoc,
    before: &PinDoc,
    service: &Service,
    world: &World,
    facts: &Facts,
) -> EffectiveImage {
    let plain = |image: &str, origin| EffectiveImage {
        image: Some(image.to_owned()),
        origin,
        version: None,
        problem: None,
        asking: false,
    };
    let of_manifest = || of_manifest(group, doc, service, world, facts.versions());
    match doc.effective(group, service) {
        Some((key, text)) if text == MANIFEST => {
            let origin = ImageOrigin::Manifest(key.clone());
            match of_manifest() {
                Ok((image, version)) => EffectiveImage { version: Some(version), ..plain(&image, origin) },
                Err(VersionLookupError::Asking) => EffectiveImage { image: None, asking: true, ..plain("", origin) },
                Err(VersionLookupError::Not(why)) => {
                    EffectiveImage { image: None, problem: Some(why), ..plain("", origin) }
                }
            }
        }
        Some((key, text)) => plain(text, ImageOrigin::Pin(key.clone())),
        None if before.effective(group, service).is_some() => match of_manifest() {
            Ok((image, version)) => EffectiveImage { version: Some(version), ..plain(&image, ImageOrigin::FallBack) },
            Err(VersionLookupError::Asking) => {
                EffectiveImage { image: None, asking: true, ..plain("", ImageOrigin::FallBack) }
            }
            Err(VersionLookupError::Not(why)) => {
                EffectiveImage { problem: Some(why), ..plain(service.image(), ImageOrigin::Runs) }
            }
        },
        None => plain(service.image(), ImageOrigin::Runs),
    }
}

enum VersionLookupError {
    Asking,
    Not(String),
}

fn of_manifest(
    group: &GroupKey,
    doc: &PinDoc,
    service: &Service,
    world: &World,
    versions: &Fact<std::sync::Arc<VersionManifest>>,
) -> Result<(String, String), VersionLookupError> {
    let running = ImageRef::parse(service.image()).ok();
    let manifest = match versions {
        Fact::Known { value, .. } => value,
        Fact::Failed { why, .. } => {
            return Err(VersionLookupError::Not(format!("the version manifest could not be loaded: {}", why.text())));
        }
        Fact::Unknown | Fact::Pending => return Err(VersionLookupError::Asking),
    };
    let not = |why: String| VersionLookupError::Not(why);
    let entry: &VersionEntry = if is_postgres(service) {
        let asked = asked(group, doc, service, world)
            .ok_or_else(|| not("no version is set, and the running image does not name one: set `postgres_version` and `spock_version`".to_owned()))?;
        manifest.postgres(&asked.postgres, &asked.spock).map_err(not)?
    } else {
        let running = running.ok_or_else(|| not("the running image is not a valid reference".to_owned()))?;
        let component = manifest
            .component_of(&running)
            .ok_or_else(|| not(format!("the version manifest has no images of {}", running.repository())))?;
        let tag = running.tag_or_latest();
        manifest.component(component, if Version::parse(tag).is_some() { tag } else { "latest" }).map_err(not)?
    };
    Ok((entry.image.clone(), format!("{} ({})", entry.label(), manifest.origin)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::pins::read;
    use crate::registry::{FactSource, FactUpdate};
    use crate::registry::{REPOSITORY_HOST, VersionManifestOrigin as From};
    use crate::sample;
    use crate::world::Observation;

    const MADE: &str = r#"{"schema_version":1,"images":{"postgres":[
        {"postgres_version":"17.9","spock_version":"5","image":"pgedge-postgres:17.9-spock5.0.6-standard-2"}],
        "mcp":[{"version":"1.0.0","image":"postgres-mcp:1.0.0"},{"version":"1.1.0","image":"postgres-mcp:1.1.0"}]}}"#;

    fn facts() -> Facts {
        let manifest = VersionManifest::parse(MADE, REPOSITORY_HOST, From::BuiltIn, None).unwrap();
        let mut facts = Facts::default();
        let value = Arc::new(manifest);
        facts.take(FactUpdate::Versions(Fact::Known { value, at: sample::NOW, via: FactSource::Curated }));
        facts
    }

    fn told(image: &str, component: &str, doc: &str, before: &str) -> (Option<String>, String) {
        let mut service = sample::service("pg", image);
        for (key, value) in [("pgedge.database.id", "s"), ("pgedge.component", component), ("pgedge.node.name", "n1")] {
            service.labels.insert(key.into(), value.into());
        }
        let mut world = World::default();
        world.apply(Observation::Services(vec![service.clone()]), sample::NOW);
        let group = GroupKey::of(&service);
        let found = effective(&group, &read(doc), &read(before), &service, &world, &facts());
        let short = found.image.map(|image| image.rsplit('/').next().unwrap_or_default().to_owned());
        (short, format!("{:?} {}", found.origin, found.version.or(found.problem).unwrap_or_default()).trim().to_owned())
    }

    #[test]
    fn where_an_image_comes_from() {
        let runs = "ghcr.io/pgedge/pgedge-postgres:17.9-spock5.0.6-standard-1";
        let manifest = Some("pgedge-postgres:17.9-spock5.0.6-standard-2".to_owned());
        let pg = |image: &str, doc: &str, before: &str| told(image, "postgres", doc, before);
        assert_eq!(pg(runs, "", ""), (Some("pgedge-postgres:17.9-spock5.0.6-standard-1".into()), "Runs".into()));
        assert_eq!(pg(runs, "image = 'r/x:1'", ""), (Some("x:1".into()), "Pin(Group)".into()));
        let (image, from) = pg(runs, "image = 'manifest'", "");
        assert_eq!((image, from.as_str()), (manifest.clone(), "Manifest(Group) 17.9_5 (built in)"));
        let (image, from) = pg(runs, "", "[node.n1]\nimage = 'r/x:1'");
        assert_eq!((image, from.as_str()), (manifest.clone(), "FallBack 17.9_5 (built in)"), "a pin was cleared");
        let (image, from) = pg("r/my:custom", "", "image = 'r/my:custom'");
        assert_eq!(image.as_deref(), Some("my:custom"), "no version is known: it keeps what it runs");
        assert!(from.contains("set `postgres_version`"), "{from}");
        let asked = "postgres_version = '17.9'\nspock_version = '5'";
        assert_eq!(pg("r/my:custom", asked, "image = 'r/my:custom'").0, manifest);
        let (image, from) = pg(runs, "image = 'manifest'\npostgres_version = '9.6'", "");
        assert_eq!((image, from.as_str()), (None, "Manifest(Group) unsupported postgres version 9.6"));
        let (image, _) = told("ghcr.io/pgedge/postgres-mcp:1.0.0", "service", "[service.pg]\nimage = 'manifest'", "");
        assert_eq!(image.as_deref(), Some("postgres-mcp:1.0.0"));
        let (image, _) = told("ghcr.io/pgedge/postgres-mcp:dev", "service", "[service.pg]\nimage = 'manifest'", "");
        assert_eq!(image.as_deref(), Some("postgres-mcp:1.1.0"), "the default");
    }
}
