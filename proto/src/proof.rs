//! A file that proves something to whoever knows only the root fingerprint: `huiliu/v1/proof.proto` says what is in it
//! and what is checked.
//!
//! Checking is a pure function of the file and the fingerprint: no home, no line, no clock. `shape` bounds the bytes
//! before anything is allocated for them and takes them in one way of writing only; `verify` checks them. What the
//! record says in words, and whether a document's edits fit each other, is asked where documents are (`node`).

mod shape;
mod standing;
mod verify;

use prost::Message as _;

use crate::{
    algorithms::UnknownSuite,
    feed::{Feed, FeedError},
    id::{DeviceId, FeedId, Hash, RecordId},
    operation::{Operation, OperationError},
    period::Day,
    record::Refusal,
    root::{Fingerprint, Root},
    signed::{Receipt, SignatureError, TreeHead},
    union::UnionNumber,
    v1,
};

/// How a file begins.
pub const MAGIC: &[u8] = b"huiliu-proof\n";
pub const MAX_FILE: usize = 4 << 20;
pub const MAX_FEEDS: usize = 256;
/// Of one feed: the edits of the largest document, and the enrolments of a few hubs.
pub const MAX_OPERATIONS: usize = 4096 + 512;
pub const MAX_RECEIPTS: usize = 16;
const VERSION: u32 = 1;

/// What a file proves, every part of it checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Proven {
    pub root: Root,
    /// In the order of their ids.
    pub feeds: Vec<ProvenFeed>,
    pub subject: Subject,
}

/// A feed whose device may write it, as far up as the root.
#[derive(Debug, Clone, PartialEq)]
pub struct ProvenFeed {
    pub feed: Feed,
    /// What the operations stand under; none where only a receipt speaks of the feed.
    pub head: Option<TreeHead>,
    pub operations: Vec<ProvenOperation>,
    /// Their trees are the beginning of the head's.
    pub receipts: Vec<Receipt>,
    /// By which its operations of the record, or of a standing that the file rests on, count with the union above.
    pub standing: Option<Standing>,
}

/// A superior's word that so much of a feed counts on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub by: UnionNumber,
    pub by_device: DeviceId,
    /// Where it stands.
    pub feed: FeedId,
    pub position: u64,
    pub record: RecordId,
    pub as_of: Day,
}

/// As of which day a record counts, as far as the file shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// The earliest day of all standings it rests on.
    pub as_of: Option<Day>,
    /// Who says so, each with its earliest day: from the union directly above upwards.
    pub says: Vec<(UnionNumber, Day)>,
    /// The standings lead up to the root, whose word nobody takes away. Otherwise the last that says so may have been
    /// revoked by then.
    pub shown: bool,
}

/// An operation that stands in its feed at that place.
#[derive(Debug, Clone, PartialEq)]
pub struct ProvenOperation {
    pub position: u64,
    pub operation: Operation,
}

/// What the file is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    Record(RecordId),
    /// A hub had that much of the feed.
    Receipt {
        feed: FeedId,
        receipt: Receipt,
    },
    /// The newer receipt's tree extends the older one's.
    Growth {
        feed: FeedId,
        older: Receipt,
        newer: Receipt,
    },
}

/// A hub's word, somewhere in the file, that a device may write for a union.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Who says so, and with which device.
    pub by: UnionNumber,
    pub by_device: DeviceId,
    pub feed: FeedId,
    pub position: u64,
    pub union: UnionNumber,
    pub device: DeviceId,
    pub hub: bool,
    pub from: Option<Day>,
}

/// Why a file proves nothing. Feeds are named by their ids, so that it can be said which part it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("the file is {0} bytes long, more than {MAX_FILE}")]
    TooLarge(usize),
    #[error("this is no proof file: it does not begin as one")]
    NotAProof,
    #[error("the file is cut off, was changed, or holds something a proof does not: {0}")]
    Malformed(&'static str),
    #[error("the file is not written in the one way in which its contents are written")]
    NotCanonical,
    #[error("the file is of layout {0}, which this version does not know")]
    Version(u32),
    #[error("the file cannot be read: {0}")]
    Algorithms(#[from] UnknownSuite),
    #[error("the file is of the network with the fingerprint {found}, not of {expected}")]
    OtherRoot { found: Fingerprint, expected: Fingerprint },
    #[error("the header of feed number {0} is wrong: {1}")]
    Header(usize, FeedError),
    #[error("the feeds are not in the order of their ids, each once")]
    FeedOrder,
    #[error("the feed {0} is of another network")]
    Network(FeedId),
    #[error("the tree head of feed {0} is not good: {1}")]
    Head(FeedId, SignatureError),
    #[error("the feed {0} has operations and no tree head, or a tree head and no operations")]
    HeadMissing(FeedId),
    #[error("operation {1} of feed {0} cannot be read: {2}")]
    Operation(FeedId, u64, OperationError),
    #[error("the operations of feed {0} are not in the order of their positions, each once")]
    OperationOrder(FeedId),
    #[error("operation {1} is not in the tree that the head of feed {0} signs")]
    NotIncluded(FeedId, u64),
    #[error("nothing in the file enrols the device {device} for {union}")]
    NotEnrolled { device: DeviceId, union: UnionNumber, hub: bool },
    #[error("the operation {1} of feed {0} serves nothing that is proven")]
    Superfluous(FeedId, u64),
    #[error("the feed {0} serves nothing that is proven")]
    SuperfluousFeed(FeedId),
    #[error("a receipt for feed {0} is not good: {1}")]
    Receipt(FeedId, SignatureError),
    #[error("a receipt is not for feed {0}, or not from a union that is meant to have it")]
    ReceiptFeed(FeedId),
    #[error("the receipts for feed {0} are not in the order of their unions, each once")]
    ReceiptOrder(FeedId),
    #[error("a receipt for feed {0} covers nothing that is proven")]
    ReceiptCovers(FeedId),
    #[error("the receipt of {1} for feed {0} is dated before that hub was enrolled")]
    ReceiptBeforeHub(FeedId, UnionNumber),
    #[error("the receipt of {1} for feed {0} is dated before what it covers says it was written")]
    ReceiptBeforeWriting(FeedId, UnionNumber),
    #[error("what is said to count of feed {0} is not said by the union above, or not of these operations: {1}")]
    Standing(FeedId, &'static str),
    #[error("the receipt of {1} for feed {0} is for another history than the feed's head")]
    ReceiptHistory(FeedId, UnionNumber),
    #[error("the newer receipt for feed {0} is for another history than the older one")]
    Contradiction(FeedId),
    #[error("the two receipts are not two, or not in order")]
    GrowthOrder,
    #[error("the file is about nothing")]
    NoSubject,
    #[error("no operation of the record {0} is in the file")]
    NoRecord(RecordId),
    #[error(
        "the file holds two records under the id {id}: operation {} of feed {}, and operation {} of feed {}, of another \
         kind or union or of an entry that is said once",
        .one.1, .one.0, .other.1, .other.0
    )]
    Mixed { id: RecordId, one: (FeedId, u64), other: (FeedId, u64) },
    #[error("operation {1} of feed {0} is of a kind that may not stand there")]
    Kind(FeedId, u64),
    #[error("the record id of operation {1} of feed {0} could not have been made by its device")]
    RecordId(FeedId, u64),
    #[error("the payload of operation {1} of feed {0} cannot be read: {2}")]
    Payload(FeedId, u64, String),
    #[error("operation {1} of feed {0} breaks a rule of its kind")]
    Rule(FeedId, u64, Vec<Refusal>),
}

/// Checks a file against the fingerprint of the network it must be of.
pub fn check(file: &[u8], fingerprint: Fingerprint) -> Result<Proven, ProofError> {
    verify::verify(shape::read(file)?, fingerprint)
}

/// Operations of one feed by themselves: that its device signed them, at these places, and not whether it may write.
pub fn of_feed(bytes: bytes::Bytes, network: &str) -> Result<ProvenFeed, ProofError> {
    let wire = v1::ProofFeed::decode(bytes).map_err(|_| ProofError::Malformed("the proof of a feed"))?;
    verify::feed(0, wire, network)
}

/// The bytes of a file. Whoever makes one checks it before handing it on.
pub fn write(proof: &v1::Proof) -> Vec<u8> {
    [MAGIC, &proof.encode_to_vec()].concat()
}

/// A message to be filled in.
pub fn begin(root: &Root) -> v1::Proof {
    v1::Proof {
        version: VERSION,
        algorithms: crate::algorithms::SUITE.number(),
        root: Some(v1::ProofRoot {
            network: root.network.clone(),
            device: root.device.to_vec().into(),
            certificate_key: root.certificate_key.to_vec().into(),
        }),
        feeds: vec![],
        subject: None,
    }
}

/// Whether a receipt's moment lies before another, by more than honest clocks differ.
pub fn before(received_at: i64, other: i64) -> bool {
    verify::day(received_at) < verify::day(other) - verify::SLACK
}

/// The same of a day.
pub fn before_day(received_at: i64, other: Day) -> bool {
    verify::day(received_at) < i64::from(other.0) - verify::SLACK
}

/// Hashes one after another, as a path is written.
pub fn path(hashes: &[Hash]) -> bytes::Bytes {
    hashes.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>().into()
}

impl Proven {
    pub fn feed(&self, id: &FeedId) -> Option<&ProvenFeed> {
        self.feeds.iter().find(|f| f.feed.id == *id)
    }

    /// The record's own operations and where each stands; none where the file is about a receipt.
    pub fn operations(&self) -> impl Iterator<Item = (&ProvenFeed, &ProvenOperation)> {
        let record = match &self.subject {
            Subject::Record(id) => Some(*id),
            _ => None,
        };
        let all = self.feeds.iter().flat_map(|f| f.operations.iter().map(move |o| (f, o)));
        all.filter(move |(_, o)| record.is_some_and(|id| o.operation.record == id))
    }

    /// Whether that device speaks for the network itself.
    pub fn is_root(&self, device: &DeviceId, union: UnionNumber) -> bool {
        union == UnionNumber::NATION && *device == self.root.device
    }

    /// The enrolments from the root down to this device, the root's first; empty for the root's own device.
    pub fn chain(&self, device: &DeviceId, union: UnionNumber) -> Vec<Link> {
        let mut links = vec![];
        let (mut device, mut union) = (*device, union);
        while !self.is_root(&device, union) {
            let Some(link) = verify::link(&self.feeds, &device, union) else { break };
            (device, union) = (link.by_device, link.by);
            links.push(link);
        }
        links.reverse();
        links
    }
}

#[cfg(test)]
mod tests;
