//! The words a clerk reads: none of the table's terms stands in a Chinese text of the sources.
//!
//! `tests/data/terms.csv` has a row for each word that is not used, with the word to use, where the word may stand
//! (longer words that contain it, separated by semicolons) and why.

use std::{
    fs,
    path::{Path, PathBuf},
};

struct Term {
    term: String,
    say: String,
    allowed: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn terms() -> Vec<Term> {
    let mut reader = csv::Reader::from_path(root().join("tests/data/terms.csv")).expect("the table of terms");
    let rows = reader.records().map(|row| row.expect("a row of four columns"));
    rows.map(|row| Term {
        term: row[0].to_owned(),
        say: row[1].to_owned(),
        allowed: row[2].split(';').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
    })
    .collect()
}

/// The terms that stand in a line outside the longer words that may contain them.
fn wrong<'a>(line: &str, terms: &'a [Term]) -> Vec<&'a Term> {
    let stands = |term: &&Term| {
        let rest = term.allowed.iter().fold(line.to_owned(), |line, word| line.replace(word.as_str(), ""));
        rest.contains(&term.term)
    };
    terms.iter().filter(stands).collect()
}

/// Files with texts for clerks: sources, declarations, checks, the demo's data, and every page, for English ones have
/// Chinese words in them too.
fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory of the sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "protocol-1", "golden"].contains(&name) {
                files(&path, found);
            }
        } else if ["md", "rs", "proto", "sql", "csv", "py"].iter().any(|e| path.extension().is_some_and(|x| x == *e)) {
            // The table itself, the names of places, and the glossary, which also has words that are never shown.
            if !["terms.csv", "terms.rs", "divisions.csv", "GLOSSARY.md"].contains(&name) {
                found.push(path);
            }
        }
    }
}

#[test]
fn no_chinese_text_has_a_word_that_clerks_do_not_use() {
    let terms = terms();
    assert!(terms.len() > 30, "the table of terms is short: {}", terms.len());
    let mut found = vec![];
    files(&root(), &mut found);
    let mut mistakes = String::new();
    for path in &found {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for (n, line) in text.lines().enumerate() {
            for term in wrong(line, &terms) {
                let path = path.strip_prefix(root()).unwrap_or(path).display();
                mistakes += &format!("{path}:{}: “{}” should be {}\n", n + 1, term.term, term.say);
            }
        }
    }
    assert!(mistakes.is_empty(), "\n{mistakes}");
    assert!(found.len() > 300, "only {} files were read", found.len());
    for page in ["README.zh-CN.md", "ARCHITECTURE.md", "docs/json.md"] {
        assert!(found.contains(&root().join(page)), "{page} was not read");
    }
}

/// All of the glossary but the words that are marked as never shown.
#[test]
fn the_glossary_has_the_words_that_clerks_use() {
    let terms = terms();
    let text = fs::read_to_string(root().join("GLOSSARY.md")).expect("the glossary");
    let shown = text.lines().filter(|line| !line.starts_with("| （内部）"));
    let mistakes: Vec<String> = shown
        .flat_map(|line| wrong(line, &terms).into_iter().map(move |t| format!("“{line}” should be {}", t.say)))
        .collect();
    assert_eq!(mistakes, [""; 0]);
}

#[test]
fn a_longer_word_may_contain_a_term() {
    let terms = terms();
    assert!(wrong("工作日志；最迟应于2025-10-08到账", &terms).is_empty());
    assert_eq!(wrong("工作日志和日志", &terms).len(), 1);
}
