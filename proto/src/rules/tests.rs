//! Rules of several kinds, on records as a clerk types them.

use super::*;
use crate::kind::kind;

/// A record that stands, and then one thing changed in it.
pub(crate) fn record(name: &str, typed: &[(&str, &str)]) -> Record {
    let mut record = Record::new(kind(name).expect("a kind of this test"));
    for (field, text) in typed {
        let at = record.kind.field(field).expect("a field of this test");
        let value = if text.is_empty() {
            None
        } else {
            Some(record.kind.fields[at].parse(text).unwrap_or_else(|r| panic!("{r}")))
        };
        record.put(at, value);
    }
    record
}

pub(crate) fn refused(record: &Record) -> Vec<String> {
    record.validate().err().unwrap_or_default().into_iter().map(|r| r.field_name).collect()
}

pub(crate) fn warned(record: &Record) -> Vec<String> {
    record.validate().expect("a record that stands").into_iter().map(|w| w.field_name).collect()
}

fn with(
    base: &[(&'static str, &'static str)],
    changes: &[(&'static str, &'static str)],
) -> Vec<(&'static str, &'static str)> {
    let kept = base.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| name == changed));
    kept.chain(changes).copied().collect()
}

const REF: &str = "07070707070707070707070707070707";
type Typed = [(&'static str, &'static str)];

const MEDIATOR: &Typed = &[
    ("name", "王建国"),
    ("id_no", "32092219900101001X"),
    ("sex", "男"),
    ("born", "1990-01-01"),
    ("education", "大专"),
];
const ENGAGEMENT: &Typed = &[
    ("mediator", REF),
    ("employment", "专职"),
    ("channel", "2a"),
    ("tier", "县级"),
    ("funded", "是"),
    ("contract_no", "滨工聘2026-01"),
    ("starts_on", "2026-01-01"),
    ("ends_on", "2026-12-31"),
    ("state", "在聘"),
    ("other_employment", "无其他任职"),
];
const EXPENDITURE: &Typed = &[
    ("programme", REF),
    ("year", "2026"),
    ("category", "薪酬或补贴"),
    ("subject", "50504"),
    ("amount", "3000"),
    ("paid_on", "2026-04-10"),
    ("service_month", "2026-03"),
    ("payee_mediator", REF),
    ("method", "转账"),
    ("voucher_no", "记-0031"),
];
const WORK: &Typed = &[
    ("mediator", REF),
    ("duty", "参加协商"),
    ("subtype", "现场指导协商"),
    ("done_on", "2026-03-31"),
    ("place", "滨海经济开发区"),
    ("guided", "1"),
    ("mandate", "企业工会委托"),
];

#[test]
fn the_examples_stand() {
    for (kind, typed) in
        [("mediator", MEDIATOR), ("engagement", ENGAGEMENT), ("expenditure", EXPENDITURE), ("work_entry", WORK)]
    {
        assert_eq!(warned(&record(kind, typed)), [""; 0], "{kind}");
    }
}

/// Each row: the kind, what stands, what is changed, what is refused.
#[test]
fn what_cannot_be_true_is_refused() {
    let invoice: &Typed = &[
        ("invoice_type", "数电发票"),
        ("invoice_no", "2632"),
        ("invoice_total", "3000"),
        ("invoice_on", "2026-04-01"),
    ];
    assert_eq!(refused(&record("expenditure", &with(EXPENDITURE, invoice))), [""; 0]);
    let rows: &[(&str, &Typed, &Typed, &[&str])] = &[
        ("mediator", MEDIATOR, &[("sex", "女")], &["sex"]),
        ("mediator", MEDIATOR, &[("born", "1990-01-02")], &["born"]),
        ("mediator", MEDIATOR, &[("name", "")], &["name"]),
        ("mediator", MEDIATOR, &[("retired", "是")], &["retired_on"]),
        ("mediator", MEDIATOR, &[("retired_on", "2020-01-01")], &["retired_on"]),
        ("mediator", MEDIATOR, &[("retired", "否"), ("retired_on", "2020-01-01")], &["retired_on"]),
        ("engagement", ENGAGEMENT, &[("ends_on", "2025-12-31")], &["ends_on"]),
        ("engagement", ENGAGEMENT, &[("ended_on", "2026-06-30")], &["end_reason"]),
        ("engagement", ENGAGEMENT, &[("state", "终止")], &["state"]),
        ("engagement", ENGAGEMENT, &[("channel", "3b")], &["channel"]),
        ("engagement", ENGAGEMENT, &[("consent_no", "盐工〔2026〕3号")], &["consent_until"]),
        ("expenditure", EXPENDITURE, &[("amount", "-3000")], &["amount"]),
        ("expenditure", EXPENDITURE, &[("amount", "0")], &["amount"]),
        ("expenditure", EXPENDITURE, &[("reverses", REF), ("reason", "重复入账")], &["amount"]),
        ("expenditure", EXPENDITURE, &[("amount", "-3000"), ("reverses", REF)], &["reason"]),
        ("expenditure", EXPENDITURE, &[("payee_mediator", "")], &["payee_name"]),
        ("expenditure", EXPENDITURE, &[("service_month", "")], &["service_month"]),
        ("expenditure", EXPENDITURE, &[("invoice_no", "2632")], &["invoice_type", "invoice_total", "invoice_on"]),
        ("expenditure", EXPENDITURE, &[("invoice_code", "032002")], &["invoice_code"]),
        ("work_entry", WORK, &[("guided", "-1")], &["guided"]),
        ("work_entry", WORK, &[("subtype", "授课")], &["subtype"]),
        ("work_entry", WORK, &[("place", "")], &["place"]),
    ];
    for (kind, base, changes, expected) in rows {
        assert_eq!(refused(&record(kind, &with(base, changes))), *expected, "{kind} {changes:?}");
    }
    let reversal = &[("amount", "-3000"), ("reverses", REF), ("reason", "重复入账")];
    assert_eq!(refused(&record("expenditure", &with(EXPENDITURE, reversal))), [""; 0]);
    assert_eq!(refused(&record("work_entry", &with(WORK, &[("guided", "-1"), ("corrects", REF)]))), [""; 0]);
}

#[test]
fn what_should_not_be_is_a_warning() {
    let rows: &[(&str, &Typed, &Typed, &[&str])] = &[
        ("engagement", ENGAGEMENT, &[("employment", "兼职")], &["funded"]),
        ("engagement", ENGAGEMENT, &[("tier", "企业级")], &["funded"]),
        ("engagement", ENGAGEMENT, &[("tier", "企业级"), ("funded", "否")], &[]),
        ("work_entry", WORK, &[("mandate", "")], &["mandate"]),
        ("mediator", MEDIATOR, &[("id_no", "34052419800101001X"), ("born", "1980-01-01")], &["id_no"]),
    ];
    for (kind, base, changes, expected) in rows {
        assert_eq!(warned(&record(kind, &with(base, changes))), *expected, "{kind} {changes:?}");
    }
}

#[test]
fn a_sealed_number_is_not_compared() {
    let mut sealed = record("mediator", &with(MEDIATOR, &[("sex", "女")]));
    sealed.set("id_no", Value::Bytes(vec![9; 80]));
    assert_eq!(refused(&sealed), [""; 0]);
}

#[test]
fn words_for_people_and_words_for_logs() {
    let wrong = record("mediator", &with(MEDIATOR, &[("sex", "女")]));
    let refusal = &wrong.validate().expect_err("it is wrong")[0];
    assert_eq!(refusal.say(Lang::Zh), "性别“女”：与身份证号不一致。请核对证件。");
    assert_eq!(refusal.to_string(), "sex: not what the identity number says. Compare both with the card.");
    assert_eq!(format!("{refusal:?}"), "Refusal(sex: not_as_identity_number)");
}
