//! Revoking a device of a union directly below: what it wrote up to a place still counts, and nothing after.

use std::{cmp::Reverse, collections::BTreeSet};

use huiliu_node::{
    app::find,
    clock,
    ledger::{Ledger, WriteOutcome},
    store::{
        Result, StoreError, View, feeds,
        feeds::FeedRow,
        segments,
        trust::{self, Enrolled},
    },
};
use huiliu_proto::{
    handle::{Draft, Row},
    id::{DeviceId, RecordId},
    period::Day,
    record::{Record, Refusal},
    records::{revocation, revocation_last},
    union::UnionNumber,
    v1::Revocation,
};

/// Feeds one revocation can name (revocation.proto): a hub has one for each union up to two levels below, in each incarnation.
const MOST_FEEDS: usize = 1000;

#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no device enrolled by this union has a key that begins so")]
    Unknown,
    #[error("several devices have keys that begin so")]
    Ambiguous(Vec<DeviceId>),
    #[error("that device is revoked already")]
    Already,
}

/// What revoking a device would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// For which the device was enrolled last.
    pub union: UnionNumber,
    /// All for which it is enrolled here and may still write: it is revoked for each.
    pub unions: Vec<UnionNumber>,
    pub device: DeviceId,
    pub hub: bool,
    /// Its feeds that are named, and how many operations of each go on counting.
    pub feeds: Vec<(FeedRow, u64)>,
    /// Its other feeds that are here, of which nothing goes on counting.
    pub unnamed: Unnamed,
    /// Machines that came with its tokens, and with theirs, and may still write: whoever stole this one may have let
    /// them in.
    pub invited: Vec<Enrolled>,
}

/// Feeds a revocation does not name, because nothing of them stays, or because there are more than it can name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unnamed {
    pub feeds: usize,
    pub operations: u64,
    /// Of the operations, those that would have stayed if there were fewer feeds.
    pub dropped: u64,
}

impl Plan {
    /// Operations that count no longer.
    pub fn cut(&self) -> u64 {
        self.feeds.iter().map(|(row, stays)| row.size() - stays).sum::<u64>() + self.unnamed.operations
    }
}

/// The device whose key begins with these hexadecimal digits, and what would go on counting: all that is here, or what
/// had come here by `since`. However many feeds a device wrote, it can be revoked: the largest are named.
pub fn plan(
    conn: &View,
    union: UnionNumber,
    digits: &str,
    since: Option<i64>,
) -> std::result::Result<Plan, RevocationError> {
    let digits = find::digits(digits, find::SURE).ok_or(RevocationError::Unknown)?;
    let mut found = trust::enrolments(conn, None)?;
    // The root enrols itself, so that its other machines know its keys, and does not revoke itself.
    found.retain(|e| e.by == union && e.device.to_string().starts_with(&digits) && !(e.union == union && e.hub));
    let unions: BTreeSet<UnionNumber> = found.iter().map(|e| e.union).collect();
    let mut devices: Vec<DeviceId> = found.iter().map(|e| e.device).collect();
    devices.sort_unstable();
    devices.dedup();
    if devices.len() > 1 {
        return Err(RevocationError::Ambiguous(devices));
    }
    if found.is_empty() {
        return Err(RevocationError::Unknown);
    }
    let mut live = BTreeSet::new();
    for (union, device) in unions.iter().flat_map(|union| devices.first().map(|device| (*union, device))) {
        if !trust::revoked(conn, device, union)? {
            live.insert(union);
        }
    }
    let unions = live;
    found.retain(|e| unions.contains(&e.union));
    let enrolled = found.pop().ok_or(RevocationError::Already)?;
    let mut named = vec![];
    let mut unnamed = Unnamed::default();
    let mut leave_out = |row: &FeedRow, stays: u64| {
        unnamed.feeds += 1;
        unnamed.operations += row.size();
        unnamed.dropped += stays;
    };
    for no in feeds::of_device(conn, &enrolled.device)? {
        let row = feeds::by_no(conn, no)?;
        // What it wrote in the name of another union is not for this one to judge.
        if !unions.contains(&row.feed.union) || row.size() == 0 {
            continue;
        }
        let stays = match since {
            Some(since) => segments::size_by(conn, &row, since)?,
            None => row.size(),
        };
        if stays == 0 { leave_out(&row, 0) } else { named.push((row, stays)) }
    }
    if named.len() > MOST_FEEDS {
        named.sort_by_key(|(row, stays)| (row.feed.speaks_far(), Reverse(*stays), row.no));
        named.drain(MOST_FEEDS..).for_each(|(row, stays)| leave_out(&row, stays));
    }
    let invited = invited(conn, union, &enrolled.device)?;
    let unions = unions.into_iter().collect();
    let Enrolled { union, device, hub, .. } = enrolled;
    Ok(Plan { union, unions, device, hub, feeds: named, unnamed, invited })
}

/// Those that came with a device's tokens, with theirs, and so on, and are not revoked; the oldest first.
fn invited(conn: &View, by: UnionNumber, device: &DeviceId) -> Result<Vec<Enrolled>> {
    let all = trust::enrolments(conn, None)?;
    let mut family = BTreeSet::from([*device]);
    let mut found: Vec<Enrolled> = vec![];
    // Whoever invites was enrolled before, mostly; a clock that was set back changes the order of what is here.
    loop {
        let before = found.len();
        for one in all.iter().filter(|e| e.by == by) {
            if one.invited_by.is_some_and(|who| family.contains(&who)) && family.insert(one.device) {
                found.push(one.clone());
            }
        }
        if found.len() == before {
            break;
        }
    }
    let mut live = vec![];
    for one in found {
        if !trust::revoked(conn, &one.device, one.union)? {
            live.push(one);
        }
    }
    Ok(live)
}

/// Writes the revocation, one for each union. From its commit on the device's connections are cut.
pub fn revoke(
    ledger: &mut Ledger,
    plan: &Plan,
    reason: &str,
) -> Result<std::result::Result<Vec<RecordId>, Vec<Refusal>>> {
    revoke_all(ledger, std::slice::from_ref(plan), reason)
}

/// Writes the revocations of several devices: all of them or, where one is refused, none. Which records they are.
pub fn revoke_all(
    ledger: &mut Ledger,
    plans: &[Plan],
    reason: &str,
) -> Result<std::result::Result<Vec<RecordId>, Vec<Refusal>>> {
    let mut records = vec![];
    for plan in plans {
        records.extend(revocations(plan, clock::day(ledger.now()), reason)?);
    }
    // Asked before the first is written: what a job has written stays, unless the job fails.
    for record in &records {
        let refusals = ledger.refusals(record)?;
        if !refusals.is_empty() {
            return Ok(Err(refusals));
        }
    }
    let mut written = vec![];
    for record in &records {
        match ledger.write_entry(record)? {
            WriteOutcome::Written { id, .. } | WriteOutcome::Unchanged(id) => written.push(id),
            WriteOutcome::Refused(refusals) => {
                return Err(StoreError::Refused(format!(
                    "a revocation that seemed to be allowed was refused: {refusals:?}"
                )));
            }
        }
    }
    Ok(Ok(written))
}

fn revocations(plan: &Plan, today: Day, reason: &str) -> Result<Vec<Record>> {
    let line = |(row, size): &(FeedRow, u64)| {
        let size = i64::try_from(*size).unwrap_or(i64::MAX);
        Row::default().with(revocation_last::FEED, row.feed.id.to_vec()).with(revocation_last::SIZE, size)
    };
    let revocation = |union: &UnionNumber| {
        let mut said = Draft::<Revocation>::new();
        said.set(revocation::UNION, *union).set(revocation::DEVICE, plan.device.to_vec());
        said.set(revocation::REVOKED_ON, today).set(revocation::REASON, reason);
        let last: Vec<_> = plan.feeds.iter().filter(|(row, _)| row.feed.union == *union).map(line).collect();
        if !last.is_empty() {
            said.set(revocation::LAST, last);
        }
        said.into_record()
    };
    Ok(plan.unions.iter().map(revocation).collect())
}
