//! What is computed, computed again; and the proof that nothing was altered.

use std::path::{Path, PathBuf};

use super::{Progress, Stage};
use crate::{
    identity::{Home, LocalDevice},
    ledger::{self, Problem},
    store::{
        self, Result, StoreError, View,
        backup::{self, DatabaseLock},
        caches, feeds, imports, invitations, mend, migrations,
        salvage::{broken_pages, inspect, salvage},
        segments,
    },
    writer::{Store, Threads},
};

/// How often a database that others write to meanwhile is held against a rebuild.
const TURNS: usize = 5;

#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// Feeds are damaged: nothing can be computed from them.
    #[error("feeds are damaged")]
    Damaged(Vec<Problem>),
    #[error("the database cannot be repaired")]
    Store(#[from] StoreError),
}

impl RepairError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            RepairError::Damaged(_) => "feeds_damaged",
            RepairError::Store(_) => "database",
        }
    }
}

/// Makes a new file out of what cannot be computed in the one that is here, and puts it in its place: whatever is wrong
/// with computed tables, with indexes or with pages is not in it. Says of how many operations.
pub fn rebuild(home: &Home, me: &LocalDevice, progress: &mut dyn Progress) -> Result<u64, RepairError> {
    // From here on no other process opens the store. Beside one that serves, which is not to be held up nor to be robbed
    // of its file, what differs is put right row by row.
    let place = match DatabaseLock::take(&home.database()) {
        Err(StoreError::InUse) => return beside(home, me, progress),
        place => place?,
    };
    place.is_free()?;
    let copy = Copy::new(home.dir.join("rebuild.tmp"));
    drop(store::copy_of(&home.database(), copy.path())?);
    let conn = backup::open_copy(copy.path())?;
    let total = operations(&conn);
    whole(&conn, total, progress)?;
    let fresh = Copy::new(home.dir.join("rebuild.new"));
    make(&conn, fresh.path(), me, total, false, progress)?;
    drop(conn);
    if let Some(old) = place.put(fresh.path(), "rebuild")? {
        // All that it held is in the new one.
        drop(Copy::new(old));
    }
    // Gone before another process may open the store.
    drop((copy, fresh, place));
    Ok(total)
}

/// Rebuilds a copy, and changes the rows in which the database differs from it; again, for what moved meanwhile. What this
/// cannot mend needs the file for itself: damaged pages, tables of another version, what Huiliu does not make.
fn beside(home: &Home, me: &LocalDevice, progress: &mut dyn Progress) -> Result<u64, RepairError> {
    let database = home.database();
    let _held = backup::shared(&database)?;
    for _ in 0..TURNS {
        let (copy, fresh) = (Copy::new(home.dir.join("rebuild.tmp")), Copy::new(home.dir.join("rebuild.new")));
        let conn = store::copy_of(&database, copy.path())?;
        if migrations::needed(migrations::recognise(&conn, &database)?)? || caches::outdated(&conn)? {
            return Err(StoreError::Outdated.into());
        }
        if !broken_pages(&conn)?.is_empty() || inspect(&conn).is_err() {
            return Err(StoreError::InUse.into());
        }
        let total = operations(&conn);
        whole(&conn, total, progress)?;
        make(&conn, fresh.path(), me, total, false, progress)?;
        let made = store::own(fresh.path())?;
        let changes = mend::differences(&conn, &made)?;
        if changes.is_empty() {
            return Ok(total);
        }
        let left = mend::mend(&database, &changes)?;
        tracing::info!(rows = changes.len(), left, "rows were put right");
    }
    Err(StoreError::InUse.into())
}

fn whole(conn: &View, total: u64, progress: &mut dyn Progress) -> Result<(), RepairError> {
    let problems = signed(conn, total, progress)?;
    if problems.is_empty() { Ok(()) } else { Err(RepairError::Damaged(problems)) }
}

/// What a database is like.
#[derive(Debug, Clone)]
pub struct Verified {
    pub operations: u64,
    pub problems: Vec<Problem>,
    /// Other devices' feeds that lie here altered, and are fetched anew with the next exchange.
    pub wanted: u64,
}

/// Proves the database. The store is not opened for it: one that is damaged could not be.
pub fn verify(home: &Home, me: &LocalDevice, progress: &mut dyn Progress) -> Result<Verified> {
    let database = home.database();
    let _held = backup::shared(&database)?;
    if !database.try_exists()? {
        return Err(StoreError::Missing(database));
    }
    let (operations, problems) = prove(home, me, &database, progress)?;
    let wanted = if problems.is_empty() { 0 } else { fetch_anew(home, me) };
    Ok(Verified { operations, problems, wanted })
}

/// Has other devices' feeds that lie here altered fetched anew; as many as there are. A database in which that cannot even be
/// noted needs more than that, and the problems say so.
fn fetch_anew(home: &Home, me: &LocalDevice) -> u64 {
    let mark = || -> Result<u64> {
        let store = Store::open(&home.database(), me.clone(), Threads::Inline)?;
        let altered = store.read(|conn| {
            let mut altered = vec![];
            for row in feeds::all(conn)?.into_iter().filter(|row| !row.own) {
                if segments::go_through(conn, &row)?.is_err() {
                    altered.push(row.feed.id);
                }
            }
            Ok(altered)
        })?;
        let mut wanted = 0;
        for feed in altered {
            wanted += u64::from(store.write_blocking(move |ledger| ledger.suspect(&feed))?);
        }
        Ok(wanted)
    };
    mark().unwrap_or_else(|error| {
        tracing::warn!(%error, "what is damaged could not be noted");
        0
    })
}

/// How many operations there are to go through; where that cannot be read, `verify` will say so.
fn operations(conn: &View) -> u64 {
    feeds::all(conn).map_or(0, |all| all.iter().map(feeds::FeedRow::size).sum())
}

/// Checks what was signed, and nothing that is computed from it.
pub(super) fn signed(conn: &View, total: u64, progress: &mut dyn Progress) -> Result<Vec<Problem>> {
    progress.stage(Stage::Verifying, Some(total));
    ledger::verify_feeds(conn, &mut |done| progress.done(done))
}

/// Makes the database `to` of what cannot be computed in `from`, and computes the rest. In one that is restored no invitation
/// is open: a token that was used since would be good again. Says how many were.
pub(super) fn make(
    from: &View,
    to: &Path,
    me: &LocalDevice,
    total: u64,
    restored: bool,
    progress: &mut dyn Progress,
) -> Result<usize> {
    progress.stage(Stage::Rebuilding, Some(total));
    salvage(from, to, &me.device())?;
    let revoked = match restored {
        true => invitations::revoke_open(&store::own(to)?, (me.clock)())?,
        false => {
            imports::copy(from, &store::own(to)?)?;
            0
        }
    };
    ledger::complete(to, me.clone(), &mut |done| progress.done(done))?;
    Ok(revoked)
}

/// Proves a copy of a database's file, on a further copy, which the proof may change.
pub(super) fn prove(
    home: &Home,
    me: &LocalDevice,
    file: &Path,
    progress: &mut dyn Progress,
) -> Result<(u64, Vec<Problem>)> {
    let copy = Copy::new(home.dir.join("verify.tmp"));
    progress.stage(Stage::Copying, None);
    let conn = store::copy_of(file, copy.path())?;
    migrations::migrate(&conn, file)?;
    let total = operations(&conn);
    // Once to check the feeds, once to rebuild from them.
    progress.stage(Stage::Verifying, Some(total * 2));
    let problems = ledger::verify(conn, me.clone(), &mut |done| progress.done(done))?;
    Ok((total, problems))
}

/// A database that is made for a while: what is there of one before is removed, and it is gone when this is dropped.
pub(super) struct Copy(PathBuf);

impl Copy {
    pub(super) fn new(path: PathBuf) -> Copy {
        let copy = Copy(path);
        copy.remove();
        copy
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let path = format!("{}{suffix}", self.0.display());
            // Mostly there is none.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.remove();
    }
}
