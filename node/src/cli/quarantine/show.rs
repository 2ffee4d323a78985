//! `quarantine show`: one operation that is held: what it says, who signed it when, why it is held, what would end that.

use anyhow::Result;
use huiliu_proto::{id::hex, kind::numbered, lang::Label, operation::Operation, union::UnionNumber};
use serde_json::{Value as Json, json};

use super::{
    list::{reason_label, waits_whole},
    told as told_which,
};
use crate::{
    admission::Reason,
    app::quarantine::{self, Contents, Put, Revoked, ShowError, Shown, Why},
    cli::{
        CommandContext,
        error::{CommandError, Exit, both, grounds_json},
        record::view,
        table::{Cell, Table, both_languages},
    },
    store::View,
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
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let (lines, fields, rules, rejected, open, remedy) = opened.look(|conn| {
            let shown = quarantine::show(conn, &self.which).map_err(told)?;
            let mut lines = origin(context, &shown);
            let (reason, detail, rules) = match &shown.why {
                Why::Held(held, why) => (held.reason.clone(), why.words(), grounds_json(why)),
                Why::Whole(whole) => {
                    let (word, detail) = waits_whole(whole);
                    (word.to_owned(), detail, json!([]))
                }
            };
            // An edit that came early is taken up by itself.
            let open = !shown.rejected && reason != Reason::Early.word();
            let remedy = remedy(&reason);
            let label = context.label(&reason_label(&reason, shown.rejected)).to_owned();
            lines.push(("reason", Label::new("原因", "reason"), label, reason.into()));
            let said = context.label(&detail).to_owned();
            lines.push(("detail", Label::new("说明", "what it means"), said, both_languages(&detail)));
            lines.extend(shown.revoked.iter().flat_map(|revoked| revocation(context, revoked)));
            let fields = match (shown.contents(opened.reader()), &shown.operation) {
                (Some(contents), Some(operation)) => said_in(context, conn, &contents, operation)?,
                _ => vec![],
            };
            Ok((lines, fields, rules, shown.rejected, open, remedy))
        })?;
        let mut table =
            Table::new().column("what", context.pick("项目", "item")).column("value", context.pick("内容", "value"));
        for (_, label, value, _) in &lines {
            table.row(vec![Cell::same(context.label(label)), Cell::same(value.clone())]);
        }
        let mut said =
            Table::new().column("field", context.pick("字段", "field")).column("value", context.pick("值", "value"));
        for (label, _, value, _) in &fields {
            said.row(vec![Cell::same(label.clone()), Cell::same(value.clone())]);
        }
        context.answer(
            || {
                let mut object: serde_json::Map<_, _> =
                    lines.iter().map(|(word, _, _, json)| ((*word).to_owned(), json.clone())).collect();
                let fields = fields.iter().map(|(_, name, _, json)| json!({ "field": name, "value": json }));
                object.insert("fields".into(), fields.collect());
                object.insert("rules".into(), rules.clone());
                object.insert("rejected".into(), rejected.into());
                object.into()
            },
            || match said.is_empty() {
                true => table.words(),
                false => format!("{}\n{}", table.words(), said.words()),
            },
        )?;
        if let (true, false, Some((zh, en))) = (open, context.json, remedy) {
            context.note(context.pick(zh, en));
        }
        Ok(if open { Exit::Attention } else { Exit::Done })
    }
}

/// The verb that ends it, where one does.
fn remedy(reason: &str) -> Option<(&'static str, &'static str)> {
    if reason == Reason::Revoked.word() {
        return Some((
            "注销该设备的工会用 quarantine release 准予计入，或用 quarantine reject 不计入",
            "the union that revoked the device lets it count with `quarantine release`, or settles it with `quarantine reject`",
        ));
    }
    let failed = ("运行 rebuild 重算", "compute it again with `rebuild`");
    (reason == Reason::Failed.word()).then_some(failed)
}

fn told(error: ShowError) -> anyhow::Error {
    let code = error.code();
    match error {
        ShowError::Which(error) => told_which(error),
        ShowError::Store(error) => error.into(),
        ShowError::NotHeld(which) => CommandError::failed(
            both(format!("“{which}”没有列入待核区"), format!("“{which}” is not held")),
            both("用 quarantine list 查看", "see `quarantine list`"),
        )
        .coded(code, Json::Null)
        .into(),
    }
}

fn name(union: UnionNumber) -> String {
    format!("{}（{union}）", union.union_name())
}

/// Whose it is, where it stands, and when it was written and came here.
fn origin(context: &CommandContext, shown: &Shown) -> Vec<Line> {
    let feed = &shown.feed.feed;
    let which = format!("{}#{}", feed.id, shown.seq);
    let mut lines: Vec<Line> = vec![
        ("union", Label::new("单位", "union"), name(feed.union), u64::from(feed.union).into()),
        ("device", Label::new("签名设备", "signed by device"), feed.device.to_string(), feed.device.to_string().into()),
        ("which", Label::new("数据流水与序号", "feed and number"), which.clone(), which.into()),
    ];
    if let Some(operation) = &shown.operation {
        let kind = numbered(operation.kind);
        let name = kind.map_or_else(|| Json::from(operation.kind), |k| k.name.into());
        let kind = kind.map_or_else(|| operation.kind.to_string(), |k| context.label(&k.label).to_owned());
        let (id, time) = (operation.record.to_string(), operation.time);
        lines.push(("kind", Label::new("种类", "kind"), kind, name));
        lines.push(("record", Label::new("编号", "id"), id.clone(), id.into()));
        let label = Label::new("本机时间（未经上级核证）", "written (device's claim)");
        lines.push(("claimed_at", label, context.moment(time), time.into()));
    }
    if let Some(stored) = shown.stored_at {
        lines.push(("stored_at", Label::new("到达本机", "came here"), context.moment(stored), stored.into()));
    }
    lines
}

/// By whom and why the device was revoked, and whether it had heard of that when it signed.
fn revocation(context: &CommandContext, Revoked { revocation, heard }: &Revoked) -> [Line; 2] {
    let heard_of = match heard {
        true => context.pick("已知：设备签名时已收到注销", "yes: the device had received the revocation"),
        false => context.pick(
            "未见：签名中所载的上级数据流水尚不含注销（可能未联网，也可能有意回避）",
            "not shown: what the device says it had heard does not hold the revocation (off line, or on purpose)",
        ),
    };
    [
        (
            "revoked_by",
            Label::new("注销", "revoked by"),
            format!("{}，{}：{}", name(revocation.by), revocation.on, revocation.reason),
            json!({ "union": u64::from(revocation.by), "on": revocation.on.to_string(), "reason": revocation.reason }),
        ),
        (
            "had_heard",
            Label::new("签名时是否已知", "had heard of it when signing"),
            heard_of.to_owned(),
            (*heard).into(),
        ),
    ]
}

/// What it says, as far as it can be read: fields and values, sealed ones masked.
fn said_in(context: &CommandContext, conn: &View, contents: &Contents, operation: &Operation) -> Result<Vec<Said>> {
    let mut said = vec![];
    let kept = || (view::withheld(context.lang).to_owned(), json!({ "withheld": true }));
    match contents {
        Contents::Kept => {
            let (shown, json) = kept();
            said.push((context.pick("内容（字节）", "contents (bytes)").to_owned(), "bytes".to_owned(), shown, json));
        }
        Contents::Unreadable => {
            let start = hex(&operation.payload[..operation.payload.len().min(64)]);
            let label = context.pick("内容（字节）", "contents (bytes)").to_owned();
            let shown = format!("{start}{}", if operation.payload.len() > 64 { "…" } else { "" });
            said.push((label, "bytes".to_owned(), shown, hex(&operation.payload).into()));
        }
        Contents::Entry(record, withheld) => {
            for (field, value) in record.kind.fields.iter().zip(record.values()) {
                let (shown, json) = match value {
                    Some(value) => (view::words(conn, field, value, context.lang)?, view::json(field, value)),
                    None if withheld.iter().any(|kept| kept.number == field.number) => kept(),
                    None => continue,
                };
                said.push((context.label(&field.label).to_owned(), field.name.to_owned(), shown, json));
            }
        }
        Contents::Edit(puts) => {
            for put in puts {
                let (field, shown, json) = match put {
                    Put::To(field, value) => {
                        (field, view::words(conn, field, value, context.lang)?, view::json(field, value))
                    }
                    Put::Withheld(field) => {
                        let (words, json) = kept();
                        (field, words, json)
                    }
                    Put::Emptied(field) => (field, context.pick("（清空）", "(emptied)").to_owned(), Json::Null),
                    Put::Newer(number) => {
                        let newer = context.pick("（新版本的字段）", "(a newer field)").to_owned();
                        said.push((number.to_string(), number.to_string(), newer, Json::Null));
                        continue;
                    }
                };
                said.push((context.label(&field.label).to_owned(), field.name.to_owned(), shown, json));
            }
        }
    }
    Ok(said)
}
