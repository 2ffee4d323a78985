//! Carries an exchange over any pair of streams: reads and writes the store, sends and receives frames.

mod batches;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_core::Stream;
use huiliu_proto::{
    id::{DeviceId, FeedId},
    shown,
    union::UnionNumber,
    v1::{self, Farewell, Refusal, frame::Frame},
};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::StreamExt as _;

use self::batches::{Batches, Taking};
use super::exchange::{Action, Cause, End, Endpoint, Event, Exchange, Refused, Tally};
use crate::{
    ledger::{Intake, Ledger, statement::Pace},
    store::{Changed, Changes, Result, evidence::Peer, frontier::Frontier, receipts, receipts::Link},
    writer::{Aside, Store, kept},
};

/// Time after which an end that owes something and makes no progress is given up.
pub const SILENCE: Duration = Duration::from_secs(60);
/// Delay in which changes are gathered so that they travel together.
const GATHER: Duration = Duration::from_millis(20);
/// Interval at which an idle connection is checked for what should have arrived over it.
pub const ARRIVAL_CHECK_INTERVAL: Duration = Duration::from_secs(120);
/// How long the other end may take to read a goodbye and to close the line; and how long, and for how many frames, a
/// goodbye is listened for after the other end has hung up.
const LAST_WORDS: Duration = Duration::from_secs(5);
const LAST_FRAMES: usize = 64;
/// Frames that may wait to be sent. Beyond that no more frames are read until the other end has taken some.
const MOST_OUTGOING: usize = 256;

/// Receipts that may wait to be kept before the line waits for that.
const MOST_UNKEPT: usize = 8192;

type Chore = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// One end of a conversation.
#[derive(Debug, Clone)]
pub struct Ends {
    pub me: Endpoint,
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
    /// Both ends had the same when it ended: losing the connection then costs nothing.
    pub even: bool,
    pub tally: Tally,
}

/// Told while a session runs, for progress bars: operations sent and received so far.
pub type Progress<'a> = &'a (dyn Fn(&Tally) + Send + Sync);

/// What the two ends share, as an end knows it when it enters a conversation, and what changes from then on.
///
/// Who calls reads it before the line is opened. The other end reads its own behind that, so it must have all that it has
/// signed receipts for here, also those that another conversation has just brought; else its disk went back.
pub struct Shared {
    frontier: Frontier,
    changes: Changes,
}

impl Shared {
    pub async fn read(store: &Store, ends: &Ends) -> Result<Shared> {
        work::prepare_outgoing(store, if ends.calls { Pace::AtOnce } else { Pace::Never }).await?;
        // What is written from here on is heard of, whether what was read holds it or not.
        let (frontier, changes) = kept::open(store, ends.me.union, ends.peer).await?;
        Ok(Shared { frontier, changes })
    }
}

/// Runs a conversation to its end. The link's row says afterwards, and from when both have the same, how it went.
pub async fn run<I>(
    store: &Store,
    ends: Ends,
    shared: Shared,
    incoming: I,
    outgoing: mpsc::Sender<v1::Frame>,
    progress: Progress<'_>,
) -> Result<Report>
where
    I: Stream<Item = std::result::Result<v1::Frame, tonic::Status>> + Unpin,
{
    let report = Session::open(store, &ends, shared, incoming, outgoing).converse(progress).await;
    if let Ok(Report { end: End::Done, tally, .. }) = &report {
        work::watch(store, &ends, tally).await?;
    }
    let error = match &report {
        Err(error) => Some(error.to_string()),
        Ok(Report { end: End::Broken { cause: Cause::Line, .. }, even: true, tally }) => refused(tally),
        Ok(Report { end: End::Broken { cause, detail, .. }, .. }) => Some(format!("{}: {detail}", cause.word())),
        Ok(Report { end: End::Done, tally, .. }) => refused(tally),
    };
    note(store, ends.peer_device, ends.peer, error).await?;
    report
}

/// Runs a conversation for who was called.
pub async fn answer<I>(store: &Store, ends: Ends, incoming: I, outgoing: mpsc::Sender<v1::Frame>) -> Result<Report>
where
    I: Stream<Item = std::result::Result<v1::Frame, tonic::Status>> + Unpin,
{
    match Shared::read(store, &ends).await {
        Ok(shared) => run(store, ends, shared, incoming, outgoing, &|_| ()).await,
        Err(error) => {
            note(store, ends.peer_device, ends.peer, Some(error.to_string())).await?;
            Err(error)
        }
    }
}

fn refused(tally: &Tally) -> Option<String> {
    tally.refused.values().next().map(Refused::to_string)
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

/// What a session was woken by.
enum Heard {
    /// A frame went out; whether it was no more than an answer to one of theirs.
    Sent {
        answer: bool,
    },
    HungUp,
    Frame(Option<std::result::Result<v1::Frame, tonic::Status>>),
    Answer(Result<Intake>),
    Done(Result<()>),
    Changed,
    Gathered,
    Waited,
    Look,
    Silence,
}

struct Session<'a, I> {
    store: &'a Store,
    ends: &'a Ends,
    peer: Peer,
    incoming: I,
    outgoing: mpsc::Sender<v1::Frame>,
    /// Frames that wait to be sent.
    outbox: VecDeque<Frame>,
    exchange: Exchange,
    actions: VecDeque<Action>,
    changes: Changes,
    /// Feeds that have changed and were not looked at yet.
    unheard: BTreeSet<FeedId>,
    batches: Batches,
    /// What the line does not wait for: one thing at a time.
    chore: Option<Chore>,
    /// Receipts that are still to be kept.
    unkept: Vec<v1::Signed>,
    /// Something was committed since it was last looked whether anything is to be packed or written.
    unprepared: bool,
    /// Feeds of which a batch was refused here: those that were under way behind it are refused too.
    refused: Arc<Mutex<BTreeMap<FeedId, Refusal>>>,
    /// The writer put the last batch off: this peer, or whom it relays, has used up its allowance.
    over: bool,
    noted: bool,
}

impl<'a, I> Session<'a, I>
where
    I: Stream<Item = std::result::Result<v1::Frame, tonic::Status>> + Unpin,
{
    fn open(
        store: &'a Store,
        ends: &'a Ends,
        shared: Shared,
        incoming: I,
        outgoing: mpsc::Sender<v1::Frame>,
    ) -> Session<'a, I> {
        let peer = Peer { union: ends.peer, device: ends.peer_device };
        let Shared { frontier, changes } = shared;
        let (mut exchange, first) = Exchange::open(ends.me.clone(), peer, ends.calls, ends.stay, frontier);
        exchange.remember(store.kept().told(&ends.peer_device));
        Session {
            store,
            ends,
            peer,
            incoming,
            outgoing,
            outbox: VecDeque::new(),
            exchange,
            actions: first.into(),
            changes,
            unheard: BTreeSet::new(),
            batches: Batches::new(store.turns().enter()),
            chore: None,
            unkept: vec![],
            // What was written since, and before changes were listened for, may be still to be packed.
            unprepared: ends.stay,
            refused: Arc::default(),
            over: false,
            noted: false,
        }
    }

    /// Statements are for the levels above. A call that ends leaves none to be written; a line that stays has time.
    fn pace(&self) -> Pace {
        match (self.ends.calls, self.ends.stay) {
            (false, _) => Pace::Never,
            (true, true) => Pace::Live,
            (true, false) => Pace::AtOnce,
        }
    }

    fn step(&mut self, event: Event) {
        self.actions.extend(self.exchange.step(event));
    }

    async fn converse(mut self, progress: Progress<'_>) -> Result<Report> {
        let mut gathered: Option<Instant> = None;
        let mut waited: Option<Instant> = None;
        let mut next_look = Instant::now() + ARRIVAL_CHECK_INTERVAL;
        // When the other end was last owed nothing, or brought the conversation on.
        let (mut moved_at, mut moved) = (Instant::now(), 0);
        // Since when this end works on what came: that time is not theirs.
        let mut taking_since: Option<Instant> = None;
        loop {
            while let Some(action) = self.actions.pop_front() {
                match action {
                    Action::End(end) => {
                        while self.begin_chore() {
                            done(&mut self.chore).await?;
                        }
                        return Ok(self.close(end).await);
                    }
                    Action::Wait { seconds } => {
                        waited = Some(Instant::now() + Duration::from_secs(seconds.into()));
                    }
                    action => self.act(action).await?,
                }
            }
            self.hand_in().await?;
            self.begin_chore();
            progress(&self.exchange.tally);
            if self.even() && !self.noted {
                self.noted = true;
                work::watch(self.store, self.ends, &self.exchange.tally).await?;
                if self.ends.stay {
                    note(self.store, self.ends.peer_device, self.ends.peer, None).await?;
                }
            }
            let owed = self.exchange.awaits() || !self.outbox.is_empty();
            let now = self.exchange.progress();
            if self.batches.is_taking() {
                taking_since.get_or_insert_with(Instant::now);
            } else if let Some(since) = taking_since.take() {
                moved_at = (moved_at + since.elapsed()).min(Instant::now());
            }
            if std::mem::replace(&mut moved, now) != now || !owed {
                moved_at = Instant::now();
            }
            let heard = tokio::select! {
                biased;
                place = self.outgoing.reserve(), if !self.outbox.is_empty() => match place {
                    Ok(place) => {
                        let frame = self.outbox.pop_front();
                        let answer = matches!(frame, Some(Frame::Ack(_)));
                        if frame.is_some() {
                            place.send(v1::Frame { frame });
                        }
                        Heard::Sent { answer }
                    }
                    Err(_) => Heard::HungUp,
                },
                frame = self.incoming.next(), if self.outbox.len() < MOST_OUTGOING => Heard::Frame(frame),
                intake = self.batches.answer(), if self.batches.is_taking() => Heard::Answer(intake),
                done = done(&mut self.chore), if self.chore.is_some() => Heard::Done(done),
                () = self.changes.changed(), if gathered.is_none() => Heard::Changed,
                () = tokio::time::sleep_until(gathered.unwrap_or_else(Instant::now)), if gathered.is_some() => {
                    Heard::Gathered
                }
                () = tokio::time::sleep_until(waited.unwrap_or_else(Instant::now)), if waited.is_some() => Heard::Waited,
                () = tokio::time::sleep_until(next_look), if self.exchange.settled() => Heard::Look,
                () = tokio::time::sleep_until(moved_at + SILENCE), if owed && taking_since.is_none() => Heard::Silence,
            };
            match heard {
                Heard::Sent { answer: true } => {}
                Heard::Sent { answer: false } => moved_at = Instant::now(),
                Heard::HungUp => {
                    // A peer that closes the connection may have said why.
                    let end = self.last_words().await;
                    return Ok(self.report(end));
                }
                Heard::Frame(Some(Ok(v1::Frame { frame: Some(frame) }))) => self.step(Event::Frame(frame)),
                // A frame of a later protocol is skipped.
                Heard::Frame(Some(Ok(_))) => {}
                Heard::Frame(Some(Err(status))) => return Ok(self.report(line(status.message()))),
                Heard::Frame(None) => return Ok(self.report(line("the other end closed the line"))),
                Heard::Answer(intake) => {
                    self.answered(intake)?;
                    if !self.unheard.is_empty() {
                        gathered.get_or_insert(Instant::now() + GATHER);
                    }
                }
                Heard::Done(done) => done?,
                Heard::Changed => {
                    gathered = Some(Instant::now() + GATHER);
                    self.unprepared = self.ends.stay;
                }
                Heard::Gathered => {
                    gathered = None;
                    self.hear_changes().await?;
                }
                Heard::Waited => {
                    waited = None;
                    self.step(Event::Waited);
                }
                Heard::Look => {
                    next_look = Instant::now() + ARRIVAL_CHECK_INTERVAL;
                    work::prepare_outgoing(self.store, self.pace()).await?;
                    work::watch(self.store, self.ends, &self.exchange.tally).await?;
                    self.step(Event::Look);
                }
                Heard::Silence => {
                    let detail = "the other end was silent for a minute".into();
                    let bye = v1::Goodbye { reason: Farewell::Silence.into(), detail, retry_after: 0 };
                    let end = End::heard(&bye);
                    // Not waited for: a peer that does not read by now has had a minute to do so.
                    let _ = self.outgoing.try_send(v1::Frame { frame: Some(Frame::Goodbye(bye)) });
                    return Ok(self.report(end));
                }
            }
        }
    }

    async fn act(&mut self, action: Action) -> Result<()> {
        let (store, peer) = (self.store, self.peer);
        match action {
            Action::Send(frame) => self.outbox.push_back(frame),
            Action::Read { feed, from } => {
                let (segments, head) = store.look(move |conn| work::segments(conn, &feed, from)).await?;
                self.step(Event::Read { feed, segments, head });
            }
            Action::Take(batch) => self.batches.push(batch),
            Action::Keep(receipts) => {
                self.unkept.extend(receipts);
                while self.unkept.len() > MOST_UNKEPT && self.begin_chore() {
                    done(&mut self.chore).await?;
                }
            }
            Action::Behind { feed, says } => {
                let looked = store.write(move |ledger| ledger.fell_behind(&feed, says, peer)).await;
                work::of_one_feed(feed, looked)?;
            }
            Action::Forked { feed, head, asked } => {
                let wanted = store.write(move |ledger| ledger.heard_of_fork(&feed, &head, peer, asked)).await;
                self.step(Event::Forked { wanted: work::of_one_feed(feed, wanted)? });
            }
            Action::Suspect { feed } => {
                let wanted = store.write(move |ledger| ledger.suspect(&feed)).await;
                self.step(Event::Forked { wanted: work::of_one_feed(feed, wanted)? });
            }
            Action::Settle { feed } => {
                let wanted = store.write(move |ledger| ledger.settle_on(&feed)).await;
                self.step(Event::Forked { wanted: work::of_one_feed(feed, wanted)? });
            }
            Action::Wait { .. } | Action::End(_) => {}
        }
        Ok(())
    }

    /// Begins the next thing to do beside the conversation, where none is under way. True while one is.
    fn begin_chore(&mut self) -> bool {
        if self.chore.is_none() {
            let (store, peer, pace) = (self.store.clone(), self.peer, self.pace());
            if !self.unkept.is_empty() {
                let receipts = std::mem::take(&mut self.unkept);
                self.chore = Some(Box::pin(async move { work::keep(&store, receipts, peer).await }));
            } else if std::mem::take(&mut self.unprepared) {
                self.chore = Some(Box::pin(async move { work::prepare_outgoing(&store, pace).await }));
            }
        }
        self.chore.is_some()
    }

    /// Gives the writer as many batches as are this session's turn.
    async fn hand_in(&mut self) -> Result<()> {
        while let Some((batch, length)) = self.batches.next(self.exchange.frontier()) {
            let (feed, end) = (batch.feed, batch.first.saturating_add(batch.count));
            let refused = Arc::clone(&self.refused);
            // A peer that has used up its allowance gets no work done for it.
            let wanted = !self.over && work::worth_opening(&batch, self.exchange.frontier(), &refused);
            let opened = if wanted { work::open(self.store, batch.clone()).await } else { None };
            let take = move |ledger: &mut Ledger| work::take_in(ledger, &batch, opened.map(Aside::done), &refused);
            let submitted = self.store.submit(length, take).await?;
            self.batches.handed_in(Taking { feed, end, length, answer: Box::pin(submitted.answer()) });
        }
        Ok(())
    }

    fn answered(&mut self, intake: Result<Intake>) -> Result<()> {
        let Some(Taking { feed, end, .. }) = self.batches.answered() else { return Ok(()) };
        let intake = work::refused_alone(feed, intake, &self.refused)?;
        self.over = matches!(intake, Intake::Later { .. });
        self.step(Event::Taken { feed, end, intake });
        Ok(())
    }

    /// Something was committed, here or elsewhere.
    async fn hear_changes(&mut self) -> Result<()> {
        let mut changed = self.changes.take();
        // What they hold of batches that are under way came from there, and is not to be sent back: these feeds are looked at
        // once those are answered.
        let under_way = self.batches.under_way();
        let unheard = std::mem::take(&mut self.unheard);
        if let Changed::Feeds(feeds) = &mut changed {
            feeds.extend(unheard);
            self.unheard = feeds.intersection(&under_way).copied().collect();
            feeds.retain(|feed| !under_way.contains(feed));
        }
        if changed.is_empty() {
            return Ok(());
        }
        // Some of it may have been written since packing began.
        self.unprepared = self.ends.stay;
        if !self.ends.stay {
            // What it writes is heard in the next turn, and so is what others write meanwhile.
            work::prepare_outgoing(self.store, self.pace()).await?;
        }
        let (me, peer) = (self.ends.me.union, self.ends.peer);
        let delta = match changed {
            Changed::Feeds(feeds) => self.store.look(move |conn| Frontier::delta(conn, me, peer, &feeds)).await?,
            Changed::All => {
                let known: BTreeSet<FeedId> = self.exchange.feeds().collect();
                let mut whole = self.store.look(move |conn| Frontier::whole(conn, me, peer, &known)).await?;
                whole.retain(|feed, _| !under_way.contains(feed));
                self.unheard = under_way;
                whole
            }
        };
        let before = self.exchange.changes();
        self.step(Event::Changed(delta));
        self.noted &= self.exchange.changes() == before;
        Ok(())
    }

    /// Both have the same, and the other end has been told all there is to tell.
    fn even(&self) -> bool {
        let done = self.chore.is_none() && self.unkept.is_empty() && !self.unprepared;
        let heard = self.outbox.is_empty() && !self.batches.is_waiting() && self.unheard.is_empty();
        self.exchange.settled() && heard && done
    }

    /// Says what is left to say, and sees to it that the other end hears it: who called reads on until the other end
    /// closes the line, and only then lets go of it.
    async fn close(mut self, end: End) -> Report {
        let said = self.outbox.iter().any(|frame| matches!(frame, Frame::Goodbye(_)));
        let last = Instant::now() + LAST_WORDS;
        while let Some(frame) = self.outbox.pop_front() {
            let sent = tokio::time::timeout_at(last, self.outgoing.send(v1::Frame { frame: Some(frame) })).await;
            if !matches!(sent, Ok(Ok(()))) {
                break;
            }
        }
        let report = self.report(end);
        let Session { mut incoming, outgoing, ends, .. } = self;
        drop(outgoing);
        if said && ends.calls {
            while let Ok(Some(Ok(_))) = tokio::time::timeout_at(last, incoming.next()).await {}
        }
        report
    }

    /// The goodbye among the frames that were still on their way when the other end hung up.
    async fn last_words(&mut self) -> End {
        let last = Instant::now() + LAST_WORDS;
        for _ in 0..LAST_FRAMES {
            match tokio::time::timeout_at(last, self.incoming.next()).await {
                Ok(Some(Ok(v1::Frame { frame: Some(Frame::Goodbye(bye)) }))) => return End::heard(&bye),
                Ok(Some(Ok(_))) => {}
                _ => break,
            }
        }
        line("the line was cut")
    }

    fn report(&self, end: End) -> Report {
        if self.exchange.is_open() {
            let (me, peer) = (self.ends.me.union, self.ends.peer);
            // What is remembered from before is good as well, and has not heard of anything since.
            if self.unheard.is_empty() {
                kept::leave(self.store, me, peer, self.exchange.frontier(), &self.changes);
            }
            if !self.ends.calls {
                self.store.kept().tell(self.ends.peer_device, self.exchange.told());
            }
        }
        Report { even: end == End::Done || self.even(), end, tally: self.exchange.tally.clone() }
    }
}

/// Waits until what is done beside the conversation is done; may be dropped and called again.
async fn done(chore: &mut Option<Chore>) -> Result<()> {
    let Some(doing) = chore else { return std::future::pending().await };
    let done = doing.await;
    *chore = None;
    done
}

fn line(detail: &str) -> End {
    End::Broken { cause: Cause::Line, detail: shown::said(detail), retry_after: 0 }
}
