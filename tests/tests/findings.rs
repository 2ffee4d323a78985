//! What the checks find is written a little at a time, so that nobody waits long for the writer, and all of it is written.

use huiliu_node::{
    check::{self, Check, Patience},
    finding::{self, Plan, Run},
    identity::Role,
    writer::{Store, Threads},
};
use huiliu_proto::{id::RecordId, period::Day};
use huiliu_tests::{
    people,
    relay::{batches, give},
    world::{World, hand_clock},
};

/// Looks at the city, and says what is to be written.
fn plan(city: &Store) -> Plan {
    let checks: Vec<&'static Check> = vec![check::check("FC-02").unwrap()];
    let today: Day = "2026-01-01".parse().unwrap();
    let union = "320900".parse().unwrap();
    let plan = city.read(|conn| {
        let outcome = finding::look(conn, union, &checks, today, Patience::default());
        finding::plan(conn, union, outcome, &checks, today, true)
    });
    plan.unwrap()
}

/// Writes it, and says how many jobs of the writer's that took.
fn record(city: &Store, mut plan: Plan) -> (Run, usize) {
    let mut jobs = 0;
    while plan.more() {
        plan = city.write_blocking(move |ledger| ledger.record_some(plan)).unwrap();
        jobs += 1;
    }
    (plan.run, jobs)
}

#[test]
fn many_findings_are_many_jobs() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _) = hand_clock();
    let mut world = World::new(dir.path(), 21, clock);
    for (union, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)]
    {
        world.add(union, role).unwrap();
    }
    let [nation, city, county] =
        ["hub-100000", "hub-320900", "node-320922-0"].map(|name| world.machine(name).store(Threads::Inline));
    let programme = nation.write_blocking(people::programme).unwrap();
    for store in [&county, &city] {
        batches(&nation).iter().flatten().for_each(|batch| give(store, batch));
    }
    // Money that nobody sent.
    let written = county.write_blocking(move |ledger| {
        let fund = programme.to_string();
        let receipt = |n: u32| {
            let (serial, amount) = (format!("S{n}"), format!("{}", 100 + n));
            people::write(
                ledger,
                "fund_receipt",
                &[
                    ("programme", fund.as_str()),
                    ("year", "2025"),
                    ("amount", amount.as_str()),
                    ("received_on", "2025-10-01"),
                    ("bank_serial", serial.as_str()),
                    ("subject", "40302"),
                ],
            )
        };
        (0..250).map(receipt).collect::<Result<Vec<RecordId>, _>>()
    });
    let written = written.unwrap();
    batches(&county).iter().flatten().for_each(|batch| give(&city, batch));
    // Two look at the same time.
    let (one, other) = (plan(&city), plan(&city));
    assert_eq!((one.left(), other.left()), ((250, 0), (250, 0)));
    let (first, jobs) = record(&city, one);
    assert_eq!((first.recorded, first.withdrawn, jobs), (250, 0, 3), "{:?}", first.outcome.failed);
    let (second, _) = record(&city, other);
    assert_eq!((second.recorded, second.withdrawn), (0, 0), "each case is recorded once");
    // What is known is not written again.
    let (again, jobs) = record(&city, plan(&city));
    assert_eq!((again.recorded, again.withdrawn, jobs), (0, 0, 0));
    // All are taken back, once the city has entered what it sent.
    let sent = city.write_blocking(move |ledger| {
        let fund = programme.to_string();
        (0..written.len()).try_for_each(|n| {
            let (serial, amount) = (format!("S{n}"), format!("{}", 100 + n));
            let fields = [
                ("to_union", "320922"),
                ("no", serial.as_str()),
                ("programme", fund.as_str()),
                ("year", "2025"),
                ("amount", amount.as_str()),
                ("doc_no", "盐工发〔2025〕9号"),
                ("bank_serial", serial.as_str()),
                ("paid_on", "2025-09-30"),
            ];
            people::write(ledger, "allocation", &fields).map(drop)
        })
    });
    sent.unwrap();
    let (one, other) = (plan(&city), plan(&city));
    let (cleared, jobs) = record(&city, one);
    assert_eq!((cleared.recorded, cleared.withdrawn, jobs), (0, 250, 3), "{:?}", cleared.outcome.failed);
    let (second, _) = record(&city, other);
    assert_eq!((second.recorded, second.withdrawn), (0, 0), "each is taken back once");
}
