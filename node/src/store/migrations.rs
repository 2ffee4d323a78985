//! From one version of the core tables to the next.
//!
//! `schema.sql` is the schema of today, for new files. Whoever changes a core table there raises `VERSION` by one, adds
//! the step that leads to it to `STEPS`, and keeps the schema as it was in `schema/` (see the tests): a file that went all the
//! steps has the same schema as a new one, to the letter. Caches need no step: they are dropped and made again.
//!
//! The steps that a file needs are one transaction, under the lock that nobody else has the file open.

mod from_3;

use std::path::Path;

use super::{Database, Result, StoreError, View};

/// "HULI".
pub const APPLICATION_ID: i32 = 0x4855_4c49;
/// The schema that this program reads and writes.
pub const VERSION: i32 = 4;
/// The oldest from which there is a way here. Those before were never released.
pub const OLDEST: i32 = 3;
pub const SCHEMA: &str = include_str!("schema.sql");

/// How one version becomes the next.
pub enum Step {
    Sql(&'static str),
    Run(fn(&Database) -> Result<()>),
}

/// The version a step leads to, and the step; in their order, without a gap.
pub const STEPS: &[(i32, Step)] = &[(4, Step::Run(from_3::run))];

/// The version of a file, whichever it is. One that is not Huiliu's is refused.
pub fn recognise(conn: &View, path: &Path) -> Result<i32> {
    let foreign = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => StoreError::Foreign(path.to_owned()),
        // A disk that is full or fails says nothing of whose the file is.
        _ => error.into(),
    };
    let id: i32 = conn.pragma("application_id").map_err(foreign)?;
    if id != APPLICATION_ID {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    Ok(conn.pragma("user_version")?)
}

/// Whether a file of this version has to be migrated before it is used. One that cannot be is refused.
pub fn needed(found: i32) -> Result<bool> {
    match found {
        found if found > VERSION => Err(StoreError::Newer { found }),
        found if found < OLDEST => Err(StoreError::Older { found }),
        found => Ok(found < VERSION),
    }
}

/// Brings a file to today's schema; does nothing where it has it.
pub fn migrate(conn: &Database, path: &Path) -> Result<()> {
    let found = recognise(conn, path)?;
    if !needed(found)? {
        return Ok(());
    }
    tracing::info!(from = found, to = VERSION, "the database is brought to this version");
    apply(conn, found, STEPS)
}

/// All steps beyond `from`, or none of them.
fn apply(conn: &Database, from: i32, steps: &[(i32, Step)]) -> Result<()> {
    // Tables that others refer to cannot be made anew otherwise; what refers to what is looked at in the end.
    conn.set_pragma("foreign_keys", false)?;
    let done = in_one(conn, from, steps);
    if done.is_err() && !conn.is_autocommit() {
        // The error that led here is the one to tell.
        let _ = conn.execute_batch("ROLLBACK");
    }
    conn.set_pragma("foreign_keys", true)?;
    done
}

fn in_one(conn: &Database, from: i32, steps: &[(i32, Step)]) -> Result<()> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    for (to, step) in steps.iter().filter(|(to, _)| *to > from) {
        match step {
            Step::Sql(sql) => conn.execute_batch(sql)?,
            Step::Run(run) => run(conn)?,
        }
        conn.set_pragma("user_version", to)?;
        tracing::info!(version = to, "a step is done");
    }
    if conn.prepare("PRAGMA foreign_key_check")?.exists([])? {
        return Err(StoreError::Damaged("rows that refer to nothing"));
    }
    Ok(conn.execute_batch("COMMIT")?)
}

/// What a file consists of: each table and index with the text that makes it, without remarks and line breaks; and whatever
/// else there is, by its kind.
pub fn schema_of(conn: &View) -> Result<Vec<(String, String, String)>> {
    const SQL: &str =
        "SELECT type, name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
        ORDER BY type, name";
    let mut statement = conn.prepare(SQL)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, plain(&row.get::<_, String>(2)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A schema of this text, as `schema_of` gives it.
pub fn schema_from(sql: &str) -> Result<Vec<(String, String, String)>> {
    let conn = Database::in_memory()?;
    conn.execute_batch(sql)?;
    schema_of(&conn)
}

fn plain(sql: &str) -> String {
    let lines = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    words.join(" ").replace("( ", "(").replace(" )", ")").replace(" ,", ",")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schemas of released versions, as they were, oldest first. `VERSION`'s own is added when the next is begun.
    const RELEASED: &[(i32, &str)] = &[(3, include_str!("schema/3.sql"))];

    fn file(version: i32, sql: &str) -> Database {
        let conn = Database::in_memory().unwrap();
        conn.execute_batch(sql).unwrap();
        conn.set_pragma("application_id", APPLICATION_ID).unwrap();
        conn.set_pragma("user_version", version).unwrap();
        conn
    }

    #[test]
    fn every_version_becomes_today_s_to_the_letter() {
        let today = schema_from(SCHEMA).unwrap();
        for (version, sql) in RELEASED.iter().chain(&[(VERSION, SCHEMA)]) {
            let conn = file(*version, sql);
            migrate(&conn, Path::new("huiliu.db")).unwrap();
            assert_eq!(schema_of(&conn).unwrap(), today, "version {version}");
        }
        let mut reached = OLDEST;
        for (to, _) in STEPS {
            assert_eq!(*to, reached + 1, "a step to each version, in order");
            reached = *to;
        }
        assert_eq!(reached, VERSION);
    }

    const FIRST: &str =
        "CREATE TABLE a (x INTEGER PRIMARY KEY) STRICT; CREATE TABLE b (y INTEGER REFERENCES a (x)) STRICT;";
    const THIRD: &str = "-- Said anew.
        CREATE TABLE a (x INTEGER PRIMARY KEY, -- what it was
          z TEXT) STRICT; CREATE TABLE b (y INTEGER REFERENCES a (x)) STRICT; CREATE INDEX b_by_y ON b (y);";

    fn fill(conn: &Database) -> Result<()> {
        conn.execute("UPDATE a SET z = 'filled'", [])?;
        Ok(())
    }

    #[test]
    fn steps_are_taken_in_order_and_together() {
        let steps =
            [(2, Step::Sql("ALTER TABLE a ADD COLUMN z TEXT; CREATE INDEX b_by_y ON b (y)")), (3, Step::Run(fill))];
        let conn = file(1, FIRST);
        conn.execute("INSERT INTO a VALUES (7)", []).unwrap();
        apply(&conn, 1, &steps).unwrap();
        assert_eq!(schema_of(&conn).unwrap(), schema_from(THIRD).unwrap(), "migrated equals fresh");
        let z: String = conn.query_row("SELECT z FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!(z, "filled");
        // One that fails leaves the file as it was, whichever steps came before it.
        let broken = [(2, Step::Sql("ALTER TABLE a ADD COLUMN z TEXT")), (3, Step::Sql("INSERT INTO b VALUES (99)"))];
        let conn = file(1, FIRST);
        assert!(matches!(apply(&conn, 1, &broken), Err(StoreError::Damaged(_))));
        assert_eq!(schema_of(&conn).unwrap(), schema_from(FIRST).unwrap());
        assert_eq!(recognise(&conn, Path::new("a")).unwrap(), 1);
        assert!(conn.is_autocommit());
    }

    #[test]
    fn newer_and_older_are_told_apart() {
        assert!(matches!(needed(VERSION + 1), Err(StoreError::Newer { found }) if found == VERSION + 1));
        assert!(matches!(needed(OLDEST - 1), Err(StoreError::Older { found }) if found == OLDEST - 1));
        assert!(!needed(VERSION).unwrap());
        let foreign = file(VERSION, SCHEMA);
        foreign.set_pragma("application_id", 7).unwrap();
        assert!(matches!(migrate(&foreign, Path::new("huiliu.db")), Err(StoreError::Foreign(_))));
    }
}
