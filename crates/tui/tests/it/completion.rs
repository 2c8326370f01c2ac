//! Tests of the completions under a line of the pins: keys, effects, the list, and snapshots.

use pinnace_tui::clusters::ClusterId;
use std::collections::BTreeSet;
use std::sync::Arc;

use pinnace_core::registry::FactQuery;
use pinnace_core::registry::{Fact, FactSource, FactUpdate, LookupError, RateLimit, ResolvedImage};
use pinnace_core::registry::{VersionManifest, VersionManifestOrigin};
use pinnace_core::time::Time;
use pinnace_tui::action::KeyContext;
use pinnace_tui::msg::{Effect, Msg};
use pinnace_tui::screens::pins::completion::CompletionState;
use pinnace_tui::state::{Screen, State};

use crate::completion_states::{REPOSITORY, TAGS, digest, full, image, known, learn, manifest, refused, tags, typed};
use crate::fixture::{PG, press};
use crate::scenario::{self, pass, send, type_text};
use crate::screens::{lines_of, picture};

fn asked(effects: &[Effect]) -> BTreeSet<FactQuery> {
    let wants = effects
        .iter()
        .filter_map(|effect| if let Effect::SendQueries { wants, .. } = effect { Some(wants) } else { None });
    wants.flatten().cloned().collect()
}

fn list(state: &State) -> &CompletionState {
    match state.screens.last() {
        Some(Screen::Pins(pins)) => pins.complete.as_ref().expect("no list is open"),
        other => panic!("{other:?}"),
    }
}

fn is_open(state: &State) -> bool {
    matches!(state.screens.last(), Some(Screen::Pins(pins)) if pins.complete.is_some())
}

/// Returns the tags of the listed completions, in order.
fn picks(state: &State) -> Vec<&str> {
    let list = list(state);
    list.found.iter().map(|pick| list.text(*pick)).map(|text| text.rsplit(':').next().unwrap()).collect()
}

fn line(state: &State) -> String {
    match state.screens.last() {
        Some(Screen::Pins(pins)) => {
            let editor = &pins.text.as_ref().unwrap().editor;
            editor.lines()[editor.cursor().0].clone()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_opens_at_once_and_fills_as_answers_come() {
    let mut state = typed(120, 40, "image = \"");
    let effects = press(&mut state, "tab");
    assert_eq!(state.context(), KeyContext::Complete);
    assert_eq!(
        asked(&effects),
        [FactQuery::Tags(REPOSITORY.into())].into(),
        "the versions were asked for with the pins"
    );
    assert_eq!(picks(&state), Vec::<&str>::new());
    let screen = lines_of(&state).join("\n");
    assert!(screen.contains(&format!("{REPOSITORY} · asking …")) && screen.contains("asking ghcr.io …"), "{screen}");

    let effects = manifest(&mut state);
    let (asked_for, newer) = ("17.9-spock5.0.6-standard-2", "17.10-spock5.0.10-standard-1");
    assert_eq!(picks(&state), [asked_for, "manifest", newer], "by the version that runs, before any tag is known");
    let wanted = [FactQuery::Image(format!("{REPOSITORY}:{newer}"))].into();
    assert_eq!(asked(&effects), wanted, "what runs was asked about when the pins were opened");

    tags(&mut state, "ghcr.io/pgedge/other", "1.0 2.0");
    assert_eq!(picks(&state).len(), 3, "a late answer about another repository");
    let effects = tags(&mut state, REPOSITORY, TAGS);
    assert_eq!(
        picks(&state),
        [
            asked_for,
            "manifest",
            newer,
            "17.9-spock5.0.6-standard-1",
            "17.9-spock5.0.6-standard",
            "17.8-spock5.0.5-standard-1",
            "17",
            "17.10-spock5.0.10-debug-1",
            "18.4-spock5.0.10-standard-1",
            "18.3-spock5.0.6-standard-2",
            "16.10-spock5.0.4-standard-1",
            "latest",
            "my-custom-image",
        ]
    );
    assert_eq!(asked(&effects).len(), 7, "details of the ten lines on the screen, and of those only: {effects:?}");
    let effects = image(&mut state, "17", '2', 6);
    assert_eq!(asked(&effects), [FactQuery::ImageInfo(format!("{REPOSITORY}@{}", digest('2')))].into());
    let effects = press(&mut state, "page-down page-down");
    assert!(asked(&effects).contains(&FactQuery::Image(format!("{REPOSITORY}:latest"))), "{effects:?}");
}

#[test]
fn what_is_chosen_is_put_in() {
    let mut state = full(120, 40);
    press(&mut state, "enter");
    assert_eq!((line(&state), is_open(&state)), (format!("image = \"{PG}\""), false));
    assert_eq!(state.context(), KeyContext::Editor);
    type_text(&mut state, "x");
    assert_eq!(line(&state), format!("image = \"{PG}x\""), "the cursor is before the quote");
    press(&mut state, "ctrl-z ctrl-z ctrl-z");
    assert_eq!(line(&state), "image = \"");

    press(&mut state, "tab down tab");
    assert_eq!(line(&state), "image = \"manifest\"");
    for (start, put_in) in [
        ("image =", "image = \"manifest\""),
        ("image = ", "image = \"manifest\""),
        ("image = ''", "image = \"manifest\""),
        ("image = \"\" # why", "image = \"\" # why"),
        ("  image=\"\"", "  image=\"manifest\""),
    ] {
        press(&mut state, "ctrl-u enter up");
        type_text(&mut state, start);
        let keys = if start.ends_with("''") || start.ends_with("\"\"") { "left ctrl-space" } else { "tab" };
        press(&mut state, keys);
        if put_in.ends_with("why") {
            assert!(!is_open(&state), "not in a comment");
            let told = state.notice.clone().unwrap().text;
            assert_eq!(told, "complete: the cursor is not inside an `image = \"…\"`");
            continue;
        }
        press(&mut state, "shift-tab down enter");
        assert_eq!(line(&state), put_in, "{start}");
    }
}

#[test]
fn typing_goes_on_and_filters() {
    let mut state = full(120, 40);
    type_text(&mut state, "dbg");
    assert_eq!((picks(&state), line(&state)), (vec!["17.10-spock5.0.10-debug-1"], "image = \"dbg".to_owned()));
    press(&mut state, "backspace backspace backspace");
    assert_eq!(picks(&state)[..2], ["17.9-spock5.0.6-standard-2", "manifest"]);
    type_text(&mut state, "mani");
    assert_eq!(picks(&state), ["manifest"]);
    press(&mut state, "ctrl-w");
    type_text(&mut state, &format!("{REPOSITORY}:18"));
    assert_eq!(picks(&state)[..2], ["18.4-spock5.0.10-standard-1", "18.3-spock5.0.6-standard-2"]);
    type_text(&mut state, ".3");
    assert_eq!(picks(&state), ["18.3-spock5.0.6-standard-2"]);
    press(&mut state, "enter");
    assert_eq!(line(&state), format!("image = \"{REPOSITORY}:18.3-spock5.0.6-standard-2\""));

    press(&mut state, "tab");
    assert_eq!(picks(&state).len(), 10, "what stands there as a whole is where to start from, with all that is known");
    let chosen = list(&state).found[list(&state).index()];
    assert_eq!(list(&state).text(chosen), format!("{REPOSITORY}:18.3-spock5.0.6-standard-2"));
    press(&mut state, "up enter");
    assert_eq!(line(&state), format!("image = \"{REPOSITORY}:18.4-spock5.0.10-standard-1\""));
}

#[test]
fn it_closes_without_touching_the_text() {
    let mut state = full(120, 40);
    press(&mut state, "esc");
    assert_eq!((state.context(), line(&state).as_str()), (KeyContext::Editor, "image = \""));
    for keys in ["home", "ctrl-u", "esc esc"] {
        let mut state = full(120, 40);
        press(&mut state, keys);
        assert!(!is_open(&state), "{keys}");
    }
    let mut state = full(120, 40);
    press(&mut state, "left");
    assert!(is_open(&state), "at the start of the text it still has something to say");
}

#[test]
fn nothing_is_asked_while_somebody_types() {
    let other = "reg.example.com:5000/shop/api";
    let mut state = typed(120, 40, "image = \"");
    press(&mut state, "tab");
    let effects = type_text(&mut state, &format!("{other}:2"));
    assert_eq!(asked(&effects), BTreeSet::new(), "not for every letter of a repository");
    assert_eq!(list(&state).repository.as_deref(), Some(other));
    let effects = pass(&mut state, 400);
    assert!(asked(&effects).contains(&FactQuery::Tags(other.into())), "{effects:?}");
    tags(&mut state, REPOSITORY, TAGS);
    assert_eq!(picks(&state), Vec::<&str>::new(), "what ran is not what is typed");
    let effects = tags(&mut state, other, "2.8.0 2.8.1 1.0");
    assert_eq!(picks(&state), ["2.8.1", "2.8.0"]);
    assert_eq!(asked(&effects).len(), 2);
    assert_eq!(asked(&pass(&mut state, 60_000)), BTreeSet::new(), "each once");

    let mut state = typed(120, 40, &format!("image = \"{other}"));
    let effects = press(&mut state, "tab");
    assert!(asked(&effects).contains(&FactQuery::Tags(other.into())), "asked for as it stands: {effects:?}");
    let mut state = typed(120, 40, "image = \"ghcr.io/pgedge/pgedge-po");
    let effects = press(&mut state, "tab");
    assert!(asked(&effects).contains(&FactQuery::Tags(REPOSITORY.into())), "the beginning of what runs: {effects:?}");
}

#[test]
fn a_registry_that_refuses_says_why_and_the_manifest_is_still_there() {
    let mut state = typed(80, 24, "image = \"");
    press(&mut state, "tab");
    manifest(&mut state);
    for (why, told) in [
        (LookupError::Denied, "ghcr.io refuses the credentials used here"),
        (LookupError::NoCredentials, "ghcr.io requires a login, and pinnace has none"),
        (LookupError::Unreachable("connection refused".into()), "ghcr.io cannot be reached: connection refused"),
        (LookupError::NotFound, "ghcr.io has no repository `pgedge/pgedge-postgres`"),
        (LookupError::RateLimited, "ghcr.io accepts no more requests for now"),
        (LookupError::Other("HTTP 405\u{1b}[2J".into()), "ghcr.io does not list the tags: HTTP 405"),
    ] {
        refused(&mut state, REPOSITORY, why);
        let screen = lines_of(&state).join("\n");
        assert!(screen.contains(told) && screen.contains("hint: "), "{told}\n{screen}");
        assert_eq!(picks(&state).len(), 3);
    }
    press(&mut state, "esc");
    let effects = press(&mut state, "tab");
    assert!(asked(&effects).contains(&FactQuery::Tags(REPOSITORY.into())), "opened again it asks again: {effects:?}");
    tags(&mut state, REPOSITORY, TAGS);
    press(&mut state, "esc");
    assert_eq!(asked(&press(&mut state, "tab")), BTreeSet::new());
    press(&mut state, "esc");
    pass(&mut state, 301_000);
    let effects = press(&mut state, "tab");
    assert!(asked(&effects).contains(&FactQuery::Tags(REPOSITORY.into())), "and after a while: {effects:?}");
}

#[test]
fn the_word_tells_what_it_follows() {
    let about = |manifest: VersionManifest, state: &mut State| {
        let fact = known(state, Arc::new(manifest), FactSource::Curated);
        learn(state, FactUpdate::Versions(fact));
        lines_of(state).join("\n")
    };
    let mut state = full(200, 60);
    press(&mut state, "down");
    let Fact::Known { value, .. } = state.clusters[ClusterId::FIRST].facts.versions().clone() else { panic!() };
    let origin = VersionManifestOrigin::Cache("https://x.example/m.json".into());
    let at = Some(Time(state.now.0 - 7_200_000));
    let old = VersionManifest { origin, at, problem: Some("no answer within 10 s".into()), ..(*value).clone() };
    let screen = about(old, &mut state);
    for text in ["(https://x.example/m.json, cached on disk, 2h old;", "not renewed: no answer within 10 s"] {
        assert!(screen.contains(text), "{text}\n{screen}");
    }
    let fact =
        Fact::Failed { why: LookupError::Other("m.json: unsupported schema_version 2 (want 1)".into()), at: state.now };
    learn(&mut state, FactUpdate::Versions(fact));
    let screen = lines_of(&state).join("\n");
    assert!(screen.contains("no version manifest: m.json: unsupported schema_version 2 (want 1)"), "{screen}");
    assert!(!picks(&state).contains(&"manifest") && picks(&state).len() > 5, "the tags are there all the same");
}

#[test]
fn a_registry_that_counts_is_asked_about_the_chosen_one_only() {
    let mut state = typed(120, 40, "image = \"");
    press(&mut state, "tab");
    let allowance = Some(RateLimit { limit: 100, remaining: 20, window: None });
    let fact =
        known(&state, ResolvedImage { allowance, ..ResolvedImage::new(digest('7'), None) }, FactSource::Registry);
    learn(&mut state, FactUpdate::Image(format!("{REPOSITORY}:other"), fact));
    let effects = tags(&mut state, REPOSITORY, TAGS);
    // The running images were queried when the pins were opened.
    assert!(asked(&effects).len() <= 1, "{effects:?}");
    let more: Vec<usize> = (0..3).map(|_| asked(&press(&mut state, "down")).len()).collect();
    assert!(more.iter().all(|count| *count <= 1) && more.contains(&1), "{more:?}");
}

#[test]
fn the_choice_stays_while_the_list_moves() {
    let mut state = typed(120, 40, "image = \"");
    press(&mut state, "tab");
    tags(&mut state, REPOSITORY, TAGS);
    press(&mut state, "down down down");
    let chosen = |state: &State| {
        let list = list(state);
        list.text(list.found[list.index()]).to_owned()
    };
    let before = chosen(&state);
    manifest(&mut state);
    assert_eq!(chosen(&state), before);
    let tag = before.rsplit(':').next().unwrap().to_owned();
    image(&mut state, &tag, '1', 3);
    image(&mut state, "17.9-spock5.0.6-standard-2", '1', 3);
    assert_eq!(chosen(&state), PG, "known to be the manifest's image by now: {before}");
}

#[test]
fn a_stack_is_completed_by_its_service_and_not_by_the_whole() {
    let mut state = scenario::night(120, 40);
    state.fleet.cursor = Some(pinnace_tui::screens::fleet::rows::FleetRowId::Service("shop_api-id".into()));
    press(&mut state, "p");
    let group = pinnace_core::swarm::GroupKey::parse("stack/shop").unwrap();
    send(&mut state, Msg::Draft { cluster: ClusterId::FIRST, group, text: None, at: None });
    press(&mut state, "ctrl-u enter up");
    type_text(&mut state, "image = \"");
    let effects = press(&mut state, "tab");
    assert!(asked(&effects).contains(&FactQuery::Tags("reg.example.com:5000/shop/api".into())), "{effects:?}");
    tags(&mut state, "reg.example.com:5000/shop/api", "2.7.9 2.8.0 2.8.1");
    manifest(&mut state);
    assert_eq!(picks(&state), ["2.8.1", "2.8.0", "2.7.9"], "the manifest says nothing of it");
    press(&mut state, "esc ctrl-home enter up");
    type_text(&mut state, "image = \"");
    press(&mut state, "tab");
    assert_eq!(list(&state).repository, None);
    let screen = lines_of(&state).join("\n");
    assert!(screen.contains("this line names no repository, and no service runs one"), "{screen}");
}

#[test]
fn ten_thousand_tags_are_no_matter() {
    let mut state = typed(120, 40, "image = \"");
    press(&mut state, "tab");
    let many: Vec<String> = (0..10_000).map(|nth| format!("17.{}-spock5.0.{nth}-standard-1", nth % 40)).collect();
    tags(&mut state, REPOSITORY, &many.join(" "));
    type_text(&mut state, "17.39-spock5.0.9999");
    assert_eq!(picks(&state)[0], "17.39-spock5.0.9999-standard-1");
}

#[test]
fn screens() {
    for (width, height) in [(80, 24), (120, 40)] {
        let mut state = full(width, height);
        press(&mut state, "down down");
        insta::assert_snapshot!(format!("complete_{width}x{height}"), picture(&state));
        type_text(&mut state, "dbg");
        insta::assert_snapshot!(format!("complete_filtered_{width}x{height}"), picture(&state));
        press(&mut state, "ctrl-w");
        type_text(&mut state, "reg.example.com:5000/shop/api:");
        pass(&mut state, 400);
        refused(&mut state, "reg.example.com:5000/shop/api", LookupError::NoCredentials);
        insta::assert_snapshot!(format!("complete_refused_{width}x{height}"), picture(&state));
    }
    for (width, height) in [(40, 10), (41, 12), (60, 15), (99, 29), (200, 60)] {
        lines_of(&full(width, height));
    }
    let mut state = full(80, 24);
    state.config.settings.ascii = true;
    let screen = lines_of(&state).join("\n");
    assert!(screen.contains("+ ") && !screen.contains('┌'), "{screen}");
}
