//! What is stored and relayed but does not count: listed by pages, shown one by one, and ruled on by the union above.
//!
//! In reading order: `which` (what a person means), this file (the list), `show`, `rule`.

mod rule;
mod show;
mod which;

use huiliu_proto::{
    feed::Feed,
    id::{DeviceId, FeedId},
    lang::Label,
    union::UnionNumber,
    v1::Ruling,
};

pub use self::{
    rule::{RuleError, Shown as RuleShown, plan, rule},
    show::{Contents, Put, Revoked, ShowError, Shown, Why, show},
    which::{Which, WhichError, find},
};
use crate::{
    admission::{Grounds, Reason},
    store::{
        Result, View,
        evidence::{self, EvidenceKind},
        feeds::{self, FeedRow},
        quarantine::{self, Held},
        trust,
    },
};

/// Lines that are read at a time.
const AT_A_TIME: usize = 500;

/// Why a feed waits whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whole {
    /// A newer version of the program began it.
    Newer,
    /// It is not as it was signed; what was found.
    Altered(Label),
    /// Its device is nobody's, or another union's.
    NotEnrolled { device: DeviceId, union: UnionNumber, enrolled_for: Option<UnionNumber> },
}

/// One operation that is held, or a feed that waits whole.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    Feed { feed: FeedRow, why: Whole, rejected: bool },
    Operation { feed: FeedRow, held: Held, why: Grounds, rejected: bool },
}

impl Row {
    pub fn place(&self) -> HeldCursor {
        match self {
            Row::Feed { feed, .. } => HeldCursor { feed: feed.feed.id, seq: None },
            Row::Operation { feed, held, .. } => HeldCursor { feed: feed.feed.id, seq: Some(held.seq) },
        }
    }
}

/// Where a row stands, as `find` reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldCursor {
    pub feed: FeedId,
    /// None for a whole feed.
    pub seq: Option<u64>,
}

impl std::fmt::Display for HeldCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.seq {
            Some(seq) => write!(f, "{}#{seq}", self.feed),
            None => write!(f, "{}", self.feed),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub rows: Vec<Row>,
    /// After which the next page begins; none where this is the last.
    pub next: Option<HeldCursor>,
    /// Whether anything at all, on this page or not, waits for a person.
    pub open: bool,
}

/// Rows after a place: feeds that wait whole first, then operations. What was rejected is left out, unless `all`.
pub fn page(conn: &View, after: Option<&Which>, most: usize, all: bool) -> Result<Page> {
    let (feed, mut after) = match after {
        Some(Which { feed, part: Some((first, count)) }) => (i64::MAX, Some((feed.no, first + count - 1))),
        Some(Which { feed, part: None }) => (feed.no, None),
        None => (-1, None),
    };
    // Edits that came early are taken up by themselves.
    let mut open = quarantine::open_by_reason(conn)?.keys().any(|reason| reason != Reason::Early.word());
    let mut strangers = vec![];
    for row in quarantine::strangers(conn)? {
        let rejected = is_rejected(conn, &row.feed, row.size() - 1)?;
        open |= !rejected;
        if row.no > feed && (all || !rejected) {
            strangers.push((row, rejected));
        }
    }
    let mut rows: Vec<Row> = vec![];
    // One more than is asked for tells that there is a next page.
    let mut enough = |row: Option<Row>| {
        rows.extend(row);
        rows.len() > most
    };
    let mut full = false;
    for (feed, rejected) in strangers {
        let why = whole(conn, &feed)?;
        full = enough(Some(Row::Feed { feed, why, rejected }));
        if full {
            break;
        }
    }
    while !full {
        let some = quarantine::page(conn, after, AT_A_TIME)?;
        after = some.last().map(|held| (held.feed, held.seq));
        let last = some.len() < AT_A_TIME;
        for held in some {
            let feed = feeds::by_no(conn, held.feed)?;
            let rejected = is_rejected(conn, &feed.feed, held.seq)?;
            if rejected && !all {
                continue;
            }
            let why = quarantine::explain(conn, &held)?;
            full = enough(Some(Row::Operation { feed, held, why, rejected }));
            if full {
                break;
            }
        }
        if last {
            break;
        }
    }
    let more = rows.len() > most;
    rows.truncate(most);
    let next = rows.last().filter(|_| more).map(Row::place);
    Ok(Page { rows, next, open })
}

fn is_rejected(conn: &View, feed: &Feed, seq: u64) -> Result<bool> {
    Ok(trust::ruling(conn, feed, seq)? == Some(Ruling::Rejected))
}

/// Why a feed waits whole.
fn whole(conn: &View, row: &FeedRow) -> Result<Whole> {
    if row.feed.newer.is_some() {
        return Ok(Whole::Newer);
    }
    if row.altered
        && let Some(found) = evidence::last(conn, EvidenceKind::Altered, &row.feed.id)?
    {
        return Ok(Whole::Altered(found.evidence.detail));
    }
    let (device, union) = (row.feed.device, row.feed.union);
    let enrolled = trust::enrolments(conn, Some(&device))?.into_iter().map(|e| e.union);
    Ok(Whole::NotEnrolled { device, union, enrolled_for: enrolled.into_iter().find(|of| *of != union) })
}
