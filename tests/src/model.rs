//! A model of machines that exchange: the real conversation (`Exchange::step`) at both ends, over a disk that is a few
//! lists of letters, and a wire that keeps its order. Everything that can happen next can be asked for, so that a model
//! checker can try all of it.
//!
//! The disk decides as the ledger does about batches, forks and what is settled (`intake.rs`, `fork.rs`), without
//! signatures, records and bytes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use huiliu_node::{
    ledger::{Incoming, Intake},
    store::{
        evidence::Peer,
        feeds::SegmentRow,
        frontier::{Delta, Frontier, State},
    },
    sync::exchange::{Action, End, Endpoint, Event, Exchange, SPEAKS},
};
use huiliu_proto::{
    feed::Turn,
    id::{DeviceId, FeedId, Hash},
    signed::Receipt,
    union::UnionNumber,
    v1::{self, Refusal, frame::Frame},
};
use prost::Message as _;

/// Letters that are read in one go.
const READ: usize = 4;

/// Operations, a letter each.
type Letters = Vec<u8>;

/// A feed on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelFeed {
    pub union: UnionNumber,
    pub device: DeviceId,
    pub letters: Letters,
    pub diverged: bool,
    pub settled: bool,
    /// Something was cut off here, or said again.
    strays: bool,
    /// Another history of it, as far as it was looked through.
    other: Option<Letters>,
}

/// What a machine has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Disk {
    pub union: UnionNumber,
    pub device: DeviceId,
    pub feeds: BTreeMap<FeedId, ModelFeed>,
    /// Sizes of the receipts held, by feed and union.
    pub receipts: BTreeMap<(FeedId, u64), u64>,
    /// Batches it takes before all others are over an allowance.
    pub allows: Option<u64>,
    /// There is no room for what is new.
    pub full: bool,
    hub: bool,
}

impl ModelFeed {
    /// Operations that were looked at: of another history too, which its device says again.
    pub fn looked_through(&self) -> u64 {
        self.letters.len().max(self.other.as_ref().map_or(0, Vec::len)) as u64
    }

    /// A machine's own, with this in it.
    pub fn of(disk: &Disk, letters: &[u8]) -> ModelFeed {
        ModelFeed {
            union: disk.union,
            device: disk.device,
            letters: letters.to_vec(),
            diverged: false,
            settled: false,
            strays: false,
            other: None,
        }
    }
}

fn root(letters: &[u8]) -> Hash {
    Hash::of(&[letters])
}

/// A head is its size and root, nothing signed.
fn head(feed: FeedId, letters: &[u8]) -> v1::Signed {
    let head = v1::TreeHead {
        feed: feed.to_vec().into(),
        size: letters.len() as u64,
        root: root(letters).to_vec().into(),
        ..Default::default()
    };
    v1::Signed { message: head.encode_to_vec().into(), signature: Default::default() }
}

fn said(head: &v1::Signed) -> (u64, Hash) {
    let head = v1::TreeHead::decode(head.message.clone()).expect("the model's heads are heads");
    (head.size, Hash::try_from(&head.root[..]).expect("the model's heads have roots"))
}

impl Disk {
    pub fn new(union: &str, device: u8) -> Disk {
        let union: UnionNumber = union.parse().expect("a union");
        let hub = device < 100;
        Disk {
            union,
            device: DeviceId([device; 32]),
            feeds: BTreeMap::new(),
            receipts: BTreeMap::new(),
            allows: None,
            full: false,
            hub,
        }
    }

    /// The feed of this machine's incarnation.
    pub fn own(&self, incarnation: u8) -> FeedId {
        let mut id = [self.device.0[0]; 16];
        id[0] = incarnation;
        FeedId(id)
    }

    fn entry(&mut self, feed: FeedId, union: UnionNumber, device: DeviceId) -> &mut ModelFeed {
        let (settled, strays, letters, other) = (false, false, vec![], None);
        let new = ModelFeed { union, device, letters, diverged: false, settled, strays, other };
        self.feeds.entry(feed).or_insert(new)
    }

    /// Its feeds in a line.
    pub fn brief(&self) -> String {
        let feed = |(id, feed): (&FeedId, &ModelFeed)| {
            let letters = String::from_utf8_lossy(&feed.letters);
            let marks = [(feed.diverged, "?"), (feed.settled, "!"), (feed.other.is_some(), "+")];
            let marks: String = marks.into_iter().filter(|(so, _)| *so).map(|(_, mark)| mark).collect();
            format!("{}.{}:{letters}{marks}", feed.device.0[0], id.0[0])
        };
        format!("{} {}", self.union, self.feeds.iter().map(feed).collect::<Vec<_>>().join(" "))
    }

    /// Writes into a feed of its own.
    pub fn write(&mut self, incarnation: u8, letters: &[u8]) {
        let (feed, union, device) = (self.own(incarnation), self.union, self.device);
        self.entry(feed, union, device).letters.extend(letters);
    }

    /// Has this of a feed of another machine.
    pub fn has(&mut self, other: &Disk, incarnation: u8, letters: &[u8]) {
        self.entry(other.own(incarnation), other.union, other.device).letters = letters.to_vec();
    }

    fn state(&self, feed: &FeedId) -> Option<State> {
        let of = self.feeds.get(feed)?;
        Some(State {
            feed: *feed,
            union: of.union,
            // Device and union, so that the other disk can make the feed of it.
            header: [&of.device.0[..], &u64::from(of.union).to_be_bytes()].concat().into(),
            rank: if of.device.0[0] < 100 { Turn::Authority } else { Turn::Records },
            size: of.letters.len() as u64,
            root: root(&of.letters),
            time: 0,
            diverged: of.diverged,
            altered: false,
            settled: of.settled,
        })
    }

    fn receipt(&self, feed: FeedId, union: u64, size: u64) -> Receipt {
        let union = UnionNumber::try_from(union).expect("a union");
        let message = [&feed.0[..], &u64::from(union).to_be_bytes(), &size.to_be_bytes()].concat();
        Receipt {
            feed,
            size,
            root: Hash([0; 32]),
            received_at: 0,
            union,
            device: self.device,
            signed: v1::Signed { message: message.into(), signature: Default::default() },
        }
    }

    fn receipts_of(&self, feed: &FeedId, peer: UnionNumber) -> Vec<Receipt> {
        let upper = if peer.contains(self.union) { peer } else { self.union };
        let Some(writer) = self.feeds.get(feed).map(|f| f.union) else { return vec![] };
        let of = self.receipts.range((*feed, 0)..=(*feed, u64::MAX));
        let owed = |r: &Receipt| r.union.contains(upper) && r.union.contains(writer) && r.union != writer;
        of.map(|((feed, union), size)| self.receipt(*feed, *union, *size)).filter(owed).collect()
    }

    /// What is shared with a neighbour: here everything but what its siblings wrote, of which there is none.
    pub fn frontier(&self, peer: UnionNumber) -> Frontier {
        let mut frontier = Frontier::default();
        for feed in self.feeds.keys() {
            frontier.states.extend(self.state(feed).filter(|s| s.size > 0).map(|s| (*feed, s)));
            let receipts = self.receipts_of(feed, peer).into_iter();
            frontier.receipts.extend(receipts.map(|r| ((*feed, u64::from(r.union)), r)));
        }
        frontier
    }

    fn delta(&self, peer: UnionNumber) -> Delta {
        let of = |feed: &FeedId| {
            let state = self.state(feed).filter(|s| s.size > 0)?;
            Some((state, self.receipts_of(feed, peer)))
        };
        self.feeds.keys().map(|feed| (*feed, of(feed))).collect()
    }

    fn sign(&mut self, feed: FeedId) -> Option<Box<Receipt>> {
        let of = self.feeds.get(&feed)?;
        if !self.hub || of.device == self.device {
            return None;
        }
        let size = of.letters.len() as u64;
        self.receipts.insert((feed, u64::from(self.union)), size);
        Some(Box::new(self.receipt(feed, self.union.into(), size)))
    }

    /// As `Ledger::take_in`.
    fn take(&mut self, batch: &Incoming) -> Intake {
        match &mut self.allows {
            Some(0) => return Intake::Later { seconds: 7 },
            Some(left) => *left -= 1,
            None => {}
        }
        let refused = |reason| Intake::Refused { reason, detail: String::new(), head: None };
        if self.full {
            return refused(Refusal::Room);
        }
        if !self.feeds.contains_key(&batch.feed) {
            if batch.header.len() != 40 {
                return refused(Refusal::Header);
            }
            if batch.first > 0 {
                return refused(Refusal::Gap);
            }
            let device = DeviceId::try_from(&batch.header[..32]).expect("32 bytes");
            let mut union = [0; 8];
            union.copy_from_slice(&batch.header[32..]);
            let union = UnionNumber::try_from(u64::from_be_bytes(union)).expect("a union");
            self.entry(batch.feed, union, device);
        }
        let feed = self.feeds.get_mut(&batch.feed).expect("it is there");
        let ((size, hash), here) = (said(&batch.head), feed.letters.len() as u64);
        if size <= here {
            if root(&feed.letters[..size as usize]) != hash {
                return self.parted(batch);
            }
            if !feed.diverged {
                let size = here;
                return Intake::Taken { size, receipt: self.sign(batch.feed) };
            }
            feed.diverged = size != here;
            return Intake::Taken { size, receipt: self.sign(batch.feed) };
        }
        if feed.other.as_ref().is_some_and(|other| other.len() as u64 == batch.first) {
            return self.parted(batch);
        }
        if batch.first > here {
            return refused(Refusal::Gap);
        }
        let skip = (here - batch.first) as usize;
        let letters = [&feed.letters[..], &batch.segment[skip..]].concat();
        if root(&letters) != hash {
            return self.parted(batch);
        }
        feed.letters = letters;
        feed.diverged = false;
        Intake::Taken { size, receipt: self.sign(batch.feed) }
    }

    /// As `Ledger::parted`.
    fn parted(&mut self, batch: &Incoming) -> Intake {
        let (me, device) = (self.union, self.device);
        let from = batch.from.expect("batches come from a neighbour");
        let above = from.union != me && from.union.contains(me);
        let feed = self.feeds.get_mut(&batch.feed).expect("it is there");
        let own = feed.device == device;
        let ours = head(batch.feed, &feed.letters);
        let contradicted =
            || Intake::Refused { reason: Refusal::Fork, detail: String::new(), head: Some(Box::new(ours.clone())) };
        if above && from.device == feed.device && !batch.settled {
            return contradicted();
        }
        let followed = feed.other.take().filter(|other| other.len() as u64 == batch.first);
        let first = (batch.first as usize).min(feed.letters.len());
        let mut theirs = followed.clone().unwrap_or_else(|| feed.letters[..first].to_vec());
        theirs.extend(&batch.segment);
        let proven = said(&batch.head).0 <= feed.letters.len() as u64;
        if batch.segment.is_empty() || root(&theirs) != said(&batch.head).1 {
            if batch.first == 0 && !batch.segment.is_empty() {
                return Intake::Refused { reason: Refusal::Root, detail: String::new(), head: None };
            }
            if feed.diverged && !batch.asked {
                return Intake::Again;
            }
            if feed.diverged || (proven && !above && !own) {
                return contradicted();
            }
            feed.diverged = true;
            return Intake::Again;
        }
        let shared = feed.letters.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
        let at = if followed.is_some() { first.max(batch.first as usize) } else { shared };
        match (above, own) {
            (true, _) => {
                let cut = feed.letters.split_off(at);
                feed.diverged = !own;
                feed.strays |= !cut.is_empty();
                self.receipts.retain(|(f, _), size| *f != batch.feed || *size <= at as u64);
                if !own {
                    return Intake::Again;
                }
                self.say_again(&cut);
                self.take(batch)
            }
            (false, false) => {
                feed.diverged = false;
                contradicted()
            }
            (false, true) if !feed.diverged => {
                feed.diverged = true;
                Intake::Again
            }
            (false, true) => {
                feed.strays = true;
                let beyond = theirs[at.min(theirs.len())..].to_vec();
                feed.other = Some(theirs);
                self.say_again(&beyond);
                Intake::Taken { size: said(&batch.head).0, receipt: None }
            }
        }
    }

    /// What was cut off is said again in a new incarnation, once.
    fn say_again(&mut self, letters: &[u8]) {
        let own: BTreeSet<u8> =
            self.feeds.values().filter(|f| f.device == self.device).flat_map(|f| f.letters.clone()).collect();
        let fresh: Letters = letters.iter().copied().filter(|letter| !own.contains(letter)).collect();
        if !fresh.is_empty() {
            let taken = |n: &u8| self.feeds.contains_key(&self.own(*n));
            let last = (0..100).rev().find(taken).unwrap_or(0);
            let fits = |n: u8| n > 0 && self.feeds.get(&self.own(n)).is_some_and(|f| !f.strays && !f.diverged);
            let incarnation = if fits(last) { last } else { last + 1 };
            self.write(incarnation, &fresh);
        }
    }

    /// As `Ledger::heard_of_fork`.
    fn heard_of_fork(&mut self, feed: &FeedId, theirs: &v1::Signed, from: Peer, asked: bool) -> bool {
        let (me, device) = (self.union, self.device);
        let Some(feed) = self.feeds.get_mut(feed) else { return false };
        let (size, hash) = said(theirs);
        if size <= feed.letters.len() as u64 && root(&feed.letters[..size as usize]) == hash {
            return false;
        }
        let above = from.union != me && from.union.contains(me);
        if !(feed.device == device || above) {
            return false;
        }
        !std::mem::replace(&mut feed.diverged, true) || !asked
    }

    /// As `Ledger::settle_on`.
    fn settle_on(&mut self, feed: &FeedId) -> bool {
        let device = self.device;
        let Some(feed) = self.feeds.get_mut(feed) else { return false };
        if feed.device != device || feed.settled || !feed.strays {
            return false;
        }
        feed.settled = true;
        true
    }

    fn keep(&mut self, signed: &v1::Signed) {
        let bytes = &signed.message[..];
        let number = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        let (feed, union, size) = (FeedId::try_from(&bytes[..16]).expect("an id"), number(16), number(24));
        let here = self.feeds.get(&feed).map_or(0, |f| f.letters.len() as u64);
        let held = self.receipts.get(&(feed, union)).copied().unwrap_or(0);
        if size <= here && size > held {
            self.receipts.insert((feed, union), size);
        }
    }
}

/// One end of a line.
#[derive(Clone, Debug)]
pub struct Talker {
    /// The number of the disk it works on.
    pub disk: usize,
    peer: Peer,
    exchange: Exchange,
    /// Frames on their way to this end.
    wire: VecDeque<Frame>,
    taking: VecDeque<Incoming>,
    refused: BTreeMap<FeedId, Refusal>,
    pub ended: Option<End>,
}

/// What may happen next on a line: at its lower end, or its upper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Next {
    /// The next frame arrives.
    Hear { upper: bool },
    /// The writer answers.
    Answer { upper: bool },
    /// Both ends have ended, and the lower calls again.
    Call,
}

/// A line between a lower machine and an upper one.
#[derive(Clone, Debug)]
pub struct Line {
    pub lower: Talker,
    pub upper: Talker,
    /// Calls so far.
    pub calls: usize,
    /// Receipts that were told in this one.
    pub told: usize,
    /// Both disks have the same feeds.
    even: bool,
    protocols: [std::ops::RangeInclusive<u32>; 2],
}

impl Talker {
    fn open(
        disks: &mut [Disk],
        disk: usize,
        peer: usize,
        calls: bool,
        stay: bool,
        speaks: std::ops::RangeInclusive<u32>,
    ) -> (Talker, Vec<Frame>) {
        let me = Endpoint { network: "test".into(), union: disks[disk].union, device: disks[disk].device };
        let peer = Peer { union: disks[peer].union, device: disks[peer].device };
        let frontier = disks[disk].frontier(peer.union);
        let (exchange, actions) = Exchange::speaking(speaks, me, peer, calls, stay, frontier);
        let (wire, taking, refused) = (VecDeque::new(), VecDeque::new(), BTreeMap::new());
        let mut talker = Talker { disk, peer, exchange, wire, taking, refused, ended: None };
        let frames = talker.act(actions, disks);
        (talker, frames)
    }

    /// Does what the conversation asks for; what it says goes to the other end.
    fn act(&mut self, actions: Vec<Action>, disks: &mut [Disk]) -> Vec<Frame> {
        let mut actions: VecDeque<Action> = actions.into();
        let mut frames = vec![];
        let disk = &mut disks[self.disk];
        while let Some(action) = actions.pop_front() {
            let event = match action {
                Action::Send(frame) => {
                    frames.push(frame);
                    continue;
                }
                Action::Read { feed, from } => {
                    let letters = disk.feeds.get(&feed).map(|f| f.letters.clone()).unwrap_or_default();
                    let from = (from as usize).min(letters.len());
                    let segments = letters[from..].iter().take(READ).enumerate().map(|(n, letter)| SegmentRow {
                        first: (from + n) as u64,
                        count: 1,
                        head: head(feed, &letters[..=from + n]),
                        bytes: vec![*letter],
                    });
                    let head = (from == letters.len()).then(|| head(feed, &letters));
                    Event::Read { feed, segments: segments.collect(), head }
                }
                Action::Take(batch) => {
                    self.taking.push_back(batch);
                    continue;
                }
                Action::Keep(receipts) => {
                    receipts.iter().for_each(|receipt| disk.keep(receipt));
                    continue;
                }
                Action::Forked { feed, head, asked } => {
                    Event::Forked { wanted: disk.heard_of_fork(&feed, &head, self.peer, asked) }
                }
                Action::Suspect { .. } => Event::Forked { wanted: false },
                Action::Settle { feed } => Event::Forked { wanted: disk.settle_on(&feed) },
                Action::Behind { .. } | Action::Wait { .. } => continue,
                Action::End(end) => {
                    self.ended = Some(end);
                    continue;
                }
            };
            actions.extend(self.exchange.step(event));
        }
        frames
    }

    /// Something was committed on this end's disk.
    fn notice(&mut self, disks: &mut [Disk]) -> Vec<Frame> {
        let delta = disks[self.disk].delta(self.peer.union);
        let actions = self.exchange.step(Event::Changed(delta));
        self.act(actions, disks)
    }

    pub fn protocol(&self) -> u32 {
        self.exchange.protocol()
    }

    pub fn refused(&self) -> usize {
        self.exchange.tally.refused.len()
    }
}

impl Line {
    pub fn new(disks: &mut [Disk], lower: usize, upper: usize) -> Line {
        Line::speaking(disks, lower, upper, [SPEAKS, SPEAKS])
    }

    pub fn speaking(
        disks: &mut [Disk],
        lower: usize,
        upper: usize,
        protocols: [std::ops::RangeInclusive<u32>; 2],
    ) -> Line {
        Line::begin(disks, lower, upper, false, protocols)
    }

    /// A line that stays, whatever both have.
    pub fn staying(disks: &mut [Disk], lower: usize, upper: usize) -> Line {
        Line::begin(disks, lower, upper, true, [SPEAKS, SPEAKS])
    }

    fn begin(
        disks: &mut [Disk],
        lower: usize,
        upper: usize,
        stay: bool,
        protocols: [std::ops::RangeInclusive<u32>; 2],
    ) -> Line {
        let (mut low, up_frames) = Talker::open(disks, lower, upper, true, stay, protocols[0].clone());
        let (mut up, down_frames) = Talker::open(disks, upper, lower, false, true, protocols[1].clone());
        low.wire.extend(down_frames);
        up.wire.extend(up_frames);
        Line { lower: low, upper: up, calls: 1, told: 0, even: false, protocols }
    }

    /// What may happen next; nothing where the line is at rest for good.
    pub fn next(&self, most_calls: usize) -> Vec<Next> {
        let mut next = vec![];
        for (end, upper) in [(&self.lower, false), (&self.upper, true)] {
            if end.ended.is_none() && !end.wire.is_empty() {
                next.push(Next::Hear { upper });
            }
            if end.ended.is_none() && !end.taking.is_empty() {
                next.push(Next::Answer { upper });
            }
        }
        let again = self.lower.ended.as_ref().is_some_and(|end| *end != End::Done) || !self.even;
        if again && self.lower.ended.is_some() && self.upper.ended.is_some() && self.calls < most_calls {
            next.push(Next::Call);
        }
        next
    }

    pub fn step(&mut self, next: Next, disks: &mut [Disk]) {
        let (Next::Hear { upper } | Next::Answer { upper }) = next else {
            let calls = self.calls + 1;
            *self = Line::speaking(disks, self.lower.disk, self.upper.disk, self.protocols.clone());
            self.calls = calls;
            return;
        };
        let (end, other) = if upper { (&mut self.upper, &mut self.lower) } else { (&mut self.lower, &mut self.upper) };
        let event = match next {
            Next::Hear { .. } => {
                let frame = end.wire.pop_front();
                if let Some(Frame::Receipts(page)) = &frame {
                    self.told += page.receipts.len();
                }
                frame.map(Event::Frame)
            }
            _ => end.taking.pop_front().map(|batch| {
                // As `session::work::take_in`.
                let here = disks[end.disk].feeds.get(&batch.feed).map_or(0, |feed| feed.letters.len() as u64);
                if end.refused.get(&batch.feed) == Some(&Refusal::Room) && batch.first <= here {
                    end.refused.remove(&batch.feed);
                }
                let intake = match end.refused.get(&batch.feed) {
                    Some(reason) => Intake::Refused { reason: *reason, detail: String::new(), head: None },
                    None => disks[end.disk].take(&batch),
                };
                if let Intake::Refused { reason, .. } = &intake
                    && *reason != Refusal::Gap
                {
                    end.refused.insert(batch.feed, *reason);
                }
                Event::Taken { feed: batch.feed, end: batch.first.saturating_add(batch.count), intake }
            }),
        };
        if let Some(event) = event {
            let actions = end.exchange.step(event);
            other.wire.extend(end.act(actions, disks));
        }
        self.compare(disks);
    }

    pub fn is_even(&self) -> bool {
        self.even
    }

    /// Whether another call would bring anything.
    pub fn compare(&mut self, disks: &[Disk]) {
        let has = |disk: &Disk| -> Vec<_> { disk.feeds.iter().map(|(id, feed)| (*id, feed.letters.clone())).collect() };
        self.even = has(&disks[self.lower.disk]) == has(&disks[self.upper.disk]);
    }

    /// Something was committed on a disk: both ends of which hear of it.
    pub fn notice(&mut self, disk: usize, disks: &mut [Disk]) {
        for upper in [false, true] {
            let (end, other) =
                if upper { (&mut self.upper, &mut self.lower) } else { (&mut self.lower, &mut self.upper) };
            if end.disk == disk && end.ended.is_none() {
                other.wire.extend(end.notice(disks));
            }
        }
    }

    /// It has been at rest for a while.
    pub fn look(&mut self, disks: &mut [Disk]) {
        for upper in [false, true] {
            let (end, other) =
                if upper { (&mut self.upper, &mut self.lower) } else { (&mut self.lower, &mut self.upper) };
            let actions = end.exchange.step(Event::Look);
            other.wire.extend(end.act(actions, disks));
        }
    }

    /// Frames that are under way.
    pub fn said(&self) -> usize {
        self.lower.wire.len() + self.upper.wire.len()
    }

    /// Runs in one fixed order until nothing can happen any more.
    pub fn run(&mut self, disks: &mut [Disk], most_calls: usize) {
        while let Some(next) = self.next(most_calls).first().copied() {
            self.step(next, disks);
        }
    }

    /// Frames and batches under way, and all else that decides what happens next.
    pub fn fingerprint(&self) -> Vec<u8> {
        let mut bytes = vec![];
        for end in [&self.lower, &self.upper] {
            bytes.extend(format!("{:?}{:?}{:?}", end.exchange, end.refused, end.ended).into_bytes());
            for frame in &end.wire {
                let frame = v1::Frame { frame: Some(frame.clone()) };
                bytes.extend(frame.encode_length_delimited_to_vec());
            }
            for batch in &end.taking {
                bytes.extend([&batch.feed.0[..], &batch.first.to_be_bytes(), &batch.head.message].concat());
            }
        }
        bytes.push(self.calls as u8);
        bytes
    }

    /// Acknowledgements that are on their way up or down, and the disk that gave them.
    pub fn acknowledged(&self) -> impl Iterator<Item = (usize, FeedId, u64)> {
        let of = |end: &Talker, by: usize| {
            let acks = end.wire.iter().filter_map(move |frame| match frame {
                Frame::Ack(ack) if ack.refused() == Refusal::None => {
                    Some((by, FeedId::try_from(&ack.feed[..]).ok()?, ack.size))
                }
                _ => None,
            });
            acks.collect::<Vec<_>>()
        };
        of(&self.lower, self.upper.disk).into_iter().chain(of(&self.upper, self.lower.disk))
    }
}
