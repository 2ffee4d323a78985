//! A lying hub in the simulated network: its downlink and its uplink are the real programs over real TLS, but each has
//! a store of its own, and what is handed from one to the other is the hub's lie. When the lying ends, the hub is set up
//! again from its last honest backup.

use std::{cell::Cell, rc::Rc, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use huiliu_hub::downlink;
use huiliu_node::{
    clock::Clock,
    identity::Role,
    ledger::{Incoming, Intake},
    store::{
        evidence::{self, EvidenceKind},
        feeds::{self, FeedRow},
    },
    writer::{Store, Threads},
};
use huiliu_proto::{
    feed::Scope,
    id::DeviceId,
    kind::{Reach, kind},
    operation::Operation,
    union::UnionNumber,
};

use crate::{
    chain::Place,
    disk,
    forger::Forger,
    network, oracle, people, relay, simulation,
    talk::talk,
    world::{Machine, START, World, simulated_clock},
};

const TICK: Duration = Duration::from_millis(25);
const LYING: Duration = Duration::from_secs(110);
const HEALING: Duration = Duration::from_secs(240);
/// In stories about weeks a second is so long.
const FAST: i64 = 20_000;

/// What the hub does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Says one thing to the county and another to the province.
    TwoStories,
    /// Never passes on what one county writes.
    Withhold,
    /// Passes on the beginning of it.
    Truncate,
    /// Changes a bit of it.
    Flip,
    /// Writes a feed of its own in the county's name.
    Invent,
    /// Shows the county its state of an earlier moment.
    Rollback,
}

impl Deed {
    pub const ALL: [Deed; 6] =
        [Deed::TwoStories, Deed::Withhold, Deed::Truncate, Deed::Flip, Deed::Invent, Deed::Rollback];

    /// Who sees it, and as what.
    fn seen(self) -> (&'static str, Option<EvidenceKind>) {
        match self {
            Deed::TwoStories => (PROVINCE, Some(EvidenceKind::Split)),
            Deed::Withhold | Deed::Truncate => (COUNTY, Some(EvidenceKind::Withheld)),
            Deed::Flip => (PROVINCE, Some(EvidenceKind::Forged)),
            Deed::Invent => (PROVINCE, None),
            Deed::Rollback => (COUNTY, Some(EvidenceKind::Restored)),
        }
    }

    fn clock(self) -> Clock {
        match self {
            Deed::Withhold | Deed::Truncate => Arc::new(|| {
                START + turmoil::sim_elapsed().map_or(0, |t| i64::try_from(t.as_millis()).unwrap_or(0) * FAST)
            }),
            _ => simulated_clock(),
        }
    }
}

const CITY: &str = "hub-320900";
const PROVINCE: &str = "hub-320000";
const COUNTY: &str = "node-320922-0";

fn victim() -> UnionNumber {
    "320922".parse().expect("a county")
}

fn city() -> UnionNumber {
    "320900".parse().expect("a city")
}

/// Tells the story; an error says which promise was broken.
pub fn run(deed: Deed, seed: u64) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut world = World::new(dir.path(), seed, deed.clock());
    for (union, role) in [
        ("100000", Role::Root),
        ("320000", Role::Hub),
        ("320900", Role::Hub),
        ("320922", Role::Node),
        ("320923", Role::Node),
    ] {
        world.add(union, role)?;
    }
    get_acquainted(&world)?;
    let hub = world.machine(CITY).clone();
    let device = hub.me().device();
    let mut shown = hub.clone();
    shown.home.dir = hub.home.dir.with_file_name("shown");
    disk::copy(&hub.home.dir, &shown.home.dir)?;
    disk::save(&hub.home.dir)?;

    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(2))
        .max_message_latency(Duration::from_millis(120))
        .simulation_duration(LYING + HEALING + Duration::from_secs(60))
        .enable_random_order()
        .build();
    let lying = Rc::new(Cell::new(true));
    for machine in world.machines.clone() {
        let (lying, shown) = (Rc::clone(&lying), shown.clone());
        sim.host(machine.name.clone(), move || {
            let (machine, shown, lies) = (machine.clone(), shown.clone(), lying.get());
            async move {
                match (machine.is_hub(), machine.name == CITY && lies) {
                    (_, true) => two_faces(machine, shown, deed).await,
                    (true, false) => simulation::hub(&machine, &machine.store(Threads::Inline), over).await,
                    (false, false) => county(machine).await,
                }
            }
        });
    }
    until(&mut sim, LYING / 2)?;
    if deed == Deed::Rollback {
        sim.crash(CITY);
        disk::back_to(&shown.home.dir)?;
        sim.bounce(CITY);
    }
    until(&mut sim, LYING)?;
    named(&world, deed, &device)?;
    beside(&world)?;

    // The lying ends: the hub is set up again from its last honest backup.
    sim.crash(CITY);
    disk::back_to(&hub.home.dir)?;
    lying.set(false);
    sim.bounce(CITY);
    let mut last = Ok(());
    while sim.elapsed() < LYING + HEALING {
        let next = sim.elapsed() + Duration::from_secs(3);
        until(&mut sim, next)?;
        let machines = open(&world);
        last = oracle::nothing_is_missing(&machines).and_then(|()| oracle::nothing_is_owed(&machines));
        if last.is_ok() && sim.elapsed() > LYING + Duration::from_secs(10) {
            break;
        }
    }
    drop(sim);
    last.context("honest data does not get through after the lying ended")?;
    let machines = open(&world);
    oracle::nothing_is_missing(&machines)?;
    oracle::sums_agree(&machines)?;
    oracle::holds_nothing_back(&machines)?;
    for (machine, store) in &machines {
        oracle::verifies(machine, store)?;
    }
    Ok(())
}

/// All have exchanged what joining wrote, so that both faces begin with the same.
fn get_acquainted(world: &World) -> Result<()> {
    let place = |name| Place::new(world.machine(name));
    let (nation, province, city) = (place("hub-100000"), place(PROVINCE), place(CITY));
    let counties = [place(COUNTY), place("node-320923-0")];
    for _ in 0..3 {
        for county in &counties {
            talk(county.ends(), city.ends())?;
        }
        talk(city.ends(), province.ends())?;
        talk(province.ends(), nation.ends())?;
    }
    Ok(())
}

fn open(world: &World) -> Vec<(Machine, Store)> {
    world.machines.iter().map(|m| (m.clone(), m.store(Threads::Inline))).collect()
}

fn until(sim: &mut turmoil::Sim<'_>, time: Duration) -> Result<()> {
    while sim.elapsed() < time {
        sim.step().map_err(|error| anyhow::anyhow!("the simulation stopped: {error}"))?;
    }
    Ok(())
}

/// The lie is seen where it must be, and says whose it is.
fn named(world: &World, deed: Deed, hub: &DeviceId) -> Result<()> {
    let (witness, what) = deed.seen();
    let store = world.machine(witness).store(Threads::Inline);
    let Some(what) = what else {
        let waits = |f: &FeedRow| f.feed.device == *hub && f.feed.union == victim() && f.applied == 0 && f.size() > 0;
        ensure!(store.read(feeds::all)?.iter().any(waits), "{deed:?}: {witness} does not let the invented feed wait");
        return Ok(());
    };
    let kept = store.read(|conn| evidence::list(conn, false))?;
    let about = |k: &&evidence::KeptEvidence| {
        k.evidence.what == what && k.evidence.from.is_some_and(|from| from.device == *hub)
    };
    let found = kept.iter().find(about).with_context(|| format!("{deed:?}: {witness} has seen {kept:?}"))?;
    ensure!(found.evidence.detail.zh.contains(&city().union_name()), "{}", found.evidence.detail.zh);
    Ok(())
}

/// The other county's records get through beside the lie.
fn beside(world: &World) -> Result<()> {
    let kind = kind("work_entry").context("work entries are declared")?;
    let other: UnionNumber = "320923".parse()?;
    let store = world.machine(PROVINCE).store(Threads::Inline);
    let there = store.read(|c| huiliu_node::store::projection::list(c, kind, Some(other), None, 1000))?;
    ensure!(there.len() > 5, "of the honest county {} work entries are here", there.len());
    Ok(())
}

fn over() -> bool {
    turmoil::sim_elapsed().unwrap_or_default() > LYING
}

/// Serves those below from one store and talks to the level above from another.
async fn two_faces(machine: Machine, shown: Machine, deed: Deed) -> turmoil::Result {
    let (below, above) = (shown.store(Threads::Inline), machine.store(Threads::Inline));
    let listener = network::Listener::bind().await?;
    let serving = downlink::serve(&shown.home, &below, listener, &machine.clock, std::future::pending());
    let uplink = machine.uplink(&above, network::dial());
    let faces = [
        Place { machine: shown.clone(), store: below.clone() },
        Place { machine: machine.clone(), store: above.clone() },
    ];
    let handing = async move {
        let mut done = false;
        loop {
            tokio::time::sleep(Duration::from_millis(400)).await;
            let now = turmoil::sim_elapsed().unwrap_or_default();
            hand_up(&faces, deed, now);
            let [shown, real] = &faces;
            relay::hand_on(&real.store, &shown.store, |row| {
                row.feed.union.contains(city()) && row.feed.union != city()
            });
            if !done && now > Duration::from_secs(8) {
                done = true;
                act(&faces, deed);
            }
        }
    };
    tokio::select! {
        biased;
        served = serving => served?,
        () = uplink.stay(std::future::pending()) => {}
        () = handing => {}
    }
    Ok(())
}

/// What the hub does once.
fn act([shown, real]: &[Place; 2], deed: Deed) {
    match deed {
        Deed::TwoStories => {
            shown.enrols(victim(), [1; 32]);
            real.enrols(victim(), [2; 32]);
        }
        Deed::Invent => {
            let mut forger = Forger::of(&real.machine, victim(), Scope::Own(Reach::Nation));
            let number = kind("expenditure").expect("expenditures are declared").number;
            let id = forger.id();
            let batch = forger.say(&[Operation::new(number, id, None, vec![], None)]);
            relay::give(&real.store, &batch);
            relay::give(&shown.store, &batch);
        }
        Deed::Rollback if !shown.machine.home.dir.with_extension("backup").exists() => {
            disk::save(&shown.machine.home.dir).expect("a disk can be copied");
        }
        _ => {}
    }
}

/// What counties wrote goes up, or what the hub makes of it.
fn hand_up([shown, real]: &[Place; 2], deed: Deed, now: Duration) {
    let early = now < Duration::from_secs(8);
    let whole = |row: &FeedRow| match deed {
        Deed::Withhold | Deed::Flip => row.feed.union != victim(),
        Deed::Truncate => row.feed.union != victim() || early,
        _ => true,
    };
    let below = |row: &FeedRow| city().contains(row.feed.union) && row.feed.union != city();
    relay::hand_on(&shown.store, &real.store, |row| below(row) && whole(row));
    if deed == Deed::Flip {
        for batch in relay::lacking(&shown.store, &real.store, |row| row.feed.union == victim()) {
            take_bent(&real.store, batch);
        }
    }
}

/// Takes a batch in as it is, and has another in its place on the disk before anybody sees it.
fn take_bent(store: &Store, batch: Incoming) {
    let taken = store.write_blocking(move |ledger| {
        let intake = ledger.take_in(&batch)?;
        if matches!(intake, Intake::Taken { .. }) && batch.count > 0 {
            let mut bent = batch.segment.to_vec();
            let at = bent.len() / 2;
            bent[at] ^= 4;
            let sql = "UPDATE segment SET bytes = ?3 WHERE first = ?2 AND feed = (SELECT no FROM feed WHERE id = ?1)";
            ledger.conn().raw().execute(sql, (batch.feed.as_bytes(), batch.first as i64, bent))?;
        }
        Ok(())
    });
    taken.expect("the store can be written");
}

/// Writes every few seconds as long as the hub lies, and keeps the line open.
async fn county(machine: Machine) -> turmoil::Result {
    let store = machine.store(Threads::Inline);
    let uplink = machine.uplink(&store, network::dial());
    let writing = async move {
        let mediator = store.write(|ledger| people::mediator(ledger, 1)).await.expect("a mediator is written");
        let mut n = 0;
        while turmoil::sim_elapsed().unwrap_or_default() < LYING {
            tokio::time::sleep(Duration::from_secs(3)).await;
            n += 1;
            // A second mediator now and then, so that feeds of both reaches grow.
            let wrote = store.write(move |ledger| match n % 5 {
                0 => people::engagement(ledger, mediator, n),
                _ => people::work_entry(ledger, mediator, n),
            });
            wrote.await.expect("a record is written");
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = writing => {}
        () = uplink.stay(std::future::pending()) => {}
    }
    Ok(())
}
