//! The other halves of money that is to be voided: receipts and allocations that go together, by their reference or without.

use std::collections::{BTreeMap, BTreeSet};

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
    store::{
        Result, StoreError, View,
        naming::Naming,
        pairing::{self, Half, Pair},
        projection,
    },
};

/// The check whose number of days holds here as well; it is its only one.
const PAIRS: &str = "FC-02";

/// Receipts of allocations that are to be voided, where these do not name them: the union that got the money has acted on it.
/// Where allocations that are alike stay for all that was booked, one was written twice, and that one may go.
pub(super) fn booked_elsewhere(
    conn: &View,
    union: UnionNumber,
    kind: &'static Kind,
    records: &BTreeSet<RecordId>,
    most: usize,
) -> Result<Vec<Naming>> {
    let (mut booked, mut asked) = (vec![], BTreeSet::new());
    if kind.number != Allocation::NUMBER {
        return Ok(booked);
    }
    let days = days_apart(conn, union)?;
    for record in records {
        if asked.contains(&(*record, union)) {
            continue;
        }
        let web = pairing::web(conn, (*record, union), days)?;
        asked.extend(web.iter().map(|pair| pair.allocation));
        let goes = |(other, owner): Half| owner == union && records.contains(&other);
        booked.extend(bereft(&web, &goes).into_iter().map(Pair::of_allocation));
        if booked.len() >= most {
            break;
        }
    }
    booked.truncate(most);
    Ok(booked)
}

/// Pairs of allocations that go, where what stays is not enough for what was booked.
fn bereft<'w>(web: &'w [Pair], goes: &dyn Fn(Half) -> bool) -> Vec<&'w Pair> {
    let (by_serial, by_amount): (Vec<&Pair>, Vec<&Pair>) = web.iter().partition(|pair| pair.serial.is_some());
    // What has one serial is one transfer, of whatever parts: as much of it stays booked as was granted.
    let mut transfers: BTreeMap<_, Vec<&Pair>> = BTreeMap::new();
    for pair in &by_serial {
        transfers.entry((&pair.serial, pair.receipt.1)).or_default().push(*pair);
    }
    let mut bereft = vec![];
    for pairs in transfers.into_values() {
        let got = sum(pairs.iter().map(|pair| (pair.receipt, pair.got)));
        let gave = sum(pairs.iter().map(|pair| (pair.allocation, pair.gave)));
        let (gone, stays): (Vec<&Pair>, Vec<&Pair>) = pairs.into_iter().partition(|pair| goes(pair.allocation));
        if sum(stays.iter().map(|pair| (pair.allocation, pair.gave))) < gave.min(got) {
            bereft.extend(gone);
        }
    }
    // By amount each goes with one; what a serial tells is told.
    let told: BTreeSet<Half> = by_serial.iter().flat_map(|pair| [pair.allocation, pair.receipt]).collect();
    let loose = |pair: &&Pair| !told.contains(&pair.allocation) && !told.contains(&pair.receipt);
    let loose: Vec<&Pair> = by_amount.into_iter().filter(loose).collect();
    let (gone, stays): (Vec<&Pair>, Vec<&Pair>) = loose.iter().partition(|pair| goes(pair.allocation));
    if matched(&stays) < matched(&loose) {
        bereft.extend(gone);
    }
    bereft
}

/// Each record once.
fn sum(halves: impl Iterator<Item = (Half, i64)>) -> i128 {
    halves.collect::<BTreeMap<_, _>>().into_values().map(i128::from).sum()
}

/// How many receipts find an allocation, each another one.
fn matched(pairs: &[&Pair]) -> usize {
    let mut answers: BTreeMap<Half, Vec<Half>> = BTreeMap::new();
    for pair in pairs {
        answers.entry(pair.receipt).or_default().push(pair.allocation);
    }
    let mut taken = BTreeMap::new();
    answers.keys().filter(|receipt| find(**receipt, &answers, &mut taken, &mut BTreeSet::new())).count()
}

/// Finds one for a receipt; who has it already looks for another.
fn find(
    receipt: Half,
    answers: &BTreeMap<Half, Vec<Half>>,
    taken: &mut BTreeMap<Half, Half>,
    asked: &mut BTreeSet<Half>,
) -> bool {
    for allocation in answers.get(&receipt).into_iter().flatten() {
        if !asked.insert(*allocation) {
            continue;
        }
        let by = taken.get(allocation).copied();
        if by.is_none_or(|by| find(by, answers, taken, asked)) {
            taken.insert(*allocation, receipt);
            return true;
        }
    }
    false
}

/// What is left without its other half where this is voided.
pub(super) fn other_halves(
    conn: &View,
    union: UnionNumber,
    kind: &'static Kind,
    record: &RecordId,
) -> Result<Vec<Naming>> {
    if kind.number == Allocation::NUMBER {
        let pairs = pairing::receipts(conn, (*record, union), days_apart(conn, union)?)?;
        return Ok(pairs.iter().map(Pair::of_allocation).collect());
    }
    if kind.number != FundReceipt::NUMBER {
        return Ok(vec![]);
    }
    let shown = projection::get(conn, kind, record)?.filter(|shown| shown.place.owner == union);
    let named = shown.and_then(|shown| shown.record.read(fund_receipt::ALLOCATION));
    let Some(named) = named else {
        let pairs = pairing::allocations(conn, (*record, union), days_apart(conn, union)?)?;
        return Ok(pairs.iter().map(Pair::of_receipt).collect());
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
