//! Tests of the planner: from a world and a goal to a plan.

mod choices;

use super::*;
use crate::history::{CandidateSource, TargetSearch, way_back};
use crate::image::{Digest, Platform};
use crate::journal::{ChangeSlot, ChangeState, RECORD_LIMIT, SlotLabels, UnitState, record_size};
use crate::plan::ChangeRecord;
use crate::registry::{Fact, FactQuery, FactSource, FactUpdate, Facts, LookupError, ResolvedImage};
use crate::swarm::{Availability, GroupKey, Task, TaskState};
use crate::time::Time;
use crate::world::{Observation, World};
use crate::{pins, sample};

fn plan(goal: &Goal, world: &World, facts: &Facts, now: Time) -> PlanDraft {
    super::plan(goal, &PlanOptions::default(), world, facts, now)
}

const OLD: &str = "r.io/pg:1";

fn digest(digit: &str) -> Digest {
    Digest::parse(&format!("sha256:{}", digit.repeat(64))).unwrap()
}

fn group() -> GroupKey {
    GroupKey::parse("database/s").unwrap()
}

/// Returns a world with a database of two members and a support service; its journal was read and is empty.
fn world() -> World {
    let mut world = World::default();
    world.apply(Observation::Nodes(["a", "b", "c"].map(sample::node).to_vec()), sample::NOW);
    let mut services = Vec::new();
    for (name, member, host) in [("pg-n1-a", "n1", "a"), ("pg-n1-b", "n1", "b"), ("pg-n2-c", "n2", "c")] {
        let mut service = sample::service(name, OLD);
        for (key, value) in
            [("pgedge.database.id", "s"), ("pgedge.component", "postgres"), ("pgedge.node.name", member)]
        {
            service.labels.insert(key.into(), value.into());
        }
        service.constraints = vec![format!("node.id=={host}-id")];
        services.push(service);
    }
    let mut support = sample::service("s-mcp", "r.io/mcp:1");
    support.labels.insert("pgedge.database.id".into(), "s".into());
    support.labels.insert("pgedge.component".into(), "service".into());
    services.push(support);
    world.apply(Observation::Services(services), sample::NOW);
    world.apply(Observation::Slots(Vec::new()), sample::NOW);
    world.apply(Observation::Sightings { group: group(), sightings: Vec::new() }, sample::NOW);
    world
}

fn facts(known: &[(&str, &str)]) -> Facts {
    let mut facts = Facts::default();
    for (reference, digit) in known {
        let value = ResolvedImage::new(digest(digit), Some(vec![Platform::new("linux", "amd64")]));
        let image = crate::image::ImageRef::parse(reference).unwrap();
        facts.take(FactUpdate::ImageInfo(image.by_digest(&value.digest), not_asked()));
        let fact = |via| Fact::Known { value: value.clone(), at: sample::NOW, via };
        facts.take(FactUpdate::Engine((*reference).to_owned(), fact(FactSource::Engine)));
        facts.learn(reference, fact(FactSource::Registry));
    }
    facts.take(FactUpdate::Versions(not_asked()));
    facts.take(login("r.io", false));
    facts
}

/// Returns the answer to the question whether the operator has credentials for a registry.
fn login(host: &str, has: bool) -> FactUpdate {
    FactUpdate::Login(host.to_owned(), Fact::Known { value: has, at: sample::NOW, via: FactSource::Curated })
}

fn not_asked<T>() -> Fact<T> {
    Fact::Failed { why: LookupError::Other("not asked here".into()), at: sample::NOW }
}

fn pin(text: &str) -> Goal {
    Goal::Pins { group: group(), text: text.to_owned() }
}

fn back(scope: Scope) -> Goal {
    Goal::Back { group: group(), scope, to: None }
}

fn actions(plan: &Plan) -> Vec<(&str, UnitAction)> {
    plan.units.iter().map(|unit| (unit.service.as_str(), unit.action)).collect()
}

fn codes(plan: &Plan) -> Vec<&str> {
    plan.findings.iter().map(|finding| finding.code.as_str()).collect()
}

/// Applies a plan to the world, as the executor and the engine would.
fn carry_out(world: &mut World, plan: &Plan, state: ChangeState, letters: &str) {
    let units: Vec<_> = letters.chars().map(|letter| UnitState::from_letter(letter).unwrap()).collect();
    let seq = plan.parent + 1;
    let change = format!("change-{seq}");
    let labels = SlotLabels {
        group: plan.group.to_string(),
        owner: String::new(),
        beat: 1,
        state,
        units: units.clone(),
        post: None,
        by: "root".into(),
        why: String::new(),
        at: Some(sample::NOW),
        sum: String::new(),
        home: String::new(),
        extra: std::collections::BTreeMap::new(),
    };
    let slot = ChangeSlot {
        config: change.clone(),
        index: 1,
        created: None,
        seq,
        v: 1,
        change: change.clone(),
        group_hash: plan.group.hash(),
        labels,
    };
    world.apply(Observation::ChangeSlot(Box::new(slot)), sample::NOW);
    let record = ChangeRecord { v: 1, change: change.clone(), plan: plan.clone(), extra: serde_json::Map::new() };
    world.apply(Observation::Record { change, record: Some(Box::new(record)) }, sample::NOW);
    for (unit, state) in plan.units.iter().zip(units) {
        if !matches!(state, UnitState::Done | UnitState::Failed) || unit.edits.is_empty() {
            continue;
        }
        let mut service = world.services[&unit.service_id].clone();
        service.previous = Some(service.places.clone());
        service.places.image.clone_from(&unit.to.image);
        for edit in unit.edits.iter().filter(|edit| edit.path.ends_with("Platforms")) {
            service.places.platforms.value.clone_from(&edit.after);
        }
        world.apply(Observation::SomeServices(vec![service]), sample::NOW);
    }
}

#[test]
fn no_edit_is_nothing_to_do() {
    let world = world();
    for text in
        [String::new(), pins::template(&world, &group()), "# only words\n# postgres_version = \"17.9\"\n".into()]
    {
        let draft = plan(&pin(&text), &world, &Facts::default(), sample::NOW);
        assert!(draft.plan.has_nothing_to_do() && draft.wants.is_empty() && draft.plan.units.is_empty(), "{text}");
        assert_eq!(codes(&draft.plan), ["nothing-to-do"]);
    }
}

#[test]
fn only_services_whose_effective_pin_changes_are_planned() {
    let world = world();
    let goal = pin("[node.n1]\nimage = \"r.io/pg:2\"\n");
    let draft = plan(&goal, &world, &Facts::default(), sample::NOW);
    assert_eq!(
        draft.wants,
        [FactQuery::Image("r.io/pg:2".into()), FactQuery::Login("r.io".into()), FactQuery::Versions].into()
    );
    assert!(draft.obstacle(Consent { warnings: true, unchecked: true }).is_some());
    let draft = plan(&goal, &world, &facts(&[("r.io/pg:2", "2")]), sample::NOW);
    assert!(draft.wants.is_empty());
    assert_eq!(actions(&draft.plan), [("pg-n1-a", UnitAction::Update), ("pg-n1-b", UnitAction::Update)]);
    let unit = &draft.plan.units[0];
    assert_eq!(unit.to.image, format!("r.io/pg:2@{}", digest("2")));
    assert_eq!((unit.from.digest.clone(), unit.to.digest.clone(), unit.node.as_str()), (None, Some(digest("2")), "a"));
    assert_eq!(
        unit.edits.iter().map(|edit| edit.path.as_str()).collect::<Vec<_>>(),
        ["/TaskTemplate/ContainerSpec/Image", "/TaskTemplate/Placement/Platforms"]
    );
    assert_eq!(draft.obstacle(Consent::default()), None, "a good pin has no warning: {:?}", draft.plan.findings);
}

/// Returns the record that the plan would be stored as.
fn record_of(plan: &Plan) -> ChangeRecord {
    let change = "01890f3e-7b6c-7cc2-98c4-dc0c0c07398f".to_owned();
    ChangeRecord { v: 1, change, plan: plan.clone(), extra: serde_json::Map::new() }
}

#[test]
fn a_plan_is_too_large_by_the_byte_that_the_swarm_does_not_store() {
    let (world, facts) = (world(), facts(&[("r.io/pg:2", "2")]));
    let padded = |bytes: usize| {
        let text = format!("# {}\nimage = \"r.io/pg:2\"\n", "x".repeat(bytes));
        plan(&pin(&text), &world, &facts, sample::NOW)
    };
    let room = RECORD_LIMIT - record_size(&record_of(&padded(0).plan));
    let (fits, over) = (padded(room), padded(room + 1));
    assert_eq!(record_size(&record_of(&fits.plan)), 1_023_999);
    let consent = Consent { warnings: true, unchecked: true };
    assert!(!codes(&fits.plan).contains(&"plan-too-large") && fits.obstacle(consent).is_none());
    assert!(codes(&over.plan).contains(&"plan-too-large") && over.obstacle(consent).is_some());
}

#[test]
fn equal_inputs_give_the_equal_plan() {
    let (world, facts) = (world(), facts(&[("r.io/pg:2", "2")]));
    let goal = pin("image = \"r.io/pg:2\"\n");
    let first = plan(&goal, &world, &facts, sample::NOW).plan;
    let later = plan(&goal, &world, &facts, Time(sample::NOW.0 + 99_000)).plan;
    assert_eq!(first.id, later.id);
    let mut moved = world.clone();
    let mut service = moved.services["pg-n1-a-id"].clone();
    service.index += 5;
    moved.apply(Observation::SomeServices(vec![service.clone()]), sample::NOW);
    assert_eq!(plan(&goal, &moved, &facts, sample::NOW).plan.id, first.id, "an index alone is no change");
    service.rest = crate::swarm::UntouchedHash("edited".into());
    moved.apply(Observation::SomeServices(vec![service]), sample::NOW);
    assert_ne!(plan(&goal, &moved, &facts, sample::NOW).plan.id, first.id);
}

#[test]
fn an_error_blocks_its_own_units_and_names_the_hosts() {
    let world = world();
    let mut facts = facts(&[("r.io/pg:2", "2")]);
    facts.learn("r.io/pg:missing", Fact::Failed { why: LookupError::NotFound, at: sample::NOW });
    let goal = pin("[node.n1]\nimage = \"r.io/pg:missing\"\n[node.n2]\nimage = \"r.io/pg:2\"\n");
    let draft = plan(&goal, &world, &facts, sample::NOW);
    assert_eq!(
        actions(&draft.plan),
        [("pg-n1-a", UnitAction::Blocked), ("pg-n1-b", UnitAction::Blocked), ("pg-n2-c", UnitAction::Update)]
    );
    assert_eq!(codes(&draft.plan), ["image-not-found", "will-be-overwritten"]);
    assert_eq!(draft.plan.findings[0].subject, "n1 on a, b");
}

#[test]
fn a_node_that_takes_no_tasks_blocks() {
    let mut world = world();
    let mut nodes: Vec<_> = world.nodes.values().cloned().collect();
    nodes[0].availability = Availability::Drain;
    world.apply(Observation::Nodes(nodes), sample::NOW);
    let draft = plan(&pin("image = \"r.io/pg:2\"\n"), &world, &facts(&[("r.io/pg:2", "2")]), sample::NOW);
    assert_eq!(
        actions(&draft.plan),
        [("pg-n1-a", UnitAction::Blocked), ("pg-n1-b", UnitAction::Update), ("pg-n2-c", UnitAction::Update)]
    );
    assert!(codes(&draft.plan).contains(&"node-not-ready"));
}

#[test]
fn pinning_the_running_tag_changes_no_service() {
    let world = world();
    let draft = plan(&pin(&format!("image = \"{OLD}\"\n")), &world, &facts(&[(OLD, "1")]), sample::NOW);
    assert!(draft.plan.units.iter().all(|unit| unit.action == UnitAction::None));
    assert!(draft.plan.changes_pins() && !draft.plan.has_nothing_to_do(), "the pins change all the same");
    assert!(codes(&draft.plan).contains(&"runs-by-tag"));
}

#[test]
fn back_to_the_letter_and_only_once() {
    let mut world = world();
    let facts = facts(&[("r.io/pg:2", "2"), (OLD, "1")]);
    let forward = plan(&pin("[node.n1]\nimage = \"r.io/pg:2\"\n"), &world, &facts, sample::NOW).plan;
    carry_out(&mut world, &forward, ChangeState::Done, "dd");
    let draft = plan(&back(Scope::Group), &world, &facts, sample::NOW);
    assert_eq!(actions(&draft.plan), [("pg-n1-a", UnitAction::Rollback), ("pg-n1-b", UnitAction::Rollback)]);
    assert_eq!(draft.plan.units[0].to.image, OLD, "the bare tag, as it was");
    assert_eq!(draft.plan.pins_after, None, "the document before it");
    for (unit, before) in draft.plan.units.iter().zip(&forward.units) {
        let reversed: Vec<_> = before.edits.iter().map(|edit| (&edit.path, &edit.after, &edit.before)).collect();
        assert_eq!(unit.edits.iter().map(|edit| (&edit.path, &edit.before, &edit.after)).collect::<Vec<_>>(), reversed);
    }
    carry_out(&mut world, &draft.plan, ChangeState::Done, "dd");
    let again = plan(&back(Scope::Group), &world, &facts, sample::NOW);
    assert!(again.plan.has_nothing_to_do());
    assert_eq!(codes(&again.plan), ["nothing-to-do"]);
}

#[test]
fn one_service_back_keeps_the_others_pinned() {
    let mut world = world();
    let facts = facts(&[("r.io/pg:2", "2"), (OLD, "1")]);
    let forward = plan(&pin("[node.n1]\nimage = \"r.io/pg:2\"\n"), &world, &facts, sample::NOW).plan;
    carry_out(&mut world, &forward, ChangeState::Done, "dd");
    let draft = plan(&back(Scope::Service("pg-n1-b".into())), &world, &facts, sample::NOW);
    assert_eq!(actions(&draft.plan), [("pg-n1-b", UnitAction::Rollback)]);
    let doc = pins::read(draft.plan.pins_after.as_deref().unwrap());
    let effective = |name: &str| doc.effective(&group(), world.service_named(name).unwrap()).map(|(_, image)| image);
    assert_eq!((effective("pg-n1-a"), effective("pg-n1-b")), (Some("r.io/pg:2"), Some(OLD)));
}

#[test]
fn changed_elsewhere_goes_to_the_engines_previous_spec() {
    let mut world = world();
    let mut service = world.services["pg-n2-c-id"].clone();
    service.previous = Some(service.places.clone());
    service.places.image = "r.io/pg:bad".into();
    world.apply(Observation::SomeServices(vec![service.clone()]), sample::NOW);
    let ask = |world: &World| way_back(world, &group(), &world.services["pg-n2-c-id"]);
    assert_eq!(ask(&world), TargetSearch::Needs([FactQuery::Tasks("pg-n2-c-id".into())].into()));
    world.apply(Observation::Tasks { service: service.id.clone(), tasks: Vec::new() }, sample::NOW);
    let TargetSearch::Found(way) = ask(&world) else { panic!() };
    assert_eq!(way.places.image, OLD, "the other instances run it");
    let others = world.services.keys().filter(|id| **id != service.id).cloned().collect();
    world.apply(Observation::GoneServices(others), sample::NOW);
    assert_eq!(ask(&world), TargetSearch::NoneKnown, "a spec that was only written is no proof of a run");
    let ran = sample::task("old", &sample::service("pg-n2-c", OLD), "c", TaskState::Shutdown, 500);
    world.apply(Observation::Tasks { service: service.id.clone(), tasks: vec![ran] }, sample::NOW);
    let TargetSearch::Found(way) = ask(&world) else { panic!() };
    assert_eq!((way.places.image.as_str(), way.source), (OLD, CandidateSource::EnginePrevious));
}

#[test]
fn what_never_came_up_is_never_the_default() {
    let mut world = world();
    let mut service = world.services["pg-n2-c-id"].clone();
    let mut waits = sample::task("w", &sample::service("pg-n2-c", "r.io/pg:2"), "c", TaskState::Pending, 300);
    let mut old = sample::task("o", &sample::service("pg-n2-c", OLD), "c", TaskState::Shutdown, 500);
    (waits.desired, old.desired) = (TaskState::Shutdown, TaskState::Shutdown);
    service.places.image = "r.io/pg:3".into();
    service.previous = Some(sample::places("r.io/pg:2"));
    world.apply(Observation::SomeServices(vec![service.clone()]), sample::NOW);
    world.apply(Observation::Tasks { service: service.id.clone(), tasks: vec![waits, old] }, sample::NOW);
    let TargetSearch::Found(way) = way_back(&world, &group(), &service) else { panic!() };
    assert_eq!(
        (way.places.image.as_str(), way.source),
        (OLD, CandidateSource::OldTask),
        "its task only waited for a node"
    );
}

#[test]
fn what_failed_here_is_never_the_default() {
    let mut world = world();
    let mut service = world.services["pg-n2-c-id"].clone();
    let task = |id: &str, image: &str, state: TaskState, ago: i64| {
        let mut task = sample::task(id, &sample::service("pg-n2-c", image), "c", state, ago);
        task.desired = TaskState::Shutdown;
        task
    };
    let tasks: Vec<Task> = vec![
        task("old", OLD, TaskState::Shutdown, 500),
        task("bad", "r.io/pg:bad", TaskState::Rejected, 300),
        task("new", "r.io/pg:3", TaskState::Running, 100),
    ];
    service.places.image = "r.io/pg:3".into();
    service.previous = Some(sample::places("r.io/pg:bad"));
    world.apply(Observation::SomeServices(vec![service.clone()]), sample::NOW);
    world.apply(Observation::Tasks { service: service.id.clone(), tasks }, sample::NOW);
    let TargetSearch::Found(way) = way_back(&world, &group(), &service) else { panic!() };
    assert_eq!((way.places.image.as_str(), way.source), (OLD, CandidateSource::OldTask));
}

#[test]
fn a_failed_change_that_was_put_back_is_passed_over() {
    let mut world = world();
    let facts = facts(&[("r.io/pg:2", "2"), ("r.io/pg:3", "3"), (OLD, "1")]);
    let first = plan(&pin("[node.n2]\nimage = \"r.io/pg:2\"\n"), &world, &facts, sample::NOW).plan;
    carry_out(&mut world, &first, ChangeState::Done, "d");
    let second = plan(&pin("[node.n2]\nimage = \"r.io/pg:3\"\n"), &world, &facts, sample::NOW).plan;
    carry_out(&mut world, &second, ChangeState::Failed, "U");
    let draft = plan(&back(Scope::Member("n2".into())), &world, &facts, sample::NOW);
    assert_eq!(draft.plan.units[0].to.image, OLD);
}

#[test]
fn tasks_that_match_stay() {
    let mut world = world();
    let facts = facts(&[(OLD, "1")]);
    let mut service = world.services["pg-n2-c-id"].clone();
    service.mode = crate::swarm::ServiceMode::Replicated(3);
    let old = service.clone();
    service.previous = Some(service.places.clone());
    service.places.image = "r.io/pg:bad".into();
    let mut tasks: Vec<_> = ["1", "2"].iter().map(|id| sample::task(id, &old, "c", TaskState::Running, 900)).collect();
    tasks.push(sample::task("3", &service, "c", TaskState::Failed, 9));
    world.apply(Observation::SomeServices(vec![service.clone()]), sample::NOW);
    world.apply(Observation::Tasks { service: service.id.clone(), tasks }, sample::NOW);
    let draft = plan(&back(Scope::Service(service.name)), &world, &facts, sample::NOW);
    let effect = draft.plan.units[0].effect;
    assert_eq!((effect.restarts, effect.stays), (1, 2));
}

#[test]
fn a_change_under_way_blocks() {
    let mut world = world();
    let facts = facts(&[("r.io/pg:2", "2")]);
    let forward = plan(&pin("[node.n1]\nimage = \"r.io/pg:2\"\n"), &world, &facts, sample::NOW).plan;
    carry_out(&mut world, &forward, ChangeState::Running, "p-");
    let draft = plan(&pin("[node.n2]\nimage = \"r.io/pg:2\"\n"), &world, &facts, sample::NOW);
    assert_eq!(actions(&draft.plan), [("pg-n2-c", UnitAction::Blocked)]);
    assert!(codes(&draft.plan).contains(&"change-unfinished"));
}
