//! Devices that seal keys may be granted to: what the enrolments say, without those that were revoked; and who granted
//! which.

use huiliu_proto::{id::DeviceId, union::UnionNumber};
use rusqlite::OptionalExtension as _;

use super::{Result, View, tables, trust};

/// A device and the X25519 key it receives with, as the union above enrolled them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    pub device: DeviceId,
    pub hub: bool,
    pub key: [u8; 32],
    pub voucher: Option<[u8; 32]>,
}

/// Those of a union, in the order of their enrolment. Only the word of the union directly above counts.
pub fn of_union(conn: &View, union: UnionNumber) -> Result<Vec<Receiver>> {
    read(conn, union, false)
}

/// The same, and those that were revoked: nothing is granted to them, but they may have granted something.
pub fn ever_of_union(conn: &View, union: UnionNumber) -> Result<Vec<Receiver>> {
    read(conn, union, true)
}

fn read(conn: &View, union: UnionNumber, revoked: bool) -> Result<Vec<Receiver>> {
    let parent = trust::superior(union);
    let mut statement = conn.prepare_cached(
        r#"SELECT e.device, coalesce(e.hub, 0), e.seal_key, e.voucher FROM enrolment e
        WHERE e."union" = ?1 AND e.owner = ?2 AND e.seal_key IS NOT NULL AND e.attestation IS NOT NULL
        AND (?3 OR NOT EXISTS (SELECT 1 FROM revocation r
            WHERE r.device = e.device AND r.owner = e.owner AND r."union" = e."union"))
        ORDER BY e.record"#,
    )?;
    let rows = statement.query_map((i64::from(union), i64::from(parent), revoked), |row| {
        Ok(Receiver { device: DeviceId(row.get(0)?), hub: row.get(1)?, key: row.get(2)?, voucher: row.get(3)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A seal key that one machine of a union granted to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Whose record it is, and which device wrote it.
    pub owner: UnionNumber,
    pub by: DeviceId,
    pub key_id: Vec<u8>,
    pub sealed: Vec<u8>,
    pub voucher: Option<[u8; 32]>,
}

/// Grants to a device, the oldest first.
pub fn given(conn: &View, to: &DeviceId) -> Result<Vec<Given>> {
    let mut statement = conn.prepare_cached(
        "SELECT k.owner, f.device, k.key_id, k.sealed, k.voucher FROM key_grant k JOIN feed f ON f.no = k.feed
        WHERE k.to_device = ?1 ORDER BY k.record",
    )?;
    let rows = statement.query_map([to.as_bytes()], |row| {
        Ok(Given {
            owner: tables::union(row.get(0)?)?,
            by: DeviceId(row.get(1)?),
            key_id: row.get(2)?,
            sealed: row.get(3)?,
            voucher: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether this machine has granted that key to that device.
pub fn granted(conn: &View, to: &DeviceId, key_id: &[u8]) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM key_grant k JOIN feed f ON f.no = k.feed
        WHERE f.own = 1 AND k.to_device = ?1 AND k.key_id = ?2)";
    Ok(conn.prepare_cached(SQL)?.query_row((to.as_bytes(), key_id), |r| r.get(0))?)
}

/// The device of a union that first granted a key to anybody: the one that made it.
pub fn origin(conn: &View, union: UnionNumber, key_id: &[u8]) -> Result<Option<DeviceId>> {
    const SQL: &str = "SELECT f.device FROM key_grant k JOIN feed f ON f.no = k.feed
        WHERE k.owner = ?1 AND k.key_id = ?2 ORDER BY k.record LIMIT 1";
    let mut statement = conn.prepare_cached(SQL)?;
    Ok(statement.query_row((i64::from(union), key_id), |r| r.get(0)).optional()?.map(DeviceId))
}
