//! What an exchange costs beside what it carries, by the feeds that two levels share.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use huiliu_node::{identity::Role, store::projection, writer::Threads};
use huiliu_proto::{
    feed::Scope,
    kind::{Reach, kind},
    operation::Operation,
    union::UnionNumber,
};
use huiliu_tests::{
    forger::Forger,
    model::{Disk, Line, ModelFeed},
    people,
    place::Place,
    relay::give,
    talk::talk_until,
    world::{World, hand_clock},
};

use super::{Row, Sizes, best};

const COUNTIES: [&str; 9] = ["320902", "320903", "320904", "320921", "320922", "320923", "320924", "320925", "320981"];
/// Commits on a line that stays.
const COMMITS: u32 = 20;

pub fn measure(sizes: &Sizes, rows: &mut Vec<Row>) -> Result<()> {
    let (mut opening, mut opening_new, mut live) = ([0.0; 3], [0.0; 3], [0.0; 3]);
    for (at, feeds) in sizes.feeds.into_iter().enumerate() {
        [opening[at], opening_new[at], live[at]] = shared(feeds)?;
    }
    let feeds = sizes.feeds.map(u64::from);
    let row = |name, measured| Row { name, unit: "ms", sizes: feeds, measured };
    rows.push(row("an exchange that brings nothing, by shared feeds", opening));
    rows.push(row("an exchange that brings one operation, by shared feeds", opening_new));
    rows.push(row("a commit on a line that stays, until it is above, by feeds", live));
    let told = sizes.letters.map(receipts);
    let sizes = sizes.letters.map(u64::from);
    rows.push(Row {
        name: "receipts told for one that is new, by feeds of one union",
        unit: "receipts",
        sizes,
        measured: told,
    });
    Ok(())
}

/// A city with so many feeds of its counties, and the province above it.
fn shared(count: u32) -> Result<[f64; 3]> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (clock, _) = hand_clock();
    let mut world = World::new(dir.path(), 3, clock);
    for (union, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub)] {
        world.add(union, role)?;
    }
    let place = |name: &str| Place::with(world.machine(name), Threads::Own);
    let (province, city) = (place("hub-320000"), place("hub-320900"));
    let counties: Vec<UnionNumber> = COUNTIES.iter().map(|code| code.parse()).collect::<Result<_, _>>()?;
    let mediators = kind("mediator").context("mediators are declared")?;
    let line = people::record("work_entry", &[("place", "测试企业"), ("summary", "指导集体协商")]);
    for n in 0..count {
        let union = counties[n as usize % counties.len()];
        let mut device = Forger::numbered(n, union, Scope::Own(Reach::Province));
        let enrolment = device.enrolled(union, false);
        city.store().write_blocking(move |ledger| ledger.write_entry(&enrolment))?;
        let operation = Operation::new(line.kind.number, device.id(), None, line.encode(), None);
        give(city.store(), &device.say(&[operation]));
    }
    city.talk(&province);
    let nothing = best(|| {
        city.talk(&province);
        Ok(())
    })?;
    let mut n = 0;
    let one = best(|| {
        n += 1;
        city.mediator(n);
        city.talk(&province);
        Ok(())
    })?;
    let (lower, upper) = ((&city.machine, city.store()), (&province.machine, province.store()));
    let live = talk_until(lower, upper, async {
        let start = Instant::now();
        for k in 0..COMMITS {
            let id = city.store().write(move |ledger| people::mediator(ledger, 100 + u64::from(k))).await?;
            while province.store().look(move |conn| projection::get(conn, mediators, &id)).await?.is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        Ok(start.elapsed().as_secs_f64() * 1e3)
    })?;
    Ok([nothing, one, live / f64::from(COMMITS)])
}

/// One of so many receipts is new.
fn receipts(count: u32) -> f64 {
    let mut disks = [Disk::new("320900", 1), Disk::new("320000", 2)];
    let county = Disk::new("320922", 101);
    for n in 0..count {
        let mut id = [7; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        let feed = huiliu_proto::id::FeedId(id);
        for disk in &mut disks {
            disk.feeds.insert(feed, ModelFeed::of(&county, b"a"));
            disk.receipts.insert((feed, 320_000), 1);
        }
        if n == count / 2 {
            disks[1].receipts.insert((feed, 100_000), 1);
        }
    }
    let mut line = Line::new(&mut disks, 0, 1);
    line.run(&mut disks, 1);
    line.told as f64
}
