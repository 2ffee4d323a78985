//! `receipts verify`: whether what hubs signed is what is here, and what they have not signed yet.

use anyhow::Result;
use huiliu_proto::lang::Lang;
use serde_json::json;

use crate::{
    app::receipts::{self, Verified},
    cli::{
        CommandContext,
        error::Exit,
        table::{Cell, Table},
    },
    proof::receipts::{Confirmed, Judged, Verdict},
};

#[derive(Debug, clap::Args)]
pub struct Verify {
    /// Go on after this place
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
    /// Tell of so many places at most; all receipts are checked
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    most: u16,
}

impl Verify {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let after = self.after.as_deref().map(str::parse).transpose().map_err(super::told)?;
        let opened = context.open()?;
        let verified = receipts::verify(&opened.store, opened.me.root, after, usize::from(self.most))?;
        let Verified { receipts, wrong, bad, confirmed, next } = &verified;
        let table = table(context, confirmed);
        let next = next.map(|place| place.to_string());
        context.answer(
            || {
                let bad = bad.iter().map(|j| {
                    json!({
                        "feed": j.receipt.feed.to_string(), "of": u64::from(j.feed.feed.union),
                        "union": u64::from(j.receipt.union), "device": j.receipt.device.to_string(),
                        "size": j.receipt.size, "held": j.feed.size(), "received_at": j.receipt.received_at,
                        "verdict": j.verdict.word(),
                    })
                });
                json!({
                    "receipts": receipts, "wrong": wrong, "bad": bad.collect::<Vec<_>>(), "confirmed": table.json(),
                    "next": next,
                })
            },
            || {
                let mut lines = vec![];
                if !table.is_empty() {
                    lines.push(table.words());
                }
                lines.extend(bad.iter().map(|j| say(context, j)));
                lines.push(verdict(context, *receipts, *wrong, opened.is_top()));
                lines.join("\n")
            },
        )?;
        context.note_next(next);
        Ok(if *wrong == 0 { Exit::Done } else { Exit::Attention })
    }
}

fn table(context: &CommandContext, confirmed: &[Confirmed]) -> Table {
    let mut table = Table::new()
        .column("feed", context.pick("本机数据流水", "own feed"))
        .column("union", context.pick("上级", "level above"))
        .number("size", context.pick("已确认", "confirmed"))
        .number("of", context.pick("共", "of"))
        .column("received_at", context.pick("签收时间", "signed"))
        .column("waiting_since", context.pick("未确认，最早写于", "not confirmed, first written"));
    for row in confirmed {
        let feed = row.feed.to_string();
        let moment = |time: Option<i64>| time.map_or_else(Cell::none, |t| Cell::new(context.moment(t), t));
        table.row(vec![
            Cell::new(&feed[..8], feed.as_str()),
            Cell::new(row.union.union_name(), u64::from(row.union)),
            Cell::count(row.size),
            Cell::count(row.of),
            moment(row.received_at),
            moment(row.waiting_since),
        ]);
    }
    table
}

fn say(context: &CommandContext, judged: &Judged) -> String {
    let (receipt, held) = (&judged.receipt, judged.feed.size());
    let (union, size) = (receipt.union.union_name(), receipt.size);
    let feed = &receipt.feed.to_string()[..8];
    let when = context.moment(receipt.received_at);
    let (zh, en) = match judged.verdict {
        Verdict::Good => return String::new(),
        Verdict::Disagrees => (
            format!(
                "警告：{union}于{when}签收的数据流水 {feed} 前{size}条，与本机不一致；已留存备查。可能是该平台数据被改动，也可能是本机恢复过旧备份、硬盘被复制：不要再写新记录，请立即联系该平台的上级"
            ),
            format!(
                "WARNING: what {union} signed for at {when} (the first {size} of feed {feed}) is not the history here; it is kept as evidence. The hub lies, or a backup was restored or a disk copied here: write nothing new, and tell the level above that hub at once"
            ),
        ),
        Verdict::Beyond => (
            format!("{union}签收了数据流水 {feed} 的前{size}条，本机只有{held}条：本机丢失过内容；运行 sync 取回"),
            format!(
                "{union} signed for the first {size} of feed {feed} and only {held} are here: this machine has lost some; run `sync` to get them back"
            ),
        ),
        Verdict::NotHub => (
            format!(
                "签收数据流水 {feed} 的设备 {} 不是已登记的{union}平台；请运行 sync，仍如此时向上级查证",
                &receipt.device.to_string()[..16]
            ),
            format!(
                "the device {} that signed for feed {feed} is not enrolled as a hub of {union}; run `sync`, and ask the level above if it stays",
                &receipt.device.to_string()[..16]
            ),
        ),
        Verdict::Revoked => (
            format!(
                "签收数据流水 {feed} 的{union}平台设备在签收日期{when}之前已被注销，该签收不作数；请与该平台的上级核实"
            ),
            format!(
                "the device of {union} that signed for feed {feed} was revoked before {when}, the date it gives: this receipt does not count; ask the level above that hub"
            ),
        ),
        Verdict::TooEarly => (
            format!(
                "{union}对数据流水 {feed} 的签收日期{when}早于其平台登记或所签内容的填写时间：日期倒填，或某台机器时钟有误；请与该平台的上级核实"
            ),
            format!(
                "the receipt of {union} for feed {feed} is dated {when}, before its hub was enrolled or before what it covers was written: back-dated, or a clock is wrong; ask the level above that hub"
            ),
        ),
        Verdict::Signature => (
            format!("{union}对数据流水 {feed} 的签收签名无效，本机数据可能受损；请运行 verify"),
            format!(
                "the signature of {union} for feed {feed} is not good; what is stored here may be damaged: run `verify`"
            ),
        ),
    };
    context.pick(&zh, &en).to_owned()
}

fn verdict(context: &CommandContext, all: u64, bad: u64, top: bool) -> String {
    match (context.lang, all, bad) {
        (_, 0, _) => super::nothing(context, top).to_owned(),
        (Lang::Zh, _, 0) => format!("{all}份签收全部属实：签名有效，签名者是登记的平台，所签内容与本机一致"),
        (Lang::En, _, 0) => {
            format!("all {all} receipts hold: signed by enrolled hubs, and for what is here")
        }
        (Lang::Zh, ..) => format!("{all}份签收中有{bad}份需要处理，见上"),
        (Lang::En, ..) => format!("of {all} receipts {bad} need a person, see above"),
    }
}
