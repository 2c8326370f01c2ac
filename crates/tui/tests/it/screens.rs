//! Snapshots of the screens: text and styles, in a theme with a different colour for each role.

use pinnace_tui::clusters::ClusterId;
use std::fmt::Write as _;
use std::sync::OnceLock;

use pinnace_core::registry::{Fact, FactUpdate, LookupError};
use pinnace_core::world::{ConnectionState, Observation};
use pinnace_tui::config::{SourceText, StyleRole, Theme};
use pinnace_tui::msg::{ArrivedMsg, Msg};
use pinnace_tui::screens::fleet::rows::{FleetRow, total_lines};
use pinnace_tui::state::State;
use pinnace_tui::update::update;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use crate::drawing::{draw_at, lines};
use crate::fixture::{self, NOW, console, press};
use crate::scenario;

/// A theme with a different colour for each role, so that the styles in a snapshot name their roles.
fn theme() -> &'static Theme {
    static THEME: OnceLock<Theme> = OnceLock::new();
    THEME.get_or_init(one_colour_a_role)
}

fn one_colour_a_role() -> Theme {
    let mut text = String::from("inherits = \"night\"\n[roles]\n");
    for (at, role) in StyleRole::ALL.iter().enumerate() {
        let overlay = matches!(role, StyleRole::Selection | StyleRole::SelectionInactive | StyleRole::Popup);
        let kind = if overlay { "bg" } else { "fg" };
        writeln!(text, "{} = {{ {kind} = {} }}", role.name(), at + 16).unwrap();
    }
    let (theme, warnings) = Theme::load("test", &[SourceText { file: "test.toml", text: &text }]);
    assert_eq!(warnings, []);
    theme
}

fn draw(state: &State) -> Buffer {
    draw_at(state, (state.size.width, state.size.height), theme())
}

/// Returns the text, and then for each line the roles with the columns where they start.
pub fn picture(state: &State) -> String {
    let buffer = draw(state);
    let mut text = lines(&buffer).join("\n");
    text.push_str("\n---\n");
    let name = |color: Option<Color>| match color {
        Some(Color::Indexed(index)) => StyleRole::ALL.get(usize::from(index) - 16).map_or("?", |role| role.name()),
        _ => "-",
    };
    for y in 0..buffer.area.height {
        let mut runs = Vec::new();
        let mut last = None;
        for x in 0..buffer.area.width {
            let style = buffer[(x, y)].style();
            let blank = buffer[(x, y)].symbol() == " " && style.bg == Some(Color::Reset);
            let now = (style.fg, style.bg);
            if last != Some(now) && !blank {
                let ground =
                    if style.bg == Some(Color::Reset) { String::new() } else { format!("/{}", name(style.bg)) };
                runs.push(format!("{x} {}{ground}", name(style.fg)));
                last = Some(now);
            }
        }
        writeln!(text, "{y:>2}: {}", runs.join(", ")).unwrap();
    }
    text
}

/// Returns the lines of text on the screen.
pub fn lines_of(state: &State) -> Vec<String> {
    lines(&draw(state))
}

fn night(width: u16, height: u16) -> State {
    let mut seen = fixture::seen(fixture::bad_night(31), fixture::six_nodes(), Vec::new());
    seen.extend(fixture::history());
    let mut state = console(width, height, seen);
    fixture::not_found(&mut state, "ghcr.io/pgedge/pgedge-postgres:my-custom-image");
    state
}

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

#[test]
fn fleet_in_trouble() {
    for (width, height) in SIZES {
        insta::assert_snapshot!(format!("fleet_in_trouble_{width}x{height}"), picture(&night(width, height)));
    }
}

#[test]
fn fleet_all_well() {
    let services = fixture::bad_night(9).split_off(7);
    let mut nodes = fixture::six_nodes();
    nodes[4].state = pinnace_core::swarm::NodeState::Ready;
    let state = console(80, 24, fixture::seen(services, nodes, Vec::new()));
    insta::assert_snapshot!("fleet_all_well_80x24", picture(&state));
}

#[test]
fn fleet_with_a_lost_link_and_an_unreachable_registry() {
    let mut state = night(80, 24);
    let fact = Fact::Failed { why: LookupError::Unreachable("dial tcp: i/o timeout".into()), at: NOW };
    let reference = "ghcr.io/pgedge/pgedge-postgres:other".to_owned();
    update(
        &mut state,
        ArrivedMsg {
            at: NOW,
            msg: Msg::QueryAnswered { cluster: ClusterId::FIRST, learned: FactUpdate::Image(reference, fact) },
        },
    );
    assert!(!lines(&draw(&state)).join("\n").contains("unreachable"), "a single failure may be chance");
    let pinged = |state: &mut State, host: &str, seconds: i64, down: bool| {
        let down = down.then(|| "dial tcp: i/o timeout".to_owned());
        let msg = Msg::RegistryPinged { cluster: ClusterId::FIRST, host: host.into(), down };
        update(state, ArrivedMsg { at: pinnace_core::time::Time(NOW.0 + seconds * 1000), msg });
    };
    for seconds in [20, 40, 60] {
        pinged(&mut state, "unused.example.com", seconds, true);
    }
    assert!(!lines(&draw(&state)).join("\n").contains("unreachable"), "no service runs from it");
    pinged(&mut state, "ghcr.io", 20, true);
    assert!(lines(&draw(&state)).join("\n").contains("ghcr.io unreachable from this machine"));
    pinged(&mut state, "ghcr.io", 30, false);
    assert!(!lines(&draw(&state)).join("\n").contains("unreachable"), "it answers again");
    pinged(&mut state, "ghcr.io", 40, true);
    pinged(&mut state, "ghcr.io", 55, true);
    insta::assert_snapshot!("fleet_registry_unreachable_80x24", lines(&draw(&state)).join("\n"));
    let lost = ConnectionState::Lost { why: "mgr-1: connection refused".into(), hint: "is the engine up?".into() };
    let at = pinnace_core::time::Time(NOW.0 + 130_000);
    update(
        &mut state,
        ArrivedMsg { at, msg: Msg::Observed { cluster: ClusterId::FIRST, seen: vec![Observation::Link(lost)] } },
    );
    insta::assert_snapshot!("fleet_link_lost_80x24", lines(&draw(&state)).join("\n"));
}

#[test]
fn other_screens() {
    for (name, keys) in [
        ("service_tasks", "n n enter"),
        ("service_settings", "n n enter tab"),
        ("service_changes", "n n enter tab tab"),
        ("history", "h enter"),
        ("candidates", "n n B"),
        ("logs", "n l"),
        ("help", "?"),
        ("palette", ": g o"),
        ("themes", "T"),
        ("details", "n n D"),
        ("messages", "g g l m"),
        ("filter", "/ s h o p"),
        ("nodes", "tab tab"),
    ] {
        for (width, height) in [(80, 24), (120, 40)] {
            let mut state = night(width, height);
            fixture::log(&mut state, keys);
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), picture(&state));
        }
    }
}

#[test]
fn in_ascii_nothing_but_ascii_is_drawn_by_us() {
    for keys in ["", "enter", "h enter", "?", ":"] {
        let mut state = night(80, 24);
        state.config.settings.ascii = true;
        press(&mut state, keys);
        for line in lines(&draw(&state)) {
            let other: String = line.chars().filter(|c| !c.is_ascii() && !"…·›—“”".contains(*c)).collect();
            assert_eq!(other, "", "{line}");
        }
    }
}

#[test]
fn no_size_breaks_it() {
    for keys in ["", "enter", "enter tab", "h enter", "l", "?", ":", "m", "D", "tab", "tab tab", "t", "/ x", "n n B"] {
        let mut state = night(80, 24);
        press(&mut state, keys);
        for (width, height) in [
            (1, 1),
            (39, 10),
            (40, 9),
            (40, 10),
            (41, 11),
            (60, 15),
            (71, 29),
            (72, 30),
            (99, 24),
            (100, 31),
            (300, 100),
        ] {
            let size = pinnace_tui::layout::TerminalSize { width, height };
            update(&mut state, ArrivedMsg { at: NOW, msg: Msg::Resize(size) });
            draw(&state);
        }
    }
}

#[test]
fn a_screen_laid_out_for_another_size_is_cut_off() {
    const LAID_OUT: (u16, u16) = (200, 60);
    let at_night = |keys: &str| {
        let mut state = night(LAID_OUT.0, LAID_OUT.1);
        fixture::log(&mut state, keys);
        state
    };
    let mut states: Vec<State> = [
        "",
        "tab tab",
        "n n enter",
        "n n enter tab",
        "n n enter tab tab",
        "h enter",
        "n n B",
        "n l",
        "n n i",
        "?",
        ": g o",
        "T",
        "n n D",
        "g g l m",
        "/ s h o p",
        "L",
        "t",
    ]
    .into_iter()
    .map(at_night)
    .collect();
    for name in ["pins", "pins-bad", "plan", "back", "working", "asking", "stuck", "done", "left"] {
        for keys in ["", "D", "q", "?"] {
            let mut state = scenario::told(name, LAID_OUT.0, LAID_OUT.1).unwrap();
            press(&mut state, keys);
            states.push(state);
        }
    }
    let mut touring = at_night("");
    touring.tour = Some(pinnace_tui::tour::Tour::default());
    let lost = ConnectionState::Lost { why: "mgr-1: connection refused".into(), hint: "is the engine up?".into() };
    update(
        &mut touring,
        ArrivedMsg { at: NOW, msg: Msg::Observed { cluster: ClusterId::FIRST, seen: vec![Observation::Link(lost)] } },
    );
    states.push(touring);
    for state in &states {
        for size in [(80, 24), (20, 5), (1, 1), (200, 1), (1, 60), (300, 100)] {
            let area = draw_at(state, size, theme()).area;
            assert_eq!((area.width, area.height), size);
        }
    }
}

#[test]
fn forty_services_fit_the_first_page_where_it_matters() {
    for (width, height) in SIZES {
        let mut state = night(width, height);
        let page = lines(&draw(&state)).join("\n");
        for text in
            ["queue", "task: non-zero exit (1)", "4.0-management → 4.1-management", "No such image", "no suitable node"]
        {
            assert!(page.contains(text), "{text} at {width}x{height}\n{page}");
        }
        assert!(state.fleet.rows.iter().filter(|row| row.is_trouble()).count() == 3);
        // Everything else needs a few keys: open what is folded, then move down.
        press(&mut state, "home");
        while state.fleet.index() + 1 < state.fleet.rows.len() || !matches!(state.row(), Some(FleetRow::Service(_))) {
            match state.row() {
                Some(FleetRow::HiddenGroups { .. } | FleetRow::HiddenServices { .. }) => press(&mut state, "enter"),
                Some(FleetRow::Group(row)) if !row.open => press(&mut state, "right"),
                _ => press(&mut state, "down"),
            };
        }
        let services = state.fleet.rows.iter().filter(|row| row.service().is_some()).count();
        assert_eq!(services, 39, "{width}x{height}");
        press(&mut state, "end");
        let last = lines(&draw(&state)).join("\n");
        assert!(last.contains("1.30.0"), "{last}");
        assert!(state.fleet.top + usize::from(height) >= total_lines(&state.fleet.rows));
    }
}
