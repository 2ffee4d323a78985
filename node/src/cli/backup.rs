//! `backup`: a copy of the database to keep elsewhere, proved before it takes its name.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use huiliu_proto::lang::Lang;
use serde_json::json;

use super::{
    Desk,
    error::{Exit, Mistake, both},
    outfile,
    repair::{Copy, prove},
};
use crate::{files::sync_dir, ledger::Problem};

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
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        outfile::allowed(&self.file, self.force)?;
        let partial = partial(&self.file);
        let removed = Copy::new(&partial);
        let bar = desk.bar(desk.pick("复制", "copying"), None);
        let contents = office.store.back_up(&partial, &office.me.key, (desk.clock)())?;
        bar.finish_and_clear();
        let (_, problems) = prove(desk, &office.home, &office.me, &partial)?;
        if !problems.is_empty() {
            return Err(not_good(&problems).into());
        }
        fs::rename(&partial, &self.file)?;
        drop(removed);
        sync_dir(self.file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")));
        let bytes = fs::metadata(&self.file)?.len();
        let file = self.file.display().to_string();
        desk.answer(
            || json!({ "file": file, "operations": contents.operations, "bytes": bytes, "taken_at": contents.taken_at }),
            || match desk.lang {
                Lang::Zh => format!("已备份到 {file}：{}条，已核验", contents.operations),
                Lang::En => format!("backed up to {file}: {} operations, verified", contents.operations),
            },
        )?;
        if !desk.json {
            desk.note(desk.pick(
                "其中有个人信息，请妥善保管。不含 keys、certs 和 config.json：请另行备份，并与此文件分开存放；没有 keys，身份证号无法读出。",
                "It holds personal data: lock it away. `keys`, `certs` and config.json are not in it: copy those too, and keep them apart from this file; without `keys` no identity number can be read.",
            ));
        }
        Ok(Exit::Done)
    }
}

/// Where a file is written until it is whole.
fn partial(file: &Path) -> PathBuf {
    let mut name: OsString = file.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

fn not_good(problems: &[Problem]) -> Mistake {
    let lines = |pick: fn(&Problem) -> &str| problems.iter().map(|p| format!("\n  {}", pick(p))).collect::<String>();
    Mistake::failed(
        both(
            format!("未备份，数据库没有通过核验：{}", lines(|p| &p.zh)),
            format!("nothing was backed up, the database does not verify:{}", lines(|p| &p.en)),
        ),
        both(
            "表不一致时先运行 rebuild；数据流水受损时保留以前的备份，用 restore 恢复",
            "tables are mended by `rebuild`; where a feed is damaged, keep the backups you have, and `restore` one",
        ),
    )
}
