//! Which records name others: fields that refer to a kind, lines of tables that do, and the evidence of findings.

use std::collections::BTreeSet;

use huiliu_proto::{
    id::RecordId,
    kind::{Field, Format, Kind, Type, kinds},
    union::UnionNumber,
};
use rusqlite::Row;

use super::{Result, View, projection, tables};

/// A record that names another, and where.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Naming {
    /// The one that is named.
    pub record: RecordId,
    pub by: RecordId,
    pub kind: &'static Kind,
    pub owner: UnionNumber,
    pub field: &'static str,
}

/// Where records of a kind are named: a table and its column.
struct Source {
    kind: &'static Kind,
    field: &'static str,
    table: String,
    column: String,
    /// The name of the kind stands beside the id.
    any_kind: bool,
    indexed: bool,
}

/// So few ids are asked for one by one, also where a column has no index.
const ASKED_ONE_BY_ONE: usize = 4;

fn sources(of: &Kind) -> Vec<Source> {
    let mut all = vec![];
    for kind in kinds() {
        for field in &kind.fields {
            if field.reference == Some(of.name) {
                let (table, column) = (kind.name.to_owned(), field.name.to_owned());
                all.push(Source { kind, field: field.name, table, column, any_kind: false, indexed: field.index });
            }
            let says_kind = field.lines().iter().any(|line| line.name == "kind" && matches!(line.ty, Type::Text));
            for line in field.lines() {
                let any_kind = says_kind && is_id(line);
                if line.reference == Some(of.name) || any_kind {
                    let (table, column) = (format!("{}_{}", kind.name, field.name), projection::line_column(line));
                    all.push(Source { kind, field: field.name, table, column, any_kind, indexed: line.index });
                }
            }
        }
    }
    all
}

/// A record's id without the kind that it is of.
fn is_id(field: &Field) -> bool {
    field.reference.is_none() && field.format == Format::Hex && field.name == "record"
}

/// Records that stand and name one of these, but for those among them that name each other; at most so many.
pub fn naming(conn: &View, of: &Kind, ids: &BTreeSet<RecordId>, most: usize) -> Result<Vec<Naming>> {
    let mut found = vec![];
    for source in sources(of) {
        let kind = if source.any_kind { "AND kind = ?2" } else { "AND ?2 = ?2" };
        // Several lines of one table may name it.
        let select = format!("SELECT DISTINCT \"{}\", record, owner FROM \"{}\"", source.column, source.table);
        let mut take = |row: &Row<'_>| -> Result<()> {
            let (record, by) = (RecordId(row.get(0)?), RecordId(row.get(1)?));
            if ids.contains(&record) && !ids.contains(&by) && found.len() < most {
                let owner = tables::union(row.get(2)?)?;
                found.push(Naming { record, by, kind: source.kind, owner, field: source.field });
            }
            Ok(())
        };
        if source.indexed || ids.len() <= ASKED_ONE_BY_ONE {
            let sql = format!("{select} WHERE \"{}\" = ?1 {kind} LIMIT ?3", source.column);
            let mut statement = conn.prepare_cached(&sql)?;
            for id in ids {
                let mut rows = statement.query((id.as_bytes(), of.name, most as i64))?;
                while let Some(row) = rows.next()? {
                    take(row)?;
                }
            }
            continue;
        }
        let sql = format!("{select} WHERE length(\"{}\") = ?1 {kind}", source.column);
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query((RecordId::LEN as i64, of.name))?;
        while let Some(row) = rows.next()? {
            take(row)?;
        }
    }
    Ok(found)
}
