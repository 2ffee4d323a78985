//! A home that can only be read: what is in it is shown, and nothing in it changes.
#![cfg(unix)]

mod program;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use program::{MEDIATOR, Union, text};
use rusqlite::Connection;
use serde_json::Value as Json;

/// Reads as somebody for whom the permissions of files hold: for root they do not.
struct Reader<'a> {
    union: &'a Union,
    /// A copy of the program that anybody may run, where this is root.
    program: Option<std::path::PathBuf>,
}

impl Reader<'_> {
    /// `None` where this is root, and cannot be somebody else.
    fn new(union: &Union) -> Option<Reader<'_>> {
        let id = Command::new("id").arg("-u").output().expect("`id` is there").stdout;
        if id.trim_ascii() != b"0" {
            return Some(Reader { union, program: None });
        }
        Command::new("setpriv").arg("--version").stdout(Stdio::null()).status().ok()?;
        let program = union.path("program");
        fs::copy(env!("CARGO_BIN_EXE_huiliu-node"), &program).expect("it is copied");
        change("a+rx", union.dir.path());
        change("a+rx", &program);
        Some(Reader { union, program: Some(program) })
    }

    fn json(&self, arguments: &[&str]) -> (i32, Json) {
        let mut command = self.union.command(&[&["--json"], arguments].concat());
        if let Some(program) = &self.program {
            let mut other = Command::new("setpriv");
            other.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program).args(command.get_args());
            for (name, value) in command.get_envs() {
                match value {
                    Some(value) => other.env(name, value),
                    None => other.env_remove(name),
                };
            }
            other.stdin(Stdio::null());
            command = other;
        }
        let output = command.output().expect("the program starts");
        let said = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
        let json = serde_json::from_slice(said);
        let json = json.unwrap_or_else(|e| panic!("{arguments:?}: {e}: {}", String::from_utf8_lossy(said)));
        (output.status.code().expect("it ended"), json)
    }

    fn names(&self) -> Vec<String> {
        let (code, list) = self.json(&["record", "list", "mediator"]);
        assert_eq!(code, 0, "{list}");
        let name = |row: &Json| row["fields"]["name"].as_str().expect("a name").to_owned();
        list["records"].as_array().expect("records").iter().map(name).collect()
    }
}

fn change(mode: &str, path: &Path) {
    assert!(Command::new("chmod").args([mode, text(path)]).status().expect("`chmod` is there").success());
}

fn change_all(mode: &str, path: &Path) {
    assert!(Command::new("chmod").args(["-R", mode, text(path)]).status().expect("`chmod` is there").success());
}

fn files(union: &Union) -> Vec<(String, u64)> {
    let entries = fs::read_dir(union.home()).expect("a home").map(|entry| entry.expect("an entry"));
    let mut files: Vec<(String, u64)> = entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.metadata().expect("it is there").len()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_home_that_can_only_be_read_is_shown() {
    let union = Union::new();
    union.add(&MEDIATOR);
    let Some(reader) = Reader::new(&union) else {
        eprintln!("this is root and `setpriv` is missing: not tested");
        return;
    };
    let (home, database) = (union.home(), union.home().join("huiliu.db"));
    let log = union.home().join("huiliu.db-wal");
    assert!(!log.exists(), "whoever closes the home last leaves no log");
    let device = union.json(&["status"])["device"].clone();
    change_all("a-w,a+rX", &home);
    let before = files(&union);
    assert_eq!(reader.names(), ["杨海好"]);
    assert_eq!(reader.json(&["status"]).1["device"], device);
    let (code, refused) = reader.json(&["record", "add", "enterprise", "name=甲厂", "uscc=91350100M000100Y43"]);
    assert_eq!((code, &refused["code"]), (1, &Json::from("disk")), "{refused}");
    assert_eq!(files(&union), before);

    // With a log and its index beside it, as a program that was struck down leaves them.
    change_all("u+w", &home);
    let open = Connection::open(&database).expect("a database");
    open.query_row("SELECT count(*) FROM meta", [], |_| Ok(())).expect("it can be read");
    let more = ["mediator", "name=例辛亥", "id_no=320000199302189087", "sex=女", "born=1993-02-18", "education=本科"];
    union.add(&more);
    change_all("a-w", &home);
    assert_eq!(reader.names().len(), 2, "what stands in the log counts");

    // A log alone: what the file shows would be of yesterday.
    change_all("u+w", &home);
    let kept = fs::read(&log).expect("a log");
    assert!(!kept.is_empty());
    drop(open);
    fs::write(&log, kept).expect("it is written");
    assert!(!union.home().join("huiliu.db-shm").exists());
    change_all("a-w", &home);
    let (code, refused) = reader.json(&["record", "list", "mediator"]);
    assert_eq!((code, &refused["code"]), (1, &Json::from("disk")), "{refused}");
    change_all("u+w", &home);
}
