use crate::screens::pins::completion::*;

#[test]
fn where_an_image_stands() {
    // `|` marks the cursor; expected are the range of the value, its text, and the part before the cursor.
    for (line, wanted) in [
        (r#"image = "a/b:1|""#, Some((8..15, "a/b:1", "a/b:1"))),
        (r#"image = "a/b:1"|"#, Some((8..15, "a/b:1", "a/b:1"))),
        (r#"image = "|a/b:1" # why"#, Some((8..15, "a/b:1", ""))),
        (r#"image = "a/|b:1" # why"#, Some((8..15, "a/b:1", "a/"))),
        (r#"image = "a/b:1" |# why"#, Some((8..15, "a/b:1", "a/b:1"))),
        (r#"image = "a/b:1" # w|hy"#, None),
        ("  image='a/b|'", Some((8..13, "a/b", "a/b"))),
        (r#"image = "a/b:|"#, Some((8..13, "a/b:", "a/b:"))),
        (r#"image = "a/b:|1 # why"#, Some((8..14, "a/b:1", "a/b:"))),
        (r#"image = "|"#, Some((8..9, "", ""))),
        (r#"image = ""|"#, Some((8..10, "", ""))),
        ("image = |", Some((8..8, "", ""))),
        ("image =|", Some((7..7, "", ""))),
        ("image = a/b|", Some((8..11, "a/b", "a/b"))),
        ("image = a/b|# why", Some((8..11, "a/b", "a/b"))),
        ("image |= \"a\"", None),
        ("|image = \"a\"", None),
        ("image|", None),
        ("images = \"a|\"", None),
        ("my_image = \"a|\"", None),
        ("# image = \"a|\"", None),
        ("[node.n1]|", None),
        ("|", None),
        ("image = \"日本|語\"", Some((8..13, "日本語", "日本"))),
    ] {
        let cursor = line.chars().position(|c| c == '|').unwrap();
        let found = ImageToken::find(&line.replace('|', ""), cursor);
        let told = found.as_ref().map(|spot| (spot.outer.clone(), spot.text(), spot.typed().text));
        assert_eq!(told, wanted.map(|(outer, text, typed)| (outer, text, typed.to_owned())), "{line}");
    }
    assert_eq!(
        ImageToken::find("image = \"a\"", 99).map(|spot| spot.typed().text).as_deref(),
        Some("a"),
        "no line is so long"
    );
}

#[test]
fn what_is_typed_of_an_image() {
    let hex = "a".repeat(64);
    for (text, repository, tag) in [
        ("", None, None),
        ("ghcr.io", None, None),
        ("localhost:50", None, None),
        ("10.0.0.1:5000", None, None),
        ("10.0.0.1:5000/pg", Some("10.0.0.1:5000/pg"), None),
        ("10.0.0.1:5000/pg:", Some("10.0.0.1:5000/pg"), Some("")),
        ("ghcr.io/", None, None),
        ("ghcr.io/pgedge/pg:17.9", Some("ghcr.io/pgedge/pg"), Some("17.9")),
        ("nginx", Some("nginx"), None),
        ("nginx:1", Some("nginx"), Some("1")),
        ("ghcr.io/A/b:1", None, Some("1")),
        (&format!("r.io/pg:1@sha256:{hex}"), Some("r.io/pg"), Some("1")),
    ] {
        let line = format!("image = \"{text}\"");
        let typed = ImageToken::find(&line, line.chars().count()).unwrap().typed();
        assert_eq!((typed.repository.as_deref(), typed.tag.as_deref()), (repository, tag), "{text}");
    }
}
