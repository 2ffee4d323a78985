//! `calendar`: the days off and the working weekends of each year, which working days are counted by.

use std::{fs::File, path::PathBuf};

use anyhow::Result;
use clap::Subcommand;
use huiliu_proto::{
    handle::Declared as _,
    record::Record,
    records::{calendar as calendar_fields, calendar_day},
    shown,
    union::UnionNumber,
    v1::{Calendar, DayKind},
};
use serde_json::json;

use super::{
    Desk,
    error::{Exit, Mistake, both},
    record,
    table::{Cell, Table},
};
use crate::{
    app::{
        Mode,
        calendar::{self, MAX_BYTES, Notice, NoticeError},
    },
    store::projection,
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
pub struct List {}

impl CalendarVerb {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        match self {
            CalendarVerb::Publish(verb) => verb.run(desk),
            CalendarVerb::List(verb) => verb.run(desk),
        }
    }
}

fn told(error: &NoticeError) -> Mistake {
    match error {
        NoticeError::NotBuiltIn(year) => {
            let known: Vec<String> = calendar::built_in().map(|year| year.to_string()).collect();
            let (zh, en) = (known.join("、"), known.join(", "));
            Mistake::usage(
                both(format!("程序未自带{year}年的节假日安排"), format!("this program has no notice of {year}")),
                both(
                    format!("自带的年度有{zh}；其他年度请用 --file 给出通知文件"),
                    format!("it has those of {en}; give any other with --file"),
                ),
            )
        }
        NoticeError::Line(line) => Mistake::usage(
            both(format!("通知文件第{line}行无法识别"), format!("line {line} of the notice cannot be read")),
            both(
                "每行写 off 2026-02-15 2026-02-23 或 works 2026-02-14",
                "write lines such as `off 2026-02-15 2026-02-23` and `works 2026-02-14`",
            ),
        ),
        NoticeError::Incomplete => Mistake::usage(
            both("通知文件缺少年度或文号", "the notice names no year or no document number"),
            both("加上 year 2026 和 doc_no 文号 两行", "add the lines `year 2026` and `doc_no NUMBER`"),
        ),
        NoticeError::TooLong => Mistake::usage(
            both(
                format!("通知文件超过{}KB", MAX_BYTES / 1024),
                format!("the notice is longer than {} KB", MAX_BYTES / 1024),
            ),
            both(
                "请核对是否选错了文件；一年的安排不过几十行",
                "see whether it is the right file: a year takes some dozens of lines",
            ),
        ),
        NoticeError::SaidLater(doc_no) => Mistake::refused(
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
        NoticeError::NotAPublisher => Mistake::refused(
            both("节假日安排由全国总工会和省级总工会发布", "the national and the provincial unions publish days off"),
            both(
                "已发布的会自动下达，用 calendar list 查看",
                "what they publish comes down by itself: see `calendar list`",
            ),
        ),
    }
}

impl Publish {
    fn run(self, desk: &Desk) -> Result<Exit> {
        let notice = match (&self.file, self.year) {
            (Some(file), _) => Notice::read(File::open(file)?)?,
            (None, year) => Notice::of_year(year.unwrap_or_default()),
        };
        let notice = notice.map_err(|error| told(&error))?;
        let office = desk.open()?;
        let work = move |ledger: &mut crate::ledger::Ledger| calendar::publish(ledger, &notice);
        let outcome = Mode::of(self.dry_run).run(&office.store, work)?.map_err(|error| told(&error))?;
        record::answer(desk, Calendar::kind(), outcome, self.dry_run)
    }
}

/// How many days of a kind a notice names.
fn count(entry: &Record, kind: DayKind) -> usize {
    let days = entry.of::<Calendar>().into_iter().flat_map(|said| said.lines(calendar_fields::DAYS));
    days.filter(|line| line.is(calendar_day::KIND, kind)).count()
}

impl List {
    fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        let me = office.me.union;
        let all = usize::MAX >> 1;
        let mut known = office.look(|conn| Ok(projection::list(conn, Calendar::kind(), None, None, all)?))?;
        // Of each publisher and year the latest.
        known.retain(|row| row.place.owner.contains(me));
        let key = |row: &projection::Shown| (row.record.read(calendar_fields::YEAR), row.place.owner);
        known.sort_by_key(|row| (key(row), std::cmp::Reverse(row.id)));
        known.dedup_by_key(|row| key(row));
        let mut table = Table::new()
            .column("year", desk.pick("年度", "year"))
            .column("union", desk.pick("发布工会", "published by"))
            .column("doc_no", desk.pick("文号", "document no."))
            .column("days_off", desk.pick("放假天数", "days off"))
            .column("make_up_days", desk.pick("补班天数", "make-up days"));
        for row in &known {
            let owner: UnionNumber = row.place.owner;
            let year = row.record.read(calendar_fields::YEAR).unwrap_or_default();
            let (off, works) = (count(&row.record, DayKind::DayOff), count(&row.record, DayKind::MakeUpDay));
            table.row(vec![
                Cell::new(year.to_string(), year),
                Cell::new(owner.union_name(), u64::from(owner)),
                Cell::same(shown::line(row.record.read(calendar_fields::DOC_NO).unwrap_or_default()).into_owned()),
                Cell::new(off.to_string(), off),
                Cell::new(works.to_string(), works),
            ]);
        }
        let none = || {
            desk.pick(
                "尚未收到节假日安排，工作日仅扣除周末",
                "none is known here: only weekends are taken out of working days",
            )
        };
        desk.answer(
            || if known.is_empty() { json!([]) } else { table.json() },
            || if known.is_empty() { none().to_owned() } else { table.words() },
        )?;
        Ok(Exit::Done)
    }
}
