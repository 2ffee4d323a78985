//! What a level above should have confirmed long ago and has not: its line is down, or a hub between keeps things back.
//!
//! Looked at only when an exchange with the union above is settled: as long as there is no line, nobody is accused.

use std::collections::BTreeSet;

use huiliu_proto::{feed::Scope, id::FeedId, kind::Reach, lang::Label, union::UnionNumber};
use rusqlite::Connection;

use super::Ledger;
use crate::store::{
    Result,
    claims::{self, Unconfirmed},
    evidence::{self, Evidence, Neighbour, What},
    feeds,
    feeds::FeedRow,
    receipts,
};

const DAY: i64 = 24 * 3_600_000;
/// Operations younger than this are not looked at: they are on their way.
const YOUNG: i64 = DAY;
/// A hub that is out of reach for a week is nothing to accuse anybody of.
const LONG: i64 = 14 * DAY;

/// A feed of which a level above lacks operations that the level between has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lack {
    feed: FeedId,
    union: UnionNumber,
    confirmed: u64,
    has: u64,
}

/// What is not confirmed, of this device's own feeds and of those in which the union above speaks down to here.
fn lacking(conn: &Connection, me: UnionNumber, now: i64) -> Result<BTreeSet<Lack>> {
    let mut lacks = BTreeSet::new();
    let Some(parent) = me.parent() else { return Ok(lacks) };
    let mut looked_at = feeds::owned(conn)?;
    looked_at.extend(feeds::of_union(conn, parent)?.into_iter().filter(|row| row.feed.scope.speaks_down()));
    for row in looked_at {
        if let Some(lack) = lack(conn, &row, parent)?
            && feeds::stored_at(conn, row.no, lack.confirmed)?.is_some_and(|at| now - at >= YOUNG)
        {
            lacks.insert(lack);
        }
    }
    Ok(lacks)
}

fn lack(conn: &Connection, row: &FeedRow, parent: UnionNumber) -> Result<Option<Lack>> {
    if row.feed.scope == Scope::Own(Reach::Union) {
        return Ok(None);
    }
    let confirmed =
        |union| Ok::<_, crate::store::StoreError>(receipts::of(conn, &row.feed.id, union)?.map_or(0, |r| r.size));
    let mut has = row.packed;
    for union in std::iter::once(parent).chain(parent.parent()) {
        // The writer itself does not confirm.
        if union == row.feed.union || !row.feed.seen_by(union) {
            continue;
        }
        let confirmed = confirmed(union)?;
        if confirmed < has {
            return Ok(Some(Lack { feed: row.feed.id, union, confirmed, has }));
        }
        has = confirmed.min(has);
    }
    Ok(None)
}

/// Whether something is not confirmed, or was not the last time: asked first, so that an exchange in which all is well
/// writes nothing.
pub(crate) fn anything(conn: &Connection, me: UnionNumber, now: i64) -> Result<bool> {
    Ok(!claims::unconfirmed(conn)?.is_empty() || !lacking(conn, me, now)?.is_empty())
}

impl Ledger {
    /// An exchange with the union above is settled.
    pub(super) fn look_for_confirmation(&mut self, peer: Neighbour) -> Result<()> {
        let now = self.now();
        let lacks = lacking(&self.conn, self.me.union, now)?;
        for before in claims::unconfirmed(&self.conn)? {
            if !lacks.iter().any(|l| l.feed == before.feed && l.union == before.union) {
                claims::remove_unconfirmed(&self.conn, &before.feed, before.union)?;
                evidence::clear(&self.conn, What::Withheld, &before.feed, now, "已获确认 · confirmed since")?;
            }
        }
        let before = claims::unconfirmed(&self.conn)?;
        for lack in lacks {
            let known = before.iter().find(|b| b.feed == lack.feed && b.union == lack.union);
            match known.filter(|b| b.confirmed == lack.confirmed) {
                // The clock was turned back: begin anew.
                Some(known) if now < known.since => self.begin_waiting(&lack, now)?,
                Some(known) if now - known.since >= LONG => self.keep_withheld(&lack, known.since, peer)?,
                Some(_) => {}
                None => self.begin_waiting(&lack, now)?,
            }
        }
        Ok(())
    }

    fn begin_waiting(&self, lack: &Lack, now: i64) -> Result<()> {
        let row = Unconfirmed { feed: lack.feed, union: lack.union, confirmed: lack.confirmed, since: now };
        claims::put_unconfirmed(&self.conn, &row)
    }

    fn keep_withheld(&mut self, lack: &Lack, since: i64, peer: Neighbour) -> Result<()> {
        if evidence::is_open(&self.conn, What::Withheld, Some(&lack.feed), &peer.device)? {
            return Ok(());
        }
        let receipt = |union| receipts::of(&self.conn, &lack.feed, union);
        let (ours, theirs) = (receipt(lack.union)?, receipt(peer.union)?);
        let days = (self.now() - since) / DAY;
        let (hub, level) = (peer.union.union_name(), lack.union.union_name());
        let detail = if lack.union == peer.union {
            Label::new(
                format!(
                    "{days}天来与{hub}交换成功，但其一直未签收本机日志第{}条以后的内容（共{}条）；请与{hub}核查其机器",
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
                    "{hub}已有{}条，{level}{days}天来只确认了{}条；请询问{hub}其上联线路是否中断，必要时把日志另行送交{level}",
                    lack.has, lack.confirmed
                ),
                format!(
                    "{} has {} operations, and for {days} days {} has confirmed {} of them only; ask {} whether its line \
                     is down, and if need be take the feed to {} by hand",
                    peer.union, lack.has, lack.union, lack.confirmed, peer.union, lack.union
                ),
            )
        };
        let evidence = Evidence {
            what: What::Withheld,
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
