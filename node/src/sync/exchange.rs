//! The conversation between a union and the union above it. Decides; does nothing itself.
//!
//! `step` takes what happened and says what to do next. Disk, network and clock are the caller's. The same machine runs
//! on both ends; which end is which matters only for who says goodbye and who is owed receipts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use huiliu_proto::{
    id::{DeviceId, FeedId, Hash},
    shown,
    signed::Receipt,
    union::UnionNumber,
    v1::{self, frame::Frame},
};
use prost::Message as _;

use super::frontier::{Frontier, State};
use crate::{
    ledger::{Incoming, Intake},
    store::{evidence::Neighbour, feeds::SegmentRow},
};

pub const PROTOCOL: u32 = 1;
/// Bytes of a signed message, or of its signature.
const MOST_SIGNED: usize = 512;
/// Feeds of which one end refuses batches, and still goes on.
const MOST_REFUSED: usize = 64;
/// The goodbye after which the caller calls again at once.
pub const AGAIN: &str = "again";
/// Batches that may be under way unacknowledged.
const WINDOW: usize = 8;
/// Most groups, states or receipts in one frame: each is under 256 bytes, a frame under 1 MiB.
const PAGE: usize = 4096;

/// Who speaks at one end.
#[derive(Debug, Clone)]
pub struct Speaker {
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
    Frontier(Box<Frontier>),
    /// Segments that were asked for with `Action::Read`.
    Read { feed: FeedId, segments: Vec<SegmentRow>, head: Option<v1::Signed> },
    /// A batch that was given with `Action::Take` was dealt with.
    Taken { feed: FeedId, intake: Intake },
    /// Whether the head of `Action::Forked` shows another history, which is wanted from its beginning.
    Forked { wanted: bool },
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
    /// The conversation is over.
    End(End),
}

/// How a conversation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Both have the same.
    Done,
    /// The other end, or this one, had a reason to stop.
    Broken { word: String, detail: String, retry_after: u32 },
}

impl End {
    /// What the other end said of it, as it may be kept and shown.
    pub fn heard(bye: &v1::Goodbye) -> End {
        End::Broken { word: shown::said(&bye.reason), detail: shown::said(&bye.detail), retry_after: bye.retry_after }
    }
}

/// What an exchange did, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub sent: u64,
    pub received: u64,
    /// Feeds one end would not take, with the reason.
    pub refused: BTreeMap<FeedId, String>,
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
#[derive(Debug, Clone, Copy, Default)]
struct Theirs {
    size: u64,
    time: i64,
    root: Option<Hash>,
    /// Sent so far, acknowledged or not.
    sent: u64,
    sent_time: i64,
    reading: bool,
    /// Not spoken of again in this exchange.
    left: bool,
}

pub struct Exchange {
    me: Speaker,
    peer: Neighbour,
    calls: bool,
    stay: bool,
    phase: Phase,
    frontier: Frontier,
    later: Option<Box<Frontier>>,
    theirs: BTreeMap<FeedId, Theirs>,
    /// What they said they have more of than we.
    expected: BTreeMap<FeedId, u64>,
    /// What was asked for from its beginning.
    wanted: BTreeSet<FeedId>,
    differing: BTreeSet<u64>,
    ready: VecDeque<(FeedId, SegmentRow)>,
    unacknowledged: VecDeque<FeedId>,
    taking: usize,
    /// Heads of other histories that are being looked at.
    asking: usize,
    /// How far the feeds of which something was taken are here now.
    taken: BTreeMap<FeedId, u64>,
    receipts_sent: BTreeMap<(FeedId, UnionNumber), u64>,
    /// Receipts that came before what they are for.
    kept: Vec<v1::Signed>,
    /// The end above: the caller's receipts are not all it could have.
    owe_receipts: bool,
    /// The caller: the end above has other receipts, and will send them.
    await_receipts: bool,
    pub tally: Tally,
}

impl Exchange {
    /// `calls` at the end that opened the stream, which is the lower one. Returns the machine and its first words.
    pub fn open(me: Speaker, peer: Neighbour, calls: bool, stay: bool, frontier: Frontier) -> (Exchange, Vec<Action>) {
        let hello = Frame::Hello(v1::Hello {
            oldest: PROTOCOL,
            newest: PROTOCOL,
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
            phase: Phase::Hello,
            frontier,
            later: None,
            theirs: BTreeMap::new(),
            expected: BTreeMap::new(),
            wanted: BTreeSet::new(),
            differing: BTreeSet::new(),
            ready: VecDeque::new(),
            unacknowledged: VecDeque::new(),
            taking: 0,
            asking: 0,
            taken: BTreeMap::new(),
            receipts_sent: BTreeMap::new(),
            kept: vec![],
            owe_receipts: false,
            await_receipts: false,
            tally: Tally::default(),
        };
        (machine, vec![Action::Send(hello)])
    }

    /// Both ends know what the other has, and nothing is under way.
    pub fn settled(&self) -> bool {
        self.phase == Phase::Open && self.quiet()
    }

    pub fn step(&mut self, event: Event) -> Vec<Action> {
        let mut actions = vec![];
        if self.phase == Phase::Ended {
            return actions;
        }
        match event {
            Event::Frame(frame) => self.hear(frame, &mut actions),
            Event::Frontier(frontier) if self.phase == Phase::Open => {
                self.frontier = *frontier;
                self.offer(&mut actions);
            }
            // Until both ends know what the other has, what was said in the hello is what is talked about.
            Event::Frontier(frontier) => self.later = Some(frontier),
            Event::Read { feed, segments, head } => self.have_read(feed, segments, head, &mut actions),
            Event::Taken { feed, intake } => self.have_taken(feed, intake, &mut actions),
            Event::Forked { wanted } => {
                self.asking -= 1;
                if wanted {
                    self.again(&mut actions);
                }
            }
        }
        // A receipt may be for what is on its way here, and of a hub whose enrolment is.
        if !self.kept.is_empty() && self.expected.is_empty() && self.taking == 0 {
            actions.push(Action::Keep(std::mem::take(&mut self.kept)));
        }
        self.maybe_end(&mut actions);
        actions
    }

    fn hear(&mut self, frame: Frame, actions: &mut Vec<Action>) {
        match (self.phase, frame) {
            (_, Frame::Goodbye(bye)) if bye.reason == "done" => self.end(End::Done, actions),
            (_, Frame::Goodbye(bye)) => self.end(End::heard(&bye), actions),
            (Phase::Hello, Frame::Hello(hello)) => self.hear_hello(&hello, actions),
            (Phase::Groups, Frame::Groups(groups)) => self.hear_groups(&groups, actions),
            (Phase::States, Frame::States(states)) => self.hear_states(states, actions),
            // A faster peer may send what we could only judge once both sides' states are known.
            (_, Frame::Batch(batch)) if self.phase >= Phase::Groups => self.hear_batch(batch, actions),
            (Phase::Open, Frame::Ack(ack)) => self.hear_ack(ack, actions),
            (phase, Frame::Receipts(receipts)) if phase >= Phase::Groups && self.room_for(&receipts) => {
                self.await_receipts = false;
                self.kept.extend(receipts.receipts);
            }
            (phase, _) => self.fail("protocol", format!("an unexpected message in phase {phase:?}"), actions),
        }
    }

    /// Receipts come from above only; each is small, and there are as many as feeds and levels.
    fn room_for(&self, receipts: &v1::Receipts) -> bool {
        let small = |r: &v1::Signed| r.message.len() <= MOST_SIGNED && r.signature.len() <= MOST_SIGNED;
        self.calls
            && receipts.receipts.len() <= PAGE
            && self.kept.len() <= 4 * PAGE
            && receipts.receipts.iter().all(small)
    }

    fn hear_hello(&mut self, hello: &v1::Hello, actions: &mut Vec<Action>) {
        if hello.network != self.me.network {
            return self.fail("network", format!("this is the network {:?}", self.me.network), actions);
        }
        if hello.oldest > PROTOCOL || hello.newest < PROTOCOL {
            return self.fail("protocol", format!("this end speaks protocol {PROTOCOL} only"), actions);
        }
        if hello.union != u64::from(self.peer.union) {
            return self.fail("stranger", "the hello names another union than the certificate", actions);
        }
        let same_receipts = hello.receipts == self.frontier.receipts_digest().as_bytes();
        self.owe_receipts = !self.calls && !same_receipts;
        self.await_receipts = self.calls && !same_receipts;
        if same_receipts {
            let held = self.frontier.receipts.iter().map(|r| ((r.feed, r.union), r.size));
            self.receipts_sent = held.collect();
        }
        if hello.digest == self.frontier.digest().as_bytes() {
            self.assume_equal();
            self.open_up(actions);
            return;
        }
        let groups = self.frontier.groups();
        let groups = groups.into_iter().map(|(union, digest)| v1::Group { union, digest: digest.to_vec().into() });
        actions.push(Action::Send(Frame::Groups(v1::Groups { groups: groups.collect() })));
        self.phase = Phase::Groups;
    }

    /// The other end has exactly what we have.
    fn assume_equal(&mut self) {
        for state in self.frontier.states.values() {
            self.theirs.insert(state.feed, Theirs::at(state.size, state.time, Some(state.root)));
        }
    }

    fn hear_groups(&mut self, groups: &v1::Groups, actions: &mut Vec<Action>) {
        if groups.groups.len() > PAGE {
            return self.fail("bounds", "too many groups", actions);
        }
        let ours = self.frontier.groups();
        let theirs: BTreeMap<u64, &[u8]> = groups.groups.iter().map(|g| (g.union, &g.digest[..])).collect();
        for union in ours.keys().chain(theirs.keys()) {
            if ours.get(union).map(|d| &d[..]) != theirs.get(union).copied() {
                self.differing.insert(*union);
            }
        }
        let states: Vec<v1::State> = self
            .frontier
            .states
            .values()
            .filter(|s| self.differing.contains(&s.union.into()))
            .take(PAGE)
            .map(|s| match s.diverged {
                false => {
                    v1::State { feed: s.feed.to_vec().into(), size: s.size, root: s.root.to_vec().into(), time: s.time }
                }
                true => v1::State {
                    feed: s.feed.to_vec().into(),
                    root: Hash([0; Hash::LEN]).to_vec().into(),
                    ..v1::State::default()
                },
            })
            .collect();
        self.wanted = self.frontier.states.values().filter(|s| s.diverged).map(|s| s.feed).collect();
        let unions = self.differing.iter().copied().collect();
        actions.push(Action::Send(Frame::States(v1::States { unions, states })));
        self.phase = Phase::States;
    }

    fn hear_states(&mut self, states: v1::States, actions: &mut Vec<Action>) {
        if states.states.len() > PAGE || states.unions.len() > PAGE {
            return self.fail("bounds", "too many states", actions);
        }
        self.assume_equal();
        for state in self.frontier.states.values() {
            if states.unions.contains(&state.union.into()) {
                self.theirs.insert(state.feed, Theirs::default());
            }
        }
        for state in states.states {
            let (Ok(feed), Ok(root)) = (FeedId::try_from(&state.feed[..]), Hash::try_from(&state.root[..])) else {
                return self.fail("protocol", "a state names no feed", actions);
            };
            self.theirs.insert(feed, Theirs::at(state.size, state.time, Some(root)));
            let ours = self.frontier.states.get(&feed).map_or(0, |s| if s.diverged { 0 } else { s.size });
            if state.size > ours {
                self.expected.insert(feed, state.size);
            }
        }
        self.look_behind(actions);
        self.open_up(actions);
    }

    /// The end above must have what it has signed for, unless it asks for a feed from its beginning.
    fn look_behind(&self, actions: &mut Vec<Action>) {
        let signed = self.frontier.receipts.iter().filter(|r| self.calls && r.device == self.peer.device);
        for receipt in signed {
            let theirs = self.theirs.get(&receipt.feed).copied().unwrap_or_default();
            if theirs.size < receipt.size && theirs.root != Some(Hash([0; Hash::LEN])) {
                actions.push(Action::Behind { feed: receipt.feed, says: theirs.size });
                // One is enough to know by.
                return;
            }
        }
    }

    fn open_up(&mut self, actions: &mut Vec<Action>) {
        self.phase = Phase::Open;
        if let Some(later) = self.later.take() {
            self.frontier = *later;
        }
        self.offer(actions);
    }

    /// Asks for the segments of every feed of which the other end lacks something.
    fn offer(&mut self, actions: &mut Vec<Action>) {
        if self.phase != Phase::Open {
            return;
        }
        self.give_receipts(actions);
        let mut lacking: Vec<&State> = self
            .frontier
            .states
            .values()
            .filter(|state| {
                let theirs = self.theirs.get(&state.feed).copied().unwrap_or_default();
                let more = state.size > theirs.sent.max(theirs.size);
                let newer = state.size == theirs.size
                    && state.time > theirs.time.max(theirs.sent_time)
                    && theirs.sent <= theirs.size;
                // Other roots of equal sizes, or a shorter history that was settled on: the head alone is sent, and the
                // other end sees the fork.
                let level = state.size == theirs.size || (state.settled && state.size < theirs.size);
                let forked = level && theirs.root.is_some_and(|root| root != state.root);
                !theirs.reading && !theirs.left && (more || newer || forked)
            })
            .collect();
        // Enrolments before what they admit, from the top of the tree down.
        lacking.sort_by_key(|s| (!s.authority, s.union.level(), s.union, s.feed));
        let reads: Vec<(FeedId, u64)> = lacking
            .into_iter()
            .map(|s| {
                let theirs = self.theirs.get(&s.feed).copied().unwrap_or_default();
                (s.feed, theirs.sent.max(theirs.size).min(s.size))
            })
            .collect();
        for (feed, from) in reads {
            let theirs = self.theirs.entry(feed).or_default();
            theirs.reading = true;
            // Held against ours now; a fork is spoken of once.
            if theirs.size >= from {
                theirs.root = None;
            }
            actions.push(Action::Read { feed, from });
        }
        self.send_ready(actions);
    }

    fn have_read(
        &mut self,
        feed: FeedId,
        segments: Vec<SegmentRow>,
        head: Option<v1::Signed>,
        actions: &mut Vec<Action>,
    ) {
        let size = self.frontier.states.get(&feed).map_or(0, |s| s.size);
        let time = self.frontier.states.get(&feed).map_or(0, |s| s.time);
        let theirs = self.theirs.entry(feed).or_default();
        theirs.reading = false;
        if let Some(last) = segments.last() {
            theirs.sent = last.first + last.count;
        } else if let Some(head) = head {
            // Nothing new but the head itself.
            theirs.sent = theirs.sent.max(theirs.size);
            theirs.sent_time = time;
            let first = theirs.sent.min(size);
            self.ready.push_back((feed, SegmentRow { first, count: 0, head, bytes: vec![] }));
        } else {
            // It was cut off here meanwhile: there is nothing to send, until it is offered anew.
            theirs.sent = theirs.sent.max(size);
        }
        self.ready.extend(segments.into_iter().map(|segment| (feed, segment)));
        self.send_ready(actions);
    }

    fn send_ready(&mut self, actions: &mut Vec<Action>) {
        while self.unacknowledged.len() < WINDOW
            && let Some((feed, segment)) = self.ready.pop_front()
        {
            let header = self.frontier.states.get(&feed).map(|s| s.header.clone());
            let known = self.theirs.get(&feed).is_some_and(|t| t.size > 0);
            self.unacknowledged.push_back(feed);
            self.tally.sent += segment.count;
            actions.push(Action::Send(Frame::Batch(v1::Batch {
                feed: feed.to_vec().into(),
                header: if known { Bytes::new() } else { header.unwrap_or_default() },
                first: segment.first,
                count: segment.count as u32,
                segment: segment.bytes.into(),
                head: Some(segment.head),
                settled: self.frontier.states.get(&feed).is_some_and(|s| s.settled),
            })));
        }
        // Keep the disk one step ahead of the line, and no more.
        if self.ready.is_empty() && self.unacknowledged.len() < WINDOW && self.phase == Phase::Open {
            let more = self.frontier.states.values().find(|s| {
                self.theirs
                    .get(&s.feed)
                    .is_some_and(|t| !t.reading && !t.left && t.sent > 0 && s.size > t.sent.max(t.size))
            });
            if let Some(state) = more {
                let feed = state.feed;
                let theirs = self.theirs.entry(feed).or_default();
                theirs.reading = true;
                actions.push(Action::Read { feed, from: theirs.sent.max(theirs.size) });
            }
        }
    }

    fn hear_batch(&mut self, batch: v1::Batch, actions: &mut Vec<Action>) {
        let Ok(feed) = FeedId::try_from(&batch.feed[..]) else {
            return self.fail("protocol", "a batch names no feed", actions);
        };
        let Some(head) = batch.head else {
            return self.fail("protocol", "a batch has no head", actions);
        };
        if self.taking >= WINDOW {
            return self.fail("bounds", "too many batches under way", actions);
        }
        self.taking += 1;
        // Whoever sends a head has it.
        let time = v1::TreeHead::decode(head.message.clone()).map_or(0, |head| head.time);
        let theirs = self.theirs.entry(feed).or_default();
        theirs.sent_time = theirs.sent_time.max(time);
        actions.push(Action::Take(Incoming {
            feed,
            header: batch.header,
            first: batch.first,
            count: u64::from(batch.count),
            segment: batch.segment,
            head,
            from: Some(self.peer),
            settled: batch.settled,
        }));
    }

    fn have_taken(&mut self, feed: FeedId, intake: Intake, actions: &mut Vec<Action>) {
        self.taking = self.taking.saturating_sub(1);
        let ack = match intake {
            Intake::Taken { size, receipt } => {
                let here = self.frontier.states.get(&feed).map_or(0, |s| s.size);
                let before = self.taken.insert(feed, size).unwrap_or(0).max(here);
                self.tally.received += size.saturating_sub(before);
                // What came from there need not be sent back.
                let theirs = self.theirs.entry(feed).or_default();
                theirs.size = theirs.size.max(size);
                theirs.sent = theirs.sent.max(size);
                theirs.root = None;
                if self.expected.get(&feed).is_some_and(|expected| size >= *expected) {
                    self.expected.remove(&feed);
                    if self.wanted.contains(&feed) && !self.calls {
                        self.asking += 1;
                        actions.push(Action::Settle { feed });
                    }
                }
                v1::Ack {
                    feed: feed.to_vec().into(),
                    size,
                    receipt: receipt.as_ref().map(|r| r.signed.clone()),
                    ..Default::default()
                }
            }
            Intake::Refused { word, detail, head } => {
                self.expected.remove(&feed);
                self.tally.refused.insert(feed, detail.clone());
                if self.tally.refused.len() > MOST_REFUSED {
                    return self.fail("bounds", "too many feeds are refused", actions);
                }
                let head = head.map(|head| *head);
                // The device above has yet to look at what is remembered here of its feed: it will ask for all of that.
                self.asking += usize::from(self.calls && head.is_some());
                v1::Ack { feed: feed.to_vec().into(), refused: word.into(), detail, head, ..Default::default() }
            }
            Intake::Again => return self.again(actions),
        };
        actions.push(Action::Send(Frame::Ack(ack)));
    }

    fn hear_ack(&mut self, ack: v1::Ack, actions: &mut Vec<Action>) {
        let Ok(feed) = FeedId::try_from(&ack.feed[..]) else {
            return self.fail("protocol", "an acknowledgement names no feed", actions);
        };
        let Some(at) = self.unacknowledged.iter().position(|f| *f == feed) else {
            return self.fail("protocol", "an acknowledgement of nothing", actions);
        };
        self.unacknowledged.remove(at);
        let theirs = self.theirs.entry(feed).or_default();
        if ack.refused.is_empty() {
            theirs.size = theirs.size.max(ack.size);
            theirs.time = theirs.time.max(theirs.sent_time);
            theirs.root = None;
            if let Some(receipt) = ack.receipt {
                actions.push(Action::Keep(vec![receipt]));
            }
        } else {
            theirs.left = true;
            if let Some(head) = ack.head {
                self.asking += 1;
                actions.push(Action::Forked { feed, head });
            }
            self.ready.retain(|(f, _)| *f != feed);
            // What parted is being put together in this exchange: that the other end does not take it is no news.
            if !self.wanted.contains(&feed) {
                self.tally.refused.insert(feed, format!("{}: {}", shown::said(&ack.refused), shown::said(&ack.detail)));
            }
        }
        self.send_ready(actions);
        self.offer(actions);
    }

    /// The end above tells what it and the levels above it have signed for.
    fn give_receipts(&mut self, actions: &mut Vec<Action>) {
        if self.calls || self.phase != Phase::Open {
            return;
        }
        let fresh: Vec<&Receipt> = self
            .frontier
            .receipts
            .iter()
            .filter(|r| self.receipts_sent.get(&(r.feed, r.union)).is_none_or(|size| *size < r.size))
            .collect();
        let signed: Vec<v1::Signed> = fresh.iter().map(|r| r.signed.clone()).collect();
        for receipt in fresh {
            self.receipts_sent.insert((receipt.feed, receipt.union), receipt.size);
        }
        // A caller that waits for them is answered even where there is nothing to tell.
        let pages =
            signed.chunks(PAGE).map(<[_]>::to_vec).chain((self.owe_receipts && signed.is_empty()).then(Vec::new));
        for receipts in pages {
            actions.push(Action::Send(Frame::Receipts(v1::Receipts { receipts })));
        }
        self.owe_receipts = false;
    }

    fn quiet(&self) -> bool {
        let reading = self.theirs.values().any(|t| t.reading);
        self.ready.is_empty()
            && self.unacknowledged.is_empty()
            && self.taking == 0
            && self.asking == 0
            && self.expected.is_empty()
            && !self.await_receipts
            && !reading
    }

    /// The caller that does not mean to stay says goodbye once both have the same.
    fn maybe_end(&mut self, actions: &mut Vec<Action>) {
        if self.calls && !self.stay && self.settled() {
            let bye = v1::Goodbye { reason: "done".into(), ..Default::default() };
            actions.push(Action::Send(Frame::Goodbye(bye)));
            self.end(End::Done, actions);
        }
    }

    /// Two histories of a feed are about: it is wanted from its beginning, which takes another conversation.
    fn again(&mut self, actions: &mut Vec<Action>) {
        self.fail(AGAIN, "a feed is wanted from its beginning", actions);
    }

    fn fail(&mut self, word: &str, detail: impl Into<String>, actions: &mut Vec<Action>) {
        let detail = detail.into();
        let bye = v1::Goodbye { reason: word.into(), detail: detail.clone(), retry_after: 0 };
        actions.push(Action::Send(Frame::Goodbye(bye)));
        self.end(End::Broken { word: word.into(), detail, retry_after: 0 }, actions);
    }

    fn end(&mut self, end: End, actions: &mut Vec<Action>) {
        self.phase = Phase::Ended;
        actions.push(Action::End(end));
    }
}

impl Theirs {
    fn at(size: u64, time: i64, root: Option<Hash>) -> Theirs {
        Theirs { size, time, root, sent: size, ..Theirs::default() }
    }
}
