//! What the sources may name, and where: rules that no type can keep.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file below a directory, with its path from the root.
fn sources(directory: &str) -> Vec<(String, String)> {
    let mut found = vec![];
    let mut left = vec![root().join(directory)];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|end| end == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(!found.is_empty(), "{directory}");
    found
}

/// Lines with one of `words` in them, outside the places where they may stand.
fn lines_with(words: &[&str], directories: &[&str], may: impl Fn(&str) -> bool) -> Vec<String> {
    let all = directories.iter().flat_map(|directory| sources(directory)).filter(|(name, _)| !may(name));
    let found = all.flat_map(|(name, text)| {
        let hit = |(at, line): (usize, &str)| {
            words.iter().any(|word| line.contains(word)).then(|| format!("{name}:{}: {}", at + 1, line.trim()))
        };
        text.lines().enumerate().filter_map(hit).collect::<Vec<_>>()
    });
    found.collect()
}

fn is_store(name: &str) -> bool {
    name == "node/src/store.rs" || name.starts_with("node/src/store/")
}

#[test]
fn only_the_store_knows_which_database_it_is() {
    let named = lines_with(&["rusqlite"], &["proto/src", "node/src", "hub/src", "tests/src"], is_store);
    assert_eq!(named, [] as [String; 0]);
    let raw = lines_with(&[".raw()"], &["node/src", "hub/src"], |_| false);
    assert_eq!(raw, [] as [String; 0], "the connection itself is for tests");
}

/// What begins a statement of SQL.
const SQL: [&str; 15] = [
    "SELECT ",
    "INSERT ",
    "UPDATE ",
    "DELETE ",
    "REPLACE ",
    "WITH ",
    "CREATE ",
    "ALTER ",
    "DROP ",
    "PRAGMA ",
    "BEGIN",
    "SAVEPOINT",
    "COMMIT",
    "ROLLBACK",
    "VACUUM",
];

/// Whether a line has a string that begins so, or is a further line of one: no Rust begins with such a word.
fn speaks_sql(line: &str) -> bool {
    SQL.iter().any(|word| line.contains(&format!("\"{word}")) || line.trim_start().starts_with(word))
}

#[test]
fn only_the_store_and_the_checks_speak_sql() {
    for (line, speaks) in [
        ("let sql = \"SELECT 1\";", true),
        ("let sql = \"", false),
        ("    DELETE FROM feed WHERE id = ?1", true),
        ("/// SELECT is a word of SQL", false),
    ] {
        assert_eq!(speaks_sql(line), speaks, "{line}");
    }
    let may = |name: &str| is_store(name) || name.starts_with("node/src/check/");
    let all = ["node/src", "hub/src"].into_iter().flat_map(sources).filter(|(name, _)| !may(name));
    let spoken = all.flat_map(|(name, text)| {
        let lines = text.lines().filter(|line| speaks_sql(line));
        lines.map(|line| format!("{name}: {}", line.trim())).collect::<Vec<_>>()
    });
    assert_eq!(spoken.collect::<Vec<_>>(), [] as [String; 0]);
}

/// The modules of a crate that a text names: `a` of `crate::a::b`, and `a` and `c` of `crate::{a::{b}, c::d}`.
fn modules_in(text: &str, krate: &str) -> Vec<String> {
    let mut found = vec![];
    for part in text.split(krate).skip(1) {
        let Some(list) = part.strip_prefix('{') else {
            found.push(part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            continue;
        };
        let (mut depth, mut item) = (1, String::new());
        for c in list.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 || (depth == 1 && c == ',') {
                found.push(item.split(':').next().unwrap_or_default().trim().to_owned());
                item.clear();
            } else {
                item.push(c);
            }
            if depth == 0 {
                break;
            }
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

/// The module at the root of the node that a file belongs to, and those that it names: through the crate, or by as many
/// `super` as lead there.
fn of_node(name: &str, text: &str) -> (String, Vec<String>) {
    let path = name.trim_start_matches("node/src/").trim_end_matches(".rs");
    let above = "super::".repeat(path.split('/').count());
    let own = path.split('/').next().unwrap_or_default().to_owned();
    (own, modules_in(&text.replace(&above, "crate::"), "crate::"))
}

/// The modules of the node stand one above the other: none leads back to itself through those that it names.
#[test]
fn who_stands_above_whom() {
    let text = "use crate::{\n    clock,\n    store::{A, b::{C}},\n};\nlet x = crate::sync::line(crate::app::d());";
    assert_eq!(modules_in(text, "crate::"), ["clock", "store", "sync", "app"]);
    let named = |name: &str| of_node(name, "use super::{writer, super::ledger};\nuse super::super::cli;").1;
    assert_eq!(named("node/src/store.rs")[0], "writer");
    assert_eq!(named("node/src/store/view.rs"), ["cli"]);

    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, text) in sources("node/src") {
        let (own, named) = of_node(&name, &text);
        names.entry(own).or_default().extend(named);
    }
    // Both say what there is, and stand above all.
    names.remove("lib");
    names.remove("main");
    let all: BTreeSet<String> = names.keys().cloned().collect();
    for (own, named) in &mut names {
        named.retain(|module| module != own && all.contains(module));
    }
    // Whatever names nothing that is left stands lowest; those that are never reached lead in a circle.
    while let Some(lowest) = names.iter().find(|(_, named)| named.is_empty()).map(|(own, _)| own.clone()) {
        names.remove(&lowest);
        names.values_mut().for_each(|named| _ = named.remove(&lowest));
    }
    assert_eq!(names, BTreeMap::new(), "they name each other in a circle");
}

/// Use cases know no command line: whoever calls them parses before, and renders after.
#[test]
fn use_cases_name_nothing_of_a_command_line() {
    let is_app = |name: &str| ["node/src/app", "hub/src/app"].iter().any(|app| name.starts_with(app));
    let app = ["node/src", "hub/src"].into_iter().flat_map(sources).filter(|(name, _)| is_app(name));
    let named = app.flat_map(|(name, text)| {
        let modules = ["crate::", "huiliu_node::", "huiliu_hub::"].map(|krate| modules_in(&text, krate)).concat();
        let cli = modules.contains(&"cli".to_owned()).then_some("cli");
        let words =
            ["anyhow", "clap::", "indicatif", "super::super::cli"].into_iter().filter(|word| text.contains(word));
        words.chain(cli).map(|word| format!("{name} names {word}")).collect::<Vec<_>>()
    });
    assert_eq!(named.collect::<Vec<_>>(), [] as [String; 0]);
}

/// The strings of a source, each with its line; comments are none.
fn strings(text: &str) -> Vec<(usize, String)> {
    let (mut found, mut line) = (vec![], 1);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
            continue;
        }
        let quoted = rest.strip_prefix("'\"'").or_else(|| rest.strip_prefix("'\\\"'"));
        if let Some(behind) = quoted {
            rest = behind;
            continue;
        }
        let raw = rest.strip_prefix('r').and_then(|behind| {
            let inner = behind.trim_start_matches('#');
            let marks = &behind[..behind.len() - inner.len()];
            inner.strip_prefix('"')?.split_once(&format!("\"{marks}"))
        });
        let (string, behind) = match (raw, c) {
            (Some((string, behind)), _) => (string, behind),
            (None, '"') => {
                let mut escaped = false;
                let end = rest[1..].find(|c| {
                    let ends = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                });
                let end = end.unwrap_or(rest.len() - 1) + 1;
                (&rest[1..end], rest.get(end + 1..).unwrap_or_default())
            }
            _ => {
                line += usize::from(c == '\n');
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        found.push((line, string.to_owned()));
        line += string.matches('\n').count();
        rest = behind;
    }
    found
}

/// A verb that a sentence tells a person to run: in backquotes, or as a Latin word among Chinese ones.
fn verb_in<'v>(sentence: &str, verbs: &BTreeSet<&'v str>) -> Option<&'v str> {
    let first = |text: &str| text.split([' ', '=']).next().and_then(|word| verbs.get(word).copied());
    let quoted = sentence.split('`').skip(1).step_by(2).find_map(first);
    let is_chinese = sentence.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    // What stands in braces is put in: the name of a value, and no word.
    let told: String =
        sentence.split('{').map(|part| part.split_once('}').map_or(part, |(_, behind)| behind)).collect();
    let mut words = told.split(|c: char| !(c.is_ascii_lowercase() || matches!(c, '-' | '.' | '_')));
    quoted.or_else(|| words.find_map(|word| verbs.get(word).copied()).filter(|_| is_chinese))
}

/// A page shows the sentences of the core and of the use cases too: what is to be typed, the command line says.
#[test]
fn no_sentence_below_the_command_line_names_a_verb() {
    let verbs: BTreeSet<&str> =
        huiliu_node::cli::words::VERBS.iter().filter_map(|(path, _)| path.split(' ').next()).collect();
    for (sentence, verb) in [
        ("先用 record reinstate 恢复", Some("record")),
        ("run `rebuild` and try again", Some("rebuild")),
        ("the record is here", None),
        ("记录 {record} 已作废", None),
        ("memory.json 已丢失", None),
    ] {
        assert_eq!(verb_in(sentence, &verbs), verb, "{sentence}");
    }
    let source = "let a = '\"'; // \"no\"\nlet b = \"one \\\"1\\\"\"; let c = r#\"two \"2\"\"#;";
    let read: Vec<(usize, String)> = strings(source);
    assert_eq!(read, [(2, "one \\\"1\\\"".to_owned()), (2, "two \"2\"".to_owned())]);
    let is_cli = |name: &str| name.contains("/src/cli") || name.ends_with("main.rs") || name.ends_with("tests.rs");
    let named = ["node/src", "hub/src"].into_iter().flat_map(sources).filter(|(name, _)| !is_cli(name));
    let named = named.flat_map(|(name, text)| {
        let told = strings(&text).into_iter();
        let told = told.filter_map(|(line, said)| Some((line, verb_in(&said, &verbs)?, said)));
        told.map(|(line, verb, said)| format!("{name}:{line}: “{verb}” in {said}")).collect::<Vec<_>>()
    });
    assert_eq!(named.collect::<Vec<_>>(), [] as [String; 0]);
}
