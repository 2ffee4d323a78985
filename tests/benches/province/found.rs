//! A province is set up: the nation, its hub, its cities, and the counties below them.

use std::{
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use huiliu_node::{clock, identity::Role, writer::Threads};
use huiliu_proto::union::{Level, UnionNumber};
use huiliu_tests::{
    people,
    process::{self, Hub, Taken},
    world::{Machine, World},
};

/// Hebei: each of its eleven cities has seven counties or more, 121 and more in all.
const PROVINCE: &str = "130000";
/// Homes that are set up at once.
const AT_ONCE: usize = 2;

pub struct Province {
    /// From the top down.
    pub hubs: Vec<Hub>,
    /// Where the homes of those are that send.
    pub counties: PathBuf,
    /// The home of the one that goes on working.
    pub live: PathBuf,
    /// The file of its city's hub.
    pub live_city: PathBuf,
}

impl Province {
    pub fn found(dir: &Path, counties: usize, cities: usize) -> Result<Province> {
        let mut world = World::new(&dir.join("hubs"), 1, clock::system());
        let above: UnionNumber = PROVINCE.parse()?;
        let cities: Vec<UnionNumber> =
            above.children().iter().copied().filter(|u| u.level() == Level::City).take(cities).collect();
        let top = [(UnionNumber::NATION, Role::Root), (above, Role::Hub)];
        let all = top.into_iter().chain(cities.iter().map(|city| (*city, Role::Hub)));
        let mut hubs = vec![];
        for (union, role) in all {
            hubs.push(process::add_hub(&mut world, &union.to_string(), role)?);
        }
        let mut below = spread(&cities, counties + 1)?;
        let (last, live) = below.iter_mut().rev().find_map(|(city, all)| Some((*city, all.pop()?))).context("one")?;
        let homes = dir.join("counties");
        let groups: Vec<(Machine, Vec<UnionNumber>)> = below
            .into_iter()
            .map(|(city, all)| Ok((world.hub(city).context("it was set up")?.clone(), all)))
            .collect::<Result<_>>()?;
        let set_up = |first: usize| -> Result<()> {
            for (at, (city, counties)) in groups.iter().enumerate().skip(first).step_by(AT_ONCE) {
                add(&homes, 1000 + at as u64, city, counties)?;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..AT_ONCE).map(|first| scope.spawn(move || set_up(first))).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("setting up does not panic"))
        })?;
        let live_dir = dir.join("live");
        let live = add(&live_dir, 1, world.hub(last).context("it was set up")?, &[live])?;
        // What money is spent from.
        let root = world.hub(UnionNumber::NATION).context("it was set up")?;
        root.store(Threads::Inline).write_blocking(people::programme)?;
        // From here on the hubs have their ports.
        let hubs = hubs.into_iter().map(|(hub, _)| hub).collect();
        let live_city = world.hub(last).context("it was set up")?.home.database();
        Ok(Province { hubs, counties: homes, live: live.context("one was added")?, live_city })
    }

    pub fn serve(&mut self) -> Result<()> {
        let program = Path::new(env!("CARGO_BIN_EXE_program"));
        self.hubs.iter_mut().try_for_each(|hub| hub.serve(program))
    }

    pub fn stop(&mut self) -> Result<()> {
        self.hubs.iter_mut().rev().try_for_each(Hub::stop)
    }

    /// What each hub's process has taken so far.
    pub fn taken(&self) -> Vec<(Level, Taken)> {
        self.hubs.iter().map(|hub| (hub.union.level(), hub.taken())).collect()
    }

    /// The file of the first hub of a level.
    pub fn database(&self, level: Level) -> Result<PathBuf> {
        let hub = self.hubs.iter().find(|hub| hub.union.level() == level).context("every level has a hub")?;
        Ok(hub.dir.join("huiliu.db"))
    }
}

/// So many counties, as evenly below these cities as there are any.
fn spread(cities: &[UnionNumber], counties: usize) -> Result<Vec<(UnionNumber, Vec<UnionNumber>)>> {
    let mut below: Vec<(UnionNumber, Vec<UnionNumber>)> = cities.iter().map(|city| (*city, vec![])).collect();
    let mut left = counties;
    for place in 0..counties {
        for (city, all) in &mut below {
            let mut of_city = city.children().iter().filter(|union| union.level() == Level::County);
            if let Some(county) = of_city.nth(place).filter(|_| left > 0) {
                all.push(*county);
                left -= 1;
            }
        }
    }
    ensure!(left == 0, "there are not so many counties below these cities");
    Ok(below)
}

/// Sets up homes of counties and joins them to their city; the last of them.
fn add(dir: &Path, seed: u64, city: &Machine, counties: &[UnionNumber]) -> Result<Option<PathBuf>> {
    let mut world = World::new(dir, seed, clock::system());
    world.machines.push(city.clone());
    for county in counties {
        world.add(&county.to_string(), Role::Node)?;
    }
    Ok(world.machines.last().map(|machine| machine.home.dir.clone()))
}
