//! Money may be voided only while nobody has acted on it: whoever got an allocation may have booked it without naming it, a
//! filing may have a person on its roster, a finding may rest on the record.

use huiliu_node::{
    app::void::{self, Done, Problem},
    check::{self, Patience},
    finding,
    identity::Role,
    ledger::Intake,
    store::naming::Naming,
    writer::{Store, Threads},
};
use huiliu_proto::{id::RecordId, kind::kind, period::Day, v1::Refusal, value::Value};
use huiliu_tests::{
    people,
    relay::{batches, take},
    world::{World, hand_clock},
};

/// A city and a county, who have heard what is said above them.
struct Money {
    city: Store,
    county: Store,
    fund: String,
    _dir: tempfile::TempDir,
}

impl Money {
    fn new(seed: u64) -> Money {
        let dir = tempfile::tempdir().unwrap();
        let (clock, _) = hand_clock();
        let mut world = World::new(dir.path(), seed, clock);
        for (union, role) in
            [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)]
        {
            world.add(union, role).unwrap();
        }
        let [nation, city, county] =
            ["hub-100000", "hub-320900", "node-320922-0"].map(|name| world.machine(name).store(Threads::Inline));
        let fund = nation.write_blocking(people::programme).unwrap().to_string();
        hand_over(&nation, &[&city, &county]);
        hand_over(&world.machine("hub-320000").store(Threads::Inline), &[&city, &county]);
        hand_over(&city, &[&county]);
        Money { city, county, fund, _dir: dir }
    }

    fn allocation(&self, no: &str, amount: &str, on: &str, serial: &str) -> RecordId {
        let fund = self.fund.clone();
        let said = [no, amount, on, serial].map(str::to_owned);
        let id = self.city.write_blocking(move |ledger| {
            let [no, amount, on, serial] = said.each_ref().map(String::as_str);
            let mut fields = vec![
                ("to_union", "320922"),
                ("no", no),
                ("programme", fund.as_str()),
                ("year", "2025"),
                ("amount", amount),
                ("doc_no", "盐工发〔2025〕1号"),
                ("paid_on", on),
            ];
            fields.extend((!serial.is_empty()).then_some(("bank_serial", serial)));
            people::write(ledger, "allocation", &fields)
        });
        hand_over(&self.city, &[&self.county]);
        id.unwrap()
    }

    fn receipt(&self, amount: &str, on: &str, serial: &str, allocation: Option<RecordId>) -> RecordId {
        self.booked([amount, on, serial], ("allocation", allocation), None)
    }

    fn correction(&self, receipt: RecordId, amount: &str, on: &str, serial: &str) -> RecordId {
        self.booked([amount, on, serial], ("reverses", Some(receipt)), Some("金额有误"))
    }

    fn booked(
        &self,
        said: [&str; 3],
        (named_by, named): (&'static str, Option<RecordId>),
        reason: Option<&'static str>,
    ) -> RecordId {
        let fund = self.fund.clone();
        let said = said.map(str::to_owned);
        let id = self.county.write_blocking(move |ledger| {
            let [amount, on, serial] = said.each_ref().map(String::as_str);
            let named = named.map(|id| id.to_string());
            let mut fields = vec![
                ("programme", fund.as_str()),
                ("year", "2025"),
                ("amount", amount),
                ("received_on", on),
                ("bank_serial", serial),
                ("subject", "40302"),
            ];
            fields.extend(named.as_deref().map(|id| (named_by, id)));
            fields.extend(reason.map(|reason| ("reason", reason)));
            people::write(ledger, "fund_receipt", &fields)
        });
        hand_over(&self.county, &[&self.city]);
        id.unwrap()
    }
}

fn hand_over(from: &Store, to: &[&Store]) {
    let all = batches(from);
    for (to, batch) in to.iter().flat_map(|to| all.iter().flatten().map(move |batch| (to, batch))) {
        let intake = take(to, batch.clone());
        // What is not meant for it is not taken.
        let meant = !matches!(intake, Intake::Refused { reason: Refusal::Header, .. });
        assert!(matches!(intake, Intake::Taken { .. }) || !meant, "{intake:?}");
    }
}

fn void(store: &Store, id: RecordId, dry: bool) -> Result<Done, Problem> {
    let work = move |ledger: &mut _| void::void(ledger, id, "重复录入");
    if dry { store.dry_run(work) } else { store.write_blocking(work) }.unwrap()
}

fn by(with: &[Naming]) -> Vec<(RecordId, &'static str)> {
    with.iter().map(|one| (one.by, one.field)).collect()
}

fn paired(problem: Result<Done, Problem>) -> Vec<(RecordId, &'static str)> {
    match problem {
        Err(Problem::Paired { with, .. }) => by(&with),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_allocation_that_was_booked_without_its_name_is_reversed() {
    let money = Money::new(31);
    // By its serial, whatever the day; by programme and amount on a near day.
    let by_serial = money.allocation("拨1", "100", "2025-01-05", "S1");
    let by_amount = money.allocation("拨2", "250", "2025-06-05", "");
    assert!(void(&money.city, by_serial, true).is_ok() && void(&money.city, by_amount, true).is_ok());
    let first = money.receipt("60", "2025-10-01", "S1", None);
    let second = money.receipt("250", "2025-06-20", "S2", None);
    assert_eq!(paired(void(&money.city, by_serial, false)), [(first, "bank_serial")]);
    assert_eq!(paired(void(&money.city, by_amount, false)), [(second, "amount")]);
    // Written twice by mistake: one of them may go, and what it looked like is told. Then the other may not.
    let twice = money.allocation("拨3", "250", "2025-06-05", "");
    let done = void(&money.city, twice, false).unwrap();
    assert_eq!(by(&done.paired_with), [(second, "amount")]);
    assert_eq!(paired(void(&money.city, by_amount, false)), [(second, "amount")]);
    // Neither another amount, nor a far day, nor one that names another, nor one that was taken back.
    let free = money.allocation("拨4", "400", "2025-03-05", "");
    money.receipt("401", "2025-03-06", "S3", None);
    money.receipt("400", "2025-04-05", "S4", None);
    money.receipt("400", "2025-03-06", "S5", Some(by_serial));
    let back = money.receipt("400", "2025-03-06", "S6", None);
    assert_eq!(paired(void(&money.city, free, true)), [(back, "amount")]);
    // The receiver may void its half, and is told whose it was.
    let done = void(&money.county, back, true).unwrap();
    assert_eq!(by(&done.paired_with), [(free, "amount")]);
    void(&money.county, back, false).unwrap();
    hand_over(&money.county, &[&money.city]);
    assert_eq!(void(&money.city, free, false).unwrap().paired_with, []);
}

/// Each instalment explains one receipt. The other one is near enough to the first receipt, and is needed for its own.
#[test]
fn an_instalment_that_is_needed_is_not_voided() {
    let money = Money::new(34);
    let first = money.allocation("拨1", "500", "2025-01-05", "");
    money.allocation("拨2", "500", "2025-02-04", "");
    let early = money.receipt("500", "2025-02-03", "S1", None);
    assert!(void(&money.city, first, true).is_ok(), "the second explains the only receipt");
    money.receipt("500", "2025-03-01", "S2", None);
    assert_eq!(paired(void(&money.city, first, false)), [(early, "amount")]);
    // A third one, written twice: one of them may go.
    money.allocation("拨3", "500", "2025-03-02", "");
    assert!(void(&money.city, first, true).is_ok());
}

/// What came under one serial is one transfer, however many allocations it was for.
#[test]
fn a_part_of_a_transfer_that_was_booked_whole_is_not_voided() {
    let money = Money::new(35);
    let [large, small] =
        [("拨1", "60"), ("拨2", "40")].map(|(no, yuan)| money.allocation(no, yuan, "2025-01-05", "S7"));
    let whole = money.receipt("100", "2025-01-06", "S7", None);
    for part in [large, small] {
        assert_eq!(paired(void(&money.city, part, false)), [(whole, "bank_serial")]);
    }
    let twice = money.allocation("拨3", "40", "2025-01-05", "S7");
    assert_eq!(by(&void(&money.city, twice, false).unwrap().paired_with), [(whole, "bank_serial")]);
}

/// A receipt that was corrected in part is still booked, with what is left of it.
#[test]
fn a_receipt_that_was_corrected_in_part_stays_paired() {
    let money = Money::new(36);
    let by_whole = money.allocation("拨1", "300", "2025-01-05", "");
    let by_rest = money.allocation("拨2", "200", "2025-06-05", "");
    for (allocation, on, serial) in [(by_whole, "2025-01-06", "S1"), (by_rest, "2025-06-06", "S2")] {
        let receipt = money.receipt("300", on, serial, None);
        money.correction(receipt, "-100", on, serial);
        assert_eq!(paired(void(&money.city, allocation, false)), [(receipt, "amount")]);
        money.correction(receipt, "-200", on, serial);
        assert!(void(&money.city, allocation, true).is_ok(), "nothing is left of it");
    }
}

#[test]
fn a_receipt_that_is_voided_tells_what_it_was_paired_with() {
    let money = Money::new(32);
    let allocation = money.allocation("拨1", "100", "2025-01-05", "S1");
    let named = money.receipt("90", "2025-10-01", "S9", Some(allocation));
    assert_eq!(by(&void(&money.county, named, false).unwrap().paired_with), [(allocation, "allocation")]);
    let alone = money.receipt("90", "2025-10-01", "S8", None);
    assert_eq!(void(&money.county, alone, false).unwrap().paired_with, []);
    let same = money.receipt("100", "2025-01-06", "S1", None);
    assert_eq!(by(&void(&money.county, same, false).unwrap().paired_with), [(allocation, "bank_serial")]);
}

/// Who is on the roster of a filing, and what a finding rests on.
#[test]
fn what_a_roster_or_a_finding_names_is_not_voided() {
    let money = Money::new(33);
    let county = &money.county;
    let mediator = county.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    let engaged = county.write_blocking(move |ledger| people::engagement(ledger, mediator, 1)).unwrap();
    let names = |problem: Result<Done, Problem>| match problem {
        Err(Problem::Named { by: all, acted_on, .. }) => (by(&all), acted_on),
        other => panic!("{other:?}"),
    };
    assert_eq!(names(void(county, mediator, true)).0, [(engaged, "mediator")]);
    assert!(void(county, engaged, true).is_ok());
    let filed = county.write_blocking(move |ledger| {
        let mut filing = people::record(
            "filing",
            &[
                ("type", "年度备案"),
                ("year", "2025"),
                ("census_on", "2025-06-30"),
                ("full_time", "1"),
                ("part_time", "0"),
                ("funded_heads", "1"),
            ],
        );
        let line = vec![
            Some(Value::Bytes(engaged.to_vec())),
            Some(Value::Bytes(mediator.to_vec())),
            None,
            Some(Value::Int(1)),
            Some(Value::Bool(true)),
        ];
        filing.set("roster", Value::Lines(vec![line]));
        people::written(ledger.write_entry(&filing)?)
    });
    let filed = filed.unwrap();
    assert_eq!(names(void(county, engaged, false)), (vec![(filed, "roster")], false));
    assert_eq!(names(void(county, mediator, false)).0, [(engaged, "mediator"), (filed, "roster")]);

    // Money that nobody sent: the city's finding travels to the county, and rests on the county's receipt.
    let receipt = money.receipt("100", "2025-10-01", "S1", None);
    assert!(void(county, receipt, true).is_ok());
    let checks: Vec<_> = vec![check::check("FC-02").unwrap()];
    let today: Day = "2026-01-01".parse().unwrap();
    let union = "320900".parse().unwrap();
    let plan = money.city.read(|conn| {
        let outcome = finding::look(conn, union, &checks, today, Patience::default());
        finding::plan(conn, union, outcome, &checks, today, true)
    });
    let mut plan = plan.unwrap();
    while plan.more() {
        plan = money.city.write_blocking(move |ledger| ledger.record_some(plan)).unwrap();
    }
    assert_eq!(plan.run.recorded, 1);
    hand_over(&money.city, &[county]);
    let of = kind("finding").unwrap();
    let found = county.read(|conn| huiliu_node::store::projection::list(conn, of, None, None, 2)).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(names(void(county, receipt, false)), (vec![(found[0].id, "evidence")], true));
}
