//! A province's statements: none fails to appear because a union has many feeds, and what stands in quarantine costs little.

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use huiliu_node::{
    admission::Reason,
    app::{
        Mode,
        account::{self, New},
    },
    clock::Clock,
    identity::Role,
    ledger::statement::Pace,
    rollup,
    store::{feeds, inbox, projection, quarantine, rollups},
    writer::{Store, Threads},
};
use huiliu_proto::{
    feed::Scope,
    handle::Declared as _,
    id::hex,
    kind::{Reach, kind},
    operation::Operation,
    operator::Operator,
    period::Day,
    record::Record,
    union::UnionNumber,
    v1::{OperatorRole, Ruling, Statement},
    value::Value,
};
use huiliu_tests::{
    forger::Forger,
    oracle,
    people::record,
    relay::{batches, give},
    talk::{session, talk},
    world::{START, World, hand_clock},
};

/// Three sessions guided in March 2025.
fn work() -> Record {
    let mut entry = record(
        "work_entry",
        &[
            ("mediator", &hex(&[6; 16])),
            ("duty", "参加协商"),
            ("subtype", "现场指导协商"),
            ("done_on", "2025-03-04"),
            ("place", "测试企业"),
            ("summary", "指导集体协商"),
            ("mandate", "企业工会委托"),
        ],
    );
    entry.set("guided", Value::Int(3));
    entry
}

fn world(dir: &std::path::Path) -> World {
    timed(dir, hand_clock().0)
}

fn timed(dir: &std::path::Path, clock: Clock) -> World {
    let mut world = World::new(dir, 12, clock);
    for (union, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)]
    {
        world.add(union, role).unwrap();
    }
    world
}

/// A month that cannot be stated stays due: it was taken for stated, and the nation's figure was wrong in silence. A stolen
/// machine of the province had said the last revision there is.
#[test]
fn a_month_that_cannot_be_stated_stays_due() {
    const LAST: i64 = (1 << 53) - 1;
    const STUCK: i32 = 20;
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let province = world.machine("hub-320000").store(Threads::Inline);
    let city = batches(&world.machine("hub-320900").store(Threads::Inline));
    city.iter().flatten().for_each(|batch| give(&province, batch));
    let county: UnionNumber = "320922".parse().unwrap();
    let month = |n: i32| format!("{}-{:02}", 2023 + n / 12, 1 + n % 12);
    for n in 0..STUCK {
        let mut stolen = record("statement", &[("union", "320922"), ("month", &month(n))]);
        stolen.set("revision", Value::Int(LAST));
        province.write_blocking(move |ledger| ledger.write_entry(&stolen).map(drop)).unwrap();
    }
    let mut forger = Forger::province(world.machine("node-320922-0"));
    let mut work_in = |n: i32| {
        let (id, mut entry) = (forger.id(), work());
        entry.set("done_on", Value::Int(i64::from(format!("{}-04", month(n)).parse::<Day>().unwrap().0)));
        give(&province, &forger.say(&[Operation::new(entry.kind.number, id, None, entry.encode(), None)]));
    };
    (0..=STUCK).for_each(&mut work_in);
    let due = || {
        let all = province.read(rollups::due).unwrap();
        all.into_iter().filter(|(union, _)| *union == county).count()
    };
    let prepare = || province.write_blocking(|ledger| ledger.prepare_outgoing()).unwrap();
    let tried = || province.write_blocking(|ledger| ledger.write_statements(Pace::AtOnce)).unwrap();
    assert_eq!(due(), STUCK as usize + 1);
    assert!(prepare(), "one job tries a part of them");
    while prepare() {}
    assert_eq!(
        due(),
        STUCK as usize,
        "of the last month a statement is written, and of the others nothing can be said"
    );
    assert_eq!(tried(), 0, "they hold up no further exchange");
    work_in(2);
    assert_eq!((tried(), due()), (1, STUCK as usize), "what has moved is tried again");
}

#[test]
fn a_union_with_many_feeds_is_stated_all_the_same() {
    // Of either scope: together more than a statement names.
    const FEEDS: u32 = 60;
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let province = world.machine("hub-320000").store(Threads::Inline);
    let nation = world.machine("hub-100000").store(Threads::Inline);
    let city = batches(&world.machine("hub-320900").store(Threads::Inline));
    city.iter().flatten().for_each(|batch| give(&province, batch));
    let first = Forger::province(world.machine("node-320922-0"));
    let entry = work();
    for n in 0..FEEDS {
        let mut forger = Forger::again(&first, first.feed.union, 100 + n);
        let id = forger.id();
        give(&province, &forger.say(&[Operation::new(entry.kind.number, id, None, entry.encode(), None)]));
    }
    let mut paid = record(
        "expenditure",
        &[
            ("programme", &hex(&[7; 16])),
            ("year", "2025"),
            ("category", "薪酬或补贴"),
            ("subject", "50504"),
            ("amount", "3000.00"),
            ("paid_on", "2025-03-15"),
            ("service_month", "2025-03"),
            ("payee_mediator", &hex(&[6; 16])),
            ("method", "转账"),
        ],
    );
    let within = Forger::of(world.machine("node-320922-0"), first.feed.union, Scope::Own(Reach::Nation));
    for n in 0..FEEDS {
        let mut forger = Forger::again(&within, first.feed.union, 1000 + n);
        paid.set("voucher_no", Value::Text(format!("记-{n:06}")));
        let id = forger.id();
        give(&province, &forger.say(&[Operation::new(paid.kind.number, id, None, paid.encode(), None)]));
    }
    for batch in batches(&province).iter().flatten() {
        give(&nation, batch);
    }
    let county: UnionNumber = "320922".parse().unwrap();
    let sums = nation.read(|conn| rollups::sums(conn, county, i32::MIN, i32::MAX)).unwrap();
    assert_eq!(sums[&rollup::GUIDED].1, 3 * i128::from(FEEDS));
    let count = |sql: &'static str| {
        let counted = province.read(move |conn| Ok(conn.raw().query_row(sql, [], |row| row.get::<_, i64>(0))?));
        counted.unwrap()
    };
    let (statements, lines) = (count("SELECT count(*) FROM statement"), count("SELECT count(*) FROM statement_basis"));
    assert!(statements >= 1 && lines <= 64 * statements, "{statements} statements rest on {lines} lines");
    assert_eq!(count("SELECT max(feeds) FROM statement"), i64::from(2 * FEEDS));
}

/// An auditor who logs in at the province and runs `sync` writes nothing: what goes out with it the machine says by itself.
#[test]
fn what_a_machine_states_nobody_says() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let province = world.machine("hub-320000").store(Threads::Inline);
    let city = batches(&world.machine("hub-320900").store(Threads::Inline));
    city.iter().flatten().for_each(|batch| give(&province, batch));
    let mut forger = Forger::province(world.machine("node-320922-0"));
    let (id, entry) = (forger.id(), work());
    give(&province, &forger.say(&[Operation::new(entry.kind.number, id, None, entry.encode(), None)]));
    let union: UnionNumber = "320000".parse().unwrap();
    let by = |account| province.acting(Some(Operator { account, verified: true }));
    let account = |store: &Store, name: &str, role: OperatorRole| {
        let new = New { name: name.to_owned(), roles: 1 << role as i32, mediator: None };
        account::add(store, union, new, Mode::Write).unwrap().account.id
    };
    let admin = account(&province, "王芳", OperatorRole::Administrator);
    let auditor = account(&by(admin), "周审", OperatorRole::Auditor);
    while by(auditor).write_blocking(|ledger| ledger.prepare_outgoing()).unwrap() {}
    let said = province.read(|conn| {
        let stated = projection::list(conn, Statement::kind(), Some(union), None, 10)?;
        stated
            .iter()
            .map(|stated| feeds::operation(conn, stated.place.feed, stated.place.seq))
            .collect::<Result<Vec<_>, _>>()
    });
    let said = said.unwrap();
    assert!(!said.is_empty());
    assert!(said.iter().flatten().all(|operation| operation.operator.is_none()), "{said:?}");
}

#[test]
fn what_is_held_takes_little_and_is_counted_without_being_read() {
    const HELD: u64 = 4_000;
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let city = world.machine("hub-320900").store(Threads::Inline);
    let mut forger = Forger::province(world.machine("node-320922-0"));
    let number = kind("work_entry").unwrap().number;
    let run: Vec<Operation> = (0..HELD).map(|_| Operation::new(number, forger.id(), None, vec![], None)).collect();
    let pages = |store: &Store| {
        let used = store.read(|conn| {
            let pages: i64 =
                conn.raw()
                    .query_row("SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'quarantine%'", [], |r| r.get(0))?;
            Ok(pages)
        });
        used.unwrap()
    };
    give(&city, &forger.say(&run));
    let bytes = pages(&city) / HELD as i64;
    assert!((20..160).contains(&bytes), "{bytes} bytes for each");
    assert_eq!(city.read(quarantine::open_by_reason).unwrap().get("rule"), Some(&HELD));
    let mut after = None;
    let mut seen = 0;
    loop {
        let page = city.read(|conn| quarantine::page(conn, after, 700)).unwrap();
        assert!(page.iter().all(|held| Some((held.feed, held.seq)) > after));
        seen += page.len() as u64;
        match page.last() {
            Some(last) => after = Some((last.feed, last.seq)),
            None => break,
        }
    }
    assert_eq!(seen, HELD);
    // What was rejected is no matter any more, however much it is; the last ruling on each holds.
    let open = || {
        city.read(|conn| {
            let row = feeds::by_id(conn, &forger.feed.id)?.expect("the feed is here");
            assert!(inbox::held_open(conn, row.no, &row.feed, 7)?.len() <= 7);
            let open = inbox::held_open(conn, row.no, &row.feed, 10_000)?;
            assert!(open.iter().all(|(_, reason)| *reason == Reason::Rule));
            Ok((open.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), quarantine::open_by_reason(conn)?))
        })
        .unwrap()
    };
    let everything: Vec<u64> = (0..HELD).collect();
    assert_eq!(open().0, everything);
    for (revision, (range, ruling)) in
        (1..).zip([(0..HELD, Ruling::Rejected), (50..90, Ruling::Released), (60..70, Ruling::Rejected)])
    {
        let mut said = record("quarantine_ruling", &[("union", "320922"), ("reason", "不实")]);
        said.set("in_feed", Value::Bytes(forger.feed.id.to_vec()));
        let number = |n: u64| Value::Int(n.try_into().unwrap());
        said.set("first", number(range.start));
        said.set("count", number(range.end - range.start));
        said.set("ruling", Value::Int(i32::from(ruling).into()));
        said.set("revision", Value::Int(revision));
        city.write_blocking(move |ledger| ledger.write_entry(&said)).unwrap();
    }
    let (seqs, by_reason) = open();
    assert_eq!(seqs, (50..60).chain(70..90).collect::<Vec<u64>>());
    assert_eq!(by_reason, BTreeMap::from([("rule".to_owned(), 30)]));
}

#[test]
fn a_month_of_which_nothing_counts_any_more_is_stated_anew() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let [province, city] = ["hub-320000", "hub-320900"].map(|name| world.machine(name).store(Threads::Inline));
    batches(&city).iter().flatten().for_each(|batch| give(&province, batch));
    let mut forger = Forger::province(world.machine("node-320922-0"));
    let id = forger.id();
    let entry = work();
    give(&province, &forger.say(&[Operation::new(entry.kind.number, id, None, entry.encode(), None)]));
    let state = || province.write_blocking(|l| l.write_statements(Pace::AtOnce)).unwrap();
    assert_eq!(state(), 1);
    let mut revocation = record("revocation", &[("union", "320922"), ("revoked_on", "2025-03-05"), ("reason", "遗失")]);
    revocation.set("device", Value::Bytes(forger.feed.device.to_vec()));
    city.write_blocking(move |l| l.write_entry(&revocation)).unwrap();
    batches(&city).iter().flatten().for_each(|batch| give(&province, batch));
    assert_eq!(state(), 1, "the nation would go on counting what counts no more");
    assert_eq!(state(), 0);
}

/// A hundred entries that came one by one over a line that stays open left a hundred statements.
#[test]
fn a_line_that_stays_states_a_month_once_an_hour() {
    const ENTRIES: i128 = 100;
    const HOUR: i64 = 3_600_000;
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = hand_clock();
    let world = timed(dir.path(), clock);
    let (below, above) = (world.machine("hub-320000"), world.machine("hub-100000"));
    let (province, nation) = (below.store(Threads::Inline), above.store(Threads::Inline));
    let city = batches(&world.machine("hub-320900").store(Threads::Inline));
    city.iter().flatten().for_each(|batch| give(&province, batch));
    let mut forger = Forger::province(world.machine("node-320922-0"));
    let mut guide = || {
        let (entry, id) = (work(), forger.id());
        give(&province, &forger.say(&[Operation::new(entry.kind.number, id, None, entry.encode(), None)]));
    };
    let county: UnionNumber = "320922".parse().unwrap();
    let guided = || {
        let sums = nation.read(|conn| rollups::sums(conn, county, i32::MIN, i32::MAX)).unwrap();
        sums.get(&rollup::GUIDED).map_or(0, |(_, total)| *total)
    };
    let stated = || {
        let count = "SELECT count(*) FROM statement";
        province.read(|conn| Ok(conn.raw().query_row(count, [], |row| row.get::<_, i64>(0))?)).unwrap()
    };
    let as_of = || {
        let at = |now| nation.read(|conn| rollups::as_of(conn, county, i32::MIN, i32::MAX, now)).unwrap().unwrap();
        // No id is ahead of its clock yet, so the operations say the same.
        assert_eq!(at(i64::MAX), at(i64::MIN));
        at(i64::MAX)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut line = Box::pin(session((below, &province), (above, &nation), true));
        let mut pass = async |seconds| {
            let ended = tokio::time::timeout(Duration::from_secs(seconds), &mut line).await;
            assert!(ended.is_err(), "the line ended: {ended:?}");
        };
        pass(5).await;
        for _ in 0..ENTRIES {
            hand.fetch_add(1000, Ordering::Relaxed);
            guide();
            pass(1).await;
        }
        assert_eq!((stated(), guided()), (1, 3), "the first at once, the others after an hour");
        let first = as_of();
        assert_eq!((first.unions, first.newest - START), (1, 1000));
        // What waits is no defect.
        oracle::verifies(below, &province).unwrap();
        oracle::rebuilds_the_same(below, &province).unwrap();
        hand.fetch_add(HOUR, Ordering::Relaxed);
        pass(200).await;
        assert_eq!((stated(), guided()), (2, 3 * ENTRIES));
        assert!(as_of().oldest > first.newest + HOUR - 1000);
        // A clock that is put back holds nothing up.
        hand.fetch_sub(24 * HOUR, Ordering::Relaxed);
        guide();
        pass(5).await;
        assert_eq!((stated(), guided()), (3, 3 * ENTRIES + 3));
        guide();
        pass(600).await;
        assert_eq!((stated(), guided()), (3, 3 * ENTRIES + 3));
    });
    // A call that ends leaves nothing to be written.
    talk((below, &province), (above, &nation)).unwrap();
    assert_eq!((stated(), guided()), (4, 3 * ENTRIES + 6));
}
