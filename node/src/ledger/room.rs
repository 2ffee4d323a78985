//! Feeds of devices that nobody here knows: a small waiting room for each neighbour they come through, bounds on how many
//! feeds a device may begin, and the orders by which junk is deleted.
//!
//! A feed may arrive before the enrolment that admits it, so it is kept. But the owner of one enrolled machine could fill
//! every disk in the country with feeds that are never admitted. So such feeds travel upwards only, within bounds. What
//! does not fit is refused and taken in a later exchange; nothing is lost.

use huiliu_proto::{
    id::FeedId,
    union::{Level, UnionNumber},
    v1::Refusal,
};

use super::{Incoming, Intake, Ledger, incoming::refused};
use crate::store::{
    Result,
    feeds::{self, FeedRow},
    trust,
};

/// Feeds that wait for an enrolment, and their bytes as stored, of one neighbour.
const ROOM_FEEDS: u64 = 64;
const ROOM_BYTES: u64 = 8 << 20;
/// Feeds of one device with one scope: it begins another whenever its disk was restored.
const MOST_OF_SCOPE: u64 = 64;
/// Feeds of one device, which as a hub speaks to many branches.
const MOST_OF_DEVICE: u64 = 4096;
/// Feeds in which a union's own devices say their own.
const MOST_OF_UNION: u64 = 4000;
/// Feeds that came through one neighbour. A hub can enrol machines without end, for unions without end; but what two ends
/// tell each other of at the beginning of an exchange is at most 64 pages of 4,096 feeds, and beyond that the line between
/// the levels above would never open again. One city, and one county, may use up only a part of that.
const MOST_THROUGH: u64 = 196_608;
const MOST_THROUGH_CITY: u64 = 32_768;
const MOST_THROUGH_COUNTY: u64 = 8_192;

impl Ledger {
    /// Why there is no room for a batch, where there is none. One of a feed that is admitted finds room always; a feed that
    /// is new here counts against what its device may begin.
    pub(super) fn room(&mut self, row: &FeedRow, own: bool, fresh: bool, batch: &Incoming) -> Result<Option<Intake>> {
        let feed = &row.feed;
        let full = |detail: &str| Ok(Some(refused(Refusal::Room, detail)));
        if fresh && !own {
            let begun = feeds::begun(&self.conn, feed)?;
            if begun.of_scope >= MOST_OF_SCOPE || begun.of_device >= MOST_OF_DEVICE || begun.of_union >= MOST_OF_UNION {
                return full("its device has begun more feeds than one may");
            }
            if self.used_up(batch.from.map(|from| from.union))? {
                return full("more feeds came through that neighbour than one may hand over");
            }
        }
        if self.admitted(feed, own)? {
            return Ok(None);
        }
        if trust::purged(&self.conn, feed)? {
            return full("a level above has ordered it to be deleted");
        }
        let me = self.me.union;
        let below = batch.from.is_some_and(|from| from.union != me && me.contains(from.union));
        if below && !own && feed.scope.speaks_down() {
            return full("the device that speaks here is not known as a hub of that union");
        }
        let via = Ledger::via(batch);
        // It takes up the room of whoever brought it first, whoever brings more.
        if !fresh && via != row.via {
            return full("it came through another neighbour, and its device is not enrolled");
        }
        let room = feeds::waiting(&self.conn, via)?;
        if room.bytes + batch.segment.len() as u64 > ROOM_BYTES || (fresh && room.feeds >= ROOM_FEEDS) {
            return full("there is no more room for feeds of devices that are not enrolled");
        }
        Ok(None)
    }

    /// Whether a neighbour has handed over as many feeds as one may; of what is carried by hand a person sees how much it is.
    fn used_up(&mut self, via: Option<UnionNumber>) -> Result<bool> {
        let Some(union) = via else { return Ok(false) };
        let most = match (self.me.union != union && self.me.union.contains(union), self.me.union.level()) {
            (false, _) | (true, Level::Nation) => MOST_THROUGH,
            (true, Level::Province) => MOST_THROUGH_CITY,
            (true, _) => MOST_THROUGH_COUNTY,
        };
        if self.through.is_none() {
            self.through = Some(feeds::through(&self.conn)?);
        }
        Ok(self.through.as_ref().and_then(|all| all.get(&union)).is_some_and(|count| *count >= most))
    }

    /// A feed that is new here was written down.
    pub(super) fn note_through(&mut self, via: Option<UnionNumber>) {
        if let (Some(all), Some(union)) = (&mut self.through, via) {
            *all.entry(union).or_default() += 1;
        }
    }

    /// Deletes what was ordered to be deleted, where it was never admitted.
    pub(super) fn purge(&mut self) -> Result<()> {
        for id in std::mem::take(&mut self.purging) {
            let Some(no) = self.feed_by_id(&id)? else { continue };
            let row = self.feed(no)?.clone();
            // One whose device was enrolled before is taken out first.
            if row.applied > 0 || self.admitted(&row.feed, row.own)? || !trust::purged(&self.conn, &row.feed)? {
                continue;
            }
            feeds::remove(&self.conn, no, &id)?;
            self.through = None;
            self.feeds.remove(&no);
            self.numbers.remove(&id);
            self.touched.remove(&no);
            self.limits.remove(&no);
            self.others.remove(&no);
            self.compared.remove(&no);
            self.near.clear();
            self.slices.forget_counts();
            tracing::warn!(feed = %id, union = %row.feed.union, "a feed that was never admitted was deleted, as ordered");
        }
        Ok(())
    }

    /// A level above orders a feed to be deleted: looked at when the job ends.
    pub(super) fn ordered(&mut self, feed: Option<&[u8]>) {
        self.purging.extend(feed.and_then(|feed| FeedId::try_from(feed).ok()));
    }

    /// Where a feed that is new here came from.
    pub(super) fn via(batch: &Incoming) -> Option<UnionNumber> {
        batch.from.map(|from| from.union)
    }
}
