//! What others say of a feed and what could not be compared yet; and what has been waiting for a level to confirm it.

use huiliu_proto::{
    id::{FeedId, Hash},
    signed::Seen,
    union::UnionNumber,
    v1,
};
use rusqlite::Row;

use super::{Database, Result, View, tables};

/// A signed statement that a feed had this root at this size, which the feed held here does not confirm.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The feed whose head says so; of a receipt, the feed it is for.
    pub by: FeedId,
    pub seen: Seen,
    /// The head or the receipt.
    pub signed: v1::Signed,
    pub noted_at: i64,
}

/// Keeps a claim until it is judged. One a feed that makes them: the first that does not hold stays.
pub fn note(conn: &Database, claim: &Claim) -> Result<()> {
    const SQL: &str = "INSERT INTO claim (by_feed, feed, size, root, message, signature, noted_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    conn.prepare_cached(SQL)?.execute((
        claim.by.as_bytes(),
        claim.seen.feed.as_bytes(),
        i64::try_from(claim.seen.size).unwrap_or(i64::MAX),
        claim.seen.root.as_bytes(),
        &claim.signed.message[..],
        &claim.signed.signature[..],
        claim.noted_at,
    ))?;
    Ok(())
}

fn claim(row: &Row<'_>) -> rusqlite::Result<Claim> {
    Ok(Claim {
        by: FeedId(row.get(0)?),
        seen: Seen { feed: FeedId(row.get(1)?), size: row.get::<_, i64>(2)?.unsigned_abs(), root: Hash(row.get(3)?) },
        signed: v1::Signed { message: row.get::<_, Vec<u8>>(4)?.into(), signature: row.get::<_, Vec<u8>>(5)?.into() },
        noted_at: row.get(6)?,
    })
}

pub fn all(conn: &View) -> Result<Vec<Claim>> {
    let mut statement = conn
        .prepare_cached("SELECT by_feed, feed, size, root, message, signature, noted_at FROM claim ORDER BY by_feed")?;
    Ok(statement.query_map([], claim)?.collect::<rusqlite::Result<_>>()?)
}

pub fn remove(conn: &Database, by: &FeedId) -> Result<()> {
    conn.prepare_cached("DELETE FROM claim WHERE by_feed = ?1")?.execute([by.as_bytes()])?;
    Ok(())
}

/// Operations that a level had not confirmed when an exchange with the union above had ended well: all before `upto`
/// that it still has not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unconfirmed {
    pub feed: FeedId,
    /// The level that has not confirmed them.
    pub union: UnionNumber,
    pub upto: u64,
    /// When that was first so, on this machine's clock.
    pub since: i64,
}

/// In the order of feed, level and operation.
pub fn unconfirmed(conn: &View) -> Result<Vec<Unconfirmed>> {
    let mut statement =
        conn.prepare_cached(r#"SELECT feed, "union", upto, since FROM unconfirmed ORDER BY feed, "union", upto"#)?;
    let rows = statement.query_map([], |row| {
        Ok(Unconfirmed {
            feed: FeedId(row.get(0)?),
            union: tables::union(row.get(1)?)?,
            upto: row.get::<_, i64>(2)?.unsigned_abs(),
            since: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn put_unconfirmed(conn: &Database, row: &Unconfirmed) -> Result<()> {
    const SQL: &str = r#"INSERT INTO unconfirmed (feed, "union", upto, since) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (feed, "union", upto) DO UPDATE SET since = excluded.since"#;
    conn.prepare_cached(SQL)?.execute((row.feed.as_bytes(), i64::from(row.union), row.upto as i64, row.since))?;
    Ok(())
}

/// A level has confirmed a feed up to here.
pub fn confirm(conn: &Database, feed: &FeedId, union: UnionNumber, size: u64) -> Result<()> {
    const SQL: &str = r#"DELETE FROM unconfirmed WHERE feed = ?1 AND "union" = ?2 AND upto <= ?3"#;
    conn.prepare_cached(SQL)?.execute((feed.as_bytes(), i64::from(union), i64::try_from(size).unwrap_or(i64::MAX)))?;
    Ok(())
}
