//! `receipts list`: the latest of each level for each feed.

use anyhow::Result;

use crate::{
    app::receipts::{self, Listed},
    cli::{
        Desk,
        error::Exit,
        table::{Cell, Table},
    },
};

#[derive(Debug, clap::Args)]
pub struct List {}

impl List {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        let mut table = Table::new()
            .column("feed", desk.pick("数据流水", "feed"))
            .column("of", desk.pick("所属单位", "whose"))
            .column("union", desk.pick("签收方", "acknowledged by"))
            .column("device", desk.pick("平台设备", "hub's device"))
            .number("size", desk.pick("条数", "operations"))
            .number("held", desk.pick("本机条数", "here"))
            .column("received_at", desk.pick("签收时间", "signed"));
        for Listed { receipt, feed: row } in office.look(|conn| Ok(receipts::list(conn)?))? {
            let (feed, device) = (receipt.feed.to_string(), receipt.device.to_string());
            table.row(vec![
                Cell::new(&feed[..8], feed.as_str()),
                row.as_ref().map_or_else(Cell::none, |r| Cell::new(r.feed.union.name(), u64::from(r.feed.union))),
                Cell::new(receipt.union.union_name(), u64::from(receipt.union)),
                Cell::new(&device[..16], device.as_str()),
                Cell::count(receipt.size),
                Cell::count(row.map_or(0, |r| r.size())),
                Cell::new(desk.moment(receipt.received_at), receipt.received_at),
            ]);
        }
        let nothing = desk.pick("还没有签收；运行 sync 取得", "there are no receipts yet; `sync` fetches them");
        desk.answer(|| table.json(), || if table.is_empty() { nothing.to_owned() } else { table.words() })?;
        Ok(Exit::Done)
    }
}
