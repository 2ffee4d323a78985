//! What the nation and a province publish of the checks' numbers and of the days off comes down, and is what is measured by
//! there: in whatever order it came, and from nobody else.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use huiliu_node::{
    app::{
        Mode,
        calendar::{self, Notice, NoticeError},
        parameters::{self, Proposed, SetError},
        void,
    },
    check::{self, Check, Patience, setting::Setting},
    finding,
    identity::Role,
    ledger::{Ledger, WriteOutcome},
    store::{StoreError, quarantine},
    writer::{Store, Threads},
};
use huiliu_proto::{feed::Scope, handle::Declared as _, operation::Operation, period::Day, record::Record, v1};
use huiliu_tests::{
    forger::Forger,
    people,
    relay::{batches, give, take},
    world::{World, hand_clock},
};

const YEAR_MS: i64 = 365 * 86_400_000;

struct Scene {
    _dir: tempfile::TempDir,
    world: World,
    hand: Arc<AtomicI64>,
}

fn scene() -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = hand_clock();
    let mut world = World::new(dir.path(), 34, clock);
    for (union, role) in [
        ("100000", Role::Root),
        ("320000", Role::Hub),
        ("320000", Role::Node),
        ("320900", Role::Hub),
        ("320922", Role::Node),
    ] {
        world.add(union, role).unwrap();
    }
    Scene { _dir: dir, world, hand }
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn grace() -> &'static Check {
    check::check("FC-01").unwrap()
}

fn compose(ledger: &mut Ledger, value: i64, from: &str) -> Result<Record, SetError> {
    let (union, next) = (ledger.me().union, ledger.next_id());
    let (check, from, doc_no) = (grace(), day(from), "演工发〔2026〕1号");
    let proposed = Proposed { check, name: "grace", value, from, until: None, doc_no, remarks: None };
    parameters::compose(ledger.conn(), union, next, &proposed)
}

fn set(store: &Store, value: i64, from: &'static str) {
    let outcome = store.write_blocking(move |ledger| {
        let record = compose(ledger, value, from).unwrap();
        ledger.write_entry(&record)
    });
    assert!(matches!(outcome.unwrap(), WriteOutcome::Written { .. }));
}

fn publish(store: &Store, year: i32) -> Result<WriteOutcome, NoticeError> {
    let notice = Notice::of_year(year).unwrap();
    calendar::publish(store, notice, Mode::Write).unwrap()
}

fn carry(from: &Store, to: &Store) {
    batches(from).iter().flatten().for_each(|batch| give(to, batch));
}

fn told(store: &Store, union: &str) -> Vec<Setting> {
    let union = union.parse().unwrap();
    store.read(|conn| Ok(check::settings(conn, grace(), union).unwrap())).unwrap()
}

#[test]
fn what_is_published_comes_down_and_is_measured_by() {
    let scene = scene();
    let [nation, province, city, county] = ["hub-100000", "hub-320000", "hub-320900", "node-320922-0"]
        .map(|name| scene.world.machine(name).store(Threads::Inline));
    carry(&nation, &province);
    let fund = nation.write_blocking(|ledger| {
        let (code, source) = (("code", "ZZZD-2026"), ("source", "全国总工会"));
        people::write(ledger, "programme", &[code, ("name", "补助"), ("year", "2026"), source, ("purpose", "薪酬")])
    });
    let fund = fund.unwrap().to_string();
    set(&nation, 15, "2026-01-01");
    publish(&nation, 2026).unwrap();
    carry(&nation, &province);
    set(&province, 10, "2026-02-01");
    // The two come in either order.
    carry(&nation, &city);
    carry(&province, &city);
    carry(&province, &county);
    carry(&nation, &county);
    let settings = told(&city, "320900");
    let values: Vec<i64> = settings.iter().map(|setting| setting.value).collect();
    assert_eq!(values, [20, 15, 10]);
    assert_eq!(told(&county, "320922"), settings);

    // Ten working days after Monday, 9 February 2026: nine days off and two weekends that are worked lie between.
    scene.hand.fetch_add(YEAR_MS / 4, Ordering::Relaxed);
    let paid = city.write_blocking(move |ledger| {
        let fields = [
            ("to_union", "320922"),
            ("no", "拨1"),
            ("programme", fund.as_str()),
            ("year", "2026"),
            ("amount", "100"),
            ("doc_no", "盐工发〔2026〕1号"),
            ("paid_on", "2026-02-09"),
        ];
        people::write(ledger, "allocation", &fields)
    });
    paid.unwrap();
    let union = "320900".parse().unwrap();
    let look = |today: &str| {
        city.read(|conn| Ok(finding::look(conn, union, &[grace()], day(today), Patience::default()))).unwrap()
    };
    assert_eq!(look("2026-02-28").waiting, []);
    let waiting = look("2026-03-01").waiting;
    assert_eq!(waiting.iter().map(|one| one.needed.to_string()).collect::<Vec<_>>(), ["2026-02-28"]);
}

/// A city publishes for nobody; what it says by hand is held wherever it comes.
#[test]
fn a_city_that_publishes_by_hand_is_held() {
    let scene = scene();
    let county = scene.world.machine("node-320922-0").store(Threads::Inline);
    let province = scene.world.machine("hub-320000").store(Threads::Inline);
    carry(&scene.world.machine("hub-100000").store(Threads::Inline), &county);
    carry(&province, &county);
    let record = province.write_blocking(|ledger| Ok(compose(ledger, 5, "2026-01-01"))).unwrap().unwrap();
    assert_eq!(record.kind, v1::Parameter::kind());
    let mut forger = Forger::new(scene.world.machine("hub-320900"), Scope::Everyone);
    let by_hand = Operation::new(record.kind.number, forger.id(), None, record.encode(), None);
    take(&county, forger.say(&[by_hand]));
    let held = county.read(quarantine::all).unwrap();
    assert_eq!(held.len(), 1, "{held:?}");
    let values = told(&county, "320922").into_iter().map(|setting| setting.value);
    assert_eq!(values.collect::<Vec<_>>(), [20]);
}

/// Nobody admits from it what is said to those below: it is refused where it is typed.
#[test]
fn a_machine_that_is_no_hub_publishes_nothing() {
    let scene = scene();
    let second = scene.world.machine("node-320000-0").store(Threads::Inline);
    let said = second.write_blocking(|ledger| {
        let record = compose(ledger, 10, "2026-02-01").unwrap();
        ledger.write_entry(&record)
    });
    assert!(matches!(said, Err(StoreError::Forbidden(_))), "{said:?}");
    assert!(told(&second, "320000").iter().all(|setting| setting.value == 20));
    // Nor does it void what the hub published.
    let [nation, province] = ["hub-100000", "hub-320000"].map(|name| scene.world.machine(name).store(Threads::Inline));
    carry(&nation, &province);
    let fund = province.write_blocking(people::programme).unwrap();
    carry(&nation, &second);
    carry(&province, &second);
    let voided = second.write_blocking(move |ledger| void::void(ledger, fund, "重复录入"));
    assert!(matches!(voided, Err(StoreError::Forbidden(_))), "{voided:?}");
}
