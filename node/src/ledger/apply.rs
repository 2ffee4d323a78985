//! What one operation does to the tables: judged, then shown, then counted.

use std::sync::Arc;

use huiliu_proto::{feed::Feed, id::DeviceId, kind::Shape, operation::Operation, union::UnionNumber, v1::Ruling};

use super::Ledger;
use crate::{
    admission::{self, Reason, Refusal},
    clock,
    store::{
        Result, StoreError, View, documents,
        projection::RecordPlace,
        quarantine::{self, Held},
        records, segments, trust,
    },
};

impl Ledger {
    /// Judges an operation and does what it says; one that may not count is marked, and the rest goes on.
    pub(super) fn apply(&mut self, no: i64, seq: u64, operation: &Operation) -> Result<()> {
        let feed = Arc::clone(&self.feed(no)?.feed);
        self.note_id(no, operation)?;
        self.cost.operations += 1;
        self.slices.worked(1);
        self.cost.bytes += (operation.header.len() + operation.payload.len()) as u64;
        let Err(refusal) = self.judge(&feed, no, seq, operation)? else { return Ok(()) };
        let place = RecordPlace { owner: feed.union, feed: no, seq };
        if refusal.reason == Reason::Revoked
            && (records::rests_on(&self.conn, &operation.record, place)?
                || quarantine::reason(&self.conn, no, seq)? == Some(Reason::Early))
        {
            // It counted until a revocation reached back to it, or others waited for its turn. It is among those that are
            // judged again, and then held.
            return self.make_again(place.owner, &operation.record, Some((place, operation)));
        }
        self.hold(no, seq, operation, refusal)
    }

    /// What this device has named before, as its own feeds say: what it names next comes after that, also where the clock was
    /// ahead then, and the file is another one now.
    fn note_id(&mut self, no: i64, operation: &Operation) -> Result<()> {
        let id = &operation.record;
        // A tag can be ground: somebody else's record that was voided or edited here is not to end this device's ids.
        let sane = !operation.void && clock::YEARS.contains(&id.time());
        if sane && self.feed(no)?.own && id.made_by(&self.me.device()) {
            self.named |= self.ids.follow(id);
        }
        Ok(())
    }

    /// Keeps an operation out of everything, and why.
    pub(super) fn hold(&mut self, no: i64, seq: u64, operation: &Operation, refusal: Refusal) -> Result<()> {
        if refusal.reason == Reason::Early {
            self.waits(no);
            if operation.void {
                self.early_voids = Some(true);
            }
        }
        quarantine::add(
            &self.conn,
            &Held {
                feed: no,
                seq,
                record: operation.record,
                kind: operation.kind,
                reason: refusal.reason.word().into(),
                cause: refusal.cause,
                awaits: refusal.awaits,
            },
        )
    }

    fn judge(&mut self, feed: &Feed, no: i64, seq: u64, operation: &Operation) -> Result<Result<(), Refusal>> {
        if operation.destroyed.is_some() {
            // Nothing is left to show or to count; what it proved, the tree still proves.
            return Ok(Ok(()));
        }
        if self.limit(no)?.is_some_and(|limit| seq >= limit) {
            if trust::ruling(&self.conn, feed, seq)? != Some(Ruling::Released) {
                return Ok(Err(Refusal::revoked()));
            }
            // What is released may be judged again.
            self.take_up_held(no, seq)?;
        }
        let kind = match admission::kind_in(feed, operation) {
            Ok(kind) => kind,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let place = RecordPlace { owner: feed.union, feed: no, seq };
        if operation.void {
            let judged = self.void(feed, kind, place, operation)?;
            if judged.is_ok() {
                self.take_up_waiting(place.owner, &operation.record, operation.leaf())?;
            }
            return Ok(judged);
        }
        match kind.shape {
            Shape::Entry => {
                let read = self.ahead.take(no, seq).map_or_else(|| admission::read(kind, operation), Ok);
                match admission::entry_as_read(feed, kind, operation, read) {
                    Ok(record) => self.entry(place, operation, &record),
                    Err(refusal) => Ok(Err(refusal)),
                }
            }
            Shape::Document => {
                let judged = self.edit(feed, kind, place, operation)?;
                if judged.is_ok()
                    && let Some(change) = documents::change(&self.conn, place.owner, &operation.record, no, seq)?
                {
                    self.take_up_waiting(place.owner, &operation.record, change)?;
                }
                Ok(judged)
            }
        }
    }

    /// How much of a feed may count, where its device is revoked.
    pub(super) fn limit(&mut self, no: i64) -> Result<Option<u64>> {
        if let Some(limit) = self.limits.get(&no) {
            return Ok(*limit);
        }
        let feed = Arc::clone(&self.feed(no)?.feed);
        let limit = trust::limit(&self.conn, &feed)?;
        self.limits.insert(no, limit);
        Ok(limit)
    }

    /// A revocation of their device may have come: where something counts that it does not let stand, a feed is judged again
    /// from there, in parts as it was applied.
    pub(super) fn judge_again(&mut self, feeds: &[i64]) -> Result<()> {
        for &no in feeds {
            self.limits.remove(&no);
            // It is judged again when its device is enrolled again.
            if self.is_withdrawn(no)? {
                continue;
            }
            let applied = self.feed(no)?.applied;
            let Some(limit) = self.limit(no)?.filter(|limit| applied > *limit) else { continue };
            // What is held already, because another revocation said so before, does not count.
            if quarantine::revoked(&self.conn, no, limit..applied)? == applied - limit {
                continue;
            }
            // One of which too much waits would not be applied any further.
            if self.crowded(no)? {
                self.judge_later(no, limit, applied)?;
                continue;
            }
            // One of which nothing is applied would be a stranger's.
            if limit == 0
                && let Some(first) = self.operation_near(no, 0)?
            {
                self.apply_alone(no, 0, &first)?;
            }
            self.feed_to_change(no)?.applied = limit.max(1);
        }
        Ok(())
    }

    /// Applies the operations of a feed that wait, if its author may write: all that its segments hold, or a part, and then
    /// the feed lags.
    pub(super) fn catch_up(&mut self, no: i64, progress: &mut dyn FnMut(u64)) -> Result<()> {
        let row = self.feed(no)?.clone();
        if !self.admitted(&row.feed, row.own)? || self.yields(no)?.is_some() {
            return Ok(());
        }
        if self.is_withdrawn(no)? {
            self.apply_anew(no)?;
        }
        let row = self.feed(no)?.clone();
        let (mut seq, mut read) = (row.applied, segments::Counted::from(row.applied));
        while seq < row.size() && !self.halts(no)? {
            let operations = match read.next(&self.conn, &row) {
                Ok(Some(operations)) => operations,
                Ok(None) => break,
                Err(StoreError::Altered { feed, at }) => {
                    // This feed stops here; the others go on.
                    self.keep_altered(&feed, at)?;
                    break;
                }
                Err(error) => return Err(error),
            };
            let done = self.apply_part(no, seq, &operations)?;
            seq += done;
            progress(done);
            if done < operations.len() as u64 {
                break;
            }
        }
        self.feed(no)?.applied = seq;
        self.touched.insert(no);
        Ok(())
    }

    /// Operations that are stored, as many as lie together with `seq`, and the number of the first, to be counted; none
    /// where they are not what was signed.
    pub(super) fn counted_around(&mut self, no: i64, seq: u64) -> Result<(u64, Vec<Operation>)> {
        let row = self.feed(no)?.clone();
        let first = segments::first_around(&self.conn, no, seq)?.unwrap_or(row.packed.min(seq));
        match segments::Counted::from(first).next(&self.conn, &row) {
            Err(StoreError::Altered { feed, at }) => {
                self.keep_altered(&feed, at)?;
                Ok((first, vec![]))
            }
            read => Ok((first, read?.unwrap_or_default())),
        }
    }

    /// Applies what has been waiting for an enrolment that has arrived; that may bring more enrolments.
    pub(super) fn apply_admitted(&mut self) -> Result<()> {
        while let Some(no) = self.waking.pop_first() {
            self.catch_up(no, &mut |_| ())?;
        }
        Ok(())
    }

    /// As `may_write`.
    pub(super) fn admitted(&self, feed: &Feed, own: bool) -> Result<bool> {
        may_write(&self.conn, self.me.root, feed, own)
    }
}

/// Whether the feed's device may write for the feed's union, up to the network's root; and whether what it speaks to
/// is below it. Into the branch of the whole country only the root writes: what it enrols there are further machines
/// of the national union.
pub(super) fn may_write(conn: &View, root: Option<DeviceId>, feed: &Feed, own: bool) -> Result<bool> {
    let root = root == Some(feed.device) && feed.union == UnionNumber::NATION;
    match feed.scope.branch() {
        _ if feed.newer.is_some() => return Ok(false),
        Some(UnionNumber::NATION) => return Ok(root),
        Some(branch) if branch == feed.union || !feed.union.contains(branch) => return Ok(false),
        _ => {}
    }
    if own || root {
        return Ok(true);
    }
    let (by, hub) = (trust::superior(feed.union), feed.scope.speaks_down());
    trust::enrolled(conn, &feed.device, feed.union, by, hub)
}
