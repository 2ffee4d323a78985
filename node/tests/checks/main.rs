//! What each check finds, what it lets pass, and what it waits for: for every rule a true case, a near miss, an innocent
//! look-alike, and the evidence coming in late. A file a check.

mod dq01;
mod dump;
mod fc01;
mod fc02;
mod fc04;
mod fc05;
mod fc06;
mod fc09;
mod fc14;
mod fc16;
mod hub;
mod parameters;
mod portable;
mod review;
mod sd01;

use std::collections::BTreeSet;

use huiliu_node::{
    check::{CheckError, PATIENCE, Patience, Waiting, checks, settings},
    finding,
    store::horizons,
};
use huiliu_proto::{
    id::{DeviceId, Hash},
    period::Day,
};
use rusqlite::limits::Limit;

use hub::*;

// A million expenditures took FC-06 at a province 47 seconds: of two indexes SQLite chose the one on `reverses`, which
// is NULL in nearly every row.
#[test]
fn no_plan_walks_all_that_was_never_reversed() {
    let hub = Hub::new();
    for check in checks() {
        for query in check.queries(&settings(&hub.conn.0, check, number(JIANGSU)).unwrap()) {
            let mut statement = hub.conn.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next().unwrap() {
                let step: String = row.get("detail").unwrap();
                let of_reversals = step.starts_with("SEARCH r ");
                assert!(!step.contains("_by_reverses") || of_reversals, "{}: {step}", check.id);
            }
        }
    }
}

/// SQLite opens a name of a WITH anew wherever it stands, and no more than a thousand tables in all.
#[test]
fn no_query_comes_near_the_end_of_what_can_be_opened() {
    let hub = Hub::new();
    hub.conn.set_limit(Limit::SQLITE_LIMIT_EXPR_DEPTH, 600).unwrap();
    for check in checks() {
        for query in check.queries(&settings(&hub.conn.0, check, number(JIANGSU)).unwrap()) {
            hub.conn.prepare(&query).unwrap_or_else(|error| panic!("{}: {error}", check.id));
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
        let all = horizons::horizons(&hub.conn.0, PATIENCE).unwrap();
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
    let heard = horizons::horizons(&hub.conn.0, PATIENCE).unwrap().remove(&number(320_922)).unwrap();
    assert_eq!(heard.silent, [(DeviceId(silent), Day(day("2025-05-30")))]);
    let patient = horizons::horizons(&hub.conn.0, PATIENCE + 1).unwrap().remove(&number(320_922)).unwrap();
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
fn who_is_waited_for_too_long_is_told() {
    let waiting = Waiting {
        rule: "FC-04",
        subject: number(BINHAI),
        fingerprint: Hash([1; 32]),
        needed: Day(day("2025-06-30")),
        unions: vec![(number(BINHAI), None)],
    };
    for (today, overdue) in [("2025-06-01", false), ("2025-07-30", false), ("2025-07-31", true), ("2026-06-30", true)] {
        assert_eq!(waiting.overdue(Day(day(today)), 30), overdue, "{today}");
    }
}

#[test]
fn a_case_that_is_no_case_stops_no_other() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2026-03-31");
    hub.heard(FUNING, "2026-03-31");
    let [m1, ..] = fc05::two_posts(&hub, "2026-12-31");
    hub.found("FC-05", JIANGSU, "2026-03-31");
    // A day that is no day of the calendar is nothing that a check may stumble over; a check of which the tables are
    // missing fails, and says so.
    hub.conn.execute("UPDATE mediator SET born = 2147483647 WHERE record = ?1", [&m1]).unwrap();
    hub.found("FC-05", JIANGSU, "2026-03-31");
    hub.conn.execute_batch("ALTER TABLE fund_receipt RENAME TO gone").unwrap();
    let all: Vec<_> = checks().iter().collect();
    let outcome = finding::look(&hub.conn.0, number(JIANGSU), &all, Day(day("2026-03-31")), Patience::default());
    assert!(outcome.found.iter().any(|f| f.rule == "FC-05"), "{outcome:?}");
    let failed: BTreeSet<_> = outcome.failed.iter().map(|e| e.rule()).collect();
    assert!(failed.contains("FC-02") && !failed.contains("FC-05"), "{failed:?}");
    assert!(outcome.failed[0].to_string().contains("fund_receipt"), "{}", outcome.failed[0]);
}

/// What a union enters can be wrong in very many places; nobody is asked that many questions, and that there are more is
/// said. Of the others all is told.
#[test]
fn of_very_many_cases_some_are_told_and_the_rest_is_counted() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    hub.heard(FUNING, "2026-12-31");
    hub.conn.execute_batch("BEGIN").unwrap();
    for n in 0..1_100 {
        receipt(&hub, BINHAI, &p, 100 + n, "2026-01-10", "X", None);
    }
    for n in 0..3 {
        receipt(&hub, FUNING, &p, 100 + n, "2026-01-10", "X", None);
    }
    hub.conn.execute_batch("COMMIT").unwrap();
    let outcome = hub.run("FC-02", YANCHENG, "2026-06-01");
    let of = |union: i64| outcome.found.iter().filter(|found| found.subject == number(union)).count();
    assert_eq!((of(BINHAI), of(FUNING)), (1000, 3));
    let subject = number(BINHAI);
    assert_eq!(outcome.failed, [CheckError::TooMany { rule: "FC-02", subject, left: 100 }]);
}
