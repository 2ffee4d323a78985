//! Work that one job began and others go on with: what a single operation brings about may be more than one job may do.
//!
//! Computed from the feeds like the quarantine, and empty wherever all that is stored is applied.

use huiliu_proto::{
    id::{DeviceId, Hash, RecordId},
    union::UnionNumber,
};
use rusqlite::{OptionalExtension as _, Row};

use super::{Database, Result, View, tables};
use crate::admission::Cause;

/// `arrived`: what was waited for has come; operations that wait for it, after the one at `feed` and `seq`, are still to be
/// judged. `ruled`: operations that the union above has ruled on, or had, and that are still to be judged again. `withdrawn`:
/// feeds that are taken out again, because their devices are enrolled no more. `yielding`: feeds that give way to another
/// history, from `stays` on; what stands from `until` on is taken out, and of an own feed what stands before `said` is said
/// again. `anew`: records that are still to be made again, whatever is known of them then. `remade`: records that were taken
/// out, and of which what is held is judged again, after the operation at
/// `feed` and `seq`. `recalled` and `unrevoked`: the same of all a union's that are held for a cause, and of its revocations of a
/// device of `of`; those up to a place have been.
pub const CREATE: &str = r#"DROP TABLE IF EXISTS arrived;
    CREATE TABLE arrived (record BLOB NOT NULL, owner INTEGER NOT NULL, change BLOB NOT NULL, feed INTEGER NOT NULL,
    seq INTEGER NOT NULL, PRIMARY KEY (record, owner, change)) STRICT, WITHOUT ROWID;
    CREATE INDEX arrived_by_owner ON arrived (owner);
    DROP TABLE IF EXISTS ruled;
    CREATE TABLE ruled (feed INTEGER NOT NULL, first INTEGER NOT NULL, after INTEGER NOT NULL,
    PRIMARY KEY (feed, first, after)) STRICT, WITHOUT ROWID;
    DROP TABLE IF EXISTS withdrawn;
    CREATE TABLE withdrawn (feed INTEGER PRIMARY KEY) STRICT;
    DROP TABLE IF EXISTS yielding;
    CREATE TABLE yielding (feed INTEGER PRIMARY KEY, at INTEGER NOT NULL, stays INTEGER NOT NULL,
    until INTEGER NOT NULL, said INTEGER NOT NULL) STRICT;
    DROP TABLE IF EXISTS anew;
    CREATE TABLE anew (record BLOB NOT NULL, owner INTEGER NOT NULL, PRIMARY KEY (record, owner)) STRICT, WITHOUT ROWID;
    CREATE INDEX anew_by_owner ON anew (owner);
    DROP TABLE IF EXISTS remade;
    CREATE TABLE remade (record BLOB NOT NULL, owner INTEGER NOT NULL, feed INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (record, owner)) STRICT, WITHOUT ROWID;
    CREATE INDEX remade_by_owner ON remade (owner);
    DROP TABLE IF EXISTS recalled;
    CREATE TABLE recalled (owner INTEGER NOT NULL, cause INTEGER NOT NULL, field INTEGER NOT NULL, feed INTEGER NOT NULL,
    seq INTEGER NOT NULL, PRIMARY KEY (owner, cause, field)) STRICT, WITHOUT ROWID;
    DROP TABLE IF EXISTS unrevoked;
    CREATE TABLE unrevoked (owner INTEGER NOT NULL, device BLOB NOT NULL, "of" INTEGER NOT NULL, record BLOB NOT NULL,
    PRIMARY KEY (owner, device, "of")) STRICT, WITHOUT ROWID;"#;

/// Made anew with the projections.
pub fn create(conn: &Database) -> Result<()> {
    Ok(conn.execute_batch(CREATE)?)
}

/// Those that wait for a change, a void or an entry have it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    pub owner: UnionNumber,
    pub record: RecordId,
    pub change: Hash,
    /// Of those that wait, this one and all before it were judged.
    pub done: Option<(i64, u64)>,
}

/// It is gone on with later. Where that was so before, from the beginning or from where it had come to.
pub fn add_arrived(conn: &Database, arrived: &Arrived) -> Result<()> {
    const SQL: &str = "INSERT OR REPLACE INTO arrived (record, owner, change, feed, seq) VALUES (?1, ?2, ?3, ?4, ?5)";
    let (feed, seq) = arrived.done.map_or((-1, -1), |(feed, seq)| (feed, seq as i64));
    let row = (arrived.record.as_bytes(), i64::from(arrived.owner), arrived.change.as_bytes(), feed, seq);
    conn.prepare_cached(SQL)?.execute(row)?;
    Ok(())
}

/// The first of them, which is then nobody's any more.
pub fn take_arrived(conn: &Database) -> Result<Option<Arrived>> {
    const SQL: &str = "DELETE FROM arrived WHERE (record, owner, change) IN
        (SELECT record, owner, change FROM arrived ORDER BY record, owner, change LIMIT 1)
        RETURNING record, owner, change, feed, seq";
    let taken = conn.prepare_cached(SQL)?.query_row([], |row| {
        let (feed, seq) = (row.get::<_, i64>(3)?, row.get::<_, i64>(4)?);
        Ok(Arrived {
            record: RecordId(row.get(0)?),
            owner: tables::union(row.get(1)?)?,
            change: Hash(row.get(2)?),
            done: (feed >= 0).then_some((feed, seq.unsigned_abs())),
        })
    });
    Ok(taken.optional()?)
}

/// Operations `first..after` of a feed are judged later, as they are ruled on then.
pub fn add_ruled(conn: &Database, feed: i64, first: u64, after: u64) -> Result<()> {
    const SQL: &str = "INSERT INTO ruled (feed, first, after) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    conn.prepare_cached(SQL)?.execute((feed, first as i64, after as i64))?;
    Ok(())
}

/// The first of these ranges, which is then nobody's any more: feed, first, after.
pub fn take_ruled(conn: &Database) -> Result<Option<(i64, u64, u64)>> {
    const SQL: &str = "DELETE FROM ruled WHERE (feed, first, after) IN
        (SELECT feed, first, after FROM ruled ORDER BY feed, first, after LIMIT 1) RETURNING feed, first, after";
    let number = |n: i64| n.unsigned_abs();
    let taken =
        conn.prepare_cached(SQL)?.query_row([], |row| Ok((row.get(0)?, number(row.get(1)?), number(row.get(2)?))));
    Ok(taken.optional()?)
}

/// A feed is taken out again.
pub fn add_withdrawn(conn: &Database, feed: i64) -> Result<()> {
    conn.prepare_cached("INSERT INTO withdrawn (feed) VALUES (?1) ON CONFLICT DO NOTHING")?.execute([feed])?;
    Ok(())
}

/// It has been, or it is not to be any more.
pub fn end_withdrawn(conn: &Database, feed: i64) -> Result<()> {
    conn.prepare_cached("DELETE FROM withdrawn WHERE feed = ?1")?.execute([feed])?;
    Ok(())
}

/// One that is.
pub fn withdrawn(conn: &View) -> Result<Option<i64>> {
    Ok(conn.prepare_cached("SELECT min(feed) FROM withdrawn")?.query_row([], |row| row.get(0))?)
}

/// Whether this one is.
pub fn is_withdrawn(conn: &View, feed: i64) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM withdrawn WHERE feed = ?1)";
    Ok(conn.prepare_cached(SQL)?.query_row([feed], |row| row.get(0))?)
}

/// A record is made again later.
pub fn add_anew(conn: &Database, owner: UnionNumber, record: &RecordId) -> Result<()> {
    const SQL: &str = "INSERT INTO anew (record, owner) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    conn.prepare_cached(SQL)?.execute((record.as_bytes(), i64::from(owner)))?;
    Ok(())
}

/// A record is made again in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remade {
    pub owner: UnionNumber,
    pub record: RecordId,
    /// Of what is held of it, this one and all before it in the order of a rebuild were judged.
    pub done: Option<(i64, u64)>,
}

/// From where a job has come to, or from the beginning.
pub fn set_remade(conn: &Database, remade: &Remade) -> Result<()> {
    const SQL: &str = "INSERT OR REPLACE INTO remade (record, owner, feed, seq) VALUES (?1, ?2, ?3, ?4)";
    let (feed, seq) = remade.done.map_or((-1, -1), |(feed, seq)| (feed, seq as i64));
    conn.prepare_cached(SQL)?.execute((remade.record.as_bytes(), i64::from(remade.owner), feed, seq))?;
    Ok(())
}

pub fn end_remade(conn: &Database, owner: UnionNumber, record: &RecordId) -> Result<()> {
    const SQL: &str = "DELETE FROM remade WHERE record = ?1 AND owner = ?2";
    conn.prepare_cached(SQL)?.execute((record.as_bytes(), i64::from(owner)))?;
    Ok(())
}

/// How far a record is made again, if it is.
pub fn remade(conn: &View, owner: UnionNumber, record: &RecordId) -> Result<Option<Remade>> {
    const SQL: &str = "SELECT record, owner, feed, seq FROM remade WHERE record = ?1 AND owner = ?2";
    let mut statement = conn.prepare_cached(SQL)?;
    Ok(statement.query_row((record.as_bytes(), i64::from(owner)), remade_row).optional()?)
}

/// One that is.
pub fn any_remade(conn: &View) -> Result<Option<Remade>> {
    const SQL: &str = "SELECT record, owner, feed, seq FROM remade ORDER BY record, owner LIMIT 1";
    Ok(conn.prepare_cached(SQL)?.query_row([], remade_row).optional()?)
}

/// A union's that are.
pub fn remade_of(conn: &View, owner: UnionNumber) -> Result<Vec<Remade>> {
    const SQL: &str = "SELECT record, owner, feed, seq FROM remade WHERE owner = ?1 ORDER BY record";
    let mut statement = conn.prepare_cached(SQL)?;
    let rows = statement.query_map([i64::from(owner)], remade_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn remade_row(row: &Row<'_>) -> rusqlite::Result<Remade> {
    let (feed, seq) = (row.get::<_, i64>(2)?, row.get::<_, i64>(3)?);
    let done = (feed >= 0).then_some((feed, seq.unsigned_abs()));
    Ok(Remade { record: RecordId(row.get(0)?), owner: tables::union(row.get(1)?)?, done })
}

/// What is held for a cause, and perhaps some more, is judged again: revocations of a device, numbers that another record has or
/// that are outside the blocks of their device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recalled {
    pub owner: UnionNumber,
    pub cause: Cause,
    /// This one and all before it were.
    pub done: Option<(i64, u64)>,
}

/// From the beginning, also where some of it was.
pub fn recall(conn: &Database, owner: UnionNumber, cause: Cause) -> Result<()> {
    add_recalled(conn, "REPLACE", &Recalled { owner, cause, done: None })
}

/// From where a job has come to, unless it is to be from the beginning since.
pub fn go_on_recalling(conn: &Database, recalled: &Recalled) -> Result<()> {
    add_recalled(conn, "IGNORE", recalled)
}

fn add_recalled(conn: &Database, otherwise: &str, recalled: &Recalled) -> Result<()> {
    let Recalled { owner, cause, done } = recalled;
    let (feed, seq) = done.map_or((-1, -1), |(feed, seq)| (feed, seq as i64));
    let sql =
        format!("INSERT OR {otherwise} INTO recalled (owner, cause, field, feed, seq) VALUES (?1, ?2, ?3, ?4, ?5)");
    conn.prepare_cached(&sql)?.execute((i64::from(*owner), cause.code, cause.field.unwrap_or_default(), feed, seq))?;
    Ok(())
}

/// The first of them, which is then nobody's any more.
pub fn take_recalled(conn: &Database) -> Result<Option<Recalled>> {
    const SQL: &str = "DELETE FROM recalled WHERE (owner, cause, field) IN
        (SELECT owner, cause, field FROM recalled ORDER BY owner, cause, field LIMIT 1)
        RETURNING owner, cause, field, feed, seq";
    let taken = conn.prepare_cached(SQL)?.query_row([], |row| {
        let (feed, seq) = (row.get::<_, i64>(3)?, row.get::<_, i64>(4)?);
        Ok(Recalled {
            owner: tables::union(row.get(0)?)?,
            cause: Cause { code: row.get(1)?, field: Some(row.get(2)?) },
            done: (feed >= 0).then_some((feed, seq.unsigned_abs())),
        })
    });
    Ok(taken.optional()?)
}

/// Revocations by a union of a device of `of` are judged again, since it enrols that no more: those after `done`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unrevoked {
    pub owner: UnionNumber,
    pub device: DeviceId,
    pub of: UnionNumber,
    pub done: RecordId,
}

/// From the beginning, also where some of it was.
pub fn unrevoke(conn: &Database, owner: UnionNumber, device: &DeviceId, of: UnionNumber) -> Result<()> {
    add_unrevoked(conn, "REPLACE", &Unrevoked { owner, device: *device, of, done: RecordId([0; 16]) })
}

/// From where a job has come to, unless it is to be from the beginning since.
pub fn go_on_unrevoking(conn: &Database, unrevoked: &Unrevoked) -> Result<()> {
    add_unrevoked(conn, "IGNORE", unrevoked)
}

fn add_unrevoked(conn: &Database, otherwise: &str, unrevoked: &Unrevoked) -> Result<()> {
    let Unrevoked { owner, device, of, done } = unrevoked;
    let sql = format!(r#"INSERT OR {otherwise} INTO unrevoked (owner, device, "of", record) VALUES (?1, ?2, ?3, ?4)"#);
    conn.prepare_cached(&sql)?.execute((i64::from(*owner), device.as_bytes(), i64::from(*of), done.as_bytes()))?;
    Ok(())
}

/// The first of them, which is then nobody's any more.
pub fn take_unrevoked(conn: &Database) -> Result<Option<Unrevoked>> {
    const SQL: &str = r#"DELETE FROM unrevoked WHERE (owner, device, "of") IN
        (SELECT owner, device, "of" FROM unrevoked ORDER BY owner, device, "of" LIMIT 1)
        RETURNING owner, device, "of", record"#;
    let taken = conn.prepare_cached(SQL)?.query_row([], |row| {
        let (owner, of) = (tables::union(row.get(0)?)?, tables::union(row.get(2)?)?);
        Ok(Unrevoked { owner, device: DeviceId(row.get(1)?), of, done: RecordId(row.get(3)?) })
    });
    Ok(taken.optional()?)
}

/// Some of the revocations by a union of a device of `of`, after one.
pub fn revocations(conn: &View, unrevoked: &Unrevoked, most: usize) -> Result<Vec<RecordId>> {
    const SQL: &str = r#"SELECT record FROM revocation WHERE device = ?1 AND owner = ?2 AND "union" = ?3 AND record > ?4
        ORDER BY record LIMIT ?5"#;
    let Unrevoked { owner, device, of, done } = unrevoked;
    let mut statement = conn.prepare_cached(SQL)?;
    let of = (device.as_bytes(), i64::from(*owner), i64::from(*of), done.as_bytes(), most as i64);
    let rows = statement.query_map(of, |row| Ok(RecordId(row.get(0)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One of these records, which is then nobody's any more.
pub fn take_anew(conn: &Database) -> Result<Option<(UnionNumber, RecordId)>> {
    const SQL: &str = "DELETE FROM anew WHERE (record, owner) IN (SELECT record, owner FROM anew
        ORDER BY record, owner LIMIT 1) RETURNING owner, record";
    let taken = conn.prepare_cached(SQL)?.query_row([], |row| Ok((tables::union(row.get(0)?)?, RecordId(row.get(1)?))));
    Ok(taken.optional()?)
}

/// A feed that gives way to another history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Yielding {
    pub feed: i64,
    /// Where the two part, and so much of it can stay.
    pub at: u64,
    pub stays: u64,
    /// Operations before this one are still to be taken out.
    pub until: u64,
    /// Of an own feed, those from this one on are then still to be said again.
    pub said: u64,
}

pub fn set_yielding(conn: &Database, yielding: &Yielding) -> Result<()> {
    const SQL: &str = "INSERT OR REPLACE INTO yielding (feed, at, stays, until, said) VALUES (?1, ?2, ?3, ?4, ?5)";
    let Yielding { feed, at, stays, until, said } = *yielding;
    conn.prepare_cached(SQL)?.execute((feed, at as i64, stays as i64, until as i64, said as i64))?;
    Ok(())
}

/// It has given way, or is not to any more.
pub fn end_yielding(conn: &Database, feed: i64) -> Result<()> {
    conn.prepare_cached("DELETE FROM yielding WHERE feed = ?1")?.execute([feed])?;
    Ok(())
}

/// Those that do.
pub fn yielding(conn: &View) -> Result<Vec<Yielding>> {
    const SQL: &str = "SELECT feed, at, stays, until, said FROM yielding ORDER BY feed";
    let number = |row: &Row<'_>, at| row.get::<_, i64>(at).map(i64::unsigned_abs);
    let mut statement = conn.prepare_cached(SQL)?;
    let found = statement.query_map([], |row| {
        let (at, stays, until, said) = (number(row, 1)?, number(row, 2)?, number(row, 3)?, number(row, 4)?);
        Ok(Yielding { feed: row.get(0)?, at, stays, until, said })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Whether this one does.
pub fn yields(conn: &View, feed: i64) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM yielding WHERE feed = ?1)";
    Ok(conn.prepare_cached(SQL)?.query_row([feed], |row| row.get(0))?)
}

/// Whether it does, and loses this operation.
pub fn loses(conn: &View, feed: i64, seq: u64) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM yielding WHERE feed = ?1 AND stays <= ?2)";
    Ok(conn.prepare_cached(SQL)?.query_row((feed, seq as i64), |row| row.get(0))?)
}

/// Whether there is anything.
pub fn any(conn: &View) -> Result<bool> {
    Ok(any_besides_yielding(conn)? || !yielding(conn)?.is_empty())
}

/// Whether there is anything besides histories that give way.
pub fn any_besides_yielding(conn: &View) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM arrived) OR EXISTS (SELECT 1 FROM ruled)
        OR EXISTS (SELECT 1 FROM withdrawn) OR EXISTS (SELECT 1 FROM anew)
        OR EXISTS (SELECT 1 FROM remade) OR EXISTS (SELECT 1 FROM recalled) OR EXISTS (SELECT 1 FROM unrevoked)";
    Ok(conn.prepare_cached(SQL)?.query_row([], |row| row.get(0))?)
}

/// Whether there is anything about records of a union.
pub fn any_of(conn: &View, union: UnionNumber) -> Result<bool> {
    const SQL: &str = r#"SELECT EXISTS (SELECT 1 FROM arrived WHERE owner = ?1)
        OR EXISTS (SELECT 1 FROM ruled JOIN feed ON feed.no = ruled.feed WHERE feed."union" = ?1)
        OR EXISTS (SELECT 1 FROM withdrawn JOIN feed ON feed.no = withdrawn.feed WHERE feed."union" = ?1)
        OR EXISTS (SELECT 1 FROM anew WHERE owner = ?1)
        OR EXISTS (SELECT 1 FROM remade WHERE owner = ?1)
        OR EXISTS (SELECT 1 FROM recalled WHERE owner IN (?1, ?2))
        OR EXISTS (SELECT 1 FROM unrevoked WHERE "of" = ?1)
        OR EXISTS (SELECT 1 FROM yielding JOIN feed ON feed.no = yielding.feed WHERE feed."union" = ?1)"#;
    // Revocations of its devices are the records of the union above.
    let both = [union, union.enroller()].map(i64::from);
    Ok(conn.prepare_cached(SQL)?.query_row(both, |row| row.get(0))?)
}
