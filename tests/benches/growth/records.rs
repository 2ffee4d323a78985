//! What records cost once they are there: computed again, verified, edited, checked, listed.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use huiliu_node::{
    check::{Patience, checks},
    clock,
    filing::standings,
    finding,
    identity::Role,
    ledger,
    store::{backup, filings},
    writer::{Store, Threads},
};
use huiliu_proto::{id::RecordId, period::Day};
use huiliu_tests::{
    people::{self, Random},
    worklog::{self, County},
    world::{Machine, World, hand_clock},
};

use super::{Row, Sizes, best, once};

/// Written in one transaction.
const TOGETHER: u64 = 512;

pub fn measure(sizes: &Sizes, rows: &mut Vec<Row>) -> Result<()> {
    let mut again = [[0.0; 3]; 2];
    for (at, entries) in sizes.entries.into_iter().enumerate() {
        let of = log(entries)?;
        again[0][at] = of[0] * 1e3 / entries as f64;
        again[1][at] = of[1] * 1e3 / entries as f64;
    }
    for (name, measured) in ["rebuild, an entry of the log", "verify, an entry of the log"].into_iter().zip(again) {
        rows.push(Row { name, unit: "µs", sizes: sizes.entries, measured });
    }
    let mut of = [[0.0; 3]; 2];
    for (at, edits) in sizes.edits.into_iter().enumerate() {
        let [written, rebuilt] = dossier(edits)?;
        of[0][at] = written * 1e3 / edits as f64;
        of[1][at] = rebuilt * 1e3 / edits as f64;
    }
    for (name, measured) in
        ["an edit of one dossier, by its edits", "rebuild, an edit of one dossier"].into_iter().zip(of)
    {
        rows.push(Row { name, unit: "µs", sizes: sizes.edits, measured });
    }
    let mut checked = [0.0; 3];
    for (at, people) in sizes.people.into_iter().enumerate() {
        checked[at] = all_checks(people)? * 1e3 / people as f64;
    }
    rows.push(Row {
        name: "all checks, a person with four payments",
        unit: "µs",
        sizes: sizes.people,
        measured: checked,
    });
    let mut filed = [0.0; 3];
    for (at, filings) in sizes.filings.into_iter().enumerate() {
        filed[at] = reviewed(filings)? * 1e3 / filings as f64;
    }
    rows.push(Row {
        name: "what became of a filing, with two reviews each",
        unit: "µs",
        sizes: sizes.filings,
        measured: filed,
    });
    Ok(())
}

struct Office {
    _dir: tempfile::TempDir,
    machine: Machine,
    store: Store,
}

/// A county, or where something is checked a city.
fn office(union: &str) -> Result<Office> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (clock, _) = hand_clock();
    let mut world = World::new(dir.path(), 5, clock);
    for (code, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)] {
        world.add(code, role)?;
    }
    let machine = world.machines.iter().find(|m| m.union().to_string() == union).context("it was added")?.clone();
    let store = machine.store(Threads::Own);
    Ok(Office { _dir: dir, machine, store })
}

/// Milliseconds of a rebuild, and of a verification, of a log with so many entries.
fn log(entries: u64) -> Result<[f64; 2]> {
    let Office { _dir, machine, store } = office("320922")?;
    let county = Arc::new(store.write_blocking(County::write)?);
    for from in (0..entries).step_by(TOGETHER as usize) {
        let county = Arc::clone(&county);
        store.write_blocking(move |ledger| {
            let mut random = Random(from);
            for n in from..entries.min(from + TOGETHER) {
                worklog::write(ledger, &county.line(&mut random, 19_800 + (n % 300) as i64))?;
            }
            Ok(())
        })?;
    }
    while store.write_blocking(ledger::Ledger::prepare_outgoing)? {}
    let rebuilt = once(|| Ok(store.write_blocking(|ledger| ledger.rebuild(&mut |_| ()))?))?;
    let copy = machine.home.dir.join("copy.db");
    store.back_up(&copy, &machine.me().key, store.now())?;
    let verified = once(|| {
        let problems = ledger::verify(backup::open_copy(&copy)?, machine.me(), &mut |_| ())?;
        anyhow::ensure!(problems.is_empty(), "{problems:?}");
        Ok(())
    })?;
    Ok([rebuilt, verified])
}

/// Milliseconds of so many edits of one dossier, each in a transaction of its own, and of a rebuild.
fn dossier(edits: u64) -> Result<[f64; 2]> {
    let Office { _dir, store, .. } = office("320922")?;
    let id = store.write_blocking(|ledger| people::mediator(ledger, 1))?;
    let written = once(|| {
        for n in 0..edits {
            store.write_blocking(move |ledger| {
                people::edit(ledger, "mediator", id, "phone", &format!("1390000{n:04}"))
            })?;
        }
        Ok(())
    })?;
    while store.write_blocking(ledger::Ledger::prepare_outgoing)? {}
    Ok([written, once(|| Ok(store.write_blocking(|ledger| ledger.rebuild(&mut |_| ()))?))?])
}

/// Milliseconds of all checks over so many people.
fn all_checks(people: u64) -> Result<f64> {
    let Office { _dir, machine, store } = office("100000")?;
    let programme = store.write_blocking(people::programme)?;
    for from in (0..people).step_by(64) {
        store.write_blocking(move |ledger| {
            for n in from..people.min(from + 64) {
                let id: RecordId = people::mediator(ledger, n)?;
                people::engagement(ledger, id, n)?;
                for month in 0..4 {
                    people::expenditure(ledger, programme, id, n * 12 + month)?;
                }
            }
            Ok(())
        })?;
    }
    let today = Day::from_ymd(2026, 3, 31).context("a day")?;
    let all: Vec<_> = checks().iter().collect();
    let at = machine.union();
    best(|| {
        let outcome = store.read(|conn| Ok(finding::look(conn, at, &all, today, Patience::default())))?;
        anyhow::ensure!(outcome.failed.is_empty(), "a check failed");
        Ok(())
    })
}

/// Milliseconds of deciding what became of so many filings.
fn reviewed(count: u64) -> Result<f64> {
    let (county, city) = ("320922".parse()?, "320900".parse()?);
    let id = |n: u64| {
        let mut id = [0; 16];
        id[8..].copy_from_slice(&n.to_be_bytes());
        RecordId(id)
    };
    let version = |n: u64| filings::Version {
        id: id(n),
        owner: county,
        type_: 1,
        year: 2000 + n as i64,
        month: None,
        census_on: clock::day(0),
        full_time: 1,
        part_time: 0,
        certified: None,
        funded_heads: 1,
        enterprises: None,
        supersedes: None,
    };
    let review = |n: u64| filings::Review {
        id: id(1 << 40 | n),
        by: city,
        filing: id(n / 2),
        action: 1 + (n % 2) as i64,
        register_no: None,
        reasons: None,
    };
    let versions: Vec<_> = (0..count).map(version).collect();
    let reviews: Vec<_> = (0..2 * count).map(review).collect();
    best(|| {
        anyhow::ensure!(standings(versions.clone(), &reviews, &Default::default()).len() as u64 == count);
        Ok(())
    })
}
