use super::*;

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

#[test]
fn texts_are_read_and_written_in_one_form() {
    for (text, written) in [
        ("g", "g"),
        ("G", "G"),
        ("shift-g", "G"),
        ("?", "?"),
        ("-", "-"),
        ("ctrl--", "ctrl--"),
        ("ctrl-r", "ctrl-r"),
        ("Ctrl-R", "ctrl-r"),
        ("alt-x", "alt-x"),
        ("alt-X", "alt-X"),
        ("alt-ctrl-x", "ctrl-alt-x"),
        ("ctrl-space", "ctrl-space"),
        ("space", "space"),
        ("shift-tab", "shift-tab"),
        ("Escape", "esc"),
        ("return", "enter"),
        ("pgdn", "page-down"),
        ("ctrl-page-up", "ctrl-page-up"),
        ("f5", "f5"),
        ("F12", "f12"),
        ("f", "f"),
        ("ü", "ü"),
    ] {
        assert_eq!(key(text).to_string(), written, "{text}");
        assert_eq!(key(written), key(text));
    }
}

#[test]
fn sequences_are_keys_with_spaces_between() {
    for (text, written, count) in [("g g", "g g", 2), ("  ctrl-x   ctrl-c ", "ctrl-x ctrl-c", 2), ("G", "G", 1)] {
        let keys: KeySequence = text.parse().unwrap();
        assert_eq!((keys.to_string().as_str(), keys.as_slice().len()), (written, count));
    }
    let keys: KeySequence = "g g".parse().unwrap();
    assert!(keys.goes_on_after(&[key("g")]));
    assert!(!keys.goes_on_after(keys.as_slice()));
}

#[test]
fn errors_name_the_part_its_place_and_what_was_meant() {
    for (text, message, at, hint) in [
        ("crtl-r", "unknown key `crtl` in `crtl-r`", 0, Some("did you mean `ctrl`?")),
        ("ctrl-entr", "unknown key `entr` in `ctrl-entr`", 5, Some("did you mean `enter`?")),
        ("g  esk", "unknown key `esk` in `g  esk`", 3, Some("did you mean `esc`?")),
        ("page-dwn", "unknown key `page-dwn` in `page-dwn`", 0, Some("did you mean `page-down`?")),
        ("f99", "unknown key `f99` in `f99`", 0, None),
        ("hyper-x", "unknown key `hyper` in `hyper-x`", 0, None),
        ("ctrl-", "unknown key `ctrl` in `ctrl-`", 0, Some("did you mean `ctrl`?")),
        ("", "a key is missing", 0, Some("unbind with `\"KEY\" = \"none\"`")),
        ("shift-1", "`shift-1` depends on the keyboard layout", 0, Some("write the resulting character, such as `!`")),
    ] {
        let error = text.parse::<KeySequence>().unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!((error.at(), error.hint().as_deref()), (at, hint), "{text}");
    }
}

#[test]
fn terminals_that_report_differently_mean_the_same_key() {
    use KeyModifiers as M;
    for (code, modifiers, expected) in [
        (KeyCode::Char('G'), M::SHIFT, Some("G")),
        (KeyCode::Char('G'), M::NONE, Some("G")),
        (KeyCode::Char('g'), M::SHIFT, Some("G")),
        (KeyCode::Char('?'), M::SHIFT, Some("?")),
        (KeyCode::Char('R'), M::CONTROL | M::SHIFT, Some("ctrl-r")),
        (KeyCode::Char(' '), M::CONTROL, Some("ctrl-space")),
        (KeyCode::BackTab, M::SHIFT, Some("shift-tab")),
        (KeyCode::BackTab, M::NONE, Some("shift-tab")),
        (KeyCode::Tab, M::SHIFT, Some("shift-tab")),
        (KeyCode::F(5), M::NONE, Some("f5")),
        (KeyCode::Enter, M::SHIFT, Some("shift-enter")),
        (KeyCode::Char('q'), M::SUPER, None),
        (KeyCode::CapsLock, M::NONE, None),
    ] {
        let key = Key::from_event(KeyEvent::new(code, modifiers));
        assert_eq!(key.map(|key| key.to_string()).as_deref(), expected, "{code:?}");
    }
    let release = KeyEvent::new_with_kind(KeyCode::Enter, M::NONE, KeyEventKind::Release);
    assert_eq!(Key::from_event(release), None);
}

#[test]
fn knows_what_is_text() {
    for (text, as_text, leaves) in [
        ("a", Some('a'), false),
        ("space", Some(' '), false),
        ("enter", None, false),
        ("up", None, false),
        ("ctrl-a", None, true),
        ("alt-a", None, true),
        ("f1", None, true),
        ("esc", None, true),
    ] {
        assert_eq!((key(text).text(), key(text).leaves_text()), (as_text, leaves), "{text}");
    }
}

#[test]
fn is_recorded_as_text() {
    let keys: KeySequence = "ctrl-x ctrl-c".parse().unwrap();
    let json = serde_json::to_string(&keys).unwrap();
    assert_eq!(json, "\"ctrl-x ctrl-c\"");
    assert_eq!(serde_json::from_str::<KeySequence>(&json).unwrap(), keys);
    assert_eq!(serde_json::from_str::<Key>("\"space\"").unwrap(), key("space"));
}
