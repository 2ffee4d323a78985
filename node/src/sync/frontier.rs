//! What two unions share, and how far one of them has it.

use std::collections::BTreeMap;

use bytes::Bytes;
use huiliu_proto::{
    feed::Scope,
    id::{FeedId, Hash},
    signed::Receipt,
    union::UnionNumber,
};
use rusqlite::Connection;

use crate::store::{Result, feeds, receipts};

/// One feed, as far as it is packed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub feed: FeedId,
    pub union: UnionNumber,
    pub header: Bytes,
    /// Feeds that speak down carry enrolments and go first.
    pub authority: bool,
    pub size: u64,
    pub root: Hash,
    pub time: i64,
    /// Two histories of it may be about: it is asked for from its beginning.
    pub diverged: bool,
    /// An own feed of which other histories were about, and this one stays.
    pub settled: bool,
}

/// All feeds two unions share, and the receipts that one of them is owed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frontier {
    pub states: BTreeMap<FeedId, State>,
    /// Receipts of the upper of the two, and of the levels above it: for feeds from the lower one's part of the tree,
    /// and for what is said down to it, each by levels above the one that writes it.
    pub receipts: Vec<Receipt>,
}

impl Frontier {
    pub fn read(conn: &Connection, me: UnionNumber, peer: UnionNumber) -> Result<Frontier> {
        let mut states = BTreeMap::new();
        for row in feeds::shared(conn, me, peer)? {
            let Some(head) = &row.head else { continue };
            states.insert(
                row.feed.id,
                State {
                    feed: row.feed.id,
                    union: row.feed.union,
                    header: row.feed.header.clone(),
                    authority: !matches!(row.feed.scope, Scope::Own(_)),
                    size: head.size,
                    root: head.root,
                    time: head.time,
                    diverged: row.diverged,
                    settled: row.settled,
                },
            );
        }
        let (upper, lower) = if peer.contains(me) { (peer, me) } else { (me, peer) };
        let mut owed = receipts::around(conn, lower)?;
        owed.retain(|r| {
            let writer = states.get(&r.feed).map(|s: &State| s.union);
            writer.is_some_and(|writer| r.union.contains(upper) && r.union.contains(writer) && r.union != writer)
        });
        Ok(Frontier { states, receipts: owed })
    }

    /// One hash over everything shared.
    pub fn digest(&self) -> Hash {
        digest(self.states.values())
    }

    /// One hash per union that owns something shared.
    pub fn groups(&self) -> BTreeMap<u64, [u8; 16]> {
        let mut unions: BTreeMap<u64, Vec<&State>> = BTreeMap::new();
        for state in self.states.values() {
            unions.entry(state.union.into()).or_default().push(state);
        }
        unions
            .into_iter()
            .map(|(union, states)| {
                let mut short = [0; 16];
                short.copy_from_slice(&digest(states.into_iter()).0[..16]);
                (union, short)
            })
            .collect()
    }

    pub fn receipts_digest(&self) -> Hash {
        let parts: Vec<Vec<u8>> = self
            .receipts
            .iter()
            .map(|r| [r.feed.as_bytes(), &u64::from(r.union).to_be_bytes(), &r.size.to_be_bytes()].concat())
            .collect();
        Hash::of(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }
}

fn digest<'a>(states: impl Iterator<Item = &'a State>) -> Hash {
    let parts: Vec<Vec<u8>> = states
        .map(|s| [s.feed.as_bytes(), &s.size.to_be_bytes(), s.root.as_bytes(), &s.time.to_be_bytes()].concat())
        .collect();
    Hash::of(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
}
