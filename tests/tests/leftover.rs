//! What jobs left over is not one thing for all: where a record cannot be taken out or made again, or a feed cannot give way,
//! the rest is done, what comes is taken in, people are told, and a rebuild puts all of it right.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use huiliu_node::{
    document::Document,
    ledger::{Incoming, Intake, Ledger, WriteOutcome},
    store::{evidence::Peer, feeds, projection, quarantine},
    writer::{Length, Store, Threads},
};
use huiliu_proto::{
    edit::{Actor, Scalar},
    feed::Scope,
    id::{FeedId, RecordId},
    kind::{Reach, kind},
    operation::Operation,
    record::Record,
    union::UnionNumber,
    v1::Ruling,
};
use huiliu_tests::{
    decisions::{revocation, ruling},
    forger::Forger,
    oracle, people,
    relay::{batches, give, take},
    world::{Machine, World, hand_clock},
};

const CITY: &str = "hub-320900";
const PROVINCE: &str = "hub-320000";

fn union(number: &str) -> UnionNumber {
    number.parse().unwrap()
}

/// A city, and what those above it said.
fn world(dir: &std::path::Path) -> World {
    let world = World::with_two_machines(dir, 43, hand_clock().0);
    filled(&world);
    world
}

fn filled(world: &World) {
    let above = ["hub-100000", PROVINCE].map(|name| batches(&world.machine(name).store(Threads::Inline)));
    let city = world.machine(CITY).store(Threads::Inline);
    above.iter().flatten().flatten().for_each(|batch| give(&city, batch));
}

fn write(store: &Store, record: Record) {
    let written = store.write_blocking(move |ledger| ledger.write_entry(&record)).unwrap();
    assert!(matches!(written, WriteOutcome::Written { .. }), "{written:?}");
}

/// Lines of the log; of every third one guides three sessions.
fn lines(by: &mut Forger, many: u64) -> Vec<Operation> {
    let line = |n| {
        let said = people::log_line(RecordId([6; 16]), n);
        Operation::new(said.kind.number, by.id(), None, said.encode(), said.kind.personal.then_some([3; 16]))
    };
    (0..many).map(line).collect()
}

/// The database refuses to take such rows out: for a reason of theirs.
fn refuses(store: &Store, what: &'static str) {
    store
        .write_blocking(move |ledger| {
            let refuse = format!(
                "INSERT INTO meta (key, value) VALUES ('refuses', 1); CREATE TEMP TRIGGER refuse BEFORE DELETE ON {what}
                BEGIN SELECT RAISE(FAIL, 'not this one'); END"
            );
            Ok(ledger.conn().raw().execute_batch(&refuse)?)
        })
        .unwrap();
}

fn rebuilt(machine: &Machine, store: &Store) {
    store
        .write_blocking(|ledger| {
            ledger.conn().raw().execute_batch("DROP TRIGGER temp.refuse")?;
            ledger.rebuild(&mut |_| ())
        })
        .unwrap();
    finish(store);
    oracle::rebuilds_the_same(machine, store).unwrap();
    assert_eq!(failed(store), 0);
}

/// Lets the writer do all that it has left over; that ends.
fn finish(store: &Store) {
    let until = Instant::now() + Duration::from_secs(60);
    while store.write_blocking(Ledger::has_lag).unwrap() {
        assert!(Instant::now() < until, "it is tried for ever");
    }
}

/// So many operations people are told of that could not be applied here.
fn failed(store: &Store) -> u64 {
    store.read(quarantine::open_by_reason).unwrap().get("failed").copied().unwrap_or(0)
}

fn shown(store: &Store, of: &'static str, owner: &str) -> u64 {
    let owner = union(owner);
    store.read(move |conn| projection::count(conn, kind(of).unwrap(), Some(owner))).unwrap()
}

fn standing(store: &Store, feed: FeedId) -> (u64, u64) {
    let row = store.read(move |conn| feeds::by_id(conn, &feed)).unwrap();
    row.map_or((0, 0), |row| (row.applied, row.size()))
}

/// A hub is revoked as of before it enrolled a device. Some of what that wrote cannot be taken out.
#[test]
fn what_cannot_be_taken_out_of_a_feed_stops_nothing_else() {
    for small in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let world = world(dir.path());
        let machine = world.machine(PROVINCE);
        let store = machine.store(Threads::Own);
        let (city, county) = (union("320900"), union("320922"));
        let mut hubs: Vec<_> = (0..2).map(|n| Forger::numbered(800 + n, city, Scope::Branch(county))).collect();
        let mut workers: Vec<_> = (0..2).map(|n| Forger::numbered(n, county, Scope::Own(Reach::Province))).collect();
        for (hub, worker) in hubs.iter_mut().zip(&workers) {
            write(&store, hub.enrolled(city, true));
            let said = worker.enrolled(county, false);
            let enrolment = Operation::new(said.kind.number, hub.id(), None, said.encode(), None);
            give(&store, &hub.say(&[enrolment]));
        }
        let run = lines(&mut workers[0], 30);
        give(&store, &workers[0].say(&run));
        finish(&store);
        if small {
            store
                .write_blocking(|ledger| {
                    ledger.set_slice(7);
                    Ok(())
                })
                .unwrap();
        }
        refuses(&store, "main.work_entry WHEN OLD.guided = 3");
        write(&store, revocation(&hubs[0], city, &[]));
        finish(&store);
        assert_eq!(shown(&store, "work_entry", "320922"), 10, "only those that cannot be taken out are left");
        assert_eq!((failed(&store), standing(&store, workers[0].feed.id)), (10, (0, 30)));
        // Another's lines come in as ever.
        let run = lines(&mut workers[1], 30);
        give(&store, &workers[1].say(&run));
        assert_eq!(shown(&store, "work_entry", "320922"), 40);
        rebuilt(machine, &store);
        assert_eq!(shown(&store, "work_entry", "320922"), 30);
    }
}

/// The same, and then the other hub enrols the device: all of it counts, and nothing is wrong with it any more.
#[test]
fn what_could_not_be_taken_out_counts_again_with_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine(PROVINCE);
    let store = machine.store(Threads::Own);
    let (city, county) = (union("320900"), union("320922"));
    let mut hubs: Vec<_> = (0..2).map(|n| Forger::numbered(800 + n, city, Scope::Branch(county))).collect();
    let mut worker = Forger::numbered(0, county, Scope::Own(Reach::Province));
    let said = worker.enrolled(county, false);
    let enrolments: Vec<Incoming> = hubs
        .iter_mut()
        .map(|hub| {
            let enrolment = Operation::new(said.kind.number, hub.id(), None, said.encode(), None);
            hub.say(&[enrolment])
        })
        .collect();
    hubs.iter().for_each(|hub| write(&store, hub.enrolled(city, true)));
    give(&store, &enrolments[0]);
    let run = lines(&mut worker, 30);
    give(&store, &worker.say(&run));
    refuses(&store, "main.work_entry WHEN OLD.guided = 3");
    write(&store, revocation(&hubs[0], city, &[]));
    finish(&store);
    assert_eq!(failed(&store), 10);
    give(&store, &enrolments[1]);
    finish(&store);
    assert_eq!((failed(&store), shown(&store, "work_entry", "320922")), (0, 30));
    oracle::rebuilds_the_same(machine, &store).unwrap();
}

/// What a released edit changes cannot be made again; another dossier, whose edit was released with it, is.
#[test]
fn what_is_ruled_on_and_cannot_be_made_again_stops_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine(CITY);
    let store = machine.store(Threads::Own);
    let mut lost = Forger::new(world.machine("node-320922-0"), Scope::Own(Reach::Province));
    let kind = kind("enterprise").unwrap();
    let field = |name: &str| kind.fields[kind.field(name).unwrap()].number;
    let (mut made, mut changed) = (vec![], vec![]);
    for name in ["甲厂", "乙厂", "丙厂"] {
        let id = lost.id();
        let author = Actor::new(&lost.feed.id, &id);
        let mut document = Document::default();
        let mut first = vec![
            (field("name"), Scalar::Text(name.into())),
            (field("uscc"), Scalar::Text("91350100M000100Y43".into())),
            (field("region"), Scalar::Number(320_922)),
            (field("industry"), Scalar::Number(3)),
            (field("ownership"), Scalar::Number(3)),
        ];
        first.sort_by_key(|(field, _)| *field);
        for (values, into) in [(first, &mut made), (vec![(field("industry"), Scalar::Number(4))], &mut changed)] {
            let edit = document.compose(author, values, [4; 16]).unwrap();
            document.receive(author, &edit).unwrap();
            into.push(Operation::new(kind.number, id, Some(1), edit.encode(author), Some([3; 16])));
        }
    }
    give(&store, &lost.say(&made));
    give(&store, &lost.say(&changed));
    write(&store, revocation(&lost, union("320922"), &[(&lost, 3)]));
    finish(&store);
    store
        .write_blocking(|ledger| {
            ledger.set_slice(1);
            Ok(())
        })
        .unwrap();
    refuses(&store, "main.enterprise WHEN OLD.name = '甲厂'");
    write(&store, ruling(&lost, union("320922"), (3, 3), Ruling::Released, 1));
    finish(&store);
    let industries = || {
        let all = store.read(|conn| projection::list(conn, kind, None, None, 9)).unwrap();
        let at = kind.field("industry").unwrap();
        all.into_iter().map(|row| format!("{:?}", row.record.values()[at])).collect::<Vec<_>>()
    };
    let [first, second, third] = <[String; 3]>::try_from(industries()).unwrap();
    assert_ne!(first, second, "what was released counts");
    assert_eq!((failed(&store), &second), (1, &third));
    rebuilt(machine, &store);
    assert!(industries().iter().all(|industry| *industry == second));
}

/// A history that should give way to that of the level above, and cannot: its feed takes nothing, and others do. When the
/// program starts anew, and its database lets it, it gives way.
#[test]
fn a_history_that_cannot_give_way_stops_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine(CITY);
    let above = world.machine(PROVINCE);
    let from = Some(Peer { union: above.union(), device: above.me().device() });
    let [mut stuck, mut other] =
        ["node-320922-0", "node-320922-1"].map(|name| Forger::new(world.machine(name), Scope::Own(Reach::Province)));
    let mut beside = Forger::again(&stuck, union("320922"), 500);
    let store = machine.store(Threads::Own);
    let mut clones = vec![];
    for forger in [&mut stuck, &mut other] {
        let run = lines(forger, 10);
        give(&store, &forger.say(&run));
        clones.push(forger.cloned(0));
    }
    let (run, others) = (lines(&mut stuck, 30), lines(&mut other, 31)[30..].to_vec());
    give(&store, &stuck.say(&run));
    give(&store, &other.say(&others));
    refuses(&store, "main.work_entry WHEN OLD.guided = 3");
    let theirs: Vec<Incoming> = clones
        .iter_mut()
        .map(|clone| {
            let run = lines(clone, 5);
            Incoming { from, ..clone.say(&run) }
        })
        .collect();
    assert_eq!(take(&store, theirs[0].clone()), Intake::Again);
    finish(&store);
    assert!(matches!(take(&store, theirs[0].clone()), Intake::Later { .. }), "it did not give way");
    assert_eq!((failed(&store), standing(&store, stuck.feed.id).1), (1, 40), "people are told, and nothing is lost");
    // Another feed gives way meanwhile, and others come in.
    assert_eq!(take(&store, theirs[1].clone()), Intake::Again);
    finish(&store);
    give(&store, &theirs[1]);
    assert_eq!(standing(&store, other.feed.id), (15, 15));
    let run = lines(&mut beside, 10);
    give(&store, &beside.say(&run));
    assert_eq!(standing(&store, beside.feed.id), (10, 10));
    drop(store);
    // What the database refused it refuses no more.
    let store = machine.store(Threads::Own);
    finish(&store);
    give(&store, &theirs[0]);
    finish(&store);
    assert_eq!((failed(&store), standing(&store, stuck.feed.id)), (0, (15, 15)));
    oracle::verifies(machine, &store).unwrap();
    oracle::rebuilds_the_same(machine, &store).unwrap();
}

/// A part of the work that panics is told to whoever waits for it, and tried again with the next write.
#[test]
fn a_panic_is_told_to_whoever_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (armed, clock) = (Arc::new(AtomicBool::new(false)), hand_clock().0);
    let fuse = Arc::clone(&armed);
    let clock = Arc::new(move || {
        assert!(!fuse.load(Ordering::Relaxed), "a clock that cannot be read");
        clock()
    });
    let world = World::with_two_machines(dir.path(), 43, clock);
    filled(&world);
    let machine = world.machine(CITY);
    let store = machine.store(Threads::Own);
    let mut forger = Forger::new(world.machine("node-320922-0"), Scope::Own(Reach::Province));
    let run = lines(&mut forger, 4000);
    let batch = forger.say(&run);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let taken = runtime.block_on(async {
        let small = |ledger: &mut Ledger| {
            ledger.set_slice(10);
            Ok(())
        };
        store.write(small).await.unwrap();
        store.submit(Length::Long, move |ledger| ledger.take_in(&batch)).await.unwrap()
    });
    while standing(&store, forger.feed.id).1 == 0 {
        std::thread::yield_now();
    }
    armed.store(true, Ordering::Relaxed);
    let told = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), taken.answer()).await });
    armed.store(false, Ordering::Relaxed);
    assert!(told.expect("whoever waits is told").is_err());
    finish(&store);
    assert_eq!(standing(&store, forger.feed.id), (4000, 4000));
    oracle::verifies(machine, &store).unwrap();
}
