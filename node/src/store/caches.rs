//! The tables that are computed from the feeds: emptied for a rebuild, and held against one.

use huiliu_proto::id::Hash;
use rusqlite::types::ValueRef;

use super::{Database, Result, StoreError, View, derivation, meta, projection};
use crate::document::Document;

/// Tables that are computed, besides the projections.
const CACHES: [&str; 8] = ["record", "repeat", "edit", "conflict", "quarantine", "rollup", "field_day", "document"];
/// Tables that this version has built in.
const BUILT_IN: [&str; 2] = ["region", "below"];

/// Empties them; the projections are dropped and made again where they are declared.
pub fn clear(conn: &Database) -> Result<()> {
    for table in CACHES {
        conn.execute_batch(&format!("DELETE FROM \"{table}\""))?;
    }
    Ok(())
}

/// Whether the computed tables were made by other declarations than this version's. Not so of a new file, which has none.
pub fn outdated(conn: &View) -> Result<bool> {
    Ok(are_ours(conn)? == Some(false))
}

/// Whether the computed tables are there, and made by this version's declarations.
pub fn current(conn: &View) -> Result<bool> {
    Ok(are_ours(conn)? == Some(true))
}

/// Whether the computed tables were made by this version's declarations; `None` where there are none.
fn are_ours(conn: &View) -> Result<Option<bool>> {
    let stored: Option<Vec<u8>> = meta(conn, "projection")?;
    Ok(stored.map(|stored| stored == derivation::version().as_bytes()))
}

/// All computed tables.
pub fn names() -> Vec<String> {
    projection::tables().into_iter().chain(CACHES.map(str::to_owned)).chain(BUILT_IN.map(str::to_owned)).collect()
}

/// A hash per computed table: equal before and after a rebuild.
pub fn digest(conn: &View) -> Result<Vec<(String, Hash)>> {
    let mut all = vec![];
    for table in names() {
        let digest = table_digest(conn, &table)?;
        all.push((table, digest));
    }
    Ok(all)
}

fn table_digest(conn: &View, table: &str) -> Result<Hash> {
    use sha2::{Digest as _, Sha256};
    // The first columns of each of these tables are its key: at most four.
    let columns = conn.prepare(&format!("SELECT * FROM \"{table}\""))?.column_count();
    let key: Vec<String> = (1..=columns.min(4)).map(|n| n.to_string()).collect();
    let mut statement = conn.prepare(&format!("SELECT * FROM \"{table}\" ORDER BY {}", key.join(", ")))?;
    let mut rows = statement.query([])?;
    let mut hash = Sha256::new();
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            match row.get_ref(column)? {
                // A snapshot's bytes may depend on the order of arrival; what it says may not.
                ValueRef::Blob(snapshot) if table == "document" && column == columns - 1 => {
                    let document =
                        Document::examine(snapshot).map_err(|_| StoreError::Damaged("a document's snapshot"))?;
                    hash.update(document.state().as_bytes());
                }
                ValueRef::Null => hash.update([0]),
                ValueRef::Integer(v) => hash.update([&[1][..], &v.to_be_bytes()].concat()),
                ValueRef::Real(v) => hash.update([&[2][..], &v.to_be_bytes()].concat()),
                ValueRef::Text(v) => hash.update([&[3][..], &(v.len() as u64).to_be_bytes(), v].concat()),
                ValueRef::Blob(v) => hash.update([&[4][..], &(v.len() as u64).to_be_bytes(), v].concat()),
            }
        }
    }
    Ok(Hash(hash.finalize().into()))
}
