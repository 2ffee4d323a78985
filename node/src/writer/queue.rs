//! The jobs that wait for the writer: in the order in which they come, but the short ones do not wait behind the long ones.
//! At least one long one runs in each transaction, so that neither keeps the other waiting for good.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use crate::{
    ledger::Ledger,
    store::{Result, StoreError},
};

/// Told whether what the job did is in the database; one that failed by itself says so whatever it is told.
pub type Answer = Box<dyn FnOnce(Result<()>) + Send>;
/// Runs with the ledger and says whether what it did is to stay, and how to answer; or is given the error that keeps it
/// from running, to answer with.
pub type Job = Box<dyn FnOnce(Result<&mut Ledger>) -> (bool, Answer) + Send>;

/// Jobs of either length that may wait here. Whoever has more waits until there is room.
const ROOM: usize = 32;
/// Short jobs that run in one transaction before a long one.
const SHORT: usize = 16;

/// How much work a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// A few rows.
    Short,
    Long,
}

/// Where jobs are handed in.
pub struct Entrance {
    /// Nothing, where only the short ones are to be looked at.
    long: mpsc::Sender<Option<Job>>,
    short: mpsc::Sender<Job>,
}

/// Where the writer takes them.
pub struct Queue {
    long: mpsc::Receiver<Option<Job>>,
    short: mpsc::Receiver<Job>,
}

pub fn queue() -> (Entrance, Queue) {
    let (long, longs) = mpsc::channel(ROOM);
    let (short, shorts) = mpsc::channel(ROOM);
    (Entrance { long, short }, Queue { long: longs, short: shorts })
}

impl Entrance {
    pub async fn send(&self, job: Job, length: Length) -> Result<()> {
        match length {
            Length::Long => self.long.send(Some(job)).await.map_err(|_| StoreError::Closed),
            Length::Short => {
                self.short.send(job).await.map_err(|_| StoreError::Closed)?;
                // Where there is no room for this, the writer is awake.
                drop(self.long.try_send(None));
                Ok(())
            }
        }
    }

    /// For callers that may block.
    pub fn send_blocking(&self, job: Job) -> Result<()> {
        self.long.blocking_send(Some(job)).map_err(|_| StoreError::Closed)
    }
}

impl Queue {
    /// Waits until something is handed in. False where nothing will be any more, and nothing waits.
    pub fn wait(&mut self, jobs: &mut VecDeque<Job>) -> bool {
        match self.long.blocking_recv() {
            Some(job) => {
                jobs.extend(job);
                true
            }
            None => !self.short.is_empty(),
        }
    }

    /// Adds what waits: short jobs in front, long ones behind those that are there already. The number of the short ones.
    pub fn fill(&mut self, jobs: &mut VecDeque<Job>) -> usize {
        while jobs.len() < ROOM
            && let Ok(job) = self.long.try_recv()
        {
            jobs.extend(job);
        }
        let mut short = vec![];
        while short.len() < SHORT
            && let Ok(job) = self.short.try_recv()
        {
            short.push(job);
        }
        let count = short.len();
        short.into_iter().rev().for_each(|job| jobs.push_front(job));
        count
    }

    /// Nothing more is taken; what waits still.
    pub fn close(&mut self) -> Vec<Job> {
        self.long.close();
        self.short.close();
        let mut rest = vec![];
        while let Ok(job) = self.long.try_recv() {
            rest.extend(job);
        }
        while let Ok(job) = self.short.try_recv() {
            rest.push(job);
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A job that notes its name, without a ledger.
    fn job(name: u32, ran: &Arc<Mutex<Vec<u32>>>) -> Job {
        let ran = Arc::clone(ran);
        Box::new(move |_| {
            ran.lock().unwrap().push(name);
            (true, Box::new(drop))
        })
    }

    fn names(jobs: impl IntoIterator<Item = Job>, ran: &Mutex<Vec<u32>>) -> Vec<u32> {
        jobs.into_iter().for_each(|job| drop(job(Err(StoreError::Closed))));
        std::mem::take(&mut *ran.lock().unwrap())
    }

    #[tokio::test]
    async fn short_jobs_pass_long_ones_and_nothing_is_lost() {
        let (entrance, mut queue) = queue();
        let ran = Arc::default();
        for name in 0..20 {
            entrance.send(job(name, &ran), Length::Long).await.unwrap();
        }
        for name in 100..120 {
            entrance.send(job(name, &ran), Length::Short).await.unwrap();
        }
        let mut jobs = VecDeque::new();
        assert_eq!(queue.fill(&mut jobs), SHORT);
        assert_eq!(jobs.len(), SHORT + 20);
        let taken = names(jobs.drain(..SHORT + 1), &ran);
        assert_eq!(taken, (100..116).chain([0]).collect::<Vec<_>>());
        assert_eq!(queue.fill(&mut jobs), 4, "those that are left pass the long ones too");
        assert_eq!(names(jobs, &ran), (116..120).chain(1..20).collect::<Vec<_>>());
        entrance.send(job(7, &ran), Length::Short).await.unwrap();
        entrance.send(job(8, &ran), Length::Long).await.unwrap();
        assert_eq!(names(queue.close(), &ran), [8, 7]);
        assert!(entrance.send(job(9, &ran), Length::Short).await.is_err());
    }

    #[test]
    fn a_short_job_wakes_the_writer_and_is_the_last_to_be_left_behind() {
        let (entrance, mut queue) = queue();
        let ran: Arc<Mutex<Vec<u32>>> = Arc::default();
        let short = job(1, &ran);
        let handing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(entrance.send(short, Length::Short)).unwrap();
        });
        let mut jobs = VecDeque::new();
        assert!(queue.wait(&mut jobs), "it waits until the other thread has handed in");
        handing.join().unwrap();
        assert_eq!((jobs.len(), queue.fill(&mut jobs)), (0, 1));
        assert!(!queue.wait(&mut VecDeque::new()), "nobody is left");
    }
}
