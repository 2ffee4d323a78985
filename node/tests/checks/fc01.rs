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
