//! `vouch`: says what of the feeds of the unions directly below counts today, so that proofs can show it later.

use anyhow::Result;
use huiliu_node::{
    app::Mode,
    cli::{
        CommandContext, Exit,
        error::{CommandError, both},
        table::{Cell, Table},
    },
};
use serde_json::Value as Json;

use crate::app::vouch::{self, VouchError};

#[derive(Debug, clap::Args)]
pub struct Vouch {
    /// Only of this union: its number or name
    #[arg(long, value_name = "UNION")]
    union: Option<String>,
    /// Show what would be said, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Vouch {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let only = self.union.as_deref().map(|typed| opened.union(typed)).transpose()?;
        let mut bar = context.bar(context.pick("说明", "vouching"), None);
        let all = vouch::vouch(&opened.store, &opened.me, only, Mode::of(self.dry_run), &mut bar);
        bar.finish_and_clear();
        let all = all.map_err(told)?;
        let mut table = Table::new()
            .column("union", context.pick("单位", "union"))
            .column("device", context.pick("设备", "device"))
            .number("feeds", context.pick("数据流水数", "feeds"))
            .number("operations", context.pick("计入条数", "count"))
            .number("held", context.pick("其中待核", "of these held"));
        for one in &all {
            let device = one.device.to_string();
            table.row(vec![
                Cell::new(context.called(one.union), u64::from(one.union)),
                Cell::new(&device[..16], device.as_str()),
                Cell::count(one.feeds as u64),
                Cell::count(one.operations),
                Cell::count(one.held),
            ]);
        }
        let nothing = context.pick("下级还没有计入的内容", "nothing of the unions below counts yet");
        context.answer(|| table.json(), || if table.is_empty() { nothing.to_owned() } else { table.words() })?;
        if !context.json && self.dry_run {
            context.note(context.pick("未写入", "nothing was written"));
        } else if !context.json && !table.is_empty() {
            context.note(context.pick(
                "说明随下次交换下达；下级即可用 prove --as-of 证明截至今天计入",
                "it travels down with the next exchange; the unions below can then `prove --as-of` today",
            ));
        }
        match all.into_iter().find_map(|one| one.refused) {
            Some(refusals) => Err(CommandError::Refused(refusals).into()),
            None => Ok(Exit::Done),
        }
    }
}

fn told(error: VouchError) -> anyhow::Error {
    let (code, en) = (error.code(), error.to_string());
    match error {
        VouchError::Store(error) => error.into(),
        VouchError::NotHub => {
            let what = both("只有上级平台可以说明下级的哪些内容计入", en);
            CommandError::refused(what, both("请联系上级工会", "ask the union above")).coded(code, Json::Null).into()
        }
    }
}
