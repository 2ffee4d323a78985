//! Unions that are registered below others: each number is given once, by the machine whose block it lies in, wherever and in
//! whichever order that is heard.

use huiliu_hub::app::block::{self, BlockError};
use huiliu_node::{
    app::{
        Mode, find,
        unions::{self, NoNumber, RegisterError, Registered, Unclear, Whom},
        void,
        write::Put,
    },
    document::Document,
    ledger::{Incoming, Ledger, WriteOutcome},
    store::{
        caches, quarantine,
        records::{directory, numbers},
        trust,
    },
    writer::{Store, Threads},
};
use huiliu_proto::{
    edit::{Actor, Scalar},
    feed::Scope,
    id::{DeviceId, RecordId},
    kind::{Kind, Reach, kind},
    operation::Operation,
    period::Day,
    serials::Block,
    signed::SigningKey,
    union::UnionNumber,
    value::Value,
};
use huiliu_tests::{
    forger::{Forger, attested},
    oracle,
    people::{self, Random},
    relay::{batches, give},
    talk::talk,
    world::{Machine, World, hand_clock},
};

fn world(dir: &std::path::Path) -> World {
    let (clock, _) = hand_clock();
    let world = World::with_two_machines(dir, 21, clock);
    // The city knows who let it in: without that, nobody below believes it.
    for (lower, upper) in [("hub-320000", "hub-100000"), ("hub-320900", "hub-320000")] {
        let (lower, upper) = (world.machine(lower), world.machine(upper));
        talk((lower, &lower.store(Threads::Inline)), (upper, &upper.store(Threads::Inline))).unwrap();
    }
    world
}

fn number(text: &str) -> UnionNumber {
    text.parse().unwrap()
}

fn union() -> &'static Kind {
    kind("union").unwrap()
}

fn field(name: &str) -> u32 {
    union().fields[union().field(name).unwrap()].number
}

fn said(name: &str, short: &str) -> Vec<Put> {
    let at = |field| union().field(field).unwrap();
    vec![
        (at("name"), Some(Value::Text(name.into()))),
        (at("form"), Some(Value::Int(1))),
        (at("short_name"), Some(Value::Text(short.into()))),
    ]
}

fn register(store: &Store, me: &str, name: &str) -> Result<(UnionNumber, RecordId), RegisterError> {
    let short = name.trim_start_matches("滨海县").trim_end_matches("总工会");
    let done = unions::register(store, number(me), Whom::New(said(name, short)), Mode::Write)?;
    match done {
        Registered { number, outcome: WriteOutcome::Written { id, .. } } => Ok((number, id)),
        other => panic!("{:?}", other.outcome),
    }
}

type Told = (Vec<(u64, RecordId)>, Vec<(RecordId, String)>);

/// What every level says of which number is whose, and what it holds back.
fn told(store: &Store) -> Told {
    let page = store.read(|conn| unions::page(conn, None, None, 1000, Day(20_000))).unwrap();
    let given = page.rows.into_iter().map(|row| (u64::from(row.number), row.record)).collect();
    let mut held: Vec<_> =
        store.read(quarantine::all).unwrap().into_iter().map(|held| (held.record, held.reason)).collect();
    held.sort();
    (given, held)
}

#[test]
fn two_machines_that_are_off_line_never_give_one_number_twice() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let open = |name: &str| (world.machine(name), world.machine(name).store(Threads::Inline));
    let [nation, province, city] = ["hub-100000", "hub-320000", "hub-320900"].map(open);
    let [first, second] = ["node-320922-0", "node-320922-1"].map(open);
    let meet = |a: &(&Machine, Store), b: &(&Machine, Store)| talk((a.0, &a.1), (b.0, &b.1)).unwrap();

    // Before a machine has heard of its block, it says what to do; and a township gives no numbers at all.
    assert!(matches!(
        register(&first.1, "320922", "滨海县东坎街道总工会"),
        Err(RegisterError::NoNumber(NoNumber::NoBlock))
    ));
    meet(&first, &city);
    meet(&second, &city);
    // Both off line.
    let (a, _) = register(&first.1, "320922", "滨海县东坎街道总工会").unwrap();
    let (b, _) = register(&second.1, "320922", "滨海县八滩镇总工会").unwrap();
    let (c, record) = register(&first.1, "320922", "滨海县五汛镇总工会").unwrap();
    assert_eq!([a, b, c].map(|n| n.to_string()), ["320922-001", "320922-1001", "320922-002"]);
    // Voided, its number stays used.
    first.1.write_blocking(move |ledger| void::void(ledger, record, "登记有误")).unwrap().unwrap();
    let (d, kept) = register(&first.1, "320922", "滨海县五汛镇总工会").unwrap();
    assert_eq!(d, number("320922-003"));
    // A dry run draws none.
    let whom = Whom::New(said("滨海县通榆镇总工会", "通榆镇"));
    let trial = unions::register(&first.1, number("320922"), whom, Mode::DryRun).unwrap();
    assert_eq!(trial.number, number("320922-004"));

    // They meet.
    for _ in 0..2 {
        for county in [&first, &second] {
            meet(county, &city);
        }
        meet(&city, &province);
        meet(&province, &nation);
    }
    let (given, held) = told(&first.1);
    assert_eq!(given.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [1_320_922, 3_320_922, 1_001_320_922]);
    assert!(held.is_empty());
    for place in [&second, &city, &province] {
        assert_eq!(told(&place.1), (given.clone(), held.clone()), "{}", place.0.name);
        oracle::verifies(place.0, &place.1).unwrap();
        oracle::rebuilds_the_same(place.0, &place.1).unwrap();
    }
    // What is personal in the list stays in the province.
    assert!(told(&nation.1).0.is_empty());

    // A number is not typed, nor changed; by all its names a union is found, and who has one in common is asked for.
    let put = |number: &str| {
        vec![(union().field("number").unwrap(), Some(Value::Int(number.parse::<UnionNumber>().unwrap().into())))]
    };
    for wrong in ["320922-005", "320922-1002", "320923-001"] {
        let puts = put(wrong);
        let outcome = first.1.write_blocking(move |ledger| ledger.write_document(union(), Some(kept), puts)).unwrap();
        assert!(matches!(outcome, WriteOutcome::Refused(_)), "{wrong}");
    }
    let find = |typed: &str| city.1.read(|conn| unions::find(Some(conn), typed)).unwrap();
    for typed in ["320922-003", "五汛镇", "滨海县五汛镇总工会", "wxz", "滨海县五汛镇"] {
        assert_eq!(find(typed), Ok(d), "{typed}");
    }
    let (e, _) = register(&city.1, "320900", "滨海县五汛镇工会联合会").unwrap();
    assert_eq!(e, number("320900-001"));
    assert!(matches!(find("滨海县五汛镇"), Ok(n) if n == d), "in full goes before what is only begun");
    assert!(
        matches!(find("鼓楼区"), Err(Unclear::Several(four)) if four.len() == 4 && four[0].place == "江苏省南京市")
    );
    // As it is pasted.
    for pasted in [" 滨海县 五汛镇总工会\n", "滨海县\r\n五汛镇", "滨海县　五汛镇总工会", "３２０９２２－００３"]
    {
        assert_eq!(find(pasted), Ok(d), "{pasted:?}");
    }
    // One that is known by the enrolment of its machine alone is meant as well as those of the list; one that is called
    // otherwise since is not.
    for (machine, union) in [(60, "320900-009"), (61, "320900-001")] {
        let mut record = attested(&SigningKey::from_seed(&[machine; 32]), number(union), false);
        assert!(record.set("name", Value::Text("鼓楼区总工会".into())));
        city.1.write_blocking(move |ledger| ledger.write_entry(&record)).unwrap();
    }
    let Err(Unclear::Several(five)) = find("鼓楼区总工会") else { panic!("it is no one union's name") };
    let last = five.last().unwrap();
    assert_eq!((five.len(), last.union, last.name.as_str()), (5, number("320900-009"), "鼓楼区总工会"));
}

/// A number that is left empty when a union is registered is given all the same.
#[test]
fn an_empty_number_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let open = |name: &str| (world.machine(name), world.machine(name).store(Threads::Inline));
    let (city, county) = (open("hub-320900"), open("node-320922-0"));
    talk((county.0, &county.1), (city.0, &city.1)).unwrap();
    let values = [said("滨海县东坎街道总工会", "东坎"), vec![(union().field("number").unwrap(), None)]].concat();
    let done = unions::register(&county.1, number("320922"), Whom::New(values), Mode::Write).unwrap();
    assert!(matches!(done.outcome, WriteOutcome::Written { .. }), "{:?}", done.outcome);
    assert_eq!(done.number, number("320922-001"));
    assert_eq!(told(&county.1).0.len(), 1);
    let find = |typed: &str| county.1.read(|conn| unions::find(Some(conn), typed)).unwrap();
    assert_eq!(find("滨海县东坎街道总工会"), Ok(done.number));
}

/// A list of before: numbers are given to what is on it, in the machine that keeps it.
#[test]
fn what_is_on_the_list_gets_its_number_once() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let open = |name: &str| (world.machine(name), world.machine(name).store(Threads::Inline));
    let (city, county) = (open("hub-320900"), open("node-320922-0"));
    talk((county.0, &county.1), (city.0, &city.1)).unwrap();
    let mut values = said("滨海港经济区总工会", "港区");
    for (name, n) in [("territory", 320_922), ("status", 1)] {
        values.push((union().field(name).unwrap(), Some(Value::Int(n))));
    }
    let written = county.1.write_blocking(move |ledger| ledger.write_document(union(), None, values)).unwrap();
    let WriteOutcome::Written { id, .. } = written else { panic!("{written:?}") };
    let listed = || {
        let shown = county.1.read(|conn| huiliu_node::store::projection::get(conn, union(), &id)).unwrap();
        Whom::Listed(Box::new(shown.unwrap()))
    };
    let done = unions::register(&county.1, number("320922"), listed(), Mode::Write).unwrap();
    assert_eq!(done.number, number("320922-001"));
    let again = unions::register(&county.1, number("320922"), listed(), Mode::Write);
    assert!(matches!(again, Err(RegisterError::Numbered(n)) if n == number("320922-001")));
    talk((county.0, &county.1), (city.0, &city.1)).unwrap();
    assert_eq!(told(&city.1), told(&county.1));
}

#[test]
fn a_machine_of_before_gets_a_block_and_one_that_used_its_up_a_further_one() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let open = |name: &str| (world.machine(name), world.machine(name).store(Threads::Inline));
    let (city, county) = (open("hub-320900"), open("node-320922-0"));
    // As hubs enrolled before there were blocks.
    let old = SigningKey::from_seed(&[50; 32]);
    let record = attested(&old, number("320922"), false);
    city.1.write_blocking(move |ledger| ledger.write_entry(&record)).unwrap();
    let blocks = |device: DeviceId| city.1.read(|conn| trust::blocks(conn, None, &device, number("320922"))).unwrap();
    assert!(blocks(old.device()).is_empty());
    let give =
        |union: &str, digits: Option<&str>| block::give(&city.0.home, &city.1, number(union), digits, Mode::Write);
    let given = give("320922", None).unwrap();
    assert_eq!(given, [(old.device(), Block::new(2).unwrap())], "the others have theirs");
    assert_eq!(give("320922", None).unwrap(), []);
    assert!(matches!(give("320000", None), Err(BlockError::NotBelow(_))));
    assert!(matches!(give("320900-001", None), Err(BlockError::GivesNone(_))));
    // Too few digits are no machine's, nor is what is no key, or that of a machine of another union.
    let key = old.device().to_string();
    let of_the_city = city.0.me().device().to_string();
    for digits in ["zz", "", &key[..find::SURE - 1], &format!("{key}0"), &of_the_city] {
        assert!(matches!(give("320922", Some(digits)), Err(BlockError::NoDevice(_))), "{digits}");
    }

    talk((county.0, &county.1), (city.0, &city.1)).unwrap();
    // All of a block in one job.
    let drawn = county.1.write_blocking(|ledger| {
        let mut last = None;
        while let Ok(next) = ledger.next_number()? {
            let mut values = said("滨海县某企业工会", "");
            values.truncate(2);
            for (name, n) in [("territory", 320_922), ("status", 1), ("number", i64::from(next))] {
                values.push((union().field(name).unwrap(), Some(Value::Int(n))));
            }
            assert!(matches!(ledger.write_document(union(), None, values)?, WriteOutcome::Written { .. }));
            last = Some(next);
        }
        Ok(last)
    });
    assert_eq!(drawn.unwrap(), Some(number("320922-999")));
    let full = register(&county.1, "320922", "滨海县东坎街道总工会");
    assert!(matches!(full, Err(RegisterError::NoNumber(NoNumber::UsedUp))));
    let device = county.0.me().device();
    give("320922", Some(&device.to_string()[..16])).unwrap();
    assert_eq!(blocks(device), [0, 3].map(|n| Block::new(n).unwrap()));
    talk((county.0, &county.1), (city.0, &city.1)).unwrap();
    assert_eq!(register(&county.1, "320922", "滨海县东坎街道总工会").unwrap().0, number("320922-3001"));
    talk((county.0, &county.1), (city.0, &city.1)).unwrap();
    assert_eq!(told(&city.1), told(&county.1));
    assert!(told(&city.1).1.is_empty());
}

/// Edits of a device that says what it likes of numbers.
struct Liar {
    forger: Forger,
}

impl Liar {
    fn edit(&self, document: &mut Document, id: RecordId, mut values: Vec<(u32, Scalar)>) -> Operation {
        let author = Actor::new(&self.forger.feed.id, &id);
        values.sort_by_key(|(field, _)| *field);
        let edit = document.compose(author, values, [4; 16]).unwrap();
        document.receive(author, &edit).unwrap();
        Operation::new(union().number, id, Some(1), edit.encode(author), Some([3; 16]))
    }

    fn union(&self, id: RecordId, number: i64) -> (Document, Operation) {
        let mut document = Document::default();
        let values = vec![
            (field("name"), Scalar::Text("假工会".into())),
            (field("form"), Scalar::Number(1)),
            (field("territory"), Scalar::Number(320_922)),
            (field("status"), Scalar::Number(1)),
            (field("number"), Scalar::Number(number)),
        ];
        let operation = self.edit(&mut document, id, values);
        (document, operation)
    }
}

/// A device of the county itself gives numbers outside its blocks, one number twice in two feeds, another after the first, and
/// numbers of other unions. All of that is held, with the same reason and the same winner in every order of arrival; what lies
/// in a block that it is given later counts as soon as that is known.
#[test]
fn a_device_that_lies_about_its_numbers_is_held_in_every_order() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let county = world.machine("node-320922-0");
    let mut one = Liar { forger: Forger::new(county, Scope::Own(Reach::Province)) };
    let mut two = Liar { forger: Forger::again(&one.forger, number("320922"), 100) };
    let ids: Vec<RecordId> = (0..8).map(|_| one.forger.id()).collect();
    let in_block = |serial: i64| serial * 1_000_000 + 320_922;

    // One number in both feeds; of the loser's record all later edits wait.
    let (mut mine, first) = one.union(ids[0], in_block(5));
    let changed = one.edit(&mut mine, ids[0], vec![(field("short_name"), Scalar::Text("甲".into()))]);
    // Another number in the place of the first.
    let renumbered = one.edit(&mut mine, ids[0], vec![(field("number"), Scalar::Number(in_block(6)))]);
    let (mut theirs, second) = two.union(ids[1], in_block(5));
    let also = two.edit(&mut theirs, ids[1], vec![(field("short_name"), Scalar::Text("乙".into()))]);
    // Outside, of others, none, and none of a union's.
    let outside = two.union(ids[2], in_block(1005)).1;
    let of_others = two.union(ids[3], 5_320_923).1;
    let no_serial = one.union(ids[4], 320_922).1;
    let between = one.union(ids[5], in_block(1000)).1;
    // In a block that is given later.
    let later = two.union(ids[6], in_block(2005)).1;
    let feeds: Vec<Vec<Incoming>> = vec![
        vec![one.forger.say(&[first]), one.forger.say(&[changed, no_serial]), one.forger.say(&[renumbered, between])],
        vec![two.forger.say(&[outside]), two.forger.say(&[second, of_others]), two.forger.say(&[also, later])],
    ];
    // What the city says: all as it was, and then a further block for that device.
    let city = world.machine("hub-320900").store(Threads::Inline);
    let before = batches(&city).into_iter().flatten().collect::<Vec<_>>();
    let given = block::give(
        &world.machine("hub-320900").home,
        &city,
        number("320922"),
        Some(&county.me().device().to_string()),
        Mode::Write,
    );
    assert_eq!(given.unwrap(), [(county.me().device(), Block::new(2).unwrap())]);
    let after: Vec<Incoming> = batches(&city)
        .into_iter()
        .flatten()
        .filter(|batch| !before.iter().any(|b| (b.feed, b.first, b.count) == (batch.feed, batch.first, batch.count)))
        .collect();
    assert_eq!(after.len(), 1);

    let mut seen: Option<(Vec<_>, Vec<_>)> = None;
    let mut random = Random(7);
    for round in 0..12 {
        let copy = dir.path().join(format!("copy-{round}"));
        let machine = world.machine("hub-320000").with_copy_at(&copy);
        let store = machine.store(Threads::Inline);
        batches(&world.machine("hub-100000").store(Threads::Inline)).iter().flatten().for_each(|b| give(&store, b));
        before.iter().for_each(|batch| give(&store, batch));
        let all = [&feeds[..], std::slice::from_ref(&after)].concat();
        let mut next = vec![0; all.len()];
        while next.iter().zip(&all).any(|(n, feed)| *n < feed.len()) {
            let at = random.below(all.len() as u64) as usize;
            if let Some(batch) = all[at].get(next[at]) {
                give(&store, batch);
                next[at] += 1;
            }
        }
        let now = told(&store);
        // Why, in both languages.
        for held in store.read(quarantine::all).unwrap() {
            let said = store.read(|conn| quarantine::explain(conn, &held)).unwrap().words();
            let words = if held.reason == "number" { "编号" } else { "修改" };
            assert!(said.zh.contains(words) && said.en.len() > 20, "{said:?}");
        }
        let digest = store.read(caches::digest).unwrap();
        store.write_blocking(|ledger| ledger.rebuild(&mut |_| ())).unwrap();
        assert_eq!(digest, store.read(caches::digest).unwrap(), "round {round}: a rebuild differs");
        match &seen {
            Some(seen) => assert_eq!(*seen, now, "round {round}"),
            None => seen = Some(now),
        }
    }
    let (given, held) = seen.unwrap();
    let winner = if one.forger.feed.id < two.forger.feed.id { ids[0] } else { ids[1] };
    assert_eq!(given, [(in_block(5).unsigned_abs(), winner), (in_block(2005).unsigned_abs(), ids[6])]);
    let reason =
        |id: RecordId| held.iter().filter(|(held, _)| *held == id).map(|(_, word)| word.as_str()).collect::<Vec<_>>();
    for id in [ids[2], ids[3], ids[4], ids[5]] {
        assert_eq!(reason(id), ["number"], "{id}");
    }
    assert!(reason(ids[6]).is_empty());
    // Of the loser the first edit, and what follows it.
    let loser = if winner == ids[0] { ids[1] } else { ids[0] };
    assert!(reason(loser).contains(&"number") && reason(loser).contains(&"early"), "{:?}", reason(loser));
    assert_eq!(reason(winner), if winner == ids[0] { vec!["number"] } else { vec![] });
}

/// Whoever had a number gives way where the record that comes first is made good later, and gets it where that one goes.
#[test]
fn a_number_goes_to_who_comes_next_where_its_record_does_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let open = |name: &str| (world.machine(name), world.machine(name).store(Threads::Inline));
    let (city, county) = (open("hub-320900"), open("node-320922-0"));
    let mut one = Liar { forger: Forger::new(county.0, Scope::Own(Reach::Province)) };
    let mut two = Liar { forger: Forger::again(&one.forger, number("320922"), 100) };
    if two.forger.feed.id < one.forger.feed.id {
        std::mem::swap(&mut one, &mut two);
    }
    let (first, second) = (one.forger.id(), two.forger.id());
    let operation = two.union(second, 5_320_922).1;
    give(&city.1, &two.forger.say(&[operation]));
    let holder = || {
        let held = city.1.read(|conn| numbers::holder(conn, number("320922"), number("320922-005"))).unwrap();
        held.map(|(record, _)| record)
    };
    assert_eq!(holder(), Some(second));
    let operation = one.union(first, 5_320_922).1;
    give(&city.1, &one.forger.say(&[operation]));
    assert_eq!(holder(), Some(first), "it stands first where all is computed again");
    // The city revokes the device as of before that feed: the next in order has the number. The other feed is named whole.
    let (device, keep) = (one.forger.device(), two.forger.feed.id);
    let device = device.to_string();
    let fields = [("union", "320922"), ("device", &device[..]), ("revoked_on", "2026-01-02"), ("reason", "失窃")];
    let mut record = people::record("revocation", &fields);
    record.set("last", Value::Lines(vec![vec![Some(Value::Bytes(keep.as_bytes().to_vec())), Some(Value::Int(1))]]));
    let written = city.1.write_blocking(move |ledger: &mut Ledger| ledger.write_entry(&record)).unwrap();
    assert!(matches!(written, WriteOutcome::Written { .. }), "{written:?}");
    assert_eq!(holder(), Some(second));
    let called = city.1.read(|conn| directory::names(conn, number("320922-005"))).unwrap();
    assert_eq!(called.unwrap().name, "假工会");
    oracle::rebuilds_the_same(city.0, &city.1).unwrap();
}
