//! DQ-01.

use huiliu_proto::v1::Severity;

use crate::hub::*;
#[test]
fn dq01_a_number_that_cannot_be_compared() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2026-03-31");
    hub.heard(FUNING, "2026-03-31");
    let [m1, _, e1, _] = crate::fc05::two_posts(&hub, "2026-12-31");
    hub.clear("DQ-01", JIANGSU, "2026-03-31");
    hub.found("FC-05", JIANGSU, "2026-03-31");
    // A blank behind the number, or a key that was never granted: FC-05 has nothing to compare, and that is said.
    hub.conn.execute("UPDATE mediator SET id_no_index = NULL WHERE record = ?1", [&m1]).unwrap();
    hub.clear("FC-05", JIANGSU, "2026-03-31");
    let found = hub.found("DQ-01", JIANGSU, "2026-03-31");
    assert_eq!((i64::from(found.subject), found.severity), (BINHAI, Severity::Yellow));
    assert_eq!(result(&found, "people"), "1");
    assert_eq!(evidence(&found), ids(&[&m1]));
    hub.only_at("DQ-01", &[JIANGSU], "2026-03-31");
    // Two who share no index are no pair either, and one who is not counted for the fund is nobody's matter.
    hub.conn.execute("UPDATE mediator SET id_no_index = NULL", ()).unwrap();
    hub.clear("FC-05", JIANGSU, "2026-03-31");
    hub.change("engagement", &e1, "funded", &0);
    assert_eq!(hub.run("DQ-01", JIANGSU, "2026-03-31").found.len(), 1);
    // The near miss: it has only just begun.
    hub.conn.execute("UPDATE engagement SET starts_on = ?1", [day("2026-03-10")]).unwrap();
    hub.clear("DQ-01", JIANGSU, "2026-03-31");
}

/// FC-05 joins the dossiers. A changed program may state posts of dossiers that it never sends: they count.
#[test]
fn dq01_a_post_whose_dossier_never_came() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2026-12-31");
    let nobody = vec![9; 16];
    let first = engagement(&hub, BINHAI, &nobody, "2026-01-01", "2026-06-30");
    // One person, however many engagements.
    engagement(&hub, BINHAI, &nobody, "2026-02-01", "2026-12-31");
    let other = engagement(&hub, BINHAI, &vec![8; 16], "2026-01-15", "2026-12-31");
    let found = hub.found("DQ-01", JIANGSU, "2026-03-31");
    assert_eq!((i64::from(found.subject), found.variant, found.severity), (BINHAI, "dossiers", Severity::Yellow));
    assert_eq!((result(&found, "people"), result(&found, "since")), ("2", "2026-01-01"));
    assert_eq!(evidence(&found), ids(&[&first, &other]));
    hub.only_at("DQ-01", &[JIANGSU], "2026-03-31");
    // Its dossier may come within the days of grace.
    hub.clear("DQ-01", JIANGSU, "2026-01-30");
    // A dossier of another union is one.
    hub.conn.execute("UPDATE engagement SET mediator = ?1", [mediator(&hub, FUNING, 1, "1980-01-01")]).unwrap();
    hub.clear("DQ-01", JIANGSU, "2026-03-31");
}

#[test]
fn dq01_names_the_number_it_measured_by() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2026-12-31");
    let m = mediator(&hub, BINHAI, 1, "1980-01-01");
    hub.change("mediator", &m, "id_no_index", &rusqlite::types::Null);
    engagement(&hub, BINHAI, &m, "2026-01-01", "2026-12-31");
    parameter(&hub, JIANGSU, "DQ-01", "grace", 10, "2026-02-01");
    assert_eq!(hub.found("DQ-01", JIANGSU, "2026-03-31").parameters, [("grace", 30)]);
}
