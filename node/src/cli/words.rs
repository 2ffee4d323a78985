//! The command line's help in Chinese, applied to clap's commands when Chinese is spoken.
//!
//! A key is a command's path, as `record add`, or that and an argument's name, as `record add.kind`. The English stands
//! beside the arguments. What the parser says about wrong usage is put into Chinese in `usage`.

mod pages;
mod texts;
mod usage;
mod verbs;

use std::{ffi::OsString, io::Write as _, process::ExitCode};

use clap::{Command, CommandFactory, FromArgMatches, error::ContextKind};
use huiliu_proto::{ident::mask, lang::Lang, shown};
use serde_json::json;

pub use pages::foreign;
pub use texts::{TEXTS, VALUES};
pub use usage::localized;
pub use verbs::{VERBS, gaps as verb_gaps};

/// Keys and Chinese texts.
pub type Texts = &'static [(&'static str, &'static str)];

/// Under the help of the whole program: Chinese, English.
pub const AFTER_HELP: (&str, &str) = (
    "退出码：\n  0  完成\n  1  失败\n  2  命令用法不对\n  3  没有失败，但需要有人处理\n  4  不合规定，未写入",
    "Exit codes:\n  0  done\n  1  failed\n  2  usage error\n  3  done, but something needs a person\n  4  refused by a rule; nothing was written",
);

/// Parses the arguments of this process. What clap has to say itself (help, version, wrong usage) is said here.
pub fn parse<C: CommandFactory + FromArgMatches>(lang: Lang, tables: &[Texts]) -> Result<C, ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let as_json = arguments.iter().take_while(|a| *a != "--").any(|a| a == "--json");
    let lang = if as_json { Lang::En } else { lang };
    let matches = command::<C>(lang, tables).try_get_matches_from(&arguments);
    matches.and_then(|matches| C::from_arg_matches(&matches)).map_err(|error| {
        // clap says again what was typed, and a number may have been typed where none was asked for.
        let text = mask(&said(&error, lang, as_json));
        // Where not even that can be printed, the code still says it.
        let _ = match error.use_stderr() {
            true => writeln!(std::io::stderr().lock(), "{}", text.trim_end()),
            false => writeln!(std::io::stdout().lock(), "{}", text.trim_end()),
        };
        ExitCode::from(if error.use_stderr() { 2 } else { 0 })
    })
}

/// The whole command of a program, in that language.
pub fn command<C: CommandFactory>(lang: Lang, tables: &[Texts]) -> Command {
    let command = verbs::aliased(C::command(), lang);
    match lang {
        Lang::En => command,
        Lang::Zh => chinese(command, tables),
    }
}

/// A mistake in the words of that language, or help.
fn said(error: &clap::Error, lang: Lang, as_json: bool) -> String {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    match (error.kind(), lang) {
        (DisplayHelp | DisplayVersion, Lang::Zh) => localized(&error.render().to_string()),
        (DisplayHelp | DisplayVersion, Lang::En) => error.render().to_string(),
        _ if as_json => shown::json(&usage_json(error).to_string()).into_owned(),
        (DisplayHelpOnMissingArgumentOrSubcommand, Lang::Zh) => localized(&error.render().to_string()),
        (_, Lang::Zh) => {
            let (what, hint) = usage::chinese(error);
            format!("错误：{}\n提示：{}", shown::page(&what), shown::page(&hint))
        }
        (_, Lang::En) => error.render().to_string(),
    }
}

/// Wrong usage for a program: a code, and the words it is about.
fn usage_json(error: &clap::Error) -> serde_json::Value {
    let words = |kind| usage::words(error, kind);
    let choices = [words(ContextKind::ValidValue), words(ContextKind::ValidSubcommand)].concat();
    let text = error.render().to_string();
    let what = match text.lines().next().and_then(|line| line.strip_prefix("error: ")) {
        Some(sentence) => sentence.to_owned(),
        // A page of help instead: a command has verbs below it, and none was given.
        None => "a command is missing".to_owned(),
    };
    json!({
        "code": usage::code(error),
        "exit": 2,
        "about": {
            "argument": words(ContextKind::InvalidArg),
            "command": words(ContextKind::InvalidSubcommand),
            "value": words(ContextKind::InvalidValue),
            "conflicts_with": words(ContextKind::PriorArg),
            "choices": choices,
        },
        "error": what,
        "hint": "see --help",
    })
}

fn text(tables: &[Texts], key: &str) -> Option<&'static str> {
    tables.iter().flat_map(|t| t.iter()).find(|(k, _)| *k == key).map(|(_, text)| *text)
}

fn chinese(command: Command, tables: &[Texts]) -> Command {
    let has_codes = command.get_after_help().is_some();
    let command = translate(command, "", tables);
    // A program with fewer codes, as that of the tests, tells none in English either.
    if has_codes { command.after_help(AFTER_HELP.0) } else { command }
}

fn translate(mut command: Command, path: &str, tables: &[Texts]) -> Command {
    if let Some(about) = text(tables, path) {
        command = command.about(about).long_about(None);
    }
    command = command
        .help_template("{before-help}{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}")
        .subcommand_help_heading("命令")
        .subcommand_value_name("命令")
        .mut_args(|arg| {
            let heading = if arg.is_positional() { "参数" } else { "选项" };
            let arg = match value_name(&arg) {
                Some(name) => arg.value_name(name),
                None => arg,
            };
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

/// What stands for the value of an argument, in Chinese.
fn value_name(arg: &clap::Arg) -> Option<&'static str> {
    let english = english_value_name(arg)?;
    VALUES.iter().find(|(name, _)| *name == english).map(|(_, chinese)| *chinese)
}

fn english_value_name(arg: &clap::Arg) -> Option<String> {
    if !arg.get_action().takes_values() {
        return None;
    }
    let named = arg.get_value_names().and_then(|names| names.first()).map(|name| name.to_string());
    Some(named.unwrap_or_else(|| arg.get_id().as_str().to_uppercase()))
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
        if english_value_name(arg).is_some() && value_name(arg).is_none() {
            gaps.push(format!("no Chinese name of its value: {key:?}"));
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
    fn every_command_has_one_chinese_name() {
        assert_eq!(verbs::gaps(&Cli::command()), [""; 0]);
        for lang in [Lang::Zh, Lang::En] {
            let command = command::<Cli>(lang, &[TEXTS]);
            command.clone().debug_assert();
            let typed = ["huiliu-node", "记录", "新增", "工作日志", "日期=2026-01-01"];
            let matches = command.try_get_matches_from(typed).expect("the verbs are known in Chinese");
            let (name, below) = matches.subcommand().expect("a verb");
            assert_eq!((name, below.subcommand_name()), ("record", Some("add")));
        }
    }

    #[test]
    fn chinese_help_is_chinese() {
        let mut command = chinese(Cli::command(), &[TEXTS]);
        command.build();
        let add = command.find_subcommand_mut("record").and_then(|c| c.find_subcommand_mut("add"));
        let help = localized(&add.expect("there is record add").render_help().to_string());
        for word in ["用法：", "参数：", "选项：", "记录种类"] {
            assert!(help.contains(word), "{word} in\n{help}");
        }
        assert!(!help.contains("Options") && !help.contains("Usage"), "{help}");
    }
}
