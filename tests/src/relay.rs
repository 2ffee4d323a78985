//! Feeds carried by hand, where a test chooses what arrives and in which order.

use huiliu_node::{
    ledger::{Incoming, Intake, Ledger},
    store::feeds,
    writer::Store,
};

/// What a store writes itself, packed: a list of batches for each of its feeds, in order.
pub fn batches(store: &Store) -> Vec<Vec<Incoming>> {
    store.write_blocking(Ledger::prepare_outgoing).expect("what is written can be packed");
    let read = store.read(|conn| {
        let mut all = vec![];
        for feed in feeds::owned(conn)? {
            let mut at = 0;
            let mut batches = vec![];
            while let Some(segment) = feeds::segment(conn, feed.no, at)? {
                at = segment.first + segment.count;
                batches.push(Incoming {
                    feed: feed.feed.id,
                    header: feed.feed.header.clone(),
                    first: segment.first,
                    count: segment.count,
                    segment: segment.bytes.into(),
                    head: segment.head,
                    from: None,
                    settled: false,
                    asked: false,
                });
            }
            all.push(batches);
        }
        Ok(all)
    });
    read.expect("the store can be read")
}

pub fn take(store: &Store, batch: Incoming) -> Intake {
    store.write_blocking(move |ledger| ledger.take_in(&batch)).expect("the store can be written")
}

/// Gives a batch that must be taken.
pub fn give(store: &Store, batch: &Incoming) {
    let intake = take(store, batch.clone());
    assert!(matches!(intake, Intake::Taken { .. }), "{intake:?}");
}

/// What one store holds of the feeds that `which` names and another has not.
pub fn lacking(from: &Store, to: &Store, which: impl Fn(&feeds::FeedRow) -> bool) -> Vec<Incoming> {
    let batches = from.read(|conn| {
        let mut batches = vec![];
        for row in feeds::all(conn)?.into_iter().filter(|row| which(row)) {
            let mut at = to.read(|there| Ok(feeds::by_id(there, &row.feed.id)?.map_or(0, |there| there.size())))?;
            while at < row.packed
                && let Some(segment) = feeds::segment(conn, row.no, at)?
            {
                at = segment.first + segment.count;
                batches.push(Incoming {
                    feed: row.feed.id,
                    header: row.feed.header.clone(),
                    first: segment.first,
                    count: segment.count,
                    segment: segment.bytes.into(),
                    head: segment.head,
                    from: None,
                    settled: false,
                    asked: false,
                });
            }
        }
        Ok(batches)
    });
    batches.expect("the store can be read")
}

/// Hands that on: as a hub does, or its liar.
pub fn hand_on(from: &Store, to: &Store, which: impl Fn(&feeds::FeedRow) -> bool) {
    for batch in lacking(from, to, which) {
        give(to, &batch);
    }
}
