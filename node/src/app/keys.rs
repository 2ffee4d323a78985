//! How this machine's key files are kept: in the clear, or sealed with a passphrase. What the passphrase is, whoever asks a
//! person for it says. A dry run asks all that is asked before, and changes no file.

use super::Mode;
use crate::{
    clock::Random,
    identity::{
        Home, IdentityError,
        keys::{KeyError, KeyStorage, Passphrase},
    },
};

/// Which passphrase sealing takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The one with which sealing began and broke off half-way.
    Known,
    New,
}

/// Whether the keys may be sealed, and with which passphrase.
pub fn sealing(home: &Home) -> Result<Wanted, IdentityError> {
    if home.keys.kept()? == KeyStorage::Sealed {
        return Err(KeyError::Sealed.into());
    }
    Ok(if home.keys.locked() { Wanted::Known } else { Wanted::New })
}

pub fn seal(
    home: &mut Home,
    passphrase: &Passphrase,
    random: &Random,
    mode: Mode,
) -> Result<KeyStorage, IdentityError> {
    match (sealing(home)?, mode) {
        (_, Mode::Write) => home.keys.seal(passphrase, random)?,
        (Wanted::Known, Mode::DryRun) => home.keys.unlock(passphrase)?,
        (Wanted::New, Mode::DryRun) => {}
    }
    home.keys.kept()
}

/// Whether there is a passphrase to be taken off or changed.
pub fn sealed(home: &Home) -> Result<(), IdentityError> {
    if home.keys.kept()? == KeyStorage::Clear { Err(KeyError::NotSealed.into()) } else { Ok(()) }
}

/// Of keys that were unlocked.
pub fn unseal(home: &mut Home, random: &Random, mode: Mode) -> Result<KeyStorage, IdentityError> {
    sealed(home)?;
    if mode == Mode::Write {
        home.keys.unseal(random)?;
    }
    home.keys.kept()
}

/// Unlocks the keys, also where they could be read without: whoever changes the passphrase knows it.
pub fn known(home: &mut Home, passphrase: &Passphrase) -> Result<(), IdentityError> {
    sealed(home)?;
    home.keys.unlock(passphrase)
}

/// Of keys that `known` unlocked.
pub fn change(home: &Home, new: &Passphrase, random: &Random, mode: Mode) -> Result<KeyStorage, IdentityError> {
    sealed(home)?;
    if mode == Mode::Write {
        home.keys.change(new, random)?;
    }
    home.keys.kept()
}
