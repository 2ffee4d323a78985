//! `evidence`: signs that somebody's memory, disk or word cannot be trusted; a person looks into them and settles them.

use anyhow::Result;
use clap::Subcommand;
use huiliu_proto::{
    id::hex,
    lang::{self, Label, Lang},
    signed::{Receipt, TreeHead},
    union::UnionNumber,
    v1,
};
use serde_json::{Value as Json, json};

use super::{
    CommandContext,
    error::{CommandError, Exit, both},
    table::{Cell, Table, both_languages, brief},
};
use crate::{
    app::{
        Mode,
        evidence::{self, Page, Piece, SettleError},
    },
    store::evidence::KeptEvidence,
};

#[derive(Debug, Subcommand)]
pub enum EvidenceVerb {
    /// List what nobody has settled yet
    List(List),
    /// Show one piece: what was signed on both sides
    Show(Show),
    /// Settle one piece, once it is known what happened
    Settle(Settle),
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// Also what has been settled
    #[arg(long)]
    all: bool,
    /// Go on after this number
    #[arg(long, value_name = "NO")]
    after: Option<i64>,
    /// So many lines at most
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    most: u16,
}

#[derive(Debug, clap::Args)]
pub struct Show {
    /// Its number in the list
    no: i64,
}

#[derive(Debug, clap::Args)]
pub struct Settle {
    /// Its number in the list
    no: i64,
    /// What was found out
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// Show what would come of it, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl EvidenceVerb {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        match self {
            EvidenceVerb::List(verb) => verb.run(context),
            EvidenceVerb::Show(verb) => verb.run(context),
            EvidenceVerb::Settle(verb) => verb.run(context),
        }
    }
}

fn named(union: Option<UnionNumber>) -> String {
    union.map_or_else(String::new, UnionNumber::union_name)
}

fn number(union: Option<UnionNumber>) -> Json {
    union.map_or(Json::Null, |union| u64::from(union).into())
}

fn from_json(kept: &KeptEvidence) -> Json {
    let from = kept.evidence.from;
    from.map_or(Json::Null, |n| json!({ "union": u64::from(n.union), "device": n.device.to_string() }))
}

fn from(kept: &KeptEvidence) -> String {
    kept.evidence.from.map_or_else(String::new, |n| format!("{} {}", n.union.union_name(), &n.device.to_string()[..8]))
}

impl List {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let mut table = Table::new()
            .number("no", context.pick("序号", "no."))
            .column("what", context.pick("类别", "what"))
            .column("about", context.pick("涉及单位", "about"))
            .column("from", context.pick("来自", "came from"))
            .column("seen_at", context.pick("发现时间", "seen"))
            .column("detail", context.pick("说明", "what it means"));
        let Page { pieces, next, open } = evidence::page(&opened.store, self.all, self.after, usize::from(self.most))?;
        for Piece { kept, about } in pieces {
            let detail = &kept.evidence.detail;
            let label = kept.evidence.what.label();
            table.row(vec![
                Cell::count(kept.no.unsigned_abs()),
                Cell::new(context.label(&label), kept.evidence.what.word()),
                Cell::new(named(about), number(about)),
                Cell::new(from(&kept), from_json(&kept)),
                Cell::new(context.moment(kept.evidence.seen_at), kept.evidence.seen_at),
                Cell::new(brief(context.label(detail), 80), both_languages(detail)),
            ]);
        }
        let nothing = context.pick("没有待办结的异常情况", "there is nothing to look into");
        context.answer(
            || json!({ "evidence": table.json(), "next": next, "open": open }),
            || if table.is_empty() { nothing.to_owned() } else { table.words() },
        )?;
        context.note_next(next);
        Ok(if open { Exit::Attention } else { Exit::Done })
    }
}

impl Show {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let Piece { kept, about } = evidence::get(&opened.store, self.no)?.ok_or_else(|| missing(self.no))?;
        let evidence = &kept.evidence;
        let mut lines: Vec<(Label, String)> = vec![
            (Label::new("类别", "what"), context.label(&evidence.what.label()).to_owned()),
            (Label::new("说明", "what it means"), context.label(&evidence.detail).to_owned()),
            (Label::new("数据流水", "feed"), evidence.feed.to_string()),
            (Label::new("涉及单位", "about"), named(about)),
            (Label::new("来自", "came from"), from(&kept)),
            (Label::new("发现时间", "seen"), context.moment(evidence.seen_at)),
            (Label::new("本机所持签名", "signed, as held here"), signed(context, &kept, evidence.ours.as_ref())),
            (Label::new("对方所示签名", "signed, as shown"), signed(context, &kept, evidence.theirs.as_ref())),
        ];
        if let (Some(at), Some(note)) = (kept.settled_at, &kept.note) {
            lines.push((Label::new("办结", "settled"), format!("{} {note}", context.moment(at))));
        }
        lines.retain(|(_, value)| !value.is_empty());
        let mut table =
            Table::new().column("what", context.pick("项目", "item")).column("value", context.pick("内容", "value"));
        for (label, value) in &lines {
            table.row(vec![Cell::same(context.label(label)), Cell::same(value.clone())]);
        }
        context.answer(
            || {
                json!({
                    "no": kept.no, "what": evidence.what.word(), "detail": both_languages(&evidence.detail),
                    "feed": evidence.feed.to_string(), "about": number(about), "from": from_json(&kept),
                    "seen_at": evidence.seen_at, "ours": signed_json(&kept, evidence.ours.as_ref()),
                    "theirs": signed_json(&kept, evidence.theirs.as_ref()),
                    "settled_at": kept.settled_at, "note": kept.note,
                })
            },
            || table.words(),
        )?;
        Ok(if kept.settled_at.is_none() { Exit::Attention } else { Exit::Done })
    }
}

/// A head or a receipt in words; anything else as the bytes that were kept.
fn signed(context: &CommandContext, kept: &KeptEvidence, signed: Option<&v1::Signed>) -> String {
    let Some(signed) = signed else { return String::new() };
    if let Ok(head) = TreeHead::stored(signed.clone(), kept.evidence.feed) {
        let text = context.pick("共{}，校验值 {}，签于{}", "{}, root {}, signed {}");
        let parts = [operations(context, head.size), head.root.to_string(), context.moment(head.time)];
        return parts.iter().fold(text.to_owned(), |text, part| text.replacen("{}", part, 1));
    }
    if let Ok(receipt) = Receipt::verify(signed.clone()) {
        let text = context.pick("{}签收{}，校验值 {}，{}", "{} signed for {}, root {}, {}");
        let parts = [
            receipt.union.union_name(),
            operations(context, receipt.size),
            receipt.root.to_string(),
            context.moment(receipt.received_at),
        ];
        return parts.iter().fold(text.to_owned(), |text, part| text.replacen("{}", part, 1));
    }
    hex(&signed.message[..signed.message.len().min(64)])
}

fn operations(context: &CommandContext, n: u64) -> String {
    match context.lang {
        Lang::Zh => format!("{n}条"),
        Lang::En => lang::count(n, "operation", "operations"),
    }
}

fn signed_json(kept: &KeptEvidence, signed: Option<&v1::Signed>) -> Json {
    let Some(signed) = signed else { return Json::Null };
    if let Ok(head) = TreeHead::stored(signed.clone(), kept.evidence.feed) {
        return json!({ "size": head.size, "root": head.root.to_string(), "signed_at": head.time });
    }
    if let Ok(receipt) = Receipt::verify(signed.clone()) {
        return json!({
            "union": u64::from(receipt.union), "size": receipt.size, "root": receipt.root.to_string(),
            "received_at": receipt.received_at,
        });
    }
    json!({ "bytes": hex(&signed.message[..signed.message.len().min(64)]) })
}

impl Settle {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let no = self.no;
        let now = evidence::settle(&opened.store, no, &self.note, Mode::of(self.dry_run)).map_err(told)?;
        context.answer(
            || json!({ "no": no, "settled_at": if self.dry_run { Json::Null } else { now.into() }, "written": !self.dry_run }),
            || match self.dry_run {
                true => context.pick("可以办结，未写入", "it may be settled; nothing was written").to_owned(),
                false => format!("{}{no}", context.pick("已办结：", "settled: ")),
            },
        )?;
        Ok(Exit::Done)
    }
}

fn told(error: SettleError) -> anyhow::Error {
    let code = error.code();
    match error {
        SettleError::NoNote => CommandError::usage(
            both("要写明查明的情况", "what was found out is missing"),
            both("用 --note 写明", "give it with --note"),
        )
        .coded(code, Json::Null)
        .into(),
        SettleError::NotOpen(no) => missing(no).into(),
        SettleError::Store(error) => error.into(),
    }
}

fn missing(no: i64) -> CommandError {
    CommandError::failed(
        both(format!("没有序号为{no}的待办结异常情况"), format!("there is no open piece of evidence number {no}")),
        both("用 evidence list --all 查看", "see `evidence list --all`"),
    )
    .coded(SettleError::NotOpen(no).code(), json!({ "no": no }))
}
