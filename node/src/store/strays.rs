//! What was cut off where two histories of a feed parted (截下内容).

use huiliu_proto::{
    id::{DeviceId, FeedId, Hash, RecordId},
    operation::Operation,
    union::UnionNumber,
    v1,
};
use prost::Message as _;
use rusqlite::Row;

use super::{Database, Result, StoreError, View, tables};

/// Keeps an operation that was cut off. False where it is kept already.
pub fn add(conn: &Database, feed: &FeedId, seq: u64, operation: &Operation) -> Result<bool> {
    const SQL: &str = "INSERT INTO stray (feed, leaf, seq, operation, record) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT DO NOTHING";
    let bytes = operation.to_wire().encode_to_vec();
    let row = (feed.as_bytes(), operation.leaf().0, seq as i64, bytes, operation.record.as_bytes());
    let added = conn.prepare_cached(SQL)?.execute(row)?;
    Ok(added > 0)
}

/// Whether this operation is among those that were cut off, or said again.
pub fn holds(conn: &View, feed: &FeedId, operation: &Operation) -> Result<bool> {
    let mut statement = conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM stray WHERE feed = ?1 AND leaf = ?2)")?;
    Ok(statement.query_row((feed.as_bytes(), operation.leaf().0), |r| r.get(0))?)
}

/// Whether something was ever cut off a feed.
pub fn any(conn: &View, feed: &FeedId) -> Result<bool> {
    let mut statement = conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM stray WHERE feed = ?1)")?;
    Ok(statement.query_row([feed.as_bytes()], |r| r.get(0))?)
}

/// An edit that was cut off, and as what it was said again: the feed, and the hash of the change there. Of a void, the leaf
/// of its operation there.
pub struct Stray {
    pub feed: FeedId,
    pub operation: Operation,
    pub into: FeedId,
    pub said: Hash,
}

/// Notes as what a stray was said again.
pub fn note_said(conn: &Database, feed: &FeedId, operation: &Operation, into: &FeedId, said: &Hash) -> Result<()> {
    const SQL: &str = "UPDATE stray SET into_feed = ?3, said = ?4 WHERE feed = ?1 AND leaf = ?2";
    let row = (feed.as_bytes(), operation.leaf().0, into.as_bytes(), said.as_bytes());
    conn.prepare_cached(SQL)?.execute(row)?;
    Ok(())
}

/// The edits of one document that were cut off and said again, in the order in which they were written.
pub fn said_again(conn: &View, record: &RecordId) -> Result<Vec<Stray>> {
    const SQL: &str = "SELECT feed, operation, into_feed, said FROM stray
        WHERE record = ?1 AND said IS NOT NULL ORDER BY feed, seq";
    let mut statement = conn.prepare_cached(SQL)?;
    let rows = statement.query_map([record.as_bytes()], |r| {
        Ok((FeedId(r.get(0)?), r.get::<_, Vec<u8>>(1)?, FeedId(r.get(2)?), Hash(r.get(3)?)))
    })?;
    let mut strays = vec![];
    for row in rows {
        let (feed, bytes, into, said) = row?;
        let wire =
            v1::Operation::decode(&bytes[..]).map_err(|_| StoreError::Damaged("an operation that was cut off"))?;
        let operation = Operation::from_wire(wire).map_err(|_| StoreError::Damaged("an operation that was cut off"))?;
        strays.push(Stray { feed, operation, into, said });
    }
    Ok(strays)
}

/// How often this machine gave something back that it had cut off a feed.
pub fn returns(conn: &View, feed: &FeedId) -> Result<u64> {
    const SQL: &str = "SELECT count(*) FROM stray_return r JOIN feed f ON f.no = r.feed WHERE r.in_feed = ?1 AND f.own";
    let mut statement = conn.prepare_cached(SQL)?;
    Ok(statement.query_row([feed.as_bytes()], |r| r.get::<_, i64>(0))?.unsigned_abs())
}

/// The records in which this machine did.
pub fn returned_of(conn: &View, feed: &FeedId) -> Result<Vec<RecordId>> {
    const SQL: &str = "SELECT r.record FROM stray_return r JOIN feed f ON f.no = r.feed WHERE r.in_feed = ?1 AND f.own ORDER BY r.record";
    let mut statement = conn.prepare_cached(SQL)?;
    let rows = statement.query_map([feed.as_bytes()], |row| Ok(RecordId(row.get(0)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Records that give something back to a device, the newest first.
pub fn returned_to(conn: &View, device: &DeviceId, most: usize) -> Result<Vec<(UnionNumber, RecordId)>> {
    const SQL: &str = "SELECT owner, record FROM stray_return WHERE device = ?1 ORDER BY record DESC LIMIT ?2";
    let mut statement = conn.prepare_cached(SQL)?;
    let read = |row: &Row<'_>| Ok((tables::union(row.get(0)?)?, RecordId(row.get(1)?)));
    let rows = statement.query_map((device.as_bytes(), i64::try_from(most).unwrap_or(i64::MAX)), read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether anything is given back to this machine.
pub fn any_returned(conn: &View) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM feed f JOIN stray_return r ON r.device = f.device WHERE f.own)";
    Ok(conn.prepare_cached(SQL)?.query_row([], |row| row.get(0))?)
}
