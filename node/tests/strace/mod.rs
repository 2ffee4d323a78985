//! Runs a program under strace: with one of its system calls made to fail, or with all that it wrote noted.
//!
//! strace is Debian's, and needs no rights. Where it is not installed the tests that need it say so and do nothing, unless
//! `HUILIU_FAULTS` is set, as it is in CI: `some` for a part of the places, `all` for every one.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// How much is tried: of so many places one.
pub fn step() -> Option<usize> {
    let asked = std::env::var("HUILIU_FAULTS").ok();
    let here = Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    match (asked.as_deref(), here) {
        (Some("all"), true) => Some(1),
        (_, true) => Some(9),
        (Some(_), false) => panic!("strace is not installed"),
        (None, false) => {
            eprintln!("strace is not installed: no faults were tried");
            None
        }
    }
}

pub struct Ran {
    /// None where it was killed.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    /// The fault came to pass.
    pub hit: bool,
}

/// Runs `command` with a fault such as `error=EIO:when=3` or `signal=KILL:when=3` in that system call.
pub fn with_fault(command: &Command, call: &str, fault: &str, log: &Path) -> Ran {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o"]).arg(log);
    traced.args(["-e", &format!("trace={call}"), "-e", &format!("inject={call}:{fault}")]);
    let output = like(&mut traced, command).stdin(Stdio::null()).output().expect("strace starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let log = fs::read(log).unwrap_or_default();
    let log = text(&log);
    Ran {
        code: output.status.code().filter(|_| !log.contains("killed by SIGKILL")),
        out: text(&output.stdout),
        err: text(&output.stderr),
        hit: log.contains("INJECTED") || log.contains("killed by SIGKILL"),
    }
}

/// Runs `command` to its end and notes every system call that changes what is on the disk, with all bytes.
pub fn noted(command: &Command, log: &Path) -> String {
    const CALLS: &str = "trace=openat,write,pwrite64,fsync,fdatasync,ftruncate,rename,unlink,mkdir";
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-y", "-xx", "-s", "1048576", "-e", CALLS, "-o"]).arg(log);
    let output = like(&mut traced, command).stdin(Stdio::null()).output().expect("strace starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read_to_string(log).expect("strace writes a log")
}

/// The same program, arguments and environment.
fn like<'a>(traced: &'a mut Command, command: &Command) -> &'a mut Command {
    traced.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    traced
}
