//! Making proof files from what is stored here; checking them is `huiliu_proto::proof`.
//!
//! In reading order: this file (which operations a proof needs, up to the root), `leaves` (paths through stored feeds),
//! `said` (what a proven record says in words and values), `receipts` (receipts held here, against the feeds here).

pub mod leaves;
pub mod receipts;
pub mod said;

use std::collections::{BTreeMap, BTreeSet};

use huiliu_proto::{
    handle::Declared as _,
    id::{DeviceId, FeedId, Hash, RecordId},
    period::Day,
    proof::{self, MAX_FILE, ProofError, Proven},
    records::{enrolment, vouching, vouching_feed, vouching_held},
    root::Root,
    signed::Receipt,
    tree,
    union::UnionNumber,
    v1::{self, Enrolment, Vouching},
    value::Value,
};

use self::leaves::Run;
use crate::store::{
    StoreError, View,
    feeds::{self, FeedRow},
    projection, receipts as kept, trust,
};

/// Why nothing can be proven from here.
#[derive(Debug, thiserror::Error)]
pub enum ProvingError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Mostly the enrolment has not come down yet.
    #[error("the enrolment of device {device} for {union} is not here")]
    NotEnrolled { device: DeviceId, union: UnionNumber },
    #[error("operation {1} of feed {0} is under no signed head yet")]
    NotSigned(FeedId, u64),
    #[error("the proof would be {0} bytes long, more than {MAX_FILE}")]
    TooLarge(usize),
    #[error("only {held} operations of feed {feed} are here, and the receipt is for {size}")]
    Short { feed: FeedId, held: u64, size: u64 },
    /// The union above has not said yet, of that day or a later one, that it counts.
    #[error("{union} has not said yet that this counts as of {day}")]
    NoStanding { union: UnionNumber, day: Day },
    /// A hub signed for a history that is not the one here.
    #[error("the receipt of {} for feed {} is for another history than the one here", .0.union, .0.feed)]
    Contradiction(Box<Receipt>),
    #[error("the two receipts of {} and {} contradict each other", .0.union, .1.union)]
    Liars(Box<Receipt>, Box<Receipt>),
    #[error("what is stored here does not hold: {0}")]
    Damaged(#[from] ProofError),
}

/// A proof file, and what it proves: it was checked as a stranger would.
#[derive(Debug)]
pub struct Made {
    pub file: Vec<u8>,
    pub proven: Proven,
}

/// Gathers what a proof needs.
pub struct Maker<'a> {
    conn: &'a View,
    root: Root,
    feeds: BTreeMap<FeedId, Gathered>,
    /// Enrolments that are asked for already.
    asked: BTreeSet<(DeviceId, UnionNumber)>,
}

/// More than there are from a township to the root.
const MAX_LEVELS: usize = 16;

/// A feed, and which of it goes into the proof.
struct Gathered {
    row: FeedRow,
    positions: BTreeSet<u64>,
    receipts: Vec<Receipt>,
    standing: Option<Stated>,
}

/// A standing of the union above that is held here: its record, how much of the feed it is about, and where it stands.
struct Stated {
    record: RecordId,
    size: u64,
    place: (i64, u64),
}

impl<'a> Maker<'a> {
    pub fn new(conn: &'a View, root: Root) -> Maker<'a> {
        Maker { conn, root, feeds: BTreeMap::new(), asked: BTreeSet::new() }
    }

    /// A record whose operations stand in these feeds at these places; with a day, also that it counts as of it, as far
    /// up as the superiors have said so.
    pub fn record(mut self, id: RecordId, places: &[(i64, u64)], as_of: Option<Day>) -> Result<Made, ProvingError> {
        let mut first: BTreeMap<FeedId, u64> = BTreeMap::new();
        for (no, position) in places {
            let row = feeds::by_no(self.conn, *no)?;
            let lowest = first.entry(row.feed.id).or_insert(*position);
            *lowest = (*lowest).min(*position);
            self.show(row, *position)?;
        }
        for receipt in kept::all(self.conn)? {
            let covered: Vec<(i64, u64)> = self.covered(&receipt, places)?;
            if first.get(&receipt.feed).is_some_and(|first| receipt.size > *first) && !self.early(&receipt, &covered)? {
                self.acknowledge(receipt)?;
            }
        }
        if let Some(day) = as_of {
            for feed in first.keys() {
                self.count(*feed, places, day)?;
            }
        }
        self.finish(v1::proof::Subject::Record(id.to_vec().into()))
    }

    fn covered(&self, receipt: &Receipt, places: &[(i64, u64)]) -> Result<Vec<(i64, u64)>, ProvingError> {
        let row = feeds::by_id(self.conn, &receipt.feed)?;
        let of_it =
            |(no, position): &&(i64, u64)| row.as_ref().is_some_and(|row| row.no == *no) && *position < receipt.size;
        Ok(places.iter().filter(of_it).copied().collect())
    }

    /// A receipt dated before the claimed time of what it covers is not used: one of the two clocks was wrong.
    fn early(&self, receipt: &Receipt, covered: &[(i64, u64)]) -> Result<bool, ProvingError> {
        for (no, position) in covered {
            let written = feeds::operation(self.conn, *no, *position)?.map(|operation| operation.time);
            if written.is_some_and(|written| proof::before(receipt.received_at, written)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gathers what shows that these operations of a feed count as of a day, level by level.
    fn count(&mut self, feed: FeedId, places: &[(i64, u64)], day: Day) -> Result<(), ProvingError> {
        let Some(mut row) = feeds::by_id(self.conn, &feed)? else { return Ok(()) };
        let mut positions: Vec<u64> = places.iter().filter(|(no, _)| *no == row.no).map(|(_, at)| *at).collect();
        let mut first = true;
        // Each step goes one level up, from a further device of the national union to the root.
        for _ in 0..MAX_LEVELS {
            if row.feed.union == UnionNumber::NATION && row.feed.device == self.root.device {
                break;
            }
            // Of further devices of the national union the root says so.
            let union = trust::superior(row.feed.union);
            if let Some(known) = self.feeds.get(&row.feed.id).and_then(|g| g.standing.as_ref()) {
                positions.push(known.place.1);
            }
            let Some(stated) = self.stated(&row, &positions, day)? else {
                if first {
                    return Err(ProvingError::NoStanding { union, day });
                }
                break;
            };
            let (no, seq) = stated.place;
            let above = feeds::by_no(self.conn, no)?;
            if above.head.as_ref().is_none_or(|head| head.size <= seq) {
                return Err(ProvingError::NotSigned(above.feed.id, seq));
            }
            self.show(above.clone(), seq)?;
            if let Some(gathered) = self.feeds.get_mut(&row.feed.id) {
                gathered.standing = Some(stated);
            }
            (row, positions, first) = (above, vec![seq], false);
        }
        Ok(())
    }

    /// The latest word of the union above, of that day or a later one, by which these operations of a feed count.
    fn stated(&self, row: &FeedRow, positions: &[u64], day: Day) -> Result<Option<Stated>, ProvingError> {
        let parent = trust::superior(row.feed.union);
        let device = Value::Bytes(row.feed.device.to_vec());
        let mut rows = projection::list_where(self.conn, Vouching::kind(), vouching::DEVICE.name(), &device)?;
        rows.retain(|s| {
            let as_of = s.record.read(vouching::AS_OF);
            s.place.owner == parent
                && s.record.read(vouching::UNION) == Some(row.feed.union)
                && as_of.is_some_and(|as_of| as_of >= day)
        });
        rows.sort_by_key(|s| std::cmp::Reverse((s.record.read(vouching::AS_OF), s.id)));
        let id = row.feed.id;
        let number = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
        for found in rows {
            let Some(said) = found.record.of::<Vouching>() else { continue };
            let of_it = Some(id.as_bytes());
            let line = said.lines(vouching::FEEDS).find(|line| line.get(vouching_feed::FEED) == of_it);
            let Some(line) = line else { continue };
            let Some(size) = number(line.get(vouching_feed::SIZE)) else { continue };
            let held = |position: u64| {
                said.lines(vouching::HELD).filter(|line| line.get(vouching_held::FEED) == of_it).any(|line| {
                    let first = number(line.get(vouching_held::FIRST)).unwrap_or(0);
                    let count = number(line.get(vouching_held::COUNT)).unwrap_or(u64::MAX);
                    position >= first && position - first < count
                })
            };
            let within = row.head.as_ref().is_some_and(|head| head.size >= size);
            let counts = positions.iter().all(|at| *at < size && !held(*at));
            if within
                && counts
                && line.get(vouching_feed::ROOT) == Some(feeds::root_at(self.conn, row, size)?.as_bytes())
            {
                let place = (found.place.feed, found.place.seq);
                return Ok(Some(Stated { record: found.id, size, place }));
            }
        }
        Ok(None)
    }

    /// One receipt by itself.
    pub fn receipt(mut self, receipt: Receipt) -> Result<Made, ProvingError> {
        let row = self.about(&receipt)?;
        if feeds::root_at(self.conn, &row, receipt.size)? != receipt.root {
            return Err(ProvingError::Contradiction(Box::new(receipt)));
        }
        self.mention(row)?;
        self.admit(receipt.device, receipt.union)?;
        self.finish(v1::proof::Subject::Receipt(receipt.signed))
    }

    /// That the larger receipt's tree extends the smaller one's, in whichever order they are given.
    pub fn growth(mut self, one: Receipt, other: Receipt) -> Result<Made, ProvingError> {
        let order = |r: &Receipt| (r.size, r.received_at, r.union, r.device, r.signed.message.clone());
        let (older, newer) = if order(&one) <= order(&other) { (one, other) } else { (other, one) };
        if older.size == newer.size && older.root != newer.root {
            return Err(ProvingError::Liars(Box::new(older), Box::new(newer)));
        }
        let row = self.about(&newer)?;
        for receipt in [&older, &newer] {
            if feeds::root_at(self.conn, &row, receipt.size)? != receipt.root {
                return Err(ProvingError::Contradiction(Box::new(receipt.clone())));
            }
        }
        let path = tree::consistency(&mut Run::new(self.conn, row.no), older.size, newer.size)?;
        self.mention(row)?;
        for receipt in [&older, &newer] {
            self.admit(receipt.device, receipt.union)?;
        }
        self.finish(v1::proof::Subject::Growth(v1::Growth {
            older: Some(older.signed),
            newer: Some(newer.signed),
            path: proof::path(&path),
        }))
    }

    /// The feed a receipt is for, if so much of it is here.
    fn about(&self, receipt: &Receipt) -> Result<FeedRow, ProvingError> {
        let row = feeds::by_id(self.conn, &receipt.feed)?;
        let held = row.as_ref().map_or(0, FeedRow::size);
        let short = ProvingError::Short { feed: receipt.feed, held, size: receipt.size };
        row.filter(|row| row.size() >= receipt.size).ok_or(short)
    }

    fn mention(&mut self, row: FeedRow) -> Result<&mut Gathered, ProvingError> {
        let (id, device, union) = (row.feed.id, row.feed.device, row.feed.union);
        self.feeds.entry(id).or_insert(Gathered { row, positions: BTreeSet::new(), receipts: vec![], standing: None });
        self.admit(device, union)?;
        self.feeds.get_mut(&id).ok_or(ProvingError::NotSigned(id, 0))
    }

    fn show(&mut self, row: FeedRow, position: u64) -> Result<(), ProvingError> {
        if row.head.as_ref().is_none_or(|head| head.size <= position) {
            return Err(ProvingError::NotSigned(row.feed.id, position));
        }
        self.mention(row)?.positions.insert(position);
        Ok(())
    }

    /// The enrolment of a device for a union, and all that that rests on. One as a hub serves for everything.
    fn admit(&mut self, device: DeviceId, union: UnionNumber) -> Result<(), ProvingError> {
        let root = union == UnionNumber::NATION && device == self.root.device;
        if root || !self.asked.insert((device, union)) {
            return Ok(());
        }
        let missing = ProvingError::NotEnrolled { device, union };
        let parent = trust::superior(union);
        let rows = self.enrolments(device)?;
        let mut rows: Vec<_> = rows
            .into_iter()
            .filter(|row| row.place.owner == parent && row.record.read(enrolment::UNION) == Some(union))
            .collect();
        // The sort is stable: of equals the first that was written.
        rows.sort_by_key(|row| row.record.read(enrolment::HUB) != Some(true));
        let Some(found) = rows.first() else { return Err(missing) };
        let row = feeds::by_no(self.conn, found.place.feed)?;
        self.show(row, found.place.seq)
    }

    /// A receipt that is for what is here, of a hub that is known here; any other is left to `receipts verify`.
    fn acknowledge(&mut self, receipt: Receipt) -> Result<(), ProvingError> {
        let Some(gathered) = self.feeds.get(&receipt.feed) else { return Ok(()) };
        let row = &gathered.row;
        let meant = row.feed.confirmed_by(receipt.union);
        let covered = row.head.as_ref().is_some_and(|head| head.size >= receipt.size);
        if !meant || !covered || feeds::root_at(self.conn, row, receipt.size)? != receipt.root {
            return Ok(());
        }
        match self.admit(receipt.device, receipt.union) {
            Ok(()) => {}
            Err(ProvingError::NotEnrolled { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        if self.before_hub(&receipt)? {
            return Ok(());
        }
        if let Some(gathered) = self.feeds.get_mut(&receipt.feed) {
            gathered.receipts.push(receipt);
        }
        Ok(())
    }

    /// Whether the receipt is dated before every enrolment of its hub that is here.
    fn before_hub(&self, receipt: &Receipt) -> Result<bool, ProvingError> {
        let rows = self.enrolments(receipt.device)?;
        let of_it = rows.iter().filter(|row| row.record.read(enrolment::UNION) == Some(receipt.union));
        let from: Vec<Day> = of_it.filter_map(|row| row.record.read(enrolment::FROM_ON)).collect();
        Ok(!from.is_empty() && from.iter().all(|day| proof::before_day(receipt.received_at, *day)))
    }

    fn enrolments(&self, device: DeviceId) -> Result<Vec<projection::Shown>, ProvingError> {
        let device = Value::Bytes(device.to_vec());
        Ok(projection::list_where(self.conn, Enrolment::kind(), enrolment::DEVICE.name(), &device)?)
    }

    fn finish(self, subject: v1::proof::Subject) -> Result<Made, ProvingError> {
        let mut proof = proof::begin(&self.root);
        for gathered in self.feeds.into_values() {
            proof.feeds.push(write(self.conn, gathered)?);
        }
        proof.subject = Some(subject);
        let file = proof::write(&proof);
        if file.len() > MAX_FILE {
            return Err(ProvingError::TooLarge(file.len()));
        }
        let proven = proof::check(&file, self.root.fingerprint())?;
        Ok(Made { file, proven })
    }
}

fn write(conn: &View, gathered: Gathered) -> Result<v1::ProofFeed, ProvingError> {
    let Gathered { row, positions, mut receipts, standing } = gathered;
    let id = row.feed.id;
    let mut run = Run::new(conn, row.no);
    let size = row.head.as_ref().map_or(0, |head| head.size);
    let mut operations = Vec::with_capacity(positions.len());
    for position in &positions {
        let operation = run.operation(*position)?.ok_or(ProvingError::NotSigned(id, *position))?;
        let path: Vec<Hash> = tree::inclusion(&mut run, *position, size)?;
        operations.push(v1::ProofOperation {
            position: *position,
            operation: Some(operation.to_wire()),
            path: proof::path(&path),
        });
    }
    receipts.sort_by_key(|r| r.union);
    let receipts: Vec<_> = receipts
        .into_iter()
        .map(|receipt| {
            let path: Vec<Hash> = tree::consistency(&mut run, receipt.size, size)?;
            Ok(v1::ProofReceipt { receipt: Some(receipt.signed), path: proof::path(&path) })
        })
        .collect::<Result<_, StoreError>>()?;
    let standing = match standing {
        Some(stated) => {
            let path: Vec<Hash> = tree::consistency(&mut run, stated.size, size)?;
            Some(v1::ProofStanding { record: stated.record.to_vec().into(), path: proof::path(&path) })
        }
        None => None,
    };
    Ok(v1::ProofFeed {
        standing,
        header: row.feed.header.clone(),
        receipts,
        head: row.head.filter(|_| !positions.is_empty()).map(|head| head.signed),
        operations,
    })
}
