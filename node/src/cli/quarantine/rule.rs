//! `quarantine release` and `quarantine reject`: what the union above decides, shown before it is written.

use std::collections::BTreeMap;

use anyhow::Result;
use huiliu_proto::{kind::numbered, v1::Ruling};

use super::{list::reason_label, which};
use crate::{
    admission::Reason,
    cli::{
        Desk,
        error::{Exit, Mistake, both},
        table::{Cell, Table},
    },
    ledger::Outcome,
    ruling::{self, Case, RulingError},
};

#[derive(Debug, clap::Args)]
pub struct Rule {
    /// Feed and number as listed (99ef0179#7), a range (99ef0179#7-12), a whole feed, or a record's id
    #[arg(value_name = "WHICH")]
    which: String,
    /// Why; it travels with the ruling
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Rule {
    pub fn run(self, desk: &Desk, ruling: Ruling) -> Result<Exit> {
        let office = desk.open()?;
        let (union, hub) = (office.me.union, office.me.hub);
        let (case, record) = office.look(|conn| {
            let (feed, part) = which::find(conn, &self.which)?;
            let case = ruling::case(conn, feed, part, ruling)?;
            let record = ruling::rule(conn, union, hub, &case, ruling, &self.reason).map_err(told)?;
            Ok((case, record))
        })?;
        if !desk.json {
            desk.note(&preview(desk, &case, ruling));
        }
        let question = match ruling {
            Ruling::Released => {
                desk.pick("确认准予计入？此后各级都会计入", "release them? Every level will count them")
            }
            _ => desk.pick("确认不计入？内容仍会留存", "reject them? What they say is kept"),
        };
        if !self.yes && !desk.confirm(question)? {
            desk.note(desk.pick("没有写入", "nothing was written"));
            return Ok(Exit::Done);
        }
        let id = match office.store.write_blocking(move |ledger| ledger.write_entry(&record))? {
            Outcome::Written { id, .. } | Outcome::Unchanged(id) => id,
            Outcome::Refused(refusals) => return Err(Mistake::Refused(refusals).into()),
        };
        let count = if case.stranger { case.feed.size() } else { case.held.len() as u64 };
        desk.answer(
            || serde_json::json!({ "record": id.to_string(), "operations": count, "ruling": ruling.as_str_name().to_lowercase() }),
            || format!("{}{id}", desk.pick("已裁定：", "ruled: ")),
        )?;
        Ok(Exit::Done)
    }
}

fn preview(desk: &Desk, case: &Case, ruling: Ruling) -> String {
    let union = case.feed.feed.union;
    let mut kinds: BTreeMap<(u32, &str), u64> = BTreeMap::new();
    for held in &case.held {
        *kinds.entry((held.kind, &held.reason)).or_default() += 1;
    }
    let mut table = Table::new()
        .column("kind", desk.pick("种类", "kind"))
        .column("reason", desk.pick("原因", "reason"))
        .number("count", desk.pick("条数", "operations"));
    for ((kind, reason), count) in kinds {
        let kind = numbered(kind).map_or_else(|| kind.to_string(), |k| desk.label(&k.label).to_owned());
        table.row(vec![Cell::same(kind), Cell::same(desk.label(&reason_label(reason, false))), Cell::count(count)]);
    }
    let heading = match (ruling, case.stranger) {
        (_, true) => desk.pick("整条数据流水不计入", "a whole feed is rejected"),
        (Ruling::Released, _) => desk.pick("已准予计入", "released, these count"),
        _ => desk.pick("不计入", "rejected"),
    };
    let table = if table.is_empty() { String::new() } else { format!("\n{}", table.words()) };
    format!("{}（{union}）：{heading}{table}", union.union_name())
}

fn told(error: RulingError) -> anyhow::Error {
    let en = error.to_string();
    let mistake = match error {
        RulingError::Store(error) => return error.into(),
        RulingError::NotAbove(union) => {
            let above = union.enroller().union_name();
            Mistake::refused(
                both(format!("只有{above}的平台可以裁定{union}的内容"), en),
                both(format!("请联系{above}"), format!("ask {above}")),
            )
        }
        RulingError::Nothing => Mistake::refused(
            both("其中没有列入待核区的内容，或已作同样裁定", en),
            both("用 quarantine list 查看", "see `quarantine list`"),
        ),
        RulingError::NotReleasable(reason) => {
            let label = reason.label();
            let (zh, en_hint) = match reason {
                Reason::Newer => ("升级本机程序后自动处理", "upgrade this program: it is judged again by itself"),
                Reason::Early => ("所依据的修改到达后自动处理", "it is judged again by itself when that edit arrives"),
                _ => (
                    "请填报单位另填正确的记录，再用 quarantine reject 办结此条",
                    "that union writes a right one, and this one is closed with `quarantine reject`",
                ),
            };
            Mistake::refused(both(format!("因“{}”待核的内容不能准予计入", label.zh), en), both(zh, en_hint))
        }
        RulingError::Stranger => Mistake::refused(
            both("该数据流水的设备尚未登记，不能准予计入", en),
            both("请先让该设备加入（登记）", "let that device join first"),
        ),
    };
    mistake.into()
}
