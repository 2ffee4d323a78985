//! `purge`: has a feed that was never admitted deleted at every level, after showing what that is.

use anyhow::Result;
use huiliu_node::cli::{
    Desk, Exit,
    error::{Mistake, both},
};
use huiliu_proto::lang::Lang;
use serde_json::json;

use crate::purge::{self, Plan, PurgeError};

#[derive(Debug, clap::Args)]
pub struct Purge {
    /// The feed's id, or the beginning of it: see `quarantine list`
    feed: String,
    /// Why; it travels with the order
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Purge {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        if !office.me.hub {
            let what = both("只有上级平台可以下达清除令", "only a hub orders feeds to be deleted");
            return Err(Mistake::refused(what, both("请联系上级工会", "ask the union above")).into());
        }
        let union = office.me.union;
        let plan = office.look(|conn| purge::plan(conn, union, &self.feed).map_err(told))?;
        if !desk.json {
            desk.note(&preview(desk.lang, &plan));
        }
        let question = desk.pick("确认清除？删除后不能取回", "delete it? It cannot be brought back");
        if !self.yes && !desk.confirm(question)? {
            desk.note(desk.pick("没有清除", "nothing was deleted"));
            return Ok(Exit::Done);
        }
        let (written, reason) = (plan.clone(), self.reason);
        let ordered = office.store.write_blocking(move |ledger| purge::purge(ledger, &written, &reason))?;
        ordered.map_err(Mistake::Refused)?;
        let id = plan.row.feed.id;
        desk.answer(
            || {
                let operations = plan.row.size();
                json!({ "feed": id.to_string(), "to": u64::from(plan.to), "operations": operations, "bytes": plan.bytes })
            },
            || format!("{}{id}", desk.pick("已下达清除令：", "ordered to be deleted: ")),
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

fn told(error: PurgeError) -> anyhow::Error {
    let en = error.to_string();
    let list =
        both("用 quarantine list 查看等待登记的数据流水", "see what waits for an enrolment with `quarantine list`");
    let mistake = match error {
        PurgeError::Store(error) => return error.into(),
        PurgeError::Refused(refusals) => Mistake::Refused(refusals),
        PurgeError::Unknown => Mistake::failed(both("没有以此开头的、设备未登记的数据流水", en), list),
        PurgeError::Ambiguous(rows) => {
            let ids: Vec<String> = rows.iter().map(|row| row.feed.id.to_string()).collect();
            let ids = ids.join("\n  ");
            let zh = format!("有多条数据流水以此开头：\n  {ids}");
            Mistake::usage(both(zh, format!("{en}:\n  {ids}")), both("请多写几位", "type more of it"))
        }
        PurgeError::NotAbove(of) => Mistake::refused(
            both(format!("只有{}的直接上级或全国总工会可以清除其数据流水", of.union_name()), en),
            both("请联系该上级", "ask that union"),
        ),
        PurgeError::NoWay => Mistake::refused(
            both("不知道该数据流水经由哪个下级而来，清除令无从下达", en),
            both("请在与下级交换之后再试", "try again after an exchange with the unions below"),
        ),
    };
    mistake.into()
}
