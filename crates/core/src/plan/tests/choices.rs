//! Tests of the operator's options (order, credentials, start-first) and of redeploys.

use super::*;
use crate::pins;
use crate::plan::CredentialOrigin;
use crate::plan::options::{CredentialPolicy, UpdateOrderOption};

fn planned(world: &World, facts: &Facts, goal: &Goal, manner: &PlanOptions) -> Plan {
    super::super::plan(goal, manner, world, facts, sample::NOW).plan
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.units.iter().map(|unit| unit.service.as_str()).collect()
}

fn labelled(world: &mut World, service: &str, role: &str) {
    let mut service = world.services[service].clone();
    service.labels.insert("pinnace.role".into(), role.into());
    world.apply(Observation::SomeServices(vec![service]), sample::NOW);
}

#[test]
fn a_database_goes_one_instance_after_another_known_replicas_first() {
    let (mut world, facts) = (world(), facts(&[("r.io/pg:2", "2")]));
    let goal = pin("image = \"r.io/pg:2\"\n");
    let plain = PlanOptions::default();
    let unknown = planned(&world, &facts, &goal, &plain);
    assert_eq!(names(&unknown), ["pg-n1-a", "pg-n1-b", "pg-n2-c"]);
    assert!(codes(&unknown).contains(&"roles-unknown"));
    labelled(&mut world, "pg-n1-a-id", "primary");
    labelled(&mut world, "pg-n1-b-id", "replica");
    labelled(&mut world, "pg-n2-c-id", "primary");
    let known = planned(&world, &facts, &goal, &plain);
    assert_eq!(names(&known), ["pg-n1-b", "pg-n1-a", "pg-n2-c"]);
    assert!(!codes(&known).contains(&"roles-unknown"));
    let order = vec!["pg-n2-c-id".to_owned()];
    let chosen = planned(&world, &facts, &goal, &PlanOptions { order, ..plain });
    assert_eq!(names(&chosen), ["pg-n2-c", "pg-n1-b", "pg-n1-a"]);
    assert_ne!(chosen.id, known.id, "another order is another plan");
}

#[test]
fn credentials_are_kept_but_for_a_new_registry() {
    let world = world();
    let mut facts = facts(&[("r.io/pg:2", "2"), ("new.io/pg:2", "2")]);
    facts.take(login("r.io", true));
    facts.take(login("new.io", true));
    let with = |facts: &Facts, image: &str, sending| {
        let manner = PlanOptions { sending, ..PlanOptions::default() };
        let goal = pin(&format!("[node.n2]\nimage = \"{image}\"\n"));
        let plan = planned(&world, facts, &goal, &manner);
        (plan.units[0].credentials, plan.units[0].notes.join("; "), plan.id)
    };
    let (kept, told, kept_id) = with(&facts, "r.io/pg:2", CredentialPolicy::Auto);
    assert_eq!(kept, CredentialOrigin::Stored);
    assert!(told.contains("those stored in the service; yours for r.io can be sent"), "{told}");
    let (sent, told, sent_id) = with(&facts, "r.io/pg:2", CredentialPolicy::Operator);
    assert_eq!(sent, CredentialOrigin::Operator);
    assert!(told.contains("yours for r.io replace those stored"), "{told}");
    assert_ne!(kept_id, sent_id);
    assert_eq!(with(&facts, "new.io/pg:2", CredentialPolicy::Auto).0, CredentialOrigin::Operator, "a new registry");
    assert_eq!(with(&facts, "new.io/pg:2", CredentialPolicy::Stored).0, CredentialOrigin::Stored);
    facts.take(login("new.io", false));
    let (none, told, _) = with(&facts, "new.io/pg:2", CredentialPolicy::Operator);
    assert_eq!(none, CredentialOrigin::Stored);
    assert!(told.contains("you have none for new.io"), "{told}");
}

#[test]
fn a_way_back_never_needs_the_operators() {
    let mut world = world();
    let facts = facts(&[(OLD, "1")]);
    let mut service = world.services["pg-n2-c-id"].clone();
    service.previous = Some(crate::swarm::EditableFields { update: None, ..service.places.clone() });
    service.places.image = "new.io/pg:2".into();
    world.apply(Observation::SomeServices(vec![service.clone()]), sample::NOW);
    let ran = sample::task("old", &sample::service("pg-n2-c", OLD), "c", crate::swarm::TaskState::Shutdown, 500);
    world.apply(Observation::Tasks { service: service.id.clone(), tasks: vec![ran] }, sample::NOW);
    let goal = back(Scope::Service(service.name));
    let draft = super::plan(&goal, &world, &facts, sample::NOW);
    assert!(draft.wants.is_empty(), "not even whether there are any: {:?}", draft.wants);
    assert_eq!(draft.plan.units[0].credentials, CredentialOrigin::Previous);
}

#[test]
fn start_first_is_an_edit_like_any_other() {
    let mut world = world();
    let facts = facts(&[("r.io/pg:2", "2"), (OLD, "1")]);
    let manner = PlanOptions { replacing: UpdateOrderOption::StartFirst, ..PlanOptions::default() };
    let goal = pin("[node.n2]\nimage = \"r.io/pg:2\"\n");
    let plan = planned(&world, &facts, &goal, &manner);
    let edit = plan.units[0].edits.iter().find(|edit| edit.path == "/UpdateConfig").unwrap();
    assert_eq!((edit.before.as_ref(), &edit.after.as_ref().unwrap()["Order"]), (None, &"start-first".into()));
    assert!(plan.units[0].notes.iter().any(|note| note.contains("stays in its update policy")));
    // The engine stores the edited policy; a rollback restores the earlier one, even if there was none.
    carry_out(&mut world, &plan, ChangeState::Done, "d");
    let mut service = world.services["pg-n2-c-id"].clone();
    service.places.update.as_mut().unwrap().value.clone_from(&edit.after);
    service.policy.start_first = true;
    world.apply(Observation::SomeServices(vec![service.clone()]), sample::NOW);
    let back = planned(&world, &facts, &back(Scope::Group), &PlanOptions::default());
    let undone = back.units[0].edits.iter().find(|edit| edit.path == "/UpdateConfig").unwrap();
    assert_eq!((undone.before.as_ref(), undone.after.as_ref()), (edit.after.as_ref(), None));
    // If two tasks would clash, start-first is not used, and a note says so.
    service.places = sample::places(OLD);
    (service.exclusive, service.policy.start_first) = (true, false);
    let mut world = super::world();
    world.apply(Observation::SomeServices(vec![service]), sample::NOW);
    let plan = planned(&world, &facts, &goal, &manner);
    assert!(plan.units[0].edits.iter().all(|edit| edit.path != "/UpdateConfig"));
    assert!(plan.units[0].notes.iter().any(|note| note.contains("stays stop-first")));
}

fn again(scope: Scope, by: RedeployImage) -> Goal {
    Goal::Redeploy { group: group(), scope, by }
}

#[test]
fn tasks_start_anew_by_the_same_digest_or_the_tags_new_one() {
    let mut world = world();
    let mut service = world.services["pg-n2-c-id"].clone();
    let pinned = format!("{OLD}@{}", digest("1"));
    service.places.image.clone_from(&pinned);
    world.apply(Observation::SomeServices(vec![service]), sample::NOW);
    let facts = facts(&[(&pinned, "1"), (OLD, "2")]);
    let one = || Scope::Service("pg-n2-c".into());
    let same = planned(&world, &facts, &again(one(), RedeployImage::Same), &PlanOptions::default());
    let unit = &same.units[0];
    assert_eq!((unit.action, &unit.to.image), (UnitAction::Rollback, &pinned), "the digest stays");
    assert_eq!(unit.edits.len(), 1);
    assert_eq!((unit.edits[0].path.as_str(), &unit.edits[0].after), ("/TaskTemplate/ForceUpdate", &Some(1.into())));
    assert_eq!((unit.effect.restarts, same.changes_pins()), (1, false));
    let newest = planned(&world, &facts, &again(one(), RedeployImage::Tag), &PlanOptions::default());
    assert_eq!(newest.units[0].to.digest, Some(digest("2")), "{:?}", newest.units[0].reasons);
    assert_eq!(newest.units[0].action, UnitAction::Update);
    // A bare tag is pinned to the digest that it names now, because its tasks restart anyway.
    let bare =
        planned(&world, &facts, &again(Scope::Service("pg-n1-a".into()), RedeployImage::Same), &PlanOptions::default());
    assert_eq!(bare.units[0].to.digest, Some(digest("2")));
}

#[test]
fn a_redeploy_to_another_digest_takes_the_pin_along() {
    let mut world = world();
    let pinned = format!("{OLD}@{}", digest("1"));
    let facts = facts(&[(&pinned, "1"), (OLD, "2")]);
    let goal = pin(&format!("[node.n2]\nimage = \"{pinned}\"\n"));
    let plan = planned(&world, &facts, &goal, &PlanOptions::default());
    carry_out(&mut world, &plan, ChangeState::Done, "d");
    let newest =
        planned(&world, &facts, &again(Scope::Member("n2".into()), RedeployImage::Tag), &PlanOptions::default());
    let doc = pins::read(newest.pins_after.as_deref().unwrap());
    let effective = doc.effective(&group(), &world.services["pg-n2-c-id"]).unwrap().1;
    assert!(effective.ends_with(&digest("2").to_string()), "{effective}");
}

#[test]
fn going_back_passes_over_tasks_that_were_only_started_anew() {
    let mut world = world();
    let facts = facts(&[("r.io/pg:2", "2"), (OLD, "1")]);
    let forward = planned(&world, &facts, &pin("[node.n2]\nimage = \"r.io/pg:2\"\n"), &PlanOptions::default());
    carry_out(&mut world, &forward, ChangeState::Done, "d");
    let mut with = facts.clone();
    let pinned = world.services["pg-n2-c-id"].image().to_owned();
    let value = ResolvedImage::new(digest("2"), None);
    with.learn(&pinned, Fact::Known { value, at: sample::NOW, via: FactSource::Registry });
    let anew = planned(&world, &with, &again(Scope::Member("n2".into()), RedeployImage::Same), &PlanOptions::default());
    carry_out(&mut world, &anew, ChangeState::Done, "d");
    let mut service = world.services["pg-n2-c-id"].clone();
    service.places.force.value = Some(1.into());
    world.apply(Observation::SomeServices(vec![service]), sample::NOW);
    let back = planned(&world, &with, &back(Scope::Member("n2".into())), &PlanOptions::default());
    assert_eq!(back.units[0].to.image, OLD, "not to what runs already: {:?}", back.units[0]);
    let force = back.units[0].edits.iter().find(|edit| edit.path.ends_with("ForceUpdate")).unwrap();
    assert_eq!(force.after, Some(0.into()), "to the letter");
}
