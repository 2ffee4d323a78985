//! `filing review`: what the union directly above answers.

use anyhow::Result;
use clap::ValueEnum;
use huiliu_proto::v1::ReviewAction;

use crate::{
    app::{Mode, filing},
    cli::{
        CommandContext,
        error::Exit,
        record::{self, find},
    },
};

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Answer {
    #[value(alias = "受理")]
    Accept,
    #[value(aliases = ["备案", "同意备案"])]
    File,
    #[value(alias = "退回")]
    Return,
}

#[derive(Debug, clap::Args)]
pub struct Review {
    /// The filing's id, or the beginning of it
    filing: String,
    /// accept: taken in for review; file: on file, with a register number; return: sent back, with reasons
    answer: Answer,
    /// Register number; needed to file
    #[arg(long, value_name = "NO")]
    register_no: Option<String>,
    /// Reasons; needed to send it back
    #[arg(long, value_name = "TEXT")]
    reasons: Option<String>,
    /// Show what would come of it, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Review {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let id = opened.look(|conn| Ok(find::any(conn, &self.filing)?.map_or_else(|id| id, |shown| shown.id)))?;
        let action = match self.answer {
            Answer::Accept => ReviewAction::TakenIn,
            Answer::File => ReviewAction::Filed,
            Answer::Return => ReviewAction::SentBack,
        };
        let (union, hub) = (opened.me.union, opened.me.hub);
        let answer = filing::Answer { filing: id, action, register_no: self.register_no, reasons: self.reasons };
        let (kind, outcome) = filing::review(&opened.store, union, hub, answer, Mode::of(self.dry_run))?;
        record::answer(context, kind, outcome, self.dry_run)
    }
}
