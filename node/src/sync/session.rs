//! Carries an exchange over any pair of streams: reads and writes the store, sends and receives frames.

use std::{collections::VecDeque, future::Future, pin::Pin, time::Duration};

use futures_core::Stream;
use huiliu_proto::{
    id::{DeviceId, FeedId},
    signed::Receipt,
    union::UnionNumber,
    v1,
};
use prost::Message as _;
use rusqlite::Connection;
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::StreamExt as _;

use super::{
    exchange::{Action, End, Event, Exchange, Speaker, Tally},
    frontier::Frontier,
};
use crate::{
    ledger::{Intake, Ledger, watchful},
    store::{Result, Store, evidence::Neighbour, feeds, feeds::SegmentRow, receipts, receipts::Link, rollups},
};

/// A stream on which nothing is heard for so long, while something is awaited, is given up.
const SILENCE: Duration = Duration::from_secs(60);
/// Changes that come close together travel together.
const GATHER: Duration = Duration::from_millis(20);
/// How often an open line on which all is well is asked for what should have come over it.
const LOOK: Duration = Duration::from_secs(120);
/// How long, and for how many frames, a goodbye is listened for after the other end has hung up.
const LAST_WORDS: Duration = Duration::from_secs(1);
const LAST_FRAMES: usize = 64;
/// Segments read in one go.
const READ: usize = 4;
const READ_BYTES: usize = 1 << 20;

type Taking = Pin<Box<dyn Future<Output = Result<Intake>> + Send>>;

/// One end of a conversation.
#[derive(Debug, Clone)]
pub struct Ends {
    pub me: Speaker,
    pub peer: UnionNumber,
    pub peer_device: DeviceId,
    /// This end opened the stream.
    pub calls: bool,
    /// Stay on and hear of new operations.
    pub stay: bool,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub end: End,
    pub tally: Tally,
}

/// Told while a session runs, for progress bars: operations sent and received so far.
pub type Progress<'a> = &'a (dyn Fn(&Tally) + Send + Sync);

/// Runs a conversation to its end. The link's row says afterwards, and from when both have the same, how it went.
pub async fn run<I>(
    store: &Store,
    ends: Ends,
    incoming: I,
    outgoing: mpsc::Sender<v1::Frame>,
    progress: Progress<'_>,
) -> Result<Report>
where
    I: Stream<Item = std::result::Result<v1::Frame, tonic::Status>> + Unpin,
{
    let report = converse(store, &ends, incoming, outgoing, progress).await;
    if matches!(&report, Ok(Report { end: End::Done, .. })) {
        watch(store, ends.me.union, Neighbour { union: ends.peer, device: ends.peer_device }).await?;
    }
    let error = match &report {
        Ok(Report { end: End::Done, tally }) if tally.refused.is_empty() => None,
        Ok(Report { end: End::Done, tally }) => tally.refused.values().next().cloned(),
        Ok(Report { end: End::Broken { word, detail, .. }, .. }) => Some(format!("{word}: {detail}")),
        Err(error) => Some(error.to_string()),
    };
    note(store, ends.peer_device, ends.peer, error).await?;
    report
}

/// Writes down how the last call with a neighbour went: well, or with this error.
pub async fn note(store: &Store, device: DeviceId, union: UnionNumber, error: Option<String>) -> Result<()> {
    store
        .write(move |ledger| {
            let now = ledger.now();
            let last_success = error.is_none().then_some(now);
            receipts::put_link(ledger.conn(), &Link { device, union, last_try: now, last_success, error })
        })
        .await
}

async fn converse<I>(
    store: &Store,
    ends: &Ends,
    mut incoming: I,
    outgoing: mpsc::Sender<v1::Frame>,
    progress: Progress<'_>,
) -> Result<Report>
where
    I: Stream<Item = std::result::Result<v1::Frame, tonic::Status>> + Unpin,
{
    let peer = Neighbour { union: ends.peer, device: ends.peer_device };
    let mut changes = store.changes();
    store.write(Ledger::tend).await?;
    changes.look();
    let (me_union, peer_union) = (ends.me.union, ends.peer);
    let frontier = store.look(move |conn| Frontier::read(conn, me_union, peer_union)).await?;
    let mut seen = frontier.clone();
    let (mut exchange, first) = Exchange::open(ends.me.clone(), peer, ends.calls, ends.stay, frontier);
    let mut actions: VecDeque<Action> = first.into();
    let mut noted = false;
    // Batches given to the writer and not answered yet, in their order: while one is written, the next is read.
    let mut taking: VecDeque<(FeedId, Taking)> = VecDeque::new();
    let mut gathered: Option<Instant> = None;
    let mut next_look = Instant::now() + LOOK;
    loop {
        while let Some(action) = actions.pop_front() {
            let event = match action {
                Action::Send(frame) => {
                    if outgoing.send(v1::Frame { frame: Some(frame) }).await.is_err() {
                        // Who hangs up may have said why.
                        return Ok(match last_words(&mut incoming).await {
                            Some(end) => Report { end, tally: exchange.tally },
                            None => broken(&exchange, "line", "the line was cut"),
                        });
                    }
                    None
                }
                Action::Read { feed, from } => {
                    let (segments, head) = store.look(move |conn| segments(conn, &feed, from)).await?;
                    Some(Event::Read { feed, segments, head })
                }
                Action::Take(batch) => {
                    let feed = batch.feed;
                    let submitted = store.submit(move |ledger| ledger.take_in(&batch)).await?;
                    taking.push_back((feed, Box::pin(submitted.answer())));
                    None
                }
                Action::Keep(receipts) => {
                    store.write(move |ledger| keep(ledger, receipts, peer)).await?;
                    None
                }
                Action::Behind { feed, says } => {
                    store.write(move |ledger| ledger.fell_behind(&feed, says, peer)).await?;
                    None
                }
                Action::Forked { feed, head } => {
                    let wanted = store.write(move |ledger| ledger.heard_of_fork(&feed, &head, peer)).await?;
                    Some(Event::Forked { wanted })
                }
                Action::Settle { feed } => {
                    let wanted = store.write(move |ledger| ledger.settle_on(&feed)).await?;
                    Some(Event::Forked { wanted })
                }
                Action::End(end) => return Ok(Report { end, tally: exchange.tally }),
            };
            if let Some(event) = event {
                actions.extend(exchange.step(event));
            }
        }
        progress(&exchange.tally);
        if exchange.settled() && !noted {
            noted = true;
            watch(store, ends.me.union, peer).await?;
            if ends.stay {
                // What others commit meanwhile is heard in the next turn: no look here, or it would be lost.
                note(store, ends.peer_device, ends.peer, None).await?;
            }
        }
        tokio::select! {
            biased;
            frame = incoming.next() => match frame {
                Some(Ok(v1::Frame { frame: Some(frame) })) => actions.extend(exchange.step(Event::Frame(frame))),
                Some(Ok(_)) => {}
                Some(Err(status)) => return Ok(broken(&exchange, "line", status.message())),
                None => return Ok(broken(&exchange, "line", "the other end closed the line")),
            },
            intake = next(&mut taking), if !taking.is_empty() => {
                if let Some((feed, _)) = taking.pop_front() {
                    actions.extend(exchange.step(Event::Taken { feed, intake: intake? }));
                }
            }
            () = changes.changed(), if gathered.is_none() => gathered = Some(Instant::now() + GATHER),
            () = tokio::time::sleep_until(gathered.unwrap_or_else(Instant::now)), if gathered.is_some() => {
                gathered = None;
                changes.look();
                tend(store).await?;
                changes.look();
                let frontier = store.look(move |conn| Frontier::read(conn, me_union, peer_union)).await?;
                if frontier != seen {
                    // What it holds of batches that are under way came from there, and is not to be sent back.
                    while let Some((feed, answer)) = taking.pop_front() {
                        actions.extend(exchange.step(Event::Taken { feed, intake: answer.await? }));
                    }
                    seen = frontier.clone();
                    noted = false;
                    actions.extend(exchange.step(Event::Frontier(Box::new(frontier))));
                }
            }
            () = tokio::time::sleep_until(next_look), if exchange.settled() => {
                next_look = Instant::now() + LOOK;
                watch(store, ends.me.union, peer).await?;
            }
            () = tokio::time::sleep(SILENCE), if !exchange.settled() => {
                return Ok(broken(&exchange, "silence", "nothing was heard for a minute"));
            }
        }
    }
}

/// Waits for the first answer; may be dropped and called again.
async fn next(taking: &mut VecDeque<(FeedId, Taking)>) -> Result<Intake> {
    match taking.front_mut() {
        Some((_, answer)) => answer.await,
        None => std::future::pending().await,
    }
}

/// The goodbye among the frames that were still on their way when the other end hung up.
async fn last_words<I>(incoming: &mut I) -> Option<End>
where
    I: Stream<Item = std::result::Result<v1::Frame, tonic::Status>> + Unpin,
{
    for _ in 0..LAST_FRAMES {
        let frame = tokio::time::timeout(LAST_WORDS, incoming.next()).await.ok()??.ok()?.frame?;
        if let v1::frame::Frame::Goodbye(bye) = frame {
            return Some(End::heard(&bye));
        }
    }
    None
}

fn broken(exchange: &Exchange, word: &str, detail: &str) -> Report {
    let end = End::Broken { word: word.into(), detail: detail.into(), retry_after: 0 };
    Report { end, tally: exchange.tally.clone() }
}

/// Packs and signs what is new and writes statements that are due, where there is anything to do: a write that does
/// nothing would wake every other session for nothing.
async fn tend(store: &Store) -> Result<()> {
    let due = store.look(|conn| {
        let unpacked = feeds::owned(conn)?.iter().any(|f| f.packed < f.size());
        Ok(unpacked || !rollups::due(conn)?.is_empty())
    });
    if due.await? {
        store.write(Ledger::tend).await?;
    }
    Ok(())
}

/// Segments of a feed from operation `from` on, a bounded amount, and its latest head.
fn segments(conn: &Connection, feed: &FeedId, from: u64) -> Result<(Vec<SegmentRow>, Option<v1::Signed>)> {
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
async fn watch(store: &Store, me: UnionNumber, peer: Neighbour) -> Result<()> {
    let now = store.now();
    if store.look(move |conn| watchful(conn, me, peer.union, now)).await? {
        store.write(move |ledger| ledger.settled_with(peer)).await?;
    }
    Ok(())
}

fn keep(ledger: &mut Ledger, receipts: Vec<v1::Signed>, from: Neighbour) -> Result<()> {
    for signed in receipts {
        match Receipt::verify(signed.clone()) {
            Ok(receipt) => {
                ledger.take_receipt(&receipt)?;
            }
            Err(error) => {
                let feed = v1::Receipt::decode(signed.message.clone()).ok();
                let feed = feed.and_then(|receipt| FeedId::try_from(&receipt.feed[..]).ok());
                ledger.forged(feed.unwrap_or(FeedId([0; 16])), &signed, from, "receipt", &error.to_string())?;
            }
        }
    }
    Ok(())
}
