//! `rebuild` and `verify`: what is computed, computed again; and the proof that nothing was altered.

use std::path::Path;

use anyhow::Result;

use super::{Desk, desk::Office, error::Exit};
use crate::{ledger, store::feeds};

#[derive(Debug, clap::Args)]
pub struct Rebuild {}

#[derive(Debug, clap::Args)]
pub struct Verify {}

/// How many operations there are to go through.
fn operations(office: &Office) -> Result<u64> {
    office.look(|conn| Ok(feeds::all(conn)?.iter().map(feeds::FeedRow::size).sum()))
}

impl Rebuild {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        let total = operations(&office)?;
        let bar = desk.bar(desk.pick("重算", "rebuilding"), Some(total));
        let shown = bar.clone();
        office.store.write_blocking(move |ledger| ledger.rebuild(&mut |done| shown.inc(done)))?;
        bar.finish_and_clear();
        desk.answer(
            || serde_json::json!({ "operations": total }),
            || match desk.lang {
                huiliu_proto::lang::Lang::Zh => format!("已由 {total} 条日志重算全部表和汇总"),
                huiliu_proto::lang::Lang::En => format!("tables and totals computed again from {total} operations"),
            },
        )?;
        Ok(Exit::Done)
    }
}

impl Verify {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        let total = operations(&office)?;
        let copy = office.home.dir.join("verify.tmp");
        let removed = Copy::new(&copy);
        let bar = desk.bar(desk.pick("复制", "copying"), None);
        let conn = office.store.copy_to(&copy)?;
        bar.finish_and_clear();
        // Once to check the feeds, once to rebuild from them.
        let bar = desk.bar(desk.pick("核验", "verifying"), Some(total * 2));
        let problems = ledger::verify(conn, office.me.clone(), &mut |done| bar.inc(done))?;
        bar.finish_and_clear();
        drop(removed);
        desk.answer(
            || {
                let list = problems.iter().map(|p| serde_json::json!({ "zh": p.zh, "en": p.en }));
                serde_json::json!({ "operations": total, "problems": list.collect::<Vec<_>>() })
            },
            || {
                let mut lines: Vec<&str> = problems.iter().map(|p| desk.pick(&p.zh, &p.en)).collect();
                let good = match desk.lang {
                    huiliu_proto::lang::Lang::Zh => format!("核验通过：{total} 条日志，签名、校验树和重算结果全部一致"),
                    huiliu_proto::lang::Lang::En => {
                        format!("all good: {total} operations; signatures, hash trees and a rebuild agree")
                    }
                };
                if lines.is_empty() {
                    lines.push(&good);
                }
                lines.join("\n")
            },
        )?;
        Ok(if problems.is_empty() { Exit::Done } else { Exit::Attention })
    }
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
