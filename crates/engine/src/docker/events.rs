//! The engine's event stream, limited to swarm objects.

use std::collections::BTreeMap;

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::time::timeout;

use super::client::{Docker, READ, filters};
use super::error::DockerError;
use pinnace_core::sanitize::clean;

/// The maximum length of a line, in bytes; a longer line is an error.
const MOST: usize = 1 << 20;

/// An event of a service, a node or a config. Tasks send no events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The type of the object: `service`, `node` or `config`.
    pub kind: String,
    /// The action: `create`, `update` or `remove`.
    pub action: String,
    /// The id of the object.
    pub id: String,
    /// The name of the object; empty where the engine does not send one.
    pub name: String,
    /// The changes that the engine reports: `image.new`, `updatestate.new`, `state.new`, …
    pub attributes: BTreeMap<String, String>,
    /// The time in nanoseconds since the Unix epoch, by the engine's clock.
    pub time_nano: i64,
}

/// An open event stream.
#[derive(Debug)]
pub struct EventStream {
    body: Incoming,
    left: BytesMut,
    address: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EventBody {
    #[serde(rename = "Type", default)]
    kind: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    actor: EventActor,
    #[serde(rename = "timeNano", default)]
    time_nano: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EventActor {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Attributes")]
    attributes: Option<BTreeMap<String, String>>,
}

fn read(line: &[u8]) -> Option<Event> {
    let body: EventBody = serde_json::from_slice(line).ok()?;
    let attributes: BTreeMap<_, _> =
        body.actor.attributes.unwrap_or_default().iter().map(|(key, value)| (clean(key), clean(value))).collect();
    Some(Event {
        kind: clean(&body.kind),
        action: clean(&body.action),
        id: body.actor.id,
        name: attributes.get("name").cloned().unwrap_or_default(),
        attributes,
        time_nano: body.time_nano,
    })
}

impl EventStream {
    /// Returns the next event; `None` at the end of the stream. Unreadable lines are skipped.
    ///
    /// Safe to cancel: data already received is kept.
    ///
    /// # Errors
    /// A fault if the connection breaks. Neither a broken nor an ended stream yields anything more: open a new one,
    /// and list the objects again.
    pub async fn next(&mut self) -> Option<Result<Event, DockerError>> {
        loop {
            while let Some(end) = self.left.iter().position(|byte| *byte == b'\n') {
                let line = self.left.split_to(end + 1);
                if let Some(event) = read(&line) {
                    return Some(Ok(event));
                }
            }
            if self.left.len() > MOST {
                return Some(Err(self.broke("an event without an end")));
            }
            match self.body.frame().await? {
                Ok(frame) => {
                    if let Some(data) = frame.data_ref() {
                        self.left.extend_from_slice(data);
                    }
                }
                Err(error) => return Some(Err(self.broke(&error.to_string()))),
            }
        }
    }

    fn broke(&self, why: &str) -> DockerError {
        DockerError::Broken { what: "following events".to_owned(), address: self.address.clone(), why: clean(why) }
    }
}

impl Docker {
    /// Opens the event stream for services, nodes and configs.
    ///
    /// With `since`, in seconds of the engine's clock, the stream begins with the stored events from that time on;
    /// the engine keeps 256 events of all types together.
    ///
    /// # Errors
    /// A fault if the stream cannot be opened.
    pub async fn events(&self, since: Option<i64>) -> Result<EventStream, DockerError> {
        let filter = filters(&[("scope", &["swarm"]), ("type", &["service", "node", "config"])]);
        let since = since.map(|since| format!("&since={since}")).unwrap_or_default();
        let what = "following events";
        let path = format!("/events?{filter}{since}");
        let body = timeout(READ.time, self.get_stream(what, &path))
            .await
            .unwrap_or_else(|_| Err(DockerError::Timeout { what: what.to_owned(), after: READ.time }))?;
        Ok(EventStream { body, left: BytesMut::new(), address: self.address() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::test_server::capture;

    #[test]
    fn every_shape_of_event() {
        let text = capture("EVENTS-samples-one-per-shape.jsonl");
        let events: Vec<_> = text.lines().map(|line| read(line.as_bytes()).unwrap()).collect();
        assert!(events.iter().all(|event| !event.id.is_empty() && event.time_nano > 0));
        assert!(events.iter().any(|event| event.attributes.contains_key("image.new")));
        let odd = read(br#"{"Type":"quantum","Actor":{"ID":"x","Attributes":null},"more":1}"#).unwrap();
        assert_eq!((odd.kind.as_str(), odd.name.as_str()), ("quantum", ""));
        assert!(read(b"not json\n").is_none());
    }
}
