//! FC-04.

use huiliu_proto::v1::{Family, Severity};

use crate::hub::*;

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
    // Spent beyond what was approved: the same case.
    let more = spend(&hub, YANCHENG, &p, 1, "2025-12-31", &[]);
    let spent = hub.found("FC-04", JIANGSU, "2026-01-01");
    // Its own use without a budget breaks the rules on spending; that it went elsewhere nobody has shown.
    assert_eq!((spent.severity, spent.family, spent.variant), (Severity::Orange, Family::A, "spent"));
    assert_eq!(spent.fingerprint, parked.fingerprint);
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

/// A receipt that is booked to a year far ahead is of the year after it came at the latest, and does not get out of sight.
#[test]
fn fc04_a_year_that_never_ends() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(YANCHENG, "2027-03-31");
    let r = receipt(&hub, YANCHENG, &p, 1_000, "2025-12-30", "S1", None);
    hub.change("fund_receipt", &r, "year", &2026);
    hub.clear("FC-04", JIANGSU, "2026-12-31");
    assert_eq!(result(&hub.found("FC-04", JIANGSU, "2027-01-01"), "year"), "2026");
    hub.change("fund_receipt", &r, "year", &2199);
    assert_eq!(result(&hub.found("FC-04", JIANGSU, "2027-01-01"), "year"), "2026");
}
