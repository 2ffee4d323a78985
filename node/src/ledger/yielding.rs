//! A history of a feed that gives way to the one that the level above holds: what only it has is taken out from its end and then
//! cut off, a part in a job. Where the feed is this device's own, that is said again before.
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
        unfinished::set_yielding(&self.conn, &Yielding { feed: no, at, stays, until: row.size(), said: stays })?;
        self.lose_some()
    }

    /// An own feed is as the level above has it up to `at`, and no further: what only this machine has is said again in a new
    /// incarnation before it is cut off.
    pub(super) fn adopt(&mut self, no: i64, at: u64) -> Result<()> {
        let row = self.feed(no)?.clone();
        // Nothing more is written here.
        self.go_on_anew(&row.feed)?;
        self.feed_to_change(no)?.diverged = true;
        self.slices.leaves();
        unfinished::set_yielding(&self.conn, &Yielding { feed: no, at, stays: at, until: row.size(), said: at })?;
        self.lose_some()
    }

    /// How much of a feed is here and is not about to be cut off.
    pub(super) fn size_that_stays(&mut self, no: i64) -> Result<u64> {
        let size = self.feed(no)?.size();
        if !self.slices.leaves_some() {
            return Ok(size);
        }
        let losing = unfinished::yielding(&self.conn)?.into_iter().find(|yielding| yielding.feed == no);
        Ok(losing.map_or(size, |yielding| yielding.stays.min(size)))
    }

    /// Whether an own feed gives way: what waits for what it loses is said again after that.
    pub(super) fn gives_way_itself(&mut self) -> Result<bool> {
        if !self.slices.leaves_some() {
            return Ok(false);
        }
        for yielding in unfinished::yielding(&self.conn)? {
            if feeds::is_there(&self.conn, yielding.feed)? && self.feed(yielding.feed)?.own {
                return Ok(true);
            }
        }
        Ok(false)
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
        let row = self.feed(no)?.clone();
        let until = self.take_out_until_tired(&yielding)?;
        let said = match until {
            // A copy writes nothing of its own.
            Some(until) if until == yielding.stays && row.own && !self.slices.all_at_once() => {
                self.say_some_again(&row, yielding.said)?
            }
            until => until.map(|_| yielding.said),
        };
        let Some((until, said)) = until.zip(said) else {
            // What lies here is not what was signed: it is fetched anew before anything is cut off.
            self.slices.lags(no, None);
            return unfinished::end_yielding(&self.conn, no);
        };
        let all_said = !row.own || self.slices.all_at_once() || said == row.size();
        match until == yielding.stays && all_said {
            true => self.cut_off(&yielding),
            false => unfinished::set_yielding(&self.conn, &Yielding { until, said, ..yielding }),
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
        let row = self.feed(no)?.clone();
        let feed = row.feed;
        while until > stays && !self.slices.tired() {
            until -= 1;
            self.slices.worked(1);
            let Some(operation) = self.operation_near(no, until)? else { return Ok(None) };
            if !row.own {
                strays::add(&self.conn, &feed.id, until, &operation)?;
            }
            self.take_out_one(RecordPlace { owner: feed.union, feed: no, seq: until }, &operation.record)?;
        }
        Ok(Some(until))
    }

    /// Nothing rests any more on what the feed loses.
    fn cut_off(&mut self, yielding: &Yielding) -> Result<()> {
        let Yielding { feed: no, at, stays, .. } = *yielding;
        let row = self.feed(no)?.clone();
        // An own feed is signed where it is cut.
        let packed = if row.own { feeds::boundary(&self.conn, no, stays)? } else { stays };
        let kept = self.run(no, packed, stays)?;
        let edge = feeds::edge_at(&self.conn, no, stays)?;
        let head = match segments::ending(&self.conn, no, packed)? {
            Some(segment) => Some(TreeHead::stored(segment.head, row.feed.id)?),
            None => None,
        };
        feeds::truncate(&self.conn, no, stays)?;
        receipts::forget_beyond(&self.conn, &row.feed.id, at)?;
        for (seq, operation) in &kept {
            feeds::add_tail(&self.conn, no, *seq, operation)?;
        }
        unfinished::end_yielding(&self.conn, no)?;
        let (applied, diverged) = (row.applied.min(stays), !row.own);
        *self.feed_to_change(no)? = FeedRow { edge, packed, applied, head, diverged, altered: false, ..row };
        self.near.clear();
        // What is to be said again is looked up in the tables.
        self.save_rows()?;
        self.slices.lags(no, None);
        // A copy writes nothing of its own.
        if self.slices.all_at_once() {
            return Ok(());
        }
        if self.feed(no)?.own {
            self.pack(no, &mut { usize::MAX })?;
        }
        if let Err(failure) = self.apart(Ledger::say_orphans_again)? {
            tracing::error!(?failure, "what waits for what was cut off is said again with the next exchange");
        }
        Ok(())
    }
}
