//! `filing`: submit this union's filing, see what became of filings, decide those of the unions below.

mod list;
mod review;
mod submit;

use anyhow::Result;
use clap::Subcommand;
use huiliu_proto::{kind::Choice, lang::Lang, records::filing};

use super::{CommandContext, error::Exit};

#[derive(Debug, Subcommand)]
pub enum FilingVerb {
    /// Freeze the roster as of a day and file it with the union above
    Submit(submit::Submit),
    /// List filings and what became of them
    List(list::List),
    /// Decide a filing of a union directly below
    Review(review::Review),
}

impl FilingVerb {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        match self {
            FilingVerb::Submit(verb) => verb.run(context),
            FilingVerb::List(verb) => verb.run(context),
            FilingVerb::Review(verb) => verb.run(context),
        }
    }
}

/// A type's stable name.
fn type_name(number: i64) -> String {
    type_of(number).map_or_else(|| number.to_string(), |choice| choice.name.to_lowercase())
}

/// The word for a filing's type.
fn type_label(number: i64, lang: Lang) -> String {
    type_of(number).map_or_else(|| number.to_string(), |choice| choice.label.get(lang).to_owned())
}

fn type_of(number: i64) -> Option<&'static Choice> {
    filing::TYPE.declared().choice(number)
}
