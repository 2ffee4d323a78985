//! One id of one owner is one record. Where several operations lay claim to an id, the one that comes first in the order
//! of a rebuild has it, at every level and whatever came first there.

mod numbers;
mod parts;

use std::collections::BTreeSet;

use huiliu_proto::{
    handle::Declared as _,
    id::RecordId,
    kind::{self, Shape, Voiding},
    operation::Operation,
    record::Record,
    union::UnionNumber,
    v1::Union,
};

use super::{Ledger, entries::Turn};
use crate::{
    admission::Refusal,
    rollup,
    store::{
        Database, Result, StoreError,
        projection::{self, RecordPlace},
        records::{self, numbers as given},
    },
};

impl Ledger {
    /// An operation whose id is taken. Said again by its own union after a restored backup, an entry counts once, where
    /// it stands first. With other contents the one that stands first counts, and only this record is made again.
    pub(super) fn claimed(
        &mut self,
        place: RecordPlace,
        operation: &Operation,
        entry: Option<&Record>,
    ) -> Result<std::result::Result<(), Refusal>> {
        let id = operation.record;
        let Some(there) = records::get(&self.conn, place.owner, &id)? else {
            return Err(StoreError::Damaged("a record id that is taken by nobody"));
        };
        if place == there.place {
            // It is judged again because its device is revoked once more, and was released, or because it could not be taken
            // out.
            self.take_up_held(place.feed, place.seq)?;
            return Ok(Ok(()));
        }
        let first = self.precedes(place, there.place)?;
        // One that is voided is not in its table.
        let same = match entry.filter(|record| record.kind.number == there.kind) {
            Some(record) => self.entry_said(record.kind, &id, there.place)?.is_some_and(|said| said == *record),
            None => false,
        };
        // Voids stand where the record does. Where it moves to another scope, those that were judged by the one before are
        // judged again.
        let voidable = entry.is_some_and(|record| record.kind.voiding != Voiding::Never);
        let scope = self.feed(there.place.feed)?.feed.scope;
        let moves = voidable && self.feed(place.feed)?.feed.scope != scope;
        match (same && !(first && moves), first) {
            (true, false) => records::add_repeat(&self.conn, &id, place)?,
            (true, true) => {
                records::add_repeat(&self.conn, &id, there.place)?;
                records::move_to(&self.conn, &id, place)?;
                if let Some(record) = entry {
                    projection::move_entry(&self.conn, record.kind, &id, place)?;
                }
            }
            (false, true) => self.make_again(place.owner, &id, Some((place, operation)))?,
            (false, false) => return Ok(Err(Refusal::taken())),
        }
        Ok(Ok(()))
    }

    /// Whether an operation comes before another when all is computed again.
    pub(super) fn precedes(&mut self, one: RecordPlace, other: RecordPlace) -> Result<bool> {
        let (a, b) = (self.feed(one.feed)?.order(), self.feed(other.feed)?.order());
        Ok((a, one.seq) < (b, other.seq))
    }

    /// Takes a record out of everything, and judges all operations under its id again, in the order of a rebuild. `at_hand`:
    /// one of them that need not be read, or is not known yet; for newcomers it happens at most once for each feed of the
    /// owner.
    pub(super) fn make_again(
        &mut self,
        owner: UnionNumber,
        id: &RecordId,
        at_hand: Option<(RecordPlace, &Operation)>,
    ) -> Result<()> {
        if !self.slices.all_at_once() && records::are_many(&self.conn, owner, id, self.slices.edits())? {
            return self.make_again_in_parts(owner, id, at_hand);
        }
        let known = records::operations(&self.conn, owner, id)?;
        let mut all = vec![];
        for (no, seq) in known.into_iter().chain(at_hand.map(|(place, _)| (place.feed, place.seq))) {
            all.push((self.feed(no)?.order(), seq, no));
        }
        all.sort_unstable();
        all.dedup();
        let feeds: BTreeSet<i64> = all.iter().map(|(_, _, no)| *no).collect();
        let (said, numbers) = self.take_out(owner, id, records::forget)?;
        for (_, seq, no) in all {
            if self.is_leaving(no, seq)? || self.is_out(no)? {
                continue;
            }
            let operation = match at_hand.filter(|(place, _)| (no, seq) == (place.feed, place.seq)) {
                Some((_, operation)) => operation.clone(),
                // One that was cut off is there no more.
                None => match self.operation_near(no, seq)? {
                    Some(operation) => operation,
                    None => continue,
                },
            };
            self.apply_alone(no, seq, &operation)?;
        }
        self.numbers_left(owner, id, &numbers)?;
        for no in feeds {
            // It may have stopped because too much of it waited.
            if !self.feed(no)?.own && self.feed(no)?.applied < self.feed(no)?.size() {
                self.slices.lags(no, None);
            }
        }
        said.map_or(Ok(()), |said| self.annul(owner, &said))
    }

    /// An operation is taken out that is about to be there no more, or whose feed is: what rests on it is made again without
    /// it. What is held rests on nothing but itself.
    pub(super) fn take_out_one(&mut self, place: RecordPlace, id: &RecordId) -> Result<()> {
        if records::rests_on(&self.conn, id, place)? {
            self.make_again(place.owner, id, None)?;
        }
        self.take_up_held(place.feed, place.seq)
    }

    /// Says what an entry said, and which numbers of unions the record had been given. `forget`: what becomes of what was known
    /// of it.
    fn take_out(
        &mut self,
        owner: UnionNumber,
        id: &RecordId,
        forget: impl FnOnce(&Database, UnionNumber, &RecordId) -> Result<()>,
    ) -> Result<(Option<Record>, Vec<UnionNumber>)> {
        let mut said = None;
        let there = records::get(&self.conn, owner, id)?;
        let kind = there.and_then(|there| kind::numbered(there.kind));
        if let (Some(there), Some(kind)) = (there, kind)
            && let Some(row) = projection::get_of(&self.conn, kind, owner, id)?
        {
            match kind.shape {
                Shape::Entry => self.count_entry(id, there.place, &row.record, Turn::Out)?,
                Shape::Document => self.count(owner, rollup::parts(&row.record, owner), -1),
            }
            projection::remove(&self.conn, kind, owner, id)?;
            said = Some(row.record).filter(|_| kind.shape == Shape::Entry);
        }
        self.documents.forget(owner, id);
        self.slices.forget_counts();
        self.slices.taken_out();
        forget(&self.conn, owner, id)?;
        let registers = there.is_some_and(|there| there.kind == Union::NUMBER);
        let numbers = if registers { given::take(&self.conn, owner, id)? } else { vec![] };
        Ok((said, numbers))
    }
}

/// Bytes of segments that are kept unpacked.
const MOST_NEAR: usize = 8 << 20;
/// What an operation takes up besides its bytes.
const BESIDE: usize = 256;

/// Operations read one by one that lie near each other: a segment is unpacked once for all of them.
#[derive(Default)]
pub(super) struct Near {
    /// The one that was read last at the end.
    runs: Vec<Unpacked>,
    bytes: usize,
}

/// A segment of a feed, from this operation on.
struct Unpacked {
    no: i64,
    first: u64,
    operations: Vec<Operation>,
    bytes: usize,
}

impl Near {
    pub(super) fn clear(&mut self) {
        *self = Near::default();
    }

    fn find(&mut self, no: i64, seq: u64) -> Option<Operation> {
        let holds = |run: &Unpacked| run.no == no && seq.checked_sub(run.first).is_some_and(|at| at < run.len());
        let at = self.runs.iter().position(holds)?;
        // Used last: the others go first.
        let run = self.runs.remove(at);
        let operation = run.operations.get((seq - run.first) as usize).cloned();
        self.runs.push(run);
        operation
    }

    fn keep(&mut self, run: Unpacked) {
        self.bytes += run.bytes;
        self.runs.push(run);
        while self.bytes > MOST_NEAR && self.runs.len() > 1 {
            self.bytes -= self.runs.remove(0).bytes;
        }
    }
}

impl Unpacked {
    fn len(&self) -> u64 {
        self.operations.len() as u64
    }
}

impl Ledger {
    /// An operation of a feed, to be counted. Reading a segment is work, and counted as such.
    pub(super) fn operation_near(&mut self, no: i64, seq: u64) -> Result<Option<Operation>> {
        if let Some(operation) = self.near.find(no, seq) {
            return Ok(Some(operation));
        }
        let (first, operations) = self.counted_around(no, seq)?;
        let size = |operation: &Operation| operation.header.len() + operation.payload.len();
        let read: usize = operations.iter().map(size).sum();
        self.cost.bytes += read as u64;
        self.slices.worked(operations.len() as u64 / 2);
        let bytes = read + operations.len() * BESIDE;
        self.near.keep(Unpacked { no, first, operations, bytes });
        Ok(self.near.find(no, seq))
    }
}
