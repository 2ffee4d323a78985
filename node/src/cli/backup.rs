//! `backup`: a copy of the database to keep elsewhere, proved before it takes its name.

use std::path::PathBuf;

use anyhow::Result;
use huiliu_proto::lang::Lang;
use serde_json::{Value as Json, json};

use super::{
    CommandContext,
    error::{CommandError, Exit, both},
    outfile,
};
use crate::{
    app::backup::{self, BackupError, Taken},
    ledger::Problem,
};

#[derive(Debug, clap::Args)]
pub struct Backup {
    /// File to write the copy to, on another disk than the home
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

impl Backup {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        outfile::allowed(&self.file, self.force)?;
        let taken = backup::back_up(&opened.home, &opened.me, &opened.store, &self.file, &mut context.bars());
        let Taken { contents, bytes } = taken.map_err(told)?;
        let file = self.file.display().to_string();
        context.answer(
            || json!({ "file": file, "operations": contents.operations, "bytes": bytes, "taken_at": contents.taken_at }),
            || match context.lang {
                Lang::Zh => format!("已备份到 {file}：{}条，已核验", contents.operations),
                Lang::En => format!("backed up to {file}: {} operations, verified", contents.operations),
            },
        )?;
        if !context.json {
            context.note(context.pick(
                "其中有个人信息，请妥善保管。不含 keys、certs 和 config.json：请另行备份，并与此文件分开存放；没有 keys，身份证号无法读出。",
                "It holds personal data: lock it away. `keys`, `certs` and config.json are not in it: copy those too, and keep them apart from this file; without `keys` no identity number can be read.",
            ));
        }
        Ok(Exit::Done)
    }
}

/// Why nothing was backed up.
fn told(error: BackupError) -> anyhow::Error {
    let code = error.code();
    match error {
        BackupError::NotGood(problems) => not_good(&problems).coded(code, problems_json(&problems)).into(),
        BackupError::File(error) => error.into(),
        BackupError::Store(error) => error.into(),
    }
}

/// What is wrong with a database, for programs.
pub fn problems_json(problems: &[Problem]) -> Json {
    json!({ "problems": problems.iter().map(|p| json!({ "zh": p.zh, "en": p.en })).collect::<Vec<_>>() })
}

/// A sentence, and below it what is wrong with a database, line by line.
pub fn with_problems(zh: &str, en: &str, problems: &[Problem]) -> (String, String) {
    let lines = |first: &str, pick: fn(&Problem) -> &str| {
        let lines = problems.iter().map(|problem| format!("\n  {}", pick(problem)));
        first.to_owned() + &lines.collect::<String>()
    };
    (lines(zh, |problem| &problem.zh), lines(en, |problem| &problem.en))
}

fn not_good(problems: &[Problem]) -> CommandError {
    CommandError::failed(
        with_problems("未备份，数据库没有通过核验：", "nothing was backed up, the database does not verify:", problems),
        both(
            "表不一致时先运行 rebuild；数据流水受损时保留以前的备份，用 restore 恢复",
            "tables are mended by `rebuild`; where a feed is damaged, keep the backups you have, and `restore` one",
        ),
    )
}
