//! Which notice of days off holds for a year: of each publisher the last one.

use huiliu_proto::{handle::Declared as _, id::RecordId, records::calendar, union::UnionNumber, v1::Calendar};

use super::{
    Result, View,
    projection::{self, Shown},
    tables,
};

/// Those of a union and the unions above it that hold, by year and publisher; the first `most` after a year and publisher.
pub fn that_hold(
    conn: &View,
    union: UnionNumber,
    after: Option<(i64, UnionNumber)>,
    most: usize,
) -> Result<Vec<Shown>> {
    let (table, year) = (Calendar::NAME, calendar::YEAR.name());
    let publishers: Vec<String> = union.ancestors().chain([union]).map(|by| u64::from(by).to_string()).collect();
    let sql = format!(
        "SELECT max(record), owner FROM \"{table}\" WHERE owner IN ({}) AND (\"{year}\", owner) > (?1, ?2)
         GROUP BY \"{year}\", owner ORDER BY \"{year}\", owner LIMIT ?3",
        publishers.join(", ")
    );
    let (from, by) = after.map_or((i64::MIN, 0), |(year, by)| (year, i64::from(by)));
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map((from, by, i64::try_from(most).unwrap_or(i64::MAX)), |row| {
        Ok((RecordId(row.get(0)?), tables::union(row.get(1)?)?))
    })?;
    let holding: Vec<(RecordId, UnionNumber)> = rows.collect::<rusqlite::Result<_>>()?;
    let read = |(id, by): &(RecordId, UnionNumber)| projection::get_of(conn, Calendar::kind(), *by, id).transpose();
    holding.iter().filter_map(read).collect()
}
