//! The program as a person runs it: one process a command, in a home of its own.

mod program;

use std::{io::Write as _, process::Stdio};

use program::{ENGAGEMENT, MEDIATOR, Union, text};
use serde_json::Value as Json;

/// The fields an enterprise must have, beside its name.
const ENTERPRISE: [&str; 4] = ["uscc=91350100M000100Y43", "region=滨海县", "industry=制造业", "ownership=私营"];

/// A mediator and her engagement, whose id it gives.
fn engage(union: &Union) -> String {
    union.add(&MEDIATOR);
    union.add(&ENGAGEMENT)
}

#[test]
fn a_home_is_made_once_and_for_a_union_that_exists() {
    let union = Union::new();
    let again = union.run(&["init", "--union", "320922"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("已经初始化过") && again.err.contains("提示"), "{}", again.err);
    let other = Union::empty();
    assert_eq!(other.run(&["init", "--union", "999999"]).code, 2);
    let missing = other.run(&["--lang", "en", "status"]);
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("there is no home") && missing.err.contains("init --union"), "{}", missing.err);
    assert_eq!(other.json(&["init", "--union", "滨海县"])["union"], 320_922);
}

#[test]
fn a_document_is_written_edited_shown_and_its_history_kept() {
    let union = Union::new();
    let id = union.add(&[&MEDIATOR[..], &["remarks=人好，话不多（退休）"]].concat());
    let short = &id[..12];
    assert_eq!(union.run(&["record", "edit", short, "phone=１３８ ００１３ ８０００", "remarks="]).code, 0);
    let unchanged = union.run(&["record", "edit", short, "phone=13800138000"]);
    assert!(unchanged.out.contains("没有变化"), "{}", unchanged.out);

    let shown = union.run(&["record", "show", short]);
    assert_eq!(shown.code, 0, "{}", shown.err);
    for text in ["姓名", "杨海好", "****002X", "13800138000", "滨海县总工会", "设备", "数据流水"] {
        assert!(shown.out.contains(text), "{text}:\n{}", shown.out);
    }
    assert!(!shown.out.contains("11010519491231002X"), "a sealed number is shown to nobody in full");
    assert!(union.run(&["--lang", "en", "record", "show", short]).out.contains("date of birth"));

    let shown = union.json(&["record", "show", &id]);
    assert_eq!(shown["fields"]["phone"], "13800138000");
    assert_eq!(shown["fields"]["sex"], "female");
    assert_eq!(shown["conflicts"], serde_json::json!([]));
    assert_eq!(
        (&shown["seq"], &shown["edits"]),
        (&Json::from(0), &Json::from(1)),
        "where it was created, and edits since"
    );

    let history = union.json(&["record", "history", &id]);
    let edits = history["edits"].as_array().expect("edits");
    assert_eq!(edits.len(), 2);
    let changes = edits[1]["changes"].as_array().expect("changes");
    let remarks = changes.iter().find(|c| c["field"] == "remarks").expect("it was emptied");
    assert_eq!((&remarks["from"], &remarks["to"]), (&Json::from("人好，话不多（退休）"), &Json::Null));
}

#[test]
fn lists_go_page_by_page() {
    let union = Union::new();
    for name in ["甲一", "甲二", "甲三"] {
        union.add(&[&["enterprise", &format!("name={name}公司")], &ENTERPRISE[..]].concat());
    }
    let counts = union.json(&["record", "list"]);
    let enterprises = counts.as_array().expect("kinds").iter().find(|k| k["kind"] == "enterprise");
    assert_eq!(enterprises.expect("declared")["records"], 3);
    let first = union.json(&["record", "list", "企业", "--most", "2"]);
    assert_eq!(first["records"].as_array().map(Vec::len), Some(2));
    let next = first["next"].as_str().expect("there is more");
    let rest = union.json(&["record", "list", "enterprise", "--after", next]);
    assert_eq!(rest["records"][0]["fields"]["name"], "甲三公司");
    assert_eq!(rest["next"], Json::Null);
    assert_eq!(union.json(&["record", "list", "enterprise", "--union", "320923"])["records"], serde_json::json!([]));
    let one_id = "0".repeat(6);
    assert_eq!(union.run(&["record", "show", &one_id]).code, 1);
    let table = union.run(&["record", "list", "enterprise"]).out;
    assert!(table.contains("名称") && table.contains("甲二公司"), "{table}");
}

#[test]
fn a_refusal_names_field_value_rule_and_remedy() {
    let union = Union::new();
    let wrong = ["record", "add", "mediator", "name=王五", "id_no=110105194912310021", "sex=x"];
    let zh = union.run(&wrong);
    assert_eq!(zh.code, 4);
    for text in ["身份证号", "****0021", "校验码不对", "请核对证件", "性别“x”", "可选：男、女"]
    {
        assert!(zh.err.contains(text), "{text}: {}", zh.err);
    }
    assert!(!zh.err.contains("110105194912310021"), "{}", zh.err);
    let en = union.run(&[&["--lang", "en"], &wrong[..]].concat());
    assert_eq!(en.code, 4);
    for text in ["resident identity number", "the check character is wrong", "type it again", "male, female"] {
        assert!(en.err.contains(text), "{text}: {}", en.err);
    }
    // What each field may hold by itself, and together it may not.
    let male = [
        "record",
        "add",
        "mediator",
        "name=王五",
        "id_no=11010519491231002X",
        "sex=男",
        "born=1949-12-31",
        "education=大专",
    ];
    let refused = union.run(&male);
    assert_eq!(refused.code, 4);
    assert!(refused.err.contains("与身份证号不一致"), "{}", refused.err);
    let json: Json =
        serde_json::from_str(&union.run(&[&["--json"], &male[..]].concat()).err).expect("an error in JSON");
    assert_eq!(json["exit"], 4);
    assert_eq!(union.json(&["record", "list", "mediator"])["records"], serde_json::json!([]), "nothing was written");
}

#[test]
fn what_makes_no_sense_is_another_matter() {
    let union = Union::new();
    for wrong in [
        &["record", "add", "nothing", "a=b"][..],
        &["record", "add", "mediator", "shoe_size=42"],
        &["record", "add", "mediator", "name"],
        &["record", "add", "mediator", "name=甲", "姓名=乙"],
        &["record", "add", "mediator"],
        &["record", "add", "budget", "lines=1"],
        &["rollup", "--from", "2025-13"],
        &["check", "explain", "FC-99"],
        &["nonsense"],
        &["serve", "--listen", "127.0.0.1:0"],
    ] {
        let ran = union.run(wrong);
        assert_eq!(ran.code, 2, "{wrong:?}: {}{}", ran.out, ran.err);
        assert!(!ran.err.is_empty());
    }
}

#[test]
fn a_trial_writes_nothing() {
    let union = Union::new();
    let trial = union.run(&[&["record", "add"], &MEDIATOR[..], &["--dry-run"]].concat());
    assert_eq!(trial.code, 0, "{}", trial.err);
    assert!(trial.out.contains("杨海好") && trial.out.contains("未写入"), "{}", trial.out);
    assert_eq!(union.json(&["record", "list", "mediator"])["records"], serde_json::json!([]));
    let refused = union.run(&["record", "add", "mediator", "name=王五", "--dry-run"]);
    assert_eq!(refused.code, 4);
}

#[test]
fn an_entry_is_put_right_by_another() {
    let union = Union::new();
    union.add(&MEDIATOR);
    let line =
        ["work_entry", "mediator=杨海好", "duty=宣传指导", "subtype=政策宣讲", "done_on=2025-03-01", "place=工业园"];
    let id = union.add(&[&line[..], &["guided=3"]].concat());
    let edit = union.run(&["record", "edit", &id, "guided=2"]);
    assert_eq!(edit.code, 4);
    assert!(edit.err.contains("红冲") && edit.err.contains(&format!("corrects={id}")), "{}", edit.err);
    let back = format!("corrects={id}");
    union.add(&[&line[..], &["guided=-1", &back]].concat());
    let history = union.json(&["record", "history", &id]);
    assert_eq!(history["edits"].as_array().map(Vec::len), Some(2), "the line, and the one that puts it right");
    let totals = union.json(&["rollup", "--from", "2025-01", "--to", "2025-12"]);
    let guided = totals["measures"].as_array().expect("measures").iter().find(|m| m["measure"] == "bargaining_guided");
    assert_eq!(guided.map(|m| (&m["own"], &m["total"])), Some((&Json::from(2), &Json::from(2))));
}

#[test]
fn a_table_in_an_entry_is_written_line_by_line() {
    let union = Union::new();
    let enterprise = union.add(&[&["enterprise", "name=甲一公司"], &ENTERPRISE[..]].concat());
    let mut arguments = vec!["rating".to_owned(), format!("enterprise={}", &enterprise[..14]), "round=2026上".into()];
    let fields = ["rated_on=2026-06-01", "total=85", "grade=A", "a_from=85", "b_from=70", "team=第3组"];
    arguments.extend(fields.map(str::to_owned));
    for (no, (max, score)) in [(50, 45), (50, 40)].into_iter().enumerate() {
        arguments.extend(["--line".to_owned(), format!("items:no={},max={max}，得分={score}", no + 1)]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let id = union.add(&arguments);
    let shown = union.json(&["record", "show", &id]);
    assert_eq!(shown["fields"]["items"][1], serde_json::json!({ "no": 2, "max": 50, "score": 40 }));
    assert!(union.run(&["record", "show", &id]).out.contains("甲一公司"), "a reference is shown with its name");
}

#[test]
fn a_filing_freezes_the_roster() {
    let union = Union::new();
    let engagement = engage(&union);
    let ask = ["filing", "submit", "--type", "yearly", "--year", "2025", "--census", "2025-06-30"];
    let asked = union.run(&ask);
    assert_eq!(asked.code, 2, "nobody can be asked here");
    assert!(asked.out.contains("专职人数") && asked.err.contains("--yes"), "{}{}", asked.out, asked.err);
    let too_many = union.run(&[&ask[..], &["--declare-funded", "5", "--yes"]].concat());
    assert_eq!(too_many.code, 4);
    assert!(too_many.err.contains("多于专兼职人数之和"), "{}", too_many.err);

    let filed = union.json(&[&ask[..], &["--yes"]].concat());
    let fields = &filed["fields"];
    assert_eq!((&fields["full_time"], &fields["funded_heads"]), (&Json::from(1), &Json::from(1)));
    assert_eq!(fields["roster"][0]["engagement"], engagement.as_str());
    assert_eq!(fields["roster"][0]["heads"].as_str().map(str::len), Some(64));
    let again = union.json(&[&ask[..], &["--yes"]].concat());
    assert_eq!(again["supersedes"], filed["record"]);

    let listed = union.json(&["filing", "list", "--all"]);
    let states: Vec<_> =
        listed["filings"].as_array().expect("filings").iter().map(|f| (&f["state"], &f["holds"])).collect();
    assert_eq!(states[0], (&Json::from("superseded"), &Json::from(false)));
    assert_eq!(states[1], (&Json::from("submitted"), &Json::from(true)));
    let own = union.run(&["filing", "review", again["record"].as_str().expect("an id"), "accept"]);
    assert_eq!(own.code, 4);
    assert!(own.err.contains("盐城市总工会"), "only the union above decides: {}", own.err);
    let empty =
        union.json(&["filing", "submit", "--type", "hire", "--year", "2026", "--census", "2026-06-30", "--yes"]);
    assert_eq!(empty["fields"]["full_time"], 0, "who had left by then is not on it");
}

#[test]
fn everything_answers_in_json() {
    let union = Union::new();
    let id = engage(&union);
    for ask in [
        &["status"][..],
        &["record", "list"],
        &["record", "list", "engagement"],
        &["record", "show", &id],
        &["record", "history", &id],
        &["record", "add"],
        &["record", "add", "expenditure"],
        &["rollup"],
        &["filing", "list"],
        &["check", "list"],
        &["check", "run", "--today", "2026-03-31"],
        &["check", "explain", "fc-1"],
        &["quarantine", "list"],
        &["evidence", "list"],
        &["rebuild"],
    ] {
        union.json(ask);
    }
    let shown = union.json(&["record", "show", &id]);
    assert_eq!(shown["fields"]["monthly_pay"], 300_050, "money in fen");
    let status = union.json(&["status"]);
    // The engagement ended last year.
    assert_eq!((&status["waiting"], &status["attention"]), (&Json::from(2), &serde_json::json!(["engagement_ends"])));
    let request = union.home().join("request.json");
    assert_eq!(union.json(&["request", &request.display().to_string()])["union"], 320_922);
}

#[test]
fn a_database_that_is_gone_or_not_ours_is_not_replaced() {
    let union = Union::new();
    let id = union.add(&MEDIATOR);
    let (database, away) = (union.home().join("huiliu.db"), union.home().join("away.db"));
    std::fs::rename(&database, &away).expect("it is closed");
    let missing = union.run(&["record", "list"]);
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("不见了") && missing.err.contains("备份"), "{}", missing.err);
    assert!(!database.exists(), "none is made silently");

    std::fs::write(
        &database,
        "this is no database, and it is longer than a header of SQLite would be; so it stays.\n".repeat(20),
    )
    .expect("the directory is ours");
    let foreign = union.run(&["--lang", "en", "record", "list"]);
    assert_eq!(foreign.code, 1);
    assert!(foreign.err.contains("is not a Huiliu database"), "{}", foreign.err);
    let before = std::fs::read(&database).expect("it is there");
    assert!(before.starts_with(b"this is no database"), "it was left as it was");

    std::fs::remove_file(&database).expect("it is ours");
    std::fs::rename(&away, &database).expect("it is ours");
    assert_eq!(union.json(&["record", "show", &id])["record"], id.as_str());
}

#[test]
fn what_was_altered_behind_the_programs_back_is_found_and_mended() {
    let union = Union::new();
    let id = union.add(&MEDIATOR);
    let verified = union.run(&["verify"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    let conn = rusqlite::Connection::open(union.home().join("huiliu.db")).expect("it is closed");
    conn.execute("UPDATE mediator SET name = '张三'", ()).expect("anyone with the file can");
    drop(conn);
    let altered = union.run(&["verify"]);
    assert_eq!(altered.code, 3);
    assert!(altered.out.contains("mediator") && altered.err.contains("rebuild"), "{}{}", altered.out, altered.err);
    assert_eq!(union.json(&["verify"])["problems"].as_array().map(Vec::len), Some(1));
    assert_eq!(union.run(&["rebuild"]).code, 0);
    assert_eq!(union.run(&["verify"]).code, 0);
    assert_eq!(union.json(&["record", "show", &id])["fields"]["name"], "杨海好");
    assert!(!union.home().join("verify.tmp").exists(), "the copy is gone");
}

#[test]
fn help_is_in_both_languages() {
    let union = Union::empty();
    let zh = union.run(&["record", "add", "--help"]);
    assert_eq!(zh.code, 0);
    assert!(zh.out.contains("用法：") && zh.out.contains("记录种类"), "{}", zh.out);
    let en = union.run(&["record", "add", "--help", "--lang", "en"]);
    assert!(en.out.contains("Usage:") && en.out.contains("Kind of record"), "{}", en.out);
    assert!(union.run(&["--help"]).out.contains("退出码"));
    assert_eq!(union.run(&["--version"]).code, 0);
}

/// A line of a file that is to be a budget.
fn budget(lines: &str, doc_no: &str) -> String {
    format!(r#"{{"programme":"PB","年度":2026,"预算明细":{lines},"approved_on":"2026-01-05","doc_no":"{doc_no}"}}"#)
        + "\n"
}

/// The nation, which publishes programmes.
fn publisher() -> Union {
    let union = Union::empty();
    union.json(&["init", "--root", "--network", "演示"]);
    union.add(&["programme", "code=PB", "name=试点", "year=2026", "source=1", "purpose=测试"]);
    union
}

/// A table in a record comes from JSON, through the same rules; CSV says that it has no place for one.
#[test]
fn budgets_with_their_lines_are_imported() {
    let union = publisher();
    let file = union.path("budgets.jsonl");
    let good = r#"[{"支出类别":"薪酬或补贴","金额":"3000.50"},{"category":"office","amount":20,"subject":null}]"#;
    std::fs::write(&file, budget(good, "A1") + &budget(r#"[{"category":"交通","amount":1e2}]"#, "A2"))
        .expect("written");
    let report = union.json(&["record", "import", "budget", text(&file)]);
    assert_eq!((&report["written"], &report["wrong"]), (&2.into(), &0.into()), "{report}");
    assert_eq!(report["alike"], serde_json::json!([2]), "the same programme and year");
    let listed = union.json(&["record", "list", "budget"]);
    let tables: Vec<&Json> =
        listed["records"].as_array().expect("a list").iter().map(|r| &r["fields"]["lines"]).collect();
    let amounts = |table: &Json| -> Vec<Json> {
        table.as_array().expect("a table").iter().map(|line| line["amount"].clone()).collect()
    };
    let mut found: Vec<Vec<Json>> = tables.iter().map(|table| amounts(table)).collect();
    found.sort_by_key(Vec::len);
    assert_eq!(serde_json::json!(found), serde_json::json!([[10_000], [300_050, 2_000]]), "{listed}");
    let (import, undone) = (report["import"].as_str().expect("an id"), "undo-import");
    assert_eq!(union.json(&["record", undone, import, "--reason", "试导入"])["voided"], 2);
    let cells = union.path("budgets.csv");
    for heading in ["programme,year,approved_on,doc_no", "programme,year,预算明细"] {
        std::fs::write(&cells, format!("{heading}\n")).expect("written");
        let refused = union.json(&["record", "import", "budget", text(&cells)]);
        assert_eq!(refused["problems"][0]["code"], "table", "{refused}");
    }
    let said = union.run(&["record", "import", "budget", text(&cells)]);
    assert!(said.code == 4 && said.out.contains("逐行 JSON"), "{}{}", said.out, said.err);
}

/// What comes on standard input has no name that would tell what it is: its beginning does. A number keeps its digits.
#[test]
fn json_lines_come_on_standard_input() {
    let union = publisher();
    let import = |text: &str| -> Json {
        let mut command = union.command(&["--json", "record", "import", "enterprise", "-"]);
        let mut running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut stdin = running.stdin.take().expect("it is piped");
        stdin.write_all(text.as_bytes()).expect("it reads");
        drop(stdin);
        let out = running.wait_with_output().expect("it ends").stdout;
        serde_json::from_slice(&out).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out)))
    };
    let line = |name: &str| {
        format!(
            r#"{{"name":{name},"uscc":"91350100M000100Y43","region":320922,"industry":"制造业","ownership":"私营"}}"#
        )
    };
    let report = import(&format!("\n{}\n", line("90071992547409931234")));
    assert_eq!((&report["written"], &report["wrong"]), (&1.into(), &0.into()), "{report}");
    let listed = union.json(&["record", "list", "enterprise"]);
    assert_eq!(listed["records"][0]["fields"]["name"], "90071992547409931234", "{listed}");
    // A list of objects is no line of one.
    let refused = import(&format!("[{}]", line("\"乙厂\"")));
    assert_eq!((&refused["written"], &refused["problems"][0]["code"]), (&0.into(), &"unreadable".into()), "{refused}");
}

/// Each line that is wrong is told with its place, and nothing is written unless the good ones are asked for.
#[test]
fn what_is_wrong_within_a_table_is_told_by_line() {
    let union = publisher();
    let file = union.path("budgets.jsonl");
    let line = r#"{"category":"薪酬或补贴","amount":1}"#;
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let long = format!("[{}]", [line; 101].join(","));
    let cases = [
        (r#"[{"category":"薪酬或补贴","amount":5}]"#, None),
        (
            r#"[{"category":"薪酬或补贴","amount":1},{"category":"office","amount":-1}]"#,
            Some(("rule", "lines.2.amount")),
        ),
        (r#"[{"category":"薪酬或补贴","amout":1}]"#, Some(("no_field", "lines.1.amout"))),
        (r#"[{"category":"薪酬或补贴","amount":1,"金额":1}]"#, Some(("twice", "lines.1.金额"))),
        (r#"[{"category":"无此类","amount":1}]"#, Some(("rule", "lines.1.category"))),
        (r#"[{"category":"薪酬或补贴","amount":true}]"#, Some(("rule", "lines.1.amount"))),
        (r#"[{"category":"薪酬或补贴","amount":{"yuan":1}}]"#, Some(("rule", "lines.1.amount"))),
        (r#"[{"category":"薪酬或补贴"}]"#, Some(("rule", "lines.1.amount"))),
        (r#"[{"category":"薪酬或补贴","amount":1},{"category":"薪酬或补贴","amount":2}]"#, Some(("rule", "lines"))),
        (r#"{"category":"薪酬或补贴","amount":1}"#, Some(("rule", "lines"))),
        ("[]", Some(("rule", "lines"))),
        (&long, Some(("rule", "lines"))),
        (&deep, Some(("rule", "lines.1"))),
    ];
    let lines: Vec<String> = cases.iter().enumerate().map(|(i, (lines, _))| budget(lines, &format!("B{i}"))).collect();
    std::fs::write(&file, lines.concat()).expect("written");
    let report = union.json(&["record", "import", "budget", text(&file)]);
    assert_eq!(
        (&report["read"], &report["written"], &report["wrong"]),
        (&13.into(), &0.into(), &12.into()),
        "{report}"
    );
    let problems = report["problems"].as_array().expect("a list");
    let expected: Vec<_> = (1u64..).zip(&cases).filter_map(|(at, (_, wrong))| Some((at, (*wrong)?))).collect();
    assert_eq!(problems.len(), expected.len(), "{report}");
    for (problem, (at, (code, field))) in problems.iter().zip(expected) {
        assert_eq!((problem["line"].as_u64(), problem["code"].as_str()), (Some(at), Some(code)), "{problem}");
        assert_eq!(problem["about"]["field"].as_str().unwrap_or_default(), field, "{problem}");
    }
    let said = union.run(&["record", "import", "budget", text(&file)]);
    assert!(said.code == 4 && said.out.contains("第2行：预算明细第2行：金额"), "{}{}", said.out, said.err);
    let partial = union.json(&["record", "import", "budget", text(&file), "--partial"]);
    assert_eq!((&partial["written"], &partial["wrong"]), (&1.into(), &12.into()), "{partial}");
}
