//! What the computed tables depend on is one version: when it moves, every home computes them again. This pins a small
//! story's figures and verdicts beside that version, and says what to do when either moves.

use std::fmt::Write as _;

use huiliu_node::{
    identity::Role,
    store::{derivation, projection, quarantine, rollups},
    writer::Threads,
};
use huiliu_proto::{
    feed::Scope,
    id::RecordId,
    kind::{Reach, kind, kinds},
    operation::Operation,
    union::UnionNumber,
    value::Value,
};
use huiliu_tests::{
    forger::Forger,
    people,
    relay::{batches, give},
    world::{World, hand_clock},
};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/derivation.txt");

#[test]
fn what_is_derived_moves_with_its_version() {
    let now = (derivation::version().to_string(), story());
    if std::env::var_os("HUILIU_WRITE").is_some() {
        std::fs::write(GOLDEN, format!("{}\n{}", now.0, now.1)).unwrap();
    }
    let golden = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    let (version, said) = golden.split_once('\n').unwrap_or_default();
    if now.1 != said {
        let first = now.1.lines().zip(said.lines()).find(|(now, before)| now != before);
        assert_ne!(
            now.0, version,
            "the same operations give other figures or verdicts than before ({first:?}), and homes that hold the old ones \
             would not compute them again. Raise RULES, MEASURES or ADMISSION in node/src/store/derivation.rs, whichever \
             was changed; then write what is so now: HUILIU_WRITE=1 cargo test -p huiliu-tests --test derivation"
        );
    }
    assert!(
        now.0 == version && now.1 == said,
        "the derivation version has moved, because a declaration, a union, a bound or a number in \
         node/src/store/derivation.rs was changed: every home computes its tables again when it is opened. If that is \
         meant, write it down: HUILIU_WRITE=1 cargo test -p huiliu-tests --test derivation"
    );
}

/// One county's year in little, and an operation of every kind that cannot count.
fn story() -> String {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _) = hand_clock();
    let mut world = World::new(dir.path(), 3, clock);
    for (union, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)]
    {
        world.add(union, role).unwrap();
    }
    let nation = world.machine("hub-100000").store(Threads::Inline);
    let county = world.machine("node-320922-0").store(Threads::Inline);
    let city = world.machine("hub-320900").store(Threads::Inline);
    nation.write_blocking(people::programme).unwrap();
    for store in [&county, &city] {
        batches(&nation).iter().flatten().for_each(|batch| give(store, batch));
    }
    county
        .write_blocking(|ledger| {
            let programme = projection::list(ledger.conn(), kind("programme").unwrap(), None, None, 1)?[0].id;
            let mediator = people::mediator(ledger, 1)?;
            let engaged = people::engagement(ledger, mediator, 1)?;
            people::edit(ledger, "engagement", engaged, "ends_on", "2026-06-30")?;
            for n in 0..4 {
                people::work_entry(ledger, mediator, n)?;
                people::expenditure(ledger, programme, mediator, n)?;
            }
            let spent = projection::list(ledger.conn(), kind("expenditure").unwrap(), None, None, 1)?.remove(0);
            let mut back = spent.record.clone();
            back.set("amount", Value::Int(-people::int(&spent.record, "amount")));
            back.set("reverses", Value::Bytes(spent.id.to_vec()));
            back.set("reason", Value::Text("重复".into()));
            ledger.write_entry(&back)
        })
        .unwrap();
    batches(&county).iter().flatten().for_each(|batch| give(&city, batch));
    for reach in [Reach::Province, Reach::Nation] {
        let mut forger = Forger::new(world.machine("node-320922-0"), Scope::Own(reach));
        let mut run: Vec<Operation> =
            kinds().iter().map(|kind| Operation::new(kind.number, forger.id(), None, vec![], None)).collect();
        run.push(Operation::new(60_000, forger.id(), None, vec![], None));
        run.push(Operation::new(9, RecordId([0x81; 16]), None, vec![], None));
        give(&city, &forger.say(&run));
    }
    let mut text = String::new();
    for union in ["320922", "320900", "100000"] {
        let number: UnionNumber = union.parse().unwrap();
        for (measure, (own, total)) in city.read(|c| rollups::sums(c, number, i32::MIN, i32::MAX)).unwrap() {
            let _ = writeln!(text, "{union} measure {measure}: {own} {total}");
        }
    }
    let mut held: Vec<_> = city.read(quarantine::all).unwrap().into_iter().map(|h| (h.seq, h.kind, h.reason)).collect();
    held.sort();
    for (seq, kind, reason) in held {
        let _ = writeln!(text, "held {seq}, kind {kind}: {reason}");
    }
    text
}
