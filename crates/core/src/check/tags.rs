//! Checks of tags and digests: whether they match, and whether the tag can move.

use crate::check::subject::{CheckSubject, ServiceFinding, SubjectOrigin};
use crate::finding::{Code, Finding, Severity};
use crate::image::ImageRef;
use crate::image_tag::constancy;
use crate::registry::{Facts, LookupError};
use crate::swarm::Service;

/// Reports a reference with neither tag nor digest.
pub(crate) fn no_tag(case: &CheckSubject<'_>) -> Option<Finding> {
    let image = case.image;
    if image.tag.is_some() || image.digest.is_some() {
        return None;
    }
    let message = format!("image \"{}\" names neither a tag nor a digest", image.text);
    let running = case.services.iter().filter_map(|service| ImageRef::parse(service.image()).ok());
    let running = running.filter(|running| running.same_repository(image)).find_map(|running| running.tag);
    let hint = match running {
        Some(tag) => format!("add a tag; `{tag}` runs now. Without one, each node would pull `latest`"),
        None => "add a tag; without one, each node would pull whatever `latest` names then".to_owned(),
    };
    Some(case.all(Severity::Error, Code::NoTag, message).hint(hint))
}

/// Returns the findings about the tag and digest of a pin.
pub fn check(case: &CheckSubject<'_>) -> Vec<Finding> {
    let SubjectOrigin::Pin(doc) = case.by else { return Vec::new() };
    let mut found = Vec::new();
    found.extend(disagree(case));
    found.extend(case.each(|service| {
        let tag = case.image.tag.as_deref().filter(|_| case.image.digest.is_none())?;
        let floating = doc.rules_for(case.group, service).floating.unwrap_or(false) && constancy(tag).floats();
        floating.then(|| {
            let message = format!("`{tag}` {}, and the pin keeps it floating", tail(constancy(tag).why()));
            let hint = "remove `floating = true`: the plan then fixes the digest";
            ServiceFinding::new(Severity::Warning, Code::FloatingTag, message, hint)
        })
    }));
    found.extend(case.each(|service| moved(case.image, service, case.facts)));
    found
}

/// Strips the leading `it ` of a reason, for use after a tag: `it names no version` becomes `names no version`.
fn tail(why: &str) -> &str {
    why.strip_prefix("it ").unwrap_or(why)
}

fn disagree(case: &CheckSubject<'_>) -> Option<Finding> {
    let (tag, digest) = (case.image.tag.as_deref()?, case.image.digest.as_ref()?);
    let named = case.facts.image(case.image.without_digest());
    let now = named.known()?;
    if now.digest == *digest {
        return None;
    }
    let (index, part) = (now.digest.short(), digest.short());
    if now.children.contains(digest) {
        let platform = case.fact().and_then(|fact| fact.platforms.as_ref()?.first().map(ToString::to_string));
        let platform = platform.unwrap_or_else(|| "one platform's".to_owned());
        let message = format!("@{part} is the {platform} part of `{tag}`, not the whole image");
        let hint = format!("pin the index, which has all platforms of the image: {}", case.image.pinned(&now.digest));
        return Some(case.all(Severity::Warning, Code::ChildManifest, message).hint(hint));
    }
    // A floating tag is expected to be ahead of the pinned digest; a fixed tag that disagrees is probably a
    // mistake.
    let severity = if constancy(tag).floats() || case.ran_here() { Severity::Info } else { Severity::Warning };
    let message = format!("`{tag}` names @{index} now; the pinned @{part} will run");
    let hint = format!("the engine ignores the tag; to run what it names now, pin {}", case.image.without_digest());
    Some(case.all(severity, Code::TagDigest, message).hint(hint))
}

/// Reports that the tag of the running image names another image now, if the pin `image` is that tag
/// without a digest.
fn moved(image: &ImageRef, service: &Service, facts: &Facts) -> Option<ServiceFinding> {
    let running = ImageRef::parse(service.image()).ok()?;
    (image.digest.is_none() && running.without_digest() == image.text).then(|| tag_moved(&running, facts)).flatten()
}

/// Reports that the tag of a running image names another digest now.
pub(crate) fn tag_moved(running: &ImageRef, facts: &Facts) -> Option<ServiceFinding> {
    let (tag, digest) = (running.tag.as_deref()?, running.digest.as_ref()?);
    let now = facts.image(running.without_digest()).known()?;
    if now.digest == *digest || now.children.contains(digest) {
        return None;
    }
    let message = format!("`{tag}` names @{} now; @{} runs", now.digest.short(), digest.short());
    let hint = "pin the tag to run what it names now; nothing changes automatically";
    Some(ServiceFinding::new(Severity::Info, Code::TagMoved, message, hint))
}

/// Reports that a service's image is no longer in its registry. `up`: tasks of the service run.
pub fn gone(running: &ImageRef, facts: &Facts, up: bool) -> Option<ServiceFinding> {
    if !matches!(facts.image(&running.text).failed(), Some(LookupError::NotFound)) {
        return None;
    }
    let what = running.digest.as_ref().map_or_else(|| running.short(true), |digest| format!("@{}", digest.short()));
    let (verb, has) = if up { ("runs", "no longer has it") } else { ("should run", "does not have it") };
    let message = format!("{what} {verb}, but {} {has}", running.host);
    let hint = "it restarts only on nodes that have it cached: push it again, or change to an image that exists";
    Some(ServiceFinding::new(Severity::Warning, Code::DigestGone, message, hint))
}
