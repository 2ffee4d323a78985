//! What waits for a person, asked of the tables: the queries. What they mean is `app::inbox`'s.

use std::collections::BTreeMap;

use huiliu_proto::{
    feed::Feed,
    id::{DeviceId, RecordId},
    period::Day,
    records::engagement::{self, room::STILL_IN_POST},
    union::UnionNumber,
    v1::{CertificateStatus, CertificateType},
};
use rusqlite::Row;

use super::{Result, View, receivers, tables, trust};
use crate::admission::Reason;

const APPOINTMENT: i32 = CertificateType::Appointment as i32;
const VALID: i32 = CertificateStatus::Valid as i32;

/// Amounts are added up no farther than this: sums of them cannot overflow.
const LARGEST_AMOUNT: i64 = 1 << 40;

/// Where a page that is sorted by day goes on: after this day, or on it after this id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    pub day: Day,
    pub id: Vec<u8>,
}

/// A record that is due on a day, and the person or thing it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub id: RecordId,
    pub day: Day,
    pub about: Option<RecordId>,
}

fn due(row: &Row<'_>) -> rusqlite::Result<Due> {
    Ok(Due {
        id: RecordId(row.get(0)?),
        day: Day(row.get(1)?),
        about: row.get::<_, Option<[u8; 16]>>(2)?.map(RecordId),
    })
}

/// Days on which something of an engagement ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    Engagement,
    Probation,
    Consent,
}

impl Term {
    fn column(self) -> &'static str {
        match self {
            Term::Engagement => engagement::ENDS_ON.name(),
            Term::Probation => engagement::PROBATION_UNTIL.name(),
            Term::Consent => engagement::CONSENT_UNTIL.name(),
        }
    }
}

/// Engagements of a union that go on and of which this term ends by a day, the earliest first. A probation that
/// ended long ago is nobody's business any more.
pub fn terms(conn: &View, owner: UnionNumber, term: Term, by: Day, from: &From, most: usize) -> Result<Vec<Due>> {
    let column = term.column();
    let sql = format!(
        "SELECT record, {column}, mediator FROM {STILL_IN_POST} WHERE owner = ?1 AND {column} <= ?2
         AND ({column}, record) > (?3, ?4) ORDER BY {column}, record LIMIT ?5"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map((i64::from(owner), by.0, from.day.0, &from.id, most as i64), due)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A union's certificates of appointment that are valid and end by a day, of people who are in post with it and have
/// none, of whatever union, that lasts longer; the earliest first.
pub fn certificates(conn: &View, owner: UnionNumber, by: Day, from: &From, most: usize) -> Result<Vec<Due>> {
    let sql = format!(
        "SELECT c.record, c.expires_on, c.mediator FROM (
            SELECT DISTINCT mediator FROM {STILL_IN_POST} WHERE owner = ?1
        ) e JOIN certificate c ON c.mediator = e.mediator AND c.owner = ?1 AND c.type = {APPOINTMENT} AND c.status = {VALID}
        WHERE c.expires_on <= ?2 AND (c.expires_on, c.record) > (?3, ?4) AND NOT EXISTS (
            SELECT 1 FROM certificate l WHERE l.mediator = c.mediator AND l.type = {APPOINTMENT} AND l.status = {VALID}
            AND (l.expires_on IS NULL OR l.expires_on > c.expires_on))
        ORDER BY c.expires_on, c.record LIMIT ?5"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map((i64::from(owner), by.0, from.day.0, &from.id, most as i64), due)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A finding against a union that was not withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Against {
    pub id: RecordId,
    pub by: UnionNumber,
    pub rule: String,
    /// A choice of `Severity`.
    pub severity: i64,
    pub found_on: Day,
}

/// The first of them from a record on, in the order of their ids: those of this severity, or all others.
pub fn findings(
    conn: &View,
    union: UnionNumber,
    severity: i64,
    others: bool,
    from: &[u8],
    most: usize,
) -> Result<Vec<Against>> {
    let mut statement = conn.prepare_cached(
        r#"SELECT f.record, f.owner, f.rule, f.severity, f.found_on FROM finding f WHERE f."union" = ?1
        AND (f.severity = ?2) <> ?3 AND f.record >= ?4
        AND NOT EXISTS (SELECT 1 FROM finding_withdrawal w
            WHERE w.finding = f.record AND w.owner = f.owner AND w."union" = f."union")
        ORDER BY f.record, f.owner LIMIT ?5"#,
    )?;
    let rows = statement.query_map((i64::from(union), severity, others, from, most as i64), |row| {
        Ok(Against {
            id: RecordId(row.get(0)?),
            by: tables::union(row.get(1)?)?,
            rule: row.get(2)?,
            severity: row.get(3)?,
            found_on: Day(row.get(4)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A document of a union on which devices disagree: its kind, and how many fields.
pub struct Disputed {
    pub id: RecordId,
    pub kind: u32,
    pub fields: u64,
}

/// The first of them after a record, in the order of their ids.
pub fn disputed(conn: &View, owner: UnionNumber, after: &[u8], most: usize) -> Result<Vec<Disputed>> {
    let mut statement = conn.prepare_cached(
        "SELECT record, min(kind), count(*) FROM conflict WHERE owner = ?1 AND place = 0 AND record > ?2
         GROUP BY record ORDER BY record LIMIT ?3",
    )?;
    let rows = statement.query_map((i64::from(owner), after, most as i64), |row| {
        Ok(Disputed { id: RecordId(row.get(0)?), kind: row.get(1)?, fields: row.get::<_, i64>(2)?.unsigned_abs() })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many fields of a union's documents devices disagree on.
pub fn disputes(conn: &View, owner: UnionNumber) -> Result<u64> {
    const SQL: &str = "SELECT count(*) FROM conflict WHERE owner = ?1 AND place = 0";
    let mut statement = conn.prepare_cached(SQL)?;
    Ok(statement.query_row([i64::from(owner)], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// Two sheets of one enterprise and day with different grades, of which the later decides, and no later day.
pub struct Graded {
    pub id: RecordId,
    pub other: RecordId,
    pub enterprise: RecordId,
    pub day: Day,
}

pub fn graded_twice(conn: &View, owner: UnionNumber, after: &[u8], most: usize) -> Result<Vec<Graded>> {
    let mut statement = conn.prepare_cached(
        "SELECT b.record, a.record, b.enterprise, b.rated_on FROM rating b JOIN rating a
            ON a.enterprise = b.enterprise AND a.rated_on = b.rated_on AND a.owner = b.owner AND a.record < b.record
        WHERE b.owner = ?1 AND b.record > ?2 AND a.grade <> b.grade AND NOT EXISTS (
            SELECT 1 FROM rating l WHERE l.enterprise = b.enterprise AND l.owner = b.owner
            AND (l.rated_on > b.rated_on OR (l.rated_on = b.rated_on AND l.record > b.record)))
        GROUP BY b.record ORDER BY b.record LIMIT ?3",
    )?;
    let rows = statement.query_map((i64::from(owner), after, most as i64), |row| {
        Ok(Graded {
            id: RecordId(row.get(0)?),
            other: RecordId(row.get(1)?),
            enterprise: RecordId(row.get(2)?),
            day: Day(row.get(3)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Entries of a union of which more was taken back than they said, as two machines may that do not hear each other.
pub fn taken_back_twice(conn: &View, owner: UnionNumber, table: &str) -> Result<Vec<RecordId>> {
    let sql = format!(
        "SELECT o.record FROM (SELECT reverses, sum(max(amount, -{LARGEST_AMOUNT})) AS back FROM \"{table}\"
            WHERE reverses IS NOT NULL AND owner = ?1 AND amount < 0 GROUP BY reverses) r
        JOIN \"{table}\" o ON o.record = r.reverses AND o.owner = ?1 WHERE o.amount > 0 AND o.amount + r.back < 0
        ORDER BY o.record"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([i64::from(owner)], |row| Ok(RecordId(row.get(0)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A device that a union enrolled for one directly below it and did not revoke: since when, and when it last spoke.
pub struct Machine {
    pub device: DeviceId,
    pub union: UnionNumber,
    pub since: Option<Day>,
    /// The last exchange with it that went well, or when it last was heard of; in milliseconds.
    pub heard: Option<i64>,
}

pub fn machines(conn: &View, by: UnionNumber) -> Result<Vec<Machine>> {
    let mut statement = conn.prepare_cached(
        r#"SELECT e.device, e."union", min(e.from_on), max(l.last_success),
            (SELECT max(f.heard_at) FROM feed f WHERE f.device = e.device AND f.heard_at > 0)
        FROM enrolment e LEFT JOIN link l ON l.device = e.device
        WHERE e.owner = ?1 AND NOT EXISTS (SELECT 1 FROM revocation r
            WHERE r.device = e.device AND r.owner = e.owner AND r."union" = e."union")
        GROUP BY e.device, e."union" ORDER BY e."union", e.device"#,
    )?;
    let rows = statement.query_map([i64::from(by)], |row| {
        let (success, heard): (Option<i64>, Option<i64>) = (row.get(3)?, row.get(4)?);
        Ok(Machine {
            device: DeviceId(row.get(0)?),
            union: tables::union(row.get(1)?)?,
            since: row.get::<_, Option<i32>>(2)?.map(Day),
            heard: success.max(heard),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Unions of a branch with people whose identity number has no index here (DQ-01), and how many each.
pub fn unread_numbers(conn: &View, at: UnionNumber) -> Result<Vec<(UnionNumber, u64)>> {
    const SQL: &str = "SELECT m.owner, count(*) FROM mediator m JOIN below b ON b.above = ?1 AND b.code = m.owner
        WHERE m.id_no IS NOT NULL AND m.id_no_index IS NULL GROUP BY m.owner ORDER BY m.owner";
    let mut statement = conn.prepare_cached(SQL)?;
    let rows = statement
        .query_map([i64::from(at)], |row| Ok((tables::union(row.get(0)?)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Feeds of which operations are held.
pub fn holding(conn: &View) -> Result<Vec<i64>> {
    // From one feed to the next, over whatever is held of each.
    const SQL: &str = "WITH RECURSIVE f(no) AS (SELECT min(feed) FROM quarantine
        UNION ALL SELECT (SELECT min(feed) FROM quarantine WHERE feed > f.no) FROM f WHERE f.no IS NOT NULL)
        SELECT no FROM f WHERE no IS NOT NULL";
    let mut statement = conn.prepare_cached(SQL)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What of a feed is held and waits for a person, as far as `most`: number and reason. Edits that came before the one they
/// follow are taken up by themselves; what was rejected is settled.
pub fn held_open(conn: &View, no: i64, feed: &Feed, most: usize) -> Result<Vec<(u64, Reason)>> {
    const SQL: &str = "SELECT seq, reason FROM quarantine WHERE feed = ?1 AND seq >= ?2 AND seq < ?3 AND reason <> ?4
        ORDER BY seq LIMIT ?5";
    let rejected = trust::rejected(conn, feed)?;
    let mut statement = conn.prepare_cached(SQL)?;
    let mut open = vec![];
    for gap in rejected.gaps() {
        let left = most - open.len();
        let row = (no, gap.start as i64, gap.end as i64, Reason::Early.number(), left as i64);
        let mut rows = statement.query(row)?;
        while let Some(row) = rows.next()? {
            let reason = Reason::numbered(row.get(1)?).unwrap_or(Reason::Failed);
            open.push((row.get::<_, i64>(0)?.unsigned_abs(), reason));
        }
        if open.len() >= most {
            break;
        }
    }
    Ok(open)
}

/// Unions of a province that granted this hub keys by machines that are gone, and whose only machine has none of them:
/// with that machine.
pub fn without_keys(conn: &View, province: UnionNumber, hub: &DeviceId) -> Result<Vec<(UnionNumber, DeviceId)>> {
    const RETURNED: &str = "SELECT EXISTS (SELECT 1 FROM key_return WHERE device = ?1 AND owner = ?2)";
    let mut granters: BTreeMap<UnionNumber, Vec<DeviceId>> = BTreeMap::new();
    for given in receivers::given(conn, hub)? {
        granters.entry(given.owner).or_default().push(given.by);
    }
    let mut without = vec![];
    for (union, by) in granters.into_iter().filter(|(union, _)| *union != province) {
        let [only] = &receivers::of_union(conn, union)?[..] else { continue };
        let device = only.device;
        if by.iter().all(|by| *by == device) {
            continue;
        }
        let from_its_own = receivers::given(conn, &device)?.iter().any(|given| given.owner == union);
        let row = (device.as_bytes(), i64::from(province));
        if !from_its_own && !conn.prepare_cached(RETURNED)?.query_row(row, |row| row.get(0))? {
            without.push((union, device));
        }
    }
    Ok(without)
}

/// Whether a union has published the days off of a year.
pub fn has_days_off(conn: &View, owner: UnionNumber, year: i32) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM calendar WHERE owner = ?1 AND year = ?2)";
    Ok(conn.prepare_cached(SQL)?.query_row((i64::from(owner), year), |row| row.get(0))?)
}
