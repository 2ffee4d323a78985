//! The programs name kinds and fields by their handles. This reads the sources of node and hub and fails where a kind's
//! name stands as a string, where a record's field is read by a string, or where a table of a kind is named in SQL
//! outside the store and the checks.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use huiliu_proto::kind::{kind, kinds};

/// Words that are names of kinds and mean something else there.
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("node/src/app/inbox.rs", "filing", "the code of an error"),
    ("node/src/app/inbox/enrolments.rs", "enrolment", "a code of the inbox"),
    ("node/src/app/inbox/findings.rs", "finding", "a code of the inbox"),
    ("node/src/app/inbox/validity.rs", "certificate", "a code of the inbox"),
    ("node/src/check/header.rs", "parameter", "a line of a check's header"),
    ("node/src/cli/words/texts.rs", "account", "the verb"),
    ("node/src/cli/words/texts.rs", "calendar", "the verb"),
    ("node/src/cli/words/verbs.rs", "account", "the verb"),
    ("node/src/cli/words/verbs.rs", "calendar", "the verb"),
    ("node/src/check/argument.rs", "union", "a type that the header of a check gives a parameter or a result"),
    ("node/src/cli/check/run.rs", "finding", "a word in English"),
    ("node/src/cli/inbox/words.rs", "certificate", "a code of the inbox"),
    ("node/src/cli/inbox/words.rs", "enrolment", "a code of the inbox"),
    ("node/src/cli/inbox/words.rs", "finding", "a code of the inbox"),
    ("node/src/cli/quarantine/show.rs", "union", "a key of the answer to programs"),
    ("node/src/cli/status.rs", "certificate", "what a person has to see to, in the answer to programs"),
    ("node/src/cli/status/standing.rs", "enrolment", "what a person has to see to, in the answer to programs"),
    ("node/src/cli/words/texts.rs", "filing", "the verb"),
    ("node/src/cli/words/texts.rs", "union", "the verb"),
    ("node/src/cli/words/verbs.rs", "filing", "the verb"),
    ("node/src/cli/words/verbs.rs", "union", "the verb"),
    ("node/src/identity.rs", "union", "a key of the home's configuration"),
];

/// A string literal: its text, and the source right before and after it.
struct Literal<'s> {
    before: &'s str,
    text: String,
    after: &'s str,
    line: usize,
}

/// The string literals of a Rust source; comments and characters are passed over.
fn literals(source: &str) -> Vec<Literal<'_>> {
    let bytes = source.as_bytes();
    let (mut found, mut at) = (vec![], 0);
    while at < bytes.len() {
        let rest = &source[at..];
        let raw = rest.starts_with("r#") || rest.starts_with("r\"");
        let word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            at += rest[1..].find('\'').map_or(1, |end| end + 2);
        } else if raw && !word {
            let hashes = rest[1..].bytes().take_while(|b| *b == b'#').count();
            let start = 1 + hashes;
            if !rest[start..].starts_with('"') {
                at += start;
                continue;
            }
            let end = format!("\"{}", "#".repeat(hashes));
            let length = rest[start + 1..].find(&end).expect("a raw string ends");
            push(&mut found, source, at, at + start + 1, length, end.len());
            at += start + 1 + length + end.len();
        } else if rest.starts_with('"') {
            let (mut length, inner) = (0, &bytes[at + 1..]);
            while inner[length] != b'"' {
                length += if inner[length] == b'\\' { 2 } else { 1 };
            }
            push(&mut found, source, at, at + 1, length, 1);
            at += length + 2;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

fn push<'s>(found: &mut Vec<Literal<'s>>, source: &'s str, begin: usize, start: usize, length: usize, close: usize) {
    found.push(Literal {
        before: source[..begin].trim_end(),
        text: source[start..start + length].to_owned(),
        after: source[start + length + close..].trim_start(),
        line: source[..begin].matches('\n').count() + 1,
    });
}

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

/// Why a literal should not stand where it does.
fn wrong(file: &str, literal: &Literal<'_>) -> Option<String> {
    let text = literal.text.as_str();
    if kind(text).is_some() {
        // A key of an answer to programs, a column of one, or the name of an argument: a handle is no string.
        let key = literal.after.starts_with(':') || [".column(", ".with("].iter().any(|f| literal.before.ends_with(f));
        // A word in English after the same in Chinese.
        let word = literal.before.strip_suffix("\",").is_some_and(|said| !said.ends_with(|c: char| c.is_ascii()));
        let otherwise = OTHERWISE.iter().any(|(known, word, _)| *known == file && *word == text);
        if !key && !word && !otherwise {
            return Some(format!("the kind {text} is named by a string; use its handle in `records`"));
        }
    }
    let reads = [".int(", ".text(", ".bytes(", ".flag(", ".lines(", ".set("];
    // The row of a query has columns.
    let column = literal.before.ends_with("row.text(") || literal.before.ends_with("row.int(");
    if !column && reads.iter().any(|read| literal.before.ends_with(read)) {
        return Some(format!("the field {text} is named by a string; use its handle in `records`"));
    }
    if ["state = 7", "state IN (7", "state >= 7"].iter().any(|post| text.contains(post)) {
        return Some("who is in post is said by the views of the engagement's room".into());
    }
    if !file.starts_with("node/src/store") {
        let words: Vec<&str> = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
        let table = words.windows(2).find(|pair| {
            ["FROM", "JOIN", "INTO", "UPDATE"].contains(&pair[0]) && kinds().iter().any(|kind| kind.name == pair[1])
        });
        return table.map(|pair| format!("SQL on the table {} stands outside the store", pair[1]));
    }
    None
}

#[test]
fn kinds_and_fields_are_named_by_handles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut files = vec![];
    for dir in ["node/src", "hub/src"] {
        sources(&root.join(dir), &mut files);
    }
    assert!(files.len() > 100, "all sources are read");
    let mut found = vec![];
    for path in files {
        let source = fs::read_to_string(&path).expect("it can be read");
        let file = path.strip_prefix(root).expect("inside the workspace").to_string_lossy().replace('\\', "/");
        for literal in literals(&source) {
            if let Some(why) = wrong(&file, &literal) {
                found.push(format!("{file}:{}: {why}", literal.line));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Who is in post is said by the room of engagements, and by no check again.
#[test]
fn no_check_decides_who_is_in_post() {
    let checks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node/src/check");
    for entry in fs::read_dir(checks).expect("the checks are here") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "sql") {
            let sql = fs::read_to_string(&path).expect("it can be read");
            let state = sql.contains("engagement") && sql.contains("e.state");
            assert!(!state, "{}: use the view in_post or in_post_or_suspended", path.display());
        }
    }
}

/// `cargo fmt` does not find rooms, because only build.rs names them.
#[test]
fn rooms_are_formatted() {
    let rooms = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/records");
    let files = fs::read_dir(rooms).expect("the rooms are here").map(|entry| entry.expect("an entry").path());
    let checked = Command::new("rustfmt").args(["--edition", "2024", "--check"]).args(files).output();
    // A machine that only runs the tests may have no rustfmt.
    if let Ok(checked) = checked {
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    }
}

#[test]
fn the_scan_sees_what_it_is_for() {
    let all = |source: &str| -> Vec<String> {
        literals(source).iter().filter_map(|literal| wrong("node/src/x.rs", literal)).collect()
    };
    for bad in [
        r#"let kind = kind("enrolment");"#,
        r#"if record.kind.name == "statement" {"#,
        r#"match kind.name { "rating" => {} }"#,
        r#"record.int("minutes")"#,
        r#"record.set( "minutes", 1)"#,
        "conn.prepare(\"SELECT 1 FROM work_entry\")",
        "conn.prepare(r#\"SELECT 1 FROM x JOIN filing f\"#)",
    ] {
        assert_eq!(all(bad).len(), 1, "{bad}");
    }
    for good in [
        r#"json!({ "union": 1 })"#,
        r#"table.column("union", x)"#,
        r#"context.pick("单位", "union")"#,
        r#"// kind("enrolment")"#,
        r#"let c = '"'; let d = "engagements";"#,
        r##"conn.prepare(r#"SELECT "union" FROM feed"#)"##,
        r#"record.read(enrolment::UNION)"#,
    ] {
        assert_eq!(all(good), [""; 0], "{good}");
    }
}
