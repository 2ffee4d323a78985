//! FC-01. 2 March 2026 is a Monday; twenty working days later it is Monday the 30th.

use huiliu_proto::v1::{Family, Severity};

use crate::hub::*;

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

#[test]
fn fc01_what_is_dated_ahead_is_not_due() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(FUNING, "2026-12-31");
    let a = allocation(&hub, YANCHENG, FUNING, &p, 100, "2062-03-02", None);
    hub.clear("FC-01", YANCHENG, "2026-03-31");
    // One of before the days that are counted is.
    hub.change("allocation", &a, "paid_on", &day("2009-12-01"));
    parameter(&hub, NATION, "FC-01", "grace", 0, "2000-01-01");
    assert_eq!(result(&hub.found("FC-01", YANCHENG, "2026-03-31"), "due"), "2010-01-01");
}

#[test]
fn fc01_nothing_is_due_before_it_was_paid() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(FUNING, "2026-12-31");
    parameter(&hub, NATION, "FC-01", "grace", 0, "2026-01-01");
    // A Sunday.
    let a = allocation(&hub, YANCHENG, FUNING, &p, 100, "2026-03-01", Some("S1"));
    hub.clear("FC-01", YANCHENG, "2026-03-01");
    assert_eq!(result(&hub.found("FC-01", YANCHENG, "2026-03-02"), "due"), "2026-03-01");
    let r = receipt(&hub, FUNING, &p, 100, "2026-03-01", "S1", Some(&a));
    hub.clear("FC-01", YANCHENG, "2026-03-02");
    hub.change("fund_receipt", &r, "received_on", &day("2026-03-02"));
    assert_eq!(hub.found("FC-01", YANCHENG, "2026-03-02").variant, "late");
}

/// Another union can copy the id of a receipt, and what it says under that id is its own.
#[test]
fn fc01_a_copied_id_is_another_receipt() {
    let hub = Hub::new();
    let p = programme(&hub);
    for union in [FUNING, BINHAI] {
        hub.heard(union, "2026-12-31");
        allocation(&hub, YANCHENG, union, &p, 100, "2026-01-05", Some("S1"));
    }
    let copy = |from: &Id, to: i64, fen: i64| {
        let id = receipt(&hub, to, &p, fen, "2026-01-06", "S1", None);
        hub.change("fund_receipt", &id, "record", from);
    };
    let honest = receipt(&hub, FUNING, &p, 100, "2026-01-06", "S1", None);
    copy(&honest, BINHAI, 100);
    hub.clear("FC-01", YANCHENG, "2026-06-01");
    // Of another sum it is the copier's matter alone.
    hub.conn.execute("UPDATE fund_receipt SET amount = 99 WHERE owner = ?1", [BINHAI]).unwrap();
    let found = hub.found("FC-01", YANCHENG, "2026-06-01");
    assert_eq!((i64::from(found.subject), result(&found, "received")), (BINHAI, "0.99"));
}

/// One regional day off is not the year's notice; one that names the National Day is, whoever published it.
#[test]
fn fc01_a_regions_day_off_does_not_stand_for_the_year() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(FUNING, "2026-12-31");
    allocation(&hub, YANCHENG, FUNING, &p, 100, "2026-03-02", None);
    let year = |found| {
        let found: huiliu_node::check::Found = found;
        found.results.iter().any(|(name, _)| *name == "no_calendar")
    };
    calendar(&hub, JIANGSU, 2026, &["2026-03-18"], &[]);
    let found = hub.found("FC-01", YANCHENG, "2026-05-01");
    assert_eq!((result(&found, "due"), result(&found, "no_calendar")), ("2026-03-31", "2026"));
    calendar(&hub, JIANGSU, 2026, &["2026-03-18", "2026-10-01"], &[]);
    assert!(!year(hub.found("FC-01", YANCHENG, "2026-05-01")));
    calendar(&hub, JIANGSU, 2026, &["2026-03-18"], &[]);
    calendar(&hub, NATION, 2026, &["2026-10-01"], &[]);
    assert!(!year(hub.found("FC-01", YANCHENG, "2026-05-01")));
}
