//! The line between one program and its manager, on which all goes wrong that can.
//!
//! A write that was sent goes its way although nobody waits for it any more: it may be held, as by a frozen process or
//! manager, or carried out long after it was reported as failed.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pinnace::sim::engine_api;
use pinnace::sim::faults::{Fault as Plain, Planned, plan};
use pinnace::sim::http::{Answer, Asked, answer, whole};
use pinnace::sim::world::services::Change;
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::super::{Swarm, broken};
use super::judge::{Cause, Judge};
use super::step::Step;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// 500, and never carried out.
    Refused,
    /// 500, and carried out later.
    Late,
    /// Carried out, and the answer is lost.
    Lost,
    /// The connection is cut before.
    Cut,
    /// No answer for a minute.
    Hang,
    /// An election moves every index first.
    Moved,
    /// From now on no write is taken for a while; some are carried out in the end.
    Closed,
    /// The program is killed.
    Kill,
    /// It is frozen: what it sends, and what it is told, is held.
    Freeze,
    /// Somebody changes the image.
    Image,
    /// Somebody changes a label.
    Label,
    /// Somebody scales.
    Scale,
    /// A node is drained.
    Drain,
    /// A node is cut off.
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

/// A fault that waits for its step.
#[derive(Clone, Debug)]
pub(super) struct Armed {
    pub(super) step: Step,
    /// For the how manieth request of that step.
    pub(super) nth: u32,
    pub(super) fault: Fault,
    /// Whether the request is carried out first.
    pub(super) after: bool,
    /// How long it lasts.
    pub(super) seconds: u64,
    /// Chooses a service, a node, or one of two ways.
    pub(super) pick: u64,
}

/// What all lines of a sequence share.
pub(super) struct Stage {
    pub(super) swarm: Swarm,
    pub(super) judge: Mutex<Judge>,
    pub(super) met: Mutex<BTreeMap<(Fault, Step), u32>>,
    closed: Mutex<Option<Instant>>,
    under_way: AtomicUsize,
    began: Instant,
}

impl Stage {
    pub(super) fn new(swarm: Swarm) -> Arc<Self> {
        let stage = Self {
            swarm,
            judge: Mutex::default(),
            met: Mutex::default(),
            closed: Mutex::default(),
            under_way: AtomicUsize::new(0),
            began: Instant::now(),
        };
        stage.observe(Cause::Itself);
        Arc::new(stage)
    }

    pub(super) fn judge<T>(&self, act: impl FnOnce(&mut Judge) -> T) -> T {
        act(&mut self.judge.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn observe(&self, cause: Cause) {
        self.swarm.sim.with(|world| self.judge(|judge| judge.observe(world, cause)));
    }

    pub(super) fn tell(&self, text: &str) {
        let at = self.began.elapsed();
        self.judge(|judge| judge.story.push(format!("{:>8.2}  {text}", at.as_secs_f64())));
    }

    /// Whether nothing is held or late any more.
    pub(super) fn is_quiet(&self) -> bool {
        self.under_way.load(Ordering::SeqCst) == 0
    }

    /// Until when no write is taken.
    fn closed(&self) -> Option<Instant> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).filter(|until| *until > Instant::now())
    }

    /// Somebody without pinnace changes a service.
    pub(super) fn meddle(&self, fault: Fault, pick: u64) {
        self.observe(Cause::Itself);
        self.swarm.sim.with(|world| {
            let name = ["shop_a", "shop_b", "shop_c"][usize::try_from(pick % 3).unwrap()];
            let Ok(found) = world.find_service(name) else { return };
            let (mut spec, version, id) = (found.spec.value.clone(), found.index, found.id.to_string());
            match fault {
                Fault::Image => {
                    let image = ["app:4", "app:2", "app:1"][usize::try_from(pick / 3 % 3).unwrap()];
                    spec["TaskTemplate"]["ContainerSpec"]["Image"] = Value::from(format!("r.example:5000/{image}"));
                }
                Fault::Label => spec["Labels"]["touched"] = Value::from(pick.to_string()),
                _ => spec["Mode"]["Replicated"]["Replicas"] = Value::from(pick % 4),
            }
            let _ = world.update_service(&id, Change { version, spec, ..Change::default() });
        });
        self.observe(Cause::Foreign);
        self.tell(&format!("somebody: {fault:?} {}", pick % 3));
    }

    /// A node is drained or cut off, for a while.
    pub(super) fn node(self: &Arc<Self>, fault: Fault, pick: u64, seconds: u64) {
        let name = format!("node-{}", pick % 3 + 1);
        let (bad, good) = if fault == Fault::Drain { ("drain", "active") } else { ("down", "up") };
        self.fault(Plain::Node { name: name.clone(), to: bad.into() });
        self.tell(&format!("{name}: {bad}"));
        let stage = Arc::clone(self);
        tokio::spawn(async move {
            sleep(Duration::from_secs(seconds)).await;
            stage.fault(Plain::Node { name, to: good.into() });
        });
    }

    pub(super) fn elect(&self, pick: u64) {
        self.fault(Plain::Elect { node: format!("node-{}", pick % 3 + 1) });
    }

    fn fault(&self, fault: Plain) {
        let planned = Planned { after: 0.0, fault };
        let _ = self.swarm.sim.with_faults(|world, faults| plan(world, faults, planned));
        self.observe(Cause::Itself);
    }
}

/// One program's line.
pub(super) struct Line {
    pub(super) stage: Arc<Stage>,
    number: usize,
    node: String,
    armed: Mutex<Vec<Armed>>,
    counts: Mutex<BTreeMap<Step, u32>>,
    dead: AtomicBool,
    pub(super) killed: Notify,
    frozen: watch::Sender<bool>,
}

impl Line {
    pub(super) fn new(stage: &Arc<Stage>, number: usize, armed: Vec<Armed>) -> Arc<Self> {
        Arc::new(Self {
            stage: Arc::clone(stage),
            number,
            node: format!("node-{}", number % 3 + 1),
            armed: Mutex::new(armed),
            counts: Mutex::default(),
            dead: AtomicBool::new(false),
            killed: Notify::new(),
            frozen: watch::Sender::new(false),
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

    async fn pass(self: &Arc<Self>, request: http::Request<hyper::body::Incoming>) -> Answer {
        let asked = Asked::read(request).await?;
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

    /// Waits until the program is not frozen; a killed one hears and sends nothing.
    async fn thawed(&self) -> io::Result<()> {
        let mut frozen = self.frozen.subscribe();
        let _ = frozen.wait_for(|frozen| !frozen).await;
        if self.is_dead() { Err(broken()) } else { Ok(()) }
    }

    async fn carry(self: &Arc<Self>, asked: Asked) -> Answer {
        if self.is_dead() {
            return Err(broken());
        }
        let step = self.step(&asked);
        self.thawed().await?;
        let Some(armed) = self.due(step) else { return self.plain(asked, 0).await };
        *self.stage.met.lock().unwrap_or_else(PoisonError::into_inner).entry((armed.fault, step)).or_default() += 1;
        let side = if armed.after { "after" } else { "before" };
        self.stage.tell(&format!("line {}: {:?} {side} {step:?}, {} s", self.number, armed.fault, armed.seconds));
        self.harm(asked, step, armed).await
    }

    fn step(&self, asked: &Asked) -> Step {
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

    /// The fault that waited for this request.
    fn due(&self, step: Step) -> Option<Armed> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(step).or_default();
        *count += 1;
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let at = armed.iter().position(|armed| armed.step == step && armed.nth == *count)?;
        Some(armed.remove(at))
    }

    async fn harm(self: &Arc<Self>, asked: Asked, step: Step, armed: Armed) -> Answer {
        let span = Duration::from_secs(armed.seconds);
        let short = Duration::from_secs(if step.is_read() { 1 } else { 20 });
        match armed.fault {
            Fault::Refused => return late(short).await,
            Fault::Late => {
                self.later(asked, Instant::now() + short + span);
                return late(short).await;
            }
            Fault::Cut => return Err(broken()),
            Fault::Lost => {
                self.deliver(asked).await?;
                return Err(broken());
            }
            Fault::Hang => {
                if armed.pick % 2 == 0 {
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

    /// What goes wrong beside the request.
    async fn happen(self: &Arc<Self>, armed: &Armed) -> io::Result<()> {
        let span = Duration::from_secs(armed.seconds);
        match armed.fault {
            Fault::Moved => self.stage.elect(armed.pick),
            Fault::Closed => {
                *self.stage.closed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + span);
            }
            Fault::Kill => {
                self.dead.store(true, Ordering::SeqCst);
                self.killed.notify_one();
                return Err(broken());
            }
            Fault::Freeze => {
                self.frozen.send_replace(true);
                let line = Arc::clone(self);
                tokio::spawn(async move {
                    sleep(span).await;
                    line.stage.tell(&format!("line {} goes on", line.number));
                    line.frozen.send_replace(false);
                });
                return self.thawed().await;
            }
            Fault::Image | Fault::Label | Fault::Scale => self.stage.meddle(armed.fault, armed.pick),
            Fault::Drain | Fault::Down => self.stage.node(armed.fault, armed.pick, armed.seconds),
            _ => {}
        }
        Ok(())
    }

    /// As it goes when nothing is meant for this request: while no write is taken it fails, and may be done in the end.
    async fn plain(self: &Arc<Self>, asked: Asked, pick: u64) -> Answer {
        let Some(until) = self.stage.closed().filter(|_| asked.method != http::Method::GET) else {
            return self.deliver(asked).await;
        };
        if (pick + u64::try_from(asked.body.len()).unwrap_or(0)) % 2 == 0 {
            self.later(asked, until);
        }
        late(Duration::from_secs(20)).await
    }

    /// Is carried out at that time.
    fn later(self: &Arc<Self>, asked: Asked, at: Instant) {
        let line = Arc::clone(self);
        self.stage.under_way.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            sleep_until(at).await;
            line.stage.tell(&format!("line {}: {} {} arrives late", line.number, asked.method, asked.path));
            let _ = line.deliver(asked).await;
            line.stage.under_way.fetch_sub(1, Ordering::SeqCst);
        });
    }

    /// Reaches the swarm: nothing else happens between the looks before and after it.
    async fn deliver(&self, asked: Asked) -> Answer {
        let is_read = asked.method == http::Method::GET;
        let path = asked.path.clone();
        if !is_read {
            self.stage.observe(Cause::Itself);
        }
        let answer = engine_api::answer(Arc::clone(&self.stage.swarm.sim), Some(&self.node), asked).await;
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

/// A failure after a while.
async fn late(after: Duration) -> Answer {
    sleep(after).await;
    let body = r#"{"message":"rpc error: code = DeadlineExceeded desc = context deadline exceeded"}"#;
    Ok(answer(500, "application/json", whole(Bytes::from_static(body.as_bytes()))))
}
