//! Wrong usage in Chinese: put together from what the parser found (`ErrorKind`, `ContextKind`), never from its sentences.

use std::{error::Error as _, num::IntErrorKind};

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What is wrong, and what would be right.
pub fn chinese(error: &clap::Error) -> (String, String) {
    (what(error), hint(error))
}

/// A stable name of the mistake, for programs.
pub fn code(error: &clap::Error) -> &'static str {
    match error.kind() {
        ErrorKind::InvalidValue => "invalid_choice",
        ErrorKind::UnknownArgument => "unknown_argument",
        ErrorKind::InvalidSubcommand => "unknown_command",
        ErrorKind::NoEquals => "no_equals",
        ErrorKind::ValueValidation => "invalid_value",
        ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => "number_of_values",
        ErrorKind::ArgumentConflict => "conflict",
        ErrorKind::MissingRequiredArgument => "missing_argument",
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "missing_command",
        ErrorKind::InvalidUtf8 => "not_utf8",
        _ => "usage",
    }
}

/// The words that a mistake is about: arguments, values, choices.
pub fn words(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(word)) if !word.is_empty() => vec![word.clone()],
        Some(ContextValue::Strings(words)) => words.clone(),
        Some(ContextValue::Number(n)) => vec![n.to_string()],
        _ => vec![],
    }
}

fn what(error: &clap::Error) -> String {
    let joined = |kind| words(error, kind).join("、");
    let argument = joined(ContextKind::InvalidArg);
    let value = joined(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("{argument} 没有填值"),
        ErrorKind::InvalidValue => format!("{argument} 不能填“{value}”"),
        ErrorKind::UnknownArgument => format!("没有“{argument}”这个参数"),
        ErrorKind::InvalidSubcommand => format!("没有“{}”这个命令", joined(ContextKind::InvalidSubcommand)),
        ErrorKind::NoEquals => format!("{argument} 与值之间须写等号"),
        ErrorKind::ValueValidation => format!("{argument} 的值“{value}”不对{}", reason(error)),
        ErrorKind::TooManyValues => format!("{argument} 的值多了：“{value}”"),
        ErrorKind::TooFewValues => {
            let least = joined(ContextKind::MinValues);
            format!("{argument} 的值不够：至少{least}个，只写了{}个", joined(ContextKind::ActualNumValues))
        }
        ErrorKind::WrongNumberOfValues => {
            let right = joined(ContextKind::ExpectedNumValues);
            format!("{argument} 应有{right}个值，写了{}个", joined(ContextKind::ActualNumValues))
        }
        ErrorKind::ArgumentConflict => {
            let prior = joined(ContextKind::PriorArg);
            match prior.is_empty() || prior == argument {
                true => format!("{argument} 只能写一次"),
                false => format!("{argument} 不能与 {prior} 同时使用"),
            }
        }
        ErrorKind::MissingRequiredArgument => format!("缺少参数：{argument}"),
        ErrorKind::MissingSubcommand => "缺少命令".to_owned(),
        ErrorKind::InvalidUtf8 => "参数的文字编码不对，须为 UTF-8".to_owned(),
        _ => "命令用法不对".to_owned(),
    }
}

/// Why a value could not be read, where that is known.
fn reason(error: &clap::Error) -> String {
    let Some(source) = error.source() else { return String::new() };
    if let Some(number) = source.downcast_ref::<std::num::ParseIntError>() {
        return match number.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "：数字太大或太小".to_owned(),
            _ => "：不是整数".to_owned(),
        };
    }
    // The parser of a range has no type of its own to tell it by.
    let text = source.to_string();
    let range = text.rsplit_once(" is not in ").and_then(|(_, range)| range.split_once("..="));
    match range {
        Some((least, most)) => format!("：应在{least}至{most}之间"),
        None => String::new(),
    }
}

fn hint(error: &clap::Error) -> String {
    let mut hints = vec![];
    for (kind, text) in [
        (ContextKind::SuggestedSubcommand, "是不是要写："),
        (ContextKind::SuggestedArg, "是不是要写："),
        (ContextKind::SuggestedValue, "是不是要写："),
        (ContextKind::ValidValue, "可选："),
        (ContextKind::ValidSubcommand, "可用的命令："),
    ] {
        let words = words(error, kind);
        if !words.is_empty() {
            hints.push(format!("{text}{}", words.join("、")));
        }
    }
    if let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) {
        hints.push(format!("用法：{}", usage_line(&usage.to_string())));
    }
    hints.push("加 --help 查看说明".to_owned());
    hints.join("；")
}

/// The usage line without its English words.
fn usage_line(usage: &str) -> String {
    let usage = usage.trim();
    let line = usage.strip_prefix("Usage:").unwrap_or(usage).split_whitespace().collect::<Vec<_>>().join(" ");
    localized(&line)
}

/// The parser's own words in a help page, a page of the manual or a usage line.
pub fn localized(text: &str) -> String {
    const WORDS: [(&str, &str); 11] = [
        ("[OPTIONS]", "[选项]"),
        ("[COMMAND]", "[命令]"),
        ("<COMMAND>", "<命令>"),
        ("[default: ", "[默认："),
        ("[possible values: ", "[可选："),
        ("[alias: ", "[也可写："),
        ("[aliases: ", "[也可写："),
        ("[env: ", "[环境变量："),
        ("Possible values:", "可选："),
        ("May also be specified with the ", "也可用环境变量 "),
        (" environment variable.", " 指定。"),
    ];
    // The parser puts a colon of its own behind a heading.
    const HEADINGS: [(&str, &str); 3] = [("命令:", "命令："), ("参数:", "参数："), ("选项:", "选项：")];
    let text = WORDS.iter().fold(text.to_owned(), |text, (en, zh)| text.replace(en, zh));
    let heading = |line: &str| HEADINGS.iter().find(|(half, _)| *half == line).map(|(_, whole)| (*whole).to_owned());
    text.split('\n').map(|line| heading(line).unwrap_or_else(|| line.to_owned())).collect::<Vec<_>>().join("\n")
}
