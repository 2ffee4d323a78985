//! Making proof files from what is stored here; checking them is `huiliu_proto::proof`.
//!
//! In reading order: this file (which operations a proof needs, up to the root), `leaves` (paths through stored feeds),
//! `said` (what a proven record says in words and values), `receipts` (receipts held here, against the feeds here).

mod leaves;
pub mod receipts;
pub mod said;

use std::collections::{BTreeMap, BTreeSet};

use huiliu_proto::{
    id::{DeviceId, FeedId, Hash, RecordId},
    kind::kind,
    proof::{self, MAX_FILE, ProofError, Proven},
    root::Root,
    signed::Receipt,
    tree,
    union::UnionNumber,
    v1,
    value::Value,
};
use rusqlite::Connection;

use self::leaves::Run;
use crate::store::{
    StoreError,
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
    conn: &'a Connection,
    root: Root,
    feeds: BTreeMap<FeedId, Gathered>,
    /// Enrolments that are asked for already.
    asked: BTreeSet<(DeviceId, UnionNumber)>,
}

/// A feed, and which of it goes into the proof.
struct Gathered {
    row: FeedRow,
    positions: BTreeSet<u64>,
    receipts: Vec<Receipt>,
}

impl<'a> Maker<'a> {
    pub fn new(conn: &'a Connection, root: Root) -> Maker<'a> {
        Maker { conn, root, feeds: BTreeMap::new(), asked: BTreeSet::new() }
    }

    /// A record whose operations stand in these feeds at these places.
    pub fn record(mut self, id: RecordId, places: &[(i64, u64)]) -> Result<Made, ProvingError> {
        let mut first: BTreeMap<FeedId, u64> = BTreeMap::new();
        for (no, position) in places {
            let row = feeds::by_no(self.conn, *no)?;
            let lowest = first.entry(row.feed.id).or_insert(*position);
            *lowest = (*lowest).min(*position);
            self.show(row, *position)?;
        }
        for receipt in kept::all(self.conn)? {
            if first.get(&receipt.feed).is_some_and(|first| receipt.size > *first) {
                self.acknowledge(receipt)?;
            }
        }
        self.finish(v1::proof::Subject::Record(id.to_vec().into()))
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
        self.feeds.entry(id).or_insert(Gathered { row, positions: BTreeSet::new(), receipts: vec![] });
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
        let (Some(kind), parent) = (kind("enrolment"), trust::superior(union)) else { return Err(missing) };
        let rows = projection::list_where(self.conn, kind, "device", &Value::Bytes(device.to_vec()))?;
        let mut rows: Vec<_> = rows
            .into_iter()
            .filter(|row| row.place.owner == parent && row.record.int("union") == Some(i64::from(union)))
            .collect();
        // The sort is stable: of equals the first that was written.
        rows.sort_by_key(|row| !row.record.flag("hub"));
        let Some(found) = rows.first() else { return Err(missing) };
        let row = feeds::by_no(self.conn, found.place.feed)?;
        self.show(row, found.place.seq)
    }

    /// A receipt that is for what is here, of a hub that is known here; any other is left to `receipts verify`.
    fn acknowledge(&mut self, receipt: Receipt) -> Result<(), ProvingError> {
        let Some(gathered) = self.feeds.get(&receipt.feed) else { return Ok(()) };
        let row = &gathered.row;
        let meant = receipt.union != row.feed.union && row.feed.seen_by(receipt.union);
        let covered = row.head.as_ref().is_some_and(|head| head.size >= receipt.size);
        if !meant || !covered || feeds::root_at(self.conn, row, receipt.size)? != receipt.root {
            return Ok(());
        }
        match self.admit(receipt.device, receipt.union) {
            Ok(()) => {}
            Err(ProvingError::NotEnrolled { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        if let Some(gathered) = self.feeds.get_mut(&receipt.feed) {
            gathered.receipts.push(receipt);
        }
        Ok(())
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

fn write(conn: &Connection, gathered: Gathered) -> Result<v1::ProofFeed, ProvingError> {
    let Gathered { row, positions, mut receipts } = gathered;
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
    let receipts = receipts.into_iter().map(|receipt| {
        let path: Vec<Hash> = tree::consistency(&mut run, receipt.size, size)?;
        Ok(v1::ProofReceipt { receipt: Some(receipt.signed), path: proof::path(&path) })
    });
    Ok(v1::ProofFeed {
        header: row.feed.header.clone(),
        receipts: receipts.collect::<Result<_, StoreError>>()?,
        head: row.head.filter(|_| !positions.is_empty()).map(|head| head.signed),
        operations,
    })
}
