//! `demo`: a small federation at work.

use std::path::PathBuf;

use huiliu_node::cli::{
    Desk, Exit,
    error::{Mistake, both},
};

use crate::demo::{self, DemoOptions};

#[derive(Debug, clap::Args)]
pub struct Demo {
    /// End when the story has been told
    #[arg(long)]
    once: bool,
    /// Where --json writes everything that is shown
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Directory for the unions' homes; without it a temporary one
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Demo {
    pub fn run(self, desk: &Desk) -> anyhow::Result<Exit> {
        if desk.json != self.file.is_some() {
            let what = both("demo 的 --json 要写明文件", "the demo's --json goes with a file");
            let hint = both("如 demo --once --json demo.json", "such as `demo --once --json demo.json`");
            return Err(Mistake::usage(what, hint).into());
        }
        let options = DemoOptions { once: self.once, json: self.file, dir: self.dir, lang: desk.lang };
        Ok(if demo::run(options)? { Exit::Done } else { Exit::Failed })
    }
}
