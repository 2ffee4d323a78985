//! A union's store as programs hold it: one writer over the ledger, and readers.
//!
//! One writer owns one connection (`group`). Work reaches it as closures over the `Ledger` (`queue`); those that are waiting
//! are run in one transaction, each in a savepoint of its own, and are answered only after the COMMIT. Readers have connections that
//! cannot write (`store/connections`). `kept` is what conversations remember of those before, `turns` whose batch is next.

mod group;
pub mod kept;
mod queue;
pub mod turns;

use std::{
    convert::Infallible,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Weak},
    thread::JoinHandle,
    time::Duration,
};

use huiliu_proto::{operator::Operator, signed::SigningKey};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

pub use self::queue::Length;
use self::{
    group::{Patience, Writer},
    kept::PeerMemory,
    queue::{Entrance, Job, queue},
    turns::Turns,
};
use crate::{
    clock::{Clock, Random},
    identity::{Home, IdentityError, LocalDevice, Setup},
    ledger::Ledger,
    store::{
        Changes, Database, Result, StoreError, View,
        backup::{self, Contents},
        caches,
        changes::Bell,
        connections::{self, READERS, Readers, reader},
        copy_of, data_version,
        disk::{self, Trouble},
        migrations,
    },
};

/// Interval for noticing commits of other processes.
const LISTEN: Duration = Duration::from_millis(500);
/// Batches that are opened and wait for the writer: what a segment unpacks to, so many times, is what they hold of memory.
const BESIDE: usize = 8;

/// Makes a new home: keys, configuration and an empty database.
pub fn init(setup: &Setup<'_>, clock: &Clock, random: &Random) -> Result<Home, IdentityError> {
    // Opened once, so that what can fail fails before this is a home.
    let opens = |home: &Home| Store::of(home, clock.clone(), random.clone(), Threads::Inline).map(drop);
    Home::init(setup, clock, random, opens)
}

/// Which thread runs the jobs.
enum Hands {
    /// A thread of its own.
    Thread { queue: Option<Entrance>, thread: Option<JoinHandle<()>> },
    /// The caller: for simulations, where nothing may run on a thread that the simulator does not know, and for verbs that
    /// are soon over.
    Inline(Box<Mutex<Writer>>),
    /// Nobody: nothing can be written where the file is, for this reason.
    Nobody(StoreError),
}

/// Why the writer's thread has ended, if it could not go on.
#[derive(Default)]
struct Ended {
    error: Mutex<Option<StoreError>>,
    told: Notify,
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
    /// For whom this handle writes.
    acting: Option<Operator>,
}

/// A store that somebody else keeps open, or has closed.
#[derive(Clone)]
pub struct Lent(Weak<Inner>);

impl Lent {
    pub fn store(&self) -> Option<Store> {
        self.0.upgrade().map(|inner| Store { inner, acting: None })
    }
}

struct Inner {
    path: PathBuf,
    clock: Clock,
    // Closed before the writer, which is the last to leave and clears the log away.
    readers: Arc<Readers>,
    /// Of the looks that run beside the runtime.
    reading: Arc<Semaphore>,
    /// What was worked out beside the writer and waits for it.
    beside: Arc<Semaphore>,
    hands: Hands,
    ended: Arc<Ended>,
    bell: Bell,
    turns: Turns,
    kept: PeerMemory,
    /// Closed last: as long as it is held, nobody puts another file in the place of this one.
    _lock: Option<File>,
}

impl Drop for Hands {
    /// Waits until what was asked for is written and the file closed.
    fn drop(&mut self) {
        if let Hands::Thread { queue, thread } = self {
            drop(queue.take());
            if let Some(thread) = thread.take() {
                // A writer that panicked has said so in the log.
                let _ = thread.join();
            }
        }
    }
}

impl Store {
    /// For who looks something up while the store is open, and does not keep it so.
    pub fn lent(&self) -> Lent {
        Lent(Arc::downgrade(&self.inner))
    }

    /// Opens an existing file; one that is missing, foreign or newer is refused. One of an older version is brought to this
    /// one first, unless another program has it open. For a verb that is soon over, one that can only be read is opened too:
    /// what it writes is refused.
    pub fn open(path: &Path, me: LocalDevice, threads: Threads) -> Result<Store> {
        let clock = me.clock.clone();
        match open(path, me, threads).map_err(|error| disk::judge(error, path)) {
            Err(StoreError::Disk { path, trouble: trouble @ (Trouble::ReadOnly | Trouble::Denied) })
                if threads == Threads::Inline =>
            {
                to_look_at(&path, clock, StoreError::Disk { path: path.clone(), trouble })
            }
            opened => opened,
        }
    }

    /// The store of a home.
    pub fn of(home: &Home, clock: Clock, random: Random, threads: Threads) -> Result<Store, IdentityError> {
        Ok(Store::open(&home.database(), home.me(clock, random)?, threads)?)
    }

    fn put_together(
        path: &Path,
        clock: Clock,
        readers: Readers,
        hands: Hands,
        (bell, ended): (Bell, Arc<Ended>),
        lock: Option<File>,
    ) -> Store {
        let inner = Inner {
            path: path.to_owned(),
            clock,
            readers: Arc::new(readers),
            reading: Arc::new(Semaphore::new(READERS)),
            beside: Arc::new(Semaphore::new(BESIDE)),
            hands,
            ended,
            bell,
            turns: Turns::default(),
            kept: PeerMemory::default(),
            _lock: lock,
        };
        Store { inner: Arc::new(inner), acting: None }
    }

    /// The same store: what is written by this handle names the person who does it.
    pub fn acting(&self, operator: Option<Operator>) -> Store {
        Store { inner: Arc::clone(&self.inner), acting: operator }
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

    /// What conversations remember of those before.
    pub fn kept(&self) -> &PeerMemory {
        &self.inner.kept
    }

    /// Jobs that take in batches take turns.
    pub fn turns(&self) -> &Turns {
        &self.inner.turns
    }

    /// Runs `work` in a transaction and answers after its commit. An error undoes all of it.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Ledger) -> Result<T> + Send + 'static,
    {
        self.submit(Length::Long, work).await?.answer().await
    }

    /// As `write`, but does not wait for the commit: whoever has more to hand in may do so, and one COMMIT may carry all of
    /// it. Waits while the writer has enough to do.
    pub async fn submit<T, F>(&self, length: Length, work: F) -> Result<Submitted<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut Ledger) -> Result<T> + Send + 'static,
    {
        let (job, answer) = self.job(work, true);
        match &self.inner.hands {
            Hands::Thread { queue, .. } => {
                queue.as_ref().ok_or(StoreError::Closed)?.send(job, length).await?;
                Ok(Submitted::Queued(answer))
            }
            Hands::Inline(writer) => Ok(Submitted::Done(run_here(writer, job, answer))),
            Hands::Nobody(why) => Err(why.repeat()),
        }
    }

    /// As `write`, for callers that may block: the command line.
    pub fn write_blocking<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Ledger) -> Result<T> + Send + 'static,
    {
        let (job, answer) = self.job(work, true);
        self.run_blocking(job, answer)
    }

    /// Runs `work` the whole way and undoes it: what it says is what would have been. Nothing is written or signed.
    pub fn dry_run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Ledger) -> Result<T> + Send + 'static,
    {
        let (job, answer) = self.job(work, false);
        self.run_blocking(job, answer)
    }

    fn run_blocking<T>(&self, job: Job, answer: oneshot::Receiver<Result<T>>) -> Result<T> {
        match &self.inner.hands {
            Hands::Thread { queue, .. } => {
                queue.as_ref().ok_or(StoreError::Closed)?.send_blocking(job)?;
                answer.blocking_recv().map_err(|_| StoreError::Panicked)?
            }
            Hands::Inline(writer) => run_here(writer, job, answer),
            Hands::Nobody(why) => Err(why.repeat()),
        }
    }

    /// Work as the writer takes it, and where its answer comes.
    fn job<T, F>(&self, work: F, keep: bool) -> (Job, oneshot::Receiver<Result<T>>)
    where
        T: Send + 'static,
        F: FnOnce(&mut Ledger) -> Result<T> + Send + 'static,
    {
        let (send, receive) = oneshot::channel();
        let (path, acting) = (self.inner.path.clone(), self.acting);
        let work = move |ledger: &mut Ledger| {
            ledger.act_as(acting);
            ledger.only_try(!keep);
            let done = work(ledger).map_err(|error| disk::judge(error, &path));
            // What follows from it at the end of the job, nobody did.
            ledger.act_as(None);
            ledger.only_try(false);
            done
        };
        let job: Job = Box::new(move |ledger| {
            match ledger.and_then(work) {
                // The caller no longer waits for the answer, so it is dropped.
                Ok(value) => (keep, Box::new(move |ended| drop(send.send(ended.map(|()| value))))),
                Err(error) => (false, Box::new(move |_| drop(send.send(Err(error))))),
            }
        });
        (job, receive)
    }

    /// Returns, with the reason, when nothing can be written any more; never while all is well.
    pub async fn failed(&self) -> StoreError {
        let ended = &self.inner.ended;
        loop {
            let told = ended.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            let error = ended.error.lock().ok().and_then(|error| error.as_ref().map(StoreError::repeat));
            if let Some(error) = error {
                return error;
            }
            told.await;
        }
    }

    /// Rings for commits of other processes, such as a record written at the command line while this one serves.
    /// Returns only as `failed` does.
    pub async fn hear_others(&self) -> Result<()> {
        tokio::select! {
            biased;
            error = self.failed() => Err(error),
            never = self.listen() => match never {},
        }
    }

    async fn listen(&self) -> Infallible {
        // The count is a connection's own, so one is kept for it. It counts up to which the writer was asked.
        let (mut kept, mut asked, mut well) = (None, None, true);
        loop {
            tokio::time::sleep(LISTEN).await;
            let path = self.inner.path.clone();
            let before: Option<View> = kept.take();
            asked = asked.filter(|_| before.is_some());
            let looked = tokio::task::spawn_blocking(move || -> Result<(View, i64)> {
                let conn = before.map_or_else(|| reader(&path), Ok)?;
                let now = data_version(&conn)?;
                Ok((conn, now))
            });
            let looked = looked.await.unwrap_or(Err(StoreError::Panicked));
            let mut trouble = looked.as_ref().err().map(StoreError::repeat);
            let now = looked.ok().map(|(conn, now)| {
                kept = Some(conn);
                now
            });
            if now.is_none() || now != asked {
                // The writer knows what was committed since its last transaction, and whether that was itself; where it
                // was another, it rings for everything. So it is asked at the first look too, and where none succeeds.
                asked = match self.write(|_| Ok(())).await {
                    Ok(()) => now,
                    Err(error) => {
                        trouble = Some(error);
                        None
                    }
                };
            }
            if let (true, Some(error)) = (well, &trouble) {
                tracing::warn!(%error, "it cannot be seen whether others write; it is tried again");
            }
            well = trouble.is_none();
        }
    }

    /// Copies the whole file, as one consistent state, while others go on working.
    pub fn copy_to(&self, path: &Path) -> Result<Database> {
        copy_of(&self.inner.path, path)
    }

    /// The same, to keep: the copy is one file, whole and on the disk when this returns; it remembers when it was made,
    /// and is signed.
    pub fn back_up(&self, to: &Path, key: &SigningKey, now: i64) -> Result<Contents> {
        backup::back_up(&self.inner.path, to, key, now)
    }

    /// Runs `look` on a connection that cannot write, on this thread. It sees one consistent state. Not for tasks of a
    /// runtime, which would hold up all others: those call `look`.
    pub fn read<T>(&self, look: impl FnOnce(&View) -> Result<T>) -> Result<T> {
        self.inner.readers.look(look)
    }

    /// As `read`, beside the runtime: a bounded number at once, the others wait their turn.
    pub async fn look<T, F>(&self, look: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&View) -> Result<T> + Send + 'static,
    {
        if !matches!(self.inner.hands, Hands::Thread { .. }) {
            return self.read(look);
        }
        let turn = Arc::clone(&self.inner.reading).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let readers = Arc::clone(&self.inner.readers);
        let looked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            readers.look(look)
        });
        looked.await.map_err(|_| StoreError::Panicked)?
    }

    /// Works something out that needs no store, while the writer does other things. None where enough of that waits
    /// already: then the writer does it.
    pub async fn aside<T, F>(&self, work: F) -> Option<Aside<T>>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        // It goes with the work, however soon nobody waits for that any more.
        let room = Arc::clone(&self.inner.beside).try_acquire_owned().ok()?;
        let work = move || Aside { done: work(), _room: room };
        match &self.inner.hands {
            Hands::Thread { .. } => tokio::task::spawn_blocking(work).await.ok(),
            Hands::Inline(_) | Hands::Nobody(_) => Some(work()),
        }
    }
}

/// Something worked out beside the writer. While it waits, few others are: what they hold is in memory.
pub struct Aside<T> {
    done: T,
    _room: OwnedSemaphorePermit,
}

impl<T> Aside<T> {
    pub fn done(self) -> T {
        self.done
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
            Submitted::Queued(answer) => answer.await.map_err(|_| StoreError::Panicked)?,
        }
    }
}

/// Runs a job on this thread.
fn run_here<T>(writer: &Mutex<Writer>, job: Job, mut answer: oneshot::Receiver<Result<T>>) -> Result<T> {
    let mut writer = writer.lock().map_err(|_| StoreError::Panicked)?;
    if let Err(error) = writer.work_one(job) {
        tracing::error!(%error, "the database cannot be opened anew; the next write tries again");
    }
    if let Err(error) = writer.finish() {
        tracing::error!(%error, "the database cannot be opened anew; the next write tries again");
    }
    drop(writer);
    answer.try_recv().map_err(|_| StoreError::Panicked)?
}

fn open(path: &Path, me: LocalDevice, threads: Threads) -> Result<Store> {
    if !path.try_exists()? {
        return Err(StoreError::Missing(path.to_owned()));
    }
    let lock = backup::shared(path)?;
    let mut conn = connections::writer(path)?;
    let outdated = migrations::needed(migrations::recognise(&conn, path)?)? || caches::outdated(&conn)?;
    if outdated {
        // Another program, of another version perhaps, is not to find other tables under its feet, nor to wait until all
        // has been computed anew.
        drop(conn);
        backup::alone(&lock)?;
        conn = connections::writer(path)?;
        migrations::migrate(&conn, path)?;
    }
    let clock = me.clock.clone();
    let ledger = Ledger::open(conn, me)?;
    if outdated {
        lock.lock_shared()?;
    }
    let (bell, ended) = (Bell::default(), Arc::<Ended>::default());
    let hands = match threads {
        Threads::Inline => {
            let writer = Writer::new(ledger, path.to_owned(), Patience::SHORT, bell.clone());
            Hands::Inline(Box::new(Mutex::new(writer)))
        }
        Threads::Own => {
            let (send, receive) = queue();
            let writer = Writer::new(ledger, path.to_owned(), Patience::LONG, bell.clone());
            let ended = Arc::clone(&ended);
            let thread = std::thread::Builder::new().name("store".into());
            let thread = thread.spawn(move || {
                if let Err(error) = writer.run(receive) {
                    tracing::error!(%error, "the database cannot be opened any more; writing ends");
                    if let Ok(mut why) = ended.error.lock() {
                        *why = Some(error);
                    }
                    ended.told.notify_waiters();
                }
            })?;
            Hands::Thread { queue: Some(send), thread: Some(thread) }
        }
    };
    Ok(Store::put_together(path, clock, Readers::new(path), hands, (bell, ended), Some(lock)))
}

/// Opens a file where nothing can be written, which `why` says.
fn to_look_at(path: &Path, clock: Clock, why: StoreError) -> Result<Store> {
    let lock = backup::shared_to_read(path).map_err(|error| disk::judge(error, path))?;
    let readers = Readers::fixed(path).map_err(|error| disk::judge(error, path))?;
    let good =
        readers.look(|conn| Ok(!migrations::needed(migrations::recognise(conn, path)?)? && caches::current(conn)?))?;
    if !good {
        // It would have to be brought to this version first.
        return Err(why);
    }
    Ok(Store::put_together(path, clock, readers, Hands::Nobody(why), <_>::default(), lock))
}
