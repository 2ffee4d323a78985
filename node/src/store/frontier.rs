//! What two unions share, and how far one of them has it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use huiliu_proto::{
    feed::Turn,
    id::{FeedId, Hash},
    signed::Receipt,
    union::{Level, UnionNumber},
};

use super::{Result, View, feeds, feeds::FeedRow, receipts};

/// The order in which feeds are sent: by rank, and within it from the top of the tree down.
pub type Order = (Turn, Level, UnionNumber, FeedId);

/// One feed, as far as it is packed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub feed: FeedId,
    pub union: UnionNumber,
    pub header: Bytes,
    pub rank: Turn,
    pub size: u64,
    pub root: Hash,
    pub time: i64,
    /// It may have forked: it is asked for from its beginning.
    pub diverged: bool,
    /// What lies here of it is not what was signed: as if there were nothing.
    pub altered: bool,
    /// An own feed that had forked; this is the history to adopt.
    pub settled: bool,
}

impl State {
    /// `None` while nothing of the feed is signed.
    fn of(row: &FeedRow) -> Option<State> {
        let head = row.head.as_ref()?;
        Some(State {
            feed: row.feed.id,
            union: row.feed.union,
            header: row.feed.header.clone(),
            rank: row.feed.scope.turn(),
            size: head.size,
            root: head.root,
            time: head.time,
            diverged: row.diverged,
            altered: row.altered,
            settled: row.settled,
        })
    }

    pub fn order(&self) -> Order {
        (self.rank, self.union.level(), self.union, self.feed)
    }
}

/// All feeds two unions share, and the receipts that one of them is owed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frontier {
    pub states: BTreeMap<FeedId, State>,
    /// Receipts of the upper of the two, and of the levels above it: for feeds from the lower one's part of the tree,
    /// and for what is said down to it, each by levels above the one that writes it.
    pub receipts: BTreeMap<(FeedId, u64), Receipt>,
}

/// What has become of some feeds: each as it is now, with all its receipts; nothing of one that is shared no longer.
pub type Delta = BTreeMap<FeedId, Option<(State, Vec<Receipt>)>>;

/// Digests of what one union has among the shared feeds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    pub states: [u8; 16],
    /// Empty where there are no receipts.
    pub receipts: Option<[u8; 16]>,
}

/// In the order of which receipts are told and hashed.
pub fn key(receipt: &Receipt) -> (FeedId, u64) {
    (receipt.feed, receipt.union.into())
}

fn is_owed(receipt: &Receipt, writer: UnionNumber, upper: UnionNumber) -> bool {
    receipt.union.contains(upper) && receipt.union.contains(writer) && receipt.union != writer
}

fn upper(me: UnionNumber, peer: UnionNumber) -> UnionNumber {
    if peer.contains(me) { peer } else { me }
}

impl Frontier {
    pub fn read(conn: &View, me: UnionNumber, peer: UnionNumber) -> Result<Frontier> {
        let shared = feeds::shared(conn, me, peer)?;
        let states: BTreeMap<FeedId, State> =
            shared.iter().filter_map(State::of).map(|state| (state.feed, state)).collect();
        let upper = upper(me, peer);
        let lower = if upper == me { peer } else { me };
        let mut owed = receipts::around(conn, lower)?;
        owed.retain(|r| states.get(&r.feed).is_some_and(|s| is_owed(r, s.union, upper)));
        let receipts = owed.into_iter().map(|r| (key(&r), r)).collect();
        Ok(Frontier { states, receipts })
    }

    /// The same of these feeds only.
    pub fn delta(conn: &View, me: UnionNumber, peer: UnionNumber, of: &BTreeSet<FeedId>) -> Result<Delta> {
        let upper = upper(me, peer);
        let mut delta = Delta::new();
        for feed in of {
            let row = feeds::by_id(conn, feed)?.filter(|row| feeds::is_shared(row, me, peer));
            let now = match row.as_ref().and_then(State::of) {
                Some(state) => {
                    let mut receipts = receipts::for_feed(conn, feed)?;
                    receipts.retain(|r| is_owed(r, state.union, upper));
                    Some((state, receipts))
                }
                None => None,
            };
            delta.insert(*feed, now);
        }
        Ok(delta)
    }

    /// The same of all feeds, among them those that were known and may be gone.
    pub fn whole(conn: &View, me: UnionNumber, peer: UnionNumber, known: &BTreeSet<FeedId>) -> Result<Delta> {
        let Frontier { states, receipts } = Frontier::read(conn, me, peer)?;
        let mut delta: Delta = known.iter().map(|feed| (*feed, None)).collect();
        delta.extend(states.into_iter().map(|(feed, state)| (feed, Some((state, vec![])))));
        for ((feed, _), receipt) in receipts {
            if let Some(Some((_, of))) = delta.get_mut(&feed) {
                of.push(receipt);
            }
        }
        Ok(delta)
    }

    /// Takes over what has changed, and forgets what has not from the delta.
    pub fn apply(&mut self, delta: &mut Delta) {
        delta.retain(|feed, now| {
            let before = self.states.get(feed);
            let receipts: Vec<&Receipt> = self.receipts_for(feed).collect();
            match now {
                Some((state, of)) => before != Some(&*state) || receipts != of.iter().collect::<Vec<_>>(),
                None => before.is_some(),
            }
        });
        for (feed, now) in delta.iter() {
            let old: Vec<(FeedId, u64)> = self.receipts_for(feed).map(key).collect();
            old.iter().for_each(|key| drop(self.receipts.remove(key)));
            match now {
                Some((state, receipts)) => {
                    self.states.insert(*feed, state.clone());
                    self.receipts.extend(receipts.iter().map(|r| (key(r), r.clone())));
                }
                None => drop(self.states.remove(feed)),
            }
        }
    }

    /// Whether a history as it is known is no longer here: the feed is shorter now, another one of the same length, found
    /// altered, or gone. One that was cut and has grown longer since shows by its roots when more of it is sent.
    pub fn cut_in(&self, delta: &Delta) -> bool {
        delta.iter().any(|(feed, now)| match (self.states.get(feed), now) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(before), Some((now, _))) => {
                let altered = now.altered && !before.altered;
                altered || now.size < before.size || (now.size == before.size && now.root != before.root)
            }
        })
    }

    fn receipts_for(&self, feed: &FeedId) -> impl Iterator<Item = &Receipt> {
        self.receipts.range((*feed, 0)..=(*feed, u64::MAX)).map(|(_, receipt)| receipt)
    }

    /// One hash over everything shared.
    pub fn digest(&self) -> Hash {
        digest(self.states.values())
    }

    /// Two hashes per union that owns something shared.
    pub fn groups(&self) -> BTreeMap<u64, Group> {
        let mut unions: BTreeMap<u64, (Vec<&State>, Vec<&Receipt>)> = BTreeMap::new();
        for state in self.states.values() {
            unions.entry(state.union.into()).or_default().0.push(state);
        }
        for receipt in self.receipts.values() {
            let Some(state) = self.states.get(&receipt.feed) else { continue };
            unions.entry(state.union.into()).or_default().1.push(receipt);
        }
        let group = |(union, (states, receipts)): (u64, (Vec<&State>, Vec<&Receipt>))| {
            let receipts = (!receipts.is_empty()).then(|| short(receipts_digest(receipts.into_iter())));
            (union, Group { states: short(digest(states.into_iter())), receipts })
        };
        unions.into_iter().map(group).collect()
    }

    /// The digests of receipts of which so much is said, for each union that owns their feeds.
    pub fn receipt_digests(&self, sizes: &BTreeMap<(FeedId, u64), u64>) -> BTreeMap<u64, [u8; 16]> {
        let mut unions: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        for ((feed, union), size) in sizes {
            let Some(state) = self.states.get(feed) else { continue };
            let said = unions.entry(state.union.into()).or_default();
            said.extend_from_slice(feed.as_bytes());
            said.extend_from_slice(&union.to_be_bytes());
            said.extend_from_slice(&size.to_be_bytes());
        }
        unions.into_iter().map(|(union, said)| (union, short(Hash::of(&[&said])))).collect()
    }

    pub fn receipts_digest(&self) -> Hash {
        receipts_digest(self.receipts.values())
    }
}

fn short(hash: Hash) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&hash.0[..16]);
    short
}

/// See sync.proto. What lies here altered must be spoken of, also where the other end has what was signed.
fn digest<'a>(states: impl Iterator<Item = &'a State>) -> Hash {
    let entry = |s: &State| match s.altered {
        true => [s.feed.as_bytes(), &[0; 8], Hash([0; 32]).as_bytes(), &[0; 8]].concat(),
        false => [s.feed.as_bytes(), &s.size.to_be_bytes(), s.root.as_bytes(), &s.time.to_be_bytes()].concat(),
    };
    let parts: Vec<Vec<u8>> = states.map(entry).collect();
    Hash::of(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// See sync.proto.
fn receipts_digest<'a>(receipts: impl Iterator<Item = &'a Receipt>) -> Hash {
    let parts: Vec<Vec<u8>> = receipts
        .map(|r| [r.feed.as_bytes(), &u64::from(r.union).to_be_bytes(), &r.size.to_be_bytes()].concat())
        .collect();
    Hash::of(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
}
