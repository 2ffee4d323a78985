//! A history of another device's feed that gives way to the one that the level above holds: what only it has is taken out
//! from its end and then cut off, a part in a job.
//!
//! Until that is done the feed lies here as it did, no more of it is taken or applied, and what it is about to lose counts no
//! more in what is made again. Where that is forgotten meanwhile, because all is computed again, the two histories part
//! once more with the next exchange.

use huiliu_proto::signed::TreeHead;

use super::{Ledger, isolate::Failure, slices::EARLY_WAIT};
use crate::store::{
    Result, feeds,
    feeds::FeedRow,
    projection::RecordPlace,
    receipts, segments, strays,
    unfinished::{self, Yielding},
};

/// For how long the history of the level above is put off meanwhile, in seconds.
const WAIT: u32 = 2;

impl Ledger {
    /// The feed of another device is as the level above has it up to `at`, and no further. `gives_back`: what it loses may be
    /// lost to its device too.
    pub(super) fn give_way(&mut self, no: i64, at: u64, gives_back: bool) -> Result<()> {
        let row = self.feed(no)?.clone();
        // Only what its device signed can stay.
        let stays = feeds::boundary(&self.conn, no, at)?;
        if gives_back {
            let returns = self.to_return(&row, stays)?;
            self.return_strays(&row, stays, returns)?;
        }
        // One that is taken out whole goes on with that: what it loses is taken out with it.
        let withdrawn = self.is_withdrawn(no)?;
        let yields = self.feed_to_change(no)?;
        yields.diverged = true;
        if !withdrawn {
            // One of which nothing is applied would be a stranger's.
            yields.applied = yields.applied.min(stays.max(1));
        }
        self.slices.leaves();
        unfinished::set_yielding(&self.conn, &Yielding { feed: no, at, stays, until: row.size() })?;
        self.lose_some()
    }

    /// For how long a feed takes nothing because it gives way, or should and cannot.
    pub(super) fn yields(&self, no: i64) -> Result<Option<u32>> {
        if self.slices.stuck.contains(&no) {
            return Ok(Some(EARLY_WAIT));
        }
        let yields = self.slices.leaves_some() && unfinished::yields(&self.conn, no)?;
        Ok(yields.then_some(WAIT))
    }

    /// Whether an operation is being taken out again with what comes after it, or all of its feed is: it does not count in
    /// what is made again.
    pub(super) fn is_leaving(&self, no: i64, seq: u64) -> Result<bool> {
        Ok(self.is_withdrawn(no)? || (self.slices.leaves_some() && unfinished::loses(&self.conn, no, seq)?))
    }

    /// Takes out some of what histories lose that give way. One that cannot stops nothing else.
    pub(super) fn lose_some(&mut self) -> Result<()> {
        while !self.slices.tired()
            && let Some(yielding) = self.next_that_yields()?
        {
            let some = |ledger: &mut Ledger| ledger.lose_until_tired(yielding);
            if self.apart(some)?.is_ok() {
                continue;
            }
            self.slices.begin_anew();
            if let Err(failure) = self.carefully(|ledger| ledger.apart(some))? {
                self.cannot_give_way(&yielding, &failure)?;
            }
        }
        Ok(())
    }

    fn next_that_yields(&self) -> Result<Option<Yielding>> {
        let all = unfinished::yielding(&self.conn)?;
        Ok(all.into_iter().find(|yielding| !self.slices.stuck.contains(&yielding.feed)))
    }

    /// Whether jobs left something to others that they can go on with.
    pub(super) fn is_unfinished(&self) -> Result<bool> {
        Ok(unfinished::any_besides_yielding(&self.conn)? || self.next_that_yields()?.is_some())
    }

    fn lose_until_tired(&mut self, yielding: Yielding) -> Result<()> {
        let no = yielding.feed;
        // It may have been deleted since.
        if !feeds::is_there(&self.conn, no)? {
            return unfinished::end_yielding(&self.conn, no);
        }
        match self.take_out_until_tired(&yielding)? {
            Some(until) if until == yielding.stays => self.cut_off(&yielding),
            Some(until) => unfinished::set_yielding(&self.conn, &Yielding { until, ..yielding }),
            // What lies here is not what was signed: it is fetched anew before anything is cut off.
            None => {
                self.slices.lags(no, None);
                unfinished::end_yielding(&self.conn, no)
            }
        }
    }

    /// What it loses cannot be taken out: nothing of it is cut off, or something would rest on what is there no more. It is
    /// tried again when the program starts anew; a rebuild makes all of the feed again, and the two histories part once more.
    fn cannot_give_way(&mut self, yielding: &Yielding, failure: &Failure) -> Result<()> {
        let (no, seq) = (yielding.feed, yielding.until.saturating_sub(1).max(yielding.stays));
        self.slices.stuck.insert(no);
        match self.operation_near(no, seq)? {
            Some(operation) => self.set_aside(no, seq, &operation, failure),
            None => Ok(()),
        }
    }

    /// Where it has come to; none where an operation cannot be read.
    fn take_out_until_tired(&mut self, yielding: &Yielding) -> Result<Option<u64>> {
        let Yielding { feed: no, stays, mut until, .. } = *yielding;
        let feed = std::sync::Arc::clone(&self.feed(no)?.feed);
        while until > stays && !self.slices.tired() {
            until -= 1;
            self.slices.worked(1);
            let Some(operation) = self.operation_near(no, until)? else { return Ok(None) };
            strays::add(&self.conn, &feed.id, until, &operation)?;
            self.take_out_one(RecordPlace { owner: feed.union, feed: no, seq: until }, &operation.record)?;
        }
        Ok(Some(until))
    }

    /// Nothing rests any more on what the feed loses.
    fn cut_off(&mut self, yielding: &Yielding) -> Result<()> {
        let Yielding { feed: no, at, stays, .. } = *yielding;
        let row = self.feed(no)?.clone();
        let edge = feeds::edge_at(&self.conn, no, stays)?;
        let head = match segments::ending(&self.conn, no, stays)? {
            Some(segment) => Some(TreeHead::stored(segment.head, row.feed.id)?),
            None => None,
        };
        feeds::truncate(&self.conn, no, stays)?;
        receipts::forget_beyond(&self.conn, &row.feed.id, at)?;
        unfinished::end_yielding(&self.conn, no)?;
        let applied = row.applied.min(stays);
        *self.feed_to_change(no)? =
            FeedRow { edge, packed: stays, applied, head, diverged: true, altered: false, ..row };
        self.near.clear();
        // What is to be said again is looked up in the tables.
        self.save_rows()?;
        self.slices.lags(no, None);
        // A copy writes nothing of its own.
        if !self.slices.all_at_once()
            && let Err(failure) = self.apart(Ledger::say_orphans_again)?
        {
            tracing::error!(?failure, "what waits for what was cut off is said again with the next exchange");
        }
        Ok(())
    }
}
