//! Homes of protocol 1, as the version before wrote them: a nation, a province, a city and a county with two machines.
//! Each opens with all its records; with new TLS keys they join again, exchange what had not been sent, and agree.

mod homes;

use homes::{Homes, START};
use huiliu_node::{
    store::{evidence, evidence::EvidenceKind},
    writer::Threads,
};
use huiliu_tests::{oracle, world};

const HOMES: [(&str, &str); 5] =
    [("county", "320922"), ("county-2", "320922"), ("city", "320900"), ("province", "320000"), ("nation", "100000")];
const DAY: i64 = 86_400_000;

#[test]
fn each_opens_with_all_its_records() {
    let homes = Homes::copy("protocol-1", &HOMES);
    for (home, _) in HOMES {
        homes.good(home, &["verify"]);
        homes.good(home, &["rebuild"]);
        homes.good(home, &["verify"]);
    }
    let mut figures = homes.figures(&HOMES);
    figures.retain(|key, _| !key.starts_with("county-2 "));
    assert_eq!(figures, homes.expected("as written"));
}

#[test]
fn they_join_again_and_nothing_is_lost() {
    let homes = Homes::copy("protocol-1", &HOMES);
    let mut machines = homes.machines(&HOMES, START + 40 * DAY);
    for machine in &mut machines {
        assert!(machine.home.leave_protocol_1(&machine.clock, &machine.random).unwrap(), "{}", machine.name);
        assert!(!machine.home.leave_protocol_1(&machine.clock, &machine.random).unwrap(), "once is enough");
        // A command that is run before the machine has joined again.
        drop(machine.store(Threads::Inline));
    }
    for (child, parent) in [(3, 4), (2, 3), (0, 2), (1, 2)] {
        let parent = machines[parent].clone();
        world::join(&parent, &mut machines[child]).unwrap();
    }
    let stores: Vec<_> = machines.iter().map(|m| m.store(Threads::Inline)).collect();
    homes.exchange(&machines, &stores, &[(0, 2), (1, 2), (2, 3), (3, 4), (2, 3), (0, 2), (1, 2), (0, 2), (2, 3)]);
    let both: Vec<_> = machines.iter().cloned().zip(stores.iter().cloned()).collect();
    oracle::nothing_is_missing(&both).unwrap();
    oracle::holds_nothing_back(&both).unwrap();
    for (machine, store) in &both {
        oracle::verifies(machine, store).unwrap();
        let open = store.read(|conn| evidence::list(conn, false)).unwrap();
        // The county's first machine was told of the second when that joined, and nobody has settled it.
        assert!(open.iter().all(|kept| kept.evidence.what == EvidenceKind::Enrolled), "{}: {open:?}", machine.name);
        assert_eq!(open.len(), usize::from(machine.name == "county"), "{}: {open:?}", machine.name);
    }
    drop((both, stores));
    for (home, _) in HOMES {
        homes.good(home, &["verify"]);
    }
    let figures = homes.figures(&HOMES);
    // Sixteen lines and two: the last of both machines had not been sent.
    assert_eq!(figures["county on 320922: bargaining_guided"], figures["province on 320922: bargaining_guided"]);
    assert_eq!(figures["county-2 on 320922: workers_helped"], figures["nation on 320922: workers_helped"]);
}
