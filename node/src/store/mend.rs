//! Computed tables put right beside a program that serves: what differs from a rebuild, row by row, a few in a transaction.
//!
//! The rebuild is made in another file, so nobody waits for it. A row is changed only while it is what it was when that
//! file was begun: one that has been computed again meanwhile is left alone, and looked at in the next turn.

use std::{cmp::Ordering, path::Path};

use rusqlite::{Rows, params_from_iter, types::Value};

use super::{Database, Result, View, caches, connections};
use crate::document::Document;

/// Rows changed in one transaction: a few milliseconds.
const SLICE: usize = 100;
/// More is looked for in the next turn.
const ROWS_A_TURN: usize = 20_000;

type Row = Vec<Value>;

/// A row that is there and should not be, one that should and is not, or both of one key.
#[derive(Debug, PartialEq)]
pub struct Change {
    table: String,
    is: Option<Row>,
    should: Option<Row>,
}

/// What differs between the computed tables of two files.
pub fn differences(is: &View, should: &View) -> Result<Vec<Change>> {
    let mut all = vec![];
    for table in caches::names() {
        compare(is, should, &table, &mut all)?;
        if all.len() >= ROWS_A_TURN {
            break;
        }
    }
    Ok(all)
}

/// Goes through both in the order of their keys.
fn compare(is: &View, should: &View, table: &str, all: &mut Vec<Change>) -> Result<()> {
    let keys = key(should, table)?;
    let order: Vec<String> = keys.iter().map(|at| (at + 1).to_string()).collect();
    let sql = format!("SELECT * FROM \"{table}\" ORDER BY {}", order.join(", "));
    let (mut first, mut second) = (is.prepare(&sql)?, should.prepare(&sql)?);
    let columns = second.column_count();
    let (mut first, mut second) = (first.query([])?, second.query([])?);
    let (mut a, mut b) = (next(&mut first, columns)?, next(&mut second, columns)?);
    while (a.is_some() || b.is_some()) && all.len() < ROWS_A_TURN {
        let order = match (&a, &b) {
            (Some(a), Some(b)) => compare_keys(a, b, &keys),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let (mut is, mut should) = (None, None);
        if order.is_le() {
            is = std::mem::replace(&mut a, next(&mut first, columns)?);
        }
        if order.is_ge() {
            should = std::mem::replace(&mut b, next(&mut second, columns)?);
        }
        if !same(table, is.as_deref(), should.as_deref()) {
            all.push(Change { table: table.to_owned(), is, should });
        }
    }
    Ok(())
}

/// Which columns tell a table's rows apart.
fn key(conn: &View, table: &str) -> Result<Vec<usize>> {
    let mut statement =
        conn.prepare(&format!("SELECT cid FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk"))?;
    let found = statement.query_map([], |row| row.get::<_, i64>(0).map(|at| at as usize))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn next(rows: &mut Rows<'_>, columns: usize) -> Result<Option<Row>> {
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some((0..columns).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?))
}

fn compare_keys(a: &[Value], b: &[Value], keys: &[usize]) -> Ordering {
    keys.iter().map(|at| compare_values(&a[*at], &b[*at])).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// As SQLite orders them; keys are numbers, texts and bytes.
fn compare_values(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Integer(_) | Value::Real(_) => 1,
        Value::Text(_) => 2,
        Value::Blob(_) => 3,
    };
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Blob(a), Value::Blob(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn same(table: &str, a: Option<&[Value]>, b: Option<&[Value]>) -> bool {
    if a == b {
        return true;
    }
    // A snapshot's bytes may depend on the order of arrival; what it says may not.
    let (Some([a @ .., Value::Blob(x)]), Some([b @ .., Value::Blob(y)])) = (a, b) else { return false };
    table == "document"
        && a == b
        && matches!((Document::examine(x), Document::examine(y)), (Ok(x), Ok(y)) if x.state() == y.state())
}

/// Makes the changes in a file that others may be using, a few in each transaction. Returns how many rows were left alone,
/// because they are no longer what they were.
pub fn mend(file: &Path, changes: &[Change]) -> Result<usize> {
    let conn = connections::writer(file)?;
    let mut left = 0;
    for slice in changes.chunks(SLICE) {
        conn.execute_batch("BEGIN IMMEDIATE")?;
        for change in slice {
            left += usize::from(!make(&conn, change)?);
        }
        conn.execute_batch("COMMIT")?;
    }
    Ok(left)
}

fn make(conn: &Database, change: &Change) -> Result<bool> {
    let table = &change.table;
    let columns: Vec<String> = conn
        .prepare_cached(&format!("SELECT name FROM pragma_table_info('{table}')"))?
        .query_map([], |row| row.get::<_, String>(0).map(|name| format!("\"{name}\"")))?
        .collect::<rusqlite::Result<_>>()?;
    if let Some(is) = &change.is {
        let tests: Vec<String> = columns.iter().enumerate().map(|(n, name)| format!("{name} IS ?{}", n + 1)).collect();
        let sql = format!("DELETE FROM \"{table}\" WHERE {}", tests.join(" AND "));
        if conn.prepare_cached(&sql)?.execute(params_from_iter(is))? == 0 {
            return Ok(false);
        }
    }
    let Some(should) = &change.should else { return Ok(true) };
    let places = vec!["?"; columns.len()].join(", ");
    // One that is there by now was computed meanwhile.
    let sql = format!("INSERT OR IGNORE INTO \"{table}\" ({}) VALUES ({places})", columns.join(", "));
    Ok(conn.prepare_cached(&sql)?.execute(params_from_iter(should))? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: &str = "CREATE TABLE region (code INTEGER PRIMARY KEY, name TEXT) STRICT;";

    #[test]
    fn rows_that_moved_meanwhile_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("huiliu.db");
        super::super::create(&path).unwrap();
        let conn = connections::writer(&path).unwrap();
        let set = |rows: &str| conn.execute_batch(&format!("DELETE FROM region; INSERT INTO region VALUES {rows}"));
        set("(1, 0, NULL, 'a'), (2, 0, NULL, 'b'), (3, 0, NULL, 'c')").unwrap();
        let row = |code: i64, name: &str| {
            Some(vec![Value::Integer(code), Value::Integer(0), Value::Null, Value::Text(name.to_owned())])
        };
        let change = |is, should| Change { table: "region".into(), is, should };
        let changes = [
            change(row(1, "a"), row(1, "A")),
            change(row(2, "other"), row(2, "B")),
            change(row(3, "c"), None),
            change(None, row(4, "D")),
            change(None, row(2, "E")),
        ];
        assert_eq!(mend(&path, &changes).unwrap(), 2);
        let mut found = conn.prepare("SELECT code || name FROM region ORDER BY code").unwrap();
        let found: Vec<String> = found.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(found, ["1A", "2b", "4D"]);
    }

    #[test]
    fn every_difference_is_seen_once() {
        let of = |rows: &str| {
            let conn = Database::in_memory().unwrap();
            conn.execute_batch(&format!("{TABLES} INSERT INTO region VALUES {rows}")).unwrap();
            conn
        };
        let (is, should) = (of("(1, 'a'), (2, 'b'), (4, 'd')"), of("(2, 'b'), (3, 'c'), (4, 'e'), (5, 'f')"));
        let mut all = vec![];
        compare(&is, &should, "region", &mut all).unwrap();
        let codes = |row: &Option<Row>| row.as_ref().map(|row| row[0].clone());
        let found: Vec<_> = all.iter().map(|change| (codes(&change.is), codes(&change.should))).collect();
        let n = |n| Some(Value::Integer(n));
        assert_eq!(found, [(n(1), None), (None, n(3)), (n(4), n(4)), (None, n(5))]);
        all.clear();
        compare(&is, &is, "region", &mut all).unwrap();
        assert_eq!(all, []);
    }
}
