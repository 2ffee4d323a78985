//! What conversations leave for the next one with the same neighbour, in memory: what the two share, so that an opening
//! reads only what has changed since; and which receipts a caller was told, so that it is told the new ones only.
//!
//! Both are remembered and never believed: a frontier is read whole where the database holds a transaction that this
//! process has not heard of, and all receipts of a union are told where the caller does not have exactly those it was told.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use huiliu_proto::{
    id::{DeviceId, FeedId},
    union::UnionNumber,
};

use super::Store;
use crate::store::{Changed, Changes, Result, View, frontier::Frontier, stamp};

/// Neighbours of which something is remembered; with more than that, all is forgotten.
const PEERS_KEPT: usize = 512;

/// The receipts that a caller was told or given: how much of which feed by whom, and a digest of those for each union's
/// feeds, as the caller says it when it has all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    pub receipts: BTreeMap<(FeedId, u64), u64>,
    pub digests: BTreeMap<u64, [u8; 16]>,
}

/// What a union and its neighbour share, as of a moment.
#[derive(Clone)]
struct Known {
    frontier: Frontier,
    /// What was committed after that moment is heard here.
    changes: Changes,
    /// The transaction that the database was at when it was read.
    stamp: Option<Vec<u8>>,
}

#[derive(Default)]
struct Memory {
    frontiers: BTreeMap<(UnionNumber, UnionNumber), Known>,
    told: BTreeMap<DeviceId, Told>,
    /// How often a frontier was read whole.
    read_whole: u64,
}

#[derive(Default)]
pub struct PeerMemory(Mutex<Memory>);

impl PeerMemory {
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, me: UnionNumber, peer: UnionNumber, known: Known) {
        let mut memory = self.lock();
        if memory.frontiers.len() >= PEERS_KEPT {
            memory.frontiers.clear();
        }
        memory.frontiers.insert((me, peer), known);
    }

    /// How often all that is shared with a neighbour was read.
    pub fn read_whole(&self) -> u64 {
        self.lock().read_whole
    }

    /// What a caller was told, as far as is remembered.
    pub fn told(&self, device: &DeviceId) -> Told {
        self.lock().told.get(device).cloned().unwrap_or_default()
    }

    pub fn tell(&self, device: DeviceId, told: Told) {
        let mut memory = self.lock();
        if memory.told.len() >= PEERS_KEPT {
            memory.told.clear();
        }
        memory.told.insert(device, told);
    }
}

/// What the two share now, and a listener that hears of everything that is not in it.
pub async fn open(store: &Store, me: UnionNumber, peer: UnionNumber) -> Result<(Frontier, Changes)> {
    let known = store.kept().lock().frontiers.get(&(me, peer)).cloned();
    let fresh = store.changes();
    let known = match known {
        Some(known) => refresh(store, me, peer, known).await?,
        None => None,
    };
    let known = match known {
        Some(known) => known,
        None => {
            let read = move |conn: &View| Ok((Frontier::read(conn, me, peer)?, stamp(conn)?));
            let (frontier, stamp) = store.look(read).await?;
            store.kept().lock().read_whole += 1;
            Known { frontier, changes: fresh, stamp }
        }
    };
    store.kept().put(me, peer, known.clone());
    Ok((known.frontier, known.changes))
}

/// Brings it up to date; `None` where it is not known what has changed.
async fn refresh(store: &Store, me: UnionNumber, peer: UnionNumber, mut known: Known) -> Result<Option<Known>> {
    let Changed::Feeds(feeds) = known.changes.take() else { return Ok(None) };
    let look = move |conn: &View| Ok((Frontier::delta(conn, me, peer, &feeds)?, stamp(conn)?));
    let (mut delta, stamp) = store.look(look).await?;
    // Another process's transaction is not heard of at once.
    if stamp != known.stamp && !stamp.as_ref().is_some_and(|stamp| known.changes.has_rung(stamp)) {
        return Ok(None);
    }
    known.frontier.apply(&mut delta);
    known.stamp = stamp;
    Ok(Some(known))
}

/// A conversation ends: what it knows is kept for the next. `changes` has heard of all that is in it.
pub fn leave(store: &Store, me: UnionNumber, peer: UnionNumber, frontier: &Frontier, changes: &Changes) {
    // Where nothing was heard of, it is as it was when it was read.
    let before = || store.kept().lock().frontiers.get(&(me, peer)).and_then(|known| known.stamp.clone());
    let stamp = changes.heard().or_else(before);
    store.kept().put(me, peer, Known { frontier: frontier.clone(), changes: changes.clone(), stamp });
}
