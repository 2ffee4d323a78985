//! `rebuild` and `verify`: what is computed, computed again; and the proof that nothing was altered.

use anyhow::Result;
use huiliu_proto::lang::{self, Lang};

use super::{
    CommandContext,
    backup::{problems_json, with_problems},
    error::{CommandError, Exit, both},
};
use crate::{
    app::repair::{self, RepairError, Verified},
    ledger::Problem,
};

#[derive(Debug, clap::Args)]
pub struct Rebuild {}

#[derive(Debug, clap::Args)]
pub struct Verify {}

impl Rebuild {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let home = context.home()?;
        let me = home.me(context.clock.clone(), context.random.clone())?;
        let total = repair::rebuild(&home, &me, &mut context.bars()).map_err(told)?;
        context.answer(
            || serde_json::json!({ "operations": total }),
            || match context.lang {
                Lang::Zh => format!("已由{total}条记录重算全部表和汇总"),
                Lang::En => format!("tables and totals computed again from {total} operations"),
            },
        )?;
        Ok(Exit::Done)
    }
}

/// Why nothing was computed again.
fn told(error: RepairError) -> anyhow::Error {
    let code = error.code();
    match error {
        RepairError::Damaged(problems) => feeds_damaged(&problems).coded(code, problems_json(&problems)).into(),
        RepairError::Store(error) => error.into(),
    }
}

fn feeds_damaged(problems: &[Problem]) -> CommandError {
    CommandError::failed(
        with_problems(
            "数据流水受损，不能重算，未改动：",
            "feeds are damaged, so nothing can be computed from them; nothing was changed:",
            problems,
        ),
        both(
            "请用 restore 恢复备份，再运行 sync 从上级取回此后报送的内容",
            "`restore` a backup, then `sync`: the union above gives back what it was sent since",
        ),
    )
}

impl Verify {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let home = context.home()?;
        let me = home.me(context.clock.clone(), context.random.clone())?;
        let verified = repair::verify(&home, &me, &mut context.bars())?;
        let Verified { operations: total, problems, wanted } = verified;
        context.answer(
            || {
                let list = problems.iter().map(|p| serde_json::json!({ "zh": p.zh, "en": p.en }));
                serde_json::json!({ "operations": total, "problems": list.collect::<Vec<_>>() })
            },
            || {
                let mut lines: Vec<&str> = problems.iter().map(|p| context.pick(&p.zh, &p.en)).collect();
                let good = match context.lang {
                    Lang::Zh => format!("核验通过：{total}条记录，签名、校验值和重算结果全部一致"),
                    Lang::En => {
                        format!("all good: {total} operations; signatures, hash trees and a rebuild agree")
                    }
                };
                if lines.is_empty() {
                    lines.push(&good);
                }
                lines.join("\n")
            },
        )?;
        if !problems.is_empty() && !context.json {
            context.note(context.pick(
                "可以重算修复的，运行 rebuild；数据流水受损的，用 restore 恢复备份，再运行 sync",
                "what can be computed again is mended by `rebuild`; where a feed is damaged, `restore` a backup and run `sync`",
            ));
        }
        if wanted > 0 && !context.json {
            context.note(&match context.lang {
                Lang::Zh => format!("其中{wanted}条是其他设备的数据流水：下次交换（sync）时向相邻单位重新取回"),
                Lang::En => format!(
                    "{} of other devices among them: fetched anew from a neighbour with the next exchange (`sync`)",
                    lang::count(wanted, "feed", "feeds")
                ),
            });
        }
        Ok(if problems.is_empty() { Exit::Done } else { Exit::Attention })
    }
}
