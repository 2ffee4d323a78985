//! What is known here of unions, their facts and relations: read from the tables, and put together.

use std::collections::HashMap;

use huiliu_proto::{
    handle::Declared as _,
    id::RecordId,
    organisation::{Fact, Organisation, Profile, Relation, Said},
    records::{union_fact, union_relation},
    union::UnionNumber,
    v1::{Union, UnionFact, UnionRelation, UnionRelationType},
    value::Value,
};

use super::directory;
use crate::store::{
    Result, View,
    projection::{self, Shown},
    tables,
};

const ALL: usize = i64::MAX as usize;

/// All that is known.
pub fn load(conn: &View) -> Result<Organisation> {
    let mut all = Organisation::default();
    list(conn, &mut all, None)?;
    said(conn, &mut all)?;
    Ok(all)
}

/// As much of it as tells who leads and funds one union and takes its filings, and what is said of it.
pub fn of(conn: &View, union: UnionNumber) -> Result<Organisation> {
    let mut all = Organisation::default();
    // Of a city of the Corps, the divisions tell who leads it.
    if UnionNumber::CORPS.contains(union) {
        list(conn, &mut all, Some(UnionNumber::CORPS))?;
    }
    let (relations, number) = (UnionRelation::kind(), Value::Int(i64::from(union)));
    put(&mut all, projection::list_where(conn, relations, union_relation::UNION.name(), &number)?);
    // Who leads one beside it may lead it, too.
    let leads = Value::Int(i64::from(i32::from(UnionRelationType::LedBy)));
    put(&mut all, projection::list_where(conn, relations, union_relation::TYPE.name(), &leads)?);
    put(&mut all, projection::list_where(conn, UnionFact::kind(), union_fact::UNION.name(), &number)?);
    Ok(all)
}

/// All that is said of relations and facts; `None` where nothing of it is a union's own. Who is on a list is known only where
/// that tells who leads.
pub fn said_by(conn: &View, union: UnionNumber) -> Result<Option<Organisation>> {
    const ANY: &str = "SELECT EXISTS (SELECT 1 FROM union_relation WHERE owner = ?1)
        OR EXISTS (SELECT 1 FROM union_fact WHERE owner = ?1)";
    if !conn.prepare_cached(ANY)?.query_row([i64::from(union)], |row| row.get(0))? {
        return Ok(None);
    }
    let mut all = Organisation::default();
    if union.contains(UnionNumber::CORPS) {
        list(conn, &mut all, Some(UnionNumber::CORPS))?;
    }
    said(conn, &mut all)?;
    Ok(Some(all))
}

/// All that is said of relations and facts, by anybody; nobody is on a list.
pub fn words(conn: &View) -> Result<Organisation> {
    let mut all = Organisation::default();
    said(conn, &mut all)?;
    Ok(all)
}

fn said(conn: &View, all: &mut Organisation) -> Result<()> {
    put(all, projection::list(conn, UnionRelation::kind(), None, None, ALL)?);
    put(all, projection::list(conn, UnionFact::kind(), None, None, ALL)?);
    Ok(())
}

fn put(all: &mut Organisation, rows: Vec<Shown>) {
    for row in rows {
        let said = Said { by: row.place.owner, record: row.id };
        if let Some(relation) = Relation::read(said, &row.record) {
            all.relate(relation);
        } else if let Some(fact) = Fact::read(said, &row.record) {
            all.state(fact);
        }
    }
}

/// The unions that are registered, by one or by all: from the lists, and from the enrolments of their machines.
fn list(conn: &View, all: &mut Organisation, by: Option<UnionNumber>) -> Result<()> {
    for (union, names) in directory::enrolled(conn, by)? {
        all.enrol(union, names);
    }
    let mut given =
        conn.prepare_cached("SELECT record, owner, number FROM number_given WHERE ?1 IS NULL OR owner = ?1")?;
    let rows = given.query_map([by.map(i64::from)], |row| {
        Ok(((RecordId(row.get(0)?), tables::union(row.get(1)?)?), tables::union(row.get(2)?)?))
    })?;
    let given: HashMap<(RecordId, UnionNumber), UnionNumber> = rows.collect::<rusqlite::Result<_>>()?;
    for row in projection::list(conn, Union::kind(), by, None, ALL)? {
        if let Some(number) = given.get(&(row.id, row.place.owner))
            && let Some(profile) = Profile::read(&row.record)
        {
            all.list(*number, profile);
        }
    }
    Ok(())
}
