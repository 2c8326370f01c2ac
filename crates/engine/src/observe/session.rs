//! A session: observation over one connection, with first screen, events and periodic lists.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::calls::{self, CallOutput, PendingCall};
use super::observer_state::ObserverState;
use super::owned_slots::{OwnedSlots, read_all};
use super::{OperatorAttention, SLICE, SessionEnd, left_running};
use crate::cluster::Cluster;
use crate::docker::{Docker, DockerError, Event, EventStream};
use crate::journal::Journal;
use pinnace_core::journal::SLOT;
use pinnace_core::world::{ConnectionState, Observation};

/// The time for which events are gathered before one call reads all their objects.
const GATHER: Duration = Duration::from_millis(50);
/// The interval of service lists while the operator is active.
const SERVICES: Duration = Duration::from_secs(10);
/// The interval of lists of running tasks while the operator is active.
const TASKS: Duration = Duration::from_secs(5);
/// The interval of both lists while the operator is not active.
const IDLE: Duration = Duration::from_secs(60);

/// The kind of a call; at most one call of each kind is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum CallKind {
    Engine,
    Nodes,
    Services,
    Some,
    Running,
    OnNode,
    Histories,
    Slots,
    ChangeSlot,
    Open,
}

/// The calls to make next.
#[derive(Default)]
struct QueuedReads {
    /// The kinds of complete lists to read.
    whole: BTreeSet<CallKind>,
    some: BTreeSet<String>,
    slot: BTreeSet<String>,
    on_nodes: BTreeSet<String>,
    histories: BTreeSet<String>,
}

pub(super) struct Session<'a, F> {
    docker: &'a Docker,
    journal: &'a Journal,
    attention: &'a mut watch::Receiver<OperatorAttention>,
    out: &'a F,
    notes: ObserverState,
    open: OwnedSlots,
    calls: FuturesUnordered<BoxFuture<'static, (CallKind, Result<CallOutput, DockerError>)>>,
    flying: BTreeSet<CallKind>,
    due: QueuedReads,
    /// The time at which the gathered events are handled.
    gather: Option<Instant>,
    events: Vec<Event>,
    services_at: Instant,
    running_at: Instant,
    painted: (bool, bool),
    ask: u64,
}

impl<'a, F: Fn(Observation)> Session<'a, F> {
    pub(super) fn new(cluster: &'a Cluster, attention: &'a mut watch::Receiver<OperatorAttention>, out: &'a F) -> Self {
        let ask = attention.borrow().ask;
        let now = Instant::now();
        Self {
            docker: &cluster.docker,
            journal: &cluster.journal,
            attention,
            out,
            notes: ObserverState::default(),
            open: OwnedSlots::new(),
            calls: FuturesUnordered::new(),
            flying: BTreeSet::new(),
            due: QueuedReads {
                whole: [CallKind::Engine, CallKind::Nodes, CallKind::Services, CallKind::Slots].into(),
                ..QueuedReads::default()
            },
            gather: None,
            events: Vec::new(),
            services_at: now,
            running_at: now,
            painted: (false, false),
            ask,
        }
    }

    /// Observes until something ends the session; sets `live` once events are followed.
    pub(super) async fn run(mut self, live: &mut bool) -> SessionEnd {
        match self.observe(live).await {
            Ok(never) => match never {},
            Err(ended) => ended,
        }
    }

    async fn observe(&mut self, live: &mut bool) -> Result<std::convert::Infallible, SessionEnd> {
        let ping = self.docker.ping().await?;
        // By the engine's clock, so that nothing between the lists and the stream is missed.
        let since = ping.date.as_deref().and_then(seconds);
        self.launch();
        while self.painted != (true, true) {
            match self.calls.next().await {
                Some(news) => self.hear(news)?,
                None => return Err(DockerError::bad("reading the swarm", "the first lists did not arrive").into()),
            }
        }
        let mut events = self.docker.events(since).await?;
        (self.out)(Observation::Link(ConnectionState::Live));
        *live = true;
        let in_view = self.attention.borrow_and_update().in_view.clone();
        let fresh = self.notes.view(&in_view);
        self.due.histories.extend(fresh);
        loop {
            self.launch();
            self.wait(&mut events).await?;
        }
    }

    /// Waits for the next event, answer, change of attention or timer, and handles it.
    async fn wait(&mut self, events: &mut EventStream) -> Result<(), SessionEnd> {
        let at_keys = self.attention.borrow().at_keys;
        let services_at = self.services_at + if at_keys { SERVICES } else { IDLE };
        let running_at = self.running_at + if at_keys { TASKS } else { IDLE };
        let next = services_at.min(running_at).min(self.gather.unwrap_or(running_at));
        let open_at = self.open.due().filter(|_| !self.flying.contains(&CallKind::Open));
        let next = open_at.map_or(next, |open| next.min(open));
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => {
                    self.events.push(event);
                    self.gather.get_or_insert_with(|| Instant::now() + GATHER);
                }
                Some(Err(fault)) => return Err(fault.into()),
                None => return Err(SessionEnd::StreamEnded),
            },
            Some(news) = self.calls.next(), if !self.calls.is_empty() => self.hear(news)?,
            changed = self.attention.changed() => {
                changed.map_err(|_| SessionEnd::Cancelled)?;
                self.attend();
            }
            () = sleep_until(next) => {
                let now = Instant::now();
                if now >= services_at {
                    self.services_at = now;
                    self.due.whole.insert(CallKind::Services);
                }
                if now >= running_at {
                    self.running_at = now;
                    self.due.whole.insert(CallKind::Running);
                    // A folder sends no events, so its slots are listed periodically.
                    self.due.whole.extend(self.journal.is_local().then_some(CallKind::Slots));
                }
                if open_at.is_some_and(|open| now >= open) {
                    let (journal, slots) = (self.journal.clone(), self.open.take());
                    self.begin(CallKind::Open, Box::pin(async move { Ok(CallOutput::Open(read_all(journal, slots).await)) }));
                }
                if self.gather.is_some_and(|gather| now >= gather) {
                    self.gather = None;
                    self.sort_events();
                }
            }
        }
        Ok(())
    }

    /// Applies the current attention of the operator.
    fn attend(&mut self) {
        let attention = self.attention.borrow_and_update().clone();
        self.due.histories.extend(self.notes.view(&attention.in_view));
        if attention.ask != self.ask {
            self.ask = attention.ask;
            let now = Instant::now();
            (self.services_at, self.running_at) = (now, now);
            self.due.whole.extend([
                CallKind::Engine,
                CallKind::Nodes,
                CallKind::Services,
                CallKind::Running,
                CallKind::Slots,
            ]);
        }
    }

    /// Turns gathered events into calls to make.
    fn sort_events(&mut self) {
        let mut gone = Vec::new();
        for event in std::mem::take(&mut self.events) {
            match (event.kind.as_str(), event.action.as_str()) {
                ("service", "remove") => {
                    self.due.some.remove(&event.id);
                    gone.push(event.id);
                }
                ("service", _) => drop(self.due.some.insert(event.id)),
                ("node", _) => drop(self.due.whole.insert(CallKind::Nodes)),
                ("config", "remove") if event.name.starts_with(SLOT) => {
                    self.due.slot.remove(&event.id);
                    self.due.whole.insert(CallKind::Slots);
                }
                ("config", _) if event.name.starts_with(SLOT) => drop(self.due.slot.insert(event.id)),
                _ => {}
            }
        }
        if !gone.is_empty() {
            self.notes.gone(&gone);
            (self.out)(Observation::GoneServices(gone));
        }
    }

    /// Starts the calls that are due, one of each kind at a time.
    fn launch(&mut self) {
        let due = &mut self.due;
        let mut starts: Vec<(CallKind, PendingCall)> = Vec::new();
        let mut start = |kind, call| starts.push((kind, call));
        let free = |kind| !self.flying.contains(&kind);
        let docker = || self.docker.clone();
        let (now, later) = std::mem::take(&mut due.whole).into_iter().partition(|kind| free(*kind));
        due.whole = later;
        let now: BTreeSet<CallKind> = now;
        for kind in now {
            let call = match kind {
                CallKind::Engine => calls::engine(docker()),
                CallKind::Nodes => calls::nodes(docker()),
                CallKind::Services => calls::services(docker()),
                CallKind::Slots => calls::all_slots(self.journal.clone()),
                _ => calls::running(docker(), self.notes.slice()),
            };
            start(kind, call);
        }
        if free(CallKind::Some) && !due.some.is_empty() {
            start(CallKind::Some, calls::some(docker(), some_of(&mut due.some, SLICE)));
        }
        if free(CallKind::ChangeSlot)
            && let Some(id) = due.slot.pop_first()
        {
            start(CallKind::ChangeSlot, calls::one_slot(self.journal.clone(), id));
        }
        if free(CallKind::OnNode)
            && let Some(id) = due.on_nodes.pop_first()
        {
            start(CallKind::OnNode, calls::on_node(docker(), id));
        }
        if free(CallKind::Histories) && !due.histories.is_empty() {
            start(CallKind::Histories, calls::histories(docker(), some_of(&mut due.histories, SLICE)));
        }
        for (kind, call) in starts {
            self.begin(kind, call);
        }
    }

    fn begin(&mut self, kind: CallKind, call: PendingCall) {
        self.flying.insert(kind);
        self.calls.push(Box::pin(async move { (kind, call.await) }));
    }

    /// Handles the result of a call, and passes it on as observations.
    fn hear(&mut self, (kind, news): (CallKind, Result<CallOutput, DockerError>)) -> Result<(), SessionEnd> {
        self.flying.remove(&kind);
        let news = match news {
            Ok(news) => news,
            // An event reports an object that vanishes between two calls.
            Err(fault) if fault.is_not_found() && !matches!(kind, CallKind::Nodes | CallKind::Services) => {
                return Ok(());
            }
            Err(fault) if matches!(kind, CallKind::Engine | CallKind::Slots | CallKind::ChangeSlot) => {
                tracing::warn!(%fault, "not known for now");
                return Ok(());
            }
            Err(fault) => return Err(fault.into()),
        };
        self.pass_on(news);
        Ok(())
    }

    /// Passes the objects that a call read on as observations, and notes what to read next.
    fn pass_on(&mut self, news: CallOutput) {
        let out = self.out;
        match news {
            CallOutput::Engine(engine) => out(Observation::Engine(engine)),
            CallOutput::Nodes(nodes) => {
                self.due.on_nodes.extend(self.notes.nodes(&nodes));
                self.painted.0 = true;
                out(Observation::Nodes(nodes));
            }
            CallOutput::Services(services) => {
                self.due.histories.extend(self.notes.services(&services, true));
                self.painted.1 = true;
                out(Observation::Services(services));
            }
            CallOutput::Some { asked, found } => {
                self.due.histories.extend(self.notes.services(&found, false));
                let gone: Vec<_> =
                    asked.into_iter().filter(|id| !found.iter().any(|service| service.id == *id)).collect();
                self.notes.gone(&gone);
                out(Observation::SomeServices(found));
                if !gone.is_empty() {
                    out(Observation::GoneServices(gone));
                }
            }
            CallOutput::Running { of, tasks } => {
                self.due.histories.extend(self.notes.running(of.as_deref(), &tasks));
                out(Observation::Running { of, tasks });
            }
            CallOutput::OnNode(tasks) => self.due.histories.extend(left_running(&tasks)),
            CallOutput::Histories(histories) => {
                for (service, tasks) in histories {
                    out(Observation::Tasks { service, tasks });
                }
            }
            CallOutput::Slots(slots) => {
                self.open.learn_all(&slots);
                out(Observation::Slots(slots));
            }
            CallOutput::ChangeSlot(slot) => {
                self.open.learn(&slot);
                out(Observation::ChangeSlot(slot));
            }
            CallOutput::Open(reads) => {
                for (slot, silent) in self.open.heard(reads) {
                    let slot = Box::new(slot);
                    out(if silent { Observation::Silent(slot) } else { Observation::ChangeSlot(slot) });
                }
            }
        }
    }
}

/// Takes up to `most` entries out of a set.
fn some_of(set: &mut BTreeSet<String>, most: usize) -> Vec<String> {
    std::iter::from_fn(|| set.pop_first()).take(most).collect()
}

/// Parses an HTTP date into seconds since the Unix epoch.
fn seconds(date: &str) -> Option<i64> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok().map(jiff::Timestamp::as_second)
}
