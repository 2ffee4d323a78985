//! Lines that are slow, silent or end: a session gives up on who owes something and brings nothing, and both ends know
//! when it ended well.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use huiliu_hub::downlink;
use huiliu_node::{
    identity::Role,
    ledger::Incoming,
    store::{View, evidence::Peer, feeds, projection, receipts},
    sync::{
        exchange::{Cause, End, Endpoint},
        session::{self, Ends, Report, Shared},
    },
    writer::{Store, Threads},
};
use huiliu_proto::{
    feed::Scope,
    id::FeedId,
    kind::{Reach, kind},
    operation::Operation,
    union::UnionNumber,
    v1::{self, Farewell, Refusal, frame::Frame},
};
use huiliu_tests::{
    chain::Chain,
    forger::Forger,
    network, people,
    relay::give,
    talk::{self, talk_for},
    world::{Machine, World, simulated_clock},
};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

fn speaker(machine: &Machine) -> Endpoint {
    Endpoint { network: machine.home.config.network.clone(), union: machine.union(), device: machine.me().device() }
}

/// The county calls a hub that speaks as `hub` does, and writes something every few seconds. How it ended, and after how
/// long.
fn call(
    chain: &Chain,
    hub: impl AsyncFnOnce(mpsc::Sender<v1::Frame>, mpsc::Receiver<v1::Frame>) + 'static,
) -> (Report, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (county, city) = (&chain.county, &chain.city);
    let ends = Ends {
        me: speaker(&county.machine),
        peer: city.machine.union(),
        peer_device: city.device(),
        calls: true,
        stay: false,
    };
    runtime.block_on(async {
        let ((up, from_below), (down, from_above)) = (mpsc::channel(16), mpsc::channel(16));
        let heard = ReceiverStream::new(from_above).map(Ok::<_, tonic::Status>);
        let began = tokio::time::Instant::now();
        let shared = Shared::read(&county.store, &ends).await.unwrap();
        let session = session::run(&county.store, ends, shared, heard, up, &|_| ());
        let busy = async {
            let mediator = county.mediator(7);
            for n in 0.. {
                tokio::time::sleep(Duration::from_secs(5)).await;
                county.work(mediator, n);
            }
        };
        let hub = async {
            hub(down, from_below).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            report = session => (report.unwrap(), began.elapsed()),
            () = busy => unreachable!("it writes for ever"),
            () = hub => unreachable!("it never lets go of the line"),
        }
    })
}

fn given_up(report: &Report) -> bool {
    matches!(report.end, End::Broken { cause: Cause::Farewell(Farewell::Silence), .. })
}

fn frame(frame: Frame) -> v1::Frame {
    v1::Frame { frame: Some(frame) }
}

fn hello(machine: &Machine) -> v1::Frame {
    let me = speaker(machine);
    frame(Frame::Hello(v1::Hello {
        oldest: 2,
        newest: 2,
        network: me.network,
        union: me.union.into(),
        device: me.device.to_vec().into(),
        ..v1::Hello::default()
    }))
}

/// A hub that completes the handshake and says nothing held a county's `sync` for ever, if only the county wrote.
#[test]
fn a_hub_that_says_nothing_is_given_up() {
    let chain = Chain::new(41);
    let (report, took) = call(&chain, async |_line, mut from| while from.recv().await.is_some() {});
    assert!(given_up(&report), "{report:?}");
    assert!(took <= session::SILENCE + Duration::from_secs(1), "{took:?}");
    assert!(chain.county.line_trouble(chain.city.machine.union()));
}

/// Nor one that does not read, or keeps talking without ever coming to the point.
#[test]
fn a_hub_that_talks_and_brings_nothing_is_given_up() {
    let chain = Chain::new(42);
    let city = hello(&chain.city.machine);
    for reads in [true, false] {
        let hello = city.clone();
        let (report, took) = call(&chain, async move |line, mut from| {
            line.send(hello).await.unwrap();
            line.send(frame(Frame::Groups(v1::Groups::default()))).await.unwrap();
            line.send(frame(Frame::States(v1::States::default()))).await.unwrap();
            loop {
                tokio::time::sleep(Duration::from_secs(20)).await;
                while reads && from.try_recv().is_ok() {}
                // A page that announces another one.
                let page = v1::Receipts { receipts: vec![], more: true };
                if line.send(frame(Frame::Receipts(page))).await.is_err() {
                    return;
                }
            }
        });
        assert!(given_up(&report), "{report:?}");
        assert!(took <= session::SILENCE * 2 + Duration::from_secs(5), "{took:?}");
    }
}

/// Nor one that says one thing over and over: it is known here, answered each time, and brings nothing.
#[test]
fn a_hub_that_repeats_itself_is_given_up() {
    let chain = Chain::new(49);
    let branch = Scope::Branch(chain.county.machine.union());
    let mut forger = Forger::new(&chain.city.machine, branch);
    let operation = Operation::new(9, forger.id(), None, vec![1], None);
    let said = forger.say(&[operation]);
    let batch = v1::Batch {
        feed: said.feed.to_vec().into(),
        header: said.header,
        first: said.first,
        count: u32::try_from(said.count).unwrap(),
        segment: said.segment,
        head: Some(said.head),
        ..v1::Batch::default()
    };
    let hello = hello(&chain.city.machine);
    let answered = Rc::new(Cell::new(0));
    let acks = Rc::clone(&answered);
    let (report, took) = call(&chain, async move |line, mut from| {
        line.send(hello).await.unwrap();
        let group = v1::Group { union: 320_922, digest: vec![7; 16].into(), ..v1::Group::default() };
        line.send(frame(Frame::Groups(v1::Groups { groups: vec![group], more: false }))).await.unwrap();
        let states = v1::States { unions: vec![320_922], ..v1::States::default() };
        line.send(frame(Frame::States(states))).await.unwrap();
        line.send(frame(Frame::Receipts(v1::Receipts::default()))).await.unwrap();
        while line.send(frame(Frame::Batch(batch.clone()))).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(20)).await;
            while let Ok(frame) = from.try_recv() {
                acks.set(acks.get() + u64::from(matches!(frame.frame, Some(Frame::Ack(_)))));
            }
        }
    });
    assert!(given_up(&report) && answered.get() > 1, "{report:?}, {} answers", answered.get());
    assert!(took <= session::SILENCE * 2 + Duration::from_secs(5), "{took:?}");
}

/// Nor one that has more of a feed than there can be, or says that it has more and never sends it.
#[test]
fn a_hub_that_has_more_than_there_can_be_is_given_up() {
    let chain = Chain::new(43);
    for (size, reason) in [(1 << 62, Farewell::Bounds), (1 << 40, Farewell::Silence)] {
        let hello = hello(&chain.city.machine);
        let (report, took) = call(&chain, async move |line, mut from| {
            line.send(hello).await.unwrap();
            let group = v1::Group { union: 320_922, digest: vec![7; 16].into(), ..v1::Group::default() };
            line.send(frame(Frame::Groups(v1::Groups { groups: vec![group], more: false }))).await.unwrap();
            let (feed, root) = (vec![5; 16].into(), vec![6; 32].into());
            let state = v1::State { feed, size, root, ..v1::State::default() };
            let states = v1::States { unions: vec![320_922], states: vec![state], more: false };
            line.send(frame(Frame::States(states))).await.unwrap();
            line.send(frame(Frame::Receipts(v1::Receipts::default()))).await.unwrap();
            while from.recv().await.is_some() {}
        });
        let cause = Cause::Farewell(reason);
        assert!(matches!(report.end, End::Broken { cause: c, .. } if c == cause), "{report:?}");
        // What it writes itself goes out meanwhile, as much as may be under way.
        assert!(took <= session::SILENCE * 2, "{took:?}");
    }
}

/// What a peer asks for is bounded: a pause of 136 years is one of a day.
#[test]
fn a_pause_that_a_peer_asks_for_is_bounded() {
    let chain = Chain::new(44);
    let (report, _) = call(&chain, async |line, _from| {
        let detail = "a".repeat(100_000);
        let bye = v1::Goodbye { reason: Farewell::Later.into(), detail, retry_after: u32::MAX };
        line.send(frame(Frame::Goodbye(bye))).await.unwrap();
    });
    let End::Broken { detail, retry_after, .. } = report.end else { panic!("it broke off") };
    assert_eq!((detail.chars().count(), retry_after), (200, 86_400));
}

/// Of thirty clean syncs nineteen left "the other end closed the line" at the hub: the end of the stream overtook the
/// goodbye.
#[test]
fn a_clean_end_is_one_at_both_ends() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new(dir.path(), 45, simulated_clock());
    world.add("100000", Role::Root).unwrap();
    world.add("320000", Role::Hub).unwrap();
    let (nation, province) = (world.machine("hub-100000").clone(), world.machine("hub-320000").clone());
    let mut sim = turmoil::Builder::new()
        .rng_seed(45)
        .tick_duration(Duration::from_millis(5))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(60))
        .simulation_duration(Duration::from_secs(600))
        .enable_random_order()
        .build();
    let links = Rc::new(RefCell::new(vec![]));
    let hub: Rc<RefCell<Option<Store>>> = Rc::default();
    let above = Rc::clone(&hub);
    sim.host(nation.name.clone(), move || {
        let (machine, above) = (nation.clone(), Rc::clone(&above));
        async move {
            let store = machine.store(Threads::Inline);
            *above.borrow_mut() = Some(store.clone());
            let listener = network::Listener::bind().await?;
            downlink::serve(&machine.home, &store, listener, &machine.clock, std::future::pending()).await?;
            Ok(())
        }
    });
    let seen = Rc::clone(&links);
    sim.client(province.name.clone(), async move {
        let store = province.store(Threads::Inline);
        let uplink = province.uplink(&store, network::dial());
        for _ in 0..50 {
            let report = uplink.exchange(false, &|_| ()).await.expect("the hub is there");
            assert_eq!(report.end, End::Done);
            // At once: nobody who steps now sees trouble.
            let of = hub.borrow().as_ref().expect("it serves").read(receipts::links).expect("it can be read");
            seen.borrow_mut().extend(of.into_iter().map(|link| (link.union, link.error, link.last_success)));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    });
    sim.run().unwrap();
    let links = links.borrow();
    assert_eq!(links.len(), 50);
    let union: UnionNumber = "320000".parse().unwrap();
    for link in links.iter() {
        assert!(link.0 == union && link.1.is_none() && link.2.is_some(), "{link:?}");
    }
}

/// A feed that came when the waiting room was full was not offered again for as long as the line stayed.
#[test]
fn what_found_no_room_comes_when_there_is_some() {
    let chain = Chain::new(46);
    let county = chain.county.machine.union();
    let stranger = |seed: u8| -> Incoming {
        let mut forger = Forger::stranger(seed, county, Scope::Own(Reach::Province));
        let id = forger.id();
        forger.say(&[Operation::new(kind("work_entry").unwrap().number, id, None, vec![1], None)])
    };
    // The county was handed one more than the city takes through it.
    let mine: Vec<Incoming> = (0..64).map(|n| stranger(100 + n)).collect();
    mine.iter().for_each(|batch| give(&chain.county.store, batch));
    let mine: Vec<FeedId> = mine.iter().map(|batch| batch.feed).collect();
    let from = Some(Peer { union: county, device: chain.county.device() });
    give(&chain.city.store, &Incoming { from, ..stranger(99) });
    let lacking = || {
        let has = |feed: &FeedId| chain.city.store.read(|c| feeds::by_id(c, feed)).unwrap().is_some();
        mine.iter().filter(|feed| !has(feed)).count()
    };
    let half = session::ARRIVAL_CHECK_INTERVAL / 2;
    talk_for(half, chain.county.ends(), chain.city.ends(), || ()).unwrap();
    assert_eq!(lacking(), 1);
    let enrol = || chain.city.enrols(county, [99; 32]);
    talk_for(session::ARRIVAL_CHECK_INTERVAL * 2, chain.county.ends(), chain.city.ends(), enrol).unwrap();
    assert_eq!(lacking(), 0);
    assert!(!chain.city.line_trouble(county) && !chain.county.line_trouble(chain.city.machine.union()));
}

/// One batch could not be taken in, whatever was done: it ended the line each time, and nothing else came through any more.
#[test]
fn a_batch_that_cannot_be_taken_in_refuses_its_feed_alone() {
    let chain = Chain::new(47);
    let (county, city) = (&chain.county, &chain.city);
    let programme = chain.nation.store.write_blocking(people::programme).unwrap();
    chain.settle().unwrap();
    let mediator = county.mediator(7);
    chain.settle().unwrap();
    let spent = county.store.write_blocking(move |ledger| people::expenditure(ledger, programme, mediator, 1)).unwrap();
    county.work(mediator, 1);
    let own =
        |conn: &View| Ok(feeds::owned(conn)?.into_iter().find(|row| row.feed.scope == Scope::Own(Reach::Province)));
    let personal = county.store.read(own).unwrap().unwrap().feed.id;
    let spoil = rusqlite::Connection::open(city.machine.home.database()).unwrap();
    let no: i64 =
        spoil.query_row("SELECT no FROM feed WHERE id = ?1", [personal.as_bytes()], |row| row.get(0)).unwrap();
    let trip = format!(
        "CREATE TRIGGER trip BEFORE INSERT ON segment WHEN NEW.feed = {no} BEGIN SELECT RAISE(ABORT, 'x'); END"
    );
    spoil.execute_batch(&trip).unwrap();
    let before = city.works();
    let report = talk::call(county.ends(), city.ends()).unwrap();
    let refused: Vec<_> = report.tally.refused.iter().map(|(feed, refused)| (*feed, refused.reason)).collect();
    assert_eq!(refused, [(personal, Refusal::Failed)], "{report:?}");
    assert!(county.line_trouble(city.machine.union()), "and somebody is told");
    let there = |conn: &View| projection::get_of(conn, kind("expenditure").unwrap(), county.machine.union(), &spent);
    assert!(city.store.read(there).unwrap().is_some(), "other feeds go on");
    assert_eq!(city.works(), before);
    spoil.execute_batch("DROP TRIGGER trip").unwrap();
    chain.settle().unwrap();
    assert_eq!(city.works(), before + 1, "nothing is lost");
    chain.holds().unwrap();
}

/// What was written while a line opened, before it listened, waited for two minutes or the next record.
#[test]
fn what_is_written_as_a_line_opens_is_sent() {
    let chain = Chain::new(48);
    let (county, city) = (&chain.county, &chain.city);
    let mediator = county.mediator(7);
    chain.settle().unwrap();
    // It is written once between each two steps that both ends take, until nothing more happens by itself.
    for after in 0.. {
        let before = city.works();
        let (mut steps, mut written) = (0, false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let began = tokio::time::Instant::now();
            let mut line = std::pin::pin!(talk::session(county.ends(), city.ends(), true));
            let line = std::future::poll_fn(|context| {
                if steps == after && began.elapsed() < Duration::from_secs(1) {
                    county.work(mediator, 100 + after);
                    written = true;
                }
                steps += 1;
                line.as_mut().poll(context)
            });
            let ended = tokio::time::timeout(Duration::from_secs(20), line).await;
            assert!(ended.is_err(), "{ended:?}");
        });
        if !written {
            assert!(after > 1, "{after} steps are none");
            break;
        }
        assert_eq!(city.works(), before + 1, "written before step {after}");
    }
}
