//! Restored backups, cloned disks, hubs from yesterday, lost machines: nothing is lost, nothing counts twice, and
//! nothing happens in silence.

use std::{collections::BTreeSet, fs};

use huiliu_node::{
    identity::{Home, Role},
    store::{
        Store, Threads,
        evidence::{self, What},
        projection,
    },
};
use huiliu_proto::{
    id::RecordId,
    kind::{Shape, kind},
};
use huiliu_tests::{
    disk, oracle, people,
    talk::talk,
    world::{Machine, World, hand_clock},
};

/// A machine and its open store, which can be closed to change what is on the disk.
struct Place {
    machine: Machine,
    store: Option<Store>,
}

impl Place {
    fn new(machine: &Machine) -> Place {
        Place { machine: machine.clone(), store: Some(machine.store(Threads::Inline)) }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn close(&mut self) {
        self.store = None;
    }

    /// As a program that is started anew.
    fn open(&mut self) {
        self.machine.home = Home::open(&self.machine.home.dir).unwrap();
        self.store = Some(self.machine.store(Threads::Inline));
    }

    fn talk(&self, upper: &Place) {
        talk((&self.machine, self.store()), (&upper.machine, upper.store())).unwrap();
    }

    fn mediator(&self, n: u64) -> RecordId {
        self.store().write_blocking(move |ledger| people::mediator(ledger, n)).unwrap()
    }

    fn work(&self, mediator: RecordId, n: u64) -> RecordId {
        self.store().write_blocking(move |ledger| people::work_entry(ledger, mediator, n)).unwrap()
    }

    fn rename(&self, mediator: RecordId, name: &'static str) {
        self.store().write_blocking(move |ledger| people::edit(ledger, "mediator", mediator, "name", name)).unwrap();
    }

    fn name(&self, mediator: RecordId) -> String {
        let shown = self.store().read(|c| projection::get(c, kind("mediator").unwrap(), &mediator)).unwrap();
        shown.unwrap().record.text("name").unwrap().to_owned()
    }

    fn works(&self) -> BTreeSet<RecordId> {
        let all = self.store().read(|c| projection::list(c, kind("work_entry").unwrap(), None, None, 10_000)).unwrap();
        all.into_iter().map(|row| row.id).collect()
    }

    fn saw(&self) -> Vec<What> {
        let mut all: Vec<What> =
            self.store().read(|c| evidence::list(c, false)).unwrap().into_iter().map(|k| k.evidence.what).collect();
        all.dedup();
        all
    }

    fn incarnation(&self) -> u32 {
        self.machine.me().memory.incarnation()
    }
}

struct Story {
    _dir: tempfile::TempDir,
    world: World,
    nation: Place,
    province: Place,
    city: Place,
    county: Place,
}

impl Story {
    fn new() -> Story {
        let dir = tempfile::tempdir().unwrap();
        let (clock, _) = hand_clock();
        let mut world = World::new(dir.path(), 11, clock);
        for (union, role) in
            [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)]
        {
            world.add(union, role).unwrap();
        }
        let place = |name: &str| Place::new(world.machine(name));
        let (nation, province) = (place("hub-100000"), place("hub-320000"));
        let (city, county) = (place("hub-320900"), place("node-320922-0"));
        let story = Story { _dir: dir, world, nation, province, city, county };
        story.settle(&[]);
        story
    }

    /// Everybody exchanges until nothing is new any more.
    fn settle(&self, others: &[&Place]) {
        for _ in 0..3 {
            for county in [&self.county].into_iter().chain(others.iter().copied()) {
                county.talk(&self.city);
            }
            self.city.talk(&self.province);
            self.province.talk(&self.nation);
            self.city.talk(&self.province);
            for county in [&self.county].into_iter().chain(others.iter().copied()) {
                county.talk(&self.city);
            }
        }
    }

    /// All invariants, at every level; and that no honest operation is held back.
    fn holds(&self, others: &[&Place]) {
        let all = [&self.nation, &self.province, &self.city, &self.county].into_iter().chain(others.iter().copied());
        let all: Vec<(Machine, Store)> = all.map(|p| (p.machine.clone(), p.store().clone())).collect();
        oracle::nothing_is_missing(&all).unwrap();
        for (machine, store) in &all {
            oracle::verifies(machine, store).unwrap();
            oracle::holds_nothing_back(machine, store).unwrap();
        }
    }
}

/// The whole home, memory and all, as it was.
fn back_to(place: &mut Place) {
    place.close();
    disk::back_to(&place.machine.home.dir).unwrap();
    place.open();
}

/// The database alone, as it was; what is remembered outside it stays.
fn database_back_to(place: &mut Place) {
    place.close();
    disk::database_back_to(&place.machine.home.dir).unwrap();
    place.open();
}

fn save(place: &mut Place) {
    place.close();
    disk::save(&place.machine.home.dir).unwrap();
    place.open();
}

#[test]
fn a_restored_database_shows_and_goes_on_in_a_new_incarnation() {
    let mut story = Story::new();
    let mediator = story.county.mediator(1);
    let mut works: BTreeSet<_> = (0..3).map(|n| story.county.work(mediator, n)).collect();
    story.settle(&[]);
    save(&mut story.county);
    works.extend((3..7).map(|n| story.county.work(mediator, n)));
    story.county.rename(mediator, "后来的名字");
    story.settle(&[]);
    database_back_to(&mut story.county);
    assert_eq!(story.county.saw(), [What::Restored]);
    assert_ne!(story.county.incarnation(), 0);
    // Written before anybody was asked: it cannot clash with what was signed before.
    works.insert(story.county.work(mediator, 8));
    story.settle(&[]);
    assert_eq!(story.county.name(mediator), "后来的名字");
    for place in [&story.county, &story.city, &story.province] {
        assert_eq!(place.works(), works, "{}", place.machine.name);
    }
    assert_eq!(story.county.saw(), [What::Restored], "no fork came of it");
    assert_eq!(story.city.saw(), [What::Restored], "the level above hears of it");
    story.holds(&[]);
    // Opened again, it is not taken for restored a second time.
    let incarnation = story.county.incarnation();
    story.county.close();
    story.county.open();
    assert_eq!(story.county.incarnation(), incarnation);
}

#[test]
fn a_restored_disk_that_asks_first_takes_its_own_back() {
    let mut story = Story::new();
    let mediator = story.county.mediator(1);
    let mut works: BTreeSet<_> = (0..3).map(|n| story.county.work(mediator, n)).collect();
    story.settle(&[]);
    save(&mut story.county);
    works.extend((3..7).map(|n| story.county.work(mediator, n)));
    story.settle(&[]);
    back_to(&mut story.county);
    assert!(story.county.saw().is_empty(), "nothing here can tell");
    story.county.talk(&story.city);
    assert_eq!(story.county.saw(), [What::Elsewhere]);
    assert_ne!(story.county.incarnation(), 0);
    works.insert(story.county.work(mediator, 8));
    story.settle(&[]);
    for place in [&story.county, &story.city, &story.province] {
        assert_eq!(place.works(), works);
    }
    story.holds(&[]);
}

#[test]
fn a_restored_disk_that_writes_first_says_it_again() {
    for written in [1, 9] {
        let mut story = Story::new();
        let mediator = story.county.mediator(1);
        let other = story.county.mediator(2);
        let mut works: BTreeSet<_> = (0..3).map(|n| story.county.work(mediator, n)).collect();
        story.settle(&[]);
        save(&mut story.county);
        works.extend((3..7).map(|n| story.county.work(mediator, n)));
        story.county.rename(mediator, "甲");
        story.settle(&[]);
        back_to(&mut story.county);
        // More, or fewer, than were written before the disk was restored; edits that follow each other among them.
        story.county.rename(other, "乙");
        story.county.rename(other, "丙");
        let third = story.county.mediator(3);
        story.county.rename(third, "丁");
        works.extend((20..20 + written).map(|n| story.county.work(mediator, n)));
        story.settle(&[]);
        for place in [&story.county, &story.city, &story.province] {
            assert_eq!(place.works(), works, "{}", place.machine.name);
            let names = [mediator, other, third].map(|id| place.name(id));
            assert_eq!(names, ["甲", "丙", "丁"], "{}", place.machine.name);
        }
        assert!(story.county.saw().contains(&What::Fork));
        for place in [&story.city, &story.province] {
            assert!(
                place.saw().iter().any(|what| matches!(what, What::Fork | What::Restored)),
                "{}",
                place.machine.name
            );
        }
        story.holds(&[]);
    }
}

#[test]
fn a_dossier_changed_on_both_sides_of_a_restore_shows_both() {
    let mut story = Story::new();
    let mediator = story.county.mediator(1);
    story.settle(&[]);
    save(&mut story.county);
    story.county.rename(mediator, "甲");
    story.settle(&[]);
    back_to(&mut story.county);
    story.county.rename(mediator, "乙");
    story.settle(&[]);
    for place in [&story.county, &story.city] {
        let open = place.store().read(|c| huiliu_node::store::documents::conflicts(c, Some(&mediator))).unwrap();
        assert_eq!(open.len(), 1, "a person decides between two names");
        assert_eq!(open[0].values.len(), 2);
    }
    story.holds(&[]);
}

#[test]
fn a_cloned_disk_with_both_machines_at_work() {
    let mut story = Story::new();
    let mediator = story.county.mediator(1);
    let mut works: BTreeSet<_> = (0..3).map(|n| story.county.work(mediator, n)).collect();
    story.settle(&[]);
    works.insert(story.county.work(mediator, 3));
    story.county.close();
    let twin = story.county.machine.home.dir.with_extension("twin");
    disk::copy(&story.county.machine.home.dir, &twin).unwrap();
    story.county.open();
    let mut clone = Place { machine: story.county.machine.clone(), store: None };
    clone.machine.name = "twin".into();
    clone.machine.dice = huiliu_tests::world::dice(99);
    clone.machine.home.dir = twin;
    clone.open();
    for round in 0..4 {
        works.extend((0..3).map(|n| story.county.work(mediator, 10 + round * 10 + n)));
        works.extend((0..2).map(|n| clone.work(mediator, 50 + round * 10 + n)));
        if round % 2 == 0 {
            story.county.talk(&story.city);
        }
        clone.talk(&story.city);
    }
    story.settle(&[&clone]);
    for place in [&story.county, &clone, &story.city, &story.province] {
        assert_eq!(place.works(), works, "{}", place.machine.name);
    }
    assert!(clone.saw().contains(&What::Fork), "{:?}", clone.saw());
    assert!(story.city.saw().iter().any(|what| matches!(what, What::Fork | What::Restored)));
    assert!(story.county.saw().contains(&What::Elsewhere), "the first machine hears that its key is used elsewhere");
    assert_ne!(clone.incarnation(), story.county.incarnation());
    story.holds(&[&clone]);
}

/// A clone had gone on anew and written an edit that followed one in the feed it had left; that one was cut off later.
/// The two were then said under one number, and which of them counted depended on the order of arrival.
#[test]
fn what_followed_an_edit_that_is_cut_off_is_said_again_too() {
    let mut story = Story::new();
    let mediator = story.county.mediator(1);
    story.settle(&[]);
    story.county.close();
    let twin = story.county.machine.home.dir.with_extension("twin");
    disk::copy(&story.county.machine.home.dir, &twin).unwrap();
    story.county.open();
    let mut clone = Place { machine: story.county.machine.clone(), store: None };
    clone.machine.name = "twin".into();
    clone.machine.dice = huiliu_tests::world::dice(98);
    clone.machine.home.dir = twin.clone();
    clone.open();
    clone.rename(mediator, "甲");
    clone.rename(mediator, "乙");
    clone.close();
    fs::remove_file(twin.join("memory.json")).unwrap();
    clone.open();
    assert_ne!(clone.incarnation(), 0);
    clone.rename(mediator, "丙");
    clone.rename(mediator, "丁");
    // The other machine's history of the feed they share is the one that the city has.
    let works: BTreeSet<_> = (0..4).map(|n| story.county.work(mediator, n)).collect();
    story.settle(&[]);
    story.settle(&[&clone]);
    for place in [&story.county, &clone, &story.city, &story.province] {
        assert_eq!(place.name(mediator), "丁", "{}", place.machine.name);
        assert_eq!(place.works(), works, "{}", place.machine.name);
        let open = place.store().read(|c| huiliu_node::store::documents::conflicts(c, Some(&mediator))).unwrap();
        assert!(open.is_empty(), "one machine wrote all of it: {open:?}");
    }
    story.holds(&[&clone]);
    clone.rename(mediator, "戊");
    story.settle(&[&clone]);
    assert_eq!(story.province.name(mediator), "戊");
    story.holds(&[&clone]);
}

#[test]
fn a_hub_from_yesterday_is_refilled_from_below_and_above() {
    for whole in [false, true] {
        let mut story = Story::new();
        let mediator = story.county.mediator(1);
        let mut works: BTreeSet<_> = (0..3).map(|n| story.county.work(mediator, n)).collect();
        let own = story.city.mediator(7);
        story.settle(&[]);
        save(&mut story.city);
        works.extend((3..7).map(|n| story.county.work(mediator, n)));
        works.insert(story.city.work(own, 30));
        story.world.add("320923", Role::Node).unwrap();
        let second = Place::new(story.world.machine("node-320923-0"));
        let far = second.mediator(5);
        works.insert(second.work(far, 40));
        story.settle(&[&second]);
        if whole {
            back_to(&mut story.city)
        } else {
            database_back_to(&mut story.city)
        }
        // It writes of its own before anybody could tell it what it had written; one of its counties writes too.
        works.insert(story.city.work(own, 31));
        works.insert(story.county.work(mediator, 41));
        // The county enrolled since is a stranger until its enrolment has come back from above.
        story.city.talk(&story.province);
        story.settle(&[&second]);
        for place in [&story.city, &story.province] {
            assert_eq!(place.works(), works, "{} whole {whole}", place.machine.name);
        }
        assert!(!story.city.saw().is_empty());
        story.holds(&[&second]);
    }
}

#[test]
fn a_national_hub_from_yesterday_says_again_what_only_those_below_still_have() {
    assert_eq!(kind("programme").unwrap().shape, Shape::Entry);
    // What it wrote since is shorter, as long, and longer than what those below remember.
    for (remembered, written) in [(3, 1), (2, 2), (1, 3), (5, 0)] {
        let mut story = Story::new();
        let programme = |story: &Story| story.nation.store().write_blocking(people::programme).unwrap();
        let mut all = BTreeSet::from([programme(&story)]);
        story.settle(&[]);
        save(&mut story.nation);
        all.extend((0..remembered).map(|_| programme(&story)));
        story.settle(&[]);
        back_to(&mut story.nation);
        all.extend((0..written).map(|_| programme(&story)));
        story.settle(&[]);
        story.settle(&[]);
        for place in [&story.nation, &story.province, &story.city, &story.county] {
            let shown =
                place.store().read(|c| projection::list(c, kind("programme").unwrap(), None, None, 100)).unwrap();
            let shown: BTreeSet<_> = shown.into_iter().map(|row| row.id).collect();
            assert_eq!(shown, all, "{} {remembered} {written}", place.machine.name);
        }
        story.holds(&[]);
    }
}

#[test]
fn a_lost_machine_is_replaced_and_the_unions_history_comes_back() {
    let mut story = Story::new();
    let mediator = story.county.mediator(1);
    let works: BTreeSet<_> = (0..5).map(|n| story.county.work(mediator, n)).collect();
    story.settle(&[]);
    story.world.add("320922", Role::Node).unwrap();
    story.county.close();
    fs::remove_dir_all(&story.county.machine.home.dir).unwrap();
    story.county = Place::new(story.world.machine("node-320922-1"));
    story.settle(&[]);
    assert_eq!(story.county.works(), works);
    story.county.rename(mediator, "新机所写");
    story.settle(&[]);
    assert_eq!(story.province.name(mediator), "新机所写");
    story.holds(&[]);
}
