//! What a peer wrote is shown, and obeyed by nobody: control characters, marks of direction and line breaks in every
//! text that may come from elsewhere, through every verb that lists or shows.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use huiliu_node::{
    identity::Role,
    ledger::Intake,
    store::{
        evidence::{self, Evidence, EvidenceKind, Peer},
        quarantine, receipts,
    },
    sync::exchange::End,
    writer::{Store, Threads},
};
use huiliu_proto::{
    edit::{Actor, Edit, Put, Scalar},
    kind::{Kind, Type, kinds},
    lang::Label,
    operation::Operation,
    record::Record,
    v1,
    value::Value,
};
use huiliu_tests::{
    forger::Forger,
    people,
    relay::{batches, take},
    world::{World, hand_clock},
};

#[test]
fn what_a_peer_says_at_the_end_is_short_and_harmless() {
    let detail = EVIL.repeat(10_000);
    let End::Broken { detail, retry_after, .. } =
        End::heard(&v1::Goodbye { reason: 77, detail, retry_after: u32::MAX })
    else {
        panic!("it broke off");
    };
    assert!(detail.len() < 2_000 && !detail.chars().any(char::is_control), "{detail}");
    assert_eq!(retry_after, 86_400, "a peer may ask for a day's pause, and no more");
}

/// Clears the screen, rings, turns the direction, a C1 control sequence; and a line that looks like the program's.
const EVIL: &str = "\u{1b}[2J\u{7}\u{9b}1m\u{202e}\u{200b}\r\n签收：一切属实\nproven.";
const FALSE_LINES: [&str; 2] = ["签收：一切属实", "proven."];

fn evil(kind: &'static Kind) -> Record {
    let mut record = Record::new(kind);
    for field in &kind.fields {
        let text = matches!(field.ty, Type::Text) && !field.sealed();
        if text {
            record.set(field.name, Value::Text(EVIL.into()));
        } else if matches!(field.ty, Type::Int) {
            record.set(field.name, Value::Int(i64::from(i32::MAX)));
        }
    }
    record
}

fn shown(home: &Path, arguments: &[&str]) -> String {
    let mut all = String::new();
    for form in [&["--lang", "zh"][..], &["--lang", "en"], &["--lang", "zh", "--json"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_program"));
        command.arg("--home").arg(home).args(form).args(["-vv"]).args(arguments).stdin(Stdio::null());
        let output = command.output().expect("the program runs");
        for text in [&output.stdout, &output.stderr] {
            let text = std::str::from_utf8(text).expect("the program writes UTF-8");
            for c in text.chars() {
                let obeyed = c.is_control() && c != '\n' || huiliu_proto::shown::deceptive(c);
                assert!(!obeyed, "{arguments:?}: U+{:04X} in {text}", u32::from(c));
            }
            for line in text.lines() {
                assert!(
                    !FALSE_LINES.iter().any(|l| line.trim().starts_with(l)),
                    "{arguments:?}: a false line in {text}"
                );
            }
            all += text;
        }
    }
    all
}

fn city(world: &World) -> Store {
    world.machine("hub-320900").store(Threads::Inline)
}

#[test]
fn what_a_peer_wrote_obeys_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _) = hand_clock();
    let mut world = World::new(dir.path(), 21, clock);
    for (union, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)]
    {
        world.add(union, role).unwrap();
    }
    let county = world.machine("node-320922-0").store(Threads::Inline);
    let hub = city(&world);
    for above in ["hub-100000", "hub-320000"] {
        for batch in batches(&world.machine(above).store(Threads::Inline)).into_iter().flatten() {
            take(&hub, batch);
        }
    }
    // One entry and one edit of each kind a county may write, every text of them hostile.
    let mut forger = Forger::province(world.machine("node-320922-0"));
    let mut said = vec![];
    for kind in kinds() {
        let record = evil(kind);
        said.push(Operation::new(kind.number, forger.id(), None, record.encode(), None));
        let puts = kind.fields.iter().filter(|f| matches!(f.ty, Type::Text));
        let puts: Vec<Put> =
            puts.map(|f| Put { field: f.number, value: Scalar::Text(EVIL.into()), over: vec![] }).collect();
        let (id, edit) = (forger.id(), Edit { deps: vec![], seq: 1, start_op: 1, puts, salt: Some([1; 16]) });
        said.push(Operation::new(kind.number, id, None, edit.encode(Actor::new(&forger.feed.id, &id)), None));
    }
    let intake = take(&hub, forger.say(&said));
    assert!(matches!(intake, Intake::Taken { .. }), "{intake:?}");

    // What admission let through before it knew better, or a filter of tomorrow misses: rows as they would stand.
    let mediator = county.write_blocking(|l| people::mediator(l, 1)).unwrap();
    let entry = county.write_blocking(move |l| people::work_entry(l, mediator, 1)).unwrap();
    for batch in batches(&county).into_iter().flatten() {
        take(&hub, batch);
    }
    let device = world.machine("node-320922-0").me().device();
    let feed = forger.feed.id;
    hub.write_blocking(move |l| {
        let conn = l.conn();
        for (table, columns) in [("mediator", &["name", "major", "remarks"][..]), ("work_entry", &["place", "summary"])]
        {
            for column in columns {
                conn.raw().execute(&format!("UPDATE {table} SET {column} = ?1"), [EVIL])?;
            }
        }
        let from = Some(Peer { union: 320_922u64.try_into().expect("a code"), device });
        for what in EvidenceKind::ALL {
            let detail = Label::new(EVIL, EVIL);
            evidence::add(conn, &Evidence { what, feed, seen_at: i64::MAX, from, ours: None, theirs: None, detail })?;
        }
        let union = 320_000u64.try_into().expect("a code");
        let error = Some(EVIL.to_owned());
        receipts::put_link(conn, &receipts::Link { device, union, last_try: i64::MAX, last_success: Some(-1), error })
    })
    .unwrap();
    let held = hub.read(quarantine::all).unwrap();
    assert!(held.len() > kinds().len(), "{} held", held.len());
    drop(hub);

    let home = world.machine("hub-320900").home.dir.clone();
    let mut all = String::new();
    for verb in [
        &["status"][..],
        &["record", "list"],
        &["quarantine", "list"],
        &["quarantine", "list", "--all"],
        &["evidence", "list"],
        &["filing", "list"],
        &["receipts", "list"],
        &["receipts", "verify"],
        &["check", "list"],
        &["check", "run", "--dry-run"],
        &["rollup"],
        &["verify"],
    ] {
        all += &shown(&home, verb);
    }
    for kind in kinds() {
        all += &shown(&home, &["record", "list", kind.name]);
    }
    for verb in ["show", "history"] {
        for id in [mediator, entry] {
            all += &shown(&home, &["record", verb, &id.to_string()]);
        }
        all += &shown(&home, &["record", verb, "名\u{1b}[2J"]);
    }
    for held in &held {
        all += &shown(&home, &["quarantine", "show", &held.record.to_string()]);
    }
    for no in 1..=EvidenceKind::ALL.len() {
        all += &shown(&home, &["evidence", "show", &no.to_string()]);
    }
    assert!(all.contains("\\u{1b}[2J") && all.contains("⏎"), "it is shown");
}
