//! The Engine API over a unix socket: HTTP/1.0, so that a response ends with the connection.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A client of one engine.
#[derive(Clone, Debug)]
pub struct Engine {
    socket: PathBuf,
}

impl Engine {
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Makes a request; returns status and body, or status 0 without a response.
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

    /// Reads an object that must exist.
    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, "");
        assert_eq!(status, 200, "GET {path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Posts a body that must be accepted.
    pub fn post(&self, path: &str, body: &str) -> Value {
        let (status, answer) = self.ask("POST", path, body);
        assert!((200..300).contains(&status), "POST {path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// Reads a list with filters, such as `("label", "a=b")`.
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

    /// Returns a service's spec, byte for byte.
    pub fn spec(&self, service: &str) -> String {
        let (status, body) = self.ask("GET", &format!("/services/{service}"), "");
        assert_eq!(status, 200, "{service}: {body}");
        raw_spec(&body)
    }

    /// Returns a service's image reference.
    pub fn image(&self, service: &str) -> String {
        let spec: Value = serde_json::from_str(&self.spec(service)).unwrap();
        spec["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap().to_owned()
    }

    /// Returns a service's version index.
    pub fn index(&self, service: &str) -> u64 {
        self.get(&format!("/services/{service}"))["Version"]["Index"].as_u64().unwrap()
    }

    /// Returns ids and images of the running tasks of a service.
    pub fn running(&self, service: &str) -> Vec<(String, String)> {
        let tasks = self.list("tasks", &[("service", service), ("desired-state", "running")]);
        let up = tasks.iter().filter(|task| task["Status"]["State"] == "running");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut up: Vec<_> =
            up.map(|task| (text(&task["ID"]), text(&task["Spec"]["ContainerSpec"]["Image"]))).collect();
        up.sort();
        up
    }

    /// Sets a service's image, as another operator would.
    pub fn set_image(&self, service: &str, image: &str) {
        // The index moves with every step of a rollout, so the update is retried.
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

/// Extracts the spec's text, byte for byte, from the JSON of a service.
pub fn raw_spec(body: &str) -> String {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(rename = "Spec", borrow)]
        spec: &'a RawValue,
    }
    serde_json::from_str::<Body<'_>>(body).unwrap().spec.get().to_owned()
}
