use std::process::ExitCode;

use huiliu_node::cli::{self, Cli, CommandContext, context::Program, words};

fn main() -> ExitCode {
    let lang = cli::lang::choose(std::env::args_os(), &|name| std::env::var(name).ok());
    let cli: Cli = match words::parse(lang, &[words::TEXTS]) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    cli::start_logging(cli.global.verbose, matches!(cli.verb, cli::Verb::Serve(_)));
    cli::crash::guard(lang);
    let context = CommandContext::new(Program::Node, lang, &cli.global);
    cli::finish(&context, cli.verb.run(&context))
}
