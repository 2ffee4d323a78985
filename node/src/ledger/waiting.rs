//! Operations that are held and judged again: what they waited for has come, or the union above has ruled on them.

use std::sync::Arc;

use huiliu_proto::{
    id::{Hash, RecordId},
    kind::{Shape, numbered},
    operation::Operation,
    union::UnionNumber,
    v1::Ruling,
};

use super::Ledger;
use crate::{
    admission::Reason,
    store::{
        Result, documents, feeds,
        projection::RecordPlace,
        quarantine::{self, Held},
        trust,
        unfinished::{self, Arrived},
        voids,
    },
};

impl Ledger {
    /// An edit, a void or an entry was applied: what waited for it (`change`) is judged again, and what waited for that. What
    /// is more than the job may do is left to others.
    pub(super) fn take_up_waiting(&mut self, owner: UnionNumber, record: &RecordId, change: Hash) -> Result<()> {
        self.take_up_arrived(Arrived { owner, record: *record, change, done: None })
    }

    fn take_up_arrived(&mut self, first: Arrived) -> Result<()> {
        let mut arrived = vec![first];
        while let Some(mut next) = arrived.pop() {
            let waiting = quarantine::waiting(&self.conn, next.owner, &next.record, &next.change, next.done)?;
            let all = waiting.len() < quarantine::WAITING_A_READ;
            let mut waiting = waiting.into_iter().peekable();
            let mut more = vec![];
            while !self.slices.tired()
                && let Some(held) = waiting.next()
            {
                next.done = Some((held.feed, held.seq));
                let come = self.take_up_alone(&next, held)?;
                more.extend(come.into_iter().map(|change| Arrived { change, done: None, ..next }));
            }
            if !all || waiting.peek().is_some() {
                arrived.push(next);
            }
            arrived.extend(more);
            if self.slices.tired() {
                return arrived.iter().try_for_each(|left| self.leave(left));
            }
        }
        Ok(())
    }

    /// As `take_up_one`. Where that fails, it waits no more and does not count; but in a run that has not failed yet, the run
    /// does.
    fn take_up_alone(&mut self, arrived: &Arrived, held: Held) -> Result<Vec<Hash>> {
        if !self.careful {
            return self.take_up_one(arrived, held.feed, held.seq);
        }
        match self.guarded(|ledger| ledger.take_up_one(arrived, held.feed, held.seq))? {
            Ok(come) => Ok(come),
            Err(failure) => self.set_aside_held(held, &failure).map(|()| vec![]),
        }
    }

    /// One of those that wait is judged again. Returns what has come with it.
    fn take_up_one(&mut self, arrived: &Arrived, no: i64, seq: u64) -> Result<Vec<Hash>> {
        let Some(operation) = self.operation_near(no, seq)? else { return Ok(vec![]) };
        self.take_up_held(no, seq)?;
        self.take_up(no, seq, &operation)?;
        let (owner, id, leaf) = (arrived.owner, &arrived.record, operation.leaf());
        if operation.void {
            return Ok(voids::get(&self.conn, owner, id, &leaf)?.map(|_| leaf).into_iter().collect());
        }
        let mut come: Vec<Hash> = documents::change(&self.conn, owner, id, no, seq)?.into_iter().collect();
        if quarantine::reason(&self.conn, no, seq)? != Some(Reason::Early) {
            come.push(quarantine::turn_of(&self.feed(no)?.feed.id, seq));
        }
        Ok(come)
    }

    fn leave(&mut self, arrived: &Arrived) -> Result<()> {
        self.slices.leaves();
        unfinished::add_arrived(&self.conn, arrived)
    }

    /// Judges an edit or a void that waited; those that wait for it are the caller's.
    fn take_up(&mut self, no: i64, seq: u64, operation: &Operation) -> Result<()> {
        let feed = Arc::clone(&self.feed(no)?.feed);
        let place = RecordPlace { owner: feed.union, feed: no, seq };
        self.alone(no, seq, operation, |ledger| {
            let judged = match crate::admission::kind_in(&feed, operation) {
                Ok(kind) if operation.void => ledger.void(&feed, kind, place, operation)?,
                Ok(kind) => ledger.edit(&feed, kind, place, operation)?,
                Err(refusal) => Err(refusal),
            };
            match judged {
                Ok(()) => Ok(()),
                Err(refusal) => ledger.hold(no, seq, operation, refusal),
            }
        })
    }

    /// A ruling on operations `first..after` of a feed has come or is gone, or a revocation is: those that are held or count,
    /// and are to be the other, are judged again.
    pub(super) fn rule_on(&mut self, no: i64, first: u64, after: u64) -> Result<()> {
        let limit = self.limit(no)?.unwrap_or(u64::MAX);
        let feed = Arc::clone(&self.feed(no)?.feed);
        for seq in first..after {
            if self.slices.tired() {
                self.slices.leaves();
                return unfinished::add_ruled(&self.conn, no, seq, after);
            }
            self.slices.worked(1);
            let held = quarantine::reason(&self.conn, no, seq)? == Some(Reason::Revoked);
            let counts = seq < limit || trust::ruling(&self.conn, &feed, seq)? == Some(Ruling::Released);
            match (counts, held) {
                (true, true) => {
                    let Some(operation) = self.operation_near(no, seq)? else { continue };
                    let document = numbered(operation.kind).is_some_and(|kind| kind.shape == Shape::Document);
                    if document && !operation.void {
                        // What its device said of it later may have been released before. What is released now of the same
                        // record is judged with it.
                        let place = RecordPlace { owner: feed.union, feed: no, seq };
                        let released = Some((place, &operation));
                        let again = |ledger: &mut Ledger| ledger.make_again(place.owner, &operation.record, released);
                        self.alone(no, seq, &operation, again)?;
                    } else {
                        self.take_up_held(no, seq)?;
                        self.apply_alone(no, seq, &operation)?;
                    }
                }
                (true, false) | (false, true) => {}
                (false, false) => {
                    let Some(operation) = self.operation_near(no, seq)? else { continue };
                    self.apply_alone(no, seq, &operation)?;
                }
            }
        }
        Ok(())
    }

    /// Goes on with what jobs began, but for histories that give way. What cannot be taken out or judged is set aside, and
    /// stops nothing else.
    pub(super) fn finish_some(&mut self) -> Result<()> {
        let some = |ledger: &mut Ledger| {
            while !ledger.slices.tired() {
                if let Some(arrived) = unfinished::take_arrived(&ledger.conn)? {
                    ledger.take_up_arrived(arrived)?;
                } else if let Some((no, first, after)) = unfinished::take_ruled(&ledger.conn)? {
                    // It may have been deleted since.
                    if feeds::is_there(&ledger.conn, no)? {
                        let applied = ledger.feed(no)?.applied;
                        ledger.rule_on(no, first, after.min(applied))?;
                        // It may have stopped because too much of it waited.
                        ledger.slices.lags(no, None);
                    }
                } else if let Some(remade) = unfinished::any_remade(&ledger.conn)? {
                    ledger.remake_some(remade)?;
                } else if let Some((owner, record)) = unfinished::take_anew(&ledger.conn)? {
                    ledger.make_again_alone(owner, &record)?;
                } else if let Some(recalled) = unfinished::take_recalled(&ledger.conn)? {
                    ledger.recall_some(recalled)?;
                } else if let Some(unrevoked) = unfinished::take_unrevoked(&ledger.conn)? {
                    ledger.unrevoke_some(unrevoked)?;
                } else if let Some(no) = unfinished::withdrawn(&ledger.conn)? {
                    ledger.withdraw_some(no)?;
                } else {
                    break;
                }
            }
            Ok(())
        };
        if self.guarded(some)?.is_ok() {
            return Ok(());
        }
        self.slices.begin_anew();
        self.carefully(some)
    }
}
