//! Prints a screen as a terminal would show it, to be looked at or made a picture of.
//!
//! `cargo run --example screen -- 120x40 night "/ s h o p enter"`, or with a story's name instead of the keys

use pinnace_tui::config::{StyleRole, Theme};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier, Style};

#[path = "../crates/tui/tests/it/fixture.rs"]
#[expect(clippy::unwrap_used, reason = "a fixture of the tests")]
mod fixture;
#[path = "../crates/tui/tests/it/scenario.rs"]
#[expect(clippy::unwrap_used, clippy::panic, reason = "stories of the tests")]
mod scenario;

#[expect(clippy::print_stdout, reason = "printing is what it is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let size = args.first().map_or("120x40", String::as_str);
    let (width, height) = size.split_once('x').ok_or("a size such as 120x40")?;
    let (width, height) = (width.parse()?, height.parse()?);
    let well = args.get(3).map_or(Ok(31), |count| count.parse())?;
    let mut seen = fixture::seen(fixture::bad_night(well), fixture::six_nodes(), Vec::new());
    seen.extend(fixture::history());
    let mut state = fixture::console(width, height, seen);
    fixture::not_found(&mut state, "ghcr.io/pgedge/pgedge-postgres:my-custom-image");
    let keys = args.get(2).map_or("", String::as_str);
    match scenario::told(keys, width, height) {
        Some(told) => state = told,
        None => fixture::log(&mut state, keys),
    }
    let name = args.get(1).map_or("night", String::as_str);
    let (theme, _) = Theme::load(name, &[]);
    let mut terminal = Terminal::new(TestBackend::new(width, height))?;
    terminal.draw(|frame| pinnace_tui::view::view(frame, &state, &theme))?;
    let buffer = terminal.backend().buffer();
    let ground = theme.style(StyleRole::Screen);
    for y in 0..height {
        let mut last = None;
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..width {
            let Some(cell) = buffer.cell((x, y)) else { continue };
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let style = cell.style();
            if last != Some(style) {
                line.push_str(&sgr(ground.patch(style)));
                last = Some(style);
            }
            line.push_str(cell.symbol());
            skip = pinnace_tui::widgets::width::width(cell.symbol()).saturating_sub(1);
        }
        println!("{line}\x1b[0m");
    }
    Ok(())
}

/// The escape sequence of a style.
fn sgr(style: Style) -> String {
    let mut codes = vec!["0".to_owned()];
    for (modifier, code) in [
        (Modifier::BOLD, "1"),
        (Modifier::DIM, "2"),
        (Modifier::ITALIC, "3"),
        (Modifier::UNDERLINED, "4"),
        (Modifier::REVERSED, "7"),
        (Modifier::CROSSED_OUT, "9"),
    ] {
        if style.add_modifier.contains(modifier) {
            codes.push(code.to_owned());
        }
    }
    for (color, lead) in [(style.fg, "38"), (style.bg, "48")] {
        match color {
            Some(Color::Rgb(r, g, b)) => codes.push(format!("{lead};2;{r};{g};{b}")),
            Some(Color::Indexed(index)) => codes.push(format!("{lead};5;{index}")),
            _ => {}
        }
    }
    format!("\x1b[{}m", codes.join(";"))
}
