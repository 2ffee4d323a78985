//! `sync`: one exchange with the union above.

use anyhow::Result;
use huiliu_proto::{lang::Lang, v1::Farewell};
use serde_json::json;

use super::{
    CommandContext,
    error::{CommandError, Exit, both, system},
};
use crate::{
    store::evidence,
    sync::{
        exchange::{Cause, End, Refused, Tally},
        session::Report,
    },
    writer::Threads,
};

#[derive(Debug, clap::Args)]
pub struct Sync {}

impl Sync {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open_with(Threads::Own)?;
        if opened.is_top() {
            return Err(nobody_above());
        }
        let uplink = opened.uplink(context);
        let bar = context.bar(context.pick("交换", "exchanging"), None);
        let progress = bar.clone();
        let tell = move |tally: &Tally| progress.set_position(tally.sent + tally.received);
        let known = opened.look(|conn| Ok(evidence::list(conn, false)?))?;
        let report = context.block_on(uplink.exchange(false, &tell))?;
        bar.finish_and_clear();
        let ended = answer(context, &report?)?;
        // What an exchange brings to light is not left to be found by whoever asks for the status.
        let new = opened.look(|conn| Ok(evidence::list(conn, false)?))?;
        let new: Vec<_> = new.into_iter().filter(|k| known.iter().all(|before| before.no != k.no)).collect();
        for kept in &new {
            context.note(context.pick(&kept.evidence.detail.zh, &kept.evidence.detail.en));
        }
        Ok(if new.is_empty() { ended } else { Exit::Attention })
    }
}

/// The nation calls nobody: those below call it.
fn nobody_above() -> anyhow::Error {
    let what = both("本级之上没有上级，无处可交换", "nobody is above this union, so there is nobody to exchange with");
    let hint = both("请在本机运行 serve，由下级连接", "run `serve` here: the unions below call this machine");
    CommandError::failed(what, hint).coded("nobody_above", serde_json::Value::Null).into()
}

fn answer(context: &CommandContext, report: &Report) -> Result<Exit> {
    let tally = &report.tally;
    if let End::Broken { cause, detail, retry_after } = &report.end {
        let word = cause.word();
        let why = match cause {
            Cause::Farewell(reason) => reason.label().zh,
            Cause::Line => system::cause(detail),
        };
        let wait = match retry_after {
            0 if *cause == Cause::Farewell(Farewell::Revoked) => both(
                "本机的设备已被注销，不能再报送；请与上级工会联系",
                "this device was revoked and can send no more: speak to the union above",
            ),
            0 => both(
                "网络恢复后再运行一次，会从断点接着交换",
                "run it again when the line is back; it goes on where it stopped",
            ),
            s => both(format!("请在{s}秒后再试"), format!("try again in {s} seconds")),
        };
        let what = both(
            format!("交换中断：{why}；已送出{}条，收到{}条", tally.sent, tally.received),
            format!("the exchange broke off ({word}): {detail}; {} sent, {} received", tally.sent, tally.received),
        );
        return Err(CommandError::failed(what, wait).into());
    }
    context.answer(
        || {
            let refused = tally.refused.iter().map(|(feed, Refused { reason, detail })| {
                json!({ "feed": feed.to_string(), "reason": reason.word(), "detail": detail })
            });
            json!({ "sent": tally.sent, "received": tally.received, "refused": refused.collect::<Vec<_>>() })
        },
        || match context.lang {
            Lang::Zh => format!("交换完成：送出{}条，收到{}条", tally.sent, tally.received),
            Lang::En => format!("done: {} sent, {} received", tally.sent, tally.received),
        },
    )?;
    for (feed, refused) in &tally.refused {
        context.note(&match context.lang {
            Lang::Zh => format!("数据流水 {feed} 未被接受：{}", refused.reason.label().zh),
            Lang::En => format!("feed {feed} was not taken: {refused}"),
        });
    }
    Ok(if tally.refused.is_empty() { Exit::Done } else { Exit::Attention })
}
