//! Figures: none too large to be kept, none left behind by a correction; and one operation that cannot be applied
//! takes nothing else with it.

use huiliu_node::{
    identity::Role,
    ledger::Intake,
    rollup,
    store::{documents, quarantine, rollups},
    writer::{Store, Threads},
};
use huiliu_proto::{
    feed::Scope,
    id::{RecordId, hex},
    kind::{Reach, kind},
    operation::Operation,
    record::Record,
    union::UnionNumber,
    value::Value,
};
use huiliu_tests::{
    forger::Forger,
    oracle,
    people::{self, record},
    relay::{batches, give, take},
    world::{World, hand_clock},
};

const CITY: &str = "hub-320900";
const COUNTY: &str = "node-320922-0";

fn world(dir: &std::path::Path) -> World {
    let (clock, _) = hand_clock();
    let mut world = World::new(dir, 8, clock);
    for (union, role) in [
        ("100000", Role::Root),
        ("320000", Role::Hub),
        ("320900", Role::Hub),
        ("320922", Role::Node),
        ("320923", Role::Node),
    ] {
        world.add(union, role).unwrap();
    }
    world
}

fn total(store: &Store, union: &str, measure: u32) -> i128 {
    let union: UnionNumber = union.parse().unwrap();
    let sums = store.read(|conn| rollups::sums(conn, union, i32::MIN, i32::MAX)).unwrap();
    sums.get(&measure).map_or(0, |(_, total)| *total)
}

fn reasons(store: &Store) -> Vec<(u64, String)> {
    store.read(quarantine::all).unwrap().into_iter().map(|held| (held.seq, held.reason)).collect()
}

fn budget(programme: RecordId, lines: usize, amount: i64) -> Record {
    let mut budget = record(
        "budget",
        &[
            ("programme", &hex(programme.as_bytes())),
            ("year", "2025"),
            ("approved_on", "2025-03-01"),
            ("doc_no", "1号"),
        ],
    );
    let line = |n| vec![Some(Value::Int(1)), Some(Value::Text(format!("{n}"))), Some(Value::Int(amount))];
    budget.set("lines", Value::Lines((0..lines).map(line).collect()));
    budget
}

#[test]
fn figures_beyond_any_word_are_kept_exactly_and_stop_nobody() {
    const BUDGETS: usize = 2_000;
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let city = world.machine(CITY).store(Threads::Inline);
    let mut forger = Forger::new(world.machine(COUNTY), Scope::Own(Reach::Nation));
    let largest = budget(forger.id(), 100, 100_000_000_000_000);
    let number = largest.kind.number;
    let said = |forger: &mut Forger, record: &Record| Operation::new(number, forger.id(), None, record.encode(), None);
    let run: Vec<Operation> = (0..BUDGETS).map(|_| said(&mut forger, &largest)).collect();
    assert!(matches!(take(&city, forger.say(&run)), Intake::Taken { .. }));
    // An honest union of the same city goes on.
    let honest = world.machine("node-320923-0").store(Threads::Inline);
    let nation = world.machine("hub-100000").store(Threads::Inline);
    let programme = nation.write_blocking(people::programme).unwrap();
    batches(&nation).iter().flatten().for_each(|batch| give(&honest, batch));
    let one = budget(programme, 1, 7);
    honest.write_blocking(move |ledger| ledger.write_entry(&one)).unwrap();
    batches(&honest).iter().flatten().for_each(|batch| give(&city, batch));
    assert_eq!(reasons(&city), []);
    let sum = BUDGETS as i128 * 10_000_000_000_000_000;
    assert!(sum > i128::from(i64::MAX));
    assert_eq!(total(&city, "320922", rollup::BUDGETED), sum);
    assert_eq!(total(&city, "320900", rollup::BUDGETED), sum + 7);
    assert_eq!(total(&city, "100000", rollup::BUDGETED), sum + 7);
    oracle::verifies(world.machine(CITY), &city).unwrap();
}

/// A provincial hub may state what it likes of its unions: the nation's sums take it, and those of others go on.
#[test]
fn statements_of_a_lying_province_cannot_overflow_the_nation() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let nation = world.machine("hub-100000").store(Threads::Inline);
    let (kind, measure) = (kind("statement").unwrap(), rollup::WORKERS_HELPED);
    let mut liar = Forger::new(world.machine("hub-320000"), Scope::Own(Reach::Nation));
    let state = |liar: &mut Forger, union: i64, carry: i64| {
        let mut record = Record::new(kind);
        for (field, value) in [("union", union), ("month", 24_300), ("revision", 1)] {
            record.set(field, Value::Int(value));
        }
        let figure = [i64::from(measure), 7, carry].map(|n| Some(Value::Int(n)));
        record.set("figures", Value::Lines(vec![[&figure[..], &[None]].concat()]));
        record.set("feeds", Value::Int(0));
        record.set("digest", Value::Bytes(vec![0; 32]));
        Operation::new(kind.number, liar.id(), None, record.encode(), None)
    };
    let most = i64::try_from(rollups::MOST_CARRIED).unwrap();
    let beyond = [320_900, 320_921].map(|union| state(&mut liar, union, 4_398_046_511_104));
    let within = [320_922, 320_923, 320_924].map(|union| state(&mut liar, union, most));
    for operation in beyond.into_iter().chain(within) {
        let batch = liar.say(&[operation]);
        assert!(matches!(take(&nation, batch), Intake::Taken { .. }));
    }
    assert_eq!(reasons(&nation), [(0, "rule".to_owned()), (1, "rule".to_owned())]);
    assert_eq!(total(&nation, "100000", measure), 3 * (i128::from(most) * rollups::CARRY + 7));
}

/// Of more months than a word takes: SQL's sum failed, and with it every page about that union.
#[test]
fn what_months_without_number_share_adds_up() {
    const MONTHS: i64 = 1_100;
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let nation = world.machine("hub-100000").store(Threads::Inline);
    let (kind, measure) = (kind("statement").unwrap(), rollup::ENTERPRISE_DAYS);
    let mut liar = Forger::new(world.machine("hub-320000"), Scope::Own(Reach::Nation));
    let most = (1i64 << 53) - 1;
    let run: Vec<Operation> = (0..MONTHS)
        .map(|month| {
            let mut record = Record::new(kind);
            for (field, value) in [("union", 320_922), ("month", 23_800 + month), ("revision", 1), ("feeds", 0)] {
                record.set(field, Value::Int(value));
            }
            let figure = vec![Some(Value::Int(i64::from(measure))), Some(Value::Int(7)), None, Some(Value::Int(-most))];
            record.set("figures", Value::Lines(vec![figure]));
            record.set("digest", Value::Bytes(vec![0; 32]));
            Operation::new(kind.number, liar.id(), None, record.encode(), None)
        })
        .collect();
    assert!(matches!(take(&nation, liar.say(&run)), Intake::Taken { .. }));
    assert_eq!(reasons(&nation), []);
    assert_eq!(total(&nation, "320922", measure), i128::from(MONTHS) * (7 - i128::from(most)));
}

#[test]
fn what_cannot_be_applied_is_set_aside_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let (city, county) = (world.machine(CITY).store(Threads::Inline), world.machine(COUNTY).store(Threads::Inline));
    let ids = county
        .write_blocking(|ledger| {
            let mediator = people::mediator(ledger, 1)?;
            (0..5).try_for_each(|n| people::work_entry(ledger, mediator, n).map(drop))?;
            let dossier = people::mediator(ledger, 2)?;
            Ok((mediator, dossier))
        })
        .unwrap();
    // A row that the database refuses, for a reason of that row's. A job that changes no row leaves nothing behind, not even
    // a trigger.
    city.write_blocking(|ledger| {
        let refuse = "INSERT INTO meta (key, value) VALUES ('refuses', 1);
            CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.work_entry WHEN NEW.guided = 3
            BEGIN SELECT RAISE(FAIL, 'not this one'); END";
        Ok(ledger.conn().raw().execute_batch(refuse)?)
    })
    .unwrap();
    batches(&county).iter().flatten().for_each(|batch| give(&city, batch));
    let held = reasons(&city);
    assert!(!held.is_empty() && held.iter().all(|(_, reason)| reason == "failed"), "{held:?}");
    let counted = total(&city, "320922", rollup::WORKERS_HELPED);
    assert_eq!(held.len(), 1, "one of the five lines: {held:?}");
    assert!(counted > 0 && counted < total(&county, "320922", rollup::WORKERS_HELPED));
    // A snapshot that cannot be read holds up its own record only.
    let (mediator, dossier) = ids;
    city.write_blocking(move |ledger| {
        let sql = "UPDATE document SET snapshot = x'00' WHERE record = ?1";
        assert_eq!(ledger.conn().raw().execute(sql, [mediator.as_bytes()])?, 1);
        Ok(())
    })
    .unwrap();
    county
        .write_blocking(move |ledger| {
            people::edit(ledger, "mediator", mediator, "phone", "13911111111")?;
            people::edit(ledger, "mediator", dossier, "phone", "13922222222")
        })
        .unwrap();
    batches(&county).iter().flatten().for_each(|batch| give(&city, batch));
    assert_eq!(reasons(&city).len(), 2);
    let edits = |id| city.read(move |conn| documents::edits(conn, "320922".parse().unwrap(), &id)).unwrap().len();
    assert_eq!((edits(mediator), edits(dossier)), (1, 2));
    // Once the cause is gone, all of it counts.
    city.write_blocking(|ledger| {
        ledger.conn().raw().execute_batch("DROP TRIGGER temp.refuse")?;
        ledger.rebuild(&mut |_| ())
    })
    .unwrap();
    assert_eq!(reasons(&city), []);
    assert_eq!(total(&city, "320922", rollup::WORKERS_HELPED), total(&county, "320922", rollup::WORKERS_HELPED));
    assert_eq!(edits(mediator), 2);
}

/// An end that is put right, a reversal in the same month, a corrected log line.
#[test]
fn a_correction_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let county = world.machine(COUNTY).store(Threads::Inline);
    let nation = world.machine("hub-100000").store(Threads::Inline);
    nation.write_blocking(people::programme).unwrap();
    batches(&nation).iter().flatten().for_each(|batch| give(&county, batch));
    county
        .write_blocking(|ledger| {
            let programme =
                huiliu_node::store::projection::list(ledger.conn(), kind("programme").unwrap(), None, None, 1)?[0].id;
            let mediator = people::mediator(ledger, 1)?;
            let engaged = people::engagement(ledger, mediator, 1)?;
            people::edit(ledger, "engagement", engaged, "ends_on", "2026-06-30")?;
            let spent = people::expenditure(ledger, programme, mediator, 0)?;
            let said =
                huiliu_node::store::projection::get(ledger.conn(), kind("expenditure").unwrap(), &spent)?.unwrap();
            let mut back = said.record.clone();
            back.set("amount", Value::Int(-people::int(&said.record, "amount")));
            back.set("reverses", Value::Bytes(spent.to_vec()));
            back.set("reason", Value::Text("重复".into()));
            ledger.write_entry(&back)?;
            let line = people::work_entry(ledger, mediator, 3)?;
            let said = huiliu_node::store::projection::get(ledger.conn(), kind("work_entry").unwrap(), &line)?.unwrap();
            let mut other = said.record.clone();
            other.set("corrects", Value::Bytes(line.to_vec()));
            other.set("guided", Value::Int(-people::int(&said.record, "guided")));
            other.set("workers_helped", Value::Int(-people::int(&said.record, "workers_helped")));
            ledger.write_entry(&other)?;
            Ok(())
        })
        .unwrap();
    assert_eq!(total(&county, "320922", rollup::SPENT), 0);
    assert_eq!(total(&county, "320922", rollup::GUIDED), 0);
    oracle::verifies(world.machine(COUNTY), &county).unwrap();
    let left = county.read(|conn| {
        let nought = "SELECT count(*) FROM rollup WHERE own_high | own_low | total_high | total_low | shared = 0";
        Ok(conn.raw().query_row(nought, [], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!(left.unwrap(), 0);
}
