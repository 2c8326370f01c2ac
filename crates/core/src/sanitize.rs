//! Sanitising of text from outside before it is shown.
//!
//! Labels, names, errors, logs and registry answers may hold anything: a title change, a write to the clipboard
//! (OSC 52), a colour that is never reset, an override of the reading direction. Everything that a terminal would
//! execute (ECMA-48: C0, C1, escape sequences) is removed completely, and so are invisible characters.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

/// The most zero-width characters, such as accents, that are kept behind one character: a terminal is sent all of them
/// for a single cell.
const MARKS: usize = 4;

/// Returns the text as one line: without escape sequences, control and invisible characters, and
/// with a blank for each line break or tab.
pub fn clean(text: &str) -> String {
    strip(text, false).into_owned()
}

/// Returns the text like [`clean`], but with its line feeds, for logs. `\r\n` becomes `\n`.
pub fn lines(text: &str) -> String {
    strip(text, true).into_owned()
}

fn strip(text: &str, keep_lines: bool) -> Cow<'_, str> {
    let harmless = |c: char| {
        (!(c.is_control() || is_invisible(c) || is_break(c)) && (c.is_ascii() || c.width() != Some(0)))
            || (keep_lines && c == '\n')
    };
    let Some(first) = text.find(|c| !harmless(c)) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..first]);
    let mut rest = &text[first..];
    let mut marks = 0;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '\n' if keep_lines => {
                out.push('\n');
                after
            }
            '\r' if after.starts_with('\n') => after,
            '\t' | '\n' | '\r' | '\x0b' | '\x0c' => {
                out.push(' ');
                after
            }
            c if is_break(c) => {
                out.push(if keep_lines { '\n' } else { ' ' });
                after
            }
            '\x1b' => escape(after),
            '\u{9b}' => control_sequence(after),
            '\u{9d}' => string(after, true),
            '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}' => string(after, false),
            c if c.is_control() || is_invisible(c) => after,
            c if !c.is_ascii() && c.width() == Some(0) => {
                marks += 1;
                if marks <= MARKS {
                    out.push(c);
                }
                after
            }
            c => {
                marks = 0;
                out.push(c);
                after
            }
        };
    }
    Cow::Owned(out)
}

/// Skips one escape sequence; `after` is the text behind its ESC. Returns the rest.
fn escape(after: &str) -> &str {
    let Some(c) = after.chars().next() else { return after };
    let rest = &after[c.len_utf8()..];
    match c {
        '[' => control_sequence(rest),
        ']' => string(rest, true),
        'P' | 'X' | '^' | '_' => string(rest, false),
        ' '..='/' => {
            let rest = rest.trim_start_matches(|c| matches!(c, ' '..='/'));
            rest.strip_prefix(|c| matches!(c, '0'..='~')).unwrap_or(rest)
        }
        '0'..='~' => rest,
        // Not a sequence: only the ESC is removed, and the rest is examined on its own.
        _ => after,
    }
}

/// Skips a CSI's parameters, intermediates and final character, and returns the rest.
fn control_sequence(after: &str) -> &str {
    let rest = after.trim_start_matches(|c| matches!(c, '0'..='?'));
    let rest = rest.trim_start_matches(|c| matches!(c, ' '..='/'));
    rest.strip_prefix(|c| matches!(c, '@'..='~')).unwrap_or(rest)
}

/// Skips a string sequence (OSC, DCS, SOS, PM, APC), and returns the rest.
///
/// If it does not end on its line, only its introducer is removed: a lone `ESC ]` must not hide the rest of a log.
fn string(after: &str, ends_with_bell: bool) -> &str {
    for (at, c) in after.char_indices() {
        let next = &after[at + c.len_utf8()..];
        match c {
            '\u{9c}' | '\x18' | '\x1a' => return next,
            '\x07' if ends_with_bell => return next,
            // `ESC \` ends it; any other escape cancels it and starts a new sequence.
            '\x1b' => return next.strip_prefix('\\').unwrap_or(&after[at..]),
            // Another C1 introducer cancels it too, which keeps the run time linear.
            '\u{90}' | '\u{98}' | '\u{9b}' | '\u{9d}'..='\u{9f}' => return &after[at..],
            '\n' | '\r' => return after,
            _ => {}
        }
    }
    after
}

/// Returns whether this is a Unicode line or paragraph separator, at which some terminals and editors break lines.
fn is_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Returns whether a character is invisible: the default ignorable code points of Unicode 16 (`DerivedCoreProperties`)
/// and the annotation characters.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Returns whether a character is a format character that [`is_invisible`] does not have: the marks that some scripts
/// put around numbers and words (Unicode category Cf).
fn is_format(c: char) -> bool {
    matches!(
        c,
        '\u{600}'..='\u{605}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
    )
}

/// Returns JSON text with every control, format and invisible character in its strings escaped: what a program reads
/// stays the same, and a terminal that shows it obeys nothing.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut units = [0; 2];
    for c in text.chars() {
        // A line feed is white space between the values: within a string it is escaped already.
        if c == '\n' || !(c.is_control() || is_invisible(c) || is_format(c) || is_break(c)) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut units) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line() {
        for (dirty, cleaned) in [
            ("plain · text – 日本", "plain · text – 日本"),
            ("a\tb\nc\r\nd\re", "a b c d e"),
            ("\x1b[31mred\x1b[0m", "red"),
            ("\x1b[?1049h\x1b[2Jgone", "gone"),
            ("\x1b[1 qcursor", "cursor"),
            ("\x1b]0;title\x07text", "text"),
            ("\x1b]52;c;cm0gLXJmIC8=\x1b\\text", "text"),
            ("\x1b]52;c;eA==\u{9c}text", "text"),
            ("\x1bP1$r0m\x1b\\dcs", "dcs"),
            ("\x1b_apc\x1b\\x\x1b^pm\x1b\\y\x1bXsos\x1b\\z", "xyz"),
            ("\u{9b}31mred\u{9b}m", "red"),
            ("\u{9d}0;title\x07text\u{85}\u{8d}", "text"),
            ("\u{90}q#0\u{9c}sixel", "sixel"),
            ("\x1b(0line\x1b(B\x1b7\x1bc\x1b=", "line"),
            ("\x1b]0;never ended", "0;never ended"),
            ("a\x1b", "a"),
            ("\x1b\x1b[31mx", "x"),
            ("\x1b[31\x1b[1mx", "x"),
            ("\x1b]0;a\x1b[1mb", "b"),
            ("\x1bélan", "élan"),
            ("bell\x07 null\0 del\x7f back\x08", "bell null del back"),
            ("a\u{202e}gpj.exe\u{2066}b\u{2069}", "agpj.exeb"),
            ("pg\u{200b}edge\u{feff}\u{e0041}\u{200d}", "pgedge"),
            ("a\u{2028}b", "a b"),
            ("a\u{34f}\u{115f}\u{3164}\u{fe0f}\u{e0101}b", "ab"),
            ("e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}x\u{301}", "e\u{301}\u{301}\u{301}\u{301}x\u{301}"),
        ] {
            assert_eq!(clean(dirty), cleaned, "{dirty:?}");
        }
    }

    #[test]
    fn json_is_read_the_same_and_shown_without_effect() {
        let dirty = "a\u{9b}31m\u{7f}\u{202e}\u{200b}\u{600}\u{e0041}\u{2028}\nb – 日本";
        let text = json(&serde_json::to_string_pretty(&[dirty]).unwrap());
        assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || is_invisible(c) || is_format(c))), "{text}");
        assert!(text.contains("日本"));
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), [dirty]);
    }

    #[test]
    fn logs_keep_their_lines() {
        assert_eq!(lines("a\r\nb\n\x1b]hidden?\nc\td"), "a\nb\nhidden?\nc d");
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_left_that_a_terminal_obeys(text in ".*", seed in "[\\x1b\\[\\]P;0-9m\\x07\u{9b}\u{9c}\\n ]*") {
            let dirty = format!("{text}{seed}{text}");
            let cleaned = clean(&dirty);
            proptest::prop_assert!(!cleaned.chars().any(char::is_control));
            proptest::prop_assert_eq!(clean(&cleaned), cleaned);
        }
    }
}
