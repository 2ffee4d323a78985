//! `check-proof`: what a file proves, on a machine that knows only the root fingerprint; a no to anything else.

mod fields;
pub(super) mod words;

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Result;
use huiliu_proto::{
    lang::Lang,
    proof::{self, MAX_FILE, ProofError, Proven},
    root::Fingerprint,
};

use super::{
    CommandContext,
    error::{CommandError, Exit, both, system},
};
use crate::proof::said;

#[derive(Debug, clap::Args)]
pub struct CheckProof {
    /// File that `prove`, `receipts export` or `consistency` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Fingerprint of the network's root; without it that of the network this machine has joined
    #[arg(long, value_name = "FINGERPRINT")]
    root: Option<String>,
}

impl CheckProof {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        // The file first: one that is not there needs no fingerprint.
        let file = read(&self.file)?;
        let fingerprint = fingerprint(context, self.root.as_deref())?;
        let proven = proof::check(&file, fingerprint)?;
        let said = said::said(&proven)?;
        context.answer(|| words::json(&proven, said.as_ref()), || words::words(context, &proven, said.as_ref()))?;
        // Proven, and not to be read here: a newer version is needed to know what it says.
        Ok(if matches!(said, Some(said::Said::Newer(_))) { Exit::Attention } else { Exit::Done })
    }
}

/// A proof file that is somewhere: its size is bounded before it is read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let opened = File::open(path).map_err(|error| {
        CommandError::failed(
            both(
                format!("打不开 {}：{}", path.display(), system::words(&error, Lang::Zh)),
                format!("{} cannot be opened: {error}", path.display()),
            ),
            both("请检查文件名和权限", "check the file's name and its permissions"),
        )
    })?;
    let mut bytes = vec![];
    opened.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    match bytes.len() > MAX_FILE {
        true => Err(ProofError::TooLarge(bytes.len()).into()),
        false => Ok(bytes),
    }
}

/// The fingerprint that was typed, or else that of the network this home belongs to.
pub fn fingerprint(context: &CommandContext, typed: Option<&str>) -> Result<Fingerprint> {
    if let Some(typed) = typed {
        return typed.parse().map_err(|error: huiliu_proto::root::NotAFingerprint| {
            CommandError::usage(
                both(
                    format!("“{typed}”不是全网校验码；全网校验码是八组、每组四个字母或数字，如 0a1b-2c3d-…"),
                    format!("“{typed}”: {error}"),
                ),
                both(
                    "请照抄完整的全网校验码，并用电话向上级核对",
                    "copy the whole fingerprint, and compare it over the telephone with the union above",
                ),
            )
            .into()
        });
    }
    let own = context.home().and_then(|home| Ok(home.root()?));
    own.map(|root| root.fingerprint()).map_err(|_| {
        CommandError::usage(
            both(
                "不知道应以哪个网络为准：本机没有加入任何网络",
                "it is not known against which root to check: this machine has joined no network",
            ),
            both(
                "请用 --root 写明全网校验码（八组字母数字；不要取自这份文件或送文件的人，应向工会电话核实）",
                "give the root's fingerprint with --root (eight groups of letters and digits; not from whoever brought the file: ask a union over the telephone)",
            ),
        )
        .into()
    })
}

/// A file that is checked already by the fingerprint of this network.
pub fn known(context: &CommandContext, path: &Path) -> Result<Proven> {
    Ok(proof::check(&read(path)?, fingerprint(context, None)?)?)
}
