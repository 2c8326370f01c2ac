//! The difference between the current and the target values of a spec's editable fields.

use serde_json::Value;

use crate::plan::SpecEdit;
use crate::swarm::{EditableFields, IMAGE, PLATFORMS, SpecField};

/// The key of the platforms within their parent, `/TaskTemplate/Placement`.
const PLATFORMS_KEY: &str = "Platforms";

/// Returns the edits that turn `now` into `target`, in this order: image, platforms, force counter, update
/// policy.
pub fn edits(now: &EditableFields, target: &EditableFields) -> Vec<SpecEdit> {
    let mut edits = Vec::new();
    if now.image != target.image {
        edits.push(SpecEdit {
            path: IMAGE.to_owned(),
            before: Some(now.image.as_str().into()),
            after: Some(target.image.as_str().into()),
        });
    }
    edits.extend(platforms(&now.platforms, &target.platforms));
    if now.force.value != target.force.value {
        edits.push(SpecEdit {
            path: now.force.path.clone(),
            before: now.force.value.clone(),
            after: target.force.value.clone(),
        });
    }
    if let (Some(now), Some(target)) = (&now.update, &target.update)
        && now.value != target.value
    {
        edits.push(SpecEdit { path: now.path.clone(), before: now.value.clone(), after: target.value.clone() });
    }
    edits
}

/// Returns the edit of the platforms. If the target has no parent for them either, the parent is removed
/// unless it contains anything else.
fn platforms(now: &SpecField, target: &SpecField) -> Option<SpecEdit> {
    let whole = now.path == PLATFORMS;
    let edit = |path: &str, before: Option<Value>, after: Option<Value>| {
        Some(SpecEdit { path: path.to_owned(), before, after })
    };
    let inside = |value: &Value| serde_json::json!({ PLATFORMS_KEY: value });
    match (whole, target.path == PLATFORMS) {
        _ if now.path == target.path && now.value == target.value => None,
        (true, true) => edit(PLATFORMS, now.value.clone(), target.value.clone()),
        (true, false) if now.alone => edit(&target.path, now.value.as_ref().map(inside), target.value.clone()),
        (true, false) => now.value.as_ref().and_then(|value| edit(PLATFORMS, Some(value.clone()), None)),
        (false, true) => {
            target.value.as_ref().and_then(|value| edit(&now.path, now.value.clone(), Some(inside(value))))
        }
        (false, false) => edit(&now.path, now.value.clone(), target.value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Platform;
    use crate::sample;
    use crate::swarm::with_image;

    fn place(path: &str, value: Option<Value>, alone: bool) -> SpecField {
        SpecField { path: path.to_owned(), value, alone }
    }

    #[test]
    fn an_absent_parent_is_made_and_removed_again() {
        let amd = serde_json::json!([{"Architecture": "amd64", "OS": "linux"}]);
        let without = place("/TaskTemplate/Placement", None, false);
        let with = place(PLATFORMS, Some(amd.clone()), true);
        let crowded = place(PLATFORMS, Some(amd.clone()), false);
        let made = platforms(&without, &with).unwrap();
        assert_eq!(
            (made.path.as_str(), made.before, made.after),
            ("/TaskTemplate/Placement", None, Some(serde_json::json!({"Platforms": amd})))
        );
        let removed = platforms(&with, &without).unwrap();
        assert_eq!((removed.path.as_str(), removed.after), ("/TaskTemplate/Placement", None));
        let kept = platforms(&crowded, &without).unwrap();
        assert_eq!((kept.path.as_str(), kept.after), (PLATFORMS, None));
        assert_eq!(platforms(&with, &with), None);
    }

    #[test]
    fn unknown_platforms_are_removed_never_guessed() {
        let mut now = sample::places("r/a:1");
        now.platforms = place(PLATFORMS, Some(serde_json::json!([{"Architecture": "arm64", "OS": "linux"}])), false);
        let edits = edits(&now, &with_image(&now, "r/a:2", None));
        assert_eq!(edits.len(), 2);
        assert_eq!((edits[1].path.as_str(), &edits[1].after), (PLATFORMS, &None));
        let known =
            [Platform::new("linux", "amd64"), Platform::new("linux", "amd64"), Platform::new("unknown", "unknown")];
        let target = with_image(&now, "r/a:2", Some(&known));
        assert_eq!(target.platforms.value, Some(serde_json::json!([{"Architecture": "amd64", "OS": "linux"}])));
    }
}
