//! `quarantine`: what is stored and relayed but does not count, and why.

use anyhow::Result;
use huiliu_proto::kind::numbered;

use super::{
    Desk,
    error::Exit,
    table::{Cell, Table, brief},
};
use crate::store::{feeds, quarantine};

#[derive(Debug, clap::Args)]
pub struct Quarantine {}

impl Quarantine {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        let mut table = Table::new()
            .column("record", desk.pick("编号", "id"))
            .column("kind", desk.pick("种类", "kind"))
            .column("union", desk.pick("单位", "union"))
            .column("feed", desk.pick("日志", "feed"))
            .number("seq", desk.pick("序号", "no."))
            .column("reason", desk.pick("原因", "reason"))
            .column("detail", desk.pick("说明", "what it means"));
        office.look(|conn| {
            for held in quarantine::all(conn)? {
                let feed = feeds::by_no(conn, held.feed)?.feed;
                let kind = match numbered(held.kind) {
                    Some(kind) => Cell::new(desk.label(&kind.label), kind.name),
                    None => Cell::new(held.kind.to_string(), held.kind),
                };
                let (id, feed_id) = (held.record.to_string(), feed.id.to_string());
                let detail = desk.label(&held.detail);
                table.row(vec![
                    Cell::new(&id[..16], id.as_str()),
                    kind,
                    Cell::new(feed.union.name(), u32::from(feed.union)),
                    Cell::new(&feed_id[..8], feed_id.as_str()),
                    Cell::count(held.seq),
                    Cell::same(held.reason.as_str()),
                    Cell::new(brief(detail, 80), detail),
                ]);
            }
            Ok(())
        })?;
        let nothing = desk.pick("隔离区是空的", "nothing is in quarantine");
        desk.answer(|| table.json(), || if table.is_empty() { nothing.to_owned() } else { table.words() })?;
        Ok(if table.is_empty() { Exit::Done } else { Exit::Attention })
    }
}
