//! Test swarms: one with several failing services, and any number of healthy ones.

use pinnace_tui::clusters::ClusterId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pinnace_core::image::{ImageRef, Platform};
use pinnace_core::journal::{ChangeSlot, ChangeState, SlotLabels, UnitState};
use pinnace_core::plan::{ChangeRecord, Plan, PlanKind, SpecImage, Unit, UnitAction};
use pinnace_core::swarm::{
    Availability, EditableFields, Node, NodeState, RestartCondition, Role, Service, ServiceMode, SpecField, Task,
    TaskState, UntouchedHash, UpdatePolicy, UpdateState, UpdateStatus,
};
use pinnace_core::swarm::{COMPONENT, DATABASE, DB_NODE, STACK};
use pinnace_core::time::Time;
use pinnace_core::world::{ConnectionState, EngineInfo, Observation};
use pinnace_tui::config::Config;
use pinnace_tui::layout::TerminalSize;
use pinnace_tui::msg::{ArrivedMsg, Msg};
use pinnace_tui::state::{ClusterState, State};
use pinnace_tui::update::update;

/// The time of all tests: 2026-11-20T02:14:07Z.
pub const NOW: Time = Time(1_795_140_847_000);
const MINUTE: i64 = 60;
const DAY: i64 = 86_400;
pub const PG: &str = "ghcr.io/pgedge/pgedge-postgres:17.9-spock5.0.6-standard-2";

#[expect(clippy::unnecessary_wraps, reason = "as every time here is one that may not be known")]
fn ago(seconds: i64) -> Option<Time> {
    Some(Time(NOW.0 - seconds * 1000))
}

pub fn pinned(image: &str, digit: char) -> String {
    format!("{image}@sha256:{}", format!("{digit}f2e3d4c").repeat(8))
}

pub fn node(name: &str, role: Role) -> Node {
    Node {
        id: format!("{name}-id"),
        hostname: name.to_owned(),
        reachability: (role == Role::Manager).then(|| "reachable".to_owned()),
        role,
        leader: false,
        availability: Availability::Active,
        state: NodeState::Ready,
        state_message: String::new(),
        platform: Platform::new("linux", "x86_64"),
        engine: "28.5.1".into(),
        address: "10.0.0.7".into(),
        labels: BTreeMap::new(),
        engine_labels: BTreeMap::new(),
    }
}

pub fn places(image: &str) -> EditableFields {
    let place = |path: &str| SpecField { path: path.to_owned(), value: None, alone: false };
    EditableFields {
        image: image.to_owned(),
        platforms: place("/TaskTemplate/Placement/Platforms"),
        force: place("/TaskTemplate/ForceUpdate"),
        update: Some(place("/UpdateConfig")),
    }
}

/// A service with its tasks.
pub struct One {
    pub service: Service,
    pub tasks: Vec<Task>,
}

impl One {
    pub fn new(name: &str, image: &str, replicas: u64) -> Self {
        let service = Service {
            id: format!("{name}-id"),
            name: name.to_owned(),
            index: 10,
            created: ago(90 * DAY),
            updated: ago(41 * DAY),
            labels: BTreeMap::new(),
            places: places(image),
            rest: UntouchedHash("rest".into()),
            template: UntouchedHash("template".into()),
            previous: None,
            previous_differs: Vec::new(),
            mode: ServiceMode::Replicated(replicas),
            constraints: Vec::new(),
            platforms: Vec::new(),
            policy: UpdatePolicy::default(),
            restart: RestartCondition::Any,
            restart_delay: Duration::from_secs(5),
            stop_grace: Duration::from_secs(10),
            health_start: None,
            exclusive: false,
            own_command: true,
            update: None,
            running: Some(replicas),
            desired: Some(replicas),
            completed: Some(0),
        };
        Self { service, tasks: Vec::new() }
    }

    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.service.labels.insert(key.into(), value.into());
        self
    }

    pub fn stack(self, stack: &str) -> Self {
        self.label(STACK, stack)
    }

    pub fn database(self, id: &str, member: &str) -> Self {
        self.label(DATABASE, id).label(COMPONENT, "postgres").label(DB_NODE, member)
    }

    /// Adds a task that has been in this state for `seconds`; the desired state of an ended task is shutdown.
    pub fn task(mut self, node: &str, state: TaskState, seconds: i64, error: &str) -> Self {
        let over = state.is_over();
        let slot = if over { 1 } else { 1 + self.tasks.iter().filter(|task| !task.state.is_over()).count() as u64 };
        self.tasks.push(Task {
            id: format!("{}-{}", self.service.name, self.tasks.len()),
            service: self.service.id.clone(),
            slot: Some(slot),
            node: (!node.is_empty()).then(|| format!("{node}-id")),
            image: self.service.image().to_owned(),
            places: self.service.places.clone(),
            rest: None,
            message: if state == TaskState::Shutdown { "shutdown".into() } else { String::new() },
            state,
            desired: if over { TaskState::Shutdown } else { TaskState::Running },
            error: error.to_owned(),
            exit_code: None,
            created: ago(seconds + 2),
            since: ago(seconds),
        });
        self
    }

    pub fn up(self, node: &str, seconds: i64) -> Self {
        self.task(node, TaskState::Running, seconds, "")
    }

    /// Sets the image before the last update, which was `seconds` ago, as the engine reports it. A task of that image
    /// ran for a day until then.
    pub fn before(mut self, node: &str, image: &str, seconds: i64) -> Self {
        self.service.previous = Some(places(image));
        self.service.updated = ago(seconds);
        self = self.task(node, TaskState::Shutdown, seconds, "");
        if let Some(old) = self.tasks.last_mut() {
            image.clone_into(&mut old.image);
            old.places = places(image);
            old.created = ago(seconds + 86_400);
            old.exit_code = Some(0);
        }
        self
    }

    pub fn update(mut self, state: UpdateState, message: &str, seconds: i64) -> Self {
        self.service.update =
            Some(UpdateStatus { state, message: message.into(), started: ago(seconds), completed: ago(seconds - 20) });
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

pub fn six_nodes() -> Vec<Node> {
    let mut nodes = vec![
        node("mgr-1", Role::Manager),
        node("mgr-2", Role::Manager),
        node("mgr-3", Role::Manager),
        node("wrk-1", Role::Worker),
        node("wrk-2", Role::Worker),
        node("wrk-3", Role::Worker),
    ];
    nodes[0].leader = true;
    nodes[4].state = NodeState::Down;
    nodes[4].state_message = "heartbeat failure for node in \"unknown\" state".into();
    nodes[5].availability = Availability::Drain;
    nodes
}

/// Returns three services in trouble, one that is being updated, and `well` healthy ones.
pub fn bad_night(well: usize) -> Vec<One> {
    let wrong = "ghcr.io/pgedge/pgedge-postgres:my-custom-image";
    let missing = format!("No such image: {wrong}");
    let mut all = vec![
        One::new("storefront-n1-host-2", wrong, 1)
            .database("storefront", "n1")
            .before("mgr-2", &pinned(PG, '1'), 12 * MINUTE)
            .task("mgr-2", TaskState::Rejected, 16, &missing)
            .task("mgr-2", TaskState::Rejected, 9, &missing)
            .task("mgr-2", TaskState::Ready, 2, ""),
        One::new("storefront-n1-host-1", &pinned(PG, '1'), 1).database("storefront", "n1").up("mgr-1", 41 * DAY),
        One::new("storefront-n2-host-3", &pinned(PG, '1'), 1).database("storefront", "n2").up("mgr-3", 41 * DAY),
        One::new("shop_api", &pinned("reg.example.com:5000/shop/api:2.8.1", '7'), 4)
            .stack("shop")
            .before("mgr-1", &pinned("reg.example.com:5000/shop/api:2.8.0", '6'), 100)
            .update(UpdateState::Updating, "update in progress", 100)
            .up("mgr-1", 3000)
            .up("mgr-2", 90)
            .up("mgr-3", 60)
            .task("", TaskState::Pending, 95, "no suitable node (1 node not available for new tasks)"),
        One::new("shop_db", "postgres:16-20260206", 1).stack("shop").up("wrk-1", 9 * DAY),
        One::new("shop_web", &pinned("reg.example.com:5000/shop/web:1.31.0", '9'), 5).stack("shop").with(|one| {
            for node in ["mgr-1", "mgr-2", "mgr-3", "wrk-1", "mgr-1"] {
                let built = std::mem::replace(one, One::new("x", "x", 0)).up(node, 3 * 3600);
                *one = built;
            }
        }),
        One::new("queue", "rabbitmq:4.1-management", 1)
            .before("wrk-1", "rabbitmq:4.0-management", 300)
            .task("wrk-1", TaskState::Failed, 95, "task: non-zero exit (1)")
            .with(|one| one.tasks[1].created = ago(140))
            .task("wrk-1", TaskState::Failed, 40, "task: non-zero exit (1)")
            .with(|one| one.tasks[2].created = ago(90))
            .up("wrk-1", 5),
        One::new("orders-n1", &pinned("ghcr.io/pgedge/pgedge-postgres:18.4-spock5.0.10-standard-1", 'a'), 1)
            .database("orders", "n1")
            .up("mgr-1", 3 * DAY),
    ];
    for at in 0..well {
        let stack = format!("svc{:02}", at / 3);
        let name = format!("{stack}_{}", ["api", "web", "job"][at % 3]);
        let image = pinned(&format!("reg.example.com:5000/{stack}/app:1.{at}.0"), '3');
        let one = One::new(&name, &image, 2).stack(&stack);
        all.push(one.up("mgr-1", 5 * DAY).up("wrk-1", 5 * DAY));
    }
    all
}

/// Returns the observations that the observer would make of these services, nodes and slots.
pub fn seen(services: Vec<One>, nodes: Vec<Node>, slots: Vec<ChangeSlot>) -> Vec<Observation> {
    let engine = EngineInfo { host: "mgr-1".into(), node: "mgr-1-id".into(), ..EngineInfo::default() };
    let mut seen =
        vec![Observation::Link(ConnectionState::Live), Observation::Engine(engine), Observation::Nodes(nodes)];
    seen.push(Observation::Services(services.iter().map(|one| one.service.clone()).collect()));
    seen.push(Observation::Slots(slots));
    let groups: BTreeSet<_> = services.iter().map(|one| pinnace_core::swarm::GroupKey::of(&one.service)).collect();
    seen.extend(groups.into_iter().map(|group| Observation::Sightings { group, sightings: Vec::new() }));
    seen.extend(services.into_iter().map(|one| Observation::Tasks { service: one.service.id, tasks: one.tasks }));
    seen
}

/// Makes a console of this size that has received these observations.
pub fn console(width: u16, height: u16, seen: Vec<Observation>) -> State {
    let mut config = Config::default();
    config.settings.theme = "night".into();
    let mut clusters = vec![
        ClusterState::new("prod-eu", "ssh://ops@mgr-1"),
        ClusterState::new("staging", "unix:///var/run/docker.sock"),
        ClusterState::new("dr", "tcp://10.9.0.1:2376"),
    ];
    let lost = ConnectionState::Lost { why: "10.9.0.1:2376 does not answer".into(), hint: "is the VPN up?".into() };
    clusters[2].world.apply(Observation::Link(lost), NOW);
    clusters[1].world.apply(Observation::Link(ConnectionState::Live), NOW);
    clusters[1].world.apply(Observation::Nodes(vec![node("stg-1", Role::Manager)]), NOW);
    let mut state = State::new(clusters, config, TerminalSize { width, height }, NOW, 0);
    update(&mut state, ArrivedMsg { at: NOW, msg: Msg::Observed { cluster: ClusterId::FIRST, seen } });
    state
}

/// Makes a unit that updates a service from one image to another.
fn unit((service, member, from, to): &(&str, &str, &str, &str)) -> Unit {
    Unit {
        service: (*service).into(),
        service_id: format!("{service}-id"),
        member: (*member).into(),
        node: "mgr-2".into(),
        action: UnitAction::Update,
        from: SpecImage::new(from),
        to: SpecImage::new(to),
        reasons: Vec::new(),
        effect: pinnace_core::plan::TaskImpact::default(),
        edits: Vec::new(),
        rest: UntouchedHash("rest".into()),
        engine_rolls_back: false,
        credentials: pinnace_core::plan::CredentialOrigin::default(),
        notes: Vec::new(),
        lands: Vec::new(),
        unchecked: None,
        from_ran: false,
        extra: serde_json::Map::new(),
    }
}

/// Returns the observations of a change in the journal and of its record.
pub fn change(
    group: &str,
    seq: u64,
    state: ChangeState,
    hours: i64,
    units: &[(&str, &str, &str, &str)],
) -> Vec<Observation> {
    let key = pinnace_core::swarm::GroupKey::parse(group).unwrap();
    let id = format!("0199aa{seq:02}-{}", &key.hash()[..8]);
    let letters = if state == ChangeState::Done { UnitState::Done } else { UnitState::Failed };
    let slot = ChangeSlot {
        config: format!("cfg-{id}"),
        index: 100 + seq,
        created: ago(hours * 3600),
        seq,
        v: 1,
        change: id.clone(),
        group_hash: key.hash(),
        labels: SlotLabels {
            group: group.into(),
            owner: String::new(),
            beat: 3,
            state,
            units: vec![letters; units.len()],
            post: None,
            by: "root (sudo by ops, ssh from 10.0.0.7) on mgr-1".into(),
            why: if seq == 2 { "INC-4711".into() } else { String::new() },
            at: ago(hours * 3600),
            sum: "one service to another image".into(),
            home: String::new(),
            extra: BTreeMap::new(),
        },
    };
    let plan = Plan {
        v: 1,
        id: format!("plan-{seq}"),
        created: NOW,
        swarm: String::new(),
        group: key,
        parent: seq - 1,
        kind: if seq.is_multiple_of(3) { PlanKind::Rollback } else { PlanKind::Pin },
        api: "1.51".into(),
        pins_before: None,
        pins_after: units.first().map(|unit| format!("[node.{}]\nimage = \"{}\"\n", unit.1, unit.3)),
        units: units.iter().map(unit).collect(),
        findings: Vec::new(),
        extra: serde_json::Map::new(),
    };
    let record = ChangeRecord { v: 1, change: id.clone(), plan, extra: serde_json::Map::new() };
    vec![Observation::ChangeSlot(Box::new(slot)), Observation::Record { change: id, record: Some(Box::new(record)) }]
}

/// Presses keys, written as in a keymap file, and returns the effects.
pub fn press(state: &mut State, keys: &str) -> Vec<pinnace_tui::msg::Effect> {
    let mut effects = Vec::new();
    for key in keys.split_whitespace() {
        let key = key.parse().unwrap();
        effects.extend(update(state, ArrivedMsg { at: state.now, msg: Msg::Key(key) }));
    }
    effects
}

/// Answers that the registry does not have this image.
pub fn not_found(state: &mut State, reference: &str) {
    let fact = pinnace_core::registry::Fact::Failed { why: pinnace_core::registry::LookupError::NotFound, at: NOW };
    assert!(ImageRef::parse(reference).is_ok());
    let msg = Msg::QueryAnswered {
        cluster: ClusterId::FIRST,
        learned: pinnace_core::registry::FactUpdate::Image(reference.into(), fact),
    };
    update(state, ArrivedMsg { at: state.now, msg });
}

/// Returns the observations of several past changes.
pub fn history() -> Vec<Observation> {
    let new = pinned(PG, '1');
    let wrong = "ghcr.io/pgedge/pgedge-postgres:my-custom-image";
    let mut seen =
        change("database/storefront", 1, ChangeState::Done, 41 * 24, &[("storefront-n1-host-2", "n1", PG, &new)]);
    seen.extend(change(
        "stack/shop",
        1,
        ChangeState::Done,
        9 * 24,
        &[
            ("shop_api", "api", "reg.example.com:5000/shop/api:2.7.9", "reg.example.com:5000/shop/api:2.8.0"),
            ("shop_old", "old", "reg.example.com:5000/shop/old:0.9", "reg.example.com:5000/shop/old:1.0"),
        ],
    ));
    seen.extend(change(
        "stack/shop",
        2,
        ChangeState::Failed,
        30,
        &[("shop_web", "web", "reg.example.com:5000/shop/web:1.31.0", "reg.example.com:5000/shop/web:1.32.0")],
    ));
    seen.extend(change("database/storefront", 2, ChangeState::Done, 1, &[("storefront-n1-host-2", "n1", &new, wrong)]));
    seen
}

/// Presses keys, and sends some lines if this opens a log.
pub fn log(state: &mut State, keys: &str) {
    press(state, keys);
    let Some(pinnace_tui::state::Screen::Logs(logs)) = state.screens.last() else { return };
    let (cluster, service) = (logs.cluster, logs.service.clone());
    let texts = [
        "LOG:  database system is ready to accept connections",
        "\u{1b}[31mFATAL\u{1b}[0m:  password authentication failed for user \"app\"",
    ];
    let line = |at: i64| pinnace_tui::msg::LogLine {
        at: ago(60 - at),
        task: "1".into(),
        error: at % 2 == 1,
        text: texts[usize::try_from(at % 2).unwrap()].into(),
    };
    let lines = (0..30).map(line).collect();
    update(state, ArrivedMsg { at: state.now, msg: Msg::LogLines { cluster, service, lines } });
}
