use ratatui::style::{Color, Modifier};

use super::color::{contrast, rgb};
use super::*;

/// The roles that draw lines or overlays, and no text.
const NOT_TEXT: [StyleRole; 4] =
    [StyleRole::Border, StyleRole::Selection, StyleRole::SelectionInactive, StyleRole::Popup];

fn shipped() -> Vec<Theme> {
    let load = |name: &str| {
        let (theme, warnings) = Theme::load(name, &[]);
        assert_eq!(warnings, [], "{name}: every role is set and nothing is unknown");
        theme
    };
    Theme::names(&[]).into_iter().map(load).collect()
}

fn mine(text: &str) -> (Theme, Vec<String>) {
    let (theme, warnings) = Theme::load("mine", &[SourceText { file: "mine.toml", text }]);
    (theme, warnings.iter().map(ToString::to_string).collect())
}

/// Checks that every text role is legible on the screen, in windows, and on selected rows.
fn assert_legible(theme: &Theme, least: f64) {
    let screen = theme.style(StyleRole::Screen);
    let grounds = [StyleRole::Screen, StyleRole::Popup, StyleRole::Selection, StyleRole::SelectionInactive];
    for role in StyleRole::ALL.iter().filter(|role| !NOT_TEXT.contains(role)) {
        let style = screen.patch(theme.style(*role));
        let own = theme.style(*role).bg;
        for ground in grounds {
            let below = own.or(theme.style(ground).bg).or(screen.bg);
            let fg = style.fg.and_then(rgb).unwrap();
            let ratio = contrast(fg, below.and_then(rgb).unwrap());
            assert!(ratio >= least, "{} {role} on {ground}: {ratio:.2}", theme.name());
        }
    }
}

#[test]
fn text_can_be_read_on_every_ground() {
    for theme in shipped().iter().filter(|theme| theme.name() != "ansi16") {
        assert_legible(theme, 4.5);
        assert_legible(&theme.for_depth(ColorDepth::Ansi256), 4.5);
        assert_legible(&theme.for_depth(ColorDepth::Ansi16), 4.5);
    }
    let (contrast, _) = Theme::load("contrast", &[]);
    assert_legible(&contrast, 5.0);
}

#[test]
fn the_terminals_own_colours_can_be_read_on_black_and_on_white() {
    let (theme, _) = Theme::load("ansi16", &[]);
    for role in StyleRole::ALL {
        let style = theme.style(*role);
        assert!(style.bg.is_none_or(|bg| bg == Color::Reset), "{role}: no ground of its own");
        for ground in [(0, 0, 0), (255, 255, 255)] {
            let ratio = style.fg.and_then(rgb).map_or(21.0, |fg| contrast(fg, ground));
            assert!(ratio >= 3.0, "{role} {ratio:.2}");
        }
    }
}

#[test]
fn what_is_well_is_plain_and_trouble_is_not() {
    for theme in shipped() {
        let of = |role| theme.style(StyleRole::Screen).patch(theme.style(role));
        assert_eq!(of(StyleRole::Ok), of(StyleRole::Text), "{}", theme.name());
        assert_eq!(theme.style(StyleRole::Text).fg, None, "{}", theme.name());
        for role in [StyleRole::Failing, StyleRole::Waiting, StyleRole::Dim, StyleRole::Selection] {
            assert_ne!(of(role), of(StyleRole::Text), "{} {role}", theme.name());
        }
    }
}

#[test]
fn without_colour_only_modifiers_are_left() {
    for theme in shipped() {
        let plain = theme.for_depth(ColorDepth::None);
        for role in StyleRole::ALL {
            assert_eq!((plain.style(*role).fg, plain.style(*role).bg), (None, None), "{role}");
        }
        assert!(plain.style(StyleRole::Selection).add_modifier.contains(Modifier::REVERSED));
        assert!(plain.style(StyleRole::Failing).add_modifier.contains(Modifier::BOLD));
    }
}

#[test]
fn a_users_theme_changes_only_what_it_names() {
    let (theme, warnings) = mine(
        "inherits = \"night\"\n[palette]\nred = \"#ff0000\"\n[roles]\ninfo = 203\n\
         title = { fg = \"bright-white\", bg = \"red\", modifiers = [\"italic\", \"bold\"] }\n",
    );
    let (night, _) = Theme::load("night", &[]);
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(theme.style(StyleRole::Failing).fg, Some(Color::Rgb(255, 0, 0)), "recoloured by the palette");
    assert_eq!(theme.style(StyleRole::Info), Style::new().fg(Color::Indexed(203)));
    let title = Style::new().fg(Color::White).bg(Color::Rgb(255, 0, 0));
    assert_eq!(theme.style(StyleRole::Title), title.add_modifier(Modifier::ITALIC | Modifier::BOLD));
    assert_eq!(theme.style(StyleRole::Dim), night.style(StyleRole::Dim));
}

#[test]
fn slips_are_warned_of_at_their_place_and_the_rest_stays() {
    let forms = "use a name, `#rrggbb`, or a number from 0 to 255";
    for (text, warning) in [
        ("rols = 1\n", "mine.toml:1:1: unknown key `rols`\nhint: did you mean `roles`?".to_owned()),
        ("roles = 1\n", "mine.toml:1:9: `roles` should be a section, not a whole number".to_owned()),
        ("[roles]\nfailling = 1\n", "mine.toml:2:1: unknown role `failling`\nhint: did you mean `failing`?".to_owned()),
        ("[roles]\ndim = \"ambr\"\n", "mine.toml:2:7: unknown colour `ambr`\nhint: did you mean `amber`?".to_owned()),
        ("[roles]\ndim = 256\n", format!("mine.toml:2:7: unknown colour `256`\nhint: {forms}")),
        ("[roles]\ndim = true\n", "mine.toml:2:7: `dim` should be a colour, not true or false".to_owned()),
        ("[palette]\nx = \"#12\"\n", format!("mine.toml:2:5: unknown colour `#12`\nhint: {forms}")),
        ("[roles]\ndim = { fgg = 1 }\n", "mine.toml:2:9: unknown key `fgg`\nhint: did you mean `fg`?".to_owned()),
        (
            "[roles]\ndim = { modifiers = [\"blod\"] }\n",
            "mine.toml:2:22: unknown modifier `blod`\nhint: did you mean `bold`?".to_owned(),
        ),
        (
            "[roles]\ndim = { modifiers = \"bold\" }\n",
            "mine.toml:2:21: `modifiers` should be a list such as [\"bold\"], not a string".to_owned(),
        ),
    ] {
        let (theme, warnings) = mine(text);
        assert_eq!(warnings, [warning]);
        assert_ne!(theme.style(StyleRole::Failing), Style::new());
    }
}
