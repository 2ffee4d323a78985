//! The counties that send, in one process: each has its own home, its own store and its own line, as on its own machine.

use std::{collections::BTreeMap, fs, future::Future, path::Path, sync::Arc, time::Instant};

use anyhow::{Context as _, Result, bail};
use huiliu_node::{
    clock,
    identity::Home,
    store::{feeds, projection},
    sync::{
        exchange::End,
        line,
        uplink::{Uplink, UplinkError},
    },
    writer::{Store, Threads},
};
use huiliu_proto::{handle::Declared as _, id::RecordId, v1};
use huiliu_tests::{
    people::{self, Random},
    worklog::{self, County, ENTERPRISES, MEDIATORS},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    task::JoinSet,
};

use super::worker;

/// A county's enterprises here; those of the log take turns. What they are is sent before anything is measured.
const HERE: u64 = 40;
/// A week of a county with 106 guides, each of whom writes a line a working day.
pub const LINES: u64 = MEDIATORS * DAYS;
const DAYS: u64 = 5;
/// Dossiers that are changed in a week, and payments: the demonstration's county has 273 payments in a year.
pub const EDITS: u64 = 10;
pub const PAYMENTS: u64 = 6;
/// Written in one transaction.
const TOGETHER: u64 = 512;
/// A call that breaks off is made again; so often at most.
const CALLS: u32 = 20;
const WAIT: std::time::Duration = std::time::Duration::from_secs(1);

/// One county's machine.
#[derive(Clone)]
struct Machine {
    uplink: Uplink,
    number: u64,
    people: Arc<(County, Vec<RecordId>)>,
}

/// Does what it is told, line by line, and answers each.
pub async fn run(dir: &Path) -> Result<()> {
    let mut told = BufReader::new(tokio::io::stdin()).lines();
    let mut machines: Vec<Machine> = vec![];
    let mut round = 0;
    while let Some(line) = told.next_line().await? {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["dossiers"] => {
                machines = open(dir).await?;
                worker::say(&expected(&machines)?)?;
            }
            ["backlog", lines] => {
                round += 1;
                let lines = lines.parse()?;
                all(&machines, |machine| machine.backlog(round, lines)).await?;
                worker::say(&expected(&machines)?)?;
            }
            ["go"] => {
                let calls = all(&machines, Machine::call).await?;
                worker::say(&json!({ "calls": calls }))?;
            }
            _ => bail!("it is not known what {line:?} is"),
        }
    }
    worker::last_words(json!({}))
}

/// All at once; what each came to, in their order.
async fn all<T, F>(machines: &[Machine], work: impl Fn(Machine) -> F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let mut running = JoinSet::new();
    for (at, machine) in machines.iter().enumerate() {
        let work = work(machine.clone());
        running.spawn(async move { (at, work.await) });
    }
    let mut done = BTreeMap::new();
    while let Some(ended) = running.join_next().await {
        let (at, ended) = ended?;
        done.insert(at, ended?);
    }
    Ok(done.into_values().collect())
}

/// Opens the homes and writes what each county has before its week begins.
async fn open(dir: &Path) -> Result<Vec<Machine>> {
    let mut homes = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    homes.sort();
    let mut opening = JoinSet::new();
    for (number, dir) in homes.into_iter().enumerate() {
        opening.spawn(async move {
            let home = Home::open(&dir)?;
            let store = Store::of(&home, clock::system(), clock::random(), Threads::Own)?;
            let number = number as u64;
            let people = store.write(move |ledger| {
                let people = (0..MEDIATORS).map(|n| people::mediator(ledger, number * MEDIATORS + n));
                let people = people.collect::<Result<Vec<_>, _>>()?;
                let firms = (0..HERE).map(|n| worklog::enterprise(ledger, number * HERE + n));
                Ok((people, firms.collect::<Result<Vec<_>, _>>()?))
            });
            let (people, firms) = people.await?;
            let log = County::of(people.clone(), firms.into_iter().cycle().take(ENTERPRISES as usize).collect());
            let uplink = Uplink { home, store, dial: line::tcp(), clock: clock::system(), random: clock::random() };
            anyhow::Ok(Machine { uplink, number, people: Arc::new((log, people)) })
        });
    }
    let mut machines = opening.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    machines.sort_by_key(|machine| machine.number);
    Ok(machines)
}

/// How far the feeds of each county are written that its province is to have.
fn expected(machines: &[Machine]) -> Result<Value> {
    let feeds = |machine: &Machine| -> Result<Value> {
        let province = machine.uplink.home.config.union.province().context("a county lies in a province")?;
        let owned = machine.uplink.store.read(feeds::owned)?;
        let owned = owned.iter().filter(|row| row.size() > 0 && row.feed.seen_by(province));
        Ok(owned.map(|row| json!({ "id": row.feed.id.to_string(), "size": row.size() })).collect())
    };
    Ok(json!({ "counties": machines.iter().map(feeds).collect::<Result<Vec<_>>>()? }))
}

impl Machine {
    /// Writes a week without a line.
    async fn backlog(self, round: u64, lines: u64) -> Result<()> {
        let today = i64::from(clock::day((self.uplink.clock)()).0);
        let store = &self.uplink.store;
        for from in (0..lines).step_by(TOGETHER as usize) {
            let (people, seed) = (Arc::clone(&self.people), self.number << 32 | round << 24 | from);
            let write = move |ledger: &mut huiliu_node::ledger::Ledger| {
                let mut random = Random(seed);
                for n in from..lines.min(from + TOGETHER) {
                    worklog::write(ledger, &people.0.line(&mut random, today - 7 + (n % DAYS) as i64))?;
                }
                Ok(())
            };
            store.write(write).await?;
        }
        let (people, number) = (Arc::clone(&self.people), self.number);
        let programmes = store.read(|conn| projection::list(conn, v1::Programme::kind(), None, None, 1))?;
        let programme = programmes.first().context("the nation's programme has come down")?.id;
        let write = move |ledger: &mut huiliu_node::ledger::Ledger| {
            for n in 0..EDITS {
                let phone = format!("138{:04}{:04}", number, round * EDITS + n);
                people::edit(ledger, "mediator", people.1[n as usize], "phone", &phone)?;
            }
            for n in 0..PAYMENTS {
                people::expenditure(ledger, programme, people.1[n as usize], round * PAYMENTS + n)?;
            }
            Ok(())
        };
        Ok(store.write(write).await?)
    }

    /// Calls the city until it has acknowledged all.
    async fn call(self) -> Result<Value> {
        let start = Instant::now();
        for times in 1..=CALLS {
            match self.uplink.exchange(false, &|_| ()).await {
                Ok(report) if !report.tally.refused.is_empty() => bail!("something was refused: {report:?}"),
                Ok(report) if report.end == End::Done => {
                    return Ok(json!({ "seconds": start.elapsed().as_secs_f64(), "times": times }));
                }
                Ok(report) => eprintln!("a call broke off: {:?}", report.end),
                Err(UplinkError::Declined(declined)) => eprintln!("a call was declined: {declined:?}"),
                Err(error @ UplinkError::Unreachable { .. }) => eprintln!("a call failed: {error}"),
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(WAIT).await;
        }
        bail!("{} could not send in {CALLS} calls", self.uplink.home.config.union)
    }
}
