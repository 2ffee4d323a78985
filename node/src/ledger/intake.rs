//! What arrives: a run of operations of one feed, with the head that covers it. Verified before it is stored, stored
//! before it is judged, all in one transaction.

use bytes::Bytes;
use huiliu_proto::{
    feed::Feed,
    id::FeedId,
    operation::Operation,
    segment,
    signed::{Receipt, TreeHead},
    tree::RUN,
    v1,
};

use super::Ledger;
use crate::store::{Result, feeds, feeds::SegmentRow, receipts, trust};

/// A batch, as it came off the wire.
#[derive(Clone)]
pub struct Incoming {
    pub feed: FeedId,
    /// The feed's header, where it may be new here.
    pub header: Bytes,
    pub first: u64,
    pub count: u64,
    pub segment: Bytes,
    pub head: v1::Signed,
}

/// A short run is packed as it is, text and all: never what it holds.
impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incoming({:?}, {} from {})", self.feed, self.count, self.first)
    }
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Intake {
    /// It is on the disk, or was there already. So much of the feed is here now.
    Taken { size: u64, receipt: Option<Box<Receipt>> },
    /// It was not taken: a word of the protocol and a sentence for people. Nothing changed.
    Refused { word: &'static str, detail: String },
}

fn refused(word: &'static str, detail: impl ToString) -> Intake {
    Intake::Refused { word, detail: detail.to_string() }
}

impl Ledger {
    /// Takes in a batch from a neighbour.
    pub fn take_in(&mut self, batch: &Incoming) -> Result<Intake> {
        let known = self.feed_by_id(&batch.feed)?;
        let row = match known {
            Some(no) => self.feed(no)?.clone(),
            None => match self.meet(batch) {
                Ok(feed) => feeds::unwritten(feed),
                Err(refusal) => return Ok(refusal),
            },
        };
        let head = match TreeHead::verify(batch.head.clone(), batch.feed, &row.feed.device) {
            Ok(head) => head,
            Err(error) => return Ok(refused("signature", error)),
        };
        if head.size != batch.first + batch.count {
            return Ok(refused("root", "the head does not cover the batch"));
        }
        if head.size <= row.size() {
            return match known {
                Some(no) => self.known(no, &head),
                None => Ok(Intake::Taken { size: 0, receipt: None }),
            };
        }
        if batch.first > row.size() {
            return Ok(refused(
                "gap",
                format!("{} operations are here, the batch begins at {}", row.size(), batch.first),
            ));
        }
        let operations = match segment::unpack(&batch.segment) {
            Ok(operations) if operations.len() as u64 == batch.count => operations,
            Ok(_) => return Ok(refused("bounds", "the segment does not hold as many operations as the batch says")),
            Err(error) => return Ok(refused("bounds", error)),
        };
        let mut edge = row.edge.clone();
        let mut blocks = vec![];
        let skip = (row.size() - batch.first) as usize;
        for operation in &operations[skip..] {
            if let Some(root) = edge.push(operation.leaf()) {
                blocks.push((edge.size() / RUN - 1, root));
            }
        }
        if edge.root() != head.root {
            // Signed by the device itself: what it signs now does not extend what it signed before.
            feeds::add_evidence(
                &self.conn,
                &batch.feed,
                self.now(),
                "fork",
                row.head.as_ref().map(|h| &h.signed),
                Some(&head.signed),
            )?;
            tracing::error!(feed = %batch.feed, union = %row.feed.union, "a feed has forked: two signed heads disagree");
            return Ok(refused("fork", "the head does not extend what is here; both heads are kept as evidence"));
        }
        let no = match known {
            Some(no) => no,
            None => {
                let own = row.feed.device == self.me.device();
                let row = feeds::add(&self.conn, &row.feed, own)?;
                self.remember(row)
            }
        };
        for (block, root) in blocks {
            feeds::add_block(&self.conn, no, block, &root)?;
        }
        let stored = SegmentRow {
            first: batch.first,
            count: batch.count,
            head: batch.head.clone(),
            bytes: batch.segment.to_vec(),
        };
        feeds::add_segment(&self.conn, no, &stored)?;
        let size = edge.size();
        self.settle(no, edge, head, &operations[skip..])?;
        Ok(Intake::Taken { size, receipt: self.receipt(no)? })
    }

    /// Moves the feed's end and, where its author may write, judges and applies what came.
    fn settle(
        &mut self,
        no: i64,
        edge: huiliu_proto::tree::Edge,
        head: TreeHead,
        operations: &[Operation],
    ) -> Result<()> {
        let row = self.feed(no)?;
        let from = row.size();
        row.packed = edge.size();
        row.edge = edge;
        row.head = Some(head);
        let (feed, own, applied) = (std::sync::Arc::clone(&row.feed), row.own, row.applied);
        self.touched.insert(no);
        if !self.admitted(&feed, own)? {
            return Ok(());
        }
        if applied < from {
            return self.catch_up(no, &mut |_| ());
        }
        for (n, operation) in operations.iter().enumerate() {
            self.apply(no, from + n as u64, operation)?;
        }
        self.feed(no)?.applied = from + operations.len() as u64;
        Ok(())
    }

    /// A batch of which nothing is new: it must still agree with what is here.
    fn known(&mut self, no: i64, head: &TreeHead) -> Result<Intake> {
        let row = self.feed(no)?.clone();
        if feeds::root_at(&self.conn, &row, head.size)? != head.root {
            let ours = row.head.as_ref().map(|h| &h.signed);
            feeds::add_evidence(&self.conn, &row.feed.id, self.now(), "fork", ours, Some(&head.signed))?;
            tracing::error!(feed = %row.feed.id, union = %row.feed.union, "a feed has forked: two signed heads disagree");
            return Ok(refused("fork", "the head disagrees with what is here; both heads are kept as evidence"));
        }
        let newer = head.size == row.size() && row.head.as_ref().is_none_or(|h| h.time < head.time);
        if newer && !row.own {
            self.feed(no)?.head = Some(head.clone());
            self.touched.insert(no);
        }
        Ok(Intake::Taken { size: row.size(), receipt: self.receipt(no)? })
    }

    /// The header of a feed that is new here; it is written down only with its first operations.
    fn meet(&self, batch: &Incoming) -> Result<Feed, Intake> {
        let feed = Feed::parse(batch.header.clone()).map_err(|error| refused("header", error))?;
        if feed.id != batch.feed {
            return Err(refused("header", "the header is not that of the feed"));
        }
        if feed.network != self.me.network {
            return Err(refused("header", format!("the feed is of the network {:?}", feed.network)));
        }
        if !feed.seen_by(self.me.union) {
            return Err(refused("header", "the feed is not meant for this union"));
        }
        Ok(feed)
    }

    /// A hub signs for what it holds of other unions' feeds.
    fn receipt(&mut self, no: i64) -> Result<Option<Box<Receipt>>> {
        if !self.me.hub {
            return Ok(None);
        }
        let now = self.now();
        let row = self.feed(no)?.clone();
        if row.own || row.feed.union == self.me.union {
            return Ok(None);
        }
        let receipt = Receipt::sign(&self.me.key, self.me.union, row.feed.id, row.size(), row.edge.root(), now);
        receipts::put(&self.conn, &receipt)?;
        Ok(Some(Box::new(receipt)))
    }

    /// Keeps a receipt that came from above, if a hub of that union signed it for a feed that is as it says.
    pub fn take_receipt(&mut self, receipt: &Receipt) -> Result<bool> {
        let Some(no) = self.feed_by_id(&receipt.feed)? else { return Ok(false) };
        let row = self.feed(no)?.clone();
        let root_hub = receipt.union == huiliu_proto::region::RegionCode::NATION
            && self.me.root.is_some_and(|root| root == receipt.device);
        let hub = match receipt.union.parent() {
            None => root_hub,
            Some(parent) => trust::enrolled(&self.conn, &receipt.device, receipt.union, parent, true)?,
        };
        if !hub || receipt.size > row.size() {
            return Ok(false);
        }
        if feeds::root_at(&self.conn, &row, receipt.size)? != receipt.root {
            feeds::add_evidence(
                &self.conn,
                &receipt.feed,
                self.now(),
                "receipt",
                row.head.as_ref().map(|h| &h.signed),
                Some(&receipt.signed),
            )?;
            tracing::error!(feed = %receipt.feed, hub = %receipt.union, "a hub signed for something this feed never held");
            return Ok(false);
        }
        receipts::put(&self.conn, receipt)?;
        Ok(true)
    }
}
