//! The texts of the completion list.

use pinnace_core::image::ImageRef;
use pinnace_core::registry::tags::{ImageRunState, TagCandidate};
use pinnace_core::registry::{Fact, LookupError};
use pinnace_core::registry::{Stability, VersionManifestOrigin};
use pinnace_core::sanitize::clean;
use pinnace_core::time::age;

use crate::action::{Action, KeyContext};
use crate::screens::pins::completion::{Completion, CompletionState};
use crate::state::{ClusterState, State};

/// Returns the title of the list: the repository, and its number of tags.
pub fn title(cluster: &ClusterState, list: &CompletionState) -> String {
    let Some(repository) = &list.repository else { return "images".to_owned() };
    let repository = clean(repository);
    let count = match cluster.facts.tags(repository.as_str()) {
        Fact::Known { value, .. } if value.cut => format!(" · the first {} tags", value.names.len()),
        Fact::Known { value, .. } if value.names.len() == 1 => " · 1 tag".to_owned(),
        Fact::Known { value, .. } => format!(" · {} tags", value.names.len()),
        Fact::Unknown | Fact::Pending => " · asking …".to_owned(),
        Fact::Failed { .. } => " · tags not known".to_owned(),
    };
    format!("{repository}{count}")
}

/// A reason why entries are missing from a list, and its remedy.
pub struct CompletionProblem {
    /// The reason.
    pub text: String,
    /// The remedy, as a hint to the operator; may be empty.
    pub hint: String,
}

impl CompletionProblem {
    fn new(text: &str, hint: &str) -> Self {
        Self { text: clean(text), hint: hint.to_owned() }
    }
}

/// Returns the reasons why the list is incomplete; empty if nothing is missing.
pub fn trouble(state: &State, cluster: &ClusterState, list: &CompletionState) -> Vec<CompletionProblem> {
    let versions = match cluster.facts.versions() {
        Fact::Failed { why: LookupError::Other(why), .. } => Some(CompletionProblem::new(
            &format!("no version manifest: {why}"),
            "check `[manifest]` in the configuration",
        )),
        _ => None,
    };
    versions.into_iter().chain(tags(state, cluster, list)).collect()
}

fn tags(state: &State, cluster: &ClusterState, list: &CompletionState) -> Option<CompletionProblem> {
    let Some(repository) = &list.repository else {
        let text = "this line names no repository, and no service runs one";
        return Some(CompletionProblem::new(text, "type `registry/repository:`"));
    };
    let image = ImageRef::parse(repository).ok()?;
    let (host, path) = (&image.host, &image.path);
    let why = match cluster.facts.tags(repository) {
        Fact::Failed { why, .. } => why,
        _ if !list.found.is_empty() => return None,
        Fact::Unknown | Fact::Pending => return Some(CompletionProblem::new(&format!("asking {host} …"), "")),
        Fact::Known { value, .. } if value.names.is_empty() => {
            return Some(CompletionProblem::new(&format!("`{path}` has no tags"), ""));
        }
        Fact::Known { .. } => return Some(CompletionProblem::new("no tag contains these letters in this order", "")),
    };
    let text = match why {
        LookupError::Other(cause) => format!("{host} does not list the tags: {cause}"),
        _ => why.sentence(host, &format!("repository `{path}`")),
    };
    let hint = match why {
        LookupError::NotFound => "check the spelling".to_owned(),
        LookupError::Denied | LookupError::NoCredentials => log_in(state, host),
        LookupError::Unreachable(_) => "check the name and the network, or type an image that you know".to_owned(),
        LookupError::RateLimited => "wait, or log in: most registries allow more requests after a login".to_owned(),
        LookupError::Other(_) => "type an image that you know".to_owned(),
    };
    Some(CompletionProblem::new(&text, &hint))
}

/// Describes how to log in to a registry from this screen.
fn log_in(state: &State, host: &str) -> String {
    let keymap = &state.config.keymap;
    let leave = keymap.keys_for(KeyContext::Editor, Action::LeaveEditor);
    match leave.zip(keymap.keys_for(KeyContext::Pins, Action::Login)) {
        // The open list takes the first press of this key, so the key is named twice.
        Some((leave, login)) => format!("press {leave} {leave} {login} to log in, for this console only"),
        None => format!("log in with `docker login {host}`"),
    }
}

/// Describes the origin and the age of the version manifest, and why it could not be renewed.
fn source(state: &State, cluster: &ClusterState) -> String {
    let Some(manifest) = cluster.facts.versions().known() else { return String::new() };
    let old = manifest.at.map(|at| match manifest.origin {
        VersionManifestOrigin::BuiltIn => format!(", as of {}", at.date(0)),
        VersionManifestOrigin::File(_) | VersionManifestOrigin::Url(_) | VersionManifestOrigin::Cache(_) => {
            format!(", {} old", age(state.now.since(at)))
        }
    });
    let problem = manifest.problem.as_ref().map(|why| format!("; not renewed: {why}"));
    clean(&format!("{}{}{}", manifest.origin, old.unwrap_or_default(), problem.unwrap_or_default()))
}

/// Returns the badges of an image, one or two words each.
pub fn marks(image: &TagCandidate) -> String {
    let proposed = image.proposed.as_ref().map(|one| if one.newer { "newer" } else { "manifest" });
    let here = image.here.map(|here| match here {
        ImageRunState::Now => "runs now",
        ImageRunState::Failing => "fails now",
        ImageRunState::Moved => "tag moved",
        ImageRunState::Failed => "failed here",
        ImageRunState::Before => "ran before",
    });
    proposed.into_iter().chain(here).collect::<Vec<_>>().join(" · ")
}

/// Returns a word for how constant an image's tag is: `floating` or `immutable`.
pub fn constancy(image: &TagCandidate) -> &'static str {
    if image.constancy.floats() { "floating" } else { "immutable" }
}

/// Describes the details of an entry that its columns do not show.
pub fn about(state: &State, cluster: &ClusterState, list: &CompletionState, pick: Completion) -> String {
    let mut parts = Vec::new();
    let Some(image) = list.image(pick) else {
        let image = list.keyword.as_ref().map(|one| clean(&one.image)).unwrap_or_default();
        return format!("follows the version manifest ({}); now {image}", source(state, cluster));
    };
    if let Some(proposed) = &image.proposed {
        let what = if proposed.newer { "newer version" } else { "manifest version" };
        parts.push(format!("{what}: {}", clean(&proposed.label)));
        if proposed.stability == Stability::Dev {
            parts.push("under development".to_owned());
        }
    }
    if image.listed == Some(false) {
        parts.push("the registry does not list it".to_owned());
    }
    if image.here == Some(ImageRunState::Moved) {
        parts.push("the running image of this tag is older".to_owned());
    }
    parts.push(format!("{}: {}", constancy(image), image.constancy.why()));
    if !image.also.is_empty() {
        parts.push(format!("also {}", clean(&image.also.join(", "))));
    }
    parts.join(" · ")
}
