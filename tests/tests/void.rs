//! A record that was a mistake is voided by its union, and leaves every table and total at every level that has it. Whatever
//! several machines of the union say at once, and in whatever order it arrives, all come to the same; what a void did not
//! know of brings the record back and asks a person.

use std::sync::{Arc, atomic::AtomicI64};

use huiliu_node::{
    app::{
        void::{self, Problem},
        voided,
    },
    identity::Role,
    ledger::{Incoming, Intake, Ledger},
    rollup,
    store::{
        StoreError, caches, documents, projection, quarantine, rollups,
        voids::{self, State},
    },
    writer::{Store, Threads},
};
use huiliu_proto::{
    feed::Scope,
    id::{Hash, RecordId},
    kind::{Reach, kind},
    operation::Operation,
    union::UnionNumber,
    void::Void,
};
use huiliu_tests::{
    forger::Forger,
    oracle,
    people::{self, Random},
    place::{Place, Story, back_to, save},
    relay::{batches, give, take},
    world::{Machine, World, hand_clock},
};
use proptest::prelude::*;

const HUBS: [&str; 3] = ["hub-100000", "hub-320000", "hub-320900"];

/// A county with two machines below a city, a province and the nation.
struct Line {
    world: World,
    clock: Arc<AtomicI64>,
    _dir: tempfile::TempDir,
}

impl Line {
    fn new(seed: u64) -> Line {
        let dir = tempfile::tempdir().unwrap();
        let (clock, hand) = hand_clock();
        let world = World::with_two_machines(dir.path(), seed, clock);
        Line { world, clock: hand, _dir: dir }
    }

    fn store(&self, name: &str) -> Store {
        self.world.machine(name).store(Threads::Inline)
    }

    /// A machine's store that has heard what the hubs above say.
    fn told(&self, name: &str) -> Store {
        let store = self.store(name);
        self.tell(&store, name);
        store
    }

    fn tell(&self, store: &Store, name: &str) {
        for hub in HUBS.into_iter().filter(|hub| *hub != name) {
            batches(&self.store(hub)).iter().flatten().for_each(|batch| give(store, batch));
        }
    }

    /// As `told`, on a copy of its home that nobody else uses.
    fn fresh(&self, name: &str) -> (Machine, Store, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let machine = self.world.machine(name).with_copy_at(&dir.path().join("home"));
        let store = machine.store(Threads::Inline);
        self.tell(&store, name);
        (machine, store, dir)
    }

    fn later(&self) {
        self.clock.fetch_add(60_000, std::sync::atomic::Ordering::Relaxed);
    }
}

fn hand_over(from: &Store, to: &Store) {
    for batch in batches(from).into_iter().flatten() {
        let intake = take(to, batch);
        // The nation is not meant to see what stays in the province.
        let meant = !matches!(intake, Intake::Refused { reason: huiliu_proto::v1::Refusal::Header, .. });
        assert!(matches!(intake, Intake::Taken { .. }) || !meant, "{intake:?}");
    }
}

fn void(store: &Store, id: RecordId) -> Result<State, Problem> {
    let done = store.write_blocking(move |ledger| void::void(ledger, id, "重复录入")).unwrap();
    done.map(|done| done.state)
}

fn reinstate(store: &Store, id: RecordId) -> Result<State, Problem> {
    let done = store.write_blocking(move |ledger| void::reinstate(ledger, id, "作废有误")).unwrap();
    done.map(|done| done.state)
}

fn county() -> UnionNumber {
    "320922".parse().unwrap()
}

fn state(store: &Store, id: RecordId) -> State {
    store.read(|conn| voids::state(conn, county(), &id)).unwrap()
}

fn is_shown(store: &Store, name: &str, id: RecordId) -> bool {
    store.read(|conn| projection::get(conn, kind(name).unwrap(), &id)).unwrap().is_some()
}

fn sum(store: &Store, union: &str, measure: u32) -> i128 {
    let union: UnionNumber = union.parse().unwrap();
    let sums = store.read(|conn| rollups::sums(conn, union, i32::MIN, i32::MAX)).unwrap();
    sums.get(&measure).map_or(0, |(_, total)| *total)
}

fn held(store: &Store) -> Vec<(RecordId, String)> {
    let held = store.read(quarantine::all).unwrap();
    held.into_iter().map(|held| (held.record, held.reason)).collect()
}

fn rebuilds_the_same(store: &Store) {
    let before = store.read(caches::digest).unwrap();
    store.write_blocking(|ledger| ledger.rebuild(&mut |_| ())).unwrap();
    assert_eq!(before, store.read(caches::digest).unwrap(), "a rebuild differs");
}

#[test]
fn what_is_voided_counts_nowhere_at_any_level_and_comes_back() {
    let line = Line::new(11);
    let nation = line.store("hub-100000");
    let programme = nation.write_blocking(people::programme).unwrap();
    let node = line.told("node-320922-0");
    let levels: Vec<Store> = HUBS.iter().map(|hub| line.told(hub)).collect();
    let mediator = node.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    let engaged = node.write_blocking(move |ledger| people::engagement(ledger, mediator, 1)).unwrap();
    let worked = node.write_blocking(move |ledger| people::work_entry(ledger, mediator, 1)).unwrap();
    let spent = node.write_blocking(move |ledger| people::expenditure(ledger, programme, mediator, 1)).unwrap();
    let everywhere = |records: bool| {
        for (level, name) in levels.iter().zip(HUBS).chain([(&node, "node-320922-0")]) {
            let province = name != "hub-100000";
            let count = |yes: i128| if records { yes } else { 0 };
            assert_eq!(is_shown(level, "expenditure", spent), records, "{name}");
            assert_eq!(sum(level, "320922", rollup::SPENT), count(300_101), "{name}");
            if province {
                assert_eq!(is_shown(level, "engagement", engaged), records, "{name}");
                assert_eq!(is_shown(level, "work_entry", worked), records, "{name}");
                assert_eq!(sum(level, "320922", rollup::FULL_TIME), if records { 1 } else { 0 }, "{name}");
                assert_eq!(sum(level, "320922", rollup::GUIDED), count(2), "{name}");
            }
            assert!(held(level).is_empty(), "{name}");
        }
    };
    let tell = || levels.iter().rev().for_each(|level| hand_over(&node, level));
    tell();
    let before = sum(&node, "320922", rollup::FULL_TIME);
    assert!(is_shown(&node, "engagement", engaged) && before <= 1);
    for id in [spent, worked, engaged] {
        assert_eq!(void(&node, id), Ok(State::Voided));
    }
    assert!(matches!(void(&node, worked), Err(Problem::Already(_))));
    tell();
    everywhere(false);
    // What was voided can still be looked at, with who said why and when.
    let words = levels[1].read(|conn| voided::words(conn, county(), &engaged)).unwrap();
    assert_eq!(words.len(), 1);
    assert_eq!(words[0].void.reason, "重复录入");
    let shown = levels[1].read(|conn| voided::voided(conn, county(), &engaged)).unwrap().unwrap();
    assert_eq!(shown.record.get("contract_no"), Some(&huiliu_proto::value::Value::Text("合1".into())));
    let shown = levels[0].read(|conn| voided::voided(conn, county(), &spent)).unwrap().unwrap();
    assert_eq!(shown.record.int("amount"), Some(300_101));
    for level in &levels {
        rebuilds_the_same(level);
    }
    // No reference to it, no edit of it, and its voucher number is kept.
    assert!(matches!(
        node.write_blocking(move |l| people::edit(l, "engagement", engaged, "contract_no", "合2")),
        Err(StoreError::Forbidden(_))
    ));
    let again = node.write_blocking(move |l| people::expenditure(l, programme, mediator, 1));
    assert!(matches!(again, Err(StoreError::Refused(_))), "{again:?}");
    for id in [spent, worked, engaged] {
        assert_eq!(reinstate(&node, id), Ok(State::Stands));
    }
    assert!(matches!(reinstate(&node, worked), Err(Problem::NotVoided(_))));
    tell();
    assert_eq!(sum(&levels[0], "320922", rollup::SPENT), 300_101);
    assert_eq!(sum(&levels[1], "320922", rollup::GUIDED), sum(&node, "320922", rollup::GUIDED));
    for level in levels.iter().chain([&node]) {
        assert!(is_shown(level, "expenditure", spent));
        rebuilds_the_same(level);
    }
    assert!(is_shown(&levels[1], "engagement", engaged) && is_shown(&levels[1], "work_entry", worked));
    oracle::verifies(line.world.machine("hub-320000"), &levels[1]).unwrap();
}

#[test]
fn what_others_name_is_not_voided_and_money_that_was_acted_on_is_reversed() {
    let line = Line::new(12);
    let nation = line.store("hub-100000");
    let programme = nation.write_blocking(people::programme).unwrap();
    let node = line.told("node-320922-0");
    let mediator = node.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    let engaged = node.write_blocking(move |ledger| people::engagement(ledger, mediator, 1)).unwrap();
    let spent = node.write_blocking(move |ledger| people::expenditure(ledger, programme, mediator, 1)).unwrap();
    let named = |problem| match problem {
        Err(Problem::Named { by, acted_on, .. }) => (by.iter().map(|naming| naming.by).collect::<Vec<_>>(), acted_on),
        other => panic!("{other:?}"),
    };
    let (by, acted_on) = named(void(&node, mediator));
    assert!(by.contains(&engaged) && by.contains(&spent) && !acted_on);
    node.write_blocking(move |ledger| people::reversal(ledger, spent)).unwrap();
    assert!(!named(void(&node, spent)).1, "its own union reversed it");
    // The nation's programme has been spent from: its record of money stands.
    line.tell(&nation, "hub-100000");
    hand_over(&node, &nation);
    assert!(named(void(&nation, programme)).1);
    // Another union's record, and what is never voided.
    assert!(matches!(void(&node, programme), Err(Problem::Owner { .. })));
    let enrolment = node.read(|conn| projection::list(conn, kind("enrolment").unwrap(), None, None, 1)).unwrap()[0].id;
    assert!(matches!(void(&line.store("hub-100000"), enrolment), Err(Problem::Never(_) | Problem::Owner { .. })));
    assert!(matches!(void(&node, RecordId([1; 16])), Err(Problem::Missing(_))));
    let dry = node.dry_run(move |ledger| void::void(ledger, engaged, "试")).unwrap();
    assert!(dry.is_ok() && is_shown(&node, "engagement", engaged), "a trial writes nothing");
}

#[test]
fn a_void_that_comes_before_its_record_waits_for_it() {
    let line = Line::new(13);
    let (a, b) = (line.told("node-320922-0"), line.told("node-320922-1"));
    let mediator = a.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    let worked = a.write_blocking(move |ledger| people::work_entry(ledger, mediator, 1)).unwrap();
    hand_over(&a, &b);
    assert_eq!(void(&b, worked), Ok(State::Voided));
    assert_eq!(void(&b, mediator), Ok(State::Voided));
    assert_eq!(reinstate(&b, mediator), Ok(State::Stands));
    let city = line.told("hub-320900");
    hand_over(&b, &city);
    assert_eq!(held(&city).len(), 3);
    assert!(held(&city).iter().all(|(_, reason)| reason == "early"));
    let page = city.read(|conn| huiliu_node::app::quarantine::page(conn, None, 9, false)).unwrap();
    assert_eq!((page.rows.len(), page.open), (3, false), "they are listed, and no person has to do anything");
    hand_over(&a, &city);
    assert!(held(&city).is_empty());
    assert!(!is_shown(&city, "work_entry", worked) && is_shown(&city, "mediator", mediator));
    rebuilds_the_same(&city);
}

/// Two voids at once are one; beside an edit, or beside a taking back that did not know of it, a person is asked, and what
/// she then says holds everywhere.
#[test]
fn what_a_void_did_not_know_brings_the_record_back_and_asks() {
    let line = Line::new(14);
    let (a, b) = (line.told("node-320922-0"), line.told("node-320922-1"));
    let both = || {
        hand_over(&a, &b);
        hand_over(&b, &a);
    };
    let id = a.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    let other = a.write_blocking(|ledger| people::mediator(ledger, 2)).unwrap();
    both();
    assert_eq!((void(&a, id), void(&b, id)), (Ok(State::Voided), Ok(State::Voided)));
    both();
    assert_eq!((state(&a, id), state(&b, id)), (State::Voided, State::Voided), "two at once");
    // One takes back what it knows of both; later both are taken back.
    assert_eq!(reinstate(&a, id), Ok(State::Stands));
    both();
    assert_eq!((state(&a, id), state(&b, id)), (State::Stands, State::Stands));
    // A void beside an edit.
    assert_eq!(void(&a, id), Ok(State::Voided));
    b.write_blocking(move |l| people::edit(l, "mediator", id, "phone", "13900000001")).unwrap();
    both();
    for store in [&a, &b] {
        assert_eq!(state(store, id), State::Disputed);
        assert!(is_shown(store, "mediator", id), "the edit is not lost");
        assert_eq!(store.read(|conn| voids::disputed(conn, county(), &[], 9)).unwrap().len(), 1, "a person is asked");
        rebuilds_the_same(store);
    }
    assert_eq!(void(&b, id), Ok(State::Voided), "she knows the edit now");
    both();
    assert_eq!((state(&a, id), state(&b, id)), (State::Voided, State::Voided));
    // A void beside a taking back: two voids, of which one machine knows one.
    assert_eq!((void(&a, other), void(&b, other)), (Ok(State::Voided), Ok(State::Voided)));
    assert_eq!(reinstate(&a, other), Ok(State::Stands));
    both();
    assert_eq!((state(&a, other), state(&b, other)), (State::Disputed, State::Disputed));
    assert!(is_shown(&a, "mediator", other) && is_shown(&b, "mediator", other));
    assert_eq!(reinstate(&b, other), Ok(State::Stands), "it stands, says a person");
    both();
    assert_eq!((state(&a, other), state(&b, other)), (State::Stands, State::Stands));
    let city = line.told("hub-320900");
    hand_over(&b, &city);
    hand_over(&a, &city);
    assert_eq!((state(&city, id), state(&city, other)), (State::Voided, State::Stands));
    assert!(held(&city).is_empty());
    rebuilds_the_same(&city);
}

/// Another machine voids a person whose work and pay this one has just entered: they can still be put right as they were
/// said, and nothing new names her.
#[test]
fn what_names_a_voided_record_can_still_be_put_right() {
    let line = Line::new(21);
    let programme = line.store("hub-100000").write_blocking(people::programme).unwrap();
    let (a, b) = (line.told("node-320922-0"), line.told("node-320922-1"));
    let both = || {
        hand_over(&a, &b);
        hand_over(&b, &a);
    };
    let person = a.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    both();
    assert_eq!(void(&a, person), Ok(State::Voided));
    let worked = b.write_blocking(move |ledger| people::work_entry(ledger, person, 2)).unwrap();
    let paid = b.write_blocking(move |ledger| people::expenditure(ledger, programme, person, 3)).unwrap();
    let post = b.write_blocking(move |ledger| people::engagement(ledger, person, 4)).unwrap();
    both();
    assert!(!is_shown(&b, "mediator", person) && is_shown(&b, "engagement", post));
    let refused = b.write_blocking(move |ledger| people::work_entry(ledger, person, 5)).unwrap_err();
    assert!(refused.to_string().contains("已作废"), "{refused}");
    b.write_blocking(move |ledger| people::correction(ledger, worked)).unwrap();
    assert!(b.write_blocking(move |ledger| people::reversal(ledger, paid)).unwrap().is_some());
    b.write_blocking(move |ledger| people::edit(ledger, "engagement", post, "ends_on", "2026-03-31")).unwrap();
}

/// Values in dispute are no matter for a person while the record is voided, and are again when it stands.
#[test]
fn a_voided_document_asks_nobody_about_its_fields() {
    let line = Line::new(15);
    let (a, b) = (line.told("node-320922-0"), line.told("node-320922-1"));
    let id = a.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    hand_over(&a, &b);
    a.write_blocking(move |l| people::edit(l, "mediator", id, "education", "本科")).unwrap();
    b.write_blocking(move |l| people::edit(l, "mediator", id, "education", "研究生")).unwrap();
    hand_over(&b, &a);
    let disputes = |store: &Store| store.read(|conn| documents::conflicts(conn, Some(&id))).unwrap().len();
    assert_eq!(disputes(&a), 1);
    let place = || a.read(|conn| projection::get(conn, kind("mediator").unwrap(), &id)).unwrap().unwrap().place;
    let created = place();
    assert_eq!(void(&a, id), Ok(State::Voided));
    assert_eq!(disputes(&a), 0);
    rebuilds_the_same(&a);
    assert_eq!(reinstate(&a, id), Ok(State::Stands));
    assert_eq!(disputes(&a), 1);
    assert_eq!(place(), created, "it stands where it was created");
    rebuilds_the_same(&a);
}

/// A disk went back, and its machine voided before it asked anybody: what it said is said again, under the names that what
/// it voids has now, and nothing is lost on either side.
#[test]
fn a_void_that_was_cut_off_is_said_again() {
    let mut story = Story::new();
    let [first, second, third] = [1, 2, 3].map(|n| story.county.mediator(n));
    let works: Vec<RecordId> = (0..3).map(|n| story.county.work(first, n)).collect();
    story.settle(&[]);
    save(&mut story.county);
    story.county.work(first, 7);
    story.county.rename(third, "甲");
    story.settle(&[]);
    back_to(&mut story.county);
    // An edit and the void of what it makes are cut off together; the third dossier has another name above.
    story.county.rename(second, "乙");
    let store = story.county.store().clone();
    assert_eq!(void(&store, second), Ok(State::Voided));
    assert_eq!(reinstate(&store, second), Ok(State::Stands));
    assert_eq!(void(&store, second), Ok(State::Voided));
    assert_eq!(void(&store, third), Ok(State::Voided));
    assert_eq!(void(&store, works[0]), Ok(State::Voided));
    assert_eq!(void(&store, works[1]), Ok(State::Voided));
    assert_eq!(reinstate(&store, works[1]), Ok(State::Stands));
    drop(store);
    story.settle(&[]);
    for place in [&story.county, &story.city, &story.province] {
        let store = place.store();
        let states = [second, third, works[0], works[1], works[2]].map(|id| state(store, id));
        let expected = [State::Voided, State::Disputed, State::Voided, State::Stands, State::Stands];
        assert_eq!(states, expected, "{}", place.machine.name);
        assert_eq!(place.name(third), "甲");
        rebuilds_the_same(store);
    }
    story.holds(&[]);
}

/// An edit that is put anew, because what it followed is cut off, is voided under its new name.
#[test]
fn a_void_of_an_edit_that_is_put_anew_is_said_again() {
    let mut story = Story::new();
    story.world.add("320922", Role::Node).unwrap();
    let second = Place::new(story.world.machine("node-320922-1"));
    let (mediator, other) = (story.county.mediator(1), story.county.mediator(2));
    story.settle(&[&second]);
    save(&mut story.city);
    save(&mut story.county);
    story.county.work(other, 1);
    story.settle(&[]);
    back_to(&mut story.city);
    back_to(&mut story.county);
    story.county.rename(mediator, "甲");
    story.county.talk(&story.city);
    second.talk(&story.city);
    second.rename(mediator, "乙");
    assert_eq!(void(second.store(), mediator), Ok(State::Voided));
    story.settle(&[&second]);
    for place in [&story.county, &second, &story.city, &story.province] {
        // It did not know what the county said again.
        assert_eq!(state(place.store(), mediator), State::Disputed, "{}", place.machine.name);
        let words = place.store().read(|conn| voided::words(conn, county(), &mediator)).unwrap();
        assert_eq!(words.len(), 1, "{}", place.machine.name);
    }
    story.holds(&[&second]);
}

/// What comes back names nothing that is gone, and takes back no more than there is.
#[test]
fn what_does_not_hold_any_more_is_not_reinstated() {
    let line = Line::new(17);
    let node = line.told("node-320922-0");
    let fields = |result: Result<State, Problem>| match result {
        Err(Problem::Refused(refusals)) => {
            refusals.into_iter().map(|refusal| refusal.field_name.to_string()).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let mediator = node.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    let worked = node.write_blocking(move |ledger| people::work_entry(ledger, mediator, 1)).unwrap();
    let before = sum(&node, "320922", rollup::GUIDED);
    let correct = || {
        node.write_blocking(move |ledger| people::correction(ledger, worked)).unwrap();
        let all = node.read(|conn| projection::list(conn, kind("work_entry").unwrap(), None, Some(worked), 9)).unwrap();
        all.last().unwrap().id
    };
    let first = correct();
    assert_eq!(void(&node, first), Ok(State::Voided));
    let second = correct();
    assert!(!fields(reinstate(&node, first)).is_empty(), "it was taken back since");
    assert_eq!((state(&node, first), sum(&node, "320922", rollup::GUIDED)), (State::Voided, 0));
    assert_eq!(void(&node, second), Ok(State::Voided));
    assert_eq!(sum(&node, "320922", rollup::GUIDED), before);
    assert_eq!(reinstate(&node, first), Ok(State::Stands));
    assert_eq!(void(&node, first), Ok(State::Voided));
    // Its person is gone.
    assert_eq!((void(&node, worked), void(&node, mediator)), (Ok(State::Voided), Ok(State::Voided)));
    assert_eq!(fields(reinstate(&node, worked)), ["mediator"]);
    assert_eq!((reinstate(&node, mediator), reinstate(&node, worked)), (Ok(State::Stands), Ok(State::Stands)));
    rebuilds_the_same(&node);
}

/// One void follows a bounded number of others; who reinstates a record that was voided more often reinstates it.
#[test]
fn what_was_voided_by_many_at_once_is_settled() {
    let line = Line::new(19);
    let node = line.told("node-320922-0");
    let mediator = node.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    let worked = node.write_blocking(move |ledger| people::work_entry(ledger, mediator, 1)).unwrap();
    let mut other = Forger::new(line.world.machine("node-320922-1"), Scope::Own(Reach::Province));
    let work = kind("work_entry").unwrap();
    let voids: Vec<Operation> = (0..150)
        .map(|n| {
            let void = Void { follows: vec![], heads: vec![], restores: false, reason: format!("误{n}") };
            let salt = work.personal.then_some([3; 16]);
            Operation::new(work.number, worked, Some(5), void.encode(), salt).voiding(true)
        })
        .collect();
    give(&node, &other.say(&voids));
    assert_eq!(state(&node, worked), State::Voided);
    assert_eq!(reinstate(&node, worked), Ok(State::Stands));
    assert_eq!(void(&node, worked), Ok(State::Voided));
    rebuilds_the_same(&node);
}

/// What a device writes that keeps no rule is held at every level, in every order: a void of another kind's or another
/// reach's record, of what is never voided, without a reason, and one that takes back nothing.
#[test]
fn a_void_that_may_not_be_is_held() {
    let line = Line::new(16);
    let county = line.world.machine("node-320922-0");
    let mut province = Forger::new(county, Scope::Own(Reach::Province));
    let mut nation = Forger::new(county, Scope::Own(Reach::Nation));
    let (work, spent) = (kind("work_entry").unwrap(), kind("expenditure").unwrap());
    let filing = kind("filing").unwrap();
    let entry = people::log_line(RecordId([6; 16]), 1);
    let ids: Vec<RecordId> = (0..3).map(|_| province.id()).collect();
    let said = |id| Operation::new(work.number, id, None, entry.encode(), work.personal.then_some([3; 16]));
    let none = || Void { follows: vec![], heads: vec![], restores: false, reason: "误".into() };
    let voiding = |kind: &huiliu_proto::kind::Kind, id, void: Void| {
        Operation::new(kind.number, id, Some(5), void.encode(), kind.personal.then_some([3; 16])).voiding(true)
    };
    let good = voiding(work, ids[0], none());
    let takes_back_nothing = Void { restores: true, ..none() };
    let feeds = [
        vec![
            province.say(&[said(ids[0]), said(ids[1]), said(ids[2])]),
            province.say(&[
                good.clone(),
                voiding(work, ids[1], takes_back_nothing),
                voiding(work, ids[1], Void { reason: String::new(), ..none() }),
                voiding(work, ids[1], Void { heads: vec![Hash([4; 32])], ..none() }),
                // Said again, it is one void.
                good.clone(),
            ]),
            province.say(&[voiding(work, ids[0], Void { follows: vec![good.leaf()], restores: true, ..none() })]),
        ],
        vec![nation.say(&[
            // Of another kind: nothing of that kind is there, ever.
            voiding(spent, ids[2], none()),
            voiding(filing, ids[2], none()),
        ])],
    ];
    let mut seen = None;
    let mut random = Random(7);
    for round in 0..8 {
        let (_, store, _dir) = line.fresh("hub-320900");
        shuffled(&feeds, &mut random).iter().for_each(|batch| give(&store, batch));
        rebuilds_the_same(&store);
        let shown: Vec<bool> = ids.iter().map(|id| is_shown(&store, "work_entry", *id)).collect();
        let mut held = held(&store);
        held.sort();
        match &seen {
            None => seen = Some((shown, held)),
            Some(seen) => assert_eq!(*seen, (shown, held), "round {round}"),
        }
    }
    let (shown, held) = seen.unwrap();
    assert_eq!(shown, [true, true, true]);
    let reasons: Vec<&str> = held.iter().map(|(_, reason)| reason.as_str()).collect();
    let count = |reason| reasons.iter().filter(|held| **held == reason).count();
    assert_eq!((count("rule"), count("early"), count("not-allowed")), (3, 1, 1), "{held:?}");
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

#[derive(Debug, Clone)]
enum Step {
    Edit { device: usize, record: usize, value: u64 },
    Void { device: usize, record: usize },
    Reinstate { device: usize, record: usize },
    Hear { device: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || (0..2usize, 0..4usize);
    let edit = (who(), 0..5u64).prop_map(|((device, record), value)| Step::Edit { device, record, value });
    let void = who().prop_map(|(device, record)| Step::Void { device, record });
    let back = who().prop_map(|(device, record)| Step::Reinstate { device, record });
    let hear = (0..2usize).prop_map(|device| Step::Hear { device });
    proptest::collection::vec(prop_oneof![3 => edit, 4 => void, 3 => back, 2 => hear], 1..30)
}

/// What a level shows of the records, and what is noted of each.
fn picture(store: &Store, records: &[RecordId]) -> Vec<String> {
    let of = |id: &RecordId| {
        store
            .read(|conn| {
                let shown = projection::find(conn, id)?.map(|row| format!("{:?}", row.record.values()));
                let disputes = documents::conflicts(conn, Some(id))?.len();
                Ok(format!("{:?} {shown:?} {disputes}", voids::state(conn, county(), id)?))
            })
            .unwrap()
    };
    let mut all: Vec<String> = records.iter().map(of).collect();
    let sums = store.read(|conn| rollups::sums(conn, county(), i32::MIN, i32::MAX)).unwrap();
    all.push(format!("{sums:?}"));
    all
}

/// A level's own allocation to a county, said in two branches that see the same.
struct Copies {
    feeds: [Forger; 2],
    record: Operation,
    said: Vec<Hash>,
}

impl Copies {
    fn new(line: &Line) -> Copies {
        let province = line.world.machine("hub-320000");
        let branch = |union: &str| Forger::new(province, Scope::Branch(union.parse().unwrap()));
        let mut feeds = [branch("320900"), branch("320922")];
        let fields = [
            ("to_union", "320922"),
            ("no", "拨1"),
            ("programme", &huiliu_proto::id::hex(&[6; 16])),
            ("year", "2025"),
            ("amount", "100.00"),
            ("doc_no", "文1"),
            ("paid_on", "2025-03-04"),
        ];
        let said = people::record("allocation", &fields);
        let record = Operation::new(said.kind.number, feeds[0].id(), None, said.encode(), None);
        Copies { feeds, record, said: vec![] }
    }

    /// The record itself, in one of the branches.
    fn record(&mut self, at: usize) -> Incoming {
        let record = self.record.clone();
        self.feeds[at].say(&[record])
    }

    /// A void in one of the branches, or a taking back, that knows those before it or none of them.
    fn void(&mut self, at: usize, knows: bool, restores: bool) -> Incoming {
        let mut follows = if knows || restores { self.said.clone() } else { vec![] };
        follows.sort_unstable();
        follows.dedup();
        let restores = restores && !follows.is_empty();
        let void = Void { follows, heads: vec![], restores, reason: "误".into() };
        let Operation { kind, record, .. } = self.record;
        let void = Operation::new(kind, record, Some(5), void.encode(), None).voiding(true);
        self.said.push(void.leaf());
        self.feeds[at].say(&[void])
    }
}

/// What the nation makes of it: whether the allocation stands, and what is held for which reason.
fn allocated(store: &Store, id: RecordId) -> String {
    let state = store.read(|conn| voids::state(conn, "320000".parse().unwrap(), &id)).unwrap();
    let mut held = held(store);
    held.sort();
    format!("{state:?} {} {held:?}", is_shown(store, "allocation", id))
}

/// One record in two scopes stands where it comes first, and so do its voids, whichever of them came first here.
#[test]
fn a_record_in_two_branches_is_voided_where_it_stands() {
    let line = Line::new(18);
    for void_in in [0, 1] {
        let mut copies = Copies::new(&line);
        let id = copies.record.record;
        let mut feeds = [vec![copies.record(0)], vec![copies.record(1)]];
        feeds[void_in].push(copies.void(void_in, false, false));
        let seen = [[0, 1], [1, 0]].map(|order| {
            let (_, store, _dir) = line.fresh("hub-100000");
            order.iter().flat_map(|at| &feeds[*at]).for_each(|batch| give(&store, batch));
            rebuilds_the_same(&store);
            allocated(&store, id)
        });
        assert_eq!(seen[0], seen[1], "a void in branch {void_in}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_order_of_arrival_comes_to_the_same(history in steps(), order in any::<u64>()) {
        let line = Line::new(3);
        let devices = [line.told("node-320922-0"), line.told("node-320922-1")];
        let hear = |device: usize| hand_over(&devices[1 - device], &devices[device]);
        // Two dossiers and two lines of the log, one of each by each machine.
        let mut records = vec![];
        for (n, device) in devices.iter().enumerate() {
            let mediator = device.write_blocking(move |l| people::mediator(l, n as u64)).unwrap();
            records.push(mediator);
        }
        hear(0);
        hear(1);
        for (n, device) in devices.iter().enumerate() {
            let mediator = device.write_blocking(move |l| people::mediator(l, 7)).unwrap();
            records.push(device.write_blocking(move |l| people::work_entry(l, mediator, n as u64)).unwrap());
        }
        hear(0);
        hear(1);
        for step in &history {
            line.later();
            match *step {
                Step::Hear { device } => hear(device),
                Step::Edit { device, record, value } => {
                    let id = records[record % 2];
                    let edited = devices[device]
                        .write_blocking(move |l| people::edit(l, "mediator", id, "name", &format!("词{value}")));
                    // What is voided is not edited.
                    prop_assert!(edited.is_ok() || state(&devices[device], id) == State::Voided);
                }
                Step::Void { device, record } => drop(void(&devices[device], records[record])),
                Step::Reinstate { device, record } => drop(reinstate(&devices[device], records[record])),
            }
            for device in &devices {
                device.write_blocking(Ledger::prepare_outgoing).unwrap();
            }
        }
        hear(0);
        hear(1);
        let expected = picture(&devices[0], &records);
        prop_assert_eq!(&expected, &picture(&devices[1], &records));
        let feeds: Vec<Vec<Incoming>> = devices.iter().flat_map(batches).collect();
        let mut random = Random(order);
        for hub in ["hub-320900", "hub-320000"] {
            let (_, store, _dir) = line.fresh(hub);
            shuffled(&feeds, &mut random).iter().for_each(|batch| give(&store, batch));
            prop_assert_eq!(&expected, &picture(&store, &records), "{}", hub);
            prop_assert!(held(&store).is_empty());
            rebuilds_the_same(&store);
        }
        for device in &devices {
            rebuilds_the_same(device);
        }
    }

    #[test]
    fn voids_of_a_record_in_two_branches_come_to_the_same(
        said in proptest::collection::vec((0..2usize, any::<bool>(), any::<bool>()), 1..7),
        order in any::<u64>(),
    ) {
        let line = Line::new(4);
        let mut copies = Copies::new(&line);
        let mut feeds = [vec![copies.record(0)], vec![copies.record(1)]];
        for (at, knows, restores) in said {
            feeds[at].push(copies.void(at, knows, restores));
        }
        let (id, mut random) = (copies.record.record, Random(order));
        let seen = [feeds.concat(), shuffled(&feeds, &mut random), shuffled(&feeds, &mut random)].map(|batches| {
            let (_, store, _dir) = line.fresh("hub-100000");
            batches.iter().for_each(|batch| give(&store, batch));
            rebuilds_the_same(&store);
            allocated(&store, id)
        });
        prop_assert_eq!(&seen[0], &seen[1]);
        prop_assert_eq!(&seen[0], &seen[2]);
    }
}
