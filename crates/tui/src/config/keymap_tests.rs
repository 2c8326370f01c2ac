use super::*;

fn keymap(text: &str) -> (Keymap, Vec<ConfigWarning>) {
    Keymap::load("mine", &[SourceText { file: "keymaps/mine.toml", text }])
}

fn press(map: &Keymap, context: KeyContext, keys: &str) -> KeyMatch {
    map.lookup(context, keys.parse::<KeySequence>().unwrap().as_slice())
}

#[test]
fn shipped_keymaps_have_no_warnings_and_bind_every_action() {
    for name in Keymap::names(&[]) {
        let (map, warnings) = Keymap::load(name, &[]);
        assert_eq!(warnings, [], "{name}");
        for action in Action::ALL {
            let bound = KeyContext::ALL.iter().any(|context| map.keys_for(*context, *action).is_some());
            assert!(bound, "{name}: {action}");
        }
        for context in KeyContext::ALL {
            assert_ne!(press(&map, *context, "ctrl-c"), KeyMatch::None, "{name}: a way out of {context}");
            let shown = map.actions_for(*context).len();
            assert!(shown > 5, "{name}: {context}");
        }
    }
    assert_eq!(Keymap::names(&[]), ["default", "emacs"]);
}

#[test]
fn keys_run_wait_or_do_nothing() {
    use KeyMatch::{None, Pending, Run};
    let (map, _) = Keymap::load("default", &[]);
    for (context, keys, expected) in [
        (KeyContext::Fleet, "R", Run(Action::Rollback)),
        (KeyContext::Fleet, "g", Pending),
        (KeyContext::Fleet, "g g", Run(Action::Top)),
        (KeyContext::Fleet, "g x", None),
        (KeyContext::Fleet, "z", Pending),
        (KeyContext::Fleet, "esc", Run(Action::ClearFilter)),
        (KeyContext::Service, "esc", Run(Action::Back)),
        (KeyContext::Help, "q", Run(Action::Back)),
        (KeyContext::Plan, "q", Run(Action::Quit)),
        (KeyContext::Ask, "R", Run(Action::ResumeRollBack)),
        (KeyContext::Editor, "q", None),
        (KeyContext::Editor, "g", None),
        (KeyContext::Editor, "tab", Run(Action::Complete)),
        (KeyContext::Editor, "shift-tab", None),
        (KeyContext::Complete, "tab", Run(Action::Open)),
        (KeyContext::Complete, "esc", Run(Action::Back)),
        (KeyContext::Complete, "ctrl-u", Run(Action::DeleteLine)),
        (KeyContext::Complete, "backspace", Run(Action::DeleteBack)),
        (KeyContext::Complete, "ctrl-l", Run(Action::Redraw)),
        (KeyContext::Complete, "q", None),
        (KeyContext::Editor, "f1", Run(Action::Help)),
        (KeyContext::Editor, "ctrl-c", Run(Action::ForceQuit)),
        (KeyContext::Editor, "ctrl-u", Run(Action::DeleteLine)),
        (KeyContext::Editor, "esc", Run(Action::LeaveEditor)),
        (KeyContext::Prompt, "down", Run(Action::Down)),
        (KeyContext::Palette, "down", Run(Action::Down)),
        (KeyContext::Palette, ":", None),
    ] {
        assert_eq!(press(&map, context, keys), expected, "{context} {keys}");
    }
}

#[test]
fn footers_keep_the_order_of_the_file() {
    use Action::{AcceptUnverified, Acknowledge, Apply, MoveUnitDown, MoveUnitUp, StepMode};
    let (map, _) = Keymap::load("default", &[]);
    let shown: Vec<_> = map.actions_for(KeyContext::Plan).into_iter().take(6).map(|(action, _)| action).collect();
    assert_eq!(shown, [Apply, Acknowledge, AcceptUnverified, StepMode, MoveUnitDown, MoveUnitUp]);
}

#[test]
fn a_users_file_is_laid_over_the_preset() {
    let (map, warnings) = keymap(
        "[global]\nq = \"none\"\n[fleet]\n\"ctrl-o\" = \"rollback\"\n\"f9\" = \"rollback\"\nm = \"none\"\np = \"plan\"\n",
    );
    assert_eq!(warnings, []);
    assert_eq!(press(&map, KeyContext::Fleet, "q"), KeyMatch::None);
    assert_eq!(press(&map, KeyContext::Help, "q"), KeyMatch::Run(Action::Back));
    assert_eq!(press(&map, KeyContext::Fleet, "m"), KeyMatch::None);
    assert_eq!(press(&map, KeyContext::Plan, "m"), KeyMatch::Run(Action::Messages));
    assert_eq!(press(&map, KeyContext::Fleet, "p"), KeyMatch::Run(Action::Plan));
    let (first, keys) = map.actions_for(KeyContext::Fleet).remove(0);
    let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
    assert_eq!((first, keys.join(", ")), (Action::Rollback, "ctrl-o, f9, R".to_owned()));
    assert_eq!(map.keys_for(KeyContext::Fleet, Action::Pins), None);
    assert_eq!(map.keys_for(KeyContext::Fleet, Action::Help).unwrap().to_string(), "?");
}

#[test]
fn nothing_is_inherited_when_asked() {
    let (map, warnings) = keymap("[complete]\nctrl-u = \"none\"\n");
    assert_eq!(
        (press(&map, KeyContext::Complete, "ctrl-u"), warnings),
        (KeyMatch::None, vec![]),
        "of what lies under it too"
    );
    let (map, warnings) = keymap("inherits = \"none\"\n[global]\nx = \"quit\"\n");
    assert_eq!((map.bindings_for(KeyContext::Fleet).len(), warnings), (1, vec![]));
}

#[test]
fn slips_are_warned_of_at_their_place_and_the_rest_stays() {
    let mine = "keymaps/mine.toml";
    for (text, place, message, hint) in [
        ("[flet]\nx = \"quit\"\n", "1:2", "unknown section `flet`", Some("did you mean `fleet`?")),
        ("[fleet]\n x = \"rolback\"\n", "2:6", "unknown action `rolback`", Some("did you mean `rollback`?")),
        ("[fleet]\n\"g crtl-r\" = \"quit\"\n", "2:4", "unknown key `crtl` in `g crtl-r`", Some("did you mean `ctrl`?")),
        ("[fleet]\nx = 3\n", "2:5", "`x` should be the name of an action, not a whole number", None),
        ("[fleet]\n\"esc\" = \"back\"\n\"escape\" = \"back\"\n", "3:1", "`esc` is bound twice in [fleet]", None),
        ("[fleet]\nX = \"none\"\n", "2:1", "`X` is not bound in [fleet]", None),
        ("fleet = 1\n", "1:9", "`fleet` should be a section of keys, not a whole number", None),
        (
            "[global]\ng = \"top\"\n",
            "2:1",
            "`g g` in [global] is unreachable because of `g` in [global]",
            Some("unbind one of them with `\"KEY\" = \"none\"`"),
        ),
        (
            "[fleet]\n\"j x\" = \"logs\"\n",
            "2:1",
            "`j` in [global] is unreachable because of `j x` in [fleet]",
            Some("unbind one of them with `\"KEY\" = \"none\"`"),
        ),
    ] {
        let (map, warnings) = keymap(text);
        let hint = hint.map_or(String::new(), |hint| format!("\nhint: {hint}"));
        let all: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(all, [format!("{mine}:{place}: {message}{hint}")]);
        assert_eq!(press(&map, KeyContext::Fleet, "R"), KeyMatch::Run(Action::Rollback));
    }
}

#[test]
fn a_broken_line_loses_only_itself() {
    let (map, warnings) = keymap("[fleet]\n? = \"logs\"\n\"f7\" = \"logs\"\n");
    assert_eq!(press(&map, KeyContext::Fleet, "f7"), KeyMatch::Run(Action::Logs));
    assert!(!warnings.is_empty() && warnings.iter().all(|warning| warning.line == 2), "{warnings:?}");
}
