//! How fast a file becomes records: read, looked at line by line, written and on the disk. In a file system of the disk, one
//! process, nothing else running; `cargo bench -p huiliu-tests --bench bulk -- 100000 20000` (lines of the log, dossiers).

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use huiliu_node::{
    app::bulk::{self, Format, Lines, Source},
    identity::Role,
    writer::{Store, Threads},
};
use huiliu_proto::kind::kind;
use huiliu_tests::{
    people,
    world::{World, hand_clock},
};

fn main() -> Result<()> {
    let mut counts = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let (lines, dossiers) = (counts.next().unwrap_or(50_000), counts.next().unwrap_or(10_000));
    let dir = tempfile::tempdir_in(".")?;
    let (clock, _) = hand_clock();
    let mut world = World::new(dir.path(), 1, clock);
    for (union, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)]
    {
        world.add(union, role)?;
    }
    let store = world.machine("node-320922-0").store(Threads::Inline);
    store.write_blocking(|ledger| people::mediator(ledger, 999_999))?;
    let log = dir.path().join("log.csv");
    write_log(&log, lines)?;
    run(&store, "work_entry", &log, lines)?;
    let people = dir.path().join("people.csv");
    write_people(&people, dossiers)?;
    run(&store, "mediator", &people, dossiers)
}

fn write_log(path: &Path, lines: u64) -> Result<()> {
    let mut file = std::io::BufWriter::new(File::create(path)?);
    writeln!(file, "指导员,duty,subtype,done_on,place,guided,workers_helped,summary,mandate")?;
    for n in 0..lines {
        let (month, day) = (n % 12 + 1, n / 12 % 28 + 1);
        writeln!(
            file,
            "测试员999999,参加协商,现场指导协商,2025-{month:02}-{day:02},第{}厂,1,{},指导第{n}次集体协商，议题为工资增幅与加班,企业工会委托",
            n % 400,
            n % 40
        )?;
    }
    Ok(file.flush()?)
}

fn write_people(path: &Path, dossiers: u64) -> Result<()> {
    let mut file = std::io::BufWriter::new(File::create(path)?);
    writeln!(file, "name,id_no,sex,born,education,phone")?;
    for n in 0..dossiers {
        let id = people::identity_number(n);
        let born = format!("{}-{}-{}", &id[6..10], &id[10..12], &id[12..14]);
        writeln!(file, "导入{n},{id},男,{born},大专,13900000000")?;
    }
    Ok(file.flush()?)
}

fn run(store: &Store, name: &str, path: &Path, count: u64) -> Result<()> {
    let kind = kind(name).context("it is declared")?;
    let mut open = || Ok(Source::new(Box::new(File::open(path)?), Format::Csv));
    let start = Instant::now();
    let tried = bulk::import(store, kind, name, Lines::None, &mut open, &mut ())?;
    let looked = start.elapsed();
    ensure!(tried.wrong == 0, "{:?}", tried.problems.first());
    let start = Instant::now();
    let report = bulk::import(store, kind, name, Lines::AllOrNone, &mut open, &mut ())?;
    let took = start.elapsed();
    ensure!(report.written == count, "{} of {count} were written", report.written);
    let rate = |took: std::time::Duration| u128::from(count) * 1000 / took.as_millis().max(1);
    let bytes = fs::metadata(path)?.len();
    println!("{name}: {count} records ({bytes} bytes)");
    println!("  looked at:              {:>8}/s", rate(looked));
    println!("  looked at and written:  {:>8}/s", rate(took));
    println!("  written:                {:>8}/s", rate(took.saturating_sub(looked)));
    Ok(())
}
