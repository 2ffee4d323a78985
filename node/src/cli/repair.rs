//! `rebuild` and `verify`: what is computed, computed again; and the proof that nothing was altered.

use std::path::Path;

use anyhow::Result;
use huiliu_proto::lang::{self, Lang};

use super::{
    Desk,
    error::{Exit, Mistake, both},
};
use crate::{
    identity::{Home, Me},
    ledger::{self, Problem},
    store::{
        self, StoreError, View,
        backup::{self, Place},
        caches, feeds, imports, invitations, mend, migrations,
        salvage::{broken_pages, inspect, salvage},
        segments,
    },
    writer::Threads,
};

/// How often a database that others write to meanwhile is held against a rebuild.
const TURNS: usize = 5;

#[derive(Debug, clap::Args)]
pub struct Rebuild {}

#[derive(Debug, clap::Args)]
pub struct Verify {}

/// How many operations there are to go through; where that cannot be read, `verify` will say so.
fn operations(conn: &View) -> u64 {
    feeds::all(conn).map_or(0, |all| all.iter().map(feeds::FeedRow::size).sum())
}

impl Rebuild {
    /// Makes a new file out of what cannot be computed in the one that is here, and puts it in its place: whatever is wrong
    /// with computed tables, with indexes or with pages is not in it.
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let home = desk.home()?;
        let me = home.me(desk.clock.clone(), desk.dice.clone())?;
        // From here on no other process opens the store. Beside one that serves, which is not to be held up nor to be robbed
        // of its file, what differs is put right row by row.
        let place = match Place::take(&home.database()) {
            Err(StoreError::InUse) => return beside(desk, &home, &me),
            place => place?,
        };
        place.is_free()?;
        let copy = home.dir.join("rebuild.tmp");
        let removed = Copy::new(&copy);
        drop(store::copy_of(&home.database(), &copy)?);
        let conn = backup::open_copy(&copy)?;
        let total = operations(&conn);
        let problems = signed(desk, &conn, total)?;
        if !problems.is_empty() {
            return Err(feeds_damaged(&problems).into());
        }
        let fresh = home.dir.join("rebuild.new");
        let removed_fresh = Copy::new(&fresh);
        make(desk, &conn, &fresh, &me, total, false)?;
        drop(conn);
        if let Some(old) = place.put(&fresh, "rebuild")? {
            // All that it held is in the new one.
            drop(Copy::new(&old));
        }
        drop((removed, removed_fresh, place));
        done(desk, total)
    }
}

fn done(desk: &Desk, total: u64) -> Result<Exit> {
    desk.answer(
        || serde_json::json!({ "operations": total }),
        || match desk.lang {
            Lang::Zh => format!("已由{total}条记录重算全部表和汇总"),
            Lang::En => format!("tables and totals computed again from {total} operations"),
        },
    )?;
    Ok(Exit::Done)
}

/// Rebuilds a copy, and changes the rows in which the database differs from it; again, for what moved meanwhile. What this
/// cannot mend needs the file for itself: damaged pages, tables of another version, what Huiliu does not make.
fn beside(desk: &Desk, home: &Home, me: &Me) -> Result<Exit> {
    let database = home.database();
    let _held = backup::shared(&database)?;
    let (copy, fresh) = (home.dir.join("rebuild.tmp"), home.dir.join("rebuild.new"));
    for _ in 0..TURNS {
        let (_removed, _removed_fresh) = (Copy::new(&copy), Copy::new(&fresh));
        let conn = store::copy_of(&database, &copy)?;
        if migrations::needed(migrations::recognise(&conn, &database)?)? || caches::outdated(&conn)? {
            return Err(StoreError::Outdated.into());
        }
        if !broken_pages(&conn)?.is_empty() || inspect(&conn).is_err() {
            return Err(StoreError::InUse.into());
        }
        let total = operations(&conn);
        let problems = signed(desk, &conn, total)?;
        if !problems.is_empty() {
            return Err(feeds_damaged(&problems).into());
        }
        make(desk, &conn, &fresh, me, total, false)?;
        let made = store::own(&fresh)?;
        let changes = mend::differences(&conn, &made)?;
        if changes.is_empty() {
            return done(desk, total);
        }
        let left = mend::mend(&database, &changes)?;
        tracing::info!(rows = changes.len(), left, "rows were put right");
    }
    Err(StoreError::InUse.into())
}

/// Checks what was signed, and nothing that is computed from it.
pub(super) fn signed(desk: &Desk, conn: &View, total: u64) -> Result<Vec<Problem>> {
    let bar = desk.bar(desk.pick("核验", "verifying"), Some(total));
    let problems = ledger::verify_feeds(conn, &mut |done| bar.inc(done))?;
    bar.finish_and_clear();
    Ok(problems)
}

/// Makes the database `to` of what cannot be computed in `from`, and computes the rest. In one that is restored no invitation
/// is open: a token that was used since would be good again. Says how many were.
pub(super) fn make(desk: &Desk, from: &View, to: &Path, me: &Me, total: u64, restored: bool) -> Result<usize> {
    let bar = desk.bar(desk.pick("重算", "rebuilding"), Some(total));
    salvage(from, to, &me.device())?;
    let revoked = match restored {
        true => invitations::revoke_open(&store::own(to)?, (desk.clock)())?,
        false => {
            imports::copy(from, &store::own(to)?)?;
            0
        }
    };
    ledger::complete(to, me.clone(), &mut |done| bar.inc(done))?;
    bar.finish_and_clear();
    Ok(revoked)
}

fn feeds_damaged(problems: &[Problem]) -> Mistake {
    let lines = |pick: fn(&Problem) -> &str| problems.iter().map(|p| format!("\n  {}", pick(p))).collect::<String>();
    Mistake::failed(
        both(
            format!("数据流水受损，不能重算，未改动：{}", lines(|p| &p.zh)),
            format!(
                "feeds are damaged, so nothing can be computed from them; nothing was changed:{}",
                lines(|p| &p.en)
            ),
        ),
        both(
            "请用 restore 恢复备份，再运行 sync 从上级取回此后报送的内容",
            "`restore` a backup, then `sync`: the union above gives back what it was sent since",
        ),
    )
}

/// Proves a copy of a database's file, on a further copy, which the proof may change.
pub(super) fn prove(desk: &Desk, home: &Home, me: &Me, file: &Path) -> Result<(u64, Vec<Problem>)> {
    let copy = home.dir.join("verify.tmp");
    let removed = Copy::new(&copy);
    let bar = desk.bar(desk.pick("复制", "copying"), None);
    let conn = store::copy_of(file, &copy)?;
    bar.finish_and_clear();
    migrations::migrate(&conn, file)?;
    let total = operations(&conn);
    // Once to check the feeds, once to rebuild from them.
    let bar = desk.bar(desk.pick("核验", "verifying"), Some(total * 2));
    let problems = ledger::verify(conn, me.clone(), &mut |done| bar.inc(done))?;
    bar.finish_and_clear();
    drop(removed);
    Ok((total, problems))
}

impl Verify {
    /// The store is not opened for it: one that is damaged could not be.
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let home = desk.home()?;
        let me = home.me(desk.clock.clone(), desk.dice.clone())?;
        let database = home.database();
        let _held = backup::shared(&database)?;
        if !database.try_exists()? {
            return Err(StoreError::Missing(database).into());
        }
        let (total, problems) = prove(desk, &home, &me, &database)?;
        let wanted = if problems.is_empty() { 0 } else { fetch_anew(desk, home) };
        desk.answer(
            || {
                let list = problems.iter().map(|p| serde_json::json!({ "zh": p.zh, "en": p.en }));
                serde_json::json!({ "operations": total, "problems": list.collect::<Vec<_>>() })
            },
            || {
                let mut lines: Vec<&str> = problems.iter().map(|p| desk.pick(&p.zh, &p.en)).collect();
                let good = match desk.lang {
                    Lang::Zh => format!("核验通过：{total}条记录，签名、校验值和重算结果全部一致"),
                    Lang::En => {
                        format!("all good: {total} operations; signatures, hash trees and a rebuild agree")
                    }
                };
                if lines.is_empty() {
                    lines.push(&good);
                }
                lines.join("\n")
            },
        )?;
        if wanted > 0 && !desk.json {
            desk.note(&match desk.lang {
                Lang::Zh => format!("其中{wanted}条是其他设备的数据流水：下次交换（sync）时向相邻单位重新取回"),
                Lang::En => format!(
                    "{} of other devices among them: fetched anew from a neighbour with the next exchange (`sync`)",
                    lang::count(wanted, "feed", "feeds")
                ),
            });
        }
        Ok(if problems.is_empty() { Exit::Done } else { Exit::Attention })
    }
}

/// Has other devices' feeds that lie here altered fetched anew; as many as there are. A database in which that cannot even be
/// noted needs more than that, and the problems say so.
fn fetch_anew(desk: &Desk, home: Home) -> u64 {
    let mark = move || -> Result<u64> {
        let office = desk.enter(home, Threads::Inline)?;
        let altered = office.look(|conn| {
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
            wanted += u64::from(office.store.write_blocking(move |ledger| ledger.suspect(&feed))?);
        }
        Ok(wanted)
    };
    mark().unwrap_or_else(|error| {
        tracing::warn!(%error, "what is damaged could not be noted");
        0
    })
}

/// A copy of the database beside it, gone when this is dropped.
pub(super) struct Copy<'a>(&'a Path);

impl<'a> Copy<'a> {
    pub(super) fn new(path: &'a Path) -> Copy<'a> {
        let copy = Copy(path);
        copy.remove();
        copy
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let path = format!("{}{suffix}", self.0.display());
            // Mostly there is none.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        self.remove();
    }
}
