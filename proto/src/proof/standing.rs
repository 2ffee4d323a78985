//! What a superior says to count on a day: that it is its word, that it is about these operations, and how far up it holds.

use std::collections::BTreeMap;

use super::{
    Counts, ProofError, Proven, ProvenFeed, Standing, Subject,
    verify::{SLACK, day, hashes},
};
use crate::{
    feed::Scope,
    handle::Declared as _,
    id::{DeviceId, FeedId, Hash, RecordId},
    kind,
    period::Day,
    record::Record,
    records::{vouching, vouching_feed, vouching_held},
    tree,
    union::UnionNumber,
    v1::{self, Vouching},
};

/// A standing where it was found: its place, who wrote it, and what it says.
struct Found {
    at: (usize, u64),
    record: Record,
}

/// Reads each feed's claim, in their order, into the feed; refuses one that is not the word of the union above about all
/// that is to count.
pub fn take(
    claims: Vec<Option<v1::ProofStanding>>,
    feeds: &mut [ProvenFeed],
    subject: &Subject,
    root: DeviceId,
) -> Result<(), ProofError> {
    let mut claimed = vec![];
    for (at, claim) in claims.into_iter().enumerate() {
        let Some(claim) = claim else { continue };
        let wrong = |why| ProofError::Standing(feeds[at].feed.id, why);
        let id = RecordId::try_from(&claim.record[..]).map_err(|_| wrong("its id"))?;
        let found = find(feeds, id).ok_or_else(|| wrong("it is not in the file"))?;
        claimed.push((at, found, hashes(&claim.path)?));
    }
    // What has to count in each feed: the record's own operations, and standings that others rest on.
    let mut to_count: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    if let Subject::Record(id) = subject {
        for (at, feed) in feeds.iter().enumerate() {
            let own = feed.operations.iter().filter(|o| o.operation.record == *id);
            to_count.entry(at).or_default().extend(own.map(|o| o.position));
        }
    }
    for (_, found, _) in &claimed {
        to_count.entry(found.at.0).or_default().push(found.at.1);
    }
    for (at, found, path) in claimed {
        let positions = to_count.get(&at).map_or(&[][..], Vec::as_slice);
        let standing = check(&feeds[at], &feeds[found.at.0], &found, &path, positions, root);
        feeds[at].standing = Some(standing.map_err(|why| ProofError::Standing(feeds[at].feed.id, why))?);
    }
    Ok(())
}

fn find(feeds: &[ProvenFeed], id: RecordId) -> Option<Found> {
    let mut all = feeds.iter().enumerate().flat_map(|(at, feed)| feed.operations.iter().map(move |o| (at, o)));
    let (at, proven) = all.find(|(_, o)| o.operation.record == id)?;
    let kind = kind::numbered(proven.operation.kind).filter(|kind| kind.number == Vouching::NUMBER)?;
    let record = Record::decode(kind, &proven.operation.payload).ok()?;
    record.validate().ok()?;
    (proven.operation.destroyed.is_none()).then_some(Found { at: (at, proven.position), record })
}

/// Whether a standing in the feed `above` says of `feed` that these operations of it count.
fn check(
    feed: &ProvenFeed,
    above: &ProvenFeed,
    found: &Found,
    path: &[Hash],
    positions: &[u64],
    root: DeviceId,
) -> Result<Standing, &'static str> {
    let said = found.record.of::<Vouching>().ok_or("it is of another kind")?;
    let operation = above.operations.iter().find(|o| o.position == found.at.1).map(|o| &o.operation);
    let operation = operation.ok_or("it is not in the file")?;
    let union = feed.feed.union;
    // Of the nation's further machines only the root says so.
    let may = union != UnionNumber::NATION || (above.feed.device == root && feed.feed.device != root);
    let speaks = may && above.feed.union == union.enroller() && above.feed.scope == Scope::Branch(union);
    if !speaks || !operation.record.made_by(&above.feed.device) {
        return Err("it does not stand where the union above speaks");
    }
    let device: &[u8] = feed.feed.device.as_bytes();
    let about = said.get(vouching::UNION) == Some(feed.feed.union) && said.get(vouching::DEVICE) == Some(device);
    if !about {
        return Err("it is about another device");
    }
    let as_of = said.get(vouching::AS_OF).ok_or("it has no day")?;
    if i64::from(as_of.0) > day(operation.time) + SLACK {
        return Err("it is dated after the day on which it was written");
    }
    let id: &[u8] = feed.feed.id.as_bytes();
    let head = feed.head.as_ref().ok_or("there is no head")?;
    let line = said.lines(vouching::FEEDS).find(|line| line.get(vouching_feed::FEED) == Some(id));
    let line = line.ok_or("it does not name the feed")?;
    let number = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
    let size = number(line.get(vouching_feed::SIZE)).ok_or("it has no size")?;
    let root = line.get(vouching_feed::ROOT).and_then(|root| Hash::try_from(root).ok()).ok_or("it has no root")?;
    if !tree::consistent(size, root, head.size, head.root, path) {
        return Err("it is about another history");
    }
    let held = |position: u64| {
        let mut lines = said.lines(vouching::HELD).filter(|line| line.get(vouching_held::FEED) == Some(id));
        lines.any(|line| {
            let (first, count) = (
                number(line.get(vouching_held::FIRST)).unwrap_or(0),
                number(line.get(vouching_held::COUNT)).unwrap_or(u64::MAX),
            );
            position >= first && position - first < count
        })
    };
    match positions {
        [] => Err("nothing is to count"),
        positions if positions.iter().any(|at| *at >= size || held(*at)) => Err("it does not say that they count"),
        _ => Ok(Standing {
            by: above.feed.union,
            by_device: above.feed.device,
            feed: above.feed.id,
            position: found.at.1,
            record: operation.record,
            as_of,
        }),
    }
}

impl Proven {
    /// As of which day the record counts, as far as the file shows it; `None` where no superior says so of all its
    /// operations, or the file is about no record.
    pub fn counts(&self) -> Option<Counts> {
        let mut says: BTreeMap<UnionNumber, Day> = BTreeMap::new();
        let mut shown = true;
        let feeds: BTreeMap<FeedId, &ProvenFeed> = self.operations().map(|(feed, _)| (feed.feed.id, feed)).collect();
        if feeds.is_empty() {
            return None;
        }
        for mut feed in feeds.into_values() {
            let mut first = true;
            // Each step goes one level up.
            while !self.is_root(&feed.feed.device, feed.feed.union) {
                let Some(standing) = &feed.standing else {
                    if first {
                        return None;
                    }
                    shown = false;
                    break;
                };
                let day = says.entry(standing.by).or_insert(standing.as_of);
                *day = standing.as_of.min(*day);
                let above = self.feed(&standing.feed)?;
                (feed, first) = (above, false);
            }
        }
        let mut says: Vec<_> = says.into_iter().collect();
        says.sort_by_key(|(union, _)| std::cmp::Reverse(union.level()));
        Some(Counts { as_of: says.iter().map(|(_, day)| *day).min(), says, shown })
    }
}
