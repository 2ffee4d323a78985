//! What takes two persons: prepared by one, carried out by another, at the desk.

mod office;
mod program;

use std::fs;

use office::Office;
use program::{MATCHING, PROGRAMME, Union, text};

/// `record add` and what is typed behind it.
const MATCHED: [&str; 9] = {
    let [kind, programme, year, amount, booked_on, source, voucher_no] = MATCHING;
    ["record", "add", kind, programme, year, amount, booked_on, source, voucher_no]
};

/// The national union, which publishes programmes, with people of four roles.
fn office() -> Office {
    let nation = Union::empty();
    nation.json(&["init", "--root", "--network", "演示"]);
    let office = Office::of(nation);
    office.done(&[&["record", "add"], &PROGRAMME[..]].concat());
    office
}

fn staffed() -> Office {
    let office = office();
    office.begins();
    office.person("李明", &["经办,出纳"]);
    office.person("孙静", &["复核"]);
    office.person("周审", &["经审"]);
    office.done(&["logout"]);
    office
}

#[test]
fn money_takes_two_persons_from_the_first_account_on() {
    let before = office();
    before.done(&MATCHED);
    let office = staffed();
    assert_eq!(office.refused(&MATCHED), "not_logged_in");
    assert_eq!(office.refused(&[&["--as", "李明"], &MATCHED[..]].concat()), "not_logged_in", "a name is not enough");
    office.login("周审");
    assert_eq!(office.refused(&MATCHED), "role");
    // Who only carries out does not begin.
    office.login("孙静");
    assert_eq!(office.refused(&MATCHED), "not_prepared");
    office.login("李明");
    let dry = [&MATCHED[..], &["--dry-run"]].concat();
    assert_eq!(office.ends(3, &dry), "would_wait_for_second");
    let words = office.union.run(&dry);
    assert!(words.err.contains("未写入任何内容") && !words.err.contains("已提请"), "{}", words.err);
    office.login("孙静");
    assert_eq!(office.refused(&MATCHED), "not_prepared", "a dry run prepares nothing");
    office.login("李明");
    for _ in 0..2 {
        assert_eq!(office.ends(3, &MATCHED), "waits_for_second", "not twice by the same person");
    }
    assert_eq!(office.ends(3, &dry), "waits_for_second", "it is prepared since before");
    let words = office.union.run(&MATCHED);
    assert!(words.err.starts_with("请注意：已提请复核"), "{}", words.err);
    // Another amount is another thing.
    office.login("孙静");
    let mut more = MATCHED;
    more[5] = "amount=500.00";
    assert_eq!(office.refused(&more), "not_prepared");
    let written = office.union.json(&MATCHED);
    let id = written["record"].as_str().unwrap_or_else(|| panic!("{written}")).to_owned();
    let shown = office.union.json(&["record", "show", &id]);
    assert_eq!(shown["operator"]["name"], "孙静");
    assert_eq!(shown["hands"]["one_person"], false, "{shown}");
    let words = office.done(&["record", "show", &id]).out;
    assert!(words.contains("复核：提请 李明，复核 孙静"), "{words}");
    // What was prepared is used once.
    assert_eq!(office.refused(&MATCHED), "not_prepared");
    // Taking it out takes two as well.
    let void = ["record", "void", &id, "--reason", "录错"];
    assert_eq!(office.refused(&void), "not_prepared");
    office.login("李明");
    assert_eq!(office.ends(3, &void), "waits_for_second");
    office.login("孙静");
    office.done(&void);
    office.done(&["verify"]);
    office.done(&["rebuild"]);
}

#[test]
fn one_person_with_both_roles_is_one_person() {
    let office = office();
    office.begins();
    office.person("李明", &["经办,复核,审批"]);
    office.person("孙静", &["经办"]);
    office.login("李明");
    assert_eq!(office.ends(3, &MATCHED), "waits_for_second");
    assert_eq!(office.ends(3, &MATCHED), "waits_for_second");
    // Another who may only prepare prepares it too, and then the first may carry it out.
    office.login("孙静");
    assert_eq!(office.ends(3, &MATCHED), "waits_for_second");
    office.login("李明");
    let written = office.union.json(&MATCHED);
    let shown = office.union.json(&["record", "show", written["record"].as_str().unwrap()]);
    assert_ne!(shown["hands"]["first"], shown["hands"]["second"], "{shown}");
    // It was one intention: neither what was prepared first nor what was prepared second is left of it.
    assert_eq!(office.ends(3, &MATCHED), "waits_for_second");
    // Somebody who is suspended, or may not prepare any more, has prepared nothing.
    office.login("王芳");
    office.done(&["account", "roles", "孙静", "--roles", "复核"]);
    office.done(&["account", "roles", "李明", "--roles", "经审"]);
    office.login("孙静");
    assert_eq!(office.refused(&MATCHED), "not_prepared");
    office.login("王芳");
    office.done(&["account", "roles", "李明", "--roles", "经办"]);
    office.done(&["account", "suspend", "李明"]);
    office.login("孙静");
    assert_eq!(office.refused(&MATCHED), "not_prepared");
}

/// What two persons submit is no record that one may write or import.
#[test]
fn a_filing_is_submitted_and_not_written() {
    let office = staffed();
    office.login("李明");
    let filing = ["type=年度备案", "year=2025", "census_on=2025-12-31", "full_time=3", "part_time=0", "funded_heads=3"];
    assert_eq!(office.refused(&[&["record", "add", "filing"], &filing[..]].concat()), "automatic");
    let file = office.union.path("filing.csv");
    fs::write(&file, "type,year,census_on,full_time,part_time,funded_heads\n年度备案,2025,2025-12-31,3,0,3\n").unwrap();
    assert_eq!(office.refused(&["record", "import", "filing", text(&file)]), "not_imported");
    assert_eq!(office.union.json(&["filing", "list"])["filings"], serde_json::json!([]));
}

#[test]
fn imports_and_taking_them_back_take_two_persons() {
    let office = staffed();
    let file = office.union.path("matching.csv");
    let lines = "programme,year,amount,booked_on,source,voucher_no\n\
        CS-2025,2025,400.00,2025-01-07,本级配套,配-1\nCS-2025,2025,500.00,2025-01-08,本级配套,配-2\n";
    fs::write(&file, lines).unwrap();
    let import = ["record", "import", "matching", text(&file)];
    assert_eq!(office.refused(&import), "not_logged_in");
    office.login("李明");
    assert_eq!(office.ends(3, &import), "waits_for_second");
    office.login("孙静");
    let written = office.union.json(&import);
    assert_eq!(written["written"], 2, "{written}");
    let id = written["import"].as_str().unwrap().to_owned();
    let undo = ["record", "undo-import", &id, "--reason", "导错了"];
    assert_eq!(office.refused(&undo), "not_prepared");
    office.login("李明");
    assert_eq!(office.ends(3, &undo), "waits_for_second");
    office.login("孙静");
    assert_eq!(office.union.json(&undo)["voided"], 2);
    // A file that was changed in between is another one.
    office.login("李明");
    assert_eq!(office.ends(3, &import), "waits_for_second");
    fs::write(&file, lines.replace("500.00", "5000.00")).unwrap();
    office.login("孙静");
    assert_eq!(office.refused(&import), "not_prepared");
}

fn waiting(office: &Office) -> Vec<(String, String)> {
    let inbox = office.union.json(&["inbox"]);
    let entries = inbox["entries"].as_array().unwrap().iter();
    let of_two = entries.filter(|entry| entry["code"].as_str().unwrap().starts_with("proposal"));
    of_two
        .map(|entry| (entry["code"].as_str().unwrap().into(), entry["about"]["record"].as_str().unwrap().into()))
        .collect()
}

#[test]
fn what_waits_stands_in_the_inbox_and_is_taken_back_or_declined() {
    let office = staffed();
    office.login("李明");
    assert_eq!(waiting(&office), []);
    assert_eq!(office.ends(3, &MATCHED), "waits_for_second");
    let own = waiting(&office);
    assert_eq!((own.len(), own[0].0.as_str()), (1, "proposal_waits"), "{own:?}");
    let words = office.union.run(&["inbox"]).out;
    assert!(words.contains("专项经费收支（配套资金 400.00）"), "{words}");
    office.login("孙静");
    let id = own[0].1.as_str();
    assert_eq!(waiting(&office), [("proposal_to_sign".to_owned(), id.to_owned())]);
    let words = office.union.run(&["inbox"]).out;
    assert!(words.contains("李明提请复核"), "{words}");
    // Somebody who may neither prepare nor carry it out has nothing to do with it.
    office.login("王芳");
    assert_eq!(waiting(&office), []);
    assert_eq!(office.refused(&["withdraw", id]), "not_own");
    office.done(&["logout"]);
    assert_eq!(waiting(&office).len(), 1, "where nobody has logged in, all of it");
    assert_eq!(office.refused(&["withdraw", id]), "not_logged_in");
    office.login("李明");
    assert_eq!(office.refused(&["withdraw", "ffffffff"]), "unknown_proposal");
    office.done(&["withdraw", &id[..16], "--dry-run"]);
    assert_eq!(waiting(&office).len(), 1, "a dry run takes nothing back");
    let taken = office.union.json(&["withdraw", &id[..23]]);
    assert_eq!((taken["written"].as_bool(), taken["act"].as_str()), (Some(true), Some("fund_money")), "{taken}");
    assert_eq!(waiting(&office), []);
    assert_eq!(office.refused(&["withdraw", id]), "not_waiting");
    office.login("孙静");
    assert_eq!(office.refused(&MATCHED), "not_prepared");
    // Prepared again, and declined by the one who could carry it out.
    office.login("李明");
    assert_eq!(office.ends(3, &MATCHED), "waits_for_second");
    office.login("孙静");
    let id = waiting(&office)[0].1.clone();
    office.done(&["withdraw", &id]);
    assert_eq!(office.refused(&MATCHED), "not_prepared");
    office.login("李明");
    assert_eq!(office.ends(3, &MATCHED), "waits_for_second");
    office.login("孙静");
    office.done(&MATCHED);
    assert_eq!(waiting(&office), [], "what is done waits no more");
    office.done(&["verify"]);
    office.done(&["rebuild"]);
}

/// What somebody looked at is what another carries out.
#[test]
fn an_import_of_which_less_stands_is_another_one_to_undo() {
    let office = staffed();
    let file = office.union.path("matching.csv");
    let lines = "programme,year,amount,booked_on,source,voucher_no\n\
        CS-2025,2025,400.00,2025-01-07,本级配套,配-1\nCS-2025,2025,500.00,2025-01-08,本级配套,配-2\n";
    fs::write(&file, lines).unwrap();
    let by_both = |arguments: &[&str]| {
        office.login("李明");
        assert_eq!(office.ends(3, arguments), "waits_for_second");
        office.login("孙静");
        office.union.json(arguments)
    };
    let written = by_both(&["record", "import", "matching", text(&file)]);
    let undo = ["record", "undo-import", written["import"].as_str().unwrap(), "--reason", "导错了"];
    office.login("李明");
    assert_eq!(office.ends(3, &undo), "waits_for_second");
    let list = office.union.json(&["record", "list", "matching"]);
    by_both(&["record", "void", list["records"][0]["record"].as_str().unwrap(), "--reason", "重复"]);
    assert_eq!(office.refused(&undo), "not_prepared");
    office.login("李明");
    assert_eq!(office.ends(3, &undo), "waits_for_second");
    office.login("孙静");
    assert_eq!(office.union.json(&undo)["voided"], 1);
}

/// Who lets one person of another union do both halves does not do it alone.
#[test]
fn leave_to_act_alone_takes_two_and_is_taken_back_by_one() {
    let office = staffed();
    office.login("王芳");
    office.person("赵刚", &["分管领导"]);
    let leave = [
        "record",
        "add",
        "one_person_office",
        "union=320000",
        "from=2026-01-01",
        "until=2026-12-31",
        "doc_no=总工办〔2026〕1号",
    ];
    assert_eq!(office.ends(3, &leave), "waits_for_second");
    let file = office.union.path("leave.csv");
    fs::write(&file, "union,from,until,doc_no\n320000,2026-01-01,2026-12-31,总工办〔2026〕2号\n").unwrap();
    assert_eq!(office.ends(3, &["record", "import", "one_person_office", text(&file)]), "waits_for_second");
    office.login("孙静");
    assert_eq!(office.refused(&leave), "role");
    office.login("赵刚");
    let written = office.union.json(&leave);
    let id = written["record"].as_str().unwrap();
    let void = ["record", "void", id, "--reason", "已配齐人员"];
    office.done(&void);
    assert_eq!(office.refused(&["record", "reinstate", id, "--reason", "误作废"]), "not_prepared");
}
