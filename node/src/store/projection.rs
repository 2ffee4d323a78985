//! One table a record kind, made from its declaration: what pages, checks and roll-ups read.
//!
//! Key: `record` and `owner`, since one union's id binds no other. Columns: `record`, `owner`, where the operation stands (`feed`, `seq`), then the fields under their own names; a
//! sealed field has a second column `<field>_index` for the hubs that may look for duplicates. Repeated lines have a
//! table `<kind>_<field>` of their own. Nothing here decides; `admission` has decided.

use std::{collections::HashMap, fmt::Write as _, sync::OnceLock};

use huiliu_proto::{
    id::{RecordId, unhex},
    kind::{Field, Kind, Privacy, Shape, Type, kinds},
    record::Record,
    room::room,
    union::UnionNumber,
    value::Value,
};
use rusqlite::{OptionalExtension as _, Row, Statement, ToSql, types::ToSqlOutput};

pub use super::place::RecordPlace;
use super::{Database, Result, View, records, records::numbers, rollups, tables, voids};

/// A record as the projection shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub id: RecordId,
    pub place: RecordPlace,
    pub record: Record,
}

/// The statements of one kind, written once.
struct Sql {
    create: String,
    entry: String,
    document: String,
    select: String,
    lines: Vec<(usize, String, String)>,
}

fn sql(kind: &Kind) -> &'static Sql {
    static ALL: OnceLock<HashMap<u32, Sql>> = OnceLock::new();
    let all = ALL.get_or_init(|| kinds().iter().map(|k| (k.number, Sql::new(k))).collect());
    &all[&kind.number]
}

fn column_type(field: &Field) -> &'static str {
    match field.ty {
        _ if field.privacy == Privacy::Sealed => "BLOB",
        Type::Text => "TEXT",
        Type::Bytes | Type::Reference => "BLOB",
        Type::Int | Type::Bool | Type::Choice(_) | Type::Choices(_) => "INTEGER",
        Type::Lines(_) => "",
    }
}

fn is_lines(field: &Field) -> bool {
    matches!(field.ty, Type::Lines(_))
}

impl Sql {
    fn new(kind: &Kind) -> Sql {
        let name = kind.name;
        let mut create = format!(
            "CREATE TABLE \"{name}\" (record BLOB NOT NULL, owner INTEGER NOT NULL, feed INTEGER NOT NULL, seq INTEGER NOT NULL"
        );
        let mut columns = vec!["record".to_owned(), "owner".into(), "feed".into(), "seq".into()];
        let mut shown = columns.clone();
        let mut indexes = String::new();
        let mut lines = vec![];
        for (at, field) in kind.fields.iter().enumerate() {
            if let Type::Lines(line) = &field.ty {
                lines.push(line_sql(kind, at, field, line, &mut indexes));
                continue;
            }
            let _ = write!(create, ", \"{}\" {}", field.name, column_type(field));
            columns.push(field.name.into());
            shown.push(field.name.into());
            if field.privacy == Privacy::Sealed {
                let _ = write!(create, ", \"{}_index\" BLOB", field.name);
                columns.push(format!("{}_index", field.name));
                let _ = write!(indexes, "CREATE INDEX \"{name}_{0}_index\" ON \"{name}\" (\"{0}_index\");", field.name);
            }
            if field.index {
                let _ = write!(indexes, "CREATE INDEX \"{name}_by_{0}\" ON \"{name}\" (\"{0}\")", field.name);
                // Nobody looks for what is empty: hardly any payment is a reversal.
                indexes.push_str(&if field.required {
                    ";".into()
                } else {
                    format!(" WHERE \"{}\" IS NOT NULL;", field.name)
                });
            }
        }
        if !kind.bulk {
            let _ = write!(indexes, "CREATE INDEX \"{name}_by_owner\" ON \"{name}\" (owner);");
        }
        // Entries come in by the hundred thousand, nearly in the order of their ids: one tree instead of two.
        create.push_str(", PRIMARY KEY (record, owner)");
        create.push_str(if kind.shape == Shape::Entry { ") STRICT, WITHOUT ROWID;" } else { ") STRICT;" });
        create.push_str(&indexes);
        if let Some(columns) = room(kind.number).and_then(|room| (room.ordered_by)()) {
            let _ = write!(create, "CREATE INDEX \"{name}_in_order\" ON \"{name}\" ({columns});");
        }
        let names: Vec<String> = columns.iter().map(|c| format!("\"{c}\"")).collect();
        let places: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
        let insert = format!("INSERT INTO \"{name}\" ({}) VALUES ({})", names.join(", "), places.join(", "));
        // A document stands where it was created, whatever was edited since.
        let updates: Vec<String> = names[4..].iter().map(|c| format!("{c} = excluded.{c}")).collect();
        let shown: Vec<String> = shown.iter().map(|c| format!("\"{c}\"")).collect();
        Sql {
            create,
            entry: format!("{insert} ON CONFLICT (record, owner) DO NOTHING"),
            document: format!("{insert} ON CONFLICT (record, owner) DO UPDATE SET {}", updates.join(", ")),
            select: format!("SELECT {} FROM \"{name}\"", shown.join(", ")),
            lines,
        }
    }
}

/// A line's field has its own name, unless the table's own columns are called that: a finding's evidence names a record.
pub(super) fn line_column(field: &Field) -> String {
    match field.name {
        "record" | "owner" | "line" => format!("{}_named", field.name),
        name => name.to_owned(),
    }
}

/// Table, INSERT and SELECT of a repeated field.
fn line_sql(kind: &Kind, at: usize, field: &Field, line: &[Field], create: &mut String) -> (usize, String, String) {
    let table = format!("{}_{}", kind.name, field.name);
    let defs: Vec<String> = line.iter().map(|f| format!("\"{}\" {}", line_column(f), column_type(f))).collect();
    let _ = write!(
        create,
        "CREATE TABLE \"{table}\" (record BLOB NOT NULL, owner INTEGER NOT NULL, line INTEGER NOT NULL, {}, PRIMARY KEY (record, owner, line)) STRICT, WITHOUT ROWID;",
        defs.join(", ")
    );
    for f in line.iter().filter(|f| f.index) {
        let _ = write!(create, "CREATE INDEX \"{table}_by_{0}\" ON \"{table}\" (\"{0}\");", line_column(f));
    }
    let names: Vec<String> = line.iter().map(|f| format!("\"{}\"", line_column(f))).collect();
    let places: Vec<String> = (4..4 + line.len()).map(|n| format!("?{n}")).collect();
    let insert = format!(
        "INSERT INTO \"{table}\" (record, owner, line, {}) VALUES (?1, ?2, ?3, {})",
        names.join(", "),
        places.join(", ")
    );
    let select = format!("SELECT {} FROM \"{table}\" WHERE record = ?1 AND owner = ?2 ORDER BY line", names.join(", "));
    (at, insert, select)
}

/// Names of all projection tables, in the order of the kinds; then those of what does not stand in them.
pub fn tables() -> Vec<String> {
    let mut names = vec![];
    for kind in kinds() {
        names.push(kind.name.to_owned());
        let lines = kind.fields.iter().filter(|f| is_lines(f));
        names.extend(lines.map(|f| format!("{}_{}", kind.name, f.name)));
    }
    names.extend(voids::TABLES.map(str::to_owned));
    names.push(numbers::TABLE.to_owned());
    names
}

pub fn create(conn: &Database) -> Result<()> {
    for kind in kinds() {
        conn.execute_batch(&sql(kind).create)?;
    }
    conn.execute_batch(voids::CREATE)?;
    Ok(conn.execute_batch(numbers::CREATE)?)
}

/// Drops what is there, also tables of kinds that an earlier version declared.
pub fn drop_all(conn: &Database, before: &str) -> Result<()> {
    let names: std::collections::BTreeSet<String> =
        before.split(',').filter(|n| !n.is_empty()).map(str::to_owned).chain(tables()).collect();
    for name in names {
        if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            conn.execute_batch(&format!("DROP TABLE IF EXISTS \"{name}\""))?;
        }
    }
    Ok(())
}

/// How the tables of a kind are made.
pub(super) fn declared(kind: &Kind) -> &'static str {
    &sql(kind).create
}

struct Column<'a>(Option<&'a Value>);

impl ToSql for Column<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        use rusqlite::types::{Null, ValueRef};
        Ok(match self.0 {
            None | Some(Value::Lines(_)) => Null.into(),
            Some(Value::Bool(v)) => ToSqlOutput::from(*v),
            Some(Value::Int(v)) => ToSqlOutput::from(*v),
            Some(Value::Text(v)) => ToSqlOutput::Borrowed(ValueRef::Text(v.as_bytes())),
            Some(Value::Bytes(v)) => ToSqlOutput::Borrowed(ValueRef::Blob(v)),
        })
    }
}

fn bind(
    statement: &mut Statement<'_>,
    id: &RecordId,
    place: RecordPlace,
    record: &Record,
    index: Option<&[u8; 17]>,
) -> rusqlite::Result<usize> {
    statement.raw_bind_parameter(1, id.as_bytes())?;
    statement.raw_bind_parameter(2, i64::from(place.owner))?;
    statement.raw_bind_parameter(3, place.feed)?;
    statement.raw_bind_parameter(4, place.seq as i64)?;
    let mut at = 5;
    for (field, value) in record.kind.fields.iter().zip(record.values()) {
        if is_lines(field) {
            continue;
        }
        statement.raw_bind_parameter(at, Column(value.as_ref()))?;
        at += 1;
        if field.privacy == Privacy::Sealed {
            statement.raw_bind_parameter(at, index.map(|i| &i[..]))?;
            at += 1;
        }
    }
    statement.raw_execute()
}

/// Adds an entry. False where a record of that id is already there; then nothing changes.
pub fn put_entry(conn: &Database, id: &RecordId, place: RecordPlace, record: &Record) -> Result<bool> {
    let sql = sql(record.kind);
    if bind(&mut *conn.prepare_cached(&sql.entry)?, id, place, record, None)? == 0 {
        return Ok(false);
    }
    for (at, insert, _) in &sql.lines {
        let Some(Value::Lines(lines)) = &record.values()[*at] else { continue };
        let mut statement = conn.prepare_cached(insert)?;
        for (number, line) in lines.iter().enumerate() {
            statement.raw_bind_parameter(1, id.as_bytes())?;
            statement.raw_bind_parameter(2, i64::from(place.owner))?;
            statement.raw_bind_parameter(3, number as i64)?;
            for (n, value) in line.iter().enumerate() {
                statement.raw_bind_parameter(4 + n, Column(value.as_ref()))?;
            }
            statement.raw_execute()?;
        }
    }
    Ok(true)
}

/// An entry that was said twice stands where it comes first.
pub fn move_entry(conn: &Database, kind: &Kind, id: &RecordId, place: RecordPlace) -> Result<()> {
    let sql = format!("UPDATE \"{}\" SET feed = ?3, seq = ?4 WHERE record = ?1 AND owner = ?2", kind.name);
    conn.prepare_cached(&sql)?.execute((id.as_bytes(), i64::from(place.owner), place.feed, place.seq as i64))?;
    Ok(())
}

/// Takes a record out, with its lines.
pub fn remove(conn: &Database, kind: &Kind, owner: UnionNumber, id: &RecordId) -> Result<()> {
    let lines = kind.fields.iter().filter(|f| is_lines(f)).map(|f| format!("{}_{}", kind.name, f.name));
    for table in lines.chain([kind.name.to_owned()]) {
        let sql = format!("DELETE FROM \"{table}\" WHERE record = ?1 AND owner = ?2");
        conn.prepare_cached(&sql)?.execute((id.as_bytes(), i64::from(owner)))?;
    }
    Ok(())
}

/// Shows a document as it now stands. `index` is the keyed index of its sealed field, where this hub may compute it.
pub fn put_document(
    conn: &Database,
    id: &RecordId,
    place: RecordPlace,
    record: &Record,
    index: Option<&[u8; 17]>,
) -> Result<()> {
    bind(&mut *conn.prepare_cached(&sql(record.kind).document)?, id, place, record, index)?;
    Ok(())
}

/// A record of one owner.
pub fn get_of(conn: &View, kind: &'static Kind, owner: UnionNumber, id: &RecordId) -> Result<Option<Shown>> {
    let text = format!("{} WHERE record = ?1 AND owner = ?2", sql(kind).select);
    let mut statement = conn.prepare_cached(&text)?;
    let row = statement.query_row((id.as_bytes(), i64::from(owner)), |row| read(kind, row)).optional()?;
    row.map(|row| with_lines(conn, row)).transpose()
}

/// A record whoever owns it: what a reference names. Where several unions have one of that id, the first by number.
pub fn get(conn: &View, kind: &'static Kind, id: &RecordId) -> Result<Option<Shown>> {
    let text = format!("{} WHERE record = ?1 ORDER BY owner LIMIT 1", sql(kind).select);
    let mut statement = conn.prepare_cached(&text)?;
    let row = statement.query_row([id.as_bytes()], |row| read(kind, row)).optional()?;
    row.map(|row| with_lines(conn, row)).transpose()
}

/// The kind of a record, and the record; as `get`.
pub fn find(conn: &View, id: &RecordId) -> Result<Option<Shown>> {
    for held in records::of_id(conn, id)? {
        if let Some(kind) = huiliu_proto::kind::numbered(held.kind)
            && let Some(row) = get_of(conn, kind, held.place.owner, id)?
        {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// How many records of one kind and owner name `id` in a field: none, one, or more than one (2).
pub fn naming(conn: &View, kind: &Kind, owner: UnionNumber, field: &str, id: &RecordId) -> Result<i64> {
    let text = format!(
        "SELECT count(*) FROM (SELECT 1 FROM \"{}\" WHERE \"{field}\" = ?1 AND owner = ?2 AND record <> ?1 LIMIT 2)",
        kind.name
    );
    Ok(conn.prepare_cached(&text)?.query_row((id.as_bytes(), i64::from(owner)), |row| row.get(0))?)
}

/// Records whose id begins with these hexadecimal digits: what a person types.
pub fn find_prefix(conn: &View, prefix: &str, most: usize) -> Result<Vec<Shown>> {
    let mut found = vec![];
    for kind in kinds() {
        found.extend(of_prefix(conn, kind, None, prefix, most)?);
    }
    found.truncate(most);
    Ok(found)
}

/// The same of one kind, of `owner` or of all.
pub fn of_prefix(
    conn: &View,
    kind: &'static Kind,
    owner: Option<UnionNumber>,
    prefix: &str,
    most: usize,
) -> Result<Vec<Shown>> {
    let digits = prefix.replace('-', "");
    let fill = |digit: &str| unhex(&format!("{digits}{}", digit.repeat(32usize.saturating_sub(digits.len()))));
    let (Some(low), Some(high)) = (fill("0"), fill("f")) else { return Ok(vec![]) };
    let text = format!(
        "{} WHERE record BETWEEN ?1 AND ?2 AND (?4 IS NULL OR owner = ?4) ORDER BY record LIMIT ?3",
        sql(kind).select
    );
    let mut statement = conn.prepare_cached(&text)?;
    let rows = statement.query_map((low, high, most as i64, owner.map(i64::from)), |row| read(kind, row))?;
    rows.map(|row| with_lines(conn, row?)).collect()
}

/// Records of one kind in the order they were made, after `after`, of `owner` or of all.
pub fn list(
    conn: &View,
    kind: &'static Kind,
    owner: Option<UnionNumber>,
    after: Option<RecordId>,
    most: usize,
) -> Result<Vec<Shown>> {
    let text =
        format!("{} WHERE record > ?1 AND (?2 IS NULL OR owner = ?2) ORDER BY record LIMIT ?3", sql(kind).select);
    let mut statement = conn.prepare_cached(&text)?;
    let after = after.map_or(vec![], |id| id.to_vec());
    let rows = statement.query_map((after, owner.map(i64::from), most as i64), |row| read(kind, row))?;
    rows.map(|row| with_lines(conn, row?)).collect()
}

/// Records of one kind whose field has this value.
pub fn list_where(conn: &View, kind: &'static Kind, field: &str, value: &Value) -> Result<Vec<Shown>> {
    let Some(at) = kind.field(field) else { return Ok(vec![]) };
    let text = format!("{} WHERE \"{}\" = ?1 ORDER BY record", sql(kind).select, kind.fields[at].name);
    let mut statement = conn.prepare_cached(&text)?;
    let rows = statement.query_map([Column(Some(value))], |row| read(kind, row))?;
    rows.map(|row| with_lines(conn, row?)).collect()
}

/// How many records of one kind there are, of `owner` or of all.
pub fn count(conn: &View, kind: &Kind, owner: Option<UnionNumber>) -> Result<u64> {
    if kind.bulk {
        return rollups::records(conn, kind, owner);
    }
    let read = |row: &Row<'_>| row.get::<_, i64>(0);
    let mut statement = conn.prepare_cached(&counting(kind, owner.is_some()))?;
    let count = match owner {
        Some(owner) => statement.query_row([i64::from(owner)], read)?,
        None => statement.query_row([], read)?,
    };
    Ok(count.unsigned_abs())
}

fn counting(kind: &Kind, of_owner: bool) -> String {
    format!("SELECT count(*) FROM \"{}\"{}", kind.name, if of_owner { " WHERE owner = ?1" } else { "" })
}

/// Sets the index of a sealed field once the key that opens it has arrived.
pub fn set_index(conn: &Database, kind: &Kind, field: &str, row: &Shown, index: Option<&[u8; 17]>) -> Result<()> {
    let text = format!("UPDATE \"{}\" SET \"{field}_index\" = ?3 WHERE record = ?1 AND owner = ?2", kind.name);
    conn.prepare_cached(&text)?.execute((row.id.as_bytes(), i64::from(row.place.owner), index))?;
    Ok(())
}

/// Whether a record says enough of its natural key to be told from others by it. Of alternatives only one is said (a payer's
/// number or name): the first and one more are enough, and all that there are.
pub fn says_its_key(record: &Record) -> bool {
    let key = &record.kind.natural_key;
    let says = |at: &&usize| record.values()[**at].is_some();
    key.first().is_some_and(|at| says(&at)) && key.iter().filter(says).count() >= key.len().min(2)
}

/// Other records of the kind that agree in all fields of its natural key.
pub fn same_thing(conn: &View, record: &Record, not: &RecordId) -> Result<Vec<Shown>> {
    let kind = record.kind;
    let key = &kind.natural_key;
    if key.iter().any(|at| kind.fields[*at].privacy == Privacy::Sealed) {
        return Ok(vec![]);
    }
    if !says_its_key(record) {
        return Ok(vec![]);
    }
    let tests: Vec<String> =
        key.iter().enumerate().map(|(n, at)| format!("\"{}\" IS ?{}", kind.fields[*at].name, n + 2)).collect();
    let text = format!("{} WHERE record <> ?1 AND {} ORDER BY record LIMIT 20", sql(kind).select, tests.join(" AND "));
    let mut statement = conn.prepare_cached(&text)?;
    statement.raw_bind_parameter(1, not.as_bytes())?;
    for (n, at) in key.iter().enumerate() {
        statement.raw_bind_parameter(n + 2, Column(record.values()[*at].as_ref()))?;
    }
    let mut rows = statement.raw_query();
    let mut found = vec![];
    while let Some(row) = rows.next()? {
        found.push(read(kind, row)?);
    }
    Ok(found)
}

fn read(kind: &'static Kind, row: &Row<'_>) -> rusqlite::Result<Shown> {
    let id: [u8; 16] = row.get(0)?;
    let place = RecordPlace {
        owner: tables::union(row.get(1)?)?,
        feed: row.get(2)?,
        seq: row.get::<_, i64>(3)?.unsigned_abs(),
    };
    let mut record = Record::new(kind);
    let mut column = 4;
    for (at, field) in kind.fields.iter().enumerate() {
        if !is_lines(field) {
            if let Some(value) = value(field, row, column)? {
                record.put(at, Some(value));
            }
            column += 1;
        }
    }
    Ok(Shown { id: RecordId(id), place, record })
}

fn value(field: &Field, row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Value>> {
    use rusqlite::types::ValueRef;
    Ok(match (row.get_ref(column)?, &field.ty) {
        (ValueRef::Null, _) => None,
        (ValueRef::Integer(v), Type::Bool) => Some(Value::Bool(v != 0)),
        (ValueRef::Integer(v), _) => Some(Value::Int(v)),
        (ValueRef::Text(v), _) => Some(Value::Text(String::from_utf8_lossy(v).into_owned())),
        (ValueRef::Blob(v), _) => Some(Value::Bytes(v.to_vec())),
        (ValueRef::Real(_), _) => None,
    })
}

fn with_lines(conn: &View, mut row: Shown) -> Result<Shown> {
    let kind = row.record.kind;
    for (at, _, select) in &sql(kind).lines {
        let Type::Lines(fields) = &kind.fields[*at].ty else { continue };
        let mut statement = conn.prepare_cached(select)?;
        let lines = statement
            .query_map((row.id.as_bytes(), i64::from(row.place.owner)), |line| {
                fields.iter().enumerate().map(|(n, field)| value(field, line, n)).collect::<rusqlite::Result<Vec<_>>>()
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        if !lines.is_empty() {
            row.record.put(*at, Some(Value::Lines(lines)));
        }
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_an_owner_are_counted_by_a_key() {
        let conn = Database::in_memory().unwrap();
        create(&conn).unwrap();
        for kind in kinds().iter().filter(|kind| !kind.bulk) {
            let explain = format!("EXPLAIN QUERY PLAN {}", counting(kind, true));
            let plan: String = conn.query_row(&explain, [1], |row| row.get(3)).unwrap();
            assert!(plan.starts_with("SEARCH") && plan.contains("_by_owner"), "{}: {plan}", kind.name);
        }
    }
}
