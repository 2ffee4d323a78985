//! `record history`: every edit of a document, in the order in which one followed the other; for an entry, what
//! points back at it.

use std::collections::BTreeMap;

use anyhow::Result;
use huiliu_proto::{
    edit::{Actor, Edit},
    id::{DeviceId, FeedId, Hash},
    kind::{Kind, Shape},
    value::Value,
};
use serde_json::{Value as Json, json};

use super::{edit::CORRECTIONS, find, view};
use crate::{
    cli::{
        Desk,
        desk::Office,
        error::{Exit, Mistake, both},
        table::{Cell, Table},
    },
    document::{Document, Fields},
    store::{
        View, documents, feeds,
        projection::{self, Shown},
    },
};

#[derive(Debug, clap::Args)]
pub struct History {
    /// The record's id, or the beginning of it
    id: String,
}

/// One edit, or for an entry one operation.
struct Step {
    /// The device's claim, not a proof.
    claimed: i64,
    device: DeviceId,
    feed: FeedId,
    seq: u64,
    changes: Vec<Change>,
}

struct Change {
    field: usize,
    /// What stood there, the one that was shown first; several where devices disagreed.
    from: Vec<Value>,
    to: Option<Value>,
}

impl History {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        let (shown, steps, table) = office.look(|conn| {
            let shown = find::any(conn, &self.id)?.map_err(|id| {
                Mistake::refused(
                    both(format!("记录 {id} 在待核区"), format!("the record {id} is in quarantine")),
                    both("用 record show 查看原因", "see why with `record show`"),
                )
            })?;
            let steps = match shown.record.kind.shape {
                Shape::Document => edits(conn, &office, &shown)?,
                Shape::Entry => said(conn, &shown)?,
            };
            let table = table(desk, conn, shown.record.kind, &steps)?;
            Ok((shown, steps, table))
        })?;
        desk.answer(|| steps_json(&shown, &steps), || table.words())?;
        Ok(Exit::Done)
    }
}

fn edits(conn: &View, office: &Office, shown: &Shown) -> Result<Vec<Step>> {
    let kind = shown.record.kind;
    let document = documents::load(conn, shown.place.owner, &shown.id)?.transpose()?.unwrap_or_default();
    let mut steps: BTreeMap<(u64, Hash), Step> = BTreeMap::new();
    for documents::Made { feed: no, seq, hash, .. } in documents::edits(conn, shown.place.owner, &shown.id)? {
        let feed = feeds::by_no(conn, no)?.feed;
        let Some(operation) = feeds::operation(conn, no, seq)? else { continue };
        let Ok(edit) = Edit::decode(&operation.payload, Actor::new(&feed.id, &shown.id)) else { continue };
        let changes = changes(office, shown, kind, &document, &edit);
        let step = Step { claimed: operation.time, device: feed.device, feed: feed.id, seq, changes };
        // An edit's puts are numbered after all that it follows.
        steps.insert((edit.start_op, hash), step);
    }
    Ok(steps.into_values().collect())
}

fn changes(office: &Office, shown: &Shown, kind: &Kind, document: &Document, edit: &Edit) -> Vec<Change> {
    let before: Fields = document.fields_as_of(&edit.deps);
    let put = edit.puts.iter().filter_map(|put| {
        let at = kind.field_numbered(put.field)?;
        let field = &kind.fields[at];
        let open = |value: Value| view::opened(office, &shown.id, field, &value);
        let from = before.get(&put.field).into_iter().flatten();
        Some(Change {
            field: at,
            from: from.filter_map(|s| view::value_of(field, &s.value)).map(open).collect(),
            to: view::value_of(field, &put.value).map(open),
        })
    });
    put.collect()
}

/// The entry itself, and those of its kind that put it right.
fn said(conn: &View, shown: &Shown) -> Result<Vec<Step>> {
    let kind = shown.record.kind;
    let mut all = vec![shown.clone()];
    for field in kind.fields.iter().filter(|f| f.reference == Some(kind.name) && CORRECTIONS.contains(&f.name)) {
        all.extend(projection::list_where(conn, kind, field.name, &Value::Bytes(shown.id.to_vec()))?);
    }
    let step = |entry: Shown| -> Result<Step> {
        let feed = feeds::by_no(conn, entry.place.feed)?.feed;
        let time = feeds::operation(conn, entry.place.feed, entry.place.seq)?.map(|o| o.time);
        let values = entry.record.into_values().into_iter().enumerate();
        let changes = values.filter(|(_, value)| value.is_some());
        Ok(Step {
            claimed: time.unwrap_or_else(|| entry.id.time()),
            device: feed.device,
            feed: feed.id,
            seq: entry.place.seq,
            changes: changes.map(|(field, to)| Change { field, from: vec![], to }).collect(),
        })
    };
    all.into_iter().map(step).collect()
}

fn table(desk: &Desk, conn: &View, kind: &'static Kind, steps: &[Step]) -> Result<Table> {
    let mut table = Table::new()
        .column("claimed", desk.pick("本机时间（未经上级核证）", "time (device's claim)"))
        .column("device", desk.pick("设备", "device"))
        .column("at", desk.pick("数据流水", "feed"))
        .column("field", desk.pick("字段", "field"))
        .column("from", desk.pick("原值", "from"))
        .column("to", desk.pick("新值", "to"));
    for step in steps {
        let at = format!("{} #{}", &step.feed.to_string()[..8], step.seq);
        let mut first = [desk.moment(step.claimed), step.device.to_string()[..8].to_owned(), at].map(Some);
        for change in &step.changes {
            let field = &kind.fields[change.field];
            let value = |value: &Value| view::words(conn, field, value, desk.lang);
            let from = change.from.iter().map(value).collect::<Result<Vec<_>>>()?.join(" / ");
            let to = change.to.as_ref().map(value).transpose()?.unwrap_or_default();
            let mut cells: Vec<Cell> =
                first.iter_mut().map(|cell| Cell::same(cell.take().unwrap_or_default())).collect();
            let names = [desk.label(&field.label).to_owned(), from, to];
            cells.extend(names.into_iter().map(Cell::same));
            table.row(cells);
        }
    }
    Ok(table)
}

fn steps_json(shown: &Shown, steps: &[Step]) -> Json {
    let kind = shown.record.kind;
    let step = |step: &Step| {
        let change = |change: &Change| {
            let field = &kind.fields[change.field];
            let mut from = change.from.iter().map(|v| view::json(field, v));
            let to = change.to.as_ref().map(|v| view::json(field, v));
            json!({ "field": field.name, "from": from.next(), "also": from.collect::<Vec<_>>(), "to": to })
        };
        json!({
            "claimed_at": step.claimed,
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
    })
}
