//! Drawing of a state into a test terminal.

use pinnace_tui::config::Theme;
use pinnace_tui::state::State;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

/// Draws the state into a terminal of this size, which may differ from the size in the state.
pub fn draw_at(state: &State, (width, height): (u16, u16), theme: &Theme) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| pinnace_tui::view::view(frame, state, theme)).unwrap();
    terminal.backend().buffer().clone()
}

/// Returns the lines of text in a buffer.
pub fn lines(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    let line = |y| {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..area.width {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            line.push_str(buffer[(x, y)].symbol());
            skip = pinnace_tui::widgets::width::width(buffer[(x, y)].symbol()).saturating_sub(1);
        }
        line.trim_end().to_owned()
    };
    (0..area.height).map(line).collect()
}
