//! Tests of a plan's options by keys: credentials, start-first, the reason, saving to a file; and of redeploys.

use pinnace_core::plan::CredentialOrigin;
use pinnace_core::plan::{CredentialPolicy, UpdateOrderOption};
use pinnace_core::plan::{Goal, RedeployImage, SavedPlan, Scope};
use pinnace_core::registry::{Fact, FactSource, FactUpdate};
use pinnace_tui::clusters::ClusterId;
use pinnace_tui::msg::{Effect, Msg};
use pinnace_tui::screens::plan::state::{Freshness, PlanState};
use pinnace_tui::state::{Screen, State};

use crate::fixture::{NOW, PG, pinned, press};
use crate::scenario::{self, found, send, type_text};

fn shown(state: &State) -> &PlanState {
    match state.screens.last() {
        Some(Screen::Plan(plan)) => plan,
        other => panic!("{other:?}"),
    }
}

fn has_login(state: &mut State) {
    let learned = FactUpdate::Login("ghcr.io".into(), Fact::Known { value: true, at: NOW, via: FactSource::Curated });
    send(state, Msg::QueryAnswered { cluster: ClusterId::FIRST, learned });
}

#[test]
fn a_choice_is_another_plan_and_its_warnings_are_to_be_seen_again() {
    let mut state = scenario::plan(120, 40);
    has_login(&mut state);
    let before = shown(&state).shown.plan.id.clone();
    press(&mut state, "c");
    let plan = shown(&state);
    assert_eq!(plan.manner.sending, CredentialPolicy::Operator);
    let sent = plan.shown.plan.active().map(|(_, unit)| unit.credentials).collect::<Vec<_>>();
    assert_eq!(sent, [CredentialOrigin::Operator]);
    assert!(plan.shown.plan.id != before && plan.fresh == Freshness::UpToDate);
    press(&mut state, "c");
    assert_eq!(shown(&state).shown.plan.id, before, "and back");
    press(&mut state, "S");
    assert_eq!(shown(&state).manner.replacing, UpdateOrderOption::StartFirst);
    press(&mut state, "ctrl-r");
    found(&mut state, scenario::GOOD, '1');
    assert_eq!(
        shown(&state).manner.replacing,
        UpdateOrderOption::StartFirst,
        "what was chosen stays when it is planned again"
    );
}

#[test]
fn why_is_typed_and_goes_with_it() {
    let mut state = scenario::plan(120, 40);
    press(&mut state, "e");
    type_text(&mut state, "alarm 4711");
    press(&mut state, "enter");
    assert_eq!(shown(&state).why, "alarm 4711");
    press(&mut state, "e");
    type_text(&mut state, " and more");
    press(&mut state, "esc");
    assert_eq!(shown(&state).why, "alarm 4711", "esc takes back what was typed");
    let effects = press(&mut state, "a");
    let why = effects.iter().find_map(|effect| if let Effect::Apply { why, .. } = effect { Some(why) } else { None });
    assert_eq!(why.map(String::as_str), Some("alarm 4711"));
}

#[test]
fn a_plan_is_saved_with_all_that_it_was_made_from() {
    let mut state = scenario::plan(120, 40);
    press(&mut state, "S");
    let effects = press(&mut state, "W");
    let [Effect::SavePlan { name, text }] = effects.as_slice() else { panic!("{effects:?}") };
    let saved = SavedPlan::read(text).unwrap();
    assert_eq!((&saved.plan, &saved.manner), (&shown(&state).shown.plan, &shown(&state).manner));
    assert_eq!(*name, format!("storefront-{}", saved.plan.id));
    // A stale plan is not saved.
    let mut service = crate::fixture::bad_night(0).remove(0).service;
    service.places.image = pinned(scenario::WRONG, '9');
    send(
        &mut state,
        Msg::Observed {
            cluster: ClusterId::FIRST,
            seen: vec![pinnace_core::world::Observation::SomeServices(vec![service])],
        },
    );
    assert!(press(&mut state, "W").is_empty());
    assert!(state.notice.as_ref().unwrap().text.contains("incomplete or out of date"), "{:?}", state.notice);
}

#[test]
fn tasks_start_anew_by_a_key_and_by_the_tags_new_image_with_another() {
    let mut state = scenario::night(120, 40);
    press(&mut state, "down d");
    let Goal::Redeploy { scope, by, .. } = shown(&state).goal.clone() else { panic!("{:?}", shown(&state).goal) };
    assert!(matches!(scope, Scope::Service(_)) && by == RedeployImage::Same);
    found(&mut state, &pinned(PG, '1'), '1');
    assert_eq!(shown(&state).fresh, Freshness::UpToDate, "{:?}", shown(&state).shown.wants);
    assert!(shown(&state).shown.plan.units.iter().all(|unit| unit.from == unit.to));
    press(&mut state, "t");
    let Goal::Redeploy { by, .. } = shown(&state).goal.clone() else { panic!() };
    assert_eq!(by, RedeployImage::Tag);
    found(&mut state, PG, '7');
    let unit = &shown(&state).shown.plan.units[0];
    assert!(unit.to.image.contains("@sha256:7f2e"), "{}", unit.to.image);
}
