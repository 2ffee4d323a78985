//! Programs beside the two that are installed: the demo, a small federation at work on this machine.

use std::{path::PathBuf, process::ExitCode};

use clap::{ArgAction, Args, Parser, Subcommand};
use huiliu_node::cli::{lang, start_logging, words};
use huiliu_tests::demo::{self, DemoOptions};

/// Tools of Huiliu's own tests, for whoever wants to see it at work
#[derive(Debug, Parser)]
#[command(name = "huiliu-tools", version, disable_help_flag = true, disable_help_subcommand = true)]
struct Cli {
    /// Language; without it that of the locale
    #[arg(long, global = true, value_name = "LANG", value_parser = ["zh", "en"])]
    lang: Option<String>,
    /// Say on standard error what is done; twice for more, three times for everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Print this help
    #[arg(short, long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Debug, Subcommand)]
enum Tool {
    /// Show a small federation at work on this machine
    Demo(Demo),
}

#[derive(Debug, Args)]
struct Demo {
    /// End when the story has been told
    #[arg(long)]
    once: bool,
    /// Write everything that is shown to this file too, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Directory for the unions' homes; without it a temporary one
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const TEXTS: words::Texts = &[
    ("", "汇流自带的演示和测试工具。"),
    (".lang", "语言；不填则随系统"),
    (".verbose", "在标准错误上说明所做的事；写两次更详，三次为全部"),
    (".help", "显示本帮助"),
    ("demo", "在本机演示一个小型的多级工会网络"),
    ("demo.once", "演示完即结束，不停留"),
    ("demo.json", "把所显示的全部内容另写入该文件（JSON）"),
    ("demo.dir", "各单位数据所在目录；不填则用临时目录，结束后删除"),
];

fn main() -> ExitCode {
    let lang = lang::choose(std::env::args_os(), &|name| std::env::var(name).ok());
    let cli: Cli = match words::parse(lang, &[TEXTS]) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    start_logging(cli.verbose, true);
    let Tool::Demo(Demo { once, json, dir }) = cli.tool;
    match demo::run(DemoOptions { once, json, dir, lang }) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;
    use huiliu_proto::lang::Lang;

    #[test]
    fn help_tells_no_exit_code_that_is_never_given() {
        for lang in [Lang::Zh, Lang::En] {
            let help = words::command::<Cli>(lang, &[TEXTS]).render_help().to_string();
            assert!(help.contains("demo") && !help.contains("退出码") && !help.contains("Exit codes"), "{help}");
        }
    }

    #[test]
    fn every_command_and_argument_is_in_both_languages() {
        assert_eq!(words::gaps(&Cli::command(), &[TEXTS]), [""; 0]);
        Cli::command().debug_assert();
    }
}
