//! What an entry tells a person to do settles it.

use huiliu_node::{app::void, identity::Role};
use huiliu_proto::{
    id::{RecordId, hex},
    value::Value,
};
use huiliu_tests::{
    chain::{Chain, Place},
    people::{expenditure, programme, record, reversal, written},
    worklog,
};

use crate::codes;

pub fn voids(place: &Place, id: RecordId) {
    place.store.write_blocking(move |ledger| void::void(ledger, id, "重复录入")).unwrap().unwrap();
}

/// A sheet of an enterprise.
pub fn rates(place: &Place, enterprise: RecordId, day: &str, grade: &str, total: &str) -> RecordId {
    let enterprise = hex(enterprise.as_bytes());
    let fields = [
        ("enterprise", enterprise.as_str()),
        ("round", "2025"),
        ("rated_on", day),
        ("total", total),
        ("grade", grade),
        ("a_from", "80"),
        ("b_from", "60"),
        ("team", "第一组"),
    ];
    let mut sheet = record("rating", &fields);
    let number = |n: i64| Some(Value::Int(n));
    let line = vec![number(1), number(100), number(total.parse().unwrap())];
    sheet.set("items", Value::Lines(vec![line]));
    place.store.write_blocking(move |ledger| written(ledger.write_entry(&sheet)?)).unwrap()
}

#[test]
fn of_two_grades_on_one_day_one_is_voided_or_a_later_sheet_decides() {
    let chain = Chain::new(54);
    let county = &chain.county;
    let enterprise = county.store.write_blocking(|ledger| worklog::enterprise(ledger, 1)).unwrap();
    rates(county, enterprise, "2025-11-01", "GRADE_A", "90");
    assert_eq!(codes(county), [""; 0]);
    let wrong = rates(county, enterprise, "2025-11-01", "GRADE_C", "45");
    assert_eq!(codes(county), ["graded_twice"]);
    voids(county, wrong);
    assert_eq!(codes(county), [""; 0]);
    rates(county, enterprise, "2025-11-01", "GRADE_B", "70");
    assert_eq!(codes(county), ["graded_twice"]);
    rates(county, enterprise, "2025-11-01", "GRADE_B", "70");
    assert_eq!(codes(county), ["graded_twice"], "another sheet of the same day is one more that says otherwise");
    rates(county, enterprise, "2025-11-02", "GRADE_B", "70");
    assert_eq!(codes(county), [""; 0], "a later sheet says which it is");
}

#[test]
fn of_two_reversals_by_two_machines_one_is_voided() {
    let mut chain = Chain::new(59);
    let second = chain.world.add("320922", Role::Node).unwrap().clone();
    let second = Place::new(&second);
    let settle = |chain: &Chain| chain.settle_with(&second).unwrap();
    // That the other machine was enrolled is told, too.
    let told = |place: &Place| codes(place).into_iter().filter(|code| *code != "evidence").collect::<Vec<_>>();
    let programme = chain.nation.store.write_blocking(programme).unwrap();
    settle(&chain);
    let person = chain.county.mediator(1);
    let spent = chain.county.store.write_blocking(move |ledger| expenditure(ledger, programme, person, 1)).unwrap();
    settle(&chain);
    let reverses = |place: &Place| place.store.write_blocking(move |ledger| reversal(ledger, spent)).unwrap();
    let (_, surplus) = (reverses(&chain.county), reverses(&second).unwrap());
    for place in [&chain.county, &second] {
        assert_eq!(told(place), [""; 0], "each is right by itself");
    }
    settle(&chain);
    for place in [&chain.county, &second] {
        assert_eq!(told(place), ["reversed_twice"]);
    }
    voids(&chain.county, surplus);
    settle(&chain);
    for place in [&chain.county, &second] {
        assert_eq!(told(place), [""; 0]);
    }
}
