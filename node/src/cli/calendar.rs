//! `calendar`: the days off and the working weekends of each year, which working days are counted by.

use std::{fs::File, path::PathBuf};

use anyhow::Result;
use clap::Subcommand;
use huiliu_proto::{handle::Declared as _, shown, v1::Calendar};
use serde_json::{Value as Json, json};

use super::{
    CommandContext,
    error::{CommandError, Exit, both},
    record,
    table::{Cell, Table},
};
use crate::app::{
    Mode,
    calendar::{self, MAX_BYTES, Notice, NoticeError, Year},
};

#[derive(Debug, Subcommand)]
pub enum CalendarVerb {
    /// Publish the days off of a year for all unions below
    Publish(Publish),
    /// List the years of which the days off are known here
    List(List),
}

#[derive(Debug, clap::Args)]
pub struct Publish {
    /// A year whose notice this program brings along
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    year: Option<i32>,
    /// A notice in a file: `year`, `doc_no`, then lines of `off DAY`, `off FROM TO` and `works DAY`
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// Go on after this place
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
    /// So many lines at most
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    most: u16,
}

impl CalendarVerb {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        match self {
            CalendarVerb::Publish(verb) => verb.run(context),
            CalendarVerb::List(verb) => verb.run(context),
        }
    }
}

fn told(error: &NoticeError) -> CommandError {
    let mistake = match error {
        NoticeError::NotBuiltIn(year) => {
            let known: Vec<String> = calendar::built_in().map(|year| year.to_string()).collect();
            let (zh, en) = (known.join("、"), known.join(", "));
            CommandError::usage(
                both(format!("程序未自带{year}年的节假日安排"), format!("this program has no notice of {year}")),
                both(
                    format!("自带的年度有{zh}；其他年度请用 --file 给出通知文件"),
                    format!("it has those of {en}; give any other with --file"),
                ),
            )
        }
        NoticeError::Line(line) => CommandError::usage(
            both(format!("通知文件第{line}行无法识别"), format!("line {line} of the notice cannot be read")),
            both(
                "每行写 off 2026-02-15 2026-02-23 或 works 2026-02-14",
                "write lines such as `off 2026-02-15 2026-02-23` and `works 2026-02-14`",
            ),
        ),
        NoticeError::Incomplete => CommandError::usage(
            both("通知文件缺少年度或文号", "the notice names no year or no document number"),
            both("加上 year 2026 和 doc_no 文号 两行", "add the lines `year 2026` and `doc_no NUMBER`"),
        ),
        NoticeError::TooLong => CommandError::usage(
            both(
                format!("通知文件超过{}KB", MAX_BYTES / 1024),
                format!("the notice is longer than {} KB", MAX_BYTES / 1024),
            ),
            both(
                "请核对是否选错了文件；一年的安排不过几十行",
                "see whether it is the right file: a year takes some dozens of lines",
            ),
        ),
        NoticeError::SaidLater(doc_no) => CommandError::refused(
            both(
                format!(
                    "本单位另一台机器已发布该年度的安排（{}），其时钟比本机快，在本机另行发布不会生效",
                    shown::line(doc_no)
                ),
                format!(
                    "another machine of this union, its clock ahead of this one's, has published that year ({}): another notice published here would not be heard",
                    shown::line(doc_no)
                ),
            ),
            both(
                "请核对两台机器的日期和时间，在那台机器上重新发布",
                "compare the clocks of both, and publish it on that machine",
            ),
        ),
        NoticeError::NoPlace(typed) => CommandError::usage(
            both(format!("“{typed}”不是列表中的位置"), error.to_string()),
            both("位置由上一页给出", "the page before gives it"),
        ),
        NoticeError::NotAPublisher => CommandError::refused(
            both("节假日安排由全国总工会和省级总工会发布", "the national and the provincial unions publish days off"),
            both(
                "已发布的会自动下达，用 calendar list 查看",
                "what they publish comes down by itself: see `calendar list`",
            ),
        ),
    };
    let about = match error {
        NoticeError::NotBuiltIn(year) => json!({ "year": year }),
        NoticeError::Line(line) => json!({ "line": line }),
        NoticeError::SaidLater(doc_no) => json!({ "doc_no": doc_no }),
        NoticeError::Incomplete | NoticeError::TooLong | NoticeError::NotAPublisher | NoticeError::NoPlace(_) => {
            Json::Null
        }
    };
    mistake.coded(error.code(), about)
}

impl Publish {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let notice = match (&self.file, self.year) {
            (Some(file), _) => Notice::read(File::open(file)?)?,
            (None, year) => Notice::of_year(year.unwrap_or_default()),
        };
        let notice = notice.map_err(|error| told(&error))?;
        let opened = context.open()?;
        let outcome =
            calendar::publish(&opened.store, notice, Mode::of(self.dry_run))?.map_err(|error| told(&error))?;
        record::answer(context, Calendar::kind(), outcome, self.dry_run)
    }
}

impl List {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let after = self.after.as_deref().map(str::parse).transpose().map_err(|error| told(&error))?;
        let opened = context.open()?;
        let page = opened.look(|conn| Ok(calendar::page(conn, opened.me.union, after, usize::from(self.most))?))?;
        let mut table = Table::new()
            .column("year", context.pick("年度", "year"))
            .column("union", context.pick("发布工会", "published by"))
            .column("doc_no", context.pick("文号", "document no."))
            .column("days_off", context.pick("放假天数", "days off"))
            .column("make_up_days", context.pick("补班天数", "make-up days"));
        for Year { year, by, doc_no, days_off, make_up_days } in &page.years {
            table.row(vec![
                Cell::new(year.to_string(), *year),
                Cell::new(by.union_name(), u64::from(*by)),
                Cell::same(shown::line(doc_no).into_owned()),
                Cell::new(days_off.to_string(), *days_off),
                Cell::new(make_up_days.to_string(), *make_up_days),
            ]);
        }
        let none = || {
            context.pick(
                "尚未收到节假日安排，工作日仅扣除周末",
                "none is known here: only weekends are taken out of working days",
            )
        };
        context.answer(
            || json!({ "years": table.json(), "next": page.next.map(|place| place.to_string()) }),
            || if table.is_empty() { none().to_owned() } else { table.words() },
        )?;
        context.note_next(page.next);
        Ok(Exit::Done)
    }
}
