//! Intake: a run of operations of one feed arrives with the tree head that covers it. It is verified before it is stored
//! and stored before it is judged, all in one transaction.

use bytes::Bytes;
use huiliu_proto::{
    feed::{Feed, FeedError},
    id::FeedId,
    lang::Label,
    segment::{self, SegmentError},
    signed::{Receipt, SignatureError, TreeHead},
    tree::Edge,
    v1::{self, Refusal},
};

use super::{
    Cost, Incoming, Intake, Ledger,
    incoming::refused,
    mending::{Lies, legible},
    opened::{Entries, Opened, Unopened, unpack},
    slices::EARLY_WAIT,
};
use crate::store::{
    Result, StoreError,
    evidence::{self, Evidence, EvidenceKind, Peer},
    feeds, receipts, segments,
    segments::Growth,
    trust,
    trust::Voucher,
};

/// Bytes of a message or signature that are kept as evidence.
const MOST_KEPT: usize = 512;

impl Ledger {
    /// Takes in a batch from a neighbour, unless its writer or the peer that relays it has used up its allowance.
    pub fn take_in(&mut self, batch: &Incoming) -> Result<Intake> {
        self.take_in_opened(batch, None)
    }

    /// The same, perhaps with what the batch holds, or why it cannot be opened.
    pub fn take_in_opened(
        &mut self,
        batch: &Incoming,
        opened: Option<std::result::Result<Opened, Unopened>>,
    ) -> Result<Intake> {
        if let Some(no) = self.feed_by_id(&batch.feed)?
            && let Some(seconds) = self.yields(no)?
        {
            return Ok(Intake::Later { seconds });
        }
        let Some(from) = batch.from else { return self.take_in_now(batch, opened) };
        let writer = match self.feed_by_id(&batch.feed)? {
            Some(no) => self.feed(no)?.feed.device,
            None => Feed::parse(batch.header.clone()).map_or(from.device, |feed| feed.device),
        };
        let now = self.now();
        // Operations of this device that come back cost nothing.
        if writer != self.me.device()
            && let Some(seconds) = self.allowances.wait(writer, from.device, now)
        {
            return Ok(Intake::Later { seconds });
        }
        // What it would add could not count yet, and would have to be kept in mind until then.
        if writer != self.me.device()
            && let Some(no) = self.feed_by_id(&batch.feed)?
            && batch.first.saturating_add(batch.count) > self.feed(no)?.size()
            && self.crowded(no)?
        {
            return Ok(Intake::Later { seconds: EARLY_WAIT });
        }
        let before = self.cost;
        let size = self.size_of(&batch.feed)?;
        let intake = self.take_in_now(batch, opened)?;
        let cost = self.cost.since(&before);
        let cost = Cost {
            // Also of what is stored and not judged yet; and to look at a head alone is work, too. A batch may say that it
            // holds more than any can.
            operations: cost.operations.max(batch.count.clamp(1, segment::MAX_OPERATIONS as u64)),
            bytes: cost.bytes.max(batch.segment.len() as u64),
            ..cost
        };
        if let Some(no) = self.feed_by_id(&batch.feed)? {
            self.slices.handed_over(no, from.device);
        }
        // The writer is charged only for what it sends itself and for the first copy; the peer that relays is charged for the rest.
        match intake {
            Intake::Taken { .. } if writer != from.device && self.size_of(&batch.feed)? <= size => {
                self.allowances.spend_again(from.device, cost, now);
            }
            Intake::Taken { .. } => self.allowances.spend(writer, from.device, cost, now),
            _ => self.allowances.spend(from.device, from.device, cost, now),
        }
        Ok(intake)
    }

    /// So many operations of a feed are here.
    pub(crate) fn size_of(&mut self, feed: &FeedId) -> Result<u64> {
        match self.feed_by_id(feed)? {
            Some(no) => Ok(self.feed(no)?.size()),
            None => Ok(0),
        }
    }

    fn take_in_now(
        &mut self,
        batch: &Incoming,
        opened: Option<std::result::Result<Opened, Unopened>>,
    ) -> Result<Intake> {
        // It may be of another machine of this union.
        self.own_numbers.forget();
        let rows = self.conn.total_changes();
        let unopened = opened.as_ref().and_then(|opened| opened.as_ref().err().cloned());
        let intake = self.verify_and_store(batch, opened);
        self.ahead = Entries::default();
        self.cost.rows += self.conn.total_changes().saturating_sub(rows);
        let intake = match intake {
            Err(StoreError::Altered { feed, at }) => {
                self.keep_altered(&feed, at)?;
                match self.feed_by_id(&feed)? {
                    Some(no) => self.altered(no)?,
                    None => refused(Refusal::Damaged, "what is stored of this feed here is not what was signed"),
                }
            }
            other => other?,
        };
        // The sender left the header out because it took it to be known here: no fault, it is sent again.
        let left_out = |reason| reason == Refusal::Header && batch.header.is_empty();
        if let Intake::Refused { reason, detail, .. } = &intake
            && reason.is_forging()
            && !left_out(*reason)
            && (*reason != Refusal::Bounds || self.bent(batch, unopened)?)
        {
            self.keep_forged(batch, *reason, detail)?;
        }
        Ok(intake)
    }

    /// Whether a batch that breaks a bound was altered on its way. If it is as its device signed it, the device broke the
    /// bound, and the peer that relayed it is not to blame.
    fn bent(&mut self, batch: &Incoming, unopened: Option<Unopened>) -> Result<bool> {
        match unopened.or_else(|| unpack(batch).err()) {
            Some(Unopened::Segment(SegmentError::TooLarge | SegmentError::TooMany)) => return Ok(false),
            Some(Unopened::Segment(SegmentError::Operation(_))) => {}
            _ => return Ok(true),
        }
        let (device, mut edge) = match self.feed_by_id(&batch.feed)? {
            Some(no) => {
                let row = self.feed(no)?.clone();
                if batch.first > row.size() {
                    return Ok(true);
                }
                (row.feed.device, feeds::edge_at(&self.conn, no, batch.first)?)
            }
            None => match Feed::parse(batch.header.clone()) {
                Ok(feed) if batch.first == 0 => (feed.device, Edge::default()),
                _ => return Ok(true),
            },
        };
        let (Ok(head), Ok(leaves)) =
            (TreeHead::verify(batch.head.clone(), batch.feed, &device), segment::leaves(&batch.segment))
        else {
            return Ok(true);
        };
        leaves.into_iter().for_each(|leaf| _ = edge.push(leaf));
        Ok(edge.size() != head.size || edge.root() != head.root)
    }

    pub(super) fn verify_and_store(
        &mut self,
        batch: &Incoming,
        opened: Option<std::result::Result<Opened, Unopened>>,
    ) -> Result<Intake> {
        let known = self.feed_by_id(&batch.feed)?;
        let mut row = match known {
            Some(no) => self.feed(no)?.clone(),
            None => match self.parse_new_feed(batch) {
                Ok(feed) => feeds::unwritten(feed),
                Err(refusal) => return Ok(refusal),
            },
        };
        let head = match TreeHead::verify(batch.head.clone(), batch.feed, &row.feed.device) {
            Ok(head) => head,
            Err(error @ SignatureError::Algorithms(_)) => return Ok(refused(Refusal::Newer, error)),
            Err(error) => return Ok(refused(Refusal::Signature, error)),
        };
        if head.size != batch.first.saturating_add(batch.count) {
            return Ok(refused(Refusal::Root, "the head does not cover the batch"));
        }
        if let Some(no) = known
            && self.is_altered(no)?
        {
            if let Some(intake) = self.mend(no, batch, &head)? {
                return Ok(intake);
            }
            row = self.feed(no)?.clone();
        }
        if head.size <= row.size() {
            return match known {
                Some(no) => self.known(no, batch, &head),
                None => Ok(Intake::Taken { size: 0, receipt: None }),
            };
        }
        if let Some(no) = known
            && self.others.get(&no).is_some_and(|other| other.size() == batch.first)
        {
            return match unpack(batch) {
                Ok(run) => self.parted(no, batch, &head, run.operations()),
                Err(why) => Ok(why.refused()),
            };
        }
        // Unpacked operations of an own feed are never sent, so no peer can continue after them.
        if batch.first > row.packed {
            return Ok(refused(
                Refusal::Gap,
                format!("{} operations are here, the batch begins at {}", row.packed, batch.first),
            ));
        }
        let (run, read) = match opened {
            Some(Ok(opened)) => opened.into_parts(),
            Some(Err(why)) => return Ok(why.refused()),
            // Entries are read as they are applied.
            None => match unpack(batch) {
                Ok(run) => (run, vec![]),
                Err(why) => return Ok(why.refused()),
            },
        };
        // Signed with this device's key but in another union's name: no legitimate feed.
        let own = row.own || (row.feed.device == self.me.device() && row.feed.union == self.me.union);
        if (known.is_none() || row.waits())
            && let Some(refusal) = self.room(&row, own, known.is_none(), batch)?
        {
            return Ok(refusal);
        }
        // What is here already must be the same, operation for operation, though only what is new is stored.
        let start = match known {
            Some(no) if batch.first < row.size() => match legible(feeds::edge_at(&self.conn, no, batch.first))? {
                Some(edge) => edge,
                None => return self.altered_at(no, batch.first),
            },
            _ => row.edge.clone(),
        };
        let bytes = batch.segment.to_vec();
        let growth = match Growth::verify(start, &row.edge, row.packed, run, head.clone(), bytes) {
            Ok(Ok(growth)) => growth,
            Ok(Err(operations)) => {
                return match known {
                    Some(no) => match self.look_through(no)? {
                        Lies::Good => self.parted(no, batch, &head, &operations),
                        Lies::Repaired => self.verify_and_store(batch, None),
                        Lies::Altered => self.altered(no),
                    },
                    None => Ok(refused(Refusal::Root, "the operations are not those that were signed")),
                };
            }
            // Only a segment that no honest program packs can fail to be packed again without its beginning.
            Err(error) => return Ok(refused(Refusal::Gap, format!("begin at {}: {error}", row.packed))),
        };
        let no = match known {
            Some(no) => no,
            None => {
                self.detect_restart(&row.feed, own, batch.from)?;
                let row = feeds::add(&self.conn, &row.feed, own, Ledger::via(batch))?;
                self.note_through(row.via);
                self.remember(row)
            }
        };
        segments::add(&self.conn, no, &growth, self.me.union, self.now())?;
        let size = growth.edge().size();
        self.hear_witness(&row.feed, &head)?;
        self.ahead = Entries { feed: no, first: batch.first, read };
        self.settle(no, &growth)?;
        self.look_on(no, batch.from)?;
        if self.feed(no)?.own {
            self.on_foreign_own_operations(no, batch.from)?;
        }
        Ok(Intake::Taken { size, receipt: self.receipt(no)? })
    }

    /// A neighbour handed over what its author did not sign.
    fn keep_forged(&mut self, batch: &Incoming, reason: Refusal, detail: &str) -> Result<()> {
        let Some(from) = batch.from else { return Ok(()) };
        self.forged(batch.feed, &batch.head, from, reason, detail)
    }

    /// A neighbour handed over something signed that is not good: a head, a receipt.
    pub fn forged(
        &mut self,
        feed: FeedId,
        signed: &v1::Signed,
        from: Peer,
        reason: Refusal,
        detail: &str,
    ) -> Result<()> {
        tracing::error!(%feed, from = %from.union, reason = reason.word(), "the peer sent data with an invalid signature");
        // Honest messages are far smaller; of others only the beginning is kept.
        let short = |bytes: &Bytes| bytes.slice(..bytes.len().min(MOST_KEPT));
        let by = from.union.union_name();
        let evidence = Evidence {
            what: EvidenceKind::Forged,
            feed,
            seen_at: self.now(),
            from: Some(from),
            ours: None,
            theirs: Some(v1::Signed { message: short(&signed.message), signature: short(&signed.signature) }),
            detail: Label::new(
                format!("{by}的机器送来的内容与作者签名不符，未接收（{}）；请与该单位检查其机器", reason.label().zh),
                format!(
                    "{} ({}) handed over what its author did not sign; nothing was taken: {detail}",
                    from.union, from.device
                ),
            ),
        };
        evidence::add(&self.conn, &evidence)?;
        Ok(())
    }

    /// Moves the feed's end and, where its author may write, judges and applies what came.
    fn settle(&mut self, no: i64, growth: &Growth) -> Result<()> {
        let row = self.feed(no)?;
        let from = row.size();
        row.packed = growth.edge().size();
        row.edge = growth.edge().clone();
        row.head = Some(growth.head().clone());
        row.diverged = false;
        self.compared.remove(&no);
        let row = self.feed(no)?;
        let (feed, own, applied) = (std::sync::Arc::clone(&row.feed), row.own, row.applied);
        self.touched.insert(no);
        if !self.admitted(&feed, own)? {
            return Ok(());
        }
        if applied < from {
            self.catch_up(no, &mut |_| ())?;
        } else {
            let fresh = &growth.operations()[(from - growth.first()) as usize..];
            let done = self.apply_part(no, from, fresh)?;
            self.feed(no)?.applied = from + done;
        }
        self.slices.answer_at(no, growth.edge().size());
        Ok(())
    }

    /// A batch with nothing new: it must still agree with what is here.
    fn known(&mut self, no: i64, batch: &Incoming, head: &TreeHead) -> Result<Intake> {
        let row = self.feed(no)?.clone();
        let root = legible(feeds::root_at(&self.conn, &row, head.size))?;
        if root.is_none() {
            // However lately it was found good.
            self.good.remove(&no);
        }
        if root != Some(head.root)
            && let Some(intake) = self.because_altered(no)?
        {
            return Ok(intake);
        }
        if root != Some(head.root) && feeds::root_at(&self.conn, &row, head.size)? != head.root {
            let run = match unpack(batch) {
                Ok(run) => run,
                Err(why) => return Ok(why.refused()),
            };
            return self.parted(no, batch, head, run.operations());
        }
        let newer = head.size == row.size() && row.head.as_ref().is_none_or(|h| h.time < head.time);
        if newer && !row.own {
            self.hear_witness(&row.feed, head)?;
            self.feed(no)?.head = Some(head.clone());
            self.touched.insert(no);
        }
        if !row.diverged {
            return Ok(Intake::Taken { size: row.size(), receipt: self.receipt(no)? });
        }
        // Asked for from its beginning: what has been compared so far is the same.
        let from = batch.from.map(|from| from.device);
        let compared = self.compared.entry(no).or_insert((from, 0));
        if compared.0 != from {
            *compared = (from, 0);
        }
        if batch.first <= compared.1 {
            compared.1 = head.size.max(compared.1);
        }
        if head.size == row.size() {
            self.mark_diverged(no, false)?;
        }
        Ok(Intake::Taken { size: head.size, receipt: self.receipt(no)? })
    }

    /// The header of a feed that is new here; it is written down only with its first operations.
    fn parse_new_feed(&self, batch: &Incoming) -> Result<Feed, Intake> {
        let feed = Feed::parse(batch.header.clone()).map_err(|error| match error {
            FeedError::Algorithms(_) => refused(Refusal::Newer, error),
            error => refused(Refusal::Header, error),
        })?;
        if feed.id != batch.feed {
            return Err(refused(Refusal::Header, "the header is not that of the feed"));
        }
        if feed.network != self.me.network {
            return Err(refused(Refusal::Header, format!("the feed is of the network {:?}", feed.network)));
        }
        if feed.newer.is_some() && feed.seen_by(self.me.union) {
            return Ok(feed);
        }
        if let Some(newer) = feed.newer {
            return Err(refused(Refusal::Newer, format!("its header was written by a newer version: {newer:?}")));
        }
        // A peer outside the feed's audience cannot legitimately hold it.
        if !feed.seen_by(self.me.union) || batch.from.is_some_and(|from| !feed.seen_by(from.union)) {
            return Err(refused(Refusal::Header, "the feed is not meant for this union"));
        }
        Ok(feed)
    }

    /// A hub signs for what it holds of other unions' feeds.
    pub(super) fn receipt(&mut self, no: i64) -> Result<Option<Box<Receipt>>> {
        if !self.me.hub {
            return Ok(None);
        }
        let now = self.now();
        let row = self.feed(no)?.clone();
        // The national hub is the level above its union's other machines.
        let level_above = row.feed.union.enroller() == self.me.union || row.feed.union != self.me.union;
        if row.own || !level_above {
            return Ok(None);
        }
        // An existing receipt keeps its date: a later one would say less.
        let before = receipts::of(&self.conn, &row.feed.id, self.me.union)?;
        if let Some(same) = before.filter(|r| {
            (r.size, r.root, r.device) == (row.size(), row.edge.root(), self.me.device()) && r.received_at <= now
        }) {
            return Ok(Some(Box::new(same)));
        }
        let receipt = Receipt::sign(&self.me.key, self.me.union, row.feed.id, row.size(), row.edge.root(), now);
        receipts::put(&self.conn, &receipt)?;
        Ok(Some(Box::new(receipt)))
    }

    /// Keeps a receipt, if a hub that is meant to have the feed signed it for what it is.
    pub fn take_receipt(&mut self, receipt: &Receipt) -> Result<bool> {
        let Some(no) = self.feed_by_id(&receipt.feed)? else { return Ok(false) };
        let row = self.feed(no)?.clone();
        // The national hub confirms what its union's other machines write.
        let itself = [row.feed.union, row.feed.union.enroller()] == [receipt.union; 2];
        let by_root = itself && receipt.device != row.feed.device;
        if !row.feed.confirmed_by(receipt.union) && !by_root {
            return Ok(false);
        }
        // Of a hub that is known to be revoked nothing new counts, whatever date it gives: its key may be a thief's.
        let (voucher, from) = trust::vouches(&self.conn, self.me.root, &receipt.device, receipt.union)?;
        if voucher != Voucher::Hub || trust::is_before(receipt, from) {
            return Ok(false);
        }
        if receipt.size > row.size() || feeds::root_at(&self.conn, &row, receipt.size)? != receipt.root {
            // It may be about what is still on its way, or was lost here: judged when the exchange is settled. Whom nobody enrolled
            // may have told everybody something else.
            let beyond_own = row.own && receipt.size > row.size();
            if !beyond_own && !row.waits() {
                self.doubt(receipt)?;
            }
            return Ok(false);
        }
        receipts::put(&self.conn, receipt)?;
        let Receipt { feed, size, root, union, received_at, .. } = receipt;
        // What is revoked back to a day rests on these dates, and a hub below may be the thief's.
        if union.contains(row.feed.union) {
            segments::note_arrival(&self.conn, feed, *size, root, *union, *received_at)?;
        }
        Ok(true)
    }

    /// An enrolled hub signed for something that a feed never held.
    pub fn keep_lie(&mut self, receipt: &Receipt) -> Result<()> {
        let held = feeds::by_id(&self.conn, &receipt.feed)?.and_then(|row| row.head);
        let by = receipt.union.union_name();
        let evidence = Evidence {
            what: EvidenceKind::Receipt,
            feed: receipt.feed,
            seen_at: self.now(),
            from: Some(Peer { union: receipt.union, device: receipt.device }),
            ours: held.map(|head| head.signed),
            theirs: Some(receipt.signed.clone()),
            detail: Label::new(
                format!("{by}签收的内容与本机数据流水不符；该平台所收可能被改动，请与其核对"),
                format!("{} signed for something that this feed never held; compare with that union", receipt.union),
            ),
        };
        if evidence::add(&self.conn, &evidence)? {
            tracing::error!(feed = %receipt.feed, hub = %receipt.union, "a hub signed for something this feed never held");
        }
        Ok(())
    }
}
