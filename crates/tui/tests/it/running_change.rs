//! Tests of keys and effects, from pins to a plan and a change, with the answers to its questions.

use pinnace_tui::clusters::ClusterId;
use std::collections::BTreeSet;

use pinnace_core::change::{ChangeEventKind, OnFailure, OperatorCommand};
use pinnace_core::finding::Code;
use pinnace_core::journal::ChangeState;
use pinnace_core::plan::{Goal, RollbackChoice, Scope};
use pinnace_core::registry::FactQuery;
use pinnace_core::swarm::GroupKey;
use pinnace_core::world::Observation;
use pinnace_tui::action::KeyContext;
use pinnace_tui::msg::{Effect, Msg};
use pinnace_tui::screens::change::state::{ChangeStage, StopRequest};
use pinnace_tui::screens::plan::state::Freshness;
use pinnace_tui::state::{Screen, State};
use pinnace_tui::update::{TickRate, pace};

use crate::fixture::{PG, bad_night, change, pinned, press};
use crate::scenario::{self, CHANGE, GOOD, WRONG, event, found, missing, pass, pin, send, type_text};

fn group() -> GroupKey {
    GroupKey::parse("database/storefront").unwrap()
}

fn asked(effects: &[Effect]) -> BTreeSet<FactQuery> {
    let wants = effects
        .iter()
        .filter_map(|effect| if let Effect::SendQueries { wants, .. } = effect { Some(wants) } else { None });
    wants.flatten().cloned().collect()
}

fn orders(effects: &[Effect]) -> Vec<OperatorCommand> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::OperatorCommand { order, .. } = effect { Some(*order) } else { None })
        .collect()
}

fn text(state: &State) -> String {
    match state.screens.last() {
        Some(Screen::Pins(pins)) => pins.text.as_ref().unwrap().editor.text(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pins_open_on_the_member_ready_to_type() {
    let mut state = scenario::night(120, 40);
    let effects = press(&mut state, "p");
    assert!(effects.contains(&Effect::LoadDraft { cluster: ClusterId::FIRST, group: group() }), "{effects:?}");
    scenario::no_draft(&mut state);
    assert_eq!(state.context(), KeyContext::Editor);
    let Some(Screen::Pins(pins)) = state.screens.last() else { panic!() };
    let read = pins.text.as_ref().unwrap();
    let (line, _) = read.editor.cursor();
    assert!(read.editor.lines()[line - 1].starts_with("[node.n1]"), "{:?}", read.editor.lines());
    press(&mut state, "q");
    assert!(text(&state).contains("q# image"), "a key is a letter here");
}

#[test]
fn nothing_is_asked_or_kept_while_somebody_types() {
    let mut state = scenario::pins(120, 40);
    press(&mut state, "ctrl-u");
    let typed = type_text(&mut state, &format!("image = \"{WRONG}\""));
    let wants = |effects: &[Effect]| asked(effects).contains(&FactQuery::Image(WRONG.into()));
    assert!(!wants(&typed) && pace(&state) == TickRate::Quiet);
    assert!(!wants(&pass(&mut state, 150)));
    let quiet = pass(&mut state, 150);
    assert!(wants(&quiet), "{quiet:?}");
    let kept = quiet.iter().any(|effect| matches!(effect, Effect::SaveDraft { text, .. } if text.contains(WRONG)));
    assert!(kept && pace(&state) == TickRate::Minutes);
    press(&mut state, "ctrl-z");
    pass(&mut state, 400);
    let undone: Vec<_> = std::iter::repeat_with(|| press(&mut state, "ctrl-z")).take(100).flatten().collect();
    assert!(undone.is_empty() || !undone.contains(&Effect::Quit));
    let dropped = pass(&mut state, 400);
    assert!(dropped.contains(&Effect::DropDraft { cluster: ClusterId::FIRST, group: group() }), "{dropped:?}");
}

#[test]
fn a_late_answer_for_a_text_that_has_changed_is_on_no_other_line() {
    let mut state = scenario::pins(120, 40);
    pin(&mut state, WRONG);
    press(&mut state, "left backspace");
    type_text(&mut state, "3");
    let changed = text(&state);
    assert!(!changed.contains(&format!("{WRONG}\"")), "{changed}");
    missing(&mut state, WRONG);
    let found = |state: &State| match state.screens.last() {
        Some(Screen::Pins(pins)) => {
            let placed = &pins.text.as_ref().unwrap().placed;
            placed.iter().filter(|placed| placed.finding.is(Code::NotFound)).count()
        }
        _ => 0,
    };
    assert_eq!(found(&state), 0, "the answer is about a reference that stands nowhere");
    press(&mut state, "backspace");
    type_text(&mut state, "2");
    assert_eq!(found(&state), 1, "and it is known at once when it stands there again");
}

#[test]
fn a_kept_draft_wins_and_says_so() {
    let mut state = scenario::night(120, 40);
    press(&mut state, "p");
    let draft = format!("[node.n1]\nimage = \"{GOOD}\"\n");
    send(
        &mut state,
        Msg::Draft {
            cluster: ClusterId::FIRST,
            group: group(),
            text: Some(draft.clone()),
            at: Some(crate::fixture::NOW),
        },
    );
    assert_eq!(text(&state), draft);
    let screen = crate::screens::lines_of(&state).join("\n");
    assert!(
        screen.contains("draft, not applied") && screen.contains("opened from the draft of 2026-11-20"),
        "{screen}"
    );
    let effects = press(&mut state, "esc r");
    assert!(effects.contains(&Effect::DropDraft { cluster: ClusterId::FIRST, group: group() }), "{effects:?}");
    assert!(text(&state).starts_with("# Image pins"));
}

#[test]
fn pins_become_a_plan_a_change_and_are_in_force() {
    let mut state = scenario::plan(120, 40);
    let Some(Screen::Plan(plan)) = state.screens.last() else { panic!() };
    assert_eq!(plan.fresh, Freshness::UpToDate);
    let shown = plan.shown.plan.clone();
    assert_eq!(shown.active().count(), 1);
    let copied = press(&mut state, "y");
    let line = format!("docker service update --image {} storefront-n1-host-2", pinned(PG, '1'));
    assert!(copied.contains(&Effect::Copy(line)), "{copied:?}");
    let effects = press(&mut state, "a");
    let applied = effects.iter().find_map(|effect| match effect {
        Effect::Apply { cluster: ClusterId::FIRST, plan, mode, .. } => Some((plan.clone(), *mode)),
        _ => None,
    });
    let (plan, mode) = applied.unwrap();
    assert_eq!((*plan, mode.on_failure, mode.asks), (shown.clone(), OnFailure::RollBackUnit, true));
    assert_eq!((state.screens.len(), state.context()), (1, KeyContext::Change));
    send(&mut state, Msg::ChangeStarted { cluster: ClusterId::FIRST, plan: shown.id, change: CHANGE.into() });
    assert_eq!(
        state.clusters[ClusterId::FIRST].local_changes[0].stage,
        ChangeStage::Running { change: CHANGE.into(), stop: StopRequest::No }
    );
    assert_eq!(pace(&state), TickRate::Seconds);
    let done = event(&mut state, ChangeEventKind::Ended { state: ChangeState::Done, text: String::new() });
    assert!(done.contains(&Effect::DropDraft { cluster: ClusterId::FIRST, group: group() }), "{done:?}");
}

#[test]
fn it_asks_after_a_failure_and_goes_on_by_two_keys() {
    let mut state = scenario::asking(120, 40);
    assert_eq!(orders(&press(&mut state, "C")), []);
    assert_eq!(state.context(), KeyContext::Ask);
    assert_eq!(orders(&press(&mut state, "esc")), []);
    assert_eq!(orders(&press(&mut state, "C C")), [OperatorCommand::Continue]);
    let mut state = scenario::asking(120, 40);
    assert_eq!(orders(&press(&mut state, "R")), [OperatorCommand::RollBack]);
    let mut state = scenario::asking(120, 40);
    assert_eq!(orders(&press(&mut state, "L")), [OperatorCommand::KeepAsIs]);
}

#[test]
fn stopping_takes_one_key_and_giving_up_two() {
    let mut state = scenario::working(120, 40);
    assert_eq!(orders(&press(&mut state, "C L")), [], "it did not ask");
    assert_eq!(orders(&press(&mut state, "x")), [OperatorCommand::Stop]);
    assert_eq!(orders(&press(&mut state, "x")), [OperatorCommand::Detach]);
    assert_eq!(orders(&press(&mut state, "x")), []);
}

#[test]
fn a_change_given_up_is_offered_again_as_the_journal_has_it() {
    let mut state = scenario::left(120, 40);
    let effects = press(&mut state, "C C");
    let resumed = effects.iter().find_map(|effect| match effect {
        Effect::Resume { change, plan, .. } => Some((change.clone(), plan.clone())),
        _ => None,
    });
    let (change, plan) = resumed.unwrap();
    send(&mut state, Msg::ChangeStarted { cluster: ClusterId::FIRST, plan, change: change.clone() });
    assert_eq!(orders(&press(&mut state, "x x")), [OperatorCommand::Stop, OperatorCommand::Detach]);
    send(&mut state, Msg::ChangeEnded { cluster: ClusterId::FIRST, change, text: "given up".into() });
    let screen = crate::screens::lines_of(&state).join("\n");
    assert!(screen.contains("Detached by") && screen.contains("in doubt"), "{screen}");
    assert!(press(&mut state, "L enter").iter().any(|effect| matches!(effect, Effect::Resume { .. })));
}

#[test]
fn a_change_goes_on_without_its_screen_and_is_found_again() {
    let mut state = scenario::working(120, 40);
    press(&mut state, "esc");
    let header = crate::screens::lines_of(&state)[0].clone();
    assert!(header.contains("1 change running"), "{header}");
    assert!(!press(&mut state, "q").contains(&Effect::Quit));
    assert_eq!(state.context(), KeyContext::Ask);
    press(&mut state, "esc h");
    assert_eq!(state.context(), KeyContext::Change);
}

#[test]
fn a_question_goes_when_the_change_ends_that_it_is_about() {
    let mut state = scenario::working(120, 40);
    assert!(!press(&mut state, "q").contains(&Effect::Quit));
    assert_eq!(state.context(), KeyContext::Ask);
    event(&mut state, ChangeEventKind::Ended { state: ChangeState::Done, text: String::new() });
    assert_eq!(state.context(), KeyContext::Change, "it is over: nothing would be left");
    assert!(press(&mut state, "q").contains(&Effect::Quit));
}

#[test]
fn an_outcome_is_told_once_and_only_where_it_was_not_seen() {
    let end = ChangeEventKind::Ended { state: ChangeState::Done, text: String::new() };
    let over = |state: &mut State| {
        send(state, Msg::ChangeEnded { cluster: ClusterId::FIRST, change: CHANGE.into(), text: "done".into() });
        state.notice.as_ref().map(|notice| notice.text.clone())
    };
    let mut state = scenario::working(120, 40);
    event(&mut state, end.clone());
    press(&mut state, "esc");
    assert_eq!(over(&mut state), None, "it was on the screen");
    let mut state = scenario::working(120, 40);
    press(&mut state, "esc");
    event(&mut state, end);
    assert_eq!(state.notice.as_ref().unwrap().text, "the change of storefront ended: done");
    press(&mut state, "j");
    assert_eq!(over(&mut state), None, "once");
}

#[test]
fn a_change_left_open_is_offered_by_images_and_taken_over() {
    let mut state = scenario::left(120, 40);
    let screen = crate::screens::lines_of(&state).join("\n");
    assert!(screen.contains("bring n1 on mgr-2, n2 on mgr-2 to 18.3-spock5.0.6-standard-2@2f2e"), "{screen}");
    let effects = press(&mut state, "R enter");
    let resumed = effects.iter().find_map(|effect| match effect {
        Effect::Resume { change, order, plan, .. } => Some((change.clone(), *order, plan.clone())),
        _ => None,
    });
    let (_, order, plan) = resumed.unwrap();
    assert_eq!(order, OperatorCommand::RollBack);
    assert_eq!(
        state.clusters[ClusterId::FIRST].local_changes[0].stage,
        ChangeStage::TakingOver { change: "0199aa01-78351f60".into() }
    );
    send(
        &mut state,
        Msg::ChangeRefused { cluster: ClusterId::FIRST, plan, why: "somebody was first".into(), hint: "look".into() },
    );
    assert!(state.notice.as_ref().unwrap().text.contains("somebody was first"), "{:?}", state.notice);
    let again = press(&mut state, "R enter");
    assert!(again.iter().any(|effect| matches!(effect, Effect::Resume { .. })), "it may be taken over later");
}

#[test]
fn a_plan_that_is_not_equal_to_what_is_live_is_refused_until_planned_again() {
    let mut state = scenario::plan(120, 40);
    let Some(Screen::Plan(plan)) = state.screens.last() else { panic!() };
    let before = plan.shown.clone();
    let mut service = bad_night(0).remove(0).service;
    service.places.image = pinned(WRONG, '9');
    send(&mut state, Msg::Observed { cluster: ClusterId::FIRST, seen: vec![Observation::SomeServices(vec![service])] });
    let Some(Screen::Plan(plan)) = state.screens.last() else { panic!() };
    assert_eq!(plan.shown, before, "the plan on screen never changes by itself");
    assert_eq!(plan.fresh, Freshness::Stale("storefront-n1-host-2 runs 18.3-spock5.0.6-standard-2 now".into()));
    let effects = press(&mut state, "a");
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Apply { .. })));
    press(&mut state, "ctrl-r");
    found(&mut state, GOOD, '1');
    let effects = press(&mut state, "a");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Apply { .. })), "{:?}", state.notice);
}

#[test]
fn rollback_asks_for_what_the_cursor_is_on() {
    let goal = |state: &State| match state.screens.last() {
        Some(Screen::Plan(plan)) => plan.goal.clone(),
        other => panic!("{other:?}"),
    };
    let mut state = scenario::night(120, 40);
    press(&mut state, "R");
    let scope = Scope::Service("storefront-n1-host-2".into());
    assert_eq!(goal(&state), Goal::Back { group: group(), scope, to: None });
    press(&mut state, "esc left R");
    assert_eq!(goal(&state), Goal::Back { group: group(), scope: Scope::Group, to: None });
    let mut state = scenario::night(120, 40);
    let new = pinned(PG, '1');
    let units = [("storefront-n1-host-2", "n1", new.as_str(), WRONG)];
    let seen = change("database/storefront", 1, ChangeState::Done, 1, &units);
    send(&mut state, Msg::Observed { cluster: ClusterId::FIRST, seen });
    press(&mut state, "h R");
    assert!(matches!(goal(&state), Goal::Back { scope: Scope::Group, to: Some(RollbackChoice::Change(_)), .. }));
}

#[test]
fn a_protected_cluster_asks_twice_and_a_read_only_one_not_at_all() {
    use pinnace_tui::state::WriteProtection;
    let mut state = scenario::plan(120, 40);
    state.clusters[ClusterId::FIRST].guard = WriteProtection::Protected;
    let applied = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::Apply { .. }));
    assert!(!applied(&press(&mut state, "a")));
    assert!(applied(&press(&mut state, "enter")));
    let mut state = scenario::plan(120, 40);
    state.clusters[ClusterId::FIRST].guard = WriteProtection::ReadOnly;
    assert!(!applied(&press(&mut state, "a")));
    assert_eq!(state.notice.unwrap().text, "apply: this cluster is read-only here");
}

/// Returns the copied permanent fix, and the notice about it.
fn copied_fix(state: &mut State) -> Option<(serde_json::Value, String)> {
    let effects = press(state, "Y");
    let copied = effects.iter().find_map(|effect| if let Effect::Copy(text) = effect { Some(text) } else { None });
    let said = state.notice.as_ref().unwrap().text.clone();
    copied.map(|text| (serde_json::from_str(text).unwrap(), said))
}

#[test]
fn the_permanent_fix_is_copied_wherever_it_is_to_be_had() {
    let mut state = scenario::night(120, 40);
    assert_eq!(copied_fix(&mut state), None);
    assert_eq!(
        state.notice.as_ref().unwrap().text,
        "permanent fix: no image is pinned here: nothing to make permanent"
    );
    // The edited pins, a plan, and the change that applies it.
    let mut state = scenario::pins(120, 40);
    pin(&mut state, GOOD);
    found(&mut state, GOOD, '1');
    press(&mut state, "esc");
    let image = serde_json::json!({ "swarm": { "image": pinned(PG, '1') } });
    let wanted = serde_json::json!({ "postgres_version": "17.9", "spock_version": "5",
        "nodes": [{ "name": "n1", "orchestrator_opts": image }] });
    let said = "sent to the terminal's clipboard: the permanent fix for pgEdge's API: n1".to_owned();
    assert_eq!(copied_fix(&mut state), Some((wanted.clone(), said.clone())));
    assert!(state.notice.as_ref().unwrap().hint.contains("replace all of the database's"), "{:?}", state.notice);
    for tell in [scenario::plan, scenario::working, scenario::done] {
        let mut state = tell(120, 40);
        assert_eq!(copied_fix(&mut state), Some((wanted.clone(), said.clone())));
    }
    // A failed change has nothing to make permanent.
    let mut state = scenario::asking(120, 40);
    event(&mut state, ChangeEventKind::Ended { state: ChangeState::Failed, text: String::new() });
    assert_eq!(copied_fix(&mut state), None);
    // Later, on the fleet screen, the fix is for the pins in force.
    let mut state = scenario::night(120, 40);
    let units = [("storefront-n1-host-2", "n1", WRONG, GOOD)];
    let mut seen = change("database/storefront", 1, ChangeState::Done, 1, &units);
    for one in &mut seen {
        if let Observation::Record { record: Some(record), .. } = one {
            record.plan.pins_after = Some(format!("[node.n1]\nimage = \"{}\"\n", pinned(PG, '1')));
        }
    }
    send(&mut state, Msg::Observed { cluster: ClusterId::FIRST, seen });
    assert_eq!(copied_fix(&mut state), Some((wanted, said)));
}

/// A database's spec in the format of pgEdge's API.
const SPEC: &str = "{\r\n  \"id\": \"storefront\", \"spec\": { \"database_users\": [{ \"password\": \"hunter2\" }],\r
  \"postgres_version\": \"17.9\", \"spock_version\": \"5\", \"nodes\": [{ \"name\": \"n1\" },\r
  { \"name\": \"n2\", \"orchestrator_opts\": { \"swarm\": { \"extra_labels\": {} } } }],\r
  \"orchestrator_opts\": { \"swarm\": { \"image\": \"ghcr.io/pgedge/pgedge-postgres:my-custom-image\" } } } }";

#[test]
fn a_pasted_spec_becomes_the_pins_and_its_passwords_are_kept_nowhere() {
    let mut state = scenario::pins(120, 40);
    let before = text(&state);
    let mut effects = send(&mut state, Msg::Paste(SPEC.into()));
    let wanted = "# Image pins of database \"storefront\", imported from pgEdge's spec.\npostgres_version = \"17.9\"\nspock_version = \"5\"\nimage = \"ghcr.io/pgedge/pgedge-postgres:my-custom-image\"\n\n[node.n2]\nimage = \"manifest\"\n";
    assert_eq!(text(&state), wanted);
    let notice = state.notice.clone().unwrap();
    assert_eq!(notice.text, "imported from pgEdge's spec: the images of the database, n2, and versions");
    assert_eq!(notice.hint, "press ctrl-z twice to undo it; press m for 2 findings");
    let told: Vec<_> = state.messages.iter().map(|notice| notice.text.as_str()).collect();
    assert!(
        told.iter().any(|text| text.contains("not imported, because pins only set images: database_users")),
        "{told:?}"
    );
    assert!(told.iter().any(|text| text.contains("orchestrator_opts of n2 name no image")), "{told:?}");
    effects.extend(pass(&mut state, 400));
    assert!(
        effects.contains(&Effect::SaveDraft { cluster: ClusterId::FIRST, group: group(), text: wanted.into() }),
        "{effects:?}"
    );
    assert!(!format!("{effects:?}{:?}", state.messages).contains("hunter2"));
    press(&mut state, "ctrl-z ctrl-z");
    assert_eq!(text(&state), before);
    // Text that is no spec is not inserted, so none of it gets into a draft.
    for pasted in ["{ \"password\": \"hunter2\" }", "{ \"nodes\": [ \"hunter2\""] {
        let effects = send(&mut state, Msg::Paste(pasted.into()));
        assert!(!format!("{effects:?}").contains("hunter2") && text(&state) == before, "{effects:?}");
        assert!(state.notice.as_ref().unwrap().text.starts_with("not pasted: it is not "), "{:?}", state.notice);
    }
    send(&mut state, Msg::Paste("{ not json".into()));
    assert!(text(&state).contains("{ not json"), "any other text is put in");
}

#[test]
fn a_second_plan_of_a_tag_asks_registry_and_engine_again() {
    let mut state = scenario::plan(120, 40);
    // Queries that were sent are marked as asked; the next plan must send them nevertheless.
    for _ in 0..2 {
        press(&mut state, "esc");
        pass(&mut state, 61_000);
        let mut wants = asked(&press(&mut state, "P"));
        wants.extend(asked(&found(&mut state, GOOD, '1')));
        for want in [FactQuery::Image(GOOD.into()), FactQuery::Engine(GOOD.into())] {
            assert!(wants.contains(&want), "{want:?} in {wants:?}");
        }
    }
    let Some(Screen::Plan(plan)) = state.screens.last() else { panic!() };
    assert_eq!(plan.fresh, Freshness::UpToDate);
}
