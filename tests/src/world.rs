//! Unions with homes, keys and certificates, joined into a network.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use anyhow::Result;
use huiliu_hub::authority;
use huiliu_node::{
    clock::{Clock, Random},
    identity::{Home, LocalDevice, Role, Setup},
    ledger::{Cost, Ledger},
    sync::{line::Dial, uplink::Uplink},
    writer::{Store, Threads},
};
use huiliu_proto::union::UnionNumber;

use crate::{disk, people};

/// 2026-01-01.
pub const START: i64 = 1_767_225_600_000;

/// What a machine does in a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    Honest,
    /// It runs a program of its own, and is gone when the trouble ends.
    Rogue,
    /// The same, as fast as the line takes it, and to the very end.
    Floods,
    /// The same of a hub, which in the end does what a hub does.
    Reforms,
}

/// One machine of a union.
#[derive(Clone)]
pub struct Machine {
    /// Its name on the network.
    pub name: String,
    pub home: Home,
    pub clock: Clock,
    pub random: Random,
    pub conduct: Conduct,
    /// What it lets each device cost it a day, where that is not what the program lets it.
    pub allows: Option<Cost>,
}

impl Machine {
    pub fn me(&self) -> LocalDevice {
        self.home.me(self.clock.clone(), self.random.clone()).expect("the keys are there")
    }

    pub fn store(&self, threads: Threads) -> Store {
        let store = Store::of(&self.home, self.clock.clone(), self.random.clone(), threads).expect("the store opens");
        if let Some(daily) = self.allows {
            let allow = move |ledger: &mut Ledger| {
                ledger.allow(daily);
                Ok(())
            };
            store.write_blocking(allow).expect("nothing is written");
        }
        store
    }

    pub fn uplink(&self, store: &Store, dial: Dial) -> Uplink {
        Uplink {
            home: self.home.clone(),
            store: store.clone(),
            dial,
            clock: self.clock.clone(),
            random: self.random.clone(),
        }
    }

    pub fn union(&self) -> UnionNumber {
        self.home.config.union
    }

    /// The same machine with a copy of its disk, made at `dir`.
    pub fn with_copy_at(&self, dir: &Path) -> Machine {
        disk::copy(&self.home.dir, dir).expect("a disk can be copied");
        Machine { home: Home::open(dir).expect("the copy is whole"), ..self.clone() }
    }

    /// Runs a program of its own.
    pub fn is_rogue(&self) -> bool {
        self.conduct != Conduct::Honest
    }

    pub fn is_hub(&self) -> bool {
        self.home.config.hub
    }
}

/// A network of machines under one directory.
pub struct World {
    pub dir: PathBuf,
    pub machines: Vec<Machine>,
    seed: u64,
    pub clock: Clock,
}

/// Random bytes that a seed repeats.
pub fn random(seed: u64) -> Random {
    let random = Mutex::new(people::Random(seed));
    Arc::new(move |buffer| {
        let mut random = random.lock().expect("no test panics while it holds the random");
        for byte in buffer {
            *byte = random.roll() as u8;
        }
    })
}

/// A clock that a test turns by hand.
pub fn hand_clock() -> (Clock, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(START));
    let hand = Arc::clone(&now);
    (Arc::new(move || now.load(Ordering::Relaxed)), hand)
}

/// The simulator's clock; the start of all time outside it.
pub fn simulated_clock() -> Clock {
    Arc::new(|| START + turmoil::sim_elapsed().map_or(0, |t| i64::try_from(t.as_millis()).unwrap_or(i64::MAX)))
}

impl World {
    pub fn new(dir: &Path, seed: u64, clock: Clock) -> World {
        World { dir: dir.to_owned(), machines: vec![], seed, clock }
    }

    /// The nation, Jiangsu, Yancheng, and Binhai with two machines.
    pub fn with_two_machines(dir: &Path, seed: u64, clock: Clock) -> World {
        let mut world = World::new(dir, seed, clock);
        for (union, role) in [
            ("100000", Role::Root),
            ("320000", Role::Hub),
            ("320900", Role::Hub),
            ("320922", Role::Node),
            ("320922", Role::Node),
        ] {
            world.add(union, role).expect("machines join");
        }
        world
    }

    /// Sets up a machine and, where its parent is already here, joins it. Hubs are called `hub-<code>`.
    pub fn add(&mut self, union: &str, role: Role) -> Result<&Machine> {
        let union: UnionNumber = union.parse()?;
        let others = self.machines.iter().filter(|m| m.union() == union && !m.is_hub()).count();
        let name = match role {
            Role::Node => format!("node-{union}-{others}"),
            Role::Hub | Role::Root => format!("hub-{union}"),
        };
        let random = random(self.seed ^ (self.machines.len() as u64 + 1) << 32);
        let dir = self.dir.join(&name);
        let mut home = huiliu_node::writer::init(&Setup::new(&dir, "test", union, role), &self.clock, &random)?;
        if role != Role::Node {
            home.config.listen = Some(format!("{name}:{}", crate::network::PORT));
            home.save()?;
        }
        // A union's devices share the key of its sealed fields.
        if let Some(first) = self.machines.iter().find(|m| m.union() == union) {
            std::fs::copy(first.home.dir.join("keys/seal"), dir.join("keys/seal"))?;
        }
        let mut machine =
            Machine { name, home, clock: self.clock.clone(), random, conduct: Conduct::Honest, allows: None };
        if let Some(parent) = union.parent().and_then(|p| self.hub(p)) {
            join(parent, &mut machine)?;
        }
        self.machines.push(machine);
        Ok(self.machines.last().expect("one was just added"))
    }

    pub fn hub(&self, union: UnionNumber) -> Option<&Machine> {
        self.machines.iter().find(|m| m.is_hub() && m.union() == union)
    }

    pub fn machine(&self, name: &str) -> &Machine {
        self.machines.iter().find(|m| m.name == name).unwrap_or_else(|| panic!("no machine {name}"))
    }
}

/// The lower machine asks, the upper one enrols it, the lower one accepts.
pub fn join(parent: &Machine, child: &mut Machine) -> Result<()> {
    let request = child.home.request()?;
    let store = parent.store(Threads::Inline);
    // A thread of its own: a test may be running in a runtime already.
    let grant = std::thread::scope(|scope| {
        let enrolling = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            anyhow::Ok(runtime.block_on(authority::enrol(&parent.home, &store, &request, &parent.clock))?)
        });
        enrolling.join().expect("enrolling does not panic")
    })?;
    child.home.accept(&grant, None, &child.clock, &child.random)?;
    Ok(())
}
