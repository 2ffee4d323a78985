//! Running the checks: what they find in what is seen here, and on a hub what of it is recorded for the unions concerned.
//! Everyone else reads it as advice.

pub mod tell;

use std::collections::BTreeSet;

use huiliu_proto::{id::Hash, period::Day};

use super::{Mode, Progress, Stage};
use crate::{
    check::{self, Check, CheckOutcome, Patience, Waiting, setting::Setting},
    clock,
    finding::{self, Plan},
    identity::LocalDevice,
    store::StoreError,
    writer::Store,
};

#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("there is no check “{0}”")]
    Unknown(String),
    #[error("the checks cannot be run")]
    Store(#[from] StoreError),
}

impl CheckError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            CheckError::Unknown(_) => "unknown_check",
            CheckError::Store(_) => "database",
        }
    }
}

/// The check that a person means: `fc-1` is FC-01.
pub fn named(typed: &str) -> Result<&'static Check, CheckError> {
    let upper = typed.trim().to_uppercase();
    let number = upper.trim_start_matches("FC").trim_start_matches('-').parse::<u32>().ok();
    let id = number.map_or(upper, |n| format!("FC-{n:02}"));
    check::check(&id).ok_or_else(|| CheckError::Unknown(typed.to_owned()))
}

#[derive(Debug, Clone)]
pub struct Ask {
    pub checks: Vec<&'static Check>,
    /// The day that is judged. Nothing is withdrawn as of a day gone by.
    pub as_of: Day,
    pub patience: Patience,
}

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    pub outcome: CheckOutcome,
    /// Findings recorded and taken back; in a dry run on a hub, those that would be.
    pub recorded: usize,
    pub withdrawn: usize,
    /// Cases that a hub records only where a person says so (`tell`), and nobody has.
    pub withheld: BTreeSet<Hash>,
    /// As it was asked.
    pub as_of: Day,
    pub patience: Patience,
}

impl Ran {
    /// The numbers that hold on the day that is judged.
    pub fn settings(&self) -> impl Iterator<Item = &(&'static Check, Setting)> {
        self.outcome.settings.iter().filter(|(_, setting)| setting.holds(self.as_of))
    }

    /// Cases for which somebody's data should long have come.
    pub fn overdue(&self) -> impl Iterator<Item = &Waiting> {
        self.outcome.waiting.iter().filter(|waiting| waiting.overdue(self.as_of, self.patience.0))
    }

    /// Whether a person has to look.
    pub fn needs_a_person(&self) -> bool {
        !self.outcome.found.is_empty() || self.overdue().next().is_some()
    }
}

/// Runs them. What is found is read from one state of the store; what a hub records of it is asked again as it is written.
pub fn run(
    store: &Store,
    me: &LocalDevice,
    ask: Ask,
    mode: Mode,
    progress: &mut dyn Progress,
) -> Result<Ran, CheckError> {
    let Ask { checks, as_of, patience } = ask;
    let withdraw = as_of >= clock::day(store.now());
    progress.stage(Stage::Checking, Some(checks.len() as u64));
    let looked = store.read(|conn| {
        let mut outcome = CheckOutcome::default();
        for check in &checks {
            outcome.add(check::run(conn, check, me.union, as_of, patience));
            progress.done(1);
        }
        match me.hub {
            true => finding::plan(conn, me.union, outcome, &checks, as_of, withdraw).map(Ok),
            false => Ok(Err(outcome)),
        }
    })?;
    let withheld = looked.iter().flat_map(Plan::withheld).map(|found| found.fingerprint).collect();
    let (outcome, (recorded, withdrawn)) = match looked {
        Err(outcome) => (outcome, (0, 0)),
        // A look is enough to say it, also where nothing can be written.
        Ok(plan) if mode == Mode::DryRun => {
            let left = plan.left();
            (plan.run.outcome, left)
        }
        Ok(plan) => {
            let run = record(store, plan, progress)?;
            (run.outcome, (run.recorded, run.withdrawn))
        }
    };
    Ok(Ran { outcome, recorded, withdrawn, withheld, as_of, patience })
}

/// A job after the other, so that nobody waits long for the writer.
fn record(store: &Store, mut plan: Plan, progress: &mut dyn Progress) -> Result<finding::Run, StoreError> {
    let left = |plan: &Plan| (plan.left().0 + plan.left().1) as u64;
    if plan.more() {
        progress.stage(Stage::Recording, Some(left(&plan)));
    }
    while plan.more() {
        let before = left(&plan);
        plan = store.write_blocking(move |ledger| ledger.record_some(plan))?;
        progress.done(before - left(&plan));
    }
    Ok(plan.run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_goes_by_its_number_as_well() {
        for typed in ["FC-01", " fc-1", "fc01", "1"] {
            assert_eq!(named(typed).map(|check| check.id).ok(), Some("FC-01"), "{typed}");
        }
        assert_eq!(named("dq01").map_err(|error| error.code()).err(), Some("unknown_check"));
        assert_eq!(named("dq-01").map(|check| check.id).ok(), Some("DQ-01"));
    }
}
