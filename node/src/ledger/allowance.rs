//! How much of this machine's writing time one device, or one neighbour for its whole branch, may take up.
//!
//! An allowance delays and never decides: what is over it is asked for later, and is the same then. It is counted in what
//! a replay repeats, never in measured time. It is kept in memory alone: it bounds what stands between others and the
//! writer while this program runs, and a restart, which no peer can bring about, gives each device one allowance more.

use std::collections::HashMap;

use huiliu_proto::id::DeviceId;

use super::Cost;

const DAY: i64 = 24 * 3_600_000;
/// Devices and neighbours whose spending is remembered. Those that have spent nothing for long are forgotten; while there
/// are more than that, the rest share one allowance.
const ACCOUNTS_KEPT: usize = 20_000;
/// Shortest interval between two searches for accounts that owe nothing any more.
const SWEEP_INTERVAL_MS: i64 = 60_000;
/// A neighbour may hand on so much more than one device may write.
const BRANCH_FACTOR: u64 = 32;
/// For how long, at most, something is put off at a time, in seconds.
const LONGEST_PAUSE_SECONDS: i64 = 600;

/// What one device may write at once, and again each day. A county's year is a million entries: about 150 bytes each as
/// they are read, and some six rows.
pub const DAILY: Cost = Cost { operations: 1_500_000, bytes: 512 << 20, rows: 15_000_000, document_bytes: 8 << 30 };

/// Whose allowance it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    /// Who wrote it.
    Writer(DeviceId),
    /// Who hands it on, for all of its branch.
    Relay(DeviceId),
    /// All for whom there is no room.
    Others,
}

/// What is spent, each as the time in which it comes back: milliseconds of a day's allowance.
#[derive(Debug, Clone, Copy, Default)]
struct Debt {
    spent: [i64; 4],
    at: i64,
}

fn parts(cost: Cost) -> [u64; 4] {
    [cost.operations, cost.bytes, cost.rows, cost.document_bytes]
}

/// What is spent, of so much a day.
fn part(spent: u64, daily: u64) -> i64 {
    let part = u128::from(spent) * DAY.unsigned_abs() as u128 / u128::from(daily.max(1));
    i64::try_from(part).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

impl Debt {
    /// What is left of it at that time.
    fn at(self, now: i64) -> Debt {
        // A clock that was turned back gives nothing back, and takes nothing.
        let over = now.saturating_sub(self.at).max(0);
        Debt { spent: self.spent.map(|spent| spent.saturating_sub(over).max(0)), at: now }
    }

    /// Milliseconds until something may be spent again: at once, unless a whole day's allowance is.
    fn wait(self) -> i64 {
        (self.spent.into_iter().max().unwrap_or(0) - DAY).max(0)
    }

    fn is_none(self) -> bool {
        self.spent == [0; 4]
    }
}

#[derive(Debug)]
pub struct Allowances {
    /// Of one device.
    pub daily: Cost,
    debts: HashMap<Whose, Debt>,
    looked_at: Option<i64>,
}

impl Default for Allowances {
    fn default() -> Allowances {
        Allowances { daily: DAILY, debts: HashMap::new(), looked_at: None }
    }
}

impl Allowances {
    fn whose(writer: DeviceId, from: DeviceId) -> impl Iterator<Item = (Whose, u64)> {
        let relay = (writer != from).then_some((Whose::Relay(from), BRANCH_FACTOR));
        [(Whose::Writer(writer), 1)].into_iter().chain(relay)
    }

    /// For how many seconds a batch has to wait; `None` where it may be taken now.
    pub fn wait(&self, writer: DeviceId, from: DeviceId, now: i64) -> Option<u32> {
        let debt = |whose| self.debts.get(&whose).or_else(|| self.others()).copied().unwrap_or_default().at(now);
        let wait = Allowances::whose(writer, from).map(|(whose, _)| debt(whose).wait()).max().unwrap_or(0);
        (wait > 0).then(|| u32::try_from((wait / 1000 + 1).min(LONGEST_PAUSE_SECONDS)).unwrap_or(1))
    }

    fn others(&self) -> Option<&Debt> {
        if self.debts.len() >= ACCOUNTS_KEPT { self.debts.get(&Whose::Others) } else { None }
    }

    fn forget_paid(&mut self, now: i64) {
        if self.looked_at.is_none_or(|at| now.abs_diff(at) >= SWEEP_INTERVAL_MS.unsigned_abs()) {
            self.looked_at = Some(now);
            self.debts.retain(|_, debt| !debt.at(now).is_none());
        }
    }

    /// Notes what a batch has cost.
    pub fn spend(&mut self, writer: DeviceId, from: DeviceId, cost: Cost, now: i64) {
        self.owe(Allowances::whose(writer, from), cost, now);
    }

    /// Charges for a batch that was here already: only the peer that sent it again pays.
    pub fn spend_again(&mut self, from: DeviceId, cost: Cost, now: i64) {
        self.owe([(Whose::Relay(from), BRANCH_FACTOR)].into_iter(), cost, now);
    }

    fn owe(&mut self, all: impl Iterator<Item = (Whose, u64)>, cost: Cost, now: i64) {
        for (mut whose, times) in all {
            if !self.debts.contains_key(&whose) && self.debts.len() >= ACCOUNTS_KEPT {
                self.forget_paid(now);
                if self.debts.len() >= ACCOUNTS_KEPT {
                    whose = Whose::Others;
                }
            }
            let debt = self.debts.entry(whose).or_default();
            let now = now.max(debt.at);
            *debt = debt.at(now);
            for ((spent, cost), daily) in debt.spent.iter_mut().zip(parts(cost)).zip(parts(self.daily)) {
                *spent = spent.saturating_add(part(cost, daily * times));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: Cost = Cost { operations: 4096, bytes: 600_000, rows: 25_000, document_bytes: 0 };

    fn device(n: u32) -> DeviceId {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&n.to_be_bytes());
        DeviceId(id)
    }

    /// Hands in batches as fast as they are taken, and waits as long as it is told to; how long it took.
    fn hand_in(allowances: &mut Allowances, writer: u32, from: u32, operations: u64) -> i64 {
        let (mut now, mut done) = (0, 0);
        while done < operations {
            match allowances.wait(device(writer), device(from), now) {
                Some(seconds) => now += i64::from(seconds) * 1000,
                None => {
                    allowances.spend(device(writer), device(from), BATCH, now);
                    done += BATCH.operations;
                }
            }
        }
        now
    }

    #[test]
    fn a_countys_year_passes_in_a_day_and_more_than_that_waits() {
        assert_eq!(hand_in(&mut Allowances::default(), 1, 1, 1_000_000), 0, "at once, even");
        let took = hand_in(&mut Allowances::default(), 1, 1, 10_000_000);
        assert!(took > 3 * DAY && took < 10 * DAY, "{took}");
    }

    #[test]
    fn a_branch_is_bounded_as_a_whole_and_hinders_no_other() {
        let mut allowances = Allowances::default();
        let mut now = 0;
        for writer in 10..200 {
            now = now.max(hand_in(&mut allowances, writer, 1, 1_000_000));
        }
        assert!(now > 0, "190 counties' years through one city take more than a moment");
        assert_eq!(allowances.wait(device(500), device(2), 0), None);
        assert!(allowances.wait(device(500), device(1), 0).is_some());
    }

    #[test]
    fn what_is_spent_comes_back_with_time_and_not_with_a_clock_that_goes_back() {
        let mut allowances = Allowances::default();
        let all = Cost { document_bytes: DAILY.document_bytes * 3, ..Cost::default() };
        allowances.spend(device(1), device(1), all, 1_000);
        assert!(allowances.wait(device(1), device(1), 1_000).is_some());
        assert!(allowances.wait(device(1), device(1), i64::MIN).is_some());
        assert!(allowances.wait(device(1), device(1), 1_000 + DAY).is_some());
        assert_eq!(allowances.wait(device(1), device(1), 1_000 + 2 * DAY), None);
        assert_eq!(allowances.wait(device(1), device(1), i64::MAX), None);
    }

    #[test]
    fn devices_without_end_share_what_is_left() {
        let mut allowances = Allowances::default();
        for n in 0..30_000 {
            allowances.spend(device(n), device(n), Cost { bytes: u64::MAX, ..BATCH }, 0);
        }
        assert!(allowances.debts.len() <= ACCOUNTS_KEPT + 1);
        assert!(allowances.wait(device(99_999), device(99_999), 0).is_some());
        allowances.spend(device(99_999), device(99_999), BATCH, i64::MAX);
        assert!(allowances.debts.len() < 10, "those that owe nothing any more are forgotten");
    }
}
