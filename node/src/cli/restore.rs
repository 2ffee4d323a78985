//! `restore`: puts what a backup holds in the place of the database. What was there is kept beside it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use huiliu_proto::lang::Lang;
use serde_json::{Value as Json, json};

use super::{
    CommandContext,
    backup::{problems_json, with_problems},
    error::{CommandError, Exit, both, system},
    table::{Cell, Table},
};
use crate::{
    app::restore::{self, RestoreError, Restored, Restoring},
    store::{StoreError, backup::Origin},
};

#[derive(Debug, clap::Args)]
pub struct Restore {
    /// File that `backup` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Show what it would do, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
}

impl Restore {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let home = context.home()?;
        let me = home.me(context.clock.clone(), context.random.clone())?;
        let restoring = restore::look(&home, &me, &self.file, &mut context.bars());
        let restoring = restoring.map_err(|error| told(error, &self.file))?;
        if !context.json {
            context.print(&preview(context, &restoring))?;
            if restoring.origin == Origin::Unsigned {
                context.note(context.pick(
                    "请注意：该文件没有本机的备份签名（旧版本所作，或直接复制的数据库），其中的异常情况和备注是否被改动过无法核验；填报内容各有签名，已核验。",
                    "note: this device has not signed the file (a version of before made it, or it is a database that was copied by hand), so nobody can tell whether evidence and notes in it were altered; records are signed themselves, and were checked.",
                ));
            }
        }
        let mut json = json_of(&restoring);
        if self.dry_run {
            context.answer(
                || json,
                || context.pick("可以恢复，未改动", "it may be restored; nothing was changed").to_owned(),
            )?;
            return Ok(Exit::Done);
        }
        let words = (
            context.pick("用备份替换现有数据库？", "Replace the database here with the backup?"),
            context.pick("未改动", "nothing was changed"),
        );
        if !context.agreed(self.yes, words)? {
            return Ok(Exit::Done);
        }
        let put = restoring.put(&me, &mut context.bars());
        let Restored { revoked, kept } = put.map_err(|error| told(error, &self.file))?;
        let shown = kept.as_ref().map(|path| path.display().to_string());
        json["revoked"] = revoked.into();
        json["kept"] = shown.as_deref().into();
        json["written"] = true.into();
        context.answer(
            || json,
            || {
                let done = context.pick("已恢复", "restored");
                match &shown {
                    Some(path) => {
                        format!("{done}{}{path}", context.pick("；原数据库保留为 ", "; what was here is kept as "))
                    }
                    None => done.to_owned(),
                }
            },
        )?;
        if !context.json && revoked > 0 {
            context.note(&match context.lang {
                Lang::Zh => format!("备份中有{revoked}个尚未使用的加入码，已作废；仍需要的请重新生成（invite）"),
                Lang::En => format!(
                    "{revoked} tokens that were open in the backup are revoked; `invite` anew where one is still needed"
                ),
            });
        }
        if !context.json && home.config.parent.is_some() {
            context.note(context.pick(
                "请运行 sync，从上级取回此备份之后已报送的内容；此间也可以照常填写。",
                "Run `sync`: the union above gives back what it was sent since this backup. Records can be written meanwhile.",
            ));
        }
        Ok(Exit::Done)
    }
}

/// Why nothing was restored.
fn told(error: RestoreError, file: &Path) -> anyhow::Error {
    let code = match &error {
        RestoreError::Store(StoreError::Foreign(_)) => "not_a_database",
        other => other.code(),
    };
    let (mistake, about) = match error {
        RestoreError::Store(StoreError::Foreign(path)) if path == file => (no_backup(file), Json::Null),
        RestoreError::Store(error) => return error.into(),
        RestoreError::File(error) => (unreadable(&error, file), json!({ "number": error.raw_os_error() })),
        RestoreError::Nobodys => (nobodys(file), Json::Null),
        RestoreError::Altered => (altered(), Json::Null),
        RestoreError::NotGood(problems) => {
            let what = with_problems(
                "备份没有通过核验，未改动：",
                "the backup does not verify, nothing was changed:",
                &problems,
            );
            (CommandError::failed(what, both("请换一份备份", "take another backup")), problems_json(&problems))
        }
    };
    mistake.coded(code, about).into()
}

fn unreadable(error: &std::io::Error, file: &Path) -> CommandError {
    let shown = file.display();
    CommandError::failed(
        both(
            format!("{shown} 无法读取：{}", system::words(error, Lang::Zh)),
            format!("{shown} cannot be read: {error}"),
        ),
        both("请检查备份文件的路径和权限", "check the path of the backup and its permissions"),
    )
}

fn no_backup(file: &Path) -> CommandError {
    let shown = file.display();
    CommandError::failed(
        both(format!("{shown} 不是汇流的备份"), format!("{shown} is no backup of Huiliu")),
        both("没有改动任何内容；请填 backup 写成的文件", "nothing was changed; name a file that `backup` wrote"),
    )
}

fn nobodys(file: &Path) -> CommandError {
    let shown = file.display();
    CommandError::refused(
        both(
            format!("{shown} 中没有本机的任何记录，也没有本机的备份签名，可能是另一台机器的数据库"),
            format!(
                "{shown} holds no record of this machine, and it did not sign the file: it may be another machine's"
            ),
        ),
        both("没有改动任何内容；请换用本机的备份", "nothing was changed; take a backup that this machine made"),
    )
}

fn altered() -> CommandError {
    let what = both(
        "备份自作成之后被改动过（与本机的备份签名不符），未改动现有数据库",
        "the backup was altered since this device made it (its signature does not fit); nothing was changed",
    );
    let hint =
        both("请换一份备份，并查明谁动过这份文件", "take another backup, and find out who had this file in hands");
    CommandError::failed(what, hint)
}

fn preview(context: &CommandContext, restoring: &Restoring) -> String {
    let Restoring { backup, changes, .. } = restoring;
    let taken = backup.taken_at.map_or_else(|| context.pick("不详", "unknown").to_owned(), |at| context.moment(at));
    let mut lines = vec![format!("{}{taken}", context.pick("备份时间：", "backup of "))];
    if !restoring.readable {
        lines.push(
            context.pick("现有数据库不存在或无法读取", "the database here is missing or cannot be read").to_owned(),
        );
    }
    let mut table = Table::new()
        .column("feed", context.pick("本机数据流水", "own feed"))
        .number("there", context.pick("备份中", "in the backup"))
        .number("here", context.pick("现有", "here"))
        .number("lost", context.pick("将丢失", "will be lost"));
    for change in changes {
        table.row(vec![
            Cell::same(change.feed.to_string()[..8].to_owned()),
            Cell::same(change.there.to_string()),
            Cell::same(change.here.to_string()),
            Cell::same(change.lost.to_string()),
        ]);
    }
    if !table.is_empty() {
        lines.push(table.words());
    }
    let lost = restoring.lost();
    if lost > 0 {
        lines.push(match context.lang {
            Lang::Zh => format!("有{lost}条写于备份之后而上级没有签收：只留在被替换的数据库里"),
            Lang::En => format!(
                "{lost} were written since and no union above has them: they stay only in the database that is replaced"
            ),
        });
    }
    lines.join("\n")
}

fn json_of(restoring: &Restoring) -> Json {
    let feeds = restoring.changes.iter().map(|change| {
        json!({ "feed": change.feed.to_string(), "there": change.there, "here": change.here, "lost": change.lost })
    });
    json!({
        "taken_at": restoring.backup.taken_at, "operations": restoring.backup.operations,
        "feeds": feeds.collect::<Vec<_>>(), "lost": restoring.lost(), "revoked": 0, "kept": null,
        "signed": restoring.origin == Origin::Signed, "written": false,
    })
}
