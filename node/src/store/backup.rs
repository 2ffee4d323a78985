//! A copy of the whole file to keep elsewhere, and putting one back in its place.
//!
//! Whoever has a store open holds its lock file together with others; putting a file in its place takes that lock
//! alone. A program that is not ours is seen by SQLite itself: its own lock is asked for too.

mod signature;

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use huiliu_proto::{
    feed::Scope,
    id::{DeviceId, FeedId, Hash},
    signed::SigningKey,
    union::UnionNumber,
};
use rusqlite::{Connection, OpenFlags};

pub use self::signature::Origin;
use super::{
    Cause, Database, Result, StoreError, View, copy_of, disk, feeds, meta,
    migrations::{self, recognise},
    receipts,
    salvage::TAKEN_AT,
    set_meta, settle,
};
use crate::files::{beside, sync_dir};

/// Makes an empty file that only its owner may read; SQLite keeps its permissions, also for what it puts beside it.
pub(super) fn private_file(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn lock_file(database: &Path) -> io::Result<File> {
    let path = beside(database, ".lock");
    if !path.exists() {
        match private_file(&path) {
            // Another may be making it at this moment.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    fs::OpenOptions::new().read(true).write(true).open(path)
}

/// Held, together with others, as long as a store is open or looked into.
pub fn shared(database: &Path) -> Result<File> {
    let file = lock_file(database)?;
    match file.try_lock_shared() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Taken),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// As `shared`, where nothing can be written: the lock of what is there; `None` where there is no lock file.
pub fn shared_to_read(database: &Path) -> Result<Option<File>> {
    let file = match File::open(beside(database, ".lock")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Taken),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Turns a lock that is shared into one that nobody shares, for as long as a file is brought to another version.
pub(crate) fn alone(lock: &File) -> Result<()> {
    lock.unlock()?;
    match lock.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StoreError::Outdated),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// A feed of this machine's own, in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFeed {
    pub feed: FeedId,
    pub scope: Scope,
    pub size: u64,
    pub root: Hash,
    /// Operations that some level above has acknowledged: those come back with an exchange.
    pub acknowledged: u64,
}

/// What a file is a copy of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub taken_at: Option<i64>,
    /// Of all feeds, own and others'.
    pub operations: u64,
    pub own: Vec<OwnFeed>,
}

impl Contents {
    fn read(conn: &View) -> Result<Contents> {
        let all = feeds::all(conn)?;
        let receipts = receipts::all(conn)?;
        let own = all.iter().filter(|row| row.own).map(|row| OwnFeed {
            feed: row.feed.id,
            scope: row.feed.scope,
            size: row.size(),
            root: row.edge.root(),
            acknowledged: receipts.iter().filter(|r| r.feed == row.feed.id).map(|r| r.size).max().unwrap_or(0),
        });
        Ok(Contents {
            taken_at: meta(conn, TAKEN_AT)?,
            operations: all.iter().map(feeds::FeedRow::size).sum(),
            own: own.collect(),
        })
    }
}

/// Copies the whole file, as one consistent state, while others go on working. The copy is one file, whole and on the
/// disk when this returns; it remembers when it was made, and is signed.
pub fn back_up(file: &Path, to: &Path, key: &SigningKey, now: i64) -> Result<Contents> {
    let conn = copy_of(file, to)?;
    set_meta(&conn, TAKEN_AT, now)?;
    signature::sign(&conn, key)?;
    fold(&conn)?;
    let contents = Contents::read(&conn)?;
    conn.close()?;
    File::open(to)?.sync_all()?;
    Ok(contents)
}

/// Leaves nothing beside the file: what is in the write-ahead log goes into it. Fails where another has it open.
pub(crate) fn fold(conn: &Database) -> Result<()> {
    let mode: String = conn.query_row("PRAGMA journal_mode = delete", [], |row| row.get(0))?;
    if mode == "delete" { Ok(()) } else { Err(StoreError::Taken) }
}

/// Opens a file to look into: a Huiliu database of this version, and this machine's.
pub fn examine(path: &Path, union: UnionNumber, device: &DeviceId) -> Result<Contents> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Database::from(Connection::open_with_flags(path, flags)?);
    recognise(&conn, path)?;
    settle(conn.sql())?;
    fold(&conn)?;
    contents(&conn, union, device)
}

/// Opens a copy that nobody else has, and brings it to this version: the file may be of an older one.
pub fn open_copy(path: &Path) -> Result<Database> {
    open_found(path, |_| Ok(())).map(|(conn, ())| conn)
}

/// The same of a backup, and what it shows about who made it.
pub fn open_backup(path: &Path, device: &DeviceId) -> Result<(Database, Origin)> {
    open_found(path, |conn| signature::origin(conn, device))
}

/// `look` sees the file as it was found.
fn open_found<T>(path: &Path, look: impl FnOnce(&View) -> Result<T>) -> Result<(Database, T)> {
    let open = || -> Result<(Database, T)> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Database::from(Connection::open_with_flags(path, flags)?);
        recognise(&conn, path)?;
        settle(conn.sql())?;
        fold(&conn)?;
        let seen = look(&conn)?;
        migrations::migrate(&conn, path)?;
        Ok((conn, seen))
    };
    open().map_err(|error| disk::judge(error, path))
}

/// What a file is a copy of; refused if it is another machine's.
pub fn contents(conn: &View, union: UnionNumber, device: &DeviceId) -> Result<Contents> {
    for row in feeds::all(conn)?.iter().filter(|row| row.own) {
        if row.feed.union != union || row.feed.device != *device {
            return Err(StoreError::OtherMachine { union: row.feed.union, device: row.feed.device });
        }
    }
    Contents::read(conn)
}

/// The place of the database, and nobody else in it.
#[derive(Debug)]
pub struct DatabaseLock {
    database: PathBuf,
    /// Given back when this is dropped.
    _lock: File,
}

impl DatabaseLock {
    /// Refused while another process has the database open.
    pub fn take(database: &Path) -> Result<DatabaseLock> {
        let lock = lock_file(database)?;
        match lock.try_lock() {
            Ok(()) => Ok(DatabaseLock { database: database.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// What is here now; `None` where the file is gone or cannot be read.
    pub fn contents(&self, union: UnionNumber, device: &DeviceId) -> Result<Option<Contents>> {
        if !self.database.exists() {
            return Ok(None);
        }
        match examine(&self.database, union, device) {
            Ok(contents) => Ok(Some(contents)),
            Err(StoreError::Taken) => Err(StoreError::InUse),
            Err(StoreError::Sqlite(error)) if error.cause() == Cause::Busy => Err(StoreError::InUse),
            // That a disk is full says nothing about the database on it.
            Err(error) => match disk::judge(error, &self.database) {
                full @ StoreError::Disk { trouble: disk::Trouble::Full, .. } => Err(full),
                error => {
                    tracing::warn!(%error, "the database here cannot be read");
                    Ok(None)
                }
            },
        }
    }

    /// Whether another program than ours has the database open.
    pub fn is_free(&self) -> Result<()> {
        if !self.database.try_exists()? {
            return Err(StoreError::Missing(self.database.clone()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let folded = Connection::open_with_flags(&self.database, flags).map_err(StoreError::from);
        match folded.and_then(|conn| fold(&Database::from(conn))) {
            Err(StoreError::Taken) => Err(StoreError::InUse),
            Err(StoreError::Sqlite(error)) if error.cause() == Cause::Busy => Err(StoreError::InUse),
            // Damaged or not, it is not in use.
            Err(StoreError::Sqlite(error)) if error.cause() == Cause::Damaged => Ok(()),
            other => other.map_err(|error| disk::judge(error, &self.database)),
        }
    }

    /// Puts `file`, which is on the same disk, in the place; gives the name under which what was there is kept.
    pub fn put(&self, file: &Path, suffix: &str) -> Result<Option<PathBuf>> {
        let mut kept = beside(&self.database, &format!(".replaced-{suffix}"));
        let mut n = 1;
        while kept.exists() {
            n += 1;
            kept = beside(&self.database, &format!(".replaced-{suffix}-{n}"));
        }
        File::open(file)?.sync_all()?;
        let was = self.database.exists();
        // Its log and its index first: without the file they are nothing, and beside another file they are harm.
        for end in ["-wal", "-shm", "-journal", ""] {
            let path = beside(&self.database, end);
            if path.exists() {
                fs::rename(&path, beside(&kept, end))?;
            }
        }
        fs::rename(file, &self.database)?;
        if let Some(dir) = self.database.parent() {
            sync_dir(dir);
        }
        Ok(was.then_some(kept))
    }
}
