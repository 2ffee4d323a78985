//! FC-09. Born on 15 March 1960: 66 on that day of 2026, 68 two years later.

use huiliu_proto::{
    period::Day,
    v1::{Family, Severity},
};
use rusqlite::types::Value;

use crate::hub::*;

#[test]
fn fc09_past_the_limit() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2030-01-01");
    let m = mediator(&hub, BINHAI, 1, "1960-03-15");
    let e = engagement(&hub, BINHAI, &m, "2024-01-01", "2030-12-31");
    hub.clear("FC-09", YANCHENG, "2026-03-14");
    let found = hub.found("FC-09", YANCHENG, "2026-03-15");
    assert_eq!((i64::from(found.subject), found.severity, found.family), (BINHAI, Severity::Yellow, Family::N));
    assert_eq!((result(&found, "age"), result(&found, "since")), ("66", "2026-03"));
    assert_eq!(evidence(&found), ids(&[&e, &m]));
    hub.only_at("FC-09", &[YANCHENG, BINHAI], "2026-03-15");
    // Consent covers its days, and none past 68.
    hub.change("engagement", &e, "consent_no", &"盐工复〔2026〕3号");
    hub.change("engagement", &e, "consent_until", &day("2026-12-31"));
    hub.clear("FC-09", YANCHENG, "2026-12-31");
    assert_eq!(result(&hub.found("FC-09", YANCHENG, "2027-01-01"), "since"), "2027-01");
    hub.change("engagement", &e, "consent_until", &day("2030-12-31"));
    // 延聘至68周岁 ends with the 68th birthday.
    hub.clear("FC-09", YANCHENG, "2028-03-15");
    let past = hub.found("FC-09", YANCHENG, "2028-03-16");
    assert_eq!((past.severity, result(&past, "age")), (Severity::Orange, "68"));
    // Without consent both stand: that of the years between is not wiped out by the graver one.
    hub.change("engagement", &e, "consent_until", &Value::Null);
    let both = hub.run("FC-09", YANCHENG, "2028-03-16").found;
    assert_eq!(both.iter().map(|f| f.fingerprint).collect::<Vec<_>>(), [found.fingerprint, past.fingerprint]);
}

#[test]
fn fc09_look_alikes() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2026-12-31");
    // Left in time; part-time; only a candidate.
    for (field, value) in [("ended_on", day("2026-03-14")), ("employment", 2), ("state", 3)] {
        let m = mediator(&hub, BINHAI, 1, "1960-03-15");
        let e = engagement(&hub, BINHAI, &m, "2024-01-01", "2030-12-31");
        hub.change("engagement", &e, field, &value);
    }
    hub.clear("FC-09", YANCHENG, "2026-12-31");
    // The clause stands within the first channel, and a province may read it so.
    let m = mediator(&hub, BINHAI, 2, "1950-03-15");
    let e = engagement(&hub, BINHAI, &m, "2024-01-01", "2030-12-31");
    hub.change("engagement", &e, "channel", &3);
    assert_eq!(hub.found("FC-09", YANCHENG, "2026-12-31").severity, Severity::Orange);
    parameter(&hub, JIANGSU, "FC-09", "direct_only", 1, "2020-01-01");
    hub.clear("FC-09", YANCHENG, "2026-12-31");
}

#[test]
fn fc09_waits_for_the_consent() {
    let hub = Hub::new();
    let m = mediator(&hub, BINHAI, 1, "1960-03-15");
    let e = engagement(&hub, BINHAI, &m, "2024-01-01", "2030-12-31");
    hub.heard(BINHAI, "2026-03-14");
    hub.waits("FC-09", YANCHENG, "2026-06-01", "2026-03-15", &[BINHAI]);
    hub.heard(BINHAI, "2026-03-15");
    hub.found("FC-09", YANCHENG, "2026-06-01");
    hub.change("engagement", &e, "consent_no", &"盐工复〔2026〕3号");
    hub.change("engagement", &e, "consent_until", &day("2026-12-31"));
    hub.clear("FC-09", YANCHENG, "2026-06-01");
}

/// A limit that changes while somebody is past it makes no second case of the same breach.
#[test]
fn fc09_a_limit_that_changes_meanwhile() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2030-01-01");
    let m = mediator(&hub, BINHAI, 1, "1960-03-15");
    engagement(&hub, BINHAI, &m, "2024-01-01", "2030-12-31");
    let before = hub.found("FC-09", YANCHENG, "2026-09-30");
    parameter(&hub, NATION, "FC-09", "limit", 63, "2026-06-01");
    let found = hub.found("FC-09", YANCHENG, "2026-09-30");
    assert_eq!(
        (found.fingerprint, result(&found, "passed"), result(&found, "since")),
        (before.fingerprint, "65", "2026-03")
    );
    // Past the second limit, whichever it was: one case more.
    parameter(&hub, NATION, "FC-09", "extended", 67, "2028-06-01");
    let all = hub.run("FC-09", YANCHENG, "2028-12-31").found;
    assert_eq!(all.iter().map(|found| found.variant).collect::<Vec<_>>(), ["no_consent", "beyond"]);
}

/// Another union can copy the id of a dossier, with another date of birth.
#[test]
fn fc09_a_copied_dossier_is_another() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2030-01-01");
    let m = mediator(&hub, BINHAI, 1, "1960-03-15");
    engagement(&hub, BINHAI, &m, "2024-01-01", "2030-12-31");
    let copy = mediator(&hub, FUNING, 2, "1930-01-01");
    hub.change("mediator", &copy, "record", &m);
    hub.clear("FC-09", YANCHENG, "2026-03-14");
    assert_eq!(result(&hub.found("FC-09", YANCHENG, "2026-03-15"), "age"), "66");
    // Where the engaging union has none of that id, whoever has.
    hub.conn.execute("DELETE FROM mediator WHERE owner = ?1", [BINHAI]).unwrap();
    assert_eq!(hub.found("FC-09", YANCHENG, "2026-03-15").variant, "beyond");
}

#[test]
fn fc09_many_published_numbers() {
    let hub = Hub::new();
    // Each pair of stretches is looked at once: square, and not cubic.
    hub.grows_by_less_than(5, "FC-09", YANCHENG, "2026-03-31", |many| {
        for n in 0..many / 5 {
            for name in ["limit", "extended", "direct_only"] {
                let from = Day(day("2026-01-01") + n as i32).to_string();
                parameter(&hub, NATION, "FC-09", name, (n % 2) as i64 + 60, &from);
            }
        }
    });
}
