//! That this machine has asked for a password to be set anew: a small file of the home that only its owner may read.
//!
//! What is asked is made from what stands in it and from the password until now (`huiliu_proto::reset`): a file that was kept, put
//! back or altered asks something else.

use std::{
    fs,
    path::{Path, PathBuf},
};

use huiliu_proto::id::{RecordId, hex, unhex};
use serde::{Deserialize, Serialize};

use super::{IdentityError, disk_error, file_error, read_json, write_secret};

/// An answer is waited for so long.
pub const WAITS: i64 = 24 * 3_600_000;
/// So many answers may be wrong, then it has to be asked anew.
pub const TRIES: u32 = 5;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    account: String,
    drawn: String,
    asked_at: i64,
    tries: u32,
}

/// What was asked last.
#[derive(Clone, PartialEq, Eq)]
pub struct Pending {
    pub account: RecordId,
    pub drawn: [u8; 32],
    pub asked_at: i64,
    tries: u32,
}

impl Pending {
    pub fn until(&self) -> i64 {
        self.asked_at.saturating_add(WAITS)
    }

    /// How many more answers may be wrong.
    pub fn left(&self) -> u32 {
        TRIES.saturating_sub(self.tries)
    }
}

pub struct Resets<'a>(pub &'a Path);

impl Resets<'_> {
    fn path(&self) -> PathBuf {
        self.0.join("password-reset.json")
    }

    /// What was asked before is asked no more.
    pub fn ask(&self, account: RecordId, drawn: [u8; 32], now: i64) -> Result<Pending, IdentityError> {
        let pending = Pending { account, drawn, asked_at: now, tries: 0 };
        self.write(&pending)?;
        Ok(pending)
    }

    fn write(&self, pending: &Pending) -> Result<(), IdentityError> {
        let Pending { account, drawn, asked_at, tries } = pending;
        let (account, drawn) = (account.to_string(), hex(drawn));
        let file = File { version: 1, account, drawn, asked_at: *asked_at, tries: *tries };
        let text = serde_json::to_string(&file).map_err(|error| file_error(&self.path(), error))?;
        write_secret(&self.path(), text.as_bytes())
    }

    /// What still waits for an answer.
    pub fn pending(&self, now: i64) -> Option<Pending> {
        let file: File = read_json(&self.path()).ok()?;
        let account = file.account.parse().ok()?;
        let drawn = unhex(&file.drawn)?.try_into().ok()?;
        let pending = Pending { account, drawn, asked_at: file.asked_at, tries: file.tries };
        let waits = (0..WAITS).contains(&now.saturating_sub(pending.asked_at));
        (file.version == 1 && waits && pending.left() > 0).then_some(pending)
    }

    /// Noted before the answer is looked at, so that ending the program gains nothing.
    pub fn tried(&self, pending: &mut Pending) -> Result<(), IdentityError> {
        pending.tries = pending.tries.saturating_add(1);
        self.write(pending)
    }

    pub fn close(&self) -> Result<(), IdentityError> {
        match fs::remove_file(self.path()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(disk_error(&self.path(), error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn an_asking_ends_with_the_day_or_with_the_tries() {
        let dir = TempDir::new().unwrap();
        let resets = Resets(dir.path());
        let account = RecordId([7; 16]);
        assert!(resets.pending(0).is_none());
        let mut asked = resets.ask(account, [9; 32], 1_000).unwrap();
        assert_eq!((asked.left(), asked.until()), (TRIES, 1_000 + WAITS));
        assert!(resets.pending(999).is_none(), "not before it was asked");
        assert!(resets.pending(1_000 + WAITS).is_none());
        for left in (0..TRIES).rev() {
            assert!(resets.pending(2_000).is_some_and(|pending| pending == asked));
            resets.tried(&mut asked).unwrap();
            assert_eq!(asked.left(), left);
        }
        assert!(resets.pending(2_000).is_none());
        resets.ask(account, [8; 32], 3_000).unwrap();
        assert!(resets.pending(3_000).is_some_and(|pending| pending.drawn == [8; 32]));
        resets.close().unwrap();
        resets.close().unwrap();
        assert!(resets.pending(3_000).is_none());
    }
}
