//! `purge`: has a feed that was never admitted deleted at every level, after showing what that is.

use anyhow::Result;
use huiliu_node::{
    app::Mode,
    cli::{
        CommandContext, Exit,
        error::{CommandError, both},
    },
};
use huiliu_proto::lang::Lang;
use serde_json::{Value as Json, json};

use crate::{
    app::purge::{self, OrderError},
    purge::{Plan, PurgeError},
};

#[derive(Debug, clap::Args)]
pub struct Purge {
    /// The feed's id, or the beginning of it: see `quarantine list`
    feed: String,
    /// Why; it travels with the order
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Show what would be deleted, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Purge {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let shown = purge::plan(&opened.store, &opened.me, &self.feed).map_err(told)?;
        let words = (
            context.pick("确认清除？删除后不能取回", "delete it? It cannot be brought back"),
            context.pick("没有清除", "nothing was deleted"),
        );
        if !context.agreed_to(&preview(context.lang, &shown), self.yes || self.dry_run, words)? {
            return Ok(Exit::Done);
        }
        let mode = Mode::of(self.dry_run);
        let plan = purge::order(&opened.store, &opened.me, &shown, &self.reason, mode).map_err(told)?;
        let id = plan.row.feed.id;
        context.answer(
            || {
                let operations = plan.row.size();
                json!({
                    "feed": id.to_string(), "to": u64::from(plan.to), "operations": operations, "bytes": plan.bytes,
                    "written": !self.dry_run,
                })
            },
            || {
                let first = match self.dry_run {
                    true => {
                        context.pick("可以清除，未写入：", "it may be ordered to be deleted; nothing was written: ")
                    }
                    false => context.pick("已下达清除令：", "ordered to be deleted: "),
                };
                format!("{first}{id}")
            },
        )?;
        Ok(Exit::Done)
    }
}

fn preview(lang: Lang, plan: &Plan) -> String {
    let (feed, size, bytes) = (&plan.row.feed, plan.row.size(), plan.bytes);
    let (of, device) = (feed.union, feed.device);
    match lang {
        Lang::Zh => {
            let via = plan.row.via.map_or("（非经交换收到）".to_owned(), |via| via.union_name());
            format!(
                "数据流水 {}\n自称属于{}（{of}），设备 {device}\n经由：{via}；{size} 条，{bytes} 字节\n\
                 该设备从未登记，内容没有计入任何数字。清除令沿{}的分支下达，收到的各级都会删除并不再接收；\n\
                 如该设备以后获得登记，会重新接收其数据流水。",
                feed.id,
                of.union_name(),
                plan.to.union_name(),
            )
        }
        Lang::En => {
            let via = plan.row.via.map_or("not by exchange".to_owned(), |via| via.to_string());
            format!(
                "feed {}\nsays it is of {of}, device {device}\ncame through {via}; {size} operations, {bytes} bytes\n\
                 The device was never enrolled, and nothing of it counts anywhere. The order goes down the branch of {}; every\n\
                 level that hears it deletes the feed and takes it no more. If the device is enrolled later, its feed is taken.",
                feed.id, plan.to,
            )
        }
    }
}

fn told(error: OrderError) -> anyhow::Error {
    let (code, en) = (error.code(), error.to_string());
    let list =
        both("用 quarantine list 查看等待登记的数据流水", "see what waits for an enrolment with `quarantine list`");
    let (mistake, about) = match error {
        OrderError::NotHub => {
            let zh = "只有上级平台可以下达清除令";
            (CommandError::refused(both(zh, en), both("请联系上级工会", "ask the union above")), Json::Null)
        }
        OrderError::Changed => {
            let what = both(
                "该数据流水刚刚另经其他下级而来，没有清除",
                "the feed came another way meanwhile; nothing was deleted",
            );
            (CommandError::refused(what, both("请重新核对后再清除", "look at it again")), Json::Null)
        }
        OrderError::Store(error) | OrderError::Purge(PurgeError::Store(error)) => return error.into(),
        OrderError::Refused(refusals) => return CommandError::Refused(refusals).into(),
        OrderError::Purge(error) => {
            let en = error.to_string();
            match error {
                PurgeError::Ambiguous(rows) => {
                    let ids: Vec<String> = rows.iter().map(|row| row.feed.id.to_string()).collect();
                    let lines = ids.join("\n  ");
                    let zh = format!("有多条数据流水以此开头：\n  {lines}");
                    let hint = both("请多写几位", "type more of it");
                    (CommandError::usage(both(zh, format!("{en}:\n  {lines}")), hint), json!({ "feeds": ids }))
                }
                PurgeError::NotAbove(of) => {
                    let zh = format!("只有{}的直接上级或全国总工会可以清除其数据流水", of.union_name());
                    let hint = both("请联系该上级", "ask that union");
                    (CommandError::refused(both(zh, en), hint), json!({ "union": u64::from(of) }))
                }
                PurgeError::NoWay => {
                    let zh = "不知道该数据流水经由哪个下级而来，清除令无从下达";
                    let hint = both("请在与下级交换之后再试", "try again after an exchange with the unions below");
                    (CommandError::refused(both(zh, en), hint), Json::Null)
                }
                PurgeError::Unknown | PurgeError::Store(_) => {
                    (CommandError::failed(both("没有以此开头的、设备未登记的数据流水", en), list), Json::Null)
                }
            }
        }
    };
    mistake.coded(code, about).into()
}
