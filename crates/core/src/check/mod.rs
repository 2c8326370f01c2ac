//! Checks: findings about a pin document and the images it names, each with its position in the text.

mod image_content;
mod lookup_diagnosis;
mod pinned_image;
pub mod preconditions;
mod registry;
pub mod running;
pub mod subject;
mod tags;
pub mod unverified_rollback;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

pub use lookup_diagnosis::{LookupDiagnosis, failure, refusal};
use subject::{CheckSubject, ServiceFinding, SubjectOrigin};

use pinned_image::{PinnedImage, wishes};

use super::finding::{Code, Finding, Severity};
use super::image::ImageRef;
use super::image_tag::keeps_data;
use super::journal::ChangeEntry;
use super::pins::{self, MANIFEST, PinDoc, PinScope};
use super::registry::{Fact, FactSource, Facts};
use super::swarm::Service;
use super::world::World;
use crate::history::{failed_here, in_force, last_healthy};
use crate::pins::ImageOrigin;
use crate::registry::FactQuery;
use crate::swarm::{GroupKey, GroupKind, is_postgres};

/// The number of newest changes whose records are read to judge an image.
const CHANGES: usize = 20;

/// A finding about a pin document, with its position in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpannedFinding {
    /// The pin that the finding concerns; `None` for a mistake in the text and for a cleared pin.
    pub key: Option<PinScope>,
    /// The byte range of the document that the finding concerns.
    pub at: Range<usize>,
    /// The finding itself: severity, code, message and hint.
    pub finding: Finding,
}

/// Checks a pin document and returns its findings, ordered by position in the text, then by severity.
pub fn document(group: &GroupKey, doc: &PinDoc, world: &World, facts: &Facts) -> Vec<SpannedFinding> {
    let before = in_force(group, world);
    let mut found: Vec<SpannedFinding> = doc.slips.iter().map(slip).collect();
    found.extend(strangers(group, doc, world));
    for wish in wishes(group, doc, &before, world, facts) {
        let (place, findings) = (wish.place(doc), wish.findings(group, doc, world, facts));
        // A malformed reference is marked from the byte of its mistake; the 1 skips the opening quote.
        let place_of = |finding: &Finding| match &wish.mistake {
            Some((at, _)) if finding.is(Code::ReferenceSyntax) => (place.start + 1 + at).min(place.end)..place.end,
            _ => place.clone(),
        };
        let placed = findings.into_iter().map(|finding| SpannedFinding {
            key: wish.key.clone(),
            at: place_of(&finding),
            finding,
        });
        found.extend(placed);
    }
    found.sort_by_key(|placed| (placed.at.start, placed.finding.severity));
    found
}

/// Returns the findings about one image for the services that would run it.
pub(crate) fn about_image(case: &CheckSubject<'_>) -> Vec<Finding> {
    // A rollback restores exactly the reference that ran, also one without a tag.
    if let Some(finding) = tags::no_tag(case).filter(|_| case.by != SubjectOrigin::Back) {
        return vec![finding];
    }
    let mut found = registry::check(case);
    found.extend(tags::check(case));
    found.extend(versions::check(case));
    if case.by != SubjectOrigin::Back {
        found.extend(image_content::check(case));
        found.extend(failed_before(case));
    }
    found
}

/// Returns whether a failed look-up of an image is an error, which blocks its unit. `ran`: the image ran in
/// the service before.
pub fn blocks(image: &ImageRef, fact: &Fact<super::registry::ResolvedImage>, ran: bool) -> bool {
    fact.failed().is_some_and(|why| failure(image, why, ran).severity == Severity::Error)
}

/// Warns about the services in which the image failed before.
pub(crate) fn failed_before(case: &CheckSubject<'_>) -> Vec<Finding> {
    case.each(|service| failed_in(case, service))
}

fn failed_in(case: &CheckSubject<'_>, service: &Service) -> Option<ServiceFinding> {
    let fact = case.fact();
    let pinned = fact.map(|fact| case.image.pinned(&fact.digest));
    let failed = [Some(&case.image.text), pinned.as_ref()]
        .into_iter()
        .flatten()
        .any(|text| text != service.image() && failed_here(case.world, case.group, service, text));
    failed.then(|| {
        let message = format!("{} failed here before", case.image.short(false));
        ServiceFinding::new(
            Severity::Warning,
            Code::FailedHere,
            message,
            "find the reason first: press `h` for the history, `l` for the logs",
        )
    })
}

/// Returns the queries that must be answered to check a document, without those already answered.
///
/// More queries can follow an answer: the description of an image, for example, is queried by its digest.
pub fn queries(group: &GroupKey, doc: &PinDoc, world: &World, facts: &Facts) -> BTreeSet<FactQuery> {
    let before = in_force(group, world);
    let mut wants = BTreeSet::new();
    let wishes = wishes(group, doc, &before, world, facts);
    let of_versions =
        |wish: &PinnedImage<'_>| wish.effective.asking || wish.services.iter().any(|service| is_postgres(service));
    if wishes.iter().any(of_versions) || doc.pins.values().any(|text| text == MANIFEST) {
        wants.insert(FactQuery::Versions);
    }
    for wish in wishes.iter().filter(|wish| wish.effective.origin != ImageOrigin::Runs) {
        // Version and base system of a database are compared with the image that last ran healthy, so that
        // image is queried too.
        let before =
            wish.services.iter().filter_map(|service| ImageRef::parse(&last_healthy(world, group, service)?).ok());
        let keeps = |before: &ImageRef| {
            keeps_data(before) && Some(&before.text) != wish.image.as_ref().map(|image| &image.text)
        };
        for before in before.filter(keeps) {
            wants.extend(before.digest.as_ref().map(|digest| FactQuery::ImageInfo(before.by_digest(digest))));
        }
        if let Some(image) = &wish.image {
            let named: BTreeSet<_> = wish.services.iter().map(|service| doc.rules_for(group, service).base).collect();
            for named in named {
                wants.extend(image_wants(image, named.as_deref(), facts));
            }
        }
    }
    wants.retain(|want| !is_answered(want, facts));
    if !wishes.is_empty() {
        wants.extend(records(group, world));
    }
    wants
}

/// Returns queries for the records of the newest changes that were not read yet. Records show which images
/// ran or failed here before.
fn records(group: &GroupKey, world: &World) -> BTreeSet<FactQuery> {
    let history = world.history(group);
    let unread = |entry: &&ChangeEntry| entry.record.is_none() && !history.is_gone(&entry.slot.change);
    let newest = history.newest_first().take(CHANGES).filter(unread);
    newest.map(|entry| FactQuery::Record(entry.slot.change.clone())).collect()
}

/// Returns the images that a document sets, as texts, each with the services that would run it. Malformed
/// references are left out, and so are services that keep what they run.
pub fn images<'a>(
    group: &GroupKey,
    doc: &PinDoc,
    world: &'a World,
    facts: &Facts,
) -> BTreeMap<String, Vec<&'a Service>> {
    let mut found: BTreeMap<String, Vec<&Service>> = BTreeMap::new();
    let wishes = wishes(group, doc, &in_force(group, world), world, facts);
    for wish in wishes.into_iter().filter(|wish| wish.effective.origin != ImageOrigin::Runs) {
        if let Some(image) = wish.image {
            found.entry(image.text).or_default().extend(wish.services);
        }
    }
    found
}

/// Returns the queries that must be answered to check an image. `base` is the base image from the pins,
/// used if the image names none.
fn image_wants(image: &ImageRef, base: Option<&str>, facts: &Facts) -> BTreeSet<FactQuery> {
    let mut wants = BTreeSet::new();
    if image.tag.is_none() && image.digest.is_none() {
        return wants;
    }
    wants.insert(FactQuery::Image(image.text.clone()));
    if image.tag.is_some() && image.digest.is_some() {
        wants.insert(FactQuery::Image(image.without_digest().to_owned()));
    }
    // If only the engine could reach the registry, further queries by pinnace would fail too.
    if let Fact::Known { value, via: FactSource::Registry, .. } = facts.image(&image.text) {
        let whole = image.by_digest(&value.digest);
        if let Some(about) = facts.image_info(&whole).known() {
            wants.extend(image_content::base_wants(image, about, base, facts));
        }
        wants.insert(FactQuery::ImageInfo(whole));
    }
    wants
}

/// Returns whether a query about images has succeeded or failed. Always `false` for a query about the
/// swarm: the world holds those answers.
pub(crate) fn is_answered(want: &FactQuery, facts: &Facts) -> bool {
    match want {
        FactQuery::Image(text) => facts.image(text).answered(),
        FactQuery::ImageInfo(text) => facts.image_info(text).answered(),
        FactQuery::Tags(text) => facts.tags(text).answered(),
        FactQuery::Engine(text) => facts.engine(text).answered(),
        FactQuery::Versions => facts.versions().answered(),
        FactQuery::Login(host) => facts.login(host).answered(),
        FactQuery::Tasks(_) | FactQuery::Record(_) | FactQuery::Journal | FactQuery::ExternalDeploys(_) => false,
    }
}

/// Builds the finding for a malformed reference; `message` says what is wrong.
pub(crate) fn about_reference(message: &str, text: &str) -> Finding {
    Finding::new(Severity::Error, Code::ReferenceSyntax, format!("`{text}`"), message)
        .hint("write `[registry[:port]/]repository[:tag][@sha256:…]`")
}

fn slip(slip: &super::pins::PinError) -> SpannedFinding {
    let severity = if slip.code == Code::PinSyntax { Severity::Error } else { Severity::Warning };
    let finding = Finding::new(severity, slip.code, "the pin document", slip.message.clone()).hint(slip.hint.clone());
    SpannedFinding { key: None, at: slip.at.clone(), finding }
}

/// Reports pins for db nodes or services that the group does not have, and a group pin in a stack, whose
/// services must be pinned by name.
fn strangers(group: &GroupKey, doc: &PinDoc, world: &World) -> Vec<SpannedFinding> {
    let mut found = Vec::new();
    let known: BTreeSet<PinScope> = world.members(group).flat_map(|service| pins::keys_of(group, service)).collect();
    let sections = doc.headers.iter().chain(doc.place.iter().filter(|(key, _)| **key == PinScope::Group));
    for (key, at) in sections {
        let subject = key.to_string();
        if *key == PinScope::Group && group.kind == GroupKind::Stack && doc.pins.contains_key(key) {
            let members = members(group, world);
            let finding = Finding::new(
                Severity::Error,
                Code::PinUnknown,
                subject,
                "the services of a stack need separate pins: one image for all of them is a mistake",
            )
            .hint(format!("pin them by name: {}", members.join(", ")));
            found.push(SpannedFinding { key: Some(key.clone()), at: at.clone(), finding });
        } else if *key != PinScope::Group && !known.contains(key) {
            let (what, name) = match key {
                PinScope::Service(name) => ("service", name),
                PinScope::Member(name) => ("db node", name),
                PinScope::Group => continue,
            };
            let pinned = doc.pins.contains_key(key);
            let severity = if pinned { Severity::Error } else { Severity::Info };
            let finding = Finding::new(severity, Code::PinUnknown, subject, format!("{group} has no {what} `{name}`"))
                .hint(format!("choose one of: {}", members(group, world).join(", ")));
            found.push(SpannedFinding { key: Some(key.clone()), at: at.clone(), finding });
        }
    }
    found
}

/// Returns the names by which a group's services can be pinned, sorted.
pub fn members(group: &GroupKey, world: &World) -> Vec<String> {
    let names: BTreeSet<String> = world.members(group).map(crate::swarm::member_of).collect();
    names.into_iter().collect()
}
