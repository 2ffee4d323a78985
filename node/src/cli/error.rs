//! What went wrong, told to a person: cause, sentence in her language, what to do next, exit code.
//!
//! The one place where errors of all modules become words. A cause that is not listed is shown with its whole chain.

mod causes;
mod check;
mod code;
mod lines;
mod proof;
pub mod system;

use std::{io::Write as _, path::Path, process::ExitCode};

use huiliu_proto::{
    id::RecordId,
    ident::mask,
    lang::{Label, Lang},
    record::Refusal,
    shown,
};
use serde_json::{Value as Json, json};

pub use self::code::{code, grounds_json, remark_json};
use super::{CommandContext, duty, record::void};
use crate::store::disk::Trouble;

/// How a verb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    /// Usage error: the command line cannot be understood.
    Usage = 2,
    /// Nothing failed, and a person has to look.
    Attention = 3,
    /// A rule forbids it; nothing was written.
    Refused = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// What the command line itself finds wrong.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// In words of the verb; the code of the use case's problem and what it is about, where it has one.
    #[error("{}", what.en)]
    Said { what: Label, hint: Label, exit: Exit, code: Option<Box<(&'static str, Json)>> },
    #[error("{} refusals", .0.len())]
    Refused(Vec<Refusal>),
    #[error("several records fit {typed}")]
    Ambiguous { typed: String, found: Vec<(RecordId, Label, String)> },
    #[error("nobody can be asked")]
    NeedsYes,
    /// A part was written, and stays.
    #[error("{}", what.en)]
    Stopped { what: Label, import: RecordId, written: u64 },
}

impl CommandError {
    fn said(exit: Exit, what: (String, String), hint: (String, String)) -> CommandError {
        CommandError::Said { what: Label::new(what.0, what.1), hint: Label::new(hint.0, hint.1), exit, code: None }
    }

    /// The same, with a stable name for programs and what it is about.
    pub fn coded(self, code: &'static str, about: Json) -> CommandError {
        match self {
            CommandError::Said { what, hint, exit, .. } => {
                CommandError::Said { what, hint, exit, code: Some(Box::new((code, about))) }
            }
            other => other,
        }
    }

    pub fn usage(what: (String, String), hint: (String, String)) -> CommandError {
        CommandError::said(Exit::Usage, what, hint)
    }

    pub fn failed(what: (String, String), hint: (String, String)) -> CommandError {
        CommandError::said(Exit::Failed, what, hint)
    }

    pub fn refused(what: (String, String), hint: (String, String)) -> CommandError {
        CommandError::said(Exit::Refused, what, hint)
    }
}

/// Both languages of a text.
pub fn both(zh: impl Into<String>, en: impl Into<String>) -> (String, String) {
    (zh.into(), en.into())
}

/// An error in words.
#[derive(Debug, PartialEq, Eq)]
pub struct ErrorReport {
    pub exit: Exit,
    pub what: String,
    pub hint: String,
}

impl ErrorReport {
    /// On standard error; as JSON where JSON was asked for.
    pub fn report(self, context: &CommandContext, (code, about): (&str, Json)) -> Exit {
        if self.what.is_empty() {
            return self.exit;
        }
        // What was typed is said again, and a number may have been typed where none was asked for.
        let (what, hint) = (mask(&shown::page(&self.what)), mask(&shown::page(&self.hint)));
        let mut out = std::io::stderr().lock();
        let _ = match context.json {
            true => {
                let json =
                    json!({ "code": code, "exit": self.exit as u8, "about": about, "error": what, "hint": hint });
                writeln!(out, "{}", shown::json(&json.to_string()))
            }
            false => {
                let first = match self.exit {
                    // Nothing went wrong: it is somebody else's turn.
                    Exit::Attention => context.pick("请注意：", "note: "),
                    _ => context.pick("错误：", "error: "),
                };
                writeln!(out, "{first}{what}\n{}{hint}", context.pick("提示：", "hint: "))
            }
        };
        self.exit
    }
}

pub fn tell(error: &anyhow::Error, lang: Lang) -> ErrorReport {
    // What the sentence leaves out; a number may have been typed where none was asked for.
    tracing::info!(error = mask(&format!("{error:#}")), "the command failed");
    for cause in error.chain() {
        if let Some(mistake) = cause.downcast_ref() {
            return tell_mistake(mistake, lang);
        }
        if let Some(problem) = cause.downcast_ref() {
            return void::tell(problem, lang);
        }
        if let Some(problem) = cause.downcast_ref() {
            return duty::tell(problem, lang);
        }
        if let Some(error) = cause.downcast_ref() {
            return causes::store(error, lang);
        }
        if let Some(error) = cause.downcast_ref() {
            return causes::identity(error, lang);
        }
        if let Some(error) = cause.downcast_ref() {
            return causes::keys(error, lang);
        }
        if let Some(error) = cause.downcast_ref() {
            return lines::uplink(error, lang);
        }
        if let Some(error) = cause.downcast_ref() {
            return lines::join(error, lang);
        }
        if let Some(error) = cause.downcast_ref() {
            return lines::token(*error, lang);
        }
        if let Some(error) = cause.downcast_ref() {
            return causes::filing(error, lang);
        }
        if let Some(error) = cause.downcast_ref() {
            return proof::proving(error, lang);
        }
        if let Some(error) = cause.downcast_ref() {
            return proof::checking(error, lang);
        }
        if let Some(error) = cause.downcast_ref() {
            return proof::would_not_count(error, lang);
        }
        if let Some(error) = cause.downcast_ref() {
            return check::check(error, lang);
        }
        if let Some(error) = cause.downcast_ref::<std::io::Error>() {
            return tell_io(error, lang);
        }
    }
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    let hint = lang
        .pick("请重试；仍不行时加 -v 运行并报告输出", "try again; if it stays, run it with -v and report what it says");
    ErrorReport { exit: Exit::Failed, what: chain.join(": "), hint: hint.to_owned() }
}

fn tell_mistake(mistake: &CommandError, lang: Lang) -> ErrorReport {
    let told = |exit, what: String, hint: &str| ErrorReport { exit, what, hint: hint.to_owned() };
    match mistake {
        CommandError::Said { what, hint, exit, .. } => told(*exit, what.get(lang).to_owned(), hint.get(lang)),
        CommandError::Refused(refusals) => {
            let lines: Vec<String> = refusals.iter().map(|r| format!("\n  {}", r.say(lang))).collect();
            let first = lang.pick("未写入，有不合规定之处：", "nothing was written; this breaks a rule:");
            let hint = lang.pick("请按上面的说明改正后重新运行", "correct it as said above and run it again");
            told(Exit::Refused, format!("{first}{}", lines.concat()), hint)
        }
        CommandError::Ambiguous { typed, found } => {
            let lines = found.iter().map(|(id, kind, title)| format!("\n  {id}  {} {title}", kind.get(lang)));
            let first = match lang {
                Lang::Zh => format!("有多条记录与“{typed}”相符："),
                Lang::En => format!("several records fit “{typed}”:"),
            };
            let hint = lang.pick("请多输入几位编号", "type more of the id");
            told(Exit::Usage, first + &lines.collect::<String>(), hint)
        }
        CommandError::Stopped { what, import, .. } => {
            let hint = match lang {
                Lang::Zh => format!("已写入的部分可用 record undo-import {import} 撤销；或只把其余的另存为文件再导入"),
                Lang::En => format!(
                    "take back what was written with `record undo-import {import}`, or import a file of the rest"
                ),
            };
            told(Exit::Failed, what.get(lang).to_owned(), &hint)
        }
        CommandError::NeedsYes => told(
            Exit::Usage,
            lang.pick("需要确认，但这里无人可问", "confirmation required, but standard input is not a terminal")
                .to_owned(),
            lang.pick("核对无误后加 --yes 再运行", "check it, then pass --yes"),
        ),
    }
}

/// A program that reads our output may stop listening: that is no error of ours.
fn tell_io(error: &std::io::Error, lang: Lang) -> ErrorReport {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        return ErrorReport { exit: Exit::Done, what: String::new(), hint: String::new() };
    }
    if let Some(trouble) = Trouble::of(error) {
        // The system does not say where.
        return causes::disk(Path::new("—"), trouble, lang);
    }
    let what = lang.pick("读写失败：", "reading or writing failed: ").to_owned() + &system::words(error, lang);
    let hint = lang.pick("请检查路径、权限和磁盘空间", "check the path, its permissions and the space on the disk");
    ErrorReport { exit: Exit::Failed, what, hint: hint.to_owned() }
}
