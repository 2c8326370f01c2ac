//! Expansion of included files, templates, compact entries and placeholders into plain entries.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::world::images::{digest, reference};

/// Texts of placeholders, by name.
type Values = BTreeMap<String, String>;
/// Templates of one kind of entry, by name.
type Templates = BTreeMap<String, Table>;

/// A function that returns the text of an included file.
pub(super) type IncludeReader<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Parses a file with its includes. Included entries come first; the file's own keys replace included ones.
pub(super) fn table(text: &str, files: IncludeReader<'_>) -> Result<Table, String> {
    let own: Table = toml::from_str(text).map_err(|error| error.to_string())?;
    included(own, files, 0)
}

fn included(mut own: Table, files: IncludeReader<'_>, depth: usize) -> Result<Table, String> {
    /// The deepest nesting of includes; more is taken for a cycle.
    const DEEPEST: usize = 8;
    let names = own.remove("include").map(names).transpose()?.unwrap_or_default();
    if depth > DEEPEST {
        return Err("files include each other in a circle".to_owned());
    }
    let mut all = Table::new();
    for name in names {
        let below = files(&name).map_err(|why| format!("cannot read {name}: {why}"))?;
        let below: Table = toml::from_str(&below).map_err(|error| format!("{name}: {error}"))?;
        append(&mut all, included(below, files, depth + 1)?);
    }
    append(&mut all, own);
    Ok(all)
}

/// Appends a file to another: entries are added at the end, other keys are replaced.
fn append(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Array(entries)), Value::Array(more)) => entries.extend(more),
            (Some(Value::Table(under)), Value::Table(over)) => lay(under, over),
            (_, value) => drop(under.insert(key, value)),
        }
    }
}

/// Merges keys into a table: nested tables are merged, everything else is replaced.
fn lay(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => lay(under, over),
            (_, value) => drop(under.insert(key, value)),
        }
    }
}

/// Expands the compact entries of a file.
pub(super) fn expand(mut file: Table) -> Result<Table, String> {
    let values = taken(&mut file, "values")?;
    let images = templates(&mut file, "image_template")?;
    let services = templates(&mut file, "service_template")?;
    let mut all = Table::new();
    for (section, mut content) in file {
        content = match (section.as_str(), content) {
            ("image", Value::Array(entries)) => {
                let made = entries.into_iter().map(|entry| image(entry, &images, &values));
                Value::Array(made.collect::<Result<Vec<_>, _>>()?.concat())
            }
            ("service", Value::Array(entries)) => {
                let made = entries.into_iter().map(|entry| service(entry, &services, &values));
                Value::Array(made.collect::<Result<Vec<_>, _>>()?.concat())
            }
            (_, content) => filled(content, &values),
        };
        all.insert(section, content);
    }
    Ok(all)
}

/// Expands an image entry: to one image, or to one for each of its `tags`.
fn image(entry: Value, templates: &Templates, values: &Values) -> Result<Vec<Value>, String> {
    let mut entry = laid(entry, "image", templates)?;
    let Some(tags) = entry.remove("tags") else { return Ok(vec![one_image(entry, values)?]) };
    let Some(Value::String(repository)) = entry.remove("repository") else {
        return Err("image: `tags` need a `repository`".to_owned());
    };
    let Value::Table(tags) = tags else { return Err(format!("image {repository}: `tags` is no table")) };
    let mut images = Vec::new();
    for (tag, own) in tags {
        let mut image = entry.clone();
        match own {
            Value::Table(own) => lay(&mut image, own),
            created => drop(image.insert("created".to_owned(), created)),
        }
        // Each tag gets another size.
        if let Some(Value::Integer(claimed)) = image.get_mut("claimed") {
            *claimed += tag.bytes().map(i64::from).sum::<i64>() * 977;
        }
        image.insert("ref".to_owned(), Value::String(format!("{repository}:{tag}")));
        images.push(one_image(image, values)?);
    }
    Ok(images)
}

fn one_image(mut entry: Table, values: &Values) -> Result<Value, String> {
    let own = taken(&mut entry, "values")?;
    let named = entry.get("ref").and_then(Value::as_str).map(|text| with(text, values));
    let mut all = values.clone();
    if let Some(named) = named.as_deref().and_then(reference) {
        let tag = named.tag.unwrap_or_else(|| "latest".to_owned());
        let name = named.repository.rsplit('/').next().unwrap_or_default().to_owned();
        all.insert("version".to_owned(), tag.clone());
        all.extend([("tag", tag), ("name", name), ("repository", named.repository)].map(own_key));
    }
    all.extend(["entrypoint", "cmd"].map(|key| (key.to_owned(), words(entry.get(key)))));
    all.extend(own);
    let text = with("{repository}:{version}", &all);
    all.insert("revision".to_owned(), digest(text.as_bytes()).trim_start_matches("sha256:").chars().take(40).collect());
    Ok(filled(Value::Table(entry), &all))
}

fn own_key((key, text): (&str, String)) -> (String, String) {
    (key.to_owned(), text)
}

/// Formats a list of words as in a Dockerfile, `["a", "b"]`.
fn words(list: Option<&Value>) -> String {
    let words = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    format!("{:?}", words.iter().filter_map(Value::as_str).collect::<Vec<_>>())
}

/// Expands a service entry: to one service, or to one for each table of its `each`.
fn service(entry: Value, templates: &Templates, values: &Values) -> Result<Vec<Value>, String> {
    let mut entry = laid(entry, "service", templates)?;
    let each = match entry.remove("each") {
        Some(Value::Array(each)) => each,
        Some(_) => return Err("service: `each` is no list of tables".to_owned()),
        None => vec![Value::Table(Table::new())],
    };
    let one = |own: Value| {
        let Value::Table(own) = own else { return Err("service: `each` is no list of tables".to_owned()) };
        let mut service = entry.clone();
        lay(&mut service, own);
        let mut all = values.clone();
        all.extend(taken(&mut service, "values")?);
        Ok(filled(Value::Table(service), &all))
    };
    each.into_iter().map(one).collect()
}

/// Merges an entry over the templates that it names with `like`.
fn laid(entry: Value, kind: &str, templates: &Templates) -> Result<Table, String> {
    let Value::Table(mut entry) = entry else { return Err(format!("{kind}: is no table")) };
    for _ in 0..=templates.len() {
        let Some(like) = entry.remove("like") else { return Ok(entry) };
        let template = like.as_str().and_then(|name| templates.get(name)).cloned();
        let mut under = template.ok_or_else(|| format!("{kind}: no {kind}_template is called {like}"))?;
        lay(&mut under, entry);
        entry = under;
    }
    Err(format!("{kind}: templates are like each other in a circle"))
}

fn templates(file: &mut Table, key: &str) -> Result<Templates, String> {
    let Some(content) = file.remove(key) else { return Ok(Templates::new()) };
    let bad = || format!("`{key}` is no table of tables");
    let Value::Table(content) = content else { return Err(bad()) };
    let table = |(name, content)| match content {
        Value::Table(content) => Ok((name, content)),
        _ => Err(bad()),
    };
    content.into_iter().map(table).collect()
}

/// Removes a table of strings from an entry and returns it.
fn taken(entry: &mut Table, key: &str) -> Result<Values, String> {
    let Some(content) = entry.remove(key) else { return Ok(Values::new()) };
    let bad = || format!("`{key}` is no table of texts");
    let Value::Table(content) = content else { return Err(bad()) };
    let text = |(name, text): (String, Value)| Some((name, text.as_str()?.to_owned()));
    content.into_iter().map(|entry| text(entry).ok_or_else(bad)).collect()
}

fn names(list: Value) -> Result<Vec<String>, String> {
    list.try_into().map_err(|_| "`include` is no list of files".to_owned())
}

/// Replaces the placeholders in all strings and keys of a value.
fn filled(value: Value, values: &Values) -> Value {
    match value {
        Value::String(text) => Value::String(with(&text, values)),
        Value::Array(list) => Value::Array(list.into_iter().map(|value| filled(value, values)).collect()),
        Value::Table(table) => {
            Value::Table(table.into_iter().map(|(key, value)| (with(&key, values), filled(value, values))).collect())
        }
        other => other,
    }
}

/// Replaces `{name}` with the value of that name; unknown placeholders stay.
fn with(text: &str, values: &Values) -> String {
    let mut made = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        made.push_str(before);
        let known = after.split_once('}').and_then(|(name, behind)| Some((values.get(name)?, behind)));
        if let Some((text, behind)) = known {
            made.push_str(text);
            rest = behind;
        } else {
            made.push('{');
            rest = after;
        }
    }
    made + rest
}
