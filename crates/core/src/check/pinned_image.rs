//! The images that a pin document sets for its group, each with its services.

use std::ops::Range;

use crate::check::subject;
use crate::check::subject::{CheckSubject, SubjectOrigin};
use crate::check::{about_image, about_reference};
use crate::finding::{Code, Finding, Severity};
use crate::image::ImageRef;
use crate::pins::{EffectiveImage, ImageOrigin, effective};
use crate::pins::{PinDoc, PinScope};
use crate::registry::Facts;
use crate::swarm::GroupKey;
use crate::swarm::Service;
use crate::world::World;

/// An image that a document sets for some services, or the reason why there is none.
pub(super) struct PinnedImage<'a> {
    /// The pin that sets the image; `None` if the pin of these services was cleared.
    pub key: Option<PinScope>,
    /// The cleared pin, if `key` is `None`.
    cleared: Option<PinScope>,
    /// The image text with its origin, or the problem that prevents one.
    pub effective: EffectiveImage,
    /// The parsed reference; `None` if the image is unknown or malformed.
    pub image: Option<ImageRef>,
    /// The mistake in a malformed reference: its byte offset, and a message.
    pub mistake: Option<(usize, String)>,
    /// The services that share this pin and image.
    pub services: Vec<&'a Service>,
}

/// Groups the members of a group by pin and effective image. Services without a pin, now and before, are left out.
pub(super) fn wishes<'a>(
    group: &GroupKey,
    doc: &PinDoc,
    before: &PinDoc,
    world: &'a World,
    facts: &Facts,
) -> Vec<PinnedImage<'a>> {
    let mut found: Vec<PinnedImage<'a>> = Vec::new();
    for service in world.members(group) {
        let effective = effective(group, doc, before, service, world, facts);
        let key = match &effective.origin {
            ImageOrigin::Pin(key) | ImageOrigin::Manifest(key) => Some(key.clone()),
            ImageOrigin::FallBack | ImageOrigin::Runs => None,
        };
        let cleared = if key.is_none() { before.effective(group, service).map(|(key, _)| key.clone()) } else { None };
        if key.is_none() && cleared.is_none() {
            continue;
        }
        let same = |known: &&mut PinnedImage<'_>| {
            (&known.key, &known.cleared, &known.effective) == (&key, &cleared, &effective)
        };
        if let Some(known) = found.iter_mut().find(same) {
            known.services.push(service);
            continue;
        }
        let read = effective.image.as_deref().map(ImageRef::parse);
        let mistake = read.as_ref().and_then(|read| read.as_ref().err()).map(|error| (error.at, error.to_string()));
        let image = read.and_then(Result::ok);
        found.push(PinnedImage { key, cleared, effective, image, mistake, services: vec![service] });
    }
    found
}

impl PinnedImage<'_> {
    /// Returns the byte range of the pin's value in the document; for a cleared pin, that of its section's name.
    pub fn place(&self, doc: &PinDoc) -> Range<usize> {
        let header = self.cleared.as_ref().and_then(|key| doc.headers.get(key));
        let place = self.key.as_ref().and_then(|key| doc.place.get(key)).or(header);
        place.cloned().unwrap_or(0..0)
    }

    pub fn findings(&self, group: &GroupKey, doc: &PinDoc, world: &World, facts: &Facts) -> Vec<Finding> {
        let names = || self.services.iter().map(|service| service.name.clone());
        let subject = subject::subject(&self.services, world);
        let text = self.effective.image.clone().unwrap_or_default();
        if let Some((_, message)) = &self.mistake {
            return vec![about_reference(message, &text).on(names())];
        }
        let mut found = Vec::new();
        match (&self.effective.origin, &self.effective.problem) {
            (ImageOrigin::Manifest(_), Some(problem)) => {
                let hint = "set a version that it has (`postgres_version`, `spock_version`), or name an image";
                found.push(
                    Finding::new(Severity::Error, Code::VersionUnknown, subject, problem.clone())
                        .hint(hint)
                        .on(names()),
                );
            }
            (ImageOrigin::FallBack | ImageOrigin::Runs, _) => found.extend(self.falls_back(subject)),
            _ => {}
        }
        // An image that a service only keeps after its pin was cleared is not checked as a pin.
        if let (Some(image), false) = (&self.image, self.effective.origin == ImageOrigin::Runs) {
            let by = if matches!(self.effective.origin, ImageOrigin::Pin(_)) {
                SubjectOrigin::Pin(doc)
            } else {
                SubjectOrigin::Manifest(doc)
            };
            found.extend(about_image(&CheckSubject {
                group,
                services: self.services.clone(),
                world,
                facts,
                image,
                by,
            }));
        }
        found
    }

    fn falls_back(&self, subject: String) -> Option<Finding> {
        let (image, version) = (self.effective.image.as_deref()?, self.effective.version.as_deref());
        let message = match (version, &self.effective.problem) {
            (Some(version), _) => {
                format!("its pin is cleared: falls back to {image}, the manifest image for {version}")
            }
            (None, Some(problem)) => format!("its pin is cleared: keeps what it runs, {image} ({problem})"),
            (None, None) => format!("its pin is cleared: keeps what it runs, {image}"),
        };
        let hint = "press `R` to roll back instead, or set `image = \"…\"` to another image";
        Some(Finding::new(Severity::Info, Code::FallsBack, subject, message).hint(hint))
    }
}
