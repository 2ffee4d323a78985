//! Records beside one that is about to be written: the queries. What they mean is `ledger::beside`'s.

use huiliu_proto::{id::RecordId, kind::Kind, period::Day, record::Record, union::UnionNumber, value::Value};
use rusqlite::{OptionalExtension as _, ToSql, types::Value as Sql};

use super::{
    Result, View,
    projection::{self, Shown},
};

/// Records of a union that point at one of its own with a field.
pub fn pointing(
    conn: &View,
    kind: &'static Kind,
    owner: UnionNumber,
    field: &str,
    id: &RecordId,
) -> Result<Vec<Shown>> {
    let indexed = kind.field(field).is_some_and(|at| kind.fields[at].index);
    // Without an index only what was made later is looked through: ids go on from the highest.
    let sql = format!(
        "SELECT record FROM \"{}\" WHERE \"{field}\" = ?1 AND owner = ?2 AND record > ?3 ORDER BY record",
        kind.name
    );
    let after: &[u8] = if indexed { &[] } else { id.as_bytes() };
    let mut statement = conn.prepare_cached(&sql)?;
    let ids = statement.query_map((id.as_bytes(), i64::from(owner), after), |row| Ok(RecordId(row.get(0)?)))?;
    let ids: Vec<RecordId> = ids.collect::<rusqlite::Result<_>>()?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(projection::get_of(conn, kind, owner, &id)?);
    }
    Ok(found)
}

/// When a person was born, as whoever engages her says.
pub fn born(conn: &View, mediator: &RecordId) -> Result<Option<Day>> {
    let mut statement = conn.prepare_cached("SELECT born FROM mediator WHERE record = ?1 ORDER BY owner LIMIT 1")?;
    let born: Option<Option<i32>> = statement.query_row([mediator.as_bytes()], |row| row.get(0)).optional()?;
    Ok(born.flatten().map(Day))
}

/// A sealed field of all records of a union.
pub fn sealed(conn: &View, kind: &Kind, owner: UnionNumber, field: &str) -> Result<Vec<(RecordId, Vec<u8>)>> {
    let sql = format!("SELECT record, \"{field}\" FROM \"{}\" WHERE owner = ?1 AND \"{field}\" IS NOT NULL", kind.name);
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([i64::from(owner)], |row| Ok((RecordId(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Other records of a union that agree with one in `by` and in all of `same`, among the newest that agree in `by`.
pub fn same(
    conn: &View,
    record: &Record,
    owner: UnionNumber,
    by: &str,
    same: &[&str],
    not: &RecordId,
    newest: usize,
) -> Result<Vec<RecordId>> {
    let tests: Vec<String> = same.iter().enumerate().map(|(n, name)| format!("\"{name}\" IS ?{}", n + 5)).collect();
    let sql = format!(
        "SELECT record FROM (SELECT * FROM \"{}\" WHERE \"{by}\" = ?1 ORDER BY record DESC LIMIT ?2)
         WHERE owner = ?3 AND record <> ?4 AND {} ORDER BY record LIMIT 20",
        record.kind.name,
        tests.join(" AND ")
    );
    let mut values = vec![
        sql_value(record.get(by)),
        Sql::Integer(newest as i64),
        Sql::Integer(i64::from(owner)),
        Sql::Blob(not.to_vec()),
    ];
    values.extend(same.iter().map(|name| sql_value(record.get(name))));
    let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(&values[..], |row| Ok(RecordId(row.get(0)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn sql_value(value: Option<&Value>) -> Sql {
    match value {
        None | Some(Value::Lines(_)) => Sql::Null,
        Some(Value::Bool(v)) => Sql::Integer(i64::from(*v)),
        Some(Value::Int(v)) => Sql::Integer(*v),
        Some(Value::Text(v)) => Sql::Text(v.clone()),
        Some(Value::Bytes(v)) => Sql::Blob(v.clone()),
    }
}
