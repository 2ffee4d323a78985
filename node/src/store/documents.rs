//! Documents, the edits they are made of, and the values on which devices disagree.

use huiliu_proto::{
    edit::Scalar,
    id::{DeviceId, Hash, RecordId},
    union::UnionNumber,
};
use rusqlite::{Connection, OptionalExtension as _};

use super::{Result, tables};
use crate::document::{Document, Misfit};

pub struct DocumentRow {
    pub kind: u32,
    pub owner: UnionNumber,
    pub snapshot: Vec<u8>,
}

pub fn get(conn: &Connection, record: &RecordId) -> Result<Option<DocumentRow>> {
    let mut statement = conn.prepare_cached("SELECT kind, owner, snapshot FROM document WHERE record = ?1")?;
    let row = statement.query_row([record.as_bytes()], |row| {
        Ok(DocumentRow { kind: row.get(0)?, owner: tables::union(row.get(1)?)?, snapshot: row.get(2)? })
    });
    Ok(row.optional()?)
}

/// The document, loaded; `None` where there is none of that id.
pub fn load(conn: &Connection, record: &RecordId) -> Result<Option<Result<Document, Misfit>>> {
    Ok(get(conn, record)?.map(|row| Document::load(&row.snapshot)))
}

pub fn put(conn: &Connection, record: &RecordId, row: &DocumentRow) -> Result<()> {
    const SQL: &str = "INSERT INTO document (record, kind, owner, snapshot) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (record) DO UPDATE SET snapshot = excluded.snapshot";
    conn.prepare_cached(SQL)?.execute((record.as_bytes(), row.kind, i64::from(row.owner), &row.snapshot))?;
    Ok(())
}

pub fn add_edit(conn: &Connection, record: &RecordId, feed: i64, seq: u64, hash: &Hash) -> Result<()> {
    let mut statement = conn
        .prepare_cached("INSERT INTO edit (record, feed, seq, hash) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?;
    statement.execute((record.as_bytes(), feed, seq as i64, hash.as_bytes()))?;
    Ok(())
}

/// Where the document's edits stand.
pub fn edits(conn: &Connection, record: &RecordId) -> Result<Vec<(i64, u64, Hash)>> {
    let mut statement = conn.prepare_cached("SELECT feed, seq, hash FROM edit WHERE record = ?1")?;
    let rows = statement
        .query_map([record.as_bytes()], |r| Ok((r.get(0)?, r.get::<_, i64>(1)?.unsigned_abs(), Hash(r.get(2)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The hash of the change that an operation made.
pub fn change(conn: &Connection, record: &RecordId, feed: i64, seq: u64) -> Result<Option<Hash>> {
    let mut statement = conn.prepare_cached("SELECT hash FROM edit WHERE record = ?1 AND feed = ?2 AND seq = ?3")?;
    let hash = statement.query_row((record.as_bytes(), feed, seq as i64), |r| Ok(Hash(r.get(0)?)));
    Ok(hash.optional()?)
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

pub fn clear_conflicts(conn: &Connection, record: &RecordId) -> Result<()> {
    conn.prepare_cached("DELETE FROM conflict WHERE record = ?1")?.execute([record.as_bytes()])?;
    Ok(())
}

pub fn add_conflict(conn: &Connection, conflict: &Conflict) -> Result<()> {
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
pub fn conflicts(conn: &Connection, record: Option<&RecordId>) -> Result<Vec<Conflict>> {
    use rusqlite::types::Value;
    let mut statement = conn.prepare_cached(
        "SELECT record, kind, owner, field, value, device FROM conflict WHERE ?1 IS NULL OR record = ?1
         ORDER BY record, field, place",
    )?;
    let mut rows = statement.query([record.map(|r| r.0)])?;
    let mut all: Vec<Conflict> = vec![];
    while let Some(row) = rows.next()? {
        let id = RecordId(row.get(0)?);
        let field = row.get(3)?;
        let value = match row.get::<_, Value>(4)? {
            Value::Null | Value::Real(_) => Scalar::Cleared,
            Value::Integer(v) => Scalar::Number(v),
            Value::Text(v) => Scalar::Text(v),
            Value::Blob(v) => Scalar::Octets(v),
        };
        let device = row.get::<_, Option<[u8; 32]>>(5)?.map(DeviceId);
        match all.last_mut() {
            Some(last) if last.record == id && last.field == field => last.values.push((value, device)),
            _ => all.push(Conflict {
                record: id,
                kind: row.get(1)?,
                owner: tables::union(row.get(2)?)?,
                field,
                values: vec![(value, device)],
            }),
        }
    }
    Ok(all)
}
