//! `receipts export`: a receipt with all that it rests on, to keep or to mail.

use std::path::PathBuf;

use anyhow::Result;
use huiliu_proto::lang::Lang;
use serde_json::json;

use crate::{
    app::receipts,
    cli::{CommandContext, error::Exit, outfile},
};

#[derive(Debug, clap::Args)]
pub struct Export {
    /// The feed's id, or the beginning of it
    feed: String,
    /// The union that signed: its number or name
    union: String,
    /// File to write to; without it receipt-FEED-UNION-SIZE.proof in this directory
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

impl Export {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let union = opened.union(&self.union)?;
        let root = opened.home.root()?;
        let fingerprint = root.fingerprint();
        let (receipt, made) = receipts::export(&opened.store, root, &self.feed, union).map_err(super::told)?;
        let feed = receipt.feed.to_string();
        let out = self.out.unwrap_or_else(|| format!("receipt-{}-{union}-{}.proof", &feed[..8], receipt.size).into());
        outfile::write(&out, &made.file, self.force)?;
        let file = out.display().to_string();
        let (size, when) = (receipt.size, context.moment(receipt.received_at));
        context.answer(
            || {
                json!({
                    "file": file, "bytes": made.file.len(), "feed": feed, "union": u64::from(union), "size": size,
                    "received_at": receipt.received_at, "root": fingerprint.to_string(),
                })
            },
            || {
                let name = context.called(union);
                let program = context.program.name();
                match context.lang {
                    Lang::Zh => format!(
                        "签收已写入：{file}（{name}，{when}，数据流水 {} 前{size}条；不含个人信息）\n任何机器上都可核对：{program} check-proof {file} --root {fingerprint}",
                        &feed[..8]
                    ),
                    Lang::En => format!(
                        "receipt written to {file} ({name}, {when}, the first {size} of feed {}; nothing personal is in it)\nto check it on any machine: {program} check-proof {file} --root {fingerprint}",
                        &feed[..8]
                    ),
                }
            },
        )?;
        Ok(Exit::Done)
    }
}
