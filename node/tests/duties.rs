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
    assert_eq!(office.ends(3, &dry), "waits_for_second");
    office.login("孙静");
    assert_eq!(office.refused(&MATCHED), "not_prepared", "a dry run prepares nothing");
    office.login("李明");
    for _ in 0..2 {
        assert_eq!(office.ends(3, &MATCHED), "waits_for_second", "not twice by the same person");
    }
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
