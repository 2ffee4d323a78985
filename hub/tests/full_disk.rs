//! A full disk where a machine joins, exchanges and invites: it is called full, and nothing has to be put right but room.

mod machine;
#[allow(dead_code)]
#[path = "../../node/tests/strace/mod.rs"]
mod strace;

use machine::Machine;
use strace::{step, with_fault};
use tempfile::TempDir;

/// From the first write of the database on, nothing fits.
fn full(machine: &Machine, arguments: &[&str]) {
    let log = machine.home.with_extension("log");
    let ran = with_fault(&machine.command(arguments), "pwrite64", "error=ENOSPC:when=1+", &log);
    assert!(ran.hit && ran.code == Some(1), "{arguments:?}: {:?} {}{}", ran.code, ran.out, ran.err);
    assert!(ran.err.contains("the disk is full"), "{arguments:?}: {}", ran.err);
    assert!(!ran.err.contains("panicked") && !ran.err.contains("move it away"), "{arguments:?}: {}", ran.err);
}

#[test]
fn joining_exchanging_and_inviting_on_a_full_disk() {
    if step().is_none() {
        return;
    }
    let dir = TempDir::new().expect("a temporary directory");
    let nation = Machine::hub(&dir, "nation");
    full(&nation, &["init", "--root"]);
    nation.done(&["init", "--root"]);
    let serving = nation.serve();
    full(&nation, &["invite", "320000"]);
    let token = nation.invite(&["320000"]);
    let province = Machine::hub(&dir, "jiangsu");
    full(&province, &["join", &token]);
    province.done(&["join", &token]);
    nation.record(&["programme", "code=CS-2025", "name=甲", "year=2025", "source=全国总工会", "purpose=补助"]);
    full(&province, &["sync"]);
    assert_eq!(province.count("programme"), 0);
    province.exchange();
    assert_eq!(province.count("programme"), 1);
    for machine in [&nation, &province] {
        machine.done(&["verify"]);
    }
    drop(serving);
}
