//! A machine's own history gives way to that of the level above: what only it had written is taken out and said again in parts,
//! with others' jobs in between, and whatever ends the program or computes all again there, all of it counts once.

use std::path::Path;

use huiliu_node::{
    ledger::{self, Incoming, Intake, Ledger},
    store::{self, View, evidence::Peer, feeds, projection},
    writer::{Store, Threads},
};
use huiliu_proto::{
    id::{FeedId, RecordId},
    kind::kind,
};
use huiliu_tests::{
    oracle, people,
    relay::{batches, take},
    world::{Machine, World, hand_clock},
};

const LINES: u64 = 150;
const SLICE: u64 = 60;

/// What the disk held, and the clone's history of the same feed, as the city hands it over.
struct Cloned {
    machine: Machine,
    dossier: RecordId,
    theirs: Vec<Incoming>,
}

fn cloned(world: &World, dir: &Path) -> Cloned {
    let machine = world.machine("node-320922-0").clone();
    let (store, city) = (machine.store(Threads::Inline), world.machine("hub-320900"));
    let dossier = store
        .write_blocking(|ledger| {
            let dossier = people::mediator(ledger, 1)?;
            people::work_entry(ledger, dossier, 0)?;
            Ok(dossier)
        })
        .unwrap();
    let shared: Vec<(FeedId, u64)> =
        batches(&store).concat().iter().map(|batch| (batch.feed, batch.first + batch.count)).collect();
    drop(store);
    let clone = machine.with_copy_at(&dir.join("clone")).store(Threads::Inline);
    clone
        .write_blocking(move |ledger| (1000..1005).try_for_each(|n| people::work_entry(ledger, dossier, n).map(drop)))
        .unwrap();
    let from = Some(Peer { union: city.union(), device: city.me().device() });
    let is_new = |batch: &Incoming| shared.iter().any(|(feed, size)| batch.feed == *feed && batch.first >= *size);
    let theirs = batches(&clone).concat().into_iter().filter(is_new).map(|batch| Incoming { from, ..batch }).collect();
    let store = machine.store(Threads::Inline);
    store
        .write_blocking(move |ledger| {
            (1..LINES).try_for_each(|n| people::work_entry(ledger, dossier, n).map(drop))?;
            (0..20).try_for_each(|n| people::edit(ledger, "mediator", dossier, "phone", &format!("139111111{n:02}")))
        })
        .unwrap();
    batches(&store);
    Cloned { machine, dossier, theirs }
}

fn open(machine: &Machine, slice: u64) -> Store {
    let store = machine.store(Threads::Own);
    store
        .write_blocking(move |ledger| {
            ledger.set_slice(slice);
            Ok(())
        })
        .unwrap();
    store
}

fn finish(store: &Store) {
    while store.write_blocking(Ledger::has_lag).unwrap() {}
}

/// All of both histories is here, and once.
fn is_whole(machine: &Machine, store: &Store, cloned: &Cloned) {
    finish(store);
    for batch in &cloned.theirs {
        let taken = take(store, batch.clone());
        assert!(matches!(taken, Intake::Taken { .. }), "{taken:?}");
    }
    finish(store);
    assert_eq!(store.read(|conn| projection::count(conn, kind("work_entry").unwrap(), None)).unwrap(), LINES + 5);
    let (dossier, kind) = (cloned.dossier, kind("mediator").unwrap());
    let of = move |conn: &View| projection::get(conn, kind, &dossier);
    assert_eq!(store.read(of).unwrap().unwrap().record.text("phone"), Some("13911111119"));
    oracle::verifies(machine, store).unwrap();
    oracle::rebuilds_the_same(machine, store).unwrap();
}

#[test]
fn what_an_own_history_loses_is_said_again_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with_two_machines(dir.path(), 61, hand_clock().0);
    let cloned = cloned(&world, dir.path());
    let store = open(&cloned.machine, SLICE);
    let [theirs] = &cloned.theirs[..] else { panic!("one batch: {}", cloned.theirs.len()) };
    assert_eq!(take(&store, theirs.clone()), Intake::Again);
    assert!(matches!(take(&store, theirs.clone()), Intake::Later { .. }), "it gives way");
    // A copy is looked at meanwhile, something is written, and an exchange ends.
    let half = dir.path().join("half.db");
    drop(store.copy_to(&half).unwrap());
    assert_eq!(ledger::verify(store::own(&half).unwrap(), cloned.machine.me(), &mut |_| ()).unwrap(), []);
    let dossier = cloned.dossier;
    store.write_blocking(move |ledger| people::work_entry(ledger, dossier, 999).map(drop)).unwrap();
    // What is written now stands in a feed that says where the machine left the one before.
    let latest = |conn: &View| Ok(feeds::owned(conn)?.into_iter().max_by_key(|row| row.feed.incarnation));
    let continues = store.read(latest).unwrap().unwrap().feed.continues;
    assert_eq!(continues, Some((theirs.feed, theirs.first)));
    let from = theirs.from.unwrap();
    store.write_blocking(move |ledger| ledger.settled_with(from, &Default::default())).unwrap();
    finish(&store);
    let most = store.write_blocking(|ledger| Ok(ledger.heaviest_job())).unwrap();
    assert!(most < 4 * SLICE, "one job did the work of {most} operations");
    let one_more = |conn: &View| projection::count(conn, kind("work_entry").unwrap(), None);
    assert_eq!(store.read(one_more).unwrap(), LINES + 1);
    let taken = take(&store, theirs.clone());
    assert!(matches!(taken, Intake::Taken { .. }), "{taken:?}");
    assert_eq!(store.read(one_more).unwrap(), LINES + 6);
    oracle::verifies(&cloned.machine, &store).unwrap();
    oracle::rebuilds_the_same(&cloned.machine, &store).unwrap();
}

/// The program is killed after each few parts.
#[test]
fn a_program_that_is_killed_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with_two_machines(dir.path(), 61, hand_clock().0);
    let cloned = cloned(&world, dir.path());
    let mut machine = cloned.machine.clone();
    let store = open(&machine, 20);
    assert_eq!(take(&store, cloned.theirs[0].clone()), Intake::Again);
    drop(store);
    for n in 0..6 {
        let copy = dir.path().join(format!("killed-{n}"));
        let store = open(&machine, 20);
        for _ in 0..3 {
            store.write_blocking(|_| Ok(())).unwrap();
        }
        // What is beside the database is noted after its commits.
        let next = machine.with_copy_at(&copy);
        let half = dir.path().join(format!("half-{n}.db"));
        drop(store.copy_to(&half).unwrap());
        drop(store);
        for beside in ["huiliu.db-wal", "huiliu.db-shm"] {
            let _ = std::fs::remove_file(copy.join(beside));
        }
        std::fs::copy(&half, copy.join("huiliu.db")).unwrap();
        machine = next;
    }
    let store = open(&machine, 20);
    is_whole(&machine, &store, &cloned);
}

/// All is computed again in between, and the two histories part once more.
#[test]
fn it_is_said_again_once_where_all_is_computed_again_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with_two_machines(dir.path(), 61, hand_clock().0);
    let cloned = cloned(&world, dir.path());
    let store = open(&cloned.machine, SLICE);
    let theirs = cloned.theirs[0].clone();
    assert_eq!(take(&store, theirs.clone()), Intake::Again);
    for _ in 0..3 {
        store.write_blocking(|ledger| ledger.rebuild(&mut |_| ())).unwrap();
        let taken = take(&store, theirs.clone());
        assert!(matches!(taken, Intake::Again | Intake::Later { .. } | Intake::Taken { .. }), "{taken:?}");
        store.write_blocking(|_| Ok(())).unwrap();
    }
    is_whole(&cloned.machine, &store, &cloned);
}
