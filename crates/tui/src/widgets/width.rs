//! Text cut and padded to a width in cells.

use unicode_width::UnicodeWidthChar as _;

use crate::wrap::front;
pub use crate::wrap::width;
pub(crate) use crate::wrap::wrapped;

/// Cuts a text at its end to at most `most` cells.
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

/// Cuts a text in its middle to at most `most` cells, because images differ at both ends of their references.
pub(crate) fn middle(text: &str, most: usize) -> String {
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

/// Cuts or pads a text to exactly `cells` cells, left-aligned.
pub fn left(text: &str, cells: usize) -> String {
    let cut = end(text, cells);
    let gap = cells.saturating_sub(width(&cut));
    format!("{cut}{}", " ".repeat(gap))
}

/// Cuts or pads a text to exactly `cells` cells, right-aligned.
pub fn right(text: &str, cells: usize) -> String {
    let cut = end(text, cells);
    let gap = cells.saturating_sub(width(&cut));
    format!("{}{cut}", " ".repeat(gap))
}

/// Pads a text to `cells` cells, left-aligned; a longer one is cut in its middle.
pub(crate) fn left_middle(text: &str, cells: usize) -> String {
    left(&middle(text, cells), cells)
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
}
