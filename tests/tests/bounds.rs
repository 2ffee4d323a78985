//! The largest filing, the farthest clocks: what is allowed goes all the way, what is not is said in words.

use std::sync::Arc;

use huiliu_node::{
    check::PATIENCE,
    cli::CommandContext,
    clock,
    document::Document,
    identity::Role,
    ledger::{Cost, DAILY, Incoming, Intake, Ledger, WriteOutcome},
    store::{evidence::Peer, feeds, horizons, inbox, projection, quarantine},
    writer::{Store, Threads},
};
use huiliu_proto::{
    edit::{Actor, Scalar},
    id::RecordId,
    kind::kind,
    lang::Lang,
    operation::Operation,
    record::{self, Record},
    tree::Edge,
    value::Value,
};
use huiliu_tests::{
    chain::{Chain, types},
    forger::Forger,
    people::{self, Random},
    relay::{batches, give, take},
    worklog,
    world::{START, World, hand_clock},
};

fn world(dir: &std::path::Path) -> World {
    let (clock, _) = hand_clock();
    let mut world = World::new(dir, 31, clock);
    for (union, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)]
    {
        world.add(union, role).unwrap();
    }
    world
}

const HUBS: [&str; 3] = ["hub-100000", "hub-320000", "hub-320900"];

fn open(world: &World, name: &str) -> Store {
    world.machine(name).store(Threads::Inline)
}

/// A hub that has heard what those above it say.
fn hub(world: &World, name: &str) -> Store {
    let store = open(world, name);
    for above in HUBS {
        for batch in batches(&open(world, above)).into_iter().flatten() {
            take(&store, batch);
        }
    }
    store
}

fn filing(lines: usize) -> Record {
    let mut random = Random(4);
    let mut bytes = |n: usize| Some(Value::Bytes((0..n).map(|_| random.roll() as u8).collect()));
    let roster = (0..lines)
        .map(|_| vec![bytes(16), bytes(16), bytes(32), Some(Value::Int(1)), Some(Value::Bool(true))])
        .collect();
    let mut record = Record::new(kind("filing").unwrap());
    let count = lines as i64;
    for (name, n) in [
        ("type", 2),
        ("year", 2025),
        ("census_on", i64::from(clock::day(START).0)),
        ("full_time", count),
        ("part_time", 0),
        ("funded_heads", count),
    ] {
        record.set(name, Value::Int(n));
    }
    record.set("roster", Value::Lines(roster));
    record
}

#[test]
fn the_largest_roster_goes_all_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let county = open(&world, "node-320922-0");
    let largest = filing(record::MAX_LINES);
    assert!(largest.encode().len() > 256 * 1024, "{}", largest.encode().len());
    let mut written = vec![];
    for record in [largest.clone(), filing(3_450), largest.clone()] {
        match county.write_blocking(move |l| l.write_entry(&record)).unwrap() {
            WriteOutcome::Written { id, .. } => written.push(id),
            other => panic!("{other:?}"),
        }
    }
    let refused = filing(record::MAX_LINES + 1);
    let refused = county.write_blocking(move |l| l.write_entry(&refused)).unwrap();
    assert!(
        matches!(&refused, WriteOutcome::Refused(why) if why[0].say(Lang::En).contains("more than 4096 lines")),
        "{refused:?}"
    );
    for name in ["hub-320900", "hub-320000", "hub-100000"] {
        let store = hub(&world, name);
        for batch in batches(&county).iter().flatten() {
            give(&store, batch);
        }
        assert_eq!(store.read(quarantine::all).unwrap(), [], "{name}");
        for id in &written {
            let row = store.read(|conn| projection::get(conn, kind("filing").unwrap(), id)).unwrap().unwrap();
            assert_eq!(row.record.int("full_time"), row.record.int("funded_heads"), "{name}");
        }
        let whole = store.read(|conn| projection::get(conn, kind("filing").unwrap(), &written[0])).unwrap().unwrap();
        assert_eq!(whole.record.lines("roster").count(), record::MAX_LINES, "{name}");
    }
}

#[test]
fn nobody_is_heard_beyond_the_day_on_which_it_was_heard() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let city = hub(&world, "hub-320900");
    let union = "320922".parse().unwrap();
    let heard = || city.read(|conn| Ok(horizons::horizons(conn, PATIENCE)?)).unwrap().get(&union).map(|h| h.up_to);
    // The county's clock stands in 2045 while it signs; the city's does not.
    let mut ahead = world.machine("node-320922-0").clone();
    ahead.clock = Arc::new(|| 2_380_000_000_000);
    let county = ahead.store(Threads::Inline);
    county.write_blocking(|l| people::mediator(l, 1)).unwrap();
    for batch in batches(&county).iter().flatten() {
        give(&city, batch);
    }
    assert_eq!(heard(), Some(clock::day(START)), "as far as the city's own day, and no further");
}

#[test]
fn a_claim_outside_the_calendar_is_held_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let city = hub(&world, "hub-320900");
    let mut forger = Forger::province(world.machine("node-320922-0"));
    let good = Record::new(kind("work_entry").unwrap()).encode();
    for time in [i64::MAX, i64::MIN, 7_258_118_400_000] {
        let id = forger.id();
        give(&city, &forger.say(&[Operation::new(9, id, Some(time), good.clone(), None)]));
        let held = city.read(quarantine::all).unwrap();
        let held = held.iter().find(|h| h.record == id).expect("it does not count");
        let said = city.read(|conn| quarantine::explain(conn, held)).unwrap().words();
        assert!(said.en.contains("1900 and 2199"), "{}", said.en);
    }
}

/// Whatever a machine's clock says, nothing panics, and what is typed counts at every level once there is a line.
#[test]
fn a_false_clock_loses_nothing() {
    let chain = Chain::new(74);
    let county = &chain.county;
    // In milliseconds since 1970: 1960, 2270, 11000, and what no clock says.
    let clocks = [-315_619_200_000, 9_467_000_000_000, 284_966_208_000_000, 0, i64::MIN, i64::MAX];
    for (n, millis) in (0..).zip(clocks) {
        let typed = |words: &[&str]| {
            let context = CommandContext { clock: Arc::new(move || millis), ..county.context() };
            types(&context, words).unwrap_or_else(|error| panic!("{words:?} at {millis}: {error:?}"))
        };
        // Of the time when the clock was right, and with no day in it that the clock may stand before.
        let known = county.store.write_blocking(move |ledger| {
            let uscc = worklog::credit_code(n);
            let fields = [("name", "滨海例厂"), ("uscc", &uscc), ("region", "320922")];
            people::write(
                ledger,
                "enterprise",
                &[&fields[..], &[("industry", "制造业"), ("ownership", "私营")]].concat(),
            )
        });
        let id = known.unwrap().to_string();
        typed(&["record", "edit", &id, &format!("name=更名{n}")]);
        if n > 2 {
            typed(&["record", "void", &id, "--reason", "重复录入"]);
        }
        let uscc = format!("uscc={}", worklog::credit_code(100 + n));
        let fields = ["name=滨海甲厂", &uscc, "region=320922", "industry=制造业", "ownership=私营"];
        typed(&[&["record", "add", "enterprise"], &fields[..]].concat());
        for words in [&["status"][..], &["inbox"], &["check", "run"], &["rollup"], &["record", "list", "enterprise"]] {
            typed(words);
        }
    }
    chain.settle().unwrap();
    chain.holds().unwrap();
    let kind = kind("enterprise").unwrap();
    for place in [county, &chain.city, &chain.province] {
        let listed = place.store.read(|conn| projection::list(conn, kind, None, None, 100)).unwrap();
        let names = |begin: &str| {
            listed.iter().filter(|row| row.record.text("name").unwrap_or_default().starts_with(begin)).count()
        };
        assert_eq!((names("滨海甲厂"), names("更名"), listed.len()), (6, 3, 9), "{}", place.machine.name);
    }
    // Certificates that such a clock dates hold some day.
    for millis in clocks {
        let dir = tempfile::tempdir().unwrap();
        World::new(dir.path(), 32, Arc::new(move || millis)).add("100000", Role::Root).unwrap();
    }
}

#[test]
fn what_has_happened_cannot_lie_in_the_future_where_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let county = open(&world, "node-320922-0");
    let mediator: RecordId = county.write_blocking(|l| people::mediator(l, 1)).unwrap();
    let record = |day: &str| {
        let entry = kind("work_entry").unwrap();
        let id = county.write_blocking(move |l| people::work_entry(l, mediator, 1)).unwrap();
        let mut record = county.read(|conn| projection::get(conn, entry, &id)).unwrap().unwrap().record;
        let at = entry.field("done_on").unwrap();
        record.put(at, Some(entry.fields[at].parse(day).unwrap()));
        record
    };
    for (day, written) in [("2026-01-02", true), ("2026-01-03", false), ("2099-05-01", false)] {
        let record = record(day);
        let outcome = county.write_blocking(move |l| l.write_entry(&record)).unwrap();
        match outcome {
            WriteOutcome::Written { .. } => assert!(written, "{day}"),
            WriteOutcome::Refused(why) => {
                assert!(!written && why[0].say(Lang::Zh).contains("这一天还没有到"), "{day}: {}", why[0].say(Lang::Zh));
            }
            WriteOutcome::Unchanged(_) => panic!("{day}"),
        }
    }
}

#[test]
fn numbers_that_the_province_cannot_compare_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let county = open(&world, "node-320922-0");
    let hubs = ["hub-100000", "hub-320000", "hub-320900"].map(|name| hub(&world, name));
    for above in HUBS {
        for batch in batches(&open(&world, above)).into_iter().flatten() {
            take(&county, batch);
        }
    }
    county.write_blocking(|l| people::mediator(l, 1)).unwrap();
    let province = &hubs[1];
    for batch in batches(&county).iter().flatten() {
        give(province, batch);
    }
    let unread = || province.read(|conn| inbox::unread_numbers(conn, "320000".parse().unwrap())).unwrap();
    assert_eq!(unread(), [], "the key was granted");
    province.write_blocking(|l| Ok(l.conn().raw().execute("UPDATE mediator SET id_no_index = NULL", ())?)).unwrap();
    assert_eq!(unread(), [("320922".parse().unwrap(), 1)]);
    // Computed again from what is sealed, it is there again.
    province.write_blocking(|l| l.rebuild(&mut |_| ())).unwrap();
    assert_eq!(unread(), []);
}

/// Heads without operations cost a device nothing, though each is looked at by the writer: they came without end.
#[test]
fn a_head_alone_is_work_too() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let city = hub(&world, "hub-320900");
    let county = world.machine("node-320922-0");
    let mut forger = Forger::province(county);
    let from = Peer { union: county.union(), device: county.me().device() };
    let id = forger.id();
    let said = forger.say(&[Operation::new(9, id, None, vec![], None)]);
    let hand = |batch: Incoming| take(&city, Incoming { from: Some(from), ..batch });
    // What says that it holds more than any batch can counts as one that is full, and no more.
    let large = Incoming { count: u64::from(u32::MAX), ..said.clone() };
    for _ in 0..1_500_000 / 4096 {
        assert!(matches!(hand(large.clone()), Intake::Refused { .. }));
    }
    let head = forger.head(0, Edge::default().root());
    let head = Incoming { first: 0, count: 0, segment: Default::default(), head, ..said };
    let taken = (0..2_000).take_while(|_| matches!(hand(head.clone()), Intake::Taken { .. })).count();
    assert!(taken > 500 && taken < 1_500, "{taken} heads are what was left of the allowance");
    assert!(matches!(hand(large), Intake::Later { seconds } if seconds < 60), "not for years");
}

/// What the allowance of a day is made for, at what it really costs: lines of the log in people's words, taken in and
/// judged in slices, a city's own statements and receipts with them.
#[test]
fn a_million_lines_of_the_log_are_within_a_days_allowance() {
    const LINES: u64 = 4096;
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let (city, county) = (hub(&world, "hub-320900"), open(&world, "node-320922-0"));
    county
        .write_blocking(|ledger| {
            let (said, mut random) = (worklog::County::write(ledger)?, Random(6));
            (0..LINES)
                .try_for_each(|n| worklog::write(ledger, &said.line(&mut random, 20_000 + n as i64 / 20)).map(drop))
        })
        .unwrap();
    let device = world.machine("node-320922-0").me().device();
    let from = Some(Peer { union: world.machine("node-320922-0").union(), device });
    let batches: Vec<Incoming> = batches(&county).into_iter().flatten().collect();
    let brought: u64 = batches.iter().map(|batch| batch.count).sum();
    city.write_blocking(|ledger| Ok(ledger.spent())).unwrap();
    for batch in batches {
        give(&city, &Incoming { from, ..batch });
    }
    while city.read(feeds::all).unwrap().iter().any(|row| row.applied < row.size()) {
        city.write_blocking(Ledger::prepare_outgoing).unwrap();
    }
    let cost: Cost = city.write_blocking(|ledger| Ok(ledger.spent())).unwrap();
    println!("{brought} operations: {cost:?}");
    // What is counted is what was done, and more than nothing of each.
    assert!(brought > LINES && (brought..brought + brought / 10).contains(&cost.operations), "{cost:?}");
    assert!(cost.bytes > brought * 50 && cost.rows > brought, "{cost:?}");
    let year = |spent: u64| u128::from(spent) * 1_000_000 / u128::from(LINES);
    let parts = [
        ("operations", cost.operations, DAILY.operations),
        ("bytes", cost.bytes, DAILY.bytes),
        ("rows", cost.rows, DAILY.rows),
        ("bytes of documents", cost.document_bytes, DAILY.document_bytes),
    ];
    for (what, spent, daily) in parts {
        assert!(year(spent) <= u128::from(daily), "{what}: {} of {daily}", year(spent));
    }
}

/// Whoever writes a number with a blank before it means the same person; what is no number has nothing to be compared by,
/// and is counted. The county's own program lets neither be written.
#[test]
fn a_number_is_compared_in_its_standard_form() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let hubs = HUBS.map(|name| hub(&world, name));
    let county = world.machine("node-320922-0");
    let store = hub(&world, "node-320922-0");
    // It grants its key with the first that it writes.
    store.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    batches(&store).iter().flatten().for_each(|batch| give(&hubs[1], batch));
    let declared = kind("mediator").unwrap();
    let field = |name: &str| declared.fields[declared.field(name).unwrap()].number;
    let mut forger = Forger::province(county);
    let texts = ["320000199302189087", " 320000199302189087", "不详"];
    let records = texts.map(|text| {
        let id = forger.id();
        let sealed = county.me().seal.seal(text, &id, field("id_no")).unwrap();
        let author = Actor::new(&forger.feed.id, &id);
        let numbers = [("sex", 2), ("born", 8449), ("education", 3)];
        let mut values = vec![(field("name"), Scalar::Text("例辛亥".into())), (field("id_no"), Scalar::Octets(sealed))];
        values.extend(numbers.map(|(name, number)| (field(name), Scalar::Number(number))));
        let edit = Document::default().compose(author, values, [4; 16]).unwrap();
        give(&hubs[1], &forger.say(&[Operation::new(declared.number, id, None, edit.encode(author), None)]));
        id
    });
    let index = |id: RecordId| -> Option<Vec<u8>> {
        let sql = "SELECT id_no_index FROM mediator WHERE record = ?1";
        hubs[1].read(move |conn| Ok(conn.raw().query_row(sql, [id.as_bytes()], |row| row.get(0))?)).unwrap()
    };
    let held = hubs[1].read(quarantine::open).unwrap();
    assert!(held.is_empty(), "{held:?}");
    let [first, same, none] = records.map(index);
    assert!(first.is_some() && first == same, "{first:?} {same:?}");
    assert_eq!(none, None);
    let unread = hubs[1].read(|conn| inbox::unread_numbers(conn, "320000".parse().unwrap())).unwrap();
    assert_eq!(unread, [("320922".parse().unwrap(), 1)]);
}
