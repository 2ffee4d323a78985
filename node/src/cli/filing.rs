//! `filing`: submit this union's filing, see what became of filings, decide those of the unions below.

mod list;
mod review;
mod submit;

use anyhow::Result;
use clap::Subcommand;
use huiliu_proto::{kind::kind, lang::Lang};

use super::{Desk, error::Exit};

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
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        match self {
            FilingVerb::Submit(verb) => verb.run(desk),
            FilingVerb::List(verb) => verb.run(desk),
            FilingVerb::Review(verb) => verb.run(desk),
        }
    }
}

/// The word for a filing's type.
/// A type's stable name.
fn type_name(number: i64) -> String {
    let choices = kind("filing").and_then(|k| k.field("type").map(|at| k.fields[at].choices()));
    let choice = choices.and_then(|choices| choices.iter().find(|c| i64::from(c.number) == number));
    choice.map_or_else(|| number.to_string(), |c| c.name.to_lowercase())
}

fn type_label(number: i64, lang: Lang) -> String {
    let choices = kind("filing").and_then(|k| k.field("type").map(|at| k.fields[at].choices()));
    let choice = choices.and_then(|choices| choices.iter().find(|c| i64::from(c.number) == number));
    choice.map_or_else(|| number.to_string(), |c| c.label.get(lang).to_owned())
}
