//! `quarantine release` and `quarantine reject`: what the union above decides, shown before it is written.

use std::collections::BTreeMap;

use anyhow::Result;
use huiliu_proto::{kind::numbered, v1::Ruling};
use serde_json::{Value as Json, json};

use super::{list::reason_label, told as told_which};
use crate::{
    admission::Reason,
    app::{
        Mode,
        quarantine::{self, RuleError, RuleShown},
    },
    cli::{
        CommandContext,
        error::{CommandError, Exit, both},
        table::{Cell, Table},
    },
    ruling::RulingError,
};

#[derive(Debug, clap::Args)]
pub struct Rule {
    /// Feed and number as listed (99ef0179#7), a range (99ef0179#7-12), a whole feed, or a record's id
    #[arg(value_name = "WHICH")]
    which: String,
    /// Why; it travels with the ruling
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Show what it would be about, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Rule {
    pub fn run(self, context: &CommandContext, ruling: Ruling) -> Result<Exit> {
        let opened = context.open()?;
        let me = &opened.me;
        let shown = opened.look(|conn| quarantine::plan(conn, me, &self.which, ruling, &self.reason).map_err(told))?;
        let question = match ruling {
            Ruling::Released => {
                context.pick("确认准予计入？此后各级都会计入", "release them? Every level will count them")
            }
            _ => context.pick("确认不计入？内容仍会留存", "reject them? What they say is kept"),
        };
        let words = (question, context.pick("没有写入", "nothing was written"));
        if !context.agreed_to(&preview(context, &shown), self.yes || self.dry_run, words)? {
            return Ok(Exit::Done);
        }
        let mode = Mode::of(self.dry_run);
        let id = quarantine::rule(&opened.store, me, &shown, &self.reason, mode).map_err(told)?;
        let record = if self.dry_run { Json::Null } else { id.to_string().into() };
        let word = ruling.as_str_name().to_lowercase();
        context.answer(
            || json!({ "record": record, "operations": shown.operations(), "ruling": word, "written": !self.dry_run }),
            || match self.dry_run {
                true => context.pick("可以裁定，未写入", "it may be ruled so; nothing was written").to_owned(),
                false => format!("{}{id}", context.pick("已裁定：", "ruled: ")),
            },
        )?;
        Ok(Exit::Done)
    }
}

fn preview(context: &CommandContext, shown: &RuleShown) -> String {
    let (case, ruling) = (&shown.case, shown.ruling);
    let union = case.feed.feed.union;
    let mut kinds: BTreeMap<(u32, &str), u64> = BTreeMap::new();
    for held in &case.held {
        *kinds.entry((held.kind, &held.reason)).or_default() += 1;
    }
    let mut table = Table::new()
        .column("kind", context.pick("种类", "kind"))
        .column("reason", context.pick("原因", "reason"))
        .number("count", context.pick("条数", "operations"));
    for ((kind, reason), count) in kinds {
        let kind = numbered(kind).map_or_else(|| kind.to_string(), |k| context.label(&k.label).to_owned());
        table.row(vec![Cell::same(kind), Cell::same(context.label(&reason_label(reason, false))), Cell::count(count)]);
    }
    let heading = match (ruling, case.stranger) {
        (_, true) => context.pick("整条数据流水不计入", "a whole feed is rejected"),
        (Ruling::Released, _) => context.pick("已准予计入", "released, these count"),
        _ => context.pick("不计入", "rejected"),
    };
    let table = if table.is_empty() { String::new() } else { format!("\n{}", table.words()) };
    format!("{}（{union}）：{heading}{table}", context.called(union))
}

fn told(error: RuleError) -> anyhow::Error {
    let code = error.code();
    let error = match error {
        RuleError::Which(error) => return told_which(error),
        RuleError::Store(error) | RuleError::Ruling(RulingError::Store(error)) => return error.into(),
        RuleError::Duty(problem) => return problem.into(),
        RuleError::Refused(refusals) => return CommandError::Refused(refusals).into(),
        RuleError::Changed => {
            let what = both(
                "其间已有他人裁定，或其中的内容有变化；没有写入",
                "somebody else ruled on it, or what is held changed meanwhile; nothing was written",
            );
            let hint = both("用 quarantine show 重新核对", "look at it again with `quarantine show`");
            return CommandError::refused(what, hint).coded(code, Json::Null).into();
        }
        RuleError::Ruling(error) => error,
    };
    let en = error.to_string();
    let (mistake, about) = match error {
        RulingError::NotAbove(union) => {
            let above = union.enroller().union_name();
            let zh = format!("只有{above}的平台可以裁定{union}的内容");
            let hint = both(format!("请联系{above}"), format!("ask {above}"));
            (CommandError::refused(both(zh, en), hint), json!({ "union": u64::from(union) }))
        }
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
            let zh_what = format!("因“{}”待核的内容不能准予计入", label.zh);
            (CommandError::refused(both(zh_what, en), both(zh, en_hint)), json!({ "reason": reason.word() }))
        }
        RulingError::Stranger => {
            let hint = both("请先让该设备加入（登记）", "let that device join first");
            (CommandError::refused(both("该数据流水的设备尚未登记，不能准予计入", en), hint), Json::Null)
        }
        RulingError::Nothing | RulingError::Store(_) => {
            let hint = both("用 quarantine list 查看", "see `quarantine list`");
            (CommandError::refused(both("其中没有列入待核区的内容，或已作同样裁定", en), hint), Json::Null)
        }
    };
    mistake.coded(code, about).into()
}
