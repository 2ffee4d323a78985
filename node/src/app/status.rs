//! How things stand: the line upwards, what was confirmed of the own feeds, what waits for a person.

use std::collections::BTreeMap;

use huiliu_proto::{
    feed::Scope,
    id::FeedId,
    kind::Reach,
    root::Fingerprint,
    signed::Receipt,
    union::{Level, UnionNumber},
};

use super::inbox::{self, Inbox, InboxError, Look, Severity, Survey};
use crate::{
    identity::{
        IdentityError,
        keys::KeyStorage,
        validity::{self, Validity},
    },
    store::{
        self, StoreError, View,
        evidence::{self, KeptEvidence},
        feeds,
        feeds::FeedRow,
        quarantine,
        receipts::{self, Link},
    },
};

#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    #[error("how things stand cannot be read")]
    Store(#[from] StoreError),
    #[error("this machine's keys and certificates cannot be read")]
    Identity(#[from] IdentityError),
    #[error("what waits for a person cannot be read")]
    Inbox(#[from] InboxError),
}

impl StatusError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            StatusError::Store(_) => "database",
            StatusError::Identity(_) => "identity",
            StatusError::Inbox(error) => error.code(),
        }
    }
}

/// An own feed, and how much of it each level has acknowledged.
#[derive(Debug)]
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
#[derive(Debug)]
pub struct Unknown {
    pub feed: FeedId,
    pub union: UnionNumber,
    pub operations: u64,
}

#[derive(Debug)]
pub struct Status {
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
    pub evidence: Vec<KeptEvidence>,
    /// At a province: people whose identity number it cannot compare, because it cannot be opened or is none.
    pub unread_numbers: u64,
    pub kept: KeyStorage,
    /// By which people know the network, once this machine belongs to one. How things stand is told without it too.
    pub root: Option<Fingerprint>,
    /// Of this machine's certificates; `None` before it has joined.
    pub certificates: Option<Validity>,
    /// What waits for a person: how much of what, and the first of it.
    pub survey: Survey,
    pub first: Inbox,
}

/// How things stand, with the first `most` entries of the inbox.
pub fn read(look: &Look<'_>, most: usize) -> Result<Status, StatusError> {
    let (conn, union) = (look.conn, look.union);
    let survey = inbox::survey(look)?;
    let all = feeds::all(conn)?;
    let receipts = receipts::all(conn)?;
    let own = all.iter().filter(|f| f.own && f.size() > 0);
    let links = receipts::standing_links(conn)?;
    // The national hub is the level above its union's other machines, which call it.
    let above = union.parent().or_else(|| links.iter().any(|link| link.union == union).then_some(union));
    let own = own.map(|row| read_own(conn, above, row, &receipts)).collect::<store::Result<_>>()?;
    // What is not as it was signed is told with the evidence.
    let whole = quarantine::open_strangers(conn)?.into_iter().filter(|f| !f.altered);
    let (newer, unknown): (Vec<FeedRow>, Vec<FeedRow>) = whole.partition(|f| f.feed.newer.is_some());
    let unknown =
        unknown.into_iter().map(|f| Unknown { feed: f.feed.id, union: f.feed.union, operations: f.size() - f.applied });
    let unread_numbers = match union.level() {
        Level::Province => store::inbox::unread_numbers(conn, union)?.into_iter().map(|(_, people)| people).sum(),
        _ => 0,
    };
    Ok(Status {
        links,
        own,
        conflicts: store::inbox::disputes(conn, union)?,
        quarantine: quarantine::open_by_reason(conn)?,
        unknown: unknown.collect(),
        newer: newer.len() as u64,
        evidence: evidence::list(conn, false)?,
        unread_numbers,
        kept: look.home.keys.kept()?,
        root: look.home.fingerprint().ok().flatten(),
        certificates: validity::of_home(look.home)?,
        first: survey.first(most),
        survey,
    })
}

impl Status {
    /// Operations that the union above has not acknowledged.
    pub fn waiting(&self) -> u64 {
        self.own.iter().map(|own| own.waiting).sum()
    }

    /// When the oldest of them was written.
    pub fn oldest(&self) -> Option<i64> {
        self.own.iter().filter_map(|own| own.oldest).min()
    }

    pub fn needs_a_person(&self) -> bool {
        self.survey.needs_a_person()
    }

    /// Codes of what a person has to act on, each once.
    pub fn attention(&self) -> Vec<&'static str> {
        let mut codes = vec![];
        for count in self.survey.counts.iter().filter(|count| count.severity < Severity::Notice) {
            if !codes.contains(&count.code) {
                codes.push(count.code);
            }
        }
        codes
    }

    /// How many entries wait beside the first, and whether there are more than were counted.
    pub fn left(&self) -> (usize, bool) {
        let left = self.survey.entries.len() - self.first.entries.len();
        (left, self.survey.counts.iter().any(|count| count.more))
    }
}

fn read_own(conn: &View, above: Option<UnionNumber>, row: &FeedRow, receipts: &[Receipt]) -> store::Result<Own> {
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
