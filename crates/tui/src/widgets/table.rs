//! Tables: each column is defined once, with its heading, its width and its cells.

use ratatui::text::Line;

use crate::config::{StyleRole, Theme};
use crate::widgets::line_builder::LineBuilder;
use crate::widgets::width::{left, right};

type CellWriter<'a, R> = Box<dyn Fn(&mut LineBuilder<'_>, &R, usize) + 'a>;

/// A column of a table with rows of type `R`.
pub(crate) struct Column<'a, R> {
    /// The heading.
    name: &'static str,
    /// The number of blanks before it.
    gap: usize,
    /// The width in cells; none for the rest of the line.
    cells: Option<usize>,
    side: Alignment,
    /// The least width of a table at which the column is shown.
    from: usize,
    /// Appends the text of a row, given the width of the column.
    cell: CellWriter<'a, R>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alignment {
    Left,
    Right,
}

impl<'a, R> Column<'a, R> {
    /// Makes a column of left-aligned texts.
    pub(crate) fn left(name: &'static str, cells: usize, cell: impl Fn(&mut LineBuilder<'_>, &R, usize) + 'a) -> Self {
        Self { name, gap: 0, cells: Some(cells), side: Alignment::Left, from: 0, cell: Box::new(cell) }
    }

    /// Makes the last column, which takes the rest of the line.
    pub(crate) fn rest(name: &'static str, cell: impl Fn(&mut LineBuilder<'_>, &R) + 'a) -> Self {
        let cell = move |pen: &mut LineBuilder<'_>, row: &R, _| cell(pen, row);
        Self { name, gap: 0, cells: None, side: Alignment::Left, from: 0, cell: Box::new(cell) }
    }

    /// Makes a column of right-aligned texts.
    pub(crate) fn right(name: &'static str, cells: usize, cell: impl Fn(&R) -> (StyleRole, String) + 'a) -> Self {
        let cell = move |pen: &mut LineBuilder<'_>, row: &R, cells: usize| {
            let (role, text) = cell(row);
            pen.put(role, &right(&text, cells));
        };
        Self { name, gap: 0, cells: Some(cells), side: Alignment::Right, from: 0, cell: Box::new(cell) }
    }

    /// Sets the number of blanks before the column.
    pub(crate) fn after(self, gap: usize) -> Self {
        Self { gap, ..self }
    }

    /// Sets the least width of a table at which the column is shown.
    pub(crate) fn from(self, room: usize) -> Self {
        Self { from: room, ..self }
    }
}

/// A table with the columns that fit into its width.
pub(crate) struct Table<'a, R> {
    room: usize,
    columns: Vec<Column<'a, R>>,
}

impl<'a, R> Table<'a, R> {
    /// Makes a table of `room` cells, without the columns that need a wider one.
    pub(crate) fn new(room: usize, columns: Vec<Column<'a, R>>) -> Self {
        let columns = columns.into_iter().filter(|column| room >= column.from).collect();
        Self { room, columns }
    }

    /// Builds the line of headings.
    pub(crate) fn heading(&self, theme: &Theme) -> Line<'static> {
        let mut pen = LineBuilder::new(theme, self.room);
        for column in &self.columns {
            let name = match (column.cells, column.side) {
                (None, _) => column.name.to_owned(),
                (Some(cells), Alignment::Left) => left(column.name, cells),
                (Some(cells), Alignment::Right) => right(column.name, cells),
            };
            pen.gap(column.gap).put(StyleRole::TableHeader, &name);
        }
        pen.line()
    }

    /// Builds the line of a row.
    pub(crate) fn line(&self, row: &R, theme: &Theme) -> Line<'static> {
        let mut pen = LineBuilder::new(theme, self.room);
        let mut end = 0;
        for column in &self.columns {
            pen.gap(column.gap);
            let cells = column.cells.unwrap_or_else(|| pen.room());
            (column.cell)(&mut pen, row, cells);
            if column.cells.is_some() {
                end += column.gap + cells;
                pen.until(end);
            }
        }
        pen.line()
    }

    /// Returns the width of the columns in cells, without the one that takes the rest of the line.
    pub(crate) fn width(&self) -> usize {
        self.columns.iter().map(|column| column.gap + column.cells.unwrap_or(0)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heading_and_cells_stand_under_each_other_and_what_is_worth_less_goes_first() {
        let theme = crate::config::Config::default().theme;
        let table = |room| {
            let name = Column::left("NAME", 6, |pen, row: &(&str, u32), cells| {
                pen.column(StyleRole::Text, row.0, cells);
            });
            let count = Column::right("TASKS", 6, |row: &(&str, u32)| (StyleRole::Text, row.1.to_string()));
            let rest = Column::rest("REST", |pen, row: &(&str, u32)| {
                pen.put(StyleRole::Dim, row.0);
            });
            Table::new(room, vec![name, count.from(20), rest.after(2)])
        };
        let texts = |room| {
            let table = table(room);
            [table.heading(&theme), table.line(&("web", 12), &theme)].map(|line| line.to_string().trim_end().to_owned())
        };
        assert_eq!(texts(20), ["NAME   TASKS  REST", "web       12  web"]);
        assert_eq!(texts(19), ["NAME    REST", "web     web"]);
        assert_eq!((table(20).width(), table(19).width()), (14, 8));
    }
}
