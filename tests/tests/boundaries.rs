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
