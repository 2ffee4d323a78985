//! Machines whose stores a test closes and opens, restores and copies; and a county with all levels above it, where
//! everybody exchanges by hand. For directed tests: what cannot be had panics.

use std::collections::BTreeSet;

use huiliu_node::{
    document::{Document, StandingValue},
    identity::{Home, Role},
    store::{
        documents,
        evidence::{self, EvidenceKind},
        projection,
    },
    writer::{Store, Threads},
};
use huiliu_proto::{edit::Scalar, id::RecordId, kind::kind};

use crate::{
    disk, oracle, people,
    talk::{talk, talk_while},
    world::{self, Machine, World, hand_clock},
};

/// A machine and its open store, which can be closed to change what is on the disk.
pub struct Place {
    pub machine: Machine,
    store: Option<Store>,
}

impl Place {
    pub fn new(machine: &Machine) -> Place {
        Place::with(machine, Threads::Inline)
    }

    pub fn with(machine: &Machine, threads: Threads) -> Place {
        Place { machine: machine.clone(), store: Some(machine.store(threads)) }
    }

    pub fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    pub fn close(&mut self) {
        self.store = None;
    }

    /// As a program that is started anew.
    pub fn open(&mut self) {
        self.machine.home = Home::open(&self.machine.home.dir).unwrap();
        self.store = Some(self.machine.store(Threads::Inline));
    }

    pub fn talk(&self, upper: &Place) {
        talk((&self.machine, self.store()), (&upper.machine, upper.store())).unwrap();
    }

    /// As `talk`, but the line stays; once both have the same, `meanwhile` happens.
    pub fn talk_while(&self, upper: &Place, meanwhile: impl FnOnce() + Send) {
        talk_while((&self.machine, self.store()), (&upper.machine, upper.store()), meanwhile).unwrap();
    }

    pub fn mediator(&self, n: u64) -> RecordId {
        self.store().write_blocking(move |ledger| people::mediator(ledger, n)).unwrap()
    }

    pub fn work(&self, mediator: RecordId, n: u64) -> RecordId {
        self.store().write_blocking(move |ledger| people::work_entry(ledger, mediator, n)).unwrap()
    }

    pub fn rename(&self, mediator: RecordId, name: &'static str) {
        self.store().write_blocking(move |ledger| people::edit(ledger, "mediator", mediator, "name", name)).unwrap();
    }

    pub fn name(&self, mediator: RecordId) -> String {
        let shown = self.store().read(|c| projection::get(c, kind("mediator").unwrap(), &mediator)).unwrap();
        shown.unwrap().record.text("name").unwrap().to_owned()
    }

    /// All names that stand in a dossier, where machines disagree about it.
    pub fn names(&self, mediator: RecordId) -> BTreeSet<String> {
        let row = self.store().read(|c| documents::get(c, "320922".parse().unwrap(), &mediator)).unwrap().unwrap();
        let name = kind("mediator").unwrap().fields[kind("mediator").unwrap().field("name").unwrap()].number;
        let document = Document::load(&row.snapshot).unwrap();
        let fields = document.fields();
        let text = |standing: &StandingValue| match &standing.value {
            Scalar::Text(text) => text.clone(),
            other => panic!("{other:?} is no name"),
        };
        fields[&name].iter().map(text).collect()
    }

    pub fn works(&self) -> BTreeSet<RecordId> {
        let all = self.store().read(|c| projection::list(c, kind("work_entry").unwrap(), None, None, 10_000)).unwrap();
        all.into_iter().map(|row| row.id).collect()
    }

    pub fn saw(&self) -> Vec<EvidenceKind> {
        let mut all: Vec<EvidenceKind> =
            self.store().read(|c| evidence::list(c, false)).unwrap().into_iter().map(|k| k.evidence.what).collect();
        all.dedup();
        all
    }

    pub fn incarnation(&self) -> u32 {
        self.machine.me().memory.incarnation()
    }
}

/// A county with all levels above it.
pub struct Story {
    _dir: tempfile::TempDir,
    pub world: World,
    pub nation: Place,
    pub province: Place,
    pub city: Place,
    pub county: Place,
}

impl Default for Story {
    fn default() -> Story {
        Story::new()
    }
}

impl Story {
    pub fn new() -> Story {
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
    pub fn settle(&self, others: &[&Place]) {
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
    pub fn holds(&self, others: &[&Place]) {
        let all = [&self.nation, &self.province, &self.city, &self.county].into_iter().chain(others.iter().copied());
        let all: Vec<(Machine, Store)> = all.map(|p| (p.machine.clone(), p.store().clone())).collect();
        oracle::nothing_is_missing(&all).unwrap();
        oracle::holds_nothing_back(&all).unwrap();
        for (machine, store) in &all {
            oracle::verifies(machine, store).unwrap();
            oracle::raises_what_was_left(machine, store, &BTreeSet::new()).unwrap();
            oracle::rebuilds_the_same(machine, store).unwrap();
            oracle::shows_what_was_written(machine, store, &BTreeSet::new()).unwrap();
        }
    }
}

/// A machine that works from a copy of another one's disk.
pub fn clone_of(place: &mut Place, seed: u64) -> Place {
    place.close();
    let twin = place.machine.home.dir.with_extension("twin");
    disk::copy(&place.machine.home.dir, &twin).unwrap();
    place.open();
    let mut clone = Place { machine: place.machine.clone(), store: None };
    clone.machine.name = "twin".into();
    clone.machine.random = world::random(seed);
    clone.machine.home.dir = twin;
    clone.open();
    clone
}

/// The whole home, memory and all, as it was.
pub fn back_to(place: &mut Place) {
    place.close();
    disk::back_to(&place.machine.home.dir).unwrap();
    place.open();
}

/// The database alone, as it was; what is remembered outside it stays.
pub fn database_back_to(place: &mut Place) {
    place.close();
    disk::database_back_to(&place.machine.home.dir).unwrap();
    place.open();
}

pub fn save(place: &mut Place) {
    place.close();
    disk::save(&place.machine.home.dir).unwrap();
    place.open();
}
