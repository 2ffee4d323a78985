//! `restore`: puts what a backup holds in the place of the database. What was there is kept beside it.
//!
//! A backup is a file that somebody had in hands: of it is taken what was signed, and what cannot be computed, into a new file.

use std::path::{Path, PathBuf};

use anyhow::Result;
use huiliu_proto::lang::Lang;
use serde_json::{Value as Json, json};

use super::{
    Desk,
    error::{Exit, Mistake, both, system},
    repair::{Copy, make, signed},
    table::{Cell, Table},
};
use crate::{
    clock, ledger,
    store::{
        self, StoreError, View,
        backup::{Contents, Origin, OwnFeed, Place, contents, open_backup},
        salvage::inspect,
    },
};

#[derive(Debug, clap::Args)]
pub struct Restore {
    /// File that `backup` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
}

/// What restoring does to one of this machine's feeds.
struct Change<'a> {
    feed: &'a OwnFeed,
    here: u64,
    there: u64,
    /// Written here since, of which no level above has said that it has it.
    lost: u64,
}

impl Restore {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let home = desk.home()?;
        let me = home.me(desk.clock.clone(), desk.dice.clone())?;
        // From here on no other process opens the store.
        let place = Place::take(&home.database())?;
        let file = home.dir.join("restore.tmp");
        let removed = Copy::new(&file);
        bring(&self.file, &file)?;
        let opened = open_backup(&file, &me.device()).and_then(|opened| inspect(&opened.0).map(|()| opened));
        let (conn, origin) = opened.map_err(|error| named(error, &self.file))?;
        let backup = contents(&conn, me.union, &me.device())?;
        if origin == Origin::Unsigned && backup.own.is_empty() {
            return Err(nobodys(&self.file).into());
        }
        prove(desk, &conn, &backup)?;
        if origin == Origin::Altered {
            return Err(altered().into());
        }
        let here = place.contents(me.union, &me.device())?;
        let changes = changes(here.as_ref(), &backup);
        let lost: u64 = changes.iter().map(|change| change.lost).sum();
        if !desk.json {
            desk.print(&preview(desk, here.is_some(), &backup, &changes))?;
            if origin == Origin::Unsigned {
                desk.note(desk.pick(
                    "请注意：该文件没有本机的备份签名（旧版本所作，或直接复制的数据库），其中的异常情况和备注是否被改动过无法核验；填报内容各有签名，已核验。",
                    "note: this device has not signed the file (a version of before made it, or it is a database that was copied by hand), so nobody can tell whether evidence and notes in it were altered; records are signed themselves, and were checked.",
                ));
            }
        }
        let question = desk.pick("用备份替换现有数据库？", "Replace the database here with the backup?");
        if !self.yes && !desk.confirm(question)? {
            desk.note(desk.pick("未改动", "nothing was changed"));
            return Ok(Exit::Done);
        }
        let fresh = home.dir.join("restore.new");
        let removed_fresh = Copy::new(&fresh);
        let revoked = make(desk, &conn, &fresh, &me, backup.operations, true)?;
        drop(conn);
        let kept = place.put(&fresh, &stamp((desk.clock)()))?;
        drop((removed, removed_fresh, place));
        let shown = kept.as_ref().map(|path| path.display().to_string());
        desk.answer(
            || json_of(&backup, &changes, (lost, revoked), shown.as_deref(), origin),
            || {
                let done = desk.pick("已恢复", "restored");
                match &shown {
                    Some(path) => {
                        format!("{done}{}{path}", desk.pick("；原数据库保留为 ", "; what was here is kept as "))
                    }
                    None => done.to_owned(),
                }
            },
        )?;
        if !desk.json && revoked > 0 {
            desk.note(&match desk.lang {
                Lang::Zh => format!("备份中有{revoked}个尚未使用的加入码，已作废；仍需要的请重新生成（invite）"),
                Lang::En => format!(
                    "{revoked} tokens that were open in the backup are revoked; `invite` anew where one is still needed"
                ),
            });
        }
        if !desk.json && home.config.parent.is_some() {
            desk.note(desk.pick(
                "请运行 sync，从上级取回此备份之后已报送的内容；此间也可以照常填写。",
                "Run `sync`: the union above gives back what it was sent since this backup. Records can be written meanwhile.",
            ));
        }
        Ok(Exit::Done)
    }
}

/// A database in which nothing was written, and which nobody signed: of whom it is cannot be seen.
fn nobodys(file: &Path) -> Mistake {
    let shown = file.display();
    Mistake::refused(
        both(
            format!("{shown} 中没有本机的任何记录，也没有本机的备份签名，可能是另一台机器的数据库"),
            format!(
                "{shown} holds no record of this machine, and it did not sign the file: it may be another machine's"
            ),
        ),
        both("没有改动任何内容；请换用本机的备份", "nothing was changed; take a backup that this machine made"),
    )
}

/// A copy beside the database, on its disk, that may be changed and renamed.
fn bring(from: &Path, to: &Path) -> Result<()> {
    let unreadable = |error: std::io::Error| {
        let shown = from.display();
        Mistake::failed(
            both(
                format!("{shown} 无法读取：{}", system::words(&error, Lang::Zh)),
                format!("{shown} cannot be read: {error}"),
            ),
            both("请检查备份文件的路径和权限", "check the path of the backup and its permissions"),
        )
    };
    if !from.is_file() {
        return Err(unreadable(std::io::ErrorKind::NotFound.into()).into());
    }
    let wal = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    store::copy_file(from, to).map_err(unreadable)?;
    // A copy made by hand of a database in use has its latest part there.
    if wal(from).exists() {
        store::copy_file(&wal(from), &wal(to)).map_err(unreadable)?;
    }
    Ok(())
}

/// Says of which file an error speaks: the copy has another name.
fn named(error: StoreError, file: &Path) -> anyhow::Error {
    match error {
        StoreError::Foreign(_) => StoreError::Foreign(file.to_owned()).into(),
        other => other.into(),
    }
}

/// What was signed decides. Tables and totals are made anew, whatever the backup has of them: they may be another version's.
fn prove(desk: &Desk, conn: &View, backup: &Contents) -> Result<()> {
    let problems = signed(desk, conn, backup.operations)?;
    if problems.is_empty() {
        return Ok(());
    }
    let lines = |pick: fn(&ledger::Problem) -> &str| -> String {
        problems.iter().map(|p| format!("\n  {}", pick(p))).collect()
    };
    let what = both(
        format!("备份没有通过核验，未改动：{}", lines(|p| &p.zh)),
        format!("the backup does not verify, nothing was changed:{}", lines(|p| &p.en)),
    );
    Err(Mistake::failed(what, both("请换一份备份", "take another backup")).into())
}

fn altered() -> Mistake {
    let what = both(
        "备份自作成之后被改动过（与本机的备份签名不符），未改动现有数据库",
        "the backup was altered since this device made it (its signature does not fit); nothing was changed",
    );
    let hint =
        both("请换一份备份，并查明谁动过这份文件", "take another backup, and find out who had this file in hands");
    Mistake::failed(what, hint)
}

fn changes<'a>(here: Option<&'a Contents>, backup: &'a Contents) -> Vec<Change<'a>> {
    let size = |contents: Option<&Contents>, feed: &OwnFeed| {
        contents.and_then(|c| c.own.iter().find(|own| own.feed == feed.feed)).map_or(0, |own| own.size)
    };
    let own = |contents: Option<&'a Contents>| contents.into_iter().flat_map(|c| &c.own);
    let only_there = own(Some(backup)).filter(|feed| size(here, feed) == 0);
    let changes = own(here).chain(only_there).map(|feed| {
        let (here, there) = (size(here, feed), size(Some(backup), feed));
        Change { feed, here, there, lost: here.saturating_sub(there.max(feed.acknowledged)) }
    });
    changes.filter(|change| change.here.max(change.there) > 0).collect()
}

fn preview(desk: &Desk, readable: bool, backup: &Contents, changes: &[Change<'_>]) -> String {
    let taken = backup.taken_at.map_or_else(|| desk.pick("不详", "unknown").to_owned(), |at| desk.moment(at));
    let mut lines = vec![format!("{}{taken}", desk.pick("备份时间：", "backup of "))];
    if !readable {
        lines
            .push(desk.pick("现有数据库不存在或无法读取", "the database here is missing or cannot be read").to_owned());
    }
    let mut table = Table::new()
        .column("feed", desk.pick("本机数据流水", "own feed"))
        .number("there", desk.pick("备份中", "in the backup"))
        .number("here", desk.pick("现有", "here"))
        .number("lost", desk.pick("将丢失", "will be lost"));
    for change in changes {
        table.row(vec![
            Cell::same(change.feed.feed.to_string()[..8].to_owned()),
            Cell::same(change.there.to_string()),
            Cell::same(change.here.to_string()),
            Cell::same(change.lost.to_string()),
        ]);
    }
    if !table.is_empty() {
        lines.push(table.words());
    }
    let lost: u64 = changes.iter().map(|change| change.lost).sum();
    if lost > 0 {
        lines.push(match desk.lang {
            Lang::Zh => format!("有{lost}条写于备份之后而上级没有签收：只留在被替换的数据库里"),
            Lang::En => format!(
                "{lost} were written since and no union above has them: they stay only in the database that is replaced"
            ),
        });
    }
    lines.join("\n")
}

fn json_of(
    backup: &Contents,
    changes: &[Change<'_>],
    (lost, revoked): (u64, usize),
    kept: Option<&str>,
    origin: Origin,
) -> Json {
    let feeds = changes.iter().map(|change| {
        json!({ "feed": change.feed.feed.to_string(), "there": change.there, "here": change.here, "lost": change.lost })
    });
    json!({
        "taken_at": backup.taken_at, "operations": backup.operations, "feeds": feeds.collect::<Vec<_>>(),
        "lost": lost, "revoked": revoked, "kept": kept, "signed": origin == Origin::Signed,
    })
}

/// As in a file's name: 20261121-160512, in China.
fn stamp(now: i64) -> String {
    let seconds = (now + 8 * 3_600_000).div_euclid(1000).rem_euclid(86_400);
    let day = clock::day(now).to_string().replace('-', "");
    format!("{day}-{:02}{:02}{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
