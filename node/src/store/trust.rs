//! Who may write for whom: what the enrolments and revocations in the projections say.

use std::collections::BTreeSet;

use huiliu_proto::{
    feed::Feed,
    id::{DeviceId, FeedId, Hash, RecordId},
    period::Day,
    serials::Block,
    signed::Receipt,
    union::UnionNumber,
    v1::Ruling,
};
use rusqlite::{OptionalExtension as _, Row};

use super::{Result, View, ranges::Ranges, tables};

/// The union whose word about the devices of `union` counts: the one directly above, and of the nation the nation's own,
/// because only the network's root may write into the branch of the whole country (`Ledger::admitted`). What is said of a
/// union anywhere but in its own branch, where it hears it, does not count.
pub fn superior(union: UnionNumber) -> UnionNumber {
    union.enroller()
}

/// Whether `parent` enrolled the device for `union`; as a hub, where it speaks to those below.
pub fn enrolled(conn: &View, device: &DeviceId, union: UnionNumber, parent: UnionNumber, hub: bool) -> Result<bool> {
    const SQL: &str = r#"SELECT EXISTS (SELECT 1 FROM enrolment
        WHERE device = ?1 AND "union" = ?2 AND owner = ?3 AND (hub = 1 OR NOT ?4))"#;
    let mut statement = conn.prepare_cached(SQL)?;
    Ok(statement.query_row((device.as_bytes(), i64::from(union), i64::from(parent), hub), |r| r.get(0))?)
}

/// Whether the device is a hub of `union`: the root of the network, or enrolled as one by the union above.
pub fn is_hub(conn: &View, root: Option<DeviceId>, device: &DeviceId, union: UnionNumber) -> Result<bool> {
    if union == UnionNumber::NATION && root == Some(*device) {
        return Ok(true);
    }
    enrolled(conn, device, union, superior(union), true)
}

/// What a device's signature under a receipt is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voucher {
    /// It is a hub of that union.
    Hub,
    /// It was, until that day.
    Until(Day),
    /// Nobody enrolled it as one.
    Nobody,
}

/// What a receipt that this device signed for `union` is worth; and from which day on it was a hub, where that is known.
pub fn vouches(
    conn: &View,
    root: Option<DeviceId>,
    device: &DeviceId,
    union: UnionNumber,
) -> Result<(Voucher, Option<Day>)> {
    if !is_hub(conn, root, device, union)? {
        return Ok((Voucher::Nobody, None));
    }
    // Nobody enrols the root, nor revokes it.
    if union == UnionNumber::NATION && root == Some(*device) {
        return Ok((Voucher::Hub, None));
    }
    let by = i64::from(superior(union));
    const FROM: &str = r#"SELECT min(from_on) FROM enrolment
        WHERE device = ?1 AND "union" = ?2 AND owner = ?3 AND hub = 1"#;
    const UNTIL: &str = r#"SELECT min(revoked_on) FROM revocation WHERE device = ?1 AND "union" = ?2 AND owner = ?3"#;
    let row = (device.as_bytes(), i64::from(union), by);
    let from: Option<i32> = conn.prepare_cached(FROM)?.query_row(row, |r| r.get(0))?;
    let until: Option<i32> = conn.prepare_cached(UNTIL)?.query_row(row, |r| r.get(0))?;
    let voucher = until.map_or(Voucher::Hub, |until| Voucher::Until(Day(until)));
    Ok((voucher, from.map(Day)))
}

/// Whether a receipt is dated before its hub was one; by more than a day, which clocks may differ by.
pub fn is_before(receipt: &Receipt, from: Option<Day>) -> bool {
    from.and_then(|from| from.plus_days(-1)).is_some_and(|from| receipt.day() < from)
}

/// The blocks of serials that a device of `union` draws from, in order.
pub fn blocks(conn: &View, root: Option<DeviceId>, device: &DeviceId, union: UnionNumber) -> Result<Vec<Block>> {
    const SQL: &str = r#"SELECT DISTINCT block FROM enrolment
        WHERE device = ?1 AND "union" = ?2 AND owner = ?3 AND block IS NOT NULL"#;
    let row = (device.as_bytes(), i64::from(union), i64::from(superior(union)));
    let mut statement = conn.prepare_cached(SQL)?;
    let numbers = statement.query_map(row, |r| r.get::<_, i64>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut blocks: Vec<Block> = numbers.into_iter().filter_map(Block::new).collect();
    if union == UnionNumber::NATION && root == Some(*device) {
        blocks.push(Block::FIRST);
    }
    blocks.sort_unstable();
    Ok(blocks)
}

/// Blocks of serials that the machines of `union` have, revoked or not: no block is given twice.
pub fn blocks_given(conn: &View, union: UnionNumber) -> Result<BTreeSet<Block>> {
    const SQL: &str = r#"SELECT DISTINCT block FROM enrolment WHERE "union" = ?1 AND owner = ?2 AND block IS NOT NULL"#;
    let mut statement = conn.prepare_cached(SQL)?;
    let numbers = statement.query_map((i64::from(union), i64::from(superior(union))), |r| r.get::<_, i64>(0))?;
    let numbers = numbers.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut given: BTreeSet<Block> = numbers.into_iter().filter_map(Block::new).collect();
    // Nobody enrols the root.
    if union == UnionNumber::NATION {
        given.insert(Block::FIRST);
    }
    Ok(given)
}

/// An enrolled device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    pub device: DeviceId,
    pub union: UnionNumber,
    pub hub: bool,
    pub by: UnionNumber,
    pub tls_key: Option<Hash>,
    pub seal_key: Option<[u8; 32]>,
    /// Hubs: certificates of an authority are made for this key only.
    pub authority_key: Option<Hash>,
    /// The machine whose token it came with.
    pub invited_by: Option<DeviceId>,
}

const ENROLMENT: &str = r#"SELECT device, "union", coalesce(hub, 0), owner, iif(attestation IS NULL, NULL, tls_key_hash),
    iif(attestation IS NULL, NULL, seal_key), authority_key_hash, invited_by FROM enrolment"#;

/// Enrolments, newest last; of one device or of all.
pub fn enrolments(conn: &View, device: Option<&DeviceId>) -> Result<Vec<Enrolled>> {
    let mut statement = conn.prepare_cached(&format!("{ENROLMENT} WHERE ?1 IS NULL OR device = ?1 ORDER BY record"))?;
    let rows = statement.query_map([device.map(|d| d.0)], enrolment)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn enrolment(row: &Row<'_>) -> rusqlite::Result<Enrolled> {
    Ok(Enrolled {
        device: DeviceId(row.get(0)?),
        union: tables::union(row.get(1)?)?,
        hub: row.get(2)?,
        by: tables::union(row.get(3)?)?,
        tls_key: row.get::<_, Option<[u8; 32]>>(4)?.map(Hash),
        seal_key: row.get(5)?,
        authority_key: row.get::<_, Option<[u8; 32]>>(6)?.map(Hash),
        invited_by: row.get::<_, Option<[u8; 32]>>(7)?.map(DeviceId),
    })
}

/// The device that `owner` enrolled with a TLS key for a union directly below it, and whom it writes for: of several the
/// first that was not revoked, or else the first; whether it is revoked is asked beside it. What others say about the key
/// does not count: any hub may write any key's hash into an enrolment of its own.
pub fn by_tls_key(conn: &View, key: &Hash, owner: UnionNumber) -> Result<Option<Enrolled>> {
    let mut first = None;
    for found in with_tls_key(conn, key, owner)? {
        if !revoked(conn, &found.device, found.union)? {
            return Ok(Some(found));
        }
        first = first.or(Some(found));
    }
    Ok(first)
}

/// Whether `owner` enrolled another device with this TLS key, revoked or not: a key is one device's.
pub fn key_of_another(conn: &View, key: &Hash, device: &DeviceId, owner: UnionNumber) -> Result<bool> {
    Ok(with_tls_key(conn, key, owner)?.iter().any(|enrolled| enrolled.device != *device))
}

fn with_tls_key(conn: &View, key: &Hash, owner: UnionNumber) -> Result<Vec<Enrolled>> {
    let mut statement = conn.prepare_cached(&format!(
        "{ENROLMENT} WHERE tls_key_hash = ?1 AND owner = ?2 AND attestation IS NOT NULL ORDER BY record"
    ))?;
    let rows = statement.query_map((key.as_bytes(), i64::from(owner)), enrolment)?;
    let found = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(found.into_iter().filter(|e| superior(e.union) == owner).collect())
}

/// Whether any union that enrolled this device has revoked it, as far as is known here: one that was shut out of the
/// network somewhere does not join elsewhere. It counts where the device itself asked to be let in there, or where `me`
/// says so: any hub can write an enrolment without an attestation about anybody's machine, and then revoke it.
pub fn revoked_anywhere(conn: &View, device: &DeviceId, me: UnionNumber) -> Result<bool> {
    const SQL: &str = r#"SELECT EXISTS (SELECT 1 FROM revocation r JOIN enrolment e ON e.device = r.device
        AND e.owner = r.owner AND e."union" = r."union"
        WHERE r.device = ?1 AND (e.attestation IS NOT NULL OR e.owner = ?2))"#;
    Ok(conn.prepare_cached(SQL)?.query_row((device.as_bytes(), i64::from(me)), |r| r.get(0))?)
}

/// Whether the union above has enrolled any machine of a union.
pub fn any_enrolled(conn: &View, union: UnionNumber) -> Result<bool> {
    const SQL: &str = r#"SELECT EXISTS (SELECT 1 FROM enrolment WHERE "union" = ?1 AND owner = ?2)"#;
    let row = (i64::from(union), i64::from(superior(union)));
    Ok(conn.prepare_cached(SQL)?.query_row(row, |r| r.get(0))?)
}

/// How many devices `owner` has enrolled for a union since a day.
pub fn enrolled_since(conn: &View, owner: UnionNumber, union: UnionNumber, since: Day) -> Result<u64> {
    const SQL: &str = r#"SELECT count(*) FROM enrolment WHERE owner = ?1 AND "union" = ?2 AND from_on >= ?3"#;
    let row = (i64::from(owner), i64::from(union), since.0);
    Ok(conn.prepare_cached(SQL)?.query_row(row, |r| r.get::<_, i64>(0))?.unsigned_abs())
}

/// Whether the union directly above has revoked this device of `union`.
pub fn revoked(conn: &View, device: &DeviceId, union: UnionNumber) -> Result<bool> {
    const SQL: &str = r#"SELECT EXISTS (SELECT 1 FROM revocation WHERE device = ?1 AND owner = ?2 AND "union" = ?3)"#;
    let row = (device.as_bytes(), i64::from(superior(union)), i64::from(union));
    Ok(conn.prepare_cached(SQL)?.query_row(row, |r| r.get(0))?)
}

/// How many operations of a feed count, where the union above has revoked its device: nothing of a feed that the
/// revocation does not name, and of several revocations the least.
pub fn limit(conn: &View, feed: &Feed) -> Result<Option<u64>> {
    const SQL: &str = r#"SELECT min(coalesce(l.size, 0)) FROM revocation r
        LEFT JOIN revocation_last l ON l.record = r.record AND l.owner = r.owner AND l.feed = ?3
        WHERE r.device = ?1 AND r.owner = ?2 AND r."union" = ?4"#;
    let (by, union) = (superior(feed.union), feed.union);
    let row = (feed.device.as_bytes(), i64::from(by), feed.id.as_bytes(), i64::from(union));
    let least: Option<i64> = conn.prepare_cached(SQL)?.query_row(row, |r| r.get(0))?;
    Ok(least.map(i64::unsigned_abs))
}

/// What the union above ruled last about an operation of a feed.
pub fn ruling(conn: &View, feed: &Feed, seq: u64) -> Result<Option<Ruling>> {
    const SQL: &str = r#"SELECT ruling FROM quarantine_ruling WHERE in_feed = ?1 AND owner = ?2 AND "union" = ?4
        AND first <= ?3 AND ?3 - first < count ORDER BY coalesce(revision, 0) DESC, record DESC LIMIT 1"#;
    let row = (feed.id.as_bytes(), i64::from(superior(feed.union)), seq as i64, i64::from(feed.union));
    let number: Option<i32> = conn.prepare_cached(SQL)?.query_row(row, |r| r.get(0)).optional()?;
    Ok(number.and_then(|number| Ruling::try_from(number).ok()))
}

/// Which operations of a feed the union above rejected, by what it ruled last of each.
pub fn rejected(conn: &View, feed: &Feed) -> Result<Ranges> {
    const SQL: &str = r#"SELECT first, count, ruling FROM quarantine_ruling WHERE in_feed = ?1 AND owner = ?2
        AND "union" = ?3 ORDER BY coalesce(revision, 0), record"#;
    let mut statement = conn.prepare_cached(SQL)?;
    let mut rows = statement.query((feed.id.as_bytes(), i64::from(superior(feed.union)), i64::from(feed.union)))?;
    let mut rejected = Ranges::default();
    while let Some(row) = rows.next()? {
        let (first, count): (i64, i64) = (row.get(0)?, row.get(1)?);
        let end = first.saturating_add(count).max(0).unsigned_abs();
        rejected.set(first.max(0).unsigned_abs()..end, row.get::<_, i32>(2)? == i32::from(Ruling::Rejected));
    }
    Ok(rejected)
}

/// The number that a union's next ruling on a feed has.
pub fn next_revision(conn: &View, feed: &FeedId, owner: UnionNumber) -> Result<i64> {
    const SQL: &str =
        "SELECT coalesce(max(coalesce(revision, 0)), 0) + 1 FROM quarantine_ruling WHERE in_feed = ?1 AND owner = ?2";
    Ok(conn.prepare_cached(SQL)?.query_row((feed.as_bytes(), i64::from(owner)), |r| r.get(0))?)
}

/// Whether a feed that is not admitted is ordered to be deleted: by the union above the one it says it is of, to that one;
/// or by the nation, to whichever branch it came through.
pub fn purged(conn: &View, feed: &Feed) -> Result<bool> {
    const SQL: &str = r#"SELECT EXISTS (SELECT 1 FROM purge_order
        WHERE in_feed = ?1 AND (owner = ?2 OR (owner = ?3 AND "union" = ?4)))"#;
    let (by, union) = (i64::from(superior(feed.union)), i64::from(feed.union));
    let row = (feed.id.as_bytes(), i64::from(UnionNumber::NATION), by, union);
    Ok(conn.prepare_cached(SQL)?.query_row(row, |r| r.get(0))?)
}

/// A device was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    pub by: UnionNumber,
    pub on: Day,
    pub reason: String,
    /// Where it stands.
    pub feed: i64,
    pub seq: u64,
}

/// Revocations of a feed's device by the union above.
pub fn revocations(conn: &View, feed: &Feed) -> Result<Vec<Revocation>> {
    const SQL: &str = r#"SELECT owner, revoked_on, reason, feed, seq FROM revocation
        WHERE device = ?1 AND owner = ?2 AND "union" = ?3 ORDER BY record"#;
    let mut statement = conn.prepare_cached(SQL)?;
    let row = (feed.device.as_bytes(), i64::from(superior(feed.union)), i64::from(feed.union));
    let rows = statement.query_map(row, |r| {
        Ok(Revocation {
            by: tables::union(r.get(0)?)?,
            on: Day(r.get(1)?),
            reason: r.get(2)?,
            feed: r.get(3)?,
            seq: r.get::<_, i64>(4)?.unsigned_abs(),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What `by` said last to count of a device of `union`: which record, and as of which day.
pub fn last_vouching(
    conn: &View,
    by: UnionNumber,
    union: UnionNumber,
    device: &DeviceId,
) -> Result<Option<(RecordId, Day)>> {
    const SQL: &str = r#"SELECT record, as_of FROM vouching WHERE device = ?1 AND owner = ?2 AND "union" = ?3
        ORDER BY as_of DESC, record DESC LIMIT 1"#;
    let row = (device.as_bytes(), i64::from(by), i64::from(union));
    let found = conn.prepare_cached(SQL)?.query_row(row, |r| Ok((RecordId(r.get(0)?), Day(r.get(1)?))));
    Ok(found.optional()?)
}
