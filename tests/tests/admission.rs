//! What may not count is kept, shown with a reason, and stays out of every total; what does not verify never enters.

use huiliu_node::{
    identity::Role,
    ledger::Intake,
    rollup,
    store::{feeds, quarantine, rollups},
    writer::{Store, Threads},
};
use huiliu_proto::{
    edit::{Actor, Edit, Put, Scalar},
    feed::Scope,
    id::{Hash, RecordId},
    kind::{Reach, kind},
    operation::Operation,
    record::Record,
    value::Value,
};
use huiliu_tests::{
    forger::Forger,
    relay::take,
    world::{World, hand_clock},
};

fn world(dir: &std::path::Path) -> World {
    let (clock, _) = hand_clock();
    let mut world = World::new(dir, 6, clock);
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

fn work_entry(mediator: RecordId, guided: i64) -> Record {
    let mut record = Record::new(kind("work_entry").unwrap());
    let number = |name: &str| {
        let at = record.kind.field(name).unwrap();
        move |text: &str| kind("work_entry").unwrap().fields[at].parse(text).unwrap()
    };
    let (duty, subtype, day) = (number("duty"), number("subtype"), number("done_on"));
    record.set("mediator", Value::Bytes(mediator.to_vec()));
    record.set("duty", duty("参加协商"));
    record.set("subtype", subtype("现场指导协商"));
    record.set("done_on", day("2025-05-06"));
    record.set("place", Value::Text("测试".into()));
    record.set("mandate", Value::Text("企业工会委托".into()));
    record.set("summary", Value::Text("测试".into()));
    record.set("guided", Value::Int(guided));
    record
}

fn guided(store: &Store, union: &str) -> i128 {
    let union = union.parse().unwrap();
    let sums = store.read(|conn| rollups::sums(conn, union, i32::MIN, i32::MAX)).unwrap();
    sums.get(&rollup::GUIDED).map_or(0, |(_, total)| *total)
}

fn reasons(store: &Store) -> Vec<String> {
    store.read(quarantine::all).unwrap().into_iter().map(|held| held.reason).collect()
}

#[test]
fn a_record_that_breaks_a_rule_is_held_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let city = world.machine("hub-320900").store(Threads::Inline);
    let mut forger = Forger::province(world.machine("node-320922-0"));
    let mediator = forger.id();
    let good = work_entry(mediator, 2);
    let mut without_day = work_entry(mediator, 5);
    without_day.put(good.kind.field("done_on").unwrap(), None);
    let negative = work_entry(mediator, -3);
    let number = good.kind.number;
    let batch = [
        Operation::new(number, forger.id(), None, good.encode(), None),
        Operation::new(number, forger.id(), None, without_day.encode(), None),
        Operation::new(number, forger.id(), None, negative.encode(), None),
        Operation::new(number, RecordId([0x81; 16]), None, good.encode(), None),
        Operation::new(9999, forger.id(), None, vec![1, 2, 3], None),
        Operation::new(number, forger.id(), None, good.encode(), None),
    ];
    assert!(matches!(take(&city, forger.say(&batch)), Intake::Taken { size: 6, .. }));
    assert_eq!(reasons(&city), ["rule", "rule", "id", "newer"]);
    assert_eq!(guided(&city, "320922"), 4, "the two good ones count");
    assert_eq!(guided(&city, "320900"), 4);
    let held = city.read(quarantine::all).unwrap();
    let said = city.read(|conn| quarantine::explain(conn, &held[0])).unwrap();
    let rules: Vec<_> = said.rules().into_iter().map(|(field, breach)| (field, breach.rule.code())).collect();
    assert_eq!(rules, [(Some("done_on"), "empty")]);
    let said = said.words();
    assert!(said.zh.contains("日期"), "{}", said.zh);
}

#[test]
fn who_may_not_write_what() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let city = world.machine("hub-320900").store(Threads::Inline);
    let county = world.machine("node-320922-0");
    let mut forger = Forger::province(county);
    // A county writes a review, which is for the union above to write.
    let review = kind("filing_review").unwrap().number;
    let wrong = Operation::new(review, forger.id(), None, vec![], None);
    assert!(matches!(take(&city, forger.say(&[wrong])), Intake::Taken { .. }));
    // A fund entry in the feed that does not reach the nation.
    let spent = kind("expenditure").unwrap().number;
    let wrong = Operation::new(spent, forger.id(), None, vec![], None);
    assert!(matches!(take(&city, forger.say(&[wrong])), Intake::Taken { .. }));
    assert_eq!(reasons(&city), ["not-allowed", "not-allowed"]);
    // A county states its own figures for the nation, which only the province may.
    let statement = kind("statement").unwrap();
    let mut record = Record::new(statement);
    record.set("union", Value::Int(320_922));
    record.set("month", Value::Int(2025 * 12));
    record.set("figures", Value::Lines(vec![vec![Some(Value::Int(1)), Some(Value::Int(999))]]));
    let mut forger = Forger::new(county, Scope::Own(Reach::Nation));
    let stated = Operation::new(statement.number, forger.id(), None, record.encode(), None);
    assert!(matches!(take(&city, forger.say(&[stated])), Intake::Taken { .. }));
    assert_eq!(reasons(&city), ["not-allowed", "not-allowed", "not-allowed"]);
    // A county in another county's name: its device is not enrolled there, so the feed waits whole and counts nowhere.
    let other = "320923".parse().unwrap();
    let mut forger = Forger::of(county, other, Scope::Own(Reach::Province));
    let mediator = forger.id();
    let number = kind("work_entry").unwrap().number;
    let entry = Operation::new(number, forger.id(), None, work_entry(mediator, 7).encode(), None);
    assert!(matches!(take(&city, forger.say(&[entry])), Intake::Taken { .. }));
    assert_eq!(guided(&city, "320923"), 0);
    let waiting = city.read(|conn| feeds::by_id(conn, &forger.feed.id)).unwrap().unwrap();
    assert_eq!((waiting.size(), waiting.applied), (1, 0));
}

#[test]
fn an_edit_of_another_unions_dossier_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let city = world.machine("hub-320900").store(Threads::Inline);
    let mut owner = Forger::province(world.machine("node-320922-0"));
    let mut thief = Forger::province(world.machine("node-320923-0"));
    let kind = kind("enterprise").unwrap();
    let id = owner.id();
    let field = |name: &str| kind.fields[kind.field(name).unwrap()].number;
    let mut puts = vec![
        (field("name"), Scalar::Text("测试企业".into())),
        (field("uscc"), Scalar::Text("91350100M000100Y43".into())),
        (field("region"), Scalar::Number(320922)),
        (field("industry"), Scalar::Number(3)),
        (field("ownership"), Scalar::Number(3)),
    ];
    puts.sort_by_key(|p| p.0);
    let edit = Edit {
        deps: vec![],
        seq: 1,
        start_op: 1,
        puts: puts.into_iter().map(|(field, value)| Put { field, value, over: vec![] }).collect(),
        salt: Some([1; 16]),
    };
    let create = |forger: &Forger| edit.encode(Actor::new(&forger.feed.id, &id));
    let made = Operation::new(kind.number, id, None, create(&owner), None);
    assert!(matches!(take(&city, owner.say(&[made])), Intake::Taken { .. }));
    assert_eq!(reasons(&city), Vec::<String>::new());
    let stolen = Operation::new(kind.number, id, None, create(&thief), None);
    assert!(matches!(take(&city, thief.say(&[stolen])), Intake::Taken { .. }));
    assert_eq!(reasons(&city), ["id"], "the id was not made by the thief's device, whichever came first");
    let author = Actor::new(&owner.feed.id, &id);
    let first = huiliu_node::document::change(author, &edit);
    let put = Put {
        field: field("name"),
        value: Scalar::Text("冒名".into()),
        over: vec![huiliu_proto::edit::PutId { counter: 1, actor: author }],
    };
    let change = Edit { deps: vec![first], seq: 1, start_op: 6, puts: vec![put], salt: Some([2; 16]) };
    let change = change.encode(Actor::new(&thief.feed.id, &id));
    let changed = Operation::new(kind.number, id, None, change, None);
    assert!(matches!(take(&city, thief.say(&[changed])), Intake::Taken { .. }));
    assert_eq!(reasons(&city), ["id", "early"], "no change of its own union's record is there to follow");
}

fn first_of(batch: &huiliu_node::ledger::Incoming) -> Operation {
    huiliu_proto::segment::unpack(&batch.segment).unwrap().remove(0)
}

#[test]
fn what_does_not_verify_never_enters() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let city = world.machine("hub-320900").store(Threads::Inline);
    let mut forger = Forger::province(world.machine("node-320922-0"));
    let operation = |forger: &mut Forger| Operation::new(9, forger.id(), None, vec![1], None);
    let first = operation(&mut forger);
    let batch = forger.say(&[first]);
    let word = |batch| match take(&city, batch) {
        Intake::Refused { reason, .. } => reason.word(),
        Intake::Later { .. } => "later",
        Intake::Taken { .. } => "taken",
        Intake::Again => "again",
    };
    let mut bent = batch.clone();
    bent.head.signature = vec![0; 64].into();
    assert_eq!(word(bent), "signature");
    let mut bent = batch.clone();
    bent.head = forger.head(1, Hash([7; 32]));
    assert_eq!(word(bent), "root", "signed, and not the root of what came with it");
    let mut bent = batch.clone();
    bent.first = 1;
    assert_eq!(word(bent), "root");
    let mut bent = batch.clone();
    bent.head = forger.head(2, Hash([7; 32]));
    bent.count = 2;
    assert_eq!(word(bent), "bounds");
    let mut bent = batch.clone();
    bent.head = forger.head(6, Hash([7; 32]));
    bent.first = 5;
    assert_eq!(word(bent), "gap");
    // A hub between takes the contents out and leaves their hash: leaf, root and signature stay as they were.
    let mut emptied = first_of(&batch);
    emptied.destroyed = Some(Hash::of(&[&[emptied.salt.len() as u8], &emptied.salt, &emptied.payload]));
    (emptied.payload, emptied.salt) = Default::default();
    let mut bent = batch.clone();
    bent.segment = huiliu_proto::segment::pack(&[emptied]).unwrap().into();
    assert_eq!(word(bent), "bounds");
    assert_eq!(word(batch.clone()), "taken");
    assert_eq!(word(batch), "taken", "twice is as good as once");
    // Another history under the same name: kept as evidence, never merged.
    let mut other = Forger::province(world.machine("node-320922-0"));
    other.id();
    let different = operation(&mut other);
    assert_eq!(word(other.say(&[different])), "fork");
    assert!(!city.read(|c| huiliu_node::store::evidence::list(c, false)).unwrap().is_empty());
}
