//! A feed of another device that lies here otherwise than its device signed it: a disk failed, or somebody altered it.
//!
//! It counts no further than it is good, and is asked for from its beginning (`altered`), of whichever neighbour. What comes
//! is proved by itself, from its first operation on, and held against the heads that are stored here: where one of them
//! covers other bytes than lie under it, those are put right. Nothing else of the feed is touched, and nothing that was signed
//! is given up: a neighbour with another history mends nothing. An own feed is not mended so: what a device says it has
//! written, it takes from nobody.

use bytes::Bytes;
use huiliu_proto::{
    id::FeedId,
    lang::Label,
    operation::Operation,
    segment,
    signed::{SignatureError, TreeHead},
    tree::{Edge, RUN},
    v1::{self, Refusal},
};

use super::{Incoming, Intake, Ledger, incoming::refused, opened::unpack};
use crate::store::{
    Result, StoreError,
    evidence::{self, Evidence, EvidenceKind, Peer},
    feeds::{self, FeedRow, SegmentRow},
    segments,
};

/// A feed that was found good is not gone through again for so long, whoever has another history of it.
const GOOD_FOR: i64 = 3_600_000;

/// How far a feed that comes anew has come.
#[derive(Default)]
pub(super) struct Mending {
    edge: Edge,
    /// Operations since the beginning of a stored segment, and where that ends.
    waiting: Vec<Operation>,
    end: u64,
}

/// What lies here of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lies {
    /// As it was signed.
    Good,
    /// So, but what was computed from it for proofs was wrong, and has been put right.
    Repaired,
    /// Otherwise; a person is told.
    Altered,
}

impl Ledger {
    /// Goes through what lies here of a feed.
    pub(super) fn look_through(&mut self, no: i64) -> Result<Lies> {
        let (row, now) = (self.feed(no)?.clone(), self.now());
        let before = self.good.get(&no);
        if before.is_some_and(|(size, at)| *size == row.size() && (0..GOOD_FOR).contains(&now.saturating_sub(*at))) {
            return Ok(Lies::Good);
        }
        let blocks = match segments::go_through(&self.conn, &row)? {
            Ok(blocks) => blocks,
            Err(at) => {
                self.keep_altered(&row.feed.id, at)?;
                return Ok(Lies::Altered);
            }
        };
        let mut lies = Lies::Good;
        for (block, root) in blocks {
            if feeds::put_block(&self.conn, no, block, &root)? {
                lies = Lies::Repaired;
            }
        }
        self.good.insert(no, (row.size(), now));
        Ok(lies)
    }

    /// What to answer to a batch that does not agree with what is here, where that is because of what lies here.
    pub(super) fn because_altered(&mut self, no: i64) -> Result<Option<Intake>> {
        if self.look_through(no)? != Lies::Altered {
            return Ok(None);
        }
        Ok(Some(self.altered(no)?))
    }

    /// What lies here of a feed is not what was signed: it is wanted from its beginning, where it may be mended so.
    pub(super) fn altered(&mut self, no: i64) -> Result<Intake> {
        if self.is_altered(no)? {
            return Ok(Intake::Again);
        }
        Ok(refused(Refusal::Damaged, "what is stored of this feed here is not what was signed"))
    }

    /// Whether a feed is being mended, or waits for it.
    pub(super) fn is_altered(&mut self, no: i64) -> Result<bool> {
        let row = self.feed(no)?;
        Ok(row.altered && !row.own)
    }

    /// What is stored from there on cannot be read.
    pub(super) fn altered_at(&mut self, no: i64, at: u64) -> Result<Intake> {
        let feed = self.feed(no)?.feed.id;
        self.keep_altered(&feed, at)?;
        self.altered(no)
    }

    /// What is stored here is not what its device signed: a person looks into the disk. Another device's feed is wanted from
    /// its beginning (`mending.rs`).
    pub(super) fn keep_altered(&mut self, feed: &FeedId, at: u64) -> Result<()> {
        let no = self.feed_by_id(feed)?;
        let own = match no {
            Some(no) => self.feed(no)?.own,
            None => false,
        };
        let device = self.me.device();
        if !evidence::is_open(&self.conn, EvidenceKind::Altered, Some(feed), &device)? {
            tracing::error!(%feed, at, "what is stored of this feed is not what was signed; it is not counted");
            let (remedy_zh, remedy_en) = match own {
                true => ("请检查硬盘，并从备份恢复", "Have the disk looked at, and restore from a backup"),
                false => (
                    "下次交换时将向相邻单位重新取回；请检查硬盘",
                    "It is fetched anew from a neighbour with the next exchange; have the disk looked at",
                ),
            };
            let now = self.now();
            let evidence = Evidence {
                what: EvidenceKind::Altered,
                feed: *feed,
                seen_at: now,
                from: Some(Peer { union: self.me.union, device }),
                ours: None,
                // It may happen again after it was put right.
                theirs: Some(v1::Signed { message: now.to_be_bytes().to_vec().into(), signature: Bytes::default() }),
                detail: Label::new(
                    format!("本机所存数据流水自第{at}条起与作者签名不符，未计入；{remedy_zh}"),
                    format!(
                        "what is stored here of this feed is not what its author signed, from operation {at} on; it is not \
                         counted. {remedy_en}"
                    ),
                ),
            };
            evidence::add(&self.conn, &evidence)?;
        }
        if let Some(no) = no.filter(|_| !own)
            && !self.feed(no)?.altered
        {
            let row = self.feed_to_change(no)?;
            (row.diverged, row.altered) = (true, true);
        }
        Ok(())
    }

    /// Somebody doubts that a feed lies here as it was signed. True where it does not, and is wanted from its beginning.
    pub fn suspect(&mut self, feed: &FeedId) -> Result<bool> {
        let Some(no) = self.feed_by_id(feed)? else { return Ok(false) };
        Ok(self.look_through(no)? == Lies::Altered && self.is_altered(no)?)
    }

    /// A batch of a feed that lies here altered. `None` where all is put right, and the batch brings more.
    pub(super) fn mend(&mut self, no: i64, batch: &Incoming, head: &TreeHead) -> Result<Option<Intake>> {
        let row = self.feed(no)?.clone();
        let mut mending = self.mending.remove(&no).unwrap_or_default();
        // The conversation began before it was wanted anew.
        if batch.first > mending.edge.size() {
            return Ok(Some(Intake::Again));
        }
        let run = match unpack(batch) {
            Ok(run) => run,
            Err(why) => return Ok(Some(why.refused())),
        };
        let operations = run.operations();
        let taken = |size| Ok(Some(Intake::Taken { size, receipt: None }));
        if head.size <= mending.edge.size() {
            self.mending.insert(no, mending);
            return taken(head.size);
        }
        let fresh = &operations[(mending.edge.size() - batch.first) as usize..];
        let mut edge = mending.edge.clone();
        fresh.iter().for_each(|operation| _ = edge.push(operation.leaf()));
        let other = || Ok(Some(refused(Refusal::Damaged, "what is stored here is altered, and this does not mend it")));
        if edge.size() != head.size || edge.root() != head.root {
            return other();
        }
        for operation in fresh {
            if mending.edge.size() < row.size() && !self.mend_one(&row, &mut mending, operation, head)? {
                return other();
            }
        }
        if mending.edge.size() < row.size() {
            self.mending.insert(no, mending);
            return taken(head.size);
        }
        if mending.edge.root() != row.edge.root() {
            return other();
        }
        let note = "已从相邻单位重新取回 · fetched anew from a neighbour";
        evidence::clear(&self.conn, EvidenceKind::Altered, &row.feed.id, self.now(), note)?;
        tracing::warn!(feed = %row.feed.id, "what was stored of this feed was put right");
        self.compared.remove(&no);
        self.good.remove(&no);
        let fresh = self.feed(no)?;
        (fresh.diverged, fresh.altered) = (false, false);
        self.touched.insert(no);
        // What the damage had stopped goes on.
        if row.applied < row.size() {
            self.catch_up(no, &mut |_| ())?;
        }
        if head.size > row.size() {
            return Ok(None);
        }
        Ok(Some(Intake::Taken { size: row.size(), receipt: self.receipt(no)? }))
    }

    /// The next operation, as it was signed. False where what is stored cannot be put right by it.
    fn mend_one(&self, row: &FeedRow, to: &mut Mending, operation: &Operation, head: &TreeHead) -> Result<bool> {
        let first = to.edge.size() - to.waiting.len() as u64;
        if to.waiting.is_empty() {
            let stored = feeds::segment(&self.conn, row.no, first)?.filter(|stored| stored.first == first);
            let Some(stored) = stored.filter(|stored| stored.count <= segment::MAX_OPERATIONS as u64) else {
                return Ok(false);
            };
            to.end = first + stored.count;
        }
        if let Some(root) = to.edge.push(operation.leaf()) {
            feeds::put_block(&self.conn, row.no, to.edge.size() / RUN - 1, &root)?;
        }
        to.waiting.push(operation.clone());
        if to.edge.size() < to.end {
            return Ok(true);
        }
        let operations = std::mem::take(&mut to.waiting);
        let Some(stored) = feeds::segment(&self.conn, row.no, first)? else { return Ok(false) };
        self.put_right(row, stored, &operations, &to.edge, head)
    }

    /// The operations of a stored segment have come. Only where the head over them is good, or another of the same place is.
    fn put_right(
        &self,
        row: &FeedRow,
        stored: SegmentRow,
        operations: &[Operation],
        edge: &Edge,
        head: &TreeHead,
    ) -> Result<bool> {
        let over = match TreeHead::verify(stored.head.clone(), row.feed.id, &row.feed.device) {
            Ok(over) if (over.size, over.root) == (edge.size(), edge.root()) => Some(stored.head),
            // Signed over something else: another history.
            Ok(_) | Err(SignatureError::Algorithms(_)) => return Ok(false),
            Err(_) => None,
        };
        let same = segment::unpack(&stored.bytes).is_ok_and(|here| {
            here.len() == operations.len() && here.iter().zip(operations).all(|(a, b)| a.leaf() == b.leaf())
        });
        let over = match over {
            Some(_) if same => return Ok(true),
            Some(over) => over,
            None if head.size == edge.size() => head.signed.clone(),
            None => return Ok(false),
        };
        let bytes = match same {
            true => stored.bytes,
            false => segment::pack(operations)?,
        };
        segments::put_right(&self.conn, row.no, &SegmentRow { head: over, bytes, ..stored })?;
        Ok(true)
    }
}

/// What was read to be compared; nothing where it cannot be read because of what lies there.
pub(super) fn legible<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Err(StoreError::Segment(_) | StoreError::Damaged(_) | StoreError::Altered { .. }) => Ok(None),
        read => read.map(Some),
    }
}
