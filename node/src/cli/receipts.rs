//! `receipts`: what hubs have signed that they hold, against the feeds here; and one of them as a file.

mod export;
mod list;
mod verify;

use anyhow::Result;
use clap::Subcommand;
use serde_json::{Value as Json, json};

use super::{
    CommandContext,
    error::{CommandError, Exit, both},
};
use crate::app::receipts::ReceiptError;

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
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        match self {
            ReceiptsVerb::List(verb) => verb.run(context),
            ReceiptsVerb::Verify(verb) => verb.run(context),
            ReceiptsVerb::Export(verb) => verb.run(context),
        }
    }
}

/// What is said where there are no receipts.
fn nothing(context: &CommandContext, top: bool) -> &str {
    match top {
        true => context.pick(
            "本级之上没有上级，不会有上级的签收",
            "nobody is above this union, so there are no receipts of levels above",
        ),
        false => context.pick("还没有签收；运行 sync 取得", "there are no receipts yet; `sync` fetches them"),
    }
}

/// Why there is no receipt to show.
pub fn told(error: ReceiptError) -> anyhow::Error {
    let (code, en) = (error.code(), error.to_string());
    let (mistake, about) = match error {
        ReceiptError::Proving(error) => return error.into(),
        ReceiptError::Store(error) => return error.into(),
        ReceiptError::NoFeed(typed) => {
            let zh = format!("没有编号以“{typed}”开头的数据流水");
            let hint = both("用 receipts list 查看数据流水编号", "see the feeds' ids with `receipts list`");
            (CommandError::failed(both(zh, en), hint), Json::Null)
        }
        ReceiptError::SeveralFeeds { typed, feeds } => {
            let zh = format!("有多条数据流水的编号以“{typed}”开头");
            let feeds: Vec<String> = feeds.iter().map(ToString::to_string).collect();
            let hint = both("请多输入几位编号", "type more of the id");
            (CommandError::usage(both(zh, en), hint), json!({ "feeds": feeds }))
        }
        ReceiptError::NoPlace(typed) => {
            let zh = format!("“{typed}”不是列表中的位置");
            (CommandError::usage(both(zh, en), both("位置由上一页给出", "the page before gives it")), Json::Null)
        }
        ReceiptError::NoReceipt { feed, union } => {
            let feed = feed.to_string();
            let what = both(
                format!("本机没有{}对数据流水 {} 的签收", union.union_name(), &feed[..8]),
                format!("no receipt of {union} for feed {} is here", &feed[..8]),
            );
            let hint = both(
                "用 receipts list 查看已有的签收；有上级的，运行 sync 取得",
                "see those here with `receipts list`; where there is a union above, `sync` fetches its receipts",
            );
            (CommandError::failed(what, hint), json!({ "feed": feed, "union": u64::from(union) }))
        }
    };
    mistake.coded(code, about).into()
}
