//! The Engine API over its socket: HTTP/1.0, so that an answer ends where the connection does.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// An engine.
#[derive(Clone, Debug)]
pub struct Engine {
    socket: PathBuf,
}

impl Engine {
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Status and body of an answer; status 0 where none came.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        self.try_ask(method, path, body).unwrap_or_else(|error| (0, error.to_string()))
    }

    fn try_ask(&self, method: &str, path: &str, body: &str) -> std::io::Result<(u16, String)> {
        let mut socket = UnixStream::connect(&self.socket)?;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        write!(
            socket,
            "{method} {path} HTTP/1.0\r\nHost: docker\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Ok((status, body.to_owned()))
    }

    /// Reads something that is there.
    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, "");
        assert_eq!(status, 200, "GET {path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Writes something that is taken.
    pub fn post(&self, path: &str, body: &str) -> Value {
        let (status, answer) = self.ask("POST", path, body);
        assert!((200..300).contains(&status), "POST {path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// A list, filtered: `("label", "a=b")`.
    pub fn list(&self, what: &str, filters: &[(&str, &str)]) -> Vec<Value> {
        let mut all = serde_json::Map::new();
        for (key, value) in filters {
            let values = all.entry(*key).or_insert_with(|| Value::Array(Vec::new()));
            values.as_array_mut().unwrap().push(Value::from(*value));
        }
        let text = Value::Object(all).to_string();
        let encoded = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
        self.get(&format!("/{what}?filters={encoded}")).as_array().unwrap().clone()
    }

    /// A service's spec, its very text.
    pub fn spec(&self, service: &str) -> String {
        let (status, body) = self.ask("GET", &format!("/services/{service}"), "");
        assert_eq!(status, 200, "{service}: {body}");
        raw_spec(&body)
    }

    /// A service's image text.
    pub fn image(&self, service: &str) -> String {
        let spec: Value = serde_json::from_str(&self.spec(service)).unwrap();
        spec["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap().to_owned()
    }

    /// A service's version index.
    pub fn index(&self, service: &str) -> u64 {
        self.get(&format!("/services/{service}"))["Version"]["Index"].as_u64().unwrap()
    }

    /// The tasks of a service that should run and do: their ids and images.
    pub fn running(&self, service: &str) -> Vec<(String, String)> {
        let tasks = self.list("tasks", &[("service", service), ("desired-state", "running")]);
        let up = tasks.iter().filter(|task| task["Status"]["State"] == "running");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut up: Vec<_> =
            up.map(|task| (text(&task["ID"]), text(&task["Spec"]["ContainerSpec"]["Image"]))).collect();
        up.sort();
        up
    }

    /// What another operator would do: posts the spec with another image.
    pub fn set_image(&self, service: &str, image: &str) {
        // The engine moves the index by itself, on every step of a rollout.
        super::wait_for(&format!("{service} to take {image}"), 10, || {
            let read = self.get(&format!("/services/{service}"));
            let mut spec = read["Spec"].clone();
            spec["TaskTemplate"]["ContainerSpec"]["Image"] = Value::from(image);
            let path = format!("/services/{service}/update?version={}", read["Version"]["Index"]);
            let (status, told) = self.ask("POST", &path, &spec.to_string());
            assert!(status == 200 || told.contains("out of sequence"), "{status} {told}");
            (status == 200).then_some(())
        });
    }
}

/// The very text of the spec in a service as the engine tells it.
pub fn raw_spec(body: &str) -> String {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(rename = "Spec", borrow)]
        spec: &'a RawValue,
    }
    serde_json::from_str::<Body<'_>>(body).unwrap().spec.get().to_owned()
}
