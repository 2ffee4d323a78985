//! Unions that are in no directory: what their machines write goes up and counts as everybody else's does.

use huiliu_hub::purge;
use huiliu_node::{
    identity::Role,
    ledger::Intake,
    store::{feeds, receipts, rollups},
};
use huiliu_proto::{
    feed::Scope,
    kind::{Reach, kind},
    operation::Operation,
    union::UnionNumber,
};
use huiliu_tests::{
    chain::{Chain, Place},
    forger::Forger,
    oracle,
    relay::take,
    talk::talk,
};

#[test]
fn a_union_of_no_directory_that_was_deleted_leaves_nothing() {
    let mut chain = Chain::new(92);
    chain.world.add("320900-002", Role::Node).unwrap();
    let union: UnionNumber = "320900-002".parse().unwrap();
    let mut forger = Forger::stranger(77, union, Scope::Own(Reach::Nation));
    let operation = Operation::new(kind("work_entry").unwrap().number, forger.id(), None, vec![1], None);
    assert!(matches!(take(&chain.city.store, forger.say(&[operation])), Intake::Taken { .. }));
    oracle::verifies(&chain.city.machine, &chain.city.store).unwrap();
    let digits = forger.feed.id.to_string();
    let plan = chain.city.store.read(|c| Ok(purge::plan(c, chain.city.machine.union(), &digits))).unwrap().unwrap();
    chain.city.store.write_blocking(move |ledger| purge::purge(ledger, &plan, "垃圾")).unwrap().unwrap();
    let gone = forger.feed.id;
    assert!(chain.city.store.read(|c| feeds::by_id(c, &gone)).unwrap().is_none());
    oracle::verifies(&chain.city.machine, &chain.city.store).unwrap();
}

#[test]
fn what_a_union_of_no_directory_writes_goes_up_and_what_is_said_to_it_comes_down() {
    let mut chain = Chain::new(91);
    chain.world.add("320900-001", Role::Node).unwrap();
    let park = Place::new(chain.world.machine("node-320900-001-0"));
    let union: UnionNumber = "320900-001".parse().unwrap();
    // It hears those above before it has written anything.
    talk(park.ends(), chain.city.ends()).unwrap();
    let heard = |place: &Place| place.store.read(feeds::all).unwrap();
    assert!(heard(&park).iter().any(|row| !row.own), "{:?}", heard(&park).len());
    let mediator = park.mediator(1);
    park.work(mediator, 1);
    // Lines that begin anew: nothing is known of what was shared before.
    for _ in 0..2 {
        talk(park.ends(), chain.city.ends()).unwrap();
        chain.settle().unwrap();
    }
    talk(park.ends(), chain.city.ends()).unwrap();
    let total = |place: &Place| place.store.read(|c| rollups::sums(c, union, i32::MIN, i32::MAX)).unwrap();
    for place in [&chain.city, &chain.province] {
        assert_eq!(place.works(), 1, "{}", place.machine.name);
        assert_eq!(total(place), total(&park), "{}", place.machine.name);
        oracle::verifies(&place.machine, &place.store).unwrap();
    }
    let signed = park.store.read(receipts::all).unwrap();
    let by = |of: &str| signed.iter().filter(|r| r.union == of.parse().unwrap()).count();
    assert!(by("320900") > 0 && by("320000") > 0, "{signed:?}");
}

/// A feed of a union that nobody admitted makes no county a union with a level below it, of which checks ask other things.
#[test]
fn checks_ask_the_directory_who_has_a_level_below() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../node/src/check");
    let all = std::fs::read_dir(dir).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let asks: Vec<String> = all
        .flat_map(|sql| sql.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|l| l.contains("region c "))
        .collect();
    assert!(!asks.is_empty() && asks.iter().all(|line| line.contains("c.code < 1000000")), "{asks:#?}");
}
