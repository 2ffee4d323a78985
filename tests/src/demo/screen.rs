//! What the demo shows while it runs: headings, sentences, tables and bars, in the language chosen.

use std::{
    borrow::Cow,
    io::{IsTerminal as _, stderr},
    time::Duration,
};

use huiliu_node::{
    cli::table::Table,
    rollup::{Measure, Unit},
};
use huiliu_proto::{lang::Lang, money::Total, shown, union::UnionNumber};
use indicatif::{ProgressBar, ProgressStyle};

pub struct Screen {
    pub lang: Lang,
}

impl Screen {
    pub fn heading(&self, number: usize, zh: &str, en: &str) {
        println!("\n{number}  {}", shown::page(self.lang.pick(zh, en)));
    }

    pub fn say(&self, zh: impl AsRef<str>, en: impl AsRef<str>) {
        println!("   {}", shown::page(self.lang.pick(zh.as_ref(), en.as_ref())));
    }

    pub fn table(&self, table: &Table) {
        for line in table.words().lines() {
            println!("   {}", shown::page(line));
        }
    }

    /// A bar on standard error; it shows only in a terminal.
    pub fn bar(&self, total: u64, zh: &str, en: &str) -> ProgressBar {
        if !stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(total);
        // A template that does not parse is a mistake of this file; the bar then has its usual looks.
        if let Ok(style) = ProgressStyle::with_template("   {msg} [{bar:30}] {human_pos}/{human_len} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(self.lang.pick(zh, en).to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    pub fn name(&self, union: UnionNumber) -> String {
        match self.lang {
            Lang::Zh => union.union_name(),
            Lang::En => format!("{union} {}", english(union)),
        }
    }

    pub fn short(&self, union: UnionNumber) -> String {
        match self.lang {
            Lang::Zh => union.name().into_owned(),
            Lang::En => english(union).into_owned(),
        }
    }
}

/// The table of regions has Chinese names only; these are the demo's eight.
fn english(union: UnionNumber) -> Cow<'static, str> {
    let name = match union.get() {
        100_000 => "national union",
        110_000 => "Beijing",
        110_102 => "Xicheng",
        110_117 => "Pinggu",
        320_000 => "Jiangsu",
        320_900 => "Yancheng",
        320_922 => "Binhai",
        320_923 => "Funing",
        _ => return union.name(),
    };
    name.into()
}

/// In whole yuan and fen, or a plain count.
pub fn amount(measure: &Measure, value: i128) -> String {
    match measure.unit {
        Unit::Count => value.to_string(),
        Unit::Fen => Total(value).to_string(),
    }
}

/// As `12.3 MB`: thousands, not 1024.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{}.{} kB", count / 1_000, count % 1_000 / 100),
        _ => format!("{}.{} MB", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

/// As `3.2`: seconds and tenths.
pub fn seconds(time: Duration) -> String {
    format!("{}.{}", time.as_secs(), time.subsec_millis() / 100)
}
