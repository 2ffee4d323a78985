//! A record of which much is known is made again in parts, and comes out as a rebuild has it: whatever comes in between.

use huiliu_node::{
    document::Document,
    ledger::{self, Ledger, WriteOutcome},
    store::{self, View, evidence::Peer, feeds, projection, quarantine},
    writer::{Store, Threads},
};
use huiliu_proto::{
    edit::{Actor, Scalar},
    feed::Scope,
    id::RecordId,
    kind::{Reach, kind},
    operation::Operation,
    v1::Ruling,
};
use huiliu_tests::{
    decisions::{revocation, ruling},
    forger::Forger,
    oracle, people,
    relay::{batches, give},
    world::{World, hand_clock},
};

const SLICE: u64 = 4096;
const BEYOND: u64 = 2;

fn world(dir: &std::path::Path) -> World {
    let world = World::with_two_machines(dir, 53, hand_clock().0);
    let above = ["hub-100000", "hub-320000", "hub-320900"].map(|n| batches(&world.machine(n).store(Threads::Inline)));
    let county = world.machine("node-320922-1").store(Threads::Inline);
    above.iter().flatten().flatten().for_each(|batch| give(&county, batch));
    world
}

fn values(name: &str) -> Vec<(u32, Scalar)> {
    let kind = kind("enterprise").unwrap();
    let field = |name: &str| kind.fields[kind.field(name).unwrap()].number;
    let mut values = vec![
        (field("name"), Scalar::Text(name.into())),
        (field("uscc"), Scalar::Text("91350100M000100Y43".into())),
        (field("region"), Scalar::Number(320_922)),
        (field("industry"), Scalar::Number(3)),
        (field("ownership"), Scalar::Number(3)),
    ];
    values.sort_by_key(|(field, _)| *field);
    values
}

/// What a device says of a dossier that it makes in `by`, and changes so often.
fn dossier(by: &Forger, id: RecordId, name: &str, changes: usize) -> Vec<Operation> {
    let kind = kind("enterprise").unwrap();
    let author = Actor::new(&by.feed.id, &id);
    let mut document = Document::default();
    let field = kind.fields[kind.field("name").unwrap()].number;
    let changed = (0..changes).map(|n| vec![(field, Scalar::Text(format!("{name}{n}")))]);
    std::iter::once(values(name))
        .chain(changed)
        .map(|values| {
            let edit = document.compose(author, values, [4; 16]).unwrap();
            document.receive(author, &edit).unwrap();
            Operation::new(kind.number, id, Some(1), edit.encode(author), Some([3; 16]))
        })
        .collect()
}

/// A second edit of the dossier `厂` that is not the one it had, again and again: it does not fit.
fn misfits(by: &Forger, id: RecordId, times: std::ops::Range<i64>) -> Vec<Operation> {
    let author = Actor::new(&by.feed.id, &id);
    let mut document = Document::default();
    let made = document.compose(author, values("厂"), [4; 16]).unwrap();
    document.receive(author, &made).unwrap();
    let misfit = document.compose(author, values("所"), [4; 16]).unwrap();
    let kind = kind("enterprise").unwrap().number;
    times.map(|time| Operation::new(kind, id, Some(time + 2), misfit.encode(author), Some([3; 16]))).collect()
}

/// Two feeds of one device: the one that comes first when all is computed again, and the other.
fn feeds(world: &World) -> [Forger; 2] {
    let one = Forger::new(world.machine("node-320922-0"), Scope::Own(Reach::Province));
    let other = Forger::again(&one, one.feed.union, 500);
    if one.feed.id.0 < other.feed.id.0 { [one, other] } else { [other, one] }
}

fn name(store: &Store, id: RecordId) -> Option<String> {
    let kind = kind("enterprise").unwrap();
    let of = move |conn: &View| projection::get(conn, kind, &id);
    store.read(of).unwrap().and_then(|row| row.record.text("name").map(str::to_owned))
}

fn finish(store: &Store) {
    while store.write_blocking(Ledger::has_lag).unwrap() {}
}

fn heaviest(store: &Store) -> u64 {
    store.write_blocking(|ledger| Ok(ledger.heaviest_job())).unwrap()
}

/// A device sends much that does not fit a dossier, and then claims the id in an earlier feed.
#[test]
fn what_does_not_fit_is_judged_again_in_parts() {
    const MANY: usize = 3000;
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine("node-320922-1");
    let store = machine.store(Threads::Own);
    let [mut first, mut second] = feeds(&world);
    let id = second.id();
    let said = dossier(&second, id, "厂", 200);
    give(&store, &second.say(&said));
    // Under numbers that were used.
    misfits(&second, id, 0..MANY as i64).chunks(1000).for_each(|run| give(&store, &second.say(run)));
    finish(&store);
    let held = store.read(quarantine::count).unwrap();
    assert!(held == MANY as u64, "{held}");
    let before = heaviest(&store);
    assert!(before < SLICE * BEYOND, "{before}");
    let claim = dossier(&first, id, "先", 1);
    give(&store, &first.say(&claim));
    assert!(store.write_blocking(Ledger::has_lag).unwrap(), "others have their turn in between");
    // A copy is looked at meanwhile, and more of it comes.
    let half = dir.path().join("half.db");
    drop(store.copy_to(&half).unwrap());
    assert_eq!(ledger::verify(store::own(&half).unwrap(), machine.me(), &mut |_| ()).unwrap(), []);
    let more = misfits(&second, id, MANY as i64..MANY as i64 + 5);
    give(&store, &second.say(&more));
    finish(&store);
    assert_eq!(name(&store, id).as_deref(), Some("先0"), "what comes first has the id");
    let most = heaviest(&store);
    assert!(most < SLICE * BEYOND, "one job did the work of {most} operations");
    oracle::rebuilds_the_same(machine, &store).unwrap();
    oracle::verifies(machine, &store).unwrap();
}

/// A machine of the union edits the dossier while it is being made again: it sees all of it, and no edit is lost.
#[test]
fn who_writes_meanwhile_sees_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine("node-320922-1");
    let store = machine.store(Threads::Own);
    let [mut first, mut second] = feeds(&world);
    let id = second.id();
    let made = dossier(&second, id, "厂", 400);
    give(&store, &second.say(&made));
    finish(&store);
    store.write_blocking(move |ledger| people::edit(ledger, "enterprise", id, "name", "本机")).unwrap();
    store
        .write_blocking(|ledger| {
            ledger.set_slice(50);
            Ok(())
        })
        .unwrap();
    // The same creation comes in an earlier feed, so that all of it is made again.
    give(&store, &first.say(&made[..1]));
    let again = dossier(&first, id, "先", 0);
    give(&store, &first.say(&again));
    assert!(store.write_blocking(Ledger::has_lag).unwrap());
    store.write_blocking(move |ledger| people::edit(ledger, "enterprise", id, "name", "又一次")).unwrap();
    finish(&store);
    assert_eq!(name(&store, id).as_deref(), Some("又一次"));
    oracle::rebuilds_the_same(machine, &store).unwrap();
}

/// An exchange ends while a dossier is being made again that a machine of the union has edited: what only waits for its turn
/// is not said again.
#[test]
fn what_waits_for_its_turn_is_no_orphan() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine("node-320922-1");
    let (store, city) = (machine.store(Threads::Own), world.machine("hub-320900"));
    let hub = city.store(Threads::Inline);
    let [_, mut other] = feeds(&world);
    let id = other.id();
    let made = other.say(&dossier(&other, id, "厂", 400));
    let hears = |what| {
        let written = hub.write_blocking(move |ledger| ledger.write_entry(&what)).unwrap();
        assert!(matches!(written, WriteOutcome::Written { .. }), "{written:?}");
        batches(&hub).iter().flatten().for_each(|batch| give(&store, batch));
    };
    [&hub, &store].iter().for_each(|store| give(store, &made));
    let county = other.feed.union;
    hears(revocation(&other, county, &[(&other, 400)]));
    finish(&store);
    store.write_blocking(move |ledger| people::edit(ledger, "enterprise", id, "name", "本机")).unwrap();
    store
        .write_blocking(|ledger| {
            ledger.set_slice(50);
            Ok(())
        })
        .unwrap();
    hears(ruling(&other, county, (400, 1), Ruling::Released, 1));
    assert!(store.write_blocking(Ledger::has_lag).unwrap(), "it is made again");
    let operations =
        || store.read(|conn| Ok(feeds::owned(conn)?.iter().map(feeds::FeedRow::size).sum::<u64>())).unwrap();
    let (before, peer) = (operations(), Peer { union: city.union(), device: city.me().device() });
    store.write_blocking(move |ledger| ledger.settled_with(peer, &Default::default())).unwrap();
    finish(&store);
    assert_eq!((operations(), store.read(quarantine::count).unwrap()), (before, 0));
    oracle::rebuilds_the_same(machine, &store).unwrap();
}

/// How long the longest job takes: by hand, on a quiet machine,
/// `cargo test --release -p huiliu-tests --test remade -- --ignored --nocapture`.
#[test]
#[ignore = "measures time"]
fn how_long_a_record_takes_that_is_made_again() {
    // In one job, as it once was, and in parts.
    for (many, slice) in [(20_000, SLICE << 30), (200_000, SLICE << 30), (20_000, SLICE), (200_000, SLICE)] {
        let dir = tempfile::tempdir().unwrap();
        let world = world(dir.path());
        let store = world.machine("node-320922-1").store(Threads::Own);
        let [mut first, mut second] = feeds(&world);
        let id = second.id();
        let said = dossier(&second, id, "厂", 1);
        give(&store, &second.say(&said));
        for from in (0..many).step_by(4000) {
            let run = misfits(&second, id, from..from + 4000);
            give(&store, &second.say(&run));
        }
        finish(&store);
        store
            .write_blocking(move |ledger| {
                ledger.set_slice(slice);
                Ok(())
            })
            .unwrap();
        let claim = dossier(&first, id, "先", 1);
        let claim = first.say(&claim);
        let done = std::sync::atomic::AtomicBool::new(false);
        let began = std::time::Instant::now();
        let longest = std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let mut longest = std::time::Duration::ZERO;
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let asked = std::time::Instant::now();
                    store.write_blocking(|_| Ok(())).unwrap();
                    longest = longest.max(asked.elapsed());
                }
                longest
            });
            give(&store, &claim);
            finish(&store);
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            asking.join().unwrap()
        });
        println!(
            "{many:>6} edits: {:.1} s, another job waits for {} ms at most",
            began.elapsed().as_secs_f64(),
            longest.as_millis()
        );
    }
}
