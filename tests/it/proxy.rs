//! A proxy between the program and the engine that sees all requests and answers and can inject failures.
//!
//! A hook decides before a request is sent to the engine and before an answer is sent back: it lets it pass, cuts the
//! connection, or kills (SIGKILL) or stops (SIGSTOP) the program. Heartbeats, which are slot writes that change only
//! the beat, are recorded but not counted: their number depends on the duration of a run.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::Value;
use tempfile::TempDir;

use crate::lab::{Engine, Running, raw_spec};

/// The hook's decision for a request or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Forward it.
    Pass,
    /// Cut the connection.
    Cut,
    /// Kill the program.
    Kill,
    /// Stop the program and cut the connection; everything passes again once it is continued.
    Stop,
}

/// The side at which the hook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// A request, before it reaches the engine.
    Before,
    /// An answer, before it reaches the program.
    After,
}

/// A request with its answer.
#[derive(Clone, Debug)]
pub struct Call {
    /// Number among the writes, from 1; `None` for reads and heartbeats.
    pub nth: Option<usize>,
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Body of the request.
    pub body: String,
    /// The credentials of a service update: their source, and whether it sends some: `spec, sent`.
    pub auth: String,
    /// The service's spec right before a service update, byte for byte.
    pub was: Option<String>,
    /// Status of the answer; 0 without an answer.
    pub status: u16,
    /// Body of the answer.
    pub reply: String,
}

impl Call {
    /// Returns true if the request may change something.
    pub fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
    }

    /// Returns the segments of the path, without API version and query.
    fn parts(&self) -> Vec<&str> {
        let path = self.path.split('?').next().unwrap_or_default();
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if parts.first().is_some_and(|part| part.starts_with("v1.")) {
            parts.remove(0);
        }
        parts
    }

    /// Returns the id in `/services/ID/update`.
    pub fn service(&self) -> Option<&str> {
        match self.parts()[..] {
            ["services", id, "update"] if self.is_write() => Some(id),
            _ => None,
        }
    }

    /// Returns true if this is a service update that the engine accepted.
    pub fn landed(&self) -> bool {
        self.status == 200 && self.was.as_ref().is_some_and(|was| *was != self.body)
    }

    /// Describes the write: `update ID`, `record`, `claim`, `slot`, `log`; otherwise method and path.
    pub fn what(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let name = body["Name"].as_str().unwrap_or_default();
        match (self.parts()[..].first(), name.get(..10)) {
            _ if self.service().is_some() => format!("update {}", self.service().unwrap_or_default()),
            (Some(&"configs"), Some("pinnace.r.")) => "record".into(),
            (Some(&"configs"), Some("pinnace.l.")) => "log".into(),
            (Some(&"configs"), Some("pinnace.s.")) if self.parts()[1] == "create" => "claim".into(),
            (Some(&"configs"), Some("pinnace.s.")) => {
                let label = |key: &str| body["Labels"][key].as_str().unwrap_or_default().to_owned();
                format!("slot {} {} {}", label("pinnace.state"), label("pinnace.units"), label("pinnace.post"))
            }
            _ => format!("{} {}", self.method, self.path),
        }
    }
}

type Hook = Box<dyn Fn(&Call, When) -> Act + Send + Sync>;

struct Shared {
    upstream: PathBuf,
    hook: Hook,
    calls: Mutex<Vec<Call>>,
    count: Mutex<Count>,
    pid: Mutex<Option<i32>>,
    pid_known: Condvar,
    over: AtomicBool,
    stopped: AtomicBool,
}

/// A counter of the writes. It keeps each slot's labels without the beat, to tell heartbeats from other writes.
#[derive(Default)]
pub struct Count {
    writes: usize,
    slots: HashMap<String, Value>,
}

impl Count {
    /// Returns the number of a write; `None` for reads and heartbeats.
    pub fn number(&mut self, call: &Call) -> Option<usize> {
        let is_beat = slot(call, "update").is_some_and(|(id, labels)| self.slots.get(&id) == Some(&labels));
        if !call.is_write() || is_beat {
            return None;
        }
        self.writes += 1;
        Some(self.writes)
    }

    /// Updates the known slot labels from an answer.
    pub fn answered(&mut self, call: &Call) {
        if let Some((id, labels)) = slot(call, "update").or_else(|| slot(call, "create")) {
            self.slots.insert(id, labels);
        }
    }
}

/// A proxy socket in front of an engine.
pub struct Proxy {
    folder: TempDir,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Listens, and calls the hook for every request and answer.
    pub fn new(upstream: &Path, hook: impl Fn(&Call, When) -> Act + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            hook: Box::new(hook),
            calls: Mutex::default(),
            count: Mutex::default(),
            pid: Mutex::default(),
            pid_known: Condvar::new(),
            over: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let inner = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if inner.over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&inner);
                std::thread::spawn(move || shared.serve(&client));
            }
        });
        Self { folder, shared }
    }

    /// Creates a proxy that only records.
    pub fn watching(upstream: &Path) -> Self {
        Self::new(upstream, |_, _| Act::Pass)
    }

    /// Returns the path of its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Registers the program that a hook may kill or stop.
    pub fn may_kill(&self, program: &Running) {
        *self.shared.pid.lock().unwrap() = Some(program.pid());
        self.shared.pid_known.notify_all();
    }

    /// Returns true if the program was killed or stopped.
    pub fn struck(&self) -> bool {
        self.shared.over.load(Ordering::SeqCst) || self.shared.stopped.load(Ordering::SeqCst)
    }

    /// Continues a stopped program.
    pub fn go_on(&self) {
        self.shared.signal(rustix::process::Signal::CONT);
    }

    /// Returns all calls, in the order of their answers.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().unwrap().clone()
    }

    /// Returns the writes without heartbeats.
    pub fn writes(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.nth.is_some()).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        let _ = UnixStream::connect(self.socket());
    }
}

impl Shared {
    /// Serves one connection until one side closes it or the hook ends it.
    fn serve(&self, client: &UnixStream) {
        let Ok(engine) = UnixStream::connect(&self.upstream) else { return };
        let (mut from_client, mut from_engine) = (BufReader::new(client), BufReader::new(&engine));
        while let Ok(Some(request)) = Message::read(&mut from_client, None) {
            let mut call = self.call(&request);
            let passes = self.act(&call, When::Before)
                && (&engine).write_all(&request.raw).is_ok()
                && match Message::read(&mut from_engine, Some(&call.method)) {
                    Ok(Some(answer)) => {
                        call.status = answer.start.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or(0);
                        call.reply = String::from_utf8_lossy(&answer.body).into_owned();
                        self.count.lock().unwrap().answered(&call);
                        self.act(&call, When::After) && (&*client).write_all(&answer.raw).is_ok()
                    }
                    _ => false,
                };
            self.calls.lock().unwrap().push(call);
            if !passes {
                break;
            }
        }
        let _ = client.shutdown(std::net::Shutdown::Both);
    }

    fn act(&self, call: &Call, when: When) -> bool {
        if self.over.load(Ordering::SeqCst) {
            return false;
        }
        match (self.hook)(call, when) {
            Act::Pass => true,
            Act::Cut => false,
            Act::Kill => {
                self.over.store(true, Ordering::SeqCst);
                self.signal(rustix::process::Signal::KILL);
                false
            }
            Act::Stop => {
                self.signal(rustix::process::Signal::STOP);
                self.stopped.store(true, Ordering::SeqCst);
                false
            }
        }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let known = self.pid.lock().unwrap();
        let known = self.pid_known.wait_while(known, |pid| pid.is_none()).unwrap();
        let pid = known.and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    fn call(&self, request: &Message) -> Call {
        let mut words = request.start.split(' ').map(str::to_owned);
        let mut call = Call {
            nth: None,
            method: words.next().unwrap_or_default(),
            path: words.next().unwrap_or_default(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            auth: String::new(),
            was: None,
            status: 0,
            reply: String::new(),
        };
        if let Some(service) = call.service() {
            let (status, body) = Engine::new(&self.upstream).ask("GET", &format!("/services/{service}"), "");
            call.was = (status == 200).then(|| raw_spec(&body));
        }
        call.nth = self.count.lock().unwrap().number(&call);
        call
    }
}

/// Returns the config id and the labels, without the beat, of a slot write.
fn slot(call: &Call, verb: &str) -> Option<(String, Value)> {
    let parts = call.parts();
    let id = match parts[..] {
        ["configs", id, "update"] if verb == "update" => id.to_owned(),
        ["configs", "create"] if verb == "create" => {
            serde_json::from_str::<Value>(&call.reply).ok()?["ID"].as_str()?.to_owned()
        }
        _ => return None,
    };
    let mut labels = serde_json::from_str::<Value>(&call.body).ok()?["Labels"].take();
    labels.as_object_mut()?.remove("pinnace.beat");
    Some((id, labels))
}

/// An HTTP request or response.
struct Message {
    start: String,
    raw: Vec<u8>,
    body: Vec<u8>,
}

impl Message {
    /// Reads a message; `None` at the end. `answers` is the method of the request that it answers.
    fn read(from: &mut impl BufRead, answers: Option<&str>) -> io::Result<Option<Self>> {
        let mut message = Self { start: String::new(), raw: Vec::new(), body: Vec::new() };
        let (mut length, mut chunked) = (None, false);
        loop {
            let line = message.line(from)?;
            if line.is_empty() && message.start.is_empty() {
                return Ok(None);
            }
            if line.is_empty() {
                break;
            }
            if message.start.is_empty() {
                message.start.clone_from(&line);
            }
            let (name, value) = line.split_once(": ").unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse::<usize>().ok(),
                "transfer-encoding" => chunked = value == "chunked",
                _ => {}
            }
        }
        let bodiless = answers == Some("HEAD") || [" 204", " 304"].iter().any(|code| message.start.contains(code));
        match (length, answers) {
            _ if bodiless => {}
            _ if chunked => while message.chunk(from)? {},
            (Some(length), _) => message.bytes(from, length, true)?,
            (None, Some(_)) => {
                from.read_to_end(&mut message.body)?;
                message.raw.extend_from_slice(&message.body);
            }
            (None, None) => {}
        }
        Ok(Some(message))
    }

    fn line(&mut self, from: &mut impl BufRead) -> io::Result<String> {
        let mut line = Vec::new();
        from.read_until(b'\n', &mut line)?;
        self.raw.extend_from_slice(&line);
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    fn bytes(&mut self, from: &mut impl BufRead, length: usize, is_body: bool) -> io::Result<()> {
        let mut bytes = vec![0; length];
        from.read_exact(&mut bytes)?;
        self.raw.extend_from_slice(&bytes);
        if is_body {
            self.body.extend_from_slice(&bytes);
        }
        Ok(())
    }

    fn chunk(&mut self, from: &mut impl BufRead) -> io::Result<bool> {
        let line = self.line(from)?;
        let size = usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16);
        let size = size.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.bytes(from, size, true)?;
        self.bytes(from, 2, false)?;
        Ok(size > 0)
    }
}
