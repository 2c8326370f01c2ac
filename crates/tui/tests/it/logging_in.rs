//! Tests of a login to a registry from the console: the form, its effects, and the secrecy of the password.

use pinnace_tui::clusters::ClusterId;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use pinnace_core::redacted::Redacted;
use pinnace_core::registry::FactQuery;
use pinnace_core::registry::{Fact, FactUpdate, LookupError};
use pinnace_tui::action::KeyContext;
use pinnace_tui::dialogs::login::state::LoginField;
use pinnace_tui::dialogs::state::Dialog;
use pinnace_tui::msg::{Effect, Msg};
use pinnace_tui::state::{Screen, State};

use crate::fixture::press;
use crate::scenario::{self, send, type_text};
use crate::screens::{lines_of, picture};

const SECRET: &str = "Zx9~qwV#2p";
const IMAGE: &str = "reg.example.com:5000/shop/api:9.9.9";

fn asked(effects: &[Effect]) -> BTreeSet<FactQuery> {
    let wants = effects
        .iter()
        .filter_map(|effect| if let Effect::SendQueries { wants, .. } = effect { Some(wants) } else { None });
    wants.flatten().cloned().collect()
}

fn refuse(state: &mut State, reference: &str, why: LookupError) -> Vec<Effect> {
    let fact = Fact::Failed { why, at: state.now };
    send(state, Msg::QueryAnswered { cluster: ClusterId::FIRST, learned: FactUpdate::Image(reference.into(), fact) })
}

fn form(state: &State) -> (&str, &str, LoginField) {
    match &state.modal {
        Some(Dialog::Login(form)) => (form.host.text(), form.user.text(), form.field),
        other => panic!("{other:?}"),
    }
}

/// The pins with an image that a registry refuses, and the cursor outside of the text.
fn denied(width: u16, height: u16) -> State {
    let mut state = scenario::pins(width, height);
    scenario::pin(&mut state, IMAGE);
    refuse(&mut state, IMAGE, LookupError::NoCredentials);
    press(&mut state, "esc");
    state
}

#[test]
fn the_registry_it_is_about_is_there_already() {
    let mut state = scenario::night(120, 40);
    let footer = |state: &State| lines_of(state).pop().unwrap();
    assert!(!footer(&state).contains("log in"), "nothing is refused: {}", footer(&state));
    press(&mut state, "L");
    assert_eq!(form(&state), ("ghcr.io", "", LoginField::User), "of the row under the cursor");
    press(&mut state, "esc");
    assert!(state.modal.is_none());

    let mut state = denied(120, 40);
    assert!(footer(&state).contains("L log in"), "{}", footer(&state));
    press(&mut state, "L");
    assert_eq!((form(&state).0, state.context()), ("reg.example.com:5000", KeyContext::Prompt));
    press(&mut state, "esc P L");
    assert_eq!(form(&state).0, "reg.example.com:5000", "of the plan");
    let mut state = denied(120, 40);
    press(&mut state, "esc esc L");
    assert_eq!(form(&state).0, "reg.example.com:5000", "the one that refuses, not the one of the row");
    press(&mut state, "esc tab tab L");
    assert_eq!(form(&state).0, "reg.example.com:5000");

    let mut change = scenario::working(120, 40);
    press(&mut change, "L");
    assert!(!matches!(change.modal, Some(Dialog::Login(_))), "there it leaves the change");
}

#[test]
fn the_form_is_filled_and_taken() {
    let mut state = denied(80, 24);
    press(&mut state, "L");
    assert_eq!(press(&mut state, "enter enter").last(), None, "not without a user and a password");
    assert_eq!(form(&state).2, LoginField::User);
    assert!(lines_of(&state).join("\n").contains("the user is missing"));
    type_text(&mut state, "opsx");
    press(&mut state, "backspace tab");
    assert!(!lines_of(&state).join("\n").contains("is missing"), "what was wrong is gone once it is mended");
    type_text(&mut state, SECRET);
    press(&mut state, "up up tab tab tab");
    assert_eq!(form(&state).2, LoginField::Password, "the lines have an end");
    press(&mut state, "shift-tab shift-tab ctrl-u");
    type_text(&mut state, "nowhere");
    press(&mut state, "tab tab enter");
    assert_eq!(form(&state).2, LoginField::Host, "the line that is not right");
    press(&mut state, "ctrl-u");
    send(&mut state, Msg::Paste("https://reg.example.com:5000/v2/\n".into()));
    let effects = press(&mut state, "enter enter enter");
    let wanted = Effect::Login {
        cluster: ClusterId::FIRST,
        host: "reg.example.com:5000".into(),
        user: "ops".into(),
        password: Redacted::new(SECRET),
    };
    assert!(effects.contains(&wanted) && state.modal.is_none(), "{effects:?}");
}

#[test]
fn what_was_refused_is_asked_for_again() {
    let mut state = denied(120, 40);
    refuse(&mut state, "reg.example.com:5000/shop/api:8", LookupError::NotFound);
    refuse(&mut state, "ghcr.io/x/y:1", LookupError::Denied);
    let effects = send(
        &mut state,
        Msg::LoggedIn { cluster: ClusterId::FIRST, host: "reg.example.com:5000".into(), user: "ops".into() },
    );
    assert_eq!(asked(&effects), [FactQuery::Image(IMAGE.into())].into(), "what the screen goes by");
    let facts = &state.clusters[ClusterId::FIRST].facts;
    assert_eq!(facts.image("reg.example.com:5000/shop/api:8"), &Fact::Unknown, "it may only have been hidden");
    assert!(facts.image("ghcr.io/x/y:1").failed().is_some(), "another registry's answer stands");
    let told = state.notice.clone().unwrap();
    assert_eq!(told.text, "reg.example.com:5000 is used as ops until this console ends");
    assert_eq!(facts.refused().collect::<Vec<_>>(), ["ghcr.io/x/y:1"]);

    let mut state = denied(120, 40);
    press(&mut state, "P");
    let msg = Msg::LoggedIn { cluster: ClusterId::FIRST, host: "reg.example.com:5000".into(), user: "ops".into() };
    assert!(asked(&send(&mut state, msg)).contains(&FactQuery::Image(IMAGE.into())), "for the plan as well");
    let Some(Screen::Plan(plan)) = state.screens.last() else { panic!() };
    assert!(!plan.queries().is_empty(), "it is made anew");
}

#[test]
fn nobody_sees_the_password() {
    let mut state = denied(80, 24);
    let mut said = String::new();
    let mut look = |state: &State, effects: &[Effect]| {
        write!(said, "{state:?}{effects:?}{}", lines_of(state).join("\n")).unwrap();
    };
    let effects = press(&mut state, "L");
    look(&state, &effects);
    type_text(&mut state, "ops");
    press(&mut state, "tab");
    for c in SECRET.chars() {
        let effects = type_text(&mut state, &c.to_string());
        look(&state, &effects);
    }
    press(&mut state, "ctrl-u");
    let effects = send(&mut state, Msg::Paste(SECRET.into()));
    look(&state, &effects);
    press(&mut state, "left left");
    look(&state, &[]);
    let effects = press(&mut state, "enter");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Login { .. })), "{effects:?}");
    look(&state, &effects);
    let msg = Msg::LoggedIn { cluster: ClusterId::FIRST, host: "reg.example.com:5000".into(), user: "ops".into() };
    let effects = send(&mut state, msg);
    look(&state, &effects);
    press(&mut state, "m");
    look(&state, &[]);
    for length in 3..=SECRET.len() {
        assert!(!said.contains(&SECRET[..length]), "{}", &SECRET[..length]);
    }
    assert!(said.contains("***") && said.contains("••••••••••"));
}

#[test]
fn screens() {
    for (width, height) in [(80, 24), (120, 40)] {
        let mut state = denied(width, height);
        press(&mut state, "L");
        type_text(&mut state, "ops");
        press(&mut state, "tab");
        type_text(&mut state, SECRET);
        insta::assert_snapshot!(format!("login_{width}x{height}"), picture(&state));
    }
    let mut state = denied(40, 10);
    press(&mut state, "L");
    type_text(&mut state, &"long".repeat(30));
    lines_of(&state);
}
