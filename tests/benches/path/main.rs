//! How fast records travel from a county's disk to its hub's, measured in one run against a floor.
//!
//! `cargo bench -p huiliu-tests --bench path` prints a table and writes `target/bench/huiliu.json`; `-- --quick` takes
//! seconds and shows only that everything still works; `-- --json FILE` writes elsewhere. County, hub and floor are
//! processes of their own, on this machine, over TLS on its loopback. Nothing here fails because a number is bad.

// Rates and ratios of measured times are what floating point is for; money is not among them.
#![allow(clippy::float_arithmetic)]

mod child;
mod floor;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use huiliu_node::{clock, identity::Role};
use huiliu_tests::{
    disk,
    table::{Goal, Row, Table},
    world::World,
};
use serde_json::{Value, json};

struct Scale {
    /// Sizes of history at which an idle exchange is looked at; the last is how much the bulk runs carry.
    histories: [u64; 3],
    dossiers: u64,
    edits_of_one: u64,
    repeats: usize,
}

const LONG: Scale = Scale { histories: [1_000, 50_000, 200_000], dossiers: 10_000, edits_of_one: 1_000, repeats: 3 };
const QUICK: Scale = Scale { histories: [200, 1_000, 10_000], dossiers: 500, edits_of_one: 100, repeats: 1 };

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|a| a == "child") {
        return child::run(&args[1..]);
    }
    let quick = args.iter().any(|a| a == "--quick");
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let json = match args.iter().position(|a| a == "--json") {
        Some(at) => PathBuf::from(args.get(at + 1).context("--json wants a file")?),
        None => scratch.with_file_name("bench").join("huiliu.json"),
    };
    let dir = tempfile::tempdir_in(&scratch)?;
    let load = || fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned();
    let before = load();
    let table = measure(&if quick { QUICK } else { LONG }, dir.path())?;
    println!("{table}");
    println!("load before: {before}; after: {}", load());
    if let Some(parent) = json.parent() {
        fs::create_dir_all(parent)?;
    }
    let all = json!({ "quick": quick, "load_before": before, "load_after": load(), "rows": table.json() });
    fs::write(&json, serde_json::to_string_pretty(&all)?)?;
    println!("written to {}", json.display());
    Ok(())
}

fn measure(scale: &Scale, dir: &Path) -> Result<Table> {
    let mut table = Table::default();
    let empty = Pair::found(&dir.join("empty"))?;
    idle_and_bulk(scale, dir, &empty, &mut table)?;
    edits(scale, dir, &empty, &mut table)?;
    Ok(table)
}

fn idle_and_bulk(scale: &Scale, dir: &Path, empty: &Pair, table: &mut Table) -> Result<()> {
    let full = *scale.histories.last().context("there are histories")?;
    // A history that grows and is exchanged as it grows: what an idle exchange costs at each size.
    let grown = empty.copy(&dir.join("grown"))?;
    let mut there = 0;
    let mut idle = vec![];
    for size in scale.histories {
        run(&["entries", text(&grown.county), &(size - there).to_string()])?;
        there = size;
        let hub = Hub::serve(&grown.hub)?;
        hub.call(&grown.county, 1)?;
        let calls = hub.call(&grown.county, 10)?;
        let handshake = run(&["handshake", text(&grown.county), &hub.port.to_string()])?;
        hub.stop()?;
        let frames = run(&["frames", text(&grown.county), text(&grown.hub)])?;
        idle.push((size, calls, handshake, frames));
    }

    // The whole of it at once, again and again from a hub that has nothing, against the floor.
    let written = empty.copy(&dir.join("written"))?;
    let writing = run(&["entries", text(&written.county), &full.to_string()])?;
    let (mut path, mut bare, mut ratio, mut wire, mut disk) = (vec![], vec![], vec![], vec![], vec![]);
    let (mut node_peak, mut hub_peak) = (vec![number(&writing, "peak_kb") / 1024.0], vec![]);
    let (mut node_cpu, mut hub_cpu) = (vec![], vec![]);
    let mut together = 0.0;
    for turn in 0..scale.repeats {
        let file = dir.join(format!("floor-{turn}.db"));
        let floor = run(&["floor", text(&written.county.join("huiliu.db")), text(&file)])?;
        together = number(&floor, "together");
        fs::remove_file(&file)?;
        let pair = written.copy(&dir.join("turn"))?;
        let size_before = database_bytes(&pair.hub)?;
        let hub = Hub::serve(&pair.hub)?;
        let called = hub.call(&pair.county, 1)?;
        let served = hub.stop()?;
        if count(&pair.hub)? != full {
            bail!("{} of {full} entries arrived", count(&pair.hub)?);
        }
        let call = &called["calls"][0];
        path.push(number(call, "seconds"));
        bare.push(number(&floor, "seconds"));
        ratio.push(number(call, "seconds") / number(&floor, "seconds"));
        wire.push((number(call, "wire_out") + number(call, "wire_in")) / full as f64);
        disk.push((database_bytes(&pair.hub)? - size_before) as f64 / full as f64);
        node_peak.push(number(&called, "peak_kb") / 1024.0);
        hub_peak.push(number(&served, "peak_kb") / 1024.0);
        node_cpu.push(number(&called, "cpu_ms") / 1000.0);
        hub_cpu.push(number(&served, "cpu_ms") / 1000.0);
        fs::remove_dir_all(dir.join("turn"))?;
    }
    let rate = |seconds: &[f64]| seconds.iter().map(|s| full as f64 / s).collect::<Vec<_>>();
    let name = |what: &str| format!("{full} entries: {what}");
    table.add(Row::new(name("county disk → TLS → hub's commit"), "entries/s", &rate(&path)).goal(Goal::AtLeast(1e5)));
    table.add(Row::new(name(&format!("floor, bare loop, {together} a commit")), "rows/s", &rate(&bare)));
    table.add(Row::new(name("time over the floor's"), "×", &ratio).goal(Goal::AtMost(2.2)));
    table.add(Row::new(name("processor time, county"), "s", &node_cpu));
    table.add(Row::new(name("processor time, hub"), "s", &hub_cpu));
    table.add(Row::new(name("written by the county itself"), "entries/s", &rate(&[number(&writing, "seconds")])));
    table.add(Row::new(name("on the wire, all of TCP"), "bytes/entry", &wire).goal(Goal::AtMost(60.0)));
    table.add(Row::new(name("on the hub's disk"), "bytes/entry", &disk));
    table.add(Row::new(name("memory at most, county"), "MB", &node_peak).worst().goal(Goal::AtMost(60.0)));
    table.add(Row::new(name("memory at most, hub"), "MB", &hub_peak).worst().goal(Goal::AtMost(300.0)));
    for (size, calls, handshake, frames) in &idle {
        let name = |what: &str| format!("idle at {size}: {what}");
        let calls = calls["calls"].as_array().context("calls are a list")?;
        let wire: Vec<f64> = calls.iter().map(|c| number(c, "wire_out") + number(c, "wire_in")).collect();
        let latency: Vec<f64> = calls.iter().map(|c| number(c, "seconds") * 1000.0).collect();
        table.add(Row::new(name("frames"), "bytes", &[number(frames, "bytes")]).goal(Goal::AtMost(1024.0)));
        table.add(Row::new(name("round trips"), "", &[number(frames, "round_trips")]).goal(Goal::AtMost(1.0)));
        table.add(Row::new(name("TLS handshake"), "bytes", &[number(handshake, "bytes")]));
        table.add(Row::new(name("all of TCP, with connecting"), "bytes", &wire));
        table.add(Row::new(name("latency, with connecting"), "ms", &latency));
    }
    Ok(())
}

fn edits(scale: &Scale, dir: &Path, empty: &Pair, table: &mut Table) -> Result<()> {
    let many = (format!("edits of {} dossiers, two each", scale.dossiers), "dossiers", scale.dossiers, 2, 18_000.0);
    let one = (format!("{} edits of one dossier", scale.edits_of_one), "one", scale.edits_of_one, 1, 5_000.0);
    for (name, job, count, each, wanted) in [many, one] {
        let written = empty.copy(&dir.join("edits"))?;
        let writing = run(&[job, text(&written.county), &count.to_string()])?;
        let edits = (count * each) as f64;
        let (mut rates, mut node_peak, mut hub_peak) = (vec![], vec![number(&writing, "peak_kb") / 1024.0], vec![]);
        for _ in 0..scale.repeats {
            let pair = written.copy(&dir.join("turn"))?;
            let hub = Hub::serve(&pair.hub)?;
            let called = hub.call(&pair.county, 1)?;
            let served = hub.stop()?;
            rates.push(edits / number(&called["calls"][0], "seconds"));
            node_peak.push(number(&called, "peak_kb") / 1024.0);
            hub_peak.push(number(&served, "peak_kb") / 1024.0);
            fs::remove_dir_all(dir.join("turn"))?;
        }
        table.add(Row::new(name.clone(), "edits/s", &rates).goal(Goal::AtLeast(wanted)));
        table.add(Row::new(format!("{name}: by the county itself"), "edits/s", &[edits / number(&writing, "seconds")]));
        table.add(Row::new(format!("{name}: memory, county"), "MB", &node_peak).worst().goal(Goal::AtMost(60.0)));
        table.add(Row::new(format!("{name}: memory, hub"), "MB", &hub_peak).worst().goal(Goal::AtMost(300.0)));
        fs::remove_dir_all(dir.join("edits"))?;
    }
    Ok(())
}

/// The homes of a county and of the hub it is joined to.
struct Pair {
    county: PathBuf,
    hub: PathBuf,
}

impl Pair {
    fn found(dir: &Path) -> Result<Pair> {
        let mut world = World::new(dir, 1, clock::system());
        world.add("100000", Role::Root)?;
        world.add("320000", Role::Hub)?;
        let hub = world.add("320900", Role::Hub)?.home.dir.clone();
        let county = world.add("320922", Role::Node)?.home.dir.clone();
        Ok(Pair { county, hub })
    }

    fn copy(&self, to: &Path) -> Result<Pair> {
        let pair = Pair { county: to.join("county"), hub: to.join("hub") };
        disk::copy(&self.county, &pair.county)?;
        disk::copy(&self.hub, &pair.hub)?;
        Ok(pair)
    }
}

/// A hub's process.
struct Hub {
    child: Child,
    lines: BufReader<ChildStdout>,
    port: u64,
}

impl Hub {
    fn serve(dir: &Path) -> Result<Hub> {
        let mut child = command(&["serve", text(dir)])?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("the hub's output")?);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let said: Value = serde_json::from_str(&line).context("the hub did not start")?;
        Ok(Hub { child, lines, port: said["port"].as_u64().context("a port")? })
    }

    fn call(&self, county: &Path, times: u64) -> Result<Value> {
        run(&["call", text(county), &self.port.to_string(), &times.to_string()])
    }

    fn stop(mut self) -> Result<Value> {
        drop(self.child.stdin.take());
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        if !self.child.wait()?.success() {
            bail!("the hub ended badly");
        }
        Ok(serde_json::from_str(&line)?)
    }
}

fn command(args: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("child").args(args).stderr(Stdio::inherit());
    Ok(command)
}

fn run(args: &[&str]) -> Result<Value> {
    let output = command(args)?.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        bail!("{args:?} ended badly");
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{args:?} said nothing"))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the scratch directory's name is text")
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or(f64::NAN)
}

/// What a database takes on the disk once its log is written back.
fn database_bytes(home: &Path) -> Result<u64> {
    let conn = rusqlite::Connection::open(home.join("huiliu.db"))?;
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(fs::metadata(home.join("huiliu.db"))?.len())
}

fn count(home: &Path) -> Result<u64> {
    let conn = rusqlite::Connection::open(home.join("huiliu.db"))?;
    let count: i64 = conn.query_row("SELECT count(*) FROM work_entry", [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}
