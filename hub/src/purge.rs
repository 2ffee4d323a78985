//! Ordering a feed that was never admitted to be deleted: junk that some enrolled machine handed over.

use huiliu_node::{
    app::find,
    ledger::{Ledger, WriteOutcome},
    store::{
        Result, StoreError, View,
        feeds::{self, FeedRow},
        quarantine, trust,
    },
};
use huiliu_proto::{handle::Draft, record::Refusal, records::purge_order, union::UnionNumber, v1::PurgeOrder};

#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no feed of a device that is not enrolled begins so")]
    Unknown,
    #[error("several feeds begin so")]
    Ambiguous(Vec<FeedRow>),
    #[error("only the hub of the union directly above {0}, or the national union, orders its feeds to be deleted")]
    NotAbove(UnionNumber),
    #[error("it is not known through which union below that feed came")]
    NoWay,
}

/// What an order would delete.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub row: FeedRow,
    /// As stored here.
    pub bytes: u64,
    /// To whom it is said: the union the feed says it is of, or the one through which it came.
    pub to: UnionNumber,
}

/// The feed whose id begins with these hexadecimal digits, if it was never admitted and this union may have it deleted.
pub fn plan(conn: &View, union: UnionNumber, digits: &str) -> std::result::Result<Plan, PurgeError> {
    let digits = find::digits(digits, find::SURE).ok_or(PurgeError::Unknown)?;
    let mut found = quarantine::strangers(conn)?;
    found.retain(|row| row.waits() && row.feed.id.to_string().starts_with(&digits));
    if found.len() > 1 {
        return Err(PurgeError::Ambiguous(found));
    }
    let row = found.pop().ok_or(PurgeError::Unknown)?;
    let of = row.feed.union;
    let to = match union == UnionNumber::NATION {
        true => row.via.or(Some(of)).filter(|to| *to != union).ok_or(PurgeError::NoWay)?,
        false if trust::superior(of) == union => of,
        false => return Err(PurgeError::NotAbove(of)),
    };
    let bytes = feeds::bytes(conn, row.no)?;
    Ok(Plan { row, bytes, to })
}

/// Writes the order. With its commit the feed is deleted here, and wherever the order arrives.
pub fn purge(ledger: &mut Ledger, plan: &Plan, reason: &str) -> Result<std::result::Result<(), Vec<Refusal>>> {
    let mut order = Draft::<PurgeOrder>::new();
    order.set(purge_order::UNION, plan.to).set(purge_order::IN_FEED, plan.row.feed.id.to_vec());
    order.set(purge_order::REASON, reason);
    Ok(match ledger.write_entry(&order.into_record())? {
        WriteOutcome::Written { .. } | WriteOutcome::Unchanged(_) => Ok(()),
        WriteOutcome::Refused(refusals) => Err(refusals),
    })
}
