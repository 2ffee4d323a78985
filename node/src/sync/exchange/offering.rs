//! What the other end lacks: read a little ahead, sent in order, acknowledged.

use huiliu_proto::{
    feed::Feed,
    id::FeedId,
    shown,
    v1::{self, Farewell, Refusal, Standing, frame::Frame},
};
use prost::Message as _;

use super::{Action, Exchange, LONGEST_WAIT, Phase, RESERVED, Refused, Theirs, WINDOW};
use crate::store::{
    feeds::SegmentRow,
    frontier::{Order, State},
};

/// Bytes that are read ahead of the line, over all feeds. One read more may be on top of it.
const READY: usize = 2 << 20;
/// How many feeds that were refused for lack of room are offered again at a time. A peer may hold many feeds that are
/// never admitted.
const ASK_FOR_ROOM: usize = 16;

impl Exchange {
    /// Whether the other end lacks something of a feed, and from which operation on.
    fn lack(&self, state: &State) -> Option<u64> {
        let theirs = self.theirs.get(&state.feed).copied().unwrap_or_default();
        let more = state.size > theirs.sent.max(theirs.size);
        let newer =
            state.size == theirs.size && state.time > theirs.time.max(theirs.sent_time) && theirs.sent <= theirs.size;
        // Other roots of equal sizes, or a shorter history that was settled on: the head alone is sent, and the other end
        // sees the fork.
        let level = state.size == theirs.size || (state.settled && state.size < theirs.size);
        let forked = level && theirs.root.is_some_and(|root| root != state.root);
        // Of a feed that is wanted from its beginning it is not known whether what is here goes on where theirs ends; what
        // was cut off meanwhile may not be part of it at all.
        let looking = state.diverged && !state.settled && !theirs.wanted;
        let open = !theirs.reading && !theirs.left && !theirs.later && !looking;
        (open && (more || newer || forked)).then(|| theirs.sent.max(theirs.size).min(state.size))
    }

    /// Sends what is ready, and keeps the disk a bounded step ahead of the line.
    pub(super) fn offer(&mut self, actions: &mut Vec<Action>) {
        if self.phase != Phase::Open {
            return;
        }
        self.send_ready(actions);
        while self.reading == 0
            && let Some((order, few)) = self.next_to_read()
        {
            let Some(state) = self.frontier.states.get(&order.3) else { continue };
            let Some(from) = self.lack(state) else { continue };
            let feed = state.feed;
            let theirs = self.theirs.entry(feed).or_default();
            theirs.reading = true;
            // Held against ours now; a fork is spoken of once.
            if theirs.size >= from {
                theirs.root = None;
            }
            self.reading += 1;
            self.reading_few = few;
            actions.push(Action::Read { feed, from });
        }
    }

    /// The feed to read next, and whether what is read goes ahead of what is ready. What warns, or carries enrolments, comes
    /// before records, however few those are.
    fn next_to_read(&mut self) -> Option<(Order, bool)> {
        if let Some(order) = self.lacking_few.first().copied()
            && self.ready_bytes < 2 * READY
            && self.lacking.first().is_none_or(|first| first.0 >= order.0)
        {
            self.lacking_few.remove(&order);
            self.lacking.remove(&order);
            return Some((order, true));
        }
        if self.ready_bytes >= READY {
            return None;
        }
        let order = self.lacking.pop_first()?;
        self.lacking_few.remove(&order);
        Some((order, false))
    }

    /// Whether a feed's segments may pass those that are ready: none of them is of the same feed, or comes before it.
    fn may_pass(&self, feed: &FeedId) -> bool {
        let rank = |feed: &FeedId| self.frontier.states.get(feed).map(|state| state.rank);
        let own = rank(feed);
        self.ready.iter().all(|(other, _)| other != feed && rank(other) >= own)
    }

    pub(super) fn have_read(&mut self, feed: FeedId, segments: Vec<SegmentRow>, head: Option<v1::Signed>) {
        self.reading = self.reading.saturating_sub(1);
        let few = std::mem::take(&mut self.reading_few) && self.may_pass(&feed);
        // What follows on it stays behind it.
        let few = few || self.ready_few.iter().any(|(ready, _)| *ready == feed);
        let state = self.frontier.states.get(&feed);
        let (size, time) = state.map_or((0, 0), |s| (s.size, s.time));
        let theirs = self.theirs.entry(feed).or_default();
        theirs.reading = false;
        if theirs.left || theirs.later {
            return;
        }
        if let Some(last) = segments.last() {
            theirs.sent = last.first + last.count;
            // Where the newest head goes with it, it need not go once more by itself.
            if theirs.sent == size {
                let head = v1::TreeHead::decode(&last.head.message[..]);
                theirs.sent_time = theirs.sent_time.max(head.map_or(0, |head| head.time));
            }
        } else if let Some(head) = head {
            // Nothing new but the head itself.
            theirs.sent = theirs.sent.max(theirs.size);
            theirs.sent_time = time;
            let first = theirs.sent.min(size);
            let head = SegmentRow { first, count: 0, head, bytes: vec![] };
            if few { &mut self.ready_few } else { &mut self.ready }.push_back((feed, head));
        } else {
            // It was cut off here meanwhile: there is nothing to send, not even a newer head, until it is offered anew.
            theirs.sent = theirs.sent.max(size);
            theirs.sent_time = theirs.sent_time.max(time);
        }
        // What is left of it is read before another feed is.
        self.lacking.extend(self.frontier.states.get(&feed).map(State::order));
        self.ready_bytes += segments.iter().map(|s| s.bytes.len()).sum::<usize>();
        let ready = if few { &mut self.ready_few } else { &mut self.ready };
        ready.extend(segments.into_iter().map(|segment| (feed, segment)));
    }

    fn send_ready(&mut self, actions: &mut Vec<Action>) {
        while let Some((feed, segment)) = self.next_to_send() {
            self.ready_bytes = self.ready_bytes.saturating_sub(segment.bytes.len());
            let state = self.frontier.states.get(&feed);
            let known = self.theirs.get(&feed).is_some_and(|t| t.size > 0);
            let header = state.filter(|_| !known).map(|s| s.header.clone());
            let standing = if state.is_some_and(|s| s.settled) { Standing::Settled } else { Standing::Held };
            self.unacknowledged.push_back(feed);
            self.tally.sent += segment.count;
            actions.push(Action::Send(Frame::Batch(v1::Batch {
                feed: feed.to_vec().into(),
                header: header.unwrap_or_default(),
                first: segment.first,
                count: segment.count as u32,
                segment: segment.bytes.into(),
                head: Some(segment.head),
                standing: standing.into(),
            })));
        }
    }

    /// What is ready is sent in its order; few operations of a feed in turns with it, and where only the reserved places of the
    /// window are left.
    fn next_to_send(&mut self) -> Option<(FeedId, SegmentRow)> {
        let free = WINDOW.saturating_sub(self.unacknowledged.len());
        let turn = free > RESERVED && !self.ready.is_empty();
        let few = free > 0 && !self.ready_few.is_empty() && !(self.sent_few && turn);
        self.sent_few = few;
        match (few, turn) {
            (true, _) => self.ready_few.pop_front(),
            (false, true) => self.ready.pop_front(),
            (false, false) => None,
        }
    }

    pub(super) fn hear_ack(&mut self, ack: v1::Ack, actions: &mut Vec<Action>) {
        let Ok(feed) = FeedId::try_from(&ack.feed[..]) else {
            return self.fail(Farewell::Protocol, "an acknowledgement names no feed", actions);
        };
        let Some(at) = self.unacknowledged.iter().position(|f| *f == feed) else {
            return self.fail(Farewell::Protocol, "an acknowledgement of nothing", actions);
        };
        self.unacknowledged.remove(at);
        self.progress += 1;
        let theirs = self.theirs.entry(feed).or_default();
        // A number that is not known is a refusal too: of a reason this version has no word for.
        match Refusal::try_from(ack.refused).unwrap_or(Refusal::Failed) {
            Refusal::None => {
                theirs.size = theirs.size.max(ack.size);
                theirs.time = theirs.time.max(theirs.sent_time);
                theirs.root = None;
                if let Some(receipt) = ack.receipt {
                    actions.push(Action::Keep(vec![receipt]));
                }
            }
            // It follows what was put off, and was under way.
            Refusal::Gap if theirs.later => {}
            // The other end has less than it had: some of it was cut off there. Only a new exchange finds out how the two
            // stand.
            Refusal::Gap => return self.again(actions),
            Refusal::Later => self.put_off(feed, ack.retry_after, actions),
            refusal => {
                theirs.left = true;
                if let Some(head) = ack.head {
                    self.asking += 1;
                    actions.push(Action::Forked { feed, head, asked: self.wanted.contains(&feed) });
                }
                if refusal.is_forging() {
                    self.asking += 1;
                    actions.push(Action::Suspect { feed });
                }
                self.drop_ready(feed);
                if refusal == Refusal::Room && self.stay && !self.roomless.contains(&feed) {
                    self.roomless.push_back(feed);
                }
                // Others' feeds may wait for room; what this device says is to come through.
                let may_wait = refusal == Refusal::Room && !self.is_own(&feed);
                // The fork is being reconciled in this exchange, so a refusal is expected here.
                if !self.wanted.contains(&feed) && !may_wait {
                    let refused = Refused { reason: refusal, detail: shown::said(&ack.detail) };
                    self.tally.refused.entry(feed).or_insert(refused);
                }
            }
        }
        self.lacking.extend(self.frontier.states.get(&feed).map(State::order));
    }

    /// Whether this device writes it.
    fn is_own(&self, feed: &FeedId) -> bool {
        let header = self.frontier.states.get(feed).map(|state| state.header.clone());
        header.is_some_and(|header| Feed::parse(header).is_ok_and(|feed| feed.device == self.me.device))
    }

    fn drop_ready(&mut self, feed: FeedId) {
        self.ready.retain(|(f, _)| *f != feed);
        self.ready_few.retain(|(f, _)| *f != feed);
        self.ready_bytes = self.ready.iter().chain(&self.ready_few).map(|(_, s)| s.bytes.len()).sum();
    }

    /// The other end takes no more of a feed for now: the rest of it waits, other feeds go on.
    fn put_off(&mut self, feed: FeedId, seconds: u32, actions: &mut Vec<Action>) {
        let seconds = seconds.clamp(1, LONGEST_WAIT);
        self.postponed = self.postponed.max(seconds);
        self.theirs.entry(feed).or_default().later = true;
        self.drop_ready(feed);
        self.later.insert(feed);
        if self.stay && !std::mem::replace(&mut self.waiting, true) {
            actions.push(Action::Wait { seconds });
        }
    }

    /// Offers again some of the feeds that were refused for lack of room, from the acknowledged position on. A second refusal
    /// is not reported.
    pub(super) fn ask_for_room(&mut self) {
        for _ in 0..ASK_FOR_ROOM.min(self.roomless.len()) {
            let Some(feed) = self.roomless.pop_front() else { return };
            let theirs: &mut Theirs = self.theirs.entry(feed).or_default();
            theirs.left = false;
            theirs.sent = theirs.size;
            self.lacking.extend(self.frontier.states.get(&feed).map(State::order));
        }
    }

    /// The wait is over: what was put off is offered again from what was acknowledged.
    pub(super) fn offer_again(&mut self) {
        self.waiting = false;
        for feed in std::mem::take(&mut self.later) {
            let theirs: &mut Theirs = self.theirs.entry(feed).or_default();
            theirs.later = false;
            theirs.sent = theirs.size;
            self.lacking.extend(self.frontier.states.get(&feed).map(State::order));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use huiliu_proto::{
        feed::Turn,
        id::{DeviceId, Hash},
    };

    use super::*;
    use crate::{
        store::{evidence::Peer, frontier::Frontier},
        sync::exchange::{Endpoint, Event, SHORT_BATCH},
    };

    /// The largest segment; of which a read brings some.
    const SEGMENT: usize = 512 << 10;
    const ONE_READ: usize = 2 * SEGMENT;

    fn state(n: u8, size: u64) -> State {
        State {
            feed: FeedId([n; 16]),
            union: "320922".parse().expect("a county"),
            header: Default::default(),
            rank: Turn::Records,
            size,
            root: Hash([n; 32]),
            time: 0,
            diverged: false,
            altered: false,
            settled: false,
        }
    }

    /// A county with these feeds, on a line to a city that has nothing.
    fn open(states: Vec<State>) -> (Exchange, VecDeque<Action>) {
        let (county, city) = ("320922".parse().expect("a county"), "320900".parse().expect("a city"));
        let me = Endpoint { network: "test".into(), union: county, device: DeviceId([1; 32]) };
        let peer = Peer { union: city, device: DeviceId([2; 32]) };
        let states: BTreeMap<FeedId, State> = states.into_iter().map(|state| (state.feed, state)).collect();
        let (mut exchange, _) = Exchange::open(me, peer, true, true, Frontier { states, ..Frontier::default() });
        let hello = v1::Hello {
            oldest: 2,
            newest: 2,
            network: "test".into(),
            union: city.into(),
            device: vec![2; 32].into(),
            receipts: exchange.frontier().receipts_digest().to_vec().into(),
            ..Default::default()
        };
        let mut actions = VecDeque::new();
        let unions = vec![county.into()];
        for frame in [
            Frame::Hello(hello),
            Frame::Groups(v1::Groups::default()),
            Frame::States(v1::States { unions, ..Default::default() }),
        ] {
            actions.extend(exchange.step(Event::Frame(frame)));
        }
        (exchange, actions)
    }

    /// Answers what is to be read, as a disk does, until nothing is asked for any more; acknowledges nothing. The batches
    /// that were sent, and the most bytes that were ready.
    fn read_all(exchange: &mut Exchange, mut actions: VecDeque<Action>) -> (Vec<v1::Batch>, usize) {
        let (mut sent, mut most) = (vec![], 0);
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Read { feed, from } => {
                    let size = exchange.frontier().states[&feed].size;
                    let segments = (from..size).take(ONE_READ / SEGMENT).map(|first| SegmentRow {
                        first,
                        count: 1,
                        head: v1::Signed::default(),
                        bytes: vec![0; SEGMENT],
                    });
                    let segments = segments.collect();
                    actions.extend(exchange.step(Event::Read { feed, segments, head: None }));
                }
                Action::Send(Frame::Batch(batch)) => sent.push(batch),
                _ => {}
            }
            let ready = exchange.ready.iter().chain(&exchange.ready_few).map(|(_, s)| s.bytes.len()).sum::<usize>();
            assert_eq!(ready, exchange.ready_bytes);
            most = most.max(ready);
        }
        (sent, most)
    }

    fn acknowledge(exchange: &mut Exchange, batch: &v1::Batch) -> VecDeque<Action> {
        let size = batch.first + u64::from(batch.count);
        exchange.step(Event::Frame(Frame::Ack(v1::Ack { feed: batch.feed.clone(), size, ..Default::default() }))).into()
    }

    #[test]
    fn the_disk_is_read_a_bounded_step_ahead_of_a_line_that_takes_nothing() {
        let (mut exchange, actions) = open(vec![state(1, 40), state(2, 40)]);
        let (mut under_way, most) = read_all(&mut exchange, actions);
        assert_eq!(under_way.len(), WINDOW - RESERVED);
        assert!((READY..READY + ONE_READ).contains(&most), "{most}");
        let mut sent = under_way.len();
        while !under_way.is_empty() {
            let actions = acknowledge(&mut exchange, &under_way.remove(0));
            let (more, most) = read_all(&mut exchange, actions);
            assert!(most < READY + ONE_READ, "{most}");
            sent += more.len();
            under_way.extend(more);
        }
        assert_eq!((sent, exchange.ready_bytes), (80, 0), "all of it goes");
    }

    /// Each feed was sent twice: the head that went with the last segment followed by itself once that was acknowledged.
    #[test]
    fn a_head_that_went_with_its_segment_is_sent_once() {
        let (mut exchange, actions) = open(vec![State { time: 7, ..state(1, 1) }]);
        let Some(Action::Read { feed, .. }) = actions.into_iter().find(|a| matches!(a, Action::Read { .. })) else {
            panic!("it is to be read");
        };
        let head = |time| v1::Signed {
            message: v1::TreeHead { size: 1, time, ..Default::default() }.encode_to_vec().into(),
            ..Default::default()
        };
        let segment = SegmentRow { first: 0, count: 1, head: head(7), bytes: vec![1] };
        let actions = exchange.step(Event::Read { feed, segments: vec![segment], head: None });
        let Some(Action::Send(Frame::Batch(batch))) = actions.into_iter().find(|a| matches!(a, Action::Send(_))) else {
            panic!("it is sent");
        };
        let actions = acknowledge(&mut exchange, &batch);
        assert!(!actions.iter().any(|action| matches!(action, Action::Read { .. })), "nothing is left");
        // A later head of the same history is.
        let newer = [(feed, Some((State { time: 8, ..state(1, 1) }, vec![])))].into();
        let actions = exchange.step(Event::Changed(newer));
        assert!(actions.iter().any(|action| matches!(action, Action::Read { from: 1, .. })), "the head alone");
    }

    #[test]
    fn what_passes_a_backlog_is_bounded_too() {
        let (mut exchange, actions) = open(vec![state(1, 40)]);
        let (under_way, _) = read_all(&mut exchange, actions);
        assert!(under_way.len() < WINDOW && exchange.ready_bytes >= READY);
        let fresh = (10..60).map(|n| state(n, SHORT_BATCH.min(2))).map(|state| (state.feed, Some((state, vec![]))));
        let actions = exchange.step(Event::Changed(fresh.collect())).into();
        let (_, most) = read_all(&mut exchange, actions);
        assert!((2 * READY..2 * READY + ONE_READ).contains(&most), "{most}");
    }
}
