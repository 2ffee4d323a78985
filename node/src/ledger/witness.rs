//! What heads and receipts say of a hub's feeds, held against what that hub showed here: equivocation
//! by a hub shows wherever both are heard.
//!
//! A claim that does not hold is not believed at once: operations may be on their way, and a hub that was restored says
//! so in a new incarnation. It is judged when an exchange with the neighbour that should have told is settled.

use std::collections::{BTreeMap, BTreeSet};

use huiliu_proto::{
    feed::{Feed, Scope},
    handle::Declared as _,
    id::{DeviceId, FeedId},
    lang::{self, Label},
    record::Record,
    records::enrolment,
    signed::{Receipt, Seen, TreeHead},
    union::UnionNumber,
    v1::{self, Enrolment},
};

use super::Ledger;
use crate::identity::LocalDevice;
use crate::store::{
    Result, View,
    claims::{self, Claim},
    evidence::{self, Evidence, EvidenceKind, Peer},
    feeds,
    feeds::FeedRow,
    projection::{self, RecordPlace, Shown},
    receipts,
};

/// Delay before a claim that does not hold is judged: operations on their way arrive first.
const PATIENCE: i64 = 60_000;
/// A claim about what a neighbour should have told, with whom no exchange has come to an end since, is let go after so
/// long: that it could not be told is no lie.
const FORGOTTEN: i64 = 60 * 24 * 3_600_000;

/// Longest feed that a claim may name; a larger size is invalid.
const LONGEST: u64 = 1 << 53;

/// A device that was enrolled, the record that says so, and where it stands: which device wrote it, in which incarnation,
/// at which place.
type Enrolled = (DeviceId, Shown, (DeviceId, (u32, u64)));

/// Who says it.
enum Witness {
    /// A device below the hub, in the head of its own feed.
    Head(Feed),
    /// A level above.
    Receipt(Receipt),
}

/// Whether there is anything to judge after an exchange: asked first, so that an idle exchange writes nothing.
pub(crate) fn anything(conn: &View) -> Result<bool> {
    Ok(!claims::all(conn)?.is_empty())
}

impl Ledger {
    /// A head came: what it says of the feed in which the union above its writer speaks to it must be so here too.
    pub(super) fn hear_witness(&mut self, feed: &Feed, head: &TreeHead) -> Result<()> {
        let Some(seen) = head.seen else { return Ok(()) };
        // A claim about what this device wrote itself counts only when the operations themselves arrive.
        if feed.device == self.me.device() || feed.union.parent() == Some(self.me.union) || seen.size > LONGEST {
            return Ok(());
        }
        if let Some(no) = self.feed_by_id(&seen.feed)? {
            let row = self.feed(no)?.clone();
            let speaks_to_it =
                Some(row.feed.union) == feed.union.parent() && row.feed.scope == Scope::Branch(feed.union);
            if !speaks_to_it || self.holds(&row, &seen)? {
                return Ok(());
            }
        }
        let claim = Claim { by: feed.id, seen, signed: head.signed.clone(), noted_at: self.now() };
        claims::note(&self.conn, &claim)
    }

    /// A receipt came that what is here does not bear out.
    pub(super) fn doubt(&mut self, receipt: &Receipt) -> Result<()> {
        if receipt.size > LONGEST {
            return Ok(());
        }
        let seen = Seen { feed: receipt.feed, size: receipt.size, root: receipt.root };
        let claim = Claim { by: receipt.feed, seen, signed: receipt.signed.clone(), noted_at: self.now() };
        claims::note(&self.conn, &claim)
    }

    fn holds(&self, row: &FeedRow, seen: &Seen) -> Result<bool> {
        Ok(seen.size <= row.size() && feeds::root_at(&self.conn, row, seen.size)? == seen.root)
    }

    /// An exchange with this neighbour is settled: what it should have told by now is judged.
    pub(super) fn judge_claims(&mut self, peer: UnionNumber) -> Result<()> {
        for claim in claims::all(&self.conn)? {
            let waited = self.now().saturating_sub(claim.noted_at);
            let ripe = waited >= PATIENCE;
            let Some(witness) = self.witness(&claim)? else {
                claims::remove(&self.conn, &claim.by)?;
                continue;
            };
            let row = match self.feed_by_id(&claim.seen.feed)? {
                Some(no) => Some(self.feed(no)?.clone()),
                None => None,
            };
            // Only the witness says that this feed exists. It may still be on its way, so nobody is accused.
            let Some(row) = row else {
                if ripe || matches!(witness, Witness::Receipt(_)) {
                    claims::remove(&self.conn, &claim.by)?;
                }
                continue;
            };
            // Whom nobody enrols may tell everybody something else.
            let stranger = row.waits() || self.is_withdrawn(row.no)?;
            if stranger || self.holds(&row, &claim.seen)? {
                claims::remove(&self.conn, &claim.by)?;
                continue;
            }
            if self.went_on_anew(&row)? {
                self.keep_explained(&claim, &row)?;
                claims::remove(&self.conn, &claim.by)?;
                continue;
            }
            // What this device wrote itself is all here, unless another history of it is about.
            let ripe = ripe || (row.own && !row.diverged);
            if ripe && towards(&self.me, row.feed.union) == Some(peer) {
                self.contradict(&claim, &witness, &row)?;
                claims::remove(&self.conn, &claim.by)?;
            } else if !(0..FORGOTTEN).contains(&waited) {
                // Also of a clock that was ahead: it is told again where it still holds.
                claims::remove(&self.conn, &claim.by)?;
            }
        }
        Ok(())
    }

    fn witness(&mut self, claim: &Claim) -> Result<Option<Witness>> {
        if claim.by == claim.seen.feed {
            return Ok(Receipt::verify(claim.signed.clone()).ok().map(Witness::Receipt));
        }
        let Some(no) = self.feed_by_id(&claim.by)? else { return Ok(None) };
        Ok(Some(Witness::Head(Feed::clone(&self.feed(no)?.feed))))
    }

    /// Whether the feed's device says in a later incarnation that it left this feed: it was restored or cloned, which is
    /// a matter of its own, and no lie.
    fn went_on_anew(&self, row: &FeedRow) -> Result<bool> {
        let later = |other: &FeedRow| {
            other.feed.device == row.feed.device
                && other.feed.scope == row.feed.scope
                && other.feed.incarnation > row.feed.incarnation
                && other.size() > 0
        };
        Ok(feeds::of_union(&self.conn, row.feed.union)?.iter().any(later))
    }

    fn keep_explained(&mut self, claim: &Claim, row: &FeedRow) -> Result<()> {
        if row.own || evidence::is_open(&self.conn, EvidenceKind::Restored, None, &row.feed.device)? {
            return Ok(());
        }
        let who = row.feed.union.union_name();
        let evidence = Evidence {
            what: EvidenceKind::Restored,
            feed: row.feed.id,
            seen_at: self.now(),
            from: Some(Peer { union: row.feed.union, device: row.feed.device }),
            ours: row.head.as_ref().map(|h| h.signed.clone()),
            theirs: Some(claim.signed.clone()),
            detail: Label::new(
                format!(
                    "{who}的设备曾丢失内容、已另起数据流水：他处见过的第{}条在此没有；请与该单位核实",
                    claim.seen.size
                ),
                format!(
                    "a device of {} lost what it had written and went on in a new incarnation: others have seen {} \
                     operations of the feed it left, and what is here differs; ask that union",
                    row.feed.union, claim.seen.size
                ),
            ),
        };
        evidence::add(&self.conn, &evidence)?;
        Ok(())
    }

    fn contradict(&mut self, claim: &Claim, witness: &Witness, row: &FeedRow) -> Result<()> {
        let speaks_down = row.feed.scope.speaks_down();
        let heard = claim.seen.size <= row.size();
        if !speaks_down || row.own {
            // A level above signed for something that this feed never held.
            let Witness::Receipt(receipt) = witness else { return Ok(()) };
            return if heard { self.keep_wrong_receipt(receipt, row) } else { Ok(()) };
        }
        let (writer, device) = (row.feed.union, row.feed.device);
        if evidence::is_open(&self.conn, EvidenceKind::Split, Some(&claim.seen.feed), &device)? {
            return Ok(());
        }
        let (who, says) = (
            writer.union_name(),
            match witness {
                Witness::Head(feed) => feed.union,
                Witness::Receipt(receipt) => receipt.union,
            },
        );
        let size = claim.seen.size;
        let here = row.size();
        let (zh, en) = if heard {
            (
                format!("其前{size}条内容两处不同"),
                format!(
                    "what they hold of its first {} is not what was shown here",
                    lang::count(size, "operation", "operations")
                ),
            )
        } else {
            (
                format!("对方已有{size}条，此处交换完毕仍只有{here}条"),
                format!(
                    "they hold {}, and after an exchange that was complete only {here} came here",
                    lang::count(size, "operation", "operations")
                ),
            )
        };
        let evidence = Evidence {
            what: EvidenceKind::Split,
            feed: claim.seen.feed,
            seen_at: self.now(),
            from: Some(Peer { union: writer, device }),
            ours: row.head.as_ref().map(|h| h.signed.clone()),
            theirs: Some(claim.signed.clone()),
            detail: Label::new(
                format!(
                    "{who}对{}与对本单位的数据不一致：{zh}。可能是{who}的平台数据有误或疑似篡改，也可能是提供数据一方的机器有误；\
                     请同两个单位分别电话核对",
                    says.union_name()
                ),
                format!(
                    "{writer} has told {says} something else than this union: {en}. Either its hub equivocates, or \
                     the machine that says so is wrong; call both and compare"
                ),
            ),
        };
        if evidence::add(&self.conn, &evidence)? {
            tracing::error!(feed = %claim.seen.feed, hub = %writer, witness = %says, "a hub equivocates");
        }
        Ok(())
    }

    fn keep_wrong_receipt(&mut self, receipt: &Receipt, row: &FeedRow) -> Result<()> {
        let by = receipt.union.union_name();
        let evidence = Evidence {
            what: EvidenceKind::Receipt,
            feed: receipt.feed,
            seen_at: self.now(),
            from: Some(Peer { union: receipt.union, device: receipt.device }),
            ours: row.head.as_ref().map(|h| h.signed.clone()),
            theirs: Some(receipt.signed.clone()),
            detail: Label::new(
                format!("{by}签收的内容与本机数据流水不符；该平台所收可能被改动，请与其核对"),
                format!("{} signed for something that this feed never held; compare with that union", receipt.union),
            ),
        };
        if evidence::add(&self.conn, &evidence)? {
            tracing::error!(feed = %receipt.feed, hub = %receipt.union, "a hub signed for what this feed never held");
        }
        Ok(())
    }

    /// A hub says it has less of feeds than it has signed for: it was restored, or shows what is old.
    pub fn fell_behind(&mut self, feed: &FeedId, says: u64, peer: Peer) -> Result<()> {
        let Some(receipt) = receipts::of(&self.conn, feed, peer.union)? else { return Ok(()) };
        if receipt.device != peer.device
            || receipt.size <= says
            || evidence::is_open(&self.conn, EvidenceKind::Restored, None, &peer.device)?
        {
            return Ok(());
        }
        let who = peer.union.union_name();
        let evidence = Evidence {
            what: EvidenceKind::Restored,
            feed: *feed,
            seen_at: self.now(),
            from: Some(peer),
            ours: None,
            theirs: Some(receipt.signed.clone()),
            detail: Label::new(
                format!(
                    "{who}的平台签收过{}条，现在说只有{says}条：应是恢复了旧备份，正在补送；如该单位并未恢复备份，\
                     请其检查机器",
                    receipt.size
                ),
                format!(
                    "the hub of {} signed for {} and now says it has {says}: a backup was restored, and it is being \
                     refilled. If that union restored nothing, have its machine looked at",
                    peer.union,
                    lang::count(receipt.size, "operation", "operations")
                ),
            ),
        };
        evidence::add(&self.conn, &evidence)?;
        Ok(())
    }

    /// An enrolment came: where it is for this union, it is looked at when the job ends.
    pub(super) fn enrolled(&mut self, place: RecordPlace, record: &Record) {
        let me = self.me.union;
        let device = record.read(enrolment::DEVICE).and_then(|d| DeviceId::try_from(d).ok());
        if record.read(enrolment::UNION) == Some(me)
            && me.parent() == Some(place.owner)
            && let Some(device) = device
        {
            self.newcomers.insert(device);
        }
    }

    /// Devices that were enrolled for this union after this one. Whoever sits here knows whether they asked for it; a hub
    /// that enrols a machine of its own could write in this union's name. Which of two enrolments is the earlier is where
    /// they stand, and not which came here first.
    pub(super) fn tell_newcomers(&mut self) -> Result<()> {
        let devices = std::mem::take(&mut self.newcomers);
        let (me, my_device) = (self.me.union, self.me.device());
        let (Some(parent), false) = (me.parent(), devices.is_empty()) else { return Ok(()) };
        let all = self.enrolments_by(parent)?;
        // How far each device of the union above had written when it first enrolled this one.
        let mut mine = BTreeMap::new();
        for (_, _, (by, at)) in all.iter().filter(|(device, _, _)| *device == my_device) {
            let first = mine.entry(*by).or_insert(*at);
            *first = (*first).min(*at);
        }
        if mine.is_empty() {
            return Ok(());
        }
        let earlier = |(by, at): &(DeviceId, (u32, u64))| mine.get(by).is_some_and(|first| at < first);
        let known: BTreeSet<DeviceId> =
            all.iter().filter(|(_, _, at)| earlier(at)).map(|(device, _, _)| *device).collect();
        for (device, shown, _) in &all {
            let asked = devices.contains(device) || devices.contains(&my_device);
            if asked && *device != my_device && !known.contains(device) {
                self.newcomer(*device, shown.place, &shown.record)?;
            }
        }
        Ok(())
    }

    /// The devices that the union above has enrolled for this one, and by which device and where each was.
    fn enrolments_by(&mut self, parent: UnionNumber) -> Result<Vec<Enrolled>> {
        const PAGE: usize = 1024;
        let (mut all, mut after) = (vec![], None);
        loop {
            let page = projection::list(&self.conn, Enrolment::kind(), Some(parent), after, PAGE)?;
            let last = page.len() < PAGE;
            after = page.last().map(|shown| shown.id);
            for shown in page {
                let device = shown.record.read(enrolment::DEVICE).and_then(|d| DeviceId::try_from(d).ok());
                let about = shown.record.read(enrolment::UNION);
                let Some(device) = device.filter(|_| about == Some(self.me.union)) else {
                    continue;
                };
                let feed = &self.feed(shown.place.feed)?.feed;
                let at = (feed.device, (feed.incarnation, shown.place.seq));
                all.push((device, shown, at));
            }
            if last {
                return Ok(all);
            }
        }
    }

    fn newcomer(&mut self, device: DeviceId, place: RecordPlace, record: &Record) -> Result<()> {
        // One piece of evidence for each device, however often the enrolment is repeated and all is computed again.
        let said = v1::Signed { message: device.to_vec().into(), signature: Default::default() };
        if evidence::is_kept(&self.conn, EvidenceKind::Enrolled, &said)? {
            return Ok(());
        }
        // It came with a token of this machine's own: somebody here asked for it.
        let bytes = |name: &str| record.bytes(name).and_then(|b| <[u8; 32]>::try_from(b).ok());
        if let (Some(receives), Some(voucher)) = (bytes("seal_key"), bytes("voucher"))
            && (self.me.vouchers)().iter().any(|key| key.device(&device, &receives) == voucher)
        {
            return Ok(());
        }
        let row = self.feed(place.feed)?;
        let (feed, by) = (row.feed.id, row.feed.device);
        let (short, who) = (&device.to_string()[..16], place.owner.union_name());
        let day = record.read(enrolment::FROM_ON);
        let day = day.map(|day| day.to_string()).unwrap_or_default();
        let evidence = Evidence {
            what: EvidenceKind::Enrolled,
            feed,
            seen_at: self.now(),
            from: Some(Peer { union: place.owner, device: by }),
            ours: None,
            theirs: Some(said),
            detail: Label::new(
                format!("{who}于{day}为本单位登记了设备{short}：如非本单位申请，请立即致电{who}注销该设备"),
                format!(
                    "{} enrolled the device {short} for this union on {day}: if nobody here asked for it, call {} at once \
                     and have it revoked",
                    place.owner, place.owner
                ),
            ),
        };
        if evidence::add(&self.conn, &evidence)? {
            tracing::warn!(device = short, by = %place.owner, "a device was enrolled for this union");
        }
        Ok(())
    }

    /// A person has found out what happened. Says when; `None` where no such piece is open.
    pub fn settle_evidence(&mut self, no: i64, note: &str) -> Result<Option<i64>> {
        let now = self.now();
        Ok(evidence::settle(&self.conn, no, now, note)?.then_some(now))
    }
}

/// The neighbour through which the feeds of a union come here, and what is said of them: of one's own union, what the
/// levels above say.
fn towards(me: &LocalDevice, union: UnionNumber) -> Option<UnionNumber> {
    match me.union {
        own if own.contains(union) && own != union => own.child_towards(union),
        own => own.parent(),
    }
}
