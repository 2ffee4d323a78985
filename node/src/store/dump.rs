//! What a file holds, for whoever holds two against each other: every table's rows as text, and how much stands for whom.

use std::collections::BTreeMap;

use huiliu_proto::{
    id::{FeedId, RecordId},
    union::UnionNumber,
};
use rusqlite::types::Value;

use super::{Result, StoreError, View, feeds::FeedRow, tables};
use crate::document::Document;

/// A table's rows, each as text, in one order.
pub type Table = Vec<String>;

/// Every table, but for the count that each process keeps of its own transactions.
pub fn all(conn: &View) -> Result<BTreeMap<String, Table>> {
    let mut names = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
    let names: Vec<String> = names.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    names.into_iter().map(|name| table(conn, &name).map(|table| (name, table))).collect()
}

fn table(conn: &View, name: &str) -> Result<Table> {
    let mut statement = conn.prepare(&format!("SELECT * FROM \"{name}\""))?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    let mut table = Table::new();
    while let Some(row) = rows.next()? {
        let mut text = String::new();
        for (at, column) in columns.iter().enumerate() {
            let value: Value = row.get(at)?;
            // A document's bytes may depend on the order of arrival; what it says may not.
            match (&value, name, column.as_str()) {
                (Value::Blob(snapshot), "document", "snapshot") => {
                    let document =
                        Document::examine(snapshot).map_err(|_| StoreError::Damaged("a document's snapshot"))?;
                    text += &format!("{column}={} ", document.state());
                }
                _ => text += &format!("{column}={value:?} "),
            }
        }
        if !(name == "meta" && text.starts_with("key=Text(\"transaction\")")) {
            table.push(text);
        }
    }
    table.sort_unstable();
    Ok(table)
}

/// Rows that stand for a feed, wherever they do.
pub fn rows_of(conn: &View, row: &FeedRow) -> Result<u64> {
    let mut rows = 1;
    for table in ["segment", "block", "record", "repeat", "edit", "quarantine"] {
        let sql = format!("SELECT count(*) FROM \"{table}\" WHERE feed = ?1");
        rows += conn.prepare_cached(&sql)?.query_one([row.no], |row| row.get::<_, i64>(0))?.unsigned_abs();
    }
    for table in ["arrival", "receipt", "stray"] {
        rows += rows_with(conn, table, &row.feed.id)?;
    }
    Ok(rows)
}

/// Operations that were cut off from a feed and are still here.
pub fn strays(conn: &View, feed: &FeedId) -> Result<u64> {
    rows_with(conn, "stray", feed)
}

fn rows_with(conn: &View, table: &str, feed: &FeedId) -> Result<u64> {
    let sql = format!("SELECT count(*) FROM \"{table}\" WHERE feed = ?1");
    Ok(conn.prepare_cached(&sql)?.query_one([feed.as_bytes()], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// Every document: whose it is, and the bytes that its snapshot takes.
pub fn documents(conn: &View) -> Result<Vec<(UnionNumber, RecordId, u64)>> {
    let mut statement = conn.prepare("SELECT owner, record, length(snapshot) FROM document")?;
    let rows = statement.query_map([], |row| {
        Ok((tables::union(row.get(0)?)?, RecordId(row.get(1)?), row.get::<_, i64>(2)?.unsigned_abs()))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
