//! Edits in a spec's own text: all other bytes stay exactly as the engine wrote them.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use pinnace_core::journal::Direction;
use pinnace_core::plan::SpecEdit;

/// The reason why an edit was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SpliceError {
    /// The text is not a JSON object.
    #[error("the spec cannot be read: {0}")]
    Unreadable(String),
    /// The path's parent is absent, or not an object.
    #[error("the spec has no parent object for {0}")]
    NoParent(String),
    /// The present value is not the value that the edit expects.
    #[error("the spec has another value at {0} than the plan expects")]
    Unexpected(String),
}

/// Applies all edits to the text: `To` their targets, or `Back` to the values before.
///
/// The values that the edits start from must match, so that no unseen value is overwritten.
pub(super) fn splice(raw: &str, edits: &[SpecEdit], direction: Direction) -> Result<String, SpliceError> {
    let mut text = raw.to_owned();
    for edit in edits {
        let (from, to) = ends(edit, direction);
        text = splice_one(&text, &edit.path, from, to)?;
    }
    Ok(text)
}

/// Returns the expected and the new value of an edit in this direction.
pub(super) fn ends(edit: &SpecEdit, direction: Direction) -> (Option<&Value>, Option<&Value>) {
    match direction {
        Direction::Forward => (edit.before.as_ref(), edit.after.as_ref()),
        Direction::Back => (edit.after.as_ref(), edit.before.as_ref()),
    }
}

fn splice_one(text: &str, path: &str, from: Option<&Value>, to: Option<&Value>) -> Result<String, SpliceError> {
    let (parent, key) = path.rsplit_once('/').ok_or_else(|| SpliceError::NoParent(path.to_owned()))?;
    let key = unescaped(key);
    let (start, members) = descend(text, parent, path)?;
    let at = members.0.iter().position(|(name, _)| *name == key);
    let stands = at.map(|at| serde_json::from_str::<Value>(members.0[at].1.get())).transpose();
    if stands.map_err(|error| SpliceError::Unreadable(error.to_string()))?.as_ref() != from {
        return Err(SpliceError::Unexpected(path.to_owned()));
    }
    let (range, new) = match (at, to) {
        (None, None) => return Ok(text.to_owned()),
        (Some(at), Some(to)) => (span(text, members.0[at].1), to.to_string()),
        (None, Some(to)) => insertion(text, start, &members, &key, to),
        (Some(at), None) => (removal(text, start, &members, at), String::new()),
    };
    Ok([&text[..range.start], &new, &text[range.end..]].concat())
}

/// Returns the insertion of a new member after the last one: the range to replace, and the text.
fn insertion(
    text: &str,
    start: usize,
    members: &ObjectMembers<'_>,
    key: &str,
    to: &Value,
) -> (std::ops::Range<usize>, String) {
    let member = format!("{}:{to}", Value::from(key));
    match members.0.last() {
        Some((_, last)) => {
            let end = span(text, last).end;
            (end..end, format!(",{member}"))
        }
        None => (start + 1..start + 1, member),
    }
}

/// Returns the range to remove with a member: its own text and one comma.
fn removal(text: &str, start: usize, members: &ObjectMembers<'_>, at: usize) -> std::ops::Range<usize> {
    let own = span(text, members.0[at].1);
    if at > 0 {
        return span(text, members.0[at - 1].1).end..own.end;
    }
    let comma = if members.0.len() > 1 { text[own.end..].find(',').map_or(0, |comma| comma + 1) } else { 0 };
    start + 1..own.end + comma
}

/// Returns the object at a JSON pointer: the offset of its opening brace, and its members.
fn descend<'a>(text: &'a str, parent: &str, path: &str) -> Result<(usize, ObjectMembers<'a>), SpliceError> {
    let read = |raw: &'a str| serde_json::from_str::<ObjectMembers<'a>>(raw);
    let mut start = text.len() - text.trim_start().len();
    let mut members = read(text).map_err(|error| SpliceError::Unreadable(error.to_string()))?;
    for segment in parent.split('/').skip(1) {
        let segment = unescaped(segment);
        let inner = members.0.iter().find(|(name, _)| *name == segment).map(|(_, raw)| *raw);
        let inner = inner.ok_or_else(|| SpliceError::NoParent(path.to_owned()))?;
        start = span(text, inner).start;
        members = read(inner.get()).map_err(|_| SpliceError::NoParent(path.to_owned()))?;
    }
    Ok((start, members))
}

fn unescaped(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// Returns the range of a borrowed part within its text.
fn span(text: &str, part: &RawValue) -> std::ops::Range<usize> {
    let start = part.get().as_ptr().addr() - text.as_ptr().addr();
    start..start + part.get().len()
}

/// The members of an object in their order, with their values as raw text.
struct ObjectMembers<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for ObjectMembers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = ObjectMembers<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(ObjectMembers(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn edit(path: &str, before: Option<Value>, after: Option<Value>) -> SpecEdit {
        SpecEdit { path: path.to_owned(), before, after }
    }

    fn to(raw: &str, edit: &SpecEdit) -> Result<String, SpliceError> {
        splice(raw, std::slice::from_ref(edit), Direction::Forward)
    }

    #[test]
    fn one_edit_at_a_time() {
        for (raw, path, before, after, text) in [
            (
                r#"{"a":{"i":"x","e":["S=\u0026"]}}"#,
                "/a/i",
                Some(json!("x")),
                Some(json!("y")),
                r#"{"a":{"i":"y","e":["S=\u0026"]}}"#,
            ),
            (r#"{"a":{}}"#, "/a/b", None, Some(json!({"c":[1]})), r#"{"a":{"b":{"c":[1]}}}"#),
            (r#"{"a":{ }}"#, "/a/b", None, Some(json!(1)), r#"{"a":{"b":1 }}"#),
            (r#"{"a":null,"z":1}"#, "/a", Some(Value::Null), Some(json!({"b":1})), r#"{"a":{"b":1},"z":1}"#),
            (r#"{"a":1,"b":2,"c":3}"#, "/a", Some(json!(1)), None, r#"{"b":2,"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, "/b", Some(json!(2)), None, r#"{"a":1,"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, "/c", Some(json!(3)), None, r#"{"a":1,"b":2}"#),
            (r#"{ "a" : 1 }"#, "/a", Some(json!(1)), None, "{ }"),
            (r#"{ "a" : ",}" , "b" : 2 }"#, "/a", Some(json!(",}")), None, r#"{ "b" : 2 }"#),
            (r#"{"x/y":{"~":1}}"#, "/x~1y/~0", Some(json!(1)), Some(json!(2)), r#"{"x/y":{"~":2}}"#),
            (r#"{"a":1}"#, "/b", None, None, r#"{"a":1}"#),
        ] {
            assert_eq!(to(raw, &edit(path, before, after)).as_deref(), Ok(text), "{raw} {path}");
        }
    }

    #[test]
    fn what_is_not_as_planned_is_not_overwritten() {
        let raw = r#"{"a":{"i":"x"},"n":null,"l":[1]}"#;
        let refused = |path: &str, before| to(raw, &edit(path, before, Some(json!(1)))).unwrap_err();
        assert_eq!(refused("/a/i", Some(json!("y"))), SpliceError::Unexpected("/a/i".into()));
        assert_eq!(refused("/a/i", None), SpliceError::Unexpected("/a/i".into()));
        assert_eq!(refused("/n", None), SpliceError::Unexpected("/n".into()));
        assert_eq!(refused("/b/c", None), SpliceError::NoParent("/b/c".into()));
        assert_eq!(refused("/n/c", None), SpliceError::NoParent("/n/c".into()));
        assert_eq!(refused("/l/0", Some(json!(1))), SpliceError::NoParent("/l/0".into()));
        assert_eq!(refused("", None), SpliceError::NoParent(String::new()));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "[ -~äß\"\\\\]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z~/\"]{1,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Applying and reverting an edit gives the same text, except for the position of a removed key that was
        /// restored.
        #[test]
        fn there_and_back(
            object in prop::collection::btree_map("[a-z~/\"]{1,3}", any_json(), 0..5),
            pick in any::<prop::sample::Index>(),
            fresh in "[A-Z]{1,3}",
            after in prop::option::of(any_json()),
            existing in any::<bool>(),
        ) {
            let object = Value::Object(object.into_iter().collect());
            let outer = json!({"k": "v", "o": object, "t": [1]});
            let raw = outer.to_string();
            let members = outer["o"].as_object().unwrap();
            let key = match members.keys().nth(pick.index(members.len().max(1))) {
                Some(key) if existing => key.clone(),
                _ => fresh,
            };
            let before = members.get(&key).cloned();
            let path = format!("/o/{}", key.replace('~', "~0").replace('/', "~1"));
            let edit = edit(&path, before.clone(), after.clone());
            let there = to(&raw, &edit).unwrap();
            let mut wanted = outer.clone();
            match &after {
                Some(after) => { wanted["o"][&key] = after.clone(); }
                None => { wanted["o"].as_object_mut().unwrap().remove(&key); }
            }
            prop_assert_eq!(serde_json::from_str::<Value>(&there).unwrap(), wanted);
            let back = splice(&there, &[edit], Direction::Back).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&back).unwrap(), outer);
            if before.is_none() || after.is_some() {
                prop_assert_eq!(back, raw);
            }
        }
    }
}
