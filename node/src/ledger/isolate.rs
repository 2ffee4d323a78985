//! One operation that cannot be applied stops nothing else.
//!
//! A run of operations is applied under one savepoint. Where something fails, the run is undone and applied again
//! operation by operation, and the one that fails is set aside with a reason: honest runs pay for one savepoint, and
//! not for one an operation. What fails because of the machine (a full disk, a database that is held by another) is
//! nobody's operation and ends the job.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use huiliu_proto::{id::RecordId, operation::Operation, union::UnionNumber};

use super::Ledger;
use crate::{
    admission::{Reason, Refusal},
    store::{
        Part, Result, StoreError,
        quarantine::{self, Held},
        records,
    },
};

/// Why something could not be applied; for the log.
#[derive(Debug)]
pub(super) struct Failure(pub(super) String);

impl Ledger {
    /// Does `work` so that nothing of it stays where it fails for a reason of its own.
    pub(super) fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut Ledger) -> Result<T>,
    ) -> Result<std::result::Result<T, Failure>> {
        // Documents that are open must not outlive what is undone, nor be undone with it.
        self.save_documents()?;
        let cells = std::mem::take(&mut self.cells);
        let outer = self.as_before.replace(BTreeMap::new());
        self.conn.begin_part(Part::Guarded)?;
        let work = |ledger: &mut Ledger| work(ledger).and_then(|done| ledger.save_documents().map(|()| done));
        let done = catch_unwind(AssertUnwindSafe(|| work(self)));
        let as_before = std::mem::replace(&mut self.as_before, outer).unwrap_or_default();
        let failure = match done {
            Ok(Ok(done)) => {
                self.conn.keep_part(Part::Guarded)?;
                for (cell, figure) in std::mem::replace(&mut self.cells, cells) {
                    self.add_to(cell, figure);
                }
                if let Some(outer) = &mut self.as_before {
                    as_before.into_iter().for_each(|(no, row)| _ = outer.entry(no).or_insert(row));
                }
                return Ok(Ok(done));
            }
            Ok(Err(error)) if error.is_of_the_machine() => return Err(error),
            Ok(Err(error)) => Failure(with_causes(&error)),
            Err(_) => Failure("a panic".into()),
        };
        self.conn.undo_part(Part::Guarded)?;
        self.cells = cells;
        // They are written as they were: something else may have changed them before.
        self.feeds.extend(as_before);
        self.limits.clear();
        self.documents.clear();
        self.early_voids = None;
        self.slices.forget_counts();
        Ok(Err(failure))
    }

    /// As `guarded`, for work that may write this machine's own feeds, or rows of feeds otherwise than `feed_to_change` has it.
    pub(super) fn apart<T>(
        &mut self,
        work: impl FnOnce(&mut Ledger) -> Result<T>,
    ) -> Result<std::result::Result<T, Failure>> {
        self.save_rows()?;
        let signed = self.job_marks.clone();
        let done = self.guarded(work)?;
        if done.is_err() {
            self.forget_rows();
            self.job_marks = signed;
        }
        Ok(done)
    }

    /// Judges and applies a run of operations of one feed.
    pub(super) fn apply_run(&mut self, no: i64, from: u64, operations: &[Operation]) -> Result<()> {
        let whole = self.guarded(|ledger| {
            for (seq, operation) in (from..).zip(operations) {
                ledger.apply(no, seq, operation)?;
            }
            Ok(())
        })?;
        if whole.is_ok() {
            return Ok(());
        }
        self.carefully(|ledger| {
            let mut run = (from..).zip(operations);
            run.try_for_each(|(seq, operation)| ledger.apply_alone(no, seq, operation))
        })
    }

    /// Does `work` with each operation under a savepoint of its own.
    pub(super) fn carefully<T>(&mut self, work: impl FnOnce(&mut Ledger) -> Result<T>) -> Result<T> {
        let before = std::mem::replace(&mut self.careful, true);
        let done = work(self);
        self.careful = before;
        done
    }

    /// Judges and applies an operation that another one brings up, or one of a run that failed.
    pub(super) fn apply_alone(&mut self, no: i64, seq: u64, operation: &Operation) -> Result<()> {
        self.alone(no, seq, operation, |ledger| ledger.apply(no, seq, operation))
    }

    /// Does `work`, which is about one operation. Where it fails, that operation is set aside; but in a run that has not
    /// failed yet, the run does.
    pub(super) fn alone(
        &mut self,
        no: i64,
        seq: u64,
        operation: &Operation,
        work: impl FnOnce(&mut Ledger) -> Result<()>,
    ) -> Result<()> {
        if !self.careful {
            return work(self);
        }
        match self.guarded(work)? {
            Ok(()) => Ok(()),
            Err(failure) => self.set_aside(no, seq, operation, &failure),
        }
    }

    /// Keeps an operation out of everything because it could not be applied here.
    pub(super) fn set_aside(&mut self, no: i64, seq: u64, operation: &Operation, failure: &Failure) -> Result<()> {
        let feed = self.feed(no)?.feed.id;
        tracing::error!(%feed, seq, why = failure.0, "an operation could not be applied and was set aside");
        self.hold(no, seq, operation, Refusal::failed())
    }

    /// The same of one that is held already.
    pub(super) fn set_aside_held(&mut self, held: Held, failure: &Failure) -> Result<()> {
        let feed = self.feed(held.feed)?.feed.id;
        tracing::error!(%feed, held.seq, why = failure.0, "an operation that waited could not be applied and was set aside");
        let reason = Reason::Failed.word().into();
        quarantine::add(&self.conn, &Held { reason, cause: None, awaits: None, ..held })
    }

    /// A record could not be taken out or made again: it stays as it is until a rebuild, and the operation it stands on is
    /// marked, so that people are told.
    pub(super) fn set_aside_record(&mut self, owner: UnionNumber, record: &RecordId, failure: &Failure) -> Result<()> {
        tracing::error!(%owner, %record, why = failure.0, "a record could not be made again, and stays as it is until a rebuild");
        let Some(claim) = records::get(&self.conn, owner, record)? else { return Ok(()) };
        let (feed, seq, reason) = (claim.place.feed, claim.place.seq, Reason::Failed.word().into());
        let held = Held { feed, seq, record: *record, kind: claim.kind, reason, cause: None, awaits: None };
        quarantine::add(&self.conn, &held)
    }
}

fn with_causes(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
