//! Counties, a city and a province over real TLS in a simulated network that crashes, parts and slows down, with disks
//! that go back to an earlier day or are copied, and in every other story an enrolled device that keeps no rule: whatever
//! happens, when it heals nothing is missing, doubled or altered, nothing went back in silence, and nobody is accused of
//! lying who did not lie.
//!
//! Some seeds are always run, others are drawn from the commit, so that each commit is asked something new.
//! `HUILIU_SEED=17` replays one, with `HUILIU_STORY=1` line by line; `HUILIU_SEEDS=1000..2000` runs many.

use std::{process::Command, sync::Mutex, time::Instant};

use anyhow::Result;
use huiliu_proto::id::Hash;
use huiliu_tests::{
    simulation::{Totals, run},
    story,
};

/// Stories that once ended badly, and the first few.
const FIXED: [u64; 9] = [308, 375, 871, 1180, 32799, 300_144, 400_039, 2_649_035, 4_079_904];
const FIRST: u64 = 30;
const DRAWN: u64 = 8;

/// Of the commit that is tested, or of the day's code where there is none: `HUILIU_COMMIT` says which.
fn drawn() -> Vec<u64> {
    let commit = std::env::var("HUILIU_COMMIT").ok().or_else(|| {
        let asked = Command::new("git").args(["rev-parse", "HEAD"]).output().ok()?;
        asked.status.success().then(|| String::from_utf8_lossy(&asked.stdout).trim().to_owned())
    });
    let commit = commit.unwrap_or_default();
    println!("seeds drawn from commit {commit:?}");
    let seed = |n: u64| {
        let hash = Hash::of(&[b"huiliu/simulation", commit.as_bytes(), &n.to_be_bytes()]);
        // Seven digits can be typed.
        1_000_000 + hash.0[..4].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)) % 9_000_000
    };
    (0..DRAWN).map(seed).collect()
}

fn seeds() -> Vec<u64> {
    let env = |name: &str| std::env::var(name).ok();
    if let Some(seed) = env("HUILIU_SEED") {
        return vec![seed.parse().expect("HUILIU_SEED is a number")];
    }
    if let Some(range) = env("HUILIU_SEEDS") {
        let (from, to) = range.split_once("..").expect("HUILIU_SEEDS is FROM..TO");
        let number = |text: &str| text.parse::<u64>().expect("HUILIU_SEEDS is FROM..TO");
        return (number(from)..number(to)).collect();
    }
    (1..=FIRST).chain(FIXED).chain(drawn()).collect()
}

fn tell(seed: u64) -> Result<Totals> {
    if std::env::var_os("HUILIU_STORY").is_none() {
        return run(seed);
    }
    let (told, story) = story::told(|| run(seed));
    println!("{}\ndigest {}", story.lines.join("\n"), story.digest());
    told
}

#[test]
fn everything_comes_together_after_any_trouble() {
    let seeds = seeds();
    let start = Instant::now();
    let totals = Mutex::new(Totals::default());
    let failed = Mutex::new(vec![]);
    let next = Mutex::new(seeds.iter());
    let threads = std::env::var("HUILIU_THREADS").ok().and_then(|threads| threads.parse().ok());
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    // A simulation is one thread; the machine has more.
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = { next.lock().unwrap().next() } {
                    // A promise that is asserted in the program itself fails one seed, and not all after it.
                    match std::panic::catch_unwind(|| tell(*seed)) {
                        Ok(Ok(one)) => totals.lock().unwrap().add(&one),
                        Ok(Err(error)) => {
                            println!("seed {seed}: {error:#}\nreplay it with HUILIU_SEED={seed}");
                            failed.lock().unwrap().push(*seed);
                        }
                        Err(_) => {
                            println!("seed {seed} panicked\nreplay it with HUILIU_SEED={seed}");
                            failed.lock().unwrap().push(*seed);
                        }
                    }
                }
            });
        }
    });
    let (totals, failed) = (totals.into_inner().unwrap(), failed.into_inner().unwrap());
    println!("{} seeds in {:.1} s: {totals:?}", seeds.len(), start.elapsed().as_secs_f32());
    assert!(failed.is_empty(), "{} seeds failed: {failed:?}", failed.len());
    // A simulation in which nothing goes wrong shows nothing.
    if seeds.len() > 20 {
        assert!(totals.crashes > 0 && totals.partitions > 0 && totals.written > 0 && totals.conflicts > 0);
        assert!(totals.disk_faults > 0 && totals.evidence > 0 && totals.rogues > 0);
        assert!(totals.hubs > 0 && totals.junk > 0 && totals.over > 0);
    }
}
