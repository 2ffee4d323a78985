//! The one that writes: takes what waits, runs it in one transaction, each job in a savepoint, answers after the COMMIT.
//!
//! The same code runs on a thread of its own and on the caller's (simulations, verbs that are soon over). Every job is
//! answered: with what became of it, or with the error that kept it from being run. One that panics is undone and its
//! answer is dropped, which its caller takes for what it is.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::queue::{Answer, Job, Queue};
use crate::{
    ledger::Ledger,
    store::{Cause, Result, StoreError, changes::Bell, connections, disk, stamp},
};

/// After so long in one transaction no further long job begins in it: whoever waits for an answer waits for its COMMIT.
const LONG_TRANSACTION: Duration = Duration::from_millis(50);

/// How long a writer waits for others and for the disk. Each try of a BEGIN takes up to five seconds in SQLite.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    begins: u32,
    opens: u32,
    pause: Duration,
}

impl Patience {
    /// Beside a program that serves, another may hold the database for minutes: what was taken from neighbours meanwhile
    /// is kept, not refused.
    pub const LONG: Patience = Patience { begins: 120, opens: 6, pause: Duration::from_secs(1) };
    /// A person waits.
    pub const SHORT: Patience = Patience { begins: 2, opens: 1, pause: Duration::ZERO };
}

pub struct Writer {
    ledger: Ledger,
    path: PathBuf,
    patience: Patience,
    bell: Bell,
    /// What the file holds is not known: it is opened anew before anything else is written.
    doubtful: bool,
    /// Answers to jobs of which a part is still to be applied.
    waiting: Vec<Waiting>,
    /// That failed: it is tried again with the next job.
    stalled: bool,
}

/// An answer, and how far feeds must be applied before it is given.
struct Waiting {
    answer: Answer,
    until: Vec<(i64, u64)>,
}

impl Writer {
    pub fn new(ledger: Ledger, path: PathBuf, patience: Patience, bell: Bell) -> Writer {
        Writer { ledger, path, patience, bell, doubtful: false, waiting: vec![], stalled: false }
    }

    /// The thread's loop. Ends with the last store, or with the error by which the file cannot be opened any more.
    pub fn run(mut self, mut queue: Queue) -> Result<()> {
        let (mut jobs, mut more) = (VecDeque::new(), self.has_lag());
        while more || !jobs.is_empty() || queue.wait(&mut jobs) {
            let short = queue.fill(&mut jobs);
            // A part of what lags after each transaction, however many wait.
            let went = if jobs.is_empty() { Ok(()) } else { self.work(&mut jobs, short + 1) };
            let went = went.and_then(|()| self.go_on());
            if let Err(error) = went {
                jobs.extend(queue.close());
                self.answer_waiting(|_, _| Some(Err(error.repeat())));
                refuse(jobs, &error);
                return Err(error);
            }
            more = self.has_lag();
        }
        Ok(())
    }

    /// Runs a job and answers it.
    pub fn work_one(&mut self, job: Job) -> Result<()> {
        self.work(&mut VecDeque::from([job]), 1)
    }

    /// Applies all that lags, where nobody else has to have a turn in between.
    pub fn finish(&mut self) -> Result<()> {
        while self.has_lag() {
            self.go_on()?;
        }
        Ok(())
    }

    /// Whether something is stored and still to be applied.
    fn has_lag(&mut self) -> bool {
        // A database that cannot be read says so to the next job.
        !self.stalled && !self.doubtful && self.ledger.has_lag().unwrap_or(false)
    }

    /// Applies a part of what lags, as a job of its own.
    fn go_on(&mut self) -> Result<()> {
        if !self.has_lag() {
            return Ok(());
        }
        let ended = Arc::new(Mutex::new(None));
        let told = Arc::clone(&ended);
        let job: Job = Box::new(move |ledger| {
            let applied = ledger.and_then(Ledger::apply_some);
            let keep = applied.is_ok();
            let tell = move |ended: Result<()>| {
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(applied.and(ended));
            };
            (keep, Box::new(tell))
        });
        let worked = self.work_one(job);
        // A job that panics answers nothing.
        let ended = ended.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(Err(StoreError::Panicked));
        if let Err(error) = ended {
            tracing::error!(%error, "what is stored cannot be applied; it is tried again with the next write");
            self.stalled = true;
            self.answer_waiting(|_, _| Some(Err(error.repeat())));
        }
        worked
    }

    /// Answers what is ripe, or as `how` says.
    fn answer_waiting(&mut self, how: impl Fn(&mut Ledger, &[(i64, u64)]) -> Option<Result<()>>) {
        for Waiting { answer, until } in std::mem::take(&mut self.waiting) {
            match how(&mut self.ledger, &until) {
                Some(ended) => answer(ended),
                None => self.waiting.push(Waiting { answer, until }),
            }
        }
    }

    /// Runs and answers jobs in one transaction: the first `certain` of them, and as many more as it has time for. Those that
    /// have not run stay in `jobs`. An error says that the file cannot be opened any more.
    fn work(&mut self, jobs: &mut VecDeque<Job>, certain: usize) -> Result<()> {
        self.stalled = false;
        if let Err(error) = self.recover() {
            refuse(std::mem::take(jobs), &error);
            return Err(error);
        }
        match self.begin() {
            Ok(()) => self.transact(jobs, certain),
            Err(error) => {
                self.doubtful = !busy(&error);
                refuse(std::mem::take(jobs), &error);
            }
        }
        self.bell.ring(self.ledger.changed(), stamp(self.ledger.conn()).unwrap_or_default());
        self.answer_waiting(|ledger, until| {
            until.iter().all(|(no, end)| ledger.is_applied(*no, *end)).then_some(Ok(()))
        });
        self.recover()
    }

    /// Opens the file anew where its state is not known.
    #[allow(clippy::disallowed_methods, reason = "nothing tells when a disk is well again; the tries are counted")]
    fn recover(&mut self) -> Result<()> {
        let mut tries = 0;
        while self.doubtful {
            tries += 1;
            let opened = connections::writer(&self.path).and_then(|conn| self.ledger.reconnect(conn));
            match opened.map_err(|error| disk::judge(error, &self.path)) {
                Ok(()) => self.doubtful = false,
                Err(error) if tries >= self.patience.opens => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "the database cannot be opened anew; it is tried again");
                    std::thread::sleep(self.patience.pause);
                }
            }
        }
        Ok(())
    }

    /// Begins a transaction, if need be after others have ended theirs.
    fn begin(&mut self) -> Result<()> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.ledger.begin() {
                Err(error) if busy(&error) && tries < self.patience.begins => {
                    // Once at its beginning, and once a minute.
                    if tries % 12 == 1 {
                        tracing::warn!(tries, "another program holds the database; writing waits for it");
                    }
                }
                begun => return begun.map_err(|error| disk::judge(error, &self.path)),
            }
        }
    }

    /// As `work`; jobs stay too where SQLite has given the transaction up.
    fn transact(&mut self, jobs: &mut VecDeque<Job>, certain: usize) {
        let begun = Instant::now();
        let mut ran: Vec<(Waiting, Option<StoreError>)> = Vec::with_capacity(jobs.len());
        let mut lost = None;
        while lost.is_none()
            && (ran.len() < certain || begun.elapsed() < LONG_TRANSACTION)
            && let Some(job) = jobs.pop_front()
        {
            let (answer, undone) = self.run_one(job);
            if self.ledger.conn().is_autocommit() {
                let error = undone.as_ref().map_or(StoreError::Undone, StoreError::repeat);
                lost = Some(disk::judge(error, &self.path));
            }
            ran.push((Waiting { answer, until: self.ledger.answer_when() }, undone));
        }
        let outcome = match lost {
            // The database is as it was before; whether this connection is, is not relied on.
            Some(error) => {
                self.doubtful = true;
                self.ledger.undo();
                Err(error)
            }
            None => self.commit(),
        };
        for (waiting, undone) in ran {
            if undone.is_none() && outcome.is_ok() && !waiting.until.is_empty() {
                self.waiting.push(waiting);
                continue;
            }
            (waiting.answer)(match (undone, &outcome) {
                (Some(error), _) => Err(error),
                (None, Ok(())) => Ok(()),
                (None, Err(error)) => Err(error.repeat()),
            });
        }
    }

    /// Runs a job; gives how to answer it, and the error that undid it where that is not its own.
    fn run_one(&mut self, job: Job) -> (Answer, Option<StoreError>) {
        let ledger = &mut self.ledger;
        if let Err(error) = ledger.begin_job() {
            return (job(Err(disk::judge(error, &self.path))).1, None);
        }
        let ran = catch_unwind(AssertUnwindSafe(|| job(Ok(ledger))));
        let (keep, answer) = ran.unwrap_or_else(|_| {
            tracing::error!("a write panicked and was undone");
            // Nobody is left to be answered.
            (false, Box::new(drop) as Answer)
        });
        let ledger = &mut self.ledger;
        let ended = catch_unwind(AssertUnwindSafe(|| ledger.end_job(keep))).unwrap_or_else(|_| {
            tracing::error!("a write panicked at its end and was undone");
            self.ledger.end_job(false).and(Err(StoreError::Panicked))
        });
        let undone = ended.err().map(|error| disk::judge(error, &self.path));
        if let Some(error) = &undone {
            tracing::error!(%error, "a write could not be finished and was undone");
        }
        (answer, undone)
    }

    /// Ends the transaction. Where COMMIT fails, the file is opened anew and asked what became of it.
    fn commit(&mut self) -> Result<()> {
        let Err(error) = self.ledger.commit() else { return Ok(()) };
        let error = disk::judge(error, &self.path);
        tracing::error!(%error, "a commit failed; the file is opened anew");
        self.doubtful = true;
        let found = self.recover().and_then(|()| self.ledger.came_through());
        match found {
            Ok(true) => Ok(()),
            Ok(false) => Err(error),
            Err(second) => {
                tracing::error!(error = %second, "what became of it is not known");
                self.doubtful = true;
                // What did not fit on the disk has no end there, and is taken for nothing.
                let full = matches!(&error, StoreError::Disk { trouble: disk::Trouble::Full, .. });
                Err(if full { error } else { StoreError::Unknown })
            }
        }
    }
}

fn busy(error: &StoreError) -> bool {
    matches!(error, StoreError::Sqlite(fault) if fault.cause() == Cause::Busy)
}

/// Answers jobs that cannot be run.
fn refuse(jobs: VecDeque<Job>, error: &StoreError) {
    if !jobs.is_empty() {
        tracing::error!(%error, jobs = jobs.len(), "nothing can be written");
    }
    for job in jobs {
        let (_, answer) = job(Err(error.repeat()));
        answer(Ok(()));
    }
}
