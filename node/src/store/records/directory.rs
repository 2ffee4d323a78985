//! What unions are called, as far as the records here say: their superiors' lists, and the enrolments of their machines, which
//! reach every level above a union and the union itself.

use huiliu_proto::{
    directory::{Directory, Found, Names},
    id::RecordId,
    union::UnionNumber,
};
use rusqlite::OptionalExtension as _;

use crate::store::{Result, View, tables, trust};

const LISTED: &str = r#"SELECT g.number, u.name, u.short_name FROM number_given g
    JOIN "union" u ON u.record = g.record AND u.owner = g.owner"#;
const ENROLLED: &str = r#"SELECT "union", name, short_name, owner FROM enrolment WHERE name IS NOT NULL"#;

/// What unions were called from some day on; what was put right since is nobody's name.
const STATED: &str = r#"SELECT f."union", f.name, f.short_name FROM union_fact f
    WHERE NOT EXISTS (SELECT 1 FROM union_fact r WHERE r.replaces = f.record AND r.owner = f.owner)"#;

/// The built-in directory with all that are registered, as far as is known here.
pub fn load(conn: &View) -> Result<Directory> {
    let mut directory = Directory::default();
    for (union, names) in enrolled(conn, None)? {
        directory.add(union, names);
    }
    let mut stated = conn.prepare_cached(STATED)?;
    let mut rows = stated.query([])?;
    while let Some(row) = rows.next()? {
        let at = tables::union(row.get(0)?)?;
        let names: [Option<String>; 2] = [row.get(1)?, row.get(2)?];
        names.into_iter().flatten().for_each(|name| directory.add_name(at, name));
    }
    let mut listed = conn.prepare_cached(LISTED)?;
    let mut rows = listed.query([])?;
    while let Some(row) = rows.next()? {
        directory.add(tables::union(row.get(0)?)?, Names { name: row.get(1)?, short: row.get(2)? });
    }
    Ok(directory)
}

/// What those that are in no list were called when a machine of theirs was enrolled, by one union or by any; the last word on
/// each comes last.
pub(super) fn enrolled(conn: &View, by: Option<UnionNumber>) -> Result<Vec<(UnionNumber, Names)>> {
    let mut statement = conn.prepare_cached(&format!("{ENROLLED} AND (?1 IS NULL OR owner = ?1) ORDER BY record"))?;
    let mut rows = statement.query([by.map(i64::from)])?;
    let mut all = vec![];
    while let Some(row) = rows.next()? {
        let (union, by) = (tables::union(row.get(0)?)?, tables::union(row.get(3)?)?);
        if union.serial().is_some() && trust::superior(union) == by {
            all.push((union, Names { name: row.get(1)?, short: row.get(2)? }));
        }
    }
    Ok(all)
}

/// What a union that is in no list is called, if its superior has said so.
pub fn names(conn: &View, union: UnionNumber) -> Result<Option<Names>> {
    if let Some(names) = registered(conn, union)? {
        return Ok(Some(names));
    }
    let sql = format!(r#"{ENROLLED} AND "union" = ?1 AND owner = ?2 ORDER BY record DESC LIMIT 1"#);
    let mut statement = conn.prepare_cached(&sql)?;
    let row = (i64::from(union), i64::from(trust::superior(union)));
    let found = statement.query_row(row, |row| Ok(Names { name: row.get(1)?, short: row.get(2)? }));
    Ok(found.optional()?)
}

/// The same as the record says by which it was registered; `None` where that is not here, or was voided.
pub fn registered(conn: &View, union: UnionNumber) -> Result<Option<Names>> {
    let sql = format!("{LISTED} WHERE g.owner = ?1 AND g.number = ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    let row = (i64::from(union.giver()), i64::from(union));
    let found = statement.query_row(row, |row| Ok(Names { name: row.get(1)?, short: row.get(2)? }));
    Ok(found.optional()?)
}

/// The first `most` that are registered behind a number, by one union or by anybody: the records by which they were.
pub fn page(
    conn: &View,
    of: Option<UnionNumber>,
    after: Option<UnionNumber>,
    most: usize,
) -> Result<Vec<(UnionNumber, RecordId)>> {
    const SQL: &str = r#"SELECT g.number, g.record FROM number_given g
        JOIN "union" u ON u.record = g.record AND u.owner = g.owner
        WHERE (?1 IS NULL OR g.owner = ?1) AND (?2 IS NULL OR (g.owner, g.number) > (?3, ?2))
        ORDER BY g.owner, g.number LIMIT ?4"#;
    let mut statement = conn.prepare_cached(SQL)?;
    let row = (of.map(i64::from), after.map(i64::from), after.map(|after| i64::from(after.giver())), most as i64);
    let rows = statement.query_map(row, |row| Ok((tables::union(row.get(0)?)?, RecordId(row.get(1)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Those of no list that are called so in full: registered, or by their enrolment where no record of them is here; and any that
/// was called so from some day on.
fn called(conn: &View, typed: &str) -> Result<Vec<UnionNumber>> {
    const CALLED: &str = r#"SELECT g.number FROM "union" u JOIN number_given g ON g.record = u.record AND g.owner = u.owner
        WHERE u.name IN (?1, ?2) OR u.short_name IN (?1, ?2)
        UNION SELECT "union" FROM enrolment WHERE name IN (?1, ?2) OR short_name IN (?1, ?2)"#;
    // As it is written, or broken over lines and with blanks where it was pasted from.
    let (trimmed, joined) = (typed.trim(), typed.split_whitespace().collect::<String>());
    let same = |name: &str| name == trimmed || name == joined;
    let mut statement = conn.prepare_cached(CALLED)?;
    let mut all = vec![];
    for row in statement.query_map((trimmed, &joined), |row| tables::union(row.get(0)?))? {
        let union = row?;
        // An enrolment says what it was called when its machine joined, and anybody may have written one.
        if union.serial().is_some()
            && let Some(names) = names(conn, union)?
            && (same(&names.name) || names.short.as_deref().is_some_and(same))
        {
            all.push(union);
        }
    }
    let mut statement =
        conn.prepare_cached(&format!("{STATED} AND (f.name IN (?1, ?2) OR f.short_name IN (?1, ?2))"))?;
    for row in statement.query_map((trimmed, &joined), |row| tables::union(row.get(0)?))? {
        all.push(row?);
    }
    Ok(all)
}

/// Whom a person means, or a line of a file. Names in full are looked up one by one; the rest asks the whole directory.
pub fn find(conn: &View, typed: &str) -> Result<Found> {
    let plain = Directory::plain(typed);
    if let Ok(union) = plain.parse::<UnionNumber>().and_then(UnionNumber::as_union) {
        return Ok(Found::One(union));
    }
    match Directory::default().find_exactly(&plain, called(conn, typed)?) {
        Found::Nobody => Ok(load(conn)?.find(&plain)),
        found => Ok(found),
    }
}
