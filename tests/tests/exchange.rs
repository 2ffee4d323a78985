//! The conversation itself, over a modelled disk: how it goes in one fixed order, and its edges.

use std::collections::VecDeque;

use huiliu_node::{
    ledger::Intake,
    store::{
        evidence::Peer,
        feeds::SegmentRow,
        frontier::{Frontier, State},
    },
    sync::exchange::{Action, Cause, End, Endpoint, Event, Exchange, Refused},
};
use huiliu_proto::{
    feed::{Feed, Scope, Turn},
    id::{DeviceId, FeedId, Hash},
    kind::Reach,
    v1::{self, Farewell, Refusal, frame::Frame},
};
use huiliu_tests::{
    model::{Disk, Line},
    people::Random,
};

fn pair() -> [Disk; 2] {
    [Disk::new("320922", 101), Disk::new("320900", 1)]
}

fn speaker(union: &str, n: u8) -> Endpoint {
    Endpoint { network: "test".into(), union: union.parse().unwrap(), device: DeviceId([n; 32]) }
}

fn state_of(size: u64, root: u8) -> State {
    State {
        feed: FeedId([5; 16]),
        union: "320922".parse().unwrap(),
        header: Default::default(),
        rank: Turn::Records,
        size,
        root: Hash([root; 32]),
        time: 0,
        diverged: false,
        altered: false,
        settled: false,
    }
}

fn same(disks: &[Disk]) {
    let letters = |disk: &Disk| -> Vec<_> { disk.feeds.iter().map(|(id, f)| (*id, f.letters.clone())).collect() };
    assert_eq!(letters(&disks[0]), letters(&disks[1]));
}

#[test]
fn both_ends_come_to_the_same_and_end_well() {
    let mut disks = pair();
    disks[0].write(0, b"abc");
    disks[1].write(0, b"xy");
    let mut line = Line::new(&mut disks, 0, 1);
    line.run(&mut disks, 1);
    assert_eq!((&line.lower.ended, &line.upper.ended), (&Some(End::Done), &Some(End::Done)));
    same(&disks);
    let feed = disks[0].own(0);
    assert_eq!(disks[0].receipts.get(&(feed, 320_900)), Some(&3), "and the county has its receipt");
}

/// More states than a page holds were dropped in silence; more receipts than five pages ended every exchange.
#[test]
fn lists_of_any_length_pass() {
    let mut disks = pair();
    let lower = disks[0].clone();
    for n in 0..12_000u32 {
        let mut id = [7; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        let of = huiliu_tests::model::ModelFeed::of(&lower, b"a");
        disks[0].feeds.insert(FeedId(id), of.clone());
        disks[1].feeds.insert(FeedId(id), of);
        disks[1].receipts.insert((FeedId(id), 320_900), 1);
        disks[1].receipts.insert((FeedId(id), 320_000), 1);
    }
    disks[0].write(0, b"abc");
    let mut line = Line::new(&mut disks, 0, 1);
    line.run(&mut disks, 1);
    assert_eq!((&line.lower.ended, &line.upper.ended), (&Some(End::Done), &Some(End::Done)));
    same(&disks);
    assert_eq!(disks[0].receipts.len(), 24_001, "every receipt came");
    // And what both have is not told again.
    let mut line = Line::new(&mut disks, 0, 1);
    assert_eq!(line.said(), 2);
    line.run(&mut disks, 1);
    assert_eq!(line.lower.ended, Some(End::Done));
}

/// One new receipt had all of them told again at the next call.
#[test]
fn receipts_are_told_once() {
    let mut disks = [Disk::new("320900", 1), Disk::new("320000", 2)];
    for (n, county) in ["320902", "320903", "320904", "320921", "320922", "320923"].into_iter().enumerate() {
        let county = Disk::new(county, 101 + n as u8);
        disks.iter_mut().for_each(|disk| disk.has(&county, n as u8, b"a"));
        let feed = county.own(n as u8);
        disks.iter_mut().for_each(|disk| _ = disk.receipts.insert((feed, 320_000), 1));
        if n == 3 {
            disks[1].receipts.insert((feed, 100_000), 1);
        }
    }
    let mut line = Line::new(&mut disks, 0, 1);
    line.run(&mut disks, 1);
    assert_eq!(line.lower.ended, Some(End::Done));
    assert_eq!(disks[0].receipts, disks[1].receipts);
    assert_eq!(line.told, 2, "those for the county of which one is new");
    let mut line = Line::new(&mut disks, 0, 1);
    line.run(&mut disks, 1);
    assert_eq!(line.told, 0);
}

#[test]
fn a_newer_version_and_this_one_speak_what_both_speak() {
    for protocols in [[2..=3, 2..=2], [2..=2, 2..=3], [1..=2, 2..=5]] {
        let mut disks = pair();
        disks[0].write(0, b"abc");
        disks[1].write(0, b"xy");
        let mut line = Line::speaking(&mut disks, 0, 1, protocols.clone());
        line.run(&mut disks, 1);
        assert_eq!((&line.lower.ended, &line.upper.ended), (&Some(End::Done), &Some(End::Done)), "{protocols:?}");
        assert_eq!((line.lower.protocol(), line.upper.protocol()), (2, 2), "{protocols:?}");
        same(&disks);
    }
    let mut disks = pair();
    let mut line = Line::speaking(&mut disks, 0, 1, [3..=4, 2..=2]);
    line.run(&mut disks, 1);
    for end in [&line.lower.ended, &line.upper.ended] {
        let cause = Cause::Farewell(Farewell::Protocol);
        assert!(matches!(end, Some(End::Broken { cause: c, .. }) if *c == cause), "{end:?}");
    }
}

/// What is over an allowance is put off, by the seconds that were asked for, and is the same afterwards.
#[test]
fn what_is_over_an_allowance_comes_later() {
    let mut disks = pair();
    disks[0].write(0, b"abcdefghijklmnopqrst");
    disks[0].write(1, b"z");
    disks[1].allows = Some(5);
    let mut line = Line::new(&mut disks, 0, 1);
    line.run(&mut disks, 1);
    for end in [&line.lower.ended, &line.upper.ended] {
        let cause = Cause::Farewell(Farewell::Later);
        assert!(matches!(end, Some(End::Broken { cause: c, retry_after: 7, .. }) if *c == cause), "{end:?}");
    }
    assert_eq!((line.lower.refused(), line.upper.refused()), (0, 0), "nothing was refused, and nobody is told so");
    let feed = disks[0].own(0);
    assert_eq!(disks[1].feeds[&feed].letters, b"abcde", "what was acknowledged is kept");
    disks[1].allows = None;
    let mut line = Line::new(&mut disks, 0, 1);
    line.run(&mut disks, 1);
    assert_eq!((&line.lower.ended, &line.upper.ended), (&Some(End::Done), &Some(End::Done)));
    same(&disks);
}

/// A line stays while others come and go between the same machines, and both write meanwhile; what was committed is heard
/// of a little later. A machine that got its own words back over one took it that the other end had all it has itself,
/// and what was written last was never offered.
#[test]
fn a_line_that_stays_brings_what_was_written_beside_others() {
    for seed in 0..1000 {
        let mut random = Random(seed);
        let mut disks = pair();
        disks[0].write(0, b"a");
        let mut lines = vec![Line::staying(&mut disks, 0, 1)];
        let mut letters = 1..=250;
        // A line may be slow, or stand still for a while.
        let mut held = 0;
        let mut unheard = [false; 2];
        for _ in 0..random.below(400) {
            match random.below(20) {
                0 => {
                    let some: Vec<u8> = letters.by_ref().take(1 + random.below(12) as usize).collect();
                    let disk = random.below(2) as usize;
                    disks[disk].write(0, &some);
                    unheard[disk] = true;
                }
                1 if lines.len() < 3 => lines.push(Line::new(&mut disks, 0, 1)),
                2 => held = random.below(6) as usize,
                3 | 4 => hear(random.below(2) as usize, &mut unheard, &mut disks, &mut lines),
                _ => {
                    let line = random.below(lines.len() as u64) as usize;
                    if line != held {
                        happen(&mut random, line, &mut unheard, &mut disks, &mut lines);
                    }
                }
            }
            lines.retain(|line| line.lower.ended.is_none() || line.upper.ended.is_none());
        }
        loop {
            (0..2).for_each(|disk| hear(disk, &mut unheard, &mut disks, &mut lines));
            let Some(line) = lines.iter().position(|line| !line.next(1).is_empty()) else { break };
            happen(&mut random, line, &mut unheard, &mut disks, &mut lines);
        }
        assert_eq!(lines[0].lower.ended, None, "seed {seed}: it stays");
        same(&disks);
    }
}

/// A refusal was the last word about a feed for as long as a line stayed: where another line had found its fork and settled
/// it, what came of it later never passed the first.
#[test]
fn a_fork_that_another_line_finds_is_settled_on_a_line_that_stays() {
    for seed in 0..1000 {
        let mut random = Random(seed);
        let mut disks = pair();
        disks[0].write(0, b"abcd");
        Line::new(&mut disks, 0, 1).run(&mut disks, 1);
        // The disk is copied, and both machines write on.
        let copied = disks[0].clone();
        disks[0].write(0, &[b'e', b'f'][..random.below(3) as usize]);
        let mut copy = [copied, disks[1].clone()];
        copy[0].write(0, &[b'u', b'v', b'w'][..1 + random.below(3) as usize]);
        let mut beside = Line::new(&mut copy, 0, 1);
        beside.run(&mut copy, 1);
        let mut lines = vec![Line::staying(&mut disks, 0, 1)];
        let mut unheard = [false; 2];
        let meets = random.below(30);
        for step in 0..200 {
            if step == meets {
                // What the copy wrote came to the hub over a line of its own.
                disks[1] = copy[1].clone();
                unheard[1] = true;
            }
            if step > meets && random.below(40) == 0 {
                let own = disks[0].own(0);
                let of = disks[1].feeds.get_mut(&own).expect("it came there");
                of.letters.push(b'A' + (step % 26) as u8);
                unheard[1] = true;
            }
            match random.below(12) {
                0 if lines.len() < 3 => lines.push(Line::new(&mut disks, 0, 1)),
                1 | 2 => hear(random.below(2) as usize, &mut unheard, &mut disks, &mut lines),
                _ => {
                    let line = random.below(lines.len() as u64) as usize;
                    happen(&mut random, line, &mut unheard, &mut disks, &mut lines);
                }
            }
            lines.retain(|line| line.lower.ended.is_none() || line.upper.ended.is_none());
            if lines.is_empty() {
                lines.push(Line::staying(&mut disks, 0, 1));
            }
        }
        for calls in 0.. {
            assert!(calls < 20, "seed {seed}: they call again and again");
            loop {
                (0..2).for_each(|disk| hear(disk, &mut unheard, &mut disks, &mut lines));
                let Some(line) = lines.iter().position(|line| !line.next(1).is_empty()) else { break };
                happen(&mut random, line, &mut unheard, &mut disks, &mut lines);
            }
            lines.retain(|line| line.lower.ended.is_none() || line.upper.ended.is_none());
            if !lines.is_empty() {
                break;
            }
            lines.push(Line::staying(&mut disks, 0, 1));
        }
        same(&disks);
    }
}

/// One of the things that may happen next on a line.
fn happen(random: &mut Random, line: usize, unheard: &mut [bool; 2], disks: &mut [Disk; 2], lines: &mut [Line]) {
    let next = lines[line].next(1);
    if next.is_empty() {
        return;
    }
    let before = disks.clone();
    lines[line].step(*random.pick(&next), disks);
    (0..2).for_each(|disk| unheard[disk] |= before[disk] != disks[disk]);
}

/// Whoever shares a disk that changed hears of it.
fn hear(disk: usize, unheard: &mut [bool; 2], disks: &mut [Disk; 2], lines: &mut [Line]) {
    if std::mem::take(&mut unheard[disk]) {
        lines.iter_mut().for_each(|line| line.notice(disk, disks));
    }
}

/// What there was no room for waited for the next call, for as long as the line stayed.
#[test]
fn what_there_was_no_room_for_is_offered_again_on_a_line_that_stays() {
    let mut disks = pair();
    disks[0].write(0, b"abcdefghijkl");
    disks[1].full = true;
    let mut line = Line::staying(&mut disks, 0, 1);
    line.run(&mut disks, 1);
    line.look(&mut disks);
    assert!(line.said() > 0, "it asks");
    line.run(&mut disks, 1);
    assert_eq!(
        (disks[1].feeds.len(), line.lower.refused(), line.upper.refused()),
        (0, 0, 0),
        "nobody is told of trouble"
    );
    disks[1].full = false;
    line.run(&mut disks, 1);
    assert_eq!(disks[1].feeds.len(), 0, "not before the next look");
    line.look(&mut disks);
    line.run(&mut disks, 1);
    same(&disks);
    line.look(&mut disks);
    assert_eq!(line.said(), 0, "and not once more");
    assert_eq!((&line.lower.ended, &line.upper.ended), (&None, &None));
}

/// What was said of a feed was remembered as long as the line stood, however many feeds a peer made up.
#[test]
fn feeds_without_end_end_a_line() {
    const FAR_TOO_MANY: u32 = 600_000;
    let (county, city) = (speaker("320922", 101), speaker("320900", 1));
    let ends = |me: &Endpoint, peer: &Endpoint, calls| {
        let peer = Peer { union: peer.union, device: peer.device };
        Exchange::open(me.clone(), peer, calls, true, Frontier::default())
    };
    let (_, hello) = ends(&county, &city, true);
    let (mut hub, _) = ends(&city, &county, false);
    for action in hello {
        let Action::Send(frame) = action else { continue };
        hub.step(Event::Frame(frame));
    }
    assert!(hub.settled(), "both begin with nothing");
    for n in 0..FAR_TOO_MANY {
        let mut feed = [7; 16];
        feed[..4].copy_from_slice(&n.to_be_bytes());
        let batch = v1::Batch { feed: feed.to_vec().into(), head: Some(v1::Signed::default()), ..v1::Batch::default() };
        let ended = |actions: &[Action]| {
            let told =
                |a: &Action| matches!(a, Action::End(End::Broken { cause: Cause::Farewell(Farewell::Bounds), .. }));
            actions.iter().any(told)
        };
        if ended(&hub.step(Event::Frame(Frame::Batch(batch)))) {
            assert!(n > 64 * 4096, "as many as honest lists may name pass");
            return;
        }
        // There is no room for it, or nothing in it.
        let intake = match n % 2 {
            0 => Intake::Taken { size: 0, receipt: None },
            _ => Intake::Refused { reason: Refusal::Room, detail: String::new(), head: None },
        };
        hub.step(Event::Taken { feed: FeedId(feed), end: 0, intake });
    }
    panic!("the line still stands");
}

/// A feed that was cut off while its newer head was to be sent was read again and again, and the session heard nothing else.
#[test]
fn a_head_that_is_gone_is_looked_for_once() {
    let feed = FeedId([5; 16]);
    let state = |time| State { time, ..state_of(3, 1) };
    let (county, city) = (speaker("320922", 101), speaker("320900", 1));
    let opened = |me: &Endpoint, peer: &Endpoint, calls, time| {
        let peer = Peer { union: peer.union, device: peer.device };
        let frontier = Frontier { states: [(feed, state(time))].into(), ..Frontier::default() };
        Exchange::open(me.clone(), peer, calls, true, frontier)
    };
    let (mut lower, first) = opened(&county, &city, true, 10);
    let (mut upper, second) = opened(&city, &county, false, 5);
    let mut under_way: VecDeque<(bool, Action)> = first.into_iter().map(|action| (true, action)).collect();
    under_way.extend(second.into_iter().map(|action| (false, action)));
    let mut reads = 0;
    while let Some((of_lower, action)) = under_way.pop_front() {
        let (to_lower, event) = match action {
            Action::Send(frame) => (!of_lower, Event::Frame(frame)),
            Action::Read { feed, .. } => {
                reads += 1;
                assert!(reads < 10, "the disk is read without end");
                (of_lower, Event::Read { feed, segments: vec![], head: None })
            }
            _ => continue,
        };
        let answers = if to_lower { lower.step(event) } else { upper.step(event) };
        under_way.extend(answers.into_iter().map(|action| (to_lower, action)));
    }
    assert_eq!(reads, 1);
}

/// What changes in the moment in which a conversation ends is in what is remembered of it: where it was not, a machine whose
/// own feed had forked said at the next opening that it had the history it had given up.
#[test]
fn what_changes_as_it_ends_is_remembered() {
    let mut disks = pair();
    disks[0].write(0, b"ab");
    let [lower, upper] = &disks;
    let me = Endpoint { network: "test".into(), union: lower.union, device: lower.device };
    let peer = Peer { union: upper.union, device: upper.device };
    let (mut exchange, _) = Exchange::open(me, peer, true, true, lower.frontier(peer.union));
    let bye = v1::Goodbye { reason: Farewell::Again.into(), ..Default::default() };
    exchange.step(Event::Frame(Frame::Goodbye(bye)));
    disks[0].write(0, b"c");
    let now = disks[0].frontier(peer.union);
    let delta = now.states.iter().map(|(feed, state)| (*feed, Some((state.clone(), vec![])))).collect();
    assert!(exchange.step(Event::Changed(delta)).is_empty(), "nothing more is said");
    assert_eq!(exchange.frontier(), &now);
}

/// One end of an exchange about one feed, whose other end has said that it has so much of it.
fn open_with(ours: &State, theirs: (u64, Hash), calls: bool) -> (Exchange, Vec<Action>) {
    let (me, peer) = match calls {
        true => (speaker("320922", 101), speaker("320900", 1)),
        false => (speaker("320900", 1), speaker("320922", 101)),
    };
    let frontier = Frontier { states: [(ours.feed, ours.clone())].into(), ..Frontier::default() };
    let neighbour = Peer { union: peer.union, device: peer.device };
    let (mut exchange, _) = Exchange::open(me, neighbour, calls, true, frontier);
    let union = u64::from(ours.union);
    let (feed, root) = (ours.feed.to_vec().into(), theirs.1.to_vec().into());
    let receipts = Frontier::default().receipts_digest().to_vec().into();
    let said = [
        Frame::Hello(v1::Hello {
            oldest: 2,
            newest: 2,
            network: peer.network,
            union: peer.union.into(),
            device: peer.device.to_vec().into(),
            receipts,
            ..Default::default()
        }),
        Frame::Groups(v1::Groups {
            groups: vec![v1::Group { union, digest: vec![1; 16].into(), ..Default::default() }],
            more: false,
        }),
        Frame::States(v1::States {
            unions: vec![union],
            states: vec![v1::State { feed, size: theirs.0, root, ..Default::default() }],
            more: false,
        }),
    ];
    let actions = said.into_iter().flat_map(|frame| exchange.step(Event::Frame(frame))).collect();
    (exchange, actions)
}

/// While the one end took the beginning of a history, another came over another line, as long as what was still to come.
/// That the two differ was forgotten, and neither end ever spoke of it.
#[test]
fn what_came_from_elsewhere_is_held_against_what_was_said() {
    let (mut exchange, _) = open_with(&State { diverged: true, ..state_of(2, 1) }, (4, Hash([4; 32])), false);
    let feed = FeedId([5; 16]);
    exchange.step(Event::Taken { feed, end: 2, intake: Intake::Taken { size: 2, receipt: None } });
    let delta = [(feed, Some((state_of(4, 9), vec![])))].into();
    let actions = exchange.step(Event::Changed(delta));
    assert!(matches!(actions[..], [Action::Read { from: 4, .. }]), "its head is sent: {actions:?}");
}

/// The other end has less than it said: some of it was cut off there meanwhile. The line stayed, and the rest never came.
#[test]
fn a_gap_begins_a_new_exchange() {
    let (mut exchange, actions) = open_with(&state_of(3, 1), (2, Hash([2; 32])), true);
    let feed = FeedId([5; 16]);
    assert!(matches!(actions.last(), Some(Action::Read { from: 2, .. })), "{actions:?}");
    let head = v1::Signed::default();
    let segments = vec![SegmentRow { first: 2, count: 1, head, bytes: vec![1] }];
    exchange.step(Event::Read { feed, segments, head: None });
    let ack = v1::Ack { feed: feed.to_vec().into(), refused: Refusal::Gap.into(), ..Default::default() };
    let actions = exchange.step(Event::Frame(Frame::Ack(ack)));
    let again = |action: &Action| matches!(action, Action::End(end) if end.is_again());
    assert!(actions.iter().any(again), "{actions:?}");
}

/// Whichever end refuses a feed, the reason is kept as one: of what this end refused only the sentence was kept, and people
/// were told of no reason, or of its first word.
#[test]
fn a_refusal_keeps_its_reason_at_both_ends() {
    let feed = FeedId([5; 16]);
    let told = |detail: &str| Some(Refused { reason: Refusal::Root, detail: detail.into() });
    let (mut hub, _) = open_with(&state_of(2, 1), (4, Hash([4; 32])), false);
    let detail = "leaf 3: not what was signed".to_owned();
    let intake = Intake::Refused { reason: Refusal::Root, detail: detail.clone(), head: None };
    let actions = hub.step(Event::Taken { feed, end: 2, intake });
    assert_eq!(hub.tally.refused.get(&feed).cloned(), told(&detail));

    let Some(Action::Send(Frame::Ack(ack))) = actions.into_iter().next() else { panic!("no acknowledgement") };
    let (mut county, _) = open_with(&state_of(3, 1), (2, Hash([2; 32])), true);
    let segments = vec![SegmentRow { first: 2, count: 1, head: v1::Signed::default(), bytes: vec![1] }];
    county.step(Event::Read { feed, segments, head: None });
    county.step(Event::Frame(Frame::Ack(ack)));
    assert_eq!(county.tally.refused.get(&feed).cloned(), told(&detail));
    assert_eq!(county.tally.refused[&feed].to_string(), "root: leaf 3: not what was signed");
}

/// Feeds of others may wait for room. A county whose own feed finds none was told that all had gone well.
#[test]
fn no_room_for_what_this_device_says_is_told() {
    let (me, other) = (DeviceId([101; 32]), DeviceId([102; 32]));
    for (writer, told) in [(me, true), (other, false)] {
        let union = "320922".parse().unwrap();
        let feed = Feed::new("test", union, writer, 1, Scope::Own(Reach::Nation), None).unwrap();
        let state = State { feed: feed.id, header: feed.header.clone(), ..state_of(3, 1) };
        let (mut county, _) = open_with(&state, (2, Hash([2; 32])), true);
        let segments = vec![SegmentRow { first: 2, count: 1, head: v1::Signed::default(), bytes: vec![1] }];
        county.step(Event::Read { feed: feed.id, segments, head: None });
        let ack = v1::Ack { feed: feed.id.to_vec().into(), refused: Refusal::Room.into(), ..Default::default() };
        county.step(Event::Frame(Frame::Ack(ack)));
        assert_eq!(county.tally.refused.get(&feed.id).is_some_and(|r| r.reason == Refusal::Room), told);
    }
}
