//! Keys at rest, as a person meets them.

mod program;

use std::{fs, path::PathBuf};

use program::{MEDIATOR, Union, text};

const FIRST: &str = "correct horse 27";
const SECOND: &str = "battery staple 9";

fn passphrase(union: &Union, name: &str, passphrase: &str) -> PathBuf {
    let path = union.path(name);
    fs::write(&path, format!("{passphrase}\n")).expect("it can be written");
    path
}

fn files(union: &Union) -> Vec<String> {
    let entries = fs::read_dir(union.home().join("keys")).expect("there are keys");
    let mut names: Vec<String> =
        entries.map(|e| e.expect("an entry").file_name().into_string().expect("a plain name")).collect();
    names.sort();
    names
}

/// A trial asks for the passphrase that is known, says whether it could be done, and changes no file.
#[test]
fn a_trial_changes_no_key_file() {
    let mut union = Union::empty();
    union.json(&["init", "--union", "320922"]);
    let (first, second) = (passphrase(&union, "first", FIRST), passphrase(&union, "second", SECOND));
    let (first, second) = (text(&first), text(&second));
    let tries = |union: &Union, arguments: &[&str], kept: &str| {
        let before = bytes(union);
        let said = union.json(&[&["--passphrase-file", first, "keys"], arguments, &["--dry-run"]].concat());
        assert_eq!((&said["keys"], &said["written"]), (&kept.into(), &false.into()), "{arguments:?}");
        assert!(bytes(union) == before, "{arguments:?} changed a file");
    };
    tries(&union, &["seal"], "clear");
    let sealed = union.json(&["--passphrase-file", first, "keys", "seal"]);
    assert_eq!((&sealed["keys"], &sealed["written"]), (&"sealed".into(), &true.into()));
    tries(&union, &["unseal"], "sealed");
    tries(&union, &["change", "--new-passphrase-file", second], "sealed");
    // What is refused is refused in a trial.
    for (refused, code) in [
        (&["--passphrase-file", second, "keys", "unseal", "--dry-run"][..], 1),
        (&["--passphrase-file", second, "keys", "change", "--new-passphrase-file", first, "--dry-run"], 1),
        (&["--passphrase-file", first, "keys", "seal", "--dry-run"], 2),
    ] {
        assert_eq!(union.run(refused).code, code, "{refused:?}");
    }
    union.environment = vec![("HUILIU_PASSPHRASE_FILE", first.to_owned())];
    union.json(&["status"]);
}

/// Every file of the keys, with what it holds.
fn bytes(union: &Union) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| {
        let held = fs::read(union.home().join("keys").join(&name)).expect("a key file");
        (name, held)
    };
    files(union).into_iter().map(read).collect()
}

#[test]
fn a_home_with_a_passphrase_opens_with_it_only() {
    let mut union = Union::empty();
    let (first, second) = (passphrase(&union, "first", FIRST), passphrase(&union, "second", SECOND));
    let (first, second) = (text(&first), text(&second));
    let init = union.run(&["--json", "init", "--union", "320922", "--passphrase", "--passphrase-file", first]);
    assert_eq!(init.code, 0, "{}", init.err);
    assert!(init.out.contains("\"keys\": \"sealed\""), "{}", init.out);
    assert!(files(&union).iter().all(|name| name == "lock" || name.ends_with(".sealed")), "{:?}", files(&union));

    let nobody = union.run(&["status"]);
    assert_eq!(nobody.code, 2);
    assert!(nobody.err.contains("无人可问") && nobody.err.contains("--passphrase-file"), "{}", nobody.err);
    let wrong = union.run(&["--lang", "en", "--passphrase-file", second, "status"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("the passphrase is wrong"), "{}", wrong.err);

    union.environment = vec![("HUILIU_PASSPHRASE_FILE", first.to_owned())];
    let id = union.add(&MEDIATOR);
    let shown = union.run(&["-vvv", "record", "show", &id]);
    assert!(shown.out.contains("****002X"), "{}{}", shown.out, shown.err);
    assert!(![&shown.out, &shown.err].iter().any(|text| text.contains(FIRST)), "it is said nowhere");

    let changed = union.run(&["keys", "change", "--new-passphrase-file", second]);
    assert_eq!(changed.code, 0, "{}", changed.err);
    assert_eq!(union.run(&["status"]).code, 1, "the old one is out");
    union.environment = vec![("HUILIU_PASSPHRASE", SECOND.to_owned())];
    assert_eq!(union.json(&["record", "show", &id])["fields"]["name"], "杨海好");

    assert_eq!(union.run(&["keys", "unseal"]).code, 0);
    union.environment.clear();
    assert_eq!(union.json(&["record", "show", &id])["fields"]["id_no"], "****002X");
    assert!(!files(&union).iter().any(|name| name == "lock" || name.ends_with(".sealed")), "{:?}", files(&union));
}

#[test]
fn sealing_afterwards_leaves_no_key_in_the_clear() {
    let union = Union::new();
    let id = union.add(&MEDIATOR);
    let seed = fs::read_to_string(union.home().join("keys/signing")).expect("it is in the clear");
    let file = passphrase(&union, "first", FIRST);
    let sealed = union.run(&["--passphrase-file", text(&file), "keys", "seal"]);
    assert_eq!(sealed.code, 0, "{}", sealed.err);
    for name in files(&union) {
        let bytes = fs::read_to_string(union.home().join("keys").join(&name)).expect("text");
        assert!(!bytes.contains(seed.trim()) && !bytes.contains("PRIVATE KEY"), "{name}");
    }
    assert_eq!(union.json(&["--passphrase-file", text(&file), "record", "show", &id])["record"], id.as_str());
    let again = union.run(&["--passphrase-file", text(&file), "keys", "seal"]);
    assert_eq!(again.code, 2);
    assert!(again.err.contains("已经用口令加密") && again.err.contains("keys change"), "{}", again.err);
}

#[test]
fn a_weak_or_missing_passphrase_changes_nothing() {
    let union = Union::new();
    let before = files(&union);
    let short = passphrase(&union, "short", "too short");
    let refused = union.run(&["--lang", "en", "--passphrase-file", text(&short), "keys", "seal"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("at least 12 characters"), "{}", refused.err);
    assert!(!refused.err.contains("too short"), "{}", refused.err);
    for (file, words) in [("nothing", "无法读取"), ("empty", "是空的")] {
        let path = union.path(file);
        if file == "empty" {
            fs::write(&path, "\n").expect("it can be written");
        }
        let ran = union.run(&["--passphrase-file", text(&path), "keys", "seal"]);
        assert_eq!((ran.code, ran.err.contains(words)), (2, true), "{}", ran.err);
    }
    assert_eq!(union.run(&["keys", "unseal"]).code, 2, "they are not sealed");
    assert_eq!(union.run(&["keys", "change"]).code, 2, "they are not sealed");
    assert_eq!(files(&union), before);
    assert_eq!(union.run(&["status"]).code, 0);
}

#[test]
fn keys_are_never_overwritten() {
    let union = Union::new();
    let key = fs::read(union.home().join("keys/signing")).expect("it is there");
    fs::remove_file(union.home().join("config.json")).expect("it is ours");
    let again = union.run(&["init", "--union", "320922"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("没有 config.json") && again.err.contains("keys"), "{}", again.err);
    assert_eq!(fs::read(union.home().join("keys/signing")).expect("it is there"), key);
}

#[cfg(unix)]
#[test]
fn keys_that_others_may_read_are_a_matter_for_a_person() {
    use std::os::unix::fs::PermissionsExt as _;
    let union = Union::new();
    let mode = |path: PathBuf| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(union.home().join("keys")), 0o700);
    for file in ["keys/signing", "keys/seal", "keys/tls.pem", "huiliu.db"] {
        assert_eq!(mode(union.home().join(file)), 0o600, "{file}");
    }
    let signing = union.home().join("keys/signing");
    fs::set_permissions(&signing, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let status = union.run(&["status"]);
    assert_eq!(status.code, 3);
    let command = format!("chmod go= {}", signing.display());
    assert!(status.out.contains(&command) && status.err.contains("keys/signing"), "{}{}", status.out, status.err);
    assert_eq!(union.json(&["status"])["attention"], serde_json::json!(["exposed_keys"]));
}
