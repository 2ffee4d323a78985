//! Who has logged in at this machine, and who has guessed wrong: two small files of the home that only their owner may read.
//!
//! The device signs for a session, so that it is not made or prolonged by hand. Whoever has the device's keys can do that
//! anyhow: that somebody logged in is the device's word.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use huiliu_proto::{
    id::{DeviceId, Hash, RecordId, hex, unhex},
    signed::{SigningKey, verify_session},
};
use serde::{Deserialize, Serialize};

use super::{IdentityError, disk_error, read_json, write_secret};

/// Without a command for so long, a session has ended.
pub const IDLE: i64 = 30 * 60_000;
/// That it is used is noted this often at most, so it may end as much sooner.
const NOTED: i64 = 60_000;
/// It ends after so long in any case.
pub const LONGEST: i64 = 12 * 3_600_000;
/// So many passwords may be wrong, then each next one has to wait, twice as long each time.
pub const TRIES: u32 = 5;
const WAIT: i64 = 60_000;
const LONGEST_WAIT: i64 = 60 * 60_000;
/// As many accounts are remembered for wrong passwords.
const REMEMBERED: usize = 500;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionFile {
    version: u32,
    account: String,
    opened: i64,
    used: i64,
    mark: String,
}

#[derive(Default, Serialize, Deserialize)]
struct Tries {
    count: u32,
    last: i64,
}

/// What stands in the files of one home.
pub struct Sessions<'a> {
    dir: &'a Path,
    key: &'a SigningKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    None,
    Open(RecordId),
    /// Too long without a command, or for too long.
    Ended,
}

impl<'a> Sessions<'a> {
    pub fn new(dir: &'a Path, key: &'a SigningKey) -> Sessions<'a> {
        Sessions { dir, key }
    }

    /// The machine whose they are.
    pub fn device(&self) -> DeviceId {
        self.key.device()
    }

    fn path(&self) -> PathBuf {
        self.dir.join("session.json")
    }

    fn tries_path(&self) -> PathBuf {
        self.dir.join("login-tries.json")
    }

    pub fn open(&self, account: RecordId, now: i64) -> Result<(), IdentityError> {
        self.write(account, now, now)
    }

    fn write(&self, account: RecordId, opened: i64, used: i64) -> Result<(), IdentityError> {
        let mark = hex(&self.key.sign_session(&digest(&account, opened, used)));
        let file = SessionFile { version: 1, account: account.to_string(), opened, used, mark };
        let text = serde_json::to_string(&file).map_err(|error| super::file_error(&self.path(), error))?;
        write_secret(&self.path(), text.as_bytes())
    }

    /// Whether somebody is logged in; if so, she goes on. What fails at the file ends at most the session: on a disk that
    /// cannot be written, all that reads still works.
    pub fn used(&self, now: i64) -> Session {
        if !self.path().exists() {
            return Session::None;
        }
        let lasts = |from: i64, most: i64| (0..most).contains(&now.saturating_sub(from));
        let going_on = self.read().filter(|(_, opened, used)| lasts(*used, IDLE) && lasts(*opened, LONGEST));
        let Some((account, opened, used)) = going_on else {
            if let Err(error) = self.close() {
                tracing::debug!(%error, "a session that has ended could not be cleared away");
            }
            return Session::Ended;
        };
        if now - used >= NOTED
            && let Err(error) = self.write(account, opened, now)
        {
            tracing::debug!(%error, "the session could not be noted");
        }
        Session::Open(account)
    }

    /// What was signed by this device, and nothing else.
    fn read(&self) -> Option<(RecordId, i64, i64)> {
        let file: SessionFile = read_json(&self.path()).ok()?;
        let account: RecordId = file.account.parse().ok()?;
        let digest = digest(&account, file.opened, file.used);
        let good = file.version == 1 && verify_session(&digest, &unhex(&file.mark)?, &self.key.device());
        good.then_some((account, file.opened, file.used))
    }

    /// Ends the session; whether there was one.
    pub fn close(&self) -> Result<bool, IdentityError> {
        match fs::remove_file(self.path()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(disk_error(&self.path(), error)),
        }
    }

    fn tries(&self) -> BTreeMap<String, Tries> {
        read_json(&self.tries_path()).unwrap_or_default()
    }

    /// Until when no password of the account is tried.
    pub fn closed_until(&self, account: &RecordId, now: i64) -> Option<i64> {
        let tries = self.tries();
        let tries = tries.get(&account.to_string()).filter(|tries| tries.count >= TRIES)?;
        let wait = WAIT.saturating_mul(1i64 << (tries.count - TRIES).min(16)).min(LONGEST_WAIT);
        let until = tries.last.saturating_add(wait);
        // A clock that was set back holds nobody up for longer than that.
        (now < until && until - now <= wait).then_some(until)
    }

    /// Noted before the password is looked at, so that ending the program gains nothing.
    pub fn tried(&self, account: &RecordId, now: i64) -> Result<(), IdentityError> {
        let mut all = self.tries();
        let tries = all.entry(account.to_string()).or_default();
        (tries.count, tries.last) = (tries.count.saturating_add(1), now);
        while all.len() > REMEMBERED {
            let oldest = all.iter().min_by_key(|(_, tries)| tries.last).map(|(account, _)| account.clone());
            oldest.map(|account| all.remove(&account));
        }
        self.note(&all)
    }

    pub fn succeeded(&self, account: &RecordId) -> Result<(), IdentityError> {
        let mut all = self.tries();
        match all.remove(&account.to_string()) {
            Some(_) => self.note(&all),
            None => Ok(()),
        }
    }

    fn note(&self, tries: &BTreeMap<String, Tries>) -> Result<(), IdentityError> {
        let path = self.tries_path();
        let text = serde_json::to_string(tries).map_err(|error| super::file_error(&path, error))?;
        write_secret(&path, text.as_bytes())
    }
}

fn digest(account: &RecordId, opened: i64, used: i64) -> Hash {
    Hash::of(&[account.as_bytes(), &opened.to_be_bytes(), &used.to_be_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_session_ends_when_nobody_uses_it_and_is_not_made_by_hand() {
        let dir = TempDir::new().unwrap();
        let (mine, other) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
        let sessions = Sessions::new(dir.path(), &mine);
        let account = RecordId([7; 16]);
        assert_eq!(sessions.used(0), Session::None);
        sessions.open(account, 1_000).unwrap();
        for now in [1_000, IDLE, 2 * IDLE - 1] {
            assert_eq!(sessions.used(now), Session::Open(account), "{now}");
        }
        assert_eq!(sessions.used(3 * IDLE), Session::Ended);
        assert_eq!(sessions.used(3 * IDLE), Session::None);
        // Longest, whatever was done.
        sessions.open(account, 0).unwrap();
        let ended = (0..).map(|n| n * IDLE / 2).find(|now| sessions.used(*now) == Session::Ended);
        assert_eq!(ended, Some(LONGEST));
        // Of another machine, and prolonged by hand.
        Sessions::new(dir.path(), &other).open(account, 0).unwrap();
        assert_eq!(sessions.used(0), Session::Ended);
        sessions.open(account, 0).unwrap();
        let path = dir.path().join("session.json");
        let prolonged = fs::read_to_string(&path).unwrap().replace("\"used\":0", "\"used\":9000000");
        fs::write(&path, prolonged).unwrap();
        assert_eq!(sessions.used(9_000_000), Session::Ended);
        // A clock that goes back ends it too.
        sessions.open(account, 5_000).unwrap();
        assert_eq!(sessions.used(4_000), Session::Ended);
    }

    #[test]
    fn a_disk_that_cannot_be_written_fails_nothing_but_the_session() {
        let dir = TempDir::new().unwrap();
        let key = SigningKey::from_seed(&[1; 32]);
        let sessions = Sessions::new(dir.path(), &key);
        let account = RecordId([7; 16]);
        sessions.open(account, 0).unwrap();
        // Nothing can be written beside it: a directory stands where the new file would.
        fs::create_dir_all(dir.path().join("session.new/stays")).unwrap();
        assert_eq!(sessions.used(IDLE / 2), Session::Open(account));
        // One that cannot be taken away.
        fs::remove_file(sessions.path()).unwrap();
        fs::create_dir_all(sessions.path().join("stays")).unwrap();
        assert_eq!(sessions.used(IDLE / 2), Session::Ended);
        assert!(sessions.close().is_err(), "who asks for it is told");
    }

    #[test]
    fn a_session_is_noted_once_a_minute() {
        let dir = TempDir::new().unwrap();
        let key = SigningKey::from_seed(&[1; 32]);
        let sessions = Sessions::new(dir.path(), &key);
        let account = RecordId([7; 16]);
        sessions.open(account, 0).unwrap();
        let noted = || sessions.read().unwrap().2;
        for (now, expected) in [(1, 0), (NOTED - 1, 0), (NOTED, NOTED), (NOTED + 1, NOTED), (3 * NOTED, 3 * NOTED)] {
            assert_eq!(sessions.used(now), Session::Open(account));
            assert_eq!(noted(), expected, "at {now}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn only_the_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = TempDir::new().unwrap();
        let key = SigningKey::from_seed(&[1; 32]);
        let sessions = Sessions::new(dir.path(), &key);
        sessions.open(RecordId([7; 16]), 0).unwrap();
        sessions.tried(&RecordId([7; 16]), 0).unwrap();
        for file in ["session.json", "login-tries.json"] {
            assert_eq!(fs::metadata(dir.path().join(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        }
    }

    #[test]
    fn guessing_is_slow() {
        let dir = TempDir::new().unwrap();
        let key = SigningKey::from_seed(&[1; 32]);
        let sessions = Sessions::new(dir.path(), &key);
        let account = RecordId([7; 16]);
        let mut now = 0;
        let day = 24 * 3_600_000;
        let mut guesses = 0;
        while now < day {
            match sessions.closed_until(&account, now) {
                Some(until) => now = until,
                None => {
                    sessions.tried(&account, now).unwrap();
                    guesses += 1;
                }
            }
        }
        assert!(guesses < 40, "{guesses} in a day");
        assert_eq!(sessions.closed_until(&RecordId([8; 16]), now - 1), None, "of another account");
        sessions.succeeded(&account).unwrap();
        assert_eq!(sessions.closed_until(&account, now - 1), None);
        // A clock that was far ahead holds nobody up.
        (0..9).for_each(|_| sessions.tried(&account, i64::MAX / 2).unwrap());
        assert_eq!(sessions.closed_until(&account, now), None);
    }
}
