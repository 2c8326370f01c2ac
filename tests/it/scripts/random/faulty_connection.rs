//! The connection between one program and its manager, with injected faults.
//!
//! A write that was sent continues even if its client no longer waits: a frozen process or manager may hold it, or it
//! is applied long after it was reported as failed.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use swarm_sim::{HttpRequest, ResponseResult, answer_as_engine, full_body, respond};
use tokio::io::DuplexStream;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::super::broken;
use super::context::Stage;
use super::monitor::Cause;
use super::sequence::Dice;
use super::step::Step;

/// An injected fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Status 500, never applied.
    Refused,
    /// Status 500, applied later.
    Late,
    /// Applied, and the answer is lost.
    Lost,
    /// The connection is cut before the write is applied.
    Cut,
    /// No answer for a minute.
    Hang,
    /// An election moves all version indexes first.
    Moved,
    /// Writes fail from now on for a while; some of them are applied at its end.
    Closed,
    /// The program is killed.
    Kill,
    /// The program is frozen: its requests and their answers are held.
    Freeze,
    /// Another client changes the image.
    Image,
    /// Another client changes a label.
    Label,
    /// Another client scales the service.
    Scale,
    /// A node is drained.
    Drain,
    /// A node loses its link.
    Down,
}

impl Fault {
    pub(super) const ALL: [Self; 14] = [
        Self::Refused,
        Self::Late,
        Self::Lost,
        Self::Cut,
        Self::Hang,
        Self::Moved,
        Self::Closed,
        Self::Kill,
        Self::Freeze,
        Self::Image,
        Self::Label,
        Self::Scale,
        Self::Drain,
        Self::Down,
    ];
}

/// A fault that is waiting for its step.
#[derive(Clone, Debug)]
pub(super) struct Armed {
    pub(super) step: Step,
    /// The number of the request among those of the step, from 1.
    pub(super) nth: u32,
    pub(super) fault: Fault,
    /// Applies the request before the fault.
    pub(super) after: bool,
    /// Duration of the fault.
    pub(super) seconds: u64,
    /// A random number that selects a service, a node or a variant.
    pub(super) pick: u64,
    /// Kills the program, or freezes it for the given seconds, before it receives the result.
    pub(super) and: Option<(Fault, u64)>,
}

/// The connection of one program.
pub(super) struct Line {
    pub(super) stage: Arc<Stage>,
    number: usize,
    node: String,
    armed: Mutex<Vec<Armed>>,
    counts: Mutex<BTreeMap<Step, u32>>,
    dead: AtomicBool,
    pub(super) killed: Notify,
    frozen: watch::Sender<bool>,
    /// Random delays of 0 to 3 ms for each request; `None`: no delay.
    slow: Option<Mutex<Dice>>,
}

impl Line {
    /// Creates a connection; with `slow` each request is delayed by some milliseconds.
    pub(super) fn new(stage: &Arc<Stage>, number: usize, armed: Vec<Armed>, slow: Option<Dice>) -> Arc<Self> {
        Arc::new(Self {
            stage: Arc::clone(stage),
            number,
            node: format!("node-{}", number % 3 + 1),
            armed: Mutex::new(armed),
            counts: Mutex::default(),
            dead: AtomicBool::new(false),
            killed: Notify::new(),
            frozen: watch::Sender::new(false),
            slow: slow.map(Mutex::new),
        })
    }

    pub(super) fn connect(self: &Arc<Self>) -> io::Result<DuplexStream> {
        if self.is_dead() {
            return Err(broken());
        }
        let (near, far) = tokio::io::duplex(1 << 20);
        let line = Arc::clone(self);
        let service = service_fn(move |request| {
            let line = Arc::clone(&line);
            async move { line.pass(request).await }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(far), service));
        Ok(near)
    }

    fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    async fn pass(self: &Arc<Self>, request: http::Request<hyper::body::Incoming>) -> ResponseResult {
        let asked = HttpRequest::read(request).await?;
        let (send, told) = oneshot::channel();
        let line = Arc::clone(self);
        self.stage.under_way.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            let answer = line.carry(asked).await;
            line.stage.under_way.fetch_sub(1, Ordering::SeqCst);
            let _ = send.send(answer);
        });
        let answer = told.await.map_err(|_| broken())?;
        self.thawed().await?;
        answer
    }

    /// Waits until the program is not frozen; fails if it was killed.
    async fn thawed(&self) -> io::Result<()> {
        let mut frozen = self.frozen.subscribe();
        let _ = frozen.wait_for(|frozen| !frozen).await;
        if self.is_dead() { Err(broken()) } else { Ok(()) }
    }

    async fn carry(self: &Arc<Self>, asked: HttpRequest) -> ResponseResult {
        if self.is_dead() {
            return Err(broken());
        }
        let wait = self.slow.as_ref().map(|dice| dice.lock().unwrap_or_else(PoisonError::into_inner).below(4));
        sleep(Duration::from_millis(u64::try_from(wait.unwrap_or(0)).unwrap_or(0))).await;
        let step = self.step(&asked);
        self.thawed().await?;
        let Some(armed) = self.due(step) else { return self.plain(asked, 0).await };
        *self.stage.met.lock().unwrap_or_else(PoisonError::into_inner).entry((armed.fault, step)).or_default() += 1;
        let side = if armed.after { "after" } else { "before" };
        self.stage.tell(&format!("line {}: {:?} {side} {step:?}, {} s", self.number, armed.fault, armed.seconds));
        self.harm(asked, step, armed).await
    }

    fn step(&self, asked: &HttpRequest) -> Step {
        if asked.method != http::Method::GET {
            self.stage.observe(Cause::Itself);
            let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
            let version = asked.value("version").parse().unwrap_or(0);
            return self.stage.judge(|judge| judge.sent(self.number, &asked.parts, version, &body));
        }
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let has = |step: Step| counts.contains_key(&step);
        match asked.parts.last().map(String::as_str) {
            _ if !has(Step::Record) && !has(Step::Takeover) => Step::Plan,
            Some("tasks") if has(Step::Post) || has(Step::Takeover) => Step::Watch,
            _ => Step::Other,
        }
    }

    /// Returns the fault armed for this request, if any.
    fn due(&self, step: Step) -> Option<Armed> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(step).or_default() += 1;
        if !step.is_read() && step != Step::Beat {
            *counts.entry(Step::Any).or_default() += 1;
        }
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let meant = |meant: Step| meant == step || (meant == Step::Any && !step.is_read() && step != Step::Beat);
        let at = armed.iter().position(|armed| meant(armed.step) && counts.get(&armed.step) == Some(&armed.nth))?;
        Some(armed.remove(at))
    }

    async fn harm(self: &Arc<Self>, asked: HttpRequest, step: Step, armed: Armed) -> ResponseResult {
        let span = Duration::from_secs(armed.seconds);
        let short = Duration::from_secs(if step.is_read() { 1 } else { 20 });
        match armed.fault {
            Fault::Refused => return late(short).await,
            Fault::Late => {
                self.later(asked, Instant::now() + short + span);
                return match armed.and {
                    Some(end) => Err(self.ends(end)),
                    None => late(short).await,
                };
            }
            Fault::Cut => return Err(armed.and.map_or_else(broken, |end| self.ends(end))),
            Fault::Lost => {
                self.deliver(asked).await?;
                return Err(armed.and.map_or_else(broken, |end| self.ends(end)));
            }
            Fault::Hang => {
                if armed.pick.is_multiple_of(2) {
                    self.deliver(asked).await?;
                }
                sleep(Duration::from_secs(60)).await;
                return Err(broken());
            }
            _ => {}
        }
        if !armed.after {
            self.happen(&armed).await?;
            return self.plain(asked, armed.pick).await;
        }
        let answer = self.plain(asked, armed.pick).await;
        self.happen(&armed).await?;
        answer
    }

    /// Applies a fault that does not concern the request itself.
    async fn happen(self: &Arc<Self>, armed: &Armed) -> io::Result<()> {
        let span = Duration::from_secs(armed.seconds);
        match armed.fault {
            Fault::Moved => self.stage.elect(armed.pick),
            Fault::Closed => {
                *self.stage.closed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + span);
            }
            Fault::Kill => return Err(self.ends((Fault::Kill, 0))),
            Fault::Freeze => {
                self.ends((Fault::Freeze, armed.seconds));
                return self.thawed().await;
            }
            Fault::Image | Fault::Label | Fault::Scale => self.stage.meddle(armed.fault, armed.pick),
            Fault::Drain | Fault::Down => self.stage.node(armed.fault, armed.pick, armed.seconds),
            _ => {}
        }
        Ok(())
    }

    /// Kills the program, or freezes it for some seconds; returns the broken connection that it then finds.
    fn ends(self: &Arc<Self>, (how, seconds): (Fault, u64)) -> io::Error {
        if how == Fault::Kill {
            self.dead.store(true, Ordering::SeqCst);
            self.killed.notify_one();
            return broken();
        }
        self.frozen.send_replace(true);
        let line = Arc::clone(self);
        tokio::spawn(async move {
            sleep(Duration::from_secs(seconds)).await;
            line.stage.tell(&format!("line {} goes on", line.number));
            line.frozen.send_replace(false);
        });
        broken()
    }

    /// Handles a request without its own fault. While writes fail, a write is reported as
    /// failed and may be applied later.
    async fn plain(self: &Arc<Self>, asked: HttpRequest, pick: u64) -> ResponseResult {
        let Some(until) = self.stage.closed().filter(|_| asked.method != http::Method::GET) else {
            return self.deliver(asked).await;
        };
        if (pick + u64::try_from(asked.body.len()).unwrap_or(0)).is_multiple_of(2) {
            self.later(asked, until);
        }
        late(Duration::from_secs(20)).await
    }

    /// Applies a request at the given time.
    fn later(self: &Arc<Self>, asked: HttpRequest, at: Instant) {
        let line = Arc::clone(self);
        self.stage.under_way.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            sleep_until(at).await;
            line.stage.tell(&format!("line {}: {} {} arrives late", line.number, asked.method, asked.path));
            let _ = line.deliver(asked).await;
            line.stage.under_way.fetch_sub(1, Ordering::SeqCst);
        });
    }

    /// Delivers a request to the swarm, with a check of the whole swarm before and after each write.
    async fn deliver(&self, asked: HttpRequest) -> ResponseResult {
        let is_read = asked.method == http::Method::GET;
        let path = asked.path.clone();
        if !is_read {
            self.stage.observe(Cause::Itself);
        }
        let answer = answer_as_engine(Arc::clone(&self.stage.swarm.sim), Some(&self.node), asked).await;
        if !is_read {
            self.stage.observe(Cause::Line(self.number));
            if path.contains("/services/") {
                let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
                self.stage.tell(&format!("line {}: post to {path}: {status}", self.number));
            }
        }
        answer
    }
}

/// Returns a timeout error after a delay.
async fn late(after: Duration) -> ResponseResult {
    sleep(after).await;
    let body = r#"{"message":"rpc error: code = DeadlineExceeded desc = context deadline exceeded"}"#;
    Ok(respond(500, "application/json", full_body(Bytes::from_static(body.as_bytes()))))
}
