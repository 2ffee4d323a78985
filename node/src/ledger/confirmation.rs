//! Operations that a level above should have confirmed long ago: its connection is down, or a hub in between withholds them.
//!
//! Checked only when an exchange with the union above has finished: while there is no connection, nobody is accused.

use std::collections::BTreeSet;

use huiliu_proto::{
    feed::Scope,
    id::FeedId,
    kind::Reach,
    lang::{self, Label},
    union::UnionNumber,
};

use super::Ledger;
use crate::store::{
    Result, View,
    claims::{self, Unconfirmed},
    evidence::{self, Evidence, EvidenceKind, Peer},
    feeds,
    feeds::FeedRow,
    receipts,
};

const DAY: i64 = 24 * 3_600_000;
/// Operations younger than this are not looked at: they are on their way.
const SURELY_ARRIVED_AFTER: i64 = DAY;
/// A hub that is out of reach for a week is nothing to accuse anybody of.
const HUB_OUT_OF_REACH: i64 = 14 * DAY;

/// Waits of one feed and level that are told apart, a day each: more than the weeks that a wait may last.
const WAITS: usize = 32;

/// A feed of which a level above lacks operations that the level between has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lack {
    feed: FeedId,
    union: UnionNumber,
    confirmed: u64,
    has: u64,
    /// The first of them is on its way, as far as can be known.
    young: bool,
}

/// What is not confirmed, of this device's own feeds and of those in which the union above speaks down to here.
fn lacking(conn: &View, me: UnionNumber, now: i64) -> Result<BTreeSet<Lack>> {
    let mut lacks = BTreeSet::new();
    // What the nation's further machines write, its root confirms; the root itself has nobody to ask for a receipt, and is
    // not looked at here (`watchful`, `settled_with`).
    let parent = me.enroller();
    let mut looked_at = feeds::owned(conn)?;
    if parent != me {
        looked_at.extend(feeds::of_union(conn, parent)?.into_iter().filter(|row| row.feed.scope.speaks_down()));
    }
    for row in looked_at {
        if let Some(lack) = lack(conn, &row, parent)? {
            let young = feeds::stored_at(conn, row.no, lack.confirmed)?
                .is_none_or(|at| now.saturating_sub(at) < SURELY_ARRIVED_AFTER);
            lacks.insert(Lack { young, ..lack });
        }
    }
    Ok(lacks)
}

fn lack(conn: &View, row: &FeedRow, parent: UnionNumber) -> Result<Option<Lack>> {
    if row.feed.scope == Scope::Own(Reach::Union) {
        return Ok(None);
    }
    let confirmed =
        |union| Ok::<_, crate::store::StoreError>(receipts::of(conn, &row.feed.id, union)?.map_or(0, |r| r.size));
    let mut has = row.packed;
    for union in std::iter::once(parent).chain(parent.parent()) {
        // The writer itself does not confirm.
        if (union == row.feed.union && !row.own) || !row.feed.seen_by(union) {
            continue;
        }
        let confirmed = confirmed(union)?;
        if confirmed < has {
            return Ok(Some(Lack { feed: row.feed.id, union, confirmed, has, young: false }));
        }
        has = confirmed.min(has);
    }
    Ok(None)
}

/// Whether something is not confirmed, or was not the last time: asked first, so that an exchange in which all is well
/// writes nothing.
pub(crate) fn anything(conn: &View, me: UnionNumber, now: i64) -> Result<bool> {
    Ok(!claims::unconfirmed(conn)?.is_empty() || lacking(conn, me, now)?.iter().any(|lack| !lack.young))
}

impl Ledger {
    /// An exchange with the union above is settled, in which these feeds were refused.
    ///
    /// What counts is how long the oldest unconfirmed operation has waited, not when the level last confirmed another: one
    /// that confirms a little now and then is no better than one that confirms nothing.
    pub(super) fn look_for_confirmation(&mut self, peer: Peer, refused: &BTreeSet<FeedId>) -> Result<()> {
        let now = self.now();
        let lacks = lacking(&self.conn, self.me.union, now)?;
        let before = claims::unconfirmed(&self.conn)?;
        let waits = before.iter().map(|w| (w.feed, w.union));
        let all: BTreeSet<(FeedId, UnionNumber)> = waits.chain(lacks.iter().map(|l| (l.feed, l.union))).collect();
        for (feed, union) in all {
            // Whoever says that it does not take a feed, and why, withholds nothing: that is told as trouble of the line.
            if union == peer.union && refused.contains(&feed) {
                continue;
            }
            let lack = lacks.iter().find(|l| l.feed == feed && l.union == union);
            let confirmed = lack.map_or(u64::MAX, |l| l.confirmed);
            let waits = || before.iter().filter(|w| w.feed == feed && w.union == union);
            claims::confirm(&self.conn, &feed, union, confirmed)?;
            let left: Vec<&Unconfirmed> = waits().filter(|w| w.upto > confirmed).collect();
            if let Some(lack) = lack {
                self.go_on_waiting(lack, &left, now)?;
            }
            match (left.first(), lack) {
                (Some(oldest), Some(lack)) if now.saturating_sub(oldest.since) >= HUB_OUT_OF_REACH => {
                    self.keep_withheld(lack, oldest.since, peer)?;
                }
                // Confirmed since, and not only looked at with another clock.
                _ if left.len() < waits().count() => {
                    evidence::clear(&self.conn, EvidenceKind::Withheld, &feed, now, "已获确认 · confirmed since")?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What has come since the last wait began begins one of its own.
    fn go_on_waiting(&self, lack: &Lack, left: &[&Unconfirmed], now: i64) -> Result<()> {
        // The clock was turned back: what began in a time to come begins now.
        for wait in left.iter().filter(|w| w.since > now) {
            claims::put_unconfirmed(&self.conn, &Unconfirmed { since: now, ..(*wait).clone() })?;
        }
        let new = match left.last() {
            None => !lack.young,
            Some(last) => lack.has > last.upto && now.saturating_sub(last.since) >= DAY && left.len() < WAITS,
        };
        if new {
            let wait = Unconfirmed { feed: lack.feed, union: lack.union, upto: lack.has, since: now };
            claims::put_unconfirmed(&self.conn, &wait)?;
        }
        Ok(())
    }

    fn keep_withheld(&mut self, lack: &Lack, since: i64, peer: Peer) -> Result<()> {
        if evidence::is_open(&self.conn, EvidenceKind::Withheld, Some(&lack.feed), &peer.device)? {
            return Ok(());
        }
        let receipt = |union| receipts::of(&self.conn, &lack.feed, union);
        let (ours, theirs) = (receipt(lack.union)?, receipt(peer.union)?);
        let days = self.now().saturating_sub(since) / DAY;
        let (hub, level) = (peer.union.union_name(), lack.union.union_name());
        let detail = if lack.union == peer.union {
            Label::new(
                format!(
                    "{days}天来与{hub}交换成功，但其一直未签收本机数据流水第{}条以后的内容（共{}条）；请与{hub}检查其机器",
                    lack.confirmed, lack.has
                ),
                format!(
                    "for {days} days exchanges with {} have succeeded and it has not signed for what follows operation \
                     {} of {}; have its machine looked at",
                    peer.union, lack.confirmed, lack.has
                ),
            )
        } else {
            Label::new(
                format!(
                    "{hub}已有{}条，{level}{days}天来只确认了{}条；请询问{hub}其与上级的网络是否中断，必要时把数据流水另行送交{level}",
                    lack.has, lack.confirmed
                ),
                format!(
                    "{} has {}, and for {days} days {} has confirmed no more than {}; ask {} whether its line is down, and if \
                     need be take the feed to {} by hand",
                    peer.union,
                    lang::count(lack.has, "operation", "operations"),
                    lack.union,
                    lack.confirmed,
                    peer.union,
                    lack.union
                ),
            )
        };
        let evidence = Evidence {
            what: EvidenceKind::Withheld,
            feed: lack.feed,
            seen_at: self.now(),
            from: Some(peer),
            ours: ours.map(|r| r.signed),
            theirs: theirs.map(|r| r.signed),
            detail,
        };
        if evidence::add(&self.conn, &evidence)? {
            tracing::error!(feed = %lack.feed, level = %lack.union, "not confirmed for long");
        }
        Ok(())
    }
}
