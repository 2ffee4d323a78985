//! Operations that are held and judged again: what they waited for has come, or the union above has ruled on them.

use std::sync::Arc;

use huiliu_proto::{
    feed::Feed,
    id::{Hash, RecordId},
    kind::{Shape, numbered},
    operation::Operation,
    union::UnionNumber,
    v1::Ruling,
};

use super::Ledger;
use crate::{
    admission::Reason,
    store::{Result, documents, projection::Place, quarantine, trust, voids},
};

impl Ledger {
    /// An edit, a void or an entry was applied: what waited for it (`arrived`) is judged again, and what waited for that.
    pub(super) fn take_up_waiting(&mut self, owner: UnionNumber, id: &RecordId, arrived: Hash) -> Result<()> {
        let mut arrived = vec![arrived];
        while let Some(hash) = arrived.pop() {
            for held in quarantine::waiting(&self.conn, owner, id, &hash)? {
                let Some(operation) = self.operation_near(held.feed, held.seq)? else { continue };
                self.take_up_held(held.feed, held.seq)?;
                self.take_up(held.feed, held.seq, &operation)?;
                let leaf = operation.leaf();
                match operation.void {
                    true => arrived.extend(voids::get(&self.conn, owner, id, &leaf)?.map(|_| leaf)),
                    false => {
                        arrived.extend(documents::change(&self.conn, owner, id, held.feed, held.seq)?);
                        if quarantine::reason(&self.conn, held.feed, held.seq)? != Some(Reason::Early) {
                            arrived.push(quarantine::turn_of(&self.feed(held.feed)?.feed.id, held.seq));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Judges an edit or a void that waited; those that wait for it are the caller's.
    fn take_up(&mut self, no: i64, seq: u64, operation: &Operation) -> Result<()> {
        let feed = Arc::clone(&self.feed(no)?.feed);
        let place = Place { owner: feed.union, feed: no, seq };
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

    /// A ruling on operations `first..end` of a feed has come.
    pub(super) fn rule_on(&mut self, no: i64, feed: &Feed, first: u64, end: u64) -> Result<()> {
        let Some(limit) = self.limit(no)? else { return Ok(()) };
        for seq in first.max(limit)..end {
            let held = quarantine::reason(&self.conn, no, seq)? == Some(Reason::Revoked);
            match (trust::ruling(&self.conn, feed, seq)?, held) {
                (Some(Ruling::Released), true) => {
                    let Some(operation) = self.operation_near(no, seq)? else { continue };
                    let document = numbered(operation.kind).is_some_and(|kind| kind.shape == Shape::Document);
                    if document && !operation.void {
                        // What its device said of it later may have been released before. What is released now of the same
                        // record is judged with it.
                        let place = Place { owner: feed.union, feed: no, seq };
                        self.make_again(place.owner, &operation.record, Some((place, &operation)))?;
                    } else {
                        self.take_up_held(no, seq)?;
                        self.apply_alone(no, seq, &operation)?;
                    }
                }
                (Some(Ruling::Released), false) | (_, true) => {}
                (_, false) => {
                    let Some(operation) = self.operation_near(no, seq)? else { continue };
                    self.apply_alone(no, seq, &operation)?;
                }
            }
        }
        Ok(())
    }
}
