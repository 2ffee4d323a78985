//! What protocol 2 says of feeds and operations: further devices of the national union, how far warnings and what is
//! personal travel, who did it, what is withdrawn, and what a newer version wrote.

use std::sync::{Arc, Mutex};

use huiliu_node::{
    identity::Role,
    ledger::Intake,
    store::{feeds, quarantine, trust},
    sync::{
        exchange::Endpoint,
        session::{self, Ends, Shared},
    },
};
use huiliu_proto::{
    feed::Scope,
    id::DeviceId,
    kind::{Reach, kind},
    operation::Operation,
    record::Record,
    signed::SigningKey,
    union::UnionNumber,
    v1::{self, frame::Frame},
    value::Value,
};
use huiliu_tests::{
    chain::{Chain, Place},
    forger::{Forger, attested},
    oracle,
    relay::take,
    talk::talk,
};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

fn union(text: &str) -> UnionNumber {
    text.parse().unwrap()
}

fn enrolment(of: &str, seed: u8) -> Record {
    attested(&SigningKey::from_seed(&[seed; 32]), union(of), true)
}

fn device(seed: u8) -> DeviceId {
    SigningKey::from_seed(&[seed; 32]).device()
}

fn says(forger: &mut Forger, place: &Place, record: &Record) {
    let operation = Operation::new(record.kind.number, forger.id(), None, record.encode(), None);
    let batch = forger.say(&[operation]);
    let intake = take(&place.store, batch);
    assert!(matches!(intake, Intake::Taken { .. }), "{intake:?}");
}

fn applied(place: &Place, forger: &Forger) -> u64 {
    place.store.read(|c| feeds::by_id(c, &forger.feed.id)).unwrap().map_or(0, |row| row.applied)
}

#[test]
fn the_root_enrols_further_devices_of_the_national_union() {
    let chain = Chain::new(51);
    let nation = UnionNumber::NATION;
    let mut second = Forger::stranger(61, nation, Scope::Branch(union("320000")));
    let mut third = Forger::stranger(62, nation, Scope::Everyone);
    // Enrolled by nobody, it speaks for nobody.
    says(&mut second, &chain.province, &enrolment("320000", 8));
    assert_eq!(applied(&chain.province, &second), 0);
    let record = enrolment("100000", 61);
    chain.nation.store.write_blocking(move |ledger| ledger.write_entry(&record).map(drop)).unwrap();
    chain.settle().unwrap();
    for place in [&chain.nation, &chain.province, &chain.city, &chain.county] {
        let hub = place.store.read(|c| trust::is_hub(c, None, &second.device(), nation)).unwrap();
        assert!(hub, "{}", place.machine.name);
    }
    assert_eq!(applied(&chain.province, &second), 1, "it was waiting for that");
    let hub =
        |place: &Place, seed: u8| place.store.read(|c| trust::is_hub(c, None, &device(seed), union("320000"))).unwrap();
    assert!(hub(&chain.province, 8), "and what it enrols is enrolled");
    // It enrols no further device of the national union: only the root speaks to the whole country's branch.
    let mut whole = Forger::stranger(61, nation, Scope::Branch(nation));
    says(&mut whole, &chain.province, &enrolment("100000", 62));
    says(&mut third, &chain.province, &enrolment("100000", 9));
    assert_eq!((applied(&chain.province, &whole), applied(&chain.province, &third)), (0, 0));
    oracle::verifies(&chain.province.machine, &chain.province.store).unwrap();
    // The root shuts it out again.
    let mut record = Record::new(kind("revocation").unwrap());
    record.set("union", Value::Int(i64::from(nation)));
    record.set("device", Value::Bytes(second.device().to_vec()));
    record.set("revoked_on", Value::Int(20_454));
    record.set("reason", Value::Text("遗失".into()));
    chain.nation.store.write_blocking(move |ledger| ledger.write_entry(&record).map(drop)).unwrap();
    chain.settle().unwrap();
    assert!(chain.county.store.read(|c| trust::revoked(c, &second.device(), nation)).unwrap());
    assert!(!hub(&chain.province, 8));
}

#[test]
fn a_branch_that_is_not_below_its_author_is_not_admitted() {
    let chain = Chain::new(52);
    let mut beside = Forger::new(&chain.city.machine, Scope::Branch(union("320100")));
    says(&mut beside, &chain.province, &enrolment("320100", 9));
    assert_eq!(applied(&chain.province, &beside), 0);
    // A branch further down is.
    let mut deep = Forger::new(&chain.province.machine, Scope::Branch(union("320922")));
    says(&mut deep, &chain.nation, &enrolment("320922", 9));
    assert_eq!(applied(&chain.nation, &deep), 1);
    let counts = chain.nation.store.read(|c| trust::is_hub(c, None, &device(9), union("320922")));
    assert!(!counts.unwrap(), "and only the union directly above enrols");
}

#[test]
fn what_this_version_cannot_do_with_an_operation_is_held() {
    let chain = Chain::new(53);
    let mut forger = Forger::new(&chain.county.machine, Scope::Own(Reach::Province));
    let number = kind("work_entry").unwrap().number;
    let plain = |forger: &mut Forger| Operation::new(number, forger.id(), None, vec![], None);
    let (void, crooked, newer) = (plain(&mut forger), plain(&mut forger), plain(&mut forger));
    let (mut by, mut void) = (plain(&mut forger).by(Some([3; 16])), void.voiding(true));
    let again = |operation: Operation, more: &[u8]| {
        let mut wire = operation.to_wire();
        wire.header = [&wire.header[..], more].concat().into();
        Operation::from_wire(wire).unwrap()
    };
    let (crooked, newer) = (again(crooked, &[5 << 3, 0]), again(newer, &[9 << 3, 1]));
    (by, void) = (again(by, &[]), again(void, &[]));
    assert_eq!(by.operator, Some([3; 16]));
    let batch = forger.say(&[void, crooked, newer, by]);
    assert!(matches!(take(&chain.city.store, batch), Intake::Taken { size: 4, .. }));
    let held = chain.city.store.read(quarantine::all).unwrap();
    // The void and the last one are empty, which is a matter of what they say.
    assert_eq!(held.iter().map(|h| &h.reason[..]).collect::<Vec<_>>(), ["rule", "rule", "newer", "rule"]);
    let said = |n: usize| chain.city.store.read(|conn| quarantine::explain(conn, &held[n])).unwrap().words().zh;
    assert!(said(1).contains("格式") && said(3).contains("日期"), "{} {}", said(1), said(3));
}

/// A call of the lower machine, and the frames that each end heard, in order; `true` are those that went up.
fn overheard(lower: &Place, upper: &Place) -> Vec<(bool, Frame)> {
    let speaker = |place: &Place| Endpoint {
        network: place.machine.home.config.network.clone(),
        union: place.machine.union(),
        device: place.device(),
    };
    let ends = |me: &Place, peer: &Place, calls: bool| Ends {
        me: speaker(me),
        peer: peer.machine.union(),
        peer_device: peer.device(),
        calls,
        stay: !calls,
    };
    let ((up, from_below), (down, from_above)) = (mpsc::channel(16), mpsc::channel(16));
    let all = Arc::new(Mutex::new(vec![]));
    let tap = |goes_up: bool, frames: mpsc::Receiver<v1::Frame>| {
        let all = Arc::clone(&all);
        ReceiverStream::new(frames).map(move |frame| {
            all.lock().unwrap().push((goes_up, frame.frame.clone().unwrap()));
            Ok::<_, tonic::Status>(frame)
        })
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let calls = ends(lower, upper, true);
        let shared = Shared::read(&lower.store, &calls).await.unwrap();
        let above = session::answer(&upper.store, ends(upper, lower, false), tap(true, from_below), down);
        let below = session::run(&lower.store, calls, shared, tap(false, from_above), up, &|_| ());
        let (above, below) = tokio::join!(above, below);
        above.unwrap();
        below.unwrap();
    });
    std::mem::take(&mut all.lock().unwrap())
}

/// Which of what a forger said is at a place, and counted as looked at.
fn there(place: &Place, forger: &Forger) -> bool {
    place.store.read(|c| feeds::by_id(c, &forger.feed.id)).unwrap().is_some_and(|row| row.size() > 0)
}

fn anything(forger: &mut Forger) -> Operation {
    Operation::new(kind("work_entry").unwrap().number, forger.id(), None, vec![1], None)
}

#[test]
fn warnings_are_exchanged_before_anything_else_and_go_up_alone() {
    let mut chain = Chain::new(54);
    chain.world.add("320923", Role::Node).unwrap();
    let beside = Place::new(chain.world.machine("node-320923-0"));
    let county = chain.county.machine.union();
    let mut forgers = vec![];
    for seed in 90..94 {
        chain.city.enrols(county, [seed; 32]);
        for reach in [Reach::Province, Reach::Nation] {
            forgers.extend([Scope::Own(reach), Scope::Warning(reach)].map(|s| Forger::stranger(seed, county, s)));
        }
    }
    chain.settle().unwrap();
    for forger in &mut forgers {
        let operation = anything(forger);
        assert!(matches!(take(&chain.county.store, forger.say(&[operation])), Intake::Taken { size: 1, .. }));
    }
    let warns = |feed: &[u8]| {
        let forger = forgers.iter().find(|f| f.feed.id.as_bytes()[..] == *feed);
        matches!(forger.expect("only that is new").feed.scope, Scope::Warning(_))
    };
    for (lower, upper) in [(&chain.county, &chain.city), (&chain.city, &chain.province)] {
        let batches = overheard(lower, upper).into_iter().filter_map(|(up, frame)| match frame {
            Frame::Batch(batch) if up && batch.count > 0 => Some(warns(&batch.feed)),
            _ => None,
        });
        let batches: Vec<bool> = batches.collect();
        assert_eq!(batches.len(), forgers.len(), "each once");
        assert!(batches[..8].iter().all(|warns| *warns), "{batches:?}");
    }
    chain.settle().unwrap();
    talk(beside.ends(), chain.city.ends()).unwrap();
    for forger in &forgers {
        let national = matches!(forger.feed.scope, Scope::Own(Reach::Nation) | Scope::Warning(Reach::Nation));
        assert!(there(&chain.province, forger), "{:?}", forger.feed.scope);
        assert_eq!(there(&chain.nation, forger), national, "{:?}", forger.feed.scope);
        assert!(!there(&beside, forger), "nobody beside");
    }
}

#[test]
fn what_is_personal_stays_below_the_nation_and_goes_to_nobody_beside() {
    let mut chain = Chain::new(55);
    for (union, role) in [("320923", Role::Node), ("320100", Role::Hub)] {
        chain.world.add(union, role).unwrap();
    }
    let place = |name: &str| Place::new(chain.world.machine(name));
    let (county_beside, city_beside) = (place("node-320923-0"), place("hub-320100"));
    // A second hub of the province, and of the city, that nobody else runs.
    let mut said = vec![];
    for (seed, hub, writer) in [(95, "320000", &chain.nation), (96, "320900", &chain.province)] {
        let record = enrolment(hub, seed);
        writer.store.write_blocking(move |ledger| ledger.write_entry(&record).map(drop)).unwrap();
        said.push(Forger::stranger(seed, union(hub), Scope::PersonalBranch(union("320922"))));
    }
    // One like it that is not personal.
    said.push(Forger::stranger(95, union("320000"), Scope::Branch(union("320922"))));
    chain.settle().unwrap();
    // What a hub says comes to its city, which hands it on upwards and down.
    for forger in &mut said {
        says(forger, &chain.city, &enrolment("320922", 9));
    }
    for _ in 0..2 {
        chain.settle().unwrap();
        talk(county_beside.ends(), chain.city.ends()).unwrap();
        talk(city_beside.ends(), chain.province.ends()).unwrap();
    }
    for forger in &said {
        let scope = forger.feed.scope;
        for place in [&chain.province, &chain.city, &chain.county] {
            assert!(there(place, forger), "{}: {scope:?}", place.machine.name);
        }
        let national = matches!(scope, Scope::Branch(_));
        assert_eq!(there(&chain.nation, forger), national, "{scope:?}");
        assert!(!there(&county_beside, forger) && !there(&city_beside, forger), "{scope:?}");
    }
    oracle::verifies(&chain.county.machine, &chain.county.store).unwrap();
}

/// As sync.proto says: two hellos with the same digests, and a goodbye.
#[test]
fn where_nothing_is_new_an_exchange_is_one_round_trip() {
    let chain = Chain::new(56);
    let mediator = chain.county.mediator(1);
    chain.county.work(mediator, 1);
    chain.settle().unwrap();
    for (lower, upper) in [(&chain.county, &chain.city), (&chain.city, &chain.province)] {
        let heard = overheard(lower, upper);
        let up: Vec<&Frame> = heard.iter().filter(|(up, _)| *up).map(|(_, frame)| frame).collect();
        let down: Vec<&Frame> = heard.iter().filter(|(up, _)| !*up).map(|(_, frame)| frame).collect();
        assert!(matches!(up[..], [Frame::Hello(_), Frame::Goodbye(_)]), "{up:?}");
        assert!(matches!(down[..], [Frame::Hello(_)]), "{down:?}");
    }
}
