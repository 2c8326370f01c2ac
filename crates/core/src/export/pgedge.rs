//! The permanent fix of a database: the part of its spec that sets its images, in the format of pgEdge's API.
//!
//! `orchestrator_opts` of a db node replace those of the database as a whole object. So an image that all db
//! nodes share is set at the database, and a db node has its own options only if its image differs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::export::{ExportedService, FixInput, RenderedFix};
use crate::image_tag::{PgEdgeTag, Version};
use crate::pins::PinScope;
use crate::pins::asked;
use crate::sanitize::clean;
use crate::swarm::Service;
use crate::swarm::{SERVICE_ID, is_postgres, member_of};

#[derive(Default, Serialize)]
struct DatabaseSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    postgres_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spock_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    orchestrator_opts: Option<OrchestratorOpts>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nodes: Vec<DatabaseNode>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    services: Vec<SupportingService>,
}

#[derive(Serialize)]
struct OrchestratorOpts {
    swarm: SwarmOpts,
}

#[derive(Serialize)]
struct SwarmOpts {
    image: String,
}

#[derive(Serialize)]
struct DatabaseNode {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    postgres_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    orchestrator_opts: Option<OrchestratorOpts>,
}

#[derive(Serialize)]
struct SupportingService {
    service_id: String,
    orchestrator_opts: OrchestratorOpts,
}

fn opts(image: &str) -> OrchestratorOpts {
    OrchestratorOpts { swarm: SwarmOpts { image: clean(image) } }
}

/// A db node with the common image of its instances, and the PostgreSQL and Spock versions that the image's tag names.
struct DatabaseNodeImage<'a> {
    name: String,
    image: &'a str,
    /// Set when the image comes from the version manifest and no pin names it.
    by_manifest: bool,
    versions: Option<(String, String)>,
}

/// Formats the part of the spec; an empty text if it would set nothing.
pub(super) fn fragment(source: &FixInput<'_>, kept: &[ExportedService<'_>]) -> RenderedFix {
    let (mut spec, mut holds, mut notes) = (DatabaseSpec::default(), Vec::new(), Vec::new());
    let members = members(source, kept, &mut notes);
    let shared = shared(source, &members);
    let all: Vec<&Service> = source.world.members(source.group).filter(|service| is_postgres(service)).collect();
    (spec.postgres_version, spec.spock_version) = versions(source, &members, &all);
    if let Some(image) = shared {
        spec.orchestrator_opts = Some(opts(image));
        holds.push("the database".to_owned());
    }
    for member in &members {
        // A db node without an image uses the database's, and without that the manifest's.
        let own = if member.by_manifest { shared.is_some() } else { shared != Some(member.image) };
        let asked = member.versions.as_ref().map(|(postgres, _)| postgres.clone());
        let postgres_version = asked.filter(|asked| {
            source.doc.postgres_version.is_none() && Some(asked.as_str()) != spec.postgres_version.as_deref()
        });
        if own {
            holds.push(clean(&member.name));
        } else if member.by_manifest {
            notes.push(format!(
                "{} has no image in the spec: the control plane uses its own manifest; the manifest here names {}",
                clean(&member.name),
                clean(member.image)
            ));
        }
        if own || postgres_version.is_some() {
            let orchestrator_opts = own.then(|| opts(member.image));
            spec.nodes.push(DatabaseNode { name: clean(&member.name), postgres_version, orchestrator_opts });
        }
    }
    support(kept, &mut spec, &mut holds, &mut notes);
    if !spec.nodes.iter().all(|node| node.orchestrator_opts.is_none()) {
        notes.push(
            "a db node's orchestrator_opts replace all of the database's: repeat the database's other options there"
                .to_owned(),
        );
    } else if spec.orchestrator_opts.is_some() {
        notes.push(
            "a db node with orchestrator_opts in the spec ignores the database's: name the image there".to_owned(),
        );
    }
    let empty = spec.orchestrator_opts.is_none()
        && spec.nodes.is_empty()
        && spec.services.is_empty()
        && spec.postgres_version.is_none();
    let text = if empty { String::new() } else { serde_json::to_string_pretty(&spec).unwrap_or_default() };
    (text, holds, notes)
}

/// Returns the db nodes whose instances all get the same image; adds a note for each other one.
fn members<'a>(
    source: &FixInput<'_>,
    kept: &'a [ExportedService<'_>],
    notes: &mut Vec<String>,
) -> Vec<DatabaseNodeImage<'a>> {
    let mut found: BTreeMap<String, Vec<&ExportedService<'_>>> = BTreeMap::new();
    for one in kept.iter().filter(|one| is_postgres(one.service)) {
        found.entry(member_of(one.service)).or_default().push(one);
    }
    let mut members = Vec::new();
    for (name, instances) in found {
        let Some(first) = instances.first() else { continue };
        let image = &first.image.text;
        // An instance that is not part of the fix keeps its current image.
        let is_alike = |service: &Service| {
            let kept = instances.iter().find(|one| one.service.id == service.id);
            kept.map_or(service.image(), |one| one.image.text.as_str()) == image
        };
        let mut of_node = source.world.members(source.group).filter(|service| is_postgres(service));
        if !of_node.all(|service| member_of(service) != name || is_alike(service)) {
            let name = clean(&name);
            notes.push(format!(
                "{name} left out: its instances should run different images, and pgEdge has one per db node"
            ));
            continue;
        }
        let tag = first.image.tag.as_deref().and_then(PgEdgeTag::parse);
        let versions = tag.map(|tag| (tag.postgres.to_string(), tag.spock.major().to_string()));
        let by_manifest = first.by_manifest.is_some();
        members.push(DatabaseNodeImage { name, image, by_manifest, versions });
    }
    members
}

/// Returns the image to set at the database: that of the database's own pin, else the one that all its db nodes share.
fn shared<'a>(source: &FixInput<'_>, members: &[DatabaseNodeImage<'a>]) -> Option<&'a str> {
    let named = || members.iter().filter(|member| !member.by_manifest);
    let of_group = |member: &&DatabaseNodeImage<'_>| {
        let services = source.world.members(source.group).filter(|service| member_of(service) == member.name);
        let mut keys = services.filter_map(|service| source.doc.effective(source.group, service).map(|(key, _)| key));
        keys.any(|key| *key == PinScope::Group)
    };
    if let Some(member) = named().find(of_group) {
        return Some(member.image);
    }
    let first = named().next()?.image;
    let postgres = source.world.members(source.group).filter(|service| is_postgres(service));
    let names: std::collections::BTreeSet<String> = postgres.map(member_of).collect();
    (names.len() == members.len() && members.iter().all(|member| !member.by_manifest && member.image == first))
        .then_some(first)
}

/// Returns the PostgreSQL and Spock versions of the database: those of the pin document, else
/// those that all its db nodes have.
fn versions(
    source: &FixInput<'_>,
    members: &[DatabaseNodeImage<'_>],
    all: &[&Service],
) -> (Option<String>, Option<String>) {
    let of = |service: &&Service| {
        let kept = members.iter().find(|member| member.name == member_of(service));
        kept.and_then(|member| member.versions.clone()).or_else(|| {
            asked(source.group, source.doc, service, source.world).map(|asked| (asked.postgres, asked.spock))
        })
    };
    let known: Option<Vec<_>> = all.iter().map(of).collect();
    let one = |pick: fn(&(String, String)) -> &String| {
        let mut found: Vec<&String> = known.iter().flatten().map(pick).collect();
        found.dedup();
        if let [one] = found.as_slice() { Some((*one).clone()) } else { None }
    };
    // The API accepts Spock's major version only.
    let major = |text: &String| Version::parse(text).map(|version| version.major().to_string());
    (
        source.doc.postgres_version.clone().or_else(|| one(|(postgres, _)| postgres)),
        source.doc.spock_version.as_ref().and_then(major).or_else(|| one(|(_, spock)| spock)),
    )
}

/// Adds the supporting services of the database, by their ids in the spec.
fn support(kept: &[ExportedService<'_>], spec: &mut DatabaseSpec, holds: &mut Vec<String>, notes: &mut Vec<String>) {
    for one in kept.iter().filter(|one| !is_postgres(one.service)) {
        let Some(id) = one.service.label(SERVICE_ID).filter(|id| !id.is_empty()) else {
            notes.push(format!("{} left out: it has no label {SERVICE_ID}", clean(&one.service.name)));
            continue;
        };
        if let Some(known) = spec.services.iter().find(|known| known.service_id == id) {
            if known.orchestrator_opts.swarm.image != one.image.text {
                let name = clean(&one.service.name);
                notes.push(format!("{name} left out: pgEdge has one image for all of {}", clean(id)));
            }
            continue;
        }
        spec.services.push(SupportingService { service_id: clean(id), orchestrator_opts: opts(&one.image.text) });
        holds.push(clean(id));
    }
}
