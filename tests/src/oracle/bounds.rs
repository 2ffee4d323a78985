//! What hostile devices may take up on an honest machine's disk. The numbers are those of the design, and not read from
//! the code under test.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use huiliu_node::{
    ledger::Cost,
    store::{
        documents, dump,
        evidence::{self, EvidenceKind},
        feeds::{self, FeedRow},
    },
    writer::Store,
};
use huiliu_proto::{id::DeviceId, union::UnionNumber};

use crate::world::Machine;

const FEEDS_OF_SCOPE: usize = 64;
const FEEDS_OF_DEVICE: usize = 4096;
const FEEDS_OF_UNION: usize = 4000;
const ROOM_FEEDS: usize = 64;
const ROOM_BYTES: u64 = 8 << 20;
const EVIDENCE: usize = 16;
/// Of one device in a day and at once; a story is shorter.
const DAILY: Cost = Cost { operations: 1_500_000, bytes: 512 << 20, rows: 15_000_000, document_bytes: 8 << 30 };
/// What all honest machines of a story cost one of them, with room to spare, each time that it starts.
const HONEST: Cost = Cost { operations: 500, bytes: 200 << 10, rows: 3_000, document_bytes: 256 << 10 };
/// A batch: its operations, its bytes, and what documents its edits may have read and saved.
const MOST_AT_ONCE: u64 = 4096;
const BATCH_BYTES: u64 = 1 << 20;
const LARGEST_DOCUMENTS: u64 = 1 << 20;
/// A branch may do so much more.
const BRANCH: u64 = 32;
/// So many rows may stand for an operation, and for a feed.
const ROWS: u64 = 10;
/// What one feed's edits may add to a document.
const WEIGHT: usize = 256 << 10;

/// What one device may bring to a machine in a story, in which nothing comes back: one allowance each time that the
/// machine starts, and the batch with which that is used up.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    pub daily: Cost,
    /// Operations of the largest batch.
    pub last: u64,
    pub starts: u64,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance { daily: DAILY, last: MOST_AT_ONCE, starts: 1 }
    }
}

impl Allowance {
    /// Of so many devices.
    fn of(&self, devices: usize) -> Cost {
        let times = self.starts * devices as u64;
        Cost {
            operations: times * (self.daily.operations + self.last),
            bytes: times * (self.daily.bytes + BATCH_BYTES),
            rows: times * (self.daily.rows + ROWS * self.last),
            document_bytes: times * (self.daily.document_bytes + LARGEST_DOCUMENTS),
        }
    }
}

/// Bounds that were met: nobody went beyond them.
#[derive(Debug, Default)]
pub struct Met {
    /// A room is full.
    pub room: bool,
    /// A device has brought as much as it may.
    pub allowance: bool,
}

/// What a device has stored somewhere.
#[derive(Default)]
struct Taken {
    feeds: u64,
    operations: u64,
    bytes: u64,
    rows: u64,
}

fn most<K: Ord>(keys: impl Iterator<Item = K>) -> usize {
    let mut counts = BTreeMap::<K, usize>::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    counts.into_values().max().unwrap_or(0)
}

/// Nobody takes up more of this machine than one may: feeds, waiting rooms, what is stored, evidence, documents.
pub fn keeps_within_bounds(
    machine: &Machine,
    store: &Store,
    rogues: &BTreeSet<DeviceId>,
    allowance: Allowance,
) -> Result<Met> {
    let name = &machine.name;
    let (all, taken, waiting, evidence, documents) = store.read(|conn| {
        let all: Vec<FeedRow> = feeds::all(conn)?.into_iter().filter(|f| !f.own).collect();
        let mut taken = BTreeMap::<DeviceId, Taken>::new();
        let mut waiting = BTreeMap::<Option<UnionNumber>, (usize, u64)>::new();
        for row in &all {
            let bytes = feeds::bytes(conn, row.no)?;
            // One that was cut off whole, because two histories of it are about, waits for no enrolment.
            if row.waits() && row.size() > 0 {
                let room = waiting.entry(row.via).or_default();
                *room = (room.0 + 1, room.1 + bytes);
            }
            let taken = taken.entry(row.feed.device).or_default();
            taken.feeds += 1;
            // What was cut off is still here.
            taken.operations += row.size() + dump::strays(conn, &row.feed.id)?;
            taken.bytes += bytes;
            taken.rows += dump::rows_of(conn, row)?;
        }
        let mut weighed = vec![];
        for (owner, record, bytes) in dump::documents(conn)? {
            weighed.push((bytes as usize, documents::authors(conn, owner, &record)?.len()));
        }
        Ok((all, taken, waiting, evidence::list(conn, false)?, weighed))
    })?;
    // What it begins in another union's name waits in a room, and is bounded by that.
    let of_scope = most(all.iter().map(|f| (f.feed.device, f.feed.union, format!("{:?}", f.feed.scope))));
    ensure!(of_scope <= FEEDS_OF_SCOPE, "{name}: {of_scope} feeds of one device with one scope");
    let of_device = most(all.iter().map(|f| (f.feed.device, f.feed.union)));
    ensure!(of_device <= FEEDS_OF_DEVICE, "{name}: {of_device} feeds of one device");
    let of_union = most(all.iter().filter(|f| !f.feed.scope.speaks_down()).map(|f| f.feed.union));
    ensure!(of_union <= FEEDS_OF_UNION, "{name}: {of_union} feeds of one union");
    let mut met = Met { room: of_scope == FEEDS_OF_SCOPE, ..Met::default() };
    for (via, (feeds, bytes)) in waiting {
        met.room |= feeds == ROOM_FEEDS;
        ensure!(
            feeds <= ROOM_FEEDS && bytes <= ROOM_BYTES,
            "{name}: {feeds} feeds with {bytes} bytes wait in the room of {via:?}"
        );
    }
    let (mut operations, mut bytes) = (0, 0);
    let may = allowance.of(1);
    for (device, taken) in taken.iter().filter(|(device, _)| rogues.contains(device)) {
        ensure!(
            taken.operations <= may.operations && taken.bytes <= may.bytes,
            "{name}: {device} has stored {} operations, {} bytes, of {allowance:?}",
            taken.operations,
            taken.bytes
        );
        ensure!(
            taken.rows <= ROWS * (taken.operations + taken.feeds),
            "{name}: {} rows stand for {} operations in {} feeds of {device}",
            taken.rows,
            taken.operations,
            taken.feeds
        );
        let daily = allowance.daily;
        met.allowance |= taken.operations >= daily.operations || taken.bytes >= daily.bytes;
        (operations, bytes) = (operations + taken.operations, bytes + taken.bytes);
    }
    ensure!(
        operations <= BRANCH * may.operations && bytes <= BRANCH * may.bytes,
        "{name}: a branch has stored {operations} operations, {bytes} bytes"
    );
    let kept = most(evidence.iter().map(|k| {
        let what = EvidenceKind::ALL.iter().position(|what| *what == k.evidence.what);
        (what, k.evidence.from.map(|from| from.device))
    }));
    ensure!(kept <= EVIDENCE, "{name}: {kept} open pieces of evidence of one kind from one machine");
    for (bytes, authors) in documents {
        ensure!(bytes <= WEIGHT * authors.max(1), "{name}: a document of {authors} feeds takes {bytes} bytes");
    }
    Ok(met)
}

/// What peers had this machine do is no more than what all honest ones cost it and these devices may.
pub fn works_within_bounds(
    machine: &Machine,
    spent: &Cost,
    rogues: &BTreeSet<DeviceId>,
    allowance: Allowance,
) -> Result<()> {
    let may = allowance.of(rogues.len());
    let parts = |cost: &Cost| [cost.operations, cost.bytes, cost.rows, cost.document_bytes];
    for ((spent, may), honest) in parts(spent).into_iter().zip(parts(&may)).zip(parts(&HONEST)) {
        let most = may + allowance.starts * honest;
        ensure!(spent <= most, "{}: work of {spent}, of at most {most}: {allowance:?}", machine.name);
    }
    Ok(())
}
