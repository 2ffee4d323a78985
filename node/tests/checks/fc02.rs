//! FC-02.

use huiliu_proto::v1::{Family, Severity};

use crate::hub::*;

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

/// The number of days changes: each receipt is matched by its own, and none takes an allocation from another for that.
#[test]
fn fc02_a_number_of_days_that_changes() {
    let fill = |receipts: &[&str], allocations: &[&str]| {
        let hub = Hub::new();
        let p = programme(&hub);
        hub.heard(BINHAI, "2026-12-31");
        receipts.iter().for_each(|on| drop(receipt(&hub, BINHAI, &p, 500, on, "X", None)));
        allocations.iter().for_each(|on| drop(allocation(&hub, YANCHENG, BINHAI, &p, 500, on, None)));
        hub
    };
    let days = |hub: &Hub, value: i64, from: &str| drop(parameter(hub, JIANGSU, "FC-02", "days", value, from));
    // Five days in March alone; in April thirty again. What was too early for March is near enough to April.
    let hub = fill(&["2026-03-20", "2026-04-02"], &["2026-03-05", "2026-03-19"]);
    hub.clear("FC-02", YANCHENG, "2026-06-30");
    days(&hub, 5, "2026-03-01");
    days(&hub, 30, "2026-04-01");
    hub.clear("FC-02", YANCHENG, "2026-06-30");
    // In March ten days before are too many.
    let hub = fill(&["2026-03-20"], &["2026-03-10"]);
    days(&hub, 5, "2026-03-01");
    days(&hub, 30, "2026-04-01");
    hub.found("FC-02", YANCHENG, "2026-06-30");
    // A receipt of thirty days leaves the near allocation to the one of five, and takes the later one.
    let hub = fill(&["2026-03-30", "2026-04-01"], &["2026-03-31", "2026-04-20"]);
    days(&hub, 5, "2026-04-01");
    hub.clear("FC-02", YANCHENG, "2026-06-30");
}

/// Another union can give its own receipt the id of one that an allocation explains.
#[test]
fn fc02_a_copied_id_is_another_receipt() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    hub.heard(FUNING, "2026-12-31");
    let a = allocation(&hub, YANCHENG, FUNING, &p, 100, "2026-01-05", Some("S1"));
    let honest = receipt(&hub, FUNING, &p, 100, "2026-01-06", "S1", Some(&a));
    let copy = receipt(&hub, BINHAI, &p, 100, "2026-01-06", "S1", None);
    hub.change("fund_receipt", &copy, "record", &honest);
    let found = hub.found("FC-02", YANCHENG, "2026-06-01");
    assert_eq!(i64::from(found.subject), BINHAI);
}
