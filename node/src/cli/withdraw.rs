//! `withdraw`: what waits for a second person is taken back by the first, or declined by the second.

use anyhow::Result;
use huiliu_proto::records::proposal;
use serde_json::{Value as Json, json};

use super::{
    CommandContext, duty,
    error::{CommandError, Exit, both},
    record::view,
    table::choice_name,
};
use crate::app::{
    Mode,
    duty::waiting::{self, WithdrawError},
};

#[derive(Debug, clap::Args)]
pub struct Withdraw {
    /// The proposal's id, or the beginning of it, as `inbox` shows it
    id: String,
    /// Ask whether it may be taken back, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Withdraw {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let mode = Mode::of(self.dry_run);
        let was = waiting::withdraw(&opened.store, opened.me.union, &self.id, mode).map_err(told)?;
        context.answer(
            || {
                json!({
                    "proposal": was.id.to_string(), "act": choice_name(proposal::ACT.declared(), was.act as i64),
                    "subject": was.subject, "by": was.by.to_string(), "written": !self.dry_run,
                })
            },
            || {
                let first = match self.dry_run {
                    true => context.pick("可以撤回，未写入：", "it may be taken back; nothing was written: "),
                    false => context.pick("已撤回：", "taken back: "),
                };
                let act = duty::act(was.act).map_or("", |act| context.label(&act.label));
                format!("{first}{act} {}", was.subject)
            },
        )?;
        Ok(Exit::Done)
    }
}

/// Why nothing was done.
fn told(error: WithdrawError) -> anyhow::Error {
    let code = error.code();
    let list = || both("用 inbox 查看等待复核的提请", "`inbox` shows what waits for a second person");
    let (about, what, hint) = match error {
        WithdrawError::NotLoggedIn => (
            Json::Null,
            both("撤回提请须先登录", "only who has logged in takes something back"),
            both("请用 login 姓名 登录后再办", "`login NAME` first, then do it"),
        ),
        WithdrawError::Unknown(typed) => (
            json!({ "typed": typed }),
            both(format!("没有提请“{typed}”"), format!("nothing that was prepared is called “{typed}”")),
            list(),
        ),
        WithdrawError::Several(typed, found) => {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            let about = json!({ "typed": typed, "proposals": found });
            let (zh, en) = (found.join("、"), found.join(", "));
            (
                about,
                both(format!("有多项提请符合“{typed}”"), format!("several that were prepared fit “{typed}”")),
                both(format!("请填编号：{zh}"), format!("give the id: {en}")),
            )
        }
        WithdrawError::NotOwn(by) => (
            json!({ "by": by.to_string() }),
            both(
                "只有提请人本人，或可以复核此事的人，才能撤回",
                "whoever prepared it takes it back, or whoever may carry it out",
            ),
            both(
                format!("请提请人（账号 {}）登录后撤回", view::short(&by)),
                format!("let that account ({}) log in and do it", view::short(&by)),
            ),
        ),
        WithdrawError::NotOpen(id) => (
            json!({ "proposal": id.to_string() }),
            both("该项提请已办理、已撤回或已过期", "it was carried out, taken back, or waited for too long"),
            list(),
        ),
        WithdrawError::Store(error) => return error.into(),
    };
    CommandError::refused(what, hint).coded(code, about).into()
}
