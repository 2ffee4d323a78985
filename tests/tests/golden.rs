//! The golden homes: a nation, a province, a city and a county, and a backup of the county, written once when protocol 2
//! was settled. Every later version opens, verifies, restores and exchanges them, and comes to the same figures.
//!
//! They lie in `data/golden`: one folder a home, its database compressed, and the figures beside them. The keys in them
//! are of this test's network and open nothing else; the people are made up. They are never written again. A version
//! that changes what a home looks like adds homes beside these.

mod homes;

use std::{collections::BTreeMap, fs, path::Path, sync::atomic::Ordering};

use homes::{Homes, START, kept};
use huiliu_node::{
    identity::Role,
    writer::{Store, Threads},
};
use huiliu_proto::id::{RecordId, hex};
use huiliu_tests::{
    disk, people,
    talk::talk,
    world::{Machine, World, hand_clock},
};
use serde_json::Value as Json;

/// From the bottom up.
const HOMES: [(&str, &str); 4] =
    [("county", "320922"), ("city", "320900"), ("province", "320000"), ("nation", "100000")];
const DAY: i64 = 86_400_000;
/// From the bottom up and down again.
const ROUND: [(usize, usize); 5] = [(0, 1), (1, 2), (2, 3), (1, 2), (0, 1)];

fn golden() -> Homes {
    Homes::copy("golden", &HOMES)
}

fn exchange(homes: &Homes) {
    let machines = homes.machines(&HOMES, START + 40 * DAY);
    let stores: Vec<Store> = machines.iter().map(|m| m.store(Threads::Inline)).collect();
    homes.exchange(&machines, &stores, &ROUND);
}

#[test]
fn they_open_and_verify_with_the_same_figures() {
    let homes = golden();
    for (home, _) in HOMES {
        homes.good(home, &["verify"]);
    }
    assert_eq!(homes.figures(&HOMES), homes.expected("as written"));
}

#[test]
fn the_backup_restores_with_the_same_figures() {
    let homes = golden();
    let backup = homes.path("county.backup");
    fs::copy(kept("golden").join("county.backup.zst"), homes.path("county.backup.zst")).unwrap();
    homes::expand(&backup);
    homes.good("county", &["restore", backup.to_str().unwrap(), "--yes"]);
    homes.good("county", &["verify"]);
    assert_eq!(homes.figures(&HOMES), homes.expected("as written"));
}

#[test]
fn they_exchange_and_come_to_the_same_figures() {
    let homes = golden();
    exchange(&homes);
    for (home, _) in HOMES {
        homes.good(home, &["verify"]);
    }
    assert_eq!(homes.figures(&HOMES), homes.expected("exchanged"));
    let listed = homes.good("province", &["--json", "quarantine", "list"]);
    assert_eq!(serde_json::from_str::<Json>(&listed).unwrap()["held"], Json::Array(vec![]));
}

fn compress(file: &Path) {
    let packed = file.with_file_name(format!("{}.zst", file.file_name().unwrap().to_str().unwrap()));
    fs::write(packed, zstd::encode_all(fs::File::open(file).unwrap(), 19).unwrap()).unwrap();
    fs::remove_file(file).unwrap();
}

/// Wrote the golden homes. Refuses to do it again: delete them first, and know why.
#[test]
#[ignore = "the golden homes are written once"]
fn write() {
    let golden = kept("golden");
    assert!(!golden.join("figures.json").exists(), "the golden homes are there already");
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = hand_clock();
    let mut world = World::new(&dir.path().join("world"), 2026, clock);
    for (union, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)]
    {
        world.add(union, role).unwrap();
    }
    let at: [Machine; 4] =
        ["node-320922-0", "hub-320900", "hub-320000", "hub-100000"].map(|name| world.machine(name).clone());
    let stores: Vec<_> = at.iter().map(|machine| machine.store(Threads::Inline)).collect();
    let round = || {
        for (lower, upper) in ROUND {
            talk((&at[lower], &stores[lower]), (&at[upper], &stores[upper])).unwrap();
        }
    };
    let programme = stores[3].write_blocking(people::programme).unwrap();
    round();
    let county = &stores[0];
    let days = |n: i64| hand.store(START + n * DAY, Ordering::Relaxed);
    days(1);
    let people_of = |n: u64| county.write_blocking(move |ledger| people::mediator(ledger, n)).unwrap();
    let (first, second) = (people_of(1), people_of(2));
    let engaged = county.write_blocking(move |ledger| people::engagement(ledger, first, 1)).unwrap();
    county.write_blocking(move |ledger| people::engagement(ledger, second, 2)).unwrap();
    let work = |mediator: RecordId, n: u64| {
        county.write_blocking(move |ledger| people::work_entry(ledger, mediator, n)).unwrap();
    };
    (0..12).for_each(|n| work(if n % 3 == 0 { second } else { first }, n));
    let paid = county.write_blocking(move |ledger| people::expenditure(ledger, programme, first, 1)).unwrap();
    county.write_blocking(move |ledger| people::expenditure(ledger, programme, second, 2)).unwrap();
    round();
    days(20);
    // Corrections, of which a rebuild must make the same: an end moved, a payment reversed.
    county.write_blocking(move |ledger| people::edit(ledger, "engagement", engaged, "ends_on", "2026-06-30")).unwrap();
    let reversal = [
        ("programme", hex(programme.as_bytes())),
        ("reverses", hex(paid.as_bytes())),
        ("reason", "重复支付".into()),
        ("year", "2025".into()),
        ("category", "薪酬或补贴".into()),
        ("subject", "50504".into()),
        ("amount", "-3001.01".into()),
        ("paid_on", "2025-02-20".into()),
        ("service_month", "2025-02".into()),
        ("payee_mediator", hex(first.as_bytes())),
        ("method", "转账".into()),
        ("voucher_no", "记-000901".into()),
    ];
    county
        .write_blocking(move |ledger| {
            let fields: Vec<(&str, &str)> = reversal.iter().map(|(name, value)| (*name, value.as_str())).collect();
            people::write(ledger, "expenditure", &fields)
        })
        .unwrap();
    round();
    // Said, and not sent yet.
    days(30);
    (12..16).for_each(|n| work(first, n));
    drop(stores);
    let homes = Homes::empty("golden");
    for ((name, _), machine) in HOMES.iter().zip(&at) {
        disk::copy(&machine.home.dir, &homes.path(name)).unwrap();
    }
    let backup = homes.path("county.backup");
    homes.good("county", &["backup", backup.to_str().unwrap()]);
    for (name, _) in HOMES {
        disk::copy(&homes.path(name), &golden.join(name)).unwrap();
    }
    fs::copy(&backup, golden.join("county.backup")).unwrap();
    let mut figures = BTreeMap::from([("as written", homes.figures(&HOMES))]);
    exchange(&homes);
    figures.insert("exchanged", homes.figures(&HOMES));
    for (name, _) in HOMES {
        for beside in ["huiliu.db-wal", "huiliu.db-shm", "huiliu.db.lock", "memory.lock"] {
            let _ = fs::remove_file(golden.join(name).join(beside));
        }
        compress(&golden.join(name).join("huiliu.db"));
    }
    compress(&golden.join("county.backup"));
    fs::write(golden.join("figures.json"), serde_json::to_vec_pretty(&figures).unwrap()).unwrap();
}
