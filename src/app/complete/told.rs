//! What a list of images says in words.

use crate::core::image::ImageRef;
use crate::core::manifest::Stability;
use crate::core::registry::{Fact, Why};
use crate::core::tags::{Candidate, Here};
use crate::core::text::clean;

use super::{Complete, Pick};
use crate::app::state::{Cluster, State};
use crate::config::{Action, Context};

/// What the list is of, and how much there is.
pub fn title(cluster: &Cluster, list: &Complete) -> String {
    let Some(repository) = &list.repository else { return "images".to_owned() };
    let repository = clean(repository);
    let count = match cluster.facts.tags(repository.as_str()) {
        Fact::Known { value, .. } if value.cut => format!(" · the first {} tags", value.names.len()),
        Fact::Known { value, .. } if value.names.len() == 1 => " · 1 tag".to_owned(),
        Fact::Known { value, .. } => format!(" · {} tags", value.names.len()),
        Fact::Unknown | Fact::Asked => " · asking …".to_owned(),
        Fact::Failed { .. } => " · no tags".to_owned(),
    };
    format!("{repository}{count}")
}

/// Why there is less to choose from than there could be, and what to do; nothing while all is as it should be.
pub fn trouble(state: &State, cluster: &Cluster, list: &Complete) -> Option<(String, String)> {
    let told = |text: String, hint: &str| Some((clean(&text), hint.to_owned()));
    let Some(repository) = &list.repository else {
        return told("no repository is typed here, and no service runs one".to_owned(), "type `registry/repository:`");
    };
    let image = ImageRef::parse(repository).ok()?;
    let (host, path) = (&image.host, &image.path);
    match cluster.facts.tags(repository) {
        Fact::Failed { why, .. } => match why {
            Why::NotFound => told(format!("{host} has no repository `{path}`"), "check the spelling"),
            Why::Denied => told(format!("{host} refuses the credentials used here for `{path}`"), &log_in(state, host)),
            Why::NoCredentials => told(format!("{host} wants a login, and there is none here"), &log_in(state, host)),
            Why::Unreachable(cause) => told(
                format!("{host} cannot be reached: {cause}"),
                "check the name and the network; an image that you know can be typed",
            ),
            Why::RateLimited => {
                told(format!("{host} takes no more requests for now"), "wait, or log in: known users have more")
            }
            Why::Other(cause) => {
                told(format!("{host} does not list its tags: {cause}"), "an image that you know can be typed")
            }
        },
        _ if !list.found.is_empty() => None,
        Fact::Unknown | Fact::Asked => told(format!("asking {host} …"), ""),
        Fact::Known { value, .. } if value.names.is_empty() => told(format!("`{path}` has no tags"), ""),
        Fact::Known { .. } => told("no tag has these letters in this order".to_owned(), ""),
    }
}

/// How one logs in from here.
fn log_in(state: &State, host: &str) -> String {
    let keymap = &state.config.keymap;
    let leave = keymap.keys_for(Context::Editor, Action::LeaveText);
    match leave.zip(keymap.keys_for(Context::Pins, Action::Login)) {
        // The list has that key first.
        Some((leave, login)) => format!("{leave} {leave} {login} logs in, for this console only"),
        None => format!("log in with `docker login {host}`"),
    }
}

/// What is remarkable about an image, in a word or two each.
pub fn marks(image: &Candidate) -> String {
    let proposed = image.proposed.as_ref().map(|one| if one.newer { "newer" } else { "manifest" });
    let here = image.here.map(|here| match here {
        Here::Now => "runs now",
        Here::Failing => "fails now",
        Here::Moved => "tag moved",
        Here::Failed => "failed here",
        Here::Before => "ran before",
    });
    proposed.into_iter().chain(here).collect::<Vec<_>>().join(" · ")
}

/// Whether an image's tag stays what it is, in a word.
pub fn constancy(image: &Candidate) -> &'static str {
    if image.constancy.floats() { "floating" } else { "immutable" }
}

/// What the columns of a pick leave open.
pub fn about(list: &Complete, pick: Pick) -> String {
    let mut parts = Vec::new();
    let Some(image) = list.image(pick) else {
        let asked = list.keyword.as_ref().map(|one| (one.label.as_str(), one.image.as_str()));
        let (label, image) = asked.unwrap_or_default();
        return format!("follows the version manifest; for {} that is {}", clean(label), clean(image));
    };
    if let Some(proposed) = &image.proposed {
        let what = if proposed.newer { "a newer version" } else { "the manifest's" };
        parts.push(format!("{what}: {}", clean(&proposed.label)));
        if proposed.stability == Stability::Dev {
            parts.push("under development".to_owned());
        }
    }
    if image.listed == Some(false) {
        parts.push("the registry does not list it".to_owned());
    }
    if image.here == Some(Here::Moved) {
        parts.push("what runs under this tag is older".to_owned());
    }
    parts.push(format!("{}: {}", constancy(image), image.constancy.why()));
    if !image.also.is_empty() {
        parts.push(format!("also {}", clean(&image.also.join(", "))));
    }
    parts.join(" · ")
}
