//! A database in which bytes were flipped: `verify` and `backup` say the same of it, and `rebuild` mends what can be computed.
//! `HUILIU_FLIPS=100` tries more places.

mod program;

use std::{fs, path::Path};

use huiliu_node::{
    clock,
    identity::Home,
    ledger::Ledger,
    writer::{Store, Threads},
};
use huiliu_proto::kind::kind;
use program::{MEDIATOR, Union, text};
use serde_json::Value as Json;

/// SplitMix64.
fn roll(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn list(union: &Union) -> Vec<Json> {
    ["mediator", "enterprise"].map(|kind| union.json(&["record", "list", kind])["records"].clone()).to_vec()
}

/// Enough to fill pages of every kind: packed, and not packed yet.
fn fill(union: &Union) {
    union.add(&MEDIATOR);
    let home = Home::open(&union.home()).expect("a home");
    let store = Store::of(&home, clock::system(), clock::random(), Threads::Inline).expect("its store");
    let write = |ledger: &mut Ledger| {
        let kind = kind("enterprise").expect("a kind");
        for n in 0..150 {
            let name = format!("滨海甲{n}公司");
            let fields = [
                ("name", name.as_str()),
                ("uscc", "91350100M000100Y43"),
                ("region", "320922"),
                ("industry", "制造业"),
                ("ownership", "私营"),
            ];
            let value = |(field, text): &(&str, &str)| {
                let at = kind.field(field).expect("a field");
                (at, kind.fields[at].parse(text).ok())
            };
            ledger.write_document(kind, None, fields.iter().map(value).collect())?;
        }
        Ok(())
    };
    store.write_blocking(move |ledger| write(ledger).and_then(|()| ledger.pack_all())).expect("written");
    store.write_blocking(write).expect("written");
}

fn flip(database: &Path, seed: u64) {
    let mut state = seed;
    let mut bytes = fs::read(database).expect("it is ours");
    let at = (roll(&mut state) % (bytes.len() as u64 - 512)) as usize;
    for byte in &mut bytes[at..at + 512] {
        *byte = roll(&mut state) as u8;
    }
    fs::write(database, bytes).expect("it is ours");
}

#[test]
fn verify_backup_and_rebuild_agree_about_a_damaged_file() {
    let union = Union::new();
    fill(&union);
    let good = list(&union);
    let database = union.home().join("huiliu.db");
    let (whole, saved, tried) = (fs::read(&database).expect("closed"), union.path("saved.db"), union.path("tried.db"));
    assert_eq!(union.run(&["backup", text(&saved)]).code, 0);
    let seeds: u64 = std::env::var("HUILIU_FLIPS").ok().and_then(|n| n.parse().ok()).unwrap_or(10);
    let (mut seen, mut mended, mut restored) = (0, 0, 0);
    for seed in 0..seeds {
        for end in ["-wal", "-shm", "-journal"] {
            // Mostly there is none.
            let _ = fs::remove_file(union.home().join(format!("huiliu.db{end}")));
        }
        fs::write(&database, &whole).expect("ours");
        flip(&database, seed);
        let (verified, backed_up) = (union.run(&["verify"]), union.run(&["backup", text(&tried), "--force"]));
        assert_eq!(
            verified.code == 0,
            backed_up.code == 0,
            "{seed}: {}{}{}",
            verified.out,
            verified.err,
            backed_up.err
        );
        if verified.code == 0 {
            assert_eq!(list(&union), good, "{seed}");
        } else {
            seen += 1;
        }
        let rebuilt = union.run(&["rebuild"]);
        if rebuilt.code == 0 {
            mended += 1;
        } else {
            assert!(rebuilt.err.contains("restore"), "{seed}: {}", rebuilt.err);
            restored += 1;
            let put_back = union.run(&["restore", text(&saved), "--yes"]);
            assert_eq!(put_back.code, 0, "{seed}: {}", put_back.err);
        }
        let after = union.run(&["verify"]);
        assert_eq!(after.code, 0, "{seed}: {}{}", after.out, after.err);
        assert_eq!(list(&union), good, "{seed}");
        for ran in [&verified, &backed_up, &rebuilt, &after] {
            assert!(!ran.err.contains("panicked"), "{seed}: {}", ran.err);
        }
    }
    println!("{seeds} flips: {seen} seen, {mended} mended or harmless, {restored} needed the backup");
    assert!(seen > 0 && mended > 0, "{seen} seen, {mended} mended");
}

/// A program that has the database open is not held up: rows that differ are put right beside it.
#[test]
fn computed_tables_are_mended_beside_a_program_that_serves() {
    let union = Union::new();
    fill(&union);
    let good = list(&union);
    let home = Home::open(&union.home()).expect("a home");
    let store = Store::of(&home, clock::system(), clock::random(), Threads::Own).expect("its store");
    let spoil = rusqlite::Connection::open(home.database()).expect("it is a database");
    spoil
        .execute_batch(
            "UPDATE enterprise SET name = '别处' WHERE seq < 20; DELETE FROM below WHERE above = 320900;
             DELETE FROM enterprise WHERE seq = 30; UPDATE rollup SET total_low = total_low + 7;
             UPDATE document SET snapshot = x'00' WHERE record = (SELECT max(record) FROM document);",
        )
        .expect("it can be altered");
    drop(spoil);
    assert_ne!(list(&union), good);
    assert_eq!(union.run(&["verify"]).code, 3);
    let rebuilt = union.run(&["rebuild"]);
    assert_eq!(rebuilt.code, 0, "{}", rebuilt.err);
    assert_eq!(list(&union), good);
    assert_eq!(union.run(&["verify"]).code, 0);
    // The program that served goes on with what is there now.
    let written = store.write_blocking(|ledger| {
        let kind = kind("enterprise").expect("a kind");
        let name = kind.field("name").expect("a field");
        let row = huiliu_node::store::projection::list(ledger.conn(), kind, None, None, 1)?.remove(0);
        ledger.write_document(kind, Some(row.id), vec![(name, kind.fields[name].parse("改名公司").ok())])
    });
    written.expect("it goes on");
    assert_eq!(union.run(&["verify"]).code, 0);
    // What cannot be mended row by row needs the file for itself, and says so.
    let spoil = rusqlite::Connection::open(home.database()).expect("it is a database");
    spoil.execute_batch("DROP INDEX feed_by_union").expect("it can be altered");
    drop(spoil);
    let refused = union.run(&["rebuild"]);
    assert!(refused.code == 1 && refused.err.contains("serve"), "{}", refused.err);
    drop(store);
    assert_eq!(union.run(&["rebuild"]).code, 0);
    assert_eq!(union.run(&["verify"]).code, 0);
}

/// What `rebuild` used to leave as it was: built-in tables and indexes.
#[test]
fn built_in_tables_and_indexes_are_mended() {
    for damage in [
        "DELETE FROM below WHERE above = 320900",
        "UPDATE region SET name = '别处' WHERE code = 320922",
        "PRAGMA writable_schema = 1; DELETE FROM sqlite_master WHERE name = 'mediator_by_owner'",
        "DROP INDEX feed_by_union",
        "CREATE TRIGGER t AFTER INSERT ON tail BEGIN DELETE FROM evidence; END",
    ] {
        let union = Union::new();
        union.add(&MEDIATOR);
        let conn = rusqlite::Connection::open(union.home().join("huiliu.db")).expect("it is a database");
        conn.execute_batch(damage).expect("it can be altered");
        drop(conn);
        let verified = union.run(&["verify"]);
        assert_eq!(verified.code, 3, "{damage}: {}{}", verified.out, verified.err);
        assert!(verified.err.contains("rebuild"), "{damage}: {}{}", verified.out, verified.err);
        assert_eq!(union.run(&["backup", text(&union.path("b.db"))]).code, 1, "{damage}");
        let rebuilt = union.run(&["rebuild"]);
        assert_eq!(rebuilt.code, 0, "{damage}: {}", rebuilt.err);
        let after = union.run(&["verify"]);
        assert_eq!(after.code, 0, "{damage}: {}{}", after.out, after.err);
        assert_eq!(list(&union)[0].as_array().map(Vec::len), Some(1), "{damage}");
        let beside = fs::read_dir(union.home()).expect("ours").filter_map(Result::ok);
        let left: Vec<_> = beside.map(|e| e.file_name()).filter(|n| n.to_string_lossy().contains("rebuild")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
