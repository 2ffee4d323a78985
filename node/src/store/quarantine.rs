//! Operations that are kept and relayed but do not count.

use huiliu_proto::{
    id::{Hash, RecordId},
    lang::Label,
    union::UnionNumber,
    v1::Ruling,
};
use rusqlite::Connection;

use super::{
    Result,
    feeds::{self, FeedRow},
    trust,
};

/// An operation that does not count, and why, for a person to read.
#[derive(Clone, PartialEq, Eq)]
pub struct Held {
    pub feed: i64,
    pub seq: u64,
    pub record: RecordId,
    pub kind: u32,
    /// A word of `admission::Reason`.
    pub reason: String,
    pub detail: Label,
    /// The change that an edit waits for.
    pub awaits: Option<Hash>,
}

/// The reason's word and no more: the sentence may quote what was written.
impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({:?}, {})", self.record, self.reason)
    }
}

pub fn add(conn: &Connection, held: &Held) -> Result<()> {
    const SQL: &str = "INSERT INTO quarantine (feed, seq, record, kind, reason, detail_zh, detail_en, awaits)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (feed, seq) DO UPDATE SET reason = excluded.reason, detail_zh = excluded.detail_zh,
        detail_en = excluded.detail_en, awaits = excluded.awaits";
    conn.prepare_cached(SQL)?.execute((
        held.feed,
        held.seq as i64,
        held.record.as_bytes(),
        held.kind,
        &held.reason,
        &held.detail.zh,
        &held.detail.en,
        held.awaits.map(|h| h.0),
    ))?;
    Ok(())
}

pub fn remove(conn: &Connection, feed: i64, seq: u64) -> Result<()> {
    conn.prepare_cached("DELETE FROM quarantine WHERE feed = ?1 AND seq = ?2")?.execute((feed, seq as i64))?;
    Ok(())
}

fn select(conn: &Connection, sql: &str, parameter: impl rusqlite::Params) -> Result<Vec<Held>> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(parameter, |row| {
        Ok(Held {
            feed: row.get(0)?,
            seq: row.get::<_, i64>(1)?.unsigned_abs(),
            record: RecordId(row.get(2)?),
            kind: row.get(3)?,
            reason: row.get(4)?,
            detail: Label::new(row.get::<_, String>(5)?, row.get::<_, String>(6)?),
            awaits: row.get::<_, Option<[u8; 32]>>(7)?.map(Hash),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

const COLUMNS: &str = "SELECT feed, seq, record, kind, reason, detail_zh, detail_en, awaits FROM quarantine";

pub fn all(conn: &Connection) -> Result<Vec<Held>> {
    select(conn, &format!("{COLUMNS} ORDER BY feed, seq"), ())
}

/// What nobody has rejected yet.
pub fn open(conn: &Connection) -> Result<Vec<Held>> {
    let mut open = vec![];
    for held in all(conn)? {
        let feed = feeds::by_no(conn, held.feed)?.feed;
        if trust::ruling(conn, &feed, held.seq)? != Some(Ruling::Rejected) {
            open.push(held);
        }
    }
    Ok(open)
}

/// Feeds of devices that are not enrolled for the feed's union: they are stored and relayed, and wait whole.
pub fn strangers(conn: &Connection) -> Result<Vec<FeedRow>> {
    Ok(feeds::all(conn)?.into_iter().filter(|f| !f.own && f.applied < f.size()).collect())
}

/// Of those, the ones nobody has rejected yet.
pub fn open_strangers(conn: &Connection) -> Result<Vec<FeedRow>> {
    let mut open = vec![];
    for row in strangers(conn)? {
        if trust::ruling(conn, &row.feed, row.size() - 1)? != Some(Ruling::Rejected) {
            open.push(row);
        }
    }
    Ok(open)
}

/// Operations of one feed.
pub fn of_feed(conn: &Connection, feed: i64) -> Result<Vec<Held>> {
    select(conn, &format!("{COLUMNS} WHERE feed = ?1 ORDER BY seq"), [feed])
}

/// Operations of one kind.
pub fn of_kind(conn: &Connection, kind: u32) -> Result<Vec<Held>> {
    select(conn, &format!("{COLUMNS} WHERE kind = ?1 ORDER BY feed, seq"), [kind])
}

/// Edits of one record that wait for this change.
pub fn waiting(conn: &Connection, owner: UnionNumber, record: &RecordId, awaited: &Hash) -> Result<Vec<Held>> {
    let sql = format!(
        r#"{COLUMNS} WHERE record = ?1 AND awaits = ?2 AND feed IN (SELECT no FROM feed WHERE "union" = ?3)
        ORDER BY feed, seq"#
    );
    select(conn, &sql, (record.as_bytes(), awaited.as_bytes(), i64::from(owner)))
}
