//! That a record counts as of a day: shown by the word of every level, and never of what a revoked device wrote.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use huiliu_hub::{app, revocation, vouching};
use huiliu_node::{
    app::Mode,
    clock,
    identity::Role,
    ledger::Ledger,
    proof::{Made, Maker, ProvingError},
    standing::Vouched,
    store::{projection, trust},
    writer::{Store, Threads},
};
use huiliu_proto::{id::RecordId, period::Day, proof};
use huiliu_tests::{
    people,
    relay::{batches, take},
    world::{START, World, hand_clock},
};

const HUBS: [&str; 3] = ["hub-100000", "hub-320000", "hub-320900"];
const DAY: i64 = 86_400_000;

struct Place {
    _dir: tempfile::TempDir,
    world: World,
    clock: Arc<AtomicI64>,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = hand_clock();
    let mut world = World::new(dir.path(), 44, clock);
    for (union, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)]
    {
        world.add(union, role).unwrap();
    }
    Place { _dir: dir, world, clock: hand }
}

impl Place {
    fn store(&self, name: &str) -> Store {
        self.world.machine(name).store(Threads::Inline)
    }

    fn day(&self, day: i64) -> Day {
        self.clock.store(START + day * DAY, Ordering::Relaxed);
        clock::day(START + day * DAY)
    }

    /// Everything that is written reaches everyone, but the county does not hear what `deaf` leaves out.
    fn carry(&self, deaf: bool) {
        let names = [&HUBS[..], &["node-320922-0"]].concat();
        for from in &names {
            for batch in batches(&self.store(from)).into_iter().flatten() {
                for to in names.iter().filter(|to| *to != from && !(deaf && **to == "node-320922-0")) {
                    take(&self.store(to), batch.clone());
                }
            }
        }
    }

    fn said(&self, hub: &str) -> Vec<Vouched> {
        let me = self.world.machine(hub).me();
        app::vouch::vouch(&self.store(hub), &me, None, Mode::Write, &mut ()).unwrap()
    }

    /// The hubs say what counts, from the city upwards.
    fn vouch(&self, hubs: &[&str]) {
        for hub in hubs {
            let said = self.said(hub);
            assert!(!said.is_empty() && said.iter().all(|v| v.refused.is_none()), "{hub}: {said:?}");
            self.carry(false);
        }
    }

    fn prove(&self, at: &str, id: RecordId, as_of: Day) -> Result<Made, ProvingError> {
        let store = self.store(at);
        store.write_blocking(Ledger::pack_all).unwrap();
        let root = self.world.machine("hub-100000").home.root().unwrap();
        let made = store.read(|conn| {
            let shown = projection::find(conn, &id)?.expect("it counts here");
            Ok(Maker::new(conn, root).record(id, &[(shown.place.feed, shown.place.seq)], Some(as_of)))
        });
        made.unwrap()
    }
}

#[test]
fn a_record_counts_as_of_a_day_by_the_word_of_every_level() {
    let place = place();
    place.carry(false);
    let county = place.store("node-320922-0");
    let mediator = county.write_blocking(|l| people::mediator(l, 1)).unwrap();
    let entry = county.write_blocking(move |l| people::work_entry(l, mediator, 1)).unwrap();
    place.carry(false);
    let day = place.day(100);
    let missing = place.prove("node-320922-0", entry, day).unwrap_err();
    assert!(matches!(missing, ProvingError::NoStanding { union, .. } if union.get() == 320_900), "{missing}");
    // The city alone, and then everyone up to the root.
    place.vouch(&["hub-320900"]);
    let some = place.prove("node-320922-0", entry, day).unwrap().proven.counts().unwrap();
    assert!(!some.shown && some.as_of == Some(day));
    place.vouch(&["hub-320000", "hub-100000"]);
    for at in ["node-320922-0", "hub-320900", "hub-320000"] {
        let made = place.prove(at, entry, day).unwrap();
        let fingerprint = place.world.machine("hub-100000").home.root().unwrap().fingerprint();
        let counts = proof::check(&made.file, fingerprint).unwrap().counts().unwrap();
        assert!(counts.shown && counts.as_of == Some(day) && counts.says.len() == 3, "{at}: {counts:?}");
    }
    // Of a later day nobody has said so yet.
    assert!(matches!(place.prove("node-320922-0", entry, place.day(101)), Err(ProvingError::NoStanding { .. })));
}

#[test]
fn what_was_written_in_july_after_a_revocation_in_january_never_counts() {
    let place = place();
    place.carry(false);
    let county = place.store("node-320922-0");
    let mediator = county.write_blocking(|l| people::mediator(l, 1)).unwrap();
    let january = county.write_blocking(move |l| people::work_entry(l, mediator, 1)).unwrap();
    place.carry(false);
    place.day(10);
    let city = place.store("hub-320900");
    let device = place.world.machine("node-320922-0").me().device().to_string();
    let plan = city
        .read(|conn| Ok(revocation::plan(conn, "320900".parse().unwrap(), &device, None).expect("it is enrolled")))
        .unwrap();
    city.write_blocking(move |l| revocation::revoke(l, &plan, "失窃")).unwrap().unwrap();
    // Whoever has the machine keeps it from hearing of that, and writes on.
    let july = place.day(190);
    let entry = county.write_blocking(move |l| people::work_entry(l, mediator, 2)).unwrap();
    place.carry(true);
    let limit = city.read(|conn| {
        let row = huiliu_node::store::feeds::of_device(conn, &place.world.machine("node-320922-0").me().device())?;
        let row = huiliu_node::store::feeds::by_no(conn, row[0])?;
        Ok((trust::limit(conn, &row.feed)?, row.size()))
    });
    assert!(matches!(limit.unwrap(), (Some(limit), size) if limit < size), "the city holds what it does not count");
    // Every honest level says what counts. The thief takes it all, and still nothing says that July's entry does.
    for hub in ["hub-320900", "hub-320000", "hub-100000"] {
        place.said(hub);
        place.carry(true);
    }
    for hub in HUBS {
        for batch in batches(&place.store(hub)).into_iter().flatten() {
            // But not the revocation itself: her machine would stop.
            take(&county, batch);
        }
    }
    let made = place.prove("hub-320000", january, july).unwrap();
    assert!(made.proven.counts().unwrap().shown, "what was written before still counts in July");
    let root = place.world.machine("hub-100000").home.root().unwrap();
    for at in ["hub-320900", "hub-320000", "node-320922-0"] {
        let store = place.store(at);
        let made = store
            .read(|conn| {
                let device = place.world.machine("node-320922-0").me().device();
                for no in huiliu_node::store::feeds::of_device(conn, &device)? {
                    let row = huiliu_node::store::feeds::by_no(conn, no)?;
                    for seq in 0..row.size() {
                        let operation = huiliu_node::store::feeds::operation(conn, no, seq)?;
                        if operation.is_some_and(|o| o.record == entry) {
                            let with = |day| Maker::new(conn, root.clone()).record(entry, &[(no, seq)], day);
                            return Ok((with(Some(july)), with(Some(clock::day(START))), with(None)));
                        }
                    }
                }
                panic!("it is nowhere");
            })
            .unwrap();
        assert!(matches!(made.0, Err(ProvingError::NoStanding { .. })), "{at}: {:?}", made.0);
        assert!(matches!(made.1, Err(ProvingError::NoStanding { .. })), "{at}: {:?}", made.1);
        assert_eq!(made.2.unwrap().proven.counts(), None, "{at}: written, and not shown to count");
    }
}

/// Every hub says so by itself: at most once a day of each device, and only where something else counts than before.
#[test]
fn hubs_say_by_themselves_what_counts() {
    let place = place();
    place.carry(false);
    let county = place.store("node-320922-0");
    let mediator = county.write_blocking(|l| people::mediator(l, 1)).unwrap();
    let entry = county.write_blocking(move |l| people::work_entry(l, mediator, 1)).unwrap();
    place.carry(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    // A look at each hub, from the city upwards.
    let looks = |day: i64| -> Vec<usize> {
        place.day(day);
        let look = |hub: &&str| {
            let (machine, store) = (place.world.machine(hub), place.store(hub));
            let now = START + day * DAY;
            let said = runtime.block_on(vouching::vouch(&store, machine.union(), machine.me().device(), now)).unwrap();
            place.carry(false);
            said
        };
        HUBS.iter().rev().map(look).collect()
    };
    assert_eq!(looks(100), [1, 1, 1]);
    let day = place.day(100);
    let counts = place.prove("node-320922-0", entry, day).unwrap().proven.counts().unwrap();
    assert!(counts.shown && counts.as_of == Some(day), "{counts:?}");
    // Once a day, whatever comes; and nothing where nothing came.
    county.write_blocking(move |l| people::work_entry(l, mediator, 2)).unwrap();
    place.carry(false);
    assert_eq!(looks(100), [0, 0, 0]);
    assert_eq!(looks(101), [1, 1, 1]);
    assert_eq!((looks(102), looks(150)), (vec![0; 3], vec![0; 3]));
    let (later, day) = (place.day(150), clock::day(START + 101 * DAY));
    let counts = place.prove("hub-320000", entry, day).unwrap().proven.counts().unwrap();
    assert_eq!(counts.as_of, Some(day));
    assert!(matches!(place.prove("hub-320000", entry, later), Err(ProvingError::NoStanding { .. })));
}
