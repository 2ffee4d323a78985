//! Numbers that a union gives to those it registers below itself: each once, from the blocks of the machine that gives it.
//!
//! Edits that give one number are put in the order of a rebuild, and the first that fits its record has it, at every level and
//! whatever came first. An edit that gives a number never follows one of the same record that did, so which of them fit depends
//! on no number.

use huiliu_proto::{
    feed::Feed,
    id::{DeviceId, RecordId},
    record::Record,
    records::{enrolment, union},
    serials::Block,
    union::UnionNumber,
    v1::{Enrolment, Union},
};

use super::Ledger;
use crate::{
    admission::{Cause, Refusal, number::NoNumber},
    store::{Result, projection::RecordPlace, quarantine, records::numbers, trust, unfinished},
};

impl Ledger {
    /// The number that the next union has which this machine registers.
    pub fn next_number(&self) -> Result<std::result::Result<UnionNumber, NoNumber>> {
        let me = self.me.union;
        if me.serial().is_some() {
            return Ok(Err(NoNumber::NotOurs));
        }
        let blocks = self.blocks(&self.me.device(), me)?;
        for block in &blocks {
            let serials = block.serials();
            let number = |serial| me.with_serial(serial);
            let (Some(first), Some(last)) = (number(*serials.start()), number(*serials.end())) else { continue };
            let next = match numbers::last(&self.conn, me, first, last)?.and_then(UnionNumber::serial) {
                None => Some(first),
                Some(serial) => number(serial + 1).filter(|next| *next <= last),
            };
            if let Some(next) = next {
                return Ok(Ok(next));
            }
        }
        Ok(Err(if blocks.is_empty() { NoNumber::NoBlock } else { NoNumber::UsedUp }))
    }

    fn blocks(&self, device: &DeviceId, union: UnionNumber) -> Result<Vec<Block>> {
        trust::blocks(&self.conn, self.me.root, device, union)
    }

    /// Whether an edit that fits its record may give a number to it.
    pub(in crate::ledger) fn may_give(
        &mut self,
        feed: &Feed,
        place: RecordPlace,
        record: &RecordId,
        number: UnionNumber,
    ) -> Result<std::result::Result<(), Refusal>> {
        let block = number.serial().and_then(Block::of);
        let blocks = self.blocks(&feed.device, feed.union)?;
        if !block.is_some_and(|block| blocks.contains(&block)) {
            return Ok(Err(Refusal::no_block(&feed.device, feed.union, block)));
        }
        match numbers::holder(&self.conn, place.owner, number)? {
            Some((other, there)) if other != *record && !self.precedes(place, there)? => {
                Ok(Err(Refusal::number_taken(number)))
            }
            _ => Ok(Ok(())),
        }
    }

    /// An edit that gives a number has changed its record. Whoever had the number, and comes later, has it no more.
    pub(in crate::ledger) fn give(
        &mut self,
        place: RecordPlace,
        record: &RecordId,
        number: Option<UnionNumber>,
    ) -> Result<()> {
        let Some(number) = number else { return Ok(()) };
        match numbers::holder(&self.conn, place.owner, number)? {
            Some((same, there)) if same == *record => match self.precedes(place, there)? {
                true => numbers::give(&self.conn, number, record, place),
                false => Ok(()),
            },
            before => {
                numbers::give(&self.conn, number, record, place)?;
                before.map_or(Ok(()), |(other, _)| self.make_again(place.owner, &other, None))
            }
        }
    }

    /// A record was made again that had been given these numbers: of those it has no more, the next in order has each.
    pub(in crate::ledger) fn numbers_left(
        &mut self,
        owner: UnionNumber,
        record: &RecordId,
        numbers: &[UnionNumber],
    ) -> Result<()> {
        for number in numbers {
            let held = self.held_in_order(owner, Cause::number_of(*number))?;
            for (place, other) in held {
                let taken = match numbers::holder(&self.conn, owner, *number)? {
                    Some((holder, there)) => holder == *record || !self.precedes(place, there)?,
                    None => false,
                };
                if taken {
                    // Those that follow come after it too.
                    break;
                }
                if self.slices.tired() {
                    // One that fits is found in jobs that have room for it.
                    self.slices.leaves();
                    unfinished::recall(&self.conn, owner, Cause::number_of(*number))?;
                    break;
                }
                self.make_again(owner, &other, None)?;
            }
        }
        Ok(())
    }

    /// An enrolment came that gives its device a block: what it gave from there before is judged again.
    pub(in crate::ledger) fn blocks_came(&mut self, by: UnionNumber, record: &Record) -> Result<()> {
        let Some(said) = record.of::<Enrolment>() else { return Ok(()) };
        let block = said.get(enrolment::BLOCK).and_then(Block::new);
        if block.is_none() {
            return Ok(());
        }
        let device = said.get(enrolment::DEVICE).and_then(|device| DeviceId::try_from(device).ok());
        let Some((device, union)) = device.zip(said.get(enrolment::UNION)) else { return Ok(()) };
        if trust::superior(union) != by {
            return Ok(());
        }
        let cause = Cause::block_of(&device, union, block);
        if !quarantine::held_for(&self.conn, union, cause, None, 1)?.is_empty() {
            self.slices.leaves();
            unfinished::recall(&self.conn, union, cause)?;
        }
        Ok(())
    }

    /// Edits that are held for that cause, in the order of a rebuild.
    fn held_in_order(&mut self, owner: UnionNumber, cause: Cause) -> Result<Vec<(RecordPlace, RecordId)>> {
        let mut all = vec![];
        for held in quarantine::held_for(&self.conn, owner, cause, None, i64::MAX as usize)? {
            let place = RecordPlace { owner, feed: held.feed, seq: held.seq };
            all.push(((self.feed(held.feed)?.order(), held.seq), place, held.record));
        }
        all.sort_unstable_by_key(|(order, ..)| *order);
        Ok(all.into_iter().map(|(_, place, record)| (place, record)).collect())
    }

    /// What stands against the number that a record is written with: it is this machine's next one, or the record has it.
    pub(in crate::ledger) fn number_given(
        &self,
        record: &Record,
        said: Option<&Record>,
    ) -> Result<Option<huiliu_proto::record::Refusal>> {
        use huiliu_proto::{lang::Label, rule::Rule, rules::NUMBER_STAYS, value::Value};
        let Some(new) = record.of::<Union>() else { return Ok(None) };
        let (now, before) = (new.get(union::NUMBER), said.and_then(|said| said.read(union::NUMBER)));
        if now == before {
            return Ok(None);
        }
        let shown = Value::Int(now.or(before).map_or(0, i64::from));
        let refuse = |rule: Rule, remedy| Ok(Some(union::NUMBER.declared().refuse(&shown, rule, remedy)));
        if before.is_some() {
            return refuse(
                NUMBER_STAYS,
                Label::new("登记有误的，作废后重新登记", "void the record, and register the union again"),
            );
        }
        if now == self.next_number()?.ok() {
            return Ok(None);
        }
        refuse(
            Rule::new("number_given", "工会编号由系统给出", "the number of a union is given by the system"),
            Label::new(
                "请不填编号，登记下级工会时自动给出",
                "leave it out: a union is given one when it is registered below this one",
            ),
        )
    }
}
