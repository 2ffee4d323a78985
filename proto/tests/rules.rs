//! docs/rules.md lists every rule that a record may break, with its code. This reads the sources and fails where a rule is not
//! listed, is listed and gone, has two sentences under one code, or has a code of another form.
//!
//! `HUILIU_WRITE=1 cargo test -p huiliu-proto --test rules` writes the list. A code that has been given stays.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const MADE: &str = "Rule::new(";

/// A sentence in Chinese and in English.
type Words = (String, String);

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("the sources are here") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The string literal that the text begins with, and what follows it.
fn literal(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == ',').strip_prefix('"')?;
    let (mut said, mut rest) = (String::new(), text);
    loop {
        let at = rest.find(['"', '\\'])?;
        said.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if rest[at..].starts_with('"') {
            return Some((said, after));
        }
        // A line that goes on after its break, or a character that is written with a stroke before it.
        rest = match after.strip_prefix('\n') {
            Some(next) => next.trim_start(),
            None => {
                said.extend(after.chars().next());
                after.get(1..)?
            }
        };
    }
}

/// The rules of a source, without those of its tests.
fn rules(source: &str) -> Vec<(String, Words)> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let made = source.split(MADE).skip(1).map(|after| {
        let read = || {
            let (code, after) = literal(after)?;
            let (zh, after) = literal(after)?;
            Some((code, (zh, literal(after)?.0)))
        };
        read().unwrap_or_else(|| panic!("no code and two sentences follow {MADE}: {:.100}", after))
    });
    made.collect()
}

/// What a sentence names.
fn arguments(said: &str) -> BTreeSet<&str> {
    said.split('{').skip(1).filter_map(|after| Some(after.split_once('}')?.0)).collect()
}

fn all() -> BTreeMap<String, Words> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut files = vec![];
    ["proto/src", "node/src", "hub/src"].iter().for_each(|dir| sources(&root.join(dir), &mut files));
    let mut all: BTreeMap<String, Words> = BTreeMap::new();
    for (code, words) in files.iter().flat_map(|file| rules(&fs::read_to_string(file).expect("a source"))) {
        let form = code.chars().all(|c| c.is_ascii_lowercase() || c == '_') && code.len() > 2;
        assert!(form, "{code}: a code has lower-case letters and underscores");
        assert!(all.get(&code).is_none_or(|other| *other == words), "{code} says two things");
        // What the program says of an error is in English alone.
        let named = arguments(&words.1).into_iter().filter(|name| *name != "error").collect();
        assert_eq!(arguments(&words.0), named, "{code} names other things in Chinese than in English");
        all.insert(code, words);
    }
    all
}

/// The table of the page.
fn table(all: &BTreeMap<String, Words>) -> String {
    let line = |(code, (_, en)): (&String, &Words)| {
        let names = arguments(en).into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        format!("| `{code}` | {} | {en} |\n", names.join(", "))
    };
    all.iter().map(line).collect()
}

#[test]
fn every_rule_is_listed_and_every_listed_rule_exists() {
    const HEAD: &str = "| code | arguments | says |\n|---|---|---|\n";
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rules.md");
    let written = fs::read_to_string(&page).expect("docs/rules.md");
    let (before, listed) = written.split_once(HEAD).expect("the table of the rules");
    let now = table(&all());
    if std::env::var_os("HUILIU_WRITE").is_some() {
        fs::write(&page, format!("{before}{HEAD}{now}")).expect("the page is written");
        return;
    }
    let (listed, now): (BTreeSet<_>, BTreeSet<_>) = (listed.lines().collect(), now.lines().collect());
    let missing = now.difference(&listed).collect::<Vec<_>>();
    let gone = listed.difference(&now).collect::<Vec<_>>();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "docs/rules.md does not list what the sources say: {missing:#?}\nand lists what they do not: {gone:#?}\n\
         HUILIU_WRITE=1 cargo test -p huiliu-proto --test rules writes it; a code that has been given stays"
    );
}

#[test]
fn a_rule_is_read_as_it_is_written() {
    let source = "Rule::new(\n  \"a_b\",\n \"不在{least}\",\n \"not \\\"{least}\\\" \\\n   at all\",\n).into()\n\
                  #[cfg(test)] Rule::new(\"c\", \"\", \"\")";
    assert_eq!(rules(source), [("a_b".to_owned(), ("不在{least}".into(), "not \"{least}\" at all".into()))]);
}
