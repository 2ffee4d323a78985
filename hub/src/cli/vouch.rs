//! `vouch`: says what of the feeds of the unions directly below counts today, so that proofs can show it later.

use anyhow::Result;
use huiliu_node::{
    app::Mode,
    cli::{
        Desk, Exit,
        error::{Mistake, both},
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
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        let only = self.union.as_deref().map(|typed| office.union(typed)).transpose()?;
        let mut bar = desk.bar(desk.pick("说明", "vouching"), None);
        let all = vouch::vouch(&office.store, &office.me, only, Mode::of(self.dry_run), &mut bar);
        bar.finish_and_clear();
        let all = all.map_err(told)?;
        let mut table = Table::new()
            .column("union", desk.pick("单位", "union"))
            .column("device", desk.pick("设备", "device"))
            .number("feeds", desk.pick("数据流水数", "feeds"))
            .number("operations", desk.pick("计入条数", "count"))
            .number("held", desk.pick("其中待核", "of these held"));
        for one in &all {
            let device = one.device.to_string();
            table.row(vec![
                Cell::new(desk.called(one.union), u64::from(one.union)),
                Cell::new(&device[..16], device.as_str()),
                Cell::count(one.feeds as u64),
                Cell::count(one.operations),
                Cell::count(one.held),
            ]);
        }
        let nothing = desk.pick("下级还没有计入的内容", "nothing of the unions below counts yet");
        desk.answer(|| table.json(), || if table.is_empty() { nothing.to_owned() } else { table.words() })?;
        if !desk.json && self.dry_run {
            desk.note(desk.pick("未写入", "nothing was written"));
        } else if !desk.json && !table.is_empty() {
            desk.note(desk.pick(
                "说明随下次交换下达；下级即可用 prove --as-of 证明截至今天计入",
                "it travels down with the next exchange; the unions below can then `prove --as-of` today",
            ));
        }
        match all.into_iter().find_map(|one| one.refused) {
            Some(refusals) => Err(Mistake::Refused(refusals).into()),
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
            Mistake::refused(what, both("请联系上级工会", "ask the union above")).coded(code, Json::Null).into()
        }
    }
}
