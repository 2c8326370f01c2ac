//! The logs of services and tasks.
//!
//! bollard is not used here: it panics on frames of type 3, by which an engine reports within a successful answer
//! that the logs of a node are unavailable (observed on 26.1), and it cannot request details.

use std::collections::VecDeque;

use bytes::{Buf as _, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::client::{Docker, encoded};
use super::error::DockerError;
use pinnace_core::sanitize::clean;
use pinnace_core::time::Time;

/// The maximum length of a line or frame, in bytes; the rest is cut off.
const MOST: usize = 1 << 20;

/// The service or task whose log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTarget<'a> {
    /// All tasks of a service, by service id; the lines of different tasks are not in order.
    Service(&'a str),
    /// One task, by id.
    Task(&'a str),
}

/// The origin of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// The container's standard output, or its terminal.
    Out,
    /// The container's standard error.
    Err,
    /// A message of the engine itself: some logs are unavailable.
    Engine,
}

/// One log line with its origin, time and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub source: LogSource,
    /// The time by the node's clock; `None` where the line has none.
    pub at: Option<Time>,
    /// The task's id, where the engine states it.
    pub task: Option<String>,
    /// The node's id, where the engine states it.
    pub node: Option<String>,
    /// The text of the line, cleaned.
    pub text: String,
}

/// An open log stream.
#[derive(Debug)]
pub struct LogStream {
    body: Incoming,
    left: BytesMut,
    framed: Option<bool>,
    ready: VecDeque<LogLine>,
    over: bool,
}

impl Docker {
    /// Opens a log: the last `tail` lines of each task, and new lines as they are written if `follow` is set.
    ///
    /// # Errors
    /// A fault if the log cannot be opened. An unreachable node delays the answer by 20 s.
    pub async fn logs(&self, of: LogTarget<'_>, tail: u32, follow: bool) -> Result<LogStream, DockerError> {
        let path = match of {
            LogTarget::Service(id) => format!("/services/{}/logs", encoded(id)),
            LogTarget::Task(id) => format!("/tasks/{}/logs", encoded(id)),
        };
        let query = format!("stdout=1&stderr=1&timestamps=1&details=1&tail={tail}&follow={}", u8::from(follow));
        let body = self.get_stream("reading logs", &format!("{path}?{query}")).await?;
        Ok(LogStream { body, left: BytesMut::new(), framed: None, ready: VecDeque::new(), over: false })
    }
}

impl LogStream {
    /// Returns the next line; `None` at the end. Safe to cancel.
    ///
    /// # Errors
    /// A fault if the connection breaks; the stream then yields nothing more.
    pub async fn next(&mut self) -> Option<Result<LogLine, DockerError>> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(Ok(line));
            }
            if self.over {
                return None;
            }
            match self.body.frame().await {
                None => {
                    self.over = true;
                    self.take(true);
                }
                Some(Err(error)) => {
                    self.over = true;
                    return Some(Err(DockerError::bad("reading logs", error)));
                }
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.left.extend_from_slice(data);
                    }
                    self.take(false);
                }
            }
        }
    }

    fn take(&mut self, last: bool) {
        // The log of a terminal has no frames. A frame begins with its type and three zero bytes.
        if self.framed.is_none() && (self.left.len() >= 4 || last) {
            self.framed = Some(self.left.len() >= 4 && self.left[0] <= 3 && self.left[1..4] == [0, 0, 0]);
        }
        match self.framed {
            Some(true) => self.take_frames(),
            Some(false) => self.take_lines(last),
            None => {}
        }
    }

    fn take_frames(&mut self) {
        while self.left.len() >= 8 {
            let length = self.left[4..8].iter().fold(0_usize, |length, byte| (length << 8) | usize::from(*byte));
            if self.left.len() < 8 + length && length <= MOST {
                return;
            }
            let source = match self.left[0] {
                3 => LogSource::Engine,
                2 => LogSource::Err,
                _ => LogSource::Out,
            };
            self.left.advance(8);
            let text = self.left.split_to(length.min(self.left.len()));
            let text = String::from_utf8_lossy(&text);
            self.ready.extend(text.trim_end_matches('\n').split('\n').map(|line| read(source, line)));
        }
    }

    fn take_lines(&mut self, last: bool) {
        while let Some(end) = self.left.iter().position(|byte| *byte == b'\n') {
            let line = self.left.split_to(end + 1);
            self.ready.push_back(read(LogSource::Out, &String::from_utf8_lossy(&line)));
        }
        if !self.left.is_empty() && (last || self.left.len() > MOST) {
            let line = self.left.split();
            self.ready.push_back(read(LogSource::Out, &String::from_utf8_lossy(&line)));
        }
    }
}

/// Parses `TIME KEY=VALUE,… TEXT`; a missing time or missing details are accepted.
fn read(source: LogSource, line: &str) -> LogLine {
    let mut read = LogLine { source, at: None, task: None, node: None, text: String::new() };
    let mut rest = line;
    if let Some((time, after)) = rest.split_once(' ')
        && let Some(at) = Time::parse(time)
    {
        read.at = Some(at);
        rest = after;
    }
    if let Some((details, after)) = rest.split_once(' ')
        && details.contains("com.docker.swarm.task.id=")
    {
        for pair in details.split(',') {
            match pair.split_once('=') {
                Some(("com.docker.swarm.task.id", id)) => read.task = Some(clean(id)),
                Some(("com.docker.swarm.node.id", id)) => read.node = Some(clean(id)),
                _ => {}
            }
        }
        rest = after;
    }
    read.text = clean(rest.trim_end_matches('\r'));
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_details() {
        let line = read(
            LogSource::Out,
            "2026-11-20T10:35:22.645649797Z com.docker.swarm.node.id=n,com.docker.swarm.service.id=s,com.docker.swarm.task.id=t \u{1b}[1mup\u{1b}[0m 3",
        );
        assert_eq!(line.at.unwrap().to_string(), "2026-11-20T10:35:22.645Z");
        assert_eq!((line.task.as_deref(), line.node.as_deref(), line.text.as_str()), (Some("t"), Some("n"), "up 3"));
        let told = read(LogSource::Engine, "Error grabbing logs: rpc error");
        assert_eq!((told.at, told.text.as_str()), (None, "Error grabbing logs: rpc error"));
    }
}
