//! What befalls a machine in a story beside faults of the line: its disk goes back to an earlier day, or is copied. And
//! the account of what was honestly lost with it: what nobody else had.

use std::{collections::BTreeSet, fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use huiliu_node::{
    store::evidence,
    writer::{Store, Threads},
};
use huiliu_proto::{
    id::{DeviceId, RecordId},
    union::UnionNumber,
};

use crate::{
    disk, oracle,
    people::Random,
    world::{Machine, World},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The database is restored; memory.json stays.
    Database,
    /// The whole disk is restored.
    Disk,
    /// The disk is copied, and both machines work.
    Clone,
    /// The machine is gone for good, and another one of the union takes its place.
    Lost,
}

/// One of them: when the copy is made, and when it comes back or goes to work.
#[derive(Debug, Clone)]
pub struct DiskFault {
    pub kind: FaultKind,
    pub machine: String,
    pub saved_at: Duration,
    pub strikes_at: Duration,
}

impl DiskFault {
    /// Most stories have one, some two; no machine has more than one.
    pub fn draw(world: &World, random: &mut Random) -> Vec<DiskFault> {
        let mut all: Vec<DiskFault> = vec![];
        for _ in 0..2 {
            let kind = match random.below(10) {
                0..=2 => FaultKind::Database,
                3 | 4 => FaultKind::Disk,
                5 | 6 => FaultKind::Clone,
                7 => FaultKind::Lost,
                _ => continue,
            };
            // One machine is cloned or lost: its twin waits for a disk, and its successor in a cupboard.
            let one = matches!(kind, FaultKind::Clone | FaultKind::Lost);
            let hurt: Vec<_> = world
                .machines
                .iter()
                .filter(|m| m.name != SUCCESSOR && !m.is_rogue() && (!one || m.name == CLONED))
                .collect();
            let machine = random.pick(&hurt).name.clone();
            let saved_at = Duration::from_millis(2_000 + random.below(8_000));
            let strikes_at = saved_at + Duration::from_millis(2_000 + random.below(9_000));
            if all.iter().all(|other| other.machine != machine) {
                all.push(DiskFault { kind, machine, saved_at, strikes_at });
            }
        }
        all
    }
}

/// Whoever must have everything in the end.
const PROVINCE: &str = "hub-320000";

/// The machine whose disk may be copied, and the name of the one it is put into.
pub const CLONED: &str = "node-320922-0";
pub const TWIN: &str = "twin-320922-0";

/// The machine that takes the place of a lost one; until then it stands in a cupboard.
pub const SUCCESSOR: &str = "node-320922-2";

/// Puts the successor away, or takes it out.
pub fn put_away(world: &World) -> Result<()> {
    let home = &world.machine(SUCCESSOR).home.dir;
    Ok(fs::rename(home, home.with_extension("cupboard"))?)
}

/// The machine that starts to work once its disk is there.
pub fn twin(world: &World, seed: u64) -> Machine {
    let mut twin = world.machine(CLONED).clone();
    twin.name = TWIN.into();
    twin.home.dir = twin.home.dir.with_file_name(TWIN);
    twin.random = crate::world::random(seed ^ 0x7717);
    twin
}

/// What was ever written, as far as anybody looked, and what of it went with a disk that nobody else could make good.
#[derive(Debug, Default)]
pub struct Account {
    ever: BTreeSet<RecordId>,
    lost: BTreeSet<RecordId>,
    /// Somebody must have been told.
    missed: bool,
    rogues: BTreeSet<DeviceId>,
    /// Devices whose disk went back, or was copied.
    hurt: BTreeSet<DeviceId>,
    enrolled: BTreeSet<(UnionNumber, DeviceId)>,
}

/// The honest entries that a machine holds.
fn ids(machine: &Machine, rogues: &BTreeSet<DeviceId>) -> Result<BTreeSet<RecordId>> {
    let store = machine.store(Threads::Inline);
    Ok(oracle::entries(&store, rogues)?.into_keys().collect())
}

impl Account {
    pub fn new(rogues: BTreeSet<DeviceId>, enrolled: BTreeSet<(UnionNumber, DeviceId)>) -> Account {
        Account { rogues, enrolled, ..Account::default() }
    }

    /// A machine is down and looked at.
    pub fn look(&mut self, machine: &Machine) -> Result<()> {
        self.ever.append(&mut ids(machine, &self.rogues)?);
        Ok(())
    }

    /// Puts a machine's disk back, or copies it. The machine is down.
    pub fn strike(&mut self, fault: &DiskFault, machines: &[Machine]) -> Result<()> {
        let machine = machines.iter().find(|m| m.name == fault.machine).context("no such machine")?;
        let home = &machine.home.dir;
        if fault.kind != FaultKind::Lost {
            self.hurt.insert(machine.me().device());
        }
        if fault.kind == FaultKind::Clone {
            let twin = machines.iter().find(|m| m.name == TWIN).context("no twin")?;
            self.missed = true;
            return Ok(disk::copy(home, &twin.home.dir)?);
        }
        let before = ids(machine, &self.rogues)?;
        let mut after = BTreeSet::new();
        match fault.kind {
            FaultKind::Lost => {
                let successor = machines.iter().find(|m| m.name == SUCCESSOR).context("no successor")?;
                fs::remove_dir_all(home)?;
                fs::rename(successor.home.dir.with_extension("cupboard"), &successor.home.dir)?;
            }
            FaultKind::Database => disk::database_back_to(home)?,
            FaultKind::Disk | FaultKind::Clone => disk::back_to(home)?,
        }
        if fault.kind != FaultKind::Lost {
            after = ids(machine, &self.rogues)?;
        }
        let mut elsewhere = BTreeSet::new();
        for other in
            machines.iter().filter(|m| m.name != machine.name && !m.is_rogue() && m.home.dir.join("huiliu.db").exists())
        {
            elsewhere.append(&mut ids(other, &self.rogues)?);
        }
        for id in before.difference(&after) {
            if elsewhere.contains(id) {
                // Everybody knows that a machine is gone; a disk that went back has to show.
                self.missed |= fault.kind != FaultKind::Lost;
            } else {
                self.lost.insert(*id);
            }
        }
        self.ever.extend(before);
        Ok(())
    }

    /// Who may be accused of what.
    pub fn cast(&self) -> oracle::Cast<'_> {
        oracle::Cast { rogues: &self.rogues, hurt: &self.hurt, enrolled: &self.enrolled }
    }

    /// Nothing is lost but what only a lost disk held; and nothing went back in silence.
    pub fn settles(&self, machines: &[(Machine, Store)]) -> Result<()> {
        let mut there = BTreeSet::new();
        let mut told = false;
        let cut_off = oracle::cut_off(machines.iter().map(|(machine, _)| machine));
        for (machine, store) in machines {
            // What never came through a hub that is gone is where it was written.
            if machine.name == PROVINCE || cut_off.iter().any(|branch| branch.contains(machine.union())) {
                there.extend(oracle::entries(store, &self.rogues)?.into_keys());
            }
            told |= !store.read(|c| evidence::list(c, true))?.is_empty();
        }
        let missing = self.ever.difference(&there).filter(|id| !self.lost.contains(id)).count();
        ensure!(missing == 0, "{missing} records that somebody else had are gone");
        ensure!(told || !self.missed, "a disk went back and nobody was told");
        Ok(())
    }
}
