//! The database as everything outside the store holds it: something to hand to the store's functions, and no more.
//!
//! A `View` is what a reader is given; a `Database` can be written to, and there is one for each file that is open. Both
//! lend their SQL to this module's files only, so that no statement is written anywhere else; and what needs a `Database`
//! cannot be called by whoever reads.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rusqlite::{CachedStatement, Connection, Params, Row, Statement, ToSql, types::FromSql};

use super::Result;

/// One consistent state, to read.
#[derive(Debug)]
pub struct View {
    conn: Connection,
    /// How many more steps a query that is given a measure may take.
    left: Arc<AtomicU64>,
}

/// Queries are counted in so many steps of SQLite's own machine at a time.
const STEPS: u16 = 50_000;
const UNMEASURED: u64 = u64::MAX;

/// A file that is open for writing.
#[derive(Debug)]
pub struct Database(View);

impl View {
    pub(in crate::store) fn new(mut conn: Connection) -> View {
        let left = Arc::new(AtomicU64::new(UNMEASURED));
        let counted = Arc::clone(&left);
        let spent = move || {
            let now = counted.load(Ordering::Relaxed);
            if now != UNMEASURED {
                counted.store(now.saturating_sub(STEPS.into()), Ordering::Relaxed);
            }
            now < STEPS.into()
        };
        // It fails for want of memory alone; then nothing is measured.
        conn.progress_handler(STEPS.into(), Some(spent)).ok();
        View { conn, left }
    }

    /// Whatever `look` asks of this connection is ended after so many steps of SQLite's own machine: the same number on any
    /// machine. What comes after is not measured.
    pub(in crate::store) fn measured<T>(&self, most: u64, look: impl FnOnce() -> T) -> T {
        self.left.store(most, Ordering::Relaxed);
        let found = look();
        self.left.store(UNMEASURED, Ordering::Relaxed);
        found
    }

    /// SQLite's connection itself, for tests that look into a file or damage it. No program may use it: see
    /// `tests/tests/boundaries.rs`.
    #[doc(hidden)]
    pub fn raw(&self) -> &Connection {
        &self.conn
    }

    pub(in crate::store) fn sql(&self) -> &Connection {
        &self.conn
    }

    pub(in crate::store) fn prepare(&self, sql: &str) -> rusqlite::Result<Statement<'_>> {
        let statement = self.conn.prepare(sql)?;
        debug_assert!(statement.readonly(), "{sql} takes a Database");
        Ok(statement)
    }

    pub(in crate::store) fn prepare_cached(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        let statement = self.conn.prepare_cached(sql)?;
        debug_assert!(statement.readonly(), "{sql} takes a Database");
        Ok(statement)
    }

    pub(in crate::store) fn pragma<T: FromSql>(&self, name: &str) -> rusqlite::Result<T> {
        self.conn.pragma_query_value(None, name, |row| row.get(0))
    }

    pub(in crate::store) fn query_row<T, P, F>(&self, sql: &str, params: P, read: F) -> rusqlite::Result<T>
    where
        P: Params,
        F: FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    {
        self.conn.query_row(sql, params, read)
    }

    /// Runs `look` in a transaction of its own.
    pub(in crate::store) fn steady<T>(&self, look: impl FnOnce(&View) -> Result<T>) -> Result<T> {
        let _transaction = self.conn.unchecked_transaction()?;
        look(self)
    }

    /// Whether no transaction is open.
    pub fn is_autocommit(&self) -> bool {
        self.conn.is_autocommit()
    }

    /// Rows that this connection has changed since it was opened.
    pub fn total_changes(&self) -> u64 {
        self.conn.total_changes()
    }
}

impl From<Connection> for Database {
    fn from(conn: Connection) -> Database {
        Database(View::new(conn))
    }
}

impl Deref for Database {
    type Target = View;

    fn deref(&self) -> &View {
        &self.0
    }
}

impl Database {
    /// An empty one that is no file.
    pub(in crate::store) fn in_memory() -> rusqlite::Result<Database> {
        Ok(Connection::open_in_memory()?.into())
    }

    pub(in crate::store) fn prepare(&self, sql: &str) -> rusqlite::Result<Statement<'_>> {
        self.sql().prepare(sql)
    }

    pub(in crate::store) fn prepare_cached(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.sql().prepare_cached(sql)
    }

    pub(in crate::store) fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.sql().execute(sql, params)
    }

    pub(in crate::store) fn execute_batch(&self, sql: &str) -> rusqlite::Result<()> {
        self.sql().execute_batch(sql)
    }

    pub(in crate::store) fn last_insert_rowid(&self) -> i64 {
        self.sql().last_insert_rowid()
    }

    pub(in crate::store) fn set_pragma(&self, name: &str, value: impl ToSql) -> rusqlite::Result<()> {
        self.sql().pragma_update(None, name, value)
    }

    pub(in crate::store) fn close(self) -> Result<()> {
        self.0.conn.close().map_err(|(_, error)| error.into())
    }

    /// Begins a transaction that writes.
    pub fn begin(&self) -> Result<()> {
        Ok(self.execute_batch("BEGIN IMMEDIATE")?)
    }

    pub fn commit(&self) -> Result<()> {
        Ok(self.execute_batch("COMMIT")?)
    }

    pub fn roll_back(&self) -> Result<()> {
        Ok(self.execute_batch("ROLLBACK")?)
    }

    /// From here on it can be undone without the rest of the transaction.
    pub fn begin_part(&self, part: Part) -> Result<()> {
        Ok(self.execute_batch(part.statements().0)?)
    }

    pub fn keep_part(&self, part: Part) -> Result<()> {
        Ok(self.execute_batch(part.statements().1)?)
    }

    pub fn undo_part(&self, part: Part) -> Result<()> {
        Ok(self.execute_batch(part.statements().2)?)
    }

    /// Brings what is in the log into the file itself; false where others at the file stand in the way.
    pub fn checkpoint(&self) -> Result<bool> {
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let (busy, log, moved): (i64, i64, i64) = self.query_row("PRAGMA wal_checkpoint(FULL)", [], read)?;
        Ok(busy == 0 && log == moved)
    }
}

/// What can be undone alone within a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// One job of the writer's.
    Job,
    /// Operations that may turn out not to be applicable.
    Guarded,
}

impl Part {
    /// To begin it, to keep it, to undo it.
    fn statements(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Part::Job => ("SAVEPOINT job", "RELEASE job", "ROLLBACK TO job; RELEASE job"),
            Part::Guarded => ("SAVEPOINT guarded", "RELEASE guarded", "ROLLBACK TO guarded; RELEASE guarded"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "takes a Database")]
    fn a_view_prepares_nothing_that_writes() {
        let conn = Database::in_memory().unwrap();
        conn.execute_batch("CREATE TABLE t (a)").unwrap();
        conn.prepare_cached("INSERT INTO t VALUES (1)").unwrap().execute([]).unwrap();
        let view: &View = &conn;
        let _ = view.prepare_cached("INSERT INTO t VALUES (2)");
    }
}
