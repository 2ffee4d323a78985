//! One simulated story: counties, a city, a province and the nation over real TLS, in a network that crashes, parts and
//! slows down, with disks that go back or are copied, and the oracle's judgement when it has healed. A seed tells the same
//! story again.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    path::Path,
    rc::Rc,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use huiliu_hub::downlink;
use huiliu_node::{
    identity::Role,
    ledger::Cost,
    store::rollups,
    writer::{Store, Threads},
};
use huiliu_proto::{
    id::{DeviceId, RecordId},
    union::UnionNumber,
};

use crate::{
    city, disk,
    disk_faults::{self, Account, DiskFault},
    insider::{self, Insider, Shared},
    network, oracle,
    people::{self, Random},
    story,
    world::{Conduct, Machine, World, simulated_clock},
};

const TICK: Duration = Duration::from_millis(25);
/// Simulated time with faults, and the time within which everything must then have come together.
const TROUBLE: Duration = Duration::from_secs(25);
const HEALING: Duration = Duration::from_secs(300);
/// How long all must have agreed, and the same where it is waited for what is judged later.
const SETTLED: Duration = Duration::from_secs(5);
const CALM: Duration = Duration::from_secs(250);

/// What a device may cost a machine in a day, in some stories: some times what an honest one costs it in one.
const TIGHT: Cost = Cost { operations: 200, bytes: 64 << 10, rows: 1_500, document_bytes: 1 << 20 };

/// What the machines of a story tell while they run.
#[derive(Default)]
struct Told {
    written: Cell<u64>,
    /// How often each was started.
    starts: RefCell<BTreeMap<String, u64>>,
    /// What peers have cost it in all, where that is bounded.
    spent: RefCell<BTreeMap<String, Cost>>,
}

impl Told {
    /// What one device may have brought to a machine.
    fn allowance(&self, machine: &Machine) -> oracle::Allowance {
        let Some(daily) = machine.allows else { return oracle::Allowance::default() };
        let starts = self.starts.borrow().get(&machine.name).copied().unwrap_or_default();
        oracle::Allowance { daily, last: insider::LARGEST_BATCH, starts }
    }
}

/// What happened, for people.
#[derive(Debug, Default)]
pub struct Totals {
    pub written: u64,
    pub crashes: u64,
    pub partitions: u64,
    pub conflicts: u64,
    pub disk_faults: u64,
    pub evidence: u64,
    pub rogues: u64,
    pub hubs: u64,
    /// Operations of those that honest machines have stored.
    pub junk: u64,
    /// Honest machines on which a bound was met.
    pub full: u64,
    /// Honest machines on which a device has used up its allowance.
    pub over: u64,
}

impl Totals {
    pub fn add(&mut self, other: &Totals) {
        self.written += other.written;
        self.crashes += other.crashes;
        self.partitions += other.partitions;
        self.conflicts += other.conflicts;
        self.disk_faults += other.disk_faults;
        self.evidence += other.evidence;
        self.rogues += other.rogues;
        self.hubs += other.hubs;
        self.junk += other.junk;
        self.full += other.full;
        self.over += other.over;
    }
}

/// A place for the homes, in memory where the system has such a place: no story loses power, so none needs the disk.
fn scratch() -> std::io::Result<tempfile::TempDir> {
    match Path::new("/dev/shm") {
        memory if memory.is_dir() => tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()),
        _ => tempfile::tempdir(),
    }
}

/// Every fourth story has a city's hub that keeps no rule; every other one of the rest an enrolled device.
fn has_hostile_hub(seed: u64) -> bool {
    Random(seed ^ 0x0bad_c171).chance(25)
}

fn has_rogue(seed: u64) -> bool {
    !has_hostile_hub(seed) && Random(seed ^ 0x0bad_c0de).chance(50)
}

/// In every other of these stories a device may cost a machine so little that it uses that up; one that floods the lines
/// goes on to the very end. Not where a hub is to hand on in the end what it had kept back: what it spent before is its
/// branch's, and comes back with the days.
fn is_tight(seed: u64) -> bool {
    let hub = has_hostile_hub(seed) && !reforms(seed);
    (has_rogue(seed) || hub) && Random(seed ^ 0x0bad_f100).chance(50)
}

/// What such a hub does when the trouble ends: what a hub does.
fn reforms(seed: u64) -> bool {
    Random(seed ^ 0x0bad_d00d).chance(50)
}

/// The branch of that hub, with one county. In half of these stories the hub is gone when the trouble ends.
fn add_hostile_hub(world: &mut World, seed: u64) -> Result<()> {
    world.add(city::UNION, Role::Hub)?;
    let hub = world.machines.last_mut().context("one was just added")?;
    hub.conduct = if reforms(seed) { Conduct::Reforms } else { Conduct::Rogue };
    world.add(city::COUNTY, Role::Node)?;
    Ok(())
}

/// The machines that joined, and that are where they were set up.
fn enrolled_in(world: &World) -> BTreeSet<(UnionNumber, DeviceId)> {
    let there = world.machines.iter().filter(|m| m.home.dir.exists());
    there.map(|m| (m.union(), m.me().device())).collect()
}

fn over() -> bool {
    turmoil::sim_elapsed().unwrap_or_default() >= TROUBLE
}

/// Tells the story of a seed; an error says which promise was broken.
pub fn run(seed: u64) -> Result<Totals> {
    let dir = scratch()?;
    let mut world = World::new(dir.path(), seed, simulated_clock());
    world.add("100000", Role::Root)?;
    world.add("320000", Role::Hub)?;
    world.add("320900", Role::Hub)?;
    world.add("320922", Role::Node)?;
    world.add("320922", Role::Node)?;
    if !has_hostile_hub(seed) {
        world.add("320923", Role::Node)?;
    }
    world.add("320922", Role::Node)?;
    let mut enrolled = enrolled_in(&world);
    disk_faults::put_away(&world)?;
    if has_rogue(seed) {
        world.add("320923", Role::Node)?;
        let rogue = world.machines.last_mut().context("one was just added")?;
        rogue.name = insider::ROGUE.into();
        rogue.conduct = if is_tight(seed) { Conduct::Floods } else { Conduct::Rogue };
    }
    if has_hostile_hub(seed) {
        add_hostile_hub(&mut world, seed)?;
    }
    // Known below once the province has heard of it: nobody spends from a programme that has not reached it.
    if is_tight(seed) {
        world.machines.iter_mut().for_each(|machine| machine.allows = Some(TIGHT));
    }
    let programme = world.machine("hub-100000").store(Threads::Inline).write_blocking(people::programme)?;
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(2))
        .max_message_latency(Duration::from_millis(120))
        .simulation_duration(TROUBLE + HEALING + Duration::from_secs(60))
        .enable_random_order()
        .build();
    let told = Rc::new(Told::default());
    let mut machines = world.machines.clone();
    let there = world.machines.iter().filter(|m| m.home.dir.exists());
    let everybody: Rc<[_]> = there.map(|m| (m.union(), m.me().device())).collect();
    machines.push(disk_faults::twin(&world, seed));
    for machine in machines.clone() {
        let told = Rc::clone(&told);
        let everybody = Rc::clone(&everybody);
        let name = machine.name.clone();
        sim.host(name, move || {
            let (machine, told) = (machine.clone(), Rc::clone(&told));
            *told.starts.borrow_mut().entry(machine.name.clone()).or_default() += 1;
            let everybody = Rc::clone(&everybody);
            async move {
                // The twin's disk comes late, or never; so does the successor; a lost machine never comes back.
                while !machine.home.dir.exists() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                if machine.is_rogue() && machine.is_hub() {
                    return Ok(city::run(machine, &everybody, seed, over).await?);
                }
                if machine.is_rogue() {
                    return rogue(machine, seed).await;
                }
                let store = machine.store(Threads::Inline);
                let metered = meter(&machine, &store, &told);
                let working = async {
                    match machine.is_hub() {
                        true => hub(&machine, &store, over).await,
                        false => county(&machine, &store, programme, seed, &told).await,
                    }
                };
                tokio::select! {
                    biased;
                    worked = working => worked,
                    () = metered => Ok(()),
                }
            }
        });
    }
    let rogues = oracle::rogues(&machines);
    enrolled.extend(enrolled_in(&world));
    let mut account = Account::new(rogues.clone(), enrolled);
    let disturbed = disturb(&mut sim, &world, &machines, &mut account, seed);
    drop(sim);
    let machines = open(&machines);
    let judged = disturbed.and_then(|mut totals| {
        totals.written = told.written.get();
        judge(&machines, &account, &rogues, &told, &mut totals)?;
        Ok(totals)
    });
    judged.map_err(|error| anyhow!("{error:#}\n{}", story::picture(&machines)))
}

/// The oracle's judgement.
fn judge(
    machines: &[(Machine, Store)],
    account: &Account,
    rogues: &BTreeSet<DeviceId>,
    told: &Told,
    totals: &mut Totals,
) -> Result<()> {
    totals.rogues += machines.iter().filter(|(m, _)| m.is_rogue()).count() as u64;
    totals.hubs += machines.iter().filter(|(m, _)| m.is_rogue() && m.is_hub()).count() as u64;
    // All that is wrong is told, not the first of it.
    let mut wrong = vec![];
    let mut ask = |what: &str, answer: Result<()>| {
        if let Err(error) = answer {
            wrong.push(format!("{what}: {error:#}"));
        }
    };
    ask("I1", oracle::nothing_is_missing(machines));
    ask("I1", account.settles(machines));
    ask("I2", oracle::sums_agree(machines));
    ask("I1", oracle::holds_nothing_back(machines));
    ask("I1", oracle::documents_agree(machines));
    for (machine, store) in machines.iter().filter(|(m, _)| !m.is_rogue()) {
        ask("I3, I4", oracle::verifies(machine, store));
        ask("I4", oracle::rebuilds_the_same(machine, store));
        ask("I1", oracle::shows_what_was_written(machine, store, rogues));
        ask("I6", oracle::accuses_nobody(machine, store, &account.cast()));
        ask("I6", oracle::raises_what_was_left(machine, store, rogues));
        match oracle::keeps_within_bounds(machine, store, rogues, told.allowance(machine)) {
            Ok(met) => {
                totals.full += u64::from(met.room);
                totals.over += u64::from(met.allowance);
            }
            Err(error) => ask("I9", Err(error)),
        }
        let stored = store.read(huiliu_node::store::feeds::all)?;
        totals.junk += stored.iter().filter(|f| rogues.contains(&f.feed.device)).map(|f| f.size()).sum::<u64>();
        if let Some(spent) = told.spent.borrow().get(&machine.name) {
            ask("I9", oracle::works_within_bounds(machine, spent, rogues, told.allowance(machine)));
        }
        totals.evidence += store.read(|c| huiliu_node::store::evidence::list(c, true))?.len() as u64;
        totals.conflicts += store.read(|c| huiliu_node::store::documents::conflicts(c, None))?.len() as u64;
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// The machines that there are, with their stores.
fn open(machines: &[Machine]) -> Vec<(Machine, Store)> {
    let there = machines.iter().filter(|m| m.home.dir.exists());
    there.map(|m| (m.clone(), m.store(Threads::Inline))).collect()
}

/// Faults for a while, then none, until all agree.
fn disturb(
    sim: &mut turmoil::Sim<'_>,
    world: &World,
    machines: &[Machine],
    account: &mut Account,
    seed: u64,
) -> Result<Totals> {
    let mut random = Random(seed);
    let disk_faults = DiskFault::draw(world, &mut Random(seed ^ 0x0bad_1dea));
    let mut to_save: Vec<&DiskFault> = disk_faults.iter().collect();
    let mut to_strike = to_save.clone();
    let mut totals = Totals::default();
    let mut seen = oracle::Seen::new();
    let links: Vec<(String, String)> = world
        .machines
        .iter()
        .filter_map(|m| Some((m.name.clone(), world.hub(m.union().parent()?)?.name.clone())))
        .collect();
    while sim.elapsed() < TROUBLE {
        step(sim)?;
        let now = sim.elapsed();
        for fault in to_save.extract_if(.., |m| now >= m.saved_at) {
            let name = fault.machine.as_str();
            network::crash(sim, name);
            disk::save(&world.machine(name).home.dir)?;
            sim.bounce(name);
        }
        for fault in to_strike.extract_if(.., |m| now >= m.strikes_at) {
            let name = fault.machine.as_str();
            totals.disk_faults += 1;
            network::crash(sim, name);
            account.strike(fault, machines)?;
            seen.retain(|(machine, _), _| machine != name);
            // A lost machine waits for its disk for ever.
            sim.bounce(name);
        }
        match random.below(250) {
            0 | 1 => {
                let machine = random.pick(&world.machines);
                if !machine.home.dir.exists() {
                    continue;
                }
                let name = machine.name.clone();
                network::crash(sim, &name);
                look(world, &name, &mut seen)?;
                account.look(world.machine(&name))?;
                sim.bounce(name.as_str());
                totals.crashes += 1;
            }
            2..=4 => {
                let (a, b) = random.pick(&links).clone();
                sim.partition(a.as_str(), b.as_str());
                totals.partitions += 1;
            }
            5..=7 => {
                let (a, b) = random.pick(&links).clone();
                sim.repair(a.as_str(), b.as_str());
            }
            8 => {
                let (a, b) = random.pick(&links).clone();
                sim.hold(a.as_str(), b.as_str());
            }
            9..=11 => {
                let (a, b) = random.pick(&links).clone();
                sim.release(a.as_str(), b.as_str());
            }
            _ => {}
        }
    }
    for (a, b) in &links {
        sim.repair(a.as_str(), b.as_str());
        sim.release(a.as_str(), b.as_str());
    }
    // I7: within bounded time all agree.
    // What was claimed of others is judged a while after: some stories wait for that.
    let calm = if has_hostile_hub(seed) && Random(seed ^ 0x0bad_ca1f).chance(20) { CALM } else { SETTLED };
    let context = || format!("I7: not all agree long after the trouble ended ({disk_faults:?})");
    let mut last = Ok(());
    while sim.elapsed() < TROUBLE + HEALING {
        for _ in 0..100 {
            step(sim)?;
        }
        let machines = open(machines);
        last = oracle::nothing_is_missing(&machines).and_then(|()| oracle::nothing_is_owed(&machines));
        if last.is_ok() && sim.elapsed() > TROUBLE + calm {
            return Ok(totals);
        }
    }
    last.with_context(context)?;
    Ok(totals)
}

fn step(sim: &mut turmoil::Sim<'_>) -> Result<()> {
    sim.step().map(|_| ()).map_err(|error| anyhow!("the simulation stopped: {error}"))
}

/// I5, looked at whenever a machine is down.
fn look(world: &World, name: &str, seen: &mut oracle::Seen) -> Result<()> {
    let machine = world.machine(name);
    oracle::only_grew(machine, &machine.store(Threads::Inline), seen)
}

/// An enrolled device that keeps no rule, as long as there is trouble.
async fn rogue(machine: Machine, seed: u64) -> turmoil::Result {
    let store = machine.store(Threads::Inline);
    let insider = Shared::new(Insider::new(&machine, seed));
    let floods = machine.conduct == Conduct::Floods;
    insider::run(&machine, &store, &insider, || over() && !floods).await?;
    std::future::pending().await
}

/// A hub at work: it serves those below, stays on the line to the level above and, when the trouble is `over`, says all
/// that it owes.
pub async fn hub(machine: &Machine, store: &Store, over: impl Fn() -> bool) -> turmoil::Result {
    let listener = network::Listener::bind().await?;
    let serving = downlink::serve(&machine.home, store, listener, &machine.clock, std::future::pending());
    if machine.home.config.parent.is_some() {
        let uplink = machine.uplink(store, network::dial());
        tokio::select! {
            biased;
            served = serving => served?,
            () = uplink.stay(std::future::pending()) => {}
            () = say_all(machine, store, over) => {}
        }
    } else {
        serving.await?;
    }
    Ok(())
}

/// On a line that stays, statements wait for the hour to be over; when the trouble has ended, somebody calls for their
/// sake.
async fn say_all(machine: &Machine, store: &Store, over: impl Fn() -> bool) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let owes = store.read(rollups::due).expect("the store can be read");
        if over() && !owes.is_empty() {
            let _ = machine.uplink(store, network::dial()).exchange(false, &|_| ()).await;
        }
    }
}

/// Adds up what peers cost a machine, where that is bounded. What it cost in the moment before a crash is not told.
async fn meter(machine: &Machine, store: &Store, told: &Told) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if machine.allows.is_some() {
            let spent = store.write(|ledger| Ok(ledger.spent())).await.expect("nothing is written");
            *told.spent.borrow_mut().entry(machine.name.clone()).or_default() += spent;
        }
    }
}

/// Writes now and then, line or no line, and keeps the line open where there is one. Now and then a second exchange
/// runs beside the first, so that everything is said twice.
async fn county(machine: &Machine, store: &Store, programme: RecordId, seed: u64, told: &Told) -> turmoil::Result {
    let uplink = machine.uplink(store, network::dial());
    let twice = uplink.clone();
    let started = turmoil::sim_elapsed().unwrap_or_default().as_millis() as u64;
    let mut random = Random(seed ^ started ^ u64::from(machine.name.bytes().map(u32::from).sum::<u32>()) << 40);
    let writing = async move {
        while turmoil::sim_elapsed().unwrap_or_default() < TROUBLE {
            tokio::time::sleep(Duration::from_millis(100 + random.below(1500))).await;
            let mut dice_ = random.clone();
            random.roll();
            let count = store.write(move |ledger| something(ledger, programme, &mut dice_)).await;
            match count {
                Ok(count) => told.written.set(told.written.get() + count),
                // A disk that went back may lack what is pointed at until it comes back from above; whoever sits there
                // is told so.
                Err(huiliu_node::store::StoreError::Refused(why)) if why.contains("本机没有这条记录") => {}
                // Another voucher's number, which chance has drawn again.
                Err(huiliu_node::store::StoreError::Refused(why)) if why.contains("号码不再重用") => {}
                Err(error) => panic!("a write failed: {error}"),
            }
            if random.chance(10) {
                let _ = twice.exchange(false, &|_| ()).await;
            }
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

/// A line of the log or an expenditure, of those that were not corrected and correct none, is taken back.
fn take_back(ledger: &mut huiliu_node::ledger::Ledger, random: &mut Random) -> huiliu_node::store::Result<()> {
    use huiliu_node::store::projection;
    let spent = random.chance(50);
    let (name, by) = if spent { ("expenditure", "reverses") } else { ("work_entry", "corrects") };
    let kind = huiliu_proto::kind::kind(name).expect("it is declared");
    let all = projection::list(ledger.conn(), kind, Some(ledger.me().union), None, 1000)?;
    let back: BTreeSet<_> = all.iter().filter_map(|row| row.record.bytes(by).map(<[u8]>::to_vec)).collect();
    let left: Vec<RecordId> = all
        .iter()
        .filter(|row| row.record.bytes(by).is_none() && !back.contains(row.id.as_bytes()))
        .map(|row| row.id)
        .collect();
    match left.is_empty() {
        true => Ok(()),
        false if spent => people::reversal(ledger, *random.pick(&left)).map(drop),
        false => people::correction(ledger, *random.pick(&left)),
    }
}

/// A record is voided unless others name it, or one that is voided, or of which it is asked, is reinstated.
fn void_or_reinstate(ledger: &mut huiliu_node::ledger::Ledger, random: &mut Random) -> huiliu_node::store::Result<()> {
    use huiliu_node::{
        app::void,
        store::{projection, voids},
    };
    let union = Some(ledger.me().union);
    let name: &str = random.pick::<&str>(&["work_entry", "expenditure", "mediator"]);
    let kind = huiliu_proto::kind::kind(name).expect("it is declared");
    if random.chance(35) {
        let mut left = voids::page(ledger.conn(), kind, union, None, 100)?;
        left.extend(voids::disputed(ledger.conn(), ledger.me().union, &[], 100)?);
        if !left.is_empty() {
            let id = random.pick(&left).record;
            let _ = void::reinstate(ledger, id, "作废有误")?;
        }
        return Ok(());
    }
    let all = projection::list(ledger.conn(), kind, union, None, 1000)?;
    if !all.is_empty() {
        let id = random.pick(&all).id;
        let _ = void::void(ledger, id, "重复录入")?;
    }
    Ok(())
}

/// A new dossier, an entry in the log, money spent, or another word in a dossier that is there.
fn something(
    ledger: &mut huiliu_node::ledger::Ledger,
    programme: RecordId,
    random: &mut Random,
) -> huiliu_node::store::Result<u64> {
    use huiliu_node::store::projection;
    let mediators = huiliu_proto::kind::kind("mediator").expect("mediators are declared");
    let union = ledger.me().union;
    let known = projection::list(ledger.conn(), mediators, Some(union), None, 1000)?;
    let n = random.roll() % 1_000_000;
    if known.len() < 2 {
        let id = people::mediator(ledger, n)?;
        people::engagement(ledger, id, n)?;
        return Ok(2);
    }
    let id = random.pick(&known).id;
    match random.below(16) {
        0 => people::mediator(ledger, n).map(drop)?,
        10 => {
            let kind = huiliu_proto::kind::kind("engagement").expect("engagements are declared");
            let posts = projection::list(ledger.conn(), kind, Some(union), None, 100)?;
            let ends = format!("2026-{:02}-28", n % 12 + 1);
            people::edit(ledger, "engagement", random.pick(&posts).id, "ends_on", &ends)?;
        }
        11 | 12 => take_back(ledger, random)?,
        13..=15 => void_or_reinstate(ledger, random)?,
        1..=3 => people::edit(ledger, "mediator", id, "name", &format!("测试员{}", n % 5))?,
        4 => people::edit(ledger, "mediator", id, "phone", &format!("1390000{:04}", n % 10_000))?,
        5 | 6 => {
            let kind = huiliu_proto::kind::kind("programme").expect("programmes are declared");
            if projection::get(ledger.conn(), kind, &programme)?.is_some() {
                people::expenditure(ledger, programme, id, n)?;
            }
        }
        _ => people::work_entry(ledger, id, n).map(drop)?,
    }
    Ok(1)
}
