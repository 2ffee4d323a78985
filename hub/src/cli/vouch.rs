//! `vouch`: says what of the feeds of the unions directly below counts today, so that proofs can show it later.

use anyhow::Result;
use huiliu_node::cli::{
    Desk, Exit,
    error::{Mistake, both},
    record::union_named,
    table::{Cell, Table},
};

#[derive(Debug, clap::Args)]
pub struct Vouch {
    /// Only of this union: its code or name
    #[arg(long, value_name = "UNION")]
    union: Option<String>,
}

impl Vouch {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let only = self.union.as_deref().map(union_named).transpose()?;
        let office = desk.open()?;
        if !office.me.hub {
            let what =
                both("只有上级平台可以说明下级的哪些内容计入", "only a hub says what counts of the unions below");
            return Err(Mistake::refused(what, both("请联系上级工会", "ask the union above")).into());
        }
        let all = office.store.write_blocking(move |ledger| ledger.vouch(only))?;
        let mut table = Table::new()
            .column("union", desk.pick("单位", "union"))
            .column("device", desk.pick("设备", "device"))
            .number("feeds", desk.pick("数据流水数", "feeds"))
            .number("operations", desk.pick("计入条数", "count"))
            .number("held", desk.pick("其中待核", "of these held"));
        for one in &all {
            let device = one.device.to_string();
            table.row(vec![
                Cell::new(one.union.union_name(), u64::from(one.union)),
                Cell::new(&device[..16], device.as_str()),
                Cell::count(one.feeds as u64),
                Cell::count(one.operations),
                Cell::count(one.held),
            ]);
        }
        let nothing = desk.pick("下级还没有计入的内容", "nothing of the unions below counts yet");
        desk.answer(|| table.json(), || if table.is_empty() { nothing.to_owned() } else { table.words() })?;
        if !desk.json && !table.is_empty() {
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
