//! What a clerk writes beside what is there: what cannot be is refused, and what may be entered twice is told.

mod program;

use program::{MATCHING, MEDIATOR, PROGRAMME, Union};
use serde_json::Value as Json;

const WORK: [&str; 6] =
    ["work_entry", "mediator=杨海好", "duty=宣传指导", "subtype=政策宣讲", "place=工业园", "done_on=2025-03-01"];

fn with<'a>(base: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let name = |text: &str| text.split('=').next().unwrap_or_default().to_owned();
    let kept = base.iter().filter(|text| !more.iter().any(|other| name(other) == name(text)));
    kept.chain(more).copied().collect()
}

/// The fields that were refused.
fn refused(union: &Union, record: &[&str]) -> Vec<String> {
    let ran = union.run(&[&["--json", "record", "add"], record].concat());
    assert_eq!(ran.code, 4, "{record:?}: {}{}", ran.out, ran.err);
    let error: Json = serde_json::from_str(&ran.err).expect("JSON");
    let about = error["about"].as_array().expect("refusals").iter();
    about.map(|one| one["field"].as_str().expect("a field").to_owned()).collect()
}

fn written(union: &Union, record: &[&str]) -> Json {
    let answer = union.json(&[&["record", "add"], record].concat());
    assert_eq!(answer["written"], true, "{answer}");
    answer
}

fn id(answer: &Json) -> String {
    answer["record"].as_str().expect("an id").to_owned()
}

#[test]
fn no_more_is_taken_back_than_was_said() {
    let union = Union::new();
    union.add(&MEDIATOR);
    let line = id(&written(&union, &with(&WORK, &["guided=3"])));
    let back = format!("corrects={line}");
    assert_eq!(refused(&union, &with(&WORK, &["guided=-90000", &back])), ["guided"]);
    assert_eq!(refused(&union, &with(&WORK, &["guided=-1", &back, "subtype=指导要约"])), ["subtype"]);
    let first = id(&written(&union, &with(&WORK, &["guided=-2", &back])));
    // Two of three are gone; a correction is not corrected.
    assert_eq!(refused(&union, &with(&WORK, &["guided=-2", &back])), ["guided"]);
    let again = format!("corrects={first}");
    assert!(refused(&union, &with(&WORK, &["guided=-1", &again])).contains(&"corrects".to_owned()));
    written(&union, &with(&WORK, &["guided=-1", &back]));
    // Who looks at the line hears of it.
    let shown = union.json(&["record", "show", &line]);
    assert_eq!(shown["corrected_by"].as_array().map(Vec::len), Some(2), "{shown}");
    assert_eq!(shown["corrected_by"][0], first.as_str());
    let words = union.run(&["record", "show", &line]).out;
    assert!(words.contains("已有更正") && words.contains(&first[..16]), "{words}");
}

#[test]
fn what_comes_back_names_nothing_that_is_gone() {
    let union = Union::new();
    let person = union.add(&MEDIATOR);
    let line = id(&written(&union, &with(&WORK, &["guided=3"])));
    for record in [&line, &person] {
        assert_eq!(union.json(&["record", "void", record, "--reason", "误"])["standing"], "voided");
    }
    let ran = union.run(&["--json", "record", "reinstate", &line, "--reason", "误"]);
    let error: Json = serde_json::from_str(&ran.err).expect("JSON");
    assert_eq!((ran.code, &error["code"], &error["about"][0]["field"]), (4, &"rule".into(), &"mediator".into()));
    let words = union.run(&["record", "reinstate", &line, "--reason", "误"]);
    assert!(words.err.contains("不能恢复") && words.err.contains("已作废"), "{}", words.err);
    for record in [&person, &line] {
        let words = union.run(&["record", "reinstate", record, "--reason", "误", "--dry-run"]);
        assert!(words.out.contains("可以恢复"), "{}{}", words.out, words.err);
        assert_eq!(union.json(&["record", "reinstate", record, "--reason", "误"])["standing"], "stands");
    }
}

#[test]
fn who_or_what_is_entered_twice_is_told() {
    let union = Union::new();
    let person = union.add(&MEDIATOR);
    // The same number with another name.
    let twin = written(&union, &with(&MEDIATOR, &["姓名=杨海浩"]));
    assert_eq!(twin["alike"], serde_json::json!([person]));
    let words = union.run(&[&["record", "add"], &with(&MEDIATOR, &["姓名=杨海号"])[..]].concat());
    assert!(words.err.contains("可能与已有记录重复") && words.err.contains(&person), "{}", words.err);
    let other = written(
        &union,
        &["mediator", "姓名=例辛亥", "id_no=320000199302189087", "sex=女", "born=1993-02-18", "education=大专"],
    );
    assert_eq!(other["alike"], serde_json::json!([]));
    let engagement = [
        "engagement",
        "mediator=例辛亥",
        "employment=专职",
        "channel=1",
        "tier=县级",
        "contract_no=BH-1",
        "starts_on=2025-01-01",
        "ends_on=2027-12-31",
        "state=在聘",
        "other_employment=无其他任职",
    ];
    let first = id(&written(&union, &engagement));
    let second = written(&union, &with(&engagement, &["contract_no=BH-2", "starts_on=2026-06-01"]));
    assert_eq!(second["alike"], serde_json::json!([first]));
    let later =
        written(&union, &with(&engagement, &["contract_no=BH-3", "starts_on=2028-01-01", "ends_on=2028-12-31"]));
    assert_eq!(later["alike"], serde_json::json!([]));
    // A share whose payer has no number has a name.
    let engaged = format!("engagement={first}");
    let share = ["payer_share", &engaged, "payer_name=例公司", "share=50"];
    let one = id(&written(&union, &share));
    assert_eq!(written(&union, &share)["alike"], serde_json::json!([one]));
    assert_eq!(written(&union, &with(&share, &["payer_name=例二公司"]))["alike"], serde_json::json!([]));
}

#[test]
fn what_cannot_be_or_is_doubtful_is_said() {
    let union = Union::new();
    union.add(&MEDIATOR);
    assert_eq!(refused(&union, &with(&WORK, &["done_on=1949-12-30", "guided=1"])), ["done_on"]);
    let young = written(&union, &with(&WORK, &["done_on=1960-01-01", "guided=1"]));
    assert_eq!(young["warnings"][0]["field"], "done_on", "{young}");
    let long = written(
        &union,
        &[
            "engagement",
            "mediator=杨海好",
            "employment=专职",
            "channel=1",
            "tier=县级",
            "contract_no=BH-1",
            "starts_on=2025-01-01",
            "ends_on=2125-01-01",
            "state=在聘",
            "other_employment=离岗退休返聘",
        ],
    );
    assert_eq!(long["warnings"][0]["field"], "ends_on", "{long}");
}

#[test]
fn a_paper_entered_twice_is_told() {
    let nation = Union::empty();
    nation.json(&["init", "--root", "--network", "演示"]);
    written(&nation, &PROGRAMME);
    let spent = [
        "expenditure",
        "programme=CS-2025",
        "year=2025",
        "category=办公条件",
        "subject=50504",
        "amount=120.50",
        "paid_on=2025-03-05",
        "payee_name=例公司",
        "method=转账",
        "voucher_no=记-1",
    ];
    let received = [
        "fund_receipt",
        "programme=CS-2025",
        "year=2025",
        "amount=1000.00",
        "received_on=2025-02-18",
        "bank_serial=YS1",
        "subject=40302",
    ];
    let none = serde_json::json!([]);
    for (paper, others) in [
        (&spent[..], ["voucher_no=记-2", "voucher_line=2", "amount=120.51", "category=交通"]),
        (&received, ["bank_serial=YS2", "received_on=2025-02-19", "amount=1000.01", "amount=999.99"]),
        (&MATCHING, ["voucher_no=配-2", "year=2026", "amount=400.01", "amount=399.99"]),
    ] {
        let first = written(&nation, paper);
        assert_eq!(first["alike"], none, "{first}");
        // What is not of the paper itself may differ.
        let twin = written(&nation, paper);
        assert_eq!(twin["alike"], serde_json::json!([id(&first)]), "{paper:?}");
        for other in others {
            assert_eq!(written(&nation, &with(paper, &[other]))["alike"], none, "{} with {other}", paper[0]);
        }
        // What takes one back is no second one.
        let amount = paper.iter().find_map(|field| field.strip_prefix("amount=")).expect("money");
        let back = [format!("amount=-{amount}"), format!("reverses={}", id(&twin))];
        let back = with(paper, &[&back[0], &back[1], "reason=重复录入"]);
        assert_eq!(written(&nation, &back)["alike"], none, "{back:?}");
    }
    // An invoice is found whoever was paid.
    let invoice = [
        "invoice_type=增值税普通发票",
        "invoice_no=25327000000000000001",
        "invoice_total=120.50",
        "invoice_on=2025-03-04",
        "voucher_no=记-3",
    ];
    let first = id(&written(&nation, &with(&spent, &invoice)));
    assert_eq!(written(&nation, &with(&spent, &invoice))["alike"], serde_json::json!([first]));
}

#[test]
fn a_level_passed_over_is_doubtful() {
    let nation = Union::empty();
    nation.json(&["init", "--root", "--network", "演示"]);
    written(&nation, &PROGRAMME);
    let allocation = [
        "allocation",
        "programme=CS-2025",
        "year=2025",
        "amount=1000.00",
        "doc_no=总工财演〔2025〕1号",
        "paid_on=2025-02-17",
    ];
    for (to, no, doubtful) in
        [("to_union=320000", "no=1", false), ("to_union=320900", "no=2", true), ("to_union=320922", "no=3", true)]
    {
        let answer = written(&nation, &with(&allocation, &[to, no]));
        let warnings = answer["warnings"].as_array().expect("a list").iter();
        assert_eq!(warnings.filter(|one| one["field"] == "to_union").count(), usize::from(doubtful), "{answer}");
    }
}
