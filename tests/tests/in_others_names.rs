//! What somebody does in another machine's name takes nothing from that machine.

use huiliu_hub::revocation::{self, RevocationError};
use huiliu_node::{
    ledger::{Incoming, Intake, WriteOutcome},
    store::{evidence::Peer, trust},
};
use huiliu_proto::{
    feed::Scope,
    id::DeviceId,
    kind::{Reach, kind},
    operation::Operation,
    record::Record,
    signed::SigningKey,
    union::UnionNumber,
    value::Value,
};
use huiliu_tests::{
    chain::{Chain, Place},
    forger::{Forger, attested},
    relay::take,
};

fn county() -> UnionNumber {
    "320922".parse().unwrap()
}

fn writes(place: &Place, record: Record) {
    let outcome = place.store.write_blocking(move |ledger| ledger.write_entry(&record)).unwrap();
    assert!(matches!(outcome, WriteOutcome::Written { .. }), "{outcome:?}");
}

fn revocation(device: DeviceId) -> Record {
    let mut record = Record::new(kind("revocation").unwrap());
    record.set("device", Value::Bytes(device.to_vec()));
    record.set("union", Value::Int(i64::from(county())));
    record.set("revoked_on", Value::Int(20_454));
    record.set("reason", Value::Text("丢失".into()));
    record
}

/// A city's hub enrols its own province's hub for a county, as protocol 1 did it, and revokes it.
#[test]
fn nobody_is_shut_out_by_an_enrolment_it_did_not_ask_for() {
    let chain = Chain::new(93);
    let victim = chain.province.device();
    let mut enrolment = Record::new(kind("enrolment").unwrap());
    enrolment.set("union", Value::Int(i64::from(county())));
    enrolment.set("device", Value::Bytes(victim.to_vec()));
    enrolment.set("from_on", Value::Int(20_000));
    enrolment.set("seal_key", Value::Bytes(vec![7; 32]));
    enrolment.set("tls_key_hash", Value::Bytes(vec![8; 32]));
    writes(&chain.city, enrolment);
    writes(&chain.city, revocation(victim));
    // One that did ask to be let in there is known everywhere to be shut out.
    let lost = SigningKey::from_seed(&[9; 32]);
    writes(&chain.city, attested(&lost, county(), false));
    writes(&chain.city, revocation(lost.device()));
    chain.settle().unwrap();
    let shut_out = |place: &Place, device: DeviceId| {
        let me = place.machine.union();
        place.store.read(|conn| trust::revoked_anywhere(conn, &device, me)).unwrap()
    };
    assert!(!shut_out(&chain.nation, victim), "its own hub has not said so");
    assert!(shut_out(&chain.nation, lost.device()));
    assert!(shut_out(&chain.city, victim), "a hub holds to its own word");
}

/// One device that was let in for two unions of the city is shut out of both.
#[test]
fn a_device_of_two_unions_is_revoked_for_both() {
    let chain = Chain::new(95);
    let key = SigningKey::from_seed(&[9; 32]);
    let both: [UnionNumber; 2] = ["320922", "320900-003"].map(|union| union.parse().unwrap());
    for union in both {
        writes(&chain.city, attested(&key, union, false));
    }
    let me = chain.city.machine.union();
    let digits = key.device().to_string();
    let plan = || chain.city.store.read(|conn| Ok(revocation::plan(conn, me, &digits, None))).unwrap();
    chain.city_revokes(key.device());
    for union in both {
        assert!(chain.city.store.read(|conn| trust::revoked(conn, &key.device(), union)).unwrap(), "{union}");
    }
    assert!(matches!(plan(), Err(RevocationError::Already)));
}

/// A stolen machine and those that came with its tokens: where one revocation is refused, the others were written.
#[test]
fn several_devices_are_revoked_together_or_not_at_all() {
    let chain = Chain::new(96);
    let keys = [7, 9].map(|n| SigningKey::from_seed(&[n; 32]));
    writes(&chain.city, attested(&keys[0], county(), false));
    writes(&chain.city, attested(&keys[1], county(), false));
    let me = chain.city.machine.union();
    let plan = |key: &SigningKey| {
        let digits = key.device().to_string();
        chain.city.store.read(|conn| Ok(revocation::plan(conn, me, &digits, None))).unwrap().unwrap()
    };
    let revoked = || {
        let store = &chain.city.store;
        keys.each_ref().map(|key| store.read(|conn| trust::revoked(conn, &key.device(), county())).unwrap())
    };
    let plans = keys.each_ref().map(plan);
    // The second is not one that this city enrolled.
    let stranger = revocation::Plan { device: DeviceId([3; 32]), ..plans[1].clone() };
    let wrong = vec![plans[0].clone(), stranger];
    let store = &chain.city.store;
    let refused = store.write_blocking(move |ledger| revocation::revoke_all(ledger, &wrong, "被盗")).unwrap();
    assert!(refused.is_err());
    assert_eq!(revoked(), [false, false]);
    store.write_blocking(move |ledger| revocation::revoke_all(ledger, &plans, "被盗")).unwrap().unwrap();
    assert_eq!(revoked(), [true, true]);
}

/// A county revokes a machine that writes for it and is a hub of another union: what it signed as that hub stands.
#[test]
fn a_revocation_for_one_union_ends_no_voucher_for_another() {
    let chain = Chain::new(97);
    let hub = chain.city.device();
    let city = chain.city.machine.union();
    let other: UnionNumber = "320000-003".parse().unwrap();
    writes(&chain.province, attested(&chain.city.machine.me().key, other, false));
    let mut revocation = revocation(hub);
    revocation.set("union", Value::Int(i64::from(other)));
    writes(&chain.province, revocation);
    chain.settle().unwrap();
    for place in [&chain.province, &chain.city, &chain.county] {
        let root = place.machine.me().root;
        let worth = place.store.read(|conn| trust::vouches(conn, root, &hub, city)).unwrap().0;
        assert_eq!(worth, trust::Voucher::Hub, "{}", place.machine.name);
    }
}

/// A second machine of the county hands on what the first wrote, again and again.
#[test]
fn nobody_pays_for_what_others_hand_over_once_more() {
    let chain = Chain::new(94);
    let mut forger = Forger::new(&chain.county.machine, Scope::Own(Reach::Province));
    let number = kind("work_entry").unwrap().number;
    let run: Vec<Operation> = (0..4096).map(|_| Operation::new(number, forger.id(), None, vec![1], None)).collect();
    let by = |device: DeviceId| Some(Peer { union: county(), device });
    let (first, mut next) = (forger.say(&run), forger.say(&run[..1]));
    let once_more = Incoming { from: by(DeviceId([5; 32])), ..first.clone() };
    assert!(matches!(
        take(&chain.city.store, Incoming { from: by(chain.county.device()), ..first }),
        Intake::Taken { .. }
    ));
    for _ in 0..800 {
        assert!(matches!(take(&chain.city.store, once_more.clone()), Intake::Taken { .. }));
    }
    next.from = by(chain.county.device());
    let intake = take(&chain.city.store, next);
    assert!(matches!(intake, Intake::Taken { .. }), "{intake:?}");
}
