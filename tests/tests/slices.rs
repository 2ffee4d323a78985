//! No job of the writer is long: what is much is applied in parts, with others' jobs in between, and what waits is bounded.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use huiliu_hub::revocation;
use huiliu_node::{
    document::Document,
    ledger::{self, Incoming, Intake},
    store::{self, evidence::Peer, feeds, projection, quarantine},
    writer::{Length, Store, Threads},
};
use huiliu_proto::{
    edit::{Actor, Scalar},
    feed::Scope,
    id::{FeedId, RecordId},
    kind::{Reach, kind},
    operation::Operation,
    void::Void,
};
use huiliu_tests::{
    forger::Forger,
    oracle, people,
    relay::{batches, give, take},
    world::{World, hand_clock},
};

const CITY: &str = "hub-320900";
/// As `ledger/slices.rs` has it, and what a job may be beyond it.
const SLICE: u64 = 4096;
const BEYOND: u64 = 2;

fn world(dir: &std::path::Path) -> World {
    let world = World::with_two_machines(dir, 31, hand_clock().0);
    let above = ["hub-100000", "hub-320000"].map(|name| batches(&world.machine(name).store(Threads::Inline)));
    let city = world.machine(CITY).store(Threads::Inline);
    above.iter().flatten().flatten().for_each(|batch| give(&city, batch));
    world
}

/// The county's own device, and another of it.
fn two(world: &World) -> [Forger; 2] {
    ["node-320922-0", "node-320922-1"].map(|name| Forger::new(world.machine(name), Scope::Own(Reach::Province)))
}

/// A dossier that `first` makes and `second` changes: the two edits.
fn dossier(first: &mut Forger, second: &Forger, changes: usize) -> Vec<Operation> {
    let kind = kind("enterprise").unwrap();
    let id = first.id();
    let field = |name: &str| kind.fields[kind.field(name).unwrap()].number;
    let mut values = vec![
        (field("name"), Scalar::Text("厂".into())),
        (field("uscc"), Scalar::Text("91350100M000100Y43".into())),
        (field("region"), Scalar::Number(320922)),
        (field("industry"), Scalar::Number(3)),
        (field("ownership"), Scalar::Number(3)),
    ];
    values.sort_by_key(|(field, _)| *field);
    let mut document = Document::default();
    let changed = (0..changes).map(|n| vec![(field("name"), Scalar::Text(format!("厂{n}")))]);
    let mut authors = std::iter::once(first.feed.id).chain(std::iter::repeat(second.feed.id));
    std::iter::once(values)
        .chain(changed)
        .map(|values| {
            let author = Actor::new(&authors.next().unwrap(), &id);
            let edit = document.compose(author, values, [4; 16]).unwrap();
            document.receive(author, &edit).unwrap();
            Operation::new(kind.number, id, Some(1), edit.encode(author), Some([3; 16]))
        })
        .collect()
}

/// Batches of edits: so many, each of 64 dossiers with 63 changes.
fn edits(world: &World, many: usize) -> Vec<Incoming> {
    let mut forger = Forger::new(world.machine("node-320922-0"), Scope::Own(Reach::Province));
    (0..many)
        .map(|_| {
            let run: Vec<Operation> = (0..64)
                .flat_map(|_| {
                    let same = Forger::new(world.machine("node-320922-0"), Scope::Own(Reach::Province));
                    dossier(&mut forger, &same, 63)
                })
                .collect();
            forger.say(&run)
        })
        .collect()
}

fn standing(store: &Store, feed: FeedId) -> (u64, u64) {
    let row = store.read(move |conn| feeds::by_id(conn, &feed)).unwrap();
    row.map_or((0, 0), |row| (row.applied, row.size()))
}

#[test]
fn a_batch_of_edits_is_applied_in_parts_and_answered_when_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine(CITY).clone();
    let store = machine.store(Threads::Own);
    let batch = edits(&world, 1).remove(0);
    let feed = batch.feed;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        // The writer is held until three jobs are handed in.
        let (go, gone) = mpsc::channel::<()>();
        let held = store.submit(Length::Long, move |_| Ok(gone.recv().is_ok())).await.unwrap();
        let batch = store.submit(Length::Long, move |ledger| ledger.take_in(&batch)).await.unwrap();
        let other = store
            .submit(Length::Long, move |ledger| {
                let row = feeds::by_id(ledger.conn(), &feed)?.expect("the batch came before");
                Ok((row.applied, row.size()))
            })
            .await
            .unwrap();
        go.send(()).unwrap();
        held.answer().await.unwrap();
        let (applied, size) = other.answer().await.unwrap();
        assert!(applied < size && size == 4096, "another job came before the whole of it: {applied} of {size}");
        assert!(matches!(batch.answer().await.unwrap(), Intake::Taken { size: 4096, .. }));
        assert_eq!(standing(&store, feed), (4096, 4096), "what is acknowledged is applied");
    });
    let most = store.write_blocking(|ledger| Ok(ledger.heaviest_job())).unwrap();
    assert!((SLICE..SLICE * BEYOND).contains(&most), "one job did the work of {most} operations");
    assert_eq!(store.read(quarantine::count).unwrap(), 0);
    oracle::verifies(&machine, &store).unwrap();
}

/// A line of the log, and so many voids of it that do not know of each other.
fn voids(forger: &mut Forger, many: u64) -> [Vec<Operation>; 2] {
    let said = people::log_line(RecordId([6; 16]), 1);
    let (kind, id, salt) = (said.kind.number, forger.id(), said.kind.personal.then_some([3; 16]));
    let void = |n: u64| {
        let void = Void { follows: vec![], heads: vec![], restores: false, reason: format!("误{n}") };
        Operation::new(kind, id, Some(5), void.encode(), salt).voiding(true)
    };
    [vec![Operation::new(kind, id, None, said.encode(), salt)], (0..many).map(void).collect()]
}

#[test]
fn a_batch_of_voids_is_applied_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine(CITY).clone();
    let store = machine.store(Threads::Inline);
    let mut forger = Forger::new(world.machine("node-320922-0"), Scope::Own(Reach::Province));
    voids(&mut forger, 4000).iter().for_each(|run| give(&store, &forger.say(run)));
    assert_eq!(standing(&store, forger.feed.id), (4001, 4001));
    let most = store.write_blocking(|ledger| Ok(ledger.heaviest_job())).unwrap();
    assert!(most < SLICE * BEYOND, "one job did the work of {most} operations");
    assert_eq!(store.read(quarantine::count).unwrap(), 0);
    oracle::verifies(&machine, &store).unwrap();
}

/// What a device said counts no more from some operation on: only that is judged again, and in parts. Others' entries, and
/// what others said of the same dossiers, stay.
#[test]
fn a_revocation_that_reaches_back_is_worked_off_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine(CITY).clone();
    let [mut lost, mut other] = two(&world);
    let line = kind("work_entry").unwrap();
    let lines = |forger: &mut Forger, many: u64| -> Vec<Operation> {
        let said = |n| people::log_line(RecordId([6; 16]), n).encode();
        (0..many).map(|n| Operation::new(line.number, forger.id(), None, said(n), Some([3; 16]))).collect()
    };
    let store = machine.store(Threads::Inline);
    for _ in 0..5 {
        let run = lines(&mut other, 4000);
        give(&store, &other.say(&run));
    }
    // Dossiers that one made and both changed, by turns.
    let mut made = vec![];
    for _ in 0..40 {
        let [one, two, ..] = <[Operation; 3]>::try_from(dossier(&mut other, &lost, 2)).unwrap();
        made.push((one, two));
    }
    let (one, two): (Vec<_>, Vec<_>) = made.into_iter().unzip();
    give(&store, &other.say(&one));
    for _ in 0..2 {
        let run = lines(&mut lost, 4000);
        give(&store, &lost.say(&run));
    }
    give(&store, &lost.say(&two));
    assert_eq!(store.read(quarantine::count).unwrap(), 0);
    drop(store);
    let device = lost.feed.device;
    let store = machine.store(Threads::Own);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let spent = runtime.block_on(async {
        let union = machine.union();
        let plan = move |conn: &store::View| Ok(revocation::plan(conn, union, &device.to_string(), Some(0)));
        let plan = store.read(plan).unwrap().unwrap();
        store.write(|ledger| Ok(ledger.spent())).await.unwrap();
        let revoked = store.write(move |ledger| revocation::revoke(ledger, &plan, "丢失")).await.unwrap();
        assert!(revoked.is_ok(), "{revoked:?}");
        let until = Instant::now() + Duration::from_secs(60);
        while standing(&store, lost.feed.id) != (8040, 8040) {
            assert!(Instant::now() < until, "it goes on by itself");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        store.write(|ledger| Ok(ledger.spent())).await.unwrap()
    });
    let most = store.write_blocking(|ledger| Ok(ledger.heaviest_job())).unwrap();
    assert!(most < SLICE * BEYOND, "one job did the work of {most} operations");
    assert!(spent.operations < 2 * 8040 + 200, "{} operations were judged for 8,040", spent.operations);
    assert_eq!(store.read(quarantine::count).unwrap(), 8040);
    assert_eq!(store.read(|conn| projection::list(conn, line, None, None, 30_000)).unwrap().len(), 20_000);
    let named = store.read(|conn| projection::list(conn, kind("enterprise").unwrap(), None, None, 100)).unwrap();
    assert_eq!(named.len(), 40);
    assert!(named.iter().all(|row| row.record.text("name") == Some("厂")), "the change counts no more");
    oracle::verifies(&machine, &store).unwrap();
}

/// A copy that is made in between, as by a power failure or a backup, is no damage, and goes on where it was.
#[test]
fn what_was_stored_and_not_applied_is_applied_later() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine(CITY).clone();
    let store = machine.store(Threads::Own);
    let batch = edits(&world, 1).remove(0);
    let feed = batch.feed;
    let copy = dir.path().join("copy");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let taken = runtime.block_on(store.submit(Length::Long, move |ledger| ledger.take_in(&batch))).unwrap();
    while standing(&store, feed).1 == 0 {
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
    }
    let half = dir.path().join("half.db");
    drop(store.copy_to(&half).unwrap());
    assert!(matches!(runtime.block_on(taken.answer()).unwrap(), Intake::Taken { .. }));
    drop(store);
    let copied = machine.with_copy_at(&copy);
    for threads in [Threads::Inline, Threads::Own] {
        let asked = tempfile::tempdir().unwrap();
        let asked = asked.path().join("asked.db");
        std::fs::copy(&half, &asked).unwrap();
        let problems = ledger::verify(store::own(&asked).unwrap(), copied.me(), &mut |_| ()).unwrap();
        assert_eq!(problems, []);
        std::fs::copy(&half, copy.join("huiliu.db")).unwrap();
        let store = copied.store(threads);
        let (applied, size) = standing(&store, feed);
        assert!(applied < size, "{applied} of {size}");
        store.write_blocking(|_| Ok(())).unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while standing(&store, feed) != (4096, 4096) {
            assert!(Instant::now() < until, "it goes on by itself");
            runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
        }
        oracle::verifies(&copied, &store).unwrap();
    }
}

/// Edits that follow what has not arrived: beyond a number no more are taken, and none is lost.
#[test]
fn edits_that_wait_are_bounded_and_count_when_what_they_follow_comes() {
    for (by_hand, dossiers) in [(false, 8_200), (true, 6_000)] {
        let dir = tempfile::tempdir().unwrap();
        let world = world(dir.path());
        let (machine, county) = (world.machine(CITY), world.machine("node-320922-0"));
        let city = machine.store(Threads::Inline);
        let [mut first, mut second] = two(&world);
        let (mut made, mut changed) = (vec![], vec![]);
        for _ in 0..dossiers {
            let [one, two] = <[Operation; 2]>::try_from(dossier(&mut first, &second, 1)).unwrap();
            made.push(one);
            changed.push(two);
        }
        let from = Peer { union: county.union(), device: county.me().device() };
        let from = (!by_hand).then_some(from);
        let mut later: Vec<Incoming> = changed.chunks(4000).map(|run| second.say(run)).collect();
        later.iter_mut().for_each(|batch| batch.from = from);
        let feed = later[0].feed;
        let mut put_off = vec![];
        for batch in later {
            match take(&city, batch.clone()) {
                Intake::Taken { .. } => {}
                Intake::Later { seconds } => {
                    assert!(seconds > 0);
                    put_off.push(batch);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(put_off.len(), if by_hand { 0 } else { 1 });
        let waiting = city.read(quarantine::count).unwrap();
        assert!((4096..4096 + 256).contains(&waiting), "{waiting} wait");
        oracle::verifies(machine, &city).unwrap();
        let full = city.read(|conn| quarantine::most_early(conn, ledger::MOST_EARLY)).unwrap();
        assert_eq!(full.len(), 1, "the inbox tells of it");
        // What they follow comes, the last of it first.
        let spent = city
            .write_blocking(|ledger| {
                ledger.spent();
                Ok(())
            })
            .and_then(|()| {
                made.chunks(4000).for_each(|run| give(&city, &first.say(run)));
                city.write_blocking(|ledger| Ok(ledger.spent()))
            })
            .unwrap();
        let bytes: usize = changed.iter().chain(&made).map(|o| o.header.len() + o.payload.len()).sum();
        assert!(spent.bytes < 8 * bytes as u64, "{} bytes were read for {bytes}", spent.bytes);
        put_off.iter().for_each(|batch| give(&city, batch));
        assert_eq!(standing(&city, feed), (dossiers as u64, dossiers as u64));
        assert_eq!(city.read(quarantine::count).unwrap(), 0);
        assert!(city.read(|conn| quarantine::most_early(conn, ledger::MOST_EARLY)).unwrap().is_empty());
        oracle::verifies(machine, &city).unwrap();
    }
}

/// Many edits of one dossier wait for the one that made it; they are many more than one job may judge.
#[test]
fn what_one_edit_brings_up_is_judged_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine(CITY).clone();
    let [mut first, mut second] = two(&world);
    let mut edits = dossier(&mut first, &second, 1500);
    let changes = edits.split_off(1);
    let store = machine.store(Threads::Own);
    give(&store, &second.say(&changes));
    assert_eq!(store.read(quarantine::count).unwrap(), 1500);
    store.write_blocking(|ledger| Ok(ledger.spent())).unwrap();
    give(&store, &first.say(&edits));
    assert!(store.read(quarantine::count).unwrap() > 0, "another job has its turn in between");
    let until = Instant::now() + Duration::from_secs(60);
    while store.read(quarantine::count).unwrap() > 0 {
        assert!(Instant::now() < until, "it goes on by itself");
        store.write_blocking(|_| Ok(())).unwrap();
    }
    let most = store.write_blocking(|ledger| Ok(ledger.heaviest_job())).unwrap();
    assert!(most < SLICE * BEYOND, "one job did the work of {most} operations");
    oracle::verifies(&machine, &store).unwrap();
}

/// The history that a machine has of a county's feed gives way to that of the level above: what it loses is taken out in parts,
/// nothing of the feed comes in between, and then the other history does.
#[test]
fn what_a_history_loses_that_gives_way_is_taken_out_in_parts() {
    const EACH: u64 = 4000;
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine(CITY).clone();
    let copy = dir.path().join("copy");
    let copied = machine.with_copy_at(&copy);
    let above = world.machine("hub-320000");
    let from = Some(Peer { union: above.union(), device: above.me().device() });
    let [mut county, mut other] = two(&world);
    let line = kind("work_entry").unwrap();
    let lines = |forger: &mut Forger, many: u64| -> Vec<Operation> {
        let said = |n| people::log_line(RecordId([6; 16]), n).encode();
        (0..many).map(|n| Operation::new(line.number, forger.id(), None, said(n), Some([3; 16]))).collect()
    };
    let store = machine.store(Threads::Own);
    let run = lines(&mut county, EACH);
    give(&store, &county.say(&run));
    let mut clone = county.cloned(0);
    for _ in 0..3 {
        let run = lines(&mut county, EACH);
        give(&store, &county.say(&run));
    }
    // A dossier that another device made: what the county's said of it is lost, and it is made again once.
    let mut said = dossier(&mut other, &county, 300);
    let changes = said.split_off(1);
    give(&store, &other.say(&said));
    give(&store, &county.say(&changes));
    let all = 4 * EACH + 300;
    assert_eq!(standing(&store, county.feed.id), (all, all));
    let run = lines(&mut clone, EACH);
    let batch = Incoming { from, ..clone.say(&run) };
    store.write_blocking(|ledger| Ok(ledger.spent())).unwrap();
    assert_eq!(take(&store, batch.clone()), Intake::Again);
    assert!(matches!(take(&store, batch.clone()), Intake::Later { .. }), "the feed gives way");
    // A copy is looked at meanwhile; a program that ends there goes on with it.
    let half = dir.path().join("half.db");
    drop(store.copy_to(&half).unwrap());
    std::fs::copy(&half, copy.join("huiliu.db")).unwrap();
    assert_eq!(ledger::verify(store::own(&half).unwrap(), copied.me(), &mut |_| ()).unwrap(), []);
    let judged = |store: &Store| store.write_blocking(|ledger| Ok(ledger.spent())).unwrap().operations;
    let finish = |store: &Store| while store.write_blocking(ledger::Ledger::has_lag).unwrap() {};
    finish(&store);
    assert!(judged(&store) < 2 * 300, "only the dossier has something left to judge, and once");
    let most = store.write_blocking(|ledger| Ok(ledger.heaviest_job())).unwrap();
    assert!(most < SLICE * BEYOND, "one job did the work of {most} operations");
    let copied_store = copied.store(Threads::Own);
    assert_eq!(standing(&copied_store, county.feed.id).1, all, "it was copied in between");
    finish(&copied_store);
    for store in [&store, &copied_store] {
        assert_eq!(standing(store, county.feed.id), (EACH, EACH));
        assert_eq!(store.read(|conn| projection::count(conn, line, None)).unwrap(), EACH);
        give(store, &batch);
        finish(store);
        assert_eq!(standing(store, county.feed.id), (2 * EACH, 2 * EACH));
        assert_eq!(store.read(|conn| projection::count(conn, line, None)).unwrap(), 2 * EACH);
        let named = store.read(|conn| projection::list(conn, kind("enterprise").unwrap(), None, None, 9)).unwrap();
        assert_eq!(named.iter().map(|row| row.record.text("name")).collect::<Vec<_>>(), [Some("厂")]);
    }
    oracle::verifies(&machine, &store).unwrap();
    oracle::verifies(&copied, &copied_store).unwrap();
}

/// Prints how long others wait for the writer at most while batches are taken in: by hand, on a quiet machine,
/// `cargo test --release -p huiliu-tests --test slices -- --ignored --nocapture`.
#[test]
#[ignore = "measures time"]
fn how_long_the_longest_job_is() {
    for many in [1, 8, 32] {
        let dir = tempfile::tempdir().unwrap();
        let world = world(dir.path());
        let store = world.machine(CITY).store(Threads::Own);
        let batches = edits(&world, many);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        let (longest, took) = runtime.block_on(async {
            let began = Instant::now();
            let all = store.clone();
            let taking = tokio::spawn(async move {
                for batch in batches {
                    let taken = all.write(move |ledger| ledger.take_in(&batch)).await.unwrap();
                    assert!(matches!(taken, Intake::Taken { .. }), "{taken:?}");
                }
            });
            let mut longest = Duration::ZERO;
            while !taking.is_finished() {
                let asked = Instant::now();
                store.write(|_| Ok(())).await.unwrap();
                longest = longest.max(asked.elapsed());
            }
            (longest, began.elapsed())
        });
        let most = store.write_blocking(|ledger| Ok(ledger.heaviest_job())).unwrap();
        println!(
            "{many:>3} batches of 4,096 edits: {:>6.1} s, another job waits for {:>4} ms at most, and a job is {most} \
             operations at most",
            took.as_secs_f64(),
            longest.as_millis()
        );
    }
}
