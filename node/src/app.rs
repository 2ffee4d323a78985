//! Use cases: what a person or a program can do, typed in and typed out. No words for people and no arguments of a
//! command line: those who call parse before, and render after.
//!
//! Where a person is asked before something is written, there are two steps: what it would do, and doing it. The second asks
//! again in its transaction, and says `Changed` where somebody else was quicker. Errors have a `code` for programs.

pub mod account;
pub mod backup;
pub mod bulk;
pub mod calendar;
pub mod check;
pub mod consistency;
pub mod duty;
pub mod evidence;
pub mod export;
pub mod filing;
pub mod find;
pub mod history;
pub mod inbox;
pub mod init;
pub mod join;
pub mod keys;
pub mod list;
pub mod organisation;
pub mod parameters;
pub mod prove;
pub mod quarantine;
pub mod receipts;
pub mod repair;
pub mod restore;
pub mod reveal;
pub mod rollup;
pub mod show;
pub mod status;
pub mod unions;
pub mod values;
pub mod void;
pub mod voided;
pub mod write;

use crate::{ledger::Ledger, store::Result, writer::Store};

/// Whether a use case that writes does so, or goes the whole way and is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Write,
    DryRun,
}

impl Mode {
    /// As a person asked for it.
    pub fn of(dry_run: bool) -> Mode {
        if dry_run { Mode::DryRun } else { Mode::Write }
    }

    /// Runs a job of the writer's. What a dry run says is what would have been; nothing is signed.
    pub fn run<T, F>(self, store: &Store, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Ledger) -> Result<T> + Send + 'static,
    {
        match self {
            Mode::Write => store.write_blocking(work),
            Mode::DryRun => store.dry_run(work),
        }
    }
}

/// What long work is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Copying,
    Verifying,
    Rebuilding,
    Checking,
    Recording,
}

/// Long work says how far it is.
pub trait Progress {
    /// Another stage begins, of so much work where that is known.
    fn stage(&mut self, _: Stage, _: Option<u64>) {}

    /// So many are done since this was last called.
    fn done(&mut self, count: u64);
}

/// Nobody looks.
impl Progress for () {
    fn done(&mut self, _: u64) {}
}
