//! The other halves of money that is to be voided: receipts and allocations that go together, by their reference or without.

use std::collections::BTreeSet;

use huiliu_proto::{
    handle::Declared as _,
    id::RecordId,
    kind::Kind,
    records::fund_receipt,
    union::UnionNumber,
    v1::{Allocation, FundReceipt},
};

use crate::{
    check,
    store::{Result, StoreError, View, naming::Naming, pairing, projection},
};

/// The check whose number of days holds here as well; it is its only one.
const PAIRS: &str = "FC-02";

/// Receipts of allocations that are to be voided, where these do not name them: the union that got the money has acted on it.
/// Where as many allocations that are alike stay, one was written twice, and that one may go.
pub(super) fn booked_elsewhere(
    conn: &View,
    union: UnionNumber,
    kind: &'static Kind,
    records: &BTreeSet<RecordId>,
    most: usize,
) -> Result<Vec<Naming>> {
    let mut booked = vec![];
    if kind.number != Allocation::NUMBER {
        return Ok(booked);
    }
    let days = days_apart(conn, union)?;
    for record in records {
        let receipts = pairing::receipts(conn, record, union, days)?;
        let mut others = BTreeSet::new();
        for receipt in &receipts {
            let alike = pairing::allocations(conn, &receipt.by, receipt.owner, days)?;
            others.extend(alike.iter().map(|other| (other.by, other.owner)));
        }
        others.retain(|(other, owner)| *owner != union || !records.contains(other));
        if receipts.len() > others.len() {
            booked.extend(receipts);
        }
        if booked.len() >= most {
            break;
        }
    }
    booked.truncate(most);
    Ok(booked)
}

/// What is left without its other half where this is voided.
pub(super) fn other_halves(
    conn: &View,
    union: UnionNumber,
    kind: &'static Kind,
    record: &RecordId,
) -> Result<Vec<Naming>> {
    if kind.number == Allocation::NUMBER {
        return pairing::receipts(conn, record, union, days_apart(conn, union)?);
    }
    if kind.number != FundReceipt::NUMBER {
        return Ok(vec![]);
    }
    let shown = projection::get(conn, kind, record)?.filter(|shown| shown.place.owner == union);
    let named = shown.and_then(|shown| shown.record.read(fund_receipt::ALLOCATION));
    let Some(named) = named else {
        return pairing::allocations(conn, record, union, days_apart(conn, union)?);
    };
    let field = fund_receipt::ALLOCATION.name();
    let known = projection::get(conn, Allocation::kind(), &named)?;
    Ok(known
        .map(|other| Naming { record: *record, by: named, kind: Allocation::kind(), owner: other.place.owner, field })
        .into_iter()
        .collect())
}

/// How many days apart two halves may be booked, at the most that was ever set.
fn days_apart(conn: &View, union: UnionNumber) -> Result<i64> {
    let check = check::check(PAIRS).ok_or(StoreError::Damaged("the check of pairs"))?;
    let settings = check::settings(conn, check, union).map_err(|_| StoreError::Damaged("a published number"))?;
    Ok(settings.iter().map(|setting| setting.value).max().unwrap_or_default())
}
