//! The one SQLite file of a union, and everything that is said to it.
//!
//! `view` is how others hold it, `connections` how it is opened; each other file is one noun with its SQL. All SQL is in this
//! module's files and in `check/`. Who writes, and when it is committed, is the matter of `writer`.

pub mod backup;
pub mod beside;
pub mod caches;
pub mod calendars;
pub mod cases;
pub(crate) mod changes;
pub mod claims;
pub(crate) mod connections;
pub mod derivation;
pub mod disk;
pub mod documents;
pub mod dump;
pub mod evidence;
mod fault;
pub mod feeds;
pub mod filings;
pub mod frontier;
pub mod functions;
pub mod horizons;
pub mod imports;
pub mod inbox;
pub mod invitations;
pub mod mend;
pub mod migrations;
pub mod naming;
pub mod pairing;
pub mod parameters;
pub mod place;
pub mod projection;
pub mod quarantine;
pub mod ranges;
pub mod receipts;
pub mod receivers;
pub mod records;
pub mod rollback;
pub mod rollups;
pub mod salvage;
pub mod segments;
pub mod strays;
pub mod tables;
pub mod trust;
pub mod unfinished;
mod view;
pub mod voids;

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use huiliu_proto::{
    id::{DeviceId, FeedId},
    lang::Lang,
    rule::Breach,
    union::UnionNumber,
};
use rusqlite::Connection;

pub use self::{
    changes::{Changed, Changes},
    fault::{Cause, Fault},
    view::{Database, Part, View},
};
use self::{
    connections::{reader, settle},
    disk::Trouble,
    migrations::{APPLICATION_ID, SCHEMA, VERSION},
};
use crate::files::sync_dir;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is already a database at {0}")]
    Exists(PathBuf),
    #[error("the database {0} is missing although this union's identity is here; it is not made anew silently")]
    Missing(PathBuf),
    #[error("{0} is not a Huiliu database")]
    Foreign(PathBuf),
    #[error("the database was written by a newer version (schema {found}, this version knows {VERSION})")]
    Newer { found: i32 },
    #[error("the database was written by a version from before protocol 2 (schema {found})")]
    Older { found: i32 },
    #[error("the database has to be brought to this version, and another program has it open")]
    Outdated,
    #[error("{trouble}: {}", path.display())]
    Disk { path: PathBuf, trouble: Trouble },
    #[error("SQLite setting {0} could not be made to hold")]
    Setting(&'static str),
    #[error("the database reports an error")]
    Sqlite(#[from] Fault),
    #[error("the database file cannot be reached")]
    Io(#[from] std::io::Error),
    #[error("a backup is being restored")]
    Taken,
    #[error("another program has the database open")]
    InUse,
    #[error("the file is of another machine: union {union}, device {device}")]
    OtherMachine { union: UnionNumber, device: DeviceId },
    #[error("it is not known whether this was stored; look before you write it again")]
    Unknown,
    #[error("the disk failed while this was being written; nothing was stored")]
    Undone,
    #[error("an operation failed in a way that is a defect of this program; it was undone")]
    Panicked,
    #[error("the union above has revoked this device: what it writes from now on would not count")]
    Revoked,
    #[error("the store is closed")]
    Closed,
    #[error("the database holds bytes that cannot be read: {0}")]
    Damaged(&'static str),
    #[error("operations of feed {feed} from {at} on are not what was signed")]
    Altered { feed: FeedId, at: u64 },
    #[error("the file holds what Huiliu does not make, or lacks what it makes: {0}")]
    Strange(String),
    #[error("{0}")]
    Refused(String),
    /// What somebody asked for is not allowed: by which rule.
    #[error("{}", .0.get(Lang::En))]
    Forbidden(Box<Breach>),
    /// A sealed field's, of this union's own.
    #[error(transparent)]
    Algorithms(#[from] huiliu_proto::algorithms::UnknownSuite),
    #[error(transparent)]
    Feed(#[from] huiliu_proto::feed::FeedError),
    #[error(transparent)]
    Segment(#[from] huiliu_proto::segment::SegmentError),
    #[error(transparent)]
    Signature(#[from] huiliu_proto::signed::SignatureError),
}

impl StoreError {
    pub fn forbidden(breach: impl Into<Breach>) -> StoreError {
        StoreError::Forbidden(Box::new(breach.into()))
    }

    /// Whether it is of the machine (a full disk, a database that another holds), and not of what was being done: it would be
    /// the same with anything else.
    pub(crate) fn is_of_the_machine(&self) -> bool {
        match self {
            StoreError::Sqlite(fault) => !matches!(fault.cause(), Cause::Value | Cause::Missing),
            StoreError::Panicked
            | StoreError::Damaged(_)
            | StoreError::Altered { .. }
            | StoreError::Refused(_)
            | StoreError::Forbidden(_)
            | StoreError::Algorithms(_)
            | StoreError::Feed(_)
            | StoreError::Segment(_)
            | StoreError::Signature(_) => false,
            _ => true,
        }
    }
}

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

impl StoreError {
    /// The same once more, for others that it concerns.
    pub(crate) fn repeat(&self) -> StoreError {
        match self {
            StoreError::Sqlite(fault) => fault.repeat().map_or(StoreError::Undone, StoreError::Sqlite),
            StoreError::Io(error) => StoreError::Io(error.kind().into()),
            StoreError::Disk { path, trouble } => StoreError::Disk { path: path.clone(), trouble: *trouble },
            StoreError::Missing(path) => StoreError::Missing(path.clone()),
            StoreError::Foreign(path) => StoreError::Foreign(path.clone()),
            StoreError::Damaged(what) => StoreError::Damaged(what),
            StoreError::Unknown => StoreError::Unknown,
            StoreError::Panicked => StoreError::Panicked,
            StoreError::Closed => StoreError::Closed,
            _ => StoreError::Undone,
        }
    }
}

/// Creates a file. It is durable before this returns.
pub fn create(path: &Path) -> Result<()> {
    make(path).map_err(|error| disk::judge(error, path))
}

fn make(path: &Path) -> Result<()> {
    if path.try_exists()? {
        return Err(StoreError::Exists(path.to_owned()));
    }
    backup::private_file(path)?;
    let conn = Connection::open(path)?;
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.pragma_update(None, "synchronous", "extra")?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    conn.execute_batch("BEGIN IMMEDIATE")?;
    conn.execute_batch(SCHEMA)?;
    conn.pragma_update(None, "user_version", VERSION)?;
    conn.execute_batch("COMMIT")?;
    conn.close().map_err(|(_, e)| e)?;
    if let Some(dir) = path.parent() {
        sync_dir(dir);
    }
    Ok(())
}

/// Copies a file that may be in use, as one consistent state. What it consists of is not looked into.
pub fn copy_of(file: &Path, path: &Path) -> Result<Database> {
    let copied = reader(file).and_then(|from| {
        backup::private_file(path)?;
        let mut to = Connection::open(path)?;
        rusqlite::backup::Backup::new(from.sql(), &mut to)?.run_to_completion(4096, Duration::ZERO, None)?;
        settle(&to)?;
        Ok(to.into())
    });
    copied.map_err(|error| disk::judge(error, path))
}

/// Opens a file that nobody else has, to fill it.
pub fn own(file: &Path) -> Result<Database> {
    connections::writer(file)
}

/// Copies a file's bytes into a new one that only its owner may read.
pub fn copy_file(from: &Path, to: &Path) -> std::io::Result<()> {
    backup::private_file(to)?;
    std::io::copy(&mut File::open(from)?, &mut File::options().write(true).open(to)?).map(drop)
}

/// Moves whenever another connection has committed.
pub fn data_version(conn: &View) -> Result<i64> {
    Ok(conn.sql().pragma_query_value(None, "data_version", |row| row.get(0))?)
}

/// Where a transaction's stamp is kept.
const STAMP: &str = "transaction";

/// What the latest transaction is known by in the database.
pub fn stamp(conn: &View) -> Result<Option<Vec<u8>>> {
    meta(conn, STAMP)
}

pub fn set_stamp(conn: &Database, stamp: Vec<u8>) -> Result<()> {
    set_meta(conn, STAMP, stamp)
}

/// A single value that the store keeps under a name.
pub fn meta<T: rusqlite::types::FromSql>(conn: &View, key: &str) -> Result<Option<T>> {
    use rusqlite::OptionalExtension as _;
    let mut statement = conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

pub fn set_meta(conn: &Database, key: &str, value: impl rusqlite::ToSql) -> Result<()> {
    const SQL: &str =
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    conn.prepare_cached(SQL)?.execute((key, value))?;
    Ok(())
}
