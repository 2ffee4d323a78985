//! What a person reads and may type: no English in a Chinese answer, Chinese verbs and names, every choice told.

mod program;

use huiliu_node::cli::{Cli, words};
use huiliu_proto::lang::Lang;
use program::{MEDIATOR, Union, text};
use serde_json::Value as Json;

/// Words that are names: of the program, its verbs, kinds, fields, flags and files.
fn name(word: &str) -> bool {
    const NAMES: [&str; 10] = ["huiliu", "node", "record", "add", "edit", "list", "init", "mediator", "UTF", "json"];
    word.chars().count() == 1 || NAMES.contains(&word)
}

/// The English words of a text, without flags (`--home`) and what stands in “quotes”, which was typed so.
fn english(text: &str) -> Vec<String> {
    let mut rest = String::new();
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '“' => quoted = true,
            '”' => quoted = false,
            _ if !quoted => rest.push(c),
            _ => {}
        }
    }
    let flagless = rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '/' || c == '_'));
    flagless
        .filter(|word| !word.starts_with('-') && !word.contains('/') && !word.contains('.') && !word.contains('_'))
        .flat_map(|word| word.split('-'))
        .filter(|word| word.chars().any(|c| c.is_ascii_alphabetic()) && !name(word))
        .map(str::to_owned)
        .collect()
}

#[test]
fn wrong_usage_is_told_in_chinese() {
    let union = Union::new();
    for (wrong, says) in [
        (&["nonsense"][..], "没有“nonsense”这个命令"),
        (&["recrod", "list"], "是不是要写：record"),
        (&["record"], "用法"),
        (&["record", "lst"], "没有“lst”这个命令"),
        (&["record", "list", "--nonsense"], "没有“--nonsense”这个参数"),
        (&["record", "list", "--unoin", "320922"], "是不是要写：--union"),
        (&["record", "list", "--most"], "没有填值"),
        (&["record", "list", "--most", "many"], "不是整数"),
        (&["record", "list", "--most", "0"], "应在1至10000之间"),
        (&["record", "list", "--most", "5", "--most", "6"], "只能写一次"),
        (&["record", "list", "mediator", "more"], "没有“more”这个参数"),
        (&["record", "edit"], "缺少参数"),
        (&["record", "add", "--dry-run=yes"], "“yes”"),
        (&["--lang", "fr", "--lang=zh", "status"], "--lang"),
        (&["join"], "缺少参数"),
        (&["join", "--file", "a", "token"], "不能与"),
        (&["check", "explain"], "缺少参数"),
        (&["init"], "缺少参数"),
        (&["filing", "review", "0123", "perhaps"], "可选"),
    ] {
        let ran = union.run(wrong);
        assert_eq!(ran.code, 2, "{wrong:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(says), "{wrong:?}: {says} in {}", ran.err);
        let english = english(&ran.err);
        let allowed =
            ["accept", "file", "return", "review", "filing", "check", "explain", "join", "zh", "en", "history"];
        let verbs: Vec<&str> = english.iter().map(String::as_str).filter(|w| !allowed.contains(w)).collect();
        // A page of help lists the verbs.
        assert!(verbs.is_empty() || *wrong == ["record"], "{wrong:?}: {verbs:?} in {}", ran.err);
    }
}

#[test]
fn help_in_chinese_has_no_english() {
    let union = Union::empty();
    for page in [&["record", "add"][..], &["record", "list"], &["init"], &["filing", "submit"], &["check", "run"]] {
        let help = union.run(&[page, &["--help"]].concat()).out;
        for word in ["Usage", "OPTIONS", "default:", "possible", "Print", "COMMAND", "alias"] {
            assert!(!help.contains(word), "{word} in {help}");
        }
    }
    assert!(union.run(&["record", "--help"]).out.contains("新增"), "the verb's Chinese name stands in the help");
}

/// Every page of help and of the manual.
#[test]
fn no_page_in_chinese_has_an_english_word() {
    let command = |lang| words::command::<Cli>(lang, &[words::TEXTS]);
    assert_eq!(words::foreign(command(Lang::Zh)), [""; 0]);
    // What the parser says itself is found where it is left.
    assert!(words::foreign(command(Lang::En)).iter().any(|found| found.ends_with(": Print")));
}

#[test]
fn the_system_speaks_chinese_too() {
    let union = Union::new();
    let missing = union.path("nothing");
    let missing = text(&missing);
    for (ask, says) in [
        (&["check-proof", missing, "--root", "0000-0000-0000-0000-0000-0000-0000-0000"][..], "没有这个文件"),
        (&["--passphrase-file", missing, "keys", "seal"], "没有这个文件"),
        (&["restore", missing, "--yes"], ""),
    ] {
        let ran = union.run(ask);
        assert_ne!(ran.code, 0);
        assert!(ran.err.contains(says) && !ran.err.contains("os error"), "{ask:?}: {}", ran.err);
    }
    // A kind that somebody else writes.
    let refused = union.run(&[
        "record",
        "add",
        "allocation",
        "programme=00000000",
        "to=320923",
        "amount=1",
        "paid_on=2026-01-01",
    ]);
    assert!(!refused.err.contains(" is ") && !refused.err.contains("a allocation"), "{}", refused.err);
}

#[test]
fn verbs_kinds_fields_and_choices_may_be_typed_in_chinese() {
    let union = Union::new();
    let added = union.run(&[
        "记录",
        "新增",
        "专职集体协商指导员",
        "姓名=杨海好",
        "性别=女",
        "出生日期=1949-12-31",
        "学历=本科",
        "身份证号=11010519491231002X",
    ]);
    assert_eq!(added.code, 0, "{}", added.err);
    let edited = union.run(&["记录", "修改", "杨海好", "政治面貌=中共预备党员"]);
    assert_eq!(edited.code, 0, "{}", edited.err);
    let shown = union.json(&["记录", "查看", "杨海好"]);
    assert_eq!(shown["fields"]["political"], "probationary");
    assert_eq!(union.run(&["状态"]).code, 0);
    let listed = union.run(&["记录", "列表", "专职集体协商指导员", "--union", "滨海县"]);
    assert!(listed.out.contains("杨海好"), "{}", listed.err);
    let several = union.run(&["record", "list", "mediator", "--union", "滨海"]);
    assert!(several.code == 2 && several.err.contains("滨海县总工会（320922，江苏省盐城市）"), "{}", several.err);
}

#[test]
fn every_choice_is_told() {
    let union = Union::new();
    union.add(&MEDIATOR);
    for (kind, field) in [("work_entry", "subtype"), ("expenditure", "category"), ("engagement", "channel")] {
        let declared = huiliu_proto::kind::kind(kind).expect("declared");
        let choices = declared.fields[declared.field(field).expect("declared")].choices();
        let ran = union.run(&["record", "add", kind, &format!("{field}=没有的")]);
        for choice in choices {
            assert!(ran.err.contains(&choice.label.zh), "{} in {}", choice.label.zh, ran.err);
        }
        let fields = union.json(&["record", "add", kind]);
        let row = fields.as_array().expect("fields").iter().find(|row| row["field"] == field).expect("declared");
        assert_eq!(row["choices"].as_array().map(Vec::len), Some(choices.len()), "{row}");
    }
}

#[test]
fn wrong_usage_is_json_where_that_was_asked_for() {
    let union = Union::new();
    for (wrong, code) in [
        (&["nonsense"][..], "unknown_command"),
        (&["record"], "missing_command"),
        (&["record", "list", "--nonsense"], "unknown_argument"),
        (&["record", "list", "--most", "0"], "invalid_value"),
        (&["filing", "review", "0123", "perhaps"], "invalid_choice"),
        (&["record", "edit"], "missing_argument"),
    ] {
        let said = |lang: &str| {
            let ran = union.run(&[&["--json", "--lang", lang], wrong].concat());
            assert_eq!(ran.code, 2, "{wrong:?}");
            serde_json::from_str::<Json>(&ran.err).unwrap_or_else(|error| panic!("{wrong:?}: {error}: {}", ran.err))
        };
        let json = said("zh");
        assert_eq!((&json["code"], &json["exit"]), (&Json::from(code), &Json::from(2)));
        assert_eq!(json["code"], said("en")["code"]);
    }
}

#[test]
fn shells_and_man_are_given_what_they_read() {
    let union = Union::empty();
    for shell in ["bash", "zsh", "fish"] {
        let ran = union.run(&["completions", shell]);
        assert!(ran.code == 0 && ran.out.contains("record") && ran.out.contains("dry-run"), "{shell}: {}", ran.err);
    }
    let pages = union.path("man");
    let written = union.json(&["man", text(&pages)]);
    let names = written["pages"].as_array().expect("pages");
    assert!(names.contains(&"huiliu-node-record-add.1".into()), "{written}");
    assert_eq!(union.run(&["man", text(&pages)]).code, 0);
    let page = std::fs::read_to_string(pages.join("huiliu-node-record-add.1")).expect("it was written");
    for word in [".SH 名称", ".SH 用法", "记录种类"] {
        assert!(page.contains(word), "{word} in {page}");
    }
    for word in ["SYNOPSIS", "OPTIONS", "DESCRIPTION"] {
        assert!(!page.contains(word), "{word} in {page}");
    }
}
