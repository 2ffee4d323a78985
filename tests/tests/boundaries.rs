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
