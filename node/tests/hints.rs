//! What a person is told to do next fits where she stands.

mod program;

use program::{ENGAGEMENT, MEDIATOR, Union, text};

fn all(union: &Union, ask: &[&str]) -> (i32, String) {
    let ran = union.run(ask);
    (ran.code, ran.out + &ran.err)
}

/// Nobody is above the nation: nothing is sent there, nothing comes from there, and no token either.
#[test]
fn the_nation_is_not_sent_to_a_union_above() {
    let nation = Union::empty();
    nation.json(&["init", "--root", "--network", "演示"]);
    let id = nation.add(&MEDIATOR);
    let proof = nation.path("a.proof");
    let file = ["filing", "submit", "--type", "yearly", "--year", "2025", "--census", "2025-06-30", "--yes"];
    for ask in [
        &file[..],
        &["receipts", "list"],
        &["receipts", "verify"],
        &["receipts", "export", "00000000", "320000"],
        &["prove", &id, "--out", text(&proof)],
        &["sync"],
    ] {
        let (_, said) = all(&nation, ask);
        for wrong in ["送达上级", "运行 sync", "加入码"] {
            assert!(!said.contains(wrong), "{ask:?}: {wrong} in {said}");
        }
    }
    let (code, said) = all(&nation, &["sync"]);
    assert!(code == 1 && said.contains("没有上级"), "{said}");
    let error = nation.run(&["--json", "sync"]).err;
    assert!(error.contains("\"nobody_above\""), "{error}");
    // Whoever has somebody above is told as before.
    let county = Union::new();
    assert!(all(&county, &["sync"]).1.contains("加入码"));
    assert!(all(&county, &["receipts", "list"]).1.contains("运行 sync"));
}

/// What is no backup says nothing about the home.
#[test]
fn a_file_that_is_no_backup_is_named_as_such() {
    let union = Union::new();
    let file = union.path("letter.txt");
    std::fs::write(&file, "这是一封信，不是备份。\n".repeat(400)).expect("written");
    let (code, said) = all(&union, &["restore", text(&file), "--yes"]);
    assert!(code == 1 && said.contains("letter.txt 不是汇流的备份"), "{said}");
    assert!(!said.contains("--home") && !said.contains("restore 恢复"), "{said}");
    let error = union.run(&["--json", "restore", text(&file), "--yes"]).err;
    assert!(error.contains("\"not_a_database\""), "{error}");
}

/// One person with three engagements at once is three heads: that is said before it is filed, and the filing stands once
/// among what names the person, however many of its lines do.
#[test]
fn one_person_as_several_heads_is_told_once_and_with_a_name() {
    let union = Union::new();
    let person = union.add(&MEDIATOR);
    for _ in 0..3 {
        union.add(&ENGAGEMENT);
    }
    let file = ["filing", "submit", "--type", "yearly", "--year", "2025", "--census", "2025-06-30"];
    let (code, said) = all(&union, &[&file[..], &["--dry-run"]].concat());
    assert!(code == 0 && said.contains("杨海好当日有3份聘任在聘"), "{said}");
    let filed = union.json(&[&file[..], &["--yes"]].concat());
    assert_eq!(filed["warnings"][0]["field"], "roster", "{filed}");
    let filing = filed["record"].as_str().expect("it was filed");
    let (_, said) = all(&union, &["record", "void", "杨海好", "--reason", "重复录入"]);
    assert_eq!(said.matches(&filing[..16]).count(), 1, "{said}");
    let about = union.run(&["--json", "record", "void", &person, "--reason", "重复录入"]).err;
    assert_eq!(about.matches(filing).count(), 1, "{about}");
}

/// Without fields a program is told that there are none; the help promises no more.
#[test]
fn the_help_of_record_add_says_where_fields_are_shown() {
    let union = Union::new();
    let (code, said) = all(&union, &["record", "add", "mediator"]);
    assert!(code == 2 && said.contains("必填"), "{said}");
    for (lang, says) in [("zh", "在终端上不带字段时"), ("en", "in a terminal")] {
        let (_, help) = all(&union, &["--lang", lang, "record", "add", "--help"]);
        assert!(help.contains(says), "{help}");
    }
}
