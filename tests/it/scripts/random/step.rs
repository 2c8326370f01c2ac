//! Classification of requests by the step of a change, from the request and the state of the swarm when it is sent.

use std::collections::BTreeMap;

use serde_json::Value;

/// A step of a change, as observed from its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// A read before the first write.
    Plan,
    Record,
    Claim,
    /// The slot announces an update.
    Announce,
    Post,
    /// A read while tasks are replaced.
    Watch,
    /// The slot records the result of a unit.
    Mark,
    BackAnnounce,
    BackPost,
    BackMark,
    Takeover,
    Fence,
    Detach,
    Void,
    /// The slot gets its terminal state.
    End,
    Log,
    Beat,
    /// Any other request.
    Other,
    /// Any write except heartbeats, for counting.
    Any,
}

impl Step {
    /// The steps that every fault must be combined with.
    pub(super) const ALL: [Self; 17] = [
        Self::Plan,
        Self::Record,
        Self::Claim,
        Self::Announce,
        Self::Post,
        Self::Watch,
        Self::Mark,
        Self::BackAnnounce,
        Self::BackPost,
        Self::BackMark,
        Self::Takeover,
        Self::Fence,
        Self::Detach,
        Self::Void,
        Self::End,
        Self::Log,
        Self::Beat,
    ];

    pub(super) fn is_read(self) -> bool {
        matches!(self, Self::Plan | Self::Watch | Self::Other)
    }
}

/// Labels of a slot.
pub(super) type Labels = BTreeMap<String, String>;

pub(super) fn label<'a>(labels: &'a Labels, key: &str) -> &'a str {
    labels.get(&format!("pinnace.{key}")).map_or("", String::as_str)
}

pub(super) fn is_terminal(labels: &Labels) -> bool {
    !["running", "detached"].contains(&label(labels, "state"))
}

/// Returns the labels in a config's spec.
pub(super) fn labels_of(spec: &Value) -> Labels {
    let pairs = spec["Labels"].as_object().into_iter().flatten();
    pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// Returns the step of a slot write.
pub(super) fn of_slot(old: &Labels, new: &Labels) -> Step {
    let same = |key: &str| label(old, key) == label(new, key);
    let moved = label(old, "units").chars().zip(label(new, "units").chars()).find(|(old, new)| old != new);
    match (label(new, "state"), moved) {
        ("void", _) => Step::Void,
        _ if is_terminal(new) => Step::End,
        _ if label(new, "owner").is_empty() => Step::Detach,
        _ if !same("owner") => Step::Takeover,
        _ if !same("post") && label(new, "post").ends_with(":to") => Step::Announce,
        _ if !same("post") && label(new, "post").ends_with(":back") => Step::BackAnnounce,
        (_, Some((_, 'p'))) => Step::Announce,
        (_, Some((_, 'u'))) => Step::BackAnnounce,
        (_, Some((_, 'U') | ('u', _))) => Step::BackMark,
        (_, Some(_)) => Step::Mark,
        (_, None) => Step::Beat,
    }
}
