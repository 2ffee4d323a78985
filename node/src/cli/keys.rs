//! `keys`: how this machine's key files are kept.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

use super::{Desk, error::Exit, passphrase};
use crate::identity::{
    Home,
    keys::{Kept, KeyError},
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
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        match self {
            KeysVerb::Seal(_) => seal(desk),
            KeysVerb::Unseal(_) => unseal(desk),
            KeysVerb::Change(change) => change.run(desk),
        }
    }
}

fn seal(desk: &Desk) -> Result<Exit> {
    let mut home = Home::open(&desk.dir)?;
    if home.keys.kept()? == Kept::Sealed {
        return Err(KeyError::Sealed.into());
    }
    // Where sealing broke off half-way, the passphrase is the one it began with.
    let passphrase = match home.keys.locked() {
        true => passphrase::known(desk)?,
        false => passphrase::chosen(desk, desk.passphrase_file.as_deref(), true)?,
    };
    home.keys.seal(&passphrase, &desk.dice)?;
    answer(desk, &home, "密钥已用口令加密", "the keys are sealed with the passphrase")?;
    if !desk.json {
        desk.note(desk.pick(
            "忘记口令就再也打不开这些密钥。此前的明文密钥可能仍残留在磁盘和旧备份中；旧备份请一并销毁。",
            "nothing opens them without it. Copies in the clear may be left on the disk and in older copies of `keys`: destroy those.",
        ));
    }
    Ok(Exit::Done)
}

fn unseal(desk: &Desk) -> Result<Exit> {
    let mut home = Home::open(&desk.dir)?;
    if home.keys.kept()? == Kept::Clear {
        return Err(KeyError::NotSealed.into());
    }
    desk.unlock(&mut home)?;
    home.keys.unseal(&desk.dice)?;
    answer(desk, &home, "密钥已解除加密，文件仅本人可读", "the keys are in the clear, in files only you may read")?;
    Ok(Exit::Done)
}

impl Change {
    fn run(self, desk: &Desk) -> Result<Exit> {
        let mut home = Home::open(&desk.dir)?;
        match home.keys.kept()? {
            Kept::Clear => return Err(KeyError::NotSealed.into()),
            // Asked for even where the keys could be read without: whoever changes it knows it.
            Kept::Sealed | Kept::Partly => home.keys.unlock(&passphrase::known(desk)?)?,
        }
        let new = passphrase::chosen(desk, self.new_passphrase_file.as_deref(), false)?;
        home.keys.change(&new, &desk.dice)?;
        answer(desk, &home, "口令已更改", "the passphrase is changed")?;
        if !desk.json {
            desk.note(desk.pick(
                "旧口令仍能打开旧的密钥备份。口令若已泄露，请先 keys unseal 再 keys seal，并销毁旧备份。",
                "the old one still opens older copies of `keys`. If it became known: `keys unseal`, then `keys seal`, and destroy those copies.",
            ));
        }
        Ok(Exit::Done)
    }
}

fn answer(desk: &Desk, home: &Home, zh: &str, en: &str) -> Result<()> {
    let kept = home.keys.kept()?;
    desk.answer(|| json!({ "keys": kept.word() }), || desk.pick(zh, en).to_owned())
}
