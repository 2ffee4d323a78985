//! `check`: run the fund checks, and read what each of them asks.

mod run;
mod set;
mod tell;

use anyhow::Result;
use clap::Subcommand;
use huiliu_proto::{period::Day, records::finding};
use serde_json::{Value as Json, json};

use super::{
    CommandContext,
    error::{CommandError, Exit, both},
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
    /// Tell the union concerned what was found, where it discloses something of others' people
    Tell(tell::Tell),
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
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        match self {
            CheckVerb::Run(verb) => verb.run(context),
            CheckVerb::Set(verb) => verb.run(context),
            CheckVerb::Tell(verb) => verb.run(context),
            CheckVerb::List(verb) => verb.run(context),
            CheckVerb::Explain(verb) => verb.run(context),
        }
    }
}

fn day(typed: &str) -> Result<Day, CommandError> {
    typed.parse().map_err(|_| {
        CommandError::usage(
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
        CheckError::Unknown(typed) => CommandError::usage(
            both(format!("没有规则“{typed}”"), format!("there is no check “{typed}”")),
            both("运行 check list 查看所有规则", "run `check list` to see all checks"),
        )
        .coded(code, Json::Null)
        .into(),
        CheckError::Store(error) => error.into(),
    }
}

impl List {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let mut table = Table::new()
            .column("rule", context.pick("规则", "rule"))
            .column("title", context.pick("名称", "title"))
            .column("severity", context.pick("等级", "severity"))
            .column("family", context.pick("可能的处理依据", "may lead to"));
        for check in check::checks() {
            table.row(vec![
                Cell::same(check.id),
                Cell::label(context, &check.title),
                Cell::choice(context, finding::SEVERITY.declared(), i32::from(check.severity).into()),
                Cell::choice(context, finding::FAMILY.declared(), i32::from(check.family).into()),
            ]);
        }
        context.answer(|| table.json(), || table.words())?;
        Ok(Exit::Done)
    }
}

impl Explain {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let check = rule_named(&self.rule)?;
        context.answer(
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
                    "discloses": check.discloses,
                    "parameters": parameters.collect::<Vec<_>>(),
                })
            },
            || check::explain(check, context.lang),
        )?;
        Ok(Exit::Done)
    }
}
