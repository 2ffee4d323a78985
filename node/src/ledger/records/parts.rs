//! A record of which much is known, made again in parts.
//!
//! It is taken out in one job, and all that counted of it waits for its turn from then on (`quarantine::turn_in`). The next jobs
//! judge what is held of it, each operation once, in the order of a rebuild: as if all of that had not come until now. What
//! comes in between is judged beside it, as ever. Nothing is refused for being much: how much one device may say of a record in
//! one feed could be bounded, but not in all of its feeds together without asking which of them came first.

use huiliu_proto::{id::RecordId, operation::Operation, union::UnionNumber};

use super::super::Ledger;
use crate::{
    admission::Refusal,
    document::Misfit,
    store::{
        Result, feeds,
        projection::RecordPlace,
        quarantine::{self, Held},
        records,
        unfinished::{self, Remade},
    },
};

/// So much that is held is read at once.
const A_READ: usize = 64;

impl Ledger {
    /// As `make_again`. Where that has not begun yet, there is nothing to do but to keep in mind what is at hand.
    pub(super) fn make_again_in_parts(
        &mut self,
        owner: UnionNumber,
        id: &RecordId,
        at_hand: Option<(RecordPlace, &Operation)>,
    ) -> Result<()> {
        if let Some((place, operation)) = at_hand {
            let turn = quarantine::turn_in(id);
            let refusal = match operation.void {
                true => Refusal::early_void(turn),
                false => Refusal::misfit(&Misfit::Early(turn)),
            };
            self.hold(place.feed, place.seq, operation, refusal)?;
        }
        if unfinished::remade(&self.conn, owner, id)?.is_some_and(|remade| remade.done.is_none())
            && records::get(&self.conn, owner, id)?.is_none()
        {
            return Ok(());
        }
        let (said, numbers) = self.take_out(owner, id, records::hold_all)?;
        self.early_voids = None;
        self.slices.leaves();
        unfinished::set_remade(&self.conn, &Remade { owner, record: *id, done: None })?;
        self.numbers_left(owner, id, &numbers)?;
        said.map_or(Ok(()), |said| self.annul(owner, &said))
    }

    /// Goes on with a record that is made again in parts.
    pub(in crate::ledger) fn remake_some(&mut self, mut remade: Remade) -> Result<()> {
        let Remade { owner, record, .. } = remade;
        for no in self.feeds_of(owner, &record, remade.done)? {
            let mut after = remade.done.filter(|(feed, _)| *feed == no).map(|(_, seq)| seq);
            loop {
                let held = quarantine::of_record_in(&self.conn, no, &record, after, A_READ)?;
                let last = held.len() < A_READ;
                for held in held {
                    if self.slices.tired() {
                        return Ok(());
                    }
                    after = Some(held.seq);
                    remade.done = Some((no, held.seq));
                    unfinished::set_remade(&self.conn, &remade)?;
                    self.remake_alone(held)?;
                    if unfinished::remade(&self.conn, owner, &record)? != Some(remade) {
                        // One of them had it begin anew.
                        return Ok(());
                    }
                }
                if last {
                    break;
                }
            }
        }
        unfinished::end_remade(&self.conn, owner, &record)
    }

    /// Makes a record again to its end that is made again in parts: somebody is about to write something of it.
    pub(in crate::ledger) fn remake_now(&mut self, owner: UnionNumber, record: &RecordId) -> Result<()> {
        if !self.slices.leaves_some() {
            return Ok(());
        }
        self.wholly(|ledger| {
            while let Some(remade) = unfinished::remade(&ledger.conn, owner, record)? {
                ledger.carefully(|ledger| ledger.remake_some(remade))?;
            }
            Ok(())
        })
    }

    /// Feeds of a union in which something of a record is held, in the order of a rebuild, from one on.
    fn feeds_of(&mut self, owner: UnionNumber, record: &RecordId, from: Option<(i64, u64)>) -> Result<Vec<i64>> {
        let (mut all, mut after) = (vec![], -1);
        while let Some(no) = quarantine::next_feed(&self.conn, record, after)? {
            after = no;
            if self.feed(no)?.feed.union == owner {
                all.push((self.feed(no)?.order(), no));
            }
        }
        all.sort_unstable();
        // One that was deleted since is in no order: then all of it is judged once more.
        if let Some((no, _)) = from
            && feeds::is_there(&self.conn, no)?
        {
            let from = self.feed(no)?.order();
            all.retain(|(order, _)| *order >= from);
        }
        Ok(all.into_iter().map(|(_, no)| no).collect())
    }

    /// One that fails is set aside; but in a run that has not failed yet, the run does.
    fn remake_alone(&mut self, held: Held) -> Result<()> {
        if !self.careful {
            return self.remake_one(&held);
        }
        match self.guarded(|ledger| ledger.remake_one(&held))? {
            Ok(()) => Ok(()),
            Err(failure) => self.set_aside_held(held, &failure),
        }
    }

    fn remake_one(&mut self, held: &Held) -> Result<()> {
        let (no, seq) = (held.feed, held.seq);
        self.slices.worked(1);
        let Some(operation) = self.operation_near(no, seq)? else { return Ok(()) };
        self.take_up_held(no, seq)?;
        if self.is_leaving(no, seq)? || self.is_out(no)? {
            return Ok(());
        }
        self.apply_alone(no, seq, &operation)
    }
}
