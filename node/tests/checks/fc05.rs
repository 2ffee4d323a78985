//! FC-05.

use huiliu_proto::v1::{Family, Severity};

use crate::hub::*;

/// The same person full-time and funded in Binhai and in Funing, overlapping from 2025-11-01.
pub fn two_posts(hub: &Hub, until: &str) -> [Id; 4] {
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
