//! Power that fails at any moment: every write and sync of a program that writes records is noted (strace), and the disk is
//! made as it may be found after each: with what was synced and nothing more, with all that was written, with some of
//! it, pages torn in sectors of 512 bytes. A name that was made, changed or taken away lasts when its directory was synced.
//! Whatever was acknowledged before that moment must be there, and the home must open, verify and be written to.
//!
//! What this does not cover: shared memory, which does not outlive a power loss; disks that say they have synced and have
//! not. A reader beside writers that fail or are killed is in `faults`.
//! `HUILIU_FAULTS=all` tries every moment.

#[allow(dead_code)]
mod strace;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use huiliu_node::{
    clock,
    identity::{Home, Role, Setup},
    ledger::{self, Ledger},
    store::{self, StoreError, evidence, projection},
    writer::{Store, Threads},
};
use huiliu_proto::{kind::kind, union::UnionNumber};
use strace::{noted, step, with_fault};
use tempfile::TempDir;

const HOME: &str = "HUILIU_POWERLOSS_HOME";
const RECORDS: usize = 40;

fn enterprise(ledger: &mut Ledger, name: &str) -> Result<(), StoreError> {
    let kind = kind("enterprise").expect("a kind");
    let fields = [
        ("name", name),
        ("uscc", "91350100M000100Y43"),
        ("region", "320922"),
        ("industry", "制造业"),
        ("ownership", "私营"),
    ];
    let value = |(field, text): &(&str, &str)| {
        let at = kind.field(field).expect("a field");
        (at, kind.fields[at].parse(text).ok())
    };
    ledger.write_document(kind, None, fields.iter().map(value).collect()).map(drop)
}

#[test]
#[ignore = "the program that the tests below run"]
fn writes_and_says_so() {
    let Ok(dir) = std::env::var(HOME) else { return };
    let home = Home::open(Path::new(&dir)).expect("a home");
    let store = Store::of(&home, clock::system(), clock::random(), Threads::Inline).expect("it opens");
    for n in 0..RECORDS {
        let written = store.write_blocking(move |ledger| {
            enterprise(ledger, &format!("n{n}"))?;
            // Signed at times: then what is remembered beside the database moves too.
            if n % 3 == 0 { ledger.pack_all() } else { Ok(()) }
        });
        match written {
            Ok(()) => println!("acked n{n}"),
            Err(StoreError::Unknown) => println!("unknown n{n}"),
            Err(error) => println!("failed n{n} {error}"),
        }
    }
}

fn child(home: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "writes_and_says_so", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(HOME, home);
    command
}

fn new_home(dir: &Path) -> Home {
    let union = UnionNumber::try_from(320_922u64).expect("a union");
    huiliu_node::writer::init(&Setup::new(dir, "huiliu", union, Role::Node), &clock::system(), &clock::random())
        .expect("a home")
}

fn open(dir: &Path) -> Store {
    let home = Home::open(dir).expect("it is a home");
    Store::of(&home, clock::system(), clock::random(), Threads::Inline).expect("it opens")
}

fn names(store: &Store) -> Vec<String> {
    let all = store.read(|conn| projection::list(conn, kind("enterprise").expect("a kind"), None, None, 999));
    all.expect("it can be read").iter().filter_map(|row| row.record.text("name").map(str::to_owned)).collect()
}

fn verify(dir: &Path) {
    let home = Home::open(dir).expect("it is a home");
    let conn = store::copy_of(&home.database(), &dir.join("verify.tmp")).expect("it can be copied");
    let me = home.me(clock::system(), clock::random()).expect("its keys");
    assert_eq!(ledger::verify(conn, me, &mut |_| ()).expect("it can be verified"), []);
}

/// What a program did to the disk.
#[derive(Debug)]
enum Event {
    Open { path: String, create: bool, truncate: bool },
    Write { path: String, at: Option<usize>, bytes: Vec<u8> },
    Truncate { path: String, size: usize },
    Sync(String),
    Rename(String, String),
    Unlink(String),
    Said(String),
}

fn unhex(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|digits| u8::from_str_radix(&digits[..2], 16).expect("hexadecimal")).collect()
}

fn words(text: &str) -> String {
    String::from_utf8_lossy(&unhex(text)).into_owned()
}

/// A line of strace's log, where it is about the disk and the call went well.
fn event(line: &str) -> Option<Event> {
    let call = line.split_once(' ')?.1.trim_start();
    let (call, answer) = call.rsplit_once(" = ")?;
    if answer.starts_with('-') {
        return None;
    }
    let (name, arguments) = call.split_once('(')?;
    let quoted: Vec<&str> = arguments.split('"').skip(1).step_by(2).collect();
    let path = || Some(words(arguments.split_once('<')?.1.split_once('>')?.0));
    let last = || arguments.trim_end_matches(')').rsplit(", ").next()?.parse::<usize>().ok();
    Some(match name {
        "openat" => Event::Open {
            path: words(quoted.first()?),
            create: arguments.contains("O_CREAT"),
            truncate: arguments.contains("O_TRUNC"),
        },
        "write" if arguments.starts_with("1<") => Event::Said(words(quoted.first()?)),
        "write" => Event::Write { path: path()?, at: None, bytes: unhex(quoted.first()?) },
        "pwrite64" => Event::Write { path: path()?, at: Some(last()?), bytes: unhex(quoted.first()?) },
        "fsync" | "fdatasync" => Event::Sync(path()?),
        "ftruncate" => Event::Truncate { path: path()?, size: last()? },
        "rename" => Event::Rename(words(quoted.first()?), words(quoted.get(1)?)),
        "unlink" => Event::Unlink(words(quoted.first()?)),
        _ => return None,
    })
}

#[derive(Default, Clone)]
struct Inode {
    now: Vec<u8>,
    lasting: Vec<u8>,
    /// Since the last sync: where, and what; or a new size.
    pending: Vec<(usize, Result<Vec<u8>, usize>)>,
    /// Where a plain write goes.
    position: usize,
}

fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if file.len() < at + bytes.len() {
        file.resize(at + bytes.len(), 0);
    }
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// What is on the disk, and what would be after a power loss.
#[derive(Default)]
struct Disk {
    names: BTreeMap<String, usize>,
    lasting: BTreeMap<String, usize>,
    inodes: Vec<Inode>,
}

/// What a power loss leaves of that which was not synced.
#[derive(Debug, Clone, Copy)]
enum Left {
    Nothing,
    All,
    Some(u64),
}

fn roll(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

impl Disk {
    fn of(dir: &Path) -> Disk {
        let mut disk = Disk::default();
        disk.look(dir);
        disk.lasting = disk.names.clone();
        disk
    }

    fn look(&mut self, dir: &Path) {
        for entry in fs::read_dir(dir).expect("it is there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                self.look(&path);
            } else {
                let bytes = fs::read(&path).expect("it can be read");
                self.names.insert(path.display().to_string(), self.inodes.len());
                self.inodes.push(Inode { now: bytes.clone(), lasting: bytes, ..Inode::default() });
            }
        }
    }

    fn inode(&mut self, path: &str) -> Option<&mut Inode> {
        self.names.get(path).map(|at| &mut self.inodes[*at])
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Open { path, create, truncate } => {
                if *create && !self.names.contains_key(path) {
                    self.names.insert(path.clone(), self.inodes.len());
                    self.inodes.push(Inode::default());
                }
                if let Some(inode) = self.inode(path) {
                    inode.position = 0;
                    if *truncate {
                        inode.now.clear();
                        inode.pending.push((0, Err(0)));
                    }
                }
            }
            Event::Write { path, at, bytes } => {
                if let Some(inode) = self.inode(path) {
                    let at = at.unwrap_or(inode.position);
                    inode.position = at + bytes.len();
                    put(&mut inode.now, at, bytes);
                    inode.pending.push((at, Ok(bytes.clone())));
                }
            }
            Event::Truncate { path, size } => {
                if let Some(inode) = self.inode(path) {
                    inode.now.resize(*size, 0);
                    inode.pending.push((0, Err(*size)));
                }
            }
            Event::Sync(path) => match self.inode(path) {
                Some(inode) => {
                    inode.lasting = inode.now.clone();
                    inode.pending.clear();
                }
                None => {
                    let inside = |name: &str| Path::new(name).parent() == Some(Path::new(path));
                    self.lasting.retain(|name, _| !inside(name));
                    self.lasting.extend(self.names.iter().filter(|(n, _)| inside(n)).map(|(n, at)| (n.clone(), *at)));
                }
            },
            Event::Rename(from, to) => {
                if let Some(at) = self.names.remove(from) {
                    self.names.insert(to.clone(), at);
                }
            }
            Event::Unlink(path) => drop(self.names.remove(path)),
            Event::Said(_) => {}
        }
    }

    /// Writes what a power loss leaves of the files in `from` into `to`.
    fn fail(&self, from: &Path, to: &Path, left: Left) {
        let mut random = if let Left::Some(seed) = left { seed } else { 0 };
        let names = match left {
            Left::Nothing => &self.lasting,
            Left::All => &self.names,
            Left::Some(_) => [&self.lasting, &self.names][roll(&mut random) as usize % 2],
        };
        for (name, at) in names {
            let Ok(inside) = Path::new(name).strip_prefix(from) else { continue };
            // Shared memory, and locks.
            if name.ends_with("-shm") || name.ends_with(".lock") {
                continue;
            }
            let target = to.join(inside);
            fs::create_dir_all(target.parent().expect("it has one")).expect("ours");
            fs::write(target, self.inodes[*at].after(left, &mut random)).expect("ours");
        }
    }
}

impl Inode {
    fn after(&self, left: Left, random: &mut u64) -> Vec<u8> {
        let mut file = match left {
            Left::Nothing => return self.lasting.clone(),
            Left::All => return self.now.clone(),
            Left::Some(_) => self.lasting.clone(),
        };
        for (at, what) in &self.pending {
            match (what, roll(random) % 4) {
                (_, 0) => {}
                (Err(size), _) => file.resize(*size, 0),
                (Ok(bytes), 1) => {
                    // Torn: one end of it, to a sector's border.
                    let cut = (roll(random) as usize % (bytes.len() + 1)) / 512 * 512;
                    match roll(random) % 2 {
                        0 => put(&mut file, *at, &bytes[..cut]),
                        _ => put(&mut file, *at + cut, &bytes[cut..]),
                    }
                }
                (Ok(bytes), _) => put(&mut file, *at, bytes),
            }
        }
        file
    }
}

#[test]
fn what_was_acknowledged_outlives_a_power_loss_at_any_moment() {
    let Some(step) = step() else { return };
    let dir = TempDir::new().expect("a directory");
    let from = dir.path().join("home");
    drop(new_home(&from));
    let mut disk = Disk::of(&from);
    let log = noted(&child(&from), &dir.path().join("log"));
    let events: Vec<Event> = log.lines().filter_map(event).collect();
    let syncs = events.iter().filter(|event| matches!(event, Event::Sync(_))).count();
    assert!(syncs >= RECORDS && events.len() > 10 * RECORDS, "{} events, {syncs} syncs", events.len());
    let (mut acked, mut tried): (Vec<String>, usize) = (vec![], 0);
    for (n, event) in events.iter().enumerate() {
        disk.happen(event);
        match event {
            Event::Said(said) => acked.extend(said.trim().strip_prefix("acked ").map(str::to_owned)),
            Event::Sync(_) | Event::Rename(..) | Event::Unlink(_) if n % (step.div_ceil(2)) != 0 => continue,
            Event::Write { .. } | Event::Open { .. } | Event::Truncate { .. } if n % (step * 5) != 0 => continue,
            _ => {}
        }
        if matches!(event, Event::Said(_)) && step > 1 && n % 5 != 0 {
            continue;
        }
        for left in [Left::Nothing, Left::All, Left::Some(n as u64)] {
            if step > 1 && (n + tried) % 3 != 0 && !matches!(left, Left::Nothing) {
                continue;
            }
            tried += 1;
            let place = TempDir::new().expect("a directory");
            let home: PathBuf = place.path().join("home");
            disk.fail(&from, &home, left);
            let store = open(&home);
            let there = names(&store);
            let lost: Vec<&String> = acked.iter().filter(|name| !there.contains(name)).collect();
            assert!(lost.is_empty(), "after event {n} {event:?}, {left:?} left: {lost:?} are gone");
            let seen = store.read(|conn| evidence::list(conn, false)).expect("it can be read");
            assert!(seen.is_empty(), "after event {n}, {left:?} left: it takes itself for restored");
            store.write_blocking(|ledger| enterprise(ledger, "later")).expect("it can be written to");
            drop(store);
            if tried % 8 == 0 {
                verify(&home);
            }
        }
    }
    assert_eq!(acked.len(), RECORDS, "all were acknowledged");
    println!("{} events, {tried} power losses", events.len());
    assert!(tried > 50, "{tried}");
}

/// One system call fails under a program that goes on: what it says of each record is so.
#[test]
fn a_disk_that_fails_once_is_told_truly_and_writing_goes_on() {
    let Some(step) = step() else { return };
    let mut tried = 0;
    for (call, fault) in [("fsync", "error=EIO"), ("pwrite64", "error=EIO"), ("pwrite64", "error=ENOSPC")] {
        let mut n = 3;
        loop {
            let dir = TempDir::new().expect("a directory");
            let home = dir.path().join("home");
            drop(new_home(&home));
            let ran = with_fault(&child(&home), call, &format!("{fault}:when={n}"), &dir.path().join("log"));
            if !ran.hit || tried > 3000 {
                break;
            }
            tried += 1;
            n += if call == "fsync" { step } else { step * 16 };
            let said = |word: &str| -> Vec<String> {
                let lines = ran.out.lines().filter_map(|line| line.strip_prefix(word)?.split_whitespace().next());
                lines.map(str::to_owned).collect()
            };
            let (acked, failed) = (said("acked "), said("failed "));
            // The fault may have come while the store was being opened.
            if acked.is_empty() {
                continue;
            }
            assert!(acked.len() + 2 >= RECORDS, "{call} {n} {fault}: {}{}", ran.out, ran.err);
            let there = names(&open(&home));
            assert!(acked.iter().all(|name| there.contains(name)), "{call} {n} {fault}: acknowledged and gone");
            assert!(
                !failed.iter().any(|name| there.contains(name)),
                "{call} {n} {fault}: said not to be there: {failed:?}"
            );
            verify(&home);
        }
    }
    println!("{tried} faults");
    assert!(tried > 10, "{tried}");
}
