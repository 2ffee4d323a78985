//! What the union above decides about operations in quarantine: that they count after all, or that they never will.
//!
//! A ruling is an entry in the feed of that branch, so that every level comes to the same. Only what is held because its
//! device was revoked can be released: anything else could not be applied, or its author may not say it.

use huiliu_proto::{
    handle::Draft,
    record::Record,
    records::quarantine_ruling,
    union::UnionNumber,
    v1::{QuarantineRuling, Ruling},
};

use crate::{
    admission::Reason,
    store::{
        Result, StoreError, View,
        feeds::FeedRow,
        quarantine::{self, Held},
        trust,
    },
};

/// Operations `first..first + count` of a feed, and those of them that are held and have not been ruled on so.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub feed: FeedRow,
    pub first: u64,
    pub count: u64,
    pub held: Vec<Held>,
    /// Nothing of the feed is applied, because its device is not enrolled.
    pub stranger: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum RulingError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("only the hub that enrols the machines of {0} rules on their operations")]
    NotAbove(UnionNumber),
    #[error("nothing of that is held, or it has been ruled on so already")]
    Nothing,
    #[error("held because of {0:?}, which no ruling can mend")]
    NotReleasable(Reason),
    #[error("the device of that feed is not enrolled: enrol it, or reject what it wrote")]
    Stranger,
}

impl RulingError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            RulingError::Store(_) => "database",
            RulingError::NotAbove(_) => "not_above",
            RulingError::Nothing => "not_held",
            RulingError::NotReleasable(_) => "not_releasable",
            RulingError::Stranger => "not_enrolled",
        }
    }
}

/// What a ruling on part of a feed would be about.
pub fn case(conn: &View, feed: FeedRow, part: Option<(u64, u64)>, ruling: Ruling) -> Result<Case> {
    let stranger = !feed.own && feed.waits_whole();
    let (first, count) = part.unwrap_or((0, feed.size()));
    let mut held = vec![];
    for one in quarantine::of_feed(conn, feed.no)? {
        let within = one.seq.checked_sub(first).is_some_and(|n| n < count);
        if within && trust::ruling(conn, &feed.feed, one.seq)? != Some(ruling) {
            held.push(one);
        }
    }
    Ok(Case { feed, first, count, held, stranger })
}

/// The ruling as an entry, if this union may write it and it would change something.
pub fn rule(
    conn: &View,
    union: UnionNumber,
    hub: bool,
    case: &Case,
    ruling: Ruling,
    reason: &str,
) -> Result<Record, RulingError> {
    let concerned = case.feed.feed.union;
    // Of the nation's further machines the root rules, and not on what it wrote itself.
    if !hub || trust::superior(concerned) != union || case.feed.own {
        return Err(RulingError::NotAbove(concerned));
    }
    match ruling {
        Ruling::Released if case.stranger => return Err(RulingError::Stranger),
        Ruling::Released => {
            let other = case.held.iter().find(|h| h.reason != Reason::Revoked.word());
            if let Some(held) = other {
                let reason = Reason::ALL.into_iter().find(|r| r.word() == held.reason);
                return Err(RulingError::NotReleasable(reason.unwrap_or(Reason::Misfit)));
            }
        }
        _ => {}
    }
    let stranger = case.stranger && trust::ruling(conn, &case.feed.feed, case.feed.size() - 1)? != Some(ruling);
    if case.held.is_empty() && !stranger {
        return Err(RulingError::Nothing);
    }
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let mut said = Draft::<QuarantineRuling>::new();
    said.set(quarantine_ruling::UNION, concerned).set(quarantine_ruling::IN_FEED, case.feed.feed.id.to_vec());
    said.set(quarantine_ruling::FIRST, number(case.first)).set(quarantine_ruling::COUNT, number(case.count));
    said.set(quarantine_ruling::RULING, ruling).set(quarantine_ruling::REASON, reason);
    said.set(quarantine_ruling::REVISION, trust::next_revision(conn, &case.feed.feed.id, union)?);
    Ok(said.into_record())
}
