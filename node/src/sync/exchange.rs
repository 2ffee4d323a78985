//! The conversation between a union and the union above it. Decides; does nothing itself.
//!
//! `step` takes what happened and says what to do next. Disk, network and clock are the caller's. The same machine runs
//! on both ends; which end is which matters only for who says goodbye and who is owed receipts. In reading order: the
//! events and actions here, `opening` (until both know what the other has), `offering` (what the other end lacks),
//! `taking` (what arrives), `telling` (receipts).

mod offering;
mod opening;
mod taking;
mod telling;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    ops::RangeInclusive,
};

use huiliu_proto::{
    id::{DeviceId, FeedId, Hash},
    shown,
    union::UnionNumber,
    v1::{self, Farewell, Refusal, frame::Frame},
};

use self::opening::{Lists, MOST_PAGES};
use crate::{
    ledger::{Incoming, Intake},
    store::{
        evidence::Peer,
        feeds::SegmentRow,
        frontier::{Delta, Frontier, Order},
    },
    writer::kept::Told,
};

/// The protocols that this version speaks: see sync.proto.
pub const SPEAKS: RangeInclusive<u32> = 2..=2;
/// Feeds that two ends talk about while a line stands: as many again as lists at its beginning may name.
const MOST_FEEDS: usize = 2 * MOST_PAGES * PAGE;
/// Feeds of which one end refuses batches, and still goes on.
const MOST_REFUSED: usize = 64;
/// Batches that may be under way unacknowledged.
const WINDOW: usize = 8;
/// What is more than `SHORT_BATCH` leaves places in that window free for what is not.
const RESERVED: usize = 1;
/// So few operations do not wait behind long batches of other feeds.
pub const SHORT_BATCH: u64 = 64;
/// The largest number of groups, states or receipts in one frame: each is under 256 bytes, a frame under 1 MiB.
const PAGE: usize = 4096;
/// The longest pause that a peer may ask for, in seconds.
pub const LONGEST_PAUSE: u32 = 86_400;
/// For how long, at most, a feed that is over its allowance is not offered while the line holds.
const LONGEST_WAIT: u32 = 3_600;

/// Who speaks at one end.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub network: String,
    pub union: UnionNumber,
    pub device: DeviceId,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A frame came off the wire.
    Frame(Frame),
    /// What this end has has changed.
    Changed(Delta),
    /// Segments that were asked for with `Action::Read`.
    Read { feed: FeedId, segments: Vec<SegmentRow>, head: Option<v1::Signed> },
    /// A batch that was given with `Action::Take` was dealt with; it ended before operation `end`.
    Taken { feed: FeedId, end: u64, intake: Intake },
    /// Whether the head of `Action::Forked` shows another history, which is wanted from its beginning.
    Forked { wanted: bool },
    /// The time of `Action::Wait` is over.
    Waited,
    /// The connection has been idle for a while: feeds that were refused for lack of room may fit now.
    Look,
}

/// What to do.
#[derive(Debug)]
pub enum Action {
    Send(Frame),
    /// Read a feed's segments from this operation on, and its latest head.
    Read {
        feed: FeedId,
        from: u64,
    },
    /// Store a batch and say with `Event::Taken` how that went.
    Take(Incoming),
    Keep(Vec<v1::Signed>),
    /// The other end holds another history of this feed, with this head: say with `Event::Forked` if that is so.
    Forked {
        feed: FeedId,
        head: v1::Signed,
        /// This conversation began with asking for it from its beginning.
        asked: bool,
    },
    /// The other end says that a batch of this feed is not what was signed: say with `Event::Forked` if what is stored of it
    /// here is altered, and it is wanted from its beginning.
    Suspect {
        feed: FeedId,
    },
    /// The end above says it has less of a feed than it has signed for.
    Behind {
        feed: FeedId,
        says: u64,
    },
    /// All the other end has of this feed, which was asked for from its beginning, has been dealt with: say with
    /// `Event::Forked` if the other end is to be told which history stays.
    Settle {
        feed: FeedId,
    },
    /// Say `Event::Waited` after so many seconds: feeds the other end would not take yet are offered again then.
    Wait {
        seconds: u32,
    },
    /// The exchange is over.
    End(End),
}

/// Why an exchange broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// One of the two ends had this reason.
    Farewell(Farewell),
    /// The line was cut.
    Line,
}

impl Cause {
    pub fn word(self) -> &'static str {
        match self {
            Cause::Farewell(reason) => reason.word(),
            Cause::Line => "line",
        }
    }
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Both have the same.
    Done,
    /// The other end, or this one, had a reason to stop.
    Broken { cause: Cause, detail: String, retry_after: u32 },
}

impl End {
    /// The caller calls again at once.
    pub fn is_again(&self) -> bool {
        matches!(self, End::Broken { cause: Cause::Farewell(Farewell::Again), .. })
    }

    /// What a goodbye says, as it may be kept and shown.
    pub fn heard(goodbye: &v1::Goodbye) -> End {
        match goodbye.reason() {
            Farewell::Done => End::Done,
            reason => End::Broken {
                cause: Cause::Farewell(reason),
                detail: shown::said(&goodbye.detail),
                retry_after: goodbye.retry_after.min(LONGEST_PAUSE),
            },
        }
    }
}

/// What an exchange did, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub sent: u64,
    pub received: u64,
    /// Feeds of which one end would not take a batch.
    pub refused: BTreeMap<FeedId, Refused>,
}

/// Why one end would not take a batch: the first reason it had for that feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub reason: Refusal,
    /// In English, of the end that refused; fit to be shown.
    pub detail: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.word(), self.detail)
    }
}

#[derive(Debug, PartialEq, Eq, Clone, Copy, PartialOrd, Ord)]
enum Phase {
    /// Waiting for the other's hello.
    Hello,
    Groups,
    States,
    /// Both know what the other has.
    Open,
    Ended,
}

/// What the other end has of one feed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Theirs {
    size: u64,
    time: i64,
    root: Option<Hash>,
    /// It is wanted there from its beginning.
    wanted: bool,
    /// Sent so far, acknowledged or not.
    sent: u64,
    sent_time: i64,
    reading: bool,
    /// Not spoken of again in this exchange.
    left: bool,
    /// Over an allowance there: not spoken of for a while.
    later: bool,
}

#[derive(Debug, Clone)]
pub struct Exchange {
    me: Endpoint,
    peer: Peer,
    calls: bool,
    stay: bool,
    speaks: RangeInclusive<u32>,
    /// The protocol that both speak.
    protocol: u32,
    phase: Phase,
    opened: bool,
    frontier: Frontier,
    /// What changed here before both knew what the other has.
    changed: Delta,
    /// The lists of the other end, as far as their pages have come.
    lists: Lists,
    theirs: BTreeMap<FeedId, Theirs>,
    /// What they said they have more of than we.
    expected: BTreeMap<FeedId, u64>,
    /// What was asked for from its beginning.
    wanted: BTreeSet<FeedId>,
    /// Feeds of which the other end may lack something, in the order in which they are sent.
    lacking: BTreeSet<Order>,
    /// Those of them that have changed since both ends knew what the other has, and of which it lacks few operations.
    lacking_few: BTreeSet<Order>,
    reading: usize,
    /// What is read goes into `ready_few`.
    reading_few: bool,
    ready: VecDeque<(FeedId, SegmentRow)>,
    /// Sent before `ready`, in turns with it.
    ready_few: VecDeque<(FeedId, SegmentRow)>,
    /// The last that was sent was of `ready_few`.
    sent_few: bool,
    ready_bytes: usize,
    unacknowledged: VecDeque<FeedId>,
    taking: usize,
    /// Heads of other histories that are being looked at.
    asking: usize,
    /// How far the feeds of which something was taken are here now.
    taken: BTreeMap<FeedId, u64>,
    /// Feeds that the other end will take later only.
    later: BTreeSet<FeedId>,
    /// Feeds that the other end refused for lack of room, the one offered longest ago first.
    roomless: VecDeque<FeedId>,
    /// A wait for those is under way.
    waiting: bool,
    /// A history that this exchange was about was cut off here.
    cut: bool,
    /// The longest time after which one end takes more of what it would not take now.
    postponed: u32,
    /// The receipts that the caller was told, also those that went with acknowledgements.
    receipts_sent: BTreeMap<(FeedId, u64), u64>,
    /// What the caller was told in conversations before.
    before: Told,
    untold: BTreeSet<(FeedId, u64)>,
    /// Receipts that came before what they are for.
    kept: Vec<v1::Signed>,
    /// The end above: the caller waits for the last page, be it empty.
    owe_receipts: bool,
    /// The caller: the end above has other receipts, and will send them.
    await_receipts: bool,
    /// How often a feed of this exchange has changed here.
    changes: u64,
    /// Grows with every step that brings the exchange nearer to its end.
    progress: u64,
    pub tally: Tally,
}

impl Exchange {
    /// `calls`: this end opened the stream, so it is the lower one. Returns the state machine and its first actions.
    pub fn open(me: Endpoint, peer: Peer, calls: bool, stay: bool, frontier: Frontier) -> (Exchange, Vec<Action>) {
        Exchange::speaking(SPEAKS, me, peer, calls, stay, frontier)
    }

    /// The same of a version that speaks other protocols too.
    pub fn speaking(
        speaks: RangeInclusive<u32>,
        me: Endpoint,
        peer: Peer,
        calls: bool,
        stay: bool,
        frontier: Frontier,
    ) -> (Exchange, Vec<Action>) {
        let hello = Frame::Hello(v1::Hello {
            oldest: *speaks.start(),
            newest: *speaks.end(),
            network: me.network.clone(),
            union: me.union.into(),
            device: me.device.to_vec().into(),
            digest: frontier.digest().to_vec().into(),
            stay,
            receipts: frontier.receipts_digest().to_vec().into(),
        });
        let machine = Exchange {
            me,
            peer,
            calls,
            stay,
            speaks,
            protocol: 0,
            phase: Phase::Hello,
            opened: false,
            frontier,
            changed: Delta::new(),
            lists: Lists::default(),
            theirs: BTreeMap::new(),
            expected: BTreeMap::new(),
            wanted: BTreeSet::new(),
            lacking: BTreeSet::new(),
            lacking_few: BTreeSet::new(),
            reading: 0,
            reading_few: false,
            ready: VecDeque::new(),
            ready_few: VecDeque::new(),
            sent_few: false,
            ready_bytes: 0,
            unacknowledged: VecDeque::new(),
            taking: 0,
            asking: 0,
            taken: BTreeMap::new(),
            later: BTreeSet::new(),
            roomless: VecDeque::new(),
            waiting: false,
            cut: false,
            postponed: 0,
            receipts_sent: BTreeMap::new(),
            before: Told::default(),
            untold: BTreeSet::new(),
            kept: vec![],
            owe_receipts: false,
            await_receipts: false,
            changes: 0,
            progress: 0,
            tally: Tally::default(),
        };
        (machine, vec![Action::Send(hello)])
    }

    /// The protocol that is spoken; 0 before the other's hello.
    pub fn protocol(&self) -> u32 {
        self.protocol
    }

    /// Both ends know what the other has, and nothing is under way or put off.
    pub fn settled(&self) -> bool {
        self.phase == Phase::Open && self.quiet() && self.later.is_empty()
    }

    /// The other end owes this one an answer, or what it said it has.
    pub fn awaits(&self) -> bool {
        self.phase < Phase::Open || !self.unacknowledged.is_empty() || !self.expected.is_empty() || self.await_receipts
    }

    /// Both ends have known what the other has.
    pub fn is_open(&self) -> bool {
        self.opened
    }

    /// What is here, as far as it was heard.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// The feeds that are talked about.
    pub fn feeds(&self) -> impl Iterator<Item = FeedId> {
        self.frontier.states.keys().copied()
    }

    /// A number that moves whenever something that is talked about has changed here.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// A number that moves whenever the other end has said something that brings the conversation nearer to its end.
    pub fn progress(&self) -> u64 {
        self.progress
    }

    pub fn step(&mut self, event: Event) -> Vec<Action> {
        let mut actions = vec![];
        if self.phase == Phase::Ended {
            // What is here is remembered for the next conversation.
            if let Event::Changed(mut delta) = event {
                self.frontier.apply(&mut delta);
            }
            return actions;
        }
        match event {
            Event::Frame(frame) => self.hear(frame, &mut actions),
            Event::Changed(delta) if self.phase == Phase::Open => self.change(delta),
            // Until both ends know what the other has, the exchange is about what was said in the hello.
            Event::Changed(delta) => self.changed.extend(delta),
            Event::Read { feed, segments, head } => self.have_read(feed, segments, head),
            Event::Taken { feed, end, intake } => self.have_taken(feed, end, intake, &mut actions),
            Event::Forked { wanted } => {
                self.asking = self.asking.saturating_sub(1);
                if wanted {
                    self.again(&mut actions);
                }
            }
            Event::Waited => self.offer_again(),
            Event::Look => self.ask_for_room(),
        }
        if std::mem::take(&mut self.cut) && self.phase == Phase::Open {
            self.again(&mut actions);
        }
        self.offer(&mut actions);
        self.tell_receipts(&mut actions);
        self.keep(&mut actions);
        self.maybe_end(&mut actions);
        actions
    }

    fn hear(&mut self, frame: Frame, actions: &mut Vec<Action>) {
        match (self.phase, frame) {
            (_, Frame::Goodbye(bye)) => self.end(End::heard(&bye), actions),
            (Phase::Hello, Frame::Hello(hello)) => self.hear_hello(&hello, actions),
            (Phase::Groups, Frame::Groups(groups)) => self.hear_groups(groups, actions),
            (Phase::States, Frame::States(states)) => self.hear_states(states, actions),
            // A faster peer may send what can only be judged once the states of both ends are known.
            (phase, Frame::Batch(batch)) if phase >= Phase::Groups => self.hear_batch(batch, actions),
            (Phase::Open, Frame::Ack(ack)) => self.hear_ack(ack, actions),
            (phase, Frame::Receipts(receipts)) if phase >= Phase::Groups && self.calls => {
                self.hear_receipts(receipts, actions);
            }
            (phase, _) => {
                self.fail(Farewell::Protocol, format!("an unexpected message in phase {phase:?}"), actions);
            }
        }
    }

    /// Something here has changed. If a feed was cut off, the two ends know each other's state of a history that is gone, so
    /// a new exchange has to begin.
    fn change(&mut self, mut delta: Delta) {
        self.cut |= self.frontier.cut_in(&delta);
        self.frontier.apply(&mut delta);
        self.changes += u64::from(!delta.is_empty());
        for (feed, now) in delta {
            let Some((state, receipts)) = now else { continue };
            self.lacking.insert(state.order());
            let theirs = self.theirs.get(&feed).map_or(0, |theirs| theirs.sent.max(theirs.size));
            if state.size.saturating_sub(theirs) <= SHORT_BATCH {
                self.lacking_few.insert(state.order());
            }
            self.untold_of(feed, &receipts);
        }
    }

    fn quiet(&self) -> bool {
        self.lacking.is_empty()
            && self.reading == 0
            && self.ready.is_empty()
            && self.ready_few.is_empty()
            && self.unacknowledged.is_empty()
            && self.taking == 0
            && self.asking == 0
            && self.expected.is_empty()
            && self.untold.is_empty()
            && !self.owe_receipts
            && !self.await_receipts
    }

    /// A caller that does not stay says goodbye once both ends have the same.
    fn maybe_end(&mut self, actions: &mut Vec<Action>) {
        if !self.calls || self.stay || self.phase != Phase::Open || !self.quiet() {
            return;
        }
        if self.postponed > 0 {
            let detail = "the rest is over what may be sent at once; what was acknowledged is kept";
            return self.fail_for(Farewell::Later, detail, self.postponed, actions);
        }
        let bye = v1::Goodbye { reason: Farewell::Done.into(), ..Default::default() };
        actions.push(Action::Send(Frame::Goodbye(bye)));
        self.end(End::Done, actions);
    }

    /// A feed has forked: it is wanted from its beginning, which takes another exchange.
    fn again(&mut self, actions: &mut Vec<Action>) {
        self.fail(Farewell::Again, "a feed is wanted from its beginning", actions);
    }

    fn fail(&mut self, reason: Farewell, detail: impl Into<String>, actions: &mut Vec<Action>) {
        self.fail_for(reason, detail, 0, actions);
    }

    fn fail_for(&mut self, reason: Farewell, detail: impl Into<String>, retry_after: u32, actions: &mut Vec<Action>) {
        let bye = v1::Goodbye { reason: reason.into(), detail: detail.into(), retry_after };
        let end = End::heard(&bye);
        actions.push(Action::Send(Frame::Goodbye(bye)));
        self.end(end, actions);
    }

    fn end(&mut self, end: End, actions: &mut Vec<Action>) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Ended;
            actions.push(Action::End(end));
        }
    }
}

impl Theirs {
    fn at(size: u64, time: i64, root: Option<Hash>) -> Theirs {
        Theirs { size, time, root, sent: size, ..Theirs::default() }
    }
}
