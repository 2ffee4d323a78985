//! Documents, the edits they are made of, and the values on which devices disagree.

use huiliu_proto::{
    edit::Scalar,
    id::{DeviceId, Hash, RecordId},
    union::UnionNumber,
};
use rusqlite::OptionalExtension as _;

use super::{Database, Result, StoreError, View, tables};
use crate::document::Document;

pub struct DocumentRow {
    pub kind: u32,
    pub owner: UnionNumber,
    pub snapshot: Vec<u8>,
}

pub fn get(conn: &View, owner: UnionNumber, record: &RecordId) -> Result<Option<DocumentRow>> {
    let mut statement = conn.prepare_cached("SELECT kind, snapshot FROM document WHERE record = ?1 AND owner = ?2")?;
    let row = statement.query_row((record.as_bytes(), i64::from(owner)), |row| {
        Ok(DocumentRow { kind: row.get(0)?, owner, snapshot: row.get(1)? })
    });
    Ok(row.optional()?)
}

/// The document, loaded; `None` where there is none of that id.
pub fn load(conn: &View, owner: UnionNumber, record: &RecordId) -> Result<Option<Document>> {
    let Some(row) = get(conn, owner, record)? else { return Ok(None) };
    Document::load(&row.snapshot).map(Some).map_err(|_| StoreError::Damaged("a document's snapshot"))
}

pub fn put(conn: &Database, record: &RecordId, row: &DocumentRow) -> Result<()> {
    const SQL: &str = "INSERT INTO document (record, owner, kind, snapshot) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (record, owner) DO UPDATE SET snapshot = excluded.snapshot";
    conn.prepare_cached(SQL)?.execute((record.as_bytes(), i64::from(row.owner), row.kind, &row.snapshot))?;
    Ok(())
}

/// An operation that a document was made of, and the hash of the change it made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    pub feed: i64,
    pub seq: u64,
    pub hash: Hash,
    pub weight: u64,
}

pub fn add_edit(conn: &Database, owner: UnionNumber, record: &RecordId, made: &Made) -> Result<()> {
    const SQL: &str = "INSERT INTO edit (record, owner, feed, seq, hash, weight) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT DO NOTHING";
    let Made { feed, seq, hash, weight } = made;
    let row = (record.as_bytes(), i64::from(owner), feed, *seq as i64, hash.as_bytes(), *weight as i64);
    conn.prepare_cached(SQL)?.execute(row)?;
    Ok(())
}

/// What the document was made of.
pub fn edits(conn: &View, owner: UnionNumber, record: &RecordId) -> Result<Vec<Made>> {
    let mut statement =
        conn.prepare_cached("SELECT feed, seq, hash, weight FROM edit WHERE record = ?1 AND owner = ?2")?;
    let rows = statement.query_map((record.as_bytes(), i64::from(owner)), |r| {
        let number = |at| r.get::<_, i64>(at).map(i64::unsigned_abs);
        Ok(Made { feed: r.get(0)?, seq: number(1)?, hash: Hash(r.get(2)?), weight: number(3)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The feeds that hold its edits.
pub fn authors(conn: &View, owner: UnionNumber, record: &RecordId) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached("SELECT DISTINCT feed FROM edit WHERE record = ?1 AND owner = ?2")?;
    let rows = statement.query_map((record.as_bytes(), i64::from(owner)), |r| r.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The hash of the change that an operation made.
pub fn change(conn: &View, owner: UnionNumber, record: &RecordId, feed: i64, seq: u64) -> Result<Option<Hash>> {
    const SQL: &str = "SELECT hash FROM edit WHERE record = ?1 AND owner = ?2 AND feed = ?3 AND seq = ?4";
    let row = (record.as_bytes(), i64::from(owner), feed, seq as i64);
    Ok(conn.prepare_cached(SQL)?.query_row(row, |r| Ok(Hash(r.get(0)?))).optional()?)
}

/// A field on which devices disagree, with all values and who wrote each, the one shown first in front.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    pub record: RecordId,
    pub kind: u32,
    pub owner: UnionNumber,
    pub field: u32,
    pub values: Vec<(Scalar, Option<DeviceId>)>,
}

pub fn clear_conflicts(conn: &Database, owner: UnionNumber, record: &RecordId) -> Result<()> {
    let mut statement = conn.prepare_cached("DELETE FROM conflict WHERE record = ?1 AND owner = ?2")?;
    statement.execute((record.as_bytes(), i64::from(owner)))?;
    Ok(())
}

pub fn add_conflict(conn: &Database, conflict: &Conflict) -> Result<()> {
    const SQL: &str = "INSERT INTO conflict (record, kind, owner, field, place, value, device)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    use rusqlite::types::Value;
    let mut statement = conn.prepare_cached(SQL)?;
    for (place, (value, device)) in conflict.values.iter().enumerate() {
        let value = match value {
            Scalar::Cleared => Value::Null,
            Scalar::Flag(v) => Value::Integer(i64::from(*v)),
            Scalar::Number(v) => Value::Integer(*v),
            Scalar::Text(v) => Value::Text(v.clone()),
            Scalar::Octets(v) => Value::Blob(v.clone()),
        };
        statement.execute((
            conflict.record.as_bytes(),
            conflict.kind,
            i64::from(conflict.owner),
            conflict.field,
            place as i64,
            value,
            device.map(|d| d.0),
        ))?;
    }
    Ok(())
}

/// Fields on which devices disagree: of one record, or of all.
pub fn conflicts(conn: &View, record: Option<&RecordId>) -> Result<Vec<Conflict>> {
    use rusqlite::types::Value;
    let mut statement = conn.prepare_cached(
        "SELECT record, kind, owner, field, value, device FROM conflict WHERE ?1 IS NULL OR record = ?1
         ORDER BY record, owner, field, place",
    )?;
    let mut rows = statement.query([record.map(|r| r.0)])?;
    let mut all: Vec<Conflict> = vec![];
    while let Some(row) = rows.next()? {
        let id = RecordId(row.get(0)?);
        let (owner, field) = (tables::union(row.get(2)?)?, row.get(3)?);
        let value = match row.get::<_, Value>(4)? {
            Value::Null | Value::Real(_) => Scalar::Cleared,
            Value::Integer(v) => Scalar::Number(v),
            Value::Text(v) => Scalar::Text(v),
            Value::Blob(v) => Scalar::Octets(v),
        };
        let device = row.get::<_, Option<[u8; 32]>>(5)?.map(DeviceId);
        match all.last_mut() {
            Some(last) if last.record == id && last.owner == owner && last.field == field => {
                last.values.push((value, device))
            }
            _ => all.push(Conflict { record: id, kind: row.get(1)?, owner, field, values: vec![(value, device)] }),
        }
    }
    Ok(all)
}
