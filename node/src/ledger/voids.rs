//! What voiding a record does, and taking that back: judged, then the record leaves every table and total, or comes back.
//!
//! A void waits for its record, for the changes that it names and for the voids that it follows. What all voids of a record
//! come to depends on which there are and on what the record holds (`store/voids.rs`), so that every order of arrival ends
//! the same: nothing here remembers which came first.

use huiliu_proto::{
    edit::MAX_DEPS,
    feed::Feed,
    id::{Hash, RecordId},
    kind::{Kind, Shape, Voiding, kinds},
    operation::Operation,
    record::Record,
    rule::Rule,
    union::UnionNumber,
    void::Void,
};

use super::{Ledger, entries::Turn};
use crate::{
    admission::{self, Refusal},
    document::Document,
    store::{
        Result, StoreError, documents,
        projection::{self, RecordPlace},
        quarantine,
        records::{self, Claim},
        voids::{self, State, Voided},
    },
};

/// What the voiding of an entry takes, in entries, and each void or change that a void names.
const ENTRY: u64 = 4;
const NAMED: u64 = 3;

impl Ledger {
    /// A void, or a taking back, has come.
    pub(super) fn void(
        &mut self,
        feed: &Feed,
        kind: &'static Kind,
        place: RecordPlace,
        operation: &Operation,
    ) -> Result<std::result::Result<(), Refusal>> {
        let (owner, id, leaf) = (place.owner, operation.record, operation.leaf());
        let void = match admission::void(kind, operation) {
            Ok(void) => void,
            Err(refusal) => return Ok(Err(refusal)),
        };
        match kind.shape {
            Shape::Entry => self.slices.worked(ENTRY),
            Shape::Document => self.slices.edited(0),
        }
        self.slices.worked(NAMED * (void.follows.len() + void.heads.len()) as u64);
        // Nothing of that kind is here for it to void, whatever else goes by that id.
        let claim = records::get(&self.conn, owner, &id)?.filter(|claim| claim.kind == kind.number);
        // Whether it stands where its record does is asked first of all, so it waits for that.
        let Some(claim) = claim else { return Ok(Err(Refusal::early_void(voids::awaited(&id)))) };
        if self.feed(claim.place.feed)?.feed.scope != feed.scope {
            return Ok(Err(Refusal::void_elsewhere()));
        }
        if let Some(there) = voids::get(&self.conn, owner, &id, &leaf)? {
            let there = RecordPlace { owner, feed: there.feed, seq: there.seq };
            return self.said_again(&id, &leaf, place, there).map(Ok);
        }
        for follows in &void.follows {
            if voids::get(&self.conn, owner, &id, follows)?.is_none() {
                return Ok(Err(Refusal::early_void(*follows)));
            }
        }
        match kind.shape {
            Shape::Entry => {
                voids::add(&self.conn, &id, &leaf, place, &void)?;
                self.weigh_entry(kind, &id, claim)?;
            }
            Shape::Document => {
                if let Some(missing) = self.void_document(kind, &id, claim, place, &leaf, &void)? {
                    return Ok(Err(Refusal::early_void(missing)));
                }
            }
        }
        Ok(Ok(()))
    }

    /// One that is known already stands where it comes first.
    fn said_again(&mut self, id: &RecordId, leaf: &Hash, place: RecordPlace, there: RecordPlace) -> Result<()> {
        if place == there {
            return self.take_up_held(place.feed, place.seq);
        }
        if !self.precedes(place, there)? {
            return records::add_repeat(&self.conn, id, place);
        }
        records::add_repeat(&self.conn, id, there)?;
        voids::move_to(&self.conn, id, leaf, place)
    }

    /// An entry's voids have changed: it leaves its table and the totals, or comes back.
    fn weigh_entry(&mut self, kind: &'static Kind, id: &RecordId, claim: Claim) -> Result<()> {
        let owner = claim.place.owner;
        let before = voids::state(&self.conn, owner, id)?;
        let now = voids::outcome(&self.conn, owner, id, &[])?;
        if before == now {
            return Ok(());
        }
        let Some(record) = self.entry_said(kind, id, claim.place)? else {
            return Err(StoreError::Damaged("an entry that is voided"));
        };
        self.note_voided(&record, owner, id, now)?;
        match (before.stands(), now.stands()) {
            (true, false) => {
                self.count_entry(id, claim.place, &record, Turn::Out)?;
                projection::remove(&self.conn, kind, owner, id)
            }
            (false, true) => {
                projection::put_entry(&self.conn, id, claim.place, &record)?;
                self.count_entry(id, claim.place, &record, Turn::In)
            }
            _ => Ok(()),
        }
    }

    /// What an entry says, whether or not it stands in its table.
    pub(super) fn entry_said(
        &mut self,
        kind: &'static Kind,
        id: &RecordId,
        place: RecordPlace,
    ) -> Result<Option<Record>> {
        if let Some(row) = projection::get_of(&self.conn, kind, place.owner, id)? {
            return Ok(Some(row.record));
        }
        let operation = self.operation_near(place.feed, place.seq)?;
        Ok(operation.and_then(|operation| Record::decode(kind, &operation.payload).ok()))
    }

    pub(super) fn note_voided(&self, record: &Record, owner: UnionNumber, id: &RecordId, state: State) -> Result<()> {
        let used = voids::used(record, owner).filter(|_| state == State::Voided);
        let voided = Voided { record: *id, owner, kind: record.kind.number, state };
        voids::note(&self.conn, &voided, used.as_ref())
    }

    /// Whether an entry has come for which a void may be waiting. Asked for each: it is remembered.
    pub(super) fn void_may_wait(&mut self) -> Result<bool> {
        if let Some(known) = self.early_voids {
            return Ok(known);
        }
        let entries = kinds().iter().filter(|kind| kind.shape == Shape::Entry && kind.voiding != Voiding::Never);
        let early = quarantine::any_early_void(&self.conn, entries.map(|kind| kind.number))?;
        self.early_voids = Some(early);
        Ok(early)
    }
}

/// What a person wants to say of a record of this union.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saying {
    pub record: RecordId,
    pub restores: bool,
    pub reason: String,
}

impl Ledger {
    /// Voids a record of this union, or takes that back. Whether it may be is asked before (`app::void`); what no other
    /// level would let count is refused here.
    pub(crate) fn write_void(&mut self, kind: &'static Kind, saying: &Saying) -> Result<()> {
        if self.revoked()? {
            return Err(StoreError::Revoked);
        }
        let (owner, id) = (self.me.union, saying.record);
        self.remake_now(owner, &id)?;
        let permission = self.permission()?;
        let missing = || {
            let rule = Rule::new("none_of_kind", "没有“{kind}” {record}", "there is no {kind} {record}");
            StoreError::forbidden(rule.record(kind, &id))
        };
        let claim = records::get(&self.conn, owner, &id)?.filter(|claim| claim.kind == kind.number);
        let claim = claim.ok_or_else(missing)?;
        // One that is voided is in no table.
        permission.lets(kind, || match kind.shape {
            Shape::Entry => self.entry_said(kind, &id, claim.place),
            Shape::Document => Ok(None),
        })?;
        let mut heads = vec![];
        if kind.shape == Shape::Document && !saying.restores {
            let document = documents::load(&self.conn, owner, &id)?.ok_or_else(missing)?;
            heads = document.heads().to_vec();
            heads.sort_unstable();
            if heads.len() > MAX_DEPS {
                return Err(StoreError::forbidden(Rule::new(
                    "too_many_heads",
                    "同时存在的修改过多；请先修改一次，再作废",
                    "too many changes stand side by side; edit it once, then void it",
                )));
            }
        }
        let follows = voids::last(&self.conn, owner, &id)?.into_iter().map(|said| said.leaf).collect();
        let void = Void { follows, heads, restores: saying.restores, reason: saying.reason.clone() };
        let payload = void.encode();
        if Void::decode(&payload, kind.shape == Shape::Document).is_err() {
            return Err(StoreError::Refused("a void that nobody would take".into()));
        }
        let scope = self.feed(claim.place.feed)?.feed.scope;
        self.may_say(kind, scope)?;
        let no = self.own_feed(scope)?;
        let (salt, now) = (self.salt(kind), self.claim());
        // Whoever comes back is looked for again.
        self.own_numbers.forget();
        let operation = Operation::new(kind.number, id, Some(now), payload, salt).voiding(true);
        self.append(no, &self.signed_off(operation))
    }

    /// What a document's voids come to, with the changes it now has.
    pub(super) fn weigh_document(&self, owner: UnionNumber, id: &RecordId, document: &Document) -> Result<State> {
        voids::outcome(&self.conn, owner, id, document.heads())
    }
}
