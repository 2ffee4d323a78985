//! What grows with what: each cost at three sizes, four times as much each time, in one process.
//!
//! `cargo bench -p huiliu-tests --bench growth` prints a table; `-- --quick` takes seconds and shows only that everything
//! still works. A cost that is the same in every column grows with its subject and no faster. Nothing here fails because a
//! number is bad.

// Rates and ratios of measured times are what floating point is for; money is not among them.
#![allow(clippy::float_arithmetic)]

mod exchange;
mod records;

use std::time::Instant;

use anyhow::Result;

/// How much of everything there is in each column.
struct Sizes {
    feeds: [u32; 3],
    entries: [u64; 3],
    edits: [u64; 3],
    people: [u64; 3],
    filings: [u64; 3],
    letters: [u32; 3],
}

const LONG: Sizes = Sizes {
    feeds: [250, 1_000, 4_000],
    entries: [10_000, 40_000, 160_000],
    edits: [100, 400, 1_600],
    people: [500, 2_000, 8_000],
    filings: [1_000, 4_000, 16_000],
    letters: [1_000, 4_000, 16_000],
};
const QUICK: Sizes = Sizes {
    feeds: [4, 16, 64],
    entries: [50, 200, 800],
    edits: [5, 20, 80],
    people: [5, 20, 80],
    filings: [10, 40, 160],
    letters: [10, 40, 160],
};

/// One cost: how it reads, its unit, and what was measured at each size.
struct Row {
    name: &'static str,
    unit: &'static str,
    sizes: [u64; 3],
    measured: [f64; 3],
}

/// Milliseconds that something takes: the best of three, for what else the machine does is not to be measured.
fn best(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        best = best.min(once(&mut work)?);
    }
    Ok(best)
}

fn once(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn main() -> Result<()> {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let sizes = if quick { QUICK } else { LONG };
    let load = || std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned();
    let before = load();
    let mut rows = vec![];
    exchange::measure(&sizes, &mut rows)?;
    records::measure(&sizes, &mut rows)?;
    println!("{:58} {:>16} {:>16} {:>16}  unit", "cost", "", "", "");
    for Row { name, unit, sizes, measured } in &rows {
        let cell = |at: usize| format!("{:.3} @ {}", measured[at], sizes[at]);
        println!("{name:58} {:>16} {:>16} {:>16}  {unit}", cell(0), cell(1), cell(2));
    }
    println!("load before: {before}; after: {}", load());
    Ok(())
}
