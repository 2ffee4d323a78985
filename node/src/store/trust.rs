//! Who may write for whom: what the enrolments and revocations in the projections say.

use huiliu_proto::{
    id::{DeviceId, Hash},
    region::RegionCode,
};
use rusqlite::Connection;

use super::{Result, tables};

/// Whether `parent` enrolled the device for `union`; as a hub, where it speaks to those below.
pub fn enrolled(
    conn: &Connection,
    device: &DeviceId,
    union: RegionCode,
    parent: RegionCode,
    hub: bool,
) -> Result<bool> {
    const SQL: &str = r#"SELECT EXISTS (SELECT 1 FROM enrolment
        WHERE device = ?1 AND "union" = ?2 AND owner = ?3 AND (hub = 1 OR NOT ?4))"#;
    let mut statement = conn.prepare_cached(SQL)?;
    Ok(statement.query_row((device.as_bytes(), u32::from(union), u32::from(parent), hub), |r| r.get(0))?)
}

/// An enrolled device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    pub device: DeviceId,
    pub union: RegionCode,
    pub hub: bool,
    pub by: RegionCode,
    pub tls_key: Option<Hash>,
    pub seal_key: Option<[u8; 32]>,
}

/// Enrolments, newest last; of one device or of all.
pub fn enrolments(conn: &Connection, device: Option<&DeviceId>) -> Result<Vec<Enrolled>> {
    let mut statement = conn.prepare_cached(
        r#"SELECT device, "union", coalesce(hub, 0), owner, tls_key_hash, seal_key FROM enrolment
        WHERE ?1 IS NULL OR device = ?1 ORDER BY record"#,
    )?;
    let rows = statement.query_map([device.map(|d| d.0)], |r| {
        Ok(Enrolled {
            device: DeviceId(r.get(0)?),
            union: tables::union(r.get(1)?)?,
            hub: r.get(2)?,
            by: tables::union(r.get(3)?)?,
            tls_key: r.get::<_, Option<[u8; 32]>>(4)?.map(Hash),
            seal_key: r.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The device a TLS key belongs to, and whom it writes for.
pub fn by_tls_key(conn: &Connection, key: &Hash) -> Result<Option<Enrolled>> {
    Ok(enrolments(conn, None)?.into_iter().rev().find(|e| e.tls_key.as_ref() == Some(key)))
}
