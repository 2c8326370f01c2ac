//! A single-line text input, as in the filter and the palette.

/// One line of text with a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineInput {
    text: String,
    /// The byte offset of the cursor, always at a character boundary.
    at: usize,
}

impl LineInput {
    /// Makes a line with this text and the cursor at its end.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), at: text.len() }
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the text before and after the cursor.
    pub fn parts(&self) -> (&str, &str) {
        self.text.split_at(self.at)
    }

    /// Inserts a character; control characters are ignored.
    pub fn insert(&mut self, c: char) {
        if !c.is_control() {
            self.text.insert(self.at, c);
            self.at += c.len_utf8();
        }
    }

    /// Inserts a pasted text as one line, without control characters.
    pub(crate) fn paste(&mut self, text: &str) {
        for c in pinnace_core::sanitize::clean(text.trim_end()).chars() {
            self.insert(c);
        }
    }

    /// Moves left by a character.
    pub fn left(&mut self) {
        self.at = self.before().map_or(0, |(at, _)| at);
    }

    /// Moves right by a character.
    pub fn right(&mut self) {
        self.at += self.parts().1.chars().next().map_or(0, char::len_utf8);
    }

    /// Moves to the start.
    pub fn home(&mut self) {
        self.at = 0;
    }

    /// Moves to the end.
    pub fn end(&mut self) {
        self.at = self.text.len();
    }

    /// Moves left by a word.
    pub(crate) fn word_left(&mut self) {
        self.at = self.word_start();
    }

    /// Moves right by a word.
    pub(crate) fn word_right(&mut self) {
        let after = self.parts().1;
        let word = after.trim_start();
        let blanks = after.len() - word.len();
        self.at += blanks + word.find(char::is_whitespace).unwrap_or(word.len());
    }

    /// Deletes the character before the cursor.
    pub(crate) fn delete_back(&mut self) {
        if let Some((at, _)) = self.before() {
            self.text.remove(at);
            self.at = at;
        }
    }

    /// Deletes the character under the cursor.
    pub(crate) fn delete_forward(&mut self) {
        if self.at < self.text.len() {
            self.text.remove(self.at);
        }
    }

    /// Deletes the word before the cursor.
    pub(crate) fn delete_word_back(&mut self) {
        let start = self.word_start();
        self.text.replace_range(start..self.at, "");
        self.at = start;
    }

    /// Deletes the text.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn before(&self) -> Option<(usize, char)> {
        self.parts().0.char_indices().next_back()
    }

    fn word_start(&self) -> usize {
        let before = self.parts().0.trim_end();
        before.rfind(char::is_whitespace).map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_at_characters_not_bytes() {
        let mut line = LineInput::new("größe web");
        line.word_left();
        assert_eq!(line.parts(), ("größe ", "web"));
        line.delete_word_back();
        assert_eq!(line.parts(), ("", "web"));
        line.paste("a\u{1b}[31mé\n");
        assert_eq!(line.parts(), ("aé", "web"));
        line.delete_back();
        line.delete_forward();
        line.word_right();
        assert_eq!(line.parts(), ("aeb", ""));
        line.left();
        line.home();
        line.right();
        assert_eq!(line.parts(), ("a", "eb"));
    }
}
