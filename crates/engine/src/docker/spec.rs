//! The parts of a service's spec that matter for updates: the places that we edit, and the hash of everything else.
//!
//! Raw specs hold environments, and so passwords. They are handled here, in `splice` and in `write`, and nowhere
//! else.

use serde_json::{Map, Value};

use pinnace_core::journal::sorted_hash;
use pinnace_core::plan::SpecEdit;
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::{EditableFields, SpecField, UntouchedHash};

const TEMPLATE: &str = "/TaskTemplate";
const PLACEMENT: &str = "/TaskTemplate/Placement";
const FORCE: &str = "/TaskTemplate/ForceUpdate";
const IMAGE: &str = "/TaskTemplate/ContainerSpec/Image";
const UPDATE: &str = "/UpdateConfig";

/// Returns the places of a service's spec that an image update edits.
///
/// The image text is exact, not cleaned: it is compared with the engine's and posted to it.
pub(super) fn places(spec: &Value) -> EditableFields {
    let image = spec.pointer(IMAGE).and_then(Value::as_str).unwrap_or_default().to_owned();
    let template = spec.get("TaskTemplate");
    if template.is_none_or(Value::is_null) {
        let whole = SpecField { path: TEMPLATE.to_owned(), value: template.cloned(), alone: false };
        return EditableFields { image, platforms: whole.clone(), force: whole, update: None };
    }
    let member = |key: &str| template.and_then(|template| template.get(key));
    let update = SpecField { path: UPDATE.to_owned(), value: spec.get("UpdateConfig").cloned(), alone: false };
    EditableFields {
        update: Some(update),
        ..places_of(image, member("Placement").cloned(), member("ForceUpdate").cloned())
    }
}

/// Returns the places of a previous spec, without its update policy: that is not part of what ran.
pub(super) fn previous_places(spec: &Value) -> EditableFields {
    EditableFields { update: None, ..places(spec) }
}

/// Returns the places of a task's spec from its parts; it has the structure of a service's `TaskTemplate`.
pub(super) fn places_of(image: String, placement: Option<Value>, force: Option<Value>) -> EditableFields {
    let platforms = match placement {
        Some(Value::Object(mut placement)) => {
            let value = placement.remove("Platforms");
            SpecField { path: format!("{PLACEMENT}/Platforms"), value, alone: placement.is_empty() }
        }
        absent => SpecField { path: PLACEMENT.to_owned(), value: absent, alone: false },
    };
    let force = SpecField { path: FORCE.to_owned(), value: force, alone: false };
    EditableFields { image, platforms, force, update: None }
}

/// Hashes a spec without its [`EditableFields`]: the hash stays equal until another part is edited.
///
/// A `Placement` that is empty without its platforms counts as absent, as an edit may create or leave an empty one.
pub(super) fn rest_hash(spec: &Value) -> UntouchedHash {
    let mut spec = spec.clone();
    if let Some(Value::Object(template)) = spec.get_mut("TaskTemplate") {
        drop_places(template);
    }
    UntouchedHash(sorted_hash(&spec))
}

/// Hashes the task template alone, of a service or of a task's own spec.
///
/// `Runtime` is left out: the engine writes it into a service's template but not into its tasks' (20.10.24 and
/// 26.1).
pub(super) fn template_hash(template: Option<&Value>) -> UntouchedHash {
    let mut template = template.cloned().unwrap_or_default();
    if let Value::Object(template) = &mut template {
        drop_places(template);
        template.remove("Runtime");
    }
    UntouchedHash(sorted_hash(&template))
}

fn drop_places(template: &mut Map<String, Value>) {
    if let Some(Value::Object(container)) = template.get_mut("ContainerSpec") {
        container.remove("Image");
    }
    template.remove("ForceUpdate");
    if let Some(Value::Object(placement)) = template.get_mut("Placement") {
        placement.remove("Platforms");
    }
    if template.get("Placement").is_some_and(|left| left.is_null() || left.as_object().is_some_and(Map::is_empty)) {
        template.remove("Placement");
    }
}

/// Lists the differences of two specs outside their [`EditableFields`], as paths down to the members of the container's
/// spec.
pub(super) fn differences(spec: &Value, previous: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(Some(spec), Some(previous), "", &mut found);
    found.sort();
    found
}

fn compare(one: Option<&Value>, other: Option<&Value>, path: &str, found: &mut Vec<String>) {
    if path == IMAGE || path == FORCE || path == format!("{PLACEMENT}/Platforms") {
        return;
    }
    let deep = ["", TEMPLATE, PLACEMENT, "/TaskTemplate/ContainerSpec"].contains(&path);
    let none = Map::new();
    let object = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || value.is_object());
    if deep && object(one) && object(other) {
        let one = one.and_then(Value::as_object).unwrap_or(&none);
        let other = other.and_then(Value::as_object).unwrap_or(&none);
        for key in one.keys().chain(other.keys().filter(|key| !one.contains_key(*key))) {
            compare(one.get(key), other.get(key), &format!("{path}/{key}"), found);
        }
    } else if one != other {
        found.push(clean(path));
    }
}

/// Returns the value at a path; `None` if a parent is absent or null.
pub(super) fn at<'a>(spec: &'a Value, path: &str) -> Option<&'a Value> {
    spec.pointer(path)
}

/// Returns the rest hash of the spec before these edits, whether or not they have been applied to it.
pub(super) fn rest_before(spec: &Value, edits: &[SpecEdit]) -> UntouchedHash {
    let mut spec = spec.clone();
    for edit in edits {
        let Some((parent, key)) = edit.path.rsplit_once('/') else { continue };
        let Some(Value::Object(parent)) = spec.pointer_mut(parent) else { continue };
        let key = key.replace("~1", "/").replace("~0", "~");
        match &edit.before {
            Some(before) => parent.insert(key, before.clone()),
            None => parent.remove(&key),
        };
    }
    rest_hash(&spec)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::docker::splice::splice;
    use crate::docker::test_server::specs;
    use pinnace_core::journal::Direction;

    fn place(path: &str, value: Option<Value>) -> SpecField {
        SpecField { path: path.to_owned(), value, alone: path.ends_with("/Platforms") }
    }

    #[test]
    fn the_highest_absent_parent() {
        let platforms = |template: Value| places(&json!({ "TaskTemplate": template })).platforms;
        let full = json!([{"OS": "linux"}]);
        assert_eq!(platforms(json!({})), place(PLACEMENT, None));
        assert_eq!(platforms(json!({"Placement": null})), place(PLACEMENT, Some(Value::Null)));
        let inner = format!("{PLACEMENT}/Platforms");
        let alone = |value| SpecField { alone: true, ..place(&inner, value) };
        assert_eq!(platforms(json!({"Placement": {}})), alone(None));
        assert_eq!(platforms(json!({"Placement": {"Platforms": null}})), alone(Some(Value::Null)));
        assert_eq!(platforms(json!({"Placement": {"Platforms": full}})), alone(Some(full)));
        assert!(!platforms(json!({"Placement": {"Platforms": [], "MaxReplicas": 1}})).alone);
        let read = places(&json!({"TaskTemplate": {"ContainerSpec": {"Image": "a\u{1b}b"}, "ForceUpdate": 3}}));
        assert_eq!(read.image, "a\u{1b}b");
        assert_eq!(read.force, place(FORCE, Some(json!(3))));
        assert_eq!(places(&json!({})).platforms, place(TEMPLATE, None));
    }

    #[test]
    fn the_rest_is_what_we_do_not_edit() {
        let spec = |image: &str, placement: Value, force: u64, env: &str| {
            rest_hash(&json!({"Name": "x", "TaskTemplate": {
                "ContainerSpec": {"Image": image, "Env": [env]}, "Placement": placement, "ForceUpdate": force}}))
        };
        let one = spec("a", json!({"Platforms": [1]}), 0, "E=1");
        assert_eq!(one, spec("b", json!({}), 7, "E=1"));
        assert_eq!(one, spec("b", Value::Null, 7, "E=1"));
        assert_ne!(one, spec("a", json!({"Platforms": [1]}), 0, "E=2"));
        assert_ne!(one, spec("a", json!({"Constraints": ["node.role==manager"]}), 0, "E=1"));
    }

    #[test]
    fn differences_to_the_previous_spec() {
        let now = json!({"Labels": {"a": "1"}, "TaskTemplate": {"ContainerSpec": {"Image": "a", "Env": ["A=1"]},
            "Placement": {"Platforms": []}, "ForceUpdate": 1}, "Mode": {"Replicated": {"Replicas": 2}}});
        let previous = json!({"Labels": {}, "TaskTemplate": {"ContainerSpec": {"Image": "b", "Env": ["A=2"], "User": "u"},
            "ForceUpdate": 0}, "Mode": {"Replicated": {"Replicas": 2}}, "UpdateConfig": {"Parallelism": 1}});
        let paths = ["/Labels", "/TaskTemplate/ContainerSpec/Env", "/TaskTemplate/ContainerSpec/User", "/UpdateConfig"];
        assert_eq!(differences(&now, &previous), paths);
        assert!(differences(&now, &now).is_empty());
    }

    /// Edits every captured spec and reverts it: the result is the same text, and only the edits change it.
    #[test]
    fn captures_there_and_back() {
        let specs = specs();
        assert!(specs.len() > 50, "{} specs", specs.len());
        for (file, raw) in specs {
            let spec: Value = serde_json::from_str(&raw).unwrap();
            let places = places(&spec);
            let platforms = json!([{"Architecture": "riscv64", "OS": "linux"}]);
            let whole = |place: &SpecField| match place.path.as_str() {
                PLACEMENT => json!({ "Platforms": platforms }),
                _ => platforms.clone(),
            };
            let edit = |path: &str, before: Option<Value>, after: Value| SpecEdit {
                path: path.to_owned(),
                before,
                after: Some(after),
            };
            let edits = [
                edit(IMAGE, Some(json!(places.image)), json!("other/image:1@sha256:0")),
                edit(&places.platforms.path, places.platforms.value.clone(), whole(&places.platforms)),
                edit(FORCE, places.force.value.clone(), json!(41)),
                edit("/UpdateConfig", spec.get("UpdateConfig").cloned(), json!({"Order": "start-first"})),
            ];
            let there = splice(&raw, &edits, Direction::Forward).unwrap();
            let value: Value = serde_json::from_str(&there).unwrap();
            for edit in &edits {
                assert_eq!(at(&value, &edit.path), edit.after.as_ref(), "{file}");
            }
            let back = splice(&there, &edits, Direction::Back).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&back).unwrap(), spec, "{file}");
            let images = splice(&splice(&raw, &edits[..1], Direction::Forward).unwrap(), &edits[..1], Direction::Back);
            assert_eq!(images.unwrap(), raw, "{file}");
            assert_eq!(rest_before(&value, &edits), rest_hash(&spec), "{file}");
            assert_eq!(rest_before(&spec, &edits), rest_hash(&spec), "{file}");
        }
    }
}
