//! What each fund check finds, what it lets pass, and what it waits for: for every rule a true case, a near miss, an
//! innocent look-alike, and the evidence coming in late.

use std::{cell::Cell, collections::BTreeSet, ops::Deref};

use huiliu_node::{
    check::{Found, Outcome, PATIENCE, Parameters, check, checks, run},
    finding,
    store::{Database, feeds, functions, projection},
};
use huiliu_proto::{
    id::{DeviceId, RecordId},
    lang::Lang,
    period::{Day, Month},
    union::{Level, UnionNumber},
    v1::{Family, Severity},
};
use rusqlite::{
    Connection, params_from_iter,
    types::{ToSql, Value},
};

const NATION: i64 = 100000;
const JIANGSU: i64 = 320000;
const SUZHOU: i64 = 320500;
const KUNSHAN: i64 = 320583;
const YANCHENG: i64 = 320900;
const BINHAI: i64 = 320922;
const FUNING: i64 = 320923;

type Id = Vec<u8>;
type Fields<'a> = &'a [(&'a str, &'a dyn ToSql)];

/// A database that is written to with SQL of the test's own.
struct Filled(Database);

impl Deref for Filled {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0.raw()
    }
}

/// The projection of one hub, filled in by hand.
struct Hub {
    conn: Filled,
    made: Cell<u32>,
}

fn day(text: &str) -> i32 {
    text.parse::<Day>().unwrap_or_else(|e| panic!("{text}: {e}")).0
}

fn day_ms(text: &str) -> i64 {
    i64::from(day(text)) * 86_400_000
}

fn month(text: &str) -> i32 {
    text.parse::<Month>().unwrap_or_else(|e| panic!("{text}: {e}")).0
}

fn number(code: i64) -> UnionNumber {
    UnionNumber::try_from(code).unwrap()
}

impl Hub {
    fn new() -> Hub {
        let conn = Filled(Connection::open_in_memory().unwrap().into());
        functions::register(&conn).unwrap();
        projection::create(&conn.0).unwrap();
        conn.execute_batch(
            "CREATE TABLE region (code INTEGER PRIMARY KEY, level INTEGER, parent INTEGER, name TEXT) STRICT;
             CREATE TABLE below (above INTEGER, code INTEGER, PRIMARY KEY (above, code)) STRICT, WITHOUT ROWID;
             CREATE TABLE feed (\"union\" INTEGER, device BLOB, own INTEGER, head BLOB, heard_at INTEGER, applied INTEGER) STRICT;
             BEGIN",
        )
        .unwrap();
        for code in UnionNumber::all() {
            let level =
                [Level::Nation, Level::Province, Level::City, Level::County].iter().position(|l| *l == code.level());
            let parent = code.parent().map(i64::from);
            let row = (i64::from(code), level.unwrap() as i64, parent, code.name());
            conn.execute("INSERT INTO region VALUES (?1, ?2, ?3, ?4)", row).unwrap();
            for above in std::iter::once(code).chain(code.ancestors()) {
                conn.execute("INSERT INTO below VALUES (?1, ?2)", (i64::from(above), i64::from(code))).unwrap();
            }
        }
        conn.execute_batch("COMMIT").unwrap();
        Hub { conn, made: Cell::new(0) }
    }

    fn add(&self, kind: &str, owner: i64, fields: Fields<'_>) -> Id {
        self.made.set(self.made.get() + 1);
        let mut id = vec![0; 16];
        id[..4].copy_from_slice(&self.made.get().to_be_bytes());
        let fixed: [(&str, &dyn ToSql); 4] =
            [("record", &id), ("owner", &owner), ("feed", &1), ("seq", &self.made.get())];
        let columns: Vec<String> = fixed.iter().chain(fields).map(|(name, _)| format!("\"{name}\"")).collect();
        let places: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
        let sql = format!("INSERT INTO \"{kind}\" ({}) VALUES ({})", columns.join(", "), places.join(", "));
        let values = fixed.iter().chain(fields).map(|(_, value)| value);
        self.conn.execute(&sql, params_from_iter(values)).unwrap_or_else(|e| panic!("{kind}: {e}"));
        id
    }

    fn change(&self, kind: &str, record: &Id, field: &str, value: &dyn ToSql) {
        let sql = format!("UPDATE \"{kind}\" SET \"{field}\" = ?2 WHERE record = ?1");
        assert_eq!(self.conn.execute(&sql, (record, value)).unwrap(), 1);
    }

    /// The union's data has come in complete up to this day.
    fn heard(&self, union: i64, until: &str) {
        let device = [union.to_be_bytes(); 4].concat();
        self.conn.execute("DELETE FROM feed WHERE device = ?1", [&device]).unwrap();
        self.enrol(union, &device);
        self.told(union, &device, i64::from(day(until)) * 86_400_000);
    }

    fn enrol(&self, union_: i64, device: &[u8]) {
        let parent = number(union_).parent().unwrap().into();
        self.add("enrolment", parent, &[("union", &union_), ("device", &device)]);
    }

    /// A head with this time came.
    fn told(&self, union: i64, device: &[u8], time: i64) {
        let row = (union, device, time);
        self.conn.execute("INSERT INTO feed VALUES (?1, ?2, 0, x'00', ?3, 1)", row).unwrap();
    }

    fn run(&self, rule: &str, at: i64, today: &str) -> Outcome {
        let check = check(rule).unwrap();
        let run = || run(&self.conn.0, check, number(at), Day(day(today)), &Parameters::default());
        let outcome = run();
        assert_eq!(outcome, run(), "{rule} found something else the second time");
        for found in &outcome.found {
            well_formed(found);
        }
        outcome
    }

    #[track_caller]
    fn clear(&self, rule: &str, at: i64, today: &str) {
        let outcome = self.run(rule, at, today);
        assert_eq!(outcome, Outcome::default(), "{rule} at {at} on {today}");
    }

    #[track_caller]
    fn found(&self, rule: &str, at: i64, today: &str) -> Found {
        let mut outcome = self.run(rule, at, today);
        assert!(outcome.waiting.is_empty() && outcome.found.len() == 1, "{rule} at {at} on {today}: {outcome:#?}");
        outcome.found.remove(0)
    }

    /// One case waits, for exactly these unions, up to this day.
    #[track_caller]
    fn waits(&self, rule: &str, at: i64, today: &str, needed: &str, unions: &[i64]) {
        let outcome = self.run(rule, at, today);
        assert!(outcome.found.is_empty() && outcome.waiting.len() == 1, "{rule} at {at} on {today}: {outcome:#?}");
        let waiting = &outcome.waiting[0];
        assert_eq!(waiting.needed, Day(day(needed)));
        let behind: Vec<i64> = waiting.unions.iter().map(|(union, _)| i64::from(*union)).collect();
        assert_eq!(behind, unions);
    }

    /// The same case is seen from one union only, whatever it is asked about.
    #[track_caller]
    fn only_at(&self, rule: &str, at: &[i64], today: &str) {
        for code in [NATION, JIANGSU, SUZHOU, YANCHENG, KUNSHAN, BINHAI, FUNING] {
            let outcome = self.run(rule, code, today);
            let cases = outcome.found.len() + outcome.waiting.len();
            assert_eq!(cases, usize::from(at.contains(&code)), "{rule} at {code}: {outcome:#?}");
        }
    }
}

/// A finding is complete, fits its record kind and names nobody.
fn well_formed(found: &Found) {
    let check = check(found.rule).unwrap();
    let names: Vec<&str> = found.results.iter().map(|(name, _)| *name).collect();
    let mut declared: Vec<&str> = check.results.iter().map(|(name, ..)| *name).collect();
    // Of the census there may be none.
    declared.retain(|name| *name != "census_on" || names.contains(name));
    assert_eq!(names, declared, "{}: every result is declared, and every declared one given", found.rule);
    assert!(!found.evidence.is_empty(), "{}: {}", found.rule, found.summary.zh);
    let record = found.to_record(Day(day("2026-03-31"))).unwrap();
    if let Err(refusals) = record.validate() {
        panic!("{}: {}", found.rule, refusals.iter().map(|r| r.say(Lang::En)).collect::<Vec<_>>().join("\n"));
    }
    let text = format!("{found:?}");
    assert!(!text.contains("例甲子") && !text.contains("1960-03"), "a person shows: {text}");
}

fn result<'f>(found: &Found, name: &str) -> &'f str {
    let (_, value) = found.results.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("{name}"));
    value.show(Lang::En).leak()
}

fn evidence(found: &Found) -> BTreeSet<RecordId> {
    found.evidence.iter().map(|e| e.record).collect()
}

fn ids(records: &[&Id]) -> BTreeSet<RecordId> {
    records.iter().map(|id| RecordId::try_from(id.as_slice()).unwrap()).collect()
}

// What people enter.

fn programme(hub: &Hub) -> Id {
    hub.add("programme", NATION, &[("code", &"ZZ"), ("name", &"专职指导员补助"), ("year", &2025), ("source", &1)])
}

fn allocation(hub: &Hub, from: i64, to: i64, programme: &Id, fen: i64, on: &str, serial: Option<&str>) -> Id {
    let no = format!("拨{}", hub.made.get());
    let paid = day(on);
    hub.add(
        "allocation",
        from,
        &[
            ("to_union", &to),
            ("no", &no),
            ("programme", programme),
            ("year", &(on[..4].parse::<i32>().unwrap())),
            ("amount", &fen),
            ("paid_on", &paid),
            ("bank_serial", &serial),
        ],
    )
}

fn receipt(hub: &Hub, by: i64, programme: &Id, fen: i64, on: &str, serial: &str, allocation: Option<&Id>) -> Id {
    hub.add(
        "fund_receipt",
        by,
        &[
            ("allocation", &allocation),
            ("programme", programme),
            ("year", &(on[..4].parse::<i32>().unwrap())),
            ("amount", &fen),
            ("received_on", &day(on)),
            ("bank_serial", &serial),
            ("subject", &"40302"),
        ],
    )
}

fn spend(hub: &Hub, by: i64, programme: &Id, fen: i64, on: &str, more: Fields<'_>) -> Id {
    let (year, paid, voucher) = (on[..4].parse::<i32>().unwrap(), day(on), format!("记-{}", hub.made.get()));
    let mut fields: Vec<(&str, &dyn ToSql)> = vec![
        ("programme", programme),
        ("year", &year),
        ("amount", &fen),
        ("paid_on", &paid),
        ("voucher_no", &voucher),
        ("subject", &"50504"),
    ];
    if !more.iter().any(|(name, _)| *name == "category") {
        fields.push(("category", &2));
    }
    fields.extend(more);
    hub.add("expenditure", by, &fields)
}

/// A whole reversal of an entry, dated on its own day.
fn reverse(hub: &Hub, kind: &str, record: &Id, dated: &str, on: &str) -> Id {
    let sql = format!("SELECT owner, programme, year, amount FROM {kind} WHERE record = ?1");
    let (owner, programme, year, fen): (i64, Id, i32, i64) =
        hub.conn.query_row(&sql, [record], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))).unwrap();
    hub.add(
        kind,
        owner,
        &[
            ("programme", &programme),
            ("year", &year),
            ("amount", &-fen),
            (dated, &day(on)),
            ("reverses", record),
            ("reason", &"误记"),
        ],
    )
}

fn budget(hub: &Hub, by: i64, programme: &Id, fen: i64, on: &str, replaces: Option<&Id>) -> Id {
    let year = on[..4].parse::<i32>().unwrap();
    let id = hub.add(
        "budget",
        by,
        &[
            ("programme", programme),
            ("year", &year),
            ("approved_on", &day(on)),
            ("doc_no", &"演"),
            ("replaces", &replaces),
        ],
    );
    for (line, part) in [fen / 2, fen - fen / 2].into_iter().enumerate() {
        let sql = "INSERT INTO budget_lines (record, owner, line, category, amount) VALUES (?1, ?2, ?3, 1, ?4)";
        hub.conn.execute(sql, (&id, by, line as i64, part)).unwrap();
    }
    id
}

fn mediator(hub: &Hub, owner: i64, person: u8, born: &str) -> Id {
    hub.add("mediator", owner, &[("name", &"例甲子"), ("id_no_index", &vec![person; 16]), ("born", &day(born))])
}

fn engagement(hub: &Hub, owner: i64, mediator: &Id, from: &str, to: &str) -> Id {
    hub.add(
        "engagement",
        owner,
        &[
            ("mediator", mediator),
            ("employment", &1),
            ("channel", &1),
            ("tier", &3),
            ("funded", &1),
            ("contract_no", &"聘1"),
            ("starts_on", &day(from)),
            ("ends_on", &day(to)),
            ("state", &7),
        ],
    )
}

fn certificate(hub: &Hub, owner: i64, mediator: &Id, from: &str, to: Option<&str>) -> Id {
    hub.add(
        "certificate",
        owner,
        &[
            ("no", &"证1"),
            ("mediator", mediator),
            ("type", &1),
            ("issued_on", &day(from)),
            ("expires_on", &to.map(day)),
            ("status", &1),
        ],
    )
}

fn pay(hub: &Hub, by: i64, programme: &Id, mediator: &Id, served: &str, on: &str) -> Id {
    spend(
        hub,
        by,
        programme,
        300_000,
        on,
        &[("category", &1), ("service_month", &month(served)), ("payee_mediator", mediator)],
    )
}

// FC-01. 2 March 2026 is a Monday; twenty working days later it is Monday the 30th.

#[test]
fn fc01_money_that_did_not_arrive() {
    let hub = Hub::new();
    let p = programme(&hub);
    let a = allocation(&hub, YANCHENG, FUNING, &p, 4_500_000, "2026-03-02", Some("S1"));
    hub.heard(FUNING, "2026-03-31");
    hub.clear("FC-01", YANCHENG, "2026-03-30");
    let found = hub.found("FC-01", YANCHENG, "2026-03-31");
    assert_eq!((i64::from(found.subject), found.severity, found.family), (FUNING, Severity::Orange, Family::A));
    assert_eq!(result(&found, "received"), "0.00");
    assert_eq!(result(&found, "difference"), "45,000.00");
    assert_eq!(evidence(&found), ids(&[&a]));
    assert!(found.summary.zh.contains("江苏省盐城市阜宁县总工会") && found.summary.zh.contains("没有对应的到账记录"));
    assert!(!found.advisory);
    hub.only_at("FC-01", &[YANCHENG], "2026-03-31");

    // A fen too little is a difference too, and the case keeps its fingerprint.
    let r = receipt(&hub, FUNING, &p, 4_499_999, "2026-03-20", "S1", None);
    let less = hub.found("FC-01", YANCHENG, "2026-03-31");
    assert_eq!(result(&less, "difference"), "0.01");
    assert_eq!(less.fingerprint, found.fingerprint);
    assert_eq!(evidence(&less), ids(&[&a, &r]));
    receipt(&hub, FUNING, &p, 1, "2026-03-21", "S2", Some(&a));
    hub.clear("FC-01", YANCHENG, "2026-03-31");
    // Booked twice is a difference the other way.
    receipt(&hub, FUNING, &p, 4_500_000, "2026-03-22", "S3", Some(&a));
    assert_eq!(result(&hub.found("FC-01", YANCHENG, "2026-03-31"), "difference"), "-45,000.00");
}

#[test]
fn fc01_look_alikes() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(FUNING, "2026-12-31");
    hub.heard(BINHAI, "2026-12-31");
    // Returned by the bank, reversed and paid again.
    let a = allocation(&hub, YANCHENG, FUNING, &p, 100, "2026-01-05", Some("S1"));
    reverse(&hub, "allocation", &a, "paid_on", "2026-01-12");
    let again = allocation(&hub, YANCHENG, FUNING, &p, 100, "2026-01-13", Some("S2"));
    receipt(&hub, FUNING, &p, 100, "2026-01-14", "S2", Some(&again));
    // One transfer for two allocations, credited as one sum under its serial.
    allocation(&hub, YANCHENG, BINHAI, &p, 200, "2026-01-05", Some("S3"));
    allocation(&hub, YANCHENG, BINHAI, &p, 300, "2026-01-05", Some("S3"));
    receipt(&hub, BINHAI, &p, 500, "2026-01-07", "S3", None);
    // Booked twice by mistake and put right by a reversal.
    let b = allocation(&hub, YANCHENG, BINHAI, &p, 700, "2026-01-05", None);
    receipt(&hub, BINHAI, &p, 700, "2026-01-08", "S4", Some(&b));
    let twice = receipt(&hub, BINHAI, &p, 700, "2026-01-08", "S4", Some(&b));
    reverse(&hub, "fund_receipt", &twice, "received_on", "2026-02-01");
    hub.clear("FC-01", YANCHENG, "2026-06-01");

    // What another union claims to have received, or to reverse, counts for nothing.
    let c = allocation(&hub, YANCHENG, BINHAI, &p, 900, "2026-01-05", Some("S5"));
    receipt(&hub, FUNING, &p, 900, "2026-01-08", "S5", Some(&c));
    hub.add(
        "allocation",
        FUNING,
        &[("to_union", &BINHAI), ("amount", &-900), ("reverses", &c), ("paid_on", &day("2026-01-09"))],
    );
    assert_eq!(result(&hub.found("FC-01", YANCHENG, "2026-06-01"), "received"), "0.00");
}

#[test]
fn fc01_a_reversal_the_county_has_booked_as_received() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(FUNING, "2026-12-31");
    let a = allocation(&hub, YANCHENG, FUNING, &p, 100, "2026-01-05", Some("S1"));
    receipt(&hub, FUNING, &p, 100, "2026-01-06", "S1", Some(&a));
    let back = reverse(&hub, "allocation", &a, "paid_on", "2026-03-02");
    // The county has as long to follow as it had to book.
    hub.clear("FC-01", YANCHENG, "2026-03-30");
    assert_eq!(result(&hub.found("FC-01", YANCHENG, "2026-03-31"), "paid"), "0.00");
    hub.add("fund_receipt", FUNING, &[("allocation", &back), ("amount", &-100), ("received_on", &day("2026-03-10"))]);
    hub.clear("FC-01", YANCHENG, "2026-03-31");
}

#[test]
fn fc01_waits_for_a_county_without_a_line() {
    let hub = Hub::new();
    let p = programme(&hub);
    let a = allocation(&hub, YANCHENG, FUNING, &p, 100, "2026-03-02", None);
    hub.waits("FC-01", YANCHENG, "2026-05-01", "2026-03-30", &[FUNING]);
    hub.heard(FUNING, "2026-03-29");
    hub.waits("FC-01", YANCHENG, "2026-05-01", "2026-03-30", &[FUNING]);
    hub.heard(FUNING, "2026-03-30");
    hub.found("FC-01", YANCHENG, "2026-05-01");
    receipt(&hub, FUNING, &p, 100, "2026-03-04", "S1", Some(&a));
    hub.clear("FC-01", YANCHENG, "2026-05-01");
}

// FC-02.

#[test]
fn fc02_money_nobody_sent() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    let r = receipt(&hub, BINHAI, &p, 2_000_000, "2026-01-10", "X1", None);
    hub.clear("FC-02", YANCHENG, "2026-02-09");
    let found = hub.found("FC-02", YANCHENG, "2026-02-10");
    assert_eq!((i64::from(found.subject), found.severity, found.family), (BINHAI, Severity::Yellow, Family::C));
    assert_eq!(evidence(&found), ids(&[&r]));
    hub.only_at("FC-02", &[YANCHENG], "2026-02-10");

    // The same amount, 31 days away; then 30.
    let a = allocation(&hub, YANCHENG, BINHAI, &p, 2_000_000, "2026-02-10", Some("S9"));
    hub.found("FC-02", YANCHENG, "2026-04-01");
    hub.change("allocation", &a, "paid_on", &day("2026-02-09"));
    hub.clear("FC-02", YANCHENG, "2026-04-01");
    // One allocation explains one receipt only.
    let second = receipt(&hub, BINHAI, &p, 2_000_000, "2026-01-12", "X2", None);
    assert_eq!(evidence(&hub.found("FC-02", YANCHENG, "2026-04-01")), ids(&[&second]));
}

#[test]
fn fc02_look_alikes() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    // By name, however late; by serial, in two parts; granted by a level further up.
    let a = allocation(&hub, YANCHENG, BINHAI, &p, 100, "2025-06-01", None);
    receipt(&hub, BINHAI, &p, 90, "2026-01-10", "X1", Some(&a));
    allocation(&hub, NATION, BINHAI, &p, 300, "2025-06-01", Some("S2"));
    receipt(&hub, BINHAI, &p, 100, "2026-01-10", "S2", None);
    receipt(&hub, BINHAI, &p, 200, "2026-01-11", "S2", None);
    // Equal sums month by month, each with its own allocation; the queue must not slip.
    receipt(&hub, BINHAI, &p, 500, "2026-01-31", "X3", None);
    receipt(&hub, BINHAI, &p, 500, "2026-02-28", "X4", None);
    allocation(&hub, YANCHENG, BINHAI, &p, 500, "2026-01-02", None);
    allocation(&hub, YANCHENG, BINHAI, &p, 500, "2026-01-30", None);
    // Matching money, and a receipt taken back.
    let own = hub.add("programme", JIANGSU, &[("code", &"PT"), ("name", &"配套"), ("source", &5)]);
    receipt(&hub, BINHAI, &own, 800, "2026-01-10", "X5", None);
    let wrong = receipt(&hub, BINHAI, &p, 900, "2026-01-10", "X6", None);
    reverse(&hub, "fund_receipt", &wrong, "received_on", "2026-01-20");
    hub.clear("FC-02", YANCHENG, "2026-06-01");
    // An early allocation that nothing answers does not swallow the place of a later one.
    let lone = receipt(&hub, BINHAI, &p, 500, "2025-06-01", "X7", None);
    assert_eq!(evidence(&hub.found("FC-02", YANCHENG, "2026-06-01")), ids(&[&lone]));
}

#[test]
fn fc02_waits_and_the_allocation_comes() {
    let hub = Hub::new();
    let p = programme(&hub);
    let unseen = vec![9; 16];
    receipt(&hub, BINHAI, &p, 100, "2026-01-10", "X1", Some(&unseen));
    hub.heard(BINHAI, "2026-02-08");
    hub.waits("FC-02", YANCHENG, "2026-04-01", "2026-02-09", &[BINHAI]);
    hub.heard(BINHAI, "2026-02-09");
    assert!(hub.found("FC-02", YANCHENG, "2026-04-01").summary.zh.contains("所注明的拨款在此查无记录"));
    allocation(&hub, YANCHENG, BINHAI, &p, 100, "2026-01-08", Some("X1"));
    hub.clear("FC-02", YANCHENG, "2026-04-01");
}

// FC-04.

#[test]
fn fc04_money_kept_on_the_way() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(YANCHENG, "2026-03-31");
    let r = receipt(&hub, YANCHENG, &p, 30_000_000, "2025-03-01", "S1", None);
    let a = allocation(&hub, YANCHENG, BINHAI, &p, 19_500_000, "2025-12-31", None);
    let b = budget(&hub, YANCHENG, &p, 4_000_000, "2025-01-10", None);
    let x = spend(&hub, YANCHENG, &p, 4_000_000, "2025-05-01", &[]);
    hub.clear("FC-04", JIANGSU, "2025-12-31");
    let parked = hub.found("FC-04", JIANGSU, "2026-01-01");
    assert_eq!((i64::from(parked.subject), parked.severity, parked.family), (YANCHENG, Severity::Orange, Family::A));
    assert_eq!(result(&parked, "kept"), "65,000.00");
    assert_eq!(evidence(&parked), ids(&[&r, &a, &b]));
    hub.only_at("FC-04", &[JIANGSU], "2026-01-01");
    // Spent beyond what was approved: the same case, graver.
    let more = spend(&hub, YANCHENG, &p, 1, "2025-12-31", &[]);
    let spent = hub.found("FC-04", JIANGSU, "2026-01-01");
    assert_eq!((spent.severity, spent.family, spent.fingerprint), (Severity::Red, Family::B1, parked.fingerprint));
    assert_eq!(evidence(&spent), ids(&[&r, &a, &b, &x, &more]));
    // Passed on a day late is still kept at the end of the year; a fen short of all in time is a fen kept.
    allocation(&hub, YANCHENG, FUNING, &p, 6_499_999, "2025-12-30", None);
    let late = allocation(&hub, YANCHENG, FUNING, &p, 1, "2025-12-31", None);
    hub.clear("FC-04", JIANGSU, "2026-01-01");
    hub.change("allocation", &late, "paid_on", &day("2026-01-01"));
    assert_eq!(result(&hub.found("FC-04", JIANGSU, "2026-06-01"), "kept"), "0.01");
}

#[test]
fn fc04_look_alikes() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(YANCHENG, "2026-03-31");
    hub.heard(BINHAI, "2026-03-31");
    // A county has nobody to pass money to.
    receipt(&hub, BINHAI, &p, 100, "2025-03-01", "S0", None);
    // All that stayed was approved, in a budget that replaced a smaller one.
    receipt(&hub, YANCHENG, &p, 1_000, "2025-03-01", "S1", None);
    let first = budget(&hub, YANCHENG, &p, 400, "2025-01-10", None);
    budget(&hub, YANCHENG, &p, 1_000, "2025-06-10", Some(&first));
    // A slip of the pen in December, put right in January.
    let slip = receipt(&hub, YANCHENG, &p, 9_000, "2025-12-20", "S2", None);
    reverse(&hub, "fund_receipt", &slip, "received_on", "2026-01-10");
    // The city's own programme is its own money.
    let own = hub.add("programme", YANCHENG, &[("code", &"YC"), ("name", &"市级"), ("year", &2025), ("source", &3)]);
    receipt(&hub, YANCHENG, &own, 700, "2025-03-01", "S3", None);
    hub.clear("FC-04", JIANGSU, "2026-02-01");
    // The programme was replaced by a corrected one: one fund under two records.
    let corrected =
        hub.add("programme", NATION, &[("code", &"ZZ"), ("name", &"补助"), ("year", &2025), ("replaces", &p)]);
    receipt(&hub, YANCHENG, &p, 500, "2025-07-01", "S4", None);
    allocation(&hub, YANCHENG, BINHAI, &corrected, 500, "2025-08-01", None);
    hub.clear("FC-04", JIANGSU, "2026-02-01");
}

#[test]
fn fc04_waits_for_the_end_of_the_year() {
    let hub = Hub::new();
    let p = programme(&hub);
    receipt(&hub, YANCHENG, &p, 1_000, "2025-03-01", "S1", None);
    hub.heard(YANCHENG, "2025-12-30");
    hub.waits("FC-04", JIANGSU, "2026-03-01", "2025-12-31", &[YANCHENG]);
    hub.heard(YANCHENG, "2026-01-02");
    hub.found("FC-04", JIANGSU, "2026-03-01");
    allocation(&hub, YANCHENG, BINHAI, &p, 1_000, "2025-12-31", None);
    hub.clear("FC-04", JIANGSU, "2026-03-01");
}

// FC-05.

/// The same person full-time and funded in Binhai and in Funing, overlapping from 2025-11-01.
fn two_posts(hub: &Hub, until: &str) -> [Id; 4] {
    let m1 = mediator(hub, BINHAI, 7, "1980-01-01");
    let m2 = mediator(hub, FUNING, 7, "1980-01-01");
    let e1 = engagement(hub, BINHAI, &m1, "2025-01-01", until);
    let e2 = engagement(hub, FUNING, &m2, "2025-11-01", "2027-12-31");
    [m1, m2, e1, e2]
}

#[test]
fn fc05_one_person_in_two_unions() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-03-31");
    hub.heard(FUNING, "2026-03-31");
    // Fifteen days of overlap are a transfer, sixteen are two posts; but the person must have counted or been paid twice.
    let [m1, m2, e1, e2] = two_posts(&hub, "2025-11-15");
    let x1 = pay(&hub, BINHAI, &p, &m1, "2025-11", "2025-11-28");
    let x2 = pay(&hub, FUNING, &p, &m2, "2025-11", "2025-11-28");
    hub.clear("FC-05", JIANGSU, "2026-03-31");
    hub.change("engagement", &e1, "ends_on", &day("2025-11-16"));
    let found = hub.found("FC-05", JIANGSU, "2026-03-31");
    assert_eq!((i64::from(found.subject), found.severity, found.family), (FUNING, Severity::Red, Family::B2));
    assert_eq!((result(&found, "overlap_days"), result(&found, "months_paid")), ("16", "1"));
    assert_eq!(evidence(&found), ids(&[&m1, &m2, &e1, &e2, &x1, &x2]));
    assert_eq!(found.horizons.len(), 2);
    hub.only_at("FC-05", &[JIANGSU], "2026-03-31");
    reverse(&hub, "expenditure", &x2, "paid_on", "2025-12-10");
    hub.clear("FC-05", JIANGSU, "2026-03-31");
    // Past the end of the year, both count.
    hub.change("engagement", &e1, "ends_on", &day("2025-12-31"));
    assert_eq!(result(&hub.found("FC-05", JIANGSU, "2026-03-31"), "census_on"), "2025-12-31");
    hub.change("engagement", &e1, "ended_on", &day("2025-12-30"));
    hub.clear("FC-05", JIANGSU, "2026-03-31");
    // A filing of the city above both speaks for a day of its own.
    hub.add("filing", YANCHENG, &[("type", &2), ("year", &2025), ("census_on", &day("2025-11-30"))]);
    assert_eq!(result(&hub.found("FC-05", JIANGSU, "2026-03-31"), "census_on"), "2025-11-30");
}

#[test]
fn fc05_look_alikes() {
    for (field, value) in [("employment", 2), ("funded", 0), ("state", 6), ("owner", BINHAI)] {
        let hub = Hub::new();
        hub.heard(BINHAI, "2026-03-31");
        hub.heard(FUNING, "2026-03-31");
        let [.., e2] = two_posts(&hub, "2027-12-31");
        hub.found("FC-05", JIANGSU, "2026-03-31");
        hub.change("engagement", &e2, field, &value);
        hub.clear("FC-05", JIANGSU, "2026-03-31");
    }
    // Somebody else altogether.
    let hub = Hub::new();
    let [_, m2, ..] = two_posts(&hub, "2027-12-31");
    hub.change("mediator", &m2, "id_no_index", &vec![8u8; 16]);
    hub.clear("FC-05", JIANGSU, "2026-03-31");
}

#[test]
fn fc05_waits_for_an_ending_not_heard_of() {
    let hub = Hub::new();
    hub.heard(FUNING, "2026-03-31");
    let [_, _, e1, _] = two_posts(&hub, "2027-12-31");
    hub.heard(BINHAI, "2025-12-30");
    hub.waits("FC-05", JIANGSU, "2026-03-31", "2025-12-31", &[BINHAI]);
    hub.heard(BINHAI, "2026-01-15");
    hub.found("FC-05", JIANGSU, "2026-03-31");
    hub.change("engagement", &e1, "ended_on", &day("2025-11-10"));
    hub.change("engagement", &e1, "state", &9);
    hub.clear("FC-05", JIANGSU, "2026-03-31");
}

// FC-06. The census is the end of 2025, so pay of November to January proves.

struct Roster {
    filing: Id,
    heads: Vec<[Id; 4]>,
}

/// A yearly filing of Binhai for two heads, both in order.
fn two_heads(hub: &Hub, declared: i64) -> Roster {
    let p = programme(hub);
    let filing = hub.add(
        "filing",
        BINHAI,
        &[("type", &2), ("year", &2025), ("census_on", &day("2025-12-31")), ("funded_heads", &declared)],
    );
    let mut heads = vec![];
    for n in 0..2u8 {
        let m = mediator(hub, BINHAI, n, "1980-01-01");
        let e = engagement(hub, BINHAI, &m, "2025-01-01", "2026-12-31");
        let c = certificate(hub, BINHAI, &m, "2024-12-20", Some("2025-12-31"));
        let x = pay(hub, BINHAI, &p, &m, "2025-12", "2026-02-20");
        let sql = "INSERT INTO filing_roster (record, owner, line, engagement, mediator, employment, funded)
            VALUES (?1, ?2, ?3, ?4, ?5, 1, 1)";
        hub.conn.execute(sql, (&filing, BINHAI, n, &e, &m)).unwrap();
        heads.push([m, e, c, x]);
    }
    hub.heard(BINHAI, "2026-03-31");
    Roster { filing, heads }
}

#[test]
fn fc06_more_declared_than_verified() {
    let hub = Hub::new();
    let roster = two_heads(&hub, 3);
    hub.clear("FC-06", YANCHENG, "2026-01-31");
    let found = hub.found("FC-06", YANCHENG, "2026-02-01");
    assert_eq!((i64::from(found.subject), found.severity, found.family), (BINHAI, Severity::Red, Family::B2));
    assert_eq!((result(&found, "declared"), result(&found, "verified"), result(&found, "named")), ("3", "2", "2"));
    assert_eq!(evidence(&found), ids(&[&roster.filing]));
    // The county sees the same in its own records, as advice; a province or the nation does not report it again.
    hub.only_at("FC-06", &[YANCHENG, BINHAI], "2026-02-01");
    let advice = hub.found("FC-06", BINHAI, "2026-02-01");
    assert!(advice.advisory && advice.fingerprint == found.fingerprint);
    hub.change("filing", &roster.filing, "funded_heads", &2);
    hub.clear("FC-06", YANCHENG, "2026-02-01");
}

#[test]
fn fc06_each_proof_is_needed() {
    type Spoil = fn(&Hub, &[Id; 4]);
    let cases: [(&str, Spoil); 8] = [
        ("not_in_post", |hub, head| hub.change("engagement", &head[1], "ended_on", &day("2025-12-30"))),
        ("not_in_post", |hub, head| hub.change("engagement", &head[1], "state", &6)),
        ("not_in_post", |hub, head| hub.change("engagement", &head[1], "employment", &2)),
        ("no_certificate", |hub, head| hub.change("certificate", &head[2], "expires_on", &day("2025-12-30"))),
        ("no_certificate", |hub, head| hub.change("certificate", &head[2], "issued_on", &day("2026-01-01"))),
        ("no_certificate", |hub, head| {
            hub.change("certificate", &head[2], "status", &3);
            hub.change("certificate", &head[2], "revoked_on", &day("2025-12-31"));
        }),
        ("no_pay", |hub, head| hub.change("expenditure", &head[3], "service_month", &month("2026-02"))),
        ("no_pay", |hub, head| {
            reverse(hub, "expenditure", &head[3], "paid_on", "2026-03-01");
        }),
    ];
    for (missing, spoil) in cases {
        let hub = Hub::new();
        let roster = two_heads(&hub, 2);
        hub.clear("FC-06", YANCHENG, "2026-03-31");
        spoil(&hub, &roster.heads[1]);
        let found = hub.found("FC-06", YANCHENG, "2026-03-31");
        for name in ["not_in_post", "no_certificate", "no_pay"] {
            assert_eq!(result(&found, name), if name == missing { "1" } else { "0" }, "{missing}");
        }
        assert_eq!(evidence(&found), ids(&[&roster.filing, &roster.heads[1][1]]));
    }
}

#[test]
fn fc06_look_alikes() {
    let hub = Hub::new();
    let roster = two_heads(&hub, 2);
    let [first, second] = &roster.heads[..] else { panic!("two heads") };
    // Ended, suspended or revoked after the census; pay by paying day where no month is given.
    hub.change("engagement", &first[1], "state", &9);
    hub.change("engagement", &first[1], "ended_on", &day("2025-12-31"));
    hub.change("engagement", &second[1], "state", &8);
    hub.change("certificate", &first[2], "status", &3);
    hub.change("certificate", &first[2], "revoked_on", &day("2026-01-01"));
    hub.change("expenditure", &first[3], "service_month", &Value::Null);
    hub.change("expenditure", &first[3], "paid_on", &day("2026-01-31"));
    hub.clear("FC-06", YANCHENG, "2026-03-31");
    // A post that is purchased is paid to its provider.
    hub.change("expenditure", &second[3], "payee_mediator", &Value::Null);
    hub.found("FC-06", YANCHENG, "2026-03-31");
    hub.change("engagement", &second[1], "channel", &5);
    hub.change("expenditure", &second[3], "category", &10);
    hub.change("expenditure", &second[3], "contract_no", &"聘1");
    hub.clear("FC-06", YANCHENG, "2026-03-31");
    // A certificate on the person's other dossier.
    let other = mediator(&hub, FUNING, 1, "1980-01-01");
    hub.change("certificate", &second[2], "mediator", &other);
    hub.clear("FC-06", YANCHENG, "2026-03-31");
    // The same person twice on the roster is one head.
    hub.change("mediator", &second[0], "id_no_index", &vec![0u8; 16]);
    assert_eq!(result(&hub.found("FC-06", YANCHENG, "2026-03-31"), "verified"), "1");
}

#[test]
fn fc06_only_the_version_that_holds() {
    let hub = Hub::new();
    let roster = two_heads(&hub, 3);
    let review = |by: i64, action: i64| {
        hub.add("filing_review", by, &[("union", &BINHAI), ("filing", &roster.filing), ("action", &action)]);
    };
    review(YANCHENG, 2);
    hub.clear("FC-06", YANCHENG, "2026-03-31");
    review(YANCHENG, 3);
    hub.found("FC-06", YANCHENG, "2026-03-31");
    // Only a union above can send a filing back.
    review(FUNING, 2);
    hub.found("FC-06", YANCHENG, "2026-03-31");
    let corrected = hub.add(
        "filing",
        BINHAI,
        &[
            ("type", &2),
            ("year", &2025),
            ("census_on", &day("2025-12-31")),
            ("funded_heads", &2),
            ("supersedes", &roster.filing),
        ],
    );
    hub.conn
        .execute("INSERT INTO filing_roster SELECT ?1, owner, line, engagement, mediator, heads, employment, funded FROM filing_roster", [&corrected])
        .unwrap();
    hub.clear("FC-06", YANCHENG, "2026-03-31");
    // A province's own filing goes to the nation, which has no dossiers to hold it against.
    hub.add(
        "filing",
        JIANGSU,
        &[("type", &2), ("year", &2025), ("census_on", &day("2025-12-31")), ("funded_heads", &9)],
    );
    for at in [NATION, JIANGSU] {
        hub.clear("FC-06", at, "2026-03-31");
    }
}

#[test]
fn fc06_waits_for_whoever_could_still_prove() {
    let hub = Hub::new();
    let roster = two_heads(&hub, 2);
    hub.change("certificate", &roster.heads[0][2], "mediator", &vec![1u8; 16]);
    hub.heard(BINHAI, "2026-01-30");
    hub.waits("FC-06", YANCHENG, "2026-03-31", "2026-01-31", &[BINHAI]);
    hub.heard(BINHAI, "2026-01-31");
    hub.found("FC-06", YANCHENG, "2026-03-31");
    certificate(&hub, BINHAI, &roster.heads[0][0], "2024-12-20", None);
    hub.clear("FC-06", YANCHENG, "2026-03-31");
}

#[test]
fn fc06_heads_of_other_unions() {
    let hub = Hub::new();
    let roster = two_heads(&hub, 2);
    let lists = |filer: i64| {
        let filing = hub.add(
            "filing",
            filer,
            &[("type", &2), ("year", &2025), ("census_on", &day("2025-12-31")), ("funded_heads", &2)],
        );
        let sql = "INSERT INTO filing_roster SELECT ?1, ?3, line, engagement, mediator, heads, employment, funded
                   FROM filing_roster WHERE record = ?2";
        hub.conn.execute(sql, (&filing, &roster.filing, filer)).unwrap();
    };
    // A city may list what its counties engage; who engaged the unproved ones is waited for.
    hub.heard(YANCHENG, "2026-03-31");
    lists(YANCHENG);
    hub.clear("FC-06", JIANGSU, "2026-03-31");
    hub.change("expenditure", &roster.heads[0][3], "category", &2);
    hub.found("FC-06", JIANGSU, "2026-03-31");
    hub.heard(BINHAI, "2026-01-30");
    hub.waits("FC-06", JIANGSU, "2026-03-31", "2026-01-31", &[BINHAI]);
    hub.change("expenditure", &roster.heads[0][3], "category", &1);
    // A neighbour may not.
    hub.heard(FUNING, "2026-03-31");
    lists(FUNING);
    let found = hub.found("FC-06", YANCHENG, "2026-03-31");
    assert_eq!((i64::from(found.subject), result(&found, "verified")), (FUNING, "0"));
    assert!(found.evidence[1].note.zh.contains("查无此聘任"));
}

// FC-09. Born on 15 March 1960: 66 on that day of 2026, 69 three years later.

#[test]
fn fc09_past_the_limit() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2030-01-01");
    let m = mediator(&hub, BINHAI, 1, "1960-03-15");
    let e = engagement(&hub, BINHAI, &m, "2024-01-01", "2030-12-31");
    hub.clear("FC-09", YANCHENG, "2026-03-14");
    let found = hub.found("FC-09", YANCHENG, "2026-03-15");
    assert_eq!((i64::from(found.subject), found.severity, found.family), (BINHAI, Severity::Yellow, Family::N));
    assert_eq!((result(&found, "age"), result(&found, "since")), ("66", "2026-03"));
    assert_eq!(evidence(&found), ids(&[&e, &m]));
    hub.only_at("FC-09", &[YANCHENG, BINHAI], "2026-03-15");
    // Consent covers its days, and none past 68.
    hub.change("engagement", &e, "consent_until", &day("2026-12-31"));
    hub.clear("FC-09", YANCHENG, "2026-12-31");
    assert_eq!(result(&hub.found("FC-09", YANCHENG, "2027-01-01"), "since"), "2027-01");
    hub.change("engagement", &e, "consent_until", &day("2030-12-31"));
    hub.clear("FC-09", YANCHENG, "2029-03-14");
    let past = hub.found("FC-09", YANCHENG, "2029-03-15");
    assert_eq!((past.severity, result(&past, "age")), (Severity::Orange, "69"));
    // Without consent both stand: that of the years between is not wiped out by the graver one.
    hub.change("engagement", &e, "consent_until", &Value::Null);
    let both = hub.run("FC-09", YANCHENG, "2029-03-15").found;
    assert_eq!(both.iter().map(|f| f.fingerprint).collect::<Vec<_>>(), [found.fingerprint, past.fingerprint]);
}

#[test]
fn fc09_look_alikes() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2026-12-31");
    // Left in time; part-time; only a candidate.
    for (field, value) in [("ended_on", day("2026-03-14")), ("employment", 2), ("state", 3)] {
        let m = mediator(&hub, BINHAI, 1, "1960-03-15");
        let e = engagement(&hub, BINHAI, &m, "2024-01-01", "2030-12-31");
        hub.change("engagement", &e, field, &value);
    }
    hub.clear("FC-09", YANCHENG, "2026-12-31");
    // The clause stands within the first channel, and a province may read it so.
    let m = mediator(&hub, BINHAI, 2, "1950-03-15");
    let e = engagement(&hub, BINHAI, &m, "2024-01-01", "2030-12-31");
    hub.change("engagement", &e, "channel", &3);
    assert_eq!(hub.found("FC-09", YANCHENG, "2026-12-31").severity, Severity::Orange);
    let mut narrow = Parameters::default();
    narrow.set(check("FC-09").unwrap(), "direct_only", 1).unwrap();
    let outcome = run(&hub.conn.0, check("FC-09").unwrap(), number(YANCHENG), Day(day("2026-12-31")), &narrow);
    assert_eq!(outcome, Outcome::default());
}

#[test]
fn fc09_waits_for_the_consent() {
    let hub = Hub::new();
    let m = mediator(&hub, BINHAI, 1, "1960-03-15");
    let e = engagement(&hub, BINHAI, &m, "2024-01-01", "2030-12-31");
    hub.heard(BINHAI, "2026-03-14");
    hub.waits("FC-09", YANCHENG, "2026-06-01", "2026-03-15", &[BINHAI]);
    hub.heard(BINHAI, "2026-03-15");
    hub.found("FC-09", YANCHENG, "2026-06-01");
    hub.change("engagement", &e, "consent_until", &day("2026-12-31"));
    hub.clear("FC-09", YANCHENG, "2026-06-01");
}

// FC-14.

const DIGITAL: &str = "25322000000012345678";

fn charge(hub: &Hub, by: i64, fen: i64, on: &str, number: &str, total: i64, more: Fields<'_>) -> Id {
    let mut fields: Vec<(&str, &dyn ToSql)> =
        vec![("invoice_no", &number), ("invoice_total", &total), ("category", &8)];
    fields.extend(more);
    spend(hub, by, &vec![1; 16], fen, on, &fields)
}

#[test]
fn fc14_one_invoice_twice() {
    let hub = Hub::new();
    for union in [BINHAI, FUNING, KUNSHAN] {
        hub.heard(union, "2026-03-31");
    }
    let a = charge(&hub, BINHAI, 700_000, "2025-05-01", DIGITAL, 960_000, &[]);
    let b = charge(&hub, FUNING, 260_000, "2025-06-01", DIGITAL, 960_000, &[]);
    hub.only_at("FC-14", &[], "2026-03-31");
    hub.change("expenditure", &b, "amount", &260_001);
    let found = hub.found("FC-14", YANCHENG, "2026-03-31");
    assert_eq!((i64::from(found.subject), found.severity, found.family), (FUNING, Severity::Red, Family::A));
    assert_eq!((result(&found, "charged"), result(&found, "total")), ("9,600.01", "9,600.00"));
    assert_eq!(evidence(&found), ids(&[&a, &b]));
    hub.only_at("FC-14", &[YANCHENG], "2026-03-31");
    // Charged again in another city: for the province, which alone sees both; still the same case in Yancheng.
    charge(&hub, KUNSHAN, 960_000, "2025-07-01", DIGITAL, 960_000, &[]);
    hub.only_at("FC-14", &[YANCHENG, JIANGSU], "2026-03-31");
    assert_eq!(hub.found("FC-14", YANCHENG, "2026-03-31").fingerprint, found.fingerprint);
    assert_eq!(result(&hub.found("FC-14", JIANGSU, "2026-03-31"), "lines"), "3");
}

#[test]
fn fc14_twice_by_one_union() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2026-03-31");
    charge(&hub, BINHAI, 100, "2025-05-01", "00012345", 100, &[("invoice_code", &"3200")]);
    charge(&hub, BINHAI, 100, "2025-06-01", "00012345", 100, &[("invoice_code", &"3200")]);
    hub.only_at("FC-14", &[YANCHENG, BINHAI], "2026-03-31");
    assert!(hub.found("FC-14", BINHAI, "2026-03-31").advisory);
    // A city's own lines are for the province.
    let hub = Hub::new();
    hub.heard(YANCHENG, "2026-03-31");
    for on in ["2025-05-01", "2025-06-01"] {
        charge(&hub, YANCHENG, 100, on, DIGITAL, 100, &[]);
    }
    hub.only_at("FC-14", &[JIANGSU], "2026-03-31");
    // A city's and a county's are for the city, and addressed to the county, whoever was last.
    let hub = Hub::new();
    hub.heard(BINHAI, "2026-03-31");
    charge(&hub, BINHAI, 100, "2025-05-01", DIGITAL, 100, &[]);
    charge(&hub, YANCHENG, 100, "2025-06-01", DIGITAL, 100, &[]);
    hub.only_at("FC-14", &[YANCHENG], "2026-03-31");
    assert_eq!(i64::from(hub.found("FC-14", YANCHENG, "2026-03-31").subject), BINHAI);
}

#[test]
fn fc14_look_alikes() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2026-03-31");
    hub.heard(FUNING, "2026-03-31");
    // Booked to the wrong subject, reversed and booked again.
    let wrong = charge(&hub, BINHAI, 100, "2025-05-01", DIGITAL, 100, &[]);
    reverse(&hub, "expenditure", &wrong, "paid_on", "2025-05-03");
    charge(&hub, FUNING, 100, "2025-05-03", DIGITAL, 100, &[]);
    // The same number under two codes; the same short number without a code from two issuers.
    charge(&hub, BINHAI, 100, "2025-05-01", "00012345", 100, &[("invoice_code", &"3200")]);
    charge(&hub, FUNING, 100, "2025-05-01", "00012345", 100, &[("invoice_code", &"3201")]);
    charge(&hub, BINHAI, 100, "2025-05-01", "000777", 100, &[("payee_uscc", &"91320922XN00000128")]);
    charge(&hub, FUNING, 100, "2025-05-01", "000777", 100, &[("payee_uscc", &"91320922XN00000999")]);
    hub.only_at("FC-14", &[], "2026-03-31");
}

#[test]
fn fc14_waits_for_a_reversal() {
    let hub = Hub::new();
    let a = charge(&hub, BINHAI, 100, "2025-05-01", DIGITAL, 100, &[]);
    charge(&hub, FUNING, 100, "2025-09-01", DIGITAL, 100, &[]);
    hub.heard(FUNING, "2025-09-02");
    hub.heard(BINHAI, "2025-05-10");
    hub.waits("FC-14", YANCHENG, "2026-03-31", "2025-09-01", &[BINHAI]);
    hub.heard(BINHAI, "2025-09-01");
    hub.found("FC-14", YANCHENG, "2026-03-31");
    reverse(&hub, "expenditure", &a, "paid_on", "2025-06-01");
    hub.clear("FC-14", YANCHENG, "2026-03-31");
}

// FC-16.

fn matching(hub: &Hub, by: i64, programme: &Id, fen: i64, on: &str) -> Id {
    hub.add("matching", by, &[("programme", programme), ("amount", &fen), ("booked_on", &day(on)), ("source", &5)])
}

#[test]
fn fc16_spent_before_it_came() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-03-31");
    let r = receipt(&hub, BINHAI, &p, 3_000_000, "2025-03-01", "S1", None);
    spend(&hub, BINHAI, &p, 2_900_000, "2025-04-01", &[]);
    let x = spend(&hub, BINHAI, &p, 100_000, "2025-05-20", &[]);
    hub.clear("FC-16", YANCHENG, "2026-03-31");
    let over = spend(&hub, BINHAI, &p, 1, "2025-05-20", &[]);
    hub.clear("FC-16", YANCHENG, "2025-05-19");
    let found = hub.found("FC-16", YANCHENG, "2025-05-20");
    assert_eq!((i64::from(found.subject), found.severity, found.family), (BINHAI, Severity::Orange, Family::A));
    assert_eq!((result(&found, "first_day"), result(&found, "first_balance")), ("2025-05-20", "-0.01"));
    assert_eq!(evidence(&found), ids(&[&r, &x, &over]));
    hub.only_at("FC-16", &[YANCHENG, BINHAI], "2025-05-20");
    // Deeper later, then paid in: the same case, with its lowest day.
    spend(&hub, BINHAI, &p, 600_000, "2025-06-01", &[]);
    receipt(&hub, BINHAI, &p, 5_000_000, "2025-07-08", "S2", None);
    let deeper = hub.found("FC-16", YANCHENG, "2026-03-31");
    assert_eq!(deeper.fingerprint, found.fingerprint);
    assert_eq!((result(&deeper, "lowest"), result(&deeper, "lowest_day")), ("-6,000.01", "2025-06-01"));
}

#[test]
fn fc16_look_alikes() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-03-31");
    hub.heard(YANCHENG, "2026-03-31");
    // In and out on one day; matching money; what last year left under the same code; a payment put right later.
    matching(&hub, BINHAI, &p, 500, "2025-01-08");
    spend(&hub, BINHAI, &p, 500, "2025-01-24", &[]);
    receipt(&hub, BINHAI, &p, 700, "2025-02-01", "S1", None);
    spend(&hub, BINHAI, &p, 600, "2025-02-01", &[]);
    let next = hub.add("programme", NATION, &[("code", &"ZZ"), ("name", &"补助"), ("year", &2026)]);
    spend(&hub, BINHAI, &next, 100, "2026-01-10", &[]);
    let typo = spend(&hub, BINHAI, &next, 90_000, "2026-01-11", &[]);
    reverse(&hub, "expenditure", &typo, "paid_on", "2026-02-11");
    // A union that grants from its own programme books no receipt.
    let own = hub.add("programme", YANCHENG, &[("code", &"YC"), ("name", &"市级"), ("source", &3)]);
    allocation(&hub, YANCHENG, BINHAI, &own, 900, "2025-03-01", None);
    for at in [NATION, JIANGSU, YANCHENG, BINHAI] {
        hub.clear("FC-16", at, "2026-03-31");
    }
    // Passing down more than came in is money out as well.
    allocation(&hub, YANCHENG, BINHAI, &p, 1, "2025-03-01", None);
    assert_eq!(i64::from(hub.found("FC-16", JIANGSU, "2026-03-31").subject), YANCHENG);
}

#[test]
fn fc16_a_debt_is_told_once() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    spend(&hub, BINHAI, &p, 100, "2025-12-30", &[]);
    spend(&hub, BINHAI, &p, 100, "2026-01-10", &[]);
    hub.found("FC-16", YANCHENG, "2026-03-31");
    // Made good and sunk again in the next year: two.
    receipt(&hub, BINHAI, &p, 200, "2026-02-01", "S1", None);
    spend(&hub, BINHAI, &p, 1, "2026-02-10", &[]);
    assert_eq!(hub.run("FC-16", YANCHENG, "2026-03-31").found.len(), 2);
}

#[test]
fn fc16_waits_for_the_receipt() {
    let hub = Hub::new();
    let p = programme(&hub);
    spend(&hub, BINHAI, &p, 100, "2025-05-20", &[]);
    hub.heard(BINHAI, "2025-05-19");
    hub.waits("FC-16", YANCHENG, "2026-03-31", "2025-05-20", &[BINHAI]);
    hub.heard(BINHAI, "2025-05-20");
    hub.found("FC-16", YANCHENG, "2026-03-31");
    receipt(&hub, BINHAI, &p, 100, "2025-05-18", "S1", None);
    hub.clear("FC-16", YANCHENG, "2026-03-31");
}

// A million expenditures took FC-06 at a province 47 seconds: of two indexes SQLite chose the one on `reverses`, which
// is NULL in nearly every row.
#[test]
fn no_plan_walks_all_that_was_never_reversed() {
    let hub = Hub::new();
    for check in checks() {
        let mut statement = hub.conn.prepare(&format!("EXPLAIN QUERY PLAN {}", check.sql)).unwrap();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().unwrap() {
            let step: String = row.get("detail").unwrap();
            let of_reversals = step.starts_with("SEARCH r ");
            assert!(!step.contains("_by_reverses") || of_reversals, "{}: {step}", check.id);
        }
    }
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let hub = Hub::new();
    for check in checks() {
        for at in [NATION, JIANGSU, YANCHENG, BINHAI] {
            hub.clear(check.id, at, "2026-03-31");
        }
    }
}

/// Up to which day a union was heard say those of its devices that may write for it, and nobody else.
#[test]
fn a_horizon_is_that_of_the_devices_that_may_write() {
    let hub = Hub::new();
    let of = |union: i64| {
        let all = feeds::horizons(&hub.conn.0, PATIENCE).unwrap();
        all.get(&number(union)).map(|heard| heard.up_to.to_string())
    };
    hub.heard(320_922, "2025-06-30");
    assert_eq!(of(320_922).as_deref(), Some("2025-06-30"));
    // A key that nobody enrolled; one that a union enrolled which is not directly above; one enrolled for another.
    hub.told(320_922, &[1; 32], 0);
    hub.add("enrolment", 320_000, &[("union", &320_922), ("device", &[2_u8; 32])]);
    hub.told(320_922, &[2; 32], 0);
    hub.enrol(320_923, &[3; 32]);
    hub.told(320_922, &[3; 32], 0);
    // One that joined and has sent nothing.
    hub.enrol(320_922, &[4; 32]);
    assert_eq!(of(320_922).as_deref(), Some("2025-06-30"));
    // A second machine that fell silent, until it is revoked by the union above.
    let silent = [5_u8; 32];
    hub.enrol(320_922, &silent);
    hub.told(320_922, &silent, i64::from(day("2025-06-01")) * 86_400_000);
    assert_eq!(of(320_922).as_deref(), Some("2025-06-01"));
    hub.add("revocation", 320_000, &[("union", &320_922), ("device", &silent)]);
    assert_eq!(of(320_922).as_deref(), Some("2025-06-01"), "revoked by another");
    // Silent for longer than anybody waits while the other was heard, it holds nobody up, and is said.
    hub.conn.execute("UPDATE feed SET heard_at = ?1 WHERE device = ?2", (day_ms("2025-05-30"), silent)).unwrap();
    assert_eq!(of(320_922).as_deref(), Some("2025-06-30"));
    let heard = feeds::horizons(&hub.conn.0, PATIENCE).unwrap().remove(&number(320_922)).unwrap();
    assert_eq!(heard.silent, [(DeviceId(silent), Day(day("2025-05-30")))]);
    let patient = feeds::horizons(&hub.conn.0, PATIENCE + 1).unwrap().remove(&number(320_922)).unwrap();
    assert_eq!((patient.up_to, patient.silent.len()), (Day(day("2025-05-30")), 0));
    hub.conn.execute("UPDATE feed SET heard_at = ?1 WHERE device = ?2", (day_ms("2025-06-01"), silent)).unwrap();
    hub.add("revocation", 320_900, &[("union", &320_922), ("device", &silent)]);
    assert_eq!(of(320_922).as_deref(), Some("2025-06-30"));
    // The nation's devices are enrolled by nobody.
    hub.told(100_000, &[6; 32], 0);
    assert_eq!(of(100_000).as_deref(), Some("1970-01-01"));
    // Times outside the calendar.
    for (time, expected) in [(1 << 60, "9999-12-31"), (i64::MAX, "9999-12-31"), (i64::MIN, "0001-01-01")] {
        hub.conn.execute("UPDATE feed SET heard_at = ?1 WHERE \"union\" = 100000", [time]).unwrap();
        assert_eq!(of(100_000).as_deref(), Some(expected));
        hub.clear("FC-04", 320_900, "2025-07-31");
    }
}

#[test]
fn dq01_a_number_that_cannot_be_compared() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2026-03-31");
    hub.heard(FUNING, "2026-03-31");
    let [m1, _, e1, _] = two_posts(&hub, "2026-12-31");
    hub.clear("DQ-01", JIANGSU, "2026-03-31");
    hub.found("FC-05", JIANGSU, "2026-03-31");
    // A blank behind the number, or a key that was never granted: FC-05 has nothing to compare, and that is said.
    hub.conn.execute("UPDATE mediator SET id_no_index = NULL WHERE record = ?1", [&m1]).unwrap();
    hub.clear("FC-05", JIANGSU, "2026-03-31");
    let found = hub.found("DQ-01", JIANGSU, "2026-03-31");
    assert_eq!((i64::from(found.subject), found.severity), (BINHAI, Severity::Yellow));
    assert_eq!(result(&found, "people"), "1");
    assert_eq!(evidence(&found), ids(&[&m1]));
    hub.only_at("DQ-01", &[JIANGSU], "2026-03-31");
    // Two who share no index are no pair either, and one who is not counted for the fund is nobody's matter.
    hub.conn.execute("UPDATE mediator SET id_no_index = NULL", ()).unwrap();
    hub.clear("FC-05", JIANGSU, "2026-03-31");
    hub.change("engagement", &e1, "funded", &0);
    assert_eq!(hub.run("DQ-01", JIANGSU, "2026-03-31").found.len(), 1);
    // The near miss: it has only just begun.
    hub.conn.execute("UPDATE engagement SET starts_on = ?1", [day("2026-03-10")]).unwrap();
    hub.clear("DQ-01", JIANGSU, "2026-03-31");
}

#[test]
fn a_case_that_is_no_case_stops_no_other() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2026-03-31");
    hub.heard(FUNING, "2026-03-31");
    let [m1, ..] = two_posts(&hub, "2026-12-31");
    hub.found("FC-05", JIANGSU, "2026-03-31");
    // A day that is no day of the calendar is nothing that a check may stumble over; a check of which the tables are
    // missing fails, and says so.
    hub.conn.execute("UPDATE mediator SET born = 2147483647 WHERE record = ?1", [&m1]).unwrap();
    hub.found("FC-05", JIANGSU, "2026-03-31");
    hub.conn.execute_batch("ALTER TABLE fund_receipt RENAME TO gone").unwrap();
    let parameters = Parameters::default();
    let all: Vec<_> = checks().iter().collect();
    let outcome = finding::look(&hub.conn.0, number(JIANGSU), &all, Day(day("2026-03-31")), &parameters);
    assert!(outcome.found.iter().any(|f| f.rule == "FC-05"), "{outcome:?}");
    let failed: BTreeSet<_> = outcome.failed.iter().map(|e| e.rule()).collect();
    assert!(failed.contains("FC-02") && !failed.contains("FC-05"), "{failed:?}");
    assert!(outcome.failed[0].to_string().contains("fund_receipt"), "{}", outcome.failed[0]);
}
