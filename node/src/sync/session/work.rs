//! What a session asks of the store.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use huiliu_proto::{
    id::FeedId,
    signed::{Receipt, SignatureError},
    v1::{self, Refusal},
};
use prost::Message as _;

use super::{Ends, Tally};
use crate::{
    ledger::{
        Incoming, Intake, Ledger, Opened, Unopened,
        statement::{Pace, to_write},
        watchful,
    },
    store::{Result, View, evidence::Peer, feeds, feeds::SegmentRow, frontier::Frontier},
    writer::{Aside, Length, Store},
};

/// Segments read in one go.
const READ: usize = 4;
const READ_BYTES: usize = 1 << 20;
/// Feeds of which it is remembered that they were refused.
const MOST_REFUSED: usize = 1024;
/// Receipts that are checked, and kept, in one go.
const KEEP: usize = 128;

/// Packs and signs what is new and writes statements that are due, where there is anything to do: a write that does
/// nothing would wake every other session for nothing.
pub(super) async fn prepare_outgoing(store: &Store, pace: Pace) -> Result<()> {
    let now = store.now();
    let due = store.look(move |conn| {
        let unpacked = feeds::owned(conn)?.iter().any(|f| f.packed < f.size());
        Ok(unpacked || !to_write(conn, pace, now)?.is_empty())
    });
    if due.await? {
        // Others' writes come between the parts of what is much.
        while store.write(move |ledger| ledger.prepare_outgoing_at(pace)).await? {}
    }
    Ok(())
}

/// A batch, opened or not.
pub(super) type MayOpen = std::result::Result<Opened, Unopened>;

/// What a batch holds, looked into while the writer has others. What cannot be opened is refused by the writer, in its order.
pub(super) async fn open(store: &Store, batch: Incoming) -> Option<Aside<MayOpen>> {
    store.aside(move || Opened::of(&batch)).await
}

/// Whether the writer will want to know what a batch holds: not where all of it is here, nor where it stands behind what was
/// refused. What was refused for lack of room may be looked at again.
pub(super) fn worth_opening(batch: &Incoming, here: &Frontier, refused: &Mutex<BTreeMap<FeedId, Refusal>>) -> bool {
    let end = batch.first.saturating_add(batch.count);
    let before = refused.lock().unwrap_or_else(PoisonError::into_inner).get(&batch.feed).copied();
    before.is_none_or(|reason| reason == Refusal::Room)
        && here.states.get(&batch.feed).is_none_or(|state| state.size < end)
}

/// Takes in a batch, unless an earlier one of the same feed was refused in this session: what follows a refused batch has
/// no meaning without it, and would look like a fork. A batch refused for lack of room is looked at again once it is
/// offered from the end of the feed here.
pub(super) fn take_in(
    ledger: &mut Ledger,
    batch: &Incoming,
    opened: Option<MayOpen>,
    refused: &Mutex<BTreeMap<FeedId, Refusal>>,
) -> Result<Intake> {
    let before = refused.lock().unwrap_or_else(PoisonError::into_inner).get(&batch.feed).copied();
    let anew = before == Some(Refusal::Room) && batch.first <= ledger.size_of(&batch.feed)?;
    if let Some(reason) = before.filter(|_| !anew) {
        let detail = "it follows what was refused".into();
        return Ok(Intake::Refused { reason, detail, head: None });
    }
    let intake = match ledger.take_in_opened(batch, opened) {
        Err(error) if !error.is_of_the_machine() => {
            refuse(refused, batch.feed, Refusal::Failed);
            return Err(error);
        }
        intake => intake?,
    };
    if anew {
        refused.lock().unwrap_or_else(PoisonError::into_inner).remove(&batch.feed);
    }
    // What only came too soon is welcome later.
    if let Intake::Refused { reason, .. } = &intake
        && *reason != Refusal::Gap
    {
        refuse(refused, batch.feed, *reason);
    }
    Ok(intake)
}

fn refuse(refused: &Mutex<BTreeMap<FeedId, Refusal>>, feed: FeedId, reason: Refusal) {
    let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
    if refused.len() < MOST_REFUSED {
        refused.insert(feed, reason);
    }
}

/// A batch that fails for a reason of its own is refused, and with it what follows it; other feeds go on. What is the
/// machine's ends the conversation.
pub(super) fn refused_alone(
    feed: FeedId,
    intake: Result<Intake>,
    refused: &Mutex<BTreeMap<FeedId, Refusal>>,
) -> Result<Intake> {
    let failed = |detail: String| Ok(Intake::Refused { reason: Refusal::Failed, detail, head: None });
    match intake {
        Err(error) if !error.is_of_the_machine() => {
            tracing::error!(%feed, %error, "a batch could not be taken in and was refused");
            refuse(refused, feed, Refusal::Failed);
            failed(error.to_string())
        }
        // It was under way behind one that failed as its job ended.
        Ok(Intake::Refused { reason: Refusal::Gap, .. })
            if refused.lock().unwrap_or_else(PoisonError::into_inner).get(&feed) == Some(&Refusal::Failed) =>
        {
            failed("it follows what was refused".into())
        }
        intake => intake,
    }
}

/// What was to be done about one feed and fails for a reason of its own is left undone; other feeds go on.
pub(super) fn of_one_feed<T: Default>(feed: FeedId, done: Result<T>) -> Result<T> {
    match done {
        Err(error) if !error.is_of_the_machine() => {
            tracing::error!(%feed, %error, "what the other end says of a feed could not be followed up");
            Ok(T::default())
        }
        done => done,
    }
}

/// Segments of a feed from operation `from` on, a bounded amount, and its latest head.
pub(super) fn segments(conn: &View, feed: &FeedId, from: u64) -> Result<(Vec<SegmentRow>, Option<v1::Signed>)> {
    let Some(row) = feeds::by_id(conn, feed)? else { return Ok((vec![], None)) };
    let mut segments: Vec<SegmentRow> = vec![];
    let (mut at, mut bytes) = (from, 0);
    while at < row.packed && segments.len() < READ && bytes < READ_BYTES {
        let Some(segment) = feeds::segment(conn, row.no, at)? else { break };
        at = segment.first + segment.count;
        bytes += segment.bytes.len();
        segments.push(segment);
    }
    // The feed may have been cut or have grown since it was offered: then this head is not the one that was meant.
    Ok((segments, row.head.filter(|h| h.size == from).map(|h| h.signed)))
}

/// Looks, where there is anything to look at, for what a neighbour should have told or passed on by now.
pub(super) async fn watch(store: &Store, ends: &Ends, tally: &Tally) -> Result<()> {
    let (me, calls, now) = (ends.me.union, ends.calls, store.now());
    let peer = Peer { union: ends.peer, device: ends.peer_device };
    if store.look(move |conn| watchful(conn, me, calls, peer.union, now)).await? {
        let refused = tally.refused.keys().copied().collect();
        store.write(move |ledger| ledger.settled_with(peer, &refused)).await?;
    }
    Ok(())
}

/// Keeps receipts. Their signatures are checked here, a few at a time: the writer is everybody's.
pub(super) async fn keep(store: &Store, receipts: Vec<v1::Signed>, from: Peer) -> Result<()> {
    for some in receipts.chunks(KEEP) {
        let checked: Vec<_> = some.iter().map(|signed| (signed.clone(), Receipt::verify(signed.clone()))).collect();
        store.submit(Length::Short, move |ledger| take(ledger, checked, from)).await?.answer().await?;
    }
    Ok(())
}

fn take(
    ledger: &mut Ledger,
    receipts: Vec<(v1::Signed, std::result::Result<Receipt, SignatureError>)>,
    from: Peer,
) -> Result<()> {
    for (signed, receipt) in receipts {
        match receipt {
            Ok(receipt) => drop(ledger.take_receipt(&receipt)?),
            // By a newer version: it is told again once this one knows how to read it.
            Err(SignatureError::Algorithms(_)) => {}
            Err(error) => {
                let feed = v1::Receipt::decode(signed.message.clone()).ok();
                let feed = feed.and_then(|receipt| FeedId::try_from(&receipt.feed[..]).ok());
                ledger.forged(
                    feed.unwrap_or(FeedId([0; 16])),
                    &signed,
                    from,
                    Refusal::Signature,
                    &error.to_string(),
                )?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use huiliu_proto::{
        feed::{Feed, Scope},
        id::{DeviceId, Hash},
        kind::Reach,
    };

    use super::*;
    use crate::store::frontier::State;

    #[test]
    fn nothing_is_opened_that_the_writer_will_not_read() {
        let union = "320922".parse().unwrap();
        let feed = Feed::new("test", union, DeviceId([1; 32]), 1, Scope::Own(Reach::Nation), None).unwrap();
        let batch = |first, count| Incoming {
            feed: feed.id,
            header: Bytes::new(),
            first,
            count,
            segment: Bytes::new(),
            head: v1::Signed::default(),
            from: None,
            settled: false,
            asked: false,
        };
        let state = State {
            feed: feed.id,
            union,
            header: feed.header.clone(),
            rank: feed.scope.turn(),
            size: 10,
            root: Hash([0; 32]),
            time: 0,
            diverged: false,
            altered: false,
            settled: false,
        };
        let here = Frontier { states: BTreeMap::from([(feed.id, state)]), ..Frontier::default() };
        let refused = Mutex::default();
        let worth = |batch: Incoming, here: &Frontier| worth_opening(&batch, here, &refused);
        assert!(worth(batch(10, 5), &here) && worth(batch(8, 5), &here), "it brings something");
        assert!(!worth(batch(0, 10), &here) && !worth(batch(3, 4), &here), "all of it is here");
        assert!(worth(batch(0, 10), &Frontier::default()), "nothing of it is here");
        for (reason, again) in [(Refusal::Room, true), (Refusal::Root, false)] {
            refused.lock().unwrap().insert(feed.id, reason);
            assert_eq!(worth(batch(10, 5), &here), again, "it stands behind what was refused");
        }
    }
}
