//! FC-06. The census is the end of 2025, so pay of November to January proves.

use huiliu_proto::v1::{Family, Severity};
use rusqlite::types::Value;

use crate::hub::*;

struct Roster {
    filing: Id,
    heads: Vec<[Id; 4]>,
}

/// A yearly filing of Binhai for two heads, both in order.
fn two_heads(hub: &Hub, declared: i64) -> Roster {
    let p = programme(hub);
    let filing = hub.add(
        "filing",
        BINHAI,
        &[("type", &2), ("year", &2025), ("census_on", &day("2025-12-31")), ("funded_heads", &declared)],
    );
    let mut heads = vec![];
    for n in 0..2u8 {
        let m = mediator(hub, BINHAI, n, "1980-01-01");
        let e = engagement(hub, BINHAI, &m, "2025-01-01", "2026-12-31");
        let c = certificate(hub, BINHAI, &m, "2024-12-20", Some("2025-12-31"));
        let x = pay(hub, BINHAI, &p, &m, "2025-12", "2026-02-20");
        let sql = "INSERT INTO filing_roster (record, owner, line, engagement, mediator, employment, funded)
            VALUES (?1, ?2, ?3, ?4, ?5, 1, 1)";
        hub.conn.execute(sql, (&filing, BINHAI, n, &e, &m)).unwrap();
        heads.push([m, e, c, x]);
    }
    hub.heard(BINHAI, "2026-03-31");
    Roster { filing, heads }
}

#[test]
fn fc06_more_declared_than_verified() {
    let hub = Hub::new();
    let roster = two_heads(&hub, 3);
    hub.clear("FC-06", YANCHENG, "2026-01-31");
    let found = hub.found("FC-06", YANCHENG, "2026-02-01");
    assert_eq!((i64::from(found.subject), found.severity, found.family), (BINHAI, Severity::Red, Family::B2));
    assert_eq!((result(&found, "declared"), result(&found, "verified"), result(&found, "named")), ("3", "2", "2"));
    assert_eq!(evidence(&found), ids(&[&roster.filing]));
    // The county sees the same in its own records, as advice; a province or the nation does not report it again.
    hub.only_at("FC-06", &[YANCHENG, BINHAI], "2026-02-01");
    let advice = hub.found("FC-06", BINHAI, "2026-02-01");
    assert!(advice.advisory && advice.fingerprint == found.fingerprint);
    hub.change("filing", &roster.filing, "funded_heads", &2);
    hub.clear("FC-06", YANCHENG, "2026-02-01");
}

#[test]
fn fc06_each_proof_is_needed() {
    type Spoil = fn(&Hub, &[Id; 4]);
    let cases: [(&str, Spoil); 8] = [
        ("not_in_post", |hub, head| hub.change("engagement", &head[1], "ended_on", &day("2025-12-30"))),
        ("not_in_post", |hub, head| hub.change("engagement", &head[1], "state", &6)),
        ("not_in_post", |hub, head| hub.change("engagement", &head[1], "employment", &2)),
        ("no_certificate", |hub, head| hub.change("certificate", &head[2], "expires_on", &day("2025-12-30"))),
        ("no_certificate", |hub, head| hub.change("certificate", &head[2], "issued_on", &day("2026-01-01"))),
        ("no_certificate", |hub, head| {
            hub.change("certificate", &head[2], "status", &3);
            hub.change("certificate", &head[2], "revoked_on", &day("2025-12-31"));
        }),
        ("no_pay", |hub, head| hub.change("expenditure", &head[3], "service_month", &month("2026-02"))),
        ("no_pay", |hub, head| {
            reverse(hub, "expenditure", &head[3], "paid_on", "2026-03-01");
        }),
    ];
    for (missing, spoil) in cases {
        let hub = Hub::new();
        let roster = two_heads(&hub, 2);
        hub.clear("FC-06", YANCHENG, "2026-03-31");
        spoil(&hub, &roster.heads[1]);
        let found = hub.found("FC-06", YANCHENG, "2026-03-31");
        for name in ["not_in_post", "no_certificate", "no_pay"] {
            assert_eq!(result(&found, name), if name == missing { "1" } else { "0" }, "{missing}");
        }
        assert_eq!(evidence(&found), ids(&[&roster.filing, &roster.heads[1][1]]));
    }
}

#[test]
fn fc06_look_alikes() {
    let hub = Hub::new();
    let roster = two_heads(&hub, 2);
    let [first, second] = &roster.heads[..] else { panic!("two heads") };
    // Ended, suspended or revoked after the census; pay by paying day where no month is given.
    hub.change("engagement", &first[1], "state", &9);
    hub.change("engagement", &first[1], "ended_on", &day("2025-12-31"));
    hub.change("engagement", &second[1], "state", &8);
    hub.change("certificate", &first[2], "status", &3);
    hub.change("certificate", &first[2], "revoked_on", &day("2026-01-01"));
    hub.change("expenditure", &first[3], "service_month", &Value::Null);
    hub.change("expenditure", &first[3], "paid_on", &day("2026-01-31"));
    hub.clear("FC-06", YANCHENG, "2026-03-31");
    // A post that is purchased is paid to its provider.
    hub.change("expenditure", &second[3], "payee_mediator", &Value::Null);
    hub.found("FC-06", YANCHENG, "2026-03-31");
    hub.change("engagement", &second[1], "channel", &5);
    hub.change("expenditure", &second[3], "category", &10);
    hub.change("expenditure", &second[3], "contract_no", &"聘1");
    hub.clear("FC-06", YANCHENG, "2026-03-31");
    // A certificate on the person's other dossier.
    let other = mediator(&hub, FUNING, 1, "1980-01-01");
    hub.change("certificate", &second[2], "mediator", &other);
    hub.clear("FC-06", YANCHENG, "2026-03-31");
    // The same person twice on the roster is one head.
    hub.change("mediator", &second[0], "id_no_index", &vec![0u8; 16]);
    assert_eq!(result(&hub.found("FC-06", YANCHENG, "2026-03-31"), "verified"), "1");
}

#[test]
fn fc06_only_the_version_that_holds() {
    let hub = Hub::new();
    let roster = two_heads(&hub, 3);
    let review = |by: i64, action: i64| {
        hub.add("filing_review", by, &[("union", &BINHAI), ("filing", &roster.filing), ("action", &action)]);
    };
    review(YANCHENG, 2);
    hub.clear("FC-06", YANCHENG, "2026-03-31");
    review(YANCHENG, 3);
    hub.found("FC-06", YANCHENG, "2026-03-31");
    // Only a union above can send a filing back.
    review(FUNING, 2);
    hub.found("FC-06", YANCHENG, "2026-03-31");
    let corrected = hub.add(
        "filing",
        BINHAI,
        &[
            ("type", &2),
            ("year", &2025),
            ("census_on", &day("2025-12-31")),
            ("funded_heads", &2),
            ("supersedes", &roster.filing),
        ],
    );
    hub.conn
        .execute("INSERT INTO filing_roster SELECT ?1, owner, line, engagement, mediator, heads, employment, funded FROM filing_roster", [&corrected])
        .unwrap();
    hub.clear("FC-06", YANCHENG, "2026-03-31");
    // A province's own filing goes to the nation, which has no dossiers to hold it against.
    hub.add(
        "filing",
        JIANGSU,
        &[("type", &2), ("year", &2025), ("census_on", &day("2025-12-31")), ("funded_heads", &9)],
    );
    for at in [NATION, JIANGSU] {
        hub.clear("FC-06", at, "2026-03-31");
    }
}

#[test]
fn fc06_waits_for_whoever_could_still_prove() {
    let hub = Hub::new();
    let roster = two_heads(&hub, 2);
    hub.change("certificate", &roster.heads[0][2], "mediator", &vec![1u8; 16]);
    hub.heard(BINHAI, "2026-01-30");
    hub.waits("FC-06", YANCHENG, "2026-03-31", "2026-01-31", &[BINHAI]);
    hub.heard(BINHAI, "2026-01-31");
    hub.found("FC-06", YANCHENG, "2026-03-31");
    certificate(&hub, BINHAI, &roster.heads[0][0], "2024-12-20", None);
    hub.clear("FC-06", YANCHENG, "2026-03-31");
}

#[test]
fn fc06_heads_of_other_unions() {
    let hub = Hub::new();
    let roster = two_heads(&hub, 2);
    let lists = |filer: i64| {
        let filing = hub.add(
            "filing",
            filer,
            &[("type", &2), ("year", &2025), ("census_on", &day("2025-12-31")), ("funded_heads", &2)],
        );
        let sql = "INSERT INTO filing_roster SELECT ?1, ?3, line, engagement, mediator, heads, employment, funded
                   FROM filing_roster WHERE record = ?2";
        hub.conn.execute(sql, (&filing, &roster.filing, filer)).unwrap();
    };
    // A city may list what its counties engage; who engaged the unproved ones is waited for.
    hub.heard(YANCHENG, "2026-03-31");
    lists(YANCHENG);
    hub.clear("FC-06", JIANGSU, "2026-03-31");
    hub.change("expenditure", &roster.heads[0][3], "category", &2);
    hub.found("FC-06", JIANGSU, "2026-03-31");
    hub.heard(BINHAI, "2026-01-30");
    hub.waits("FC-06", JIANGSU, "2026-03-31", "2026-01-31", &[BINHAI]);
    hub.change("expenditure", &roster.heads[0][3], "category", &1);
    // A neighbour may not.
    hub.heard(FUNING, "2026-03-31");
    lists(FUNING);
    let found = hub.found("FC-06", YANCHENG, "2026-03-31");
    assert_eq!((i64::from(found.subject), result(&found, "verified")), (FUNING, "0"));
    assert_eq!(found.evidence[1].role, "elsewhere");
}
