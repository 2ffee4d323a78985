//! Every verb that writes can be tried first, and every list goes by pages; those that cannot or do not are named here, each
//! with its reason.

use clap::{Command, CommandFactory as _};
use huiliu_hub::cli::Cli;

/// Verbs that write nothing but an answer.
const READ: &[&str] = &[
    "record list",
    "record show",
    "record history",
    "record imports",
    "union list",
    "union find",
    "union show",
    "account list",
    "status",
    "inbox",
    "rollup",
    "filing list",
    "check list",
    "check explain",
    "calendar list",
    "check-proof",
    "receipts list",
    "receipts verify",
    "verify",
    "quarantine list",
    "quarantine show",
    "evidence list",
    "evidence show",
    "invite list",
    "completions",
];

const OWN_FILE: &str = "writes a file where the person says, and no record";
const SESSION: &str = "opens or closes a session at this machine, and signs nothing";
const EXCHANGE: &str = "an exchange with another machine: what that answers is known once it has happened";

/// Verbs that write and have no trial.
const UNTRIED: &[(&str, &str)] = &[
    ("init", "makes a home where there is none, and changes nothing that is there"),
    ("request", OWN_FILE),
    ("record export", OWN_FILE),
    ("prove", OWN_FILE),
    ("receipts export", OWN_FILE),
    ("consistency", OWN_FILE),
    ("backup", OWN_FILE),
    ("man", OWN_FILE),
    ("login", SESSION),
    ("logout", SESSION),
    ("join", EXCHANGE),
    ("sync", EXCHANGE),
    ("serve", EXCHANGE),
    ("account ask-reset", "makes a number to read out, and the password stays until the answer is typed"),
    ("rebuild", "computes again what is computed from the feeds: `verify` is its trial"),
];

/// Lists that are one page.
const ONE_PAGE: &[(&str, &str)] = &[("check list", "as many as the program brings")];

/// The verbs that do something, by their paths.
fn verbs(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
    for sub in command.get_subcommands() {
        let path = if path.is_empty() { sub.get_name().to_owned() } else { format!("{path} {}", sub.get_name()) };
        // `invite` does something itself and leads on.
        if !sub.has_subcommands() || sub.get_arguments().any(|one| one.get_id() == "dry_run") {
            found.push((path.clone(), sub.clone()));
        }
        verbs(sub, &path, found);
    }
}

fn has(command: &Command, argument: &str) -> bool {
    command.get_arguments().any(|one| one.get_id() == argument)
}

#[test]
fn every_verb_that_writes_can_be_tried() {
    let mut all = vec![];
    verbs(&Cli::command(), "", &mut all);
    assert!(all.len() > 60, "{}", all.len());
    let named = |path: &str| READ.contains(&path) || UNTRIED.iter().any(|(verb, _)| *verb == path);
    let wrong = all.iter().filter(|(path, verb)| has(verb, "dry_run") == named(path)).map(|(path, _)| path);
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0], "has no --dry-run, or has one and is named as having none");
    let gone = READ
        .iter()
        .chain(UNTRIED.iter().map(|(verb, _)| verb))
        .filter(|verb| !all.iter().any(|(path, _)| path == *verb));
    assert_eq!(gone.collect::<Vec<_>>(), [&""; 0], "no such verb");
}

#[test]
fn every_list_goes_by_pages() {
    let mut all = vec![];
    verbs(&Cli::command(), "", &mut all);
    let list =
        |path: &str| ["list", "imports", "history", "inbox", "receipts verify"].iter().any(|end| path.ends_with(end));
    let one_page = |path: &str| ONE_PAGE.iter().any(|(verb, _)| *verb == path);
    let lists: Vec<_> = all.iter().filter(|(path, _)| list(path)).collect();
    assert!(lists.len() > 10, "{}", lists.len());
    let paged = |verb: &Command| has(verb, "after") && has(verb, "most");
    let wrong = lists.iter().filter(|(path, verb)| paged(verb) == one_page(path)).map(|(path, _)| path);
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
}
