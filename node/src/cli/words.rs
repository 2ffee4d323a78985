//! The command line's help in Chinese, applied to clap's commands when Chinese is spoken.
//!
//! A key is a command's path, as `record add`, or that and an argument's name, as `record add.kind`. The English stands
//! beside the arguments; clap's own messages about wrong usage are English only.

mod texts;

use std::{io::Write as _, process::ExitCode};

use clap::{Command, CommandFactory, FromArgMatches};
use huiliu_proto::{ident::mask, lang::Lang};

pub use texts::TEXTS;

/// Keys and Chinese texts.
pub type Texts = &'static [(&'static str, &'static str)];

/// Under the help of the whole program: Chinese, English.
pub const AFTER_HELP: (&str, &str) = (
    "退出码：\n  0  完成\n  1  失败\n  2  命令用法不对\n  3  没有失败，但需要有人处理\n  4  不合规定，未写入",
    "Exit codes:\n  0  done\n  1  failed\n  2  the command makes no sense\n  3  nothing failed, and a person has to look\n  4  refused by a rule; nothing was written",
);

/// Parses the arguments of this process. What clap has to say itself (help, version, wrong usage) is said here.
pub fn parse<C: CommandFactory + FromArgMatches>(lang: Lang, tables: &[Texts]) -> Result<C, ExitCode> {
    let command = match lang {
        Lang::En => C::command(),
        Lang::Zh => chinese(C::command(), tables),
    };
    let matches = command.try_get_matches();
    matches.and_then(|matches| C::from_arg_matches(&matches)).map_err(|error| {
        // clap says again what was typed, and a number may have been typed where none was asked for.
        let text = error.render().to_string();
        let masked = mask(&text);
        // Where not even that can be printed, the code still says it.
        let _ = match masked == text {
            true => error.print(),
            false => writeln!(std::io::stderr().lock(), "{}", masked.trim_end()),
        };
        ExitCode::from(if error.use_stderr() { 2 } else { 0 })
    })
}

fn text(tables: &[Texts], key: &str) -> Option<&'static str> {
    tables.iter().flat_map(|t| t.iter()).find(|(k, _)| *k == key).map(|(_, text)| *text)
}

fn chinese(command: Command, tables: &[Texts]) -> Command {
    translate(command, "", tables).after_help(AFTER_HELP.0)
}

fn translate(mut command: Command, path: &str, tables: &[Texts]) -> Command {
    if let Some(about) = text(tables, path) {
        command = command.about(about).long_about(None);
    }
    command = command
        .help_template("{before-help}{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}")
        .subcommand_help_heading("命令")
        .mut_args(|arg| {
            let heading = if arg.is_positional() { "参数" } else { "选项" };
            match text(tables, &format!("{path}.{}", arg.get_id())) {
                Some(help) => arg.help(help).long_help(None).help_heading(heading),
                None => arg.help_heading(heading),
            }
        });
    let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    for name in names {
        let below = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
        command = command.mut_subcommand(&name, |c| translate(c, &below, tables));
    }
    command
}

/// What is missing in either language, and what the tables say about nothing: for the tests of both programs.
pub fn gaps(command: &Command, tables: &[Texts]) -> Vec<String> {
    let mut keys = vec![];
    let mut gaps = vec![];
    collect(command, "", &mut keys, &mut gaps);
    gaps.extend(keys.iter().filter(|key| text(tables, key).is_none()).map(|key| format!("no Chinese: {key:?}")));
    let unused = tables.iter().flat_map(|t| t.iter()).filter(|(key, _)| !keys.iter().any(|k| k == key));
    gaps.extend(unused.map(|(key, _)| format!("of nothing: {key:?}")));
    gaps
}

fn collect(command: &Command, path: &str, keys: &mut Vec<String>, gaps: &mut Vec<String>) {
    keys.push(path.to_owned());
    if command.get_about().is_none() {
        gaps.push(format!("no English: {path:?}"));
    }
    for arg in command.get_arguments() {
        let key = format!("{path}.{}", arg.get_id());
        if arg.get_help().is_none() {
            gaps.push(format!("no English: {key:?}"));
        }
        keys.push(key);
    }
    for sub in command.get_subcommands() {
        let below = if path.is_empty() { sub.get_name().to_owned() } else { format!("{path} {}", sub.get_name()) };
        collect(sub, &below, keys, gaps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_command_and_argument_is_in_both_languages() {
        assert_eq!(gaps(&Cli::command(), &[TEXTS]), [""; 0]);
        Cli::command().debug_assert();
    }

    #[test]
    fn chinese_help_is_chinese() {
        let mut command = chinese(Cli::command(), &[TEXTS]);
        command.build();
        let add = command.find_subcommand_mut("record").and_then(|c| c.find_subcommand_mut("add"));
        let help = add.expect("there is record add").render_help().to_string();
        for word in ["用法：", "参数:", "选项:", "记录种类"] {
            assert!(help.contains(word), "{word} in\n{help}");
        }
        assert!(!help.contains("Options") && !help.contains("Usage"), "{help}");
    }
}
