//! Tests of the rollback candidates, from changes, tasks and observations.

use super::*;
use crate::history::external_detection::sighting;
use crate::journal::{ChangeSlot, ChangeState, SlotLabels};
use crate::plan::{ChangeRecord, Plan, PlanKind, SpecEdit, SpecImage, Unit, UnitAction};
use crate::registry::{FactSource, FactUpdate, ResolvedImage, Tags};
use crate::sample;
use crate::swarm::SpecField;
use crate::swarm::hex;
use crate::world::Observation;

const HOUR: i64 = 3_600_000;
const PLATFORMS: &str = "/TaskTemplate/Placement/Platforms";

pub(crate) fn at(hours_ago: i64) -> Time {
    Time(sample::NOW.0 - hours_ago * HOUR)
}

/// Returns `r/web:TAG` with a digest that is computed from the tag.
pub(crate) fn pinned(tag: &str) -> String {
    use sha2::Digest as _;
    format!("r/web:{tag}@sha256:{}", hex(&sha2::Sha256::digest(tag.as_bytes())))
}

/// A service with a history of changes and tasks.
pub(crate) struct HistorySample {
    pub world: World,
    pub group: GroupKey,
    pub service: Service,
    seq: u64,
}

impl HistorySample {
    pub fn of(image: &str) -> Self {
        let service = sample::service("web", image);
        let mut world = World::default();
        world.apply(Observation::Nodes(["a", "b"].map(sample::node).to_vec()), sample::NOW);
        world.apply(Observation::Slots(Vec::new()), sample::NOW);
        let mut tale = Self { world, group: GroupKey::of(&service), service, seq: 0 };
        tale.seen();
        tale
    }

    pub fn seen(&mut self) {
        self.world.apply(Observation::Services(vec![self.service.clone()]), sample::NOW);
    }

    pub fn tasks(&mut self, tasks: Vec<Task>) {
        self.world.apply(Observation::Tasks { service: self.service.id.clone(), tasks }, sample::NOW);
    }

    pub fn task(&self, image: &str, node: &str, state: TaskState, from: i64, until: i64) -> Task {
        let mut task = sample::task(&format!("{image}{from}"), &self.service, node, state, 0);
        (task.image, task.created, task.since) = (image.to_owned(), Some(at(from)), Some(at(until)));
        task.places.image.clone_from(&task.image);
        task
    }

    /// Adds a change that was started `hours_ago` and ended in this unit state.
    pub fn change(&mut self, hours_ago: i64, to: &str, state: UnitState, platforms: Option<&str>) {
        self.seq += 1;
        let (from, change) = (self.service.image().to_owned(), format!("change-{}", self.seq));
        let edit = |path: &str, before, after| SpecEdit { path: path.to_owned(), before, after: Some(after) };
        let mut edits = vec![edit("/TaskTemplate/ContainerSpec/Image", Some(from.as_str().into()), to.into())];
        let value = |text: &str| serde_json::json!([{ "OS": text }]);
        if let Some(after) = platforms {
            edits.push(edit(PLATFORMS, self.service.places.platforms.value.clone(), value(after)));
        }
        self.world.apply(Observation::ChangeSlot(Box::new(self.slot(&change, hours_ago, state))), sample::NOW);
        let plan = self.plan(self.unit(&from, to, edits));
        let record = ChangeRecord { v: 1, change: change.clone(), plan, extra: serde_json::Map::new() };
        self.world.apply(Observation::Record { change, record: Some(Box::new(record)) }, sample::NOW);
        if state == UnitState::Done {
            self.service.places.image = to.to_owned();
            if let Some(after) = platforms {
                self.service.places.platforms =
                    SpecField { path: PLATFORMS.into(), value: Some(value(after)), alone: false };
            }
            self.seen();
        }
    }

    fn unit(&self, from: &str, to: &str, edits: Vec<SpecEdit>) -> Unit {
        Unit {
            service: "web".into(),
            service_id: self.service.id.clone(),
            member: "web".into(),
            node: "a".into(),
            action: UnitAction::Update,
            from: SpecImage::new(from),
            to: SpecImage::new(to),
            reasons: Vec::new(),
            effect: crate::plan::TaskImpact { restarts: 1, stays: 0 },
            edits,
            lands: Vec::new(),
            unchecked: None,
            from_ran: false,
            rest: self.service.rest.clone(),
            engine_rolls_back: false,
            credentials: crate::plan::CredentialOrigin::default(),
            notes: Vec::new(),
            extra: serde_json::Map::new(),
        }
    }

    fn plan(&self, unit: Unit) -> Plan {
        Plan {
            v: 1,
            id: String::new(),
            created: sample::NOW,
            swarm: String::new(),
            group: self.group.clone(),
            parent: self.seq - 1,
            kind: PlanKind::Pin,
            api: String::new(),
            pins_before: None,
            pins_after: None,
            units: vec![unit],
            findings: Vec::new(),
            extra: serde_json::Map::new(),
        }
    }

    fn slot(&self, change: &str, hours_ago: i64, state: UnitState) -> ChangeSlot {
        let labels = SlotLabels {
            group: self.group.to_string(),
            owner: String::new(),
            beat: 1,
            state: if state == UnitState::Done { ChangeState::Done } else { ChangeState::Failed },
            units: vec![state],
            post: None,
            by: String::new(),
            why: String::new(),
            at: Some(at(hours_ago)),
            sum: String::new(),
            home: String::new(),
            extra: std::collections::BTreeMap::new(),
        };
        ChangeSlot {
            config: change.to_owned(),
            index: 1,
            created: None,
            seq: self.seq,
            v: 1,
            change: change.to_owned(),
            group_hash: self.group.hash(),
            labels,
        }
    }

    fn list(&self, facts: &Facts) -> Vec<(String, String, &'static str)> {
        let all = earlier(&self.world, &self.group, &self.service, facts, sample::NOW);
        let row = |one: RollbackCandidate| {
            let tag = one.places.image.trim_start_matches("r/web:").split('@').next().unwrap_or_default().to_owned();
            let source = match one.source {
                CandidateSource::Change(change) => change,
                other => format!("{other:?}"),
            };
            (
                format!("{tag} {}", one.fared.describe()),
                source,
                if one.digest.is_some() { "digest" } else { "tag only" },
            )
        };
        all.into_iter().map(row).collect()
    }
}

fn row(told: &str, source: &str, digest: &'static str) -> (String, String, &'static str) {
    (told.to_owned(), source.to_owned(), digest)
}

#[test]
fn the_journal_the_engine_and_the_tasks_make_one_list() {
    let mut tale = HistorySample::of("r/web:1");
    tale.service.constraints = vec!["node.hostname==a".into()];
    tale.seen();
    tale.change(100, &pinned("2"), UnitState::Done, None);
    tale.change(60, &pinned("3"), UnitState::RolledBack, None);
    tale.change(50, &pinned("4"), UnitState::Done, None);
    // Since then, another client updated the service.
    tale.service.previous = Some(tale.service.places.clone());
    tale.service.places.image = pinned("5");
    tale.service.updated = Some(at(2));
    tale.seen();
    let never = tale.task(&pinned("6"), "b", TaskState::Rejected, 3, 3);
    let old = tale.task(&pinned("4"), "a", TaskState::Shutdown, 50, 2);
    let now = tale.task(&pinned("5"), "b", TaskState::Running, 2, 2);
    tale.tasks(vec![never, old, now]);
    assert_eq!(
        tale.list(&Facts::default()),
        [
            row("5 running", "OldTask", "digest"),
            row("4 ran 2d", "change-3", "digest"),
            row("2 ran 2d", "change-3", "digest"),
            row("1 not known", "change-1", "tag only"),
            row("6 never started", "OldTask", "digest"),
            row("3 failed", "change-2", "digest"),
        ]
    );
    let all = earlier(&tale.world, &tale.group, &tale.service, &Facts::default(), sample::NOW);
    let nodes = |tag: &str| all.iter().find(|one| one.is_meant(tag)).unwrap().nodes.clone();
    assert_eq!((nodes("4"), nodes("2"), nodes("6")), (vec!["a".to_owned()], vec!["a".to_owned()], vec![]));
}

#[test]
fn what_was_seen_running_counts_and_names_who_saw_it() {
    use crate::journal::ExternalDeploy;
    let mut tale = HistorySample::of(&pinned("3"));
    let seen = |tag: &str, hours: i64| {
        let mut service = tale.service.clone();
        service.places.image = pinned(tag);
        ExternalDeploy { node: "b".into(), ..sighting(&tale.world, &service, at(hours), "ops") }
    };
    let sightings = vec![seen("1", 90), seen("2", 60), seen("2", 30)];
    tale.world.apply(Observation::Sightings { group: tale.group.clone(), sightings }, sample::NOW);
    tale.tasks(Vec::new());
    assert_eq!(
        tale.list(&Facts::default())[1..],
        [row("2 ran", "Seen(\"ops\")", "digest"), row("1 ran", "Seen(\"ops\")", "digest")]
    );
    let all = earlier(&tale.world, &tale.group, &tale.service, &Facts::default(), sample::NOW);
    assert_eq!(all[2].nodes, ["b"]);
}

#[test]
fn one_entry_an_image_however_it_is_called() {
    let mut tale = HistorySample::of(&pinned("1"));
    tale.change(20, &pinned("2"), UnitState::Done, None);
    tale.change(10, &pinned("1").replace(":1@", ":one@"), UnitState::Done, None);
    let all = tale.list(&Facts::default());
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[0].0.starts_with("one "), "by the name it has now: {all:?}");
}

#[test]
fn places_are_to_the_letter_what_they_were_at_any_depth() {
    let mut tale = HistorySample::of("r/web:1");
    tale.change(40, &pinned("2"), UnitState::Done, Some("amd"));
    tale.change(30, &pinned("3"), UnitState::Done, None);
    tale.change(20, &pinned("4"), UnitState::Done, Some("arm"));
    let all = earlier(&tale.world, &tale.group, &tale.service, &Facts::default(), sample::NOW);
    let platforms = |tag: &str| {
        let places = &all.iter().find(|one| one.is_meant(tag)).unwrap().places;
        places.platforms.value.as_ref().map(|value| value[0]["OS"].as_str().unwrap().to_owned())
    };
    let was = ["4", "3", "2", "1"].map(platforms);
    assert_eq!(was, [Some("arm".into()), Some("amd".into()), Some("amd".into()), None]);
}

#[test]
fn immutable_tags_of_the_registry_come_last_and_only_those_not_known() {
    let mut tale = HistorySample::of("r/web:1.2.0-std-1");
    tale.change(20, &pinned("1.3.0-std-1"), UnitState::Done, None);
    let names = ["1.2.0-std-1", "1.3.0-std-1", "1.3.0-std-2", "1.4.0-std-1", "1.4.0-alpine3-20260101", "latest", "1.4"];
    let tags = Tags { names: names.map(str::to_owned).to_vec(), cut: false };
    let known = |value| Fact::Known { value, at: sample::NOW, via: FactSource::Registry };
    let mut facts = Facts::default();
    facts.take(FactUpdate::Tags("r/web".into(), known(std::sync::Arc::new(tags))));
    let digest = digest_of(&pinned("1.3.0-std-1")).unwrap();
    let fact = |value| Fact::Known { value, at: sample::NOW, via: FactSource::Registry };
    // Another tag of the image that runs.
    facts.take(FactUpdate::Image("r/web:1.3.0-std-2".into(), fact(ResolvedImage::new(digest, None))));
    let all = tale.list(&facts);
    let told: Vec<_> = all.iter().map(|(told, source, _)| format!("{told} / {source}")).collect();
    assert_eq!(
        told,
        ["1.3.0-std-1 running / change-1", "1.2.0-std-1 not known / change-1", "1.4.0-std-1 never ran here / Registry",]
    );
    assert!(
        queries(&tale.world, &tale.group, &tale.service, &facts).contains(&FactQuery::Tasks(tale.service.id.clone()))
    );
}

#[test]
fn a_person_names_it_by_text_tag_digest_or_its_beginning() {
    let mut tale = HistorySample::of(&pinned("1"));
    tale.change(20, &pinned("2"), UnitState::Done, None);
    let all = earlier(&tale.world, &tale.group, &tale.service, &Facts::default(), sample::NOW);
    let digest = digest_of(&pinned("1")).unwrap();
    let short = format!("@{}", digest.short());
    for text in [&pinned("1"), "r/web:1", "1", digest.as_str(), &short] {
        let found: Vec<_> = all.iter().filter(|one| one.is_meant(text)).map(|one| &one.places.image).collect();
        assert_eq!(found, [&pinned("1")], "{text}");
    }
    for text in ["", "@", "@12", "r/web", "sha256:"] {
        assert!(!all.iter().any(|one| one.is_meant(text)), "{text}");
    }
}
