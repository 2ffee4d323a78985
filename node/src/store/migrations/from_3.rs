//! Version 3 to 4: databases of protocol 1. Their feeds are feeds of protocol 2 to the byte, so all of them stay; what is
//! computed is computed anew.

use huiliu_proto::{feed::Feed, id::Hash, segment, v1};
use prost::Message as _;

use super::{Database, SCHEMA};
use crate::store::{Result, StoreError, feeds};

/// Tables that cannot be computed and are as they were, but for columns that are new.
const KEPT: [&str; 8] = ["meta", "tail", "block", "receipt", "evidence", "stray", "claim", "link"];
/// These are read row by row; open invitations were for tokens that no machine reads any more.
const ASIDE: [&str; 3] = ["feed", "segment", "invitation"];

pub fn run(conn: &Database) -> Result<()> {
    let named = |sql: &str| -> Result<Vec<String>> {
        Ok(conn.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    };
    for index in named("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")? {
        conn.execute_batch(&format!("DROP INDEX \"{index}\""))?;
    }
    // What refers to a table is made anew with it, and must not follow its new name.
    conn.set_pragma("legacy_alter_table", true)?;
    const TABLES: &str =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    for table in named(TABLES)? {
        let kept = KEPT.iter().chain(&ASIDE).any(|kept| *kept == table);
        conn.execute_batch(&match kept {
            true => format!("ALTER TABLE \"{table}\" RENAME TO \"old_{table}\""),
            false => format!("DROP TABLE \"{table}\""),
        })?;
    }
    conn.set_pragma("legacy_alter_table", false)?;
    conn.execute_batch(SCHEMA)?;
    take_feeds(conn)?;
    for table in KEPT {
        take(conn, table)?;
    }
    take_segments(conn)?;
    arrivals(conn)?;
    conn.execute_batch(
        "DELETE FROM meta WHERE key = 'tables';
        UPDATE meta SET value = x'' WHERE key = 'projection';
        UPDATE feed SET heard_at = min(heard_at,
            coalesce((SELECT max(stored_at) FROM segment WHERE feed = feed.no), 0))",
    )?;
    for table in KEPT.iter().chain(&ASIDE) {
        conn.execute_batch(&format!("DROP TABLE \"old_{table}\""))?;
    }
    Ok(())
}

/// Takes over a table's rows, in the columns that both versions have.
fn take(conn: &Database, table: &str) -> Result<()> {
    let columns = |table: &str| -> Result<Vec<String>> {
        let mut statement = conn.prepare("SELECT name FROM pragma_table_info(?1)")?;
        Ok(statement.query_map([table], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    };
    let old = columns(&format!("old_{table}"))?;
    let both: Vec<String> =
        columns(table)?.into_iter().filter(|name| old.contains(name)).map(|name| format!("\"{name}\"")).collect();
    let both = both.join(", ");
    conn.execute_batch(&format!("INSERT INTO \"{table}\" ({both}) SELECT {both} FROM \"old_{table}\""))?;
    Ok(())
}

/// What a feed's header says of how far it travels stands beside it from version 4 on.
fn take_feeds(conn: &Database) -> Result<()> {
    let mut old = conn.prepare("SELECT no, header FROM old_feed ORDER BY no")?;
    let rows = old.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    const TAKE: &str = r#"INSERT INTO feed (no, id, header, "union", device, own, size, edge, packed, applied, scope,
            head, head_signature, heard_at, diverged, settled)
        SELECT no, id, header, "union", device, own, size, edge, packed, 0, ?2,
            head, head_signature, head_time, diverged, settled FROM old_feed WHERE no = ?1"#;
    let mut take = conn.prepare(TAKE)?;
    for row in rows {
        let (no, header) = row?;
        take.execute((no, feeds::scope(Feed::parse(header.into())?.scope)))?;
    }
    Ok(())
}

/// A segment as it stood: first, count, head, its signature, bytes, when it was stored.
type Old = (i64, i64, Vec<u8>, Vec<u8>, Vec<u8>, i64);

/// Runs of operations follow one another without overlapping from version 4 on: where they overlap, the one that reaches
/// furthest is kept, without what is there already.
fn take_segments(conn: &Database) -> Result<()> {
    const NEXT: &str = "SELECT first, count, head, head_signature, bytes, stored_at FROM old_segment
        WHERE feed = ?1 AND first <= ?2 AND first + count > ?2 ORDER BY first + count DESC LIMIT 1";
    const ADD: &str = "INSERT INTO segment (feed, first, count, head, head_signature, bytes, stored_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut feeds = conn.prepare("SELECT no, packed FROM feed ORDER BY no")?;
    let mut next = conn.prepare(NEXT)?;
    let mut add = conn.prepare(ADD)?;
    for feed in feeds.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))? {
        let (no, packed) = feed?;
        let mut at = 0;
        while at < packed {
            let (first, count, head, signature, bytes, stored_at): Old = next.query_row((no, at), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
            })?;
            let bytes = match usize::try_from(at - first) {
                Ok(0) => bytes,
                Ok(here) => segment::pack(segment::unpack(&bytes)?.get(here..).unwrap_or_default())?,
                Err(_) => return Err(StoreError::Damaged("a segment that begins behind what it is asked for")),
            };
            add.execute((no, at, first + count - at, head, signature, bytes, stored_at))?;
            at = first + count;
        }
    }
    Ok(())
}

/// When how much of a feed was where: here as its segments say, elsewhere as receipts do.
fn arrivals(conn: &Database) -> Result<()> {
    conn.execute_batch(
        r#"INSERT INTO arrival (feed, size, root, "union", received_at)
            SELECT feed, size, root, "union", received_at FROM receipt"#,
    )?;
    const HERE: &str = r#"INSERT INTO arrival (feed, size, root, "union", received_at)
        SELECT ?1, ?2, ?3, "union", ?4 FROM feed WHERE own = 1 LIMIT 1 ON CONFLICT DO NOTHING"#;
    let mut segments = conn
        .prepare("SELECT f.id, s.first + s.count, s.head, s.stored_at FROM segment s JOIN feed f ON f.no = s.feed")?;
    let mut add = conn.prepare(HERE)?;
    let rows = segments.query_map([], |row| {
        Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?, row.get::<_, i64>(3)?))
    })?;
    for row in rows {
        let (feed, size, head, stored_at) = row?;
        let head = v1::TreeHead::decode(&head[..]).map_err(|_| StoreError::Damaged("a tree head"))?;
        let root = Hash::try_from(&head.root[..]).map_err(|_| StoreError::Damaged("a tree head"))?;
        add.execute((feed, size, root.0, stored_at))?;
    }
    Ok(())
}
