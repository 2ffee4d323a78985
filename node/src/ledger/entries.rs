//! What an entry does when it counts, and the same taken back: each figure goes to the entry's own union.

use huiliu_proto::{
    handle::{Declared as _, Reference, Typed as _},
    id::{DeviceId, FeedId, RecordId},
    measure::{Part, measure as measure_of},
    operation::Operation,
    record::Record,
    records::{enrolment, purge_order, quarantine_ruling, revocation, statement},
    room::{CountsOnce, UntilNext, parts, room},
    union::{Level, UnionNumber},
    v1::{Enrolment, KeyGrant, KeyReturn, PurgeOrder, QuarantineRuling, Revocation, Statement, StrayReturn},
};

use super::{Change, Ledger};
use crate::{
    admission::{Cause, Refusal},
    store::{
        Result, feeds,
        projection::{self, RecordPlace},
        quarantine, records,
        rollups::{self, Holding, Stated},
        trust, unfinished, voids,
    },
};

/// So many revocations that waited for an enrolment are judged with it.
const AT_ONCE: usize = 8;

/// Whether an entry adds to a figure or is taken out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    In,
    Out,
}

impl Turn {
    fn sign(self) -> i128 {
        match self {
            Turn::In => 1,
            Turn::Out => -1,
        }
    }
}

impl Ledger {
    pub(super) fn entry(
        &mut self,
        place: RecordPlace,
        operation: &Operation,
        record: &Record,
    ) -> Result<std::result::Result<(), Refusal>> {
        let id = operation.record;
        if let Err(refusal) = self.may_revoke(place.owner, record)? {
            return Ok(Err(refusal));
        }
        if !records::add(&self.conn, &id, record.kind.number, place)? {
            return self.claimed(place, operation, Some(record));
        }
        projection::put_entry(&self.conn, &id, place, record)?;
        self.count_entry(&id, place, record, Turn::In)?;
        match record.kind.number {
            Enrolment::NUMBER | Revocation::NUMBER => {
                self.keys_may_move(record);
                let device = match record.of::<Enrolment>() {
                    Some(enrolment) => enrolment.get(enrolment::DEVICE),
                    None => record.read(revocation::DEVICE),
                };
                if let Some(device) = device.and_then(|d| DeviceId::try_from(d).ok()) {
                    let of = feeds::of_device(&self.conn, &device)?;
                    self.waking.extend(&of);
                    if record.is::<Revocation>() {
                        self.judge_again(&of)?;
                    }
                }
                if record.is::<Enrolment>() {
                    self.enrolled(place, record);
                    self.take_up_revocations(place.owner, record)?;
                    self.blocks_came(place.owner, record)?;
                }
            }
            QuarantineRuling::NUMBER => self.rule(record)?,
            PurgeOrder::NUMBER => self.ordered(record.read(purge_order::IN_FEED)),
            KeyGrant::NUMBER | KeyReturn::NUMBER => self.keys_may_move(record),
            StrayReturn::NUMBER => self.returned(place.owner, &id, record),
            _ => {}
        }
        if self.void_may_wait()? {
            self.take_up_waiting(place.owner, &id, voids::awaited(&id))?;
        }
        Ok(Ok(()))
    }

    /// Takes an entry out of everything it counted in. It stands in its table while this is asked, as when it came in.
    pub(super) fn count_entry(&mut self, id: &RecordId, place: RecordPlace, record: &Record, turn: Turn) -> Result<()> {
        let owner = place.owner;
        if record.is::<Statement>() {
            return self.take_statement(id, owner, record, turn);
        }
        if record.kind.bulk {
            self.add_to(rollups::records_of(owner, record.kind), Change { own: turn.sign(), shared: 0 });
        }
        let Some(room) = room(record.kind.number) else { return Ok(()) };
        match (room.replaces)() {
            Some(replaces) => self.replace(id, owner, record, replaces, turn)?,
            None => self.count(owner, (room.adds)(record, owner), turn.sign()),
        }
        if let Some(counts) = (room.counts_once)() {
            self.count_once(id, owner, record, counts, turn)?;
        }
        if let Some(until_next) = (room.until_next)() {
            self.hold_until_next(id, owner, record, until_next, turn)?;
        }
        Ok(())
    }

    /// Adds (`sign` 1) or takes away (-1) parts of a union's own figures.
    pub(super) fn count(&mut self, owner: UnionNumber, parts: Vec<Part>, sign: i128) {
        for (measure, month, amount) in parts {
            self.add_to((owner, measure, month), Change { own: amount * sign, shared: 0 });
        }
    }

    /// A day counts once for each union that says so, and once for those above them.
    fn count_once(
        &mut self,
        id: &RecordId,
        owner: UnionNumber,
        record: &Record,
        counts: CountsOnce,
        turn: Turn,
    ) -> Result<()> {
        let Some((of, on)) = counts.says(record) else { return Ok(()) };
        let day = i64::from(on.0);
        let moved = match turn {
            Turn::In => rollups::add_field_day(&self.conn, of, day, owner)?,
            Turn::Out => rollups::remove_field_day(&self.conn, record.kind, counts, (of, day), owner, id)?,
        };
        if !moved {
            return Ok(());
        }
        let month = on.month().0;
        self.count(owner, vec![(counts.measure, month, 1)], turn.sign());
        let others = rollups::field_day_owners(&self.conn, of, day)?;
        let meets = |within: &UnionNumber| others.iter().any(|other| *other != owner && within.contains(*other));
        // The nearest union that has it from somebody else too: those above it have it from that one.
        if let Some(within) = std::iter::once(owner).chain(owner.ancestors()).find(meets) {
            self.add_to((within, counts.measure, month), Change { own: 0, shared: -turn.sign() });
        }
        Ok(())
    }

    /// A union's record (a rating) holds until its next one of the subject, whatever order they came in. Only its
    /// neighbours move. What another union says of the subject, and when, changes nothing in this one's figures.
    fn hold_until_next(
        &mut self,
        id: &RecordId,
        owner: UnionNumber,
        record: &Record,
        until_next: UntilNext,
        turn: Turn,
    ) -> Result<()> {
        let Some((subject, on, says)) = until_next.says(record) else { return Ok(()) };
        let this = Holding { on, record: *id, owner, says };
        let (before, after) = rollups::neighbours(&self.conn, record.kind, until_next, subject, &this)?;
        let next = after.map(|after| after.on);
        self.count(owner, (until_next.parts)(this.says, this.on, next), turn.sign());
        if let Some(before) = before {
            self.count(owner, (until_next.parts)(before.says, before.on, Some(this.on)), turn.sign());
            self.count(owner, (until_next.parts)(before.says, before.on, next), -turn.sign());
        }
        Ok(())
    }

    /// Of a record (a budget) and those of its own union that replace it, the last counts.
    fn replace(
        &mut self,
        id: &RecordId,
        owner: UnionNumber,
        record: &Record,
        replaces: usize,
        turn: Turn,
    ) -> Result<()> {
        let name = record.kind.fields[replaces].name;
        if projection::naming(&self.conn, record.kind, owner, name, id)? == 0 {
            self.count(owner, parts(record, owner), turn.sign());
        }
        let before = record.values()[replaces].as_ref().and_then(Reference::read).filter(|before| before != id);
        if let Some(before) = before
            && projection::naming(&self.conn, record.kind, owner, name, &before)? == 1
            && let Some(row) = projection::get_of(&self.conn, record.kind, owner, &before)?
        {
            self.count(owner, parts(&row.record, owner), -turn.sign());
        }
        Ok(())
    }

    /// Figures count only where the records they come from are not seen. Where they are, by the province itself, the
    /// statement is held against them: one that comes back after a disk was lost may say what is no longer so.
    fn take_statement(&mut self, id: &RecordId, owner: UnionNumber, record: &Record, turn: Turn) -> Result<()> {
        let (Some(union), Some(month)) = (record.read(statement::UNION), record.read(statement::MONTH)) else {
            return Ok(());
        };
        let month = month.0;
        if self.me.union.level() == Level::Province && owner == self.me.union {
            return self.is_due(union, month);
        }
        if self.me.union.level() != Level::Nation
            || rollups::latest_statement(&self.conn, union, month)?.as_ref() != Some(id)
        {
            return Ok(());
        }
        let before = rollups::statement(&self.conn, union, month, Some(id))?;
        let now = rollups::statement(&self.conn, union, month, None)?;
        for (figures, sign) in [(before, -turn.sign()), (now, turn.sign())] {
            for (measure, Stated { own, shared }) in figures {
                // What only a newer version knows, it counts when it computes all again.
                if measure_of(measure).is_some() {
                    self.add_to((union, measure, month), Change { own: own * sign, shared: shared * sign });
                }
            }
        }
        Ok(())
    }

    /// The union above has ruled on operations of a feed: those that are held or count, and are to be the other, are judged
    /// again.
    fn rule(&mut self, record: &Record) -> Result<()> {
        let Some(ruling) = record.of::<QuarantineRuling>() else { return Ok(()) };
        let feed = ruling.get(quarantine_ruling::IN_FEED).and_then(|f| FeedId::try_from(f).ok());
        let Some(feed) = feed else { return Ok(()) };
        let Some(no) = self.feed_by_id(&feed)? else { return Ok(()) };
        let range = ruling.get(quarantine_ruling::FIRST).zip(ruling.get(quarantine_ruling::COUNT));
        let Some((first, count)) = range else { return Ok(()) };
        if self.limit(no)?.is_none() {
            return Ok(());
        }
        let applied = self.feed(no)?.applied;
        self.rule_on(no, first.unsigned_abs(), first.saturating_add(count).unsigned_abs().min(applied))
    }

    /// A device is revoked by the union that enrolled it, for the union it was enrolled for. What else is said of it
    /// waits for such an enrolment.
    pub(super) fn may_revoke(&self, owner: UnionNumber, record: &Record) -> Result<std::result::Result<(), Refusal>> {
        let Some(revocation) = record.of::<Revocation>() else { return Ok(Ok(())) };
        let device = revocation.get(revocation::DEVICE).and_then(|d| DeviceId::try_from(d).ok());
        let union = revocation.get(revocation::UNION);
        let (Some(device), Some(union)) = (device, union) else { return Ok(Ok(())) };
        if trust::superior(union) == owner && trust::enrolled(&self.conn, &device, union, owner, false)? {
            return Ok(Ok(()));
        }
        let cause = Some(Cause::revocation_of(&device, union));
        Ok(Err(Refusal { cause, ..Refusal::not_its_own() }))
    }

    /// An enrolment came: revocations of the device by the same union that came before it are judged again. The first ones at
    /// once: nothing of the device is to count meanwhile. Of more, the others in jobs that have room for them.
    fn take_up_revocations(&mut self, by: UnionNumber, enrolment: &Record) -> Result<()> {
        let device = enrolment.read(enrolment::DEVICE).and_then(|d| DeviceId::try_from(d).ok());
        let Some((device, union)) = device.zip(enrolment.read(enrolment::UNION)) else { return Ok(()) };
        let cause = Cause::revocation_of(&device, union);
        let held = quarantine::held_for(&self.conn, by, cause, None, AT_ONCE)?;
        if held.len() == AT_ONCE {
            self.slices.leaves();
            unfinished::recall(&self.conn, by, cause)?;
        }
        for held in held {
            let Some(operation) = self.operation_near(held.feed, held.seq)? else { continue };
            self.take_up_held(held.feed, held.seq)?;
            self.apply_alone(held.feed, held.seq, &operation)?;
        }
        Ok(())
    }
}
