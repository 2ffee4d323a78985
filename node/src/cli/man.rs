//! `man`: pages for `man`, made from the commands themselves.

use std::{fs, path::PathBuf};

use anyhow::Result;
use clap::Command;
use huiliu_proto::lang::Lang;
use serde_json::json;

use super::{
    CommandContext,
    error::{CommandError, Exit, both, system},
    words::localized,
};

#[derive(Debug, clap::Args)]
pub struct Man {
    /// Directory that the pages are written to
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Man {
    pub fn run(self, context: &CommandContext, mut command: Command) -> Result<Exit> {
        command.build();
        let pages = pages(&command, context.lang)?;
        let failed = |error: std::io::Error| {
            let shown = self.dir.display();
            let (zh, en) = system::both(&error);
            let what = both(format!("{shown} 不能写入：{zh}"), format!("{shown} cannot be written to: {en}"));
            CommandError::failed(what, both("请换一个目录", "choose another directory"))
        };
        fs::create_dir_all(&self.dir).map_err(failed)?;
        for (name, page) in &pages {
            fs::write(self.dir.join(name), page).map_err(failed)?;
        }
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        let count = names.len();
        context.answer(
            || json!({ "pages": names }),
            || match context.lang {
                Lang::Zh => format!("已写入{count}页手册：{}", self.dir.display()),
                Lang::En => format!("{count} pages written to {}", self.dir.display()),
            },
        )?;
        Ok(Exit::Done)
    }
}

/// A page for each command that was built, named as `huiliu-node-record-add.1`.
pub fn pages(command: &Command, lang: Lang) -> Result<Vec<(String, String)>> {
    let mut pages = vec![];
    collect(command, lang, &mut pages)?;
    Ok(pages)
}

fn collect(command: &Command, lang: Lang, pages: &mut Vec<(String, String)>) -> Result<()> {
    let mut page = vec![];
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    let page = String::from_utf8(page)?;
    let page = match lang {
        Lang::Zh => headings(&localized(&page)),
        Lang::En => page,
    };
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    pages.push((format!("{name}.1"), page));
    for below in command.get_subcommands() {
        collect(below, lang, pages)?;
    }
    Ok(())
}

/// The headings of a page in Chinese.
fn headings(page: &str) -> String {
    const HEADINGS: [(&str, &str); 8] = [
        (".SH NAME", ".SH 名称"),
        (".SH SYNOPSIS", ".SH 用法"),
        (".SH DESCRIPTION", ".SH 说明"),
        (".SH OPTIONS", ".SH 选项"),
        (".SH SUBCOMMANDS", ".SH 命令"),
        (".SH EXTRA", ".SH 附注"),
        (".SH VERSION", ".SH 版本"),
        (".SH AUTHORS", ".SH 作者"),
    ];
    let heading = |line: &str| HEADINGS.iter().find(|(en, _)| *en == line).map(|(_, zh)| (*zh).to_owned());
    page.lines().map(|line| heading(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}
