//! Rows under headings, for people and for programs: one list of cells gives the table and the JSON.

use huiliu_proto::{kind::Field, lang::Label, shown};
use serde_json::{Map, Value as Json, json};

use super::CommandContext;

/// A label for programs: what depends on the language is given in both.
pub fn both_languages(label: &Label) -> Json {
    json!({ "zh": label.zh, "en": label.en })
}

/// A choice of a field for programs: its declared name, or the number of one that only a newer version knows.
pub fn choice_name(field: &Field, number: i64) -> Json {
    field.choice(number).map_or_else(|| number.into(), |choice| choice.name.to_lowercase().into())
}

/// A cell: as it is shown, and as a program reads it. Whatever a peer wrote stands on one line and obeys nobody.
pub struct Cell {
    shown: String,
    json: Json,
}

impl Cell {
    pub fn new(shown: impl Into<String>, json: impl Into<Json>) -> Cell {
        Cell { shown: shown::line(&shown.into()).into_owned(), json: json.into() }
    }

    /// Reads the same for both.
    pub fn same(text: impl Into<String>) -> Cell {
        let text = text.into();
        Cell { shown: shown::line(&text).into_owned(), json: Json::String(text) }
    }

    /// Several lines, for people only.
    pub fn lines(lines: &[String]) -> Cell {
        let shown: Vec<_> = lines.iter().map(|text| shown::line(text)).collect();
        Cell { shown: shown.join("\n"), json: lines.into() }
    }

    /// A label; programs get both languages of it.
    pub fn label(context: &CommandContext, label: &Label) -> Cell {
        Cell::new(context.label(label), both_languages(label))
    }

    /// Text of several lines; programs get the values behind it.
    pub fn wrapped(lines: &[String], json: impl Into<Json>) -> Cell {
        Cell { json: json.into(), ..Cell::lines(lines) }
    }

    /// A choice of a field; programs get its name.
    pub fn choice(context: &CommandContext, field: &Field, number: i64) -> Cell {
        match field.choice(number) {
            Some(choice) => Cell::new(context.label(&choice.label), choice_name(field, number)),
            None => Cell::new(number.to_string(), number),
        }
    }

    pub fn count(n: u64) -> Cell {
        Cell::new(n.to_string(), n)
    }

    pub fn none() -> Cell {
        Cell::new("", Json::Null)
    }
}

#[derive(Default)]
pub struct Table {
    columns: Vec<(&'static str, String, bool)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new() -> Table {
        Table::default()
    }

    /// A column: its name for programs, its heading for people.
    pub fn column(mut self, name: &'static str, heading: impl Into<String>) -> Table {
        self.columns.push((name, heading.into(), false));
        self
    }

    /// A column of numbers, which stand to the right.
    pub fn number(mut self, name: &'static str, heading: impl Into<String>) -> Table {
        self.columns.push((name, heading.into(), true));
        self
    }

    pub fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "a row has a cell a column");
        self.rows.push(cells);
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn json(&self) -> Json {
        let object = |row: &Vec<Cell>| {
            let pairs = self.columns.iter().zip(row).map(|(column, cell)| (column.0.to_owned(), cell.json.clone()));
            Json::Object(pairs.collect::<Map<_, _>>())
        };
        self.rows.iter().map(object).collect()
    }

    pub fn words(&self) -> String {
        use comfy_table::{CellAlignment, ContentArrangement, LineStyle, TableStyle};
        const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
        let mut table = comfy_table::Table::new();
        table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(self.columns.iter().map(|c| c.1.as_str()));
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| cell.shown.as_str()));
        }
        for (at, (_, _, number)) in self.columns.iter().enumerate() {
            if *number && let Some(column) = table.column_mut(at) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.trim_fmt()
    }
}

/// Cut to so many columns of a terminal, in which a Chinese character takes two.
pub fn brief(text: &str, most: usize) -> String {
    let text = shown::line(text).into_owned();
    let wide = |c: char| if c.is_ascii() { 1 } else { 2 };
    if text.chars().map(wide).sum::<usize>() <= most {
        return text;
    }
    let mut left = most.saturating_sub(2);
    let kept = text.chars().take_while(|c| {
        let fits = wide(*c) <= left;
        left = left.saturating_sub(wide(*c));
        fits
    });
    kept.chain(['…']).collect()
}

/// Words in lines of so many columns of a terminal; a longer word has a line of its own.
pub fn wrap(words: &[&str], between: &str, most: usize) -> Vec<String> {
    let width = |text: &str| text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum::<usize>();
    let mut lines: Vec<String> = vec![];
    for word in words {
        match lines.last_mut() {
            Some(line) if width(line) + width(between) + width(word) <= most => {
                line.push_str(between);
                line.push_str(word);
            }
            _ => lines.push((*word).to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_takes_two_columns() {
        let mut table = Table::new().column("name", "名称").number("count", "数量");
        table.row(vec![Cell::same("指导员"), Cell::count(12)]);
        table.row(vec![Cell::same("ab"), Cell::count(3)]);
        let words = table.words();
        let lines: Vec<&str> = words.lines().collect();
        // Three characters of two columns, or two of one and four blanks.
        assert!(lines.iter().any(|l| l.contains("指导员")), "{words}");
        assert!(lines.iter().any(|l| l.contains("ab    ")), "{words}");
        assert_eq!(table.json()[0]["count"], 12);
        assert_eq!(brief("指导员", 6), "指导员");
        assert_eq!(brief("指导员的工作", 8), "指导员…");
        assert_eq!(brief("a\nb", 8), "a⏎b");
    }

    #[test]
    fn a_cell_obeys_nobody() {
        let mut table = Table::new().column("name", "名称");
        table.row(vec![Cell::same("甲\n签收：\u{1b}[2J\u{202e}")]);
        table.row(vec![Cell::lines(&["1. 甲\u{7}".into(), "2. 乙\n3. 丙".into()])]);
        let words = table.words();
        assert!(words.contains("甲⏎签收：\\u{1b}[2J\\u{202e}"), "{words}");
        assert!(words.lines().any(|l| l.trim() == "2. 乙⏎3. 丙"), "{words}");
        assert_eq!(table.json()[0]["name"], "甲\n签收：\u{1b}[2J\u{202e}", "a program gets what was written");
    }
}
