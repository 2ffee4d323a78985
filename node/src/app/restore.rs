//! Puts what a backup holds in the place of the database, in two steps: what that would do, and doing it. What was there is
//! kept beside it.
//!
//! A backup is a file that somebody had in hands: of it is taken what was signed, and what cannot be computed, into a new file.

use std::path::{Path, PathBuf};

use huiliu_proto::id::FeedId;

use super::{
    Progress,
    repair::{Copy, make, signed},
};
use crate::{
    clock,
    identity::{Home, LocalDevice},
    ledger::Problem,
    store::{
        self, Database, StoreError,
        backup::{Contents, DatabaseLock, Origin, OwnFeed, contents, open_backup},
        salvage::inspect,
    },
};

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("the backup cannot be read")]
    File(#[source] std::io::Error),
    /// A database in which nothing was written, and which nobody signed: of whom it is cannot be seen.
    #[error("the backup holds nothing of this machine, and it did not sign it")]
    Nobodys,
    #[error("the backup does not verify")]
    NotGood(Vec<Problem>),
    /// Its signature does not fit.
    #[error("the backup was altered since this device made it")]
    Altered,
    #[error("it cannot be restored")]
    Store(#[from] StoreError),
}

impl RestoreError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            RestoreError::File(_) => "unreadable",
            RestoreError::Nobodys => "nobodys_backup",
            RestoreError::NotGood(_) => "not_verified",
            RestoreError::Altered => "altered_backup",
            RestoreError::Store(_) => "database",
        }
    }
}

/// What restoring does to one of this machine's feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub feed: FeedId,
    pub here: u64,
    pub there: u64,
    /// Written here since, of which no level above has said that it has it.
    pub lost: u64,
}

/// A backup that was brought, proved and compared. While it lives no other process opens the store.
pub struct Restoring {
    pub backup: Contents,
    pub origin: Origin,
    pub changes: Vec<Change>,
    /// Whether the database that is here can be read.
    pub readable: bool,
    // In the order in which they are given back.
    conn: Database,
    brought: Copy,
    place: DatabaseLock,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Invitations that were open in the backup.
    pub revoked: usize,
    /// Where what was here is kept.
    pub kept: Option<PathBuf>,
}

/// Brings a backup beside the database, proves it, and says what putting it there would do.
pub fn look(
    home: &Home,
    me: &LocalDevice,
    file: &Path,
    progress: &mut dyn Progress,
) -> Result<Restoring, RestoreError> {
    let place = DatabaseLock::take(&home.database())?;
    let brought = Copy::new(home.dir.join("restore.tmp"));
    bring(file, brought.path()).map_err(RestoreError::File)?;
    let opened = open_backup(brought.path(), &me.device()).and_then(|opened| inspect(&opened.0).map(|()| opened));
    let (conn, origin) = opened.map_err(|error| named(error, file))?;
    let backup = contents(&conn, me.union, &me.device())?;
    if origin == Origin::Unsigned && backup.own.is_empty() {
        return Err(RestoreError::Nobodys);
    }
    // What was signed decides. Tables and totals are made anew, whatever the backup has of them: they may be another
    // version's.
    let problems = signed(&conn, backup.operations, progress)?;
    if !problems.is_empty() {
        return Err(RestoreError::NotGood(problems));
    }
    if origin == Origin::Altered {
        return Err(RestoreError::Altered);
    }
    let here = place.contents(me.union, &me.device())?;
    let changes = changes(here.as_ref(), &backup);
    Ok(Restoring { backup, origin, changes, readable: here.is_some(), conn, brought, place })
}

impl Restoring {
    /// Operations that only the database that is replaced has.
    pub fn lost(&self) -> u64 {
        self.changes.iter().map(|change| change.lost).sum()
    }

    /// Puts it in the place of the database.
    pub fn put(self, me: &LocalDevice, progress: &mut dyn Progress) -> Result<Restored, RestoreError> {
        let Restoring { backup, conn, brought, place, .. } = self;
        let fresh = Copy::new(brought.path().with_file_name("restore.new"));
        let revoked = make(&conn, fresh.path(), me, backup.operations, true, progress)?;
        drop(conn);
        let kept = place.put(fresh.path(), &stamp((me.clock)()))?;
        // Gone before another process may open the store.
        drop((brought, fresh, place));
        Ok(Restored { revoked, kept })
    }
}

/// A copy beside the database, on its disk, that may be changed and renamed.
fn bring(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.is_file() {
        return Err(std::io::ErrorKind::NotFound.into());
    }
    let wal = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    store::copy_file(from, to)?;
    // A copy made by hand of a database in use has its latest part there.
    if wal(from).exists() {
        store::copy_file(&wal(from), &wal(to))?;
    }
    Ok(())
}

/// Says of which file an error speaks: the copy has another name.
fn named(error: StoreError, file: &Path) -> StoreError {
    match error {
        StoreError::Foreign(_) => StoreError::Foreign(file.to_owned()),
        other => other,
    }
}

fn changes(here: Option<&Contents>, backup: &Contents) -> Vec<Change> {
    let size = |contents: Option<&Contents>, feed: &OwnFeed| {
        contents.and_then(|c| c.own.iter().find(|own| own.feed == feed.feed)).map_or(0, |own| own.size)
    };
    let only_there = backup.own.iter().filter(|feed| size(here, feed) == 0);
    let changes = here.into_iter().flat_map(|c| &c.own).chain(only_there).map(|feed| {
        let (here, there) = (size(here, feed), size(Some(backup), feed));
        Change { feed: feed.feed, here, there, lost: here.saturating_sub(there.max(feed.acknowledged)) }
    });
    changes.filter(|change| change.here.max(change.there) > 0).collect()
}

/// As in a file's name: 20261121-160512, in China.
fn stamp(now: i64) -> String {
    let seconds = now.saturating_add(8 * 3_600_000).div_euclid(1000).rem_euclid(86_400);
    let day = clock::day(now).to_string().replace('-', "");
    format!("{day}-{:02}{:02}{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
