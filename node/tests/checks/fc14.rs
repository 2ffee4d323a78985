//! FC-14.

use huiliu_proto::v1::{Family, Severity};
use rusqlite::types::ToSql;

use crate::hub::*;

const DIGITAL: &str = "25322000000012345678";

fn charge(hub: &Hub, by: i64, fen: i64, on: &str, number: &str, total: i64, more: Fields<'_>) -> Id {
    let mut fields: Vec<(&str, &dyn ToSql)> =
        vec![("invoice_no", &number), ("invoice_total", &total), ("category", &8)];
    fields.extend(more);
    spend(hub, by, &vec![1; 16], fen, on, &fields)
}

#[test]
fn fc14_one_invoice_twice() {
    let hub = Hub::new();
    for union in [BINHAI, FUNING, KUNSHAN] {
        hub.heard(union, "2026-03-31");
    }
    let a = charge(&hub, BINHAI, 700_000, "2025-05-01", DIGITAL, 960_000, &[]);
    let b = charge(&hub, FUNING, 260_000, "2025-06-01", DIGITAL, 960_000, &[]);
    hub.only_at("FC-14", &[], "2026-03-31");
    hub.change("expenditure", &b, "amount", &260_001);
    let found = hub.found("FC-14", YANCHENG, "2026-03-31");
    assert_eq!((i64::from(found.subject), found.severity, found.family), (FUNING, Severity::Red, Family::A));
    assert_eq!((result(&found, "charged"), result(&found, "total")), ("9,600.01", "9,600.00"));
    assert_eq!(evidence(&found), ids(&[&a, &b]));
    hub.only_at("FC-14", &[YANCHENG], "2026-03-31");
    // Charged again in another city: for the province, which alone sees both; still the same case in Yancheng.
    charge(&hub, KUNSHAN, 960_000, "2025-07-01", DIGITAL, 960_000, &[]);
    hub.only_at("FC-14", &[YANCHENG, JIANGSU], "2026-03-31");
    assert_eq!(hub.found("FC-14", YANCHENG, "2026-03-31").fingerprint, found.fingerprint);
    assert_eq!(result(&hub.found("FC-14", JIANGSU, "2026-03-31"), "lines"), "3");
}

#[test]
fn fc14_twice_by_one_union() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2026-03-31");
    charge(&hub, BINHAI, 100, "2025-05-01", "00012345", 100, &[("invoice_code", &"3200")]);
    charge(&hub, BINHAI, 100, "2025-06-01", "00012345", 100, &[("invoice_code", &"3200")]);
    hub.only_at("FC-14", &[YANCHENG, BINHAI], "2026-03-31");
    assert!(hub.found("FC-14", BINHAI, "2026-03-31").advisory);
    // A city's own lines are for the province.
    let hub = Hub::new();
    hub.heard(YANCHENG, "2026-03-31");
    for on in ["2025-05-01", "2025-06-01"] {
        charge(&hub, YANCHENG, 100, on, DIGITAL, 100, &[]);
    }
    hub.only_at("FC-14", &[JIANGSU], "2026-03-31");
    // A city's and a county's are for the city, and addressed to the county, whoever was last.
    let hub = Hub::new();
    hub.heard(BINHAI, "2026-03-31");
    charge(&hub, BINHAI, 100, "2025-05-01", DIGITAL, 100, &[]);
    charge(&hub, YANCHENG, 100, "2025-06-01", DIGITAL, 100, &[]);
    hub.only_at("FC-14", &[YANCHENG], "2026-03-31");
    assert_eq!(i64::from(hub.found("FC-14", YANCHENG, "2026-03-31").subject), BINHAI);
}

#[test]
fn fc14_look_alikes() {
    let hub = Hub::new();
    hub.heard(BINHAI, "2026-03-31");
    hub.heard(FUNING, "2026-03-31");
    // Booked to the wrong subject, reversed and booked again.
    let wrong = charge(&hub, BINHAI, 100, "2025-05-01", DIGITAL, 100, &[]);
    reverse(&hub, "expenditure", &wrong, "paid_on", "2025-05-03");
    charge(&hub, FUNING, 100, "2025-05-03", DIGITAL, 100, &[]);
    // The same number under two codes; the same short number without a code from two issuers.
    charge(&hub, BINHAI, 100, "2025-05-01", "00012345", 100, &[("invoice_code", &"3200")]);
    charge(&hub, FUNING, 100, "2025-05-01", "00012345", 100, &[("invoice_code", &"3201")]);
    charge(&hub, BINHAI, 100, "2025-05-01", "000777", 100, &[("payee_uscc", &"91320922XN00000128")]);
    charge(&hub, FUNING, 100, "2025-05-01", "000777", 100, &[("payee_uscc", &"91320922XN00000999")]);
    hub.only_at("FC-14", &[], "2026-03-31");
}

#[test]
fn fc14_waits_for_a_reversal() {
    let hub = Hub::new();
    let a = charge(&hub, BINHAI, 100, "2025-05-01", DIGITAL, 100, &[]);
    charge(&hub, FUNING, 100, "2025-09-01", DIGITAL, 100, &[]);
    hub.heard(FUNING, "2025-09-02");
    hub.heard(BINHAI, "2025-05-10");
    hub.waits("FC-14", YANCHENG, "2026-03-31", "2025-09-01", &[BINHAI]);
    hub.heard(BINHAI, "2025-09-01");
    hub.found("FC-14", YANCHENG, "2026-03-31");
    reverse(&hub, "expenditure", &a, "paid_on", "2025-06-01");
    hub.clear("FC-14", YANCHENG, "2026-03-31");
}

/// Where no invoice is at hand, people write one and the same word for its number.
#[test]
fn fc14_many_lines_with_one_number() {
    let hub = Hub::new();
    hub.grows_evenly("FC-14", YANCHENG, "2026-03-31", |many| {
        for n in 0..many {
            let (issuer, code) = (format!("店{n}"), (n % 3 == 0).then(|| format!("32{n}")));
            let more: Fields<'_> = &[("payee_name", &issuer), ("invoice_code", &code)];
            charge(&hub, if n % 2 == 0 { BINHAI } else { FUNING }, 100, "2025-05-01", "无", 100, more);
        }
    });
}

/// A line without its code is of the lowest code of its issuer or of one without issuer; without an issuer, of any.
#[test]
fn fc14_which_code_a_line_without_one_is_of() {
    for (issuer, codes, together) in [
        (Some("甲"), [(Some("甲"), "3201"), (None, "3202")], 0),
        (Some("甲"), [(Some("甲"), "3202"), (None, "3201")], 1),
        (Some("甲"), [(Some("乙"), "3201"), (None, "3202")], 1),
        (Some("甲"), [(Some("甲"), "3202"), (Some("乙"), "3201")], 0),
        (None, [(Some("甲"), "3202"), (Some("乙"), "3201")], 1),
    ] {
        let hub = Hub::new();
        hub.heard(BINHAI, "2026-03-31");
        hub.heard(FUNING, "2026-03-31");
        let other = codes.map(|(issuer, code)| {
            let more: Fields<'_> = &[("payee_name", &issuer), ("invoice_code", &code)];
            charge(&hub, BINHAI, 100, "2025-05-01", "00012345", 100, more)
        });
        let bare = charge(&hub, FUNING, 100, "2025-06-01", "00012345", 100, &[("payee_name", &issuer)]);
        let found = hub.found("FC-14", YANCHENG, "2026-03-31");
        assert_eq!(evidence(&found), ids(&[&other[together], &bare]), "{issuer:?} {codes:?}");
    }
}
