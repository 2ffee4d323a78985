//! `check`: run the fund checks, and read what each of them asks.

mod run;
mod set;

use anyhow::Result;
use clap::Subcommand;
use huiliu_proto::{period::Day, records::finding};
use serde_json::{Value as Json, json};

use super::{
    Desk,
    error::{Exit, Mistake, both},
    table::{Cell, Table, both_languages},
};
use crate::{
    app::{self, check::CheckError},
    check::{self, Check},
};

#[derive(Debug, Subcommand)]
pub enum CheckVerb {
    /// Run the checks over what is seen here; a hub records what they find
    Run(run::Run),
    /// Set a number that a check uses, from a day on
    Set(set::Set),
    /// List the checks
    List(List),
    /// Say what a check asks, on which clause it rests, and what its numbers mean
    Explain(Explain),
}

#[derive(Debug, clap::Args)]
pub struct List {}

#[derive(Debug, clap::Args)]
pub struct Explain {
    /// The check's id, such as FC-01
    rule: String,
}

impl CheckVerb {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        match self {
            CheckVerb::Run(verb) => verb.run(desk),
            CheckVerb::Set(verb) => verb.run(desk),
            CheckVerb::List(verb) => verb.run(desk),
            CheckVerb::Explain(verb) => verb.run(desk),
        }
    }
}

fn day(typed: &str) -> Result<Day, Mistake> {
    typed.parse().map_err(|_| {
        Mistake::usage(
            both(format!("“{typed}”不是日期"), format!("“{typed}” is not a date")),
            both("请按 2026-03-31 填写", "write it as 2026-03-31"),
        )
    })
}

fn rule_named(typed: &str) -> Result<&'static Check> {
    app::check::named(typed).map_err(told)
}

/// Why nothing was checked.
fn told(error: CheckError) -> anyhow::Error {
    let code = error.code();
    match error {
        CheckError::Unknown(typed) => Mistake::usage(
            both(format!("没有规则“{typed}”"), format!("there is no check “{typed}”")),
            both("运行 check list 查看所有规则", "run `check list` to see all checks"),
        )
        .coded(code, Json::Null)
        .into(),
        CheckError::Store(error) => error.into(),
    }
}

impl List {
    fn run(self, desk: &Desk) -> Result<Exit> {
        let mut table = Table::new()
            .column("rule", desk.pick("规则", "rule"))
            .column("title", desk.pick("名称", "title"))
            .column("severity", desk.pick("等级", "severity"))
            .column("family", desk.pick("可能的处理依据", "may lead to"));
        for check in check::checks() {
            table.row(vec![
                Cell::same(check.id),
                Cell::label(desk, &check.title),
                Cell::choice(desk, finding::SEVERITY.declared(), i32::from(check.severity).into()),
                Cell::choice(desk, finding::FAMILY.declared(), i32::from(check.family).into()),
            ]);
        }
        desk.answer(|| table.json(), || table.words())?;
        Ok(Exit::Done)
    }
}

impl Explain {
    fn run(self, desk: &Desk) -> Result<Exit> {
        let check = rule_named(&self.rule)?;
        desk.answer(
            || {
                let parameters = check.parameters.iter();
                let parameters = parameters.map(|p| {
                    json!({
                        "name": p.name, "default": p.default, "label": both_languages(&p.label),
                        "stricter": match p.stricter {
                            check::Stricter::Less => "less",
                            check::Stricter::More => "more",
                        },
                    })
                });
                json!({
                    "rule": check.id, "version": check.version, "title": both_languages(&check.title),
                    "clause": both_languages(&check.clause), "innocent": both_languages(&check.innocent),
                    "parameters": parameters.collect::<Vec<_>>(),
                })
            },
            || check::explain(check, desk.lang),
        )?;
        Ok(Exit::Done)
    }
}
