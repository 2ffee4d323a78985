//! A province on its worst morning: 120 counties send a week's backlog at once, while one more county goes on working and
//! the nation is to see what it writes within a second.
//!
//! `cargo bench -p huiliu-tests --bench province` prints a table and writes `target/bench/province.json`; `-- --quick` takes
//! a minute and shows only that it works. Nation, province and cities are the program itself, a process each; the counties
//! have homes of their own and are driven by one process, the one that goes on working by another. All are on this machine,
//! over TLS on its loopback. Nothing here fails because a number is bad.

// Rates and ratios of measured times are what floating point is for; money is not among them.
#![allow(clippy::float_arithmetic)]

mod arrival;
mod drive;
#[path = "../path/floor.rs"]
mod floor;
mod found;
mod live;
mod worker;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use huiliu_proto::union::Level;
use huiliu_tests::table::{Goal, Row, Table};
use serde_json::{Value, json};

use self::{
    arrival::{Arrivals, Expected},
    found::Province,
    worker::Worker,
};

#[derive(Clone, Copy)]
struct Scale {
    /// They send; one more goes on working.
    counties: usize,
    cities: usize,
    /// Lines of a county's log in the backlog.
    lines: u64,
    rounds: usize,
    /// How long the one that goes on working is watched while nothing else happens.
    quiet: Duration,
}

const LONG: Scale = Scale { counties: 120, cities: 11, lines: drive::LINES, rounds: 3, quiet: Duration::from_secs(20) };
const QUICK: Scale = Scale { counties: 12, cities: 3, lines: 100, rounds: 1, quiet: Duration::from_secs(3) };

/// Interval at which the county that goes on working writes.
const APART: u64 = 100;
/// After that something is wrong.
const WITHIN: Duration = Duration::from_secs(900);

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["child", "drive", dir] => return runtime.block_on(drive::run(Path::new(dir))),
        ["child", "live", home, city, province, nation] => {
            let above = [city, province, nation].map(Path::new);
            return runtime.block_on(live::run(Path::new(home), above, Duration::from_millis(APART)));
        }
        _ => {}
    }
    let quick = args.iter().any(|a| a == "--quick");
    let mut scale = if quick { QUICK } else { LONG };
    if let Some(at) = args.iter().position(|a| a == "--counties") {
        scale.counties = args.get(at + 1).context("--counties wants a number")?.parse()?;
    }
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let dir = tempfile::tempdir_in(&scratch)?;
    let load = || fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned();
    let before = load();
    let table = measure(scale, dir.path())?;
    println!("{table}");
    println!("load before: {before}; after: {}", load());
    let json = scratch.with_file_name("bench").join("province.json");
    fs::create_dir_all(json.parent().context("it has a directory")?)?;
    let all = json!({ "quick": quick, "load_before": before, "load_after": load(), "rows": table.json() });
    fs::write(&json, serde_json::to_string_pretty(&all)?)?;
    println!("written to {}", json.display());
    Ok(())
}

/// One round: a backlog is written, then sent by all at once.
#[derive(Default)]
struct Round {
    /// Seconds of each county's call, until its city has acknowledged all.
    calls: Vec<f64>,
    /// Seconds until all of each county's is in the province's tables.
    arrived: Vec<f64>,
    entries: f64,
    calls_again: f64,
}

fn measure(scale: Scale, dir: &Path) -> Result<Table> {
    let mut table = Table::default();
    let start = Instant::now();
    let mut province = Province::found(dir, scale.counties, scale.cities)?;
    let set_up = start.elapsed().as_secs_f64();
    let homes = scale.counties + province.hubs.len() + 1;
    eprintln!("{homes} homes are set up ({set_up:.0} s)");
    province.serve()?;
    let mut drive = Worker::start(&["drive", text(&province.counties)])?;
    let mut arrivals = Arrivals::open(&province.database(Level::Province)?)?;
    let start = Instant::now();
    let expected = Expected::read(&drive.ask("dossiers")?)?;
    drive.tell("go")?;
    arrivals.wait(&expected, Instant::now(), WITHIN)?;
    drive.hear()?;
    // What came down, the keys of hubs among it, is answered.
    drive.ask("go")?;
    eprintln!("their dossiers are in the province ({:.0} s)", start.elapsed().as_secs_f64());

    let (city, above, nation) =
        (&province.live_city, province.database(Level::Province)?, province.database(Level::Nation)?);
    let mut live = Worker::start(&["live", text(&province.live), text(city), text(&above), text(&nation)])?;
    live.hear()?;
    live.ask("quiet")?;
    worker::pause(scale.quiet);
    let mut rounds = vec![];
    for round in 0..scale.rounds {
        live.ask("between")?;
        let expected = Expected::read(&drive.ask(&format!("backlog {}", scale.lines))?)?;
        // What the hubs still do for the last round is not this one's.
        worker::pause(scale.quiet.min(Duration::from_secs(5)));
        live.ask("load")?;
        let start = Instant::now();
        drive.tell("go")?;
        let arrived = arrivals.wait(&expected, start, WITHIN)?;
        let said = drive.hear()?;
        live.ask("between")?;
        rounds.push(Round::read(&said, arrived, scale.lines)?);
        eprintln!("round {} of {} is over ({:.0} s)", round + 1, scale.rounds, start.elapsed().as_secs_f64());
    }
    let lived = live.end()?;
    let driven = drive.end()?;
    let taken = province.taken();
    province.stop()?;
    rows(&mut table, scale, &rounds, &lived)?;

    let of = |level: Level| taken.iter().filter(move |(of, _)| *of == level).map(|(_, taken)| *taken);
    for (level, name) in [(Level::Nation, "nation"), (Level::Province, "province"), (Level::City, "each city")] {
        let peaks: Vec<f64> = of(level).filter_map(|taken| taken.peak_kb).map(|kb| kb as f64 / 1024.0).collect();
        table.add(Row::new(format!("memory at most, {name}"), "MB", &peaks).worst().goal(Goal::AtMost(300.0)));
    }
    table.add(Row::new("memory at most, the process of all counties", "MB", &[number(&driven, "peak_kb") / 1024.0]));
    for (level, name) in [(Level::Nation, "nation"), (Level::Province, "province"), (Level::City, "all cities")] {
        let time = of(level).map(|taken| taken.cpu_ms).sum::<u64>();
        let name = format!("processor time since it began to serve, {name}");
        table.add(Row::new(name, "s", &[time as f64 / 1000.0]));
    }
    table.add(Row::new("processor time, all counties", "s", &[number(&driven, "cpu_ms") / 1000.0]));

    let bare = floor::run(&province.database(Level::Province)?, &dir.join("floor.db"))?;
    let bare = number(&bare, "rows") / number(&bare, "seconds");
    table.add(Row::new("floor: a bare loop puts the province's entries into one table", "rows/s", &[bare]));
    table.add(Row::new(format!("set up: {homes} homes, enrolled"), "s", &[set_up]));
    Ok(table)
}

fn rows(table: &mut Table, scale: Scale, rounds: &[Round], lived: &Value) -> Result<()> {
    let times = |phase: &str, what: &str| -> Result<Vec<f64>> {
        let all = lived["phases"][phase][what].as_array().context("the county that goes on working has measured")?;
        Ok(all.iter().filter_map(Value::as_f64).collect())
    };
    if lived["lost"].as_u64() != Some(0) {
        bail!("the nation never saw {} of the live county's entries", lived["lost"]);
    }
    for (phase, name) in [("quiet", "nothing else"), ("load", "while the backlog comes in")] {
        let seen = times(phase, "nation")?;
        let name = |what: &str| format!("live county's commit → nation's table, {name}: {what}");
        table.add(Row::new(name("entries"), "", &[seen.len() as f64]));
        table.add(Row::new(name("median"), "ms", &seen));
        let p99 = Row::new(name("p99"), "ms", &[percentile(&seen, 99)]);
        table.add(if phase == "load" { p99.goal(Goal::AtMost(1000.0)) } else { p99 });
        table.add(Row::new(name("the slowest"), "ms", &seen).worst());
        for level in ["city", "province"] {
            table.add(Row::new(name(&format!("median, as far as the {level}")), "ms", &times(phase, level)?));
        }
        table.add(Row::new(name("its own commit, p99"), "ms", &[percentile(&times(phase, "written")?, 99)]));
    }
    let each = |of: &dyn Fn(&Round) -> f64| rounds.iter().map(of).collect::<Vec<f64>>();
    let name = |what: &str| format!("{} counties at once: {what}", scale.counties);
    table.add(Row::new(name("until all is in the province"), "s", &each(&|round| percentile(&round.arrived, 100))));
    let rate = |round: &Round| round.entries / percentile(&round.arrived, 100);
    table.add(Row::new(name("of all their operations"), "operations/s", &each(&rate)));
    let slow = |times: &[f64]| percentile(times, 100) / percentile(times, 50);
    type Times = fn(&Round) -> &Vec<f64>;
    let kinds: [(&str, Times); 2] = [
        ("a call, until the city has it", |round| &round.calls),
        ("until it is in the province", |round| &round.arrived),
    ];
    for (what, times) in kinds {
        table.add(Row::new(name(&format!("{what}, median")), "s", &each(&|round| percentile(times(round), 50))));
        table.add(Row::new(name(&format!("{what}, slowest")), "s", &each(&|round| percentile(times(round), 100))));
        let ratio = each(&|round| slow(times(round)));
        table.add(Row::new(name(&format!("{what}, slowest over median")), "×", &ratio).worst().goal(Goal::AtMost(2.0)));
    }
    table.add(Row::new(name("calls that had to be made again"), "", &each(&|round| round.calls_again)));
    Ok(())
}

/// The smallest that so many of a hundred do not exceed.
fn percentile(times: &[f64], percent: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

impl Round {
    fn read(said: &Value, arrived: Vec<f64>, lines: u64) -> Result<Round> {
        let calls = said["calls"].as_array().context("the counties have called")?;
        let entries = (calls.len() as u64 * (lines + drive::EDITS + drive::PAYMENTS)) as f64;
        Ok(Round {
            calls: calls.iter().map(|call| number(call, "seconds")).collect(),
            calls_again: calls.iter().map(|call| number(call, "times") - 1.0).sum(),
            arrived,
            entries,
        })
    }
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or(f64::NAN)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the scratch directory's name is text")
}
