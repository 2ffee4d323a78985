//! What `docs/json.md` tells of each verb's answer; the tests of both programs hold their answers to it.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

/// The keys of each answer, and whether they are always there.
fn documented() -> BTreeMap<String, BTreeMap<String, bool>> {
    let page = include_str!("../../../docs/json.md");
    let mut answers: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
    let mut verb = String::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            verb = heading.to_owned();
        } else if let Some(row) = line.strip_prefix("| `")
            && !verb.is_empty()
        {
            let cell = row.split(" |").next().unwrap_or_default();
            for key in cell.split(',').map(|key| key.trim().trim_matches('`')) {
                let name = key.trim_end_matches('?').trim_end_matches('`');
                answers.entry(verb.clone()).or_default().insert(name.to_owned(), !key.ends_with('?'));
            }
        }
    }
    answers
}

/// Verbs that the page has no section of. A verb with several answers has one for each, which begins with its name.
pub fn untold<'v>(verbs: impl IntoIterator<Item = &'v str>) -> Vec<&'v str> {
    let page = include_str!("../../../docs/json.md");
    let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
    let told: BTreeSet<&str> = headings.flat_map(|heading| heading.split(", ")).collect();
    verbs.into_iter().filter(|verb| !told.contains(verb)).collect()
}

/// The answer itself, or the first of a list.
fn keys(answer: &Json) -> Option<BTreeSet<String>> {
    let object = match answer {
        Json::Array(list) => list.first()?,
        one => one,
    };
    object.as_object().map(|object| object.keys().cloned().collect())
}

/// Whether an answer has exactly the keys that are told of its verb.
pub fn compare(verb: &str, answer: &Json) {
    let documented = documented();
    let told = documented.get(verb).unwrap_or_else(|| panic!("docs/json.md has no section “{verb}”"));
    let Some(keys) = keys(answer) else { return };
    let missing: Vec<_> = told.iter().filter(|(key, always)| **always && !keys.contains(*key)).collect();
    let untold: Vec<_> = keys.iter().filter(|key| !told.contains_key(*key)).collect();
    assert!(missing.is_empty() && untold.is_empty(), "{verb}: missing {missing:?}, not told {untold:?} in {answer}");
}
