//! Text cut and filled to a width in cells.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The cells a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text cut at its end to at most so many cells.
pub fn end(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut kept = front(text, most.saturating_sub(1));
    if most > 0 {
        kept.push('…');
    }
    kept
}

/// The text cut in its middle to at most so many cells: what tells images apart is at both ends.
pub fn middle(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    if most < 5 {
        return end(text, most);
    }
    let tail = (most - 1) / 2;
    let head = most - 1 - tail;
    let mut back: Vec<char> = Vec::new();
    let mut left = tail;
    for c in text.chars().rev() {
        let cells = c.width().unwrap_or(0);
        if cells > left {
            break;
        }
        left -= cells;
        back.push(c);
    }
    let back: String = back.into_iter().rev().collect();
    format!("{}…{back}", front(text, head))
}

/// The text cut or filled to exactly so many cells, at the left.
pub fn left(text: &str, cells: usize) -> String {
    let cut = end(text, cells);
    let gap = cells.saturating_sub(width(&cut));
    format!("{cut}{}", " ".repeat(gap))
}

/// The text cut or filled to exactly so many cells, at the right.
pub fn right(text: &str, cells: usize) -> String {
    let cut = end(text, cells);
    let gap = cells.saturating_sub(width(&cut));
    format!("{}{cut}", " ".repeat(gap))
}

/// The text filled to so many cells, cut in its middle if it is longer.
pub fn left_middle(text: &str, cells: usize) -> String {
    left(&middle(text, cells), cells)
}

/// The text in lines of at most so many cells, broken at blanks where there are some.
pub fn wrapped(text: &str, cells: usize) -> Vec<String> {
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

fn front(text: &str, most: usize) -> String {
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
    fn cuts_by_cells() {
        for (text, most, cut) in [
            ("17.9-spock5.0.6-standard-2", 26, "17.9-spock5.0.6-standard-2"),
            ("17.9-spock5.0.6-standard-2", 13, "17.9-s…dard-2"),
            ("17.9-spock5.0.6-standard-2", 4, "17.…"),
            ("日本語日本語", 7, "日…語"),
            ("abc", 0, ""),
        ] {
            let got = middle(text, most);
            assert_eq!(got, cut, "{text} {most}");
            assert!(width(&got) <= most);
        }
        assert_eq!((left("ab", 4), right("ab", 4), left("abcdef", 4)), ("ab  ".into(), "  ab".into(), "abc…".into()));
    }

    #[test]
    fn wraps_at_blanks() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!(wrapped("日本", 1), ["日", "本"]);
    }
}
