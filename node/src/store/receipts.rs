//! Receipts of the levels above, and how the last exchange with each neighbour went.

use huiliu_proto::{
    id::{DeviceId, FeedId, Hash},
    signed::Receipt,
    union::UnionNumber,
    v1,
};
use rusqlite::Row;

use super::{Database, Result, View, tables, trust};

/// Keeps a receipt if it covers more than the one before.
pub fn put(conn: &Database, receipt: &Receipt) -> Result<()> {
    const SQL: &str = r#"INSERT INTO receipt (feed, "union", device, size, root, received_at, message, signature)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (feed, "union") DO UPDATE SET device = excluded.device, size = excluded.size, root = excluded.root,
        received_at = excluded.received_at, message = excluded.message, signature = excluded.signature
        WHERE excluded.size > size"#;
    conn.prepare_cached(SQL)?.execute((
        receipt.feed.as_bytes(),
        i64::from(receipt.union),
        receipt.device.as_bytes(),
        receipt.size as i64,
        receipt.root.as_bytes(),
        receipt.received_at,
        &receipt.signed.message[..],
        &receipt.signed.signature[..],
    ))?;
    Ok(())
}

/// Receipts for what was cut off say nothing of what stands there now.
pub fn forget_beyond(conn: &Database, feed: &FeedId, size: u64) -> Result<()> {
    conn.execute("DELETE FROM receipt WHERE feed = ?1 AND size > ?2", (feed.as_bytes(), size as i64))?;
    Ok(())
}

const COLUMNS: &str =
    r#"r.feed, r."union", r.device, r.size, r.root, r.received_at, r.message, r.signature FROM receipt r"#;

fn receipt(row: &Row<'_>) -> rusqlite::Result<Receipt> {
    Ok(Receipt {
        feed: FeedId(row.get(0)?),
        union: tables::union(row.get(1)?)?,
        device: DeviceId(row.get(2)?),
        size: row.get::<_, i64>(3)?.unsigned_abs(),
        root: Hash(row.get(4)?),
        received_at: row.get(5)?,
        signed: v1::Signed { message: row.get::<_, Vec<u8>>(6)?.into(), signature: row.get::<_, Vec<u8>>(7)?.into() },
    })
}

/// All receipts, as they were signed, in the order of feed and union.
pub fn all(conn: &View) -> Result<Vec<Receipt>> {
    page(conn, None, usize::MAX)
}

/// The first `most` after a feed and union, in the same order.
pub fn page(conn: &View, after: Option<(FeedId, UnionNumber)>, most: usize) -> Result<Vec<Receipt>> {
    let sql = format!(r#"SELECT {COLUMNS} WHERE (r.feed, r."union") > (?1, ?2) ORDER BY r.feed, r."union" LIMIT ?3"#);
    let (feed, union) = after.map_or((vec![], 0), |(feed, union)| (feed.as_bytes().to_vec(), i64::from(union)));
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map((feed, union, i64::try_from(most).unwrap_or(i64::MAX)), receipt)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Receipts for feeds of a union, of those below it and of those above it, in the same order.
pub fn around(conn: &View, union: UnionNumber) -> Result<Vec<Receipt>> {
    let sql = format!(
        r#"SELECT {COLUMNS} JOIN feed f ON f.id = r.feed
        WHERE f."union" IN (SELECT code FROM below WHERE above = ?1 UNION SELECT above FROM below WHERE code = ?2)
        ORDER BY r.feed, r."union""#
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let row = (i64::from(union), i64::from(union.giver()));
    Ok(statement.query_map(row, receipt)?.collect::<rusqlite::Result<_>>()?)
}

/// All receipts for one feed, in the order of union.
pub fn for_feed(conn: &View, feed: &FeedId) -> Result<Vec<Receipt>> {
    let sql = format!(r#"SELECT {COLUMNS} WHERE r.feed = ?1 ORDER BY r."union""#);
    let mut statement = conn.prepare_cached(&sql)?;
    Ok(statement.query_map([feed.as_bytes()], receipt)?.collect::<rusqlite::Result<_>>()?)
}

/// What a level has confirmed of a feed.
pub fn of(conn: &View, feed: &FeedId, union: UnionNumber) -> Result<Option<Receipt>> {
    use rusqlite::OptionalExtension as _;
    let sql = format!(r#"SELECT {COLUMNS} WHERE r.feed = ?1 AND r."union" = ?2"#);
    Ok(conn.prepare_cached(&sql)?.query_row((feed.as_bytes(), i64::from(union)), receipt).optional()?)
}

/// How the last exchange with a neighbour went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub device: DeviceId,
    pub union: UnionNumber,
    pub last_try: i64,
    pub last_success: Option<i64>,
    pub error: Option<String>,
}

pub fn put_link(conn: &Database, link: &Link) -> Result<()> {
    const SQL: &str = r#"INSERT INTO link (device, "union", last_try, last_success, error) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (device) DO UPDATE SET last_try = excluded.last_try, error = excluded.error,
        last_success = coalesce(excluded.last_success, last_success)"#;
    conn.prepare_cached(SQL)?.execute((
        link.device.as_bytes(),
        i64::from(link.union),
        link.last_try,
        link.last_success,
        &link.error,
    ))?;
    Ok(())
}

pub fn links(conn: &View) -> Result<Vec<Link>> {
    let mut statement = conn.prepare_cached(
        r#"SELECT device, "union", last_try, last_success, error FROM link ORDER BY "union", device"#,
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Link {
            device: DeviceId(row.get(0)?),
            union: tables::union(row.get(1)?)?,
            last_try: row.get(2)?,
            last_success: row.get(3)?,
            error: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Those with devices that the union above them has not revoked.
pub fn standing_links(conn: &View) -> Result<Vec<Link>> {
    let mut standing = vec![];
    for link in links(conn)? {
        if !trust::revoked(conn, &link.device, link.union)? {
            standing.push(link);
        }
    }
    Ok(standing)
}

#[cfg(test)]
mod tests {
    use huiliu_proto::signed::SigningKey;

    use super::*;
    use crate::store::migrations::SCHEMA;

    #[test]
    fn page_by_page_all_are_told_once() {
        let conn = Database::in_memory().unwrap();
        conn.execute_batch(SCHEMA).unwrap();
        let key = SigningKey::from_seed(&[1; 32]);
        for feed in [9, 0, 200] {
            for union in ["320000", "100000", "320900"] {
                let receipt = Receipt::sign(&key, union.parse().unwrap(), FeedId([feed; 16]), 7, Hash([2; 32]), 99);
                put(&conn, &receipt).unwrap();
            }
        }
        let all = all(&conn).unwrap();
        for most in [1, 2, 4, 9, 10] {
            let (mut told, mut after) = (vec![], None);
            loop {
                let some = page(&conn, after, most).unwrap();
                let Some(last) = some.last() else { break };
                after = Some((last.feed, last.union));
                told.extend(some);
            }
            assert_eq!(told, all, "{most}");
        }
    }
}
