//! The projection of one hub, filled in by hand, and what people enter.

use std::{cell::Cell, collections::BTreeSet, ops::Deref};

use huiliu_node::{
    check::{CheckOutcome, Found, Patience, check, run, settings},
    store::{Database, functions, projection},
};
use huiliu_proto::{
    id::RecordId,
    lang::Lang,
    period::{Day, Month},
    room::rooms,
    union::{Level, UnionNumber},
};
use rusqlite::{Connection, StatementStatus, params_from_iter, types::ToSql};

pub const NATION: i64 = 100000;
pub const JIANGSU: i64 = 320000;
pub const SUZHOU: i64 = 320500;
pub const KUNSHAN: i64 = 320583;
pub const YANCHENG: i64 = 320900;
pub const BINHAI: i64 = 320922;
pub const FUNING: i64 = 320923;

pub type Id = Vec<u8>;
pub type Fields<'a> = &'a [(&'a str, &'a dyn ToSql)];

/// A database that is written to with SQL of the test's own.
pub struct Filled(pub Database);

impl Deref for Filled {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0.raw()
    }
}

/// The projection of one hub, filled in by hand.
pub struct Hub {
    pub conn: Filled,
    made: Cell<u32>,
}

pub fn day(text: &str) -> i32 {
    text.parse::<Day>().unwrap_or_else(|e| panic!("{text}: {e}")).0
}

pub fn day_ms(text: &str) -> i64 {
    i64::from(day(text)) * 86_400_000
}

pub fn month(text: &str) -> i32 {
    text.parse::<Month>().unwrap_or_else(|e| panic!("{text}: {e}")).0
}

pub fn number(code: i64) -> UnionNumber {
    UnionNumber::try_from(code).unwrap()
}

impl Hub {
    pub fn new() -> Hub {
        let conn = Filled(Connection::open_in_memory().unwrap().into());
        functions::register(&conn).unwrap();
        projection::create(&conn.0).unwrap();
        for view in rooms().flat_map(|room| (room.views)()) {
            conn.execute_batch(&format!("CREATE VIEW {} AS {}", view.name, view.select)).unwrap();
        }
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

    pub fn add(&self, kind: &str, owner: i64, fields: Fields<'_>) -> Id {
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

    pub fn change(&self, kind: &str, record: &Id, field: &str, value: &dyn ToSql) {
        let sql = format!("UPDATE \"{kind}\" SET \"{field}\" = ?2 WHERE record = ?1");
        assert_eq!(self.conn.execute(&sql, (record, value)).unwrap(), 1);
    }

    /// The union's data has come in complete up to this day.
    pub fn heard(&self, union: i64, until: &str) {
        let device = [union.to_be_bytes(); 4].concat();
        self.conn.execute("DELETE FROM feed WHERE device = ?1", [&device]).unwrap();
        self.enrol(union, &device);
        self.told(union, &device, i64::from(day(until)) * 86_400_000);
    }

    pub fn enrol(&self, union_: i64, device: &[u8]) {
        let parent = number(union_).parent().unwrap().into();
        self.add("enrolment", parent, &[("union", &union_), ("device", &device)]);
    }

    /// A head with this time came.
    pub fn told(&self, union: i64, device: &[u8], time: i64) {
        let row = (union, device, time);
        self.conn.execute("INSERT INTO feed VALUES (?1, ?2, 0, x'00', ?3, 1)", row).unwrap();
    }

    pub fn run(&self, rule: &str, at: i64, today: &str) -> CheckOutcome {
        let check = check(rule).unwrap();
        let run = || run(&self.conn.0, check, number(at), Day(day(today)), Patience::default());
        let outcome = run();
        crate::dump::run(self, check, number(at), Day(day(today)));
        assert_eq!(outcome, run(), "{rule} found something else the second time");
        for found in &outcome.found {
            well_formed(found);
        }
        outcome
    }

    /// What the queries of the cases and of their records take, in steps of SQLite's: the same on every machine.
    pub fn steps(&self, rule: &str, at: i64, today: &str) -> i32 {
        let check = check(rule).unwrap();
        let steps = |query: String| {
            let mut query = self.conn.prepare(&crate::dump::filled(&query, number(at), Day(day(today)))).unwrap();
            let mut rows = query.raw_query();
            while rows.next().unwrap().is_some() {}
            drop(rows);
            query.reset_status(StatementStatus::VmStep)
        };
        check.queries(&settings(&self.conn.0, check, number(at)).unwrap()).map(steps).into_iter().sum()
    }

    /// Twice as much of it takes about twice the steps: what `add` adds, which is given how many there are to be.
    #[track_caller]
    pub fn grows_evenly(&self, rule: &str, at: i64, today: &str, add: impl Fn(usize)) {
        self.grows_by_less_than(3, rule, at, today, add);
    }

    /// Twice as much takes less than so many times the steps.
    #[track_caller]
    pub fn grows_by_less_than(&self, times: i32, rule: &str, at: i64, today: &str, add: impl Fn(usize)) {
        let steps = [100, 200, 400].map(|many| {
            self.conn.execute_batch("BEGIN").unwrap();
            add(many);
            let steps = self.steps(rule, at, today);
            self.conn.execute_batch("ROLLBACK").unwrap();
            steps
        });
        assert!(steps[2] - steps[1] < times * (steps[1] - steps[0]), "{rule}: {steps:?}");
    }

    #[track_caller]
    pub fn clear(&self, rule: &str, at: i64, today: &str) {
        let outcome = CheckOutcome { settings: vec![], ..self.run(rule, at, today) };
        assert_eq!(outcome, CheckOutcome::default(), "{rule} at {at} on {today}");
    }

    #[track_caller]
    pub fn found(&self, rule: &str, at: i64, today: &str) -> Found {
        let mut outcome = self.run(rule, at, today);
        assert!(outcome.waiting.is_empty() && outcome.found.len() == 1, "{rule} at {at} on {today}: {outcome:#?}");
        outcome.found.remove(0)
    }

    /// One case waits, for exactly these unions, up to this day.
    #[track_caller]
    pub fn waits(&self, rule: &str, at: i64, today: &str, needed: &str, unions: &[i64]) {
        let outcome = self.run(rule, at, today);
        assert!(outcome.found.is_empty() && outcome.waiting.len() == 1, "{rule} at {at} on {today}: {outcome:#?}");
        let waiting = &outcome.waiting[0];
        assert_eq!(waiting.needed, Day(day(needed)));
        let behind: Vec<i64> = waiting.unions.iter().map(|(union, _)| i64::from(*union)).collect();
        assert_eq!(behind, unions);
    }

    /// The same case is seen from one union only, whatever it is asked about.
    #[track_caller]
    pub fn only_at(&self, rule: &str, at: &[i64], today: &str) {
        for code in [NATION, JIANGSU, SUZHOU, YANCHENG, KUNSHAN, BINHAI, FUNING] {
            let outcome = self.run(rule, code, today);
            let cases = outcome.found.len() + outcome.waiting.len();
            assert_eq!(cases, usize::from(at.contains(&code)), "{rule} at {code}: {outcome:#?}");
        }
    }
}

/// A finding is complete, fits its record kind and names nobody.
pub fn well_formed(found: &Found) {
    let check = check(found.rule).unwrap();
    let names: Vec<&str> = found.results.iter().map(|(name, _)| *name).collect();
    let mut declared: Vec<&str> = vec![];
    declared.extend(check.results.iter().filter(|r| !r.optional || names.contains(&r.name)).map(|r| r.name));
    assert_eq!(names, declared, "{}: every result is declared, and every declared one given", found.rule);
    for said in [&found.summary.zh, &found.summary.en] {
        assert!(!said.contains(['{', '[']) && !said.starts_with(check.title.get(Lang::Zh)), "{said}");
    }
    assert!(!found.evidence.is_empty(), "{}: {}", found.rule, found.summary.zh);
    let record = found.to_record(Day(day("2026-03-31"))).unwrap();
    if let Err(refusals) = record.validate() {
        panic!("{}: {}", found.rule, refusals.iter().map(|r| r.say(Lang::En)).collect::<Vec<_>>().join("\n"));
    }
    let text = format!("{found:?}");
    assert!(!text.contains("例甲子") && !text.contains("1960-03"), "a person shows: {text}");
}

pub fn result<'f>(found: &Found, name: &str) -> &'f str {
    let (_, value) = found.results.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("{name}"));
    value.show(Lang::En).leak()
}

pub fn evidence(found: &Found) -> BTreeSet<RecordId> {
    found.evidence.iter().map(|e| e.record).collect()
}

pub fn ids(records: &[&Id]) -> BTreeSet<RecordId> {
    records.iter().map(|id| RecordId::try_from(id.as_slice()).unwrap()).collect()
}

// What people enter.

pub fn programme(hub: &Hub) -> Id {
    hub.add("programme", NATION, &[("code", &"ZZ"), ("name", &"专职指导员补助"), ("year", &2025), ("source", &1)])
}

/// One that names a census.
pub fn census(hub: &Hub, by: i64, on: &str) -> Id {
    let named: Fields<'_> = &[("code", &"CN"), ("name", &"补助"), ("year", &2025), ("census_on", &day(on))];
    hub.add("programme", by, named)
}

/// A filing, and the engagements (with their dossiers) that it declares as full-time and counted.
pub fn filing(hub: &Hub, by: i64, on: &str, declared: &[(&Id, &Id)]) -> Id {
    let (year, heads) = (on[..4].parse::<i32>().unwrap(), declared.len() as i64);
    let said: Fields<'_> = &[("type", &2), ("year", &year), ("census_on", &day(on)), ("funded_heads", &heads)];
    let filing = hub.add("filing", by, said);
    for (line, (engagement, mediator)) in declared.iter().enumerate() {
        let sql = "INSERT INTO filing_roster (record, owner, line, engagement, mediator, employment, funded)
            VALUES (?1, ?2, ?3, ?4, ?5, 1, 1)";
        hub.conn.execute(sql, (&filing, by, line as i64, engagement, mediator)).unwrap();
    }
    filing
}

pub fn allocation(hub: &Hub, from: i64, to: i64, programme: &Id, fen: i64, on: &str, serial: Option<&str>) -> Id {
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

pub fn receipt(hub: &Hub, by: i64, programme: &Id, fen: i64, on: &str, serial: &str, allocation: Option<&Id>) -> Id {
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

pub fn spend(hub: &Hub, by: i64, programme: &Id, fen: i64, on: &str, more: Fields<'_>) -> Id {
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
pub fn reverse(hub: &Hub, kind: &str, record: &Id, dated: &str, on: &str) -> Id {
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

pub fn budget(hub: &Hub, by: i64, programme: &Id, fen: i64, on: &str, replaces: Option<&Id>) -> Id {
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

pub fn mediator(hub: &Hub, owner: i64, person: u8, born: &str) -> Id {
    hub.add("mediator", owner, &[("name", &"例甲子"), ("id_no_index", &vec![person; 16]), ("born", &day(born))])
}

pub fn engagement(hub: &Hub, owner: i64, mediator: &Id, from: &str, to: &str) -> Id {
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

pub fn certificate(hub: &Hub, owner: i64, mediator: &Id, from: &str, to: Option<&str>) -> Id {
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

pub fn pay(hub: &Hub, by: i64, programme: &Id, mediator: &Id, served: &str, on: &str) -> Id {
    spend(
        hub,
        by,
        programme,
        300_000,
        on,
        &[("category", &1), ("service_month", &month(served)), ("payee_mediator", mediator)],
    )
}

/// A number that a union publishes for everyone below it.
pub fn parameter(hub: &Hub, by: i64, rule: &str, name: &str, value: i64, from: &str) -> Id {
    let fields: Fields<'_> = &[
        ("rule", &rule),
        ("name", &name),
        ("value", &value),
        ("effective_from", &day(from)),
        ("doc_no", &"演工发〔2026〕1号"),
    ];
    hub.add("parameter", by, fields)
}

/// The days off and the working weekends of a year.
pub fn calendar(hub: &Hub, by: i64, year: i32, off: &[&str], works: &[&str]) -> Id {
    let id = hub.add("calendar", by, &[("year", &year), ("doc_no", &"演发明电〔2024〕1号")]);
    let days = off.iter().map(|day| (day, 1)).chain(works.iter().map(|day| (day, 2)));
    for (line, (on, kind)) in days.enumerate() {
        let sql = "INSERT INTO calendar_days (record, owner, line, day, kind) VALUES (?1, ?2, ?3, ?4, ?5)";
        hub.conn.execute(sql, (&id, by, line as i64, day(on), kind)).unwrap();
    }
    id
}
