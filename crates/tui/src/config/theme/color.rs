//! Colours as text and as numbers.

use ratatui::style::{Color, Modifier};

/// The red, green and blue parts of a colour.
pub(super) type Rgb = (u8, u8, u8);

/// The names of the sixteen ANSI colours, and `default` for the terminal's choice.
pub(super) const NAMES: [(&str, Color); 17] = [
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("white", Color::Gray),
    ("bright-black", Color::DarkGray),
    ("bright-red", Color::LightRed),
    ("bright-green", Color::LightGreen),
    ("bright-yellow", Color::LightYellow),
    ("bright-blue", Color::LightBlue),
    ("bright-magenta", Color::LightMagenta),
    ("bright-cyan", Color::LightCyan),
    ("bright-white", Color::White),
    ("default", Color::Reset),
];

/// The text modifiers that a theme can use.
pub(super) const MODIFIERS: [(&str, Modifier); 6] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
    ("crossed-out", Modifier::CROSSED_OUT),
];

/// The sixteen ANSI colours as xterm shows them; other terminals are similar.
const XTERM: [Rgb; 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];

/// The levels of red, green and blue in the colour cube of the 256 colours.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// Parses a colour name, `#rrggbb`, or a number from 0 to 255.
pub(super) fn parse(text: &str) -> Option<Color> {
    if let Some(hex) = text.strip_prefix('#') {
        let digits = hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        return u32::from_str_radix(hex, 16).ok().filter(|_| digits).map(Color::from_u32);
    }
    if let Ok(index) = text.parse() {
        return Some(Color::Indexed(index));
    }
    NAMES.iter().find(|(name, _)| *name == text).map(|(_, color)| *color)
}

/// Returns the parts of a colour; none if the terminal chooses it.
pub(super) fn rgb(color: Color) -> Option<Rgb> {
    match color {
        Color::Rgb(r, g, b) => Some((r, g, b)),
        Color::Indexed(index) => Some(indexed(index)),
        Color::Reset => None,
        named => NAMES.iter().position(|(_, color)| *color == named).and_then(|at| XTERM.get(at).copied()),
    }
}

fn indexed(index: u8) -> Rgb {
    match index {
        0..=15 => XTERM[usize::from(index)],
        16..=231 => {
            let at = index - 16;
            let step = |part: u8| STEPS[usize::from(part % 6)];
            (step(at / 36), step(at / 6), step(at))
        }
        232..=255 => {
            let grey = 8 + (index - 232) * 10;
            (grey, grey, grey)
        }
    }
}

/// Lists the 240 colours that are the same in every terminal; the first sixteen depend on the user's settings.
pub(super) fn fixed_256() -> impl Iterator<Item = Color> {
    (16..=255).map(Color::Indexed)
}

/// Lists the sixteen named colours.
pub(super) fn named_16() -> impl Iterator<Item = Color> {
    NAMES.iter().map(|(_, color)| *color).filter(|color| *color != Color::Reset)
}

/// Returns the colour nearest to the wanted one.
pub(super) fn nearest(wanted: Rgb, colors: impl Iterator<Item = Color>) -> Option<Color> {
    colors.min_by_key(|color| rgb(*color).map_or(u32::MAX, |found| distance(wanted, found)))
}

/// Returns the visible difference of two colours. Green has the largest weight, because the eye sees it best.
fn distance(a: Rgb, b: Rgb) -> u32 {
    let part = |a: u8, b: u8, weight: u32| weight * u32::from(a.abs_diff(b)).pow(2);
    part(a.0, b.0, 2) + part(a.1, b.1, 4) + part(a.2, b.2, 3)
}

/// Returns the contrast of two colours as WCAG defines it, from 1 to 21; text needs 4.5.
pub(super) fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance((r, g, b): Rgb) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_hex_and_numbers() {
        for (text, expected) in [
            ("bright-red", Some(Color::LightRed)),
            ("white", Some(Color::Gray)),
            ("default", Some(Color::Reset)),
            ("#12161d", Some(Color::Rgb(0x12, 0x16, 0x1d))),
            ("203", Some(Color::Indexed(203))),
            ("256", None),
            ("#12345", None),
            ("#+12345", None),
            ("rosy", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn knows_what_indexed_colours_look_like() {
        for (index, expected) in [(9, (255, 0, 0)), (16, (0, 0, 0)), (203, (255, 95, 95)), (244, (128, 128, 128))] {
            assert_eq!(indexed(index), expected);
        }
        assert_eq!(nearest((250, 90, 99), fixed_256()), Some(Color::Indexed(203)));
        assert_eq!(nearest((250, 10, 9), named_16()), Some(Color::LightRed));
    }

    #[test]
    fn contrast_runs_from_1_to_21() {
        assert!((contrast((0, 0, 0), (255, 255, 255)) - 21.0).abs() < 0.01);
        assert!((contrast((9, 9, 9), (9, 9, 9)) - 1.0).abs() < 0.01);
    }
}
