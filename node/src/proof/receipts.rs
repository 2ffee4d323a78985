//! Receipts held here, each against the feed here: who signed, and for which history.

use huiliu_proto::{id::DeviceId, signed::Receipt, union::UnionNumber};

use crate::store::{
    Result, View,
    feeds::{self, FeedRow},
    receipts, trust,
    trust::Voucher,
};

/// So much may two clocks differ that nobody need be asked.
const CLOCKS: i64 = 24 * 3_600_000;
/// Receipts that are read at once.
const AT_ONCE: usize = 1000;

/// What was found of one receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A hub of that union had what is here.
    Good,
    /// The signature does not fit, or it says something else than what was noted.
    Signature,
    /// No enrolment here says that the device is a hub of that union.
    NotHub,
    /// The hub was revoked before the day this is dated: a key that is out of its hands may have signed it.
    Revoked,
    /// It is dated before its hub was one, or before what it covers was written: back-dated, or a clock is wrong.
    TooEarly,
    /// It is for more than is here: this machine has lost something it once sent.
    Beyond,
    /// It is for another history than the one here.
    Disagrees,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Good => "good",
            Verdict::Signature => "signature",
            Verdict::NotHub => "not-a-hub",
            Verdict::Revoked => "revoked",
            Verdict::TooEarly => "too-early",
            Verdict::Beyond => "beyond",
            Verdict::Disagrees => "disagrees",
        }
    }
}

/// A receipt, whose feed it is for, and what was found.
#[derive(Debug, Clone)]
pub struct Judged {
    pub receipt: Receipt,
    pub feed: FeedRow,
    pub verdict: Verdict,
}

/// How much of a feed of this device one level has confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    pub feed: huiliu_proto::id::FeedId,
    pub union: UnionNumber,
    /// Operations its good receipt covers, and when the hub had them; 0 and nothing where there is no good one.
    pub size: u64,
    pub received_at: Option<i64>,
    pub of: u64,
    /// When the first that is not confirmed was written, as this device says.
    pub waiting_since: Option<i64>,
}

/// All receipts with their feeds, judged, in the order of feed and union. No more than some are held at once.
pub fn judge(conn: &View, root: Option<DeviceId>, told: &mut dyn FnMut(Judged)) -> Result<()> {
    let mut after = None;
    loop {
        let some = receipts::page(conn, after, AT_ONCE)?;
        let Some(last) = some.last() else { return Ok(()) };
        after = Some((last.feed, last.union));
        for receipt in some {
            // A receipt is only ever kept for a feed that is here.
            let Some(feed) = feeds::by_id(conn, &receipt.feed)? else { continue };
            let verdict = verdict(conn, root, &feed, &receipt)?;
            told(Judged { receipt, feed, verdict });
        }
    }
}

/// Signature, hub, history: in that order, because only an enrolled hub's word is evidence of anything.
fn verdict(conn: &View, root: Option<DeviceId>, feed: &FeedRow, receipt: &Receipt) -> Result<Verdict> {
    if Receipt::verify(receipt.signed.clone()).ok().as_ref() != Some(receipt) {
        return Ok(Verdict::Signature);
    }
    let (voucher, from) = trust::vouches(conn, root, &receipt.device, receipt.union)?;
    match voucher {
        Voucher::Nobody => return Ok(Verdict::NotHub),
        Voucher::Until(until) if receipt.day() > until => return Ok(Verdict::Revoked),
        Voucher::Until(_) | Voucher::Hub => {}
    }
    if receipt.size > feed.size() {
        return Ok(Verdict::Beyond);
    }
    if feeds::root_at(conn, feed, receipt.size)? != receipt.root {
        return Ok(Verdict::Disagrees);
    }
    let last = feeds::operation(conn, feed.no, receipt.size.saturating_sub(1))?;
    let early = last.is_some_and(|last| receipt.received_at < last.time.saturating_sub(CLOCKS));
    Ok(if early || trust::is_before(receipt, from) { Verdict::TooEarly } else { Verdict::Good })
}

/// The own feeds, each with the levels above that are meant to have it, in the order of feed and union.
pub fn expected(conn: &View) -> Result<Vec<(FeedRow, UnionNumber)>> {
    let mut all = vec![];
    for row in feeds::owned(conn)?.into_iter().filter(|f| f.size() > 0) {
        let seen = row.feed.union.ancestors().filter(|above| row.feed.seen_by(*above));
        all.extend(seen.map(|union| (row.clone(), union)));
    }
    all.sort_by_key(|(row, union)| (row.feed.id, *union));
    Ok(all)
}

/// How much of an own feed a level has confirmed, by its receipt that was found good.
pub fn confirmed(conn: &View, row: &FeedRow, union: UnionNumber, good: Option<&Receipt>) -> Result<Confirmed> {
    let size = good.map_or(0, |receipt| receipt.size);
    let waiting = match size < row.size() {
        true => feeds::operation(conn, row.no, size)?.map(|operation| operation.time),
        false => None,
    };
    Ok(Confirmed {
        feed: row.feed.id,
        union,
        size,
        received_at: good.map(|receipt| receipt.received_at),
        of: row.size(),
        waiting_since: waiting,
    })
}
