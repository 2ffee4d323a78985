//! `demo`: a small federation at work.

use std::path::PathBuf;

use huiliu_node::cli::{Desk, Exit};

use crate::demo::{self, DemoOptions};

#[derive(Debug, clap::Args)]
pub struct Demo {
    /// End when the story has been told
    #[arg(long)]
    once: bool,
    /// With --json: the file to write everything to that is shown
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Directory for the unions' homes; without it a temporary one
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Demo {
    pub fn run(self, desk: &Desk) -> anyhow::Result<Exit> {
        let options =
            DemoOptions { once: self.once, json: self.file.filter(|_| desk.json), dir: self.dir, lang: desk.lang };
        Ok(if demo::run(options)? { Exit::Done } else { Exit::Failed })
    }
}
