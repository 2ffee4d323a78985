//! Which operation has which record id: one id of one owner is one record, whatever its kind. `numbers`: which record has
//! which number of a union; `directory`: what those unions are called; `organisation`: in what relation unions stand.

pub mod directory;
pub mod numbers;
pub mod organisation;

use huiliu_proto::{id::RecordId, union::UnionNumber};
use rusqlite::{OptionalExtension as _, Row};

use super::{Database, Result, View, place::RecordPlace, quarantine, tables, voids};
use crate::admission::Refusal;

/// Who has an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub kind: u32,
    pub place: RecordPlace,
}

fn claim(row: &Row<'_>) -> rusqlite::Result<Claim> {
    let place = RecordPlace {
        owner: tables::union(row.get(0)?)?,
        feed: row.get(2)?,
        seq: row.get::<_, i64>(3)?.unsigned_abs(),
    };
    Ok(Claim { kind: row.get(1)?, place })
}

/// Gives an id of the place's owner to the operation there. False where it is taken; then nothing changes.
pub fn add(conn: &Database, id: &RecordId, kind: u32, place: RecordPlace) -> Result<bool> {
    const SQL: &str =
        "INSERT INTO record (id, owner, kind, feed, seq) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
    let row = (id.as_bytes(), i64::from(place.owner), kind, place.feed, place.seq as i64);
    Ok(conn.prepare_cached(SQL)?.execute(row)? == 1)
}

pub fn get(conn: &View, owner: UnionNumber, id: &RecordId) -> Result<Option<Claim>> {
    let mut statement =
        conn.prepare_cached("SELECT owner, kind, feed, seq FROM record WHERE id = ?1 AND owner = ?2")?;
    Ok(statement.query_row((id.as_bytes(), i64::from(owner)), claim).optional()?)
}

/// All records of that id, by their owners' numbers: more than one only where a device chose the id on purpose.
pub fn of_id(conn: &View, id: &RecordId) -> Result<Vec<Claim>> {
    let mut statement =
        conn.prepare_cached("SELECT owner, kind, feed, seq FROM record WHERE id = ?1 ORDER BY owner")?;
    let rows = statement.query_map([id.as_bytes()], claim)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The record stands somewhere else now.
pub fn move_to(conn: &Database, id: &RecordId, place: RecordPlace) -> Result<()> {
    const SQL: &str = "UPDATE record SET feed = ?3, seq = ?4 WHERE id = ?1 AND owner = ?2";
    let row = (id.as_bytes(), i64::from(place.owner), place.feed, place.seq as i64);
    conn.prepare_cached(SQL)?.execute(row)?;
    Ok(())
}

/// An operation that says what the record says already.
pub fn add_repeat(conn: &Database, id: &RecordId, place: RecordPlace) -> Result<()> {
    const SQL: &str = "INSERT INTO repeat (id, owner, feed, seq) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    conn.prepare_cached(SQL)?.execute((id.as_bytes(), i64::from(place.owner), place.feed, place.seq as i64))?;
    Ok(())
}

/// It does so no more: it is where the record stands.
pub fn remove_repeat(conn: &Database, id: &RecordId, place: RecordPlace) -> Result<()> {
    const SQL: &str = "DELETE FROM repeat WHERE id = ?1 AND owner = ?2 AND feed = ?3 AND seq = ?4";
    conn.prepare_cached(SQL)?.execute((id.as_bytes(), i64::from(place.owner), place.feed, place.seq as i64))?;
    Ok(())
}

/// Every operation of the owner's feeds that is known to be about this id, whatever became of it.
pub fn operations(conn: &View, owner: UnionNumber, id: &RecordId) -> Result<Vec<(i64, u64)>> {
    const SQL: &str = r#"SELECT feed, seq FROM record WHERE id = ?1 AND owner = ?2
        UNION SELECT feed, seq FROM repeat WHERE id = ?1 AND owner = ?2
        UNION SELECT feed, seq FROM edit WHERE record = ?1 AND owner = ?2
        UNION SELECT feed, seq FROM void WHERE record = ?1 AND owner = ?2
        UNION SELECT q.feed, q.seq FROM quarantine q JOIN feed f ON f.no = q.feed
            WHERE q.record = ?1 AND f."union" = ?2"#;
    let mut statement = conn.prepare_cached(SQL)?;
    let rows = statement
        .query_map((id.as_bytes(), i64::from(owner)), |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Where the record of this id is said, as often as that is.
pub fn said(conn: &View, owner: UnionNumber, id: &RecordId) -> Result<Vec<(i64, u64)>> {
    const SQL: &str = "SELECT feed, seq FROM record WHERE id = ?1 AND owner = ?2
        UNION SELECT feed, seq FROM repeat WHERE id = ?1 AND owner = ?2";
    let mut statement = conn.prepare_cached(SQL)?;
    let rows = statement
        .query_map((id.as_bytes(), i64::from(owner)), |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether what the tables say of a record rests on the operation that stands here.
pub fn rests_on(conn: &View, id: &RecordId, place: RecordPlace) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM record WHERE id = ?1 AND owner = ?2 AND feed = ?3 AND seq = ?4)
        OR EXISTS (SELECT 1 FROM repeat WHERE id = ?1 AND owner = ?2 AND feed = ?3 AND seq = ?4)
        OR EXISTS (SELECT 1 FROM edit WHERE record = ?1 AND owner = ?2 AND feed = ?3 AND seq = ?4)
        OR EXISTS (SELECT 1 FROM void WHERE record = ?1 AND owner = ?2 AND feed = ?3 AND seq = ?4)";
    let mut statement = conn.prepare_cached(SQL)?;
    let row = (id.as_bytes(), i64::from(place.owner), place.feed, place.seq as i64);
    Ok(statement.query_row(row, |row| row.get(0))?)
}

/// Whether at least so many are.
pub fn are_many(conn: &View, owner: UnionNumber, id: &RecordId, many: usize) -> Result<bool> {
    const SQL: &str = r#"SELECT count(*) FROM (SELECT 1 FROM repeat WHERE id = ?1 AND owner = ?2
        UNION ALL SELECT 1 FROM edit WHERE record = ?1 AND owner = ?2
        UNION ALL SELECT 1 FROM void WHERE record = ?1 AND owner = ?2
        UNION ALL SELECT 1 FROM quarantine q JOIN feed f ON f.no = q.feed WHERE q.record = ?1 AND f."union" = ?2 LIMIT ?3)"#;
    let row = (id.as_bytes(), i64::from(owner), many as i64);
    Ok(conn.prepare_cached(SQL)?.query_row(row, |row| row.get::<_, i64>(0))? >= many as i64)
}

/// All that counted of a record counts no more, and is held until its turn comes (`quarantine::turn_in`).
pub fn hold_all(conn: &Database, owner: UnionNumber, id: &RecordId) -> Result<()> {
    const INTO: &str = "INSERT INTO quarantine (feed, seq, record, kind, reason, cause, field, awaits)";
    const HELD: &str = "ON CONFLICT (feed, seq) DO UPDATE SET reason = excluded.reason, cause = excluded.cause,
        field = NULL, awaits = excluded.awaits";
    let turn = quarantine::turn_in(id);
    let (early, void) = Refusal::early_void(turn).numbers();
    if let Some(claim) = get(conn, owner, id)? {
        for (from, cause) in [
            ("record WHERE id = ?1 AND owner = ?2", None),
            ("repeat WHERE id = ?1 AND owner = ?2", None),
            ("edit WHERE record = ?1 AND owner = ?2", None),
            ("void WHERE record = ?1 AND owner = ?2", void),
        ] {
            let sql = format!("{INTO} SELECT feed, seq, ?1, ?3, ?4, ?5, NULL, ?6 FROM {from} {HELD}");
            let row = (id.as_bytes(), i64::from(owner), claim.kind, early, cause, turn.0);
            conn.prepare_cached(&sql)?.execute(row)?;
        }
    }
    for table in ["record", "repeat"] {
        let sql = format!("DELETE FROM {table} WHERE id = ?1 AND owner = ?2");
        conn.prepare_cached(&sql)?.execute((id.as_bytes(), i64::from(owner)))?;
    }
    for table in ["edit", "conflict", "document"] {
        let sql = format!("DELETE FROM {table} WHERE record = ?1 AND owner = ?2");
        conn.prepare_cached(&sql)?.execute((id.as_bytes(), i64::from(owner)))?;
    }
    voids::forget(conn, owner, id)
}

/// Forgets all that `operations` names, but for the projection.
pub fn forget(conn: &Database, owner: UnionNumber, id: &RecordId) -> Result<()> {
    for sql in [
        "DELETE FROM record WHERE id = ?1 AND owner = ?2",
        "DELETE FROM repeat WHERE id = ?1 AND owner = ?2",
        "DELETE FROM edit WHERE record = ?1 AND owner = ?2",
        "DELETE FROM conflict WHERE record = ?1 AND owner = ?2",
        "DELETE FROM document WHERE record = ?1 AND owner = ?2",
        r#"DELETE FROM quarantine WHERE record = ?1 AND feed IN (SELECT no FROM feed WHERE "union" = ?2)"#,
    ] {
        conn.prepare_cached(sql)?.execute((id.as_bytes(), i64::from(owner)))?;
    }
    voids::forget(conn, owner, id)
}
