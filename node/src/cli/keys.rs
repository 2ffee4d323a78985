//! `keys`: how this machine's key files are kept.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

use super::{CommandContext, error::Exit, passphrase};
use crate::{
    app::keys::{self, Wanted},
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
pub struct Seal {}

#[derive(Debug, clap::Args)]
pub struct Unseal {}

#[derive(Debug, clap::Args)]
pub struct Change {
    /// File whose first line is the new passphrase; without it you are asked
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

impl KeysVerb {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        match self {
            KeysVerb::Seal(_) => seal(context),
            KeysVerb::Unseal(_) => unseal(context),
            KeysVerb::Change(change) => change.run(context),
        }
    }
}

fn seal(context: &CommandContext) -> Result<Exit> {
    let mut home = Home::open(&context.dir)?;
    let passphrase = match keys::sealing(&home)? {
        Wanted::Known => passphrase::known(context)?,
        Wanted::New => passphrase::chosen(context, context.passphrase_file.as_deref(), true)?,
    };
    let kept = keys::seal(&mut home, &passphrase, &context.random)?;
    answer(context, kept, "密钥已用口令加密", "the keys are sealed with the passphrase")?;
    if !context.json {
        context.note(context.pick(
            "忘记口令就再也打不开这些密钥。此前的明文密钥可能仍残留在磁盘和旧备份中；旧备份请一并销毁。",
            "nothing opens them without it. Copies in the clear may be left on the disk and in older copies of `keys`: destroy those.",
        ));
    }
    Ok(Exit::Done)
}

fn unseal(context: &CommandContext) -> Result<Exit> {
    let mut home = Home::open(&context.dir)?;
    keys::sealed(&home)?;
    context.unlock(&mut home)?;
    let kept = keys::unseal(&mut home, &context.random)?;
    answer(context, kept, "密钥已解除加密，文件仅本人可读", "the keys are in the clear, in files only you may read")?;
    Ok(Exit::Done)
}

impl Change {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let mut home = Home::open(&context.dir)?;
        // Said before anybody types a passphrase.
        keys::sealed(&home)?;
        keys::known(&mut home, &passphrase::known(context)?)?;
        let new = passphrase::chosen(context, self.new_passphrase_file.as_deref(), false)?;
        let kept = keys::change(&home, &new, &context.random)?;
        answer(context, kept, "口令已更改", "the passphrase is changed")?;
        if !context.json {
            context.note(context.pick(
                "旧口令仍能打开旧的密钥备份。口令若已泄露，请先 keys unseal 再 keys seal，并销毁旧备份。",
                "the old one still opens older copies of `keys`. If it became known: `keys unseal`, then `keys seal`, and destroy those copies.",
            ));
        }
        Ok(Exit::Done)
    }
}

fn answer(context: &CommandContext, kept: KeyStorage, zh: &str, en: &str) -> Result<()> {
    context.answer(|| json!({ "keys": kept.word() }), || context.pick(zh, en).to_owned())
}
