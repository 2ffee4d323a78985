//! Reauthoring: operations that were cut off of an own feed are written again, once, under their record ids, into the feed
//! of this device's later incarnation.
//!
//! An edit refers to the edits before it by the hashes of their changes, and those hashes depend on the feed. So the old
//! and new hashes are kept with the cut-off operations, and each edit is rewritten to refer to the new ones.

use std::collections::{BTreeMap, BTreeSet};

use huiliu_proto::{
    edit::{Actor, Edit, PutId},
    feed::Feed,
    id::{FeedId, Hash, RecordId},
    kind::{Shape, numbered},
    operation::{Operation, SALT},
    void::Void,
};

use super::Ledger;
use crate::{
    admission::Reason,
    document::{self, Document},
    store::{
        Result, StoreError, View, documents, feeds, feeds::FeedRow, quarantine, records, segments, strays, unfinished,
        voids,
    },
};

impl Ledger {
    /// Writes operations that were cut off into this incarnation's feed: each once, with the record ids they had.
    pub(super) fn say_again(&mut self, feed: &Feed, operations: Vec<(u64, Operation)>) -> Result<()> {
        let mut again = Again::default();
        for (seq, operation) in operations {
            self.say_one_again(feed, seq, &operation, &mut again)?;
        }
        Ok(())
    }

    /// The same with operations of an own feed that are about to be cut off, as many as one job may do. Returns up to which; none
    /// where one cannot be read.
    pub(super) fn say_some_again(&mut self, row: &FeedRow, from: u64) -> Result<Option<u64>> {
        // What they are to follow is looked up in the tables.
        self.save_documents()?;
        let (mut again, mut learnt) = (Again::default(), BTreeSet::new());
        for seq in from..row.size() {
            if self.slices.tired() {
                return Ok(Some(seq));
            }
            self.slices.worked(1);
            let Some(operation) = self.operation_near(row.no, seq)? else { return Ok(None) };
            // What earlier jobs have said of the same record.
            if learnt.insert(operation.record) {
                again.learn(&strays::said_again(&self.conn, &operation.record)?);
            }
            self.say_one_again(&row.feed, seq, &operation, &mut again)?;
        }
        Ok(Some(row.size()))
    }

    /// Own edits that follow a cut-off one would wait for ever, so each is reauthored. If the one it follows arrives after
    /// all, both copies say the same.
    pub(super) fn say_orphans_again(&mut self) -> Result<()> {
        if self.revoked()? || self.gives_way_itself()? {
            return Ok(());
        }
        // What waits for its turn alone follows nothing that was cut off.
        for remade in unfinished::remade_of(&self.conn, self.me.union)? {
            self.remake_now(remade.owner, &remade.record)?;
        }
        let mut again = Again::default();
        for (row, seq, operation) in orphans(&self.conn)? {
            again.learn(&strays::said_again(&self.conn, &operation.record)?);
            self.say_one_again(&row.feed, seq, &operation, &mut again)?;
        }
        Ok(())
    }

    fn say_one_again(&mut self, feed: &Feed, seq: u64, operation: &Operation, again: &mut Again) -> Result<()> {
        let (from, record) = (feed.id, operation.record);
        self.remake_now(self.me.union, &record)?;
        let fresh = strays::add(&self.conn, &from, seq, operation)?;
        let document = numbered(operation.kind).is_some_and(|kind| kind.shape == Shape::Document);
        let edit = Edit::decode(&operation.payload, Actor::new(&from, &record)).ok().filter(|_| document);
        if !fresh {
            // Already reauthored: the edits that follow it need its new hash.
            again.learn(&strays::said_again(&self.conn, &record)?);
            return Ok(());
        }
        if operation.void {
            return self.void_again(feed, operation, again);
        }
        let mut no = self.own_feed(feed.scope)?;
        let Some(edit) = edit else { return self.append(no, operation) };
        if !self.may_follow(no, &record, &again.renamed(&edit))? {
            // Edits of this record stand there that the one to be said does not follow: one writer's edits must be in a
            // row, so it is said as another.
            self.start_incarnation()?;
            no = self.own_feed(feed.scope)?;
        }
        let into = self.feed(no)?.feed.id;
        let last = self.edits_in(no, &record)?;
        let mut document = self.document(&record)?;
        self.slices.edited(document.changes());
        let moved = again.moved(&edit, last);
        if document.fit(Actor::new(&into, &record), &moved).is_ok() {
            let said = again.note(&from, &into, &record, &edit, &moved);
            strays::note_said(&self.conn, &from, operation, &into, &said)?;
            return self.append(no, &again_of(operation, &into, &moved));
        }
        // What it follows is not here under any name, as where another device wrote it: the same values are put as things
        // stand now, and stand beside what that device says again.
        let (before, after) = (Actor::new(&from, &record), Actor::new(&into, &record));
        let known_as = document::change(before, &edit);
        let puts = edit.puts.into_iter().map(|put| (put.field, put.value)).collect();
        match document.compose(after, puts, self.edit_salt()) {
            Some(anew) if !document.is_empty() => {
                // A void of what it makes is to name it as it is now.
                let said = document::change(after, &anew);
                again.hashes.insert(known_as, said);
                strays::note_said(&self.conn, &from, operation, &into, &said)?;
                self.append(no, &again_of(operation, &into, &anew))
            }
            _ => Ok(()),
        }
    }

    /// A void names changes and other voids by hashes that may be others now. What it named and is not here under any name
    /// is left out: then it knows less, and where that matters a person is asked. One that is left with nothing to void or
    /// take back is not written.
    fn void_again(&mut self, feed: &Feed, operation: &Operation, again: &mut Again) -> Result<()> {
        let record = operation.record;
        let dropped = |why: &str| -> Result<()> {
            tracing::warn!(%record, feed = %feed.id, why, "a void that was cut off is not said again");
            Ok(())
        };
        let Some(kind) = numbered(operation.kind) else { return dropped("its kind is not known") };
        let document = kind.shape == Shape::Document;
        let Ok(void) = Void::decode(&operation.payload, document) else { return dropped("it cannot be read") };
        let claim = records::get(&self.conn, self.me.union, &record)?.filter(|claim| claim.kind == kind.number);
        if claim.is_none() {
            return dropped("its record is not here");
        }
        let mut follows = vec![];
        for leaf in again.named(&void.follows) {
            if voids::get(&self.conn, self.me.union, &record, &leaf)?.is_some() {
                follows.push(leaf);
            }
        }
        let mut heads = again.named(&void.heads);
        if document {
            let document = self.document(&record)?;
            heads.retain(|head| document.knows(head));
        }
        let said = Void { follows, heads, ..void };
        let payload = said.encode();
        if Void::decode(&payload, document).is_err() {
            return dropped("nothing that it names is here");
        }
        let no = self.own_feed(feed.scope)?;
        let (into, salt) = (self.feed(no)?.feed.id, <[u8; SALT]>::try_from(&operation.salt[..]).ok());
        let time = (operation.time != record.time()).then_some(operation.time);
        let moved = Operation::new(operation.kind, record, time, payload, salt).by(operation.operator).voiding(true);
        let leaf = moved.leaf();
        again.hashes.insert(operation.leaf(), leaf);
        strays::note_said(&self.conn, &feed.id, operation, &into, &leaf)?;
        self.append(no, &moved)
    }

    fn document(&self, record: &RecordId) -> Result<Document> {
        Ok(documents::load(&self.conn, self.me.union, record)?.unwrap_or_default())
    }

    /// How many changes to a document stand in one feed and count.
    fn edits_in(&self, no: i64, record: &RecordId) -> Result<u64> {
        let made = documents::edits(&self.conn, self.me.union, record)?;
        Ok(made.iter().filter(|made| made.feed == no).count() as u64)
    }

    /// Whether an edit that follows `deps` may be the next of its record in a feed.
    fn may_follow(&self, no: i64, record: &RecordId, deps: &[Hash]) -> Result<bool> {
        if quarantine::holds(&self.conn, no, record)? {
            return Ok(false);
        }
        let made = documents::edits(&self.conn, self.me.union, record)?;
        let last = made.iter().filter(|made| made.feed == no).max_by_key(|made| made.seq);
        let Some(last) = last.map(|last| last.hash) else { return Ok(true) };
        Ok(self.document(record)?.follows(deps, &last))
    }
}

/// Edits rewritten for another actor: the same puts on the same values, referring to the new hashes.
#[derive(Default)]
struct Again {
    /// Hashes of changes that were reauthored: before, after.
    hashes: BTreeMap<Hash, Hash>,
    /// Whose puts they are now.
    puts: BTreeMap<PutId, Actor>,
}

impl Again {
    /// What earlier transactions reauthored.
    fn learn(&mut self, strays: &[strays::Stray]) {
        for stray in strays {
            let record = stray.operation.record;
            if stray.operation.void {
                self.hashes.insert(stray.operation.leaf(), stray.said);
                continue;
            }
            let (before, after) = (Actor::new(&stray.feed, &record), Actor::new(&stray.into, &record));
            if let Ok(edit) = Edit::decode(&stray.operation.payload, before) {
                self.hashes.insert(document::change(before, &edit), stray.said);
                self.rename(&edit, before, after);
            }
        }
    }

    fn rename(&mut self, edit: &Edit, before: Actor, after: Actor) {
        for counter in (edit.start_op..).take(edit.puts.len()) {
            self.puts.insert(PutId { counter, actor: before }, after);
        }
    }

    /// The changes that an edit follows, by their new hashes.
    fn renamed(&self, edit: &Edit) -> Vec<Hash> {
        self.named(&edit.deps)
    }

    /// Changes or voids, by their new hashes.
    fn named(&self, before: &[Hash]) -> Vec<Hash> {
        let mut now: Vec<Hash> = before.iter().map(|hash| self.hashes.get(hash).copied().unwrap_or(*hash)).collect();
        now.sort_unstable();
        now
    }

    /// The edit as it is said in `into`. `last`: how many changes to the document the new actor has made.
    fn moved(&self, edit: &Edit, last: u64) -> Edit {
        let mut moved = edit.clone();
        moved.deps = self.renamed(edit);
        for put in &mut moved.puts {
            for id in &mut put.over {
                id.actor = self.puts.get(id).copied().unwrap_or(id.actor);
            }
            put.over.sort_unstable();
        }
        moved.seq = last + 1;
        moved
    }

    /// An edit is said again as `moved`: what follows it is to follow that. Returns the hash of its change there.
    fn note(&mut self, from: &FeedId, into: &FeedId, record: &RecordId, edit: &Edit, moved: &Edit) -> Hash {
        let (before, after) = (Actor::new(from, record), Actor::new(into, record));
        self.rename(edit, before, after);
        let said = document::change(after, moved);
        self.hashes.insert(document::change(before, edit), said);
        said
    }
}

/// The operation that says an edit in `into`.
fn again_of(operation: &Operation, into: &FeedId, edit: &Edit) -> Operation {
    let record = operation.record;
    let salt = <[u8; SALT]>::try_from(&operation.salt[..]).ok();
    let time = (operation.time != record.time()).then_some(operation.time);
    let again = Operation::new(operation.kind, record, time, edit.encode(Actor::new(into, &record)), salt);
    again.by(operation.operator).voiding(operation.void)
}

/// Own edits that wait for what they follow and have not been reauthored.
fn orphans(conn: &View) -> Result<Vec<(FeedRow, u64, Operation)>> {
    let mut found = vec![];
    for row in feeds::owned(conn)? {
        for held in quarantine::of_feed(conn, row.no)? {
            if held.reason != Reason::Early.word() {
                continue;
            }
            let operation = match segments::counted(conn, &row, held.seq) {
                // What differs from what was signed is not reauthored; it is reported where it would be counted.
                Err(StoreError::Altered { .. }) => None,
                read => read?,
            };
            if let Some(operation) = operation
                && !strays::holds(conn, &row.feed.id, &operation)?
            {
                found.push((row.clone(), held.seq, operation));
            }
        }
    }
    Ok(found)
}

/// Whether there is an own edit that only reauthoring makes visible.
pub(super) fn anything(conn: &View) -> Result<bool> {
    Ok(!orphans(conn)?.is_empty())
}

#[cfg(test)]
mod tests {
    use huiliu_proto::{
        edit::{Put, Scalar},
        handle::Declared as _,
        v1::Mediator,
    };

    use super::*;

    fn put(field: u32, text: &str, over: &[PutId]) -> Put {
        Put { field, value: Scalar::Text(text.into()), over: over.to_vec() }
    }

    /// Two edits that only one history knows follow a third that both know: reauthored, they change the same values.
    #[test]
    fn edits_said_again_change_the_same_values() {
        let (from, into, record) = (FeedId([1; 16]), FeedId([2; 16]), RecordId([3; 16]));
        let (before, after) = (Actor::new(&from, &record), Actor::new(&into, &record));
        let number = Mediator::NUMBER;
        let operation = |edit: &Edit| Operation::new(number, record, None, edit.encode(before), None);

        let mut here = Document::default();
        let shared = here.compose(before, vec![(1, Scalar::Text("a".into()))], [1; 16]).unwrap();
        here.receive(before, &shared).unwrap();
        let snapshot = here.save().unwrap();
        let mut again = Again::default();
        let mut there = Document::load(&snapshot).unwrap();
        for (n, text) in ["b", "c"].into_iter().enumerate() {
            let edit = here.compose(before, vec![(1, Scalar::Text(text.into()))], [2; 16]).unwrap();
            here.receive(before, &edit).unwrap();
            let moved = again.moved(&edit, n as u64);
            again.note(&from, &into, &record, &edit, &moved);
            let said = Edit::decode(&again_of(&operation(&edit), &into, &moved).payload, after).unwrap();
            there.receive(after, &said).unwrap();
        }
        let shown = |document: &Document| document.fields()[&1].iter().map(|s| s.value.clone()).collect::<Vec<_>>();
        assert_eq!(shown(&there), shown(&here));
        assert_eq!(shown(&there), [put(1, "c", &[]).value]);
    }
}
