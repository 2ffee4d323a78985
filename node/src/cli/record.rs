//! Records of any kind: what can be typed and what is shown come from the kinds' declarations.

pub mod add;
pub mod edit;
pub mod export;
pub mod find;
pub mod history;
pub mod import;
pub mod list;
pub mod reveal;
pub mod show;
pub mod typed;
pub mod view;
pub mod void;

use anyhow::Result;
use clap::Subcommand;
use huiliu_proto::{
    kind::{Kind, kind, kinds},
    record::{Refusal, Warning},
};

use super::{
    CommandContext,
    error::{self, CommandError, Exit, both},
};
use crate::ledger::WriteOutcome;

#[derive(Debug, Subcommand)]
pub enum RecordVerb {
    /// Write a record; in a terminal, without fields, show which fields the kind has
    Add(add::Add),
    /// Change fields of a document of this union
    Edit(edit::Edit),
    /// List records of a kind; without a kind, the kinds and how many records there are
    List(list::List),
    /// Show one record with everything known about it
    Show(show::Show),
    /// Read one sealed field whole, for a purpose; the register says so first
    Reveal(reveal::Reveal),
    /// Show every edit of a record: when, by which device, what changed
    History(history::History),
    /// Write a document to a file as Automerge's own bytes, for other programs
    Export(export::Export),
    /// Write many records of one kind from a file
    Import(import::Import),
    /// List the imports of this machine
    Imports(import::Imports),
    /// Take an import back: void each of its records
    UndoImport(import::UndoImport),
    /// Void a record of this union that was a mistake: it counts nowhere, and can still be shown
    Void(void::Void),
    /// Take the void of a record back
    Reinstate(void::Reinstate),
}

impl RecordVerb {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        match self {
            RecordVerb::Add(verb) => verb.run(context),
            RecordVerb::Edit(verb) => verb.run(context),
            RecordVerb::List(verb) => verb.run(context),
            RecordVerb::Show(verb) => verb.run(context),
            RecordVerb::Reveal(verb) => verb.run(context),
            RecordVerb::History(verb) => verb.run(context),
            RecordVerb::Export(verb) => verb.run(context),
            RecordVerb::Import(verb) => verb.run(context),
            RecordVerb::Imports(verb) => verb.run(context),
            RecordVerb::UndoImport(verb) => verb.run(context),
            RecordVerb::Void(verb) => verb.run(context),
            RecordVerb::Reinstate(verb) => verb.run(context),
        }
    }
}

/// A kind by its name or its label in either language; of a label a part is enough that only one kind has.
pub fn kind_named(typed: &str) -> Result<&'static Kind, CommandError> {
    let labelled = || kinds().iter().find(|k| k.label.zh == typed || k.label.en == typed);
    let part = || {
        let mut fits = kinds().iter().filter(|k| typed.chars().count() > 1 && k.label.zh.contains(typed));
        fits.next().filter(|_| fits.next().is_none())
    };
    kind(typed).or_else(labelled).or_else(part).ok_or_else(|| {
        CommandError::usage(
            both(format!("没有“{typed}”这种记录"), format!("there is no kind of record “{typed}”")),
            both("运行 record list 查看所有种类", "run `record list` to see all kinds"),
        )
    })
}

/// What became of a write, for the person who wrote.
pub(in crate::cli) fn answer(
    context: &CommandContext,
    kind: &'static Kind,
    outcome: WriteOutcome,
    dry: bool,
) -> Result<Exit> {
    let (id, warnings, alike) = match outcome {
        WriteOutcome::Refused(refusals) => return Err(CommandError::Refused(refusals).into()),
        WriteOutcome::Unchanged(id) => {
            let json = || serde_json::json!({ "record": id.to_string(), "written": false });
            context.answer(json, || {
                context.pick("内容没有变化，未写入", "nothing changed; nothing was written").to_owned()
            })?;
            return Ok(Exit::Done);
        }
        WriteOutcome::Written { id, warnings, alike } => (id, warnings, alike),
    };
    let remarks = |list: &[Warning]| list.iter().map(|w| w.say(context.lang)).collect::<Vec<_>>();
    let warned = |w: &Warning| error::remark_json(&w.field_name, &w.value, &w.rule, &w.remedy);
    let same: Vec<String> = alike.iter().map(ToString::to_string).collect();
    context.answer(
        || {
            let record = if dry { serde_json::Value::Null } else { id.to_string().into() };
            serde_json::json!({
                "record": record, "kind": kind.name, "written": !dry, "warnings": warnings.iter().map(warned).collect::<Vec<_>>(), "alike": same,
            })
        },
        || {
            let label = context.label(&kind.label);
            match dry {
                true => context.pick("校验通过，未写入", "it may stand so; nothing was written").to_owned(),
                false => format!("{}{label} {id}", context.pick("已写入：", "written: ")),
            }
        },
    )?;
    if !context.json {
        for remark in remarks(&warnings) {
            context.note(&format!("{}{remark}", context.pick("请注意：", "note: ")));
        }
        if !same.is_empty() {
            let what = context.pick("可能与已有记录重复：", "perhaps the same as: ");
            context.note(&format!("{what}{}", same.join(context.pick("、", ", "))));
        }
    }
    Ok(Exit::Done)
}

/// All of what is wrong with what was typed, at once.
fn all_or_refused<T>(values: Vec<T>, refusals: Vec<Refusal>) -> Result<Vec<T>> {
    match refusals.is_empty() {
        true => Ok(values),
        false => Err(CommandError::Refused(refusals).into()),
    }
}
