//! Colours written by the console, at terminals with no, 16, 256 and 16 million colours.

use std::time::Duration;

use crate::demo::demo_in;
use crate::terminal::Terminal;

const SOON: Duration = Duration::from_secs(20);

/// Counts of the colours in an output, by notation.
#[derive(Debug, Default)]
struct Colors {
    /// `39`, `49`, `59`: the terminal's default colour.
    default: usize,
    /// `31`, `91`, `41`, `101`: one of 16 colours.
    named: usize,
    /// `38;5;N`: one of 256 colours.
    indexed: usize,
    /// `38;2;R;G;B`: true colour.
    rgb: usize,
}

impl Colors {
    /// Counts the colours in all SGR sequences.
    fn count(output: &str) -> Self {
        let mut found = Self::default();
        for part in output.split("\x1b[").skip(1) {
            let end = part.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(part.len());
            if !part[end..].starts_with('m') {
                continue;
            }
            let mut codes = part[..end].split(';').map(|code| code.parse().unwrap_or(0));
            while let Some(code) = codes.next() {
                match code {
                    38 | 48 | 58 if codes.next() == Some(2) => {
                        found.rgb += 1;
                        codes.nth(2);
                    }
                    38 | 48 | 58 => {
                        found.indexed += 1;
                        codes.next();
                    }
                    39 | 49 | 59 => found.default += 1,
                    30..=37 | 40..=47 | 90..=107 => found.named += 1,
                    _ => {}
                }
            }
        }
        found
    }
}

/// Opens the demo, moves the cursor and changes the theme; returns the colours before and after that.
fn colors(variables: &[(&str, &str)]) -> (Terminal, Colors, Colors) {
    let (mut terminal, _folder) = demo_in((120, 40), variables);
    terminal.wait("the first screen", SOON, |text| text.contains("non-zero exit (1)"));
    terminal.press("j");
    terminal.press("T");
    terminal.wait("the themes", SOON, |text| text.contains("contrast") && text.contains("ansi16"));
    let before = terminal.written();
    terminal.press("day");
    terminal.wait("the theme that was looked for", SOON, |text| text.contains("> day") && !text.contains("contrast"));
    terminal.press("\r");
    terminal.wait("the screen in another theme", SOON, |text| !text.contains("> day"));
    let after = terminal.written().split_off(before.len());
    (terminal, Colors::count(&before), Colors::count(&after))
}

#[test]
fn without_colours_none_are_written_and_the_cursors_row_is_reversed() {
    for variables in [[("NO_COLOR", "1"), ("TERM", "xterm-kitty")], [("TERM", "dumb"), ("COLORTERM", "truecolor")]] {
        let (mut terminal, before, after) = colors(&variables);
        for found in [before, after] {
            let all = found.default + found.named + found.indexed + found.rgb;
            assert_eq!(all, 0, "{variables:?}: {found:?}");
        }
        // Each key is waited for: a frame that is late would show the cursor where the key before it left it.
        let first = cursor_row(&mut terminal, None);
        terminal.press("G");
        let bottom = cursor_row(&mut terminal, Some(first));
        terminal.press("gg");
        let top = cursor_row(&mut terminal, Some(bottom));
        terminal.press("j");
        assert!(cursor_row(&mut terminal, Some(top)) > top, "{variables:?}: {}", terminal.text());
    }
}

/// Waits until a row other than `before` is reversed, and returns it.
fn cursor_row(terminal: &mut Terminal, before: Option<u16>) -> u16 {
    let began = std::time::Instant::now();
    loop {
        if let [row] = terminal.reversed_rows()[..]
            && Some(row) != before
        {
            return row;
        }
        assert!(began.elapsed() < SOON, "no row is reversed:\n{}", terminal.text());
        let _ = terminal.changed_within(Duration::from_millis(100));
    }
}

#[test]
fn a_terminal_of_sixteen_colours_gets_its_own() {
    for term in ["linux", "xterm", "screen"] {
        let (_, before, after) = colors(&[("TERM", term)]);
        for found in [before, after] {
            assert_eq!((found.indexed, found.rgb), (0, 0), "{term}: {found:?}");
            assert!(found.named > 0, "{term}: {found:?}");
        }
    }
}

#[test]
fn a_terminal_of_256_colours_gets_those() {
    let (_, before, after) = colors(&[("TERM", "xterm-256color")]);
    for found in [before, after] {
        assert_eq!((found.named, found.rgb), (0, 0), "{found:?}");
        assert!(found.indexed > 0, "{found:?}");
    }
}

#[test]
fn a_terminal_of_all_colours_gets_a_themes_own() {
    for variables in
        [[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], [("TERM", "xterm-kitty"), ("NO_COLOR", "")]]
    {
        let (_, before, after) = colors(&variables);
        for found in [before, after] {
            assert_eq!((found.named, found.indexed), (0, 0), "{variables:?}: {found:?}");
            assert!(found.rgb > 0, "{variables:?}: {found:?}");
        }
    }
}
