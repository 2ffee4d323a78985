//! `receipts list`: the latest of each level for each feed.

use anyhow::Result;
use serde_json::json;

use super::told;
use crate::{
    app::receipts::{self, Listed, Page},
    cli::{
        CommandContext,
        error::Exit,
        table::{Cell, Table},
    },
};

#[derive(Debug, clap::Args)]
pub struct List {
    /// Go on after this place
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
    /// So many lines at most
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    most: u16,
}

impl List {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let after = self.after.as_deref().map(str::parse).transpose().map_err(told)?;
        let opened = context.open()?;
        let mut table = Table::new()
            .column("feed", context.pick("数据流水", "feed"))
            .column("of", context.pick("所属单位", "whose"))
            .column("union", context.pick("签收方", "acknowledged by"))
            .column("device", context.pick("平台设备", "hub's device"))
            .number("size", context.pick("条数", "operations"))
            .number("held", context.pick("本机条数", "here"))
            .column("received_at", context.pick("签收时间", "signed"));
        let Page { receipts, next } = opened.look(|conn| Ok(receipts::page(conn, after, usize::from(self.most))?))?;
        for Listed { receipt, feed: row } in receipts {
            let (feed, device) = (receipt.feed.to_string(), receipt.device.to_string());
            table.row(vec![
                Cell::new(&feed[..8], feed.as_str()),
                row.as_ref().map_or_else(Cell::none, |r| Cell::new(r.feed.union.name(), u64::from(r.feed.union))),
                Cell::new(receipt.union.union_name(), u64::from(receipt.union)),
                Cell::new(&device[..16], device.as_str()),
                Cell::count(receipt.size),
                Cell::count(row.map_or(0, |r| r.size())),
                Cell::new(context.moment(receipt.received_at), receipt.received_at),
            ]);
        }
        let nothing = super::nothing(context, opened.is_top());
        let next = next.map(|place| place.to_string());
        context.answer(
            || json!({ "receipts": table.json(), "next": next }),
            || if table.is_empty() { nothing.to_owned() } else { table.words() },
        )?;
        context.note_next(next);
        Ok(Exit::Done)
    }
}
