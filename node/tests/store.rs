//! The writer: what it answers and remembers when jobs fail, when COMMIT does, and when another holds the database.

use std::{
    fs,
    path::Path,
    sync::{Arc, mpsc},
    time::Duration,
};

use huiliu_node::{
    clock,
    identity::{Home, Role, Setup, memory::Memory},
    ledger::{self, Ledger, WriteOutcome},
    store::{Cause, Changed, Changes, StoreError, feeds, projection},
    writer::{Length, Store, Submitted, Threads},
};
use huiliu_proto::{id::RecordId, kind::kind, union::UnionNumber};
use rusqlite::Connection;
use tempfile::TempDir;

/// 2026-01-01.
const NOW: i64 = 1_767_225_600_000;

struct Machine {
    dir: TempDir,
    home: Home,
}

impl Machine {
    fn new() -> Machine {
        let dir = TempDir::new().unwrap();
        let union = UnionNumber::try_from(320_922u64).unwrap();
        let home =
            huiliu_node::writer::init(&Setup::new(dir.path(), "huiliu", union, Role::Node), &clock(), &clock::random())
                .unwrap();
        Machine { dir, home }
    }

    fn store(&self, threads: Threads) -> Store {
        Store::of(&self.home, clock(), clock::random(), threads).unwrap()
    }

    /// What is remembered outside the database.
    fn signed(&self) -> Vec<u64> {
        Memory::open(&self.dir.path().join("memory.json")).unwrap().signed().values().copied().collect()
    }

    /// Everything is as it must be, seen from outside.
    fn verify(&self) {
        let copy = self.dir.path().join("verify.tmp");
        let conn = huiliu_node::store::copy_of(&self.home.database(), &copy).unwrap();
        let me = self.home.me(clock(), clock::random()).unwrap();
        assert_eq!(ledger::verify(conn, me, &mut |_| ()).unwrap(), []);
        fs::remove_file(copy).unwrap();
    }
}

fn clock() -> clock::Clock {
    Arc::new(|| NOW)
}

fn enterprise(ledger: &mut Ledger, name: &str) -> Result<RecordId, StoreError> {
    enterprise_with(ledger, name, &[])
}

fn enterprise_with(ledger: &mut Ledger, name: &str, more: &[(&str, &str)]) -> Result<RecordId, StoreError> {
    let kind = kind("enterprise").unwrap();
    let fields = [
        ("name", name),
        ("uscc", "91350100M000100Y43"),
        ("region", "320922"),
        ("industry", "制造业"),
        ("ownership", "私营"),
    ];
    let values = fields.iter().chain(more).map(|(field, text)| {
        let at = kind.field(field).unwrap();
        (at, Some(kind.fields[at].parse(text).unwrap_or_else(|refusal| panic!("{refusal:?}"))))
    });
    match ledger.write_document(kind, None, values.collect())? {
        WriteOutcome::Written { id, .. } => Ok(id),
        other => panic!("{other:?}"),
    }
}

/// Writes and signs.
fn signed(ledger: &mut Ledger, name: &str) -> Result<RecordId, StoreError> {
    let id = enterprise(ledger, name)?;
    ledger.pack_all()?;
    Ok(id)
}

/// As after a crash between the commit and the note: the next start makes up for it.
#[test]
fn what_was_signed_and_not_noted_is_noted_at_the_next_start() {
    let machine = Machine::new();
    let file = machine.dir.path().join("memory.json");
    let before = fs::read(&file).unwrap();
    machine.store(Threads::Inline).write_blocking(|ledger| signed(ledger, "甲一公司")).unwrap();
    assert_eq!(machine.signed(), [1]);
    fs::write(&file, before).unwrap();
    assert_eq!(machine.signed(), [] as [u64; 0]);
    drop(machine.store(Threads::Inline));
    assert_eq!(machine.signed(), [1]);
    // And where the note itself fails, the next commit makes up for it.
    let store = machine.store(Threads::Inline);
    let lock = machine.dir.path().join("memory.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    store.write_blocking(|ledger| signed(ledger, "甲二公司")).unwrap();
    assert_eq!(machine.signed(), [1]);
    fs::remove_dir(&lock).unwrap();
    store.write_blocking(|_| Ok(())).unwrap();
    assert_eq!(machine.signed(), [2]);
}

/// A write whose COMMIT SQLite refuses: a row that refers to nothing is found only then.
fn spoil_commit(ledger: &mut Ledger) -> Result<(), StoreError> {
    ledger.conn().raw().execute_batch("PRAGMA defer_foreign_keys = 1; INSERT INTO tail VALUES (999, 0, x'00')")?;
    Ok(())
}

fn names(store: &Store) -> usize {
    store.read(|conn| projection::list(conn, kind("enterprise").unwrap(), None, None, 99)).unwrap().len()
}

fn wait<T>(submitted: Submitted<T>) -> Result<T, StoreError> {
    runtime().block_on(submitted.answer())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Jobs that share one COMMIT: the writer is held up until all of them wait.
fn together<T: Send + 'static>(store: &Store, jobs: Vec<Work<T>>) -> Vec<Result<T, StoreError>> {
    let (go, held) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel::<()>();
    let first = runtime().block_on(store.submit(Length::Long, move |_| {
        begun.send(()).unwrap();
        held.recv().unwrap();
        Ok(())
    }));
    begins.recv().unwrap();
    let waiting: Vec<_> =
        jobs.into_iter().map(|job| runtime().block_on(store.submit(Length::Long, job)).unwrap()).collect();
    go.send(()).unwrap();
    wait(first.unwrap()).unwrap();
    waiting.into_iter().map(wait).collect()
}

type Work<T> = Box<dyn FnOnce(&mut Ledger) -> Result<T, StoreError> + Send>;

#[test]
fn a_job_that_fails_takes_nothing_from_those_before_it() {
    let machine = Machine::new();
    let store = machine.store(Threads::Own);
    let jobs: Vec<Work<RecordId>> = vec![
        Box::new(|ledger| signed(ledger, "甲一公司")),
        Box::new(|ledger| {
            signed(ledger, "甲二公司")?;
            Err(StoreError::Refused("as it happens".into()))
        }),
        Box::new(|_| panic!("as it happens")),
    ];
    let answers = together(&store, jobs);
    assert!(answers[0].is_ok());
    assert!(matches!(answers[1], Err(StoreError::Refused(_))));
    assert!(matches!(answers[2], Err(StoreError::Panicked)));
    drop(store);
    assert_eq!(machine.signed(), [1], "what was signed and stays is remembered, what was undone is not");
    machine.verify();
}

#[test]
fn a_trial_writes_and_signs_nothing() {
    for threads in [Threads::Own, Threads::Inline] {
        let machine = Machine::new();
        let store = machine.store(threads);
        let would_be = store.dry_run(|ledger| signed(ledger, "甲一公司")).unwrap();
        assert_eq!((names(&store), machine.signed()), (0, vec![]), "{threads:?} {would_be}");
        store.write_blocking(|ledger| signed(ledger, "甲一公司")).unwrap();
        store.dry_run(|ledger| signed(ledger, "甲二公司")).unwrap();
        assert_eq!((names(&store), machine.signed()), (1, vec![1]), "{threads:?}");
        // Nor does it tell others that the file has changed.
        let outside = Connection::open(machine.home.database()).unwrap();
        let version = || outside.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0)).unwrap();
        let before = version();
        store.dry_run(|ledger| signed(ledger, "甲二公司")).unwrap();
        assert_eq!(version(), before, "{threads:?}");
        store.write_blocking(|ledger| signed(ledger, "甲二公司")).unwrap();
        assert_ne!(version(), before, "{threads:?}");
    }
}

#[test]
fn a_commit_that_fails_is_answered_and_writing_goes_on() {
    for threads in [Threads::Own, Threads::Inline] {
        let machine = Machine::new();
        let store = machine.store(threads);
        let failed = store.write_blocking(|ledger| {
            signed(ledger, "甲一公司")?;
            spoil_commit(ledger)
        });
        // It is known that nothing was written: not `Unknown`.
        assert!(matches!(failed, Err(StoreError::Sqlite(_))), "{threads:?}: {failed:?}");
        assert_eq!((names(&store), machine.signed()), (0, vec![]), "{threads:?}");
        store.write_blocking(|ledger| signed(ledger, "甲二公司")).unwrap();
        assert_eq!((names(&store), machine.signed()), (1, vec![1]), "{threads:?}");
        drop(store);
        machine.verify();
    }
}

#[test]
fn a_transaction_that_sqlite_gives_up_is_not_half_written() {
    let machine = Machine::new();
    let store = machine.store(Threads::Own);
    let jobs: Vec<Work<()>> = vec![
        Box::new(|ledger| signed(ledger, "甲一公司").map(drop)),
        // As SQLite does itself where the disk is full.
        Box::new(|ledger| {
            ledger.conn().raw().execute_batch("ROLLBACK")?;
            Err(StoreError::Undone)
        }),
        Box::new(|ledger| signed(ledger, "甲二公司").map(drop)),
    ];
    let answers = together(&store, jobs);
    assert!(matches!(answers[0], Err(StoreError::Undone)), "{answers:?}");
    assert!(answers[2].is_ok(), "it had not run yet, and is run in the next transaction: {answers:?}");
    assert_eq!((names(&store), machine.signed()), (1, vec![1]));
    drop(store);
    machine.verify();
}

/// Large operations: a job packs a bounded part of them, and others' writes come between.
#[test]
fn one_job_packs_a_bounded_part() {
    let machine = Machine::new();
    let store = machine.store(Threads::Inline);
    store
        .write_blocking(|ledger| {
            // 500 characters of three bytes, in 900 records.
            let long = "一".repeat(500);
            (0..900).try_for_each(|n| enterprise_with(ledger, &format!("甲{n}公司"), &[("remarks", &long)]).map(drop))
        })
        .unwrap();
    let unpacked = |store: &Store| {
        store.read(|conn| Ok(feeds::owned(conn)?.iter().map(|feed| feed.size() - feed.packed).sum::<u64>())).unwrap()
    };
    let all = unpacked(&store);
    let mut jobs = 0;
    while store.write_blocking(Ledger::pack_some).unwrap() {
        jobs += 1;
        assert!(unpacked(&store) < all);
    }
    assert!(jobs > 0 && unpacked(&store) == 0, "{jobs} jobs");
    drop(store);
    machine.verify();
}

/// Another program, in the middle of a long transaction.
fn hold(database: &Path) -> Connection {
    let other = Connection::open(database).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

fn hurry(store: &Store) {
    store.write_blocking(|ledger| Ok(ledger.conn().raw().busy_timeout(Duration::from_millis(20))?)).unwrap();
}

#[test]
fn what_a_server_took_waits_for_another_program_and_is_written() {
    let machine = Machine::new();
    let store = machine.store(Threads::Own);
    hurry(&store);
    let other = hold(&machine.home.database());
    let waiting = runtime().block_on(store.submit(Length::Long, |ledger| signed(ledger, "甲一公司"))).unwrap();
    // Far longer than SQLite waits, which was told to be quick.
    let (_never, nothing) = mpsc::channel::<()>();
    assert!(nothing.recv_timeout(Duration::from_millis(500)).is_err());
    drop(other);
    wait(waiting).unwrap();
    assert_eq!(names(&store), 1);
}

#[test]
fn a_command_says_that_another_program_is_busy() {
    let machine = Machine::new();
    let store = machine.store(Threads::Inline);
    hurry(&store);
    let other = hold(&machine.home.database());
    let refused = store.write_blocking(|ledger| signed(ledger, "甲一公司"));
    let Err(StoreError::Sqlite(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.cause(), Cause::Busy);
    drop(other);
    store.write_blocking(|ledger| signed(ledger, "甲一公司")).unwrap();
    assert_eq!(machine.signed(), [1]);
}

#[test]
fn a_writer_that_cannot_open_the_file_anew_says_so_and_ends() {
    let machine = Machine::new();
    let store = machine.store(Threads::Own);
    let (database, away) = (machine.home.database(), machine.dir.path().join("away.db"));
    fs::rename(&database, &away).unwrap();
    let failed = store.write_blocking(spoil_commit);
    assert!(matches!(failed, Err(StoreError::Unknown)), "{failed:?}");
    let why = runtime().block_on(store.failed());
    assert!(matches!(why, StoreError::Missing(_)), "{why:?}");
    assert!(matches!(store.write_blocking(|_| Ok(())), Err(StoreError::Closed)));
    // The caller's own thread tries again with the next write.
    fs::rename(&away, &database).unwrap();
    let store = machine.store(Threads::Inline);
    fs::rename(&database, &away).unwrap();
    assert!(matches!(store.write_blocking(spoil_commit), Err(StoreError::Unknown)));
    assert!(matches!(store.write_blocking(|_| Ok(())), Err(StoreError::Missing(_))));
    fs::rename(&away, &database).unwrap();
    store.write_blocking(|ledger| signed(ledger, "甲一公司")).unwrap();
}

fn another_writes(machine: &Machine, n: i64) {
    let other = machine.store(Threads::Inline);
    other.write_blocking(move |ledger| huiliu_node::store::set_meta(ledger.conn(), "another", n)).unwrap();
}

/// Waits until what another wrote is told of.
async fn rings(changes: &mut Changes) {
    loop {
        tokio::time::timeout(Duration::from_secs(20), changes.changed()).await.expect("it rings");
        if changes.take() == Changed::All {
            return;
        }
    }
}

#[test]
fn what_another_wrote_before_the_first_look_is_heard() {
    let machine = Machine::new();
    let store = machine.store(Threads::Own);
    store.write_blocking(|_| Ok(())).unwrap();
    let mut changes = store.changes();
    another_writes(&machine, 1);
    runtime().block_on(async {
        let hearing = tokio::spawn({
            let store = store.clone();
            async move { store.hear_others().await }
        });
        rings(&mut changes).await;
        another_writes(&machine, 2);
        rings(&mut changes).await;
        hearing.abort();
    });
}

#[test]
fn a_writer_that_waits_in_vain_ends_no_hearing() {
    let machine = Machine::new();
    let store = machine.store(Threads::Own);
    hurry(&store);
    let mut changes = store.changes();
    runtime().block_on(async {
        let hearing = tokio::spawn({
            let store = store.clone();
            async move { store.hear_others().await }
        });
        tokio::time::sleep(Duration::from_millis(1200)).await;
        // Another commits, and then holds the database for longer than the writer waits.
        let other = Connection::open(machine.home.database()).unwrap();
        other.execute_batch("INSERT INTO meta (key, value) VALUES ('another', 1); BEGIN IMMEDIATE").unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(!hearing.is_finished());
        drop(other);
        rings(&mut changes).await;
        hearing.abort();
    });
}

#[test]
fn a_busy_writer_and_slow_readers_hold_up_no_task() {
    let machine = Machine::new();
    let store = machine.store(Threads::Own);
    let (go, held) = mpsc::channel::<()>();
    runtime().block_on(async {
        let wait_for = |told: mpsc::Receiver<()>| {
            told.recv().unwrap();
            Ok(())
        };
        let busy = store.submit(Length::Long, move |_| wait_for(held)).await.unwrap();
        let (look, looked) = mpsc::channel::<()>();
        let slow = tokio::spawn({
            let store = store.clone();
            async move { store.look(move |_| wait_for(looked)).await }
        });
        // More than the queue holds, and one look more: on one thread, all of them wait and nothing stands still.
        let writes: Vec<_> = (0..100)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.write(|_| Ok(())).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(50)).await;
        store.look(feeds::all).await.unwrap();
        look.send(()).unwrap();
        go.send(()).unwrap();
        slow.await.unwrap().unwrap();
        busy.answer().await.unwrap();
        for write in writes {
            write.await.unwrap().unwrap();
        }
    });
}
