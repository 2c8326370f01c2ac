//! A scenario in steps, from a failing service to a completed change; each function stops at one step.

use pinnace_tui::clusters::ClusterId;
use std::sync::Arc;

use pinnace_core::change::{ChangeEvent, ChangeEventKind, Question, TaskLine, UnitPhase};
use pinnace_core::image::{Digest, ImageRef, Platform};
use pinnace_core::journal::{ChangeState, Direction, UnitState};
use pinnace_core::registry::{Fact, FactSource, FactUpdate, ImageConfig, ImageInfo, LookupError, ResolvedImage};
use pinnace_core::registry::{REPOSITORY_HOST, VersionManifest, VersionManifestOrigin};
use pinnace_core::swarm::GroupKey;
use pinnace_core::time::Time;
use pinnace_core::world::Observation;
use pinnace_tui::msg::{ArrivedMsg, Effect, Msg};
use pinnace_tui::screens::fleet::rows::FleetRowId;
use pinnace_tui::state::{Screen, State};
use pinnace_tui::update::update;

use crate::fixture::{NOW, One, PG, bad_night, change, console, pinned, press, seen, six_nodes};

pub const GOOD: &str = PG;
pub const WRONG: &str = "ghcr.io/pgedge/pgedge-postgres:18.3-spock5.0.6-standard-2";
pub const CHANGE: &str = "0199c0de-7000-7000-8000-000000000001";

/// Sends a message at the current time.
pub fn send(state: &mut State, msg: Msg) -> Vec<Effect> {
    update(state, ArrivedMsg { at: state.now, msg })
}

/// Advances the time, and sends a tick.
pub fn pass(state: &mut State, milliseconds: i64) -> Vec<Effect> {
    let at = Time(state.now.0 + milliseconds);
    update(state, ArrivedMsg { at, msg: Msg::Tick })
}

/// Types a text.
pub fn type_text(state: &mut State, text: &str) -> Vec<Effect> {
    let key = |c: char| if c == ' ' { "space".to_owned() } else { c.to_string() };
    text.chars().flat_map(|c| send(state, Msg::Key(key(c).parse().unwrap()))).collect()
}

/// Answers that the registry has this image, with its details.
pub fn found(state: &mut State, reference: &str, digit: char) -> Vec<Effect> {
    let digest = Digest::parse(&format!("sha256:{}", format!("{digit}f2e3d4c").repeat(8))).unwrap();
    let platforms = vec![Platform::new("linux", "amd64"), Platform::new("linux", "arm64")];
    let value = ResolvedImage { size: Some(212_000_000), ..ResolvedImage::new(digest, Some(platforms)) };
    let about = about(reference, &value);
    let fact = |via| Fact::Known { value: value.clone(), at: NOW, via };
    let mut effects = learned(state, FactUpdate::Image(reference.into(), fact(FactSource::Registry)));
    effects.extend(learned(state, about));
    effects.extend(learned(state, FactUpdate::Engine(reference.into(), fact(FactSource::Engine))));
    let host = ImageRef::parse(reference).unwrap().host;
    effects.extend(learned(
        state,
        FactUpdate::Login(host, Fact::Known { value: false, at: NOW, via: FactSource::Curated }),
    ));
    effects.extend(learned(state, FactUpdate::Versions(versions())));
    effects
}

fn learned(state: &mut State, learned: FactUpdate) -> Vec<Effect> {
    send(state, Msg::QueryAnswered { cluster: ClusterId::FIRST, learned })
}

/// Makes the details of an image with an entry point and without a named base image.
fn about(reference: &str, fact: &ResolvedImage) -> FactUpdate {
    let about = ImageInfo {
        digest: fact.digest.clone(),
        media_type: "application/vnd.oci.image.index.v1+json".into(),
        entries: Vec::new(),
        annotations: std::collections::BTreeMap::default(),
        platform: Some(Platform::new("linux", "amd64")),
        manifest: fact.digest.clone(),
        layers: Vec::new(),
        config: ImageConfig { entrypoint: vec!["/usr/local/bin/entrypoint".into()], ..ImageConfig::default() },
    };
    let image = ImageRef::parse(reference).unwrap();
    let by_digest = image.by_digest(&about.digest);
    FactUpdate::ImageInfo(by_digest, Fact::Known { value: Arc::new(about), at: NOW, via: FactSource::Registry })
}

/// Makes a version manifest with two versions.
fn versions() -> Fact<Arc<VersionManifest>> {
    let text = r#"{"schema_version":1,"images":{"postgres":[
        {"postgres_version":"17.9","spock_version":"5","image":"pgedge-postgres:17.9-spock5.0.6-standard-2"},
        {"postgres_version":"18.4","spock_version":"5","image":"pgedge-postgres:18.4-spock5.0.10-standard-1"}]}}"#;
    let value = VersionManifest::parse(text, REPOSITORY_HOST, VersionManifestOrigin::BuiltIn, None).unwrap();
    Fact::Known { value: Arc::new(value), at: NOW, via: FactSource::Curated }
}

/// Answers that the registry does not have this image.
pub fn missing(state: &mut State, reference: &str) -> Vec<Effect> {
    let fact = Fact::Failed { why: LookupError::NotFound, at: state.now };
    let mut effects = learned(state, FactUpdate::Image(reference.into(), fact));
    effects.extend(learned(state, FactUpdate::Versions(versions())));
    effects
}

/// The console with the cursor on a failing service, and without earlier changes by pinnace.
pub fn night(width: u16, height: u16) -> State {
    let mut state = console(width, height, seen(bad_night(6), six_nodes(), Vec::new()));
    state.fleet.cursor = Some(FleetRowId::Service("storefront-n1-host-2-id".into()));
    state
}

/// The pins of the failing service's group, with the cursor on this service.
pub fn pins(width: u16, height: u16) -> State {
    let mut state = night(width, height);
    press(&mut state, "p");
    no_draft(&mut state);
    state
}

/// Answers that no draft is stored.
pub fn no_draft(state: &mut State) -> Vec<Effect> {
    let group = GroupKey::parse("database/storefront").unwrap();
    send(state, Msg::Draft { cluster: ClusterId::FIRST, group, text: None, at: None })
}

/// Replaces the line of the failing member with a pin.
pub fn pin(state: &mut State, image: &str) -> Vec<Effect> {
    press(state, "ctrl-u");
    let mut effects = type_text(state, &format!("image = \"{image}\""));
    effects.extend(press(state, "enter left"));
    effects.extend(pass(state, 400));
    effects
}

/// The pins with an image that does not exist, and with a typing mistake.
pub fn pins_bad(width: u16, height: u16) -> State {
    let mut state = pins(width, height);
    pin(&mut state, WRONG);
    missing(&mut state, WRONG);
    press(&mut state, "ctrl-home down down enter up");
    type_text(&mut state, &format!("image = \"{GOOD}\""));
    pass(&mut state, 400);
    found(&mut state, GOOD, '1');
    press(&mut state, "ctrl-end");
    type_text(&mut state, "imagee = 3 # größe 日本");
    press(&mut state, "up up up up up up up end");
    state
}

/// The plan that updates the failing member to another image; the registry has answered.
pub fn plan(width: u16, height: u16) -> State {
    let mut state = pins(width, height);
    pin(&mut state, GOOD);
    found(&mut state, GOOD, '1');
    press(&mut state, "esc P");
    state
}

/// The plan for a rollback.
pub fn back(width: u16, height: u16) -> State {
    let mut state = night(width, height);
    press(&mut state, "R");
    found(&mut state, &crate::fixture::pinned(PG, '1'), '1');
    state
}

/// The applied plan, with its change begun.
pub fn begun(width: u16, height: u16) -> State {
    let mut state = plan(width, height);
    let effects = press(&mut state, "a");
    let plan = effects.iter().find_map(|effect| match effect {
        Effect::Apply { plan, .. } => Some(plan.id.clone()),
        _ => None,
    });
    send(&mut state, Msg::ChangeStarted { cluster: ClusterId::FIRST, plan: plan.unwrap(), change: CHANGE.into() });
    let units = match state.screens.last() {
        Some(Screen::Change(_)) => state.clusters[ClusterId::FIRST].local_changes[0].plan.units.len(),
        other => panic!("{other:?}"),
    };
    let by = "root (sudo by ops, ssh from 10.0.0.7) on mgr-1".to_owned();
    event(&mut state, ChangeEventKind::Begun { seq: 1, by, units: vec![UnitState::Untouched; units], post: None });
    state
}

/// Sends an event of the change.
pub fn event(state: &mut State, kind: ChangeEventKind) -> Vec<Effect> {
    let at = state.now;
    send(
        state,
        Msg::ChangeEvent {
            cluster: ClusterId::FIRST,
            change: CHANGE.into(),
            event: ChangeEvent { index: 0, at, kind },
        },
    )
}

fn phase(state: &mut State, unit: usize, phase: UnitPhase, milliseconds: i64) {
    pass(state, milliseconds);
    event(state, ChangeEventKind::Phase { unit, phase, direction: Direction::Forward });
}

/// The change with its first unit waiting for the new task.
pub fn working(width: u16, height: u16) -> State {
    let mut state = begun(width, height);
    at_work(&mut state, 1);
    state
}

/// Sends the events of a unit up to the wait for its new task.
pub fn at_work(state: &mut State, unit: usize) {
    phase(state, unit, UnitPhase::Check, 100);
    event(state, ChangeEventKind::Unit { unit, state: UnitState::Updating });
    phase(state, unit, UnitPhase::Update, 200);
    phase(state, unit, UnitPhase::Converge, 900);
    let since = Some(Time(state.now.0 + 2000));
    let task = |slot, word: &str, fresh| TaskLine {
        id: format!("task-{word}"),
        slot: Some(slot),
        node: "mgr-2".into(),
        state: word.into(),
        error: String::new(),
        since,
        fresh,
    };
    let tasks = vec![task(1, "starting", true), task(1, "shutdown", false)];
    let waits =
        "0 of 1 new tasks run; the next is starting on mgr-2; its health check, if any, has not passed yet".into();
    event(state, ChangeEventKind::Tasks { unit, tasks, update: "updating: update in progress".into(), waits });
    pass(state, 24_000);
}

/// The change after its unit failed and was rolled back, waiting for an answer.
pub fn asking(width: u16, height: u16) -> State {
    let mut state = working(width, height);
    let why = "failed: task: non-zero exit (1)".into();
    event(
        &mut state,
        ChangeEventKind::Failed { unit: 1, why, hint: "look at its logs (l), then pin an image that starts".into() },
    );
    event(&mut state, ChangeEventKind::Unit { unit: 1, state: UnitState::Failed });
    for step in [UnitPhase::Check, UnitPhase::Update, UnitPhase::Converge] {
        event(&mut state, ChangeEventKind::Phase { unit: 1, phase: step, direction: Direction::Back });
        pass(&mut state, 4000);
    }
    event(&mut state, ChangeEventKind::Unit { unit: 1, state: UnitState::RolledBack });
    event(&mut state, ChangeEventKind::Asked { question: Question::Failed { unit: 1 } });
    state
}

/// The change with a new task that finds no node, waiting for an answer.
pub fn stuck(width: u16, height: u16) -> State {
    let mut state = begun(width, height);
    phase(&mut state, 1, UnitPhase::Verify, 100);
    at_work(&mut state, 1);
    let text = "another client edited other parts of it meanwhile (Labels): these edits are kept".into();
    event(&mut state, ChangeEventKind::Noted { unit: 1, text });
    let error =
        "no suitable node (scheduling constraints not satisfied on 5 nodes; 1 node not available for new tasks)";
    let task = TaskLine {
        id: "task-new".into(),
        slot: Some(1),
        node: String::new(),
        state: "pending".into(),
        error: error.into(),
        since: Some(Time(state.now.0 - 60_000)),
        fresh: true,
    };
    let update = "updating: update in progress".into();
    event(&mut state, ChangeEventKind::Tasks { unit: 1, tasks: vec![task], update, waits: error.into() });
    event(&mut state, ChangeEventKind::Asked { question: Question::Stuck { unit: 1 } });
    state
}

/// The change after its success.
pub fn done(width: u16, height: u16) -> State {
    let mut state = working(width, height);
    phase(&mut state, 1, UnitPhase::Settle, 4000);
    pass(&mut state, 10_000);
    event(&mut state, ChangeEventKind::Unit { unit: 1, state: UnitState::Done });
    event(&mut state, ChangeEventKind::Ended { state: ChangeState::Done, text: "one service on another image".into() });
    let name = "storefront-n1-host-2";
    let well = One::new(name, &pinned(PG, '1'), 1).database("storefront", "n1").up("mgr-2", 10);
    let tasks = Observation::Tasks { service: well.service.id.clone(), tasks: well.tasks };
    let seen = vec![Observation::SomeServices(vec![well.service]), tasks];
    send(&mut state, Msg::Observed { cluster: ClusterId::FIRST, seen });
    send(&mut state, Msg::ChangeEnded { cluster: ClusterId::FIRST, change: CHANGE.into(), text: "done".into() });
    state
}

/// An unfinished change of another operator.
pub fn left(width: u16, height: u16) -> State {
    let mut state = night(width, height);
    let old = crate::fixture::pinned(PG, '1');
    let new = crate::fixture::pinned(WRONG, '2');
    let unit = |service: &'static str, member: &'static str| (service, member);
    let units =
        [unit("storefront-n1-host-1", "n1"), unit("storefront-n1-host-2", "n1"), unit("storefront-n2-host-3", "n2")];
    let units: Vec<_> = units.iter().map(|(service, member)| (*service, *member, old.as_str(), new.as_str())).collect();
    let mut seen = change("database/storefront", 1, ChangeState::Detached, 1, &units);
    if let Some(pinnace_core::world::Observation::ChangeSlot(slot)) = seen.first_mut() {
        slot.labels.units = vec![UnitState::Done, UnitState::Updating, UnitState::Untouched];
    }
    send(&mut state, Msg::Observed { cluster: ClusterId::FIRST, seen });
    press(&mut state, "h");
    assert!(state.now >= NOW);
    state
}

/// Returns the state of a step by its name, for snapshots.
pub fn told(name: &str, width: u16, height: u16) -> Option<State> {
    let tell: fn(u16, u16) -> State = match name {
        "pins" => pins,
        "pins-bad" => pins_bad,
        "plan" => plan,
        "back" => back,
        "working" => working,
        "asking" => asking,
        "stuck" => stuck,
        "done" => done,
        "left" => left,
        _ => return None,
    };
    Some(tell(width, height))
}
