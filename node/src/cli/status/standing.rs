//! How things stand, gathered: decided here, put into words in `status`.

use std::collections::BTreeMap;

use anyhow::Result;
use huiliu_proto::{feed::Scope, id::FeedId, kind::Reach, signed::Receipt, union::UnionNumber};

use crate::{
    app::inbox::Survey,
    identity::keys::{Kept as KeysKept, Keys},
    store::{
        View,
        evidence::{self, Kept},
        feeds,
        feeds::FeedRow,
        quarantine,
        receipts::{self, Link},
    },
};

/// An own feed, and how much of it each level has acknowledged.
pub struct Own {
    pub feed: FeedId,
    pub scope: Scope,
    pub size: u64,
    /// Union, operations acknowledged, when.
    pub receipts: Vec<(UnionNumber, u64, i64)>,
    /// Operations the union above has not acknowledged, and when the oldest was written.
    pub waiting: u64,
    pub oldest: Option<i64>,
}

/// A feed whose author is not enrolled here, so that nothing of it counts yet.
pub struct Unknown {
    pub feed: FeedId,
    pub union: UnionNumber,
    pub operations: u64,
}

pub struct Standing {
    pub links: Vec<Link>,
    pub own: Vec<Own>,
    /// On documents of this union: its people decide them.
    pub conflicts: u64,
    /// By reason.
    pub quarantine: BTreeMap<String, u64>,
    pub unknown: Vec<Unknown>,
    /// Feeds that a newer version began.
    pub newer: u64,
    /// Evidence that no person has settled.
    pub evidence: Vec<Kept>,
    /// At a province: people whose identity number it cannot compare, because it cannot be opened or is none.
    pub unread_numbers: u64,
    pub kept: KeysKept,
}

impl Standing {
    pub fn read(conn: &View, union: UnionNumber, keys: &Keys, waits: &Survey) -> Result<Standing> {
        let all = feeds::all(conn)?;
        let receipts = receipts::all(conn)?;
        let own = all.iter().filter(|f| f.own && f.size() > 0);
        let links = receipts::standing_links(conn)?;
        // The national hub is the level above its union's other machines, which call it.
        let above = union.parent().or_else(|| links.iter().any(|link| link.union == union).then_some(union));
        let own = own.map(|row| read_own(conn, above, row, &receipts)).collect::<Result<_>>()?;
        let held = quarantine::open_by_reason(conn)?;
        let evidence = evidence::list(conn, false)?;
        // What is not as it was signed is told with the evidence.
        let whole = quarantine::open_strangers(conn)?.into_iter().filter(|f| !f.altered);
        let (newer, unknown): (Vec<FeedRow>, Vec<FeedRow>) = whole.partition(|f| f.feed.newer.is_some());
        let unknown = unknown.into_iter().map(|f| Unknown {
            feed: f.feed.id,
            union: f.feed.union,
            operations: f.size() - f.applied,
        });
        Ok(Standing {
            links,
            own,
            conflicts: waits.sum("conflicts", "fields"),
            quarantine: held,
            unknown: unknown.collect(),
            newer: newer.len() as u64,
            evidence,
            unread_numbers: waits.sum("unread_numbers", "people"),
            kept: keys.kept()?,
        })
    }

    pub fn waiting(&self) -> u64 {
        self.own.iter().map(|own| own.waiting).sum()
    }

    pub fn oldest(&self) -> Option<i64> {
        self.own.iter().filter_map(|own| own.oldest).min()
    }
}

fn read_own(conn: &View, above: Option<UnionNumber>, row: &FeedRow, receipts: &[Receipt]) -> Result<Own> {
    let id = row.feed.id;
    let mine = receipts.iter().filter(|r| r.feed == id);
    let mine: Vec<_> = mine.map(|r| (r.union, r.size, r.received_at)).collect();
    // What stays with the union, and what the nation writes, nobody above acknowledges.
    let above = above.filter(|above| row.feed.seen_by(*above));
    let stays = row.feed.scope == Scope::Own(Reach::Union);
    let acknowledged = |parent| mine.iter().find(|(by, ..)| *by == parent).map_or(0, |(_, size, _)| *size);
    let waiting = above.filter(|_| !stays).map_or(0, |parent| row.size().saturating_sub(acknowledged(parent)));
    let oldest = match waiting {
        0 => None,
        _ => feeds::operation(conn, row.no, row.size() - waiting)?.map(|operation| operation.time),
    };
    Ok(Own { feed: id, scope: row.feed.scope, size: row.size(), receipts: mine, waiting, oldest })
}
