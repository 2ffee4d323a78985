//! `keys`: how this machine's key files are kept.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

use super::{CommandContext, error::Exit, passphrase};
use crate::{
    app::{
        Mode,
        keys::{self, Wanted},
    },
    identity::{Home, keys::KeyStorage},
};

#[derive(Debug, Subcommand)]
pub enum KeysVerb {
    /// Seal the key files with a passphrase, which every command then asks for
    Seal(Seal),
    /// Put sealed key files back in the clear, in files only you may read
    Unseal(Unseal),
    /// Change the passphrase
    Change(Change),
}

#[derive(Debug, clap::Args)]
pub struct Seal {
    /// Say whether it could be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub struct Unseal {
    /// Say whether it could be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub struct Change {
    /// File whose first line is the new passphrase; without it you are asked
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    /// Say whether it could be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl KeysVerb {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        match self {
            KeysVerb::Seal(seal) => seal.run(context),
            KeysVerb::Unseal(unseal) => unseal.run(context),
            KeysVerb::Change(change) => change.run(context),
        }
    }
}

impl Seal {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let mut home = Home::open(&context.dir)?;
        let passphrase = match keys::sealing(&home)? {
            Wanted::Known => passphrase::known(context)?,
            Wanted::New => passphrase::chosen(context, context.passphrase_file.as_deref(), true)?,
        };
        let mode = Mode::of(self.dry_run);
        let kept = keys::seal(&mut home, &passphrase, &context.random, mode)?;
        answer(context, kept, mode, "密钥已用口令加密", "the keys are sealed with the passphrase")?;
        if !context.json && mode == Mode::Write {
            context.note(context.pick(
                "忘记口令就再也打不开这些密钥。此前的明文密钥可能仍残留在磁盘和旧备份中；旧备份请一并销毁。",
                "nothing opens them without it. Copies in the clear may be left on the disk and in older copies of `keys`: destroy those.",
            ));
        }
        Ok(Exit::Done)
    }
}

impl Unseal {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let mut home = Home::open(&context.dir)?;
        keys::sealed(&home)?;
        context.unlock(&mut home)?;
        let mode = Mode::of(self.dry_run);
        let kept = keys::unseal(&mut home, &context.random, mode)?;
        let (zh, en) = ("密钥已解除加密，文件仅本人可读", "the keys are in the clear, in files only you may read");
        answer(context, kept, mode, zh, en)?;
        Ok(Exit::Done)
    }
}

impl Change {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let mut home = Home::open(&context.dir)?;
        // Said before anybody types a passphrase.
        keys::sealed(&home)?;
        keys::known(&mut home, &passphrase::known(context)?)?;
        let new = passphrase::chosen(context, self.new_passphrase_file.as_deref(), false)?;
        let mode = Mode::of(self.dry_run);
        let kept = keys::change(&home, &new, &context.random, mode)?;
        answer(context, kept, mode, "口令已更改", "the passphrase is changed")?;
        if !context.json && mode == Mode::Write {
            context.note(context.pick(
                "旧口令仍能打开旧的密钥备份。口令若已泄露，请先 keys unseal 再 keys seal，并销毁旧备份。",
                "the old one still opens older copies of `keys`. If it became known: `keys unseal`, then `keys seal`, and destroy those copies.",
            ));
        }
        Ok(Exit::Done)
    }
}

fn answer(context: &CommandContext, kept: KeyStorage, mode: Mode, zh: &str, en: &str) -> Result<()> {
    let (zh, en) = match mode {
        Mode::Write => (zh, en),
        Mode::DryRun => ("可以办理；未改动任何文件", "it can be done; no file was changed"),
    };
    let written = mode == Mode::Write;
    context.answer(|| json!({ "keys": kept.word(), "written": written }), || context.pick(zh, en).to_owned())
}
