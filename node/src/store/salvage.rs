//! What cannot be computed, taken out of one file into a new one: for a backup that is put back, and for a database whose
//! computed part is damaged.
//!
//! Nothing else of the old file is believed or touched: no index, no page that is free, nothing that SQLite would run.
//! Whether what the feeds say was signed is the ledger's to judge, before.

use std::path::Path;

use huiliu_proto::{id::DeviceId, signed::Receipt};
use rusqlite::{params_from_iter, types::Value};

use super::{
    Cause, Database, Fault, Result, StoreError, View, connections, disk, meta, migrations, receipts, rollback, set_meta,
};

/// When a file was copied, milliseconds since 1970. It stays where the copy is put back.
pub(super) const TAKEN_AT: &str = "backup_at";
/// What stands before this line in the schema cannot be computed.
const CACHES: &str = "-- Caches.";
/// These are filled with judgement, not as they stand.
const JUDGED: [&str; 2] = ["meta", "receipt"];

/// Tables that are taken over.
fn kept() -> Vec<&'static str> {
    let core = migrations::SCHEMA.split(CACHES).next().unwrap_or_default();
    let names = core.lines().filter_map(|line| line.strip_prefix("CREATE TABLE ")?.split_whitespace().next());
    names.filter(|name| !JUDGED.contains(name)).collect()
}

/// All tables of which something is taken over, as it stands or after it was judged; of `meta` only when the file was
/// copied, and when it was put back.
pub(super) fn taken() -> Vec<&'static str> {
    let mut taken = kept();
    taken.push("receipt");
    taken
}

/// Refuses a file in which something stands that Huiliu does not make: a trigger would run when the file is written to, a
/// view may pose as a table. Of caches there may be others than this version's.
pub fn inspect(conn: &View) -> Result<()> {
    let core = migrations::SCHEMA.split(CACHES).next().unwrap_or_default();
    let expected = migrations::schema_from(core)?;
    let found = migrations::schema_of(conn)?;
    let altered = |name: &str| StoreError::Strange(name.chars().filter(|c| c.is_ascii_graphic()).take(64).collect());
    if let Some((_, name, _)) = found.iter().find(|(kind, ..)| !matches!(kind.as_str(), "table" | "index")) {
        return Err(altered(name));
    }
    let lacks = expected.iter().find(|one| !found.contains(one));
    lacks.map_or(Ok(()), |(_, name, _)| Err(altered(name)))
}

/// Makes `to` out of what is in `from`. Which feeds are own ones is seen from the device.
pub fn salvage(from: &View, to: &Path, device: &DeviceId) -> Result<()> {
    fill(from, to, device).map_err(|error| disk::judge(error, to))
}

fn fill(from: &View, to: &Path, device: &DeviceId) -> Result<()> {
    super::create(to)?;
    let conn = connections::writer(to)?;
    conn.execute_batch("BEGIN IMMEDIATE")?;
    for table in kept() {
        take(from, &conn, table)?;
    }
    for receipt in receipts::all(from)? {
        // One that nobody signed, or for something else than is said beside it, is left behind.
        match Receipt::verify(receipt.signed.clone()) {
            Ok(receipt) => receipts::put(&conn, &receipt)?,
            Err(error) => tracing::warn!(%error, "a receipt that is not good is not taken over"),
        }
    }
    if let Some(taken_at) = meta::<i64>(from, TAKEN_AT)? {
        set_meta(&conn, TAKEN_AT, taken_at)?;
    }
    match rollback::known(from)? {
        0 => {}
        incarnation => rollback::know(&conn, incarnation)?,
    }
    conn.execute("UPDATE feed SET applied = 0, own = (device = ?1)", [device.as_bytes()])?;
    conn.execute_batch("COMMIT")?;
    conn.close()?;
    Ok(())
}

/// Copies a table row by row, in the order of the table itself: its indexes are not asked.
fn take(from: &View, to: &Database, table: &str) -> Result<()> {
    let columns: Vec<String> = to
        .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))?
        .query_map([], |row| row.get::<_, String>(0).map(|name| format!("\"{name}\"")))?
        .collect::<rusqlite::Result<_>>()?;
    let names = columns.join(", ");
    let places = vec!["?"; columns.len()].join(", ");
    let mut insert = to.prepare(&format!("INSERT INTO \"{table}\" ({names}) VALUES ({places})"))?;
    let mut select = from.prepare(&format!("SELECT {names} FROM \"{table}\" NOT INDEXED"))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let values = (0..columns.len()).map(|at| row.get::<_, Value>(at)).collect::<rusqlite::Result<Vec<_>>>()?;
        insert.execute(params_from_iter(values))?;
    }
    Ok(())
}

/// What SQLite itself finds wrong with a file, in its words; a few of them.
pub fn broken_pages(conn: &View) -> Result<Vec<String>> {
    let mut statement = conn.prepare("PRAGMA integrity_check(4)")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let found: rusqlite::Result<Vec<String>> = rows.collect();
    match found {
        Ok(found) => Ok(found.into_iter().filter(|line| line != "ok").collect()),
        // It may not get so far as to say what is wrong.
        Err(error) => match Fault::from(error) {
            fault if fault.cause() == Cause::Damaged => Ok(vec![fault.to_string()]),
            fault => Err(StoreError::Sqlite(fault)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_over_is_what_cannot_be_computed() {
        let kept = kept();
        for table in ["feed", "segment", "tail", "block", "evidence", "stray", "invitation"] {
            assert!(kept.contains(&table), "{table}");
        }
        for table in ["document", "quarantine", "rollup", "region", "below", "meta"] {
            assert!(!kept.contains(&table), "{table}");
        }
    }

    #[test]
    fn a_file_with_something_foreign_in_it_is_refused() {
        for (sql, name) in [
            ("CREATE TRIGGER t AFTER INSERT ON segment BEGIN DELETE FROM evidence; END", Some("t")),
            ("CREATE VIEW v AS SELECT 1", Some("v")),
            ("ALTER TABLE feed ADD COLUMN more TEXT", Some("feed")),
            ("DROP INDEX feed_by_union", Some("feed_by_union")),
            ("CREATE TABLE mediator (record BLOB PRIMARY KEY) STRICT", None),
            ("DROP TABLE document", None),
        ] {
            let conn = Database::in_memory().unwrap();
            conn.execute_batch(migrations::SCHEMA).unwrap();
            inspect(&conn).unwrap();
            conn.execute_batch(sql).unwrap();
            match inspect(&conn) {
                Ok(()) => assert_eq!(name, None, "{sql}"),
                Err(StoreError::Strange(found)) => assert_eq!(Some(found.as_str()), name, "{sql}"),
                Err(error) => panic!("{error}"),
            }
        }
    }
}
