//! What a machine cuts off another device's feed is given back to that device: all that counted, whatever else was said in
//! between, and once.

use huiliu_node::{
    ledger::{Incoming, Intake, Ledger},
    store::{View, evidence::Peer, projection, quarantine},
    writer::{Store, Threads},
};
use huiliu_proto::{
    feed::Scope,
    id::RecordId,
    kind::{Reach, kind},
    operation::Operation,
    v1,
};
use huiliu_tests::{
    forger::Forger,
    oracle, people,
    relay::{batches, give, take},
    world::{World, hand_clock},
};
use prost::Message as _;

/// Another machine of the county, what those above said, and who hands over what the level above has.
fn world(dir: &std::path::Path) -> (World, Store, Option<Peer>) {
    let world = World::with_two_machines(dir, 59, hand_clock().0);
    let store = world.machine("node-320922-1").store(Threads::Own);
    let above = ["hub-100000", "hub-320000", "hub-320900"].map(|n| batches(&world.machine(n).store(Threads::Inline)));
    above.iter().flatten().flatten().for_each(|batch| give(&store, batch));
    let city = world.machine("hub-320900");
    let from = Some(Peer { union: city.union(), device: city.me().device() });
    (world, store, from)
}

fn lines(by: &mut Forger, range: std::ops::Range<u64>) -> Vec<Operation> {
    let line = |n| {
        let said = people::log_line(RecordId([6; 16]), n);
        Operation::new(said.kind.number, by.id(), None, said.encode(), said.kind.personal.then_some([3; 16]))
    };
    range.map(line).collect()
}

/// The operations that were given back, as often as they were.
fn given_back(store: &Store) -> Vec<RecordId> {
    let all = |conn: &View| projection::list(conn, kind("stray_return").unwrap(), None, None, 1000);
    let mut given = vec![];
    for row in store.read(all).unwrap() {
        let kind = kind("stray_return").unwrap();
        let proof = row.record.values()[kind.field("proof").unwrap()].clone();
        let Some(huiliu_proto::value::Value::Bytes(proof)) = proof else { panic!("{proof:?}") };
        let said = v1::ProofFeed::decode(&proof[..]).unwrap();
        given.extend(
            said.operations.into_iter().map(|one| Operation::from_wire(one.operation.unwrap()).unwrap().record),
        );
    }
    given
}

fn finish(store: &Store) {
    while store.write_blocking(Ledger::has_lag).unwrap() {}
}

#[test]
fn what_is_held_leaves_room_for_what_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store, from) = world(dir.path());
    let mut forger = Forger::new(world.machine("node-320922-0"), Scope::Own(Reach::Province));
    let mut clone = forger.cloned(0);
    // Five megabytes that break a rule, and then ten lines.
    let number = kind("work_entry").unwrap().number;
    for _ in 0..5 {
        let run: Vec<_> =
            (0..10).map(|_| Operation::new(number, forger.id(), None, vec![9; 100_000], Some([3; 16]))).collect();
        give(&store, &forger.say(&run));
    }
    let said = lines(&mut forger, 0..10);
    give(&store, &forger.say(&said));
    assert_eq!(store.read(quarantine::count).unwrap(), 50);
    let theirs = lines(&mut clone, 20..22);
    let theirs = Incoming { from, ..clone.say(&theirs) };
    assert_eq!(take(&store, theirs), Intake::Again);
    finish(&store);
    let given = given_back(&store);
    assert_eq!(given, said.iter().map(|said| said.record).collect::<Vec<_>>());
}

#[test]
fn it_is_given_back_once_where_all_is_computed_again_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store, from) = world(dir.path());
    let mut forger = Forger::new(world.machine("node-320922-0"), Scope::Own(Reach::Province));
    let mut clone = forger.cloned(0);
    let said = lines(&mut forger, 0..100);
    give(&store, &forger.say(&said));
    let theirs = lines(&mut clone, 200..202);
    let theirs = Incoming { from, ..clone.say(&theirs) };
    store
        .write_blocking(|ledger| {
            ledger.set_slice(5);
            Ok(())
        })
        .unwrap();
    let again = {
        let theirs = theirs.clone();
        // In one transaction, so that nothing goes on in between.
        store.write_blocking(move |ledger| {
            let taken = ledger.take_in(&theirs)?;
            ledger.rebuild(&mut |_| ())?;
            Ok(taken)
        })
    };
    assert_eq!(again.unwrap(), Intake::Again);
    finish(&store);
    // The two part once more.
    assert_eq!(take(&store, theirs.clone()), Intake::Again);
    finish(&store);
    give(&store, &theirs);
    finish(&store);
    assert_eq!(given_back(&store).len(), 100);
    oracle::rebuilds_the_same(world.machine("node-320922-1"), &store).unwrap();
}
