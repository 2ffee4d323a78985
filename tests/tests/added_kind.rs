//! One kind is added, and nothing but its two files knows of it: `added/patrol.proto`, which declares it, and
//! `added/patrol.rs`, its room. It is checked, written, shown, counted, exchanged and rebuilt like any other.
//!
//! In the programs the two files lie in `proto/huiliu/v1/records` and `proto/src/records`, and build.rs finds them. Here
//! `build.rs` makes the same from them, and they are added before anything asks for a kind.

use std::{fs, path::Path};

use huiliu_node::{
    identity::Role,
    store::{projection, rollups},
    writer::{Store, Threads},
};
use huiliu_proto::{
    handle::{Declared as _, Draft, Row},
    kind::{self, Shape, kinds},
    lang::Lang,
    measure::measures,
    period::Day,
};
use huiliu_tests::{
    people,
    relay::{batches, give},
    world::{World, hand_clock},
};
use records::{patrol, patrol_stop};

#[allow(missing_docs, clippy::all, unused_qualifications)]
mod v1 {
    include!(concat!(env!("OUT_DIR"), "/huiliu.v1.rs"));
}

#[allow(dead_code)]
mod records {
    use huiliu_proto::{handle, room};

    use super::v1;

    include!(concat!(env!("OUT_DIR"), "/handles.rs"));
}

const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

#[test]
fn a_kind_is_its_room_alone() {
    assert!(kind::add(DESCRIPTORS, records::ROOMS), "nothing has asked for a kind yet");
    assert!(!kind::add(DESCRIPTORS, records::ROOMS), "once");
    let declared = kind::kind("patrol").unwrap();
    assert_eq!((declared.number, declared.shape), (900, Shape::Entry));
    assert_eq!((declared, patrol::STOPS.name()), (v1::Patrol::kind(), "stops"));
    assert!(kinds().is_sorted_by_key(|kind| kind.number) && kinds().len() > 31, "beside all others");
    assert_eq!(kinds().iter().filter(|kind| kind.number == 900).count(), 1);
    assert!(measures().iter().any(|measure| measure.name == "patrol_problems" && measure.reach == declared.reach));

    // What a clerk types is read, and the rule between its fields holds.
    let wrong =
        people::record("patrol", &[("focus", "劳动安全"), ("begun_on", "2026-03-05"), ("ended_on", "2026-03-04")]);
    let refusals = wrong.validate().unwrap_err();
    assert_eq!(refusals[0].say(Lang::Zh), "结束日期“2026-03-04”：早于“开始日期”。请核对两个日期。");

    let dir = tempfile::tempdir().unwrap();
    let (clock, _) = hand_clock();
    let mut world = World::new(dir.path(), 9, clock);
    for (union, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)]
    {
        world.add(union, role).unwrap();
    }
    let nation = world.machine("hub-100000").store(Threads::Inline);
    let county = world.machine("node-320922-0").store(Threads::Inline);
    let city = world.machine("hub-320900").store(Threads::Inline);
    for store in [&county, &city] {
        batches(&nation).iter().flatten().for_each(|batch| give(store, batch));
    }

    // Written by its handles at the county, and carried to the city.
    let mut draft = Draft::<v1::Patrol>::new();
    draft.set(patrol::FOCUS, v1::PatrolFocus::SafeWork);
    draft.set(patrol::BEGUN_ON, day("2026-03-05")).set(patrol::ENDED_ON, day("2026-03-06"));
    let stop = |name, found| Row::default().with(patrol_stop::NAME, name).with(patrol_stop::FOUND, found);
    draft.set(patrol::STOPS, vec![stop("纺织厂", 2), stop("码头", 5)]);
    let record = draft.into_record();
    let written = record.clone();
    county.write_blocking(move |ledger| ledger.write_entry(&written)).unwrap();
    batches(&county).iter().flatten().for_each(|batch| give(&city, batch));

    let figures = |store: &Store| {
        let own = "320922".parse().unwrap();
        let sums = store.read(|c| rollups::sums(c, own, i32::MIN, i32::MAX)).unwrap();
        let rows = store.read(|c| projection::list(c, v1::Patrol::kind(), None, None, 10)).unwrap();
        assert_eq!(rows.iter().map(|row| &row.record).collect::<Vec<_>>(), [&record], "its table shows it");
        sums.get(&patrol::room::measures::PROBLEMS_FOUND).copied()
    };
    for store in [&county, &city] {
        assert_eq!(figures(store), Some((7, 7)));
        store.write_blocking(|ledger| ledger.rebuild(&mut |_| ())).unwrap();
        assert_eq!(figures(store), Some((7, 7)), "a rebuild says the same");
    }
}

/// No source of the programs has heard of the kind above.
#[test]
fn nothing_else_names_it() {
    fn search(dir: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                search(&path, found);
            } else if fs::read_to_string(&path).is_ok_and(|text| text.to_lowercase().contains("patrol")) {
                found.push(path.display().to_string());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = vec![];
    ["proto/src", "proto/huiliu", "proto/build", "node/src", "hub/src", "tests/src"]
        .iter()
        .for_each(|dir| search(&root.join(dir), &mut found));
    assert_eq!(found, [""; 0]);
}
