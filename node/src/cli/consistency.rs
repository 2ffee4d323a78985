//! `consistency`: that one receipt's history goes on where another's ended. Two that contradict each other are evidence.

use std::path::{Path, PathBuf};

use anyhow::Result;
use huiliu_proto::{lang::Lang, proof::Subject, signed::Receipt};
use serde_json::{Value as Json, json};

use super::{
    CommandContext, check_proof,
    context::OpenHome,
    error::{CommandError, Exit, both},
    outfile, receipts,
};
use crate::app::consistency::{self, CompareError, Grown, Side};

#[derive(Debug, clap::Args)]
pub struct Consistency {
    /// A receipt: a file of `receipts export`, or a union whose latest one is held here
    old: String,
    /// The receipt to compare it with, likewise
    new: String,
    /// The feed, or the beginning of its id; needed where both are unions that hold several feeds
    #[arg(long, value_name = "FEED")]
    feed: Option<String>,
    /// File to write to; without it consistency-FEED-SIZE-SIZE.proof in this directory
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

impl Consistency {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let root = opened.home.root()?;
        let fingerprint = root.fingerprint();
        let sides = [side(context, &opened, &self.old)?, side(context, &opened, &self.new)?];
        let grown = consistency::compare(&opened.store, root, sides, self.feed.as_deref()).map_err(told)?;
        let Grown { feed, older, newer, file: made } = &grown;
        let id = feed.to_string();
        let name = || format!("consistency-{}-{}-{}.proof", &id[..8], older.size, newer.size).into();
        let out = self.out.unwrap_or_else(name);
        outfile::write(&out, made, self.force)?;
        let file = out.display().to_string();
        let told = |r: &Receipt| format!("{} {} {}", r.union.union_name(), r.size, context.moment(r.received_at));
        context.answer(
            || {
                let receipt = |r: &Receipt| {
                    json!({ "union": u64::from(r.union), "size": r.size, "received_at": r.received_at })
                };
                json!({
                    "file": file, "bytes": made.len(), "consistent": true, "feed": id,
                    "older": receipt(older), "newer": receipt(newer), "root": fingerprint.to_string(),
                })
            },
            || {
                let program = context.program.name();
                match context.lang {
                    Lang::Zh => format!(
                        "两份签收前后衔接、内容一致：{}；{}\n证明已写入：{file}\n任何机器上都可核对：{program} check-proof {file} --root {fingerprint}",
                        told(older),
                        told(newer)
                    ),
                    Lang::En => format!(
                        "both receipts speak of one history: {}; {}\nproof written to {file}\nto check it on any machine: {program} check-proof {file} --root {fingerprint}",
                        told(older),
                        told(newer)
                    ),
                }
            },
        )?;
        Ok(Exit::Done)
    }
}

/// A file that was kept, or a union whose latest receipt is here.
fn side(context: &CommandContext, opened: &OpenHome, typed: &str) -> Result<Side> {
    if Path::new(typed).is_file() {
        return Ok(Side::Kept(Box::new(from_file(context, Path::new(typed))?)));
    }
    opened.union(typed).map(Side::Of).map_err(|_| {
        CommandError::usage(
            both(
                format!("“{typed}”既不是文件，也不是工会"),
                format!("“{typed}” is neither a file that is there nor a union"),
            ),
            both(
                "请写 receipts export 生成的文件，或工会的代码、名称",
                "give a file that `receipts export` wrote, or a union's code or name",
            ),
        )
        .into()
    })
}

fn from_file(context: &CommandContext, path: &Path) -> Result<Receipt> {
    match check_proof::known(context, path)?.subject {
        Subject::Receipt { receipt, .. } => Ok(receipt),
        _ => Err(CommandError::usage(
            both(format!("{} 不是一份签收", path.display()), format!("{} is not a receipt", path.display())),
            both("请写 receipts export 生成的文件", "give a file that `receipts export` wrote"),
        )
        .into()),
    }
}

/// Why nothing was compared.
fn told(error: CompareError) -> anyhow::Error {
    let (code, en) = (error.code(), error.to_string());
    let mistake = match error {
        CompareError::Receipt(error) => return receipts::told(error),
        CompareError::Proving(error) => return error.into(),
        CompareError::Store(error) => return error.into(),
        CompareError::TwoFeeds => CommandError::usage(
            both("两份签收不是对同一条数据流水的", en),
            both("请选择同一数据流水的两份签收", "choose two receipts for one feed"),
        ),
        CompareError::Same => CommandError::usage(
            both("这是同一份签收，没有可比较的", en),
            both(
                "请先用 receipts export 保存旧签收，以后再与新的比较；或比较两个上级的签收",
                "keep an old one with `receipts export` and compare it later, or compare those of two levels",
            ),
        ),
        CompareError::WhichFeed(found) => CommandError::usage(
            both(format!("这两个单位都签收过的本机数据流水有{found}条"), en),
            both(
                "请用 --feed 写明数据流水，编号见 receipts list",
                "name the feed with --feed; `receipts list` has the ids",
            ),
        ),
    };
    mistake.coded(code, Json::Null).into()
}
