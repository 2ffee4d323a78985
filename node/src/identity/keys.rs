//! The directory `keys/`: one file a key, which only its owner may read, in the clear or sealed with a passphrase.
//!
//! In the clear a key is the file `<name>`; sealed it is `<name>.sealed`, and the file `lock` holds what the passphrase
//! opens. Where both are there, the one in the clear is read: so sealing and unsealing may break off anywhere, and the
//! directory still opens. What was once in the clear may be found on the disk by somebody who digs; what `init
//! --passphrase` makes never was.

mod lock;
mod passphrase;
mod verifier;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use huiliu_proto::{
    algorithms::UnknownSuite,
    id::{hex, unhex},
};
use zeroize::Zeroizing;

use self::lock::DataKey;
pub use self::{
    passphrase::{Passphrase, SHORTEST},
    verifier::Verifier,
};
use super::{IdentityError, file_error, read_text, write_mode};
use crate::clock::Random;
use crate::files::sync_dir;

const LOCK: &str = "lock";
const SEALED: &str = ".sealed";

/// What may be wrong with keys and passphrases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("this home's keys are sealed with a passphrase")]
    Locked,
    #[error("the passphrase is wrong")]
    Wrong,
    #[error("a passphrase has at least {SHORTEST} characters")]
    Short,
    #[error("this is too long for a passphrase")]
    Long,
    #[error("the key file is damaged, or belongs to another name or home")]
    Damaged,
    #[error("the key file asks for more work or less protection than this program allows")]
    Parameters,
    #[error("there is not enough memory to try the passphrase")]
    Memory,
    #[error("the key file is of version {0}, which this version does not know")]
    Version(u32),
    #[error("the key file cannot be read: {0}")]
    Suite(#[from] UnknownSuite),
    #[error("the keys are sealed already")]
    Sealed,
    #[error("the keys are not sealed")]
    NotSealed,
    #[error("there are keys in this directory and no configuration")]
    Leftover,
}

/// How a home's keys are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStorage {
    /// In files that only their owner may read.
    Clear,
    Sealed,
    /// Some are there both ways, or only one way and others the other: sealing or unsealing broke off.
    Partly,
}

impl KeyStorage {
    pub fn word(self) -> &'static str {
        match self {
            KeyStorage::Clear => "clear",
            KeyStorage::Sealed => "sealed",
            KeyStorage::Partly => "partly",
        }
    }
}

/// A home's key files, and the key that opens them once the passphrase was given.
#[derive(Debug, Clone)]
pub struct Keys {
    dir: PathBuf,
    opened: Option<DataKey>,
}

/// Sealing and unsealing, one change of the directory at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Lock(String),
    Seal(String),
    Clear(String),
    Remove(String),
}

impl Keys {
    /// `home` is the directory that holds `keys/`.
    pub fn open(home: &Path) -> Keys {
        Keys { dir: home.join("keys"), opened: None }
    }

    /// Whether a passphrase has to be given before all keys can be read.
    pub fn locked(&self) -> bool {
        self.opened.is_none()
            && self.names().is_ok_and(|names| names.sealed.iter().any(|name| !names.clear.contains(name)))
    }

    pub fn kept(&self) -> Result<KeyStorage, IdentityError> {
        let names = self.names()?;
        Ok(match (names.clear.is_empty(), names.sealed.is_empty() && !self.lock_path().exists()) {
            (_, true) => KeyStorage::Clear,
            (true, false) => KeyStorage::Sealed,
            (false, false) => KeyStorage::Partly,
        })
    }

    pub fn unlock(&mut self, passphrase: &Passphrase) -> Result<(), IdentityError> {
        let text = read_text(&self.lock_path())?;
        self.opened = Some(DataKey::unlock(&text, passphrase)?);
        Ok(())
    }

    /// Keys are never overwritten: those of a home whose configuration was lost are still its identity.
    pub(super) fn must_be_new(&self) -> Result<(), IdentityError> {
        let names = self.names()?;
        if names.clear.is_empty() && names.sealed.is_empty() { Ok(()) } else { Err(KeyError::Leftover.into()) }
    }

    /// Makes the lock of a new home: from here on keys are written sealed.
    pub fn begin_sealed(&mut self, passphrase: &Passphrase, random: &Random) -> Result<(), IdentityError> {
        let key = DataKey::new(random);
        write_mode(&self.lock_path(), key.lock(passphrase, random)?.as_bytes(), 0o600)?;
        self.opened = Some(key);
        Ok(())
    }

    /// Seals what is in the clear, or finishes what broke off. The passphrase is that of the lock where some keys can
    /// be read with that only; otherwise it is a new one, and so is everything under it.
    pub fn seal(&mut self, passphrase: &Passphrase, random: &Random) -> Result<(), IdentityError> {
        let steps = self.sealing(passphrase, random)?;
        self.run(&steps, random)
    }

    fn sealing(&mut self, passphrase: &Passphrase, random: &Random) -> Result<Vec<Step>, IdentityError> {
        let names = self.names()?;
        if names.clear.is_empty() {
            return Err(KeyError::Sealed.into());
        }
        let mut steps = vec![];
        if names.sealed.is_subset(&names.clear) {
            let key = DataKey::new(random);
            steps.push(Step::Lock(key.lock(passphrase, random)?));
            self.opened = Some(key);
        } else {
            self.unlock(passphrase)?;
        }
        steps.extend(names.clear.iter().cloned().map(Step::Seal));
        steps.extend(names.clear.into_iter().map(Step::Remove));
        Ok(steps)
    }

    /// Puts the keys back in the clear. They have to be unlocked.
    pub fn unseal(&mut self, random: &Random) -> Result<(), IdentityError> {
        let steps = self.unsealing()?;
        self.run(&steps, random)?;
        self.opened = None;
        Ok(())
    }

    fn unsealing(&self) -> Result<Vec<Step>, IdentityError> {
        if self.kept()? == KeyStorage::Clear {
            return Err(KeyError::NotSealed.into());
        }
        let names = self.names()?;
        // A key that is there in the clear as well was not changed since it was sealed, or is newer than its seal.
        let mut steps: Vec<Step> = names.sealed.difference(&names.clear).cloned().map(Step::Clear).collect();
        steps.extend(names.sealed.iter().map(|name| Step::Remove(format!("{name}{SEALED}"))));
        steps.push(Step::Remove(LOCK.to_owned()));
        Ok(steps)
    }

    /// Another passphrase for the same keys. They have to be unlocked.
    pub fn change(&self, passphrase: &Passphrase, random: &Random) -> Result<(), IdentityError> {
        if self.kept()? == KeyStorage::Clear {
            return Err(KeyError::NotSealed.into());
        }
        let key = self.opened.as_ref().ok_or(KeyError::Locked)?;
        write_mode(&self.lock_path(), key.lock(passphrase, random)?.as_bytes(), 0o600)
    }

    fn run(&self, steps: &[Step], random: &Random) -> Result<(), IdentityError> {
        for step in steps {
            match step {
                Step::Lock(text) => write_mode(&self.lock_path(), text.as_bytes(), 0o600)?,
                Step::Seal(name) => {
                    let bytes = self.read(name)?;
                    let key = self.opened.as_ref().ok_or(KeyError::Locked)?;
                    let path = self.sealed_path(name);
                    write_mode(&path, key.seal(name, &bytes, random)?.as_bytes(), 0o600)?;
                    // The one in the clear goes only if what was written opens again.
                    if key.open(name, &read_text(&path)?)? != bytes {
                        return Err(file_error(&path, "it does not read back as it was written"));
                    }
                }
                Step::Clear(name) => write_mode(&self.dir.join(name), &self.read(name)?, 0o600)?,
                Step::Remove(file) => {
                    let path = self.dir.join(file);
                    match fs::remove_file(&path) {
                        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                            return Err(file_error(&path, error));
                        }
                        _ => sync_dir(&self.dir),
                    }
                }
            }
        }
        Ok(())
    }

    /// Files here that others than their owner may read, and the directory itself if they may enter it.
    pub fn exposed(&self) -> Vec<PathBuf> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let files = fs::read_dir(&self.dir).into_iter().flatten().flatten().map(|entry| entry.path());
            let open = |path: &PathBuf| fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0);
            let mut exposed: Vec<PathBuf> = std::iter::once(self.dir.clone()).chain(files).filter(open).collect();
            exposed.sort();
            exposed
        }
        // Elsewhere a file's readers are those of the directory of the person whose home it is.
        #[cfg(not(unix))]
        vec![]
    }

    /// Makes 32 random bytes and writes them.
    pub fn new_seed(&self, name: &str, random: &Random) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
        let mut seed = Zeroizing::new([0; 32]);
        random(&mut *seed);
        self.write(name, Zeroizing::new(hex(&*seed)).as_bytes(), random)?;
        Ok(seed)
    }

    pub fn seed(&self, name: &str) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
        let bytes = self.read(name)?;
        let bytes = std::str::from_utf8(&bytes).ok().and_then(|text| unhex(text.trim())).map(Zeroizing::new);
        let mut seed = Zeroizing::new([0; 32]);
        match bytes {
            Some(bytes) if bytes.len() == seed.len() => {
                seed.copy_from_slice(&bytes);
                Ok(seed)
            }
            _ => Err(file_error(&self.dir.join(name), "it does not hold 32 bytes in hexadecimal")),
        }
    }

    /// A TLS or authority key.
    pub fn pem(&self, name: &str) -> Result<Zeroizing<rcgen::KeyPair>, IdentityError> {
        let file = format!("{name}.pem");
        let bytes = self.read(&file)?;
        let text =
            std::str::from_utf8(&bytes).map_err(|_| file_error(&self.dir.join(&file), "it is not a PEM text"))?;
        Ok(Zeroizing::new(rcgen::KeyPair::from_pem(text)?))
    }

    pub fn write_pem(&self, name: &str, key: &rcgen::KeyPair, random: &Random) -> Result<(), IdentityError> {
        self.write(&format!("{name}.pem"), Zeroizing::new(key.serialize_pem()).as_bytes(), random)
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8], random: &Random) -> Result<(), IdentityError> {
        match &self.opened {
            Some(key) => write_mode(&self.sealed_path(name), key.seal(name, bytes, random)?.as_bytes(), 0o600),
            None if self.locked() => Err(KeyError::Locked.into()),
            None => write_mode(&self.dir.join(name), bytes, 0o600),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.dir.join(name).exists() || self.sealed_path(name).exists()
    }

    pub(super) fn read(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
        let (clear, sealed) = (self.dir.join(name), self.sealed_path(name));
        if clear.exists() || !sealed.exists() {
            return Ok(Zeroizing::new(read_text(&clear)?.into_bytes()));
        }
        let key = self.opened.as_ref().ok_or(KeyError::Locked)?;
        match key.open(name, &read_text(&sealed)?) {
            Err(KeyError::Damaged) => Err(file_error(&sealed, KeyError::Damaged)),
            other => Ok(other?),
        }
    }

    fn lock_path(&self) -> PathBuf {
        self.dir.join(LOCK)
    }

    fn sealed_path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}{SEALED}"))
    }

    /// The keys that are here, whatever their names: a kind of key that is added one day is sealed with the others.
    fn names(&self) -> Result<Names, IdentityError> {
        let mut names = Names::default();
        for entry in fs::read_dir(&self.dir).map_err(|error| file_error(&self.dir, error))? {
            let entry = entry.map_err(|error| file_error(&self.dir, error))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            // Half-written files, and those that a desktop leaves.
            if name == LOCK || name.ends_with(".new") || name.starts_with('.') || !entry.path().is_file() {
                continue;
            }
            match name.strip_suffix(SEALED) {
                Some(name) => names.sealed.insert(name.to_owned()),
                None => names.clear.insert(name),
            };
        }
        Ok(names)
    }
}

#[derive(Default)]
struct Names {
    clear: BTreeSet<String>,
    sealed: BTreeSet<String>,
}

#[cfg(test)]
mod tests;
