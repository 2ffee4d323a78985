//! Having a feed that was never admitted deleted at every level: first what that is, then the order.

use huiliu_node::{app::Mode, identity::LocalDevice, store::StoreError, writer::Store};
use huiliu_proto::record::Refusal;

use crate::purge::{self, Plan, PurgeError};

#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Only a hub has unions below it.
    #[error("only a hub orders feeds to be deleted")]
    NotHub,
    /// Since it was shown, the feed has another way here.
    #[error("the feed came through another union meanwhile")]
    Changed,
    #[error("the order breaks a rule")]
    Refused(Vec<Refusal>),
    #[error("the feed cannot be ordered to be deleted")]
    Purge(#[from] PurgeError),
    #[error("the order cannot be written")]
    Store(#[from] StoreError),
}

impl OrderError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            OrderError::NotHub => "not_a_hub",
            OrderError::Changed => "changed",
            OrderError::Refused(_) => "rule",
            OrderError::Purge(PurgeError::Unknown) => "unknown_feed",
            OrderError::Purge(PurgeError::Ambiguous(_)) => "several_feeds",
            OrderError::Purge(PurgeError::NotAbove(_)) => "not_above",
            OrderError::Purge(PurgeError::NoWay) => "no_way",
            OrderError::Purge(PurgeError::Store(_)) | OrderError::Store(_) => "database",
        }
    }
}

/// Looks at the feed whose id begins with these digits.
pub fn plan(store: &Store, me: &LocalDevice, digits: &str) -> Result<Plan, OrderError> {
    if !me.hub {
        return Err(OrderError::NotHub);
    }
    Ok(store.read(|conn| Ok(purge::plan(conn, me.union, digits)))??)
}

/// Orders what was shown to be deleted, unless its device has been enrolled by now. Says what is deleted.
pub fn order(store: &Store, me: &LocalDevice, shown: &Plan, reason: &str, mode: Mode) -> Result<Plan, OrderError> {
    if !me.hub {
        return Err(OrderError::NotHub);
    }
    let (union, shown, reason) = (me.union, shown.clone(), reason.to_owned());
    mode.run(store, move |ledger| {
        let now = match purge::plan(ledger.conn(), union, &shown.row.feed.id.to_string()) {
            Ok(now) => now,
            Err(PurgeError::Store(error)) => return Err(error),
            Err(error) => return Ok(Err(error.into())),
        };
        if now.to != shown.to {
            return Ok(Err(OrderError::Changed));
        }
        Ok(match purge::purge(ledger, &now, &reason)? {
            Ok(()) => Ok(now),
            Err(refusals) => Err(OrderError::Refused(refusals)),
        })
    })?
}
