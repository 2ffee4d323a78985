use std::process::ExitCode;

use huiliu_hub::cli::{Cli, HubVerb, TEXTS};
use huiliu_node::cli::{self, CommandContext, context::Program, words};

fn main() -> ExitCode {
    let lang = cli::lang::choose(std::env::args_os(), &|name| std::env::var(name).ok());
    let cli: Cli = match words::parse(lang, &[TEXTS, words::TEXTS]) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let serves = matches!(cli.verb, HubVerb::Node(cli::Verb::Serve(_)));
    cli::start_logging(cli.global.verbose, serves);
    cli::crash::guard(lang);
    let context = CommandContext::new(Program::Hub, lang, &cli.global);
    cli::finish(&context, cli.verb.run(&context))
}
