//! People at the desk: accounts, logging in, and whom a record names.

mod documented;
mod office;
mod program;

use std::fs;

use documented::compare;
use office::{Office, PASSWORD};
use program::{MEDIATOR, text};
use serde_json::Value as Json;

#[test]
fn an_office_begins_with_an_administrator_who_makes_the_others() {
    let office = Office::new();
    let password = text(&office.password);
    assert_eq!(office.refused(&["account", "add", "李明", "--roles", "经办"]), "first_administrator");
    let tried = office.union.json(&["account", "add", "王芳", "--roles", "系统管理员", "--dry-run"]);
    compare("account add, account roles, account suspend, account restore, account password", &tried);
    assert_eq!((&tried["account"], &tried["written"]), (&Json::Null, &false.into()));
    office.done(&["account", "add", "王芳", "--roles", "系统管理员"]);
    assert_eq!(office.refused(&["login", "王芳", "--password-file", password]), "no_password");
    // Whoever has the machine sets the first one; from then on its owner does, who knows it.
    let set = ["account", "password", "王芳", "--new-password-file", password];
    office.done(&set);
    assert_ne!(office.union.run(&set).code, 0);
    assert_eq!(office.refused(&[&set[..], &["--reset"]].concat()), "administrator");
    // Nobody makes another before the administrator has logged in, whatever name is given.
    let add = ["account", "add", "李明", "--roles", "经办,出纳"];
    assert_eq!(office.refused(&add), "administrator");
    assert_eq!(office.refused(&[&["--as", "王芳"], &add[..]].concat()), "administrator");
    compare("login", &office.login("王芳"));
    office.person("李明", &["经办,出纳"]);
    assert_eq!(office.refused(&add), "name_taken");
    assert_eq!(office.refused(&["account", "suspend", "王芳"]), "last_administrator");
    assert_eq!(office.refused(&["account", "roles", "王芳", "--roles", "经办"]), "last_administrator");
    assert_eq!(office.refused(&["account", "roles", "李明", "--roles", "经审,经办"]), "rule");
    office.done(&["account", "roles", "李明", "--roles", "经办,复核"]);
    let listed = office.union.json(&["account", "list", "--most", "1"]);
    compare("account list", &listed);
    let next = listed["next"].as_str().unwrap().to_owned();
    let rest = office.union.json(&["account", "list", "--after", &next]);
    assert_eq!(rest["accounts"][0]["name"], "李明");
    assert_eq!(rest["accounts"][0]["roles"], serde_json::json!(["preparer", "checker"]));
    // Not by the general verbs.
    let id = rest["accounts"][0]["account"].as_str().unwrap().to_owned();
    assert_eq!(office.refused(&["record", "edit", &id, "roles=系统管理员"]), "automatic");
    assert_eq!(office.refused(&["record", "add", "account", "name=赵六"]), "automatic");
    assert_eq!(office.refused(&["record", "add", "password", &format!("account={id}")]), "automatic");
    // Suspended, it opens nothing.
    office.done(&["account", "suspend", "李明"]);
    assert_eq!(office.refused(&["login", "李明", "--password-file", password]), "suspended");
    assert_eq!(office.refused(&[&["--as", "李明", "record", "add"], &MEDIATOR[..]].concat()), "suspended");
    office.done(&["account", "restore", "李明"]);
    office.login("李明");
    assert_eq!(office.refused(&["account", "add", "赵六", "--roles", "经办"]), "administrator");
    compare("logout", &office.union.json(&["logout"]));
}

#[test]
fn a_record_names_who_wrote_it_and_whether_she_had_logged_in() {
    let office = Office::new();
    let before = office.union.add(&MEDIATOR);
    assert_eq!(office.operator(&before)["said"], "unknown");
    office.begins();
    office.done(&["logout"]);
    assert_eq!(office.operator(&before)["said"], "before_accounts");
    assert_eq!(office.union.json(&["record", "history", &before])["edits"][0]["operator"]["said"], "before_accounts");
    let shown = office.done(&["record", "show", &before]).out;
    assert!(shown.contains("经办人：启用账号之前"), "{shown}");
    let add = |as_: &[&str], name: &str| {
        let enterprise = [
            "record",
            "add",
            "enterprise",
            name,
            "uscc=91350100M000100Y43",
            "region=320922",
            "industry=制造业",
            "ownership=私营",
        ];
        let added = office.union.json(&[as_, &enterprise[..]].concat());
        added["record"].as_str().unwrap_or_else(|| panic!("{added}")).to_owned()
    };
    // Nobody is named, somebody is, somebody has logged in.
    let nobody = add(&[], "name=甲厂");
    let named = add(&["--as", "王芳"], "name=乙厂");
    office.login("王芳");
    let logged_in = add(&[], "name=丙厂");
    let same = add(&["--as", "王芳"], "name=丁厂");
    office.person("李明", &["经办"]);
    let other = add(&["--as", "李明"], "name=戊厂");
    office.done(&["logout"]);
    let after = add(&["--as", "王芳"], "name=己厂");
    assert_eq!(office.operator(&nobody)["said"], "nobody");
    for (record, name, verified) in [
        (&named, "王芳", false),
        (&logged_in, "王芳", true),
        (&same, "王芳", true),
        (&other, "李明", false),
        (&after, "王芳", false),
    ] {
        let operator = office.operator(record);
        let found = (operator["said"].as_str(), operator["name"].as_str(), operator["verified"].as_bool());
        assert_eq!(found, (Some("person"), Some(name), Some(verified)), "{operator}");
    }
    let shown = office.done(&["record", "show", &named]).out;
    assert!(shown.contains("经办人：王芳（未登录，仅写明姓名）"), "{shown}");
    // An edit names who edited, a void who voided; what stands in the feeds verifies.
    office.login("李明");
    office.done(&["record", "edit", &named, "name=乙二厂"]);
    let edits = office.union.json(&["record", "history", &named])["edits"].clone();
    assert_eq!((&edits[0]["operator"]["name"], &edits[1]["operator"]["name"]), (&"王芳".into(), &"李明".into()));
    let words = office.done(&["record", "history", &named]).out;
    assert!(words.contains("李明"), "{words}");
    office.done(&["verify"]);
    office.done(&["rebuild"]);
    assert_eq!(office.operator(&other)["name"], "李明");
}

#[test]
fn auditors_read_and_guides_write_their_own_work_log() {
    let office = Office::with_administrator();
    let dossier = office.union.add(&MEDIATOR);
    let mut other = MEDIATOR;
    (other[1], other[2], other[3]) = ("姓名=陈静", "id_no=110105194912310038", "sex=男");
    let other = office.union.add(&other);
    office.person("周审", &["经审"]);
    office.person("杨海好", &["指导员", "--dossier", &dossier]);
    assert_eq!(office.refused(&["account", "add", "孙导", "--roles", "指导员"]), "rule");
    let enterprise = [
        "record",
        "add",
        "enterprise",
        "name=甲厂",
        "uscc=91350100M000100Y43",
        "region=320922",
        "industry=制造业",
        "ownership=私营",
    ];
    office.login("周审");
    assert_eq!(office.refused(&enterprise), "refused");
    assert_eq!(office.union.run(&["record", "list", "mediator"]).code, 0, "an auditor reads");
    let password = text(&office.password);
    office.done(&["account", "password", "周审", "--password-file", password, "--new-password-file", password]);
    office.login("杨海好");
    assert_eq!(office.refused(&enterprise), "refused");
    assert_eq!(office.refused(&["record", "edit", &dossier, "phone=13800138000"]), "refused");
    let line = |of: &str| {
        let mediator = format!("mediator={of}");
        let line = ["duty=宣传指导", "subtype=政策宣讲", "place=工业园", "done_on=2025-03-01"];
        office.union.run(&[&["record", "add", "work_entry", &mediator], &line[..]].concat())
    };
    let (own, others) = (line(&dossier), line(&other));
    assert_eq!(own.code, 0, "{}", own.err);
    assert!(others.err.contains("只能填写本人的工作日志"), "{}", others.err);
}

#[test]
fn a_password_is_not_guessed_and_stays_here() {
    let office = Office::with_administrator();
    office.done(&["logout"]);
    let wrong = office.union.path("wrong");
    fs::write(&wrong, "another password 27\n").unwrap();
    let login = ["login", "王芳", "--password-file", text(&wrong)];
    for _ in 0..5 {
        assert_eq!(office.refused(&login), "wrong_password");
    }
    assert_eq!(office.refused(&login), "wait");
    assert_eq!(
        office.refused(&["login", "王芳", "--password-file", text(&office.password)]),
        "wait",
        "nor the right one"
    );
    let short = office.union.path("short");
    fs::write(&short, "12345\n").unwrap();
    let set = ["account", "password", "王芳", "--new-password-file", text(&short), "--password-file", text(&short)];
    assert_ne!(office.union.run(&set).code, 0);
    // Nothing that was typed is in any file of the home.
    for entry in fs::read_dir(office.union.home()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            assert!(!bytes.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes()), "{}", path.display());
        }
    }
    let status = office.union.json(&["status"]);
    assert!(status.to_string().contains("union"), "{status}");
}
