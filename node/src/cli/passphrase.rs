//! Where a passphrase comes from: a file, the environment, or a person who types it unseen.

use std::{
    io::{IsTerminal as _, Read as _},
    path::Path,
};

use anyhow::Result;
use huiliu_proto::lang::Lang;
use zeroize::Zeroizing;

use super::{
    CommandContext,
    error::{CommandError, both, system},
};
use crate::identity::keys::{Passphrase, SHORTEST};

/// Seen by every process of the same person, and by what this one starts: a file is better.
const VARIABLE: &str = "HUILIU_PASSPHRASE";
/// A file is read as far as this; a passphrase is shorter.
const LONGEST_FILE: u64 = 4096;

/// The passphrase that opens this home's keys. Asked for once.
pub fn known(context: &CommandContext) -> Result<Passphrase> {
    match given(context.passphrase_file.as_deref())? {
        Some(text) => Ok(Passphrase::typed(&text)?),
        None => Ok(Passphrase::typed(&typed(context, context.pick("密钥口令：", "passphrase of the keys: "))?)?),
    }
}

/// An account's password: from the file, or typed.
pub fn of_account(context: &CommandContext, file: Option<&Path>, ask: &str) -> Result<Passphrase> {
    let text = match file {
        Some(file) => read(file)?,
        None => typed(context, ask)?,
    };
    Ok(Passphrase::typed(&text)?)
}

/// A passphrase that is about to be set: from the file, or typed twice.
pub fn chosen(context: &CommandContext, file: Option<&Path>, environment: bool) -> Result<Passphrase> {
    let given = match (file, environment) {
        (None, false) => None,
        _ => given(file)?,
    };
    if let Some(text) = given {
        return Ok(Passphrase::chosen(&text)?);
    }
    let ask = match context.lang {
        Lang::Zh => format!("新口令（不少于{SHORTEST}个字符，输入时不显示）："),
        Lang::En => {
            format!("new passphrase ({SHORTEST} characters or more; it is not shown): ")
        }
    };
    let first = Passphrase::chosen(&typed(context, &ask)?)?;
    let again = Passphrase::typed(&typed(context, context.pick("再输入一次：", "once more: "))?)?;
    if !first.same(&again) {
        let what = both("两次输入的口令不同，没有改动", "the two passphrases differ; nothing was changed");
        return Err(CommandError::usage(what, both("请重新运行", "run it again")).into());
    }
    Ok(first)
}

fn given(file: Option<&Path>) -> Result<Option<Zeroizing<String>>> {
    match file {
        Some(file) => Ok(Some(read(file)?)),
        None => Ok(std::env::var(VARIABLE).ok().map(Zeroizing::new)),
    }
}

/// The first line of a file.
fn read(path: &Path) -> Result<Zeroizing<String>> {
    let failed = |zh: String, en: String| {
        let hint = both("文件第一行应为口令", "its first line is the passphrase");
        anyhow::Error::from(CommandError::usage(both(zh, en), hint))
    };
    let shown = path.display();
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_FILE as usize));
    let mut open = || std::fs::File::open(path)?.take(LONGEST_FILE).read_to_string(&mut text);
    open().map_err(|error| {
        failed(
            format!("口令文件 {shown} 无法读取：{}", system::words(&error, Lang::Zh)),
            format!("the passphrase file {shown} cannot be read: {error}"),
        )
    })?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Zeroizing::new(line.to_owned())),
        _ => Err(failed(format!("口令文件 {shown} 是空的"), format!("the passphrase file {shown} is empty"))),
    }
}

fn typed(context: &CommandContext, ask: &str) -> Result<Zeroizing<String>> {
    let nobody = || {
        let what = both("需要输入口令，但这里无人可问", "a passphrase is needed, and nobody can be asked");
        let hint = both(
            "请指明口令文件（只有本人可读）：密钥的用 --passphrase-file，账号的用 --password-file；或在终端中运行",
            "name a file that only you may read: --passphrase-file for the keys, --password-file for an account; or run it in a terminal",
        );
        anyhow::Error::from(CommandError::usage(what, hint))
    };
    // Not what was piped in: that may be the value of a field.
    if !(std::io::stdin().is_terminal() || std::io::stderr().is_terminal()) {
        return Err(nobody());
    }
    context.flush();
    rpassword::prompt_password(ask).map(Zeroizing::new).map_err(|error| match error.kind() {
        std::io::ErrorKind::Interrupted => error.into(),
        _ => nobody(),
    })
}
