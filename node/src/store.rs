//! The one SQLite file of a union, and who may touch it.
//!
//! One writer owns one connection. Work reaches it as closures over the `Ledger`; those that are waiting are run in one
//! transaction, each in a savepoint of its own, and are answered only after the COMMIT. Readers have connections that
//! cannot write. All SQL is in this module's files and in `check/`.

pub mod backup;
pub mod caches;
mod changes;
pub mod claims;
pub mod documents;
pub mod evidence;
pub mod feeds;
pub mod filings;
pub mod functions;
pub mod invitations;
pub mod projection;
pub mod quarantine;
pub mod receipts;
pub mod receivers;
pub mod rollups;
pub mod tables;
pub mod trust;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use huiliu_proto::{id::DeviceId, union::UnionNumber};
use rusqlite::{Connection, OpenFlags, config::DbConfig, limits::Limit};
use tokio::sync::oneshot;

use self::changes::Bell;
pub use self::changes::Changes;
use crate::{
    clock::Clock,
    identity::sync_dir,
    ledger::{Ledger, Me},
};

/// "HULI".
const APPLICATION_ID: i32 = 0x4855_4c49;
const SCHEMA_VERSION: i32 = 3;
const SCHEMA: &str = include_str!("store/schema.sql");
/// Jobs that share one COMMIT.
const BATCH: usize = 32;
/// How often other processes' commits are looked for.
const LISTEN: Duration = Duration::from_millis(500);
/// Older ones reset the WAL while two connections checkpoint, and lose it (SQLite 3.51.3 release notes).
const OLDEST_SQLITE: i32 = 3_051_003;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is already a database at {0}")]
    Exists(PathBuf),
    #[error("the database {0} is missing although this union's identity is here; it is not made anew silently")]
    Missing(PathBuf),
    #[error("{0} is not a Huiliu database")]
    Foreign(PathBuf),
    #[error("the database was written by a newer version (schema {found}, this version knows {SCHEMA_VERSION})")]
    Newer { found: i32 },
    #[error("SQLite setting {0} could not be made to hold")]
    Setting(&'static str),
    #[error("the database reports an error")]
    Sqlite(#[from] rusqlite::Error),
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
    #[error("an operation failed in a way that is a defect of this program; it was undone")]
    Panicked,
    #[error("the union above has revoked this device: what it writes from now on would not count")]
    Revoked,
    #[error("the store is closed")]
    Closed,
    #[error("the database holds bytes that cannot be read: {0}")]
    Damaged(&'static str),
    #[error("{0}")]
    Refused(String),
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

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

type Answer = Box<dyn FnOnce(Result<()>) + Send>;
type Job = Box<dyn FnOnce(&mut Ledger) -> (bool, Answer) + Send>;

/// Who runs the jobs.
enum Writer {
    /// A thread of its own.
    Thread { queue: Option<mpsc::SyncSender<Job>>, thread: Option<JoinHandle<()>> },
    /// The caller: for simulations, where nothing may run on a thread that the simulator does not know.
    Inline(Box<Mutex<Ledger>>),
}

/// Where a store runs its writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    Own,
    Inline,
}

#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    clock: Clock,
    // Closed before the writer, which is the last to leave and clears the log away.
    readers: Mutex<Vec<Connection>>,
    writer: Writer,
    bell: Bell,
    /// Closed last: as long as it is held, nobody puts another file in the place of this one.
    _lock: File,
}

impl Drop for Writer {
    /// Waits until what was asked for is written and the file closed.
    fn drop(&mut self) {
        if let Writer::Thread { queue, thread } = self {
            drop(queue.take());
            if let Some(thread) = thread.take() {
                // A writer that panicked has said so in the log.
                let _ = thread.join();
            }
        }
    }
}

impl Store {
    /// Makes the file. Everything about it is on the disk before this returns.
    pub fn create(path: &Path) -> Result<()> {
        if path.exists() {
            return Err(StoreError::Exists(path.to_owned()));
        }
        backup::private_file(path)?;
        let conn = Connection::open(path)?;
        conn.pragma_update(None, "journal_mode", "wal")?;
        conn.pragma_update(None, "synchronous", "extra")?;
        conn.pragma_update(None, "application_id", APPLICATION_ID)?;
        conn.execute_batch("BEGIN IMMEDIATE")?;
        conn.execute_batch(SCHEMA)?;
        conn.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        conn.execute_batch("COMMIT")?;
        conn.close().map_err(|(_, e)| e)?;
        if let Some(dir) = path.parent() {
            sync_dir(dir);
        }
        Ok(())
    }

    /// Opens an existing file; one that is missing, foreign or newer is refused.
    pub fn open(path: &Path, me: Me, threads: Threads) -> Result<Store> {
        if !path.exists() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        let lock = backup::shared(path)?;
        let conn = open_writer(path)?;
        let clock = me.clock.clone();
        let ledger = Ledger::open(conn, me)?;
        let bell = Bell::default();
        let writer = match threads {
            Threads::Inline => Writer::Inline(Box::new(Mutex::new(ledger))),
            Threads::Own => {
                let (send, receive) = mpsc::sync_channel(BATCH);
                let path = path.to_owned();
                let bell = bell.clone();
                let thread = std::thread::Builder::new().name("store".into());
                let thread = thread.spawn(move || run(ledger, &path, &receive, &bell))?;
                Writer::Thread { queue: Some(send), thread: Some(thread) }
            }
        };
        let (path, readers) = (path.to_owned(), Mutex::new(vec![]));
        Ok(Store { inner: Arc::new(Inner { path, readers, clock, writer, bell, _lock: lock }) })
    }

    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The time on the clock that everything written here is stamped with.
    pub fn now(&self) -> i64 {
        (self.inner.clock)()
    }

    /// Hears of every commit of this process.
    pub fn changes(&self) -> Changes {
        self.inner.bell.listen()
    }

    /// Runs `work` in a transaction and answers after its commit. An error undoes all of it.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Ledger) -> Result<T> + Send + 'static,
    {
        self.submit(work)?.answer().await
    }

    /// As `write`, for callers that may block: the command line.
    pub fn write_blocking<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Ledger) -> Result<T> + Send + 'static,
    {
        match self.submit(work)? {
            Submitted::Done(result) => result,
            Submitted::Queued(answer) => answer.blocking_recv().map_err(|_| StoreError::Closed)?,
        }
    }

    /// As `write`, but does not wait: whoever has more to hand in may do so, and one COMMIT may carry all of it.
    pub fn submit<T, F>(&self, work: F) -> Result<Submitted<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut Ledger) -> Result<T> + Send + 'static,
    {
        let (send, receive) = oneshot::channel();
        let job: Job = Box::new(move |ledger| match work(ledger) {
            Ok(value) => (true, Box::new(move |committed| drop(send.send(committed.map(|()| value))))),
            Err(error) => (false, Box::new(move |_| drop(send.send(Err(error))))),
        });
        match &self.inner.writer {
            Writer::Thread { queue, .. } => {
                let queue = queue.as_ref().ok_or(StoreError::Closed)?;
                queue.send(job).map_err(|_| StoreError::Closed)?;
                Ok(Submitted::Queued(receive))
            }
            Writer::Inline(ledger) => {
                let mut ledger = ledger.lock().map_err(|_| StoreError::Closed)?;
                transact(&mut ledger, vec![job]);
                drop(ledger);
                self.inner.bell.ring();
                let mut receive = receive;
                Ok(Submitted::Done(receive.try_recv().map_err(|_| StoreError::Panicked)?))
            }
        }
    }

    /// Rings for commits of other processes, such as a record written at the command line while this one serves.
    /// Never returns of itself.
    pub async fn hear_others(&self) -> Result<()> {
        let conn = open_reader(&self.inner.path)?;
        let mut seen = data_version(&conn)?;
        loop {
            tokio::time::sleep(LISTEN).await;
            let now = data_version(&conn)?;
            if std::mem::replace(&mut seen, now) != now {
                self.inner.bell.ring();
            }
        }
    }

    /// Copies the whole file, as one consistent state, while others go on working.
    pub fn copy_to(&self, path: &Path) -> Result<Connection> {
        copy(&open_reader(&self.inner.path)?, path)
    }

    /// Runs `look` on a connection that cannot write. It sees one consistent state.
    pub fn read<T>(&self, look: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = self.inner.readers.lock().ok().and_then(|mut idle| idle.pop());
        let mut conn = match idle {
            Some(conn) => conn,
            None => open_reader(&self.inner.path)?,
        };
        let transaction = conn.transaction()?;
        let result = look(&transaction);
        drop(transaction);
        if let Ok(mut idle) = self.inner.readers.lock()
            && idle.len() < 4
        {
            idle.push(conn);
        }
        result
    }
}

/// Work that was handed to the writer.
pub enum Submitted<T> {
    Done(Result<T>),
    Queued(oneshot::Receiver<Result<T>>),
}

impl<T> Submitted<T> {
    /// Waits for the commit.
    pub async fn answer(self) -> Result<T> {
        match self {
            Submitted::Done(result) => result,
            Submitted::Queued(answer) => answer.await.map_err(|_| StoreError::Closed)?,
        }
    }
}

/// The writer's loop: takes what is waiting, runs it in one transaction, answers.
fn run(mut ledger: Ledger, path: &Path, jobs: &mpsc::Receiver<Job>, bell: &Bell) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(job) = jobs.try_recv()
        {
            batch.push(job);
        }
        if !transact(&mut ledger, batch) {
            // The file's state is unknown: nothing is written on this connection again.
            match open_writer(path) {
                Ok(conn) => ledger.reconnect(conn),
                Err(error) => {
                    tracing::error!(%error, "the database could not be reopened after a failed commit; writing stops");
                    return;
                }
            }
        }
        bell.ring();
    }
}

/// Runs jobs in one transaction, each in a savepoint. False where the COMMIT itself failed.
fn transact(ledger: &mut Ledger, jobs: Vec<Job>) -> bool {
    if let Err(error) = ledger.begin() {
        tracing::error!(%error, "a transaction could not be started");
        for job in jobs {
            // The job is dropped unrun, and with it the sender of its answer: the caller sees `Closed`.
            drop(job);
        }
        return false;
    }
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs {
        if let Err(error) = ledger.begin_job() {
            tracing::error!(%error, "a savepoint could not be set");
            continue;
        }
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(ledger)));
        let (keep, answer) = ran.unwrap_or_else(|_| {
            tracing::error!("a write panicked and was undone");
            (false, Box::new(|_| ()) as Answer)
        });
        let ended = ledger.end_job(keep);
        if let Err(error) = &ended {
            tracing::error!(%error, "a write could not be finished and was undone");
        }
        answers.push((ended.is_ok(), answer));
    }
    let committed = ledger.commit();
    if let Err(error) = &committed {
        tracing::error!(%error, "the commit failed; its outcome is unknown");
    }
    let ok = committed.is_ok();
    for (kept, answer) in answers {
        answer(if ok && kept { Ok(()) } else { Err(StoreError::Unknown) });
    }
    ok
}

fn copy(from: &Connection, path: &Path) -> Result<Connection> {
    backup::private_file(path)?;
    let mut to = Connection::open(path)?;
    rusqlite::backup::Backup::new(from, &mut to)?.run_to_completion(4096, Duration::ZERO, None)?;
    settle(&to)?;
    Ok(to)
}

/// The same of a file that is nobody's store.
pub fn copy_of(file: &Path, path: &Path) -> Result<Connection> {
    copy(&open_reader(file)?, path)
}

/// Copies a file's bytes into a new one that only its owner may read.
pub fn copy_file(from: &Path, to: &Path) -> std::io::Result<()> {
    backup::private_file(to)?;
    std::io::copy(&mut File::open(from)?, &mut File::options().write(true).open(to)?).map(drop)
}

fn open_writer(path: &Path) -> Result<Connection> {
    if !path.exists() {
        return Err(StoreError::Missing(path.to_owned()));
    }
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreError::Setting("version"));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    recognise(&conn, path)?;
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "wal_autocheckpoint", 1000)?;
    conn.pragma_update(None, "journal_size_limit", 64 << 20)?;
    conn.pragma_update(None, "secure_delete", true)?;
    settle(&conn)?;
    assert_setting(&conn, "journal_mode", "wal")?;
    assert_setting(&conn, "synchronous", "2")?;
    Ok(conn)
}

fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.pragma_update(None, "query_only", true)?;
    settle(&conn)?;
    assert_setting(&conn, "query_only", "1")?;
    Ok(conn)
}

/// Settings of every connection, and the functions that the checks call.
fn settle(conn: &Connection) -> Result<()> {
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

fn recognise(conn: &Connection, path: &Path) -> Result<()> {
    let foreign = |_| StoreError::Foreign(path.to_owned());
    let id: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(foreign)?;
    if id != APPLICATION_ID {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    let found: i32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match found {
        SCHEMA_VERSION => Ok(()),
        _ => Err(StoreError::Newer { found }),
    }
}

/// Moves whenever another connection has committed.
pub fn data_version(conn: &Connection) -> Result<i64> {
    Ok(conn.pragma_query_value(None, "data_version", |row| row.get(0))?)
}

/// A single value that the store keeps under a name.
pub fn meta<T: rusqlite::types::FromSql>(conn: &Connection, key: &str) -> Result<Option<T>> {
    use rusqlite::OptionalExtension as _;
    let mut statement = conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

pub fn set_meta(conn: &Connection, key: &str, value: impl rusqlite::ToSql) -> Result<()> {
    const SQL: &str =
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    conn.prepare_cached(SQL)?.execute((key, value))?;
    Ok(())
}
