//! One id of one owner is one record: the same at every level, in every order of arrival, and after a rebuild. And what
//! several unions say of one thing is counted the same in every order.

use huiliu_node::{
    app::repair,
    identity::Role,
    ledger::{Incoming, Intake},
    rollup,
    store::{caches, quarantine, rollups},
    writer::{Store, Threads},
};
use huiliu_proto::{
    edit::{Actor, Edit, Put, Scalar},
    feed::Scope,
    id::{RecordId, hex},
    kind::{Reach, kind},
    operation::Operation,
    record::Record,
    union::UnionNumber,
    value::Value,
};
use huiliu_tests::{
    forger::Forger,
    oracle,
    people::{self, Random, record},
    relay::{batches, give, take},
    world::{World, hand_clock},
};

fn world(dir: &std::path::Path) -> World {
    let (clock, _) = hand_clock();
    let mut world = World::new(dir, 9, clock);
    for (union, role) in [
        ("100000", Role::Root),
        ("320000", Role::Hub),
        ("320900", Role::Hub),
        ("320922", Role::Node),
        ("320923", Role::Node),
    ] {
        world.add(union, role).unwrap();
    }
    world
}

fn level(world: &World, name: &str) -> Store {
    let store = world.machine(name).store(Threads::Inline);
    for above in ["hub-100000", "hub-320000", "hub-320900"] {
        if above != name {
            batches(&world.machine(above).store(Threads::Inline))
                .iter()
                .flatten()
                .for_each(|batch| give(&store, batch));
        }
    }
    store
}

fn total(store: &Store, union: &str, measure: u32) -> (i128, i128) {
    let union: UnionNumber = union.parse().unwrap();
    store
        .read(|conn| rollups::sums(conn, union, i32::MIN, i32::MAX))
        .unwrap()
        .get(&measure)
        .copied()
        .unwrap_or_default()
}

fn spent(amount: i64) -> Record {
    let mut spent = record(
        "expenditure",
        &[
            ("programme", &hex(&[5; 16])),
            ("year", "2025"),
            ("category", "薪酬或补贴"),
            ("subject", "50504"),
            ("amount", "1"),
            ("paid_on", "2025-03-15"),
            ("service_month", "2025-03"),
            ("payee_mediator", &hex(&[6; 16])),
            ("method", "转账"),
            ("voucher_no", "记-1"),
        ],
    );
    spent.set("amount", Value::Int(amount));
    spent
}

fn worked(guided: i64, mediator: [u8; 16], enterprise: Option<[u8; 16]>) -> Record {
    let mut entry = record(
        "work_entry",
        &[
            ("mediator", &hex(&mediator)),
            ("duty", "参加协商"),
            ("subtype", "现场指导协商"),
            ("done_on", "2025-03-04"),
            ("place", "测试企业"),
            ("workers_helped", "1"),
            ("summary", "指导集体协商"),
            ("mandate", "企业工会委托"),
        ],
    );
    entry.set("guided", Value::Int(guided));
    if let Some(enterprise) = enterprise {
        entry.set("enterprise", Value::Bytes(enterprise.to_vec()));
    }
    entry
}

fn rated(enterprise: [u8; 16], day: &str, grade: &str) -> Record {
    let mut rating = record(
        "rating",
        &[
            ("enterprise", &hex(&enterprise)),
            ("round", "2025"),
            ("rated_on", day),
            ("total", "90"),
            ("grade", grade),
            ("a_from", "85"),
            ("b_from", "60"),
            ("team", "一组"),
        ],
    );
    let total = match grade {
        "A" => 90,
        "B" => 70,
        _ => 30,
    };
    rating.set("total", Value::Int(total));
    rating.set("items", Value::Lines(vec![vec![Some(Value::Int(1)), Some(Value::Int(100)), Some(Value::Int(total))]]));
    rating
}

fn entry(record: &Record, id: RecordId) -> Operation {
    Operation::new(record.kind.number, id, None, record.encode(), record.kind.personal.then_some([3; 16]))
}

/// A dossier that begins under an id, and a change to it.
fn dossier(forger: &Forger, id: RecordId, name: &str) -> [Operation; 2] {
    let kind = kind("enterprise").unwrap();
    let field = |name: &str| kind.fields[kind.field(name).unwrap()].number;
    let author = Actor::new(&forger.feed.id, &id);
    let mut values = vec![
        (field("name"), Scalar::Text(name.into())),
        (field("uscc"), Scalar::Text("91350100M000100Y43".into())),
        (field("region"), Scalar::Number(320922)),
        (field("industry"), Scalar::Number(3)),
        (field("ownership"), Scalar::Number(3)),
    ];
    values.sort_by_key(|(field, _)| *field);
    let mut document = huiliu_node::document::Document::default();
    [values, vec![(field("name"), Scalar::Text(format!("{name}二")))]].map(|values| {
        let edit = document.compose(author, values, [4; 16]).unwrap();
        document.receive(author, &edit).unwrap();
        Operation::new(kind.number, id, Some(1), edit.encode(author), Some([3; 16]))
    })
}

/// Gives feeds' batches in an order chosen at random, each feed in its own order.
fn shuffled(feeds: &[Vec<Incoming>], random: &mut Random) -> Vec<Incoming> {
    let mut next = vec![0; feeds.len()];
    let mut all = vec![];
    while next.iter().zip(feeds).any(|(n, feed)| *n < feed.len()) {
        let at = random.below(feeds.len() as u64) as usize;
        if let Some(batch) = feeds[at].get(next[at]) {
            all.push(batch.clone());
            next[at] += 1;
        }
    }
    all
}

/// The tables that are computed, as far as feeds' numbers do not show in them.
fn figures(store: &Store) -> Vec<(String, i64, i128, i128)> {
    let mut all = vec![];
    for union in ["320922", "320923", "320900", "320000", "100000"] {
        let number: UnionNumber = union.parse().unwrap();
        let sums = store.read(|conn| rollups::sums(conn, number, i32::MIN, i32::MAX)).unwrap();
        all.extend(sums.into_iter().map(|(m, (own, total))| (union.to_owned(), i64::from(m), own, total)));
    }
    all
}

fn held(store: &Store) -> Vec<(RecordId, u32, String)> {
    let held = store.read(quarantine::all).unwrap();
    let mut held: Vec<_> = held.into_iter().map(|h| (h.record, h.kind, h.reason)).collect();
    held.sort();
    held
}

/// Three operations of one device under one id, in three feeds, of two kinds; a dossier under a taken id, with a change
/// that follows it; the same entry said twice: every order of arrival comes to what a rebuild comes to.
#[test]
fn an_id_that_is_claimed_twice_is_one_record_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let county = world.machine("node-320922-0");
    let (province, nation) = (Scope::Own(Reach::Province), Scope::Own(Reach::Nation));
    let mut first = Forger::new(county, province);
    let own = first.feed.union;
    let mut others: Vec<Forger> = (1..4).map(|n| Forger::again(&first, own, 100 + n)).collect();
    let mut fund: Vec<Forger> = vec![Forger::new(county, nation)];
    fund.push(Forger::again(&fund[0], own, 300));
    let ids: Vec<RecordId> = (0..5).map(|_| first.id()).collect();
    let mut feeds: Vec<Vec<Incoming>> = vec![];
    let work = |guided| worked(guided, [6; 16], Some([8; 16]));
    feeds.push(vec![
        first.say(&[entry(&work(1), ids[0])]),
        first.say(&[entry(&work(2), ids[1]), entry(&work(3), ids[2])]),
    ]);
    for (n, forger) in others.iter_mut().enumerate() {
        let [made, changed] = dossier(forger, ids[3], &format!("厂{n}"));
        let [also, moved] = dossier(forger, ids[n % 2], &format!("所{n}"));
        let again = entry(&work(if n == 1 { 9 } else { 3 }), ids[2]);
        let grade = entry(&rated([8; 16], &format!("2025-0{}-01", n + 1), ["A", "B", "C"][n]), ids[4]);
        feeds.push(vec![forger.say(&[made, also]), forger.say(&[changed, moved]), forger.say(&[again, grade])]);
    }
    for (forger, amount) in fund.iter_mut().zip([100, 90_000_000]) {
        feeds.push(vec![forger.say(&[entry(&spent(amount), ids[0])]), forger.say(&[entry(&spent(amount), ids[4])])]);
    }
    let mut seen: Option<(Vec<_>, Vec<_>)> = None;
    let mut random = Random(5);
    for round in 0..12 {
        let dir = tempfile::tempdir().unwrap();
        let name = if round % 2 == 0 { "hub-320900" } else { "hub-320000" };
        let machine = world.machine(name).with_copy_at(&dir.path().join("home"));
        let store = machine.store(Threads::Inline);
        for above in ["hub-100000", "hub-320000", "hub-320900"] {
            if above != name {
                batches(&world.machine(above).store(Threads::Inline)).iter().flatten().for_each(|b| give(&store, b));
            }
        }
        for batch in shuffled(&feeds, &mut random) {
            give(&store, &batch);
        }
        let now = (figures(&store), held(&store));
        let before = store.read(caches::digest).unwrap();
        store.write_blocking(|ledger| ledger.rebuild(&mut |_| ())).unwrap();
        let after = store.read(caches::digest).unwrap();
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before, after, "round {round}: a rebuild differs");
        }
        match &seen {
            Some(seen) => assert_eq!(*seen, now, "round {round} at {name}"),
            None => seen = Some(now),
        }
    }
}

/// Two unions rate one enterprise and note the same mediator's day there: each figure is its union's own, the sum above
/// counts the day once and the enterprise once for each union that rates it, and no order of arrival changes any.
#[test]
fn what_two_unions_say_of_one_thing_is_counted_the_same_in_every_order() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let mut a = Forger::province(world.machine("node-320922-0"));
    let mut b = Forger::province(world.machine("node-320923-0"));
    let thing = [8; 16];
    let mut feeds = [vec![], vec![]];
    for (n, forger) in [&mut a, &mut b].into_iter().enumerate() {
        for (day, grade) in [[("2025-01-10", "A"), ("2025-05-10", "B")], [("2025-03-10", "C"), ("2025-04-10", "A")]][n]
        {
            let id = forger.id();
            feeds[n].push(forger.say(&[entry(&rated(thing, day, grade), id)]));
        }
        for _ in 0..2 {
            let id = forger.id();
            feeds[n].push(forger.say(&[entry(&worked(1, [6; 16], Some(thing)), id)]));
        }
    }
    let city = level(&world, "hub-320900");
    let province = level(&world, "hub-320000");
    for batch in feeds.iter().flatten() {
        give(&city, batch);
    }
    for batch in feeds.iter().rev().flatten() {
        give(&province, batch);
    }
    assert_eq!((held(&city), held(&province)), (vec![], vec![]));
    for store in [&city, &province] {
        assert_eq!(total(store, "320922", rollup::ENTERPRISE_DAYS), (1, 1));
        assert_eq!(total(store, "320923", rollup::ENTERPRISE_DAYS), (1, 1));
        assert_eq!(total(store, "320900", rollup::ENTERPRISE_DAYS), (0, 1), "one day, seen twice");
        assert_eq!(total(store, "320000", rollup::ENTERPRISE_DAYS), (0, 1));
        // Of each county its last rating holds, whatever the other says and when.
        for (union, expected) in [("320922", [0, 1, 0]), ("320923", [1, 0, 0]), ("320900", [1, 1, 0])] {
            let grades = [rollup::GRADE_A, rollup::GRADE_B, rollup::GRADE_C].map(|m| total(store, union, m).1);
            assert_eq!(grades, expected, "{union}");
        }
    }
    assert_eq!(figures(&city), figures(&province));
    oracle::verifies(world.machine("hub-320900"), &city).unwrap();
    oracle::verifies(world.machine("hub-320000"), &province).unwrap();
}

/// A province states only what its records do not say at the nation by themselves.
#[test]
fn a_statement_moves_no_money() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let nation = world.machine("hub-100000").store(Threads::Inline);
    let mut forger = Forger::new(world.machine("hub-320000"), Scope::Own(Reach::Nation));
    let stated = |measure: u32, value: i64, revision: i64| {
        let mut record = Record::new(kind("statement").unwrap());
        record.set("union", Value::Int(320_922));
        record.set("month", Value::Int(2025 * 12));
        record.set("revision", Value::Int(revision));
        let line = vec![Some(Value::Int(i64::from(measure))), Some(Value::Int(value)), None, None];
        record.set("figures", Value::Lines(vec![line]));
        record
    };
    let said: Vec<Operation> = [
        stated(rollup::BALANCE, 1_000_000, 9),
        stated(rollup::GUIDED, 5, 2),
        // Said later, by a clock that is put right: the number decides.
        stated(rollup::GUIDED, 7, 1),
    ]
    .iter()
    .map(|record| entry(record, forger.id()))
    .collect();
    assert!(matches!(take(&nation, forger.say(&said)), Intake::Taken { .. }));
    assert_eq!(held(&nation).len(), 1);
    assert_eq!(total(&nation, "100000", rollup::BALANCE), (0, 0));
    assert_eq!(total(&nation, "320922", rollup::GUIDED), (5, 5));
    oracle::verifies(world.machine("hub-100000"), &nation).unwrap();
}

/// What another union's budget says it replaces stays as it is.
#[test]
fn a_budget_replaces_its_own_unions_only() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let city = level(&world, "hub-320900");
    let nation = Scope::Own(Reach::Nation);
    let mut a = Forger::new(world.machine("node-320922-0"), nation);
    let mut b = Forger::new(world.machine("node-320923-0"), nation);
    let budget = |amount: i64, replaces: Option<RecordId>| {
        let mut budget = record(
            "budget",
            &[("programme", &hex(&[5; 16])), ("year", "2025"), ("approved_on", "2025-03-01"), ("doc_no", "1号")],
        );
        let line = vec![Some(Value::Int(1)), None, Some(Value::Int(amount))];
        budget.set("lines", Value::Lines(vec![line]));
        if let Some(before) = replaces {
            budget.set("replaces", Value::Bytes(before.to_vec()));
            budget.set("reason", Value::Text("调整".into()));
        }
        budget
    };
    let ids: Vec<RecordId> = (0..2).map(|_| a.id()).collect();
    let foreign = b.id();
    give(&city, &b.say(&[entry(&budget(1, Some(ids[0])), foreign)]));
    give(&city, &a.say(&[entry(&budget(500, None), ids[0])]));
    assert_eq!(total(&city, "320922", rollup::BUDGETED).1, 500);
    give(&city, &a.say(&[entry(&budget(700, Some(ids[0])), ids[1])]));
    assert_eq!(total(&city, "320922", rollup::BUDGETED).1, 700);
    assert_eq!(total(&city, "320900", rollup::BUDGETED).1, 701);
    oracle::verifies(world.machine("hub-320900"), &city).unwrap();
}

/// Work that one device asks for grows with what it sends, and is counted.
#[test]
fn a_hubs_work_is_bounded_and_counted() {
    const RATINGS: usize = 4_000;
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let city = level(&world, "hub-320900");
    let mut forger = Forger::province(world.machine("node-320922-0"));
    let rating = rated([8; 16], "2025-01-10", "A");
    let spent = |batch: Incoming| {
        city.write_blocking(move |ledger| {
            ledger.spent();
            let intake = ledger.take_in(&batch)?;
            assert!(matches!(intake, Intake::Taken { .. }), "{intake:?}");
            Ok(ledger.spent())
        })
        .unwrap()
    };
    let mut costs = vec![];
    for _ in 0..3 {
        let run: Vec<Operation> = (0..RATINGS)
            .map(|_| {
                let id = forger.id();
                entry(&rating, id)
            })
            .collect();
        costs.push(spent(forger.say(&run)));
    }
    assert_eq!(costs[0].operations, RATINGS as u64);
    assert!(costs[2].rows < costs[0].rows * 11 / 10, "{costs:?}");
    assert_eq!(total(&city, "320922", rollup::GRADE_A).1, 1);
    // A dossier made large through fields that nobody knows is held; one that is merely large stays within its bound.
    let id = forger.id();
    let [made, _] = dossier(&forger, id, "厂");
    let author = Actor::new(&forger.feed.id, &id);
    let mut edit = Edit::decode(&made.payload, author).unwrap();
    for field in 0..40 {
        edit.puts.push(Put { field: 5_000 + field, value: Scalar::Text("x".into()), over: vec![] });
    }
    let swollen = Operation::new(made.kind, id, Some(1), edit.encode(author), Some([3; 16]));
    spent(forger.say(&[swollen]));
    assert_eq!(held(&city).last().unwrap().2, "newer");
    // Edits of one dossier: it is read and saved once a run, not once an edit.
    let id = forger.id();
    let author = Actor::new(&forger.feed.id, &id);
    let [made, _] = dossier(&forger, id, "厂");
    let mut document = huiliu_node::document::Document::default();
    let begun = Edit::decode(&made.payload, author).unwrap();
    document.receive(author, &begun).unwrap();
    let mut run = vec![made];
    for n in 0..1_000u32 {
        let edit = document.compose(author, vec![(1, Scalar::Text(format!("厂{n}")))], [4; 16]).unwrap();
        document.receive(author, &edit).unwrap();
        run.push(Operation::new(2, id, Some(1), edit.encode(author), Some([3; 16])));
    }
    let kind = run[0].kind;
    let run: Vec<Operation> =
        run.into_iter().map(|o| Operation::new(kind, id, Some(1), o.payload.to_vec(), Some([3; 16]))).collect();
    let cost = spent(forger.say(&run));
    assert!(cost.document_bytes < 4 * document.save().unwrap().len() as u64, "{cost:?}");
    // Edits that wait for one that comes last, in another feed.
    let mut late = Forger::again(&forger, forger.feed.union, 500);
    let id = forger.id();
    let [made, _] = dossier(&late, id, "所");
    let first = Edit::decode(&made.payload, Actor::new(&late.feed.id, &id)).unwrap();
    let mut document = huiliu_node::document::Document::default();
    document.receive(Actor::new(&late.feed.id, &id), &first).unwrap();
    let waiting = document.compose(author_of(&forger, id), vec![(1, Scalar::Text("x".into()))], [4; 16]).unwrap();
    let waiting = Operation::new(kind, id, Some(1), waiting.encode(author_of(&forger, id)), Some([3; 16]));
    let before = held(&city).len();
    spent(forger.say(&vec![waiting; 2_000]));
    assert_eq!(held(&city).len(), before + 2_000);
    let cost = spent(late.say(&[made]));
    assert!(cost.document_bytes < 100_000 && cost.operations < 2_010, "{cost:?}");
    assert_eq!(held(&city).len(), before, "the same change said again and again is one change");
    oracle::verifies(world.machine("hub-320900"), &city).unwrap();
    let _ = people::programme;
}

fn author_of(forger: &Forger, id: RecordId) -> Actor {
    Actor::new(&forger.feed.id, &id)
}

/// A clock that once stood years ahead and was put right: what is written later still comes later.
#[test]
fn a_clock_that_was_put_right_does_not_turn_words_around() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = hand_clock();
    let mut world = World::new(dir.path(), 9, clock);
    world.add("100000", Role::Root).unwrap();
    world.add("320000", Role::Hub).unwrap();
    let year = 365 * 24 * 3_600_000;
    let write = |n| world.machine("hub-320000").store(Threads::Inline).write_blocking(move |l| people::mediator(l, n));
    hand.fetch_add(20 * year, std::sync::atomic::Ordering::Relaxed);
    let ahead = write(1).unwrap();
    hand.fetch_add(-20 * year, std::sync::atomic::Ordering::Relaxed);
    let later = write(2).unwrap();
    assert!(later > ahead, "the store was opened anew, and still knows");
    let machine = world.machine("hub-320000");
    repair::rebuild(&machine.home, &machine.me(), &mut ()).unwrap();
    let later_still = write(3).unwrap();
    assert!(later_still > later, "a file made anew still knows");
    let store = world.machine("hub-320000").store(Threads::Inline);
    let said = store.read(|conn| {
        let claim = huiliu_node::store::records::of_id(conn, &later)?[0];
        huiliu_node::store::feeds::operation(conn, claim.place.feed, claim.place.seq)
    });
    let time = said.unwrap().unwrap().time;
    assert!(time < ahead.time(), "the time of writing is said beside the id");
}
