//! What this machine cuts off another device's feed is given back to that device.
//!
//! Where two histories of a feed part, that of the level above stays. What the other one held is said again by the device
//! that signed it, if it still has it, or finds it with the level above. Where its disk and the one above went back, only
//! machines that yield to the new history may have the old one: they write down what they cut off, in a feed that the device
//! hears (`stray_return`), with the proof that it signed that.

use std::collections::BTreeSet;

use huiliu_proto::{
    feed::{Feed, Scope},
    handle::{Declared as _, Draft},
    id::{DeviceId, FeedId, Hash, RecordId},
    kind::{Reach, Shape, numbered},
    operation::Operation,
    proof::{self, ProvenFeed},
    record::Record,
    records::stray_return,
    signed::TreeHead,
    tree,
    union::{Level, UnionNumber},
    v1::{self, ProofOperation, StrayReturn},
};
use prost::Message as _;

use super::{Ledger, WriteOutcome};
use crate::{
    admission::Reason,
    proof::leaves::Run,
    store::{
        Result,
        feeds::{self, FeedRow},
        projection, quarantine, records, segments, strays,
    },
};

/// Of one record, beside header and head: some hundred entries. It is looked at in one job.
const MOST_BYTES: usize = 100_000;
/// Of what is cut off, so much is looked at: of what its device said, all may be held.
const MOST_READ: usize = 10 * MOST_RECORDS as usize * MOST_BYTES;
/// Records about one feed. Its device may not be honest, nor the hub that tells of one history after another.
const MOST_RECORDS: u64 = 40;
/// Records that give something back and are remembered to be looked at; of more, others are found with the next start.
const MOST_RETURNED: usize = 256;

/// An operation that is about to be cut off, and the way from it to the root that its device signed.
pub(super) struct Cut {
    position: u64,
    operation: Operation,
    path: Vec<Hash>,
}

/// What gives something back to this device and has not been looked at yet.
#[derive(Debug, Default)]
pub(super) struct Returned {
    records: BTreeSet<(UnionNumber, RecordId)>,
    /// Those of before this program started are among them.
    complete: bool,
}

impl Returned {
    pub(super) fn any(&self) -> bool {
        !self.records.is_empty()
    }

    pub(super) fn next(&self) -> Option<(UnionNumber, RecordId)> {
        self.records.first().copied()
    }

    /// It was looked at.
    pub(super) fn taken(&mut self, record: (UnionNumber, RecordId)) {
        self.records.remove(&record);
    }

    /// What was looked at was undone, perhaps: all is looked at again with the next exchange.
    pub(super) fn look_anew(&mut self) {
        self.complete = false;
    }

    fn add(&mut self, record: (UnionNumber, RecordId)) {
        if self.records.len() < MOST_RETURNED {
            self.records.insert(record);
        }
    }
}

impl Ledger {
    /// What is about to be cut off a feed of another device, from `first` on, as far as it may have to be given back: as much
    /// as may be.
    pub(super) fn to_return(&self, row: &FeedRow, first: u64) -> Result<Vec<Cut>> {
        let (me, of) = (self.me.union, row.feed.union);
        // It hears what this union says up to the province; what does not leave a union is not said there.
        let stays = matches!(row.feed.scope, Scope::Own(Reach::Union) | Scope::Warning(Reach::Union));
        let hears = !stays && (of == me || (of.contains(me) && of.level() != Level::Nation));
        let Some(head) = row.head.as_ref().filter(|_| hears && !row.own) else { return Ok(vec![]) };
        let left = MOST_RECORDS.saturating_sub(strays::returns(&self.conn, &row.feed.id)?);
        if left == 0 || self.revoked()? || !self.admitted(&row.feed, false)? {
            return Ok(vec![]);
        }
        let mut leaves = Run::new(&self.conn, row.no);
        let given = self.given_back(&row.feed.id)?;
        let (mut all, mut bytes, mut read_bytes) = (vec![], 0, 0);
        let (mut read, mut position) = (segments::Counted::from(first), first);
        while bytes <= MOST_RECORDS as usize * MOST_BYTES
            && read_bytes <= MOST_READ
            && let Some(operations) = read.next(&self.conn, row)?
        {
            for (position, operation) in (position..).zip(&operations) {
                let size = operation.header.len() + operation.payload.len();
                read_bytes += size;
                // What counts for nobody is not given back; what waits may.
                let held = quarantine::reason(&self.conn, row.no, position)?;
                if operation.destroyed.is_some()
                    || held.is_some_and(|reason| reason != Reason::Early)
                    || given.contains(&operation.leaf())
                {
                    continue;
                }
                bytes += size;
                if bytes > MOST_RECORDS as usize * MOST_BYTES {
                    break;
                }
                let path = tree::inclusion(&mut leaves, position, head.size)?;
                all.push(Cut { position, operation: operation.clone(), path });
            }
            position += operations.len() as u64;
        }
        Ok(all)
    }

    /// What this machine has given back of a feed before: all may have been computed again while it was cut off.
    fn given_back(&self, feed: &FeedId) -> Result<BTreeSet<Hash>> {
        let mut given = BTreeSet::new();
        for id in strays::returned_of(&self.conn, feed)? {
            let row = projection::get_of(&self.conn, StrayReturn::kind(), self.me.union, &id)?;
            let said = row.and_then(|row| v1::ProofFeed::decode(row.record.read(stray_return::PROOF)?).ok());
            for one in said.into_iter().flat_map(|said| said.operations) {
                given.extend(one.operation.and_then(|wire| Operation::from_wire(wire).ok()).map(|said| said.leaf()));
            }
        }
        Ok(given)
    }

    /// Writes down what is about to be cut off, from `stays` on, and is here in no other feed.
    pub(super) fn return_strays(&mut self, row: &FeedRow, stays: u64, cut: Vec<Cut>) -> Result<()> {
        let mut left = MOST_RECORDS.saturating_sub(strays::returns(&self.conn, &row.feed.id)?);
        let mut run: Vec<ProofOperation> = vec![];
        let mut bytes = 0;
        for one in cut {
            if self.is_known(row, stays, &one.operation)? {
                continue;
            }
            let path = one.path.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>().into();
            let wire = ProofOperation { position: one.position, operation: Some(one.operation.to_wire()), path };
            let size = wire.encoded_len();
            if size > MOST_BYTES {
                tracing::warn!(feed = %row.feed.id, position = one.position, "too large to be given back; it is kept here");
                continue;
            }
            if bytes + size > MOST_BYTES && left > 0 {
                self.return_run(row, std::mem::take(&mut run))?;
                (bytes, left) = (0, left - 1);
            }
            bytes += size;
            run.push(wire);
        }
        if left > 0 && !run.is_empty() {
            self.return_run(row, run)?;
        }
        Ok(())
    }

    /// Whether an entry is said elsewhere already, and counts there: others of its union may have voided it, or named its id
    /// in what is held. Edits and voids may be said again as something else.
    fn is_known(&self, row: &FeedRow, stays: u64, operation: &Operation) -> Result<bool> {
        let entry = numbered(operation.kind).is_some_and(|kind| kind.shape == Shape::Entry) && !operation.void;
        let known = records::said(&self.conn, row.feed.union, &operation.record)?;
        Ok(entry && known.into_iter().any(|(no, seq)| no != row.no || seq < stays))
    }

    fn return_run(&mut self, row: &FeedRow, operations: Vec<ProofOperation>) -> Result<()> {
        let head = row.head.as_ref().map(|head| head.signed.clone());
        let proof = v1::ProofFeed { header: row.feed.header.clone(), head, operations, ..v1::ProofFeed::default() };
        let mut record = Draft::<StrayReturn>::new();
        record.set(stray_return::DEVICE, row.feed.device.to_vec()).set(stray_return::IN_FEED, row.feed.id.to_vec());
        record.set(stray_return::PROOF, proof.encode_to_vec());
        if let WriteOutcome::Refused(refusals) = self.write_entry(&record.into_record())? {
            tracing::error!(?refusals, "what was cut off could not be given back");
        }
        Ok(())
    }

    /// Somebody gives something back, perhaps to this device: that is looked at in a job of its own.
    pub(super) fn returned(&mut self, owner: UnionNumber, id: &RecordId, record: &Record) {
        let device = record.read(stray_return::DEVICE).and_then(|device| DeviceId::try_from(device).ok());
        if device == Some(self.me.device()) {
            self.returned.add((owner, *id));
        }
    }

    /// All that the level above has is here: what was given back before this program started is looked at, too.
    pub(super) fn look_for_returned(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.returned.complete, true) {
            for record in strays::returned_to(&self.conn, &self.me.device(), MOST_RETURNED)? {
                self.returned.add(record);
            }
        }
        Ok(())
    }

    /// Says again what one record gives back, as far as this device signed it and does not remember it.
    pub(super) fn take_returned(&mut self, (owner, id): (UnionNumber, RecordId)) -> Result<()> {
        let Some(row) = projection::get_of(&self.conn, StrayReturn::kind(), owner, &id)? else { return Ok(()) };
        let Some(proof) = row.record.read(stray_return::PROOF) else { return Ok(()) };
        self.slices.worked(proof.len() as u64 / 64);
        let proven = match proof::of_feed(proof.to_vec().into(), &self.me.network) {
            Ok(proven) => proven,
            Err(error) => {
                tracing::warn!(%error, "what was given back to this device is not what it signed");
                return Ok(());
            }
        };
        let (device, union) = (proven.feed.device, proven.feed.union);
        if device == self.me.device() && union == self.me.union && !self.revoked()? {
            self.take_proven(proven)?;
        }
        Ok(())
    }

    fn take_proven(&mut self, proven: ProvenFeed) -> Result<()> {
        let (feed, Some(head)) = (proven.feed, proven.head) else { return Ok(()) };
        // Of a feed that stands as it is, somebody gives back what this device has.
        if self.is_own_history(&feed, &head)? {
            return Ok(());
        }
        let mut lost = vec![];
        for one in proven.operations {
            let remembered = self.remembers(&feed, one.position, &one.operation)?;
            let whole = one.operation.destroyed.is_none();
            if !remembered && whole && !strays::holds(&self.conn, &feed.id, &one.operation)? {
                lost.push((one.position, one.operation));
            }
        }
        if lost.is_empty() {
            return Ok(());
        }
        self.keep_elsewhere(&feed, None)?;
        self.go_on_anew(&feed)?;
        self.say_again(&feed, lost)
    }

    /// Whether an own feed begins with what was signed there.
    fn is_own_history(&mut self, feed: &Feed, head: &TreeHead) -> Result<bool> {
        let Some(no) = self.feed_by_id(&feed.id)? else { return Ok(false) };
        let row = self.feed(no)?.clone();
        Ok(head.size <= row.size() && feeds::root_at(&self.conn, &row, head.size)? == head.root)
    }

    /// Whether an own feed holds an operation where it is said to stand.
    fn remembers(&mut self, feed: &Feed, position: u64, operation: &Operation) -> Result<bool> {
        let Some(no) = self.feed_by_id(&feed.id)? else { return Ok(false) };
        let there = self.operation_near(no, position)?;
        Ok(there.is_some_and(|there| there.leaf() == operation.leaf()))
    }
}
