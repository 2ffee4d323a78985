//! What a person types. Parsed here; done in one file a verb; what went wrong is put into words in `error`.
//!
//! Help and answers are in Chinese or English. The English help stands beside the arguments, the Chinese in `words`,
//! and a test sees to it that nothing is missing in either.

pub mod account;
pub mod backup;
pub mod calendar;
pub mod check;
pub mod check_proof;
pub mod completions;
pub mod consistency;
pub mod context;
pub mod crash;
pub mod duty;
pub mod error;
pub mod evidence;
pub mod filing;
pub mod inbox;
pub mod init;
pub mod invite;
pub mod join;
pub mod keys;
pub mod lang;
pub mod log;
pub mod login;
pub mod man;
pub mod outfile;
pub mod passphrase;
pub mod prove;
pub mod quarantine;
pub mod receipts;
pub mod record;
pub mod repair;
pub mod restore;
pub mod rollup;
pub mod serve;
pub mod status;
pub mod sync;
pub mod table;
pub mod union;
pub mod withdraw;
pub mod words;

use std::{path::PathBuf, process::ExitCode};

use clap::{ArgAction, Parser, Subcommand};

pub use context::CommandContext;
pub use error::Exit;

/// Records of the collective-bargaining guides of one union, and of the fund that pays for them.
#[derive(Debug, Parser)]
#[command(
    name = "huiliu-node",
    version,
    disable_help_flag = true,
    disable_version_flag = true,
    disable_help_subcommand = true,
    after_help = words::AFTER_HELP.1
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// Directory with this union's records and keys
    #[arg(long, global = true, value_name = "DIR", env = "HUILIU_HOME", hide_env_values = true)]
    pub home: Option<PathBuf>,
    /// File whose first line is the passphrase of this home's keys, where nobody can be asked
    #[arg(long, global = true, value_name = "FILE", env = "HUILIU_PASSPHRASE_FILE", hide_env_values = true)]
    pub passphrase_file: Option<PathBuf>,
    /// Who you are, where nobody has logged in: named in what is written, and marked as not verified
    #[arg(long = "as", global = true, value_name = "NAME")]
    pub acting: Option<String>,
    /// Language of help and answers; without it that of the locale
    #[arg(long, global = true, value_name = "LANG", value_parser = ["zh", "en"])]
    pub lang: Option<String>,
    /// Answer in JSON: English names, numbers as numbers, money in fen
    #[arg(long, global = true)]
    pub json: bool,
    /// Say on standard error what is done; twice for more, three times for everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Print this help
    #[arg(short, long, global = true, action = ArgAction::Help)]
    pub help: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    pub version: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Set up this union's machine: keys and an empty database
    Init(init::Init),
    /// Write a request to join as a file, for a machine without a line to the union above
    Request(join::RequestArgs),
    /// Join the network: with a token of the union above, or with its answer to a request
    Join(join::Join),
    /// Make a token with which a machine joins
    Invite(invite::Invite),
    /// Write, correct, list and look at records
    #[command(subcommand)]
    Record(record::RecordVerb),
    /// Unions below: register them, list them, find them by name
    #[command(subcommand)]
    Union(union::UnionVerb),
    /// The people who act for this union, and what each may do
    #[command(subcommand)]
    Account(account::AccountVerb),
    /// Log in: what is written from now on names you
    Login(login::Login),
    /// Log out
    Logout(login::Logout),
    /// Take back what waits for a second person, or decline it
    Withdraw(withdraw::Withdraw),
    /// Exchange with the union above, once
    Sync(sync::Sync),
    /// Keep running: stay on the line with the union above; a hub takes calls from below
    Serve(serve::Serve),
    /// Show how things stand; ends with code 3 where a person has to look
    Status(status::Status),
    /// List what waits for a person, by due date; ends with code 3 where anything does
    Inbox(inbox::Inbox),
    /// Show totals of a union, alone and with all below it
    Rollup(rollup::Rollup),
    /// File with the union above, and decide what was filed here
    #[command(subcommand)]
    Filing(filing::FilingVerb),
    /// Run the fund checks
    #[command(subcommand)]
    Check(check::CheckVerb),
    /// The days off and the working weekends of each year
    #[command(subcommand)]
    Calendar(calendar::CalendarVerb),
    /// Compute tables and totals again from what was written
    Rebuild(repair::Rebuild),
    /// Write a record to a file that proves itself to whoever knows the root fingerprint
    Prove(prove::Prove),
    /// Say what a proof file proves, knowing only the root fingerprint; ends with code 4 where it proves nothing
    CheckProof(check_proof::CheckProof),
    /// Receipts of the levels above: list, check, export
    #[command(subcommand)]
    Receipts(receipts::ReceiptsVerb),
    /// Prove that two receipts speak of one history
    Consistency(consistency::Consistency),
    /// Prove that nothing was altered: signatures, hash trees, and that a rebuild gives the same
    Verify(repair::Verify),
    /// What is stored but does not count: see it, and decide about it
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineVerb),
    /// Signs of restored backups, clones, forgeries and hubs that lie: see them, and settle them
    #[command(subcommand)]
    Evidence(evidence::EvidenceVerb),
    /// Copy the database to a file, as it is at this moment, and prove the copy
    Backup(backup::Backup),
    /// Put a backup in the place of the database; what was there is kept beside it
    Restore(restore::Restore),
    /// Seal this machine's key files with a passphrase, or unseal them
    #[command(subcommand)]
    Keys(keys::KeysVerb),
    /// Print what a shell needs to complete commands
    Completions(completions::Completions),
    /// Write the manual's pages, one for each command
    Man(man::Man),
}

impl Verb {
    pub fn run(self, context: &CommandContext) -> anyhow::Result<Exit> {
        match self {
            Verb::Init(verb) => verb.run(context),
            Verb::Request(verb) => verb.run(context),
            Verb::Join(verb) => verb.run(context),
            Verb::Invite(verb) => verb.run(context),
            Verb::Record(verb) => verb.run(context),
            Verb::Union(verb) => verb.run(context),
            Verb::Account(verb) => verb.run(context),
            Verb::Login(verb) => verb.run(context),
            Verb::Logout(verb) => verb.run(context),
            Verb::Withdraw(verb) => verb.run(context),
            Verb::Sync(verb) => verb.run(context),
            Verb::Serve(verb) => verb.run(context),
            Verb::Status(verb) => verb.run(context),
            Verb::Inbox(verb) => verb.run(context),
            Verb::Rollup(verb) => verb.run(context),
            Verb::Filing(verb) => verb.run(context),
            Verb::Check(verb) => verb.run(context),
            Verb::Calendar(verb) => verb.run(context),
            Verb::Rebuild(verb) => verb.run(context),
            Verb::Verify(verb) => verb.run(context),
            Verb::Prove(verb) => verb.run(context),
            Verb::CheckProof(verb) => verb.run(context),
            Verb::Receipts(verb) => verb.run(context),
            Verb::Consistency(verb) => verb.run(context),
            Verb::Quarantine(verb) => verb.run(context),
            Verb::Evidence(verb) => verb.run(context),
            Verb::Backup(verb) => verb.run(context),
            Verb::Restore(verb) => verb.run(context),
            Verb::Keys(verb) => verb.run(context),
            Verb::Completions(verb) => verb.run(context, words::command::<Cli>(context.lang, &[words::TEXTS])),
            Verb::Man(verb) => verb.run(context, words::command::<Cli>(context.lang, &[words::TEXTS])),
        }
    }
}

/// Logs go to standard error: errors always, and warnings of a program that serves; more with `-v`, everything with three.
/// Nothing personal is ever logged, and nothing that a terminal obeys: so there are no colours either.
pub fn start_logging(verbose: u8, serves: bool) {
    use tracing_subscriber::EnvFilter;
    let level = match verbose {
        // What concerns a person, the answer says.
        0 if !serves => "error",
        0 => "warn",
        1 => "warn,huiliu_node=info,huiliu_hub=info",
        2 => "info,huiliu_node=debug,huiliu_hub=debug",
        _ => "trace",
    };
    let subscriber = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(level)).with_ansi(false);
    subscriber.with_writer(|| log::Lines(std::io::stderr())).compact().init();
}

/// The exit code of a verb; what went wrong is told first.
pub fn finish(context: &CommandContext, result: anyhow::Result<Exit>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(error) => error::tell(&error, context.lang).report(context, error::code(&error)).into(),
    }
}
