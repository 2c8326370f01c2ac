//! The colour depth of a terminal, and the conversion of a theme's colours to it.

use ratatui::style::{Color, Modifier, Style};

use super::color::{contrast, fixed_256, named_16, nearest, rgb};
use super::role::StyleRole;

/// The least contrast of text whose colours are replaced.
const LEGIBLE: f64 = 4.5;

/// The number of colours that a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColorDepth {
    /// No colours, or none wanted.
    None,
    /// The sixteen ANSI colours, as the user set them in the terminal.
    Ansi16,
    /// The 256 colours of xterm.
    Ansi256,
    /// All 24-bit colours.
    #[default]
    True,
}

impl ColorDepth {
    /// Detects the depth from `NO_COLOR`, `COLORTERM` and `TERM`; `var` returns an environment variable.
    pub fn detect(var: impl Fn(&str) -> Option<String>) -> Self {
        let var = |name: &str| var(name).unwrap_or_default();
        let term = var("TERM");
        let is = |part: &str| term.contains(part);
        if !var("NO_COLOR").is_empty() || term == "dumb" {
            return Self::None;
        }
        let named = ["kitty", "alacritty", "ghostty", "foot", "wezterm", "direct", "truecolor"];
        let declared = matches!(var("COLORTERM").as_str(), "truecolor" | "24bit");
        if declared || named.iter().any(|name| is(name)) {
            Self::True
        } else if is("256color") {
            Self::Ansi256
        } else {
            Self::Ansi16
        }
    }

    /// Converts a role's style to this depth, and keeps it legible on the screen's background.
    pub(super) fn convert(self, role: StyleRole, style: Style, screen: Style) -> Style {
        match self {
            Self::True => style,
            Self::Ansi256 => Style { fg: style.fg.map(to_256), bg: style.bg.map(to_256), ..style },
            Self::Ansi16 => to_16(role, style, screen),
            Self::None => {
                let plain = Style { fg: None, bg: None, underline_color: None, ..style };
                plain.add_modifier(role.without_color())
            }
        }
    }
}

fn to_256(color: Color) -> Color {
    match color {
        Color::Rgb(r, g, b) => nearest((r, g, b), fixed_256()).unwrap_or(color),
        other => other,
    }
}

/// Converts a style to the sixteen ANSI colours.
///
/// The nearest of the sixteen may be far from the wanted colour, so it is not used as the background of a
/// selection, which has text of any colour: the selection is reversed or underlined instead. Text gets the
/// nearest colour with enough contrast.
fn to_16(role: StyleRole, style: Style, screen: Style) -> Style {
    let exact = |color: Color| !matches!(color, Color::Rgb(..) | Color::Indexed(_));
    if [style.fg, style.bg].into_iter().flatten().all(exact) {
        return style;
    }
    if role.is_overlay() {
        let plain = Style { fg: None, bg: None, ..style };
        return plain.add_modifier(role.without_color() - Modifier::BOLD);
    }
    let bg = style.bg.map(nearest_16);
    let ground = bg.or_else(|| screen.bg.map(nearest_16));
    let fg = match (style.fg, ground) {
        (Some(fg), Some(ground)) => Some(legible_16(fg, ground)),
        (fg, _) => fg.map(nearest_16),
    };
    Style { fg, bg, ..style }
}

fn nearest_16(color: Color) -> Color {
    match (color, rgb(color)) {
        (Color::Rgb(..) | Color::Indexed(_), Some(wanted)) => nearest(wanted, named_16()).unwrap_or(color),
        _ => color,
    }
}

fn legible_16(color: Color, ground: Color) -> Color {
    let (Some(wanted), Some(below)) = (rgb(color), rgb(ground)) else {
        return nearest_16(color);
    };
    let legible = |color: &Color| rgb(*color).is_some_and(|found| contrast(found, below) >= LEGIBLE);
    nearest(wanted, named_16().filter(legible)).unwrap_or(Color::Reset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_depth_from_the_environment() {
        for (no_color, colorterm, term, expected) in [
            ("", "truecolor", "xterm-256color", ColorDepth::True),
            ("", "", "xterm-256color", ColorDepth::Ansi256),
            ("", "", "xterm-kitty", ColorDepth::True),
            ("", "", "screen", ColorDepth::Ansi16),
            ("", "", "linux", ColorDepth::Ansi16),
            ("", "", "", ColorDepth::Ansi16),
            ("", "truecolor", "dumb", ColorDepth::None),
            ("1", "truecolor", "xterm-kitty", ColorDepth::None),
        ] {
            let found = ColorDepth::detect(|name| match name {
                "NO_COLOR" => Some(no_color.to_owned()),
                "COLORTERM" => Some(colorterm.to_owned()),
                "TERM" => Some(term.to_owned()),
                _ => None,
            });
            assert_eq!(found, expected, "{no_color} {colorterm} {term}");
        }
    }

    #[test]
    fn sixteen_colours_stay_legible_and_overlays_are_reversed() {
        let screen = Style::new().fg(Color::Rgb(215, 220, 229)).bg(Color::Rgb(18, 22, 29));
        let dim = Style::new().fg(Color::Rgb(20, 20, 120));
        let dim = ColorDepth::Ansi16.convert(StyleRole::Dim, dim, screen);
        assert!(contrast(rgb(dim.fg.unwrap()).unwrap(), (0, 0, 0)) >= LEGIBLE, "{dim:?}");
        let row = ColorDepth::Ansi16.convert(StyleRole::Selection, Style::new().bg(Color::Indexed(24)), screen);
        assert_eq!(row, Style::new().add_modifier(Modifier::REVERSED));
        let own = Style::new().fg(Color::Red);
        assert_eq!(ColorDepth::Ansi16.convert(StyleRole::Failing, own, screen), own);
    }
}
