//! `quarantine`: what is stored and relayed but does not count, why, and what the union above decides about it.

mod list;
mod rule;
mod show;
mod which;

use anyhow::Result;
use clap::Subcommand;
use huiliu_proto::v1::Ruling;

use super::{Desk, error::Exit};

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
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        match self {
            QuarantineVerb::List(verb) => verb.run(desk),
            QuarantineVerb::Show(verb) => verb.run(desk),
            QuarantineVerb::Release(verb) => verb.run(desk, Ruling::Released),
            QuarantineVerb::Reject(verb) => verb.run(desk, Ruling::Rejected),
        }
    }
}
