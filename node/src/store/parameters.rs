//! What was published of the numbers that a check uses, as far as it may hold for one union.

use huiliu_proto::{id::RecordId, period::Day, union::UnionNumber};
use rusqlite::Row;

use super::{Result, View, tables};

/// One published number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub by: UnionNumber,
    pub record: RecordId,
    pub name: String,
    pub value: i64,
    pub from: Day,
    /// The last day.
    pub until: Option<Day>,
    pub doc_no: String,
    /// Said for everyone below; else for the union itself.
    pub downwards: bool,
}

/// Those of one rule by this union and those above it, from the top down, those of one union as they were made.
pub fn of_rule(conn: &View, rule: &str, at: UnionNumber) -> Result<Vec<Published>> {
    const SQL: &str = "
        SELECT owner, record, name, value, effective_from, effective_until, doc_no, 1 FROM parameter WHERE rule = ?1
        UNION ALL
        SELECT owner, record, name, value, effective_from, effective_until, doc_no, 0 FROM local_parameter
        WHERE rule = ?1 AND owner = ?2";
    let mut statement = conn.prepare_cached(SQL)?;
    let rows = statement.query_map((rule, i64::from(at)), read)?;
    let mut all: Vec<Published> = rows.collect::<rusqlite::Result<_>>()?;
    all.retain(|one| one.by.contains(at));
    all.sort_by_key(|one| (one.by.ancestors().count(), !one.downwards, one.record));
    Ok(all)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Published> {
    let until: Option<i32> = row.get(5)?;
    let record: [u8; 16] = row.get(1)?;
    Ok(Published {
        by: tables::union(row.get(0)?)?,
        record: RecordId(record),
        name: row.get(2)?,
        value: row.get(3)?,
        from: Day(row.get(4)?),
        until: until.map(Day),
        doc_no: row.get(6)?,
        downwards: row.get(7)?,
    })
}
