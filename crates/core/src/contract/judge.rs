//! The check of an image against a contract.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CommandRule, Contract, FileRules, Glob, MetadataRule, UserRule};
use crate::image::{ImageRef, Platform};
use crate::image_tag::constancy;
use crate::registry::{BASE_NAME, named_base};
use crate::registry::{FileEntry, FileKind, ImageInfo};
use crate::size::size;

/// The maximum number of paths that a message lists for one broken rule.
const NAMED: usize = 3;

/// A contract rule that an image breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Violation {
    /// The name of the rule: `tag`, `immutable`, `platform`, `size`, `label`, `annotation`, `command`,
    /// `user`, `base`, `file-required`, `file-forbidden`, `file-only`.
    pub rule: String,
    /// The problem, preceded by the platforms if only some break the rule.
    pub message: String,
    /// The next step for whoever builds the image; may be empty.
    pub hint: String,
}

/// The image of one platform, with its files if they were read.
#[derive(Clone, Copy, Debug)]
pub struct PlatformImage<'a> {
    /// The image's description. Its `entries`, if any, are those of the index, and list all platforms.
    pub about: &'a ImageInfo,
    /// The image's files; `None` if its layers were not read.
    pub files: Option<&'a [FileEntry]>,
}

/// Checks an image against a contract and returns the broken rules, sorted; empty if the image complies.
///
/// The image of each platform is checked. If only some platforms break a rule, the message names them.
/// Rules about files are skipped for a platform whose files were not read: see [`Contract::wants_files`].
pub(crate) fn violations(contract: &Contract, image: &ImageRef, sides: &[PlatformImage<'_>]) -> Vec<Violation> {
    let mut found = about_reference(contract, image);
    found.extend(about_platforms(contract, sides));
    // The platforms that break each rule, in the order of the sides.
    let mut broken: BTreeMap<Violation, Vec<String>> = BTreeMap::new();
    for side in sides {
        let platform = side.about.platform.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        let mut breaches = about_config(contract, side.about);
        breaches.extend(side.files.into_iter().flat_map(|files| about_files(&contract.files, files)));
        for breach in breaches {
            broken.entry(breach).or_default().push(platform.clone());
        }
    }
    found.extend(broken.into_iter().map(|(breach, platforms)| {
        if platforms.len() == sides.len() {
            return breach;
        }
        Violation { message: format!("{}: {}", platforms.join(", "), breach.message), ..breach }
    }));
    found.sort();
    found.dedup();
    found
}

fn breach(rule: &str, message: impl Into<String>, hint: impl Into<String>) -> Violation {
    Violation { rule: rule.to_owned(), message: message.into(), hint: hint.into() }
}

/// Joins patterns in backticks: `a` or `b` or `c`.
fn either(globs: &[Glob]) -> String {
    let texts: Vec<String> = globs.iter().map(|glob| format!("`{}`", glob.as_str())).collect();
    texts.join(" or ")
}

fn about_reference(contract: &Contract, image: &ImageRef) -> Vec<Violation> {
    let mut found = Vec::new();
    let tag = image.tag.as_deref().or_else(|| image.digest.is_none().then_some("latest"));
    if !contract.tags.is_empty() {
        let hint = format!("push it under a tag like {}", either(&contract.tags));
        match tag {
            Some(tag) if contract.tags.iter().any(|glob| glob.matches(tag)) => {}
            Some(tag) => {
                found.push(breach("tag", format!("the tag `{tag}` does not match {}", either(&contract.tags)), hint));
            }
            None => found.push(breach("tag", "the reference has a digest, but no tag", hint)),
        }
    }
    if contract.immutable
        && image.digest.is_none()
        && let Some(verdict) = tag.map(constancy).filter(|verdict| verdict.floats())
    {
        let message = format!("the tag `{}` may move: {}", tag.unwrap_or_default(), verdict.why());
        let hint = "use a tag with a full version, a date or a commit, or add the digest";
        found.push(breach("immutable", message, hint));
    }
    found
}

fn about_platforms(contract: &Contract, sides: &[PlatformImage<'_>]) -> Vec<Violation> {
    let listed = sides.iter().flat_map(|side| side.about.entries.iter());
    let listed = listed.filter(|entry| entry.kind.is_empty()).filter_map(|entry| entry.platform.as_ref());
    let made_for: Vec<&Platform> = listed.chain(sides.iter().filter_map(|side| side.about.platform.as_ref())).collect();
    let all: Vec<String> = contract.platforms.iter().map(ToString::to_string).collect();
    let missing = contract.platforms.iter().filter(|platform| !made_for.contains(platform));
    let hint = format!("build it with `docker buildx build --platform {}`", all.join(","));
    missing.map(|platform| breach("platform", format!("it is not built for {platform}"), hint.clone())).collect()
}

fn about_config(contract: &Contract, about: &ImageInfo) -> Vec<Violation> {
    let mut found = Vec::new();
    if let Some(most) = contract.most.filter(|most| about.size() > *most) {
        let (has, may) = (size(about.size()), size(most));
        // The rounded sizes look equal, so bytes are shown.
        let (has, may) = if has == may { (format!("{} B", about.size()), format!("{most} B")) } else { (has, may) };
        let message = format!("its layers have {has}, more than {may}");
        found.push(breach("size", message, "use a multi-stage build to leave out what is not needed to run it"));
    }
    let command: Vec<&str> = about.config.entrypoint.iter().chain(&about.config.cmd).map(String::as_str).collect();
    match contract.command {
        CommandRule::Required if !about.has_command() => {
            let hint = "set `ENTRYPOINT` or `CMD`";
            found.push(breach("command", "it has neither an entry point nor a command", hint));
        }
        CommandRule::None if about.has_command() => {
            let message = format!("it has a command, `{}`, but should have none", command.join(" "));
            found.push(breach("command", message, "build it `FROM scratch`, without `ENTRYPOINT` and `CMD`"));
        }
        _ => {}
    }
    found.extend(about_user(contract, about));
    if !contract.bases.is_empty() {
        let hint = format!("build it on {}, with the annotation `{}`", either(&contract.bases), BASE_NAME);
        match named_base(about) {
            None => found.push(breach("base", "it does not name its base image", hint)),
            Some(name) if contract.bases.iter().any(|glob| glob.matches(name)) => {}
            Some(name) => {
                found.push(breach(
                    "base",
                    format!("its base image `{name}` does not match {}", either(&contract.bases)),
                    hint,
                ));
            }
        }
    }
    found.extend(about_notes("label", &contract.labels, &about.config.labels));
    found.extend(about_notes("annotation", &contract.annotations, &about.annotations));
    found
}

fn about_user(contract: &Contract, about: &ImageInfo) -> Option<Violation> {
    let user = about.config.user.as_str();
    let root = matches!(user.split(':').next(), None | Some("" | "root" | "0"));
    let shown = if user.is_empty() { "root" } else { user };
    match contract.user.as_ref()? {
        UserRule::NotRoot if root => Some(breach("user", "it runs as root", "set `USER` to another user")),
        UserRule::Matches(glob) if !glob.matches(shown) => {
            let hint = format!("set `USER` to {}", glob.as_str());
            Some(breach("user", format!("it runs as `{shown}`, not as `{}`", glob.as_str()), hint))
        }
        _ => None,
    }
}

fn about_notes(
    what: &str,
    demands: &BTreeMap<String, MetadataRule>,
    notes: &BTreeMap<String, String>,
) -> Vec<Violation> {
    let add = |key: &str| match what {
        "label" => format!("add `LABEL {key}=…` to its Dockerfile"),
        _ => format!("build it with `docker buildx build --annotation {key}=…`"),
    };
    let check = |(key, demand): (&String, &MetadataRule)| {
        let value = notes.get(key).filter(|value| !value.trim().is_empty());
        match (demand, value) {
            (MetadataRule::Present, Some(_)) | (MetadataRule::Absent, None) => None,
            (MetadataRule::Present | MetadataRule::Matches(_), None) => {
                Some(breach(what, format!("the {what} {key} is missing"), add(key)))
            }
            (MetadataRule::Absent, Some(_)) => {
                Some(breach(what, format!("the {what} {key} must not exist"), format!("build it without {key}")))
            }
            (MetadataRule::Matches(glob), Some(value)) if glob.matches(value) => None,
            (MetadataRule::Matches(glob), Some(value)) => {
                let message = format!("the {what} {key} is `{value}`, but must match `{}`", glob.as_str());
                Some(breach(what, message, format!("set it to a value that matches `{}`", glob.as_str())))
            }
        }
    };
    demands.iter().filter_map(check).collect()
}

fn about_files(rules: &FileRules, files: &[FileEntry]) -> Vec<Violation> {
    let files: Vec<&str> =
        files.iter().filter(|file| file.kind != FileKind::Dir).map(|file| file.path.as_str()).collect();
    let mut found = Vec::new();
    for glob in &rules.required {
        if !files.iter().any(|file| glob.matches(file)) {
            let message = format!("it has no file `{}`", glob.as_str());
            found.push(breach("file-required", message, "copy it to this path when the image is built"));
        }
    }
    for glob in &rules.forbidden {
        let bad: Vec<&str> = files.iter().copied().filter(|file| glob.matches(file)).collect();
        if !bad.is_empty() {
            let message = format!("it has {}: forbidden by `{}`", some(&bad), glob.as_str());
            found.push(breach("file-forbidden", message, "leave it out: an upper layer that deletes it is enough"));
        }
    }
    if !rules.only.is_empty() {
        let stray = |file: &&str| !rules.only.iter().any(|glob| glob.matches(file));
        let bad: Vec<&str> = files.iter().copied().filter(stray).collect();
        if !bad.is_empty() {
            let message = format!("it has {}, but should have only {}", some(&bad), either(&rules.only));
            found.push(breach("file-only", message, "copy only what is needed into the last stage of the build"));
        }
    }
    found
}

/// Lists the first few paths, and the number of the others.
fn some(paths: &[&str]) -> String {
    let first: Vec<String> = paths.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
    match paths.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
