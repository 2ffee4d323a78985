//! Totals per union, measure and month, and what keeps them right as records come in.

use std::collections::BTreeMap;

use huiliu_proto::{id::RecordId, union::UnionNumber};
use rusqlite::Connection;

use super::{Result, tables};

/// (union, measure, month).
pub type Cell = (UnionNumber, u32, i32);

/// Adds to cells: `own` and `total` of each. SQLite turns a sum too large for an integer into a real number, which the
/// STRICT column refuses: an error, never a wrong total.
pub fn add(conn: &Connection, cells: &BTreeMap<Cell, (i64, i64)>) -> Result<()> {
    const SQL: &str = r#"INSERT INTO rollup ("union", measure, month, own, total) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT ("union", measure, month) DO UPDATE SET own = own + excluded.own, total = total + excluded.total"#;
    let mut statement = conn.prepare_cached(SQL)?;
    for ((union, measure, month), (own, total)) in cells {
        if (*own, *total) != (0, 0) {
            statement.execute((i64::from(*union), measure, month, own, total))?;
        }
    }
    Ok(())
}

/// What stands in the cells of one union and one month: measure, own, total.
pub fn month(conn: &Connection, union: UnionNumber, month: i32) -> Result<Vec<(u32, i64, i64)>> {
    let mut statement = conn.prepare_cached(
        r#"SELECT measure, own, total FROM rollup WHERE "union" = ?1 AND month = ?2 ORDER BY measure"#,
    )?;
    let rows = statement.query_map((i64::from(union), month), |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Sums over months `from..=to`, per measure: own, total.
pub fn sums(conn: &Connection, union: UnionNumber, from: i32, to: i32) -> Result<BTreeMap<u32, (i64, i64)>> {
    let mut statement = conn.prepare_cached(
        r#"SELECT measure, sum(own), sum(total) FROM rollup WHERE "union" = ?1 AND month BETWEEN ?2 AND ?3
        GROUP BY measure"#,
    )?;
    let rows = statement.query_map((i64::from(union), from, to), |r| Ok((r.get(0)?, (r.get(1)?, r.get(2)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The newest month with any cell for this union.
pub fn newest(conn: &Connection, union: UnionNumber) -> Result<Option<i32>> {
    let mut statement = conn.prepare_cached(r#"SELECT max(month) FROM rollup WHERE "union" = ?1"#)?;
    Ok(statement.query_row([i64::from(union)], |r| r.get(0))?)
}

/// Notes that a mediator was in an enterprise on a day. True where that day is new.
pub fn add_field_day(conn: &Connection, mediator: &[u8], day: i64) -> Result<bool> {
    let mut statement =
        conn.prepare_cached("INSERT INTO field_day (mediator, day) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
    Ok(statement.execute((mediator, day))? == 1)
}

/// The ratings of an enterprise in the order in which they hold: day, id, grade.
pub fn ratings(conn: &Connection, enterprise: &[u8]) -> Result<Vec<(i64, RecordId, i64)>> {
    let mut statement = conn
        .prepare_cached("SELECT rated_on, record, grade FROM rating WHERE enterprise = ?1 ORDER BY rated_on, record")?;
    let rows = statement.query_map([enterprise], |r| Ok((r.get(0)?, RecordId(r.get(1)?), r.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn add_due(conn: &Connection, union: UnionNumber, month: i32) -> Result<()> {
    let mut statement =
        conn.prepare_cached(r#"INSERT INTO statement_due ("union", month) VALUES (?1, ?2) ON CONFLICT DO NOTHING"#)?;
    statement.execute((i64::from(union), month))?;
    Ok(())
}

/// Unions and months whose statement is out of date.
pub fn due(conn: &Connection) -> Result<Vec<(UnionNumber, i32)>> {
    let mut statement = conn.prepare_cached(r#"SELECT "union", month FROM statement_due ORDER BY "union", month"#)?;
    Ok(statement.query_map([], |r| Ok((tables::union(r.get(0)?)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

/// Unions and months that a statement was written about.
pub fn stated(conn: &Connection) -> Result<Vec<(UnionNumber, i32)>> {
    let mut statement = conn.prepare_cached(r#"SELECT DISTINCT "union", month FROM statement"#)?;
    Ok(statement.query_map([], |r| Ok((tables::union(r.get(0)?)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

pub fn clear_due(conn: &Connection, union: UnionNumber, month: i32) -> Result<()> {
    conn.prepare_cached(r#"DELETE FROM statement_due WHERE "union" = ?1 AND month = ?2"#)?
        .execute((i64::from(union), month))?;
    Ok(())
}

/// Figures of the latest statement about a union and month; with `not`, of the latest but that one.
pub fn statement(
    conn: &Connection,
    union: UnionNumber,
    month: i32,
    not: Option<&RecordId>,
) -> Result<BTreeMap<u32, i64>> {
    let mut statement = conn.prepare_cached(
        r#"SELECT f.measure, f.value FROM statement_figures f WHERE f.value IS NOT NULL AND f.record = (
            SELECT record FROM statement WHERE "union" = ?1 AND month = ?2 AND (?3 IS NULL OR record <> ?3)
            ORDER BY record DESC LIMIT 1)"#,
    )?;
    let rows = statement.query_map((i64::from(union), month, not.map(|r| r.0)), |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The latest statement about a union and month: its id.
pub fn latest_statement(conn: &Connection, union: UnionNumber, month: i32) -> Result<Option<RecordId>> {
    let mut statement =
        conn.prepare_cached(r#"SELECT max(record) FROM statement WHERE "union" = ?1 AND month = ?2"#)?;
    Ok(statement.query_row((i64::from(union), month), |r| r.get::<_, Option<[u8; 16]>>(0))?.map(RecordId))
}
