//! Operations that are kept and relayed but do not count.

use std::{collections::BTreeMap, ops::Range};

use huiliu_proto::{
    id::{FeedId, Hash, RecordId, unhex},
    rule::Rule,
    union::UnionNumber,
    v1::Ruling,
};

use rusqlite::OptionalExtension as _;

use super::{
    Database, Result, View,
    feeds::{self, FeedRow},
    records, trust,
};
use crate::admission::{self, Cause, Grounds, Reason, number};

/// An operation that does not count, and why; `explain` says it in words.
#[derive(Clone, PartialEq, Eq)]
pub struct Held {
    pub feed: i64,
    pub seq: u64,
    pub record: RecordId,
    pub kind: u32,
    /// A word of `admission::Reason`.
    pub reason: String,
    pub cause: Option<Cause>,
    /// The change that an edit waits for.
    pub awaits: Option<Hash>,
}

/// What finds the operations of a feed that wait, and of one record those that it said before; revocations that wait for
/// an enrolment; numbers of unions that are taken, or outside their device's blocks; and what is held of one record in one feed.
pub const CREATE: &str = "DROP INDEX IF EXISTS quarantine_early;
    CREATE INDEX quarantine_early ON quarantine (feed, record, cause, seq) WHERE awaits IS NOT NULL;
    DROP INDEX IF EXISTS quarantine_revocation;
    CREATE INDEX quarantine_revocation ON quarantine (field, feed) WHERE cause = 8;
    DROP INDEX IF EXISTS quarantine_number;
    CREATE INDEX quarantine_number ON quarantine (field, feed) WHERE cause = 9;
    DROP INDEX IF EXISTS quarantine_blocks;
    CREATE INDEX quarantine_blocks ON quarantine (field, feed) WHERE cause = 10;
    DROP INDEX IF EXISTS quarantine_in_feed;
    CREATE INDEX quarantine_in_feed ON quarantine (record, feed);";

/// Made anew with the projections.
pub fn create(conn: &Database) -> Result<()> {
    Ok(conn.execute_batch(CREATE)?)
}

/// What an edit waits for where one that its device said before of the same record waits: the turn of that.
pub fn turn_of(feed: &FeedId, seq: u64) -> Hash {
    Hash::of(&[b"huiliu/turn-of/1", feed.as_bytes(), &seq.to_be_bytes()])
}

/// What all that is known of a record waits for where it is made again in parts: its own turn.
pub fn turn_in(record: &RecordId) -> Hash {
    Hash::of(&[b"huiliu/turn-in/1", record.as_bytes()])
}

/// The reason's word and no more.
impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({:?}, {})", self.record, self.reason)
    }
}

pub fn add(conn: &Database, held: &Held) -> Result<()> {
    const SQL: &str = "INSERT INTO quarantine (feed, seq, record, kind, reason, cause, field, awaits)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (feed, seq) DO UPDATE SET reason = excluded.reason, cause = excluded.cause, field = excluded.field,
        awaits = excluded.awaits";
    conn.prepare_cached(SQL)?.execute((
        held.feed,
        held.seq as i64,
        held.record.as_bytes(),
        held.kind,
        Reason::ALL.into_iter().find(|reason| reason.word() == held.reason).map(Reason::number),
        held.cause.map(|cause| cause.code),
        held.cause.and_then(|cause| cause.field),
        held.awaits.map(|h| h.0),
    ))?;
    Ok(())
}

/// Why it is held, in words for people. They may quote what was written.
pub fn explain(conn: &View, held: &Held) -> Result<Grounds> {
    let row = feeds::by_no(conn, held.feed)?;
    let reason = Reason::ALL.into_iter().find(|reason| reason.word() == held.reason).unwrap_or(Reason::Failed);
    // What cannot be read is held all the same.
    let operation = feeds::operation(conn, held.feed, held.seq).unwrap_or_default();
    let said = admission::explain(&row.feed, operation.as_ref(), reason, held.cause);
    if reason != Reason::Early {
        return Ok(said);
    }
    let others = records::of_id(conn, &held.record)?;
    Ok(match others.iter().find(|claim| claim.place.owner != row.feed.union) {
        Some(claim) if others.len() == 1 => Rule::new(
            "document_of_another",
            "此档案属于{union}，其他单位不得修改",
            "the document belongs to {union}; only its own devices edit it",
        )
        .union(claim.place.owner)
        .into(),
        _ => said,
    })
}

/// Says whether it was an edit that waited for what it follows.
pub fn remove(conn: &Database, feed: i64, seq: u64) -> Result<bool> {
    const SQL: &str = "DELETE FROM quarantine WHERE feed = ?1 AND seq = ?2 RETURNING reason";
    let reason = conn.prepare_cached(SQL)?.query_row((feed, seq as i64), |row| row.get(0)).optional()?;
    Ok(reason == Some(Reason::Early.number()))
}

/// How many edits of a feed wait for what they follow.
pub fn early(conn: &View, feed: i64) -> Result<u64> {
    Ok(conn.prepare_cached(EARLY)?.query_row([feed], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// Feeds of which at least so many edits wait, and how many of each.
pub fn most_early(conn: &View, least: u64) -> Result<Vec<(i64, u64)>> {
    let mut statement = conn.prepare_cached(MOST_EARLY)?;
    let rows = statement.query_map([least as i64], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

const MOST_EARLY: &str = "SELECT feed, count(*) FROM quarantine INDEXED BY quarantine_early WHERE awaits IS NOT NULL
    GROUP BY feed HAVING count(*) >= ?1 ORDER BY feed";

/// Nothing else awaits anything. However much else of a feed is held, only what waits is counted.
const EARLY: &str =
    "SELECT count(*) FROM quarantine INDEXED BY quarantine_early WHERE feed = ?1 AND awaits IS NOT NULL";

const BEFORE: &str = "SELECT seq FROM quarantine INDEXED BY quarantine_early
    WHERE feed = ?1 AND record = ?2 AND cause IS NULL AND seq < ?3
    AND awaits IS NOT NULL ORDER BY seq DESC LIMIT 1";

/// The last edit of a record that waits and stands before `seq` in the same feed.
pub fn edit_before(conn: &View, feed: i64, record: &RecordId, seq: u64) -> Result<Option<u64>> {
    let mut statement = conn.prepare_cached(BEFORE)?;
    let before = statement.query_row((feed, record.as_bytes(), seq as i64), |row| row.get::<_, i64>(0)).optional()?;
    Ok(before.map(i64::unsigned_abs))
}

/// Why an operation is held, if it is.
pub fn reason(conn: &View, feed: i64, seq: u64) -> Result<Option<Reason>> {
    let mut statement = conn.prepare_cached("SELECT reason FROM quarantine WHERE feed = ?1 AND seq = ?2")?;
    let reason = statement.query_row((feed, seq as i64), |row| row.get(0)).optional()?;
    Ok(reason.map(|number| Reason::numbered(number).unwrap_or(Reason::Failed)))
}

/// How many of these operations of a feed are held because its device is revoked.
pub fn revoked(conn: &View, feed: i64, range: Range<u64>) -> Result<u64> {
    const SQL: &str = "SELECT count(*) FROM quarantine WHERE feed = ?1 AND seq >= ?2 AND seq < ?3 AND reason = ?4";
    let row = (feed, range.start as i64, range.end as i64, Reason::Revoked.number());
    Ok(conn.prepare_cached(SQL)?.query_row(row, |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// Whether a void of something of these kinds waits. Of what is held, only what waits is gone through.
pub fn any_early_void(conn: &View, kinds: impl Iterator<Item = u32>) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM quarantine INDEXED BY quarantine_early
        WHERE awaits IS NOT NULL AND cause = 7 AND kind = ?1)";
    let mut statement = conn.prepare_cached(SQL)?;
    for kind in kinds {
        if statement.query_row([kind], |row| row.get(0))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an operation about a record is held in a feed.
pub fn holds(conn: &View, feed: i64, record: &RecordId) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM quarantine WHERE record = ?1 AND +feed = ?2)";
    Ok(conn.prepare_cached(SQL)?.query_row((record.as_bytes(), feed), |row| row.get(0))?)
}

fn select(conn: &View, sql: &str, parameter: impl rusqlite::Params) -> Result<Vec<Held>> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(parameter, |row| {
        Ok(Held {
            feed: row.get(0)?,
            seq: row.get::<_, i64>(1)?.unsigned_abs(),
            record: RecordId(row.get(2)?),
            kind: row.get(3)?,
            reason: Reason::numbered(row.get(4)?).unwrap_or(Reason::Failed).word().into(),
            cause: row
                .get::<_, Option<u8>>(5)?
                .map(|code| row.get(6).map(|field| Cause { code, field }))
                .transpose()?,
            awaits: row.get::<_, Option<[u8; 32]>>(7)?.map(Hash),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

const COLUMNS: &str = "SELECT feed, seq, record, kind, reason, cause, field, awaits FROM quarantine";

pub fn all(conn: &View) -> Result<Vec<Held>> {
    select(conn, &format!("{COLUMNS} ORDER BY feed, seq"), ())
}

/// The first `most` after a place, in the order of their places.
pub fn page(conn: &View, after: Option<(i64, u64)>, most: usize) -> Result<Vec<Held>> {
    let (feed, seq) = after.map_or((-1, -1), |(feed, seq)| (feed, seq as i64));
    select(
        conn,
        &format!("{COLUMNS} WHERE (feed, seq) > (?1, ?2) ORDER BY feed, seq LIMIT ?3"),
        (feed, seq, most as i64),
    )
}

pub fn count(conn: &View) -> Result<u64> {
    let mut statement = conn.prepare_cached("SELECT count(*) FROM quarantine")?;
    Ok(statement.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// Of one record.
pub fn of_record(conn: &View, record: &RecordId) -> Result<Vec<Held>> {
    select(conn, &format!("{COLUMNS} WHERE record = ?1 ORDER BY feed, seq"), [record.as_bytes()])
}

/// The first of the records whose id begins with these hexadecimal digits.
pub fn of_prefix(conn: &View, digits: &str) -> Result<Option<Held>> {
    let fill = |digit: &str| unhex(&format!("{digits}{}", digit.repeat(32usize.saturating_sub(digits.len()))));
    let (Some(low), Some(high)) = (fill("0"), fill("f")) else { return Ok(None) };
    let sql = format!("{COLUMNS} WHERE record BETWEEN ?1 AND ?2 ORDER BY record, feed, seq LIMIT 1");
    Ok(select(conn, &sql, (low, high))?.into_iter().next())
}

/// What nobody has rejected yet, as many for each reason. Only feeds that somebody has ruled on are looked through.
pub fn open_by_reason(conn: &View) -> Result<BTreeMap<String, u64>> {
    const COUNTS: &str = "SELECT reason, count(*) FROM quarantine GROUP BY reason";
    const OF_RANGE: &str =
        "SELECT reason, count(*) FROM quarantine WHERE feed = ?1 AND seq >= ?2 AND seq < ?3 GROUP BY reason";
    const RULED: &str =
        "SELECT f.no FROM feed f WHERE EXISTS (SELECT 1 FROM quarantine_ruling r WHERE r.in_feed = f.id)";
    let mut counts = BTreeMap::new();
    let mut statement = conn.prepare_cached(COUNTS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let reason = Reason::numbered(row.get(0)?).unwrap_or(Reason::Failed);
        counts.insert(reason.word().to_owned(), row.get::<_, i64>(1)?.unsigned_abs());
    }
    let mut statement = conn.prepare_cached(RULED)?;
    let ruled = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut of_range = conn.prepare_cached(OF_RANGE)?;
    for no in ruled {
        let rejected = trust::rejected(conn, &feeds::by_no(conn, no)?.feed)?;
        for range in rejected.iter() {
            let mut rows = of_range.query((no, range.start as i64, range.end as i64))?;
            while let Some(row) = rows.next()? {
                let reason = Reason::numbered(row.get(0)?).unwrap_or(Reason::Failed);
                if let Some(count) = counts.get_mut(reason.word()) {
                    *count = count.saturating_sub(row.get::<_, i64>(1)?.unsigned_abs());
                }
            }
        }
    }
    counts.retain(|_, count| *count > 0);
    Ok(counts)
}

/// What nobody has rejected yet.
pub fn open(conn: &View) -> Result<Vec<Held>> {
    let mut open = vec![];
    for held in all(conn)? {
        let feed = feeds::by_no(conn, held.feed)?.feed;
        if trust::ruling(conn, &feed, held.seq)? != Some(Ruling::Rejected) {
            open.push(held);
        }
    }
    Ok(open)
}

/// Feeds that are stored and relayed, and wait whole: of devices that are not enrolled for the feed's union, of a newer
/// version, or not as they were signed. Those of which only the rest is still to be applied are not among them.
pub fn strangers(conn: &View) -> Result<Vec<FeedRow>> {
    Ok(feeds::behind(conn)?.into_iter().filter(FeedRow::waits_whole).collect())
}

/// Of those, the ones nobody has rejected yet.
pub fn open_strangers(conn: &View) -> Result<Vec<FeedRow>> {
    let mut open = vec![];
    for row in strangers(conn)? {
        if trust::ruling(conn, &row.feed, row.size() - 1)? != Some(Ruling::Rejected) {
            open.push(row);
        }
    }
    Ok(open)
}

/// Operations of one feed.
pub fn of_feed(conn: &View, feed: i64) -> Result<Vec<Held>> {
    select(conn, &format!("{COLUMNS} WHERE feed = ?1 ORDER BY seq"), [feed])
}

/// The first operation of a feed that is held, from a number on.
pub fn next(conn: &View, feed: i64, from: u64) -> Result<Option<Held>> {
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let sql = format!("{COLUMNS} WHERE feed = ?1 AND seq >= ?2 ORDER BY seq LIMIT 1");
    Ok(select(conn, &sql, (feed, from))?.pop())
}

/// What a union has said that is held for a cause, and perhaps some more, after a place: the first few. Revocations of a device that
/// it had not enrolled for another, and edits that give a number which another record has or which is outside a block.
pub fn held_for(
    conn: &View,
    owner: UnionNumber,
    cause: Cause,
    after: Option<(i64, u64)>,
    most: usize,
) -> Result<Vec<Held>> {
    let index = match cause.code {
        number::TAKEN => "quarantine_number WHERE cause = 9",
        number::OUTSIDE => "quarantine_blocks WHERE cause = 10",
        _ => "quarantine_revocation WHERE cause = 8",
    };
    let (feed, seq) = after.map_or((-1, -1), |(feed, seq)| (feed, seq as i64));
    let sql = format!(
        r#"{COLUMNS} INDEXED BY {index} AND field = ?1 AND (feed, seq) > (?3, ?4)
        AND feed IN (SELECT no FROM feed WHERE "union" = ?2) ORDER BY feed, seq LIMIT ?5"#
    );
    select(conn, &sql, (cause.field, i64::from(owner), feed, seq, most as i64))
}

/// What is held of one record in one feed, after a place: the first few.
pub fn of_record_in(conn: &View, feed: i64, record: &RecordId, after: Option<u64>, most: usize) -> Result<Vec<Held>> {
    let sql = format!(
        "{COLUMNS} INDEXED BY quarantine_in_feed WHERE record = ?1 AND feed = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4"
    );
    select(conn, &sql, (record.as_bytes(), feed, after.map_or(-1, |seq| seq as i64), most as i64))
}

/// The next feed in which something of a record is held.
pub fn next_feed(conn: &View, record: &RecordId, after: i64) -> Result<Option<i64>> {
    const SQL: &str = "SELECT min(feed) FROM quarantine INDEXED BY quarantine_in_feed WHERE record = ?1 AND feed > ?2";
    Ok(conn.prepare_cached(SQL)?.query_row((record.as_bytes(), after), |row| row.get(0))?)
}

/// So many of those that wait are read at once.
pub const WAITING_A_READ: usize = 64;

/// Edits and voids of one record that wait for this change, after a place: the first few.
pub fn waiting(
    conn: &View,
    owner: UnionNumber,
    record: &RecordId,
    awaited: &Hash,
    after: Option<(i64, u64)>,
) -> Result<Vec<Held>> {
    let (feed, seq) = after.map_or((-1, -1), |(feed, seq)| (feed, seq as i64));
    let sql = format!(
        r#"{COLUMNS} WHERE record = ?1 AND awaits = ?2 AND (feed, seq) > (?4, ?5)
        AND feed IN (SELECT no FROM feed WHERE "union" = ?3) ORDER BY feed, seq LIMIT ?6"#
    );
    select(conn, &sql, (record.as_bytes(), awaited.as_bytes(), i64::from(owner), feed, seq, WAITING_A_READ as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrations::SCHEMA;

    /// However much of a feed is held for good, what waits is found and counted by itself.
    #[test]
    fn no_question_about_what_waits_reads_what_does_not() {
        let conn = Database::in_memory().unwrap();
        conn.execute_batch(SCHEMA).unwrap();
        create(&conn).unwrap();
        for (sql, by) in [
            (EARLY, "quarantine_early (feed=?)"),
            (MOST_EARLY, "quarantine_early"),
            (BEFORE, "quarantine_early (feed=? AND record=? AND cause=? AND seq<?)"),
        ] {
            let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            for n in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(n, 1).unwrap();
            }
            let mut rows = statement.raw_query();
            let plan = rows.next().unwrap().unwrap().get::<_, String>(3).unwrap();
            assert!(plan.contains(by), "{plan}");
            assert!(rows.next().unwrap().is_none(), "nothing is sorted");
        }
    }
}
