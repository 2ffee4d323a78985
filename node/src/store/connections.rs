//! Connections to the file: how they are opened and set, and the few that readers share.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, SystemTime},
};

use huiliu_proto::room::rooms;
use rusqlite::{Connection, OpenFlags, config::DbConfig, limits::Limit};

use super::{
    Database, Result, StoreError, View,
    disk::{self, Trouble},
    functions, migrations,
};
use crate::files::beside;

/// Older ones reset the WAL while two connections checkpoint, and lose it (SQLite 3.51.3 release notes).
const OLDEST_SQLITE: i32 = 3_051_003;
/// Readers at once in a program that serves; each has a connection, and they are kept.
pub const READERS: usize = 8;

/// Opens the file for writing. Its schema is the caller's matter.
pub fn writer(path: &Path) -> Result<Database> {
    open_writer(path).map_err(|error| disk::judge(error, path))
}

fn open_writer(path: &Path) -> Result<Database> {
    if !path.try_exists()? {
        return Err(StoreError::Missing(path.to_owned()));
    }
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreError::Setting("version"));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Database::from(Connection::open_with_flags(path, flags)?);
    migrations::recognise(&conn, path)?;
    conn.set_pragma("journal_mode", "wal")?;
    conn.set_pragma("synchronous", "full")?;
    conn.set_pragma("wal_autocheckpoint", 1000)?;
    conn.set_pragma("journal_size_limit", 64 << 20)?;
    conn.set_pragma("secure_delete", true)?;
    settle(conn.sql())?;
    assert_setting(conn.sql(), "journal_mode", "wal")?;
    assert_setting(conn.sql(), "synchronous", "2")?;
    Ok(conn)
}

/// Opens the file for reading alone.
pub fn reader(path: &Path) -> Result<View> {
    open_reader(path).map_err(|error| disk::judge(error, path))
}

fn open_reader(path: &Path) -> Result<View> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    set_to_read(Connection::open_with_flags(path, flags)?)
}

fn set_to_read(conn: Connection) -> Result<View> {
    settle(&conn)?;
    conn.pragma_update(None, "query_only", true)?;
    assert_setting(&conn, "query_only", "1")?;
    Ok(View::new(conn))
}

/// Opens, for reading alone, a file that nobody changes meanwhile: without a log, it is all there is.
fn still(path: &Path) -> Result<View> {
    let text = path.to_str().ok_or_else(|| only_read(path))?;
    let name = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let name = if cfg!(windows) { format!("///{}", name.replace('\\', "/")) } else { name };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    set_to_read(Connection::open_with_flags(format!("file:{name}?immutable=1"), flags)?)
}

fn only_read(path: &Path) -> StoreError {
    StoreError::Disk { path: path.to_owned(), trouble: Trouble::ReadOnly }
}

/// When a file was changed last, and its size.
type Mark = (SystemTime, u64);

fn mark(path: &Path) -> Result<Mark> {
    let now = path.metadata()?;
    Ok((now.modified()?, now.len()))
}

/// Settings of every connection, the functions that the checks call, and the views of the kinds' rooms.
pub fn settle(conn: &Connection) -> Result<()> {
    conn.busy_timeout(Duration::from_secs(5))?;
    for (name, value) in [("foreign_keys", "1"), ("mmap_size", "0"), ("temp_store", "2"), ("cell_size_check", "1")] {
        conn.pragma_update(None, name, value)?;
    }
    conn.pragma_update(None, "cache_size", -16 * 1024)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Plans that depend on bound values would be made anew each time a prepared statement is bound: with this SQLite,
    // which is built with STAT4, that was an eighth of what an edit costs.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, 16 << 20)?;
    conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    conn.set_prepared_statement_cache_capacity(256);
    functions::register(conn)?;
    for view in rooms().flat_map(|room| (room.views)()) {
        conn.execute_batch(&format!("CREATE TEMP VIEW \"{}\" AS {}", view.name, view.select))?;
    }
    assert_setting(conn, "foreign_keys", "1")?;
    Ok(())
}

fn assert_setting(conn: &Connection, name: &'static str, expected: &str) -> Result<()> {
    let value: rusqlite::types::Value = conn.pragma_query_value(None, name, |row| row.get(0))?;
    let text = match value {
        rusqlite::types::Value::Integer(n) => n.to_string(),
        rusqlite::types::Value::Text(t) => t,
        _ => String::new(),
    };
    if text == expected { Ok(()) } else { Err(StoreError::Setting(name)) }
}

/// Connections that cannot write, for whoever looks.
pub struct Readers {
    path: PathBuf,
    /// Of a file that is read as if nobody could change it: how it was.
    still: Option<Mark>,
    idle: Mutex<Vec<View>>,
}

impl Readers {
    pub fn new(path: &Path) -> Readers {
        Readers { path: path.to_owned(), still: None, idle: Mutex::default() }
    }

    /// Of a file where SQLite can make nothing beside it. With its log and the log's index there, they are used. A log without
    /// its index cannot be read there, and without the log the file would show what was true some time ago.
    pub fn fixed(path: &Path) -> Result<Readers> {
        let (log, index) = (beside(path, "-wal"), beside(path, "-shm"));
        let logged = log.try_exists()? && log.metadata()?.len() > 0;
        match (logged, index.try_exists()?) {
            (true, true) => Ok(Readers::new(path)),
            (true, false) => Err(only_read(path)),
            (false, _) => Ok(Readers { still: Some(mark(path)?), ..Readers::new(path) }),
        }
    }

    fn open(&self) -> Result<View> {
        match self.still {
            Some(_) => still(&self.path).map_err(|error| disk::judge(error, &self.path)),
            None => reader(&self.path),
        }
    }

    /// Runs `look` on one. It sees one consistent state.
    pub fn look<T>(&self, look: impl FnOnce(&View) -> Result<T>) -> Result<T> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let conn = match idle {
            Some(conn) => conn,
            None => self.open()?,
        };
        match conn.steady(look) {
            // Somebody who may write did so meanwhile.
            Ok(_) if self.still.is_some() && self.still != mark(&self.path).ok() => Err(StoreError::InUse),
            Ok(found) => {
                self.give_back(conn);
                Ok(found)
            }
            // A connection that has met an error of the disk's is not used again.
            Err(error @ StoreError::Sqlite(_)) => Err(disk::judge(error, &self.path)),
            Err(error) => {
                self.give_back(conn);
                Err(error)
            }
        }
    }

    fn give_back(&self, conn: View) {
        if let Ok(mut idle) = self.idle.lock()
            && idle.len() < READERS
        {
            idle.push(conn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_marks_of_its_own_is_one_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a b?mode=rw#%41.db");
        super::super::create(&path).unwrap();
        let readers = Readers::fixed(&path).unwrap();
        let version = || readers.look(|conn| migrations::recognise(conn, &path));
        assert_eq!(version().unwrap(), super::super::VERSION);
        assert!(!beside(&path, "-shm").exists() && !beside(&path, "-wal").exists());
        // What is changed meanwhile is not read as if it were not.
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        std::io::Write::write_all(&mut file, &[0; 4096]).unwrap();
        assert!(matches!(version(), Err(StoreError::InUse)));
        // A log whose index is gone may hold what the file does not.
        std::fs::write(beside(&path, "-wal"), "frames").unwrap();
        assert!(matches!(Readers::fixed(&path), Err(StoreError::Disk { trouble: Trouble::ReadOnly, .. })));
    }
}
