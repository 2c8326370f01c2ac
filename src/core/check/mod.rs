//! Checks: what is remarkable about a pin document and the images it names, in their place.

mod image;

pub use image::{about_image, failure};

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::finding::{Code, Finding, Severity};
use super::group::{GroupKey, GroupKind};
use super::image::ImageRef;
use super::pins::{PinDoc, PinKey, covers};
use super::registry::Facts;
use super::swarm::Service;
use super::world::World;

/// A finding of a pin document, with its place there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The pin it is about; `None` for a slip of the text.
    pub key: Option<PinKey>,
    /// The bytes of the document it concerns.
    pub at: Range<usize>,
    /// The finding.
    pub finding: Finding,
}

/// Everything remarkable about a pin document, in the order of its text.
pub fn document(group: &GroupKey, doc: &PinDoc, world: &World, facts: &Facts) -> Vec<Placed> {
    let mut found: Vec<Placed> = doc.slips.iter().map(slip).collect();
    found.extend(strangers(group, doc, world));
    for (key, services) in in_force(group, doc, world) {
        let (Some(text), Some(at)) = (doc.pins.get(key), doc.place.get(key)) else { continue };
        match ImageRef::parse(text) {
            Err(error) => {
                let offset = (at.start + 1 + error.at).min(at.end);
                let finding = about_reference(&error.to_string(), text).on(names(&services));
                found.push(Placed { key: Some(key.clone()), at: offset..at.end, finding });
            }
            Ok(image) => found.extend(about_image(&image, &services, world, facts).into_iter().map(|finding| Placed {
                key: Some(key.clone()),
                at: at.clone(),
                finding,
            })),
        }
    }
    found.sort_by_key(|placed| (placed.at.start, placed.finding.severity));
    found
}

/// The references whose facts a document's check asks for: those in force and well formed.
pub fn wants(group: &GroupKey, doc: &PinDoc, world: &World) -> BTreeSet<String> {
    let pinned = in_force(group, doc, world).into_keys().filter_map(|key| doc.pins.get(key));
    pinned.filter_map(|text| ImageRef::parse(text).ok()).map(|image| image.text).collect()
}

/// A malformed reference.
pub fn about_reference(message: &str, text: &str) -> Finding {
    Finding::new(Severity::Error, Code::ReferenceSyntax, format!("`{text}`"), message)
        .hint("an image is `[registry[:port]/]repository[:tag][@sha256:…]`")
}

fn names(services: &[&Service]) -> Vec<String> {
    services.iter().map(|service| service.name.clone()).collect()
}

fn slip(slip: &super::pins::Slip) -> Placed {
    let severity = if slip.code == Code::PinSyntax { Severity::Error } else { Severity::Warning };
    let finding = Finding::new(severity, slip.code, "the pin document", slip.message.clone()).hint(slip.hint.clone());
    Placed { key: None, at: slip.at.clone(), finding }
}

/// The services for which each pin is the one in force.
fn in_force<'a>(group: &GroupKey, doc: &'a PinDoc, world: &'a World) -> BTreeMap<&'a PinKey, Vec<&'a Service>> {
    let mut found: BTreeMap<&PinKey, Vec<&Service>> = BTreeMap::new();
    for service in world.members(group) {
        if let Some((key, _)) = doc.effective(group, service) {
            found.entry(key).or_default().push(service);
        }
    }
    found
}

/// Pins that concern no service, and a group pin where there can be none.
fn strangers(group: &GroupKey, doc: &PinDoc, world: &World) -> Vec<Placed> {
    let mut found = Vec::new();
    let sections = doc.headers.iter().chain(doc.place.iter().filter(|(key, _)| **key == PinKey::Group));
    for (key, at) in sections {
        let subject = key.to_string();
        if *key == PinKey::Group && group.kind == GroupKind::Stack && doc.pins.contains_key(key) {
            let members = members(group, world);
            let finding = Finding::new(
                Severity::Error,
                Code::PinUnknown,
                subject,
                "a stack's services have images of their own: one image for all of them is a mistake",
            )
            .hint(format!("pin them by name: {}", members.join(", ")));
            found.push(Placed { key: Some(key.clone()), at: at.clone(), finding });
        } else if *key != PinKey::Group && !world.members(group).any(|service| covers(key, group, service)) {
            let (what, name) = match key {
                PinKey::Service(name) => ("service", name),
                PinKey::Member(name) => ("db node", name),
                PinKey::Group => continue,
            };
            let pinned = doc.pins.contains_key(key);
            let severity = if pinned { Severity::Error } else { Severity::Info };
            let finding = Finding::new(severity, Code::PinUnknown, subject, format!("{group} has no {what} `{name}`"))
                .hint(format!("it has: {}", members(group, world).join(", ")));
            found.push(Placed { key: Some(key.clone()), at: at.clone(), finding });
        }
    }
    found
}

/// The names a group's services can be pinned by.
pub fn members(group: &GroupKey, world: &World) -> Vec<String> {
    let names: BTreeSet<String> = world.members(group).map(super::group::member_of).collect();
    names.into_iter().collect()
}
