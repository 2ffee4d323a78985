//! SD-01.

use huiliu_proto::v1::Severity;

use crate::hub::*;

const TODAY: &str = "2026-03-31";

fn account(hub: &Hub, by: i64) -> Id {
    hub.add("account", by, &[("name", &"王芳"), ("roles", &64), ("state", &1)])
}

/// Who carried a filing out.
fn signed(hub: &Hub, by: i64, filing: &Id, first: &Id, second: &Id, more: Fields<'_>) -> Id {
    let said: Fields<'_> = &[("act", &1), ("first", first), ("second", second), ("written", filing)];
    hub.add("countersignature", by, &[said, more].concat())
}

fn leave(hub: &Hub, by: i64, to: i64) -> Id {
    let (from, until) = (day("2026-01-01"), day("2026-12-31"));
    hub.add(
        "one_person_office",
        by,
        &[("union", &to), ("from", &from), ("until", &until), ("doc_no", &"盐工发〔2026〕1号")],
    )
}

#[test]
fn sd01_a_filing_that_one_person_submitted() {
    let hub = Hub::new();
    hub.heard(BINHAI, TODAY);
    // Before there were accounts nobody was asked.
    filing(&hub, BINHAI, "2024-12-31", &[]);
    let (first, second) = (account(&hub, BINHAI), account(&hub, BINHAI));
    hub.clear("SD-01", YANCHENG, TODAY);
    // Another union has none.
    filing(&hub, FUNING, "2025-12-31", &[]);
    hub.clear("SD-01", YANCHENG, TODAY);
    let alone = filing(&hub, BINHAI, "2025-12-31", &[]);
    let found = hub.found("SD-01", YANCHENG, TODAY);
    assert_eq!((i64::from(found.subject), found.severity), (BINHAI, Severity::Yellow));
    assert_eq!((result(&found, "year"), result(&found, "as_of")), ("2025", "2025-12-31"));
    assert_eq!(evidence(&found), ids(&[&alone]));
    hub.only_at("SD-01", &[YANCHENG, BINHAI], TODAY);
    // Neither one account twice, nor two persons of another filing or another act, nor what another union says.
    signed(&hub, BINHAI, &alone, &first, &first, &[]);
    signed(&hub, FUNING, &alone, &first, &second, &[]);
    signed(&hub, BINHAI, &first, &first, &second, &[]);
    let other = signed(&hub, BINHAI, &alone, &first, &second, &[]);
    hub.change("countersignature", &other, "act", &5);
    hub.found("SD-01", YANCHENG, TODAY);
    hub.change("countersignature", &other, "act", &1);
    hub.clear("SD-01", YANCHENG, TODAY);
}

#[test]
fn sd01_one_person_by_leave_of_the_union_above() {
    let hub = Hub::new();
    hub.heard(BINHAI, TODAY);
    let first = account(&hub, BINHAI);
    let alone = filing(&hub, BINHAI, "2025-12-31", &[]);
    let (own, others) = (leave(&hub, BINHAI, BINHAI), leave(&hub, YANCHENG, FUNING));
    let said = signed(&hub, BINHAI, &alone, &first, &first, &[("office", &own)]);
    hub.found("SD-01", YANCHENG, TODAY);
    hub.change("countersignature", &said, "office", &others);
    hub.found("SD-01", YANCHENG, TODAY);
    let given = leave(&hub, YANCHENG, BINHAI);
    hub.change("countersignature", &said, "office", &given);
    hub.clear("SD-01", YANCHENG, TODAY);
}

#[test]
fn sd01_twice_as_many_filings_take_twice_the_steps() {
    let hub = Hub::new();
    hub.heard(BINHAI, TODAY);
    let (first, second) = (account(&hub, BINHAI), account(&hub, BINHAI));
    hub.grows_evenly("SD-01", YANCHENG, TODAY, |many| {
        for _ in 0..many {
            let filed = filing(&hub, BINHAI, "2025-12-31", &[]);
            signed(&hub, BINHAI, &filed, &first, &second, &[]);
        }
    });
}

#[test]
fn sd01_a_machine_that_one_person_shut_out() {
    let hub = Hub::new();
    hub.heard(YANCHENG, TODAY);
    let revoked = |on: &str| {
        let device = [7u8; 32].to_vec();
        hub.add(
            "revocation",
            YANCHENG,
            &[("union", &BINHAI), ("device", &device), ("revoked_on", &day(on)), ("reason", &"失窃")],
        )
    };
    revoked("2025-01-01");
    let (first, second) = (account(&hub, YANCHENG), account(&hub, YANCHENG));
    hub.clear("SD-01", JIANGSU, TODAY);
    let alone = revoked("2026-01-31");
    let found = hub.found("SD-01", JIANGSU, TODAY);
    assert_eq!((i64::from(found.subject), result(&found, "revoked_on")), (YANCHENG, "2026-01-31"));
    assert_eq!(evidence(&found), ids(&[&alone]));
    hub.only_at("SD-01", &[JIANGSU], TODAY);
    let said = signed(&hub, YANCHENG, &alone, &first, &second, &[]);
    hub.found("SD-01", JIANGSU, TODAY);
    hub.change("countersignature", &said, "act", &4);
    hub.clear("SD-01", JIANGSU, TODAY);
}

#[test]
fn sd01_an_import_that_one_person_undid_by_leave_of_nobody() {
    let hub = Hub::new();
    hub.heard(BINHAI, TODAY);
    let (first, second) = (account(&hub, BINHAI), account(&hub, BINHAI));
    let own = leave(&hub, BINHAI, BINHAI);
    let import = vec![5; 16];
    let said = signed(&hub, BINHAI, &import, &first, &first, &[("office", &own)]);
    hub.clear("SD-01", YANCHENG, TODAY);
    for (act, variant) in [
        (2, "撤销导入"),
        (3, "返还密钥"),
        (5, "专项经费收支"),
        (6, "准予计入"),
        (7, "准许一人办公"),
        (8, "查阅下级加密内容"),
    ] {
        hub.change("countersignature", &said, "act", &act);
        let found = hub.found("SD-01", YANCHENG, TODAY);
        assert_eq!(evidence(&found), ids(&[&said]));
        assert!(found.summary.zh.contains(variant), "{act}: {}", found.summary.zh);
    }
    // With leave of the city, or by two.
    let given = leave(&hub, YANCHENG, BINHAI);
    hub.change("countersignature", &said, "office", &given);
    hub.clear("SD-01", YANCHENG, TODAY);
    hub.change("countersignature", &said, "office", &own);
    hub.change("countersignature", &said, "second", &second);
    hub.clear("SD-01", YANCHENG, TODAY);
}
