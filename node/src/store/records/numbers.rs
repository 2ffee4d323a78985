//! Which record of a union has which number that the union gave.
//!
//! Computed from the feeds: of several edits that give a number the one has it that comes first where all is computed again.

use huiliu_proto::{id::RecordId, union::UnionNumber};
use rusqlite::OptionalExtension as _;

use crate::store::{Database, Result, View, place::RecordPlace};

/// The table, as `CREATE` makes it.
pub const TABLE: &str = "number_given";

/// A number stays given when its record is voided, or shows another.
pub const CREATE: &str =
    "CREATE TABLE number_given (owner INTEGER NOT NULL, number INTEGER NOT NULL, record BLOB NOT NULL,
    feed INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (owner, number)) STRICT, WITHOUT ROWID;
    CREATE INDEX number_given_by_record ON number_given (record, owner);";

/// The record that has a number, and where it was given.
pub fn holder(conn: &View, owner: UnionNumber, number: UnionNumber) -> Result<Option<(RecordId, RecordPlace)>> {
    const SQL: &str = "SELECT record, feed, seq FROM number_given WHERE owner = ?1 AND number = ?2";
    let mut statement = conn.prepare_cached(SQL)?;
    let found = statement.query_row((i64::from(owner), i64::from(number)), |row| {
        let place = RecordPlace { owner, feed: row.get(1)?, seq: row.get::<_, i64>(2)?.unsigned_abs() };
        Ok((RecordId(row.get(0)?), place))
    });
    Ok(found.optional()?)
}

/// Gives a number of the place's owner to a record, whoever had it.
pub fn give(conn: &Database, number: UnionNumber, record: &RecordId, place: RecordPlace) -> Result<()> {
    const SQL: &str = "INSERT INTO number_given (owner, number, record, feed, seq) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (owner, number) DO UPDATE SET record = excluded.record, feed = excluded.feed, seq = excluded.seq";
    let row = (i64::from(place.owner), i64::from(number), record.as_bytes(), place.feed, place.seq as i64);
    conn.prepare_cached(SQL)?.execute(row)?;
    Ok(())
}

/// Takes from a record what it was given, and says what that was.
pub fn take(conn: &Database, owner: UnionNumber, record: &RecordId) -> Result<Vec<UnionNumber>> {
    const SQL: &str = "DELETE FROM number_given WHERE record = ?1 AND owner = ?2 RETURNING number";
    let mut statement = conn.prepare_cached(SQL)?;
    let rows =
        statement.query_map((record.as_bytes(), i64::from(owner)), |row| crate::store::tables::union(row.get(0)?))?;
    let mut taken = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    taken.sort_unstable();
    Ok(taken)
}

/// The records that have the union's numbers from `first` to `last`, and the feeds in which those were given.
pub fn given(conn: &View, owner: UnionNumber, first: UnionNumber, last: UnionNumber) -> Result<Vec<(RecordId, i64)>> {
    const SQL: &str = "SELECT record, feed FROM number_given WHERE owner = ?1 AND number BETWEEN ?2 AND ?3";
    let mut statement = conn.prepare_cached(SQL)?;
    let row = (i64::from(owner), i64::from(first), i64::from(last));
    let rows = statement.query_map(row, |row| Ok((RecordId(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The highest number from `first` to `last` that the union has given.
pub fn last(conn: &View, owner: UnionNumber, first: UnionNumber, last: UnionNumber) -> Result<Option<UnionNumber>> {
    const SQL: &str = "SELECT max(number) FROM number_given WHERE owner = ?1 AND number BETWEEN ?2 AND ?3";
    let row = (i64::from(owner), i64::from(first), i64::from(last));
    let found: Option<i64> = conn.prepare_cached(SQL)?.query_row(row, |row| row.get(0))?;
    Ok(found.map(crate::store::tables::union).transpose()?)
}
