//! The text buffer of the pins editor. The text area serves as the editing model only:
//! its key bindings are off, and its drawing is not used.

use tui_textarea::{CursorMove, TextArea};

use crate::action::Action;
use pinnace_core::sanitize;

/// The most edits that can be undone.
const UNDOS: usize = 1000;

/// A text with a cursor and an undo history.
#[derive(Clone, Debug)]
pub struct Editor {
    area: TextArea<'static>,
}

impl Editor {
    /// Creates an editor with this text and the cursor at its start; terminal control sequences are removed.
    pub fn new(text: &str) -> Self {
        let mut area = TextArea::new(sanitize::lines(text).split('\n').map(str::to_owned).collect());
        area.set_max_histories(UNDOS);
        Self { area }
    }

    /// Returns the whole text.
    pub fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Returns the lines of the text, at least one.
    pub fn lines(&self) -> &[String] {
        self.area.lines()
    }

    /// Returns the cursor's line and its column in characters.
    pub fn cursor(&self) -> (usize, usize) {
        let cursor = self.area.cursor();
        (cursor.0, cursor.1)
    }

    /// Moves the cursor to a line and a column, or as near as the text allows.
    pub fn jump(&mut self, line: usize, column: usize) {
        let cell = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
        self.area.move_cursor(CursorMove::Jump(cell(line), cell(column)));
    }

    /// Replaces the whole text, as one edit or two in the undo history.
    pub fn replace(&mut self, text: &str) {
        self.area.select_all();
        self.area.insert_str(sanitize::lines(text));
    }

    /// Replaces a range of characters in the cursor's line.
    pub(crate) fn replace_in_line(&mut self, characters: std::ops::Range<usize>, text: &str) {
        self.jump(self.cursor().0, characters.start);
        self.area.delete_str(characters.len());
        self.area.insert_str(sanitize::clean(text));
    }

    /// Inserts a character; ignores control characters.
    pub fn insert(&mut self, c: char) {
        if !c.is_control() {
            self.area.insert_char(c);
        }
    }

    /// Inserts a pasted text with its line breaks, as one edit.
    pub(crate) fn paste(&mut self, pasted: &str) {
        self.area.insert_str(sanitize::lines(&pasted.replace("\r\n", "\n").replace('\r', "\n")));
    }

    /// Carries out an editing action; returns false for other actions. `page` is the height of the text in lines.
    pub fn run(&mut self, action: Action, page: usize) -> bool {
        let area = &mut self.area;
        match action {
            Action::CursorLeft => area.move_cursor(CursorMove::Back),
            Action::CursorRight => area.move_cursor(CursorMove::Forward),
            Action::CursorUp | Action::Up => area.move_cursor(CursorMove::Up),
            Action::CursorDown | Action::Down => area.move_cursor(CursorMove::Down),
            Action::CursorHome => area.move_cursor(CursorMove::Head),
            Action::CursorEnd => area.move_cursor(CursorMove::End),
            Action::CursorWordLeft => area.move_cursor(CursorMove::WordBack),
            Action::CursorWordRight => area.move_cursor(CursorMove::WordForward),
            Action::Top => self.jump(0, 0),
            Action::Bottom => {
                area.move_cursor(CursorMove::Bottom);
                area.move_cursor(CursorMove::End);
            }
            Action::PageDown | Action::PageUp => {
                let (line, column) = self.cursor();
                let step = page.saturating_sub(1).max(1);
                let last = self.lines().len().saturating_sub(1);
                let line = if action == Action::PageDown { (line + step).min(last) } else { line.saturating_sub(step) };
                self.jump(line, column);
            }
            Action::DeleteBack => {
                area.delete_char();
            }
            Action::DeleteForward => {
                area.delete_next_char();
            }
            Action::DeleteWordBack => {
                area.delete_word();
            }
            Action::DeleteLine => self.delete_line(),
            Action::Newline => area.insert_newline(),
            Action::Undo => {
                area.undo();
            }
            Action::Redo => {
                area.redo();
            }
            _ => return false,
        }
        true
    }

    /// Deletes the cursor's line.
    fn delete_line(&mut self) {
        self.area.move_cursor(CursorMove::Head);
        let cells = self.lines().get(self.cursor().0).map_or(0, |line| line.chars().count());
        self.area.delete_str(cells + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(editor: &mut Editor, actions: &[Action]) {
        for action in actions {
            assert!(editor.run(*action, 10), "{action}");
        }
    }

    #[test]
    fn a_text_comes_back_as_it_was() {
        for text in ["", "a", "a\n", "a\n\nb\n", "# größe 日本\n"] {
            assert_eq!(Editor::new(text).text(), text);
        }
        assert_eq!(Editor::new("a\u{1b}[31mb\r\nc\td").text(), "ab\nc d");
    }

    #[test]
    fn edits_are_taken_back_and_made_again() {
        let mut editor = Editor::new("image = \"\"\n");
        editor.jump(0, 9);
        for c in "a日b".chars() {
            editor.insert(c);
        }
        editor.insert('\u{7}');
        assert_eq!((editor.text().as_str(), editor.cursor()), ("image = \"a日b\"\n", (0, 12)));
        run(&mut editor, &[Action::Undo, Action::Undo]);
        assert_eq!(editor.text(), "image = \"a\"\n");
        run(&mut editor, &[Action::Redo]);
        assert_eq!(editor.text(), "image = \"a日\"\n");
        run(&mut editor, &[Action::CursorHome, Action::DeleteForward, Action::CursorEnd, Action::DeleteBack]);
        assert_eq!(editor.text(), "mage = \"a日\n");
    }

    #[test]
    fn a_pasted_text_keeps_its_lines_and_is_one_edit() {
        let mut editor = Editor::new("x");
        editor.paste("[node.n1]\r\nimage = \"a\"\r\u{1b}]52;c;eA==\u{7}");
        assert_eq!((editor.text().as_str(), editor.cursor()), ("[node.n1]\nimage = \"a\"\nx", (2, 0)));
        run(&mut editor, &[Action::Undo]);
        assert_eq!(editor.text(), "x");
    }

    #[test]
    fn lines_are_deleted_whole() {
        let mut editor = Editor::new("one\ntwo\n\nthree");
        editor.jump(1, 2);
        run(&mut editor, &[Action::DeleteLine]);
        assert_eq!((editor.text().as_str(), editor.cursor()), ("one\n\nthree", (1, 0)));
        run(&mut editor, &[Action::DeleteLine, Action::DeleteLine]);
        assert_eq!(editor.text(), "one\n");
        run(&mut editor, &[Action::Newline, Action::Top, Action::PageDown]);
        assert_eq!(editor.cursor(), (2, 0));
    }
}
