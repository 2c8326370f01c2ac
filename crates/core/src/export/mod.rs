//! The permanent fix: the pinned images in the format of the tool that owns the services, so that its next deploy or
//! reconcile brings the same images.
//!
//! For a database this is a part of its spec in the format of pgEdge's control plane
//! (`github.com/pgEdge/control-plane`, `api/apiv1/design/database.go`), for a stack the lines of its stack
//! file, and for a single service a command.

mod pgedge;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::image::ImageRef;
use crate::pins;
use crate::pins::PinDoc;
use crate::pins::{EffectiveImage, ImageOrigin, effective};
use crate::plan::{Plan, Unit, UnitAction};
use crate::registry::Facts;
use crate::sanitize::clean;
use crate::swarm::Service;
use crate::swarm::{GroupKey, GroupKind, member_of};
use crate::world::World;

/// The format of a permanent fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FixFormat {
    /// JSON: a part of a database's spec for pgEdge's API.
    PgedgeApi,
    /// YAML: lines of a stack file.
    StackFile,
    /// Shell: `docker service update` commands.
    Docker,
}

impl FixFormat {
    /// Returns the format of the tool that owns a group.
    pub fn of(group: &GroupKey) -> Self {
        match group.kind {
            GroupKind::Database => Self::PgedgeApi,
            GroupKind::Stack => Self::StackFile,
            GroupKind::Service => Self::Docker,
        }
    }
}

impl std::fmt::Display for FixFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PgedgeApi => "for pgEdge's API",
            Self::StackFile => "for the stack file",
            Self::Docker => "as a docker command",
        })
    }
}

/// A permanent fix as text that can be copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PermanentFix {
    /// The format of the text.
    pub form: FixFormat,
    /// The names of everything that the text sets an image for: `the database`, `n1`, `api`.
    pub holds: Vec<String>,
    /// The text, without a trailing line feed.
    pub text: String,
    /// Notes for the operator, one sentence each.
    pub notes: Vec<String>,
}

impl PermanentFix {
    /// Describes the fix in one line.
    pub fn describe(&self) -> String {
        let holds = if self.holds.is_empty() { "versions only, no image".to_owned() } else { self.holds.join(", ") };
        format!("the permanent fix {}: {holds}", self.form)
    }
}

/// Creates the fix for a pin document: the one in force, or an edited one with `before` as the one
/// in force. `None` if it pins nothing.
pub fn of_pins(group: &GroupKey, doc: &PinDoc, before: &PinDoc, world: &World, facts: &Facts) -> Option<PermanentFix> {
    FixInput { group, doc, before, units: &[], world, facts }.fix()
}

/// Creates the fix for the result of a plan, before or after it was applied. `None` if the plan has no result to keep.
pub fn of_plan(plan: &Plan, world: &World, facts: &Facts) -> Option<PermanentFix> {
    let read = |text: &Option<String>| text.as_deref().map(pins::read).unwrap_or_default();
    let (doc, before) = (read(&plan.pins_after), read(&plan.pins_before));
    FixInput { group: &plan.group, doc: &doc, before: &before, units: &plan.units, world, facts }.fix()
}

/// The input of a fix; `units` is empty unless it is made for a plan.
struct FixInput<'a> {
    group: &'a GroupKey,
    doc: &'a PinDoc,
    before: &'a PinDoc,
    units: &'a [Unit],
    world: &'a World,
    facts: &'a Facts,
}

/// A service with the image that the fix sets.
#[derive(Clone, Debug)]
struct ExportedService<'a> {
    service: &'a Service,
    /// The image, with its digest if known.
    image: ImageRef,
    /// The version of the manifest if the image comes from the version manifest and no pin names it; may be empty.
    by_manifest: Option<String>,
}

/// The reason why a service is not in the fix: no pin covers it, or it is left out for the given reason.
enum Omission {
    Unwished,
    Out(&'static str),
}

impl<'a> FixInput<'a> {
    fn fix(&self) -> Option<PermanentFix> {
        let (mut kept, mut notes) = (Vec::new(), Vec::new());
        let mut out: Vec<(&'static str, Vec<String>)> = Vec::new();
        for service in self.world.members(self.group) {
            match self.kept(service) {
                Ok(one) => kept.push(one),
                Err(Omission::Unwished) => {}
                Err(Omission::Out(why)) => match out.iter_mut().find(|(known, _)| *known == why) {
                    Some((_, names)) => names.push(clean(&service.name)),
                    None => out.push((why, vec![clean(&service.name)])),
                },
            }
        }
        for (why, names) in out {
            notes.push(format!("left out ({why}): {}", names.join(", ")));
        }
        let by_tag: Vec<_> =
            kept.iter().filter(|one| one.by_manifest.is_none() && one.image.digest.is_none()).collect();
        if !by_tag.is_empty() {
            let names = by_tag.iter().map(|one| clean(&one.service.name)).collect::<Vec<_>>().join(", ");
            notes.push(format!("tag only, and a tag may move: {names}"));
        }
        if kept.is_empty() {
            return None;
        }
        let form = FixFormat::of(self.group);
        let (text, holds, more) = match form {
            FixFormat::PgedgeApi => pgedge::fragment(self, &kept),
            FixFormat::StackFile => stack_file(&kept),
            FixFormat::Docker => command(&kept),
        };
        notes.extend(more);
        (!text.is_empty()).then_some(PermanentFix { form, holds, text, notes })
    }

    /// Returns the image that the fix sets for a service.
    fn kept(&self, service: &'a Service) -> Result<ExportedService<'a>, Omission> {
        let unit = self.units.iter().find(|unit| unit.service_id == service.id);
        if unit.is_some_and(|unit| unit.action == UnitAction::Blocked) {
            return Err(Omission::Out("blocked by an error"));
        }
        let moved = unit.filter(|unit| matches!(unit.action, UnitAction::Rollback | UnitAction::Update));
        let wished = effective(self.group, self.doc, self.before, service, self.world, self.facts);
        let by_manifest = match &wished.origin {
            ImageOrigin::Runs if moved.is_none() => return Err(Omission::Unwished),
            ImageOrigin::Manifest(_) | ImageOrigin::FallBack => Some(wished.version.clone().unwrap_or_default()),
            ImageOrigin::Pin(_) | ImageOrigin::Runs => None,
        };
        let text = match moved {
            Some(unit) => unit.to.image.clone(),
            None => self.resolved(service, &wished).ok_or(Omission::Out("image not known"))?,
        };
        let image = ImageRef::parse(&text).map_err(|_| Omission::Out("not a valid image reference"))?;
        Ok(ExportedService { service, image, by_manifest })
    }

    /// Returns the effective image with a digest: that of the running service if it has the same tag, else that
    /// of the registry. What was applied counts more than what the tag names now.
    fn resolved(&self, service: &Service, wished: &EffectiveImage) -> Option<String> {
        let text = wished.image.clone()?;
        let floating = self.doc.rules_for(self.group, service).floating.unwrap_or(false);
        let Ok(image) = ImageRef::parse(&text) else { return Some(text) };
        if image.digest.is_some() || floating {
            return Some(text);
        }
        let runs = ImageRef::parse(service.image()).ok();
        let runs = runs.filter(|runs| runs.digest.is_some() && runs.without_digest() == image.text);
        let known = || self.facts.image(&image.text).known().map(|fact| image.pinned(&fact.digest));
        Some(runs.map(|runs| runs.text).or_else(known).unwrap_or(text))
    }
}

/// The formatted parts of a fix: its text, the names it sets an image for, and its notes.
type RenderedFix = (String, Vec<String>, Vec<String>);

/// Formats the lines of a stack file, one service each, with the names that the file uses.
fn stack_file(kept: &[ExportedService<'_>]) -> RenderedFix {
    let names: Vec<String> = kept.iter().map(|one| member_of(one.service)).collect();
    let lines = kept.iter().zip(&names);
    let lines = lines.map(|(one, name)| format!("\n  {}:\n    image: {}", scalar(name), scalar(&one.image.text)));
    let text = format!("services:{}", lines.collect::<String>());
    (text, names.iter().map(|name| clean(name)).collect(), Vec::new())
}

/// Formats a text as a YAML scalar: plain if it cannot be read as anything else, else quoted.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"];
    let text = clean(text);
    let safe = |c: char| c.is_ascii_alphanumeric() || "._/@:+-".contains(c);
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(safe)
        && !text.ends_with(':')
        && !WORDS.contains(&text.to_lowercase().as_str());
    if plain { text } else { serde_json::Value::from(text).to_string() }
}

fn command(kept: &[ExportedService<'_>]) -> RenderedFix {
    let lines: Vec<_> = kept.iter().map(|one| update(&one.image.text, &one.service.name)).collect();
    let holds = kept.iter().map(|one| clean(&one.service.name)).collect();
    (lines.join("\n"), holds, Vec::new())
}

/// Returns the `docker` command that sets the image of a service.
pub fn update(image: &str, service: &str) -> String {
    format!("docker service update --image {} {}", quoted(image), quoted(service))
}

/// Quotes a word for a shell, if necessary.
fn quoted(text: &str) -> String {
    let text = clean(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
