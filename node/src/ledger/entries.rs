//! What an entry does when it counts, and the same taken back: each figure goes to the entry's own union.

use std::sync::Arc;

use huiliu_proto::{
    id::{DeviceId, FeedId, RecordId},
    kind::kind,
    operation::Operation,
    period::Day,
    record::Record,
    union::{Level, UnionNumber},
};

use super::{Change, Ledger};
use crate::{
    admission::{self, Reason, Refusal},
    rollup::{self, Part},
    store::{
        Result, feeds,
        projection::{self, Place},
        quarantine, records,
        rollups::{self, Rated, Stated},
        trust,
    },
};

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
        place: Place,
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
        match record.kind.name {
            "enrolment" | "revocation" => {
                self.keys_may_move(record);
                if let Some(device) = record.bytes("device").and_then(|d| DeviceId::try_from(d).ok()) {
                    self.waking.extend(feeds::of_device(&self.conn, &device)?);
                }
                self.judge_again()?;
                if record.kind.name == "enrolment" {
                    self.enrolled(place, record);
                    self.take_up_revocations(record)?;
                }
            }
            "quarantine_ruling" => self.rule(record)?,
            "purge_order" => self.ordered(record.bytes("in_feed")),
            "key_grant" | "key_return" => self.keys_may_move(record),
            _ => {}
        }
        Ok(Ok(()))
    }

    /// Takes an entry out of everything it counted in. It stands in its table while this is asked, as when it came in.
    pub(super) fn count_entry(&mut self, id: &RecordId, place: Place, record: &Record, turn: Turn) -> Result<()> {
        let owner = place.owner;
        let parts = rollup::parts(record, owner);
        self.count(owner, parts, turn.sign());
        match record.kind.name {
            "work_entry" => self.field_day(id, owner, record, turn),
            "rating" => self.regrade(id, owner, record, turn),
            "budget" => self.rebudget(id, owner, record, turn),
            "statement" => self.take_statement(id, owner, record, turn),
            _ => Ok(()),
        }
    }

    /// Adds (`sign` 1) or takes away (-1) parts of a union's own figures.
    pub(super) fn count(&mut self, owner: UnionNumber, parts: Vec<Part>, sign: i128) {
        for (measure, month, amount) in parts {
            self.add_to((owner, measure, month), Change { own: amount * sign, shared: 0 });
        }
    }

    /// A mediator's day in enterprises counts once for each union that says so, and once for those above them.
    fn field_day(&mut self, id: &RecordId, owner: UnionNumber, record: &Record, turn: Turn) -> Result<()> {
        if record.bytes("enterprise").is_none() || record.bytes("corrects").is_some() {
            return Ok(());
        }
        let (Some(mediator), Some(day)) = (record.bytes("mediator"), record.int("done_on")) else { return Ok(()) };
        let Ok(on) = i32::try_from(day) else { return Ok(()) };
        let moved = match turn {
            Turn::In => rollups::add_field_day(&self.conn, mediator, day, owner)?,
            Turn::Out => rollups::remove_field_day(&self.conn, mediator, day, owner, id)?,
        };
        if !moved {
            return Ok(());
        }
        let month = Day(on).month().0;
        self.count(owner, vec![(rollup::ENTERPRISE_DAYS, month, 1)], turn.sign());
        let others = rollups::field_day_owners(&self.conn, mediator, day)?;
        let meets = |within: &UnionNumber| others.iter().any(|other| *other != owner && within.contains(*other));
        // The nearest union that has it from somebody else too: those above it have it from that one.
        if let Some(within) = std::iter::once(owner).chain(owner.ancestors()).find(meets) {
            let cell = (within, rollup::ENTERPRISE_DAYS, month);
            self.add_to(cell, Change { own: 0, shared: -turn.sign() });
        }
        Ok(())
    }

    /// A union's rating holds until its next one of the enterprise, whatever order they came in. Only its neighbours move.
    /// What another union says of the enterprise, and when, changes nothing in this one's figures.
    fn regrade(&mut self, id: &RecordId, owner: UnionNumber, record: &Record, turn: Turn) -> Result<()> {
        let (Some(enterprise), Some(on), Some(grade)) =
            (record.bytes("enterprise"), record.int("rated_on"), record.int("grade"))
        else {
            return Ok(());
        };
        let this = Rated { on, record: *id, owner, grade };
        let (before, after) = rollups::neighbours(&self.conn, enterprise, &this)?;
        let next = after.map(|after| after.on);
        self.count(owner, rollup::held(this.grade, this.on, next), turn.sign());
        if let Some(before) = before {
            self.count(owner, rollup::held(before.grade, before.on, Some(this.on)), turn.sign());
            self.count(owner, rollup::held(before.grade, before.on, next), -turn.sign());
        }
        Ok(())
    }

    /// Of a budget and those of its own union that replace it, the last counts.
    fn rebudget(&mut self, id: &RecordId, owner: UnionNumber, record: &Record, turn: Turn) -> Result<()> {
        if projection::naming(&self.conn, record.kind, owner, "replaces", id)? == 0 {
            self.count(owner, rollup::budget(record), turn.sign());
        }
        let before = record.bytes("replaces").and_then(|b| RecordId::try_from(b).ok()).filter(|before| before != id);
        if let Some(before) = before
            && projection::naming(&self.conn, record.kind, owner, "replaces", &before)? == 1
            && let Some(row) = projection::get_of(&self.conn, record.kind, owner, &before)?
        {
            self.count(owner, rollup::budget(&row.record), -turn.sign());
        }
        Ok(())
    }

    /// Figures count only where the records they come from are not seen. Where they are, by the province itself, the
    /// statement is held against them: one that comes back after a disk was lost may say what is no longer so.
    fn take_statement(&mut self, id: &RecordId, owner: UnionNumber, record: &Record, turn: Turn) -> Result<()> {
        let (Some(union), Some(month)) = (record.int("union"), record.int("month")) else { return Ok(()) };
        let (Ok(union), Ok(month)) = (UnionNumber::try_from(union), i32::try_from(month)) else { return Ok(()) };
        if self.me.union.level() == Level::Province && owner == self.me.union {
            return rollups::add_due(&self.conn, union, month);
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
                if rollup::measure(measure).is_some() {
                    self.add_to((union, measure, month), Change { own: own * sign, shared: shared * sign });
                }
            }
        }
        Ok(())
    }

    /// The union above has ruled on operations of a feed: those that are held are judged again, and if one counts that
    /// was set aside, all is computed again.
    fn rule(&mut self, record: &Record) -> Result<()> {
        let Some(feed) = record.bytes("in_feed").and_then(|f| FeedId::try_from(f).ok()) else { return Ok(()) };
        let Some(no) = self.feed_by_id(&feed)? else { return Ok(()) };
        let (Some(first), Some(count)) = (record.int("first"), record.int("count")) else { return Ok(()) };
        let row = self.feed(no)?;
        let (applied, feed) = (row.applied, Arc::clone(&row.feed));
        self.rule_on(no, &feed, first.unsigned_abs(), first.saturating_add(count).unsigned_abs().min(applied))
    }

    /// A device is revoked by the union that enrolled it, for the union it was enrolled for. What else is said of it
    /// waits for such an enrolment.
    pub(super) fn may_revoke(&self, owner: UnionNumber, record: &Record) -> Result<std::result::Result<(), Refusal>> {
        if record.kind.name != "revocation" {
            return Ok(Ok(()));
        }
        let device = record.bytes("device").and_then(|d| DeviceId::try_from(d).ok());
        let union = record.int("union").and_then(|number| UnionNumber::try_from(number).ok());
        let (Some(device), Some(union)) = (device, union) else { return Ok(Ok(())) };
        if trust::superior(union) == owner && trust::enrolled(&self.conn, &device, union, owner, false)? {
            return Ok(Ok(()));
        }
        Ok(Err(Refusal::not_its_own()))
    }

    /// An enrolment came: revocations of the device that came before it are judged again.
    fn take_up_revocations(&mut self, enrolment: &Record) -> Result<()> {
        let Some(kind) = kind("revocation") else { return Ok(()) };
        for held in quarantine::of_kind(&self.conn, kind.number)? {
            if held.reason != Reason::NotAllowed.word() {
                continue;
            }
            let Some(operation) = self.operation_near(held.feed, held.seq)? else { continue };
            let feed = Arc::clone(&self.feed(held.feed)?.feed);
            let Ok(record) = admission::entry(&feed, kind, &operation) else { continue };
            let same = ["device", "union"].iter().all(|name| {
                let at = |record: &Record| record.kind.field(name).map(|at| record.values()[at].clone());
                at(&record) == at(enrolment)
            });
            if same {
                self.take_up_held(held.feed, held.seq)?;
                self.apply_alone(held.feed, held.seq, &operation)?;
            }
        }
        Ok(())
    }
}
