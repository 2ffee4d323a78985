//! What a person waits for at a million records: the program itself, started anew for each verb, as at a terminal.
//!
//! `cargo bench -p huiliu-tests --bench verbs` prints a table and writes `target/bench/verbs.json`; `-- 50000 10` takes other
//! numbers of records and of runs. Records are imported into a county's home and sent to its city's hub, which then has them
//! too; the keys have no passphrase. Nothing here fails because a number is bad.

// Means of measured times are what floating point is for; money is not among them.
#![allow(clippy::float_arithmetic)]

use std::{
    fs::{self, File},
    io::{Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};
use huiliu_node::{
    app::{
        bulk::{self, Format, Lines, Source},
        write,
    },
    clock,
    identity::{Home, Role},
    ledger::{Ledger, WriteOutcome},
    writer::{Store, Threads},
};
use huiliu_proto::{
    handle::Declared as _,
    record::Record,
    v1::{Enterprise, WorkEntry},
};
use huiliu_tests::{
    disk, people,
    process::{self, Hub},
    table::{Goal, Row, Table},
    worklog::MEDIATORS,
    world::World,
};
use serde_json::json;

/// How a verb may end: well, or with what waits for a person.
const GOOD: [i32; 2] = [0, 3];
/// A file system in memory, where nothing waits for a disk.
const MEMORY: &str = "/dev/shm";
/// What a write to the disk is measured with: about what the log of one record takes.
const PAGES: usize = 64 * 1024;

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_program"))
}

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let (records, runs) = (numbers.next().unwrap_or(1_000_000), numbers.next().unwrap_or(20));
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let dir = tempfile::tempdir_in(&scratch)?;
    let load = || fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned();
    let before = load();
    let table = measure(records, runs, dir.path())?;
    println!("{table}");
    println!("load before: {before}; after: {}", load());
    let json = scratch.with_file_name("bench").join("verbs.json");
    fs::create_dir_all(json.parent().context("it has a directory")?)?;
    let all = json!({ "records": records, "load_before": before, "load_after": load(), "rows": table.json() });
    fs::write(&json, serde_json::to_string_pretty(&all)?)?;
    println!("written to {}", json.display());
    Ok(())
}

fn measure(records: u64, runs: u64, dir: &Path) -> Result<Table> {
    let mut table = Table::default();
    let (county, city) = found(dir, records, &mut table)?;
    let start = time(runs, &mut || command(&county, &["--version"]))?;
    add(&mut table, "the program starts and ends (--version)", &start, None);
    let looks: [&[&str]; 5] =
        [&["status"], &["inbox"], &["record", "list"], &["record", "list", "work_entry"], &["rollup"]];
    for (place, home) in [("county", &county), ("city", &city)] {
        for verb in looks {
            let took = time(runs, &mut || command(home, verb))?;
            add(&mut table, &format!("{place}, {}", verb.join(" ")), &took, Some(20.0));
        }
    }
    let add_one = |home: &Path| {
        let mut n = 0;
        let home = home.to_owned();
        move || {
            n += 1;
            let summary = format!("summary=到企业指导第{n}次集体协商，议题为工资增幅与加班");
            let fields =
                ["mediator=测试员7", "duty=参加协商", "subtype=现场指导协商", "done_on=2026-03-04", "place=第7厂"];
            let more = ["guided=1", "workers_helped=3", "mandate=企业工会委托", &summary];
            let mut command = command(&home, &["record", "add", "work_entry"]);
            command.args(fields).args(more);
            command
        }
    };
    let on_disk = time(runs, &mut add_one(&county))?;
    add(&mut table, "county, record add", &on_disk, None);
    table.add(Row::new(format!("floor: {} KiB written and synced", PAGES >> 10), "ms", &synced(dir, runs)?));
    stays(&county, runs, "on the disk", &mut table)?;

    match tempfile::tempdir_in(MEMORY) {
        Err(error) => eprintln!("what a record takes without a disk is not measured: {MEMORY}: {error}"),
        Ok(memory) => {
            let home = memory.path().join("county");
            disk::copy(&county, &home)?;
            let start = time(runs, &mut || command(&home, &["--version"]))?;
            let took = time(runs, &mut add_one(&home))?;
            add(&mut table, "county in memory, record add", &took, None);
            let own = median(&took.wall) - median(&start.wall);
            let name = "county in memory, record add beyond the program's start";
            table.add(Row::new(name, "ms", &[own]).goal(Goal::AtMost(5.0)));
            stays(&home, runs, "in memory", &mut table)?;
        }
    }
    Ok(table)
}

/// A county's home with so many records, and that of its city's hub, which has them too.
fn found(dir: &Path, records: u64, table: &mut Table) -> Result<(PathBuf, PathBuf)> {
    let mut world = World::new(dir, 1, clock::system());
    world.add("100000", Role::Root)?;
    world.add("320000", Role::Hub)?;
    let (mut city, port) = process::add_hub(&mut world, "320900", Role::Hub)?;
    let county = world.add("320922", Role::Node)?.home.dir.clone();
    drop(port);
    {
        let store = open(&county)?;
        store.write_blocking(|ledger| (0..MEDIATORS).try_for_each(|n| people::mediator(ledger, n).map(drop)))?;
        let file = dir.join("log.csv");
        write_log(&file, records)?;
        let mut from = || Ok(Source::new(Box::new(File::open(&file)?), Format::Csv));
        let start = Instant::now();
        let report = bulk::import(&store, WorkEntry::kind(), "log.csv", Lines::AllOrNone, &mut from, &mut ())?;
        ensure!(report.written == records, "{} of {records} were written: {:?}", report.written, report.problems);
        let rate = records as f64 / start.elapsed().as_secs_f64();
        table.add(Row::new(format!("{records} records imported"), "records/s", &[rate]));
        fs::remove_file(&file)?;
        while store.write_blocking(Ledger::prepare_outgoing)? {}
    }
    eprintln!("{records} records are imported");
    city.serve(program())?;
    let start = Instant::now();
    run(&mut command(&county, &["sync"]))?;
    table.add(Row::new("sent to the city by sync", "records/s", &[records as f64 / start.elapsed().as_secs_f64()]));
    let dir = city.dir.clone();
    Hub::stop(&mut city)?;
    eprintln!("and sent");
    Ok((county, dir))
}

fn open(home: &Path) -> Result<Store> {
    Ok(Store::of(&Home::open(home)?, clock::system(), clock::random(), Threads::Inline)?)
}

fn write_log(path: &Path, lines: u64) -> Result<()> {
    let mut file = std::io::BufWriter::new(File::create(path)?);
    writeln!(file, "指导员,duty,subtype,done_on,place,guided,workers_helped,summary,mandate")?;
    for n in 0..lines {
        let (mediator, month, day) = (n % MEDIATORS, n / MEDIATORS % 12 + 1, n / MEDIATORS / 12 % 28 + 1);
        writeln!(
            file,
            "测试员{mediator},参加协商,现场指导协商,2025-{month:02}-{day:02},第{}厂,1,{},指导第{n}次集体协商，议题为工资增幅与加班,企业工会委托",
            n % 400,
            n % 40
        )?;
    }
    Ok(file.flush()?)
}

fn command(home: &Path, verb: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(["--lang", "zh", "--home"]).arg(home).args(verb).stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    match output.status.code().is_some_and(|code| GOOD.contains(&code)) {
        true => Ok(()),
        false => bail!("{command:?} ended badly: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// What runs of one verb took.
struct Took {
    /// Milliseconds of each, from its start to its end.
    wall: Vec<f64>,
    /// The processor's, of one.
    cpu: f64,
}

/// Runs a verb so often, and once before, for what the first finds cold is not measured.
fn time(runs: u64, command: &mut dyn FnMut() -> Command) -> Result<Took> {
    run(&mut command())?;
    let before = process::taken("self").children_ms;
    let mut wall = vec![];
    for _ in 0..runs {
        let mut command = command();
        let start = Instant::now();
        run(&mut command)?;
        wall.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let cpu = (process::taken("self").children_ms - before) as f64 / runs as f64;
    Ok(Took { wall, cpu })
}

fn add(table: &mut Table, name: &str, took: &Took, goal: Option<f64>) {
    let row = Row::new(name, "ms", &took.wall);
    table.add(match goal {
        Some(most) => row.goal(Goal::AtMost(most)),
        None => row,
    });
    table.add(Row::new(format!("{name}: processor time"), "ms", &[took.cpu]));
}

fn median(all: &[f64]) -> f64 {
    let mut sorted = all.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Milliseconds of a write to this disk that is waited for, again and again in the same place, as a log is written.
fn synced(dir: &Path, runs: u64) -> Result<Vec<f64>> {
    let mut file = File::create(dir.join("synced"))?;
    let bytes = vec![7; PAGES];
    file.write_all(&bytes)?;
    file.sync_all()?;
    let mut took = vec![];
    for _ in 0..runs {
        let start = Instant::now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&bytes)?;
        file.sync_data()?;
        took.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(took)
}

/// The same without a program that starts: records added one by one where the store is open already, as in a console.
fn stays(home: &Path, runs: u64, place: &str, table: &mut Table) -> Result<()> {
    let store = open(home)?;
    let mediator = store.write_blocking(|ledger| people::mediator(ledger, 100_000))?;
    let took = |what: &mut dyn FnMut(u64) -> Result<()>| -> Result<Vec<f64>> {
        let mut all = vec![];
        for n in 0..runs.max(100) {
            let start = Instant::now();
            what(n)?;
            all.push(start.elapsed().as_secs_f64() * 1e3);
        }
        Ok(all)
    };
    let entries = took(&mut |n| one(&store, people::log_line(mediator, n)))?;
    table.add(Row::new(format!("county {place}, one line of the log where the store is open"), "ms", &entries));
    let fields = |n: u64| {
        people::record(
            Enterprise::NAME,
            &[
                ("name", &format!("滨海演示{n}公司")),
                ("uscc", &huiliu_tests::worklog::credit_code(n)),
                ("region", "320922"),
                ("industry", "制造业"),
                ("ownership", "私营"),
            ],
        )
    };
    let dossiers = took(&mut |n| one(&store, fields(n)))?;
    table.add(Row::new(format!("county {place}, one dossier where the store is open"), "ms", &dossiers));
    Ok(())
}

fn one(store: &Store, record: Record) -> Result<()> {
    let kind = record.kind;
    let values = record.values().iter().cloned().enumerate().filter(|(_, value)| value.is_some()).collect();
    match write::add(store, kind, values, huiliu_node::app::Mode::Write)? {
        WriteOutcome::Written { .. } => Ok(()),
        other => bail!("it was not written: {other:?}"),
    }
}
