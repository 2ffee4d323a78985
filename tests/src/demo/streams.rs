//! Whether the streams have run together: every level has every feed that it is meant to have, with the same size and
//! root as its author.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::bail;
use huiliu_node::store::{feeds, quarantine, receipts, rollups};
use huiliu_proto::{
    feed::{Feed, Scope},
    id::{FeedId, Hash},
    kind::Reach,
    union::UnionNumber,
};
use tokio::time::Instant;

use super::federation::{Federation, Member};

/// How often one looks.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A feed as its author has it, and who acknowledged how much of it, as far as the author has heard.
#[derive(Debug, Clone)]
pub struct Stream {
    pub feed: Arc<Feed>,
    pub size: u64,
    pub root: Hash,
    pub acknowledged: BTreeMap<UnionNumber, u64>,
}

/// How far everything has come.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    pub streams: Vec<Stream>,
    /// Operations that have to be in other stores than their author's, and those that are.
    pub expected: u64,
    pub arrived: u64,
    /// Reader, feed: what is not equal yet.
    pub behind: Vec<(UnionNumber, FeedId)>,
    /// Heads are still to be signed.
    pub unfinished: bool,
    /// Unions that have still to write statements.
    pub due: Vec<UnionNumber>,
    /// Operations that were set aside as not counting.
    pub quarantined: u64,
}

impl Standing {
    pub fn look(federation: &Federation) -> anyhow::Result<Standing> {
        let mut standing = Standing::default();
        let mut held = vec![];
        for member in &federation.members {
            let rows = standing.read(member)?;
            held.push((member.union, rows));
        }
        for stream in &standing.streams {
            for (reader, rows) in &held {
                if *reader == stream.feed.union || !stream.feed.seen_by(*reader) {
                    continue;
                }
                let row = rows.get(&stream.feed.id);
                standing.expected += stream.size;
                standing.arrived += row.map_or(0, |row| row.applied.min(stream.size));
                let same = row.is_some_and(|row| {
                    row.size() == stream.size && row.edge.root() == stream.root && row.applied == stream.size
                });
                if !same && stream.size > 0 {
                    standing.behind.push((*reader, stream.feed.id));
                }
            }
        }
        Ok(standing)
    }

    /// Adds what this member wrote; returns all it has.
    fn read(&mut self, member: &Member) -> anyhow::Result<BTreeMap<FeedId, feeds::FeedRow>> {
        let (rows, acknowledged, due, quarantined) = member.store.read(|conn| {
            let aside = quarantine::count(conn)?;
            Ok((feeds::all(conn)?, receipts::all(conn)?, !rollups::due(conn)?.is_empty(), aside))
        })?;
        self.unfinished |= rows.iter().any(|f| f.own && f.packed < f.size());
        if due {
            self.due.push(member.union);
        }
        self.quarantined += quarantined;
        for row in rows.iter().filter(|f| f.own) {
            let receipts = acknowledged.iter().filter(|r| r.feed == row.feed.id);
            self.streams.push(Stream {
                feed: Arc::clone(&row.feed),
                size: row.size(),
                root: row.edge.root(),
                acknowledged: receipts.map(|r| (r.union, r.size)).collect(),
            });
        }
        Ok(rows.into_iter().map(|row| (row.feed.id, row)).collect())
    }

    pub fn converged(&self) -> bool {
        self.behind.is_empty() && !self.unfinished && self.due.is_empty()
    }

    /// Every level above that is meant to have a feed has signed for all of it, and its author knows.
    pub fn acknowledged(&self, federation: &Federation) -> bool {
        self.streams.iter().filter(|s| s.size > 0).all(|stream| {
            let above = stream.feed.union.ancestors().filter(|u| stream.feed.seen_by(*u));
            let mut above = above.filter(|u| federation.members.iter().any(|m| m.union == *u));
            above.all(|u| stream.acknowledged.get(&u) == Some(&stream.size))
        })
    }
}

/// Waits until all is equal and acknowledged; `told` hears how far it is. An error says who is behind.
pub async fn converge(federation: &Federation, within: Duration, told: &dyn Fn(&Standing)) -> anyhow::Result<Standing> {
    let end = Instant::now() + within;
    let mut good = 0;
    loop {
        let standing = Standing::look(federation)?;
        told(&standing);
        // The stores are read one after another, so one good look may be luck.
        good = if standing.converged() && standing.acknowledged(federation) { good + 1 } else { 0 };
        if good == 2 {
            return Ok(standing);
        }
        // On a line that stays, statements are in no hurry; a call that ends says all there is to say.
        if standing.behind.is_empty() && !standing.unfinished {
            for union in &standing.due {
                if let Err(error) = federation.call(*union).await {
                    tracing::warn!(%error, ?union, "a call for the sake of statements failed");
                }
            }
        }
        if Instant::now() > end {
            bail!(
                "the streams have not run together within {within:?}; behind: {:?}, unfinished: {}, statements due: {:?}, \
                 acknowledged: {}",
                standing.behind,
                standing.unfinished,
                standing.due,
                standing.acknowledged(federation)
            );
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// What travels in a feed, in a word for people and programs.
pub fn scope_word(scope: Scope) -> String {
    match scope {
        Scope::Own(Reach::Union) => "union".into(),
        Scope::Own(Reach::Province) => "province".into(),
        Scope::Own(Reach::Nation) => "nation".into(),
        Scope::Branch(branch) => format!("branch {branch}"),
        Scope::PersonalBranch(branch) => format!("personal branch {branch}"),
        Scope::Everyone => "everyone".into(),
        Scope::Warning(_) => "warnings".into(),
        Scope::Newer => "newer".into(),
    }
}
