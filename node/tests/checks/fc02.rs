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

/// Of two receipts that name one allocation, the one of just its amount is right, also where it came later.
#[test]
fn fc02_the_exact_amount_goes_first() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    let a = allocation(&hub, YANCHENG, BINHAI, &p, 100, "2026-01-05", None);
    let mistyped = receipt(&hub, BINHAI, &p, 90, "2026-01-08", "X1", Some(&a));
    receipt(&hub, BINHAI, &p, 100, "2026-01-10", "X2", Some(&a));
    assert_eq!(evidence(&hub.found("FC-02", YANCHENG, "2026-06-01")), ids(&[&mistyped, &a]));
}

/// An allocation explains as much as was granted by it, whoever names it.
#[test]
fn fc02_more_than_the_allocation_that_is_named() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    let a = allocation(&hub, YANCHENG, BINHAI, &p, 10_000_000, "2026-01-05", None);
    let too_much = receipt(&hub, BINHAI, &p, 90_000_000, "2026-01-08", "X1", Some(&a));
    let found = hub.found("FC-02", YANCHENG, "2026-06-01");
    assert_eq!(evidence(&found), ids(&[&a, &too_much]));
    assert_eq!(result(&found, "granted"), "100,000.00");
    assert!(
        found.summary.zh.contains("多于所注明") && found.summary.zh.contains("拨款共100,000.00元"),
        "{}",
        found.summary.zh
    );
    // The money itself, in two parts: the larger receipt takes nothing from them.
    receipt(&hub, BINHAI, &p, 6_000_000, "2026-01-09", "X2", Some(&a));
    receipt(&hub, BINHAI, &p, 4_000_000, "2026-01-10", "X3", Some(&a));
    assert_eq!(evidence(&hub.found("FC-02", YANCHENG, "2026-06-01")), ids(&[&a, &too_much]));
    // Another allocation of its amount explains it after all, and then the named one is used up.
    allocation(&hub, YANCHENG, BINHAI, &p, 90_000_000, "2026-01-06", None);
    hub.clear("FC-02", YANCHENG, "2026-06-01");
    let once_more = receipt(&hub, BINHAI, &p, 1_000_000, "2026-01-11", "X4", Some(&a));
    assert_eq!(evidence(&hub.found("FC-02", YANCHENG, "2026-06-01")), ids(&[&a, &once_more]));
    hub.only_at("FC-02", &[YANCHENG], "2026-06-01");
}

/// Allocations with one serial are one transfer, and explain as much as was granted by all of them.
#[test]
fn fc02_more_than_came_under_a_serial() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    let a = allocation(&hub, YANCHENG, BINHAI, &p, 300, "2025-01-05", Some("S2"));
    allocation(&hub, YANCHENG, BINHAI, &p, 200, "2025-01-05", Some("S2"));
    receipt(&hub, BINHAI, &p, 500, "2026-01-06", "S2", None);
    hub.clear("FC-02", YANCHENG, "2026-06-01");
    let twice = receipt(&hub, BINHAI, &p, 300, "2026-01-07", "S2", None);
    assert_eq!(evidence(&hub.found("FC-02", YANCHENG, "2026-06-01")), ids(&[&a, &twice]));
    // It names what is too small, and its serial is that of what it is: explained, and it takes nothing from the first.
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    let small = allocation(&hub, YANCHENG, BINHAI, &p, 100, "2025-01-05", None);
    allocation(&hub, YANCHENG, BINHAI, &p, 700, "2025-01-05", Some("S3"));
    receipt(&hub, BINHAI, &p, 700, "2026-01-06", "S3", Some(&small));
    receipt(&hub, BINHAI, &p, 100, "2026-01-07", "S4", Some(&small));
    hub.clear("FC-02", YANCHENG, "2026-06-01");
}

/// What names an allocation that others have used up is tried by its bank serial, and counts there.
#[test]
fn fc02_used_up_by_others_and_explained_by_its_serial() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    let named = allocation(&hub, YANCHENG, BINHAI, &p, 100, "2025-01-05", None);
    let meant = allocation(&hub, YANCHENG, BINHAI, &p, 250, "2025-01-05", Some("S1"));
    receipt(&hub, BINHAI, &p, 100, "2026-01-06", "X1", Some(&named));
    receipt(&hub, BINHAI, &p, 100, "2026-01-07", "S1", Some(&named));
    hub.clear("FC-02", YANCHENG, "2026-06-01");
    // It takes its part there: what has that serial alone goes before it, and what is left is for one more.
    receipt(&hub, BINHAI, &p, 50, "2026-01-08", "S1", None);
    let second = receipt(&hub, BINHAI, &p, 100, "2026-01-09", "S1", Some(&named));
    hub.clear("FC-02", YANCHENG, "2026-06-01");
    let third = receipt(&hub, BINHAI, &p, 100, "2026-01-10", "S1", Some(&named));
    let found = hub.found("FC-02", YANCHENG, "2026-06-01");
    assert_eq!((found.variant, evidence(&found)), ("more", ids(&[&named, &third])));
    // An allocation that explains in this way answers nothing else of its amount.
    hub.change("fund_receipt", &second, "amount", &250);
    hub.change("allocation", &meant, "amount", &500);
    hub.clear("FC-02", YANCHENG, "2026-06-01");
    hub.change("fund_receipt", &third, "amount", &500);
    hub.change("fund_receipt", &third, "bank_serial", &"X2");
    hub.change("allocation", &meant, "paid_on", &day("2026-01-05"));
    assert_eq!(evidence(&hub.found("FC-02", YANCHENG, "2026-06-01")), ids(&[&named, &third]));
}

/// Of two that name one allocation, the one that has no other claim goes first, also where it came later.
#[test]
fn fc02_what_has_no_other_claim_goes_first() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    let a = allocation(&hub, YANCHENG, BINHAI, &p, 100, "2025-01-05", None);
    allocation(&hub, YANCHENG, BINHAI, &p, 100, "2025-01-05", Some("S1"));
    receipt(&hub, BINHAI, &p, 100, "2026-01-06", "S1", Some(&a));
    let other = receipt(&hub, BINHAI, &p, 100, "2026-01-20", "X1", Some(&a));
    hub.clear("FC-02", YANCHENG, "2026-06-01");
    // Not for less than it: a receipt of just the amount is right before all.
    hub.change("fund_receipt", &other, "amount", &90);
    assert_eq!(evidence(&hub.found("FC-02", YANCHENG, "2026-06-01")), ids(&[&a, &other]));
}

/// What does not fit any more takes nothing from what comes after it.
#[test]
fn fc02_a_receipt_that_is_too_much_leaves_the_rest_to_others() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    let a = allocation(&hub, YANCHENG, BINHAI, &p, 100, "2025-01-05", None);
    receipt(&hub, BINHAI, &p, 60, "2026-01-08", "X1", Some(&a));
    let too_much = receipt(&hub, BINHAI, &p, 60, "2026-01-09", "X2", Some(&a));
    receipt(&hub, BINHAI, &p, 40, "2026-01-10", "X3", Some(&a));
    assert_eq!(evidence(&hub.found("FC-02", YANCHENG, "2026-06-01")), ids(&[&a, &too_much]));
}

/// An allocation that was reversed and written anew, with the serial that it had, was granted once.
#[test]
fn fc02_what_was_granted_anew_is_granted_once() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    let wrong = allocation(&hub, YANCHENG, BINHAI, &p, 100, "2025-01-05", Some("S1"));
    reverse(&hub, "allocation", &wrong, "paid_on", "2025-01-05");
    allocation(&hub, YANCHENG, BINHAI, &p, 100, "2025-01-05", Some("S1"));
    receipt(&hub, BINHAI, &p, 100, "2026-01-08", "S1", None);
    hub.clear("FC-02", YANCHENG, "2026-06-01");
    let twice = receipt(&hub, BINHAI, &p, 100, "2026-01-09", "S1", None);
    assert_eq!(evidence(&hub.found("FC-02", YANCHENG, "2026-06-01")), ids(&[&wrong, &twice]));
    // Granted beside another, and then taken back: both stood at once.
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    allocation(&hub, YANCHENG, BINHAI, &p, 300, "2025-01-05", Some("S1"));
    let back = allocation(&hub, YANCHENG, BINHAI, &p, 200, "2025-01-05", Some("S1"));
    reverse(&hub, "allocation", &back, "paid_on", "2025-03-01");
    receipt(&hub, BINHAI, &p, 500, "2026-01-08", "S1", None);
    hub.clear("FC-02", YANCHENG, "2026-06-01");
}

/// Corrections and voids of either half change what is left.
#[test]
fn fc02_corrected_and_voided_halves() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    let a = allocation(&hub, YANCHENG, BINHAI, &p, 100, "2025-01-05", None);
    let wrong = receipt(&hub, BINHAI, &p, 90, "2026-01-08", "X1", Some(&a));
    let right = receipt(&hub, BINHAI, &p, 100, "2026-01-09", "X2", Some(&a));
    hub.found("FC-02", YANCHENG, "2026-06-01");
    // Reversed, or voided, the wrong one leaves the allocation to the right one.
    let reversal = reverse(&hub, "fund_receipt", &wrong, "received_on", "2026-01-20");
    hub.clear("FC-02", YANCHENG, "2026-06-01");
    for gone in [&reversal, &wrong] {
        hub.conn.execute("DELETE FROM fund_receipt WHERE record = ?1", [gone]).unwrap();
    }
    hub.clear("FC-02", YANCHENG, "2026-06-01");
    // An allocation that was taken back explains what names it, or names its reversal; no more than that.
    let back = reverse(&hub, "allocation", &a, "paid_on", "2026-02-01");
    hub.change("fund_receipt", &right, "allocation", &back);
    hub.clear("FC-02", YANCHENG, "2026-06-01");
    hub.change("fund_receipt", &right, "amount", &101);
    assert_eq!(evidence(&hub.found("FC-02", YANCHENG, "2026-06-01")), ids(&[&a, &right]));
    // Voided, it is not known any more.
    for gone in [&back, &a] {
        hub.conn.execute("DELETE FROM allocation WHERE record = ?1", [gone]).unwrap();
    }
    assert!(hub.found("FC-02", YANCHENG, "2026-06-01").summary.zh.contains("所注明的拨款在此查无记录"));
}

#[test]
fn fc02_grows_evenly() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    let a = allocation(&hub, YANCHENG, BINHAI, &p, 1_000_000, "2025-01-05", Some("S1"));
    hub.grows_evenly("FC-02", YANCHENG, "2026-06-01", |many| {
        for n in 0..many as i64 {
            let b = allocation(&hub, YANCHENG, BINHAI, &p, 100, "2026-01-05", Some("S1"));
            receipt(&hub, BINHAI, &p, 100 + n % 3, "2026-01-08", "S1", Some(if n % 2 == 0 { &a } else { &b }));
        }
    });
    // Each with a second claim, on what others have used up.
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    let named = allocation(&hub, YANCHENG, BINHAI, &p, 100, "2025-01-05", None);
    hub.grows_evenly("FC-02", YANCHENG, "2026-06-01", |many| {
        for n in 0..many as i64 {
            let serial = format!("S{n}");
            allocation(&hub, YANCHENG, BINHAI, &p, 100, "2025-01-05", Some(&serial));
            receipt(&hub, BINHAI, &p, 100 + n % 3, "2026-01-08", &serial, Some(&named));
        }
    });
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
