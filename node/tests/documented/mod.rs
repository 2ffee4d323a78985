//! What `docs/json.md` tells of each verb's answer; the tests of both programs hold their answers to it.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

/// What is told of a key.
struct Told {
    /// It is always there.
    always: bool,
    /// The keys within it, where it is an object or a list of them, and whether each is always there. Empty where the page
    /// names none: they are names of fields, reasons and the like.
    within: BTreeMap<String, bool>,
}

/// The keys of each answer.
fn documented() -> BTreeMap<String, BTreeMap<String, Told>> {
    let page = include_str!("../../../docs/json.md");
    let mut answers: BTreeMap<String, BTreeMap<String, Told>> = BTreeMap::new();
    let mut verb = String::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            verb = heading.to_owned();
        } else if let Some(row) = line.strip_prefix("| `")
            && !verb.is_empty()
        {
            let (cell, says) = row.split_once(" |").unwrap_or((row, ""));
            for key in cell.split(',').map(|key| key.trim().trim_matches('`')) {
                let name = key.trim_end_matches('?').trim_end_matches('`');
                let told = Told { always: !key.ends_with('?'), within: within(says) };
                answers.entry(verb.clone()).or_default().insert(name.to_owned(), told);
            }
        }
    }
    answers
}

/// The keys that a description names: what stands in backquotes up to a semicolon, but for what is in brackets.
fn within(says: &str) -> BTreeMap<String, bool> {
    if says.trim_start().starts_with("both languages") {
        return ["zh", "en"].map(|lang| (lang.to_owned(), true)).into();
    }
    let mut open = 0;
    let bare = |c: &char| {
        open += i32::from(*c == '(') - i32::from(*c == ')');
        open == 0
    };
    let bare: String = says.chars().filter(bare).collect();
    let clause = bare.split(';').next().unwrap_or_default();
    let pieces: Vec<&str> = clause.split('`').collect();
    let named = pieces.iter().skip(1).step_by(2).filter(|name| **name != "null");
    named.map(|name| (name.trim_end_matches('?').to_owned(), !name.ends_with('?'))).collect()
}

/// Verbs that the page has no section of. A verb with several answers has one for each, which begins with its name.
pub fn untold<'v>(verbs: impl IntoIterator<Item = &'v str>) -> Vec<&'v str> {
    let page = include_str!("../../../docs/json.md");
    let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
    let told: BTreeSet<&str> = headings.flat_map(|heading| heading.split(", ")).collect();
    verbs.into_iter().filter(|verb| !told.contains(verb)).collect()
}

/// An object, or the objects of a list.
fn objects(value: &Json) -> Vec<&serde_json::Map<String, Json>> {
    match value {
        Json::Array(list) => list.iter().filter_map(Json::as_object).collect(),
        one => one.as_object().into_iter().collect(),
    }
}

/// What an object lacks of what is told, and what it has that is not.
fn differs<'k>(object: &serde_json::Map<String, Json>, told: impl Iterator<Item = (&'k String, bool)>) -> Vec<String> {
    let told: BTreeMap<&String, bool> = told.collect();
    let missing = told.iter().filter(|(key, always)| **always && !object.contains_key(**key));
    let missing = missing.map(|(key, _)| format!("missing {key}"));
    missing.chain(object.keys().filter(|key| !told.contains_key(key)).map(|key| format!("not told {key}"))).collect()
}

/// Whether an answer has exactly the keys that are told of its verb, and each object within it those that are told of it.
pub fn compare(verb: &str, answer: &Json) {
    let documented = documented();
    let told = documented.get(verb).unwrap_or_else(|| panic!("docs/json.md has no section “{verb}”"));
    for object in objects(answer) {
        let wrong = differs(object, told.iter().map(|(key, told)| (key, told.always)));
        assert_eq!(wrong, [""; 0], "{verb}: {answer}");
        for (key, told) in told.iter().filter(|(_, told)| !told.within.is_empty()) {
            for inner in object.get(key).map(objects).unwrap_or_default() {
                let wrong = differs(inner, told.within.iter().map(|(key, always)| (key, *always)));
                assert_eq!(wrong, [""; 0], "{verb}, {key}: {inner:?}");
            }
        }
    }
}

#[test]
fn a_row_names_the_keys_within() {
    let keys = |says| within(says).into_iter().collect::<Vec<_>>();
    let own = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), true)).collect::<Vec<_>>();
    assert_eq!(keys(" list of `a` (id), `b` (`x` or `y`), `c`; `d` says more |"), own(&["a", "b", "c"]));
    assert_eq!(keys(" `union`, `address`, or `null` |"), own(&["address", "union"]));
    assert_eq!(keys(" both languages, or `null` |"), own(&["en", "zh"]));
    assert_eq!(keys(" list of `a`, `b?` |"), [("a".to_owned(), true), ("b".to_owned(), false)]);
    assert_eq!(keys(" by name |"), []);
}
