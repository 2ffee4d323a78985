//! What a filing freezes and what became of it: the queries. What they mean is `filing`'s.

use huiliu_proto::{id::RecordId, period::Day, records::engagement::room::IN_POST, union::UnionNumber};
use rusqlite::Row;

use super::{Result, View, tables};

/// In post on a day, as the room of engagements defines it.
const ON_DAY: &str = "e.owner = ?1 AND e.starts_on <= ?2 AND e.until >= ?2";

/// An engagement that is in post on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub engagement: RecordId,
    pub mediator: RecordId,
    pub employment: i64,
    pub funded: bool,
}

/// A union's own engagements in post on a day.
pub fn in_post(conn: &View, owner: UnionNumber, day: Day) -> Result<Vec<Head>> {
    let sql = format!(
        "SELECT e.record, e.mediator, e.employment, coalesce(e.funded, 0) FROM {IN_POST} e WHERE {ON_DAY}
         ORDER BY e.record"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map((i64::from(owner), day.0), |row| {
        Ok(Head {
            engagement: RecordId(row.get(0)?),
            mediator: RecordId(row.get(1)?),
            employment: row.get(2)?,
            funded: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Of those, the persons with a certificate of appointment (1) that holds on that day and was not revoked (3) by then.
pub fn certified(conn: &View, owner: UnionNumber, day: Day) -> Result<i64> {
    let sql = format!(
        "SELECT count(DISTINCT e.mediator) FROM {IN_POST} e WHERE {ON_DAY} AND EXISTS (
            SELECT 1 FROM certificate c WHERE c.mediator = e.mediator AND c.type = 1
            AND c.issued_on <= ?2 AND coalesce(c.expires_on, ?2) >= ?2 AND (c.status <> 3 OR c.revoked_on > ?2))"
    );
    Ok(conn.prepare_cached(&sql)?.query_row((i64::from(owner), day.0), |row| row.get(0))?)
}

/// Enterprises that the union's work log names from one day to another.
pub fn enterprises(conn: &View, owner: UnionNumber, from: Day, to: Day) -> Result<i64> {
    const SQL: &str =
        "SELECT count(DISTINCT enterprise) FROM work_entry WHERE owner = ?1 AND done_on BETWEEN ?2 AND ?3";
    Ok(conn.prepare_cached(SQL)?.query_row((i64::from(owner), from.0, to.0), |row| row.get(0))?)
}

/// A filing without its roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub id: RecordId,
    pub owner: UnionNumber,
    /// A choice of `FilingType`.
    pub type_: i64,
    pub year: i64,
    pub month: Option<i64>,
    pub census_on: Day,
    pub full_time: i64,
    pub part_time: i64,
    pub certified: Option<i64>,
    pub funded_heads: i64,
    pub enterprises: Option<i64>,
    pub supersedes: Option<RecordId>,
}

const VERSIONS: &str =
    "SELECT record, owner, type, year, month, census_on, full_time, part_time, certified, funded_heads,
    enterprises, supersedes FROM filing";

fn version(row: &Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version {
        id: RecordId(row.get(0)?),
        owner: tables::union(row.get(1)?)?,
        type_: row.get(2)?,
        year: row.get(3)?,
        month: row.get(4)?,
        census_on: Day(row.get(5)?),
        full_time: row.get(6)?,
        part_time: row.get(7)?,
        certified: row.get(8)?,
        funded_heads: row.get(9)?,
        enterprises: row.get(10)?,
        supersedes: row.get::<_, Option<[u8; 16]>>(11)?.map(RecordId),
    })
}

/// Filings, oldest first: of one union or of all that are seen here.
pub fn versions(conn: &View, owner: Option<UnionNumber>) -> Result<Vec<Version>> {
    page(conn, owner, None, usize::MAX)
}

/// The first `most` of them after one.
pub fn page(conn: &View, owner: Option<UnionNumber>, after: Option<RecordId>, most: usize) -> Result<Vec<Version>> {
    let sql =
        format!("{VERSIONS} WHERE (?1 IS NULL OR owner = ?1) AND (?2 IS NULL OR record > ?2) ORDER BY record LIMIT ?3");
    let mut statement = conn.prepare_cached(&sql)?;
    let row = (owner.map(i64::from), after.map(|id| id.0), i64::try_from(most).unwrap_or(i64::MAX));
    Ok(statement.query_map(row, version)?.collect::<rusqlite::Result<_>>()?)
}

/// All filings of the union, type and period of one, oldest first.
pub fn rivals(conn: &View, of: &Version) -> Result<Vec<Version>> {
    let sql = format!("{VERSIONS} WHERE owner = ?1 AND type = ?2 AND year = ?3 AND month IS ?4 ORDER BY record");
    let mut statement = conn.prepare_cached(&sql)?;
    let row = (i64::from(of.owner), of.type_, of.year, of.month);
    Ok(statement.query_map(row, version)?.collect::<rusqlite::Result<_>>()?)
}

/// Filings of the unions directly below one, oldest first.
pub fn versions_below(conn: &View, parent: UnionNumber) -> Result<Vec<Version>> {
    let sql = format!("{VERSIONS} WHERE owner IN (SELECT code FROM region WHERE parent = ?1) ORDER BY record");
    let mut statement = conn.prepare_cached(&sql)?;
    Ok(statement.query_map([i64::from(parent)], version)?.collect::<rusqlite::Result<_>>()?)
}

/// One step of a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    pub id: RecordId,
    pub by: UnionNumber,
    pub filing: RecordId,
    /// A choice of `ReviewAction`.
    pub action: i64,
    pub register_no: Option<String>,
    pub reasons: Option<String>,
}

fn review(row: &Row<'_>) -> rusqlite::Result<Review> {
    Ok(Review {
        id: RecordId(row.get(0)?),
        by: tables::union(row.get(1)?)?,
        filing: RecordId(row.get(2)?),
        action: row.get(3)?,
        register_no: row.get(4)?,
        reasons: row.get(5)?,
    })
}

const REVIEWS: &str = r#"SELECT r.record, r.owner, r.filing, r.action, r.register_no, r.reasons FROM filing_review r
    JOIN filing f ON f.record = r.filing WHERE r."union" = f.owner"#;

/// All reviews that are seen here, oldest first: only what was said to the union whose filing it is, where it hears it.
pub fn reviews(conn: &View) -> Result<Vec<Review>> {
    let mut statement = conn.prepare_cached(&format!("{REVIEWS} ORDER BY r.record"))?;
    Ok(statement.query_map([], review)?.collect::<rusqlite::Result<_>>()?)
}

/// Of these, those of one filing.
pub fn reviews_of(conn: &View, filing: &RecordId) -> Result<Vec<Review>> {
    let mut statement = conn.prepare_cached(&format!("{REVIEWS} AND r.filing = ?1 ORDER BY r.record"))?;
    Ok(statement.query_map([filing.as_bytes()], review)?.collect::<rusqlite::Result<_>>()?)
}

/// Of these, those that one union wrote.
pub fn reviews_by(conn: &View, by: UnionNumber) -> Result<Vec<Review>> {
    let mut statement = conn.prepare_cached(&format!("{REVIEWS} AND r.owner = ?1 ORDER BY r.record"))?;
    Ok(statement.query_map([i64::from(by)], review)?.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use huiliu_proto::{
        handle::Draft,
        records::engagement::{self, room},
        v1::Engagement,
    };

    use super::*;
    use crate::store::{Database, connections, projection};

    /// Totals ask the room in Rust, filings and checks its views: of every state and end they must say the same.
    #[test]
    fn in_post_is_one_thing_in_totals_and_in_queries() {
        let conn = rusqlite::Connection::open_in_memory().unwrap();
        connections::settle(&conn).unwrap();
        let conn = Database::from(conn);
        projection::create(&conn).unwrap();
        let mut id = 0i64;
        for state in 0..=10 {
            for ended in [None, Some(Day(150))] {
                id += 1;
                let mut draft = Draft::<Engagement>::new();
                draft.set_number(engagement::STATE, state);
                draft.set(engagement::STARTS_ON, Day(100)).set(engagement::ENDS_ON, Day(200));
                if let Some(ended) = ended {
                    draft.set(engagement::ENDED_ON, ended);
                }
                let record = draft.into_record();
                let row = (id.to_be_bytes(), state, 100, 200, ended.map(|day| day.0));
                conn.prepare_cached(
                    "INSERT INTO engagement (record, owner, feed, seq, state, starts_on, ends_on, ended_on)
                    VALUES (?1, 320922, 1, 1, ?2, ?3, ?4, ?5)",
                )
                .unwrap()
                .execute(row)
                .unwrap();
                let asked = |view: &str| -> Vec<(i32, Option<i32>)> {
                    let sql = format!("SELECT starts_on, until FROM {view} WHERE record = ?1");
                    let mut statement = conn.prepare_cached(&sql).unwrap();
                    let rows = statement.query_map([id.to_be_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
                    rows.collect::<rusqlite::Result<_>>().unwrap()
                };
                let said = room::in_post(record.of::<Engagement>().unwrap());
                let said: Vec<_> = said.map(|(from, last)| (from.0, last.map(|day| day.0))).into_iter().collect();
                assert_eq!(asked(IN_POST), said, "state {state}");
                assert_eq!(asked(room::IN_POST_OR_SUSPENDED).len(), usize::from(state == 8) + said.len(), "{state}");
                assert_eq!(asked(room::STILL_IN_POST).len(), usize::from(state == 7), "{state}");
            }
        }
    }
}
