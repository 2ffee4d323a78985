//! `filing list`: filings of this union and of those below, and what became of each.

use anyhow::Result;
use serde_json::json;

use super::{type_label, type_name};
use crate::{
    app::{
        duty,
        filing::{self, Page},
    },
    cli::{
        CommandContext,
        error::Exit,
        record::{find, view},
        table::{Cell, Table},
    },
    filing::{FilingStanding, State},
};

#[derive(Debug, clap::Args)]
pub struct List {
    /// Only filings of this union: its number or name
    #[arg(long, value_name = "UNION")]
    union: Option<String>,
    /// Also versions that another has taken the place of
    #[arg(long)]
    all: bool,
    /// Go on after this filing
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// So many lines at most
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    most: u16,
}

impl List {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let union = self.union.as_deref().map(|typed| opened.union(typed)).transpose()?;
        let (Page { standings, next }, alone) = opened.look(|conn| {
            let after = self.after.as_deref().map(|typed| find::any(conn, typed)).transpose()?;
            let after = after.map(|found| found.map_or_else(|id| id, |shown| shown.id));
            let page = filing::page(conn, union, after, usize::from(self.most), self.all)?;
            let alone = |one: &FilingStanding| {
                Ok(duty::signed(conn, one.version.owner, &one.version.id)?.is_some_and(|hands| hands.alone))
            };
            let alone = page.standings.iter().map(alone).collect::<Result<Vec<bool>>>()?;
            Ok((page, alone))
        })?;
        let mut table = Table::new()
            .column("filing", context.pick("编号", "id"))
            .column("union", context.pick("单位", "union"))
            .column("type", context.pick("类型", "type"))
            .number("year", context.pick("年度", "year"))
            .column("census_on", context.pick("截止日期", "as of"))
            .number("full_time", context.pick("专职", "full-time"))
            .number("part_time", context.pick("兼职", "part-time"))
            .number("funded_heads", context.pick("申报人数", "declared"))
            .column("state", context.pick("状态", "state"))
            .column("detail", context.pick("备案号或理由", "register no. or reasons"))
            .column("holds", context.pick("有效版本", "holds"));
        // People see it where any was.
        let any = context.json || alone.contains(&true);
        if any {
            table = table.column("one_person", context.pick("一人办公", "by one person"));
        }
        for (standing, alone) in standings.iter().zip(alone) {
            let mut cells = row(context, standing);
            if any {
                cells.push(Cell::new(if alone { context.pick("是", "yes") } else { "" }, alone));
            }
            table.row(cells);
        }
        let nothing = context.pick("没有备案", "there are no filings");
        let next = next.map(|id| id.to_string());
        context.answer(
            || json!({ "filings": table.json(), "next": next }),
            || if table.is_empty() { nothing.to_owned() } else { table.words() },
        )?;
        context.note_next(next);
        Ok(Exit::Done)
    }
}

fn row(context: &CommandContext, FilingStanding { version, state, holds }: &FilingStanding) -> Vec<Cell> {
    let detail = match state {
        State::Returned { reasons } => Cell::same(reasons.as_str()),
        State::Filed { register_no } => Cell::same(register_no.as_str()),
        State::Superseded { by } => Cell::new(view::short(by), by.to_string()),
        State::Submitted | State::TakenIn => Cell::none(),
    };
    let number = |n: i64| Cell::new(n.to_string(), n);
    // What was sent back counts for nothing until it is submitted anew.
    let holds = *holds && !matches!(state, State::Returned { .. });
    vec![
        Cell::new(view::short(&version.id), version.id.to_string()),
        Cell::new(context.short(version.owner), u64::from(version.owner)),
        Cell::new(type_label(version.type_, context.lang), type_name(version.type_)),
        number(version.year),
        Cell::same(version.census_on.to_string()),
        number(version.full_time),
        number(version.part_time),
        number(version.funded_heads),
        Cell::new(context.label(&state.label()), state.word()),
        detail,
        Cell::new(if holds { context.pick("是", "yes") } else { "" }, holds),
    ]
}
