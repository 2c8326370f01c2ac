//! Tests of keys: keys in, effects and state out.

use pinnace_core::registry::FactQuery;
use pinnace_core::time::Time;
use pinnace_core::world::{ConnectionState, Observation};
use pinnace_tui::action::KeyContext;
use pinnace_tui::clusters::ClusterId;
use pinnace_tui::dialogs::state::Dialog;
use pinnace_tui::dialogs::state::TextDialog;
use pinnace_tui::msg::{ArrivedMsg, Effect, Msg};
use pinnace_tui::screens::fleet::rows::{FleetRow, FleetRowId};
use pinnace_tui::screens::fleet::state::FleetPane;
use pinnace_tui::screens::service::state::ServiceTab;
use pinnace_tui::state::{Screen, State};
use pinnace_tui::update::update;

use crate::fixture::{self, NOW, console, press};
use crate::screens::lines_of;

fn night() -> State {
    let mut seen = fixture::seen(fixture::bad_night(31), fixture::six_nodes(), Vec::new());
    seen.extend(fixture::history());
    console(120, 40, seen)
}

fn chosen(state: &State) -> String {
    match state.row().map(FleetRow::id) {
        Some(FleetRowId::Service(id)) => id.trim_end_matches("-id").to_owned(),
        Some(FleetRowId::Group(group)) => group.to_string(),
        other => format!("{other:?}"),
    }
}

fn services(state: &State) -> Vec<&str> {
    state.fleet.rows.iter().filter_map(FleetRow::service).map(|row| row.name.as_str()).collect()
}

#[test]
fn it_opens_on_the_first_trouble() {
    assert_eq!(chosen(&night()), "queue");
}

#[test]
fn a_filter_works_as_it_is_typed_and_enter_keeps_it() {
    let mut state = night();
    press(&mut state, "/ w e b");
    assert_eq!(state.context(), KeyContext::Prompt);
    assert!(services(&state).iter().all(|name| name.contains("web")), "live: {:?}", services(&state));
    press(&mut state, "enter enter");
    let Some(Screen::Service(screen)) = state.screens.last() else { panic!("{:?}", state.screens) };
    assert_eq!(screen.name, "shop_web");
    press(&mut state, "esc esc");
    assert_eq!(state.fleet.filter.typed(), "", "the first esc leaves the service, the second shows all again");
}

#[test]
fn esc_takes_back_what_was_typed_into_the_filter() {
    let mut state = night();
    press(&mut state, "/ s h o p enter / x y z esc");
    assert_eq!((state.fleet.filter.typed(), state.context()), ("shop", KeyContext::Fleet));
}

#[test]
fn opening_asks_a_registry_only_about_what_is_failing() {
    let mut state = night();
    let asked = |effects: &[Effect]| -> Vec<String> {
        let wants = effects.iter().filter_map(|effect| match effect {
            Effect::SendQueries { wants, .. } => Some(wants.clone()),
            _ => None,
        });
        wants.flatten().filter_map(|want| if let FactQuery::Image(image) = want { Some(image) } else { None }).collect()
    };
    let images: Vec<_> = state.clusters[ClusterId::FIRST].facts.looked_up().collect();
    assert_eq!(images, ["ghcr.io/pgedge/pgedge-postgres:my-custom-image"]);
    let after = asked(&press(&mut state, "down"));
    assert!(after.iter().any(|image| image.contains("shop/api:2.8.1")), "then what is on the screen: {after:?}");
    assert!(after.iter().all(|image| !image.contains('@')), "by tag: {after:?}");
    assert_eq!(asked(&press(&mut state, "up")), Vec::<String>::new(), "each once");
    let later = ArrivedMsg { at: Time(NOW.0 + 16 * 60_000), msg: Msg::Tick };
    let effects = update(&mut state, later);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Poll { at_keys: false, .. })), "{effects:?}");
}

#[test]
fn what_is_attended_to_is_what_is_on_the_screen() {
    let mut state = night();
    let effects = press(&mut state, "enter");
    let attend = effects.into_iter().find_map(|effect| match effect {
        Effect::Poll { in_view, at_keys: true, .. } => Some(in_view),
        _ => None,
    });
    assert_eq!(attend, Some(vec!["queue-id".to_owned()]));
}

#[test]
fn logs_are_followed_and_left() {
    let mut state = night();
    let effects = press(&mut state, "l");
    assert!(effects.contains(&Effect::FollowLogs { cluster: ClusterId::FIRST, service: "queue-id".into() }));
    let Some(Screen::Logs(logs)) = state.screens.last() else { panic!() };
    assert_eq!(logs.top, None, "it follows");
    fixture::log(&mut state, "");
    let Some(Screen::Logs(logs)) = state.screens.last() else { panic!() };
    assert!(logs.lines[1].text.starts_with("FATAL:"), "escape sequences are gone: {:?}", logs.lines[1].text);
    assert!(press(&mut state, "q").contains(&Effect::StopLogs));
    assert!(state.screens.is_empty());
}

#[test]
fn what_is_not_possible_says_why() {
    let mut state = night();
    press(&mut state, "g g down up");
    press(&mut state, "/ s h o p enter g g l");
    let notice = state.notice.clone().unwrap();
    assert_eq!(notice.text, "logs: choose a service first");
    assert_eq!(press(&mut state, "z x").iter().filter(|effect| **effect == Effect::Quit).count(), 0);
    assert_eq!(state.pending, []);
}

#[test]
fn folding_goes_to_the_parent_first() {
    let mut state = night();
    press(&mut state, "down down");
    assert_eq!(chosen(&state), "shop_api");
    press(&mut state, "left");
    assert_eq!(chosen(&state), "stack/shop");
    press(&mut state, "left");
    assert!(!services(&state).contains(&"shop_api"));
    press(&mut state, "right down");
    assert_eq!(chosen(&state), "shop_api");
}

#[test]
fn the_cursor_stays_on_its_service_whatever_moves() {
    let mut state = night();
    press(&mut state, "down down down down");
    let before = chosen(&state);
    let services = fixture::bad_night(3);
    let seen = fixture::seen(services, fixture::six_nodes(), Vec::new());
    update(&mut state, ArrivedMsg { at: NOW, msg: Msg::Observed { cluster: ClusterId::FIRST, seen } });
    assert_eq!(chosen(&state), before);
}

#[test]
fn the_cursor_stays_on_what_was_acted_on_when_it_is_well_again() {
    for (keys, name) in [("? esc", "queue"), ("n n", "storefront-n1-host-2")] {
        let mut state = night();
        press(&mut state, keys);
        assert_eq!(chosen(&state), name, "{keys}");
        let mut services = fixture::bad_night(30);
        let at = services.iter().position(|one| one.service.name == name).unwrap();
        let image = services[at].service.image().to_owned();
        let healed = fixture::One::new(name, &image, 1).up("wrk-1", 600);
        services[at] = if name == "queue" { healed } else { healed.database("storefront", "n1") };
        let seen = fixture::seen(services, fixture::six_nodes(), Vec::new());
        update(&mut state, ArrivedMsg { at: NOW, msg: Msg::Observed { cluster: ClusterId::FIRST, seen } });
        assert!(!state.row().unwrap().is_trouble());
        assert_eq!(chosen(&state), name, "{keys}");
    }
}

#[test]
fn trouble_is_gone_through_with_n() {
    let mut state = night();
    let mut seen = vec![chosen(&state)];
    for _ in 0..4 {
        press(&mut state, "n");
        seen.push(chosen(&state));
    }
    assert_eq!(
        seen,
        ["queue", "shop_api", "storefront-n1-host-2", "storefront-n1-host-1", "queue"],
        "drift comes last"
    );
}

#[test]
fn a_node_filters_by_itself() {
    let mut state = night();
    press(&mut state, "tab tab");
    assert_eq!(state.fleet.pane, FleetPane::Nodes);
    press(&mut state, "j enter");
    assert_eq!(state.fleet.filter.typed(), "node:wrk-3");
}

#[test]
fn another_cluster_is_shown_with_enter() {
    let mut state = night();
    press(&mut state, "tab down enter");
    assert_eq!((state.cluster().name.as_str(), state.fleet.pane), ("staging", FleetPane::Services));
}

#[test]
fn the_palette_runs_what_is_chosen() {
    let mut state = night();
    press(&mut state, ": h i s t");
    assert_eq!(state.context(), KeyContext::Palette);
    press(&mut state, "enter");
    assert!(matches!(state.screens.last(), Some(Screen::History(_))) && state.modal.is_none());
    press(&mut state, "enter");
    let Some(Screen::History(screen)) = state.screens.last() else { panic!() };
    assert_eq!(screen.open.len(), 1);
}

#[test]
fn a_theme_is_tried_and_taken_back() {
    let mut state = night();
    press(&mut state, "T d a y");
    assert_eq!(state.config.theme.name(), "day");
    press(&mut state, "esc");
    assert_eq!(state.config.theme.name(), "night");
    press(&mut state, "T d a y enter");
    assert_eq!((state.config.theme.name(), state.modal.is_none()), ("day", true));
}

#[test]
fn a_service_has_three_parts() {
    let mut state = night();
    press(&mut state, "enter tab");
    let tab = |state: &State| match state.screens.last() {
        Some(Screen::Service(screen)) => screen.tab,
        _ => panic!(),
    };
    assert_eq!(tab(&state), ServiceTab::Settings);
    press(&mut state, "shift-tab D");
    assert!(
        matches!(&state.modal, Some(Dialog::Detail(detail)) if detail.lines.iter().any(|line| line.contains("task")))
    );
}

#[test]
fn quitting_asks_nothing_while_nothing_is_at_work() {
    assert_eq!(press(&mut night(), "q").last(), Some(&Effect::Quit));
    assert_eq!(press(&mut night(), "/ q ctrl-c").last(), Some(&Effect::Quit), "also from a text");
}

#[test]
fn help_opens_everywhere_and_closes() {
    for keys in ["?", "enter ?", "h ?", "l ?", "f1"] {
        let mut state = night();
        press(&mut state, keys);
        assert!(matches!(state.modal, Some(Dialog::Help(_))), "{keys}");
        press(&mut state, "?");
        assert!(state.modal.is_none(), "{keys}");
    }
}

#[test]
fn a_lost_link_says_so_and_keeps_what_was_seen() {
    let mut state = night();
    let lost = ConnectionState::Lost { why: "the connection was refused".into(), hint: "is the engine up?".into() };
    let at = Time(NOW.0 + 60_000);
    update(
        &mut state,
        ArrivedMsg { at, msg: Msg::Observed { cluster: ClusterId::FIRST, seen: vec![Observation::Link(lost)] } },
    );
    let banner = pinnace_tui::banner::banner(&state).unwrap();
    assert_eq!(banner.text, "data is 1m old: the connection was refused");
    assert!(!services(&state).is_empty());
}

#[test]
fn every_command_can_be_pressed_everywhere_without_harm() {
    for screen in ["", "enter", "enter tab", "enter tab tab", "h", "l", ":", "?", "m", "T", "/", "D", "tab", "tab tab"]
    {
        let mut opened = night();
        press(&mut opened, screen);
        for action in pinnace_tui::action::Action::ALL {
            let mut state = opened.clone();
            let keys: Vec<String> = pinnace_tui::action::KeyContext::ALL
                .iter()
                .filter_map(|context| state.config.keymap.keys_for(*context, *action).map(ToString::to_string))
                .collect();
            for keys in keys {
                press(&mut state, &keys);
            }
        }
    }
}

#[test]
fn a_text_of_wide_characters_can_be_read_to_its_end() {
    let mut state = night();
    let line = format!("{} the end", "日本語".repeat(114 * 20));
    state.modal = Some(Dialog::Detail(TextDialog { title: "a text".to_owned(), lines: vec![line], top: 0 }));
    press(&mut state, "end");
    let text = lines_of(&state).join("\n");
    assert!(text.contains("the end"), "{text}");
}
