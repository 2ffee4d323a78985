//! What rested on a decision that counts no more: the hub that wrote it is revoked as of a place before it, or its history
//! gave way to another.
//!
//! Where nobody enrols a device any more, its feeds are taken out again from their ends, a part in a job. Where a revocation or
//! a ruling is gone, what it held is judged again.

use huiliu_proto::{
    handle::Declared as _,
    id::{DeviceId, FeedId, RecordId},
    record::Record,
    records::{enrolment, key_grant, quarantine_ruling, revocation, revocation_last},
    serials::Block,
    union::UnionNumber,
    v1::{Enrolment, KeyGrant, QuarantineRuling, Revocation},
};

use super::Ledger;
use crate::{
    admission::Cause,
    keyring::Keyring,
    store::{
        Result, feeds,
        projection::RecordPlace,
        quarantine,
        records::numbers,
        trust,
        unfinished::{self, Recalled, Unrevoked},
    },
};

/// So many records that are to be made again are read at once.
const A_READ: usize = 64;

impl Ledger {
    /// A record of `owner` counts no more, at least not where it stood: what it decided about is looked at.
    pub(super) fn annul(&mut self, owner: UnionNumber, record: &Record) -> Result<()> {
        match record.kind.number {
            Enrolment::NUMBER => {
                let device = record.read(enrolment::DEVICE).and_then(|device| DeviceId::try_from(device).ok());
                let Some((device, union)) = device.zip(record.read(enrolment::UNION)) else { return Ok(()) };
                self.no_longer_enrolled(&device, union, owner)?;
                self.block_is_gone(&device, union, record.read(enrolment::BLOCK).and_then(Block::new))?;
                if union == self.me.union {
                    // A key of this union's is taken from machines that are enrolled for it.
                    self.ungranted.insert(union);
                }
            }
            Revocation::NUMBER => {
                let device = record.read(revocation::DEVICE).and_then(|device| DeviceId::try_from(device).ok());
                for no in device.map_or(Ok(vec![]), |device| feeds::of_device(&self.conn, &device))? {
                    let row = self.feed(no)?.clone();
                    self.limits.remove(&no);
                    // What others say of a union's devices holds nothing.
                    if trust::superior(row.feed.union) == owner
                        && record.read(revocation::UNION) == Some(row.feed.union)
                    {
                        let limit = self.limit(no)?.unwrap_or(u64::MAX);
                        self.judge_later(no, stays(record, &row.feed.id), limit.min(row.applied))?;
                    }
                }
            }
            QuarantineRuling::NUMBER => {
                let feed = record.read(quarantine_ruling::IN_FEED).and_then(|feed| FeedId::try_from(feed).ok());
                let range = record.read(quarantine_ruling::FIRST).zip(record.read(quarantine_ruling::COUNT));
                if let Some((first, count)) = range
                    && let Some(no) = feed.map_or(Ok(None), |feed| self.feed_by_id(&feed))?
                {
                    let applied = self.feed(no)?.applied;
                    self.judge_later(
                        no,
                        first.unsigned_abs(),
                        first.saturating_add(count).unsigned_abs().min(applied),
                    )?;
                }
            }
            KeyGrant::NUMBER if record.read(key_grant::TO_DEVICE) == Some(&self.me.device().0[..]) => {
                self.ungranted.insert(owner);
            }
            _ => {}
        }
        Ok(())
    }

    /// Operations that are applied are judged again, as revocations and rulings stand then.
    pub(super) fn judge_later(&mut self, no: i64, first: u64, after: u64) -> Result<()> {
        if first < after {
            self.slices.leaves();
            unfinished::add_ruled(&self.conn, no, first, after)?;
        }
        Ok(())
    }

    /// As `make_again`, in a job that has room for it.
    pub(super) fn make_again_later(&mut self, owner: UnionNumber, record: &RecordId) -> Result<()> {
        self.slices.leaves();
        unfinished::add_anew(&self.conn, owner, record)
    }

    /// Makes a record again of which that was put off. One of which that fails stays as it is and stops no other.
    pub(super) fn make_again_alone(&mut self, owner: UnionNumber, record: &RecordId) -> Result<()> {
        if !self.careful {
            return self.make_again(owner, record, None);
        }
        match self.guarded(|ledger| ledger.make_again(owner, record, None))? {
            Ok(()) => Ok(()),
            Err(failure) => self.set_aside_record(owner, record, &failure),
        }
    }

    /// Judges some of those again that are held for a cause.
    pub(super) fn recall_some(&mut self, mut recalled: Recalled) -> Result<()> {
        while !self.slices.tired() {
            let (owner, cause) = (recalled.owner, recalled.cause);
            let held = quarantine::held_for(&self.conn, owner, cause, recalled.done, A_READ)?;
            let last = held.len() < A_READ;
            for held in held {
                if self.slices.tired() {
                    return unfinished::go_on_recalling(&self.conn, &recalled);
                }
                recalled.done = Some((held.feed, held.seq));
                self.slices.worked(1);
                self.make_again_alone(owner, &held.record)?;
            }
            if last {
                return Ok(());
            }
        }
        unfinished::go_on_recalling(&self.conn, &recalled)
    }

    /// Judges some revocations again of a device that the same union enrols no more: nobody revokes what nobody enrolled.
    pub(super) fn unrevoke_some(&mut self, mut unrevoked: Unrevoked) -> Result<()> {
        while !self.slices.tired() {
            let records = unfinished::revocations(&self.conn, &unrevoked, A_READ)?;
            let last = records.len() < A_READ;
            for record in records {
                if self.slices.tired() {
                    return unfinished::go_on_unrevoking(&self.conn, &unrevoked);
                }
                unrevoked.done = record;
                self.slices.worked(1);
                self.make_again_alone(unrevoked.owner, &record)?;
            }
            if last {
                return Ok(());
            }
        }
        unfinished::go_on_unrevoking(&self.conn, &unrevoked)
    }

    fn no_longer_enrolled(&mut self, device: &DeviceId, union: UnionNumber, by: UnionNumber) -> Result<()> {
        for no in feeds::of_device(&self.conn, device)? {
            let row = self.feed(no)?.clone();
            if row.applied > 0 && !self.admitted(&row.feed, row.own)? {
                self.slices.leaves();
                unfinished::add_withdrawn(&self.conn, no)?;
                // Beyond what is applied something may stand that is to be judged again.
                self.feed_to_change(no)?.applied = row.size();
            }
        }
        if trust::superior(union) == by && !trust::enrolled(&self.conn, device, union, by, false)? {
            // Nobody revokes what nobody enrolled.
            self.slices.leaves();
            unfinished::unrevoke(&self.conn, by, device, union)?;
        }
        Ok(())
    }

    /// Numbers that the device gave from a block that is no longer its own.
    fn block_is_gone(&mut self, device: &DeviceId, union: UnionNumber, block: Option<Block>) -> Result<()> {
        let Some(block) = block else { return Ok(()) };
        let serials = block.serials();
        let ends = union.with_serial(*serials.start()).zip(union.with_serial(*serials.end()));
        let Some((first, last)) = ends else { return Ok(()) };
        if trust::blocks(&self.conn, self.me.root, device, union)?.contains(&block) {
            return Ok(());
        }
        for (record, no) in numbers::given(&self.conn, union, first, last)? {
            if self.feed(no)?.feed.device == *device {
                self.make_again_later(union, &record)?;
            }
        }
        // Those are held for another reason now that were so because another record has their number.
        for number in serials.filter_map(|serial| union.with_serial(serial)) {
            let taken = Cause::number_of(number);
            if !quarantine::held_for(&self.conn, union, taken, None, 1)?.is_empty() {
                self.slices.leaves();
                unfinished::recall(&self.conn, union, taken)?;
            }
        }
        Ok(())
    }

    /// Of keys that were granted by what counts no more nothing is indexed.
    pub(super) fn look_at_keys_anew(&mut self) -> Result<()> {
        let owners = std::mem::take(&mut self.ungranted);
        if owners.is_empty() {
            return Ok(());
        }
        self.took = true;
        self.save_documents()?;
        self.keys = Keyring::read(&self.conn, &self.me)?;
        owners.into_iter().try_for_each(|owner| self.index_sealed(owner))
    }

    /// Whether a feed is being taken out again: none of it counts in what is made again.
    pub(super) fn is_withdrawn(&self, no: i64) -> Result<bool> {
        Ok(self.slices.leaves_some() && unfinished::is_withdrawn(&self.conn, no)?)
    }

    /// Whether a feed was taken out: of a record that could not be, nothing else is made of what it said.
    pub(super) fn is_out(&mut self, no: i64) -> Result<bool> {
        if self.feed(no)?.applied > 0 {
            return Ok(false);
        }
        let row = self.feed(no)?.clone();
        Ok(!self.admitted(&row.feed, row.own)?)
    }

    /// Takes a part of a feed out again whose device is enrolled no more: each of its records once. One that cannot be taken
    /// out stays, and what it stands on is held as such.
    pub(super) fn withdraw_some(&mut self, no: i64) -> Result<()> {
        // It may have been deleted since.
        if !feeds::is_there(&self.conn, no)? {
            return unfinished::end_withdrawn(&self.conn, no);
        }
        while !self.slices.tired() {
            let row = self.feed(no)?.clone();
            if self.admitted(&row.feed, row.own)? {
                self.apply_anew(no)?;
                self.slices.lags(no, None);
                return Ok(());
            }
            let Some(seq) = row.applied.checked_sub(1) else {
                // It may be ordered to be deleted.
                self.purging.insert(row.feed.id);
                return unfinished::end_withdrawn(&self.conn, no);
            };
            self.slices.worked(1);
            self.feed_to_change(no)?.applied = seq;
            let Some(operation) = self.operation_near(no, seq)? else {
                quarantine::remove(&self.conn, no, seq)?;
                continue;
            };
            let place = RecordPlace { owner: row.feed.union, feed: no, seq };
            self.alone(no, seq, &operation, |ledger| ledger.take_out_one(place, &operation.record))?;
        }
        Ok(())
    }

    /// Its device has been enrolled again while a feed was being taken out: all of it is judged again, from its beginning.
    pub(super) fn apply_anew(&mut self, no: i64) -> Result<()> {
        unfinished::end_withdrawn(&self.conn, no)?;
        // One of which nothing is applied would be a stranger's.
        if let Some(first) = self.operation_near(no, 0)? {
            self.apply_run(no, 0, &[first])?;
        }
        self.feed_to_change(no)?.applied = 1;
        Ok(())
    }
}

/// How much of a feed a revocation let stay.
fn stays(record: &Record, feed: &FeedId) -> u64 {
    let Some(said) = record.of::<Revocation>() else { return 0 };
    let of_it = said.lines(revocation::LAST).filter(|line| line.get(revocation_last::FEED) == Some(&feed.0[..]));
    of_it.filter_map(|line| line.get(revocation_last::SIZE)).min().map_or(0, i64::unsigned_abs)
}
