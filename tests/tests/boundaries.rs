//! What the sources may name, and where: rules that no type can keep.

use std::{
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

#[test]
fn only_the_store_and_the_checks_speak_sql() {
    let words = ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE ", "\"PRAGMA ", "\"BEGIN", "\"SAVEPOINT", "\"COMMIT"];
    let spoken = lines_with(&words, &["node/src", "hub/src"], is_store);
    assert_eq!(spoken, [] as [String; 0]);
}

/// The crate's own modules that a source names: `a` of `crate::a::b`, and `a` and `c` of `crate::{a::{b}, c::d}`.
fn modules_in(text: &str) -> Vec<String> {
    let mut found = vec![];
    for part in text.split("crate::").skip(1) {
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

/// From the bottom up: none of these names one that stands above it.
#[test]
fn who_stands_above_whom() {
    let text = "use crate::{\n    clock,\n    store::{A, b::{C}},\n};\nlet x = crate::sync::line(crate::app::d());";
    assert_eq!(modules_in(text), ["clock", "store", "sync", "app"]);

    let layers = ["store", "identity", "keyring", "ledger", "writer", "sync", "app", "cli"];
    let mut wrong = vec![];
    for (at, layer) in layers.iter().enumerate() {
        let own = [format!("node/src/{layer}.rs"), format!("node/src/{layer}/")];
        for (name, text) in sources("node/src").iter().filter(|(name, _)| own.iter().any(|own| name.starts_with(own))) {
            let above = modules_in(text).into_iter().filter(|module| layers[at + 1..].contains(&module.as_str()));
            wrong.extend(above.map(|module| format!("{name} names {module}")));
        }
    }
    assert_eq!(wrong, [] as [String; 0]);
}
