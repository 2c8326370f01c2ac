//! Errors of calls to an engine or a registry, with hints for the operator.

use std::io;
use std::time::Duration;

use pinnace_core::sanitize::clean;

/// A failed call. Its text says what failed and about what; [`DockerError::hint`] says what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DockerError {
    /// The endpoint cannot be determined: flags, environment or context are wrong.
    #[error("{why}")]
    Endpoint {
        /// The problem.
        why: String,
        /// The advice for the operator.
        hint: String,
    },
    /// The endpoint cannot be reached.
    #[error("{what}: {address} cannot be reached: {why}")]
    Unreachable {
        /// The attempted action.
        what: String,
        address: String,
        /// The kind of the I/O error.
        kind: io::ErrorKind,
        /// The cause, in the operating system's words.
        why: String,
    },
    /// The connection ended during a call. A write may have been carried out.
    #[error("{what}: the connection to {address} broke: {why}")]
    Broken {
        /// The attempted action.
        what: String,
        address: String,
        /// The cause, cleaned.
        why: String,
    },
    /// No complete answer arrived within the limit. A write may have been carried out, or may still be.
    #[error("{what}: no answer within {} s", after.as_secs())]
    Timeout {
        /// The attempted action.
        what: String,
        /// The time limit of the call.
        after: Duration,
    },
    /// The engine answered with an error status.
    #[error("{what}: {message}")]
    Http {
        /// The attempted action.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The engine's message, cleaned.
        message: String,
    },
    /// The answer cannot be parsed.
    #[error("{what}: the answer cannot be read: {why}")]
    BadAnswer {
        /// The attempted action.
        what: String,
        /// The parse error, cleaned.
        why: String,
    },
    /// A file or folder on this machine could not be used.
    #[error("{what}: {why}")]
    Disk {
        /// The attempted action, with the path.
        what: String,
        /// The operating system's error.
        why: String,
    },
    /// Writes are disabled (`--read-only`); nothing was sent.
    #[error("{what}: pinnace is read-only here")]
    ReadOnly {
        /// The attempted action.
        what: String,
    },
}

impl DockerError {
    /// Builds the fault of an error status: the engine's JSON `message`, else the body as plain text.
    pub fn http(what: &str, status: u16, body: &[u8]) -> Self {
        #[derive(serde::Deserialize)]
        struct ErrorBody {
            message: String,
        }
        let message = match serde_json::from_slice::<ErrorBody>(body) {
            Ok(told) => clean(&told.message),
            // Any other JSON may be a regular answer under an error status: it may hold specs, and so passwords.
            Err(_) if body.trim_ascii_start().starts_with(b"{") || body.trim_ascii_start().starts_with(b"[") => {
                String::new()
            }
            Err(_) => clean(&String::from_utf8_lossy(&body[..body.len().min(400)])),
        };
        let message = match message.trim() {
            "" => format!("status {status}"),
            message => message.to_owned(),
        };
        Self::Http { what: what.to_owned(), status, message }
    }

    /// Builds the fault of an answer that cannot be parsed.
    pub fn bad(what: &str, why: impl std::fmt::Display) -> Self {
        Self::BadAnswer { what: what.to_owned(), why: clean(&why.to_string()) }
    }

    /// Returns the HTTP status; `None` if the engine did not answer with one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Http { status, .. } => Some(*status),
            _ => None,
        }
    }

    fn says(&self, text: &str) -> bool {
        matches!(self, Self::Http { message, .. } if message.contains(text))
    }

    /// Returns whether a write came too late: the version index had moved. The engine answers 500, not 409.
    pub fn is_out_of_sequence(&self) -> bool {
        self.says("update out of sequence")
    }

    /// Returns whether the requested object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404) && !self.is_no_leader()
    }

    /// Returns whether the name is taken.
    pub fn is_name_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// Returns whether the engine is a worker of a swarm, which can neither show nor change the swarm.
    pub fn is_not_manager(&self) -> bool {
        self.says("This node is not a swarm manager") && !self.is_not_in_swarm()
    }

    /// Returns whether the engine is not part of a swarm.
    pub(crate) fn is_not_in_swarm(&self) -> bool {
        self.says("\"docker swarm init\"") || self.says("node is not part of a swarm")
    }

    /// Returns whether the swarm is locked.
    pub(crate) fn is_locked(&self) -> bool {
        self.says("Swarm is encrypted and needs to be unlocked")
    }

    /// Returns whether the managers have no leader: they lack a majority, or are electing one.
    pub(crate) fn is_no_leader(&self) -> bool {
        self.says("does not have a leader")
            || self.says("node lost leader status")
            || self.says("no elected primary cluster manager")
    }

    /// Returns whether the write was refused: it was not carried out and never will be, and a retry is of no use.
    ///
    /// Refusals are client errors (4xx), an unimplemented call (501), and a call that was not sent because writes
    /// are disabled. After any other failure the write may have been carried out, or still be: a timeout, a broken
    /// connection or an unreachable engine (an earlier attempt may be on its way), 408 and 429, any other 5xx, and a
    /// lost leader under any status. A moved version index is not a refusal either, as our own earlier write may
    /// have moved it. After these, read the object again: only its state then counts.
    pub fn is_final(&self) -> bool {
        if self.is_no_leader() || self.is_out_of_sequence() {
            return false;
        }
        match self {
            Self::ReadOnly { .. } => true,
            Self::Http { status, .. } => matches!(status, 400..=407 | 409..=428 | 430..=499 | 501),
            Self::Endpoint { .. }
            | Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::Timeout { .. }
            | Self::BadAnswer { .. }
            | Self::Disk { .. } => false,
        }
    }

    /// Describes the problem: known states of an engine in our words, anything else as the fault's text.
    pub fn why(&self) -> String {
        let why = if self.is_not_manager() {
            "this engine is a worker of its swarm; only managers can show and change it"
        } else if self.is_not_in_swarm() {
            "this engine is not in a swarm"
        } else if self.is_locked() {
            "the swarm is locked on this manager"
        } else if self.is_no_leader() {
            "the swarm has no leader: too few managers are running, or they are electing one"
        } else {
            return self.to_string();
        };
        why.to_owned()
    }

    /// Returns the advice for the operator, as one sentence.
    pub fn hint(&self) -> String {
        let hint = match self {
            Self::Endpoint { hint, .. } => hint,
            Self::Unreachable { why, .. } if why.contains("invalid peer certificate") => {
                "provide the CA that signed the engine's certificate: ca.pem in DOCKER_CERT_PATH or the context"
            }
            Self::Unreachable { why, .. } | Self::Broken { why, .. } if why.contains("fatal alert") => {
                "provide a client certificate that the engine trusts: cert.pem and key.pem in DOCKER_CERT_PATH"
            }
            Self::Unreachable { kind, address, .. } => return unreachable_hint(*kind, address),
            Self::Broken { .. } => "check the engine and the network; pinnace tries again",
            Self::Timeout { .. } => "check the engine's host and the network; the managers may be electing a leader",
            Self::ReadOnly { .. } => "start pinnace without --read-only to change anything",
            Self::Disk { .. } => "free space, or fix the folder; XDG_STATE_HOME sets another one",
            Self::BadAnswer { .. } => "check that the address is that of a Docker Engine",
            Self::Http { .. } => self.http_hint(),
        };
        hint.to_owned()
    }

    fn http_hint(&self) -> &'static str {
        if self.is_not_manager() {
            "connect to a manager of this swarm, or promote this node: docker node promote"
        } else if self.is_not_in_swarm() {
            "connect to a swarm manager, or create a swarm here: docker swarm init"
        } else if self.is_locked() {
            "unlock it on its host: docker swarm unlock"
        } else if self.is_no_leader() {
            "start managers until more than half of them run; until then nothing can be changed"
        } else if self.is_out_of_sequence() {
            "the object changed in the meantime; refresh and try again"
        } else if self.says("DeadlineExceeded") || self.says("deadline exceeded") {
            "check the managers: an election, or one is unreachable; refresh before you try again"
        } else {
            match self.status() {
                Some(401 | 403) => "check this user's permissions, the credentials and the authorization plugins",
                Some(404) => "refresh: the object does not exist, or no longer exists",
                Some(409) => "the name already exists; refresh and try again",
                Some(400) if self.says("is too old") || self.says("is too new") => {
                    "update pinnace or the engine: they have no API version in common"
                }
                Some(400..500) => "read the message: the engine refused the request",
                _ => "read the engine's log on its host (journalctl -u docker)",
            }
        }
    }
}

fn unreachable_hint(kind: io::ErrorKind, address: &str) -> String {
    match kind {
        io::ErrorKind::NotFound => {
            format!("check that Docker is installed and runs here (no socket at {address}), or use --host or --context")
        }
        io::ErrorKind::PermissionDenied => {
            format!("use sudo, or join the group that owns {address} (usually docker)")
        }
        io::ErrorKind::ConnectionRefused => {
            format!("check that the engine runs (systemctl status docker): nothing listens at {address}")
        }
        _ => "check the address, the network and the firewall between this machine and the engine".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages in the engine's own wording (20.10.24).
    #[test]
    fn what_the_engine_means() {
        let fault =
            |status, message: &str| DockerError::http("x", status, format!("{{\"message\":\"{message}\"}}").as_bytes());
        assert!(fault(500, "rpc error: code = Unknown desc = update out of sequence").is_out_of_sequence());
        let worker =
            fault(503, "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state.");
        assert!(worker.is_not_manager() && !worker.is_not_in_swarm());
        let outside = fault(
            503,
            r#"This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect"#,
        );
        assert!(outside.is_not_in_swarm() && !outside.is_not_manager());
        assert!(fault(503, "Swarm is encrypted and needs to be unlocked before it can be used.").is_locked());
        let headless = fault(
            404,
            "could not find the corresponding predefined swarm network: rpc error: code = Unknown desc = The swarm does not have a leader.",
        );
        assert!(headless.is_no_leader() && !headless.is_not_found());
        assert!(fault(409, "config x already exists").is_name_conflict());
        assert_eq!(
            DockerError::http("x", 400, b"client version 1.11 is too old. \x1b[2J").to_string(),
            "x: client version 1.11 is too old."
        );
        assert_eq!(DockerError::http("x", 502, b"").to_string(), "x: status 502");
        assert_eq!(DockerError::http("x", 502, br#"[{"Env":["PASSWORD=x"]}]"#).to_string(), "x: status 502");
    }

    #[test]
    fn only_a_refusal_is_final() {
        let headless = "rpc error: code = Unknown desc = The swarm does not have a leader.";
        for (status, message, is_final) in [
            (400, "rpc error: code = InvalidArgument desc = invalid mount", true),
            (401, "authorization denied by plugin", true),
            (403, "authorization denied by plugin", true),
            (404, "service x not found", true),
            (409, "rpc error: code = AlreadyExists desc = config x already exists", true),
            (501, "rpc error: code = Unimplemented desc = service mode change is not allowed", true),
            (400, "rpc error: code = FailedPrecondition desc = update out of sequence", false),
            (404, headless, false),
            (408, "request timed out", false),
            (429, "too many requests", false),
            (500, "rpc error: code = Unknown desc = update out of sequence", false),
            (500, "rpc error: code = DeadlineExceeded desc = context deadline exceeded", false),
            (500, "rpc error: code = Unavailable desc = node lost leader status", false),
            (502, "bad gateway", false),
            (503, headless, false),
            (504, "gateway timeout", false),
        ] {
            let body = serde_json::json!({ "message": message }).to_string();
            assert_eq!(DockerError::http("x", status, body.as_bytes()).is_final(), is_final, "{status} {message}");
        }
        let what = || "x".to_owned();
        assert!(DockerError::ReadOnly { what: what() }.is_final());
        let kind = io::ErrorKind::ConnectionRefused;
        for fault in [
            DockerError::Endpoint { why: what(), hint: what() },
            DockerError::Unreachable { what: what(), address: what(), kind, why: what() },
            DockerError::Broken { what: what(), address: what(), why: what() },
            DockerError::Timeout { what: what(), after: Duration::from_secs(30) },
            DockerError::bad("x", "no JSON"),
            DockerError::Disk { what: what(), why: what() },
        ] {
            assert!(!fault.is_final(), "{fault:?}");
        }
    }
}
