//! Who can read what a county sealed: its own people; at the province two of them; nobody between.

use huiliu_node::{
    app::{
        Mode,
        account::{self, New},
        duty::DutyProblem,
        find,
        reveal::{self, RevealError},
    },
    keyring::Keyring,
    store::projection,
};
use huiliu_proto::{
    handle::Declared as _,
    id::RecordId,
    operator::Operator,
    records::{access_entry as said, mediator},
    v1::{AccessEntry, OperatorRole},
};
use huiliu_tests::chain::{Chain, Place};

fn person(place: &Place, by: Option<RecordId>, name: &str, role: OperatorRole) -> RecordId {
    let store = place.store.acting(by.map(|account| Operator { account, verified: true }));
    let new = New { name: name.to_owned(), roles: 1 << role as i32, mediator: None };
    account::add(&store, place.machine.union(), new, Mode::Write).expect("an account is made").account.id
}

fn reads(place: &Place, by: RecordId, id: RecordId) -> Result<String, RevealError> {
    let me = place.machine.me();
    let (shown, keys) = place
        .store
        .read(|conn| {
            Ok((find::any(conn, &id.to_string()).expect("it is here").expect("it counts"), Keyring::read(conn, &me)?))
        })
        .expect("readable");
    let store = place.store.acting(Some(Operator { account: by, verified: true }));
    let done = reveal::reveal(&store, &keys, &shown, mediator::ID_NO.position(), "复核发证", Mode::Write)?;
    Ok(done.value.to_string())
}

#[test]
fn a_county_reads_its_own_a_city_nothing_and_a_province_with_two_persons() {
    let chain = Chain::new(91);
    let id = chain.county.mediator(1);
    chain.settle().expect("they exchange");
    let clerk = {
        let admin = person(&chain.county, None, "王芳", OperatorRole::Administrator);
        person(&chain.county, Some(admin), "李明", OperatorRole::Preparer)
    };
    let number = reads(&chain.county, clerk, id).expect("her own union's");
    assert_eq!(number.len(), 18);
    let mayor = person(&chain.city, None, "吴敏", OperatorRole::Administrator);
    let reader = person(&chain.city, Some(mayor), "陈静", OperatorRole::Preparer);
    assert!(matches!(reads(&chain.city, reader, id), Err(RevealError::Closed)), "the city has no key");
    let province = &chain.province;
    let admin = person(province, None, "冯涛", OperatorRole::Administrator);
    let keeper = person(province, Some(admin), "周强", OperatorRole::DatabaseKeeper);
    let leader = person(province, Some(admin), "郑洁", OperatorRole::Leader);
    let waits = |read| matches!(read, Err(RevealError::Duty(DutyProblem::Waits { .. })));
    assert!(matches!(reads(province, admin, id), Err(RevealError::Duty(DutyProblem::Role { .. }))));
    assert!(waits(reads(province, keeper, id)));
    assert!(waits(reads(province, keeper, id)), "not by one person twice");
    assert_eq!(reads(province, leader, id).expect("another carries it out"), number);
    // Of what was read and of nothing else there is an entry, at whoever read it and above, in the province.
    chain.settle().expect("they exchange");
    let entries = |place: &Place| {
        place.store.read(|conn| projection::list(conn, AccessEntry::kind(), None, None, 10)).expect("readable")
    };
    let by: Vec<_> = entries(province).iter().filter_map(|shown| shown.record.read(said::BY)).collect();
    assert_eq!(by.len(), 2);
    assert!(by.contains(&clerk) && by.contains(&leader), "{by:?}");
    assert_eq!(entries(&chain.city).len(), 1, "the county's");
    assert_eq!(entries(&chain.nation).len(), 0);
    chain.holds().expect("all invariants");
}
