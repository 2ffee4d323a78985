//! What a superior says of a union below, as a clerk types it, and as it is shown at every level on whatever day.

mod machine;

use machine::{Machine, wait_for};
use tempfile::TempDir;

#[test]
fn a_clerk_says_who_leads_and_funds_and_everybody_sees_it() {
    let dir = TempDir::new().expect("a temporary directory");
    let nation = Machine::hub(&dir, "nation");
    nation.done(&["init", "--root"]);
    let _up = nation.serve();
    let corps = Machine::hub(&dir, "corps").in_chinese();
    corps.done(&["join", &nation.invite(&["660000"])]);
    let up = corps.serve();
    let city = Machine::node(&dir, "city").in_chinese();
    city.done(&["join", &corps.invite(&["659001"])]);

    // The division is registered; the built-in table says which cities are its own.
    assert!(city.done(&["下级工会", "查看", "659001"]).contains("所属师：第八师"));
    let named = ["名称=新疆生产建设兵团第八师总工会", "简称=第八师", "类型=师工会"];
    assert!(corps.done(&[&["下级工会", "登记"], &named[..]].concat()).contains("660000-001"));
    corps.done(&["union", "register", "名称=第八师一四四团工会", "简称=一四四团", "类型=团场工会"]);
    let shown = corps.done(&["union", "show", "石河子市"]);
    assert!(shown.contains("组织上级：新疆生产建设兵团第八师总工会（660000-001）"), "{shown}");
    assert!(shown.contains("备案上级：新疆生产建设兵团第八师总工会"), "{shown}");

    // Words: the city knows from them what its own list does not say, and the regiment is led by the division.
    let word = |of: &str, type_: &str, other: &str, from: &str| {
        let said =
            [format!("关系类型={type_}"), format!("对方工会={other}"), format!("自={from}"), "文号=兵工发1号".into()];
        [vec!["下级工会".to_owned(), "关系".into(), of.to_owned()], said.to_vec()].concat()
    };
    let says = |typed: Vec<String>, more: &[&str]| {
        let typed: Vec<&str> = typed.iter().map(String::as_str).chain(more.iter().copied()).collect();
        corps.run(&typed)
    };
    let trial = says(word("石河子市", "组织领导关系", "第八师", "2020-01-01"), &["--dry-run"]);
    assert!(trial.code == 0 && trial.out.contains("未写入"), "{trial:?}");
    for (of, type_, other, from) in [
        ("石河子市", "组织领导关系", "第八师", "2020-01-01"),
        ("一四四团", "组织领导关系", "第八师", "2020-01-01"),
        ("石河子市", "经费关系", "660000", "2026-01-01"),
    ] {
        let done = says(word(of, type_, other, from), &[]);
        assert_eq!(done.code, 0, "{}", done.err);
    }
    let again = says(word("石河子市", "经费关系", "第八师", "2026-01-01"), &[]);
    assert!(again.code == 4 && again.err.contains("时间重叠"), "{}", again.err);
    let circle = says(word("第八师", "组织领导关系", "一四四团", "2026-01-01"), &[]);
    assert!(circle.code == 4 && circle.err.contains("不是该工会的组织上级"), "{}", circle.err);
    let elsewhere = says(word("石河子市", "经费关系", "乌鲁木齐市", "2027-01-01"), &[]);
    assert!(elsewhere.code == 4 && elsewhere.err.contains("也不在其组织上级之上"), "{}", elsewhere.err);
    let change = [
        "下级工会",
        "变更",
        "一四四团",
        "自=2026-06-01",
        "名称=第八师钟家庄镇总工会",
        "简称=钟家庄镇",
        "文号=兵工发2号",
    ];
    corps.done(&change);
    let list = corps.json(&["union", "list"]);
    assert_eq!(list["unions"][1]["parent"], 1_660_000u64, "{list}");

    wait_for("the city and the nation have heard of it", || {
        city.run(&["sync"]);
        city.count("union_relation") == 2 && nation.count("union_relation") == 3 && nation.count("union_fact") == 1
    });
    let before = city.json(&["union", "show", "659001", "--on", "2019-12-31"]);
    let on = city.json(&["union", "show", "659001", "--on", "2025-12-31"]);
    let since = city.json(&["union", "show", "659001", "--on", "2026-01-01"]);
    assert_eq!((&before["led_by"]["union"], &before["division"]), (&660_000.into(), &"第八师".into()));
    assert_eq!((&on["led_by"]["union"], &on["division"]), (&1_660_000.into(), &serde_json::Value::Null));
    assert_eq!(on["led_by"]["name"], "新疆生产建设兵团第八师总工会", "as the Corps calls it");
    assert_eq!((&on["funded_by"]["union"], &since["funded_by"]["union"]), (&1_660_000.into(), &660_000.into()));
    assert_eq!(since["files_with"]["union"], 1_660_000);
    assert_eq!(since["above"], serde_json::json!([1_660_000, 660_000, 100_000]));
    let called = |on: &str| nation.json(&["union", "show", "660000-002", "--on", on])["fields"]["name"].clone();
    assert_eq!(called("2026-06-01"), "第八师钟家庄镇总工会");
    assert_ne!(called("2026-05-31"), "第八师钟家庄镇总工会");
    assert_eq!(nation.json(&["union", "find", "钟家庄镇"])["union"], 2_660_000, "found by what it is called since");
    let shown = corps.done(&["union", "show", "一四四团", "--on", "2026-06-01"]);
    for word in [
        "第八师钟家庄镇总工会（660000-002）",
        "简称：钟家庄镇",
        "类型：团场工会",
        "组织上级：新疆生产建设兵团第八师总工会（660000-001）  自2020-01-01起，兵工发1号",
    ] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    assert_eq!(city.run(&["union", "show", "659001", "--on", "明天"]).code, 2);
    // The number stays, and the line is that to the Corps.
    assert_eq!(city.json(&["status"])["parent"]["union"], 660_000);
    drop(up);
}
