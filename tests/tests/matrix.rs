//! Who writes what in which state of the enrolments: the same verdict at every level that sees it, and judged again at
//! every level when its cause goes away.

use std::collections::BTreeMap;

use huiliu_hub::{join_service, listener::Caller, revocation};
use huiliu_node::{
    identity::{Role, certificates},
    ledger::{Intake, WriteOutcome},
    rollup, ruling,
    store::{feeds, quarantine, rollups, trust},
    writer::{Store, Threads},
};
use huiliu_proto::{
    feed::Scope,
    id::{FeedId, RecordId},
    kind::{Reach, kind},
    operation::Operation,
    record::Record,
    signed::SigningKey,
    union::UnionNumber,
    v1::Ruling,
    value::Value,
};
use huiliu_tests::{
    forger::{Forger, attested, attested_with},
    people,
    relay::take,
    talk::call,
    world::{Machine, World, hand_clock},
};

/// Nation, province, city, two counties; stores open.
struct Tree {
    _dir: tempfile::TempDir,
    world: World,
    open: BTreeMap<&'static str, Store>,
}

const NATION: &str = "hub-100000";
const PROVINCE: &str = "hub-320000";
const CITY: &str = "hub-320900";
const COUNTY: &str = "node-320922-0";
const NEIGHBOUR: &str = "node-320923-0";

impl Tree {
    fn new() -> Tree {
        let dir = tempfile::tempdir().unwrap();
        let (clock, _) = hand_clock();
        let mut world = World::new(dir.path(), 21, clock);
        for (union, role) in [
            ("100000", Role::Root),
            ("320000", Role::Hub),
            ("320900", Role::Hub),
            ("320922", Role::Node),
            ("320923", Role::Node),
        ] {
            world.add(union, role).unwrap();
        }
        let open = [NATION, PROVINCE, CITY, COUNTY, NEIGHBOUR];
        let open = open.into_iter().map(|name| (name, world.machine(name).store(Threads::Inline))).collect();
        let tree = Tree { _dir: dir, world, open };
        tree.settle();
        tree
    }

    fn machine(&self, name: &str) -> &Machine {
        self.world.machine(name)
    }

    fn settle(&self) {
        let links = [(COUNTY, CITY), (NEIGHBOUR, CITY), (CITY, PROVINCE), (PROVINCE, NATION)];
        for (lower, upper) in links.iter().chain(links.iter().rev()).chain(&links).chain(links.iter().rev()) {
            call((self.machine(lower), &self.open[lower]), (self.machine(upper), &self.open[upper])).unwrap();
        }
    }

    /// What became of an operation, at every level that holds its feed.
    fn verdicts(&self, feed: &FeedId, seq: u64) -> BTreeMap<&'static str, String> {
        let verdict = |store: &Store| {
            store.read(|conn| {
                let Some(row) = feeds::by_id(conn, feed)?.filter(|row| row.size() > seq) else { return Ok(None) };
                if row.applied <= seq {
                    return Ok(Some("not-enrolled".to_owned()));
                }
                let held = quarantine::of_feed(conn, row.no)?.into_iter().find(|held| held.seq == seq);
                Ok(Some(held.map_or("counts".to_owned(), |held| held.reason)))
            })
        };
        self.open.iter().filter_map(|(name, store)| Some((*name, verdict(store).unwrap()?))).collect()
    }

    /// The verdict all these levels must have come to, and no other level may have the feed.
    fn agree(&self, forger: &Forger, seq: u64, levels: &[&'static str], expected: &str, why: &str) {
        let expected = levels.iter().map(|name| (*name, expected.to_owned())).collect::<BTreeMap<_, _>>();
        assert_eq!(self.verdicts(&forger.feed.id, seq), expected, "{why}");
    }

    fn give(&self, name: &str, forger: &mut Forger, operations: &[Operation]) {
        let intake = take(&self.open[name], forger.say(operations));
        assert!(matches!(intake, Intake::Taken { .. }), "{intake:?}");
        self.settle();
    }

    fn write(&self, name: &str, record: Record) {
        let written = self.open[name].write_blocking(move |ledger| ledger.write_entry(&record)).unwrap();
        assert!(matches!(written, WriteOutcome::Written { .. }), "{written:?}");
        self.settle();
    }

    fn guided(&self, name: &str, union: &str) -> i128 {
        let union = union.parse().unwrap();
        let sums = self.open[name].read(|conn| rollups::sums(conn, union, i32::MIN, i32::MAX)).unwrap();
        sums.get(&rollup::GUIDED).map_or(0, |(_, total)| *total)
    }
}

fn union(code: &str) -> UnionNumber {
    code.parse().unwrap()
}

/// An entry as a clerk would type it.
fn entry(name: &str, fields: &[(&str, &str)]) -> Record {
    let kind = kind(name).unwrap();
    let mut record = Record::new(kind);
    for (field, text) in fields {
        let at = kind.field(field).unwrap();
        record.put(at, Some(kind.fields[at].parse(text).unwrap()));
    }
    record
}

fn work() -> Record {
    entry(
        "work_entry",
        &[
            ("mediator", "0192a3b4c5d680008000000000000001"),
            ("duty", "参加协商"),
            ("subtype", "现场指导协商"),
            ("done_on", "2025-05-06"),
            ("place", "测试"),
            ("mandate", "企业工会委托"),
            ("summary", "测试"),
            ("guided", "3"),
        ],
    )
}

fn spent() -> Record {
    entry(
        "expenditure",
        &[
            ("programme", "0192a3b4c5d680008000000000000002"),
            ("year", "2025"),
            ("category", "薪酬或补贴"),
            ("subject", "50504"),
            ("amount", "3000.00"),
            ("paid_on", "2025-05-15"),
            ("service_month", "2025-05"),
            ("payee_mediator", "0192a3b4c5d680008000000000000001"),
            ("method", "转账"),
            ("voucher_no", "记-000001"),
        ],
    )
}

fn reviewed() -> Record {
    entry("filing_review", &[("union", "320922"), ("filing", "0192a3b4c5d680008000000000000003"), ("action", "受理")])
}

fn enrolled(code: &str, seed: u8) -> Record {
    attested(&SigningKey::from_seed(&[seed; 32]), union(code), false)
}

fn said(forger: &mut Forger, record: &Record) -> Operation {
    Operation::new(record.kind.number, forger.id(), None, record.encode(), None)
}

const TO_PROVINCE: [&str; 3] = [CITY, COUNTY, PROVINCE];
const TO_NATION: [&str; 4] = [CITY, COUNTY, NATION, PROVINCE];
/// What nobody has admitted goes up, and never down; what speaks down and is no hub's goes nowhere.
const UP_TO_PROVINCE: [&str; 2] = [CITY, PROVINCE];
const UP_TO_NATION: [&str; 3] = [CITY, NATION, PROVINCE];

/// What is said to everyone below changes what they are asked: the nation and the provinces say it, and a city does not.
#[test]
fn who_may_publish() {
    let tree = Tree::new();
    let programme = entry(
        "programme",
        &[
            ("code", "CS-2025"),
            ("name", "测试专项经费"),
            ("year", "2025"),
            ("source", "全国总工会"),
            ("purpose", "测试"),
        ],
    );
    for (at, expected) in [(CITY, "not-allowed"), (PROVINCE, "counts")] {
        let mut forger = Forger::new(tree.machine(at), Scope::Everyone);
        let operation = said(&mut forger, &programme);
        tree.give(at, &mut forger, &[operation]);
        tree.agree(&forger, 0, &[CITY, COUNTY, NATION, PROVINCE, NEIGHBOUR], expected, at);
    }
}

/// A device that is enrolled for its county: each thing it might write, and what is thought of that everywhere.
#[test]
fn what_an_enrolled_device_may_write() {
    let tree = Tree::new();
    let county = tree.machine(COUNTY);
    let (province, nation) = (Scope::Own(Reach::Province), Scope::Own(Reach::Nation));
    let broken = |mut record: Record, field: &str| {
        record.put(record.kind.field(field).unwrap(), None);
        record
    };
    let statement = entry("statement", &[("union", "320922"), ("month", "2025-05")]);
    let rows: [(&str, Scope, Record, &str); 8] = [
        ("its own work log", province, work(), "counts"),
        ("its own spending", nation, spent(), "counts"),
        ("spending that would stay in the province", province, spent(), "not-allowed"),
        ("a work log that would reach the nation", nation, work(), "not-allowed"),
        ("a review, which the union above writes", nation, reviewed(), "not-allowed"),
        ("an enrolment, which the union above writes", nation, enrolled("320922", 9), "not-allowed"),
        ("a statement, which the province writes", nation, statement, "not-allowed"),
        ("a work log without its day", province, broken(work(), "done_on"), "rule"),
    ];
    for (what, scope, record, expected) in rows {
        let mut forger = Forger::new(county, scope);
        let operation = said(&mut forger, &record);
        // Each row in a feed of its own: the forger's incarnation is the same, so the feed goes on.
        let seq = tree.open[CITY].read(|c| Ok(feeds::by_id(c, &forger.feed.id)?.map_or(0, |f| f.size()))).unwrap();
        let before: Vec<Operation> = (0..seq)
            .map(|n| {
                tree.open[CITY]
                    .read(|c| feeds::operation(c, feeds::by_id(c, &forger.feed.id)?.unwrap().no, n))
                    .unwrap()
                    .unwrap()
            })
            .collect();
        let mut all = before;
        all.push(operation);
        tree.give(CITY, &mut forger, &all);
        let levels: &[&'static str] = if scope == nation { &TO_NATION } else { &TO_PROVINCE };
        tree.agree(&forger, seq, levels, expected, what);
    }
    // A kind that only a newer program knows, an id that another device made.
    let mut forger = Forger::stranger(40, union("320922"), nation);
    tree.write(CITY, forger.enrolled(union("320922"), false));
    let newer = Operation::new(9999, forger.id(), None, vec![1, 2], None);
    let foreign =
        Operation::new(kind("expenditure").unwrap().number, RecordId([0x81; 16]), None, spent().encode(), None);
    tree.give(CITY, &mut forger, &[newer, foreign]);
    tree.agree(&forger, 0, &TO_NATION, "newer", "a kind of a newer version");
    tree.agree(&forger, 1, &TO_NATION, "id", "an id that another device made");
}

/// Devices that may not write for the union they write for: stored and relayed, and nothing of it counts.
#[test]
fn who_may_not_write_in_whose_name() {
    let tree = Tree::new();
    let down = Scope::Branch(union("320922"));
    let (province, nation) = (Scope::Own(Reach::Province), Scope::Own(Reach::Nation));
    let mut rows = [
        ("a stranger", Forger::stranger(50, union("320922"), province), work(), &UP_TO_PROVINCE[..]),
        ("a stranger, up to the nation", Forger::stranger(51, union("320922"), nation), spent(), &UP_TO_NATION),
        (
            "the neighbouring county",
            Forger::of(tree.machine(NEIGHBOUR), union("320922"), province),
            work(),
            &UP_TO_PROVINCE,
        ),
        (
            "the city in the county's name",
            Forger::of(tree.machine(CITY), union("320922"), nation),
            spent(),
            &UP_TO_NATION,
        ),
        (
            "the province in the county's name",
            Forger::of(tree.machine(PROVINCE), union("320922"), nation),
            spent(),
            &UP_TO_NATION,
        ),
        (
            "a county that speaks down as the city",
            Forger::of(tree.machine(COUNTY), union("320900"), down),
            reviewed(),
            &[CITY],
        ),
        ("a stranger that speaks down as the city", Forger::stranger(52, union("320900"), down), reviewed(), &[CITY]),
    ];
    for (who, forger, record, levels) in &mut rows {
        let operation = said(forger, record);
        tree.give(CITY, forger, &[operation]);
        tree.agree(forger, 0, levels, "not-enrolled", who);
    }
    assert_eq!(tree.guided(PROVINCE, "320922"), 0);
    // A device enrolled as a node does not speak down, even for the right union.
    let mut node = Forger::stranger(53, union("320900"), down);
    tree.write(PROVINCE, node.enrolled(union("320900"), false));
    let operation = said(&mut node, &reviewed());
    tree.give(CITY, &mut node, &[operation]);
    tree.agree(&node, 0, &[CITY], "not-enrolled", "a node that speaks down");
    // The union above enrols the stranger: what waited counts, at every level.
    let stranger = &rows[0].1;
    tree.write(CITY, stranger.enrolled(union("320922"), false));
    tree.agree(stranger, 0, &TO_PROVINCE, "counts", "enrolled later");
    assert_eq!([CITY, PROVINCE, COUNTY].map(|name| tree.guided(name, "320922")), [3, 3, 3]);
    // An enrolment by a union that is not directly above is none.
    let other = &rows[1].1;
    tree.write(PROVINCE, other.enrolled(union("320922"), false));
    tree.agree(other, 0, &UP_TO_NATION, "not-enrolled", "enrolled by the province, two levels up");
}

/// A revoked device: what came before still counts, what came after is held, until the union above rules otherwise.
#[test]
fn what_a_revoked_device_wrote() {
    let tree = Tree::new();
    let mut thief = Forger::stranger(60, union("320922"), Scope::Own(Reach::Province));
    tree.write(CITY, thief.enrolled(union("320922"), false));
    let before: Vec<Operation> = (0..3).map(|_| said(&mut thief, &work())).collect();
    tree.give(CITY, &mut thief, &before);
    tree.agree(&thief, 2, &TO_PROVINCE, "counts", "before");
    let digits = thief.device().to_string()[..12].to_owned();
    let city = union("320900");
    let plan = tree.open[CITY].read(|c| Ok(revocation::plan(c, city, &digits, None))).unwrap().unwrap();
    assert_eq!((plan.union, plan.feeds.len(), plan.feeds[0].1), (union("320922"), 1, 3));
    let revoked = tree.open[CITY].write_blocking(move |ledger| revocation::revoke(ledger, &plan, "电脑被盗")).unwrap();
    assert!(revoked.is_ok(), "{revoked:?}");
    tree.settle();
    let after: Vec<Operation> = (0..3).map(|_| said(&mut thief, &work())).collect();
    // It reaches the province first, as it would by way of another hub.
    tree.give(PROVINCE, &mut thief, &after);
    for seq in 0..3 {
        tree.agree(&thief, seq, &TO_PROVINCE, "counts", "before the revocation");
        tree.agree(&thief, seq + 3, &TO_PROVINCE, "revoked", "after the revocation");
    }
    assert_eq!([CITY, PROVINCE, COUNTY].map(|name| tree.guided(name, "320922")), [9, 9, 9]);
    // Only the hub directly above rules, and only on what is held.
    let rule = |name: &str, part, ruling| {
        let machine = tree.machine(name);
        let (union, hub) = (machine.union(), machine.is_hub());
        tree.open[name].read(|conn| {
            let row = feeds::by_id(conn, &thief.feed.id)?.unwrap();
            let case = ruling::case(conn, row, part, ruling)?;
            Ok(ruling::rule(conn, union, hub, &case, ruling, "经查确为本单位所填"))
        })
    };
    assert!(rule(PROVINCE, Some((3, 1)), Ruling::Released).unwrap().is_err());
    assert!(rule(COUNTY, Some((3, 1)), Ruling::Released).unwrap().is_err());
    assert!(rule(CITY, Some((0, 3)), Ruling::Released).unwrap().is_err(), "nothing of it is held");
    let released = rule(CITY, Some((3, 2)), Ruling::Released).unwrap().unwrap();
    tree.write(CITY, released);
    tree.agree(&thief, 3, &TO_PROVINCE, "counts", "released");
    tree.agree(&thief, 4, &TO_PROVINCE, "counts", "released");
    tree.agree(&thief, 5, &TO_PROVINCE, "revoked", "not released");
    assert_eq!([CITY, PROVINCE, COUNTY].map(|name| tree.guided(name, "320922")), [15, 15, 15]);
    // And taken back: the later ruling holds, everywhere.
    let entry = entry(
        "quarantine_ruling",
        &[
            ("union", "320922"),
            ("in_feed", &thief.feed.id.to_string()),
            ("first", "4"),
            ("count", "2"),
            ("ruling", "不计入"),
            ("reason", "再查不属实"),
            ("revision", "2"),
        ],
    );
    tree.write(CITY, entry);
    tree.agree(&thief, 3, &TO_PROVINCE, "counts", "still released");
    tree.agree(&thief, 4, &TO_PROVINCE, "revoked", "rejected after all");
    assert_eq!([CITY, PROVINCE, COUNTY].map(|name| tree.guided(name, "320922")), [12, 12, 12]);
    let open = |name| tree.open[name].read(quarantine::open).unwrap().len();
    assert_eq!(open(CITY), 0, "what was rejected is not asked about again");
    // A level that hears of everything at once, in its own order, comes to the same.
    for name in [CITY, PROVINCE, COUNTY] {
        huiliu_tests::oracle::verifies(tree.machine(name), &tree.open[name]).unwrap();
    }
}

/// A hub has a feed for each union up to two levels below, in each incarnation. However many it pushes, it is revoked; what is not
/// named counts nothing, and what others rest on is named first.
#[test]
fn a_device_with_more_feeds_than_a_revocation_names() {
    const NAMED: usize = 1000;
    let tree = Tree::new();
    let near = Scope::Branch(union("320922"));
    let mut first = Forger::stranger(65, union("320900"), near);
    let device = first.device();
    tree.write(PROVINCE, first.enrolled(union("320900"), true));
    let ruling = |branch| people::ruling_on(branch);
    let says = |forger: &mut Forger, branch, count| {
        let all: Vec<Operation> = (0..count).map(|_| said(forger, &ruling(branch))).collect();
        assert!(matches!(take(&tree.open[PROVINCE], forger.say(&all)), Intake::Taken { .. }));
    };
    says(&mut first, union("320922"), 1);
    // Townships are two levels below: 64 feeds for each are what a device may have.
    for serial in 1..=16 {
        let township = union(&format!("320922-{serial:03}"));
        let far = Forger::stranger(65, union("320900"), Scope::Branch(township));
        for n in 0..64 {
            // Ids go by the incarnation.
            says(&mut Forger::again(&far, union("320900"), 100 + 64 * serial + n), township, 2);
        }
    }
    let digits = device.to_string();
    let plan = |since| tree.open[PROVINCE].read(|c| Ok(revocation::plan(c, union("320000"), &digits, since))).unwrap();
    let all = 1 + 16 * 64;
    let nothing = plan(Some(0)).unwrap();
    assert_eq!((nothing.feeds.len(), nothing.unnamed.feeds), (0, all), "nothing that stays");
    let plan = plan(None).unwrap();
    assert_eq!((plan.feeds.len(), plan.feeds[0].1), (NAMED, 1), "what speaks to a direct child goes first");
    assert_eq!(plan.feeds[0].0.feed.scope, near);
    assert_eq!((plan.unnamed.feeds, plan.unnamed.dropped), (all - NAMED, 2 * (all - NAMED) as u64));
    tree.open[PROVINCE].write_blocking(move |ledger| revocation::revoke(ledger, &plan, "电脑被盗")).unwrap().unwrap();
    tree.settle();
    let held = tree.open[PROVINCE].read(quarantine::open).unwrap();
    assert_eq!(held.len(), 2 * (all - NAMED));
}

/// A revocation that lets stand less than what counted already: it counts no more, at every level.
#[test]
fn a_revocation_that_reaches_back() {
    let tree = Tree::new();
    let mut device = Forger::stranger(70, union("320922"), Scope::Own(Reach::Nation));
    tree.write(CITY, device.enrolled(union("320922"), false));
    let operations: Vec<Operation> = (0..4).map(|_| said(&mut device, &spent())).collect();
    tree.give(CITY, &mut device, &operations);
    let mut record = Record::new(kind("revocation").unwrap());
    record.set("union", Value::Int(320_922));
    record.set("device", Value::Bytes(device.device().to_vec()));
    record.set("revoked_on", Value::Int(20_100));
    record.set("reason", Value::Text("第二条以后为冒填".into()));
    let last = vec![Some(Value::Bytes(device.feed.id.to_vec())), Some(Value::Int(2))];
    record.set("last", Value::Lines(vec![last]));
    // The province did not enrol it, and cannot say so.
    let by_province = record.clone();
    let written = tree.open[PROVINCE].write_blocking(move |ledger| ledger.write_entry(&by_province)).unwrap();
    assert!(matches!(written, WriteOutcome::Refused(_)), "{written:?}");
    tree.write(CITY, record);
    for (seq, expected) in [(0, "counts"), (1, "counts"), (2, "revoked"), (3, "revoked")] {
        tree.agree(&device, seq, &TO_NATION, expected, "reaching back");
    }
    for name in [NATION, PROVINCE, CITY, COUNTY] {
        let sums = tree.open[name].read(|c| rollups::sums(c, union("320922"), i32::MIN, i32::MAX)).unwrap();
        assert_eq!(sums[&rollup::SPENT].1, 600_000, "{name}");
        huiliu_tests::oracle::verifies(tree.machine(name), &tree.open[name]).unwrap();
    }
}

/// A hub says of its own machine that it has the key by which a hub above knows another of its children.
#[test]
fn a_hub_cannot_take_another_hubs_key_for_its_own_child() {
    let tree = Tree::new();
    let tls = tree.machine(PROVINCE).home.key("tls").unwrap();
    let key = certificates::own_key_hash(&tls);
    let thief = SigningKey::from_seed(&[8; 32]);
    tree.write(CITY, attested_with(&thief, union("320922"), false, key));
    let caller = Caller { key: Some(key), until: i64::MAX, address: [127, 0, 0, 1].into(), crowded: false };
    let newest = tree.open[NATION].read(|c| Ok(trust::enrolments(c, None)?.pop())).unwrap().unwrap();
    assert_eq!(newest.device, thief.device(), "the nation has heard of it, last of all");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let known = runtime.block_on(join_service::known(&tree.open[NATION], &caller, UnionNumber::NATION));
    let known = known.expect("the province is let in");
    assert_eq!((known.device, known.union), (tree.machine(PROVINCE).me().device(), union("320000")));
}

/// A city's hub is revoked: what it had enrolled still holds, what it enrols from then on does not.
#[test]
fn enrolments_of_a_revoked_hub() {
    let tree = Tree::new();
    let mut early = Forger::stranger(80, union("320922"), Scope::Own(Reach::Province));
    tree.write(CITY, early.enrolled(union("320922"), false));
    let digits = tree.machine(CITY).me().device().to_string();
    let province = union("320000");
    let plan = tree.open[PROVINCE].read(|c| Ok(revocation::plan(c, province, &digits, None))).unwrap().unwrap();
    assert!(plan.hub && !plan.feeds.is_empty());
    // Said before the city hears of it, so its own store lets it be said.
    let mut late = Forger::stranger(81, union("320922"), Scope::Own(Reach::Province));
    let written = tree.open[CITY].write_blocking({
        let record = late.enrolled(union("320922"), false);
        move |ledger| ledger.write_entry(&record)
    });
    assert!(matches!(written.unwrap(), WriteOutcome::Written { .. }));
    tree.open[PROVINCE]
        .write_blocking(move |ledger| revocation::revoke(ledger, &plan, "上级平台失窃"))
        .unwrap()
        .unwrap();
    tree.settle();
    let (first, second) = (said(&mut early, &work()), said(&mut late, &work()));
    tree.give(CITY, &mut early, &[first]);
    tree.give(CITY, &mut late, &[second]);
    tree.agree(&early, 0, &TO_PROVINCE, "counts", "enrolled before the hub was revoked");
    tree.agree(&late, 0, &UP_TO_PROVINCE, "not-enrolled", "enrolled by a revoked hub");
    // The revoked hub, having heard of it, writes no more.
    let record = enrolled("320923", 7);
    let refused = tree.open[CITY].write_blocking(move |ledger| ledger.write_entry(&record));
    assert!(matches!(refused, Err(huiliu_node::store::StoreError::Revoked)));
}
