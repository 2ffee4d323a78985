//! Work in parts: what was stored in one job may be applied in several, with others' jobs in between.
//!
//! A feed whose author may write and of which not all is applied yet *lags*. What is applied is a beginning of the feed,
//! as if its sender had sent less; nothing is acknowledged before all of it is. Which feeds lag is seen from the tables,
//! so that a program that ended in between goes on where it was. How much one job does is counted, never measured.

use std::collections::{BTreeMap, BTreeSet};

use huiliu_proto::{
    id::DeviceId,
    kind::{Shape, numbered},
    operation::Operation,
};

use super::Ledger;
use crate::store::{Result, feeds, quarantine};

/// What one job may do before others have their turn, in operations of the cheapest kind: some tens of milliseconds.
const SLICE: u64 = 4096;
/// What an edit costs beside an entry; one that follows something else than what stands there is compared with the
/// document's history.
const EDIT: u64 = 24;
const HISTORY: u64 = 8;
/// So many edits of one feed, of one record or of many, may wait for what they follow. No more of the feed is taken or
/// applied until some of it has come. The edit that comes first of all that wait anywhere follows nothing that waits: its
/// feed has none that do, so feeds cannot hold up each other.
pub const MOST_EARLY: u64 = 4096;
/// For how long more of such a feed is put off at a time, in seconds.
pub(super) const EARLY_WAIT: u32 = 30;

/// What lags, and what jobs have done.
#[derive(Debug, Default)]
pub(super) struct Slices {
    /// What one job may do.
    slice: u64,
    /// Feeds that lag, and who handed them over.
    lagging: BTreeMap<i64, Option<DeviceId>>,
    /// The same when the job began.
    before: BTreeMap<i64, Option<DeviceId>>,
    /// There may be work that a job began and did not end (`store/unfinished.rs`).
    unfinished: bool,
    /// So it was when the job began.
    was_unfinished: bool,
    /// Which they are has to be seen from the tables.
    unknown: bool,
    /// So it was when the job began.
    was_unknown: bool,
    /// Whose turn it was last.
    last: i64,
    /// Whether feeds that lag go before what jobs left over.
    lagging_first: bool,
    /// What is stored by this job, and answered for when it is applied so far.
    until: Vec<(i64, u64)>,
    /// All that was done, and when the job began.
    work: u64,
    begun: u64,
    /// The most that one job has done.
    most: u64,
    /// All is computed again: in one go.
    whole: bool,
    /// Feeds that cannot give way to another history: they are tried again when the program starts anew.
    pub(super) stuck: BTreeSet<i64>,
    /// How many edits of each feed wait for what they follow, where it was counted.
    early: BTreeMap<i64, u64>,
}

impl Slices {
    pub(super) fn new() -> Slices {
        Slices { slice: SLICE, unknown: true, ..Slices::default() }
    }

    pub(super) fn begin_job(&mut self) {
        self.before.clone_from(&self.lagging);
        self.was_unknown = self.unknown;
        self.was_unfinished = self.unfinished;
        self.until.clear();
        self.begun = self.work;
    }

    pub(super) fn end_job(&mut self, kept: bool) {
        if !kept {
            self.lagging.clone_from(&self.before);
            self.unknown |= self.was_unknown;
            self.unfinished = self.was_unfinished;
            self.until.clear();
        }
        self.most = self.most.max(self.work - self.begun);
    }

    /// The database is another than was thought.
    pub(super) fn look_anew(&mut self) {
        self.unknown = true;
    }

    /// What was undone was counted.
    pub(super) fn forget_counts(&mut self) {
        self.early.clear();
    }

    pub(super) fn worked(&mut self, operations: u64) {
        self.work += operations;
    }

    /// An edit was compared with its document.
    pub(super) fn edited(&mut self, history: usize) {
        self.work += EDIT + history as u64 / HISTORY;
    }

    /// A record was taken out of its tables and totals.
    pub(super) fn taken_out(&mut self) {
        self.work += EDIT;
    }

    /// What was done so far in this job was undone, and is done in another way.
    pub(super) fn begin_anew(&mut self) {
        self.begun = self.work;
    }

    /// A job leaves to others what it began.
    pub(super) fn leaves(&mut self) {
        self.unfinished = true;
    }

    /// Whether jobs may have left something to others.
    pub(super) fn leaves_some(&self) -> bool {
        self.unfinished || self.unknown || !self.stuck.is_empty()
    }

    /// Whether a part of a feed is still to be applied.
    pub(super) fn lagging(&self, no: i64) -> bool {
        self.lagging.contains_key(&no)
    }

    pub(super) fn lags(&mut self, no: i64, from: Option<DeviceId>) {
        self.lagging.entry(no).and_modify(|before| *before = from.or(*before)).or_insert(from);
    }

    /// Who owes for the rest of it.
    pub(super) fn handed_over(&mut self, no: i64, by: DeviceId) {
        if let Some(from) = self.lagging.get_mut(&no) {
            *from = Some(by);
        }
    }

    pub(super) fn answer_at(&mut self, no: i64, end: u64) {
        self.until.push((no, end));
    }

    /// All is computed again, or a copy is looked at: nothing is left for later.
    pub(super) fn all_at_once(&self) -> bool {
        self.whole
    }

    /// So many edits are about what one job may do.
    pub(super) fn edits(&self) -> usize {
        (self.slice / EDIT).max(1) as usize
    }

    pub(super) fn tired(&self) -> bool {
        !self.whole && self.work - self.begun >= self.slice
    }
}

impl Ledger {
    /// Does `work` without leaving a part of it for later.
    pub(super) fn wholly<T>(&mut self, work: impl FnOnce(&mut Ledger) -> Result<T>) -> Result<T> {
        let before = std::mem::replace(&mut self.slices.whole, true);
        let done = work(self);
        self.slices.whole = before;
        done
    }

    /// What one job may do, in operations of the cheapest kind: a test makes it small, so that little is much.
    pub fn set_slice(&mut self, operations: u64) {
        self.slices.slice = operations;
    }

    /// The most that one job has done, in operations of the cheapest kind.
    pub fn heaviest_job(&self) -> u64 {
        self.slices.most
    }

    /// Feeds of which the job that ended stored more than it applied, and how far they must be applied before it is
    /// answered.
    pub(crate) fn answer_when(&mut self) -> Vec<(i64, u64)> {
        std::mem::take(&mut self.slices.until)
    }

    /// Whether so much of a feed is applied, or nothing more of it is about to be.
    pub(crate) fn is_applied(&mut self, no: i64, end: u64) -> bool {
        !self.slices.lagging.contains_key(&no) || self.feed(no).map_or(true, |row| row.applied >= end)
    }

    /// Whether something lags.
    pub fn has_lag(&mut self) -> Result<bool> {
        if std::mem::take(&mut self.slices.unknown) {
            for row in feeds::behind(&self.conn)? {
                if self.admitted(&row.feed, false)? {
                    self.slices.lags(row.no, None);
                }
            }
            self.slices.unfinished = self.is_unfinished()?;
        }
        // Nothing is said again while all is computed again, nor on a copy.
        let returned = !self.slices.whole && self.returned.any();
        Ok(returned || self.slices.unfinished || !self.slices.lagging.is_empty())
    }

    /// Applies some of what lags: a job of its own. Feeds and what jobs left over go first in turns, so that neither waits for all
    /// of the other.
    pub(crate) fn apply_some(&mut self) -> Result<()> {
        let lagging_first = self.slices.lagging_first;
        self.slices.lagging_first = !lagging_first;
        if lagging_first {
            self.apply_lagging()?;
            self.apply_left_over()
        } else {
            self.apply_left_over()?;
            self.apply_lagging()
        }
    }

    /// Some of what jobs began and did not end, and of what was given back.
    fn apply_left_over(&mut self) -> Result<()> {
        if self.slices.unfinished && !self.slices.tired() {
            self.finish_some()?;
            self.lose_some()?;
            self.slices.unfinished = self.is_unfinished()?;
        }
        if !self.slices.whole
            && !self.slices.tired()
            && let Some(next) = self.returned.next()
        {
            if let Err(failure) = self.apart(|ledger| ledger.take_returned(next))? {
                tracing::error!(?failure, "what was given back cannot be said again until the program starts anew");
            }
            self.returned.taken(next);
        }
        Ok(())
    }

    fn apply_lagging(&mut self) -> Result<()> {
        while !self.slices.tired() {
            let lagging = &self.slices.lagging;
            let next = lagging.range(self.slices.last + 1..).next().or_else(|| lagging.iter().next());
            let Some((no, from)) = next.map(|(no, from)| (*no, *from)) else { break };
            self.slices.last = no;
            self.slices.lagging.remove(&no);
            // It may have been deleted since.
            if !feeds::is_there(&self.conn, no)? {
                continue;
            }
            let (before, rows) = (self.cost, self.conn.total_changes());
            if let Err(failure) = self.apart(|ledger| ledger.catch_up(no, &mut |_| ()))? {
                // What was given to it of this feed is stored. The others go on.
                tracing::error!(no, ?failure, "no more of a feed can be applied until the program starts anew");
                continue;
            }
            self.cost.rows += self.conn.total_changes().saturating_sub(rows);
            if let Some(from) = from {
                if let Some(lag) = self.slices.lagging.get_mut(&no) {
                    *lag = Some(from);
                }
                let cost = self.cost.since(&before);
                let (writer, now) = (self.feed(no)?.feed.device, self.now());
                self.allowances.spend(writer, from, cost, now);
            }
        }
        Ok(())
    }

    /// All that lags, in one go.
    pub(super) fn apply_all(&mut self) -> Result<()> {
        self.wholly(|ledger| {
            while ledger.has_lag()? {
                ledger.apply_some()?;
                ledger.apply_admitted()?;
            }
            Ok(())
        })
    }

    /// Judges and applies operations of a feed from `from` on, until the job has done enough or too many of them wait.
    /// Returns how many.
    pub(super) fn apply_part(&mut self, no: i64, from: u64, operations: &[Operation]) -> Result<u64> {
        let mut done = 0;
        let mut rest = operations;
        while !rest.is_empty() && !self.halts(no)? {
            let limit = self.limit(no)?.unwrap_or(u64::MAX);
            let (run, after) = rest.split_at(run_of(rest, limit.saturating_sub(from + done), self.slices.slice));
            self.apply_run(no, from + done, run)?;
            done += run.len() as u64;
            rest = after;
        }
        Ok(done)
    }

    /// Whether no more of a feed is applied for now. Where only others have their turn first, it lags.
    pub(super) fn halts(&mut self, no: i64) -> Result<bool> {
        if self.feed(no)?.own {
            return Ok(false);
        }
        if self.crowded(no)? {
            return Ok(true);
        }
        let tired = self.slices.tired();
        if tired {
            self.slices.lags(no, None);
        }
        Ok(tired)
    }

    /// Whether as many edits of a feed wait as may.
    pub(super) fn crowded(&mut self, no: i64) -> Result<bool> {
        let counted = self.slices.early.get(&no).copied();
        if counted.is_some_and(|early| early < MOST_EARLY) {
            return Ok(false);
        }
        // One that was held again may have been counted twice.
        let early = quarantine::early(&self.conn, no)?;
        self.slices.early.insert(no, early);
        Ok(early >= MOST_EARLY)
    }

    /// An edit begins to wait for what it follows.
    pub(super) fn waits(&mut self, no: i64) {
        if let Some(early) = self.slices.early.get_mut(&no) {
            *early += 1;
        }
    }

    /// An operation is judged again.
    pub(super) fn take_up_held(&mut self, no: i64, seq: u64) -> Result<()> {
        if quarantine::remove(&self.conn, no, seq)? {
            let early = match self.slices.early.get(&no) {
                Some(early) => early.saturating_sub(1),
                None => quarantine::early(&self.conn, no)?,
            };
            self.slices.early.insert(no, early);
            // There is room again for what stopped.
            if early + 1 >= MOST_EARLY {
                self.slices.lags(no, None);
            }
        }
        Ok(())
    }
}

/// How many operations are about what one job may do. `limit`: so many count; what comes after may have to be taken out.
fn run_of(operations: &[Operation], limit: u64, slice: u64) -> usize {
    let mut work = 0;
    let costs = (0..).zip(operations).map(|(at, operation)| {
        let document = numbered(operation.kind).is_some_and(|kind| kind.shape == Shape::Document);
        // A void names others, and one that is taken back has its entry read again.
        if document || operation.void || at >= limit { 1 + EDIT } else { 1 }
    });
    let fits = costs.take_while(|cost| {
        work += cost;
        work <= slice
    });
    fits.count().max(1)
}
