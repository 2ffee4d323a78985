//! What counts of the feeds of the unions directly below, said by this hub on a day (kind `vouching`): so that a proof can
//! show that a record had not been taken away by then.

use std::{cmp::Reverse, collections::BTreeSet};

use huiliu_proto::{
    handle::{Declared as _, Draft, Row},
    id::DeviceId,
    period::Day,
    record::{Record, Refusal},
    records::{vouching, vouching_feed, vouching_held},
    union::UnionNumber,
    v1::Vouching,
};

use crate::{
    clock,
    ledger::{self, Ledger},
    store::{
        Result, View,
        feeds::{self, FeedRow},
        projection, quarantine, trust, voids,
    },
};

/// The limits of `vouching.proto`.
const FEEDS: usize = 1000;
const HELD: usize = 500;

/// What was said of one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Vouched {
    pub union: UnionNumber,
    pub device: DeviceId,
    /// Feeds, and operations in them, that count.
    pub feeds: usize,
    pub operations: u64,
    /// Of these, those that are held in quarantine, and those of voided records.
    pub held: u64,
    pub refused: Option<Vec<Refusal>>,
}

/// What counts of one feed, and what of it does not, because it is held or voided: ranges of first and count.
struct Counted {
    row: FeedRow,
    size: u64,
    held: Vec<(u64, u64)>,
}

impl Ledger {
    /// Says of a device that this hub enrolled for a union directly below what counts today; nothing where nothing counts.
    pub fn vouch_for(&mut self, union: UnionNumber, device: &DeviceId) -> Result<Option<Vouched>> {
        let counted = counted(self.conn(), union, device)?;
        if counted.is_empty() {
            return Ok(None);
        }
        let record = record(self.conn(), union, device, clock::day(self.now()), &counted)?;
        let refused = match self.write_entry(&record)? {
            ledger::WriteOutcome::Refused(refusals) => Some(refusals),
            _ => None,
        };
        Ok(Some(Vouched {
            union,
            device: *device,
            feeds: counted.len(),
            operations: counted.iter().map(|c| c.size).sum(),
            held: counted.iter().flat_map(|c| &c.held).map(|(_, count)| count).sum(),
            refused,
        }))
    }
}

/// Devices that `me` enrolled for unions directly below; but `own`, because nobody vouches for itself: what the root wrote
/// counts anyhow.
pub fn enrolled(conn: &View, me: UnionNumber, own: &DeviceId) -> Result<BTreeSet<(UnionNumber, DeviceId)>> {
    let all = trust::enrolments(conn, None)?.into_iter();
    let ours = all.filter(|e| e.by == me && trust::superior(e.union) == me && e.device != *own);
    Ok(ours.map(|e| (e.union, e.device)).collect())
}

/// Of which devices something else counts than was said last, on a day before today.
pub fn due(conn: &View, me: UnionNumber, own: &DeviceId, today: Day) -> Result<Vec<(UnionNumber, DeviceId)>> {
    let mut due = vec![];
    for (union, device) in enrolled(conn, me, own)? {
        let last = trust::last_vouching(conn, me, union, &device)?;
        if last.is_some_and(|(_, as_of)| as_of >= today) {
            continue;
        }
        let counted = counted(conn, union, &device)?;
        if counted.is_empty() {
            continue;
        }
        let said = match last {
            Some((id, as_of)) => projection::get_of(conn, Vouching::kind(), me, &id)?.map(|shown| (shown, as_of)),
            None => None,
        };
        let same = match said {
            Some((shown, as_of)) => record(conn, union, &device, as_of, &counted)? == shown.record,
            None => false,
        };
        if !same {
            due.push((union, device));
        }
    }
    Ok(due)
}

/// What counts here of a device's feeds for a union; where there are too many, what others rest on first, and then the largest.
fn counted(conn: &View, union: UnionNumber, device: &DeviceId) -> Result<Vec<Counted>> {
    let mut all = vec![];
    for no in feeds::of_device(conn, device)? {
        let row = feeds::by_no(conn, no)?;
        let limit = trust::limit(conn, &row.feed)?.unwrap_or(u64::MAX);
        // Operations that were not judged, or are under no head, are not vouched for.
        let size = row.applied.min(row.packed).min(limit);
        if row.feed.union == union && size > 0 {
            all.push(Counted { row, size, held: vec![] });
        }
    }
    all.sort_by_key(|c| (c.row.feed.speaks_far(), Reverse(c.size), c.row.feed.id));
    all.truncate(FEEDS);
    let mut left = HELD;
    for counted in &mut all {
        let held = quarantine::of_feed(conn, counted.row.no)?.into_iter().map(|held| held.seq);
        // What was voided counts no more either.
        let mut out: BTreeSet<u64> = held.collect();
        out.extend(voids::operations(conn, union, counted.row.no)?);
        for seq in out {
            if seq >= counted.size {
                break;
            }
            match counted.held.last_mut() {
                Some((first, count)) if *first + *count == seq => *count += 1,
                // More than can be named: nothing is said to count from there on.
                _ if left == 0 => {
                    counted.size = seq;
                    break;
                }
                _ => {
                    counted.held.push((seq, 1));
                    left -= 1;
                }
            }
        }
    }
    all.retain(|c| c.size > 0);
    Ok(all)
}

fn record(conn: &View, union: UnionNumber, device: &DeviceId, today: Day, all: &[Counted]) -> Result<Record> {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let (mut lines, mut held) = (vec![], vec![]);
    for counted in all {
        let feed = counted.row.feed.id;
        let root = feeds::root_at(conn, &counted.row, counted.size)?;
        let line = Row::default().with(vouching_feed::FEED, feed.to_vec());
        lines.push(line.with(vouching_feed::SIZE, number(counted.size)).with(vouching_feed::ROOT, root.to_vec()));
        held.extend(counted.held.iter().map(|(first, count)| {
            let line = Row::default().with(vouching_held::FEED, feed.to_vec());
            line.with(vouching_held::FIRST, number(*first)).with(vouching_held::COUNT, number(*count))
        }));
    }
    let mut said = Draft::<Vouching>::new();
    said.set(vouching::UNION, union).set(vouching::DEVICE, device.to_vec()).set(vouching::AS_OF, today);
    said.set(vouching::FEEDS, lines);
    if !held.is_empty() {
        said.set(vouching::HELD, held);
    }
    Ok(said.into_record())
}
