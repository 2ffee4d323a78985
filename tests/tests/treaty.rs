//! What protocol 2 says of feeds and operations: further devices of the national union, who did it, what is withdrawn, and
//! what a newer version wrote.

use huiliu_node::{
    ledger::Intake,
    store::{feeds, quarantine, trust},
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
    oracle,
    relay::take,
};

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
    let said = |n: usize| chain.city.store.read(|conn| quarantine::explain(conn, &held[n])).unwrap().zh;
    assert!(said(1).contains("抬头") && said(3).contains("日期"), "{} {}", said(1), said(3));
}
