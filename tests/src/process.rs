//! The program itself in a process of its own, and what the kernel says of a process. Linux only, as benchmarks are.

use std::{
    fs::{self, File},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use huiliu_node::identity::Role;
use huiliu_proto::union::UnionNumber;

use crate::world::World;

/// How long a hub may take to begin to listen.
const STARTING: Duration = Duration::from_secs(60);
/// How long it may take to end.
const ENDING: Duration = Duration::from_secs(60);

/// What a process has taken so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taken {
    /// The most memory it ever held.
    pub peak_kb: Option<u64>,
    pub cpu_ms: u64,
    /// The processor's time of its children that have ended and were waited for.
    pub children_ms: u64,
}

/// Of a process by its id, or of `self`.
pub fn taken(pid: &str) -> Taken {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name in brackets; user and system time are the 14th and 15th of all fields, in hundredths, then those of
    // the children.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|t| t.parse::<u64>().ok()).unwrap_or(0);
    Taken {
        peak_kb: peak.and_then(|l| l.split_whitespace().next()?.parse().ok()),
        cpu_ms: (ticks(11) + ticks(12)) * 10,
        children_ms: (ticks(13) + ticks(14)) * 10,
    }
}

/// Sets up a hub that listens on this machine. The listener keeps its port from being given to another: it is dropped
/// before the hub serves.
pub fn add_hub(world: &mut World, union: &str, role: Role) -> Result<(Hub, TcpListener)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    world.add(union, role)?;
    let machine = world.machines.last_mut().context("it was just added")?;
    machine.home.config.listen = Some(address.clone());
    machine.home.save()?;
    Ok((Hub { union: machine.union(), dir: machine.home.dir.clone(), address, child: None }, listener))
}

/// A hub's home, and its process while it serves.
pub struct Hub {
    pub union: UnionNumber,
    pub dir: PathBuf,
    address: String,
    child: Option<Child>,
}

impl Hub {
    /// Starts `serve` and waits until it listens.
    pub fn serve(&mut self, program: &Path) -> Result<()> {
        let log = self.dir.with_extension("log");
        let mut command = Command::new(program);
        command.args(["--lang", "en", "--home"]).arg(&self.dir).arg("serve");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?).spawn()?;
        let start = Instant::now();
        while TcpStream::connect(&self.address).is_err() {
            if start.elapsed() > STARTING || child.try_wait()?.is_some() {
                child.kill()?;
                bail!("{} does not serve: {}", self.union, fs::read_to_string(&log)?);
            }
            pause(Duration::from_millis(20));
        }
        self.child = Some(child);
        Ok(())
    }

    /// What its process has taken so far.
    pub fn taken(&self) -> Taken {
        self.child.as_ref().map(|child| taken(&child.id().to_string())).unwrap_or_default()
    }

    /// Asks it to end, and waits for it.
    pub fn stop(&mut self) -> Result<()> {
        let Some(child) = &mut self.child else { return Ok(()) };
        Command::new("kill").arg(child.id().to_string()).status()?;
        let start = Instant::now();
        while child.try_wait()?.is_none() {
            if start.elapsed() > ENDING {
                bail!("{} does not end", self.union);
            }
            pause(Duration::from_millis(20));
        }
        self.child = None;
        Ok(())
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Where it has ended by itself there is nothing to kill.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "another process tells nobody when it is ready")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
