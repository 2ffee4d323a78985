//! `receipts`: what hubs have signed that they hold, against the feeds here; and one of them as a file.

mod export;
mod list;
mod verify;

use anyhow::Result;
use clap::Subcommand;
use huiliu_proto::{id::FeedId, signed::Receipt, union::UnionNumber};

use super::{
    Desk,
    error::{Exit, Mistake, both},
    record::union_named,
};
use crate::{
    app::find,
    store::{View, feeds, receipts},
};

#[derive(Debug, Subcommand)]
pub enum ReceiptsVerb {
    /// List the receipts held here: feed, hub, how much, since when
    List(list::List),
    /// Check each receipt against the feed here, and say how much of the own feeds each level has confirmed
    Verify(verify::Verify),
    /// Write a receipt to a file that proves itself
    Export(export::Export),
}

impl ReceiptsVerb {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        match self {
            ReceiptsVerb::List(verb) => verb.run(desk),
            ReceiptsVerb::Verify(verb) => verb.run(desk),
            ReceiptsVerb::Export(verb) => verb.run(desk),
        }
    }
}

/// The one feed whose id begins so.
pub fn feed_named(conn: &View, typed: &str) -> Result<FeedId> {
    let digits = find::digits(typed, find::SHORTEST);
    let all = feeds::all(conn)?.into_iter().map(|f| f.feed.id);
    let found: Vec<FeedId> =
        all.filter(|id| digits.as_ref().is_some_and(|digits| id.to_string().starts_with(digits))).collect();
    match &found[..] {
        [one] => Ok(*one),
        [] => Err(Mistake::failed(
            both(format!("没有编号以“{typed}”开头的数据流水"), format!("there is no feed “{typed}” here")),
            both("用 receipts list 查看数据流水编号", "see the feeds' ids with `receipts list`"),
        )
        .into()),
        _ => Err(Mistake::usage(
            both(format!("有多条数据流水的编号以“{typed}”开头"), format!("several feeds begin with “{typed}”")),
            both("请多输入几位编号", "type more of the id"),
        )
        .into()),
    }
}

/// The receipt of a union for a feed.
pub fn held(conn: &View, feed: FeedId, union: UnionNumber) -> Result<Receipt> {
    let found = receipts::all(conn)?.into_iter().find(|r| r.feed == feed && r.union == union);
    found.ok_or_else(|| {
        Mistake::failed(
            both(
                format!("本机没有{}对数据流水 {} 的签收", union.union_name(), &feed.to_string()[..8]),
                format!("no receipt of {union} for feed {} is here", &feed.to_string()[..8]),
            ),
            both(
                "运行 sync 取得签收，用 receipts list 查看已有的",
                "run `sync` to fetch receipts, and `receipts list` to see those here",
            ),
        )
        .into()
    })
}

pub(super) fn union(typed: &str) -> Result<UnionNumber> {
    Ok(union_named(typed)?)
}
