//! `record history`: every edit of a document, in the order in which one followed the other; for an entry, what
//! points back at it.

use anyhow::Result;
use huiliu_proto::{kind::Kind, value::Value};
use serde_json::{Value as Json, json};

use super::{find, view};
use crate::{
    app::history::{self, Change, HistoryError, Page, Step},
    cli::{
        CommandContext,
        error::{CommandError, Exit, both},
        login,
        table::{Cell, Table},
    },
    store::{View, projection::Shown},
};

#[derive(Debug, clap::Args)]
pub struct History {
    /// The record's id, or the beginning of it
    id: String,
    /// Go on after this place
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
    /// So many edits at most
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    most: u16,
}

impl History {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let after = self.after.as_deref().map(str::parse).transpose().map_err(told)?;
        let opened = context.open()?;
        let (shown, Page { steps, next }, table) = opened.look(|conn| {
            let shown = find::any(conn, &self.id)?.map_err(|id| {
                CommandError::refused(
                    both(format!("记录 {id} 在待核区"), format!("the record {id} is in quarantine")),
                    both("用 record show 查看原因", "see why with `record show`"),
                )
            })?;
            let page = history::page(conn, opened.reader(), &shown, after, usize::from(self.most)).map_err(told)?;
            let table = table(context, conn, shown.record.kind, &page.steps)?;
            Ok((shown, page, table))
        })?;
        let next = next.map(|place| place.to_string());
        context.answer(|| steps_json(&shown, &steps, next.as_deref()), || table.words())?;
        context.note_next(next);
        Ok(Exit::Done)
    }
}

fn told(error: HistoryError) -> anyhow::Error {
    match &error {
        HistoryError::NoPlace(typed) => {
            let what = both(format!("“{typed}”不是历史中的位置"), error.to_string());
            let hint = both("位置由上一页给出", "the page before gives it");
            CommandError::usage(what, hint).coded(error.code(), Json::Null).into()
        }
        HistoryError::Store(_) => error.into(),
    }
}

fn table(context: &CommandContext, conn: &View, kind: &'static Kind, steps: &[Step]) -> Result<Table> {
    let mut table = Table::new()
        .column("claimed", context.pick("本机时间（未经上级核证）", "time (device's claim)"))
        .column("operator", context.pick("经办人", "operator"))
        .column("device", context.pick("设备", "device"))
        .column("at", context.pick("数据流水", "feed"))
        .column("field", context.pick("字段", "field"))
        .column("from", context.pick("原值", "from"))
        .column("to", context.pick("新值", "to"));
    for step in steps {
        let at = format!("{} #{}", &step.feed.to_string()[..8], step.seq);
        let who = login::words(context, &step.who);
        let mut first = [context.moment(step.claimed), who, step.device.to_string()[..8].to_owned(), at].map(Some);
        for change in &step.changes {
            let field = &kind.fields[change.field];
            let value = |value: &Value| view::words(conn, field, value, context.lang);
            let from = change.from.iter().map(value).collect::<Result<Vec<_>>>()?.join(" / ");
            let to = match change.withheld {
                true => view::withheld(context.lang).to_owned(),
                false => change.to.as_ref().map(value).transpose()?.unwrap_or_default(),
            };
            let mut cells: Vec<Cell> =
                first.iter_mut().map(|cell| Cell::same(cell.take().unwrap_or_default())).collect();
            let names = [context.label(&field.label).to_owned(), from, to];
            cells.extend(names.into_iter().map(Cell::same));
            table.row(cells);
        }
    }
    Ok(table)
}

fn steps_json(shown: &Shown, steps: &[Step], next: Option<&str>) -> Json {
    let kind = shown.record.kind;
    let step = |step: &Step| {
        let change = |change: &Change| {
            let field = &kind.fields[change.field];
            let mut from = change.from.iter().map(|v| view::json(field, v));
            let to = change.to.as_ref().map(|v| view::json(field, v));
            json!({ "field": field.name, "from": from.next(), "also": from.collect::<Vec<_>>(), "to": to, "withheld": change.withheld })
        };
        json!({
            "claimed_at": step.claimed,
            "operator": login::json(&step.who),
            "device": step.device.to_string(),
            "feed": step.feed.to_string(),
            "seq": step.seq,
            "changes": step.changes.iter().map(change).collect::<Vec<_>>(),
        })
    };
    json!({
        "record": shown.id.to_string(),
        "kind": kind.name,
        "edits": steps.iter().map(step).collect::<Vec<_>>(),
        "next": next,
    })
}
