//! The image configuration (OCI image-spec, "Image Configuration"), with Docker's health check.
//!
//! Each value is read separately: a value of an unexpected form is left out and does not affect the others.

use serde_json::Value;

use pinnace_core::image::{Digest, Platform};
use pinnace_core::registry::{BuildStep, ImageConfig};
use pinnace_core::sanitize::clean;
use pinnace_core::time::Time;

/// The maximum length of a stored text, in characters: a build step may hold a whole script.
const LONGEST: usize = 4096;
/// The maximum number of entries of any list or map.
const MANY: usize = 1000;

/// An image configuration, with the parts that describe the manifest kept apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ParsedImageConfig {
    /// The platform that the image is built for; `None` where the configuration does not name one.
    pub platform: Option<Platform>,
    /// The digests of the uncompressed layers, the lowest first; `None` for a digest of an unknown kind.
    pub diff_ids: Vec<Option<Digest>>,
    /// The remaining values.
    pub config: ImageConfig,
}

/// Cleans a text from a registry and limits its length.
pub(super) fn short(text: &str) -> String {
    let cleaned = clean(text);
    match cleaned.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &cleaned[..at]),
        None => cleaned,
    }
}

/// Reads a configuration; a body that is not JSON gives an empty one.
pub(super) fn read(body: &[u8]) -> ParsedImageConfig {
    let all: Value = serde_json::from_slice(body).unwrap_or_default();
    let platform = Platform::new(&text(&all["os"]), &text(&all["architecture"]));
    let diff_ids = items(&all["rootfs"]["diff_ids"]).map(|it| Digest::parse(it.as_str()?)).collect();
    let run = &all["config"];
    let health = words(&run["Healthcheck"]["Test"]);
    let env = words(&run["Env"]).into_iter().map(|it| it.split('=').next().unwrap_or_default().to_owned());
    let config = ImageConfig {
        created: all["created"].as_str().and_then(Time::parse),
        labels: pairs(&run["Labels"]),
        entrypoint: words(&run["Entrypoint"]),
        cmd: words(&run["Cmd"]),
        user: text(&run["User"]),
        ports: keys(&run["ExposedPorts"]),
        volumes: keys(&run["Volumes"]),
        workdir: text(&run["WorkingDir"]),
        stop_signal: text(&run["StopSignal"]),
        // `NONE` disables an inherited health check.
        health: if health.first().is_some_and(|it| it == "NONE") { Vec::new() } else { health },
        env: env.filter(|name| !name.is_empty()).collect(),
        history: items(&all["history"]).take(MANY).map(step).collect(),
    };
    let known = !platform.is_unknown() && !platform.os.is_empty();
    ParsedImageConfig { platform: known.then_some(platform), diff_ids, config }
}

fn text(value: &Value) -> String {
    short(value.as_str().unwrap_or_default())
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Reads a list of strings; a single string, as old builders wrote it, becomes a list of one.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) if !one.is_empty() => vec![short(one)],
        _ => items(value).take(MANY).filter_map(Value::as_str).map(short).collect(),
    }
}

fn keys(value: &Value) -> Vec<String> {
    let keys = value.as_object().into_iter().flat_map(serde_json::Map::keys);
    let mut keys: Vec<String> = keys.take(MANY).map(|key| short(key)).collect();
    keys.sort();
    keys
}

fn pairs(value: &Value) -> std::collections::BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten().take(MANY);
    pairs.filter_map(|(key, value)| Some((short(key), short(value.as_str()?)))).collect()
}

fn step(value: &Value) -> BuildStep {
    BuildStep {
        created: value["created"].as_str().and_then(Time::parse),
        by: without_values(&text(&value["created_by"])),
        empty: value["empty_layer"].as_bool().unwrap_or(false),
    }
}

/// Removes the values of variables and build arguments from a build step, as they may be secrets.
///
/// The builders write `ENV NAME=value`, `ARG NAME=value`, and before a command its arguments as `|2 A=x B=y /bin/sh
/// -c …`. Values are not quoted, so the end of a value is unknown: everything after a name is left out up to the
/// next name.
fn without_values(by: &str) -> String {
    let by = by.trim();
    let by = by.strip_prefix("/bin/sh -c #(nop)").map_or(by, str::trim);
    let instruction = by.split(' ').next().unwrap_or_default();
    if matches!(instruction, "ENV" | "ARG") {
        let rest = by[instruction.len()..].trim();
        let names: Vec<String> = rest.split(' ').filter_map(name).collect();
        if names.is_empty() {
            // Either `ENV NAME value`, or an argument without a value.
            let first = rest.split(' ').next().unwrap_or_default();
            return format!("{instruction} {first}{}", if rest == first { "" } else { "=…" });
        }
        return format!("{instruction} {}", names.join(" "));
    }
    let (run, arguments) = match by.strip_prefix("RUN ") {
        Some(rest) => ("RUN ", rest),
        None => ("", by),
    };
    if !arguments.starts_with('|') {
        return by.to_owned();
    }
    let shell = ["/bin/sh -c ", "/bin/bash -"].iter().filter_map(|shell| arguments.find(shell)).min();
    let names: Vec<String> = arguments[..shell.unwrap_or(arguments.len())].split(' ').filter_map(name).collect();
    let command = shell.map_or("", |at| &arguments[at..]);
    format!("{run}{} {command}", names.join(" ")).trim_end().to_owned()
}

/// Replaces a value: `NAME=value` → `NAME=…`; `None` for a word that is not an assignment.
fn name(word: &str) -> Option<String> {
    let (name, _) = word.split_once('=')?;
    let good = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty();
    good.then(|| format!("{name}=…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_configuration() {
        let body = serde_json::json!({
            "created": "2026-11-20T09:11:02Z", "os": "linux", "architecture": "x86_64",
            "config": {
                "User": "26", "ExposedPorts": {"5432/tcp": {}, "22/tcp": {}}, "Env": ["PATH=/bin", "PGPASSWORD=hunter2", "="],
                "Entrypoint": ["/entry.sh", "a\u{1b}[31mb"], "Cmd": "postgres", "Volumes": {"/data": {}},
                "WorkingDir": "/", "Labels": {"a": "1", "bad": 7, "n": null}, "StopSignal": "SIGINT",
                "Healthcheck": {"Test": ["CMD-SHELL", "pg_isready"], "Interval": 1},
            },
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", "a".repeat(64)), "odd"]},
            "history": [{"created_by": "COPY x /", "created": "2026-11-20T09:11:01Z"}, {"created_by": "CMD", "empty_layer": true}],
        });
        let read = read(body.to_string().as_bytes());
        assert_eq!(read.platform, Some(Platform::new("linux", "amd64")));
        assert_eq!(read.diff_ids.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
        let config = read.config;
        assert_eq!(config.created, Time::parse("2026-11-20T09:11:02Z"));
        assert_eq!((config.user.as_str(), config.workdir.as_str(), config.stop_signal.as_str()), ("26", "/", "SIGINT"));
        assert_eq!((config.ports, config.volumes), (vec!["22/tcp".into(), "5432/tcp".into()], vec!["/data".into()]));
        assert_eq!((config.entrypoint, config.cmd), (vec!["/entry.sh".into(), "ab".into()], vec!["postgres".into()]));
        assert_eq!(
            (config.env, config.health),
            (vec!["PATH".to_owned(), "PGPASSWORD".to_owned()], vec!["CMD-SHELL".to_owned(), "pg_isready".to_owned()])
        );
        assert_eq!(config.labels.into_iter().collect::<Vec<_>>(), [("a".to_owned(), "1".to_owned())]);
        assert_eq!(config.history.iter().map(|step| step.empty).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn nothing_and_nonsense() {
        for body in [
            "",
            "<html>",
            "null",
            "[]",
            "{}",
            r#"{"os":"","architecture":"","config":null,"rootfs":[],"history":{}}"#,
            r#"{"config":{"Env":7,"Cmd":{},"Labels":[],"ExposedPorts":"x","Healthcheck":[]}}"#,
        ] {
            assert_eq!(read(body.as_bytes()), ParsedImageConfig::default(), "{body}");
        }
        let none = br#"{"config":{"Healthcheck":{"Test":["NONE"]}}}"#;
        assert_eq!(read(none).config.health, Vec::<String>::new());
        let long = serde_json::json!({"config": {"User": "ü".repeat(5000)}}).to_string();
        assert_eq!(read(long.as_bytes()).config.user.chars().count(), LONGEST + 1);
    }

    #[test]
    fn steps_without_values() {
        for (by, shown) in [
            ("RUN /bin/sh -c apt-get update # buildkit", "RUN /bin/sh -c apt-get update # buildkit"),
            ("/bin/sh -c #(nop)  CMD [\"bash\"]", "CMD [\"bash\"]"),
            ("/bin/sh -c #(nop) ADD file:abc in / ", "ADD file:abc in /"),
            ("ENV PASSWORD=hunter2", "ENV PASSWORD=…"),
            ("/bin/sh -c #(nop)  ENV A=b c B=d", "ENV A=… B=…"),
            ("ENV TOKEN hunter2", "ENV TOKEN=…"),
            ("ARG TOKEN", "ARG TOKEN"),
            ("ARG TOKEN=hunter2", "ARG TOKEN=…"),
            (
                "RUN |2 A=x B=hunter2 and more /bin/sh -c make x=y # buildkit",
                "RUN A=… B=… /bin/sh -c make x=y # buildkit",
            ),
            ("|1 TOKEN=hunter2 /bin/sh -c make", "TOKEN=… /bin/sh -c make"),
            ("RUN |1 TOKEN=hunter2 powershell x", "RUN TOKEN=…"),
            ("", ""),
        ] {
            assert_eq!(without_values(by), shown, "{by}");
        }
    }
}
