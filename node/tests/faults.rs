//! Single system calls that fail, or at which the program is killed: EIO, ENOSPC, SIGKILL at the n-th write, sync, open,
//! rename. Whole processes under strace, so that locks, shared memory and everything beside the database are in it; and a
//! program that reads beside one that fails.
//!
//! What a power loss leaves is another test's matter (`powerloss`).

mod program;
#[allow(dead_code)]
mod strace;

use std::{
    collections::BTreeSet,
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use huiliu_node::{
    clock,
    identity::Home,
    store::projection,
    writer::{Store, Threads},
};
use huiliu_proto::kind::kind;
use program::{MEDIATOR, Union, text};
use strace::{Ran, step, with_fault};

/// Calls by which files are made and written, and how often at most each is tried.
const CALLS: [&str; 9] =
    ["openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink", "mkdir"];
const FAULTS: [&str; 3] = ["error=ENOSPC", "error=EIO", "signal=KILL"];
const ENTERPRISE: [&str; 8] = [
    "record",
    "add",
    "enterprise",
    "name=甲一公司",
    "uscc=91350100M000100Y43",
    "region=滨海县",
    "industry=制造业",
    "ownership=私营",
];

/// What nobody may be told whose database is good.
fn blames_nothing_good(ran: &Ran, at: &str) {
    for words in ["移开", "不是汇流的数据库", "panicked", "还没有初始化"] {
        assert!(!ran.err.contains(words), "{at}: {}", ran.err);
    }
}

/// Tries a fault at every `step`-th of each call that `arguments` makes; `look` judges each time. Returns how many hit.
fn everywhere(arguments: &[&str], step: usize, fresh: &dyn Fn() -> Union, look: &dyn Fn(&Union, &Ran, &str)) -> usize {
    let mut tried = 0;
    for (kind, call) in CALLS.iter().enumerate() {
        // Not the same places for each.
        let mut n = 1 + kind % step;
        'call: loop {
            for (turn, fault) in FAULTS.iter().enumerate() {
                // In the short form one fault a place.
                if step > 1 && (n / step) % FAULTS.len() != turn {
                    continue;
                }
                let union = fresh();
                let at = format!("{call} {n} {fault}");
                let ran = with_fault(&union.command(arguments), call, &format!("{fault}:when={n}"), &union.path("log"));
                if !ran.hit {
                    break 'call;
                }
                tried += 1;
                look(&union, &ran, &at);
            }
            // Pages of the first tables are many and all alike.
            n += if *call == "pwrite64" && n > 100 { step * 40 } else { step };
        }
    }
    tried
}

#[test]
fn init_that_broke_off_can_be_run_again() {
    let Some(step) = step() else { return };
    let init = ["init", "--union", "320922"];
    let tried = everywhere(&init, step, &Union::empty, &|union, ran, at| {
        blames_nothing_good(ran, at);
        let again = union.run(&init);
        let there = again.code == 1 && again.err.contains("已经初始化");
        assert!(again.code == 0 || there, "{at}: {}{}\n{}", again.out, again.err, ran.err);
        union.add(&MEDIATOR);
        let verified = union.run(&["verify"]);
        assert_eq!(verified.code, 0, "{at}: {}{}", verified.out, verified.err);
    });
    assert!(tried > 20, "{tried} faults");
    println!("{tried} faults");
}

#[test]
fn what_was_acknowledged_is_there_and_what_failed_is_not() {
    let Some(step) = step() else { return };
    let model = Union::new();
    model.add(&MEDIATOR);
    let fresh = || {
        let union = Union::empty();
        copy(&model.home(), &union.home());
        union
    };
    let tried = everywhere(&ENTERPRISE, step, &fresh, &|union, ran, at| {
        blames_nothing_good(ran, at);
        let listed = union.json(&["record", "list", "enterprise"]);
        let there = listed["records"].as_array().map_or(0, Vec::len);
        let unknown = ran.err.contains("不能确定是否已写入");
        match ran.code {
            Some(0) => assert_eq!(there, 1, "{at}: acknowledged and gone"),
            // Killed, or it may have failed at saying that all was well.
            None => assert!(there <= 1, "{at}"),
            Some(_) if unknown || at.starts_with("write ") => assert!(there <= 1, "{at}"),
            Some(_) => assert_eq!(there, 0, "{at}: written although it says it is not: {}", ran.err),
        }
        let verified = union.run(&["verify"]);
        assert_eq!(verified.code, 0, "{at}: {}{}", verified.out, verified.err);
        union.add(&["enterprise", "name=甲二公司", ENTERPRISE[4], ENTERPRISE[5], ENTERPRISE[6], ENTERPRISE[7]]);
        assert!(!union.run(&["status"]).out.contains("另起"), "{at}: it is no other incarnation");
    });
    assert!(tried > 10, "{tried} faults");
    println!("{tried} faults");
}

#[test]
fn a_full_disk_is_called_full() {
    if step().is_none() {
        return;
    }
    let csv = "name,uscc,region,industry,ownership\n甲三公司,91350100M000100Y43,滨海县,制造业,私营\n";
    // From the first write of the database on, nothing fits.
    for arguments in [
        &["init", "--union", "320922"][..],
        &ENTERPRISE,
        &["record", "import", "enterprise", "FILE"],
        &["rebuild"],
        &["verify"],
        &["backup", "FILE"],
        &["restore", "FILE", "--yes"],
    ] {
        let union = if arguments[0] == "init" { Union::empty() } else { Union::new() };
        let file = union.path("lines.csv");
        match arguments[0] {
            "restore" => assert_eq!(union.run(&["backup", text(&file)]).code, 0),
            "record" => fs::write(&file, csv).expect("ours"),
            _ => {}
        }
        let arguments: Vec<&str> = arguments.iter().map(|a| if *a == "FILE" { text(&file) } else { *a }).collect();
        let arguments = &arguments[..];
        let ran = with_fault(&union.command(arguments), "pwrite64", "error=ENOSPC:when=1+", &union.path("log"));
        assert!(ran.hit && ran.code == Some(1), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains("磁盘已满") && ran.err.contains("完好"), "{arguments:?}: {}", ran.err);
        blames_nothing_good(&ran, arguments[0]);
        assert!(!ran.out.contains("无法读取"), "{arguments:?}: {}", ran.out);
        // As soon as there is room it works, and nothing has to be put right.
        if arguments[0] != ENTERPRISE[0] || arguments[1] == "import" {
            let again = union.run(arguments);
            assert_eq!(again.code, 0, "{arguments:?}: {}{}", again.out, again.err);
        }
        union.add(&MEDIATOR);
    }
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One reader that stays while one writer after the other fails or is killed beside it: it never sees half of a record, nor
/// one less than before, and what it shares with them (locks, shared memory) stays good.
#[test]
fn a_reader_beside_writers_that_fail_reads_on() {
    let Some(step) = step() else { return };
    let union = Union::new();
    union.add(&MEDIATOR);
    let home = Home::open(&union.home()).expect("it is a home");
    let store = Store::of(&home, clock::system(), clock::random(), Threads::Inline).expect("it opens");
    let names = || -> BTreeSet<String> {
        let all = store.read(|conn| projection::list(conn, kind("enterprise").expect("a kind"), None, None, 9_999));
        let all = all.expect("a reader fails for no writer");
        all.iter().map(|row| row.record.text("name").expect("a whole record").to_owned()).collect()
    };
    let (over, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (mut acknowledged, mut refused, mut tried) = (BTreeSet::new(), BTreeSet::new(), 0);
    std::thread::scope(|scope| {
        // Whatever happens, the reader comes to an end.
        let end = End(&over);
        let reader = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                let now = names();
                assert!(seen.is_subset(&now), "what was there is gone");
                seen = now;
                looks.fetch_add(1, Ordering::Relaxed);
            }
        });
        for call in ["pwrite64", "fdatasync", "fsync", "ftruncate", "openat"] {
            for (turn, n) in (1..400).step_by(step.div_ceil(3)).enumerate() {
                let fault = FAULTS[turn % FAULTS.len()];
                let name = format!("{call}{n}公司");
                let mut arguments = ENTERPRISE.to_vec();
                let field = format!("name={name}");
                arguments[3] = &field;
                let ran =
                    with_fault(&union.command(&arguments), call, &format!("{fault}:when={n}"), &union.path("log"));
                let at = format!("{call} {n} {fault}");
                blames_nothing_good(&ran, &at);
                match ran.code {
                    Some(0) => drop(acknowledged.insert(name)),
                    Some(_) if !ran.err.contains("不能确定是否已写入") => drop(refused.insert(name)),
                    _ => {}
                }
                let now = names();
                assert!(acknowledged.is_subset(&now), "{at}: acknowledged, and the reader does not see it");
                assert!(refused.is_disjoint(&now), "{at}: the reader sees what was not written: {}", ran.err);
                if !ran.hit || reader.is_finished() {
                    break;
                }
                tried += 1;
            }
        }
        drop(end);
        reader.join().expect("it read on");
    });
    let looks = looks.into_inner();
    assert!(tried > 8 && looks > tried && !acknowledged.is_empty(), "{tried} faults, {looks} looks");
    println!("{tried} faults, {looks} looks");
    let listed = union.json(&["record", "list", "enterprise"]);
    assert_eq!(listed["records"].as_array().map(Vec::len), Some(names().len()), "both see the same");
    let verified = union.run(&["verify"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).expect("ours");
    for entry in fs::read_dir(from).expect("it is there").filter_map(Result::ok) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("it can be copied");
        }
    }
}
