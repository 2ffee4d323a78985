//! Documents as files: Automerge's own JavaScript opens what Huiliu exports, and finds the same heads, changes and values,
//! also where two devices disagree.
//!
//! It needs node, npm and the package `tests/javascript/package.json` names. Where these cannot be had it says so and passes,
//! but not where `HUILIU_JAVASCRIPT=required` is set, as it is in CI.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use huiliu_node::{
    app::{
        export::{self, ExportError},
        values::Reader,
    },
    document::Document,
    identity::Role,
    keyring::Keyring,
    store::{documents, projection},
};
use huiliu_proto::{edit::Scalar, id::hex, kind::kind};
use huiliu_tests::place::{Place, Story};
use serde_json::{Value as Json, json};

fn runs(command: &mut Command) -> Result<String, String> {
    let said = format!("{command:?}");
    let out = command.output().map_err(|error| format!("{said}: {error}"))?;
    match out.status.success() {
        true => Ok(String::from_utf8_lossy(&out.stdout).into_owned()),
        false => Err(format!("{said}: {}", String::from_utf8_lossy(&out.stderr))),
    }
}

/// The reader with what it needs beside it, in the build's own directory; made once.
fn reader() -> Result<PathBuf, String> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("javascript");
    let there = Path::new(env!("CARGO_TARGET_TMPDIR")).join("javascript");
    let said = |error: std::io::Error| error.to_string();
    fs::create_dir_all(&there).map_err(said)?;
    let lock = |dir: &Path| fs::read(dir.join("package-lock.json")).ok();
    let done = there.join("node_modules").is_dir() && lock(&there) == lock(&ours);
    for name in ["package.json", "package-lock.json", "read.mjs"] {
        fs::copy(ours.join(name), there.join(name)).map_err(said)?;
    }
    if !done {
        runs(Command::new("npm").args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(&there))?;
    }
    Ok(there.join("read.mjs"))
}

fn said(value: &Scalar) -> Json {
    match value {
        Scalar::Cleared => Json::Null,
        Scalar::Flag(flag) => json!(flag),
        Scalar::Number(number) => json!(number),
        Scalar::Text(text) => json!(text),
        Scalar::Octets(bytes) => json!({ "bytes": hex(bytes) }),
    }
}

#[test]
fn automerge_in_javascript_reads_what_is_exported() {
    let reader = match reader() {
        Ok(reader) => reader,
        Err(why) if std::env::var_os("HUILIU_JAVASCRIPT").is_none() => {
            eprintln!("SKIPPED: Automerge's JavaScript was not tried, because it cannot be had: {why}");
            return;
        }
        Err(why) => panic!("HUILIU_JAVASCRIPT is set, and Automerge's JavaScript cannot be had: {why}"),
    };
    let mut story = Story::new();
    let mediator = story.county.mediator(1);
    let work = story.county.work(mediator, 1);
    story.world.add("320922", Role::Node).unwrap();
    let second = Place::new(story.world.machine("node-320922-1"));
    story.settle(&[&second]);
    // Neither knows of the other's word: both stand.
    story.county.rename(mediator, "甲");
    second.rename(mediator, "乙");
    second.rename(mediator, "丙");
    story.settle(&[&second]);
    let (shown, entry, fields, changes) = story
        .city
        .store()
        .read(|conn| {
            let shown = projection::find(conn, &mediator)?.expect("the city has it");
            let row = documents::get(conn, shown.place.owner, &mediator)?.expect("the city has it");
            let edits = documents::edits(conn, shown.place.owner, &mediator)?;
            let entry = projection::find(conn, &work)?.expect("the city has it");
            let document = Document::load(&row.snapshot).expect("a snapshot");
            Ok((shown, entry, document.fields().clone(), edits.len()))
        })
        .unwrap();
    let (store, me) = (story.city.store(), story.city.machine.me());
    let keys = store.read(|conn| Keyring::read(conn, &me)).unwrap();
    // As the union itself reads it: the city does not see all of it.
    let whole = Reader { union: shown.place.owner, keys: &keys };
    let exported = export::document(store, whole, &shown).expect("a document");
    let refused = export::document(store, whole, &entry);
    assert!(matches!(refused, Err(ExportError::Entry(of)) if of.name == "work_entry"));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mediator.automerge");
    fs::write(&file, &exported.bytes).unwrap();
    let read = runs(Command::new("node").arg(reader).arg(&file)).unwrap();
    let read: Json = serde_json::from_str(&read).expect("it speaks JSON");

    let heads: Vec<String> = exported.heads.iter().map(ToString::to_string).collect();
    assert_eq!(read["heads"], json!(heads));
    assert_eq!(read["heads"].as_array().map(Vec::len), Some(2), "two devices had the last word");
    assert_eq!(read["changes"], json!(changes));
    let expected: BTreeMap<String, Vec<Json>> = fields
        .iter()
        .map(|(field, standing)| (field.to_string(), standing.iter().map(|s| said(&s.value)).collect()))
        .collect();
    assert_eq!(read["values"], json!(expected));
    let name = kind("mediator").unwrap();
    let name = name.fields[name.field("name").unwrap()].number.to_string();
    assert_eq!(read["values"][&name].as_array().map(Vec::len), Some(2), "both names stand");
}
