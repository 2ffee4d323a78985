//! What a union says of a device counts where the union concerned hears it, and of devices it enrolled: nobody is silenced
//! without ever hearing of it.

use huiliu_node::{
    identity::Role,
    ledger::{Intake, WriteOutcome},
    store::{feeds, quarantine, trust},
};
use huiliu_proto::{
    feed::Scope,
    id::DeviceId,
    kind::{Reach, kind},
    lang::Lang,
    operation::Operation,
    record::Record,
    signed::SigningKey,
    union::UnionNumber,
    v1::Ruling,
    value::Value,
};
use huiliu_tests::{
    chain::{Chain, Place},
    forger::{Forger, attested},
    oracle,
    relay::take,
    talk::talk,
};

fn union(text: &str) -> UnionNumber {
    text.parse().unwrap()
}

fn revocation(of: &str, device: DeviceId) -> Record {
    let mut record = Record::new(kind("revocation").unwrap());
    record.set("union", Value::Int(i64::from(union(of))));
    record.set("device", Value::Bytes(device.to_vec()));
    record.set("revoked_on", Value::Int(20_454));
    record.set("reason", Value::Text("遗失".into()));
    record
}

fn enrolment(of: &str, seed: [u8; 32]) -> Record {
    attested(&SigningKey::from_seed(&seed), union(of), false)
}

fn says(forger: &mut Forger, place: &Place, record: &Record) {
    let operation = Operation::new(record.kind.number, forger.id(), None, record.encode(), None);
    let batch = forger.say(&[operation]);
    assert!(matches!(take(&place.store, batch), Intake::Taken { .. }));
}

fn held(place: &Place) -> Vec<String> {
    place.store.read(quarantine::all).unwrap().into_iter().map(|held| held.reason).collect()
}

#[test]
fn a_county_is_not_silenced_in_the_branch_of_another() {
    let mut chain = Chain::new(41);
    chain.world.add("320923", Role::Node).unwrap();
    let other = Place::new(chain.world.machine("node-320923-0"));
    let mediator = chain.county.mediator(1);
    (0..4).for_each(|n| _ = chain.county.work(mediator, n));
    chain.settle().unwrap();
    talk(other.ends(), chain.city.ends()).unwrap();
    let device = chain.county.device();
    // At writing it is refused.
    let record = revocation("320923", device);
    let written = chain.city.store.write_blocking(move |ledger| ledger.write_entry(&record)).unwrap();
    assert!(matches!(&written, WriteOutcome::Refused(why) if !why[0].rule.get(Lang::Zh).is_empty()), "{written:?}");
    // Signed all the same, it is held at every level, and nothing of the county's stops counting.
    let mut forger = Forger::new(&chain.city.machine, Scope::Branch(union("320923")));
    says(&mut forger, &chain.province, &revocation("320923", device));
    assert_eq!(held(&chain.province), ["not-allowed"]);
    // Nor is what it wrote ruled on there.
    let feed = chain
        .county
        .store
        .read(feeds::owned)
        .unwrap()
        .into_iter()
        .find(|row| row.feed.scope == Scope::Own(Reach::Province));
    let feed = feed.unwrap();
    let mut ruling = Record::new(kind("quarantine_ruling").unwrap());
    ruling.set("union", Value::Int(i64::from(union("320923"))));
    ruling.set("in_feed", Value::Bytes(feed.feed.id.to_vec()));
    ruling.set("first", Value::Int(0));
    ruling.set("count", Value::Int(100));
    ruling.set("ruling", Value::Int(Ruling::Rejected as i64));
    ruling.set("reason", Value::Text("不算".into()));
    says(&mut forger, &chain.province, &ruling);
    let (revoked, limit, ruled) = chain
        .province
        .store
        .read(|c| {
            let feed = &feed.feed;
            Ok((trust::revoked(c, &device, feed.union)?, trust::limit(c, feed)?, trust::ruling(c, feed, 0)?))
        })
        .unwrap();
    assert_eq!((revoked, limit, ruled), (false, None, None));
    chain.county.work(mediator, 9);
    chain.settle().unwrap();
    assert_eq!(chain.province.works(), 5);
    oracle::verifies(&chain.province.machine, &chain.province.store).unwrap();
}

#[test]
fn a_revocation_that_comes_before_the_enrolment_counts_once_that_is_there() {
    let chain = Chain::new(42);
    let mut speaks = Forger::new(&chain.city.machine, Scope::Branch(union("320922")));
    let mut further = Forger::again(&speaks, union("320900"), 78);
    let device = SigningKey::from_seed(&[7; 32]).device();
    says(&mut speaks, &chain.province, &revocation("320922", device));
    assert_eq!(held(&chain.province), ["not-allowed"]);
    says(&mut further, &chain.province, &enrolment("320923", [7; 32]));
    assert_eq!(held(&chain.province), ["not-allowed", "not-allowed"], "for another union, and in the wrong branch");
    says(&mut further, &chain.province, &enrolment("320922", [7; 32]));
    assert_eq!(held(&chain.province), ["not-allowed"]);
    let revoked = chain.province.store.read(|c| trust::revoked(c, &device, union("320922"))).unwrap();
    assert!(revoked);
    oracle::verifies(&chain.province.machine, &chain.province.store).unwrap();
}
