//! What a peer wrote is shown, and obeyed by nobody: control characters, marks of direction and line breaks in every
//! text that may come from elsewhere, through every verb that lists or shows.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use huiliu_node::{
    identity::Role,
    ledger::{Intake, Ledger},
    proof::Maker,
    store::{
        documents,
        evidence::{self, Evidence, EvidenceKind, Peer},
        feeds::SegmentRow,
        frontier::{Frontier, State},
        projection, quarantine, receipts,
    },
    sync::exchange::{Action, End, Endpoint, Event, Exchange},
    writer::{Store, Threads},
};
use huiliu_proto::{
    edit::{Actor, Edit, Put, Scalar},
    feed::{Feed, Scope, Turn},
    id::{DeviceId, FeedId, Hash, RecordId, RecordIds},
    kind::{Kind, Type, kind, kinds},
    lang::Label,
    operation::Operation,
    proof,
    record::Record,
    root::Root,
    signed::{SigningKey, TreeHead},
    tree::Edge,
    union::UnionNumber,
    v1::{self, Refusal, frame::Frame},
    value::Value,
};
use huiliu_tests::{
    forger::Forger,
    people,
    relay::{batches, take},
    world::{START, World, hand_clock},
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
    shown_where(home, arguments, |_| false)
}

/// The same, but for lines that the program is to say.
fn shown_where(home: &Path, arguments: &[&str], says: impl Fn(&str) -> bool) -> String {
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
                    says(line) || !FALSE_LINES.iter().any(|l| line.trim().starts_with(l)),
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
        &["inbox"],
        &["inbox", "--most", "1"],
        &["invite", "list"],
        &["consistency", "320000", "320900"],
        &["consistency", "名\u{1b}[2J", "320900"],
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

/// What `sync` tells of what was refused, with and without `--json`.
#[test]
fn what_a_peer_says_of_a_batch_is_short_and_harmless() {
    let (county, city) = ("320922".parse().unwrap(), "320900".parse().unwrap());
    let state = State {
        feed: FeedId([5; 16]),
        union: county,
        header: Default::default(),
        rank: Turn::Records,
        size: 1,
        root: Hash([1; 32]),
        time: 0,
        diverged: false,
        altered: false,
        settled: false,
    };
    let feed = state.feed;
    let frontier = Frontier { states: [(feed, state)].into(), ..Frontier::default() };
    let me = Endpoint { network: "test".into(), union: county, device: DeviceId([1; 32]) };
    let peer = Peer { union: city, device: DeviceId([2; 32]) };
    let (mut exchange, _) = Exchange::open(me, peer, true, false, frontier);
    let hello = v1::Hello {
        oldest: 2,
        newest: 2,
        network: "test".into(),
        union: city.into(),
        device: vec![2; 32].into(),
        receipts: exchange.frontier().receipts_digest().to_vec().into(),
        ..Default::default()
    };
    exchange.step(Event::Frame(Frame::Hello(hello)));
    exchange.step(Event::Frame(Frame::Groups(v1::Groups::default())));
    let states = v1::States { unions: vec![county.into()], ..Default::default() };
    let asked = exchange.step(Event::Frame(Frame::States(states)));
    assert!(asked.iter().any(|action| matches!(action, Action::Read { .. })));
    let segment = SegmentRow { first: 0, count: 1, head: v1::Signed::default(), bytes: vec![1] };
    exchange.step(Event::Read { feed, segments: vec![segment], head: None });
    let refused = Refusal::Bounds.into();
    let ack = v1::Ack { feed: feed.to_vec().into(), refused, detail: EVIL.repeat(1000), ..Default::default() };
    exchange.step(Event::Frame(Frame::Ack(ack)));
    let told = exchange.tally.refused[&feed].to_string();
    assert!(told.contains("\\u{1b}[2J"), "{told}");
    assert!(told.len() < 2_000 && !told.chars().any(|c| c.is_control() || huiliu_proto::shown::deceptive(c)), "{told}");
}

/// A network of somebody's own, under a name that looks like an answer, of which one record is in a file.
fn own_proof(operation: Operation) -> (Vec<u8>, Root) {
    let key = SigningKey::from_seed(&[44; 32]);
    let root = Root { network: EVIL.into(), device: key.device(), certificate_key: Hash([3; 32]) };
    let feed = Feed::new(EVIL, UnionNumber::NATION, key.device(), 0, Scope::Everyone, None).unwrap();
    let mut edge = Edge::default();
    edge.push(operation.leaf());
    let head = TreeHead::sign(&key, feed.id, 1, edge.root(), START, None).signed;
    let (record, operation) = (operation.record, operation.to_wire());
    let operation = v1::ProofOperation { position: 0, operation: Some(operation), path: Default::default() };
    let feed = v1::ProofFeed {
        header: feed.header.clone(),
        head: Some(head),
        operations: vec![operation],
        ..Default::default()
    };
    let subject = Some(v1::proof::Subject::Record(record.to_vec().into()));
    (proof::write(&v1::Proof { feeds: vec![feed], subject, ..proof::begin(&root) }), root)
}

/// The screen that strangers are to believe.
#[test]
fn what_a_proof_holds_puts_no_line_of_its_own_on_the_screen() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _) = hand_clock();
    let mut world = World::new(dir.path(), 22, clock);
    for (union, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)]
    {
        world.add(union, role).unwrap();
    }
    let machine = world.machine("node-320922-0").clone();
    let county = machine.store(Threads::Inline);
    for above in ["hub-100000", "hub-320000", "hub-320900"] {
        for batch in batches(&world.machine(above).store(Threads::Inline)).into_iter().flatten() {
            take(&county, batch);
        }
    }
    // What the rules let through: a long text has lines. Two devices' worth of it, so that both are shown side by side.
    let lines = "一切正常\n签收：一切属实\nproven. Network huiliu\n登记：";
    let mediator = county.write_blocking(|l| people::mediator(l, 1)).unwrap();
    let entry = county
        .write_blocking(move |l| {
            people::edit(l, "mediator", mediator, "remarks", lines)?;
            let mut line = people::log_line(mediator, 1);
            line.set("summary", Value::Text(lines.into()));
            let huiliu_node::ledger::WriteOutcome::Written { id, .. } = l.write_entry(&line)? else {
                panic!("it is good")
            };
            l.pack_all()?;
            Ok(id)
        })
        .unwrap();
    let root = world.machine("hub-100000").home.root().unwrap();
    let prove = |id: RecordId| {
        let made = county.read(|conn| {
            let edits = documents::edits(conn, machine.union(), &id)?;
            let mut places: Vec<_> = edits.into_iter().map(|made| (made.feed, made.seq)).collect();
            if places.is_empty() {
                let place = projection::find(conn, &id)?.expect("it counts here").place;
                places.push((place.feed, place.seq));
            }
            Ok(Maker::new(conn, root.clone()).record(id, &places, None))
        });
        made.unwrap().unwrap().file
    };
    let mut files: Vec<(Vec<u8>, String, bool)> =
        [entry, mediator].map(|id| (prove(id), root.fingerprint().to_string(), true)).into();
    county.write_blocking(Ledger::pack_all).unwrap();
    drop(county);
    // What a rule forbids, signed all the same; a kind that nobody knows; and the fingerprint of another network.
    let mut ids = RecordIds::new(&SigningKey::from_seed(&[44; 32]).device(), [1; 4], None);
    let (forbidden, newer) = (ids.next(START), ids.next(START));
    let programme = kind("programme").unwrap();
    let hostile = Operation::new(programme.number, forbidden, None, evil(programme).encode(), None);
    let unknown = Operation::new(9_999, newer, None, EVIL.into(), None);
    for (operation, proven) in [(hostile, false), (unknown, true)] {
        let (file, root) = own_proof(operation);
        files.push((file.clone(), root.fingerprint().to_string(), proven));
        files.push((file, "0".repeat(32), false));
    }
    let path = dir.path().join("a.proof");
    for (file, fingerprint, proven) in files {
        std::fs::write(&path, file).unwrap();
        let arguments = ["check-proof", path.to_str().unwrap(), "--root", &fingerprint];
        let first = |line: &str| proven && line.starts_with("proven. Network ") && line.contains(&fingerprint);
        let screens = shown_where(&machine.home.dir, &arguments, first);
        assert_eq!(screens.contains("属实。网络 "), proven, "{screens}");
        if proven {
            assert!(screens.contains('⏎') || screens.contains("\\u{1b}[2J"), "it is shown: {screens}");
        }
    }
}
