//! The pages that a program shows about itself, read for English words: for the tests of both programs.

use std::collections::BTreeSet;

use clap::Command;
use huiliu_proto::{kind::kinds, lang::Lang};

use super::localized;
use crate::cli::man;

/// Words that stay as they are in Chinese: names of formats, files and rules, and what is typed in files.
const NAMES: [&str; 28] = [
    "Automerge",
    "CSV",
    "JSON",
    "FC",
    "proof",
    "automerge",
    "receipt",
    "example",
    "hub",
    "huiliu",
    "node",
    "HUILIU",
    "HOME",
    "PASSPHRASE",
    "FILE",
    "year",
    "doc",
    "no",
    "off",
    "works",
    "yearly",
    "hire",
    "extension",
    "change",
    "cancel",
    "root",
    "T",
    "Shell",
];

/// Each English word in the help and in the manual of a command and of all below it, with the page it stands on.
pub fn foreign(mut command: Command) -> Vec<String> {
    command.build();
    let mut may: BTreeSet<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    may.extend(kinds().iter().flat_map(|kind| runs(kind.name)));
    names(&command, &mut may);
    let mut pages = vec![];
    helps(&command, &mut pages);
    match man::pages(&command, Lang::Zh) {
        Ok(manual) => pages.extend(manual.into_iter().map(|(name, page)| (name, plain(&page)))),
        Err(error) => return vec![error.to_string()],
    }
    let foreign = |(name, page): &(String, String)| {
        let words: BTreeSet<String> = runs(page).filter(|word| !may.contains(word)).collect();
        words.into_iter().map(|word| format!("{name}: {word}")).collect::<Vec<_>>()
    };
    pages.iter().flat_map(foreign).collect()
}

/// The runs of Latin letters in a text; what has digits in it is an id or a time.
fn runs(text: &str) -> impl Iterator<Item = String> {
    let runs = text.split(|c: char| !c.is_ascii_alphanumeric());
    runs.filter(|run| !run.is_empty() && run.chars().all(|c| c.is_ascii_alphabetic())).map(str::to_owned)
}

/// What may be typed: verbs, options, and the values that an option knows.
fn names(command: &Command, may: &mut BTreeSet<String>) {
    may.extend(runs(command.get_name()));
    for arg in command.get_arguments() {
        may.extend(arg.get_long().into_iter().flat_map(runs));
        may.extend(arg.get_short().map(String::from));
        may.extend(arg.get_possible_values().iter().flat_map(|value| runs(value.get_name())));
    }
    command.get_subcommands().for_each(|below| names(below, may));
}

fn helps(command: &Command, pages: &mut Vec<(String, String)>) {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut asked = command.clone();
    for help in [asked.render_help(), asked.render_long_help()] {
        pages.push((name.clone(), localized(&help.to_string())));
    }
    command.get_subcommands().for_each(|below| helps(below, pages));
}

/// A page of the manual without what typesets it.
fn plain(page: &str) -> String {
    let line = |line: &str| match line.strip_prefix('.') {
        // Of what it asks for, headings alone are read.
        Some(request) => request.strip_prefix("SH ").unwrap_or_default().to_owned(),
        None => line.to_owned(),
    };
    let page = page.lines().map(|text| line(text) + "\n").collect::<String>();
    ["\\fB", "\\fI", "\\fR", "\\-"].iter().fold(page, |page, mark| page.replace(mark, " "))
}
