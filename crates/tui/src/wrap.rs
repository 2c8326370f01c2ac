//! Text measured in terminal cells: its width and its line breaks.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The cells beside the lines of a screen of text: two before each line, and one at its end.
pub(crate) const MARGIN: usize = 3;

/// Returns the width of a text, in cells.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Breaks a text into lines of at most `cells` cells, at blanks where possible.
pub(crate) fn wrapped(text: &str, cells: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while width(rest) > cells && cells > 0 {
        let kept = front(rest, cells);
        let cut = if kept.is_empty() { rest.chars().next().map_or(0, char::len_utf8) } else { kept.len() };
        let at = rest[..cut].rfind(' ').filter(|at| *at > cut / 2).unwrap_or(cut);
        lines.push(rest[..at].to_owned());
        rest = rest[at..].trim_start();
    }
    if !rest.is_empty() || lines.is_empty() {
        lines.push(rest.to_owned());
    }
    lines
}

/// Returns the longest prefix of the text that fits into `most` cells.
pub(crate) fn front(text: &str, most: usize) -> String {
    let mut left = most;
    text.chars()
        .take_while(|c| {
            let cells = c.width().unwrap_or(0);
            let fits = cells <= left;
            left = left.saturating_sub(cells);
            fits
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_at_blanks() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!(wrapped("日本", 1), ["日", "本"]);
    }
}
