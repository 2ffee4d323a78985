//! Totals per union, measure and month, and what keeps them right as records come in.

use std::collections::BTreeMap;

use huiliu_proto::{
    id::RecordId,
    kind::Kind,
    period::Day,
    room::{CountsOnce, UntilNext},
    union::UnionNumber,
};
use rusqlite::{OptionalExtension as _, Row};

use super::{Database, Result, StoreError, View, feeds, tables};

/// (union, measure, month).
pub type Cell = (UnionNumber, u32, i32);

/// What stands in a cell, or is added to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figure {
    /// The union alone.
    pub own: i128,
    /// What unions below it each count for themselves, and it and those above it count once: nought or less.
    pub shared: i128,
    /// With everything below it.
    pub total: i128,
}

/// The two words of a figure: high × 2^32 + low, low from 0 to 2^32 - 1. What one operation adds is below 2^54, so the
/// high word takes more operations than there will ever be.
fn words(figure: i128) -> Result<(i64, i64)> {
    let high = i64::try_from(figure >> 32).map_err(|_| StoreError::Damaged("a figure that no operations add up to"))?;
    Ok((high, (figure & 0xffff_ffff) as i64))
}

/// Of words, or of sums of words.
fn figure(high: i64, low: i64) -> i128 {
    (i128::from(high) << 32) + i128::from(low)
}

/// Adds to cells. One that comes to nothing is removed, as if nothing had ever been added to it.
pub fn add(conn: &Database, cells: &BTreeMap<Cell, Figure>) -> Result<()> {
    const SQL: &str = r#"INSERT INTO rollup ("union", measure, month, own_high, own_low, shared, total_high, total_low)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT ("union", measure, month) DO UPDATE SET
        own_high = own_high + excluded.own_high + ((own_low + excluded.own_low) >> 32),
        own_low = (own_low + excluded.own_low) & 4294967295,
        shared = shared + excluded.shared,
        total_high = total_high + excluded.total_high + ((total_low + excluded.total_low) >> 32),
        total_low = (total_low + excluded.total_low) & 4294967295
        RETURNING own_high | own_low | shared | total_high | total_low"#;
    let mut statement = conn.prepare_cached(SQL)?;
    for ((union, measure, month), add) in cells {
        if *add == Figure::default() {
            continue;
        }
        let ((own_high, own_low), (total_high, total_low)) = (words(add.own)?, words(add.total)?);
        let shared = i64::try_from(add.shared).map_err(|_| StoreError::Damaged("a figure of what is shared"))?;
        let key = (i64::from(*union), measure, month);
        let row = (key.0, key.1, key.2, own_high, own_low, shared, total_high, total_low);
        if statement.query_row(row, |r| r.get::<_, i64>(0))? == 0 {
            const GONE: &str = r#"DELETE FROM rollup WHERE "union" = ?1 AND measure = ?2 AND month = ?3"#;
            conn.prepare_cached(GONE)?.execute(key)?;
        }
    }
    Ok(())
}

/// What stands in the cells of one union and one month, per measure.
pub fn month(conn: &View, union: UnionNumber, month: i32) -> Result<Vec<(u32, Figure)>> {
    let mut statement = conn.prepare_cached(
        r#"SELECT measure, own_high, own_low, shared, total_high, total_low FROM rollup
        WHERE "union" = ?1 AND month = ?2 ORDER BY measure"#,
    )?;
    let rows = statement.query_map((i64::from(union), month), read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<(u32, Figure)> {
    let own = figure(row.get(1)?, row.get(2)?);
    let shared = i128::from(row.get::<_, i64>(3)?);
    Ok((row.get(0)?, Figure { own, shared, total: figure(row.get(4)?, row.get(5)?) }))
}

/// Beside the measures: how many records of a kind there are, for kinds of which there are too many to be counted when
/// somebody asks. The number of its cell is this and the kind's; its month is none.
const RECORDS: u32 = 1 << 24;
const NO_MONTH: i32 = 0;

/// The cell that counts a union's records of a kind.
pub fn records_of(owner: UnionNumber, kind: &Kind) -> Cell {
    (owner, RECORDS + kind.number, NO_MONTH)
}

/// How many records there are of a bulk kind: of a union alone, or of all.
pub fn records(conn: &View, kind: &Kind, owner: Option<UnionNumber>) -> Result<u64> {
    const SQL: &str = r#"SELECT measure, own_high, own_low, shared, total_high, total_low FROM rollup
        WHERE "union" = ?1 AND measure = ?2 AND month = ?3"#;
    let (union, measure, month) = records_of(owner.unwrap_or(UnionNumber::NATION), kind);
    let row = conn.prepare_cached(SQL)?.query_row((i64::from(union), measure, month), read).optional()?;
    let figure = row.map_or(Figure::default(), |(_, figure)| figure);
    let count = if owner.is_some() { figure.own } else { figure.total };
    u64::try_from(count).map_err(|_| StoreError::Damaged("how many records there are"))
}

/// Sums over months `from..=to`, per measure: own, total.
///
/// Added up here and not in SQL, whose sum fails where it does not fit into one word.
pub fn sums(conn: &View, union: UnionNumber, from: i32, to: i32) -> Result<BTreeMap<u32, (i128, i128)>> {
    let mut statement = conn.prepare_cached(
        r#"SELECT measure, own_high, own_low, shared, total_high, total_low FROM rollup
        WHERE "union" = ?1 AND measure < ?4 AND month BETWEEN ?2 AND ?3"#,
    )?;
    let mut sums: BTreeMap<u32, (i128, i128)> = BTreeMap::new();
    for row in statement.query_map((i64::from(union), from, to, RECORDS), read)? {
        let (measure, figure) = row?;
        let sum = sums.entry(measure).or_default();
        sum.0 += figure.own;
        sum.1 += figure.total;
    }
    Ok(sums)
}

/// The newest month with any cell for this union.
pub fn newest(conn: &View, union: UnionNumber) -> Result<Option<i32>> {
    let mut statement = conn.prepare_cached(r#"SELECT max(month) FROM rollup WHERE "union" = ?1 AND measure < ?2"#)?;
    Ok(statement.query_row((i64::from(union), RECORDS), |r| r.get(0))?)
}

/// Notes that a union says a mediator was in an enterprise on a day. True where it had not said so.
pub fn add_field_day(conn: &Database, mediator: &[u8], day: i64, owner: UnionNumber) -> Result<bool> {
    const SQL: &str = "INSERT INTO field_day (mediator, day, owner) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    Ok(conn.prepare_cached(SQL)?.execute((mediator, day, i64::from(owner)))? == 1)
}

/// The union's record `not` is taken out. True where no other one of its says so.
pub fn remove_field_day(
    conn: &Database,
    kind: &Kind,
    counts: CountsOnce,
    (of, day): (&[u8], i64),
    owner: UnionNumber,
    not: &RecordId,
) -> Result<bool> {
    let [whose, on, with, without] = [counts.of, counts.on, counts.with, counts.without].map(|at| kind.fields[at].name);
    let sql = format!(
        "DELETE FROM field_day WHERE mediator = ?1 AND day = ?2 AND owner = ?3 AND NOT EXISTS (
        SELECT 1 FROM \"{}\" w WHERE w.\"{whose}\" = ?1 AND w.\"{on}\" = ?2 AND w.owner = ?3 AND w.record <> ?4
        AND w.\"{with}\" IS NOT NULL AND w.\"{without}\" IS NULL)",
        kind.name
    );
    Ok(conn.prepare_cached(&sql)?.execute((of, day, i64::from(owner), not.as_bytes()))? == 1)
}

/// Who says that a mediator was in an enterprise on a day.
pub fn field_day_owners(conn: &View, mediator: &[u8], day: i64) -> Result<Vec<UnionNumber>> {
    let mut statement = conn.prepare_cached("SELECT owner FROM field_day WHERE mediator = ?1 AND day = ?2")?;
    let rows = statement.query_map((mediator, day), |r| tables::union(r.get(0)?))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A record that holds until the next of its subject, as far as their order asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    pub on: Day,
    pub record: RecordId,
    pub owner: UnionNumber,
    /// The number of what it says.
    pub says: i64,
}

/// The records of the same union about a subject right before and right after one, in the order in which they hold.
pub fn neighbours(
    conn: &View,
    kind: &Kind,
    until_next: UntilNext,
    subject: &[u8],
    of: &Holding,
) -> Result<(Option<Holding>, Option<Holding>)> {
    let [about, on, says] = [until_next.subject, until_next.on, until_next.says].map(|at| kind.fields[at].name);
    let one = |than, way| -> Result<Option<Holding>> {
        let sql = format!(
            "SELECT \"{on}\", record, owner, \"{says}\" FROM \"{}\" WHERE \"{about}\" = ?1
            AND owner = ?4 AND (\"{on}\", record) {than} (?2, ?3) ORDER BY \"{on}\" {way}, record {way} LIMIT 1",
            kind.name
        );
        let row = (subject, of.on.0, of.record.as_bytes(), i64::from(of.owner));
        let read = |r: &Row<'_>| {
            let owner = tables::union(r.get(2)?)?;
            Ok(Holding { on: Day(r.get(0)?), record: RecordId(r.get(1)?), owner, says: r.get(3)? })
        };
        Ok(conn.prepare_cached(&sql)?.query_row(row, read).optional()?)
    };
    Ok((one("<", "DESC")?, one(">", "ASC")?))
}

pub fn add_due(conn: &Database, union: UnionNumber, month: i32) -> Result<()> {
    let mut statement =
        conn.prepare_cached(r#"INSERT INTO statement_due ("union", month) VALUES (?1, ?2) ON CONFLICT DO NOTHING"#)?;
    statement.execute((i64::from(union), month))?;
    Ok(())
}

/// Unions and months whose statement is out of date.
pub fn due(conn: &View) -> Result<Vec<(UnionNumber, i32)>> {
    let mut statement = conn.prepare_cached(r#"SELECT "union", month FROM statement_due ORDER BY "union", month"#)?;
    Ok(statement.query_map([], |r| Ok((tables::union(r.get(0)?)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

/// A statement, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    pub record: RecordId,
    pub feed: i64,
    pub seq: u64,
}

impl Written {
    fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Written>> {
        let Some(record) = row.get::<_, Option<[u8; 16]>>(at)? else { return Ok(None) };
        let seq = row.get::<_, i64>(at + 2)?.unsigned_abs();
        Ok(Some(Written { record: RecordId(record), feed: row.get(at + 1)?, seq }))
    }

    /// When it was written, in milliseconds. Its id says so; one may be ahead of its clock, and then the operation does.
    pub fn time(&self, conn: &View, now: i64) -> Result<i64> {
        let time = self.record.time();
        if time <= now {
            return Ok(time);
        }
        Ok(feeds::operation(conn, self.feed, self.seq)?.map_or(time, |operation| operation.time))
    }
}

/// A union and month whose statement is out of date, and the latest that this device wrote of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub union: UnionNumber,
    pub month: i32,
    pub stated: Option<Written>,
}

/// As `due`, with what was written last.
pub fn due_since(conn: &View) -> Result<Vec<Due>> {
    const SQL: &str = r#"SELECT d."union", d.month, s.record, s.feed, s.seq FROM statement_due d
        LEFT JOIN statement s ON (s.record, s.owner) = (
            SELECT l.record, l.owner FROM statement l WHERE l."union" = d."union" AND l.month = d.month
            AND l.feed IN (SELECT no FROM feed WHERE own = 1)
            ORDER BY coalesce(l.revision, 0) DESC, l.record DESC LIMIT 1)
        ORDER BY d."union", d.month"#;
    let mut statement = conn.prepare_cached(SQL)?;
    let rows = statement.query_map([], |r| {
        Ok(Due { union: tables::union(r.get(0)?)?, month: r.get(1)?, stated: Written::read(r, 2)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What the figures of unions rest on where their records are not seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AsOf {
    /// Unions of which there is a statement.
    pub unions: usize,
    /// When each was stated last: of these times the first and the last.
    pub oldest: i64,
    pub newest: i64,
}

/// As of when a union and those below it are stated, in months `from..=to`.
pub fn as_of(conn: &View, within: UnionNumber, from: i32, to: i32, now: i64) -> Result<Option<AsOf>> {
    // From one union and month to the next by the index: of each there may be thousands of statements.
    const NEXT: &str = r#"SELECT "union", month FROM statement WHERE ("union", month) > (?1, ?2)
        ORDER BY "union", month LIMIT 1"#;
    let mut next = conn.prepare_cached(NEXT)?;
    let mut stated: BTreeMap<UnionNumber, i64> = BTreeMap::new();
    let mut at = (i64::MIN, 0);
    while let Some(found) = next.query_row(at, |r| Ok((r.get(0)?, r.get(1)?))).optional()? {
        at = found;
        let (number, month): (i64, i32) = found;
        let Ok(union) = UnionNumber::try_from(number) else { continue };
        if !within.contains(union) || month > to {
            // Nothing later of this union is asked for.
            at.1 = i32::MAX;
            continue;
        }
        if month < from {
            at.1 = from - 1;
            continue;
        }
        let Some((written, _)) = latest(conn, union, month)? else { continue };
        let time = written.time(conn, now)?;
        stated.entry(union).and_modify(|before| *before = time.max(*before)).or_insert(time);
    }
    let (oldest, newest) = (stated.values().min().copied(), stated.values().max().copied());
    Ok(oldest.zip(newest).map(|(oldest, newest)| AsOf { unions: stated.len(), oldest, newest }))
}

/// Unions and months that a statement was written about.
pub fn stated(conn: &View) -> Result<Vec<(UnionNumber, i32)>> {
    let mut statement = conn.prepare_cached(r#"SELECT DISTINCT "union", month FROM statement"#)?;
    Ok(statement.query_map([], |r| Ok((tables::union(r.get(0)?)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

pub fn clear_due(conn: &Database, union: UnionNumber, month: i32) -> Result<()> {
    conn.prepare_cached(r#"DELETE FROM statement_due WHERE "union" = ?1 AND month = ?2"#)?
        .execute((i64::from(union), month))?;
    Ok(())
}

/// What a statement says of one measure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stated {
    pub own: i128,
    pub shared: i128,
}

/// What `StatementFigure.carry` counts in.
pub const CARRY: i128 = 1 << 53;

/// As `statement.proto` bounds it: below 2^67 a figure, so that no sum of statements is too large for its two words.
pub const MOST_CARRIED: u64 = 16_384;

/// Figures of the latest statement about a union and month; with `not`, of the latest but that one.
pub fn statement(conn: &View, union: UnionNumber, month: i32, not: Option<&RecordId>) -> Result<BTreeMap<u32, Stated>> {
    let mut statement = conn.prepare_cached(
        r#"SELECT f.measure, f.value, coalesce(f.carry, 0), coalesce(f.shared, 0) FROM statement_figures f
        WHERE f.value IS NOT NULL AND (f.record, f.owner) = (
            SELECT record, owner FROM statement WHERE "union" = ?1 AND month = ?2 AND (?3 IS NULL OR record <> ?3)
            ORDER BY coalesce(revision, 0) DESC, record DESC LIMIT 1)"#,
    )?;
    let rows = statement.query_map((i64::from(union), month, not.map(|r| r.0)), |r| {
        let [value, carry, shared] = [r.get::<_, i64>(1)?, r.get(2)?, r.get(3)?].map(i128::from);
        Ok((r.get(0)?, Stated { own: carry * CARRY + value, shared }))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The latest statement about a union and month: its id.
pub fn latest_statement(conn: &View, union: UnionNumber, month: i32) -> Result<Option<RecordId>> {
    Ok(latest(conn, union, month)?.map(|(written, _)| written.record))
}

/// The number that the next statement about a union and month has.
pub fn next_revision(conn: &View, union: UnionNumber, month: i32) -> Result<i64> {
    Ok(latest(conn, union, month)?.map_or(0, |(_, revision)| revision) + 1)
}

/// The latest statement about a union and month, and its revision.
fn latest(conn: &View, union: UnionNumber, month: i32) -> Result<Option<(Written, i64)>> {
    const SQL: &str = r#"SELECT record, feed, seq, coalesce(revision, 0) FROM statement WHERE "union" = ?1 AND month = ?2
        ORDER BY coalesce(revision, 0) DESC, record DESC LIMIT 1"#;
    let read = |r: &Row<'_>| Ok(Written::read(r, 0)?.zip(Some(r.get(3)?)));
    Ok(conn.prepare_cached(SQL)?.query_row((i64::from(union), month), read).optional()?.flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_words_are_a_figure_and_sums_of_words_its_sum() {
        let cases = [0, 1, -1, 1 << 32, -(1 << 32), i128::from(i64::MAX) * 9, i128::from(i64::MIN) * 9, (1 << 94) + 5];
        let mut sum = (0, 0);
        for n in cases {
            let (high, low) = words(n).unwrap();
            assert!((0..1 << 32).contains(&low), "{n}");
            assert_eq!(figure(high, low), n);
            sum = (sum.0 + high, sum.1 + low);
        }
        assert_eq!(figure(sum.0, sum.1), cases.iter().sum());
        assert!(words(1 << 96).is_err());
    }

    #[test]
    fn what_comes_to_nothing_leaves_no_row() {
        let conn = Database::in_memory().unwrap();
        conn.execute_batch(include_str!("schema.sql")).unwrap();
        let cell = (UnionNumber::NATION, 1, 5);
        let count = || conn.query_row("SELECT count(*) FROM rollup", [], |r| r.get::<_, i64>(0)).unwrap();
        let large = i128::from(i64::MAX) * 3;
        for (amount, rows) in [(large, 1), (-1, 1), (1 - large, 0), (-7, 1), (7, 0)] {
            let change = Figure { own: amount, shared: 0, total: amount };
            add(&conn, &BTreeMap::from([(cell, change)])).unwrap();
            assert_eq!(count(), rows, "after {amount}");
        }
    }
}
