//! The floor: the same rows into the same table with the same indexes and durability, by a bare loop. Nothing that
//! stores them in SQLite can be faster; what the whole path takes beyond it is what this project adds.

use std::{path::Path, time::Instant};

use anyhow::Result;
use rusqlite::{Connection, OpenFlags, types::Value};

/// Batches under way at once: see sync.proto.
const WINDOW: usize = 8;

/// Reads a county's log into memory, then writes it to a new file in transactions as large as the path's can be.
pub fn run(county: &Path, file: &Path) -> Result<serde_json::Value> {
    let from = Connection::open_with_flags(county, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut schema = from.prepare("SELECT sql FROM sqlite_schema WHERE tbl_name = 'work_entry' AND sql IS NOT NULL")?;
    let schema: Vec<String> = schema.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut select = from.prepare("SELECT * FROM work_entry ORDER BY record")?;
    let columns = select.column_count();
    let rows: Vec<Vec<Value>> =
        select.query_map([], |row| (0..columns).map(|at| row.get(at)).collect())?.collect::<rusqlite::Result<_>>()?;
    let most: i64 = from.query_row("SELECT max(count) FROM segment", [], |row| row.get(0))?;
    // The path may put a whole window of batches into one transaction: so does the floor.
    let most = usize::try_from(most)? * WINDOW;

    let mut to = Connection::open(file)?;
    to.pragma_update(None, "journal_mode", "wal")?;
    to.pragma_update(None, "synchronous", "full")?;
    to.pragma_update(None, "wal_autocheckpoint", 1000)?;
    to.pragma_update(None, "cache_size", -16 * 1024)?;
    schema.iter().try_for_each(|sql| to.execute_batch(sql))?;
    let places = vec!["?"; columns].join(", ");
    let insert = format!("INSERT INTO work_entry VALUES ({places})");
    let start = Instant::now();
    for together in rows.chunks(most) {
        let transaction = to.transaction()?;
        {
            let mut statement = transaction.prepare_cached(&insert)?;
            for row in together {
                statement.execute(rusqlite::params_from_iter(row))?;
            }
        }
        transaction.commit()?;
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(serde_json::json!({ "seconds": seconds, "rows": rows.len(), "together": most }))
}
