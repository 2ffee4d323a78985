//! FC-16.

use huiliu_proto::v1::{Family, Severity};

use crate::hub::*;

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

/// A payer's slip of the pen: the allocation is dated years ahead, and the money came all the same.
#[test]
fn fc16_a_payers_day_that_is_still_to_come_accuses_nobody() {
    for named in [true, false] {
        let hub = Hub::new();
        let p = programme(&hub);
        hub.heard(BINHAI, "2026-03-31");
        let a = allocation(&hub, YANCHENG, BINHAI, &p, 100, "2062-01-05", Some("S1"));
        receipt(&hub, BINHAI, &p, 100, "2026-01-06", "S1", named.then_some(&a));
        spend(&hub, BINHAI, &p, 100, "2026-01-10", &[]);
        hub.clear("FC-16", YANCHENG, "2026-03-31");
        // Of a day gone by it shows that the money cannot have been there.
        hub.change("allocation", &a, "paid_on", &day("2026-01-12"));
        assert_eq!(result(&hub.found("FC-16", YANCHENG, "2026-03-31"), "first_day"), "2026-01-10");
        // One to another union says nothing, though the receipt names it.
        hub.change("allocation", &a, "to_union", &FUNING);
        hub.clear("FC-16", YANCHENG, "2026-03-31");
    }
}

/// Another union can give a programme of its own the id of one that all use. Nobody's money is counted twice for that.
#[test]
fn fc16_a_copied_programme_is_another() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-03-31");
    receipt(&hub, BINHAI, &p, 100, "2025-05-01", "S1", None);
    spend(&hub, BINHAI, &p, 101, "2025-05-20", &[]);
    let found = hub.found("FC-16", YANCHENG, "2026-03-31");
    assert_eq!(result(&found, "money_in"), "1.00");
    for by in [FUNING, BINHAI] {
        let copy = hub.add("programme", by, &[("code", &"XX"), ("name", &"别的"), ("year", &2025), ("source", &4)]);
        hub.change("programme", &copy, "record", &p);
        assert_eq!(hub.found("FC-16", YANCHENG, "2026-03-31"), found);
    }
}
