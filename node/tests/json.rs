//! Answers for programs: exactly the keys that `docs/json.md` tells, and the same in either language.

mod documented;
mod program;

use std::collections::BTreeSet;

use documented::compare;
use program::{ENGAGEMENT, MEDIATOR, Union, text};
use serde_json::Value as Json;

/// A list by pages of one line is the list: each page goes on after the one before.
#[test]
fn lists_go_by_pages() {
    let union = Union::new();
    let id = union.add(&MEDIATOR);
    for phone in ["13800138000", "13800138001"] {
        union.json(&["record", "edit", &id, &format!("phone={phone}")]);
    }
    for name in ["甲厂", "乙厂", "丙厂"] {
        let file = union.path("one.csv");
        let line = format!("名称,uscc,region,industry,ownership\n{name},91350100M000100Y43,320922,制造业,私营\n");
        std::fs::write(&file, line).expect("written");
        union.json(&["record", "import", "enterprise", text(&file)]);
    }
    for (verb, list) in [(&["record", "history", &id][..], "edits"), (&["record", "imports"], "imports")] {
        let whole = union.json(verb);
        let lines = whole[list].as_array().expect("a list");
        assert!(lines.len() == 3 && whole["next"].is_null(), "{whole}");
        let (mut paged, mut after) = (vec![], None::<String>);
        loop {
            let more = after.iter().flat_map(|place| ["--after", place]);
            let page = union.json(&verb.iter().copied().chain(["--most", "1"]).chain(more).collect::<Vec<_>>());
            assert_eq!(page[list].as_array().map(Vec::len), Some(1), "{page}");
            paged.push(page[list][0].clone());
            let Some(next) = page["next"].as_str() else { break };
            after = Some(next.to_owned());
        }
        assert_eq!(&paged, lines);
    }
}

#[test]
fn every_answer_has_the_keys_that_are_told() {
    let empty = Union::empty();
    compare("init", &empty.json(&["init", "--union", "320922"]));
    let union = Union::new();
    let added = union.json(&[&["record", "add"], &MEDIATOR[..]].concat());
    compare("record add KIND FIELD=VALUE", &added);
    let id = added["record"].as_str().expect("an id").to_owned();
    let engaged = union.add(&ENGAGEMENT);
    let (request, backup, document) = (union.path("request.json"), union.path("backup.db"), union.path("a.automerge"));
    let (request, backup, document) = (text(&request), text(&backup), text(&document));
    let manual = union.path("manual");
    let manual = text(&manual);
    let (list, one) = (union.path("list.csv"), union.path("one.jsonl"));
    std::fs::write(&list, "名称,uscc,region,industry,ownership\n甲厂,91350100M000100Y43,320922,制造业,私营\n")
        .expect("written");
    std::fs::write(&one, "{\"name\":\"乙厂\"}\n").expect("written");
    let (list, one) = (text(&list), text(&one));
    let imported = union.json(&["record", "import", "enterprise", list]);
    compare("record import", &imported);
    let import = imported["import"].as_str().expect("an import").to_owned();
    for (verb, ask) in [
        ("request", &["request", request][..]),
        ("record add", &["record", "add"]),
        ("record add KIND", &["record", "add", "expenditure"]),
        ("record edit", &["record", "edit", &id, "phone=13800138000", "--dry-run"]),
        ("record edit", &["record", "edit", &id, "phone=13800138000"]),
        ("record edit", &["record", "edit", &id, "phone=13800138000"]),
        ("record list", &["record", "list"]),
        ("record list KIND", &["record", "list", "mediator"]),
        ("record show", &["record", "show", &id]),
        ("record history", &["record", "history", &id]),
        ("record export", &["record", "export", &id, "--out", document]),
        ("record import", &["record", "import", "enterprise", one, "--dry-run"]),
        ("record imports", &["record", "imports"]),
        ("record undo-import", &["record", "undo-import", &import, "--reason", "导错了", "--dry-run"]),
        ("record undo-import", &["record", "undo-import", &import, "--reason", "导错了"]),
        ("record void", &["record", "void", &engaged, "--reason", "重复录入"]),
        ("record show", &["record", "show", &engaged]),
        ("record list KIND", &["record", "list", "engagement", "--voided"]),
        ("record reinstate", &["record", "reinstate", &engaged, "--reason", "作废有误"]),
        ("account list", &["account", "list"]),
        ("status", &["status"]),
        ("inbox", &["inbox"]),
        ("rollup", &["rollup"]),
        (
            "filing submit",
            &["filing", "submit", "--type", "yearly", "--year", "2025", "--census", "2025-06-30", "--yes"],
        ),
        (
            "filing submit",
            &["filing", "submit", "--type", "yearly", "--year", "2024", "--census", "2024-06-30", "--dry-run"],
        ),
        ("filing list", &["filing", "list"]),
        ("check run", &["check", "run", "--today", "2026-03-31"]),
        ("check list", &["check", "list"]),
        ("check explain", &["check", "explain", "FC-05"]),
        (
            "check set",
            &["check", "set", "FC-09", "limit", "45", "--from", "2026-01-01", "--doc-no", "滨工发〔2026〕1号"],
        ),
        ("rebuild", &["rebuild"]),
        ("verify", &["verify"]),
        ("completions", &["completions", "bash"]),
        ("man", &["man", manual]),
        ("receipts list", &["receipts", "list"]),
        ("receipts verify", &["receipts", "verify"]),
        ("quarantine list", &["quarantine", "list"]),
        ("evidence list", &["evidence", "list"]),
        ("backup", &["backup", backup]),
        ("restore", &["restore", backup, "--dry-run"]),
        ("restore", &["restore", backup, "--yes"]),
    ] {
        compare(verb, &union.json(ask));
    }
    let secret = union.path("secret");
    std::fs::write(&secret, "足够长的口令应当这样设置\n").expect("written");
    let secret = ["--passphrase-file", text(&secret)];
    for verb in ["seal", "unseal"] {
        compare("keys seal, keys unseal, keys change", &union.json(&[&["keys", verb], &secret[..]].concat()));
    }
}

#[test]
fn every_verb_has_its_section() {
    let paths = || huiliu_node::cli::words::VERBS.iter().map(|(path, _)| *path);
    let leads_on =
        |path: &str| paths().any(|longer| longer.strip_prefix(path).is_some_and(|rest| rest.starts_with(' ')));
    let leaves: Vec<&str> = paths().filter(|path| !leads_on(path)).collect();
    assert_eq!(documented::untold(leaves), [""; 0]);
}

#[test]
fn the_nation_publishes_days_off_and_numbers_of_checks() {
    let nation = Union::empty();
    nation.json(&["init", "--root", "--network", "演示"]);
    compare("calendar publish", &nation.json(&["calendar", "publish", "2026"]));
    let notice = nation.path("2027.txt");
    std::fs::write(&notice, "year 2027\ndoc_no 演发明电〔2026〕1号\noff 2027-01-01\n").expect("written");
    nation.json(&["calendar", "publish", "--file", text(&notice)]);
    let listed = nation.json(&["calendar", "list"]);
    compare("calendar list", &listed);
    let told: Vec<_> = (0..2)
        .map(|n| &listed["years"][n])
        .map(|year| (&year["year"], &year["days_off"], &year["make_up_days"]))
        .collect();
    assert_eq!(told[0], (&Json::from(2026), &Json::from(33), &Json::from(6)));
    assert_eq!(told[1], (&Json::from(2027), &Json::from(1), &Json::from(0)));
    let first = nation.json(&["calendar", "list", "--most", "1"]);
    assert_eq!((&first["years"][0], &first["years"][1]), (&listed["years"][0], &Json::Null));
    let next = first["next"].as_str().expect("there is more");
    assert_eq!(nation.json(&["calendar", "list", "--after", next])["years"][0], listed["years"][1]);
    let set = ["check", "set", "FC-01", "grace", "15", "--from", "2026-01-01", "--doc-no", "演工发〔2026〕1号"];
    compare("check set", &nation.json(&set));
    let run = nation.json(&["check", "run", "FC-01", "--today", "2026-03-31"]);
    compare("check run", &run);
    let setting = &run["settings"][0];
    assert_eq!((&setting["value"], &setting["set_by"]), (&Json::from(15), &Json::from(100_000)));
    let words = nation.run(&["--lang", "zh", "check", "run", "FC-01", "--today", "2026-03-31"]).out;
    assert!(words.contains("= 15（中华全国总工会，演工发〔2026〕1号，自2026-01-01）"), "{words}");
}

#[test]
fn answers_and_errors_are_the_same_in_either_language() {
    let union = Union::new();
    let id = union.add(&MEDIATOR);
    let said = |lang: &str, ask: &[&str]| {
        let ran = union.run(&[&["--json", "--lang", lang], ask].concat());
        (ran.code, ran.out, ran.err)
    };
    for ask in [
        &["record", "add"][..],
        &["record", "add", "engagement"],
        &["record", "list"],
        &["record", "list", "mediator"],
        &["record", "show", &id],
        &["record", "history", &id],
        &["record", "void", &id, "--reason", "试", "--dry-run"],
        &["record", "void", &id, "--reason", ""],
        &["record", "reinstate", &id, "--reason", "试"],
        &["status"],
        &["inbox"],
        &["inbox", "--after", "1.1.x.y"],
        &["inbox", "--after", "-1.1.x.y"],
        &["rollup", "--from", "2025-01", "--to", "2025-12"],
        &["check", "list"],
        &["check", "explain", "FC-01"],
        &["check", "run", "--today", "2026-03-31", "--dry-run"],
        &["filing", "list"],
        &["quarantine", "list"],
        &["evidence", "list"],
        &["verify"],
        // Errors.
        &["record", "show", "ffffffff"],
        &["record", "add", "mediator", "name=王五", "sex=x"],
        &["record", "add", "nothing", "a=b"],
        &["nonsense"],
        &["record", "list", "--most", "0"],
        &["inbox", "--after", "nonsense"],
        &["check", "explain", "FC-99"],
        &["check", "set", "FC-01", "grace", "30", "--from", "2026-01-01", "--doc-no", "1"],
        &["calendar", "publish", "2026"],
        &["calendar", "publish", "1999"],
        &["calendar", "list"],
        &["restore", "/nothing/here", "--yes"],
        &["sync"],
    ] {
        assert_eq!(said("zh", ask), said("en", ask), "{ask:?}");
    }
}

/// The sentence of a rule may change; its code and the values that it names stay.
#[test]
fn what_a_rule_finds_has_a_code_and_what_it_names() {
    use serde_json::json;
    let union = Union::new();
    let found = |ask: &[&str], code: i32| {
        let ran = union.run(&[&["--json", "record", "add"], ask].concat());
        assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
        let said: Json = serde_json::from_str(if code == 0 { &ran.out } else { &ran.err }).expect("JSON");
        let list = said["about"].as_array().or(said["warnings"].as_array()).expect("a list");
        let one = |r: &Json| (r["field"].clone(), r["code"].clone(), r["arguments"].clone());
        list.iter().map(one).collect::<Vec<_>>()
    };
    let of = |field: &str, code: &str, arguments: Json| (field.into(), code.into(), arguments);
    let early = [&ENGAGEMENT[..], &["probation_until=2001-01-01"]].concat();
    union.add(&MEDIATOR);
    assert_eq!(found(&early, 4), [of("probation_until", "before", json!({ "earlier": "starts_on" }))]);
    let until = |day| ENGAGEMENT.map(|typed| if typed.starts_with("ends_on=") { day } else { typed });
    let range = json!({ "least": "1900-01-01", "most": "2199-12-31" });
    assert_eq!(found(&until("ends_on=2299-01-01"), 4), [of("ends_on", "out_of_range", range)]);
    assert_eq!(found(&until("ends_on=2099-01-01"), 0), [of("ends_on", "longer_than_ten_years", json!({}))]);
}

#[test]
fn an_error_has_a_code_and_says_what_it_is_about() {
    let union = Union::new();
    let error = |ask: &[&str]| -> Json {
        let ran = union.run(&[&["--json"], ask].concat());
        let error: Json = serde_json::from_str(&ran.err).unwrap_or_else(|e| panic!("{ask:?}: {e}: {}", ran.err));
        assert_eq!(error["exit"], ran.code, "{error}");
        let keys: BTreeSet<String> = error.as_object().expect("an object").keys().cloned().collect();
        let told = ["about", "code", "error", "exit", "hint"];
        assert_eq!(keys, told.map(str::to_owned).into(), "{ask:?}");
        error
    };
    let refused = error(&["record", "add", "mediator", "name=王五", "sex=x", "id_no=110105194912310021"]);
    assert_eq!(refused["code"], "rule");
    let about = refused["about"].as_array().expect("refusals");
    let sex = about.iter().find(|one| one["field"] == "sex").expect("it was refused");
    assert_eq!((&sex["value"], &sex["rule"]["en"]), (&Json::from("x"), &Json::from("there is no such choice")));
    assert!(!refused.to_string().contains("110105194912310021"), "an identity number is masked");
    assert_eq!((&sex["code"], &sex["arguments"]), (&Json::from("no_such_choice"), &serde_json::json!({})));
    assert_eq!(error(&["record", "list", "--nonsense"])["about"]["argument"][0], "--nonsense");
    assert_eq!(error(&["check", "explain", "FC-99"])["code"], "unknown_check");
    let months = error(&["rollup", "--from", "2025-12", "--to", "2025-01"]);
    assert_eq!((&months["code"], &months["about"]["to"]), (&Json::from("months"), &Json::from("2025-01")));
    let county = error(&["calendar", "publish", "2026"]);
    assert_eq!((&county["code"], &county["exit"]), (&Json::from("not_a_publisher"), &Json::from(4)));
    assert_eq!(error(&["calendar", "publish", "1999"])["about"]["year"], 1999);
    assert_eq!(error(&["record", "undo-import", "ffffffff", "--reason", "试"])["code"], "unknown_import");
    let set = |name: &str, value: &str| {
        error(&["check", "set", "FC-09", name, value, "--from", "2026-01-01", "--doc-no", "1号"])
    };
    assert_eq!(set("hours", "1")["code"], "unknown_parameter");
    assert_eq!(set("limit", "99")["code"], "laxer");
    let missing = error(&["record", "show", "ffffffff"]);
    assert_eq!((&missing["code"], &missing["about"]["typed"]), (&Json::from("no_record"), &Json::from("ffffffff")));
    let automatic = error(&["record", "add", "finding", "rule=FC-01"]);
    assert_eq!((&automatic["code"], &automatic["about"]["kind"]), (&Json::from("automatic"), &Json::from("finding")));
    let mediator = union.add(&MEDIATOR);
    let line = ["mediator=杨海好", "duty=宣传指导", "subtype=政策宣讲", "place=工业园", "done_on=2025-03-01"];
    let written = union.add(&[&["work_entry"], &line[..]].concat());
    let entry = error(&["record", "edit", &written, "guided=2"]);
    assert_eq!((&entry["code"], &entry["about"]["corrected_by"]), (&Json::from("entry"), &Json::from("corrects")));
    assert_eq!(error(&["evidence", "settle", "7", "--note", ""])["code"], "no_note");
    assert_eq!(error(&["evidence", "settle", "7", "--note", "查明"])["about"]["no"], 7);
    let file = |year: &str| {
        error(&["filing", "submit", "--type", "yearly", "--year", year, "--census", "2199-12-31", "--dry-run"])
    };
    assert_eq!(file("2199")["code"], "future");
    assert_eq!(error(&["filing", "review", &mediator, "accept"])["code"], "no_filing");
    assert_eq!(error(&["receipts", "list", "--after", "7"])["code"], "no_such_place");
    assert_eq!(Union::empty().run(&["--json", "status"]).code, 1);
    std::fs::remove_file(union.path("home/huiliu.db")).expect("it is there");
    assert_eq!(error(&["status"])["code"], "database_missing");
}
