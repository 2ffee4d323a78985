//! People at the desk: accounts, logging in, and whom a record names.

mod documented;
mod office;
mod program;

use std::fs;

use documented::compare;
use office::{Office, PASSWORD};
use program::{MEDIATOR, text};
use serde_json::{Value as Json, json};

#[test]
fn an_office_begins_with_an_administrator_who_makes_the_others() {
    let office = Office::new();
    let password = text(&office.password);
    assert_eq!(office.refused(&["account", "add", "李明", "--roles", "经办"]), "first_administrator");
    let tried = office.union.json(&["account", "add", "王芳", "--roles", "系统管理员", "--dry-run"]);
    compare("account add, account roles, account suspend, account restore, account password", &tried);
    assert_eq!((&tried["account"], &tried["written"]), (&Json::Null, &false.into()));
    assert_eq!(office.union.json(&["account", "list"])["accounts"], json!([]));
    let noted = office.done(&["account", "add", "王芳", "--roles", "系统管理员"]).err;
    assert!(noted.contains("请用 account password 设定口令，然后用 login 登录"), "{noted}");
    let login = ["login", "王芳", "--password-file", password];
    assert_eq!(office.refused(&login), "no_password");
    let hint = office.union.run(&login).err;
    assert!(hint.contains("提示：请先用 account password 设定\n"), "nobody can log in yet: {hint}");
    // Whoever has the machine sets the first one; from then on its owner does, who knows it.
    let set = ["account", "password", "王芳", "--new-password-file", password];
    office.done(&set);
    assert_eq!(office.ends(2, &set), "usage", "her own is asked for, and nobody can be asked");
    assert_eq!(office.refused(&[&set[..], &["--reset"]].concat()), "administrator");
    // Nobody makes another before the administrator has logged in, whatever name is given.
    let add = ["account", "add", "李明", "--roles", "经办,出纳"];
    assert_eq!(office.refused(&add), "administrator");
    assert_eq!(office.refused(&[&["--as", "王芳"], &add[..]].concat()), "administrator");
    compare("login", &office.login("王芳"));
    let without = office.union.json(&["account", "add", "孙静", "--roles", "复核"]);
    let login = ["login", "孙静", "--password-file", password];
    assert_eq!(office.refused(&login), "no_password");
    let hint = office.union.run(&login).err;
    assert!(hint.contains("请系统管理员登录后用 account password --reset 设定"), "{hint}");
    office.done(&["account", "suspend", without["account"].as_str().unwrap()]);
    office.person("李明", &["经办,出纳"]);
    assert_eq!(office.refused(&add), "name_taken");
    assert_eq!(office.refused(&["account", "suspend", "王芳"]), "last_administrator");
    assert_eq!(office.refused(&["account", "roles", "王芳", "--roles", "经办"]), "last_administrator");
    assert_eq!(office.refused(&["account", "roles", "李明", "--roles", "经审,经办"]), "rule");
    office.done(&["account", "roles", "李明", "--roles", "经办,复核"]);
    let listed = office.union.json(&["account", "list", "--most", "1"]);
    compare("account list", &listed);
    let next = listed["next"].as_str().unwrap().to_owned();
    let rest = office.union.json(&["account", "list", "--after", &next])["accounts"].clone();
    let names: Vec<&str> = rest.as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["孙静", "李明"]);
    assert_eq!((&rest[1]["roles"], &rest[1]["state"]), (&json!(["preparer", "checker"]), &"account_active".into()));
    // Not by the general verbs.
    let id = rest[1]["account"].as_str().unwrap().to_owned();
    let edit = ["record", "edit", &id, "roles=系统管理员"];
    assert_eq!(office.refused(&edit), "automatic");
    let hint = office.union.run(&edit).err;
    assert!(hint.contains("“账号”不能用 record 填写\n提示：请用 account roles、account suspend"), "{hint}");
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
fn an_account_is_named_by_the_beginning_of_its_id() {
    let office = Office::with_administrator();
    office.person("李明", &["经办"]);
    let listed = office.union.json(&["account", "list"]);
    let id = listed["accounts"][1]["account"].as_str().unwrap().to_owned();
    let short = id[..16].to_owned();
    assert!(office.done(&["account", "list"]).out.contains(&short), "as it is shown");
    for typed in [&id, &short, &id[..13]] {
        let tried = office.union.json(&["account", "roles", typed, "--roles", "经办，复核", "--dry-run"]);
        assert_eq!((&tried["name"], &tried["roles"]), (&"李明".into(), &json!(["preparer", "checker"])), "{typed}");
    }
    assert_eq!(office.login(&short)["account"], id.as_str());
    let added = office.union.json(&[&["--as", &short, "record", "add"], &MEDIATOR[..]].concat());
    assert_eq!(office.operator(added["record"].as_str().unwrap())["account"], id.as_str());
    // What fits several names none; too few digits name nothing.
    assert_eq!(office.refused(&["login", &id[..4], "--password-file", text(&office.password)]), "several_accounts");
    assert_eq!(office.refused(&["login", &id[..3], "--password-file", text(&office.password)]), "unknown_account");
}

#[test]
fn a_session_of_an_account_that_was_suspended_writes_nothing() {
    let office = Office::with_administrator();
    office.person("李明", &["系统管理员"]);
    // Her own, which leaves her logged in.
    office.done(&["account", "suspend", "王芳"]);
    let add = [&["record", "add"], &MEDIATOR[..]].concat();
    assert_eq!(office.refused(&add), "refused");
    let said = office.union.run(&add).err;
    assert!(said.contains("该账号已停用或本机没有，不能填写；请换账号登录，或先退出登录"), "{said}");
    assert_eq!(office.refused(&["account", "restore", "王芳"]), "administrator");
    assert_eq!(
        office.union.json(&["record", "list", "mediator"])["records"],
        json!([]),
        "she reads, and nothing is there"
    );
    office.login("李明");
    office.done(&["account", "restore", "王芳"]);
    office.done(&add);
}

#[test]
fn a_login_does_not_speak_of_the_one_before() {
    let office = Office::with_administrator();
    let ended = || fs::write(office.union.home().join("session.json"), "{}").unwrap();
    ended();
    let shown = office.done(&["account", "list"]).err;
    assert!(shown.contains("登录已自动退出"), "{shown}");
    ended();
    let logged_in = office.done(&["login", "王芳", "--password-file", text(&office.password)]);
    assert_eq!(logged_in.err, "");
    assert_eq!(office.operator(&office.union.add(&MEDIATOR))["verified"], true);
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
    assert_eq!(
        office.refused(&["account", "password", "杨海好", "--reset", "--new-password-file", password]),
        "administrator"
    );
    office.login("杨海好");
    assert_eq!(office.refused(&enterprise), "refused");
    let edit = ["--json", "record", "edit", &dossier, "phone=13800138000"];
    assert_eq!(office.refused(&edit[1..]), "refused");
    let told: Json = serde_json::from_str(&office.union.run(&edit).err).unwrap();
    assert_eq!(told["about"], json!({ "code": "guide_writes_own_log", "arguments": {} }), "by which rule");
    let line = |of: &str| {
        let mediator = format!("mediator={of}");
        let line = ["duty=宣传指导", "subtype=政策宣讲", "place=工业园", "done_on=2025-03-01"];
        office.union.run(&[&["record", "add", "work_entry", &mediator], &line[..]].concat())
    };
    let others = line(&other);
    assert_eq!(others.code, 4);
    assert!(others.err.contains("指导员账号只能填写本人的工作日志"), "{}", others.err);
    let own = line(&dossier);
    assert_eq!(own.code, 0, "{}", own.err);
    let own = office.union.json(&["record", "list", "work_entry"])["records"][0]["record"].clone();
    let own = own.as_str().unwrap();
    assert_eq!(office.operator(own)["name"], "杨海好");
    // What she voids she may bring back, and nobody's else.
    office.done(&["record", "void", own, "--reason", "重复录入"]);
    assert_eq!(office.union.json(&["record", "list", "work_entry"])["records"], json!([]));
    office.done(&["record", "reinstate", own, "--reason", "并不重复"]);
    assert_eq!(office.union.json(&["record", "list", "work_entry"])["records"][0]["record"], own);
    office.login("王芳");
    let theirs = line(&other);
    assert_eq!(theirs.code, 0, "{}", theirs.err);
    let all = office.union.json(&["record", "list", "work_entry"])["records"].clone();
    let theirs = all[1]["record"].as_str().unwrap();
    office.login("杨海好");
    assert_eq!(office.refused(&["record", "void", theirs, "--reason", "重复录入"]), "refused");
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
    let set =
        ["account", "password", "王芳", "--new-password-file", text(&short), "--password-file", text(&office.password)];
    assert_eq!(office.ends(2, &set), "keys", "too short");
    // Nothing that was typed is in any file of the home.
    for entry in fs::read_dir(office.union.home()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            assert!(!bytes.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes()), "{}", path.display());
        }
    }
}

#[test]
fn a_password_that_is_set_anew_is_tried_at_once() {
    let office = Office::with_administrator();
    office.person("李明", &["经办"]);
    let wrong = office.union.path("wrong");
    fs::write(&wrong, "another password 27\n").unwrap();
    for _ in 0..5 {
        assert_eq!(office.refused(&["login", "李明", "--password-file", text(&wrong)]), "wrong_password");
    }
    let login = ["login", "李明", "--password-file", text(&office.password)];
    assert_eq!(office.refused(&login), "wait");
    let reset = ["account", "password", "李明", "--reset", "--new-password-file", text(&office.password)];
    office.done(&[&reset[..], &["--dry-run"]].concat());
    assert_eq!(office.refused(&login), "wait", "nothing was set");
    office.done(&reset);
    office.done(&login);
}

#[test]
fn whoever_has_nobody_above_asks_nobody() {
    let office = Office::with_administrator();
    assert_eq!(office.refused(&["account", "ask-reset", "王芳"]), "nobody_above");
    assert_eq!(office.refused(&["account", "answer-reset", "1234", "--reason", "来电", "--yes"]), "not_a_hub");
    let code = ["account", "password", "王芳", "--new-password-file", text(&office.password), "--code"];
    assert_eq!(office.refused(&[&code[..], &["1234"]].concat()), "mistyped");
}
