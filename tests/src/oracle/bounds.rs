//! What hostile devices may take up on an honest machine's disk. The numbers are those of the design, and not read from
//! the code under test.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use huiliu_node::{
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
const OPERATIONS: u64 = 2 * 1_500_000;
const BYTES: u64 = 2 * (512 << 20);
/// A branch may do so much more.
const BRANCH: u64 = 32;
/// So many rows may stand for an operation, and for a feed.
const ROWS: u64 = 10;
/// What one feed's edits may add to a document.
const WEIGHT: usize = 256 << 10;

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

/// Nobody takes up more of this machine than one may: feeds, waiting rooms, what is stored, evidence, documents. Whether
/// somebody has as much as one may have.
pub fn keeps_within_bounds(machine: &Machine, store: &Store, rogues: &BTreeSet<DeviceId>) -> Result<bool> {
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
    let mut full = of_scope == FEEDS_OF_SCOPE;
    for (via, (feeds, bytes)) in waiting {
        full |= feeds == ROOM_FEEDS;
        ensure!(
            feeds <= ROOM_FEEDS && bytes <= ROOM_BYTES,
            "{name}: {feeds} feeds with {bytes} bytes wait in the room of {via:?}"
        );
    }
    let (mut operations, mut bytes) = (0, 0);
    for (device, taken) in taken.iter().filter(|(device, _)| rogues.contains(device)) {
        ensure!(
            taken.operations <= OPERATIONS && taken.bytes <= BYTES,
            "{name}: {device} has stored {} operations, {} bytes",
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
        (operations, bytes) = (operations + taken.operations, bytes + taken.bytes);
    }
    ensure!(
        operations <= BRANCH * OPERATIONS && bytes <= BRANCH * BYTES,
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
    Ok(full)
}
