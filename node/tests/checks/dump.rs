//! Writes each run of a check as a script for PostgreSQL, with what SQLite gave: `postgresql.sh` runs them there and
//! compares. Only where HUILIU_CASES names a directory.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
    sync::Mutex,
};

use huiliu_node::check::{Check, settings};
use huiliu_proto::{period::Day, union::UnionNumber};
use rusqlite::{Connection, types::ValueRef};

use crate::hub::Hub;

/// One after the other, whatever runs beside it.
static ONE: Mutex<u32> = Mutex::new(0);

pub fn run(hub: &Hub, check: &Check, at: UnionNumber, today: Day) {
    let Some(dir) = std::env::var_os("HUILIU_CASES") else { return };
    let dir = Path::new(&dir);
    let mut number = ONE.lock().unwrap();
    if *number == 0 {
        fs::create_dir_all(dir).unwrap();
        fs::write(dir.join("schema.sql"), schema(&hub.conn)).unwrap();
        for name in ["cases.sql", "expected.txt"] {
            let _ = fs::remove_file(dir.join(name));
        }
    }
    *number += 1;
    let (mut script, mut expected) = (String::new(), String::new());
    for table in tables(&hub.conn).iter().filter(|t| !STILL.contains(&t.as_str())) {
        let _ = writeln!(script, "DELETE FROM \"{table}\";");
        script += &rows(&hub.conn, table);
    }
    let title = format!("== {} {} at {at} on {today}", *number, check.id);
    let _ = writeln!(script, "\\echo '{title}'");
    let _ = writeln!(expected, "{title}");
    for query in check.queries(&settings(&hub.conn.0, check, at).unwrap()) {
        let query = filled(&query, at, today);
        let _ = writeln!(script, "{query};");
        expected += &answer(&hub.conn, &query);
    }
    for (name, text) in [("cases.sql", script), ("expected.txt", expected)] {
        let mut file = OpenOptions::new().create(true).append(true).open(dir.join(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
}

/// The same in every hub; `feed` is read by no check.
const STILL: [&str; 3] = ["region", "below", "feed"];

pub fn filled(query: &str, at: UnionNumber, today: Day) -> String {
    query.replace(":self", &i64::from(at).to_string()).replace(":today", &today.0.to_string())
}

fn tables(conn: &Connection) -> Vec<String> {
    let mut statement = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn schema(conn: &Connection) -> String {
    let mut statement = conn
        .prepare("SELECT sql FROM sqlite_schema WHERE type IN ('table', 'view') AND sql IS NOT NULL ORDER BY type")
        .unwrap();
    let all = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut text = String::new();
    for sql in all {
        let mut sql = sql.unwrap().replace(", WITHOUT ROWID", "").replace(" STRICT", "");
        for (from, to) in [(" BLOB", " BYTEA"), (" INTEGER", " BIGINT")] {
            sql = sql.replace(from, to);
        }
        let _ = writeln!(text, "{sql};");
    }
    for table in ["region", "below"] {
        text += &rows(conn, table);
    }
    text
}

fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(n) => n.to_string(),
        ValueRef::Text(text) => format!("'{}'", String::from_utf8_lossy(text).replace('\'', "''")),
        ValueRef::Blob(bytes) => format!("'\\x{}'", huiliu_proto::id::hex(bytes)),
    }
}

fn rows(conn: &Connection, table: &str) -> String {
    let mut statement = conn.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut lines = vec![];
    while let Some(row) = rows.next().unwrap() {
        let values: Vec<String> = (0..columns).map(|at| literal(row.get_ref(at).unwrap())).collect();
        lines.push(format!("({})", values.join(", ")));
    }
    lines.chunks(1000).map(|some| format!("INSERT INTO \"{table}\" VALUES\n{};\n", some.join(",\n"))).collect()
}

/// As `psql -At` writes it, with NULL for what is not there.
fn answer(conn: &Connection, query: &str) -> String {
    let mut statement = conn.prepare(query).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut text = String::new();
    while let Some(row) = rows.next().unwrap() {
        let values: Vec<String> = (0..columns).map(|at| literal(row.get_ref(at).unwrap()).replace('\'', "")).collect();
        let _ = writeln!(text, "{}", values.join("|"));
    }
    text
}
