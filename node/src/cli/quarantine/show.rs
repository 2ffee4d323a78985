//! `quarantine show`: one operation that is held: what it says, who signed it when, why it is held, what would end that.

use anyhow::Result;
use huiliu_proto::{
    edit::{Actor, Edit},
    id::hex,
    kind::{Shape, numbered},
    lang::Label,
    operation::Operation,
    record::Record,
    signed::TreeHead,
    union::UnionNumber,
    v1::Ruling,
};
use serde_json::{Value as Json, json};

use super::{
    list::{reason_label, waits_whole},
    which,
};
use crate::{
    admission::Reason,
    app::values,
    cli::{
        Desk,
        error::{Exit, Mistake, both},
        record::view,
        table::{Cell, Table, both_languages},
    },
    store::{View, feeds, feeds::FeedRow, quarantine, trust},
};

#[derive(Debug, clap::Args)]
pub struct Show {
    /// Feed and number as listed (99ef0179#7), a feed that waits whole, or a record's id
    #[arg(value_name = "WHICH")]
    which: String,
}

/// A line of the answer: word, label, as it is shown, as a program reads it.
type Line = (&'static str, Label, String, Json);

/// A field as it is shown, its name for programs, the value as it is shown, and as a program reads it.
type Said = (String, String, String, Json);

impl Show {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        let (lines, fields, rejected) = office.look(|conn| {
            let (row, part) = which::find(conn, &self.which)?;
            let seq = part.map_or(0, |(first, _)| first);
            let held = quarantine::of_feed(conn, row.no)?.into_iter().find(|h| part.is_none() || h.seq == seq);
            let seq = held.as_ref().map_or(seq, |h| h.seq);
            let stranger = !row.own && seq >= row.applied && seq < row.size();
            let (reason, detail) = match &held {
                Some(held) => (held.reason.clone(), quarantine::explain(conn, held)?),
                None if stranger => {
                    let (word, detail) = waits_whole(conn, &row)?;
                    (word.to_owned(), detail)
                }
                None => return Err(not_held(&self.which)),
            };
            let operation = feeds::operation(conn, row.no, seq)?;
            let rejected = trust::ruling(conn, &row.feed, seq)? == Some(Ruling::Rejected);
            let mut lines = origin(desk, conn, &row, seq, operation.as_ref())?;
            lines.push((
                "reason",
                Label::new("原因", "reason"),
                desk.label(&reason_label(&reason, rejected)).to_owned(),
                reason.as_str().into(),
            ));
            let shown = desk.label(&detail).to_owned();
            lines.push(("detail", Label::new("说明", "what it means"), shown, both_languages(&detail)));
            if reason == Reason::Revoked.word() {
                lines.extend(revocation(desk, conn, &row, seq)?);
            }
            let fields = operation.map(|operation| contents(desk, conn, &row, &operation)).transpose()?;
            Ok((lines, fields.unwrap_or_default(), rejected))
        })?;
        let mut table =
            Table::new().column("what", desk.pick("项目", "item")).column("value", desk.pick("内容", "value"));
        for (_, label, value, _) in &lines {
            table.row(vec![Cell::same(desk.label(label)), Cell::same(value.clone())]);
        }
        let mut said =
            Table::new().column("field", desk.pick("字段", "field")).column("value", desk.pick("值", "value"));
        for (label, _, value, _) in &fields {
            said.row(vec![Cell::same(label.clone()), Cell::same(value.clone())]);
        }
        desk.answer(
            || {
                let mut object: serde_json::Map<_, _> =
                    lines.iter().map(|(word, _, _, json)| ((*word).to_owned(), json.clone())).collect();
                let fields = fields.iter().map(|(_, name, _, json)| json!({ "field": name, "value": json }));
                object.insert("fields".into(), fields.collect());
                object.insert("rejected".into(), rejected.into());
                object.into()
            },
            || match said.is_empty() {
                true => table.words(),
                false => format!("{}\n{}", table.words(), said.words()),
            },
        )?;
        Ok(if rejected { Exit::Done } else { Exit::Attention })
    }
}

fn not_held(which: &str) -> anyhow::Error {
    Mistake::failed(
        both(format!("“{which}”没有列入待核区"), format!("“{which}” is not held")),
        both("用 quarantine list 查看", "see `quarantine list`"),
    )
    .into()
}

fn name(union: UnionNumber) -> String {
    format!("{}（{union}）", union.union_name())
}

/// Whose it is, where it stands, and when it was written and came here.
fn origin(desk: &Desk, conn: &View, row: &FeedRow, seq: u64, operation: Option<&Operation>) -> Result<Vec<Line>> {
    let feed = &row.feed;
    let which = format!("{}#{seq}", feed.id);
    let mut lines: Vec<Line> = vec![
        ("union", Label::new("单位", "union"), name(feed.union), u64::from(feed.union).into()),
        ("device", Label::new("签名设备", "signed by device"), feed.device.to_string(), feed.device.to_string().into()),
        ("which", Label::new("数据流水与序号", "feed and number"), which.clone(), which.into()),
    ];
    if let Some(operation) = operation {
        let kind = numbered(operation.kind);
        let name = kind.map_or_else(|| Json::from(operation.kind), |k| k.name.into());
        let kind = kind.map_or_else(|| operation.kind.to_string(), |k| desk.label(&k.label).to_owned());
        let (id, time) = (operation.record.to_string(), operation.time);
        lines.push(("kind", Label::new("种类", "kind"), kind, name));
        lines.push(("record", Label::new("编号", "id"), id.clone(), id.into()));
        let label = Label::new("本机时间（未经上级核证）", "written (device's claim)");
        lines.push(("claimed_at", label, desk.moment(time), time.into()));
    }
    if let Some(stored) = feeds::stored_at(conn, row.no, seq)? {
        lines.push(("stored_at", Label::new("到达本机", "came here"), desk.moment(stored), stored.into()));
    }
    Ok(lines)
}

/// By whom and why the device was revoked, and whether it had heard of that when it signed.
fn revocation(desk: &Desk, conn: &View, row: &FeedRow, seq: u64) -> Result<Vec<Line>> {
    let mut lines = vec![];
    for revocation in trust::revocations(conn, &row.feed)? {
        lines.push((
            "revoked_by",
            Label::new("注销", "revoked by"),
            format!("{}，{}：{}", name(revocation.by), revocation.on, revocation.reason),
            json!({ "union": u64::from(revocation.by), "on": revocation.on.to_string(), "reason": revocation.reason }),
        ));
        let head = feeds::segment(conn, row.no, seq)?.map(|s| TreeHead::stored(s.head, row.feed.id)).transpose();
        let seen = head.map_err(crate::store::StoreError::from)?.and_then(|head| head.seen);
        let place = feeds::by_no(conn, revocation.feed)?.feed.id;
        let heard = seen.is_some_and(|seen| seen.feed == place && seen.size > revocation.seq);
        lines.push((
            "had_heard",
            Label::new("签名时是否已知", "had heard of it when signing"),
            match heard {
                true => desk.pick("已知：设备签名时已收到注销", "yes: the device had received the revocation"),
                false => desk.pick(
                    "未见：签名中所载的上级数据流水尚不含注销（可能断线，也可能有意回避）",
                    "not shown: what the device says it had heard does not hold the revocation (off line, or on purpose)",
                ),
            }
            .to_owned(),
            heard.into(),
        ));
    }
    Ok(lines)
}

/// What it says, as far as it can be read: fields and values, sealed ones masked.
fn contents(desk: &Desk, conn: &View, row: &FeedRow, operation: &Operation) -> Result<Vec<Said>> {
    let bytes = || {
        let start = hex(&operation.payload[..operation.payload.len().min(64)]);
        let label = desk.pick("内容（字节）", "contents (bytes)").to_owned();
        let shown = format!("{start}{}", if operation.payload.len() > 64 { "…" } else { "" });
        vec![(label, "bytes".to_owned(), shown, hex(&operation.payload).into())]
    };
    let Some(kind) = numbered(operation.kind) else { return Ok(bytes()) };
    let mut said = vec![];
    match kind.shape {
        Shape::Entry => {
            let Ok(record) = Record::decode(kind, &operation.payload) else { return Ok(bytes()) };
            for (field, value) in kind.fields.iter().zip(record.values()) {
                if let Some(value) = value {
                    let shown = view::words(conn, field, value, desk.lang)?;
                    let label = desk.label(&field.label).to_owned();
                    said.push((label, field.name.to_owned(), shown, view::json(field, value)));
                }
            }
        }
        Shape::Document => {
            let author = Actor::new(&row.feed.id, &operation.record);
            let Ok(edit) = Edit::decode(&operation.payload, author) else { return Ok(bytes()) };
            for put in &edit.puts {
                let Some(field) = kind.field_numbered(put.field).map(|at| &kind.fields[at]) else {
                    let newer = desk.pick("（新版本的字段）", "(a newer field)").to_owned();
                    said.push((put.field.to_string(), put.field.to_string(), newer, Json::Null));
                    continue;
                };
                let (shown, json) = match values::value_of(field, &put.value) {
                    Some(value) => (view::words(conn, field, &value, desk.lang)?, view::json(field, &value)),
                    None => (desk.pick("（清空）", "(emptied)").to_owned(), Json::Null),
                };
                said.push((desk.label(&field.label).to_owned(), field.name.to_owned(), shown, json));
            }
        }
    }
    Ok(said)
}
