//! A county with its city, province and nation, in memory and with a clock turned by hand.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use anyhow::{Result, ensure};
use clap::Parser as _;
use huiliu_hub::revocation;
use huiliu_node::{
    cli::{self, CommandContext, Exit, context::Program, status::Status},
    identity::Role,
    store::{
        evidence::{self, EvidenceKind, KeptEvidence},
        projection, quarantine, receipts,
    },
    writer::{Store, Threads},
};
use huiliu_proto::{
    id::{DeviceId, RecordId},
    kind::kind,
    lang::Lang,
    signed::SigningKey,
    union::UnionNumber,
};

use crate::{
    forger::attested,
    oracle, people,
    talk::talk,
    world::{Machine, World, hand_clock, random},
};

#[derive(clap::Parser)]
struct Typed {
    #[command(subcommand)]
    verb: cli::Verb,
}

/// What a clerk types at a desk, and how it ends.
pub fn types(context: &CommandContext, words: &[&str]) -> Result<Exit> {
    Typed::try_parse_from([&["huiliu-node"], words].concat())?.verb.run(context)
}

/// A machine and its open store.
pub struct Place {
    pub machine: Machine,
    pub store: Store,
}

impl Place {
    pub fn new(machine: &Machine) -> Place {
        Place { machine: machine.clone(), store: machine.store(Threads::Inline) }
    }

    pub fn ends(&self) -> (&Machine, &Store) {
        (&self.machine, &self.store)
    }

    pub fn device(&self) -> DeviceId {
        self.machine.me().device()
    }

    pub fn mediator(&self, n: u64) -> RecordId {
        self.store.write_blocking(move |ledger| people::mediator(ledger, n)).expect("a mediator is written")
    }

    pub fn work(&self, mediator: RecordId, n: u64) -> RecordId {
        self.store
            .write_blocking(move |ledger| people::work_entry(ledger, mediator, n))
            .expect("a work entry is written")
    }

    /// Signs what is written, so that the next line goes into a segment of its own.
    pub fn pack(&self) {
        self.store
            .write_blocking(huiliu_node::ledger::Ledger::prepare_outgoing)
            .expect("what is written can be packed");
    }

    /// A hub enrols somebody for a union below it: a word in the feed in which it speaks to that branch.
    pub fn enrols(&self, union: UnionNumber, seed: [u8; 32]) {
        let record = attested(&SigningKey::from_seed(&seed), union, false);
        self.store
            .write_blocking(move |ledger| ledger.write_entry(&record).map(drop))
            .expect("an enrolment is written");
    }

    pub fn evidence(&self) -> Vec<KeptEvidence> {
        self.store.read(|conn| evidence::list(conn, false)).expect("the store can be read")
    }

    /// Open evidence of one kind against a machine.
    pub fn accuses(&self, what: EvidenceKind, device: &DeviceId) -> Option<KeptEvidence> {
        let about =
            |k: &KeptEvidence| k.evidence.what == what && k.evidence.from.is_some_and(|from| from.device == *device);
        self.evidence().into_iter().find(about)
    }

    /// Whether the last call with a union failed, so that `status` says so.
    pub fn line_trouble(&self, union: UnionNumber) -> bool {
        let links = self.store.read(receipts::links).expect("the store can be read");
        links.iter().any(|link| link.union == union && link.error.is_some())
    }

    pub fn works(&self) -> usize {
        let kind = kind("work_entry").expect("work entries are declared");
        self.store.read(|c| projection::list(c, kind, None, None, 100_000)).expect("the store can be read").len()
    }

    /// At which its clerk types.
    pub fn context(&self) -> CommandContext {
        let machine = &self.machine;
        CommandContext {
            names: Default::default(),
            program: Program::Node,
            passphrase_file: None,
            acting: None,
            lang: Lang::Zh,
            json: true,
            dir: machine.home.dir.clone(),
            clock: machine.clock.clone(),
            random: machine.random.clone(),
        }
    }

    /// How `status` ends.
    pub fn status(&self) -> Exit {
        Status {}.run(&self.context()).expect("status can always be told")
    }

    /// Another machine with the same disk.
    pub fn twin(&self, seed: u64) -> Place {
        let name = format!("{}-twin", self.machine.name);
        let copy = self.machine.with_copy_at(&self.machine.home.dir.with_file_name(&name));
        Place::new(&Machine { name, random: random(seed), ..copy })
    }
}

/// One machine at each level, joined, and all they have exchanged.
pub struct Chain {
    _dir: tempfile::TempDir,
    pub world: World,
    hand: Arc<AtomicI64>,
    pub nation: Place,
    pub province: Place,
    pub city: Place,
    pub county: Place,
}

impl Chain {
    pub fn new(seed: u64) -> Chain {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (clock, hand) = hand_clock();
        let mut world = World::new(dir.path(), seed, clock);
        for (union, role) in
            [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)]
        {
            world.add(union, role).expect("machines join");
        }
        let place = |name: &str| Place::new(world.machine(name));
        let (nation, province) = (place("hub-100000"), place("hub-320000"));
        let (city, county) = (place("hub-320900"), place("node-320922-0"));
        let chain = Chain { _dir: dir, world, hand, nation, province, city, county };
        chain.settle().expect("honest machines come together");
        chain
    }

    pub fn wait(&self, millis: i64) {
        self.hand.fetch_add(millis, Ordering::Relaxed);
    }

    pub fn days(&self, days: i64) {
        self.wait(days * 24 * 3_600_000);
    }

    /// Everybody exchanges until nothing is new any more.
    pub fn settle(&self) -> Result<()> {
        for _ in 0..3 {
            talk(self.county.ends(), self.city.ends())?;
            talk(self.city.ends(), self.province.ends())?;
            talk(self.province.ends(), self.nation.ends())?;
        }
        talk(self.city.ends(), self.province.ends())?;
        talk(self.county.ends(), self.city.ends())?;
        Ok(())
    }

    /// The same, with a second machine of the county.
    pub fn settle_with(&self, second: &Place) -> Result<()> {
        for _ in 0..2 {
            self.settle()?;
            talk(second.ends(), self.city.ends())?;
        }
        Ok(())
    }

    /// The city shuts out a machine that it enrolled.
    pub fn city_revokes(&self, device: DeviceId) {
        let (city, digits) = (self.city.machine.union(), device.to_string());
        let plan = self.city.store.read(|conn| Ok(revocation::plan(conn, city, &digits, None)));
        let plan = plan.expect("the store can be read").expect("the city enrolled it");
        let revoked = self.city.store.write_blocking(move |ledger| revocation::revoke(ledger, &plan, "丢失"));
        revoked.expect("the store can be written").expect("the city may do so");
    }

    /// All invariants, at every level; and that no honest operation is held back.
    pub fn holds(&self) -> Result<()> {
        let all = [&self.nation, &self.province, &self.city, &self.county];
        let all: Vec<(Machine, Store)> = all.map(|p| (p.machine.clone(), p.store.clone())).into();
        oracle::nothing_is_missing(&all)?;
        oracle::sums_agree(&all)?;
        for (machine, store) in &all {
            oracle::verifies(machine, store)?;
            let held = store.read(quarantine::all)?;
            ensure!(held.is_empty(), "{} holds back {held:?}", machine.name);
        }
        Ok(())
    }
}
