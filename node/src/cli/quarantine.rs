//! `quarantine`: what is stored and relayed but does not count, why, and what the union above decides about it.

mod list;
mod rule;
mod show;

use anyhow::Result;
use clap::Subcommand;
use huiliu_proto::v1::Ruling;
use serde_json::{Value as Json, json};

use super::{
    CommandContext,
    error::{CommandError, Exit, both},
};
use crate::app::quarantine::WhichError;

#[derive(Debug, Subcommand)]
pub enum QuarantineVerb {
    /// List what is held, and why
    List(list::List),
    /// Show what is held: its contents, who signed it, and what would end it
    Show(show::Show),
    /// Let operations of a revoked device count after all
    Release(rule::Rule),
    /// Set aside what will never count, so that it is no longer asked about
    Reject(rule::Rule),
}

impl QuarantineVerb {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        match self {
            QuarantineVerb::List(verb) => verb.run(context),
            QuarantineVerb::Show(verb) => verb.run(context),
            QuarantineVerb::Release(verb) => verb.run(context, Ruling::Released),
            QuarantineVerb::Reject(verb) => verb.run(context, Ruling::Rejected),
        }
    }
}

/// Why it is not known what is meant.
fn told(error: WhichError) -> anyhow::Error {
    let (code, en) = (error.code(), error.to_string());
    let about = match &error {
        WhichError::Several { feeds, .. } => {
            json!({ "feeds": feeds.iter().map(ToString::to_string).collect::<Vec<_>>() })
        }
        _ => Json::Null,
    };
    let mistake = match error {
        WhichError::Store(error) => return error.into(),
        WhichError::Nonsense(typed) => CommandError::usage(
            both(format!("“{typed}”不是数据流水、序号或记录编号"), en),
            both(
                "如 99ef0179#7、99ef0179#7-12、99ef0179（整条数据流水）或记录编号的开头几位",
                "such as 99ef0179#7, 99ef0179#7-12, 99ef0179 for a whole feed, or the beginning of a record's id",
            ),
        ),
        WhichError::Several { typed, .. } => {
            CommandError::usage(both(format!("“{typed}”对应多条数据流水"), en), both("请多写几位", "type more of it"))
        }
        WhichError::Nothing(typed) => CommandError::failed(
            both(format!("待核区没有“{typed}”"), en),
            both("用 quarantine list 查看", "see `quarantine list`"),
        ),
    };
    mistake.coded(code, about).into()
}
