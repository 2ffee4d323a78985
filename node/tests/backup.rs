//! Backups, as a person makes them and puts them back.

mod program;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use program::{MEDIATOR, Union, text};
use serde_json::Value as Json;

const ENTERPRISE: [&str; 5] =
    ["enterprise", "uscc=91350100M000100Y43", "region=滨海县", "industry=制造业", "ownership=私营"];

/// Another process has no bell to ring: it is looked at again, until a deadline.
#[allow(clippy::disallowed_methods)]
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(50));
}

fn count(union: &Union, kind: &str) -> usize {
    union.json(&["record", "list", kind])["records"].as_array().expect("records").len()
}

#[test]
fn a_backup_is_proved_and_put_back_and_nothing_is_deleted() {
    let union = Union::new();
    let id = union.add(&MEDIATOR);
    let file = union.path("backup.db");
    let made = union.run(&["backup", text(&file)]);
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(made.out.contains("已核验") && made.err.contains("keys"), "{}{}", made.out, made.err);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
    }
    let beside: Vec<_> =
        fs::read_dir(union.dir.path()).expect("ours").map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(beside.len(), 2, "the home and one file: {beside:?}");
    let again = union.run(&["backup", text(&file)]);
    assert_eq!(again.code, 2);
    assert!(again.err.contains("已经存在") && again.err.contains("--force"), "{}", again.err);
    assert_eq!(union.json(&["backup", text(&file), "--force"])["operations"], 1);

    // Two more are written; the backup does not have them.
    union.add(&[&ENTERPRISE[..], &["name=甲一公司"]].concat());
    union.add(&[&ENTERPRISE[..], &["name=甲二公司"]].concat());
    let asked = union.run(&["restore", text(&file)]);
    assert_eq!(asked.code, 2, "nobody can be asked here");
    assert!(asked.out.contains("备份时间") && asked.out.contains("有2条写于备份之后"), "{}", asked.out);
    assert!(asked.err.contains("--yes"), "{}", asked.err);
    assert_eq!(count(&union, "enterprise"), 2, "nothing was changed");

    let restored = union.json(&["restore", text(&file), "--yes"]);
    assert_eq!((&restored["lost"], &restored["feeds"][0]["there"]), (&Json::from(2), &Json::from(1)));
    assert_eq!((count(&union, "enterprise"), count(&union, "mediator")), (0, 1));
    assert_eq!(union.json(&["record", "show", &id])["fields"]["id_no"], "****002X");
    assert_eq!(union.run(&["verify"]).code, 0);

    // What was replaced is whole, and can be put back itself.
    let kept = restored["kept"].as_str().expect("it is kept");
    assert!(kept.contains("huiliu.db.replaced-"), "{kept}");
    assert_eq!(union.json(&["restore", kept, "--yes"])["lost"], 0);
    assert_eq!(count(&union, "enterprise"), 2);
}

#[test]
fn a_lost_database_is_put_back() {
    let union = Union::new();
    union.add(&MEDIATOR);
    let file = union.path("backup.db");
    assert_eq!(union.run(&["backup", text(&file)]).code, 0);
    for ruin in ["gone", "empty", "nonsense"] {
        let database = union.home().join("huiliu.db");
        match ruin {
            "gone" => fs::remove_file(&database).expect("it is closed"),
            "empty" => fs::write(&database, "").expect("it is ours"),
            _ => fs::write(&database, "no database at all. ".repeat(400)).expect("it is ours"),
        }
        let refused = union.run(&["record", "list"]);
        assert_eq!(refused.code, 1, "{ruin}");
        assert!(refused.err.contains("备份"), "{ruin}: {}", refused.err);
        assert_eq!(database.exists(), ruin != "gone", "none is made silently");
        let restored = union.json(&["restore", text(&file), "--yes"]);
        assert_eq!(restored["kept"].is_null(), ruin == "gone");
        assert_eq!(count(&union, "mediator"), 1, "{ruin}");
    }
}

#[test]
fn what_is_no_backup_of_this_machine_is_refused() {
    let (union, other) = (Union::new(), Union::new());
    union.add(&MEDIATOR);
    other.add(&MEDIATOR);
    let file = union.path("backup.db");
    let refused = |file: &std::path::Path, words: &str| {
        let ran = union.run(&["restore", text(file), "--yes"]);
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
        assert_eq!(count(&union, "mediator"), 1);
        assert!(!union.home().join("restore.tmp").exists() && !union.home().join("verify.tmp").exists());
    };
    refused(&union.path("none.db"), "无法读取");
    assert_eq!(other.run(&["backup", text(&file)]).code, 0);
    refused(&file, "属于另一台机器");
    fs::write(&file, "not a database, whatever its name is. ".repeat(300)).expect("ours");
    refused(&file, "不是汇流的备份");

    // One in which something was put that runs by itself.
    assert_eq!(union.run(&["backup", text(&file), "--force"]).code, 0);
    alter(&file, "CREATE TRIGGER t AFTER INSERT ON segment BEGIN DELETE FROM evidence; END");
    refused(&file, "结构不是汇流写成的");
    // One in which what was signed was changed.
    assert_eq!(union.run(&["backup", text(&file), "--force"]).code, 0);
    alter(&file, "UPDATE tail SET operation = x'0102'");
    refused(&file, "没有通过核验");
}

/// A database in which its machine wrote nothing was taken for this machine's own, and all that was here went out of sight.
#[test]
fn the_empty_database_of_another_machine_is_no_backup() {
    let (union, other) = (Union::new(), Union::new());
    union.add(&MEDIATOR);
    let ran = union.run(&["restore", text(&other.home().join("huiliu.db")), "--yes"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("可能是另一台机器的数据库"), "{}", ran.err);
    assert_eq!(count(&union, "mediator"), 1);
    // Of one's own, signed, there may be nothing in it.
    let empty = other.path("empty.db");
    assert_eq!(other.run(&["backup", text(&empty)]).code, 0);
    assert_eq!(other.run(&["restore", text(&empty), "--yes"]).code, 0);
}

/// `--force` replaced keys, configuration, memory and the database itself.
#[test]
fn what_a_home_lives_from_is_never_written_over() {
    let union = Union::new();
    let id = union.add(&MEDIATOR);
    let home = union.home();
    let mut files: Vec<_> = ["huiliu.db", "config.json", "memory.json"].map(|name| home.join(name)).into();
    for dir in ["keys", "certs"] {
        let entries = fs::read_dir(home.join(dir)).into_iter().flatten();
        files.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    assert!(files.len() > 4, "{files:?}");
    let before: Vec<_> = files.iter().map(|file| fs::read(file).expect("it is there")).collect();
    for (file, before) in files.iter().zip(before) {
        for verb in [&["backup", text(file), "--force"][..], &["record", "export", &id, "--out", text(file), "--force"]]
        {
            let ran = union.run(verb);
            assert_eq!(ran.code, 2, "{verb:?}: {}", ran.err);
            assert!(ran.err.contains("数据目录自己的文件"), "{verb:?}: {}", ran.err);
        }
        if !file.ends_with("huiliu.db") {
            assert!(fs::read(file).expect("it is there") == before, "{}", file.display());
        }
    }
    let ran = union.run(&["backup", text(&home), "--force"]);
    assert!(ran.code == 2 && ran.err.contains("不是普通文件"), "{}", ran.err);
    assert_eq!(count(&union, "mediator"), 1);
}

fn alter(file: &std::path::Path, sql: &str) {
    let conn = rusqlite::Connection::open(file).expect("it is a database");
    conn.execute_batch(sql).expect("it can be altered");
}

/// What can be computed is not taken from a backup: it may be an older version's, or anybody's.
#[test]
fn of_a_backup_only_what_cannot_be_computed_is_taken() {
    for altered in [
        "UPDATE mediator SET name = '张三'",
        "DROP TABLE mediator",
        "DELETE FROM below",
        "CREATE TABLE more (x INTEGER) STRICT; INSERT INTO more VALUES (1)",
        "UPDATE meta SET value = x'00' WHERE key = 'projection'; DROP TABLE engagement; CREATE TABLE engagement (other TEXT)",
    ] {
        let union = Union::new();
        union.add(&MEDIATOR);
        let file = union.path("backup.db");
        assert_eq!(union.run(&["backup", text(&file)]).code, 0);
        alter(&file, altered);
        let restored = union.run(&["restore", text(&file), "--yes"]);
        assert_eq!(restored.code, 0, "{altered}: {}", restored.err);
        assert_eq!(union.json(&["record", "list", "mediator"])["records"][0]["fields"]["name"], "杨海好", "{altered}");
        assert_eq!(union.run(&["verify"]).code, 0, "{altered}");
        let conn = rusqlite::Connection::open(union.home().join("huiliu.db")).expect("it is a database");
        let more: i64 = conn
            .query_row("SELECT count(*) FROM sqlite_master WHERE name = 'more'", [], |row| row.get(0))
            .expect("read");
        assert_eq!(more, 0, "{altered}");
    }
}

/// A token that was used after the backup was made would be good again.
#[test]
fn no_invitation_is_open_after_a_restore() {
    let union = Union::empty();
    assert_eq!(union.run(&["init", "--union", "320900", "--hub"]).code, 0);
    let database = union.home().join("huiliu.db");
    alter(
        &database,
        r#"INSERT INTO invitation (id, "union", pass_hash, further, as_hub, made_at, expires_at)
           VALUES (x'010203040506', 320922, zeroblob(32), 0, 0, 1, 99999999999999)"#,
    );
    let file = union.path("backup.db");
    assert_eq!(union.run(&["backup", text(&file)]).code, 0);
    assert_eq!(union.json(&["restore", text(&file), "--yes"])["revoked"], 1);
    let conn = rusqlite::Connection::open(&database).expect("it is a database");
    let open: i64 = conn
        .query_row("SELECT count(*) FROM invitation WHERE revoked_at IS NULL", [], |row| row.get(0))
        .expect("it can be read");
    assert_eq!(open, 0);
    drop(conn);
    let told = union.run(&["restore", text(&file), "--yes"]);
    assert!(told.err.contains("已作废"), "{}", told.err);
}

#[test]
fn nothing_is_put_in_the_place_of_a_database_that_is_open() {
    let union = Union::new();
    union.add(&MEDIATOR);
    let file = union.path("backup.db");
    assert_eq!(union.run(&["backup", text(&file)]).code, 0);
    // A program of ours that stays: this one waits for the value of a field, with the store open.
    let mut waiting = union
        .command(&["-v", "record", "add", "mediator", "name=甲", "id_no=-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let refused = (0..100).find_map(|_| {
        pause();
        let ran = union.run(&["restore", text(&file)]);
        ran.err.contains("正被另一个程序打开").then_some(ran)
    });
    let refused = refused.expect("it is seen that another has it open");
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("serve"), "{}", refused.err);
    drop(waiting.stdin.take());
    let lines = BufReader::new(waiting.stderr.take().expect("piped")).lines().count();
    waiting.wait().expect("it ends");
    assert!(lines > 0, "it was refused in words");

    // Another program than ours.
    let conn = rusqlite::Connection::open(union.home().join("huiliu.db")).expect("it is a database");
    let _: i64 = conn.query_row("SELECT count(*) FROM mediator", [], |row| row.get(0)).expect("it can be read");
    let refused = union.run(&["restore", text(&file), "--yes"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("正被另一个程序打开"), "{}", refused.err);
    drop(conn);
    assert_eq!(union.run(&["restore", text(&file), "--yes"]).code, 0);
}

/// Evidence and notes are this machine's word alone: whoever held the file could change them unseen.
#[test]
fn a_backup_that_was_altered_is_refused_and_one_that_nobody_signed_is_told_of() {
    const EVIDENCE: &str = "INSERT INTO evidence (what, feed, seen_at, detail_zh, detail_en)
        VALUES ('fork', zeroblob(16), 1, '甲', 'a')";
    let union = Union::new();
    union.add(&MEDIATOR);
    alter(&union.home().join("huiliu.db"), EVIDENCE);
    let file = union.path("backup.db");
    for altered in [
        "DELETE FROM evidence",
        "UPDATE evidence SET settled_at = 7, note = '无事'",
        "INSERT INTO evidence (what, feed, seen_at, detail_zh, detail_en) VALUES ('fork', zeroblob(16), 2, '乙', 'b')",
        "UPDATE meta SET value = value + 1 WHERE key = 'backup_at'",
        "UPDATE meta SET value = 'feed segment tail' WHERE key = 'backup_tables'",
        "UPDATE meta SET value = zeroblob(64) WHERE key = 'backup_signature'",
        "UPDATE meta SET value = x'00' WHERE key = 'backup_signature'",
    ] {
        assert_eq!(union.run(&["backup", text(&file), "--force"]).code, 0);
        alter(&file, altered);
        let refused = union.run(&["restore", text(&file), "--yes"]);
        assert_eq!(refused.code, 1, "{altered}: {}", refused.out);
        assert!(refused.err.contains("被改动过"), "{altered}: {}", refused.err);
    }
    // As a version of before made it.
    assert_eq!(union.run(&["backup", text(&file), "--force"]).code, 0);
    assert_eq!(union.json(&["restore", text(&file), "--yes"])["signed"], true);
    alter(&file, "DELETE FROM meta WHERE key IN ('backup_signature', 'backup_tables')");
    let told = union.run(&["restore", text(&file), "--yes"]);
    assert!(told.code == 0 && told.err.contains("没有本机的备份签名"), "{}", told.err);
    // A database that was put back is no backup, and its own backups are signed anew.
    assert_eq!(union.run(&["backup", text(&file), "--force"]).code, 0);
    let restored = union.run(&["restore", text(&file), "--yes"]);
    assert!(restored.code == 0 && !restored.err.contains("没有本机的备份签名"), "{}", restored.err);
}
