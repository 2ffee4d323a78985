//! FC-05.

use huiliu_proto::v1::{Family, Severity};

use crate::hub::*;

/// The same person full-time and funded in Binhai and in Funing, overlapping from 2025-11-01; a census at the end of the
/// year.
pub fn two_posts(hub: &Hub, until: &str) -> [Id; 4] {
    census(hub, NATION, "2025-12-31");
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
    assert!(found.withheld, "Funing would learn of Binhai's people");
    hub.only_at("FC-05", &[JIANGSU], "2026-03-31");
    reverse(&hub, "expenditure", &x2, "paid_on", "2025-12-10");
    hub.clear("FC-05", JIANGSU, "2026-03-31");
    // Past the end of the year, both count.
    hub.change("engagement", &e1, "ends_on", &day("2025-12-31"));
    assert_eq!(result(&hub.found("FC-05", JIANGSU, "2026-03-31"), "census_on"), "2025-12-31");
    hub.change("engagement", &e1, "ended_on", &day("2025-12-30"));
    hub.clear("FC-05", JIANGSU, "2026-03-31");
    // A filing of the city above both that declares both speaks for a day of its own.
    hub.heard(YANCHENG, "2026-03-31");
    let filing = filing(&hub, YANCHENG, "2025-11-30", &[(&e1, &m1), (&e2, &m2)]);
    let found = hub.found("FC-05", JIANGSU, "2026-03-31");
    assert_eq!((found.variant, result(&found, "census_on")), ("counted", "2025-11-30"));
    assert_eq!(evidence(&found), ids(&[&m1, &m2, &e1, &e2, &filing]));
}

#[test]
fn fc05_what_is_no_census() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2026-03-31");
    hub.heard(FUNING, "2026-03-31");
    let [m1, m2, e1, e2] = two_posts(&hub, "2027-12-31");
    hub.found("FC-05", JIANGSU, "2026-03-31");
    hub.conn.execute("UPDATE programme SET census_on = NULL", ()).unwrap();
    let clear = || hub.clear("FC-05", JIANGSU, "2026-03-31");
    // The end of a year that nobody names; a day of another city's own programme; of one that was replaced.
    clear();
    let other = census(&hub, SUZHOU, "2025-12-31");
    clear();
    hub.change("programme", &other, "owner", &NATION);
    hub.found("FC-05", JIANGSU, "2026-03-31");
    hub.add("programme", NATION, &[("code", &"CN"), ("name", &"补助"), ("year", &2025), ("replaces", &other)]);
    clear();
    // Filings that declare the person for one of them alone, or for each in another year.
    let first = filing(&hub, BINHAI, "2025-12-31", &[(&e1, &m1)]);
    clear();
    let second = filing(&hub, FUNING, "2026-01-31", &[(&e2, &m2)]);
    clear();
    hub.change("filing", &second, "year", &2025);
    let found = hub.found("FC-05", JIANGSU, "2026-03-31");
    assert_eq!(result(&found, "census_on"), "2026-01-31");
    assert!(evidence(&found).is_superset(&ids(&[&first, &second])));
    // One that cancels; that was sent back; that another superseded; that lists the person as not counted.
    hub.change("filing", &second, "type", &5);
    clear();
    hub.change("filing", &second, "type", &2);
    let review: Fields<'_> = &[("union", &FUNING), ("filing", &second), ("action", &2)];
    let review = hub.add("filing_review", YANCHENG, review);
    clear();
    hub.change("filing_review", &review, "action", &3);
    hub.found("FC-05", JIANGSU, "2026-03-31");
    hub.conn.execute("UPDATE filing_roster SET funded = 0 WHERE record = ?1", [&second]).unwrap();
    clear();
    hub.conn.execute("UPDATE filing_roster SET funded = 1 WHERE record = ?1", [&second]).unwrap();
    let corrected = filing(&hub, FUNING, "2025-12-31", &[]);
    hub.change("filing", &corrected, "supersedes", &second);
    clear();
}

#[test]
fn fc05_many_lines_of_one_month() {
    let hub = Hub::new();
    let p = programme(&hub);
    let [m1, m2, ..] = two_posts(&hub, "2027-12-31");
    hub.grows_evenly("FC-05", JIANGSU, "2026-03-31", |many| {
        for _ in 0..many {
            pay(&hub, BINHAI, &p, &m1, "2025-11", "2025-11-28");
            pay(&hub, FUNING, &p, &m2, "2025-11", "2025-11-28");
        }
    });
}

/// Another union can copy the ids of a dossier and of an engagement, and what it says under them is its own.
#[test]
fn fc05_copied_ids_are_other_records() {
    let hub = Hub::new();
    for union in [BINHAI, FUNING, KUNSHAN] {
        hub.heard(union, "2026-03-31");
    }
    let [m1, m2, e1, e2] = two_posts(&hub, "2027-12-31");
    let found = hub.found("FC-05", JIANGSU, "2026-03-31");
    // Kunshan copies Binhai's dossier for somebody else, and engages them.
    let copy = mediator(&hub, KUNSHAN, 9, "1980-01-01");
    hub.change("mediator", &copy, "record", &m1);
    let theirs = engagement(&hub, KUNSHAN, &m1, "2025-01-01", "2027-12-31");
    assert_eq!(hub.found("FC-05", JIANGSU, "2026-03-31"), found);
    // It copies the engagement too, for the same person: the case between the first two stands as it was.
    hub.conn.execute("UPDATE mediator SET id_no_index = ?2 WHERE owner = ?1", (KUNSHAN, vec![7_u8; 16])).unwrap();
    hub.change("engagement", &theirs, "record", &e1);
    let all = hub.run("FC-05", JIANGSU, "2026-03-31");
    assert!(all.failed.is_empty(), "{:?}", all.failed);
    assert!(all.found.iter().any(|one| one.fingerprint == found.fingerprint), "{all:#?}");
    assert!(all.found.iter().all(|one| evidence(one).is_superset(&ids(&[&m1, &e1]))), "{all:#?}");
    assert!(evidence(&found).is_superset(&ids(&[&m2, &e2])));
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
