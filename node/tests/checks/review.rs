//! Nineteen cases that went wrong once, as a reviewer tried them, each with what is right. Most are judged as of
//! 2026-03-31.

use huiliu_proto::v1::{Family, Severity};

use crate::hub::*;

const TODAY: &str = "2026-03-31";

fn county() -> Hub {
    let hub = Hub::new();
    for union in [BINHAI, FUNING, YANCHENG, JIANGSU] {
        hub.heard(union, "2026-12-31");
    }
    hub
}

fn charge(hub: &Hub, by: i64, fen: i64, on: &str, more: Fields<'_>) -> Id {
    let mut fields: Vec<_> = vec![("category", &8 as &dyn rusqlite::ToSql)];
    fields.extend(more);
    spend(hub, by, &vec![1; 16], fen, on, &fields)
}

#[test]
fn c01_one_invoice_with_two_totals() {
    let hub = county();
    charge(&hub, BINHAI, 500_000, "2025-05-01", &[("invoice_no", &"00012345"), ("invoice_total", &500_000)]);
    charge(&hub, FUNING, 500_000, "2025-06-01", &[("invoice_no", &"00012345"), ("invoice_total", &1_000_000)]);
    let found = hub.found("FC-14", YANCHENG, TODAY);
    assert_eq!((found.variant, result(&found, "total")), ("invoice", "5,000.00"));
}

#[test]
fn c02_one_number_with_blanks() {
    for spelled in ["2532 2000 0000 1234 5678", "2532200000001234　5678"] {
        let hub = county();
        charge(&hub, BINHAI, 100, "2025-05-01", &[("invoice_no", &"25322000000012345678"), ("invoice_total", &100)]);
        charge(&hub, FUNING, 100, "2025-06-01", &[("invoice_no", &spelled), ("invoice_total", &100)]);
        assert_eq!(hub.found("FC-14", YANCHENG, TODAY).variant, "invoice");
    }
}

#[test]
fn c03_once_with_its_code_and_once_without() {
    let hub = county();
    let first: Fields<'_> = &[("invoice_no", &"00012345"), ("invoice_code", &"3200"), ("invoice_total", &100)];
    charge(&hub, BINHAI, 100, "2025-05-01", first);
    let bare = charge(&hub, FUNING, 100, "2025-06-01", &[("invoice_no", &"00012345"), ("invoice_total", &100)]);
    hub.found("FC-14", YANCHENG, TODAY);
    // Near miss: the one without is another issuer's.
    hub.conn.execute("UPDATE expenditure SET payee_name = '某书店'", ()).unwrap();
    hub.found("FC-14", YANCHENG, TODAY);
    hub.change("expenditure", &bare, "payee_name", &"某印刷厂");
    hub.clear("FC-14", YANCHENG, TODAY);
}

#[test]
fn c04_one_line_of_a_voucher_twice() {
    let hub = county();
    let line: Fields<'_> = &[("voucher_no", &"记-0007"), ("voucher_line", &2), ("payee_name", &"某书店")];
    let same = || {
        let id = charge(&hub, BINHAI, 26_000, "2025-05-01", line);
        hub.change("expenditure", &id, "voucher_no", &"记-0007");
        id
    };
    let (a, b) = (same(), same());
    let found = hub.found("FC-14", YANCHENG, TODAY);
    assert_eq!((found.variant, result(&found, "lines"), result(&found, "number")), ("voucher", "2", "记-0007"));
    assert_eq!(evidence(&found), ids(&[&a, &b]));
    hub.only_at("FC-14", &[YANCHENG, BINHAI], TODAY);
    // Without line numbers, two in which nothing differs; paid to two people they are two.
    hub.conn.execute("UPDATE expenditure SET voucher_line = NULL", ()).unwrap();
    hub.found("FC-14", YANCHENG, TODAY);
    hub.change("expenditure", &b, "payee_name", &"另一书店");
    hub.clear("FC-14", YANCHENG, TODAY);
    // Reversed, it is not there twice.
    hub.change("expenditure", &b, "payee_name", &"某书店");
    reverse(&hub, "expenditure", &b, "paid_on", "2025-05-03");
    hub.clear("FC-14", YANCHENG, TODAY);
}

#[test]
fn c05_one_file_for_two_invoices() {
    let hub = county();
    let file = vec![7_u8; 32];
    charge(&hub, BINHAI, 100, "2025-05-01", &[("invoice_no", &"1"), ("invoice_total", &100), ("file_hash", &file)]);
    let b =
        charge(&hub, BINHAI, 90, "2025-06-01", &[("invoice_no", &"2"), ("invoice_total", &90), ("file_hash", &file)]);
    assert_eq!(hub.found("FC-14", YANCHENG, TODAY).variant, "file");
    // One list of pay for many lines has no invoice number; one invoice in two parts has one.
    hub.change("expenditure", &b, "invoice_no", &rusqlite::types::Null);
    hub.clear("FC-14", YANCHENG, TODAY);
}

#[test]
fn c06_a_receipt_dated_before_it_was_paid() {
    let hub = county();
    let p = programme(&hub);
    spend(&hub, BINHAI, &p, 100_000, "2025-05-20", &[]);
    let a = allocation(&hub, YANCHENG, BINHAI, &p, 300_000, "2025-07-08", Some("S1"));
    let named = receipt(&hub, BINHAI, &p, 300_000, "2025-05-01", "S1", Some(&a));
    let found = hub.found("FC-16", YANCHENG, TODAY);
    assert_eq!(result(&found, "first_day"), "2025-05-20");
    // Named or not: the bank serial says the same.
    hub.change("fund_receipt", &named, "allocation", &rusqlite::types::Null);
    hub.found("FC-16", YANCHENG, TODAY);
    hub.change("allocation", &a, "paid_on", &day("2025-04-30"));
    hub.clear("FC-16", YANCHENG, TODAY);
}

#[test]
fn c07_money_that_came_late() {
    let hub = county();
    let p = programme(&hub);
    let a = allocation(&hub, YANCHENG, FUNING, &p, 100, "2025-03-03", Some("S1"));
    let r = receipt(&hub, FUNING, &p, 100, "2025-12-30", "S1", Some(&a));
    let found = hub.found("FC-01", YANCHENG, TODAY);
    assert_eq!((found.variant, found.severity, found.family), ("late", Severity::Yellow, Family::N));
    assert_eq!((result(&found, "due"), result(&found, "arrived_on")), ("2025-03-31", "2025-12-30"));
    assert_eq!(evidence(&found), ids(&[&a, &r]));
    hub.change("fund_receipt", &r, "received_on", &day("2025-03-31"));
    hub.clear("FC-01", YANCHENG, TODAY);
}

#[test]
fn c08_received_under_another_programme() {
    let hub = county();
    let p = programme(&hub);
    let other = hub.add("programme", NATION, &[("code", &"T25B"), ("name", &"另一项目"), ("year", &2025)]);
    let a = allocation(&hub, YANCHENG, FUNING, &p, 100, "2025-03-03", Some("S1"));
    let r = receipt(&hub, FUNING, &other, 100, "2025-03-05", "S1", Some(&a));
    let found = hub.found("FC-01", YANCHENG, TODAY);
    assert_eq!(found.variant, "programme");
    // The same programme, corrected, is the same fund.
    hub.change("programme", &other, "replaces", &p);
    hub.clear("FC-01", YANCHENG, TODAY);
    hub.change("programme", &other, "replaces", &rusqlite::types::Null);
    hub.change("fund_receipt", &r, "programme", &p);
    hub.clear("FC-01", YANCHENG, TODAY);
}

#[test]
fn c09_its_own_matching_money_comes_first() {
    let hub = county();
    let p = programme(&hub);
    receipt(&hub, YANCHENG, &p, 30_000_000, "2025-03-01", "S1", None);
    hub.add(
        "matching",
        YANCHENG,
        &[("programme", &p), ("year", &2025), ("amount", &20_000_000), ("booked_on", &day("2025-03-02"))],
    );
    budget(&hub, YANCHENG, &p, 30_000_000, "2025-01-10", None);
    let a = allocation(&hub, YANCHENG, BINHAI, &p, 10_000_000, "2025-04-01", None);
    let found = hub.found("FC-04", JIANGSU, TODAY);
    assert_eq!((result(&found, "kept"), result(&found, "matched")), ("100,000.00", "200,000.00"));
    hub.change("allocation", &a, "amount", &20_000_000);
    hub.clear("FC-04", JIANGSU, TODAY);
}

#[test]
fn c10_and_11_own_pay_without_a_budget_and_with_one_for_other_things() {
    let hub = county();
    let p = programme(&hub);
    receipt(&hub, YANCHENG, &p, 10_000_000, "2025-03-01", "S1", None);
    let m = mediator(&hub, YANCHENG, 1, "1980-01-01");
    pay(&hub, YANCHENG, &p, &m, "2025-05", "2025-05-28");
    let found = hub.found("FC-04", JIANGSU, TODAY);
    assert_eq!((found.severity, found.family), (Severity::Orange, Family::A));
    // Nobody above has approved what a union writes down for "other" purposes.
    let b = budget(&hub, YANCHENG, &p, 10_000_000, "2025-06-01", None);
    hub.clear("FC-04", JIANGSU, TODAY);
    hub.conn.execute("UPDATE budget_lines SET category = 11 WHERE record = ?1", [&b]).unwrap();
    assert_eq!(result(&hub.found("FC-04", JIANGSU, TODAY), "kept"), "100,000.00");
}

#[test]
fn c12_paid_by_two_and_counted_by_one() {
    let hub = county();
    let p = programme(&hub);
    let [m1, m2, e1, e2] = crate::fc05::two_posts(&hub, "2026-12-31");
    hub.change("engagement", &e2, "funded", &0);
    hub.clear("FC-05", JIANGSU, TODAY);
    for month in ["2025-12", "2026-01", "2026-02"] {
        pay(&hub, BINHAI, &p, &m1, month, "2026-02-28");
        pay(&hub, FUNING, &p, &m2, month, "2026-02-28");
    }
    let found = hub.found("FC-05", JIANGSU, TODAY);
    assert_eq!((found.variant, found.family, result(&found, "months_paid")), ("paid_twice", Family::A, "3"));
    assert!(evidence(&found).is_superset(&ids(&[&e1, &e2])));
}

#[test]
fn c13_counted_by_two_townships_of_one_county() {
    let hub = county();
    let m = mediator(&hub, BINHAI, 7, "1980-01-01");
    let e1 = engagement(&hub, BINHAI, &m, "2025-01-01", "2026-12-31");
    let e2 = engagement(&hub, BINHAI, &m, "2025-06-01", "2026-12-31");
    census(&hub, NATION, "2025-12-31");
    hub.clear("FC-05", JIANGSU, TODAY);
    hub.change("engagement", &e1, "employer", &vec![1_u8; 16]);
    hub.change("engagement", &e2, "employer", &vec![2_u8; 16]);
    let found = hub.found("FC-05", JIANGSU, TODAY);
    assert_eq!((i64::from(found.subject), found.variant), (BINHAI, "counted"));
    // The same township's, renewed before the first ran out.
    hub.change("engagement", &e2, "employer", &vec![1_u8; 16]);
    hub.clear("FC-05", JIANGSU, TODAY);
}

#[test]
fn c14_and_15_a_consent_that_is_no_document() {
    for (born, ends, until, no) in
        [("1957-03-01", "2026-02-28", "2026-02-28", "无"), ("1958-03-01", "2030-12-31", "2030-12-31", "口头同意")]
    {
        let hub = county();
        let m = mediator(&hub, BINHAI, 1, born);
        let e = engagement(&hub, BINHAI, &m, "2024-01-01", ends);
        hub.change("engagement", &e, "consent_until", &day(until));
        hub.change("engagement", &e, "consent_no", &no);
        let all = hub.run("FC-09", YANCHENG, TODAY).found;
        assert!(all.iter().any(|found| found.variant == "no_consent"), "{no}: {all:#?}");
        hub.change("engagement", &e, "consent_no", &"盐工复〔2024〕3号");
        let all = hub.run("FC-09", YANCHENG, TODAY).found;
        assert!(all.iter().all(|found| found.variant == "beyond"), "{no}: {all:#?}");
    }
}

/// The nation sees no dossiers, so the province alone can read its own people's ages: as advice to itself.
#[test]
fn c16_a_provinces_own_people() {
    let hub = county();
    let m = mediator(&hub, JIANGSU, 1, "1941-06-01");
    engagement(&hub, JIANGSU, &m, "2024-01-01", "2026-12-31");
    let all = hub.run("FC-09", JIANGSU, TODAY).found;
    assert_eq!(all.iter().map(|found| (found.variant, found.advisory)).collect::<Vec<_>>(), [("beyond", true)]);
}

#[test]
fn c17_working_days_follow_the_published_days_off() {
    let hub = county();
    let p = programme(&hub);
    allocation(&hub, YANCHENG, FUNING, &p, 100, "2025-09-17", None);
    let unknown = hub.found("FC-01", YANCHENG, "2025-10-16");
    assert_eq!((result(&unknown, "due"), result(&unknown, "no_calendar")), ("2025-10-15", "2025"));
    let off = ["2025-10-01", "2025-10-02", "2025-10-03", "2025-10-06", "2025-10-07", "2025-10-08"];
    calendar(&hub, NATION, 2025, &off, &["2025-09-28", "2025-10-11"]);
    hub.clear("FC-01", YANCHENG, "2025-10-16");
    hub.clear("FC-01", YANCHENG, "2025-10-21");
    let found = hub.found("FC-01", YANCHENG, "2025-10-22");
    assert_eq!(result(&found, "due"), "2025-10-21");
    assert!(found.results.iter().all(|(name, _)| *name != "no_calendar"));
    // A region's own day off counts there, and another province's nowhere else.
    calendar(&hub, 450_000, 2025, &["2025-10-20"], &[]);
    hub.found("FC-01", YANCHENG, "2025-10-22");
    let own = calendar(&hub, JIANGSU, 2025, &["2025-10-20"], &[]);
    hub.clear("FC-01", YANCHENG, "2025-10-22");
    // The latest notice of a year holds, whole.
    let latest = calendar(&hub, JIANGSU, 2025, &[], &[]);
    assert!(latest > own);
    hub.found("FC-01", YANCHENG, "2025-10-22");
}

#[test]
fn c18_two_banks_with_one_serial() {
    for (one, other) in [(100, 300), (100, 100)] {
        let hub = county();
        let p = programme(&hub);
        allocation(&hub, YANCHENG, BINHAI, &p, one, "2026-01-05", Some("0001"));
        allocation(&hub, JIANGSU, BINHAI, &p, other, "2026-01-06", Some("0001"));
        receipt(&hub, BINHAI, &p, one, "2026-01-07", "0001", None);
        receipt(&hub, BINHAI, &p, other, "2026-01-08", "0001", None);
        for at in [JIANGSU, YANCHENG] {
            hub.clear("FC-01", at, TODAY);
            hub.clear("FC-02", at, TODAY);
        }
        // Booked once more, one of them asks.
        receipt(&hub, BINHAI, &p, one, "2026-01-09", "0001", None);
        let asking = [JIANGSU, YANCHENG].map(|at| hub.run("FC-01", at, TODAY).found.len());
        assert_eq!(asking.iter().sum::<usize>(), 1, "{asking:?}");
    }
}

#[test]
fn c19_what_was_carried_over_from_before() {
    let hub = county();
    let p = programme(&hub);
    spend(&hub, BINHAI, &p, 100, "2025-01-10", &[]);
    hub.found("FC-16", YANCHENG, TODAY);
    let opening = receipt(&hub, BINHAI, &p, 100, "2025-01-01", "结转", None);
    hub.found("FC-02", YANCHENG, TODAY);
    hub.change("fund_receipt", &opening, "subject", &"32104");
    hub.clear("FC-16", YANCHENG, TODAY);
    hub.clear("FC-02", YANCHENG, TODAY);
    // Not on another day, and not where money of the fund had come before.
    hub.change("fund_receipt", &opening, "received_on", &day("2025-01-02"));
    hub.found("FC-02", YANCHENG, TODAY);
    hub.change("fund_receipt", &opening, "received_on", &day("2025-01-01"));
    let a = allocation(&hub, YANCHENG, BINHAI, &p, 50, "2024-06-01", None);
    receipt(&hub, BINHAI, &p, 50, "2024-06-02", "S1", Some(&a));
    hub.found("FC-02", YANCHENG, TODAY);
}
