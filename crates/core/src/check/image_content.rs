//! Checks of an image's contents: contract, command and base image.

use std::collections::BTreeSet;

use crate::check::subject::{CheckSubject, ServiceFinding, SubjectOrigin};
use crate::contract::{PlatformImage, violations};
use crate::finding::{Code, Finding, Severity};
use crate::image::{Digest, ImageRef};
use crate::registry::FactQuery;
use crate::registry::{BaseStatus, base_verdict};
use crate::registry::{Fact, FactSource, Facts, ImageInfo};
use crate::swarm::Service;

/// The annotation that holds an image's title (OCI image-spec, annotations).
const TITLE: &str = "org.opencontainers.image.title";

/// Returns the findings about the image's contract, command and base image.
///
/// Command and base image are checked only once the image's description is known.
pub fn check(case: &CheckSubject<'_>) -> Vec<Finding> {
    let mut found = contract(case, case.image_info());
    let Some(about) = case.image_info() else { return found };
    found.extend(no_command(case, about));
    found.extend(case.each(|service| outdated(case.image, about, base_named(case, service).as_deref(), case.facts)));
    found
}

/// Reports an image that has neither an entry point nor a command, unless the service sets a command.
/// Extension-only images have no server and no shell (`CloudNativePG` mounts them as volumes), so a command
/// of the service does not help there.
fn no_command(case: &CheckSubject<'_>, about: &ImageInfo) -> Vec<Finding> {
    if about.has_command() {
        return Vec::new();
    }
    let text = &case.image.text;
    let extension = [about.note(TITLE).unwrap_or_default(), &case.image.path].iter().any(|name| name.ends_with("-ext"));
    case.each(|service| {
        if service.own_command && !extension {
            return None;
        }
        let what = if extension { "an extension-only image" } else { "an image without a command" };
        let message = format!("image \"{text}\" has neither entry point nor command: {what} cannot run as a service");
        let hint = "pin the server's image; build extensions into that image";
        Some(ServiceFinding::new(Severity::Error, Code::NoCommand, message, hint))
    })
}

/// Reports the rules that the image breaks of the contract named in the pin document. Rules about files
/// need the layers and are left to `pinnace inspect`.
fn contract(case: &CheckSubject<'_>, about: Option<&ImageInfo>) -> Vec<Finding> {
    let (SubjectOrigin::Pin(doc) | SubjectOrigin::Manifest(doc)) = case.by else { return Vec::new() };
    let mut found: Vec<Finding> = Vec::new();
    let names: BTreeSet<String> =
        case.services.iter().filter_map(|service| doc.rules_for(case.group, service).contract).collect();
    for name in names {
        let set = |service: &Service| doc.rules_for(case.group, service).contract.as_deref() == Some(&*name);
        let said: Vec<ServiceFinding> = match case.facts.contract(&name) {
            Err((why, hint)) => vec![ServiceFinding::new(Severity::Error, Code::ContractBroken, why, hint)],
            Ok(contract) => about.map_or_else(
                || unjudged(case, &name).into_iter().collect(),
                |about| {
                    let breaches =
                        violations(&contract, case.image, &[PlatformImage { about, files: None }]).into_iter();
                    let said = breaches.map(|breach| {
                        let message = format!("contract {name}: {}", breach.message);
                        ServiceFinding::new(Severity::Error, Code::ContractBroken, message, breach.hint)
                    });
                    said.collect()
                },
            ),
        };
        for said in said {
            found.extend(case.each(|service| set(service).then(|| said.clone())));
        }
    }
    found
}

/// Warns that a contract was not checked: the image exists, but the registry does not describe it. An
/// operator who sets a contract must learn that it was skipped.
fn unjudged(case: &CheckSubject<'_>, name: &str) -> Option<ServiceFinding> {
    let fact = case.facts.image(&case.image.text);
    let told = |digest: &Digest| case.facts.image_info(&case.image.by_digest(digest)).failed().is_some();
    let lost = match fact {
        Fact::Known { value, via, .. } => *via != FactSource::Registry || told(&value.digest),
        _ => false,
    };
    lost.then(|| {
        let message = format!("could not check contract {name}: the registry does not describe the image");
        let hint = "log in, make the registry reachable from here, or remove `contract`";
        ServiceFinding::new(Severity::Warning, Code::ContractBroken, message, hint)
    })
}

/// Returns the base image that the pin document names for a service; it is used for images that name none.
fn base_named(case: &CheckSubject<'_>, service: &Service) -> Option<String> {
    match case.by {
        SubjectOrigin::Pin(doc) | SubjectOrigin::Manifest(doc) => doc.rules_for(case.group, service).base,
        SubjectOrigin::Back => None,
    }
}

/// Reports that the image is built on an older build of its base image. If the image names no base, `named`
/// is used, else the base from the configuration.
pub(crate) fn outdated(
    image: &ImageRef,
    about: &ImageInfo,
    named: Option<&str>,
    facts: &Facts,
) -> Option<ServiceFinding> {
    let named = named.or_else(|| facts.base_of(image));
    let (BaseStatus::Outdated { name, since, now }, _) = base_verdict(about, named, facts) else { return None };
    let since = since.map(|at| format!(" (built {})", at.date(0))).unwrap_or_default();
    let message = format!("{} is built on an older {name}, which is now @{}{since}", image.short(false), now.short());
    let hint = format!("rebuild it on {name}, then pin the new tag");
    Some(ServiceFinding::new(Severity::Info, Code::BaseOutdated, message, hint))
}

/// Returns the queries that must be answered before `outdated` can judge the base image.
pub(crate) fn base_wants(
    image: &ImageRef,
    about: &ImageInfo,
    named: Option<&str>,
    facts: &Facts,
) -> BTreeSet<FactQuery> {
    base_verdict(about, named.or_else(|| facts.base_of(image)), facts).1
}
